//! Single numbers of a trace by name: `row(18).rcv_win`, `ack(3).window`, `read(2).bytes`, `tx(1).cwnd`, `burst(1)`,
//! `autotuning(5).rcvbuf`. Rows are counted from 1; `last` is the last one.

use crate::autotuning;
use crate::columns::{self, Record, Unit};
use crate::record::{AckRow, ReadRow, Trace, TraceRow, TxRecord};
use crate::summary::Summary;

/// The tables that can be asked.
pub const TABLES: [&str; 6] = ["row", "ack", "read", "tx", "burst", "autotuning"];

/// A cell: a table, a row in it, and a column.
#[derive(Clone, Copy, Debug)]
struct CellName<'a> {
    table: &'a str,
    /// From 1; `None` is the last one.
    row: Option<usize>,
    column: &'a str,
}

/// Whether a name has the form of a cell's: then it is no metric of a summary.
pub fn is_cell(name: &str) -> bool {
    name.contains('(')
}

fn parse(name: &str) -> Result<CellName<'_>, String> {
    let shape = || format!("`{name}` is not of the form `row(18).rcv_win`");
    let (table, rest) = name.split_once('(').ok_or_else(shape)?;
    let (row, rest) = rest.split_once(')').ok_or_else(shape)?;
    let column = rest.strip_prefix('.').unwrap_or(rest);
    let row = match row.trim() {
        "last" => None,
        number => match number.parse() {
            Ok(n) if n > 0 => Some(n),
            _ => return Err(format!("`{number}` is not the number of a row: rows are counted from 1")),
        },
    };
    if !TABLES.contains(&table) {
        return Err(format!("there is no table `{table}`; there are {}", TABLES.join(", ")));
    }
    Ok(CellName { table, row, column })
}

/// What a cell counts.
///
/// # Errors
/// A sentence that says what is wrong with its name.
pub fn unit(name: &str) -> Result<Unit, String> {
    fn of<R: Record>(column: &str, table: &str) -> Result<Unit, String> {
        match columns::find::<R>(column).map(|c| c.column().unit) {
            Some(Unit::Text) => Err(format!("`{column}` is text, not a number")),
            Some(unit) => Ok(unit),
            None => Err(format!("`{table}` has no column `{column}`")),
        }
    }
    let cell = parse(name)?;
    match cell.table {
        "row" => of::<TraceRow>(cell.column, "row"),
        "ack" => of::<AckRow>(cell.column, "ack"),
        "read" => of::<ReadRow>(cell.column, "read"),
        "tx" => of::<TxRecord>(cell.column, "tx"),
        "autotuning" if cell.column == "time_us" => Ok(Unit::Microseconds),
        "autotuning" if autotuning::COLUMNS.contains(&cell.column) => Ok(Unit::Bytes),
        "autotuning" => Err(format!(
            "`autotuning` has no column `{}`; its columns are {}",
            cell.column,
            autotuning::COLUMNS.join(", ")
        )),
        _ if cell.column.is_empty() => Ok(Unit::Bytes),
        _ => Err("a burst is a number of bytes, without columns".to_owned()),
    }
}

/// The value of a cell; `None` if the run has no such row, or the cell is empty.
pub fn value(trace: &Trace, summary: &Summary, name: &str) -> Option<i64> {
    fn at<R>(rows: &[R], row: Option<usize>) -> Option<&R> {
        match row {
            Some(n) => rows.get(n.checked_sub(1)?),
            None => rows.last(),
        }
    }
    fn of<R: Record>(rows: &[R], cell: CellName<'_>) -> Option<i64> {
        columns::find::<R>(cell.column)?.value(at(rows, cell.row)?).int()
    }
    let cell = parse(name).ok()?;
    match cell.table {
        // The closing row follows the segments, as in the file.
        "row" if cell.row.is_none_or(|n| n == trace.rows.len() + 1) => {
            columns::find::<TraceRow>(cell.column)?.value(&trace.closing).int()
        }
        "row" => of(&trace.rows, cell),
        "ack" => of(&trace.acks, cell),
        "read" => of(&trace.reads, cell),
        "tx" => of(&trace.tx, cell),
        "burst" => at(&summary.burst_bytes, cell.row).and_then(|b| i64::try_from(*b).ok()),
        _ => at(&autotuning::steps(trace), cell.row)?.get(cell.column),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_cells_are_checked() {
        assert_eq!(unit("row(18).rcv_win"), Ok(Unit::Bytes));
        assert_eq!(unit("ack(1).window"), Ok(Unit::Bytes));
        assert_eq!(unit("tx(last).cwnd"), Ok(Unit::Count));
        assert_eq!(unit("burst(2)"), Ok(Unit::Bytes));
        assert_eq!(unit("autotuning(2).time_us"), Ok(Unit::Microseconds));
        for (name, says) in [
            ("row(0).rcv_win", "counted from 1"),
            ("row(x).rcv_win", "counted from 1"),
            ("row(1).rcv_wim", "no column `rcv_wim`"),
            ("row(1).flags", "is text"),
            ("rows(1).len", "no table `rows`"),
            ("row(1", "not of the form"),
            ("autotuning(1).space_x", "its columns are time_us"),
            ("burst(1).len", "without columns"),
        ] {
            let e = unit(name).unwrap_err();
            assert!(e.contains(says), "{name}: {e}");
        }
    }
}
