//! `skmem check`: do scenarios show what they expect?

use rayon::prelude::*;
use scenarios::{check_unique_names, gallery};

use crate::failure::Failure;
use crate::input::{self, Changes, Named};
use crate::simulate;
use crate::terminal;

/// Arguments of `check`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit code 1 if any expectation is not met, each named with its place and what the run showed."
)]
pub(crate) struct Args {
    /// Files, or names from `skmem list`; all that come with the program if none is given
    #[arg(value_name = "SCENARIO")]
    scenarios: Vec<String>,
}

/// One scenario's figures.
struct Checked {
    met: usize,
    of: usize,
    digest: String,
    missed: Vec<String>,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let words: Vec<String> = match args.scenarios.as_slice() {
        [] => gallery().iter().map(|(name, _)| (*name).to_owned()).collect(),
        given => given.to_vec(),
    };
    let named = input::scenarios(&words, &Changes::default())?;
    check_unique_names(named.iter().map(|n| (n.from.as_str(), &n.scenario))).map_err(Failure::BadInput)?;
    let checked: Vec<Checked> = named.par_iter().map(check).collect();

    let mut table = terminal::table(&["scenario", "kernel", "met", "digest"]);
    for (named, c) in named.iter().zip(&checked) {
        let met = format!("{}/{}", c.met, c.of);
        table.add_row([named.scenario.name.as_str(), named.scenario.kernel(), &met, &c.digest]);
    }
    let mut text = terminal::table_text(&table);
    for line in checked.iter().flat_map(|c| &c.missed) {
        text.push_str(line);
        text.push('\n');
    }
    terminal::data(&text)?;
    let short = checked.iter().filter(|c| !c.missed.is_empty()).count();
    if short == 0 {
        return Ok(());
    }
    let all = terminal::count(checked.len(), "scenario");
    Err(Failure::FellShort(format!("{short} of {all} fell short of what `expect` says")))
}

fn check(named: &Named) -> Checked {
    match simulate::run(&named.scenario) {
        // A run without a result meets nothing.
        Err(e) => {
            Checked { met: 0, of: named.scenario.expectations.len(), digest: "-".to_owned(), missed: vec![e] }
        }
        Ok(run) => {
            let outcomes = run.outcomes(&named.scenario);
            let missed: Vec<String> = outcomes
                .iter()
                .filter(|o| !o.passed())
                .map(|o| {
                    format!("{}:{}:{}: {o}", o.expectation.file, o.expectation.line, o.expectation.column)
                })
                .collect();
            Checked {
                met: outcomes.len() - missed.len(),
                of: outcomes.len(),
                digest: run.summary.digest,
                missed,
            }
        }
    }
}
