//! What SACK blocks say about the packets in flight (`tcp_sacktag_write_queue`).

use super::Sender;
use super::recovery::AckFlags;
use crate::observer::Observer;
use crate::segment::{SackBlock, Segment};
use crate::send_half::Cx;
use crate::seq::Seq;

impl Sender {
    /// Tags what the segment's SACK blocks cover. `prior_una` is `snd_una` before this ACK.
    pub(super) fn tag_sacked<O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        seg: &Segment,
        prior_una: Seq,
        flags: &mut AckFlags,
    ) {
        let blocks = seg.sack.as_slice();
        let Some(first) = blocks.first() else { return };
        let duplicate = first.start < seg.ack
            || blocks.get(1).is_some_and(|b| first.end <= b.end && first.start >= b.start);
        if duplicate {
            cx.host.counters.dsack_recv += 1;
            flags.dsack = true;
            if self.loss.undo_marker.is_some_and(|m| first.start >= m) && first.end <= prior_una.max(seg.ack)
            {
                self.loss.undo_retrans = self.loss.undo_retrans.map(|n| n.saturating_sub(1));
            }
        }
        for b in &blocks[usize::from(duplicate)..] {
            if b.end > self.window.snd_una && b.end <= self.window.snd_nxt {
                self.tag_block(cx, b, flags);
            }
        }
    }

    fn tag_block<O: Observer>(&mut self, cx: &mut Cx<'_, O>, b: &SackBlock, flags: &mut AckFlags) {
        let mut i = self.queue.rtx.partition_point(|s| s.end_seq() <= b.start);
        while let Some(skb) = self.queue.rtx.get(i).copied() {
            if skb.seq >= b.end {
                break;
            }
            if !skb.marks.sacked {
                if skb.seq < b.start {
                    // Whole segments in front of the block stay unacknowledged.
                    let keep = (b.start - skb.seq) as u32;
                    let keep = if skb.mss > 0 { keep.div_ceil(skb.mss) * skb.mss } else { keep };
                    if keep >= skb.len {
                        i += 1;
                        continue;
                    }
                    self.split_in_flight(i, keep);
                    i += 1;
                    continue;
                }
                if skb.end_seq() > b.end {
                    let covered = (b.end - skb.seq) as u32;
                    let covered = covered - covered.checked_rem(skb.mss).unwrap_or(0);
                    if covered == 0 {
                        break;
                    }
                    self.split_in_flight(i, covered);
                }
                self.tag(cx, i, flags);
            }
            i += 1;
        }
    }

    /// Marks one skb as received out of order.
    fn tag<O: Observer>(&mut self, cx: &Cx<'_, O>, i: usize, flags: &mut AckFlags) {
        let skb = &mut self.queue.rtx[i];
        let segs = skb.segs;
        let was = skb.marks;
        skb.marks.sacked = true;
        skb.marks.lost = false;
        skb.marks.retrans = false;
        let (sent_at, seq, end) = (skb.sent_at, skb.seq, skb.end_seq());
        if was.lost {
            self.loss.lost_out -= segs;
        }
        if was.retrans {
            self.loss.retrans_out -= segs;
        } else {
            if !was.lost && seq < self.loss.highest_sacked {
                flags.reordered = true;
            }
            if !was.ever_retrans {
                flags.sack_sent_at = Some(flags.sack_sent_at.map_or(sent_at, |t| t.min(sent_at)));
                if end <= self.loss.high_seq {
                    flags.orig_sacked = true;
                }
            }
        }
        flags.data_sacked = true;
        flags.delivered += segs;
        self.loss.sacked_out += segs;
        self.loss.highest_sacked = self.loss.highest_sacked.max(seq);
        self.rack_advance(cx.now.time, sent_at, end, was.ever_retrans);
    }

    /// Cuts an skb in flight after `len` bytes; both parts keep its marks.
    pub(super) fn split_in_flight(&mut self, i: usize, len: u32) {
        let mss = self.mss;
        let skb = &mut self.queue.rtx[i];
        let before = skb.segs;
        let rest = skb.split(len, mss);
        let after = skb.segs + rest.segs;
        let marks = skb.marks;
        self.queue.rtx.insert(i + 1, rest);
        self.queue.account_split();
        // The count of segments may change when the MSS did.
        let adjust = |n: &mut u32| *n = (*n + after).saturating_sub(before);
        adjust(&mut self.packets_out);
        if marks.sacked {
            adjust(&mut self.loss.sacked_out);
        }
        if marks.lost {
            adjust(&mut self.loss.lost_out);
        }
        if marks.retrans {
            adjust(&mut self.loss.retrans_out);
        }
    }
}
