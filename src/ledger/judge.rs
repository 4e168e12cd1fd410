//! Runs what the claims ask for, each distinct run once, and compares what comes out with the recorded verdicts.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;
use results::{cells, metrics};
use scenarios::claims::{Asked, Claim, ClaimRun, Judged, Verdict};
use scenarios::{Overrides, Scenario, resolve};

use crate::failure::Failure;
use crate::input;
use crate::ledger::recorded::Witness;
use crate::simulate::{self, Keep, Run};
use crate::terminal;

/// What makes one run different from another.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Key {
    scenario: String,
    set: Vec<String>,
    kernel: Option<String>,
}

impl Key {
    fn new(run: &ClaimRun, asking: Option<&str>) -> Self {
        let kernel = run.kernel.clone().or_else(|| asking.map(str::to_owned));
        Self { scenario: run.scenario.clone(), set: run.set.clone(), kernel }
    }
}

/// The numbers that were asked of one run, or why there are none.
type Numbers = Result<BTreeMap<String, Option<i64>>, String>;

/// A claim on one kernel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Asking {
    /// The kernel; `None` if the runs have kernels of their own.
    pub(crate) kernel: Option<String>,
    /// What the claim says.
    pub(crate) shows: Vec<Judged>,
    /// What must be true if the claim is not; empty if it is.
    pub(crate) instead: Vec<Judged>,
    /// Why there is no answer.
    pub(crate) failed: Option<String>,
}

impl Asking {
    /// Whether the claim holds here.
    pub(crate) fn holds(&self) -> bool {
        self.failed.is_none() && self.shows.iter().all(|j| j.holds)
    }

    /// Whether the answer is what the ledger says about a claim that does not hold.
    fn as_recorded(&self) -> bool {
        self.failed.is_none() && self.instead.iter().all(|j| j.holds)
    }
}

/// A claim and what the runs say about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Judgement<'a> {
    pub(crate) claim: &'a Claim,
    pub(crate) askings: Vec<Asking>,
    pub(crate) verdict: Verdict,
    /// What recorded kernels say to the same assertions, if the claim names a recording and it is here.
    pub(crate) witness: Option<Witness>,
}

impl Judgement<'_> {
    /// Whether the runs say what the ledger says.
    pub(crate) fn passed(&self) -> bool {
        self.verdict == self.claim.verdict
            && self.askings.iter().all(Asking::as_recorded)
            && self.witness.as_ref().is_none_or(|w| w.asked > 0 && w.against.is_empty())
    }

    /// What fell short, one line each: the claim with its place first.
    pub(crate) fn faults(&self) -> Vec<String> {
        if self.passed() {
            return Vec::new();
        }
        let Claim { id, file, line, column, verdict, .. } = self.claim;
        let mut lines = vec![if self.verdict == *verdict {
            format!("{file}:{line}:{column}: claim {id}: {verdict}, but not as recorded")
        } else {
            format!(
                "{file}:{line}:{column}: claim {id}: recorded as {verdict}, but the runs say {}",
                self.verdict
            )
        }];
        for asking in &self.askings {
            let on = asking.kernel.as_ref().map(|k| format!("on {k}: ")).unwrap_or_default();
            lines.extend(asking.failed.iter().map(|e| format!("    {on}{e}")));
            let wrong = if asking.holds() { &[] } else { asking.shows.as_slice() };
            for j in wrong.iter().chain(&asking.instead).filter(|j| !j.holds) {
                lines.push(format!("    {on}{j}"));
            }
        }
        if let (Some(witness), Some(case)) = (&self.witness, &self.claim.recorded) {
            if witness.asked == 0 {
                lines.push(format!("    the recording {case} tells none of these numbers"));
            }
            for (kernel, judged) in &witness.against {
                lines.push(format!("    the recording {case} of {kernel}: {judged}"));
            }
        }
        lines
    }
}

/// Judges all claims. Every run is resolved before the first is started.
///
/// # Errors
/// A claim that asks for something that cannot be run.
pub(crate) fn judge<'a>(claims: &[&'a Claim]) -> Result<Vec<Judgement<'a>>, Failure> {
    let mut wanted: BTreeMap<Key, (BTreeSet<String>, Scenario)> = BTreeMap::new();
    for claim in claims {
        for asking in claim.askings() {
            for run in &claim.runs {
                let key = Key::new(run, asking);
                let names = names_asked(claim, &run.label);
                if let Some((known, _)) = wanted.get_mut(&key) {
                    known.extend(names);
                } else {
                    let scenario = scenario(claim, &key)?;
                    wanted.insert(key, (names, scenario));
                }
            }
        }
    }
    let runs: Vec<(Key, (BTreeSet<String>, Scenario))> = wanted.into_iter().collect();
    let answers: BTreeMap<Key, Numbers> = runs
        .par_iter()
        .map(|(key, (names, scenario))| {
            (key.clone(), simulate::run(scenario, keep(names)).map(|run| numbers(&run, names)))
        })
        .collect();
    claims.iter().map(|claim| judge_one(claim, &answers)).collect()
}

/// Every number that the claim asks of the run with this label.
fn names_asked(claim: &Claim, label: &str) -> BTreeSet<String> {
    let all = claim.shows.iter().chain(&claim.instead).flat_map(|a| a.asked());
    all.filter(|a| a.run == label).map(|a| a.metric.clone()).collect()
}

fn scenario(claim: &Claim, key: &Key) -> Result<Scenario, Failure> {
    let of_claim =
        |text: String| format!("{}:{}:{}: claim {}: {text}", claim.file, claim.line, claim.column, claim.id);
    let source = input::source(&key.scenario).map_err(|e| match e {
        Failure::BadInput(text) => Failure::BadInput(of_claim(text)),
        other => other,
    })?;
    let overrides = Overrides { set: key.set.clone(), kernel: key.kernel.clone(), seed: None };
    resolve(&source, &overrides)
        .map_err(|e| Failure::Diagnosed(of_claim(format!("\n{}", e.render(terminal::stderr_colored())))))
}

/// Cells are those of a trace; without any, measures are enough.
fn keep(names: &BTreeSet<String>) -> Keep {
    if names.iter().any(|n| cells::is_cell(n)) { Keep::Trace } else { Keep::Measures }
}

fn numbers(run: &Run, names: &BTreeSet<String>) -> BTreeMap<String, Option<i64>> {
    let number = |name: &String| {
        if cells::is_cell(name) {
            run.trace.as_ref().and_then(|trace| cells::value(trace, &run.summary, name))
        } else {
            metrics::find(name)?.value(&run.measured)
        }
    };
    names.iter().map(|n| (n.clone(), number(n))).collect()
}

fn judge_one<'a>(claim: &'a Claim, answers: &BTreeMap<Key, Numbers>) -> Result<Judgement<'a>, Failure> {
    let askings: Vec<Asking> = claim
        .askings()
        .into_iter()
        .map(|kernel| {
            let answer = |run: &ClaimRun| answers.get(&Key::new(run, kernel));
            let failed = claim.runs.iter().find_map(|r| answer(r)?.as_ref().err().cloned());
            let lookup = |asked: &Asked| -> Option<i64> {
                let run = claim.runs.iter().find(|r| r.label == asked.run)?;
                answer(run)?.as_ref().ok()?.get(&asked.metric).copied().flatten()
            };
            let shows: Vec<Judged> = claim.shows.iter().map(|a| a.judge(&lookup)).collect();
            let instead = if shows.iter().all(|j| j.holds) {
                Vec::new()
            } else {
                claim.instead.iter().map(|a| a.judge(&lookup)).collect()
            };
            Asking { kernel: kernel.map(str::to_owned), shows, instead, failed }
        })
        .collect();
    let shown = askings.iter().map(|a| (a.kernel.as_deref().unwrap_or("these runs"), a.holds()));
    let verdict = Verdict::of(shown);
    let holds_on = |kernel: &str| {
        askings.iter().find(|a| a.kernel.as_deref().is_none_or(|k| k == kernel)).is_some_and(Asking::holds)
    };
    let witness = Witness::of(claim, &holds_on)?;
    Ok(Judgement { claim, askings, verdict, witness })
}
