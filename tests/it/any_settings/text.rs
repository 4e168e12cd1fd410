//! Scenarios of which every setting may have any value, small and large, sensible or not.

/// Chooses a number below `n`.
pub(super) trait Pick {
    fn below(&mut self, n: usize) -> usize;

    fn one<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }

    /// Once in `n` times.
    fn once_in(&mut self, n: usize) -> bool {
        self.below(n) == n - 1
    }
}

/// A key, how seldom it is set, and what it may be.
type Key = (&'static str, usize, &'static [&'static str]);

const LINK: &[Key] = &[
    ("delay", 2, &["0s", "1us", "50us", "1ms", "20ms", "1s"]),
    ("limit", 3, &["1", "2", "10", "1000", "100000"]),
    ("mtu", 3, &["68B", "576B", "1280B", "1500B", "9000B", "64KiB"]),
    ("rate", 3, &["1kbit", "100kbit", "10mbit", "1gbit", "100gbit"]),
    (
        "loss",
        6,
        &[
            "1%",
            "10%",
            "{every: 2}",
            "{every: 50}",
            "{packets: [2, 5, 9]}",
            "{gilbert-elliott: {p: 2%, r: 20%}}",
        ],
    ),
    ("jitter", 8, &["1us", "5ms", "{mean: 3ms, distribution: pareto}"]),
    ("reorder", 10, &["{gap: 3}", "{probability: 50%, gap: 5}"]),
    ("duplicate", 10, &["1%", "100%"]),
    (
        "queue",
        6,
        &[
            "drop-tail",
            "codel",
            "fq_codel",
            "{limit: 1}",
            "{limit: 20KiB, burst: 5KiB}",
            "{kind: codel, target: 1us, ecn: on}",
        ],
    ),
    ("overhead", 20, &["24B", "{packet: 10B, cell: 48B, cell_overhead: 5B}"]),
    ("local_qdisc", 20, &["on"]),
    ("tbf", 20, &["{rate: 1mbit, burst: 70000B}"]),
    ("fq", 20, &["{}", "{flow_limit: 1}", "{maxrate: 5mbit, limit: 3}"]),
];

const SYSCTL: &[Key] = &[
    (
        "net.ipv4.tcp_rmem",
        5,
        &["4096 131072 6291456", "4096 4096 4096", "2304 5000 100000", "4096 1000000 300000000"],
    ),
    ("net.ipv4.tcp_wmem", 5, &["4096 4096 4096", "4608 70000 100000000"]),
    ("net.core.rmem_max", 10, &["2304", "100000000"]),
    ("net.ipv4.tcp_adv_win_scale", 8, &["-31", "-1", "0", "2", "31"]),
    ("net.ipv4.tcp_app_win", 15, &["0", "1", "31"]),
    ("net.ipv4.tcp_moderate_rcvbuf", 12, &["off"]),
    ("net.ipv4.tcp_rcvbuf_low_rtt", 15, &["0", "10000000"]),
    ("net.ipv4.tcp_shrink_window", 12, &["on"]),
    ("net.ipv4.tcp_window_scaling", 12, &["off"]),
    ("net.ipv4.tcp_timestamps", 8, &["off"]),
    ("net.ipv4.tcp_sack", 12, &["off"]),
    ("net.ipv4.tcp_dsack", 15, &["off"]),
    ("net.ipv4.tcp_workaround_signed_windows", 20, &["on"]),
    ("net.ipv4.tcp_comp_sack_delay_ns", 15, &["0", "100000000"]),
    ("net.ipv4.tcp_comp_sack_nr", 15, &["0", "1", "255"]),
    ("net.ipv4.tcp_backlog_ack_defer", 20, &["off"]),
    ("net.ipv4.tcp_pingpong_thresh", 20, &["1", "255"]),
    ("net.ipv4.tcp_rto_max_ms", 20, &["1000"]),
    ("net.ipv4.tcp_limit_output_bytes", 15, &["1", "4096"]),
    ("net.ipv4.tcp_notsent_lowat", 15, &["0", "1", "16384"]),
    ("net.ipv4.tcp_autocorking", 20, &["off"]),
    ("net.ipv4.tcp_min_tso_segs", 20, &["1", "65535"]),
    ("net.ipv4.tcp_tso_win_divisor", 20, &["0", "1", "100"]),
    ("net.ipv4.tcp_tso_rtt_log", 20, &["0", "31", "255"]),
    ("net.ipv4.tcp_slow_start_after_idle", 20, &["off"]),
    ("net.ipv4.tcp_ecn", 15, &["0", "1"]),
    ("net.ipv4.tcp_retries2", 15, &["0", "1"]),
    ("net.ipv4.tcp_early_retrans", 20, &["0", "4"]),
    ("net.ipv4.tcp_recovery", 15, &["0", "3"]),
    ("net.ipv4.tcp_reordering", 20, &["1", "300"]),
    ("net.ipv4.tcp_frto", 20, &["0"]),
    ("net.ipv4.tcp_pacing_ss_ratio", 20, &["0", "1", "1000"]),
    ("net.ipv4.tcp_pacing_ca_ratio", 20, &["0", "1"]),
    ("net.ipv4.tcp_min_rtt_wlen", 20, &["0s"]),
    ("net.ipv4.tcp_max_orphans", 20, &["0"]),
    ("net.ipv4.tcp_fin_timeout", 20, &["0s", "1s"]),
    ("net.ipv4.tcp_orphan_retries", 20, &["1"]),
];

const SIZES: &[&str] = &["0B", "1B", "2000B", "4096B", "32KiB", "256KiB", "16MiB"];

const SOCKOPT: &[Key] = &[
    ("SO_RCVBUF", 4, SIZES),
    ("SO_RCVBUFFORCE", 20, SIZES),
    ("SO_SNDBUF", 4, SIZES),
    ("SO_SNDBUFFORCE", 20, SIZES),
    ("SO_RCVLOWAT", 8, SIZES),
    ("TCP_MAXSEG", 3, &["88B", "200B", "536B", "1024B", "1460B", "32767B"]),
    ("TCP_WINDOW_CLAMP", 8, SIZES),
    ("TCP_NODELAY", 3, &["on"]),
    ("TCP_CORK", 15, &["on"]),
    ("TCP_QUICKACK", 10, &["0", "1"]),
    ("TCP_NOTSENT_LOWAT", 15, SIZES),
    ("SO_LINGER", 20, &["0"]),
    ("SO_MAX_PACING_RATE", 12, &["1kbit", "10mbit", "unlimited"]),
];

const ROUTE: &[Key] = &[
    ("initcwnd", 5, &["1", "2", "1000", "65535"]),
    ("initrwnd", 5, &["1", "10", "65535"]),
    ("quickack", 10, &["on"]),
    ("window", 10, &["1B", "5000B"]),
    ("rto_min", 10, &["1ms", "3s"]),
    ("advmss", 10, &["1B", "12B", "300B", "60000B"]),
];

const OFFLOAD: &[Key] = &[("tso", 3, &["off"]), ("gso", 3, &["off"]), ("gro", 3, &["off"])];

const NIC: &[&str] = &[
    "loopback",
    "veth",
    "tun",
    "tap",
    "half-page",
    "page",
    "header-copy-page",
    "page-16k",
    "virtio",
    "{model: half-page, xdp: on}",
    "{model: page, ring: 16, rx_usecs: 50us}",
    "{model: virtio, ring: 4, rx_frames: 3, rx_usecs: 1ms, budget: 2}",
    "{head: 300B, head_frag: on}",
    "{head: 1000B, fragment: 2048B}",
];

const WRITE: &[&str] = &[
    "{mode: burst}",
    "{mode: burst, bytes: 1B, close: on}",
    "{mode: burst, bytes: 1MiB, call: 100B, half_close: on}",
    "{mode: burst, call: 16KiB, retry: 1ms, start: 100ms}",
    "{mode: chunks, sizes: [1, 70000, 7], every: 100us, in_flight: 1000}",
    "{mode: chunks, sizes: [100], every: 10us, in_flight: 0, prefill: 1MiB}",
    "{mode: paced, rate: 50mbit}",
    "{mode: paced, rate: 10kbit, call: 100B, bytes: 10KiB, close: on}",
    "{mode: request-response, request: 100B, response: 1MiB, think: 1ms}",
    "{mode: request-response, request: 64KiB, response: 1B, service: 20ms, count: 3}",
    "{mode: file, bytes: 5MiB}",
    "never",
];

const READ: &[&str] = &[
    "never",
    "{mode: fixed, bytes: 1MiB, every: 1ms}",
    "{mode: fixed, bytes: 1460B, every: 100us, start: 20ms}",
    "{mode: asap}",
    "{mode: asap, buffer: 1000B, close: on}",
    "{mode: asap, buffer: 1MiB, stall: {every: 20ms, for: 19ms}, close_after: 10KiB}",
    "{mode: asap, rate: 1mbit, cost: 1ms}",
    "{mode: plan, reads: [{at: 1ms, bytes: 1KiB}, {at: 1s, bytes: 1GiB}]}",
    "{mode: echo}",
    "{mode: echo, buffer: 1000B, start: 1ms, close_after: 64KiB}",
];

const HOST: &[Key] = &[
    ("ram", 6, &["64MiB", "64GiB"]),
    ("tcp_mem", 8, &["10 20 30", "1 1 1", "100 200 1000"]),
    ("hz", 3, &["100", "300", "1000"]),
    ("packet_cost", 3, &["0s", "1ns", "5us", "1ms"]),
    ("call_cost", 3, &["1ns", "12us", "1ms"]),
    ("one_thread", 4, &["on"]),
    ("threadirqs", 4, &["on"]),
    ("cache_line", 10, &["32", "256"]),
    ("copy_rate", 6, &["1MiB", "1GiB"]),
    ("max_skb_frags", 10, &["45"]),
    ("jiffies", 5, &["0", "4294967295", "4611686018427387904"]),
];

const CALLS: &[&str] = &[
    "receiver.sockopt: {SO_RCVBUF: 0B}",
    "receiver.sockopt: {SO_RCVBUF: 16MiB}",
    "receiver.sockopt: {SO_RCVLOWAT: 1MiB}",
    "receiver.sockopt: {TCP_WINDOW_CLAMP: 1B}",
    "sender.sockopt: {SO_SNDBUF: 1B}",
    "receiver.read: 10KiB",
    "snapshot: now",
    "receiver.shutdown: write",
    "receiver.close: on",
    "sender.shutdown: write",
    "sender.close: on",
    "path.forward: down",
    "path.forward: up",
    "path.reverse: down",
];

/// Some of `keys`.
fn some(pick: &mut impl Pick, keys: &[Key]) -> Vec<String> {
    let mut entries = Vec::new();
    for (key, seldom, values) in keys {
        if pick.once_in(*seldom) {
            entries.push(format!("{key}: {}", pick.one(values)));
        }
    }
    entries
}

/// Some of `keys`, as a mapping.
fn mapping(pick: &mut impl Pick, keys: &[Key]) -> String {
    format!("{{{}}}", some(pick, keys).join(", "))
}

/// Some of a link's keys, with what these need.
fn link(pick: &mut impl Pick) -> Vec<String> {
    let mut entries = some(pick, LINK);
    let sets = |entries: &[String], key: &str| entries.iter().any(|e| e.starts_with(key));
    if (sets(&entries, "queue") || sets(&entries, "overhead")) && !sets(&entries, "rate") {
        entries.push("rate: 10mbit".to_owned());
    }
    if sets(&entries, "reorder") && !sets(&entries, "delay") {
        entries.push("delay: 1ms".to_owned());
    }
    entries
}

fn endpoint(pick: &mut impl Pick, own: &str) -> String {
    format!(
        "{{sysctl: {}, sockopt: {}, route: {}, offload: {}, nic: {}, congestion: {}, {own}}}",
        mapping(pick, SYSCTL),
        mapping(pick, SOCKOPT),
        mapping(pick, ROUTE),
        mapping(pick, OFFLOAD),
        pick.one(NIC),
        pick.one(&["cubic", "reno"]),
    )
}

/// The text of a scenario that needs `max_events` at most. Not every one makes sense: some are refused.
pub(super) fn scenario(pick: &mut impl Pick, max_events: u32) -> String {
    let kernel = pick.one(&["5.10", "6.1", "6.12", "6.18", "7.2"]);
    let mut path = link(pick);
    if pick.once_in(5) {
        path.push(format!("reverse: {{{}}}", link(pick).join(", ")));
    }
    let both = if pick.once_in(10) { format!(", read: {}", pick.one(READ)) } else { String::new() };
    let own = format!("write: {}{both}", pick.one(WRITE));
    let sender = endpoint(pick, &own);
    let both = if pick.once_in(10) { format!(", write: {}", pick.one(WRITE)) } else { String::new() };
    let own = format!("read: {}{both}", pick.one(READ));
    let receiver = endpoint(pick, &own);
    let calls: Vec<_> = (0..pick.below(6).saturating_sub(2))
        .map(|i| format!("{{at: {}ms, {}}}", [0, 1, 30, 400][i], pick.one(CALLS)))
        .collect();
    let host = mapping(pick, HOST);
    let after = pick.one(&["1ms", "100ms", "2s", "20s"]);
    let flows = pick.one(&["1", "1", "1", "1", "7", "{count: 3, spread: 10ms}"]);
    format!(
        "kernel: \"{kernel}\"\npath: {{{}}}\nsender: {sender}\nreceiver: {receiver}\nhost: {host}\nevents: [{}]\n\
         flows: {flows}\nstop: {{after: {after}, max_events: {max_events}}}\n",
        path.join(", "),
        calls.join(", "),
    )
}
