//! A recording written back as the recorder's files, and single lines as text.

use flate2::Compression;
use flate2::write::GzEncoder;
use sim_core::segment::SackList;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use super::cell::Cells;
use super::line::{AckRow, AppEvent, MergeRow, Row, RowSegment, Step, TxRow};
use super::state::RecordedState;
use super::{EventRef, LineKind, Recording};

/// Files larger than this are gzipped, bytes.
const GZIP_ABOVE: usize = 16 << 10;

/// A line that can be written as cells.
trait CsvCells {
    /// Calls `cell` with every column's name and text, in the order of the file.
    fn cells(&self, cell: &mut dyn FnMut(&'static str, &str));
}

/// Hands the columns of a part of a line on.
fn each<T: Cells>(part: Option<&T>, cell: &mut dyn FnMut(&'static str, &str)) {
    let mut text = String::new();
    for (at, c) in T::COLUMNS.iter().enumerate().filter(|(_, c)| !c.name.is_empty()) {
        text.clear();
        if let Some(part) = part {
            part.write_cell(at, &mut text);
        }
        // Timestamps are one column in the files of packets; see `timestamps`.
        cell(c.name, &text);
    }
}

fn sack_text(list: &SackList) -> String {
    let blocks: Vec<String> = list.as_slice().iter().map(|b| format!("{}-{}", b.start.0, b.end.0)).collect();
    blocks.join(" ")
}

/// A part of a line whose timestamps stand in one column, `TSval/TSecr`.
fn packet<T: Cells>(part: &T, ts: (Option<u32>, Option<u32>), cell: &mut dyn FnMut(&'static str, &str)) {
    each(Some(part), &mut |name, text| match name {
        "tsval" => cell("ts", &if let (Some(v), Some(e)) = ts { format!("{v}/{e}") } else { String::new() }),
        "tsecr" => {}
        _ => cell(name, text),
    });
}

impl CsvCells for Row {
    fn cells(&self, cell: &mut dyn FnMut(&'static str, &str)) {
        each(Some(self), cell);
        match &self.segment {
            Some(segment) => each(Some(segment), cell),
            // The closing row has a length of 0 and nothing else.
            None => {
                each::<RowSegment>(None, &mut |name, text| cell(name, if name == "len" { "0" } else { text }))
            }
        }
        cell("drop_reasons", self.drop_reasons.as_deref().unwrap_or(""));
        each(Some(&self.state), cell);
    }
}

impl CsvCells for AckRow {
    fn cells(&self, cell: &mut dyn FnMut(&'static str, &str)) {
        packet(self, (self.tsval, self.tsecr), cell);
        cell("sack", &sack_text(&self.sack));
        each(Some(&self.state), cell);
    }
}

impl CsvCells for AppEvent {
    fn cells(&self, cell: &mut dyn FnMut(&'static str, &str)) {
        each(Some(self), &mut |name, text| match (name, self.queue) {
            ("arg", Some(queue)) => cell(name, queue.word()),
            _ => cell(name, text),
        });
        cell("text", self.text.as_deref().unwrap_or(""));
        each(Some(&self.state), cell);
    }
}

impl CsvCells for MergeRow {
    fn cells(&self, cell: &mut dyn FnMut(&'static str, &str)) {
        each(Some(self), cell);
    }
}

impl CsvCells for Step {
    fn cells(&self, cell: &mut dyn FnMut(&'static str, &str)) {
        each(Some(self), cell);
        cell("cmd", &self.cmd);
        let mut meminfo = String::new();
        self.meminfo.write(&mut meminfo);
        cell("meminfo", &meminfo);
        each(Some(&self.state), cell);
    }
}

impl CsvCells for TxRow {
    fn cells(&self, cell: &mut dyn FnMut(&'static str, &str)) {
        packet(self, (self.tsval, self.tsecr), cell);
        cell("sack", &sack_text(&self.sack));
    }
}

/// The file of `lines`: a header and a line each. A column that is blank throughout is left out unless the
/// reader insists on it.
fn csv<T: CsvCells>(lines: &[T], required: &[&str]) -> String {
    let mut names = Vec::new();
    let mut used = Vec::new();
    for line in lines {
        let mut at = 0;
        line.cells(&mut |name, text| {
            if names.len() == at {
                names.push(name);
                used.push(required.contains(&name));
            }
            used[at] |= !text.is_empty();
            at += 1;
        });
    }
    let header: Vec<&str> = names.iter().zip(&used).filter(|(_, u)| **u).map(|(n, _)| *n).collect();
    let mut out = header.join(",");
    out.push('\n');
    for line in lines {
        let start = out.len();
        let mut at = 0;
        line.cells(&mut |_, text| {
            if used[at] {
                out.push_str(text);
                out.push(',');
            }
            at += 1;
        });
        if out.len() > start {
            out.pop();
        }
        out.push('\n');
    }
    out
}

fn save(path: &Path, text: &str) -> io::Result<()> {
    if text.len() <= GZIP_ABOVE {
        return fs::write(path, text);
    }
    let mut name = path.as_os_str().to_owned();
    name.push(".gz");
    let mut gz = GzEncoder::new(fs::File::create(name)?, Compression::default());
    gz.write_all(text.as_bytes())?;
    gz.finish()?.flush()
}

fn table<T: CsvCells>(
    base: &str,
    kind: LineKind,
    lines: &[T],
    dir: &Path,
    required: &[&str],
) -> io::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    save(&dir.join(format!("{base}.{}", kind.suffix())), &csv(lines, required))
}

/// Writes `rec` as the files of the recorder below `dir/<kernel>/`, large ones gzipped. What the types do not
/// hold is not written: `.reads.csv` (a subset of `.app.csv`) and unknown columns.
///
/// # Errors
/// If a file cannot be written.
pub fn write_raw(rec: &Recording, dir: &Path) -> io::Result<()> {
    use super::raw::CsvLine;
    let dir = dir.join(&rec.kernel);
    fs::create_dir_all(&dir)?;
    let json = serde_json::to_string_pretty(&rec.summary).map_err(io::Error::other)?;
    fs::write(dir.join(format!("{}.summary.json", rec.case)), json + "\n")?;
    table(&rec.case, LineKind::Row, &rec.rows, &dir, &Row::required())?;
    table(&rec.case, LineKind::Ack, &rec.acks, &dir, &AckRow::required())?;
    table(&rec.case, LineKind::App, &rec.app, &dir, &AppEvent::required())?;
    table(&rec.case, LineKind::Merge, &rec.merges, &dir, &MergeRow::required())?;
    table(&rec.case, LineKind::Step, &rec.steps, &dir, &Step::required())?;
    table(&rec.case, LineKind::Tx, &rec.tx, &dir, &TxRow::required())
}

/// The rows of `rec`, as the file of the recorder holds them: a header and a line for each segment, the end last.
pub fn rows_csv(rec: &Recording) -> String {
    use super::raw::CsvLine;
    csv(&rec.rows, &Row::required())
}

/// A line as `kind name=value ...`, for reports. Blanks and zeros that say nothing are left out, as are the
/// columns of the state unless they are among `state`.
pub fn describe(line: EventRef<'_>, state: &[&str]) -> String {
    let (kind, cells): (&str, &dyn CsvCells) = match &line {
        EventRef::Row(l) => ("row", *l),
        EventRef::App(l) => ("app", *l),
        EventRef::Merge(l) => ("merge", *l),
        EventRef::Ack(l) => ("ack", *l),
        EventRef::Tx(l) => ("tx", *l),
        EventRef::Step(l) => ("step", *l),
    };
    let mut out = kind.to_owned();
    let mut seen = Vec::new();
    cells.cells(&mut |name, text| {
        // A merge line and a packet have columns that are called like columns of the state.
        let of_state = RecordedState::position(name).is_some()
            && !matches!(line, EventRef::Merge(_) | EventRef::Tx(_))
            && (name != "win" || seen.contains(&name));
        seen.push(name);
        let wanted = if of_state { state.contains(&name) } else { text != "0" || name == "seq" };
        if wanted && !text.is_empty() && (of_state || name != "step" || text != "-1") {
            let _ = write!(out, " {name}={text}");
        }
    });
    out
}
