//! What was recorded: the lines of every file of a case, typed, and their common order.
//!
//! [`Store`] opens a directory of recordings, raw or compact, and loads one [`Recording`] at a time;
//! [`load`] loads them all. [`Recording::events`] gives the lines of all files in the order in which the
//! kernel went through them.

pub(crate) mod cell;
mod further;
mod line;
pub(crate) mod raw;
mod raw_write;
mod state;
mod store;
mod summary;

pub use cell::{Hex32, flag_letters};
pub use further::{FILE as FURTHER_FILE, Further, FurtherPasses};
pub use line::{
    AckCause, AckRow, AppAction, AppEvent, AppWhat, Entry, MergeRow, MergeWhy, RecordedQueue, Row,
    RowSegment, Step, TxRow,
};
pub use raw_write::{describe, rows_csv, write_raw};
pub use state::{MemInfo, RecordedState};
pub use store::{CaseId, Form, LoadError, Store, load};
pub use summary::{Clock, Determinism, FirstData, Pass, PassDifference, SocketEnd, Summary, SynAck};

use serde::{Deserialize, Serialize};
use std::fmt;

/// What drove the receiver of a case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CaseKind {
    /// A real sender over loopback with netem.
    #[default]
    Loop,
    /// Hand-built segments from a script, through TUN or TAP.
    #[serde(rename = "inj", alias = "injection", alias = "inject")]
    Injection,
}

/// A kernel's version as far as the recordings tell them apart: `5.10` is earlier than `6.1`.
///
/// A directory whose name is not a version sorts after all versions and counts as newer than any.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct KernelVersion {
    /// The number before the dot.
    pub major: u16,
    /// The number after it.
    pub minor: u16,
}

impl KernelVersion {
    /// Version `major.minor`.
    pub const fn new(major: u16, minor: u16) -> Self {
        Self { major, minor }
    }

    /// The version in the name of a kernel's directory (`6.12`, also `6.12.107` or `6.12-custom`).
    pub fn of(name: &str) -> Self {
        let mut parts = name.split(|c: char| !c.is_ascii_digit());
        let mut next = || parts.next().and_then(|p| p.parse().ok());
        match (next(), next()) {
            (Some(major), Some(minor)) => Self { major, minor },
            _ => Self { major: u16::MAX, minor: u16::MAX },
        }
    }
}

impl fmt::Display for KernelVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// One case on one kernel.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Recording {
    /// Name of the kernel's directory, for instance `6.1`.
    pub kernel: String,
    /// Name of the case, for instance `a_overrun`.
    pub case: String,
    /// What drove the receiver.
    pub kind: CaseKind,
    /// Configuration and outcome.
    pub summary: Summary,
    /// Segments that reached the server socket; the last row is the closing one.
    pub rows: Vec<Row>,
    /// Packets that the server's kernel sent.
    pub acks: Vec<AckRow>,
    /// Events of the application, the timers and the backlog.
    pub app: Vec<AppEvent>,
    /// Attempts to merge skbs.
    pub merges: Vec<MergeRow>,
    /// Script lines (injection cases).
    pub steps: Vec<Step>,
    /// Packets that the client sent (loop cases).
    pub tx: Vec<TxRow>,
    /// What passes that are not part of the recording say of it, if there are any.
    pub further: Option<FurtherPasses>,
}

/// A line of any file.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum EventRef<'a> {
    /// A segment, or the closing row.
    Row(&'a Row),
    /// An event of the application, a timer or the backlog.
    App(&'a AppEvent),
    /// An attempt to merge.
    Merge(&'a MergeRow),
    /// A packet sent by the server.
    Ack(&'a AckRow),
    /// A packet sent by the client.
    Tx(&'a TxRow),
    /// A script line is over and the state was read.
    Step(&'a Step),
}

/// Which file a line is of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LineKind {
    /// `.csv`.
    Row,
    /// `.app.csv`.
    App,
    /// `.merge.csv`.
    Merge,
    /// `.acks.csv`.
    Ack,
    /// `.tx.csv`.
    Tx,
    /// `.steps.csv`.
    Step,
}

impl LineKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [Self::Row, Self::App, Self::Merge, Self::Ack, Self::Tx, Self::Step];

    /// What the files of this kind are called after the case's name.
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Row => "csv",
            Self::App => "app.csv",
            Self::Merge => "merge.csv",
            Self::Ack => "acks.csv",
            Self::Tx => "tx.csv",
            Self::Step => "steps.csv",
        }
    }
}

/// The place of a line in the common order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    pub(crate) ev: u64,
    pub(crate) time_ns: u64,
    pub(crate) kind: LineKind,
    /// Position in the file, from 0.
    pub(crate) at: usize,
    /// Closing rows come after everything with the same `ev`, steps after the event they carry.
    late: u8,
}

impl Recording {
    /// The places of all lines, in order. Lines of one file keep their order.
    pub(crate) fn places(&self) -> Vec<Place> {
        let n = self.rows.len() + self.acks.len() + self.app.len() + self.merges.len() + self.steps.len();
        let mut out = Vec::with_capacity(n + self.tx.len());
        let place = |kind, at, ev, time_ns, late| Place { ev, time_ns, kind, at, late };
        for (at, l) in self.rows.iter().enumerate() {
            out.push(place(LineKind::Row, at, l.ev, l.time_ns, u8::from(l.entry == Entry::End)));
        }
        out.extend(self.app.iter().enumerate().map(|(at, l)| place(LineKind::App, at, l.ev, l.time_ns, 0)));
        out.extend(
            self.merges.iter().enumerate().map(|(at, l)| place(LineKind::Merge, at, l.ev, l.time_ns, 0)),
        );
        out.extend(self.acks.iter().enumerate().map(|(at, l)| place(LineKind::Ack, at, l.ev, l.time_ns, 0)));
        out.extend(self.tx.iter().enumerate().map(|(at, l)| place(LineKind::Tx, at, l.ev, l.time_ns, 0)));
        out.extend(
            self.steps.iter().enumerate().map(|(at, l)| place(LineKind::Step, at, l.ev, l.time_ns, 2)),
        );
        // Stable: of two lines with the same key, the one from the file named first above comes first.
        out.sort_by_key(|p| (p.ev, p.late));
        out
    }

    /// All lines of all files in the order of the event stream, each with its `ev`.
    ///
    /// A step stands after the last event that precedes the reading of its state. Of lines that share an `ev`
    /// (the recorder gives a line read at the same instant as the closing row the same number) the closing row
    /// comes last.
    pub fn events(&self) -> Vec<(u64, EventRef<'_>)> {
        self.places()
            .into_iter()
            .map(|p| {
                let line = match p.kind {
                    LineKind::Row => EventRef::Row(&self.rows[p.at]),
                    LineKind::App => EventRef::App(&self.app[p.at]),
                    LineKind::Merge => EventRef::Merge(&self.merges[p.at]),
                    LineKind::Ack => EventRef::Ack(&self.acks[p.at]),
                    LineKind::Tx => EventRef::Tx(&self.tx[p.at]),
                    LineKind::Step => EventRef::Step(&self.steps[p.at]),
                };
                (p.ev, line)
            })
            .collect()
    }

    /// The version of the kernel.
    pub fn version(&self) -> KernelVersion {
        KernelVersion::of(&self.kernel)
    }

    /// The first differences of the other passes: the lowest row, ACK and client packet (numbers from 1) at
    /// which any further pass of the kernel left the first one; `None` where none did.
    pub fn first_divergence(&self) -> (Option<u64>, Option<u64>, Option<u64>) {
        let least = |f: fn(&Determinism) -> Option<u64>| self.summary.determinism.iter().filter_map(f).min();
        (least(|d| d.first_row), least(|d| d.first_ack), least(|d| d.first_tx))
    }

    /// The first packet of the client, from 1, at which the sender's state was not the same in every pass, if one is known.
    pub fn first_other_state(&self) -> Option<u64> {
        self.further.as_ref().and_then(|f| f.first_tx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_numbers() {
        assert!(KernelVersion::of("5.10") < KernelVersion::of("6.1"));
        assert!(KernelVersion::of("6.1") < KernelVersion::of("6.12.107"));
        assert!(KernelVersion::of("7.2") < KernelVersion::of("bpf-next"));
    }

    #[test]
    fn the_closing_row_comes_after_what_shares_its_number_and_steps_after_their_event() {
        let rec = Recording {
            rows: vec![Row { ev: 5, entry: Entry::End, ..Row::default() }],
            acks: vec![AckRow { ev: 5, ..AckRow::default() }],
            app: vec![AppEvent { ev: 4, ..AppEvent::default() }],
            steps: vec![Step { ev: 4, ..Step::default() }],
            ..Recording::default()
        };
        let kinds: Vec<_> = rec.places().into_iter().map(|p| p.kind).collect();
        assert_eq!(kinds, [LineKind::App, LineKind::Step, LineKind::Ack, LineKind::Row]);
    }
}
