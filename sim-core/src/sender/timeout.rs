//! The retransmission timeout and what follows it (`tcp_retransmit_timer`, `tcp_enter_loss`, F-RTO).

use super::Sender;
use super::congestion::INFINITE_SSTHRESH;
use super::loss_state::{AckFlags, CaState, Resend};
use super::output::Resent;
use super::timers::TimerKind;
use crate::observer::{Observer, SendEvent};
use crate::receiver::Receiver;
use crate::segment::Segment;
use crate::send_half::Cx;
use crate::state::TcpState;

/// Timeouts of a thin stream that do not double (`TCP_THIN_LINEAR_RETRIES`).
const THIN_LINEAR_RETRIES: u32 = 6;

impl Sender {
    /// The retransmission timer expired (`tcp_retransmit_timer`).
    pub(super) fn retransmission_timeout<O: Observer>(&mut self, cx: &mut Cx<'_, O>, rx: &mut Receiver) {
        if self.packets_out == 0 || self.queue.rtx.is_empty() {
            return;
        }
        // Into a closed window the head is repeated without counting a timeout.
        let closed = self.window.snd_wnd == 0;
        if closed {
            if self.silent_behind_closed_window(rx) {
                self.give_up(cx, rx);
                return;
            }
        } else {
            cx.host.counters.timeouts += 1;
            if O::ACTIVE {
                cx.obs.sending(cx.now, SendEvent::Timeout);
            }
            if self.unanswered_too_long(rx) {
                self.give_up(cx, rx);
                return;
            }
        }
        self.enter_loss(cx);
        if !closed {
            self.loss.retransmits = self.loss.retransmits.saturating_add(1);
            self.backoff = self.backoff.saturating_add(1);
        }
        let resent = self.retransmit(cx, rx, 0, 1);
        if resent == Resent::Refused && !closed {
            // The host's own queue is full: the next attempt follows soon (`TCP_RESOURCE_PROBE_INTERVAL`).
            self.backoff = self.backoff.saturating_sub(1);
            self.timer.arm(TimerKind::Retransmit, cx.now.jiffies, self.hz / 2);
            return;
        }
        if self.is_thin(rx) && self.loss.retransmits <= THIN_LINEAR_RETRIES {
            self.backoff = 0;
            self.rtt.set_rto();
        } else {
            self.rtt.back_off();
        }
        self.timer.arm(TimerKind::Retransmit, cx.now.jiffies, self.rtt.rto());
    }

    /// Whether timeouts do not double because so little is in flight that nothing else could find a loss
    /// (`tcp_stream_is_thin`).
    fn is_thin(&self, rx: &Receiver) -> bool {
        self.sysctl.tcp_thin_linear_timeouts
            && self.packets_out < 4
            && self.cc.ssthresh != INFINITE_SSTHRESH
            && rx.tcp_state() == TcpState::Established
    }

    /// `tcp_enter_loss`: everything in flight is lost, slow start begins.
    fn enter_loss<O: Observer>(&mut self, cx: &mut Cx<'_, O>) {
        let new_recovery = self.loss.ca_state < CaState::Recovery;
        self.mark_all_lost(cx);
        let first = self.loss.ca_state <= CaState::Disorder
            || self.loss.high_seq <= self.window.snd_una
            || (self.loss.ca_state == CaState::Loss && self.loss.retransmits == 0);
        if first {
            self.loss.prior_ssthresh = self.current_ssthresh();
            self.loss.prior_cwnd = self.cc.cwnd;
            self.cc.ssthresh = self.cc.ssthresh_after_loss();
            self.init_undo();
        }
        self.cc.cwnd = self.in_flight() + 1;
        self.cc.reset_count();
        self.cc.stamp = cx.now.jiffies;
        // Many duplicates before the timeout: the path reorders less than was thought.
        let initial = self.sysctl.tcp_reordering;
        if self.loss.ca_state <= CaState::Disorder && self.loss.sacked_out >= initial {
            self.loss.reordering = self.loss.reordering.min(initial);
        }
        let ack_cx = self.ack_context(cx.now);
        self.cc.on_timeout(&ack_cx);
        self.loss.ca_state = CaState::Loss;
        self.loss.high_seq = self.window.snd_nxt;
        self.loss.tlp_high_seq = None;
        self.tell_reduction();
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
            self.loss.undecided.forget(&self.queue.rtx);
            cx.host.counters.sack_reneging += 1;
        } else if !self.sack_ok {
            self.forget_duplicate_acks();
        }
        for i in 0..self.queue.rtx.len() {
            let sent_at = self.queue.rtx[i].sent_at;
            if !reneged && self.uses_rack() && i > 0 && self.rack_remaining_us(cx.now.time, sent_at, 0) > 0 {
                continue;
            }
            self.mark_lost(cx, i, &mut flags);
        }
    }

    /// An ACK after a timeout: F-RTO, and the end of the loss state (`tcp_process_loss`).
    pub(super) fn process_loss<O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        seg: &Segment,
        duplicates: u32,
        flags: &mut AckFlags,
    ) -> Resend {
        let recovered = self.window.snd_una >= self.loss.high_seq;
        if flags.una_advanced && self.try_undo_loss(cx, seg, false) {
            return Resend::None;
        }
        if self.loss.frto {
            if flags.orig_sacked && self.try_undo_loss(cx, seg, true) {
                return Resend::None;
            }
            if self.window.snd_nxt > self.loss.high_seq {
                if flags.data_sacked || duplicates > 0 {
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
            self.try_undo_recovery(cx, seg);
            return Resend::None;
        }
        if !self.sack_ok {
            // New data that F-RTO sent has arrived: less is in flight.
            if self.window.snd_nxt > self.loss.high_seq && duplicates > 0 {
                self.add_duplicate_acks(cx, duplicates, flags);
            } else if flags.una_advanced {
                self.forget_duplicate_acks();
            }
        }
        Resend::Lost
    }

    /// F-RTO could not send anything new: the ordinary recovery goes on.
    #[cold]
    pub(super) fn loss_was_real(&mut self) {
        self.loss.frto = false;
    }
}
