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
use sim_core::time::SimTime;
use xxhash_rust::xxh3::Xxh3;

use crate::flows::FlowFigures;
use crate::record::{AckRow, Arrival, Outcome, ReadRow, Trace, TraceRow, TxRecord};

/// Counters that a digest covers in any case. One that was added later counts only where it is not 0, so that a new counter
/// moves the digests of those runs in which it says something.
const FIRST_COUNTERS: usize = 62;

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
    words: Vec<u64>,
    bytes: Vec<u8>,
}

/// An integer as it goes in: the two's-complement pattern of 64 bits.
fn word(n: impl Into<i64>) -> u64 {
    n.into() as u64
}

/// Integers gathered before they are hashed.
const CHUNK: usize = 1024;

/// Room behind them: what is put in at once is never more.
const AT_ONCE: usize = 64;

impl Hasher {
    fn new() -> Self {
        Self {
            inner: Box::new(Xxh3::new()),
            words: Vec::with_capacity(CHUNK + AT_ONCE),
            bytes: vec![0; 8 * (CHUNK + AT_ONCE)],
        }
    }

    /// Puts in several integers at once, which is much faster than one by one.
    #[inline(always)]
    fn all<const N: usize>(&mut self, integers: [u64; N]) {
        const { assert!(N <= AT_ONCE) };
        self.words.extend_from_slice(&integers);
        if self.words.len() >= CHUNK {
            self.flush();
        }
    }

    #[inline(never)]
    fn flush(&mut self) {
        for (bytes, word) in self.bytes.chunks_exact_mut(8).zip(&self.words) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        self.inner.update(&self.bytes[..8 * self.words.len()]);
        self.words.clear();
    }

    fn u64(&mut self, n: u64) {
        self.all([n]);
    }

    fn finish(mut self) -> Digest {
        self.flush();
        Digest(self.inner.digest128())
    }

    fn i64(&mut self, n: impl Into<i64>) {
        self.u64(word(n));
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

    /// Several that may be missing, as [`Hasher::opt`] puts them in one by one.
    #[inline(always)]
    fn opts<const N: usize>(&mut self, several: [Option<u64>; N]) {
        const { assert!(2 * N <= AT_ONCE) };
        let (mut out, mut len) = ([0; AT_ONCE], 0);
        for n in several {
            out[len] = u64::from(n.is_some());
            out[len + 1] = n.unwrap_or(0);
            len += 1 + usize::from(n.is_some());
        }
        self.words.extend_from_slice(&out[..len]);
        if self.words.len() >= CHUNK {
            self.flush();
        }
    }

    fn list<T>(&mut self, items: &[T], mut put: impl FnMut(&mut Self, &T)) {
        self.u64(items.len() as u64);
        for item in items {
            put(self, item);
        }
    }

    fn counters(&mut self, c: &Counters) {
        let values = c.values();
        let (first, later) = values.split_at(FIRST_COUNTERS.min(values.len()));
        self.list(first, |h, n| h.u64(*n));
        // With its place, so that two counters cannot be taken for each other.
        for (at, n) in later.iter().enumerate().filter(|(_, n)| **n > 0) {
            self.u64(at as u64);
            self.u64(*n);
        }
    }

    fn sack(&mut self, s: &SackList) {
        self.list(s.as_slice(), |h, b| {
            h.seq(b.start);
            h.seq(b.end);
        });
    }

    fn row(&mut self, row: &TraceRow) {
        let TraceRow { idx, time, arrival, state, acked, outcome } = row;
        self.all([*idx, time.as_nanos()]);
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
        self.all([seq, end_seq, ack].map(|n| word(n.0)));
        self.all([len, truesize, data_len, head_size, tailroom, gso_size].map(u64::from));
        self.all([window, nr_frags, gso_segs].map(u64::from));
        self.all([flags.0, sack_blocks, u8::from(head_frag)].map(u64::from));
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
        self.all(
            [
                coalesced,
                merge_refused,
                collapsed,
                skbs_collapsed,
                pruned,
                ofo_pruned,
                dropped,
                acks_sent,
                reads,
            ]
            .map(u64::from),
        );
        self.u64(read_bytes);
        // The reason by its name: reordering the enum must not change digests.
        self.opt(drop_reason, |h, r| h.list(r.name().as_bytes(), |h, b| h.i64(*b)));
    }

    fn ack(&mut self, row: &AckRow) {
        // `reason` explains a decision whose effect is recorded; it may be refined without changing a run.
        let AckRow { time, after_idx, flags, seq, ack, len, window, win_raw, ts, sack, reason: _, state } =
            row;
        self.all([time.as_nanos(), *after_idx, word(flags.0), word(seq.0), word(ack.0)]);
        self.all([word(*len), word(*window), word(*win_raw)]);
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
        self.all([seq, ack, snd_una, snd_nxt].map(word));
        self.all(
            [
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
            ]
            .map(u64::from),
        );
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
        self.all([rcvbuf, rmem, fwd_alloc].map(word));
        self.all([rcv_wup, rcv_nxt, copied_seq, drs_seq, rcv_rtt_seq, snd_una, snd_nxt].map(|n| word(n.0)));
        self.all(
            [
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
            ]
            .map(u64::from),
        );
        self.all(
            [
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
            ]
            .map(u64::from),
        );
        self.all([owned, ofo, dup_sack].map(u64::from));
        self.u64(drs_time.as_nanos());
        let [a, b, c, d] = [ack_timeout, delack_expires, lrcvtime, rcv_tstamp].map(|n| n.map(|j| word(j.0)));
        let [e, f, g, h] =
            [tail_len, tail_truesize, ofo_last_len, ofo_last_truesize].map(|n| n.map(u64::from));
        let [i, j] = [rcv_rtt_time, tcp_mstamp].map(|n| n.map(SimTime::as_nanos));
        let (ratio, limit) = (scaling_ratio.map(u64::from), rcv_mwnd_seq.map(|n| word(n.0)));
        self.opts([ratio, limit, a, b, c, d, e, f, g, h, i, j]);
    }
}
