//! The search of `skmem tune`: a coarse grid, then finer ones around the best.
//!
//! Every candidate is run under every condition and repetition, with the same seeds for all candidates, so that
//! candidates differ by their settings alone. One that breaks a constraint in any run, or cannot be run, is out. Of the
//! others the best objective wins; of equals the one that does not stand between values that fail, then the one that takes
//! less memory, then the one that comes first. A round of refinement tries, along every numeric axis, the middles between the
//! best value and its neighbours, alone and in combination. At the end every value of every axis is tried beside the best
//! ones of the others, so that what is said of its neighbours is so. The order of everything is fixed: the same plan gives the
//! same answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};

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
    // After the rounds of refinement come those that look around; each but the last has found a better candidate.
    for round in 0.. {
        next.retain(|p| !tried.contains_key(p));
        next.sort();
        next.dedup();
        if next.is_empty() && round > tune.rounds {
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
        let Some(best) = best(tune, &tried) else { break };
        if stop.load(Ordering::Relaxed) {
            break;
        }
        next =
            if round < tune.rounds { around(plan, &best.picks, &tried) } else { beside(plan, &best.picks) };
    }
    let before = evaluated(plan, tune, &conditions, Vec::new());
    let chosen = best(tune, &tried).map(|b| b.picks.clone());
    let tried: Vec<Candidate> = tried.into_values().collect();
    let best = chosen.and_then(|picks| tried.iter().position(|c| c.picks == picks));
    Tuned { tried, best, before, runs: conditions.len() }
}

/// The kernels that a candidate is run on.
pub(crate) fn kernels(plan: &Plan, tune: &TunePlan, picks: &[Pick]) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for mut o in conditions(plan, tune) {
        axis::apply(&plan.space.axes, picks, &mut o);
        let kernel = o.kernel.unwrap_or_else(|| plan.base.scenario.kernel().to_owned());
        if !out.contains(&kernel) {
            out.push(kernel);
        }
    }
    out
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
fn best<'a>(tune: &TunePlan, tried: &'a BTreeMap<Vec<Pick>, Candidate>) -> Option<&'a Candidate> {
    let most = tried.values().filter(|c| c.fits).map(|c| worth(tune, c)).max()?;
    let equal = tried.values().filter(|c| c.fits && worth(tune, c) == most);
    // What fits where nothing fails is sure, and needs no further look.
    if tried.values().all(|c| c.fits) {
        return equal.min_by_key(|c| c.memory);
    }
    let mut lines: BTreeMap<(usize, Vec<Pick>), Vec<&Candidate>> = BTreeMap::new();
    for (c, axis) in tried.values().flat_map(|c| (0..c.picks.len()).map(move |axis| (c, axis))) {
        lines.entry((axis, others(&c.picks, axis))).or_default().push(c);
    }
    let unsure = |c: &Candidate| {
        let chance = |axis: &usize| surer(&lines[&(*axis, others(&c.picks, *axis))], c, *axis).is_some();
        (0..c.picks.len()).filter(chance).count()
    };
    equal.min_by_key(|c| (unsure(c), c.memory))
}

/// The values of all axes but one.
fn others(picks: &[Pick], axis: usize) -> Vec<Pick> {
    picks.iter().enumerate().filter(|(i, _)| *i != axis).map(|(_, p)| *p).collect()
}

/// The objective, larger for the better.
fn worth(tune: &TunePlan, c: &Candidate) -> Option<i64> {
    c.objective.map(|o| if tune.maximize { o } else { o.saturating_neg() })
}

/// Where numbers on both sides of a candidate fail although the values beyond them fit: the nearest one from which on all
/// that were tried fit, upwards if there is one.
fn surer<'a>(along: &[&'a Candidate], c: &Candidate, axis: usize) -> Option<&'a Candidate> {
    if along.iter().any(|c| matches!(c.picks[axis], Pick::Listed(_))) {
        return None;
    }
    let at = along.iter().position(|o| o.picks == c.picks)?;
    let (first, last) =
        (along[..at].iter().position(|c| !c.fits)?, along[at..].iter().rposition(|c| !c.fits)?);
    along.get(at + last + 1).or_else(|| along[..first].last()).copied()
}

/// Axes that are refined in combination: 3 to this power candidates.
const TOGETHER: usize = 4;

/// Values of one axis that are tried beside the best ones of the others.
const BESIDE: usize = 64;

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

/// Every value of each axis beside the best ones of the others.
fn beside(plan: &Plan, best: &[Pick]) -> Vec<Vec<Pick>> {
    let mut out = Vec::new();
    for (i, axis) in plan.space.axes.iter().enumerate() {
        // A long range has been refined around the best value.
        for v in (0..axis.values.len()).take(BESIDE) {
            let mut one = best.to_vec();
            one[i] = Pick::Listed(v);
            out.push(exact(plan, one));
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
        let Some(best) = self.best.map(|b| others(&self.tried[b].picks, axis)) else { return Vec::new() };
        self.tried.iter().filter(|c| others(&c.picks, axis) == best).collect()
    }

    /// Along an axis, where numbers on both sides of the best one fail although values beyond them fit: the nearest candidate
    /// from which on everything that was tried fits. What fits before it does so by a chance of timing.
    pub fn surer(&self, axis: usize) -> Option<&Candidate> {
        surer(&self.along(axis), &self.tried[self.best?], axis)
    }

    /// The best of the candidates that fit and come to another objective than the best one.
    pub fn second(&self, tune: &TunePlan) -> Option<&Candidate> {
        let first = self.tried[self.best?].objective;
        let others = self.tried.iter().filter(|c| c.fits && c.objective != first);
        others.max_by_key(|c| (worth(tune, c), c.memory.saturating_neg(), std::cmp::Reverse(&c.picks)))
    }

    /// Candidates that differ from the best along one axis alone, nearest first on each side, as far as the first that
    /// does not fit: the axis, and the candidate.
    pub fn failing_neighbours(&self) -> Vec<(usize, &Candidate)> {
        let Some(best) = self.best.map(|b| &self.tried[b]) else { return Vec::new() };
        let mut out = Vec::new();
        for (axis, pick) in best.picks.iter().enumerate() {
            let Pick::Drawn(at) = pick else { continue };
            let mut sides: [Option<(i64, &Candidate)>; 2] = [None, None];
            for c in self.along(axis).into_iter().filter(|c| !c.fits) {
                let Pick::Drawn(n) = c.picks[axis] else { continue };
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;
    use scenarios::Source;

    fn candidate(at: i64, objective: i64, fits: bool, memory: i64) -> Candidate {
        Candidate {
            picks: vec![Pick::Drawn(at)],
            objective: Some(objective),
            runs: Vec::new(),
            worst: Vec::new(),
            memory,
            error: None,
            fits,
        }
    }

    fn chosen(candidates: &[Candidate]) -> Option<Pick> {
        let text =
            "base: {kernel: 6.1, stop: {after: 1ms}}\naxes: {path.rtt: [1ms]}\ntune: {maximize: fitted}\n";
        let plan = Plan::read(&Source::new("p", text), &|_| Err(String::new())).unwrap();
        let tried = candidates.iter().map(|c| (c.picks.clone(), c.clone())).collect();
        best(plan.tune.as_ref().unwrap(), &tried).map(|c| c.picks[0])
    }

    #[test]
    fn of_equals_the_one_between_values_that_fail_is_not_chosen() {
        let island = [
            candidate(1, 5, false, 1),
            candidate(2, 9, true, 1),
            candidate(3, 9, false, 1),
            candidate(4, 9, true, 7),
            candidate(5, 8, true, 2),
        ];
        // 2 takes less memory, but it fits by a chance: from 4 on all do.
        assert_eq!(chosen(&island), Some(Pick::Drawn(4)));
        // Where nothing beyond it fits, it is a window and no chance.
        assert_eq!(chosen(&island[..3]), Some(Pick::Drawn(2)));
        // A better objective wins all the same.
        let mut better = island.to_vec();
        better[1].objective = Some(10);
        assert_eq!(chosen(&better), Some(Pick::Drawn(2)));
        // And of sure ones the one that takes less memory.
        assert_eq!(
            chosen(&[candidate(1, 9, true, 3), candidate(2, 9, true, 2), candidate(3, 1, false, 1)]),
            Some(Pick::Drawn(2))
        );
    }
}
