//! Who has the processor, as the scheduler of 6.6 and later sees it: what happens to the program and to the thread of soft
//! interrupts, told to [`Eevdf`](super::eevdf::Eevdf).

use super::eevdf::{Eevdf, Who};
use super::simulation::Simulation;
use crate::observer::Observer;
use crate::time::{SimDuration, SimTime};

/// What the thread of soft interrupts needs to find that a call has done its work.
const NOTHING_TO_DO: SimDuration = SimDuration::from_micros(3);

impl<O: Observer> Simulation<'_, O> {
    /// A program has the processor.
    #[inline(always)]
    pub(super) fn program_runs(&mut self, time: SimTime) {
        if let Some(e) = &mut self.eevdf {
            e.run(Who::Program, time);
        }
    }

    /// It sleeps. Packets that have come due meanwhile have woken the thread, and if a call has received them it finds nothing to do.
    #[inline(always)]
    pub(super) fn program_sleeps(&mut self, time: SimTime) {
        if self.eevdf.is_some() {
            self.program_has_slept(time);
        }
    }

    #[inline(never)]
    fn program_has_slept(&mut self, time: SimTime) {
        let due = self.links.iter().map(|l| l.peek().time).min().filter(|due| *due <= time);
        let busy = self.busy;
        let Some(e) = &mut self.eevdf else { return };
        if let Some(due) = due {
            e.wake(Who::Softirqs, due);
        }
        e.sleep(Who::Program, time);
        if e.is_queued(Who::Softirqs) {
            e.run(Who::Softirqs, time);
            if due.is_none() && !busy {
                e.sleep(Who::Softirqs, time + NOTHING_TO_DO);
            }
        }
    }

    /// A program that is `due` waits for the processor.
    #[inline(always)]
    pub(super) fn program_is_woken(&mut self, due: impl FnOnce(&Self) -> Option<SimTime>) {
        if self.eevdf.is_some() {
            let now = self.cpu.begin(SimTime::ZERO);
            let woken = due(self).is_some_and(|due| due <= now);
            if let Some(e) = self.eevdf.as_mut().filter(|_| woken) {
                e.wake(Who::Program, self.reading.time);
            }
        }
    }

    /// A packet came due at `time`.
    #[inline(always)]
    pub(super) fn softirqs_are_woken(&mut self, time: SimTime) {
        if let Some(e) = &mut self.eevdf {
            e.wake(Who::Softirqs, time);
        }
    }

    /// A segment is processed at `time`, by the thread if not in a call.
    #[inline(always)]
    pub(super) fn softirqs_run(&mut self, time: SimTime) {
        let called = self.interrupted_call.is_some() && !self.preempted;
        if let Some(e) = self.eevdf.as_mut().filter(|_| !called) {
            e.run(Who::Softirqs, time);
        }
    }

    /// Whether a tick has found a program waiting for a thread that had had its `slice`.
    pub(super) fn ticked_since_woken(&self, slice: SimDuration) -> bool {
        let Some((woken, since)) = self.eevdf.as_ref().and_then(Eevdf::program_waits) else { return true };
        let tick = self.clock.begin(self.clock.at(self.cpu.begin(SimTime::ZERO)));
        tick > woken && tick >= since + slice
    }

    /// Nothing is left to be processed.
    #[inline(always)]
    pub(super) fn softirqs_sleep(&mut self, time: SimTime) {
        if let Some(e) = self.eevdf.as_mut().filter(|e| e.runs(Who::Softirqs)) {
            e.sleep(Who::Softirqs, time);
        }
    }

    /// Whether a program whose sleep an interrupt at `time` ends has the processor before the thread that it wakes as well.
    pub(super) fn program_goes_first(&mut self, time: SimTime) -> bool {
        let Some(e) = &mut self.eevdf else { return true };
        e.wake(Who::Program, time);
        e.wake(Who::Softirqs, time);
        e.first() == Who::Program
    }
}
