//! Applications that write.

use crate::config::WriteConfig;
use crate::time::{SimDuration, SimTime};

/// What a writer sees of its socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WriterView {
    /// `poll` reports `POLLOUT`.
    pub writable: bool,
    /// `tcpi_unacked`: packets in flight.
    pub unacked: u32,
}

/// What a writer does next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WriterStep {
    /// Calls `send` with this many bytes.
    Write(u32),
    /// Waits until the socket is writable.
    WaitForRoom,
    /// Nothing before [`Writer::due`].
    Idle,
}

/// A writing application.
#[derive(Clone, Debug)]
pub struct Writer {
    config: WriteConfig,
    next: Option<SimTime>,
    waiting: bool,
    written: u64,
    chunk: usize,
    prefill: u32,
}

impl Writer {
    /// A writer that has not started.
    pub fn new(config: &WriteConfig) -> Self {
        let prefill = match config {
            WriteConfig::Chunks { prefill, .. } => *prefill,
            _ => 0,
        };
        Self { config: config.clone(), next: None, waiting: false, written: 0, chunk: 0, prefill }
    }

    /// How long after the establishment of the connection the writer starts.
    pub fn start_delay(&self) -> SimDuration {
        match self.config {
            WriteConfig::Never => SimDuration::ZERO,
            WriteConfig::Burst { start, .. } | WriteConfig::Chunks { start, .. } => start,
        }
    }

    /// The writer starts at `now`.
    pub fn start(&mut self, now: SimTime) {
        if self.config != WriteConfig::Never {
            self.next = Some(now);
        }
    }

    /// When the writer wants to run next; `None` while it waits for room or is done.
    pub fn due(&self) -> Option<SimTime> {
        if self.waiting || self.left() == 0 { None } else { self.next }
    }

    /// The socket has become writable.
    pub fn wake(&mut self, now: SimTime) {
        if self.waiting {
            self.waiting = false;
            self.next = Some(now);
        }
    }

    /// Bytes written so far.
    pub fn written(&self) -> u64 {
        self.written
    }

    fn left(&self) -> u64 {
        let total = match self.config {
            WriteConfig::Never => Some(0),
            WriteConfig::Burst { total, .. } | WriteConfig::Chunks { total, .. } => total,
        };
        total.map_or(u64::MAX, |t| t.saturating_sub(self.written))
    }

    /// What the writer does at `now`.
    pub fn step(&mut self, now: SimTime, socket: WriterView) -> WriterStep {
        if self.due().is_none_or(|t| t > now) {
            return WriterStep::Idle;
        }
        let cap = |n: u32, left: u64| u64::from(n).min(left) as u32;
        let left = self.left();
        match &self.config {
            WriteConfig::Never => WriterStep::Idle,
            WriteConfig::Burst { call, .. } => {
                if socket.writable {
                    WriterStep::Write(cap((*call).max(1), left))
                } else {
                    self.waiting = true;
                    WriterStep::WaitForRoom
                }
            }
            WriteConfig::Chunks { sizes, every, in_flight, .. } => {
                if self.prefill > 0 {
                    return WriterStep::Write(cap(self.prefill, left));
                }
                let size = sizes.get(self.chunk % sizes.len().max(1)).copied().unwrap_or(0);
                if size == 0 {
                    self.next = None;
                    return WriterStep::Idle;
                }
                if socket.unacked > *in_flight {
                    self.next = Some(now + *every);
                    return WriterStep::Idle;
                }
                WriterStep::Write(cap(size, left))
            }
        }
    }

    /// The host had no memory: the writer tries again at `at`.
    pub fn retry_at(&mut self, at: SimTime) {
        self.waiting = false;
        self.next = Some(at);
    }

    /// `send` returned `n` at `now`. Returns whether a chunk was written after which the receiving socket gets
    /// `TCP_QUICKACK`.
    pub fn wrote(&mut self, now: SimTime, n: u32) -> bool {
        self.written += u64::from(n);
        match &self.config {
            WriteConfig::Never => false,
            WriteConfig::Burst { retry, .. } => {
                if n == 0 {
                    self.waiting = *retry == SimDuration::ZERO;
                    self.next = Some(now + *retry);
                }
                false
            }
            WriteConfig::Chunks { every, receiver_quickack, .. } => {
                if self.prefill > 0 {
                    self.prefill = 0;
                    return false;
                }
                if n > 0 {
                    self.chunk += 1;
                }
                self.next = Some(now + *every);
                *receiver_quickack
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FREE: WriterView = WriterView { writable: true, unacked: 0 };

    #[test]
    fn a_burst_writes_until_the_socket_is_full_and_goes_on_when_there_is_room() {
        let mut w = Writer::new(&WriteConfig::Burst {
            total: Some(150),
            call: 100,
            retry: SimDuration::from_millis(50),
            start: SimDuration::ZERO,
        });
        let t = SimTime::from_nanos(7);
        w.start(t);
        assert_eq!(w.step(t, FREE), WriterStep::Write(100));
        w.wrote(t, 100);
        assert_eq!(w.step(t, WriterView { writable: false, unacked: 1 }), WriterStep::WaitForRoom);
        assert_eq!(w.due(), None);
        w.wake(SimTime::from_nanos(9));
        assert_eq!(w.step(SimTime::from_nanos(9), FREE), WriterStep::Write(50));
        w.wrote(SimTime::from_nanos(9), 50);
        assert_eq!(w.due(), None);
    }

    #[test]
    fn chunks_follow_each_other_and_are_skipped_while_too_much_is_in_flight() {
        let mut w = Writer::new(&WriteConfig::Chunks {
            sizes: vec![1, 7],
            every: SimDuration::from_millis(1),
            in_flight: 2,
            prefill: 40,
            total: None,
            start: SimDuration::ZERO,
            receiver_quickack: true,
        });
        w.start(SimTime::ZERO);
        assert_eq!(w.step(SimTime::ZERO, FREE), WriterStep::Write(40));
        assert!(!w.wrote(SimTime::ZERO, 40));
        assert_eq!(w.step(SimTime::ZERO, FREE), WriterStep::Write(1));
        assert!(w.wrote(SimTime::ZERO, 1));
        assert_eq!(w.step(SimTime::ZERO, FREE), WriterStep::Idle);
        let t = SimTime::from_nanos(1_000_000);
        assert_eq!(w.step(t, WriterView { writable: true, unacked: 3 }), WriterStep::Idle);
        let t = SimTime::from_nanos(2_000_000);
        assert_eq!(w.step(t, FREE), WriterStep::Write(7));
    }
}
