//! Packets in flight become one: small ones that are sent again (`tcp_retrans_try_collapse`), and those that arrived out of order
//! (`tcp_shift_skb_data`). The latter stay what they are here, as nothing depends on their number; what matters is that the sender
//! gives up its share of their data.

use super::Sender;
use super::write_queue::{Marks, TxSkb};
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

    /// The skb at `i` has just been found to have arrived out of order; `was` says what was known of it before. If the one before it
    /// has, too, it takes over the data, and the next one's if that has: from then on the receiver's skbs share it with nobody.
    pub(super) fn give_up_arrived(&mut self, i: usize, was: Marks) {
        let arrived = |s: &TxSkb| s.marks.sacked && !s.marks.lost && !s.marks.retrans;
        let segment = |s: &TxSkb| if s.segs > 1 { s.mss } else { s.len };
        let rtx = &self.queue.rtx;
        let (Some(before), Some(skb)) = (i.checked_sub(1).and_then(|b| rtx.get(b)), rtx.get(i)) else {
            return;
        };
        let alike = |s: &TxSkb| arrived(s) && segment(s) == segment(skb);
        if !self.shares_data || (was.retrans && !was.lost) || !alike(before) {
            return;
        }
        let next = rtx.get(i + 1).filter(|next| alike(next));
        let (start, end) = (before.seq, next.unwrap_or(skb).end_seq());
        self.sharing.push(Sharing::Ends(start, end));
        let last = i + usize::from(next.is_some());
        for s in self.queue.rtx.range_mut(i - 1..=last) {
            s.marks.shared = false;
        }
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
