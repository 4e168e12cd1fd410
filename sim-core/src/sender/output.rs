//! What is sent now (`tcp_write_xmit`, `__tcp_retransmit_skb`).

use super::fill::Full;
use super::loss_state::CaState;
use super::rules::DeferRule;
use super::timers::TimerKind;
use super::write_queue::{Marks, TxSkb};
use super::{Sender, Sharing, probes, tso};
use crate::observer::{AckReason, Observer, SendEvent, Transmit};
use crate::path::{Packet, Payload, Verdict};
use crate::receiver::Receiver;
use crate::segment::{Flags, Segment};
use crate::send_half::Cx;
use crate::seq::Seq;
use crate::time::{Now, SimTime};

/// A sender may wait this long for a fuller packet (`tcp_tso_should_defer`), nanoseconds.
const DEFER_LIMIT_NS: u64 = 1_000_000;
/// Shortest tail-loss or reordering timeout (`TCP_TIMEOUT_MIN_US`), microseconds.
pub(super) const TIMEOUT_MIN_US: u64 = 2_000;
/// Most page-fragment boundaries inside one packet: 128 KiB in fragments of 32 KiB, and one short fragment.
pub(super) const MAX_BREAKS: usize = 5;

/// What the device gets to know about a packet beside its header.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Emitted {
    /// First sequence number.
    pub seq: Seq,
    /// Payload bytes; 0 for a window probe.
    pub len: u32,
    /// From the first byte to the end of the sender's own skb, with which the packet shares its data, bytes.
    pub skb_len: u32,
    /// When it left the socket.
    pub at: SimTime,
    /// Offsets in the payload at which a new page fragment begins.
    breaks: [u32; MAX_BREAKS],
    /// Segment size if the packet holds several, else 0, bytes.
    gso: u16,
    /// Whether a page fragment begins anywhere in it.
    broken: bool,
}

impl Emitted {
    /// A packet that leaves its socket at `at`: `len` bytes from `seq` on, in segments of `gso_size` if that is not 0. New page
    /// fragments begin at `breaks`, if there are any.
    #[inline]
    pub(crate) fn new(
        (seq, len): (Seq, u32),
        gso_size: u32,
        skb_len: u32,
        at: SimTime,
        breaks: Option<[u32; MAX_BREAKS]>,
    ) -> Self {
        // No segment is longer than an IPv4 packet may be.
        let gso = gso_size.min(u32::from(u16::MAX)) as u16;
        Self { seq, len, skb_len, at, gso, broken: breaks.is_some(), breaks: breaks.unwrap_or_default() }
    }

    /// Segment size if the packet holds several (`gso_size`), else 0.
    #[inline]
    pub const fn gso_size(&self) -> u32 {
        self.gso as u32
    }

    /// Offsets at which new page fragments begin.
    pub(crate) const fn breaks(&self) -> &[u32; MAX_BREAKS] {
        &self.breaks
    }

    /// Page fragments that hold the `len` bytes at offset `from` of the payload.
    pub fn frags(&self, from: u32, len: u32) -> u16 {
        if len == 0 {
            return 0;
        }
        if !self.broken {
            return 1;
        }
        1 + self.breaks.iter().filter(|&&b| b > from && b < from + len).count() as u16
    }

    /// From offset `from` of the payload to where the next page fragment begins, bytes; the largest number if none does.
    #[inline]
    pub(crate) fn until_break(&self, from: u32) -> u32 {
        if !self.broken {
            return u32::MAX;
        }
        self.breaks.iter().filter(|b| **b > from).min().map_or(u32::MAX, |b| b - from)
    }

    /// The `len` bytes at offset `from` of the payload, cut off before the wire.
    pub(crate) fn part(&self, from: u32, len: u32) -> Self {
        let breaks = self.breaks.map(|b| b.saturating_sub(from));
        Self { seq: self.seq + from, len, skb_len: self.skb_len.saturating_sub(from), breaks, ..*self }
    }

    /// One after the last sequence number of the sender's own skb.
    pub fn skb_end(&self) -> Seq {
        self.seq + self.skb_len
    }
}

/// How far a transmission loop may go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Push {
    /// Everything that may be sent.
    All,
    /// One packet (`tcp_push_one`).
    One,
    /// One packet even if the congestion window is full (a tail loss probe).
    Probe,
}

/// What became of an attempt to send a packet again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Resent {
    /// It left the host.
    Sent,
    /// The queueing discipline of the host refused it.
    Refused,
    /// It was not tried: it lies outside the window, or still waits in the host.
    Not,
}

/// Why the transmission loop stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Limits {
    cwnd: bool,
    rwnd: bool,
}

impl Sender {
    /// Sends what may be sent and keeps the probe timer running if nothing could be
    /// (`__tcp_push_pending_frames`).
    pub(super) fn push_frames<O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        rx: &mut Receiver,
        mss: u32,
        nagle_off: bool,
        cork: bool,
    ) {
        let stuck = self.write_xmit(cx, rx, mss, nagle_off, cork, Push::All);
        if stuck && self.packets_out == 0 && self.timer.kind().is_none() {
            let delay = probes::delay(&self.rtt, 0, self.hz) + self.pacing_ticks(cx.now.time);
            self.timer.arm(TimerKind::WindowProbe, cx.now.jiffies, delay);
        }
    }

    /// The segment size of what is sent now: SACK blocks of this end take their share (`tcp_current_mss`).
    pub(super) fn mss_now(&self, rx: &Receiver) -> u32 {
        self.mss.saturating_sub(rx.sack_option_len()).max(1)
    }

    /// Sends one packet of the first unsent skb (`tcp_push_one`).
    pub(super) fn push_one<O: Observer>(&mut self, cx: &mut Cx<'_, O>, rx: &mut Receiver, mss: u32) {
        self.write_xmit(cx, rx, mss, true, false, Push::One);
    }

    /// Sends what the windows let go. Returns whether data waits while nothing is in flight.
    #[inline]
    pub(super) fn write_xmit<O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        rx: &mut Receiver,
        mss: u32,
        nagle_off: bool,
        cork: bool,
        push: Push,
    ) -> bool {
        // One reading of the clock serves the whole loop (`tcp_mstamp_refresh`).
        rx.refresh_clock(cx);
        self.wstamp = self.wstamp.max(rx.acked_at());
        // What most ACKs of a flight find that the window has ended.
        let full = !O::ACTIVE && push == Push::All && self.full_window(mss) == Some(Full::Peer);
        if full && self.in_flight() < self.cc.cwnd {
            return false;
        }
        self.transmission_loop(cx, rx, mss, nagle_off, cork, push)
    }

    /// The transmission loop.
    #[inline(never)]
    fn transmission_loop<O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        rx: &mut Receiver,
        mss: u32,
        nagle_off: bool,
        cork: bool,
        push: Push,
    ) -> bool {
        let mut size = None;
        let mut limits = Limits { cwnd: false, rwnd: false };
        let mut sent = 0;
        while !self.queue.unsent.is_empty() && !self.pacing_holds(rx) {
            let Some(skb) = self.queue.unsent.front_mut() else { break };
            if skb.segs == 0 || (skb.mss != mss && (skb.segs > 1 || self.rules.tops_up)) {
                skb.set_segs(mss);
            }
            let mut skb = *skb;
            let mut quota = self.cwnd_quota(&skb);
            if quota == 0 {
                if push != Push::Probe {
                    break;
                }
                quota = 1;
            }
            let max_segs = *size.get_or_insert_with(|| self.most_segs(mss));
            if self.rules.tops_up {
                quota = quota.min(max_segs);
                skb = self.top_up(skb, quota.saturating_mul(mss), mss);
            }
            if skb.first_end(mss) > self.end_of_window() {
                limits.rwnd = true;
                break;
            }
            let is_tail = self.queue.unsent.len() == 1;
            let holds_partial = cork || (!nagle_off && self.packets_out > 0 && self.small_unacked());
            if skb.segs == 1 {
                let exempt = skb.flags.has(Flags::FIN) || !is_tail;
                if skb.len < mss && holds_partial && !exempt {
                    break;
                }
            } else if push == Push::All
                && self.should_defer(rx.cached_clock(), &skb, is_tail, max_segs, &mut limits)
            {
                break;
            }
            let limit = if skb.segs > 1 {
                let window = (self.end_of_window() - skb.seq).clamp(0, i64::from(u32::MAX)) as u32;
                tso::split_point(skb.len, mss, quota.min(max_segs), window, is_tail, holds_partial)
            } else {
                mss
            };
            if skb.len > limit {
                self.split_unsent(limit, mss);
            }
            let head = self.queue.unsent.front().copied();
            if head.is_some_and(|head| self.small_queue_is_full(&head, 0)) {
                break;
            }
            let segs = self.send_head(cx, rx, mss);
            sent += segs;
            if push != Push::All || segs == 0 {
                break;
            }
            sent += self.send_alike(cx, rx, mss, max_segs);
        }
        if O::ACTIVE {
            cx.obs.sending(cx.now, SendEvent::Pushed { window: limits.rwnd });
        }
        limits.cwnd |= self.in_flight() >= self.cc.cwnd;
        if sent > 0 || limits.cwnd {
            self.validate_cwnd(cx.now, limits.cwnd);
        }
        if sent > 0 {
            if self.loss.in_reduction() {
                self.loss.prr_out += sent;
            }
            if push != Push::Probe {
                self.schedule_loss_probe(cx.now, false);
            }
            if push == Push::One {
                self.spend(cx, self.costs.single());
            }
            return false;
        }
        self.packets_out == 0 && !self.queue.unsent.is_empty()
    }

    /// Segments in the largest packet (`tcp_tso_segs`).
    pub(super) fn most_segs(&self, mss: u32) -> u32 {
        tso::autosize(&self.rules, &self.sysctl, self.pacing_rate, self.rtt.min_us(), self.gso_max, mss)
    }

    /// Fills the first unsent skb from the next one up to `goal` bytes (`tcp_grow_skb`).
    fn top_up(&mut self, mut head: TxSkb, goal: u32, mss: u32) -> TxSkb {
        let Some(next) = self.queue.unsent.second().copied() else { return head };
        let want = goal.saturating_sub(head.len).min(next.len);
        if want == 0 || head.flags.has(Flags::FIN) {
            return head;
        }
        let frags = self.queue.frags(head.seq, head.len + want);
        if frags > self.layout.max_frags() {
            return head;
        }
        self.queue.move_from_second(want, mss);
        if let Some(f) = self.queue.unsent.front() {
            head = *f;
        }
        head
    }

    /// Cuts the first unsent skb.
    pub(super) fn split_unsent(&mut self, len: u32, mss: u32) {
        if let Some(first) = self.queue.unsent.front_mut() {
            let rest = first.split(len, mss);
            let head = std::mem::replace(first, rest);
            self.queue.unsent.push_front(head);
            self.queue.account_split();
        }
    }

    /// Sends the first unsent skb as it is; the number of segments, 0 if the host's own queue is full.
    #[inline(always)]
    pub(super) fn send_head<O: Observer>(&mut self, cx: &mut Cx<'_, O>, rx: &mut Receiver, mss: u32) -> u32 {
        let Some(head) = self.queue.unsent.front_mut() else { return 0 };
        head.set_segs(mss);
        // A packet of several segments is always pushed: it is what the application gave us.
        if head.segs > 1 {
            head.flags = head.flags.with(Flags::PSH);
        }
        let may_leave = self.wstamp;
        self.wstamp = may_leave.max(rx.cached_clock());
        head.sent_at = self.wstamp;
        head.delivered_before = self.loss.delivered;
        let skb = *head;
        if !self.transmit(cx, rx, &skb, false) {
            return 0;
        }
        self.paced(may_leave, skb.len);
        let prior = self.packets_out;
        if let Some(head) = self.queue.unsent.front_mut() {
            head.marks.in_host = self.held;
            head.marks.shared = self.shares_data || head.marks.in_host;
        }
        self.queue.head_sent();
        self.window.snd_nxt = skb.end_seq();
        self.packets_out += skb.segs;
        if prior == 0 || self.timer.kind() == Some(TimerKind::LossProbe) {
            self.rearm_rto(cx.now);
        }
        if skb.len < skb.segs * mss {
            self.snd_sml = skb.end_seq();
        }
        // What is sent may be written again, and the window is not full before the last packet of a flight.
        self.check_space(cx);
        skb.segs
    }

    /// Hands a packet to the device. Returns whether the host's queueing discipline took it; if not, the window is
    /// reduced.
    #[inline(always)]
    pub(super) fn transmit<O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        rx: &mut Receiver,
        skb: &TxSkb,
        again: bool,
    ) -> bool {
        if self.in_flight() == 0 && skb.len > 0 {
            let idle = cx.now.jiffies - self.lsndtime;
            self.cc.on_tx_start(cx.now.jiffies, idle);
        }
        let mut seg =
            Segment { seq: skb.seq, len: skb.len, flags: skb.flags.with(Flags::ACK), ..Segment::default() };
        // A cut or a fill in front of this packet is paid for by now (`tso_fragment`, `tcp_grow_skb`).
        rx.settle_send(cx, self.queue.wmem_queued);
        let window = rx.stamp(cx, &mut seg);
        self.allow_mark(&mut seg);
        self.ts_clock = Some(rx.timestamps_from());
        if skb.len > 0 {
            self.lsndtime = cx.now.jiffies;
            rx.data_sent(cx.now);
            if let Some(p) = &mut self.pacing {
                p.count(skb.segs.max(1));
            }
        }
        let c = &mut cx.host.counters;
        if again {
            c.retrans_segs += u64::from(skb.segs.max(1));
            self.loss.total_retrans = self.loss.total_retrans.saturating_add(skb.segs.max(1));
        } else {
            c.out_segs += u64::from(skb.segs.max(1));
        }
        let gso_size = if skb.segs > 1 { skb.mss } else { 0 };
        let skb_len = (skb.end_seq() - skb.seq) as u32;
        let breaks = self.queue.breaks(skb.seq, skb.len);
        let data = Emitted::new((skb.seq, skb.len), gso_size, skb_len, cx.now.time, breaks);
        let packet = Transmit { seg, window, reason: AckReason::Data, payload: Payload::Data(data) };
        if O::ACTIVE {
            cx.obs.sent(cx.now, &seg, &self.state());
            cx.obs.transmit(cx.now, &packet, &rx.state(self));
        }
        cx.out.push(packet);
        let left_at = cx.now.time;
        // The next packet leaves when this one is out of the way.
        self.spend(cx, self.costs.sending());
        let mut taken = cx.host.enters_qdisc(left_at);
        self.held = cx.host.qdisc_room.is_some();
        if let Some(queue) = &mut cx.host.shaper {
            let release = self.wstamp.max(rx.cached_clock());
            let verdict = queue.offer(left_at, release, Packet::data_bytes(&seg, skb.segs.max(1)));
            if queue.keeps_times() {
                self.charged.releases.push_back(release);
            }
            self.held = verdict == Verdict::Waits;
            taken = verdict != Verdict::Refused;
            if self.held {
                self.charged.add(skb.seq, skb.len + self.queue.head());
            }
        }
        if !taken {
            self.enter_cwr();
        }
        taken
    }

    /// Sends an skb in flight once more, at most `segs` segments of it (`__tcp_retransmit_skb`).
    pub(super) fn resend<O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        rx: &mut Receiver,
        i: usize,
        segs: u32,
    ) -> Resent {
        let Some(skb) = self.queue.rtx.get(i) else { return Resent::Not };
        if skb.marks.in_host {
            cx.host.counters.spurious_rtx_host_queues += 1;
            self.waits_for_host_queue();
            return Resent::Not;
        }
        let mss = self.mss_now(rx);
        let edge = self.end_of_window();
        let mut room = edge - skb.seq;
        // Outside a shrunken window only the very first packet is sent again.
        if room <= 0 {
            if skb.seq != self.window.snd_una {
                return Resent::Not;
            }
            room = i64::from(mss);
        }
        let room = room.min(i64::from(u32::MAX)) as u32;
        let mut len = mss.saturating_mul(segs);
        if len > room {
            len = if room >= mss { room / mss * mss } else { room };
        }
        if skb.len > len {
            self.split_in_flight(i, len);
        } else if skb.len < room.min(mss) {
            self.join_small(i, room.min(mss), edge);
            rx.settle_send(cx, self.queue.wmem_queued);
        }
        let Some(skb) = self.queue.rtx.get_mut(i) else { return Resent::Not };
        let may_leave = self.wstamp;
        self.wstamp = may_leave.max(rx.cached_clock());
        // Its ACK says nothing about the round trip any more, a probe's included.
        skb.marks.ever_retrans = true;
        let repeated = TxSkb { sent_at: self.wstamp, delivered_before: self.loss.delivered, ..*skb };
        if !self.transmit(cx, rx, &repeated, true) {
            // Its time is the old one, but it no longer counts as sent once.
            self.loss.undecided.forget(&self.queue.rtx);
            cx.host.counters.retrans_fail += u64::from(repeated.segs.max(1));
            return Resent::Refused;
        }
        self.paced(may_leave, repeated.len);
        self.loss.undecided.resent(&repeated, self.window.snd_una);
        let in_host = self.held;
        let shared = self.shares_data || in_host;
        if shared && !repeated.marks.shared {
            self.sharing.push(Sharing::Begins(repeated.seq, repeated.end_seq()));
        }
        if let Some(skb) = self.queue.rtx.get_mut(i) {
            *skb = repeated;
            skb.marks = Marks { judged: false, in_host, shared, ..skb.marks };
        }
        Resent::Sent
    }

    /// Sends an skb in flight once more and marks it (`tcp_retransmit_skb`).
    pub(super) fn retransmit<O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        rx: &mut Receiver,
        i: usize,
        segs: u32,
    ) -> Resent {
        let Some(asked) = self.queue.rtx.get(i).map(|s| s.segs) else { return Resent::Not };
        let sent = self.resend(cx, rx, i, segs);
        let skb = &mut self.queue.rtx[i];
        let segs = if sent == Resent::Sent { skb.segs } else { asked };
        if sent == Resent::Sent {
            skb.marks.retrans = true;
            self.loss.retrans_out += segs;
        }
        // An attempt that fails counts, too.
        let at = skb.sent_at;
        self.loss.retrans_stamp.get_or_insert(at);
        self.loss.undo_retrans = Some(self.loss.undo_retrans.unwrap_or(0) + segs);
        sent
    }

    /// Packets that the congestion window allows now (`tcp_cwnd_test`).
    pub(super) fn cwnd_quota(&self, skb: &TxSkb) -> u32 {
        if self.rules.fin_exceeds_cwnd && skb.flags.has(Flags::FIN) && skb.segs == 1 {
            return 1;
        }
        let in_flight = self.in_flight();
        if in_flight >= self.cc.cwnd {
            return 0;
        }
        (self.cc.cwnd >> 1).max(1).min(self.cc.cwnd - in_flight)
    }

    /// A small packet is still unacknowledged (`tcp_minshall_check`).
    fn small_unacked(&self) -> bool {
        self.snd_sml > self.window.snd_una && self.snd_sml <= self.window.snd_nxt
    }

    /// Whether a packet of several segments should wait for more (`tcp_tso_should_defer`).
    fn should_defer(
        &self,
        clock: SimTime,
        skb: &TxSkb,
        is_tail: bool,
        max_segs: u32,
        limits: &mut Limits,
    ) -> bool {
        if self.loss.ca_state >= CaState::Recovery || clock.since(self.wstamp).as_nanos() > DEFER_LIMIT_NS {
            return false;
        }
        let send_win = (self.end_of_window() - skb.seq).max(0) as u64;
        let cong_win = u64::from(self.cc.cwnd.saturating_sub(self.in_flight())) * u64::from(self.mss);
        let limit = send_win.min(cong_win);
        if limit >= u64::from(max_segs) * u64::from(self.mss) || (!is_tail && limit >= u64::from(skb.len)) {
            return false;
        }
        let chunk = u64::from(self.window.snd_wnd).min(u64::from(self.cc.cwnd) * u64::from(self.mss));
        let divisor = u64::from(self.sysctl.tcp_tso_win_divisor);
        if divisor != 0 && limit >= chunk / divisor {
            return false;
        }
        let Some(oldest) = self.queue.rtx.front() else { return false };
        let age = clock.since(oldest.sent_at).as_nanos();
        let srtt_ns = u64::from(self.rtt.srtt8()) * (1_000 >> 3);
        let ack_is_far = match self.rules.defer {
            DeferRule::HalfRtt => age < srtt_ns / 2,
            DeferRule::HalfRttAnd1Ms => srtt_ns.saturating_sub(age) > (srtt_ns / 2).min(DEFER_LIMIT_NS),
        };
        if ack_is_far || skb.flags.has(Flags::FIN) {
            return false;
        }
        if cong_win < send_win {
            limits.cwnd |= cong_win <= u64::from(skb.len);
        } else {
            limits.rwnd |= send_win <= u64::from(skb.len);
        }
        true
    }

    /// Judges how much of the congestion window was used (`tcp_cwnd_validate`).
    pub(super) fn validate_cwnd(&mut self, now: Now, limited: bool) {
        self.cc.note_usage(limited, self.packets_out, self.window.snd_una, self.window.snd_nxt);
        if self.cc.is_limited() {
            self.cc.used = 0;
            self.cc.stamp = now.jiffies;
            return;
        }
        self.cc.used = self.cc.used.max(self.packets_out);
        let starved = now.jiffies - self.cc.stamp >= i64::from(self.rtt.rto());
        if self.sysctl.tcp_slow_start_after_idle && starved {
            if self.loss.ca_state == CaState::Open && !self.nospace {
                let used = self.cc.used.max(self.init_cwnd);
                if used < self.cc.cwnd {
                    self.cc.ssthresh = self.cc.idle_ssthresh();
                    self.cc.cwnd = (self.cc.cwnd + used) >> 1;
                }
                self.cc.used = 0;
            }
            self.cc.stamp = now.jiffies;
        }
    }

    /// The first data after a pause longer than the timeout, when it is written or when the window lets it go
    /// (`tcp_slow_start_after_idle_check`).
    pub(super) fn restart_after_idle(&mut self, now: Now) {
        if !self.sysctl.tcp_slow_start_after_idle || self.packets_out > 0 {
            return;
        }
        let rto = i64::from(self.rtt.rto());
        let mut idle = now.jiffies - self.lsndtime;
        if idle <= rto {
            return;
        }
        self.cc.ssthresh = self.cc.idle_ssthresh();
        let floor = self.init_cwnd.min(self.cc.cwnd);
        while idle > rto && self.cc.cwnd > floor {
            idle -= rto;
            self.cc.cwnd >>= 1;
        }
        self.cc.cwnd = self.cc.cwnd.max(floor);
        self.cc.stamp = now.jiffies;
        self.cc.used = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sender::test_server::Server;

    #[test]
    fn a_piece_of_a_packet_lies_in_as_many_fragments_as_begin_within_it_and_one_more() {
        // From 5.19 on an skb on loopback may be longer than 64 KiB.
        let breaks = Some([1, 32_768, 65_536, 98_304, 0]);
        let packet = Emitted::new((Seq(1), 130_966), 65_483, 130_966, SimTime::ZERO, breaks);
        assert_eq!(packet.frags(0, 130_966), 5);
        assert_eq!((packet.frags(0, 1), packet.frags(0, 2), packet.frags(1, 65_483)), (1, 2, 2));
        assert_eq!((packet.frags(65_483, 65_483), packet.frags(98_304, 1), packet.frags(5, 0)), (3, 1, 0));
        assert_eq!(
            [0, 1, 32_768, 98_304].map(|from| packet.until_break(from)),
            [1, 32_767, 32_768, u32::MAX]
        );
        assert_eq!(packet.part(65_483, 65_483).frags(0, 65_483), 3);
        let whole = Emitted::new((Seq(1), 1_448), 0, 1_448, SimTime::ZERO, None);
        assert_eq!((whole.frags(0, 1_448), whole.until_break(7)), (1, u32::MAX));
    }

    #[test]
    fn a_piece_still_ends_where_the_skb_of_its_sender_does() {
        let packet = Emitted { seq: Seq(9), len: 3_000, skb_len: 4_000, ..Emitted::default() };
        assert_eq!(packet.part(1_000, 500).skb_end(), packet.skb_end());
    }

    #[test]
    fn an_skb_that_waits_while_segments_get_smaller_is_cut_or_counted_anew_by_kernel() {
        for (kernel, packets) in [("6.1", &[988, 12][..]), ("6.18", &[1_000])] {
            let mut s = Server::new(kernel, 6_000, 7);
            s.sent.0.clear();
            // Data out of order: from now on a SACK block has its share of each header.
            let ack = Server::ack(6_000, &[]);
            s.arrives(&Segment { seq: Seq(5_001), len: 100, ..ack });
            s.arrives(&Segment { ack: Seq(5_001), ..ack });
            let data: Vec<u32> = s.sent.0.iter().map(|(seg, _)| seg.len).filter(|&len| len > 0).collect();
            assert_eq!(data, packets, "{kernel}");
        }
    }
}
