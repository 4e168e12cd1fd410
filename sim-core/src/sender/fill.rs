//! Whole skbs at once: a large `send` into a buffer that nothing leaves.
//!
//! While a window is full, a `send` does the same for skb after skb: it reserves the head, copies up to the end of the
//! page fragment and then the rest, and every half of the peer's largest window it tries to send and cannot. If the host
//! has plenty of memory, nobody's answer depends on what came before, and only sums remain. They are made here, and
//! come to what [`Sender::write_some`] does step by step; an observer with [`Observer::STEPWISE`] gets the steps.

use super::write::SKBS_BETWEEN_FLUSHES;
use super::write_queue::WriteQueue;
use super::{Sender, tso};
use crate::observer::{Observer, SendEvent};
use crate::receiver::Receiver;
use crate::send_half::Cx;

/// Which window is full, whatever is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Full {
    Peer,
    Congestion,
}

impl Sender {
    /// Fills as many skbs of `goal` bytes as the call and the buffer have room for, all but the last of the call, if the
    /// last one is full and nothing can be sent. Returns whether there was any.
    pub(super) fn fill<O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        rx: &mut Receiver,
        goal: u32,
        max_frags: u16,
    ) -> bool {
        // Whatever the place in its first page fragment, an skb has slots for all of them.
        let fits = WriteQueue::most_frags(goal) <= u32::from(max_frags);
        if O::STEPWISE || !fits || self.writing.copied == 0 || self.writing.left <= goal {
            return false;
        }
        let Some(full) = self.full_window() else { return false };
        let room = u32::from(SKBS_BETWEEN_FLUSHES.saturating_sub(self.writing.skbs));
        let most = room.min((self.writing.left - 1) / goal);
        let (head, queued) = (self.queue.head(), self.queue.wmem_queued);
        let Some(mut account) = rx.send_account(&cx.host.memory, queued, most * (head + goal)) else {
            return false;
        };
        let (mut time, mut pushed) = (cx.now.time, None);
        let costs = self.costs;
        let mut filled = 0;
        while filled < most && self.has_memory() {
            account.take(time, head);
            let pushes = self.must_push_at(self.queue.write_seq + goal);
            self.queue.append_full(goal, pushes, |n, frags| {
                account.take(time, n);
                time += costs.copy(n);
                if frags > 0 {
                    time += costs.fragment(frags - 1);
                }
            });
            filled += 1;
            if pushes {
                pushed = Some(time);
                if O::ACTIVE {
                    let window = full == Full::Peer;
                    cx.obs.sending(self.clock.after(cx.now, time), SendEvent::Pushed { window });
                }
            }
        }
        rx.settle_account(cx, &account);
        if let Some(at) = pushed {
            self.spend(cx, at.since(cx.now.time));
            rx.refresh_clock(cx);
            if full == Full::Congestion {
                self.validate_cwnd(cx.now, true);
            }
        }
        self.spend(cx, time.since(cx.now.time));
        if filled > 0 {
            self.short_of_memory = false;
        }
        self.writing.skbs += filled as u8;
        self.writing.copied += filled * goal;
        self.writing.left -= filled * goal;
        filled > 0
    }

    /// The window that keeps the first unsent skb back, if every further attempt to send it comes to nothing and changes
    /// nothing but the clock and the judgement of the congestion window.
    fn full_window(&self) -> Option<Full> {
        // With nothing in flight a probe would be prepared; a paced packet waits for its time.
        if self.packets_out == 0 || self.pacing.is_some() {
            return None;
        }
        let skb = self.queue.unsent.front()?;
        if skb.segs == 0 || (skb.segs > 1 && skb.mss != self.mss) {
            return None;
        }
        let quota = self.cwnd_quota(skb);
        if quota == 0 {
            return Some(Full::Congestion);
        }
        if self.rules.tops_up {
            let (rate, rtt) = (self.pacing_rate, self.rtt.min_us());
            let most = tso::autosize(&self.rules, &self.sysctl, rate, rtt, self.gso_max, self.mss);
            if skb.len < quota.min(most).saturating_mul(self.mss) {
                return None;
            }
        }
        let first_end = if skb.len > self.mss { skb.seq + self.mss } else { skb.end_seq() };
        (first_end > self.end_of_window()).then_some(Full::Peer)
    }
}
