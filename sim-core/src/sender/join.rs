//! Small packets are joined when they are sent again (`tcp_retrans_try_collapse`).

use super::Sender;
use crate::seq::Seq;

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
}
