//! What a chart of a sweep shows: asked for in the plan (`charts:`) or on the command line, or chosen by the axes.

use scenarios::nearest;
use scenarios::tree::{Entry, Node, Value};

use crate::frame::Frame;
use crate::mistakes::Mistakes;

/// How figures are drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChartKind {
    /// The mean against one axis, a line for each value of another, with 95 % intervals where there are repetitions.
    Lines,
    /// The mean as a colour over two axes.
    Heat,
    /// Every repetition, with mean and interval, for each value of an axis.
    Distribution,
    /// Every point against one axis, for samples.
    Points,
    /// Two measures against each other, with the points that no other beats in both.
    Pareto,
}

impl ChartKind {
    /// All, with their key in a plan, which is the option of the command line too.
    pub const ALL: [(&'static str, Self); 5] = [
        ("lines", Self::Lines),
        ("heat", Self::Heat),
        ("distribution", Self::Distribution),
        ("points", Self::Points),
        ("pareto", Self::Pareto),
    ];

    /// The key.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, k)| *k == self).map_or("", |(name, _)| name)
    }
}

/// A measure, and whether more of it is better.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Goal {
    /// The measure.
    pub measure: String,
    /// Whether more is better.
    pub more: bool,
}

/// One chart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChartSpec {
    /// How.
    pub kind: ChartKind,
    /// What: one measure, or for a Pareto front two.
    pub goals: Vec<Goal>,
    /// The axis across.
    pub x: Option<String>,
    /// The axis of the lines' colours, or the upper one of a heat map.
    pub color: Option<String>,
    /// The axes of the panels.
    pub panels: Vec<String>,
    /// Of a front the axes over which a point counts by its worst.
    pub over: Vec<String>,
    /// Axes that are held, with their values.
    pub at: Vec<(String, String)>,
}

/// What a measure's text says: `goodput`, and for a front `max goodput` or `min peak.skmem_r`.
fn goals(kind: ChartKind, words: &[&str]) -> Result<Vec<Goal>, String> {
    if kind != ChartKind::Pareto {
        return match words {
            [one] => Ok(vec![Goal { measure: (*one).to_owned(), more: true }]),
            _ => Err(format!("`{}` takes one measure", kind.name())),
        };
    }
    const FORM: &str = "`pareto` takes two measures, such as [max goodput, min peak.skmem_r]";
    let goal = |word: &&str| {
        let Some((way, measure)) = word.trim().split_once([' ', ':']) else { return Err(FORM.to_owned()) };
        let more = matches!(way, "max" | "maximize");
        if !more && !matches!(way, "min" | "minimize") {
            let near = nearest(way, ["max", "min", "maximize", "minimize"]);
            return Err(near.map_or_else(|| FORM.to_owned(), |n| format!("`{way}`: did you mean `{n}`?")));
        }
        Ok(Goal { measure: measure.trim().to_owned(), more })
    };
    let two = words.iter().map(goal).collect::<Result<Vec<Goal>, _>>()?;
    if two.len() == 2 { Ok(two) } else { Err(FORM.to_owned()) }
}

impl ChartSpec {
    /// A chart of this kind; `words` are its measures.
    ///
    /// # Errors
    /// A sentence.
    pub fn new(kind: ChartKind, words: &[&str]) -> Result<Self, String> {
        let goals = goals(kind, words)?;
        Ok(Self { kind, goals, x: None, color: None, panels: Vec::new(), over: Vec::new(), at: Vec::new() })
    }

    /// The axes it names.
    fn axes(&self) -> impl Iterator<Item = &String> {
        let named = self.x.iter().chain(&self.color).chain(&self.panels).chain(&self.over);
        named.chain(self.at.iter().map(|(name, _)| name))
    }

    /// Whether everything it names is there, and once.
    ///
    /// # Errors
    /// A sentence, with the nearest name.
    pub fn check(&self, axes: &[&str], measures: &[&str]) -> Result<(), String> {
        let missing = |what: &str, name: &str, known: &[&str]| match nearest(name, known.iter().copied()) {
            Some(near) => format!("the sweep has no {what} `{name}`; did you mean `{near}`?"),
            None => format!("the sweep has no {what} `{name}`; it has {}", known.join(", ")),
        };
        for goal in &self.goals {
            if !measures.contains(&goal.measure.as_str()) {
                return Err(missing("measure", &goal.measure, measures));
            }
        }
        if !self.over.is_empty() && self.kind != ChartKind::Pareto {
            return Err(format!("`{}` has no worst: `over` is for `pareto`", self.kind.name()));
        }
        if self.kind == ChartKind::Heat && axes.len() < 2 {
            return Err("a heat map needs two axes".to_owned());
        }
        if self.x.is_some() && self.kind == ChartKind::Pareto {
            return Err("a front has a measure across, and no axis `x`".to_owned());
        }
        let mut seen: Vec<&str> = Vec::new();
        for name in self.axes() {
            if !axes.contains(&name.as_str()) {
                return Err(missing("axis", name, axes));
            }
            if seen.contains(&name.as_str()) {
                return Err(format!("axis `{name}` is used twice in one chart"));
            }
            seen.push(name);
        }
        Ok(())
    }

    /// A name for its file; charts of one measure may have the same (see [`files`]).
    fn file(&self) -> String {
        let measures: Vec<&str> = self.goals.iter().map(|g| g.measure.as_str()).collect();
        let mut name = format!("{}-{}", self.kind.name(), measures.join("-"));
        if self.kind == ChartKind::Points {
            name.push_str(&format!("-{}", self.x.as_deref().unwrap_or("")));
        }
        for (axis, value) in &self.at {
            name.push_str(&format!("-{axis}-{value}"));
        }
        name.chars().map(|c| if c.is_ascii_alphanumeric() || "-._".contains(c) { c } else { '_' }).collect()
    }

    /// Chooses the axes it does not name: across the numeric axis with the most values, as colour one with few values, the
    /// rest as panels as long as there is room; what is left is held at its first value. Of a front the conditions are panels,
    /// and those without room count by their worst.
    pub fn filled(&self, frame: &Frame) -> Self {
        let mut spec = self.clone();
        let size = |i: usize| frame.axes[i].values.len();
        let numeric = |i: usize| frame.axes[i].is_numeric();
        let named = |i: usize| self.axes().any(|a| *a == frame.axes[i].name);
        let mut left: Vec<usize> = (0..frame.axes.len()).filter(|i| size(*i) > 1 && !named(*i)).collect();
        let take = |left: &mut Vec<usize>, best: Option<usize>| {
            left.retain(|i| Some(*i) != best);
            best.map(|i| frame.axes[i].name.clone())
        };
        if spec.kind == ChartKind::Pareto {
            // What nobody chooses is no candidate of a front: each condition has a front of its own, or the worst counts.
            let mut conditions: Vec<usize> =
                left.iter().copied().filter(|i| frame.axes[*i].condition).collect();
            left.retain(|i| !frame.axes[*i].condition);
            conditions.sort_by_key(|i| size(*i));
            let mut room = plots_at_most(&spec.panels, frame);
            for i in conditions {
                let name = frame.axes[i].name.clone();
                if size(i) <= room {
                    room /= size(i);
                    spec.panels.push(name);
                } else {
                    spec.over.push(name);
                }
            }
            let words = left.iter().copied().filter(|i| size(*i) <= FEW).min_by_key(|i| (numeric(*i), *i));
            spec.color = spec.color.or_else(|| take(&mut left, words));
            return spec;
        }
        if spec.x.is_none() {
            let best = left.iter().copied().max_by_key(|i| (numeric(*i), size(*i), std::cmp::Reverse(*i)));
            spec.x = take(&mut left, best);
        }
        if spec.color.is_none() && spec.kind != ChartKind::Distribution {
            let fits = |i: &usize| size(*i) <= FEW || spec.kind == ChartKind::Heat;
            let best = left.iter().copied().filter(fits).max_by_key(|i| (numeric(*i), size(*i)));
            spec.color = take(&mut left, best);
        }
        if spec.kind == ChartKind::Points {
            return spec;
        }
        let mut room = plots_at_most(&spec.panels, frame);
        left.sort_by_key(|i| size(*i));
        for i in left {
            if size(i) <= room {
                room /= size(i);
                spec.panels.push(frame.axes[i].name.clone());
            } else {
                spec.at.push((frame.axes[i].name.clone(), frame.axes[i].values[0].label.clone()));
            }
        }
        spec
    }
}

/// Names for the files of these charts: what they show; of several that show the same measure the later ones have a number.
pub fn files(specs: &[ChartSpec]) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for spec in specs {
        let name = spec.file();
        let numbered = (2..).map(|n| format!("{name}-{n}"));
        let free = [name.clone()].into_iter().chain(numbered).find(|n| !out.contains(n));
        out.extend(free);
    }
    out
}

/// Lines of one panel that can be told apart.
pub const FEW: usize = 8;

/// Panels of one chart.
const PANELS: usize = 16;

/// How many times the panels can still be divided.
fn plots_at_most(panels: &[String], frame: &Frame) -> usize {
    let there: usize =
        panels.iter().filter_map(|p| frame.axis(p)).map(|i| frame.axes[i].values.len()).product();
    PANELS / there.max(1)
}

/// Measures that are drawn when nobody asked for any.
const MEASURES: usize = 6;

/// The charts of a sweep that asked for none: lines, or colours where an axis has too many values for lines; both for two
/// numeric axes; the distribution of the first measure where there are repetitions; points for samples.
pub fn default_charts(frame: &Frame) -> Vec<ChartSpec> {
    let varied: Vec<usize> = (0..frame.axes.len()).filter(|i| frame.axes[*i].values.len() > 1).collect();
    let one = |kind, measure: &str| ChartSpec {
        kind,
        goals: vec![Goal { measure: measure.to_owned(), more: true }],
        x: None,
        color: None,
        panels: Vec::new(),
        over: Vec::new(),
        at: Vec::new(),
    };
    let mut out = Vec::new();
    if varied.is_empty() {
        return out;
    }
    let numeric: Vec<usize> = varied.iter().copied().filter(|i| frame.axes[*i].is_numeric()).collect();
    let large = |i: &&usize| frame.axes[**i].values.len() > FEW;
    for (at, measure) in frame.measures.iter().take(MEASURES).enumerate() {
        if frame.points.iter().all(|p| p.spread(at).is_none()) {
            continue;
        }
        if frame.is_sampled() {
            for axis in numeric.iter().take(3) {
                let x = Some(frame.axes[*axis].name.clone());
                out.push(ChartSpec { x, ..one(ChartKind::Points, &measure.name) });
            }
            continue;
        }
        let crowded = numeric.iter().filter(large).count() >= 2;
        if !crowded {
            out.push(one(ChartKind::Lines, &measure.name));
        }
        let both = numeric.iter().filter(|i| frame.axes[**i].values.len() >= 4).count() >= 2;
        if crowded || both {
            out.push(one(ChartKind::Heat, &measure.name));
        }
        if at == 0 && frame.repetitions() > 1 {
            out.push(one(ChartKind::Distribution, &measure.name));
        }
    }
    out.iter().map(|spec| spec.filled(frame)).collect()
}

/// Reads the `charts` of a plan.
pub(crate) fn read(m: &mut Mistakes, entry: &Entry, axes: &[&str], measures: &[&str]) -> Vec<ChartSpec> {
    let Value::List(items) = &entry.value.value else {
        m.error(entry.value.at, "`charts` must be a list").expected =
            Some("such as [{lines: goodput, x: path.rtt}]".to_owned());
        return Vec::new();
    };
    let mut out: Vec<ChartSpec> = Vec::new();
    for item in items {
        let Some(spec) = read_one(m, item) else { continue };
        match spec.check(axes, measures) {
            Ok(()) if out.contains(&spec) => {
                m.error(item.at, "the same chart twice");
            }
            Ok(()) => out.push(spec),
            Err(why) => {
                m.error(item.at, format!("`charts`: {why}"));
            }
        }
    }
    out
}

fn read_one(m: &mut Mistakes, node: &Node) -> Option<ChartSpec> {
    let kinds = || ChartKind::ALL.iter().map(|(name, _)| *name);
    let Value::Map(entries) = &node.value else {
        m.error(node.at, "a chart is a mapping").expected = Some("such as {lines: goodput}".to_owned());
        return None;
    };
    let kind =
        |e: &Entry| ChartKind::ALL.iter().find(|(name, _)| *name == e.key).map(|(_, k)| (*k, e.clone()));
    let found: Vec<(ChartKind, Entry)> = entries.iter().filter_map(kind).collect();
    let others = ["x", "color", "y", "panels", "over", "at"];
    if let Some(e) =
        entries.iter().find(|e| !others.contains(&e.key.as_str()) && !kinds().any(|k| k == e.key))
    {
        let near = nearest(&e.key, kinds().chain(others));
        m.error(e.at, format!("`{}` is not a key of a chart", e.key)).help = Some(match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!(
                "one of {}; and x, color, y, panels, over, at",
                kinds().collect::<Vec<_>>().join(", ")
            ),
        });
        return None;
    }
    let [(kind, what)] = found.as_slice() else {
        m.error(node.at, "a chart says one thing that it shows").expected =
            Some(format!("one of {}", kinds().collect::<Vec<_>>().join(", ")));
        return None;
    };
    let list = |node: &Node| -> Vec<String> {
        match &node.value {
            Value::List(items) => items.iter().filter_map(|i| i.scalar().map(str::to_owned)).collect(),
            _ => node.scalar().map(str::to_owned).into_iter().collect(),
        }
    };
    let words = list(&what.value);
    let mut spec = match ChartSpec::new(*kind, &words.iter().map(String::as_str).collect::<Vec<_>>()) {
        Ok(spec) => spec,
        Err(why) => {
            m.error(what.value.at, format!("`charts`: {why}"));
            return None;
        }
    };
    for e in entries {
        match e.key.as_str() {
            "x" => spec.x = e.value.scalar().map(str::to_owned),
            "color" | "y" => spec.color = e.value.scalar().map(str::to_owned),
            "panels" => spec.panels = list(&e.value),
            "over" => spec.over = list(&e.value),
            "at" => {
                let Value::Map(held) = &e.value.value else {
                    m.error(e.value.at, "`at` is a mapping of axes to values");
                    return None;
                };
                spec.at = held.iter().map(|h| (h.key.clone(), h.value.flow())).collect();
            }
            _ => {}
        }
    }
    Some(spec)
}
