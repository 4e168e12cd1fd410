//! Programs that are always due, and calls that come before there is a socket.

use super::program_tests::{MIB, burst, outcome, pair};
use super::{RunError, run};
use crate::config::*;
use crate::observer::Silent;
use crate::state::TcpState;
use crate::time::SimDuration;

#[test]
fn a_program_that_is_never_done_leaves_the_processor_to_others() {
    // Every call of the reader takes as long as its period: it is due again when it returns.
    let every = SimDuration::from_millis(1);
    let read = ReadConfig::of(ReadMode::Fixed { bytes: 1 << 20, every });
    for (one_thread, threaded_softirqs) in [(false, false), (false, true), (true, false)] {
        let mut c = pair("6.1", 2, burst(MIB, Ending::Stay), read.clone());
        c.host.calls =
            CallConfig { one_thread, threaded_softirqs, ..CallConfig::costing(SimDuration::from_millis(1)) };
        (c.stop.bytes, c.stop.max_events) = (Some(MIB), 100_000);
        let r = outcome(&c);
        assert_eq!(r.read, MIB, "{one_thread} {threaded_softirqs}");
    }
}

#[test]
fn a_program_that_is_never_done_counts_towards_the_events_of_a_run() {
    let every = SimDuration::from_nanos(1);
    let read = ReadConfig::of(ReadMode::Fixed { bytes: 1, every });
    let mut c = pair("6.1", 2, burst(1, Ending::Stay), read);
    c.host.calls = CallConfig::costing(SimDuration::from_nanos(1));
    c.stop.max_events = 1_000;
    assert!(matches!(run(&c, &mut Silent), Err(RunError::Budget(_))));
}

#[test]
fn a_close_before_there_is_a_socket_waits_for_it() {
    let at = SimDuration::from_millis(1);
    for resets in [false, true] {
        for change in [Change::SenderEnding(Ending::Close), Change::SenderEnding(Ending::HalfClose)] {
            let mut c = pair("6.18", 20, burst(MIB, Ending::Stay), ReadConfig::asap(65_536));
            c.sender.sockopt.linger_zero = resets;
            c.events = vec![TimedChange { at, change: change.clone() }];
            let r = outcome(&c);
            assert_eq!((r.written, r.read), (0, 0), "{change:?}");
            let reset = resets && change == Change::SenderEnding(Ending::Close);
            assert_eq!(r.receiver.state == TcpState::Close, reset, "{change:?}");
            assert_eq!(r.receiver.state == TcpState::CloseWait, !reset, "{change:?}");
        }
    }
    let mut c = pair("6.18", 20, burst(MIB, Ending::Stay), ReadConfig::asap(65_536));
    c.events = vec![TimedChange { at, change: Change::ReceiverEnding(Ending::Close) }];
    let r = outcome(&c);
    assert_eq!(
        (r.read, r.receiver.state),
        (0, TcpState::Close),
        "data for a closed socket is answered with a reset"
    );
    assert_eq!(r.receiver_counters.out_rsts, 10, "one for each packet of the first flight");
}
