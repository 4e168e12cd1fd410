//! Flow queueing with controlled delay (RFC 8290): flows are spread over queues by a hash, the queues take turns by
//! deficit round robin, and those that have just become active go first.

use std::collections::VecDeque;

use super::codel::{Codel, Fifo, Waiting};
use crate::time::SimTime;

/// Packets that an overfull scheduler drops at most at once (`drop_batch`).
const DROP_BATCH: usize = 64;

/// The queue of one hash value.
#[derive(Clone, Debug)]
struct Flow {
    fifo: Fifo,
    codel: Codel,
    deficit: i64,
    listed: bool,
}

/// The scheduler.
#[derive(Clone, Debug)]
pub(super) struct FqCodel {
    /// Made when their first packet arrives.
    flows: Vec<Option<Box<Flow>>>,
    fresh: Codel,
    quantum: i64,
    hash_key: u64,
    /// Bytes that wait in all queues. Whether anything stands in a queue is judged by them (recorded; RFC 8290 would look at
    /// the one queue).
    bytes: u64,
    /// Queues that became active, and those that have had their turn.
    new: VecDeque<usize>,
    old: VecDeque<usize>,
}

impl FqCodel {
    pub(super) fn new(fresh: Codel, quantum: u32, flows: u32, hash_key: u64) -> Self {
        Self {
            flows: vec![None; flows.max(1) as usize],
            fresh,
            quantum: i64::from(quantum.max(1)),
            hash_key,
            bytes: 0,
            new: VecDeque::new(),
            old: VecDeque::new(),
        }
    }

    /// The queue of a connection: a hash spread over all queues (`reciprocal_scale`).
    fn queue_of(&self, flow: u32) -> usize {
        let hash = mix(self.hash_key ^ u64::from(flow)) >> 32;
        ((hash * self.flows.len() as u64) >> 32) as usize
    }

    pub(super) fn push(&mut self, waiting: Waiting) {
        let at = self.queue_of(waiting.packet.flow);
        let (fresh, quantum) = (&self.fresh, self.quantum);
        let flow = self.flows[at].get_or_insert_with(|| {
            Box::new(Flow { fifo: Fifo::default(), codel: fresh.clone(), deficit: 0, listed: false })
        });
        self.bytes += u64::from(waiting.bytes);
        flow.fifo.push(waiting.since, &waiting.packet, waiting.bytes);
        if !flow.listed {
            (flow.listed, flow.deficit) = (true, quantum);
            self.new.push_back(at);
        }
    }

    /// Makes room: the queue with most bytes loses packets from its head until half of them are gone, but no more
    /// than a batch (`fq_codel_drop`).
    pub(super) fn drop_fattest(&mut self, dropped: &mut impl FnMut(&Waiting)) {
        let active = self.new.iter().chain(&self.old);
        let fattest = active
            .copied()
            .max_by_key(|&at| (self.flows[at].as_ref().map_or(0, |f| f.fifo.bytes()), usize::MAX - at));
        let Some(flow) = fattest.and_then(|at| self.flows[at].as_mut()) else { return };
        let enough = flow.fifo.bytes() / 2;
        let mut gone = 0;
        for _ in 0..DROP_BATCH {
            let Some(waiting) = flow.fifo.pop() else { break };
            gone += u64::from(waiting.bytes);
            self.bytes -= u64::from(waiting.bytes);
            // Its drop law goes on as if it had dropped them.
            flow.codel.count_drop();
            dropped(&waiting);
            if gone >= enough {
                break;
            }
        }
    }

    /// The next packet to be sent at `now` (RFC 8290, section 4.2).
    pub(super) fn next(&mut self, now: SimTime, dropped: &mut impl FnMut(&Waiting)) -> Option<Waiting> {
        loop {
            let is_new = !self.new.is_empty();
            let at = if is_new { self.new.pop_front()? } else { self.old.pop_front()? };
            let Some(flow) = self.flows[at].as_mut() else { continue };
            if flow.deficit <= 0 {
                flow.deficit += self.quantum;
                self.old.push_back(at);
                continue;
            }
            let before = flow.fifo.bytes();
            let next = flow.codel.next(now, &mut flow.fifo, self.bytes - before, dropped);
            self.bytes -= before - flow.fifo.bytes();
            match next {
                Some(waiting) => {
                    flow.deficit -= i64::from(waiting.bytes);
                    let list = if is_new { &mut self.new } else { &mut self.old };
                    list.push_front(at);
                    return Some(waiting);
                }
                // A new queue that ran empty goes through the old ones first, lest it be new at once again.
                None if is_new && !self.old.is_empty() => self.old.push_back(at),
                None => flow.listed = false,
            }
        }
    }
}

/// A 64-bit finaliser (SplitMix64).
fn mix(key: u64) -> u64 {
    let mut z = key.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::CodelConfig;
    use crate::path::{Direction, Packet, Payload};
    use crate::segment::Segment;
    use crate::time::SimDuration;

    fn scheduler(flows: u32) -> FqCodel {
        let config =
            CodelConfig { target: SimDuration::from_millis(5), interval: SimDuration::from_millis(100) };
        FqCodel::new(Codel::new(config, false, 1_514), 1_514, flows, 7)
    }

    fn packet(flow: u32, bytes: u32, ms: u64) -> Waiting {
        let seg = Segment { len: bytes - 54, ..Segment::default() };
        let packet = Packet { flow, way: Direction::Forward, seg, payload: Payload::Ack };
        Waiting::new(packet, SimTime::from_nanos(ms * 1_000_000))
    }

    /// Packets that wait.
    fn waiting(fq: &FqCodel) -> usize {
        fq.flows.iter().flatten().map(|f| f.fifo.len()).sum()
    }

    fn order(fq: &mut FqCodel, n: usize) -> Vec<u32> {
        let next = |_| fq.next(SimTime::ZERO, &mut |_| unreachable!()).unwrap().packet.flow;
        (0..n).map(next).collect()
    }

    #[test]
    fn a_thin_flow_passes_the_packets_of_a_fat_one() {
        let mut fq = scheduler(1_024);
        (0..100).for_each(|_| fq.push(packet(1, 1_514, 0)));
        assert_eq!(order(&mut fq, 3), [1, 1, 1]);
        fq.push(packet(2, 100, 0));
        assert_eq!(order(&mut fq, 2), [2, 1]);
        assert_eq!(waiting(&fq), 96);
    }

    #[test]
    fn fat_flows_share_by_bytes_and_not_by_packets() {
        let mut fq = scheduler(1_024);
        for _ in 0..400 {
            fq.push(packet(1, 1_514, 0));
            fq.push(packet(2, 1_514 / 2, 0));
        }
        let sent = order(&mut fq, 300);
        let of_first = sent.iter().filter(|f| **f == 1).count();
        assert!((98..=102).contains(&of_first), "{of_first} of 300");
    }

    #[test]
    fn a_flow_in_a_standing_queue_is_dropped_from_and_the_other_is_not() {
        let mut fq = scheduler(1_024);
        let mut dropped = Vec::new();
        let mut sent = [0; 3];
        // Flow 1 keeps a standing queue, flow 2 sends one packet every 10 ms.
        for ms in 0..2_000 {
            (0..2).for_each(|_| fq.push(packet(1, 1_514, ms)));
            if ms % 10 == 0 {
                fq.push(packet(2, 200, ms));
            }
            let now = SimTime::from_nanos(ms * 1_000_000);
            if let Some(w) = fq.next(now, &mut |w| dropped.push(w.packet.flow)) {
                sent[w.packet.flow as usize] += 1;
                if w.packet.flow == 2 {
                    assert!(now.since(w.since) <= SimDuration::from_millis(2));
                }
            }
        }
        assert!(dropped.len() > 50 && dropped.iter().all(|f| *f == 1), "{}", dropped.len());
        assert!(sent[2] >= 199, "{sent:?}");
        assert_eq!(sent[1] + sent[2] + dropped.len() + waiting(&fq), 4_200);
    }

    #[test]
    fn a_full_scheduler_drops_from_the_head_of_the_fattest_queue() {
        let mut fq = scheduler(1_024);
        (0..10).for_each(|ms| fq.push(packet(1, 1_000, ms)));
        (0..3).for_each(|_| fq.push(packet(2, 1_000, 0)));
        let mut dropped = Vec::new();
        fq.drop_fattest(&mut |w| dropped.push((w.packet.flow, w.since.as_nanos() / 1_000_000)));
        assert_eq!(dropped, [(1, 0), (1, 1), (1, 2), (1, 3), (1, 4)]);
        assert_eq!(waiting(&fq), 8);
        (0..400).for_each(|_| fq.push(packet(3, 1_000, 0)));
        dropped.clear();
        fq.drop_fattest(&mut |w| dropped.push((w.packet.flow, 0)));
        assert_eq!(dropped.len(), 64);
    }

    #[test]
    fn one_queue_for_all_is_first_in_first_out() {
        let mut fq = scheduler(1);
        [3, 1, 2].into_iter().for_each(|flow| fq.push(packet(flow, 500, 0)));
        assert_eq!(order(&mut fq, 3), [3, 1, 2]);
        assert!(fq.next(SimTime::ZERO, &mut |_| ()).is_none());
    }

    #[test]
    fn connections_are_spread_over_all_queues() {
        let fq = scheduler(64);
        let mut seen = vec![0; 64];
        (0..6_400).for_each(|flow| seen[fq.queue_of(flow)] += 1);
        assert!(seen.iter().all(|n| (60..=150).contains(n)), "{seen:?}");
    }
}
