//! A whole run: two hosts, the path between them, and one or more connections with their applications.
//!
//! The engine owns time. It takes the earliest event, lets one machine act on it, and puts what that machine
//! sends onto the path. Machines never see the queue; they say when they want to be called again.

mod accounts;
mod applications;
mod arrivals;
#[cfg(test)]
mod at_once_tests;
#[cfg(test)]
mod call_cost_tests;
mod calls;
mod changes;
mod closing;
mod cpu;
mod departures;
mod eevdf;
mod endpoint;
mod flow;
mod handshake;
mod in_a_row;
mod interrupt;
mod lifecycle;
mod outcome;
#[cfg(test)]
mod program_tests;
#[cfg(test)]
mod reading_tests;
#[cfg(test)]
mod sender_tests;
mod simulation;
mod slabs;
mod sleeping;
mod softirq;
#[cfg(test)]
mod tests;
mod threads;
mod timers;
#[cfg(test)]
mod untimely_tests;
mod views;
#[cfg(test)]
mod waking_tests;
mod who_runs;
#[cfg(test)]
mod writing_tests;

pub use outcome::{BlockedTime, FlowOutcome, HostOutcome, NamedSnapshot, RunError, RunOutcome};

use crate::config::RunConfig;
use crate::observer::Observer;

/// Runs one configuration after the other in the same memory: what one run has allocated, the next one uses. The
/// result of a run does not depend on those before it.
#[derive(Debug, Default)]
pub struct Workspace {
    storage: simulation::Storage,
}

impl Workspace {
    /// Runs `config` as [`run`] does.
    ///
    /// # Errors
    /// As [`run`].
    pub fn run<O: Observer>(&mut self, config: &RunConfig, obs: &mut O) -> Result<RunOutcome, RunError> {
        simulation::Simulation::new(config, obs, &mut self.storage).run()
    }
}

/// Runs `config` from the first SYN to the first of its stop conditions; `obs` watches.
///
/// # Errors
/// If the run needs more events than `config.stop.max_events`, or the path loses the handshake.
pub fn run<O: Observer>(config: &RunConfig, obs: &mut O) -> Result<RunOutcome, RunError> {
    Workspace::default().run(config, obs)
}
