//! Gathers what the model did between two recorded lines.

use std::collections::VecDeque;

use sim_core::observer::{Observer, PruneStep, Queue, Rule, Transmit};
use sim_core::segment::Segment;
use sim_core::seq::Seq;
use sim_core::skb::{MergeRefusal, Skb};
use sim_core::state::SocketState;
use sim_core::time::Now;

use crate::recording::{MergeWhy, RecordedQueue};

/// What happened since the previous row.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct SinceRow {
    pub(super) coal_ok: u32,
    pub(super) coal_fail: u32,
    pub(super) n_collapse: u32,
    pub(super) n_collapse_ofo: u32,
    pub(super) n_prune_ofo: u32,
    pub(super) n_ack: u32,
}

/// An attempt of the model to merge.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt {
    pub(super) queue: RecordedQueue,
    pub(super) seq: Seq,
    pub(super) refused: Option<MergeWhy>,
    pub(super) delta: u32,
}

/// The observer of a replay.
#[derive(Clone, Default, Debug)]
pub(super) struct Watch {
    pub(super) since: SinceRow,
    /// Packets sent and not yet compared.
    pub(super) sent: VecDeque<(Transmit, SocketState)>,
    /// For each of them the event that let it go.
    pub(super) causes: VecDeque<usize>,
    /// The event that is being replayed.
    pub(super) at: usize,
    /// Attempts to merge that are not compared yet.
    pub(super) merges: VecDeque<Attempt>,
}

impl Watch {
    /// The oldest packet that is not compared yet, the state it was sent in, and the event that let it go.
    pub(super) fn take_sent(&mut self) -> Option<(Transmit, SocketState, usize)> {
        let (packet, state) = self.sent.pop_front()?;
        Some((packet, state, self.causes.pop_front().unwrap_or(self.at)))
    }

    fn merge(&mut self, queue: Queue, seq: Seq, refused: Option<MergeRefusal>, delta: u32) {
        let queue = match queue {
            Queue::Receive => RecordedQueue::Receive,
            Queue::OutOfOrder => RecordedQueue::OutOfOrder,
            // Merges in the backlog are not recorded.
            Queue::Backlog => return,
        };
        let refused = refused.map(|why| match why {
            MergeRefusal::Gap => MergeWhy::Gap,
            MergeRefusal::Shared => MergeWhy::Shared,
            MergeRefusal::Frags | MergeRefusal::FragList => MergeWhy::Frags,
            MergeRefusal::Head => MergeWhy::Head,
        });
        if refused.is_some() {
            self.since.coal_fail += 1;
        } else {
            self.since.coal_ok += 1;
        }
        self.merges.push_back(Attempt { queue, seq, refused, delta });
    }
}

impl Observer for Watch {
    fn segment(&mut self, _: Now, _: &Segment, _: &Skb, _: &SocketState) {}

    fn transmit(&mut self, _: Now, packet: &Transmit, state: &SocketState) {
        self.since.n_ack += 1;
        self.sent.push_back((*packet, *state));
        self.causes.push_back(self.at);
    }

    fn rule(&mut self, _: Now, rule: Rule) {
        let s = &mut self.since;
        match rule {
            Rule::Merged { queue, delta, seq } => self.merge(queue, seq, None, delta),
            Rule::MergeRefused { queue, why, seq } => self.merge(queue, seq, Some(why), 0),
            Rule::Prune(PruneStep::Collapse { queue: Queue::Receive, .. }) => s.n_collapse += 1,
            Rule::Prune(PruneStep::Collapse { .. }) => s.n_collapse_ofo += 1,
            Rule::Prune(PruneStep::OfoPruned { .. }) => s.n_prune_ofo += 1,
            _ => {}
        }
    }
}
