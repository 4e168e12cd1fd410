//! In-order data.

use super::Receiver;
use super::ack::{MAX_QUICKACKS, ato_min};
use super::memory::NoMemory;
use crate::linux::InOrderGate;
use crate::observer::{AckReason, DropReason, Observer, Queue, Rule};
use crate::segment::{Flags, Segment};
use crate::send_half::{Cx, SendHalf};
use crate::seq::Seq;
use crate::skb::{MergeRefusal, Skb, try_coalesce};
use crate::state::{AckPending, TcpState};
use crate::time::{Jiffies, SimTime};

impl Receiver {
    /// Where the payload goes (`tcp_data_queue`).
    pub(super) fn data_queue<S: SendHalf, O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        snd: &mut S,
        seg: &Segment,
        skb: &Skb,
    ) {
        if skb.seq == skb.end_seq {
            return;
        }
        if seg.flags.has(Flags::CWR) {
            self.ecn_answered();
        }
        if seg.flags.has(Flags::CWR) && self.kernel.cwr_acks_now {
            // Its window may be a single packet now (`tcp_ecn_accept_cwr`).
            self.ack.pending.set(AckPending::NOW);
        }
        self.dsack = None;
        if skb.seq == self.rcv_nxt {
            let bare_fin = skb.len == 0 && skb.has_fin() && self.kernel.fin_passes_zero_window;
            if self.receive_window() == 0 && !bare_fin {
                cx.host.counters.zero_window_drop += 1;
                self.out_of_window(cx, skb, DropReason::ZeroWindow);
                return;
            }
            self.accept_in_order(cx, snd, seg, skb);
            return;
        }
        if skb.end_seq <= self.rcv_nxt {
            // A retransmission of something already here.
            cx.host.counters.delayed_ack_lost += 1;
            self.dsack_set(cx, skb.seq, skb.end_seq);
            self.out_of_window(cx, skb, DropReason::OldData);
            return;
        }
        if skb.seq - self.rcv_nxt >= i64::from(self.receive_window()) {
            if self.kernel.tracks_max_window() {
                cx.host.counters.beyond_window += 1;
            }
            self.out_of_window(cx, skb, DropReason::BeyondWindow);
            return;
        }
        if skb.seq < self.rcv_nxt {
            // Partly old. The old bytes are queued too and stay charged until they are skipped by a read.
            self.dsack_set(cx, skb.seq, self.rcv_nxt);
            if self.receive_window() == 0 {
                cx.host.counters.zero_window_drop += 1;
                self.out_of_window(cx, skb, DropReason::ZeroWindow);
                return;
            }
            self.accept_in_order(cx, snd, seg, skb);
            return;
        }
        self.data_queue_ofo(cx, snd, seg, *skb);
    }

    /// A segment that cannot be used asks for quick ACKs and is dropped.
    fn out_of_window<O: Observer>(&mut self, cx: &mut Cx<'_, O>, skb: &Skb, reason: DropReason) {
        self.enter_quickack(cx.now, MAX_QUICKACKS);
        self.ack.pending.set(AckPending::SCHED);
        self.drop_segment(cx, skb, reason);
    }

    /// Counts a dropped segment (`sk_drops_add`).
    pub(super) fn count_drop(&mut self, skb: &Skb) {
        self.drops += u32::from(skb.buf.gso_segs.max(1));
    }

    /// Drops a segment (`tcp_drop`).
    pub(super) fn drop_segment<O: Observer>(&mut self, cx: &mut Cx<'_, O>, skb: &Skb, reason: DropReason) {
        self.count_drop(skb);
        let seq = skb.seq;
        cx.rule(|| Rule::Dropped { reason, seq });
    }

    /// The gate, and what happens to in-order data that does not pass it.
    #[inline(always)]
    pub(super) fn in_order_gate<O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        skb: &Skb,
    ) -> Result<(), NoMemory> {
        match self.kernel.in_order_gate {
            InOrderGate::Silent => {
                if self.queue.is_empty() {
                    self.reserve_forced(cx, skb.buf.truesize);
                    return Ok(());
                }
                self.make_room(cx, skb)
            }
            InOrderGate::ZeroWindowAck { takes_fin } => {
                if self.make_room(cx, skb).is_ok() {
                    return Ok(());
                }
                self.ack.pending.set(AckPending::NOMEM | AckPending::NOW | AckPending::SCHED);
                if !self.queue.is_empty() && (skb.len > 0 || !takes_fin) {
                    return Err(NoMemory);
                }
                self.reserve_forced(cx, skb.buf.truesize);
                Ok(())
            }
        }
    }

    /// Takes the segment at `rcv_nxt` (`queue_and_out` of `tcp_data_queue`).
    #[inline(always)]
    fn accept_in_order<S: SendHalf, O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        snd: &mut S,
        seg: &Segment,
        skb: &Skb,
    ) {
        if self.in_order_gate(cx, skb).is_err() {
            cx.host.counters.rcvq_drop += 1;
            self.drop_segment(cx, skb, DropReason::RcvQ);
            return;
        }
        self.queue_in_order(cx, skb);
        if skb.len > 0 {
            self.data_received(cx, snd, seg, skb);
        }
        if skb.has_fin() {
            self.fin_received(cx, snd);
        }
        if !self.ofo.is_empty() {
            self.drain_ofo(cx, snd);
            if self.ofo.is_empty() {
                // RFC 5681, 4.2: the ACK for a filled gap does not wait.
                self.ack.pending.set(AckPending::NOW);
            }
        }
        if !self.sacks.is_empty() {
            self.remove_sacks();
        }
        self.enable_prediction(snd);
    }

    /// Merges the skb into the tail of the receive queue, or appends and charges it (`tcp_queue_rcv`).
    #[inline(always)]
    pub(super) fn queue_in_order<O: Observer>(&mut self, cx: &mut Cx<'_, O>, skb: &Skb) {
        let merged = self.merge_into_tail(cx, skb);
        self.rcv_nxt = skb.end_seq;
        if !merged {
            self.charge(skb.buf.truesize);
            self.queue.push_back(*skb);
        }
    }

    /// Tries to merge into the tail of the receive queue (`tcp_try_coalesce`).
    #[inline(always)]
    pub(super) fn merge_into_tail<O: Observer>(&mut self, cx: &mut Cx<'_, O>, skb: &Skb) -> bool {
        let Some(tail) = self.queue.back() else { return false };
        let shared = self.is_shared(tail, cx.now.time);
        let layout = self.layout;
        let Some(tail) = self.queue.back_mut() else { return false };
        let result = try_coalesce(tail, skb, shared, layout);
        if result.is_ok() {
            tail.end_seq = skb.end_seq;
            tail.flags = tail.flags.with(skb.flags);
        }
        self.account_merge(cx, Queue::Receive, skb, result)
    }

    /// Charges and reports the outcome of a merge.
    #[inline(always)]
    pub(super) fn account_merge<O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        queue: Queue,
        newer: &Skb,
        result: Result<u32, MergeRefusal>,
    ) -> bool {
        let seq = newer.seq;
        match result {
            Ok(delta) => {
                self.charge(delta);
                cx.host.counters.rcv_coalesce += 1;
                cx.rule(|| Rule::Merged { queue, delta, seq });
                true
            }
            Err(why) => {
                cx.rule(|| Rule::MergeRefused { queue, why, seq });
                false
            }
        }
    }

    /// Payload was queued in order (`tcp_event_data_recv`): ACK timing and window growth follow.
    #[inline(always)]
    pub(super) fn data_received<S: SendHalf, O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        snd: &S,
        seg: &Segment,
        skb: &Skb,
    ) {
        self.ack.pending.set(AckPending::SCHED);
        self.measure_rcv_mss(cx, seg, skb);
        self.measure_rtt_from_window(cx);
        let now = cx.now.data_jiffies();
        let min = ato_min(cx.now);
        if self.ack.ato == 0 {
            // The first data ever.
            self.more_quickacks(MAX_QUICKACKS);
            self.ack.ato = min;
        } else {
            let since = self.ack.lrcvtime.map_or(0, |t| now - t);
            if since <= i64::from(min / 2) {
                self.ack.ato = (self.ack.ato >> 1) + min / 2;
            } else if since < i64::from(self.ack.ato) {
                self.ack.ato = ((self.ack.ato >> 1) + since as u32).min(self.ato_bound(cx.now, snd));
            } else if since > i64::from(snd.rto_ticks()) {
                // The sender probably restarts from a small window: do not make it wait.
                self.more_quickacks(MAX_QUICKACKS);
                if self.kernel.idle_reclaims {
                    self.reclaim(cx);
                }
            }
        }
        self.ack.lrcvtime = Some(now);
        self.check_mark(cx.now, seg);
        self.grow_window_in_order(cx, skb);
    }

    /// A FIN in order (`tcp_fin`).
    pub(super) fn fin_received<S: SendHalf, O: Observer>(&mut self, cx: &mut Cx<'_, O>, snd: &mut S) {
        self.ack.pending.set(AckPending::SCHED);
        self.read_shutdown = true;
        match self.state {
            TcpState::Established | TcpState::SynRecv => {
                self.state = TcpState::CloseWait;
                self.enter_pingpong();
            }
            // Both ends have closed: the FIN is acknowledged at once.
            TcpState::FinWait1 => {
                self.send_ack(cx, snd, AckReason::Now);
                self.state = TcpState::Closing;
            }
            TcpState::FinWait2 => {
                self.send_ack(cx, snd, AckReason::Now);
                self.state = TcpState::TimeWait;
                self.stop_timers(cx, snd);
            }
            _ => {}
        }
        self.purge_ofo(cx);
        if self.sack_ok {
            self.reset_sacks();
        }
        if self.kernel.idle_reclaims {
            self.reclaim(cx);
        }
    }

    /// Whether the peer's FIN has arrived in order: after the queued data a read finds the end of the stream.
    pub fn peer_closed(&self) -> bool {
        self.read_shutdown
    }

    /// Whether a read finds nothing but the end of the stream.
    pub fn at_end(&self) -> bool {
        self.read_shutdown && self.queue.is_empty()
    }

    /// The application will send no more: a FIN follows its last data (`tcp_shutdown`).
    /// Returns whether there is one to send: the second call does nothing.
    pub fn shutdown_write(&mut self) -> bool {
        self.state = match self.state {
            TcpState::CloseWait => TcpState::LastAck,
            TcpState::Established | TcpState::SynRecv => TcpState::FinWait1,
            _ => return false,
        };
        true
    }

    /// Our FIN was acknowledged (`tcp_rcv_state_process`).
    pub(super) fn fin_was_acked(&mut self) {
        self.state = match self.state {
            TcpState::FinWait1 => TcpState::FinWait2,
            TcpState::Closing => TcpState::TimeWait,
            TcpState::LastAck => TcpState::Close,
            other => other,
        };
    }

    /// Whether an skb is in the queue that data from `seq` on goes to, which it may be merged with.
    pub(crate) fn has_data(&self, seq: Seq) -> bool {
        if seq > self.rcv_nxt { !self.ofo.is_empty() } else { !self.queue.is_empty() }
    }

    /// Whether `len` bytes in order are enough to wake a reader, with nothing in the queue before.
    pub(crate) fn wakes_for(&self, len: u32) -> bool {
        i64::from(len) >= i64::from(self.lowat)
    }

    /// Whether a reader would be woken (`tcp_data_ready`, `tcp_stream_is_readable`).
    pub fn readable(&self) -> bool {
        if self.read_shutdown {
            return true;
        }
        let available = self.rcv_nxt - self.copied_seq;
        if available <= 0 {
            return false;
        }
        available >= i64::from(self.lowat)
            || self.rmem > self.rcvbuf - (self.rcvbuf >> 3)
            || self.receive_window() <= self.ack.rcv_mss
    }

    /// When an ACK last came (`rcv_tstamp`).
    pub(crate) const fn last_ack(&self) -> Option<Jiffies> {
        self.rcv_tstamp
    }

    /// What the socket's clock read when it last sent a packet without data: that counts as a transmission
    /// (`tcp_wstamp_ns`).
    pub(crate) const fn acked_at(&self) -> SimTime {
        self.acked_at
    }

    /// The time of the socket's cached clock; the start of the run before its first use.
    pub fn cached_clock(&self) -> SimTime {
        self.mstamp.unwrap_or_default()
    }
}
