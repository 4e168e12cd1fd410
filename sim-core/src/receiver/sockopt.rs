//! Socket options that concern the receiving half.

use super::{RCVBUF_LOCK, Receiver};
use crate::config::LiveOption;
use crate::linux::WindowClampRule;
use crate::observer::Observer;
use crate::send_half::{Cx, SendHalf};
use crate::state::{AckPending, TcpState};

/// `SOCK_MIN_RCVBUF`: `TCP_SKB_MIN_TRUESIZE`, 2048 + one `sk_buff`.
const MIN_RCVBUF: u32 = 2_304;
/// Smallest `TCP_WINDOW_CLAMP`, `SOCK_MIN_RCVBUF / 2`.
pub(super) const MIN_WINDOW_CLAMP: u32 = MIN_RCVBUF / 2;

impl Receiver {
    /// Sets an option, before or during the connection (`setsockopt`). `SO_SNDBUF` concerns the sending half
    /// and does nothing here.
    pub fn set_option<S: SendHalf, O: Observer>(&mut self, cx: &mut Cx<'_, O>, snd: &mut S, opt: LiveOption) {
        match opt {
            LiveOption::RcvBuf(v) => self.set_rcvbuf(v.min(self.sysctl.rmem_max)),
            LiveOption::RcvBufForce(v) => self.set_rcvbuf(v),
            LiveOption::WindowClamp(v) => self.set_window_clamp(v),
            LiveOption::RcvLowat(v) => self.set_rcvlowat(v),
            LiveOption::QuickAck(v) => self.set_quickack(cx, snd, v),
            LiveOption::SndBuf(_) => {}
        }
    }

    /// `SO_RCVBUF` after the cap (`__sock_set_rcvbuf`): doubled, at least the cost of one segment.
    fn set_rcvbuf(&mut self, v: u32) {
        let v = v.min(i32::MAX as u32 / 2);
        self.userlocks |= RCVBUF_LOCK;
        self.rcvbuf = (2 * v).max(MIN_RCVBUF) as i32;
        if self.kernel.rcvbuf_sets_clamp {
            self.change_window_clamp((self.full_space().max(0) as u32).max(MIN_WINDOW_CLAMP));
        }
    }

    /// `TCP_WINDOW_CLAMP` (`tcp_set_window_clamp`).
    fn set_window_clamp(&mut self, v: u32) {
        if v == 0 {
            if self.state == TcpState::Close {
                self.window_clamp = 0;
            }
            return;
        }
        let clamp = v.max(MIN_WINDOW_CLAMP);
        match self.kernel.window_clamp {
            WindowClampRule::ClampOnly => self.window_clamp = clamp,
            WindowClampRule::MovesSsthresh => self.change_window_clamp(clamp),
        }
    }

    /// Stores a clamp and moves `rcv_ssthresh` with it.
    pub(super) fn change_window_clamp(&mut self, clamp: u32) {
        let old = std::mem::replace(&mut self.window_clamp, clamp);
        if clamp < old {
            self.rcv_ssthresh = self.rcv_ssthresh.min(clamp);
        } else if clamp > old {
            self.rcv_ssthresh = self.rcv_ssthresh.max(self.rcv_wnd.min(clamp));
        }
    }

    /// `SO_RCVLOWAT` (`tcp_set_rcvlowat`).
    fn set_rcvlowat(&mut self, v: u32) {
        let locked = self.rcvbuf_locked();
        let cap = if locked { self.rcvbuf as u32 >> 1 } else { self.sysctl.tcp_rmem[2] >> 1 };
        let v = v.min(cap);
        self.lowat = v.max(1);
        if locked {
            return;
        }
        match self.kernel.ratio {
            crate::linux::PayloadRatio::AdvWinScale => {
                let space = (v << 1) as i32;
                if space > self.rcvbuf {
                    self.rcvbuf = space;
                    self.window_clamp = self.win_from_space(space).max(0) as u32;
                }
            }
            crate::linux::PayloadRatio::Measured { .. } => {
                let space = self.space_from_win(v).min(i32::MAX as u64) as i32;
                if space > self.rcvbuf {
                    self.rcvbuf = space;
                    if self.window_clamp != 0 && self.window_clamp < v {
                        self.window_clamp = v;
                    }
                }
            }
        }
    }

    /// `TCP_QUICKACK` (`__tcp_sock_set_quickack`).
    fn set_quickack<S: SendHalf, O: Observer>(&mut self, cx: &mut Cx<'_, O>, snd: &mut S, v: u32) {
        if v == 0 {
            self.enter_pingpong();
            return;
        }
        self.ack.pingpong = 0;
        let open = matches!(self.state, TcpState::Established | TcpState::CloseWait);
        if open && self.ack.pending.has(AckPending::SCHED) {
            self.ack.pending.set(AckPending::PUSHED);
            self.cleanup_rbuf(cx, snd, 1);
            if v & 1 == 0 {
                self.enter_pingpong();
            }
        }
    }
}
