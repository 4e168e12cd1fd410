//! The comparison of what the model gives with what was recorded.
//!
//! Every function returns the differences in the columns of class "compared", an empty list for an exact line.
//! Nothing is tolerated; what is not compared is decided by the tables of [`crate::columns`] alone.

use sim_core::segment::{Flags, Segment, SynOptions};
use sim_core::state::SocketState;
use std::fmt;

use crate::columns::{Blank, ColumnClass, STATE_COLUMNS, StateColumn};
use crate::recording::{
    AckRow, KernelVersion, LineKind, MergeRow, MergeWhy, RecordedQueue, RecordedState, Row,
};

/// A column in which the model and the recording differ. `None` is a blank.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Difference {
    /// The column.
    pub column: &'static str,
    /// What was recorded.
    pub recorded: Option<i64>,
    /// What the model gives.
    pub model: Option<i64>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let show = |v: Option<i64>| v.map_or_else(|| "blank".to_owned(), |v| v.to_string());
        write!(f, "{}: model {}, recorded {}", self.column, show(self.model), show(self.recorded))
    }
}

/// Collects differences.
#[derive(Default)]
struct Differences(Vec<Difference>);

impl Differences {
    fn check(&mut self, column: &'static str, recorded: Option<i64>, model: Option<i64>) {
        if recorded != model {
            self.0.push(Difference { column, recorded, model });
        }
    }

    fn number(&mut self, column: &'static str, recorded: impl Into<i64>, model: impl Into<i64>) {
        self.check(column, Some(recorded.into()), Some(model.into()));
    }

    fn wire(&mut self, column: &'static str, recorded: i64, model: i64) {
        if recorded as u32 != model as u32 {
            self.number(column, recorded, model);
        }
    }
}

/// Compares a recorded state with the model's, over the compared columns of `columns` that the kernel has.
///
/// Columns that the model does not have are left out (see [`unmodelled`]). A line on which only part of the
/// state was read is compared in that part.
pub fn compare_state(
    recorded: &RecordedState,
    model: &SocketState,
    columns: &[StateColumn],
    kernel: KernelVersion,
) -> Vec<Difference> {
    let mut out = Differences::default();
    let full = recorded.is_full();
    for c in columns {
        let Some(of_model) = c.model else { continue };
        if c.class != ColumnClass::Compared || !c.exists_on(kernel) || !c.applies(recorded) {
            continue;
        }
        let value = (c.recorded)(recorded);
        if value.is_none() && !(full && c.blank == Blank::Absent) {
            continue;
        }
        let value = if c.wraps { value.map(|v| i64::from(v as u32)) } else { value };
        out.check(c.name, value, of_model(model));
    }
    out.0
}

/// [`compare_state`] over [`STATE_COLUMNS`].
pub fn compare_whole_state(
    recorded: &RecordedState,
    model: &SocketState,
    kernel: KernelVersion,
) -> Vec<Difference> {
    compare_state(recorded, model, STATE_COLUMNS, kernel)
}

/// The compared columns of the state that the model does not have.
pub fn unmodelled() -> impl Iterator<Item = &'static str> {
    STATE_COLUMNS.iter().filter(|c| c.class == ColumnClass::Compared && c.model.is_none()).map(|c| c.name)
}

/// What the model counted between two rows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ModelCounts {
    /// Bytes acknowledged since the first row.
    pub acked: i64,
    /// Merges that succeeded.
    pub coal_ok: u32,
    /// Merges that were refused.
    pub coal_fail: u32,
    /// Collapses of the receive queue.
    pub n_collapse: u32,
    /// Collapses of a range of the out-of-order queue.
    pub n_collapse_ofo: u32,
    /// Prunes of the out-of-order queue.
    pub n_prune_ofo: u32,
    /// Packets sent.
    pub n_ack: u32,
}

/// Compares the counts of a row.
pub fn compare_counts(row: &Row, model: &ModelCounts, kernel: KernelVersion) -> Vec<Difference> {
    let mut out = Differences::default();
    out.number("acked", row.acked, model.acked);
    out.number("coal_ok", row.coal_ok, model.coal_ok);
    if crate::columns::line_class(LineKind::Row, "coal_fail", kernel) == Some(ColumnClass::Compared) {
        out.number("coal_fail", row.coal_fail, model.coal_fail);
    }
    out.number("n_collapse", row.n_collapse, model.n_collapse);
    out.number("n_collapse_ofo", row.n_collapse_ofo, model.n_collapse_ofo);
    out.number("n_prune_ofo", row.n_prune_ofo, model.n_prune_ofo);
    out.number("n_ack", row.n_ack, model.n_ack);
    out.0
}

/// Compares a packet that the model's receiver sent with a recorded one.
///
/// `syn` holds the options if the packet is a SYN-ACK. The state that the other ACK lines carry is compared with
/// [`compare_state`]; their `win` is the state's, which may exceed what the header can say.
pub fn compare_ack(recorded: &AckRow, model: &Segment, syn: Option<&SynOptions>) -> Vec<Difference> {
    let mut out = Differences::default();
    out.number("flags", recorded.flags.0, model.flags.0);
    out.wire("seq", recorded.seq, model.seq.0);
    if model.flags.has(Flags::ACK) {
        // Without the flag the field means nothing (a reset).
        out.wire("ack", recorded.ack, model.ack.0);
    }
    out.number("len", recorded.len, model.len);
    out.number("win_raw", recorded.win_raw, model.window);
    if model.flags.has(Flags::SYN) {
        out.number("win", recorded.win, model.window);
    }
    out.check("mss_opt", recorded.mss_opt.map(i64::from), syn.map(|s| i64::from(s.mss)));
    out.check("ws_opt", recorded.ws_opt.map(i64::from), syn.and_then(|s| s.window_scale).map(i64::from));
    let tsecr = syn.and_then(|s| s.ts).or(model.ts).map(|t| i64::from(t.ecr));
    out.check("tsecr", recorded.tsecr.map(i64::from), tsecr);
    const STARTS: [&str; 4] = ["sack 1 from", "sack 2 from", "sack 3 from", "sack 4 from"];
    const ENDS: [&str; 4] = ["sack 1 to", "sack 2 to", "sack 3 to", "sack 4 to"];
    let sacks = model.sacks();
    for i in 0..4 {
        let (r, m) = (recorded.sack.as_slice().get(i), sacks.as_slice().get(i));
        out.check(STARTS[i], r.map(|b| i64::from(b.start.wire())), m.map(|b| i64::from(b.start.wire())));
        out.check(ENDS[i], r.map(|b| i64::from(b.end.wire())), m.map(|b| i64::from(b.end.wire())));
    }
    out.0
}

/// The outcome of an attempt to merge in the model.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ModelMerge {
    /// Which queue.
    pub queue: RecordedQueue,
    /// `None`: merged; otherwise why not.
    pub refused: Option<MergeWhy>,
    /// What the merge added to truesize, bytes; 0 if refused.
    pub delta: i64,
    /// First sequence number of the older skb.
    pub to_seq: i64,
    /// One after its last.
    pub to_end_seq: i64,
    /// Its truesize before, bytes.
    pub to_truesize: u32,
    /// `rmem_alloc` before, bytes.
    pub rmem: i64,
}

/// Compares an attempt to merge. A price that was not seen (blank `delta`) is not compared; a reason is, unless
/// the recorder could not tell (`frags?`).
pub fn compare_merge(recorded: &MergeRow, model: &ModelMerge) -> Vec<Difference> {
    let mut out = Differences::default();
    out.number("queue", recorded.queue as i64, model.queue as i64);
    out.number("ret", recorded.ret, model.refused.is_none());
    if !matches!(recorded.why, Some(MergeWhy::FragsUnknown | MergeWhy::Unexplained)) {
        out.check("why", recorded.why.map(|w| w as i64), model.refused.map(|w| w as i64));
    }
    if let Some(delta) = recorded.delta {
        out.number("delta", delta, model.delta);
    }
    out.wire("to_seq", recorded.to_seq, model.to_seq);
    out.wire("to_end_seq", recorded.to_end_seq, model.to_end_seq);
    out.number("to_truesize", recorded.to_truesize, model.to_truesize);
    out.number("rmem", recorded.rmem, model.rmem);
    out.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use sim_core::seq::Seq;
    use sim_core::state::AckPending;
    use sim_core::time::Jiffies;

    const V6_1: KernelVersion = KernelVersion::new(6, 1);

    fn pair() -> (RecordedState, SocketState) {
        let model = SocketState {
            rcvbuf: 65536,
            rcv_nxt: Seq((1 << 32) + 5),
            tail_len: Some(1024),
            ack_pending: AckPending(0),
            delack_expires: Some(Jiffies(7)),
            ..SocketState::default()
        };
        let recorded = RecordedState {
            rcvbuf: Some(65536),
            rcv_nxt: Some(5),
            tail_len: Some(1024),
            ack_pending: Some(0),
            delack_expires: Some(3),
            ..RecordedState::default()
        };
        (recorded, model)
    }

    #[test]
    fn a_left_over_expiry_and_a_wrapped_sequence_number_are_no_difference() {
        let (recorded, model) = pair();
        assert_eq!(compare_whole_state(&recorded, &model, V6_1), []);
    }

    #[test]
    fn an_armed_timer_is_compared() {
        let (mut recorded, mut model) = pair();
        recorded.ack_pending = Some(AckPending::TIMER);
        model.ack_pending = AckPending(AckPending::TIMER);
        let d = compare_whole_state(&recorded, &model, V6_1);
        assert_eq!(d, [Difference { column: "delack_expires", recorded: Some(3), model: Some(7) }]);
        assert_eq!(d[0].to_string(), "delack_expires: model 7, recorded 3");
    }

    #[test]
    fn an_absent_tail_must_be_absent_in_the_model_where_the_whole_state_was_read() {
        let (mut recorded, model) = pair();
        recorded.tail_len = None;
        assert_eq!(compare_whole_state(&recorded, &model, V6_1).len(), 1);
        recorded.rcvbuf = None;
        assert_eq!(compare_whole_state(&recorded, &model, V6_1), []);
    }

    #[test]
    fn the_window_of_a_syn_ack_is_never_scaled() {
        let mut ack = AckRow { flags: Flags::ACK, win_raw: 504, win: 64512, ..AckRow::default() };
        let mut seg = Segment { flags: Flags::ACK, window: 504, ..Segment::default() };
        assert_eq!(compare_ack(&ack, &seg, None), []);
        ack.flags = Flags::SYN.with(Flags::ACK);
        seg.flags = ack.flags;
        ack.win = 504;
        let syn = SynOptions { mss: 1460, window_scale: Some(7), sack: true, ts: None, window: 504 };
        (ack.mss_opt, ack.ws_opt) = (Some(1460), Some(7));
        assert_eq!(compare_ack(&ack, &seg, Some(&syn)), []);
    }
}
