//! How sleeps end: a program that waits for a time may be woken late, by anything that interrupts the processor meanwhile.
//!
//! A sleep has two ends. From the time that was asked for, any interrupt of the processor's timers ends it; at the latest
//! its own does, [`CallConfig::slack`] later (`hrtimer_set_expires_range_ns`). Other timers are the tick, which on some
//! kernels comes once when the processor has fallen idle ([`CallConfig::tick_rouses`]), and that of a queueing
//! discipline whose next packet comes due. The latter raises soft interrupts too, and wakes their thread with the program:
//! first is whoever has had less of the processor ([`Accounts`](super::accounts::Accounts)) or, from 6.6 on, is owed more of it
//! ([`Eevdf`](super::eevdf::Eevdf)). If that is the program, its first call runs the soft interrupts, unless these wait for
//! their thread.
//!
//! [`CallConfig::tick_rouses`]: crate::config::CallConfig::tick_rouses
//! [`CallConfig::slack`]: crate::config::CallConfig::slack

use super::flow::FlowId;
use super::simulation::{Event, Simulation};
use crate::observer::Observer;
use crate::time::{SimDuration, SimTime};

/// A sleep may be too long by this part of it (`select_estimate_accuracy`).
const PART_OF_SLEEP: u64 = 1_000;
/// A period of the scheduler's load average (PELT), ns.
const LOAD_PERIOD: u64 = 1_024_000;
/// And by no more than this (`MAX_SLACK`).
const MAX_SLACK: SimDuration = SimDuration::from_millis(100);

impl<O: Observer> Simulation<'_, O> {
    /// When a thread that sleeps since `since` until `due` runs, if nothing ends its sleep but the tick.
    fn sleep_ends(&self, since: SimTime, due: SimTime) -> SimTime {
        let calls = &self.config.host.calls;
        let asked = due.since(since).as_nanos();
        let part = SimDuration::from_nanos(asked / PART_OF_SLEEP).min(MAX_SLACK);
        let last = due + calls.slack.max(part);
        // When the processor fell idle, as far as is known.
        let idle = self.clock.at(self.cpu.begin(since));
        let from = SimTime::from_nanos(due.as_nanos().saturating_sub(calls.reads_clock[1].as_nanos()));
        let tick = self.clock.begin(idle + 1);
        if calls.tick_rouses && (from..=last).contains(&tick) {
            // The tick has more to do than to wake a program.
            let work = SimDuration::from_nanos(calls.rouse.as_nanos() / 2);
            return (tick + calls.rouse + work).min(last + calls.rouse);
        }
        let load = calls.load.as_nanos() * asked.min(LOAD_PERIOD) / LOAD_PERIOD;
        let rouse = calls.rouse + SimDuration::from_nanos(load);
        let runs = last + rouse + self.idle_ticks(self.clock.at(last) - idle);
        runs + self.ticks(last, runs)
    }

    /// By how much longer an idle processor takes to wake a program if `ticks` have passed since it fell idle.
    fn idle_ticks(&self, ticks: i64) -> SimDuration {
        let calls = &self.config.host.calls;
        let most = if calls.tick_rouses { 2 } else { 1 };
        SimDuration::from_nanos(calls.idle_tick.as_nanos() * ticks.clamp(0, most) as u64)
    }

    /// What the tick takes of a program between `from` and `to`, if it comes then.
    pub(super) fn ticks(&self, from: SimTime, to: SimTime) -> SimDuration {
        let calls = &self.config.host.calls;
        let comes = calls.tick > SimDuration::ZERO && self.last_tick(to) > from;
        if comes { calls.tick } else { SimDuration::ZERO }
    }

    /// When a thread wants to run next, as far as is known.
    pub(super) fn thread_wakes(&self, flow: FlowId, thread: u8) -> Option<SimTime> {
        Some(self.wakes(flow, thread, self.thread_due(flow, thread)?))
    }

    /// When a thread that is `due` then runs, as far as is known.
    pub(super) fn wakes(&self, flow: FlowId, thread: u8, due: SimTime) -> SimTime {
        if self.config.host.calls.slack == SimDuration::ZERO {
            return due;
        }
        match self.flows[flow as usize].threads[usize::from(thread)].asleep {
            Some(since) if due > since => self.sleep_ends(since, due),
            _ => due,
        }
    }

    /// Whether a thread that was thought to run at `time` sleeps on.
    pub(super) fn sleeps_on(&mut self, flow: FlowId, thread: u8, time: SimTime) -> bool {
        if self.config.host.calls.slack == SimDuration::ZERO {
            return false;
        }
        match self.thread_wakes(flow, thread) {
            Some(end) if end > time => {
                self.schedule_applications(flow);
                true
            }
            _ => false,
        }
    }

    /// A timer interrupts the processor at `time`: sleeps whose time has come end. Returns whoever runs before the soft
    /// interrupts that it has raised.
    #[inline(always)]
    pub(super) fn rouse(&mut self, time: SimTime) -> Option<(FlowId, u8, SimTime)> {
        if self.config.host.calls.slack == SimDuration::ZERO {
            return None;
        }
        self.sleeps_end(time)
    }

    /// The same where sleeps end late.
    #[inline(never)]
    fn sleeps_end(&mut self, time: SimTime) -> Option<(FlowId, u8, SimTime)> {
        let calls = &self.config.host.calls;
        let idle = !self.busy && self.calling == 0 && self.cpu.begin(time) == time;
        let waits = self.config.kernel.softirqs_wait_for_thread && !self.uninterrupted;
        let ahead = idle && calls.threaded_softirqs && !waits;
        let by = calls.reads_clock[0];
        let mut first = None;
        for flow in 0..self.config.flows.count() {
            for thread in 0..2 {
                let Some(since) = self.flows[flow as usize].threads[usize::from(thread)].asleep else {
                    continue;
                };
                let due = match self.thread_due(flow, thread) {
                    Some(due) if due > since && due <= time + by => due,
                    _ => continue,
                };
                let own = self.sleep_ends(since, due);
                if own <= time {
                    continue;
                }
                self.flows[flow as usize].threads[usize::from(thread)].asleep = None;
                if ahead && first.is_none() && self.program_goes_first(time) {
                    first = Some((flow, thread, (time + calls.rouse_first[0]).min(own)));
                } else {
                    self.wake_at(flow, thread, time + calls.rouse);
                }
            }
        }
        first
    }

    /// A thread that an interrupt at `time` has woken runs before the soft interrupts that were raised with it.
    pub(super) fn runs_first(&mut self, flow: FlowId, thread: u8, begin: SimTime) {
        let [_, raised] = self.config.host.calls.rouse_first;
        self.cpu.busy_until(begin);
        self.raised = true;
        self.run_thread(flow, thread, begin);
        self.raised = false;
        self.cpu.busy_until(self.cpu.begin(begin) + raised);
    }

    /// Whoever was woken by what soft interrupts have just done and has the processor next, though a packet comes due at
    /// `time`: they have looked for more for the last time, or their thread gives way behind the present round
    /// (`need_resched` in `__do_softirq`).
    pub(super) fn woken_program(&mut self, time: SimTime) -> Option<(FlowId, u8)> {
        let free = self.cpu.begin(time);
        let last = self.cpu.last_look(free);
        // What the sender of a packet has moved belongs to the present round.
        let gives_way = !self.turns.receives() && self.softirqs_give_way();
        let last = if gives_way { SimTime::ZERO } else { last };
        let handed =
            !self.busy && self.calling == 0 && self.call_over.is_none() && (last..free).contains(&time);
        let ringed = self.ports.iter().any(|p| p.ring.is_some());
        if !handed || ringed || self.direct {
            return None;
        }
        let programs = |e: &Event| matches!(e, Event::Applications(..));
        let Some((due, Event::Applications(flow, thread))) = self.queue.pop_due(free, programs) else {
            return None;
        };
        let t = &mut self.flows[flow as usize].threads[usize::from(thread)];
        if t.wake == Some(due) {
            t.wake = None;
        }
        let ready = t.round.is_none() && !t.waits && !self.closing.is_over();
        self.leaves_line(flow, thread);
        (ready && !self.sleeps_on(flow, thread, free)).then_some((flow, thread))
    }

    /// A thread that was woken runs before soft interrupts that a packet due at `time` has raised, which its first call
    /// lets in.
    pub(super) fn goes_first(&mut self, flow: FlowId, thread: u8, time: SimTime) {
        let begin = self.cpu.begin(time);
        self.raised = true;
        self.run_thread(flow, thread, begin);
        self.raised = false;
        if self.interrupted_call.is_some() {
            self.cpu.busy_until(self.cpu.begin(begin) + self.cpu.taking());
        }
    }
}
