//! What a run tells those who watch it.
//!
//! An observer is a generic parameter: a run without one ([`Silent`]) compiles to code that never builds a
//! record. Observers only look; nothing they do can change a run.

use crate::path::Payload;
use crate::segment::Segment;
use crate::seq::Seq;
use crate::skb::{MergeRefusal, Skb};
use crate::state::SocketState;
use crate::time::{Now, SimDuration, SimTime};

/// Which queue an event concerns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Queue {
    /// The receive queue.
    Receive,
    /// The out-of-order queue.
    OutOfOrder,
    /// The backlog of an owned socket.
    Backlog,
}

/// Why an ACK was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AckReason {
    /// More than one `rcv_mss` is unacknowledged and the window moves.
    FullSegments,
    /// Quick-ACK mode.
    Quick,
    /// A hole was filled, or memory ran out: the ACK may not wait (`ICSK_ACK_NOW`).
    Now,
    /// Out-of-order data without SACK, or one of the first three for a hole.
    OutOfOrder,
    /// The delayed-ACK timer.
    DelayedTimer,
    /// The delayed-ACK timer was already due when it was armed again.
    DelayedDue,
    /// The SACK-compression timer, or a flush of compressed ACKs.
    Compressed,
    /// A read made room.
    WindowUpdate,
    /// A read found an ACK pending.
    Read,
    /// An unacceptable segment is answered.
    DupAck,
    /// An ACK deferred while the backlog was drained (6.7 and later).
    BacklogDeferred,
    /// The segment carries data or FIN.
    Data,
    /// Part of the handshake.
    Handshake,
    /// A segment that could be forged is asked about (RFC 5961).
    Challenge,
}

/// Which term bound the window that was chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WindowBound {
    /// Free space, converted by the payload ratio.
    FreeSpace,
    /// `rcv_ssthresh`.
    RcvSsthresh,
    /// The window already promised may not shrink.
    NeverShrink,
    /// Free space below the threshold: zero.
    Closed,
    /// Memory ran out: zero (`ICSK_ACK_NOMEM`).
    NoMemory,
}

/// A step of the prune procedure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PruneStep {
    /// The procedure was entered.
    Called,
    /// The budget was raised to what is in use (`tcp_clamp_window`).
    BudgetRaised {
        /// The new budget.
        rcvbuf: i32,
    },
    /// `rcv_ssthresh` was cut.
    SsthreshCut {
        /// The new threshold.
        rcv_ssthresh: u32,
    },
    /// A queue was collapsed.
    Collapse {
        /// Which one.
        queue: Queue,
        /// Memory charged before.
        rmem_before: i32,
        /// Memory charged after.
        rmem_after: i32,
        /// skbs removed.
        removed: u32,
        /// Bytes copied.
        copied: u32,
        /// How long that kept the processor.
        stall: SimDuration,
    },
    /// Out-of-order data was dropped.
    OfoPruned {
        /// Memory charged before.
        rmem_before: i32,
        /// Memory charged after.
        rmem_after: i32,
    },
    /// Nothing helped.
    Failed,
}

/// Why a segment was dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DropReason {
    /// No memory for in-order data (`TCPRcvQDrop`).
    RcvQ,
    /// No memory for out-of-order data (`TCPOFODrop`).
    Ofo,
    /// The advertised window is zero.
    ZeroWindow,
    /// It starts beyond the window.
    BeyondWindow,
    /// It ends beyond the window (6.17 and later).
    InvalidEndSequence,
    /// Its sequence numbers are not acceptable.
    InvalidSequence,
    /// All of it is old.
    OldData,
    /// An out-of-order skb already covers it.
    OfoDuplicate,
    /// The backlog is full.
    Backlog,
    /// An old timestamp.
    Paws,
    /// It acknowledges something that was never sent, or too long ago.
    BadAck,
    /// It has none of ACK, RST and SYN.
    InvalidFlags,
    /// A reset inside the window that does not fit exactly.
    InvalidReset,
    /// A SYN on a connection that exists.
    InvalidSyn,
}

impl DropReason {
    /// Whether the segment held nothing new: its bytes are here already, so nothing is lost by dropping it.
    pub const fn is_redundant(self) -> bool {
        matches!(self, Self::OldData | Self::OfoDuplicate)
    }

    /// The kernel's name (`SKB_DROP_REASON_...`).
    pub const fn name(self) -> &'static str {
        match self {
            Self::RcvQ => "PROTO_MEM",
            Self::Ofo => "PROTO_MEM",
            Self::ZeroWindow => "TCP_ZEROWINDOW",
            Self::BeyondWindow => "TCP_OVERWINDOW",
            Self::InvalidEndSequence => "TCP_INVALID_END_SEQUENCE",
            Self::InvalidSequence => "TCP_INVALID_SEQUENCE",
            Self::OldData => "TCP_OLD_DATA",
            Self::OfoDuplicate => "TCP_OFOMERGE",
            Self::Backlog => "SOCKET_BACKLOG",
            Self::Paws => "TCP_RFC7323_PAWS",
            Self::BadAck => "TCP_OLD_ACK",
            Self::InvalidFlags => "TCP_FLAGS",
            Self::InvalidReset => "TCP_RESET",
            Self::InvalidSyn => "TCP_INVALID_SYN",
        }
    }
}

/// A decision of the model.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rule {
    /// Two skbs became one.
    Merged {
        /// Where.
        queue: Queue,
        /// By how much the older one's truesize grew.
        delta: u32,
        /// Sequence number of the newer one.
        seq: Seq,
    },
    /// Two skbs stayed two.
    MergeRefused {
        /// Where.
        queue: Queue,
        /// Why.
        why: MergeRefusal,
        /// Sequence number of the newer one.
        seq: Seq,
    },
    /// A window was chosen for an outgoing segment.
    Window {
        /// The window.
        window: u32,
        /// What bound it.
        bound: WindowBound,
    },
    /// `rcv_ssthresh` grew.
    Grew {
        /// From.
        from: u32,
        /// To.
        to: u32,
    },
    /// Header prediction took the segment.
    Predicted,
    /// A step of pruning.
    Prune(PruneStep),
    /// The segment was dropped.
    Dropped {
        /// Why.
        reason: DropReason,
        /// Its first sequence number.
        seq: Seq,
    },
    /// The delayed-ACK timer was armed.
    DelayedAck {
        /// Ticks from now.
        ticks: u32,
    },
    /// The payload ratio was measured anew (6.6 and later).
    RatioMeasured {
        /// The new ratio, of 256.
        ratio: u8,
    },
    /// The receiver-side RTT estimate changed.
    ReceiverRtt {
        /// Microseconds shifted left by 3.
        rtt8: u32,
    },
    /// Autotuning raised the budget.
    Autotuned {
        /// From.
        from: i32,
        /// To.
        to: i32,
    },
}

/// A packet that leaves a socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Transmit {
    /// Its header.
    pub seg: Segment,
    /// The window it offers, scaled.
    pub window: u32,
    /// Why an ACK was sent.
    pub reason: AckReason,
    /// What it is beside its header.
    pub payload: Payload,
}

/// The sending half of a socket at the moment a packet leaves it. Counts are packets.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct SenderState {
    /// `snd_cwnd`.
    pub cwnd: u32,
    /// `snd_ssthresh`.
    pub ssthresh: u32,
    /// First unacknowledged sequence number.
    pub snd_una: Seq,
    /// Next sequence number to be sent.
    pub snd_nxt: Seq,
    /// The peer's window, bytes.
    pub snd_wnd: u32,
    /// Sent and not acknowledged.
    pub packets_out: u32,
    /// Retransmissions in flight.
    pub retrans_out: u32,
    /// Acknowledged by SACK.
    pub sacked_out: u32,
    /// Believed lost.
    pub lost_out: u32,
    /// `icsk_ca_state`: 0 open, 1 disorder, 2 CWR, 3 recovery, 4 loss.
    pub ca_state: u8,
    /// `srtt_us`, microseconds shifted left by 3.
    pub srtt8: u32,
    /// `mss_cache`, bytes.
    pub mss_cache: u32,
    /// `icsk_rto`, ticks.
    pub rto: u32,
}

/// What happens in the writing end between its packets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SendEvent {
    /// An ACK moved `snd_una`.
    Acked,
    /// A sample of the round-trip time was taken (`tcp_ack_update_rtt`).
    Rtt {
        /// Microseconds.
        us: u32,
    },
    /// The retransmission timer expired (`tcp_retransmit_timer`).
    Timeout,
    /// The transmission loop ended; `window` says that the peer's window kept data back (`tcp_write_xmit`).
    Pushed {
        /// Whether the peer's window is what limits.
        window: bool,
    },
    /// The program called `send`.
    Wrote {
        /// When the call began.
        began: SimTime,
        /// Bytes it wanted to write.
        asked: u32,
        /// Bytes that the send buffer took.
        took: u32,
        /// Whether the host refused memory, or had made the send buffer smaller for want of it.
        refused: bool,
    },
    /// The program waits until the socket is writable.
    WaitsForRoom {
        /// As in [`SendEvent::Wrote`].
        refused: bool,
    },
}

/// Receives the records of a run. All methods do nothing by default.
pub trait Observer {
    /// Whether records are built at all.
    const ACTIVE: bool = true;

    /// Whether states are complete. Otherwise only what memory, windows and the stream come to is filled in
    /// (`rcv_ssthresh`, `rcvbuf`, `rmem`, `rcv_wnd`, `rcv_wup`, `rcv_nxt`, `copied_seq`), which costs less.
    const WHOLE_STATE: bool = true;

    /// Whether every step is taken by itself, even where several come to the same at once. Nobody needs this but tests
    /// which compare the two; [`Stepwise`] asks for it.
    const STEPWISE: bool = false;

    /// What follows is of connection `flow`, counted from 0. A run begins with connection 0 and says so only when
    /// it changes: of a single connection there is nothing to say.
    fn flow(&mut self, flow: u32) {
        let _ = flow;
    }

    /// A segment reaches the socket; `state` is the state before it.
    fn segment(&mut self, now: Now, seg: &Segment, skb: &Skb, state: &SocketState) {
        let _ = (now, seg, skb, state);
    }

    /// The socket sends a packet; `state` is the state after its window was chosen.
    fn transmit(&mut self, now: Now, packet: &Transmit, state: &SocketState) {
        let _ = (now, packet, state);
    }

    /// The writing end sends a packet; `state` is the state before it is accounted.
    fn sent(&mut self, now: Now, seg: &Segment, state: &SenderState) {
        let _ = (now, seg, state);
    }

    /// Something happened in the writing end.
    fn sending(&mut self, now: Now, event: SendEvent) {
        let _ = (now, event);
    }

    /// A packet with data that left the writing end at `sent` is taken off the path; `wire_bytes` with all headers.
    fn crossed(&mut self, now: Now, sent: SimTime, wire_bytes: u32) {
        let _ = (now, sent, wire_bytes);
    }

    /// A read returned `bytes`; the window update, if any, has not been sent yet.
    fn read(&mut self, now: Now, bytes: u32, state: &SocketState) {
        let _ = (now, bytes, state);
    }

    /// A rule decided something.
    fn rule(&mut self, now: Now, rule: Rule) {
        let _ = (now, rule);
    }
}

/// Nobody watches.
#[derive(Clone, Copy, Default, Debug)]
pub struct Silent;

impl Observer for Silent {
    const ACTIVE: bool = false;
}

/// An observer for which every step is taken by itself ([`Observer::STEPWISE`]).
#[derive(Debug)]
pub struct Stepwise<'a, O>(pub &'a mut O);

impl<O: Observer> Observer for Stepwise<'_, O> {
    const ACTIVE: bool = O::ACTIVE;
    const WHOLE_STATE: bool = O::WHOLE_STATE;
    const STEPWISE: bool = true;

    fn flow(&mut self, flow: u32) {
        self.0.flow(flow);
    }

    fn segment(&mut self, now: Now, seg: &Segment, skb: &Skb, state: &SocketState) {
        self.0.segment(now, seg, skb, state);
    }

    fn transmit(&mut self, now: Now, packet: &Transmit, state: &SocketState) {
        self.0.transmit(now, packet, state);
    }

    fn sent(&mut self, now: Now, seg: &Segment, state: &SenderState) {
        self.0.sent(now, seg, state);
    }

    fn sending(&mut self, now: Now, event: SendEvent) {
        self.0.sending(now, event);
    }

    fn crossed(&mut self, now: Now, sent: SimTime, wire_bytes: u32) {
        self.0.crossed(now, sent, wire_bytes);
    }

    fn read(&mut self, now: Now, bytes: u32, state: &SocketState) {
        self.0.read(now, bytes, state);
    }

    fn rule(&mut self, now: Now, rule: Rule) {
        self.0.rule(now, rule);
    }
}
