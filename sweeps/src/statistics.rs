//! What repetitions say together: mean, interval, quartiles. Plain arithmetic, the same on every platform.

/// Values of the repetitions of one point, summed up.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Spread {
    /// How many there are.
    pub count: usize,
    /// The mean.
    pub mean: f64,
    /// Half the width of the interval that holds the true mean in 95 of 100 cases, by Student's t with `count - 1`
    /// degrees of freedom; 0 for a single value, which says nothing about it.
    pub half: f64,
    /// The median.
    pub median: f64,
}

impl Spread {
    /// Sums up values; `None` without any.
    pub fn of(values: &[i64]) -> Option<Self> {
        let count = values.len();
        let mut sorted = values.to_vec();
        sorted.sort_unstable();
        let median = match (sorted.get(count / 2), sorted.get(count.wrapping_sub(1) / 2)) {
            (Some(a), Some(b)) => (*a as f64 + *b as f64) / 2.0,
            _ => return None,
        };
        let sum: i128 = values.iter().map(|v| i128::from(*v)).sum();
        let squares: i128 = values.iter().map(|v| i128::from(*v) * i128::from(*v)).sum();
        let mean = sum as f64 / count as f64;
        Some(Self { count, mean, half: half_width(count as u64, sum, squares), median })
    }
}

/// Half the 95 % interval of the mean of `count` values with this sum and this sum of squares.
pub(crate) fn half_width(count: u64, sum: i128, squares: i128) -> f64 {
    if count < 2 {
        return 0.0;
    }
    let n = i128::from(count);
    // Exact up to here: differences of large squares lose nothing. Sums beyond that are no byte count of this world.
    let scaled = n.checked_mul(squares).zip(sum.checked_mul(sum)).map_or(0, |(a, b)| a - b);
    let variance = scaled.max(0) as f64 / (n * (n - 1)) as f64;
    student_95(count - 1) * (variance / count as f64).sqrt()
}

/// The 97.5th percentile of Student's t for 1 to 30 degrees of freedom.
const T: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
];

/// The factor of a two-sided 95 % interval: a table up to 30 degrees of freedom, beyond it the expansion about the normal
/// quantile (Abramowitz and Stegun 26.7.5), which is right to three decimals there.
pub fn student_95(freedom: u64) -> f64 {
    if let Some(t) = usize::try_from(freedom).ok().and_then(|f| T.get(f.wrapping_sub(1))) {
        return *t;
    }
    let (z, f) = (1.959_964_f64, freedom.max(1) as f64);
    let cube = z * z * z;
    z + (cube + z) / (4.0 * f) + (5.0 * cube * z * z + 16.0 * cube + 3.0 * z) / (96.0 * f * f)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_those_of_the_tables() {
        // Mean 10, standard deviation 2.5820, standard error 1.2910, t(3) 3.182.
        let s = Spread::of(&[7, 9, 11, 13]).unwrap();
        assert_eq!((s.count, s.mean, s.median), (4, 10.0, 10.0));
        assert!((s.half - 4.108).abs() < 1e-3, "{s:?}");
        for (freedom, t) in [(1, 12.706), (10, 2.228), (30, 2.042), (40, 2.021), (60, 2.000), (120, 1.980)] {
            assert!((student_95(freedom) - t).abs() < 1e-3, "{freedom} {}", student_95(freedom));
        }
        assert!((student_95(30) - student_95(31)).abs() < 0.003);
    }

    #[test]
    fn equal_values_have_no_interval_however_large_they_are() {
        assert_eq!(Spread::of(&[i64::MAX / 4; 7]).unwrap().half, 0.0);
        assert_eq!(Spread::of(&[5]).unwrap().half, 0.0);
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn the_interval_holds_the_mean_about_as_often_as_it_says() {
        // Sums of 12 numbers from a fixed generator, in groups of 8: the true mean is 6000.
        let mut state = 1_u64;
        let mut draw = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 33) % 1_001) as i64
        };
        let groups = 2_000;
        let hits = (0..groups)
            .filter(|_| {
                let values: Vec<i64> = (0..8).map(|_| (0..12).map(|_| draw()).sum()).collect();
                let s = Spread::of(&values).unwrap();
                (s.mean - 6_000.0).abs() <= s.half
            })
            .count();
        let share = hits as f64 / f64::from(groups);
        assert!((0.935..0.965).contains(&share), "{share}");
    }
}
