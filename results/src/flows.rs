//! Several connections side by side: what each came to, and how fairly they shared what there was.
//!
//! Of a run with several connections the trace (`trace.csv`, `acks.csv`, `reads.csv`, `tx.csv`), the chart and the
//! figures of the socket are those of the first one; the counters are those of the hosts, that is of all. `flows.csv`
//! has a line for each connection.

use std::fmt::Write as _;
use std::io::{self, Write};

use serde::{Deserialize, Serialize};
use sim_core::engine::RunOutcome;

/// One connection at the end of a run. Bytes unless said otherwise.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct FlowFigures {
    /// When its first SYN was sent, ns.
    pub opened_ns: u64,
    /// When its reading end was established, ns.
    pub established_ns: Option<u64>,
    /// When its writer started, ns.
    pub started_ns: Option<u64>,
    /// What the writer handed over.
    pub written: u64,
    /// What the receiving socket took, in order.
    pub received: u64,
    /// What the reader got.
    pub read: u64,
    /// Segments that reached the receiving socket.
    pub segments: u64,
    /// Segments that it dropped.
    pub drops: u64,
    /// What waits in its receive queue.
    pub recv_q: i64,
    /// Memory charged to it.
    pub skmem_r: i64,
    /// Its budget.
    pub skmem_rb: i64,
    /// The sender's congestion window, packets.
    pub cwnd: u32,
    /// The sender's smoothed round-trip time, us.
    pub srtt_us: u32,
}

/// All connections of a run together. Bytes unless said otherwise.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FlowsSummary {
    /// How many there were.
    pub count: u64,
    /// How many of them were established.
    pub established: u64,
    /// Segments that reached the receiving sockets.
    pub segments: u64,
    /// What the receiving sockets took, in order.
    pub received: u64,
    /// What the readers got.
    pub read: u64,
    /// The smallest share that a connection received.
    pub received_least: u64,
    /// The median one (the lower one of two).
    pub received_median: u64,
    /// The largest one.
    pub received_most: u64,
    /// Memory charged to the receiving sockets at the end.
    pub skmem_r: i64,
    /// Jain's fairness index of what they received, per 1000: 1000 if all received the same, 1000 / `count` if one
    /// received everything. `None` if nothing was received.
    pub fairness_permille: Option<u64>,
}

/// Names of the columns of `flows.csv`.
const COLUMNS: [&str; 15] = [
    "flow",
    "opened_ns",
    "established_ns",
    "started_ns",
    "written",
    "received",
    "read",
    "share_permille",
    "segments",
    "drops",
    "recv_q",
    "skmem_r",
    "skmem_rb",
    "cwnd",
    "srtt_us",
];

impl FlowFigures {
    /// The connections of a run, in order.
    pub fn of(outcome: &RunOutcome) -> Vec<Self> {
        let one = |f: &sim_core::engine::FlowOutcome| Self {
            opened_ns: f.opened.as_nanos(),
            established_ns: f.established.map(|t| t.as_nanos()),
            started_ns: f.started.map(|t| t.as_nanos()),
            written: f.written,
            received: f.read + u64::try_from(f.receiver.recvq()).unwrap_or(0),
            read: f.read,
            segments: f.segments,
            drops: u64::from(f.receiver.drops),
            recv_q: f.receiver.recvq(),
            skmem_r: i64::from(f.receiver.rmem),
            skmem_rb: i64::from(f.receiver.rcvbuf),
            cwnd: f.sender.cwnd,
            srtt_us: f.sender.srtt8 >> 3,
        };
        outcome.flows.iter().map(one).collect()
    }

    /// Everything as integers in a fixed order; "nothing" is a number of its own.
    pub(crate) fn integers(&self) -> [i64; 13] {
        let Self {
            opened_ns,
            established_ns,
            started_ns,
            written,
            received,
            read,
            segments,
            drops,
            recv_q,
            skmem_r,
            skmem_rb,
            cwnd,
            srtt_us,
        } = *self;
        let plain = |n: u64| n as i64;
        let time = |t: Option<u64>| t.map_or(-1, plain);
        [
            plain(opened_ns),
            time(established_ns),
            time(started_ns),
            plain(written),
            plain(received),
            plain(read),
            plain(segments),
            plain(drops),
            recv_q,
            skmem_r,
            skmem_rb,
            i64::from(cwnd),
            i64::from(srtt_us),
        ]
    }
}

impl FlowsSummary {
    /// Sums up; `None` for a single connection, of which the other figures tell.
    pub fn new(flows: &[FlowFigures]) -> Option<Self> {
        if flows.len() < 2 {
            return None;
        }
        let mut received: Vec<u64> = flows.iter().map(|f| f.received).collect();
        received.sort_unstable();
        let sum = |f: fn(&FlowFigures) -> u64| flows.iter().map(f).sum::<u64>();
        Some(Self {
            count: flows.len() as u64,
            established: flows.iter().filter(|f| f.established_ns.is_some()).count() as u64,
            segments: sum(|f| f.segments),
            received: sum(|f| f.received),
            read: sum(|f| f.read),
            received_least: received[0],
            received_median: received[(received.len() - 1) / 2],
            received_most: received[received.len() - 1],
            skmem_r: flows.iter().map(|f| f.skmem_r).sum(),
            fairness_permille: fairness_permille(&received),
        })
    }
}

/// Jain's index, `(sum x)^2 / (n * sum x^2)`, per 1000 and rounded down.
fn fairness_permille(shares: &[u64]) -> Option<u64> {
    // Scaled so that no square overflows.
    let shift = 64 - shares.iter().max()?.leading_zeros();
    let shift = shift.saturating_sub(40);
    let sum: u128 = shares.iter().map(|x| u128::from(x >> shift)).sum();
    let squares: u128 = shares.iter().map(|x| u128::from(x >> shift).pow(2)).sum();
    if squares == 0 {
        return None;
    }
    // At most 1e5 connections of 2^40: the square of the sum stays below 2^116.
    u64::try_from((sum * sum).saturating_mul(1_000) / (shares.len() as u128 * squares)).ok()
}

fn share_permille(flow: &FlowFigures, total: u64) -> Option<u128> {
    (total > 0).then(|| u128::from(flow.received) * 1_000 / u128::from(total))
}

/// Writes `flows.csv`: one line for each connection.
///
/// # Errors
/// What the writer says.
pub fn write_flows(mut out: impl Write, flows: &[FlowFigures]) -> io::Result<()> {
    let total = flows.iter().map(|f| f.received).sum();
    writeln!(out, "{}", COLUMNS.join(","))?;
    for (n, f) in flows.iter().enumerate() {
        let opt = |t: Option<u64>| t.map_or_else(String::new, |t| t.to_string());
        let share = share_permille(f, total).map_or_else(String::new, |s| s.to_string());
        writeln!(
            out,
            "{n},{},{},{},{},{},{},{share},{},{},{},{},{},{},{}",
            f.opened_ns,
            opt(f.established_ns),
            opt(f.started_ns),
            f.written,
            f.received,
            f.read,
            f.segments,
            f.drops,
            f.recv_q,
            f.skmem_r,
            f.skmem_rb,
            f.cwnd,
            f.srtt_us
        )?;
    }
    Ok(())
}

/// Connections that the report lists one by one.
const SHOWN: usize = 16;

/// The connections as a table for the terminal, with their shares and the totals below.
pub fn flows_table(flows: &[FlowFigures], end_ns: u64) -> String {
    let Some(s) = FlowsSummary::new(flows) else { return String::new() };
    let mut text = format!(
        "{:<7}{:>14}{:>8}{:>14}{:>10}{:>8}{:>10}{:>8}{:>10}\n",
        "Flow", "Received", "Share", "Goodput", "Segments", "Drops", "skmem_r", "cwnd", "RTT"
    );
    let percent = |p: u128| format!("{}.{} %", p / 10, p % 10);
    for (n, f) in flows.iter().enumerate().take(SHOWN) {
        let time = f.started_ns.map_or(0, |t| end_ns.saturating_sub(t));
        let _ = writeln!(
            text,
            "{n:<7}{:>14}{:>8}{:>14}{:>10}{:>8}{:>10}{:>8}{:>10}",
            f.received,
            share_permille(f, s.received).map_or_else(|| "-".to_owned(), percent),
            rate(f.received, time),
            f.segments,
            f.drops,
            f.skmem_r,
            f.cwnd,
            format!("{}.{} ms", f.srtt_us / 1_000, f.srtt_us % 1_000 / 100)
        );
    }
    if flows.len() > SHOWN {
        let _ = writeln!(text, "... and {} more (flows.csv, with -o)", flows.len() - SHOWN);
    }
    let first = flows.iter().filter_map(|f| f.started_ns).min();
    let time = first.map_or(0, |t| end_ns.saturating_sub(t));
    let drops: u64 = flows.iter().map(|f| f.drops).sum();
    let all = rate(s.received, time);
    let _ = writeln!(
        text,
        "{:<7}{:>14}{:>8}{all:>14}{:>10}{drops:>8}{:>10}",
        "all", s.received, "", s.segments, s.skmem_r
    );
    let fairness = s.fairness_permille.map_or_else(
        || "nothing was received".to_owned(),
        |p| format!("Jain's fairness index {}.{:03}", p / 1_000, p % 1_000),
    );
    let _ = writeln!(
        text,
        "{} of {} established; least {}, median {}, most {} bytes; {fairness}",
        s.established, s.count, s.received_least, s.received_median, s.received_most
    );
    text
}

/// Bits per second as `tc` writes them.
fn rate(bytes: u64, ns: u64) -> String {
    if ns == 0 {
        return "-".to_owned();
    }
    let bps = u128::from(bytes) * 8 * 1_000_000_000 / u128::from(ns);
    let (unit, name) = match bps {
        0..1_000_000 => (1_000, "kbit"),
        1_000_000..1_000_000_000 => (1_000_000, "mbit"),
        _ => (1_000_000_000, "gbit"),
    };
    format!("{}.{} {name}", bps / unit, bps % unit * 10 / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flows(received: &[u64]) -> Vec<FlowFigures> {
        let one = |&r: &u64| FlowFigures {
            received: r,
            read: r,
            started_ns: Some(1_000_000_000),
            established_ns: Some(1),
            ..FlowFigures::default()
        };
        received.iter().map(one).collect()
    }

    #[test]
    fn the_index_is_one_for_equal_shares_and_one_nth_for_a_single_taker() {
        assert_eq!(fairness_permille(&[5, 5, 5, 5]), Some(1_000));
        assert_eq!(fairness_permille(&[7, 0, 0, 0]), Some(250));
        // (1 + 2 + 3)^2 / (3 * 14) = 0.857
        assert_eq!(fairness_permille(&[1, 2, 3]), Some(857));
        assert_eq!(fairness_permille(&[0, 0]), None);
        assert_eq!(fairness_permille(&[u64::MAX, u64::MAX]), Some(1_000));
    }

    #[test]
    fn a_single_connection_has_no_summary_and_no_table() {
        assert_eq!(FlowsSummary::new(&flows(&[9])), None);
        assert_eq!(flows_table(&flows(&[9]), 5), "");
    }

    #[test]
    fn shares_and_totals_add_up() {
        let f = flows(&[3_000_000, 1_000_000]);
        let s = FlowsSummary::new(&f).unwrap();
        assert_eq!(
            (s.count, s.received, s.received_least, s.received_most),
            (2, 4_000_000, 1_000_000, 3_000_000)
        );
        assert_eq!((s.received_median, s.fairness_permille), (1_000_000, Some(800)));
        let text = flows_table(&f, 2_000_000_000);
        assert!(text.contains("75.0 %") && text.contains("25.0 %"), "{text}");
        assert!(text.contains("32.0 mbit") && text.contains("fairness index 0.800"), "{text}");
        let mut csv = Vec::new();
        write_flows(&mut csv, &f).unwrap();
        let csv = String::from_utf8(csv).unwrap();
        let lines: Vec<&str> = csv.lines().collect();
        assert_eq!(lines.len(), 3);
        assert!(lines.iter().all(|l| l.split(',').count() == COLUMNS.len()), "{csv}");
        assert_eq!(lines[1].split(',').nth(7), Some("750"));
    }
}
