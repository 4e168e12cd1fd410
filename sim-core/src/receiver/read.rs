//! `recv`: copying out, giving memory back, and telling the peer.

use super::Receiver;
use crate::observer::{AckReason, Observer};
use crate::send_half::{Cx, SendHalf};
use crate::skb::{Share, Skb};
use crate::state::AckPending;

impl Receiver {
    /// A non-blocking `recv` of up to `len` bytes that takes no time. Returns the bytes copied.
    pub fn recv<S: SendHalf, O: Observer>(&mut self, cx: &mut Cx<'_, O>, snd: &mut S, len: u32) -> u32 {
        self.recv_begin(len);
        while self.recv_copy(cx) && !self.queue.is_empty() {}
        self.recv_end(cx, snd)
    }

    /// A `recv` begins: the application holds the socket until [`Receiver::recv_end`].
    pub fn recv_begin(&mut self, len: u32) {
        self.owned = true;
        self.reading = super::ReadCall { left: len, copied: 0 };
    }

    /// Copies from one skb (one round of `tcp_recvmsg_locked`). Returns whether there is more to do.
    pub fn recv_copy<O: Observer>(&mut self, cx: &mut Cx<'_, O>) -> bool {
        if self.reading.left == 0 {
            return false;
        }
        let Some(skb) = self.queue.front() else { return false };
        let (len, truesize, fin) = (skb.len, skb.buf.truesize, skb.has_fin());
        let offset = (self.copied_seq - skb.seq).max(0) as u32;
        if offset < len {
            let used = (len - offset).min(self.reading.left);
            self.copied_seq = self.copied_seq + used;
            self.reading.left -= used;
            self.reading.copied += used;
            self.space_adjust(cx);
            if used + offset < len {
                // Charged until its last byte is read.
                return false;
            }
        }
        if fin {
            self.copied_seq = self.copied_seq + 1;
        }
        self.queue.pop_front();
        self.uncharge(cx, truesize);
        self.reading.left > 0 && !fin
    }

    /// In how many page fragments that lies, in millionths, which the `recv` in progress takes from its first skb: those of the skb in
    /// proportion.
    pub(crate) fn fragments_ahead(&self) -> u64 {
        let share = |skb: &Skb| {
            let unread = skb.len - ((self.copied_seq - skb.seq).max(0) as u32).min(skb.len);
            let taken = u64::from(unread.min(self.reading.left));
            u64::from(skb.buf.nr_frags) * taken * 1_000_000 / u64::from(skb.len.max(1))
        };
        self.queue.front().map_or(0, share)
    }

    /// Whether the `recv` in progress reads its first skb to the end, and that is no clone of the sender's.
    pub(crate) fn frees_own_skb(&self) -> bool {
        let frees = |skb: &Skb| {
            skb.buf.share == Share::None && skb.end_seq - self.copied_seq <= i64::from(self.reading.left)
        };
        self.queue.front().is_some_and(frees)
    }

    /// Bytes that the `recv` in progress has copied.
    pub fn copied(&self) -> u32 {
        self.reading.copied
    }

    /// Passes over what holds no byte for the reader: a FIN of its own at the head of the queue. Drivers that
    /// copy chunk by chunk call it before [`Receiver::recv_finish`].
    pub fn recv_skip<O: Observer>(&mut self, cx: &mut Cx<'_, O>) {
        let empty = self.queue.front().is_some_and(|skb| self.copied_seq - skb.seq >= i64::from(skb.len));
        if empty {
            self.recv_copy(cx);
        }
    }

    /// The `recv` ends: ACKs that reading makes due are sent, the socket is released and its backlog
    /// processed. Returns the bytes copied.
    pub fn recv_end<S: SendHalf, O: Observer>(&mut self, cx: &mut Cx<'_, O>, snd: &mut S) -> u32 {
        let copied = self.recv_finish(cx, snd);
        self.release(cx, snd);
        copied
    }

    /// The end of a `recv` short of releasing the socket.
    pub fn recv_finish<S: SendHalf, O: Observer>(&mut self, cx: &mut Cx<'_, O>, snd: &mut S) -> u32 {
        let copied = std::mem::take(&mut self.reading).copied;
        if O::ACTIVE && copied > 0 {
            cx.obs.read(cx.now, copied, &self.shown::<_, O>(snd));
        }
        self.cleanup_rbuf(cx, snd, copied);
        copied
    }

    /// Sends the ACK or window update that a read of `copied` bytes makes due (`tcp_cleanup_rbuf`).
    pub(super) fn cleanup_rbuf<S: SendHalf, O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        snd: &S,
        copied: u32,
    ) {
        let pending = self.ack.pending;
        if pending.has(AckPending::SCHED) {
            let segments_unacked = self.rcv_nxt - self.rcv_wup > i64::from(self.ack.rcv_mss);
            let pushed =
                pending.has(AckPending::PUSHED2) || (pending.has(AckPending::PUSHED) && !self.in_pingpong());
            if segments_unacked || (copied > 0 && pushed && self.rmem == 0) {
                self.refresh_clock_for_read(cx);
                self.send_ack(cx, snd, AckReason::Read);
                return;
            }
        }
        if copied > 0 && !self.read_shutdown {
            let promised = self.receive_window();
            if 2 * u64::from(promised) <= u64::from(self.window_clamp) {
                let window = self.raw_window(cx).0;
                if window != 0 && u64::from(window) >= 2 * u64::from(promised) {
                    self.refresh_clock_for_read(cx);
                    self.send_ack(cx, snd, AckReason::WindowUpdate);
                }
            }
        }
    }

    /// Newer kernels read the clock here rather than for every chunk copied.
    fn refresh_clock_for_read<O: Observer>(&mut self, cx: &Cx<'_, O>) {
        if !self.kernel.read_refreshes_clock {
            self.refresh_clock(cx);
        }
    }
}
