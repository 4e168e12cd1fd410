//! Whole skbs at once: a large `send` into a buffer that nothing leaves.
//!
//! While a window is full, a `send` does the same for skb after skb: it reserves the head, copies up to the end of the
//! page fragment and then the rest, and every half of the peer's largest window it tries to send and cannot. If the host
//! has plenty of memory, nobody's answer depends on what came before, and only sums remain. They are made here, and
//! come to what [`Sender::write_some`] does step by step; an observer with [`Observer::STEPWISE`] gets the steps.
//!
//! The costs of an skb depend on where in page fragments its payload lies. As soon as it lies as an earlier one did, all that
//! follows is a repetition: the sums are multiplied, and the skbs are kept as one run ([`super::unsent`]).

use super::costs::Costs;
use super::unsent::SkbRun;
use super::write::SKBS_BETWEEN_FLUSHES;
use super::write_queue::{PAGE_FRAG, WriteQueue};
use super::{Sender, tso};
use crate::observer::{Observer, SendEvent};
use crate::receiver::{PAGE, Receiver, SendAccount};
use crate::send_half::Cx;
use crate::time::{SimDuration, SimTime};

/// Which window is full, whatever is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Full {
    Peer,
    Congestion,
}

/// A state from which everything repeats itself once as many bytes of a page fragment are used again: how many were, how
/// many skbs had been filled, when, and how many page fragments had been begun.
#[derive(Clone, Copy, Debug)]
struct Mark {
    used: u32,
    skbs: u32,
    time: SimTime,
    frags: u64,
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
        let Some(full) = self.full_window() else { return false };
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
        let (mut next_push, mut last_push) = (push_after, None);
        let (mut now, mut end, mut used) = (cx.now.time, first, self.queue.frag_used());
        let (mut filled, mut skbs) = (0, u32::from(self.writing.skbs));
        let mut frags = self.queue.frags_begun();
        // What is not yet charged: how many skbs, and where the first of them begins. No bytes of a fragment are given up in
        // between, so that the next fragment begins where the present one ends.
        let mut next_frag = if used == 0 { end } else { end + (PAGE_FRAG - used) };
        let (mut uncharged, mut gives_up) = ((0, used), false);
        let mut frags_before = frags;
        let mut mark: Option<Mark> = None;
        let mut begun = Mark { used, skbs: 0, time: now, frags };
        loop {
            if skbs == FLUSH {
                // The backlog is due; nothing can be in it, or else this ends.
                if rx.backlog_waiting() > 0 || now >= self.writing.undisturbed {
                    break;
                }
                rx.drain_done();
                skbs = 0;
            }
            if gives_up {
                // Bytes of a fragment were given up in the last skb, which is charged by itself.
                account.take_skbs([head, goal], uncharged.0 - 1, uncharged.1);
                account.take_skbs([head, goal], 1, begun.used);
                (uncharged, mark, gives_up) = ((0, used), None, false);
            }
            begun = Mark { used, skbs: filled, time: now, frags };
            let mut left = goal;
            while left > 0 {
                if WriteQueue::gives_up(used) {
                    gives_up = true;
                    self.queue.begin_frags(next_frag, (frags - frags_before) as u32);
                    (next_frag, frags_before) = (end, frags);
                }
                let n = WriteQueue::piece(&mut used, left);
                now += costs.copy(n);
                if used == n {
                    now += costs.fragment(frags);
                    frags += 1;
                }
                (left, end) = (left - n, end + n);
            }
            uncharged.0 += 1;
            if filled == next_push {
                next_push = next_push.saturating_add(push_every);
                last_push = Some(now);
                if O::ACTIVE {
                    let window = full == Full::Peer;
                    cx.obs.sending(clock.after(cx.now, now), SendEvent::Pushed { window });
                }
            }
            (filled, skbs) = (filled + 1, skbs + 1);
            if filled == most {
                break;
            }
            match mark {
                _ if gives_up => {}
                None if O::ACTIVE || frags < Costs::FRAGMENTS_AT_HAND => {}
                None => mark = Some(Mark { used, skbs: filled, time: now, frags }),
                Some(m) if m.used == used => {
                    // From here on it is what it was from there on: as often as leaves the last push, and the last skb, to be
                    // seen, and as nothing can have come.
                    let (period, took) = (filled - m.skbs, now.since(m.time));
                    let mut times = (most - filled).saturating_sub(push_every) / period;
                    if took > SimDuration::ZERO && self.writing.undisturbed != SimTime::NEVER {
                        let left = self.writing.undisturbed.since(now).as_nanos();
                        times = times.min((left.saturating_sub(1) / took.as_nanos()).min(1 << 16) as u32);
                    }
                    let more = times * period;
                    if more > 0 && rx.backlog_waiting() == 0 {
                        uncharged.0 += more;
                        frags += (frags - m.frags) * u64::from(times);
                        now += SimDuration::from_nanos(took.as_nanos() * u64::from(times));
                        (end, filled) = (end + more * goal, filled + more);
                        if filled > next_push {
                            let over = (filled - next_push).div_ceil(push_every) * push_every;
                            next_push = next_push.saturating_add(over);
                        }
                        if skbs + more > FLUSH {
                            rx.drain_done();
                        }
                        skbs = (skbs + more - 1) % FLUSH + 1;
                    }
                    mark = None;
                }
                Some(_) => {}
            }
        }
        self.queue.begin_frags(next_frag, (frags - frags_before) as u32);
        // The last one says when pages were last had.
        account.take_skbs([head, goal], uncharged.0 - 1, uncharged.1);
        let Mark { mut used, mut time, frags: mut frag, .. } = begun;
        account.take(time, head);
        let mut left = goal;
        while left > 0 {
            let n = WriteQueue::piece(&mut used, left);
            account.take(time, n);
            time += costs.copy(n);
            if used == n {
                time += costs.fragment(frag);
                frag += 1;
            }
            left -= n;
        }
        let mut pushed = self.queue.pushed_seq;
        if let Some(after) = (filled - 1).checked_sub(push_after) {
            let ends_push = push_after + after / push_every * push_every;
            pushed = first + (ends_push + 1) * goal;
        }
        let run = SkbRun { first, len: goal, count: filled, push_after, push_every };
        self.queue.append_filled(run, used, pushed);
        self.writing.skbs = skbs as u8;
        (now, last_push, filled)
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
