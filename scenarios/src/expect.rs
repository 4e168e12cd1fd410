//! What a run must show: metrics, comparisons, and whether they hold.

use std::fmt;

use results::metrics::{self, Metric, MetricUnit};

use crate::context::{Context, Fields, Scalar};
use crate::keys::{self, Key, Kind};
use crate::nearest::nearest;
use crate::units::shorten;
use crate::yaml::{Place, Value};

/// A comparison with a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Check {
    /// Exactly this.
    Equal(i64),
    /// Anything else.
    NotEqual(i64),
    /// At most.
    AtMost(i64),
    /// At least.
    AtLeast(i64),
    /// Less than.
    Below(i64),
    /// More than.
    Above(i64),
    /// Within a distance.
    Near {
        /// The middle.
        value: i64,
        /// The largest distance from it.
        tolerance: i64,
    },
}

impl Check {
    /// Whether `actual` passes.
    pub fn holds(&self, actual: i64) -> bool {
        match *self {
            Self::Equal(v) => actual == v,
            Self::NotEqual(v) => actual != v,
            Self::AtMost(v) => actual <= v,
            Self::AtLeast(v) => actual >= v,
            Self::Below(v) => actual < v,
            Self::Above(v) => actual > v,
            Self::Near { value, tolerance } => actual.abs_diff(value) <= tolerance.unsigned_abs(),
        }
    }
}

impl fmt::Display for Check {
    /// As it is written in a scenario, in base units.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Equal(v) => write!(f, "{v}"),
            Self::NotEqual(v) => write!(f, "!= {v}"),
            Self::AtMost(v) => write!(f, "<= {v}"),
            Self::AtLeast(v) => write!(f, ">= {v}"),
            Self::Below(v) => write!(f, "< {v}"),
            Self::Above(v) => write!(f, "> {v}"),
            Self::Near { value, tolerance } => write!(f, "{value} ± {tolerance}"),
        }
    }
}

/// One line of `expect`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expectation {
    /// The metric's name.
    pub metric: String,
    /// What it must be.
    pub check: Check,
    /// Name of the text it is written in.
    pub file: String,
    /// Its line there, from 1.
    pub line: usize,
    /// Its column there, from 1.
    pub column: usize,
}

/// An expectation and what the run showed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome<'a> {
    /// What was expected.
    pub expectation: &'a Expectation,
    /// What the run showed; `None` if it has no such number (no drop, for the window at the first drop).
    pub actual: Option<i64>,
}

impl Outcome<'_> {
    /// Whether the expectation is met.
    pub fn passed(&self) -> bool {
        self.actual.is_some_and(|v| self.expectation.check.holds(v))
    }
}

impl fmt::Display for Outcome<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Expectation { metric, check, .. } = self.expectation;
        match self.actual {
            Some(v) if self.passed() => write!(f, "{metric}: {v}"),
            Some(v) => write!(f, "{metric}: expected {check}, got {v}"),
            None => write!(f, "{metric}: expected {check}, but the run has no such number"),
        }
    }
}

/// Compares every expectation with the metrics of a run.
pub fn evaluate<'a>(
    expectations: &'a [Expectation],
    lookup: impl Fn(&str) -> Option<i64>,
) -> Vec<Outcome<'a>> {
    expectations.iter().map(|e| Outcome { expectation: e, actual: lookup(&e.metric) }).collect()
}

/// `expect`. Groups may be written with dots or nested: `final: {recv_q: 1}` is `final.recv_q: 1`. In a scenario of
/// several kernels, what stands under the name of one holds for this one; `kernel` is the one that is resolved now.
pub(crate) fn resolve(cx: &mut Context, root: &Fields<'_>, kernel: &str) -> Vec<Expectation> {
    let mut found = Vec::new();
    let Some((key, entry)) = root.get("expect") else { return found };
    match &entry.value.value {
        Value::Map(entries) => {
            let kernels = std::mem::take(&mut cx.kernels);
            for entry in entries {
                let nested = matches!(entry.value.value, Value::Map(_));
                if nested && kernels.contains(&entry.key) {
                    // The others' metrics are checked for mistakes too.
                    let mut own = Vec::new();
                    group(cx, &entry.value.value, "", &mut own);
                    if entry.key == kernel {
                        found.extend(own);
                    }
                } else {
                    let one = Value::Map(vec![entry.clone()]);
                    group(cx, &one, "", &mut found);
                }
            }
            cx.kernels = kernels;
        }
        Value::Null => {}
        _ => {
            cx.error(entry.value.at, "`expect` must be a mapping").expected = Some(keys::takes(&key.kind));
        }
    }
    found
}

fn group(cx: &mut Context, value: &Value, prefix: &str, found: &mut Vec<Expectation>) {
    let Value::Map(entries) = value else { return };
    for entry in entries {
        let name = format!("{prefix}{}", entry.key);
        if matches!(entry.value.value, Value::Map(_)) && prefix.is_empty() {
            group(cx, &entry.value.value, &format!("{name}."), found);
            continue;
        }
        let Some(metric) = metrics::find(&name).filter(|m| m.name == name) else {
            unknown_metric(cx, entry.at, &name);
            continue;
        };
        let key = key_of(metric);
        let Some(text) = cx.text(&key, &entry.value) else { continue };
        let Some(check) = parse_check(cx, &key, entry.value.at, text) else { continue };
        if found.iter().any(|e: &Expectation| e.metric == name) {
            cx.error(entry.at, format!("`{name}` is expected twice")).help =
                Some("keep one of the two".to_owned());
        }
        let source = &cx.sources[entry.at.source];
        let (line, column) = source.line_column(entry.at.start);
        found.push(Expectation { metric: name, check, file: source.name().to_owned(), line, column });
    }
}

fn unknown_metric(cx: &mut Context, at: Place, name: &str) {
    let help = match nearest(name, metrics::names()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "there are goodput, fitted, bursts, dropped, final.*, peak.*, counters.* and more; `skmem schema --text` \
                 lists them"
            .to_owned(),
    };
    cx.error(at, format!("`{}` is not a metric", shorten(name))).help = Some(help);
}

fn key_of(metric: &'static Metric) -> Key {
    let max = 1 << 62;
    let kind = match metric.unit {
        MetricUnit::Bytes => Kind::Size { min: 0, max, bare: true, unlimited: false },
        MetricUnit::Count | MetricUnit::Permille => Kind::Count { min: 0, max },
        // The name says the unit.
        MetricUnit::Nanoseconds => Kind::Time { min: 0, max, bare: Some(1) },
        MetricUnit::BitsPerSecond => Kind::Rate,
    };
    Key { name: &metric.name, kind, default: "", doc: metric.doc }
}

fn parse_check(cx: &mut Context, key: &Key, at: Place, text: &str) -> Option<Check> {
    let mut number = |text: &str| {
        let text = text.trim();
        if text == "0" {
            return Some(0);
        }
        // Differences may be negative (`peak.over_budget`).
        let (negative, text) = match (&key.kind, text.strip_prefix('-')) {
            (Kind::Size { .. } | Kind::Count { .. }, Some(rest)) => (true, rest),
            _ => (false, text),
        };
        match cx.scalar_text(key, at, text)? {
            Scalar::Number(v) => i64::try_from(v).ok().map(|v| if negative { -v } else { v }),
            Scalar::Unlimited => {
                cx.error(at, format!("`{}` is a number", key.name)).expected = Some(keys::takes(&key.kind));
                None
            }
        }
    };
    if let Some((value, tolerance)) = text.split_once('±').or_else(|| text.split_once("+-")) {
        return Some(Check::Near { value: number(value)?, tolerance: number(tolerance)? });
    }
    type Make = fn(i64) -> Check;
    let operators: [(&str, Make); 7] = [
        ("<=", Check::AtMost),
        (">=", Check::AtLeast),
        ("!=", Check::NotEqual),
        ("==", Check::Equal),
        ("<", Check::Below),
        (">", Check::Above),
        ("=", Check::Equal),
    ];
    for (operator, make) in operators {
        if let Some(rest) = text.strip_prefix(operator) {
            return number(rest).map(make);
        }
    }
    number(text).map(Check::Equal)
}
