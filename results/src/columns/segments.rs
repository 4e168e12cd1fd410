//! Columns of `trace.csv` besides the socket's state: the segment, and what happened to it.

use std::borrow::Cow;

use super::Unit::{Bool, Bytes, Count, Nanoseconds, Number, Sequence, Text};
use super::{Cell, Field, col, opt, wide};
use crate::record::{TraceRow, flags_text};

/// The columns written unless others are asked for: what the published charts show, and its causes.
pub(super) const STANDARD: [&str; 19] = [
    "idx",
    "time_ns",
    "seq",
    "len",
    "truesize",
    "rcv_ssthresh",
    "window_clamp",
    "skmem_rb",
    "recv_q",
    "skmem_r",
    "rcv_win",
    "rcv_wup",
    "acked",
    "scaling_ratio",
    "coalesced",
    "collapsed",
    "pruned",
    "dropped",
    "drop_reason",
];

pub(super) static FIELDS: &[Field<TraceRow>] = &[
    Field::new(col("idx", Count, "number of the segment, from 1").input().standard(), |r| wide(r.idx)),
    Field::new(col("time_ns", Nanoseconds, "when the segment reached the socket").input().standard(), |r| {
        wide(r.time.as_nanos())
    }),
    Field::new(
        col("seq", Sequence, "first sequence number; empty in the closing row").input().standard(),
        |r| opt(r.arrival.map(|a| a.seq.0)),
    ),
    Field::new(col("len", Bytes, "payload").input().standard(), |r| r.len().into()),
    Field::new(
        col("truesize", Bytes, "cost of the skb on arrival (skb->truesize)").input().standard(),
        |r| opt(r.arrival.map(|a| a.truesize)),
    ),
    Field::new(
        col("acked", Bytes, "bytes acknowledged so far: rcv_wup less the first row's").standard(),
        |r| r.acked.into(),
    ),
    Field::new(
        col("coalesced", Count, "merges with an older skb that this segment caused")
            .since_previous("coal_ok")
            .standard(),
        |r| r.outcome.coalesced.into(),
    ),
    Field::new(
        col("collapsed", Count, "collapses of a queue that this segment caused")
            .since_previous("n_collapse")
            .standard(),
        |r| r.outcome.collapsed.into(),
    ),
    Field::new(
        col("pruned", Count, "calls of the prune procedure that this segment caused").unrecorded().standard(),
        |r| r.outcome.pruned.into(),
    ),
    // Recordings count drops of both ends of a connection, and none on 5.10; `drops` is the socket's own.
    Field::new(
        col("dropped", Count, "segments dropped: this one, or those a prune threw out")
            .since_previous("n_drop")
            .undefined()
            .standard(),
        |r| r.outcome.dropped.into(),
    ),
    Field::new(
        col("drop_reason", Text, "why (SKB_DROP_REASON_...)")
            .since_previous("drop_reasons")
            .undefined()
            .standard(),
        |r| r.outcome.drop_reason.map_or(Cell::Empty, |d| Cell::Text(Cow::Borrowed(d.name()))),
    ),
    Field::new(col("end_seq", Sequence, "one after the last sequence number; FIN counts").input(), |r| {
        opt(r.arrival.map(|a| a.end_seq.0))
    }),
    Field::new(col("flags", Text, "TCP flags, letters of FSRPAUEC").input(), |r| {
        r.arrival.map_or(Cell::Empty, |a| Cell::Text(Cow::Owned(flags_text(a.flags))))
    }),
    Field::new(col("ack", Sequence, "acknowledgement number").input(), |r| opt(r.arrival.map(|a| a.ack.0))),
    Field::new(col("wnd", Number, "raw window field").input(), |r| opt(r.arrival.map(|a| a.window))),
    Field::new(col("tsval", Number, "TSval of the segment").input(), |r| {
        opt(r.arrival.and_then(|a| a.ts).map(|t| t.val))
    }),
    Field::new(col("tsecr", Number, "TSecr of the segment").input(), |r| {
        opt(r.arrival.and_then(|a| a.ts).map(|t| t.ecr))
    }),
    Field::new(col("sack_blocks", Count, "SACK blocks in the segment").unrecorded().input(), |r| {
        opt(r.arrival.map(|a| a.sack_blocks))
    }),
    Field::new(col("data_len", Bytes, "payload in page fragments (skb->data_len)").input(), |r| {
        opt(r.arrival.map(|a| a.data_len))
    }),
    Field::new(col("head_frag", Bool, "the head is a page fragment").input(), |r| {
        opt(r.arrival.map(|a| i64::from(a.head_frag)))
    }),
    Field::new(col("head_size", Bytes, "usable bytes of the head").input(), |r| {
        opt(r.arrival.map(|a| a.head_size))
    }),
    Field::new(col("tailroom", Bytes, "free bytes behind the data of a linear skb").input(), |r| {
        opt(r.arrival.map(|a| a.tailroom))
    }),
    Field::new(col("nr_frags", Count, "page fragments").input(), |r| opt(r.arrival.map(|a| a.nr_frags))),
    Field::new(col("gso_size", Bytes, "segment size of a multi-segment packet, else 0").input(), |r| {
        opt(r.arrival.map(|a| a.gso_size))
    }),
    Field::new(
        col("gso_segs", Count, "segments in the packet; 0 or 1 for a single one").unrecorded().input(),
        |r| opt(r.arrival.map(|a| a.gso_segs)),
    ),
    Field::new(
        col("merge_refused", Count, "merges that were tried and refused").since_previous("coal_fail"),
        |r| r.outcome.merge_refused.into(),
    ),
    Field::new(col("skbs_collapsed", Count, "skbs that collapses removed").unrecorded(), |r| {
        r.outcome.skbs_collapsed.into()
    }),
    Field::new(
        col("ofo_pruned", Count, "prunes of the out-of-order queue").since_previous("n_prune_ofo"),
        |r| r.outcome.ofo_pruned.into(),
    ),
    Field::new(col("acks_sent", Count, "packets sent until the next segment").since_previous("n_ack"), |r| {
        r.outcome.acks_sent.into()
    }),
    Field::new(
        col("reads", Count, "reads that returned data until the next segment")
            .since_previous("n_read")
            .input(),
        |r| r.outcome.reads.into(),
    ),
    Field::new(
        col("bytes_read", Bytes, "bytes read until the next segment").since_previous("read_bytes").input(),
        |r| wide(r.outcome.read_bytes),
    ),
];
