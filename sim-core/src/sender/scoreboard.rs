//! What SACK blocks say about the packets in flight (`tcp_sacktag_write_queue`).

use super::Sender;
use super::loss_state::AckFlags;
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
        let mut list = seg.sacks();
        let blocks = list.as_mut_slice();
        let duplicate = self.check_dsack(cx, (seg.ack, blocks), prior_una, flags).then(|| blocks[0]);
        // The queue is walked once, from its front.
        blocks.sort_unstable_by_key(|b| b.start);
        for b in blocks.iter() {
            if b.start < b.end && b.end > prior_una && b.end <= self.window.snd_nxt {
                self.tag_block(cx, b, duplicate == Some(*b), flags);
            }
        }
        self.judge_reordering(cx, flags);
    }

    /// Whether the first block reports data that had arrived before (`tcp_check_dsack`).
    fn check_dsack<O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        (ack, blocks): (Seq, &[SackBlock]),
        prior_una: Seq,
        flags: &mut AckFlags,
    ) -> bool {
        let Some(first) = blocks.first() else { return false };
        if first.start < ack {
            cx.host.counters.dsack_recv += 1;
        } else if blocks.get(1).is_some_and(|b| first.end <= b.end && first.start >= b.start) {
            cx.host.counters.dsack_ofo_recv += 1;
        } else {
            return false;
        }
        let segs = self.dsack_seen(first, flags);
        if segs == 0 {
            cx.host.counters.dsack_ignored_dubious += 1;
            return false;
        }
        if self.loss.undo_marker.is_some_and(|m| first.end > m) && first.end <= prior_una {
            self.loss.answer_retransmission(segs);
        }
        true
    }

    /// Counts the segments of a DSACK; 0 if it cannot answer a retransmission of ours (`tcp_dsack_seen`).
    fn dsack_seen(&mut self, b: &SackBlock, flags: &mut AckFlags) -> u32 {
        let len = b.end - b.start;
        if len <= 0 || len > i64::from(self.window.max_window) {
            return 0;
        }
        let len = len as u32;
        let mut segs = 1;
        if len > self.mss {
            segs = len.div_ceil(self.mss);
        } else if self.loss.tlp_high_seq == Some(b.end) {
            flags.dsack_of_probe = true;
        }
        self.loss.dsack_dups = self.loss.dsack_dups.saturating_add(segs);
        if self.loss.dsack_dups > self.loss.total_retrans {
            return 0;
        }
        if self.loss.reordering_seen && !flags.dsack_of_probe {
            self.loss.rack.dsack_seen = true;
        }
        flags.dsack = true;
        // A retransmission that was not needed has arrived, too: one packet less is on its way.
        self.loss.count_delivered(segs, flags);
        segs
    }

    fn tag_block<O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        b: &SackBlock,
        duplicate: bool,
        flags: &mut AckFlags,
    ) {
        let mut i = self.queue.rtx.partition_point(|s| s.end_seq() <= b.start);
        loop {
            if !duplicate {
                // What is tagged stays tagged.
                i += self.queue.rtx.range(i..).take_while(|s| s.marks.sacked && s.seq < b.end).count();
            }
            let Some(skb) = self.queue.rtx.get(i).copied() else { break };
            if skb.seq >= b.end {
                break;
            }
            if skb.marks.sacked {
                if skb.seq < b.start || skb.end_seq() > b.end {
                    i += 1;
                    continue;
                }
            } else if skb.seq < b.start {
                // Whole segments in front of the block stay unacknowledged.
                let keep = (b.start - skb.seq) as u32;
                let keep = if skb.mss > 0 { keep.div_ceil(skb.mss) * skb.mss } else { keep };
                if keep < skb.len && skb.segs > 1 {
                    self.split_in_flight(i, keep);
                }
                i += 1;
                continue;
            } else if skb.end_seq() > b.end {
                let covered = (b.end - skb.seq) as u32;
                let covered = covered - covered.checked_rem(skb.mss).unwrap_or(0);
                if covered == 0 || skb.segs <= 1 {
                    break;
                }
                self.split_in_flight(i, covered);
            }
            self.tag(cx, i, duplicate, flags);
            if !duplicate && !skb.marks.sacked {
                i = self.join_arrived(i);
            }
            i += 1;
        }
    }

    /// Marks one skb as received out of order (`tcp_sacktag_one`).
    fn tag<O: Observer>(&mut self, cx: &Cx<'_, O>, i: usize, duplicate: bool, flags: &mut AckFlags) {
        let skb = self.queue.rtx[i];
        let (segs, was, end) = (skb.segs, skb.marks, skb.end_seq());
        let mut marks = was;
        if duplicate && was.ever_retrans {
            if self.loss.undo_marker.is_some_and(|m| end > m) {
                self.loss.answer_retransmission(segs);
            }
            if was.sacked {
                flags.note_reordered(skb.seq);
            }
        }
        if end <= self.window.snd_una {
            return;
        }
        if !was.sacked {
            // Its timestamp says nothing about which of two copies arrived: what is out of order is not echoed.
            self.rack_advance(cx.now.time, skb.sent_at, end, was.ever_retrans);
            if was.retrans {
                // A retransmission of something that is not believed lost may still arrive.
                if was.lost {
                    marks.lost = false;
                    marks.retrans = false;
                    self.loss.lost_out -= segs;
                    self.loss.retrans_out -= segs;
                }
            } else {
                if !was.ever_retrans {
                    if skb.seq < self.loss.highest_arrived(self.window.snd_una) {
                        flags.note_reordered(skb.seq);
                    }
                    if end <= self.loss.high_seq {
                        flags.orig_sacked = true;
                    }
                    let first = flags.sack_sent_at.map_or(skb.sent_at, |(first, _)| first);
                    flags.sack_sent_at = Some((first, skb.sent_at));
                }
                if was.lost {
                    marks.lost = false;
                    self.loss.lost_out -= segs;
                }
            }
            marks.sacked = true;
            flags.data_sacked = true;
            let highest = if self.loss.sacked_out == 0 { end } else { self.loss.highest_sacked };
            self.loss.highest_sacked = highest.max(end);
            self.loss.sacked_out += segs;
            self.loss.count_delivered(segs, flags);
            flags.note_delivered(skb.sent_at, end, skb.delivered_before);
        }
        if duplicate && marks.retrans {
            marks.retrans = false;
            self.loss.retrans_out -= segs;
        }
        self.queue.rtx[i].marks = marks;
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
