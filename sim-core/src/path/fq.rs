//! Fair queueing with pacing on the device of the sending host (`tc fq`, `sch_fq.c`).
//!
//! A socket says with each packet when it is to leave (`skb->tstamp`, `tcp_wstamp_ns`), and hands it over at once; here it
//! waits for its time, charged to the socket, which is what small queues look at. Packets of one connection keep their order.
//! The device behind it takes whatever leaves, so that connections have nothing to share and their turns (`quantum`) do
//! not matter.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use super::tbf::Verdict;
use super::{Direction, Packet};
use crate::config::FairQueue;
use crate::queue::Key;
use crate::time::{SimDuration, SimTime};

const NS_PER_S: u128 = 1_000_000_000;
/// Packets that are to leave later than this are refused (`horizon`, `horizon_drop`).
const HORIZON: SimDuration = SimDuration::from_secs(10);

/// What `maxrate` makes of the packets of one connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Gate {
    /// Bytes per second; `None`: the socket alone paces.
    rate: Option<u64>,
    /// The next packet leaves no sooner (`time_next_packet`).
    next: SimTime,
}

impl Gate {
    /// A packet of `bytes` leaves at `now`. One that was late makes up for it with at most half of its own time.
    fn passes(&mut self, now: SimTime, bytes: u32) {
        let Some(rate) = self.rate else { return };
        let ns = u64::try_from(u128::from(bytes) * NS_PER_S / u128::from(rate.max(1))).unwrap_or(u64::MAX);
        let late = if self.next == SimTime::ZERO { 0 } else { now.since(self.next).as_nanos() };
        self.next = SimTime::from_nanos(now.as_nanos().saturating_add(ns - late.min(ns / 2)));
    }
}

/// What a socket gets to see of the queue while it sends: its own packets, and whether there is room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FairView {
    gate: Gate,
    /// Packets of the connection that wait.
    own: u32,
    own_limit: u32,
    /// Packets of all connections that wait.
    all: u32,
    limit: u32,
}

impl FairView {
    /// A packet of `bytes` that is to leave at `release` comes at `now`.
    pub(crate) fn offer(&mut self, now: SimTime, release: SimTime, bytes: u32) -> Verdict {
        if release > now + HORIZON || self.all >= self.limit || self.own >= self.own_limit {
            return Verdict::Refused;
        }
        if self.own == 0 && release.max(self.gate.next) <= now {
            self.gate.passes(now, bytes);
            return Verdict::Passes;
        }
        self.own += 1;
        self.all += 1;
        Verdict::Waits
    }
}

/// One connection's packets, one way.
#[derive(Clone, Debug)]
struct Flow {
    gate: Gate,
    /// Packets with the time at which their socket wants them to leave.
    packets: VecDeque<(SimTime, Packet)>,
}

/// The queue.
#[derive(Clone, Debug)]
pub(super) struct FairQueues {
    config: FairQueue,
    flows: Vec<Flow>,
    /// When the first packet of each connection with packets leaves.
    order: BinaryHeap<Reverse<(Key, usize)>>,
    waiting: u32,
    /// Packets that have left, for their sockets to be told.
    pub(super) released: VecDeque<Packet>,
    refused: u64,
    /// What the socket said of the packet that comes next.
    release: Option<SimTime>,
}

/// The place of a packet's connection: both ways of one are apart.
fn place(flow: u32, way: Direction) -> usize {
    2 * flow as usize + usize::from(way == Direction::Reverse)
}

impl FairQueues {
    pub(super) fn new(config: FairQueue) -> Self {
        Self {
            config,
            flows: Vec::new(),
            order: BinaryHeap::new(),
            waiting: 0,
            released: VecDeque::new(),
            refused: 0,
            release: None,
        }
    }

    fn fresh(&self) -> Gate {
        Gate { rate: self.config.max_rate, next: SimTime::ZERO }
    }

    /// What a socket of this connection sees.
    pub(super) fn view(&self, flow: u32, way: Direction) -> FairView {
        let own = self.flows.get(place(flow, way));
        FairView {
            gate: own.map_or_else(|| self.fresh(), |f| f.gate),
            own: own.map_or(0, |f| f.packets.len() as u32),
            own_limit: self.config.flow_limit,
            all: self.waiting,
            limit: self.config.limit,
        }
    }

    /// Packets that wait.
    pub(super) fn holds(&self) -> u64 {
        u64::from(self.waiting)
    }

    /// Packets for which there was no room.
    pub(super) const fn refused(&self) -> u64 {
        self.refused
    }

    /// The place in the order of events at which the next packet leaves.
    pub(super) fn wake(&self) -> Key {
        self.order.peek().map_or(Key::NEVER, |Reverse((key, _))| *key)
    }

    /// The next packet is to leave at `release`, says its socket.
    pub(super) const fn set_release(&mut self, release: SimTime) {
        self.release = Some(release);
    }

    /// A packet arrives; what was due before was taken with [`Self::next`].
    pub(super) fn push(&mut self, now: SimTime, packet: Packet, key: impl FnOnce(SimTime) -> Key) -> Verdict {
        let release = self.release.take().unwrap_or(now);
        let at = place(packet.flow, packet.way);
        let verdict = self.view(packet.flow, packet.way).offer(now, release, packet.wire_bytes());
        if at >= self.flows.len() {
            let gate = self.fresh();
            self.flows.resize_with(at + 1, || Flow { gate, packets: VecDeque::new() });
        }
        let flow = &mut self.flows[at];
        match verdict {
            Verdict::Passes => {
                flow.gate.passes(now, packet.wire_bytes());
                // The socket may have taken it for one that waits.
                self.released.push_back(packet);
            }
            Verdict::Refused => self.refused += 1,
            Verdict::Waits => {
                flow.packets.push_back((release, packet));
                self.waiting += 1;
                if flow.packets.len() == 1 {
                    self.order.push(Reverse((key(release.max(flow.gate.next).max(now)), at)));
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
        let Reverse((due, place)) = *self.order.peek().filter(|Reverse((key, _))| key.time() <= now)?;
        self.order.pop();
        let flow = &mut self.flows[place];
        let (_, packet) = flow.packets.pop_front()?;
        self.waiting -= 1;
        flow.gate.passes(due.time(), packet.wire_bytes());
        if let Some((release, _)) = flow.packets.front() {
            self.order.push(Reverse((key((*release).max(flow.gate.next).max(due.time())), place)));
        }
        self.released.push_back(packet);
        Some((due.time(), packet))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::Payload;
    use crate::segment::Segment;
    use crate::seq::Seq;

    fn at(us: u64) -> SimTime {
        SimTime::from_nanos(us * 1_000)
    }

    fn packet(flow: u32, seq: i64) -> Packet {
        let seg = Segment { seq: Seq(seq), len: 1_000, ..Segment::default() };
        Packet { flow, way: Direction::Forward, seg, payload: Payload::Ack }
    }

    /// What leaves when, given packets with the times their sockets want.
    fn leaves(config: FairQueue, offered: &[(u32, i64, u64)]) -> (Vec<(u64, u32, i64)>, u64) {
        let mut q = FairQueues::new(config);
        let mut n = 0;
        let mut key = |time| {
            n += 1;
            Key::new(time, n)
        };
        let mut out = Vec::new();
        for &(flow, seq, release) in offered {
            q.set_release(at(release));
            if q.push(at(0), packet(flow, seq), &mut key) == Verdict::Passes {
                out.push((0, flow, seq));
            }
        }
        while q.wake() != Key::NEVER {
            let (t, p) = q.next(q.wake().time(), &mut key).unwrap();
            out.push((t.as_nanos() / 1_000, p.flow, p.seg.seq.0));
        }
        (out, q.refused())
    }

    const PLAIN: FairQueue = FairQueue { limit: 10_000, flow_limit: 100, max_rate: None };

    #[test]
    fn packets_leave_at_the_times_their_sockets_want_and_in_their_order() {
        let offered = [(0, 1, 0), (0, 2, 50), (1, 1, 20), (0, 3, 40), (1, 2, 60)];
        let (out, refused) = leaves(PLAIN, &offered);
        assert_eq!(out, [(0, 0, 1), (20, 1, 1), (50, 0, 2), (50, 0, 3), (60, 1, 2)]);
        assert_eq!(refused, 0);
    }

    #[test]
    fn a_connection_has_no_more_than_its_own_places_and_no_packet_waits_beyond_the_horizon() {
        let offered: Vec<_> = (0..5).map(|n| (0, n, 10)).chain([(1, 0, 10), (2, 0, 10_000_001)]).collect();
        let (out, refused) = leaves(FairQueue { flow_limit: 3, ..PLAIN }, &offered);
        assert_eq!((out.len(), refused), (4, 3));
    }

    #[test]
    fn a_largest_rate_keeps_the_packets_of_each_connection_apart() {
        // 1054 bytes with headers at 1.054 MB/s take a millisecond.
        let offered = [(0, 1, 0), (0, 2, 0), (0, 3, 0), (1, 1, 0)];
        let (out, _) = leaves(FairQueue { max_rate: Some(1_054_000), ..PLAIN }, &offered);
        assert_eq!(out, [(0, 0, 1), (0, 1, 1), (1_000, 0, 2), (2_000, 0, 3)]);
    }
}
