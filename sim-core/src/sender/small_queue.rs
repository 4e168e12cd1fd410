//! Small queues (`tcp_small_queue_check`, `tcp_wfree`, `tcp_tsq_handler`) and autocorking (`tcp_should_autocork`).
//!
//! What a socket has handed to the device stays charged to it (`sk_wmem_alloc`) until the device frees it. Devices that let
//! go of packets at once (loopback, veth, netem with a delay or a rate) charge nothing for long; a token bucket or fair queueing in
//! the socket's own host does. A socket with too much there stops, and goes on when some of it was freed.

use std::collections::VecDeque;

use super::Sender;
use super::write_queue::TxSkb;
use crate::seq::Seq;
use crate::time::SimTime;

/// `sk_pacing_shift`: about a millisecond of the pacing rate may wait.
const PACING_SHIFT: u32 = 10;
/// Reference that a socket holds on its own charge (`SK_WMEM_ALLOC_BIAS`).
const BIAS: u64 = 1;
/// The smallest truesize (`SKB_TRUESIZE(1)`): the data of one byte takes a cache line.
const ONE_BYTE: u32 = 64;

/// What of a socket waits in its own host.
#[derive(Clone, Default, Debug)]
pub(super) struct Charged {
    /// Truesizes, bytes, with the first sequence number of each packet.
    packets: VecDeque<(Seq, u32)>,
    /// When packets that the device is about to get are to leave, if it keeps such times.
    pub(super) releases: VecDeque<SimTime>,
    /// Their sum (`sk_wmem_alloc` without its bias).
    bytes: u64,
    /// The socket stopped because of it (`TSQ_THROTTLED`).
    throttled: bool,
}

impl Charged {
    /// A packet waits in the host.
    pub(super) fn add(&mut self, seq: Seq, truesize: u32) {
        self.packets.push_back((seq, truesize));
        self.bytes += u64::from(truesize);
    }

    /// Whether anything waits in the host.
    pub(super) fn holds(&self) -> bool {
        self.bytes > 0
    }

    /// `sk_wmem_alloc`.
    fn alloc(&self) -> u64 {
        self.bytes + BIAS
    }
}

impl Sender {
    /// Whether too much waits in the host for `skb` to be sent; the socket then waits for its completion. Repetitions may
    /// have twice as much there (`doublings` 1).
    pub(super) fn small_queue_is_full(&mut self, skb: &TxSkb, doublings: u32) -> bool {
        if self.charged.bytes == 0 {
            return false;
        }
        let truesize = u64::from(skb.len + self.queue.head());
        let mut limit = (2 * truesize).max(self.pacing_rate >> PACING_SHIFT);
        if self.pacing.is_none() {
            limit = limit.min(u64::from(self.sysctl.tcp_limit_output_bytes));
        }
        if self.charged.alloc() <= limit << doublings {
            return false;
        }
        // With nothing to be acknowledged nobody would come back.
        if self.queue.rtx.len() <= usize::from(self.rules.second_packet_ignores_small_queue) {
            return false;
        }
        self.charged.throttled = true;
        true
    }

    /// Whether the tail of what was written is kept until something was freed: a later write may fill it up.
    /// The flag says whether it is the first to be kept since.
    pub(super) fn autocorks(&mut self, goal: u32) -> Option<bool> {
        let tail = self.queue.unsent.back()?;
        let truesize = u64::from(tail.len + self.queue.head());
        let keeps = self.sysctl.tcp_autocorking
            && tail.len < goal
            && !self.queue.rtx.is_empty()
            && self.charged.alloc() > truesize;
        keeps.then(|| !std::mem::replace(&mut self.charged.throttled, true))
    }

    /// A packet that would be sent again still waits in the host.
    pub(super) fn waits_for_host_queue(&mut self) {
        self.charged.throttled |= self.rules.waits_for_host_queue;
    }

    /// A packet has come to a queueing discipline of the host that charges nobody for it (`skb_orphan_partial` of netem).
    /// Returns whether the socket waited for one to be freed and must go on now.
    pub fn freed_at_once(&mut self) -> bool {
        !self.charged.holds() && std::mem::take(&mut self.charged.throttled)
    }

    /// When the packet that the device gets next is to leave (`skb->tstamp`).
    pub fn take_release(&mut self) -> Option<SimTime> {
        self.charged.releases.pop_front()
    }

    /// The packet that starts at `seq` has left the host, if it waited there. Returns whether the socket stopped for it and
    /// must go on now. A thread of soft interrupts (`lazily`) waits until all of the socket's packets have left.
    pub fn freed(&mut self, seq: Seq, lazily: bool) -> bool {
        if self.charged.packets.front().is_none_or(|&(first, _)| first != seq) {
            return false;
        }
        self.left_host(seq);
        let truesize = self.charged.packets.pop_front().map_or(0, |(_, t)| t);
        self.charged.bytes -= u64::from(truesize);
        let least = u64::from(ONE_BYTE + self.layout.sk_buff() + self.layout.shared_info());
        if lazily && self.charged.alloc() >= least {
            return false;
        }
        std::mem::take(&mut self.charged.throttled)
    }
}
