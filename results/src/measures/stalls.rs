//! Intervals in which something waits: how many, how long in all, how long at most.

use sim_core::time::SimTime;

/// Intervals of one kind that do not overlap.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Stall {
    /// Intervals that began.
    pub count: u64,
    /// Their lengths together, ns.
    pub total_ns: u64,
    /// The longest, ns.
    pub longest_ns: u64,
    since: Option<SimTime>,
}

impl Stall {
    /// It begins at `t`, unless it has begun before.
    pub fn begin(&mut self, t: SimTime) {
        if self.since.is_none() {
            self.since = Some(t);
            self.count += 1;
        }
    }

    /// It ends at `t`, if it had begun; returns how long it was then, ns.
    pub fn end(&mut self, t: SimTime) -> Option<u64> {
        let ns = t.since(self.since.take()?).as_nanos();
        self.total_ns += ns;
        self.longest_ns = self.longest_ns.max(ns);
        Some(ns)
    }

    /// Begins or ends it.
    pub fn set(&mut self, on: bool, t: SimTime) {
        if on {
            self.begin(t);
        } else {
            self.end(t);
        }
    }

    /// One of `ns` nanoseconds, if that is any time.
    pub fn note(&mut self, ns: u64) {
        self.count += u64::from(ns > 0);
        self.total_ns += ns;
        self.longest_ns = self.longest_ns.max(ns);
    }

    /// Whether it goes on.
    pub const fn is_open(&self) -> bool {
        self.since.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn t(ns: u64) -> SimTime {
        SimTime::from_nanos(ns)
    }

    #[test]
    fn an_interval_counts_once_however_often_it_is_said_to_begin_or_end() {
        let mut s = Stall::default();
        s.end(t(1));
        s.begin(t(10));
        s.begin(t(20));
        s.end(t(50));
        s.end(t(60));
        s.set(true, t(100));
        s.set(false, t(110));
        assert_eq!((s.count, s.total_ns, s.longest_ns, s.is_open()), (2, 50, 40, false));
    }
}
