//! The receiving half of a socket, as one machine without I/O.
//!
//! Its entry points are those of a kernel socket: a segment arrives, an application calls, a timer fires. Each
//! takes the present in a [`Cx`] and leaves the packets to be sent in it; [`Receiver::next_timer`] says when to
//! come back. The engine, the replay of recordings and injected segments all drive this machine.
//!
//! | file | concern | kernel functions |
//! |---|---|---|
//! | `open` | initial window, buffer space at establishment | `tcp_select_initial_window`, `tcp_init_buffer_space` |
//! | `input` | header prediction, acceptability, PAWS | `tcp_rcv_established`, `tcp_validate_incoming` |
//! | `data` | in-order data, FIN | `tcp_data_queue`, `tcp_queue_rcv`, `tcp_fin` |
//! | `in_a_row` | full segments that nobody reads, one after the other | |
//! | `ofo` | out-of-order data | `tcp_data_queue_ofo`, `tcp_ofo_queue` |
//! | `sack` | SACK and DSACK blocks | `tcp_sack_new_ofo_skb`, `tcp_dsack_set` |
//! | `memory` | charging, reserving, the gate | `sk_rmem_schedule`, `tcp_try_rmem_schedule` |
//! | `prune` | what happens at the limit | `tcp_prune_queue`, `tcp_clamp_window`, `tcp_prune_ofo_queue` |
//! | `collapse` | compaction by copying | `tcp_collapse`, `tcp_collapse_ofo_queue` |
//! | `window` | which window to offer | `__tcp_select_window`, `tcp_select_window` |
//! | `growth` | `rcv_mss`, payload ratio, `rcv_ssthresh` | `tcp_measure_rcv_mss`, `tcp_grow_window` |
//! | `ack` | when an ACK is sent | `__tcp_ack_snd_check`, `tcp_send_delayed_ack`, `tcp_event_ack_sent` |
//! | `autotune` | receiver RTT, dynamic right-sizing | `tcp_rcv_rtt_update`, `tcp_rcv_space_adjust` |
//! | `read` | `recv` | `tcp_recvmsg`, `tcp_cleanup_rbuf` |
//! | `backlog` | segments for an owned socket | `tcp_add_backlog`, `__release_sock` |
//! | `close` | the end of a socket | `tcp_close`, `tcp_done`, `tcp_timewait_state_process` |
//! | `sockopt` | socket options | `tcp_set_window_clamp`, `tcp_set_rcvlowat` |

mod account;
mod ack;
mod autotune;
mod backlog;
mod challenge;
mod close;
mod collapse;
mod data;
mod ecn;
mod growth;
mod in_a_row;
mod input;
mod memory;
mod ofo;
mod open;
mod prune;
mod rbtree;
mod read;
mod sack;
mod sharing;
mod sockopt;
mod window;

use ecn::EcnState;
use std::collections::VecDeque;
use std::sync::Arc;

use crate::config::{Route, Sysctls};
use crate::linux::{KernelProfile, PayloadRatio};
use crate::observer::Observer;
use crate::segment::{SackBlock, Segment};
use crate::send_half::{Cx, SendHalf};
use crate::seq::Seq;
use crate::skb::{Buffer, Share, Skb, SkbLayout};
use crate::state::{AckPending, SocketState, TcpState};
use crate::time::{Jiffies, SimTime};
use rbtree::{NIL, SkbTree};

pub(crate) use account::SendAccount;
pub use ack::TimerDue;
pub(crate) use in_a_row::Alike;
pub(crate) use memory::PAGE;
pub use memory::{SendMemory, moderated};

/// `SOCK_SNDBUF_LOCK`: the program chose the send buffer.
pub const SNDBUF_LOCK: u8 = 1;
/// `SOCK_RCVBUF_LOCK`: the program chose the receive buffer.
pub const RCVBUF_LOCK: u8 = 2;
/// `SOCK_BINDADDR_LOCK`.
pub const BINDADDR_LOCK: u8 = 4;

/// A segment waiting in the backlog of an owned socket.
#[derive(Clone, Debug)]
struct Waiting {
    seg: Segment,
    skb: Skb,
}

/// `icsk_ack` and what belongs to it.
#[derive(Clone, Debug, Default)]
struct AckState {
    pending: AckPending,
    quick: u8,
    pingpong: u8,
    retry: u8,
    /// Ticks; 0 before the first data.
    ato: u32,
    /// `icsk_ack.timeout`.
    timeout: Option<Jiffies>,
    /// Expiry of the timer as armed. It stays armed when an ACK leaves early, and then fires idly.
    timer: Option<Jiffies>,
    /// What the timer's expiry field still says after it fired.
    timer_expires: Option<Jiffies>,
    lrcvtime: Option<Jiffies>,
    rcv_mss: u32,
    last_seg_size: u32,
    /// `last_oow_ack_time`.
    last_oow: Option<Jiffies>,
    /// `compressed_ack`.
    compressed: u8,
    /// `dup_ack_counter`.
    dup_counter: u8,
    /// `compressed_ack_rcv_nxt`.
    compressed_base: Option<Seq>,
    /// Expiry of the compressed-ACK timer.
    compressed_timer: Option<SimTime>,
    /// `TCP_ACK_DEFERRED`.
    deferred: bool,
    /// `TCP_DELACK_TIMER_DEFERRED`.
    timer_deferred: bool,
}

/// `rcvq_space` and `rcv_rtt_est`.
#[derive(Clone, Debug, Default)]
struct DrsState {
    space: u32,
    seq: Seq,
    time: SimTime,
    /// Microseconds shifted left by 3.
    rtt8: u32,
    rtt_seq: Seq,
    rtt_time: Option<SimTime>,
    /// `rcv_rtt_last_tsecr`.
    last_tsecr: u32,
    /// `rx_opt.rcv_tsecr` of the last segment with timestamps.
    rcv_tsecr: u32,
}

/// A `recv` in progress.
#[derive(Clone, Copy, Debug, Default)]
struct ReadCall {
    left: u32,
    copied: u32,
}

/// The receiving half of one socket.
#[derive(Clone, Debug)]
pub struct Receiver {
    kernel: &'static KernelProfile,
    sysctl: Arc<Sysctls>,
    route: Route,
    state: TcpState,

    rcv_nxt: Seq,
    rcv_wup: Seq,
    rcv_wnd: u32,
    copied_seq: Seq,
    /// Right edge of the largest window ever offered.
    rcv_mwnd_seq: Seq,
    /// 0 until it is known.
    window_clamp: u32,
    rcv_ssthresh: u32,
    advmss: u32,
    rcv_wscale: u8,
    snd_wscale: u8,
    wscale_ok: bool,
    sack_ok: bool,
    tstamp_ok: bool,
    ts_recent: u32,
    /// `scaling_ratio`, of 256; unused before 6.6.
    ratio: u8,
    /// The header-prediction word; 0 is off.
    pred_flags: u32,
    read_shutdown: bool,

    rcvbuf: i32,
    rmem: i32,
    fwd_alloc: i32,
    /// What the sending half has charged, bytes.
    wmem_charged: u32,
    userlocks: u8,
    lowat: u32,
    drops: u32,
    /// Skbs moved from the out-of-order queue since somebody asked.
    drained: u32,
    /// Something has come out of order since the socket was made (`ooo_last_skb` has been set).
    disordered: bool,

    queue: VecDeque<Skb>,
    /// Memory for the next collapse: an empty queue, and what it does.
    spare: VecDeque<Skb>,
    collapsed: collapse::Collapsed,
    /// The queue when the last collapse of it has changed nothing.
    settled: Option<collapse::Settled>,
    ofo: SkbTree,
    backlog: VecDeque<Waiting>,
    backlog_len: u32,
    /// Segments at the front of the backlog that belong to the drain in progress.
    draining: usize,
    /// Pure ACKs that joined the one in hand in the backlog, that one included (`gso_segs`); 0 and 1: none did.
    joined: u32,
    owned: bool,
    reading: ReadCall,

    sacks: Vec<SackBlock>,
    dsack: Option<SackBlock>,
    /// The connection has failed and no `recv` has told so yet (`sk_err`).
    error: bool,

    ack: AckState,
    drs: DrsState,

    /// `tcp_mstamp`; `None` before its first refresh.
    mstamp: Option<SimTime>,
    /// What that clock read when the last packet without data was sent.
    acked_at: SimTime,
    ecn: EcnState,
    /// `rcv_tstamp`.
    rcv_tstamp: Option<Jiffies>,
    /// Microseconds to add to the simulation's time to get the clock that timestamps are taken from.
    clock_origin_us: u64,
    /// Added to every TSval (`tsoffset`).
    ts_offset: u32,
    /// Everything below is no longer shared with the sender's clones.
    unshared_below: Seq,
    /// What the sender has given up beyond that.
    unshared: Vec<(Seq, Seq)>,
    layout: SkbLayout,
}

/// What a head of 1 KiB has room for, bytes; those that a collapse makes are larger.
const SMALL_HEAD: u32 = 704;

impl Receiver {
    /// A closed socket with the defaults of its kernel and host. The sockets of a host may share its sysctls.
    pub fn new(kernel: &'static KernelProfile, sysctl: impl Into<Arc<Sysctls>>, route: Route) -> Self {
        Self::on_machine(kernel, sysctl.into(), route, 0, SkbLayout::default())
    }

    /// As [`Receiver::new`], on a machine that has been up for `uptime_us` microseconds and whose skbs have the sizes of `layout`.
    #[inline(always)]
    pub(crate) fn on_machine(
        kernel: &'static KernelProfile,
        sysctl: Arc<Sysctls>,
        route: Route,
        uptime_us: u64,
        layout: SkbLayout,
    ) -> Self {
        let ratio = match kernel.ratio {
            PayloadRatio::AdvWinScale => 0,
            PayloadRatio::Measured { initial, .. } => initial,
        };
        let rcvbuf = sysctl.tcp_rmem[1].min(i32::MAX as u32) as i32;
        Self {
            kernel,
            sysctl,
            route,
            state: TcpState::Close,
            rcv_nxt: Seq(0),
            rcv_wup: Seq(0),
            rcv_wnd: 0,
            copied_seq: Seq(0),
            rcv_mwnd_seq: Seq(0),
            window_clamp: 0,
            rcv_ssthresh: 0,
            advmss: 536,
            rcv_wscale: 0,
            snd_wscale: 0,
            wscale_ok: false,
            sack_ok: false,
            tstamp_ok: false,
            ts_recent: 0,
            ratio,
            pred_flags: 0,
            read_shutdown: false,
            rcvbuf,
            rmem: 0,
            fwd_alloc: 0,
            wmem_charged: 0,
            userlocks: BINDADDR_LOCK,
            lowat: 1,
            drops: 0,
            drained: 0,
            queue: VecDeque::new(),
            spare: VecDeque::new(),
            collapsed: collapse::Collapsed::default(),
            settled: None,
            ofo: SkbTree::default(),
            backlog: VecDeque::new(),
            backlog_len: 0,
            draining: 0,
            joined: 0,
            disordered: false,
            owned: false,
            reading: ReadCall::default(),
            sacks: Vec::new(),
            dsack: None,
            error: false,
            ack: AckState::default(),
            drs: DrsState::default(),
            mstamp: None,
            acked_at: SimTime::ZERO,
            ecn: EcnState::default(),
            rcv_tstamp: None,
            clock_origin_us: uptime_us,
            ts_offset: 0,
            unshared_below: Seq(0),
            unshared: Vec::new(),
            layout,
        }
    }

    /// Takes over the memory of an older socket, which is lost.
    pub(crate) fn take_memory(&mut self, old: &mut Self) {
        for (new, old) in [(&mut self.queue, &mut old.queue), (&mut self.spare, &mut old.spare)] {
            std::mem::swap(new, old);
            new.clear();
        }
        std::mem::swap(&mut self.ofo, &mut old.ofo);
        self.ofo.clear();
        std::mem::swap(&mut self.backlog, &mut old.backlog);
        self.backlog.clear();
        std::mem::swap(&mut self.sacks, &mut old.sacks);
        self.sacks.clear();
        std::mem::swap(&mut self.collapsed, &mut old.collapsed);
        self.collapsed.clear();
    }

    /// Sets the clock that timestamps are taken from: `origin_us` is its reading at the start of the run, in
    /// microseconds, and `ts_offset` is added to every TSval.
    pub fn set_timestamp_clock(&mut self, origin_us: u64, ts_offset: u32) {
        self.clock_origin_us = origin_us;
        self.ts_offset = ts_offset;
    }

    /// Sets the sizes of skb structures of the host's machine and configuration.
    pub fn set_skb_layout(&mut self, layout: SkbLayout) {
        self.layout = layout;
    }

    /// The kernel that this socket runs on.
    pub fn kernel(&self) -> &'static KernelProfile {
        self.kernel
    }

    /// The host's sysctls.
    pub fn sysctl(&self) -> &Sysctls {
        &self.sysctl
    }

    /// `sk_state`.
    pub fn tcp_state(&self) -> TcpState {
        self.state
    }

    /// MSS that was advertised, bytes.
    pub fn advmss(&self) -> u32 {
        self.advmss
    }

    /// Bytes that a `recv` would find.
    pub fn available(&self) -> u64 {
        (self.rcv_nxt - self.copied_seq).max(0) as u64
    }

    /// `tcp_receive_window`: what remains of the window last advertised, bytes.
    pub fn receive_window(&self) -> u32 {
        (self.rcv_wup + self.rcv_wnd - self.rcv_nxt).max(0) as u32
    }

    /// Next sequence number expected.
    pub fn rcv_nxt(&self) -> Seq {
        self.rcv_nxt
    }

    /// Whether the application holds the socket.
    pub fn is_owned(&self) -> bool {
        self.owned
    }

    /// Whether anything has ever come out of order.
    pub(crate) fn was_disordered(&self) -> bool {
        self.disordered
    }

    /// Whether it holds pages with data from `from` on that nobody has copied.
    pub fn holds_pages(&self, from: Seq) -> bool {
        let holds = |skb: &Skb| skb.data_len() > 0 && skb.end_seq > from;
        self.queue.back().is_some_and(holds) || !self.ofo.is_empty() || !self.backlog.is_empty()
    }

    /// How many skbs it holds that their sender has freed and whose copies these are, and how many that were never the
    /// sender's. Heads that a collapse has made are of another size and not among them.
    pub fn skbs_of_others(&self) -> [u32; 2] {
        let mut of = [0; 2];
        let mut add = |skb: &Skb| match skb.buf.share {
            Share::UntilAcked(end) => of[0] += u32::from(end <= self.unshared_below),
            _ => of[1] += u32::from(skb.buf.head_size <= SMALL_HEAD),
        };
        self.queue.iter().for_each(&mut add);
        self.backlog.iter().for_each(|w| add(&w.skb));
        let mut n = self.ofo.first();
        while n != NIL {
            add(self.ofo.get(n));
            n = self.ofo.next(n);
        }
        of
    }

    /// Sets the cached clock and the begin of the autotuning interval, for drivers that know from a recording which
    /// microsecond the kernel read.
    pub fn set_cached_clock(&mut self, stamp: SimTime, autotune_begin: SimTime) {
        self.mstamp = Some(stamp);
        self.drs.time = autotune_begin;
    }

    /// The cached clock in microseconds, as DRS and timestamps use it.
    fn stamp_us(&self) -> u64 {
        self.mstamp.unwrap_or_default().as_micros()
    }

    /// Reads the clock into the socket's cache (`tcp_mstamp_refresh`). The sending half does so whenever it begins to
    /// transmit data.
    pub fn refresh_clock<O: Observer>(&mut self, cx: &Cx<'_, O>) {
        self.mstamp = Some(cx.now.time);
    }

    /// TSval of a packet sent now (`tcp_time_stamp`), milliseconds.
    pub(crate) fn tsval(&self) -> u32 {
        self.timestamp_clock().wrapping_add(self.ts_offset)
    }

    /// What [`Receiver::set_timestamp_clock`] set.
    pub(crate) fn timestamps_from(&self) -> (u64, u32) {
        (self.clock_origin_us, self.ts_offset)
    }

    /// The clock that timestamps are taken from, before the offset (`tcp_time_stamp_ms`), milliseconds.
    fn timestamp_clock(&self) -> u32 {
        ((self.clock_origin_us + self.stamp_us()) / 1_000) as u32
    }

    /// Everything that `ss`, `TCP_INFO` or a recording shows of this socket now.
    pub fn state<S: SendHalf>(&self, snd: &S) -> SocketState {
        let tail = self.queue.back();
        let ofo_last = (!self.ofo.is_empty()).then(|| self.ofo.get(self.ofo.last()));
        let measured = matches!(self.kernel.ratio, PayloadRatio::Measured { .. });
        SocketState {
            rcv_ssthresh: self.rcv_ssthresh,
            window_clamp: self.window_clamp,
            rcvbuf: self.rcvbuf,
            rmem: self.rmem,
            rcv_wnd: self.rcv_wnd,
            rcv_wup: self.rcv_wup,
            rcv_nxt: self.rcv_nxt,
            copied_seq: self.copied_seq,
            scaling_ratio: measured.then_some(self.ratio),
            rcv_mwnd_seq: self.kernel.tracks_max_window().then_some(self.rcv_mwnd_seq),
            quick: self.ack.quick,
            pingpong: self.ack.pingpong,
            ack_pending: self.ack.pending,
            ack_retry: self.ack.retry,
            ato: self.ack.ato,
            ack_timeout: self.ack.timeout,
            delack_expires: self.ack.timer_expires,
            lrcvtime: self.ack.lrcvtime,
            rcv_mss: self.ack.rcv_mss,
            last_seg_size: self.ack.last_seg_size,
            fwd_alloc: self.fwd_alloc,
            backlog_len: self.backlog_len,
            owned: self.owned,
            userlocks: self.userlocks,
            lowat: self.lowat,
            qlen: self.queue.len() as u32,
            tail_len: tail.map(|s| s.len),
            tail_truesize: tail.map(|s| s.buf.truesize),
            ofo: ofo_last.is_some(),
            ofo_last_len: ofo_last.map(|s| s.len),
            ofo_last_truesize: ofo_last.map(|s| s.buf.truesize),
            num_sacks: self.sacks.len() as u8,
            dup_sack: self.dsack.is_some(),
            drs_space: self.drs.space,
            drs_seq: self.drs.seq,
            drs_time: self.drs.time,
            rcv_rtt: self.drs.rtt8,
            rcv_rtt_seq: self.drs.rtt_seq,
            rcv_rtt_time: self.drs.rtt_time,
            rcv_rtt_tsecr: self.drs.last_tsecr,
            ts_recent: self.ts_recent,
            drops: self.drops,
            comp_ack: self.ack.compressed,
            pred_flags: self.pred_flags,
            snd_una: snd.snd_una(),
            snd_nxt: snd.snd_nxt(),
            snd_wnd: snd.snd_wnd(),
            tcp_mstamp: self.mstamp,
            rcv_tstamp: self.rcv_tstamp,
            rcv_wscale: self.rcv_wscale,
            snd_wscale: self.snd_wscale,
            advmss: self.advmss,
            // A connection in TIME-WAIT lives on in a smaller record; the socket itself is closed (`tcp_time_wait`).
            state: if self.state == TcpState::TimeWait { TcpState::Close } else { self.state },
        }
    }

    /// As much of [`Receiver::state`] as the observer wants.
    #[inline]
    pub(crate) fn shown<S: SendHalf, O: Observer>(&self, snd: &S) -> SocketState {
        if O::WHOLE_STATE {
            return self.state(snd);
        }
        SocketState {
            rcv_ssthresh: self.rcv_ssthresh,
            rcvbuf: self.rcvbuf,
            rmem: self.rmem,
            rcv_wnd: self.rcv_wnd,
            rcv_wup: self.rcv_wup,
            rcv_nxt: self.rcv_nxt,
            copied_seq: self.copied_seq,
            ..SocketState::default()
        }
    }

    /// A segment reaches the socket. If an application holds the socket, it waits in the backlog.
    #[inline(always)]
    pub fn segment_arrives<S: SendHalf, O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        snd: &mut S,
        seg: &Segment,
        buf: Buffer,
    ) {
        self.skb_arrives(cx, snd, seg, &Skb::of(seg, buf));
    }

    /// The same of a segment whose skb is there.
    #[inline(always)]
    pub(crate) fn skb_arrives<S: SendHalf, O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        snd: &mut S,
        seg: &Segment,
        skb: &Skb,
    ) {
        cx.host.counters.in_segs += 1;
        if self.owned {
            self.backlog_add(cx, snd, seg, *skb);
        } else {
            self.process(cx, snd, seg, skb);
        }
    }

    /// A segment is processed at once, even if an application holds the socket: for drivers that know from a
    /// recording that it did not wait.
    pub fn segment_bypassing_backlog<S: SendHalf, O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        snd: &mut S,
        seg: &Segment,
        buf: Buffer,
    ) {
        let owned = std::mem::replace(&mut self.owned, false);
        self.segment_arrives(cx, snd, seg, buf);
        self.owned = owned;
    }

    /// A segment is processed (`tcp_v4_do_rcv`).
    #[inline(always)]
    fn process<S: SendHalf, O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        snd: &mut S,
        seg: &Segment,
        skb: &Skb,
    ) {
        if O::ACTIVE {
            cx.obs.segment(cx.now, seg, skb, &self.shown::<_, O>(snd));
        }
        match self.state {
            TcpState::Established => self.rcv_established(cx, snd, seg, skb),
            TcpState::Close | TcpState::Listen | TcpState::TimeWait | TcpState::SynSent => {}
            _ => self.rcv_state_process(cx, snd, seg, skb),
        }
    }
}
