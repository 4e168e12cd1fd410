//! Axes: what varies from point to point.

use std::borrow::Cow;

use results::metrics;
use scenarios::tree::{Entry, Node, Place, Value};
use scenarios::{KeyInfo, Overrides, Quantity, key_info, nearest};

use crate::mistakes::Mistakes;
use crate::range::Range;

/// One thing that a value of an axis sets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Setting {
    /// The kernel.
    Kernel(String),
    /// The seed of the random streams.
    Seed(u64),
    /// Any other key, as `key=value`.
    Key(String),
}

impl Setting {
    fn new(info: &KeyInfo, key: &str, value: &str) -> Result<Self, String> {
        Ok(match info.path.as_str() {
            "kernel" => Self::Kernel(value.to_owned()),
            "seed" => Self::Seed(value.trim().parse().map_err(|_| format!("`{value}` is not a seed"))?),
            _ => Self::Key(format!("{key}={value}")),
        })
    }
}

/// One value of an axis.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AxisValue {
    /// As the plan has it.
    pub label: String,
    /// As a number, in bytes, bits per second or nanoseconds.
    pub number: Option<i64>,
    /// What it sets.
    pub settings: Vec<Setting>,
    /// Where it is written.
    pub(crate) at: Place,
}

/// A key, or a bundle of keys that move together, and its values.
#[derive(Clone, PartialEq, Debug)]
pub struct Axis {
    /// As the plan calls it: the name of its column.
    pub name: String,
    /// What its values are; words for a bundle.
    pub quantity: Quantity,
    /// The values, in the order of the plan.
    pub values: Vec<AxisValue>,
    /// The range they were taken from, for samples that take any value of it.
    pub range: Option<Range>,
    /// The key, unless it is a bundle.
    key: Option<KeyInfo>,
    /// The keys it sets.
    claims: Vec<String>,
    pub(crate) at: Place,
}

/// Which value of an axis a point has.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Pick {
    /// One of the list.
    Listed(usize),
    /// A number from within the range.
    Drawn(i64),
}

/// A value of an axis in a row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Cell {
    /// Bytes, bits per second, nanoseconds, or a plain number.
    Number(i64),
    /// As the plan has it.
    Word(String),
}

impl std::fmt::Display for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(n) => n.fmt(f),
            Self::Word(text) => f.write_str(text),
        }
    }
}

impl Axis {
    /// The value that a pick means.
    pub fn value(&self, pick: Pick) -> Cow<'_, AxisValue> {
        match pick {
            Pick::Listed(i) => Cow::Borrowed(&self.values[i]),
            Pick::Drawn(n) => Cow::Owned(self.made(n)),
        }
    }

    /// The number of a pick, without making its texts.
    pub fn number(&self, pick: Pick) -> Option<i64> {
        match pick {
            Pick::Listed(i) => self.values[i].number,
            Pick::Drawn(n) => Some(n),
        }
    }

    /// What a row has of a pick: the number in base units, if it is not the text. Percentages stay as they are written.
    pub fn cell(&self, pick: Pick) -> Cell {
        match self.number(pick) {
            Some(n) if self.quantity != Quantity::Share => Cell::Number(n),
            _ => Cell::Word(self.value(pick).label.clone()),
        }
    }

    /// Whether a row may have a word in its column.
    pub fn has_words(&self) -> bool {
        self.quantity == Quantity::Share || !self.is_numeric()
    }

    /// Whether all its values are numbers.
    pub fn is_numeric(&self) -> bool {
        self.values.iter().all(|v| v.number.is_some())
    }

    /// Whether it is the seed of the random streams.
    pub fn is_seed(&self) -> bool {
        self.key.as_ref().is_some_and(|k| k.path == "seed")
    }

    /// Whether it is something that an administrator or a program finds rather than chooses: path, kernel, device, traffic.
    pub fn is_condition(&self) -> bool {
        !self.claims.iter().all(|c| is_setting(c))
    }

    /// Whether it sets the kernel.
    pub fn sets_kernel(&self) -> bool {
        self.claims.iter().any(|c| c == "kernel")
    }

    /// The full name of its key; `None` for a bundle.
    pub fn path(&self) -> Option<&str> {
        self.key.as_ref().map(|k| k.path.as_str())
    }

    /// Whether it sets the key of this claim (see [`KeyInfo::claim`]).
    pub(crate) fn claims(&self, claim: &str) -> bool {
        self.claims.iter().any(|c| overlap(c, claim))
    }

    /// Whether both set the same key.
    pub(crate) fn shares(&self, other: &Self) -> bool {
        other.claims.iter().any(|c| self.claims(c))
    }

    /// What value number `i` sets the key `info` to.
    pub(crate) fn sets(&self, i: usize, info: &KeyInfo) -> Option<String> {
        self.values[i].settings.iter().find_map(|s| match s {
            Setting::Kernel(k) => (info.path == "kernel").then(|| k.clone()),
            Setting::Seed(n) => (info.path == "seed").then(|| n.to_string()),
            Setting::Key(text) => {
                let (key, value) = text.split_once('=')?;
                (key_info(key).ok()?.path == info.path).then(|| value.to_owned())
            }
        })
    }

    /// A value for a number of the range.
    pub fn made(&self, n: i64) -> AxisValue {
        let label = self.quantity.text(n);
        let settings = self.key.iter().filter_map(|k| Setting::new(k, &self.name, &label).ok()).collect();
        AxisValue { label, number: Some(n), settings, at: self.at }
    }
}

/// Whether a key, by its claim, is one that an administrator or a program chooses.
pub(crate) fn is_setting(claim: &str) -> bool {
    let groups = [".sysctl.", ".sockopt.", ".route.", ".offload.", ".congestion"];
    groups.iter().any(|g| claim.contains(g)) || claim.starts_with("host.tcp_mem")
}

/// Adds what these values set, one of each axis, as the command line would.
pub(crate) fn apply(axes: &[Axis], picks: &[Pick], to: &mut Overrides) {
    for (axis, pick) in axes.iter().zip(picks) {
        for s in &axis.value(*pick).settings {
            match s {
                Setting::Kernel(k) => to.kernel = Some(k.clone()),
                Setting::Seed(n) => to.seed = Some(*n),
                Setting::Key(k) => to.set.push(k.clone()),
            }
        }
    }
}

/// These values for a reader: `path.rtt=10ms  kernel=6.1`.
pub(crate) fn described(axes: &[Axis], picks: &[Pick]) -> String {
    let each = axes.iter().zip(picks).map(|(a, p)| format!("{}={}", a.name, a.value(*p).label));
    each.collect::<Vec<_>>().join("  ")
}

/// Whether two claims set the same: equal, or one is an element of the other.
fn overlap(a: &str, b: &str) -> bool {
    let whole = |part: &str, all: &str| part.strip_prefix(all).is_some_and(|rest| rest.starts_with('['));
    a == b || whole(a, b) || whole(b, a)
}

/// Values that one axis may have.
const MAX_VALUES: usize = 100_000;

/// Reads the `axes` of a plan.
pub(crate) fn read(m: &mut Mistakes, entry: &Entry) -> Vec<Axis> {
    let Value::Map(entries) = &entry.value.value else {
        m.error(entry.value.at, format!("`{}` must be a mapping", entry.key)).expected =
            Some("keys with lists of values, such as `path.rtt: [1ms, 10ms]`".to_owned());
        return Vec::new();
    };
    if entries.is_empty() {
        m.error(entry.value.at, format!("`{}` is empty: there is nothing to vary", entry.key));
    }
    let mut axes: Vec<Axis> = Vec::new();
    for e in entries {
        let Some(axis) = read_axis(m, e) else { continue };
        let twice = axes.iter().find(|a| a.claims.iter().any(|c| axis.claims(c)));
        if let Some(other) = twice {
            m.error(e.at, format!("axis `{}` and axis `{}` both set the same key", other.name, axis.name));
            continue;
        }
        axes.push(axis);
    }
    axes
}

fn read_axis(m: &mut Mistakes, e: &Entry) -> Option<Axis> {
    if let Value::Map(entries) = &e.value.value
        && key_info(&e.key).is_err()
        && entries.iter().any(|v| matches!(v.value.value, Value::Map(_)))
    {
        return bundle(m, e, entries);
    }
    let info = match key_info(&e.key) {
        Ok(info) => info,
        Err((message, help)) => {
            let d = m.error(e.at, format!("axis `{}`: {message}", e.key));
            d.help = help;
            return None;
        }
    };
    if info.path.starts_with("expect") || matches!(info.path.as_str(), "name" | "about" | "kernels") {
        let d = m.error(e.at, format!("axis `{}`: it changes nothing about a run", e.key));
        d.help = (info.path == "kernels").then(|| "use `kernel`".to_owned());
        return None;
    }
    let mut axis = Axis {
        name: e.key.clone(),
        quantity: info.quantity,
        values: Vec::new(),
        range: None,
        claims: vec![info.claim()],
        key: Some(info.clone()),
        at: e.at,
    };
    match &e.value.value {
        Value::List(items) => {
            for item in items {
                if let Some(v) = listed(m, &info, &e.key, item) {
                    axis.values.push(v);
                }
            }
            // What is left of a faulty list says nothing.
            if axis.values.len() != items.len() {
                return None;
            }
        }
        Value::Map(_) => {
            let range = Range::read(m, &e.key, &e.value, info.quantity)?;
            axis.values = range.steps().into_iter().map(|n| axis.made(n)).collect();
            axis.range = Some(range);
        }
        Value::Scalar(_) => axis.values.extend(listed(m, &info, &e.key, &e.value)),
        Value::Null => {}
    }
    finished(m, e, axis)
}

fn finished(m: &mut Mistakes, e: &Entry, axis: Axis) -> Option<Axis> {
    if axis.values.is_empty() {
        m.error(e.value.at, format!("axis `{}` is empty", e.key)).expected =
            Some("a list of at least one value, or {from, to, steps}".to_owned());
        return None;
    }
    if axis.values.len() > MAX_VALUES {
        m.error(e.value.at, format!("axis `{}` has more than {MAX_VALUES} values", e.key));
        return None;
    }
    let mut seen = std::collections::BTreeSet::new();
    for v in &axis.values {
        let same = v.number.map_or_else(|| v.label.clone(), |n| n.to_string());
        if !seen.insert(same) {
            m.error(v.at, format!("axis `{}` has {} twice", e.key, v.label));
            return None;
        }
    }
    Some(axis)
}

fn listed(m: &mut Mistakes, info: &KeyInfo, key: &str, item: &Node) -> Option<AxisValue> {
    if matches!(item.value, Value::Null) {
        m.error(item.at, format!("axis `{key}` has a value that is empty"));
        return None;
    }
    let label = item.flow();
    if label.contains(['\n', '\r']) {
        m.error(item.at, format!("axis `{key}` has a value of several lines"));
        return None;
    }
    match Setting::new(info, key, &label) {
        Ok(setting) => {
            let number = info.quantity.number(&label);
            Some(AxisValue { number, label, settings: vec![setting], at: item.at })
        }
        Err(message) => {
            m.error(item.at, format!("axis `{key}`: {message}"));
            None
        }
    }
}

/// `name: {label: {key: value, ...}, ...}`: keys that move together.
fn bundle(m: &mut Mistakes, e: &Entry, entries: &[Entry]) -> Option<Axis> {
    let mut axis = Axis {
        name: e.key.clone(),
        quantity: Quantity::Word,
        values: Vec::new(),
        range: None,
        key: None,
        claims: Vec::new(),
        at: e.at,
    };
    let bad = e.key.contains([',', '"', '=', '\n']);
    if bad || matches!(e.key.as_str(), "point" | "repeat" | "seed" | "digest" | "error") {
        m.error(e.at, format!("`{}` cannot be the name of a bundle", e.key));
        return None;
    }
    if metrics::find(&e.key).is_some() {
        let d = m.error(e.at, format!("`{}` cannot be the name of a bundle: it is that of a measure", e.key));
        d.help = Some("its column would have the same name".to_owned());
        return None;
    }
    for (at, labelled) in entries.iter().enumerate() {
        let Value::Map(keys) = &labelled.value.value else {
            m.error(
                labelled.value.at,
                format!("`{}` of bundle `{}` must be a mapping", labelled.key, e.key),
            )
            .expected = Some("keys and values, such as {path.rtt: 1ms, rx.nic: page}".to_owned());
            return None;
        };
        let mut value =
            AxisValue { label: labelled.key.clone(), number: None, settings: Vec::new(), at: labelled.at };
        let mut claims = Vec::new();
        for k in keys {
            let info = match key_info(&k.key) {
                Ok(info) => info,
                Err((message, help)) => {
                    let near = nearest(&e.key, ["path", "receiver", "sender", "host"]);
                    let d = m.error(k.at, format!("bundle `{}`: {message}", e.key));
                    d.help = help.or_else(|| near.map(|n| format!("did you mean `{n}`?")));
                    return None;
                }
            };
            claims.push(info.claim());
            value.settings.extend(listed(m, &info, &k.key, &k.value)?.settings);
        }
        claims.sort();
        if at > 0 && claims != axis.claims {
            let d =
                m.error(labelled.at, format!("`{}` does not set the same keys as the others", labelled.key));
            d.help = Some("every member of a bundle sets every key of it".to_owned());
            return None;
        }
        axis.claims = claims;
        axis.values.push(value);
    }
    finished(m, e, axis)
}
