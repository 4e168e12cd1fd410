//! Whole skbs at once: a large `send` into a buffer that nothing leaves.
//!
//! While a window is full, a `send` does the same for skb after skb: it reserves the head, copies up to the end of the
//! page fragment and then the rest, and every half of the peer's largest window it tries to send and cannot. If the host
//! has plenty of memory, nobody's answer depends on what came before, and only sums remain. They are made here, and
//! come to what [`Sender::write_some`] does step by step; an observer with [`Observer::STEPWISE`] gets the steps.
//!
//! The costs of an skb depend on where in page fragments its payload lies. As soon as it lies as an earlier one did, all that
//! follows is a repetition: if nobody watches the sums are multiplied. The skbs are kept as one run ([`super::unsent`]).

use super::Sender;
use super::costs::Costs;
use super::unsent::SkbRun;
use super::write::SKBS_BETWEEN_FLUSHES;
use super::write_queue::{PAGE_FRAG, PAGE_FRAG_MIN, WriteQueue};
use crate::observer::{Observer, SendEvent};
use crate::receiver::{PAGE, Receiver, SendAccount};
use crate::send_half::Cx;
use crate::time::{SimDuration, SimTime};

/// Which window is full, whatever is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Full {
    Peer,
    Congestion,
}

/// How far the filling has come: bytes used of the present page fragment, fragments begun, and the time.
#[derive(Clone, Copy, Debug)]
struct Laid {
    used: u32,
    frags: u64,
    time: SimTime,
}

impl Laid {
    /// Lays the payload of an skb; no bytes of a fragment are given up.
    #[inline(always)]
    fn lay(&mut self, costs: &Costs, goal: u32) {
        self.time += costs.skb();
        let rest = PAGE_FRAG - self.used;
        if rest >= goal {
            self.used += goal;
            self.time += costs.copy(goal);
            return;
        }
        self.time += costs.copy(rest);
        let mut left = goal - rest;
        while left > 0 {
            self.used = left.min(PAGE_FRAG);
            self.time += costs.copy(self.used) + costs.fragment(self.frags);
            self.frags += 1;
            left -= self.used;
        }
    }

    /// The same for `count` skbs. Once the allocator has nothing at hand any more, everything repeats itself when as many
    /// bytes of a fragment are used again.
    fn lay_all(&mut self, costs: &Costs, goal: u32, count: u32) {
        let mut left = count;
        while left > 0 && self.frags < Costs::FRAGMENTS_AT_HAND {
            self.lay(costs, goal);
            left -= 1;
        }
        let period = PAGE_FRAG >> goal.trailing_zeros().min(PAGE_FRAG.trailing_zeros());
        if left >= 2 * period {
            let before = *self;
            (0..period).for_each(|_| self.lay(costs, goal));
            let times = u64::from(left / period - 1);
            let took = self.time.since(before.time).as_nanos();
            self.time += SimDuration::from_nanos(took * times);
            self.frags += (self.frags - before.frags) * times;
            left %= period;
        }
        (0..left).for_each(|_| self.lay(costs, goal));
    }
}

/// Whether nobody gives up the end of a page fragment, wherever skbs of `goal` bytes begin after `used` bytes of one: what is
/// left of it is nothing or enough.
fn uses_all(goal: u32, used: u32) -> bool {
    (goal | used).is_multiple_of(PAGE_FRAG_MIN)
}

/// Skbs between two flushes of the backlog.
const FLUSH: u32 = SKBS_BETWEEN_FLUSHES as u32;

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
        // Whatever the place in its first page fragment, an skb has slots for all of them. And it takes more than a page: if
        // any of several takes new pages, so does the last.
        let fits = WriteQueue::most_frags(goal) <= u32::from(max_frags) && goal >= PAGE.unsigned_abs();
        let whole_call =
            self.writing.copied > 0 && self.writing.left > goal && self.writing.preempted.is_none();
        if O::STEPWISE || !fits || !whole_call {
            return false;
        }
        // SACK blocks make segments smaller, and a driver's call has a buffer without end.
        if rx.sack_option_len() > 0 || self.writing.known {
            return false;
        }
        let room = u32::from(SKBS_BETWEEN_FLUSHES.saturating_sub(self.writing.skbs));
        let whole = self.queue.head() + goal;
        let mut most = ((self.writing.left - 1) / goal).min(self.may_begin(goal));
        if room.min(most) == 0 {
            return false;
        }
        let Some(full) = self.full_window(self.mss) else { return false };
        let queued = self.queue.wmem_queued;
        let mut account = rx.send_account(&cx.host.memory, queued, u64::from(most) * u64::from(whole));
        if account.is_none() {
            most = most.min(room);
            account = rx.send_account(&cx.host.memory, queued, u64::from(most) * u64::from(whole));
        }
        let Some(mut account) = account else { return false };
        let (time, pushed, filled) = self.fill_skbs(cx, rx, &mut account, [goal, most], full);
        rx.settle_account(cx, &account);
        if let Some(at) = pushed {
            self.spend(cx, at.since(cx.now.time));
            rx.refresh_clock(cx);
            if full == Full::Congestion {
                self.validate_cwnd(cx.now, true);
            }
        }
        self.spend(cx, time.since(cx.now.time));
        self.short_of_memory = false;
        self.writing.copied += filled * goal;
        self.writing.left -= filled * goal;
        true
    }

    /// Fills up to `most` skbs of `goal` bytes, as many as there are before something may come into the backlog; returns
    /// when they are full, when the last push was, if there was one, and how many they are.
    fn fill_skbs<O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        rx: &mut Receiver,
        account: &mut SendAccount,
        [goal, most]: [u32; 2],
        full: Full,
    ) -> (SimTime, Option<SimTime>, u32) {
        let (head, half_window) = (self.queue.head(), self.window.max_window >> 1);
        let (costs, clock, first) = (self.costs, self.clock, self.queue.write_seq);
        let unpushed = self.queue.pushed_seq + half_window - first;
        let push_after = unpushed.max(0) as u64 / u64::from(goal);
        let push_after = u32::try_from(push_after).unwrap_or(u32::MAX);
        let push_every = half_window / goal + 1;
        let start = Laid { used: self.queue.frag_used(), frags: self.queue.frags_begun(), time: cx.now.time };
        if !O::ACTIVE && uses_all(goal, start.used) && rx.backlog_waiting() == 0 {
            let mut laid = start;
            if laid.used == 0 {
                laid.used = PAGE_FRAG;
            }
            // Up to the last push, then up to the last skb: that one says when pages were last had.
            let last = most - 1;
            let pushes = last.checked_sub(push_after).map(|over| over / push_every);
            let push = pushes.map(|n| push_after + n * push_every);
            let pushing = |n| SimDuration::from_nanos(costs.push().as_nanos() * u64::from(n));
            laid.time += pushing(pushes.unwrap_or(0));
            let ended = push.filter(|at| *at < last).map(|at| {
                laid.lay_all(&costs, goal, at + 1);
                laid.time
            });
            if ended.is_some() {
                laid.time += costs.push();
            }
            laid.lay_all(&costs, goal, last - push.filter(|at| *at < last).map_or(0, |at| at + 1));
            if laid.time < self.writing.undisturbed {
                account.take_skbs([head, goal], last, start.used);
                let next_frag = first + (PAGE_FRAG - start.used) % PAGE_FRAG;
                self.charge_last(account, goal, &mut laid);
                self.queue.begin_frags(next_frag, (laid.frags - start.frags) as u32);
                let skbs = u32::from(self.writing.skbs) + most;
                if skbs > FLUSH {
                    rx.drain_done();
                }
                self.writing.skbs = ((skbs - 1) % FLUSH + 1) as u8;
                let run = SkbRun { first, len: goal, count: most, push_after, push_every };
                self.queue.append_filled(run, laid.used);
                let pushed = push.map(|_| ended.unwrap_or(laid.time));
                let end = if push == Some(last) { laid.time + costs.push() } else { laid.time };
                return (end, pushed, most);
            }
        }
        let (mut next_push, mut last_push) = (push_after, None);
        let (mut now, mut end, mut used) = (start.time, first, start.used);
        let (mut filled, mut skbs) = (0, u32::from(self.writing.skbs));
        let mut begun = start;
        loop {
            if skbs == FLUSH {
                // The backlog is due; nothing can be in it, or else this ends.
                if rx.backlog_waiting() > 0 || now >= self.writing.undisturbed {
                    break;
                }
                rx.drain_done();
                skbs = 0;
            }
            if filled > 0 {
                account.take_skbs([head, goal], 1, begun.used);
            }
            begun = Laid { used, frags: self.queue.frags_begun(), time: now };
            now += costs.skb();
            let mut left = goal;
            while left > 0 {
                let n = WriteQueue::piece(&mut used, left);
                now += costs.copy(n);
                if used == n {
                    now += costs.fragment(self.queue.frags_begun());
                    self.queue.begin_frags(end, 1);
                }
                (left, end) = (left - n, end + n);
            }
            if filled == next_push {
                next_push = next_push.saturating_add(push_every);
                last_push = Some(now);
                if O::ACTIVE {
                    let window = full == Full::Peer;
                    let mut then = cx.now;
                    clock.read_on(&mut then, now);
                    cx.obs.sending(then, SendEvent::Pushed { window });
                }
                now += costs.push();
            }
            (filled, skbs) = (filled + 1, skbs + 1);
            if filled == most {
                break;
            }
        }
        self.charge_last(account, goal, &mut begun);
        let run = SkbRun { first, len: goal, count: filled, push_after, push_every };
        self.queue.append_filled(run, used);
        self.writing.skbs = skbs as u8;
        (now, last_push, filled)
    }

    /// Charges the last of several skbs, piece by piece: it says when pages were last had.
    fn charge_last(&self, account: &mut SendAccount, goal: u32, laid: &mut Laid) {
        account.take(laid.time, self.queue.head());
        laid.time += self.costs.skb();
        let mut left = goal;
        while left > 0 {
            let n = WriteQueue::piece(&mut laid.used, left);
            account.take(laid.time, n);
            laid.time += self.costs.copy(n);
            if laid.used == n {
                laid.time += self.costs.fragment(laid.frags);
                laid.frags += 1;
            }
            left -= n;
        }
    }

    /// How many skbs with `len` bytes of payload may be begun one after the other (see [`Sender::has_memory`]).
    fn may_begin(&self, len: u32) -> u32 {
        let queue = &self.queue;
        let buffer = self.sndbuf.saturating_sub(queue.wmem_queued).div_ceil(queue.head() + len);
        let notsent = queue.notsent(self.window.snd_nxt);
        buffer.min(self.notsent_lowat.saturating_sub(notsent).div_ceil(len))
    }

    /// The window that keeps the first unsent skb back, if every further attempt to send it in segments of `mss` bytes comes to
    /// nothing and changes nothing but the clock and the judgement of the congestion window.
    #[inline]
    pub(super) fn full_window(&self, mss: u32) -> Option<Full> {
        // With nothing in flight a probe would be prepared; a paced packet waits for its time.
        if self.packets_out == 0 || self.pacing.is_some() {
            return None;
        }
        let skb = self.queue.unsent.front()?;
        if skb.segs == 0 || (skb.segs > 1 && skb.mss != mss) {
            return None;
        }
        let quota = self.cwnd_quota(skb);
        if quota == 0 {
            return Some(Full::Congestion);
        }
        if self.rules.tops_up && skb.len < quota.min(self.most_segs(mss)).saturating_mul(mss) {
            return None;
        }
        (skb.first_end(mss) > self.end_of_window()).then_some(Full::Peer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skbs_laid_in_periods_lie_and_cost_as_those_laid_one_by_one() {
        let costs = Costs::of(24_601, 32_240, 34_300);
        for goal in [32_768, 49_152, 61_440, 65_536, 40_960, 33_280] {
            for count in [1, 2, 3, 17, 64, 130, 257] {
                for (used, frags) in [(32_768, 0), (512, 1), (16_384, 7)] {
                    let start = Laid { used, frags, time: SimTime::ZERO };
                    let (mut all, mut each) = (start, start);
                    all.lay_all(&costs, goal, count);
                    (0..count).for_each(|_| each.lay(&costs, goal));
                    let seen = |l: Laid| (l.used, l.frags, l.time);
                    assert_eq!(seen(all), seen(each), "{count} skbs of {goal} bytes after {start:?}");
                }
            }
        }
    }
}
