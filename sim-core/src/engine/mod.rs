//! A whole run: two hosts, the path between them, and one or more connections with their applications.
//!
//! The engine owns time. It takes the earliest event, lets one machine act on it, and puts what that machine
//! sends onto the path. Machines never see the queue; they say when they want to be called again.

mod applications;
mod cpu;
mod endpoint;
mod flow;
mod handshake;
mod interrupt;
mod outcome;
mod simulation;
mod softirq;
#[cfg(test)]
mod tests;
mod views;

pub use outcome::{FlowOutcome, RunError, RunOutcome};

use crate::config::RunConfig;
use crate::observer::Observer;

/// Runs `config` from the first SYN to the first of its stop conditions; `obs` watches.
///
/// # Errors
/// If the run needs more events than `config.stop.max_events`, or the path loses the handshake.
pub fn run<O: Observer>(config: &RunConfig, obs: &mut O) -> Result<RunOutcome, RunError> {
    simulation::Simulation::new(config, obs).run()
}
