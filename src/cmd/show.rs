//! `skmem show`: a scenario or a plan as text.

use scenarios::resolved_yaml;

use crate::failure::Failure;
use crate::input::{self, Changes};
use crate::terminal;

/// Arguments of `show`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A file, or a name from `skmem list` or `skmem list plans`
    #[arg(value_name = "SCENARIO")]
    name: String,
    /// Fill in every default and pin every sysctl; the result is a scenario again
    #[arg(long)]
    resolved: bool,
    #[command(flatten)]
    changes: Changes,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    if args.resolved || args.changes.any() {
        let named = input::scenario(&args.name, &args.changes)?;
        for w in &named.scenario.warnings {
            terminal::note(&w.render(terminal::stderr_colored()));
        }
        return terminal::data(&resolved_yaml(&named.scenario));
    }
    match sweeps::plan_text(&args.name) {
        Some(plan) => terminal::data(plan),
        None => terminal::data(input::source(&args.name)?.text()),
    }
}
