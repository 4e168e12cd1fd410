//! Losses and what follows (`tcp_fastretrans_alert`, `tcp_enter_loss`, RACK, PRR, F-RTO).

use super::Sender;
use super::congestion::INFINITE_SSTHRESH;
use super::output::TIMEOUT_MIN;
use super::rules::PrrRule;
use super::timers::TimerKind;
use crate::observer::Observer;
use crate::receiver::Receiver;
use crate::send_half::Cx;
use crate::seq::Seq;
use crate::time::{Now, SimTime};

/// `icsk_ca_state`, with the kernel's numbers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum CaState {
    /// Nothing unusual.
    Open = 0,
    /// Something arrived out of order.
    Disorder = 1,
    /// The window is being reduced without loss.
    Cwr = 2,
    /// Fast recovery.
    Recovery = 3,
    /// A retransmission timeout expired.
    Loss = 4,
}

impl CaState {
    /// Whether a tail loss probe may be armed.
    pub(super) fn allows_loss_probe(self) -> bool {
        matches!(self, Self::Open | Self::Cwr)
    }
}

/// What was learnt from one ACK (`FLAG_*`, `struct tcp_sacktag_state`).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct AckFlags {
    /// The segment carried data.
    pub(super) data: bool,
    /// The window was taken.
    pub(super) window: bool,
    /// New data was acknowledged.
    pub(super) data_acked: bool,
    /// Some of it had been retransmitted.
    pub(super) retrans_acked: bool,
    /// `snd_una` advanced.
    pub(super) una_advanced: bool,
    /// New data was reported by SACK.
    pub(super) data_sacked: bool,
    /// A DSACK arrived.
    pub(super) dsack: bool,
    /// Never-retransmitted data below `high_seq` was acknowledged.
    pub(super) orig_sacked: bool,
    /// Data arrived in another order than it was sent.
    pub(super) reordered: bool,
    /// A retransmission was found lost.
    pub(super) lost_retrans: bool,
    /// The timer must be armed anew.
    pub(super) set_timer: bool,
    /// Segments newly delivered.
    pub(super) delivered: u32,
    /// Segments newly marked lost.
    pub(super) newly_lost: u32,
    /// When the oldest segment reported by SACK was sent.
    pub(super) sack_sent_at: Option<SimTime>,
}

/// What to send after an ACK (`REXMIT_*`).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) enum Resend {
    /// Nothing special.
    #[default]
    None,
    /// Lost packets.
    Lost,
    /// New data, to find out whether the timeout was spurious.
    New,
}

/// Scoreboard counts and recovery state of one sending half.
#[derive(Clone, Debug)]
pub(super) struct LossState {
    pub(super) ca_state: CaState,
    pub(super) high_seq: Seq,
    pub(super) retrans_out: u32,
    pub(super) sacked_out: u32,
    pub(super) lost_out: u32,
    pub(super) highest_sacked: Seq,
    pub(super) reordering: u32,
    reordering_seen: bool,
    /// `icsk_retransmits`.
    pub(super) retransmits: u32,
    pub(super) retrans_stamp: Option<SimTime>,
    pub(super) undo_marker: Option<Seq>,
    /// Retransmissions that no DSACK has answered; `None` when they are not counted.
    pub(super) undo_retrans: Option<u32>,
    prior_cwnd: u32,
    prior_ssthresh: u32,
    pub(super) prr_out: u32,
    prr_delivered: u32,
    frto: bool,
    pub(super) tlp_high_seq: Option<Seq>,
    pub(super) tlp_retrans: bool,
    rack: Rack,
}

/// The most recently sent packet known to have arrived (`struct tcp_rack`).
#[derive(Clone, Copy, Debug, Default)]
struct Rack {
    sent_at: SimTime,
    end_seq: Seq,
    rtt_us: u32,
    advanced: bool,
}

impl LossState {
    pub(super) fn new(reordering: u32) -> Self {
        Self {
            ca_state: CaState::Open,
            high_seq: Seq::default(),
            retrans_out: 0,
            sacked_out: 0,
            lost_out: 0,
            highest_sacked: Seq::default(),
            reordering,
            reordering_seen: false,
            retransmits: 0,
            retrans_stamp: None,
            undo_marker: None,
            undo_retrans: None,
            prior_cwnd: 0,
            prior_ssthresh: INFINITE_SSTHRESH,
            prr_out: 0,
            prr_delivered: 0,
            frto: false,
            tlp_high_seq: None,
            tlp_retrans: false,
            rack: Rack::default(),
        }
    }

    /// Whether the window is being reduced (`tcp_in_cwnd_reduction`).
    pub(super) fn in_reduction(&self) -> bool {
        matches!(self.ca_state, CaState::Cwr | CaState::Recovery)
    }
}

impl Sender {
    /// A packet sent at `sent_at` has arrived (`tcp_rack_advance`).
    pub(super) fn rack_advance(&mut self, now: SimTime, sent_at: SimTime, end: Seq, retransmitted: bool) {
        let rtt_us = now.since(sent_at).as_micros().min(u64::from(u32::MAX)) as u32;
        // A retransmission answered faster than the fastest RTT: the answer is to the original.
        if retransmitted && rtt_us < self.rtt.min_us() {
            return;
        }
        let r = &mut self.loss.rack;
        r.advanced = true;
        r.rtt_us = rtt_us;
        if (sent_at, end) > (r.sent_at, r.end_seq) {
            r.sent_at = sent_at;
            r.end_seq = end;
        }
    }

    /// How long RACK waits for reordered packets, microseconds (`tcp_rack_reo_wnd`).
    fn reordering_window_us(&self) -> u32 {
        if !self.loss.reordering_seen
            && (self.loss.ca_state >= CaState::Recovery || self.loss.sacked_out >= self.loss.reordering)
        {
            return 0;
        }
        (self.rtt.min_us() >> 2).min(self.rtt.srtt8() >> 3)
    }

    /// Marks what RACK believes lost; the time until it will know more, microseconds.
    fn rack_detect(&mut self, cx: &mut Cx<'_, impl Observer>, flags: &mut AckFlags) -> u32 {
        let window = self.reordering_window_us();
        let rack = self.loss.rack;
        let mut wait = 0;
        for i in 0..self.queue.rtx.len() {
            let skb = &self.queue.rtx[i];
            if skb.marks.sacked || (skb.marks.lost && !skb.marks.retrans) {
                continue;
            }
            if (skb.sent_at, skb.end_seq()) >= (rack.sent_at, rack.end_seq) {
                continue;
            }
            let age = cx.now.time.since(skb.sent_at).as_micros() as i64;
            let remaining = i64::from(rack.rtt_us) + i64::from(window) - age;
            if remaining <= 0 {
                self.mark_lost(cx, i, flags);
            } else {
                wait = wait.max(remaining as u32);
            }
        }
        wait
    }

    /// `tcp_rack_mark_lost`: after an ACK that moved RACK's clock.
    fn rack_mark_lost(&mut self, cx: &mut Cx<'_, impl Observer>, flags: &mut AckFlags) {
        if !self.loss.rack.advanced {
            return;
        }
        self.loss.rack.advanced = false;
        let wait = self.rack_detect(cx, flags);
        if wait > 0 {
            let ticks = self.rtt.micros_to_ticks(u64::from(wait)) + TIMEOUT_MIN;
            self.timer.arm(TimerKind::Reorder, cx.now.jiffies, ticks);
            flags.set_timer = false;
        }
    }

    /// Marks one packet lost (`tcp_mark_skb_lost`).
    fn mark_lost(&mut self, cx: &mut Cx<'_, impl Observer>, i: usize, flags: &mut AckFlags) {
        let skb = &mut self.queue.rtx[i];
        if skb.marks.sacked {
            return;
        }
        let segs = skb.segs;
        if skb.marks.lost {
            if skb.marks.retrans {
                skb.marks.retrans = false;
                self.loss.retrans_out -= segs;
                cx.host.counters.lost_retransmit += u64::from(segs);
                flags.lost_retrans = true;
                flags.newly_lost += segs;
            }
        } else {
            skb.marks.lost = true;
            self.loss.lost_out += segs;
            flags.newly_lost += segs;
            if skb.marks.retrans {
                skb.marks.retrans = false;
                self.loss.retrans_out -= segs;
                cx.host.counters.lost_retransmit += u64::from(segs);
                flags.lost_retrans = true;
            }
        }
    }

    /// The retransmission timer expired (`tcp_retransmit_timer`).
    pub(super) fn retransmission_timeout<O: Observer>(&mut self, cx: &mut Cx<'_, O>, rx: &mut Receiver) {
        if self.packets_out == 0 || self.queue.rtx.is_empty() {
            return;
        }
        // Into a closed window the head is repeated without counting a timeout.
        let closed = self.window.snd_wnd == 0;
        if !closed {
            cx.host.counters.timeouts += 1;
        }
        self.enter_loss(cx);
        if !closed {
            self.loss.retransmits += 1;
        }
        self.retransmit(cx, rx, 0, 1);
        self.rtt.back_off();
        self.backoff = self.backoff.saturating_add(1);
        self.timer.arm(TimerKind::Retransmit, cx.now.jiffies, self.rtt.rto());
    }

    /// `tcp_enter_loss`: everything in flight is lost, slow start begins.
    fn enter_loss<O: Observer>(&mut self, cx: &mut Cx<'_, O>) {
        let new_recovery = self.loss.ca_state < CaState::Recovery;
        self.mark_all_lost(cx);
        let first = self.loss.ca_state <= CaState::Disorder
            || self.loss.high_seq <= self.window.snd_una
            || (self.loss.ca_state == CaState::Loss && self.loss.retransmits == 0);
        if first {
            self.loss.prior_ssthresh = self.cc.ssthresh;
            self.loss.prior_cwnd = self.cc.cwnd;
            self.cc.ssthresh = self.cc.ssthresh_after_loss();
            self.init_undo();
        }
        self.cc.cwnd = self.in_flight() + 1;
        self.cc.reset_count();
        self.cc.stamp = cx.now.jiffies;
        if self.loss.ca_state <= CaState::Disorder && self.loss.sacked_out >= self.loss.reordering {
            self.loss.reordering = self.loss.reordering.min(self.sysctl.tcp_reordering);
        }
        let ack_cx = self.ack_context(cx.now);
        self.cc.on_timeout(&ack_cx);
        self.loss.ca_state = CaState::Loss;
        self.loss.high_seq = self.window.snd_nxt;
        self.loss.frto = self.sysctl.tcp_frto > 0 && (new_recovery || self.loss.retransmits > 0);
    }

    /// `tcp_timeout_mark_lost`: all but what was sent so recently that it may still arrive.
    fn mark_all_lost<O: Observer>(&mut self, cx: &mut Cx<'_, O>) {
        // The head was reported by SACK and yet not acknowledged: the receiver has dropped it again.
        let reneged = self.queue.rtx.front().is_some_and(|s| s.marks.sacked);
        let mut flags = AckFlags::default();
        if reneged {
            for skb in &mut self.queue.rtx {
                skb.marks.sacked = false;
            }
            self.loss.sacked_out = 0;
            self.loss.highest_sacked = Seq::default();
        }
        let recent = i64::from(self.loss.rack.rtt_us) + i64::from(self.reordering_window_us());
        for i in 0..self.queue.rtx.len() {
            let age = cx.now.time.since(self.queue.rtx[i].sent_at).as_micros() as i64;
            if !reneged && i > 0 && recent - age > 0 {
                continue;
            }
            self.mark_lost(cx, i, &mut flags);
        }
    }

    fn init_undo(&mut self) {
        self.loss.undo_marker = Some(self.window.snd_una);
        self.loss.undo_retrans = (self.loss.retrans_out > 0).then_some(self.loss.retrans_out);
    }

    /// The reordering timer expired (`tcp_rack_reo_timeout`).
    pub(super) fn reorder_timeout<O: Observer>(&mut self, cx: &mut Cx<'_, O>, rx: &mut Receiver) {
        let mut flags = AckFlags::default();
        let before = self.in_flight();
        self.rack_detect(cx, &mut flags);
        if before != self.in_flight() {
            if self.loss.ca_state != CaState::Recovery {
                self.enter_recovery(cx);
            }
            if self.loss.in_reduction() {
                self.reduce_cwnd(1, flags.newly_lost, &flags);
            }
            self.resend_lost(cx, rx);
        }
        if self.timer.kind() != Some(TimerKind::Retransmit) {
            self.resume_rto(cx.now);
        }
    }

    /// What an ACK means while something is lost, out of order or undecided (`tcp_fastretrans_alert`).
    pub(super) fn judge_ack<O: Observer>(&mut self, cx: &mut Cx<'_, O>, flags: &mut AckFlags) -> Resend {
        if self.loss.sacked_out == 0 && self.loss.ca_state == CaState::Open && flags.newly_lost == 0 {
            self.loss.retrans_stamp = None;
        }
        if self.window.snd_una >= self.loss.high_seq {
            match self.loss.ca_state {
                CaState::Cwr if self.window.snd_una != self.loss.high_seq => {
                    self.end_reduction(cx.now);
                    self.loss.ca_state = CaState::Open;
                }
                CaState::Recovery => {
                    if self.try_undo() {
                        return Resend::None;
                    }
                    self.end_reduction(cx.now);
                    self.open_or_disorder();
                }
                _ => {}
            }
        }
        match self.loss.ca_state {
            CaState::Recovery => {
                self.rack_mark_lost(cx, flags);
                return Resend::Lost;
            }
            CaState::Loss => {
                let resend = self.process_loss(cx, flags);
                self.rack_mark_lost(cx, flags);
                if !(self.loss.ca_state == CaState::Open
                    || (self.loss.ca_state < CaState::Recovery && flags.lost_retrans))
                {
                    return resend;
                }
            }
            _ => {}
        }
        self.rack_mark_lost(cx, flags);
        if self.loss.lost_out == 0 {
            self.open_or_disorder();
            return Resend::None;
        }
        self.enter_recovery(cx);
        Resend::Lost
    }

    fn open_or_disorder(&mut self) {
        if self.loss.ca_state == CaState::Cwr {
            return;
        }
        let quiet = self.loss.sacked_out + self.loss.lost_out + self.loss.retrans_out == 0
            && self.loss.undo_marker.is_none();
        let state = if quiet { CaState::Open } else { CaState::Disorder };
        if state != self.loss.ca_state {
            self.loss.ca_state = state;
            self.loss.high_seq = self.window.snd_nxt;
        }
    }

    fn enter_recovery<O: Observer>(&mut self, cx: &mut Cx<'_, O>) {
        if self.sack_ok {
            cx.host.counters.sack_recovery += 1;
        } else {
            cx.host.counters.reno_recovery += 1;
        }
        self.loss.prior_ssthresh = 0;
        self.init_undo();
        if !self.loss.in_reduction() {
            self.loss.prior_ssthresh = self.cc.ssthresh;
            self.init_reduction();
        }
        self.loss.ca_state = CaState::Recovery;
    }

    /// `tcp_init_cwnd_reduction`.
    fn init_reduction(&mut self) {
        self.loss.high_seq = self.window.snd_nxt;
        self.loss.tlp_high_seq = None;
        self.cc.reset_count();
        self.loss.prior_cwnd = self.cc.cwnd;
        self.loss.prr_delivered = 0;
        self.loss.prr_out = 0;
        self.cc.ssthresh = self.cc.ssthresh_after_loss();
    }

    /// Proportional rate reduction (`tcp_cwnd_reduction`).
    pub(super) fn reduce_cwnd(&mut self, delivered: u32, newly_lost: u32, flags: &AckFlags) {
        if delivered == 0 || self.loss.prior_cwnd == 0 {
            return;
        }
        let in_flight = self.in_flight();
        self.loss.prr_delivered += delivered;
        let delta = i64::from(self.cc.ssthresh) - i64::from(in_flight);
        let owed = i64::from(self.loss.prr_delivered) - i64::from(self.loss.prr_out);
        let send = if delta < 0 {
            let share = u64::from(self.cc.ssthresh) * u64::from(self.loss.prr_delivered);
            share.div_ceil(u64::from(self.loss.prior_cwnd)) as i64 - i64::from(self.loss.prr_out)
        } else {
            let newly = i64::from(delivered);
            match self.rules.prr {
                PrrRule::Conservative if flags.retrans_acked && !flags.lost_retrans => {
                    delta.min(owed.max(newly) + 1)
                }
                PrrRule::Conservative => delta.min(newly),
                PrrRule::Progress => {
                    let clean = flags.una_advanced && newly_lost == 0;
                    delta.min(owed.max(newly) + i64::from(clean))
                }
            }
        };
        let send = send.max(i64::from(self.loss.prr_out == 0)).max(0);
        self.cc.cwnd = in_flight + send as u32;
    }

    /// `tcp_end_cwnd_reduction`.
    fn end_reduction(&mut self, now: Now) {
        if self.cc.ssthresh < INFINITE_SSTHRESH
            && (self.loss.ca_state == CaState::Cwr || self.loss.undo_marker.is_some())
        {
            self.cc.cwnd = self.cc.ssthresh;
            self.cc.stamp = now.jiffies;
        }
        self.loss.undo_marker = None;
    }

    /// Takes a reduction back if every retransmission proved unnecessary (`tcp_try_undo_recovery`).
    fn try_undo(&mut self) -> bool {
        if self.loss.undo_marker.is_none() || self.loss.undo_retrans != Some(0) {
            return false;
        }
        self.undo();
        self.loss.ca_state = CaState::Open;
        true
    }

    fn undo(&mut self) {
        self.cc.cwnd = self.cc.cwnd.max(self.loss.prior_cwnd);
        self.cc.ssthresh = self.cc.ssthresh.max(self.loss.prior_ssthresh);
        self.loss.undo_marker = None;
    }

    /// An ACK after a timeout: F-RTO, and the end of the loss state (`tcp_process_loss`).
    fn process_loss<O: Observer>(&mut self, cx: &mut Cx<'_, O>, flags: &AckFlags) -> Resend {
        let recovered = self.window.snd_una >= self.loss.high_seq;
        if flags.una_advanced && self.loss.undo_marker.is_some() && self.loss.undo_retrans == Some(0) {
            self.leave_loss_unharmed();
            return Resend::None;
        }
        if self.loss.frto {
            if flags.orig_sacked && self.loss.undo_marker.is_some() {
                cx.host.counters.spurious_rtos += 1;
                self.leave_loss_unharmed();
                return Resend::None;
            }
            if self.window.snd_nxt > self.loss.high_seq {
                if flags.data_sacked {
                    self.loss.frto = false;
                }
            } else if flags.una_advanced && !recovered {
                self.loss.high_seq = self.window.snd_nxt;
                if !self.queue.unsent.is_empty() && self.end_of_window() > self.window.snd_nxt {
                    return Resend::New;
                }
                self.loss.frto = false;
            }
        }
        if recovered {
            if !self.try_undo() {
                self.loss.undo_marker = None;
                self.loss.ca_state = CaState::Open;
            }
            return Resend::None;
        }
        Resend::Lost
    }

    /// The timeout was spurious: nothing is lost after all (`tcp_try_undo_loss`).
    fn leave_loss_unharmed(&mut self) {
        for skb in &mut self.queue.rtx {
            skb.marks.lost = false;
        }
        self.loss.lost_out = 0;
        self.undo();
        self.loss.retransmits = 0;
        self.loss.frto = false;
        self.loss.ca_state = CaState::Open;
    }

    /// F-RTO could not send anything new: the ordinary recovery goes on.
    pub(super) fn loss_was_real(&mut self) {
        self.loss.frto = false;
    }

    /// An ACK after a tail loss probe (`tcp_process_tlp_ack`).
    pub(super) fn probe_acked<O: Observer>(&mut self, cx: &mut Cx<'_, O>, ack: Seq, flags: &AckFlags) {
        let Some(high) = self.loss.tlp_high_seq else { return };
        if ack < high {
            return;
        }
        if !self.loss.tlp_retrans || flags.dsack {
            self.loss.tlp_high_seq = None;
        } else if ack > high {
            // Beyond the probe: the original was lost and the probe repaired it.
            self.init_reduction();
            self.loss.ca_state = CaState::Cwr;
            self.end_reduction(cx.now);
            self.loss.ca_state = CaState::Open;
            self.open_or_disorder();
            cx.host.counters.loss_probe_recovery += 1;
        } else if !(flags.una_advanced || flags.data || flags.window || flags.data_acked || flags.data_sacked)
        {
            self.loss.tlp_high_seq = None;
        }
    }

    /// Sends lost packets again as far as the congestion window allows (`tcp_xmit_retransmit_queue`).
    pub(super) fn resend_lost<O: Observer>(&mut self, cx: &mut Cx<'_, O>, rx: &mut Receiver) {
        if self.loss.lost_out == 0 {
            return;
        }
        let max_segs = super::tso::autosize(
            &self.rules,
            &self.sysctl,
            self.pacing_rate,
            self.rtt.min_us(),
            self.gso_max,
            self.mss,
        );
        let mut i = 0;
        let mut head_sent = false;
        while i < self.queue.rtx.len() {
            let marks = self.queue.rtx[i].marks;
            if !marks.lost || marks.sacked || marks.retrans {
                i += 1;
                continue;
            }
            let room = self.cc.cwnd.saturating_sub(self.in_flight()).min(max_segs);
            if room == 0 || !self.retransmit(cx, rx, i, room) {
                break;
            }
            let segs = self.queue.rtx[i].segs;
            if self.loss.ca_state == CaState::Loss {
                cx.host.counters.slow_start_retrans += u64::from(segs);
            } else {
                cx.host.counters.fast_retrans += u64::from(segs);
            }
            if self.loss.in_reduction() {
                self.loss.prr_out += segs;
            }
            head_sent |= i == 0 && self.timer.kind() != Some(TimerKind::Reorder);
            i += 1;
        }
        if head_sent {
            self.timer.arm(TimerKind::Retransmit, cx.now.jiffies, self.rtt.rto());
        }
    }

    /// Remembers that the path reorders, so that RACK waits (`tcp_check_sack_reordering`).
    pub(super) fn note_reordering(&mut self) {
        self.loss.reordering_seen = true;
        self.loss.reordering = (self.loss.reordering + 1).min(self.sysctl.tcp_max_reordering);
    }
}
