//! What a chart needs of a trace.

use results::csv_read::{ReadError, TraceTable};
use results::record::{Trace, TraceRow};

/// One packet in a chart. Bytes unless said otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct ChartRow {
    /// Number of the packet.
    pub packet: i64,
    /// `skmem_rb`.
    pub skmem_rb: i64,
    /// `recv_q`.
    pub recv_q: i64,
    /// `skmem_r`.
    pub skmem_r: i64,
    /// `rcv_win`.
    pub rcv_win: i64,
    /// `rcv_ssthresh`.
    pub rcv_ssthresh: i64,
    /// Bytes acknowledged so far.
    pub acked: i64,
    /// Whether it was merged into an older skb.
    pub coalesced: bool,
    /// Whether it made a queue collapse.
    pub collapsed: bool,
    /// Whether it was dropped.
    pub dropped: bool,
}

impl From<&TraceRow> for ChartRow {
    fn from(r: &TraceRow) -> Self {
        let s = &r.state;
        Self {
            packet: i64::try_from(r.idx).unwrap_or(i64::MAX),
            skmem_rb: s.rcvbuf.into(),
            recv_q: s.recvq(),
            skmem_r: s.rmem.into(),
            rcv_win: s.win().into(),
            rcv_ssthresh: s.rcv_ssthresh.into(),
            acked: r.acked,
            coalesced: r.outcome.coalesced > 0,
            collapsed: r.outcome.collapsed > 0,
            dropped: r.outcome.dropped > 0,
        }
    }
}

/// The rows of a trace, with the state at the end as the last one.
pub fn rows_from_trace(trace: &Trace) -> Vec<ChartRow> {
    trace.rows_and_closing().map(ChartRow::from).collect()
}

/// The rows of a trace or a recording that was read from a file.
///
/// # Errors
/// [`ReadError::MissingColumn`] if a column of the upper panel is not there. Columns of events may be missing, as
/// in recordings of kernels that do not show them.
pub fn rows_from_table(table: &TraceTable) -> Result<Vec<ChartRow>, ReadError> {
    let packet = table.ints("idx")?;
    let skmem_rb = table.ints("skmem_rb")?;
    let recv_q = table.ints("recv_q")?;
    let skmem_r = table.ints("skmem_r")?;
    let rcv_win = table.ints("rcv_win")?;
    let rcv_ssthresh = table.ints("rcv_ssthresh")?;
    let acked = table.ints("acked")?;
    let event = |name: &str| {
        let column = table.ints(name).unwrap_or_default();
        move |i: usize| column.get(i).copied().flatten().unwrap_or(0) > 0
    };
    let (coalesced, collapsed, dropped) = (event("coalesced"), event("collapsed"), event("dropped"));
    let at = |column: &[Option<i64>], i: usize| column.get(i).copied().flatten().unwrap_or(0);
    Ok((0..table.len())
        .map(|i| ChartRow {
            packet: at(packet, i),
            skmem_rb: at(skmem_rb, i),
            recv_q: at(recv_q, i),
            skmem_r: at(skmem_r, i),
            rcv_win: at(rcv_win, i),
            rcv_ssthresh: at(rcv_ssthresh, i),
            acked: at(acked, i),
            coalesced: coalesced(i),
            collapsed: collapsed(i),
            dropped: dropped(i),
        })
        .collect())
}
