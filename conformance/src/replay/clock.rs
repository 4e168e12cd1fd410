//! Which "now" each event had.
//!
//! A probe reads the state on entry of a function; the kernel reads its clock a few hundred nanoseconds later.
//! Where a result depends on the exact microsecond, the clock cached in the socket (`tcp_mstamp`), as the next
//! line shows it, is the kernel's own reading.

use sim_core::time::{Jiffies, JiffyClock, Now, SimDuration, SimTime};

use crate::recording::{EventRef, Recording, RecordedState};

/// The longest time between a probe and the kernel's own reading of the clock, ns. Events further apart are
/// not the same one.
const MAX_LAG_NS: u64 = 200_000;

/// The clocks of a recording.
pub(super) struct Clocks {
    ticks: JiffyClock,
    /// For every event, the cached clock that the next full state shows, in microseconds.
    next_stamp: Vec<Option<i64>>,
}

fn state_of<'a>(e: &EventRef<'a>) -> Option<&'a RecordedState> {
    match e {
        EventRef::Row(r) => Some(&r.state),
        EventRef::App(a) => Some(&a.state),
        EventRef::Ack(a) => Some(&a.state),
        EventRef::Step(s) => Some(&s.state),
        EventRef::Merge(_) | EventRef::Tx(_) => None,
    }
}

fn time_of(e: &EventRef<'_>) -> u64 {
    match e {
        EventRef::Row(r) => r.time_ns,
        EventRef::App(a) => a.time_ns,
        EventRef::Ack(a) => a.time_ns,
        EventRef::Step(s) => s.time_ns,
        EventRef::Merge(m) => m.time_ns,
        EventRef::Tx(t) => t.time_ns,
    }
}

impl Clocks {
    pub(super) fn new(rec: &Recording, events: &[(u64, EventRef<'_>)]) -> Self {
        let c = &rec.summary.clock;
        let hz = if c.hz == 0 { 250 } else { c.hz.min(10_000) };
        let since_tick = SimDuration::from_nanos(c.jiffy0_time_ns.min(0).unsigned_abs());
        let mut next_stamp = vec![None; events.len()];
        let mut stamp = None;
        for (at, (_, e)) in events.iter().enumerate().rev() {
            next_stamp[at] = stamp;
            if let Some(s) = state_of(e).filter(|s| s.is_full()) {
                stamp = s.tcp_mstamp;
            }
        }
        Self { ticks: JiffyClock::new(hz, since_tick), next_stamp }
    }

    pub(super) fn ticks(&self) -> &JiffyClock {
        &self.ticks
    }

    /// Both clocks as event `at` found them.
    pub(super) fn now(&self, at: usize, e: &EventRef<'_>) -> Now {
        let ns = time_of(e);
        let time = match self.next_stamp[at] {
            Some(us) if us >= (ns / 1_000) as i64 && us as u64 * 1_000 <= ns + MAX_LAG_NS => {
                SimTime::from_nanos((us as u64 * 1_000).max(ns))
            }
            _ => SimTime::from_nanos(ns),
        };
        let mut now = self.ticks.now(SimTime::from_nanos(ns));
        now.time = time;
        if let Some(j) = state_of(e).and_then(|s| s.jiffies) {
            now.jiffies = Jiffies(j);
        }
        now
    }

    pub(super) fn time(e: &EventRef<'_>) -> SimTime {
        SimTime::from_nanos(time_of(e))
    }
}
