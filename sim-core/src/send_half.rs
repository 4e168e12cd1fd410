//! What the receiving half of a socket needs from its sending half.

use crate::host::Host;
use crate::observer::{Observer, Transmit};
use crate::receiver::Receiver;
use crate::segment::Segment;
use crate::seq::Seq;
use crate::time::Now;

/// What every entry point of a socket works with.
#[derive(Debug)]
pub struct Cx<'a, O: Observer> {
    /// The kernel's clocks at this moment.
    pub now: Now,
    /// Packets that the socket sends, in order. The caller drains it.
    pub out: &'a mut Vec<Transmit>,
    /// The host's shared state.
    pub host: &'a mut Host,
    /// Who watches.
    pub obs: &'a mut O,
}

impl<O: Observer> Cx<'_, O> {
    /// Reports a decision.
    #[inline(always)]
    pub fn rule(&mut self, rule: impl FnOnce() -> crate::observer::Rule) {
        if O::ACTIVE {
            self.obs.rule(self.now, rule());
        }
    }
}

/// How far a segment has come when its ACK field is processed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AckPath {
    /// Header prediction: the window is unchanged.
    Fast,
    /// Everything else.
    Slow,
}

/// What became of an ACK field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AckOutcome {
    /// Accepted (new or duplicate).
    Ok,
    /// Older than anything in flight; the segment's data may still be used.
    Old,
    /// So old that the segment cannot be of this window: it is discarded.
    TooOld,
    /// It acknowledges what was never sent: the segment is discarded.
    Unsent,
}

/// The sending half of a socket: sequence numbers, the peer's window, round-trip times, and data of its own.
///
/// The receiver calls it in the places where the kernel processes the ACK field (`tcp_ack`) and pushes pending
/// data (`tcp_data_snd_check`). A replay uses [`crate::sender::PassiveSender`], which never sends on its own.
pub trait SendHalf {
    /// First unacknowledged sequence number.
    fn snd_una(&self) -> Seq;
    /// Next sequence number to be sent.
    fn snd_nxt(&self) -> Seq;
    /// The peer's window, bytes.
    fn snd_wnd(&self) -> u32;
    /// Smoothed RTT, microseconds shifted left by 3; 0 when unknown.
    fn srtt8_us(&self) -> u32;
    /// Retransmission timeout (`icsk_rto`), ticks.
    fn rto_ticks(&self) -> u32;
    /// MSS in use for sending (`tp->mss_cache`).
    fn mss_cache(&self) -> u32;
    /// Whether the sender sees memory of its own queued (`sk_wmem_queued`), bytes.
    fn wmem_queued(&self) -> u32;
    /// Size of the send buffer (`sk_sndbuf`), bytes.
    fn sndbuf(&self) -> u32;
    /// Whether a FIN was sent and is acknowledged.
    fn fin_acked(&self) -> bool {
        false
    }
    /// The connection was reset: whatever is queued is freed (`tcp_write_queue_purge`).
    fn purge<O: Observer>(&mut self, cx: &mut Cx<'_, O>, rx: &mut Receiver) {
        let _ = (cx, rx);
    }
    /// Predicted data brought nothing new for this half: only the sequence number of the last window update moves
    /// on (`tcp_update_wl`).
    fn note_predicted(&mut self, seq: Seq);
    /// Processes the ACK field of a segment (`tcp_ack`). The implementer tells the receiving half when the peer's window changes,
    /// before it sends anything.
    fn on_ack<O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        rx: &mut Receiver,
        seg: &Segment,
        path: AckPath,
    ) -> AckOutcome;
    /// Sends what may be sent now (`tcp_data_snd_check`). Data segments carry `rx`'s acknowledgement: the
    /// implementer calls [`Receiver::stamp`] for each packet.
    fn push_pending<O: Observer>(&mut self, cx: &mut Cx<'_, O>, rx: &mut Receiver);
}
