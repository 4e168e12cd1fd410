//! A token bucket on the device of the sending host (`tc tbf`).
//!
//! Packets that the tokens do not suffice for wait and stay charged to their sockets, which is what small queues
//! (`tcp_small_queue_check`) look at. A packet that a sender's offload left in one piece goes through in one piece.

use std::collections::VecDeque;

use super::Packet;
use crate::config::Tokens;
use crate::queue::Key;
use crate::time::SimTime;

const NS_PER_S: u128 = 1_000_000_000;

/// What becomes of a packet that is offered to a bucket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// It leaves at once.
    Passes,
    /// It waits, charged to its socket.
    Waits,
    /// There is no room.
    Refused,
}

/// The bucket without the packets that wait for it: what a socket gets to see of it while it sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bucket {
    rate_bps: u64,
    /// Time that a full bucket pays for, nanoseconds.
    depth: u64,
    /// Time that its tokens pay for, nanoseconds, at `at`.
    tokens: u64,
    at: SimTime,
    /// Bytes that wait.
    waiting: u64,
    limit: u64,
}

impl Bucket {
    fn new(shaper: &Tokens) -> Self {
        let mut bucket = Self {
            rate_bps: shaper.rate_bps.max(1),
            depth: 0,
            tokens: 0,
            at: SimTime::ZERO,
            waiting: 0,
            limit: shaper.limit,
        };
        bucket.depth = bucket.price(shaper.burst);
        bucket.tokens = bucket.depth;
        bucket
    }

    /// What `bytes` cost, nanoseconds.
    fn price(&self, bytes: u32) -> u64 {
        u64::try_from(u128::from(bytes) * 8 * NS_PER_S / u128::from(self.rate_bps)).unwrap_or(u64::MAX)
    }

    /// Pays for a packet of `bytes` at `now`, or says when the tokens will suffice (`tbf_dequeue`). A packet larger than
    /// the bucket leaves when it is full.
    fn pay(&mut self, now: SimTime, bytes: u32) -> Result<(), SimTime> {
        let price = self.price(bytes).min(self.depth);
        let tokens = self.tokens.saturating_add(now.since(self.at).as_nanos()).min(self.depth);
        if tokens < price {
            return Err(SimTime::from_nanos(now.as_nanos().saturating_add(price - tokens)));
        }
        (self.tokens, self.at) = (tokens - price, now);
        Ok(())
    }

    /// A packet of `bytes` comes at `now`.
    pub(crate) fn offer(&mut self, now: SimTime, bytes: u32) -> Verdict {
        if self.waiting == 0 && self.pay(now, bytes).is_ok() {
            return Verdict::Passes;
        }
        if self.waiting + u64::from(bytes) > self.limit {
            return Verdict::Refused;
        }
        self.waiting += u64::from(bytes);
        Verdict::Waits
    }
}

/// A bucket and the packets that wait for it.
#[derive(Clone, Debug)]
pub(super) struct TokenBucket {
    bucket: Bucket,
    queue: VecDeque<Packet>,
    wake: Key,
    /// Packets that the tokens did not suffice for and that have left since, for their sockets to be told.
    pub(super) released: VecDeque<Packet>,
    refused: u64,
}

impl TokenBucket {
    pub(super) fn new(shaper: &Tokens) -> Self {
        Self {
            bucket: Bucket::new(shaper),
            queue: VecDeque::new(),
            wake: Key::NEVER,
            released: VecDeque::new(),
            refused: 0,
        }
    }

    pub(super) const fn bucket(&self) -> Bucket {
        self.bucket
    }

    /// Packets that wait.
    pub(super) fn holds(&self) -> u64 {
        self.queue.len() as u64
    }

    /// Packets for which there was no room.
    pub(super) const fn refused(&self) -> u64 {
        self.refused
    }

    /// The place in the order of events at which the next packet can leave.
    pub(super) const fn wake(&self) -> Key {
        self.wake
    }

    /// A packet arrives; what was due before was taken with [`Self::next`].
    pub(super) fn push(&mut self, now: SimTime, packet: Packet, key: impl FnOnce(SimTime) -> Key) -> Verdict {
        let verdict = self.bucket.offer(now, packet.wire_bytes());
        match verdict {
            Verdict::Passes => {}
            Verdict::Refused => self.refused += 1,
            Verdict::Waits => {
                self.queue.push_back(packet);
                if self.queue.len() == 1 {
                    self.schedule(now, key);
                }
            }
        }
        verdict
    }

    /// The next packet whose time has come by `now`, and when it leaves.
    pub(super) fn next(
        &mut self,
        now: SimTime,
        key: impl FnOnce(SimTime) -> Key,
    ) -> Option<(SimTime, Packet)> {
        let at = self.wake.time();
        if at > now {
            return None;
        }
        let packet = self.queue.pop_front()?;
        let bytes = packet.wire_bytes();
        // The tokens suffice now: that is what the wake-up was for.
        let _ = self.bucket.pay(at, bytes);
        self.bucket.waiting -= u64::from(bytes);
        self.released.push_back(packet);
        self.schedule(at, key);
        Some((at, packet))
    }

    fn schedule(&mut self, now: SimTime, key: impl FnOnce(SimTime) -> Key) {
        self.wake = match self.queue.front() {
            None => Key::NEVER,
            Some(first) => {
                let mut trial = self.bucket;
                key(trial.pay(now, first.wire_bytes()).err().unwrap_or(now))
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(us: u64) -> SimTime {
        SimTime::from_nanos(us * 1_000)
    }

    /// Recorded (`q1_tsq_tbf`): packets of two segments, 3028 bytes with headers, leave every 2.4224 ms at 10 Mbit/s.
    #[test]
    fn packets_leave_when_their_bytes_are_paid_for() {
        let mut b = Bucket::new(&Tokens { rate_bps: 10_000_000, burst: 5_000, limit: 6_100 });
        assert_eq!(b.pay(at(0), 3_028), Ok(()));
        // 4 ms less 2.4224 ms are left.
        assert_eq!(b.pay(at(0), 3_028), Err(SimTime::from_nanos(844_800)));
        assert_eq!(b.pay(SimTime::from_nanos(844_800), 3_028), Ok(()));
        assert_eq!(b.pay(SimTime::from_nanos(844_800), 3_028), Err(SimTime::from_nanos(844_800 + 2_422_400)));
    }

    #[test]
    fn a_packet_waits_behind_others_and_is_refused_where_there_is_no_room() {
        let mut b = Bucket::new(&Tokens { rate_bps: 10_000_000, burst: 3_100, limit: 6_100 });
        assert_eq!(b.offer(at(0), 3_028), Verdict::Passes);
        assert_eq!(b.offer(at(0), 3_028), Verdict::Waits);
        assert_eq!(b.offer(at(0), 66), Verdict::Waits, "the tokens would suffice, but it is not its turn");
        assert_eq!(b.offer(at(0), 3_028), Verdict::Refused);
    }
}
