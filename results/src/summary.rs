//! `summary.json`: what a run came to, and the metrics that expectations and sweeps ask for by name.

use serde::{Deserialize, Serialize};
use sim_core::counters::Counters;
use sim_core::state::SocketState;
use sim_core::time::SimDuration;

use crate::bursts::bursts;
use crate::columns::{self, Cell, Class, SCHEMA_VERSION};
use crate::digest::Digest;
use crate::figures::Figures;
use crate::flows::{FlowFigures, FlowsSummary};
use crate::record::{Trace, TraceRow, over_budget};

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
    /// Round-trip time of the path, by which bursts are told apart.
    pub rtt: SimDuration,
    /// What must be read before the result is trusted.
    pub warnings: Vec<String>,
    /// What was inferred rather than recorded from a kernel.
    pub inferred: Vec<String>,
    /// The connections, if there were several; the trace is that of the first.
    pub flows: Vec<FlowFigures>,
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
    /// Digest of the trace, 32 hexadecimal digits.
    pub digest: String,
    /// Simulated time at the end of the run, ns.
    pub end_ns: u64,
    /// Segments that reached the receiving socket.
    pub packets: u64,
    /// Those of them that carried data.
    pub data_packets: u64,
    /// Packets the receiver sent.
    pub acks: u64,
    /// Segments dropped by the receiving socket.
    pub dropped: u64,
    /// Segments dropped before that: the backlog was full.
    pub backlog_dropped: u64,
    /// Merges of skbs.
    pub coalesced: u64,
    /// Collapses of a queue.
    pub collapsed: u64,
    /// Calls of the prune procedure.
    pub pruned: u64,
    /// What was left of the advertised window when the first segment was dropped.
    pub window_at_first_drop: Option<i64>,
    /// Cost of the first skb with data.
    pub truesize_first: Option<i64>,
    /// How much data fitted: what the socket took, read or not.
    pub fitted: i64,
    /// Bytes the application read.
    pub bytes_read: u64,
    /// In how many bursts the data came.
    pub bursts: u64,
    /// Bytes of each burst.
    pub burst_bytes: Vec<u64>,
    /// Data in the receive queue per 1000 bytes of memory charged, at the end; `None` if nothing is charged.
    pub payload_permille: Option<i64>,
    /// Merges per 1000 data packets; `None` without data.
    pub coalesced_permille: Option<i64>,
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
    /// All connections together, if there were several; whatever is said of a socket is then said of the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flows: Option<FlowsSummary>,
}

impl Summary {
    /// Sums up a trace.
    pub fn new(trace: &Trace, info: &RunInfo) -> Self {
        let RunInfo { scenario, kernel, seed, version, rtt, warnings, inferred, flows } = info.clone();
        let end = &trace.closing;
        let first_data = trace.rows.iter().find(|r| !r.is_empty());
        let first_seq = trace.rows.first().unwrap_or(end).state.rcv_nxt;
        let sum = |f: fn(&TraceRow) -> u32| trace.rows.iter().map(|r| u64::from(f(r))).sum::<u64>();
        let data_packets = trace.rows.iter().filter(|r| !r.is_empty()).count() as u64;
        let coalesced = sum(|r| r.outcome.coalesced);
        let burst_bytes = bursts(trace, rtt);
        Self {
            schema: SCHEMA_VERSION,
            scenario,
            kernel,
            seed,
            version,
            digest: Digest::of_flows(trace, &flows).to_string(),
            end_ns: end.time.as_nanos(),
            packets: trace.rows.len() as u64,
            data_packets,
            acks: trace.acks.len() as u64,
            dropped: sum(|r| r.outcome.dropped),
            backlog_dropped: trace.backlog_drops,
            coalesced,
            collapsed: sum(|r| r.outcome.collapsed),
            pruned: sum(|r| r.outcome.pruned),
            window_at_first_drop: trace
                .rows
                .iter()
                .find(|r| r.outcome.dropped > 0)
                .map(|r| i64::from(r.state.win())),
            truesize_first: first_data.and_then(|r| r.arrival).map(|a| i64::from(a.truesize)),
            fitted: end.state.rcv_nxt - first_seq,
            bytes_read: trace.bytes_read(),
            bursts: burst_bytes.len() as u64,
            burst_bytes,
            payload_permille: permille(end.state.recvq(), i64::from(end.state.rmem)),
            coalesced_permille: permille(signed(coalesced), signed(data_packets)),
            last: final_figures(end),
            peak: peaks(trace),
            counters: counter_figures(&trace.receiver.plus(&trace.sender)),
            receiver_counters: counter_figures(&trace.receiver),
            sender_counters: counter_figures(&trace.sender),
            warnings,
            inferred,
            flows: FlowsSummary::new(&flows),
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

/// The figure with this name, `None` if there is no such name or the run has no such figure:
/// `final.COLUMN`, `peak.NAME`, `counters.NSTAT` (both hosts, with or without `TcpExt`),
/// `receiver_counters.NSTAT`, `sender_counters.NSTAT`, or the name of a field such as `bursts`.
pub fn metric(s: &Summary, name: &str) -> Option<i64> {
    match name.split_once('.') {
        Some(("final", n)) => s.last.get(columns::find::<TraceRow>(n).map_or(n, |c| c.column().name)),
        Some(("peak", n)) => s.peak.get(n),
        Some(("counters", n)) => counter(&s.counters, n),
        Some(("receiver_counters", n)) => counter(&s.receiver_counters, n),
        Some(("sender_counters", n)) => counter(&s.sender_counters, n),
        Some(_) => None,
        None => match name {
            "packets" => Some(signed(s.packets)),
            "data_packets" => Some(signed(s.data_packets)),
            "acks" => Some(signed(s.acks)),
            "dropped" => Some(signed(s.dropped)),
            "backlog_dropped" => Some(signed(s.backlog_dropped)),
            "coalesced" => Some(signed(s.coalesced)),
            "collapsed" => Some(signed(s.collapsed)),
            "pruned" => Some(signed(s.pruned)),
            "fitted" => Some(s.fitted),
            "bytes_read" => Some(signed(s.bytes_read)),
            "bursts" => Some(signed(s.bursts)),
            "end_ns" => Some(signed(s.end_ns)),
            "window_at_first_drop" => s.window_at_first_drop,
            "truesize_first" => s.truesize_first,
            "payload_permille" => s.payload_permille,
            "coalesced_permille" => s.coalesced_permille,
            "fairness_permille" => s.flows.as_ref().and_then(|f| f.fairness_permille).map(signed),
            _ => None,
        },
    }
}

/// Every name that [`metric`] understands, whether or not a particular run has the figure: for messages that
/// suggest the nearest one.
pub fn metric_names() -> Vec<String> {
    let state = columns::all::<TraceRow>()
        .filter(is_final)
        .filter(|c| c.column().unit != columns::Unit::Text)
        .map(|c| format!("final.{}", c.column().name));
    let peak = PEAKS.iter().map(|n| format!("peak.{n}"));
    let counters = ["counters", "receiver_counters", "sender_counters"]
        .into_iter()
        .flat_map(|side| Counters::NAMES.iter().map(move |n| format!("{side}.{n}")));
    let plain = [
        "packets",
        "data_packets",
        "acks",
        "dropped",
        "backlog_dropped",
        "coalesced",
        "collapsed",
        "pruned",
        "fitted",
        "bytes_read",
        "bursts",
        "end_ns",
        "window_at_first_drop",
        "truesize_first",
        "payload_permille",
        "coalesced_permille",
        "fairness_permille",
    ];
    plain.into_iter().map(str::to_owned).chain(state).chain(peak).chain(counters).collect()
}

/// Names of the peaks.
const PEAKS: [&str; 6] = ["recv_q", "skmem_r", "skmem_rb", "rcv_ssthresh", "rcv_win", "over_budget"];

fn counter(figures: &Figures, name: &str) -> Option<i64> {
    figures
        .get(name)
        .or_else(|| figures.get(&format!("TcpExt{name}")))
        .or_else(|| figures.get(&format!("Tcp{name}")))
}

fn counter_figures(c: &Counters) -> Figures {
    Counters::NAMES.iter().copied().zip(c.values().into_iter().map(signed)).collect()
}

/// Whether the column says something about the end of a run: the socket's state, the time and `acked`.
fn is_final(c: &columns::FileColumn<TraceRow>) -> bool {
    matches!(c, columns::FileColumn::State(_)) || matches!(c.column().name, "time_ns" | "acked")
}

fn final_figures(end: &TraceRow) -> Figures {
    let standard =
        |c: &columns::FileColumn<TraceRow>| c.column().standard && c.column().class == Class::Compared;
    let mut list: Vec<_> = columns::all::<TraceRow>().filter(is_final).collect();
    list.sort_by_key(|c| !standard(c));
    list.iter()
        .filter_map(|c| match c.value(end) {
            Cell::Int(n) => Some((c.column().name, n)),
            Cell::Empty | Cell::Text(_) => None,
        })
        .collect()
}

/// The largest values of all states that the trace holds: before each segment, at each ACK and read, at the end.
fn peaks(trace: &Trace) -> Figures {
    let figures = |s: &SocketState| -> [i64; PEAKS.len()] {
        [
            s.recvq(),
            i64::from(s.rmem),
            i64::from(s.rcvbuf),
            i64::from(s.rcv_ssthresh),
            i64::from(s.win()),
            over_budget(s),
        ]
    };
    let mut peak = figures(&trace.closing.state);
    let states = (trace.rows.iter().map(|r| &r.state))
        .chain(trace.acks.iter().map(|r| &r.state))
        .chain(trace.reads.iter().map(|r| &r.state));
    for s in states {
        for (p, n) in peak.iter_mut().zip(figures(s)) {
            *p = (*p).max(n);
        }
    }
    PEAKS.into_iter().zip(peak).collect()
}

/// `part` per 1000 of `whole`, rounded down.
fn permille(part: i64, whole: i64) -> Option<i64> {
    if whole <= 0 { None } else { part.checked_mul(1000).map(|p| p / whole) }
}

fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
