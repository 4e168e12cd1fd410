//! The state of the socket at one moment, as recorded.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;

use super::cell::{Cell, Cells, Hex32, lines, parse_int};

lines! {
    /// The state columns shared by rows, ACKs, application events and script steps. `None` is a blank cell or a
    /// column that the file does not have. Names and units are those of [`sim_core::state::SocketState`];
    /// sequence numbers are relative to the ISN of their direction, jiffies and microseconds to the recording's
    /// clock.
    pub struct RecordedState {
        /// `tp->rcv_ssthresh`, bytes.
        rcv_ssthresh: Option<u32> = "rcv_ssthresh",
        /// `tp->window_clamp`, bytes.
        window_clamp: Option<u32> = "window_clamp",
        /// `sk->sk_rcvbuf`, bytes.
        rcvbuf: Option<i32> = "rcvbuf",
        /// `rcv_nxt - copied_seq`, bytes.
        recvq: Option<i64> = "recvq",
        /// `sk_backlog.rmem_alloc`, bytes.
        rmem: Option<i32> = "rmem",
        /// What remains of the advertised window, bytes.
        win: Option<u32> = "win",
        /// `tp->rcv_wnd`, bytes.
        rcv_wnd: Option<u32> = "rcv_wnd",
        /// `tp->rcv_wup`.
        rcv_wup: Option<i64> = "rcv_wup",
        /// `tp->rcv_nxt`.
        rcv_nxt: Option<i64> = "rcv_nxt",
        /// `tp->copied_seq`.
        copied_seq: Option<i64> = "copied_seq",
        /// `tp->scaling_ratio`, of 256 (6.6 and later).
        scaling_ratio: Option<u8> = "scaling_ratio",
        /// Right edge of the largest window ever offered (newest kernels).
        rcv_mwnd_seq: Option<i64> = "rcv_mwnd_seq",
        /// `icsk_ack.quick`.
        quick: Option<u8> = "quick",
        /// `icsk_ack.pingpong`.
        pingpong: Option<u8> = "pingpong",
        /// `icsk_ack.pending` (1 SCHED, 2 TIMER, 4 PUSHED, 8 PUSHED2, 16 NOW).
        ack_pending: Option<u8> = "ack_pending",
        /// `icsk_ack.retry`.
        ack_retry: Option<u8> = "ack_retry",
        /// `icsk_ack.ato`, ticks.
        ato: Option<u32> = "ato",
        /// `icsk_ack.timeout` (up to 6.12), jiffies.
        ack_timeout: Option<i64> = "ack_timeout",
        /// Expiry of the delayed-ACK timer, jiffies; a left-over unless `ack_pending` has TIMER.
        delack_expires: Option<i64> = "delack_expires",
        /// `icsk_ack.lrcvtime`, jiffies.
        lrcvtime: Option<i64> = "lrcvtime",
        /// `icsk_ack.rcv_mss`, bytes.
        rcv_mss: Option<u32> = "rcv_mss",
        /// `icsk_ack.last_seg_size`, bytes.
        last_seg_size: Option<u32> = "last_seg_size",
        /// `sk_forward_alloc`, bytes.
        fwd_alloc: Option<i32> = "fwd_alloc",
        /// `sk_backlog.len`, bytes.
        backlog_len: Option<u32> = "backlog_len",
        /// Whether an application call holds the socket.
        owned: Option<bool> = "owned",
        /// `sk_userlocks`.
        userlocks: Option<u8> = "userlocks",
        /// `SO_RCVLOWAT`, bytes.
        lowat: Option<u32> = "lowat",
        /// skbs in the receive queue.
        qlen: Option<u32> = "qlen",
        /// Payload of the receive queue's last skb, bytes.
        tail_len: Option<u32> = "tail_len",
        /// Its truesize, bytes.
        tail_truesize: Option<u32> = "tail_truesize",
        /// Its clone bit (sticky).
        tail_cloned: Option<bool> = "tail_cloned",
        /// Whether the out-of-order queue holds anything.
        ofo: Option<bool> = "ofo",
        /// Payload of its last skb, bytes (not on 5.10).
        ofo_last_len: Option<u32> = "ofo_last_len",
        /// Truesize of its last skb, bytes (not on 5.10).
        ofo_last_truesize: Option<u32> = "ofo_last_truesize",
        /// SACK blocks held.
        num_sacks: Option<u8> = "num_sacks",
        /// Whether a DSACK is due.
        dup_sack: Option<bool> = "dup_sack",
        /// `rcvq_space.space`, bytes.
        drs_space: Option<u32> = "drs_space",
        /// `rcvq_space.seq`; blank in SYN_RECV.
        drs_seq: Option<i64> = "drs_seq",
        /// `rcvq_space.time`, microseconds since the clock's zero.
        drs_time: Option<i64> = "drs_time",
        /// `rcv_rtt_est.rtt_us`, microseconds shifted left by 3.
        rcv_rtt: Option<u32> = "rcv_rtt",
        /// `rcv_rtt_est.seq`; blank until the first measurement begins.
        rcv_rtt_seq: Option<i64> = "rcv_rtt_seq",
        /// `rcv_rtt_est.time`, microseconds since the clock's zero.
        rcv_rtt_time: Option<i64> = "rcv_rtt_time",
        /// Last TSecr used for the RTT.
        rcv_rtt_tsecr: Option<u32> = "rcv_rtt_tsecr",
        /// The peer's latest TSval.
        ts_recent: Option<u32> = "ts_recent",
        /// `sk_drops`.
        drops: Option<u32> = "drops",
        /// ACKs held back by compression.
        comp_ack: Option<u8> = "comp_ack",
        /// Header-prediction word; 0 is off.
        pred_flags: Option<Hex32> = "pred_flags",
        /// `snd_una` of the server's sending half.
        snd_una: Option<i64> = "snd_una",
        /// `snd_nxt` of the server's sending half.
        snd_nxt: Option<i64> = "snd_nxt",
        /// The peer's window, scaled, bytes.
        snd_wnd: Option<u32> = "snd_wnd",
        /// `tcp_mstamp`, microseconds since the clock's zero.
        tcp_mstamp: Option<i64> = "tcp_mstamp",
        /// Arrival of the last segment, jiffies.
        rcv_tstamp: Option<i64> = "rcv_tstamp",
        /// `icsk_rto` of the server's sending half, ticks.
        rto: Option<u32> = "rto",
        /// The kernel's `jiffies` at this moment.
        jiffies: Option<i64> = "jiffies",
        /// `rx_opt.rcv_wscale`.
        rcv_wscale: Option<u8> = "rcv_wscale",
        /// `rx_opt.snd_wscale`.
        snd_wscale: Option<u8> = "snd_wscale",
        /// MSS that the server advertised, bytes.
        advmss: Option<u32> = "advmss",
        /// `sk_state`.
        state: Option<u8> = "state",
    }
}

impl RecordedState {
    /// Whether the whole state was read here (rows, ACKs after the handshake, most application events), not
    /// only the few columns that every probe fetches.
    pub fn is_full(&self) -> bool {
        self.rcvbuf.is_some()
    }
}

/// In a summary: an object of the columns that are not blank, `pred_flags` as a hexadecimal string.
impl Serialize for RecordedState {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut out = BTreeMap::new();
        for (at, c) in Self::COLUMNS.iter().enumerate() {
            let mut text = String::new();
            self.write_cell(at, &mut text);
            if text.is_empty() {
                continue;
            }
            let value = match parse_int(text.as_bytes()) {
                Some(n) if c.name != "pred_flags" => n.into(),
                _ => serde_json::Value::String(text),
            };
            out.insert(c.name, value);
        }
        out.serialize(s)
    }
}

impl<'de> Deserialize<'de> for RecordedState {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let map = BTreeMap::<String, serde_json::Value>::deserialize(d)?;
        let mut state = Self::default();
        for (name, value) in map {
            let Some(at) = Self::position(&name) else { continue };
            let text = match value {
                serde_json::Value::Null => continue,
                serde_json::Value::String(s) if s.is_empty() => continue,
                serde_json::Value::String(s) => s,
                other => other.to_string(),
            };
            if !state.parse_cell(at, text.as_bytes()) {
                return Err(D::Error::custom(format_args!("{name}: {text:?} is not a value of this column")));
            }
        }
        Ok(state)
    }
}

lines! {
    /// `SO_MEMINFO`, bytes except `drops`. `fwd_alloc` is unsigned there: a negative one shows near 2^32.
    pub struct MemInfo {
        /// `rmem_alloc`.
        rmem_alloc: i64 = "rmem_alloc",
        /// `sk_rcvbuf`.
        rcvbuf: i64 = "rcvbuf",
        /// `wmem_alloc`.
        wmem_alloc: i64 = "wmem_alloc",
        /// `sk_sndbuf`.
        sndbuf: i64 = "sndbuf",
        /// `sk_forward_alloc`, modulo 2^32.
        fwd_alloc: i64 = "fwd_alloc",
        /// `sk_wmem_queued`.
        wmem_queued: i64 = "wmem_queued",
        /// Option memory.
        optmem: i64 = "optmem",
        /// `sk_backlog.len`.
        backlog: i64 = "backlog",
        /// `sk_drops`.
        drops: i64 = "drops",
    }
}

impl MemInfo {
    /// Reads nine numbers separated by blanks.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let mut it = text.split(|b| *b == b' ').map(i64::parse);
        let mut next = || it.next().flatten();
        let out = Self {
            rmem_alloc: next()?,
            rcvbuf: next()?,
            wmem_alloc: next()?,
            sndbuf: next()?,
            fwd_alloc: next()?,
            wmem_queued: next()?,
            optmem: next()?,
            backlog: next()?,
            drops: next()?,
        };
        it.next().is_none().then_some(out)
    }

    /// Appends the nine numbers, separated by blanks.
    pub(crate) fn write(&self, out: &mut String) {
        for at in 0..Self::COLUMNS.len() {
            if at > 0 {
                out.push(' ');
            }
            self.write_cell(at, out);
        }
    }

    /// `sk_forward_alloc` with its sign.
    pub fn forward_alloc(&self) -> i32 {
        self.fwd_alloc as u32 as i32
    }
}

impl Serialize for MemInfo {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut text = String::new();
        self.write(&mut text);
        text.serialize(s)
    }
}

impl<'de> Deserialize<'de> for MemInfo {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        Self::parse(text.as_bytes())
            .ok_or_else(|| D::Error::custom(format_args!("meminfo: {text:?} is not nine numbers")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_state_survives_json() {
        let text = r#"{"rcvbuf": 65536, "fwd_alloc": -4352, "pred_flags": "501001f6", "later_column": 7}"#;
        let s: RecordedState = serde_json::from_str(text).unwrap();
        assert_eq!(
            (s.rcvbuf, s.fwd_alloc, s.pred_flags),
            (Some(65536), Some(-4352), Some(Hex32(0x5010_01f6)))
        );
        let again: RecordedState = serde_json::from_str(&serde_json::to_string(&s).unwrap()).unwrap();
        assert_eq!(again, s);
    }

    #[test]
    fn meminfo_is_nine_numbers_and_forward_memory_has_a_sign() {
        let m = MemInfo::parse(b"73984 65536 0 4194304 4294962944 0 0 0 6").unwrap();
        assert_eq!((m.rmem_alloc, m.forward_alloc(), m.drops), (73984, -4352, 6));
        assert!(MemInfo::parse(b"1 2 3").is_none());
        assert!(MemInfo::parse(b"1 2 3 4 5 6 7 8 9 10").is_none());
    }
}
