//! Segments that arrive while an application call holds the socket.

use super::{Receiver, Waiting};
use crate::observer::{AckReason, DropReason, Observer, Queue, Rule};
use crate::segment::{Flags, Segment};
use crate::send_half::{Cx, SendHalf};
use crate::skb::{Skb, condense, try_coalesce};
use crate::state::AckPending;

impl Receiver {
    /// An application call takes the socket (`lock_sock`).
    pub fn own(&mut self) {
        self.owned = true;
    }

    /// Puts a segment into the backlog (`tcp_add_backlog`).
    #[inline(never)]
    pub(super) fn backlog_add<S: SendHalf, O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        snd: &S,
        seg: &Segment,
        mut skb: Skb,
    ) {
        let shared = self.is_shared(&skb, cx.now.time);
        condense(&mut skb, shared, self.layout);
        if self.backlog_merge(cx, seg, &skb) {
            return;
        }
        let limit = 2 * self.rcvbuf as u64 + u64::from(snd.sndbuf() >> 1) + 65_536;
        if u64::from(self.backlog_len) + self.rmem as u64 > limit.min(u64::from(u32::MAX)) {
            cx.host.counters.backlog_drop += 1;
            self.drop_segment(cx, &skb, DropReason::Backlog);
            return;
        }
        self.backlog_len += skb.buf.truesize;
        self.backlog.push_back(Waiting { seg: *seg, skb });
    }

    /// Tries to merge a segment into the last one waiting.
    fn backlog_merge<O: Observer>(&mut self, cx: &mut Cx<'_, O>, seg: &Segment, skb: &Skb) -> bool {
        if self.backlog.len() <= self.draining {
            return false;
        }
        let Some(tail) = self.backlog.back() else { return false };
        let never = Flags(Flags::SYN.0 | Flags::RST.0 | Flags::URG.0);
        let same_marks = Flags(Flags::ECE.0 | Flags::CWR.0);
        let alike = tail.skb.end_seq == skb.seq
            && tail.seg.flags.has(Flags::ACK)
            && seg.flags.has(Flags::ACK)
            && !tail.seg.flags.with(seg.flags).has(never)
            && (tail.seg.flags.0 ^ seg.flags.0) & same_marks.0 == 0
            && tail.seg.header_len() == seg.header_len()
            && tail.seg.ts == seg.ts
            && tail.seg.sack == seg.sack;
        if !alike {
            return false;
        }
        let shared = self.is_shared(&tail.skb, cx.now.time);
        let layout = self.layout;
        let Some(tail) = self.backlog.back_mut() else { return false };
        let (tail_size, tail_segs) = (tail.skb.buf.gso_size.max(tail.skb.len), tail.skb.buf.gso_segs.max(1));
        match try_coalesce(&mut tail.skb, skb, shared, layout) {
            Ok(delta) => {
                let size = if tail.skb.buf.gso_size != 0 { tail.skb.buf.gso_size } else { tail_size };
                let newer = if skb.buf.gso_size != 0 { skb.buf.gso_size } else { skb.len };
                tail.skb.end_seq = skb.end_seq;
                tail.skb.flags = tail.skb.flags.with(seg.flags);
                tail.skb.buf.gso_size = size.max(newer);
                tail.skb.buf.gso_segs = tail_segs.saturating_add(skb.buf.gso_segs.max(1));
                tail.seg.len = tail.skb.len;
                tail.seg.flags = tail.skb.flags;
                if seg.ack > tail.seg.ack {
                    tail.seg.ack = seg.ack;
                }
                tail.seg.window = seg.window;
                self.backlog_len += delta;
                cx.host.counters.backlog_coalesce += 1;
                let seq = skb.seq;
                cx.rule(|| Rule::Merged { queue: Queue::Backlog, delta, seq });
                true
            }
            Err(_) => false,
        }
    }

    /// The application lets go of the socket: the backlog is processed, then what was deferred
    /// (`release_sock`, `tcp_release_cb`).
    pub fn release<S: SendHalf, O: Observer>(&mut self, cx: &mut Cx<'_, O>, snd: &mut S) {
        self.drain_backlog(cx, snd);
        self.release_callback(cx, snd);
        self.owned = false;
    }

    /// The application lets go of a socket for which nothing waits any more. Returns whether that was so; if not,
    /// [`Receiver::release`] is needed.
    pub fn release_untouched(&mut self) -> bool {
        let untouched = self.backlog.is_empty() && !self.ack.timer_deferred && !self.ack.deferred;
        if untouched {
            self.drain_done();
            self.owned = false;
        }
        untouched
    }

    /// Processes what waits (`__release_sock`). The length stays up until all is done.
    pub fn drain_backlog<S: SendHalf, O: Observer>(&mut self, cx: &mut Cx<'_, O>, snd: &mut S) {
        while self.drain_one(cx, snd) {}
        self.drain_done();
    }

    /// Processes only the oldest segment that waits, for drivers that know when each was processed. Returns
    /// whether there was one.
    pub fn drain_one<S: SendHalf, O: Observer>(&mut self, cx: &mut Cx<'_, O>, snd: &mut S) -> bool {
        let drained = self.drain_next(cx, snd);
        // The list that has formed meanwhile is taken at once.
        self.begin_drain();
        drained
    }

    /// The same, but once the list in hand is empty the next one is left where it is until [`Receiver::begin_drain`].
    pub fn drain_next<S: SendHalf, O: Observer>(&mut self, cx: &mut Cx<'_, O>, snd: &mut S) -> bool {
        self.begin_drain();
        let Some(Waiting { seg, skb }) = self.backlog.pop_front() else { return false };
        self.joined = if seg.len == 0 { u32::from(skb.buf.gso_segs) } else { 0 };
        self.process(cx, snd, &seg, &skb);
        self.joined = 0;
        self.draining -= 1;
        true
    }

    /// The drain takes the list whole: what arrives from now on starts a new one and merges with none of these.
    pub fn begin_drain(&mut self) {
        if self.draining == 0 {
            self.draining = self.backlog.len();
        }
    }

    /// Segments of the list in hand that the drain has still to process.
    pub fn drain_left(&self) -> usize {
        self.draining
    }

    /// The drain has taken the first `count` of those that wait: for drivers that know from what arrives next.
    pub fn set_drain_left(&mut self, count: usize) {
        self.draining = count.min(self.backlog.len());
    }

    /// Ends a drain made of [`Receiver::drain_one`] calls.
    pub fn drain_done(&mut self) {
        self.backlog_len = 0;
    }

    /// Ends ownership after a drain made of [`Receiver::drain_one`] calls.
    pub fn release_drained<S: SendHalf, O: Observer>(&mut self, cx: &mut Cx<'_, O>, snd: &mut S) {
        self.release_callback(cx, snd);
        self.owned = false;
    }

    /// `tcp_release_cb`: timers that found the socket owned, and the ACK deferred during the drain.
    fn release_callback<S: SendHalf, O: Observer>(&mut self, cx: &mut Cx<'_, O>, snd: &S) {
        if std::mem::take(&mut self.ack.timer_deferred) {
            self.delayed_ack_handler(cx, snd);
        }
        if std::mem::take(&mut self.ack.deferred) && self.ack.pending.has(AckPending::SCHED) {
            self.send_ack(cx, snd, AckReason::BacklogDeferred);
        }
    }

    /// For how many ACKs without data the one in hand stands: several may have become one in the backlog.
    pub(crate) fn acks_in_hand(&self) -> u32 {
        self.joined.max(1)
    }

    /// Whether the next segment in the backlog carries no data.
    pub fn backlog_begins_empty(&self) -> bool {
        self.backlog.front().is_some_and(|w| w.seg.len == 0)
    }

    /// Segments waiting in the backlog.
    pub fn backlog_waiting(&self) -> usize {
        self.backlog.len()
    }
}
