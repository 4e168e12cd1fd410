//! What became of a run outside its sockets: the path and the devices. One table, which metrics and summary share.

use sim_core::engine::RunOutcome;
use sim_core::path::LinkStats;

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

/// The values of [`SURROUNDINGS`] in a run; `None` where a run has no such part, or no path at all.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Surround([Option<u64>; COUNT]);

impl Surround {
    /// Those of a run.
    pub fn of(outcome: &RunOutcome) -> Self {
        Self(std::array::from_fn(|at| (SURROUNDINGS[at].value)(outcome)))
    }

    /// The value of figure number `at`.
    pub(crate) fn get(&self, at: usize) -> Option<i64> {
        self.0.get(at).copied().flatten().map(|n| i64::try_from(n).unwrap_or(i64::MAX))
    }

    /// Names and values of what the run has.
    pub(crate) fn figures(&self) -> crate::figures::Figures {
        SURROUNDINGS.iter().enumerate().filter_map(|(at, s)| Some((s.name, self.get(at)?))).collect()
    }
}
