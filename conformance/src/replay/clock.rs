//! Which "now" each event had.
//!
//! A probe reads the state on entry of a function; the kernel reads its clock a few hundred nanoseconds later.
//! Where a result depends on the exact microsecond, the clock cached in the socket (`tcp_mstamp`), as the next
//! line shows it, is the kernel's own reading.

use sim_core::time::{Jiffies, JiffyClock, Now, SimDuration, SimTime, TickDuring};

use crate::recording::{AppWhat, EventRef, Recording, RecordedState};

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
    /// Arrival of data, jiffies.
    data: Option<i64>,
    /// Arrival of an ACK, jiffies.
    ack: Option<i64>,
    /// When the last probe before the decision about an ACK ran, ns; 0 if none did.
    deciding_ns: u64,
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
        let mut deciding_ns = 0;
        for (at, (_, e)) in events.iter().enumerate().rev() {
            next[at] = Next { deciding_ns, ..latest };
            match e {
                // Merging, collapsing and pruning come before the decision about an ACK.
                EventRef::Merge(m) => deciding_ns = deciding_ns.max(m.time_ns),
                EventRef::App(a) if matches!(a.what, AppWhat::Collapse | AppWhat::PruneOfo) => {
                    deciding_ns = deciding_ns.max(a.time_ns);
                }
                EventRef::Ack(_) | EventRef::Tx(_) => {}
                _ => deciding_ns = 0,
            }
            if let Some(s) = state_of(e).filter(|s| s.is_full()) {
                latest = Next { stamp: s.tcp_mstamp, data: s.lrcvtime, ack: s.rcv_tstamp, deciding_ns: 0 };
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
        let time = match self.next[at].stamp {
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
        // The tick may fall between the probe and one of the kernel's own readings.
        let following = now.jiffies + 1;
        if self.ticks.begin(following).as_nanos() <= ns + MAX_LAG_NS {
            let before_ack = self.next[at].ack == Some(following.0);
            let before_data = self.next[at].data == Some(following.0);
            let late = self.next[at].deciding_ns >= self.ticks.begin(following).as_nanos();
            now.tick_during = TickDuring { before_ack, before_data, before_decision: before_ack || before_data || late };
        }
        now
    }

    pub(super) fn time(e: &EventRef<'_>) -> SimTime {
        SimTime::from_nanos(time_of(e))
    }
}
