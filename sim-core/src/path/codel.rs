//! Controlled delay (RFC 8289): packets are dropped while the shortest wait of an interval is above a target, the
//! oftener the longer that lasts.

use std::collections::VecDeque;

use super::Packet;
use super::slim::{Slim, Wardrobe};
use crate::config::CodelConfig;
use crate::segment::Ecn;
use crate::time::SimTime;

/// A packet that waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    pub(super) packet: Packet,
    pub(super) since: SimTime,
    /// With all headers.
    pub(super) bytes: u32,
}

impl Waiting {
    pub(super) fn new(packet: Packet, since: SimTime) -> Self {
        Self { packet, since, bytes: packet.wire_bytes() }
    }
}

/// The packets of one queue in order.
#[derive(Clone, Default, Debug)]
pub(super) struct Fifo {
    packets: VecDeque<(SimTime, Slim)>,
    wardrobe: Wardrobe,
    bytes: u64,
}

impl Fifo {
    /// A packet of `bytes` with all headers waits from now on.
    pub(super) fn push(&mut self, now: SimTime, packet: &Packet, bytes: u32) {
        self.bytes += u64::from(bytes);
        self.packets.push_back((now, self.wardrobe.put(packet)));
    }

    pub(super) fn pop(&mut self) -> Option<Waiting> {
        let (since, slim) = self.packets.pop_front()?;
        let waiting = Waiting::new(self.wardrobe.take(&slim), since);
        self.bytes -= u64::from(waiting.bytes);
        Some(waiting)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.packets.len()
    }
}

/// A time as the kernel's implementation keeps it: units of 1024 ns (`codel_time_t`).
const UNIT_NS: u64 = 1_024;

/// The next estimate of the inverse square root of `count` after `estimate`, a fraction of 16 bits: one step of Newton's
/// iteration, `x (3 - count x^2) / 2`. The kernel takes one with each drop (`codel_Newton_step`), so that the pauses are only
/// near those of RFC 8289 while the count moves; recorded.
fn newton(estimate: u16, count: u32) -> u16 {
    let x = u64::from(estimate) << 16;
    let square = (x * x) >> 32;
    let rest = (3_u64 << 32).saturating_sub(u64::from(count) * square);
    (((rest >> 2) * x) >> 31 >> 16) as u16
}

/// The state of the drop law. One waits with its `Fifo`; the two are apart so that a scheduler can own the packets.
#[derive(Clone, Debug)]
pub(super) struct Codel {
    config: CodelConfig,
    /// Packets are marked rather than dropped, if they allow it.
    ecn: bool,
    /// With no more than this behind a packet, nothing stands in the queue.
    max_packet: u64,
    /// When the wait will have been above the target for an interval.
    first_above: Option<u64>,
    dropping: bool,
    /// When the next drop is due; this and the times below are in [`UNIT_NS`].
    drop_next: u64,
    count: u32,
    last_count: u32,
    /// Estimate of `1 / sqrt(count)`, 16 bits behind the point.
    inverse_root: u16,
}

impl Codel {
    /// An idle law for packets of at most `max_packet` bytes.
    pub(super) fn new(config: CodelConfig, ecn: bool, max_packet: u32) -> Self {
        Self {
            config,
            ecn,
            max_packet: u64::from(max_packet),
            first_above: None,
            dropping: false,
            drop_next: 0,
            count: 0,
            last_count: 0,
            inverse_root: 0,
        }
    }

    /// The next packet to be sent at `now`; what is dropped before it goes to `dropped` (RFC 8289, section 5.5;
    /// `codel_dequeue`). `others` are the bytes that wait in other queues of the same scheduler.
    pub(super) fn next(
        &mut self,
        now: SimTime,
        queue: &mut Fifo,
        others: u64,
        dropped: &mut impl FnMut(&Waiting),
    ) -> Option<Waiting> {
        let now = now.as_nanos() / UNIT_NS;
        let (mut head, mut may_drop) = self.head(now, queue, others);
        if self.dropping {
            self.dropping = may_drop;
            while self.dropping && now >= self.drop_next {
                let Some(waiting) = head else { break };
                self.count = self.count.saturating_add(1);
                self.inverse_root = newton(self.inverse_root, self.count);
                if let Some(marked) = self.marked(waiting) {
                    self.drop_next = self.after(self.drop_next);
                    return Some(marked);
                }
                dropped(&waiting);
                (head, may_drop) = self.head(now, queue, others);
                self.dropping = may_drop;
                if may_drop {
                    self.drop_next = self.after(self.drop_next);
                }
            }
        } else if let Some(waiting) = head.filter(|_| may_drop) {
            if let Some(marked) = self.marked(waiting) {
                head = Some(marked);
            } else {
                dropped(&waiting);
                (head, _) = self.head(now, queue, others);
            }
            self.dropping = true;
            // Shortly after the last time it goes on with the rate that controlled the queue then.
            let delta = self.count.saturating_sub(self.last_count);
            let ever = self.drop_next > 0;
            let recent = ever && now.saturating_sub(self.drop_next) < 16 * self.interval();
            if delta > 1 && recent {
                self.count = delta;
                self.inverse_root = newton(self.inverse_root, delta);
            } else {
                (self.count, self.inverse_root) = (1, u16::MAX);
            }
            self.drop_next = self.after(now);
            self.last_count = self.count;
        }
        head
    }

    /// The first packet, and whether the wait has been above the target long enough (`codel_should_drop`).
    fn head(&mut self, now: u64, queue: &mut Fifo, others: u64) -> (Option<Waiting>, bool) {
        let Some(waiting) = queue.pop() else {
            self.first_above = None;
            return (None, false);
        };
        let waited = now.saturating_sub(waiting.since.as_nanos() / UNIT_NS);
        let below =
            waited < self.config.target.as_nanos() / UNIT_NS || queue.bytes() + others <= self.max_packet;
        let may_drop = match self.first_above {
            _ if below => {
                self.first_above = None;
                false
            }
            None => {
                self.first_above = Some(now + self.interval());
                false
            }
            Some(at) => now > at,
        };
        (Some(waiting), may_drop)
    }

    /// The packet with a mark in place of its drop, if it can have one (`INET_ECN_set_ce`).
    fn marked(&self, mut waiting: Waiting) -> Option<Waiting> {
        let can = self.ecn && waiting.packet.seg.ecn != Ecn::NotEct;
        waiting.packet.seg.ecn = Ecn::Ce;
        can.then_some(waiting)
    }

    /// A packet of the queue was dropped for another reason.
    pub(super) fn count_drop(&mut self) {
        self.count = self.count.saturating_add(1);
    }

    fn interval(&self) -> u64 {
        self.config.interval.as_nanos() / UNIT_NS
    }

    /// `t` plus the interval divided by the square root of the count (`codel_control_law`).
    fn after(&self, t: u64) -> u64 {
        t + ((self.interval() * u64::from(self.inverse_root)) >> 16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::{Direction, Payload};
    use crate::segment::Segment;
    use crate::time::SimDuration;

    const MS: u64 = 1_000_000;

    fn config() -> CodelConfig {
        CodelConfig { target: SimDuration::from_millis(5), interval: SimDuration::from_millis(100) }
    }

    fn wait(fifo: &mut Fifo, ms: u64) {
        let seg = Segment { len: 1_460, ..Segment::default() };
        let packet = Packet { flow: 0, way: Direction::Forward, seg, payload: Payload::Ack };
        fifo.push(SimTime::from_nanos(ms * MS), &packet, packet.wire_bytes());
    }

    /// A queue in which every packet waits `since` ms, one being sent each millisecond: when packets are dropped, in
    /// milliseconds.
    fn drops(codel: &mut Codel, from: u64, to: u64, since: u64) -> Vec<u64> {
        let mut times = Vec::new();
        for ms in from..to {
            let mut fifo = Fifo::default();
            for _ in 0..20 {
                wait(&mut fifo, ms - since);
            }
            let sent = codel.next(SimTime::from_nanos(ms * MS), &mut fifo, 0, &mut |_| times.push(ms));
            assert!(sent.is_some());
        }
        times
    }

    #[test]
    fn the_drop_law_follows_the_sequence_computed_by_hand() {
        // The wait is above the target from 1000 ms on: the first drop comes an interval later, the next after 100 ms times
        // 1, 0.5, 0.5625 ...: Newton's steps towards 1 / sqrt(2), 1 / sqrt(3) ... Each is seen at the next whole millisecond.
        let mut codel = Codel::new(config(), false, 1_514);
        let (mut exact, mut estimate) = (1_100.0, 1.0);
        let mut expected = vec![1_101];
        for count in 1..=10 {
            if count > 1 {
                estimate *= (3.0 - f64::from(count) * estimate * estimate) / 2.0;
            }
            exact += 100.0 * estimate;
            expected.push(exact.ceil() as u64 + 1);
        }
        let end = expected[10] + 1;
        assert_eq!(drops(&mut codel, 1_000, end, 50), expected);
    }

    #[test]
    fn a_wait_below_the_target_ends_dropping_and_it_resumes_at_the_rate_it_had() {
        let mut codel = Codel::new(config(), false, 1_514);
        let first = drops(&mut codel, 1_000, 1_500, 50);
        assert_eq!(first.len(), 8);
        assert_eq!(drops(&mut codel, 1_500, 1_510, 2), []);
        // An interval above the target again; then the pauses go on from 100 / sqrt(7) = 37.8 ms: eight drops were
        // counted, the first of them with the count 1.
        let again = drops(&mut codel, 1_510, 1_700, 50);
        assert_eq!(again[..3], [1_611, 1_649, 1_684]);
    }

    #[test]
    fn long_after_the_last_drop_it_begins_anew() {
        let mut codel = Codel::new(config(), false, 1_514);
        drops(&mut codel, 1_000, 1_500, 50);
        drops(&mut codel, 1_500, 4_000, 2);
        assert_eq!(drops(&mut codel, 4_000, 4_250, 50), [4_101, 4_201]);
    }

    #[test]
    fn a_single_packet_that_waits_long_is_not_dropped() {
        let mut codel = Codel::new(config(), false, 1_514);
        for ms in 1_000..3_000 {
            let mut fifo = Fifo::default();
            wait(&mut fifo, ms - 50);
            wait(&mut fifo, ms - 50);
            let mut dropped = 0;
            assert!(codel.next(SimTime::from_nanos(ms * MS), &mut fifo, 0, &mut |_| dropped += 1).is_some());
            assert_eq!(dropped, 0);
        }
    }

    #[test]
    fn the_pause_comes_near_the_interval_over_the_root_of_the_count() {
        let mut codel = Codel::new(config(), false, 1_514);
        codel.inverse_root = u16::MAX;
        for count in 1..=1_000 {
            codel.inverse_root = newton(codel.inverse_root, count);
            let pause = (codel.after(0) * UNIT_NS) as f64;
            let exact = 1e8 / f64::from(count).sqrt();
            // One step with each drop follows a count that grows by one.
            let bound = if count < 4 { 0.3 } else { 0.03 };
            assert!((pause / exact - 1.0).abs() < bound, "{count}: {pause} {exact}");
        }
    }
}
