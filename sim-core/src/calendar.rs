//! A calendar queue: events far ahead wait unsorted under the day on which they are due (R. Brown, 1988).
//!
//! Of some ten thousand timers in one heap each goes through fifteen levels that lie far apart in memory. Here it is put into the
//! list of its day, and sorted in among the few of that day when it comes. As long as there are only a few, there is one heap
//! and no days.

use std::collections::BinaryHeap;

use crate::queue::{Entry, Key, first};

/// Nanoseconds of a day: 2 to this power, 4.2 ms. Of timers that fire in ticks there are one to four ticks in a day.
const DAY: u32 = 22;

/// Days for which there are lists, 1.1 s. What is due behind that waits in the list of the same day of an earlier year.
const DAYS: usize = 256;

/// With this many events a heap is as quick.
const FEW: usize = 64;

/// Events by their keys, of which most are far ahead and come at any order.
#[derive(Clone, Debug)]
pub(crate) struct Calendar<E> {
    /// The events up to the end of `today`, sorted. Not empty as long as there are any.
    near: BinaryHeap<Entry<E>>,
    /// The last day whose events are in `near`: as long as these are few, all days are.
    today: u64,
    /// Those of later days, by the day modulo [`DAYS`].
    days: Vec<Vec<Entry<E>>>,
    /// How many wait in `days`.
    later: usize,
}

impl<E> Default for Calendar<E> {
    fn default() -> Self {
        Self { near: BinaryHeap::new(), today: u64::MAX, days: Vec::new(), later: 0 }
    }
}

/// The day of an event.
const fn day(key: Key) -> u64 {
    key.time().as_nanos() >> DAY
}

/// Where the events of a day wait.
const fn page(day: u64) -> usize {
    day as usize % DAYS
}

impl<E> Calendar<E> {
    /// Empties it, and keeps its memory.
    pub(crate) fn clear(&mut self) {
        self.near.clear();
        self.near.reserve(16);
        if self.later > 0 {
            self.days.iter_mut().for_each(Vec::clear);
        }
        (self.today, self.later) = (u64::MAX, 0);
    }

    /// The place of the earliest event.
    #[inline]
    pub(crate) fn peek(&self) -> Key {
        first(&self.near)
    }

    /// Puts an event in its place.
    #[inline]
    pub(crate) fn push(&mut self, entry: Entry<E>) {
        if day(entry.key) > self.today {
            return self.push_later(entry);
        }
        self.near.push(entry);
        if self.today == u64::MAX && self.near.len() > FEW {
            self.open();
        }
    }

    /// Takes the earliest event.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Entry<E>> {
        let taken = self.near.pop();
        if self.near.is_empty() && self.today != u64::MAX {
            self.turn();
        }
        taken
    }

    fn push_later(&mut self, entry: Entry<E>) {
        self.later += 1;
        if let Some(list) = self.days.get_mut(page(day(entry.key))) {
            list.push(entry);
        }
    }

    /// There are more than a few: only those of the first day stay where they are.
    #[cold]
    fn open(&mut self) {
        self.days.resize_with(DAYS, Vec::new);
        self.today = day(self.peek());
        for entry in std::mem::take(&mut self.near) {
            self.push(entry);
        }
    }

    /// Goes on to the next day on which there is anything, or back to one heap if there is nothing at all.
    #[inline(never)]
    fn turn(&mut self) {
        let year = self.today + 1..=self.today + DAYS as u64;
        if self.later == 0 {
            self.today = u64::MAX;
        } else if !year.into_iter().any(|day| self.goes_on_to(day)) {
            // Nothing within a year.
            let earliest = self.days.iter().flatten().map(|e| day(e.key)).min();
            earliest.map(|day| self.goes_on_to(day));
        }
    }

    /// Whether there is anything on `day`, which begins then.
    fn goes_on_to(&mut self, today: u64) -> bool {
        let Some(list) = self.days.get_mut(page(today)) else { return false };
        let near = &mut self.near;
        near.extend(list.extract_if(.., |e| day(e.key) == today));
        self.later -= near.len();
        if !near.is_empty() {
            self.today = today;
        }
        !near.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time::SimTime;

    /// What is due within a tick, within a day, within a year, and years ahead.
    fn ahead() -> impl Strategy<Value = u64> {
        prop_oneof![0..1u64 << 10, 0..1u64 << DAY, 0..(DAYS as u64) << DAY, 0..(5 * DAYS as u64) << DAY]
    }

    proptest! {
        /// Each step puts some events in, so much later than the one taken last, and takes some out.
        #[test]
        fn events_leave_in_the_order_of_their_keys_whatever_their_days(
            steps in proptest::collection::vec((proptest::collection::vec(ahead(), 0..100), 0..100usize), 1..20),
        ) {
            let (mut calendar, mut sorted) = (Calendar::default(), BinaryHeap::new());
            let (mut now, mut inserted) = (0, 0);
            for (put, take) in steps {
                for ahead in put {
                    inserted += 1;
                    let key = Key::new(SimTime::from_nanos(now + ahead), inserted);
                    calendar.push(Entry { key, event: inserted });
                    sorted.push(Entry { key, event: inserted });
                    prop_assert_eq!(calendar.peek(), first(&sorted));
                }
                for _ in 0..take {
                    let (is, should) = (calendar.pop(), sorted.pop());
                    prop_assert_eq!(is.as_ref().map(|e| (e.key, e.event)), should.as_ref().map(|e| (e.key, e.event)));
                    prop_assert_eq!(calendar.peek(), first(&sorted));
                    now = should.map_or(now, |e| e.key.time().as_nanos());
                }
                prop_assert_eq!(calendar.near.len() + calendar.later, sorted.len());
            }
        }
    }

    #[test]
    fn a_cleared_calendar_holds_nothing_of_the_last_run() {
        let mut calendar = Calendar::default();
        let key = |i: u64| Key::new(SimTime::from_nanos(i << DAY), i);
        (0..300).for_each(|i| calendar.push(Entry { key: key(i), event: i }));
        assert!(calendar.later > 200 && calendar.near.len() == 1);
        calendar.clear();
        assert!(calendar.pop().is_none());
        calendar.push(Entry { key: key(7), event: 7 });
        assert_eq!(calendar.pop().map(|e| e.event), Some(7));
        assert!(calendar.pop().is_none());
    }
}
