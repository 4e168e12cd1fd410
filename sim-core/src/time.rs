//! The two clocks of a kernel: nanoseconds, and the jiffies that its timers count.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};

/// A point on the simulation's time axis, in nanoseconds since the start of the run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct SimTime(u64);

impl SimTime {
    /// The start of the run.
    pub const ZERO: Self = Self(0);
    /// Later than any event.
    pub const NEVER: Self = Self(u64::MAX);

    /// `ns` nanoseconds after the start.
    pub const fn from_nanos(ns: u64) -> Self {
        Self(ns)
    }

    /// Nanoseconds since the start.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Whole microseconds since the start: the scale of the kernel's `tcp_mstamp`.
    pub const fn as_micros(self) -> u64 {
        self.0 / 1_000
    }

    /// The time from `earlier` to `self`; zero if `earlier` is the later one.
    pub const fn since(self, earlier: Self) -> SimDuration {
        SimDuration(self.0.saturating_sub(earlier.0))
    }

    /// `self + d`, stopping at [`SimTime::NEVER`].
    pub const fn saturating_add(self, d: SimDuration) -> Self {
        Self(self.0.saturating_add(d.0))
    }
}

impl Add<SimDuration> for SimTime {
    type Output = Self;
    fn add(self, d: SimDuration) -> Self {
        Self(self.0 + d.0)
    }
}

impl AddAssign<SimDuration> for SimTime {
    fn add_assign(&mut self, d: SimDuration) {
        self.0 += d.0;
    }
}

impl fmt::Display for SimTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:09}s", self.0 / 1_000_000_000, self.0 % 1_000_000_000)
    }
}

/// A span of simulated time, in nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct SimDuration(u64);

impl SimDuration {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// `self - d`, or nothing if `d` is longer.
    pub const fn saturating_sub(self, d: Self) -> Self {
        Self(self.0.saturating_sub(d.0))
    }

    /// `ns` nanoseconds.
    pub const fn from_nanos(ns: u64) -> Self {
        Self(ns)
    }

    /// `us` microseconds.
    pub const fn from_micros(us: u64) -> Self {
        Self(us * 1_000)
    }

    /// `ms` milliseconds.
    pub const fn from_millis(ms: u64) -> Self {
        Self(ms * 1_000_000)
    }

    /// `s` seconds.
    pub const fn from_secs(s: u64) -> Self {
        Self(s * 1_000_000_000)
    }

    /// The span in nanoseconds.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The span in whole microseconds.
    pub const fn as_micros(self) -> u64 {
        self.0 / 1_000
    }

    /// The span in seconds, for reports only.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }
}

impl Add for SimDuration {
    type Output = Self;
    fn add(self, o: Self) -> Self {
        Self(self.0 + o.0)
    }
}

impl Sub for SimDuration {
    type Output = Self;
    fn sub(self, o: Self) -> Self {
        Self(self.0 - o.0)
    }
}

/// A count of timer ticks (`jiffies`) on the scale of one [`JiffyClock`]. Jiffy 0 contains the start of the run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Jiffies(pub i64);

impl Add<u32> for Jiffies {
    type Output = Self;
    fn add(self, ticks: u32) -> Self {
        Self(self.0 + i64::from(ticks))
    }
}

impl Sub for Jiffies {
    type Output = i64;
    fn sub(self, o: Self) -> i64 {
        self.0 - o.0
    }
}

/// How a kernel's tick lies on the time axis.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct JiffyClock {
    hz: u32,
    /// Time of the beginning of jiffy 0, in ns; in `(-tick, 0]`.
    jiffy0_ns: i64,
    /// Length of one tick.
    tick_ns: i64,
}

impl JiffyClock {
    /// A clock of `hz` ticks per second whose jiffy 0 began `since_tick` before the start of the run.
    ///
    /// # Panics
    /// If `hz` is 0 or above 10 000 (the kernel knows 100, 250, 300 and 1000).
    pub fn new(hz: u32, since_tick: SimDuration) -> Self {
        assert!((1..=10_000).contains(&hz), "HZ out of range");
        let tick = 1_000_000_000 / u64::from(hz);
        Self { hz, jiffy0_ns: -((since_tick.as_nanos() % tick) as i64), tick_ns: tick as i64 }
    }

    /// Ticks per second (`CONFIG_HZ`).
    pub const fn hz(&self) -> u32 {
        self.hz
    }

    /// Length of one tick in nanoseconds.
    pub const fn tick_ns(&self) -> u64 {
        self.tick_ns as u64
    }

    /// The jiffy that contains `t`.
    #[inline(never)]
    pub fn at(&self, t: SimTime) -> Jiffies {
        Jiffies((t.as_nanos() as i64 - self.jiffy0_ns).div_euclid(self.tick_ns))
    }

    /// When jiffy `j` begins; [`SimTime::ZERO`] if that was before the start.
    pub fn begin(&self, j: Jiffies) -> SimTime {
        let ns = self.jiffy0_ns + j.0 * self.tick_ns;
        SimTime(ns.max(0) as u64)
    }

    /// Reads both clocks anew at `time`, probably in the same tick as before.
    #[inline]
    pub fn read_on(&self, reading: &mut Now, time: SimTime) {
        let since = (time.as_nanos() as i64).wrapping_sub(self.jiffy0_ns + reading.jiffies.0 * self.tick_ns);
        reading.time = time;
        if since as u64 >= self.tick_ns as u64 {
            reading.jiffies = self.at(time);
        }
    }

    /// Both clocks at `time`.
    #[inline]
    pub fn now(&self, time: SimTime) -> Now {
        Now { time, jiffies: self.at(time), hz: self.hz, tick_during: TickDuring::default() }
    }
}

/// "Now", as a kernel reads it: the monotonic clock and the tick counter.
///
/// The two are separate because the tick interrupt may run late: in a recording `jiffies` can be one behind
/// what the schedule says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Now {
    /// Monotonic time.
    pub time: SimTime,
    /// The kernel's `jiffies`.
    pub jiffies: Jiffies,
    /// Ticks per second.
    pub hz: u32,
    /// Where the tick fell in the middle of what is being done now.
    pub tick_during: TickDuring,
}

/// The tick interrupt may fall in the middle of processing a segment, and what reads `jiffies` after it sees one
/// more. A simulated event takes no time, so the engine leaves this alone; a replay knows it from the record.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct TickDuring {
    /// It fell before the ACK field was processed.
    pub before_ack: bool,
    /// It fell before the arrival of the data was noted.
    pub before_data: bool,
    /// It fell before the decision about an ACK.
    pub before_decision: bool,
}

impl Now {
    /// `jiffies` when the ACK field is processed.
    pub fn ack_jiffies(&self) -> Jiffies {
        self.jiffies + u32::from(self.tick_during.before_ack)
    }

    /// `jiffies` when the arrival of data is noted.
    pub fn data_jiffies(&self) -> Jiffies {
        self.jiffies + u32::from(self.tick_during.before_data)
    }

    /// `jiffies` when an ACK is decided upon.
    pub fn decision_jiffies(&self) -> Jiffies {
        self.jiffies + u32::from(self.tick_during.before_decision)
    }

    /// `ms` milliseconds in ticks, rounded up (`msecs_to_jiffies`).
    pub fn ticks_from_millis(&self, ms: u32) -> u32 {
        (ms * self.hz).div_ceil(1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_of_another_tick_changes_nothing() {
        let c = JiffyClock::new(250, SimDuration::from_nanos(1_535_000));
        for known in [0, 2_464_999, 2_465_000, 7_000_000, 90_000_000] {
            for t in [0, 1, 2_464_999, 2_465_000, 6_464_999, 6_465_000, 90_000_001] {
                let (known, t) = (SimTime::from_nanos(known), SimTime::from_nanos(t));
                let mut reading = c.now(known);
                c.read_on(&mut reading, t);
                assert_eq!(reading, c.now(t));
            }
        }
    }

    #[test]
    fn jiffies_change_at_the_phase_of_the_tick() {
        let c = JiffyClock::new(250, SimDuration::from_nanos(1_535_000));
        assert_eq!(c.at(SimTime::ZERO), Jiffies(0));
        assert_eq!(c.at(SimTime::from_nanos(2_464_999)), Jiffies(0));
        assert_eq!(c.at(SimTime::from_nanos(2_465_000)), Jiffies(1));
        assert_eq!(c.begin(Jiffies(350)), SimTime::from_nanos(350 * 4_000_000 - 1_535_000));
        assert_eq!(c.at(c.begin(Jiffies(350))), Jiffies(350));
    }
}
