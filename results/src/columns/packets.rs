//! Columns of `acks.csv`, `reads.csv` and `tx.csv` besides the socket's state.

use std::borrow::Cow;
use std::fmt::Write as _;

use sim_core::segment::SackList;

use super::Unit::{Bool, Bytes, Count, Microseconds8, Nanoseconds, Number, Sequence, Text, Ticks};
use super::{Cell, Field, col, opt, wide};
use crate::record::{AckRow, ReadRow, TxRecord, ack_reason_name, flags_text};

pub(super) static ACKS: &[Field<AckRow>] = &[
    // Compared for its order and for the timer that it reveals, not as a value.
    Field::new(col("time_ns", Nanoseconds, "when the packet was sent").undefined().standard(), |r| {
        wide(r.time.as_nanos())
    }),
    Field::new(col("after_idx", Count, "segments that had arrived by then").input().standard(), |r| {
        wide(r.after_idx)
    }),
    Field::new(col("flags", Text, "TCP flags, letters of FSRPAUEC").standard(), |r| {
        Cell::Text(Cow::Owned(flags_text(r.flags)))
    }),
    Field::new(col("seq", Sequence, "first sequence number, in the receiver's numbers").standard(), |r| {
        r.seq.0.into()
    }),
    Field::new(col("ack", Sequence, "acknowledgement number").standard(), |r| r.ack.0.into()),
    Field::new(col("len", Bytes, "payload").standard(), |r| r.len.into()),
    Field::new(col("window", Bytes, "window offered, scaled").recorded("win").standard(), |r| {
        r.window.into()
    }),
    Field::new(col("win_raw", Number, "raw 16-bit window field").standard(), |r| r.win_raw.into()),
    Field::new(col("sack", Text, "SACK blocks, from-to").standard(), |r| sack_text(&r.sack)),
    Field::new(col("reason", Text, "why it was sent").undefined().standard(), |r| {
        Cell::Text(Cow::Borrowed(ack_reason_name(r.reason)))
    }),
    Field::new(col("tsval", Number, "TSval").unrecorded().undefined(), |r| opt(r.ts.map(|t| t.val))),
    Field::new(col("tsecr", Number, "TSecr").unrecorded(), |r| opt(r.ts.map(|t| t.ecr))),
];

pub(super) static READS: &[Field<ReadRow>] = &[
    Field::new(col("time_ns", Nanoseconds, "when the read returned").input().standard(), |r| {
        wide(r.time.as_nanos())
    }),
    Field::new(col("after_idx", Count, "segments that had arrived by then").input().standard(), |r| {
        wide(r.after_idx)
    }),
    Field::new(col("bytes", Bytes, "bytes returned").recorded("copied").standard(), |r| r.bytes.into()),
];

pub(super) static TX: &[Field<TxRecord>] = &[
    Field::new(col("time_ns", Nanoseconds, "when the packet was sent").undefined().standard(), |r| {
        wide(r.time_ns)
    }),
    Field::new(col("seq", Sequence, "first sequence number").standard(), |r| r.seq.into()),
    Field::new(col("len", Bytes, "payload").standard(), |r| r.len.into()),
    Field::new(col("flags", Text, "TCP flags, letters of FSRPAUEC").standard(), |r| {
        Cell::Text(Cow::Owned(flags_text(r.flags)))
    }),
    Field::new(col("ack", Sequence, "acknowledgement number").standard(), |r| r.ack.into()),
    Field::new(col("cwnd", Count, "congestion window, packets (snd_cwnd)").standard(), |r| r.cwnd.into()),
    Field::new(col("win_raw", Number, "raw 16-bit window field"), |r| r.win_raw.into()),
    Field::new(
        col("ssthresh", Count, "slow-start threshold, packets; 2147483647 while unknown")
            .recorded("snd_ssthresh")
            .standard(),
        |r| r.ssthresh.into(),
    ),
    Field::new(col("snd_una", Sequence, "first unacknowledged sequence number").standard(), |r| {
        r.snd_una.into()
    }),
    Field::new(col("snd_nxt", Sequence, "next sequence number to be sent").standard(), |r| r.snd_nxt.into()),
    Field::new(col("snd_wnd", Bytes, "the receiver's window, scaled").standard(), |r| r.snd_wnd.into()),
    Field::new(col("packets_out", Count, "packets in flight").standard(), |r| r.packets_out.into()),
    Field::new(col("retrans_out", Count, "retransmissions in flight").standard(), |r| r.retrans_out.into()),
    Field::new(col("sacked_out", Count, "packets acknowledged by SACK").standard(), |r| r.sacked_out.into()),
    Field::new(col("lost_out", Count, "packets believed lost").standard(), |r| r.lost_out.into()),
    Field::new(
        col("ca_state", Number, "0 open, 1 disorder, 2 CWR, 3 recovery, 4 loss (icsk_ca_state)").standard(),
        |r| r.ca_state.into(),
    ),
    Field::new(col("srtt8", Microseconds8, "smoothed RTT (srtt_us)").undefined().standard(), |r| {
        r.srtt8_us.into()
    }),
    Field::new(col("mss_cache", Bytes, "segment size in use (mss_cache)").standard(), |r| r.mss_cache.into()),
    Field::new(
        col("rto", Ticks, "retransmission timeout (icsk_rto)").unrecorded().undefined().standard(),
        |r| r.rto.into(),
    ),
    Field::new(col("retransmission", Bool, "it was sent before").unrecorded().standard(), |r| {
        r.retransmission.into()
    }),
];

fn sack_text(sack: &SackList) -> Cell {
    if sack.is_empty() {
        return Cell::Empty;
    }
    let mut text = String::new();
    for block in sack.as_slice() {
        if !text.is_empty() {
            text.push(' ');
        }
        // Writing to a String cannot fail.
        let _ = write!(text, "{}-{}", block.start.0, block.end.0);
    }
    Cell::Text(Cow::Owned(text))
}
