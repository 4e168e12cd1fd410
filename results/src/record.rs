//! The records of a trace: plain data, gathered once and given to every sink.

use sim_core::counters::Counters;
use sim_core::observer::{AckReason, DropReason, SenderState};
use sim_core::segment::{Flags, SackList, Segment, Timestamps};
use sim_core::seq::Seq;
use sim_core::skb::Skb;
use sim_core::state::SocketState;
use sim_core::time::SimTime;

use crate::measures::Measured;

/// The segment and the skb of one row. Bytes unless said otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arrival {
    /// First sequence number.
    pub seq: Seq,
    /// One after the last; FIN counts.
    pub end_seq: Seq,
    /// Payload.
    pub len: u32,
    /// TCP flags.
    pub flags: Flags,
    /// Acknowledgement number.
    pub ack: Seq,
    /// Raw window field.
    pub window: u16,
    /// The timestamp option.
    pub ts: Option<Timestamps>,
    /// SACK blocks carried.
    pub sack_blocks: u8,
    /// `skb->truesize`.
    pub truesize: u32,
    /// Payload in page fragments (`skb->data_len`).
    pub data_len: u32,
    /// Usable bytes of the head.
    pub head_size: u32,
    /// Free bytes behind the data of a linear skb.
    pub tailroom: u32,
    /// Page fragments.
    pub nr_frags: u16,
    /// Whether the head is a page fragment.
    pub head_frag: bool,
    /// Segment size of a multi-segment packet; 0 for a single segment.
    pub gso_size: u32,
    /// Segments in the packet; 0 or 1 for a single one.
    pub gso_segs: u16,
}

impl Arrival {
    /// What a trace keeps of a segment and its skb.
    pub fn new(seg: &Segment, skb: &Skb) -> Self {
        // Taken apart in full, so that a field added to the model has to be considered here.
        let Segment { seq: _, len: _, flags: _, ack, window, ts, sack, ecn: _ } = *seg;
        let Skb { seq, end_seq, len, flags, buf } = *skb;
        let sim_core::skb::Buffer {
            truesize,
            head_size,
            linear,
            tailroom,
            nr_frags,
            head_frag,
            frag_list: _, // shows itself in the refusal of a merge
            gso_size,
            gso_segs,
            share: _, // the sender's side of the story; shows itself likewise
        } = buf;
        Self {
            seq,
            end_seq,
            len,
            flags,
            ack,
            window,
            ts,
            sack_blocks: sack.len() as u8,
            truesize,
            data_len: len.saturating_sub(linear),
            head_size,
            tailroom,
            nr_frags,
            head_frag,
            gso_size,
            gso_segs,
        }
    }
}

/// What happened between one segment's arrival and the next one's.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Outcome {
    /// Merges of skbs in the receive and the out-of-order queue.
    pub coalesced: u32,
    /// Merges that were tried and refused.
    pub merge_refused: u32,
    /// Collapses of a queue.
    pub collapsed: u32,
    /// skbs that collapses removed.
    pub skbs_collapsed: u32,
    /// Calls of the prune procedure.
    pub pruned: u32,
    /// Prunes of the out-of-order queue.
    pub ofo_pruned: u32,
    /// Segments dropped although they held something new.
    pub dropped: u32,
    /// Why the first of them was dropped.
    pub drop_reason: Option<DropReason>,
    /// Packets the socket sent.
    pub acks_sent: u32,
    /// Reads that returned data.
    pub reads: u32,
    /// Bytes they returned.
    pub read_bytes: u64,
}

/// One row of `trace.csv`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TraceRow {
    /// Number of the segment, from 1; the closing row continues the count.
    pub idx: u64,
    /// When the segment reached the socket.
    pub time: SimTime,
    /// The segment; `None` in the closing row.
    pub arrival: Option<Arrival>,
    /// The socket before the segment; at the end of the run in the closing row.
    pub state: SocketState,
    /// Bytes acknowledged so far: `rcv_wup` less that of the first row.
    pub acked: i64,
    /// What happened to the segment.
    pub outcome: Outcome,
}

impl TraceRow {
    /// Payload bytes; 0 in the closing row.
    pub fn len(&self) -> u32 {
        self.arrival.map_or(0, |a| a.len)
    }

    /// Whether the row carries no payload.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// `skmem_r` less `skmem_rb`: by how much the budget is exceeded; negative while it is not.
    pub fn over_budget(&self) -> i64 {
        over_budget(&self.state)
    }
}

/// `skmem_r` less `skmem_rb`, bytes.
pub fn over_budget(state: &SocketState) -> i64 {
    i64::from(state.rmem) - i64::from(state.rcvbuf)
}

/// One row of `acks.csv`: a packet the receiver sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AckRow {
    /// When it was sent.
    pub time: SimTime,
    /// Segments that had arrived by then.
    pub after_idx: u64,
    /// TCP flags.
    pub flags: Flags,
    /// First sequence number, in the receiver's own numbers.
    pub seq: Seq,
    /// Acknowledgement number.
    pub ack: Seq,
    /// Payload bytes.
    pub len: u32,
    /// The window offered, scaled, bytes.
    pub window: u32,
    /// The raw 16-bit window field.
    pub win_raw: u16,
    /// The timestamp option.
    pub ts: Option<Timestamps>,
    /// SACK blocks.
    pub sack: SackList,
    /// Why it was sent.
    pub reason: AckReason,
    /// The socket after the window was chosen.
    pub state: SocketState,
}

/// One row of `reads.csv`: a read that returned data.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReadRow {
    /// When it returned.
    pub time: SimTime,
    /// Segments that had arrived by then.
    pub after_idx: u64,
    /// Bytes returned.
    pub bytes: u32,
    /// The socket then; the window update, if any, has not been sent yet.
    pub state: SocketState,
}

/// One row of `tx.csv`: a packet the sender sent, with the sender's state just before. Packets unless said
/// otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct TxRecord {
    /// When it was sent, nanoseconds.
    pub time_ns: u64,
    /// First sequence number.
    pub seq: i64,
    /// Payload, bytes.
    pub len: u32,
    /// TCP flags.
    pub flags: Flags,
    /// Acknowledgement number.
    pub ack: i64,
    /// Raw 16-bit window field.
    pub win_raw: u16,
    /// `snd_cwnd`.
    pub cwnd: u32,
    /// `snd_ssthresh`; 0x7fffffff while unknown.
    pub ssthresh: u32,
    /// First unacknowledged sequence number.
    pub snd_una: i64,
    /// Next sequence number to be sent.
    pub snd_nxt: i64,
    /// The receiver's window, bytes.
    pub snd_wnd: u32,
    /// In flight.
    pub packets_out: u32,
    /// Retransmissions in flight.
    pub retrans_out: u32,
    /// Acknowledged by SACK.
    pub sacked_out: u32,
    /// Believed lost.
    pub lost_out: u32,
    /// `icsk_ca_state`: 0 open, 1 disorder, 2 CWR, 3 recovery, 4 loss.
    pub ca_state: u8,
    /// Smoothed RTT, microseconds shifted left by 3; 0 while unknown.
    pub srtt8_us: u32,
    /// `mss_cache`, bytes.
    pub mss_cache: u32,
    /// Retransmission timeout, ticks.
    pub rto: u32,
    /// Whether it was sent before.
    pub retransmission: bool,
}

impl TxRecord {
    /// What a trace keeps of a packet and its sender's state before it is accounted.
    pub fn new(time: SimTime, seg: &Segment, state: &SenderState) -> Self {
        let Segment { seq, len, flags, ack, window, ts: _, sack: _, ecn: _ } = *seg;
        let SenderState {
            cwnd,
            ssthresh,
            snd_una,
            snd_nxt,
            snd_wnd,
            packets_out,
            retrans_out,
            sacked_out,
            lost_out,
            ca_state,
            srtt8,
            mss_cache,
            rto,
        } = *state;
        Self {
            time_ns: time.as_nanos(),
            seq: seq.0,
            len,
            flags,
            ack: ack.0,
            win_raw: window,
            cwnd,
            ssthresh,
            snd_una: snd_una.0,
            snd_nxt: snd_nxt.0,
            snd_wnd,
            packets_out,
            retrans_out,
            sacked_out,
            lost_out,
            ca_state,
            srtt8_us: srtt8,
            mss_cache,
            rto,
            // A window probe lies below snd_nxt too, but carries nothing.
            retransmission: seg.end_seq() > seq && seq < snd_nxt,
        }
    }
}

/// A whole trace.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trace {
    /// One row per segment that reached the receiving socket.
    pub rows: Vec<TraceRow>,
    /// The state at the end of the run.
    pub closing: TraceRow,
    /// One row per packet the receiver sent.
    pub acks: Vec<AckRow>,
    /// One row per read that returned data.
    pub reads: Vec<ReadRow>,
    /// One row per packet the sender sent.
    pub tx: Vec<TxRecord>,
    /// Segments dropped before they reached the socket: the backlog was full.
    pub backlog_drops: u64,
    /// Counters of the receiver's host.
    pub receiver: Counters,
    /// Counters of the sender's host.
    pub sender: Counters,
    /// The measures of the run, which follow from the rest.
    pub measured: Measured,
}

impl Trace {
    /// The rows with the closing one at the end, as `trace.csv` holds them.
    pub fn rows_and_closing(&self) -> impl Iterator<Item = &TraceRow> {
        self.rows.iter().chain(std::iter::once(&self.closing))
    }

    /// Bytes that the application read.
    pub fn bytes_read(&self) -> u64 {
        self.reads.iter().map(|r| u64::from(r.bytes)).sum()
    }
}

/// The name of an ACK's reason in `acks.csv`.
pub const fn ack_reason_name(reason: AckReason) -> &'static str {
    match reason {
        AckReason::FullSegments => "full_segments",
        AckReason::Quick => "quick",
        AckReason::Now => "now",
        AckReason::OutOfOrder => "out_of_order",
        AckReason::DelayedTimer => "delack_timer",
        AckReason::DelayedDue => "delack_due",
        AckReason::Compressed => "comp_sack",
        AckReason::WindowUpdate => "window_update",
        AckReason::Read => "read",
        AckReason::DupAck => "dup_ack",
        AckReason::Challenge => "challenge",
        AckReason::BacklogDeferred => "backlog_deferred",
        AckReason::Data => "data",
        AckReason::Handshake => "handshake",
    }
}

/// TCP flags as letters in the order `FSRPAUEC`, as the recordings write them: `A`, `PA`, `SA`.
pub fn flags_text(flags: Flags) -> String {
    b"FSRPAUEC"
        .iter()
        .enumerate()
        .filter(|(bit, _)| flags.0 >> bit & 1 == 1)
        .map(|(_, c)| char::from(*c))
        .collect()
}
