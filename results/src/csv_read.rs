//! Reading `trace.csv` back, or the rows of a recording of a real kernel: by columns, under this project's names.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use thiserror::Error;

use crate::columns::{Class, Column, Unit, find};
use crate::record::TraceRow;

/// Rows that are read before a file is refused as too large to hold.
pub const MAX_ROWS: usize = 5_000_000;

/// Why a trace could not be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The file cannot be opened or read.
    #[error("cannot read {name}: {source}")]
    Io {
        /// The file.
        name: String,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not CSV with a header.
    #[error("{name} is not a trace: {why}")]
    NotATrace {
        /// The file.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// A cell of an integer column holds something else.
    #[error("{name}, line {line}, column {column}: `{text}` is not an integer")]
    NotANumber {
        /// The file.
        name: String,
        /// Line in the file, from 1.
        line: u64,
        /// The column's name in the file.
        column: String,
        /// What is there.
        text: String,
    },
    /// A column that is needed is not there.
    #[error("{name} has no column `{column}`")]
    MissingColumn {
        /// The file.
        name: String,
        /// The column.
        column: String,
    },
}

/// The values of one column.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Values {
    /// Integers; `None` is an empty cell.
    Int(Vec<Option<i64>>),
    /// Text; an empty cell is an empty string.
    Text(Vec<String>),
}

/// A trace as read from a file.
///
/// Columns bear the names of [`crate::columns`] whatever the file calls them. What a recording counts since the
/// previous row is moved to the row that caused it, as in a trace.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TraceTable {
    name: String,
    columns: BTreeMap<String, Values>,
    rows: usize,
}

/// How one column of the file is taken.
struct Source {
    name: String,
    since_previous: bool,
    integer: bool,
}

impl Source {
    fn new(header: &str) -> Self {
        match find::<TraceRow>(header) {
            Some(found) => {
                let c: &Column = found.column();
                let since_previous = c.name != header && c.recorded.is_some_and(|r| r.since_previous);
                Self { name: c.name.to_owned(), since_previous, integer: c.unit != Unit::Text }
            }
            // Columns of recordings that a trace does not have (`fn`, `step`, `ev` ...) are kept as they are.
            None => Self { name: header.to_owned(), since_previous: false, integer: false },
        }
    }
}

impl TraceTable {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// [`ReadError`]: unreadable, not CSV, not a trace, or a cell that is not a number.
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        let name = path.display().to_string();
        let file = File::open(path).map_err(|source| ReadError::Io { name: name.clone(), source })?;
        Self::read(file, &name)
    }

    /// Reads CSV from `input`; `name` is how errors call it.
    ///
    /// # Errors
    /// As [`TraceTable::open`].
    pub fn read(input: impl Read, name: &str) -> Result<Self, ReadError> {
        let table = Self::read_any(input, name)?;
        if !table.columns.contains_key("idx") {
            let why = "its first line names no column `idx`".to_owned();
            return Err(ReadError::NotATrace { name: name.to_owned(), why });
        }
        Ok(table)
    }

    /// Reads any CSV with a header, such as a published curve: columns that are not known are integers if all of their
    /// cells are.
    ///
    /// # Errors
    /// As [`TraceTable::open`].
    pub fn read_any(input: impl Read, name: &str) -> Result<Self, ReadError> {
        let mut csv = csv::ReaderBuilder::new().buffer_capacity(1 << 16).from_reader(input);
        let headers = csv.headers().map_err(|e| csv_error(e, name))?.clone();
        if headers.is_empty() {
            return Err(ReadError::NotATrace { name: name.to_owned(), why: "it is empty".to_owned() });
        }
        let sources: Vec<Source> = headers.iter().map(Source::new).collect();
        let mut values: Vec<Values> = sources
            .iter()
            .map(|s| if s.integer { Values::Int(Vec::new()) } else { Values::Text(Vec::new()) })
            .collect();
        let mut rows = 0_usize;
        let mut record = csv::StringRecord::new();
        while csv.read_record(&mut record).map_err(|e| csv_error(e, name))? {
            rows += 1;
            if rows > MAX_ROWS {
                let why = format!("it has more than {MAX_ROWS} rows");
                return Err(ReadError::NotATrace { name: name.to_owned(), why });
            }
            for ((cell, column), header) in record.iter().zip(&mut values).zip(&headers) {
                match column {
                    Values::Text(v) => v.push(cell.to_owned()),
                    Values::Int(v) if cell.is_empty() => v.push(None),
                    Values::Int(v) => v.push(Some(cell.parse().map_err(|_| ReadError::NotANumber {
                        name: name.to_owned(),
                        line: record.position().map_or(0, csv::Position::line),
                        column: header.to_owned(),
                        text: cell.chars().take(40).collect(),
                    })?)),
                }
            }
        }
        let mut columns = BTreeMap::new();
        for (source, mut column) in sources.into_iter().zip(values) {
            if source.since_previous {
                move_up(&mut column);
            }
            if find::<TraceRow>(&source.name).is_none() {
                column = with_integers(column);
            }
            columns.insert(source.name, column);
        }
        Ok(Self { name: name.to_owned(), columns, rows })
    }

    /// The file, as errors call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Rows, the closing one included.
    pub const fn len(&self) -> usize {
        self.rows
    }

    /// Whether there is no row.
    pub const fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The columns in alphabetical order, with their classes; a column that the list does not know is
    /// [`Class::Undefined`].
    pub fn columns(&self) -> impl Iterator<Item = (&str, Class)> {
        self.columns.keys().map(|n| {
            let class = find::<TraceRow>(n).map_or(Class::Undefined, |c| c.column().class);
            (n.as_str(), class)
        })
    }

    /// The values of a column, by this project's name or the recordings'.
    pub fn column(&self, name: &str) -> Option<&Values> {
        let ours = find::<TraceRow>(name).map_or(name, |c| c.column().name);
        self.columns.get(ours)
    }

    /// The values of an integer column.
    ///
    /// # Errors
    /// [`ReadError::MissingColumn`] if it is not there or holds text.
    pub fn ints(&self, name: &str) -> Result<&[Option<i64>], ReadError> {
        match self.column(name) {
            Some(Values::Int(v)) => Ok(v),
            Some(Values::Text(_)) | None => {
                Err(ReadError::MissingColumn { name: self.name.clone(), column: name.to_owned() })
            }
        }
    }

    /// The integer in row `row` (from 0) of a column; `None` for an empty cell or an absent column.
    pub fn int(&self, row: usize, name: &str) -> Option<i64> {
        self.ints(name).ok()?.get(row).copied().flatten()
    }
}

/// A column of texts as integers, if all of them are, or empty.
fn with_integers(column: Values) -> Values {
    let Values::Text(texts) = &column else { return column };
    let number = |t: &String| if t.is_empty() { Some(None) } else { t.parse().ok().map(Some) };
    match texts.iter().map(number).collect::<Option<Vec<Option<i64>>>>() {
        Some(numbers) if numbers.iter().any(Option::is_some) => Values::Int(numbers),
        _ => column,
    }
}

/// Moves each cell one row up: the count after row `n` belongs to row `n`.
fn move_up(column: &mut Values) {
    match column {
        Values::Int(v) if !v.is_empty() => {
            v.remove(0);
            v.push(None);
        }
        Values::Text(v) if !v.is_empty() => {
            v.remove(0);
            v.push(String::new());
        }
        Values::Int(_) | Values::Text(_) => {}
    }
}

fn csv_error(e: csv::Error, name: &str) -> ReadError {
    let name = name.to_owned();
    match e.into_kind() {
        csv::ErrorKind::Io(source) => ReadError::Io { name, source },
        csv::ErrorKind::UnequalLengths { pos, expected_len, len } => {
            let line = pos.map_or(0, |p| p.line());
            ReadError::NotATrace {
                name,
                why: format!("line {line} has {len} cells, the header has {expected_len}"),
            }
        }
        csv::ErrorKind::Utf8 { pos, .. } => {
            let line = pos.map_or(0, |p| p.line());
            ReadError::NotATrace { name, why: format!("line {line} is not UTF-8 text") }
        }
        other => ReadError::NotATrace { name, why: format!("{other:?}") },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_is_read_under_our_names_with_events_moved_to_their_cause() {
        let text = "idx,fn,len,rcvbuf,rmem,coal_ok,n_drop\n1,rx,10,100,0,0,0\n2,rx,10,100,20,1,0\n3,end,0,100,30,0,2\n";
        let t = TraceTable::read(text.as_bytes(), "r.csv").unwrap();
        assert_eq!(t.len(), 3);
        assert_eq!(t.ints("skmem_rb").unwrap(), [Some(100); 3]);
        assert_eq!(t.ints("rmem").unwrap(), [Some(0), Some(20), Some(30)]);
        assert_eq!(t.ints("coalesced").unwrap(), [Some(1), Some(0), None]);
        assert_eq!(t.ints("dropped").unwrap(), [Some(0), Some(2), None]);
        assert_eq!(t.column("fn"), Some(&Values::Text(vec!["rx".into(), "rx".into(), "end".into()])));
    }

    #[test]
    fn mistakes_name_the_line_and_the_column() {
        let e = TraceTable::read("idx,len\n1,ten\n".as_bytes(), "t.csv").unwrap_err();
        assert_eq!(e.to_string(), "t.csv, line 2, column len: `ten` is not an integer");
        let e = TraceTable::read("idx,len\n1\n".as_bytes(), "t.csv").unwrap_err();
        assert_eq!(e.to_string(), "t.csv is not a trace: line 2 has 1 cells, the header has 2");
        let e = TraceTable::read("a,b\n1,2\n".as_bytes(), "t.csv").unwrap_err();
        assert_eq!(e.to_string(), "t.csv is not a trace: its first line names no column `idx`");
        let e = TraceTable::read("".as_bytes(), "t.csv").unwrap_err();
        assert_eq!(e.to_string(), "t.csv is not a trace: it is empty");
        let e = TraceTable::open(Path::new("/nonexistent/t.csv")).unwrap_err();
        assert!(e.to_string().starts_with("cannot read /nonexistent/t.csv: "));
    }

    #[test]
    fn a_file_with_a_header_alone_has_no_rows() {
        let t = TraceTable::read("idx,len\n".as_bytes(), "t.csv").unwrap();
        assert!(t.is_empty());
        assert!(t.ints("skmem_r").is_err());
    }
}
