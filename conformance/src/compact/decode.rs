//! Unpacks a recording, whatever the bytes are.

use flate2::read::ZlibDecoder;
use sim_core::segment::{SackBlock, SackList};
use sim_core::seq::Seq;
use std::io::Read;

use super::column::Table;
use super::varint::Reader;
use super::{DecodeError, HEADER, MAGIC, MAX_BODY, MAX_LINES, Spine, VERSION, fingerprint, has_state};
use crate::recording::cell::{BLANK, Cells};
use crate::recording::{
    CaseKind, Clock, Entry, LineKind, MemInfo, RecordedQueue, RecordedState, Recording, RowSegment, Summary,
};

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
    use crate::compact::encode;
    use crate::recording::{AckRow, AppEvent, Row};
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
