//! The observer that gathers a trace in memory.

use sim_core::counters::Counters;
use sim_core::observer::{DropReason, Observer, PruneStep, Queue, Rule, SendEvent, SenderState, Transmit};
use sim_core::segment::Segment;
use sim_core::seq::Seq;
use sim_core::skb::Skb;
use sim_core::state::SocketState;
use sim_core::time::{Now, SimTime};
use thiserror::Error;

use crate::measures::{Meter, Setup};
use crate::record::{AckRow, Arrival, Outcome, ReadRow, Trace, TraceRow, TxRecord};

/// Rows of one kind that a recorder holds unless told otherwise; a row of `trace.csv` takes about half a KiB.
pub const DEFAULT_ROW_LIMIT: usize = 5_000_000;

/// Why there is no trace. The run itself may have been sound.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum TraceError {
    /// More rows than the recorder may hold.
    #[error(
        "the trace has more than {limit} {kind}: shorten the run (stop.after, stop.packets) or run it without a trace"
    )]
    TooManyRows {
        /// What there is too much of: `segments`, `ACKs`, `reads` or `sent packets`.
        kind: &'static str,
        /// The limit that was reached.
        limit: usize,
    },
}

/// Gathers the rows of a run (of several connections those of the first), and measures it; give it to the engine as its
/// observer, then call [`TraceRecorder::finish`].
#[derive(Debug)]
pub struct TraceRecorder {
    rows: Vec<TraceRow>,
    acks: Vec<AckRow>,
    reads: Vec<ReadRow>,
    tx: Vec<TxRecord>,
    backlog_drops: u64,
    meter: Meter,
    /// `rcv_wup` of the first row, from which `acked` counts.
    first_wup: Option<Seq>,
    limit: usize,
    overflow: Option<TraceError>,
    /// What happens now happens on another connection.
    elsewhere: bool,
}

/// The memory of a trace's rows, which the next trace can use.
#[derive(Debug, Default)]
pub struct RowMemory {
    rows: Vec<TraceRow>,
    acks: Vec<AckRow>,
    reads: Vec<ReadRow>,
    tx: Vec<TxRecord>,
}

impl From<Trace> for RowMemory {
    fn from(trace: Trace) -> Self {
        let Trace { mut rows, mut acks, mut reads, mut tx, .. } = trace;
        rows.clear();
        acks.clear();
        reads.clear();
        tx.clear();
        Self { rows, acks, reads, tx }
    }
}

impl TraceRecorder {
    /// A recorder that holds up to [`DEFAULT_ROW_LIMIT`] rows of each kind.
    pub fn new(setup: Setup) -> Self {
        Self::with_limit(DEFAULT_ROW_LIMIT, setup)
    }

    /// A recorder that holds up to `limit` rows of each kind.
    pub fn with_limit(limit: usize, setup: Setup) -> Self {
        Self::made(RowMemory::default(), limit, setup)
    }

    /// A recorder as [`TraceRecorder::new`] makes it, in the memory of a trace that is no longer needed.
    pub fn in_memory_of(memory: RowMemory, setup: Setup) -> Self {
        Self::made(memory, DEFAULT_ROW_LIMIT, setup)
    }

    fn made(RowMemory { rows, acks, reads, tx }: RowMemory, limit: usize, setup: Setup) -> Self {
        Self {
            rows,
            acks,
            reads,
            tx,
            backlog_drops: 0,
            meter: Meter::new(setup),
            first_wup: None,
            limit,
            overflow: None,
            elsewhere: false,
        }
    }

    /// Whether a limit was reached: [`TraceRecorder::finish`] will fail, so the run can end now.
    pub const fn is_full(&self) -> bool {
        self.overflow.is_some()
    }

    /// Records a packet that the sender sent, for drivers that do not report it through [`Observer::sent`].
    pub fn tx(&mut self, record: TxRecord) {
        push(&mut self.tx, record, "sent packets", self.limit, &mut self.overflow);
    }

    /// Closes the trace with the state and the counters at the end of the run.
    ///
    /// # Errors
    /// [`TraceError::TooManyRows`] if rows had to be left out.
    pub fn finish(
        self,
        now: SimTime,
        state: &SocketState,
        receiver: &Counters,
        sender: &Counters,
    ) -> Result<Trace, TraceError> {
        if let Some(e) = self.overflow {
            return Err(e);
        }
        let measured = self.meter.finish(now, state, receiver, sender);
        Ok(Trace {
            rows: self.rows,
            closing: measured.closing().clone(),
            acks: self.acks,
            reads: self.reads,
            tx: self.tx,
            backlog_drops: self.backlog_drops,
            receiver: receiver.clone(),
            sender: sender.clone(),
            measured,
        })
    }

    fn after_idx(&self) -> u64 {
        self.rows.len() as u64
    }

    /// The outcome of the latest segment. Nothing is lost while there is none: the handshake merges, prunes and
    /// drops nothing.
    fn outcome(&mut self) -> Option<&mut Outcome> {
        if self.overflow.is_some() { None } else { self.rows.last_mut().map(|r| &mut r.outcome) }
    }
}

fn push<T>(rows: &mut Vec<T>, row: T, kind: &'static str, limit: usize, overflow: &mut Option<TraceError>) {
    if overflow.is_some() {
        return;
    }
    if rows.len() >= limit {
        *overflow = Some(TraceError::TooManyRows { kind, limit });
        return;
    }
    rows.push(row);
}

impl Observer for TraceRecorder {
    fn flow(&mut self, flow: u32) {
        self.elsewhere = flow != 0;
        self.meter.flow(flow);
    }

    fn segment(&mut self, now: Now, seg: &Segment, skb: &Skb, state: &SocketState) {
        self.meter.segment(now, seg, skb, state);
        if self.elsewhere {
            return;
        }
        let first = *self.first_wup.get_or_insert(state.rcv_wup);
        let row = TraceRow {
            idx: self.after_idx() + 1,
            time: now.time,
            arrival: Some(Arrival::new(seg, skb)),
            state: *state,
            acked: state.rcv_wup - first,
            outcome: Outcome::default(),
        };
        push(&mut self.rows, row, "segments", self.limit, &mut self.overflow);
    }

    fn transmit(&mut self, now: Now, packet: &Transmit, state: &SocketState) {
        self.meter.transmit(now, packet, state);
        if self.elsewhere {
            return;
        }
        let Transmit { seg, window, reason, payload: _ } = *packet;
        let row = AckRow {
            time: now.time,
            after_idx: self.after_idx(),
            flags: seg.flags,
            seq: seg.seq,
            ack: seg.ack,
            len: seg.len,
            window,
            win_raw: seg.window,
            ts: seg.ts,
            sack: seg.sacks(),
            reason,
            state: *state,
        };
        push(&mut self.acks, row, "ACKs", self.limit, &mut self.overflow);
        if let Some(o) = self.outcome() {
            o.acks_sent += 1;
        }
    }

    fn sending(&mut self, now: Now, event: SendEvent) {
        self.meter.sending(now, event);
    }

    fn crossed(&mut self, now: Now, sent: SimTime, wire_bytes: u32) {
        self.meter.crossed(now, sent, wire_bytes);
    }

    fn sent(&mut self, now: Now, seg: &Segment, state: &SenderState) {
        self.meter.sent(now, seg, state);
        if !self.elsewhere {
            self.tx(TxRecord::new(now.time, seg, state));
        }
    }

    fn read(&mut self, now: Now, bytes: u32, state: &SocketState) {
        self.meter.read(now, bytes, state);
        if self.elsewhere {
            return;
        }
        let row = ReadRow { time: now.time, after_idx: self.after_idx(), bytes, state: *state };
        push(&mut self.reads, row, "reads", self.limit, &mut self.overflow);
        if let Some(o) = self.outcome() {
            o.reads += 1;
            o.read_bytes += u64::from(bytes);
        }
    }

    fn rule(&mut self, now: Now, rule: Rule) {
        self.meter.rule(now, rule);
        if self.elsewhere {
            return;
        }
        // A segment that finds the backlog full never reaches the socket, so it has no row of its own and
        // must not be blamed on the row before it.
        if let Rule::Dropped { reason: DropReason::Backlog, .. } = rule {
            self.backlog_drops += 1;
            return;
        }
        let Some(o) = self.outcome() else { return };
        match rule {
            // Segments joined in the backlog arrive as one row; that is TCPBacklogCoalesce, not TCPRcvCoalesce.
            Rule::Merged { queue: Queue::Receive | Queue::OutOfOrder, .. } => o.coalesced += 1,
            Rule::MergeRefused { queue: Queue::Receive | Queue::OutOfOrder, .. } => o.merge_refused += 1,
            Rule::Prune(PruneStep::Called) => o.pruned += 1,
            Rule::Prune(PruneStep::Collapse { removed, .. }) => {
                o.collapsed += 1;
                o.skbs_collapsed += removed;
            }
            Rule::Prune(PruneStep::OfoPruned { .. }) => o.ofo_pruned += 1,
            // A duplicate is no loss; the counters of duplicates tell of it.
            Rule::Dropped { reason, .. } if reason.is_redundant() => {}
            Rule::Dropped { reason, .. } => {
                o.dropped += 1;
                o.drop_reason.get_or_insert(reason);
            }
            _ => {}
        }
    }
}
