//! Whole runs of the sending half: pacing, the host's own queue, small packets joined, dying paths, repeated SYNs.

use super::tests::blog;
use super::{RunError, run};
use crate::config::*;
use crate::observer::{Observer, Queue, Rule, SenderState, Transmit};
use crate::segment::{Flags, Segment};
use crate::sender::CaState;
use crate::seq::Seq;
use crate::skb::MergeRefusal;
use crate::state::SocketState;
use crate::time::{Now, SimDuration};

/// Data packets that the writing end sent: time in microseconds, sequence number, length, window, state.
#[derive(Default)]
struct Sent(Vec<(u64, i64, u32, u32, u8)>);

impl Observer for Sent {
    fn sent(&mut self, now: Now, seg: &Segment, s: &SenderState) {
        if seg.len > 0 {
            self.0.push((now.time.as_micros(), seg.seq.0, seg.len, s.cwnd, s.ca_state));
        }
    }
}

/// Ethernet, timestamps, RTT 40 ms, a receiver with room for everything that does not read; `packets` of 1448 bytes.
fn quiet(kernel: &str, packets: u64) -> RunConfig {
    let mut c = blog(kernel, 1, 10);
    for end in [&mut c.sender, &mut c.receiver] {
        end.sysctl.tcp_timestamps = true;
        end.sockopt.maxseg = None;
    }
    for link in [&mut c.forward, &mut c.reverse] {
        link.mtu = 1_500;
        link.delay = SimDuration::from_millis(20);
    }
    c.receiver.sockopt.rcvbuf = Some(8 << 20);
    c.sender.write.total = Some(packets * 1_448);
    c.stop.after = SimDuration::from_secs(20);
    c.stop.max_events = 1_000_000;
    c
}

#[test]
fn a_paced_socket_sends_at_its_rate_after_the_first_ten_segments() {
    for kernel in ["5.10", "6.1", "6.18"] {
        let mut c = quiet(kernel, 400);
        c.sender.sockopt.max_pacing_rate = Some(250_000);
        let mut sent = Sent::default();
        run(&c, &mut sent).unwrap();
        let paced: Vec<_> = sent.0.iter().skip(20).collect();
        assert!(paced.len() > 100);
        for w in paced.windows(2) {
            assert_eq!((w[0].2, w[1].2), (2_896, 2_896));
            // 2896 bytes at 250000 bytes per second; the timer may be late once and make up for it.
            let us = w[1].0 - w[0].0;
            assert!((11_584 - 60..=11_584 + 60).contains(&us), "{kernel}: {us} us");
        }
        // Slow start goes on until the window is twice what the pace needs.
        assert_eq!(paced.last().unwrap().3, 22, "{kernel}");
    }
}

#[test]
fn without_the_option_nothing_is_paced() {
    let mut sent = Sent::default();
    run(&quiet("6.1", 400), &mut sent).unwrap();
    assert!(sent.0.last().unwrap().0 < 1_400_000);
}

#[test]
fn a_full_queue_of_the_own_host_loses_nothing_and_reduces_the_window() {
    let run_with = |in_host| {
        let mut c = quiet("6.1", 700);
        c.forward.rate_bps = Some(10_000_000);
        c.forward.limit = 60;
        c.forward.in_host = in_host;
        let mut sent = Sent::default();
        let out = run(&c, &mut sent).unwrap();
        let cwr = sent.0.iter().any(|s| s.4 == CaState::Cwr as u8);
        assert_eq!(out.receiver.recvq(), 700 * 1_448);
        (out.forward.over_limit, out.sender_counters.retrans_segs, cwr)
    };
    let (refused, repeated, reduced) = run_with(true);
    assert!(refused > 0 && repeated == 0 && reduced, "{refused} {repeated} {reduced}");
    let (lost, repeated, reduced) = run_with(false);
    assert!(lost > 0 && repeated >= lost && !reduced, "{lost} {repeated} {reduced}");
}

#[test]
fn a_packet_that_waits_in_the_own_host_is_not_sent_again() {
    let run_with = |in_host| {
        let mut c = quiet("6.1", 20);
        // A packet takes 303 ms, the timeout after the handshake is 255 ms.
        (c.forward.rate_bps, c.forward.in_host) = (Some(40_000), in_host);
        run(&c, &mut crate::observer::Silent).unwrap().sender_counters
    };
    let c = run_with(true);
    assert_eq!((c.timeouts, c.spurious_rtx_host_queues, c.retrans_segs), (1, 1, 0));
    let c = run_with(false);
    assert!(c.spurious_rtx_host_queues == 0 && c.retrans_segs > 0);
}

#[test]
fn a_socket_whose_probe_waits_in_the_own_host_goes_on_with_its_next_packet_and_finds_its_window_used_up() {
    let largest_window = |kernel| {
        let mut c = quiet(kernel, 200);
        c.sender.route.initcwnd = Some(1_000);
        // The peer's window of 45 packets takes half a second, and ACKs wait behind it: the timeout is spurious.
        (c.forward.rate_bps, c.forward.in_host, c.forward.both_ways) = (Some(1_000_000), true, true);
        let mut sent = Sent::default();
        let c = run(&c, &mut sent).unwrap().sender_counters;
        assert!(c.timeouts == 1 && c.spurious_rtx_host_queues > 0, "{kernel}: {c:?}");
        sent.0.iter().map(|s| s.3).max().unwrap()
    };
    // The repetition is freed where it is queued: the socket tries to send, with a window of one packet that is in flight.
    assert_eq!(largest_window("5.10"), 1_000);
    assert!(largest_window("6.1") > 1_000);
}

#[test]
fn small_packets_are_joined_when_they_are_sent_again() {
    let run_with = |joins| {
        let mut c = quiet("6.1", 0);
        let mode = WriteMode::Chunks {
            sizes: vec![100],
            every: SimDuration::from_millis(5),
            in_flight: 1_000,
            prefill: 0,
            receiver_quickack: false,
        };
        c.sender.write = WriteConfig { total: Some(20_000), ..WriteConfig { mode, ..c.sender.write } };
        c.sender.sysctl.tcp_retrans_collapse = joins;
        // Twelve in a row are lost of every forty.
        (c.forward.drop_every, c.forward.drop_run) = (40, 12);
        let out = run(&c, &mut crate::observer::Silent).unwrap();
        assert_eq!(out.receiver.recvq(), 20_000);
        out.sender_counters.retrans_segs
    };
    let (joined, single) = (run_with(true), run_with(false));
    assert!(joined * 3 < single, "{joined} joined, {single} single ones");
}

/// Merges in the out-of-order queue, and refusals because data is shared.
#[derive(Default)]
struct OutOfOrder([u32; 2]);

impl Observer for OutOfOrder {
    fn rule(&mut self, _: Now, rule: Rule) {
        match rule {
            Rule::Merged { queue: Queue::OutOfOrder, .. } => self.0[0] += 1,
            Rule::MergeRefused { queue: Queue::OutOfOrder, why: MergeRefusal::Shared, .. } => self.0[1] += 1,
            _ => {}
        }
    }
}

#[test]
fn a_sender_gives_up_its_share_of_what_arrived_out_of_order_one_behind_the_other() {
    let run_with = |sack| {
        let mut c = quiet("6.1", 60);
        (c.sender.sysctl.tcp_sack, c.receiver.sysctl.tcp_sack) = (sack, sack);
        // The second packet is lost; what follows comes in two round trips.
        c.forward.drop_every = 4;
        c.forward.rate_bps = Some(4_000_000);
        let mut seen = OutOfOrder::default();
        run(&c, &mut seen).unwrap();
        seen.0
    };
    let ([joined, _], [kept, refused]) = (run_with(true), run_with(false));
    assert!(joined > kept && refused > 0, "{joined} merges with SACK, {kept} and {refused} refusals without");
}

/// Timestamps of ACKs, and the echoes of what is sent again.
#[derive(Default)]
struct Echoes {
    acks: Vec<(Now, u32)>,
    repeated: Vec<(Now, u32)>,
    end: Seq,
}

impl Observer for Echoes {
    fn transmit(&mut self, now: Now, packet: &Transmit, _: &SocketState) {
        self.acks.extend(packet.seg.ts.map(|ts| (now, ts.val)));
    }

    fn sent(&mut self, now: Now, seg: &Segment, s: &SenderState) {
        if seg.len > 0 && seg.seq < self.end && s.ca_state == CaState::Recovery as u8 {
            self.repeated.extend(seg.ts.map(|ts| (now, ts.ecr)));
        }
        self.end = self.end.max(seg.end_seq());
    }
}

#[test]
fn what_an_ack_lets_a_sender_repeat_echoes_the_timestamp_of_that_ack() {
    for kernel in ["5.10", "7.2"] {
        let mut c = quiet(kernel, 200);
        c.forward.drop_every = 40;
        let mut seen = Echoes::default();
        run(&c, &mut seen).unwrap();
        assert!(seen.repeated.len() >= 3, "{kernel}");
        for (now, echo) in seen.repeated {
            let arrived = |(sent, _): &&(Now, u32)| now.time >= sent.time + c.reverse.delay;
            let (_, latest) = seen.acks.iter().rfind(arrived).unwrap();
            assert_eq!(echo, *latest, "{kernel} at {now:?}");
        }
    }
}

#[test]
fn what_was_sent_before_a_loss_probe_that_arrived_is_lost_at_once() {
    for timestamps in [true, false] {
        let mut c = quiet("6.1", 12);
        (c.sender.sysctl.tcp_timestamps, c.receiver.sysctl.tcp_timestamps) = (timestamps, timestamps);
        // The SYN, its ACK, and six packets of two segments, of which the last one is lost.
        c.forward.loss = Loss::Listed(vec![8]);
        let mut sent = Sent::default();
        let out = run(&c, &mut sent).unwrap();
        let repeated: Vec<_> = sent.0.iter().skip(6).map(|&(at, seq, ..)| (at, seq)).collect();
        let [(probe, last), (resent, first)] = repeated[..] else { panic!("{repeated:?}") };
        assert!(first == sent.0[5].1 && last > first, "the probe is the last segment");
        assert!(resent - probe < 41_000, "a round trip later, not a timeout: {}", resent - probe);
        let c = &out.sender_counters;
        assert_eq!((c.timeouts, c.loss_probes, c.retrans_segs), (0, 1, 2), "timestamps {timestamps}");
    }
}

#[test]
fn a_connection_whose_path_dies_ends_after_tcp_retries2() {
    let mut c = quiet("6.1", 600);
    c.forward.rate_bps = Some(1_000_000);
    c.sender.sysctl.tcp_retries2 = 3;
    let at = SimDuration::from_millis(3_000);
    c.events = vec![
        TimedChange { at, change: Change::ForwardDown(true) },
        TimedChange { at, change: Change::ReverseDown(true) },
    ];
    let mut sent = Sent::default();
    let out = run(&c, &mut sent).unwrap();
    assert_eq!(out.sender_counters.abort_on_timeout, 1);
    assert_eq!(out.sender.packets_out, 0);
    // Three seconds after the first repetition: 15 times 200 ms.
    let (first, last) =
        (sent.0.iter().find(|s| s.4 == CaState::Loss as u8).unwrap().0, sent.0.last().unwrap().0);
    assert!(last - first < 3_000_000 && first > 3_000_000, "{first} {last}");
}

#[test]
fn a_receiver_that_never_answers_window_probes_is_given_up() {
    // The receiver's window closes, and then the path dies.
    let mut c = blog("6.1", 1, 1_024);
    c.sender.sysctl.tcp_retries2 = 2;
    let at = SimDuration::from_secs(3);
    c.events = vec![TimedChange { at, change: Change::ForwardDown(true) }];
    c.stop.after = SimDuration::from_secs(60);
    let out = run(&c, &mut crate::observer::Silent).unwrap();
    assert_eq!(out.sender_counters.abort_on_timeout, 1);
}

/// Times of retransmissions in seconds, and whether the connection was given up. The receiver has shut its window on packets
/// in flight; `dies` says when the path does.
fn repeated_into_a_closed_window(dies: Option<u64>) -> (Vec<u64>, u64) {
    let mut c = quiet("6.12", 10_000);
    c.forward.rate_bps = Some(1_000_000);
    c.sender.sysctl.tcp_retries2 = 3;
    // A budget that is already exceeded: whatever is in flight meets a closed window.
    let shrink = Change::ReceiverOption(LiveOption::RcvBuf(1));
    c.events = vec![TimedChange { at: SimDuration::from_secs(3), change: shrink }];
    let down = |s| TimedChange { at: SimDuration::from_secs(s), change: Change::ForwardDown(true) };
    c.events.extend(dies.map(down));
    c.stop.after = SimDuration::from_secs(1_500);
    let mut sent = Sent::default();
    let out = run(&c, &mut sent).unwrap();
    if dies.is_none() {
        assert!(out.sender.snd_wnd == 0 && out.sender.packets_out > 0, "{:?}", out.sender);
    }
    let lossy = sent.0.iter().filter(|s| s.4 == CaState::Loss as u8);
    (lossy.map(|s| s.0 / 1_000_000).collect(), out.sender_counters.abort_on_timeout)
}

#[test]
fn a_peer_that_answers_keeps_a_retransmission_into_its_closed_window_going() {
    let (times, aborted) = repeated_into_a_closed_window(None);
    assert_eq!(aborted, 0);
    assert!(*times.last().unwrap() > 1_300, "{times:?}");
}

#[test]
fn a_peer_that_falls_silent_behind_its_closed_window_is_given_up_after_twice_the_longest_timeout() {
    let (times, aborted) = repeated_into_a_closed_window(Some(5));
    assert_eq!(aborted, 1);
    // Recorded on all kernels: repetitions up to 157 s, the end at 278 s, whatever `tcp_retries2` says.
    assert!((120..240).contains(times.last().unwrap()), "{times:?}");
}

#[test]
fn a_connection_whose_syn_was_repeated_twice_starts_with_one_packet() {
    for (down_ms, cwnd, repetitions) in [(0, 10, 0), (500, 10, 1), (1_500, 1, 2)] {
        let mut c = quiet("6.1", 100);
        c.events = vec![
            TimedChange { at: SimDuration::ZERO, change: Change::ForwardDown(down_ms > 0) },
            TimedChange { at: SimDuration::from_millis(down_ms), change: Change::ForwardDown(false) },
        ];
        let mut sent = Sent::default();
        let out = run(&c, &mut sent).unwrap();
        assert_eq!(sent.0[0].3, cwnd, "down for {down_ms} ms");
        assert_eq!(
            (out.sender_counters.syn_retrans, out.sender_counters.timeouts),
            (repetitions, repetitions)
        );
    }
}

/// Ten Mbit/s behind controlled delay that marks, between ends with these values of `tcp_ecn`.
fn marking(sender: u8, receiver: u8) -> RunConfig {
    let mut c = quiet("6.12", 20_000);
    c.forward.rate_bps = Some(10_000_000);
    let codel = CodelConfig { target: SimDuration::from_millis(5), interval: SimDuration::from_millis(100) };
    c.forward.queue = Some(QueueConfig {
        discipline: Discipline::Codel(codel),
        limit: QueueLimit::Packets(1_000),
        burst: None,
        ecn: true,
    });
    c.receiver.read = ReadConfig::of(ReadMode::Asap {
        buffer: 65_536,
        work: Work { per_call: SimDuration::ZERO, rate_bps: None },
        stall: None,
    });
    (c.sender.sysctl.tcp_ecn, c.receiver.sysctl.tcp_ecn) = (sender, receiver);
    c
}

#[test]
fn packets_are_marked_only_if_the_sender_asked_and_the_receiver_agreed() {
    for sender in 0..3 {
        for receiver in 0..3 {
            let out = run(&marking(sender, receiver), &mut crate::observer::Silent).unwrap();
            let queue = out.forward.queue.unwrap();
            let agreed = sender == 1 && receiver > 0;
            assert_eq!(queue.marked > 0, agreed, "{sender} {receiver}");
            assert_eq!(queue.controlled > 0, !agreed, "{sender} {receiver}");
            assert_eq!(out.sender_counters.retrans_segs > 0, !agreed, "{sender} {receiver}");
        }
    }
}

/// Flags of data packets and of ACKs, in order of time, and the window with each data packet.
#[derive(Default)]
struct Conversation {
    data: Vec<(u64, Flags, u32, u8)>,
    acks: Vec<(u64, Flags)>,
}

impl Observer for Conversation {
    fn sent(&mut self, now: Now, seg: &Segment, s: &SenderState) {
        if seg.len > 0 {
            self.data.push((now.time.as_micros(), seg.flags, s.cwnd, s.ca_state));
        }
    }

    fn transmit(&mut self, now: Now, packet: &Transmit, _: &SocketState) {
        self.acks.push((now.time.as_micros(), packet.seg.flags));
    }
}

#[test]
fn a_mark_is_echoed_until_the_sender_says_that_it_has_reduced_its_window() {
    let mut seen = Conversation::default();
    let out = run(&marking(1, 2), &mut seen).unwrap();
    let echoes: Vec<u64> = seen.acks.iter().filter(|a| a.1.has(Flags::ECE)).map(|a| a.0).collect();
    let told: Vec<&(u64, Flags, u32, u8)> = seen.data.iter().filter(|d| d.1.has(Flags::CWR)).collect();
    let marked = out.forward.queue.unwrap().marked;
    // More echoes than marks, since they go on for a round trip; not more reductions than marks.
    assert!(
        echoes.len() as u64 > marked && told.len() as u64 <= marked && told.len() > 3,
        "{} {}",
        echoes.len(),
        told.len()
    );
    // A round trip is 40 ms and the queue: reductions are at least that far apart.
    assert!(told.windows(2).all(|w| w[1].0 - w[0].0 > 40_000), "{told:?}");
    let first = told[0].0;
    // Within a round trip after the packet that tells it the echoes end, until a round trip before the next.
    let quiet = first + 80_000..told[1].0 - 80_000;
    assert!(quiet.start < quiet.end && !echoes.iter().any(|t| quiet.contains(t)), "{quiet:?} {echoes:?}");
    // The window is reduced as by a loss, without one: CUBIC keeps seven tenths.
    let before = seen.data.iter().rfind(|d| d.0 < first && d.3 == CaState::Open as u8).unwrap().2;
    let after = seen.data.iter().find(|d| d.0 > first && d.3 == CaState::Open as u8).unwrap().2;
    assert!((before * 7 / 10).abs_diff(after) <= 2, "{before} {after}");
    assert_eq!((out.sender_counters.retrans_segs, out.sender_counters.timeouts), (0, 0));
}

#[test]
fn a_syn_that_is_sent_again_does_not_ask_for_marks() {
    let mut c = marking(1, 1);
    c.forward.loss = Loss::Listed(vec![1]);
    let out = run(&c, &mut crate::observer::Silent).unwrap();
    assert_eq!(out.forward.queue.unwrap().marked, 0);
}

#[test]
fn a_syn_that_is_sent_again_asks_for_marks_without_the_fallback() {
    let mut c = marking(1, 1);
    c.sender.sysctl.tcp_ecn_fallback = false;
    c.forward.loss = Loss::Listed(vec![1]);
    let out = run(&c, &mut crate::observer::Silent).unwrap();
    assert!(out.forward.queue.unwrap().marked > 0);
}

/// When SYNs are sent to a peer that does not answer, in whole seconds, and when `connect` returns.
fn syns(kernel: &str, retries: u8, count: Option<u8>) -> (Vec<u64>, u64) {
    #[derive(Default)]
    struct Syns(Vec<u64>);
    impl Observer for Syns {
        fn sent(&mut self, now: Now, _: &Segment, _: &SenderState) {
            self.0.push((now.time.as_micros() + 500_000) / 1_000_000);
        }
    }
    let mut c = quiet(kernel, 10);
    c.sender.sysctl.tcp_syn_retries = retries;
    c.sender.sockopt.syn_count = count;
    c.stop.after = SimDuration::from_secs(1_000);
    c.events = vec![TimedChange { at: SimDuration::ZERO, change: Change::ForwardDown(true) }];
    let mut seen = Syns::default();
    match run(&c, &mut seen) {
        Err(RunError::NotEstablished { gave_up: Some(at), .. }) => (seen.0, at.as_micros() / 1_000_000),
        other => panic!("{other:?}"),
    }
}

/// 67 s to the last repetition and 131 s to the end are the figures of the documentation of `tcp_syn_retries` since 6.5,
/// 63 s and 127 s those before.
#[test]
fn connect_is_given_up_when_the_pause_after_the_last_syn_is_over() {
    // The timer wheel is coarse that far ahead: pauses are up to an eighth longer.
    let near = |measured: u64, nominal: u64| (nominal..=nominal + nominal / 8).contains(&measured);
    let all = |measured: &[u64], nominal: &[u64]| {
        measured.len() == nominal.len() && measured.iter().zip(nominal).all(|(m, n)| near(*m, *n))
    };
    let (sent, end) = syns("6.1", 6, None);
    assert!(all(&sent, &[0, 1, 3, 7, 15, 31, 63]) && near(end, 127), "{sent:?} {end}");
    let (sent, end) = syns("6.12", 6, None);
    assert!(all(&sent, &[0, 1, 2, 3, 4, 5, 7, 11, 19, 35, 67]) && near(end, 131), "{sent:?} {end}");
    for (retries, count) in [(1, None), (6, Some(1))] {
        let (sent, end) = syns("6.1", retries, count);
        assert_eq!((sent.len(), end), (2, 3));
    }
}

/// When the packets of a stream of small writes are repeated after the path has died, in ms after the first repetition.
fn thin(linear: bool) -> Vec<u64> {
    let mut c = quiet("6.12", 10_000);
    c.sender.sysctl.tcp_thin_linear_timeouts = linear;
    c.sender.sysctl.tcp_early_retrans = 0;
    let chunks = WriteMode::Chunks {
        sizes: vec![100],
        every: SimDuration::from_millis(100),
        in_flight: 0,
        prefill: 0,
        receiver_quickack: false,
    };
    c.sender.write = WriteConfig::endless(chunks);
    let down = TimedChange { at: SimDuration::from_secs(1), change: Change::ForwardDown(true) };
    c.events = vec![down];
    c.stop.after = SimDuration::from_secs(20);
    let mut sent = Sent::default();
    run(&c, &mut sent).unwrap();
    let lossy: Vec<u64> = sent.0.iter().filter(|s| s.4 == CaState::Loss as u8).map(|s| s.0 / 1_000).collect();
    lossy.windows(2).map(|w| w[1] - w[0]).collect()
}

#[test]
fn timeouts_of_a_thin_stream_are_linear_for_a_while_if_that_is_asked_for() {
    let doubled = thin(false);
    let linear = thin(true);
    assert!(doubled.windows(2).all(|w| w[1] > w[0] * 3 / 2), "{doubled:?}");
    assert!(linear[..5].iter().all(|gap| gap.abs_diff(linear[0]) <= 8), "{linear:?}");
    assert!(linear[6] > linear[0] * 3 / 2, "{linear:?}");
}

/// Fair queueing on the sending host's device, over Ethernet with an RTT of 40 ms.
fn fair(kernel: &str, packets: u64, change: impl FnOnce(&mut FairQueue)) -> RunConfig {
    let mut c = quiet(kernel, packets);
    let mut fq = FairQueue { limit: 10_000, flow_limit: 100, max_rate: None };
    change(&mut fq);
    c.forward.shaper = Some(Shaper::Fair(fq));
    c
}

/// When how much data reached the receiving host, in microseconds.
#[derive(Default)]
struct Arrivals(Vec<(u64, u32)>);

impl Observer for Arrivals {
    fn segment(&mut self, now: Now, seg: &Segment, _: &crate::skb::Skb, _: &SocketState) {
        self.0.push((now.time.as_micros(), seg.len));
    }
}

/// The most bytes that arrive within half a millisecond, on hosts that take no time for a packet.
fn largest_burst(mut c: RunConfig) -> u32 {
    c.host.packet_cost = SimDuration::ZERO;
    let mut seen = Arrivals::default();
    run(&c, &mut seen).unwrap();
    let bytes = |from: u64| seen.0.iter().filter(|s| (from..from + 500).contains(&s.0)).map(|s| s.1).sum();
    seen.0.iter().map(|s| bytes(s.0)).max().unwrap_or(0)
}

#[test]
fn fair_queueing_keeps_packets_until_their_time_and_the_round_trip_does_not_count_it() {
    for kernel in ["5.10", "6.1", "6.18"] {
        let mut c = fair(kernel, 400, |_| {});
        c.sender.sockopt.max_pacing_rate = Some(250_000);
        let mut sent = Sent::default();
        let out = run(&c, &mut sent).unwrap();
        // What follows the first ten segments takes its size at the rate.
        let nominal_us = 390 * 1_448 * 1_000_000 / 250_000;
        let took = sent.0.last().unwrap().0 - sent.0[0].0;
        assert!(took.abs_diff(nominal_us) < 60_000, "{kernel}: {took} us");
        // Two packets may wait: 11.584 ms each at this rate, which the sender does not take for delay of the path.
        let srtt_us = out.sender.srtt8 / 8;
        assert!((40_000..42_500).contains(&srtt_us), "{kernel}: {srtt_us} us");
        assert_eq!((out.receiver.recvq(), out.sender_counters.retrans_segs), (400 * 1_448, 0), "{kernel}");
    }
}

#[test]
fn behind_fair_queueing_every_socket_is_paced_without_asking() {
    // 200 packets are sent in slow start, at twice the window in a round trip.
    let (plain, paced) = (largest_burst(quiet("6.12", 200)), largest_burst(fair("6.12", 200, |_| {})));
    assert!(paced * 4 < plain, "{paced} {plain}");
}

#[test]
fn a_largest_rate_of_the_queue_counts_headers_and_bounds_every_connection() {
    let mut sent = Sent::default();
    let out = run(&fair("6.12", 600, |q| q.max_rate = Some(500_000)), &mut sent).unwrap();
    // 1514 bytes for each segment of 1448.
    let nominal_us = 600 * 1_514 * 1_000_000 / 500_000;
    let took = sent.0.last().unwrap().0 - sent.0[0].0;
    assert!(took < nominal_us && took * 100 > nominal_us * 97, "{took} us, {nominal_us} us");
    assert_eq!(out.receiver.recvq(), 600 * 1_448);
}

#[test]
fn a_connection_without_a_place_left_hears_of_it_and_loses_nothing() {
    let mut sent = Sent::default();
    let mut c = fair("6.12", 400, |q| (q.flow_limit, q.max_rate) = (1, Some(500_000)));
    c.stop.after = SimDuration::from_secs(60);
    let out = run(&c, &mut sent).unwrap();
    assert!(out.forward.over_limit > 0 && sent.0.iter().any(|s| s.4 == CaState::Cwr as u8));
    assert_eq!((out.receiver.recvq(), out.sender_counters.retrans_segs), (400 * 1_448, 0));
}
