//! What a plan says.

use crate::config::LiveOption;
use crate::time::SimDuration;

/// A connection whose peer follows a plan.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Injection {
    /// The SYN that opens it.
    pub syn: PeerSyn,
    /// From the SYN-ACK to the handshake's last ACK.
    pub handshake: SimDuration,
    /// From one step to the next: what it costs the program that carries out the plan.
    pub step: SimDuration,
    /// What happens then, in order.
    pub steps: Vec<Step>,
}

/// The peer's SYN.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PeerSyn {
    /// MSS option, bytes.
    pub mss: u16,
    /// Window scale option; `None` if the SYN has none.
    pub window_scale: Option<u8>,
    /// SACK permitted.
    pub sack: bool,
    /// Timestamps.
    pub timestamps: bool,
    /// The raw window field of the SYN, and of every segment that does not say otherwise.
    pub window: u16,
}

/// One step of a plan.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// When it happens.
    pub when: When,
    /// What happens.
    pub action: Action,
}

/// When a step happens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum When {
    /// One step's time after the step before it, and so much more.
    After(SimDuration),
    /// So long after the SYN-ACK left; not before the step before it.
    At(SimDuration),
}

/// What happens in a step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// The peer sends segments.
    Data(DataRun),
    /// The peer sends a pure ACK.
    Ack {
        /// Its first sequence number, counted from the first data byte; `None`: where the last data ended.
        offset: Option<i64>,
        /// The rest of its header.
        header: Header,
    },
    /// The application reads at most so many bytes, without waiting.
    Read(u32),
    /// The application sends so many bytes.
    Write(u32),
    /// The application sets options, in order, in one step.
    Options(Vec<LiveOption>),
    /// `shutdown(SHUT_WR)`.
    ShutdownWrite,
    /// `close`.
    Close,
    /// Nothing: time passes. A pause does not cost a step's time of its own.
    Wait,
    /// The same steps several times. Steps in it have no absolute time.
    Repeat {
        /// How often.
        count: u32,
        /// The steps.
        steps: Vec<Step>,
    },
}

/// A run of alike segments.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DataRun {
    /// Offset of the first byte from the first byte of the stream; may be negative. `None`: where the last data ended.
    pub offset: Option<i64>,
    /// Payload bytes of each segment; 0 is a keepalive or a bare FIN.
    pub len: u32,
    /// PSH.
    pub push: bool,
    /// FIN, on the last segment of the run.
    pub fin: bool,
    /// Bytes of the segments that one packet was joined from before it arrives (`gso_size`); 0: it is one segment.
    pub gso_size: u32,
    /// Number of segments.
    pub count: u32,
    /// From the begin of one segment to the next in the stream, bytes; `None`: `len`.
    pub stride: Option<i64>,
    /// From one segment to the next in time; `None`: [`Injection::step`].
    pub every: Option<SimDuration>,
    /// The rest of the headers.
    pub header: Header,
}

impl Default for DataRun {
    fn default() -> Self {
        Self {
            offset: None,
            len: 0,
            push: false,
            fin: false,
            gso_size: 0,
            count: 1,
            stride: None,
            every: None,
            header: Header::default(),
        }
    }
}

/// What a segment's header says besides its own data.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Header {
    /// How much of the server's stream it acknowledges, bytes, a FIN counted as one; `None`: everything that was sent,
    /// a bare FIN excepted.
    pub acknowledge: Option<u32>,
    /// The raw window field; `None`: that of the SYN.
    pub window: Option<u16>,
    /// TSval, if the connection has timestamps; `None`: one more than that of the segment before.
    pub tsval: Option<u32>,
}
