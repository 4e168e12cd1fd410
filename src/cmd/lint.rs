//! `skmem lint`: what is wrong with the files of scenarios and plans; nothing is run.

use sweeps::tune_warnings;

use crate::failure::Failure;
use crate::input::{self, Changes};
use crate::{plan_input, terminal};

/// Arguments of `lint`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit code 2 if any file cannot be run; warnings alone do not count.")]
pub(crate) struct Args {
    /// Files of scenarios or plans, or names from `skmem list`
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let mut bad = Vec::new();
    for word in &args.files {
        match warnings(word) {
            Ok(found) => {
                found.iter().for_each(|w| terminal::note(w));
                let warnings = match found.len() {
                    0 => String::new(),
                    n => format!(", {}", terminal::count(n, "warning")),
                };
                terminal::data(&format!("{word}: ok{warnings}\n"))?;
            }
            Err(Failure::NobodyReads) => return Err(Failure::NobodyReads),
            Err(failure) => {
                // Said now, in order; the exit code comes with the last line.
                let _ = failure.report();
                bad.push(word.as_str());
            }
        }
    }
    if bad.is_empty() {
        return Ok(());
    }
    Err(Failure::BadInput(format!("cannot be run: {}", bad.join(", "))))
}

/// The warnings of a scenario or a plan that can be run.
fn warnings(word: &str) -> Result<Vec<String>, Failure> {
    if plan_input::is_plan(word) {
        let plan = plan_input::plan(word)?.plan;
        let found = plan.tune.as_ref().map_or_else(|| sweeps::warnings(&plan), |t| tune_warnings(&plan, t));
        return Ok(found.iter().map(|w| format!("warning: {w}")).collect());
    }
    let named = input::scenario(word, &Changes::default())?;
    Ok(named.scenario.warnings.iter().map(|w| w.render(terminal::stderr_colored())).collect())
}
