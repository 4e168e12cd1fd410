//! The observer that measures.

use sim_core::counters::Counters;
use sim_core::observer::{DropReason, Observer, PruneStep, Queue, Rule, SendEvent, SenderState, Transmit};
use sim_core::segment::Segment;
use sim_core::seq::Seq;
use sim_core::skb::Skb;
use sim_core::state::SocketState;
use sim_core::time::{Now, SimDuration, SimTime};

use super::bursts::Bursts;
use super::histogram::Histogram;
use super::measured::{Measured, PEAKS, Socket};
use super::progress::{Progress, Waits};
use super::setup::Setup;
use super::stalls::Stall;
use crate::record::{Outcome, TraceRow, over_budget};

/// Measures a run, of several connections the first; give it to the engine as its observer, then call [`Meter::finish`].
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Meter {
    pub(super) setup: Setup,
    pub(super) packets: u64,
    pub(super) data_packets: u64,
    pub(super) acks: u64,
    pub(super) dropped: u64,
    pub(super) backlog_dropped: u64,
    pub(super) coalesced: u64,
    pub(super) collapsed: u64,
    pub(super) pruned: u64,
    pub(super) bytes_read: u64,
    pub(super) window_at_first_drop: Option<u32>,
    pub(super) truesize_first: Option<u32>,
    /// Payload and truesize of the segments that arrived with data.
    pub(super) payload: u64,
    pub(super) truesize: u64,
    pub(super) peak: Peaks,
    /// Data in the receive queue when most memory was charged.
    pub(super) payload_at_peak: i64,
    pub(super) collapse_copied: u64,
    pub(super) collapse_freed: i64,
    /// How long collapses kept the processor.
    pub(super) collapse_stall: Stall,
    pub(super) bursts: Bursts,
    /// When the receiver was full for the first time, and bursts until then.
    pub(super) full: Option<(SimTime, u64)>,
    pub(super) progress: Progress,
    pub(super) waits: Waits,
    /// How long packets waited on the path, ns.
    pub(super) queued: Histogram,
    pub(super) zero_window: Stall,
    pub(super) sending: Sending,
    pub(super) socket: Socket,
    /// `rcv_wup` of the first segment's state, from which `acked` counts.
    first_wup: Option<Seq>,
    /// What was left of the window when the latest segment arrived.
    window_left: u32,
    /// When the application had read the whole transfer.
    pub(super) all_read: Option<SimTime>,
    /// What happens now happens on another connection.
    elsewhere: bool,
}

/// The largest values seen, in the order of [`PEAKS`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Peaks(pub(super) [i64; PEAKS.len()]);

impl Default for Peaks {
    fn default() -> Self {
        Self([i64::MIN; PEAKS.len()])
    }
}

/// What is known of the writing end.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Sending {
    pub(super) first_data: Option<SimTime>,
    pub(super) bytes: u64,
    pub(super) bytes_again: u64,
    pub(super) rtt: Samples,
    pub(super) timeout: Stall,
    pub(super) sndbuf: Stall,
    /// How long each of these waits was, ns.
    pub(super) sndbuf_waits: Histogram,
    /// Those of them that a refusal of the host began.
    pub(super) refused: Stall,
    pub(super) rwnd: Stall,
    /// The last ACK that moved `snd_una`, or the first packet after everything was acknowledged.
    progress: Option<SimTime>,
}

impl Sending {
    /// The writer waits from `t` on, if it does not wait already; `refused`: for want of memory.
    fn wait(&mut self, t: SimTime, refused: bool) {
        self.sndbuf.begin(t);
        if refused {
            self.refused.begin(t);
        }
    }

    /// The writer goes on at `t`, if it waited.
    fn end_wait(&mut self, t: SimTime) {
        if let Some(ns) = self.sndbuf.end(t) {
            self.sndbuf_waits.add(ns, 1);
        }
        self.refused.end(t);
    }
}

/// Samples of which the mean and the deviation are wanted; microseconds.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Samples {
    pub(super) count: u64,
    pub(super) sum: u128,
    pub(super) squares: u128,
    pub(super) min: u32,
    pub(super) max: u32,
}

impl Samples {
    fn add(&mut self, us: u32) {
        self.min = if self.count == 0 { us } else { self.min.min(us) };
        self.max = self.max.max(us);
        self.count += 1;
        self.sum += u128::from(us);
        self.squares += u128::from(us) * u128::from(us);
    }
}

impl Meter {
    /// A meter for a run on this path.
    pub fn new(setup: Setup) -> Self {
        Self { setup, ..Self::default() }
    }

    /// Everything that a state says: called with every state that an event brings.
    fn see(&mut self, s: &SocketState) {
        if let Some((end, at)) = self.progress.see(s.rcv_nxt, self.setup.transfer) {
            self.waits.arrived(end, at);
        }
        self.note_peaks(s);
    }

    fn note_peaks(&mut self, s: &SocketState) {
        let seen = [
            s.recvq(),
            i64::from(s.rmem),
            i64::from(s.rcvbuf),
            i64::from(s.rcv_ssthresh),
            i64::from(s.win()),
            over_budget(s),
        ];
        if seen[1] > self.peak.0[1] {
            self.payload_at_peak = seen[0];
        }
        for (p, n) in self.peak.0.iter_mut().zip(seen) {
            *p = (*p).max(n);
        }
    }

    fn note_full(&mut self, now: SimTime, rcv_nxt: Seq) {
        if self.full.is_none() && self.progress.began().is_some() {
            self.full = Some((now, self.bursts.so_far(rcv_nxt)));
        }
    }

    /// Ends the run at `now` with this state and these counters of the receiver's and the sender's host.
    pub fn finish(
        mut self,
        now: SimTime,
        state: &SocketState,
        receiver: &Counters,
        sender: &Counters,
    ) -> Measured {
        self.see(state);
        self.bursts.finish(self.progress.seen());
        for stall in [&mut self.zero_window, &mut self.sending.timeout, &mut self.sending.rwnd] {
            stall.end(now);
        }
        self.sending.end_wait(now);
        let closing = TraceRow {
            idx: self.packets + 1,
            time: now,
            arrival: None,
            state: *state,
            acked: state.rcv_wup - self.first_wup.unwrap_or(state.rcv_wup),
            outcome: Outcome::default(),
        };
        Measured::new(self, closing, receiver.clone(), sender.clone())
    }
}

impl Observer for Meter {
    const WHOLE_STATE: bool = false;

    fn flow(&mut self, flow: u32) {
        self.elsewhere = flow != 0;
    }

    fn segment(&mut self, now: Now, seg: &Segment, skb: &Skb, state: &SocketState) {
        if self.elsewhere {
            return;
        }
        self.see(state);
        // A FIN takes a sequence number, which a later ACK without data begins after.
        let data_end = if seg.len > 0 { seg.seq + seg.len } else { Seq::default() };
        self.progress.segment(now.time, state.rcv_nxt, data_end);
        if self.packets == 0 {
            self.first_wup = Some(state.rcv_wup);
            self.socket.timestamps = seg.ts.is_some();
            self.waits.begin(state.rcv_nxt);
        }
        self.packets += 1;
        self.socket.last_segment = Some(now.time);
        self.window_left = state.win();
        if skb.len > 0 {
            self.data_packets += 1;
            self.socket.last_data = Some(now.time);
            self.truesize_first.get_or_insert(skb.buf.truesize);
            self.payload += u64::from(skb.len);
            self.truesize += u64::from(skb.buf.truesize);
            self.progress.data_begins(now.time, state.rcv_wnd, self.setup.rtt);
            let gap = SimDuration::from_nanos(self.setup.rtt.as_nanos() / 2);
            self.bursts.data_arrives(now.time, self.progress.seen(), gap);
        }
    }

    fn transmit(&mut self, now: Now, packet: &Transmit, state: &SocketState) {
        if self.elsewhere {
            return;
        }
        self.see(state);
        self.acks += 1;
        self.progress.offered(now.time, packet.window);
        self.zero_window.set(packet.window == 0, now.time);
        if packet.window == 0 {
            self.note_full(now.time, self.progress.seen());
        }
    }

    fn sent(&mut self, now: Now, seg: &Segment, state: &SenderState) {
        if self.elsewhere || seg.len == 0 {
            return;
        }
        let s = &mut self.sending;
        s.first_data.get_or_insert(now.time);
        s.bytes += u64::from(seg.len);
        if seg.seq < state.snd_nxt {
            s.bytes_again += u64::from(seg.len);
        }
        if state.packets_out == 0 {
            s.progress = Some(now.time);
        }
    }

    fn sending(&mut self, now: Now, event: SendEvent) {
        if self.elsewhere {
            return;
        }
        let s = &mut self.sending;
        match event {
            SendEvent::Acked => {
                s.timeout.end(now.time);
                s.progress = Some(now.time);
            }
            SendEvent::Rtt { us } => s.rtt.add(us),
            SendEvent::Timeout => s.timeout.begin(s.progress.unwrap_or(now.time)),
            SendEvent::Pushed { window } => s.rwnd.set(window, now.time),
            SendEvent::Wrote { began, asked, took, refused } => {
                if took > 0 {
                    s.end_wait(began);
                }
                if took < asked {
                    s.wait(now.time, refused);
                }
            }
            SendEvent::WaitsForRoom { refused } => s.wait(now.time, refused),
        }
    }

    fn crossed(&mut self, now: Now, sent: SimTime, wire_bytes: u32) {
        if self.elsewhere {
            return;
        }
        let empty = self.setup.delay.as_nanos() + self.setup.transmission_ns(wire_bytes);
        self.queued.add(now.time.since(sent).as_nanos().saturating_sub(empty), 1);
    }

    fn read(&mut self, now: Now, bytes: u32, state: &SocketState) {
        if self.elsewhere {
            return;
        }
        self.see(state);
        self.bytes_read += u64::from(bytes);
        self.waits.read(now.time, state.copied_seq);
        if self.all_read.is_none() && self.setup.transfer.is_some_and(|all| self.bytes_read >= all) {
            self.all_read = Some(now.time);
        }
    }

    fn rule(&mut self, now: Now, rule: Rule) {
        if self.elsewhere {
            return;
        }
        if let Rule::Dropped { reason: DropReason::Backlog, .. } = rule {
            self.backlog_dropped += 1;
            return;
        }
        // Before the first segment nothing happens that a trace would show.
        if self.packets == 0 {
            return;
        }
        match rule {
            Rule::Merged { queue: Queue::Receive | Queue::OutOfOrder, .. } => self.coalesced += 1,
            Rule::Prune(PruneStep::Called) => self.pruned += 1,
            Rule::Prune(PruneStep::Collapse { rmem_before, rmem_after, copied, stall, .. }) => {
                self.collapsed += 1;
                self.collapse_stall.note(stall.as_nanos());
                self.collapse_copied += u64::from(copied);
                self.collapse_freed += i64::from(rmem_before) - i64::from(rmem_after);
            }
            Rule::Dropped { reason, .. } if !reason.is_redundant() => {
                self.dropped += 1;
                let left = self.window_left;
                self.window_at_first_drop.get_or_insert(left);
                // What the stream has gained so far is not known here; the segment itself adds nothing.
                self.note_full(now.time, self.progress.seen());
            }
            _ => {}
        }
    }
}
