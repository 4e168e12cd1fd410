//! Rows as text: CSV and JSON Lines.

use serde_json::{Value, json};

use crate::axis::Cell;
use crate::evaluate::Row;
use crate::plan::Plan;

/// How rows are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// `rows.csv`.
    Csv,
    /// `rows.jsonl`: one JSON object per line.
    JsonLines,
}

impl Format {
    /// Name of the file in a sweep's folder.
    pub const fn file(self) -> &'static str {
        match self {
            Self::Csv => "rows.csv",
            Self::JsonLines => "rows.jsonl",
        }
    }

    /// What stands before the first row.
    pub fn header(self, plan: &Plan) -> Vec<u8> {
        match self {
            Self::Csv => record(columns(plan).iter().map(String::as_str)),
            Self::JsonLines => Vec::new(),
        }
    }

    /// A row with its end of line.
    pub fn row(self, plan: &Plan, row: &Row) -> Vec<u8> {
        match self {
            Self::Csv => csv_row(plan, row),
            Self::JsonLines => json_row(plan, row),
        }
    }

    /// Number and repetition of the row that a line holds; `None` if it is none.
    pub fn key(self, line: &[u8]) -> Option<(u64, u32)> {
        let text = std::str::from_utf8(line).ok()?;
        match self {
            Self::Csv => {
                let mut fields = text.splitn(3, ',');
                Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
            }
            Self::JsonLines => {
                let rest = text.strip_prefix("{\"point\":")?;
                let (point, rest) = rest.split_once(',')?;
                let (repeat, _) = rest.strip_prefix("\"repeat\":")?.split_once(',')?;
                Some((point.parse().ok()?, repeat.parse().ok()?))
            }
        }
    }
}

/// Names of the columns. Numbers are in bytes, bits per second and nanoseconds.
pub fn columns(plan: &Plan) -> Vec<String> {
    let mut names: Vec<String> = ["point", "repeat", "seed"].map(str::to_owned).to_vec();
    names.extend(plan.space.axes.iter().filter(|a| !a.is_seed()).map(|a| a.name.clone()));
    names.extend(plan.measures.iter().cloned());
    names.extend(["digest", "error"].map(str::to_owned));
    names
}

fn record<'a>(fields: impl Iterator<Item = &'a str>) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    for (i, f) in fields.enumerate() {
        if i > 0 {
            out.push(b',');
        }
        if f.contains([',', '"', '\n', '\r']) {
            out.push(b'"');
            out.extend(f.replace('"', "\"\"").bytes());
            out.push(b'"');
        } else {
            out.extend(f.bytes());
        }
    }
    out.push(b'\n');
    out
}

fn csv_row(plan: &Plan, row: &Row) -> Vec<u8> {
    let mut fields = vec![row.point.number.to_string(), row.repeat.to_string(), row.seed.to_string()];
    for (axis, pick) in plan.space.axes.iter().zip(&row.point.picks).filter(|(a, _)| !a.is_seed()) {
        fields.push(axis.cell(*pick).to_string());
    }
    match &row.result {
        Ok(f) => {
            fields.extend(f.measures.iter().map(|m| m.map_or_else(String::new, |n| n.to_string())));
            fields.push(f.digest.clone().unwrap_or_default());
            fields.push(String::new());
        }
        Err(e) => {
            fields.extend(std::iter::repeat_n(String::new(), plan.measures.len() + 1));
            fields.push(e.clone());
        }
    }
    record(fields.iter().map(String::as_str))
}

fn json_row(plan: &Plan, row: &Row) -> Vec<u8> {
    // Written by hand as far as the order of the keys goes; the values are the library's.
    let mut out = format!("{{\"point\":{},\"repeat\":{},\"seed\":{}", row.point.number, row.repeat, row.seed);
    let mut put = |name: &str, value: Value| {
        out.push_str(&format!(",{}:{value}", Value::from(name)));
    };
    for (axis, pick) in plan.space.axes.iter().zip(&row.point.picks).filter(|(a, _)| !a.is_seed()) {
        let value = match axis.cell(*pick) {
            Cell::Number(n) => Value::from(n),
            Cell::Word(text) => Value::from(text),
        };
        put(&axis.name, value);
    }
    let figures = row.result.as_ref().ok();
    for (i, name) in plan.measures.iter().enumerate() {
        put(name, figures.and_then(|f| f.measures[i]).map_or(Value::Null, Value::from));
    }
    put("digest", figures.map_or(Value::Null, |f| json!(f.digest)));
    put("error", row.result.as_ref().err().map_or(Value::Null, |e| json!(e)));
    out.push_str("}\n");
    out.into_bytes()
}
