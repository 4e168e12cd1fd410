//! The arguments of all commands.

use clap::{Parser, Subcommand};

use crate::cmd;

/// What a Linux TCP socket does with its receive budget, byte by byte: what each packet costs (skmem_r), how much
/// of it is data (recv_q), what window is advertised (rcv_win), and when skbs are merged, collapsed or dropped.
#[derive(Debug, Parser)]
#[command(name = "skmem", version, max_term_width = 110, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const AFTER_HELP: &str = "\
SCENARIO is a file or the name of a scenario that comes with the program (see `skmem list`).

Exit codes: 0 done; 1 a run, check or comparison fell short; 2 bad input.
Begin with: skmem run budget-overrun";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run scenarios: report, chart, and the trace of every packet
    Run(cmd::run::Args),
    /// Draw the figures of a finished sweep
    Chart(cmd::chart::Args),
    /// Run scenarios and compare them with what they expect
    Check(cmd::check::Args),
    /// Hold the model against recordings of real kernels
    Conform(cmd::conform::Args),
    /// Hold two traces, or a trace and a recording or a published curve, against each other
    Diff(cmd::diff::Args),
    /// Say what is wrong with scenarios and plans, and run nothing
    Lint(cmd::lint::Args),
    /// List the scenarios or plans that come with the program, or the kernels and how they differ
    List(cmd::list::Args),
    /// Print a scenario, as written or with every default filled in
    Show(cmd::show::Args),
    /// Write a scenario to start from
    New(cmd::new::Args),
    /// Draw a trace, or a recording, that was written before
    Plot(cmd::plot::Args),
    /// Run a scenario at many points: one row of figures for each
    Sweep(cmd::sweep::Args),
    /// Search the settings that serve best under all conditions
    Tune(cmd::tune::Args),
    /// Put the shards of a sweep together
    Merge(cmd::merge::Args),
    /// Print the JSON schema of scenario files, for editors
    Schema(cmd::schema::Args),
    /// Print the completions for a shell
    Completions(cmd::completions::Args),
}
