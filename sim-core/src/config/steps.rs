//! What the stack's single steps take, in shares of the cost of a received segment.

use crate::time::SimDuration;

/// Shares of [`HostConfig::packet_cost`], millionths. The default keeps to round proportions of the recorded machine;
/// who has measured a machine says more.
///
/// [`HostConfig::packet_cost`]: super::HostConfig::packet_cost
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StepShares {
    /// A segment that the connection's active side takes: its own packets are watched less closely.
    pub active_side: u32,
    /// The part of a segment's cost that comes before its socket sees it: what follows a segment that was the last
    /// need not wait for it.
    pub approach: u32,
    /// The same part of an ACK's cost at the active side.
    pub reached: u32,
    /// The part of a segment's cost that a segment of data saves which finds an empty queue: nothing to be merged with.
    pub merge: u32,
    /// From a socket to the queue of the device.
    pub descent: u32,
    /// From a segment to the first packet of data that is sent because of it.
    pub before_send: u32,
    /// What a segment still costs after packets of data were sent because of it.
    pub after_send: u32,
    /// From a segment to the ACK that it causes.
    pub before_ack: u32,
    /// Sending one pure ACK.
    pub ack: u32,
    /// From the end of what a `recv` does to the ACK that it makes due.
    pub before_read_ack: u32,
    /// Sending that one.
    pub read_ack: u32,
    /// By how much more a segment takes that soft interrupts receive in a program's call, not in their thread.
    pub called: u32,
    /// The same of an ACK that it causes.
    pub called_ack: u32,
    /// Waking an idle processor, from the interrupt until the first segment is at its socket.
    pub wake: u32,
    /// The part of `wake` that comes after packets were taken off a link: what comes due in that time stays there until
    /// the segments have been processed.
    pub entrance: u32,
    /// From the last look of soft interrupts for more to do to the program that they woke.
    pub handover: u32,
    /// Taking one packet off a link.
    pub take: u32,
    /// Interrupting a busy processor because a packet came due, once until somebody looks at the queue.
    pub alarm: u32,
    /// Cutting a packet, for each piece.
    pub cut: u32,
    /// Putting a segment into the backlog of a socket that a call holds.
    pub backlog: u32,
    /// What that takes more where one is there already, with which the segment might be merged.
    pub backlog_merge: u32,
    /// Processing a segment out of the backlog.
    pub backlogged: u32,
    /// The same of one without data.
    pub backlogged_pure: u32,
    /// Moving an skb from the out-of-order queue to the receive queue, once the gap before it is filled.
    pub drain: u32,
    /// Waking a program that sleeps until there is something to read.
    pub rousing: u32,
    /// One packet of a burst handed to the device.
    pub send: u32,
    /// The same for packets that an ACK lets go; what comes due meanwhile is taken off the link in between.
    pub let_go: u32,
    /// Taking a packet off the link between them.
    pub between: u32,
    /// A packet sent by itself in the middle of a `send`, beside the packet.
    pub single: u32,
    /// Copying 32 KiB from the program.
    pub copy: u32,
    /// Beginning an skb of a `send`.
    pub skb: u32,
    /// An attempt in the middle of a `send` to send what is written, which sends nothing.
    pub push: u32,
}

impl Default for StepShares {
    fn default() -> Self {
        Self {
            active_side: 1_000_000,
            approach: 0,
            reached: 0,
            merge: 0,
            descent: 0,
            before_send: 0,
            after_send: 0,
            before_ack: 0,
            // A segment and its ACK take 1.88 times what a segment alone does.
            ack: 880_000,
            before_read_ack: 0,
            read_ack: 880_000,
            called: 0,
            called_ack: 0,
            wake: 1_750_000,
            entrance: 0,
            handover: 0,
            take: 166_667,
            alarm: 0,
            cut: 133_334,
            backlog: 250_000,
            backlog_merge: 0,
            backlogged: 750_000,
            backlogged_pure: 750_000,
            drain: 0,
            rousing: 0,
            send: 1_000_000,
            let_go: 1_000_000,
            between: 166_667,
            single: 1_500_000,
            copy: 1_500_000,
            skb: 0,
            push: 0,
        }
    }
}

/// `millionths` of `cost`.
pub(crate) fn part_of(cost: SimDuration, millionths: u32) -> SimDuration {
    SimDuration::from_nanos(cost.as_nanos() * u64::from(millionths) / 1_000_000)
}
