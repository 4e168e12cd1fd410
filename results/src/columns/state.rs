//! Columns of the receiving socket's state, shared by `trace.csv`, `acks.csv` and `reads.csv`.

use std::borrow::Cow;

use sim_core::state::SocketState;

use super::Unit::{
    Bool, Bytes, Count, Jiffies, Microseconds, Microseconds8, Number, Of256, Sequence, Text, Ticks,
};
use super::{Cell, Field, col, opt};

/// In the order of the published charts first, then as the recordings have them.
pub(super) static FIELDS: &[Field<SocketState>] = &[
    Field::new(
        col("rcv_ssthresh", Bytes, "the receiver's own limit on its window (tp->rcv_ssthresh)").standard(),
        |s| s.rcv_ssthresh.into(),
    ),
    Field::new(col("window_clamp", Bytes, "largest window (tp->window_clamp)").standard(), |s| {
        s.window_clamp.into()
    }),
    Field::new(col("skmem_rb", Bytes, "receive budget (sk->sk_rcvbuf)").recorded("rcvbuf").standard(), |s| {
        s.rcvbuf.into()
    }),
    Field::new(
        col("recv_q", Bytes, "received and not yet read (rcv_nxt - copied_seq)").recorded("recvq").standard(),
        |s| s.recvq().into(),
    ),
    Field::new(
        col("skmem_r", Bytes, "memory charged to the budget (sk_backlog.rmem_alloc)")
            .recorded("rmem")
            .standard(),
        |s| s.rmem.into(),
    ),
    Field::new(
        col("rcv_win", Bytes, "what is left of the window last advertised").recorded("win").standard(),
        |s| s.win().into(),
    ),
    Field::new(
        col("rcv_wup", Sequence, "rcv_nxt when the window was last advertised (tp->rcv_wup)").standard(),
        |s| s.rcv_wup.0.into(),
    ),
    Field::new(
        col("scaling_ratio", Of256, "share of memory taken for payload (tp->scaling_ratio, 6.6 and later)")
            .standard(),
        |s| opt(s.scaling_ratio),
    ),
    Field::new(col("rcv_wnd", Bytes, "window as last advertised (tp->rcv_wnd)"), |s| s.rcv_wnd.into()),
    Field::new(col("rcv_nxt", Sequence, "next sequence number expected (tp->rcv_nxt)"), |s| {
        s.rcv_nxt.0.into()
    }),
    Field::new(col("copied_seq", Sequence, "next sequence number to be read (tp->copied_seq)"), |s| {
        s.copied_seq.0.into()
    }),
    Field::new(
        col("rcv_mwnd_seq", Sequence, "right edge of the largest window ever offered (newest kernels)"),
        |s| opt(s.rcv_mwnd_seq.map(|q| q.0)),
    ),
    Field::new(col("quick", Count, "quick ACKs left (icsk_ack.quick)"), |s| s.quick.into()),
    Field::new(col("pingpong", Count, "interactive mode (icsk_ack.pingpong)"), |s| s.pingpong.into()),
    Field::new(
        col(
            "ack_pending",
            Number,
            "1 SCHED, 2 TIMER, 4 PUSHED, 8 PUSHED2, 16 NOW, 32 NOMEM (icsk_ack.pending)",
        ),
        |s| s.ack_pending.0.into(),
    ),
    Field::new(col("ack_retry", Count, "icsk_ack.retry"), |s| s.ack_retry.into()),
    Field::new(col("ato", Ticks, "delayed-ACK interval (icsk_ack.ato)"), |s| s.ato.into()),
    Field::new(
        col("ack_timeout", Jiffies, "when the delayed ACK is due (icsk_ack.timeout, up to 6.12)"),
        |s| opt(s.ack_timeout.map(|j| j.0)),
    ),
    Field::new(col("delack_expires", Jiffies, "expiry of the delayed-ACK timer"), |s| {
        opt(s.delack_expires.map(|j| j.0))
    }),
    Field::new(col("lrcvtime", Jiffies, "arrival of the last data (icsk_ack.lrcvtime)"), |s| {
        opt(s.lrcvtime.map(|j| j.0))
    }),
    Field::new(col("rcv_mss", Bytes, "estimate of the peer's segment size (icsk_ack.rcv_mss)"), |s| {
        s.rcv_mss.into()
    }),
    Field::new(col("last_seg_size", Bytes, "icsk_ack.last_seg_size"), |s| s.last_seg_size.into()),
    Field::new(col("fwd_alloc", Bytes, "memory reserved and not charged (sk_forward_alloc)"), |s| {
        s.fwd_alloc.into()
    }),
    Field::new(col("backlog_len", Bytes, "memory of the backlog (sk_backlog.len)"), |s| s.backlog_len.into()),
    Field::new(col("owned", Bool, "an application call holds the socket").input(), |s| s.owned.into()),
    Field::new(
        col("userlocks", Number, "1 SO_SNDBUF set, 2 SO_RCVBUF set, 4 address bound (sk_userlocks)"),
        |s| s.userlocks.into(),
    ),
    Field::new(col("lowat", Bytes, "SO_RCVLOWAT"), |s| s.lowat.into()),
    Field::new(col("qlen", Count, "skbs in the receive queue"), |s| s.qlen.into()),
    Field::new(col("tail_len", Bytes, "payload of the last skb of the receive queue"), |s| opt(s.tail_len)),
    Field::new(col("tail_truesize", Bytes, "truesize of the last skb of the receive queue"), |s| {
        opt(s.tail_truesize)
    }),
    Field::new(col("ofo", Bool, "the out-of-order queue holds data"), |s| s.ofo.into()),
    Field::new(col("ofo_last_len", Bytes, "payload of the last skb of the out-of-order queue"), |s| {
        opt(s.ofo_last_len)
    }),
    Field::new(col("ofo_last_truesize", Bytes, "truesize of the last skb of the out-of-order queue"), |s| {
        opt(s.ofo_last_truesize)
    }),
    Field::new(col("num_sacks", Count, "SACK blocks held"), |s| s.num_sacks.into()),
    Field::new(col("dup_sack", Bool, "a DSACK is due"), |s| s.dup_sack.into()),
    Field::new(
        col("drs_space", Bytes, "autotuning: bytes copied in the last measurement (rcvq_space.space)"),
        |s| s.drs_space.into(),
    ),
    Field::new(col("drs_seq", Sequence, "autotuning: where the measurement began (rcvq_space.seq)"), |s| {
        s.drs_seq.0.into()
    }),
    Field::new(
        col("drs_time", Microseconds, "autotuning: when the measurement began (rcvq_space.time)").input(),
        |s| super::wide(s.drs_time.as_micros()),
    ),
    Field::new(col("rcv_rtt", Microseconds8, "RTT as the receiver estimates it (rcv_rtt_est.rtt_us)"), |s| {
        s.rcv_rtt.into()
    }),
    Field::new(col("rcv_rtt_seq", Sequence, "where the RTT measurement ends (rcv_rtt_est.seq)"), |s| {
        s.rcv_rtt_seq.0.into()
    }),
    Field::new(
        col("rcv_rtt_time", Microseconds, "when the RTT measurement began (rcv_rtt_est.time)").input(),
        |s| opt(s.rcv_rtt_time.map(|t| i64::try_from(t.as_micros()).unwrap_or(i64::MAX))),
    ),
    Field::new(col("rcv_rtt_tsecr", Number, "last TSecr used for the RTT"), |s| s.rcv_rtt_tsecr.into()),
    Field::new(col("ts_recent", Number, "latest TSval of the peer"), |s| s.ts_recent.into()),
    Field::new(col("drops", Count, "segments dropped by the socket so far (sk_drops)"), |s| s.drops.into()),
    Field::new(col("comp_ack", Count, "ACKs held back by compression"), |s| s.comp_ack.into()),
    Field::new(col("pred_flags", Text, "header-prediction word, hexadecimal; 00000000 is off"), |s| {
        Cell::Text(Cow::Owned(format!("{:08x}", s.pred_flags)))
    }),
    Field::new(col("snd_una", Sequence, "first unacknowledged number of the receiver's own data"), |s| {
        s.snd_una.0.into()
    }),
    Field::new(col("snd_nxt", Sequence, "next number of the receiver's own data"), |s| s.snd_nxt.0.into()),
    Field::new(col("snd_wnd", Bytes, "the peer's window, scaled"), |s| s.snd_wnd.into()),
    Field::new(col("tcp_mstamp", Microseconds, "the socket's cached clock").input(), |s| {
        opt(s.tcp_mstamp.map(|t| i64::try_from(t.as_micros()).unwrap_or(i64::MAX)))
    }),
    Field::new(col("rcv_tstamp", Jiffies, "arrival of the last ACK"), |s| opt(s.rcv_tstamp.map(|j| j.0))),
    Field::new(col("rcv_wscale", Number, "window scale that the receiver applies"), |s| s.rcv_wscale.into()),
    Field::new(col("snd_wscale", Number, "window scale that the sender applies"), |s| s.snd_wscale.into()),
    Field::new(col("advmss", Bytes, "MSS that the receiver advertised"), |s| s.advmss.into()),
    Field::new(col("state", Number, "sk_state: 1 ESTABLISHED, 3 SYN_RECV, 7 CLOSE, 8 CLOSE_WAIT"), |s| {
        Cell::Int(s.state as i64)
    }),
];

#[cfg(test)]
mod tests {
    use super::FIELDS;
    use sim_core::state::SocketState;

    /// Fails to compile when the model's state gains a field, so that the field gets a column (or a reason
    /// not to have one).
    #[test]
    fn every_field_of_the_state_has_a_column() {
        let SocketState {
            rcv_ssthresh: _,
            window_clamp: _,
            rcvbuf: _,
            rmem: _,
            rcv_wnd: _,
            rcv_wup: _,
            rcv_nxt: _,
            copied_seq: _,
            scaling_ratio: _,
            rcv_mwnd_seq: _,
            quick: _,
            pingpong: _,
            ack_pending: _,
            ack_retry: _,
            ato: _,
            ack_timeout: _,
            delack_expires: _,
            lrcvtime: _,
            rcv_mss: _,
            last_seg_size: _,
            fwd_alloc: _,
            backlog_len: _,
            owned: _,
            userlocks: _,
            lowat: _,
            qlen: _,
            tail_len: _,
            tail_truesize: _,
            ofo: _,
            ofo_last_len: _,
            ofo_last_truesize: _,
            num_sacks: _,
            dup_sack: _,
            drs_space: _,
            drs_seq: _,
            drs_time: _,
            rcv_rtt: _,
            rcv_rtt_seq: _,
            rcv_rtt_time: _,
            rcv_rtt_tsecr: _,
            ts_recent: _,
            drops: _,
            comp_ack: _,
            pred_flags: _,
            snd_una: _,
            snd_nxt: _,
            snd_wnd: _,
            tcp_mstamp: _,
            rcv_tstamp: _,
            rcv_wscale: _,
            snd_wscale: _,
            advmss: _,
            state: _,
        } = SocketState::default();
        // 53 fields, and recv_q and rcv_win that are computed from them.
        assert_eq!(FIELDS.len(), 55);
    }
}
