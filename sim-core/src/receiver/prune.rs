//! What happens at the limit: raise the budget, compact, drop out-of-order data, give up.

use super::Receiver;
use super::memory::NoMemory;
use super::rbtree::NIL;
use crate::observer::{Observer, PruneStep, Queue, Rule};
use crate::send_half::Cx;
use crate::skb::Skb;

impl Receiver {
    /// Makes room for `incoming` by force (`tcp_prune_queue`).
    pub(super) fn prune<O: Observer>(&mut self, cx: &mut Cx<'_, O>, incoming: &Skb) -> Result<(), NoMemory> {
        if self.kernel.prune_fails_when_empty && self.rmem == 0 {
            // Nothing is charged, so nothing can be pruned.
            return Err(NoMemory);
        }
        cx.host.counters.prune_called += 1;
        cx.rule(|| Rule::Prune(PruneStep::Called));
        let at_limit =
            if self.kernel.clamp_on_ingest { !self.can_ingest(incoming) } else { self.rmem >= self.rcvbuf };
        if at_limit {
            self.clamp_budget(cx);
        } else if cx.host.memory.under_pressure() {
            self.cut_ssthresh_under_pressure();
        }
        if self.can_ingest(incoming) {
            return Ok(());
        }
        self.collapse_ofo_queue(cx);
        if !self.queue.is_empty() {
            self.collapse_receive_queue(cx);
        }
        if self.kernel.idle_reclaims {
            self.reclaim(cx);
        }
        if self.can_ingest(incoming) {
            return Ok(());
        }
        self.prune_ofo(cx, incoming);
        if self.can_ingest(incoming) {
            return Ok(());
        }
        cx.host.counters.rcv_pruned += 1;
        cx.rule(|| Rule::Prune(PruneStep::Failed));
        self.pred_flags = 0;
        Err(NoMemory)
    }

    /// Raises an autotuned budget to what is in use; if that is not enough, cuts `rcv_ssthresh`
    /// (`tcp_clamp_window`).
    fn clamp_budget<O: Observer>(&mut self, cx: &mut Cx<'_, O>) {
        self.ack.quick = 0;
        let max = self.sysctl.tcp_rmem[2].min(i32::MAX as u32) as i32;
        if self.rcvbuf < max
            && !self.rcvbuf_locked()
            && !cx.host.memory.under_pressure()
            && cx.host.memory.allocated < cx.host.memory.low as i64
        {
            self.rcvbuf = self.rmem.min(max);
            let rcvbuf = self.rcvbuf;
            cx.rule(|| Rule::Prune(PruneStep::BudgetRaised { rcvbuf }));
        }
        if self.rmem > self.rcvbuf {
            self.rcv_ssthresh = self.window_clamp.min(2 * self.advmss);
            let rcv_ssthresh = self.rcv_ssthresh;
            cx.rule(|| Rule::Prune(PruneStep::SsthreshCut { rcv_ssthresh }));
        }
    }

    /// Under memory pressure the window grows no further than four segments (`tcp_adjust_rcv_ssthresh`).
    pub(super) fn cut_ssthresh_under_pressure(&mut self) {
        self.rcv_ssthresh = self.rcv_ssthresh.min(4 * self.advmss);
    }

    /// Drops out-of-order skbs from the highest down, an eighth of the budget at a time
    /// (`tcp_prune_ofo_queue`). Returns whether anything was, or counts as, pruned.
    pub(super) fn prune_ofo<O: Observer>(&mut self, cx: &mut Cx<'_, O>, incoming: &Skb) -> bool {
        let rmem_before = self.rmem;
        let spares = self.kernel.prune_ofo_spares_older;
        let mut pruned = !spares && !self.ofo.is_empty();
        let portion = self.rcvbuf >> 3;
        let mut goal = portion;
        let mut n = self.ofo.last();
        while n != NIL {
            if spares && incoming.seq > self.ofo.get(n).seq {
                break;
            }
            pruned = true;
            let prev = self.ofo.prev(n);
            let skb = self.ofo.remove(n);
            goal -= skb.buf.truesize as i32;
            self.count_drop(&skb);
            self.uncharge(cx, skb.buf.truesize);
            if prev == NIL || goal <= 0 {
                if self.kernel.idle_reclaims {
                    self.reclaim(cx);
                }
                if self.can_ingest(incoming) && !cx.host.memory.under_pressure() {
                    break;
                }
                goal = portion;
            }
            n = prev;
        }
        if pruned {
            cx.host.counters.ofo_pruned += 1;
            if self.sack_ok {
                // The SACKs already sent are reneged on.
                self.reset_sacks();
            }
        }
        let rmem_after = self.rmem;
        cx.rule(|| Rule::Prune(PruneStep::OfoPruned { rmem_before, rmem_after }));
        pruned
    }

    /// Reports a collapse.
    pub(super) fn report_collapse<O: Observer>(
        &self,
        cx: &mut Cx<'_, O>,
        queue: Queue,
        rmem_before: i32,
        removed: u32,
        copied: u32,
    ) {
        let rmem_after = self.rmem;
        let stall = cx.host.copied(copied);
        cx.rule(|| {
            Rule::Prune(PruneStep::Collapse { queue, rmem_before, rmem_after, removed, copied, stall })
        });
    }
}
