//! The narrowest part of a path: a queue in front of a rate, shared by all connections.
//!
//! It looks at packets one by one as a router does: what a sender's offload left in one piece is cut before it.

use super::codel::{Codel, Fifo, Waiting};
use super::delays::Delays;
use super::fq_codel::FqCodel;
use super::{LINK_HEADER, Packet};
use crate::config::{Discipline, LinkConfig, Overhead, QueueLimit};
use crate::queue::Key;
use crate::segment::Ecn;
use crate::time::{SimDuration, SimTime};

/// What a queue has done.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct QueueStats {
    /// Packets that came to it.
    pub entered: u64,
    /// Packets dropped because it was full.
    pub overflowed: u64,
    /// Packets dropped by the law of controlled delay.
    pub controlled: u64,
    /// Packets marked instead.
    pub marked: u64,
    /// Packets that were sent, and how long each waited before its first bit went out.
    pub waited: Delays,
    /// Most packets that ever waited.
    pub max_packets: u64,
    /// Most bytes that ever waited, with all headers.
    pub max_bytes: u64,
}

impl QueueStats {
    /// All packets dropped.
    pub fn dropped(&self) -> u64 {
        self.overflowed + self.controlled
    }
}

/// What decides which packet goes next.
#[derive(Clone, Debug)]
enum Scheduler {
    DropTail(Fifo),
    Codel(Fifo, Box<Codel>),
    FqCodel(Box<FqCodel>),
}

/// A token bucket (`tbf`), its tokens counted as time at the rate.
#[derive(Clone, Debug)]
struct Bucket {
    size: SimDuration,
    tokens: SimDuration,
    /// When there were so many.
    at: SimTime,
}

impl Bucket {
    fn full(size: SimDuration) -> Self {
        Self { size, tokens: size, at: SimTime::ZERO }
    }

    /// When the tokens for a packet that takes so long are there; they are spent then.
    fn spend(&mut self, now: SimTime, takes: SimDuration) -> SimTime {
        let there = (self.tokens + now.since(self.at)).min(self.size);
        let wait = SimDuration::from_nanos(takes.as_nanos().saturating_sub(there.as_nanos()));
        self.tokens = SimDuration::from_nanos(there.as_nanos().saturating_sub(takes.as_nanos()));
        self.at = now.saturating_add(wait);
        self.at
    }
}

/// A queue, and the transmitter that it feeds.
#[derive(Clone, Debug)]
pub(super) struct Bottleneck {
    rate_bps: u64,
    overhead: Overhead,
    bucket: Option<Bucket>,
    limit: QueueLimit,
    scheduler: Scheduler,
    /// Packets and bytes that wait.
    packets: u64,
    bytes: u64,
    /// The packet on the wire, and when its last bit will have left.
    sending: Option<(SimTime, Packet)>,
    /// The place of that moment in the order of events.
    wake: Key,
    stats: QueueStats,
}

impl Bottleneck {
    /// The queue of `config`; `None` if it has no queue or no rate. `hash_key` decides which connections share one
    /// of the queues of fq_codel.
    pub(super) fn new(config: &LinkConfig, hash_key: u64) -> Option<Self> {
        let queue = config.queue?;
        let rate_bps = config.rate_bps.filter(|bps| *bps > 0)?;
        let max_packet = config.mtu + LINK_HEADER;
        let scheduler = match queue.discipline {
            Discipline::DropTail => Scheduler::DropTail(Fifo::default()),
            Discipline::Codel(codel) => {
                Scheduler::Codel(Fifo::default(), Box::new(Codel::new(codel, queue.ecn, max_packet)))
            }
            Discipline::FqCodel { codel, quantum, flows } => Scheduler::FqCodel(Box::new(FqCodel::new(
                Codel::new(codel, queue.ecn, max_packet),
                quantum,
                flows,
                hash_key,
            ))),
        };
        Some(Self {
            rate_bps,
            overhead: config.overhead,
            bucket: queue.burst.map(|burst| Bucket::full(transmission(burst, rate_bps))),
            limit: queue.limit,
            scheduler,
            packets: 0,
            bytes: 0,
            sending: None,
            wake: Key::NEVER,
            stats: QueueStats::default(),
        })
    }

    /// The place in the order of events at which the packet on the wire will have left.
    pub(super) fn wake(&self) -> Key {
        self.wake
    }

    pub(super) fn stats(&self) -> &QueueStats {
        &self.stats
    }

    /// Packets in the queue and on the wire.
    pub(super) fn holds(&self) -> u64 {
        self.packets + u64::from(self.sending.is_some() && self.bucket.is_none())
    }

    /// A packet arrives at `now`. What left before was taken with [`Self::sent`].
    pub(super) fn push(&mut self, now: SimTime, packet: &Packet, mut key: impl FnMut(SimTime) -> Key) {
        let of = packet.segments();
        if of == 1 {
            self.push_one(now, packet);
            return self.send_next(now, key);
        }
        for n in 0..of {
            self.push_one(now, &packet.piece(n));
            self.send_next(now, &mut key);
        }
    }

    fn push_one(&mut self, now: SimTime, packet: &Packet) {
        self.stats.entered += 1;
        let bytes = packet.wire_bytes();
        let fits = match self.limit {
            QueueLimit::Packets(n) => self.packets < u64::from(n),
            QueueLimit::Bytes(n) => self.bytes + u64::from(bytes) <= n,
        };
        match &mut self.scheduler {
            Scheduler::DropTail(_) | Scheduler::Codel(..) if !fits => {
                self.stats.overflowed += 1;
                return;
            }
            Scheduler::DropTail(fifo) | Scheduler::Codel(fifo, _) => fifo.push(now, packet, bytes),
            Scheduler::FqCodel(fq) => fq.push(Waiting::new(*packet, now)),
        }
        self.packets += 1;
        self.bytes += u64::from(bytes);
        if let (Scheduler::FqCodel(fq), false) = (&mut self.scheduler, fits) {
            // It takes the packet and makes room.
            let (packets, all, stats) = (&mut self.packets, &mut self.bytes, &mut self.stats);
            fq.drop_fattest(&mut |w| {
                *packets -= 1;
                *all -= u64::from(w.bytes);
                stats.overflowed += 1;
            });
        }
        self.stats.max_packets = self.stats.max_packets.max(self.packets);
        self.stats.max_bytes = self.stats.max_bytes.max(self.bytes);
    }

    /// The packet whose last bit has left by `now`, with the moment it did; the next one follows at that moment.
    pub(super) fn sent(
        &mut self,
        now: SimTime,
        key: impl FnMut(SimTime) -> Key,
    ) -> Option<(SimTime, Packet)> {
        let (at, packet) = self.sending.take_if(|(at, _)| *at <= now)?;
        if self.bucket.is_some() {
            // What waits for tokens is still part of the queue (`qdisc_peek_dequeued`).
            self.left(packet.wire_bytes());
        }
        self.send_next(at, key);
        Some((at, packet))
    }

    fn left(&mut self, bytes: u32) {
        self.packets -= 1;
        self.bytes -= u64::from(bytes);
    }

    /// An idle wire takes the next packet.
    fn send_next(&mut self, now: SimTime, mut key: impl FnMut(SimTime) -> Key) {
        if self.sending.is_some() {
            return;
        }
        let (packets, bytes, stats) = (&mut self.packets, &mut self.bytes, &mut self.stats);
        let mut dropped = |w: &Waiting| {
            *packets -= 1;
            *bytes -= u64::from(w.bytes);
            stats.controlled += 1;
        };
        let next = match &mut self.scheduler {
            Scheduler::DropTail(fifo) => fifo.pop(),
            Scheduler::Codel(fifo, codel) => codel.next(now, fifo, 0, &mut dropped),
            Scheduler::FqCodel(fq) => fq.next(now, &mut dropped),
        };
        let Some(next) = next else {
            self.wake = Key::NEVER;
            return;
        };
        if self.bucket.is_none() {
            self.left(next.bytes);
        }
        self.stats.marked += u64::from(next.packet.seg.ecn == Ecn::Ce);
        self.stats.waited.add(now.since(next.since));
        let takes = transmission(self.overhead.on_wire(next.bytes), self.rate_bps);
        let end = match &mut self.bucket {
            None => now.saturating_add(takes),
            Some(bucket) => bucket.spend(now, takes),
        };
        self.sending = Some((end, next.packet));
        self.wake = key(end);
    }
}

/// How long `bytes` take at a rate, rounded down to a nanosecond.
pub(super) fn transmission(bytes: u32, rate_bps: u64) -> SimDuration {
    const NS_PER_BIT: u64 = 8 * 1_000_000_000;
    let ns = match u64::from(bytes).checked_mul(NS_PER_BIT) {
        // 64 bits are enough for every packet, and divide much faster.
        Some(bits) => bits / rate_bps,
        None => u64::try_from(u128::from(bytes) * u128::from(NS_PER_BIT) / u128::from(rate_bps))
            .unwrap_or(u64::MAX),
    };
    SimDuration::from_nanos(ns)
}
