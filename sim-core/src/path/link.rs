//! One direction of the path: delay, rate and queue limit, as `tc netem` imposes them.

use super::Packet;
use crate::config::LinkConfig;
use crate::queue::{EventQueue, Key, Lane};
use crate::time::{SimDuration, SimTime};

/// A link that keeps packets in order.
#[derive(Clone, Debug)]
pub struct Link {
    delay: SimDuration,
    limit: usize,
    rate_bps: Option<u64>,
    drop_every: u64,
    /// Segments that left the link.
    left: u64,
    lane: Lane<Packet>,
    /// When the last packet leaves.
    last: SimTime,
    dropped: u64,
}

impl Link {
    /// An empty link.
    pub fn new(config: &LinkConfig) -> Self {
        Self {
            delay: config.delay,
            limit: config.limit as usize,
            rate_bps: config.rate_bps,
            drop_every: u64::from(config.drop_every),
            left: 0,
            lane: Lane::default(),
            last: SimTime::ZERO,
            dropped: 0,
        }
    }

    /// A packet enters the link at `at`. Returns whether it was taken: a full link drops it.
    ///
    /// With a rate, a packet takes its transmission time after the one before has left, and the delay counts
    /// from its entry: waiting for the one before is part of the delay (`netem_enqueue`).
    pub fn send<E>(&mut self, at: SimTime, packet: Packet, order: &mut EventQueue<E>) -> bool {
        if self.lane.len() >= self.limit {
            self.dropped += 1;
            return false;
        }
        let mut due = (at + self.delay).max(self.last);
        if let Some(bps) = self.rate_bps.filter(|&b| b > 0) {
            let ns = u128::from(packet.wire_bytes()) * 8 * 1_000_000_000 / u128::from(bps);
            due = due.saturating_add(SimDuration::from_nanos(u64::try_from(ns).unwrap_or(u64::MAX)));
        }
        self.last = due;
        let key = order.key(due);
        self.lane.push(key, packet);
        true
    }

    /// The place of the next packet in the order of events.
    pub fn peek(&self) -> Key {
        self.lane.peek()
    }

    /// The next packet leaves the link.
    pub fn pop(&mut self) -> Option<Packet> {
        self.lane.pop()
    }

    /// Whether the next segment that leaves the link is dropped on arrival.
    pub fn loses_next(&mut self) -> bool {
        if self.drop_every == 0 {
            return false;
        }
        self.left += 1;
        self.left.is_multiple_of(self.drop_every)
    }

    /// Packets dropped because the link was full.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::Payload;
    use crate::segment::Segment;
    use crate::sender::Emitted;

    fn data(len: u32) -> Packet {
        let seg = Segment { len, ..Segment::default() };
        Packet { flow: 0, seg, payload: Payload::Data(Emitted { len, ..Emitted::default() }) }
    }

    fn link(limit: u32, rate_bps: Option<u64>) -> Link {
        Link::new(&LinkConfig {
            delay: SimDuration::from_millis(20),
            limit,
            mtu: 1500,
            rate_bps,
            drop_every: 0,
        })
    }

    #[test]
    fn packets_arrive_after_the_delay_and_in_order() {
        let mut q = EventQueue::<()>::new(10);
        let mut l = link(10, None);
        assert!(l.send(SimTime::from_nanos(5), data(100), &mut q));
        assert!(l.send(SimTime::from_nanos(5), data(200), &mut q));
        assert_eq!(l.peek().time, SimTime::from_nanos(20_000_005));
        assert_eq!(l.pop().map(|p| p.seg.len), Some(100));
        assert_eq!(l.peek().time, SimTime::from_nanos(20_000_005));
    }

    #[test]
    fn a_rate_spaces_packets_by_their_wire_size() {
        let mut q = EventQueue::<()>::new(10);
        let mut l = link(10, Some(100_000_000));
        // 1446 + 54 bytes of headers = 1500 bytes = 120 us at 100 Mbit/s.
        l.send(SimTime::ZERO, data(1_446), &mut q);
        l.send(SimTime::ZERO, data(1_446), &mut q);
        assert_eq!(l.peek().time, SimTime::from_nanos(20_120_000));
        l.pop();
        assert_eq!(l.peek().time, SimTime::from_nanos(20_240_000));
    }

    #[test]
    fn a_full_link_drops() {
        let mut q = EventQueue::<()>::new(10);
        let mut l = link(1, None);
        assert!(l.send(SimTime::ZERO, data(1), &mut q));
        assert!(!l.send(SimTime::ZERO, data(1), &mut q));
        assert_eq!(l.dropped(), 1);
    }
}
