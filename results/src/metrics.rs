//! The one table of metrics: every number that a run can be asked for, with its unit and definition.
//!
//! `expect`, sweeps, `summary.json`, the report and the documentation all ask this table. A metric is absent from a run
//! that has no such number (the window at the first drop, of a run without drops).

use std::borrow::Cow;
use std::sync::LazyLock;

use sim_core::counters::Counters;

use crate::columns::{self, Class, FileColumn};
use crate::measures::{Histogram, Measured, PEAKS};
use crate::record::TraceRow;
use crate::surroundings::{HOSTS, SURROUNDINGS};

/// What a metric counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum MetricUnit {
    /// Bytes.
    Bytes,
    /// Packets, skbs, events, or a number without unit.
    Count,
    /// Nanoseconds.
    Nanoseconds,
    /// Bits per second.
    BitsPerSecond,
    /// Thousandths.
    Permille,
}

impl MetricUnit {
    /// The unit in print.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Count => "count",
            Self::Nanoseconds => "ns",
            Self::BitsPerSecond => "bit/s",
            Self::Permille => "per 1000",
        }
    }
}

/// A number that a run can be asked for.
#[derive(Clone, Debug)]
pub struct Metric {
    /// Its name.
    pub name: Cow<'static, str>,
    /// What it counts.
    pub unit: MetricUnit,
    /// What it is.
    pub doc: &'static str,
    source: Source,
}

#[derive(Clone, Copy)]
enum Source {
    Measure(fn(&Measured) -> Option<i64>),
    Final(FileColumn<TraceRow>),
    Peak(usize),
    Counter(Side, usize),
    Path(usize),
    Host(usize),
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Measure(_) => "Measure",
            Self::Final(_) => "Final",
            Self::Peak(_) => "Peak",
            Self::Counter(..) => "Counter",
            Self::Path(_) => "Path",
            Self::Host(_) => "Host",
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Side {
    Both,
    Receiver,
    Sender,
}

impl Metric {
    /// Its value in a run; `None` if the run has no such number.
    pub fn value(&self, run: &Measured) -> Option<i64> {
        match self.source {
            Source::Measure(f) => f(run),
            Source::Final(c) => c.value(run.closing()).int(),
            Source::Peak(at) => run.peak().get(at).copied(),
            Source::Path(at) => run.surround().get(at),
            Source::Host(at) => run.surround().of_hosts(at),
            Source::Counter(side, at) => {
                let of = |c: &Counters| c.values().get(at).copied().map_or(0, signed);
                Some(match side {
                    Side::Both => of(run.receiver()) + of(run.sender()),
                    Side::Receiver => of(run.receiver()),
                    Side::Sender => of(run.sender()),
                })
            }
        }
    }
}

fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// A measure: a metric whose name has no group.
pub struct Measure {
    /// Its name.
    pub name: &'static str,
    /// What it counts.
    pub unit: MetricUnit,
    /// What it is.
    pub doc: &'static str,
    value: fn(&Measured) -> Option<i64>,
}

impl Measure {
    /// Its value in a run.
    pub fn value(&self, run: &Measured) -> Option<i64> {
        (self.value)(run)
    }
}

/// A value as a metric has it.
trait Value {
    fn metric(self) -> Option<i64>;
}
impl Value for u64 {
    fn metric(self) -> Option<i64> {
        Some(signed(self))
    }
}
impl Value for i64 {
    fn metric(self) -> Option<i64> {
        Some(self)
    }
}
impl Value for u32 {
    fn metric(self) -> Option<i64> {
        Some(self.into())
    }
}
impl<T: Value> Value for Option<T> {
    fn metric(self) -> Option<i64> {
        self.and_then(Value::metric)
    }
}

macro_rules! measures {
    ($($name:literal $unit:ident $get:expr, $doc:literal;)*) => {
        &[$(Measure {
            name: $name,
            unit: MetricUnit::$unit,
            doc: $doc,
            value: |m| {
                let get: fn(&Measured) -> _ = $get;
                Value::metric(get(m))
            },
        }),*]
    };
}

fn percentile(h: &Histogram, percent: u32) -> Option<u64> {
    h.percentile(percent)
}

/// The metrics without a group, in the order of `summary.json`.
pub static MEASURES: &[Measure] = measures! {
    "goodput" BitsPerSecond Measured::goodput,
        "Data read per second, from the first data packet sent to the read that completed the transfer, or to the end of the run.";
    "throughput" BitsPerSecond Measured::throughput,
        "Data taken in order per second, from the first data packet sent to the segment that completed the transfer, or to the end of the run.";
    "utilisation_permille" Permille Measured::utilisation_permille,
        "Data taken in order, of what min(rate, window / RTT) allowed: of `capacity`. Headers count against it.";
    "capacity" Bytes Measured::capacity,
        "Data that the rate and the windows offered (one in each round-trip time of the empty path) would have let through, from one round-trip time before the first data to the end of the transfer or the run.";
    "fitted" Bytes Measured::fitted,
        "Data that fitted into the socket: what it took in order, read or not.";
    "bytes_read" Bytes Measured::bytes_read,
        "Data that the receiving application read.";
    "bursts" Count |m| m.bursts().count(),
        "Groups of data arrivals that added something, more than half a round-trip time apart.";
    "fill_ns" Nanoseconds Measured::fill_ns,
        "From the first data to arrive until the receiver was full: it offered a window of zero, or dropped something new.";
    "fill_bursts" Count Measured::fill_bursts,
        "Bursts that had added data by then.";
    "finish_ns" Nanoseconds Measured::finish_ns,
        "From the first data packet sent until the socket had taken the whole transfer.";
    "zero_window_stalls" Count |m| m.zero_window().count,
        "Times without a window: from a packet of the receiver that offers none to the next that offers some.";
    "zero_window_ns" Nanoseconds |m| m.zero_window().total_ns,
        "Their lengths together.";
    "zero_window_longest_ns" Nanoseconds |m| m.zero_window().longest_ns,
        "The longest of them.";
    "rto_stalls" Count |m| m.timeout().count,
        "Waits for the retransmission timer: from the last ACK of new data before a timeout (or the first packet after everything was acknowledged) to the next such ACK; timeouts in a row are one wait.";
    "rto_ns" Nanoseconds |m| m.timeout().total_ns,
        "Their lengths together.";
    "rto_longest_ns" Nanoseconds |m| m.timeout().longest_ns,
        "The longest of them.";
    "sndbuf_stalls" Count |m| m.sndbuf().count,
        "Waits of the writer for room in the send buffer: from a write that was cut short, or a poll that found the socket full, to the next write that got something in.";
    "sndbuf_ns" Nanoseconds |m| m.sndbuf().total_ns,
        "Their lengths together.";
    "sndbuf_longest_ns" Nanoseconds |m| m.sndbuf().longest_ns,
        "The longest of them.";
    "sndbuf_wait_p50_ns" Nanoseconds |m| percentile(m.sndbuf_waits(), 50),
        "How long a single such wait was: half of them were no longer. Percentiles are nearest ranks, at most 1/64 too large.";
    "sndbuf_wait_p90_ns" Nanoseconds |m| percentile(m.sndbuf_waits(), 90),
        "The same for 90 % of the waits.";
    "sndbuf_wait_p99_ns" Nanoseconds |m| percentile(m.sndbuf_waits(), 99),
        "The same for 99 % of the waits.";
    "pressure_stalls" Count |m| m.refused().count,
        "Those of the waits for room that began because the host refused memory (tcp_mem), or had made the buffer smaller for want of it.";
    "pressure_ns" Nanoseconds |m| m.refused().total_ns,
        "Their lengths together.";
    "pressure_longest_ns" Nanoseconds |m| m.refused().longest_ns,
        "The longest of them.";
    "rwnd_limited_stalls" Count |m| m.rwnd().count,
        "Times in which the receiver's window kept data back at the sender.";
    "rwnd_limited_ns" Nanoseconds |m| m.rwnd().total_ns,
        "Their lengths together (rwnd_limited of ss).";
    "rtt_samples" Count Measured::rtt_samples,
        "Samples of the round-trip time that the sender took from ACKs of data.";
    "rtt_mean_ns" Nanoseconds Measured::rtt_mean_ns,
        "Their mean.";
    "rtt_sd_ns" Nanoseconds Measured::rtt_sd_ns,
        "Their standard deviation.";
    "rtt_min_ns" Nanoseconds |m| m.rtt_range_ns().map(|r| r.0),
        "The smallest of them.";
    "rtt_max_ns" Nanoseconds |m| m.rtt_range_ns().map(|r| r.1),
        "The largest of them.";
    "bytes_sent" Bytes Measured::bytes_sent,
        "Payload of all packets that the sender sent, repetitions included.";
    "bytes_retrans" Bytes Measured::bytes_retrans,
        "Payload of packets that it sent again.";
    "retransmissions" Count Measured::retransmissions,
        "Segments that it sent again (TcpRetransSegs of the sender).";
    "packets" Count Measured::packets,
        "Segments that reached the receiving socket, the handshake's last ACK included.";
    "data_packets" Count Measured::data_packets,
        "Data segments that reached the receiving socket.";
    "acks" Count Measured::acks,
        "Packets that the receiver sent, the SYN-ACK included.";
    "dropped" Count Measured::dropped,
        "Segments that the receiving socket dropped although they held something new.";
    "backlog_dropped" Count Measured::backlog_dropped,
        "Segments dropped because the backlog was full.";
    "window_at_first_drop" Bytes Measured::window_at_first_drop,
        "What was left of the advertised window when the first segment was dropped.";
    "truesize_first" Bytes Measured::truesize_first,
        "Truesize of the first data segment.";
    "coalesced" Count Measured::coalesced,
        "skbs merged into an older one.";
    "coalesced_permille" Permille Measured::coalesced_permille,
        "Merges per 1000 data segments.";
    "payload_permille" Permille Measured::payload_permille,
        "recv_q of skmem_r at the end: how much of the memory charged is data.";
    "payload_peak_permille" Permille Measured::payload_peak_permille,
        "The same when most memory was charged.";
    "payload_arrival_permille" Permille Measured::payload_arrival_permille,
        "Payload of truesize of all data segments as they arrived, before any merge.";
    "pruned" Count Measured::pruned,
        "Calls of the prune procedure.";
    "collapsed" Count Measured::collapsed,
        "Times a queue was collapsed.";
    "collapse_copied" Bytes Measured::collapse_copied,
        "Payload that collapses copied.";
    "collapse_stall_ns" Nanoseconds |m| m.collapse_stall().total_ns,
        "Time that collapses kept the processor from everything else (host.copy_rate).";
    "collapse_stall_longest_ns" Nanoseconds |m| m.collapse_stall().longest_ns,
        "The longest of these stalls.";
    "collapse_freed" Bytes Measured::collapse_freed,
        "Memory that collapses gave back, net of what they allocated.";
    "queue_delay_p50_ns" Nanoseconds |m| percentile(m.queue_delay(), 50),
        "Time that a data packet waited on the path, beyond the delay of the empty path and its own time at the path's rate: half of the packets waited no longer. Percentiles are nearest ranks, at most 1/64 too large.";
    "queue_delay_p90_ns" Nanoseconds |m| percentile(m.queue_delay(), 90),
        "The same for 90 % of the packets.";
    "queue_delay_p99_ns" Nanoseconds |m| percentile(m.queue_delay(), 99),
        "The same for 99 % of the packets.";
    "queue_delay_max_ns" Nanoseconds |m| m.queue_delay().max(),
        "The longest such wait, exactly.";
    "read_delay_p50_ns" Nanoseconds |m| percentile(m.read_delay(), 50),
        "Time from the moment a byte was in order until it was read: half of the bytes waited no longer. Percentiles are nearest ranks, at most 1/64 too large.";
    "read_delay_p90_ns" Nanoseconds |m| percentile(m.read_delay(), 90),
        "The same for 90 % of the bytes.";
    "read_delay_p99_ns" Nanoseconds |m| percentile(m.read_delay(), 99),
        "The same for 99 % of the bytes.";
    "read_delay_max_ns" Nanoseconds |m| m.read_delay().max(),
        "The longest such wait, exactly.";
    "fairness_permille" Permille |m| m.flows().and_then(|f| f.fairness_permille),
        "Jain's fairness index of what several connections received: 1000 if all received the same.";
    "end_ns" Nanoseconds |m| m.closing().time.as_nanos(),
        "Simulated time at the end of the run.";
};

const PEAK_DOCS: [&str; PEAKS.len()] = [
    "Most data in the receive queue.",
    "Most memory charged.",
    "Largest receive buffer.",
    "Largest rcv_ssthresh.",
    "Largest window left.",
    "Most memory charged beyond the receive buffer; negative if there was always room.",
];

/// Groups of counters: of both hosts together, as one network namespace counts, and of each.
const COUNTERS: [(&str, Side); 3] =
    [("counters", Side::Both), ("receiver_counters", Side::Receiver), ("sender_counters", Side::Sender)];

/// All metrics: the measures, then the groups.
static METRICS: LazyLock<Vec<Metric>> = LazyLock::new(|| {
    let measures = MEASURES.iter().map(|m| Metric {
        name: Cow::Borrowed(m.name),
        unit: m.unit,
        doc: m.doc,
        source: Source::Measure(m.value),
    });
    let last = final_columns().into_iter().map(|c| Metric {
        name: Cow::Owned(format!("final.{}", c.column().name)),
        unit: unit_of(c.column().unit),
        doc: c.column().meaning,
        source: Source::Final(c),
    });
    let peaks = PEAKS.iter().zip(PEAK_DOCS).enumerate().map(|(at, (name, doc))| Metric {
        name: Cow::Owned(format!("peak.{name}")),
        unit: MetricUnit::Bytes,
        doc,
        source: Source::Peak(at),
    });
    let counters = COUNTERS.iter().flat_map(|&(group, side)| {
        Counters::NAMES.iter().enumerate().map(move |(at, name)| Metric {
            name: Cow::Owned(format!("{group}.{name}")),
            unit: MetricUnit::Count,
            doc: "A counter, as nstat names it.",
            source: Source::Counter(side, at),
        })
    });
    let path = SURROUNDINGS.iter().enumerate().map(|(at, s)| Metric {
        name: Cow::Owned(format!("path.{}", s.name)),
        unit: s.unit,
        doc: s.doc,
        source: Source::Path(at),
    });
    let hosts = HOSTS.iter().enumerate().map(|(at, s)| Metric {
        name: Cow::Owned(format!("host.{}", s.name)),
        unit: s.unit,
        doc: s.doc,
        source: Source::Host(at),
    });
    measures.chain(last).chain(peaks).chain(path).chain(hosts).chain(counters).collect()
});

/// All metrics, whether or not a particular run has the number.
pub fn all() -> &'static [Metric] {
    &METRICS
}

/// The metric of this name. Counters may be named with or without `TcpExt` or `Tcp`, columns also as the recordings
/// name them.
pub fn find(name: &str) -> Option<&'static Metric> {
    let exact = |name: &str| all().iter().find(|m| m.name == name);
    exact(name).or_else(|| match name.split_once('.')? {
        ("final", column) => exact(&format!("final.{}", columns::find::<TraceRow>(column)?.column().name)),
        (group, counter) => ["TcpExt", "Tcp"].iter().find_map(|p| exact(&format!("{group}.{p}{counter}"))),
    })
}

/// The names of all metrics.
pub fn names() -> impl Iterator<Item = &'static str> {
    all().iter().map(|m| m.name.as_ref())
}

/// The columns that say something about the end of a run, the standard ones first: the socket's state, the time and
/// `acked`.
pub(crate) fn final_columns() -> Vec<FileColumn<TraceRow>> {
    let standard = |c: &FileColumn<TraceRow>| c.column().standard && c.column().class == Class::Compared;
    let mut list: Vec<_> = columns::all::<TraceRow>().filter(is_final).collect();
    list.sort_by_key(|c| !standard(c));
    list
}

fn is_final(c: &FileColumn<TraceRow>) -> bool {
    let of_the_end = matches!(c, FileColumn::State(_)) || matches!(c.column().name, "time_ns" | "acked");
    of_the_end && c.column().unit != columns::Unit::Text
}

const fn unit_of(unit: columns::Unit) -> MetricUnit {
    match unit {
        columns::Unit::Bytes | columns::Unit::Sequence => MetricUnit::Bytes,
        columns::Unit::Nanoseconds => MetricUnit::Nanoseconds,
        _ => MetricUnit::Count,
    }
}

/// All metrics as text, one line each; counters are not listed one by one.
pub fn reference() -> String {
    let mut out = String::new();
    for m in all().iter().filter(|m| !matches!(m.source, Source::Counter(..))) {
        let end = if matches!(m.source, Source::Final(_)) { "At the end: " } else { "" };
        out.push_str(&format!("{} ({}). {end}{}\n", m.name, m.unit.name(), m.doc));
    }
    out.push_str(
        "counters.NAME (count). A counter of both hosts together, under its nstat name.\n\
         receiver_counters.NAME, sender_counters.NAME (count). The same of one host.\n",
    );
    out
}
