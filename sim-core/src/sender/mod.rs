//! The sending half of a socket.
//!
//! [`Sender`] is the model of `tcp_output.c` and of the ACK processing in `tcp_input.c`; [`PassiveSender`] keeps
//! the numbers of a sending half whose packets are known from outside.
//!
//! | file | concern | kernel functions |
//! |---|---|---|
//! | `write` | what an application writes, and when it may | `tcp_sendmsg`, `tcp_push`, `sk_stream_write_space` |
//! | `fill` | the same, skb by skb, while nothing can be sent | |
//! | `write_queue` | skbs, their memory, splitting | `tcp_fragment`, `tso_fragment`, `sk_page_frag` |
//! | `unsent`, `frag_starts` | runs of equal skbs and of page fragments in it | |
//! | `output` | what is sent now | `tcp_write_xmit`, `tcp_retransmit_skb`, `tcp_write_wakeup` |
//! | `alike` | many packets alike | |
//! | `tso` | how large a packet is | `tcp_tso_autosize`, `tcp_mss_split_point` |
//! | `input` | what an ACK does | `tcp_ack`, `tcp_clean_rtx_queue` |
//! | `recovery` | fast recovery | `tcp_fastretrans_alert`, PRR |
//! | `rack`, `newreno` | which packets are lost, with SACK and without | `tcp_recovery.c` |
//! | `undecided` | which of them may be | `tsorted_sent_queue` |
//! | `timeout` | the timeout and what follows | `tcp_enter_loss`, `tcp_process_loss` |
//! | `undo` | reductions that were not needed | `tcp_try_undo_*` |
//! | `loss_state` | what these have in common | |
//! | `scoreboard` | SACK blocks | `tcp_sacktag_write_queue` |
//! | `small_queue` | what waits in the own host | `tcp_small_queue_check`, `tcp_wfree` |
//! | `pacing` | when a paced packet leaves | `tcp_pacing_check`, `tcp_pace_kick` |
//! | `abort` | when a connection is given up | `tcp_write_timeout`, `tcp_write_err` |
//! | `join` | small packets joined when they are sent again | `tcp_retrans_try_collapse` |
//! | `timers`, `expiry`, `probes` | retransmission, loss and window probes | `tcp_retransmit_timer`, `tcp_send_probe0` |
//! | `ecn` | marks | `tcp_ecn_send`, `tcp_ecn_rcv_ecn_echo` |
//! | `congestion` | the congestion window | `tcp_cong.c`, `tcp_cubic.c` |
//! | `window`, `rtt`, `min_filter`, `rules`, `costs` | the peer's window, round-trip time, what differs between kernels, processor time | |

mod abort;
mod alike;
pub mod congestion;
mod costs;
mod ecn;
mod expiry;
mod fill;
mod frag_starts;
mod input;
mod join;
mod loss_state;
mod min_filter;
mod newreno;
mod output;
mod pacing;
pub mod passive;
pub mod probes;
mod rack;
mod recovery;
pub mod rtt;
pub mod rules;
mod scoreboard;
mod small_queue;
#[cfg(test)]
mod test_server;
mod timeout;
pub mod timers;
pub mod tso;
mod undecided;
mod undo;
mod unsent;
pub mod window;
mod write;
pub mod write_queue;

pub(crate) use join::Sharing;
pub use loss_state::CaState;
pub use output::Emitted;
pub use passive::PassiveSender;
pub use write::WriteProgress;

use std::sync::Arc;

use crate::config::{EndpointConfig, HostConfig, NicModel, SockOpts, Sysctls};
use crate::linux::{KernelProfile, Reclaim};
use crate::observer::{Observer, SenderState};
use crate::receiver::Receiver;
use crate::segment::Segment;
use crate::send_half::{AckOutcome, AckPath, Cx, SendHalf};
use crate::seq::Seq;
use crate::skb::SkbLayout;
use crate::time::{Jiffies, JiffyClock, Now, SimDuration, SimTime};
use crate::timer_wheel::TimerWheel;
use congestion::{AckContext, CongestionWindow, INIT_CWND};
use costs::Costs;
use loss_state::LossState;
use pacing::Pacing;
use rtt::Rtt;
use rules::SenderRules;
use small_queue::Charged;
use timers::{TimerKind, XmitTimer};
use window::SendWindow;
use write_queue::WriteQueue;

/// What the handshake told one end about its own sending direction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Handshake {
    /// First sequence number of data (everything before it is acknowledged).
    pub snd_nxt: Seq,
    /// The peer's window at that moment, bytes. The window of a SYN is never scaled.
    pub snd_wnd: u32,
    /// Sequence number of the segment that carried it.
    pub wl1: Seq,
    /// The peer's window scale.
    pub snd_wscale: u8,
    /// Largest segment to send, timestamp option already subtracted, bytes.
    pub mss: u32,
    /// Whether both ends permit SACK.
    pub sack: bool,
    /// Whether both ends use timestamps.
    pub timestamps: bool,
    /// RTT of the SYN or SYN-ACK, microseconds, if it was measured.
    pub rtt_us: Option<u32>,
}

/// The segment size in use: not above half the largest window seen (`tcp_bound_to_half_wnd`); a peer with a
/// tiny window may be filled completely.
pub fn send_mss(mss: u32, max_window: u32) -> u32 {
    let cutoff = if max_window > 536 { max_window / 2 } else { max_window };
    if cutoff != 0 && mss > cutoff { cutoff.max(68 - 40) } else { mss }
}

/// Which end of the handshake a socket was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// It sent the SYN.
    Active,
    /// It answered one.
    Passive,
}

/// A timer that tells of a peer that did not answer, or whose window is closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DueTimer {
    /// The retransmission timer.
    Retransmission,
    /// The timer of window probes.
    Probe {
        /// How often its delay was doubled.
        doublings: u8,
    },
}

/// The sending half of one socket.
#[derive(Clone, Debug)]
pub struct Sender {
    rules: SenderRules,
    sysctl: Arc<Sysctls>,
    nodelay: bool,
    cork: bool,
    notsent_lowat: u32,
    hz: u32,
    clock: JiffyClock,
    costs: Costs,
    max_tcp_header: u32,
    layout: SkbLayout,
    init_cwnd: u32,

    window: SendWindow,
    rtt: Rtt,
    cc: CongestionWindow,
    queue: WriteQueue,
    timer: XmitTimer,
    loss: LossState,

    /// MSS that the peer and the route allow, bytes.
    mss_limit: u32,
    /// `mss_cache`, bytes.
    mss: u32,
    /// `sk_gso_max_size`, bytes.
    gso_max: u32,
    /// `sk_pacing_rate`, bytes per second.
    pacing_rate: u64,
    /// If the socket paces itself.
    pacing: Option<Pacing>,
    /// The receiver of a packet shares its data (loopback and pairs of virtual devices).
    shares_data: bool,
    /// Data that it has given up before it was acknowledged, and such data that it has sent once more since, in order.
    sharing: Vec<Sharing>,
    sack_ok: bool,
    ecn: ecn::SenderEcn,
    timestamps: bool,
    /// Reading of the timestamp clock at the start of the run, microseconds, and what is added to every TSval; known
    /// after the first packet.
    ts_clock: Option<(u64, u32)>,
    established: bool,

    packets_out: u32,
    /// Exponent of the window-probe delay (`icsk_backoff`).
    backoff: u8,
    /// Window probes since the last ACK (`icsk_probes_out`).
    probes_out: u32,
    /// Last data transmission (`lsndtime`).
    lsndtime: Jiffies,
    /// Time of the last transmission (`tcp_wstamp_ns`).
    wstamp: SimTime,
    /// End of the last small packet (`snd_sml`).
    snd_sml: Seq,

    sndbuf: u32,
    sndbuf_locked: bool,
    /// A writer waits for room (`SOCK_NOSPACE`).
    nospace: bool,
    /// The last `send` ended for want of memory.
    short_of_memory: bool,
    /// The host refused pages during the last call.
    refused: bool,
    /// A refusal has made the send buffer smaller (`sk_stream_moderate_sndbuf`).
    moderated: bool,
    /// Whether a `send` takes as much as there is memory for, rather than whole fragments (6.0 and later).
    writes_in_part: bool,
    /// The waiting writer was told that there is room.
    woken: bool,

    writing: write::WriteCall,
    /// Sequence number of the FIN, once the program has closed its writing half.
    fin: Option<Seq>,
    /// What waits in the own host.
    charged: Charged,
    /// The last packet handed to the device waits there.
    held: bool,
}

impl Sender {
    /// The sending half of a socket that is not yet connected, on a machine with the clock and the costs of
    /// `host`.
    ///
    /// # Panics
    /// If `host.hz` is not a tick rate (see [`JiffyClock::new`]).
    pub fn new(kernel: &KernelProfile, config: &EndpointConfig, host: &HostConfig) -> Self {
        Self::with_sysctls(kernel, config, host, Arc::new(config.sysctl.clone()))
    }

    /// As [`Sender::new`], with the sysctls of `config` that other sockets have, too.
    #[inline(always)]
    pub(crate) fn with_sysctls(
        kernel: &KernelProfile,
        config: &EndpointConfig,
        host: &HostConfig,
        sysctl: Arc<Sysctls>,
    ) -> Self {
        let hz = host.hz;
        let SockOpts { sndbuf, sndbuf_force, nodelay, cork, notsent_lowat, .. } = config.sockopt;
        let rto_min_us = config
            .route
            .rto_min
            .map_or(config.sysctl.tcp_rto_min_us, |d| u32::try_from(d.as_micros()).unwrap_or(u32::MAX));
        let mut s = Self {
            rules: SenderRules::of(kernel),
            sysctl,
            nodelay,
            cork,
            notsent_lowat: notsent_lowat.unwrap_or(config.sysctl.tcp_notsent_lowat),
            hz,
            clock: JiffyClock::new(hz, host.since_tick),
            costs: Costs::new(host),
            max_tcp_header: kernel.max_tcp_header,
            layout: host.skb,
            init_cwnd: config.route.initcwnd.unwrap_or(INIT_CWND),
            window: SendWindow::new(Seq::FIRST, 0, Seq::default(), 0, kernel.accepts_zero_window_update),
            rtt: Rtt::new(hz, rto_min_us, config.sysctl.tcp_rto_max_ms),
            cc: CongestionWindow::new(config.congestion, &SenderRules::of(kernel)),
            queue: WriteQueue::new(kernel.sender_head(host.skb).truesize),
            timer: XmitTimer::new(TimerWheel::new(host.jiffies)),
            loss: LossState::new(config.sysctl.tcp_reordering),
            mss_limit: 536,
            mss: 536,
            gso_max: tso::gso_max(kernel.max_tcp_header),
            pacing_rate: config.sockopt.max_pacing_rate.unwrap_or(u64::MAX),
            pacing: config.sockopt.max_pacing_rate.map(Pacing::new),
            sharing: Vec::new(),
            shares_data: config.nic.model == NicModel::Loopback,
            sack_ok: false,
            ecn: ecn::SenderEcn::default(),
            timestamps: false,
            ts_clock: None,
            established: false,
            packets_out: 0,
            backoff: 0,
            probes_out: 0,
            lsndtime: Jiffies::default(),
            wstamp: SimTime::ZERO,
            snd_sml: Seq::default(),
            sndbuf: config.sysctl.tcp_wmem[1],
            sndbuf_locked: false,
            nospace: false,
            short_of_memory: false,
            refused: false,
            moderated: false,
            writes_in_part: kernel.reclaim == Reclaim::Pages,
            woken: false,
            writing: write::WriteCall::default(),
            fin: None,
            charged: Charged::default(),
            held: false,
        };
        s.rtt.set_min_rtt_wlen(config.sysctl.tcp_min_rtt_wlen);
        if let Some(v) = sndbuf {
            s.set_sndbuf(v, sndbuf_force);
        }
        s
    }

    /// Takes over the memory of an older sending half, which is lost.
    pub(crate) fn take_memory(&mut self, old: &mut Self) {
        self.queue.take_memory(&mut old.queue);
        self.loss.undecided.take_memory(&mut old.loss.undecided);
    }

    /// A SYN is about to be sent: until the peer answers, segments are as large as the program allows, or 536
    /// bytes, and no larger than fits the link (`tcp_connect_init`, `tcp_sync_mss`).
    pub fn connect(&mut self, maxseg: Option<u16>, link_mss: u32, timestamps: bool) {
        let mss = maxseg.map_or(536, u32::from).min(link_mss);
        self.mss = mss - if timestamps { mss.min(12) } else { 0 };
    }

    /// The state in which a SYN is sent again: a timeout has passed (`tcp_enter_loss`).
    pub fn state_of_repeated_syn(&self) -> SenderState {
        let ssthresh = self.cc.clone().ssthresh_after_loss();
        let seqs = SenderState { snd_una: Seq(0), snd_nxt: Seq(0), packets_out: 1, ..self.state() };
        SenderState { cwnd: 1, ssthresh, lost_out: 1, ca_state: CaState::Loss as u8, ..seqs }
    }

    /// The handshake that is just over needed `times` repetitions of the SYN. From the second on the connection starts
    /// with a window of one packet, unless the answer was to the first one (`tcp_init_transfer`); the packets themselves
    /// count as retransmissions.
    pub fn syn_was_repeated(&mut self, times: u8, needlessly: bool) {
        self.loss.total_retrans = u32::from(times);
        if times > 1 && !needlessly {
            self.cc.cwnd = 1;
        }
        self.rtt.fall_back();
    }

    /// The handshake is over: the peer's options, window and the first RTT sample are known.
    pub fn established(&mut self, now: Now, h: &Handshake, role: Role) {
        let accepts_zero = self.window.accepts_zero();
        self.window = SendWindow::new(h.snd_nxt, h.snd_wnd, h.wl1, h.snd_wscale, accepts_zero);
        self.queue.write_seq = h.snd_nxt;
        self.queue.pushed_seq = h.snd_nxt;
        self.sack_ok = h.sack;
        self.timestamps = h.timestamps;
        self.established = true;
        self.lsndtime = now.jiffies;
        self.cc.stamp = now.jiffies;
        self.snd_sml = h.snd_nxt;
        if let Some(us) = h.rtt_us {
            self.rtt.sample(us, h.snd_nxt, h.snd_nxt);
            self.rtt.note_min(us, now.jiffies, false);
        }
        self.mss_limit = h.mss;
        self.mss = send_mss(h.mss, self.window.max_window);
        // The active end computes its pacing rate while it processes the SYN-ACK, before it takes the route's initial
        // window, but with the MSS of the connection, as recorded; the passive end afterwards.
        if role == Role::Active {
            self.update_pacing_rate();
        }
        self.cc.cwnd = self.init_cwnd;
        if role == Role::Passive {
            self.update_pacing_rate();
        }
        let cx = self.ack_context(now);
        self.cc.on_established(&cx);
        if !self.sndbuf_locked {
            self.expand_sndbuf();
        }
    }

    /// The state that the recordings show with each packet sent.
    pub fn state(&self) -> SenderState {
        SenderState {
            cwnd: self.cc.cwnd,
            ssthresh: self.cc.ssthresh,
            snd_una: self.window.snd_una,
            snd_nxt: self.window.snd_nxt,
            snd_wnd: self.window.snd_wnd,
            packets_out: self.packets_out,
            retrans_out: self.loss.retrans_out,
            sacked_out: self.loss.sacked_out,
            lost_out: self.loss.lost_out,
            ca_state: self.loss.ca_state as u8,
            srtt8: self.rtt.srtt8(),
            mss_cache: self.mss,
            rto: self.rtt.rto(),
        }
    }

    /// The tick at which the timer fires.
    pub fn next_timer(&self) -> Option<Jiffies> {
        self.timer.fires()
    }

    /// The tick at which a timer that was cancelled runs, for drivers that compare memory to the byte: it finds nothing to
    /// send, but on kernels before 6.0 it gives memory back ([`Receiver::write_timer_ran`]).
    pub fn idle_timer(&self) -> Option<Jiffies> {
        self.timer.idle()
    }

    /// The timer that was cancelled has run.
    pub fn idle_timer_ran(&mut self) {
        self.timer.idle_ran();
    }

    /// Whether a retransmission or a window probe is due at `now`; a probe with the number of doublings so far.
    pub fn due(&self, now: Jiffies) -> Option<DueTimer> {
        let kind = match self.timer.kind()? {
            TimerKind::Retransmit => DueTimer::Retransmission,
            TimerKind::WindowProbe => DueTimer::Probe { doublings: self.backoff },
            _ => return None,
        };
        self.timer.fires().filter(|due| *due <= now).map(|_| kind)
    }

    /// Whether the program has closed its writing half.
    pub fn is_shut(&self) -> bool {
        self.fin.is_some()
    }

    /// Packets in flight as the scoreboard sees them.
    pub fn in_flight(&self) -> u32 {
        (self.packets_out + self.loss.retrans_out).saturating_sub(self.loss.sacked_out + self.loss.lost_out)
    }

    /// Packets sent and not acknowledged (`tcpi_unacked`).
    pub fn packets_out(&self) -> u32 {
        self.packets_out
    }

    /// Whether it has nothing to send, nothing in flight and nobody waits for it.
    pub(crate) fn is_silent(&self) -> bool {
        self.packets_out == 0
            && self.queue.unsent.is_empty()
            && !self.nospace
            && self.loss.tlp_high_seq.is_none()
    }

    /// One after the last byte written.
    pub fn write_seq(&self) -> Seq {
        self.queue.write_seq
    }

    /// Time passes while this socket works.
    fn spend<O: Observer>(&self, cx: &mut Cx<'_, O>, cost: SimDuration) {
        if cost > SimDuration::ZERO {
            let time = cx.now.time + cost;
            self.clock.read_on(&mut cx.now, time);
        }
    }

    /// TSval of a packet with the stamp `at` (`tcp_skb_timestamp_ts`).
    fn tsval_at(&self, at: SimTime) -> Option<u32> {
        let (origin_us, offset) = self.ts_clock.filter(|_| self.timestamps)?;
        Some((((origin_us + at.as_micros()) / 1_000) as u32).wrapping_add(offset))
    }

    fn end_of_window(&self) -> Seq {
        self.window.end()
    }

    fn update_pacing_rate(&mut self) {
        self.pacing_rate = tso::pacing_rate(
            self.mss,
            self.cc.cwnd,
            self.cc.ssthresh,
            self.packets_out,
            self.rtt.srtt8(),
            &self.sysctl,
        );
        if let Some(p) = &self.pacing {
            self.pacing_rate = self.pacing_rate.min(p.max_rate);
        }
    }

    fn ack_context(&self, now: Now) -> AckContext {
        AckContext {
            jiffies: now.jiffies,
            hz: self.hz,
            now_us: now.time.as_micros(),
            snd_una: self.window.snd_una,
            snd_nxt: self.window.snd_nxt,
            pacing_rate: self.pacing_rate,
            gso_max: self.gso_max,
            paced: self.pacing.is_some(),
        }
    }

    /// A packet that starts at `seq` has left the queueing discipline of its host.
    pub fn left_host(&mut self, seq: Seq) {
        if let Some(skb) = self.queue.in_flight_at(seq) {
            skb.marks.in_host = false;
            skb.marks.shared &= self.shares_data;
        }
    }

    /// A packet that starts at `seq` was dropped on its way: nobody holds its data any more.
    pub fn dropped_on_the_way(&mut self, seq: Seq) {
        if let Some(skb) = self.queue.in_flight_at(seq) {
            skb.marks.in_host = false;
            skb.marks.shared = false;
        }
    }
}

impl SendHalf for Sender {
    fn snd_una(&self) -> Seq {
        self.window.snd_una
    }

    fn snd_nxt(&self) -> Seq {
        self.window.snd_nxt
    }

    fn snd_wnd(&self) -> u32 {
        self.window.snd_wnd
    }

    fn srtt8_us(&self) -> u32 {
        self.rtt.srtt8()
    }

    fn rto_ticks(&self) -> u32 {
        self.rtt.rto()
    }

    fn mss_cache(&self) -> u32 {
        self.mss
    }

    fn wmem_queued(&self) -> u32 {
        self.queue.wmem_queued
    }

    fn sndbuf(&self) -> u32 {
        self.sndbuf
    }

    fn fin_acked(&self) -> bool {
        self.fin.is_some_and(|fin| self.window.snd_una > fin)
    }

    fn purge<O: Observer>(&mut self, cx: &mut Cx<'_, O>, rx: &mut Receiver) {
        self.queue.purge();
        rx.settle_send(cx, self.queue.wmem_queued);
        self.packets_out = 0;
        self.loss.forget_in_flight();
        self.timer.stop();
    }

    fn note_predicted(&mut self, seq: Seq) {
        self.window.note_predicted(seq);
    }

    #[inline]
    fn on_ack<O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        rx: &mut Receiver,
        seg: &Segment,
        path: AckPath,
    ) -> AckOutcome {
        let outcome = self.ack_arrives(cx, rx, seg, path);
        rx.settle_send(cx, self.queue.wmem_queued);
        outcome
    }

    fn push_pending<O: Observer>(&mut self, cx: &mut Cx<'_, O>, rx: &mut Receiver) {
        if !self.established {
            return;
        }
        if !self.queue.unsent.is_empty() {
            self.push_frames(cx, rx, self.mss_now(rx), self.nodelay, self.cork);
        }
        self.check_space(cx);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_window_halves_the_segment_size() {
        assert_eq!(send_mss(1_024, 65_535), 1_024);
        assert_eq!(send_mss(1_460, 2_048), 1_024);
        assert_eq!(send_mss(1_460, 500), 500);
    }
}
