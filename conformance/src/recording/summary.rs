//! The summary of a case: how it was set up, and what came of it in every pass.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

use super::CaseKind;
use super::state::{MemInfo, RecordedState};

/// Everything needed to set a case up again, and its outcome. Fields of the file that are not listed here are
/// ignored by the reader.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Summary {
    /// Name of the case.
    pub case: String,
    /// `uname -a` of the kernel.
    pub kernel: String,
    /// What the case is for.
    #[serde(default)]
    pub note: String,
    /// The shell lines that set the machine up.
    #[serde(default)]
    pub setup: Vec<String>,
    /// Whether a real sender or a script drove it.
    pub kind: CaseKind,
    /// Arguments of the traffic program (loop cases).
    #[serde(default)]
    pub args: Option<Vec<String>>,
    /// All its options, defaults filled in (loop cases).
    #[serde(default, deserialize_with = "texts_or_null")]
    pub options: Option<BTreeMap<String, String>>,
    /// The script (injection cases), see [`crate::script`].
    #[serde(default)]
    pub script: Option<Vec<String>>,
    /// Every TCP sysctl that matters.
    #[serde(default, deserialize_with = "texts")]
    pub sysctl: BTreeMap<String, String>,
    /// How the kernel's clocks lie on the time axis.
    pub clock: Clock,
    /// The server's initial sequence number.
    pub server_isn: u32,
    /// The peer's initial sequence number.
    pub peer_isn: u32,
    /// The SYN-ACK.
    pub synack: SynAck,
    /// The state at the first data segment.
    pub at_first_data: FirstData,
    /// `sizeof` of the kernel's structures, bytes.
    #[serde(default)]
    pub struct_sizes: BTreeMap<String, u64>,
    /// Median distance of two data segments of a burst, ns.
    #[serde(default)]
    pub row_gap_ns: Option<u64>,
    /// How often a payload length came with a truesize: `"length:truesize"` to segments.
    #[serde(default)]
    pub truesize_by_len: BTreeMap<String, u64>,
    /// Maxima of the first pass.
    #[serde(default)]
    pub max: BTreeMap<String, i64>,
    /// Bytes that the sender wrote (loop cases).
    #[serde(default, deserialize_with = "number_or_null")]
    pub sent: Option<u64>,
    /// Bytes that the server's application read (loop cases).
    #[serde(default, deserialize_with = "number_or_null")]
    pub received: Option<u64>,
    /// The server's socket at the end.
    #[serde(default)]
    pub server_end: Option<SocketEnd>,
    /// The client's socket at the end (loop cases).
    #[serde(default)]
    pub client_end: Option<SocketEnd>,
    /// Sums of the rows' event counts.
    #[serde(default)]
    pub totals: BTreeMap<String, u64>,
    /// The counters; both ends of a loopback connection count into them.
    #[serde(default)]
    pub nstat: BTreeMap<String, u64>,
    /// The part of `totals` that came after the counters were read.
    #[serde(default)]
    pub after_nstat: BTreeMap<String, u64>,
    /// Comparison of each further pass with the first.
    #[serde(default)]
    pub determinism: Vec<Determinism>,
    /// Every pass, the first (which the other files are of) included.
    #[serde(default)]
    pub passes: Vec<Pass>,
    /// What the set-up wrote to standard error.
    #[serde(default)]
    pub guest_stderr: String,
}

/// The clock of a recording: `time_ns` counts from its zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Clock {
    /// Ticks per second.
    pub hz: u32,
    /// Length of a tick, ns.
    pub tick_ns: u64,
    /// `CLOCK_MONOTONIC` at zero, ns.
    pub t0_mono_ns: u64,
    /// The absolute low 32 bits of `jiffies` at zero.
    pub jiffies_at_t0: u32,
    /// When jiffy 0, the one that contains zero, began: ns, not positive.
    pub jiffy0_time_ns: i64,
}

/// The SYN-ACK of a case.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct SynAck {
    /// Window field.
    pub win: u32,
    /// Window scale, if offered.
    #[serde(deserialize_with = "number_or_null")]
    pub ws: Option<u64>,
    /// MSS option, bytes.
    pub mss: u32,
    /// SACK permitted.
    #[serde(deserialize_with = "truth")]
    pub sackok: bool,
    /// Timestamp option.
    #[serde(deserialize_with = "truth")]
    pub ts: bool,
}

/// The state at the first data segment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct FirstData {
    /// `tp->rcv_ssthresh`, bytes.
    pub rcv_ssthresh: u32,
    /// `tp->window_clamp`, bytes.
    pub window_clamp: u32,
    /// `sk->sk_rcvbuf`, bytes.
    pub rcvbuf: i32,
    /// Remaining advertised window, bytes.
    pub win: u32,
    /// `tp->rcv_wnd`, bytes.
    pub rcv_wnd: u32,
    /// `tp->scaling_ratio` of 256 (6.6 and later).
    pub scaling_ratio: Option<u8>,
    /// `icsk_ack.rcv_mss`, bytes.
    pub rcv_mss: u32,
    /// MSS advertised, bytes.
    pub advmss: u32,
    /// Quick ACKs left.
    pub quick: u8,
    /// Window scale of the server.
    pub rcv_wscale: u8,
    /// `sk_userlocks`.
    pub userlocks: u8,
    /// `SO_RCVLOWAT`, bytes.
    pub lowat: u32,
    /// Window scale of the peer.
    pub snd_wscale: u8,
}

/// A socket at the end of a run.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct SocketEnd {
    /// `SO_MEMINFO`.
    #[serde(default)]
    pub meminfo: Option<MemInfo>,
    /// `SIOCINQ`, bytes.
    #[serde(default, deserialize_with = "number_or_null")]
    pub inq: Option<u64>,
    /// `TCP_INFO`, by field name.
    #[serde(default)]
    pub tcpinfo: BTreeMap<String, i64>,
}

/// A further pass against the first. Line numbers count from 1; `None`: no difference.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Determinism {
    /// Which pass, and how it was run.
    pub against: String,
    /// First row that differs.
    #[serde(default)]
    pub first_row: Option<u64>,
    /// First ACK that differs.
    #[serde(default)]
    pub first_ack: Option<u64>,
    /// First packet of the client that differs (loop cases).
    #[serde(default)]
    pub first_tx: Option<u64>,
    /// Rows that differ.
    #[serde(default)]
    pub rows_differing: Option<u64>,
    /// The columns in which the first row differs.
    #[serde(default)]
    pub first_packet_difference: Option<PassDifference>,
    /// The columns in which the first ACK differs.
    #[serde(default)]
    pub first_ack_difference: Option<PassDifference>,
    /// The columns in which the first client packet differs.
    #[serde(default)]
    pub first_tx_difference: Option<PassDifference>,
}

/// The first difference between two passes.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct PassDifference {
    /// The line, from 1.
    pub row: u64,
    /// Column to the values of the two passes, as recorded.
    #[serde(default)]
    pub cols: BTreeMap<String, Value>,
}

/// One pass of a case.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Pass {
    /// Random seed of the emulator.
    pub seed: u64,
    /// How instructions were turned into time.
    pub icount: String,
    /// Rows, the closing one included.
    pub rows: u64,
    /// Packets sent by the server.
    pub acks: u64,
    /// Packets sent by the client.
    #[serde(default)]
    pub tx: u64,
    /// Guest time of the run, ns.
    #[serde(default, deserialize_with = "number_or_null")]
    pub elapsed_ns: Option<u64>,
    /// Bytes that the sender wrote.
    #[serde(default, deserialize_with = "number_or_null")]
    pub sent: Option<u64>,
    /// Bytes that the server's application read.
    #[serde(default, deserialize_with = "number_or_null")]
    pub received: Option<u64>,
    /// `SIOCINQ` at the end, bytes.
    #[serde(default, deserialize_with = "number_or_null")]
    pub inq: Option<u64>,
    /// `SO_MEMINFO` at the end.
    #[serde(default)]
    pub meminfo: Option<MemInfo>,
    /// The closing row's state.
    #[serde(default)]
    pub end: RecordedState,
    /// Sums of the rows' event counts.
    #[serde(default)]
    pub totals: BTreeMap<String, u64>,
    /// The counters.
    #[serde(default)]
    pub nstat: BTreeMap<String, u64>,
    /// The part of `totals` that came after the counters were read.
    #[serde(default)]
    pub after_nstat: BTreeMap<String, u64>,
    /// Maxima over the rows.
    #[serde(default)]
    pub max: BTreeMap<String, i64>,
}

/// A number, a number in a string, or nothing.
fn number_or_null<'de, D: Deserializer<'de>>(d: D) -> Result<Option<u64>, D::Error> {
    match Value::deserialize(d)? {
        Value::Null => Ok(None),
        Value::String(s) if s.is_empty() => Ok(None),
        Value::String(s) => {
            s.parse().map(Some).map_err(|_| D::Error::custom(format_args!("{s:?} is not a number")))
        }
        Value::Number(n) => n.as_u64().map(Some).ok_or_else(|| D::Error::custom("a negative number")),
        _ => Err(D::Error::custom("a number is expected")),
    }
}

/// `true` or `false`, also as 1 or 0.
fn truth<'de, D: Deserializer<'de>>(d: D) -> Result<bool, D::Error> {
    match Value::deserialize(d)? {
        Value::Bool(b) => Ok(b),
        Value::Number(n) => Ok(n.as_u64() != Some(0)),
        _ => Err(D::Error::custom("true or false is expected")),
    }
}

fn as_texts(map: BTreeMap<String, Value>) -> BTreeMap<String, String> {
    map.into_iter()
        .map(|(k, v)| match v {
            Value::String(s) => (k, s),
            other => (k, other.to_string()),
        })
        .collect()
}

/// An object whose values are strings or numbers, as strings.
fn texts<'de, D: Deserializer<'de>>(d: D) -> Result<BTreeMap<String, String>, D::Error> {
    BTreeMap::deserialize(d).map(as_texts)
}

fn texts_or_null<'de, D: Deserializer<'de>>(d: D) -> Result<Option<BTreeMap<String, String>>, D::Error> {
    Ok(Option::<BTreeMap<String, Value>>::deserialize(d)?.map(as_texts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_syn_ack_without_window_scaling_has_a_blank_scale() {
        let s: SynAck =
            serde_json::from_str(r#"{"win": 65535, "ws": "", "mss": 1460, "sackok": 1, "ts": false}"#)
                .unwrap();
        assert_eq!(s, SynAck { win: 65535, ws: None, mss: 1460, sackok: true, ts: false });
        let again: SynAck = serde_json::from_str(&serde_json::to_string(&s).unwrap()).unwrap();
        assert_eq!(again, s);
    }
}
