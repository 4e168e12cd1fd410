//! When a kernel timer really fires (`kernel/time/timer.c`, the non-cascading wheel of 4.8 and later).
//!
//! Timers are kept in levels of 64 buckets whose granularity grows by 8 per level. A timer never fires early:
//! its expiry is rounded up to the next bucket of its level, and always to a later one, because it may have
//! been armed at the very end of a tick. The further ahead, the coarser: at `HZ=250` a timeout of 604 ms
//! fires up to 32 ms late. Buckets lie at multiples of the absolute tick counter, which is why a run has to
//! know `jiffies` at its start.

use crate::time::Jiffies;

/// Bits of a level's bucket number.
const LEVEL_BUCKETS: u32 = 64;
/// log2 of the ratio between the granularities of two levels.
const LEVEL_SHIFT: u32 = 3;
/// Levels of a kernel with `HZ` above 100.
const LEVELS: u32 = 9;

/// Finds the tick at which timers fire.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimerWheel {
    /// Absolute `jiffies` of jiffy 0 of the run.
    base: i64,
}

impl TimerWheel {
    /// A wheel whose absolute tick counter read `jiffies` in jiffy 0.
    pub fn new(jiffies: u64) -> Self {
        Self { base: i64::try_from(jiffies).unwrap_or(i64::MAX >> 1) }
    }

    /// The tick at which a timer armed at `now` for `expires` fires.
    pub fn fires(&self, now: Jiffies, expires: Jiffies) -> Jiffies {
        // A timer in the past fires at the next tick.
        let expires = expires.0.max(now.0);
        let ahead = (expires - now.0) as u64;
        let level = (0..LEVELS - 1)
            .find(|l| ahead < u64::from(LEVEL_BUCKETS - 1) << (l * LEVEL_SHIFT))
            .unwrap_or(LEVELS - 1);
        let shift = level * LEVEL_SHIFT;
        Jiffies(((((expires + self.base) >> shift) + 1) << shift) - self.base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `jiffies_at_t0` of the recorded budget overrun on 6.1.
    const OVERRUN: TimerWheel = TimerWheel { base: 4_294_893_289 };

    #[test]
    fn a_near_timer_fires_one_tick_after_its_expiry() {
        // The recorded delayed ACK: armed in jiffy 350 for 360, fired in 361.
        assert_eq!(OVERRUN.fires(Jiffies(350), Jiffies(360)), Jiffies(361));
        assert_eq!(OVERRUN.fires(Jiffies(350), Jiffies(412)), Jiffies(413));
    }

    #[test]
    fn the_recorded_timeouts_fall_on_the_buckets_of_the_second_level() {
        // Tail loss probe: 2 * 205848 us = 103 ticks, plus 2, armed in jiffy 386; sent in 495.
        assert_eq!(OVERRUN.fires(Jiffies(386), Jiffies(386 + 105)), Jiffies(495));
        // Retransmission timeouts of 152 and 304 ticks.
        assert_eq!(OVERRUN.fires(Jiffies(495), Jiffies(495 + 152)), Jiffies(655));
        assert_eq!(OVERRUN.fires(Jiffies(655), Jiffies(655 + 304)), Jiffies(967));
    }

    #[test]
    fn a_timer_in_the_past_fires_at_the_next_tick() {
        assert_eq!(OVERRUN.fires(Jiffies(100), Jiffies(90)), Jiffies(101));
    }
}
