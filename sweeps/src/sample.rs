//! Points: every one is a pure function of the plan and its number.

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::axis::{Axis, Pick, Setting};
use crate::filter::Filter;

/// How points are taken from the axes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sample {
    /// Every combination of values; the last axis moves fastest.
    Grid,
    /// So many independent points; ranges give any value between their ends.
    Random(u64),
    /// So many points, such that each axis is divided into as many equal parts and each part is used once.
    LatinHypercube(u64),
}

impl std::fmt::Display for Sample {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Grid => f.write_str("grid"),
            Self::Random(n) => write!(f, "random: {n}"),
            Self::LatinHypercube(n) => write!(f, "latin-hypercube: {n}"),
        }
    }
}

/// One combination of values.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Point {
    /// Its number; those of points that a filter leaves out are not used again.
    pub number: u64,
    /// The value of each axis.
    pub picks: Vec<Pick>,
}

/// The axes and how points are taken from them.
#[derive(Clone, PartialEq, Debug)]
pub struct Space {
    /// What varies.
    pub axes: Vec<Axis>,
    /// How points are taken.
    pub sample: Sample,
    /// Which of them are run.
    pub filters: Vec<Filter>,
    /// Decides samples and seeds.
    pub seed: u64,
}

impl Space {
    /// Numbers there are, points that filters leave out included; `None` if they are beyond counting.
    pub fn numbers(&self) -> Option<u64> {
        match self.sample {
            Sample::Grid => self.axes.iter().try_fold(1_u64, |n, a| n.checked_mul(a.values.len() as u64)),
            Sample::Random(n) | Sample::LatinHypercube(n) => Some(n),
        }
    }

    /// Point number `number`; `None` if a filter leaves it out.
    pub fn point(&self, number: u64) -> Option<Point> {
        let picks = self.picks(number);
        self.has(&picks).then_some(Point { number, picks })
    }

    /// Whether no filter leaves out a point with these values.
    pub(crate) fn has(&self, picks: &[Pick]) -> bool {
        self.filters.iter().all(|f| f.holds(picks))
    }

    /// All numbers with their values, whatever the filters say, in an order in which the first few come from all over.
    pub(crate) fn scattered(&self) -> impl Iterator<Item = Point> + '_ {
        let n = self.numbers().unwrap_or(u64::MAX);
        let numbers = (0..n).map(move |i| permute(i, n, 0));
        numbers.map(|number| Point { number, picks: self.picks(number) })
    }

    /// The values of point number `number`, whatever the filters say.
    pub fn picks(&self, number: u64) -> Vec<Pick> {
        match self.sample {
            Sample::Grid => {
                let mut rest = number;
                let mut picks = vec![Pick::Listed(0); self.axes.len()];
                for (pick, axis) in picks.iter_mut().zip(&self.axes).rev() {
                    let n = axis.values.len() as u64;
                    *pick = Pick::Listed((rest % n) as usize);
                    rest /= n;
                }
                picks
            }
            Sample::Random(_) => {
                self.axes.iter().map(|a| pick(a, unit(self.hash(a, "random", number)))).collect()
            }
            Sample::LatinHypercube(n) => {
                let share = |a: &Axis| {
                    let stratum = permute(number, n, self.hash(a, "strata", 0));
                    (stratum as f64 + unit(self.hash(a, "within", number))) / n as f64
                };
                self.axes.iter().map(|a| pick(a, share(a))).collect()
            }
        }
    }

    /// A number of its own for each axis, purpose and point: the draws of one axis do not move those of another.
    fn hash(&self, axis: &Axis, purpose: &str, number: u64) -> u64 {
        let stream = xxh3_64_with_seed(format!("{purpose} {}", axis.name).as_bytes(), self.seed);
        xxh3_64_with_seed(&number.to_le_bytes(), stream)
    }

    /// The seed of one repetition of a point: of what the point sets, not of its number, so that it stays when an
    /// axis gets another value. Small enough for a number of JSON.
    pub fn point_seed(&self, point: &Point, repeat: u32) -> u64 {
        let mut text = String::new();
        for (axis, pick) in self.axes.iter().zip(&point.picks) {
            for s in &axis.value(*pick).settings {
                match s {
                    Setting::Seed(n) => return *n,
                    Setting::Kernel(k) => text.push_str(k),
                    Setting::Key(k) => text.push_str(k),
                }
                text.push('\n');
            }
        }
        text.push_str(&repeat.to_string());
        xxh3_64_with_seed(text.as_bytes(), self.seed) >> 11
    }
}

/// A hash as a number from 0 to below 1.
fn unit(hash: u64) -> f64 {
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}

/// The value of an axis at a share of its length.
fn pick(axis: &Axis, share: f64) -> Pick {
    match &axis.range {
        Some(range) => Pick::Drawn(range.at(share)),
        None => {
            let n = axis.values.len();
            Pick::Listed(((share * n as f64) as usize).min(n - 1))
        }
    }
}

/// Where `i` of `0..n` goes in a permutation that `key` decides, without holding it in memory: a Feistel network
/// over the next even number of bits, walked until it is back within `0..n`.
fn permute(i: u64, n: u64, key: u64) -> u64 {
    let bits = (64 - n.saturating_sub(1).leading_zeros()).max(2).next_multiple_of(2);
    let half = bits / 2;
    let mask = (1_u64 << half) - 1;
    let mut x = i;
    loop {
        let (mut left, mut right) = (x >> half, x & mask);
        for round in 0..4_u64 {
            let mut block = [0_u8; 16];
            block[..8].copy_from_slice(&right.to_le_bytes());
            block[8..].copy_from_slice(&(key ^ round).to_le_bytes());
            (left, right) = (right, left ^ (xxh3_64(&block) & mask));
        }
        x = left << half | right;
        if x < n {
            return x;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permutation_uses_every_number_once() {
        for n in [1, 2, 3, 10, 100, 1_000] {
            let mut seen: Vec<u64> = (0..n).map(|i| permute(i, n, 77)).collect();
            assert!(n < 10 || seen != (0..n).collect::<Vec<_>>());
            seen.sort_unstable();
            assert_eq!(seen, (0..n).collect::<Vec<_>>());
        }
    }
}
