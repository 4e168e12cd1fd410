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
mod varint;

use flate2::Compression;
use flate2::read::{ZlibDecoder, ZlibEncoder};
use sim_core::segment::{SackBlock, SackList};
use sim_core::seq::Seq;
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;

use crate::recording::cell::{BLANK, Cells};
use crate::recording::{
    AckRow, AppEvent, CaseKind, Clock, Entry, LineKind, MemInfo, MergeRow, RecordedQueue, RecordedState,
    Recording, Row, RowSegment, Step, Summary, TxRow,
};
use column::Table;
use varint::{Reader, put, put_text};

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

/// Texts by number, in the order of their first use.
#[derive(Default)]
struct Texts {
    numbers: BTreeMap<Box<str>, i64>,
    all: Vec<Box<str>>,
}

impl Texts {
    fn number(&mut self, text: &str) -> i64 {
        if let Some(n) = self.numbers.get(text) {
            return *n;
        }
        let n = self.all.len() as i64;
        self.numbers.insert(text.into(), n);
        self.all.push(text.into());
        n
    }

    fn column<'a>(&mut self, texts: impl Iterator<Item = Option<&'a str>>) -> Vec<i64> {
        texts.map(|t| t.map_or(BLANK, |t| self.number(t))).collect()
    }
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

/// Packs `rec`.
///
/// # Errors
/// If the recording is larger than the format allows.
pub fn encode(rec: &Recording) -> Result<Vec<u8>, EncodeError> {
    let places = rec.places();
    if places.len() > MAX_LINES {
        return Err(EncodeError::Lines(places.len()));
    }
    let step = |p: &crate::recording::Place| match p.kind {
        LineKind::Row => i64::from(rec.rows[p.at].step),
        LineKind::App => i64::from(rec.app[p.at].step),
        LineKind::Merge => i64::from(rec.merges[p.at].step),
        LineKind::Ack => i64::from(rec.acks[p.at].step),
        LineKind::Step => i64::from(rec.steps[p.at].step),
        LineKind::Tx => BLANK,
    };
    let spine = Spine {
        kinds: places.iter().map(|p| p.kind).collect(),
        ev: places.iter().map(|p| p.ev as i64).collect(),
        time_ns: places.iter().map(|p| p.time_ns as i64).collect(),
        step: places.iter().map(step).collect(),
    };

    // The tables come first in memory because they collect the texts, which are written before them.
    let mut texts = Texts::default();
    let script = rec.summary.script.as_ref().map(|s| s.iter().map(|l| texts.number(l)).collect::<Vec<_>>());
    let tables = encode_tables(rec, &spine, &mut texts);

    let mut body = Vec::with_capacity(1 << 20);
    put_text(&mut body, &rec.kernel);
    put_text(&mut body, &rec.case);
    body.push(u8::from(rec.kind == CaseKind::Injection));
    put(&mut body, texts.all.len() as u64);
    texts.all.iter().for_each(|t| put_text(&mut body, t));
    let mut summary = rec.summary.clone();
    summary.script = None;
    let json = serde_json::to_string(&summary).map_err(|e| EncodeError::Write(e.to_string()))?;
    put_text(&mut body, &json);
    put(&mut body, script.as_ref().map_or(0, |numbers| numbers.len() as u64 + 1));
    if let Some(numbers) = script {
        Table::new(numbers.len(), Vec::new()).encode(numbers, &mut body);
    }
    put(&mut body, spine.kinds.len() as u64);
    body.extend(spine.kinds.iter().map(|k| *k as u8));
    let mut order = Table::new(spine.kinds.len(), Vec::new());
    for column in [spine.ev, spine.time_ns, spine.step] {
        order.encode(column, &mut body);
    }
    body.extend_from_slice(&tables);
    if body.len() > MAX_BODY {
        return Err(EncodeError::Bytes(body.len()));
    }

    let mut out = Vec::with_capacity(body.len() / 4);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&fingerprint().to_le_bytes());
    out.extend_from_slice(&(body.len() as u32).to_le_bytes());
    ZlibEncoder::new(body.as_slice(), Compression::best())
        .read_to_end(&mut out)
        .map_err(|e| EncodeError::Write(e.to_string()))?;
    Ok(out)
}

/// Packs `rec` into `dir/<kernel>/<case>.rec` and returns what was written.
///
/// # Errors
/// If the recording is too large or the file cannot be written.
pub fn write(rec: &Recording, dir: &Path) -> Result<Vec<u8>, EncodeError> {
    let bytes = encode(rec)?;
    let dir = dir.join(&rec.kernel);
    let path = dir.join(format!("{}.{EXTENSION}", rec.case));
    fs::create_dir_all(&dir)
        .and_then(|()| fs::write(&path, &bytes))
        .map_err(|e| EncodeError::Write(format!("{}: {e}", path.display())))?;
    Ok(bytes)
}

fn encode_cells<'a, T: Cells + 'a>(
    table: &mut Table,
    lines: impl Iterator<Item = &'a T> + Clone,
    out: &mut Vec<u8>,
) {
    for at in 0..T::COLUMNS.len() {
        let mut column = Vec::new();
        T::take(at, lines.clone(), &mut column);
        table.encode(column, out);
    }
}

fn encode_sack<'a>(table: &mut Table, lists: impl Iterator<Item = &'a SackList> + Clone, out: &mut Vec<u8>) {
    for block in 0..4 {
        let side = |f: fn(&SackBlock) -> i64| {
            lists.clone().map(|l| l.as_slice().get(block).map_or(BLANK, f)).collect::<Vec<_>>()
        };
        table.encode(side(|b| b.start.0), out);
        table.encode(side(|b| b.end.0), out);
    }
}

fn encode_tables(rec: &Recording, spine: &Spine, texts: &mut Texts) -> Vec<u8> {
    let mut out = Vec::new();
    let clock = &rec.summary.clock;
    let table = |kind: LineKind| {
        let context = spine.context(|k| k == kind, clock);
        Table::new(context[0].len(), context)
    };

    let mut t = table(LineKind::Row);
    encode_cells(&mut t, rec.rows.iter(), &mut out);
    t.encode(texts.column(rec.rows.iter().map(|r| r.drop_reasons.as_deref())), &mut out);
    // Rows without a segment (the closing one) are known by their entry; here they count as the default.
    let none = RowSegment::default();
    encode_cells(&mut t, rec.rows.iter().map(|r| r.segment.as_ref().unwrap_or(&none)), &mut out);
    t.encode(rec.rows.iter().map(|r| i64::from(r.segment.is_some())).collect(), &mut out);

    let mut t = table(LineKind::App);
    encode_cells(&mut t, rec.app.iter(), &mut out);
    t.encode(texts.column(rec.app.iter().map(|a| a.text.as_deref())), &mut out);
    t.encode(rec.app.iter().map(|a| a.queue.map_or(BLANK, |q| q as i64)).collect(), &mut out);

    let mut t = table(LineKind::Merge);
    encode_cells(&mut t, rec.merges.iter(), &mut out);

    let mut t = table(LineKind::Ack);
    encode_cells(&mut t, rec.acks.iter(), &mut out);
    encode_sack(&mut t, rec.acks.iter().map(|a| &a.sack), &mut out);

    let mut t = table(LineKind::Tx);
    encode_cells(&mut t, rec.tx.iter(), &mut out);
    encode_sack(&mut t, rec.tx.iter().map(|a| &a.sack), &mut out);

    let mut t = table(LineKind::Step);
    encode_cells(&mut t, rec.steps.iter(), &mut out);
    t.encode(texts.column(rec.steps.iter().map(|s| Some(&*s.cmd))), &mut out);
    encode_cells(&mut t, rec.steps.iter().map(|s| &s.meminfo), &mut out);

    let context = spine.context(has_state, clock);
    let mut t = Table::new(context[0].len(), context);
    let (mut rows, mut app, mut acks, mut steps) =
        (rec.rows.iter(), rec.app.iter(), rec.acks.iter(), rec.steps.iter());
    let states: Vec<&RecordedState> = spine
        .kinds
        .iter()
        .filter_map(|k| match k {
            LineKind::Row => rows.next().map(|l| &l.state),
            LineKind::App => app.next().map(|l| &l.state),
            LineKind::Ack => acks.next().map(|l| &l.state),
            LineKind::Step => steps.next().map(|l| &l.state),
            LineKind::Merge | LineKind::Tx => None,
        })
        .collect();
    encode_cells(&mut t, states.iter().copied(), &mut out);
    out
}

/// Unpacks a file. Whatever the bytes are, this neither panics nor allocates without bound.
///
/// # Errors
/// If the bytes are not a packed recording of this version.
pub fn decode(bytes: &[u8]) -> Result<Recording, DecodeError> {
    let (header, stream) = bytes.split_at_checked(HEADER).ok_or(DecodeError::NotARecording)?;
    let mut header = Reader::new(header);
    if header.bytes(8)? != MAGIC {
        return Err(DecodeError::NotARecording);
    }
    let mut number = |n: usize| -> Result<u64, DecodeError> {
        Ok(header.bytes(n)?.iter().rev().fold(0, |sum, b| sum << 8 | u64::from(*b)))
    };
    let version = number(2)? as u16;
    if version != VERSION {
        return Err(DecodeError::Version(version));
    }
    if number(8)? != fingerprint() {
        return Err(DecodeError::Columns);
    }
    let length = number(4)? as usize;
    if length > MAX_BODY {
        return Err(DecodeError::TooLarge(length));
    }
    // zlib expands at most about 1032 times: a short file cannot claim a large body.
    let mut body = Vec::with_capacity(length.min(stream.len().saturating_mul(1100)));
    let mut inflate = ZlibDecoder::new(stream);
    inflate
        .by_ref()
        .take(length as u64 + 1)
        .read_to_end(&mut body)
        .map_err(|e| DecodeError::Stream(e.to_string()))?;
    if body.len() < length {
        return Err(DecodeError::Truncated);
    }
    if body.len() > length || inflate.total_in() != stream.len() as u64 {
        return Err(DecodeError::Damaged("more bytes than the header says"));
    }
    decode_body(&body)
}

fn decode_body(body: &[u8]) -> Result<Recording, DecodeError> {
    let mut r = Reader::new(body);
    let kernel = r.text()?.to_owned();
    let case = r.text()?.to_owned();
    let kind = if r.byte()? == 0 { CaseKind::Loop } else { CaseKind::Injection };
    let count = r.count(body.len())?;
    let mut texts: Vec<&str> = Vec::with_capacity(count.min(1 << 16));
    for _ in 0..count {
        texts.push(r.text()?);
    }
    let mut summary: Summary =
        serde_json::from_str(r.text()?).map_err(|_| DecodeError::Damaged("a summary that does not parse"))?;
    if let Some(lines) = r.count(MAX_LINES)?.checked_sub(1) {
        let mut table = Table::new(lines, Vec::new());
        table.decode(&mut r)?;
        let lines = table.columns().first().map_or(&[][..], Vec::as_slice);
        summary.script =
            Some(lines.iter().map(|n| text(&texts, *n).map(str::to_owned)).collect::<Result<Vec<_>, _>>()?);
    }
    let spine = decode_spine(&mut r)?;
    let mut rec = Recording { kernel, case, kind, summary, ..Recording::default() };
    decode_tables(&mut r, &mut rec, &spine, &texts)?;
    if r.is_empty() { Ok(rec) } else { Err(DecodeError::Damaged("bytes after the last table")) }
}

fn decode_spine(r: &mut Reader<'_>) -> Result<Spine, DecodeError> {
    let lines = r.count(MAX_LINES)?;
    let kinds = r
        .bytes(lines)?
        .iter()
        .map(|k| {
            LineKind::ALL.get(usize::from(*k)).copied().ok_or(DecodeError::Damaged("an unknown kind of line"))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let mut table = Table::new(lines, Vec::new());
    for _ in 0..3 {
        table.decode(r)?;
    }
    match table.columns() {
        [ev, time_ns, step] => {
            Ok(Spine { kinds, ev: ev.clone(), time_ns: time_ns.clone(), step: step.clone() })
        }
        _ => Err(DecodeError::Damaged("the common order is incomplete")),
    }
}

fn text<'a>(texts: &[&'a str], number: i64) -> Result<&'a str, DecodeError> {
    usize::try_from(number)
        .ok()
        .and_then(|n| texts.get(n).copied())
        .ok_or(DecodeError::Damaged("a text that is not in the list"))
}

const MISFIT: DecodeError = DecodeError::Damaged("a value that does not fit its column");

/// Reads columns one after the other into lines of one table.
struct TableReader<'a, 'b> {
    table: Table,
    r: &'a mut Reader<'b>,
}

impl TableReader<'_, '_> {
    fn next(&mut self) -> Result<&[i64], DecodeError> {
        self.table.decode(self.r)?;
        self.table.columns().last().map(Vec::as_slice).ok_or(DecodeError::Truncated)
    }

    fn cells<T: Cells>(&mut self, lines: &mut [T]) -> Result<(), DecodeError> {
        for at in 0..T::COLUMNS.len() {
            if !T::put(at, lines.iter_mut(), self.next()?) {
                return Err(MISFIT);
            }
        }
        Ok(())
    }

    fn sack<'l>(&mut self, lists: impl Iterator<Item = &'l mut SackList>) -> Result<(), DecodeError> {
        let from = self.table.columns().len();
        for _ in 0..8 {
            self.next()?;
        }
        let columns = &self.table.columns()[from..];
        // Most tables have no SACK blocks at all.
        if columns[0].iter().all(|v| *v == BLANK) {
            return Ok(());
        }
        for (i, list) in lists.enumerate() {
            for pair in columns.chunks_exact(2) {
                if let [start, end] = pair
                    && start[i] != BLANK
                {
                    list.push(SackBlock { start: Seq(start[i]), end: Seq(end[i]) });
                }
            }
        }
        Ok(())
    }
}

fn defaults<T: Default>(n: usize) -> Vec<T> {
    std::iter::repeat_with(T::default).take(n).collect()
}

fn decode_tables(
    r: &mut Reader<'_>,
    rec: &mut Recording,
    spine: &Spine,
    texts: &[&str],
) -> Result<(), DecodeError> {
    let clock = rec.summary.clock;
    let open = |kind: LineKind| {
        let context = spine.context(|k| k == kind, &clock);
        (context[0].len(), context)
    };
    let optional = |n: i64| if n == BLANK { Ok(None) } else { text(texts, n).map(|t| Some(t.into())) };

    let (n, context) = open(LineKind::Row);
    let mut t = TableReader { table: Table::new(n, context), r };
    rec.rows = defaults(n);
    t.cells(&mut rec.rows)?;
    for (row, v) in rec.rows.iter_mut().zip(t.next()?) {
        row.drop_reasons = optional(*v)?;
    }
    let mut segments: Vec<RowSegment> = defaults(n);
    t.cells(&mut segments)?;
    for ((row, segment), v) in rec.rows.iter_mut().zip(segments).zip(t.next()?) {
        row.segment = (*v == 1).then_some(segment);
        if row.segment.is_none() && row.entry != Entry::End {
            return Err(DecodeError::Damaged("a row without a segment that is not the closing one"));
        }
    }

    let (n, context) = open(LineKind::App);
    let mut t = TableReader { table: Table::new(n, context), r };
    rec.app = defaults(n);
    t.cells(&mut rec.app)?;
    for (event, v) in rec.app.iter_mut().zip(t.next()?) {
        event.text = optional(*v)?;
    }
    for (event, v) in rec.app.iter_mut().zip(t.next()?) {
        if *v != BLANK {
            let queue = usize::try_from(*v).ok().and_then(|v| RecordedQueue::ALL.get(v)).ok_or(MISFIT)?;
            event.queue = Some(*queue);
        }
    }

    let (n, context) = open(LineKind::Merge);
    rec.merges = defaults(n);
    TableReader { table: Table::new(n, context), r }.cells(&mut rec.merges)?;

    let (n, context) = open(LineKind::Ack);
    let mut t = TableReader { table: Table::new(n, context), r };
    rec.acks = defaults(n);
    t.cells(&mut rec.acks)?;
    t.sack(rec.acks.iter_mut().map(|a| &mut a.sack))?;

    let (n, context) = open(LineKind::Tx);
    let mut t = TableReader { table: Table::new(n, context), r };
    rec.tx = defaults(n);
    t.cells(&mut rec.tx)?;
    t.sack(rec.tx.iter_mut().map(|a| &mut a.sack))?;

    let (n, context) = open(LineKind::Step);
    let mut t = TableReader { table: Table::new(n, context), r };
    rec.steps = defaults(n);
    t.cells(&mut rec.steps)?;
    for (step, v) in rec.steps.iter_mut().zip(t.next()?) {
        step.cmd = text(texts, *v)?.into();
    }
    let mut meminfo: Vec<MemInfo> = defaults(n);
    t.cells(&mut meminfo)?;
    for (step, meminfo) in rec.steps.iter_mut().zip(meminfo) {
        step.meminfo = meminfo;
    }

    decode_states(r, rec, spine, &clock)
}

fn decode_states(
    r: &mut Reader<'_>,
    rec: &mut Recording,
    spine: &Spine,
    clock: &Clock,
) -> Result<(), DecodeError> {
    let context = spine.context(has_state, clock);
    let mut table = Table::new(context[0].len(), context);
    let (mut rows, mut app, mut acks, mut steps) =
        (rec.rows.iter_mut(), rec.app.iter_mut(), rec.acks.iter_mut(), rec.steps.iter_mut());
    let mut states: Vec<&mut RecordedState> = spine
        .kinds
        .iter()
        .filter_map(|k| match k {
            LineKind::Row => rows.next().map(|l| &mut l.state),
            LineKind::App => app.next().map(|l| &mut l.state),
            LineKind::Ack => acks.next().map(|l| &mut l.state),
            LineKind::Step => steps.next().map(|l| &mut l.state),
            LineKind::Merge | LineKind::Tx => None,
        })
        .collect();
    for at in 0..RecordedState::COLUMNS.len() {
        table.decode(r)?;
        let column = table.columns().last().ok_or(DecodeError::Truncated)?;
        if !RecordedState::put(at, states.iter_mut().map(|s| &mut **s), column) {
            return Err(MISFIT);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn body() -> Vec<u8> {
        let mut rec = Recording { case: "x".into(), kernel: "6.1".into(), ..Recording::default() };
        for i in 0..30u32 {
            let (ev, time_ns) = (u64::from(i) * 3, u64::from(i * i) * 977);
            let state =
                RecordedState { rmem: Some(i as i32), qlen: (i % 3 > 0).then_some(i), ..Default::default() };
            let segment = Some(RowSegment { len: i % 7, ..RowSegment::default() });
            rec.rows.push(Row { idx: i + 1, ev, time_ns, segment, state: state.clone(), ..Row::default() });
            rec.acks.push(AckRow { ev: ev + 1, time_ns, state, ..AckRow::default() });
            rec.app.push(AppEvent { ev: ev + 2, time_ns, text: Some("START".into()), ..AppEvent::default() });
        }
        let packed = encode(&rec).unwrap();
        let mut body = Vec::new();
        ZlibDecoder::new(&packed[HEADER..]).read_to_end(&mut body).unwrap();
        assert_eq!(decode_body(&body).unwrap(), rec);
        body
    }

    proptest! {
        // The checksum of the stream hides these from damaged files; a forged one could carry them.
        #[test]
        fn a_forged_body_never_panics(changes in proptest::collection::vec((0usize..1 << 16, any::<u8>()), 1..6)) {
            let mut body = body();
            for (at, with) in changes {
                let at = at % body.len();
                body[at] = with;
            }
            let _ = decode_body(&body);
        }
    }

    #[test]
    fn every_cut_of_a_body_is_refused() {
        let body = body();
        for end in 0..body.len() {
            assert!(decode_body(&body[..end]).is_err(), "cut at {end}");
        }
    }
}
