//! As a whole: every figure of a run lies within what the passes of the kernel gave.

use sim_core::engine::RunOutcome;

use super::trace::Trace;
use crate::columns::STATE_COLUMNS;
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

/// Compares the figures of the whole; each counts as a line.
pub(super) fn compare(rec: &Recording, trace: &Trace, outcome: &RunOutcome, score: &mut CaseScore) {
    let passes = &rec.summary.passes;
    let mut outside = Vec::new();
    let mut judge = |name: &str, model: Option<i64>, recorded: &dyn Fn(&Pass) -> Option<i64>| {
        let values: Vec<i64> = passes.iter().filter_map(recorded).collect();
        let (Some(&least), Some(&most)) = (values.iter().min(), values.iter().max()) else { return };
        let inside = model.is_some_and(|m| (least..=most).contains(&m));
        score.counters.add(inside);
        if !inside {
            let shown = model.map_or_else(|| "unknown".to_owned(), |m| m.to_string());
            let range = if least == most { least.to_string() } else { format!("{least} to {most}") };
            outside.push(format!("{name} {shown}, recorded {range}"));
        }
    };
    let count = |n: u64| i64::try_from(n).ok();
    judge("rows", count(trace.rows.len() as u64), &|p| count(p.rows));
    judge("acks", count(trace.acks.len() as u64), &|p| count(p.acks));
    judge("tx", count(trace.tx.len() as u64), &|p| count(p.tx));
    judge("sent", count(outcome.written), &|p| p.sent.and_then(count));
    judge("received", count(outcome.read), &|p| p.received.and_then(count));
    for c in STATE_COLUMNS.iter().filter(|c| FINAL.contains(&c.name) && c.exists_on(rec.version())) {
        let model = c.model.and_then(|f| f(&outcome.receiver));
        judge(&format!("final {}", c.name), model, &|p| {
            let v = (c.recorded)(&p.end);
            if c.wraps { v.map(|v| i64::from(v as u32)) } else { v }
        });
    }
    let m = trace.max;
    for (name, model) in [
        ("recvq", m.recvq),
        ("rmem", m.rmem),
        ("rcv_ssthresh", m.rcv_ssthresh),
        ("win", m.win),
        ("rcvbuf", m.rcvbuf),
    ] {
        judge(&format!("maximal {name}"), Some(model), &|p| p.max.get(name).copied());
    }
    // Both ends of a loopback connection count into one namespace.
    let counters = outcome.receiver_counters.plus(&outcome.sender_counters);
    for name in rec.summary.nstat.keys() {
        // A counter that the model does not have stays zero.
        let model = counters.get(name).unwrap_or(0);
        judge(name, count(model), &|p| p.nstat.get(name).copied().and_then(count));
    }
    if !outside.is_empty() {
        score.notes.push(format!("outside what the passes gave: {}", outside.join("; ")));
    }
}
