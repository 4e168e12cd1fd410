//! What a fair scheduler knows of a program and of the thread of soft interrupts: how long each has run.
//!
//! A thread that wakes while another one runs takes the processor from it if it has had less of it, by more than some
//! granularity; what it has missed while it slept counts up to a limit only (`place_entity`, `wakeup_preempt_entity` of
//! kernels before 6.6).

use crate::time::{SimDuration, SimTime};

/// Half a period of the scheduler: no thread that wakes is further behind (`sysctl_sched_latency`, `GENTLE_FAIR_SLEEPERS`).
const CREDIT: u64 = 3_000_000;
/// By how much the thread of soft interrupts is behind when a connection is opened: of 5.10 and 6.1 it took the processor from a program that
/// had since had 1.4 ms less of it, not from one that had had 1.6 ms less.
const AT_FIRST: u64 = 2_600_000;

/// How long the two have run, ns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Accounts {
    program: u64,
    softirqs: u64,
    /// Since when the thread of soft interrupts has the processor.
    since: Option<SimTime>,
    /// What it has had of it since the program last began.
    stolen: u64,
}

impl Accounts {
    /// Before a connection its program has prepared everything, and soft interrupts had nothing to do.
    pub(super) const fn new() -> Self {
        Self { program: AT_FIRST, softirqs: 0, since: None, stolen: 0 }
    }

    /// The program has the processor.
    pub(super) fn program_wakes(&mut self) {
        self.program = self.program.max(self.softirqs.saturating_sub(CREDIT));
        self.stolen = 0;
    }

    /// The program has had the processor for `time`, soft interrupts in between.
    pub(super) fn program_sleeps(&mut self, time: SimDuration) {
        self.program += time.as_nanos().saturating_sub(self.stolen);
        self.stolen = 0;
    }

    /// The thread of soft interrupts has something to do from `now` on.
    pub(super) fn softirqs_wake(&mut self, now: SimTime) {
        self.softirqs = self.softirqs.max(self.program.saturating_sub(CREDIT));
        self.since.get_or_insert(now);
    }

    /// It has done all there was.
    pub(super) fn softirqs_sleep(&mut self, now: SimTime) {
        if let Some(since) = self.since.take() {
            let time = now.max(since).since(since).as_nanos();
            self.softirqs += time;
            self.stolen += time;
        }
    }

    /// How long a program has had the processor, soft interrupts in between, before their thread takes it when it wakes: it must be
    /// behind by more than `granularity`, which is less than half a period.
    pub(super) fn preempt_after(&self, granularity: SimDuration) -> SimDuration {
        let behind = self.softirqs + granularity.as_nanos();
        SimDuration::from_nanos((behind + self.stolen).saturating_sub(self.program))
    }

    /// Whether it takes the processor from a program that has had it for `time`.
    pub(super) fn preempt(&self, time: SimDuration, granularity: SimDuration) -> bool {
        time > self.preempt_after(granularity) || self.program > self.softirqs + granularity.as_nanos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRANULARITY: SimDuration = SimDuration::from_millis(1);

    fn us(n: u64) -> SimTime {
        SimTime::ZERO + SimDuration::from_micros(n)
    }

    #[test]
    fn whoever_has_had_less_of_the_processor_takes_it_at_once() {
        let mut a = Accounts::new();
        assert!(a.preempt(SimDuration::ZERO, GRANULARITY), "soft interrupts have done nothing yet");
        a.softirqs_wake(us(0));
        a.softirqs_sleep(us(2_100));
        a.program_wakes();
        assert!(!a.preempt(SimDuration::ZERO, GRANULARITY), "half a millisecond behind");
        assert!(a.preempt(SimDuration::from_micros(600), GRANULARITY), "more than one by now");
    }

    #[test]
    fn sleeping_long_is_worth_three_milliseconds() {
        let mut a = Accounts::new();
        a.program_wakes();
        a.program_sleeps(SimDuration::from_millis(50));
        a.softirqs_wake(us(0));
        a.softirqs_sleep(us(2_500));
        assert!(!a.preempt(SimDuration::ZERO, GRANULARITY));
    }

    #[test]
    fn what_soft_interrupts_took_in_between_is_not_the_programs() {
        let mut a = Accounts::new();
        a.softirqs_wake(us(0));
        a.softirqs_sleep(us(3_000));
        a.program_wakes();
        a.softirqs_wake(us(4_000));
        a.softirqs_sleep(us(6_000));
        assert!(!a.preempt(SimDuration::from_micros(2_500), GRANULARITY), "2 of 2.5 ms were theirs");
    }
}
