//! The smallest value of a span of time, in constant memory (`minmax_running_min`; Kathleen Nichols's filter): the best
//! three samples, each younger and no smaller than the one before.

use crate::time::Jiffies;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Sample {
    at: Jiffies,
    value: u32,
}

/// The filter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct MinFilter {
    best: [Sample; 3],
    /// How long a sample counts, ticks.
    span: u32,
}

impl MinFilter {
    /// A filter over `span` ticks, without a sample.
    pub(super) fn new(span: u32) -> Self {
        Self { best: [Sample { at: Jiffies::default(), value: u32::MAX }; 3], span }
    }

    /// The smallest sample of the span; `u32::MAX` before the first.
    pub(super) const fn get(&self) -> u32 {
        self.best[0].value
    }

    /// Takes a sample.
    pub(super) fn note(&mut self, at: Jiffies, value: u32) {
        let new = Sample { at, value };
        let [first, second, third] = &mut self.best;
        if value <= first.value || at - third.at > i64::from(self.span) {
            self.best = [new; 3];
            return;
        }
        if value <= second.value {
            (*second, *third) = (new, new);
        } else if value <= third.value {
            *third = new;
        }
        self.age(new);
    }

    /// What is too old gives way to the next best; without one for a quarter or half of the span, the newest is taken
    /// down, so that there are three of different ages.
    fn age(&mut self, new: Sample) {
        let span = i64::from(self.span);
        let [first, second, third] = &mut self.best;
        let age = new.at - first.at;
        if age > span {
            self.best = [*second, *third, new];
            if new.at - self.best[0].at > span {
                self.best = [self.best[1], self.best[2], new];
            }
        } else if second.at == first.at && age > span / 4 {
            (*second, *third) = (new, new);
        } else if third.at == second.at && age > span / 2 {
            *third = new;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The smallest of a span, sample by sample, as the filter sees it.
    fn fed(span: u32, samples: &[(i64, u32)]) -> Vec<u32> {
        let mut f = MinFilter::new(span);
        samples
            .iter()
            .map(|&(at, value)| {
                f.note(Jiffies(at), value);
                f.get()
            })
            .collect()
    }

    #[test]
    fn a_smaller_sample_is_taken_at_once_and_a_larger_one_never_before_its_time() {
        assert_eq!(fed(100, &[(0, 50), (10, 60), (20, 40), (30, 90)]), [50, 50, 40, 40]);
    }

    #[test]
    fn an_old_minimum_gives_way_to_the_best_since() {
        let samples = [(0, 10), (30, 25), (60, 20), (90, 30), (101, 40), (185, 40), (191, 50)];
        assert_eq!(fed(100, &samples), [10, 10, 10, 10, 20, 30, 40]);
    }

    #[test]
    fn after_a_silence_longer_than_the_span_only_the_new_sample_counts() {
        assert_eq!(fed(100, &[(0, 10), (500, 70)]), [10, 70]);
    }
}
