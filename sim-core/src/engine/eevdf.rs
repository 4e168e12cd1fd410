//! What the scheduler of 6.6 and later knows of a program and of the thread of soft interrupts: who is owed processor time.
//!
//! Every thread has a virtual time, which grows while it runs. Of those that are queued, only who has had no more than
//! their average may run (*eligible*). What a thread was owed when it went to sleep, its *lag*, it is owed when it comes
//! back to a queue in which another one waits (`PLACE_LAG`); alone in the queue nobody is owed anything. A thread that has had
//! more than its share stays in the queue when it sleeps, until the others have caught up (`DELAY_DEQUEUE`, since 6.12).
//!
//! With two threads of the same weight the average lies halfway between them, so that all of this is a comparison of the two.
//!
//! Who runs has a slice, the end of which is its *deadline*. A tick or a wake-up finds that it has passed and sets the next one, a slice from
//! there (`update_deadline`). A thread that is woken takes the processor at once if the other one has had more than it; if both have had
//! the same, only if the slice of the other one has just been found to be over. Otherwise a later tick finds that
//! ([`takes_over`](Eevdf::takes_over)).

use crate::time::{SimDuration, SimTime};

/// Who may have the processor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Who {
    /// A program.
    Program,
    /// The thread of soft interrupts.
    Softirqs,
}

impl Who {
    const fn at(self) -> usize {
        match self {
            Self::Program => 0,
            Self::Softirqs => 1,
        }
    }

    const fn other(self) -> Self {
        match self {
            Self::Program => Self::Softirqs,
            Self::Softirqs => Self::Program,
        }
    }
}

/// One of them.
#[derive(Clone, Copy, Default, Debug)]
struct Entity {
    /// Its virtual time, ns.
    time: i64,
    /// What it was owed when it was taken off the queue, ns.
    lag: i64,
    /// The virtual time at which its slice ends, ns.
    deadline: i64,
    /// It is in the queue, or runs.
    queued: bool,
    /// It sleeps, and is in the queue all the same.
    delayed: bool,
    /// When it was last woken.
    woken: SimTime,
}

/// Both.
#[derive(Clone, Copy, Debug)]
pub(super) struct Eevdf {
    entities: [Entity; 2],
    /// Who runs, and since when.
    running: Option<(Who, SimTime)>,
    /// The program is to have the processor of the thread of soft interrupts.
    preempted: bool,
    /// At once, and the clock stands still since then.
    still: Option<SimTime>,
    /// How long a thread runs before another one may, ns.
    slice: i64,
    now: SimTime,
}

/// What takes the processor from whoever is to give it away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Preemption {
    /// It is told so at once.
    AtOnce,
    /// Lazy preemption: by itself where it returns to user mode, by the next tick otherwise.
    Tick,
    /// The same, or by a timer that ends slices.
    Timer,
}

/// When the thread of soft interrupts, which has been woken, is to have the processor of a program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct TakesOver {
    /// Where the program returns from a call.
    pub(super) on_return: SimTime,
    /// In the middle of one.
    pub(super) in_call: SimTime,
}

fn ns(time: SimDuration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

impl Eevdf {
    /// Nobody is owed anything; a `slice` is how long a thread runs before another one may.
    pub(super) fn new(slice: SimDuration) -> Self {
        let entities = [Entity::default(); 2];
        Self { entities, running: None, preempted: false, still: None, slice: ns(slice), now: SimTime::ZERO }
    }

    fn of(&self, who: Who) -> &Entity {
        &self.entities[who.at()]
    }

    /// Time passes, which belongs to whoever runs.
    fn advance(&mut self, now: SimTime) {
        if let Some((who, _)) = self.running
            && now > self.now
        {
            self.entities[who.at()].time += ns(now.since(self.now));
        }
        self.now = self.now.max(now);
    }

    /// The virtual time of `who` at `then`, which may have passed while it ran.
    fn time_at(&self, who: Who, then: SimTime) -> i64 {
        let since = match self.running {
            Some((running, since)) if running == who => since.max(then).min(self.now),
            _ => self.now,
        };
        self.of(who).time - ns(self.now.since(since))
    }

    /// Whether `who` waits for the processor, or has it.
    pub(super) fn is_queued(&self, who: Who) -> bool {
        self.of(who).queued && !self.of(who).delayed
    }

    /// Whether `who` has the processor.
    pub(super) fn runs(&self, who: Who) -> bool {
        self.running.is_some_and(|(running, _)| running == who)
    }

    /// `who` is woken at `at`, or was.
    pub(super) fn wake(&mut self, who: Who, at: SimTime) {
        if self.is_queued(who) {
            return;
        }
        self.advance(at);
        let other = who.other();
        let there = self.of(other).queued.then(|| self.time_at(other, at));
        let slice = self.slice;
        let e = &mut self.entities[who.at()];
        if let Some(other) = there {
            if !e.queued {
                e.time = other - 2 * e.lag;
                e.deadline = e.time + slice;
            } else if e.time < other {
                // By now it is owed something, which it loses (`DELAY_ZERO`).
                e.time = other;
            }
        } else if !e.queued {
            e.deadline = e.time + slice;
        }
        (e.queued, e.delayed) = (true, false);
        e.woken = at;
    }

    /// Since when a program waits while the thread of soft interrupts runs, and since when that does.
    pub(super) fn program_waits(&self) -> Option<(SimTime, SimTime)> {
        match self.running {
            Some((Who::Softirqs, since)) if self.is_queued(Who::Program) => {
                Some((self.of(Who::Program).woken, since))
            }
            _ => None,
        }
    }

    /// The program was woken at `at`, while the thread of soft interrupts may run. If that has had more, the program is to have the
    /// processor. Where only a tick takes it from a thread (`lazy`) it waits for one; otherwise it is next, and until then the clock moves
    /// with ticks only (`rq_clock_skip_update`).
    pub(super) fn may_preempt(&mut self, at: SimTime, lazy: bool) {
        let behind = self.of(Who::Softirqs).time > self.of(Who::Program).time;
        if !self.runs(Who::Softirqs) || !self.is_queued(Who::Program) || !behind {
            return;
        }
        self.preempted = true;
        if !lazy {
            self.advance(at);
            (self.running, self.still) = (None, Some(self.now));
        }
    }

    /// Whether the thread of soft interrupts gives way to the program as soon as it may at `now`; the last tick was at `tick`. A tick
    /// takes the processor from who has had it for a `slice`, and so does the end of that if it is `timed`.
    pub(super) fn gives_way(&self, now: SimTime, tick: SimTime, slice: SimDuration, timed: bool) -> bool {
        let Some((woken, since)) = self.program_waits() else { return self.still.is_some() };
        let begin = since.max(tick);
        let ends = woken.max(begin).since(begin).as_nanos() / slice.as_nanos().max(1) + 1;
        let end = begin + SimDuration::from_nanos(slice.as_nanos() * ends);
        tick > woken && (self.preempted || tick >= since + slice) || (timed && end <= now)
    }

    /// `who` has the processor from `at` on, the last tick before which was at `tick`. What has passed since the clock stands still counts
    /// as the program's.
    pub(super) fn run_since(&mut self, who: Who, at: SimTime, tick: SimTime) {
        if who == Who::Softirqs && self.still.is_some() {
            return;
        }
        self.preempted &= self.runs(who);
        if let Some(still) = self.still.take() {
            self.running = Some((Who::Softirqs, still));
            self.advance(tick.min(at));
            self.running = Some((Who::Program, self.now));
            self.advance(at);
        } else {
            self.run(who, at);
        }
    }

    /// `who` has the processor from `at` on.
    fn run(&mut self, who: Who, at: SimTime) {
        if self.runs(who) {
            return;
        }
        self.wake(who, at);
        self.advance(at);
        self.running = Some((who, self.now));
    }

    /// `who` sleeps from `at` on.
    pub(super) fn sleep(&mut self, who: Who, at: SimTime) {
        self.advance(at);
        if self.runs(who) {
            self.running = None;
        }
        if !self.is_queued(who) {
            return;
        }
        if self.of(who.other()).queued && self.of(who).time > self.of(who.other()).time {
            self.entities[who.at()].delayed = true;
        } else {
            self.dequeue(who);
        }
        // Those that only wait to be taken off the queue are, one by one, if nobody else wants to run.
        if !self.is_queued(who) && !self.is_queued(who.other()) {
            for who in [who.other(), who] {
                if self.of(who).queued {
                    self.dequeue(who);
                    let e = &mut self.entities[who.at()];
                    e.lag = e.lag.min(0);
                }
            }
        }
    }

    /// `who` is taken off the queue.
    fn dequeue(&mut self, who: Who) {
        let other = *self.of(who.other());
        let e = &mut self.entities[who.at()];
        e.lag =
            if other.queued { ((other.time - e.time) / 2).clamp(-2 * self.slice, 2 * self.slice) } else { 0 };
        (e.queued, e.delayed) = (false, false);
    }

    /// Whether the program has never had the processor.
    pub(super) fn is_new(&self) -> bool {
        self.of(Who::Program).woken == SimTime::ZERO && !self.runs(Who::Program)
    }

    /// When the thread of soft interrupts, which waits or is woken at `due`, takes the processor from the program that runs. `tick`: the begin of
    /// the tick that is so many behind the one in which a moment lies.
    pub(super) fn takes_over(
        &self,
        due: SimTime,
        tick: impl Fn(SimTime, u32) -> SimTime,
        preemption: Preemption,
    ) -> Option<TakesOver> {
        let (Who::Program, since) = self.running? else { return None };
        let (program, thread) = (self.of(Who::Program), self.of(Who::Softirqs));
        let woken = if self.is_queued(Who::Softirqs) { thread.woken } else { due }.max(since);
        // Virtual time grows with time while the program runs.
        let virtually = |at: SimTime| program.time + at.as_nanos() as i64 - self.now.as_nanos() as i64;
        let really =
            |time: i64| SimTime::from_nanos((self.now.as_nanos() as i64 + time - program.time).max(0) as u64);
        let mut deadline = program.deadline;
        let mut renewed = false;
        let mut ticks = tick(since, 1);
        while ticks <= woken {
            if virtually(ticks) >= deadline {
                (deadline, renewed) = (virtually(ticks) + self.slice, true);
            }
            ticks = tick(ticks, 1);
        }
        let now = virtually(woken);
        if now >= deadline {
            (deadline, renewed) = (now + self.slice, true);
        }
        let placed = match (thread.queued, thread.delayed) {
            (true, true) => thread.time.max(now),
            (true, false) => thread.time,
            (false, _) => now - 2 * thread.lag,
        };
        let at_once = placed < now || placed == now && renewed && deadline >= placed + self.slice;
        // The first tick that finds the program's slice over, and the thread owed something.
        let over = deadline.max(placed);
        let mut tick_finds = ticks;
        while virtually(tick_finds) < over {
            tick_finds = tick(tick_finds, 1);
        }
        let timer = really(over).max(woken);
        let [on_return, in_call] = match preemption {
            Preemption::AtOnce => {
                let at = if at_once { woken } else { tick_finds };
                [at, at]
            }
            Preemption::Tick if at_once => [woken, ticks],
            Preemption::Tick => [tick_finds, tick(tick_finds, 1)],
            Preemption::Timer => {
                let at = timer.min(if at_once { ticks } else { tick_finds });
                [if at_once { woken } else { at }, at]
            }
        };
        // Not before there is something to do.
        Some(TakesOver { on_return: on_return.max(due), in_call: in_call.max(due) })
    }

    /// Which of the two goes first, both having been woken, the program before the thread.
    pub(super) fn first(&self) -> Who {
        if self.of(Who::Softirqs).time < self.of(Who::Program).time { Who::Softirqs } else { Who::Program }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_waits_from_its_wake_up_until_the_thread_gives_way() {
        let us = |n| SimTime::ZERO + SimDuration::from_micros(n);
        let mut e = Eevdf::new(SimDuration::from_micros(700));
        e.run(Who::Softirqs, us(10));
        assert_eq!(e.program_waits(), None, "it sleeps");
        e.wake(Who::Program, us(30));
        assert_eq!(e.program_waits(), Some((us(30), us(10))));
        e.run(Who::Program, us(50));
        assert_eq!(e.program_waits(), None);
    }

    fn us(n: u64) -> SimTime {
        SimTime::ZERO + SimDuration::from_micros(n)
    }

    fn woken(e: &mut Eevdf, at: u64) -> Who {
        e.wake(Who::Program, us(at));
        e.wake(Who::Softirqs, us(at));
        e.first()
    }

    #[test]
    fn nobody_is_owed_anything_at_first_and_the_program_that_was_woken_first_runs() {
        assert_eq!(woken(&mut Eevdf::new(SimDuration::from_micros(700)), 10), Who::Program);
    }

    #[test]
    fn a_thread_that_waited_for_the_program_goes_first_the_next_time() {
        let mut e = Eevdf::new(SimDuration::from_micros(700));
        assert_eq!(woken(&mut e, 10), Who::Program);
        e.run(Who::Program, us(15));
        e.sleep(Who::Program, us(65));
        assert!(e.of(Who::Program).delayed, "it has had fifty more than the thread, which waits");
        e.run(Who::Softirqs, us(65));
        e.sleep(Who::Softirqs, us(68));
        assert!(!e.of(Who::Program).queued, "and nobody else is there any more");
        assert_eq!(e.of(Who::Softirqs).lag, 23_500, "half of what it was behind");
        assert_eq!(woken(&mut e, 700), Who::Softirqs);
        e.run(Who::Softirqs, us(705));
        e.sleep(Who::Softirqs, us(760));
        e.run(Who::Program, us(762));
        e.sleep(Who::Program, us(780));
        assert_eq!(woken(&mut e, 1_400), Who::Program, "it was given back");
    }

    #[test]
    fn alone_on_the_processor_nobody_becomes_owed_anything() {
        let mut e = Eevdf::new(SimDuration::from_micros(700));
        for at in [10, 500, 900] {
            e.run(Who::Program, us(at));
            e.sleep(Who::Program, us(at + 300));
        }
        assert_eq!((e.of(Who::Program).lag, woken(&mut e, 2_000)), (0, Who::Program));
    }

    /// A thread that runs, and at 100 us wakes a program that is owed 40 us.
    fn woken_behind(lazy: bool) -> Eevdf {
        let mut e = Eevdf::new(SimDuration::from_micros(700));
        e.entities[Who::Program.at()].lag = 40_000;
        e.run(Who::Softirqs, us(10));
        e.wake(Who::Program, us(100));
        e.may_preempt(us(100), lazy);
        e
    }

    const SLICE: SimDuration = SimDuration::from_micros(700);

    #[test]
    fn what_a_thread_does_before_it_gives_way_is_charged_to_the_program() {
        let mut e = woken_behind(false);
        assert!(e.gives_way(us(120), SimTime::ZERO, SLICE, false));
        let behind = e.of(Who::Softirqs).time - e.of(Who::Program).time;
        assert_eq!(behind, 80_000);
        e.run_since(Who::Softirqs, us(150), us(150));
        assert!(!e.runs(Who::Softirqs), "the same round");
        e.run_since(Who::Program, us(160), us(50));
        assert_eq!(e.of(Who::Softirqs).time - e.of(Who::Program).time, behind - 60_000);
    }

    #[test]
    fn with_lazy_preemption_a_thread_gives_way_behind_a_tick_only() {
        let e = woken_behind(true);
        assert!(!e.gives_way(us(200), us(50), SLICE, false));
        assert!(e.gives_way(us(200), us(150), SLICE, false));
        assert!(e.gives_way(us(710), us(5), SLICE, true), "or when a timer ends its slice");
        assert!(!e.gives_way(us(709), us(5), SLICE, true));
    }

    #[test]
    fn who_is_woken_in_the_middle_of_a_run_is_placed_where_that_was_then() {
        let mut e = Eevdf::new(SimDuration::from_micros(700));
        e.run(Who::Program, us(0));
        e.advance(us(100));
        e.wake(Who::Softirqs, us(60));
        assert_eq!(e.of(Who::Program).time - e.of(Who::Softirqs).time, 40_000);
    }

    /// Ticks each 4 ms, the first one at `first` us.
    fn ticks(first: u64) -> impl Fn(SimTime, u32) -> SimTime {
        move |at, behind| {
            let passed = (at.as_nanos() / 1_000).saturating_sub(first) / 4_000;
            let before_first = u64::from(at < us(first));
            us(first + (passed + u64::from(behind) - before_first) * 4_000)
        }
    }

    /// A program has run since 10 us; the thread, which is owed `lag` ns, is woken `after` us later. When it has the processor, us: in the
    /// middle of a call, with ticks at `first` us and each 4 ms behind that.
    fn taken(lag: i64, after: u64, first: u64, preemption: Preemption) -> u64 {
        let mut e = Eevdf::new(SLICE);
        e.entities[Who::Softirqs.at()].lag = lag;
        e.run(Who::Program, us(10));
        let takes_over = e.takes_over(us(10 + after), ticks(first), preemption).unwrap();
        takes_over.in_call.as_nanos() / 1_000 - 10
    }

    #[test]
    fn a_thread_that_is_owed_something_takes_the_processor_from_a_program_at_once() {
        assert_eq!(taken(5_000, 100, 3_000, Preemption::AtOnce), 100);
        assert_eq!(taken(5_000, 100, 3_000, Preemption::Tick), 2_990, "the tick does");
        assert_eq!(taken(5_000, 100, 3_000, Preemption::Timer), 700, "the end of the slice");
    }

    #[test]
    fn who_is_owed_nothing_waits_until_a_slice_is_found_to_be_over() {
        assert_eq!(taken(0, 100, 3_000, Preemption::AtOnce), 2_990);
        assert_eq!(taken(0, 1_100, 3_000, Preemption::AtOnce), 1_100, "by the wake-up itself");
        assert_eq!(
            taken(0, 1_100, 720, Preemption::AtOnce),
            4_710,
            "a tick has found it before, and a new one has begun"
        );
        assert_eq!(taken(0, 1_100, 720, Preemption::Tick), 8_710, "the tick behind the one that finds it");
        assert_eq!(taken(0, 1_100, 3_000, Preemption::Timer), 1_800);
    }

    #[test]
    fn who_has_had_too_much_waits_for_a_tick_behind_that() {
        assert_eq!(taken(-5_000, 1_100, 3_000, Preemption::AtOnce), 2_990);
        assert_eq!(taken(-1_000_000, 1_100, 3_000, Preemption::AtOnce), 6_990);
    }
}
