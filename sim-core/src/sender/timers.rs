//! The one timer of the sending half (`icsk_pending`): at most one meaning at a time.

use crate::time::Jiffies;
use crate::timer_wheel::TimerWheel;

/// What the timer is armed for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimerKind {
    /// Retransmission timeout (`ICSK_TIME_RETRANS`).
    Retransmit,
    /// Tail loss probe (`ICSK_TIME_LOSS_PROBE`).
    LossProbe,
    /// Zero-window probe (`ICSK_TIME_PROBE0`).
    WindowProbe,
    /// RACK's reordering window (`ICSK_TIME_REO_TIMEOUT`).
    Reorder,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Armed {
    kind: TimerKind,
    fires: Jiffies,
}

/// The timer.
#[derive(Clone, Debug)]
pub struct XmitTimer {
    wheel: TimerWheel,
    armed: Option<Armed>,
    /// What the last arming asked for, before the wheel rounded it up (`icsk_timeout`).
    asked: Jiffies,
    /// When a timer that was cancelled runs all the same and finds nothing to do.
    idle: Option<Jiffies>,
}

impl XmitTimer {
    /// An idle timer on `wheel`.
    pub fn new(wheel: TimerWheel) -> Self {
        Self { wheel, armed: None, asked: Jiffies::default(), idle: None }
    }

    /// Arms the timer `ticks` from `now`; arming twice replaces.
    pub fn arm(&mut self, kind: TimerKind, now: Jiffies, ticks: u32) {
        self.asked = now + ticks;
        self.armed = Some(Armed { kind, fires: self.wheel.fires(now, self.asked) });
        self.idle = None;
    }

    /// The expiry that the last arming asked for.
    pub fn asked(&self) -> Jiffies {
        self.asked
    }

    /// Cancels the timer: it stays in the wheel but has no meaning (`inet_csk_clear_xmit_timer`).
    pub fn clear(&mut self) {
        self.idle = self.armed.take().map(|a| a.fires).or(self.idle);
    }

    /// Takes the timer out of the wheel: the connection is over (`inet_csk_clear_xmit_timers` in `tcp_done`).
    pub fn stop(&mut self) {
        (self.armed, self.idle) = (None, None);
    }

    /// When a cancelled timer still runs.
    pub fn idle(&self) -> Option<Jiffies> {
        self.idle
    }

    /// The cancelled timer has run.
    pub fn idle_ran(&mut self) {
        self.idle = None;
    }

    /// Cancels the timer if it is armed for `kind`.
    pub fn clear_kind(&mut self, kind: TimerKind) {
        if self.kind() == Some(kind) {
            self.clear();
        }
    }

    /// What the timer is armed for.
    pub fn kind(&self) -> Option<TimerKind> {
        self.armed.map(|a| a.kind)
    }

    /// The tick at which it fires.
    pub fn fires(&self) -> Option<Jiffies> {
        self.armed.map(|a| a.fires)
    }

    /// Takes the timer if it is due; a call before that changes nothing.
    pub fn take_due(&mut self, now: Jiffies) -> Option<TimerKind> {
        let a = self.armed.filter(|a| a.fires <= now)?;
        self.armed = None;
        Some(a.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arming_twice_replaces_and_an_early_call_does_nothing() {
        let mut t = XmitTimer::new(TimerWheel::new(0));
        t.arm(TimerKind::Retransmit, Jiffies(0), 50);
        t.arm(TimerKind::LossProbe, Jiffies(0), 10);
        assert_eq!(t.fires(), Some(Jiffies(11)));
        assert_eq!(t.take_due(Jiffies(10)), None);
        assert_eq!(t.take_due(Jiffies(11)), Some(TimerKind::LossProbe));
        assert_eq!(t.kind(), None);
    }

    #[test]
    fn a_cancelled_timer_runs_once_for_nothing_unless_it_is_armed_again() {
        let mut t = XmitTimer::new(TimerWheel::new(0));
        t.arm(TimerKind::Retransmit, Jiffies(0), 10);
        t.clear();
        assert_eq!((t.fires(), t.idle()), (None, Some(Jiffies(11))));
        t.arm(TimerKind::LossProbe, Jiffies(2), 20);
        assert_eq!(t.idle(), None);
        t.clear_kind(TimerKind::Retransmit);
        assert_eq!((t.kind(), t.idle()), (Some(TimerKind::LossProbe), None));
        t.clear_kind(TimerKind::LossProbe);
        assert!(t.idle().is_some());
        t.idle_ran();
        assert_eq!(t.idle(), None);
    }

    #[test]
    fn nothing_runs_when_the_connection_is_over() {
        let mut t = XmitTimer::new(TimerWheel::new(0));
        t.arm(TimerKind::Retransmit, Jiffies(0), 10);
        t.clear();
        t.stop();
        assert_eq!((t.fires(), t.idle()), (None, None));
        t.arm(TimerKind::LossProbe, Jiffies(0), 10);
        t.stop();
        assert_eq!((t.fires(), t.idle()), (None, None));
    }
}
