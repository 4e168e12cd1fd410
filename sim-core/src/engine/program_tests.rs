//! Whole runs in which the programs do more than write and read: they answer, stall, end, and take time.

use super::tests::blog;
use super::{RunOutcome, run};
use crate::config::*;
use crate::observer::{Observer, SenderState, Silent};
use crate::segment::Segment;
use crate::skb::Skb;
use crate::state::{SocketState, TcpState};
use crate::time::{Now, SimDuration};

pub(super) const MIB: u64 = 1 << 20;

/// A path of `rtt_ms`, an ordinary buffer, `write` and `read`.
pub(super) fn pair(kernel: &str, rtt_ms: u64, write: WriteConfig, read: ReadConfig) -> RunConfig {
    let mut c = blog(kernel, 1, 10);
    let half = SimDuration::from_micros(500 * rtt_ms);
    (c.forward.delay, c.reverse.delay) = (half, half);
    c.receiver.sockopt.rcvbuf = None;
    (c.sender.write, c.receiver.read) = (write, read);
    c.stop.after = SimDuration::from_secs(60);
    c.stop.max_events = 2_000_000;
    c
}

pub(super) fn burst(total: u64, ending: Ending) -> WriteConfig {
    let mode = WriteMode::Burst { call: 65_536, retry: SimDuration::ZERO };
    WriteConfig { total: Some(total), ending, ..WriteConfig::endless(mode) }
}

pub(super) fn outcome(config: &RunConfig) -> RunOutcome {
    run(config, &mut Silent).unwrap()
}

/// The sizes of all reads.
#[derive(Default)]
struct Reads(Vec<u32>);

impl Observer for Reads {
    fn read(&mut self, _: Now, bytes: u32, _: &SocketState) {
        self.0.push(bytes);
    }
}

#[test]
fn a_file_is_read_to_its_end_and_both_ends_close() {
    for kernel in ["5.10", "6.1", "6.12", "6.18", "7.2"] {
        let file = WriteConfig { mode: WriteMode::File { piece: 65_536 }, ..burst(MIB, Ending::Close) };
        let read = ReadConfig { close_at_end: true, ..ReadConfig::asap(65_536) };
        let r = outcome(&pair(kernel, 10, file, read));
        assert_eq!((r.written, r.read, r.receiver.recvq()), (MIB, MIB, 0), "{kernel}");
        // The reader's FIN was acknowledged; nothing was reset and nothing had to be sent again.
        assert_eq!(r.receiver.state, TcpState::Close, "{kernel}");
        assert_eq!(r.receiver.rmem, 0, "{kernel}");
        assert_eq!(r.sender_counters.retrans_segs + r.receiver_counters.retrans_segs, 0, "{kernel}");
    }
}

#[test]
fn after_a_half_close_the_other_direction_goes_on() {
    let mut c = pair("6.1", 10, burst(100_000, Ending::HalfClose), ReadConfig::asap(65_536));
    c.receiver.write = WriteConfig { start: SimDuration::from_millis(500), ..burst(300_000, Ending::Close) };
    c.sender.read = ReadConfig::asap(65_536);
    let r = outcome(&c);
    assert_eq!((r.read, r.returned), (100_000, 300_000));
    assert_eq!(r.receiver.state, TcpState::Close, "its FIN was acknowledged");
}

#[test]
fn closing_with_unread_data_resets_the_connection() {
    let read = ReadConfig { close_after: Some(20_000), ..ReadConfig::asap(10_000) };
    let mut c = pair("6.1", 20, burst(10 * MIB, Ending::Stay), read);
    c.receiver.sockopt.rcvbuf = Some(256 << 10);
    let r = outcome(&c);
    assert!((20_000..30_000).contains(&r.read), "{}", r.read);
    assert_eq!((r.receiver.state, r.receiver.rmem), (TcpState::Close, 0));
    assert!(r.written < 10 * MIB, "the reset ends the writer: {}", r.written);
    assert_eq!(r.sender.packets_out, 0, "nothing is in flight in a connection that is gone");
}

#[test]
fn closing_after_everything_was_read_is_orderly() {
    let read = ReadConfig { close_after: Some(50_000), ..ReadConfig::asap(65_536) };
    let r = outcome(&pair("6.1", 20, burst(50_000, Ending::Close), read));
    assert_eq!((r.read, r.receiver.state), (50_000, TcpState::Close));
    assert_eq!(r.sender_counters.retrans_segs, 0);
}

#[test]
fn an_echo_in_one_thread_returns_every_byte_on_every_kernel() {
    for kernel in ["5.10", "6.1", "6.12", "6.18", "7.2"] {
        for (rtt, cost) in [(0, 0), (0, 12), (5, 12)] {
            let echo = ReadConfig::of(ReadMode::Echo { buffer: 16_384 });
            let mut c = pair(kernel, rtt, burst(MIB, Ending::Stay), echo);
            c.sender.read = ReadConfig::asap(65_536);
            c.host.calls = CallConfig {
                one_thread: true,
                threaded_softirqs: true,
                ..CallConfig::costing(SimDuration::from_micros(cost))
            };
            (c.stop.bytes, c.stop.returned) = (Some(MIB), Some(MIB));
            let r = outcome(&c);
            assert_eq!((r.read, r.returned), (MIB, MIB), "{kernel}, RTT {rtt} ms, calls of {cost} us");
        }
    }
}

#[test]
fn each_request_costs_a_round_trip_and_gets_its_whole_answer() {
    let think = SimDuration::from_millis(3);
    let ask = WriteMode::RequestResponse { request: 100, response: 5_000, think };
    let write = WriteConfig { total: Some(1_000), ending: Ending::Close, ..WriteConfig::endless(ask) };
    let mut c = pair("6.1", 20, write, ReadConfig { close_at_end: true, ..ReadConfig::asap(65_536) });
    let service = SimDuration::from_millis(7);
    c.receiver.write = WriteConfig::endless(WriteMode::Respond { request: 100, response: 5_000, service });
    c.sender.read = ReadConfig::asap(65_536);
    let r = outcome(&c);
    assert_eq!((r.read, r.returned), (1_000, 50_000));
    assert_eq!(r.receiver.state, TcpState::Close);
    // Ten round trips of 20 ms, ten services of 7 ms and nine pauses of 3 ms.
    c.stop.returned = Some(50_000);
    let r = outcome(&c);
    let took = r.ended.since(r.started).as_micros();
    assert!((297_000..310_000).contains(&took), "{took} us");
}

#[test]
fn segments_that_come_during_a_call_wait_in_the_backlog_and_are_joined_there() {
    let mut c = pair("6.12", 4, burst(4 * MIB, Ending::Stay), ReadConfig::asap(262_144));
    c.stop.bytes = Some(4 * MIB);
    let without = outcome(&c);
    assert_eq!(without.receiver_counters.backlog_coalesce, 0);
    c.host.calls = CallConfig::costing(SimDuration::from_micros(50));
    let with = outcome(&c);
    assert!(with.receiver_counters.backlog_coalesce > 0);
    assert_eq!((with.read, with.written), (without.read, without.written));
    // Where soft interrupts have a thread that nobody runs in its place, nothing comes in between.
    c.host.calls.threaded_softirqs = true;
    c.kernel = crate::linux::by_name("6.1").unwrap();
    assert_eq!(outcome(&c).receiver_counters.backlog_coalesce, 0);
}

#[test]
fn duplicate_acks_that_join_in_the_backlog_of_a_send_count_each_where_there_is_no_sack() {
    let mut c = pair("6.12", 4, burst(4 * MIB, Ending::Stay), ReadConfig::asap(262_144));
    for end in [&mut c.sender, &mut c.receiver] {
        (end.sysctl.tcp_sack, end.sysctl.tcp_timestamps) = (false, false);
    }
    c.forward.drop_every = 20;
    c.stop.bytes = Some(MIB);
    // Most of what a loss brings comes during one call.
    c.host.calls = CallConfig::costing(SimDuration::from_millis(3));
    let r = outcome(&c);
    let s = &r.sender_counters;
    assert!(s.backlog_coalesce > s.reno_recovery && s.reno_recovery > 40, "{s:?}");
    assert_eq!(s.timeouts, 0, "three of them are enough for a recovery: {s:?}");
}

#[test]
fn calls_that_take_time_lose_no_byte_and_repeat_to_the_nanosecond() {
    let mut c = pair("7.2", 1, burst(2 * MIB, Ending::Close), ReadConfig::asap(4_096));
    c.host.calls = CallConfig::costing(SimDuration::from_micros(40));
    let first = outcome(&c);
    assert_eq!(first.read, 2 * MIB);
    assert_eq!(outcome(&c), first);
}

#[test]
fn a_low_water_mark_wakes_the_reader_for_so_many_bytes() {
    let mut c = pair("6.1", 20, burst(MIB, Ending::Stay), ReadConfig::asap(4 << 20));
    c.receiver.sockopt.rcvlowat = Some(30_000);
    c.stop.bytes = Some(MIB - 30_000);
    let mut reads = Reads::default();
    run(&c, &mut reads).unwrap();
    assert!(reads.0.len() > 3);
    assert!(reads.0.iter().all(|&n| n >= 30_000), "{:?}", reads.0);
}

#[test]
fn a_reader_takes_the_processor_from_the_soft_interrupts_thread_when_a_poll_ends() {
    // 500 segments back to back, faster than they are processed.
    let mut c = pair("6.1", 20, burst(500_000, Ending::Stay), ReadConfig::asap(1 << 20));
    c.sender.route.initcwnd = Some(500);
    c.sender.sockopt =
        SockOpts { maxseg: Some(1_000), sndbuf: Some(4 << 20), sndbuf_force: true, ..c.sender.sockopt };
    c.sender.offload = Offload { tso: false, gso: false, gro: false };
    c.receiver.sockopt.rcvbuf = Some(2 << 20);
    c.receiver.sockopt.rcvbuf_force = true;
    c.receiver.sockopt.rcvlowat = Some(20_000);
    c.host.packet_cost = SimDuration::from_micros(60);
    let largest = |c: &RunConfig| {
        let mut reads = Reads::default();
        assert!(run(c, &mut reads).unwrap().read > 480_000, "what is left is below the mark");
        reads.0.into_iter().max().unwrap()
    };
    let alone = largest(&c);
    assert!(alone > 300_000, "soft interrupts go on while there is something to do: {alone}");
    c.host.calls.threaded_softirqs = true;
    // A poll takes 64 segments; the mark is reached in the middle of the one before at worst.
    let shared = largest(&c);
    assert!((64_000..=84_000).contains(&shared), "{shared}");
}

#[test]
fn a_slow_reader_sets_the_pace_of_the_writer() {
    // 1 MB/s.
    let work = Work { per_call: SimDuration::ZERO, rate_bps: Some(8_000_000) };
    let read = ReadConfig::of(ReadMode::Asap { buffer: 8_192, work, stall: None });
    let mut c = pair("6.12", 10, burst(2_000_000, Ending::Stay), read);
    c.stop.bytes = Some(2_000_000);
    let took = |r: &RunOutcome| r.ended.since(r.started).as_micros();
    let steady = took(&outcome(&c));
    assert!((1_990_000..2_100_000).contains(&steady), "{steady} us");
    // The same with a pause of 200 ms in every half second.
    let stall = Stall { every: SimDuration::from_millis(500), length: SimDuration::from_millis(200) };
    c.receiver.read = ReadConfig::of(ReadMode::Asap { buffer: 8_192, work, stall: Some(stall) });
    let stalled = took(&outcome(&c));
    assert!((2_900_000..3_200_000).contains(&stalled), "{stalled} us");
}

#[test]
fn a_constant_rate_writes_what_it_says_and_starts_when_it_says() {
    let mode = WriteMode::Paced { rate_bps: 4_000_000, call: 5_000 };
    let write = WriteConfig { start: SimDuration::from_secs(2), ..WriteConfig::endless(mode) };
    let mut c = pair("6.1", 10, write, ReadConfig::asap(65_536));
    c.stop.after = SimDuration::from_millis(1_005);
    let r = outcome(&c);
    // A call every 10 ms, the first at once.
    assert_eq!(r.written, 101 * 5_000);
    assert!(r.started.as_micros() >= 2_000_000);
}

#[test]
fn a_planned_close_ends_a_connection_from_outside() {
    let mut c = pair("6.1", 20, burst(10 * MIB, Ending::Stay), ReadConfig::NEVER);
    let at = SimDuration::from_millis(500);
    c.events = vec![TimedChange { at, change: Change::ReceiverEnding(Ending::Close) }];
    let r = outcome(&c);
    assert_eq!((r.receiver.state, r.receiver.rmem, r.sender.packets_out), (TcpState::Close, 0, 0));
}

#[test]
fn a_close_with_a_linger_time_of_zero_resets_the_connection_and_drops_what_was_not_sent() {
    let mut c = pair("6.12", 20, burst(MIB, Ending::Close), ReadConfig::asap(65_536));
    let orderly = outcome(&c);
    c.sender.sockopt.linger_zero = true;
    let reset = outcome(&c);
    assert_eq!((orderly.read, orderly.sender_counters.out_rsts), (MIB, 0));
    assert_eq!((reset.sender_counters.abort_on_data, reset.receiver.state), (1, TcpState::Close));
    // ACKs that were on their way meet no socket and are answered with resets as well.
    assert!(reset.sender_counters.out_rsts >= 1);
    assert!(reset.read < MIB, "{}", reset.read);
}

#[test]
fn the_peers_fin_is_waited_for_as_long_as_the_program_says() {
    let mut c = pair("6.12", 20, burst(1_000, Ending::Close), ReadConfig::asap(65_536));
    c.stop.bytes = None;
    c.stop.after = SimDuration::from_secs(20);
    assert_eq!(outcome(&c).sender_counters.time_waited, 0, "a minute by default");
    c.sender.sockopt.linger2 = Some(5);
    assert_eq!(outcome(&c).sender_counters.time_waited, 1);
}

/// When data was sent, us.
#[derive(Default)]
struct Sent(Vec<f64>);

impl Observer for Sent {
    fn sent(&mut self, now: Now, seg: &Segment, _: &SenderState) {
        if seg.len > 0 {
            self.0.push(now.time.as_nanos() as f64 / 1e3);
        }
    }
}

/// What a writer of small chunks does that may have many of them in flight.
pub(super) fn ten_bytes_every(every: SimDuration) -> WriteMode {
    WriteMode::Chunks { sizes: vec![10], every, in_flight: 10_000, prefill: 0, receiver_quickack: false }
}

/// When chunks are sent, one a millisecond, by a program whose sleeps may be 50 us too long and whose waking takes 5.
fn chunks_of_a_sleeper(
    kernel: &str,
    rtt_ms: u64,
    one_way: SimDuration,
    change: impl FnOnce(&mut CallConfig),
) -> (RunConfig, Vec<f64>) {
    let mut c = pair(
        kernel,
        rtt_ms,
        WriteConfig::endless(ten_bytes_every(SimDuration::from_millis(1))),
        ReadConfig::NEVER,
    );
    c.forward.delay = one_way;
    c.host.packet_cost = SimDuration::ZERO;
    c.sender.route.initcwnd = Some(1_000);
    c.sender.sockopt.nodelay = true;
    c.stop.after = SimDuration::from_millis(200);
    c.host.calls = CallConfig {
        slack: SimDuration::from_micros(50),
        rouse: SimDuration::from_micros(5),
        one_thread: true,
        threaded_softirqs: true,
        ..CallConfig::default()
    };
    change(&mut c.host.calls);
    let mut sent = Sent::default();
    run(&c, &mut sent).unwrap();
    assert!(sent.0.len() > 150, "{}", sent.0.len());
    (c, sent.0)
}

/// When data was sent and when it was received, us.
#[derive(Default)]
struct Crossed {
    sent: Vec<f64>,
    received: Vec<f64>,
}

impl Observer for Crossed {
    fn sent(&mut self, now: Now, seg: &Segment, _: &SenderState) {
        if seg.len > 0 {
            self.sent.push(now.time.as_nanos() as f64 / 1e3);
        }
    }

    fn segment(&mut self, now: Now, seg: &Segment, _: &Skb, _: &SocketState) {
        if seg.len > 0 {
            self.received.push(now.time.as_nanos() as f64 / 1e3);
        }
    }
}

/// How long after a packet left its socket the one before is received, which comes due `after` us behind the device's queue
/// was looked at for the former: 10 us down to the queue, 32 from a look at it to the socket.
fn behind_a_packet(kernel: &str, after: i64, change: impl FnOnce(&mut CallConfig)) -> f64 {
    let mut c = pair(
        kernel,
        2,
        WriteConfig::endless(ten_bytes_every(SimDuration::from_millis(1))),
        ReadConfig::NEVER,
    );
    c.forward.delay = SimDuration::from_nanos((1_000_000 + after * 1_000) as u64);
    c.host.packet_cost = SimDuration::from_micros(20);
    let share = |us: u32| us * 50_000;
    let steps = &mut c.host.steps;
    (steps.descent, steps.wake, steps.entrance, steps.take) = (share(10), share(32), share(28), share(2));
    c.sender.route.initcwnd = Some(1_000);
    c.sender.sockopt.nodelay = true;
    c.stop.after = SimDuration::from_millis(20);
    c.host.calls = CallConfig {
        way_back: SimDuration::from_micros(6),
        slice: SimDuration::from_millis(1),
        one_thread: true,
        threaded_softirqs: true,
        ..CallConfig::default()
    };
    change(&mut c.host.calls);
    let mut seen = Crossed::default();
    run(&c, &mut seen).unwrap();
    let last = seen.received[10];
    let sent = seen.sent.iter().rfind(|t| **t < last).unwrap();
    ((last - sent) * 10.0).round() / 10.0
}

#[test]
fn what_comes_due_during_a_send_is_received_on_its_way_back() {
    // Soft interrupts of its own, behind the look at the queue or where it has unlocked its socket.
    assert_eq!(behind_a_packet("6.12", 0, |_| {}), 10.0 + 34.0);
    assert_eq!(behind_a_packet("6.12", 3, |_| {}), 16.0 + 34.0);
    // Their thread, which has had less of the processor; a scheduler that does not mind lets the program go to sleep.
    assert_eq!(behind_a_packet("6.1", 0, |_| {}), 16.0 + 34.0);
    assert_eq!(behind_a_packet("6.1", 3, |_| {}), 16.0 + 34.0);
    assert_eq!(
        behind_a_packet("6.1", 9, |_| {}),
        19.0 + 34.0,
        "due behind it, but before the program sleeps"
    );
    let patient = |calls: &mut CallConfig| calls.slice = SimDuration::from_millis(50);
    assert!(behind_a_packet("6.1", 3, patient) > 52.0);
}

#[test]
fn a_sleep_is_too_long_by_the_slack_unless_the_tick_ends_it() {
    for ends_sleeps in [true, false] {
        let one_way = SimDuration::from_millis(500);
        let (c, sent) = chunks_of_a_sleeper("6.1", 1_000, one_way, |c| c.tick_rouses = ends_sleeps);
        let since = c.host.since_tick.as_nanos() as f64 / 1e3;
        let mut ticks = 0;
        for w in sent.windows(2) {
            let asked = w[0] + 1_000.0;
            let tick = ((asked + since) / 4_000.0).ceil() * 4_000.0 - since;
            let at_tick = ends_sleeps && tick <= asked + 50.0;
            let ends = if at_tick { (tick + 7.5).min(asked + 55.0) } else { asked + 55.0 };
            ticks += u32::from(tick <= asked + 50.0);
            assert!((w[1] - ends).abs() < 0.1, "after {}: {} for {ends}", w[0], w[1]);
        }
        assert!(ticks > 0, "one sleep in twenty or so");
    }
}

#[test]
fn a_tick_between_the_end_of_a_sleep_and_its_program_takes_time() {
    let (c, sent) = chunks_of_a_sleeper("6.1", 1_000, SimDuration::from_millis(500), |c| {
        (c.rouse, c.tick) = (SimDuration::from_micros(200), SimDuration::from_micros(12));
    });
    let since = c.host.since_tick.as_nanos() as f64 / 1e3;
    let mut late = 0;
    for w in sent.windows(2) {
        let [over, runs] = [w[0] + 1_050.0, w[0] + 1_250.0];
        let ticked = ((runs + since) / 4_000.0).floor() > ((over + since) / 4_000.0).floor();
        let takes = if ticked { 12.0 } else { 0.0 };
        assert!((w[1] - runs - takes).abs() < 0.1, "after {}: {} for {}", w[0], w[1], runs + takes);
        late += u32::from(ticked);
    }
    assert!(late > 3, "one in twenty: {late}");
}

#[test]
fn a_packet_that_comes_due_within_the_slack_ends_a_sleep() {
    for kernel in ["6.1", "6.12"] {
        let (_, sent) =
            chunks_of_a_sleeper(kernel, 100, SimDuration::from_micros(1_020), |c| c.tick_rouses = true);
        let ended = sent.windows(2).filter(|w| (1_020.0..1_026.0).contains(&(w[1] - w[0]))).count();
        assert!(
            ended * 10 > sent.len() * 7,
            "{kernel}: {ended} of {}: {:?}",
            sent.len(),
            sent.windows(2).take(12).map(|w| w[1] - w[0]).collect::<Vec<_>>()
        );
        assert!(sent.windows(2).all(|w| (1_000.0..1_055.1).contains(&(w[1] - w[0]))), "{kernel}");
    }
}

#[test]
fn a_long_sleep_is_too_long_by_a_thousandth() {
    let every = SimDuration::from_millis(200);
    let read = ReadConfig { start: every, ..ReadConfig::of(ReadMode::Fixed { bytes: 100, every }) };
    let mut c = pair("6.1", 20, burst(100, Ending::Stay), read);
    c.host.calls = CallConfig {
        slack: SimDuration::from_micros(50),
        rouse: SimDuration::from_micros(5),
        ..CallConfig::default()
    };
    c.stop.bytes = Some(100);
    let r = outcome(&c);
    let took = r.ended.since(r.started).as_nanos();
    // Asked for at once, ended by no packet.
    assert_eq!(took, 200_000_000 + 200_000 + 5_000);
}

/// ACKs that the timer of compressed ACKs sent.
#[derive(Default)]
struct CompressedAcks(u32);

impl Observer for CompressedAcks {
    fn transmit(&mut self, _: Now, packet: &crate::observer::Transmit, _: &SocketState) {
        self.0 += u32::from(packet.reason == crate::observer::AckReason::Compressed);
    }
}

#[test]
fn a_timer_waits_until_the_soft_interrupt_that_receives_is_over() {
    // Without timestamps and before a window has passed the receiver knows no round trip: SACKs are held back for no time at
    // all. The segments of a flight behind a hole are received at a stretch.
    let acks = |threaded_softirqs| {
        let mut c = blog("6.12", 1, 100);
        c.receiver.sockopt.rcvbuf = Some(1 << 20);
        c.host.packet_cost = SimDuration::from_micros(25);
        c.host.calls.threaded_softirqs = threaded_softirqs;
        c.forward.drop_every = 50;
        c.stop.after = SimDuration::from_millis(450);
        let mut seen = CompressedAcks::default();
        run(&c, &mut seen).unwrap();
        seen.0
    };
    let (waiting, between) = (acks(true), acks(false));
    assert!(waiting > 0 && 3 * waiting < between, "{waiting} instead of {between}");
}

/// A transfer of two seconds that loses every 40th segment, so that the reader's ACKs are compressed.
fn losing(kernel: &str) -> RunConfig {
    let mut c = blog(kernel, 1, 100);
    c.receiver.sockopt.rcvbuf = None;
    c.receiver.read = ReadConfig::asap(65_536);
    (c.sender.sysctl.tcp_timestamps, c.receiver.sysctl.tcp_timestamps) = (true, true);
    c.forward.rate_bps = Some(20_000_000);
    c.forward.drop_every = 40;
    c.host.packet_cost = SimDuration::ZERO;
    c.stop.after = SimDuration::from_secs(2);
    c
}

/// How many milliseconds later than the segment before it an ACK of the timer of compressed ACKs was stamped, at most; counted from the
/// machine's start.
#[derive(Default)]
struct Stamps {
    last: Option<u32>,
    later: u32,
}

impl Observer for Stamps {
    fn transmit(&mut self, _: Now, packet: &crate::observer::Transmit, _: &SocketState) {
        let stamp = packet.seg.ts.map(|ts| ts.val);
        if packet.reason == crate::observer::AckReason::Compressed
            && let (Some(last), Some(stamp)) = (self.last, stamp)
        {
            self.later = self.later.max(stamp - last);
        }
    }

    fn segment(&mut self, now: Now, _: &Segment, _: &Skb, _: &SocketState) {
        self.last = Some(now.time.as_micros() as u32 / 1_000);
    }
}

#[test]
fn the_timer_of_compressed_acks_stamps_its_ack_with_its_own_time_from_6_18_on() {
    let later = |kernel| {
        let c = losing(kernel);
        let mut seen = Stamps::default();
        run(&c, &mut seen).unwrap();
        seen.later
    };
    let cached = later("5.10");
    assert_eq!(["6.1", "6.12", "6.18", "7.2"].map(|kernel| later(kernel) - cached), [0, 0, 1, 1]);
}

/// The longest that an ACK was held back for SACK compression, in microseconds since the first segment that it stands for.
#[derive(Default)]
struct HeldBack {
    since: Option<u64>,
    longest: u64,
}

impl Observer for HeldBack {
    fn segment(&mut self, now: Now, seg: &Segment, _: &Skb, _: &SocketState) {
        if seg.len > 0 {
            self.since.get_or_insert(now.time.as_micros());
        }
    }

    fn transmit(&mut self, now: Now, packet: &crate::observer::Transmit, _: &SocketState) {
        let since = self.since.take();
        if packet.reason == crate::observer::AckReason::Compressed {
            self.longest = self.longest.max(now.time.as_micros() - since.unwrap());
        }
    }
}

#[test]
fn a_compressed_ack_takes_all_the_slack_of_its_timer() {
    let held = |kernel, slack: Option<u64>| {
        let mut c = losing(kernel);
        if let Some(ns) = slack {
            c.receiver.sysctl.tcp_comp_sack_slack_ns = ns;
        }
        let mut seen = HeldBack::default();
        run(&c, &mut seen).unwrap();
        seen.longest
    };
    assert_eq!(held("6.1", Some(0)), 1_000);
    assert_eq!(held("6.1", Some(300_000)), 1_300);
    assert_eq!(held("6.1", None), 1_100);
    assert_eq!(held("7.2", None), 1_010);
}
