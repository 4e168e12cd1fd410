//! Random decisions of netem: correlated draws, and the tables of its delay distributions.
//!
//! The tables are inverse cumulative distributions of 4096 entries in units of 1/8192, as `tc` loads them. They are
//! computed in integers, so that every platform has the same.

use std::sync::LazyLock;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::RngCore;

use crate::config::{Chance, Distribution, Jitter, Probability};

/// Entries of a table.
const ENTRIES: usize = 4_096;
/// One standard deviation in a table (`NETEM_DIST_SCALE`).
const SCALE: i64 = 8_192;

/// Numbers of which each depends a little on the one before (`get_crandom`).
#[derive(Clone, Debug)]
pub(super) struct Draws {
    rng: ChaCha8Rng,
    correlation: Probability,
    last: u32,
}

impl Draws {
    pub(super) fn new(rng: ChaCha8Rng, correlation: Probability) -> Self {
        Self { rng, correlation, last: 0 }
    }

    /// The next number, without correlation.
    pub(super) fn plain(&mut self) -> u32 {
        self.rng.next_u32()
    }

    /// The next number: a weighted mean of a fresh one and the last.
    pub(super) fn next(&mut self) -> u32 {
        let fresh = self.plain();
        if self.correlation == Probability::NEVER {
            return fresh;
        }
        let rho = u128::from(self.correlation.0) + 1;
        let mean = (u128::from(fresh) * ((1 << 32) - rho) + u128::from(self.last) * rho) >> 32;
        self.last = mean as u32;
        self.last
    }
}

/// A yes or no with a given probability.
#[derive(Clone, Debug)]
pub(super) struct Coin {
    probability: Probability,
    draws: Draws,
}

impl Coin {
    pub(super) fn new(chance: Chance, rng: ChaCha8Rng) -> Self {
        Self { probability: chance.probability, draws: Draws::new(rng, chance.correlation) }
    }

    /// Tosses it. A probability of zero takes no number.
    pub(super) fn toss(&mut self) -> bool {
        self.probability != Probability::NEVER && self.probability.0 >= self.draws.next()
    }
}

/// Draws delays around a mean (`tabledist`).
#[derive(Clone, Debug)]
pub(super) struct Spread {
    jitter: i64,
    table: Option<&'static [i16; ENTRIES]>,
    draws: Draws,
}

impl Spread {
    pub(super) fn new(jitter: Jitter, rng: ChaCha8Rng) -> Self {
        Self {
            jitter: i64::try_from(jitter.mean.as_nanos()).unwrap_or(i64::MAX).min(i64::from(i32::MAX)),
            table: match jitter.distribution {
                Distribution::Uniform => None,
                Distribution::Normal => Some(&NORMAL),
                Distribution::Pareto => Some(&PARETO),
                Distribution::ParetoNormal => Some(&PARETO_NORMAL),
            },
            draws: Draws::new(rng, jitter.correlation),
        }
    }

    /// The next deviation from the delay, nanoseconds; it may be negative.
    pub(super) fn next(&mut self) -> i64 {
        if self.jitter == 0 {
            return 0;
        }
        let draw = self.draws.next();
        let Some(table) = self.table else { return i64::from(draw) % (2 * self.jitter) - self.jitter };
        let t = i64::from(table[draw as usize % ENTRIES]);
        // The part of the jitter below a scale unit is rounded, away from zero.
        let small = self.jitter % SCALE * t;
        let half = if small >= 0 { SCALE / 2 } else { -SCALE / 2 };
        (small + half) / SCALE + self.jitter / SCALE * t
    }
}

/// The quantiles of the standard normal distribution.
///
/// One step of the table's unit is a step of the density's abscissa, so the quantiles are found by summing the
/// density until the next probability is passed.
static NORMAL: LazyLock<[i16; ENTRIES]> = LazyLock::new(|| {
    /// Fixed point of the density.
    const ONE: u128 = 1 << 62;
    /// The sum of the density over all steps: sqrt(2 pi) times 8192, in thousand millionths.
    const TOTAL: u128 = 20_534_298_825_777;
    let mut table = [0_i16; ENTRIES];
    let mul = |a: u128, b: u128| (a * b + ONE / 2) >> 62;
    // exp(-2^-26) and exp(-2^-27), each by the first terms of its series.
    let q = ONE - (ONE >> 26) + (ONE >> 53);
    let (mut density, mut ratio) = (ONE, ONE - (ONE >> 27) + (ONE >> 55));
    // The sum from 0 to the middle between this step and the next.
    let mut sum = ONE / 2;
    let mut step = 0;
    for k in 0..ENTRIES / 2 {
        // Probability above the median of the entry at this distance from it: (k + 1/2) / 4096.
        let want = TOTAL * (ONE / 1_000_000_000) / (2 * ENTRIES as u128) * (2 * k as u128 + 1);
        while sum < want && step < i64::from(i16::MAX) {
            step += 1;
            density = mul(density, ratio);
            ratio = mul(ratio, q);
            sum += density;
        }
        table[ENTRIES / 2 + k] = step as i16;
        table[ENTRIES / 2 - 1 - k] = -(step as i16);
    }
    table
});

/// The quantiles of the Pareto distribution of shape 3, with mean 0, stretched by 4/3.
static PARETO: LazyLock<[i16; ENTRIES]> = LazyLock::new(|| {
    std::array::from_fn(|k| {
        // 4/3 (u^(-1/3) - 3/2) with u = (8192 - 2 k - 1) / 8192, counted from the common end.
        let u = 2 * (ENTRIES - k) as u128 - 1;
        let root = cube_root((8_192_u128 << 90) / u);
        let scaled = (root as i128 * 8_192 * 4 / 3) >> 30;
        (scaled - 2 * 8_192).min(i128::from(i16::MAX)) as i16
    })
});

/// A quarter of the one and three quarters of the other.
static PARETO_NORMAL: LazyLock<[i16; ENTRIES]> = LazyLock::new(|| {
    std::array::from_fn(|k| {
        let sum = i32::from(NORMAL[k]) + 3 * i32::from(PARETO[k]);
        (sum.div_euclid(4)) as i16
    })
});

/// The largest integer whose cube is at most `n`.
fn cube_root(n: u128) -> u128 {
    let mut root = 0_u128;
    for bit in (0..42).rev() {
        let next = root | 1 << bit;
        if next * next * next <= n {
            root = next;
        }
    }
    root
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, stream};
    use crate::time::SimDuration;

    fn rng() -> ChaCha8Rng {
        stream(1, Purpose::JitterForward, 0)
    }

    /// The entry at `num / den` of the way through a table.
    fn at(table: &[i16; ENTRIES], num: usize, den: usize) -> i16 {
        table[ENTRIES * num / den]
    }

    #[test]
    fn the_normal_table_holds_the_known_quantiles() {
        // 0.6745, 1.2816, 1.6449 and 2.3263 standard deviations: three quarters, 90, 95 and 99 per cent.
        for (num, den, z) in [(3, 4, 0.674_49), (90, 100, 1.281_55), (95, 100, 1.644_85), (99, 100, 2.326_35)]
        {
            let got = f64::from(at(&NORMAL, num, den)) / 8_192.0;
            assert!((got - z).abs() < 0.01, "{num}/{den}: {got} for {z}");
        }
        // The last of 4096 entries is the quantile of 1 - 1/8192: 3.668 standard deviations.
        assert!((30_040..=30_060).contains(&NORMAL[ENTRIES - 1]), "{}", NORMAL[ENTRIES - 1]);
        assert!(NORMAL.is_sorted() && (0..ENTRIES).all(|k| NORMAL[k] == -NORMAL[ENTRIES - 1 - k]));
        let square: i64 = NORMAL.iter().map(|&t| i64::from(t) * i64::from(t)).sum();
        let variance = square / ENTRIES as i64;
        assert!((variance - SCALE * SCALE).abs() < SCALE * SCALE / 500, "{variance}");
    }

    #[test]
    fn the_pareto_table_has_mean_zero_but_for_its_cut_tail() {
        // Median: 4/3 (2^(1/3) - 3/2) = -0.32; the least value is 4/3 (1 - 3/2) = -2/3.
        assert!((i64::from(at(&PARETO, 1, 2)) - -2_622).abs() <= 3, "{}", at(&PARETO, 1, 2));
        assert_eq!(PARETO[0], -5_461);
        assert_eq!(PARETO[ENTRIES - 1], i16::MAX);
        let mean = PARETO.iter().map(|&t| i64::from(t)).sum::<i64>() / ENTRIES as i64;
        // What is cut above 4 standard units is 4/3 * 4.5^-3 * 4.5/2 = 3.3 % of one.
        assert!((-275..=-265).contains(&mean), "{mean}");
        assert!(PARETO.is_sorted() && PARETO_NORMAL.is_sorted());
        assert_eq!(PARETO_NORMAL[ENTRIES / 2], -1_966);
    }

    #[test]
    fn deviations_stay_within_the_shape_and_meet_its_moments() {
        let mean = SimDuration::from_millis(1);
        let draw = |distribution| {
            let mut s = Spread::new(Jitter { mean, correlation: Probability::NEVER, distribution }, rng());
            (0..40_000).map(|_| s.next()).collect::<Vec<i64>>()
        };
        let uniform = draw(Distribution::Uniform);
        assert!(uniform.iter().all(|d| (-1_000_000..1_000_000).contains(d)));
        let average = |v: &[i64]| v.iter().sum::<i64>() / v.len() as i64;
        assert!(average(&uniform).abs() < 15_000, "{}", average(&uniform));
        let normal = draw(Distribution::Normal);
        let inside = normal.iter().filter(|d| d.abs() <= 1_000_000).count();
        assert!((26_900..27_700).contains(&inside), "{inside} of 40000 within one standard deviation");
        let pareto = draw(Distribution::Pareto);
        assert_eq!(pareto.iter().min(), Some(&-666_626));
    }

    #[test]
    fn a_correlated_draw_moves_little() {
        let mut free = Draws::new(rng(), Probability::NEVER);
        let mut bound = Draws::new(rng(), Probability::of(9, 10));
        let step = |d: &mut Draws| {
            let v: Vec<i64> = (0..1_000).map(|_| i64::from(d.next())).collect();
            v.windows(2).map(|w| (w[1] - w[0]).abs()).sum::<i64>() / 999
        };
        assert!(step(&mut bound) * 5 < step(&mut free));
    }

    #[test]
    fn a_coin_that_cannot_fall_takes_no_number_and_one_that_must_always_falls() {
        let mut never = Coin::new(Chance::default(), rng());
        assert!((0..100).all(|_| !never.toss()));
        assert_eq!(never.draws.plain(), Draws::new(rng(), Probability::NEVER).plain());
        let sure = Chance { probability: Probability::ALWAYS, correlation: Probability::NEVER };
        let mut always = Coin::new(sure, rng());
        assert!((0..100).all(|_| always.toss()));
    }

    #[test]
    fn probabilities_round_to_the_nearest_part() {
        assert_eq!(Probability::of(1, 2), Probability(0x8000_0000));
        assert_eq!(Probability::of(1, 100), Probability(42_949_673));
        assert_eq!(Probability::of(2, 1), Probability::ALWAYS);
        assert_eq!(Probability::of(1, 3).complement(), Probability(0xaaaa_aaaa));
    }
}
