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
    /// Since when the program waits for the processor.
    woken: Option<SimTime>,
    /// It is to have the processor next, and the scheduler's clock stands still since then.
    still: Option<SimTime>,
}

impl Accounts {
    /// Before a connection its program has prepared everything, and soft interrupts had nothing to do.
    pub(super) const fn new() -> Self {
        Self { program: AT_FIRST, softirqs: 0, since: None, stolen: 0, woken: None, still: None }
    }

    /// The program has the processor from `now` on, the last tick before which was at `tick`. What has passed since the clock stands
    /// still counts as its own.
    pub(super) fn program_runs(&mut self, now: SimTime, tick: impl FnOnce() -> SimTime) {
        if let Some(still) = self.still.take() {
            let since = still.max(tick());
            self.softirqs += since.since(still).as_nanos();
            self.program += now.max(since).since(since).as_nanos();
        }
        self.program = self.program.max(self.softirqs.saturating_sub(CREDIT));
        (self.stolen, self.woken) = (0, None);
    }

    /// The program is woken at `now`. If it is behind by more than `granularity`, it is to have the processor of the thread of soft
    /// interrupts as soon as that may be, and until then the scheduler's clock moves with ticks only: it will look at both once more anyway
    /// (`rq_clock_skip_update`).
    pub(super) fn program_is_woken(&mut self, now: SimTime, granularity: SimDuration) {
        if self.woken.is_some() {
            return;
        }
        self.woken = Some(now);
        let Some(since) = self.since else { return };
        let softirqs = self.softirqs + now.max(since).since(since).as_nanos();
        self.program = self.program.max(softirqs.saturating_sub(CREDIT));
        if softirqs > self.program + granularity.as_nanos() {
            self.softirqs_sleep(now);
            self.still = Some(now);
        }
    }

    /// One interrupt has woken both from their sleep, the program first: whether it has had no more of the processor.
    pub(super) fn program_is_behind(&mut self) -> bool {
        self.program = self.program.max(self.softirqs.saturating_sub(CREDIT));
        self.softirqs = self.softirqs.max(self.program.saturating_sub(CREDIT));
        self.program <= self.softirqs
    }

    /// Whether the thread of soft interrupts gives way to the program as soon as it may; the last tick was at `tick`. A tick takes
    /// the processor from who has had it for half a period (`check_preempt_tick`).
    pub(super) fn gives_way(&self, tick: SimTime) -> bool {
        let half = |since: SimTime| tick >= since + SimDuration::from_nanos(CREDIT);
        self.still.is_some() || (self.woken.is_some_and(|w| tick > w) && self.since.is_some_and(half))
    }

    /// The program has had the processor for `time`, soft interrupts in between.
    pub(super) fn program_sleeps(&mut self, time: SimDuration) {
        self.program += time.as_nanos().saturating_sub(self.stolen);
        self.stolen = 0;
    }

    /// The thread of soft interrupts has something to do from `now` on.
    pub(super) fn softirqs_wake(&mut self, now: SimTime) {
        if self.still.is_none() {
            self.softirqs = self.softirqs.max(self.program.saturating_sub(CREDIT));
            self.since.get_or_insert(now);
        }
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
        a.program_runs(us(0), || us(0));
        assert!(!a.preempt(SimDuration::ZERO, GRANULARITY), "half a millisecond behind");
        assert!(a.preempt(SimDuration::from_micros(600), GRANULARITY), "more than one by now");
    }

    #[test]
    fn sleeping_long_is_worth_three_milliseconds() {
        let mut a = Accounts::new();
        a.program_runs(us(0), || us(0));
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
        a.program_runs(us(0), || us(0));
        a.softirqs_wake(us(4_000));
        a.softirqs_sleep(us(6_000));
        assert!(!a.preempt(SimDuration::from_micros(2_500), GRANULARITY), "2 of 2.5 ms were theirs");
    }

    /// A thread of soft interrupts that is to be `ahead` us ahead of the program at 10 ms, and has run for 50 us by then.
    fn ahead(ahead: u64) -> Accounts {
        let mut a = Accounts { program: 5_000_000, softirqs: 4_950_000 + ahead * 1_000, ..Accounts::new() };
        a.softirqs_wake(us(9_950));
        a.program_is_woken(us(10_000), GRANULARITY);
        a
    }

    #[test]
    fn the_thread_gives_way_to_a_program_that_it_wakes_a_millisecond_behind() {
        assert!(ahead(1_010).gives_way(us(8_000)));
        assert!(!ahead(990).gives_way(us(8_000)));
    }

    #[test]
    fn of_both_that_wake_at_once_the_one_goes_first_that_has_had_no_more() {
        let accounts = |program, softirqs| Accounts { program, softirqs, ..Accounts::new() };
        assert!(!Accounts::new().program_is_behind(), "soft interrupts have done nothing yet");
        assert!(accounts(5_000_000, 5_000_000).program_is_behind());
        assert!(!accounts(5_000_001, 5_000_000).program_is_behind());
        let mut long_ago = accounts(0, 50_000_000);
        assert!(long_ago.program_is_behind());
        assert_eq!(long_ago.program, 47_000_000, "a sleep is worth three milliseconds");
    }

    #[test]
    fn what_the_thread_does_before_it_gives_way_is_charged_to_the_program() {
        let mut a = ahead(1_010);
        a.softirqs_sleep(us(10_150));
        a.program_runs(us(10_150), || us(8_000));
        assert_eq!((a.softirqs, a.program), (6_010_000, 5_150_000));
        let mut a = ahead(1_010);
        a.program_runs(us(10_150), || us(10_100));
        assert_eq!((a.softirqs, a.program), (6_110_000, 5_050_000), "a tick moves the clock");
    }

    #[test]
    fn a_tick_takes_the_processor_from_a_thread_that_has_had_it_for_three_milliseconds() {
        assert!(!ahead(500).gives_way(us(12_900)));
        assert!(ahead(500).gives_way(us(13_000)));
    }
}
