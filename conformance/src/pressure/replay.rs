//! A pressure recording's script on the model's sockets.

use std::collections::{BTreeMap, VecDeque};

use sim_core::config::{LiveOption, NicModel, Route, Sysctls};
use sim_core::host::{Host, TcpMem};
use sim_core::linux::{self, KernelProfile};
use sim_core::observer::{Silent, Transmit};
use sim_core::path::{Device, Direction, Packet, Payload};
use sim_core::receiver::Receiver;
use sim_core::segment::{Flags, Segment, SynOptions};
use sim_core::send_half::{Cx, SendHalf as _};
use sim_core::sender::{Emitted, Handshake, PassiveSender};
use sim_core::seq::Seq;
use sim_core::skb::SkbLayout;
use sim_core::time::{Jiffies, JiffyClock, SimDuration, SimTime};
use sim_core::timer_wheel::TimerWheel;

use super::text::{Command, HostLine, PacketLine, PressureError, PressureRecording, SocketLine, Step};

/// Ticks per second of the recorded kernels.
const HZ: u32 = 250;
/// MSS that the recorder's device allows, bytes.
const LINK_MSS: u32 = 1460;
/// The raw window field of the recorder's peers.
const PEER_WINDOW: u16 = 65_535;
/// Counters that were recorded; one that a recording does not name stayed at zero.
const COUNTERS: [&str; 15] = [
    "TcpExtPruneCalled",
    "TcpExtRcvPruned",
    "TcpExtOfoPruned",
    "TcpExtTCPRcvQDrop",
    "TcpExtTCPOFOQueue",
    "TcpExtTCPOFODrop",
    "TcpExtTCPRcvCollapsed",
    "TcpExtTCPRcvCoalesce",
    "TcpExtTCPZeroWindowDrop",
    "TcpExtTCPToZeroWindowAdv",
    "TcpExtTCPFromZeroWindowAdv",
    "TcpExtTCPWantZeroWindowAdv",
    "TcpExtTCPMemoryPressures",
    "TcpExtTCPMemoryPressuresChrono",
    "TcpExtDelayedACKs",
];
/// How many differences are kept.
const KEPT: usize = 20;

/// How much of a recording the model gives.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Score {
    /// Looks at a socket: exact, and all.
    pub sockets: [u64; 2],
    /// Looks at the host (pages, pressure, number of sockets): exact, and all.
    pub host: [u64; 2],
    /// Pure ACKs, with their windows and in each socket's order: exact, and all.
    pub acks: [u64; 2],
    /// Counters at the end: exact, and all.
    pub counters: [u64; 2],
    /// What `recv` and `send` returned: exact, and all.
    pub returns: [u64; 2],
    /// Entries into pressure: when the host was seen to enter or leave it, with how many pages.
    pub pressure: [u64; 2],
    /// The first differences.
    pub differences: Vec<Difference>,
}

/// Something the model says otherwise.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// Number of the script line, from 1.
    pub step: usize,
    /// What was recorded.
    pub recorded: String,
    /// What the model says.
    pub model: String,
}

impl Score {
    /// Whether nothing differs.
    pub fn is_exact(&self) -> bool {
        [self.sockets, self.host, self.acks, self.counters, self.returns, self.pressure]
            .iter()
            .all(|[exact, all]| exact == all)
    }

    fn differ(&mut self, step: usize, recorded: &impl std::fmt::Debug, model: &impl std::fmt::Debug) {
        if self.differences.len() < KEPT {
            let (recorded, model) = (format!("{recorded:?}"), format!("{model:?}"));
            self.differences.push(Difference { step: step + 1, recorded, model });
        }
    }
}

/// One of the sockets.
struct Socket {
    rx: Receiver,
    snd: PassiveSender,
    delayed_ack: Option<(Jiffies, Jiffies)>,
    write_timer: Option<(Jiffies, Jiffies)>,
    /// Pure ACKs sent and not yet compared.
    sent: VecDeque<Transmit>,
    /// Where the peer's knowledge of this end's stream stops.
    peer_saw: Seq,
}

struct Machine {
    kernel: &'static KernelProfile,
    sysctl: Sysctls,
    clock: JiffyClock,
    wheel: TimerWheel,
    host: Host,
    device: Device,
    sockets: BTreeMap<usize, Socket>,
    /// The listener's `SO_RCVBUF`.
    rcvbuf: Option<u32>,
    listening: bool,
    now: SimTime,
}

/// Carries out the script of `rec`, and compares after every line.
///
/// # Errors
/// If no profile describes the recording's kernel.
pub fn replay(rec: &PressureRecording) -> Result<Score, PressureError> {
    let mut words = rec.release.split(['.', '-']);
    let series = format!("{}.{}", words.next().unwrap_or(""), words.next().unwrap_or(""));
    let kernel = linux::by_name(&series).ok_or_else(|| PressureError::Kernel(rec.release.clone()))?;
    let mut m = Machine::new(kernel, rec.since_tick);
    let mut score = Score::default();
    let mut seen = None;
    for (i, step) in rec.steps.iter().enumerate() {
        m.timers_until(SimTime::from_nanos(step.time));
        let returned = m.step(step);
        if let (Some(want), Some(got)) = (step.returned, returned) {
            tally(&mut score, |s| &mut s.returns, i, &want, &got);
        }
        // A tick may fall between the line and the look at its effects; then what a timer does is seen already.
        if matches!(step.command, Command::Wait)
            && let Some(next) = rec.steps.get(i + 1)
        {
            m.timers_until(SimTime::from_nanos(next.time));
        }
        m.compare(&mut score, i, step, &mut seen);
    }
    m.compare_acks(&mut score, rec);
    let mut last: BTreeMap<&str, u64> = COUNTERS.iter().map(|name| (*name, 0)).collect();
    for step in &rec.steps {
        last.extend(step.counters.iter().map(|(k, v)| (k.as_str(), *v)));
    }
    for (name, want) in last {
        let Some(got) = m.host.counters.get(name) else { continue };
        tally(&mut score, |s| &mut s.counters, rec.steps.len(), &(name, want), &(name, got));
    }
    Ok(score)
}

/// Counts one comparison.
fn tally<T: PartialEq + std::fmt::Debug>(
    score: &mut Score,
    of: impl FnOnce(&mut Score) -> &mut [u64; 2],
    step: usize,
    want: &T,
    got: &T,
) {
    let pair = of(score);
    pair[1] += 1;
    if want == got {
        pair[0] += 1;
    } else {
        score.differ(step, want, got);
    }
}

impl Machine {
    fn new(kernel: &'static KernelProfile, since_tick: u64) -> Self {
        let tick = 1_000_000_000 / u64::from(HZ);
        Self {
            kernel,
            sysctl: kernel.default_sysctls(),
            clock: JiffyClock::new(HZ, SimDuration::from_nanos(since_tick % tick)),
            wheel: TimerWheel::new(0),
            host: Host::with_memory(TcpMem::new([188_888, 251_851, 377_776], kernel.mem_pcpu_reserve())),
            device: Device::new(NicModel::Tun.into(), kernel, SkbLayout::default()),
            sockets: BTreeMap::new(),
            rcvbuf: None,
            listening: false,
            now: SimTime::ZERO,
        }
    }

    /// Calls into a socket.
    fn with<R>(
        &mut self,
        socket: usize,
        f: impl FnOnce(&mut Receiver, &mut PassiveSender, &mut Cx<'_, Silent>) -> R,
    ) -> Option<R> {
        let s = self.sockets.get_mut(&socket)?;
        let now = self.clock.now(self.now);
        let mut out = Vec::new();
        let mut cx = Cx { now, out: &mut out, host: &mut self.host, obs: &mut Silent };
        let result = f(&mut s.rx, &mut s.snd, &mut cx);
        s.sent.extend(out);
        s.peer_saw = s.peer_saw.max(s.snd.snd_nxt());
        let wheel = &self.wheel;
        let fires = |armed: Option<(Jiffies, Jiffies)>, due: Option<Jiffies>| {
            due.map(|due| match armed {
                Some((same, fires)) if same == due => (same, fires),
                _ => (due, wheel.fires(now.jiffies, due)),
            })
        };
        s.delayed_ack = fires(s.delayed_ack, s.rx.delayed_ack_due());
        s.write_timer = fires(s.write_timer, s.snd.write_timer_due());
        Some(result)
    }

    fn timers_until(&mut self, time: SimTime) {
        loop {
            let due = |s: &Socket| {
                let delayed = s.delayed_ack.map(|(_, fires)| self.clock.begin(fires));
                let write = s.write_timer.map(|(_, fires)| self.clock.begin(fires));
                [delayed, write, s.rx.compressed_ack_due()].into_iter().flatten().min()
            };
            let next = self.sockets.iter().filter_map(|(i, s)| due(s).map(|t| (t, *i))).min();
            let Some((at, i)) = next.filter(|(t, _)| *t <= time) else { break };
            self.now = self.now.max(at);
            let jiffies = self.clock.at(self.now);
            let now = self.now;
            let Some(s) = self.sockets.get_mut(&i) else { break };
            if s.rx.compressed_ack_due().is_some_and(|t| t <= now) {
                self.with(i, |rx, snd, cx| rx.compressed_ack_timer(cx, snd));
            } else if s.delayed_ack.is_some_and(|(_, fires)| fires <= jiffies) {
                s.delayed_ack = None;
                self.with(i, |rx, snd, cx| rx.delayed_ack_timer(cx, snd));
            } else if s.write_timer.is_some_and(|(_, fires)| fires <= jiffies) {
                s.write_timer = None;
                self.with(i, |rx, snd, cx| snd.write_timer_idle(cx, rx));
            }
        }
        self.now = self.now.max(time);
    }

    fn step(&mut self, step: &Step) -> Option<i64> {
        match &step.command {
            Command::Sysctl(name, value) => self.sysctl(name, value),
            &Command::Open { socket, mss, wscale, rcvbuf } => self.open(socket, mss, wscale, rcvbuf, step),
            &Command::Data { socket, offset, len, push, fin } => {
                let mark = |on, flag| if on { flag } else { Flags::default() };
                let flags = mark(push, Flags::PSH).with(mark(fin, Flags::FIN));
                self.segment(socket, offset, len, flags);
            }
            &Command::Ack { socket, offset } => self.segment(socket, offset, 0, Flags::default()),
            &Command::Read { socket, len } => {
                return self.with(socket, |rx, snd, cx| {
                    // Nothing to read: EAGAIN.
                    let nothing = rx.available() == 0;
                    let n = i64::from(rx.recv(cx, snd, len));
                    if nothing { -1 } else { n }
                });
            }
            &Command::Write { .. } | &Command::Close { .. } | Command::Wait => {}
        }
        None
    }

    fn sysctl(&mut self, name: &str, value: &str) {
        let numbers: Vec<u64> = value.split_whitespace().filter_map(|w| w.parse().ok()).collect();
        match (name, numbers.as_slice()) {
            ("net.ipv4.tcp_mem", &[low, pressure, high]) => {
                let m = &mut self.host.memory;
                (m.low, m.pressure, m.high) = (low, pressure, high);
            }
            ("net.ipv4.tcp_rmem", &[min, default, max]) => {
                self.sysctl.tcp_rmem = [min as u32, default as u32, max as u32];
            }
            ("net.ipv4.tcp_timestamps", &[v]) => self.sysctl.tcp_timestamps = v != 0,
            ("net.core.rmem_max", &[v]) => self.sysctl.rmem_max = v as u32,
            _ => {}
        }
    }

    fn open(&mut self, socket: usize, mss: u16, wscale: u8, rcvbuf: Option<u32>, step: &Step) {
        self.rcvbuf = rcvbuf.or(self.rcvbuf);
        if !self.listening {
            self.listening = true;
            self.host.memory.sockets.created();
        }
        let rx = Receiver::new(self.kernel, self.sysctl.clone(), Route::default());
        let snd = PassiveSender::new(self.kernel, &self.sysctl, HZ, SkbLayout::default());
        let new = Socket {
            rx,
            snd,
            delayed_ack: None,
            write_timer: None,
            sent: VecDeque::new(),
            peer_saw: Seq::FIRST,
        };
        self.sockets.insert(socket, new);
        if let Some(bytes) = self.rcvbuf {
            self.with(socket, |rx, snd, cx| rx.set_option(cx, snd, LiveOption::RcvBufForce(bytes)));
        }
        let syn = SynOptions { mss, window_scale: Some(wscale), sack: true, ts: None, window: PEER_WINDOW };
        self.with(socket, |rx, _, cx| rx.passive_open(cx, &syn, LINK_MSS, None));
        self.timers_until(SimTime::from_nanos(step.time + step.ack_after));
        let handshake = Handshake {
            snd_nxt: Seq::FIRST,
            snd_wnd: u32::from(PEER_WINDOW) << wscale,
            wl1: Seq::FIRST,
            snd_wscale: wscale,
            mss: u32::from(mss).min(LINK_MSS),
            sack: true,
            timestamps: false,
            rtt_us: Some((step.ack_after / 1_000).clamp(1, 1_000_000) as u32),
        };
        let seg = peer_segment(0, 0, Flags::default(), Seq::FIRST);
        self.host.memory.sockets.created();
        self.with(socket, |rx, snd, cx| {
            snd.established(&handshake);
            rx.child_created(cx, snd, &seg);
        });
        self.segment(socket, 0, 0, Flags::default());
    }

    /// A segment of a peer reaches its socket.
    fn segment(&mut self, socket: usize, offset: i64, len: u32, flags: Flags) {
        let Some(s) = self.sockets.get(&socket) else { return };
        let seg = peer_segment(offset, len, flags, s.peer_saw);
        let mut data = Emitted::default();
        (data.seq, data.len, data.skb_len, data.at) =
            (seg.seq, len, (seg.end_seq() - seg.seq) as u32, self.now);
        let packet = Packet { flow: 0, way: Direction::Forward, seg, payload: Payload::Data(data) };
        let (_, buffer) = self.device.piece(&packet, 0, 1);
        self.with(socket, |rx, snd, cx| rx.segment_arrives(cx, snd, &seg, buffer));
    }

    fn compare(&mut self, score: &mut Score, i: usize, step: &Step, seen: &mut Option<HostLine>) {
        for want in step.sockets.iter() {
            let Some(s) = self.sockets.get(&want.socket) else { continue };
            let state = s.rx.state(&s.snd);
            let got = SocketLine {
                socket: want.socket,
                rmem: i64::from(state.rmem),
                rcvbuf: i64::from(state.rcvbuf),
                sndbuf: want.sndbuf,
                fwd_alloc: i64::from(state.fwd_alloc),
                wmem_queued: want.wmem_queued,
                drops: i64::from(state.drops),
                rcv_ssthresh: i64::from(state.rcv_ssthresh),
            };
            tally(score, |s| &mut s.sockets, i, want, &got);
        }
        let m = &self.host.memory;
        if let Some(now) = step.host {
            if seen.is_some_and(|s| s.pressure != now.pressure) {
                let got = (m.under_pressure(), m.allocated);
                tally(score, |s| &mut s.pressure, i, &(now.pressure, now.pages), &got);
            }
            *seen = Some(now);
        }
        if let Some(want) = *seen {
            let got = HostLine {
                pages: m.allocated,
                pressure: m.under_pressure(),
                sockets: m.sockets.exact(),
                ..want
            };
            tally(score, |s| &mut s.host, i, &want, &got);
        }
    }

    /// Each socket's pure ACKs in their order. To which line one belongs is not compared: a timer may fire between a line
    /// and the look at its effects.
    fn compare_acks(&mut self, score: &mut Score, rec: &PressureRecording) {
        let pure = |p: &&PacketLine| p.len == 0 && p.flags & Flags::SYN.0 == 0;
        for (i, step) in rec.steps.iter().enumerate() {
            for want in step.packets.iter().filter(pure) {
                let sent = self.sockets.get_mut(&want.socket).and_then(|s| s.sent.pop_front());
                let got = sent.map(|t| packet_line(want.socket, &t));
                tally(score, |s| &mut s.acks, i, &Some(want), &got.as_ref());
            }
        }
        for (&socket, s) in &mut self.sockets {
            for t in s.sent.drain(..) {
                let nothing: Option<&PacketLine> = None;
                tally(score, |s| &mut s.acks, rec.steps.len(), &nothing, &Some(&packet_line(socket, &t)));
            }
        }
    }
}

fn packet_line(socket: usize, t: &Transmit) -> PacketLine {
    let Segment { seq, ack, flags, window, len, .. } = t.seg;
    PacketLine { socket, seq: seq.wire(), ack: ack.wire(), flags: flags.0, window, len }
}

/// A segment of a peer that acknowledges everything below `ack`.
fn peer_segment(offset: i64, len: u32, flags: Flags, ack: Seq) -> Segment {
    Segment {
        seq: Seq(Seq::FIRST.0 + offset),
        len,
        flags: flags.with(Flags::ACK),
        ack,
        window: PEER_WINDOW,
        ..Segment::default()
    }
}
