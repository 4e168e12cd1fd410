//! Two tables held against each other: which rows belong together, where they differ first, and by how much.

use std::collections::BTreeMap;

use crate::columns::Class;
use crate::csv_read::{TraceTable, Values};

/// How far two values may be apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tolerance {
    /// In the column's unit.
    Absolute(u64),
    /// Parts of a thousand of the second table's value.
    Permille(u64),
}

impl Tolerance {
    /// Reads `1024`, `2%` or `0.5%`.
    pub fn parse(text: &str) -> Option<Self> {
        let Some(percent) = text.trim().strip_suffix('%') else {
            return text.trim().parse().ok().map(Self::Absolute);
        };
        let (whole, tenth) = percent.trim().split_once('.').unwrap_or((percent.trim(), "0"));
        let (whole, tenth): (u32, u8) = (whole.parse().ok()?, tenth.parse().ok()?);
        (tenth < 10).then_some(Self::Permille(u64::from(whole) * 10 + u64::from(tenth)))
    }

    /// Whether the two values are near enough.
    pub fn allows(self, a: i64, b: i64) -> bool {
        let apart = u128::from(a.abs_diff(b));
        match self {
            Self::Absolute(most) => apart <= u128::from(most),
            Self::Permille(p) => apart * 1_000 <= u128::from(b.unsigned_abs()) * u128::from(p),
        }
    }
}

/// What to compare, and how strictly.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Rules {
    /// The column whose values say which rows belong together; empty: `idx` if both have it, else the order.
    pub by: String,
    /// The columns to compare; empty: those that a model must give, or all that both have if one of them is no trace.
    pub columns: Vec<String>,
    /// Tolerances by column.
    pub tolerances: BTreeMap<String, Tolerance>,
}

/// One column in comparison.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ColumnResult {
    /// Its name.
    pub name: String,
    /// Rows in which both have a value.
    pub compared: usize,
    /// Rows beyond the tolerance.
    pub differ: usize,
    /// The largest distance, within the tolerance or not.
    pub largest: u64,
    /// The row of the largest distance, by its key.
    pub largest_at: i64,
}

/// The first row that differs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FirstDifference {
    /// Its key.
    pub key: i64,
    /// Its place in the first table, from 0.
    pub row_a: usize,
    /// Its place in the second table, from 0.
    pub row_b: usize,
    /// Column, first and second value of everything that differs in it.
    pub cells: Vec<(String, i64, i64)>,
}

/// What came out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Comparison {
    /// The column by which rows were aligned; empty: by their order.
    pub by: String,
    /// Keys and places of the rows that both have.
    pub pairs: Vec<(i64, usize, usize)>,
    /// Rows that only the first has.
    pub only_a: usize,
    /// Rows that only the second has.
    pub only_b: usize,
    /// The columns, in alphabetical order or as asked for.
    pub columns: Vec<ColumnResult>,
    /// Where the two part.
    pub first: Option<FirstDifference>,
}

impl Comparison {
    /// Whether nothing is beyond the tolerances and no row is missing.
    pub fn same(&self) -> bool {
        self.first.is_none() && self.only_a == 0 && self.only_b == 0
    }
}

/// Compares two tables.
///
/// # Errors
/// A sentence about a column that one of them does not have.
pub fn compare(a: &TraceTable, b: &TraceTable, rules: &Rules) -> Result<Comparison, String> {
    let by = key_column(a, b, &rules.by)?;
    let (keys_a, keys_b) = (keys(a, &by)?, keys(b, &by)?);
    let place_b: BTreeMap<i64, usize> =
        keys_b.iter().enumerate().rev().map(|(row, key)| (*key, row)).collect();
    let pairs: Vec<(i64, usize, usize)> = keys_a
        .iter()
        .enumerate()
        .filter_map(|(row, key)| place_b.get(key).map(|row_b| (*key, row, *row_b)))
        .collect();
    let names = if rules.columns.is_empty() { default_columns(a, b, &by) } else { rules.columns.clone() };
    if let Some(name) = rules.tolerances.keys().find(|t| !names.contains(t)) {
        return Err(format!(
            "`{name}` has a tolerance, but is not compared; compared are {}",
            names.join(", ")
        ));
    }
    let mut columns = Vec::new();
    let mut first: Option<FirstDifference> = None;
    for name in &names {
        let (cells_a, cells_b) = (ints(a, name)?, ints(b, name)?);
        let tolerance = rules.tolerances.get(name).copied().unwrap_or(Tolerance::Absolute(0));
        let mut result =
            ColumnResult { name: name.clone(), compared: 0, differ: 0, largest: 0, largest_at: 0 };
        for (key, row_a, row_b) in &pairs {
            let (Some(va), Some(vb)) = (at(cells_a, *row_a), at(cells_b, *row_b)) else { continue };
            result.compared += 1;
            let apart = va.abs_diff(vb);
            if apart > result.largest {
                (result.largest, result.largest_at) = (apart, *key);
            }
            if tolerance.allows(va, vb) {
                continue;
            }
            result.differ += 1;
            match &mut first {
                Some(f) if f.row_a == *row_a => f.cells.push((name.clone(), va, vb)),
                Some(f) if f.row_a < *row_a => {}
                _ => {
                    let cells = vec![(name.clone(), va, vb)];
                    first = Some(FirstDifference { key: *key, row_a: *row_a, row_b: *row_b, cells });
                }
            }
        }
        columns.push(result);
    }
    let common = pairs.len();
    Ok(Comparison {
        by,
        pairs,
        only_a: a.len() - common,
        only_b: b.len().saturating_sub(common),
        columns,
        first,
    })
}

fn at(cells: &[Option<i64>], row: usize) -> Option<i64> {
    cells.get(row).copied().flatten()
}

fn ints<'a>(t: &'a TraceTable, name: &str) -> Result<&'a [Option<i64>], String> {
    t.ints(name).map_err(|e| e.to_string())
}

/// The column to align by; empty for the order of the rows.
fn key_column(a: &TraceTable, b: &TraceTable, asked: &str) -> Result<String, String> {
    match asked {
        "" if a.ints("idx").is_ok() && b.ints("idx").is_ok() => Ok("idx".to_owned()),
        "" | "row" => Ok(String::new()),
        name => ints(a, name).and_then(|_| ints(b, name)).map(|_| name.to_owned()),
    }
}

fn keys(t: &TraceTable, by: &str) -> Result<Vec<i64>, String> {
    let order = || (1..=t.len()).map(|n| i64::try_from(n).unwrap_or(i64::MAX)).collect();
    if by.is_empty() {
        return Ok(order());
    }
    let column = ints(t, by)?;
    column
        .iter()
        .map(|v| {
            v.ok_or_else(|| format!("{} has an empty cell in `{by}`: rows cannot be told by it", t.name()))
        })
        .collect()
}

/// What is compared unless something is named.
fn default_columns(a: &TraceTable, b: &TraceTable, by: &str) -> Vec<String> {
    // A table without `idx` is no trace, and what its columns are is not known.
    let traces = a.ints("idx").is_ok() && b.ints("idx").is_ok();
    a.columns()
        .filter(|(_, class)| !traces || *class == Class::Compared)
        .map(|(name, _)| name)
        .filter(|name| *name != by)
        .filter(|name| [a, b].iter().all(|t| matches!(t.column(name), Some(Values::Int(_)))))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> TraceTable {
        TraceTable::read_any(text.as_bytes(), "t.csv").unwrap()
    }

    #[test]
    fn the_first_difference_is_the_earliest_row_of_any_column() {
        let a = table("idx,skmem_r,recv_q\n1,0,0\n2,10,5\n3,20,9\n");
        let b = table("idx,skmem_r,recv_q\n1,0,0\n2,10,6\n3,30,9\n4,1,1\n");
        let c = compare(&a, &b, &Rules::default()).unwrap();
        assert_eq!((c.by.as_str(), c.pairs.len(), c.only_a, c.only_b), ("idx", 3, 0, 1));
        let first = c.first.as_ref().unwrap();
        assert_eq!((first.key, first.cells.clone()), (2, vec![("recv_q".to_owned(), 5, 6)]));
        let r = c.columns.iter().find(|r| r.name == "skmem_r").unwrap();
        assert_eq!((r.compared, r.differ, r.largest, r.largest_at), (3, 1, 10, 3));
        assert!(!c.same());
    }

    #[test]
    fn tolerances_are_per_column_and_absolute_or_relative() {
        let a = table("copied,rcvbuf\n100,1000\n200,2000\n");
        let b = table("copied,rcvbuf\n102,1000\n199,2001\n");
        let mut rules = Rules::default();
        rules.tolerances.insert("copied".to_owned(), Tolerance::parse("2%").unwrap());
        let c = compare(&a, &b, &rules).unwrap();
        assert_eq!(c.by, "");
        assert_eq!(c.first.as_ref().unwrap().cells, [("skmem_rb".to_owned(), 2000, 2001)]);
        rules.tolerances.insert("skmem_rb".to_owned(), Tolerance::parse("1").unwrap());
        assert!(compare(&a, &b, &rules).unwrap().same());
        assert_eq!(Tolerance::parse("0.5%"), Some(Tolerance::Permille(5)));
        assert_eq!(Tolerance::parse("x%"), None);
    }

    #[test]
    fn rows_can_be_told_by_any_column() {
        let a = table("t,v\n10,1\n20,2\n");
        let b = table("t,v\n20,2\n30,3\n");
        let rules = Rules { by: "t".to_owned(), ..Rules::default() };
        let c = compare(&a, &b, &rules).unwrap();
        assert_eq!((c.pairs.len(), c.only_a, c.only_b, c.first), (1, 1, 1, None));
    }

    #[test]
    fn a_missing_column_is_named() {
        let a = table("t,v\n1,1\n");
        let rules = Rules { columns: vec!["w".to_owned()], ..Rules::default() };
        assert_eq!(compare(&a, &a, &rules).unwrap_err(), "t.csv has no column `w`");
    }
}
