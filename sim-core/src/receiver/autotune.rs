//! Dynamic right-sizing: the receiver measures round trips and how much is read in one, and sizes its budget.

use super::Receiver;
use crate::linux::{Autotune, ReceiverRtt};
use crate::observer::{Observer, Rule};
use crate::segment::Segment;
use crate::send_half::Cx;

/// Step by which the price of an MSS-sized skb is raised until it holds one (`tcp_rcv_space_adjust`).
const PRICE_STEP: u32 = 128;

impl Receiver {
    // --- round trips -----------------------------------------------------------------------------------------

    /// A window's worth of data takes one RTT at least (`tcp_rcv_rtt_measure`).
    pub(super) fn measure_rtt_from_window<O: Observer>(&mut self, cx: &mut Cx<'_, O>) {
        if let Some(begin) = self.drs.rtt_time {
            if self.rcv_nxt < self.drs.rtt_seq {
                return;
            }
            let sample = self.stamp_us().saturating_sub(begin.as_micros()).max(1);
            self.update_rtt(cx, sample, true);
        }
        self.drs.rtt_seq = self.rcv_nxt + self.rcv_wnd;
        self.drs.rtt_time = self.mstamp;
    }

    /// The peer echoes our timestamps (`tcp_rcv_rtt_measure_ts`).
    pub(super) fn measure_rtt_from_timestamps<O: Observer>(&mut self, cx: &mut Cx<'_, O>, seg: &Segment) {
        if self.drs.rcv_tsecr == self.drs.last_tsecr {
            return;
        }
        self.drs.last_tsecr = self.drs.rcv_tsecr;
        if seg.end_seq() - seg.seq < i64::from(self.ack.rcv_mss) {
            return;
        }
        let ms = self.timestamp_clock().wrapping_sub(self.drs.rcv_tsecr);
        if ms >= i32::MAX as u32 / 1_000 {
            return;
        }
        let ms = match self.kernel.receiver_rtt {
            // The clock has a resolution of 1 ms; older kernels call "the same millisecond" 1 ms.
            ReceiverRtt::Average | ReceiverRtt::MinSeeking => ms.max(1),
            ReceiverRtt::MinSeekingNonZero | ReceiverRtt::MinSeekingIdle => ms,
        };
        if ms > 0 {
            self.update_rtt(cx, u64::from(ms) * 1_000, false);
        }
    }

    /// Takes in a sample of `us` microseconds (`tcp_rcv_rtt_update`).
    fn update_rtt<O: Observer>(&mut self, cx: &mut Cx<'_, O>, us: u64, from_window: bool) {
        let sample8 = (us << 3).min(u64::from(u32::MAX)) as u32;
        let us = us.min(u64::from(u32::MAX)) as u32;
        let old = self.drs.rtt8;
        self.drs.rtt8 = match self.kernel.receiver_rtt {
            ReceiverRtt::Average => {
                if old == 0 {
                    sample8
                } else if from_window {
                    old.min(sample8)
                } else {
                    old - (old >> 3) + us
                }
            }
            ReceiverRtt::MinSeeking | ReceiverRtt::MinSeekingNonZero | ReceiverRtt::MinSeekingIdle => {
                let queued = self.kernel.receiver_rtt == ReceiverRtt::MinSeekingIdle
                    && self.rcv_nxt != self.copied_seq;
                if old == 0 || sample8 < old {
                    sample8
                } else if from_window || queued {
                    old
                } else {
                    (i64::from(old) + i64::from(us) - i64::from(old >> 3)) as u32
                }
            }
        };
        let rtt8 = self.drs.rtt8;
        cx.rule(|| Rule::ReceiverRtt { rtt8 });
    }

    // --- the budget ------------------------------------------------------------------------------------------

    /// Bytes were copied to the application (`tcp_rcv_space_adjust`).
    pub(super) fn space_adjust<O: Observer>(&mut self, cx: &mut Cx<'_, O>) {
        if self.kernel.read_refreshes_clock {
            self.refresh_clock(cx);
        }
        let elapsed = self.stamp_us().saturating_sub(self.drs.time.as_micros());
        if self.drs.rtt8 == 0 || elapsed < u64::from(self.drs.rtt8 >> 3) {
            return;
        }
        let mut copied = self.copied_seq - self.drs.seq;
        if self.kernel.autotune_minus_queued {
            copied -= self.rcv_nxt - self.copied_seq;
        }
        if copied > i64::from(self.drs.space) {
            let old = self.drs.space;
            let copied = copied.min(i64::from(u32::MAX)) as u32;
            match self.kernel.autotune {
                Autotune::PerMss | Autotune::Ratio => {
                    self.grow_budget_with_slack(cx, copied, old);
                    self.drs.space = copied;
                }
                Autotune::Doubled | Autotune::Growth | Autotune::GrowthLowRtt => {
                    self.grow_budget(cx, copied);
                }
            }
        }
        self.drs.seq = self.copied_seq;
        self.drs.time = self.mstamp.unwrap_or_default();
    }

    fn autotuned(&self) -> bool {
        self.sysctl.tcp_moderate_rcvbuf && !self.rcvbuf_locked()
    }

    /// Until 6.15: twice what was read, 16 segments of slack, and twice the growth.
    fn grow_budget_with_slack<O: Observer>(&mut self, cx: &mut Cx<'_, O>, copied: u32, old: u32) {
        if !self.autotuned() {
            return;
        }
        let mut window = (u64::from(copied) << 1) + 16 * u64::from(self.advmss);
        let growth = window * u64::from(copied - old) / u64::from(old.max(1));
        window += growth << 1;
        let max = u64::from(self.sysctl.tcp_rmem[2]);
        let budget = if self.kernel.autotune == Autotune::PerMss {
            let mut price = self.layout.truesize(self.advmss + self.kernel.max_tcp_header);
            while self.win_from_space(price) < i64::from(self.advmss) {
                let Some(more) = price.checked_add(PRICE_STEP) else { break };
                price = more;
            }
            (window / u64::from(self.advmss.max(1)) * u64::from(price)).min(max)
        } else {
            self.space_from_win(window as u32).min(max)
        };
        self.raise_budget(cx, budget);
    }

    /// From 6.16 on (`tcp_rcvbuf_grow`): `copied` becomes the reference; the budget holds twice that, the
    /// growth from 6.18 on, and what lies out of order.
    pub(super) fn grow_budget<O: Observer>(&mut self, cx: &mut Cx<'_, O>, copied: u32) {
        let old = std::mem::replace(&mut self.drs.space, copied);
        if !self.autotuned() {
            return;
        }
        let doubled = u64::from(copied) << 1;
        let grown = u64::from(copied.saturating_sub(old));
        let old = u64::from(old.max(1));
        let low_rtt = u64::from(self.sysctl.tcp_rcvbuf_low_rtt);
        let rtt_us = u64::from(self.drs.rtt8 >> 3);
        let growth = match self.kernel.autotune {
            Autotune::Doubled => 0,
            Autotune::GrowthLowRtt if rtt_us < low_rtt => doubled * rtt_us / low_rtt,
            Autotune::GrowthLowRtt => (doubled << 1) * grown / old,
            _ => (doubled * grown / old) << 1,
        };
        let mut window = doubled + growth;
        if let Some(end) = self.ofo.last_end() {
            window += (end - self.rcv_nxt).max(0) as u64;
        }
        let budget = self.space_from_win(window as u32).min(u64::from(self.sysctl.tcp_rmem[2]));
        self.raise_budget(cx, budget);
    }

    fn raise_budget<O: Observer>(&mut self, cx: &mut Cx<'_, O>, budget: u64) {
        let budget = budget.min(i32::MAX as u64) as i32;
        if budget > self.rcvbuf {
            let from = std::mem::replace(&mut self.rcvbuf, budget);
            self.window_clamp = self.full_space().max(0) as u32;
            cx.rule(|| Rule::Autotuned { from, to: budget });
        }
    }
}
