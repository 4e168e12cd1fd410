//! The state of a socket as `ss`, `TCP_INFO` and the recordings show it.

use crate::seq::Seq;
use crate::time::{Jiffies, SimTime};

/// `icsk_ack.pending` (`ICSK_ACK_*`).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct AckPending(pub u8);

impl AckPending {
    /// An ACK is due (`ICSK_ACK_SCHED`).
    pub const SCHED: u8 = 1;
    /// The delayed-ACK timer is armed (`ICSK_ACK_TIMER`).
    pub const TIMER: u8 = 2;
    /// A short or pushed segment arrived (`ICSK_ACK_PUSHED`).
    pub const PUSHED: u8 = 4;
    /// A second one did (`ICSK_ACK_PUSHED2`).
    pub const PUSHED2: u8 = 8;
    /// The ACK must go at once (`ICSK_ACK_NOW`).
    pub const NOW: u8 = 16;
    /// The ACK must advertise a zero window (`ICSK_ACK_NOMEM`, 6.6 and later).
    pub const NOMEM: u8 = 32;

    /// Whether any of `bits` is set.
    pub const fn has(self, bits: u8) -> bool {
        self.0 & bits != 0
    }

    /// Sets `bits`.
    pub const fn set(&mut self, bits: u8) {
        self.0 |= bits;
    }

    /// Clears `bits`.
    pub const fn clear(&mut self, bits: u8) {
        self.0 &= !bits;
    }
}

/// TCP states that the model distinguishes (`sk_state`, with the kernel's numbers).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[repr(u8)]
pub enum TcpState {
    /// Data may flow both ways.
    Established = 1,
    /// Active open: SYN sent.
    SynSent = 2,
    /// Passive open: SYN-ACK sent.
    SynRecv = 3,
    /// We closed, our FIN is not acknowledged.
    FinWait1 = 4,
    /// We closed, our FIN is acknowledged.
    FinWait2 = 5,
    /// Both closed.
    TimeWait = 6,
    /// No connection.
    #[default]
    Close = 7,
    /// The peer closed.
    CloseWait = 8,
    /// The peer closed, then we; our FIN is not acknowledged.
    LastAck = 9,
    /// Listening.
    Listen = 10,
    /// Simultaneous close.
    Closing = 11,
}

/// Everything that is recorded of a receiving socket at one moment. Bytes unless said otherwise; names are
/// the kernel's or, where they differ, those of the recordings.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct SocketState {
    /// `tp->rcv_ssthresh`: the receiver's own threshold below which it offers its window.
    pub rcv_ssthresh: u32,
    /// `tp->window_clamp`.
    pub window_clamp: u32,
    /// `sk->sk_rcvbuf` (`skmem_rb`).
    pub rcvbuf: i32,
    /// `sk_backlog.rmem_alloc` (`skmem_r`).
    pub rmem: i32,
    /// `tp->rcv_wnd`: the window as last advertised.
    pub rcv_wnd: u32,
    /// `tp->rcv_wup`: `rcv_nxt` at that moment.
    pub rcv_wup: Seq,
    /// `tp->rcv_nxt`.
    pub rcv_nxt: Seq,
    /// `tp->copied_seq`.
    pub copied_seq: Seq,
    /// `tp->scaling_ratio` of 256; `None` before 6.6.
    pub scaling_ratio: Option<u8>,
    /// Right edge of the largest window ever offered (`rcv_mwnd_seq`, 7.x).
    pub rcv_mwnd_seq: Option<Seq>,
    /// `icsk_ack.quick`: quick ACKs left.
    pub quick: u8,
    /// `icsk_ack.pingpong`.
    pub pingpong: u8,
    /// `icsk_ack.pending`.
    pub ack_pending: AckPending,
    /// `icsk_ack.retry`.
    pub ack_retry: u8,
    /// `icsk_ack.ato`, ticks.
    pub ato: u32,
    /// `icsk_ack.timeout` (up to 6.12): jiffies of the delayed ACK.
    pub ack_timeout: Option<Jiffies>,
    /// Expiry of the delayed-ACK timer.
    pub delack_expires: Option<Jiffies>,
    /// `icsk_ack.lrcvtime`: arrival of the last data.
    pub lrcvtime: Option<Jiffies>,
    /// `icsk_ack.rcv_mss`: estimate of the peer's segment size.
    pub rcv_mss: u32,
    /// `icsk_ack.last_seg_size`.
    pub last_seg_size: u32,
    /// `sk_forward_alloc`.
    pub fwd_alloc: i32,
    /// `sk_backlog.len`.
    pub backlog_len: u32,
    /// Whether an application call holds the socket.
    pub owned: bool,
    /// `sk_userlocks` (1 SO_SNDBUF set, 2 SO_RCVBUF set, 4 address bound).
    pub userlocks: u8,
    /// `SO_RCVLOWAT`.
    pub lowat: u32,
    /// skbs in the receive queue.
    pub qlen: u32,
    /// Payload of the last skb of the receive queue.
    pub tail_len: Option<u32>,
    /// Its truesize.
    pub tail_truesize: Option<u32>,
    /// Whether the out-of-order queue holds anything.
    pub ofo: bool,
    /// Payload of its last skb.
    pub ofo_last_len: Option<u32>,
    /// Truesize of its last skb.
    pub ofo_last_truesize: Option<u32>,
    /// SACK blocks held.
    pub num_sacks: u8,
    /// Whether a DSACK is due.
    pub dup_sack: bool,
    /// `rcvq_space.space`.
    pub drs_space: u32,
    /// `rcvq_space.seq`.
    pub drs_seq: Seq,
    /// `rcvq_space.time`.
    pub drs_time: SimTime,
    /// `rcv_rtt_est.rtt_us`, microseconds shifted left by 3.
    pub rcv_rtt: u32,
    /// `rcv_rtt_est.seq`.
    pub rcv_rtt_seq: Seq,
    /// `rcv_rtt_est.time`.
    pub rcv_rtt_time: Option<SimTime>,
    /// `rcv_rtt_last_tsecr`.
    pub rcv_rtt_tsecr: u32,
    /// `rx_opt.ts_recent`: the peer's latest TSval.
    pub ts_recent: u32,
    /// `sk_drops`.
    pub drops: u32,
    /// `compressed_ack`.
    pub comp_ack: u8,
    /// Header-prediction word; 0 when prediction is off.
    pub pred_flags: u32,
    /// `snd_una` of the socket's own sending half.
    pub snd_una: Seq,
    /// `snd_nxt` of the socket's own sending half.
    pub snd_nxt: Seq,
    /// The peer's window, scaled.
    pub snd_wnd: u32,
    /// `tcp_mstamp`: the socket's cached clock; `None` before its first use.
    pub tcp_mstamp: Option<SimTime>,
    /// `rcv_tstamp`: arrival of the last ACK.
    pub rcv_tstamp: Option<Jiffies>,
    /// `rx_opt.rcv_wscale`.
    pub rcv_wscale: u8,
    /// `rx_opt.snd_wscale`.
    pub snd_wscale: u8,
    /// MSS that we advertised.
    pub advmss: u32,
    /// `sk_state`.
    pub state: TcpState,
}

impl SocketState {
    /// Bytes received and not yet read (`recv-q`).
    pub fn recvq(&self) -> i64 {
        self.rcv_nxt - self.copied_seq
    }

    /// What remains of the window last advertised (`tcp_receive_window`).
    pub fn win(&self) -> u32 {
        (self.rcv_wup + self.rcv_wnd - self.rcv_nxt).max(0) as u32
    }
}
