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
use crate::receiver::{PAGE, Receiver, SendAccount};
use crate::send_half::Cx;
use crate::seq::Seq;
use crate::time::SimTime;

/// Which window is full, whatever is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Full {
    Peer,
    Congestion,
}

/// Most page fragments that an skb filled here has.
const MOST_FRAGS: usize = 4;
/// Most skbs that are filled at once.
const MOST: usize = SKBS_BETWEEN_FLUSHES as usize;

/// Skbs that were filled: where in page fragments their payload lies.
#[derive(Debug)]
pub(super) struct Placed {
    /// How many there are, and the length of each.
    pub(super) count: u32,
    pub(super) len: u32,
    /// A bit for each that is the end of a push, and one after the last byte pushed.
    pub(super) pushes: u32,
    pub(super) pushed: Seq,
    /// Page fragments that they begin.
    pub(super) starts: [Seq; MOST * MOST_FRAGS],
    pub(super) begun: usize,
    /// Bytes used of the last one.
    pub(super) used: u32,
}

/// Charges `firsts.len()` skbs of `len` bytes, which others follow; they begin where so many bytes of a page fragment are
/// used. Pages come one piece after the other, which makes a difference only where the host passes them on.
#[inline(always)]
fn charge_early(account: &mut SendAccount, firsts: &[u32], head: u32, len: u32) {
    if account.take_together(firsts.len() as u32 * (head + len)) {
        return;
    }
    for used in firsts {
        if account.take_together(head + len) {
            continue;
        }
        account.take_early(head);
        let (mut used, mut left) = (*used, len);
        while left > 0 {
            let n = WriteQueue::piece(&mut used, left);
            account.take_early(n);
            left -= n;
        }
    }
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
        // Whatever the place in its first page fragment, an skb has slots for all of them. And it takes more than a page: if
        // any of several takes new pages, so does the last.
        let frags = WriteQueue::most_frags(goal);
        let fits = frags <= u32::from(max_frags).min(MOST_FRAGS as u32) && goal >= PAGE.unsigned_abs();
        if O::STEPWISE || !fits || self.writing.copied == 0 || self.writing.left <= goal {
            return false;
        }
        // SACK blocks make segments smaller, and a driver's call has a buffer without end.
        if rx.sack_option_len() > 0 || self.writing.known {
            return false;
        }
        let mut room = u32::from(SKBS_BETWEEN_FLUSHES.saturating_sub(self.writing.skbs));
        let whole = self.queue.head() + goal;
        let mut most = ((self.writing.left - 1) / goal).min(self.may_begin(goal));
        if room.min(most) == 0 {
            return false;
        }
        let Some(full) = self.full_window() else { return false };
        let queued = self.queue.wmem_queued;
        let mut account = rx.send_account(&cx.host.memory, queued, u64::from(most) * u64::from(whole));
        if account.is_none() {
            most = most.min(room);
            account = rx.send_account(&cx.host.memory, queued, u64::from(most) * u64::from(whole));
        }
        let Some(mut account) = account else { return false };
        let (mut time, mut pushed, mut filled) = (cx.now.time, None, 0);
        loop {
            let count = room.min(most - filled);
            pushed = self.fill_some(cx, &mut account, [goal, count], &mut time, full).or(pushed);
            filled += count;
            self.writing.skbs += count as u8;
            // The backlog is due, and nothing can be in it.
            let flushes = filled < most && rx.backlog_waiting() == 0 && time < self.writing.undisturbed;
            if !flushes {
                break;
            }
            rx.drain_done();
            self.writing.skbs = 0;
            room = u32::from(SKBS_BETWEEN_FLUSHES);
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
        self.short_of_memory = false;
        self.writing.copied += filled * goal;
        self.writing.left -= filled * goal;
        true
    }

    /// Fills `count` skbs of `goal` bytes from `time` on; returns when the last push was, if there was one.
    fn fill_some<O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        account: &mut SendAccount,
        [goal, count]: [u32; 2],
        time: &mut SimTime,
        full: Full,
    ) -> Option<SimTime> {
        let (head, half_window) = (self.queue.head(), self.window.max_window >> 1);
        let (costs, clock) = (self.costs, self.clock);
        let (mut now, mut last_push) = (*time, None);
        let (mut end, mut used, mut frags) =
            (self.queue.write_seq, self.queue.frag_used(), self.queue.frags_begun());
        let (mut pushes, mut pushed) = (0_u32, self.queue.pushed_seq);
        let mut firsts = [0; MOST];
        let (mut starts, mut begun) = ([Seq::FIRST; MOST * MOST_FRAGS], 0);
        for i in 0..count {
            let last = i + 1 == count;
            firsts[i as usize] = used;
            if last {
                charge_early(account, &firsts[..i as usize], head, goal);
                account.take(now, head);
            }
            let mut left = goal;
            while left > 0 {
                let n = WriteQueue::piece(&mut used, left);
                if last {
                    account.take(now, n);
                }
                now += costs.copy(n);
                if used == n {
                    now += costs.fragment(frags);
                    frags += 1;
                    starts[begun] = end;
                    begun += 1;
                }
                (left, end) = (left - n, end + n);
            }
            if end > pushed + half_window {
                pushed = end;
                pushes |= 1 << i;
                last_push = Some(now);
                if O::ACTIVE {
                    let window = full == Full::Peer;
                    cx.obs.sending(clock.after(cx.now, now), SendEvent::Pushed { window });
                }
            }
        }
        *time = now;
        self.queue.append_placed(&Placed { count, len: goal, pushes, pushed, starts, begun, used });
        last_push
    }

    /// How many skbs with `len` bytes of payload may be begun one after the other (see [`Sender::has_memory`]).
    fn may_begin(&self, len: u32) -> u32 {
        let queue = &self.queue;
        let buffer = self.sndbuf.saturating_sub(queue.wmem_queued).div_ceil(queue.head() + len);
        let notsent = queue.notsent(self.window.snd_nxt);
        buffer.min(self.notsent_lowat.saturating_sub(notsent).div_ceil(len))
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
