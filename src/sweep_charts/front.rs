//! Pareto fronts: of two measures the points that no other beats in one without falling behind in the other.

use std::collections::BTreeMap;

use plots::{Across, Mark, Series, Tone, XyChart, XyPanel, XyPoint};
use sweeps::{FramePoint, Goal};

use super::{Drawn, View, label, tone};

/// One candidate of a front: the values of its axes, and where it lies.
#[derive(Clone, PartialEq, Debug)]
struct Placed {
    picks: Vec<usize>,
    at: XyPoint,
}

pub(super) fn draw(v: &View<'_>, size: (u32, u32)) -> Result<Drawn, String> {
    let [first, second] = v.spec.goals.as_slice() else {
        return Err("a front needs two measures".to_owned());
    };
    let ((a, kind_a), (b, kind_b)) = (v.measure(first)?, v.measure(second)?);
    let more = [first.more, second.more];
    // What tells candidates of one panel apart.
    let held =
        |i: &usize| v.panels.contains(i) || v.over.contains(i) || v.at.iter().any(|(axis, _)| axis == i);
    let varied: Vec<usize> =
        (0..v.frame.axes.len()).filter(|i| v.frame.axes[*i].values.len() > 1 && !held(i)).collect();
    let mut panels = Vec::new();
    for (title, points) in v.divided()? {
        let means = points.into_iter().filter_map(|p| Some((p, [p.spread(a)?.mean, p.spread(b)?.mean])));
        let placed = candidates(means, &v.over, more);
        let mut series: BTreeMap<usize, Vec<XyPoint>> = BTreeMap::new();
        for c in &placed {
            series.entry(v.color.map_or(0, |axis| c.picks[axis])).or_default().push(c.at);
        }
        let dots = series.into_iter().map(|(color, points)| {
            let axis = v.color.map(|c| &v.frame.axes[c]);
            Series {
                name: axis.map_or_else(|| "a point".to_owned(), |a| label(a, color)),
                tone: axis.map_or(Tone::Word(0), |a| tone(a, color)),
                mark: Mark::Dots,
                points,
            }
        });
        let best = front(&placed, more);
        let said = |c: &Placed| {
            let each = varied.iter().map(|i| label(&v.frame.axes[*i], c.picks[*i]));
            each.collect::<Vec<_>>().join(", ")
        };
        let ink = |name: &str, mark| Series {
            name: name.to_owned(),
            tone: Tone::Ink,
            mark,
            points: best.iter().map(|c| c.at).collect(),
        };
        // The dots lie on the rings, too, and show their colours.
        let dots: Vec<Series> = dots.collect();
        let unnamed = dots.iter().map(|s| Series { name: String::new(), ..s.clone() }).collect::<Vec<_>>();
        let line = [ink("not beaten in both", Mark::Dashed), ink("", Mark::Rings)];
        let series: Vec<Series> = dots.into_iter().chain(line).chain(unnamed).collect();
        panels.push(XyPanel {
            title,
            label: axis_name(second),
            kind: kind_b,
            series,
            levels: Vec::new(),
            notes: best.iter().map(|c| (c.at.x, c.at.y, said(c))).collect(),
        });
    }
    let names =
        |axes: &[usize]| axes.iter().map(|i| v.frame.axes[*i].name.as_str()).collect::<Vec<_>>().join(", ");
    let mut what = format!("{} and {}", first.measure, second.measure);
    if !varied.is_empty() {
        what.push_str(&format!("; beside the line: {}", names(&varied)));
    }
    let mut settings = v.settings(&what, size);
    // A point of a front has no whiskers.
    for s in &mut settings.settings {
        if let Some((mean, _)) = s.split_once("; whiskers") {
            *s = mean.to_owned();
        }
    }
    if !v.over.is_empty() {
        settings.settings.push(format!("each at its worst over {}", names(&v.over)));
    }
    let legend = v.color.map_or_else(String::new, |c| v.frame.axes[c].name.clone());
    XyChart::from(Across::Numbers(axis_name(first), kind_a), panels, legend, settings)
        .map(|c| Box::new(c.with_columns(v.columns())) as Drawn)
        .map_err(|e| e.to_string())
}

fn axis_name(goal: &Goal) -> String {
    format!("{} ({} is better)", goal.measure, if goal.more { "more" } else { "less" })
}

/// The points of a panel, those that differ by the axes `over` alone as one at the worst of each measure. One that has no
/// figures under some of the conditions that others have is no candidate.
fn candidates<'a>(
    points: impl Iterator<Item = (&'a FramePoint, [f64; 2])>,
    over: &[usize],
    more: [bool; 2],
) -> Vec<Placed> {
    let mut found: BTreeMap<Vec<usize>, (usize, [f64; 2])> = BTreeMap::new();
    for (p, means) in points {
        let mut picks = p.picks.clone();
        over.iter().for_each(|axis| picks[*axis] = 0);
        let (n, worst) = found.entry(picks).or_insert((0, means));
        *n += 1;
        for ((w, m), more) in worst.iter_mut().zip(means).zip(more) {
            *w = if more { w.min(m) } else { w.max(m) };
        }
    }
    let all = found.values().map(|(n, _)| *n).max().unwrap_or(0);
    let whole = found.into_iter().filter(|(_, (n, _))| *n == all);
    whole.map(|(picks, (_, [x, y]))| Placed { picks, at: XyPoint::at(x, y) }).collect()
}

/// The candidates that no other beats in one measure without falling behind in the other, from left to right. Equal ones
/// are one.
fn front(placed: &[Placed], more: [bool; 2]) -> Vec<&Placed> {
    let worth = |c: &Placed| [if more[0] { c.at.x } else { -c.at.x }, if more[1] { c.at.y } else { -c.at.y }];
    let mut sorted: Vec<&Placed> = placed.iter().collect();
    sorted.sort_by(|p, q| {
        let ([p0, p1], [q0, q1]) = (worth(p), worth(q));
        q0.total_cmp(&p0).then(q1.total_cmp(&p1))
    });
    let mut best = f64::NEG_INFINITY;
    let mut out = Vec::new();
    for c in sorted {
        let [_, second] = worth(c);
        if second > best {
            best = second;
            out.push(c);
        }
    }
    out.sort_by(|p, q| p.at.x.total_cmp(&q.at.x));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_front_has_what_nothing_beats_in_both() {
        let placed = [(1.0, 1.0), (2.0, 5.0), (3.0, 3.0), (3.0, 9.0), (4.0, 9.0), (2.0, 5.0)]
            .map(|(x, y)| Placed { picks: Vec::new(), at: XyPoint::at(x, y) });
        let found = |more| front(&placed, more).iter().map(|c| (c.at.x, c.at.y)).collect::<Vec<_>>();
        assert_eq!(found([true, false]), [(1.0, 1.0), (3.0, 3.0), (4.0, 9.0)]);
        assert_eq!(found([true, true]), [(4.0, 9.0)]);
        assert_eq!(found([false, true]), [(1.0, 1.0), (2.0, 5.0), (3.0, 9.0)]);
    }

    #[test]
    fn over_conditions_the_worst_of_each_measure_counts() {
        // The first axis is a setting, the second a condition; setting 2 has no figures under one.
        let rows = [
            ([0, 0], [10.0, 5.0]),
            ([0, 1], [4.0, 7.0]),
            ([1, 0], [6.0, 6.0]),
            ([1, 1], [5.0, 2.0]),
            ([2, 0], [99.0, 1.0]),
        ];
        let points: Vec<FramePoint> =
            rows.iter().map(|(picks, _)| FramePoint { picks: picks.to_vec(), values: Vec::new() }).collect();
        let means = || points.iter().zip(rows.iter().map(|(_, m)| *m));
        let worst = candidates(means(), &[1], [true, false]);
        let at: Vec<(usize, f64, f64)> = worst.iter().map(|c| (c.picks[0], c.at.x, c.at.y)).collect();
        assert_eq!(at, [(0, 4.0, 7.0), (1, 5.0, 6.0)]);
        assert_eq!(candidates(means(), &[], [true, false]).len(), 5);
    }
}
