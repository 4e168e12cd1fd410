//! Controlled delay (RFC 8289): packets are dropped while the shortest wait of an interval is above a target, the
//! oftener the longer that lasts.

use std::collections::VecDeque;

use super::Packet;
use crate::config::CodelConfig;
use crate::time::{SimDuration, SimTime};

/// A packet that waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    pub(super) packet: Packet,
    pub(super) since: SimTime,
    /// With all headers.
    pub(super) bytes: u32,
}

/// The packets of one queue in order.
#[derive(Clone, Default, Debug)]
pub(super) struct Fifo {
    packets: VecDeque<Waiting>,
    bytes: u64,
}

impl Fifo {
    pub(super) fn push(&mut self, packet: Waiting) {
        self.bytes += u64::from(packet.bytes);
        self.packets.push_back(packet);
    }

    pub(super) fn pop(&mut self) -> Option<Waiting> {
        let packet = self.packets.pop_front()?;
        self.bytes -= u64::from(packet.bytes);
        Some(packet)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.packets.len()
    }
}

/// The state of the drop law. One waits with its `Fifo`; the two are apart so that a scheduler can own the packets.
#[derive(Clone, Debug)]
pub(super) struct Codel {
    config: CodelConfig,
    /// With no more than this behind a packet, nothing stands in the queue.
    max_packet: u64,
    /// When the wait will have been above the target for an interval.
    first_above: Option<SimTime>,
    dropping: bool,
    drop_next: SimTime,
    count: u64,
    last_count: u64,
}

impl Codel {
    /// An idle law for packets of at most `max_packet` bytes.
    pub(super) fn new(config: CodelConfig, max_packet: u32) -> Self {
        Self {
            config,
            max_packet: u64::from(max_packet),
            first_above: None,
            dropping: false,
            drop_next: SimTime::ZERO,
            count: 0,
            last_count: 0,
        }
    }

    /// The next packet to be sent at `now`; what is dropped before it goes to `dropped` (RFC 8289, section 5.5).
    pub(super) fn next(
        &mut self,
        now: SimTime,
        queue: &mut Fifo,
        dropped: &mut impl FnMut(&Waiting),
    ) -> Option<Waiting> {
        let (mut head, mut may_drop) = self.head(now, queue);
        if self.dropping {
            self.dropping = may_drop;
            while self.dropping && now >= self.drop_next {
                let Some(waiting) = head else { break };
                dropped(&waiting);
                self.count += 1;
                (head, may_drop) = self.head(now, queue);
                self.dropping = may_drop;
                if may_drop {
                    self.drop_next = self.after(self.drop_next, self.count);
                }
            }
        } else if let Some(waiting) = head.filter(|_| may_drop) {
            dropped(&waiting);
            (head, _) = self.head(now, queue);
            self.dropping = true;
            // Shortly after the last time it goes on with the rate that controlled the queue then.
            let delta = self.count.saturating_sub(self.last_count);
            let recent = now.since(self.drop_next) < self.intervals(16);
            self.count = if delta > 1 && recent { delta } else { 1 };
            self.drop_next = self.after(now, self.count);
            self.last_count = self.count;
        }
        head
    }

    /// The first packet, and whether the wait has been above the target long enough (`dodequeue`).
    fn head(&mut self, now: SimTime, queue: &mut Fifo) -> (Option<Waiting>, bool) {
        let Some(waiting) = queue.pop() else {
            self.first_above = None;
            return (None, false);
        };
        let below = now.since(waiting.since) < self.config.target || queue.bytes() <= self.max_packet;
        let may_drop = match self.first_above {
            _ if below => {
                self.first_above = None;
                false
            }
            None => {
                self.first_above = Some(now.saturating_add(self.config.interval));
                false
            }
            Some(at) => now >= at,
        };
        (Some(waiting), may_drop)
    }

    fn intervals(&self, n: u64) -> SimDuration {
        SimDuration::from_nanos(self.config.interval.as_nanos().saturating_mul(n))
    }

    /// `t` plus the interval divided by the square root of `count`, rounded down to a nanosecond.
    fn after(&self, t: SimTime, count: u64) -> SimTime {
        let root = (u128::from(count.clamp(1, u64::MAX >> 2)) << 64).isqrt();
        let ns = (u128::from(self.config.interval.as_nanos()) << 32) / root;
        t.saturating_add(SimDuration::from_nanos(u64::try_from(ns).unwrap_or(u64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::{Direction, Payload};
    use crate::segment::Segment;

    const MS: u64 = 1_000_000;

    fn config() -> CodelConfig {
        CodelConfig { target: SimDuration::from_millis(5), interval: SimDuration::from_millis(100) }
    }

    fn waiting(ms: u64) -> Waiting {
        let packet =
            Packet { flow: 0, way: Direction::Forward, seg: Segment::default(), payload: Payload::Ack };
        Waiting { packet, since: SimTime::from_nanos(ms * MS), bytes: 1_514 }
    }

    /// A queue in which every packet waits `wait` ms, one being sent each millisecond: when packets are dropped, in
    /// milliseconds.
    fn drops(codel: &mut Codel, from: u64, to: u64, wait: u64) -> Vec<u64> {
        let mut times = Vec::new();
        for ms in from..to {
            let mut fifo = Fifo::default();
            for _ in 0..20 {
                fifo.push(waiting(ms - wait));
            }
            let sent = codel.next(SimTime::from_nanos(ms * MS), &mut fifo, &mut |_| times.push(ms));
            assert!(sent.is_some());
        }
        times
    }

    #[test]
    fn the_drop_law_follows_the_sequence_computed_by_hand() {
        // The wait is above the target from 1000 ms on: the first drop comes an interval later, the next after
        // 100 / sqrt(1), 100 / sqrt(2), 100 / sqrt(3) ... ms, each seen at the next whole millisecond.
        let mut codel = Codel::new(config(), 1_514);
        let mut exact = 1_100.0;
        let mut expected = vec![1_100];
        for count in 1..=12 {
            exact += 100.0 / f64::from(count).sqrt();
            expected.push(exact.ceil() as u64);
        }
        assert_eq!(expected[..7], [1_100, 1_200, 1_271, 1_329, 1_379, 1_424, 1_464]);
        let end = expected[12] + 1;
        assert_eq!(drops(&mut codel, 1_000, end, 50), expected);
    }

    #[test]
    fn a_wait_below_the_target_ends_dropping_and_it_resumes_at_the_rate_it_had() {
        let mut codel = Codel::new(config(), 1_514);
        let first = drops(&mut codel, 1_000, 1_500, 50);
        assert_eq!(first.len(), 7);
        assert_eq!(drops(&mut codel, 1_500, 1_510, 2), []);
        // An interval above the target again; then the pauses go on from 100 / sqrt(6) = 40.8 ms: seven drops were
        // counted, the first of them with the count 1.
        let again = drops(&mut codel, 1_510, 1_700, 50);
        assert_eq!(again[..3], [1_610, 1_651, 1_689]);
    }

    #[test]
    fn long_after_the_last_drop_it_begins_anew() {
        let mut codel = Codel::new(config(), 1_514);
        drops(&mut codel, 1_000, 1_500, 50);
        drops(&mut codel, 1_500, 4_000, 2);
        assert_eq!(drops(&mut codel, 4_000, 4_250, 50), [4_100, 4_200]);
    }

    #[test]
    fn a_single_packet_that_waits_long_is_not_dropped() {
        let mut codel = Codel::new(config(), 1_514);
        for ms in 1_000..3_000 {
            let mut fifo = Fifo::default();
            fifo.push(waiting(ms - 50));
            fifo.push(waiting(ms - 50));
            let mut dropped = 0;
            assert!(codel.next(SimTime::from_nanos(ms * MS), &mut fifo, &mut |_| dropped += 1).is_some());
            assert_eq!(dropped, 0);
        }
    }

    #[test]
    fn the_pause_is_the_interval_over_the_root_of_the_count() {
        let codel = Codel::new(config(), 1_514);
        let pause = |count| codel.after(SimTime::ZERO, count).as_nanos();
        assert_eq!(pause(1), 100_000_000);
        assert_eq!(pause(2), 70_710_678);
        assert_eq!(pause(3), 57_735_026);
        assert_eq!(pause(4), 50_000_000);
        assert_eq!(pause(10_000), 1_000_000);
    }
}
