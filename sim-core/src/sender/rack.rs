//! RACK: losses by time (`tcp_recovery.c`, RFC 8985).

use super::Sender;
use super::loss_state::{AckFlags, CaState};
use super::output::TIMEOUT_MIN_US;
use super::timers::TimerKind;
use super::write_queue::TxSkb;
use crate::observer::Observer;
use crate::receiver::Receiver;
use crate::send_half::Cx;
use crate::seq::Seq;
use crate::time::SimTime;

/// Recoveries for which a widened window is kept (`TCP_RACK_RECOVERY_THRESH`).
const PERSIST: u8 = 16;
/// `tcp_recovery`: RACK is on.
const RACK_ON: u8 = 1;
/// `tcp_recovery`: the reordering window does not adapt.
const RACK_STATIC_WINDOW: u8 = 2;
/// `tcp_recovery`: the count of SACKed packets does not close the window.
const RACK_NO_DUPTHRESH: u8 = 4;

/// The most recently sent packet known to have arrived (`struct tcp_rack`).
#[derive(Clone, Copy, Debug)]
pub(super) struct Rack {
    sent_at: SimTime,
    end_seq: Seq,
    rtt_us: u32,
    pub(super) advanced: bool,
    /// Width of the reordering window, quarters of the smallest RTT (`reo_wnd_steps`).
    steps: u8,
    /// Recoveries until it is narrow again (`reo_wnd_persist`).
    pub(super) persist: u8,
    /// A DSACK after reordering waits to widen it (`dsack_seen`).
    pub(super) dsack_seen: bool,
    /// Deliveries when it was last widened.
    last_delivered: u32,
}

impl Default for Rack {
    fn default() -> Self {
        Self {
            sent_at: SimTime::ZERO,
            end_seq: Seq::default(),
            rtt_us: 0,
            advanced: false,
            steps: 1,
            persist: 0,
            dsack_seen: false,
            last_delivered: 0,
        }
    }
}

impl Rack {
    /// A recovery was undone because reordering had caused it (`tcp_try_undo_dsack`).
    pub(super) fn undone(&mut self) {
        self.persist = (self.persist + 1).min(PERSIST);
    }

    /// Whether what has arrived was sent after `skb` (`tcp_rack_sent_after`).
    fn is_later_than(&self, skb: &TxSkb) -> bool {
        (skb.sent_at, skb.end_seq()) < (self.sent_at, self.end_seq)
    }

    /// DSACKs widen the window, once per round trip (`tcp_rack_update_reo_wnd`). `before` is the count of deliveries
    /// when the packet was sent that this ACK delivered, `now` the present one.
    fn adapt(&mut self, before: u32, now: u32) {
        if before < self.last_delivered {
            self.dsack_seen = false;
        }
        if self.dsack_seen {
            self.steps = self.steps.saturating_add(1);
            self.dsack_seen = false;
            self.last_delivered = now;
            self.persist = PERSIST;
        } else if self.persist == 0 {
            self.steps = 1;
        }
    }
}

/// Microseconds from `sent` to `now`, on the kernel's microsecond clock (`tcp_stamp_us_delta`).
pub(super) fn age_us(now: SimTime, sent: SimTime) -> u32 {
    now.as_micros().saturating_sub(sent.as_micros()).min(u64::from(u32::MAX)) as u32
}

impl Sender {
    /// Whether losses are found by time.
    pub(super) fn uses_rack(&self) -> bool {
        self.sysctl.tcp_recovery & RACK_ON != 0
    }

    /// A packet sent at `sent_at` has arrived (`tcp_rack_advance`).
    pub(super) fn rack_advance(&mut self, now: SimTime, sent_at: SimTime, end: Seq, retransmitted: bool) {
        let rtt_us = age_us(now, sent_at);
        // A retransmission answered faster than the fastest RTT: the answer is to the original.
        if retransmitted && rtt_us < self.rtt.min_us() {
            return;
        }
        let r = &mut self.loss.rack;
        r.advanced = true;
        r.rtt_us = rtt_us;
        if (sent_at, end) > (r.sent_at, r.end_seq) {
            r.sent_at = sent_at;
            r.end_seq = end;
        }
    }

    /// How long RACK waits for reordered packets, microseconds (`tcp_rack_reo_wnd`).
    fn reordering_window_us(&self) -> u32 {
        if !self.loss.reordering_seen {
            let enough = self.loss.sacked_out >= self.loss.reordering
                && self.sysctl.tcp_recovery & RACK_NO_DUPTHRESH == 0;
            if self.loss.ca_state >= CaState::Recovery || enough {
                return 0;
            }
        }
        (self.rtt.min_us() >> 2).saturating_mul(u32::from(self.loss.rack.steps)).min(self.rtt.srtt8() >> 3)
    }

    /// What is left until a packet sent at `sent_at` counts as lost, microseconds (`tcp_rack_skb_timeout`).
    pub(super) fn rack_remaining_us(&self, now: SimTime, sent_at: SimTime, window_us: u32) -> i64 {
        i64::from(self.loss.rack.rtt_us) + i64::from(window_us) - i64::from(age_us(now, sent_at))
    }

    /// Adapts the reordering window after an ACK.
    pub(super) fn adapt_reordering_window(&mut self, flags: &AckFlags) {
        if self.sysctl.tcp_recovery & RACK_STATIC_WINDOW != 0 {
            return;
        }
        if let Some((_, _, before)) = flags.last_delivered {
            let now = self.loss.delivered;
            self.loss.rack.adapt(before, now);
        }
    }

    /// Marks what RACK believes lost; the time until it will know more, microseconds.
    fn rack_detect(&mut self, cx: &mut Cx<'_, impl Observer>, flags: &mut AckFlags) -> u32 {
        let window = self.reordering_window_us();
        #[cfg(debug_assertions)]
        let expected = self.rack_waits(cx.now.time, window);
        let wait = self.judge_sent_once(cx, window, flags).max(self.judge_sent_again(cx, window, flags));
        #[cfg(debug_assertions)]
        debug_assert_eq!(
            (wait, self.rack_waits(cx.now.time, window)),
            (expected, expected),
            "nobody is passed over"
        );
        wait
    }

    /// The longest time that any packet in flight still has, microseconds, found by looking at all of them.
    #[cfg(debug_assertions)]
    fn rack_waits(&self, now: SimTime, window: u32) -> u32 {
        let open =
            self.queue.rtx.iter().filter(|skb| skb.is_undecided() && self.loss.rack.is_later_than(skb));
        let left = open.map(|skb| self.rack_remaining_us(now, skb.sent_at, window));
        left.max().unwrap_or(0).max(0) as u32
    }

    /// Judges the packets that were sent once; the time until more will be known, microseconds.
    fn judge_sent_once(&mut self, cx: &mut Cx<'_, impl Observer>, window: u32, flags: &mut AckFlags) -> u32 {
        let from = self.loss.undecided.once_from;
        let mut i = self.queue.rtx.partition_point(|skb| skb.seq < from);
        let mut wait = 0;
        let mut open = None;
        while let Some(skb) = self.queue.rtx.get(i) {
            if !skb.marks.ever_retrans {
                if !self.loss.rack.is_later_than(skb) {
                    break;
                }
                let seq = skb.seq;
                let left = if skb.is_undecided() { self.judge(cx, i, window, flags) } else { 0 };
                if left > 0 {
                    wait = wait.max(left);
                    open.get_or_insert(seq);
                }
            }
            i += 1;
        }
        let next = self.queue.rtx.get(i).map_or(self.window.snd_nxt, |skb| skb.seq);
        self.loss.undecided.once_from = open.unwrap_or(next);
        wait
    }

    /// The same of those that were sent again.
    fn judge_sent_again(&mut self, cx: &mut Cx<'_, impl Observer>, window: u32, flags: &mut AckFlags) -> u32 {
        let mut wait = 0;
        let mut at = 0;
        while let Some(&r) = self.loss.undecided.again.get(at).filter(|r| r.sent_at <= self.loss.rack.sent_at)
        {
            let mut open = false;
            let mut i = self.queue.rtx.partition_point(|skb| skb.end_seq() <= r.seq);
            while let Some(skb) = self.queue.rtx.get(i).filter(|skb| skb.seq < r.end) {
                if skb.marks.ever_retrans && skb.is_undecided() {
                    let left = self.loss.rack.is_later_than(skb).then(|| self.judge(cx, i, window, flags));
                    open |= left != Some(0);
                    wait = wait.max(left.unwrap_or(0));
                }
                i += 1;
            }
            if open {
                at += 1;
            } else {
                self.loss.undecided.again.remove(at);
            }
        }
        wait
    }

    /// Judges one packet: the time that it still has, microseconds, or 0 if that is over and it is lost.
    fn judge(&mut self, cx: &mut Cx<'_, impl Observer>, i: usize, window: u32, flags: &mut AckFlags) -> u32 {
        let left = self.rack_remaining_us(cx.now.time, self.queue.rtx[i].sent_at, window);
        if left > 0 {
            return left as u32;
        }
        self.mark_lost(cx, i, flags);
        self.queue.rtx[i].marks.judged = true;
        0
    }

    /// `tcp_rack_mark_lost`: after an ACK that moved RACK's clock.
    pub(super) fn rack_mark_lost(&mut self, cx: &mut Cx<'_, impl Observer>, flags: &mut AckFlags) {
        if !self.loss.rack.advanced {
            return;
        }
        self.loss.rack.advanced = false;
        let wait = self.rack_detect(cx, flags);
        if wait > 0 {
            let ticks = self.rtt.micros_to_ticks(u64::from(wait) + TIMEOUT_MIN_US).min(self.rtt.rto());
            self.timer.arm(TimerKind::Reorder, cx.now.jiffies, ticks);
            flags.set_timer = false;
        }
    }

    /// The reordering timer expired (`tcp_rack_reo_timeout`).
    pub(super) fn reorder_timeout<O: Observer>(&mut self, cx: &mut Cx<'_, O>, rx: &mut Receiver) {
        let mut flags = AckFlags::default();
        let before = self.in_flight();
        self.rack_detect(cx, &mut flags);
        if before != self.in_flight() {
            if self.loss.ca_state != CaState::Recovery {
                self.enter_recovery(cx, false);
                self.reduce_cwnd(1, flags.newly_lost, &AckFlags::default());
            }
            self.resend_lost(cx, rx);
        }
        if self.timer.kind() != Some(TimerKind::Retransmit) {
            self.resume_rto(cx.now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dsacks_widen_the_window_once_per_round_trip_and_sixteen_recoveries_narrow_it() {
        let mut r = Rack { dsack_seen: true, ..Rack::default() };
        r.adapt(10, 20);
        assert_eq!((r.steps, r.persist), (2, PERSIST));
        // Sent before the window was widened: the DSACK says nothing about the new width.
        r.dsack_seen = true;
        r.adapt(15, 25);
        assert_eq!((r.steps, r.dsack_seen), (2, false));
        r.dsack_seen = true;
        r.adapt(20, 30);
        assert_eq!(r.steps, 3);
        r.persist = 0;
        r.adapt(31, 32);
        assert_eq!(r.steps, 1);
    }

    #[test]
    fn ages_are_differences_of_whole_microseconds() {
        assert_eq!(age_us(SimTime::from_nanos(2_000), SimTime::from_nanos(999)), 2);
        assert_eq!(age_us(SimTime::from_nanos(2_999), SimTime::from_nanos(2_000)), 0);
    }
}
