//! The steps of autotuning, as the kernel's tracepoint `tcp_rcvbuf_grow` shows them: one per measurement that found
//! more read than in any one before, with the socket as the step found it.

use crate::record::{ReadRow, Trace};

/// One measurement that moved the reference (`tcp_rcv_space_adjust`). Bytes unless said otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct AutotuningStep {
    /// Since the measurement before, microseconds.
    pub time_us: i64,
    /// Read in this measurement: the new reference.
    pub copied: i64,
    /// The reference so far.
    pub space: i64,
    /// The budget before the step (`sk_rcvbuf`).
    pub rcvbuf: i64,
    /// `rcv_ssthresh`.
    pub rcv_ssthresh: i64,
    /// `window_clamp` before the step.
    pub window_clamp: i64,
    /// The window last advertised.
    pub rcv_wnd: i64,
}

/// Names of the columns, as published tables have them.
pub const COLUMNS: [&str; 7] =
    ["time_us", "copied", "space", "rcvbuf", "rcv_ssthresh", "window_clamp", "rcv_wnd"];

impl AutotuningStep {
    /// The values in the order of [`COLUMNS`].
    pub const fn values(&self) -> [i64; COLUMNS.len()] {
        let Self { time_us, copied, space, rcvbuf, rcv_ssthresh, window_clamp, rcv_wnd } = *self;
        [time_us, copied, space, rcvbuf, rcv_ssthresh, window_clamp, rcv_wnd]
    }

    /// The value of a column.
    pub fn get(&self, column: &str) -> Option<i64> {
        let at = COLUMNS.iter().position(|c| *c == column)?;
        self.values().get(at).copied()
    }
}

/// The steps of a run, in order. They are seen at reads, so a budget that grows because of out-of-order data shows in
/// the `rcvbuf` of the step after.
pub fn steps(trace: &Trace) -> Vec<AutotuningStep> {
    let mut found = Vec::new();
    // The reference is set when the connection is established, after the first row.
    let set = trace.rows.iter().find(|r| r.state.drs_space > 0);
    let first = set.map_or(&trace.closing.state, |r| &r.state);
    let (mut space, mut rcvbuf, mut clamp) = (first.drs_space, first.rcvbuf, first.window_clamp);
    let mut time = first.drs_time;
    for ReadRow { state: s, .. } in &trace.reads {
        if s.drs_space > space {
            found.push(AutotuningStep {
                time_us: i64::try_from(s.drs_time.as_micros().saturating_sub(time.as_micros()))
                    .unwrap_or(i64::MAX),
                copied: s.drs_space.into(),
                space: space.into(),
                rcvbuf: rcvbuf.into(),
                rcv_ssthresh: s.rcv_ssthresh.into(),
                window_clamp: clamp.into(),
                rcv_wnd: s.rcv_wnd.into(),
            });
        }
        (space, rcvbuf, clamp, time) = (s.drs_space, s.rcvbuf, s.window_clamp, s.drs_time);
    }
    found
}
