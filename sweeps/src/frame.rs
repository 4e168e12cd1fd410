//! Rows of a finished sweep, read back and put together by what their points set.

use std::collections::BTreeMap;
use std::path::Path;

use results::metrics::{self, MetricUnit};
use scenarios::{Quantity, key_info};

use crate::axis::is_setting;
use crate::format::Format;
use crate::manifest::Manifest;
use crate::statistics::Spread;

/// One value of an axis.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FrameValue {
    /// For a reader.
    pub label: String,
    /// As a number, in base units.
    pub number: Option<i64>,
}

/// An axis with the values that occur.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FrameAxis {
    /// Its name.
    pub name: String,
    /// What its values are.
    pub quantity: Quantity,
    /// Numbers in ascending order, words in the order in which they occur.
    pub values: Vec<FrameValue>,
    /// Whether it is a condition rather than a setting that one could choose; of a bundle in a file without its folder that
    /// is not known, and it counts as a setting.
    pub condition: bool,
}

impl FrameAxis {
    /// Whether all its values are numbers.
    pub fn is_numeric(&self) -> bool {
        self.values.iter().all(|v| v.number.is_some())
    }
}

/// A column of figures.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FrameMeasure {
    /// Its name.
    pub name: String,
    /// What it counts.
    pub unit: MetricUnit,
}

/// All repetitions of one combination of values.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FramePoint {
    /// The value of each axis, as its place in the list.
    pub picks: Vec<usize>,
    /// For each measure the values of the repetitions that have one.
    pub values: Vec<Vec<i64>>,
}

/// The rows of a sweep.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    /// Name of the plan, or of the file.
    pub name: String,
    /// The axes, in the order of the plan.
    pub axes: Vec<FrameAxis>,
    /// The measures, likewise.
    pub measures: Vec<FrameMeasure>,
    /// In the order of their picks.
    pub points: Vec<FramePoint>,
    /// Rows that have an error instead of figures.
    pub errors: u64,
}

/// Rows that are read at most: a chart of more shows nothing more.
const MOST: usize = 4_000_000;

impl Frame {
    /// Reads the folder of a sweep or a shard, or a CSV file of rows that was merged.
    ///
    /// # Errors
    /// A sentence.
    pub fn read(path: &Path) -> Result<Self, String> {
        let manifest = if path.is_dir() { Some(Manifest::read(path)?) } else { None };
        let file = if path.is_dir() { path.join(Format::Csv.file()) } else { path.to_owned() };
        let shown = file.display();
        if manifest.is_some() && !file.exists() {
            return Err(match manifest.as_ref().and_then(|m| m.done.as_ref()) {
                None => format!("{} is not complete: go on with it with --resume", path.display()),
                Some(_) => format!("{} has no rows.csv: write it with --format csv or both", path.display()),
            });
        }
        let mut reader = csv::Reader::from_path(&file).map_err(|e| format!("cannot read {shown}: {e}"))?;
        let head: Vec<String> =
            reader.headers().map_err(|e| format!("{shown}: {e}"))?.iter().map(str::to_owned).collect();
        let place = |name: &str| head.iter().position(|h| h == name);
        let (Some(_), Some(error)) = (place("point"), place("error")) else {
            return Err(format!("{shown} holds no rows of a sweep: it has no columns `point` and `error`"));
        };
        let own = ["point", "repeat", "seed", "digest", "error"];
        let is_axis = |name: &String| match &manifest {
            Some(m) => m.axes.contains(name),
            None => key_info(name).is_ok() || metrics::find(name).is_none(),
        };
        let (axes, measures): (Vec<usize>, Vec<usize>) =
            (0..head.len()).filter(|i| !own.contains(&head[*i].as_str())).partition(|i| is_axis(&head[*i]));
        let conditions = manifest.as_ref().map(|m| m.conditions.clone());
        let mut frame = Self {
            name: manifest.map_or_else(
                || file.file_stem().map_or_else(String::new, |s| s.to_string_lossy().into_owned()),
                |m| m.plan,
            ),
            axes: Vec::new(),
            measures: Vec::new(),
            points: Vec::new(),
            errors: 0,
        };
        for i in &measures {
            let name = head[*i].clone();
            let unit = metrics::find(&name).map_or(MetricUnit::Count, |m| m.unit);
            frame.measures.push(FrameMeasure { name, unit });
        }
        let mut words: Vec<BTreeMap<String, usize>> = vec![BTreeMap::new(); axes.len()];
        let mut points: BTreeMap<Vec<usize>, Vec<Vec<i64>>> = BTreeMap::new();
        for (at, record) in reader.records().enumerate() {
            if at == MOST {
                return Err(format!("{shown} has more than {MOST} rows: draw the rows of a shard"));
            }
            let record = record.map_err(|e| format!("{shown}: {e}"))?;
            let cell = |i: usize| record.get(i).unwrap_or("");
            let picks = axes.iter().zip(&mut words).map(|(i, w)| {
                let n = w.len();
                *w.entry(cell(*i).to_owned()).or_insert(n)
            });
            let values = points.entry(picks.collect()).or_insert_with(|| vec![Vec::new(); measures.len()]);
            if !cell(error).is_empty() {
                frame.errors += 1;
                continue;
            }
            for (i, list) in measures.iter().zip(values) {
                list.extend(cell(*i).parse::<i64>());
            }
        }
        // Numbers in ascending order.
        let mut moved: Vec<Vec<usize>> = Vec::new();
        for (i, words) in axes.iter().zip(words) {
            let (mut axis, to) = axis(&head[*i], words);
            if let Some(known) = &conditions {
                axis.condition = known.contains(&axis.name);
            }
            frame.axes.push(axis);
            moved.push(to);
        }
        frame.points = points
            .into_iter()
            .map(|(picks, values)| FramePoint {
                picks: picks.iter().zip(&moved).map(|(p, to)| to[*p]).collect(),
                values,
            })
            .collect();
        frame.points.sort_by(|a, b| a.picks.cmp(&b.picks));
        Ok(frame)
    }

    /// The place of an axis.
    pub fn axis(&self, name: &str) -> Option<usize> {
        self.axes.iter().position(|a| a.name == name)
    }

    /// The place of a measure.
    pub fn measure(&self, name: &str) -> Option<usize> {
        self.measures.iter().position(|m| m.name == name)
    }

    /// The most repetitions that a point has.
    pub fn repetitions(&self) -> usize {
        self.points.iter().flat_map(|p| p.values.iter().map(Vec::len)).max().unwrap_or(0)
    }

    /// Whether the points are a sample rather than a grid: most of them have values of their own.
    pub fn is_sampled(&self) -> bool {
        let n = self.points.len();
        self.axes.len() > 1 && n > 8 && self.axes.iter().any(|a| a.is_numeric() && a.values.len() * 2 > n)
    }
}

impl FramePoint {
    /// What the repetitions come to in one measure.
    pub fn spread(&self, measure: usize) -> Option<Spread> {
        Spread::of(self.values.get(measure)?)
    }
}

/// An axis of these words, and where each of them goes.
fn axis(name: &str, words: BTreeMap<String, usize>) -> (FrameAxis, Vec<usize>) {
    let quantity = key_info(name).map_or(Quantity::Word, |k| k.quantity);
    let mut values: Vec<(usize, FrameValue)> = words
        .into_iter()
        .map(|(word, at)| {
            let number = match quantity {
                // Rows have percentages as they are written.
                Quantity::Share => quantity.number(&word),
                Quantity::Word => None,
                _ => word.parse::<i64>().ok(),
            };
            let label = number.map_or(word, |n| quantity.text(n));
            (at, FrameValue { label, number })
        })
        .collect();
    if values.iter().all(|(_, v)| v.number.is_some()) {
        values.sort_by_key(|(_, v)| v.number);
    } else {
        values.sort_by_key(|(at, _)| *at);
    }
    let mut to = vec![0; values.len()];
    for (place, (at, _)) in values.iter().enumerate() {
        to[*at] = place;
    }
    let values = values.into_iter().map(|(_, v)| v).collect();
    let condition = key_info(name).is_ok_and(|k| !is_setting(&k.claim()));
    (FrameAxis { name: name.to_owned(), quantity, values, condition }, to)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Frame, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("all.csv");
        std::fs::write(&path, text).unwrap();
        Frame::read(&path)
    }

    #[test]
    fn rows_come_together_by_what_they_set() {
        let f = read(
            "point,repeat,seed,rx.SO_RCVBUF,kernel,reader,fitted,digest,error\n\
             0,0,1,65536,6.1,slow,10,a,\n0,1,2,65536,6.1,slow,14,b,\n1,0,3,8192,5.10,slow,,c,\n\
             2,0,4,8192,6.1,fast,,,\"no, never\"\n",
        )
        .unwrap();
        assert_eq!(
            f.axes.iter().map(|a| a.name.as_str()).collect::<Vec<_>>(),
            ["rx.SO_RCVBUF", "kernel", "reader"]
        );
        let labels = |i: usize| f.axes[i].values.iter().map(|v| v.label.as_str()).collect::<Vec<_>>();
        assert_eq!(
            (labels(0), labels(1), labels(2)),
            (vec!["8KiB", "64KiB"], vec!["6.1", "5.10"], vec!["slow", "fast"])
        );
        assert_eq!((f.measures[0].unit, f.errors, f.repetitions()), (MetricUnit::Bytes, 1, 2));
        let whole = f.points.iter().find(|p| p.picks == [1, 0, 0]).unwrap();
        assert_eq!(whole.spread(0).unwrap().mean, 12.0);
        assert!(f.points.iter().filter(|p| p.spread(0).is_none()).count() == 2);
    }

    #[test]
    fn per_cent_are_numbers() {
        let f = read("point,repeat,seed,path.loss,fitted,digest,error\n0,0,1,1%,5,a,\n1,0,1,0.05%,5,a,\n")
            .unwrap();
        let of = |i: usize| (f.axes[0].values[i].label.as_str(), f.axes[0].values[i].number);
        assert!(f.axes[0].quantity == Quantity::Share && f.axes[0].is_numeric());
        assert_eq!((of(0), of(1)), (("0.05%", Some(500_000)), ("1%", Some(10_000_000))));
    }

    #[test]
    fn what_is_no_sweep_is_refused() {
        assert!(read("a,b\n1,2\n").unwrap_err().contains("holds no rows of a sweep"));
        let dir = tempfile::tempdir().unwrap();
        assert!(Frame::read(dir.path()).unwrap_err().contains("not the folder of a sweep"));
    }
}
