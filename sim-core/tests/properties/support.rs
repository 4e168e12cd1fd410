//! Random connections, and a socket to try them on.

use proptest::prelude::*;
use sim_core::config::{LiveOption, NicModel, Route};
use sim_core::host::Host;
use sim_core::linux::{ALL, KernelProfile};
use sim_core::observer::{DropReason, Observer, PruneStep, Queue, Rule, Transmit};
use sim_core::path::{Device, Direction, Packet, Payload};
use sim_core::receiver::Receiver;
use sim_core::segment::{Flags, Segment, SynOptions, Timestamps};
use sim_core::send_half::Cx;
use sim_core::sender::{Emitted, Handshake, PassiveSender};
use sim_core::seq::Seq;
use sim_core::skb::SkbLayout;
use sim_core::state::SocketState;
use sim_core::time::{JiffyClock, SimDuration, SimTime};
use sim_core::timer_wheel::TimerWheel;

/// A kernel that a failed case names shortly.
#[derive(Clone, Copy)]
pub(crate) struct Kernel(pub(crate) &'static KernelProfile);

impl std::fmt::Debug for Kernel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.name)
    }
}

impl std::ops::Deref for Kernel {
    type Target = KernelProfile;
    fn deref(&self) -> &KernelProfile {
        self.0
    }
}

/// How a connection is set up.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) kernel: Kernel,
    pub(crate) nic: NicModel,
    pub(crate) mss: u16,
    pub(crate) window_scale: Option<u8>,
    pub(crate) sack: bool,
    pub(crate) timestamps: bool,
    pub(crate) rcvbuf: Option<u32>,
    pub(crate) shrink_window: bool,
    pub(crate) adv_win_scale: i8,
    pub(crate) rmem_default: u32,
}

/// What happens to it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Op {
    /// Data `ahead` of what is expected next.
    Data { ahead: i64, len: u32, push: bool },
    /// The next data in order.
    Next { len: u32, count: u8 },
    /// A read.
    Read(u32),
    /// Time passes.
    Wait(u64),
    /// An option is set.
    Option(LiveOption),
}

pub(crate) fn setup() -> impl Strategy<Value = Setup> {
    let nic = prop_oneof![
        3 => Just(NicModel::Tun),
        2 => Just(NicModel::Tap),
        1 => Just(NicModel::Page),
        1 => Just(NicModel::HeaderCopyPage),
        1 => (64u32..4_000, any::<bool>(), prop_oneof![Just(0u32), 1_500u32..20_000])
            .prop_map(|(head, head_frag, fragment)| NicModel::Explicit { head: head + 1_500, head_frag, fragment }),
    ];
    let rcvbuf = prop_oneof![Just(None), (1_000u32..200_000).prop_map(Some)];
    let rmem = prop_oneof![Just(131_072u32), 4_096u32..400_000];
    let scale = prop_oneof![3 => Just(Some(7u8)), 1 => Just(None), 1 => Just(Some(14))];
    (
        0..ALL.len(),
        nic,
        prop_oneof![Just(1_460u16), 100u16..9_000],
        scale,
        any::<bool>(),
        any::<bool>(),
        rcvbuf,
        prop::bool::weighted(0.2),
        -3i8..4,
        rmem,
    )
        .prop_map(
            |(k, nic, mss, window_scale, sack, timestamps, rcvbuf, shrink_window, adv_win_scale, rmem)| {
                Setup {
                    kernel: Kernel(ALL[k]),
                    nic,
                    mss,
                    window_scale,
                    sack,
                    timestamps,
                    rcvbuf,
                    shrink_window,
                    adv_win_scale,
                    rmem_default: rmem,
                }
            },
        )
}

pub(crate) fn ops() -> impl Strategy<Value = Vec<Op>> {
    let len = prop_oneof![3 => Just(1_460u32), 2 => 1u32..200, 1 => 0u32..1_461];
    let option = prop_oneof![
        (0u32..300_000).prop_map(LiveOption::RcvBuf),
        (0u32..300_000).prop_map(LiveOption::RcvBufForce),
        (0u32..200_000).prop_map(LiveOption::WindowClamp),
        (0u32..100_000).prop_map(LiveOption::RcvLowat),
        (0u32..3).prop_map(LiveOption::QuickAck),
    ];
    let op = prop_oneof![
        6 => (len.clone(), 1u8..40).prop_map(|(len, count)| Op::Next { len, count }),
        6 => (-4_000i64..40_000, len, any::<bool>()).prop_map(|(ahead, len, push)| Op::Data { ahead, len, push }),
        3 => prop_oneof![1u32..3_000, Just(1 << 20)].prop_map(Op::Read),
        2 => prop_oneof![0u64..3_000_000, 0u64..300_000_000].prop_map(Op::Wait),
        1 => option.prop_map(Op::Option),
    ];
    prop::collection::vec(op, 1..60)
}

/// Counts what the rules report, and checks what leaves.
#[derive(Clone, Default, Debug)]
pub(crate) struct Tally {
    pub(crate) merged: u64,
    pub(crate) prunes: u64,
    pub(crate) prunes_failed: u64,
    pub(crate) dropped: u64,
    pub(crate) rcvq_dropped: u64,
    pub(crate) ofo_dropped: u64,
    pub(crate) zero_window_dropped: u64,
    pub(crate) sent: u64,
    pub(crate) segments: u64,
    pub(crate) read: u64,
}

impl Observer for Tally {
    fn segment(&mut self, _: sim_core::time::Now, _: &Segment, _: &sim_core::skb::Skb, _: &SocketState) {
        self.segments += 1;
    }
    fn transmit(&mut self, _: sim_core::time::Now, _: &Transmit, _: &SocketState) {
        self.sent += 1;
    }
    fn read(&mut self, _: sim_core::time::Now, bytes: u32, _: &SocketState) {
        self.read += u64::from(bytes);
    }
    fn rule(&mut self, _: sim_core::time::Now, rule: Rule) {
        match rule {
            Rule::Merged { queue: Queue::Receive | Queue::OutOfOrder, .. } => self.merged += 1,
            Rule::Prune(PruneStep::Called) => self.prunes += 1,
            Rule::Prune(PruneStep::Failed) => self.prunes_failed += 1,
            Rule::Dropped { reason, .. } => {
                self.dropped += 1;
                self.rcvq_dropped += u64::from(reason == DropReason::RcvQ);
                self.ofo_dropped += u64::from(reason == DropReason::Ofo);
                self.zero_window_dropped += u64::from(reason == DropReason::ZeroWindow);
            }
            _ => {}
        }
    }
}

/// A socket on a host of its own.
#[derive(Debug)]
pub(crate) struct Bench<O> {
    pub(crate) setup: Setup,
    pub(crate) rx: Receiver,
    pub(crate) snd: PassiveSender,
    pub(crate) host: Host,
    pub(crate) obs: O,
    pub(crate) out: Vec<Transmit>,
    clock: JiffyClock,
    wheel: TimerWheel,
    now: SimTime,
    tsval: u32,
    /// One after the highest byte that was ever sent to the socket.
    pub(crate) highest: Seq,
    /// Segments fed.
    pub(crate) fed: u64,
}

impl<O: Observer> Bench<O> {
    pub(crate) fn new(setup: Setup, obs: O) -> Self {
        let mut sysctl = setup.kernel.default_sysctls();
        sysctl.tcp_rmem[1] = setup.rmem_default;
        sysctl.tcp_adv_win_scale = setup.adv_win_scale;
        sysctl.tcp_shrink_window = setup.shrink_window && setup.kernel.has_shrink_window;
        let rx = Receiver::new(setup.kernel.0, sysctl.clone(), Route::default());
        let snd = PassiveSender::new(setup.kernel.0, &sysctl, 250, SkbLayout::default());
        let mut bench = Self {
            rx,
            snd,
            host: Host::default(),
            obs,
            out: Vec::new(),
            clock: JiffyClock::new(250, SimDuration::ZERO),
            wheel: TimerWheel::new(1 << 32),
            now: SimTime::ZERO,
            tsval: 1,
            highest: Seq::FIRST,
            fed: 0,
            setup,
        };
        bench.open();
        bench
    }

    fn with<R>(&mut self, f: impl FnOnce(&mut Receiver, &mut PassiveSender, &mut Cx<'_, O>) -> R) -> R {
        let now = self.clock.now(self.now);
        let mut cx = Cx { now, out: &mut self.out, host: &mut self.host, obs: &mut self.obs };
        f(&mut self.rx, &mut self.snd, &mut cx)
    }

    fn open(&mut self) {
        if let Some(v) = self.setup.rcvbuf {
            self.with(|rx, snd, cx| rx.set_option(cx, snd, LiveOption::RcvBufForce(v)));
        }
        let s = self.setup.clone();
        let syn = SynOptions {
            mss: s.mss,
            window_scale: s.window_scale,
            sack: s.sack,
            ts: s.timestamps.then_some(Timestamps { val: 1, ecr: 0 }),
            window: 65_535,
        };
        self.with(|rx, _, cx| rx.passive_open(cx, &syn, 9_000 - 40, None));
        let scale = s.window_scale.unwrap_or(0);
        self.now += SimDuration::from_micros(100);
        self.snd.established(&Handshake {
            snd_nxt: Seq::FIRST,
            snd_wnd: 65_535 << scale,
            wl1: Seq::FIRST,
            snd_wscale: scale,
            mss: u32::from(s.mss).min(8_948),
            sack: s.sack,
            timestamps: s.timestamps,
            rtt_us: Some(100),
        });
        let seg = self.header(Seq::FIRST, 0, Flags::default());
        self.with(|rx, snd, cx| rx.child_created(cx, snd, &seg));
        self.feed(seg);
    }

    fn header(&mut self, seq: Seq, len: u32, flags: Flags) -> Segment {
        self.tsval += 1;
        let ts = self.setup.timestamps.then_some(Timestamps { val: self.tsval, ecr: 0 });
        Segment {
            seq,
            len,
            flags: flags.with(Flags::ACK),
            ack: Seq::FIRST,
            window: 65_535,
            ts,
            ..Segment::default()
        }
    }

    fn feed(&mut self, seg: Segment) {
        let mut data = Emitted::default();
        (data.seq, data.len, data.skb_len) = (seg.seq, seg.len, (seg.end_seq() - seg.seq) as u32);
        let packet = Packet { flow: 0, way: Direction::Forward, seg, payload: Payload::Data(data) };
        let device = Device::new(self.setup.nic.into(), self.setup.kernel.0, SkbLayout::default());
        let (seg, buffer) = device.piece(&packet, 0, 1);
        self.highest = self.highest.max(seg.end_seq());
        self.fed += 1;
        self.with(|rx, snd, cx| rx.segment_arrives(cx, snd, &seg, buffer));
    }

    /// A segment at `seq`.
    pub(crate) fn data(&mut self, seq: Seq, len: u32, flags: Flags) {
        let seg = self.header(seq, len, flags);
        self.feed(seg);
    }

    pub(crate) fn read(&mut self, bytes: u32) -> u32 {
        self.with(|rx, snd, cx| rx.recv(cx, snd, bytes))
    }

    pub(crate) fn option(&mut self, option: LiveOption) {
        self.with(|rx, snd, cx| rx.set_option(cx, snd, option));
    }

    /// Time passes, and what is due meanwhile fires.
    pub(crate) fn wait(&mut self, ns: u64) {
        let end = self.now + SimDuration::from_nanos(ns);
        // The timers of the receiver: at most one of each, so a few rounds are plenty.
        for _ in 0..8 {
            let wheel = self.wheel;
            let jiffies = self.clock.at(self.now);
            let delayed = self.rx.delayed_ack_due().map(|due| self.clock.begin(wheel.fires(jiffies, due)));
            let compressed = self.rx.compressed_ack_due();
            let Some(next) = delayed.into_iter().chain(compressed).min().filter(|t| *t <= end) else { break };
            self.now = self.now.max(next);
            if compressed.is_some_and(|t| t <= self.now) {
                self.with(|rx, snd, cx| rx.compressed_ack_timer(cx, snd));
            } else {
                self.with(|rx, snd, cx| rx.delayed_ack_timer(cx, snd));
            }
        }
        self.now = self.now.max(end);
    }

    pub(crate) fn op(&mut self, op: Op) {
        self.wait(25_000);
        match op {
            Op::Data { ahead, len, push } => {
                let seq = Seq(self.rx.rcv_nxt().0 + ahead);
                self.data(seq, len, if push { Flags::PSH } else { Flags::default() });
            }
            Op::Next { len, count } => {
                for _ in 0..count {
                    self.wait(25_000);
                    self.data(self.rx.rcv_nxt(), len, Flags::default());
                }
            }
            Op::Read(bytes) => {
                self.read(bytes);
            }
            Op::Wait(ns) => self.wait(ns),
            Op::Option(option) => self.option(option),
        }
    }

    pub(crate) fn state(&self) -> SocketState {
        self.rx.state(&self.snd)
    }
}
