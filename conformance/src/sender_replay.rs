//! Recorded ACKs through the model's sender.
//!
//! End to end, a run is compared up to the kernel's own first divergence: when a reader wakes decides which ACKs a
//! receiver sends, and from there on two passes of one kernel differ. A sender alone has no such freedom. Here the ACKs
//! of a recording reach the model's sender when they reached the kernel's, the program writes what it wrote, and every
//! packet with data that leaves must be the recorded one, with the state that the kernel had:
//! `seq len flags cwnd snd_ssthresh packets_out retrans_out sacked_out lost_out ca_state`, to the last packet.
//!
//! Inputs are the ACKs (time, numbers, window, SACK blocks, echoed timestamp) and the time of the first packet; all
//! else follows from the configuration. An ACK arrives when the server has sent it and the path has delayed it; what the
//! machine needs from there to the socket is the median of what it needed to the packet that the ACK let go.

use sim_core::config::{RunConfig, WriteMode};
use sim_core::host::Host;
use sim_core::observer::{Observer, SenderState};
use sim_core::receiver::Receiver;
use sim_core::segment::{Flags, Segment, SynOptions, Timestamps};
use sim_core::send_half::Cx;
use sim_core::sender::{Handshake, Role, Sender};
use sim_core::seq::Seq;
use sim_core::skb::Buffer;
use sim_core::time::{JiffyClock, Now, SimDuration, SimTime};

use crate::end_to_end::{ConfigError, run_config};
use crate::recording::{AckRow, Recording, TxRow};

/// From the end of the path to the socket of the client, ns, if no packet follows an ACK.
const ARRIVAL_NS: u64 = 38_000;
/// From the socket's reading of its clock to the record of a packet that the ACK let go, ns.
const ANSWER_NS: u64 = 8_000;
/// What comes later than this after an ACK is no answer to it, ns.
const ANSWER_LIMIT_NS: u64 = 500_000;
/// IPv4 and TCP headers, bytes.
const HEADERS: u32 = 40;
/// Timestamp option, padded, bytes.
const TIMESTAMP_OPTION: u32 = 12;

/// How far the model's sender equals the recorded one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SenderScore {
    /// Packets with data that were recorded.
    pub packets: usize,
    /// Those that the model sent alike, state included.
    pub exact: usize,
    /// Packets that the model sent.
    pub sent: usize,
    /// The first packet that differs: its number, what was recorded and what the model gave.
    pub first: Option<(usize, String, String)>,
}

/// Sends the recorded ACKs through the model's sender.
///
/// # Errors
/// If the case is not a loop case with a program that writes as much as it can, or its handshake was not recorded.
pub fn sender_replay(rec: &Recording) -> Result<SenderScore, ConfigError> {
    let mut config = run_config(rec)?;
    // Times are those of the recording, which begins before the SYN.
    let tick = rec.summary.clock.jiffy0_time_ns.min(0).unsigned_abs();
    config.host.since_tick = SimDuration::from_nanos(tick);
    let unsupported = |what: &str| ConfigError::Unsupported { case: rec.case.clone(), what: what.to_owned() };
    let WriteMode::Burst { call, .. } = config.sender.write.mode else {
        return Err(unsupported("replay of a writer of chunks"));
    };
    let recorded: Vec<&TxRow> = rec.tx.iter().filter(|t| t.len > 0).collect();
    let [syn, ..] = rec.tx.as_slice() else { return Err(unsupported("packet of the client")) };
    let [synack, acks @ ..] = rec.acks.as_slice() else { return Err(unsupported("answer to the SYN")) };
    let Some(first) = recorded.first() else { return Err(unsupported("data")) };
    let mut d = Drive::new(rec, &config, config.sender.write.total.unwrap_or(u64::MAX), call);
    d.connect(&config, syn, synack);
    let begin = SimTime::from_nanos(first.time_ns);
    for ack in acks {
        let at = d.arrival(ack);
        if !d.begun && at >= begin {
            d.timers_until(begin);
            d.begin(begin);
        }
        d.timers_until(at);
        d.ack(at, ack);
    }
    d.timers_until(SimTime::from_nanos(recorded.last().map_or(0, |t| t.time_ns)));
    Ok(d.score(&recorded))
}

/// From the record of an ACK at the server to the client's socket, ns: the path's `delay` and what the machine needs.
fn on_the_way(rec: &Recording, delay: u64) -> u64 {
    let mut needed: Vec<u64> = Vec::new();
    for ack in &rec.acks {
        let due = ack.time_ns + delay;
        let next = rec.tx.partition_point(|t| t.time_ns < due);
        let answer = rec.tx.get(next).map(|t| t.time_ns - due).filter(|&ns| ns < ANSWER_LIMIT_NS);
        needed.extend(answer);
    }
    needed.sort_unstable();
    let median = needed.get(needed.len() / 2).map_or(ARRIVAL_NS, |ns| ns.saturating_sub(ANSWER_NS));
    delay + median
}

/// The packets with data that the sender sent, and its state then.
#[derive(Clone, Default, Debug)]
struct Sent(Vec<(Segment, SenderState)>);

impl Observer for Sent {
    fn sent(&mut self, _: Now, seg: &Segment, state: &SenderState) {
        if seg.len > 0 {
            self.0.push((*seg, *state));
        }
    }
}

/// The client's socket, its clock and its program.
struct Drive {
    rx: Receiver,
    tx: Sender,
    host: Host,
    clock: JiffyClock,
    sent: Sent,
    /// From the server to the client's socket.
    delay_ns: u64,
    /// Bytes that the program has yet to write.
    left: u64,
    call: u32,
    begun: bool,
    blocked: bool,
}

impl Drive {
    fn new(rec: &Recording, config: &RunConfig, total: u64, call: u32) -> Self {
        let end = &config.sender;
        let mut rx = Receiver::new(config.kernel, end.sysctl.clone(), end.route.clone());
        let origin_us = rec.summary.clock.t0_mono_ns / 1_000;
        // TSval counts milliseconds of that clock from a random offset. A packet is seen a moment after its TSval was
        // chosen: where a millisecond lies between, the difference is one less.
        let offset = |t: &TxRow| {
            let ms = (origin_us + t.time_ns / 1_000) / 1_000;
            t.tsval.map(|v| v.wrapping_sub(ms as u32))
        };
        let base = rec.tx.iter().find_map(offset).unwrap_or(0);
        let most = rec.tx.iter().filter_map(offset).map(|o| o.wrapping_sub(base) as i32).max().unwrap_or(0);
        rx.set_timestamp_clock(origin_us, base.wrapping_add(most as u32));
        rx.set_skb_layout(config.host.skb);
        let host = Host::new(config.kernel, &config.host);
        Self {
            rx,
            tx: Sender::new(config.kernel, end, &config.host),
            host,
            clock: JiffyClock::new(config.host.hz, config.host.since_tick),
            sent: Sent::default(),
            delay_ns: on_the_way(rec, config.reverse.delay.as_nanos()),
            left: total,
            call,
            begun: false,
            blocked: false,
        }
    }

    fn with<R>(
        &mut self,
        at: SimTime,
        f: impl FnOnce(&mut Cx<'_, Sent>, &mut Receiver, &mut Sender) -> R,
    ) -> R {
        let mut out = Vec::new();
        let now = self.clock.now(at);
        let mut cx = Cx { now, out: &mut out, host: &mut self.host, obs: &mut self.sent };
        f(&mut cx, &mut self.rx, &mut self.tx)
    }

    /// When an ACK reaches the socket.
    fn arrival(&self, ack: &AckRow) -> SimTime {
        SimTime::from_nanos(ack.time_ns + self.delay_ns)
    }

    fn connect(&mut self, config: &RunConfig, syn: &TxRow, synack: &AckRow) {
        let maxseg = config.sender.sockopt.maxseg;
        let link = config.forward.mtu.min(65_535).saturating_sub(HEADERS);
        let sent_at = SimTime::from_nanos(syn.time_ns);
        let options = self.with(sent_at, |cx, rx, _| rx.active_open(cx, link, maxseg));
        self.tx.connect(maxseg, link, options.ts.is_some());
        let at = self.arrival(synack);
        let sysctl = &config.sender.sysctl;
        let timestamps = synack.tsval.is_some() && sysctl.tcp_timestamps;
        let peer = SynOptions {
            mss: synack.mss_opt.unwrap_or(536).min(65_535) as u16,
            window_scale: synack.ws_opt,
            sack: sysctl.tcp_sack,
            ts: synack.tsval.filter(|_| timestamps).map(|val| Timestamps { val, ecr: 0 }),
            window: synack.win_raw,
        };
        let mss = u32::from(peer.mss).min(link).min(maxseg.map_or(u32::MAX, u32::from));
        let handshake = Handshake {
            snd_nxt: Seq::FIRST,
            snd_wnd: u32::from(synack.win_raw),
            wl1: Seq(0),
            snd_wscale: synack.ws_opt.unwrap_or(0).min(14),
            mss: mss - if timestamps { TIMESTAMP_OPTION.min(mss - 1) } else { 0 },
            sack: peer.sack,
            timestamps,
            rtt_us: Some((at.as_micros() - sent_at.as_micros()).clamp(1, u64::from(u32::MAX)) as u32),
        };
        self.with(at, |cx, rx, tx| {
            tx.established(cx.now, &handshake, Role::Active);
            rx.syn_ack_arrives(cx, tx, &peer);
        });
    }

    /// The program begins to write.
    fn begin(&mut self, at: SimTime) {
        self.begun = true;
        self.write(at);
    }

    /// The program writes until it is done or there is no more room.
    fn write(&mut self, at: SimTime) {
        self.blocked = false;
        while self.left > 0 {
            let want = u64::from(self.call).min(self.left) as u32;
            let n = self.with(at, |cx, rx, tx| tx.write(cx, rx, want));
            self.left -= u64::from(n);
            if n < want {
                self.blocked = true;
                return;
            }
        }
    }

    /// Timers that are due before `end`.
    fn timers_until(&mut self, end: SimTime) {
        while let Some(at) = self.tx.next_timer().map(|j| self.clock.begin(j)).filter(|&t| t < end) {
            self.with(at, |cx, rx, tx| tx.timers_fire(cx, rx));
        }
    }

    fn ack(&mut self, at: SimTime, ack: &AckRow) {
        let seg = Segment {
            seq: Seq(ack.seq),
            len: 0,
            flags: Flags::ACK,
            ack: Seq(ack.ack),
            window: ack.win_raw,
            ts: ack.tsval.map(|val| Timestamps { val, ecr: ack.tsecr.unwrap_or(0) }),
            sack: ack.sack.into(),
            ..Segment::default()
        };
        let buf = Buffer { truesize: 2, ..Buffer::default() };
        self.with(at, |cx, rx, tx| rx.segment_arrives(cx, tx, &seg, buf));
        if self.blocked && self.tx.take_wakeup() {
            self.write(at);
        }
    }

    fn score(&self, recorded: &[&TxRow]) -> SenderScore {
        let model = &self.sent.0;
        let line = |i: usize| {
            let r = recorded.get(i).map(|t| of_recording(t));
            let m = model.get(i).map(|(seg, s)| of_model(seg, s));
            (r, m)
        };
        let exact = (0..recorded.len()).filter(|&i| matches!(line(i), (Some(r), Some(m)) if r == m)).count();
        let all = recorded.len().max(model.len());
        let first = (0..all).find(|&i| {
            let (r, m) = line(i);
            r != m
        });
        let shown = |values: Option<[i64; 10]>| {
            let Some(values) = values else { return "nothing".to_owned() };
            let pairs = NAMES.iter().zip(values).map(|(n, v)| format!("{n} {v}"));
            pairs.collect::<Vec<_>>().join(" ")
        };
        let first = first.map(|i| {
            let (r, m) = line(i);
            (i, shown(r), shown(m))
        });
        SenderScore { packets: recorded.len(), exact, sent: model.len(), first }
    }
}

const NAMES: [&str; 10] =
    ["seq", "len", "cwnd", "ssthresh", "out", "retrans", "sacked", "lost", "state", "fin"];

fn of_recording(t: &TxRow) -> [i64; 10] {
    [
        i64::from(t.seq as u32),
        i64::from(t.len),
        i64::from(t.cwnd),
        i64::from(t.snd_ssthresh),
        i64::from(t.packets_out),
        i64::from(t.retrans_out),
        i64::from(t.sacked_out),
        i64::from(t.lost_out),
        i64::from(t.ca_state),
        i64::from(t.flags.has(Flags::FIN)),
    ]
}

fn of_model(seg: &Segment, s: &SenderState) -> [i64; 10] {
    [
        i64::from(seg.seq.0 as u32),
        i64::from(seg.len),
        i64::from(s.cwnd),
        i64::from(s.ssthresh),
        i64::from(s.packets_out),
        i64::from(s.retrans_out),
        i64::from(s.sacked_out),
        i64::from(s.lost_out),
        i64::from(s.ca_state),
        i64::from(seg.flags.has(Flags::FIN)),
    ]
}
