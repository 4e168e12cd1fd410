//! When an ACK is sent: quick, delayed, compressed, deferred.

use super::Receiver;
use crate::linux::CompSack;
use crate::observer::{AckReason, Observer, Rule, Transmit};
use crate::path::Payload;
use crate::segment::{Flags, Segment, Timestamps};
use crate::send_half::{Cx, SendHalf};
use crate::seq::Seq;
use crate::state::{AckPending, TcpState};
use crate::time::{Jiffies, Now, SimDuration, SimTime};

/// `TCP_MAX_QUICKACKS`.
pub(super) const MAX_QUICKACKS: u8 = 16;
/// `TCP_FASTRETRANS_THRESH`: duplicate ACKs that a sender without SACK needs.
const FASTRETRANS_THRESH: u8 = 3;
/// `TCP_ATO_MIN` and `TCP_DELACK_MIN`, milliseconds.
const ATO_MIN_MS: u32 = 40;
/// `TCP_DELACK_MAX`, milliseconds.
const DELACK_MAX_MS: u32 = 200;
/// Bound on the delay of an ACK while nothing is known about the peer (`HZ / 2`), milliseconds.
const ATO_BOUND_MS: u32 = 500;

/// When the earliest timer of a receiver is due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimerDue {
    /// At this time (a high-resolution timer).
    At(SimTime),
    /// As soon as the tick counter has reached this value.
    Tick(Jiffies),
}

/// `TCP_ATO_MIN` in ticks (`HZ / 25`).
pub(super) fn ato_min(now: Now) -> u32 {
    ticks(now, ATO_MIN_MS)
}

/// `ms` in ticks, rounded down as the kernel's constants are.
fn ticks(now: Now, ms: u32) -> u32 {
    now.hz * ms / 1_000
}

impl Receiver {
    // --- quick-ACK mode -------------------------------------------------------------------------------------

    /// `tcp_incr_quickack`.
    pub(super) fn more_quickacks(&mut self, max: u8) {
        let quick = match self.rcv_wnd / (2 * self.ack.rcv_mss.max(1)) {
            0 => 2,
            n => n.min(u32::from(max)) as u8,
        };
        self.ack.quick = self.ack.quick.max(quick.min(max));
    }

    /// `tcp_enter_quickack_mode`.
    pub(super) fn enter_quickack(&mut self, now: Now, max: u8) {
        self.more_quickacks(max);
        self.ack.pingpong = 0;
        self.ack.ato = ato_min(now);
    }

    /// `inet_csk_in_pingpong_mode`.
    pub(super) fn in_pingpong(&self) -> bool {
        self.ack.pingpong >= self.pingpong_threshold()
    }

    fn pingpong_threshold(&self) -> u8 {
        if self.kernel.pingpong_counts { self.sysctl.tcp_pingpong_thresh } else { 1 }
    }

    /// `inet_csk_enter_pingpong_mode`.
    pub(super) fn enter_pingpong(&mut self) {
        self.ack.pingpong = self.pingpong_threshold();
    }

    fn in_quickack(&self) -> bool {
        self.route.quickack || (self.ack.quick != 0 && !self.in_pingpong())
    }

    /// The application's data leaves the socket (`tcp_event_data_sent`): a reply within `ato` of the last data
    /// makes the connection interactive.
    pub fn data_sent(&mut self, now: Now) {
        let soon = self.ack.lrcvtime.is_some_and(|t| {
            let since = now.jiffies - t;
            since >= 0 && since < i64::from(self.ack.ato)
        });
        if soon {
            if self.kernel.pingpong_counts {
                self.ack.pingpong = self.ack.pingpong.saturating_add(1);
            } else {
                self.enter_pingpong();
            }
        }
    }

    // --- sending --------------------------------------------------------------------------------------------

    /// Puts this half's part into an outgoing segment: acknowledgement, window, timestamp, SACK blocks; and
    /// does what sending an ACK does (`tcp_select_window`, `tcp_established_options`, `tcp_event_ack_sent`).
    /// Returns the window offered, in bytes.
    #[inline(always)]
    pub fn stamp<O: Observer>(&mut self, cx: &mut Cx<'_, O>, seg: &mut Segment) -> u32 {
        let (raw, window) = self.select_window(cx);
        seg.flags = seg.flags.with(Flags::ACK).with(self.ecn_echo());
        seg.ack = self.rcv_nxt;
        seg.window = raw;
        seg.ts = self.tstamp_ok.then(|| Timestamps { val: self.tsval(), ecr: self.ts_recent });
        seg.sack = self.sack_option();
        self.ack_sent(cx);
        window
    }

    /// Whether [`Receiver::stamp`], having been called, would say the same again and change nothing: no data waits, and
    /// there is nothing to tell but the window, which is open.
    pub(crate) fn stamps_alike(&self) -> bool {
        let nothing_waits = self.rmem == 0 && self.backlog_len == 0;
        let open = self.rcv_wnd > 0 && self.rcv_ssthresh >= self.ack.rcv_mss.max(1);
        nothing_waits
            && open
            && self.rcv_wup == self.rcv_nxt
            && self.sacks.is_empty()
            && self.dsack.is_none()
            && self.ack.pending == AckPending::default()
            && self.ack.compressed == 0
    }

    /// `tcp_event_ack_sent`.
    fn ack_sent<O: Observer>(&mut self, cx: &mut Cx<'_, O>) {
        if self.ack.compressed > 0 {
            cx.host.counters.ack_compressed += u64::from(self.ack.compressed);
            self.ack.compressed = 0;
            self.ack.compressed_timer = None;
        }
        let used = u8::from(self.ack.pending.has(AckPending::SCHED));
        if self.ack.quick > 0 {
            if used >= self.ack.quick {
                self.ack.quick = 0;
                self.ack.ato = ato_min(cx.now);
            } else {
                self.ack.quick -= used;
            }
        }
        // The timer itself stays armed; it finds nothing to do when it fires.
        self.ack.pending = AckPending::default();
        self.ack.retry = 0;
    }

    /// Sends a pure ACK now (`tcp_send_ack`).
    pub(super) fn send_ack<S: SendHalf, O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        snd: &S,
        reason: AckReason,
    ) {
        if self.state == TcpState::Close {
            return;
        }
        let seq = self.acceptable_seq(snd);
        let mut seg = Segment { seq, ..Segment::default() };
        let window = self.stamp(cx, &mut seg);
        self.acked_at = self.cached_clock();
        cx.host.counters.out_segs += 1;
        let packet = Transmit { seg, window, reason, payload: Payload::Ack };
        if O::ACTIVE {
            cx.obs.transmit(cx.now, &packet, &self.shown::<_, O>(snd));
        }
        cx.out.push(packet);
    }

    /// Sequence number of a packet without data: never beyond what the peer's window allows (`tcp_acceptable_seq`).
    pub(super) fn acceptable_seq<S: SendHalf>(&self, snd: &S) -> Seq {
        let window_end = snd.snd_una() + snd.snd_wnd();
        let beyond = snd.snd_nxt() - window_end;
        let slack = if self.wscale_ok { 1i64 << self.rcv_wscale } else { 0 };
        if beyond <= 0 || beyond < slack { snd.snd_nxt() } else { window_end }
    }

    // --- deciding -------------------------------------------------------------------------------------------

    /// Decides about the ACK after a segment (`tcp_ack_snd_check`, `__tcp_ack_snd_check`).
    #[inline(always)]
    pub(super) fn ack_check<S: SendHalf, O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        snd: &S,
        ofo_possible: bool,
    ) {
        if !self.ack.pending.has(AckPending::SCHED) {
            return;
        }
        let unacked = self.rcv_nxt - self.rcv_wup;
        let moves = unacked > i64::from(self.ack.rcv_mss)
            && (self.rcv_nxt - self.copied_seq < i64::from(self.lowat)
                || self.raw_window(cx).0 >= self.rcv_wnd);
        let now_reason = if moves {
            Some(AckReason::FullSegments)
        } else if self.in_quickack() {
            Some(AckReason::Quick)
        } else if self.ack.pending.has(AckPending::NOW) {
            Some(AckReason::Now)
        } else {
            None
        };
        if let Some(reason) = now_reason {
            if self.owned && self.kernel.backlog_ack_defer && self.sysctl.tcp_backlog_ack_defer {
                self.ack.deferred = true;
                return;
            }
            self.send_ack(cx, snd, reason);
            return;
        }
        if !ofo_possible || self.ofo.is_empty() {
            self.delay_ack(cx, snd);
            return;
        }
        if !self.sack_ok || self.ack.compressed >= self.sysctl.tcp_comp_sack_nr {
            self.send_ack(cx, snd, AckReason::OutOfOrder);
            return;
        }
        if self.ack.compressed_base != Some(self.rcv_nxt) {
            self.ack.compressed_base = Some(self.rcv_nxt);
            self.ack.dup_counter = 0;
        }
        if self.ack.dup_counter < FASTRETRANS_THRESH {
            self.ack.dup_counter += 1;
            self.send_ack(cx, snd, AckReason::OutOfOrder);
            return;
        }
        self.ack.compressed += 1;
        if self.ack.compressed_timer.is_none() {
            let delay = self.compression_delay(snd);
            // Nothing but its own interrupt looks at soft timers: it takes all the slack that it may.
            let slack = SimDuration::from_nanos(self.sysctl.tcp_comp_sack_slack_ns);
            self.ack.compressed_timer = Some(cx.now.time.saturating_add(delay).saturating_add(slack));
        }
    }

    /// How long SACKs may be held back.
    fn compression_delay<S: SendHalf>(&self, snd: &S) -> SimDuration {
        let mut rtt8 = u64::from(self.drs.rtt8);
        let srtt8 = u64::from(snd.srtt8_us());
        if srtt8 != 0 && srtt8 < rtt8 {
            rtt8 = srtt8;
        }
        let share_ns = match self.kernel.comp_sack {
            CompSack::FivePercent => rtt8 * (1_000 >> 3) / 20,
            CompSack::Percent => {
                // 1.25 RTT, so that the share of a 1 ms RTT is about 1 ms at the default of 33 %.
                let rtt_ns = (rtt8 + (rtt8 >> 2)) * (1_000 >> 3);
                rtt_ns * u64::from(self.sysctl.tcp_comp_sack_rtt_percent) / 100
            }
        };
        SimDuration::from_nanos(share_ns.min(self.sysctl.tcp_comp_sack_delay_ns))
    }

    /// Longest delay of an ACK (`tcp_delack_max`), ticks.
    fn delack_max(&self, now: Now) -> u32 {
        let max = ticks(now, DELACK_MAX_MS);
        if !self.kernel.delack_max_from_rto_min {
            return max;
        }
        let rto_min_us = match self.route.rto_min {
            Some(d) => d.as_micros(),
            None => u64::from(self.sysctl.tcp_rto_min_us),
        };
        let rto_min = (rto_min_us * u64::from(now.hz)).div_ceil(1_000_000) as u32;
        max.min(rto_min.max(2) - 1)
    }

    /// Bound that `ato` keeps when it grows: RTO, and the delayed-ACK maximum in newer kernels.
    pub(super) fn ato_bound<S: SendHalf>(&self, now: Now, snd: &S) -> u32 {
        if self.kernel.ato_bounded { snd.rto_ticks().min(ticks(now, DELACK_MAX_MS)) } else { snd.rto_ticks() }
    }

    /// Arms the delayed-ACK timer (`tcp_send_delayed_ack`).
    pub(super) fn delay_ack<S: SendHalf, O: Observer>(&mut self, cx: &mut Cx<'_, O>, snd: &S) {
        let now = cx.now;
        let mut ato = self.ack.ato;
        let min = ato_min(now);
        if ato > min {
            let interactive = self.in_pingpong() || self.ack.pending.has(AckPending::PUSHED);
            let mut max = ticks(now, if interactive { DELACK_MAX_MS } else { ATO_BOUND_MS });
            let srtt_us = u64::from(snd.srtt8_us() >> 3);
            if snd.srtt8_us() != 0 {
                let rtt = (srtt_us * u64::from(now.hz)).div_ceil(1_000_000) as u32;
                max = max.min(rtt.max(min));
            }
            ato = ato.min(max);
        }
        ato = ato.min(self.delack_max(now));
        let jiffies = now.decision_jiffies();
        let mut due = jiffies + ato;
        if self.ack.pending.has(AckPending::TIMER)
            && let Some(armed) = self.ack.timeout
        {
            if armed <= jiffies + (ato >> 2) {
                self.send_ack(cx, snd, AckReason::DelayedDue);
                return;
            }
            due = due.min(armed);
        }
        self.ack.pending.set(AckPending::SCHED | AckPending::TIMER);
        self.ack.timeout = Some(due);
        self.ack.timer = Some(due);
        self.ack.timer_expires = Some(due);
        cx.rule(|| Rule::DelayedAck { ticks: ato });
    }

    // --- timers ---------------------------------------------------------------------------------------------

    /// When the next timer is due.
    pub fn next_timer(&self, clock: &crate::time::JiffyClock) -> Option<TimerDue> {
        match (self.ack.timer, self.ack.compressed_timer) {
            (None, None) => None,
            (Some(j), None) => Some(TimerDue::Tick(j)),
            (None, Some(t)) => Some(TimerDue::At(t)),
            (Some(j), Some(t)) => Some(if t <= clock.begin(j) { TimerDue::At(t) } else { TimerDue::Tick(j) }),
        }
    }

    /// Expiry of the delayed-ACK timer, if armed.
    pub fn delayed_ack_due(&self) -> Option<Jiffies> {
        self.ack.timer
    }

    /// Whether the delayed-ACK timer would find nothing to send.
    pub fn delayed_ack_is_idle(&self) -> bool {
        !self.ack.pending.has(AckPending::TIMER) && self.ack.compressed == 0
    }

    /// Expiry of the SACK-compression timer, if armed.
    pub fn compressed_ack_due(&self) -> Option<SimTime> {
        self.ack.compressed_timer
    }

    /// Fires whatever is due; does nothing otherwise.
    pub fn timers_fire<S: SendHalf, O: Observer>(&mut self, cx: &mut Cx<'_, O>, snd: &S) {
        if self.ack.compressed_timer.is_some_and(|t| t <= cx.now.time) {
            self.compressed_ack_timer(cx, snd);
        }
        if self.ack.timer.is_some_and(|j| j <= cx.now.jiffies) {
            self.delayed_ack_timer(cx, snd);
        }
    }

    /// The SACK-compression timer fires (`tcp_compressed_ack_kick`).
    pub fn compressed_ack_timer<S: SendHalf, O: Observer>(&mut self, cx: &mut Cx<'_, O>, snd: &S) {
        self.ack.compressed_timer = None;
        if self.owned {
            self.ack.timer_deferred = true;
        } else if self.ack.compressed > 0 {
            // One ACK is sent after all, so it was not saved.
            self.ack.compressed -= 1;
            if self.kernel.compressed_refreshes_clock {
                self.refresh_clock(cx);
            }
            self.send_ack(cx, snd, AckReason::Compressed);
        }
    }

    /// The delayed-ACK timer fires (`tcp_delack_timer`).
    pub fn delayed_ack_timer<S: SendHalf, O: Observer>(&mut self, cx: &mut Cx<'_, O>, snd: &S) {
        self.ack.timer = None;
        if self.owned {
            cx.host.counters.delayed_ack_locked += 1;
            self.ack.timer_deferred = true;
        } else {
            self.delayed_ack_handler(cx, snd);
        }
    }

    /// `tcp_delack_timer_handler`.
    pub(super) fn delayed_ack_handler<S: SendHalf, O: Observer>(&mut self, cx: &mut Cx<'_, O>, snd: &S) {
        if self.kernel.idle_reclaims {
            self.reclaim_partial(cx);
        }
        if self.kernel.delack_flushes_compressed && self.ack.compressed > 0 {
            self.refresh_clock(cx);
            self.flush_compressed(cx, snd);
            return;
        }
        if !self.ack.pending.has(AckPending::TIMER) {
            return;
        }
        if let Some(due) = self.ack.timeout
            && due > cx.now.jiffies
        {
            self.ack.timer = Some(due);
            self.ack.timer_expires = Some(due);
            return;
        }
        self.ack.pending.clear(AckPending::TIMER);
        if self.ack.pending.has(AckPending::SCHED) {
            if self.in_pingpong() {
                self.ack.pingpong = 0;
                self.ack.ato = ato_min(cx.now);
            } else {
                self.ack.ato = (self.ack.ato << 1).min(self.ato_bound(cx.now, snd));
            }
            self.refresh_clock(cx);
            self.send_ack(cx, snd, AckReason::DelayedTimer);
            cx.host.counters.delayed_acks += 1;
        }
    }

    /// Sends the ACKs held back by compression as one (`tcp_sack_compress_send_ack`).
    pub(super) fn flush_compressed<S: SendHalf, O: Observer>(&mut self, cx: &mut Cx<'_, O>, snd: &S) {
        if self.ack.compressed == 0 {
            return;
        }
        self.ack.compressed_timer = None;
        cx.host.counters.ack_compressed += u64::from(self.ack.compressed - 1);
        self.ack.compressed = 0;
        self.send_ack(cx, snd, AckReason::Compressed);
    }

    /// Whether an answer to an unacceptable segment must be suppressed now (`tcp_oow_rate_limited`). Segments
    /// with payload are always answered.
    pub(super) fn answer_suppressed(&mut self, now: Now, seg: &Segment) -> bool {
        (seg.seq == seg.end_seq() || seg.flags.has(Flags::SYN)) && self.answer_is_too_soon(now)
    }

    /// Whether the last answer to an unacceptable segment went out within `tcp_invalid_ratelimit`; if not, one goes out
    /// now (`__tcp_oow_rate_limited`).
    pub(super) fn answer_is_too_soon(&mut self, now: Now) -> bool {
        let limit = i64::from(ticks(now, self.sysctl.tcp_invalid_ratelimit));
        if let Some(last) = self.ack.last_oow {
            let since = now.jiffies - last;
            if (0..limit).contains(&since) {
                return true;
            }
        }
        self.ack.last_oow = Some(now.jiffies);
        false
    }
}
