//! A sending half that never sends on its own: what replayed and injected connections need.

mod take_over;
mod timer;

use std::collections::VecDeque;

use self::timer::Probed;
use super::rtt::Rtt;
use super::rules::SenderRules;
use super::window::{AckRange, SendWindow};
use super::{Handshake, send_mss, tso};
use crate::config::Sysctls;
use crate::linux::KernelProfile;
use crate::observer::{AckReason, Observer, Transmit};
use crate::path::Payload;
use crate::receiver::Receiver;
use crate::segment::{Flags, Segment};
use crate::send_half::{AckOutcome, AckPath, Cx, SendHalf};
use crate::seq::Seq;
use crate::skb::SkbLayout;
use crate::time::{Jiffies, SimTime};

/// Keeps the numbers of a sending half whose transmissions are known from outside.
///
/// The recorded (or scripted) data of this end is accounted with [`PassiveSender::data_sent`]; its packets come
/// from the record too, so nothing is ever emitted here.
#[derive(Clone, Debug)]
pub struct PassiveSender {
    window: SendWindow,
    rtt: Rtt,
    /// Largest segment that the handshake and the path allow, bytes.
    mss_limit: u32,
    sndbuf: u32,
    accepts_zero: bool,
    /// Truesize of an skb without payload, bytes.
    head: u32,
    /// Whether a packet is filled from the next one before it is sent.
    tops_up: bool,
    /// Payload of the last packet that no window cut short, bytes.
    last_full: u32,
    /// Largest payload of an skb (`sk_gso_max_size`), bytes.
    gso_max: u32,
    /// skbs written and not yet acknowledged, sent or not.
    queue: VecDeque<Written>,
    /// One after the last byte written.
    write_seq: Seq,
    /// One after the last byte that was marked to be pushed (`pushed_seq`).
    pushed: Seq,
    /// The FIN's sequence number, once it is queued.
    fin: Option<Seq>,
    /// Packets to be sent at the next occasion.
    pending: VecDeque<Segment>,
    /// Expiry of the write timer as armed. It stays armed when everything is acknowledged, and then fires idly.
    write_timer: Option<Jiffies>,
    /// Whether the peer takes SACK, without which there are no loss probes.
    sack: bool,
    /// Whether the write timer stands for a loss probe rather than for the timeout.
    probe_armed: bool,
    /// The loss probe whose episode is not over.
    probed: Option<Probed>,
    /// One after what was sent when a timeout began that is not repaired yet (`high_seq` in the Loss state).
    lost_below: Option<Seq>,
}

/// An skb of the write or the retransmit queue.
#[derive(Clone, Copy, Debug)]
struct Written {
    end: Seq,
    truesize: u32,
    len: u32,
    /// When it was sent for the first time.
    sent: SimTime,
    /// It was sent again: its acknowledgement tells nothing about the round trip (Karn).
    again: bool,
}

impl Written {
    fn unsent(end: Seq, truesize: u32, len: u32) -> Self {
        Self { end, truesize, len, sent: SimTime::default(), again: false }
    }
}

impl PassiveSender {
    /// A sending half before the handshake. `sysctl` gives the bounds of the timeout and the send buffer, `layout` what
    /// its skbs cost.
    pub fn new(kernel: &KernelProfile, sysctl: &Sysctls, hz: u32, layout: SkbLayout) -> Self {
        Self {
            window: SendWindow::new(Seq::FIRST, 0, Seq::default(), 0, kernel.accepts_zero_window_update),
            rtt: Rtt::new(hz, sysctl.tcp_rto_min_us, sysctl.tcp_rto_max_ms),
            mss_limit: 536,
            sndbuf: sysctl.tcp_wmem[1],
            accepts_zero: kernel.accepts_zero_window_update,
            head: kernel.sender_head(layout).truesize,
            tops_up: SenderRules::of(kernel).tops_up,
            last_full: 0,
            gso_max: tso::gso_max(kernel.max_tcp_header),
            queue: VecDeque::new(),
            write_seq: Seq::FIRST,
            pushed: Seq::FIRST,
            fin: None,
            pending: VecDeque::new(),
            write_timer: None,
            sack: false,
            probe_armed: false,
            probed: None,
            lost_below: None,
        }
    }

    /// The handshake is over, or the passive side has seen the SYN: what it told about the peer.
    pub fn established(&mut self, h: &Handshake) {
        self.window = SendWindow::new(h.snd_nxt, h.snd_wnd, h.wl1, h.snd_wscale, self.accepts_zero);
        self.mss_limit = h.mss;
        self.sack = h.sack;
        self.write_seq = h.snd_nxt;
        self.pushed = h.snd_nxt;
        if let Some(us) = h.rtt_us {
            self.rtt.sample(us, h.snd_nxt, h.snd_nxt);
        }
    }

    /// The application wrote `len` bytes: the skbs that hold them are charged (`tcp_sendmsg_locked`).
    pub fn written<O: Observer>(&mut self, cx: &mut Cx<'_, O>, rx: &mut Receiver, len: u32) {
        let mut left = len;
        while left > 0 {
            left -= self.write_until_push(cx, rx, left);
        }
    }

    /// A `send` copies up to `len` bytes, but no further than to where it tries to transmit: when an skb is full that is
    /// the next to be sent, or when half the peer's largest window was written without a push (`forced_push`). Returns
    /// what was copied.
    pub fn write_until_push<O: Observer>(&mut self, cx: &mut Cx<'_, O>, rx: &mut Receiver, len: u32) -> u32 {
        let mut copied = 0;
        while copied < len {
            let room = self.room();
            if room == 0 {
                self.push_skb(cx, rx, 0);
                continue;
            }
            let n = room.min(len - copied);
            copied += n;
            self.write_seq = self.write_seq + n;
            let end = self.write_seq;
            if let Some(tail) = self.queue.back_mut() {
                tail.len += n;
                tail.truesize += n;
                tail.end = end;
            }
            rx.charge_send(cx, n);
            if copied < len && n == room {
                let forced = end > self.pushed + (self.window.max_window >> 1);
                if forced {
                    self.pushed = end;
                }
                if forced || self.tail_is_next() {
                    break;
                }
            }
        }
        copied
    }

    /// The `send` is over: what it wrote is marked to be pushed (`tcp_mark_push`).
    pub fn send_ended(&mut self) {
        self.pushed = self.write_seq;
    }

    /// Whether the last skb is the next to be sent (`tcp_send_head`).
    fn tail_is_next(&self) -> bool {
        let unsent = self.queue.iter().rev().take_while(|w| w.end > self.window.snd_nxt);
        unsent.count() == 1
    }

    /// Bytes that still fit into the last unsent skb; what a `send` copies before it first looks whether it can
    /// transmit.
    pub fn room(&self) -> u32 {
        let goal = tso::size_goal(self.gso_max, self.mss_cache(), self.window.max_window);
        match self.queue.back() {
            Some(tail) if tail.end > self.window.snd_nxt || tail.len == 0 => goal.saturating_sub(tail.len),
            _ => 0,
        }
    }

    /// One after the last byte written.
    pub fn write_seq(&self) -> Seq {
        self.write_seq
    }

    /// Bytes of a new skb (`size_goal`).
    pub fn size_goal(&self) -> u32 {
        tso::size_goal(self.gso_max, self.mss_cache(), self.window.max_window)
    }

    fn push_skb<O: Observer>(&mut self, cx: &mut Cx<'_, O>, rx: &mut Receiver, len: u32) {
        let truesize = self.head + len;
        rx.charge_send(cx, truesize);
        self.queue.push_back(Written::unsent(self.write_seq, truesize, len));
    }

    /// The FIN is queued: on the last unsent skb, or on one of its own (`tcp_send_fin`).
    pub fn fin_written<O: Observer>(&mut self, cx: &mut Cx<'_, O>, rx: &mut Receiver) {
        self.fin = Some(self.write_seq);
        self.write_seq = self.write_seq + 1;
        let end = self.write_seq;
        match self.queue.back_mut() {
            Some(tail) if tail.end > self.window.snd_nxt => tail.end = end,
            _ => self.push_skb(cx, rx, 0),
        }
    }

    /// Packets known from outside that this half sends the next time it may ([`SendHalf::push_pending`]), in answer
    /// to the segment that is about to be processed.
    pub fn will_send(&mut self, seg: Segment) {
        self.pending.push_back(seg);
    }

    /// Whether packets given to [`PassiveSender::will_send`] are still waiting; forgets them.
    pub fn take_unsent(&mut self) -> usize {
        let n = self.pending.len();
        self.pending.clear();
        n
    }

    /// A data segment leaves: it gets the receiver's part, and the skbs follow its borders.
    pub fn transmit<O: Observer>(&mut self, cx: &mut Cx<'_, O>, rx: &mut Receiver, mut seg: Segment) {
        rx.refresh_clock(cx);
        if seg.end_seq() > self.write_seq {
            // Written before the record begins to tell.
            let fin = seg.flags.has(Flags::FIN) && self.fin.is_none();
            let missing = (seg.end_seq() - self.write_seq) as u32 - u32::from(fin);
            self.written(cx, rx, missing);
            if fin {
                self.fin_written(cx, rx);
            }
        }
        self.split_at(cx, rx, seg.seq);
        if self.tops_up && seg.seq >= self.window.snd_nxt {
            self.top_up(cx, rx, &seg);
        }
        self.split_at(cx, rx, seg.end_seq());
        self.join(cx, rx, &seg);
        self.note_sent(cx.now.time, &seg);
        let window = rx.stamp(cx, &mut seg);
        if seg.len > 0 {
            rx.data_sent(cx.now);
        }
        if O::ACTIVE {
            // The packet is seen before its sequence numbers count as sent. No device gets it, so there is only its header.
            let packet = Transmit { seg, window, reason: AckReason::Data, payload: Payload::Ack };
            cx.obs.transmit(cx.now, &packet, &rx.state(self));
        }
        self.window.snd_nxt = self.window.snd_nxt.max(seg.end_seq());
        self.arm_write_timer(cx.now);
    }

    /// Fills the skb that is about to be sent from the next ones (`tcp_grow_skb`), as far as a packet may reach that only
    /// the peer's window cuts short: to the size of the one before.
    fn top_up<O: Observer>(&mut self, cx: &mut Cx<'_, O>, rx: &mut Receiver, seg: &Segment) {
        let mss = self.mss_cache().max(1);
        let edge = self.window.snd_una + self.window.snd_wnd;
        let whole = seg.len.next_multiple_of(mss);
        let goal = if seg.end_seq() == edge { whole.max(self.last_full) } else { whole };
        if seg.len.is_multiple_of(mss) {
            self.last_full = seg.len;
        }
        let Some(first) = self.queue.iter().position(|w| w.end > seg.seq) else { return };
        while self.queue[first].len < goal
            && let Some(&next) = self.queue.get(first + 1)
        {
            let n = next.len.min(goal - self.queue[first].len);
            let w = &mut self.queue[first];
            w.end = w.end + n;
            w.len += n;
            w.truesize += n;
            if n < next.len {
                let next = &mut self.queue[first + 1];
                next.len -= n;
                next.truesize -= n;
                return;
            }
            self.queue[first].end = next.end;
            self.queue.remove(first + 1);
            rx.uncharge_send(cx, self.head);
        }
    }

    /// Joins the skbs that one packet carries: small ones are collapsed when they are sent again
    /// (`tcp_retrans_try_collapse`), and newer kernels fill up an skb from the next before they send it. All but one
    /// head become free.
    fn join<O: Observer>(&mut self, cx: &mut Cx<'_, O>, rx: &mut Receiver, seg: &Segment) {
        let Some(first) = self.queue.iter().position(|w| w.end > seg.seq) else { return };
        while self.queue[first].end < seg.end_seq() {
            let Some(next) = self.queue.remove(first + 1) else { return };
            let w = &mut self.queue[first];
            w.end = next.end;
            w.len += next.len;
            w.truesize += next.len;
            rx.uncharge_send(cx, self.head);
        }
    }

    /// Frees what is acknowledged: whole skbs, and of an skb of several segments the bytes in front
    /// (`tcp_clean_rtx_queue`, `tcp_tso_acked`).
    /// Returns when the first of them was sent, if none of them was sent twice.
    fn free_acked<O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        rx: &mut Receiver,
        ack: Seq,
    ) -> Option<SimTime> {
        let (mut first, mut again) = (None, false);
        while let Some(&w) = self.queue.front()
            && w.end <= ack
            && w.len + u32::from(self.fin.is_some()) > 0
        {
            again |= w.again;
            first = first.or(Some(w.sent));
            self.queue.pop_front();
            rx.uncharge_send(cx, w.truesize);
        }
        let mss = self.mss_cache();
        let fin = self.fin;
        if let Some(w) = self.queue.front_mut() {
            let data_end = w.end.0 - i64::from(fin.is_some_and(|f| w.end > f));
            let acked = ack.0 - (data_end - i64::from(w.len));
            if acked > 0 && w.len > mss {
                let n = (acked as u32).min(w.len);
                if n >= mss {
                    again |= w.again;
                    first = first.or(Some(w.sent));
                }
                w.len -= n;
                w.truesize -= n;
                rx.uncharge_send(cx, n);
            }
        }
        first.filter(|_| !again)
    }

    /// Splits the skb that holds `at` in its middle; the second part has a head of its own (`tso_fragment`).
    fn split_at<O: Observer>(&mut self, cx: &mut Cx<'_, O>, rx: &mut Receiver, at: Seq) {
        let Some(i) = self.queue.iter().position(|w| w.end > at) else { return };
        let w = self.queue[i];
        let fin = i64::from(self.fin.is_some_and(|f| w.end > f));
        let start = Seq(w.end.0 - i64::from(w.len) - fin);
        if at <= start || w.len == 0 {
            return;
        }
        let rest = (w.end - at - fin).max(0) as u32;
        if rest == 0 {
            return;
        }
        self.queue[i] = Written { end: at, len: w.len - rest, truesize: w.truesize - rest, ..w };
        self.queue.insert(i + 1, Written { end: w.end, len: rest, truesize: self.head + rest, ..w });
        rx.charge_send(cx, self.head);
    }

    /// Feeds a round-trip sample known from outside, microseconds.
    pub fn rtt_sample(&mut self, us: u32) {
        self.rtt.sample(us, self.window.snd_una, self.window.snd_nxt);
    }

    /// Sets the send buffer as `SO_SNDBUF` reports it, bytes.
    pub fn set_sndbuf(&mut self, bytes: u32) {
        self.sndbuf = bytes;
    }
}

impl SendHalf for PassiveSender {
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
        send_mss(self.mss_limit, self.window.max_window)
    }

    fn purge<O: Observer>(&mut self, cx: &mut Cx<'_, O>, rx: &mut Receiver) {
        while let Some(w) = self.queue.pop_front() {
            rx.uncharge_send(cx, w.truesize);
        }
        self.write_timer = None;
    }

    fn note_predicted(&mut self, seq: Seq) {
        self.window.note_predicted(seq);
    }

    fn fin_acked(&self) -> bool {
        self.fin.is_some_and(|f| self.window.snd_una > f)
    }

    fn wmem_queued(&self) -> u32 {
        0
    }

    fn sndbuf(&self) -> u32 {
        self.sndbuf
    }

    fn on_ack<O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        rx: &mut Receiver,
        seg: &Segment,
        path: AckPath,
    ) -> AckOutcome {
        match self.window.classify(seg.ack) {
            AckRange::Old => return AckOutcome::Old,
            AckRange::TooOld => return AckOutcome::TooOld,
            AckRange::Unsent => return AckOutcome::Unsent,
            AckRange::Valid => {}
        }
        let window = self.window.snd_wnd;
        if path == AckPath::Fast && seg.ack > self.window.snd_una {
            self.window.note_predicted(seg.seq);
            cx.host.counters.hp_acks += 1;
        } else {
            cx.host.counters.pure_acks += u64::from(seg.seq == seg.end_seq());
            self.window.update(seg.seq, seg.ack, seg.window);
        }
        let other_window = window != self.window.snd_wnd;
        if other_window {
            rx.send_window_changed(self);
        }
        let acked = self.window.advance(seg.ack);
        let tells = acked > 0 || seg.len > 0 || other_window;
        self.probed = self.probed.filter(|p| !p.answered_by(seg.ack, tells));
        let sent = self.free_acked(cx, rx, seg.ack);
        if acked > 0 {
            let now_us = cx.now.time.as_micros();
            let echoed = seg.ts.filter(|t| t.ecr != 0).map(|t| rx.tsval().wrapping_sub(t.ecr).max(1) * 1_000);
            let sample = sent.map(|s| now_us.saturating_sub(s.as_micros()).min(u64::from(u32::MAX)) as u32);
            if let Some(us) = sample.or(echoed) {
                self.rtt.sample(us, self.window.snd_una, self.window.snd_nxt);
            }
            self.lost_below = self.lost_below.filter(|&l| seg.ack < l);
            if self.window.snd_una < self.window.snd_nxt {
                self.arm_write_timer(cx.now);
            }
        }
        AckOutcome::Ok
    }

    fn push_pending<O: Observer>(&mut self, cx: &mut Cx<'_, O>, rx: &mut Receiver) {
        while let Some(seg) = self.pending.pop_front() {
            self.transmit(cx, rx, seg);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linux::by_name;

    #[test]
    fn the_timeout_of_a_recorded_server_follows_from_its_handshake() {
        let k = by_name("6.1").unwrap();
        let mut s = PassiveSender::new(k, &k.default_sysctls(), 250, SkbLayout::default());
        s.established(&Handshake {
            snd_nxt: Seq(1),
            snd_wnd: 65_536,
            wl1: Seq(0),
            snd_wscale: 7,
            mss: 1024,
            sack: true,
            timestamps: false,
            rtt_us: Some(200_079),
        });
        assert_eq!(s.rto_ticks(), 151);
        assert_eq!((s.snd_una(), s.snd_nxt(), s.snd_wnd(), s.mss_cache()), (Seq(1), Seq(1), 65_536, 1024));
    }
}
