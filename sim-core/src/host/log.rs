//! What the kernel writes to its log about memory, with its rate limit.

use crate::time::{Jiffies, Now, SimTime};

/// Lines in `LIMIT_SECONDS` (`DEFAULT_RATELIMIT_BURST`).
const BURST: u32 = 10;
/// The interval of the limit (`DEFAULT_RATELIMIT_INTERVAL`), seconds.
const LIMIT_SECONDS: u32 = 5;
/// Lines that are kept.
const KEPT: usize = 4_096;

/// A message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogMessage {
    /// More orphans than `tcp_max_orphans`.
    TooManyOrphans,
    /// More pages than `tcp_mem[2]`.
    OutOfMemory,
    /// Messages that the rate limit held back.
    Suppressed(u32),
}

impl std::fmt::Display for LogMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooManyOrphans => f.write_str("TCP: too many orphaned sockets"),
            Self::OutOfMemory => f.write_str("TCP: out of memory -- consider tuning tcp_mem"),
            Self::Suppressed(n) => write!(f, "net_ratelimit: {n} callbacks suppressed"),
        }
    }
}

/// The log of one host (`net_ratelimit`).
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct KernelLog {
    lines: Vec<(SimTime, LogMessage)>,
    /// When the present interval began.
    begin: Option<Jiffies>,
    printed: u32,
    missed: u32,
}

impl KernelLog {
    /// The lines, in order of time.
    pub fn lines(&self) -> &[(SimTime, LogMessage)] {
        &self.lines
    }

    /// A message is due; the limit may hold it back.
    pub fn message(&mut self, now: Now, message: LogMessage) {
        let begin = *self.begin.get_or_insert(now.jiffies);
        if now.jiffies > begin + LIMIT_SECONDS * now.hz {
            let missed = std::mem::take(&mut self.missed);
            if missed > 0 {
                self.write(now, LogMessage::Suppressed(missed));
            }
            self.begin = Some(now.jiffies);
            self.printed = 0;
        }
        if self.printed < BURST {
            self.printed += 1;
            self.write(now, message);
        } else {
            self.missed += 1;
        }
    }

    fn write(&mut self, now: Now, message: LogMessage) {
        if self.lines.len() < KEPT {
            self.lines.push((now.time, message));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{JiffyClock, SimDuration};

    #[test]
    fn ten_lines_in_five_seconds_and_the_rest_is_counted() {
        let at = |ms: u64| JiffyClock::new(250, SimDuration::ZERO).now(SimTime::from_nanos(ms * 1_000_000));
        let mut log = KernelLog::default();
        (0..14).for_each(|ms| log.message(at(ms), LogMessage::TooManyOrphans));
        assert_eq!(log.lines().len(), 10);
        log.message(at(6_000), LogMessage::OutOfMemory);
        let last: Vec<String> = log.lines()[10..].iter().map(|(_, m)| m.to_string()).collect();
        let want = ["net_ratelimit: 4 callbacks suppressed", "TCP: out of memory -- consider tuning tcp_mem"];
        assert_eq!(last, want);
    }
}
