//! Rows as text: CSV and JSON Lines.

use serde_json::{Value, json};

use crate::axis::Cell;
use crate::evaluate::{Figures, Row};
use crate::plan::Plan;
use crate::sample::Point;

/// How rows are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// `rows.csv`.
    Csv,
    /// `rows.jsonl`: one JSON object per line.
    JsonLines,
}

impl Format {
    /// All there are.
    pub const ALL: [Self; 2] = [Self::Csv, Self::JsonLines];

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

    /// The row that a line with its end holds, which must be that of this point and repetition in every byte; `None` if it
    /// is not, or only a part of it.
    pub fn read(self, plan: &Plan, line: &[u8], point: Point, repeat: u32) -> Option<Row> {
        let text = std::str::from_utf8(line.strip_suffix(b"\n")?).ok()?;
        let (seed, result) = match self {
            Self::Csv => csv_read(plan, text)?,
            Self::JsonLines => json_read(plan, text)?,
        };
        let row = Row { point, repeat, seed, result };
        (self.row(plan, &row) == line).then_some(row)
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

/// The fields of a line.
fn fields(text: &str) -> Option<csv::StringRecord> {
    let mut builder = csv::ReaderBuilder::new();
    let mut reader =
        builder.has_headers(false).buffer_capacity(text.len().max(1)).from_reader(text.as_bytes());
    reader.records().next()?.ok()
}

/// What a row says beyond what its point does.
type Said = (u64, Result<Figures, String>);

fn csv_read(plan: &Plan, text: &str) -> Option<Said> {
    let fields = fields(text)?;
    let axes = plan.space.axes.iter().filter(|a| !a.is_seed()).count();
    let figures: Vec<&str> = fields.iter().skip(3 + axes).collect();
    let [measures @ .., digest, error] = figures.as_slice() else { return None };
    let seed = fields.get(2)?.parse().ok()?;
    if !error.is_empty() {
        return Some((seed, Err((*error).to_owned())));
    }
    let number = |f: &&str| if f.is_empty() { Some(None) } else { f.parse().ok().map(Some) };
    let measures = measures.iter().map(number).collect::<Option<Vec<Option<i64>>>>()?;
    let digest = Some((*digest).to_owned()).filter(|d| !d.is_empty());
    Some((seed, Ok(Figures { measures, digest })))
}

fn json_read(plan: &Plan, text: &str) -> Option<Said> {
    let row: Value = serde_json::from_str(text).ok()?;
    let seed = row.get("seed")?.as_u64()?;
    if let Some(error) = row.get("error")?.as_str() {
        return Some((seed, Err(error.to_owned())));
    }
    let measure = |name: &String| row.get(name.as_str()).map(Value::as_i64);
    let measures = plan.measures.iter().map(measure).collect::<Option<_>>()?;
    let digest = row.get("digest")?.as_str().map(str::to_owned);
    Some((seed, Ok(Figures { measures, digest })))
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
