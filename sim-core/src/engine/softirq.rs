//! Soft interrupts: whose turn it is on the processor, and how much may wait for it.

use crate::time::{SimDuration, SimTime};

/// `net.core.netdev_max_backlog`: above it a segment that arrives is dropped.
const NETDEV_MAX_BACKLOG: u32 = 1_000;

/// `net.core.dev_weight` times `dev_weight_tx_bias`, packets.
const DEV_TX_WEIGHT: u32 = 64;
/// `net.core.dev_weight` of the processor's own queue, segments: what one poll of it may take (`process_backlog`).
const DEV_RX_WEIGHT: u32 = 64;

/// How many segments wait for the processor (`softnet_data`). It takes all that wait at once, works through them,
/// and meanwhile new ones gather; these are limited.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct InputQueue {
    /// Taken and not yet processed (`process_queue`).
    taken: u32,
    /// Gathered since (`input_pkt_queue`).
    gathered: u32,
    pub(super) dropped: u64,
}

/// Whose turn it is while packets wait on both sides of the device queue: soft interrupts take turns.
///
/// The transmitting one moves due packets from the queueing discipline to the device, at most
/// [`DEV_TX_WEIGHT`] at a time; the receiving one works through what has gathered, at most
/// [`DEV_RX_WEIGHT`] segments. Whoever was woken by the other waits for the next round, in which transmitting
/// comes first. A packet sent while receiving moves what is due as well (`qdisc_run`).
#[derive(Clone, Copy, Debug)]
pub(super) struct Turns {
    /// `inline` at rest. With devices that have a ring, arrivals never wait for a turn: the other host is another
    /// machine, and the ring is what holds them.
    idle: u32,
    /// Segments left in the receiving turn.
    receive: u32,
    /// Packets left in the transmitting turn.
    transmit: u32,
    /// Packets that may still be moved because one was sent in a receiving turn.
    inline: u32,
    /// Those that were due by then.
    until: SimTime,
    /// Those that were due by then were moved between the packets that one segment let go, as part of sending them.
    moved_until: SimTime,
    /// A packet was sent because of the present segment.
    sends: bool,
}

impl Turns {
    /// Nobody's turn; `apart` says that the hosts are two machines.
    pub(super) fn new(apart: bool) -> Self {
        let idle = if apart { u32::MAX } else { 0 };
        Self {
            idle,
            receive: 0,
            transmit: 0,
            inline: idle,
            until: SimTime::NEVER,
            moved_until: SimTime::ZERO,
            sends: false,
        }
    }

    /// Whether packets that are due at `due` wait until more segments were processed.
    pub(super) fn receiving(&self, due: SimTime) -> bool {
        self.receive > 0 && (self.inline == 0 || due > self.until)
    }

    /// Whether a receiving turn is under way.
    pub(super) fn receives(&self) -> bool {
        self.receive > 0
    }

    /// How many segments may be processed before the last one of the turn.
    pub(super) fn more(&self) -> u32 {
        self.receive.saturating_sub(1)
    }

    /// So many segments were processed because of which no packet was sent.
    pub(super) fn take_many(&mut self, segments: u32) {
        self.begin();
        self.receive -= segments;
    }

    /// Whether a packet due at `due` was moved before the last packet was sent.
    pub(super) fn was_moved(&self, due: SimTime) -> bool {
        self.receive > 0 && due <= self.moved_until
    }

    /// A due packet is moved, which takes `cost`; `idle` says that nothing waited to be received.
    pub(super) fn dequeued(&mut self, idle: bool, cost: SimDuration) {
        if self.receive > 0 {
            self.inline = self.inline.saturating_sub(1);
            // What comes due meanwhile is moved as well.
            self.until = self.until.saturating_add(cost);
            return;
        }
        if self.transmit == 0 {
            self.transmit = if idle { 2 * DEV_TX_WEIGHT } else { DEV_TX_WEIGHT };
        }
        self.transmit -= 1;
        if self.transmit == 0 {
            self.receive = DEV_RX_WEIGHT;
        }
    }

    /// A segment is about to be processed.
    pub(super) fn begin(&mut self) {
        self.transmit = 0;
        self.inline = self.idle;
        (self.moved_until, self.sends) = (SimTime::ZERO, false);
        if self.receive == 0 {
            self.receive = DEV_RX_WEIGHT;
        }
    }

    /// A packet was sent; it comes to the queue at `until`.
    pub(super) fn sent(&mut self, until: SimTime) {
        if std::mem::replace(&mut self.sends, true) && until != SimTime::NEVER {
            self.moved_until = self.until;
        }
        self.until = until;
        if self.receive > 0 {
            self.inline = self.idle.max(DEV_TX_WEIGHT);
        }
    }

    /// A segment was processed; `empty` says that it was the last that waited, `next` when the next packet is due. Returns
    /// whether a poll ends that leaves something behind.
    pub(super) fn processed(&mut self, empty: bool, next: SimTime) -> bool {
        self.receive -= 1;
        let ends = self.receive == 0;
        // Who sent a packet has moved what was due: the turn goes on with that.
        let goes_on = self.inline > 0 && next <= self.until && self.until != SimTime::NEVER;
        if ends || (empty && !goes_on) {
            *self = Self::new(self.idle > 0);
        }
        ends && !empty
    }
}

impl InputQueue {
    /// `segments` more arrive; how many of them find room.
    pub(super) fn add(&mut self, segments: u32) -> u32 {
        let room = (NETDEV_MAX_BACKLOG + 1).saturating_sub(self.gathered);
        let kept = segments.min(room);
        self.gathered += kept;
        self.dropped += u64::from(segments - kept);
        kept
    }

    /// One is processed.
    pub(super) fn take(&mut self) {
        if self.taken == 0 {
            self.taken = std::mem::take(&mut self.gathered);
        }
        self.taken = self.taken.saturating_sub(1);
    }

    /// So many are.
    pub(super) fn take_many(&mut self, segments: u32) {
        let mut left = segments;
        while left > 0 && self.taken + self.gathered > 0 {
            if self.taken == 0 {
                self.taken = std::mem::take(&mut self.gathered);
            }
            let now = left.min(self.taken);
            self.taken -= now;
            left -= now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_sends_a_packet_moves_what_is_due_and_what_comes_due_meanwhile() {
        let us = |n| SimTime::ZERO + SimDuration::from_micros(n);
        let mut turns = Turns::new(false);
        turns.begin();
        turns.sent(us(20));
        assert!(!turns.receiving(us(20)) && turns.receiving(us(21)));
        turns.dequeued(true, SimDuration::from_micros(10));
        assert!(!turns.receiving(us(30)) && turns.receiving(us(31)));
        turns.processed(true, us(30));
        assert!(turns.receives(), "what it has moved belongs to the same turn");
        turns.processed(true, us(31));
        assert!(!turns.receives());
    }

    #[test]
    fn taking_many_from_the_input_queue_is_taking_one_by_one() {
        for (taken, gathered) in [(0, 5), (3, 4), (7, 0), (0, 0)] {
            for n in 0..10 {
                let queue = InputQueue { taken, gathered, dropped: 0 };
                let (mut many, mut single) = (queue, queue);
                many.take_many(n);
                (0..n).for_each(|_| single.take());
                assert_eq!((many.taken, many.gathered), (single.taken, single.gathered));
            }
        }
    }

    #[test]
    fn what_came_due_before_the_last_of_several_packets_was_moved_between_them() {
        let us = |n| SimTime::ZERO + SimDuration::from_micros(n);
        let mut turns = Turns::new(false);
        turns.begin();
        turns.sent(us(20));
        assert!(!turns.was_moved(us(10)), "nothing lies between one packet");
        turns.sent(us(40));
        assert!(turns.was_moved(us(20)) && !turns.was_moved(us(21)));
        turns.begin();
        assert!(!turns.was_moved(us(20)), "another segment");
    }
}
