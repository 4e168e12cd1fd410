//! `skmem list`: the scenarios and plans that come with the program, and the kernels.

mod gallery;
mod kernels;
mod memory;
mod plans;

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
    /// The plans of sweeps that come with the program
    Plans,
    /// What the kernels compute from the size of a machine: tcp_mem, tcp_rmem, tcp_wmem, limits of connections
    Memory,
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
    /// With `memory`: the machine's memory, such as 4GiB, instead of a table of usual sizes
    #[arg(long, value_name = "SIZE", value_parser = ram)]
    ram: Option<u64>,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    if args.ram.is_some() && args.what != What::Memory {
        return Err(Failure::BadInput("--ram belongs to `skmem list memory`".to_owned()));
    }
    if args.markdown && args.what == What::Plans {
        return Err(Failure::BadInput("there is no page of plans; docs/sweeps.md describes them".to_owned()));
    }
    match args.what {
        What::Memory if args.markdown => terminal::data(&memory::markdown(args.ram)),
        What::Memory => terminal::data(&memory::text(args.ram)),
        What::Scenarios if args.markdown => terminal::data(&gallery::markdown()?),
        What::Kernels if args.markdown => terminal::data(&kernels::markdown()),
        What::Scenarios => terminal::data(&scenarios()?),
        What::Kernels => terminal::data(&kernels::text()),
        What::Plans => terminal::data(&plans::text()?),
    }
}

/// A size as a scenario takes it, within the bounds of `host.ram`.
fn ram(text: &str) -> Result<u64, String> {
    let bytes = scenarios::units::parse_size(text).map_err(|e| e.message)?;
    if (64 << 20..=1 << 50).contains(&bytes) { Ok(bytes) } else { Err("expected 64MiB to 1PiB".to_owned()) }
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
