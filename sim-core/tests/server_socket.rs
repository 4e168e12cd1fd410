//! A server's socket that is driven from outside: what an attacker could have sent is not believed (RFC 5961), and the
//! timeout of its own data is the kernel's.

use sim_core::config::{LiveOption, NicModel, Route};
use sim_core::host::Host;
use sim_core::linux::{KernelProfile, by_name};
use sim_core::observer::{AckReason, Observer, Silent, Transmit};
use sim_core::path::{Device, Direction, Packet, Payload};
use sim_core::receiver::Receiver;
use sim_core::segment::{Flags, Segment, SynOptions, Timestamps};
use sim_core::send_half::{Cx, SendHalf as _};
use sim_core::sender::{Emitted, Handshake, PassiveSender};
use sim_core::seq::Seq;
use sim_core::skb::SkbLayout;
use sim_core::state::{SocketState, TcpState};
use sim_core::time::{JiffyClock, Now, SimDuration, SimTime};

const MSS: u32 = 1_460;

/// A server's socket.
struct Socket {
    rx: Receiver,
    snd: PassiveSender,
    host: Host,
    out: Vec<Transmit>,
    clock: JiffyClock,
    now: SimTime,
}

impl Socket {
    /// A socket that listens.
    fn on(kernel: &'static KernelProfile, route: Route) -> Self {
        let sysctl = kernel.default_sysctls();
        Self {
            rx: Receiver::new(kernel, sysctl.clone(), route),
            snd: PassiveSender::new(kernel, &sysctl, 250, SkbLayout::default()),
            host: Host::default(),
            out: Vec::new(),
            clock: JiffyClock::new(250, SimDuration::ZERO),
            now: SimTime::ZERO,
        }
    }

    /// One on which 1000 bytes have arrived and been acknowledged.
    fn with_1000_bytes() -> Self {
        Self::with_1000_bytes_on("6.1")
    }

    fn with_1000_bytes_on(kernel: &str) -> Self {
        Self::with_1000_bytes_and(kernel, None)
    }

    fn with_1000_bytes_and(kernel: &str, ts: Option<Timestamps>) -> Self {
        let mut s = Self::on(by_name(kernel).unwrap(), Route::default());
        let syn = SynOptions { mss: MSS as u16, window_scale: Some(7), sack: true, ts, window: 65_535 };
        s.with(|rx, _, cx| rx.passive_open(cx, &syn, MSS, None));
        s.snd.established(&Handshake {
            snd_nxt: Seq::FIRST,
            snd_wnd: 65_535,
            wl1: Seq::FIRST,
            snd_wscale: 7,
            mss: MSS,
            sack: true,
            timestamps: ts.is_some(),
            rtt_us: Some(1_000),
        });
        let ack = Segment { ts, ..segment(Flags::ACK, 1, 0, 1) };
        s.with(|rx, snd, cx| rx.child_created(cx, snd, &ack));
        assert!(s.arrives(ack).is_empty());
        s.arrives(Segment { ts, ..segment(Flags::ACK, 1, 1_000, 1) });
        assert_eq!(s.rx.rcv_nxt(), Seq(1_001));
        s
    }

    fn with<R>(&mut self, f: impl FnOnce(&mut Receiver, &mut PassiveSender, &mut Cx<'_, Silent>) -> R) -> R {
        self.watched(&mut Silent, f)
    }

    fn watched<O: Observer, R>(
        &mut self,
        obs: &mut O,
        f: impl FnOnce(&mut Receiver, &mut PassiveSender, &mut Cx<'_, O>) -> R,
    ) -> R {
        let now = self.clock.now(self.now);
        let mut cx = Cx { now, out: &mut self.out, host: &mut self.host, obs };
        f(&mut self.rx, &mut self.snd, &mut cx)
    }

    /// The segment arrives a second after the one before; what the socket sends in answer.
    fn arrives(&mut self, seg: Segment) -> Vec<Transmit> {
        self.arrives_after(SimDuration::from_millis(1_000), seg)
    }

    fn arrives_after(&mut self, gap: SimDuration, seg: Segment) -> Vec<Transmit> {
        self.arrives_watched(gap, seg, &mut Silent)
    }

    fn arrives_watched<O: Observer>(&mut self, gap: SimDuration, seg: Segment, obs: &mut O) -> Vec<Transmit> {
        self.now += gap;
        let device = Device::new(NicModel::Page.into(), by_name("6.1").unwrap(), SkbLayout::default());
        let mut data = Emitted::default();
        (data.seq, data.len, data.skb_len) = (seg.seq, seg.len, (seg.end_seq() - seg.seq) as u32);
        let packet = Packet { flow: 0, way: Direction::Forward, seg, payload: Payload::Data(data) };
        let (seg, buffer) = device.piece(&packet, 0, 1);
        self.watched(obs, |rx, snd, cx| rx.segment_arrives(cx, snd, &seg, buffer));
        std::mem::take(&mut self.out)
    }
}

fn segment(flags: Flags, seq: i64, len: u32, ack: i64) -> Segment {
    Segment { seq: Seq(seq), len, flags, ack: Seq(ack), window: 65_535, ..Segment::default() }
}

#[test]
fn a_reset_is_believed_only_at_the_byte_expected() {
    let mut s = Socket::with_1000_bytes();
    for seq in [1_000, 1_002, 30_000] {
        let answer = s.arrives(segment(Flags::RST, seq, 0, 0));
        assert_eq!(answer.len(), usize::from(seq > 1_000), "{seq}");
        assert!(answer.iter().all(|a| a.reason == AckReason::Challenge && a.seg.ack == Seq(1_001)));
        assert_eq!(s.rx.tcp_state(), TcpState::Established);
    }
    assert!(s.arrives(segment(Flags::RST, 1_001, 0, 0)).is_empty());
    assert_eq!(s.rx.tcp_state(), TcpState::Close);
    assert!(s.rx.take_error() && !s.rx.take_error());
}

#[test]
fn a_reset_is_also_believed_at_the_end_of_what_came_out_of_order() {
    let mut s = Socket::with_1000_bytes();
    s.arrives(segment(Flags::ACK, 3_001, 500, 1));
    assert_eq!(s.arrives(segment(Flags::RST, 3_001, 0, 0)).len(), 1);
    assert!(s.arrives(segment(Flags::RST, 3_501, 0, 0)).is_empty());
    assert_eq!(s.rx.tcp_state(), TcpState::Close);
}

#[test]
fn a_syn_is_asked_about_wherever_it_lies_and_no_more_than_twice_a_second() {
    let mut s = Socket::with_1000_bytes();
    for seq in [0, 1_001, 10_000_000] {
        assert_eq!(s.arrives(segment(Flags::SYN, seq, 0, 0)).len(), 1, "{seq}");
    }
    let gaps = [100, 300, 200].map(SimDuration::from_millis);
    let answers = gaps.map(|gap| s.arrives_after(gap, segment(Flags::SYN, 1_001, 0, 0)).len());
    assert_eq!(answers, [0, 0, 1]);
    let c = &s.host.counters;
    assert_eq!((c.syn_challenge, c.challenge_ack, c.ack_skipped_challenge), (6, 4, 2));
    assert_eq!(s.rx.tcp_state(), TcpState::Established);
}

#[test]
fn data_with_an_acknowledgement_of_another_age_is_not_taken() {
    let mut s = Socket::with_1000_bytes();
    let answer = s.arrives(segment(Flags::ACK, 1_001, 100, -5_000));
    assert_eq!(answer.iter().map(|a| a.reason).collect::<Vec<_>>(), [AckReason::Challenge]);
    // What was never sent is not even asked about.
    assert!(s.arrives(segment(Flags::ACK, 1_001, 100, 500)).is_empty());
    assert_eq!(s.rx.rcv_nxt(), Seq(1_001));
}

#[test]
fn a_segment_in_order_whose_acknowledgement_is_old_has_its_timestamp_noted_on_7_2() {
    for (kernel, noted) in [("6.18", 20), ("7.2", 30)] {
        let ts = |val: u32| Some(Timestamps { val, ecr: 1 });
        let mut s = Socket::with_1000_bytes_and(kernel, ts(10));
        let own = segment(Flags::ACK, 1, 500, 1_001);
        s.with(|rx, snd, cx| snd.transmit(cx, rx, own));
        s.out.clear();
        s.arrives(Segment { ts: ts(20), ..segment(Flags::ACK, 1_001, 0, 501) });
        // It was overtaken by the acknowledgement of that, and is not beside what is expected.
        s.arrives(Segment { ts: ts(30), ..segment(Flags::ACK, 1_001, 1_000, 1) });
        assert_eq!((s.rx.rcv_nxt(), s.rx.state(&s.snd).ts_recent), (Seq(2_001), noted), "{kernel}");
    }
}

#[test]
fn a_segment_without_ack_syn_and_rst_is_thrown_away_unread() {
    let mut s = Socket::with_1000_bytes();
    let drops = s.rx.state(&s.snd).drops;
    assert!(s.arrives(segment(Flags::PSH, 1_001, 100, 0)).is_empty());
    let state = s.rx.state(&s.snd);
    assert_eq!((state.rcv_nxt, state.drops), (Seq(1_001), drops + 1));
}

#[test]
fn the_timeout_doubles_after_a_loss_probe_and_stays_until_new_data_is_acknowledged() {
    let mut s = Socket::with_1000_bytes();
    let piece = |seq: i64| Segment { seq: Seq(seq), len: MSS, ..Segment::default() };
    let end = |packets: i64| 1 + packets * i64::from(MSS);
    let send = |s: &mut Socket, packets: i64| {
        s.with(|rx, snd, cx| {
            snd.written(cx, rx, MSS);
            snd.transmit(cx, rx, piece(end(packets)));
        });
    };
    let timer = |s: &mut Socket, ms: u64, packets: i64| {
        s.now += SimDuration::from_millis(ms);
        s.with(|rx, snd, cx| snd.write_timer_sends(cx, rx, piece(end(packets))));
        s.snd.rto_ticks()
    };
    let first = s.snd.rto_ticks();
    send(&mut s, 0);
    send(&mut s, 1);
    assert_eq!(timer(&mut s, 8, 1), first, "the loss probe");
    assert_eq!(timer(&mut s, 212, 0), 2 * first);
    assert_eq!(timer(&mut s, 450, 0), 4 * first);
    s.out.clear();
    // Which of them is acknowledged cannot be told (Karn).
    let ack = |packets: i64| segment(Flags::ACK, 1_001, 0, end(packets));
    let soon = SimDuration::from_millis(1);
    assert!(s.arrives_after(soon, ack(2)).is_empty());
    assert_eq!(s.snd.rto_ticks(), 4 * first);
    send(&mut s, 2);
    s.out.clear();
    assert!(s.arrives_after(soon, ack(3)).is_empty());
    assert_eq!(s.snd.rto_ticks(), first);
}

#[test]
fn after_a_loss_probe_whose_answer_is_ambiguous_the_next_packet_waits_for_the_timeout() {
    let mut s = Socket::with_1000_bytes();
    let piece = |seq: i64| Segment { seq: Seq(seq), len: 100, ..Segment::default() };
    let send = |s: &mut Socket, seq: i64| {
        s.with(|rx, snd, cx| {
            snd.written(cx, rx, 100);
            snd.transmit(cx, rx, piece(seq));
        });
    };
    let timer = |s: &mut Socket, seq: i64| {
        s.now += SimDuration::from_millis(212);
        s.with(|rx, snd, cx| snd.write_timer_sends(cx, rx, piece(seq)));
        s.out.clear();
        s.snd.rto_ticks()
    };
    let first = s.snd.rto_ticks();
    send(&mut s, 1);
    assert_eq!(timer(&mut s, 1), first, "the loss probe");
    // The packet was sent twice, and one acknowledgement comes: its episode goes on.
    let soon = SimDuration::from_millis(1);
    assert!(s.arrives_after(soon, segment(Flags::ACK, 1_001, 0, 101)).is_empty());
    send(&mut s, 101);
    assert_eq!(timer(&mut s, 101), 2 * first, "the timeout");
    assert!(s.arrives_after(soon, segment(Flags::ACK, 1_001, 0, 201)).is_empty());
    send(&mut s, 201);
    assert_eq!(timer(&mut s, 201), 2 * first, "a loss probe again");
}

/// How many segments were dropped when each packet was sent.
#[derive(Default)]
struct DropsWhenSent(Vec<u32>);

impl Observer for DropsWhenSent {
    fn transmit(&mut self, _: Now, _: &Transmit, state: &SocketState) {
        self.0.push(state.drops);
    }
}

#[test]
fn what_comes_behind_a_fin_is_counted_as_dropped_once_it_is_answered() {
    let mut s = Socket::with_1000_bytes();
    let soon = SimDuration::from_millis(1);
    assert!(s.arrives_after(soon, segment(Flags::ACK.with(Flags::FIN), 1_001, 0, 1)).is_empty());
    assert_eq!(s.rx.tcp_state(), TcpState::CloseWait);
    s.with(|rx, snd, cx| rx.set_option(cx, snd, LiveOption::QuickAck(1)));
    s.out.clear();
    let drops = s.rx.state(&s.snd).drops;
    let mut seen = DropsWhenSent::default();
    s.arrives_watched(soon, segment(Flags::ACK, 1_002, 0, 1), &mut seen);
    assert_eq!((seen.0, s.rx.state(&s.snd).drops), (vec![drops], drops + 1));
}

#[test]
fn a_reset_gives_back_the_pages_of_what_was_not_acknowledged() {
    for kernel in ["5.10", "6.1", "7.2"] {
        let mut s = Socket::with_1000_bytes_on(kernel);
        s.with(|rx, snd, cx| {
            snd.written(cx, rx, 5_000);
            snd.transmit(cx, rx, Segment { seq: Seq(1), len: MSS, ..Segment::default() });
        });
        assert!(s.snd.write_timer_due().is_some());
        s.arrives(segment(Flags::RST, 1_001, 0, 0));
        assert_eq!(s.rx.tcp_state(), TcpState::Close);
        assert!(s.rx.forward_allocated() < 4_096, "{kernel}: {}", s.rx.forward_allocated());
        assert_eq!(s.snd.write_timer_due(), None, "{kernel}: its timers are stopped");
    }
}

#[test]
fn a_connection_that_ends_with_the_peers_fin_or_the_answer_to_its_own_has_no_timers() {
    let shut = |s: &mut Socket| {
        s.with(|rx, snd, cx| {
            rx.shutdown_write();
            snd.fin_written(cx, rx);
            let fin = Segment { seq: Seq(1), flags: Flags::FIN, ..Segment::default() };
            snd.transmit(cx, rx, fin);
        });
        s.out.clear();
    };
    let soon = SimDuration::from_millis(1);
    let fin = Flags::ACK.with(Flags::FIN);
    // The peer's FIN comes last.
    let mut s = Socket::with_1000_bytes();
    shut(&mut s);
    s.with(|rx, snd, cx| rx.set_option(cx, snd, LiveOption::QuickAck(0)));
    s.arrives_after(soon, segment(Flags::ACK, 1_001, 100, 2));
    assert_eq!(s.rx.tcp_state(), TcpState::FinWait2);
    assert!(s.rx.delayed_ack_due().is_some());
    s.arrives_after(soon, segment(fin, 1_101, 0, 2));
    assert_eq!(s.rx.tcp_state(), TcpState::TimeWait);
    assert_eq!((s.rx.delayed_ack_due(), s.snd.write_timer_due()), (None, None));
    // The answer to the own FIN comes last.
    let mut s = Socket::with_1000_bytes();
    s.arrives_after(soon, segment(fin, 1_001, 0, 1));
    assert!(s.rx.delayed_ack_due().is_some());
    shut(&mut s);
    s.arrives_after(soon, segment(Flags::ACK, 1_002, 0, 2));
    assert_eq!(s.rx.tcp_state(), TcpState::Close);
    assert_eq!((s.rx.delayed_ack_due(), s.snd.write_timer_due()), (None, None));
}

#[test]
fn the_answer_of_a_record_has_the_lower_bits_of_a_window_without_a_scale() {
    let mut s = Socket::on(by_name("7.2").unwrap(), Route::default());
    s.with(|rx, snd, cx| rx.set_option(cx, snd, LiveOption::RcvBufForce(131_072)));
    let syn = SynOptions { mss: MSS as u16, window_scale: None, sack: true, ts: None, window: 65_535 };
    s.with(|rx, _, cx| rx.passive_open(cx, &syn, MSS, None));
    s.with(|rx, snd, cx| rx.child_created(cx, snd, &segment(Flags::ACK, 1, 0, 1)));
    let window = s.rx.state(&s.snd).rcv_wnd;
    assert!(window > 65_535, "{window}");
    s.with(|rx, snd, cx| rx.answer_in_time_wait(cx, snd));
    assert_eq!(u32::from(s.out[0].seg.window), window % 65_536);
}

#[test]
fn a_route_may_advertise_segments_smaller_than_their_timestamps() {
    // Recorded with `ip route ... advmss N`: MSS and window of the SYN-ACK, and `advmss` once the connection stands.
    let cases = [
        ("5.10", 1, (1, 65_535), 65_525),
        ("6.12", 1, (1, 65_535), 65_525),
        ("6.18", 20, (20, 65_535), 8),
        ("6.18", 60, (60, 65_520), 48),
        ("7.2", 1, (88, 65_512), 76),
        ("7.2", 100, (100, 65_472), 88),
    ];
    for (kernel, advmss, synack, established) in cases {
        let kernel = by_name(kernel).unwrap();
        let mut s = Socket::on(kernel, Route { advmss: Some(advmss), ..Route::default() });
        let ts = Some(Timestamps { val: 1, ecr: 0 });
        let syn = SynOptions { mss: MSS as u16, window_scale: Some(7), sack: true, ts, window: 65_535 };
        let options = s.with(|rx, _, cx| rx.passive_open(cx, &syn, 65_495, None));
        assert_eq!((options.mss, options.window), synack, "{} {advmss}", kernel.name);
        let ack = Segment { ts, ..segment(Flags::ACK, 1, 0, 1) };
        s.with(|rx, snd, cx| rx.child_created(cx, snd, &ack));
        s.arrives(ack);
        assert_eq!(s.rx.advmss(), established, "{} {advmss}", kernel.name);
    }
}

#[test]
fn an_mss_of_the_size_of_its_timestamps_leaves_the_window_as_it_is() {
    // The kernels up to 6.18 divide by zero here.
    let mut s = Socket::on(by_name("6.1").unwrap(), Route { advmss: Some(12), ..Route::default() });
    let ts = Some(Timestamps { val: 1, ecr: 0 });
    let syn = SynOptions { mss: MSS as u16, window_scale: Some(7), sack: true, ts, window: 65_535 };
    let options = s.with(|rx, _, cx| rx.passive_open(cx, &syn, 65_495, None));
    assert_eq!((options.mss, options.window), (12, 65_535));
}

#[test]
fn what_comes_before_the_next_list_of_a_backlog_is_taken_joins_that() {
    let waiting = |at_once| {
        let mut s = Socket::with_1000_bytes_on("6.12");
        s.rx.own();
        s.arrives(segment(Flags::ACK, 1_001, 100, 1));
        s.rx.begin_drain();
        s.arrives(segment(Flags::ACK, 1_101, 100, 1));
        s.with(|rx, snd, cx| if at_once { rx.drain_one(cx, snd) } else { rx.drain_next(cx, snd) });
        s.arrives(segment(Flags::ACK, 1_201, 100, 1));
        s.rx.backlog_waiting()
    };
    assert_eq!(waiting(true), 2, "the second is in hand already");
    assert_eq!(waiting(false), 1);
}
