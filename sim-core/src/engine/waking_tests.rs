//! Whole runs: how long waking takes, of a program that sleeps and of the thread of soft interrupts.

use super::program_tests::{pair, ten_bytes_every};
use super::run;
use crate::config::*;
use crate::observer::{Observer, SenderState};
use crate::segment::Segment;
use crate::skb::Skb;
use crate::state::SocketState;
use crate::time::{Now, SimDuration, SimTime};

/// When data was sent, came due at the other end, and was received, ns.
#[derive(Default)]
struct Data {
    sent: Vec<u64>,
    due: Vec<u64>,
    received: Vec<u64>,
}

impl Observer for Data {
    fn sent(&mut self, now: Now, seg: &Segment, _: &SenderState) {
        if seg.len > 0 {
            self.sent.push(now.time.as_nanos());
        }
    }

    fn crossed(&mut self, now: Now, _: SimTime, _: u32) {
        self.due.push(now.time.as_nanos());
    }

    fn segment(&mut self, now: Now, seg: &Segment, _: &Skb, _: &SocketState) {
        if seg.len > 0 {
            self.received.push(now.time.as_nanos());
        }
    }
}

/// A writer of ten bytes every `us`, for 200 ms.
fn chunks_every(us: u64, rtt_ms: u64, read: ReadConfig, calls: CallConfig) -> (RunConfig, Data) {
    let chunks = ten_bytes_every(SimDuration::from_micros(us));
    let mut c = pair("6.1", rtt_ms, WriteConfig::endless(chunks), read);
    c.host.packet_cost = SimDuration::ZERO;
    c.sender.route.initcwnd = Some(1_000);
    c.sender.sockopt.nodelay = true;
    c.stop.after = SimDuration::from_millis(200);
    c.host.calls = CallConfig { one_thread: true, threaded_softirqs: true, ..calls };
    let mut data = Data::default();
    run(&c, &mut data).unwrap();
    (c, data)
}

/// Sleeps that last 50 us too long and 5 until the program runs; what `change` adds to that, for each, with the ticks in it. The path
/// is so long that nothing comes back.
fn added(us: u64, change: impl FnOnce(&mut CallConfig)) -> Vec<(u64, u64)> {
    let mut calls = CallConfig {
        slack: SimDuration::from_micros(50),
        rouse: SimDuration::from_micros(5),
        ..CallConfig::default()
    };
    change(&mut calls);
    let (c, data) = chunks_every(us, 1_000, ReadConfig::NEVER, calls);
    let jiffy = |ns: u64| (ns + c.host.since_tick.as_nanos()) / 4_000_000;
    let added = |w: &[u64]| (jiffy(w[1] - 5_000) - jiffy(w[0]), w[1] - w[0] - (us + 55) * 1_000);
    data.sent.windows(2).map(added).collect()
}

#[test]
fn ticks_that_an_idle_processor_has_missed_delay_the_program_that_it_wakes_next() {
    let tick = |calls: &mut CallConfig| calls.idle_tick = SimDuration::from_nanos(600);
    // Here the tick is stopped in any sleep, so that one thing is left to be done for all that were missed.
    for us in [1_000, 9_000] {
        for (ticks, ns) in added(us, tick) {
            assert_eq!(ns, if ticks > 0 { 600 } else { 0 }, "{ticks} ticks in {us} us");
        }
    }
    // Here the first one comes, and stops those behind it.
    let comes =
        |calls: &mut CallConfig| (calls.tick_rouses, calls.idle_tick) = (true, SimDuration::from_nanos(600));
    for (ticks, ns) in added(9_000, comes) {
        assert_eq!(ns, 600 * ticks.min(2), "{ticks} ticks");
    }
}

#[test]
fn a_load_that_has_to_be_worked_out_anew_delays_a_program() {
    for (us, ns) in [(256, 50), (512, 100), (1_024, 200), (5_000, 200)] {
        let added = added(us, |calls| calls.load = SimDuration::from_nanos(200));
        assert!(added.iter().all(|(_, late)| *late == ns), "{us}: {:?}", &added[..3]);
    }
}

#[test]
fn a_thread_that_is_woken_in_a_program_behind_its_recv_has_the_processor_later() {
    let received = |woken| {
        let calls = CallConfig {
            woken: SimDuration::from_nanos(woken),
            ..CallConfig::costing(SimDuration::from_millis(20))
        };
        chunks_every(1_000, 20, ReadConfig::asap(65_536), calls).1.received
    };
    let [at_once, later] = [0, 3_000].map(received);
    assert_eq!(later[0], at_once[0], "nobody reads yet");
    assert_eq!(later[1], at_once[1] + 3_000);
}

#[test]
fn a_packet_of_a_program_comes_to_the_queue_later_if_an_interrupt_wakes_the_thread_before_that() {
    // 10 us from the socket to the queue. Chunks come due 5 us before one that is sent 10 ms later comes there.
    let due = |interrupted| {
        let chunks = ten_bytes_every(SimDuration::from_millis(1));
        let mut c = pair("6.12", 1_000, WriteConfig::endless(chunks), ReadConfig::NEVER);
        c.forward.delay = SimDuration::from_micros(9_995);
        c.host.packet_cost = SimDuration::from_micros(20);
        c.host.steps.descent = 500_000;
        c.sender.route.initcwnd = Some(1_000);
        c.sender.sockopt.nodelay = true;
        c.stop.after = SimDuration::from_millis(25);
        c.host.calls = CallConfig {
            interrupted: SimDuration::from_nanos(interrupted),
            one_thread: true,
            threaded_softirqs: true,
            ..CallConfig::default()
        };
        let mut data = Data::default();
        run(&c, &mut data).unwrap();
        data
    };
    let [as_ever, later] = [due(0), due(3_000)].map(|d| d.due);
    assert_eq!(as_ever[..10], later[..10], "nothing came due yet");
    assert_eq!(later[12] - as_ever[12], 3_000);
}

#[test]
fn of_both_that_an_interrupt_wakes_whoever_has_had_less_of_the_processor_goes_first() {
    // Sleeps may last 400 us too long, so that packets that come due end many of them. In the first 200 ms soft interrupts take 150
    // times `segment_us`, the program nothing; before that it was 2.6 ms ahead.
    let sent_first = |segment_us| {
        let mut c = pair(
            "6.1",
            20,
            WriteConfig::endless(ten_bytes_every(SimDuration::from_millis(1))),
            ReadConfig::NEVER,
        );
        // Chunks leave 1.4 ms behind each other until one comes due while the program might wake.
        c.forward.delay = SimDuration::from_micros(9_600);
        c.host.packet_cost = SimDuration::from_micros(segment_us);
        c.sender.route.initcwnd = Some(1_000);
        c.sender.sockopt.nodelay = true;
        c.stop.after = SimDuration::from_millis(200);
        c.host.calls = CallConfig {
            one_thread: true,
            threaded_softirqs: true,
            slack: SimDuration::from_micros(400),
            rouse: SimDuration::from_micros(3),
            rouse_first: [SimDuration::from_micros(7), SimDuration::ZERO],
            ..CallConfig::default()
        };
        let mut data = Data::default();
        run(&c, &mut data).unwrap();
        let first =
            |sent: u64| data.due.iter().any(|due| (7_000..7_100).contains(&sent.saturating_sub(*due)));
        data.sent.iter().filter(|sent| first(**sent)).count()
    };
    assert_eq!(sent_first(1), 0, "the thread has had less all the time");
    assert!(sent_first(100) > 5, "once it has had more, the program does not wait for it");
}
