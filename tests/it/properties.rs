//! What holds for any scenario, through the public interfaces alone.

use proptest::prelude::*;
use results::{Setup, TraceRecorder};
use scenarios::{Overrides, Source, resolve};
use sim_core::config::ReadMode;
use sim_core::engine;
use sim_core::linux::InOrderGate;

/// A scenario of random settings, as its text.
fn scenario() -> impl Strategy<Value = String> {
    let kernel = prop::sample::select(vec!["5.10", "6.1", "6.12", "6.18", "7.2"]);
    let rcvbuf = prop_oneof![Just(None), (1_u32..300).prop_map(|k| Some(k * 1024))];
    let mss = 88_u32..9000;
    let read = prop_oneof![
        Just("{mode: never}".to_owned()),
        (1_u32..40_000, 1_u32..80).prop_map(|(b, ms)| format!("{{mode: fixed, bytes: {b}, every: {ms}ms}}")),
        (1_u32..200).prop_map(|k| format!("{{mode: asap, buffer: {k}KiB}}")),
    ];
    let write = prop_oneof![
        (1_u32..600).prop_map(|k| format!("{{mode: burst, bytes: {k}KiB}}")),
        (1_u32..3000, 100_u32..3000).prop_map(|(size, us)| {
            format!("{{mode: chunks, sizes: [{size}], every: {us}us, in_flight: 10}}")
        }),
    ];
    let offload = prop::sample::select(vec!["on", "off"]);
    let timestamps = 0..2;
    let nic = prop::sample::select(vec![
        "loopback",
        "veth",
        "tun",
        "tap",
        "half-page",
        "page",
        "page-16k",
        "virtio",
    ]);
    (kernel, rcvbuf, mss, read, write, offload, timestamps, nic, 0_u32..120, 1_u32..200).prop_map(
        |(kernel, rcvbuf, mss, read, write, offload, ts, nic, rtt, initcwnd)| {
            // Frames of the drivers that fill pages have the size of Ethernet's.
            let mss = if matches!(nic, "loopback" | "veth" | "tun" | "tap") { mss } else { mss.min(1400) };
            let rcvbuf = rcvbuf.map_or_else(String::new, |n| format!("SO_RCVBUF: {n}, "));
            format!(
                "kernel: \"{kernel}\"\n\
                 path: {{rtt: {rtt}ms, limit: 5000}}\n\
                 sender:\n  sysctl: {{net.ipv4.tcp_timestamps: {ts}}}\n  sockopt: {{TCP_MAXSEG: {mss}}}\n  \
                 route: {{initcwnd: {initcwnd}}}\n  offload: {{tso: {offload}, gso: {offload}}}\n  write: {write}\n\
                 receiver:\n  sysctl: {{net.ipv4.tcp_timestamps: {ts}}}\n  sockopt: {{{rcvbuf}TCP_MAXSEG: {mss}}}\n  \
                 nic: {nic}\n  read: {read}\n\
                 stop: {{after: 2s, packets: 3000}}\n"
            )
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn data_is_neither_made_nor_lost_and_memory_covers_it(text in scenario()) {
        let source = Source::new("random.yaml", text.as_str());
        let scenario = resolve(&source, &Overrides::default()).map_err(|e| TestCaseError::fail(e.to_string()))?;
        let mut recorder = TraceRecorder::new(Setup::of(&scenario.config));
        let end = match engine::run(&scenario.config, &mut recorder) {
            Ok(end) => end,
            Err(e) => return Err(TestCaseError::fail(format!("{e}\n{text}"))),
        };
        let trace = recorder
            .finish(end.ended, &end.receiver, &end.receiver_counters, &end.sender_counters)
            .map_err(|e| TestCaseError::fail(e.to_string()))?;

        // What was read and what waits is what was taken, and no more than was written.
        let first = trace.rows.first().map_or(end.receiver.rcv_nxt, |r| r.state.rcv_nxt);
        let taken = end.receiver.rcv_nxt - first;
        prop_assert!(taken <= i64::try_from(end.written).unwrap(), "{taken} of {} in\n{text}", end.written);
        // A call that the last segment cuts short has copied what it has not returned yet: one call's worth at most.
        let one_call = match scenario.config.receiver.read.mode {
            ReadMode::Fixed { bytes, .. } | ReadMode::Asap { buffer: bytes, .. } if end.segments == 3_000 => bytes,
            _ => 0,
        };
        let copying = taken - end.receiver.recvq() - i64::try_from(end.read).unwrap();
        prop_assert!((0..=i64::from(one_call)).contains(&copying), "{copying} of {one_call} in\n{text}");
        prop_assert_eq!(trace.bytes_read(), end.read);

        let measured = |name: &str| results::metrics::find(name).unwrap().value(&trace.measured);
        for stall in ["zero_window_ns", "rto_ns", "sndbuf_ns", "rwnd_limited_ns"] {
            let ns = measured(stall).unwrap();
            prop_assert!((0..=end.ended.as_nanos() as i64).contains(&ns), "{stall} is {ns} in\n{text}");
        }
        for share in ["utilisation_permille", "payload_permille", "payload_peak_permille", "payload_arrival_permille"] {
            let n = measured(share).unwrap_or(0);
            prop_assert!((0..=1000).contains(&n), "{share} is {n} in\n{text}");
        }
        for delay in ["queue_delay", "read_delay"] {
            let of = |p| measured(&format!("{delay}_{p}_ns")).unwrap_or(0);
            prop_assert!([of("p50"), of("p90"), of("p99"), of("max")].is_sorted(), "{delay} in\n{text}");
        }
        prop_assert_eq!(measured("bytes_read"), Some(end.read as i64));
        prop_assert_eq!(trace.measured.read_delay().weight(), end.read, "in\n{}", text);
        prop_assert_eq!(trace.measured.bursts().sizes().iter().sum::<u64>() as i64, taken, "in\n{}", text);
        prop_assert!(measured("goodput").unwrap_or(0) <= measured("throughput").unwrap_or(0).max(1), "in\n{text}");

        let mut before: Option<&results::TraceRow> = None;
        for row in trace.rows_and_closing() {
            let s = &row.state;
            // Every byte that waits is paid for, and nothing is paid for twice.
            prop_assert!(s.recvq() >= 0 && i64::from(s.rmem) >= s.recvq(), "row {} in\n{text}", row.idx);
            prop_assert!(s.rcv_wup <= s.rcv_nxt, "row {} in\n{text}", row.idx);
            if let Some(b) = before {
                prop_assert!(b.time <= row.time && b.state.rcv_nxt <= s.rcv_nxt && b.acked <= row.acked);
                // The promise to the sender is kept: the right edge of the window never moves back, unless the
                // kernel (6.6 and later) answers data that it has no memory for with a window of 0.
                let edge = |s: &sim_core::state::SocketState| s.rcv_wup + s.rcv_wnd;
                let shut = scenario.config.kernel.in_order_gate != InOrderGate::Silent
                    && trace.acks.iter().any(|a| a.window == 0 && a.after_idx < row.idx);
                prop_assert!(edge(&b.state) <= edge(s) || shut, "row {}: the window shrinks in\n{text}", row.idx);
            }
            before = Some(row);
        }
    }

    #[test]
    fn a_resolved_scenario_is_the_same_run(text in scenario()) {
        let resolved = |text: &str| resolve(&Source::new("random.yaml", text), &Overrides::default());
        let first = resolved(&text).map_err(|e| TestCaseError::fail(e.to_string()))?;
        let again = resolved(&scenarios::resolved_yaml(&first)).map_err(|e| TestCaseError::fail(e.to_string()))?;
        prop_assert_eq!(first.config, again.config);
    }
}
