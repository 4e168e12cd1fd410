//! A sending half that never sends on its own: what replayed and injected connections need.

use std::collections::VecDeque;

use super::rtt::Rtt;
use super::window::{AckRange, SendWindow};
use super::{Handshake, send_mss, tso};
use crate::config::Sysctls;
use crate::linux::KernelProfile;
use crate::observer::Observer;
use crate::receiver::Receiver;
use crate::segment::Segment;
use crate::send_half::{AckOutcome, AckPath, Cx, SendHalf};
use crate::seq::Seq;

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
    /// Largest payload of an skb (`sk_gso_max_size`), bytes.
    gso_max: u32,
    /// skbs written and not yet acknowledged, sent or not.
    queue: VecDeque<Written>,
    /// One after the last byte written.
    write_seq: Seq,
    /// The FIN's sequence number, once it is queued.
    fin: Option<Seq>,
}

/// An skb of the write or the retransmit queue.
#[derive(Clone, Copy, Debug)]
struct Written {
    end: Seq,
    truesize: u32,
    len: u32,
}

impl PassiveSender {
    /// A sending half before the handshake. `sysctl` gives the bounds of the timeout and the send buffer.
    pub fn new(kernel: &KernelProfile, sysctl: &Sysctls, hz: u32) -> Self {
        Self {
            window: SendWindow::new(Seq::FIRST, 0, Seq::default(), 0, kernel.accepts_zero_window_update),
            rtt: Rtt::new(hz, sysctl.tcp_rto_min_us, sysctl.tcp_rto_max_ms),
            mss_limit: 536,
            sndbuf: sysctl.tcp_wmem[1],
            accepts_zero: kernel.accepts_zero_window_update,
            head: kernel.sender_head().truesize,
            gso_max: tso::gso_max(kernel.max_tcp_header),
            queue: VecDeque::new(),
            write_seq: Seq::FIRST,
            fin: None,
        }
    }

    /// The handshake is over, or the passive side has seen the SYN: what it told about the peer.
    pub fn established(&mut self, h: &Handshake) {
        self.window = SendWindow::new(h.snd_nxt, h.snd_wnd, h.wl1, h.snd_wscale, self.accepts_zero);
        self.mss_limit = h.mss;
        self.write_seq = h.snd_nxt;
        if let Some(us) = h.rtt_us {
            self.rtt.sample(us, h.snd_nxt, h.snd_nxt);
        }
    }

    /// The application wrote `len` bytes: the skbs that hold them are charged (`tcp_sendmsg_locked`).
    pub fn written<O: Observer>(&mut self, cx: &mut Cx<'_, O>, rx: &mut Receiver, len: u32) {
        let mut left = len;
        while left > 0 {
            let room = self.room();
            if room == 0 {
                self.push_skb(cx, rx, 0);
                continue;
            }
            let n = room.min(left);
            left -= n;
            self.write_seq = self.write_seq + n;
            let end = self.write_seq;
            if let Some(tail) = self.queue.back_mut() {
                tail.len += n;
                tail.truesize += n;
                tail.end = end;
            }
            rx.charge_send(cx, n);
        }
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
        self.queue.push_back(Written { end: self.write_seq, truesize, len });
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

    /// Everything up to `end` was transmitted. An skb that is sent in part is split, and the rest has a head of its
    /// own (`tso_fragment`).
    pub fn transmitted<O: Observer>(&mut self, cx: &mut Cx<'_, O>, rx: &mut Receiver, end: Seq) {
        if end <= self.window.snd_nxt {
            return;
        }
        if self.write_seq < end {
            // Written before the record begins to tell.
            let missing = (end - self.write_seq) as u32;
            self.written(cx, rx, missing);
        }
        self.window.snd_nxt = end;
        if let Some(at) = self.queue.iter().position(|w| w.end > end) {
            let w = self.queue[at];
            let start = w.end.0 - i64::from(w.len) - i64::from(self.fin.is_some_and(|f| w.end > f));
            if start < end.0 {
                let rest = (w.end - end) as u32;
                let rest_len = rest - u32::from(self.fin.is_some_and(|f| w.end > f));
                let first = Written { end, len: w.len - rest_len, truesize: w.truesize - rest_len };
                self.queue[at] = first;
                self.queue
                    .insert(at + 1, Written { end: w.end, len: rest_len, truesize: self.head + rest_len });
                rx.charge_send(cx, self.head);
            }
        }
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
        _sysctl: &Sysctls,
    ) -> AckOutcome {
        match self.window.classify(seg.ack) {
            AckRange::Old => return AckOutcome::Old,
            AckRange::TooOld | AckRange::Unsent => return AckOutcome::Discard,
            AckRange::Valid => {}
        }
        if path == AckPath::Fast && seg.ack > self.window.snd_una {
            self.window.note_predicted(seg.seq);
            cx.host.counters.hp_acks += 1;
        } else {
            cx.host.counters.pure_acks += u64::from(seg.seq == seg.end_seq());
            self.window.update(seg.seq, seg.ack, seg.window);
        }
        self.window.advance(seg.ack);
        while let Some(&w) = self.queue.front()
            && w.end <= seg.ack
            && w.len + u32::from(self.fin.is_some()) > 0
        {
            self.queue.pop_front();
            rx.uncharge_send(cx, w.truesize);
        }
        AckOutcome::Ok
    }

    fn push_pending<O: Observer>(&mut self, _cx: &mut Cx<'_, O>, _rx: &mut Receiver) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linux::by_name;

    #[test]
    fn the_timeout_of_a_recorded_server_follows_from_its_handshake() {
        let k = by_name("6.1").unwrap();
        let mut s = PassiveSender::new(k, &k.default_sysctls(), 250);
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
