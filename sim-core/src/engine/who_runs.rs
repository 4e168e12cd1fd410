//! Who has the processor, as the scheduler sees it: what happens to the program and to the thread of soft interrupts, told to
//! [`Eevdf`](super::eevdf::Eevdf) or, before 6.6, to [`Accounts`](super::accounts::Accounts).
//!
//! Soft interrupts work in rounds: what is due is taken off the links, and what was taken is processed. A program that is woken
//! meanwhile and is to have the processor has it behind the present round, though packets have come due since (`need_resched` in
//! `__do_softirq`); otherwise behind the last one.

use super::eevdf::Who;
use super::flow::{FlowId, Side};
use super::simulation::Simulation;
use crate::observer::Observer;
use crate::time::{SimDuration, SimTime};

/// What the thread of soft interrupts needs to find that a call has done its work.
const NOTHING_TO_DO: SimDuration = SimDuration::from_micros(3);
/// From the record of a segment to the scheduler's clock when it wakes a program: what 6.1 charged the thread with.
const WAKING: SimDuration = SimDuration::from_nanos(1_500);
/// What a program takes to leave its mark START after its sleep, and by how much later the scheduler looks at a tick: with that the slice of the
/// first call of `fl11_06` on 6.12 is over at a tick 0.688 ms behind the mark, as recorded.
const MARK: SimDuration = SimDuration::from_nanos(6_500);

impl<O: Observer> Simulation<'_, O> {
    /// A program has the processor.
    #[inline(always)]
    pub(super) fn program_runs(&mut self, time: SimTime) {
        if self.eevdf.is_some() {
            self.program_is_charged(time);
        }
    }

    #[inline(never)]
    fn program_is_charged(&mut self, time: SimTime) {
        let tick = self.last_tick(time);
        let calls = &self.config.host.calls;
        let Some(e) = &mut self.eevdf else { return };
        // When its first call begins it has been awake for a while.
        let awake = if e.is_new() && calls.lead > SimDuration::ZERO {
            SimTime::from_nanos(time.as_nanos().saturating_sub((calls.lead + calls.rouse + MARK).as_nanos()))
        } else {
            time
        };
        e.run_since(Who::Program, awake, tick);
    }

    /// When the last tick before `time` was.
    pub(super) fn last_tick(&self, time: SimTime) -> SimTime {
        self.clock.begin(self.clock.at(time))
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
        let due = self.links.iter().map(|l| l.peek().time()).min().filter(|due| *due <= time);
        let busy = self.busy;
        let Some(e) = &mut self.eevdf else { return };
        if let Some(due) = due {
            e.wake(Who::Softirqs, due);
        }
        e.sleep(Who::Program, time);
        if e.is_queued(Who::Softirqs) {
            e.run_since(Who::Softirqs, time, time);
            if due.is_none() && !busy {
                e.sleep(Who::Softirqs, time + NOTHING_TO_DO);
            }
        }
    }

    /// A program that is `due` waits for the processor.
    #[inline(always)]
    pub(super) fn program_is_woken(&mut self, due: impl FnOnce(&Self) -> Option<SimTime>) {
        if self.eevdf.is_some() || self.uninterrupted {
            let now = self.cpu.begin(SimTime::ZERO);
            if due(self).is_some_and(|due| due <= now) {
                self.program_was_woken(self.reading.time);
            }
        }
    }

    /// A segment for `to` that is processed at `time` wakes a program that sleeps, if it gives it something to read or room to write.
    #[inline(never)]
    pub(super) fn softirqs_wake_program(&mut self, flow: FlowId, to: Side, time: SimTime) {
        let f = &self.flows[flow as usize];
        let reads = || f.programs[to.at()].due(&f.ends[to.at()]).is_some_and(|due| due <= time);
        if self.roused || (self.reader_sleeps(flow, to) && reads()) {
            self.program_was_woken(time + WAKING);
        }
    }

    /// A program is woken at `at`.
    fn program_was_woken(&mut self, at: SimTime) {
        let calls = &self.config.host.calls;
        if self.uninterrupted {
            self.accounts.program_is_woken(at, calls.slice);
        } else if let Some(e) = &mut self.eevdf
            && !e.is_queued(Who::Program)
        {
            e.wake(Who::Program, at);
            e.may_preempt(at, calls.tick_preempts);
        }
    }

    /// Whether the thread of soft interrupts gives way to a program behind its present round.
    pub(super) fn softirqs_give_way(&self) -> bool {
        let now = self.cpu.begin(SimTime::ZERO);
        let calls = &self.config.host.calls;
        // 7.2 has a timer for the end of a slice, which begins anew with each tick.
        let timed = calls.tick_preempts && calls.slice_in_call.is_some();
        match &self.eevdf {
            Some(e) => e.gives_way(now, self.last_tick(now), calls.slice, timed),
            None => self.accounts.gives_way(self.last_tick(now)),
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
            e.run_since(Who::Softirqs, time, time);
        }
        if self.uninterrupted && !called {
            self.accounts.softirqs_wake(time);
        }
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
        if self.uninterrupted {
            return self.accounts.program_is_behind();
        }
        let Some(e) = &mut self.eevdf else { return true };
        e.wake(Who::Program, time);
        e.wake(Who::Softirqs, time);
        e.first() == Who::Program
    }
}
