//! The compact form of a recording: one small file per kernel and case.
//!
//! A file is a header (magic, version, fingerprint of the column lists, length of the body) and a zlib stream
//! with the body: the texts, the summary as JSON, the common order of all lines with their times, one table
//! per kind of line, and one table of all states **in the common order**, where each differs little from the
//! one before. [`column`] says how a table is coded. The zlib stream carries a checksum.
//!
//! The form is lossless with respect to [`Recording`]; it is not meant to be edited. `validation/README.md`
//! says how files are made.

mod column;
mod decode;
mod encode;
mod varint;

pub use decode::decode;
pub use encode::{encode, write};

use crate::recording::cell::Cells;
use crate::recording::{
    AckRow, AppEvent, Clock, LineKind, MemInfo, MergeRow, RecordedState, Row, RowSegment, Step, TxRow,
};

/// What the files are called after the case's name.
pub const EXTENSION: &str = "rec";

const MAGIC: &[u8; 8] = b"SKMEMREC";
const VERSION: u16 = 1;
/// Magic, version, fingerprint, length of the body.
const HEADER: usize = 8 + 2 + 8 + 4;

/// No body is larger, bytes. A damaged file cannot make the reader allocate more than a small multiple.
const MAX_BODY: usize = 64 << 20;
/// No case has more lines (the largest recorded one has 67 000).
const MAX_LINES: usize = 1 << 18;
/// Columns of the common order that every table may refer to.
const CONTEXT: usize = 6;

/// Why a compact file was refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DecodeError {
    /// The file does not begin as one of ours.
    #[error("not a packed recording")]
    NotARecording,
    /// The file was made for another version of the format.
    #[error("packed recording of format version {0}; this program reads version {VERSION}")]
    Version(u16),
    /// The file was made with another list of columns.
    #[error("packed with another list of columns; pack it again from the raw recording")]
    Columns,
    /// The file ends too early.
    #[error("the packed recording is cut short")]
    Truncated,
    /// The file is larger than any recording can be.
    #[error("the packed recording claims {0} bytes, more than any recording has")]
    TooLarge(usize),
    /// The compressed part is damaged.
    #[error("the packed recording is damaged: {0}")]
    Stream(String),
    /// Something inside does not fit.
    #[error("the packed recording is damaged: {0}")]
    Damaged(&'static str),
}

/// Why a recording could not be packed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EncodeError {
    /// More lines than the format allows.
    #[error("{0} lines, more than the {MAX_LINES} that a packed recording holds")]
    Lines(usize),
    /// More bytes than the format allows.
    #[error("{0} bytes before compression, more than the {MAX_BODY} that a packed recording holds")]
    Bytes(usize),
    /// The summary or the stream could not be written.
    #[error("{0}")]
    Write(String),
}

/// FNV-1a over the names of all columns: files made with another list are not read with this one.
fn fingerprint() -> u64 {
    let tables = [
        Row::COLUMNS,
        RowSegment::COLUMNS,
        AppEvent::COLUMNS,
        MergeRow::COLUMNS,
        AckRow::COLUMNS,
        TxRow::COLUMNS,
        Step::COLUMNS,
        MemInfo::COLUMNS,
        RecordedState::COLUMNS,
    ];
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    let mut eat = |b: u8| hash = (hash ^ u64::from(b)).wrapping_mul(0x0000_0100_0000_01b3);
    for table in tables {
        for c in table {
            c.name.bytes().for_each(&mut eat);
            eat(b',');
        }
        eat(b'\n');
    }
    hash
}

/// The common order as the reader rebuilds it: the kind of each line, and the columns known before the tables.
struct Spine {
    kinds: Vec<LineKind>,
    ev: Vec<i64>,
    time_ns: Vec<i64>,
    step: Vec<i64>,
}

impl Spine {
    /// For the lines that `wanted` accepts: event, time in ns and us, rows so far, jiffy, step.
    fn context(&self, wanted: impl Fn(LineKind) -> bool, clock: &Clock) -> Vec<Vec<i64>> {
        let tick = i64::try_from(clock.tick_ns).unwrap_or(i64::MAX).max(1);
        let mut out = vec![Vec::new(); CONTEXT];
        let mut rows = 0;
        for (i, kind) in self.kinds.iter().enumerate() {
            rows += i64::from(*kind == LineKind::Row);
            if wanted(*kind) {
                let t = self.time_ns[i];
                let jiffy = t.wrapping_sub(clock.jiffy0_time_ns).div_euclid(tick);
                let line = [self.ev[i], t, t.div_euclid(1_000), rows, jiffy, self.step[i]];
                for (column, v) in out.iter_mut().zip(line) {
                    column.push(v);
                }
            }
        }
        out
    }
}

const fn has_state(kind: LineKind) -> bool {
    matches!(kind, LineKind::Row | LineKind::App | LineKind::Ack | LineKind::Step)
}
