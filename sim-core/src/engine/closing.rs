//! How a run ends: at once, or as a program does that slept until then and looks at its socket before it leaves.

use super::outcome::{RunError, RunOutcome};
use super::simulation::Simulation;
use crate::observer::Observer;
use crate::time::{SimDuration, SimTime};

/// A sleeping program is late by this part of its sleep (`select_estimate_accuracy`).
const SLACK_OF_SLEEP: u64 = 1_000;
/// And by no more than this (`MAX_SLACK`).
const MAX_SLACK: SimDuration = SimDuration::from_millis(100);

/// How far the end has come.
#[derive(Debug, Default)]
pub(super) struct Closing {
    /// Since when the programs sleep.
    asleep: SimTime,
    /// The lateness of the last sleep is part of `stop_at`.
    overslept: bool,
    /// What had come of the run when the programs had done what they had to do. They make no more calls.
    outcome: Option<Box<Result<RunOutcome, RunError>>>,
}

impl Closing {
    /// Whether the programs make no more calls.
    pub(super) const fn is_over(&self) -> bool {
        self.outcome.is_some()
    }

    /// A thread has nothing more to do.
    pub(super) fn sleeps(&mut self, since: SimTime) {
        self.asleep = since;
    }

    /// What had come of the run, if that was asked before its end.
    pub(super) fn take_outcome(&mut self) -> Option<Result<RunOutcome, RunError>> {
        self.outcome.take().map(|outcome| *outcome)
    }
}

impl<O: Observer> Simulation<'_, O> {
    /// Nothing more happens before `stop_at`, and what comes next at `next`: whether the run is over, or goes on for a while.
    pub(super) fn is_over(&mut self, next: SimTime) -> bool {
        let Some(closing) = self.config.stop.closing else { return true };
        if !self.closing.overslept && !self.closing.is_over() {
            self.closing.overslept = true;
            let slack = self.stop_at.since(self.closing.asleep).as_nanos() / SLACK_OF_SLEEP;
            let slack = SimDuration::from_nanos(slack).min(MAX_SLACK).max(closing.oversleep);
            self.stop_at += slack;
            return false;
        }
        if self.calling > 0 && !self.closing.is_over() {
            // A call that has begun is finished.
            self.stop_at = next;
            return false;
        }
        self.closing.is_over() || self.programs_are_done(self.stop_at)
    }

    /// The programs have done at `time` what they had to do. Whether the run is over with that.
    pub(super) fn programs_are_done(&mut self, time: SimTime) -> bool {
        let Some(closing) = self.config.stop.closing else { return true };
        if self.uninterrupted {
            // Looking keeps the processor, as a call does: the thread of the soft interrupts does not get it.
            return true;
        }
        if !self.closing.is_over() {
            self.closing.outcome = Some(Box::new(self.finish(time)));
            self.stop_at = time + closing.looks;
        }
        false
    }
}
