//! Fast recovery (`tcp_fastretrans_alert`, PRR), and sending again what is lost.

use super::Sender;
use super::congestion::INFINITE_SSTHRESH;
use super::loss_state::{AckFlags, CaState, Resend};
use super::output::Resent;
use super::rules::PrrRule;
use super::timers::TimerKind;
use crate::observer::Observer;
use crate::receiver::Receiver;
use crate::segment::Segment;
use crate::send_half::Cx;
use crate::seq::Seq;
use crate::time::Now;

impl Sender {
    /// Marks one packet lost (`tcp_mark_skb_lost`).
    pub(super) fn mark_lost(&mut self, cx: &mut Cx<'_, impl Observer>, i: usize, flags: &mut AckFlags) {
        let skb = &mut self.queue.rtx[i];
        if skb.marks.sacked {
            return;
        }
        let segs = skb.segs;
        self.loss.resend_from = self.loss.resend_from.min(skb.seq);
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

    /// What an ACK means while something is lost, out of order or undecided (`tcp_fastretrans_alert`). `duplicates` is
    /// the number of duplicate ACKs that the segment stands for.
    pub(super) fn judge_ack<O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        seg: &Segment,
        prior_una: Seq,
        duplicates: u32,
        flags: &mut AckFlags,
    ) -> Resend {
        if self.packets_out == 0 {
            self.loss.sacked_out = 0;
        }
        if flags.ece {
            self.loss.prior_ssthresh = 0;
        }
        if flags.reneged && flags.una_advanced {
            // Time for the ACK of what only looks dropped (`tcp_check_sack_reneging`).
            let srtt_half = self.rtt.micros_to_ticks(u64::from(self.rtt.srtt8() >> 4));
            let ticks = srtt_half.max(self.rtt.micros_to_ticks(10_000));
            self.timer.arm(TimerKind::Retransmit, cx.now.jiffies, ticks);
            flags.set_timer = false;
            return Resend::None;
        }
        if self.loss.ca_state == CaState::Open {
            self.loss.retrans_stamp = None;
        } else if self.window.snd_una >= self.loss.high_seq {
            match self.loss.ca_state {
                CaState::Cwr if self.window.snd_una != self.loss.high_seq => {
                    self.end_reduction(cx.now);
                    self.loss.ca_state = CaState::Open;
                }
                CaState::Recovery => {
                    if !self.sack_ok {
                        self.forget_duplicate_acks();
                    }
                    if self.try_undo_recovery(cx, seg) {
                        return Resend::None;
                    }
                    self.end_reduction(cx.now);
                }
                _ => {}
            }
        }
        match self.loss.ca_state {
            CaState::Recovery => {
                if !flags.una_advanced {
                    if !self.sack_ok {
                        self.add_duplicate_acks(cx, duplicates, flags);
                    }
                } else if self.try_undo_partial(cx, seg, prior_una) {
                    return Resend::None;
                }
                if self.try_undo_dsack(cx) {
                    self.try_to_open(flags.ece);
                }
                self.find_losses(cx, flags);
                if self.loss.ca_state != CaState::Recovery {
                    // The recovery was undone; what is lost now starts another one.
                    if self.loss.lost_out == 0 {
                        return Resend::None;
                    }
                    self.enter_recovery(cx, flags.ece);
                }
                return Resend::Lost;
            }
            CaState::Loss => {
                let resend = self.process_loss(cx, seg, duplicates, flags);
                self.find_losses(cx, flags);
                if !(self.loss.ca_state == CaState::Open || flags.lost_retrans) {
                    return resend;
                }
            }
            _ => {}
        }
        if !self.sack_ok {
            if flags.una_advanced {
                self.forget_duplicate_acks();
            }
            self.add_duplicate_acks(cx, duplicates, flags);
        }
        if self.loss.ca_state <= CaState::Disorder {
            self.try_undo_dsack(cx);
        }
        self.find_losses(cx, flags);
        if self.loss.lost_out == 0 {
            self.try_to_open(flags.ece);
            return Resend::None;
        }
        self.enter_recovery(cx, flags.ece);
        Resend::Lost
    }

    /// Marks what is lost (`tcp_identify_packet_loss`).
    fn find_losses<O: Observer>(&mut self, cx: &mut Cx<'_, O>, flags: &mut AckFlags) {
        if self.queue.rtx.is_empty() {
            return;
        }
        if !self.sack_ok {
            self.newreno_mark_lost(cx, flags);
        } else if self.uses_rack() {
            self.rack_mark_lost(cx, flags);
        } else {
            self.count_mark_lost(cx, flags);
        }
    }

    /// Without RACK: what lies below `reordering` reported packets is lost (RFC 6675, `tcp_update_scoreboard`).
    fn count_mark_lost<O: Observer>(&mut self, cx: &mut Cx<'_, O>, flags: &mut AckFlags) {
        let mut above = self.loss.sacked_out;
        let mut i = 0;
        while let Some(skb) = self.queue.rtx.get(i).copied() {
            if above < self.loss.reordering {
                break;
            }
            if skb.marks.sacked {
                above -= skb.segs.min(above);
            } else if !skb.marks.lost {
                self.mark_lost(cx, i, flags);
            }
            i += 1;
        }
    }

    /// Nothing needs repair (`tcp_try_to_open`); the echo of a mark (`ece`) reduces the window.
    fn try_to_open(&mut self, ece: bool) {
        if !self.any_retransmission_out() {
            self.loss.retrans_stamp = None;
        }
        if ece {
            self.enter_cwr();
        }
        if self.loss.ca_state != CaState::Cwr {
            self.try_keep_open();
        }
    }

    /// Open, or disorder while anything is reported, lost or sent again (`tcp_try_keep_open`).
    pub(super) fn try_keep_open(&mut self) {
        let left = self.loss.sacked_out + self.loss.lost_out > 0 || self.any_retransmission_out();
        let state = if left { CaState::Disorder } else { CaState::Open };
        if state != self.loss.ca_state {
            self.loss.ca_state = state;
            self.loss.high_seq = self.window.snd_nxt;
        }
    }

    /// `tcp_enter_recovery`; `ece` says that the ACK echoes a mark, so that the reduction cannot be undone.
    pub(super) fn enter_recovery<O: Observer>(&mut self, cx: &mut Cx<'_, O>, ece: bool) {
        if self.sack_ok {
            cx.host.counters.sack_recovery += 1;
        } else {
            cx.host.counters.reno_recovery += 1;
        }
        self.loss.prior_ssthresh = 0;
        self.init_undo();
        if !self.loss.in_reduction() {
            if !ece {
                self.loss.prior_ssthresh = self.current_ssthresh();
            }
            self.init_reduction();
        }
        self.loss.ca_state = CaState::Recovery;
    }

    /// The queueing discipline of the own host refused a packet, or one was marked: the window is reduced, without a loss
    /// (`tcp_enter_cwr`).
    pub(super) fn enter_cwr(&mut self) {
        self.loss.prior_ssthresh = 0;
        if self.loss.ca_state < CaState::Cwr {
            self.loss.undo_marker = None;
            self.init_reduction();
            self.loss.ca_state = CaState::Cwr;
        }
    }

    /// The threshold as it would be remembered now (`tcp_current_ssthresh`).
    pub(super) fn current_ssthresh(&self) -> u32 {
        if self.loss.in_reduction() { self.cc.ssthresh } else { self.cc.idle_ssthresh() }
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
        self.tell_reduction();
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
    }

    /// An ACK after a tail loss probe (`tcp_process_tlp_ack`).
    pub(super) fn probe_acked<O: Observer>(&mut self, cx: &mut Cx<'_, O>, ack: Seq, flags: &AckFlags) {
        let Some(high) = self.loss.tlp_high_seq else { return };
        if ack < high {
            return;
        }
        if !self.loss.tlp_retrans || flags.dsack_of_probe {
            self.loss.tlp_high_seq = None;
        } else if ack > high {
            // Beyond the probe: the original was lost and the probe repaired it.
            self.init_reduction();
            self.loss.ca_state = CaState::Cwr;
            self.end_reduction(cx.now);
            self.try_keep_open();
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
        let max_segs = self.most_segs(self.mss);
        let from = self.loss.resend_from;
        debug_assert!(
            !self.queue.rtx.iter().any(|skb| skb.seq < from && skb.is_missing()),
            "nobody is passed over"
        );
        let mut i = self.queue.rtx.partition_point(|skb| skb.seq < from);
        let mut head_sent = false;
        let mut more = !self.queue.rtx.is_empty();
        while more && !self.pacing_holds(rx) {
            i += self.queue.rtx.range(i..).take_while(|skb| !skb.is_missing()).count();
            // Nothing behind the present end is lost.
            self.loss.resend_from = self.queue.rtx.get(i).map_or(self.window.snd_nxt, |skb| skb.seq);
            let Some(&skb) = self.queue.rtx.get(i) else { break };
            let room = self.cc.cwnd.saturating_sub(self.in_flight()).min(max_segs);
            if room == 0
                || self.small_queue_is_full(&skb, 1)
                || self.retransmit(cx, rx, i, room) != Resent::Sent
            {
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
            more = i < self.queue.rtx.len();
        }
        if head_sent {
            let ticks = self.rtt.rto() + self.pacing_ticks(rx.cached_clock());
            self.timer.arm(TimerKind::Retransmit, cx.now.jiffies, ticks);
        }
    }
}
