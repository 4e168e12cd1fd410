//! When the timers of the sending half are armed, and what they do when they fire (`tcp_schedule_loss_probe`, `tcp_rearm_rto`,
//! `tcp_write_timer_handler`, `tcp_send_loss_probe`).

use super::Sender;
use super::output::{Push, Resent, TIMEOUT_MIN_US};
use super::timers::TimerKind;
use crate::observer::Observer;
use crate::receiver::Receiver;
use crate::send_half::Cx;
use crate::time::Now;

impl Sender {
    /// Arms the tail-loss probe (`tcp_schedule_loss_probe`); whether it applies. `advancing` says that an ACK
    /// has just moved the retransmission timeout.
    #[inline(always)]
    pub(super) fn schedule_loss_probe(&mut self, now: Now, advancing: bool) -> bool {
        let on = matches!(self.sysctl.tcp_early_retrans, 3 | 4);
        if !on || self.packets_out == 0 || !self.sack_ok || !self.loss.ca_state.allows_loss_probe() {
            return false;
        }
        let srtt8 = self.rtt.srtt8();
        let mut ticks = if srtt8 == 0 {
            self.hz
        } else {
            // Twice the RTT; a lone packet may meet a delayed ACK.
            let two_rtt = u64::from(srtt8 >> 2);
            let grace = if self.packets_out == 1 { self.rtt.rto_min_us() } else { TIMEOUT_MIN_US };
            self.rtt.micros_to_ticks(two_rtt + grace)
        };
        let rto_us =
            if advancing { i64::from(self.rtt.rto()) * self.tick_us() } else { self.rto_delta_us(now) };
        if rto_us > 0 {
            ticks = ticks.min(self.rtt.micros_to_ticks(rto_us as u64));
        }
        self.timer.arm(TimerKind::LossProbe, now.jiffies, ticks + self.pacing_ticks(now.time));
        true
    }

    fn tick_us(&self) -> i64 {
        (self.clock.tick_ns() / 1_000) as i64
    }

    /// Time until the timeout of the oldest packet, microseconds (`tcp_rto_delta_us`).
    fn rto_delta_us(&self, now: Now) -> i64 {
        let rto = i64::from(self.rtt.rto()) * self.tick_us();
        let sent = self.queue.rtx.front().map_or(now.time, |s| s.sent_at);
        sent.as_micros() as i64 + rto - now.time.as_micros() as i64
    }

    /// Arms the retransmission timer, or cancels it when nothing is in flight (`tcp_rearm_rto`).
    pub(super) fn rearm_rto(&mut self, now: Now) {
        if self.packets_out == 0 {
            self.timer.clear();
            return;
        }
        if matches!(self.timer.kind(), Some(TimerKind::Reorder | TimerKind::LossProbe)) {
            self.resume_rto(now);
        } else {
            let ticks = self.rtt.rto() + self.pacing_ticks(now.time);
            self.timer.arm(TimerKind::Retransmit, now.jiffies, ticks);
        }
    }

    /// Arms the retransmission timer for the rest of the oldest packet's timeout: another timer took its place
    /// for a while.
    #[inline(always)]
    pub(super) fn resume_rto(&mut self, now: Now) {
        if self.packets_out == 0 {
            self.timer.clear();
            return;
        }
        let rest = self.rtt.micros_to_ticks(self.rto_delta_us(now).max(1) as u64);
        let ticks = rest + self.pacing_ticks(now.time);
        self.timer.arm(TimerKind::Retransmit, now.jiffies, ticks);
    }

    /// Whatever timer is due at `cx.now` fires; a call without one changes nothing.
    pub fn timers_fire<O: Observer>(&mut self, cx: &mut Cx<'_, O>, rx: &mut Receiver) {
        let Some(due) = self.timer.take_due(cx.now.jiffies) else { return };
        rx.refresh_clock(cx);
        match due {
            TimerKind::Retransmit => self.retransmission_timeout(cx, rx),
            TimerKind::LossProbe => self.send_loss_probe(cx, rx),
            TimerKind::WindowProbe => self.window_probe_due(cx, rx),
            TimerKind::Reorder => self.reorder_timeout(cx, rx),
        }
    }

    /// `tcp_send_loss_probe`: new data if the window allows it, else the last segment again.
    fn send_loss_probe<O: Observer>(&mut self, cx: &mut Cx<'_, O>, rx: &mut Receiver) {
        let mut sent = false;
        let mss = self.mss_now(rx);
        if self.loss.tlp_high_seq.is_none() {
            self.loss.tlp_retrans = false;
            let fits =
                self.queue.unsent.front().is_some_and(|s| s.seq + s.len.min(mss) <= self.end_of_window());
            let before = self.packets_out;
            if fits {
                self.write_xmit(cx, rx, mss, true, false, Push::Probe);
                sent = self.packets_out > before;
            } else if let Some(last) = self.queue.rtx.back().copied() {
                let mut i = self.queue.rtx.len() - 1;
                if !last.marks.in_host && last.segs > 1 && last.len > (last.segs - 1) * mss {
                    self.split_in_flight(i, (last.segs - 1) * mss);
                    i += 1;
                }
                sent = self.resend(cx, rx, i, 1) == Resent::Sent;
                self.loss.tlp_retrans = sent;
            }
        }
        if sent {
            self.loss.tlp_high_seq = Some(self.window.snd_nxt);
            cx.host.counters.loss_probes += 1;
            // The timeout starts anew.
            self.rearm_rto(cx.now);
        } else {
            self.resume_rto(cx.now);
        }
    }
}
