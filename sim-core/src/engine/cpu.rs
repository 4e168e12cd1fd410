//! What the stack itself takes: one processor that handles packets one after the other.
//!
//! Both ends share it, as they do on one machine. All costs follow from one figure, the cost of a received
//! segment, in the proportions of the recorded machine. With a cost of zero everything happens at once.

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

    /// Takes a packet of `segments` segments off a link, in an interrupt, whatever else goes on. Waking an idle
    /// processor takes longer than that; cutting a packet costs something for each piece.
    pub(super) fn interrupt(&mut self, t: SimTime, segments: u32) {
        let cost = self.cost.as_nanos();
        let idle = if self.free_at <= t { cost * 7 / 4 } else { 0 };
        let cutting = if segments > 1 { cost * 2 / 15 * u64::from(segments) } else { 0 };
        self.free_at = self.free_at.max(t) + SimDuration::from_nanos(idle + cost / 6 + cutting);
    }

    /// How long after its tick a timer of the transmitting half runs.
    pub(super) fn transmit_timer(&self) -> SimDuration {
        SimDuration::from_nanos(self.cost.as_nanos() / 3)
    }

    /// How long after its tick a timer of the receiving half runs.
    pub(super) fn ack_timer(&self) -> SimDuration {
        SimDuration::from_nanos(self.cost.as_nanos() * 4 / 5)
    }

    /// Cost of processing one segment.
    pub(super) fn segment(&self) -> SimDuration {
        self.cost
    }

    /// Cost of taking in one segment that is dropped before it reaches its socket.
    pub(super) fn dropped(&self) -> SimDuration {
        SimDuration::from_nanos(self.cost.as_nanos() / 6)
    }

    /// Cost of putting one segment into the backlog of a socket that a call holds: 6.2 us of the recorded machine.
    pub(super) fn backlog(&self) -> SimDuration {
        SimDuration::from_nanos(self.cost.as_nanos() / 4)
    }

    /// Cost of processing one segment out of the backlog: what is left of a segment's.
    pub(super) fn backlogged(&self) -> SimDuration {
        SimDuration::from_nanos(self.cost.as_nanos() * 3 / 4)
    }

    /// Cost of sending one pure ACK: it has no payload to look after. A segment and its ACK take 46.7 us of the
    /// recorded machine, 1.88 times what a segment alone does.
    pub(super) fn ack(&self) -> SimDuration {
        SimDuration::from_nanos(self.cost.as_nanos() * 88 / 100)
    }
}
