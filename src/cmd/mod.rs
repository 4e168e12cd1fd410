//! One command per file: its arguments, and what it does with them.

pub(crate) mod chart;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod conform;
pub(crate) mod diff;
pub(crate) mod lint;
pub(crate) mod list;
pub(crate) mod merge;
pub(crate) mod new;
pub(crate) mod plot;
pub(crate) mod run;
pub(crate) mod schema;
pub(crate) mod show;
pub(crate) mod sweep;
pub(crate) mod tune;

use crate::cli::{Cli, Command};
use crate::failure::Failure;

/// Does what the arguments ask for.
pub(crate) fn dispatch(args: Cli) -> Result<(), Failure> {
    match args.command {
        Command::Run(a) => run::run(&a),
        Command::Chart(a) => chart::run(&a),
        Command::Check(a) => check::run(&a),
        Command::Conform(a) => conform::run(&a),
        Command::Diff(a) => diff::run(&a),
        Command::Lint(a) => lint::run(&a),
        Command::List(a) => list::run(&a),
        Command::Show(a) => show::run(&a),
        Command::New(a) => new::run(&a),
        Command::Plot(a) => plot::run(&a),
        Command::Sweep(a) => sweep::run(&a),
        Command::Tune(a) => tune::run(&a),
        Command::Merge(a) => merge::run(&a),
        Command::Schema(a) => schema::run(&a),
        Command::Completions(a) => completions::run(&a),
    }
}
