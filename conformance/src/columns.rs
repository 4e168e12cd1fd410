//! Which columns a model must give.
//!
//! Every column of a recording is an input of a replay, compared, or undefined. Undefined is only what depends
//! on the recorder or on chance, and only such columns may leave the comparison. [`STATE_COLUMNS`] is the table
//! of the state; [`LINE_COLUMNS`] of what else the lines hold.

use sim_core::state::{AckPending, SocketState};

use crate::recording::{KernelVersion, LineKind, RecordedState};

/// What a column is to a replay.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ColumnClass {
    /// A model must give exactly this value.
    Compared,
    /// Fed to the model.
    Input,
    /// Dependent on the recorder or on chance.
    Undefined,
}

impl ColumnClass {
    /// The letter of the published table: `C`, `I` or `U`.
    pub const fn letter(self) -> char {
        match self {
            Self::Compared => 'C',
            Self::Input => 'I',
            Self::Undefined => 'U',
        }
    }
}

/// What a blank cell of a line with the whole state says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Blank {
    /// The value is not known; nothing is compared.
    Unknown,
    /// There is no such thing (no last skb, no timer ever set): the model must have none either.
    Absent,
}

/// When a column means something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Condition {
    /// Always.
    Always,
    /// Only while `ack_pending` has TIMER; what stands there otherwise is a left-over.
    DelackTimerArmed,
}

/// A column of the state.
#[derive(Clone, Copy, Debug)]
pub struct StateColumn {
    /// Its name in the files.
    pub name: &'static str,
    /// Its class.
    pub class: ColumnClass,
    /// The first kernel that has it.
    pub since: Option<KernelVersion>,
    /// The last kernel that has it.
    pub until: Option<KernelVersion>,
    /// When it means something.
    pub condition: Condition,
    /// What a blank says.
    pub blank: Blank,
    /// Whether only the low 32 bits count (sequence numbers).
    pub wraps: bool,
    /// The recorded value.
    pub recorded: fn(&RecordedState) -> Option<i64>,
    /// The model's value; `None`: the model does not have this column.
    pub model: Option<fn(&SocketState) -> Option<i64>>,
}

impl StateColumn {
    /// Whether a kernel of version `kernel` has the column.
    pub fn exists_on(&self, kernel: KernelVersion) -> bool {
        self.since.is_none_or(|v| kernel >= v) && self.until.is_none_or(|v| kernel <= v)
    }

    /// Whether the recorded value of this moment means something.
    pub fn applies(&self, recorded: &RecordedState) -> bool {
        match self.condition {
            Condition::Always => true,
            Condition::DelackTimerArmed => recorded.ack_pending.is_some_and(|p| p & AckPending::TIMER != 0),
        }
    }
}

/// Widens a recorded cell.
macro_rules! recorded {
    ($f:ident) => {
        |r: &RecordedState| r.$f.map(i64::from)
    };
}

macro_rules! column {
    ($name:ident, $class:ident, $model:expr $(, $field:ident = $value:expr)*) => {
        StateColumn {
            $($field: $value,)*
            ..StateColumn {
                name: stringify!($name),
                class: ColumnClass::$class,
                since: None,
                until: None,
                condition: Condition::Always,
                blank: Blank::Unknown,
                wraps: false,
                recorded: recorded!($name),
                model: $model,
            }
        }
    };
}

/// A column whose field has the same name in the model and widens to `i64`.
macro_rules! same {
    ($name:ident $(, $field:ident = $value:expr)*) => {
        column!($name, Compared, Some(|m: &SocketState| Some(i64::from(m.$name))) $(, $field = $value)*)
    };
}

/// The same for a field that the model may not have.
macro_rules! maybe {
    ($name:ident $(, $field:ident = $value:expr)*) => {
        column!($name, Compared, Some(|m: &SocketState| m.$name.map(i64::from)) $(, $field = $value)*)
    };
}

/// The same for jiffies that may be unset.
macro_rules! ticks {
    ($name:ident $(, $field:ident = $value:expr)*) => {
        column!($name, Compared, Some(|m: &SocketState| m.$name.map(|j| j.0)) $(, $field = $value)*)
    };
}

/// The same for a sequence number.
macro_rules! seq {
    ($name:ident) => {
        column!($name, Compared, Some(|m: &SocketState| Some(i64::from(m.$name.wire()))), wraps = true)
    };
}

const V6_1: Option<KernelVersion> = Some(KernelVersion::new(6, 1));
const V6_6: Option<KernelVersion> = Some(KernelVersion::new(6, 6));
const V6_12: Option<KernelVersion> = Some(KernelVersion::new(6, 12));
const V7_0: Option<KernelVersion> = Some(KernelVersion::new(7, 0));

/// Every column of the state, in the order of the files.
pub static STATE_COLUMNS: &[StateColumn] = &[
    same!(rcv_ssthresh),
    same!(window_clamp),
    same!(rcvbuf),
    column!(recvq, Compared, Some(|m: &SocketState| Some(m.recvq()))),
    same!(rmem),
    column!(win, Compared, Some(|m: &SocketState| Some(i64::from(m.win())))),
    same!(rcv_wnd),
    seq!(rcv_wup),
    seq!(rcv_nxt),
    seq!(copied_seq),
    maybe!(scaling_ratio, since = V6_6, blank = Blank::Absent),
    column!(
        rcv_mwnd_seq,
        Compared,
        Some(|m: &SocketState| m.rcv_mwnd_seq.map(|s| i64::from(s.wire()))),
        since = V7_0,
        blank = Blank::Absent,
        wraps = true
    ),
    same!(quick),
    same!(pingpong),
    column!(ack_pending, Compared, Some(|m: &SocketState| Some(i64::from(m.ack_pending.0)))),
    same!(ack_retry),
    same!(ato),
    ticks!(ack_timeout, until = V6_12, blank = Blank::Absent),
    ticks!(delack_expires, condition = Condition::DelackTimerArmed),
    ticks!(lrcvtime),
    same!(rcv_mss),
    same!(last_seg_size),
    same!(fwd_alloc),
    same!(backlog_len),
    column!(owned, Input, Some(|m: &SocketState| Some(i64::from(m.owned)))),
    same!(userlocks),
    same!(lowat),
    same!(qlen),
    maybe!(tail_len, blank = Blank::Absent),
    maybe!(tail_truesize, blank = Blank::Absent),
    column!(tail_cloned, Input, None),
    same!(ofo),
    maybe!(ofo_last_len, since = V6_1, blank = Blank::Absent),
    maybe!(ofo_last_truesize, since = V6_1, blank = Blank::Absent),
    same!(num_sacks),
    same!(dup_sack),
    same!(drs_space),
    seq!(drs_seq),
    column!(drs_time, Input, Some(|m: &SocketState| Some(m.drs_time.as_micros() as i64))),
    same!(rcv_rtt),
    seq!(rcv_rtt_seq),
    column!(rcv_rtt_time, Input, Some(|m: &SocketState| m.rcv_rtt_time.map(|t| t.as_micros() as i64))),
    same!(rcv_rtt_tsecr),
    same!(ts_recent),
    same!(drops),
    same!(comp_ack),
    same!(pred_flags),
    seq!(snd_una),
    seq!(snd_nxt),
    same!(snd_wnd),
    column!(tcp_mstamp, Input, Some(|m: &SocketState| m.tcp_mstamp.map(|t| t.as_micros() as i64))),
    ticks!(rcv_tstamp),
    column!(rto, Undefined, None),
    column!(jiffies, Input, None),
    same!(rcv_wscale),
    same!(snd_wscale),
    same!(advmss),
    column!(state, Compared, Some(|m: &SocketState| Some(m.state as i64))),
];

/// A column that is not part of the state: its file, its name, its class, and the first kernel from which the
/// class holds (before it the column is undefined).
#[derive(Clone, Copy, Debug)]
pub struct LineColumn {
    /// Which file.
    pub file: LineKind,
    /// Its name.
    pub name: &'static str,
    /// Its class.
    pub class: ColumnClass,
    /// Undefined before this kernel.
    pub since: Option<KernelVersion>,
}

impl LineColumn {
    /// The class on a kernel of version `kernel`.
    pub fn class_on(&self, kernel: KernelVersion) -> ColumnClass {
        if self.since.is_some_and(|v| kernel < v) { ColumnClass::Undefined } else { self.class }
    }
}

macro_rules! line_columns {
    ($($file:ident $class:ident: $($name:literal $(from $since:ident)?),+;)*) => {
        &[$($(LineColumn {
            file: LineKind::$file,
            name: $name,
            class: ColumnClass::$class,
            since: line_columns!(@since $($since)?),
        },)+)*]
    };
    (@since) => { None };
    (@since $v:ident) => { $v };
}

/// Every column of every file that is not part of the state.
pub static LINE_COLUMNS: &[LineColumn] = line_columns! {
    Row Input: "idx", "fn", "step", "time_ns", "seq", "end_seq", "len", "flags", "ack", "wnd", "tsval", "tsecr",
        "sack_opt", "bl_segs", "truesize", "data_len", "cloned", "head_frag", "head_size", "tailroom", "nr_frags",
        "gso_size", "n_read", "read_bytes";
    Row Undefined: "ev", "n_drop", "drop_reasons";
    // On 5.10 the probe does not see refusals that are decided before skb_try_coalesce.
    Row Compared: "acked", "coal_ok", "coal_fail" from V6_1, "n_collapse", "n_collapse_ofo", "n_prune_ofo", "n_ack";
    Ack Input: "after_idx", "step";
    Ack Undefined: "ev", "time_ns", "tsval", "reason";
    Ack Compared: "flags", "seq", "ack", "len", "win_raw", "win", "sack", "mss_opt", "ws_opt", "tsecr";
    App Input: "time_ns", "after_idx", "step", "what", "text", "arg", "level", "opt", "value", "seq", "end_seq",
        "truesize", "data_len", "nr_frags";
    App Undefined: "ev";
    // `ret` of send_ret is undefined: it depends on the sending half.
    App Compared: "ret";
    Merge Input: "after_idx", "step", "from_seq", "from_end_seq", "from_len", "from_data_len", "from_truesize",
        "from_cloned", "from_head_frag", "from_head_size", "from_frags", "to_cloned", "owned";
    Merge Undefined: "ev", "time_ns";
    Merge Compared: "queue", "ret", "why", "delta", "to_seq", "to_end_seq", "to_len", "to_data_len", "to_truesize",
        "to_tailroom", "to_frags", "rmem";
    Step Input: "step", "time_ns", "cmd";
    Step Undefined: "outq", "meminfo.wmem_alloc", "meminfo.sndbuf", "meminfo.wmem_queued", "meminfo.optmem",
        "meminfo.backlog";
    Step Compared: "emitted", "read_ret", "inq", "meminfo.rmem_alloc", "meminfo.rcvbuf", "meminfo.fwd_alloc",
        "meminfo.drops";
    Tx Undefined: "ev";
    Tx Input: "time_ns", "seq", "len", "flags", "ack", "win_raw", "cwnd", "snd_ssthresh", "snd_una", "snd_nxt",
        "snd_wnd", "packets_out", "retrans_out", "sacked_out", "lost_out", "ca_state", "srtt8", "mss_cache",
        "mss_opt", "ws_opt", "tsval", "tsecr", "sack";
};

/// The class of a column of `file` that is not part of the state; `None` if there is no such column.
pub fn line_class(file: LineKind, name: &str, kernel: KernelVersion) -> Option<ColumnClass> {
    LINE_COLUMNS.iter().find(|c| c.file == file && c.name == name).map(|c| c.class_on(kernel))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::cell::Cells;

    #[test]
    fn the_table_lists_exactly_the_columns_of_the_state() {
        let table: Vec<_> = STATE_COLUMNS.iter().map(|c| c.name).collect();
        let state: Vec<_> = RecordedState::COLUMNS.iter().map(|c| c.name).collect();
        assert_eq!(table, state);
    }

    #[test]
    fn refused_merges_are_undefined_on_5_10_only() {
        let class = |v| line_class(LineKind::Row, "coal_fail", KernelVersion::of(v));
        assert_eq!(class("5.10"), Some(ColumnClass::Undefined));
        assert_eq!(class("6.1"), Some(ColumnClass::Compared));
    }

    #[test]
    fn columns_come_and_go_with_the_kernel() {
        let on = |name: &str, v: &str| {
            STATE_COLUMNS.iter().find(|c| c.name == name).is_some_and(|c| c.exists_on(KernelVersion::of(v)))
        };
        assert!(on("ack_timeout", "6.12") && !on("ack_timeout", "6.18"));
        assert!(!on("scaling_ratio", "6.1") && on("scaling_ratio", "6.12"));
        assert!(!on("rcv_mwnd_seq", "6.18") && on("rcv_mwnd_seq", "7.2"));
        assert!(!on("ofo_last_len", "5.10") && on("ofo_last_len", "6.1"));
    }
}
