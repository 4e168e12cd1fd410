//! One run: from a point to its row.

use std::cell::RefCell;

use results::flows::FlowFigures;
use results::recorder::RowMemory;
use results::surroundings::Surround;
use results::{Digest, Meter, Metric, Setup, TraceRecorder};
use scenarios::{Scenario, ScenarioError};
use sim_core::counters::Counters;
use sim_core::engine::Workspace;
use sim_core::inject;

use crate::plan::Plan;
use crate::sample::Point;

/// What a run came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Figures {
    /// The plan's measures, in its order; `None` where the run has no such figure.
    pub measures: Vec<Option<i64>>,
    /// Digest of the trace: the same as `skmem run` prints; `None` if the plan wants none.
    pub digest: Option<String>,
}

/// One row: a repetition of a point.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Row {
    /// The point.
    pub point: Point,
    /// Which repetition, from 0.
    pub repeat: u32,
    /// Seed of its random streams.
    pub seed: u64,
    /// What it came to, or a line that says why it came to nothing.
    pub result: Result<Figures, String>,
}

/// Runs one repetition of a point. A point that cannot be run is a row too.
pub fn row(plan: &Plan, point: Point, repeat: u32) -> Row {
    let overrides = plan.overrides(&point, repeat);
    let seed = overrides.seed.unwrap_or(0);
    let result = match plan.base.template.resolve(&overrides) {
        Ok(scenario) if plan.digest => figures(&scenario, &plan.metrics),
        Ok(scenario) => measure(&scenario, &plan.metrics).map(|measures| Figures { measures, digest: None }),
        Err(e) => Err(why_not(&e)),
    };
    Row { point, repeat, seed, result: result.map_err(|e| one_line(&e)) }
}

/// Why a scenario cannot be resolved, in one sentence: with the setting, if one is to blame, rather than a place in it.
pub(crate) fn why_not(error: &ScenarioError) -> String {
    let Some(first) = error.errors().next() else { return String::new() };
    let setting = first.source.text();
    match first.file() {
        "--set" => format!("{setting}: {}", first.sentence()),
        option @ ("--kernel" | "--seed") => {
            format!("{}={setting}: {}", option.trim_start_matches('-'), first.sentence())
        }
        _ => first.to_string(),
    }
}

thread_local! {
    /// What one run allocates, the next one on the same thread uses. Results do not depend on it.
    static MEMORY: RefCell<(Workspace, RowMemory)> = RefCell::default();
}

/// Runs a scenario, takes these figures, and the digest of its trace.
///
/// # Errors
/// Why the run has no result, as a sentence.
pub fn figures(scenario: &Scenario, measures: &[&'static Metric]) -> Result<Figures, String> {
    MEMORY.with_borrow_mut(|(workspace, rows)| {
        let rows_of = std::mem::take(rows);
        let (trace, flows, surround) = match &scenario.inject {
            None => {
                let mut recorder = TraceRecorder::in_memory_of(rows_of, Setup::of(&scenario.config));
                let o = workspace.run(&scenario.config, &mut recorder).map_err(|e| e.to_string())?;
                let (flows, surround) = (FlowFigures::of(&o), Surround::of(&o));
                let trace = recorder.finish(o.ended, &o.receiver, &o.receiver_counters, &o.sender_counters);
                (trace, flows, surround)
            }
            Some(plan) => {
                let mut recorder = TraceRecorder::in_memory_of(rows_of, Setup::of_path(&scenario.config));
                let o = inject::run_injection(&scenario.config, plan, &mut recorder)
                    .map_err(|e| e.to_string())?;
                let trace = recorder.finish(o.ended, &o.receiver, &o.counters, &Counters::default());
                (trace, Vec::new(), Surround::default())
            }
        };
        let mut trace = trace.map_err(|e| e.to_string())?;
        let digest = Digest::of_flows(&trace, &flows).to_string();
        trace.measured = trace.measured.with_flows(&flows).with_surroundings(surround);
        let measures = measures.iter().map(|m| m.value(&trace.measured)).collect();
        *rows = trace.into();
        Ok(Figures { measures, digest: Some(digest) })
    })
}

/// Runs a scenario and takes these figures alone: no trace is kept, and there is no digest.
///
/// # Errors
/// Why the run has no result, as a sentence.
pub fn measure(scenario: &Scenario, measures: &[&'static Metric]) -> Result<Vec<Option<i64>>, String> {
    let measured = match &scenario.inject {
        None => {
            let mut meter = Meter::new(Setup::of(&scenario.config));
            let run = |m: &mut (Workspace, RowMemory)| m.0.run(&scenario.config, &mut meter);
            let o = MEMORY.with_borrow_mut(run).map_err(|e| e.to_string())?;
            let measured = meter.finish(o.ended, &o.receiver, &o.receiver_counters, &o.sender_counters);
            measured.with_flows(&FlowFigures::of(&o)).with_surroundings(Surround::of(&o))
        }
        Some(plan) => {
            let mut meter = Meter::new(Setup::of_path(&scenario.config));
            let o = inject::run_injection(&scenario.config, plan, &mut meter).map_err(|e| e.to_string())?;
            let measured = meter.finish(o.ended, &o.receiver, &o.counters, &Counters::default());
            measured.with_flows(&[]).with_surroundings(Surround::default())
        }
    };
    Ok(measures.iter().map(|m| m.value(&measured)).collect())
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
