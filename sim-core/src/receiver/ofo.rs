//! Out-of-order data.

use super::Receiver;
use super::rbtree::{NIL, NodeId, Slot};
use crate::observer::{DropReason, Observer, Queue};
use crate::segment::Segment;
use crate::send_half::{Cx, SendHalf};
use crate::skb::{Skb, condense, try_coalesce};
use crate::state::AckPending;

/// Where an out-of-order skb ended up.
enum Place {
    /// As a node of its own.
    Own(NodeId),
    /// Merged into an older one.
    Merged,
    /// Nowhere: it was redundant.
    Dropped,
}

impl Receiver {
    /// Queues data beyond a gap (`tcp_data_queue_ofo`).
    pub(super) fn data_queue_ofo<S: SendHalf, O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        snd: &mut S,
        seg: &Segment,
        skb: Skb,
    ) {
        self.check_mark(cx.now, seg);
        if self.make_room(cx, &skb).is_err() {
            cx.host.counters.ofo_drop += 1;
            self.drop_segment(cx, &skb, DropReason::Ofo);
            return;
        }
        if self.kernel.ofo_measures_rcv_mss {
            self.measure_rcv_mss(cx, seg, &skb);
        }
        self.pred_flags = 0;
        self.ack.pending.set(AckPending::SCHED);
        cx.host.counters.ofo_queue += 1;
        let place = if self.ofo.is_empty() {
            self.first_sack(skb.seq, skb.end_seq);
            self.disordered = true;
            Place::Own(self.ofo.insert_at(Slot { parent: NIL, left: false }, skb))
        } else {
            let place = self.place_ofo(cx, &skb);
            if matches!(place, Place::Merged) && self.sack_ok {
                // Without SACK the window must not move, or duplicate ACKs would not be duplicates.
                self.grow_window(cx, &skb, true);
            }
            self.new_sack(cx, snd, skb.seq, skb.end_seq);
            place
        };
        if let Place::Own(n) = place {
            if self.sack_ok {
                self.grow_window(cx, &skb, false);
            }
            let shared = self.is_shared(&skb, cx.now.time);
            let layout = self.layout;
            let node = self.ofo.get_mut(n);
            condense(node, shared, layout);
            let truesize = node.buf.truesize;
            self.charge(truesize);
        }
        if self.kernel.autotunes_on_ofo() {
            self.grow_budget(cx, self.drs.space);
        }
    }

    /// Finds the skb's place among the others and removes what it makes redundant.
    fn place_ofo<O: Observer>(&mut self, cx: &mut Cx<'_, O>, skb: &Skb) -> Place {
        let (seq, end) = (skb.seq, skb.end_seq);
        let last = self.ofo.last();
        if self.merge_into_node(cx, last, skb) {
            return Place::Merged;
        }
        let n = if seq >= self.ofo.get(last).end_seq {
            self.ofo.insert_at(Slot { parent: last, left: false }, *skb)
        } else {
            let mut slot = Slot { parent: NIL, left: false };
            let mut n = self.ofo.root();
            let mut replaced = None;
            while n != NIL {
                let (n_seq, n_end) = (self.ofo.get(n).seq, self.ofo.get(n).end_seq);
                if seq < n_seq {
                    slot = Slot { parent: n, left: true };
                    n = self.ofo.left(n);
                    continue;
                }
                if seq < n_end {
                    if end <= n_end {
                        cx.host.counters.ofo_merge += 1;
                        self.drop_segment(cx, skb, DropReason::OfoDuplicate);
                        self.dsack_set(cx, seq, end);
                        return Place::Dropped;
                    }
                    if seq > n_seq {
                        self.dsack_set(cx, seq, n_end);
                    } else {
                        replaced = Some(n);
                        break;
                    }
                } else if self.merge_into_node(cx, n, skb) {
                    return Place::Merged;
                }
                slot = Slot { parent: n, left: false };
                n = self.ofo.right(n);
            }
            match replaced {
                Some(n) => {
                    let old = std::mem::replace(self.ofo.get_mut(n), *skb);
                    self.dsack_extend(cx, old.seq, old.end_seq);
                    self.drop_covered(cx, &old);
                    n
                }
                None => self.ofo.insert_at(slot, *skb),
            }
        };
        // What the new skb covers is redundant; what it overlaps in part stays, and is charged twice.
        loop {
            let next = self.ofo.next(n);
            if next == NIL {
                break;
            }
            let (next_seq, next_end) = (self.ofo.get(next).seq, self.ofo.get(next).end_seq);
            if end <= next_seq {
                break;
            }
            if end < next_end {
                self.dsack_extend(cx, next_seq, end);
                break;
            }
            let old = self.ofo.remove(next);
            self.dsack_extend(cx, old.seq, old.end_seq);
            self.drop_covered(cx, &old);
        }
        Place::Own(n)
    }

    /// Drops a queued skb that a newer one covers.
    fn drop_covered<O: Observer>(&mut self, cx: &mut Cx<'_, O>, old: &Skb) {
        cx.host.counters.ofo_merge += 1;
        self.drop_segment(cx, old, DropReason::OfoDuplicate);
        self.uncharge(cx, old.buf.truesize);
    }

    /// Tries to merge onto a node of the tree (`tcp_ooo_try_coalesce`).
    fn merge_into_node<O: Observer>(&mut self, cx: &mut Cx<'_, O>, n: NodeId, skb: &Skb) -> bool {
        let shared = self.is_shared(self.ofo.get(n), cx.now.time);
        let layout = self.layout;
        let to = self.ofo.get_mut(n);
        let result = try_coalesce(to, skb, shared, layout);
        if result.is_ok() {
            to.end_seq = skb.end_seq;
            to.flags = to.flags.with(skb.flags);
            to.buf.gso_segs = to.buf.gso_segs.max(1).saturating_add(skb.buf.gso_segs.max(1));
        }
        self.account_merge(cx, Queue::OutOfOrder, skb, result)
    }

    /// Moves what has become in order to the receive queue (`tcp_ofo_queue`).
    pub(super) fn drain_ofo<S: SendHalf, O: Observer>(&mut self, cx: &mut Cx<'_, O>, snd: &mut S) {
        let mut dsack_high = self.rcv_nxt;
        loop {
            let n = self.ofo.first();
            if n == NIL || self.ofo.get(n).seq > self.rcv_nxt {
                return;
            }
            let skb = self.ofo.remove(n);
            self.drained += 1;
            if skb.seq < dsack_high {
                let clipped = dsack_high.min(skb.end_seq);
                let known = if self.kernel.drain_dsack_clipped {
                    clipped
                } else {
                    std::mem::replace(&mut dsack_high, clipped)
                };
                self.dsack_extend(cx, skb.seq, known);
            }
            if skb.end_seq <= self.rcv_nxt {
                self.drop_segment(cx, &skb, DropReason::OldData);
                self.uncharge(cx, skb.buf.truesize);
                continue;
            }
            let merged = self.merge_into_tail(cx, &skb);
            self.rcv_nxt = skb.end_seq;
            if merged {
                self.uncharge(cx, skb.buf.truesize);
            } else {
                self.queue.push_back(skb);
            }
            if skb.has_fin() {
                self.fin_received(cx, snd);
                return;
            }
        }
    }

    /// How many skbs have come in order since this was last forgotten, because a gap was filled.
    pub(crate) fn drained(&self) -> u32 {
        self.drained
    }

    /// Forgets them.
    pub(crate) fn take_drained(&mut self) -> u32 {
        std::mem::take(&mut self.drained)
    }

    /// Drops the whole queue.
    pub(super) fn purge_ofo<O: Observer>(&mut self, cx: &mut Cx<'_, O>) {
        let mut n = self.ofo.first();
        while n != NIL {
            let truesize = self.ofo.get(n).buf.truesize;
            self.uncharge(cx, truesize);
            n = self.ofo.next(n);
        }
        self.ofo.clear();
    }
}
