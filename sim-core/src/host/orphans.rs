//! Connections that no program holds any more, and whether there are too many of them.

use crate::time::{Jiffies, Now};

/// How often the kernel counts its orphans (`TCP_ORPHAN_TIMER_PERIOD`), milliseconds.
const PERIOD_MS: u32 = 100;

/// The number of orphans as the kernel remembers it (`tcp_orphan_cache`, 5.16 and stables): counted anew ten times a
/// second, so that many sockets closed at once are all accepted, and the limit acts on those after them.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct OrphanCache {
    remembered: u64,
    /// The period in which it was counted.
    period: i64,
}

impl OrphanCache {
    /// The clock has come to `now`, and `count` is how many orphans there have been since the last call.
    pub fn pass(&mut self, now: Now, count: u64) {
        let period = period(now.jiffies, now.hz);
        if period != self.period {
            self.period = period;
            self.remembered = count;
        }
    }

    /// Whether there are more than `max`, each counting for `2^shift` (`tcp_too_many_orphans`).
    pub fn too_many(self, shift: u32, max: u32) -> bool {
        self.remembered << shift.min(8) > u64::from(max)
    }
}

fn period(now: Jiffies, hz: u32) -> i64 {
    now.0.div_euclid(i64::from((hz * PERIOD_MS / 1_000).max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{JiffyClock, SimDuration, SimTime};

    #[test]
    fn orphans_count_from_the_next_tenth_of_a_second_on() {
        let at = |ms: u64| JiffyClock::new(250, SimDuration::ZERO).now(SimTime::from_nanos(ms * 1_000_000));
        let mut c = OrphanCache::default();
        (0..24).for_each(|n| c.pass(at(10), n));
        assert!(!c.too_many(0, 16));
        c.pass(at(99), 24);
        assert!(!c.too_many(0, 16));
        c.pass(at(100), 24);
        assert!(c.too_many(0, 16) && !c.too_many(0, 24) && c.too_many(1, 24));
        c.pass(at(150), 3);
        assert!(c.too_many(0, 16), "counted at 100 ms");
        c.pass(at(200), 3);
        assert!(!c.too_many(0, 16));
    }
}
