//! A sending half that never sends on its own: what replayed and injected connections need.

use std::collections::VecDeque;

use super::rtt::Rtt;
use super::window::{AckRange, SendWindow};
use super::{Handshake, send_mss};
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
    mss: u32,
    sndbuf: u32,
    accepts_zero: bool,
    /// Truesize of an skb without payload, bytes.
    head: u32,
    /// Unacknowledged skbs of its own: end and truesize.
    unacked: VecDeque<(Seq, u32)>,
}

impl PassiveSender {
    /// A sending half before the handshake. `sysctl` gives the bounds of the timeout and the send buffer.
    pub fn new(kernel: &KernelProfile, sysctl: &Sysctls, hz: u32) -> Self {
        Self {
            window: SendWindow::new(Seq::FIRST, 0, Seq::default(), 0, kernel.accepts_zero_window_update),
            rtt: Rtt::new(hz, sysctl.tcp_rto_min_us, sysctl.tcp_rto_max_ms),
            mss: 536,
            sndbuf: sysctl.tcp_wmem[1],
            accepts_zero: kernel.accepts_zero_window_update,
            head: kernel.sender_head().truesize,
            unacked: VecDeque::new(),
        }
    }

    /// The handshake is over, or the passive side has seen the SYN: what it told about the peer.
    pub fn established(&mut self, h: &Handshake) {
        self.window = SendWindow::new(h.snd_nxt, h.snd_wnd, h.wl1, h.snd_wscale, self.accepts_zero);
        self.mss = send_mss(h.mss, self.window.max_window);
        if let Some(us) = h.rtt_us {
            self.rtt.sample(us, h.snd_nxt, h.snd_nxt);
        }
    }

    /// Accounts `len` sequence numbers sent by this end (data bytes; 1 for a FIN) and the memory of their skb,
    /// which stays charged until it is acknowledged.
    pub fn data_sent<O: Observer>(&mut self, cx: &mut Cx<'_, O>, rx: &mut Receiver, len: u32) {
        self.window.snd_nxt = self.window.snd_nxt + len;
        let truesize = self.head + len;
        rx.charge_send(cx, truesize);
        self.unacked.push_back((self.window.snd_nxt, truesize));
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
        self.mss
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
        while let Some(&(end, truesize)) = self.unacked.front()
            && end <= seg.ack
        {
            self.unacked.pop_front();
            rx.uncharge_send(cx, truesize);
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
