//! What the stack itself takes: one processor that handles packets one after the other.
//!
//! Both ends share it, as they do on one machine. All costs follow from one figure, the cost of a received
//! segment, in the proportions of the recorded machine. With a cost of zero everything happens at once.

use super::flow::Side;
use crate::config::{StepShares, part_of};
use crate::time::{SimDuration, SimTime};

/// The processor.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cpu {
    cost: SimDuration,
    times: Times,
    free_at: SimTime,
    /// The timer of the queueing discipline has fired, and nobody has looked at the queue since.
    rung: bool,
}

/// What the steps take: the shares of [`StepShares`], in time.
#[derive(Clone, Copy, Debug)]
struct Times {
    active_side: SimDuration,
    approach: SimDuration,
    merge: SimDuration,
    descent: SimDuration,
    before_send: SimDuration,
    after_send: SimDuration,
    before_ack: SimDuration,
    ack: SimDuration,
    wake: SimDuration,
    take: SimDuration,
    alarm: SimDuration,
    cut: SimDuration,
    backlog: SimDuration,
    backlogged: SimDuration,
}

impl Cpu {
    /// An idle processor that needs `cost` to process one received segment, and `steps` of it for other things.
    pub(super) fn new(cost: SimDuration, steps: &StepShares) -> Self {
        let StepShares {
            active_side,
            approach,
            merge,
            descent,
            before_send,
            after_send,
            before_ack,
            ack,
            ..
        } = *steps;
        let StepShares { wake, take, alarm, cut, backlog, backlogged, .. } = *steps;
        let of = |millionths| part_of(cost, millionths);
        let times = Times {
            active_side: of(active_side),
            approach: of(approach),
            merge: of(merge),
            descent: of(descent),
            before_send: of(before_send),
            after_send: of(after_send),
            before_ack: of(before_ack),
            ack: of(ack),
            wake: of(wake),
            take: of(take),
            alarm: of(alarm),
            cut: of(cut),
            backlog: of(backlog),
            backlogged: of(backlogged),
        };
        Self { cost, times, free_at: SimTime::ZERO, rung: false }
    }

    /// When something due at `t` can begin.
    pub(super) fn begin(&self, t: SimTime) -> SimTime {
        t.max(self.free_at)
    }

    /// Busy until `t`.
    pub(super) fn busy_until(&mut self, t: SimTime) {
        self.free_at = self.free_at.max(t);
    }

    /// Takes a packet of `segments` segments off a link, whatever else goes on. Waking an idle processor takes longer
    /// than that; a busy one is interrupted, once until somebody looks at the queue. Cutting a packet costs something for
    /// each piece. `first` says that nothing waits to be processed.
    pub(super) fn interrupt(&mut self, t: SimTime, segments: u32, first: bool) {
        let Times { wake, take, alarm, approach, cut, .. } = self.times;
        let mut start = SimDuration::ZERO;
        if self.free_at <= t {
            start = wake;
            self.rung = false;
        } else {
            if !self.rung {
                start = alarm;
                self.rung = true;
            }
            if first {
                start = start + approach;
            }
        }
        let pieces = if segments > 1 { cut.as_nanos() * u64::from(segments) } else { 0 };
        self.free_at = self.free_at.max(t) + start + take + SimDuration::from_nanos(pieces);
    }

    /// Somebody looks at the queueing discipline and takes what is due.
    pub(super) fn looks_at_queue(&mut self) {
        self.rung = false;
    }

    /// How long after its tick a timer of the transmitting half runs.
    pub(super) fn transmit_timer(&self) -> SimDuration {
        SimDuration::from_nanos(self.cost.as_nanos() / 3)
    }

    /// How long after its tick a timer of the receiving half runs.
    pub(super) fn ack_timer(&self) -> SimDuration {
        SimDuration::from_nanos(self.cost.as_nanos() * 4 / 5)
    }

    /// Cost of processing one segment at `to`; `last` says that none follows, `alone` that it finds no data to be merged
    /// with.
    pub(super) fn segment(&self, to: Side, last: bool, alone: bool) -> SimDuration {
        let Times { active_side, approach, merge, .. } = self.times;
        let cost = match (to, alone) {
            (Side::Sender, _) => active_side,
            (Side::Receiver, true) => self.cost.saturating_sub(merge),
            (Side::Receiver, false) => self.cost,
        };
        if last { cost.saturating_sub(approach) } else { cost }
    }

    /// From a socket to the queue of the device.
    pub(super) fn descent(&self) -> SimDuration {
        self.times.descent
    }

    /// From a segment to the first packet of data that it causes, and to its ACK.
    pub(super) fn reactions(&self) -> [SimDuration; 2] {
        [self.times.before_send, self.times.before_ack]
    }

    /// Packets of data were sent because of a segment, or several: the last of them left the socket at `t`.
    pub(super) fn sent_data(&mut self, t: SimTime, last: bool) {
        let Times { before_send, after_send, approach, .. } = self.times;
        let after = before_send + after_send;
        self.busy_until(t + if last { after.saturating_sub(approach) } else { after });
    }

    /// Cost of taking in one segment that is dropped before it reaches its socket.
    pub(super) fn dropped(&self) -> SimDuration {
        SimDuration::from_nanos(self.cost.as_nanos() / 6)
    }

    /// Cost of putting one segment into the backlog of a socket that a call holds: 6.2 us of the recorded machine.
    pub(super) fn backlog(&self) -> SimDuration {
        self.times.backlog
    }

    /// Cost of processing one segment out of the backlog: what is left of a segment's.
    pub(super) fn backlogged(&self) -> SimDuration {
        self.times.backlogged
    }

    /// Cost of sending one pure ACK: it has no payload to look after.
    pub(super) fn ack(&self) -> SimDuration {
        self.times.ack
    }
}
