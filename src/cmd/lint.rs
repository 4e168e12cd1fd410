//! `skmem lint`: what is wrong with scenario files; nothing is run.

use crate::failure::Failure;
use crate::input::{self, Changes};
use crate::terminal;

/// Arguments of `lint`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit code 2 if any file cannot be run; warnings alone do not count.")]
pub(crate) struct Args {
    /// Files, or names from `skmem list`
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let mut bad = Vec::new();
    for word in &args.files {
        match input::scenario(word, &Changes::default()) {
            Ok(named) => {
                for w in &named.scenario.warnings {
                    terminal::note(&w.render(terminal::stderr_colored()));
                }
                let warnings = match named.scenario.warnings.len() {
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
