//! What to read before trusting the rows: the warnings of the points that are run, not of the base, which may be none of
//! them.

use std::collections::BTreeMap;

use scenarios::Overrides;

use crate::axis::{self, Axis, Pick};
use crate::objective::TunePlan;
use crate::plan::Plan;
use crate::sample::{Point, Space};

/// Points that are looked at: all of a small plan, some from all over a large one.
const LOOKED_AT: usize = 1_000;
/// Numbers that are tried where `where` leaves few points.
const TRIED: u64 = 100_000;

/// One warning: how many points have it, and the first of them.
struct Found {
    text: String,
    points: usize,
    first: (u64, Vec<Pick>),
}

/// The warnings of the points of a sweep; those that some points have and others have not say how many and name one.
pub fn warnings(plan: &Plan) -> Vec<String> {
    of_space(plan, &plan.space)
}

/// The same of a search: of its candidates under its conditions.
pub fn tune_warnings(plan: &Plan, tune: &TunePlan) -> Vec<String> {
    let axes = plan.space.axes.iter().chain(&tune.over).cloned().collect();
    of_space(plan, &Space { axes, ..plan.space.clone() })
}

/// The warnings of one point.
pub fn point_warnings(plan: &Plan, point: &Point) -> Vec<String> {
    let found = of_picks(plan, &plan.space.axes, &point.picks).unwrap_or_default();
    found.into_values().collect()
}

fn of_space(plan: &Plan, space: &Space) -> Vec<String> {
    let mut found: BTreeMap<String, Found> = BTreeMap::new();
    let mut looked_at = 0;
    let points = space.scattered().take(TRIED as usize);
    for point in points.filter(|p| space.has(&p.picks)).take(LOOKED_AT) {
        let Some(all) = of_picks(plan, &space.axes, &point.picks) else { continue };
        looked_at += 1;
        for (kind, text) in all {
            let first = (point.number, point.picks.clone());
            let f = found.entry(kind).or_insert_with(|| Found {
                text: text.clone(),
                points: 0,
                first: first.clone(),
            });
            f.points += 1;
            if first.0 < f.first.0 {
                (f.first, f.text) = (first, text);
            }
        }
    }
    let all = space.numbers().is_some_and(|n| n <= TRIED) && looked_at < LOOKED_AT;
    let said = |f: Found| {
        if f.points == looked_at {
            return f.text;
        }
        let share = if all {
            format!("{} of {looked_at} points", f.points)
        } else {
            format!("about {} % of the points", (f.points * 100).div_ceil(looked_at))
        };
        format!("{}; at {share}, such as {}", f.text, axis::described(&space.axes, &f.first.1))
    };
    found.into_values().map(said).collect()
}

/// The warnings of one combination of values: what tells it from others, and its text. `None` if it cannot be run.
fn of_picks(plan: &Plan, axes: &[Axis], picks: &[Pick]) -> Option<BTreeMap<String, String>> {
    let mut o = Overrides::default();
    axis::apply(axes, picks, &mut o);
    let scenario = plan.base.template.resolve(&o).ok()?;
    Some(scenario.warnings.iter().map(|w| (kind(&w.message), w.sentence())).collect())
}

/// A message without its numbers: warnings that differ by these alone are one.
fn kind(message: &str) -> String {
    let words = message.split(' ');
    words
        .map(|w| if w.starts_with(|c: char| c.is_ascii_digit()) { "#" } else { w })
        .collect::<Vec<_>>()
        .join(" ")
}
