//! SYN, SYN-ACK, ACK.

use super::simulation::{Side, Simulation};
use super::views::{ReceiverView, SenderView};
use crate::config::{EndpointConfig, LinkConfig, LiveOption};
use crate::observer::{AckReason, Observer, SenderState, Transmit};
use crate::path::{Packet, Payload};
use crate::segment::{Flags, Segment, SynOptions};
use crate::send_half::Cx;
use crate::sender::{Handshake, Role};
use crate::seq::Seq;
use crate::time::SimTime;

/// IPv4 and TCP headers without options, bytes.
const HEADERS: u32 = 40;
/// Largest IP packet that can be described.
const MAX_IP_PACKET: u32 = 65_535;
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

/// A SYN or SYN-ACK.
fn handshake_segment(options: &SynOptions, flags: Flags, ack: Seq) -> Segment {
    Segment { flags, ack, window: options.window, ts: options.ts, ..Segment::default() }
}

impl<O: Observer> Simulation<'_, O> {
    /// The writing end sends its SYN.
    pub(super) fn open(&mut self) {
        let now = self.clock.now(SimTime::ZERO);
        let config = &self.config.sender;
        let mss = link_mss(&self.config.forward);
        let mut view = SenderView(&mut *self.obs);
        let mut cx = Cx { now, out: &mut self.out, host: &mut self.a.host, obs: &mut view };
        let options = self.a.rx.active_open(&mut cx, mss, config.sockopt.maxseg);
        self.a.tx.connect(config.sockopt.maxseg, options.ts.is_some());
        self.a.host.counters.out_segs += 1;
        let seg = handshake_segment(&options, Flags::SYN, Seq(0));
        if O::ACTIVE {
            let state = SenderState { snd_una: Seq(0), snd_nxt: Seq(0), packets_out: 1, ..self.a.tx.state() };
            self.obs.sent(now, &seg, &state);
        }
        self.syn_sent = now.time;
        self.put(Side::Sender, now.time, Packet { seg, payload: Payload::Handshake(options) });
    }

    /// A SYN or SYN-ACK arrives.
    pub(super) fn handshake_packet(&mut self, to: Side, time: SimTime, seg: &Segment, options: SynOptions) {
        match to {
            Side::Receiver => self.syn_arrives(time, options),
            Side::Sender => self.syn_ack_arrives(time, seg, options),
        }
    }

    fn syn_arrives(&mut self, time: SimTime, syn: SynOptions) {
        let now = self.clock.now(time);
        let mss = link_mss(&self.config.reverse);
        let maxseg = self.config.receiver.sockopt.maxseg;
        let mut view = ReceiverView(&mut *self.obs);
        let mut cx = Cx { now, out: &mut self.out, host: &mut self.b.host, obs: &mut view };
        let mut options = self.b.rx.passive_open(&mut cx, &syn, mss, maxseg);
        if let Some(ts) = &mut options.ts {
            // The listener reads the clock for each SYN-ACK; the new socket has no cached one yet.
            let cached = self.b.rx.cached_clock().as_micros() / 1_000;
            ts.val = ts.val.wrapping_add((time.as_micros() / 1_000).wrapping_sub(cached) as u32);
        }
        let seg = handshake_segment(&options, Flags::SYN.with(Flags::ACK), Seq::FIRST);
        if O::ACTIVE {
            let packet = Transmit { seg, window: u32::from(options.window), reason: AckReason::Handshake };
            self.obs.transmit(now, &packet, &self.b.rx.state(&self.b.tx));
        }
        let counters = &mut self.receiver_host().counters;
        counters.in_segs += 1;
        counters.out_segs += 1;
        self.peer_syn = Some(syn);
        self.syn_ack_sent = time;
        self.put(Side::Receiver, time, Packet { seg, payload: Payload::Handshake(options) });
    }

    fn syn_ack_arrives(&mut self, time: SimTime, seg: &Segment, synack: SynOptions) {
        let sysctl = &self.config.sender.sysctl;
        let timestamps = synack.ts.is_some() && sysctl.tcp_timestamps;
        let handshake = Handshake {
            snd_nxt: Seq::FIRST,
            snd_wnd: u32::from(seg.window),
            wl1: seg.seq,
            snd_wscale: synack.window_scale.unwrap_or(0).min(14),
            mss: send_limit(&synack, &self.config.forward, &self.config.sender, timestamps),
            sack: synack.sack && sysctl.tcp_sack,
            timestamps,
            rtt_us: Some(round_trip(self.syn_sent, time)),
        };
        self.on_a(time, |cx, rx, tx, _| {
            tx.established(cx.now, &handshake, Role::Active);
            rx.syn_ack_arrives(cx, tx, &synack);
        });
    }

    /// The handshake's last segment reaches the reading end: its socket comes into being.
    pub(super) fn passive_side_established(&mut self, time: SimTime, seg: &Segment) {
        let Some(syn) = self.peer_syn else { return };
        let sysctl = &self.config.receiver.sysctl;
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
            mss: send_limit(&syn, &self.config.reverse, &self.config.receiver, timestamps),
            sack: syn.sack && sysctl.tcp_sack,
            timestamps,
            rtt_us: Some(round_trip(self.syn_ack_sent, time)),
        };
        self.established = Some(time);
        self.on_b(time, |cx, rx, tx, _| {
            tx.established(cx.now, &handshake, Role::Passive);
            rx.child_created(cx, tx, seg);
        });
    }

    /// The connection is accepted: the program sets what it sets then, and the applications get ready.
    pub(super) fn accepted(&mut self, time: SimTime) {
        if let Some(v) = self.config.receiver.sockopt.quickack {
            self.on_b(time, |cx, rx, tx, _| rx.set_option(cx, tx, LiveOption::QuickAck(v)));
        }
        self.applications_begin(time);
    }
}

/// Microseconds between two readings of the kernel's clock.
fn round_trip(sent: SimTime, now: SimTime) -> u32 {
    (now.as_micros() - sent.as_micros()).clamp(1, u64::from(u32::MAX)) as u32
}
