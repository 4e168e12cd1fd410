//! Programs that write.

use std::sync::Arc;

use super::config::{Ending, WriteConfig, WriteMode};
use crate::time::{SimDuration, SimTime};

/// What a writer does next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WriterStep {
    /// Calls `send` with this many bytes.
    Write(u32),
    /// Waits until the socket is writable.
    WaitForRoom,
    /// Writes nothing this time: it asked, and too much is in flight.
    Skip,
    /// Nothing before [`Writer::due`].
    Idle,
}

/// What a program does right after a `send`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AfterWrite {
    /// What its turn is to do.
    Nothing,
    /// It looks at its sockets anew: this was written before its loop begins.
    NewRound,
    /// It sets `TCP_QUICKACK` on the receiving socket.
    QuickAck,
}

/// A writing program.
#[derive(Clone, Debug)]
pub struct Writer {
    config: Arc<WriteConfig>,
    started: SimTime,
    next: Option<SimTime>,
    waiting: bool,
    written: u64,
    chunk: usize,
    prefill: u32,
    /// Calls of a constant rate that are complete.
    calls: u64,
    /// Bytes of the present call, request or answer that the socket has taken.
    part: u32,
    /// A request was sent and its answer is not complete.
    awaiting: bool,
    /// Bytes of the present request or answer that were read.
    heard: u32,
    /// Bytes of answers that are due.
    owed: u64,
}

impl Writer {
    /// A writer that has not started. Writers may share what they were told to do.
    pub fn new(config: impl Into<Arc<WriteConfig>>) -> Self {
        let config = config.into();
        let prefill = match config.mode {
            WriteMode::Chunks { prefill, .. } => prefill,
            _ => 0,
        };
        Self {
            config,
            started: SimTime::ZERO,
            next: None,
            waiting: false,
            written: 0,
            chunk: 0,
            prefill,
            calls: 0,
            part: 0,
            awaiting: false,
            heard: 0,
            owed: 0,
        }
    }

    /// How long after the program has its connection the writer starts.
    pub fn start_delay(&self) -> SimDuration {
        self.config.start
    }

    /// The writer starts at `now`.
    pub fn start(&mut self, now: SimTime) {
        self.started = now;
        if !matches!(self.config.mode, WriteMode::Never | WriteMode::Respond { .. }) {
            self.next = Some(now);
        }
    }

    /// When the writer wants to run next; `None` while it waits for room or for an answer, or is done.
    #[inline]
    pub fn due(&self) -> Option<SimTime> {
        if self.waiting || self.awaiting || self.left() == 0 { None } else { self.next }
    }

    /// The socket has become writable.
    pub fn wake(&mut self, now: SimTime) {
        if self.waiting {
            self.waiting = false;
            self.next = Some(self.next.map_or(now, |n| n.max(now)));
        }
    }

    /// Bytes written so far.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Whether there is anything that it ever writes.
    #[inline]
    pub fn writes(&self) -> bool {
        !matches!(self.config.mode, WriteMode::Never)
    }

    /// Whether there is an end to what it writes.
    pub fn may_end(&self) -> bool {
        self.config.total.is_some() && self.writes()
    }

    /// What the program does with its end now that it has written all, and got the last answer; `None` before.
    #[inline]
    pub fn ending(&self) -> Option<Ending> {
        (self.may_end() && self.left() == 0 && !self.awaiting).then_some(self.config.ending)
    }

    /// Whether there is an answer that was not written yet.
    pub fn owes(&self) -> bool {
        self.owed > 0
    }

    #[inline]
    fn left(&self) -> u64 {
        match self.config.mode {
            WriteMode::Never => 0,
            WriteMode::Respond { .. } => self.owed,
            _ => self.config.total.map_or(u64::MAX, |t| t.saturating_sub(self.written)),
        }
    }

    /// Whether what is in flight decides if it sends.
    pub fn asks(&self) -> bool {
        matches!(self.config.mode, WriteMode::Chunks { .. }) && self.prefill == 0
    }

    /// What the writer does at `now`.
    pub fn step(&mut self, now: SimTime, writable: bool, unacked: impl FnOnce() -> u32) -> WriterStep {
        if self.due().is_none_or(|t| t > now) {
            return WriterStep::Idle;
        }
        let left = self.left();
        let cap = |n: u32| u64::from(n).min(left) as u32;
        let call = match &self.config.mode {
            WriteMode::Never => return WriterStep::Idle,
            WriteMode::Chunks { sizes, every, in_flight, .. } => {
                if self.prefill > 0 {
                    return WriterStep::Write(cap(self.prefill));
                }
                let size = sizes.get(self.chunk % sizes.len().max(1)).copied().unwrap_or(0);
                if size == 0 {
                    self.next = None;
                    return WriterStep::Idle;
                }
                if unacked() > *in_flight {
                    self.next = Some(now + *every);
                    return WriterStep::Skip;
                }
                return WriterStep::Write(cap(size));
            }
            WriteMode::Burst { call, .. } | WriteMode::File { piece: call } => (*call).max(1),
            WriteMode::Paced { call, .. } => (*call).max(1) - self.part,
            WriteMode::RequestResponse { request, .. } => (*request).max(1) - self.part,
            WriteMode::Respond { .. } => u32::MAX,
        };
        if writable {
            WriterStep::Write(cap(call))
        } else {
            self.waiting = true;
            WriterStep::WaitForRoom
        }
    }

    /// The host had no memory: the writer tries again at `at`.
    pub fn retry_at(&mut self, at: SimTime) {
        self.waiting = false;
        self.next = Some(at);
    }

    /// The `send` of a round that began at `now` returned `n`.
    pub fn wrote(&mut self, now: SimTime, n: u32) -> AfterWrite {
        self.written += u64::from(n);
        match &self.config.mode {
            WriteMode::Never | WriteMode::File { .. } => self.waiting |= n == 0,
            WriteMode::Burst { retry, .. } => {
                if n == 0 {
                    self.waiting = *retry == SimDuration::ZERO;
                    self.next = Some(now + *retry);
                }
            }
            WriteMode::Chunks { every, receiver_quickack, .. } => {
                if self.prefill > 0 {
                    self.prefill = 0;
                    return AfterWrite::NewRound;
                }
                if n > 0 {
                    self.chunk += 1;
                }
                self.next = Some(now + *every);
                if *receiver_quickack {
                    return AfterWrite::QuickAck;
                }
            }
            WriteMode::Paced { call, rate_bps } => {
                self.part += n;
                self.waiting |= n == 0;
                if self.part >= *call {
                    self.part = 0;
                    self.calls += 1;
                    let bits = u128::from(self.calls) * u128::from(*call) * 8;
                    let ns = bits * 1_000_000_000 / u128::from((*rate_bps).max(1));
                    let ns = SimDuration::from_nanos(u64::try_from(ns).unwrap_or(u64::MAX));
                    self.next = Some(self.started.saturating_add(ns));
                }
            }
            WriteMode::RequestResponse { request, .. } => {
                self.part += n;
                self.waiting |= n == 0;
                if self.part >= *request {
                    self.part = 0;
                    self.awaiting = true;
                }
            }
            WriteMode::Respond { .. } => {
                self.owed -= u64::from(n);
                self.waiting |= n == 0;
            }
        }
        AfterWrite::Nothing
    }

    /// The program read `n` bytes by `now`: requests become answers, and answers the next request.
    pub fn heard(&mut self, now: SimTime, n: u32) {
        match self.config.mode {
            WriteMode::RequestResponse { response, think, .. } => {
                self.heard += n;
                if self.awaiting && self.heard >= response {
                    self.heard -= response;
                    self.awaiting = false;
                    self.next = Some(now + think);
                }
            }
            WriteMode::Respond { request, response, service } => {
                let heard = u64::from(self.heard) + u64::from(n);
                let request = u64::from(request.max(1));
                self.heard = (heard % request) as u32;
                let requests = heard / request;
                if requests > 0 {
                    self.owed += requests * u64::from(response);
                    self.next = Some(now + service);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ns: u64) -> SimTime {
        SimTime::from_nanos(ns)
    }

    fn writer(mode: WriteMode, total: Option<u64>) -> Writer {
        let mut w = Writer::new(WriteConfig { total, ..WriteConfig::endless(mode) });
        w.start(SimTime::ZERO);
        w
    }

    #[test]
    fn a_burst_writes_until_the_socket_is_full_and_goes_on_when_there_is_room() {
        let mode = WriteMode::Burst { call: 100, retry: SimDuration::from_millis(50) };
        let mut w = writer(mode, Some(150));
        assert_eq!(w.step(at(7), true, || 0), WriterStep::Write(100));
        w.wrote(at(7), 100);
        assert_eq!(w.step(at(7), false, || 1), WriterStep::WaitForRoom);
        assert_eq!(w.due(), None);
        w.wake(at(9));
        assert_eq!(w.step(at(9), true, || 0), WriterStep::Write(50));
        w.wrote(at(9), 50);
        assert_eq!(w.due(), None);
    }

    #[test]
    fn chunks_follow_each_other_and_are_skipped_while_too_much_is_in_flight() {
        let mode = WriteMode::Chunks {
            sizes: vec![1, 7],
            every: SimDuration::from_millis(1),
            in_flight: 2,
            prefill: 40,
            receiver_quickack: true,
        };
        let mut w = writer(mode, None);
        assert_eq!(w.step(SimTime::ZERO, true, || 0), WriterStep::Write(40));
        assert_eq!(w.wrote(SimTime::ZERO, 40), AfterWrite::NewRound);
        assert_eq!(w.step(SimTime::ZERO, true, || 0), WriterStep::Write(1));
        assert_eq!(w.wrote(SimTime::ZERO, 1), AfterWrite::QuickAck);
        assert_eq!(w.step(SimTime::ZERO, true, || 0), WriterStep::Idle);
        assert_eq!(w.step(at(1_000_000), true, || 3), WriterStep::Skip);
        assert_eq!(w.step(at(2_000_000), true, || 0), WriterStep::Write(7));
    }

    #[test]
    fn a_constant_rate_is_kept_on_average_even_if_the_socket_was_full_for_a_while() {
        // 1000 bytes every millisecond.
        let mut w = writer(WriteMode::Paced { rate_bps: 8_000_000, call: 1_000 }, None);
        assert_eq!(w.step(at(0), true, || 0), WriterStep::Write(1_000));
        w.wrote(at(0), 1_000);
        assert_eq!(w.due(), Some(at(1_000_000)));
        assert_eq!(w.step(at(1_000_000), false, || 1), WriterStep::WaitForRoom);
        w.wake(at(3_500_000));
        // Calls 1 to 3 follow at once, the first of them in two parts; call 4 is on time again.
        assert_eq!(w.step(at(3_500_000), true, || 0), WriterStep::Write(1_000));
        w.wrote(at(3_500_000), 400);
        assert_eq!(w.step(at(3_500_000), true, || 0), WriterStep::Write(600));
        w.wrote(at(3_500_000), 600);
        for _ in 0..2 {
            assert_eq!(w.step(at(3_500_000), true, || 0), WriterStep::Write(1_000));
            w.wrote(at(3_500_000), 1_000);
        }
        assert_eq!(w.step(at(3_500_000), true, || 0), WriterStep::Idle);
        assert_eq!(w.due(), Some(at(4_000_000)));
    }

    #[test]
    fn a_rate_that_no_nanosecond_divides_does_not_drift() {
        let mut w = writer(WriteMode::Paced { rate_bps: 7, call: 1 }, None);
        for _ in 0..7 {
            w.wrote(SimTime::ZERO, 1);
        }
        // Seven bytes at seven bits per second are eight seconds, to the nanosecond.
        assert_eq!(w.due(), Some(at(8_000_000_000)));
    }

    #[test]
    fn a_request_waits_for_the_whole_answer_and_the_time_to_think() {
        let think = SimDuration::from_millis(2);
        let mode = WriteMode::RequestResponse { request: 100, response: 1_000, think };
        let mut w = Writer::new(WriteConfig {
            total: Some(200),
            ending: Ending::Close,
            ..WriteConfig::endless(mode)
        });
        w.start(SimTime::ZERO);
        assert_eq!(w.step(at(0), true, || 0), WriterStep::Write(100));
        w.wrote(at(0), 60);
        assert_eq!(w.step(at(0), true, || 0), WriterStep::Write(40));
        w.wrote(at(0), 40);
        assert_eq!(w.due(), None);
        w.heard(at(10), 999);
        assert_eq!(w.due(), None);
        w.heard(at(20), 1);
        assert_eq!(w.due(), Some(at(2_000_020)));
        w.wrote(at(2_000_020), 100);
        assert_eq!(w.ending(), None, "the last answer is missing");
        w.heard(at(2_000_030), 1_000);
        assert_eq!(w.ending(), Some(Ending::Close));
    }

    #[test]
    fn every_request_is_answered_after_the_time_that_serving_it_takes() {
        let service = SimDuration::from_millis(1);
        let mut w = writer(WriteMode::Respond { request: 100, response: 300, service }, None);
        assert_eq!(w.due(), None);
        w.heard(at(5), 99);
        assert_eq!(w.due(), None);
        w.heard(at(6), 101);
        assert_eq!(w.due(), Some(at(1_000_006)));
        assert_eq!(w.step(at(1_000_006), true, || 0), WriterStep::Write(600));
        w.wrote(at(1_000_006), 600);
        assert!(!w.owes() && w.due().is_none());
    }

    #[test]
    fn a_file_goes_out_in_pieces_and_ends() {
        let mut w = Writer::new(WriteConfig {
            total: Some(150_000),
            ending: Ending::Close,
            ..WriteConfig::endless(WriteMode::File { piece: 65_536 })
        });
        w.start(SimTime::ZERO);
        let mut pieces = Vec::new();
        while let WriterStep::Write(n) = w.step(SimTime::ZERO, true, || 0) {
            pieces.push(n);
            w.wrote(SimTime::ZERO, n);
        }
        assert_eq!(pieces, [65_536, 65_536, 18_928]);
        assert_eq!(w.ending(), Some(Ending::Close));
    }
}
