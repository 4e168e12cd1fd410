//! How a run ends.

use std::fmt;

use crate::counters::Counters;
use crate::host::{Host, HostSnapshot, LogMessage};
use crate::observer::SenderState;
use crate::path::{LinkStats, RingStats};
use crate::queue::BudgetExceeded;
use crate::state::SocketState;
use crate::time::{SimDuration, SimTime};

/// The state after a run. Of several flows `receiver` and `sender` are the first one's, all counts are totals.
#[derive(Clone, PartialEq, Debug)]
pub struct RunOutcome {
    /// The reading socket of the first flow.
    pub receiver: SocketState,
    /// The sending half of the writing socket of the first flow.
    pub sender: SenderState,
    /// Counters of the reading host.
    pub receiver_counters: Counters,
    /// Counters of the writing host.
    pub sender_counters: Counters,
    /// When the reading end was established; of several flows the first one to be.
    pub established: SimTime,
    /// When the writer started; of several flows the first one to start.
    pub started: SimTime,
    /// When the run ended.
    pub ended: SimTime,
    /// Events processed.
    pub events: u64,
    /// Bytes that the writers handed over.
    pub written: u64,
    /// Bytes that the readers got.
    pub read: u64,
    /// Bytes that the writing ends' programs read back.
    pub returned: u64,
    /// Segments that reached the reading sockets.
    pub segments: u64,
    /// Segments that a full input queue of the processor dropped (`net.core.netdev_max_backlog`).
    pub input_queue_drops: u64,
    /// What the receive rings of the writing and of the reading host have seen, if they have one.
    pub rings: [Option<RingStats>; 2],
    /// What became of the packets on their way to the reading end.
    pub forward: LinkStats,
    /// What became of the packets on their way back.
    pub reverse: LinkStats,
    /// Memory of the reading host.
    pub receiver_host: HostOutcome,
    /// Memory of the writing host.
    pub sender_host: HostOutcome,
    /// Both hosts at the moments that the configuration names, in order of time.
    pub snapshots: Vec<NamedSnapshot>,
    /// Each flow by its number.
    pub flows: Vec<FlowOutcome>,
}

/// What became of one flow.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct FlowOutcome {
    /// The reading socket.
    pub receiver: SocketState,
    /// The sending half of the writing socket.
    pub sender: SenderState,
    /// When the first SYN was sent.
    pub opened: SimTime,
    /// When the reading end was established; `None` if the handshake never came through.
    pub established: Option<SimTime>,
    /// When the writer started.
    pub started: Option<SimTime>,
    /// Bytes that the writer handed over.
    pub written: u64,
    /// Bytes that the reader got.
    pub read: u64,
    /// Bytes that the writing end's program read back.
    pub returned: u64,
    /// Segments that reached the reading socket.
    pub segments: u64,
    /// How long its writer could not write.
    pub blocked: BlockedTime,
}

/// How long a writer stood before a `send` that took nothing more.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct BlockedTime {
    /// The send buffer was full, in all.
    pub by_buffer: SimDuration,
    /// The host refused memory, or had made the buffer smaller for want of it, in all.
    pub by_memory: SimDuration,
    /// The longest single wait of either kind.
    pub longest: SimDuration,
    since: Option<(SimTime, bool)>,
}

impl BlockedTime {
    /// The writer cannot go on at `now`; `memory`: because the host refused memory. A wait that has begun goes on.
    pub(super) fn begin(&mut self, now: SimTime, memory: bool) {
        self.since.get_or_insert((now, memory));
    }

    /// The writer goes on, or the run ends.
    pub(super) fn end(&mut self, now: SimTime) {
        let Some((since, memory)) = self.since.take() else { return };
        let waited = SimDuration::from_nanos(now.as_nanos().saturating_sub(since.as_nanos()));
        let sum = if memory { &mut self.by_memory } else { &mut self.by_buffer };
        *sum = SimDuration::from_nanos(sum.as_nanos() + waited.as_nanos());
        self.longest = self.longest.max(waited);
    }
}

/// Both hosts at a moment that the configuration names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NamedSnapshot {
    /// Its name.
    pub name: String,
    /// The writing and the reading host.
    pub hosts: [HostSnapshot; 2],
}

/// The memory that the sockets of one host shared.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostOutcome {
    /// `net.ipv4.tcp_mem`, pages.
    pub limits: [u64; 3],
    /// Pages allocated at the end as the kernel sees them.
    pub allocated: i64,
    /// Pages charged at the end, those that a processor holds back included.
    pub charged: i64,
    /// The most pages that were charged.
    pub peak: i64,
    /// Requests that were refused.
    pub refusals: u64,
    /// Whether the host is under pressure at the end.
    pub under_pressure: bool,
    /// Its sockets, listeners included.
    pub sockets: u64,
    /// The host at the end.
    pub at_end: HostSnapshot,
    /// The host when most pages were charged.
    pub at_peak: HostSnapshot,
    /// The most orphans at any time.
    pub orphan_peak: u64,
    /// The most records of ended connections at any time.
    pub time_wait_peak: u64,
    /// What the kernel wrote to its log.
    pub log: Vec<(SimTime, LogMessage)>,
}

impl HostOutcome {
    pub(super) fn of(host: &Host, ended: SimTime) -> Self {
        let m = &host.memory;
        Self {
            limits: [m.low, m.pressure, m.high],
            allocated: m.allocated,
            charged: m.charged(),
            peak: m.peak,
            refusals: m.refusals,
            under_pressure: m.under_pressure(),
            sockets: m.sockets.exact(),
            at_end: host.snapshot(ended),
            at_peak: m.at_peak,
            orphan_peak: m.orphan_peak,
            time_wait_peak: m.time_wait_peak,
            log: host.log.lines().to_vec(),
        }
    }
}

/// Why a run has no outcome.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RunError {
    /// More events than allowed. The run itself may be sound; it is only longer than its budget.
    Budget(BudgetExceeded),
    /// No connection was established before the run was over.
    NotEstablished {
        /// When it was.
        at: SimTime,
        /// When the first `connect` was given up (`ETIMEDOUT`), if one was.
        gave_up: Option<SimTime>,
    },
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Budget(b) => {
                write!(f, "the run needs more than {} events (it had come to {})", b.max_events, b.at)
            }
            Self::NotEstablished { gave_up: Some(at), .. } => {
                write!(f, "the connection was never established: `connect` was given up at {at} (ETIMEDOUT)")
            }
            Self::NotEstablished { at, gave_up: None } => {
                write!(f, "the connection was never established (the run ended at {at})")
            }
        }
    }
}

impl std::error::Error for RunError {}

impl From<BudgetExceeded> for RunError {
    fn from(b: BudgetExceeded) -> Self {
        Self::Budget(b)
    }
}
