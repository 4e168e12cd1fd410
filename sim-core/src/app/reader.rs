//! Applications that read.

use crate::config::ReadConfig;
use crate::time::SimTime;

/// A reading application.
#[derive(Clone, Debug)]
pub struct Reader {
    config: ReadConfig,
    started: Option<SimTime>,
    next: Option<SimTime>,
    planned: usize,
    read: u64,
}

impl Reader {
    /// A reader that has not started.
    pub fn new(config: &ReadConfig) -> Self {
        Self { config: config.clone(), started: None, next: None, planned: 0, read: 0 }
    }

    /// The writer starts at `now`: the reader's own start counts from here.
    pub fn start(&mut self, now: SimTime) {
        self.started = Some(now);
        self.next = match &self.config {
            ReadConfig::Never => None,
            ReadConfig::Fixed { start, .. } | ReadConfig::Asap { start, .. } => Some(now + *start),
            ReadConfig::Plan(plan) => plan.first().map(|p| now + p.at),
        };
    }

    /// When the reader wants to run next, given whether its socket is readable.
    pub fn due(&self, readable: bool) -> Option<SimTime> {
        match self.config {
            ReadConfig::Asap { .. } if !readable => None,
            _ => self.next,
        }
    }

    /// The length of the `recv` that the reader calls at `now`, if it calls one.
    pub fn step(&mut self, now: SimTime, readable: bool) -> Option<u32> {
        if self.due(readable).is_none_or(|t| t > now) {
            return None;
        }
        match &self.config {
            ReadConfig::Never => None,
            ReadConfig::Fixed { bytes, every, .. } => {
                // A reader that fell behind does not catch up.
                self.next = self.next.map(|t| (t + *every).max(now));
                Some(*bytes)
            }
            ReadConfig::Asap { buffer, cost, .. } => {
                self.next = Some(now + *cost);
                Some(*buffer)
            }
            ReadConfig::Plan(plan) => {
                let bytes = plan.get(self.planned).map(|p| p.bytes);
                self.planned += 1;
                let start = self.started.unwrap_or(now);
                self.next = plan.get(self.planned).map(|p| start + p.at);
                bytes
            }
        }
    }

    /// A `recv` returned `n` bytes.
    pub fn got(&mut self, n: u32) {
        self.read += u64::from(n);
    }

    /// Bytes read so far.
    pub fn bytes(&self) -> u64 {
        self.read
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::PlannedRead;
    use crate::time::SimDuration;

    fn ms(n: u64) -> SimTime {
        SimTime::from_nanos(n * 1_000_000)
    }

    #[test]
    fn a_fixed_reader_reads_on_its_grid_and_does_not_catch_up() {
        let mut r = Reader::new(&ReadConfig::Fixed {
            bytes: 100,
            every: SimDuration::from_millis(50),
            start: SimDuration::ZERO,
        });
        r.start(ms(10));
        assert_eq!(r.step(ms(10), false), Some(100));
        assert_eq!(r.due(false), Some(ms(60)));
        assert_eq!(r.step(ms(200), false), Some(100));
        assert_eq!(r.due(false), Some(ms(200)));
    }

    #[test]
    fn an_eager_reader_waits_for_data_and_for_its_last_call() {
        let mut r = Reader::new(&ReadConfig::Asap {
            buffer: 4096,
            start: SimDuration::ZERO,
            cost: SimDuration::from_millis(1),
        });
        r.start(ms(0));
        assert_eq!(r.due(false), None);
        assert_eq!(r.step(ms(5), true), Some(4096));
        assert_eq!(r.due(true), Some(ms(6)));
    }

    #[test]
    fn a_plan_is_followed_once() {
        let mut r = Reader::new(&ReadConfig::Plan(vec![
            PlannedRead { at: SimDuration::from_millis(1), bytes: 10 },
            PlannedRead { at: SimDuration::from_millis(3), bytes: 20 },
        ]));
        r.start(ms(100));
        assert_eq!(r.due(false), Some(ms(101)));
        assert_eq!(r.step(ms(101), false), Some(10));
        assert_eq!(r.step(ms(103), false), Some(20));
        assert_eq!(r.due(false), None);
    }
}
