//! The search of `skmem tune`: a coarse grid, then finer ones around the best.
//!
//! Every candidate is run under every condition and repetition, with the same seeds for all candidates, so that
//! candidates differ by their settings alone. One that breaks a constraint in any run, or cannot be run, is out. Of the
//! others the best objective wins; of equals the one that takes less memory, then the one that comes first. A round
//! of refinement tries, along every numeric axis, the middles between the best value and its neighbours, alone and in
//! combination. The order of everything is fixed: the same plan gives the same answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicBool;

use results::{Metric, metrics};
use scenarios::Overrides;

use crate::axis::{self, Axis, Pick};
use crate::evaluate::{measure, why_not};
use crate::objective::TunePlan;
use crate::parallel;
use crate::plan::Plan;
use crate::range::readable;
use crate::sample::{Point, Sample, Space};

/// A candidate and what became of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Candidate {
    /// The value of each axis.
    pub picks: Vec<Pick>,
    /// The objective over all runs; `None` if a run failed or has no such figure.
    pub objective: Option<i64>,
    /// Its metric in each run: conditions in their order, repetitions of one beside each other. Shorter if a run failed.
    pub runs: Vec<Option<i64>>,
    /// The worst value of each constraint.
    pub worst: Vec<Option<i64>>,
    /// The most memory that a run's connection was charged, bytes.
    pub memory: i64,
    /// Why a run failed.
    pub error: Option<String>,
    /// Whether every constraint held in every run.
    pub fits: bool,
}

/// What a search came to.
#[derive(Clone, Debug)]
pub struct Tuned {
    /// Everything that was tried, in the order of the picks.
    pub tried: Vec<Candidate>,
    /// The best one that fits, as its place in `tried`.
    pub best: Option<usize>,
    /// The base as it is written, under the same conditions.
    pub before: Candidate,
    /// Runs of one candidate.
    pub runs: usize,
}

/// Searches.
pub fn search(plan: &Plan, tune: &TunePlan, threads: usize, stop: &AtomicBool) -> Tuned {
    let conditions = conditions(plan, tune);
    let mut tried: BTreeMap<Vec<Pick>, Candidate> = BTreeMap::new();
    let mut next: Vec<Vec<Pick>> = plan.points().map(|p| exact(plan, p.picks)).collect();
    for round in 0..=tune.rounds {
        next.retain(|p| !tried.contains_key(p));
        next.sort();
        next.dedup();
        if next.is_empty() {
            break;
        }
        let work = std::mem::take(&mut next);
        let run = |picks: Vec<Pick>| evaluated(plan, tune, &conditions, picks);
        let sink = |c: Candidate| {
            tried.insert(c.picks.clone(), c);
            Ok::<(), ()>(())
        };
        // The sink cannot fail.
        let _ = parallel::ordered(threads, work.into_iter(), stop, run, sink);
        let Some(best) = best(tune, tried.values()) else { break };
        if round < tune.rounds {
            next = around(plan, &best.picks, &tried);
        }
    }
    let before = evaluated(plan, tune, &conditions, Vec::new());
    let chosen = best(tune, tried.values()).map(|b| b.picks.clone());
    let tried: Vec<Candidate> = tried.into_values().collect();
    let best = chosen.and_then(|picks| tried.iter().position(|c| c.picks == picks));
    Tuned { tried, best, before, runs: conditions.len() }
}

fn space_of_conditions(plan: &Plan, tune: &TunePlan) -> Space {
    Space { axes: tune.over.clone(), sample: Sample::Grid, filters: Vec::new(), seed: plan.space.seed }
}

/// The values of each condition, in the order of their runs; each has as many runs as the plan has repetitions.
pub fn condition_names(plan: &Plan, tune: &TunePlan) -> Vec<String> {
    let space = space_of_conditions(plan, tune);
    let name = |number| {
        let each = space.axes.iter().zip(space.picks(number));
        each.map(|(a, p)| a.value(p).label.clone()).collect::<Vec<_>>().join(", ")
    };
    (0..space.numbers().unwrap_or(0)).map(name).collect()
}

/// What the conditions and repetitions set, each with its seed.
fn conditions(plan: &Plan, tune: &TunePlan) -> Vec<Overrides> {
    let space = space_of_conditions(plan, tune);
    let mut out = Vec::new();
    for number in 0..space.numbers().unwrap_or(0) {
        let point = Point { number, picks: space.picks(number) };
        for repeat in 0..plan.repeat {
            let mut o = Overrides { seed: Some(space.point_seed(&point, repeat)), ..Overrides::default() };
            axis::apply(&space.axes, &point.picks, &mut o);
            out.push(o);
        }
    }
    out
}

/// Picks whose numbers are numbers, so that a value of the list and the same value of a refinement are one.
fn exact(plan: &Plan, picks: Vec<Pick>) -> Vec<Pick> {
    let numeric = |(axis, pick): (&Axis, Pick)| match axis.number(pick) {
        Some(n) if axis.path().is_some() => Pick::Drawn(n),
        _ => pick,
    };
    plan.space.axes.iter().zip(picks).map(numeric).collect()
}

/// Runs a candidate under all conditions; without picks it is the base itself.
fn evaluated(plan: &Plan, tune: &TunePlan, conditions: &[Overrides], picks: Vec<Pick>) -> Candidate {
    let memory = metrics::find("peak.skmem_r");
    let mut wanted: Vec<&'static Metric> = vec![tune.metric];
    wanted.extend(tune.constraints.iter().map(|c| c.metric));
    wanted.extend(memory);
    let mut c = Candidate {
        picks,
        objective: None,
        runs: Vec::new(),
        worst: vec![None; tune.constraints.len()],
        memory: 0,
        error: None,
        fits: true,
    };
    for condition in conditions {
        let mut o = condition.clone();
        axis::apply(&plan.space.axes, &c.picks, &mut o);
        let scenario = plan.base.template.resolve(&o).map_err(|e| why_not(&e));
        let run = match scenario.and_then(|s| measure(&s, &wanted)) {
            Ok(run) => run,
            Err(e) => {
                c.error = Some(e);
                c.fits = false;
                return c;
            }
        };
        c.runs.push(run[0]);
        for (i, rule) in tune.constraints.iter().enumerate() {
            // A figure that a run does not have breaks no bound: no drop, no window at the first drop.
            let Some(v) = run[i + 1] else { continue };
            c.worst[i] = Some(c.worst[i].map_or(v, |w| rule.worse(w, v)));
            c.fits &= rule.holds(v);
        }
        c.memory = c.memory.max(run.last().copied().flatten().unwrap_or(0));
    }
    let values: Vec<i64> = c.runs.iter().copied().flatten().collect();
    c.objective = tune.over_runs.of(&values);
    c.fits &= c.objective.is_some();
    c
}

/// The best candidate that fits.
fn best<'a>(tune: &TunePlan, all: impl Iterator<Item = &'a Candidate>) -> Option<&'a Candidate> {
    let worth = |c: &Candidate| c.objective.map(|o| if tune.maximize { o } else { o.saturating_neg() });
    let mut best: Option<&Candidate> = None;
    for c in all.filter(|c| c.fits) {
        let better = best
            .is_none_or(|b| (worth(c), c.memory.saturating_neg()) > (worth(b), b.memory.saturating_neg()));
        if better {
            best = Some(c);
        }
    }
    best
}

/// Axes that are refined in combination: 3 to this power candidates.
const TOGETHER: usize = 4;

/// New candidates between a candidate and its neighbours.
fn around(plan: &Plan, best: &[Pick], tried: &BTreeMap<Vec<Pick>, Candidate>) -> Vec<Vec<Pick>> {
    let mut choices: Vec<Vec<Pick>> = Vec::new();
    for (i, pick) in best.iter().enumerate() {
        let axis = &plan.space.axes[i];
        let mut list = vec![*pick];
        if let Pick::Drawn(at) = pick {
            let known: BTreeSet<i64> = tried
                .keys()
                .filter_map(|p| match p[i] {
                    Pick::Drawn(n) => Some(n),
                    Pick::Listed(_) => None,
                })
                .collect();
            let below = known.range(..at).next_back().map(|n| middle(axis, *n, *at));
            let above = known.range(at + 1..).next().map(|n| middle(axis, *at, *n));
            list.extend(below.into_iter().chain(above).filter(|n| n != at).map(Pick::Drawn));
        }
        choices.push(list);
    }
    let numeric = choices.iter().filter(|c| c.len() > 1).count();
    let mut out = Vec::new();
    if numeric <= TOGETHER {
        out.push(Vec::new());
        for list in &choices {
            out = out
                .iter()
                .flat_map(|start: &Vec<Pick>| {
                    list.iter().map(move |p| start.iter().copied().chain([*p]).collect())
                })
                .collect();
        }
    } else {
        for (i, list) in choices.iter().enumerate() {
            out.extend(list[1..].iter().map(|p| {
                let mut one = best.to_vec();
                one[i] = *p;
                one
            }));
        }
    }
    out.retain(|p| plan.space.has(p));
    out
}

/// Between two numbers: by ratio if they are far apart, as a number that can be read.
fn middle(axis: &Axis, a: i64, b: i64) -> i64 {
    let by_ratio = a > 0 && b / a >= 2;
    let exact = if by_ratio { libm::sqrt(a as f64 * b as f64) } else { (a as f64 + b as f64) / 2.0 };
    readable(exact, axis.quantity).clamp(a, b)
}

impl Tuned {
    /// The best candidate and those that differ from it along this axis alone, in the order of its values.
    pub fn along(&self, axis: usize) -> Vec<&Candidate> {
        let Some(best) = self.best.map(|b| &self.tried[b]) else { return Vec::new() };
        let same = |c: &&Candidate| {
            c.picks.iter().zip(&best.picks).enumerate().all(|(i, (a, b))| i == axis || a == b)
        };
        let mut out: Vec<&Candidate> = self.tried.iter().filter(same).collect();
        out.sort_by_key(|c| c.picks[axis]);
        out
    }

    /// Along an axis, where a value fails although values beyond it fit: the nearest candidate from which on everything that
    /// was tried fits. What fits before it does so by a chance of timing.
    pub fn robust(&self, axis: usize) -> Vec<&Candidate> {
        let Some(best) = self.best.map(|b| &self.tried[b]) else { return Vec::new() };
        let along = self.along(axis);
        let Some(at) = along.iter().position(|c| c.picks == best.picks) else { return Vec::new() };
        if along.iter().any(|c| matches!(c.picks[axis], Pick::Listed(_))) {
            return Vec::new();
        }
        let below = along[..at].iter().position(|c| !c.fits).and_then(|first| along[..first].last());
        let above = along[at..].iter().rposition(|c| !c.fits).and_then(|last| along[at..].get(last + 1));
        below.into_iter().chain(above).copied().collect()
    }

    /// The best of the candidates that fit and come to another objective than the best one.
    pub fn second(&self, tune: &TunePlan) -> Option<&Candidate> {
        let first = self.tried[self.best?].objective;
        best(tune, self.tried.iter().filter(|c| c.objective != first))
    }

    /// Candidates that differ from the best along one axis alone, nearest first on each side, as far as the first that
    /// does not fit: the axis, and the candidate.
    pub fn failing_neighbours(&self) -> Vec<(usize, &Candidate)> {
        let Some(best) = self.best.map(|b| &self.tried[b]) else { return Vec::new() };
        let mut out = Vec::new();
        for (axis, pick) in best.picks.iter().enumerate() {
            let Pick::Drawn(at) = pick else { continue };
            let mut sides: [Option<(i64, &Candidate)>; 2] = [None, None];
            for c in self.tried.iter().filter(|c| !c.fits) {
                let same = c.picks.iter().zip(&best.picks).enumerate().all(|(i, (a, b))| i == axis || a == b);
                let Pick::Drawn(n) = c.picks[axis] else { continue };
                if !same || n == *at {
                    continue;
                }
                let side = &mut sides[usize::from(n > *at)];
                if side.is_none_or(|(d, _)| (n - at).abs() < d) {
                    *side = Some(((n - at).abs(), c));
                }
            }
            out.extend(sides.into_iter().flatten().map(|(_, c)| (axis, c)));
        }
        out
    }
}
