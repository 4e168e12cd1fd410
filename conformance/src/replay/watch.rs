//! Gathers what the model did between two recorded lines.

use std::collections::VecDeque;

use sim_core::observer::{Observer, PruneStep, Queue, Rule, Transmit};
use sim_core::segment::Segment;
use sim_core::skb::Skb;
use sim_core::state::SocketState;
use sim_core::time::Now;

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

/// The observer of a replay.
#[derive(Clone, Default, Debug)]
pub(super) struct Watch {
    pub(super) since: SinceRow,
    /// Packets sent and not yet compared.
    pub(super) sent: VecDeque<(Transmit, SocketState)>,
}

impl Observer for Watch {
    fn segment(&mut self, _: Now, _: &Segment, _: &Skb, _: &SocketState) {}

    fn transmit(&mut self, _: Now, packet: &Transmit, state: &SocketState) {
        self.since.n_ack += 1;
        self.sent.push_back((*packet, *state));
    }

    fn rule(&mut self, _: Now, rule: Rule) {
        let s = &mut self.since;
        match rule {
            Rule::Merged { queue: Queue::Receive | Queue::OutOfOrder, .. } => s.coal_ok += 1,
            Rule::MergeRefused { queue: Queue::Receive | Queue::OutOfOrder, .. } => s.coal_fail += 1,
            Rule::Prune(PruneStep::Collapse { queue: Queue::Receive, .. }) => s.n_collapse += 1,
            Rule::Prune(PruneStep::Collapse { .. }) => s.n_collapse_ofo += 1,
            Rule::Prune(PruneStep::OfoPruned { .. }) => s.n_prune_ofo += 1,
            _ => {}
        }
    }
}
