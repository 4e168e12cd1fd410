//! Who runs the programs: one thread for both ends of a connection, or one for each.
//!
//! A thread works in rounds, as a program around `poll` does: it looks at all its sockets, and then gives every
//! program of its own the chance to write and to read, one call each.

use super::calls::InCall;
use super::flow::Side;
use crate::app::Polled;
use crate::time::SimTime;

/// What a round may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Turn {
    /// The program of this side writes, or closes.
    Write(Side),
    /// It reads, or writes back what it read.
    Read(Side),
}

/// The turns of a thread that runs both programs, in order.
const BOTH: [Turn; 4] = [
    Turn::Write(Side::Sender),
    Turn::Read(Side::Sender),
    Turn::Write(Side::Receiver),
    Turn::Read(Side::Receiver),
];

/// The turns of thread `number`.
pub(super) fn turns(one_thread: bool, number: u8) -> &'static [Turn] {
    match (one_thread, number) {
        (true, 0) => &BOTH,
        (true, _) => &[],
        (false, 0) => &BOTH[..2],
        (false, _) => &BOTH[2..],
    }
}

/// One thread.
#[derive(Clone, Debug, Default)]
pub(super) struct Thread {
    /// Its earliest event that waits in the queue.
    pub(super) wake: Option<SimTime>,
    /// It was due while the processor was not to be had, and waits for that.
    pub(super) waits: bool,
    /// Something has happened to it meanwhile: whether it is due is not known.
    pub(super) stirred: bool,
    /// Since when it sleeps, if nothing has ended its sleep.
    pub(super) asleep: Option<SimTime>,
    /// Since when it has had the processor without a sleep.
    pub(super) picked: Option<SimTime>,
    /// The call that it is in.
    pub(super) call: Option<InCall>,
    /// The present round; `None` between rounds.
    pub(super) round: Option<Round>,
}

/// A round in progress.
#[derive(Clone, Copy, Debug)]
pub(super) struct Round {
    /// When the thread looked at its sockets and at the clock.
    pub(super) begin: SimTime,
    /// What it saw, by [`Side::at`].
    pub(super) polled: [Polled; 2],
    /// The next turn.
    pub(super) next: u8,
    /// Whether there was anything to do.
    pub(super) worked: bool,
}
