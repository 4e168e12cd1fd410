//! What the stack itself takes: one processor that handles packets one after the other.
//!
//! Both ends share it, as they do on one machine. With a packet cost of zero everything happens at once.

use crate::time::{SimDuration, SimTime};

/// The processor.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cpu {
    cost: SimDuration,
    free_at: SimTime,
}

impl Cpu {
    /// An idle processor that needs `cost` to process one received segment.
    pub(super) fn new(cost: SimDuration) -> Self {
        Self { cost, free_at: SimTime::ZERO }
    }

    /// When something due at `t` can begin.
    pub(super) fn begin(&self, t: SimTime) -> SimTime {
        t.max(self.free_at)
    }

    /// Busy until `t`.
    pub(super) fn busy_until(&mut self, t: SimTime) {
        self.free_at = self.free_at.max(t);
    }

    /// Takes a packet off a link, in an interrupt: half a packet's cost, whatever else goes on.
    pub(super) fn interrupt(&mut self, t: SimTime) {
        self.free_at = self.free_at.max(t) + SimDuration::from_nanos(self.cost.as_nanos() / 2);
    }

    /// Cost of processing one segment.
    pub(super) fn segment(&self) -> SimDuration {
        self.cost
    }

    /// Cost of sending one pure ACK: it has no payload to look after.
    pub(super) fn ack(&self) -> SimDuration {
        SimDuration::from_nanos(self.cost.as_nanos() * 4 / 5)
    }
}
