//! `skmem schema`: what a scenario file may hold, for editors or for people.

use results::metrics;
use scenarios::{json_schema, reference};

use crate::failure::Failure;
use crate::terminal;

/// Arguments of `schema`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Print the same as text: every key with its default, and every metric that `expect` takes
    #[arg(long)]
    text: bool,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    if args.text {
        return terminal::data(&format!("{}\nMetrics of `expect`:\n{}", reference(), metrics::reference()));
    }
    terminal::data(&json_schema())
}
