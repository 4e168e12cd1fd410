//! Opening the connection: the initial window, the window scale, and the space at establishment.

use super::Receiver;
use super::growth::{MIN_MSS, MSS_DEFAULT};
use crate::observer::{AckReason, Observer};
use crate::segment::{Segment, SynOptions, Timestamps};
use crate::send_half::{Cx, SendHalf};
use crate::seq::Seq;
use crate::state::TcpState;

/// `TCPOLEN_TSTAMP_ALIGNED`.
const TIMESTAMP_OPTION: u32 = 12;
/// `TCP_MAX_WSCALE`.
const MAX_WSCALE: u8 = 14;
/// `TCP_INIT_CWND`.
const INIT_CWND: u32 = 10;
/// Largest MSS that an IPv4 header can describe (`IPV4_MAX_PMTU_MTU` less headers).
const MAX_ADVMSS: u32 = 65_535 - 40;
/// Smallest MSS advertised by default (`net.ipv4.route.min_adv_mss`).
const MIN_ADVMSS: u32 = 256;

/// What `tcp_select_initial_window` chose.
struct InitialWindow {
    rcv_wnd: u32,
    clamp: u32,
    wscale: u8,
}

impl Receiver {
    /// MSS to advertise (`dst_metric_advmss`, `tcp_mss_clamp`): from the link, the route and `TCP_MAXSEG`.
    fn mss_to_advertise(&self, link_mss: u32, maxseg: Option<u16>) -> u32 {
        let by_route = match self.route.advmss {
            Some(v) => u32::from(v).max(self.kernel.min_advmss),
            None => link_mss.clamp(MIN_ADVMSS, MAX_ADVMSS),
        };
        maxseg.map_or(by_route, |m| by_route.min(u32::from(m)))
    }

    /// `tcp_select_initial_window`. Without an MSS the space is not rounded, where a kernel divides by zero and stops
    /// (up to 6.18, with `advmss 12` and timestamps).
    fn initial_window(&self, space: i64, mss: u32, clamp: u32, scaling: bool) -> InitialWindow {
        let clamp = if clamp == 0 { 65_535u32 << MAX_WSCALE } else { clamp };
        let mut space = space.clamp(0, i64::from(clamp)) as u32;
        if space > mss {
            space = space.checked_div(mss).map_or(space, |segments| segments * mss);
        }
        let mut rcv_wnd = if self.sysctl.tcp_workaround_signed_windows {
            space.min(32_767)
        } else if self.kernel.initial_window_64k {
            space.min(65_535)
        } else {
            space
        };
        if let Some(packets) = self.route.initrwnd.filter(|&n| n > 0) {
            rcv_wnd = rcv_wnd.min(packets.saturating_mul(mss));
        }
        let mut wscale = 0;
        if scaling {
            let reach = space.max(self.sysctl.tcp_rmem[2]).max(self.sysctl.rmem_max).min(clamp);
            wscale = reach
                .checked_ilog2()
                .map_or(0, |log| log.saturating_sub(15).min(u32::from(MAX_WSCALE)) as u8);
        }
        InitialWindow { rcv_wnd, clamp: clamp.min(65_535u32 << wscale), wscale }
    }

    /// The clamp that a new connection starts with: the option, else the route, else a locked budget.
    fn first_clamp(&self, full: i64) -> u32 {
        let mut clamp =
            if self.window_clamp != 0 { self.window_clamp } else { self.route.window.unwrap_or(0) };
        if self.rcvbuf_locked() && (i64::from(clamp) > full || clamp == 0) {
            clamp = full.max(0) as u32;
        }
        clamp
    }

    /// A SYN arrives on a listening socket: the new connection's window is chosen and its SYN-ACK described
    /// (`tcp_conn_request`, `tcp_openreq_init_rwin`, `tcp_create_openreq_child`). `link_mss` is what the
    /// device's MTU allows.
    pub fn passive_open<O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        syn: &SynOptions,
        link_mss: u32,
        maxseg: Option<u16>,
    ) -> SynOptions {
        self.sack_ok = syn.sack && self.sysctl.tcp_sack;
        self.tstamp_ok = syn.ts.is_some() && self.sysctl.tcp_timestamps;
        self.wscale_ok = syn.window_scale.is_some() && self.sysctl.tcp_window_scaling;
        self.ts_recent = syn.ts.filter(|_| self.tstamp_ok).map_or(0, |t| t.val);
        self.advmss = self.mss_to_advertise(link_mss, maxseg);
        let full = self.full_space();
        // Smaller than its timestamps, an MSS counts as one near 2^32.
        let mss = self.advmss.wrapping_sub(if self.tstamp_ok { TIMESTAMP_OPTION } else { 0 });
        let w = self.initial_window(full, mss, self.first_clamp(full), self.wscale_ok);
        self.adopt(w, syn.window_scale);
        self.state = TcpState::SynRecv;
        self.ack.lrcvtime = Some(cx.now.jiffies);
        SynOptions {
            mss: self.advmss as u16,
            window_scale: self.wscale_ok.then_some(self.rcv_wscale),
            sack: self.sack_ok,
            ts: self.tstamp_ok.then(|| Timestamps { val: self.tsval(), ecr: self.ts_recent }),
            window: self.rcv_wnd.min(65_535) as u16,
        }
    }

    /// Creation of the connection socket, when the handshake's last segment arrives: the peer's MSS is known
    /// by now (`tcp_create_openreq_child`).
    pub fn child_created<S: SendHalf, O: Observer>(&mut self, cx: &mut Cx<'_, O>, snd: &S, seg: &Segment) {
        self.ack.lrcvtime = Some(cx.now.jiffies);
        if let Some(ts) = seg.ts.filter(|_| self.tstamp_ok) {
            self.ts_recent = ts.val;
        }
        self.init_rcv_mss(snd);
    }

    fn adopt(&mut self, w: InitialWindow, peer_scale: Option<u8>) {
        self.rcv_nxt = Seq::FIRST;
        self.rcv_wup = Seq::FIRST;
        self.copied_seq = Seq::FIRST;
        self.rcv_wnd = w.rcv_wnd;
        self.rcv_ssthresh = w.rcv_wnd;
        self.window_clamp = w.clamp;
        self.rcv_mwnd_seq = self.rcv_wup + self.rcv_wnd;
        if self.wscale_ok {
            self.rcv_wscale = w.wscale;
            self.snd_wscale = peer_scale.unwrap_or(0).min(MAX_WSCALE);
        } else {
            self.rcv_wscale = 0;
            self.snd_wscale = 0;
            self.window_clamp = self.window_clamp.min(65_535);
        }
    }

    /// The handshake's last step on the passive side (`TCP_SYN_RECV` in `tcp_rcv_state_process`).
    pub(super) fn passive_established<S: SendHalf, O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        snd: &S,
        _seg: &Segment,
    ) {
        self.state = TcpState::Established;
        if self.kernel.early_advmss_timestamps {
            self.take_timestamps_off_advmss();
        }
        self.init_buffer_space(cx);
        if !self.kernel.early_advmss_timestamps {
            self.take_timestamps_off_advmss();
        }
        self.init_rcv_mss(snd);
        self.predict(snd);
    }

    /// `advmss` has 16 bits: what is smaller than its timestamps becomes large, as recorded (`ip route ... advmss 1`).
    fn take_timestamps_off_advmss(&mut self) {
        if self.tstamp_ok {
            self.advmss = u32::from((self.advmss as u16).wrapping_sub(TIMESTAMP_OPTION as u16));
        }
    }

    /// An active open: the window is chosen and the SYN described (`tcp_connect_init`).
    pub fn active_open<O: Observer>(
        &mut self,
        _cx: &mut Cx<'_, O>,
        link_mss: u32,
        maxseg: Option<u16>,
    ) -> SynOptions {
        self.advmss = self.mss_to_advertise(link_mss, maxseg);
        self.wscale_ok = self.sysctl.tcp_window_scaling;
        let full = self.full_space();
        let w = self.initial_window(full, self.advmss, self.first_clamp(full), self.wscale_ok);
        let (window, scale) = (w.rcv_wnd.min(65_535) as u16, w.wscale);
        self.adopt(w, None);
        self.rcv_wscale = scale;
        self.state = TcpState::SynSent;
        SynOptions {
            mss: self.advmss as u16,
            window_scale: self.wscale_ok.then_some(scale),
            sack: self.sysctl.tcp_sack,
            ts: self.sysctl.tcp_timestamps.then(|| Timestamps { val: self.tsval(), ecr: 0 }),
            window,
        }
    }

    /// The SYN-ACK arrives: the connection is established and acknowledged (`tcp_rcv_synsent_state_process`).
    /// The sending half must have processed it already.
    pub fn syn_ack_arrives<S: SendHalf, O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        snd: &S,
        synack: &SynOptions,
    ) {
        self.refresh_clock(cx);
        cx.host.counters.in_segs += 1;
        self.sack_ok = synack.sack && self.sysctl.tcp_sack;
        self.tstamp_ok = synack.ts.is_some() && self.sysctl.tcp_timestamps;
        if synack.window_scale.is_none() {
            self.wscale_ok = false;
            self.rcv_wscale = 0;
            self.snd_wscale = 0;
            self.window_clamp = self.window_clamp.min(65_535);
        } else {
            self.snd_wscale = synack.window_scale.unwrap_or(0).min(MAX_WSCALE);
        }
        if self.tstamp_ok {
            self.take_timestamps_off_advmss();
            self.ts_recent = synack.ts.map_or(0, |t| t.val);
        }
        self.state = TcpState::Established;
        self.ack.lrcvtime = Some(cx.now.jiffies);
        self.rcv_tstamp = Some(cx.now.jiffies);
        self.init_rcv_mss(snd);
        self.init_buffer_space(cx);
        if self.snd_wscale == 0 {
            self.predict(snd);
        }
        self.send_ack(cx, snd, AckReason::Handshake);
    }

    /// The SYN-ACK arrives once more: the peer has not seen its acknowledgement (`tcp_send_challenge_ack`).
    pub fn syn_ack_repeated<S: SendHalf, O: Observer>(&mut self, cx: &mut Cx<'_, O>, snd: &S) {
        self.refresh_clock(cx);
        cx.host.counters.in_segs += 1;
        self.send_ack(cx, snd, AckReason::Handshake);
    }

    /// `tcp_initialize_rcv_mss`.
    fn init_rcv_mss<S: SendHalf>(&mut self, snd: &S) {
        let hint = self.advmss.min(snd.mss_cache()).min(self.rcv_wnd / 2).min(MSS_DEFAULT);
        self.ack.rcv_mss = hint.max(MIN_MSS);
    }

    /// What of the budget becomes window on the new connection (`tcp_init_buffer_space`).
    fn init_buffer_space<O: Observer>(&mut self, cx: &mut Cx<'_, O>) {
        self.refresh_clock(cx);
        self.drs.time = cx.now.time;
        self.drs.seq = self.copied_seq;
        let full = self.full_space().max(0) as u32;
        let app_win = self.sysctl.tcp_app_win;
        let advmss = self.advmss;
        if self.window_clamp >= full {
            self.window_clamp = full;
            if app_win != 0 && full > 4 * advmss {
                self.window_clamp =
                    (full - full.checked_shr(u32::from(app_win)).unwrap_or(0)).max(4 * advmss);
            }
        }
        if app_win != 0 && self.window_clamp > 2 * advmss && self.window_clamp + advmss > full {
            // One segment is kept in reserve.
            self.window_clamp = (2 * advmss).max(full - advmss);
        }
        self.rcv_ssthresh = self.rcv_ssthresh.min(self.window_clamp);
        self.drs.space = self.rcv_ssthresh.min(self.rcv_wnd).min(INIT_CWND * advmss);
    }
}
