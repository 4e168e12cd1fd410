//! Taking a reduction back that proved unnecessary (`tcp_may_undo`, `tcp_try_undo_*`): every retransmission was answered
//! by a DSACK, or an ACK echoes a timestamp older than the first retransmission (Eifel, RFC 3522).

use super::Sender;
use super::loss_state::{AckFlags, CaState};
use crate::observer::Observer;
use crate::segment::Segment;
use crate::send_half::Cx;
use crate::seq::Seq;
use crate::time::SimTime;

impl Sender {
    /// Notes where an undo would begin (`tcp_init_undo`).
    pub(super) fn init_undo(&mut self) {
        let l = &mut self.loss;
        l.undo_marker = Some(self.window.snd_una);
        let probe = u32::from(l.tlp_high_seq.is_some() && l.tlp_retrans);
        let out = l.retrans_out + probe;
        l.undo_retrans = (out > 0).then_some(out);
    }

    /// Whether the segment answers something sent before `when` (`tcp_tsopt_ecr_before`).
    pub(super) fn echoes_older(&self, seg: &Segment, when: SimTime) -> bool {
        let (Some(ts), Some(then)) = (seg.ts, self.tsval_at(when)) else { return false };
        ts.ecr != 0 && (ts.ecr.wrapping_sub(then) as i32) < 0
    }

    /// The segment answers an original although it was retransmitted since (`tcp_packet_delayed`).
    fn packet_delayed(&self, seg: &Segment) -> bool {
        self.loss.retrans_stamp.is_some_and(|at| self.echoes_older(seg, at))
    }

    fn may_undo(&self, seg: &Segment) -> bool {
        self.loss.undo_marker.is_some() && (self.loss.undo_retrans == Some(0) || self.packet_delayed(seg))
    }

    /// `tcp_undo_cwnd_reduction`.
    fn undo_reduction<O: Observer>(&mut self, cx: &Cx<'_, O>, unmark_lost: bool) {
        if unmark_lost {
            for skb in &mut self.queue.rtx {
                skb.marks.lost = false;
            }
            self.loss.lost_out = 0;
            self.loss.undecided.forget(&self.queue.rtx);
        }
        if self.loss.prior_ssthresh > 0 {
            self.cc.cwnd = self.cc.cwnd.max(self.loss.prior_cwnd);
            if self.loss.prior_ssthresh > self.cc.ssthresh {
                self.cc.ssthresh = self.loss.prior_ssthresh;
                self.withdraw_reduction();
            }
        }
        self.cc.stamp = cx.now.jiffies;
        self.loss.undo_marker = None;
        // What is lost must be judged anew.
        self.loss.rack.advanced = true;
    }

    /// Everything of the recovery is acknowledged (`tcp_try_undo_recovery`). Returns whether the old state must be kept
    /// until something above it is acknowledged: without SACK, late duplicates would start another recovery (RFC 6582).
    pub(super) fn try_undo_recovery<O: Observer>(&mut self, cx: &mut Cx<'_, O>, seg: &Segment) -> bool {
        if self.may_undo(seg) {
            if self.loss.ca_state == CaState::Loss {
                cx.host.counters.loss_undo += 1;
            } else {
                cx.host.counters.full_undo += 1;
            }
            self.undo_reduction(cx, false);
        } else {
            self.loss.rack.persist = self.loss.rack.persist.saturating_sub(1);
        }
        if self.keeps_state_without_sack() {
            return true;
        }
        self.loss.ca_state = CaState::Open;
        false
    }

    /// `tcp_is_non_sack_preventing_reopen`.
    fn keeps_state_without_sack(&mut self) -> bool {
        if self.sack_ok || self.window.snd_una != self.loss.high_seq {
            return false;
        }
        if !self.any_retransmission_out() {
            self.loss.retrans_stamp = None;
        }
        true
    }

    /// DSACKs have answered every retransmission (`tcp_try_undo_dsack`).
    pub(super) fn try_undo_dsack<O: Observer>(&mut self, cx: &mut Cx<'_, O>) -> bool {
        if self.loss.undo_marker.is_none() || self.loss.undo_retrans != Some(0) {
            return false;
        }
        self.loss.rack.undone();
        self.undo_reduction(cx, false);
        cx.host.counters.dsack_undo += 1;
        true
    }

    /// A timeout was unnecessary (`tcp_try_undo_loss`). `by_frto` says that F-RTO found out.
    pub(super) fn try_undo_loss<O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        seg: &Segment,
        by_frto: bool,
    ) -> bool {
        if !by_frto && !self.may_undo(seg) {
            return false;
        }
        self.undo_reduction(cx, true);
        cx.host.counters.loss_undo += 1;
        if by_frto {
            cx.host.counters.spurious_rtos += 1;
        }
        self.loss.retransmits = 0;
        if !self.keeps_state_without_sack() && (by_frto || self.sack_ok) {
            self.loss.ca_state = CaState::Open;
        }
        true
    }

    /// A part of the recovery is acknowledged, and by an original (`tcp_try_undo_partial`). Returns whether there is
    /// nothing more to do with this ACK.
    pub(super) fn try_undo_partial<O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        seg: &Segment,
        prior_una: Seq,
    ) -> bool {
        if self.loss.undo_marker.is_none() || !self.packet_delayed(seg) {
            return false;
        }
        self.note_reordering(cx, prior_una, true);
        // Retransmissions that are still out may be needed: nothing is undone, and nothing more repeated.
        if self.loss.retrans_out > 0 {
            return true;
        }
        if !self.any_retransmission_out() {
            self.loss.retrans_stamp = None;
        }
        self.undo_reduction(cx, true);
        cx.host.counters.partial_undo += 1;
        self.try_keep_open();
        false
    }

    /// Remembers that the path reorders, and by how much (`tcp_check_sack_reordering`).
    #[inline(never)]
    pub(super) fn note_reordering<O: Observer>(&mut self, cx: &mut Cx<'_, O>, low: Seq, by_timestamp: bool) {
        let high = self.loss.highest_arrived(self.window.snd_una);
        if low >= high {
            return;
        }
        let metric = (high - low) as u64;
        let mss = u64::from(self.mss.max(1));
        if metric > u64::from(self.loss.reordering) * mss {
            let packets = u32::try_from(metric.div_ceil(mss)).unwrap_or(u32::MAX);
            self.loss.reordering = packets.min(self.sysctl.tcp_max_reordering);
        }
        self.loss.reordering_seen = true;
        if by_timestamp {
            cx.host.counters.ts_reorder += 1;
        } else {
            cx.host.counters.sack_reorder += 1;
        }
    }

    /// Whether any retransmission may still be on its way (`tcp_any_retrans_done`).
    pub(super) fn any_retransmission_out(&self) -> bool {
        self.loss.retrans_out > 0 || self.queue.rtx.front().is_some_and(|s| s.marks.ever_retrans)
    }

    /// What the reordering of SACKed data means: unless a timeout is being repaired, it is remembered.
    pub(super) fn judge_reordering<O: Observer>(&mut self, cx: &mut Cx<'_, O>, flags: &AckFlags) {
        if let Some(low) = flags.reordered_from
            && (self.loss.ca_state != CaState::Loss || self.loss.undo_marker.is_some())
        {
            self.note_reordering(cx, low, false);
        }
    }
}
