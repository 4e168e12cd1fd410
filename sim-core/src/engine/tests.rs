//! Whole runs whose outcome was recorded on real kernels.

use super::program_tests::{MIB, burst, outcome, pair};
use super::{RunError, RunOutcome, Workspace, run};
use crate::config::*;
use crate::linux::by_name;
use crate::observer::{Observer, SendEvent, SenderState, Silent};
use crate::segment::Segment;
use crate::skb::Skb;
use crate::state::SocketState;
use crate::time::{Now, SimDuration, SimTime};

/// Packets that the writing end sent: tick, sequence number, length, window and threshold.
#[derive(Default)]
struct Sent(Vec<(i64, i64, u32, u32, u32)>);

impl Observer for Sent {
    fn sent(&mut self, now: Now, seg: &Segment, s: &SenderState) {
        self.0.push((now.jiffies.0, seg.seq.0, seg.len, s.cwnd, s.ssthresh));
    }
}

/// `SO_RCVBUF` 32 KiB, RTT 200 ms, MSS 1024, nobody reads; `aws` is `tcp_adv_win_scale`.
pub(super) fn blog(kernel: &str, aws: i8, initcwnd: u32) -> RunConfig {
    let kernel = by_name(kernel).unwrap();
    let sysctl = Sysctls { tcp_adv_win_scale: aws, tcp_timestamps: false, ..kernel.default_sysctls() };
    let link = LinkConfig {
        delay: SimDuration::from_millis(100),
        limit: 10_000,
        mtu: 65_536,
        rate_bps: None,
        ..LinkConfig::default()
    };
    let end = |sockopt, write| EndpointConfig {
        sysctl: sysctl.clone(),
        sockopt,
        route: Route { initcwnd: Some(initcwnd), ..Route::default() },
        offload: Offload { tso: false, gso: false, gro: false },
        nic: NicModel::Loopback.into(),
        congestion: Congestion::Cubic,
        write,
        read: ReadConfig::NEVER,
    };
    let sockopt = SockOpts { maxseg: Some(1_024), nodelay: true, ..SockOpts::default() };
    RunConfig {
        kernel,
        seed: 1,
        forward: link.clone(),
        reverse: link,
        sender: end(
            SockOpts { sndbuf: Some(4 << 20), sndbuf_force: true, ..sockopt.clone() },
            WriteConfig {
                // A second after the recorded program's `accept`, which comes half a round trip after `connect`.
                start: SimDuration::from_micros(1_100_176),
                ..WriteConfig::endless(WriteMode::Burst {
                    call: 16 << 20,
                    retry: SimDuration::from_millis(50),
                })
            },
        ),
        receiver: end(SockOpts { rcvbuf: Some(32 << 10), rcvbuf_force: true, ..sockopt }, WriteConfig::NEVER),
        flows: FlowsConfig::default(),
        host: HostConfig {
            skb: crate::skb::SkbLayout::default(),
            hz: 250,
            since_tick: SimDuration::from_nanos(1_535_000),
            jiffies: 4_294_893_289,
            tcp_mem: [188_888, 251_851, 377_776],
            copy_rate: 0,
            packet_cost: SimDuration::from_nanos(24_821),
            steps: StepShares::default(),
            calls: CallConfig::default(),
        },
        events: Vec::new(),
        stop: StopConfig {
            after: SimDuration::from_secs(5),
            bytes: None,
            returned: None,
            packets: None,
            max_events: 100_000,
            closing: None,
        },
    }
}

#[test]
fn the_budget_overrun_of_6_1_follows_from_its_configuration() {
    let mut sent = Sent::default();
    let r = run(&blog("6.1", 0, 10_000), &mut sent).unwrap();
    assert_eq!((r.segments, r.written, r.read), (68, 8_032_256, 0));
    assert_eq!((r.receiver.recvq(), r.receiver.rmem, r.receiver.rcv_ssthresh), (62_464, 73_984, 2_048));
    assert_eq!((r.receiver.drops, r.receiver.lrcvtime.map(|j| j.0)), (6, Some(351)));
    let c = r.receiver_counters.plus(&r.sender_counters);
    let get = |n| c.get(n).unwrap();
    assert_eq!((get("InSegs"), get("OutSegs"), get("RetransSegs")), (87, 84, 3));
    assert_eq!((get("TCPTimeouts"), get("TCPLossProbes"), get("TCPLostRetransmit")), (2, 1, 1));
    assert_eq!((get("TCPRcvQDrop"), get("TCPOFODrop"), get("TCPRcvCollapsed")), (3, 3, 89));
    assert_eq!((get("TCPHPHits"), get("TCPPureAcks")), (44, 18));
    // Tail loss probe, then two timeouts of the head, each on its recorded tick.
    assert_eq!(
        sent.0[sent.0.len() - 3..],
        [
            (495, 64_513, 1_024, 10_000, i32::MAX as u32),
            (655, 62_465, 1_024, 1, 7_001),
            (967, 62_465, 1_024, 1, 7_001)
        ]
    );
    assert_eq!(sent.0.len(), 38);
}

/// Recorded (6.12 `v8_idle_restart`): 518 us of the millisecond have passed when the run begins, and so timestamps advance 482 us
/// later.
#[test]
fn timestamps_advance_on_whole_milliseconds_of_the_monotonic_clock() {
    let mut config = blog("6.12", 1, 10);
    config.host.since_tick = SimDuration::from_nanos(3_518_000);
    let sysctl = std::sync::Arc::new(config.sender.sysctl.clone());
    let end = super::endpoint::Endpoint::new(config.kernel, &config.sender, &config.host, &sysctl);
    assert_eq!(end.rx.timestamps_from().0 % 1_000, 518);
}

#[test]
fn the_normal_run_of_6_1_ends_in_window_probes() {
    let mut config = blog("6.1", 1, 1_024);
    config.host.since_tick = SimDuration::from_nanos(333_000);
    let mut sent = Sent::default();
    let r = run(&config, &mut sent).unwrap();
    assert_eq!((r.segments, r.written), (59, 7_766_016));
    assert_eq!((r.receiver.recvq(), r.receiver.rcv_wnd, r.receiver.drops), (57_344, 0, 2));
    let lens: Vec<u32> = sent.0.iter().map(|s| s.2).skip(18).collect();
    assert_eq!(lens, [1_024, 9_216, 4_096, 2_048, 5_120, 3_072, 0, 0]);
    assert_eq!(r.sender_counters.win_probe, 2);
}

#[test]
fn later_kernels_take_more_because_they_measure_what_segments_cost() {
    for kernel in ["6.12", "6.18", "7.2"] {
        let r = run(&blog(kernel, 0, 10_000), &mut Silent).unwrap();
        assert_eq!((r.receiver.recvq(), r.receiver.rmem, r.receiver.drops), (58_368, 61_952, 2), "{kernel}");
    }
}

#[test]
fn an_unobserved_run_is_the_same_run() {
    let config = blog("6.1", 0, 10_000);
    assert_eq!(run(&config, &mut Silent), run(&config, &mut Sent::default()));
}

#[test]
fn a_reader_gets_every_byte_of_a_bounded_transfer() {
    let mut config = blog("6.1", 1, 10);
    config.host.packet_cost = SimDuration::ZERO;
    let mode = WriteMode::Burst { call: 65_536, retry: SimDuration::ZERO };
    config.sender.write = WriteConfig { total: Some(3_000_000), ..WriteConfig::endless(mode) };
    let work = Work { per_call: SimDuration::from_micros(10), rate_bps: None };
    config.receiver.read = ReadConfig::of(ReadMode::Asap { buffer: 65_536, work, stall: None });
    config.stop.bytes = Some(3_000_000);
    config.stop.after = SimDuration::from_secs(600);
    let r = run(&config, &mut Silent).unwrap();
    assert_eq!((r.written, r.read), (3_000_000, 3_000_000));
    assert_eq!(r.sender_counters.retrans_segs, 0);
}

#[test]
fn a_run_that_needs_too_many_events_is_an_error() {
    let mut config = blog("6.1", 0, 10_000);
    config.stop.max_events = 50;
    assert!(matches!(run(&config, &mut Silent), Err(RunError::Budget(b)) if b.max_events == 50));
}

#[test]
fn a_path_that_loses_the_syn_never_connects() {
    let mut config = blog("6.1", 0, 10_000);
    config.forward.limit = 0;
    assert!(matches!(run(&config, &mut Silent), Err(RunError::NotEstablished { .. })));
}

/// Flows with bulk writers and eager readers over a link of 100 Mbit/s with a queue of 100 packets.
fn shared(flows: FlowsConfig) -> RunConfig {
    let mut config = blog("6.1", 1, 10);
    config.host.packet_cost = SimDuration::from_micros(1);
    config.forward = LinkConfig {
        delay: SimDuration::from_millis(5),
        limit: 100,
        mtu: 1_500,
        rate_bps: Some(100_000_000),
        ..LinkConfig::default()
    };
    config.reverse = LinkConfig { rate_bps: None, limit: 10_000, ..config.forward.clone() };
    let sockopt = SockOpts::default();
    (config.sender.sockopt, config.receiver.sockopt) = (sockopt.clone(), sockopt);
    config.sender.write = WriteConfig::endless(WriteMode::Burst { call: 65_536, retry: SimDuration::ZERO });
    config.receiver.read = ReadConfig::of(ReadMode::Asap {
        buffer: 65_536,
        work: Work { per_call: SimDuration::from_micros(10), rate_bps: None },
        stall: None,
    });
    config.stop.after = SimDuration::from_secs(20);
    config.stop.max_events = 100_000_000;
    config.flows = flows;
    config
}

#[test]
fn connections_share_a_link_and_none_starves() {
    let r = run(&shared(FlowsConfig::Alike { count: 4, spread: SimDuration::ZERO }), &mut Silent).unwrap();
    let total: u64 = r.flows.iter().map(|f| f.read).sum();
    assert_eq!((r.flows.len(), total), (4, r.read));
    // The link carries 12.5 MB/s, of which 1448 of 1514 bytes are data.
    let most = 12_500_000 * 20 / 1_514 * 1_460;
    assert!(total > most * 9 / 10 && total <= most, "{total} of {most}");
    for f in &r.flows {
        assert!(f.read > total / 8 && f.read < total / 2, "{} of {total}", f.read);
        assert!(f.receiver.recvq() as u64 + f.read <= f.written);
    }
    assert!(r.forward.over_limit > 0 && r.sender_counters.retrans_segs > 0);
}

/// Jain's index of fairness, in thousandths: 1000 if all get the same.
fn jain(shares: impl Iterator<Item = u64> + Clone) -> u64 {
    let n = shares.clone().count() as u128;
    let sum: u128 = shares.clone().map(u128::from).sum();
    let squares: u128 = shares.map(|x| u128::from(x) * u128::from(x)).sum();
    (sum * sum * 1_000 / (n * squares).max(1)) as u64
}

#[test]
fn fifty_connections_share_a_bottleneck_roughly_by_chance_and_evenly_by_fair_queueing() {
    let codel = CodelConfig { target: SimDuration::from_millis(5), interval: SimDuration::from_millis(100) };
    let fair = Discipline::FqCodel { codel, quantum: 1_514, flows: 65_535 };
    let even = [Discipline::DropTail, fair].map(|discipline| {
        let flows = FlowsConfig::Alike { count: 50, spread: SimDuration::from_millis(500) };
        let mut config = shared(flows);
        config.forward.queue =
            Some(QueueConfig { discipline, limit: QueueLimit::Packets(500), burst: None, ecn: false });
        config.forward.limit = 10_000;
        let r = run(&config, &mut Silent).unwrap();
        // The link carries 12.5 MB/s for 20 s, of which 1448 of 1514 bytes are data.
        assert!(r.read > 12_500_000 * 20 / 1_514 * 1_448 * 9 / 10, "{}", r.read);
        jain(r.flows.iter().map(|f| f.read))
    });
    assert!(even[0] >= 800 && even[1] >= 990, "{even:?}");
}

#[test]
fn ten_thousand_connections_in_one_run_all_get_their_bytes() {
    let flows = FlowsConfig::Alike { count: 10_000, spread: SimDuration::from_millis(500) };
    let mut config = shared(flows);
    config.forward.rate_bps = Some(10_000_000_000);
    config.forward.limit = 100_000;
    config.reverse.limit = 100_000;
    config.host.packet_cost = SimDuration::from_nanos(100);
    config.host.tcp_mem = [1 << 40; 3];
    config.sender.write.total = Some(15_000);
    config.stop.bytes = Some(150_000_000);
    let r = run(&config, &mut Silent).unwrap();
    assert_eq!((r.flows.len(), r.read), (10_000, 150_000_000));
    assert!(r.flows.iter().all(|f| f.read == 15_000));
    assert_eq!((r.forward.over_limit, r.sender_counters.retrans_segs), (0, 0));
}

#[test]
fn programs_that_wait_for_the_processor_take_no_events_while_they_wait() {
    let events = |count| {
        let mut config = shared(FlowsConfig::Alike { count, spread: SimDuration::ZERO });
        config.forward.limit = 100_000;
        // All have called `send` by the time the first call is over.
        config.host.calls.cost = SimDuration::from_millis(1);
        config.sender.write.total = Some(5_000);
        config.stop.bytes = Some(5_000 * u64::from(count));
        let r = run(&config, &mut Silent).unwrap();
        assert!(r.flows.iter().all(|f| f.read == 5_000));
        r.events / u64::from(count)
    };
    let (few, many) = (events(4), events(400));
    assert!(many <= 2 * few, "{few} and {many} events for each of 4 and 400 connections");
}

#[test]
fn connections_start_spread_over_time_or_when_they_say() {
    let spread =
        run(&shared(FlowsConfig::Alike { count: 4, spread: SimDuration::from_secs(2) }), &mut Silent)
            .unwrap();
    let opened: Vec<u64> = spread.flows.iter().map(|f| f.opened.as_nanos() / 100_000_000).collect();
    assert_eq!(opened, [0, 5, 10, 15]);

    let mut config = shared(FlowsConfig::default());
    let quiet = EndpointConfig { read: ReadConfig::NEVER, ..config.receiver.clone() };
    config.flows = FlowsConfig::Groups(vec![
        FlowGroup::default(),
        FlowGroup { start: SimDuration::from_secs(1), receiver: Some(quiet), ..FlowGroup::default() },
    ]);
    let each = run(&config, &mut Silent).unwrap();
    assert_eq!((each.flows[0].receiver.recvq(), each.flows[1].read), (0, 0));
    assert!(each.flows[0].read > 100_000_000 && each.flows[1].receiver.recvq() > 50_000);
    assert!(each.flows[1].opened >= SimTime::from_nanos(1_000_000_000));
}

/// Counts segments by flow.
#[derive(Default)]
struct ByFlow {
    now: usize,
    segments: Vec<u64>,
}

impl Observer for ByFlow {
    fn flow(&mut self, flow: u32) {
        self.now = flow as usize;
    }

    fn segment(&mut self, _: Now, _: &Segment, _: &Skb, _: &SocketState) {
        let at = self.now;
        self.segments.resize(self.segments.len().max(at + 1), 0);
        self.segments[at] += 1;
    }
}

#[test]
fn an_observer_is_told_whose_records_it_gets() {
    let mut seen = ByFlow::default();
    let mut config = shared(FlowsConfig::Alike { count: 3, spread: SimDuration::from_millis(1) });
    config.stop.after = SimDuration::from_secs(1);
    let r = run(&config, &mut seen).unwrap();
    assert_eq!(seen.segments, r.flows.iter().map(|f| f.segments).collect::<Vec<_>>());
    assert_eq!(seen.segments.iter().sum::<u64>(), r.segments);
}

#[test]
fn the_sockets_of_a_host_share_its_memory() {
    let mut config = shared(FlowsConfig::Alike { count: 8, spread: SimDuration::ZERO });
    config.receiver.read = ReadConfig::NEVER;
    // Without a processor's reserve, which would hide so few pages.
    config.kernel = by_name("5.10").unwrap();
    config.host.tcp_mem = [50, 75, 100];
    let r = run(&config, &mut Silent).unwrap();
    let charged: i64 = r.flows.iter().map(|f| i64::from(f.receiver.rmem)).sum();
    // One alone would take its whole budget of about 6 MiB; all eight together stay near 100 pages.
    assert!(charged < 8 * 100 * 4_096, "{charged}");
    assert_eq!(r.receiver_counters.memory_pressures, 1);
}

/// Data that the reading end has taken, at the SYN-ACK, and when it was established; the first ACK is lost.
fn without_the_last_ack(one_thread: bool) -> (RunOutcome, SimTime) {
    let mut config = shared(FlowsConfig::default());
    config.stop.after = SimDuration::from_secs(2);
    config.host.calls.one_thread = one_thread;
    config.forward.loss = Loss::Listed(vec![2]);
    let rtt = config.forward.delay.as_nanos() + config.reverse.delay.as_nanos();
    let r = run(&config, &mut Silent).unwrap();
    let started = r.started;
    assert!(r.read > 0);
    (r, started + SimDuration::from_nanos(rtt))
}

#[test]
fn data_completes_a_handshake_whose_last_ack_was_lost() {
    // As recorded: the writer does not wait for the reading end, which its data establishes.
    let (r, within) = without_the_last_ack(false);
    assert!(r.started < r.established && r.established < within, "{} {}", r.started, r.established);
    assert_eq!(r.receiver_counters.syn_retrans, 0);
    // A program that holds both ends waits in `accept` for a second, until the SYN-ACK is sent again.
    let (r, _) = without_the_last_ack(true);
    assert!(r.started >= r.established && r.established > SimTime::from_nanos(1_000_000_000));
    assert_eq!(r.receiver_counters.syn_retrans, 1);
}

#[test]
fn a_lost_syn_and_a_lost_syn_ack_are_sent_again() {
    // Every second segment is lost on arrival, the SYN's first copy among them or not.
    for (forward, reverse) in [(0, 2), (2, 0), (2, 2)] {
        let mut config = shared(FlowsConfig::default());
        config.stop.after = SimDuration::from_secs(2);
        (config.forward.drop_every, config.reverse.drop_every) = (forward, reverse);
        let r = run(&config, &mut Silent).unwrap();
        assert!(r.read > 0 && r.established > SimTime::ZERO, "{forward} {reverse}");
    }
    // All connections come through when only a few packets fit into the link at once.
    let mut config = shared(FlowsConfig::Alike { count: 60, spread: SimDuration::from_micros(1) });
    config.forward.limit = 20;
    let mode = WriteMode::Burst { call: 65_536, retry: SimDuration::ZERO };
    config.sender.write = WriteConfig { total: Some(3_000), ..WriteConfig::endless(mode) };
    let r = run(&config, &mut Silent).unwrap();
    assert!(r.flows.iter().all(|f| f.established.is_some()));
    let late = r.flows.iter().filter(|f| f.established.unwrap() > SimTime::from_nanos(900_000_000)).count();
    assert!(late >= 30, "{late}");
}

#[test]
fn a_run_does_not_depend_on_those_before_it_in_the_same_memory() {
    let overrun = blog("6.1", 0, 10_000);
    let mut several = shared(FlowsConfig::Alike { count: 8, spread: SimDuration::from_millis(1) });
    several.stop.after = SimDuration::from_millis(300);
    let mut starved = blog("6.1", 0, 10_000);
    starved.stop.max_events = 50;
    let mut workspace = Workspace::default();
    for config in [&overrun, &several, &starved, &overrun, &several, &several, &overrun] {
        assert_eq!(workspace.run(config, &mut Silent), run(config, &mut Silent));
    }
}

/// When ACKs that move `snd_una` reached the writing end.
#[derive(Default)]
struct Acked(Vec<SimTime>);

impl Observer for Acked {
    fn sending(&mut self, now: Now, event: SendEvent) {
        if event == SendEvent::Acked {
            self.0.push(now.time);
        }
    }
}

#[test]
fn acks_wait_behind_the_data_of_a_queueing_discipline_that_serves_both_ways() {
    // Ten segments of 1078 bytes with headers at 1 Mbit/s take 8.6 ms each, 86 ms together.
    let mut config = blog("6.1", 1, 10);
    config.forward.delay = SimDuration::from_millis(5);
    config.forward.rate_bps = Some(1_000_000);
    config.reverse = config.forward.clone();
    config.stop.packets = Some(20);
    let first_ack = |both_ways| {
        let mut config = config.clone();
        config.forward.both_ways = both_ways;
        let mut acked = Acked::default();
        let outcome = run(&config, &mut acked).unwrap();
        let opened = outcome.started;
        (acked.0.iter().find(|t| **t > opened).unwrap().since(opened).as_nanos() / 1_000_000, outcome)
    };
    let (alone, outcome) = first_ack(false);
    let (shared, both) = first_ack(true);
    // Alone it comes after both delays and a packet or two; otherwise behind the last byte of data.
    assert!((18..=30).contains(&alone) && (91..=93).contains(&shared), "{alone} {shared}");
    assert!(outcome.reverse.sent > 0 && both.reverse.sent == 0 && both.forward.sent > outcome.forward.sent);
}

#[test]
fn a_program_that_sleeps_until_the_end_is_late_by_a_thousandth_and_looks_until_nothing_arrives() {
    let mut config = blog("6.12", 1, 10);
    config.host.calls.threaded_softirqs = true;
    // The second flight arrives 300 ms after the first was sent; the run ends right before.
    let after = SimDuration::from_micros(299_500);
    config.stop.after = after;
    let end = |closing| {
        let mut config = config.clone();
        config.stop.closing = closing;
        let mut rows = Arrivals::default();
        let outcome = run(&config, &mut rows).unwrap();
        let behind = rows.0.iter().filter(|t| **t > outcome.ended).count() as i64;
        (outcome, behind)
    };
    let (plain, behind) = end(None);
    assert_eq!((plain.ended.since(plain.started), behind), (after, 0));
    let looks = |micros: u64| ClosingConfig {
        oversleep: SimDuration::from_micros(55),
        looks: [SimDuration::from_micros(micros); 2],
    };
    let (late, behind) = end(Some(looks(60)));
    // It fell asleep when its buffer was full, some milliseconds after it began.
    let overslept = late.ended.since(late.started).as_nanos() - after.as_nanos();
    assert!(overslept > 270_000 && overslept <= 299_500, "{overslept}");
    // Two short looks are over before the flight arrives; among its segments no two find the same.
    assert_eq!((late.receiver.rcv_nxt, behind), (plain.receiver.rcv_nxt, 0));
    let (late, behind) = end(Some(looks(400)));
    assert!(behind > 2, "{behind}");
    assert_eq!(late.receiver.rcv_nxt.0 - plain.receiver.rcv_nxt.0, 1_024 * behind);
}

#[test]
fn a_read_for_which_a_program_wakes_late_is_made_though_the_time_is_up() {
    let read = |after: u64| {
        let read = ReadConfig::of(ReadMode::Fixed { bytes: 4_096, every: SimDuration::from_millis(5) });
        let mut config = pair("6.12", 2, burst(8 * MIB, Ending::Stay), read);
        config.host.calls = CallConfig {
            one_thread: true,
            threaded_softirqs: true,
            slack: SimDuration::from_micros(50),
            ..CallConfig::costing(SimDuration::from_micros(12))
        };
        config.stop.after = SimDuration::from_micros(after);
        let looks = [SimDuration::from_micros(400); 2];
        config.stop.closing = Some(ClosingConfig { oversleep: SimDuration::ZERO, looks });
        let outcome = outcome(&config);
        let late = outcome.ended.since(outcome.started).as_nanos() / 1_000 - after;
        assert!((20..200).contains(&late), "{late} us");
        outcome.read
    };
    let reads = [49_800, 50_000, 50_200].map(read);
    assert_eq!([reads[1] - reads[0], reads[2] - reads[0]], [4_096, 4_096]);
}

#[test]
fn a_call_that_has_begun_when_the_time_is_up_is_finished_before_the_program_looks() {
    // Packets come in flights, one every 82 us, and interrupt calls of some hundred.
    let mut config = pair("6.12", 2, burst(8 * MIB, Ending::Stay), ReadConfig::asap(65_536));
    config.forward.rate_bps = Some(100_000_000);
    config.host.packet_cost = SimDuration::from_micros(20);
    config.host.calls = CallConfig::costing(SimDuration::from_micros(60));
    let looks = [SimDuration::from_millis(1); 2];
    let look = ClosingConfig { oversleep: SimDuration::ZERO, looks };
    let mut interrupted = 0;
    for i in 0..100 {
        config.stop.after = SimDuration::from_micros(30_000 + 137 * i);
        config.stop.closing = None;
        interrupted += u32::from(outcome(&config).receiver.owned);
        config.stop.closing = Some(look);
        let socket = outcome(&config).receiver;
        assert!(!socket.owned && socket.backlog_len == 0, "{i}: {} in the backlog", socket.backlog_len);
    }
    assert!(interrupted > 10, "the time is up in the middle of {interrupted} calls");
}

/// When segments reached the reading end.
#[derive(Default)]
struct Arrivals(Vec<SimTime>);

impl Observer for Arrivals {
    fn segment(&mut self, now: Now, _: &Segment, _: &Skb, _: &SocketState) {
        self.0.push(now.time);
    }
}
