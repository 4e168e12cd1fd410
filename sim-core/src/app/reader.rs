//! Programs that read.

use std::sync::Arc;

use super::config::{ReadConfig, ReadMode, Stall};
use crate::time::{SimDuration, SimTime};

/// A page of a program's memory, bytes.
const PAGE: u32 = 4_096;

/// A reading program.
#[derive(Clone, Debug)]
pub struct Reader {
    config: Arc<ReadConfig>,
    /// When its first read was allowed.
    begin: SimTime,
    next: Option<SimTime>,
    planned: usize,
    read: u64,
    /// A read met the end of the stream.
    ended: bool,
    /// Read and not yet written back.
    held: u32,
    /// Pages of its memory that it has touched.
    touched: u32,
}

impl Reader {
    /// A reader that has not started. Readers may share what they were told to do.
    pub fn new(config: impl Into<Arc<ReadConfig>>) -> Self {
        Self {
            config: config.into(),
            begin: SimTime::ZERO,
            next: None,
            planned: 0,
            read: 0,
            ended: false,
            held: 0,
            touched: 0,
        }
    }

    /// The writer starts at `now`: the reader's own start counts from here.
    pub fn start(&mut self, now: SimTime) {
        self.begin = now + self.config.start;
        self.next = match &self.config.mode {
            ReadMode::Never => None,
            ReadMode::Fixed { .. } | ReadMode::Asap { .. } | ReadMode::Echo { .. } => Some(self.begin),
            ReadMode::Plan(plan) => plan.first().map(|p| self.begin + p.at),
        };
    }

    /// A `recv` has copied up to `end` bytes: how many pages of an echo server's memory that touches for the first time. Other
    /// programs read to where they have written before. What the allocator keeps in front makes it a page more.
    pub fn touches(&mut self, end: u32) -> u32 {
        let ReadMode::Echo { .. } = self.config.mode else { return 0 };
        let new = (end / PAGE + 1).saturating_sub(self.touched);
        self.touched += new;
        new
    }

    /// When the reader wants to run next; `readable` says whether its socket is, and is asked only where that matters.
    #[inline]
    pub fn due(&self, readable: impl Fn() -> bool) -> Option<SimTime> {
        match self.config.mode {
            _ if self.ended || self.held > 0 => None,
            ReadMode::Asap { .. } | ReadMode::Echo { .. } if !readable() => None,
            _ => self.next,
        }
    }

    /// Whether data makes it read, and nothing else.
    pub fn waits_for_data(&self) -> bool {
        let waits = matches!(self.config.mode, ReadMode::Asap { .. } | ReadMode::Echo { .. });
        waits && !self.ended && self.held == 0 && self.next.is_some()
    }

    /// The length of the `recv` that the reader calls at `now`, if it calls one.
    pub fn step(&mut self, now: SimTime, readable: bool) -> Option<u32> {
        if self.due(|| readable).is_none_or(|t| t > now) {
            return None;
        }
        match &self.config.mode {
            ReadMode::Never => None,
            ReadMode::Fixed { bytes, every } => {
                // A reader that fell behind does not catch up.
                self.next = self.next.map(|t| (t + *every).max(now));
                Some(*bytes)
            }
            ReadMode::Asap { buffer, stall, .. } => {
                if let Some(end) = stall.and_then(|s| self.stalled_until(now, s)) {
                    self.next = Some(end);
                    return None;
                }
                Some(*buffer)
            }
            ReadMode::Plan(plan) => {
                let bytes = plan.get(self.planned).map(|p| p.bytes);
                self.planned += 1;
                self.next = plan.get(self.planned).map(|p| self.begin + p.at);
                bytes
            }
            ReadMode::Echo { buffer } => Some(*buffer),
        }
    }

    /// The end of the pause that `now` falls into.
    fn stalled_until(&self, now: SimTime, stall: Stall) -> Option<SimTime> {
        let every = stall.every.as_nanos().max(1);
        let since = now.since(self.begin).as_nanos();
        let (round, into) = (since / every, since % every);
        (round > 0 && into < stall.length.as_nanos())
            .then(|| now + SimDuration::from_nanos(stall.length.as_nanos() - into))
    }

    /// A `recv` returned `n` bytes at `now`; `end` says that it met the end of the stream.
    pub fn got(&mut self, now: SimTime, n: u32, end: bool) {
        self.read += u64::from(n);
        self.ended |= end && n == 0;
        match self.config.mode {
            ReadMode::Asap { work, .. } => {
                let ns = work.rate_bps.map_or(0, |bps| {
                    let ns = u128::from(n) * 8 * 1_000_000_000 / u128::from(bps.max(1));
                    u64::try_from(ns).unwrap_or(u64::MAX)
                });
                self.next = Some((now + work.per_call).saturating_add(SimDuration::from_nanos(ns)));
            }
            ReadMode::Echo { .. } => {
                self.held = n;
                self.next = Some(now);
            }
            _ => {}
        }
    }

    /// Bytes that wait to be written back.
    pub fn held(&self) -> u32 {
        self.held
    }

    /// `n` bytes were written back.
    pub fn wrote_back(&mut self, n: u32) {
        self.held -= n.min(self.held);
    }

    /// Whether reading may make the program close its end.
    pub fn may_close(&self) -> bool {
        self.config.close_at_end || self.config.close_after.is_some()
    }

    /// Whether the program closes its end now.
    #[inline]
    pub fn closes(&self) -> bool {
        (self.ended && self.config.close_at_end) || self.config.close_after.is_some_and(|n| self.read >= n)
    }

    /// Whether the end of the stream was met.
    pub fn ended(&self) -> bool {
        self.ended
    }

    /// Bytes read so far.
    pub fn bytes(&self) -> u64 {
        self.read
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::{PlannedRead, Work};
    use super::*;

    fn ms(n: u64) -> SimTime {
        SimTime::from_nanos(n * 1_000_000)
    }

    fn millis(n: u64) -> SimDuration {
        SimDuration::from_millis(n)
    }

    fn started(mode: ReadMode, at: SimTime) -> Reader {
        let mut r = Reader::new(ReadConfig::of(mode));
        r.start(at);
        r
    }

    #[test]
    fn a_fixed_reader_reads_on_its_grid_and_does_not_catch_up() {
        let mut r = started(ReadMode::Fixed { bytes: 100, every: millis(50) }, ms(10));
        assert_eq!(r.step(ms(10), false), Some(100));
        assert_eq!(r.due(|| false), Some(ms(60)));
        assert_eq!(r.step(ms(200), false), Some(100));
        assert_eq!(r.due(|| false), Some(ms(200)));
    }

    #[test]
    fn an_eager_reader_waits_for_data_and_for_what_its_last_call_costs() {
        let work = Work { per_call: millis(1), rate_bps: None };
        let mut r = started(ReadMode::Asap { buffer: 4096, work, stall: None }, ms(0));
        assert_eq!(r.due(|| false), None);
        assert_eq!(r.step(ms(5), true), Some(4096));
        r.got(ms(5), 4096, false);
        assert_eq!(r.due(|| true), Some(ms(6)));
    }

    #[test]
    fn a_reader_with_a_rate_is_busy_with_what_it_read() {
        // 1000 bytes per millisecond.
        let work = Work { per_call: SimDuration::ZERO, rate_bps: Some(8_000_000) };
        let mut r = started(ReadMode::Asap { buffer: 65_536, work, stall: None }, ms(0));
        assert_eq!(r.step(ms(0), true), Some(65_536));
        r.got(ms(0), 3_000, false);
        assert_eq!(r.step(ms(2), true), None);
        assert_eq!(r.due(|| true), Some(ms(3)));
    }

    #[test]
    fn a_reader_that_stalls_stops_for_a_while_in_every_period_but_the_first() {
        let stall = Some(Stall { every: millis(100), length: millis(30) });
        let mut r = started(ReadMode::Asap { buffer: 1, work: Work::default(), stall }, ms(50));
        assert_eq!(r.step(ms(51), true), Some(1));
        r.got(ms(51), 1, false);
        assert_eq!(r.step(ms(155), true), None, "the pause from 150 to 180 ms");
        assert_eq!(r.due(|| true), Some(ms(180)));
        assert_eq!(r.step(ms(180), true), Some(1));
        r.got(ms(180), 1, false);
        assert_eq!(r.step(ms(249), true), Some(1));
    }

    #[test]
    fn a_plan_is_followed_once() {
        let plan = vec![PlannedRead { at: millis(1), bytes: 10 }, PlannedRead { at: millis(3), bytes: 20 }];
        let mut r = started(ReadMode::Plan(plan), ms(100));
        assert_eq!(r.due(|| false), Some(ms(101)));
        assert_eq!(r.step(ms(101), false), Some(10));
        assert_eq!(r.step(ms(103), false), Some(20));
        assert_eq!(r.due(|| false), None);
    }

    #[test]
    fn an_echo_reads_again_only_when_everything_was_written_back() {
        let mut r = started(ReadMode::Echo { buffer: 100 }, ms(0));
        assert_eq!(r.step(ms(0), true), Some(100));
        r.got(ms(0), 70, false);
        assert_eq!((r.held(), r.due(|| true)), (70, None));
        r.wrote_back(50);
        assert_eq!(r.due(|| true), None);
        r.wrote_back(20);
        assert_eq!(r.step(ms(1), true), Some(100));
    }

    #[test]
    fn the_end_of_the_stream_ends_reading_and_an_empty_read_does_not() {
        let mut r = Reader::new(ReadConfig { close_at_end: true, ..ReadConfig::asap(10) });
        r.start(ms(0));
        r.got(ms(1), 0, false);
        assert!(r.due(|| true).is_some() && !r.closes());
        r.got(ms(2), 5, true);
        assert!(r.due(|| true).is_some(), "bytes came with the end; only the next read meets it");
        r.got(ms(3), 0, true);
        assert!(r.due(|| true).is_none() && r.closes());
    }

    #[test]
    fn an_echo_server_touches_each_page_of_its_memory_once() {
        let mut r = Reader::new(ReadConfig { mode: ReadMode::Echo { buffer: 65_536 }, ..ReadConfig::NEVER });
        assert_eq!([r.touches(10), r.touches(12_288), r.touches(8_192), r.touches(16_384)], [1, 3, 0, 1]);
        assert_eq!(Reader::new(ReadConfig::asap(10)).touches(100_000), 0);
    }

    #[test]
    fn a_reader_may_close_before_the_end() {
        let mut r = Reader::new(ReadConfig { close_after: Some(100), ..ReadConfig::asap(60) });
        r.start(ms(0));
        r.got(ms(1), 60, false);
        assert!(!r.closes());
        r.got(ms(2), 60, false);
        assert!(r.closes());
    }
}
