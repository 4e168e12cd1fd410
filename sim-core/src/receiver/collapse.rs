//! Compaction: contiguous skbs are copied into fresh ones of about a page.

use super::rbtree::{NIL, NodeId};
use super::{PAGE, Receiver};
use crate::observer::{Observer, Queue};
use crate::segment::Flags;
use crate::send_half::Cx;
use crate::seq::Seq;
use crate::skb::{Buffer, Skb};

/// An skb with SYN or FIN is never collapsed.
fn is_boundary(skb: &Skb) -> bool {
    skb.flags.has(Flags::SYN) || skb.flags.has(Flags::FIN)
}

/// What a collapse did to a run of skbs.
#[derive(Clone, Default, Debug)]
pub(super) struct Collapsed {
    /// Positions in the run of the skbs that are gone, ascending.
    removed: Vec<usize>,
    /// The skbs made of them.
    made: Vec<Skb>,
    /// Skbs in front of them that were rewritten as what they are.
    kept: u32,
    /// Bytes copied.
    copied: u32,
}

impl Collapsed {
    /// Nothing was done, in the same memory.
    pub(super) fn clear(&mut self) {
        self.removed.clear();
        self.made.clear();
        (self.kept, self.copied) = (0, 0);
    }
}

/// A receive queue of which a collapse has left every skb as it was: until it changes, another one will do the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Settled {
    rcv_nxt: Seq,
    copied_seq: Seq,
    rmem: i32,
    skbs: usize,
    /// What a page of memory is worth: with it skbs become bloated.
    worth: i64,
}

impl Receiver {
    /// The receive queue as far as a collapse looks at it.
    fn as_settled(&self) -> Settled {
        let Self { rcv_nxt, copied_seq, rmem, ref queue, .. } = *self;
        Settled { rcv_nxt, copied_seq, rmem, skbs: queue.len(), worth: self.win_from_space(PAGE) }
    }

    /// Collapses the receive queue from its head.
    pub(super) fn collapse_receive_queue<O: Observer>(&mut self, cx: &mut Cx<'_, O>) {
        let rmem_before = self.rmem;
        if !O::STEPWISE && self.settled == Some(self.as_settled()) {
            let (kept, copied) = (self.collapsed.kept, self.collapsed.copied);
            for _ in 0..kept {
                self.return_surplus(cx);
            }
            cx.host.counters.rcv_collapsed += u64::from(kept);
            self.report_collapse(cx, Queue::Receive, rmem_before, kept, copied);
            return;
        }
        let mut run = std::mem::take(&mut self.queue);
        let c = self.collapse(cx, run.make_contiguous(), self.copied_seq, self.rcv_nxt, true);
        match (c.removed.first(), c.removed.last()) {
            (None, _) | (_, None) => self.queue = run,
            // Everything from some place on, as most of the time.
            (Some(&first), Some(&last)) if last + 1 == run.len() && c.removed.len() == run.len() - first => {
                run.truncate(first);
                run.extend(&c.made);
                self.queue = run;
            }
            (_, Some(&last)) => {
                // The new skbs stand where the last of their sources stood.
                let mut gone = c.removed.iter().copied().peekable();
                let mut queue = std::mem::take(&mut self.spare);
                queue.reserve(run.len());
                for (at, skb) in run.drain(..).enumerate() {
                    if gone.next_if_eq(&at).is_none() {
                        queue.push_back(skb);
                    }
                    if last == at {
                        queue.extend(&c.made);
                    }
                }
                self.queue = queue;
                self.spare = run;
            }
        }
        self.report_collapse(cx, Queue::Receive, rmem_before, c.removed.len() as u32 + c.kept, c.copied);
        self.settled = c.removed.is_empty().then(|| self.as_settled());
        self.collapsed = c;
    }

    /// Collapses each contiguous range of the out-of-order queue that is worth it
    /// (`tcp_collapse_ofo_queue`).
    pub(super) fn collapse_ofo_queue<O: Observer>(&mut self, cx: &mut Cx<'_, O>) {
        let mut sum_tiny: u32 = 0;
        let mut head = self.ofo.first();
        while head != NIL {
            let first = *self.ofo.get(head);
            let (mut start, mut end) = (first.seq, first.end_seq);
            let mut range_truesize = first.buf.truesize;
            let mut members = vec![head];
            let mut n = self.ofo.next(head);
            while n != NIL {
                let skb = self.ofo.get(n);
                if skb.seq > end || skb.end_seq < start {
                    break;
                }
                range_truesize += skb.buf.truesize;
                start = start.min(skb.seq);
                end = end.max(skb.end_seq);
                members.push(n);
                n = self.ofo.next(n);
            }
            if range_truesize != first.buf.truesize || end - start >= i64::from(self.layout.page_payload()) {
                self.collapse_ofo_range(cx, &members, start, end);
            } else {
                sum_tiny += range_truesize;
                if sum_tiny > (self.rcvbuf >> 3) as u32 {
                    return;
                }
            }
            head = n;
        }
    }

    fn collapse_ofo_range<O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        members: &[NodeId],
        start: Seq,
        end: Seq,
    ) {
        let rmem_before = self.rmem;
        let run: Vec<Skb> = members.iter().map(|&n| *self.ofo.get(n)).collect();
        let c = self.collapse(cx, &run, start, end, false);
        // Sources leave the tree one by one; the new skbs enter it at the very end. Both shape the tree.
        for &at in &c.removed {
            self.ofo.remove(members[at]);
        }
        for &skb in &c.made {
            self.ofo.insert(skb);
        }
        self.report_collapse(cx, Queue::OutOfOrder, rmem_before, c.removed.len() as u32, c.copied);
        (self.collapsed, self.settled) = (c, None);
    }

    /// Rewrites the bytes of `run` from `start` to `end` (`tcp_collapse`): finds the first skb that is worth
    /// the work, then copies everything contiguous from there. Accounts for what it frees and makes; moving
    /// skbs in and out of their queue is the caller's part. `in_place` says that a queue is in order, so that what does not
    /// change may stay where it is.
    fn collapse<O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        run: &[Skb],
        mut start: Seq,
        end: Seq,
        in_place: bool,
    ) -> Collapsed {
        let mut c = std::mem::take(&mut self.collapsed);
        c.clear();
        let mut at = 0;
        loop {
            let Some(skb) = run.get(at) else { return c };
            if start >= skb.end_seq {
                // No new byte in it: possible where skbs overlap.
                self.free_source(cx, run, &mut c, at);
                at += 1;
                continue;
            }
            let bloated = self.win_from_space(skb.buf.truesize) > i64::from(skb.len);
            if !is_boundary(skb) && (bloated || skb.seq < start) {
                break;
            }
            if run.get(at + 1).is_some_and(|next| skb.end_seq != next.seq) {
                break;
            }
            start = skb.end_seq;
            at += 1;
        }
        if run.get(at).is_none_or(is_boundary) {
            return c;
        }
        let page = i64::from(self.layout.page_payload());
        let mut made_for = (0, self.layout.kmalloc_head(0, self.kernel.small_head));
        while start < end {
            let mut room = (end - start).min(page) as u32;
            // Mostly as large as the one before.
            if room != made_for.0 {
                made_for = (room, self.layout.kmalloc_head(room, self.kernel.small_head));
            }
            let head = made_for.1;
            let buf = Buffer {
                truesize: head.truesize,
                head_size: head.size,
                tailroom: head.size,
                ..Buffer::default()
            };
            // One that is already what it would be copied into: of charging it twice and freeing it once nothing remains.
            let source = &run[at];
            let copied = Buffer { linear: room, tailroom: buf.tailroom - room, ..buf };
            if !O::STEPWISE && source.seq == start && source.len == room && source.buf == copied {
                self.return_surplus(cx);
                cx.host.counters.rcv_collapsed += 1;
                if in_place && c.made.is_empty() {
                    c.kept += 1;
                } else {
                    c.removed.push(at);
                    c.made.push(*source);
                }
                c.copied += room;
                start = start + room;
                at += 1;
                if run.get(at).is_none_or(is_boundary) {
                    break;
                }
                continue;
            }
            // Charged before its sources are freed, so memory peaks here.
            self.charge(buf.truesize);
            let mut new = Skb { seq: start, end_seq: start, len: 0, flags: run[at].flags, buf };
            let mut more = true;
            while room > 0 && more {
                let source = &run[at];
                let size = (source.end_seq - start).clamp(0, i64::from(room)) as u32;
                new.end_seq = new.end_seq + size;
                new.len += size;
                new.buf.linear += size;
                new.buf.tailroom -= size;
                room -= size;
                start = start + size;
                c.copied += size;
                if start >= source.end_seq {
                    self.free_source(cx, run, &mut c, at);
                    at += 1;
                    more = !run.get(at).is_none_or(is_boundary);
                }
            }
            c.made.push(new);
            if !more {
                break;
            }
        }
        c
    }

    /// Frees one source (`tcp_collapse_one`).
    fn free_source<O: Observer>(&mut self, cx: &mut Cx<'_, O>, run: &[Skb], c: &mut Collapsed, at: usize) {
        self.uncharge(cx, run[at].buf.truesize);
        cx.host.counters.rcv_collapsed += 1;
        c.removed.push(at);
    }
}
