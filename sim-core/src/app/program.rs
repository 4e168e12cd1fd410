//! The program of one end: what it writes, what it reads, and how it closes.

use std::sync::Arc;

use super::config::{Ending, ReadConfig, WriteConfig};
use super::reader::Reader;
use super::writer::{AfterWrite, Writer, WriterStep};
use crate::time::{SimDuration, SimTime};

/// A socket that can be asked what `poll` would say of it.
pub trait Poll {
    /// There is room to write (`POLLOUT`).
    fn writable(&self) -> bool;
    /// There is something to read (`POLLIN`).
    fn readable(&self) -> bool;
    /// The connection exists: it was not reset.
    fn open(&self) -> bool;
}

/// What `poll` said of a socket (`revents`). One number, for a thread keeps it through its calls.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Polled(u8);

impl Polled {
    const WRITABLE: u8 = 1;
    const READABLE: u8 = 2;
    const OPEN: u8 = 4;

    /// What it says.
    #[inline]
    pub const fn new(writable: bool, readable: bool, open: bool) -> Self {
        Self(writable as u8 * Self::WRITABLE + readable as u8 * Self::READABLE + open as u8 * Self::OPEN)
    }
}

impl Poll for Polled {
    #[inline]
    fn writable(&self) -> bool {
        self.0 & Self::WRITABLE != 0
    }

    #[inline]
    fn readable(&self) -> bool {
        self.0 & Self::READABLE != 0
    }

    #[inline]
    fn open(&self) -> bool {
        self.0 & Self::OPEN != 0
    }
}

/// A call that a program makes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Call {
    /// `send` of so many bytes.
    Send(u32),
    /// `recv` of at most so many bytes.
    Recv(u32),
    /// `getsockopt(TCP_INFO)`, which finds too much in flight.
    Ask,
    /// `shutdown(SHUT_WR)`.
    Shutdown,
    /// `close`.
    Close,
}

/// The program of one end.
#[derive(Clone, Debug)]
pub struct Program {
    writer: Writer,
    reader: Reader,
    /// It may come to an end of its own.
    ends: bool,
    /// What a `send` in progress writes: bytes read before, or the writer's own.
    echoing: bool,
    shut: bool,
    closed: bool,
    /// The last call returned then; what follows at once follows from here.
    last: SimTime,
}

impl Program {
    /// A program that has not started. Programs may share what they were told to do.
    pub fn new(write: impl Into<Arc<WriteConfig>>, read: impl Into<Arc<ReadConfig>>) -> Self {
        let (writer, reader) = (Writer::new(write), Reader::new(read));
        Self {
            ends: writer.may_end() || reader.may_close(),
            writer,
            reader,
            echoing: false,
            shut: false,
            closed: false,
            last: SimTime::ZERO,
        }
    }

    /// How long after `connect` or `accept` it starts to write.
    pub fn start_delay(&self) -> SimDuration {
        self.writer.start_delay()
    }

    /// Its writer starts at `now`.
    pub fn start_writer(&mut self, now: SimTime) {
        self.writer.start(now);
        self.last = now;
    }

    /// Its reader's clock starts at `now`.
    pub fn start_reader(&mut self, now: SimTime) {
        self.reader.start(now);
    }

    /// The socket has become writable.
    pub fn wake(&mut self, now: SimTime) {
        self.writer.wake(now);
    }

    /// The host had no memory: the writer tries again at `at`.
    pub fn retry_at(&mut self, at: SimTime) {
        self.writer.retry_at(at);
    }

    /// When the program wants to run next. Its socket is asked only what matters.
    #[inline]
    pub fn due(&self, socket: &impl Poll) -> Option<SimTime> {
        if self.closed || !socket.open() {
            return None;
        }
        let mut due = self.reader.due(|| socket.readable()).unwrap_or(SimTime::NEVER);
        if !self.shut {
            due = due.min(self.writer.due().unwrap_or(SimTime::NEVER));
        }
        let echoes = self.reader.held() > 0 && socket.writable();
        if echoes || (self.ends && (self.wants_to_close() || self.wants_to_end().is_some())) {
            due = due.min(self.last);
        }
        (due != SimTime::NEVER).then_some(due)
    }

    /// Whether there is anything that it ever writes of its own accord: only then it matters whether its socket is writable.
    #[inline]
    pub fn writes(&self) -> bool {
        self.writer.writes()
    }

    /// Whether its reader waits for data.
    pub fn waits_for_data(&self) -> bool {
        !self.closed && self.reader.waits_for_data()
    }

    /// Reading says that it is time to close, and everything that must be written back was.
    #[inline]
    fn wants_to_close(&self) -> bool {
        self.reader.closes() && (!self.reader.ended() || (self.reader.held() == 0 && !self.writer.owes()))
    }

    /// Writing says how to end.
    #[inline]
    fn wants_to_end(&self) -> Option<Ending> {
        let ending = self.writer.ending().filter(|e| *e != Ending::Stay)?;
        (!self.shut && self.reader.held() == 0).then_some(ending)
    }

    /// The first half of a round: what the program writes at `now`, after `poll` said `polled` when the round began. `unacked` counts
    /// the packets in flight now (`tcpi_unacked`), and is asked only where that matters. `true`: it must be told when there is room.
    pub fn write_call(
        &mut self,
        now: SimTime,
        polled: Polled,
        unacked: impl FnOnce() -> u32,
    ) -> (Option<Call>, bool) {
        if self.closed || !polled.open() {
            return (None, false);
        }
        if self.ends {
            if self.wants_to_close() {
                return (Some(self.close()), false);
            }
            match self.wants_to_end() {
                Some(Ending::Close) => return (Some(self.close()), false),
                Some(_) => {
                    self.shut = true;
                    return (Some(Call::Shutdown), false);
                }
                None => {}
            }
        }
        if self.shut {
            return (None, false);
        }
        self.echoing = false;
        match self.writer.step(now, polled.writable(), unacked) {
            WriterStep::Write(n) => (Some(Call::Send(n)), false),
            WriterStep::WaitForRoom => (None, true),
            WriterStep::Skip => (Some(Call::Ask), false),
            WriterStep::Idle => (None, false),
        }
    }

    /// The second half of a round: what the program reads, or writes back, at `now`. `polled` is what `poll` said
    /// when the round began.
    pub fn read_call(&mut self, now: SimTime, polled: Polled) -> Option<Call> {
        if self.closed || !polled.open() {
            return None;
        }
        if self.reader.held() > 0 {
            // It tries without looking: a full socket takes nothing.
            self.echoing = true;
            return Some(Call::Send(self.reader.held()));
        }
        self.reader.step(now, polled.readable()).map(Call::Recv)
    }

    fn close(&mut self) -> Call {
        self.closed = true;
        Call::Close
    }

    /// The `send` of a round that began at `round` returned `n` at `now`.
    pub fn wrote(&mut self, round: SimTime, now: SimTime, n: u32) -> AfterWrite {
        self.last = now;
        if std::mem::take(&mut self.echoing) {
            self.reader.wrote_back(n);
            return AfterWrite::Nothing;
        }
        self.writer.wrote(round, n)
    }

    /// Its `recv` has copied up to `end` bytes: how many pages of its memory that touches for the first time.
    pub fn touches(&mut self, end: u32) -> u32 {
        self.reader.touches(end)
    }

    /// A `recv` returned `n` bytes at `now`; `end` says that nothing can follow them.
    pub fn got(&mut self, now: SimTime, n: u32, end: bool) {
        self.last = now;
        self.reader.got(now, n, end);
        self.writer.heard(now, n);
    }

    /// A planned call from outside the program closed its end, or its writing half.
    pub fn was_ended(&mut self, closed: bool) {
        self.shut = true;
        self.closed |= closed;
    }

    /// Whether it has closed its end.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether it will not write any more.
    pub fn is_shut(&self) -> bool {
        self.shut || self.closed
    }

    /// Whether it waits for room to write back what it read.
    pub fn waits_to_write_back(&self) -> bool {
        self.reader.held() > 0
    }

    /// Whether it looks how much is in flight before it sends.
    pub fn asks_before_sending(&self) -> bool {
        self.writer.asks()
    }

    /// Bytes written, those written back not among them.
    pub fn written(&self) -> u64 {
        self.writer.written()
    }

    /// Bytes read.
    pub fn read(&self) -> u64 {
        self.reader.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::{ReadMode, WriteMode};
    use super::*;

    const READY: Polled = Polled::new(true, true, true);

    fn at(ns: u64) -> SimTime {
        SimTime::from_nanos(ns)
    }

    fn program(write: WriteConfig, read: ReadConfig) -> Program {
        let mut p = Program::new(write, read);
        p.start_writer(SimTime::ZERO);
        p.start_reader(SimTime::ZERO);
        p
    }

    #[test]
    fn an_echo_reads_then_writes_back_then_reads() {
        let mut p = program(WriteConfig::NEVER, ReadConfig::of(ReadMode::Echo { buffer: 100 }));
        assert_eq!(p.read_call(at(1), READY), Some(Call::Recv(100)));
        p.got(at(2), 80, false);
        assert_eq!(p.due(&Polled::new(false, true, true)), None, "a full socket");
        assert_eq!(p.due(&READY), Some(at(2)));
        assert_eq!(p.read_call(at(2), READY), Some(Call::Send(80)));
        p.wrote(at(3), at(3), 30);
        assert_eq!(p.read_call(at(3), READY), Some(Call::Send(50)));
        p.wrote(at(4), at(4), 50);
        assert_eq!(p.read_call(at(4), READY), Some(Call::Recv(100)));
        assert_eq!((p.read(), p.written()), (80, 0));
    }

    #[test]
    fn an_echo_closes_at_the_end_of_the_stream_after_its_last_byte_went_back() {
        let read = ReadConfig { close_at_end: true, ..ReadConfig::of(ReadMode::Echo { buffer: 100 }) };
        let mut p = program(WriteConfig::NEVER, read);
        p.got(at(1), 80, true);
        assert_eq!(p.write_call(at(1), READY, || 0).0, None);
        p.read_call(at(1), READY);
        p.wrote(at(2), at(2), 80);
        p.got(at(3), 0, true);
        assert_eq!(p.write_call(at(3), READY, || 0).0, Some(Call::Close));
        assert_eq!((p.due(&READY), p.read_call(at(3), READY)), (None, None));
    }

    #[test]
    fn a_half_close_leaves_reading_alone() {
        let write = WriteConfig {
            total: Some(10),
            ending: Ending::HalfClose,
            ..WriteConfig::endless(WriteMode::Burst { call: 10, retry: SimDuration::ZERO })
        };
        let mut p = program(write, ReadConfig::asap(50));
        assert_eq!(p.write_call(at(0), READY, || 0).0, Some(Call::Send(10)));
        p.wrote(at(1), at(1), 10);
        assert_eq!(p.write_call(at(1), READY, || 0).0, Some(Call::Shutdown));
        assert_eq!(p.write_call(at(1), READY, || 0).0, None);
        assert_eq!(p.read_call(at(1), READY), Some(Call::Recv(50)));
    }

    #[test]
    fn a_reset_connection_ends_the_program() {
        let mut p = program(
            WriteConfig::endless(WriteMode::Burst { call: 10, retry: SimDuration::ZERO }),
            ReadConfig::asap(50),
        );
        let reset = Polled::new(true, true, false);
        assert_eq!(
            (p.due(&reset), p.write_call(at(0), reset, || 0).0, p.read_call(at(0), reset)),
            (None, None, None)
        );
    }
}
