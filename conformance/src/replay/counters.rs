//! The counters at the end, under their `nstat` names.

use super::drive::Drive;
use crate::compare::Difference;
use crate::recording::{CaseKind, LineKind};
use crate::score::LineDifference;

/// Counters that only a receiver of data moves. In loop cases both ends share a namespace, and these are the ones to
/// which the client adds nothing.
const RECEIVER: [&str; 15] = [
    "TCPRcvCoalesce",
    "TCPRcvCollapsed",
    "TCPRcvQDrop",
    "TCPOFOQueue",
    "TCPOFODrop",
    "TCPOFOMerge",
    "PruneCalled",
    "RcvPruned",
    "OfoPruned",
    "TCPZeroWindowDrop",
    "TCPWantZeroWindowAdv",
    "TCPToZeroWindowAdv",
    "TCPFromZeroWindowAdv",
    "TCPDSACKOldSent",
    "TCPDSACKOfoSent",
];

/// Counters that a client moves too, so they are the server's alone in injection cases only.
const INJECTED: [&str; 5] =
    ["TCPHPHits", "DelayedACKs", "DelayedACKLost", "TCPAckCompressed", "TCPBacklogCoalesce"];

impl Drive<'_> {
    /// Compares every counter that was recorded and that only the receiver moves.
    pub(super) fn compare_counters(&mut self) {
        let s = &self.rec.summary;
        let echo = s.options.as_ref().and_then(|o| o.get("echo")).is_some_and(|v| v != "0");
        if echo || s.after_nstat.values().any(|&n| n != 0) {
            // The client receives data as well, or something happened after the counters were read.
            return;
        }
        let injected = if s.kind == CaseKind::Injection { &INJECTED[..] } else { &[] };
        let mut differences = Vec::new();
        for &name in RECEIVER.iter().chain(injected) {
            let (Some(&recorded), Some(model)) = (s.nstat.get(name), self.m.host.counters.get(name)) else {
                continue;
            };
            self.score.counters.add(recorded == model);
            if recorded != model {
                let wide = |n| i64::try_from(n).ok();
                differences.push(Difference { column: name, recorded: wide(recorded), model: wide(model) });
            }
        }
        let last = self.rec.rows.last().map_or(0, |r| u64::from(r.idx));
        self.score.note(LineDifference::of(LineKind::Row, last, 0, differences));
    }
}
