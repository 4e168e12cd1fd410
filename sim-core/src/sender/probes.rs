//! Zero-window probes: how long to wait (`tcp_probe0_base`, `tcp_probe0_when`), what is sent (`tcp_write_wakeup`), and what an
//! answer changes (`tcp_ack_probe`).

use super::Sender;
use super::rtt::Rtt;
use super::timers::TimerKind;
use super::write_queue::{Marks, TxSkb};
use crate::observer::Observer;
use crate::receiver::Receiver;
use crate::segment::Flags;
use crate::send_half::Cx;
use crate::seq::Seq;
use crate::time::Now;

/// Delay until the next probe, ticks. The base is the timeout, at least its minimum; it doubles with each
/// probe, for as many doublings as `TCP_RTO_MIN` needs to reach `TCP_RTO_MAX`.
pub fn delay(rtt: &Rtt, backoff: u8, hz: u32) -> u32 {
    let floor = hz / 5;
    let base = rtt.rto().max(floor);
    let max_backoff = (rtt.rto_max() / floor.max(1)).max(1).ilog2() + 1;
    let when = u64::from(base) << u32::from(backoff).min(max_backoff);
    when.min(u64::from(rtt.rto_max())) as u32
}

impl Sender {
    /// `tcp_probe_timer`, `tcp_send_probe0`.
    pub(super) fn window_probe_due<O: Observer>(&mut self, cx: &mut Cx<'_, O>, rx: &mut Receiver) {
        if self.packets_out > 0 || self.queue.unsent.is_empty() {
            return;
        }
        if self.probes_out >= u32::from(self.sysctl.tcp_retries2) {
            self.give_up(cx, rx);
            return;
        }
        self.window_probe(cx, rx);
        if self.packets_out > 0 || self.queue.unsent.is_empty() {
            self.probes_out = 0;
            self.backoff = 0;
            return;
        }
        self.probes_out += 1;
        if self.backoff < self.sysctl.tcp_retries2 {
            self.backoff += 1;
        }
        let delay = delay(&self.rtt, self.backoff, self.hz) + self.pacing_ticks(cx.now.time);
        self.timer.arm(TimerKind::WindowProbe, cx.now.jiffies, delay);
    }

    /// As much data as the window takes, or an old sequence number without data (`tcp_write_wakeup`).
    fn window_probe<O: Observer>(&mut self, cx: &mut Cx<'_, O>, rx: &mut Receiver) {
        let edge = self.end_of_window();
        let mss = self.mss_now(rx);
        match self.queue.unsent.front_mut() {
            Some(head) if head.seq < edge => {
                let end = head.end_seq();
                let room = (edge - head.seq).min(i64::from(u32::MAX)) as u32;
                self.queue.pushed_seq = self.queue.pushed_seq.max(end);
                head.flags = head.flags.with(Flags::PSH);
                let len = head.len;
                if room < len || len > mss {
                    let cut = room.min(mss);
                    self.split_unsent(cut, mss);
                    // Both parts stay pushed.
                    if let Some(head) = self.queue.unsent.front_mut() {
                        head.flags = head.flags.with(Flags::PSH);
                    }
                }
                self.send_head(cx, rx, mss);
            }
            _ => {
                cx.host.counters.win_probe += 1;
                let probe = TxSkb {
                    seq: Seq(self.window.snd_una.0 - 1),
                    len: 0,
                    flags: Flags::default(),
                    segs: 1,
                    mss: 0,
                    sent_at: rx.cached_clock(),
                    delivered_before: 0,
                    marks: Marks::default(),
                };
                self.transmit(cx, rx, &probe, false);
            }
        }
    }

    /// An ACK arrived while nothing was in flight (`tcp_ack_probe`).
    pub(super) fn ack_while_probing(&mut self, now: Now) {
        let Some(head) = self.queue.unsent.front() else { return };
        if head.end_seq() <= self.end_of_window() {
            self.backoff = 0;
            self.timer.clear_kind(TimerKind::WindowProbe);
        } else {
            let delay = delay(&self.rtt, self.backoff, self.hz) + self.pacing_ticks(now.time);
            self.timer.arm(TimerKind::WindowProbe, now.jiffies, delay);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_doubles_up_to_two_minutes() {
        let mut r = Rtt::new(250, 200_000, 120_000);
        r.sample(200_000, Seq(1), Seq(1));
        assert_eq!(r.rto(), 150);
        let delays: Vec<u32> = (0..10).map(|b| delay(&r, b, 250)).collect();
        assert_eq!(delays, [150, 300, 600, 1200, 2400, 4800, 9600, 19200, 30000, 30000]);
    }
}
