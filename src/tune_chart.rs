//! The chart of a search: objective and bounds against each tuned setting, with what was chosen and what fails.

use plots::{Across, ChartSettings, Mark, Series, Tone, XyChart, XyPanel, XyPoint};
use sweeps::{Axis, Candidate, Pick, Plan, TunePlan, Tuned, condition_names};

use crate::sweep_charts::{kind_of, kind_of_setting};

/// Conditions that have a line of their own.
const CONDITIONS: usize = 8;

/// One chart for each axis along which more than one value was tried: its name, and the chart.
///
/// # Errors
/// Why one could not be drawn.
pub(crate) fn charts(plan: &Plan, tune: &TunePlan, found: &Tuned) -> Result<Vec<(String, XyChart)>, String> {
    let mut out = Vec::new();
    for (i, axis) in plan.space.axes.iter().enumerate() {
        let tried = found.along(i);
        if tried.len() > 1 {
            out.push((axis.name.clone(), chart(plan, tune, found, i, &tried)?));
        }
    }
    Ok(out)
}

fn chart(
    plan: &Plan,
    tune: &TunePlan,
    found: &Tuned,
    at: usize,
    tried: &[&Candidate],
) -> Result<XyChart, String> {
    let axis = &plan.space.axes[at];
    let Some(best) = found.best.map(|b| &found.tried[b]) else {
        return Err("nothing was chosen".to_owned());
    };
    let kind = kind_of_setting(axis.quantity).filter(|_| axis.is_numeric());
    let place = |c: &Candidate| match (kind, c.picks[at]) {
        (Some(_), pick) => axis.number(pick).unwrap_or(0) as f64,
        (None, Pick::Listed(i)) => i as f64,
        (None, Pick::Drawn(n)) => n as f64,
    };
    let across = match kind {
        Some(kind) => Across::Numbers(axis.name.clone(), kind),
        None => Across::Words(axis.name.clone(), axis.values.iter().map(|v| v.label.clone()).collect()),
    };
    let along = Along { tried, places: tried.iter().map(|c| place(c)).collect() };
    let line = |name: &str, tone, mark, value: &dyn Fn(&Candidate) -> Option<f64>| {
        along.line(name.to_owned(), tone, mark, value)
    };
    let mut panels = vec![objective(plan, tune, best, &along)];
    for (i, rule) in tune.constraints.iter().enumerate() {
        let value = |c: &Candidate| c.worst[i].map(|w| w as f64);
        let sign = if rule.at_most { "at most" } else { "at least" };
        let kind = kind_of(rule.metric.unit);
        let mut series = vec![line("worst run", Tone::Ink, Mark::Line, &value)];
        series.push(line(FAILS, Tone::Failed, Mark::Crosses, &|c: &Candidate| {
            value(c).filter(|_| !c.worst[i].is_none_or(|w| rule.holds(w)))
        }));
        series.push(line(CHOSEN, Tone::Ink, Mark::Rings, &|c: &Candidate| {
            value(c).filter(|_| c.picks == best.picks)
        }));
        panels.push(XyPanel {
            title: String::new(),
            label: rule.name.clone(),
            kind,
            series,
            levels: vec![(rule.bound as f64, format!("{sign} {}", kind.text(rule.bound as f64)))],
            notes: Vec::new(),
        });
    }
    let settings = ChartSettings {
        title: format!("{}: {}", plan.name, axis.name),
        settings: heading(plan, tune, found, best, at),
        ..ChartSettings::default()
    };
    let legend = tune.over.iter().map(|a| a.name.as_str()).collect::<Vec<_>>().join(", ");
    let chart = XyChart::from(across, panels, legend, settings).map_err(|e| e.to_string())?;
    Ok(chart.with_upright(place(best), said(axis, best.picks[at])))
}

const FAILS: &str = "breaks a bound";
const CHOSEN: &str = "chosen";

/// The candidates along one axis, with their places on it.
struct Along<'a> {
    tried: &'a [&'a Candidate],
    places: Vec<f64>,
}

impl Along<'_> {
    /// What `value` makes of those candidates that it has a value for.
    fn line(
        &self,
        name: String,
        tone: Tone,
        mark: Mark,
        value: &dyn Fn(&Candidate) -> Option<f64>,
    ) -> Series {
        let points = self.tried.iter().zip(&self.places);
        let points = points.filter_map(|(c, x)| Some(XyPoint::at(*x, value(c)?))).collect();
        Series { name, tone, mark, points }
    }
}

/// The objective's metric under each condition, and what the objective makes of them.
fn objective(plan: &Plan, tune: &TunePlan, best: &Candidate, along: &Along<'_>) -> XyPanel {
    let repeat = plan.repeat as usize;
    let names = condition_names(plan, tune);
    let mut series: Vec<Series> = Vec::new();
    if names.len() > 1 {
        for (i, name) in names.iter().enumerate() {
            let mean = |c: &Candidate| {
                let runs = c.runs.get(i * repeat..(i + 1) * repeat)?;
                let values: Vec<f64> = runs.iter().flatten().map(|v| *v as f64).collect();
                (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
            };
            // Beyond what can be told apart a line is one of many.
            let (name, tone) = if names.len() <= CONDITIONS {
                (name.clone(), Tone::Word(i))
            } else {
                (format!("one of {} conditions", names.len()), Tone::Faint)
            };
            series.push(along.line(name, tone, Mark::Line, &mean));
        }
    }
    let value = |c: &Candidate| c.objective.map(|o| o as f64);
    series.push(along.line(tune.text.clone(), Tone::Ink, Mark::Dashed, &value));
    series.push(
        along.line(FAILS.to_owned(), Tone::Failed, Mark::Crosses, &|c: &Candidate| {
            value(c).filter(|_| !c.fits)
        }),
    );
    series.push(along.line(CHOSEN.to_owned(), Tone::Ink, Mark::Rings, &|c: &Candidate| {
        value(c).filter(|_| c.picks == best.picks)
    }));
    XyPanel {
        title: String::new(),
        label: tune.metric.name.to_string(),
        kind: kind_of(tune.metric.unit),
        series,
        levels: Vec::new(),
        notes: Vec::new(),
    }
}

/// The chosen value with what else is chosen, margins, and where it begins to fail.
fn heading(plan: &Plan, tune: &TunePlan, found: &Tuned, best: &Candidate, at: usize) -> Vec<String> {
    let way = if tune.maximize { "maximize" } else { "minimize" };
    let kind = kind_of(tune.metric.unit);
    let come = best.objective.map_or_else(String::new, |o| format!(": {}", kind.text(o as f64)));
    let mut out = vec![format!("{way} {}{come}", tune.text)];
    for (rule, worst) in tune.constraints.iter().zip(&best.worst) {
        let Some(w) = worst else { continue };
        let room = (rule.bound - w).abs() as f64;
        let unit = kind_of(rule.metric.unit);
        out.push(format!("{} {}, margin {}", rule.name, unit.text(*w as f64), unit.text(room)));
    }
    for (axis, pick) in
        plan.space.axes.iter().zip(&best.picks).enumerate().filter(|(i, _)| *i != at).map(|(_, p)| p)
    {
        out.push(format!("{} {}", axis.name, said(axis, *pick)));
    }
    let failing: Vec<String> = found
        .failing_neighbours()
        .into_iter()
        .filter(|(axis, _)| *axis == at)
        .map(|(axis, c)| said(&plan.space.axes[axis], c.picks[axis]))
        .collect();
    if !failing.is_empty() {
        out.push(format!("nearest that fail: {}", failing.join(", ")));
    }
    out
}

/// A value of an axis for a reader.
fn said(axis: &Axis, pick: Pick) -> String {
    match (kind_of_setting(axis.quantity), axis.number(pick)) {
        (Some(kind), Some(n)) => kind.text(n as f64),
        _ => axis.value(pick).label.clone(),
    }
}
