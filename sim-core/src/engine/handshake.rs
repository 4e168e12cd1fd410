//! SYN, SYN-ACK, ACK.

use super::flow::{FlowId, Side};
use super::simulation::{Event, Simulation};
use super::views::View;
use crate::config::{EndpointConfig, LinkConfig, LiveOption, Sysctls};
use crate::observer::{AckReason, Observer, SenderState, Transmit};
use crate::path::{Direction, Packet, Payload};
use crate::segment::{Flags, Segment, SynOptions};
use crate::send_half::Cx;
use crate::sender::{Handshake, Role};
use crate::seq::Seq;
use crate::state::TcpState;
use crate::time::SimTime;

/// IPv4 and TCP headers without options, bytes.
const HEADERS: u32 = 40;
/// Largest IP packet that can be described.
const MAX_IP_PACKET: u32 = 65_535;
/// First timeout of a SYN and a SYN-ACK (`TCP_TIMEOUT_INIT`), seconds; further ones are twice as long as the one before.
const TIMEOUT_INIT: u32 = 1;
/// Doublings of a timeout after which it is above any bound, and still a number.
const LARGEST_SHIFT: u8 = 16;
/// Timestamp option, padded, bytes.
const TIMESTAMP_OPTION: u32 = 12;

/// MSS that a link allows.
fn link_mss(link: &LinkConfig) -> u32 {
    link.mtu.min(MAX_IP_PACKET).saturating_sub(HEADERS).max(1)
}

/// MSS for sending: what the peer, the link and the program allow, without the timestamp option.
fn send_limit(peer: &SynOptions, link: &LinkConfig, end: &EndpointConfig, timestamps: bool) -> u32 {
    let by_program = end.sockopt.maxseg.map_or(u32::MAX, u32::from);
    let mss = u32::from(peer.mss).min(link_mss(link)).min(by_program);
    mss - if timestamps { TIMESTAMP_OPTION.min(mss - 1) } else { 0 }
}

/// The flags with which a SYN asks for ECN (RFC 3168, section 6.1.1); a SYN-ACK agrees with ECE alone. A SYN that is sent again
/// does not ask unless `tcp_ecn_fallback` is off.
const ASKS_FOR_ECN: Flags = Flags(Flags::ECE.0 | Flags::CWR.0);

/// The flags of a SYN, with or without ECN.
fn syn_flags(ecn: bool) -> Flags {
    if ecn { Flags::SYN.with(ASKS_FOR_ECN) } else { Flags::SYN }
}

/// The flags of a SYN-ACK, with or without ECN.
fn syn_ack_flags(ecn: bool) -> Flags {
    let flags = Flags::SYN.with(Flags::ACK);
    if ecn { flags.with(Flags::ECE) } else { flags }
}

/// A SYN or SYN-ACK.
fn handshake_segment(options: &SynOptions, flags: Flags, ack: Seq) -> Segment {
    Segment { flags, ack, window: options.window, ts: options.ts, ..Segment::default() }
}

impl<O: Observer> Simulation<'_, O> {
    /// The programs set their options, and the writing end sends its SYN.
    pub(super) fn open(&mut self, flow: FlowId, time: SimTime) {
        self.watch(flow);
        let now = self.clock.now(time);
        let f = &mut self.flows[flow as usize];
        for (side, config) in
            [(Side::Sender, self.config.sender_of(flow)), (Side::Receiver, self.config.receiver_of(flow))]
        {
            let mut view = View::new(side, &mut *self.obs);
            let host = &mut self.hosts[side.at()];
            let mut cx = Cx { now, out: &mut self.out, host, obs: &mut view };
            f.ends[side.at()].set_options(&mut cx, config);
        }
        self.out.clear();
        let maxseg = self.config.sender_of(flow).sockopt.maxseg;
        let mss = link_mss(&self.config.forward);
        let mut view = View::new(Side::Sender, &mut *self.obs);
        let host = &mut self.hosts[Side::Sender.at()];
        let mut cx = Cx { now, out: &mut self.out, host, obs: &mut view };
        let end = &mut f.ends[Side::Sender.at()];
        let options = end.rx.active_open(&mut cx, mss, maxseg);
        end.tx.connect(maxseg, mss, options.ts.is_some());
        end.begins(host);
        host.counters.out_segs += 1;
        let asks = self.config.sender_of(flow).sysctl.tcp_ecn == 1;
        let seg = handshake_segment(&options, syn_flags(asks), Seq(0));
        if O::ACTIVE {
            let state = SenderState { snd_una: Seq(0), snd_nxt: Seq(0), packets_out: 1, ..end.tx.state() };
            self.obs.sent(now, &seg, &state);
        }
        f.syn_sent = now.time;
        f.offered[Side::Sender.at()] = Some(options);
        self.put(
            Side::Sender,
            now.time,
            &Packet { flow, way: Direction::Forward, seg, payload: Payload::Handshake(options) },
        );
        self.handshake_timer(flow, Side::Sender, time);
    }

    /// A SYN or SYN-ACK arrives.
    #[cold]
    pub(super) fn handshake_packet(
        &mut self,
        flow: FlowId,
        to: Side,
        time: SimTime,
        seg: &Segment,
        options: SynOptions,
    ) {
        match to {
            Side::Receiver => self.syn_arrives(flow, time, options, seg.flags),
            Side::Sender => self.syn_ack_arrives(flow, time, seg, options),
        }
    }

    /// Arms the timer that sends a SYN or SYN-ACK again.
    fn handshake_timer(&mut self, flow: FlowId, side: Side, time: SimTime) {
        let tries = self.flows[flow as usize].tries[side.at()];
        let now = self.clock.now(time);
        let sysctl = self.sysctls(flow, side);
        // Newer kernels repeat the first SYNs after the same pause.
        let linear = if side == Side::Sender { sysctl.tcp_syn_linear_timeouts } else { 0 };
        let doublings = tries.saturating_sub(linear).min(LARGEST_SHIFT);
        let most = (u64::from(sysctl.tcp_rto_max_ms) * u64::from(now.hz) / 1_000) as u32;
        let pause = ((TIMEOUT_INIT * now.hz) << doublings).min(most);
        let fires = self.wheel.fires(now.jiffies, now.jiffies + pause);
        self.queue.push_timer(self.clock.begin(fires).max(time), Event::Handshake(flow, side));
    }

    fn sysctls(&self, flow: FlowId, side: Side) -> &Sysctls {
        match side {
            Side::Sender => &self.config.sender_of(flow).sysctl,
            Side::Receiver => &self.config.receiver_of(flow).sysctl,
        }
    }

    /// How often a SYN or a SYN-ACK is sent again. The linear timeouts of a SYN come on top (`tcp_write_timeout`).
    fn handshake_retries(&self, flow: FlowId, side: Side) -> u8 {
        let sysctl = self.sysctls(flow, side);
        match side {
            Side::Sender => {
                let asked = self.config.sender_of(flow).sockopt.syn_count;
                asked.unwrap_or(sysctl.tcp_syn_retries).saturating_add(sysctl.tcp_syn_linear_timeouts)
            }
            Side::Receiver => sysctl.tcp_synack_retries,
        }
    }

    /// Nobody answers: `connect` returns `ETIMEDOUT`.
    fn connect_fails(&mut self, flow: FlowId, time: SimTime) {
        self.hosts[Side::Sender.at()].counters.timeouts += 1;
        self.flows[flow as usize].connected = true;
        self.gave_up.get_or_insert(time);
        self.on(flow, Side::Sender, time, |cx, end| {
            end.tx.give_up(cx, &mut end.rx);
            end.note_state(cx);
        });
    }

    /// The handshake has not come further since the timer was armed: what was lost is sent again
    /// (`tcp_retransmit_timer`, `reqsk_timer_handler`).
    #[cold]
    pub(super) fn handshake_timeout(&mut self, flow: FlowId, side: Side, time: SimTime) {
        let f = &mut self.flows[flow as usize];
        let done = f.established.is_some() || (side == Side::Sender && f.connected);
        if done {
            return;
        }
        if f.tries[side.at()] >= self.handshake_retries(flow, side) {
            if side == Side::Sender {
                self.connect_fails(flow, time);
            }
            return;
        }
        let f = &mut self.flows[flow as usize];
        f.tries[side.at()] += 1;
        let counters = &mut self.hosts[side.at()].counters;
        counters.timeouts += u64::from(side == Side::Sender);
        counters.syn_retrans += 1;
        counters.lost_retransmit += u64::from(side == Side::Sender && f.tries[side.at()] > 1);
        self.send_again(flow, side, time);
        self.handshake_timer(flow, side, time);
    }

    /// Sends a SYN or SYN-ACK again, with a timestamp of now.
    fn send_again(&mut self, flow: FlowId, side: Side, time: SimTime) {
        self.watch(flow);
        let now = self.clock.now(time);
        let f = &mut self.flows[flow as usize];
        let Some(mut options) = f.offered[side.at()] else { return };
        let sysctl = &self.config.sender_of(flow).sysctl;
        let asks = sysctl.tcp_ecn == 1 && !sysctl.tcp_ecn_fallback;
        let first = if side == Side::Sender { f.syn_sent } else { f.syn_ack_sent };
        if let Some(ts) = &mut options.ts {
            ts.val = ts.val.wrapping_add((time.as_micros() / 1_000 - first.as_micros() / 1_000) as u32);
        }
        let counters = &mut self.hosts[side.at()].counters;
        // A SYN-ACK is made anew, a SYN is not.
        counters.out_segs += u64::from(side == Side::Receiver);
        counters.retrans_segs += 1;
        let end = &f.ends[side.at()];
        let seg = match side {
            Side::Sender => handshake_segment(&options, syn_flags(asks), Seq(0)),
            Side::Receiver => handshake_segment(&options, syn_ack_flags(f.ecn), Seq::FIRST),
        };
        if O::ACTIVE && side == Side::Sender {
            self.obs.sent(now, &seg, &end.tx.state_of_repeated_syn());
        } else if O::ACTIVE {
            let (window, payload) = (u32::from(options.window), Payload::Handshake(options));
            let packet = Transmit { seg, window, reason: AckReason::Handshake, payload };
            self.obs.transmit(now, &packet, &end.rx.state(&end.tx));
        }
        self.put(side, time, &Packet { flow, way: side.way(), seg, payload: Payload::Handshake(options) });
    }

    fn syn_arrives(&mut self, flow: FlowId, time: SimTime, syn: SynOptions, flags: Flags) {
        self.watch(flow);
        let f = &self.flows[flow as usize];
        if f.offered[Side::Receiver.at()].is_some() {
            // The SYN-ACK was lost, or is on its way.
            self.hosts[Side::Receiver.at()].counters.in_segs += 1;
            if f.established.is_none() {
                self.send_again(flow, Side::Receiver, time);
            }
            return;
        }
        let now = self.clock.now(time);
        let mss = link_mss(&self.config.reverse);
        let maxseg = self.config.receiver_of(flow).sockopt.maxseg;
        let f = &mut self.flows[flow as usize];
        let end = &mut f.ends[Side::Receiver.at()];
        let mut view = View::new(Side::Receiver, &mut *self.obs);
        let host = &mut self.hosts[Side::Receiver.at()];
        let mut cx = Cx { now, out: &mut self.out, host, obs: &mut view };
        let mut options = end.rx.passive_open(&mut cx, &syn, mss, maxseg);
        if let Some(ts) = &mut options.ts {
            // The listener reads the clock for each SYN-ACK; the new socket has no cached one yet.
            let cached = end.rx.cached_clock().as_micros() / 1_000;
            ts.val = ts.val.wrapping_add((time.as_micros() / 1_000).wrapping_sub(cached) as u32);
        }
        f.ecn =
            flags.0 & ASKS_FOR_ECN.0 == ASKS_FOR_ECN.0 && self.config.receiver_of(flow).sysctl.tcp_ecn > 0;
        let seg = handshake_segment(&options, syn_ack_flags(f.ecn), Seq::FIRST);
        if O::ACTIVE {
            let (window, payload) = (u32::from(options.window), Payload::Handshake(options));
            let packet = Transmit { seg, window, reason: AckReason::Handshake, payload };
            self.obs.transmit(now, &packet, &end.rx.state(&end.tx));
        }
        host.counters.in_segs += 1;
        host.counters.out_segs += 1;
        f.offered[Side::Receiver.at()] = Some(options);
        f.syn_ack_sent = time;
        let [_, lag] = self.lags;
        self.put(
            Side::Receiver,
            time + lag,
            &Packet { flow, way: Direction::Reverse, seg, payload: Payload::Handshake(options) },
        );
        self.handshake_timer(flow, Side::Receiver, time);
    }

    fn syn_ack_arrives(&mut self, flow: FlowId, time: SimTime, seg: &Segment, synack: SynOptions) {
        let config = self.config.sender_of(flow);
        let f = &mut self.flows[flow as usize];
        if f.ends[Side::Sender.at()].rx.tcp_state() == TcpState::Close {
            // It comes after `connect` was given up.
            return;
        }
        if std::mem::replace(&mut f.connected, true) {
            // The last ACK was lost: it is sent again.
            if f.established.is_none() {
                self.on(flow, Side::Sender, time, |cx, end| end.rx.syn_ack_repeated(cx, &end.tx));
            }
            return;
        }
        let repeated = f.tries[Side::Sender.at()];
        let sysctl = &config.sysctl;
        let timestamps = synack.ts.is_some() && sysctl.tcp_timestamps;
        let handshake = Handshake {
            snd_nxt: Seq::FIRST,
            snd_wnd: u32::from(seg.window),
            wl1: seg.seq,
            snd_wscale: synack.window_scale.unwrap_or(0).min(14),
            mss: send_limit(&synack, &self.config.forward, config, timestamps),
            sack: synack.sack && sysctl.tcp_sack,
            timestamps,
            rtt_us: match (repeated, synack.ts.filter(|_| timestamps), f.offered[Side::Sender.at()]) {
                (0, _, _) => Some(round_trip(f.syn_sent, time)),
                // Which SYN was answered only the timestamp says, in whole milliseconds.
                (_, Some(ts), Some(syn)) => syn.ts.map(|first| {
                    let sent = u64::from(ts.ecr.wrapping_sub(first.val));
                    let ms = (time.as_micros() / 1_000).saturating_sub(f.syn_sent.as_micros() / 1_000 + sent);
                    u32::try_from(ms).unwrap_or(u32::MAX).clamp(1, 1 << 22) * 1_000
                }),
                _ => None,
            },
        };
        let first = f.offered[Side::Sender.at()].and_then(|syn| syn.ts).map(|ts| ts.val);
        let needlessly = timestamps && synack.ts.is_some_and(|ts| Some(ts.ecr) == first);
        let agreed = config.sysctl.tcp_ecn == 1 && seg.flags.has(Flags::ECE) && !seg.flags.has(Flags::CWR);
        self.on(flow, Side::Sender, time, |cx, end| {
            end.tx.established(cx.now, &handshake, Role::Active);
            if agreed {
                end.agree_on_ecn();
            }
            if repeated > 0 {
                end.tx.syn_was_repeated(repeated, needlessly);
            }
            end.rx.syn_ack_arrives(cx, &end.tx, &synack);
            end.note_state(cx);
        });
        if !self.config.host.calls.one_thread {
            self.writer_begins(flow, time);
        }
    }

    /// The handshake's last segment reaches the reading end: its socket comes into being.
    #[cold]
    pub(super) fn passive_side_established(&mut self, flow: FlowId, time: SimTime, seg: &Segment) {
        let f = &mut self.flows[flow as usize];
        let Some(syn) = f.offered[Side::Sender.at()] else { return };
        let config = self.config.receiver_of(flow);
        let sysctl = &config.sysctl;
        let timestamps = syn.ts.is_some() && sysctl.tcp_timestamps;
        let scale = match (syn.window_scale, sysctl.tcp_window_scaling) {
            (Some(s), true) => s.min(14),
            _ => 0,
        };
        let handshake = Handshake {
            snd_nxt: Seq::FIRST,
            snd_wnd: u32::from(seg.window) << scale,
            wl1: seg.seq,
            snd_wscale: scale,
            mss: send_limit(&syn, &self.config.reverse, config, timestamps),
            sack: syn.sack && sysctl.tcp_sack,
            timestamps,
            rtt_us: (f.tries[Side::Receiver.at()] == 0).then(|| round_trip(f.syn_ack_sent, time)),
        };
        let agreed = f.ecn;
        f.established = Some(time);
        self.established.get_or_insert(time);
        self.on(flow, Side::Receiver, time, |cx, end| {
            end.tx.established(cx.now, &handshake, Role::Passive);
            if agreed {
                end.agree_on_ecn();
            }
            end.rx.child_created(cx, &end.tx, seg);
            end.begins(cx.host);
        });
    }

    /// The connection is accepted: the program sets what it sets then, and the applications get ready.
    #[cold]
    pub(super) fn accepted(&mut self, flow: FlowId, time: SimTime) {
        if let Some(v) = self.config.receiver_of(flow).sockopt.quickack {
            self.set_option(flow, Side::Receiver, time, LiveOption::QuickAck(v));
        }
        self.applications_begin(flow, time);
        if self.config.host.calls.one_thread {
            self.writer_begins(flow, time);
        }
    }
}

/// Microseconds between two readings of the kernel's clock.
fn round_trip(sent: SimTime, now: SimTime) -> u32 {
    (now.as_micros() - sent.as_micros()).clamp(1, u64::from(u32::MAX)) as u32
}
