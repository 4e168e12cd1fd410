//! The recorder's own files: `<case>.csv`, `.acks.csv`, `.app.csv` ..., plain or gzipped, and `.summary.json`.
//!
//! A column the reader does not know is skipped, a file or an optional column that is not there is empty;
//! anything else that does not fit is an error that names file, line and column. No cell of a recording is
//! quoted, and none contains a comma.

use flate2::read::MultiGzDecoder;
use sim_core::segment::{SackBlock, SackList};
use sim_core::seq::Seq;
use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::cell::{Cell, Cells, parse_int};
use super::line::{AckRow, AppEvent, AppWhat, Entry, MergeRow, RecordedQueue, Row, RowSegment, Step, TxRow};
use super::state::{MemInfo, RecordedState};
use super::store::LoadError;
use super::summary::Summary;
use super::{LineKind, Recording};

/// No file of a recording is larger than this once unpacked, bytes.
const MAX_FILE: u64 = 1 << 30;

/// The directory `dir/<kernel>` and the case `case` in it.
pub(crate) fn read_case(dir: &Path, kernel: &str, case: &str) -> Result<Recording, LoadError> {
    let base = dir.join(kernel).join(case);
    let path = with_suffix(&base, "summary.json");
    let text = read_either(&path)?.ok_or_else(|| LoadError::Missing { path: path.clone() })?;
    let summary: Summary = serde_json::from_slice(&text).map_err(|e| LoadError::Json {
        path,
        line: e.line(),
        column: e.column(),
        message: e.to_string(),
    })?;
    let mut rec = Recording {
        kernel: kernel.to_owned(),
        case: case.to_owned(),
        kind: summary.kind,
        summary,
        rows: table(&base, LineKind::Row)?,
        acks: table(&base, LineKind::Ack)?,
        app: table(&base, LineKind::App)?,
        merges: table(&base, LineKind::Merge)?,
        steps: table(&base, LineKind::Step)?,
        tx: table(&base, LineKind::Tx)?,
        further: None,
    };
    place_steps(&mut rec);
    Ok(rec)
}

/// Gives each step the number of the last event that happened before its state was read, and at least that of
/// the event with which it began.
fn place_steps(rec: &mut Recording) {
    if rec.steps.is_empty() {
        return;
    }
    let mut steps = std::mem::take(&mut rec.steps);
    let places = rec.places();
    let begins: std::collections::BTreeMap<i32, u64> =
        rec.app.iter().filter(|a| a.what == AppWhat::Step).map(|a| (a.step, a.ev)).collect();
    let mut at = 0;
    for s in &mut steps {
        let next = begins.get(&(s.step + 1)).copied().unwrap_or(u64::MAX);
        while places.get(at).is_some_and(|p| p.time_ns <= s.time_ns && p.ev < next) {
            at += 1;
        }
        let last = at.checked_sub(1).map_or(0, |i| places[i].ev);
        s.ev = last.max(begins.get(&s.step).copied().unwrap_or(0));
    }
    rec.steps = steps;
}

fn with_suffix(base: &Path, suffix: &str) -> PathBuf {
    let mut name = base.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    PathBuf::from(name)
}

/// The file, or the gzipped one beside it; `None` if there is neither.
fn read_either(path: &Path) -> Result<Option<Vec<u8>>, LoadError> {
    match fs::read(path) {
        Ok(bytes) => return Ok(Some(bytes)),
        Err(e) if e.kind() == ErrorKind::NotFound => {}
        Err(source) => return Err(LoadError::Io { path: path.to_owned(), source }),
    }
    let path = with_suffix(path, "gz");
    let packed = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(LoadError::Io { path, source }),
    };
    let mut bytes = Vec::with_capacity(packed.len().saturating_mul(6));
    match MultiGzDecoder::new(packed.as_slice()).take(MAX_FILE).read_to_end(&mut bytes) {
        Ok(_) => Ok(Some(bytes)),
        Err(source) => Err(LoadError::Io { path, source }),
    }
}

fn table<T: CsvLine>(base: &Path, kind: LineKind) -> Result<Vec<T>, LoadError> {
    let path = with_suffix(base, kind.suffix());
    match read_either(&path)? {
        Some(bytes) => parse(&bytes, &path),
        None => Ok(Vec::new()),
    }
}

/// A line that can be read from the cells of a CSV file.
pub(crate) trait CsvLine: Default {
    /// Where the `nth` column called `name` goes; `None`: nowhere.
    fn column(name: &str, nth: usize) -> Option<usize>;
    /// Stores non-blank text; `false` if it does not fit.
    fn set(&mut self, column: usize, text: &[u8]) -> bool;
    /// Names of the columns without which the file makes no sense.
    fn required() -> Vec<&'static str>;
    /// Whether a blank cell in this column of this line is a mistake.
    fn needs(&self, column: usize) -> bool;
    /// Called when all cells are stored.
    fn finish(&mut self) {}
}

/// Parses a whole file. `path` is for messages only.
pub(crate) fn parse<T: CsvLine>(bytes: &[u8], path: &Path) -> Result<Vec<T>, LoadError> {
    let fail = |line: usize, column: &str, message: String| LoadError::Cell {
        path: path.to_owned(),
        line,
        column: column.to_owned(),
        message,
    };
    let mut lines = bytes.split(|b| *b == b'\n').map(|l| l.strip_suffix(b"\r").unwrap_or(l));
    let header = lines.next().unwrap_or_default();
    let header = std::str::from_utf8(header)
        .map_err(|_| fail(1, "", "the header is not text".to_owned()))?
        .split(',')
        .collect::<Vec<_>>();
    let targets: Vec<Option<usize>> = header
        .iter()
        .enumerate()
        .map(|(at, name)| T::column(name, header[..at].iter().filter(|n| *n == name).count()))
        .collect();
    if let Some(name) = T::required().into_iter().find(|r| !header.contains(r)) {
        return Err(fail(1, name, "the column is missing".to_owned()));
    }
    let mut out = Vec::with_capacity(bytes.len() / 256);
    for (n, line) in lines.enumerate() {
        if line.is_empty() {
            continue;
        }
        let mut value = T::default();
        let mut cells = line.split(|b| *b == b',');
        for (target, name) in targets.iter().zip(&header) {
            let text = cells
                .next()
                .ok_or_else(|| fail(n + 2, name, "the line ends before this column".to_owned()))?;
            let Some(target) = *target else { continue };
            if text.is_empty() {
                if value.needs(target) {
                    return Err(fail(n + 2, name, "the cell is blank".to_owned()));
                }
            } else if !value.set(target, text) {
                let text = String::from_utf8_lossy(text).into_owned();
                return Err(fail(n + 2, name, format!("{text:?} is not a value of this column")));
            }
        }
        if cells.next().is_some() {
            return Err(fail(
                n + 2,
                "",
                format!("more cells than the header has columns ({})", header.len()),
            ));
        }
        value.finish();
        out.push(value);
    }
    Ok(out)
}

/// Offsets of the parts of a line in the numbering of its columns.
const STATE: usize = 1_000;
const SEGMENT: usize = 500;
const SPECIAL: usize = 2_000;
const SECOND: usize = SPECIAL + 1;

fn required_of<T: Cells>() -> impl Iterator<Item = &'static str> {
    T::COLUMNS.iter().filter(|c| c.required && !c.name.is_empty()).map(|c| c.name)
}

fn own<T: Cells>(name: &str) -> Option<usize> {
    if name.is_empty() { None } else { T::position(name) }
}

fn state(name: &str) -> Option<usize> {
    RecordedState::position(name).map(|at| STATE + at)
}

fn text(bytes: &[u8]) -> Option<Box<str>> {
    std::str::from_utf8(bytes).ok().map(Into::into)
}

fn store<T>(slot: &mut T, value: Option<T>) -> bool {
    match value {
        Some(v) => {
            *slot = v;
            true
        }
        None => false,
    }
}

/// `TSval/TSecr`.
fn timestamps(bytes: &[u8], val: &mut Option<u32>, ecr: &mut Option<u32>) -> bool {
    let Some(slash) = bytes.iter().position(|b| *b == b'/') else { return false };
    let (Some(v), Some(e)) = (u32::parse(&bytes[..slash]), u32::parse(&bytes[slash + 1..])) else {
        return false;
    };
    (*val, *ecr) = (Some(v), Some(e));
    true
}

/// `from-to from-to ...`, at most four.
fn sack_blocks(bytes: &[u8]) -> Option<SackList> {
    let mut list = SackList::EMPTY;
    for block in bytes.split(|b| *b == b' ').filter(|b| !b.is_empty()) {
        // A minus sign may stand before either number; the separator is the first dash after a digit.
        let dash = 1 + block.get(1..)?.iter().position(|b| *b == b'-')?;
        let (start, end) = (parse_int(&block[..dash])?, parse_int(&block[dash + 1..])?);
        if list.len() == 4 {
            return None;
        }
        list.push(SackBlock { start: Seq(start), end: Seq(end) });
    }
    Some(list)
}

impl CsvLine for Row {
    fn column(name: &str, _: usize) -> Option<usize> {
        if name == "drop_reasons" {
            return Some(SPECIAL);
        }
        own::<Self>(name).or_else(|| own::<RowSegment>(name).map(|at| SEGMENT + at)).or_else(|| state(name))
    }

    fn set(&mut self, column: usize, bytes: &[u8]) -> bool {
        match column {
            SPECIAL => {
                self.drop_reasons = text(bytes);
                self.drop_reasons.is_some()
            }
            STATE.. => self.state.parse_cell(column - STATE, bytes),
            SEGMENT.. => self.segment.get_or_insert_default().parse_cell(column - SEGMENT, bytes),
            own => self.parse_cell(own, bytes),
        }
    }

    fn required() -> Vec<&'static str> {
        // tsval and the like are optional by type; `n_*` may be left out when empty throughout, but never are.
        required_of::<Self>().chain(required_of::<RowSegment>()).collect()
    }

    fn needs(&self, column: usize) -> bool {
        match column {
            STATE.. => false,
            SEGMENT.. => self.entry != Entry::End && RowSegment::COLUMNS[column - SEGMENT].required,
            own => Self::COLUMNS[own].required,
        }
    }

    fn finish(&mut self) {
        if self.entry == Entry::End {
            self.segment = None;
        }
    }
}

impl CsvLine for AckRow {
    fn column(name: &str, nth: usize) -> Option<usize> {
        match name {
            "ts" => Some(SPECIAL),
            "sack" => Some(SECOND),
            // The header has `win` twice: the packet's, then the state's.
            "win" if nth > 0 => state(name),
            _ => own::<Self>(name).or_else(|| state(name)),
        }
    }

    fn set(&mut self, column: usize, bytes: &[u8]) -> bool {
        match column {
            SPECIAL => timestamps(bytes, &mut self.tsval, &mut self.tsecr),
            SECOND.. => store(&mut self.sack, sack_blocks(bytes)),
            STATE.. => self.state.parse_cell(column - STATE, bytes),
            own => self.parse_cell(own, bytes),
        }
    }

    fn required() -> Vec<&'static str> {
        required_of::<Self>().collect()
    }

    fn needs(&self, column: usize) -> bool {
        column < SEGMENT && Self::COLUMNS[column].required
    }
}

impl CsvLine for AppEvent {
    fn column(name: &str, _: usize) -> Option<usize> {
        match name {
            "text" => Some(SPECIAL),
            "arg" => Some(SECOND),
            _ => own::<Self>(name).or_else(|| state(name)),
        }
    }

    fn set(&mut self, column: usize, bytes: &[u8]) -> bool {
        match column {
            SPECIAL => {
                self.text = text(bytes);
                self.text.is_some()
            }
            SECOND.. => match (parse_int(bytes), RecordedQueue::parse(bytes)) {
                (Some(n), _) => {
                    self.arg = Some(n);
                    true
                }
                (None, Some(q)) => {
                    self.queue = Some(q);
                    true
                }
                _ => false,
            },
            STATE.. => self.state.parse_cell(column - STATE, bytes),
            own => self.parse_cell(own, bytes),
        }
    }

    fn required() -> Vec<&'static str> {
        required_of::<Self>().collect()
    }

    fn needs(&self, column: usize) -> bool {
        column < SEGMENT && Self::COLUMNS[column].required
    }
}

impl CsvLine for MergeRow {
    fn column(name: &str, _: usize) -> Option<usize> {
        own::<Self>(name)
    }

    fn set(&mut self, column: usize, bytes: &[u8]) -> bool {
        self.parse_cell(column, bytes)
    }

    fn required() -> Vec<&'static str> {
        required_of::<Self>().collect()
    }

    fn needs(&self, column: usize) -> bool {
        Self::COLUMNS[column].required
    }
}

impl CsvLine for Step {
    fn column(name: &str, _: usize) -> Option<usize> {
        match name {
            "cmd" => Some(SPECIAL),
            "meminfo" => Some(SECOND),
            _ => own::<Self>(name).or_else(|| state(name)),
        }
    }

    fn set(&mut self, column: usize, bytes: &[u8]) -> bool {
        match column {
            SPECIAL => store(&mut self.cmd, text(bytes)),
            SECOND.. => store(&mut self.meminfo, MemInfo::parse(bytes)),
            STATE.. => self.state.parse_cell(column - STATE, bytes),
            own => self.parse_cell(own, bytes),
        }
    }

    fn required() -> Vec<&'static str> {
        required_of::<Self>().chain(["cmd", "meminfo"]).collect()
    }

    fn needs(&self, column: usize) -> bool {
        column >= SPECIAL || (column < SEGMENT && Self::COLUMNS[column].required)
    }
}

impl CsvLine for TxRow {
    fn column(name: &str, _: usize) -> Option<usize> {
        match name {
            "ts" => Some(SPECIAL),
            "sack" => Some(SECOND),
            _ => own::<Self>(name),
        }
    }

    fn set(&mut self, column: usize, bytes: &[u8]) -> bool {
        match column {
            SPECIAL => timestamps(bytes, &mut self.tsval, &mut self.tsecr),
            SECOND.. => store(&mut self.sack, sack_blocks(bytes)),
            own => self.parse_cell(own, bytes),
        }
    }

    fn required() -> Vec<&'static str> {
        required_of::<Self>().collect()
    }

    fn needs(&self, column: usize) -> bool {
        column < SEGMENT && Self::COLUMNS[column].required
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tx(text: &str) -> Result<Vec<TxRow>, LoadError> {
        parse(text.as_bytes(), Path::new("x.tx.csv"))
    }

    const HEADER: &str = "ev,time_ns,seq,len,flags,ack,win_raw,cwnd,snd_ssthresh,snd_una,snd_nxt,snd_wnd,packets_out,\
                          retrans_out,sacked_out,lost_out,ca_state,srtt8,mss_cache,ts,sack,later";

    #[test]
    fn an_unknown_column_is_skipped_and_a_missing_optional_one_is_blank() {
        let rows = tx(&format!("{HEADER}\n1,2,0,0,S,0,65535,10,7,0,0,0,1,0,0,0,0,0,1024,5/6,1-2 3-4,what\n"))
            .unwrap();
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].tsval, rows[0].tsecr, rows[0].mss_opt), (Some(5), Some(6), None));
        assert_eq!(rows[0].sack.as_slice()[1], SackBlock { start: Seq(3), end: Seq(4) });
    }

    #[test]
    fn a_bad_cell_is_named_by_file_line_and_column() {
        let e = tx(&format!("{HEADER}\n1,2,0,x,S,0,65535,10,7,0,0,0,1,0,0,0,0,0,1024,,,\n")).unwrap_err();
        assert_eq!(e.to_string(), "x.tx.csv, line 2, column len: \"x\" is not a value of this column");
        let e = tx(&format!("{HEADER}\n1,2,0,,S,0\n")).unwrap_err();
        assert_eq!(e.to_string(), "x.tx.csv, line 2, column len: the cell is blank");
        let e = tx(&format!("{HEADER}\n1,2,0\n")).unwrap_err();
        assert_eq!(e.to_string(), "x.tx.csv, line 2, column len: the line ends before this column");
        let e = tx("ev,time_ns\n1,2\n").unwrap_err();
        assert_eq!(e.to_string(), "x.tx.csv, line 1, column seq: the column is missing");
    }

    #[test]
    fn a_fifth_sack_block_is_refused() {
        assert_eq!(sack_blocks(b"1-2 3-4 5-6 7-8").unwrap().len(), 4);
        assert!(sack_blocks(b"1-2 3-4 5-6 7-8 9-10").is_none());
        assert!(sack_blocks(b"12").is_none());
    }
}
