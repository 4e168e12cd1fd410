//! Pacing: when a packet may leave (`tcp_update_skb_after_send`). A socket with `SO_MAX_PACING_RATE` keeps it until then
//! by itself (`tcp_pacing_check`, `tcp_pace_kick`); behind the fair queueing of its own device it hands packets over at once, with
//! that time, and the queue keeps them (`SK_PACING_FQ`).

use super::Sender;
use super::output::Push;
use crate::observer::Observer;
use crate::receiver::Receiver;
use crate::send_half::Cx;
use crate::time::SimTime;

/// Segments that leave before pacing begins.
const UNPACED_SEGMENTS: u64 = 10;
const NS_PER_S: u128 = 1_000_000_000;

/// What a paced socket keeps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Pacing {
    /// `sk_max_pacing_rate`, bytes per second.
    pub(super) max_rate: u64,
    /// Data segments sent so far, repetitions included (`data_segs_out`).
    segments: u64,
    /// The queueing discipline of the device keeps packets until their time (`SK_PACING_FQ`), not the socket.
    by_queue: bool,
    /// When the timer lets the socket go on (`pacing_timer`).
    timer: Option<SimTime>,
}

impl Pacing {
    pub(super) fn new(max_rate: u64) -> Self {
        Self { max_rate, segments: 0, by_queue: false, timer: None }
    }

    /// Segments with data were handed to the device.
    pub(super) fn count(&mut self, segments: u32) {
        self.segments += u64::from(segments);
    }

    /// When the packet after one of `len` bytes may leave. `prior` is when this one might have left, `left` when it did:
    /// a packet that was late makes up for it, with at most half of its own time.
    fn next(&self, prior: SimTime, left: SimTime, len: u32, rate: u64) -> SimTime {
        if rate == 0 || rate == u64::MAX || self.segments < UNPACED_SEGMENTS {
            return left;
        }
        let ns = u64::try_from(u128::from(len) * NS_PER_S / u128::from(rate)).unwrap_or(u64::MAX);
        let credit = left.since(prior).as_nanos();
        SimTime::from_nanos(left.as_nanos().saturating_add(ns - credit.min(ns / 2)))
    }
}

impl Sender {
    /// The device's queueing discipline paces the socket's packets, from the first one on.
    pub fn paced_by_queue(&mut self) {
        self.pacing.get_or_insert(Pacing::new(u64::MAX)).by_queue = true;
    }

    /// A packet of `len` bytes has left the socket: when the next one may.
    pub(super) fn paced(&mut self, prior: SimTime, len: u32) {
        if let Some(p) = &self.pacing {
            self.wstamp = p.next(prior, self.wstamp, len, self.pacing_rate);
        }
    }

    /// Whether the next packet has to wait for its time; a timer then wakes the socket.
    pub(super) fn pacing_holds(&mut self, rx: &Receiver) -> bool {
        let held = |p: &&mut Pacing| !p.by_queue && self.wstamp > rx.cached_clock();
        let Some(p) = self.pacing.as_mut().filter(held) else { return false };
        p.timer.get_or_insert(self.wstamp);
        true
    }

    /// How many whole ticks the next packet has to wait (`tcp_pacing_delay`): timers start that much later.
    pub(super) fn pacing_ticks(&self, clock: SimTime) -> u32 {
        if self.pacing.is_none() {
            return 0;
        }
        let ns = self.wstamp.since(clock).as_nanos();
        u32::try_from(u128::from(ns) * u128::from(self.hz) / NS_PER_S).unwrap_or(u32::MAX)
    }

    /// When the pacing timer fires.
    #[inline]
    pub fn pacing_due(&self) -> Option<SimTime> {
        self.pacing.as_ref().and_then(|p| p.timer)
    }

    /// Takes the pacing timer if it is due.
    pub fn take_pacing(&mut self, now: SimTime) -> bool {
        self.pacing.as_mut().is_some_and(|p| p.timer.take_if(|t| *t <= now).is_some())
    }

    /// The time of the next packet has come (`tcp_tsq_write`).
    pub fn pacing_fires<O: Observer>(&mut self, cx: &mut Cx<'_, O>, rx: &mut Receiver) {
        if self.loss.lost_out > self.loss.retrans_out && self.cc.cwnd > self.in_flight() {
            rx.refresh_clock(cx);
            self.resend_lost(cx, rx);
        }
        self.write_xmit(cx, rx, self.mss_now(rx), self.nodelay, self.cork, Push::All);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(us: u64) -> SimTime {
        SimTime::from_nanos(us * 1_000)
    }

    /// Recorded with `SO_MAX_PACING_RATE` 250000 (w3_max_pacing): 2896 bytes take 11.584 ms, and 5.792 ms after a pause.
    #[test]
    fn a_packet_takes_its_size_at_the_rate_and_half_of_it_after_a_pause() {
        let mut p = Pacing::new(250_000);
        p.count(8);
        assert_eq!(p.next(at(0), at(60), 2_896, 250_000), at(60), "the first ten segments are not paced");
        p.count(2);
        assert_eq!(p.next(at(0), at(0), 2_896, 250_000), at(11_584));
        assert_eq!(
            p.next(at(11_584), at(11_589), 2_896, 250_000),
            at(2 * 11_584),
            "a late timer is made up for"
        );
        assert_eq!(p.next(at(0), at(28_000), 2_896, 250_000), at(28_000 + 5_792));
        assert_eq!(p.next(at(0), at(0), 2_896, u64::MAX), at(0));
    }
}
