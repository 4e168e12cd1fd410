//! Percentiles in constant memory: a histogram whose buckets are equally wide within each power of two.

/// Buckets per power of two.
const STEPS: u64 = 64;
/// `STEPS` as a power of two.
const STEP_BITS: u32 = STEPS.ilog2();

/// A weighted histogram of nanoseconds (or any other integers).
///
/// Values below 64 have a bucket each; from there on each power of two is cut into 64 buckets. A percentile is the
/// largest value of its bucket, or the largest value seen if that is less: it is never below the exact one, and above
/// it by less than 1/64 (1.6 %). Memory grows with the logarithm of the ratio of the largest to the smallest value, to
/// 30 KB at most.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Histogram {
    /// The buckets from the smallest to the largest that has any weight.
    weights: Vec<u64>,
    /// The number of the first of them.
    first: usize,
    total: u64,
    max: u64,
}

impl Histogram {
    /// Adds `value` with a weight, such as bytes; nothing if the weight is 0.
    pub fn add(&mut self, value: u64, weight: u64) {
        if weight == 0 {
            return;
        }
        let at = bucket(value);
        self.cover(at, at);
        self.weights[at - self.first] += weight;
        self.total += weight;
        self.max = self.max.max(value);
    }

    /// The smallest value that at least `percent` of the weight does not exceed (nearest rank); `None` of nothing.
    pub fn percentile(&self, percent: u32) -> Option<u64> {
        if self.total == 0 {
            return None;
        }
        let rank = (u128::from(self.total) * u128::from(percent.min(100))).div_ceil(100).max(1);
        let mut seen = 0_u128;
        let at = self.weights.iter().position(|w| {
            seen += u128::from(*w);
            seen >= rank
        })?;
        Some(largest(self.first + at).min(self.max))
    }

    /// Makes room for the buckets from `first` to `last`.
    fn cover(&mut self, first: usize, last: usize) {
        if self.weights.is_empty() {
            self.first = first;
        } else if first < self.first {
            self.weights.splice(..0, std::iter::repeat_n(0, self.first - first));
            self.first = first;
        }
        if last - self.first >= self.weights.len() {
            self.weights.resize(last - self.first + 1, 0);
        }
    }

    /// The largest value, exactly; `None` of nothing.
    pub fn max(&self) -> Option<u64> {
        (self.total > 0).then_some(self.max)
    }

    /// The sum of all weights.
    pub const fn weight(&self) -> u64 {
        self.total
    }

    /// Takes in another histogram.
    pub fn merge(&mut self, other: &Self) {
        if other.total == 0 {
            return;
        }
        self.cover(other.first, other.first + other.weights.len() - 1);
        for (w, o) in self.weights[other.first - self.first..].iter_mut().zip(&other.weights) {
            *w += o;
        }
        self.total += other.total;
        self.max = self.max.max(other.max);
    }
}

/// The bucket of a value.
fn bucket(value: u64) -> usize {
    let octave = value.checked_ilog2().unwrap_or(0).saturating_sub(STEP_BITS);
    // At most 57 * 64 + 127: fits any usize.
    (u64::from(octave) * STEPS + (value >> octave)) as usize
}

/// The largest value of a bucket.
fn largest(at: usize) -> u64 {
    let at = at as u64;
    if at < 2 * STEPS {
        return at;
    }
    let octave = at / STEPS - 1;
    let step = at - octave * STEPS;
    // The last value before the next bucket; the very last bucket ends at the largest number there is.
    (step << octave) | ((1 << octave) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_follow_each_other_without_gap_up_to_the_largest_number() {
        let mut next = 0_u64;
        for at in 0.. {
            assert_eq!(bucket(next), at, "{next}");
            let last = largest(at);
            assert_eq!(bucket(last), at, "{last}");
            // The relative error that the documentation states.
            assert!((last - next) < next.max(1).div_ceil(64).max(1), "{next} to {last}");
            match last.checked_add(1) {
                Some(n) => next = n,
                None => {
                    assert!(at * 8 < 30_500, "{at} buckets");
                    return;
                }
            }
        }
    }

    #[test]
    fn the_order_in_which_values_come_makes_no_difference_and_large_values_cost_no_memory() {
        let of = |values: &[u64]| {
            let mut h = Histogram::default();
            values.iter().for_each(|v| h.add(*v, 2));
            h
        };
        let h = of(&[5, 3_000_000_000, 70, u64::MAX]);
        assert_eq!(h, of(&[u64::MAX, 70, 5, 3_000_000_000]));
        for split in 0..4 {
            let (a, b) = [5, 3_000_000_000, 70, u64::MAX].split_at(split);
            let mut merged = of(b);
            merged.merge(&of(a));
            assert_eq!(merged, h, "{split}");
        }
        assert_eq!(
            (h.percentile(25), h.percentile(50), h.percentile(100)),
            (Some(5), Some(70), Some(u64::MAX))
        );
        assert_eq!(of(&[3_000_000_000]).weights.len(), 1);
    }

    #[test]
    fn percentiles_are_nearest_ranks_by_weight() {
        let mut h = Histogram::default();
        assert_eq!((h.percentile(50), h.max()), (None, None));
        h.add(7, 0);
        assert_eq!(h.percentile(50), None);
        for v in 1..=50 {
            h.add(v, 1);
        }
        assert_eq!((h.percentile(0), h.percentile(50), h.percentile(90)), (Some(1), Some(25), Some(45)));
        h.add(1_000_000, 50);
        assert_eq!(
            (h.percentile(50), h.percentile(51), h.percentile(100)),
            (Some(50), Some(1_000_000), Some(1_000_000))
        );
        assert_eq!((h.max(), h.weight()), (Some(1_000_000), 100));
    }

    #[test]
    fn merging_is_adding() {
        let (mut a, mut b, mut both) = (Histogram::default(), Histogram::default(), Histogram::default());
        for v in [3, 900, 70_000] {
            a.add(v, 2);
            both.add(v, 2);
        }
        for v in [5, 1 << 40] {
            b.add(v, 9);
            both.add(v, 9);
        }
        a.merge(&b);
        assert_eq!(a, both);
    }
}
