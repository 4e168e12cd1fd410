//! Packets in flight become one: small ones that are sent again (`tcp_retrans_try_collapse`), and those that arrived out of order
//! (`tcp_shift_skb_data`). Each joined one sets its head free, and the sender gives up its share of what arrived.

use super::Sender;
use super::write_queue::TxSkb;
use crate::seq::Seq;

/// What becomes of data that a sender and its receiver share, from the first sequence number of one skb to behind the last of
/// another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sharing {
    /// The sender has given up its copies before they were acknowledged.
    Ends(Seq, Seq),
    /// It has sent such data once more: that shares its data again.
    Begins(Seq, Seq),
}

impl Sender {
    /// The skb at `i` of those in flight, about to be sent again, takes over the ones behind it as far as `space` bytes
    /// reach. A joined packet counts as the first one does.
    pub(super) fn join_small(&mut self, i: usize, space: u32, edge: Seq) {
        if !self.sysctl.tcp_retrans_collapse {
            return;
        }
        let Some(first) = self.queue.rtx.get(i).copied().filter(|s| s.segs <= 1 && !s.marks.sacked) else {
            return;
        };
        let mut space = space.saturating_sub(first.len);
        while let Some(next) = self.queue.rtx.get(i + 1).copied() {
            // One that somebody else still holds cannot be changed.
            let free = next.segs <= 1 && !next.marks.shared && !next.marks.in_host && !next.marks.sacked;
            if !free || next.len > space || next.end_seq() > edge {
                break;
            }
            space -= next.len;
            self.queue.join_next(i);
            self.packets_out -= next.segs;
            if next.marks.lost {
                self.loss.lost_out -= next.segs;
            }
            if next.marks.retrans {
                self.loss.retrans_out -= next.segs;
            }
            if !self.sack_ok {
                self.loss.sacked_out = self.loss.sacked_out.saturating_sub(next.segs);
            }
        }
    }

    /// The skb at `i` has just been found to have arrived out of order. If the one before it has, too, that takes over its data, and
    /// the next one's if that has: from then on the receiver's skbs share it with nobody. Returns where the data of the skb lies now.
    pub(super) fn join_arrived(&mut self, i: usize) -> usize {
        let Some(before) = i.checked_sub(1).filter(|&before| self.is_alike_and_fits(before)) else {
            return i;
        };
        let start = self.queue.rtx[before].seq;
        self.take_over_next(before);
        if self.is_alike_and_fits(before) {
            self.take_over_next(before);
        }
        if self.shares_data {
            let skb = &mut self.queue.rtx[before];
            skb.marks.shared = false;
            self.sharing.push(Sharing::Ends(start, skb.end_seq()));
        }
        before
    }

    /// Whether the skb at `i` and the next one have both arrived out of order, are made of segments of one size, and have no
    /// more page fragments together than an skb can hold.
    fn is_alike_and_fits(&self, i: usize) -> bool {
        let rtx = &self.queue.rtx;
        let (Some(skb), Some(next)) = (rtx.get(i), rtx.get(i + 1)) else { return false };
        let arrived = |s: &TxSkb| s.marks.sacked && !s.marks.lost && !s.marks.retrans;
        arrived(skb)
            && arrived(next)
            && skb.segment() == next.segment()
            && self.queue.frags(skb.seq, skb.len + next.len) <= self.layout.max_frags()
    }

    /// The skb at `i`, whose segments are as large as the next one's, takes that over.
    fn take_over_next(&mut self, i: usize) {
        let next_segs = self.queue.rtx[i + 1].segs;
        let skb = &mut self.queue.rtx[i];
        (skb.mss, skb.segs) = (skb.segment(), skb.segs + next_segs);
        self.queue.join_next(i);
    }

    /// Whether anything has changed about what it shares since it was last asked what.
    #[inline]
    pub(crate) fn sharing_has_changed(&self) -> bool {
        !self.sharing.is_empty()
    }

    /// What has changed about that since this was last asked, in order.
    pub(crate) fn take_sharing(&mut self) -> impl Iterator<Item = Sharing> + '_ {
        self.sharing.drain(..)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::send_half::SendHalf as _;
    use crate::sender::test_server::Server;

    #[test]
    fn what_arrives_out_of_order_behind_each_other_is_one_skb_and_frees_the_heads_of_the_others() {
        let mut s = Server::new("6.12", 20_000, 6);
        assert_eq!(s.snd.queue.rtx.len(), 6);
        let (all, head) = (s.snd.wmem_queued(), s.snd.queue.head());
        s.arrives(&Server::ack(20_000, &[(2_001, 3_001)]));
        s.arrives(&Server::ack(20_000, &[(2_001, 3_001), (4_001, 5_001)]));
        assert_eq!(s.snd.wmem_queued(), all, "apart from each other");
        // The one between them: all three become one.
        s.arrives(&Server::ack(20_000, &[(2_001, 5_001)]));
        assert_eq!(s.snd.wmem_queued(), all - 2 * head);
        let skb = s.snd.queue.rtx[2];
        assert_eq!((skb.seq, skb.end_seq(), skb.segs, skb.segment()), (Seq(2_001), Seq(5_001), 3, 1_000));
    }

    #[test]
    fn what_an_ack_lets_a_sender_repeat_finds_the_window_of_that_ack_taken() {
        let mut s = Server::new("6.12", 20_000, 6);
        s.sent.0.clear();
        for (n, window) in [(1, 20_000), (2, 21_000), (3, 22_000)] {
            s.arrives(&Server::ack(window, &[(1_001, 1_001 + 1_000 * n)]));
        }
        let (repeated, state) = s.sent.0[0];
        assert_eq!((repeated.seq, state.snd_wnd, state.pred_flags & 0xffff), (Seq(1), 22_000, 22_000));
        assert_eq!(state.rcv_tstamp, Some(s.now().jiffies));
    }
}
