//! Which "now" each event had.
//!
//! A probe reads the state on entry of a function; the kernel reads its clock a few hundred nanoseconds later.
//! Where a result depends on the exact microsecond, the clock cached in the socket (`tcp_mstamp`), as the next
//! line shows it, is the kernel's own reading.

use sim_core::time::{Jiffies, JiffyClock, Now, SimDuration, SimTime, TickDuring};

use crate::recording::{AppWhat, EventRef, RecordedState, Recording};

/// The longest time between a probe and the kernel's own reading of the clock, ns. Events further apart are
/// not the same one.
const MAX_LAG_NS: u64 = 200_000;

/// The clocks of a recording.
pub(super) struct Clocks {
    ticks: JiffyClock,
    /// For every event, what the next full state shows.
    next: Vec<Next>,
}

/// Traces that an event left in the next full state.
#[derive(Clone, Copy, Default)]
struct Next {
    /// The cached clock, microseconds.
    stamp: Option<i64>,
    /// Begin of the receiver's RTT measurement, microseconds.
    rtt_begin: Option<i64>,
    /// Begin of the autotuning interval, microseconds.
    drs_begin: Option<i64>,
    /// Arrival of data, jiffies.
    data: Option<i64>,
    /// Arrival of an ACK, jiffies.
    ack: Option<i64>,
    /// Expiry of the delayed-ACK timer, jiffies.
    expiry: Option<i64>,
    /// When the next event was read, ns.
    event_ns: u64,
    /// When the next full state was read, ns.
    state_ns: u64,
    /// When the last probe before the decision about an ACK ran, ns; 0 if none did.
    deciding_ns: u64,
    /// Whether a queue is collapsed or pruned before that, which may take a millisecond.
    collapses: bool,
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
        let mut next = vec![Next::default(); events.len()];
        let mut latest = Next::default();
        let (mut deciding_ns, mut collapses) = (0, false);
        let mut event_ns = u64::MAX;
        for (at, (_, e)) in events.iter().enumerate().rev() {
            next[at] = Next { deciding_ns, collapses, event_ns, ..latest };
            event_ns = time_of(e);
            match e {
                // Merging, collapsing and pruning come before the decision about an ACK.
                EventRef::Merge(m) => deciding_ns = deciding_ns.max(m.time_ns),
                EventRef::App(a) if matches!(a.what, AppWhat::Collapse | AppWhat::PruneOfo) => {
                    deciding_ns = deciding_ns.max(a.time_ns);
                    collapses = true;
                }
                EventRef::Ack(_) | EventRef::Tx(_) => {}
                _ => (deciding_ns, collapses) = (0, false),
            }
            if let Some(s) = state_of(e).filter(|s| s.is_full()) {
                latest = Next {
                    stamp: s.tcp_mstamp,
                    rtt_begin: s.rcv_rtt_time,
                    drs_begin: s.drs_time,
                    data: s.lrcvtime,
                    ack: s.rcv_tstamp,
                    expiry: s.delack_expires,
                    state_ns: time_of(e),
                    ..Next::default()
                };
            }
        }
        Self { ticks: JiffyClock::new(hz, since_tick), next }
    }

    pub(super) fn ticks(&self) -> &JiffyClock {
        &self.ticks
    }

    /// Both clocks as event `at` found them.
    pub(super) fn now(&self, at: usize, e: &EventRef<'_>) -> Now {
        let ns = time_of(e);
        let next = &self.next[at];
        // Of the kernel's own readings that the next state shows, the most specific that can be this event's.
        let specific = match e {
            EventRef::Row(_) => next.rtt_begin,
            EventRef::App(a) if a.what == AppWhat::SpaceAdjust => next.drs_begin,
            _ => None,
        };
        let fits = |us: &i64| {
            let latest = next.event_ns.min(ns + MAX_LAG_NS);
            *us >= (ns / 1_000) as i64 && *us as u64 * 1_000 <= latest
        };
        let reading = specific.filter(fits).or(next.stamp.filter(fits));
        let time = SimTime::from_nanos(reading.map_or(ns, |us| (us as u64 * 1_000).max(ns)));
        let mut now = self.ticks.now(SimTime::from_nanos(ns));
        now.time = time;
        if let Some(j) = state_of(e).and_then(|s| s.jiffies) {
            now.jiffies = Jiffies(j);
        }
        // The tick may fall between the probe and one of the kernel's own readings.
        let following = now.jiffies + 1;
        let last = if next.collapses { next.state_ns.max(ns + MAX_LAG_NS) } else { ns + MAX_LAG_NS };
        if self.ticks.begin(following).as_nanos() <= last {
            let before_ack = self.next[at].ack == Some(following.0);
            let before_data = self.next[at].data == Some(following.0);
            let late = self.next[at].deciding_ns >= self.ticks.begin(following).as_nanos();
            now.tick_during =
                TickDuring { before_ack, before_data, before_decision: before_ack || before_data || late };
        }
        now
    }

    /// When a socket was made that is read at `now` and was `made` in the tick before, if one fell in between.
    pub(super) fn made_before_tick(&self, now: Now, made: Option<i64>) -> Option<Now> {
        let fell = now.time.since(self.ticks.begin(now.jiffies)).as_nanos() <= MAX_LAG_NS;
        let jiffies = Jiffies(made?);
        (fell && jiffies + 1 == now.jiffies).then_some(Now { jiffies, ..now })
    }

    /// The last reading of the socket's clock before event `at`, as the next state shows it: between that event and
    /// `since`, if there was one.
    pub(super) fn read_before(&self, at: usize, e: &EventRef<'_>, since: SimTime) -> Option<SimTime> {
        let us = u64::try_from(self.next[at].stamp?).ok()?;
        let t = SimTime::from_nanos(us * 1_000);
        (t > since && t <= Self::time(e)).then_some(t)
    }

    /// The expiry of the delayed-ACK timer that the next state shows, if a tick may have fallen while event `at` was
    /// processed.
    pub(super) fn expiry_after_tick(&self, at: usize, ns: u64) -> Option<i64> {
        let tick = self.ticks.tick_ns() as i64;
        let into_tick = (ns as i64 - self.ticks.begin(Jiffies(1)).as_nanos() as i64).rem_euclid(tick);
        if tick - into_tick < MAX_LAG_NS as i64 { self.next[at].expiry } else { None }
    }

    pub(super) fn time(e: &EventRef<'_>) -> SimTime {
        SimTime::from_nanos(time_of(e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::{AppEvent, Row};

    #[test]
    fn a_tick_that_falls_into_a_collapse_comes_before_the_acknowledgement_that_follows_it() {
        // A segment 600 us before a tick, and the next state 600 us behind it, which says that the ACK field was read after.
        let full = RecordedState { rcvbuf: Some(1), rcv_tstamp: Some(1), ..RecordedState::default() };
        let begins = Row { time_ns: 3_400_000, ..Row::default() };
        let ends = Row { time_ns: 4_600_000, state: full, ..Row::default() };
        let tick = |what| {
            let between = AppEvent { time_ns: 3_450_000, what, ..AppEvent::default() };
            let events =
                [(0, EventRef::Row(&begins)), (1, EventRef::App(&between)), (2, EventRef::Row(&ends))];
            Clocks::new(&Recording::default(), &events).now(0, &events[0].1).tick_during
        };
        assert!(tick(AppWhat::Collapse).before_ack && tick(AppWhat::Collapse).before_decision);
        assert!(!tick(AppWhat::Release).before_ack, "nothing takes that long");
    }
}
