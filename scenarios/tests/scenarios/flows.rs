//! Connections that are not alike.

use scenarios::{Overrides, Source, resolve, resolved_yaml};
use sim_core::config::{Congestion, FlowsConfig, WriteMode};
use sim_core::engine;
use sim_core::observer::Silent;

use super::{good, refused};

/// One bulk transfer as described, one held back by its receive buffer, two that ask and wait.
const MIXED: &str = "\
name: t
kernel: 6.1
path: {rtt: 20ms, rate: 50mbit, mtu: 1500, limit: 200}
sender: {sockopt: {TCP_NODELAY: on, SO_SNDBUF: 4MiB}, write: {mode: burst}}
receiver: {sockopt: {SO_RCVBUF: 1MiB}, read: {mode: asap}, sysctl: {net.core.rmem_max: 4MiB}}
flows:
  - {}
  - {at: 1s, receiver: {sockopt: {SO_RCVBUFFORCE: 8KiB}}}
  - {at: 2s, count: 2, spread: 100ms, sender: {congestion: reno, write: {mode: request-response, request: 1KiB, response: 10KiB}}}
stop: {after: 5s}
";

#[test]
fn a_group_keeps_what_it_does_not_say_and_replaces_what_it_does() {
    let s = good(MIXED);
    let c = &s.config;
    let FlowsConfig::Groups(groups) = &c.flows else { panic!("{:?}", c.flows) };
    assert_eq!((groups.len(), c.flows.count()), (3, 4));
    let starts: Vec<u64> = (0..4).map(|f| c.flows.start(f).as_nanos() / 1_000_000).collect();
    assert_eq!(starts, [0, 1_000, 2_000, 2_050]);
    // Nothing of its own is nothing kept.
    assert_eq!((&groups[0].sender, &groups[0].receiver), (&None, &None));
    // One option takes the place of its other form; the rest is the scenario's.
    let held = c.receiver_of(1);
    assert_eq!((held.sockopt.rcvbuf, held.sockopt.rcvbuf_force), (Some(8_192), true));
    assert_eq!((held.read.clone(), c.sender_of(1)), (c.receiver.read.clone(), &c.sender));
    let asks = c.sender_of(3);
    assert!(matches!(asks.write.mode, WriteMode::RequestResponse { request: 1_024, .. }));
    assert_eq!((asks.congestion, asks.sockopt.sndbuf), (Congestion::Reno, Some(4 << 20)));
    // The answers follow from the requests, also where the group says nothing about its receiver.
    assert!(matches!(c.receiver_of(3).write.mode, WriteMode::Respond { response: 10_240, .. }));
    // What both groups infer is said once, and a warning about what they inherit too.
    assert_eq!(s.inferred.iter().filter(|l| l.contains("reno")).count(), 1);
}

#[test]
fn unlike_connections_run_side_by_side_each_in_its_own_way() {
    let r = engine::run(&good(MIXED).config, &mut Silent).unwrap();
    let read: Vec<u64> = r.flows.iter().map(|f| f.read).collect();
    // 31 MB at most in all. A budget of 16 KiB is a window of 8 KiB at most, once per 20 to 68 ms.
    assert!(read[0] > 25_000_000, "{read:?}");
    assert!((200_000..400_000).contains(&read[1]), "{read:?}");
    // A request of 1 KiB per round trip at most.
    for f in &r.flows[2..] {
        assert!(f.read > 20 * 1_024 && f.read < 150 * 1_024 + 1_024, "{read:?}");
        assert!(f.returned >= 10 * (f.read - 1_024), "{} of {}", f.returned, f.read);
    }
}

#[test]
fn resolved_groups_resolve_to_themselves() {
    let first = good(MIXED);
    let text = resolved_yaml(&first);
    let again = resolve(&Source::new("again.yaml", &text), &Overrides::default());
    let again = again.unwrap_or_else(|e| panic!("{}\n{text}", e.render(false)));
    assert_eq!(again.config, first.config, "{text}");
}

#[test]
fn a_mistake_in_a_group_is_named_at_its_place() {
    let with = |list: &str| format!("name: t\nkernel: 6.1\nflows: {list}\n");
    refused(&with("[]"), (3, 8), &["a number, a mapping or a list"]);
    refused(&with("[1]"), (3, 9), &["must be a mapping"]);
    refused(&with("[{count: 0}]"), (3, 17), &["out of range"]);
    refused(&with("[{count: 60000}, {count: 60000}]"), (3, 8), &["120000 connections", "100000"]);
    refused(&with("[{att: 1s}]"), (3, 10), &["did you mean `at`?"]);
    refused(&with("[{receiver: {nic: tun}}]"), (3, 21), &["`nic` is not a key of a connection's receiver"]);
    refused(&with("[{receiver: {sysctl: {}}}]"), (3, 21), &["`sysctl` is not a key"]);
    refused(&with("[{sender: {sockopt: {TCP_NODELY: on}}}]"), (3, 29), &["did you mean `TCP_NODELAY`?"]);
    refused(&with("[{sender: {read: {mode: echo}}}]"), (3, 25), &["the sender cannot be the echo"]);
}

#[test]
fn an_override_does_not_wipe_out_a_list() {
    let overrides = Overrides { set: vec!["flows.count=3".to_owned()], ..Overrides::default() };
    let error = resolve(&Source::new("t.yaml", MIXED), &overrides).unwrap_err().render(false);
    assert!(error.contains("`flows` is a list in this scenario"), "{error}");
    let overrides = Overrides { set: vec!["flows=3".to_owned()], ..Overrides::default() };
    assert_eq!(resolve(&Source::new("t.yaml", MIXED), &overrides).unwrap().config.flows.count(), 3);
}
