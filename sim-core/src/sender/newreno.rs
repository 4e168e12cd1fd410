//! Duplicate ACKs without SACK (NewReno, RFC 6582): each stands for one packet that arrived.

use super::Sender;
use super::loss_state::{AckFlags, CaState};
use crate::observer::Observer;
use crate::send_half::Cx;

impl Sender {
    /// A duplicate ACK: some packet above the hole arrived (`tcp_add_reno_sack`).
    pub(super) fn add_duplicate_acks<O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        n: u32,
        flags: &mut AckFlags,
    ) {
        if n == 0 {
            return;
        }
        let before = self.loss.sacked_out;
        self.loss.sacked_out += n;
        self.check_duplicates(cx, 0);
        let delivered = self.loss.sacked_out.saturating_sub(before);
        self.loss.count_delivered(delivered, flags);
    }

    /// `acked` packets were acknowledged: one filled the hole, the others are those that the duplicates stood for
    /// (`tcp_remove_reno_sacks`).
    #[inline(never)]
    pub(super) fn remove_duplicate_acks<O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        acked: u32,
        flags: &mut AckFlags,
    ) {
        if acked > 0 {
            let new = acked.saturating_sub(self.loss.sacked_out).max(1);
            self.loss.count_delivered(new, flags);
            self.loss.sacked_out = self.loss.sacked_out.saturating_sub(acked - 1);
        }
        self.check_duplicates(cx, acked);
    }

    /// More duplicates than packets can have caused them: the path reorders (`tcp_check_reno_reordering`).
    fn check_duplicates<O: Observer>(&mut self, cx: &mut Cx<'_, O>, addend: u32) {
        let holes = self.loss.lost_out.max(1).min(self.packets_out);
        if self.loss.sacked_out + holes <= self.packets_out {
            return;
        }
        self.loss.sacked_out = self.packets_out - holes;
        self.loss.reordering = (self.packets_out + addend).min(self.sysctl.tcp_max_reordering);
        self.loss.reordering_seen = true;
        cx.host.counters.reno_reorder += 1;
    }

    /// The duplicates are forgotten (`tcp_reset_reno_sack`).
    pub(super) fn forget_duplicate_acks(&mut self) {
        self.loss.sacked_out = 0;
    }

    /// Marks the first packet lost after enough duplicates, or because an ACK in recovery covers only a part
    /// (`tcp_newreno_mark_lost`).
    pub(super) fn newreno_mark_lost<O: Observer>(&mut self, cx: &mut Cx<'_, O>, flags: &mut AckFlags) {
        let state = self.loss.ca_state;
        let enough = state < CaState::Recovery && self.loss.sacked_out >= self.loss.reordering;
        let partial = state == CaState::Recovery && flags.una_advanced;
        let Some(head) = self.queue.rtx.front().copied() else { return };
        if !(enough || partial) || head.marks.lost {
            return;
        }
        if head.segs > 1 && head.len > head.mss {
            self.split_in_flight(0, head.mss);
        }
        self.mark_lost(cx, 0, flags);
    }
}
