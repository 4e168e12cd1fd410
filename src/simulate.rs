//! One scenario, run and summed up.

use plots::{Chart, ChartRow, ChartSettings, rows_from_trace};
use results::flows::FlowFigures;
use results::hosts::HostReport;
use results::surroundings::Surround;
use results::{Measured, Meter, RunInfo, Setup, Summary, Trace, TraceRecorder, metrics};
use scenarios::{Diagnostic, Outcome, Scenario, Severity, evaluate};
use sim_core::counters::Counters;
use sim_core::engine;
use sim_core::inject;
use sim_core::observer::Observer;
use sim_core::state::SocketState;
use sim_core::time::SimTime;

use crate::settings;

/// What a run left behind.
#[derive(Debug)]
pub(crate) struct Run {
    /// `None` if nobody asked for it.
    pub(crate) trace: Option<Trace>,
    pub(crate) measured: Measured,
    pub(crate) summary: Summary,
    /// The connections.
    pub(crate) flows: Vec<FlowFigures>,
    /// The hosts; nothing of a script.
    pub(crate) hosts: HostReport,
}

/// What is kept of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Keep {
    /// Every row.
    Trace,
    /// The measures: a run of any length takes constant memory, and less time.
    Measures,
}

impl Run {
    /// The expectations of `scenario`, each with what the run showed.
    pub(crate) fn outcomes<'a>(&self, scenario: &'a Scenario) -> Vec<Outcome<'a>> {
        evaluate(&scenario.expectations, |name| metrics::find(name)?.value(&self.measured))
    }

    /// What a chart shows; nothing without a trace.
    pub(crate) fn chart_rows(&self) -> Vec<ChartRow> {
        self.trace.as_ref().map(rows_from_trace).unwrap_or_default()
    }
}

/// How a run ended, whoever watched it.
struct End {
    time: SimTime,
    state: SocketState,
    receiver: Counters,
    sender: Counters,
    /// The connections; none of a script.
    flows: Vec<FlowFigures>,
    surround: Surround,
    hosts: HostReport,
}

/// Runs a scenario and keeps what is asked for.
///
/// # Errors
/// A sentence that says why there is no result: the run itself fell short, or its trace is too long to hold.
pub(crate) fn run(scenario: &Scenario, keep: Keep) -> Result<Run, String> {
    let setup = match &scenario.inject {
        None => Setup::of(&scenario.config),
        Some(_) => Setup::of_path(&scenario.config),
    };
    match keep {
        Keep::Trace => {
            let mut recorder = TraceRecorder::new(setup);
            let end = watched(scenario, &mut recorder)?;
            let trace = recorder.finish(end.time, &end.state, &end.receiver, &end.sender);
            let trace = trace.map_err(|e| format!("{}: {e}", scenario.name))?;
            let measured = trace.measured.clone().with_flows(&end.flows).with_surroundings(end.surround);
            let info = RunInfo { flows: end.flows.clone(), surround: end.surround, ..info(scenario) };
            Ok(Run {
                measured,
                summary: Summary::new(&trace, &info),
                trace: Some(trace),
                flows: end.flows,
                hosts: end.hosts,
            })
        }
        Keep::Measures => {
            let mut meter = Meter::new(setup);
            let end = watched(scenario, &mut meter)?;
            let measured = meter.finish(end.time, &end.state, &end.receiver, &end.sender);
            let measured = measured.with_flows(&end.flows).with_surroundings(end.surround);
            let info = RunInfo { flows: end.flows.clone(), surround: end.surround, ..info(scenario) };
            let summary = Summary::of(&measured, None, &info);
            Ok(Run { measured, trace: None, summary, flows: end.flows, hosts: end.hosts })
        }
    }
}

/// Runs a scenario under an observer.
fn watched<O: Observer>(scenario: &Scenario, obs: &mut O) -> Result<End, String> {
    let failed = |e: engine::RunError| {
        let remedy = match e {
            engine::RunError::Budget(_) => {
                "; shorten it (stop.after, stop.bytes, stop.packets) or allow more with stop.max_events"
            }
            engine::RunError::NotEstablished { .. } if scenario.inject.is_some() => {
                "; is inject.handshake too long?"
            }
            engine::RunError::NotEstablished { .. } => {
                "; does the path lose every SYN, or is path.limit or path.mtu too small?"
            }
        };
        format!("{}: {e}{remedy}", scenario.name)
    };
    Ok(match &scenario.inject {
        None => {
            let o = engine::run(&scenario.config, obs).map_err(failed)?;
            let (flows, surround) = (FlowFigures::of(&o), Surround::of(&o));
            let hosts = HostReport::of(&o, scenario.config.kernel);
            let (receiver, sender) = (o.receiver_counters, o.sender_counters);
            End { time: o.ended, state: o.receiver, receiver, sender, flows, surround, hosts }
        }
        Some(plan) => {
            let o = inject::run_injection(&scenario.config, plan, obs).map_err(failed)?;
            let (receiver, sender) = (o.counters, Counters::default());
            End {
                time: o.ended,
                state: o.receiver,
                receiver,
                sender,
                flows: Vec::new(),
                surround: Surround::default(),
                hosts: HostReport::default(),
            }
        }
    })
}

fn info(scenario: &Scenario) -> RunInfo {
    let warnings = scenario.warnings.iter().filter(|d| d.severity == Severity::Warning);
    RunInfo {
        scenario: scenario.name.clone(),
        kernel: scenario.kernel().to_owned(),
        seed: scenario.config.seed,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        warnings: warnings.map(one_line).collect(),
        inferred: scenario.inferred.clone(),
        flows: Vec::new(),
        surround: Surround::default(),
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
