//! Which window to offer.

use super::Receiver;
use crate::linux::PayloadRatio;
use crate::observer::{Observer, Rule, WindowBound};
use crate::send_half::Cx;
use crate::state::AckPending;

/// `n` rounded up to a multiple of `1 << shift`.
fn round_up(n: u32, shift: u8) -> u32 {
    let below = (1u64 << shift) - 1;
    ((u64::from(n) + below) & !below).min(u64::from(u32::MAX)) as u32
}

/// `n` rounded down to a multiple of `1 << shift`; negative numbers go down too.
fn round_down(n: i64, shift: u8) -> i64 {
    (n >> shift) << shift
}

impl Receiver {
    /// Window that `space` bytes of memory are worth (`tcp_win_from_space`).
    #[inline(always)]
    pub(super) fn win_from_space(&self, space: impl Into<i64>) -> i64 {
        let space: i64 = space.into();
        match self.kernel.ratio {
            PayloadRatio::AdvWinScale => {
                let shift = self.sysctl.tcp_adv_win_scale;
                if shift > 0 { space - (space >> shift) } else { space >> -shift }
            }
            PayloadRatio::Measured { .. } => (space * i64::from(self.ratio)) >> 8,
        }
    }

    /// Memory that a window of `win` bytes needs (`tcp_space_from_win`, 6.6 and later).
    pub(super) fn space_from_win(&self, win: u32) -> u64 {
        (u64::from(win) << 8) / u64::from(self.ratio.max(1))
    }

    /// Window worth of the free memory; may be negative (`tcp_space`).
    #[inline(always)]
    pub(super) fn free_space(&self) -> i64 {
        self.win_from_space(i64::from(self.rcvbuf) - i64::from(self.backlog_len) - i64::from(self.rmem))
    }

    /// Window worth of the whole budget (`tcp_full_space`).
    #[inline(always)]
    pub(super) fn full_space(&self) -> i64 {
        self.win_from_space(self.rcvbuf)
    }

    /// The window that memory, `rcv_ssthresh` and the peer's segment size suggest, before the promise already
    /// made is looked at (`__tcp_select_window`). Below half of the space it ends quick-ACK mode, even when
    /// nothing is sent.
    #[inline(always)]
    pub(super) fn raw_window<O: Observer>(&mut self, cx: &Cx<'_, O>) -> (u32, WindowBound) {
        let free = self.free_space();
        let allowed = self.full_space();
        let full = i64::from(self.window_clamp as i32).min(allowed);
        let mut mss = i64::from(self.ack.rcv_mss);
        if mss > full {
            mss = full;
            if mss <= 0 {
                return (0, WindowBound::Closed);
            }
        }
        if self.shrink_allowed() {
            return self.raw_window_may_shrink(cx, free, allowed, full, mss);
        }
        let mut free = free;
        if free < full >> 1 {
            self.ack.quick = 0;
            if cx.host.memory.under_pressure() {
                self.cut_ssthresh_under_pressure();
            }
            free = round_down(free, self.rcv_wscale);
            if free < allowed >> 4 || free < mss {
                return (0, WindowBound::Closed);
            }
        }
        let mut bound = WindowBound::FreeSpace;
        if free > i64::from(self.rcv_ssthresh) {
            free = i64::from(self.rcv_ssthresh);
            bound = WindowBound::RcvSsthresh;
        }
        let free = free as u32;
        if self.rcv_wscale > 0 {
            return (round_up(free, self.rcv_wscale), bound);
        }
        // Without scaling the window moves in whole segments only.
        let wnd = i64::from(self.rcv_wnd);
        let free = i64::from(free);
        let window = if wnd <= free - mss || wnd > free {
            free / mss * mss
        } else if mss == full && free > wnd + (full >> 1) {
            free
        } else {
            wnd
        };
        (window as u32, bound)
    }

    /// `raw_window` when the promise may be taken back (`tcp_shrink_window`).
    fn raw_window_may_shrink<O: Observer>(
        &mut self,
        cx: &Cx<'_, O>,
        free: i64,
        allowed: i64,
        full: i64,
        mss: i64,
    ) -> (u32, WindowBound) {
        let free = round_down(free, self.rcv_wscale);
        if free < full >> 1 {
            self.ack.quick = 0;
            if cx.host.memory.under_pressure() {
                self.cut_ssthresh_under_pressure();
            }
            if free < allowed >> 4 || free < mss || free < 1 << self.rcv_wscale {
                return (0, WindowBound::Closed);
            }
        }
        if free > i64::from(self.rcv_ssthresh) {
            return (round_up(self.rcv_ssthresh, self.rcv_wscale), WindowBound::RcvSsthresh);
        }
        (free.max(0) as u32, WindowBound::FreeSpace)
    }

    /// Whether the right edge may move left.
    fn shrink_allowed(&self) -> bool {
        self.kernel.has_shrink_window && self.sysctl.tcp_shrink_window && self.rcv_wscale > 0
    }

    /// Chooses the window of an outgoing segment and makes it the promise (`tcp_select_window`). Returns the
    /// raw header field and the window it stands for.
    pub(super) fn select_window<O: Observer>(&mut self, cx: &mut Cx<'_, O>) -> (u16, u32) {
        if self.ack.pending.has(AckPending::NOMEM) {
            // No memory: the peer must stop, whatever was promised (`ICSK_ACK_NOMEM`).
            self.pred_flags = 0;
            self.rcv_wnd = 0;
            self.rcv_wup = self.rcv_nxt;
            cx.rule(|| Rule::Window { window: 0, bound: WindowBound::NoMemory });
            return (0, 0);
        }
        let old = self.rcv_wnd;
        let promised = self.receive_window();
        let (mut window, mut bound) = self.raw_window(cx);
        if window < promised && !self.shrink_allowed() {
            if window == 0 {
                cx.host.counters.want_zero_window_adv += 1;
            }
            window = round_up(promised, self.rcv_wscale);
            bound = WindowBound::NeverShrink;
        }
        self.rcv_wnd = window;
        self.rcv_wup = self.rcv_nxt;
        if self.kernel.tracks_max_window() {
            self.rcv_mwnd_seq = self.rcv_mwnd_seq.max(self.rcv_wup + self.rcv_wnd);
        }
        let representable = if self.rcv_wscale == 0 && self.sysctl.tcp_workaround_signed_windows {
            32_767
        } else {
            65_535u32 << self.rcv_wscale
        };
        let raw = (window.min(representable) >> self.rcv_wscale) as u16;
        if raw == 0 {
            self.pred_flags = 0;
            if old != 0 {
                cx.host.counters.to_zero_window_adv += 1;
            }
        } else if old == 0 {
            cx.host.counters.from_zero_window_adv += 1;
        }
        cx.rule(|| Rule::Window { window, bound });
        (raw, u32::from(raw) << self.rcv_wscale)
    }
}
