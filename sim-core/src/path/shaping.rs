//! What holds packets back on the sending host's own device: a token bucket or fair queueing. They wait there charged to
//! their sockets.

use super::fq::{FairQueues, FairView};
use super::tbf::{Bucket, TokenBucket, Verdict};
use super::{Direction, Packet};
use crate::config::Shaper;
use crate::queue::Key;
use crate::time::SimTime;

/// What a socket gets to see of it while it sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HostQueue {
    /// A token bucket.
    Tokens(Bucket),
    /// Fair queueing.
    Fair(FairView),
}

impl HostQueue {
    /// A packet of `bytes` that the socket wants to leave at `release` comes at `now`. A bucket does not ask for that time.
    pub(crate) fn offer(&mut self, now: SimTime, release: SimTime, bytes: u32) -> Verdict {
        match self {
            Self::Tokens(bucket) => bucket.offer(now, bytes),
            Self::Fair(view) => view.offer(now, release, bytes),
        }
    }

    /// Whether packets leave when their sockets want.
    pub(crate) const fn keeps_times(&self) -> bool {
        matches!(self, Self::Fair(_))
    }
}

/// The queue with its packets.
#[derive(Clone, Debug)]
pub(super) enum Shaping {
    Tokens(TokenBucket),
    Fair(FairQueues),
}

impl Shaping {
    pub(super) fn new(config: &Shaper) -> Self {
        match config {
            Shaper::Tokens(tokens) => Self::Tokens(TokenBucket::new(tokens)),
            Shaper::Fair(fair) => Self::Fair(FairQueues::new(*fair)),
        }
    }

    /// What a socket of connection `flow` sees.
    pub(super) fn view(&self, flow: u32, way: Direction) -> HostQueue {
        match self {
            Self::Tokens(b) => HostQueue::Tokens(b.bucket()),
            Self::Fair(q) => HostQueue::Fair(q.view(flow, way)),
        }
    }

    /// The socket wants the packet that comes next to leave at `release`.
    pub(super) const fn set_release(&mut self, release: SimTime) {
        if let Self::Fair(q) = self {
            q.set_release(release);
        }
    }

    /// Packets that wait.
    pub(super) fn holds(&self) -> u64 {
        match self {
            Self::Tokens(b) => b.holds(),
            Self::Fair(q) => q.holds(),
        }
    }

    /// Packets for which there was no room.
    pub(super) const fn refused(&self) -> u64 {
        match self {
            Self::Tokens(b) => b.refused(),
            Self::Fair(q) => q.refused(),
        }
    }

    /// The place in the order of events at which the next packet can leave.
    pub(super) fn wake(&self) -> Key {
        match self {
            Self::Tokens(b) => b.wake(),
            Self::Fair(q) => q.wake(),
        }
    }

    /// A packet that has left, each once.
    pub(super) fn take_released(&mut self) -> Option<Packet> {
        match self {
            Self::Tokens(b) => b.released.pop_front(),
            Self::Fair(q) => q.released.pop_front(),
        }
    }

    /// A packet arrives; what was due before was taken with [`Self::next`].
    pub(super) fn push(&mut self, now: SimTime, packet: Packet, key: impl FnOnce(SimTime) -> Key) -> Verdict {
        match self {
            Self::Tokens(b) => b.push(now, packet, key),
            Self::Fair(q) => q.push(now, packet, key),
        }
    }

    /// The next packet whose time has come by `now`, and when it leaves.
    pub(super) fn next(
        &mut self,
        now: SimTime,
        key: impl FnOnce(SimTime) -> Key,
    ) -> Option<(SimTime, Packet)> {
        match self {
            Self::Tokens(b) => b.next(now, key),
            Self::Fair(q) => q.next(now, key),
        }
    }
}
