//! `skmem list`: the scenarios that come with the program, and the kernels.

mod gallery;
mod kernels;

use clap::ValueEnum;
use scenarios::{Overrides, Source, gallery, resolve};

use crate::failure::Failure;
use crate::terminal;

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum What {
    /// The scenarios that come with the program
    Scenarios,
    /// The kernels, and everything in which they differ
    Kernels,
}

/// Arguments of `list`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What to list
    #[arg(value_enum, default_value = "scenarios")]
    what: What,
    /// The scenarios, or the kernels, as a page for the documentation
    #[arg(long)]
    markdown: bool,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    match args.what {
        What::Scenarios if args.markdown => terminal::data(&gallery::markdown()?),
        What::Kernels if args.markdown => terminal::data(&kernels::markdown()),
        What::Scenarios => terminal::data(&scenarios()?),
        What::Kernels => terminal::data(&kernels::text()),
    }
}

fn scenarios() -> Result<String, Failure> {
    let mut table = terminal::table(&["scenario", "kernel", "what it shows"]);
    for (name, text) in gallery() {
        let source = Source::new(*name, *text);
        let scenario =
            resolve(&source, &Overrides::default()).map_err(|e| Failure::Diagnosed(e.render(false)))?;
        // The first paragraph of `about` says it in a line.
        let first = scenario.about.split("\n\n").next().unwrap_or("").replace('\n', " ");
        let kernels = if scenario.kernels.is_empty() {
            scenario.kernel().to_owned()
        } else {
            scenario.kernels.join(" ")
        };
        table.add_row([*name, &kernels, &first]);
    }
    Ok(terminal::table_text(&table))
}
