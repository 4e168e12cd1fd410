//! Feeds the segments and calls of a plan to the receiver.

use std::sync::Arc;

use super::peer::Peer;
use super::plan::{Header, Injection};
use super::schedule::Call;
use crate::config::{LiveOption, RunConfig};
use crate::counters::Counters;
use crate::engine::RunError;
use crate::host::Host;
use crate::observer::{AckReason, Observer, Transmit};
use crate::path::{Direction, Packet, Payload, Port};
use crate::queue::BudgetExceeded;
use crate::receiver::Receiver;
use crate::segment::{Flags, Segment, SynOptions};
use crate::send_half::{Cx, SendHalf as _};
use crate::sender::{Emitted, Handshake, PassiveSender};
use crate::seq::Seq;
use crate::skb::Buffer;
use crate::state::{SocketState, TcpState};
use crate::time::{Jiffies, JiffyClock, Now, SimTime};
use crate::timer_wheel::TimerWheel;

/// IPv4 and TCP headers without options, bytes.
const HEADERS: u32 = 40;
/// Largest IP packet that can be described.
const MAX_IP_PACKET: u32 = 65_535;
/// `TCP_INIT_CWND`, packets.
const INIT_CWND: u32 = 10;
/// Timestamp option, padded, bytes.
const TIMESTAMP_OPTION: u32 = 12;

/// The state after an injected connection. The peer is no kernel: it counts nothing.
#[derive(Clone, PartialEq, Debug)]
pub struct InjectionOutcome {
    /// The receiving socket.
    pub receiver: SocketState,
    /// Counters of its host.
    pub counters: Counters,
    /// When the run ended.
    pub ended: SimTime,
    /// Steps carried out and timers fired.
    pub events: u64,
    /// Bytes that its application sent.
    pub written: u64,
    /// Bytes that its application read.
    pub read: u64,
    /// Segments of the peer after its SYN.
    pub segments: u64,
}

/// Runs a plan against the receiver of `config`; `obs` watches. Of `config`, the kernel, the receiver's sysctls,
/// options, route and device, the MTU of the reverse link, the host and the end of the run count; whatever concerns the
/// sender or the path does not. Times count from the moment at which the SYN-ACK leaves.
///
/// # Errors
/// If the run needs more events than `config.stop.max_events`, or ends before the handshake.
pub fn run_injection<O: Observer>(
    config: &RunConfig,
    plan: &Injection,
    obs: &mut O,
) -> Result<InjectionOutcome, RunError> {
    let mut driver = Driver::new(config, plan, obs);
    driver.run()?;
    Ok(driver.outcome())
}

/// A timer: its expiry as armed, and the tick at which it fires.
type Armed = Option<(Jiffies, Jiffies)>;

struct Driver<'a, O: Observer> {
    config: &'a RunConfig,
    plan: &'a Injection,
    obs: &'a mut O,
    clock: JiffyClock,
    wheel: TimerWheel,
    /// The clock that timestamps are taken from at time zero, microseconds.
    origin_us: u64,
    port: Port,
    rx: Receiver,
    snd: PassiveSender,
    host: Host,
    peer: Peer,
    out: Vec<Transmit>,
    delayed_ack: Armed,
    write_timer: Armed,
    /// The server's FIN, once it is queued.
    fin: Option<Seq>,
    /// The server's congestion window, packets: it opens as in slow start.
    cwnd: u32,
    now: SimTime,
    events: u64,
    segments: u64,
    read: u64,
    written: u64,
}

impl<'a, O: Observer> Driver<'a, O> {
    fn new(config: &'a RunConfig, plan: &'a Injection, obs: &'a mut O) -> Self {
        let end = &config.receiver;
        let host = &config.host;
        let sysctl = Arc::new(end.sysctl.clone());
        let rx = Receiver::on_machine(config.kernel, sysctl, end.route.clone(), host.uptime_us(), host.skb);
        Self {
            config,
            plan,
            obs,
            clock: JiffyClock::new(host.hz, host.since_tick),
            wheel: TimerWheel::new(host.jiffies),
            origin_us: host.uptime_us(),
            port: Port::new(config.kernel, end, host),
            rx,
            snd: PassiveSender::new(config.kernel, &end.sysctl, host.hz, host.skb),
            host: Host::new(config.kernel, host),
            peer: Peer::new(plan.syn),
            out: Vec::with_capacity(8),
            delayed_ack: None,
            write_timer: None,
            fin: None,
            cwnd: end.route.initcwnd.unwrap_or(INIT_CWND),
            now: SimTime::ZERO,
            events: 0,
            segments: 0,
            read: 0,
            written: 0,
        }
    }

    fn run(&mut self) -> Result<(), RunError> {
        let end = SimTime::ZERO.saturating_add(self.config.stop.after);
        self.open();
        let (calls, _) = self.plan.timeline();
        let begin = SimTime::ZERO.saturating_add(self.plan.handshake);
        if begin > end {
            return Err(RunError::NotEstablished { at: end, gave_up: None });
        }
        self.timers_until(begin)?;
        self.at(begin)?;
        self.establish();
        for timed in calls {
            if timed.at > end || self.done() {
                break;
            }
            // Segments of one instant are one poll of the device.
            if timed.at > self.now || !matches!(timed.call, Call::Segment { .. }) {
                self.poll_ends();
            }
            self.timers_until(timed.at)?;
            self.at(timed.at)?;
            self.call(timed.call);
        }
        self.poll_ends();
        if self.done() {
            return Ok(());
        }
        self.timers_until(end)?;
        self.now = end;
        Ok(())
    }

    fn done(&self) -> bool {
        let stop = &self.config.stop;
        stop.bytes.is_some_and(|b| self.read >= b) || stop.packets.is_some_and(|p| self.segments >= p)
    }

    /// Time moves on to an event.
    fn at(&mut self, time: SimTime) -> Result<(), BudgetExceeded> {
        let max_events = self.config.stop.max_events;
        if self.events >= max_events {
            return Err(BudgetExceeded { max_events, at: time });
        }
        self.events += 1;
        self.now = self.now.max(time);
        Ok(())
    }

    /// Calls into the two halves of the socket now; the peer sees what they send.
    fn with<R>(&mut self, f: impl FnOnce(&mut Receiver, &mut PassiveSender, &mut Cx<'_, O>) -> R) -> R {
        let now = self.clock.now(self.now);
        let before = self.snd.snd_nxt();
        let mut cx = Cx { now, out: &mut self.out, host: &mut self.host, obs: &mut *self.obs };
        let result = f(&mut self.rx, &mut self.snd, &mut cx);
        for packet in self.out.drain(..) {
            self.peer.arrives(&packet);
        }
        let sent = self.snd.snd_nxt();
        if sent > before {
            let bare_fin = self.fin.is_some_and(|fin| before == fin);
            let clock_ms = (self.origin_us + self.rx.cached_clock().as_micros()) / 1_000;
            self.peer.data_arrives(if bare_fin { before } else { sent }, clock_ms as u32);
        }
        self.arm(now);
        result
    }

    // --- opening ---------------------------------------------------------------------------------------------

    fn open(&mut self) {
        let o = &self.config.receiver.sockopt;
        let rcvbuf = |v| if o.rcvbuf_force { LiveOption::RcvBufForce(v) } else { LiveOption::RcvBuf(v) };
        let options = [
            o.rcvbuf.map(rcvbuf),
            o.window_clamp.map(LiveOption::WindowClamp),
            o.rcvlowat.map(LiveOption::RcvLowat),
        ];
        for option in options.into_iter().flatten() {
            self.with(|rx, snd, cx| rx.set_option(cx, snd, option));
        }
        let syn = self.peer.syn();
        self.report_sent(&handshake_segment(&syn, Flags::SYN, Seq(0)));
        let mss = self.link_mss();
        let maxseg = o.maxseg;
        let options = self.with(|rx, snd, cx| {
            let options = rx.passive_open(cx, &syn, mss, maxseg);
            if O::ACTIVE {
                let seg = handshake_segment(&options, Flags::SYN.with(Flags::ACK), Seq::FIRST);
                let packet = Transmit {
                    seg,
                    window: u32::from(options.window),
                    reason: AckReason::Handshake,
                    payload: Payload::Handshake(options),
                };
                cx.obs.transmit(cx.now, &packet, &rx.state(snd));
            }
            cx.host.counters.in_segs += 1;
            cx.host.counters.out_segs += 1;
            options
        });
        self.peer.syn_ack_arrives(&options);
    }

    /// MSS that the device allows, bytes.
    fn link_mss(&self) -> u32 {
        self.config.reverse.mtu.min(MAX_IP_PACKET).saturating_sub(HEADERS).max(1)
    }

    /// The handshake's last ACK makes the connection socket.
    fn establish(&mut self) {
        let syn = self.plan.syn;
        let sysctl = &self.config.receiver.sysctl;
        let scale = if sysctl.tcp_window_scaling { syn.window_scale.unwrap_or(0).min(14) } else { 0 };
        let timestamps = syn.timestamps && sysctl.tcp_timestamps;
        let option = if timestamps { TIMESTAMP_OPTION } else { 0 };
        let seg = self.peer_segment(0, 0, Flags::default(), Header::default());
        let mss = u32::from(syn.mss).min(self.rx.advmss()).saturating_sub(option).max(1);
        let rtt_us = self.plan.handshake.as_micros().clamp(1, u64::from(u32::MAX)) as u32;
        let handshake = Handshake {
            snd_nxt: Seq::FIRST,
            snd_wnd: u32::from(seg.window) << scale,
            wl1: seg.seq,
            snd_wscale: scale,
            mss,
            sack: syn.sack && sysctl.tcp_sack,
            timestamps,
            rtt_us: Some(rtt_us),
        };
        self.snd.established(&handshake);
        self.with(|rx, snd, cx| rx.child_created(cx, snd, &seg));
        self.segment(seg, 0);
        if let Some(v) = self.config.receiver.sockopt.quickack {
            self.with(|rx, snd, cx| rx.set_option(cx, snd, LiveOption::QuickAck(v)));
        }
    }

    // --- steps -----------------------------------------------------------------------------------------------

    fn call(&mut self, call: Call) {
        match call {
            Call::Segment { offset, len, push, fin, gso_size, header } => {
                let mark = |on, flag| if on { flag } else { Flags::default() };
                let flags = mark(push, Flags::PSH).with(mark(fin, Flags::FIN));
                let seg = self.peer_segment(offset, len, flags, header);
                self.segment(seg, gso_size);
            }
            Call::Read(bytes) => self.read += u64::from(self.with(|rx, snd, cx| rx.recv(cx, snd, bytes))),
            Call::Write(bytes) => self.write(bytes),
            Call::Option(option) => self.with(|rx, snd, cx| rx.set_option(cx, snd, option)),
            Call::ShutdownWrite => {
                if self.can_write() {
                    self.with(|rx, snd, cx| {
                        rx.shutdown_write();
                        snd.fin_written(cx, rx);
                    });
                    self.fin_queued();
                }
            }
            Call::Close => {
                if self.rx.tcp_state() == TcpState::Close {
                    return;
                }
                let open = self.can_write();
                let orderly = self.with(|rx, snd, cx| {
                    let orderly = rx.close(cx, snd, false);
                    if orderly && open {
                        snd.fin_written(cx, rx);
                    }
                    orderly
                });
                if orderly && open {
                    self.fin_queued();
                }
            }
        }
    }

    /// Whether the application may still send.
    fn can_write(&self) -> bool {
        self.fin.is_none() && matches!(self.rx.tcp_state(), TcpState::Established | TcpState::CloseWait)
    }

    /// A segment of the peer, and the observer's word of it.
    fn peer_segment(&mut self, offset: i64, len: u32, flags: Flags, header: Header) -> Segment {
        let state = self.peer.state();
        let seg = self.peer.segment(offset, len, flags, header);
        if O::ACTIVE {
            self.obs.sent(self.clock.now(self.now), &seg, &state);
        }
        seg
    }

    fn report_sent(&mut self, seg: &Segment) {
        if O::ACTIVE {
            self.obs.sent(self.clock.now(self.now), seg, &self.peer.state());
        }
    }

    /// A segment of the peer reaches the socket; with a `gso_size`, several that a device below has joined.
    fn segment(&mut self, seg: Segment, gso_size: u32) {
        self.segments += 1;
        if matches!(self.rx.tcp_state(), TcpState::Close | TcpState::TimeWait) {
            // No socket is left: whoever still sends is told so.
            self.host.counters.in_segs += 1;
            self.with(|rx, snd, cx| rx.reset_in_answer(cx, snd, &seg));
            return;
        }
        let skb_len = (seg.end_seq() - seg.seq) as u32;
        let data = Emitted::new((seg.seq, seg.len), 0, skb_len, self.now, None);
        let packet = Packet { flow: 0, way: Direction::Forward, seg, payload: Payload::Data(data) };
        let (_, mut buffer) = self.port.device().piece(&packet, 0, 1);
        if gso_size > 0 && seg.len > gso_size {
            buffer.gso_size = gso_size;
            buffer.gso_segs = u16::try_from(seg.len.div_ceil(gso_size)).unwrap_or(u16::MAX);
        }
        for (_, seg, buffer) in self.port.receive(0, seg, buffer).into_iter().flatten() {
            self.deliver(seg, buffer);
        }
    }

    /// Whatever the device holds back to join it with what follows reaches the socket.
    fn poll_ends(&mut self) {
        if let Some((_, seg, buffer)) = self.port.poll_ends() {
            self.deliver(seg, buffer);
        }
    }

    /// A segment, or what was joined from several, reaches the socket.
    fn deliver(&mut self, mut seg: Segment, buffer: Buffer) {
        // The kernel compares 32-bit numbers.
        seg.seq = Seq::unwrap_near(seg.seq.wire(), self.rx.rcv_nxt());
        let before = self.snd.snd_una();
        // What was never sent cannot be acknowledged.
        let una = if seg.ack <= self.snd.snd_nxt() { before.max(seg.ack) } else { before };
        let mss = self.snd.mss_cache().max(1);
        let acked = ((una - before) as u32).div_ceil(mss);
        let scale = self.plan.syn.window_scale.filter(|_| self.config.receiver.sysctl.tcp_window_scaling);
        let window = u32::from(seg.window) << scale.unwrap_or(0).min(14);
        let cwnd = self.cwnd.saturating_add(acked);
        for answer in self.sendable(una, window, cwnd) {
            self.snd.will_send(answer);
        }
        self.with(|rx, snd, cx| rx.segment_arrives(cx, snd, &seg, buffer));
        if self.snd.snd_una() > before {
            self.cwnd = cwnd;
        }
        // Whatever could not go out waits for its next occasion.
        self.snd.take_unsent();
    }

    // --- the server's own data -------------------------------------------------------------------------------

    fn write(&mut self, bytes: u32) {
        if !self.can_write() {
            return;
        }
        self.written += u64::from(bytes);
        self.with(|rx, _, _| rx.own());
        let mut left = bytes;
        while left > 0 {
            // The copy goes on until an skb is full; only then the call looks whether it can transmit.
            let room = self.snd.room();
            let chunk = left.min(if room == 0 { self.snd.size_goal() } else { room }).max(1);
            left -= chunk;
            self.with(|rx, snd, cx| {
                snd.written(cx, rx, chunk);
                // Whether or not anything can be sent, pushing reads the clock.
                rx.refresh_clock(cx);
            });
            self.send();
        }
        self.with(|rx, snd, cx| rx.release(cx, snd));
    }

    fn fin_queued(&mut self) {
        self.fin = Some(Seq(self.snd.write_seq().0 - 1));
        self.send();
    }

    /// Sends what the peer's window allows.
    fn send(&mut self) {
        for seg in self.sendable(self.snd.snd_una(), self.snd.snd_wnd(), self.cwnd) {
            self.with(|rx, snd, cx| snd.transmit(cx, rx, seg));
        }
    }

    /// The packets that may leave if the peer has acknowledged everything below `una` and offers `window` bytes, with
    /// `cwnd` packets allowed in flight: whole segments, or all that is left.
    fn sendable(&self, una: Seq, window: u32, cwnd: u32) -> Vec<Segment> {
        let end = self.fin.unwrap_or_else(|| self.snd.write_seq());
        let mut packets = Vec::new();
        let mut next = self.snd.snd_nxt();
        let (goal, mss) = (self.snd.size_goal().max(1), self.snd.mss_cache().max(1));
        let edge = una + window.min(cwnd.saturating_mul(mss));
        while next < end {
            let left = (end - next).min(i64::from(goal)) as u32;
            let room = (edge - next).clamp(0, i64::from(u32::MAX)) as u32;
            let len = if room >= left { left } else { room / mss * mss };
            if len == 0 {
                return packets;
            }
            let last = next + len == end;
            let flags = if last { Flags::PSH } else { Flags::default() };
            let flags = if last && self.fin.is_some() { flags.with(Flags::FIN) } else { flags };
            packets.push(Segment { seq: next, len, flags, ..Segment::default() });
            next = next + len;
        }
        if self.fin == Some(next) && packets.is_empty() && next == self.snd.snd_nxt() {
            packets.push(Segment { seq: next, flags: Flags::FIN, ..Segment::default() });
        }
        packets
    }

    // --- timers ----------------------------------------------------------------------------------------------

    /// Notes when timers that were armed just now will fire.
    fn arm(&mut self, now: Now) {
        let fires = |armed: Armed, due: Option<Jiffies>, wheel: &TimerWheel| {
            due.map(|due| match armed {
                Some((same, fires)) if same == due => (same, fires),
                _ => (due, wheel.fires(now.jiffies, due)),
            })
        };
        self.delayed_ack = fires(self.delayed_ack, self.rx.delayed_ack_due(), &self.wheel);
        self.write_timer = fires(self.write_timer, self.snd.write_timer_due(), &self.wheel);
    }

    /// Fires every timer that is due up to and at `time`.
    fn timers_until(&mut self, time: SimTime) -> Result<(), BudgetExceeded> {
        loop {
            let delayed = self.delayed_ack.map(|(_, fires)| self.clock.begin(fires));
            let write = self.write_timer.map(|(_, fires)| self.clock.begin(fires));
            let next = [delayed, write, self.rx.compressed_ack_due()].into_iter().flatten().min();
            let Some(next) = next.filter(|t| *t <= time) else { return Ok(()) };
            self.at(next)?;
            let jiffies = self.clock.at(self.now);
            if self.rx.compressed_ack_due().is_some_and(|t| t <= self.now) {
                self.with(|rx, snd, cx| rx.compressed_ack_timer(cx, snd));
            }
            if self.delayed_ack.is_some_and(|(_, fires)| fires <= jiffies) {
                self.delayed_ack = None;
                self.with(|rx, snd, cx| rx.delayed_ack_timer(cx, snd));
            }
            if self.write_timer.is_some_and(|(_, fires)| fires <= jiffies) {
                self.write_timer = None;
                self.with(|rx, snd, cx| snd.write_timer_idle(cx, rx));
            }
        }
    }

    fn outcome(&self) -> InjectionOutcome {
        InjectionOutcome {
            receiver: self.rx.state(&self.snd),
            counters: self.host.counters.clone(),
            ended: self.now,
            events: self.events,
            written: self.written,
            read: self.read,
            segments: self.segments,
        }
    }
}

/// A SYN or SYN-ACK.
fn handshake_segment(options: &SynOptions, flags: Flags, ack: Seq) -> Segment {
    Segment { seq: Seq(0), flags, ack, window: options.window, ts: options.ts, ..Segment::default() }
}
