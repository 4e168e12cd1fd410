//! Writing records as CSV: a header line, then one line per record; an empty cell is "nothing".

use std::io::Write;

use thiserror::Error;

use crate::columns::{Cell, ColumnSet, FileColumn, Record, UnknownColumn};
use crate::record::Trace;

/// Why a CSV file could not be written.
#[derive(Debug, Error)]
pub enum WriteError {
    /// A column was asked for that does not exist.
    #[error(transparent)]
    Column(#[from] UnknownColumn),
    /// The writer failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl From<csv::Error> for WriteError {
    fn from(e: csv::Error) -> Self {
        match e.into_kind() {
            csv::ErrorKind::Io(io) => Self::Io(io),
            // Every line has as many cells as the header, so that only I/O can fail.
            other => Self::Io(std::io::Error::other(format!("{other:?}"))),
        }
    }
}

/// Writes `records` with `columns`.
///
/// # Errors
/// [`WriteError::Column`] before anything is written; [`WriteError::Io`] when the writer fails.
pub fn write_records<'a, R: Record>(
    out: impl Write,
    columns: &ColumnSet,
    records: impl IntoIterator<Item = &'a R>,
) -> Result<(), WriteError> {
    let columns: Vec<FileColumn<R>> = columns.resolve()?;
    let mut csv = csv::WriterBuilder::new().buffer_capacity(1 << 16).from_writer(out);
    csv.write_record(columns.iter().map(|c| c.column().name))?;
    let mut text = String::new();
    for r in records {
        for c in &columns {
            match c.value(r) {
                Cell::Empty => csv.write_field("")?,
                Cell::Int(n) => {
                    use std::fmt::Write as _;
                    text.clear();
                    let _ = write!(text, "{n}");
                    csv.write_field(&text)?;
                }
                Cell::Text(t) => csv.write_field(t.as_bytes())?,
            }
        }
        csv.write_record(None::<&[u8]>)?;
    }
    csv.flush()?;
    Ok(())
}

/// Writes `trace.csv`: all rows and the closing one.
///
/// # Errors
/// As [`write_records`].
pub fn write_trace(out: impl Write, trace: &Trace, columns: &ColumnSet) -> Result<(), WriteError> {
    write_records(out, columns, trace.rows_and_closing())
}

/// Writes `acks.csv`.
///
/// # Errors
/// As [`write_records`].
pub fn write_acks(out: impl Write, trace: &Trace, columns: &ColumnSet) -> Result<(), WriteError> {
    write_records(out, columns, &trace.acks)
}

/// Writes `reads.csv`.
///
/// # Errors
/// As [`write_records`].
pub fn write_reads(out: impl Write, trace: &Trace, columns: &ColumnSet) -> Result<(), WriteError> {
    write_records(out, columns, &trace.reads)
}

/// Writes `tx.csv`.
///
/// # Errors
/// As [`write_records`].
pub fn write_tx(out: impl Write, trace: &Trace, columns: &ColumnSet) -> Result<(), WriteError> {
    write_records(out, columns, &trace.tx)
}
