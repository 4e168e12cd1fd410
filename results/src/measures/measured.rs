//! What a run came to: every measure with its definition.

use sim_core::counters::Counters;
use sim_core::time::SimTime;

use super::bursts::Bursts;
use super::histogram::Histogram;
use super::meter::Meter;
use super::stalls::Stall;
use crate::flows::{FlowFigures, FlowsSummary};
use crate::record::TraceRow;
use crate::surroundings::Surround;

/// Names of the peaks, in the order of [`Measured::peak`].
pub const PEAKS: [&str; 6] = ["recv_q", "skmem_r", "skmem_rb", "rcv_ssthresh", "rcv_win", "over_budget"];

/// What `ss` shows of the receiving socket beside its state.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Socket {
    /// Whether the first segment carried timestamps.
    pub timestamps: bool,
    /// When the last segment arrived.
    pub last_segment: Option<SimTime>,
    /// When the last data arrived.
    pub last_data: Option<SimTime>,
}

/// A run that is over, as numbers. Bytes unless said otherwise; ratios are rounded down.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Measured {
    m: Meter,
    closing: TraceRow,
    receiver: Counters,
    sender: Counters,
    flows: Option<FlowsSummary>,
    surround: Surround,
}

impl Measured {
    pub(super) fn new(m: Meter, closing: TraceRow, receiver: Counters, sender: Counters) -> Self {
        Self { m, closing, receiver, sender, flows: None, surround: Surround::default() }
    }

    /// The same with what became of all connections, where there were several; the measures are those of the first.
    #[must_use]
    pub fn with_flows(self, flows: &[FlowFigures]) -> Self {
        Self { flows: FlowsSummary::new(flows), ..self }
    }

    /// The same with what became of path and devices.
    #[must_use]
    pub fn with_surroundings(self, surround: Surround) -> Self {
        Self { surround, ..self }
    }

    /// Path and devices; empty of a run that had none.
    pub const fn surround(&self) -> &Surround {
        &self.surround
    }

    /// All connections together, if there were several.
    pub const fn flows(&self) -> Option<&FlowsSummary> {
        self.flows.as_ref()
    }

    /// The socket at the end of the run.
    pub const fn closing(&self) -> &TraceRow {
        &self.closing
    }

    /// Counters of the receiver's host.
    pub const fn receiver(&self) -> &Counters {
        &self.receiver
    }

    /// Counters of the sender's host.
    pub const fn sender(&self) -> &Counters {
        &self.sender
    }

    /// What `ss` shows of the receiving socket beside its state.
    pub const fn socket(&self) -> &Socket {
        &self.m.socket
    }

    /// The largest values of all states seen (before each segment, at each packet sent and read, at the end), in
    /// the order of [`PEAKS`].
    pub const fn peak(&self) -> &[i64; PEAKS.len()] {
        &self.m.peak.0
    }

    /// Segments that reached the receiving socket.
    pub const fn packets(&self) -> u64 {
        self.m.packets
    }

    /// Those of them that carried data.
    pub const fn data_packets(&self) -> u64 {
        self.m.data_packets
    }

    /// Packets that the receiver sent.
    pub const fn acks(&self) -> u64 {
        self.m.acks
    }

    /// Segments that the receiving socket dropped although they held something new.
    pub const fn dropped(&self) -> u64 {
        self.m.dropped
    }

    /// Segments dropped before that: the backlog was full.
    pub const fn backlog_dropped(&self) -> u64 {
        self.m.backlog_dropped
    }

    /// skbs merged into an older one, in the receive and the out-of-order queue.
    pub const fn coalesced(&self) -> u64 {
        self.m.coalesced
    }

    /// Collapses of a queue.
    pub const fn collapsed(&self) -> u64 {
        self.m.collapsed
    }

    /// Calls of the prune procedure.
    pub const fn pruned(&self) -> u64 {
        self.m.pruned
    }

    /// What was left of the window when the first segment was dropped.
    pub const fn window_at_first_drop(&self) -> Option<u32> {
        self.m.window_at_first_drop
    }

    /// Truesize of the first segment with data.
    pub const fn truesize_first(&self) -> Option<u32> {
        self.m.truesize_first
    }

    /// Data that the socket took in order, read or not.
    pub fn fitted(&self) -> i64 {
        self.m.progress.taken()
    }

    /// Data that the application read.
    pub const fn bytes_read(&self) -> u64 {
        self.m.bytes_read
    }

    /// The bursts in which the data came.
    pub const fn bursts(&self) -> &Bursts {
        &self.m.bursts
    }

    // --- speed ----------------------------------------------------------------------------------------------

    /// Data read per time, bit/s: from the first data packet sent to the read that completed the transfer, or to the
    /// end of the run if it was not completed.
    pub fn goodput(&self) -> Option<u64> {
        bits_per_second(self.m.bytes_read, self.since_first_sent(self.m.all_read)?)
    }

    /// Data taken in order per time, bit/s: from the first data packet sent to the segment that completed the transfer,
    /// or to the end of the run if it was not completed.
    pub fn throughput(&self) -> Option<u64> {
        bits_per_second(self.fitted().unsigned_abs(), self.since_first_sent(self.m.progress.finished())?)
    }

    /// From the first data packet sent to `end` or the end of the run, ns.
    fn since_first_sent(&self, end: Option<SimTime>) -> Option<u64> {
        let first = self.m.sending.first_data?;
        Some(end.unwrap_or(self.closing.time).since(first).as_nanos())
    }

    /// What the path and the window allowed: the smaller of rate × time and of the windows offered, one in each
    /// round-trip time of the empty path. The time runs from one round-trip time before the first data arrived to the
    /// segment that completed the transfer, or to the end of the run. `None` if neither limits.
    pub fn capacity(&self) -> Option<u64> {
        self.m.progress.capacity(self.closing.time, self.m.setup.rate_bps)
    }

    /// Data taken in order per 1000 bytes of [`Measured::capacity`]. Headers use up rate, so that a path that is
    /// full of 1448-byte segments comes to some 960.
    pub fn utilisation_permille(&self) -> Option<i64> {
        permille(self.fitted(), self.capacity()?.try_into().ok()?)
    }

    /// From the arrival of the first data until the receiver was full for the first time, ns: it offered a window of
    /// zero, or dropped a segment with something new.
    pub fn fill_ns(&self) -> Option<u64> {
        let (full, _) = self.m.full?;
        Some(full.since(self.m.progress.began()?).as_nanos())
    }

    /// Bursts that had added data by then.
    pub fn fill_bursts(&self) -> Option<u64> {
        self.m.full.map(|(_, bursts)| bursts)
    }

    /// From the first data packet sent until the socket had taken the whole transfer, ns.
    pub fn finish_ns(&self) -> Option<u64> {
        self.since_first_sent(Some(self.m.progress.finished()?))
    }

    // --- stalls ---------------------------------------------------------------------------------------------

    /// Times without a window: from a packet of the receiver that offers none to the next that does.
    pub const fn zero_window(&self) -> &Stall {
        &self.m.zero_window
    }

    /// Waits for the retransmission timer: from the last ACK with something new (or the first packet sent after
    /// everything was acknowledged) before a timeout to the next such ACK. Several timeouts in a row are one wait.
    pub const fn timeout(&self) -> &Stall {
        &self.m.sending.timeout
    }

    /// How long each single wait for room in the send buffer was, ns.
    pub const fn sndbuf_waits(&self) -> &Histogram {
        &self.m.sending.sndbuf_waits
    }

    /// Waits of the writer because the host refused memory.
    pub const fn refused(&self) -> &Stall {
        &self.m.sending.refused
    }

    /// How long collapses kept the processor from everything else.
    pub const fn collapse_stall(&self) -> &Stall {
        &self.m.collapse_stall
    }

    /// Times in which the writer waits for room in the send buffer: from a write that was cut short (or a poll
    /// that found the socket full) to the next write that gets something in.
    pub const fn sndbuf(&self) -> &Stall {
        &self.m.sending.sndbuf
    }

    /// Times in which the receiver's window keeps data back (`rwnd_limited` of `ss`): from the end of a
    /// transmission loop that the window stopped to the end of the next that it did not.
    pub const fn rwnd(&self) -> &Stall {
        &self.m.sending.rwnd
    }

    // --- round trips and repetitions ------------------------------------------------------------------------

    /// Samples of the round-trip time that the sender took.
    pub const fn rtt_samples(&self) -> u64 {
        self.m.sending.rtt.count
    }

    /// The smallest and the largest of them, ns.
    pub fn rtt_range_ns(&self) -> Option<(u64, u64)> {
        let r = &self.m.sending.rtt;
        (r.count > 0).then(|| (u64::from(r.min) * 1_000, u64::from(r.max) * 1_000))
    }

    /// Their mean, ns.
    pub fn rtt_mean_ns(&self) -> Option<u64> {
        let r = &self.m.sending.rtt;
        (r.sum * 1_000).checked_div(u128::from(r.count)).and_then(|ns| u64::try_from(ns).ok())
    }

    /// Their standard deviation (of the samples themselves, not an estimate for more), ns.
    pub fn rtt_sd_ns(&self) -> Option<u64> {
        let r = &self.m.sending.rtt;
        let n = u128::from(r.count);
        // n² times the variance, exactly.
        let spread = n.checked_mul(r.squares)?.checked_sub(r.sum.checked_mul(r.sum)?)?;
        (spread.checked_mul(1_000_000)?.isqrt()).checked_div(n).and_then(|ns| u64::try_from(ns).ok())
    }

    /// Payload of all packets that the sender sent, repetitions included.
    pub const fn bytes_sent(&self) -> u64 {
        self.m.sending.bytes
    }

    /// Payload of packets sent again.
    pub const fn bytes_retrans(&self) -> u64 {
        self.m.sending.bytes_again
    }

    /// Segments sent again (`TcpRetransSegs` of the sender).
    pub const fn retransmissions(&self) -> u64 {
        self.sender.retrans_segs
    }

    // --- memory ---------------------------------------------------------------------------------------------

    /// Data in the receive queue per 1000 bytes charged, at the end; `None` if nothing is charged.
    pub fn payload_permille(&self) -> Option<i64> {
        permille(self.closing.state.recvq(), i64::from(self.closing.state.rmem))
    }

    /// The same when most memory was charged.
    pub fn payload_peak_permille(&self) -> Option<i64> {
        permille(self.m.payload_at_peak, self.m.peak.0[1])
    }

    /// Payload per 1000 bytes of truesize of the segments with data as they arrived, before any merge.
    pub fn payload_arrival_permille(&self) -> Option<i64> {
        permille(signed(self.m.payload), signed(self.m.truesize))
    }

    /// Merges per 1000 segments with data.
    pub fn coalesced_permille(&self) -> Option<i64> {
        permille(signed(self.m.coalesced), signed(self.m.data_packets))
    }

    /// Bytes of payload that collapses copied.
    pub const fn collapse_copied(&self) -> u64 {
        self.m.collapse_copied
    }

    /// Memory that collapses gave back, net of what they allocated.
    pub const fn collapse_freed(&self) -> i64 {
        self.m.collapse_freed
    }

    // --- delays ---------------------------------------------------------------------------------------------

    /// How long each byte waited from the moment it was in order until it was read, ns, weighed by bytes.
    pub const fn read_delay(&self) -> &Histogram {
        self.m.waits.delays()
    }

    /// How long each packet with data waited on the path, ns: from leaving the sender's socket until the receiver's host
    /// takes it off the path, less the delay of the empty path and the packet's own time at the path's rate. Jitter
    /// counts as waiting.
    pub const fn queue_delay(&self) -> &Histogram {
        &self.m.queued
    }
}

fn bits_per_second(bytes: u64, ns: u64) -> Option<u64> {
    let bits = u128::from(bytes) * 8 * 1_000_000_000;
    bits.checked_div(u128::from(ns)).and_then(|bps| u64::try_from(bps).ok())
}

/// `part` per 1000 of `whole`, rounded down.
fn permille(part: i64, whole: i64) -> Option<i64> {
    if whole <= 0 { None } else { part.checked_mul(1000).map(|p| p / whole) }
}

pub(crate) fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
