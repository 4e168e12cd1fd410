//! Timers of both ends: when they run, and what they wait for.

use super::flow::{FlowId, Side};
use super::simulation::Simulation;
use crate::observer::Observer;
use crate::time::{SimDuration, SimTime};

impl<O: Observer> Simulation<'_, O> {
    /// How long after its tick a timer of one side runs.
    pub(super) fn timer_takes(&self, flow: FlowId, side: Side, due: SimTime) -> SimDuration {
        match side {
            _ if self.flows[flow as usize].ends[side.at()].rx.compressed_ack_due() == Some(due) => {
                self.cpu.compressed_ack_timer()
            }
            Side::Sender => self.cpu.transmit_timer(),
            Side::Receiver => self.cpu.ack_timer(),
        }
    }

    /// A timer of one end may be due: it has moved on if the end has acted since.
    pub(super) fn timer(&mut self, flow: FlowId, side: Side, due: SimTime, time: SimTime, late: SimDuration) {
        let end = &mut self.flows[flow as usize].ends[side.at()];
        if end.wake == Some(due) {
            end.wake = None;
        }
        let mut now = self.reading;
        self.clock.read_on(&mut now, time);
        if end.next_timer(&self.clock, &self.wheel, now).is_none_or(|next| next > time) {
            return self.after(flow, side, now);
        }
        self.on(flow, side, time + late, |cx, end| end.timers_fire(cx));
    }

    /// A receiving turn is over: timers that came due meanwhile fire, for soft interrupts do not interrupt each other. Those
    /// of the wheel come before the next turn (`TIMER_SOFTIRQ`), those of high resolution behind it (`HRTIMER_SOFTIRQ`);
    /// `again` says that there is one.
    #[inline(never)]
    pub(super) fn timers_resume(&mut self, time: SimTime, again: bool) {
        for (flow, side, due, new) in std::mem::take(&mut self.timers_waiting) {
            let compressed = self.flows[flow as usize].ends[side.at()].rx.compressed_ack_due();
            if again && new && compressed.is_some_and(|at| at <= time) {
                self.timers_waiting.push((flow, side, due, false));
            } else {
                self.timer(flow, side, due, self.cpu.begin(time), SimDuration::ZERO);
            }
        }
    }
}
