//! The gallery as a page of the documentation: every scenario with its text, its chart and what it showed.

use std::fmt::Write as _;

use rayon::prelude::*;
use scenarios::Scenario;

use crate::failure::Failure;
use crate::input::{self, Changes};
use crate::simulate::{self, Keep, Run};

const HEAD: &str = "\
# Gallery

Every situation as a scenario that runs. `skmem run NAME` repeats it, `skmem show NAME` prints it, and `skmem check` compares all
of them with what they expect. In a chart the upper panel shows bytes against the packet number, the lower one what became
of each packet; how to read it is told in the [README](../README.md#what-the-run-shows).

This page is written by `skmem list --markdown > docs/gallery.md`, the charts by `docs/generate.sh charts`.
";

/// The page.
///
/// # Errors
/// A scenario that cannot be run.
pub(super) fn markdown() -> Result<String, Failure> {
    let names: Vec<String> = scenarios::gallery().iter().map(|(name, _)| (*name).to_owned()).collect();
    let named = input::scenarios(&names, &Changes::default())?;
    let runs: Result<Vec<Run>, String> =
        named.par_iter().map(|n| simulate::run(&n.scenario, Keep::Measures)).collect();
    let runs = runs.map_err(Failure::FellShort)?;
    let mut out = String::from(HEAD);
    out.push('\n');
    for name in &names {
        let _ = writeln!(out, "- [{name}](#{})", name.replace('.', ""));
    }
    let mut last = None;
    for (named, run) in named.iter().zip(&runs) {
        let scenario = &named.scenario;
        if last != Some(&named.from) {
            introduce(&mut out, &named.from, scenario);
        }
        last = Some(&named.from);
        figures(&mut out, scenario, run);
    }
    Ok(out)
}

fn introduce(out: &mut String, name: &str, scenario: &Scenario) {
    let _ = write!(out, "\n## {name}\n\n{}\n\n![{name}](images/gallery/{name}.png)\n", scenario.about.trim());
}

fn figures(out: &mut String, scenario: &Scenario, run: &Run) {
    let _ = writeln!(out, "\nKernel {}:\n", scenario.kernel());
    let _ = writeln!(out, "| | expected | shown |\n|---|---|---|");
    for o in run.outcomes(scenario) {
        let e = o.expectation;
        let shown = o.actual.map_or_else(|| "-".to_owned(), |v| v.to_string());
        let _ = writeln!(out, "| `{}` | {} | {shown} |", e.metric, e.check);
    }
    for line in &scenario.inferred {
        let _ = writeln!(out, "\nInferred: {line}.");
    }
}
