//! An out-of-order queue of any length, fed from outside the engine.

use sim_core::config::{LiveOption, NicModel, Route};
use sim_core::host::Host;
use sim_core::linux::{KernelProfile, by_name};
use sim_core::observer::{Silent, Transmit};
use sim_core::path::{Device, Direction, Packet, Payload};
use sim_core::receiver::Receiver;
use sim_core::segment::{Flags, Segment, SynOptions};
use sim_core::send_half::Cx;
use sim_core::sender::{Emitted, Handshake, PassiveSender};
use sim_core::seq::Seq;
use sim_core::skb::SkbLayout;
use sim_core::time::{JiffyClock, SimDuration, SimTime};

const MSS: u32 = 1_000;

/// Budget of the socket, bytes.
const BUDGET: u32 = 1 << 30;

/// A receiver with a large window.
struct Socket {
    rx: Receiver,
    snd: PassiveSender,
    host: Host,
    out: Vec<Transmit>,
    clock: JiffyClock,
    now: SimTime,
    device: Device,
    /// Segments that came in order so far.
    base: u64,
}

impl Socket {
    fn established(kernel: &'static KernelProfile) -> Self {
        let mut sysctl = kernel.default_sysctls();
        sysctl.tcp_rmem[2] = BUDGET;
        let mut socket = Self {
            rx: Receiver::new(kernel, sysctl.clone(), Route::default()),
            snd: PassiveSender::new(kernel, &sysctl, 250, SkbLayout::default()),
            host: Host::default(),
            out: Vec::new(),
            clock: JiffyClock::new(250, SimDuration::ZERO),
            now: SimTime::ZERO,
            device: Device::new(NicModel::HalfPage.into(), kernel, SkbLayout::default()),
            base: 0,
        };
        socket.host.memory.low = 1 << 40;
        socket.with(|rx, snd, cx| rx.set_option(cx, snd, LiveOption::RcvBufForce(BUDGET / 2)));
        let syn = SynOptions { mss: MSS as u16, window_scale: Some(7), sack: true, ts: None, window: 65_535 };
        socket.with(|rx, _, cx| rx.passive_open(cx, &syn, MSS, None));
        socket.snd.established(&Handshake {
            snd_nxt: Seq::FIRST,
            snd_wnd: 65_535,
            wl1: Seq::FIRST,
            snd_wscale: 7,
            mss: MSS,
            sack: true,
            timestamps: false,
            rtt_us: Some(1_000),
        });
        let ack = header(Seq::FIRST, 0);
        socket.with(|rx, snd, cx| rx.child_created(cx, snd, &ack));
        socket
    }

    fn with<R>(&mut self, f: impl FnOnce(&mut Receiver, &mut PassiveSender, &mut Cx<'_, Silent>) -> R) -> R {
        let now = self.clock.now(self.now);
        let mut cx = Cx { now, out: &mut self.out, host: &mut self.host, obs: &mut Silent };
        f(&mut self.rx, &mut self.snd, &mut cx)
    }

    /// Segment `i` after those that came in order arrives.
    fn segment(&mut self, i: u64) {
        self.now += SimDuration::from_micros(1);
        let seg = header(Seq(Seq::FIRST.0 + ((self.base + i) * u64::from(MSS)) as i64), MSS);
        let mut data = Emitted::default();
        (data.seq, data.len, data.skb_len) = (seg.seq, seg.len, (seg.end_seq() - seg.seq) as u32);
        let packet = Packet { flow: 0, way: Direction::Forward, seg, payload: Payload::Data(data) };
        let (seg, buffer) = self.device.piece(&packet, 0, 1);
        self.with(|rx, snd, cx| rx.segment_arrives(cx, snd, &seg, buffer));
        self.out.clear();
    }

    /// All that is there is read.
    fn read(&mut self, segments: u64) {
        let n = self.with(|rx, snd, cx| rx.recv(cx, snd, u32::MAX));
        assert_eq!(u64::from(n), segments * u64::from(MSS), "everything is in order");
        self.out.clear();
        self.base += segments;
    }
}

fn header(seq: Seq, len: u32) -> Segment {
    let flags = Flags::default().with(Flags::ACK);
    Segment { seq, len, flags, ack: Seq::FIRST, window: 65_535, ..Segment::default() }
}

/// Again and again `skbs` segments wait out of order, each behind a hole of its own, having come in no order at all; then
/// the holes are filled one after the other, and everything is read. Returns the segments, at least `segments`.
pub(crate) fn out_of_order(skbs: u64, segments: u64) -> u64 {
    let Some(kernel) = by_name("6.1") else { return 0 };
    let mut socket = Socket::established(kernel);
    let mut done = 0;
    // The window grows with what comes in order.
    while u64::from(socket.rx.receive_window()) < (2 * skbs + 2) * u64::from(MSS) {
        assert!(done < 10 * (skbs + 100), "the window does not grow: {}", socket.rx.receive_window());
        socket.segment(0);
        socket.read(1);
        done += 1;
    }
    let mut fed = 0;
    while fed < segments {
        for i in 0..skbs {
            // A prime: every place comes once.
            socket.segment(2 * (i * 7_919 % skbs) + 1);
        }
        for i in 0..skbs {
            socket.segment(2 * i);
        }
        socket.read(2 * skbs);
        fed += 2 * skbs;
    }
    fed
}
