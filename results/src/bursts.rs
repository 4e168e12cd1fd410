//! In how many bursts the data came: arrivals of data more than half a round-trip time apart.

use sim_core::time::SimDuration;

use crate::record::Trace;

/// Bytes that each burst added to the stream, in order of time.
///
/// A burst begins with data that arrives more than `rtt / 2` after the data before it. It is worth the bytes by
/// which `rcv_nxt` moved until the next burst; a burst that added nothing (retries that were dropped, probes)
/// is left out. The bursts add up to everything the socket took.
pub fn bursts(trace: &Trace, rtt: SimDuration) -> Vec<u64> {
    let gap = SimDuration::from_nanos(rtt.as_nanos() / 2);
    // rcv_nxt at the beginning of each burst, and in the end.
    let mut edges = Vec::new();
    let mut last = None;
    for row in trace.rows.iter().filter(|r| !r.is_empty()) {
        if last.is_none_or(|t| row.time.since(t) > gap) {
            edges.push(row.state.rcv_nxt);
        }
        last = Some(row.time);
    }
    edges.push(trace.closing.state.rcv_nxt);
    edges.windows(2).filter_map(|w| u64::try_from(w[1] - w[0]).ok()).filter(|bytes| *bytes > 0).collect()
}
