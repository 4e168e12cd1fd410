//! When a drain takes the next list of the backlog.
//!
//! Soft interrupts may run once its last segment is processed, before it takes what has come meanwhile, and behind that.
//! The record does not tell which. The model takes the list at once; what the next segments add to the backlog's length
//! shows whether they joined one that the kernel had still to take.

use sim_core::receiver::Receiver;

/// What is open about the list in hand.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) enum TakenList {
    /// Nothing: it is what the model has taken.
    #[default]
    Known,
    /// None of it is processed: it may be still to be taken.
    Untouched,
    /// Its first segment is processed, and nothing has come since: all that waits may belong to it.
    Begun,
}

impl TakenList {
    /// A segment was processed when `left` of the list were left, including it.
    pub(super) fn processed(&mut self, left: usize) {
        *self = match self {
            _ if left <= 1 => Self::Untouched,
            Self::Untouched => Self::Begun,
            _ => Self::Known,
        };
    }

    /// A segment has come whose place is known.
    pub(super) fn decided(&mut self) {
        if *self == Self::Begun {
            *self = Self::Known;
        }
    }

    /// Lets `rx` have taken the list at the other moment that is possible; whether there is one.
    pub(super) fn turn_round(self, rx: &mut Receiver) -> bool {
        let waiting = rx.backlog_waiting();
        let left = match (self, rx.drain_left()) {
            (_, 0) | (Self::Begun, _) => waiting,
            (Self::Untouched, _) => 0,
            (Self::Known, _) => return false,
        };
        rx.set_drain_left(left);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_about_a_list_ends_with_its_second_segment_or_with_what_comes_behind_its_first() {
        let mut list = TakenList::default();
        list.processed(3);
        assert_eq!(list, TakenList::Known);
        list.processed(1);
        assert_eq!(list, TakenList::Untouched, "the last one: the next list has not begun");
        list.decided();
        assert_eq!(list, TakenList::Untouched);
        list.processed(5);
        assert_eq!(list, TakenList::Begun);
        let mut other = list;
        other.processed(4);
        assert_eq!(other, TakenList::Known);
        list.decided();
        assert_eq!(list, TakenList::Known);
    }
}
