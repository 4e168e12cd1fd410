//! How a run ends.

use std::fmt;

use crate::counters::Counters;
use crate::observer::SenderState;
use crate::queue::BudgetExceeded;
use crate::state::SocketState;
use crate::time::SimTime;

/// The state after a run.
#[derive(Clone, PartialEq, Debug)]
pub struct RunOutcome {
    /// The reading socket.
    pub receiver: SocketState,
    /// The sending half of the writing socket.
    pub sender: SenderState,
    /// Counters of the reading host.
    pub receiver_counters: Counters,
    /// Counters of the writing host.
    pub sender_counters: Counters,
    /// When the reading end was established.
    pub established: SimTime,
    /// When the writer started.
    pub started: SimTime,
    /// When the run ended.
    pub ended: SimTime,
    /// Events processed.
    pub events: u64,
    /// Bytes that the writer handed over.
    pub written: u64,
    /// Bytes that the reader got.
    pub read: u64,
    /// Segments that reached the reading socket.
    pub segments: u64,
    /// Segments that a full input queue of the processor dropped (`net.core.netdev_max_backlog`).
    pub input_queue_drops: u64,
    /// Packets that the forward link dropped because it was full.
    pub forward_drops: u64,
    /// Packets that the reverse link dropped because it was full.
    pub reverse_drops: u64,
}

/// Why a run has no outcome.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RunError {
    /// More events than allowed. The run itself may be sound; it is only longer than its budget.
    Budget(BudgetExceeded),
    /// The connection was not established before the events ran out.
    NotEstablished {
        /// When nothing was left to do.
        at: SimTime,
    },
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Budget(b) => {
                write!(f, "the run needs more than {} events (it had come to {})", b.max_events, b.at)
            }
            Self::NotEstablished { at } => {
                write!(f, "the connection was never established (nothing left to do at {at})")
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
