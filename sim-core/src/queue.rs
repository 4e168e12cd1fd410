//! The event queue: heaps ordered by time and insertion, and in-order lanes beside them.
//!
//! Packets on a link without reordering leave it in the order they entered it, so they wait in a ring (a
//! [`Lane`]) instead of a heap. Heaps and lanes share one insertion counter: whatever is due at the same time
//! happens in the order in which it was scheduled.
//!
//! Timers have a place of their own ([`Calendar`]). There are as many as sockets, and hardly one is due before it is moved
//! on; what a program does next is due at once. Apart, the one does not sink through the many of the other.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};

use crate::calendar::Calendar;
use crate::time::SimTime;

/// A point in the order of events: when, and how many events were scheduled before. One number, which two instructions
/// compare and which is copied in the parts in which it was written.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Key(u128);

impl Key {
    /// Later than any event.
    pub const NEVER: Self = Self(u128::MAX);

    /// That of an event at `time`, scheduled after `inserted` others.
    #[inline]
    pub const fn new(time: SimTime, inserted: u64) -> Self {
        Self((time.as_nanos() as u128) << 64 | inserted as u128)
    }

    /// When.
    #[inline]
    pub const fn time(self) -> SimTime {
        SimTime::from_nanos((self.0 >> 64) as u64)
    }
}

/// A run needed more events than it was allowed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BudgetExceeded {
    /// The budget.
    pub max_events: u64,
    /// When it was used up.
    pub at: SimTime,
}

/// An event in its place.
#[derive(Clone, Debug)]
pub(crate) struct Entry<E> {
    pub(crate) key: Key,
    pub(crate) event: E,
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, o: &Self) -> bool {
        self.key == o.key
    }
}

impl<E> Eq for Entry<E> {}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, o: &Self) -> Option<Ordering> {
        Some(self.cmp(o))
    }
}

impl<E> Ord for Entry<E> {
    /// Reversed: `BinaryHeap` hands out the largest.
    fn cmp(&self, o: &Self) -> Ordering {
        o.key.cmp(&self.key)
    }
}

/// The place of the earliest entry of a heap.
#[inline]
pub(crate) fn first<E>(heap: &BinaryHeap<Entry<E>>) -> Key {
    heap.peek().map_or(Key::NEVER, |e| e.key)
}

/// Events whose order is known only when they are due.
#[derive(Clone, Debug)]
pub struct EventQueue<E> {
    soon: BinaryHeap<Entry<E>>,
    timers: Calendar<E>,
    /// The place of the earliest of both.
    first: Key,
    inserted: u64,
    processed: u64,
    max_events: u64,
}

impl<E> EventQueue<E> {
    /// An empty queue that lets at most `max_events` events happen.
    pub fn new(max_events: u64) -> Self {
        Self {
            soon: BinaryHeap::new(),
            timers: Calendar::default(),
            first: Key::NEVER,
            inserted: 0,
            processed: 0,
            max_events,
        }
    }

    /// Empties the queue for another run, and keeps its memory.
    pub fn reset(&mut self, max_events: u64) {
        self.soon.clear();
        self.soon.reserve(16);
        self.timers.clear();
        (self.first, self.inserted, self.processed, self.max_events) = (Key::NEVER, 0, 0, max_events);
    }

    /// The next place in the order for an event at `time`.
    pub fn key(&mut self, time: SimTime) -> Key {
        self.inserted += 1;
        Key::new(time, self.inserted)
    }

    /// Schedules `event`.
    pub fn push(&mut self, time: SimTime, event: E) {
        let key = self.key(time);
        self.first = self.first.min(key);
        self.soon.push(Entry { key, event });
    }

    /// Schedules `event`, of which each socket has one and which is mostly far ahead. Only the cost depends on whether it
    /// is, not the order.
    pub fn push_timer(&mut self, time: SimTime, event: E) {
        let key = self.key(time);
        self.first = self.first.min(key);
        self.timers.push(Entry { key, event });
    }

    /// The place of the earliest event of the heaps.
    #[inline]
    pub fn peek(&self) -> Key {
        self.first
    }

    /// Takes the earliest event of the heaps.
    pub fn pop(&mut self) -> Option<(SimTime, E)> {
        let soon = first(&self.soon) < self.timers.peek();
        let taken = if soon { self.soon.pop() } else { self.timers.pop() };
        self.first = first(&self.soon).min(self.timers.peek());
        taken.map(|e| (e.key.time(), e.event))
    }

    /// Takes the earliest event that is no timer if it is due by `time` and `wanted`.
    pub fn pop_due(&mut self, time: SimTime, wanted: impl FnOnce(&E) -> bool) -> Option<(SimTime, E)> {
        let due = self.soon.peek().is_some_and(|e| e.key.time() <= time && wanted(&e.event));
        if !due {
            return None;
        }
        let taken = self.soon.pop().map(|e| (e.key.time(), e.event));
        self.first = first(&self.soon).min(self.timers.peek());
        taken
    }

    /// Counts an event of a heap or of a lane.
    ///
    /// # Errors
    /// If the budget is used up.
    #[inline]
    pub fn count(&mut self, at: SimTime) -> Result<(), BudgetExceeded> {
        if self.processed >= self.max_events {
            return Err(BudgetExceeded { max_events: self.max_events, at });
        }
        self.processed += 1;
        Ok(())
    }

    /// How many more events may happen.
    pub fn left(&self) -> u64 {
        self.max_events.saturating_sub(self.processed)
    }

    /// Counts events that are [left](Self::left).
    pub fn count_many(&mut self, events: u64) {
        self.processed += events;
    }

    /// How many places in the order have been given away.
    pub fn inserted(&self) -> u64 {
        self.inserted
    }

    /// Events that happened so far.
    pub fn processed(&self) -> u64 {
        self.processed
    }
}

/// Events that are known to happen in the order in which they are scheduled.
#[derive(Clone, Debug)]
pub struct Lane<T> {
    items: VecDeque<(Key, T)>,
}

impl<T> Default for Lane<T> {
    fn default() -> Self {
        Self { items: VecDeque::new() }
    }
}

impl<T> Lane<T> {
    /// Empties the lane, and keeps its memory.
    pub fn clear(&mut self) {
        self.items.clear();
        self.items.reserve(64);
    }

    /// How many items come no later than `time`.
    pub fn due(&self, time: SimTime) -> usize {
        self.items.partition_point(|(key, _)| key.time() <= time)
    }

    /// When the items come that come before `time`.
    pub fn times_before(&self, time: SimTime) -> impl Iterator<Item = SimTime> + '_ {
        self.items.iter().map(|(key, _)| key.time()).take_while(move |t| *t < time)
    }

    /// Appends an item whose key is not before that of the last one.
    pub fn push(&mut self, key: Key, item: T) {
        debug_assert!(self.items.back().is_none_or(|(last, _)| *last <= key), "a lane is in order");
        self.items.push_back((key, item));
    }

    /// The place of the first item.
    pub fn peek(&self) -> Key {
        self.items.front().map_or(Key::NEVER, |(k, _)| *k)
    }

    /// Takes the first item.
    pub fn pop(&mut self) -> Option<T> {
        self.items.pop_front().map(|(_, t)| t)
    }

    /// Items in the lane.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

/// Items that leave in the order of their keys, whatever the order in which they came.
#[derive(Clone, Debug)]
pub struct Sorted<T> {
    heap: BinaryHeap<Entry<T>>,
}

impl<T> Default for Sorted<T> {
    fn default() -> Self {
        Self { heap: BinaryHeap::with_capacity(64) }
    }
}

impl<T> Sorted<T> {
    /// Puts an item in its place.
    pub fn push(&mut self, key: Key, event: T) {
        self.heap.push(Entry { key, event });
    }

    /// The place of the first item.
    pub fn peek(&self) -> Key {
        first(&self.heap)
    }

    /// Takes the first item.
    pub fn pop(&mut self) -> Option<T> {
        self.heap.pop().map(|e| e.event)
    }

    /// Items in it.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ns: u64) -> SimTime {
        SimTime::from_nanos(ns)
    }

    #[test]
    fn events_of_the_same_time_happen_in_the_order_they_were_scheduled() {
        let mut q = EventQueue::new(10);
        q.push(at(5), 'c');
        q.push(at(3), 'a');
        q.push(at(5), 'd');
        q.push(at(3), 'b');
        let order: String = std::iter::from_fn(|| q.pop()).map(|(_, e)| e).collect();
        assert_eq!(order, "abcd");
    }

    #[test]
    fn timers_and_other_events_share_one_order() {
        let mut q = EventQueue::new(10);
        q.push_timer(at(5), 'b');
        q.push(at(5), 'c');
        q.push(at(3), 'a');
        q.push_timer(at(5), 'd');
        q.push_timer(at(9), 'f');
        q.push(at(7), 'e');
        let order: String = std::iter::from_fn(|| q.pop()).map(|(_, e)| e).collect();
        assert_eq!(order, "abcdef");
        assert_eq!(q.peek(), Key::NEVER);
    }

    #[test]
    fn only_a_wanted_event_whose_time_has_come_is_taken_out_of_turn() {
        let mut q = EventQueue::new(10);
        q.push_timer(at(1), 't');
        q.push(at(5), 'a');
        assert_eq!(q.pop_due(at(4), |_| true), None);
        assert_eq!(q.pop_due(at(5), |e| *e == 'b'), None);
        assert_eq!(q.pop_due(at(5), |e| *e == 'a'), Some((at(5), 'a')));
        assert_eq!(q.pop(), Some((at(1), 't')));
    }

    #[test]
    fn heap_and_lane_share_one_order() {
        let mut q = EventQueue::new(10);
        let mut lane = Lane::default();
        lane.push(q.key(at(7)), 'x');
        q.push(at(7), 'y');
        assert!(lane.peek() < q.peek());
        assert_eq!(lane.pop(), Some('x'));
        assert!(q.peek() < lane.peek());
    }

    #[test]
    fn the_event_budget_ends_a_run_that_does_not_end() {
        let mut q = EventQueue::<()>::new(2);
        assert!(q.count(at(1)).is_ok());
        assert!(q.count(at(2)).is_ok());
        assert_eq!(q.count(at(3)), Err(BudgetExceeded { max_events: 2, at: at(3) }));
        assert_eq!(q.processed(), 2);
    }
}
