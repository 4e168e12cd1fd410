//! Charts of the figures of a sweep: from points and what a chart should show to panels, series and cells.

mod front;

use std::collections::BTreeMap;

use plots::{
    Across, ChartSettings, HeatAxis, HeatMap, HeatPanel, Kind, MAX_GRID, Mark, Picture, Series, Tone,
    XyChart, XyPanel, XyPoint,
};
use results::metrics::MetricUnit;
use scenarios::Quantity;
use sweeps::{ChartKind, ChartSpec, Frame, FrameAxis, FramePoint, Goal};

/// A chart of any form.
type Drawn = Box<dyn Picture>;

/// What a metric counts, on an axis.
pub(crate) const fn kind_of(unit: MetricUnit) -> Kind {
    match unit {
        MetricUnit::Bytes => Kind::Bytes,
        MetricUnit::Count => Kind::Count,
        MetricUnit::Nanoseconds => Kind::Nanoseconds,
        MetricUnit::BitsPerSecond => Kind::BitsPerSecond,
        MetricUnit::Permille => Kind::Permille,
    }
}

/// What the values of an axis count; `None` for words.
fn kind_of_axis(axis: &FrameAxis) -> Option<Kind> {
    kind_of_setting(axis.quantity)
}

/// What a setting counts; `None` for words.
pub(crate) const fn kind_of_setting(quantity: Quantity) -> Option<Kind> {
    match quantity {
        Quantity::Size => Some(Kind::Bytes),
        Quantity::Rate => Some(Kind::BitsPerSecond),
        Quantity::Time(_) => Some(Kind::Nanoseconds),
        Quantity::Count => Some(Kind::Count),
        Quantity::Share => Some(Kind::Share),
        Quantity::Switch | Quantity::Word => None,
    }
}

/// A value of an axis for a reader.
fn label(axis: &FrameAxis, i: usize) -> String {
    let v = &axis.values[i];
    match (kind_of_axis(axis), v.number) {
        // 1448 is the value, 1.4 k is not.
        (Some(Kind::Count), _) | (None, _) | (_, None) => v.label.clone(),
        (Some(kind), Some(n)) => kind.text(n as f64),
    }
}

/// The values of an axis across, as numbers where it has them.
fn across(axis: &FrameAxis) -> Across {
    match kind_of_axis(axis).filter(|_| axis.is_numeric()) {
        Some(kind) => Across::Numbers(axis.name.clone(), kind),
        None => Across::Words(axis.name.clone(), (0..axis.values.len()).map(|i| label(axis, i)).collect()),
    }
}

fn place(axis: &FrameAxis, i: usize) -> f64 {
    match (kind_of_axis(axis), axis.values[i].number) {
        (Some(_), Some(n)) if axis.is_numeric() => n as f64,
        _ => i as f64,
    }
}

/// Colour number `i` of an axis.
fn tone(axis: &FrameAxis, i: usize) -> Tone {
    if axis.is_numeric() { Tone::Step(i, axis.values.len()) } else { Tone::Word(i) }
}

/// The points that a chart shows, and how they are divided.
struct View<'a> {
    frame: &'a Frame,
    spec: &'a ChartSpec,
    x: usize,
    color: Option<usize>,
    panels: Vec<usize>,
    /// Axes over which the worst counts.
    over: Vec<usize>,
    /// Axes that are held, with the value.
    at: Vec<(usize, usize)>,
}

impl<'a> View<'a> {
    fn new(frame: &'a Frame, spec: &'a ChartSpec) -> Result<Self, String> {
        let axis = |name: &String| frame.axis(name).ok_or_else(|| format!("the sweep has no axis `{name}`"));
        let mut at = Vec::new();
        for (name, value) in &spec.at {
            let i = axis(name)?;
            let a = &frame.axes[i];
            let number = a.quantity.number(value);
            let found =
                a.values.iter().position(|v| v.label == *value || (number.is_some() && v.number == number));
            let Some(found) = found else {
                let all: Vec<&str> = a.values.iter().map(|v| v.label.as_str()).take(20).collect();
                return Err(format!("axis `{name}` has no value `{value}`; it has {}", all.join(", ")));
            };
            at.push((i, found));
        }
        let x = spec.x.as_ref().map(axis).transpose()?.unwrap_or(0);
        let color = spec.color.as_ref().map(axis).transpose()?;
        let panels = spec.panels.iter().map(axis).collect::<Result<Vec<_>, _>>()?;
        let over = spec.over.iter().map(axis).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { frame, spec, x, color, panels, over, at })
    }

    /// The points of each panel, in the order of the panels' values, with a title.
    fn divided(&self) -> Result<Vec<(String, Vec<&'a FramePoint>)>, String> {
        let mut out: BTreeMap<Vec<usize>, Vec<&FramePoint>> = BTreeMap::new();
        for p in &self.frame.points {
            if self.at.iter().all(|(axis, value)| p.picks[*axis] == *value) {
                out.entry(self.panels.iter().map(|a| p.picks[*a]).collect()).or_default().push(p);
            }
        }
        if out.is_empty() {
            return Err("there are no points to draw".to_owned());
        }
        if out.len() > MAX_GRID {
            return Err(format!("{} panels are too many: {MAX_GRID} at most", out.len()));
        }
        let title = |picks: &[usize]| {
            let each = self.panels.iter().zip(picks).map(|(axis, pick)| {
                let a = &self.frame.axes[*axis];
                format!("{} {}", a.name, label(a, *pick))
            });
            each.collect::<Vec<_>>().join(", ")
        };
        Ok(out.into_iter().map(|(picks, points)| (title(&picks), points)).collect())
    }

    /// Columns of the panels: one for each value of the last of two axes.
    fn columns(&self) -> Option<usize> {
        let last = self.panels.last().filter(|_| self.panels.len() > 1)?;
        Some(self.frame.axes[*last].values.len()).filter(|n| *n <= 5)
    }

    fn measure(&self, goal: &Goal) -> Result<(usize, Kind), String> {
        let name = &goal.measure;
        let i = self.frame.measure(name).ok_or_else(|| format!("the sweep has no measure `{name}`"))?;
        Ok((i, kind_of(self.frame.measures[i].unit)))
    }

    /// What the chart is of: what the heading says.
    fn settings(&self, what: &str, size: (u32, u32)) -> ChartSettings {
        let n = self.frame.repetitions();
        let mut settings = vec![what.to_owned()];
        if n > 1 && self.spec.kind != ChartKind::Distribution {
            settings.push(format!("mean of {n} runs; whiskers: 95 % interval of the mean (Student's t)"));
        }
        for (axis, value) in &self.at {
            let a = &self.frame.axes[*axis];
            settings.push(format!("{} {} (one of {})", a.name, label(a, *value), a.values.len()));
        }
        if self.frame.errors > 0 {
            settings.push(format!("{} rows have an error and are left out", self.frame.errors));
        }
        ChartSettings { title: self.frame.name.clone(), settings, width: size.0, height: size.1 }
    }
}

/// Draws one chart; every axis that `spec` does not name is chosen.
///
/// # Errors
/// A sentence.
pub(crate) fn draw(frame: &Frame, spec: &ChartSpec, size: (u32, u32)) -> Result<Drawn, String> {
    let names: Vec<&str> = frame.axes.iter().map(|a| a.name.as_str()).collect();
    let measures: Vec<&str> = frame.measures.iter().map(|m| m.name.as_str()).collect();
    spec.check(&names, &measures)?;
    let spec = &spec.filled(frame);
    let view = View::new(frame, spec)?;
    match spec.kind {
        ChartKind::Lines => lines(&view, size, Mark::Line),
        ChartKind::Points => lines(&view, size, Mark::Dots),
        ChartKind::Heat => heat(&view, size),
        ChartKind::Distribution => distribution(&view, size),
        ChartKind::Pareto => front::draw(&view, size),
    }
}

fn lines(v: &View<'_>, size: (u32, u32), mark: Mark) -> Result<Drawn, String> {
    let goal = &v.spec.goals[0];
    let (measure, kind) = v.measure(goal)?;
    let x = &v.frame.axes[v.x];
    let mut panels = Vec::new();
    for (title, points) in v.divided()? {
        let mut series: BTreeMap<usize, Vec<XyPoint>> = BTreeMap::new();
        for p in points {
            let Some(s) = p.spread(measure) else { continue };
            let color = v.color.map_or(0, |c| p.picks[c]);
            let at = place(x, p.picks[v.x]);
            let low = s.mean - s.half;
            series.entry(color).or_default().push(XyPoint { x: at, y: s.mean, low, high: s.mean + s.half });
        }
        let named = |(color, mut points): (usize, Vec<XyPoint>)| {
            points.sort_by(|a, b| a.x.total_cmp(&b.x));
            let axis = v.color.map(|c| &v.frame.axes[c]);
            Series {
                name: axis.map_or_else(String::new, |a| label(a, color)),
                tone: axis.map_or(Tone::Word(0), |a| tone(a, color)),
                mark,
                points,
            }
        };
        let mut series: Vec<Series> = series.into_iter().map(named).collect();
        apart(x, &mut series);
        let label = goal.measure.clone();
        panels.push(XyPanel { title, label, kind, series, levels: Vec::new(), notes: Vec::new() });
    }
    let legend = v.color.map_or_else(String::new, |c| v.frame.axes[c].name.clone());
    let what = format!("{} against {}", goal.measure, x.name);
    XyChart::from(across(x), panels, legend, v.settings(&what, size))
        .map(|c| Box::new(c.with_columns(v.columns())) as Drawn)
        .map_err(|e| e.to_string())
}

/// Series over words stand a little apart, so that equal values are seen.
fn apart(x: &FrameAxis, series: &mut [Series]) {
    if !matches!(across(x), Across::Words(..)) {
        return;
    }
    let n = series.len() as f64;
    for (i, s) in series.iter_mut().enumerate() {
        for p in &mut s.points {
            p.x += (i as f64 - (n - 1.0) / 2.0) * 0.3 / n.max(2.0);
        }
    }
}

fn heat(v: &View<'_>, size: (u32, u32)) -> Result<Drawn, String> {
    let goal = &v.spec.goals[0];
    let (measure, kind) = v.measure(goal)?;
    let Some(up) = v.color else {
        return Err("a heat map needs two axes: name the upper one with `y`".to_owned());
    };
    let (x, y) = (&v.frame.axes[v.x], &v.frame.axes[up]);
    let w = x.values.len();
    let mut panels = Vec::new();
    for (title, points) in v.divided()? {
        let mut cells = vec![None; w * y.values.len()];
        for p in points {
            cells[p.picks[up] * w + p.picks[v.x]] = p.spread(measure).map(|s| s.mean);
        }
        panels.push(HeatPanel { title, cells });
    }
    let axis = |a: &FrameAxis| HeatAxis {
        name: a.name.clone(),
        values: (0..a.values.len()).map(|i| label(a, i)).collect(),
    };
    let what = format!("{} over {} and {}", goal.measure, x.name, y.name);
    let mut settings = v.settings(&what, size);
    // A colour has no whiskers.
    settings.settings.retain(|s| !s.contains("whiskers"));
    HeatMap::from(axis(x), axis(y), panels, (goal.measure.clone(), kind), settings)
        .map(|c| Box::new(c.with_columns(v.columns())) as Drawn)
        .map_err(|e| e.to_string())
}

fn distribution(v: &View<'_>, size: (u32, u32)) -> Result<Drawn, String> {
    let goal = &v.spec.goals[0];
    let (measure, kind) = v.measure(goal)?;
    let x = &v.frame.axes[v.x];
    let mut panels = Vec::new();
    for (title, points) in v.divided()? {
        let (mut runs, mut means, mut medians) = (Vec::new(), Vec::new(), Vec::new());
        for p in points {
            let at = p.picks[v.x] as f64;
            let Some(s) = p.spread(measure) else { continue };
            // Side by side in the order of the runs, so that equal values are seen.
            let n = p.values[measure].len();
            for (i, value) in p.values[measure].iter().enumerate() {
                let aside = (i as f64 + 0.5) / n as f64 - 0.5;
                runs.push(XyPoint::at(at + aside * 0.4, *value as f64));
            }
            let (low, high) = (s.mean - s.half, s.mean + s.half);
            means.push(XyPoint { x: at + 0.28, y: s.mean, low, high });
            medians.push(XyPoint::at(at - 0.28, s.median));
        }
        let series = [
            ("one run", Tone::Faint, Mark::Dots, runs),
            ("median", Tone::Word(3), Mark::Crosses, medians),
            ("mean, 95 % interval", Tone::Word(0), Mark::Dots, means),
        ];
        panels.push(XyPanel {
            title,
            label: goal.measure.clone(),
            kind,
            series: series
                .into_iter()
                .map(|(name, tone, mark, points)| Series { name: name.to_owned(), tone, mark, points })
                .collect(),
            levels: Vec::new(),
            notes: Vec::new(),
        });
    }
    let words = (0..x.values.len()).map(|i| label(x, i)).collect();
    let across = Across::Words(x.name.clone(), words);
    let what =
        format!("{} of {} runs; interval of the mean by Student's t", goal.measure, v.frame.repetitions());
    XyChart::from(across, panels, String::new(), v.settings(&what, size))
        .map(|c| Box::new(c.with_columns(v.columns())) as Drawn)
        .map_err(|e| e.to_string())
}
