//! Delays of many packets in constant memory.

use crate::time::SimDuration;

/// Bits of a value that its class keeps: a class is at most 1/64 of its values wide.
const PRECISION: u32 = 6;
const PER_OCTAVE: usize = 1 << PRECISION;
/// Classes for all 64-bit values.
const CLASSES: usize = (64 - PRECISION as usize + 1) * PER_OCTAVE;

/// How long packets waited: how many, the mean and the maximum exactly, percentiles to within 1.6 %.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Delays {
    /// Counts by class; empty until something waited.
    classes: Vec<u64>,
    count: u64,
    sum: u128,
    max: u64,
}

impl Delays {
    /// Counts one delay.
    pub fn add(&mut self, delay: SimDuration) {
        let ns = delay.as_nanos();
        if self.classes.is_empty() {
            self.classes.resize(CLASSES, 0);
        }
        if let Some(n) = self.classes.get_mut(class(ns)) {
            *n += 1;
        }
        self.count += 1;
        self.sum += u128::from(ns);
        self.max = self.max.max(ns);
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The mean; zero if there is none.
    pub fn mean(&self) -> SimDuration {
        let mean = self.sum / u128::from(self.count.max(1));
        SimDuration::from_nanos(u64::try_from(mean).unwrap_or(u64::MAX))
    }

    /// The longest.
    pub fn max(&self) -> SimDuration {
        SimDuration::from_nanos(self.max)
    }

    /// The delay that `per_mille` of 1000 packets do not exceed (nearest rank): the upper end of its class, and never
    /// more than the longest. Zero if there is none.
    pub fn quantile(&self, per_mille: u32) -> SimDuration {
        let rank = (u128::from(self.count) * u128::from(per_mille.min(1_000))).div_ceil(1_000).max(1);
        let mut below = 0;
        for (class, n) in self.classes.iter().enumerate() {
            below += u128::from(*n);
            if below >= rank {
                return SimDuration::from_nanos(upper_end(class).min(self.max));
            }
        }
        self.max()
    }
}

/// The class of a value: its highest bits and how far they were shifted.
fn class(ns: u64) -> usize {
    let shift = (64 - ns.leading_zeros()).saturating_sub(PRECISION + 1);
    shift as usize * PER_OCTAVE + (ns >> shift) as usize
}

/// The largest value of a class.
fn upper_end(class: usize) -> u64 {
    if class < 2 * PER_OCTAVE {
        return class as u64;
    }
    let shift = (class / PER_OCTAVE - 1) as u32;
    let bits = (class % PER_OCTAVE + PER_OCTAVE) as u64;
    (bits << shift) | ((1_u64 << shift) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_in_a_class_that_ends_at_most_a_64th_above_it() {
        for bit in 0..64 {
            for ns in [1_u64 << bit, (1 << bit) + (1 << bit) / 3, u64::MAX >> (63 - bit)] {
                let end = upper_end(class(ns));
                assert!(end >= ns && end - ns <= ns / 64, "{ns} {end}");
                assert!(class(ns) < CLASSES);
            }
        }
    }

    #[test]
    fn percentiles_are_those_of_the_sorted_values() {
        let mut d = Delays::default();
        assert_eq!((d.quantile(500), d.mean()), (SimDuration::ZERO, SimDuration::ZERO));
        for us in (1..=1_000).rev() {
            d.add(SimDuration::from_micros(us));
        }
        assert_eq!((d.count(), d.max()), (1_000, SimDuration::from_millis(1)));
        assert_eq!(d.mean(), SimDuration::from_nanos(500_500));
        for (per_mille, us) in [(10, 10), (500, 500), (950, 950), (990, 990), (1_000, 1_000)] {
            let got = d.quantile(per_mille).as_nanos();
            assert!(got >= us * 1_000 && got <= us * 1_000 * 65 / 64, "{per_mille}: {got}");
        }
    }
}
