//! Which packets RACK has yet to decide about, so that nobody has to look at the whole flight with each ACK
//! (`tsorted_sent_queue`).
//!
//! Those that were sent once lie in the queue in the order of time: all below some place are decided, and behind the first that was
//! sent too late the rest were, too. Those that were sent again are few and stand in a list.

use std::collections::VecDeque;

use super::write_queue::TxSkb;
use crate::seq::Seq;
use crate::time::SimTime;

/// Packets that were sent again together: when, and from where to where.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resending {
    pub(super) sent_at: SimTime,
    pub(super) seq: Seq,
    pub(super) end: Seq,
}

impl Resending {
    fn of(skb: &TxSkb) -> Self {
        Self { sent_at: skb.sent_at, seq: skb.seq, end: skb.end_seq() }
    }
}

/// The packets in flight that RACK may still find lost.
#[derive(Clone, Default, Debug)]
pub(super) struct Undecided {
    /// All that were sent once and lie below are decided.
    pub(super) once_from: Seq,
    /// All others that are not, in the order in which they were sent.
    pub(super) again: VecDeque<Resending>,
}

impl Undecided {
    /// Takes over the memory of an older list, which is lost.
    pub(super) fn take_memory(&mut self, old: &mut Self) {
        std::mem::swap(&mut self.again, &mut old.again);
        self.again.clear();
    }

    /// `skb` was sent again. Everything below `una` has arrived.
    pub(super) fn resent(&mut self, skb: &TxSkb, una: Seq) {
        while self.again.front().is_some_and(|r| r.end <= una) {
            self.again.pop_front();
        }
        self.again.push_back(Resending::of(skb));
    }

    /// What was known of packets in flight is taken back: everything is undecided.
    pub(super) fn forget(&mut self, flight: &VecDeque<TxSkb>) {
        self.once_from = Seq::default();
        self.again.clear();
        let again = flight.iter().filter(|skb| skb.marks.ever_retrans);
        self.again.extend(again.map(Resending::of));
        self.again.make_contiguous().sort_by_key(|r| r.sent_at);
    }
}
