//! Skbs that were not sent yet (`sk_write_queue`).
//!
//! A large `send` into a full window fills skb after skb, and these differ in their place alone. They are kept as one run,
//! however many they are; an skb is made of it when it comes to the front, where something happens to it.

use std::collections::VecDeque;

use super::write_queue::TxSkb;
use crate::segment::Flags;
use crate::seq::Seq;

/// Full skbs of equal length that follow each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct SkbRun {
    /// Where the first one begins.
    pub(super) first: Seq,
    /// Payload of each, bytes.
    pub(super) len: u32,
    /// How many there are.
    pub(super) count: u32,
    /// How many come before the first one that ends a push.
    pub(super) push_after: u32,
    /// From one that ends a push to the next.
    pub(super) push_every: u32,
}

impl SkbRun {
    const NONE: Self = Self { first: Seq::FIRST, len: 0, count: 0, push_after: 0, push_every: 1 };

    /// One after the last byte pushed, if any is.
    pub(super) fn pushed(&self) -> Option<Seq> {
        let over = self.count.checked_sub(1)?.checked_sub(self.push_after)?;
        Some(self.first + (self.push_after + over / self.push_every * self.push_every + 1) * self.len)
    }

    /// Takes the first one out.
    fn take_first(&mut self) -> Option<TxSkb> {
        self.count = self.count.checked_sub(1)?;
        let mut skb = TxSkb::filled(self.first, self.len);
        self.first = self.first + self.len;
        match self.push_after.checked_sub(1) {
            Some(left) => self.push_after = left,
            None => {
                skb.flags = Flags::PSH;
                self.push_after = self.push_every - 1;
            }
        }
        Some(skb)
    }
}

/// Skbs not yet sent, in sequence order.
#[derive(Clone, Debug)]
pub struct Unsent {
    /// The first ones: two if a run follows.
    front: VecDeque<TxSkb>,
    run: SkbRun,
    /// What was written after the run; empty without one.
    back: VecDeque<TxSkb>,
}

/// How many skbs stand before a run by themselves.
const BEFORE_RUN: usize = 2;

impl Default for Unsent {
    fn default() -> Self {
        Self { front: VecDeque::new(), run: SkbRun::NONE, back: VecDeque::new() }
    }
}

impl Unsent {
    /// Takes over the memory of an older queue, which is lost.
    pub(super) fn take_memory(&mut self, old: &mut Self) {
        std::mem::swap(self, old);
        self.clear();
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.front.clear();
        self.back.clear();
        self.run = SkbRun::NONE;
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.front.len() + self.run.count as usize + self.back.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.front.is_empty()
    }

    /// The first one.
    pub fn front(&self) -> Option<&TxSkb> {
        self.front.front()
    }

    /// The first one, to be changed.
    pub(super) fn front_mut(&mut self) -> Option<&mut TxSkb> {
        self.front.front_mut()
    }

    /// The one behind the first.
    pub(super) fn second(&self) -> Option<&TxSkb> {
        self.front.get(1)
    }

    /// The first two, to be changed.
    pub(super) fn first_two(&mut self) -> Option<(&mut TxSkb, &mut TxSkb)> {
        let mut both = self.front.iter_mut();
        both.next().zip(both.next())
    }

    /// The last one.
    pub(super) fn back(&self) -> Option<&TxSkb> {
        self.back.back().or_else(|| self.front.back())
    }

    /// The last one, to be changed.
    pub(super) fn back_mut(&mut self) -> Option<&mut TxSkb> {
        self.back.back_mut().or_else(|| self.front.back_mut())
    }

    /// Appends one.
    pub(super) fn push_back(&mut self, skb: TxSkb) {
        if self.run.count > 0 { self.back.push_back(skb) } else { self.front.push_back(skb) }
    }

    /// Puts one before the first.
    pub(super) fn push_front(&mut self, skb: TxSkb) {
        self.front.push_front(skb);
    }

    /// Takes the first one out.
    pub(super) fn pop_front(&mut self) -> Option<TxSkb> {
        let first = self.front.pop_front();
        self.refill();
        first
    }

    /// Takes the second one out.
    pub(super) fn remove_second(&mut self) {
        self.front.remove(1);
        self.refill();
    }

    /// Takes the last one out.
    pub(super) fn pop_back(&mut self) {
        if self.back.pop_back().is_none() {
            self.front.pop_back();
        } else if self.back.is_empty() {
            // The last one is looked at by itself.
            while let Some(skb) = self.run.take_first() {
                self.front.push_back(skb);
            }
        }
    }

    /// Appends a run.
    pub(super) fn append(&mut self, mut run: SkbRun) {
        if self.run.count > 0 {
            while let Some(skb) = run.take_first() {
                self.back.push_back(skb);
            }
            return;
        }
        while self.front.len() < BEFORE_RUN
            && let Some(skb) = run.take_first()
        {
            self.front.push_back(skb);
        }
        // The last one may be added to, or looked at.
        if run.count > 1 {
            let mut last = SkbRun { first: run.first + (run.count - 1) * run.len, count: 1, ..run };
            let pushes =
                (run.count - 1).checked_sub(run.push_after).is_some_and(|n| n.is_multiple_of(run.push_every));
            last.push_after = u32::from(!pushes);
            run.count -= 1;
            self.back.extend(last.take_first());
            self.run = run;
        } else {
            self.front.extend(run.take_first());
        }
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = TxSkb> {
        let mut run = self.run;
        let run = std::iter::from_fn(move || run.take_first());
        self.front.iter().copied().chain(run).chain(self.back.iter().copied())
    }

    /// Keeps two before the run, or joins what is left when there is none.
    #[inline]
    fn refill(&mut self) {
        if self.run.count == 0 {
            return;
        }
        while self.front.len() < BEFORE_RUN
            && let Some(skb) = self.run.take_first()
        {
            self.front.push_back(skb);
        }
        if self.run.count == 0 {
            self.front.append(&mut self.back);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(first: i64, count: u32, push_after: u32, push_every: u32) -> SkbRun {
        SkbRun { first: Seq(first), len: 10, count, push_after, push_every }
    }

    /// The same skbs one by one.
    fn listed(run: SkbRun) -> impl Iterator<Item = TxSkb> {
        (0..run.count).map(move |i| {
            let mut skb = TxSkb::filled(run.first + i * run.len, run.len);
            if i >= run.push_after && (i - run.push_after).is_multiple_of(run.push_every) {
                skb.flags = Flags::PSH;
            }
            skb
        })
    }

    #[test]
    fn a_run_is_to_everybody_the_skbs_that_it_stands_for() {
        for (count, push_after, push_every) in [(1, 0, 1), (2, 1, 1), (3, 0, 2), (9, 2, 3), (40, 50, 1)] {
            for before in 0..3 {
                let mut unsent = Unsent::default();
                let mut all = VecDeque::new();
                let put = |unsent: &mut Unsent, all: &mut VecDeque<TxSkb>, run: SkbRun| {
                    unsent.append(run);
                    all.extend(listed(run));
                };
                for i in 0..before {
                    let skb = TxSkb::filled(Seq(i), 1);
                    unsent.push_back(skb);
                    all.push_back(skb);
                }
                put(&mut unsent, &mut all, run(100, count, push_after, push_every));
                unsent.push_back(TxSkb::filled(Seq(7_000), 5));
                all.push_back(TxSkb::filled(Seq(7_000), 5));
                put(&mut unsent, &mut all, run(9_000, 4, 1, 2));
                for turn in 0.. {
                    assert!(unsent.iter().eq(all.iter().copied()));
                    assert_eq!((unsent.len(), unsent.is_empty()), (all.len(), all.is_empty()));
                    assert_eq!(
                        (unsent.front(), unsent.second(), unsent.back()),
                        (all.front(), all.get(1), all.back())
                    );
                    match turn % 5 {
                        0 | 1 => assert_eq!(unsent.pop_front(), all.pop_front()),
                        2 => {
                            unsent.remove_second();
                            all.remove(1);
                        }
                        3 if turn < 9 => {
                            unsent.pop_back();
                            all.pop_back();
                        }
                        _ => {
                            let Some(mut first) = unsent.pop_front() else { break };
                            first.len += 1;
                            unsent.push_front(first);
                            all[0].len += 1;
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn nothing_is_left_of_a_run_once_its_last_skb_was_dropped() {
        let mut unsent = Unsent::default();
        unsent.append(run(1, 6, 0, 1));
        unsent.pop_back();
        assert_eq!((unsent.len(), unsent.back().map(|s| s.seq)), (5, Some(Seq(41))));
        unsent.clear();
        assert!(unsent.is_empty() && unsent.iter().next().is_none());
    }
}
