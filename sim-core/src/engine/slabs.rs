//! Memory for packets: when a host has none left that others have used, and gets pages.
//!
//! What is in use is counted when somebody asks: skbs that wait in sockets, on links and before the stack. A packet that a
//! socket sends is a copy of the skb that it keeps; both are one object, which is free when neither is needed any more. What
//! a device cuts a packet into, and ACKs, are skbs of their own.

use super::flow::FlowId;
use super::simulation::Simulation;
use crate::config::{CacheConfig, SlabConfig};
use crate::observer::Observer;
use crate::time::SimDuration;

/// The caches of a machine.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slabs {
    on: bool,
    heads: Cache,
    clones: Cache,
    records: Cache,
    /// ACKs on their way, and pieces of packets that the stack has not processed.
    moving: u32,
}

/// One of them.
#[derive(Clone, Copy, Debug)]
struct Cache {
    config: CacheConfig,
    /// Objects that a processor gets at once.
    batch: u32,
    /// Objects that are in use or were.
    had: u32,
    /// Objects of slabs that no processor has got.
    left: u32,
}

/// Objects in use.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
struct InUse {
    heads: u32,
    clones: u32,
    records: u32,
}

impl Cache {
    fn new(config: CacheConfig, sheaf: u32) -> Self {
        let batch = if sheaf > 0 { sheaf } else { config.per_slab };
        Self { config, batch, had: config.at_hand, left: 0 }
    }

    /// There are `used` objects: gets pages for them if there were never so many.
    fn cover(&mut self, used: u32) -> u32 {
        let mut slabs = 0;
        while self.had < used && self.batch > 0 {
            let missing = self.batch.saturating_sub(self.left).div_ceil(self.config.per_slab);
            slabs += missing;
            self.left = self.left + missing * self.config.per_slab - self.batch;
            self.had += self.batch;
        }
        slabs
    }

    /// There are `used` objects: what the pages for them take.
    fn get(&mut self, used: u32) -> SimDuration {
        SimDuration::from_nanos(self.config.cost.as_nanos() * u64::from(self.cover(used)))
    }

    /// `n` more than `used` objects are taken: what the pages for them take.
    fn take(&mut self, used: u32, n: u32) -> SimDuration {
        self.cover(used);
        self.get(used + n)
    }
}

impl Slabs {
    pub(super) fn new(config: &SlabConfig) -> Self {
        let cache = |c| Cache::new(c, config.sheaf);
        Self {
            on: config.heads.per_slab > 0,
            heads: cache(config.heads),
            clones: cache(config.clones),
            records: cache(config.records),
            moving: 0,
        }
    }

    /// Whether memory costs anything.
    #[inline]
    pub(super) fn are_counted(&self) -> bool {
        self.on
    }

    /// An ACK, or a piece of a packet, was processed.
    pub(super) fn processed(&mut self) {
        self.moving = self.moving.saturating_sub(1);
    }
}

impl<O: Observer> Simulation<'_, O> {
    /// What memory for the ACK takes that is about to be sent.
    #[inline]
    pub(super) fn memory_for_ack(&mut self) -> SimDuration {
        if self.slabs.on { self.memory_for_skbs(1) } else { SimDuration::ZERO }
    }

    /// What memory for a packet takes that a device cuts into `of` pieces. One that stays whole has it from its sender.
    #[inline]
    pub(super) fn memory_for_pieces(&mut self, of: u32) -> SimDuration {
        if self.slabs.on && of > 1 { self.memory_for_skbs(of) } else { SimDuration::ZERO }
    }

    #[inline(never)]
    fn memory_for_skbs(&mut self, n: u32) -> SimDuration {
        let used = self.skbs_in_use();
        self.slabs.moving += n;
        self.slabs.heads.take(used.heads, n) + self.slabs.records.take(used.records, n)
    }

    /// What memory for the skb takes that a `send` begins, if it begins with one.
    #[inline]
    pub(super) fn memory_for_send(&mut self, flow: FlowId, side: usize) -> SimDuration {
        if self.slabs.on { self.memory_for_first(flow, side) } else { SimDuration::ZERO }
    }

    #[inline(never)]
    fn memory_for_first(&mut self, flow: FlowId, side: usize) -> SimDuration {
        if !self.flows[flow as usize].ends[side].tx.begins_skb() {
            return SimDuration::ZERO;
        }
        let used = self.skbs_in_use();
        self.slabs.heads.take(used.heads, 1) + self.slabs.clones.take(used.clones, 1)
    }

    /// What memory for skbs takes that were cut off others to be sent, of which `more` are yet to be.
    pub(super) fn memory_for_cut(&mut self, more: usize) -> SimDuration {
        if !self.slabs.on {
            return SimDuration::ZERO;
        }
        let (used, more) = (self.skbs_in_use(), u32::try_from(more).unwrap_or(u32::MAX));
        let Slabs { heads, clones, .. } = &mut self.slabs;
        heads.get(used.heads.saturating_sub(more)) + clones.get(used.clones.saturating_sub(more))
    }

    /// A `send` returns: memory for what it has filled is part of what filling took.
    #[inline]
    pub(super) fn memory_was_had(&mut self) {
        if self.slabs.on {
            self.cover_skbs();
        }
    }

    #[inline(never)]
    fn cover_skbs(&mut self) {
        let used = self.skbs_in_use();
        self.slabs.heads.cover(used.heads);
        self.slabs.clones.cover(used.clones);
    }

    fn skbs_in_use(&self) -> InUse {
        let moving = self.slabs.moving;
        let mut used = InUse { heads: moving, clones: 0, records: moving };
        for f in &self.flows {
            for (end, peer) in [(&f.ends[0], &f.ends[1]), (&f.ends[1], &f.ends[0])] {
                let own = u32::try_from(end.tx.skbs()).unwrap_or(u32::MAX);
                used.heads += own;
                used.clones += own;
                let [kept, cut] = peer.rx.skbs_of_others();
                used.heads += kept + cut;
                used.clones += kept;
                used.records += cut;
            }
        }
        used
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(per_slab: u32, sheaf: u32, at_hand: u32) -> Cache {
        Cache::new(CacheConfig { per_slab, cost: SimDuration::from_micros(5), at_hand }, sheaf)
    }

    #[test]
    fn every_eighth_object_that_none_was_freed_for_takes_new_pages() {
        let mut c = cache(8, 0, 3);
        let us: Vec<u64> = (0..20).map(|used| c.take(used, 1).as_nanos() / 1_000).collect();
        assert_eq!(us, [0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 5]);
        assert_eq!(c.take(10, 17), SimDuration::ZERO, "what was freed serves again");
        assert_eq!(c.take(10, 18), SimDuration::from_micros(5));
    }

    #[test]
    fn a_sheaf_is_filled_at_once_from_what_slabs_have_left() {
        let mut c = cache(8, 28, 0);
        let slabs: Vec<u64> =
            (0..85).map(|used| c.take(used, 1).as_nanos() / 5_000).filter(|s| *s > 0).collect();
        assert_eq!(slabs, [4, 3, 4, 3]);
    }
}
