//! The end of a socket: the program closes it, the connection is reset, or only a record of it stays.

use super::Receiver;
use crate::linux::Reclaim;
use crate::observer::{AckReason, Observer, Transmit};
use crate::path::Payload;
use crate::segment::{Flags, Segment};
use crate::send_half::{Cx, SendHalf};
use crate::state::{AckPending, TcpState};

impl Receiver {
    /// The application closes the socket (`tcp_close`). Unread data means that the peer must be told that not all was
    /// taken: a reset goes out and the connection is gone, as it is if the program does not want it to go on by itself
    /// (`resets`: `SO_LINGER` with a time of 0). Otherwise the sending half has a FIN to send; returns whether it has.
    pub fn close<S: SendHalf, O: Observer>(&mut self, cx: &mut Cx<'_, O>, snd: &mut S, resets: bool) -> bool {
        let unread = self.queue.iter().any(|skb| skb.seq + skb.len > self.copied_seq);
        while let Some(skb) = self.queue.pop_front() {
            self.uncharge(cx, skb.buf.truesize);
        }
        self.reclaim_early(cx);
        // Nobody will read what still comes.
        self.read_shutdown = true;
        if matches!(self.state, TcpState::Close | TcpState::TimeWait) {
            // Nothing is left to end: there is nobody to tell.
            return false;
        }
        if !unread && !resets {
            return self.shutdown_write();
        }
        cx.host.counters.abort_on_close += u64::from(unread);
        cx.host.counters.abort_on_data += u64::from(!unread);
        self.abort(cx, snd);
        false
    }

    /// Ends the connection with a reset of our own (`tcp_send_active_reset`, `tcp_done`).
    pub fn abort<S: SendHalf, O: Observer>(&mut self, cx: &mut Cx<'_, O>, snd: &mut S) {
        let mut rst = Segment { seq: self.acceptable_seq(snd), flags: Flags::RST, ..Segment::default() };
        let window = self.stamp(cx, &mut rst);
        cx.host.counters.out_segs += 1;
        cx.host.counters.out_rsts += 1;
        let packet = Transmit { seg: rst, window, reason: AckReason::Now, payload: Payload::Ack };
        if O::ACTIVE {
            cx.obs.transmit(cx.now, &packet, &self.shown::<_, O>(snd));
        }
        cx.out.push(packet);
        self.close_now(cx, snd);
        self.purge_ofo(cx);
    }

    /// The connection ends here and now (`tcp_reset`, `tcp_done`); nothing is sent. What was received stays until the
    /// program closes the socket, also what is out of order.
    pub fn close_now<S: SendHalf, O: Observer>(&mut self, cx: &mut Cx<'_, O>, snd: &mut S) {
        self.stop_timers(cx, snd);
        self.reclaim_early(cx);
        self.state = TcpState::Close;
        self.ack.pending = AckPending::default();
        self.ack.compressed_timer = None;
    }

    /// The connection is over: its timers are stopped, and what it had to send is forgotten (`tcp_done`).
    pub(super) fn stop_timers<S: SendHalf, O: Observer>(&mut self, cx: &mut Cx<'_, O>, snd: &mut S) {
        snd.purge(cx, self);
        self.ack.timer = None;
    }

    /// Nobody holds the socket and TCP has finished with it: all its memory goes back (`inet_sock_destruct`). The state
    /// stays, for the record that may be left of it.
    pub fn free<S: SendHalf, O: Observer>(&mut self, cx: &mut Cx<'_, O>, snd: &mut S) {
        let state = self.state;
        self.close_now(cx, snd);
        self.purge_ofo(cx);
        self.state = state;
        while let Some(skb) = self.queue.pop_front() {
            self.uncharge(cx, skb.buf.truesize);
        }
        self.reclaim(cx);
    }

    /// Before 6.0 a socket that is closed gives back what it does not need (`sk_mem_reclaim` in `tcp_close` and
    /// `tcp_write_queue_purge`).
    pub fn reclaim_early<O: Observer>(&mut self, cx: &mut Cx<'_, O>) {
        if self.kernel.reclaim == Reclaim::Above2MiB {
            self.reclaim(cx);
        }
    }

    /// The record of a connection in FIN-WAIT-2 takes the peer's FIN (`tcp_timewait_state_process`).
    pub fn record_takes_fin(&mut self, seg: &Segment) {
        self.rcv_nxt = seg.end_seq();
        self.state = TcpState::TimeWait;
    }

    /// Whether a segment lies in the window that a record remembers (`tcp_in_window`).
    pub fn record_accepts(&self, seg: &Segment) -> bool {
        let end = self.rcv_nxt + self.rcv_wnd;
        if seg.seq == self.rcv_nxt {
            return true;
        }
        (seg.end_seq() > self.rcv_nxt && seg.seq < end) || (seg.seq == end && seg.seq == seg.end_seq())
    }

    /// The record is gone.
    pub fn record_ends(&mut self) {
        self.state = TcpState::Close;
    }
}
