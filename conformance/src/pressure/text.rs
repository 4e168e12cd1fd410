//! The packed form of a pressure recording: a zlib stream with one line per fact.
//!
//! | line | what |
//! |---|---|
//! | `kernel`, `case`, `tick NS` | release; name; a timer tick, counted from the first step |
//! | `> NS COMMAND` | a script line begins, so long after the one before |
//! | `a NS` | of `open`: when the handshake's last ACK was sent, counted from the line |
//! | `r N`, `w N` | what `recv` or `send` returned |
//! | `! I SEQ ACK FLAGS WIN LEN [OPTIONS]` | socket I sent a packet; the raw window field |
//! | `= I RMEM RCVBUF SNDBUF FWD WMEMQ DROPS SSTHRESH STATE` | socket I after the line |
//! | `h MEM PRESS ALLOC ORPHAN TW` | the host after the line, when it changed |
//! | `c NAME VALUE` | a counter after the line, when it changed, since the first line |

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use flate2::read::ZlibDecoder;

/// No recording is larger, bytes.
const MAX_TEXT: u64 = 16 << 20;

/// Why a pressure recording cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PressureError {
    /// The file cannot be read.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// The cause.
        source: std::io::Error,
    },
    /// A line does not say what it should.
    #[error("line {line}: {text:?} is not what a pressure recording holds")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// The line.
        text: String,
    },
    /// No profile describes its kernel.
    #[error("kernel {0} has no profile")]
    Kernel(String),
}

/// One case on one kernel.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PressureRecording {
    /// Full release of the kernel.
    pub release: String,
    /// Name of the case.
    pub case: String,
    /// How long before the first step a timer tick was, nanoseconds.
    pub since_tick: u64,
    /// The script with everything that was seen after each line.
    pub steps: Vec<Step>,
}

/// A script line and what was seen after it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// When it began, nanoseconds after the first one.
    pub time: u64,
    /// What it did.
    pub command: Command,
    /// Of an `open`: when the handshake's last ACK was sent, nanoseconds after [`Step::time`].
    pub ack_after: u64,
    /// What `recv` or `send` returned.
    pub returned: Option<i64>,
    /// Packets that the sockets sent since the line before.
    pub packets: Vec<PacketLine>,
    /// The sockets that were looked at.
    pub sockets: Vec<SocketLine>,
    /// The host, if it had changed.
    pub host: Option<HostLine>,
    /// The counters that had changed, since the first line.
    pub counters: BTreeMap<String, u64>,
}

/// A script line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// `sysctl NAME VALUE`.
    Sysctl(String, String),
    /// `open I MSS WS FLAGS [rcvbuf N] [sndbuf N]`.
    Open {
        /// Number of the socket.
        socket: usize,
        /// The peer's MSS option, bytes.
        mss: u16,
        /// The peer's window scale.
        wscale: u8,
        /// `SO_RCVBUFFORCE` on the listener before, bytes.
        rcvbuf: Option<u32>,
    },
    /// `d I OFF LEN [p][f]`: a segment of the peer.
    Data {
        /// Number of the socket.
        socket: usize,
        /// Offset from the first data byte.
        offset: i64,
        /// Payload bytes.
        len: u32,
        /// PSH.
        push: bool,
        /// FIN.
        fin: bool,
    },
    /// `ack I 1 OFF`: a pure ACK of everything.
    Ack {
        /// Number of the socket.
        socket: usize,
        /// Offset of its sequence number.
        offset: i64,
    },
    /// `r I N`: `recv`, not blocking.
    Read {
        /// Number of the socket.
        socket: usize,
        /// Bytes asked for.
        len: u32,
    },
    /// `w I N`: `send`, not blocking.
    Write {
        /// Number of the socket.
        socket: usize,
        /// Bytes offered.
        len: u32,
    },
    /// `close I`.
    Close {
        /// Number of the socket.
        socket: usize,
    },
    /// `s US` and `all`: nothing happens.
    Wait,
}

/// A packet that a socket sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PacketLine {
    /// Number of the socket.
    pub socket: usize,
    /// Sequence number, from the socket's ISN.
    pub seq: u32,
    /// Acknowledgement number, from the peer's ISN.
    pub ack: u32,
    /// TCP flags.
    pub flags: u8,
    /// Raw window field.
    pub window: u16,
    /// Payload bytes.
    pub len: u32,
}

/// A socket after a line.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SocketLine {
    /// Its number.
    pub socket: usize,
    /// `sk_rmem_alloc`, bytes.
    pub rmem: i64,
    /// `sk_rcvbuf`, bytes.
    pub rcvbuf: i64,
    /// `sk_sndbuf`, bytes.
    pub sndbuf: i64,
    /// `sk_forward_alloc`, bytes.
    pub fwd_alloc: i64,
    /// `sk_wmem_queued`, bytes.
    pub wmem_queued: i64,
    /// `sk_drops`.
    pub drops: i64,
    /// `rcv_ssthresh`, bytes.
    pub rcv_ssthresh: i64,
}

/// The host after a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HostLine {
    /// Pages allocated, as the kernel sees them.
    pub pages: i64,
    /// Whether it is under pressure.
    pub pressure: bool,
    /// Sockets that exist.
    pub sockets: u64,
    /// Sockets without an owner.
    pub orphans: u64,
    /// Connections in TIME-WAIT, and in FIN-WAIT-2 beyond its socket's life.
    pub time_wait: u64,
}

impl PressureRecording {
    /// Reads a packed file.
    ///
    /// # Errors
    /// If it cannot be read, is damaged, or holds a line of another kind.
    pub fn load(path: &Path) -> Result<Self, PressureError> {
        let io = |source| PressureError::Io { path: path.display().to_string(), source };
        let file = std::fs::File::open(path).map_err(io)?;
        let mut text = String::new();
        ZlibDecoder::new(file).take(MAX_TEXT).read_to_string(&mut text).map_err(io)?;
        Self::parse(&text)
    }

    /// Reads the unpacked text.
    ///
    /// # Errors
    /// The first line that is none.
    pub fn parse(text: &str) -> Result<Self, PressureError> {
        let mut out = Self::default();
        for (i, line) in text.lines().enumerate() {
            out.line(line).ok_or_else(|| PressureError::Line { line: i + 1, text: line.to_owned() })?;
        }
        Ok(out)
    }

    fn line(&mut self, line: &str) -> Option<()> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (first, rest) = words.split_first()?;
        match (*first, rest) {
            ("kernel", [release]) => (*release).clone_into(&mut self.release),
            ("case", [name]) => (*name).clone_into(&mut self.case),
            ("tick", [ns]) => self.since_tick = ns.parse::<i64>().ok()?.unsigned_abs(),
            (">", [ns, command @ ..]) => {
                let time = self.steps.last().map_or(0, |s| s.time) + ns.parse::<u64>().ok()?;
                self.steps.push(Step {
                    time,
                    command: Command::parse(command)?,
                    ack_after: 0,
                    returned: None,
                    packets: Vec::new(),
                    sockets: Vec::new(),
                    host: None,
                    counters: BTreeMap::new(),
                });
            }
            // What the kernel logged, its sysctls at the end, and a sysctl it does not have.
            ("K" | "Y" | "E", _) => {}
            (kind, rest) => self.steps.last_mut()?.seen(kind, rest)?,
        }
        Some(())
    }
}

impl Step {
    fn seen(&mut self, kind: &str, rest: &[&str]) -> Option<()> {
        let numbers: Option<Vec<i64>> = rest.iter().take(9).map(|w| w.parse().ok()).collect();
        match (kind, rest) {
            ("a", [ns]) => self.ack_after = ns.parse().ok()?,
            ("r" | "w", [n]) => self.returned = Some(n.parse().ok()?),
            ("c", [name, value]) => {
                self.counters.insert((*name).to_owned(), value.parse().ok()?);
            }
            ("h", [pages, press, alloc, orphans, tw]) => {
                self.host = Some(HostLine {
                    pages: pages.parse().ok()?,
                    pressure: *press == "yes",
                    sockets: alloc.parse().ok()?,
                    orphans: orphans.parse().ok()?,
                    time_wait: tw.parse().ok()?,
                });
            }
            ("!", [socket, seq, ack, flags, window, len, ..]) => self.packets.push(PacketLine {
                socket: socket.parse().ok()?,
                seq: seq.parse().ok()?,
                ack: ack.parse().ok()?,
                flags: flags.parse().ok()?,
                window: window.parse().ok()?,
                len: len.parse().ok()?,
            }),
            ("=", _) => {
                let numbers = numbers?;
                let &[socket, rmem, rcvbuf, sndbuf, fwd_alloc, wmem_queued, drops, rcv_ssthresh, _] =
                    numbers.as_slice()
                else {
                    return None;
                };
                let socket = usize::try_from(socket).ok()?;
                self.sockets.push(SocketLine {
                    socket,
                    rmem,
                    rcvbuf,
                    sndbuf,
                    fwd_alloc,
                    wmem_queued,
                    drops,
                    rcv_ssthresh,
                });
            }
            _ => return None,
        }
        Some(())
    }
}

impl Command {
    fn parse(words: &[&str]) -> Option<Self> {
        let number = |i: usize| words.get(i).and_then(|w| w.parse::<i64>().ok());
        let socket = || number(1).and_then(|n| usize::try_from(n).ok());
        let size = |i| number(i).and_then(|n| u32::try_from(n).ok());
        Some(match *words.first()? {
            "sysctl" => Self::Sysctl((*words.get(1)?).to_owned(), words.get(2..)?.join(" ")),
            "open" => Self::Open {
                socket: socket()?,
                mss: u16::try_from(number(2)?).ok()?,
                wscale: u8::try_from(number(3)?).ok()?,
                rcvbuf: words.iter().position(|w| *w == "rcvbuf").and_then(|at| size(at + 1)),
            },
            "d" => {
                let marks = words.get(4).copied().unwrap_or("");
                Self::Data {
                    socket: socket()?,
                    offset: number(2)?,
                    len: size(3)?,
                    push: marks.contains('p'),
                    fin: marks.contains('f'),
                }
            }
            "fin" => Self::Data { socket: socket()?, offset: number(2)?, len: 0, push: false, fin: true },
            "ack" => Self::Ack { socket: socket()?, offset: number(3)? },
            "r" => Self::Read { socket: socket()?, len: size(2)? },
            "w" => Self::Write { socket: socket()?, len: size(2)? },
            "close" => Self::Close { socket: socket()? },
            "s" | "all" => Self::Wait,
            _ => return None,
        })
    }
}
