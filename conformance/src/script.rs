//! The scripts of the injection cases, typed.
//!
//! One command a line; empty lines and lines that begin with `#` do not count. Options of the connection come
//! first (`opt NAME N`), then the SYN, then what happens to the socket.

use std::fmt;

/// A whole script.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InjectScript {
    /// Options that hold before the connection begins.
    pub options: ScriptOptions,
    /// The peer's SYN.
    pub syn: ScriptSyn,
    /// Everything after it, in order.
    pub lines: Vec<ScriptLine>,
}

/// The `opt` lines; `None` where the script has none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ScriptOptions {
    /// `SO_RCVBUFFORCE` on the listener, bytes.
    pub rcvbuf: Option<u32>,
    /// `TCP_MAXSEG` on the listener, bytes.
    pub smss: Option<u32>,
    /// `TCP_WINDOW_CLAMP` on the listener, bytes.
    pub clamp: Option<u32>,
    /// `SO_RCVLOWAT` on the listener, bytes.
    pub lowat: Option<u32>,
    /// MTU of the device, bytes; 1500 by default.
    pub mtu: Option<u32>,
    /// Whether the device is a TAP rather than a TUN.
    pub tap: bool,
    /// The peer's initial sequence number.
    pub isn: Option<u32>,
}

impl ScriptOptions {
    /// MTU of the device, bytes. A device refuses one that its packets cannot have, and keeps 1500: an IP packet has at
    /// most 65535 bytes, and a TAP's Ethernet header counts with it (`tun_net_init`).
    pub fn mtu(&self) -> u32 {
        let largest = if self.tap { MAX_PACKET - ETHERNET_HEADER } else { MAX_PACKET };
        self.mtu.filter(|&m| m <= largest).unwrap_or(DEFAULT_MTU)
    }
}

/// MTU of a device that was not told another, bytes.
const DEFAULT_MTU: u32 = 1500;
/// Largest packet of a TUN device, bytes.
const MAX_PACKET: u32 = 65_535;
/// Bytes in front of the IP header of a TAP's packets.
const ETHERNET_HEADER: u32 = 14;

/// The raw window field of everything the peer sends.
pub const PEER_WINDOW: u16 = 65535;

/// `syn MSS WS FLAGS`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ScriptSyn {
    /// Number of the line, from 1; `opt` lines count.
    pub step: u32,
    /// MSS option, bytes.
    pub mss: u16,
    /// Window scale; `None` (written -1): no scaling.
    pub window_scale: Option<u8>,
    /// SACK permitted (`s`).
    pub sack: bool,
    /// Timestamps (`t`).
    pub timestamps: bool,
}

/// A command and its number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ScriptLine {
    /// Number of the line, from 1; `opt` lines count. It is the `step` of the other files.
    pub step: u32,
    /// What happens.
    pub op: ScriptOp,
}

/// A command after the SYN.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ScriptOp {
    /// `d OFF LEN [p][f]`: the peer sends a segment.
    Data {
        /// Offset from the first data byte; the sequence number is one more. May be negative.
        offset: i64,
        /// Payload bytes; 0 is a keepalive or a bare FIN.
        len: u32,
        /// PSH.
        push: bool,
        /// FIN.
        fin: bool,
    },
    /// `ack N`: the peer sends a pure ACK whose sequence number is `offset + 1`.
    Ack {
        /// Offset from the first data byte.
        offset: i64,
    },
    /// `r N`: `recv()` of at most this many bytes, not blocking.
    Read(u64),
    /// `s US`: nothing for so many microseconds.
    SleepMicros(u64),
    /// `w N`: the server sends this many bytes.
    Write(u64),
    /// `rcvbuf N`: `SO_RCVBUFFORCE`, bytes.
    Rcvbuf(u32),
    /// `clamp N`: `TCP_WINDOW_CLAMP`, bytes.
    WindowClamp(u32),
    /// `lowat N`: `SO_RCVLOWAT`, bytes.
    Lowat(u32),
    /// `quickack N`: `TCP_QUICKACK`.
    QuickAck(u32),
    /// `shutwr`: `shutdown(SHUT_WR)`.
    ShutWrite,
    /// `close`.
    Close,
}

/// A line that is not a command. The number counts the script's commands from 1, as `step` does.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("script line {step} ({text:?}): {problem}")]
pub struct ScriptError {
    /// Number of the command.
    pub step: u32,
    /// The line.
    pub text: String,
    /// What is wrong.
    pub problem: ScriptProblem,
}

/// What is wrong with a script line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ScriptProblem {
    /// No such command.
    UnknownCommand,
    /// No such option.
    UnknownOption,
    /// An argument is missing.
    Missing(&'static str),
    /// An argument is not a number, or is out of range.
    Number(&'static str),
    /// More words than the command has arguments.
    Surplus,
    /// A letter that means nothing here.
    Letter(char),
    /// `opt` after `syn`, a second `syn`, or a command before it.
    Order,
    /// The script has no `syn`.
    NoSyn,
}

impl fmt::Display for ScriptProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownCommand => f.write_str(
                "unknown command; known are opt, syn, d, ack, r, s, w, rcvbuf, clamp, lowat, quickack, shutwr, close",
            ),
            Self::UnknownOption => {
                f.write_str("unknown option; known are rcvbuf, smss, clamp, lowat, mtu, tap, isn")
            }
            Self::Missing(what) => write!(f, "{what} is missing"),
            Self::Number(what) => write!(f, "{what} is not a number in range"),
            Self::Surplus => f.write_str("more words than the command takes"),
            Self::Letter(c) => write!(f, "the letter {c:?} means nothing here"),
            Self::Order => f.write_str("options come first, then one syn, then everything else"),
            Self::NoSyn => f.write_str("the script has no syn"),
        }
    }
}

/// The words after a command.
struct Words<'a>(std::str::SplitWhitespace<'a>);

impl<'a> Words<'a> {
    fn number<T: TryFrom<i64>>(&mut self, what: &'static str) -> Result<T, ScriptProblem> {
        let word = self.0.next().ok_or(ScriptProblem::Missing(what))?;
        let n = match word.strip_prefix("0x") {
            Some(hex) => i64::from_str_radix(hex, 16),
            None => word.parse(),
        };
        n.ok().and_then(|n| T::try_from(n).ok()).ok_or(ScriptProblem::Number(what))
    }

    fn letters(&mut self, known: &str) -> Result<&'a str, ScriptProblem> {
        let word = self.0.next().unwrap_or("");
        match word.chars().find(|c| !known.contains(*c)) {
            Some(c) => Err(ScriptProblem::Letter(c)),
            None => Ok(word),
        }
    }
}

impl InjectScript {
    /// Parses the lines of a script, as `summary.script` holds them.
    ///
    /// # Errors
    /// The first line that is not a command, or the lack of a `syn`.
    pub fn parse<S: AsRef<str>>(lines: &[S]) -> Result<Self, ScriptError> {
        let mut options = ScriptOptions::default();
        let mut syn = None;
        let mut out = Vec::new();
        let mut step = 0;
        for text in lines.iter().map(|l| l.as_ref().trim()) {
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            step += 1;
            let fail = |problem| ScriptError { step, text: text.to_owned(), problem };
            let mut words = Words(text.split_whitespace());
            let command = words.0.next().unwrap_or("");
            match command {
                "opt" if syn.is_none() => option(&mut options, &mut words).map_err(fail)?,
                "syn" if syn.is_none() => syn = Some(parse_syn(step, &mut words).map_err(fail)?),
                "opt" | "syn" => return Err(fail(ScriptProblem::Order)),
                _ => {
                    let op = operation(command, &mut words).map_err(fail)?;
                    if syn.is_none() {
                        return Err(fail(ScriptProblem::Order));
                    }
                    out.push(ScriptLine { step, op });
                }
            }
            if words.0.next().is_some() {
                return Err(fail(ScriptProblem::Surplus));
            }
        }
        let syn = syn.ok_or(ScriptError { step, text: String::new(), problem: ScriptProblem::NoSyn })?;
        Ok(Self { options, syn, lines: out })
    }
}

fn option(options: &mut ScriptOptions, words: &mut Words<'_>) -> Result<(), ScriptProblem> {
    let name = words.0.next().ok_or(ScriptProblem::Missing("the option's name"))?;
    let slot = match name {
        "rcvbuf" => &mut options.rcvbuf,
        "smss" => &mut options.smss,
        "clamp" => &mut options.clamp,
        "lowat" => &mut options.lowat,
        "mtu" => &mut options.mtu,
        "isn" => &mut options.isn,
        "tap" => {
            options.tap = words.number::<i64>("the value")? != 0;
            return Ok(());
        }
        _ => return Err(ScriptProblem::UnknownOption),
    };
    *slot = Some(words.number("the value")?);
    Ok(())
}

fn parse_syn(step: u32, words: &mut Words<'_>) -> Result<ScriptSyn, ScriptProblem> {
    let mss = words.number("the MSS")?;
    let scale: i64 = words.number("the window scale")?;
    let window_scale = match u8::try_from(scale) {
        Ok(n) if n <= 14 => Some(n),
        _ if scale == -1 => None,
        _ => return Err(ScriptProblem::Number("the window scale")),
    };
    let letters = words.letters("st")?;
    Ok(ScriptSyn { step, mss, window_scale, sack: letters.contains('s'), timestamps: letters.contains('t') })
}

fn operation(command: &str, words: &mut Words<'_>) -> Result<ScriptOp, ScriptProblem> {
    Ok(match command {
        "d" => {
            let offset = words.number("the offset")?;
            let len = words.number("the length")?;
            let letters = words.letters("pf")?;
            ScriptOp::Data { offset, len, push: letters.contains('p'), fin: letters.contains('f') }
        }
        "ack" => ScriptOp::Ack { offset: words.number("the offset")? },
        "r" => ScriptOp::Read(words.number("the size")?),
        "s" => ScriptOp::SleepMicros(words.number("the time")?),
        "w" => ScriptOp::Write(words.number("the size")?),
        "rcvbuf" => ScriptOp::Rcvbuf(words.number("the size")?),
        "clamp" => ScriptOp::WindowClamp(words.number("the size")?),
        "lowat" => ScriptOp::Lowat(words.number("the size")?),
        "quickack" => ScriptOp::QuickAck(words.number("the value")?),
        "shutwr" => ScriptOp::ShutWrite,
        "close" => ScriptOp::Close,
        _ => return Err(ScriptProblem::UnknownCommand),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(lines: &[&str]) -> (u32, ScriptProblem) {
        let e = InjectScript::parse(lines).unwrap_err();
        (e.step, e.problem)
    }

    #[test]
    fn a_script_is_options_a_syn_and_numbered_commands() {
        let s = InjectScript::parse(&[
            "opt rcvbuf 65536",
            "# a remark",
            "opt tap 1",
            "syn 1460 -1 s",
            "d 0 1460",
            "d -1 0 pf",
            "ack 200",
            "r 4000000",
            "s 50000",
            "w 100",
            "clamp 8192",
            "quickack 1",
            "shutwr",
            "close",
        ])
        .unwrap();
        assert_eq!((s.options.rcvbuf, s.options.tap, s.options.mtu()), (Some(65536), true, 1500));
        assert_eq!(
            s.syn,
            ScriptSyn { step: 3, mss: 1460, window_scale: None, sack: true, timestamps: false }
        );
        assert_eq!(s.lines[0].step, 4);
        assert_eq!(s.lines[1].op, ScriptOp::Data { offset: -1, len: 0, push: true, fin: true });
        assert_eq!(s.lines.last().unwrap().op, ScriptOp::Close);
    }

    #[test]
    fn mistakes_name_the_line() {
        let syn = "syn 1460 7 s";
        assert_eq!(problem(&[syn, "d 0"]), (2, ScriptProblem::Missing("the length")));
        assert_eq!(problem(&[syn, "d 0 x"]), (2, ScriptProblem::Number("the length")));
        assert_eq!(problem(&[syn, "d 0 1 q"]), (2, ScriptProblem::Letter('q')));
        assert_eq!(problem(&[syn, "r 1 2"]), (2, ScriptProblem::Surplus));
        assert_eq!(problem(&[syn, "jump"]), (2, ScriptProblem::UnknownCommand));
        assert_eq!(problem(&["opt speed 1"]), (1, ScriptProblem::UnknownOption));
        assert_eq!(problem(&["r 1", syn]), (1, ScriptProblem::Order));
        assert_eq!(problem(&[syn, "opt mtu 9000"]), (2, ScriptProblem::Order));
        assert_eq!(problem(&["syn 1460 15 s"]), (1, ScriptProblem::Number("the window scale")));
        assert_eq!(problem(&["opt mtu 9000"]), (1, ScriptProblem::NoSyn));
    }
}
