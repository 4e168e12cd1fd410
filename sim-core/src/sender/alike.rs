//! Packets alike at once: what a large skb is cut into while both windows are open.
//!
//! The transmission loop asks the same for every packet. Where the first one has shown that nothing but the windows and the
//! length of the skb can stop the next ones, how many there are is known beforehand, and each differs from the one before in
//! its place, its time and its page fragments. It comes to what [`Sender::write_xmit`] does one by one; observers see that.

use super::timers::TimerKind;
use super::write_queue::{Marks, TxSkb};
use super::{Emitted, Sender};
use crate::observer::Observer;
use crate::path::Payload;
use crate::receiver::Receiver;
use crate::segment::Flags;
use crate::send_half::Cx;
use crate::seq::Seq;

impl Sender {
    /// How many packets of `segs` segments follow the one just sent, each cut from the first unsent skb as that one was.
    fn alike<O: Observer>(&self, cx: &Cx<'_, O>, rx: &Receiver, mss: u32, segs: u32) -> u32 {
        let host_asks = self.pacing.is_some() || cx.host.shaper.is_some() || cx.host.qdisc_room.is_some();
        let cc = &self.cc;
        if O::ACTIVE || O::STEPWISE || host_asks || self.charged.holds() || !rx.stamps_alike() {
            return 0;
        }
        // Nothing was in flight before the first one at most.
        if self.in_flight() == 0 || self.timer.kind() == Some(TimerKind::LossProbe) || cc.cwnd >> 1 < segs {
            return 0;
        }
        let Some(skb) = self.queue.unsent.front() else { return 0 };
        let len = segs * mss;
        if skb.len <= len || skb.mss != mss || skb.segs <= segs {
            return 0;
        }
        let window = (self.end_of_window() - skb.seq).max(0) as u64 / u64::from(len);
        let window = u32::try_from(window).unwrap_or(u32::MAX);
        window.min(cc.cwnd.saturating_sub(self.in_flight()) / segs).min((skb.len - 1) / len)
    }

    /// Sends what follows the packet just sent and is like it, if that had `segs` segments; returns how many segments that
    /// was.
    pub(super) fn send_alike<O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        rx: &mut Receiver,
        mss: u32,
        segs: u32,
    ) -> u32 {
        let count = self.alike(cx, rx, mss, segs);
        let (Some(mut packet), Some(before)) = (cx.out.last().copied(), self.queue.rtx.back()) else {
            return 0;
        };
        let len = segs * mss;
        if count == 0 || before.len != len || before.segs != segs || packet.seg.seq != before.seq {
            return 0;
        }
        // A packet of several segments is pushed; one that was cut off says nothing more.
        let flags = if segs > 1 { Flags::PSH } else { Flags::default() };
        let only_last = Flags::PSH.with(Flags::FIN).with(Flags::CWR);
        packet.seg.flags = packet.seg.flags.without(only_last).with(flags);
        let mut skb = TxSkb {
            flags,
            delivered_before: self.loss.delivered,
            marks: Marks { shared: self.shares_data, ..Marks::default() },
            ..*before
        };
        let gso_size = if segs > 1 { mss } else { 0 };
        let end = Seq(skb.seq.0 + i64::from(len) * i64::from(count + 1));
        let in_one = self.queue.in_one_fragment(skb.seq + len, end);
        cx.out.reserve(count as usize);
        for _ in 0..count {
            skb.seq = skb.seq + len;
            self.queue.account_split();
            rx.settle_send(cx, self.queue.wmem_queued);
            self.lsndtime = cx.now.jiffies;
            rx.data_sent(cx.now);
            packet.seg.seq = skb.seq;
            let skb_end = skb.seq + len;
            let breaks = if in_one { None } else { self.queue.breaks(skb.seq, len) };
            packet.payload = Payload::Data(Emitted::new((skb.seq, len), gso_size, len, cx.now.time, breaks));
            cx.out.push(packet);
            self.spend(cx, self.costs.sending());
            self.queue.rtx.push_back(skb);
            self.packets_out += segs;
            self.window.snd_nxt = skb_end;
            self.check_space(cx);
        }
        let sent = count * segs;
        cx.host.counters.out_segs += u64::from(sent);
        if let Some(rest) = self.queue.unsent.front_mut() {
            rest.seq = skb.end_seq();
            rest.len -= count * len;
            rest.set_segs(mss);
        }
        sent
    }
}
