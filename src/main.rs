//! `skmem`: the command. Arguments become calls of the libraries, their answers become text and exit codes.

mod claims;
mod cli;
mod cmd;
mod failure;
mod input;
mod ledger;
mod parquet_file;
mod plan_input;
mod progress;
mod recorded;
mod settings;
mod side_by_side;
mod simulate;
mod sweep_charts;
mod terminal;
mod tune_chart;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    claims::clean_up_on_interrupt();
    let args = match cli::Cli::try_parse() {
        Ok(args) => args,
        Err(e) => return terminal::usage_error(&e),
    };
    match cmd::dispatch(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
