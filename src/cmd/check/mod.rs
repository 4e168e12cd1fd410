//! `skmem check`: do scenarios show what they expect, and are the claims of the ledger what it says they are?

mod json;
mod junit;
mod markdown;

use clap::ValueEnum;
use rayon::prelude::*;
use scenarios::claims::{Claim, Ledger, is_ledger};
use scenarios::{Outcome, check_unique_names, gallery};

use crate::failure::Failure;
use crate::input::{self, Changes, Named};
use crate::ledger::{self, Judgement};
use crate::simulate::{self, Keep};
use crate::terminal;

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Format {
    /// Two tables, and every expectation and claim that fell short
    Text,
    /// One JSON document
    Json,
    /// JUnit XML, one test case per expectation and per claim
    Junit,
    /// The claims as a page for the documentation
    Markdown,
}

/// Arguments of `check`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A scenario is held against its `expect`. A claim is a sentence that somebody published, with the runs that settle it: \
the ledger records whether it is confirmed, refuted, or depends on the kernel's version, and the runs must come to \
the same verdict.

Exit code 1 if any expectation or verdict is not met, each named with its place and what the runs showed.")]
pub(crate) struct Args {
    /// Scenarios (files, or names from `skmem list`), claims by name, files with `claims:`; everything that comes
    /// with the program if none is given
    #[arg(value_name = "SCENARIO|CLAIM")]
    words: Vec<String>,
    /// How to print the result
    #[arg(long, value_enum, default_value = "text", value_name = "FORMAT")]
    format: Format,
}

/// One expectation.
struct Expected {
    name: String,
    place: String,
    passed: bool,
    text: String,
}

/// One scenario's figures.
struct Checked {
    name: String,
    kernel: String,
    digest: String,
    expected: Vec<Expected>,
    /// Why there is no result: a run without one meets nothing.
    failed: Option<String>,
}

impl Checked {
    fn met(&self) -> usize {
        if self.failed.is_some() { 0 } else { self.expected.iter().filter(|e| e.passed).count() }
    }

    fn passed(&self) -> bool {
        self.failed.is_none() && self.expected.iter().all(|e| e.passed)
    }
}

/// What is to be checked.
struct Work {
    scenarios: Vec<Named>,
    /// The ledgers that come with the program.
    shipped: Vec<Ledger>,
    /// Names of their claims, if only some are asked for.
    only: Option<Vec<String>>,
    /// The user's ledgers.
    own_ledgers: Vec<Ledger>,
}

impl Work {
    fn ledgers(&self) -> Vec<&Ledger> {
        self.shipped.iter().chain(&self.own_ledgers).collect()
    }

    fn claims(&self) -> Vec<&Claim> {
        let wanted = |c: &&Claim| self.only.as_ref().is_none_or(|only| only.contains(&c.id));
        let shipped = self.shipped.iter().flat_map(|l| &l.claims).filter(wanted);
        shipped.chain(self.own_ledgers.iter().flat_map(|l| &l.claims)).collect()
    }
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let work = work(&args.words)?;
    check_unique_names(work.scenarios.iter().map(|n| (n.from.as_str(), &n.scenario)))
        .map_err(Failure::BadInput)?;
    let claims = work.claims();
    let (checked, judged) =
        rayon::join(|| work.scenarios.par_iter().map(check).collect(), || ledger::judge(&claims));
    let (checked, judged): (Vec<Checked>, Vec<Judgement<'_>>) = (checked, judged?);
    terminal::data(&match args.format {
        Format::Text => text(&checked, &judged),
        Format::Json => json::document(&checked, &judged),
        Format::Junit => junit::document(&checked, &judged),
        Format::Markdown => markdown::document(&work.ledgers(), &judged),
    })?;
    let mut short = Vec::new();
    let scenarios_short = checked.iter().filter(|c| !c.passed()).count();
    if scenarios_short > 0 {
        let all = terminal::count(checked.len(), "scenario");
        short.push(format!("{scenarios_short} of {all} fell short of what `expect` says"));
    }
    let claims_short = judged.iter().filter(|j| !j.passed()).count();
    if claims_short > 0 {
        let all = terminal::count(judged.len(), "claim");
        short.push(format!("{claims_short} of {all} fell short of the recorded verdict"));
    }
    if short.is_empty() { Ok(()) } else { Err(Failure::FellShort(short.join("; "))) }
}

/// What the words of the command line mean.
fn work(words: &[String]) -> Result<Work, Failure> {
    if words.is_empty() {
        let all: Vec<String> = gallery().iter().map(|(name, _)| (*name).to_owned()).collect();
        let scenarios = input::scenarios(&all, &Changes::default())?;
        return Ok(Work { scenarios, shipped: ledger::shipped()?, only: None, own_ledgers: Vec::new() });
    }
    let shipped = ledger::shipped()?;
    let (mut plain, mut only, mut own_ledgers) = (Vec::new(), Vec::new(), Vec::new());
    for word in words {
        let is_scenario = gallery().iter().any(|(name, _)| name == word);
        if !is_scenario && shipped.iter().flat_map(|l| &l.claims).any(|c| c.id == *word) {
            only.push(word.clone());
        } else if !is_scenario && let Some(own) = own_ledger(word)? {
            own_ledgers.push(own);
        } else {
            plain.push(word.clone());
        }
    }
    let scenarios = input::scenarios(&plain, &Changes::default())?;
    Ok(Work { scenarios, shipped, only: Some(only), own_ledgers })
}

/// The ledger in this file; `None` if it is no file, or a scenario, whose mistakes are reported as such.
fn own_ledger(word: &str) -> Result<Option<Ledger>, Failure> {
    match input::source(word) {
        Ok(source) if is_ledger(&source) => ledger::read(&source).map(Some),
        Ok(_) | Err(_) => Ok(None),
    }
}

fn check(named: &Named) -> Checked {
    let scenario = &named.scenario;
    let place = |o: &Outcome<'_>| {
        let e = o.expectation;
        format!("{}:{}:{}", e.file, e.line, e.column)
    };
    let (expected, digest, failed) = match simulate::run(scenario, Keep::Trace) {
        Err(e) => (Vec::new(), "-".to_owned(), Some(e)),
        Ok(run) => {
            let outcomes = run.outcomes(scenario);
            let expected = outcomes
                .iter()
                .map(|o| Expected {
                    name: o.expectation.metric.clone(),
                    place: place(o),
                    passed: o.passed(),
                    text: o.to_string(),
                })
                .collect();
            (expected, run.summary.digest.unwrap_or_default(), None)
        }
    };
    Checked { name: scenario.name.clone(), kernel: scenario.kernel().to_owned(), digest, expected, failed }
}

fn text(checked: &[Checked], judged: &[Judgement<'_>]) -> String {
    let mut text = String::new();
    if !checked.is_empty() {
        let mut table = terminal::table(&["scenario", "kernel", "met", "digest"]);
        for c in checked {
            let met = format!("{}/{}", c.met(), c.expected.len());
            table.add_row([c.name.as_str(), &c.kernel, &met, &c.digest]);
        }
        text.push_str(&terminal::table_text(&table));
    }
    if !judged.is_empty() {
        if !text.is_empty() {
            text.push('\n');
        }
        let mut table = terminal::table(&["claim", "verdict", "as recorded"]);
        for j in judged {
            let recorded = if j.passed() { "yes" } else { "NO" };
            table.add_row([j.claim.id.as_str(), &j.verdict.to_string(), recorded]);
        }
        text.push_str(&terminal::table_text(&table));
    }
    for c in checked {
        let missed = c.expected.iter().filter(|e| !e.passed);
        let missed = missed.map(|e| format!("{}: {}", e.place, e.text));
        for line in c.failed.iter().cloned().chain(missed) {
            text.push_str(&line);
            text.push('\n');
        }
    }
    for line in judged.iter().flat_map(Judgement::faults) {
        text.push_str(&line);
        text.push('\n');
    }
    text
}
