//! Plans of injected segments: what they mean, and what is said when they are wrong.

use scenarios::{Overrides, Source, resolve, resolved_yaml};
use sim_core::config::{LiveOption, NicModel};
use sim_core::inject::{Action, Call, DataRun, When};
use sim_core::time::SimDuration;

use super::{good, refused};

fn with(steps: &str) -> String {
    format!("kernel: 6.1\ninject:\n  steps:\n{steps}")
}

#[test]
fn a_plan_has_the_costs_of_the_recordings_unless_it_says_otherwise() {
    let s = good(&with("    - data: {len: 1460, count: 3}\n    - read: 4KiB\n"));
    let plan = s.inject.unwrap();
    assert_eq!(
        (plan.syn.mss, plan.syn.window_scale, plan.syn.sack, plan.syn.timestamps),
        (1_460, Some(7), true, false)
    );
    let at: Vec<u64> = plan.schedule().iter().map(|c| c.at.as_micros()).collect();
    assert_eq!(at, [370, 620, 870, 1_120]);
    assert_eq!((s.config.receiver.nic.model, s.config.reverse.mtu), (NicModel::Tun, 1_500));
    // Every timer has fired a second after the last step.
    assert_eq!(s.config.stop.after, SimDuration::from_micros(1_001_120));
}

#[test]
fn every_kind_of_step_is_understood_and_survives_being_written_out() {
    let text = "kernel: 7.2\nreceiver: {nic: tap, sockopt: {SO_RCVBUFFORCE: 64KiB}}\ninject:\n  \
        syn: {mss: 536, window_scale: none, sack: off, timestamps: on, window: 1000}\n  \
        handshake: 1ms\n  step: 0\n  mtu: 9000\n  steps:\n    \
        - {at: 5ms, data: {offset: -1, len: 0}}\n    \
        - data: {offset: 100, len: 100, count: 5, stride: 200, every: 1ms, push: on, fin: on}\n    \
        - {wait: 2ms, ack: {offset: 7, acknowledge: 5, window: 0, tsval: 9}}\n    \
        - ack:\n    - write: 1KiB\n    - sockopt: {SO_RCVBUF: 32KiB, TCP_WINDOW_CLAMP: 8KiB}\n    \
        - sockopt: {SO_RCVLOWAT: 1, TCP_QUICKACK: 1}\n    - wait: 50ms\n    \
        - wait: 1ms\n      repeat:\n        count: 3\n        steps:\n          \
        - data: {len: 10}\n          - {wait: 1ms, read: 10}\n    \
        - shutdown: write\n    - close: on\n";
    let s = good(text);
    let plan = s.inject.as_ref().unwrap();
    assert_eq!(plan.steps.len(), 11);
    assert_eq!(plan.steps[0].when, When::At(SimDuration::from_millis(5)));
    assert!(matches!(
        plan.steps[1].action,
        Action::Data(DataRun { count: 5, fin: true, stride: Some(200), .. })
    ));
    let calls = plan.schedule();
    let options = calls.iter().filter(|c| matches!(c.call, Call::Option(_))).count();
    assert_eq!((options, calls.last().map(|c| c.call)), (4, Some(Call::Close)));
    assert!(calls.iter().any(|c| c.call == Call::Option(LiveOption::RcvBuf(32 << 10))));
    let yaml = resolved_yaml(&s);
    let again = resolve(&Source::new("again.yaml", yaml.as_str()), &Overrides::default());
    let again = again.unwrap_or_else(|e| panic!("{yaml}\n{}", e.render(false)));
    assert_eq!((&again.inject, &again.config), (&s.inject, &s.config));
}

#[test]
fn a_step_that_is_out_of_order_points_at_its_time() {
    let steps = "    - {at: 5ms, data: {len: 1, count: 3}}\n    - {at: 5100us, read: 1}\n";
    refused(
        &with(steps),
        (5, 12),
        &["earlier than the end of the one before it, which is at 5500us", "in order of time"],
    );
}

#[test]
fn what_a_step_cannot_be_is_refused_where_it_stands() {
    refused(&with("    - {jump: 1}\n"), (4, 8), &["`jump` is not a key of a step"]);
    refused(&with("    - {raed: 1}\n"), (4, 8), &["did you mean `read`?"]);
    refused(&with("    - {read: -5}\n"), (4, 14), &["`read`"]);
    refused(&with("    - {data: {len: 70000}}\n"), (4, 20), &["70000 is out of range"]);
    refused(&with("    - {data: {offset: 5}}\n"), (4, 14), &["`data` needs `len`"]);
    refused(&with("    - {read: 1, write: 2}\n"), (4, 17), &["does one thing", "`read` and `write`"]);
    refused(&with("    - {at: 1ms, wait: 1ms, read: 1}\n"), (4, 17), &["both say when"]);
    refused(&with("    - {}\n"), (4, 7), &["does nothing"]);
    refused(&with("    - {close: off}\n"), (4, 15), &["does nothing"]);
    refused(&with("    - {sockopt: {}}\n"), (4, 17), &["sets nothing"]);
    refused(&with("    - {shutdown: both}\n"), (4, 18), &["one of write"]);
    let nested = "    - repeat: {count: 2, steps: [{at: 1ms, read: 1}]}\n";
    refused(&with(nested), (4, 35), &["`at` is not a key of a step"]);
}

#[test]
fn a_plan_that_is_too_long_is_refused_before_it_is_unfolded() {
    let steps = "    - repeat: {count: 1000000, steps: [{data: {len: 1, count: 1000000}}]}\n";
    refused(&with(steps), (4, 7), &["more than 1000000 calls"]);
}

#[test]
fn what_a_real_sender_needs_means_nothing_with_a_plan() {
    for (section, help) in [
        ("path: {rtt: 1ms}", "inject.mtu"),
        ("sender: {nic: tun}", "the plan is the sender"),
        ("events: [{at: 1s, receiver.read: 1}]", "a step of its own"),
        ("receiver: {read: {mode: asap}}", "a step of its own"),
        ("receiver: {nic: loopback}", "tun, tap"),
    ] {
        let text = format!("{section}\n{}", with("    - read: 1\n"));
        let found = super::errors(&text);
        assert_eq!((found.len(), found[0].line()), (1, 1), "{section}: {found:?}");
        assert!(
            found[0].to_string().contains(help) || found[0].render(false).contains(help),
            "{}",
            found[0].render(false)
        );
    }
}

#[test]
fn a_run_that_ends_before_its_plan_is_refused() {
    let text = with("    - {at: 2s, read: 1}\n") + "stop: {after: 1s}\n";
    refused(&text, (4, 7), &["goes on until 2s, but the run ends at 1s"]);
}
