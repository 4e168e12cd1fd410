//! How a run ends: at once, or as a program does that slept until then and looks at its counters and its socket before it leaves.
//!
//! The end is a time for which the program sleeps, like others: it may be woken late, and what is due by then is still done. Then it reads the
//! counters until two readings agree, and the state of its socket after that: as long as segments arrive the run goes on. The thread
//! of soft interrupts has the processor as soon as it takes it from a long call; otherwise what has come due is received where
//! the last call lets it in, behind that state.

use super::cpu::Cpu;
use super::outcome::{RunError, RunOutcome};
use super::simulation::Simulation;
use crate::counters::Counters;
use crate::observer::Observer;
use crate::time::{SimDuration, SimTime};

/// A sleeping program is late by this part of its sleep (`select_estimate_accuracy`).
const SLACK_OF_SLEEP: u64 = 1_000;
/// And by no more than this (`MAX_SLACK`).
const MAX_SLACK: SimDuration = SimDuration::from_millis(100);
/// Where in a look the two files of counters are read, percent: with that the number of looks in 19 of 20 endings among arriving
/// segments is the recorded one (up to 48).
const READ_AT: [u64; 2] = [45, 80];
/// Where in a look the reading of a file returns, percent: with lazy preemption the thread of soft interrupts has the processor there, as
/// on 6.18 rows 270 and 410 us behind the begin of a first look of 475 us say.
const RETURNS_AT: [u64; 3] = [57, 86, 100];
/// A program looks no more often.
const LOOKS: u32 = 100;

/// How far the end has come.
#[derive(Debug, Default)]
pub(super) struct Closing {
    /// When the time is up, for programs whose sleeps end late.
    up: Option<SimTime>,
    /// Since when the programs sleep.
    asleep: SimTime,
    /// The lateness of the last sleep is part of `stop_at`.
    overslept: bool,
    /// Since when the programs make no more calls.
    over: Option<SimTime>,
    looks: Looks,
    /// What had come of the run when they had looked for the last time.
    outcome: Option<Box<Result<RunOutcome, RunError>>>,
}

/// Looks at the counters of both hosts.
#[derive(Debug, Default)]
struct Looks {
    /// When the present one began, and how long it takes.
    since: SimTime,
    takes: SimDuration,
    /// What it has found so far, and what the one before found.
    found: Vec<[Counters; 2]>,
    before: Vec<[Counters; 2]>,
    count: u32,
    /// The processor before they kept it, and until when they do.
    kept: Option<(Cpu, SimTime)>,
}

impl Looks {
    fn begin(&mut self, at: SimTime, takes: SimDuration) {
        (self.since, self.takes) = (at, takes);
        self.before = std::mem::take(&mut self.found);
        self.count += 1;
    }

    /// When the present look reads next, or is over.
    fn next(&self) -> SimTime {
        self.at(READ_AT.get(self.found.len()).copied().unwrap_or(100), 0, SimDuration::ZERO)
    }

    /// When so much of the present look is over, or of the `n`th behind it, if these take `more` each.
    fn at(&self, percent: u64, n: u64, more: SimDuration) -> SimTime {
        let takes = if n == 0 { self.takes } else { more };
        let before = if n == 0 { 0 } else { self.takes.as_nanos() + (n - 1) * more.as_nanos() };
        self.since + SimDuration::from_nanos(before + takes.as_nanos() * percent / 100)
    }

    /// Where the first call returns behind `time`, if further looks take `more` each.
    fn returns(&self, time: SimTime, more: SimDuration) -> SimTime {
        let all = (0..u64::from(LOOKS)).flat_map(|n| RETURNS_AT.map(|percent| self.at(percent, n, more)));
        all.into_iter().find(|at| *at >= time).unwrap_or(time)
    }
}

impl Closing {
    /// Whether the programs make no more calls.
    pub(super) const fn is_over(&self) -> bool {
        self.over.is_some()
    }

    /// A thread has nothing more to do.
    pub(super) fn sleeps(&mut self, since: SimTime) {
        self.asleep = since;
    }

    /// A thread that is `due` next wakes when the time is up.
    pub(super) fn wakes(&self, due: Option<SimTime>) -> Option<SimTime> {
        match (self.up, due) {
            (Some(up), Some(due)) => Some(up.min(due)),
            (up, due) => up.or(due),
        }
    }

    /// When the programs had done what they had to do, if a run that ended at `ended` went on behind that.
    pub(super) fn over_at(&self, ended: SimTime) -> SimTime {
        self.over.unwrap_or(ended)
    }

    /// What had come of the run, if that was asked before its end.
    pub(super) fn take_outcome(&mut self) -> Option<Result<RunOutcome, RunError>> {
        self.outcome.take().map(|outcome| *outcome)
    }
}

impl<O: Observer> Simulation<'_, O> {
    /// The time is up at `time`.
    pub(super) fn ends_at(&mut self, time: SimTime) {
        let calls = &self.config.host.calls;
        if self.config.stop.closing.is_some() && calls.one_thread && calls.slack > SimDuration::ZERO {
            self.closing.up = Some(time);
        } else {
            self.stop_at = time;
        }
    }

    /// Nothing more happens before `stop_at`, and what comes next at `next`: whether the run is over, or goes on for a while.
    pub(super) fn is_over(&mut self, next: SimTime) -> bool {
        let Some(closing) = self.config.stop.closing else { return true };
        if self.closing.is_over() {
            return self.has_looked(next, closing.looks[1]);
        }
        if !self.closing.overslept {
            self.closing.overslept = true;
            let slack = self.stop_at.since(self.closing.asleep).as_nanos() / SLACK_OF_SLEEP;
            let slack = SimDuration::from_nanos(slack).min(MAX_SLACK).max(closing.oversleep);
            self.stop_at += slack;
            return false;
        }
        if self.calling > 0 {
            // A call that has begun is finished.
            self.stop_at = next;
            return false;
        }
        self.programs_are_done(self.stop_at)
    }

    /// A program has done at `time` what was due when it woke, and looks at what it has read and at the clock: whether it leaves.
    #[inline(always)]
    pub(super) fn program_leaves(&mut self, time: SimTime) -> bool {
        self.closing.up.is_some_and(|up| up <= time || self.all_is_read()) && {
            self.programs_are_done(time);
            true
        }
    }

    /// The programs have done at `time` what they had to do. Whether the run is over with that.
    pub(super) fn programs_are_done(&mut self, time: SimTime) -> bool {
        let Some(closing) = self.config.stop.closing else { return true };
        if !self.closing.is_over() {
            // The call that has brought the last byte returns.
            let time = self.cpu.begin(time);
            (self.closing.over, self.closing.up) = (Some(time), None);
            self.closing.looks.begin(time, closing.looks[0]);
            self.stop_at = self.closing.looks.next();
            self.looking_keeps_processor(time);
        }
        false
    }

    /// The program looks from `time` on, as in a long call: the thread of soft interrupts waits until it is its turn.
    pub(super) fn looking_keeps_processor(&mut self, time: SimTime) {
        let Some(closing) = self.config.stop.closing else { return };
        if self.busy || self.closing.outcome.is_some() || !self.config.host.calls.threaded_softirqs {
            return;
        }
        let picked = self.flows.first().and_then(|f| f.threads[0].picked);
        if picked.is_none() {
            let clock = &self.clock;
            self.accounts.program_runs(time, || clock.begin(clock.at(time)));
            self.program_runs(time);
        }
        let due = (0..self.config.flows.count()).filter_map(|flow| self.softirqs_due(flow)).min();
        let Some(due) = due else { return };
        let calls = &self.config.host.calls;
        let (slice, lazy) = (calls.slice, calls.tick_preempts);
        let returns = |at: SimTime| if lazy { self.closing.looks.returns(at, closing.looks[1]) } else { at };
        let turn = match self.takes_over(due) {
            // Woken when the slice is over, it is told lazily.
            Some(t) if t.in_call <= due => returns(due),
            Some(t) => t.in_call.min(returns(t.on_return)),
            None if self.uninterrupted => {
                due.max(picked.unwrap_or(time) + self.accounts.preempt_after(slice))
            }
            None => due,
        };
        // No call is over that it has waited for.
        (self.call_over, self.call_back) = (None, None);
        self.closing.looks.kept = (turn > self.cpu.begin(time)).then_some((self.cpu, turn));
        self.cpu.busy_until(turn);
    }

    /// Soft interrupts have received at `time` what came while the program looks, which goes on.
    #[inline(never)]
    pub(super) fn looking_goes_on(&mut self, time: SimTime) {
        let time = self.cpu.begin(time);
        if let Some((_, turn)) = self.closing.looks.kept.take() {
            self.closing.looks.since += time.since(turn);
            self.stop_at = self.closing.looks.next();
        }
        self.looking_keeps_processor(time);
    }

    /// The present look reads counters, or is over: whether it was the last one, having found what the one before had found. Another one
    /// takes `takes`. What the last one has let in is received, if something comes before the run is over at `next`.
    fn has_looked(&mut self, next: SimTime, takes: SimDuration) -> bool {
        if self.closing.outcome.is_some() {
            self.stop_at = next;
            return !self.busy;
        }
        let counters = self.hosts.each_ref().map(|host| host.counters.clone());
        let looks = &mut self.closing.looks;
        if looks.found.len() < READ_AT.len() {
            looks.found.push(counters);
        } else if looks.found == looks.before || looks.count == LOOKS {
            let found = looks.found.pop();
            let mut outcome = self.finish(self.stop_at);
            if let (Ok(outcome), Some(found)) = (&mut outcome, found) {
                [outcome.sender_counters, outcome.receiver_counters] = found;
            }
            self.closing.outcome = Some(Box::new(outcome));
            return self.uninterrupted || !self.state_lets_in();
        } else {
            looks.begin(self.stop_at, takes);
        }
        self.stop_at = self.closing.looks.next();
        false
    }

    /// Asking for the state of the socket lets soft interrupts in behind that. Whether there are any.
    fn state_lets_in(&mut self) -> bool {
        if let Some((kept, _)) = self.closing.looks.kept.take() {
            self.cpu = kept;
            self.cpu.busy_until(self.stop_at);
        }
        self.busy || self.links.iter().any(|l| l.peek().time() <= self.stop_at)
    }
}
