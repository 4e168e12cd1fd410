//! A sweep's plan, read and checked: base, axes, sample, filters, measures, budget.

use std::collections::BTreeSet;
use std::sync::Arc;

use results::{Metric, metrics};
use scenarios::tree::{self, Entry, Node, Place, Value};
use scenarios::{Overrides, Quantity, Scenario, ScenarioError, Source, Template, nearest, units};

use crate::axis::{self, Axis, Pick};
use crate::chart_spec::{self, ChartSpec};
use crate::filter::{Filter, Names};
use crate::mistakes::Mistakes;
use crate::objective::{self, TunePlan};
use crate::sample::{Point, Sample, Space};

/// The scenario that a plan varies.
#[derive(Clone, Debug)]
pub struct Base {
    /// How the plan names it; `None` if it is written in the plan.
    pub word: Option<String>,
    /// Its text.
    pub source: Arc<Source>,
    /// It, ready to be resolved with settings.
    pub template: Template,
    /// It as it is written.
    pub scenario: Scenario,
}

/// A plan, ready to be run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its text.
    pub source: Arc<Source>,
    /// Its name, fit for a file.
    pub name: String,
    /// What it is about; may be empty.
    pub about: String,
    /// What it varies.
    pub base: Base,
    /// How.
    pub space: Space,
    /// Runs of each point.
    pub repeat: u32,
    /// The figures that a row has.
    pub measures: Vec<String>,
    /// The same, found.
    pub metrics: Vec<&'static Metric>,
    /// Whether a row has the digest of its run's trace; without it no trace is kept, and the run is faster.
    pub digest: bool,
    /// Rows that may be run.
    pub most_rows: u64,
    /// Wall-clock time after which a sweep stops and keeps what it has, ns.
    pub time: Option<u64>,
    /// The charts it asks for; without any they are chosen by the axes.
    pub charts: Vec<ChartSpec>,
    /// What `skmem tune` searches for.
    pub tune: Option<TunePlan>,
}

/// Rows that a plan may have unless its budget says otherwise.
const MOST_ROWS: u64 = 10_000_000;

/// The figures of a plan that names none.
const MEASURES: [&str; 5] = ["goodput", "fitted", "peak.skmem_r", "peak.rcv_win", "dropped"];

const KEYS: [&str; 13] = [
    "name", "about", "base", "axes", "repeat", "seed", "sample", "where", "measures", "digest", "budget",
    "charts", "tune",
];

/// How many points are tried to find out whether a value fits any of them.
const TRIED: usize = 512;

impl Plan {
    /// Reads a plan. `find` gives the text of a base that is named: a gallery scenario or a file.
    ///
    /// # Errors
    /// Everything that is wrong with it; nothing was run.
    pub fn read(
        source: &Source,
        find: &dyn Fn(&str) -> Result<Source, String>,
    ) -> Result<Self, ScenarioError> {
        let source = Arc::new(source.clone());
        let root = tree::parse(&source)?;
        let mut m = Mistakes::new(&source);
        match read_root(&mut m, &source, &root, find) {
            Some(plan) if !m.any() => Ok(plan),
            _ => Err(m.into_error()),
        }
    }

    /// Rows of all points: repetitions included, filters not counted.
    pub fn rows_at_most(&self) -> Option<u64> {
        self.space.numbers()?.checked_mul(self.repeat.into())
    }

    /// The points that are run, in order.
    pub fn points(&self) -> impl Iterator<Item = Point> + '_ {
        (0..self.space.numbers().unwrap_or(0)).filter_map(|n| self.space.point(n))
    }

    /// What a point sets, as the command line would.
    pub fn overrides(&self, point: &Point, repeat: u32) -> Overrides {
        let mut o = Overrides { seed: Some(self.space.point_seed(point, repeat)), ..Overrides::default() };
        axis::apply(&self.space.axes, &point.picks, &mut o);
        o
    }

    /// The command that runs one repetition of a point alone; `base` is what `skmem run` calls the base.
    pub fn command(&self, point: &Point, repeat: u32, base: &str) -> String {
        let o = self.overrides(point, repeat);
        let mut text = format!("skmem run {}", quoted(base));
        if let Some(kernel) = o.kernel {
            text.push_str(&format!(" --kernel {}", quoted(&kernel)));
        }
        for set in o.set {
            text.push_str(&format!(" --set {}", quoted(&set)));
        }
        if let Some(seed) = o.seed {
            text.push_str(&format!(" --seed {seed}"));
        }
        text
    }
}

/// A word as a shell takes it.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.,/=:+%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

fn read_root(
    m: &mut Mistakes,
    source: &Arc<Source>,
    root: &Node,
    find: &dyn Fn(&str) -> Result<Source, String>,
) -> Option<Plan> {
    let Value::Map(entries) = &root.value else {
        m.error(root.at, "a plan is a mapping of keys to values").expected =
            Some("`base:` and `axes:`".to_owned());
        return None;
    };
    for e in entries.iter().filter(|e| !KEYS.contains(&e.key.as_str())) {
        m.unknown_key(e, "a plan", &KEYS);
    }
    let text = |key: &str| root.get(key).and_then(|e| e.value.scalar()).map(str::trim);
    let base = read_base(m, source, root, find);
    let axes = match root.get("axes") {
        Some(e) => axis::read(m, e),
        None => {
            m.error(root.at, "the plan has no `axes`: there is nothing to vary").help =
                Some("such as `axes: {path.rtt: [1ms, 10ms]}`".to_owned());
            Vec::new()
        }
    };
    let seed = number(m, root, "seed", 0, u64::MAX).unwrap_or(1);
    let repeat = number(m, root, "repeat", 1, 1_000_000).unwrap_or(1) as u32;
    if let (true, Some(seeds)) = (repeat > 1, axes.iter().find(|a| a.is_seed())) {
        m.error(seeds.at, "`seed` is an axis, so `repeat` would run the same again").help =
            Some("leave one of the two out".to_owned());
    }
    let sample = read_sample(m, root).unwrap_or(Sample::Grid);
    let measures = read_measures(m, root);
    let digest = read_digest(m, root);
    let (most_rows, time) = read_budget(m, root);
    let tune = root.get("tune").and_then(|e| objective::read(m, e, &axes));
    let names: Vec<&str> = axes.iter().filter(|a| !a.is_seed()).map(|a| a.name.as_str()).collect();
    let measured: Vec<&str> = measures.iter().map(String::as_str).collect();
    let charts = root.get("charts").map(|e| chart_spec::read(m, e, &names, &measured)).unwrap_or_default();
    let base = base?;
    if !base.scenario.kernels.is_empty()
        && !axes.iter().chain(tune.iter().flat_map(|t| &t.over)).any(Axis::sets_kernel)
    {
        let at = root.get("base").map_or(root.at, |e| e.value.at);
        m.error(at, "the base lists several kernels, and the plan does not say which").help =
            Some(format!("add the axis `kernel: [{}]`", base.scenario.kernels.join(", ")));
    }
    let mut plan = Plan {
        source: Arc::clone(source),
        name: text("name").unwrap_or(source.stem()).to_owned(),
        about: text("about").unwrap_or("").to_owned(),
        base,
        space: Space { axes, sample, filters: Vec::new(), seed },
        repeat,
        metrics: measures.iter().filter_map(|name| metrics::find(name)).collect(),
        measures,
        digest,
        most_rows,
        time,
        charts,
        tune,
    };
    plan.space.filters = read_filters(m, root, &plan);
    if m.any() {
        return None;
    }
    check_size(m, root, &plan)?;
    check_values(m, &plan);
    Some(plan)
}

/// The base of a plan: what `skmem run PLAN` runs. `None` if the text is no plan.
///
/// # Errors
/// A sentence: the base is not to be had.
pub fn base_of(
    source: &Source,
    find: &dyn Fn(&str) -> Result<Source, String>,
) -> Option<Result<Source, String>> {
    // Most texts are scenarios, and need not be read twice.
    if !source.text().contains("base") {
        return None;
    }
    let root = tree::parse(&Arc::new(source.clone())).ok()?;
    let base = root.get("base").filter(|_| root.get("axes").is_some())?;
    match &base.value.value {
        Value::Scalar(word) => Some(find(word)),
        Value::Map(_) => Some(Ok(Source::new(source.name(), base.value.block()))),
        _ => None,
    }
}

fn read_base(
    m: &mut Mistakes,
    source: &Arc<Source>,
    root: &Node,
    find: &dyn Fn(&str) -> Result<Source, String>,
) -> Option<Base> {
    let Some(entry) = root.get("base") else {
        m.error(root.at, "the plan has no `base`").help =
            Some("the name of a gallery scenario, a file, or a scenario".to_owned());
        return None;
    };
    let (word, text) = match &entry.value.value {
        Value::Scalar(word) => match find(word) {
            Ok(found) => (Some(word.clone()), found),
            Err(e) => {
                m.error(entry.value.at, e);
                return None;
            }
        },
        Value::Map(_) => (None, Source::new(source.name(), source.text())),
        _ => {
            m.error(entry.value.at, "`base` is the name of a scenario, or a scenario").expected =
                Some("such as `base: budget-overrun`".to_owned());
            return None;
        }
    };
    // A scenario in the plan keeps its places, so that its mistakes are shown where they are.
    let read = match &entry.value.value {
        Value::Map(_) => Template::of(source, entry.value.clone()),
        _ => Template::new(&text),
    };
    match read {
        Ok((template, scenario)) => {
            let source = if word.is_none() {
                Arc::new(Source::new("base.yaml", entry.value.block()))
            } else {
                Arc::new(text)
            };
            Some(Base { word, source, template, scenario })
        }
        Err(e) => {
            m.take(e);
            None
        }
    }
}

fn number(m: &mut Mistakes, root: &Node, key: &str, min: u64, max: u64) -> Option<u64> {
    let entry = root.get(key)?;
    let found = entry.value.scalar().and_then(|t| units::parse_count(t).ok());
    match found {
        Some(n) if (min..=max).contains(&n) => Some(n),
        _ => {
            m.error(
                entry.value.at,
                format!("`{key}`: `{}` is not possible", units::shorten(&entry.value.flow())),
            )
            .expected = Some(format!("a whole number from {min} to {max}"));
            None
        }
    }
}

fn read_sample(m: &mut Mistakes, root: &Node) -> Option<Sample> {
    let entry = root.get("sample")?;
    const FORMS: &str = "grid, {random: N} or {latin-hypercube: N}";
    match &entry.value.value {
        Value::Scalar(t) if t == "grid" => return Some(Sample::Grid),
        Value::Map(entries) => {
            if let [one] = entries.as_slice() {
                let n = number(m, &entry.value, &one.key, 1, u64::MAX)?;
                match one.key.as_str() {
                    "random" => return Some(Sample::Random(n)),
                    "latin-hypercube" => return Some(Sample::LatinHypercube(n)),
                    _ => {}
                }
            }
        }
        _ => {}
    }
    m.error(entry.value.at, "`sample`: this is no way to take points").expected = Some(FORMS.to_owned());
    None
}

/// Names and places of a list, or of a single word.
pub(crate) fn words<'n>(m: &mut Mistakes, entry: &'n Entry) -> Vec<(Place, &'n str)> {
    let items: &[Node] = match &entry.value.value {
        Value::List(items) => items,
        _ => std::slice::from_ref(&entry.value),
    };
    let mut out = Vec::new();
    for item in items {
        match item.scalar() {
            Some(t) => out.push((item.at, t)),
            None => {
                m.error(item.at, format!("`{}` takes a list of texts", entry.key));
            }
        }
    }
    out
}

fn read_digest(m: &mut Mistakes, root: &Node) -> bool {
    let Some(entry) = root.get("digest") else { return true };
    match entry.value.scalar() {
        Some("on") => true,
        Some("off") => false,
        _ => {
            let found = units::shorten(&entry.value.flow());
            m.error(entry.value.at, format!("`digest`: `{found}` is not possible")).expected =
                Some("on or off".to_owned());
            true
        }
    }
}

fn read_measures(m: &mut Mistakes, root: &Node) -> Vec<String> {
    let Some(entry) = root.get("measures") else { return MEASURES.map(str::to_owned).to_vec() };
    let mut out: Vec<String> = Vec::new();
    for (at, name) in words(m, entry) {
        if !known_measure(m, at, name) {
            continue;
        }
        if out.iter().any(|n| n == name) {
            m.error(at, format!("`{name}` is measured twice"));
        }
        out.push(name.to_owned());
    }
    if out.is_empty() && !m.any() {
        m.error(entry.value.at, "`measures` is empty: a row would say nothing");
    }
    out
}

/// Whether a run has a figure of this name; reported if not.
pub(crate) fn known_measure(m: &mut Mistakes, at: Place, name: &str) -> bool {
    let known = metrics::find(name).is_some();
    if !known {
        let d = m.error(at, format!("`{}` is not a measure", units::shorten(name)));
        d.help = Some(match nearest(name, metrics::names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`skmem schema --text` lists all metrics".to_owned(),
        });
    }
    known
}

fn read_budget(m: &mut Mistakes, root: &Node) -> (u64, Option<u64>) {
    let Some(entry) = root.get("budget") else { return (MOST_ROWS, None) };
    let Value::Map(entries) = &entry.value.value else {
        m.error(entry.value.at, "`budget` must be a mapping").expected =
            Some("{rows: N, time: 10s}".to_owned());
        return (MOST_ROWS, None);
    };
    let mut time = None;
    for e in entries {
        match e.key.as_str() {
            "rows" => {}
            "time" => {
                time = e.value.scalar().and_then(|t| Quantity::Time(None).number(t)).map(i64::unsigned_abs);
                if time.is_none_or(|t| t == 0) {
                    m.error(e.value.at, "`time` is a time such as 600s");
                }
            }
            _ => m.unknown_key(e, "`budget`", &["rows", "time"]),
        }
    }
    (number(m, &entry.value, "rows", 1, 1 << 40).unwrap_or(MOST_ROWS), time)
}

fn read_filters(m: &mut Mistakes, root: &Node, plan: &Plan) -> Vec<Filter> {
    let Some(entry) = root.get("where") else { return Vec::new() };
    let names =
        Names { axes: &plan.space.axes, template: &plan.base.template, kernel: plan.base.scenario.kernel() };
    let mut out = Vec::new();
    for (at, text) in words(m, entry) {
        match Filter::read(text, at, &names) {
            Ok(filter) => out.push(filter),
            Err((message, help)) => m.error(at, format!("`where`: {message}")).help = help,
        }
    }
    out
}

/// Not more rows than the budget allows, and at least one.
fn check_size(m: &mut Mistakes, root: &Node, plan: &Plan) -> Option<()> {
    let at = root.get("axes").map_or(root.at, |e| e.at);
    let rows = plan.rows_at_most().filter(|n| *n <= plan.most_rows);
    if rows.is_none() {
        let sizes: Vec<String> = plan.space.axes.iter().map(|a| a.values.len().to_string()).collect();
        let all = match plan.rows_at_most() {
            Some(n) => format!("{n} rows"),
            None => "more rows than can be counted".to_owned(),
        };
        let how = match plan.space.sample {
            Sample::Grid => format!(" ({} values, {} repetitions)", sizes.join(" x "), plan.repeat),
            other => format!(" ({other}, {} repetitions)", plan.repeat),
        };
        let d = m.error(at, format!("the plan has {all}{how}; its budget is {}", plan.most_rows));
        d.help = Some(
            "sample: {latin-hypercube: N} takes a few well spread ones; budget: {rows: N} allows more"
                .to_owned(),
        );
        return None;
    }
    if plan.points().next().is_some() {
        return Some(());
    }
    let alone: Vec<String> = plan
        .space
        .filters
        .iter()
        .map(|f| {
            let numbers = plan.space.numbers().unwrap_or(0);
            let n = (0..numbers).filter(|n| f.holds(&plan.space.picks(*n))).count();
            format!("`{}` alone leaves {n}", f.text)
        })
        .collect();
    let at = plan.space.filters.first().map_or(at, |f| f.at);
    m.error(at, "no point passes all conditions of `where`").help = Some(alone.join("; "));
    None
}

/// A value that no point can have is a mistake of the plan, not of a run.
fn check_values(m: &mut Mistakes, plan: &Plan) {
    for (a, axis) in plan.space.axes.iter().enumerate() {
        // Long lists are ranges nearly always: their ends tell.
        let n = axis.values.len();
        let tried: BTreeSet<usize> = if n <= 256 { (0..n).collect() } else { [0, n / 2, n - 1].into() };
        for v in tried {
            let value = Pick::Listed(v);
            let mut alone = Overrides::default();
            axis::apply(std::slice::from_ref(axis), &[value], &mut alone);
            let Err(e) = plan.base.template.resolve(&alone) else { continue };
            if !fits_company(plan, a, value)
                && let Some(d) = e.errors().next()
            {
                let wrong = m.error(axis.values[v].at, format!("axis `{}`: {}", axis.name, d.message));
                wrong.expected.clone_from(&d.expected);
                wrong.help.clone_from(&d.help);
                break;
            }
        }
    }
}

/// Whether some point with this value of an axis can be run: it may need the company of another axis.
fn fits_company(plan: &Plan, axis: usize, value: Pick) -> bool {
    let with = |mut p: Point| {
        p.picks[axis] = value;
        p
    };
    let company = plan.space.scattered().take(100_000).map(with).filter(|p| plan.space.has(&p.picks));
    company.take(TRIED).any(|p| plan.base.template.resolve(&plan.overrides(&p, 0)).is_ok())
}
