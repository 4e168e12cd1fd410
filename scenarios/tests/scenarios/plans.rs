//! Random plans of injected segments.

use proptest::prelude::*;
use scenarios::injection_yaml;
use sim_core::config::LiveOption;
use sim_core::inject::{Action, DataRun, Header, Injection, PeerSyn, Step, When, run_injection};
use sim_core::linux::ALL;
use sim_core::observer::{Observer, Rule, Silent, Transmit};
use sim_core::state::SocketState;
use sim_core::time::{Now, SimDuration};

use super::good;

/// Looks at everything, and sees that rules are reported.
#[derive(Default)]
struct Curious {
    read: u64,
    packets: u64,
    rules: u64,
}

impl Observer for Curious {
    fn transmit(&mut self, _: Now, _: &Transmit, _: &SocketState) {
        self.packets += 1;
    }

    fn read(&mut self, _: Now, bytes: u32, _: &SocketState) {
        self.read += u64::from(bytes);
    }

    fn rule(&mut self, _: Now, _: Rule) {
        self.rules += 1;
    }
}

fn header() -> impl Strategy<Value = Header> {
    let acknowledge = prop::option::weighted(0.2, 0u32..100_000);
    let window = prop::option::weighted(0.2, any::<u16>());
    let tsval = prop::option::weighted(0.1, any::<u32>());
    (acknowledge, window, tsval).prop_map(|(acknowledge, window, tsval)| Header {
        acknowledge,
        window,
        tsval,
    })
}

fn action() -> impl Strategy<Value = Action> {
    let offset = || prop_oneof![3 => Just(None), 2 => (-5_000i64..100_000).prop_map(Some), 1 => any::<i32>().prop_map(|o| Some(i64::from(o) * 3))];
    let data = (offset(), 0u32..9_000, any::<bool>(), prop::bool::weighted(0.05), 1u32..30, header())
        .prop_map(|(offset, len, push, fin, count, header)| {
            Action::Data(DataRun { offset, len, push, fin, count, header, ..DataRun::default() })
        });
    prop_oneof![
        10 => data,
        2 => (offset(), header()).prop_map(|(offset, header)| Action::Ack { offset, header }),
        3 => (1u32..100_000).prop_map(Action::Read),
        2 => (1u32..200_000).prop_map(Action::Write),
        1 => (0u32..200_000).prop_map(|v| Action::Options(vec![LiveOption::RcvBufForce(v), LiveOption::QuickAck(v)])),
        1 => (0u32..200_000).prop_map(|v| Action::Options(vec![LiveOption::WindowClamp(v), LiveOption::RcvLowat(v)])),
        2 => Just(Action::Wait),
        1 => Just(Action::ShutdownWrite),
        1 => Just(Action::Close),
    ]
}

fn plan() -> impl Strategy<Value = Injection> {
    let wait = prop_oneof![3 => Just(0u64), 1 => 0u64..100_000_000];
    let step = (action(), wait)
        .prop_map(|(action, ns)| Step { when: When::After(SimDuration::from_nanos(ns)), action });
    let syn = (1u16..9_000, prop::option::of(0u8..15), any::<bool>(), any::<bool>(), any::<u16>()).prop_map(
        |(mss, window_scale, sack, timestamps, window)| PeerSyn {
            mss,
            window_scale,
            sack,
            timestamps,
            window,
        },
    );
    (syn, prop::collection::vec(step, 0..40)).prop_map(|(syn, steps)| Injection {
        syn,
        handshake: SimDuration::from_micros(120),
        step: SimDuration::from_micros(250),
        steps,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_plan_survives_the_way_through_text_and_runs_the_same_whether_or_not_somebody_watches(
        kernel in 0..ALL.len(),
        tap: bool,
        plan in plan(),
    ) {
        let nic = if tap { "tap" } else { "tun" };
        let end = format!("receiver: {{nic: {nic}, sockopt: {{SO_RCVBUFFORCE: 32KiB}}}}\nstop: {{after: 30s}}\n");
        let s = good(&format!("kernel: \"{}\"\n{end}{}", ALL[kernel].name, injection_yaml(&plan, 9_000)));
        let read_back = s.inject.unwrap();
        prop_assert_eq!(&read_back, &plan);
        let alone = run_injection(&s.config, &plan, &mut Silent).unwrap();
        let mut curious = Curious::default();
        let watched = run_injection(&s.config, &plan, &mut curious).unwrap();
        prop_assert_eq!(&alone, &watched);
        prop_assert_eq!(curious.read, alone.read);
        prop_assert!(curious.packets > 0);
        prop_assert!(alone.receiver.rmem >= 0);
    }
}
