//! `summary.json`: what a run came to.

use serde::{Deserialize, Serialize};
use sim_core::counters::Counters;

use crate::columns::SCHEMA_VERSION;
use crate::digest::Digest;
use crate::figures::Figures;
use crate::flows::{FlowFigures, FlowsSummary};
use crate::measures::{Measured, PEAKS};
use crate::metrics::{self, MEASURES};
use crate::record::Trace;
use crate::surroundings::Surround;

/// What a summary says about the run besides its trace.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct RunInfo {
    /// Name of the scenario.
    pub scenario: String,
    /// Kernel, as the scenario calls it.
    pub kernel: String,
    /// Seed of the random streams.
    pub seed: u64,
    /// Version of the program.
    pub version: String,
    /// What must be read before the result is trusted.
    pub warnings: Vec<String>,
    /// What was inferred rather than recorded from a kernel.
    pub inferred: Vec<String>,
    /// The connections, if there were several; the trace is that of the first.
    pub flows: Vec<FlowFigures>,
    /// What became of path and devices.
    pub surround: Surround,
}

/// A run in figures. Bytes unless said otherwise.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Summary {
    /// [`SCHEMA_VERSION`] when it was written.
    pub schema: u32,
    /// Name of the scenario.
    pub scenario: String,
    /// Kernel, as the scenario calls it.
    pub kernel: String,
    /// Seed of the random streams.
    pub seed: u64,
    /// Version of the program.
    pub version: String,
    /// Digest of the trace, 32 hexadecimal digits; `None` of a run without a trace.
    pub digest: Option<String>,
    /// Simulated time at the end of the run, ns.
    pub end_ns: u64,
    /// Bytes of each burst in which the data came; of the first 4096 if there are more.
    pub burst_bytes: Vec<u64>,
    /// [`MEASURES`]; those that the run does not have are left out.
    pub measures: Figures,
    /// The socket at the end, under the names of the trace's columns.
    #[serde(rename = "final")]
    pub last: Figures,
    /// The largest values seen.
    pub peak: Figures,
    /// The counters of both hosts together, as one network namespace that holds both counts them.
    pub counters: Figures,
    /// The counters of the receiver's host.
    pub receiver_counters: Figures,
    /// The counters of the sender's host.
    pub sender_counters: Figures,
    /// What must be read before the result is trusted.
    pub warnings: Vec<String>,
    /// What was inferred rather than recorded from a kernel.
    pub inferred: Vec<String>,
    /// What became of packets on the path and at the devices; nothing of a script.
    #[serde(default, skip_serializing_if = "Figures::is_empty")]
    pub path: Figures,
    /// Sockets and memory of both hosts; nothing of a script.
    #[serde(default, skip_serializing_if = "Figures::is_empty")]
    pub host: Figures,
    /// All connections together, if there were several; whatever is said of a socket is then said of the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flows: Option<FlowsSummary>,
}

impl Summary {
    /// Sums up a run with a trace.
    pub fn new(trace: &Trace, info: &RunInfo) -> Self {
        let digest = Digest::of_flows(trace, &info.flows);
        let measured = trace.measured.clone().with_flows(&info.flows).with_surroundings(info.surround);
        Self::of(&measured, Some(digest), info)
    }

    /// Sums up a run; `digest` is that of its trace, if it has one.
    pub fn of(run: &Measured, digest: Option<Digest>, info: &RunInfo) -> Self {
        let RunInfo { scenario, kernel, seed, version, warnings, inferred, flows, surround: _ } =
            info.clone();
        let end = run.closing();
        let last = |c: &crate::columns::FileColumn<_>| Some((c.column().name, c.value(end).int()?));
        Self {
            schema: SCHEMA_VERSION,
            scenario,
            kernel,
            seed,
            version,
            digest: digest.map(|d| d.to_string()),
            end_ns: end.time.as_nanos(),
            burst_bytes: run.bursts().sizes().to_vec(),
            measures: MEASURES.iter().filter_map(|m| Some((m.name, m.value(run)?))).collect(),
            last: metrics::final_columns().iter().filter_map(last).collect(),
            peak: PEAKS.into_iter().zip(*run.peak()).collect(),
            counters: counter_figures(&run.receiver().plus(run.sender())),
            receiver_counters: counter_figures(run.receiver()),
            sender_counters: counter_figures(run.sender()),
            warnings,
            inferred,
            path: run.surround().figures(),
            host: run.surround().host_figures(),
            flows: FlowsSummary::new(&flows),
        }
    }

    /// The metric of this name, as [`metrics::find`] knows it, without the run itself: for a summary that was read
    /// back. `None` if there is no such metric or the run has no such number.
    pub fn metric(&self, name: &str) -> Option<i64> {
        match name.split_once('.') {
            Some(("final", n)) => self
                .last
                .get(crate::columns::find::<crate::record::TraceRow>(n).map_or(n, |c| c.column().name)),
            Some(("peak", n)) => self.peak.get(n),
            Some(("path", n)) => self.path.get(n),
            Some(("host", n)) => self.host.get(n),
            Some(("counters", n)) => counter(&self.counters, n),
            Some(("receiver_counters", n)) => counter(&self.receiver_counters, n),
            Some(("sender_counters", n)) => counter(&self.sender_counters, n),
            Some(_) => None,
            None => self.measures.get(name),
        }
    }

    /// The summary as indented JSON with a newline at the end.
    ///
    /// # Errors
    /// None in practice: every field has a JSON form.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        Ok(text)
    }

    /// Reads a summary back.
    ///
    /// # Errors
    /// The text is not JSON, or not a summary.
    pub fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }
}

/// [`Summary::metric`].
pub fn metric(s: &Summary, name: &str) -> Option<i64> {
    s.metric(name)
}

fn counter(figures: &Figures, name: &str) -> Option<i64> {
    figures
        .get(name)
        .or_else(|| figures.get(&format!("TcpExt{name}")))
        .or_else(|| figures.get(&format!("Tcp{name}")))
}

fn counter_figures(c: &Counters) -> Figures {
    let signed = |n| i64::try_from(n).unwrap_or(i64::MAX);
    Counters::NAMES.iter().copied().zip(c.values().into_iter().map(signed)).collect()
}
