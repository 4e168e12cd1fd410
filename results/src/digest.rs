//! The digest of a trace: 128 bits over everything that a run determines.
//!
//! Every field goes in as integers of eight little-endian bytes in a fixed order, so that the digest depends on
//! neither platform, nor build profile, nor the text of any file. XXH3 (128 bits, seed 0) is used because it has
//! a published specification with test vectors, is pure Rust, and costs a negligible part of a run. It guards
//! against accidents, not against forgery.

use std::fmt;

use sim_core::counters::Counters;
use sim_core::segment::SackList;
use sim_core::seq::Seq;
use sim_core::state::SocketState;
use xxhash_rust::xxh3::Xxh3;

use crate::flows::FlowFigures;
use crate::record::{AckRow, Arrival, Outcome, ReadRow, Trace, TraceRow, TxRecord};

/// Goes into the digest first. It changes with what the digest covers or how.
const LAYOUT: u64 = 1;

/// The digest of a trace, printed as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Digest(pub u128);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl Digest {
    /// The digest of `trace`: rows, closing state, ACKs, reads, sent packets and the counters of both hosts.
    pub fn of(trace: &Trace) -> Self {
        Self::of_flows(trace, &[])
    }

    /// The same of a run with several connections, whose trace is that of the first one: what became of each goes in
    /// as well. With fewer than two it is [`Digest::of`].
    pub fn of_flows(trace: &Trace, flows: &[FlowFigures]) -> Self {
        // What was measured follows from the rest.
        let Trace { rows, closing, acks, reads, tx, backlog_drops, receiver, sender, measured: _ } = trace;
        let mut h = Hasher::new();
        h.u64(LAYOUT);
        h.list(rows, Hasher::row);
        h.row(closing);
        h.list(acks, Hasher::ack);
        h.list(reads, Hasher::read);
        h.list(tx, Hasher::tx);
        h.u64(*backlog_drops);
        h.counters(receiver);
        h.counters(sender);
        if flows.len() > 1 {
            h.list(flows, |h, f| f.integers().into_iter().for_each(|n| h.i64(n)));
        }
        h.finish()
    }
}

/// Collects integers in a buffer and hashes it when it is full: many small updates are slow.
struct Hasher {
    inner: Box<Xxh3>,
    buffer: Vec<u8>,
}

/// Bytes gathered before they are hashed.
const CHUNK: usize = 8192;

impl Hasher {
    fn new() -> Self {
        Self { inner: Box::new(Xxh3::new()), buffer: Vec::with_capacity(CHUNK + 8) }
    }

    fn u64(&mut self, n: u64) {
        self.buffer.extend_from_slice(&n.to_le_bytes());
        if self.buffer.len() >= CHUNK {
            self.inner.update(&self.buffer);
            self.buffer.clear();
        }
    }

    fn finish(mut self) -> Digest {
        self.inner.update(&self.buffer);
        Digest(self.inner.digest128())
    }

    fn i64(&mut self, n: impl Into<i64>) {
        // The two's-complement pattern.
        self.u64(n.into() as u64);
    }

    fn seq(&mut self, n: Seq) {
        self.i64(n.0);
    }

    /// A presence mark, then the value: "nothing" differs from 0.
    fn opt<T>(&mut self, n: Option<T>, put: impl FnOnce(&mut Self, T)) {
        self.u64(u64::from(n.is_some()));
        if let Some(n) = n {
            put(self, n);
        }
    }

    fn list<T>(&mut self, items: &[T], mut put: impl FnMut(&mut Self, &T)) {
        self.u64(items.len() as u64);
        for item in items {
            put(self, item);
        }
    }

    fn counters(&mut self, c: &Counters) {
        self.list(&c.values(), |h, n| h.u64(*n));
    }

    fn sack(&mut self, s: &SackList) {
        self.list(s.as_slice(), |h, b| {
            h.seq(b.start);
            h.seq(b.end);
        });
    }

    fn row(&mut self, row: &TraceRow) {
        let TraceRow { idx, time, arrival, state, acked, outcome } = row;
        self.u64(*idx);
        self.u64(time.as_nanos());
        self.opt(arrival.as_ref(), Self::arrival);
        self.state(state);
        self.i64(*acked);
        self.outcome(outcome);
    }

    fn arrival(&mut self, a: &Arrival) {
        let Arrival {
            seq,
            end_seq,
            len,
            flags,
            ack,
            window,
            ts,
            sack_blocks,
            truesize,
            data_len,
            head_size,
            tailroom,
            nr_frags,
            head_frag,
            gso_size,
            gso_segs,
        } = *a;
        for n in [seq, end_seq, ack] {
            self.seq(n);
        }
        for n in [len, truesize, data_len, head_size, tailroom, gso_size] {
            self.i64(n);
        }
        for n in
            [window, nr_frags, gso_segs, u16::from(flags.0), u16::from(sack_blocks), u16::from(head_frag)]
        {
            self.i64(n);
        }
        self.opt(ts, |h, t| {
            h.i64(t.val);
            h.i64(t.ecr);
        });
    }

    fn outcome(&mut self, o: &Outcome) {
        let Outcome {
            coalesced,
            merge_refused,
            collapsed,
            skbs_collapsed,
            pruned,
            ofo_pruned,
            dropped,
            drop_reason,
            acks_sent,
            reads,
            read_bytes,
        } = *o;
        for n in [
            coalesced,
            merge_refused,
            collapsed,
            skbs_collapsed,
            pruned,
            ofo_pruned,
            dropped,
            acks_sent,
            reads,
        ] {
            self.i64(n);
        }
        self.u64(read_bytes);
        // The reason by its name: reordering the enum must not change digests.
        self.opt(drop_reason, |h, r| h.list(r.name().as_bytes(), |h, b| h.i64(*b)));
    }

    fn ack(&mut self, row: &AckRow) {
        // `reason` explains a decision whose effect is recorded; it may be refined without changing a run.
        let AckRow { time, after_idx, flags, seq, ack, len, window, win_raw, ts, sack, reason: _, state } =
            row;
        self.u64(time.as_nanos());
        self.u64(*after_idx);
        self.i64(flags.0);
        self.seq(*seq);
        self.seq(*ack);
        self.i64(*len);
        self.i64(*window);
        self.i64(*win_raw);
        self.opt(*ts, |h, t| {
            h.i64(t.val);
            h.i64(t.ecr);
        });
        self.sack(sack);
        self.state(state);
    }

    fn read(&mut self, row: &ReadRow) {
        let ReadRow { time, after_idx, bytes, state } = row;
        self.u64(time.as_nanos());
        self.u64(*after_idx);
        self.i64(*bytes);
        self.state(state);
    }

    fn tx(&mut self, row: &TxRecord) {
        let TxRecord {
            time_ns,
            seq,
            len,
            flags,
            ack,
            win_raw,
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
            srtt8_us,
            mss_cache,
            rto,
            retransmission,
        } = *row;
        self.u64(time_ns);
        for n in [seq, ack, snd_una, snd_nxt] {
            self.i64(n);
        }
        for n in [
            len,
            cwnd,
            ssthresh,
            snd_wnd,
            packets_out,
            retrans_out,
            sacked_out,
            lost_out,
            srtt8_us,
            mss_cache,
            rto,
            u32::from(win_raw),
            u32::from(ca_state),
            u32::from(flags.0),
            u32::from(retransmission),
        ] {
            self.i64(n);
        }
    }

    fn state(&mut self, s: &SocketState) {
        let SocketState {
            rcv_ssthresh,
            window_clamp,
            rcvbuf,
            rmem,
            rcv_wnd,
            rcv_wup,
            rcv_nxt,
            copied_seq,
            scaling_ratio,
            rcv_mwnd_seq,
            quick,
            pingpong,
            ack_pending,
            ack_retry,
            ato,
            ack_timeout,
            delack_expires,
            lrcvtime,
            rcv_mss,
            last_seg_size,
            fwd_alloc,
            backlog_len,
            owned,
            userlocks,
            lowat,
            qlen,
            tail_len,
            tail_truesize,
            ofo,
            ofo_last_len,
            ofo_last_truesize,
            num_sacks,
            dup_sack,
            drs_space,
            drs_seq,
            drs_time,
            rcv_rtt,
            rcv_rtt_seq,
            rcv_rtt_time,
            rcv_rtt_tsecr,
            ts_recent,
            drops,
            comp_ack,
            pred_flags,
            snd_una,
            snd_nxt,
            snd_wnd,
            tcp_mstamp,
            rcv_tstamp,
            rcv_wscale,
            snd_wscale,
            advmss,
            state,
        } = *s;
        for n in [rcvbuf, rmem, fwd_alloc] {
            self.i64(n);
        }
        for n in [rcv_wup, rcv_nxt, copied_seq, drs_seq, rcv_rtt_seq, snd_una, snd_nxt] {
            self.seq(n);
        }
        for n in [
            rcv_ssthresh,
            window_clamp,
            rcv_wnd,
            ato,
            rcv_mss,
            last_seg_size,
            backlog_len,
            lowat,
            qlen,
            drs_space,
            rcv_rtt,
            rcv_rtt_tsecr,
            ts_recent,
            drops,
            pred_flags,
            snd_wnd,
            advmss,
        ] {
            self.i64(n);
        }
        for n in [
            quick,
            pingpong,
            ack_pending.0,
            ack_retry,
            userlocks,
            num_sacks,
            comp_ack,
            rcv_wscale,
            snd_wscale,
            state as u8,
        ] {
            self.i64(n);
        }
        for n in [owned, ofo, dup_sack] {
            self.i64(n);
        }
        self.u64(drs_time.as_nanos());
        self.opt(scaling_ratio, Self::i64);
        self.opt(rcv_mwnd_seq, Self::seq);
        for n in [ack_timeout, delack_expires, lrcvtime, rcv_tstamp] {
            self.opt(n, |h, j| h.i64(j.0));
        }
        for n in [tail_len, tail_truesize, ofo_last_len, ofo_last_truesize] {
            self.opt(n, Self::i64);
        }
        for n in [rcv_rtt_time, tcp_mstamp] {
            self.opt(n, |h, t| h.u64(t.as_nanos()));
        }
    }
}
