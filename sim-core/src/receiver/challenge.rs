//! Segments that an attacker could have forged are not believed but asked about (RFC 5961): resets that do not fit
//! exactly, SYNs, acknowledgements of another age.

use super::Receiver;
use crate::observer::{AckReason, DropReason, Observer};
use crate::send_half::{Cx, SendHalf};
use crate::seq::Seq;
use crate::skb::Skb;
use crate::state::TcpState;

impl Receiver {
    /// Whether a reset inside the window ends the connection: at the next byte expected, at the one before after a FIN,
    /// or at the end of what was received out of order (`tcp_validate_incoming`, RFC 5961 section 3.2).
    pub(super) fn believes_reset(&self, seq: Seq) -> bool {
        let rightmost = self.sacks.iter().map(|b| b.end).max().filter(|_| self.sack_ok);
        seq == self.rcv_nxt || self.resets_after_fin(seq) || rightmost == Some(seq)
    }

    /// A peer that has sent a FIN may reset from in front of it (`tcp_reset_check`).
    pub(super) fn resets_after_fin(&self, seq: Seq) -> bool {
        seq + 1 == self.rcv_nxt
            && matches!(self.state, TcpState::CloseWait | TcpState::LastAck | TcpState::Closing)
    }

    /// The peer has reset the connection (`tcp_reset`): the next `recv` that finds no data fails.
    #[cold]
    pub(super) fn reset_by_peer<S: SendHalf, O: Observer>(&mut self, cx: &mut Cx<'_, O>, snd: &mut S) {
        self.error = true;
        self.close_now(cx, snd);
    }

    /// The segment that has just ended the connection.
    pub(super) fn count_last_segment(&mut self, skb: &Skb) {
        if self.kernel.last_segment_drops {
            self.count_drop(skb);
        }
    }

    /// Whether a `recv` that finds no data fails with the connection's error; it does so once (`sock_error`).
    pub fn take_error(&mut self) -> bool {
        std::mem::take(&mut self.error)
    }

    /// Asks the peer with an ACK, unless it was answered a moment ago (`tcp_send_challenge_ack`).
    #[cold]
    pub(super) fn challenge<S: SendHalf, O: Observer>(&mut self, cx: &mut Cx<'_, O>, snd: &S) {
        if self.answer_is_too_soon(cx.now) {
            cx.host.counters.ack_skipped_challenge += 1;
            return;
        }
        cx.host.counters.challenge_ack += 1;
        self.send_ack(cx, snd, AckReason::Challenge);
    }

    /// A SYN on a connection that exists (RFC 5961 section 4.2).
    #[cold]
    pub(super) fn challenge_syn<S: SendHalf, O: Observer>(&mut self, cx: &mut Cx<'_, O>, snd: &S, skb: &Skb) {
        cx.host.counters.syn_challenge += 1;
        self.challenge(cx, snd);
        self.discard(cx, skb, DropReason::InvalidSyn);
    }
}
