//! As a whole: every figure of a run lies within what the passes of the kernel gave.

use std::ops::RangeInclusive;

use sim_core::counters::Counters;
use sim_core::engine::RunOutcome;

use super::trace::Trace;
use crate::columns::{STATE_COLUMNS, StateColumn};
use crate::recording::{Pass, Recording};
use crate::score::CaseScore;

/// Columns of the final state that take part.
const FINAL: [&str; 12] = [
    "rcv_ssthresh",
    "window_clamp",
    "rcvbuf",
    "recvq",
    "rmem",
    "rcv_wnd",
    "rcv_nxt",
    "copied_seq",
    "scaling_ratio",
    "rcv_mss",
    "qlen",
    "drops",
];

/// State of which the largest value takes part.
const LARGEST: [&str; 5] = ["recvq", "rmem", "rcv_ssthresh", "win", "rcvbuf"];

/// A figure of a whole run.
enum Figure<'a> {
    Rows,
    Acks,
    Tx,
    Sent,
    Received,
    Final(&'static StateColumn),
    Largest(&'static str),
    Counter(&'a str),
}

/// What the model's run gave.
struct Run<'a> {
    trace: &'a Trace,
    outcome: &'a RunOutcome,
    counters: Counters,
}

fn count(n: u64) -> Option<i64> {
    i64::try_from(n).ok()
}

impl Figure<'_> {
    fn name(&self) -> String {
        match self {
            Self::Rows => "rows".into(),
            Self::Acks => "acks".into(),
            Self::Tx => "tx".into(),
            Self::Sent => "sent".into(),
            Self::Received => "received".into(),
            Self::Final(column) => format!("final {}", column.name),
            Self::Largest(name) => format!("maximal {name}"),
            Self::Counter(name) => (*name).into(),
        }
    }

    /// What a pass gave.
    fn recorded(&self, p: &Pass) -> Option<i64> {
        match self {
            Self::Rows => count(p.rows),
            Self::Acks => count(p.acks),
            Self::Tx => count(p.tx),
            Self::Sent => p.sent.and_then(count),
            Self::Received => p.received.and_then(count),
            Self::Final(column) => {
                (column.recorded)(&p.end).map(|v| if column.wraps { i64::from(v as u32) } else { v })
            }
            Self::Largest(name) => p.max.get(*name).copied(),
            Self::Counter(name) => p.nstat.get(*name).copied().and_then(count),
        }
    }

    /// What the model gave. A counter that it does not have stays zero.
    fn of_model(&self, run: &Run<'_>) -> Option<i64> {
        let Run { trace, outcome, counters } = run;
        match self {
            Self::Rows => count(trace.rows.len() as u64),
            Self::Acks => count(trace.acks.len() as u64),
            Self::Tx => count(trace.tx.len() as u64),
            Self::Sent => count(outcome.written),
            Self::Received => count(outcome.read),
            Self::Final(column) => column.model.and_then(|f| f(&outcome.receiver)),
            Self::Largest(name) => match *name {
                "recvq" => Some(trace.max.recvq),
                "rmem" => Some(trace.max.rmem),
                "rcv_ssthresh" => Some(trace.max.rcv_ssthresh),
                "win" => Some(trace.max.win),
                "rcvbuf" => Some(trace.max.rcvbuf),
                _ => None,
            },
            Self::Counter(name) => count(counters.get(name).unwrap_or(0)),
        }
    }
}

/// The figures of which the passes of `rec` tell, and what they gave.
fn figures(rec: &Recording) -> impl Iterator<Item = (Figure<'_>, RangeInclusive<i64>)> {
    let state = |c: &&StateColumn| FINAL.contains(&c.name) && c.exists_on(rec.version());
    [Figure::Rows, Figure::Acks, Figure::Tx, Figure::Sent, Figure::Received]
        .into_iter()
        .chain(STATE_COLUMNS.iter().filter(state).map(Figure::Final))
        .chain(LARGEST.iter().map(|name| Figure::Largest(name)))
        .chain(rec.summary.nstat.keys().map(|name| Figure::Counter(name)))
        .filter_map(|figure| {
            let values = || rec.summary.passes.iter().filter_map(|p| figure.recorded(p));
            let range = values().min()?..=values().max()?;
            Some((figure, range))
        })
}

/// How many figures of a `further` pass of the kernel lie outside what those of `rec` gave.
pub fn figures_outside(rec: &Recording, further: &Pass) -> u32 {
    let inside = |(figure, range): &(Figure<'_>, RangeInclusive<i64>)| {
        range.contains(&figure.recorded(further).unwrap_or(0))
    };
    figures(rec).filter(|f| !inside(f)).count() as u32
}

/// Compares the figures of the whole; each counts as a line.
pub(super) fn compare(rec: &Recording, trace: &Trace, outcome: &RunOutcome, score: &mut CaseScore) {
    // Both ends of a loopback connection count into one namespace.
    let counters = outcome.receiver_counters.plus(&outcome.sender_counters);
    let run = Run { trace, outcome, counters };
    let mut outside = Vec::new();
    for (figure, range) in figures(rec) {
        let model = figure.of_model(&run);
        let inside = model.is_some_and(|m| range.contains(&m));
        score.counters.add(inside);
        if !inside {
            let shown = model.map_or_else(|| "unknown".to_owned(), |m| m.to_string());
            let (least, most) = range.into_inner();
            let range = if least == most { least.to_string() } else { format!("{least} to {most}") };
            outside.push(format!("{} {shown}, recorded {range}", figure.name()));
        }
    }
    if !outside.is_empty() {
        score.notes.push(format!("outside what the passes gave: {}", outside.join("; ")));
    }
    score.further_outside = rec.further.as_ref().map(|f| f.figures_outside.clone()).unwrap_or_default();
}
