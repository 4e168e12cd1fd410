//! Timers of the model that the record does not show.

use sim_core::send_half::SendHalf as _;
use sim_core::time::{SimDuration, SimTime};

use super::clock::Clocks;
use super::drive::{Drive, Oracle};
use crate::recording::{AppWhat, EventRef};

/// Time from a tick to its timers, at most: what else is pending may be served first.
const SOFTIRQ: SimDuration = SimDuration::from_micros(50);

/// A processor in which nothing happened for so long had nothing to do.
const AT_REST: SimDuration = SimDuration::from_micros(200);

impl Drive<'_> {
    /// Fires timers of the model that were due well before `time` and were not recorded.
    pub(super) fn overdue_timers(&mut self, time: SimTime) {
        let slack = SimDuration::from_nanos(self.setup.sysctl.tcp_comp_sack_slack_ns);
        let ticks = *self.clocks.ticks();
        let tick = SimDuration::from_nanos(ticks.tick_ns());
        if let Some(due) = self.m.rx.compressed_ack_due() {
            // A recorded timer may be late by its slack, by whatever kept the processor, and by up to a tick if it was due
            // when it was armed.
            let grace =
                if self.oracle == Oracle::With { SimDuration::from_millis(1) } else { SimDuration::ZERO };
            let at = due + slack + grace;
            if at < time
                && !self.recorded(AppWhat::CompSackTimer, due, due + slack + tick)
                && !self.in_turn(due)
            {
                let now = ticks.now(at);
                self.with(now, |rx, snd, cx| rx.compressed_ack_timer(cx, snd));
            }
        }
        if let Some(j) = self.m.snd.passive().and_then(|s| s.write_timer_due()) {
            let at = ticks.begin(j + 1);
            // While something is under way, the timer sends, and the record shows it.
            if at < time && self.m.snd.snd_una() == self.m.snd.snd_nxt() {
                let now = ticks.now(at);
                self.with(now, |rx, snd, cx| snd.passive().map(|s| s.write_timer_idle(cx, rx)));
            }
        }
        self.overdue_idle_timer(time, SOFTIRQ);
        if !matches!(self.events[self.at].1, EventRef::Ack(_)) {
            self.overdue_own_timer(time, SOFTIRQ);
        }
        if let Some(j) = self.m.rx.delayed_ack_due() {
            // The timer wheel fires one tick after the expiry. A recorded timer that sends something may come after
            // whatever else the processor had to do; one that finds nothing to do leaves no trace but memory.
            let at = match self.oracle {
                Oracle::Without => ticks.begin(j + 1),
                Oracle::With if self.m.rx.delayed_ack_is_idle() => ticks.begin(j + 1) + SOFTIRQ,
                Oracle::With => ticks.begin(j + 2),
            };
            if at < time && !self.recorded(AppWhat::DelackTimer, ticks.begin(j), at + tick + tick) {
                let now = ticks.now(at);
                self.with(now, |rx, snd, cx| rx.delayed_ack_timer(cx, snd));
            }
        }
    }

    /// Whether a timer of this kind was recorded between two moments: then it fires there, however late the processor
    /// let it run.
    fn recorded(&self, what: AppWhat, from: SimTime, to: SimTime) -> bool {
        if self.oracle == Oracle::Without {
            return false;
        }
        let first = self.timers.partition_point(|&(t, _)| t < from);
        self.timers[first..].iter().take_while(|&&(t, _)| t <= to).any(|&(_, w)| w == what)
    }

    /// Whether the processor has received segments ever since `due`: soft interrupts do not interrupt each other, so a timer
    /// waits until a turn is over, which the record does not show.
    fn in_turn(&self, due: SimTime) -> bool {
        let begin = self.events.partition_point(|(_, e)| Clocks::time(e) < due);
        let mut last = due;
        self.oracle == Oracle::With
            && self.events.get(begin..=self.at).is_some_and(|since| {
                since.iter().all(|(_, e)| {
                    let before = std::mem::replace(&mut last, Clocks::time(e));
                    last.since(before) < AT_REST
                })
            })
    }
}
