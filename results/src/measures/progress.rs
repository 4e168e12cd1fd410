//! Data taken over time: when a transfer is complete, what the window allowed, and how long data waited for a reader.

use std::collections::VecDeque;

use sim_core::seq::Seq;
use sim_core::time::{SimDuration, SimTime};

use super::histogram::Histogram;

/// How far the stream has come, and how far the offered window would have let it come.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Progress {
    /// `rcv_nxt` before the first segment.
    first: Option<Seq>,
    /// `rcv_nxt` as last seen, without a FIN.
    seen: Seq,
    /// Where the data ends that has arrived: a FIN beyond it takes a sequence number and is no data.
    data_end: Seq,
    /// When the latest segment arrived: what `rcv_nxt` gains is gained then.
    arrived: SimTime,
    /// When the first data arrived, and the round-trip time before it from which the window counts.
    began: Option<(SimTime, SimDuration)>,
    /// The window last offered, bytes, and since when.
    window: (u32, SimTime),
    /// Window times time, from a round-trip time before the first data: byte-nanoseconds.
    area: u128,
    /// When the whole transfer had been taken, and `area` then.
    finished: Option<(SimTime, u128)>,
}

impl Progress {
    /// The socket is seen with this `rcv_nxt`. Returns what was gained since: where it ends and when it came.
    pub(super) fn see(&mut self, rcv_nxt: Seq, transfer: Option<u64>) -> Option<(Seq, SimTime)> {
        let first = self.first?;
        let rcv_nxt = rcv_nxt.min(self.data_end.max(first));
        if rcv_nxt <= self.seen {
            return None;
        }
        self.seen = rcv_nxt;
        let taken = u64::try_from(rcv_nxt - first).unwrap_or(0);
        if self.finished.is_none() && transfer.is_some_and(|all| taken >= all) {
            self.finished = Some((self.arrived, self.area_at(self.arrived)));
        }
        Some((rcv_nxt, self.arrived))
    }

    /// A segment arrives whose data, if any, ends at `end`; call it after [`Progress::see`] with the state before it.
    pub(super) fn segment(&mut self, now: SimTime, rcv_nxt: Seq, end: Seq) {
        if self.first.is_none() {
            self.first = Some(rcv_nxt);
            self.seen = rcv_nxt;
        }
        self.arrived = now;
        self.data_end = self.data_end.max(end);
    }

    /// The first data arrives at a socket that offers `window`.
    pub(super) fn data_begins(&mut self, now: SimTime, window: u32, rtt: SimDuration) {
        if self.began.is_none() {
            self.began = Some((now, rtt));
            self.area = u128::from(window) * u128::from(rtt.as_nanos());
            self.window = (window, now);
        }
    }

    /// A window is offered.
    pub(super) fn offered(&mut self, now: SimTime, window: u32) {
        if self.began.is_some() {
            self.area = self.area_at(now);
            self.window = (window, now);
        }
    }

    fn area_at(&self, t: SimTime) -> u128 {
        let (window, since) = self.window;
        self.area + u128::from(window) * u128::from(t.since(since).as_nanos())
    }

    /// `rcv_nxt` as last seen, without a FIN.
    pub(super) const fn seen(&self) -> Seq {
        self.seen
    }

    /// Bytes taken in order.
    pub fn taken(&self) -> i64 {
        self.first.map_or(0, |first| self.seen - first)
    }

    /// When the whole transfer had been taken; `None` if it was not, or has no end.
    pub fn finished(&self) -> Option<SimTime> {
        self.finished.map(|(t, _)| t)
    }

    /// When the first data arrived.
    pub fn began(&self) -> Option<SimTime> {
        self.began.map(|(t, _)| t)
    }

    /// Bytes that could have been taken until the transfer was complete, or else until `end`: the smaller of what the
    /// rate passes and what the offered windows let through, one window in a round-trip time. The time counts from one
    /// round-trip time before the first data arrived. `None` without data, or if nothing limits.
    pub(super) fn capacity(&self, end: SimTime, rate_bps: Option<u64>) -> Option<u64> {
        let (began, rtt) = self.began?;
        let (end, area) = self.finished.unwrap_or_else(|| (end, self.area_at(end)));
        let time = u128::from(end.since(began).as_nanos()) + u128::from(rtt.as_nanos());
        let by_rate = rate_bps.map(|bps| u128::from(bps) * time / 8_000_000_000);
        let by_window = area.checked_div(u128::from(rtt.as_nanos()));
        let bytes = [by_rate, by_window].into_iter().flatten().min()?;
        u64::try_from(bytes).ok()
    }
}

/// Arrivals that wait for a reader, kept apart up to this many; beyond it neighbours are joined.
const KEPT: usize = 16_384;

/// How long data waits from the moment it is in order until it is read.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Waits {
    /// Where each arrival ends, and when it came.
    waiting: VecDeque<(Seq, SimTime)>,
    /// Everything below was read.
    read: Option<Seq>,
    delays: Histogram,
}

impl Waits {
    /// Data up to `end` is in order since `at`.
    pub(super) fn arrived(&mut self, end: Seq, at: SimTime) {
        match self.waiting.back_mut() {
            Some((last, since)) if *since == at => *last = end,
            _ => {
                if self.waiting.len() >= KEPT {
                    self.thin_out();
                }
                self.waiting.push_back((end, at));
            }
        }
    }

    /// Joins every two neighbours; the later one counts as arrived with the earlier one.
    fn thin_out(&mut self) {
        let mut joined = VecDeque::with_capacity(KEPT);
        let mut all = self.waiting.iter();
        while let Some(&(end, since)) = all.next() {
            let end = all.next().map_or(end, |(end, _)| *end);
            joined.push_back((end, since));
        }
        self.waiting = joined;
    }

    /// The reader has come to `copied_seq`.
    pub(super) fn read(&mut self, now: SimTime, copied_seq: Seq) {
        let Some(mut from) = self.read else { return };
        while let Some(&(end, since)) = self.waiting.front() {
            let to = end.min(copied_seq);
            if to > from {
                self.delays.add(now.since(since).as_nanos(), (to - from).unsigned_abs());
                from = to;
            }
            if end > copied_seq {
                break;
            }
            self.waiting.pop_front();
        }
        self.read = Some(from);
    }

    /// The stream begins at `seq`.
    pub(super) fn begin(&mut self, seq: Seq) {
        self.read.get_or_insert(seq);
    }

    /// The waits of all bytes read, ns.
    pub const fn delays(&self) -> &Histogram {
        &self.delays
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn t(ns: u64) -> SimTime {
        SimTime::from_nanos(ns)
    }

    #[test]
    fn a_wait_counts_from_the_arrival_of_each_byte() {
        let mut w = Waits::default();
        w.begin(Seq(1));
        w.arrived(Seq(101), t(10));
        w.arrived(Seq(201), t(20));
        w.arrived(Seq(301), t(20));
        w.read(t(30), Seq(151));
        w.read(t(120), Seq(301));
        // 100 bytes waited 20 ns, 50 waited 10 ns, 150 waited 100 ns.
        let p = |n| w.delays().percentile(n);
        assert_eq!(
            (p(16), p(17), p(50), p(51), p(100)),
            (Some(10), Some(20), Some(20), Some(100), Some(100))
        );
        assert_eq!(w.delays().weight(), 300);
    }

    #[test]
    fn waits_take_bounded_memory_and_are_never_understated() {
        let mut w = Waits::default();
        w.begin(Seq(0));
        let n = 3 * KEPT as i64;
        for i in 0..n {
            w.arrived(Seq(i + 1), t(i as u64));
        }
        assert!(w.waiting.len() <= KEPT);
        w.read(t(n as u64), Seq(n));
        assert_eq!(w.delays().weight(), n as u64);
        // Exactly, the median wait is half of all arrivals.
        let median = w.delays().percentile(50).unwrap();
        assert!(median >= n as u64 / 2 && median < n as u64 / 2 + n as u64 / 50, "{median}");
    }

    #[test]
    fn what_a_window_lets_through_is_one_window_in_a_round_trip_time() {
        let rtt = SimDuration::from_nanos(100);
        let mut p = Progress::default();
        p.segment(t(50), Seq(1), Seq(1_001));
        p.segment(t(150), Seq(1), Seq(1_001));
        p.data_begins(t(150), 1_000, rtt);
        p.offered(t(150), 1_000);
        p.see(Seq(1_001), Some(2_000));
        p.segment(t(250), Seq(1_001), Seq(2_001));
        assert_eq!(p.see(Seq(2_001), Some(2_000)), Some((Seq(2_001), t(250))));
        p.offered(t(250), 3_000);
        // From 50 to 250: two round trips with 1000 bytes each; later nothing was left to send.
        assert_eq!((p.taken(), p.finished()), (2_000, Some(t(250))));
        assert_eq!(p.capacity(t(900), None), Some(2_000));
        // 4 bytes a nanosecond.
        assert_eq!(p.capacity(t(900), Some(32_000_000_000)), Some(800));
    }
}
