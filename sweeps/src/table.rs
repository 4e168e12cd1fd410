//! The summary of a sweep for the terminal: its memory does not grow with the rows.

use crate::evaluate::Row;
use crate::plan::Plan;
use crate::statistics::half_width;

/// Points that are shown one by one.
const SHOWN: usize = 48;

/// What has been seen of one measure.
#[derive(Clone, Copy, Debug)]
struct Column {
    count: u64,
    sum: i128,
    least: Option<(i64, u64)>,
    most: Option<(i64, u64)>,
}

/// Number and labels of a point, and the sums of each measure over its repetitions.
type PointLine = (u64, Vec<String>, Vec<Sums>);

/// Count, sum and sum of squares.
type Sums = (i128, i128, i128);

/// Gathers rows into a table: one line per point while there are few, one line per measure anyway.
#[derive(Clone, Debug)]
pub struct Table {
    measures: Vec<String>,
    axes: Vec<String>,
    columns: Vec<Column>,
    points: Vec<PointLine>,
    many: bool,
    rows: u64,
    errors: Vec<(u64, String)>,
    failed: u64,
}

impl Table {
    /// An empty one.
    pub fn new(plan: &Plan) -> Self {
        let empty = Column { count: 0, sum: 0, least: None, most: None };
        Self {
            measures: plan.measures.clone(),
            axes: plan.space.axes.iter().map(|a| a.name.clone()).collect(),
            columns: vec![empty; plan.measures.len()],
            points: Vec::new(),
            many: false,
            rows: 0,
            errors: Vec::new(),
            failed: 0,
        }
    }

    /// Takes a row in.
    pub fn add(&mut self, plan: &Plan, row: &Row) {
        self.rows += 1;
        let number = row.point.number;
        let figures = match &row.result {
            Ok(f) => f,
            Err(e) => {
                self.failed += 1;
                if self.errors.len() < 5 {
                    self.errors.push((number, e.clone()));
                }
                return;
            }
        };
        for (c, m) in self.columns.iter_mut().zip(&figures.measures) {
            let Some(n) = *m else { continue };
            c.count += 1;
            c.sum += i128::from(n);
            if c.least.is_none_or(|(l, _)| n < l) {
                c.least = Some((n, number));
            }
            if c.most.is_none_or(|(l, _)| n > l) {
                c.most = Some((n, number));
            }
        }
        if self.many {
            return;
        }
        if self.points.last().is_none_or(|(n, ..)| *n != number) {
            if self.points.len() == SHOWN {
                self.many = true;
                self.points = Vec::new();
                return;
            }
            let picks = plan.space.axes.iter().zip(&row.point.picks);
            let labels = picks.map(|(a, p)| a.value(*p).label.clone()).collect();
            self.points.push((number, labels, vec![(0, 0, 0); self.measures.len()]));
        }
        if let Some((_, _, sums)) = self.points.last_mut() {
            for ((count, sum, squares), m) in sums.iter_mut().zip(&figures.measures) {
                if let Some(n) = m {
                    *count += 1;
                    *sum += i128::from(*n);
                    *squares += i128::from(*n) * i128::from(*n);
                }
            }
        }
    }

    /// One line per point with the means over its repetitions and, behind a `±`, half their 95 % interval (Student's t);
    /// `None` if there are too many.
    pub fn points(&self) -> Option<(Vec<String>, Vec<Vec<String>>)> {
        if self.many || self.points.is_empty() {
            return None;
        }
        let head = ["point".to_owned()].into_iter().chain(self.axes.clone()).chain(self.measures.clone());
        let lines = self.points.iter().map(|(number, labels, sums)| {
            let means = sums.iter().map(|s| mean_and_interval(*s));
            [number.to_string()].into_iter().chain(labels.clone()).chain(means).collect()
        });
        Some((head.collect(), lines.collect()))
    }

    /// One line per measure: least, mean and most, with the points that had them.
    pub fn measures(&self) -> (Vec<String>, Vec<Vec<String>>) {
        let head = ["measure", "least", "at point", "mean", "most", "at point"].map(str::to_owned);
        let lines = self.measures.iter().zip(&self.columns).map(|(name, c)| {
            let end = |e: Option<(i64, u64)>| {
                e.map_or_else(|| ["-".to_owned(), "-".to_owned()], |(n, p)| [n.to_string(), p.to_string()])
            };
            let ([least, at_least], [most, at_most]) = (end(c.least), end(c.most));
            vec![name.clone(), least, at_least, mean(c.sum, c.count.into()), most, at_most]
        });
        (head.to_vec(), lines.collect())
    }

    /// Rows seen.
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// Rows that have an error, and the first few of them with their points.
    pub fn errors(&self) -> (u64, &[(u64, String)]) {
        (self.failed, &self.errors)
    }
}

fn mean_and_interval((count, sum, squares): Sums) -> String {
    let half = half_width(count.unsigned_abs() as u64, sum, squares);
    let mean = mean(sum, count);
    if count < 2 {
        mean
    } else {
        format!("{mean} ±{}", if half >= 100.0 { format!("{half:.0}") } else { format!("{half:.1}") })
    }
}

/// A mean, to one decimal where it is no whole number.
fn mean(sum: i128, count: i128) -> String {
    if count == 0 {
        return "-".to_owned();
    }
    if sum % count == 0 {
        return (sum / count).to_string();
    }
    let tenths = (sum * 10 + sum.signum() * count / 2) / count;
    let sign = if tenths < 0 { "-" } else { "" };
    format!("{sign}{}.{}", tenths.abs() / 10, tenths.abs() % 10)
}
