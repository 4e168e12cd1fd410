//! What became of a run outside its sockets: the path and the devices, and the hosts. One table each, which metrics and
//! summary share.

use sim_core::engine::{BlockedTime, RunOutcome};
use sim_core::path::LinkStats;
use sim_core::time::SimDuration;

use crate::figures::Figures;
use crate::metrics::MetricUnit;

/// A figure of the surroundings.
pub struct Surrounding {
    /// Its name; as a metric `path.NAME`.
    pub name: &'static str,
    /// What it counts.
    pub unit: MetricUnit,
    /// What it is.
    pub doc: &'static str,
    value: fn(&RunOutcome) -> Option<u64>,
}

macro_rules! surroundings {
    ($($name:literal $unit:ident $get:expr, $doc:literal;)*) => {
        [$(Surrounding { name: $name, unit: MetricUnit::$unit, doc: $doc, value: $get }),*]
    };
}

fn queue_dropped(link: &LinkStats) -> Option<u64> {
    link.queue.as_ref().map(sim_core::path::QueueStats::dropped)
}

/// How many figures there are.
pub const COUNT: usize = 20;

/// The figures, in the order of `summary.json`. `forward` is the direction from the sender to the receiver.
pub static SURROUNDINGS: [Surrounding; COUNT] = surroundings! {
    "forward_sent" Count |o| Some(o.forward.sent),
        "Packets that entered the path; what an offload left in one piece is one, unless a queue cuts it.";
    "forward_delivered" Count |o| Some(o.forward.delivered),
        "Packets that left it at the other end.";
    "forward_lost" Count |o| Some(o.forward.lost),
        "Packets lost on it (netem loss).";
    "forward_over_limit" Count |o| Some(o.forward.over_limit),
        "Packets dropped because it was full (netem limit).";
    "forward_queue_dropped" Count |o| queue_dropped(&o.forward),
        "Packets that the queue in front of the rate dropped: because it was full, or by its law of delay.";
    "forward_queue_peak_packets" Count |o| o.forward.queue.as_ref().map(|q| q.max_packets),
        "Most packets that waited in it.";
    "forward_queue_peak_bytes" Bytes |o| o.forward.queue.as_ref().map(|q| q.max_bytes),
        "Most bytes that waited in it, with all headers.";
    "forward_duplicated" Count |o| Some(o.forward.duplicated),
        "Second copies made (netem duplicate).";
    "forward_reordered" Count |o| Some(o.forward.reordered),
        "Packets sent at once while others were delayed (netem reorder).";
    "reverse_sent" Count |o| Some(o.reverse.sent),
        "As forward_sent, on the way back.";
    "reverse_delivered" Count |o| Some(o.reverse.delivered),
        "As forward_delivered, on the way back.";
    "reverse_lost" Count |o| Some(o.reverse.lost),
        "As forward_lost, on the way back.";
    "reverse_over_limit" Count |o| Some(o.reverse.over_limit),
        "As forward_over_limit, on the way back.";
    "reverse_queue_dropped" Count |o| queue_dropped(&o.reverse),
        "As forward_queue_dropped, on the way back.";
    "reverse_queue_peak_packets" Count |o| o.reverse.queue.as_ref().map(|q| q.max_packets),
        "As forward_queue_peak_packets, on the way back.";
    "reverse_queue_peak_bytes" Bytes |o| o.reverse.queue.as_ref().map(|q| q.max_bytes),
        "As forward_queue_peak_bytes, on the way back.";
    "reverse_duplicated" Count |o| Some(o.reverse.duplicated),
        "As forward_duplicated, on the way back.";
    "reverse_reordered" Count |o| Some(o.reverse.reordered),
        "As forward_reordered, on the way back.";
    "rx_missed" Count |o| o.rings[1].map(|r| r.missed),
        "Frames that found the receiver's ring full (rx_missed_errors of ip -s link).";
    "rx_queue_dropped" Count |o| Some(o.input_queue_drops),
        "Packets that found the processor's input queue full (net.core.netdev_max_backlog; the second column of softnet_stat).";
};

/// How many figures there are of the hosts.
pub const HOST_COUNT: usize = 23;

/// The figures of the hosts, in the order of `summary.json`; as metrics `host.NAME`. Pages have 4096 bytes.
pub static HOSTS: [Surrounding; HOST_COUNT] = surroundings! {
    "receiver_pages" Count |o| pages(o.receiver_host.at_end.mem),
        "Pages of socket memory allocated on the receiver's host at the end, as its kernel sees them (mem of sockstat).";
    "receiver_pages_charged" Count |o| pages(o.receiver_host.charged),
        "The same in truth: from 6.0 on a processor holds changes of up to 255 pages back.";
    "receiver_pages_peak" Count |o| pages(o.receiver_host.peak),
        "Most pages that were charged at any time.";
    "receiver_pressure" Count |o| Some(o.receiver_host.under_pressure.into()),
        "1 if the receiver's host is under memory pressure at the end, otherwise 0.";
    "receiver_refusals" Count |o| Some(o.receiver_host.refusals),
        "Requests for pages that it refused.";
    "receiver_sockets" Count |o| Some(o.receiver_host.sockets),
        "Its TCP sockets at the end, the one that listens included (alloc of sockstat).";
    "receiver_orphans" Count |o| Some(o.receiver_host.at_end.census.orphan),
        "Its connections that no program holds any more, at the end (orphan of sockstat).";
    "receiver_orphans_peak" Count |o| Some(o.receiver_host.orphan_peak),
        "Most of them at any time.";
    "receiver_time_wait" Count |o| Some(o.receiver_host.at_end.census.time_wait),
        "Its records of connections in TIME-WAIT or FIN-WAIT-2 at the end (tw of sockstat).";
    "receiver_time_wait_peak" Count |o| Some(o.receiver_host.time_wait_peak),
        "Most of them at any time.";
    "sender_pages" Count |o| pages(o.sender_host.at_end.mem),
        "As receiver_pages, of the sender's host.";
    "sender_pages_charged" Count |o| pages(o.sender_host.charged),
        "As receiver_pages_charged, of the sender's host.";
    "sender_pages_peak" Count |o| pages(o.sender_host.peak),
        "As receiver_pages_peak, of the sender's host.";
    "sender_pressure" Count |o| Some(o.sender_host.under_pressure.into()),
        "As receiver_pressure, of the sender's host.";
    "sender_refusals" Count |o| Some(o.sender_host.refusals),
        "As receiver_refusals, of the sender's host.";
    "sender_sockets" Count |o| Some(o.sender_host.sockets),
        "As receiver_sockets, of the sender's host.";
    "sender_orphans" Count |o| Some(o.sender_host.at_end.census.orphan),
        "As receiver_orphans, of the sender's host.";
    "sender_orphans_peak" Count |o| Some(o.sender_host.orphan_peak),
        "As receiver_orphans_peak, of the sender's host.";
    "sender_time_wait" Count |o| Some(o.sender_host.at_end.census.time_wait),
        "As receiver_time_wait, of the sender's host.";
    "sender_time_wait_peak" Count |o| Some(o.sender_host.time_wait_peak),
        "As receiver_time_wait_peak, of the sender's host.";
    "writers_blocked_by_buffer_ns" Nanoseconds |o| blocked(o, |b| b.by_buffer),
        "Time that the writers of all connections together stood before a full send buffer.";
    "writers_blocked_by_memory_ns" Nanoseconds |o| blocked(o, |b| b.by_memory),
        "Time that they stood because their host refused memory (tcp_mem), or had made the send buffer smaller for want of it.";
    "writers_blocked_longest_ns" Nanoseconds |o| o.flows.iter().map(|f| f.blocked.longest.as_nanos()).max(),
        "The longest single wait of any of them, for either reason.";
};

fn pages(n: i64) -> Option<u64> {
    u64::try_from(n).ok()
}

fn blocked(o: &RunOutcome, of: fn(&BlockedTime) -> SimDuration) -> Option<u64> {
    Some(o.flows.iter().map(|f| of(&f.blocked).as_nanos()).sum())
}

/// The values of [`SURROUNDINGS`] and [`HOSTS`] in a run; `None` where a run has no such part, or no path at all.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Surround {
    path: [Option<u64>; COUNT],
    hosts: [Option<u64>; HOST_COUNT],
}

impl Default for Surround {
    /// Nothing is known.
    fn default() -> Self {
        Self { path: [None; COUNT], hosts: [None; HOST_COUNT] }
    }
}

impl Surround {
    /// Those of a run.
    pub fn of(outcome: &RunOutcome) -> Self {
        Self {
            path: std::array::from_fn(|at| (SURROUNDINGS[at].value)(outcome)),
            hosts: std::array::from_fn(|at| (HOSTS[at].value)(outcome)),
        }
    }

    /// The value of figure number `at` of the path.
    pub(crate) fn get(&self, at: usize) -> Option<i64> {
        self.path.get(at).copied().flatten().map(signed)
    }

    /// The value of figure number `at` of the hosts.
    pub(crate) fn of_hosts(&self, at: usize) -> Option<i64> {
        self.hosts.get(at).copied().flatten().map(signed)
    }

    /// Names and values of what the run has of a path.
    pub(crate) fn figures(&self) -> Figures {
        SURROUNDINGS.iter().enumerate().filter_map(|(at, s)| Some((s.name, self.get(at)?))).collect()
    }

    /// Names and values of what the run has of the hosts.
    pub(crate) fn host_figures(&self) -> Figures {
        HOSTS.iter().enumerate().filter_map(|(at, s)| Some((s.name, self.of_hosts(at)?))).collect()
    }
}

fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
