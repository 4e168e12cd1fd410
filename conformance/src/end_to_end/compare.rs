//! Line by line, up to the kernel's own first divergence.

use sim_core::segment::{Flags, Segment};
use sim_core::state::TcpState;

use super::trace::{Row as ModelRow, Trace};
use crate::columns::{ColumnClass, STATE_COLUMNS, StateColumn, line_class};
use crate::compare::{Difference, compare_state};
use crate::recording::{AckRow, Entry, KernelVersion, LineKind, Recording, Row, TxRow};
use crate::score::{CaseScore, LineDifference};

/// Columns of the state that take part.
const STATE: [&str; 16] = [
    "rcv_ssthresh",
    "window_clamp",
    "rcvbuf",
    "recvq",
    "rmem",
    "win",
    "rcv_wnd",
    "rcv_wup",
    "rcv_nxt",
    "copied_seq",
    "scaling_ratio",
    "quick",
    "pingpong",
    "rcv_mss",
    "ofo",
    "num_sacks",
];

/// What the recorder's probes take of a segment at most, microseconds.
const PROBES_US: u32 = 19;

/// Compares everything that comes before the divergence.
pub(super) fn lines(rec: &Recording, trace: &Trace, score: &mut CaseScore) {
    let (row, ack, tx) = rec.first_divergence();
    let columns: Vec<StateColumn> =
        STATE_COLUMNS.iter().filter(|c| STATE.contains(&c.name)).copied().collect();
    let version = rec.version();
    let mut differences = Vec::new();
    for (i, r) in before(&rec.rows, row).iter().enumerate() {
        let d = compare_row(r, trace.rows.get(i), &columns, version);
        score.rows.add(d.is_empty());
        keep(&mut differences, LineKind::Row, u64::from(r.idx), r.time_ns, d);
    }
    for (i, r) in before(&rec.acks, ack).iter().enumerate() {
        let d = compare_ack(r, trace.acks.get(i));
        score.acks.add(d.is_empty());
        keep(&mut differences, LineKind::Ack, r.ev, r.time_ns, d);
    }
    for (i, r) in before(&rec.tx, tx).iter().enumerate() {
        let repeats = rec.first_other_state().is_none_or(|first| (i as u64) + 1 < first);
        let d = compare_tx(r, trace, i, repeats);
        score.steps.add(d.is_empty());
        if repeats {
            score.srtt.add(has_srtt(r, trace, i));
        }
        keep(&mut differences, LineKind::Tx, r.ev, r.time_ns, d);
    }
    // Whatever comes first in time is the cause of the rest.
    differences.sort_by_key(|d| d.time_ns);
    if let Some(first) = differences.into_iter().next() {
        score.note(first);
    }
    // Packets too many, where all of them are compared.
    let extra = |all: usize, model: usize, divergence: Option<u64>| {
        if divergence.is_none() { model.saturating_sub(all) as u64 } else { 0 }
    };
    score.unexpected = extra(rec.acks.len(), trace.acks.len(), ack) + extra(rec.tx.len(), trace.tx.len(), tx);
}

/// Whether the smoothed round-trip time is the recorded one but for what the recorder's probes take of each segment
/// ([`PROBES_US`]): samples are taken where these are.
fn has_srtt(r: &TxRow, trace: &Trace, i: usize) -> bool {
    trace.tx.get(i).is_some_and(|(_, sender)| r.srtt8.abs_diff(sender.srtt8) <= 8 * PROBES_US)
}

/// How many packets of the client are the recorded ones, to the end of the recording and whatever its other passes did;
/// the number of the first that is not.
pub(super) fn packets(rec: &Recording, trace: &Trace) -> (usize, Option<usize>) {
    let same = |i: &usize| compare_tx(&rec.tx[*i], trace, *i, true).is_empty();
    let equal = (0..rec.tx.len()).filter(same).count();
    let extra = (trace.tx.len() > rec.tx.len()).then_some(rec.tx.len());
    (equal, (0..rec.tx.len()).find(|i| !same(i)).or(extra))
}

/// The lines before line number `divergence`, which counts from 1.
fn before<T>(lines: &[T], divergence: Option<u64>) -> &[T] {
    let end = divergence.map_or(lines.len(), |n| usize::try_from(n.saturating_sub(1)).unwrap_or(usize::MAX));
    &lines[..end.min(lines.len())]
}

/// Keeps the first difference of each kind of line.
fn keep(out: &mut Vec<LineDifference>, file: LineKind, line: u64, time_ns: u64, d: Vec<Difference>) {
    if !d.is_empty() && !out.iter().any(|o| o.file == file) {
        out.push(LineDifference::of(file, line, time_ns, d));
    }
}

fn check(out: &mut Vec<Difference>, column: &'static str, recorded: i64, model: i64) {
    if recorded != model {
        out.push(Difference { column, recorded: Some(recorded), model: Some(model) });
    }
}

/// A sequence number: the low 32 bits count.
fn wire(out: &mut Vec<Difference>, column: &'static str, recorded: i64, model: i64) {
    if recorded as u32 != model as u32 {
        check(out, column, recorded, model);
    }
}

fn flags(out: &mut Vec<Difference>, recorded: Flags, model: Flags) {
    let bits = |f: Flags| i64::from(f.without(Flags::PSH).0);
    check(out, "flags", bits(recorded), bits(model));
}

/// The model has no such line.
fn absent() -> Vec<Difference> {
    vec![Difference { column: "(line)", recorded: Some(1), model: None }]
}

fn compare_row(
    r: &Row,
    model: Option<&ModelRow>,
    columns: &[StateColumn],
    version: KernelVersion,
) -> Vec<Difference> {
    let Some(m) = model else { return absent() };
    let mut out = Vec::new();
    let entry = match (m.segment, m.state.state) {
        (None, _) => Entry::End,
        (Some(_), TcpState::Established) => Entry::Established,
        (Some(_), _) => Entry::StateProcess,
    };
    check(&mut out, "fn", r.entry as i64, entry as i64);
    if let (Some(s), Some((seg, truesize))) = (&r.segment, m.segment) {
        wire(&mut out, "seq", s.seq, seg.seq.0);
        check(&mut out, "len", i64::from(s.len), i64::from(seg.len));
        flags(&mut out, s.flags, seg.flags);
        check(&mut out, "truesize", i64::from(s.truesize), i64::from(truesize));
    }
    out.extend(compare_state(&r.state, &m.state, columns, version));
    check(&mut out, "coal_ok", i64::from(r.coal_ok), i64::from(m.counts.coal_ok));
    if line_class(LineKind::Row, "coal_fail", version) == Some(ColumnClass::Compared) {
        check(&mut out, "coal_fail", i64::from(r.coal_fail), i64::from(m.counts.coal_fail));
    }
    check(&mut out, "n_collapse", i64::from(r.n_collapse), i64::from(m.counts.n_collapse));
    out
}

fn compare_ack(r: &AckRow, model: Option<&Segment>) -> Vec<Difference> {
    let Some(m) = model else { return absent() };
    let mut out = Vec::new();
    flags(&mut out, r.flags, m.flags);
    wire(&mut out, "ack", r.ack, m.ack.0);
    check(&mut out, "win_raw", i64::from(r.win_raw), i64::from(m.window));
    let blocks = |s: &sim_core::segment::SackList| -> Vec<(u32, u32)> {
        s.as_slice().iter().map(|b| (b.start.wire(), b.end.wire())).collect()
    };
    let (recorded, modelled) = (blocks(&r.sack), blocks(&m.sacks()));
    if recorded != modelled {
        let edge = |b: &[(u32, u32)]| b.first().map(|b| i64::from(b.1));
        out.push(Difference { column: "sack", recorded: edge(&recorded), model: edge(&modelled) });
    }
    check(&mut out, "len", i64::from(r.len), i64::from(m.len));
    out
}

/// `state`: the kernel's passes have the sender's state in common.
fn compare_tx(r: &TxRow, trace: &Trace, i: usize, state: bool) -> Vec<Difference> {
    let Some((m, sender)) = trace.tx.get(i) else { return absent() };
    let mut out = Vec::new();
    wire(&mut out, "seq", r.seq, m.seq.0);
    check(&mut out, "len", i64::from(r.len), i64::from(m.len));
    flags(&mut out, r.flags, m.flags);
    if m.flags.has(Flags::ACK) {
        wire(&mut out, "ack", r.ack, m.ack.0);
    }
    check(&mut out, "win_raw", i64::from(r.win_raw), i64::from(m.window));
    if state {
        check(&mut out, "cwnd", i64::from(r.cwnd), i64::from(sender.cwnd));
        check(&mut out, "snd_ssthresh", i64::from(r.snd_ssthresh), i64::from(sender.ssthresh));
        check(&mut out, "packets_out", i64::from(r.packets_out), i64::from(sender.packets_out));
        check(&mut out, "ca_state", i64::from(r.ca_state), i64::from(sender.ca_state));
    }
    out
}
