//! Gathers what the model did, in the terms of a recording.

use sim_core::engine::RunOutcome;
use sim_core::observer::{Observer, PruneStep, Queue, Rule, SenderState, Transmit};
use sim_core::segment::Segment;
use sim_core::skb::Skb;
use sim_core::state::SocketState;
use sim_core::time::Now;

/// What happened since the previous row.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Counts {
    pub(super) coal_ok: u32,
    pub(super) coal_fail: u32,
    pub(super) n_collapse: u32,
}

/// A segment on its way into the socket, with the state before it; the last one is the closing row and has none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) segment: Option<(Segment, u32)>,
    pub(super) state: SocketState,
    pub(super) counts: Counts,
}

/// The maxima that a summary gives, over all rows.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Maxima {
    pub(super) recvq: i64,
    pub(super) rmem: i64,
    pub(super) rcv_ssthresh: i64,
    pub(super) win: i64,
    pub(super) rcvbuf: i64,
}

/// The observer of a run.
#[derive(Clone, Debug)]
pub(super) struct Trace {
    pub(super) rows: Vec<Row>,
    pub(super) acks: Vec<Segment>,
    pub(super) tx: Vec<(Segment, SenderState)>,
    pub(super) max: Maxima,
    since: Counts,
}

impl Trace {
    pub(super) fn new() -> Self {
        Self {
            rows: Vec::new(),
            acks: Vec::new(),
            tx: Vec::new(),
            max: Maxima::default(),
            since: Counts::default(),
        }
    }

    /// The run is over: the closing row.
    pub(super) fn close(&mut self, outcome: &RunOutcome) {
        self.row(None, outcome.receiver);
    }

    fn row(&mut self, segment: Option<(Segment, u32)>, state: SocketState) {
        let m = &mut self.max;
        m.recvq = m.recvq.max(state.recvq());
        m.rmem = m.rmem.max(i64::from(state.rmem));
        m.rcv_ssthresh = m.rcv_ssthresh.max(i64::from(state.rcv_ssthresh));
        m.win = m.win.max(i64::from(state.win()));
        m.rcvbuf = m.rcvbuf.max(i64::from(state.rcvbuf));
        self.rows.push(Row { segment, state, counts: std::mem::take(&mut self.since) });
    }
}

impl Observer for Trace {
    fn segment(&mut self, _: Now, seg: &Segment, skb: &Skb, state: &SocketState) {
        self.row(Some((*seg, skb.buf.truesize)), *state);
    }

    fn transmit(&mut self, _: Now, packet: &Transmit, _: &SocketState) {
        self.acks.push(packet.seg);
    }

    fn sent(&mut self, _: Now, seg: &Segment, state: &SenderState) {
        self.tx.push((*seg, *state));
    }

    fn rule(&mut self, _: Now, rule: Rule) {
        let s = &mut self.since;
        match rule {
            Rule::Merged { queue: Queue::Receive | Queue::OutOfOrder, .. } => s.coal_ok += 1,
            Rule::MergeRefused { queue: Queue::Receive | Queue::OutOfOrder, .. } => s.coal_fail += 1,
            Rule::Prune(PruneStep::Collapse { queue: Queue::Receive, .. }) => s.n_collapse += 1,
            _ => {}
        }
    }
}
