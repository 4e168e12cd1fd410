//! Packs a recording.

use flate2::Compression;
use flate2::read::ZlibEncoder;
use sim_core::segment::{SackBlock, SackList};
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;

use super::column::Table;
use super::varint::{put, put_text};
use super::{EXTENSION, EncodeError, MAGIC, MAX_BODY, MAX_LINES, Spine, VERSION, fingerprint, has_state};
use crate::recording::cell::{BLANK, Cells};
use crate::recording::{CaseKind, LineKind, RecordedState, Recording, RowSegment};

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
