//! One scenario, run and summed up.

use plots::{Chart, ChartRow, ChartSettings, rows_from_trace};
use results::flows::FlowFigures;
use results::{RunInfo, Summary, Trace, TraceRecorder, metric};
use scenarios::{Diagnostic, Outcome, Scenario, Severity, evaluate};
use sim_core::counters::Counters;
use sim_core::engine;
use sim_core::inject;
use sim_core::time::SimDuration;

use crate::settings;

/// What a run left behind.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) trace: Trace,
    pub(crate) summary: Summary,
    /// The connections.
    pub(crate) flows: Vec<FlowFigures>,
}

impl Run {
    /// The expectations of `scenario`, each with what the run showed.
    pub(crate) fn outcomes<'a>(&self, scenario: &'a Scenario) -> Vec<Outcome<'a>> {
        evaluate(&scenario.expectations, |name| metric(&self.summary, name))
    }

    /// What a chart shows.
    pub(crate) fn chart_rows(&self) -> Vec<ChartRow> {
        rows_from_trace(&self.trace)
    }
}

/// Runs a scenario and records everything.
///
/// # Errors
/// A sentence that says why there is no result: the run itself fell short, or its trace is too long to hold.
pub(crate) fn run(scenario: &Scenario) -> Result<Run, String> {
    let mut recorder = TraceRecorder::new();
    let in_scenario = |e: String| format!("{}: {e}", scenario.name);
    let failed = |e: engine::RunError| {
        let remedy = match e {
            engine::RunError::Budget(_) => {
                "; shorten it (stop.after, stop.bytes, stop.packets) or allow more with stop.max_events"
            }
            engine::RunError::NotEstablished { .. } if scenario.inject.is_some() => {
                "; is inject.handshake too long?"
            }
            engine::RunError::NotEstablished { .. } => "; is path.limit or path.mtu too small?",
        };
        in_scenario(format!("{e}{remedy}"))
    };
    let mut flows = Vec::new();
    let trace = match &scenario.inject {
        None => {
            let o = engine::run(&scenario.config, &mut recorder).map_err(failed)?;
            flows = FlowFigures::of(&o);
            recorder.finish(o.ended, &o.receiver, &o.receiver_counters, &o.sender_counters)
        }
        Some(plan) => {
            let o = inject::run_injection(&scenario.config, plan, &mut recorder).map_err(failed)?;
            recorder.finish(o.ended, &o.receiver, &o.counters, &Counters::default())
        }
    };
    let trace = trace.map_err(|e| in_scenario(e.to_string()))?;
    let summary = Summary::new(&trace, &RunInfo { flows: flows.clone(), ..info(scenario) });
    Ok(Run { trace, summary, flows })
}

fn info(scenario: &Scenario) -> RunInfo {
    let c = &scenario.config;
    let rtt = SimDuration::from_nanos(c.forward.delay.as_nanos() + c.reverse.delay.as_nanos());
    let warnings = scenario.warnings.iter().filter(|d| d.severity == Severity::Warning);
    RunInfo {
        scenario: scenario.name.clone(),
        kernel: scenario.kernel().to_owned(),
        seed: c.seed,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        rtt,
        warnings: warnings.map(one_line).collect(),
        inferred: scenario.inferred.clone(),
        flows: Vec::new(),
    }
}

/// A warning with its place and remedy, without the word itself.
fn one_line(d: &Diagnostic) -> String {
    let help = d.help.as_ref().map(|h| format!(" ({h})")).unwrap_or_default();
    format!("{}:{}:{}: {}{help}", d.file(), d.line(), d.column(), d.message)
}

/// The chart of a run, titled with what makes the run what it is.
///
/// # Errors
/// Why it could not be drawn.
pub(crate) fn chart(scenario: &Scenario, rows: Vec<ChartRow>) -> Result<Chart, String> {
    let settings = ChartSettings {
        title: scenario.name.clone(),
        settings: settings::of(scenario),
        ..ChartSettings::default()
    };
    Chart::from(rows, settings).map_err(|e| format!("{}: {e}", scenario.name))
}
