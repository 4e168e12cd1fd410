//! The receive ring of a device: frames wait in it for an interrupt, and then for a poll.
//!
//! The first frame arms a timer (`rx-usecs`), enough frames raise the interrupt at once (`rx-frames`). The interrupt
//! turns itself off, and the device is polled until its ring is empty (`napi_schedule`, `napi_poll`); frames that come
//! meanwhile are taken along. Each poll takes a budget of frames. What finds the ring full is lost (`rx_missed`).

use std::collections::VecDeque;

use super::Packet;
use crate::config::RingConfig;
use crate::time::SimTime;

/// What a ring has seen.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct RingStats {
    /// Frames that found the ring full (`rx_missed_errors`).
    pub missed: u64,
    /// Interrupts.
    pub interrupts: u64,
    /// Polls.
    pub polls: u64,
    /// Most frames that ever waited.
    pub max_frames: u32,
}

/// What becomes of frames that arrive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Arrived {
    /// They wait; an interrupt comes at this time, if it was not announced before.
    Wait(Option<SimTime>),
    /// The device is being polled: so many of them are taken along.
    Polled(u32),
}

/// The ring.
#[derive(Clone, Debug)]
pub(crate) struct RxRing {
    config: RingConfig,
    /// Packets and how many of their frames wait for the interrupt.
    waiting: VecDeque<(Packet, u32, u32)>,
    /// Frames in the ring.
    frames: u32,
    polling: bool,
    /// When the interrupt comes.
    due: Option<SimTime>,
    /// Frames of this poll.
    polled: u32,
    stats: RingStats,
}

impl RxRing {
    pub(crate) fn new(config: RingConfig) -> Self {
        Self {
            config,
            waiting: VecDeque::new(),
            frames: 0,
            polling: false,
            due: None,
            polled: 0,
            stats: RingStats::default(),
        }
    }

    pub(crate) fn stats(&self) -> RingStats {
        self.stats
    }

    /// A packet of `of` frames arrives at `now`.
    pub(crate) fn arrive(&mut self, now: SimTime, packet: &Packet, of: u32) -> Arrived {
        let kept = of.min(self.config.ring - self.frames);
        self.stats.missed += u64::from(of - kept);
        self.frames += kept;
        self.stats.max_frames = self.stats.max_frames.max(self.frames);
        if self.polling {
            return Arrived::Polled(kept);
        }
        if kept > 0 {
            self.waiting.push_back((*packet, of, kept));
        }
        let enough = self.config.rx_frames > 0 && self.frames >= self.config.rx_frames;
        let at = if enough { now } else { now.saturating_add(self.config.rx_usecs) };
        // An earlier announcement stands, unless there are enough frames now.
        if self.frames == 0 || self.due.is_some_and(|due| due <= at) {
            return Arrived::Wait(None);
        }
        self.due = Some(at);
        Arrived::Wait(Some(at))
    }

    /// An announced interrupt comes: the packets that wait, each with its frames and how many of them are left, begin to
    /// be polled. Nothing if another announcement was earlier.
    pub(crate) fn interrupt(&mut self, now: SimTime) -> VecDeque<(Packet, u32, u32)> {
        if self.due != Some(now) || self.polling {
            return VecDeque::new();
        }
        self.due = None;
        self.polling = true;
        self.polled = 0;
        self.stats.interrupts += 1;
        self.stats.polls += 1;
        std::mem::take(&mut self.waiting)
    }

    /// A frame was handed to the stack. Returns whether a poll ends with it: its budget is used up, or the ring is
    /// empty and the interrupt is on again.
    pub(crate) fn taken(&mut self) -> bool {
        self.frames = self.frames.saturating_sub(1);
        self.polled += 1;
        if self.frames == 0 {
            self.polling = false;
            return true;
        }
        let used_up = self.polled >= self.config.budget;
        if used_up {
            self.polled = 0;
            self.stats.polls += 1;
        }
        used_up
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::{Direction, Payload};
    use crate::segment::Segment;
    use crate::time::SimDuration;

    fn packet() -> Packet {
        Packet { flow: 0, way: Direction::Forward, seg: Segment::default(), payload: Payload::Ack }
    }

    fn ring(ring: u32, usecs: u64, rx_frames: u32, budget: u32) -> RxRing {
        RxRing::new(RingConfig { ring, rx_usecs: SimDuration::from_micros(usecs), rx_frames, budget })
    }

    fn us(n: u64) -> SimTime {
        SimTime::from_nanos(n * 1_000)
    }

    #[test]
    fn the_first_frame_arms_the_interrupt_and_later_ones_wait_for_it() {
        let mut r = ring(256, 50, 0, 64);
        assert_eq!(r.arrive(us(10), &packet(), 1), Arrived::Wait(Some(us(60))));
        assert_eq!(r.arrive(us(20), &packet(), 1), Arrived::Wait(None));
        assert_eq!(r.interrupt(us(60)).len(), 2);
        assert_eq!(r.arrive(us(61), &packet(), 1), Arrived::Polled(1));
        assert_eq!([r.taken(), r.taken(), r.taken()], [false, false, true]);
        // The interrupt is on again.
        assert_eq!(r.arrive(us(100), &packet(), 1), Arrived::Wait(Some(us(150))));
        assert_eq!(r.stats().interrupts, 1);
    }

    #[test]
    fn enough_frames_do_not_wait_for_the_timer() {
        let mut r = ring(256, 50, 3, 64);
        assert_eq!(r.arrive(us(10), &packet(), 1), Arrived::Wait(Some(us(60))));
        assert_eq!(r.arrive(us(12), &packet(), 2), Arrived::Wait(Some(us(12))));
        assert_eq!(r.interrupt(us(12)).len(), 2);
        (0..3).for_each(|_| {
            r.taken();
        });
        // What was announced for the timer finds nothing.
        assert_eq!(r.interrupt(us(60)).len(), 0);
        assert_eq!(r.stats().interrupts, 1);
    }

    #[test]
    fn frames_beyond_the_ring_are_missed_until_some_were_taken() {
        let mut r = ring(4, 50, 0, 64);
        r.arrive(us(0), &packet(), 3);
        r.arrive(us(1), &packet(), 3);
        r.arrive(us(2), &packet(), 1);
        assert_eq!((r.stats().missed, r.stats().max_frames), (3, 4));
        assert_eq!(
            r.interrupt(us(50)).iter().map(|(_, of, kept)| (*of, *kept)).collect::<Vec<_>>(),
            [(3, 3), (3, 1)]
        );
        r.taken();
        assert_eq!(r.arrive(us(51), &packet(), 2), Arrived::Polled(1));
        assert_eq!(r.stats().missed, 4);
    }

    #[test]
    fn a_poll_ends_with_its_budget_and_with_the_ring() {
        let mut r = ring(256, 0, 0, 4);
        r.arrive(us(5), &packet(), 10);
        assert_eq!(r.interrupt(us(5)).len(), 1);
        let ends: Vec<_> = (1..=10).filter(|_| r.taken()).collect();
        assert_eq!(ends, [4, 8, 10]);
        assert_eq!(r.stats().polls, 3);
    }
}
