//! Whether the data of an skb is shared with its sender's copy.

use super::Receiver;
use crate::seq::Seq;
use crate::skb::{Share, Skb};
use crate::time::SimTime;

impl Receiver {
    /// The sender has freed its copies of everything below `up_to`: skbs below are no longer shared.
    #[inline]
    pub fn release_shared(&mut self, up_to: Seq) {
        self.unshared_below = self.unshared_below.max(up_to);
    }

    /// So it has its copies of what lies from `start` to `end`.
    #[cold]
    pub(crate) fn release_between(&mut self, start: Seq, end: Seq) {
        let known = self.unshared_below;
        self.unshared.retain(|&(_, end)| end > known);
        // Mostly one range grows.
        match self.unshared.last_mut() {
            Some(last) if last.0 <= start && start <= last.1 => last.1 = last.1.max(end),
            _ => self.unshared.push((start, end)),
        }
    }

    /// It has sent what lies from `start` to `end` once more: what arrives of that shares its data again.
    #[cold]
    pub(crate) fn share_again(&mut self, start: Seq, end: Seq) {
        if self.unshared.iter().all(|&(from, to)| to <= start || end <= from) {
            return;
        }
        let parts = |&(from, to): &(Seq, Seq)| [(from, to.min(start)), (from.max(end), to)];
        self.unshared = self.unshared.iter().flat_map(parts).filter(|(from, to)| from < to).collect();
    }

    /// Whether `skb`'s data is shared right now (`skb_cloned`).
    #[inline]
    pub(super) fn is_shared(&self, skb: &Skb, now: SimTime) -> bool {
        match skb.buf.share {
            Share::None => false,
            Share::UntilAcked(end) => {
                let given_up = |&(from, to): &(Seq, Seq)| from < end && end <= to;
                self.unshared_below < end && !self.unshared.iter().any(given_up)
            }
            Share::UntilTime(t) => now < t,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Route;
    use crate::linux::by_name;
    use crate::skb::Buffer;

    /// Which of five skbs of 100 bytes, the first byte being 1, share their data once `change` has been told.
    fn shared(change: impl FnOnce(&mut Receiver)) -> [bool; 5] {
        let kernel = by_name("6.1").unwrap();
        let mut rx = Receiver::new(kernel, kernel.default_sysctls(), Route::default());
        change(&mut rx);
        [101, 201, 301, 401, 501].map(|end| {
            let buf = Buffer { share: Share::UntilAcked(Seq(end)), ..Buffer::default() };
            rx.is_shared(&Skb { buf, ..Skb::default() }, SimTime::ZERO)
        })
    }

    #[test]
    fn data_is_shared_until_it_is_acknowledged_or_given_up() {
        assert_eq!(shared(|_| {}), [true; 5]);
        assert_eq!(shared(|rx| rx.release_shared(Seq(201))), [false, false, true, true, true]);
        assert_eq!(shared(|rx| rx.release_between(Seq(101), Seq(301))), [true, false, false, true, true]);
    }

    #[test]
    fn data_that_was_given_up_is_shared_again_once_it_is_sent_again() {
        let all = |rx: &mut Receiver| rx.release_between(Seq(1), Seq(501));
        let middle = |rx: &mut Receiver| {
            all(rx);
            rx.share_again(Seq(201), Seq(301));
        };
        assert_eq!(shared(middle), [false, false, true, false, false]);
        let beside = |rx: &mut Receiver| {
            rx.release_between(Seq(1), Seq(301));
            rx.share_again(Seq(301), Seq(501));
        };
        assert_eq!(shared(beside), [false, false, false, true, true]);
    }
}
