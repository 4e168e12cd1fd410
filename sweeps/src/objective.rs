//! What `tune:` of a plan asks for: an objective, constraints, and the conditions they must hold under.

use results::Metric;
use results::metrics::{self, MetricUnit};
use scenarios::tree::{Entry, Node, Value};
use scenarios::{Quantity, nearest, units};

use crate::axis::{self, Axis};
use crate::mistakes::Mistakes;
use crate::plan::known_measure;

/// How the runs of all conditions become one number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Over {
    /// The least.
    Min,
    /// The largest.
    Max,
    /// The mean, rounded down.
    Mean,
    /// A percentile (nearest rank).
    Percentile(u32),
}

impl Over {
    /// The number of these values; `None` without any.
    pub fn of(self, values: &[i64]) -> Option<i64> {
        let mut sorted = values.to_vec();
        sorted.sort_unstable();
        let n = sorted.len();
        match self {
            Self::Min => sorted.first().copied(),
            Self::Max => sorted.last().copied(),
            Self::Mean => {
                let sum: i128 = sorted.iter().map(|v| i128::from(*v)).sum();
                sum.checked_div(n as i128).and_then(|m| i64::try_from(m).ok())
            }
            Self::Percentile(p) => {
                let rank = (n * p as usize).div_ceil(100).max(1);
                sorted.get(rank - 1).copied()
            }
        }
    }
}

/// `<= 4MiB` of a metric, in the worst of all runs.
#[derive(Clone, Debug)]
pub struct Constraint {
    /// The metric.
    pub metric: &'static Metric,
    /// Its name, as written.
    pub name: String,
    /// Whether the bound is the largest value allowed; otherwise the least.
    pub at_most: bool,
    /// The bound.
    pub bound: i64,
}

impl Constraint {
    /// Whether a value is within the bound.
    pub const fn holds(&self, value: i64) -> bool {
        if self.at_most { value <= self.bound } else { value >= self.bound }
    }

    /// The worse of two values.
    pub fn worse(&self, a: i64, b: i64) -> i64 {
        if self.at_most { a.max(b) } else { a.min(b) }
    }
}

/// What `skmem tune` searches for.
#[derive(Clone, Debug)]
pub struct TunePlan {
    /// As written, such as `p05(goodput)`.
    pub text: String,
    /// The metric of the objective.
    pub metric: &'static Metric,
    /// How its values become one.
    pub over_runs: Over,
    /// Whether more is better.
    pub maximize: bool,
    /// What must hold in every run.
    pub constraints: Vec<Constraint>,
    /// The conditions: a candidate is run under every combination.
    pub over: Vec<Axis>,
    /// Connections for which the memory is reckoned.
    pub connections: u64,
    /// Rounds of refinement after the grid.
    pub rounds: u32,
}

const KEYS: [&str; 6] = ["maximize", "minimize", "subject_to", "over", "connections", "refine"];

/// The kind of number that a metric is.
pub(crate) const fn quantity(unit: MetricUnit) -> Quantity {
    match unit {
        MetricUnit::Bytes => Quantity::Size,
        MetricUnit::Nanoseconds => Quantity::Time(None),
        MetricUnit::BitsPerSecond => Quantity::Rate,
        MetricUnit::Count | MetricUnit::Permille => Quantity::Count,
    }
}

pub(crate) fn read(m: &mut Mistakes, entry: &Entry, axes: &[Axis]) -> Option<TunePlan> {
    let Value::Map(entries) = &entry.value.value else {
        m.error(entry.value.at, "`tune` must be a mapping").expected =
            Some("{maximize: p05(goodput), subject_to: {...}, over: {...}}".to_owned());
        return None;
    };
    let mut meant = false;
    for e in entries.iter().filter(|e| !KEYS.contains(&e.key.as_str())) {
        m.unknown_key(e, "`tune`", &KEYS);
        // A goal under a name that is nearly right has mistakes of its own.
        if matches!(nearest(&e.key, KEYS), Some("maximize" | "minimize")) {
            meant = true;
            read_goal(m, e, true);
        }
    }
    if meant {
        return None;
    }
    let node = &entry.value;
    let (maximize, goal) = match (node.get("maximize"), node.get("minimize")) {
        (Some(e), None) => (true, e),
        (None, Some(e)) => (false, e),
        _ => {
            m.error(entry.at, "`tune` needs one of `maximize` and `minimize`").expected =
                Some("such as `maximize: p05(goodput)`".to_owned());
            return None;
        }
    };
    let (metric, over_runs) = read_goal(m, goal, maximize)?;
    let constraints = node.get("subject_to").map(|e| read_constraints(m, e)).unwrap_or_default();
    let over = node.get("over").map(|e| axis::read(m, e)).unwrap_or_default();
    for condition in &over {
        if let Some(knob) = axes.iter().find(|a| a.shares(condition)) {
            m.error(condition.at, format!("`{}` is an axis and a condition at once", knob.name));
        }
    }
    let connections = whole(m, node, "connections", 1, 100_000_000, 1);
    let rounds = whole(m, node, "refine", 0, 20, 4) as u32;
    let text = goal.value.flow();
    Some(TunePlan { text, metric, over_runs, maximize, constraints, over, connections, rounds })
}

fn whole(m: &mut Mistakes, node: &Node, key: &str, min: u64, max: u64, default: u64) -> u64 {
    let Some(e) = node.get(key) else { return default };
    match e.value.scalar().and_then(|t| t.parse::<u64>().ok()) {
        Some(n) if (min..=max).contains(&n) => n,
        _ => {
            m.error(e.value.at, format!("`{key}` is a whole number from {min} to {max}"));
            default
        }
    }
}

/// `goodput`, `min(goodput)`, `p05(goodput)`.
fn read_goal(m: &mut Mistakes, e: &Entry, maximize: bool) -> Option<(&'static Metric, Over)> {
    let text = e.value.scalar().unwrap_or("").trim();
    let inner = text.strip_suffix(')').and_then(|t| t.split_once('('));
    let (over, name) = match inner {
        None => (if maximize { Over::Min } else { Over::Max }, text),
        Some((f, name)) => {
            let percent = f.strip_prefix('p').and_then(|p| p.parse::<u32>().ok()).filter(|p| *p <= 100);
            let over = match (f, percent) {
                ("min", _) => Over::Min,
                ("max", _) => Over::Max,
                ("mean", _) => Over::Mean,
                (_, Some(p)) => Over::Percentile(p),
                _ => {
                    let d = m.error(e.value.at, format!("`{}` is no way to sum up runs", units::shorten(f)));
                    d.expected = Some("min, max, mean, or a percentile such as p05".to_owned());
                    d.help = nearest(f, ["min", "max", "mean"]).map(|near| format!("did you mean `{near}`?"));
                    known_measure(m, e.value.at, name.trim());
                    return None;
                }
            };
            (over, name.trim())
        }
    };
    known_measure(m, e.value.at, name).then_some(())?;
    Some((metrics::find(name)?, over))
}

fn read_constraints(m: &mut Mistakes, entry: &Entry) -> Vec<Constraint> {
    let Value::Map(entries) = &entry.value.value else {
        m.error(entry.value.at, "`subject_to` must be a mapping of metrics to bounds");
        return Vec::new();
    };
    let mut out = Vec::new();
    for e in entries {
        if !known_measure(m, e.at, &e.key) {
            continue;
        }
        let Some(metric) = metrics::find(&e.key) else { continue };
        let text = e.value.scalar().unwrap_or("").trim();
        let sides = [("<=", true), (">=", false)];
        let side = sides.iter().find_map(|(op, most)| Some((*most, text.strip_prefix(op)?)));
        match side.and_then(|(most, t)| Some((most, quantity(metric.unit).number(t)?))) {
            Some((at_most, bound)) => out.push(Constraint { metric, name: e.key.clone(), at_most, bound }),
            None => {
                let sample = quantity(metric.unit).text(10_000_000);
                m.error(e.value.at, format!("`{}`: `{text}` is no bound", e.key)).expected =
                    Some(format!("such as \"<= {sample}\" or \">= {sample}\""));
            }
        }
    }
    out
}
