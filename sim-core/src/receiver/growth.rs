//! Estimating the peer's segment size and the payload ratio, and opening `rcv_ssthresh`.

use super::Receiver;
use super::sockopt::MIN_WINDOW_CLAMP;
use crate::linux::{PayloadRatio, RemeasuredClamp};
use crate::observer::{Observer, Rule};
use crate::segment::{Flags, Segment};
use crate::send_half::Cx;
use crate::skb::Skb;
use crate::state::AckPending;

/// `TCP_MSS_DEFAULT`.
pub(super) const MSS_DEFAULT: u32 = 536;
/// `TCP_MIN_MSS`.
pub(super) const MIN_MSS: u32 = 88;
/// A TCP header without options.
const TCP_HEADER: u32 = 20;
/// Segments below this never open the window (`tcp_event_data_recv`).
const MIN_GROWTH_LEN: u32 = 128;

impl Receiver {
    /// Header length of a segment with this connection's usual options (`tp->tcp_header_len`).
    pub(super) fn usual_header_len(&self) -> u32 {
        if self.tstamp_ok { TCP_HEADER + 12 } else { TCP_HEADER }
    }

    /// Updates the estimate of the peer's segment size, and the payload ratio with it
    /// (`tcp_measure_rcv_mss`).
    #[inline(always)]
    pub(super) fn measure_rcv_mss<O: Observer>(&mut self, cx: &mut Cx<'_, O>, seg: &Segment, skb: &Skb) {
        let previous = std::mem::take(&mut self.ack.last_seg_size);
        let len = if skb.buf.gso_size != 0 { skb.buf.gso_size } else { skb.len };
        if len >= self.ack.rcv_mss {
            if len != self.ack.rcv_mss {
                self.measure_ratio(cx, skb);
            }
            self.ack.rcv_mss = len.min(self.advmss);
            if skb.flags.has(Flags::PSH) {
                self.ack.pending.set(AckPending::PUSHED);
            }
            return;
        }
        // A shorter one is believed if it is plausible and comes twice in a row.
        let with_header = len + seg.header_len();
        let marked = Flags(Flags::FIN.0 | Flags::URG.0 | Flags::SYN.0 | Flags::PSH.0);
        if with_header >= MSS_DEFAULT + TCP_HEADER
            || (with_header >= MIN_MSS + TCP_HEADER && !seg.flags.has(marked))
        {
            let mss = with_header - self.usual_header_len();
            self.ack.last_seg_size = mss;
            if mss == previous {
                self.ack.rcv_mss = mss;
                return;
            }
        }
        if self.ack.pending.has(AckPending::PUSHED) {
            self.ack.pending.set(AckPending::PUSHED2);
        }
        self.ack.pending.set(AckPending::PUSHED);
    }

    /// Measures payload per truesize (6.6 and later; the clamp follows from 6.11 on).
    fn measure_ratio<O: Observer>(&mut self, cx: &mut Cx<'_, O>, skb: &Skb) {
        let PayloadRatio::Measured { clamp, .. } = self.kernel.ratio else { return };
        // Stored in 8 bits; 0 would make every window 0.
        let ratio = ((u64::from(skb.len) << 8) / u64::from(skb.buf.truesize)) as u8;
        let ratio = ratio.max(1);
        if ratio == self.ratio {
            return;
        }
        self.ratio = ratio;
        cx.rule(|| Rule::RatioMeasured { ratio });
        let full = self.full_space().max(0) as u32;
        match clamp {
            RemeasuredClamp::Store => self.window_clamp = full,
            RemeasuredClamp::Procedure => self.change_window_clamp(full.max(MIN_WINDOW_CLAMP)),
        }
        self.drs.space = self.drs.space.min(self.window_clamp);
    }

    /// Opens `rcv_ssthresh` if memory and the quality of `skb` allow it (`tcp_grow_window`). `adjust` takes the
    /// head out of the price of an skb whose payload is in fragments.
    #[inline(always)]
    pub(super) fn grow_window<O: Observer>(&mut self, cx: &mut Cx<'_, O>, skb: &Skb, adjust: bool) {
        let room = i64::from(self.window_clamp as i32).min(self.free_space()) - i64::from(self.rcv_ssthresh);
        if room <= 0 {
            return;
        }
        if cx.host.memory.under_pressure() {
            if self.kernel.grow_honours_pressure {
                self.cut_ssthresh_under_pressure();
            }
            return;
        }
        let mut truesize = skb.buf.truesize;
        if adjust && skb.buf.linear == 0 {
            let fragments = i64::from(truesize) - i64::from(self.layout.truesize(skb.buf.head_size));
            if fragments >= i64::from(skb.len) {
                truesize = fragments as u32;
            }
        }
        let increment = if self.win_from_space(truesize) <= i64::from(skb.len) {
            2 * self.advmss
        } else {
            self.slow_increment(skb.len, truesize)
        };
        if increment == 0 {
            return;
        }
        let from = self.rcv_ssthresh;
        self.rcv_ssthresh += i64::from(increment.max(2 * skb.len)).min(room) as u32;
        self.ack.quick |= 1;
        let to = self.rcv_ssthresh;
        cx.rule(|| Rule::Grew { from, to });
    }

    /// Increment for an skb that is worse than the ratio (`__tcp_grow_window`): two segments as long as the
    /// threshold is far enough from the maximum for such skbs, else nothing.
    fn slow_increment(&self, len: u32, truesize: u32) -> u32 {
        let mut price = self.win_from_space(truesize) >> 1;
        let mut window = self.win_from_space(self.sysctl.tcp_rmem[2]) >> 1;
        while i64::from(self.rcv_ssthresh) <= window {
            if price <= i64::from(len) {
                return 2 * self.ack.rcv_mss;
            }
            price >>= 1;
            window >>= 1;
        }
        0
    }

    /// `grow_window` for arriving in-order data, which must not be tiny.
    #[inline(always)]
    pub(super) fn grow_window_in_order<O: Observer>(&mut self, cx: &mut Cx<'_, O>, skb: &Skb) {
        if skb.len >= MIN_GROWTH_LEN {
            self.grow_window(cx, skb, true);
        }
    }
}
