//! Connections that end: orphans, records, and the memory they hold.

use results::{Meter, Setup};
use scenarios::{Overrides, Source, resolve};
use sim_core::engine::{self, RunOutcome};
use sim_core::observer::Silent;

/// 24 connections whose writers close as soon as everything is in their send buffers.
fn closing(settings: &[&str]) -> RunOutcome {
    let text = "name: t\nkernel: \"6.1\"\nflows: {count: 24, spread: 20ms}\npath: {rtt: 2ms}\n\
        sender: {sockopt: {TCP_MAXSEG: 1460}, write: {mode: burst, bytes: 45000, close: on}}\n\
        receiver: {sockopt: {SO_RCVBUF: 16KiB}, read: {mode: never}}\n\
        events: [{at: 90ms, snapshot: early}]\nstop: {after: 3s}\n";
    let overrides =
        Overrides { set: settings.iter().map(|s| (*s).to_owned()).collect(), ..Overrides::default() };
    let scenario =
        resolve(&Source::new("t.yaml", text), &overrides).unwrap_or_else(|e| panic!("{}", e.render(false)));
    engine::run(&scenario.config, &mut Silent).unwrap()
}

const READERS_CLOSE: &str = "receiver.read={mode: asap, close: on}";

#[test]
fn orphans_keep_their_data_and_are_reset_when_they_are_too_many() {
    let all = closing(&[]);
    let h = &all.sender_host;
    assert_eq!((h.at_end.census.orphan, h.at_end.alloc, h.log.len()), (24, 24, 0));
    assert!(h.charged > 100, "{}", h.charged);
    let few = closing(&["sender.tcp_max_orphans=16"]);
    let h = &few.sender_host;
    // The kernel counts ten times a second: all 24 closes were accepted, their first timeouts were not.
    assert_eq!(few.snapshots[0].hosts[0].census.orphan, 24);
    assert_eq!((few.sender_counters.abort_on_memory, few.sender_counters.out_rsts), (24, 24));
    assert_eq!((h.at_end.census.orphan, h.at_end.alloc, h.charged), (0, 0, 0));
    assert_eq!(h.log[0].1.to_string(), "TCP: too many orphaned sockets");
    // Their peers were told.
    let receiver = &few.receiver_host.at_end;
    assert_eq!((receiver.census.inuse, receiver.census.used, receiver.alloc), (1, 25, 25));
}

#[test]
fn above_the_high_mark_orphans_with_data_go() {
    let o = closing(&["host.tcp_mem=60 80 100", "kernel=5.10"]);
    assert!(o.sender_counters.abort_on_memory > 0, "{:?}", o.sender_counters.abort_on_memory);
    let log = &o.sender_host.log;
    assert!(
        log.iter().any(|(_, m)| m.to_string() == "TCP: out of memory -- consider tuning tcp_mem"),
        "{log:?}"
    );
    assert!(o.sender_host.at_end.mem < o.sender_host.peak, "{:?}", o.sender_host);
}

#[test]
fn a_connection_closed_by_both_stays_as_a_record_for_a_minute() {
    let o = closing(&[READERS_CLOSE]);
    let (sender, receiver) = (&o.sender_host.at_end, &o.receiver_host.at_end);
    assert_eq!((sender.census.time_wait, sender.alloc, sender.charged), (24, 0, 0));
    assert_eq!((receiver.census.time_wait, receiver.alloc), (0, 1));
    let o = closing(&[READERS_CLOSE, "stop.after=70s"]);
    assert_eq!((o.sender_host.at_end.census.time_wait, o.sender_counters.time_waited), (0, 24));
}

#[test]
fn beyond_the_limit_connections_end_without_a_record() {
    let o = closing(&[READERS_CLOSE, "sender.tcp_max_tw_buckets=10"]);
    let c = &o.sender_counters;
    assert_eq!((o.sender_host.time_wait_peak, c.time_wait_overflow), (10, 14));
}

#[test]
fn a_peer_that_never_closes_is_waited_for_as_long_as_tcp_fin_timeout_says() {
    let readers = "receiver.read={mode: asap}";
    let left = |after: &str, timeout: &str| {
        let o =
            closing(&[readers, &format!("stop.after={after}"), &format!("sender.tcp_fin_timeout={timeout}")]);
        (
            o.sender_host.at_end.census.time_wait,
            o.sender_host.at_end.census.orphan,
            o.sender_counters.time_waited,
        )
    };
    assert_eq!(left("4s", "5"), (24, 0, 0));
    assert_eq!(left("6s", "5"), (0, 0, 24));
    // Of more than a minute the socket itself waits for the first part.
    assert_eq!(left("4s", "65"), (0, 24, 0));
    assert_eq!(left("30s", "65"), (24, 0, 0));
}

#[test]
fn closing_with_unread_data_is_a_reset() {
    let o = closing(&["events=[{at: 50ms, receiver.close: on}]"]);
    let c = &o.receiver_counters;
    assert_eq!((c.abort_on_close, c.out_rsts >= 24), (24, true));
    assert_eq!((o.receiver_host.at_end.alloc, o.sender_host.at_end.alloc), (1, 0));
}

#[test]
fn data_for_a_closed_socket_is_answered_with_a_reset() {
    // Nothing was unread when the receiver closed; what comes then finds nobody.
    let o = closing(&["receiver.read={mode: asap}", "events=[{at: 5ms, receiver.close: on}]"]);
    assert!(o.receiver_counters.abort_on_data > 0, "{:?}", o.receiver_counters);
}

#[test]
fn an_orphan_that_nobody_answers_is_given_up() {
    let lost: Vec<String> = (5..400).map(|n| n.to_string()).collect();
    let lost = format!("path.forward.loss={{packets: [{}]}}", lost.join(", "));
    let one = |retries: &str| {
        let o = closing(&["flows=1", &lost, "stop.after=60s", retries]);
        (o.sender_counters.abort_on_timeout, o.sender_host.at_end.census.orphan, o.sender_counters.out_rsts)
    };
    assert_eq!(one("sender.tcp_orphan_retries=3"), (1, 0, 0));
    assert_eq!(one("sender.tcp_orphan_retries=0"), (0, 1, 0), "8 timeouts take 102 s");
    // A peer whose window is closed answers every probe.
    let o = closing(&["stop.after=60s", "sender.tcp_orphan_retries=3"]);
    assert_eq!((o.sender_counters.abort_on_timeout, o.sender_host.at_end.census.orphan), (0, 24));
}

#[test]
fn a_collapse_keeps_the_processor_while_it_copies() {
    let text = |rate: &str| {
        format!(
            "name: t\nkernel: \"6.1\"\npath: {{rtt: 1ms}}\nhost: {{{rate}}}\n\
             sender: {{sockopt: {{TCP_MAXSEG: 500}}, offload: {{tso: off, gso: off}}, write: {{mode: burst, bytes: 1MiB}}}}\n\
             receiver: {{sockopt: {{SO_RCVBUF: 64KiB}}, sysctl: {{net.ipv4.tcp_adv_win_scale: 0}}, route: {{quickack: true}}, nic: page, read: {{mode: never}}}}\n\
             stop: {{after: 1s}}\n"
        )
    };
    let run = |rate: &str| {
        let scenario = resolve(&Source::new("t.yaml", text(rate)), &Overrides::default())
            .unwrap_or_else(|e| panic!("{}", e.render(false)));
        let mut meter = Meter::new(Setup::of(&scenario.config));
        let o = engine::run(&scenario.config, &mut meter).unwrap();
        meter.finish(o.ended, &o.receiver, &o.receiver_counters, &o.sender_counters)
    };
    let (free, slow) = (run(""), run("copy_rate: 4MiB"));
    assert_eq!((free.collapse_stall().total_ns, free.collapse_copied() > 0), (0, true));
    // 4 MiB per second: a byte takes 238 ns.
    let (stall, copied) = (slow.collapse_stall(), slow.collapse_copied());
    assert!(copied > 10_000 && stall.count == slow.collapsed(), "{copied} {stall:?}");
    assert!(stall.total_ns.abs_diff(copied * 1_000_000_000 / (4 << 20)) < 100, "{copied} {stall:?}");
    // Whatever arrives meanwhile waits: the sender sees longer round trips.
    let longest = |m: &results::Measured| m.rtt_range_ns().unwrap().1;
    assert!(longest(&slow) > longest(&free) + stall.longest_ns / 2, "{} {}", longest(&free), longest(&slow));
}
