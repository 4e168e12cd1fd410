//! What an ACK does (`tcp_ack`, `tcp_clean_rtx_queue`, `tcp_cong_control`).

use super::Sender;
use super::loss_state::{AckFlags, CaState, Resend};
use super::rack::age_us;
use super::window::{AckRange, SendWindow};
use crate::observer::{Observer, SendEvent};
use crate::receiver::Receiver;
use crate::segment::Segment;
use crate::send_half::{AckOutcome, AckPath, Cx};
use crate::seq::Seq;
use crate::time::SimTime;

/// RTT samples of one ACK, microseconds.
#[derive(Clone, Copy, Default, Debug)]
struct Samples {
    /// For the smoothed RTT: since the first newly acknowledged packet was sent.
    smoothed: Option<u32>,
    /// For the congestion control and the smallest RTT: since the last one was.
    last: Option<u32>,
}

impl Sender {
    /// An ACK, or the ACK field of data, arrives (`tcp_ack`).
    #[inline(always)]
    pub(super) fn ack_arrives<O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        rx: &mut Receiver,
        seg: &Segment,
        path: AckPath,
    ) -> AckOutcome {
        if !self.established {
            return AckOutcome::Ok;
        }
        if seg.ack == self.window.snd_una && self.is_silent() && seg.sack.is_empty() {
            // Nothing was sent that it could be about.
            cx.host.counters.pure_acks += u64::from(seg.seq == seg.end_seq());
            self.take_window(rx, seg);
            self.probes_out = 0;
            return AckOutcome::Ok;
        }
        self.ack_of_data(cx, rx, seg, path)
    }

    /// The same where it may be about something.
    #[inline(never)]
    fn ack_of_data<O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        rx: &mut Receiver,
        seg: &Segment,
        path: AckPath,
    ) -> AckOutcome {
        let ack = seg.ack;
        let prior_una = self.window.snd_una;
        match self.window.classify(ack) {
            AckRange::Old => {
                let mut flags = AckFlags::default();
                if self.sack_ok && !seg.sack.is_empty() {
                    self.tag_sacked(cx, seg, prior_una, &mut flags);
                    let resend = self.judge_ack(cx, seg, prior_una, 0, &mut flags);
                    self.send_after_ack(cx, rx, resend);
                }
                return AckOutcome::Old;
            }
            AckRange::TooOld => return AckOutcome::TooOld,
            AckRange::Unsent => return AckOutcome::Unsent,
            AckRange::Valid => {}
        }
        let prior_packets = self.packets_out;
        let prior_highest = self.loss.highest_arrived(prior_una);
        let mut flags = AckFlags { data: seg.len > 0, una_advanced: ack > prior_una, ..AckFlags::default() };
        if flags.una_advanced {
            self.loss.retransmits = 0;
            if O::ACTIVE {
                cx.obs.sending(cx.now, SendEvent::Acked);
            }
        }
        if path == AckPath::Fast && flags.una_advanced {
            self.window.note_predicted(seg.seq);
            flags.window = true;
            cx.host.counters.hp_acks += 1;
        } else {
            flags.ece = self.echoes_mark(seg);
            cx.host.counters.pure_acks += u64::from(seg.seq == seg.end_seq());
            let granted = self.window.snd_wnd;
            flags.window = self.take_window(rx, seg);
            // What has waited for the window for longer than a timeout begins anew, before it is sent.
            if self.window.snd_wnd != granted && !self.queue.unsent.is_empty() {
                self.restart_after_idle(cx.now);
            }
        }
        self.window.advance(ack);
        self.probes_out = 0;
        if self.sack_ok && !seg.sack.is_empty() {
            self.tag_sacked(cx, seg, prior_una, &mut flags);
        }
        if prior_packets == 0 {
            if flags.dsack {
                self.judge_ack(cx, seg, prior_una, 0, &mut flags);
            }
            self.ack_while_probing(cx.now);
            self.probe_acked(cx, ack, &flags);
            return AckOutcome::Ok;
        }
        self.clean_queue(cx, seg, prior_highest, &mut flags);
        self.adapt_reordering_window(&flags);
        self.probe_acked(cx, ack, &flags);
        let mut resend = Resend::None;
        let new = flags.data || flags.window || flags.data_acked;
        let dubious =
            !new || flags.data_sacked || flags.dsack || flags.ece || self.loss.ca_state != CaState::Open;
        if dubious {
            let duplicates = if flags.una_advanced || new || flags.dsack { 0 } else { rx.acks_in_hand() };
            resend = self.judge_ack(cx, seg, prior_una, duplicates, &mut flags);
        }
        if flags.set_timer && !self.schedule_loss_probe(cx.now, true) {
            self.rearm_rto(cx.now);
        }
        self.control_congestion(cx, &flags);
        self.send_after_ack(cx, rx, resend);
        AckOutcome::Ok
    }

    /// Takes the window of a segment, if it is newer than the one in force; returns whether it was.
    #[inline(always)]
    fn take_window(&mut self, rx: &mut Receiver, seg: &Segment) -> bool {
        let SendWindow { max_window: max, snd_wnd: granted, .. } = self.window;
        let newer = self.window.update(seg.seq, seg.ack, seg.window);
        if self.window.max_window > max {
            self.mss = super::send_mss(self.mss_limit, self.window.max_window);
        }
        if self.window.snd_wnd != granted {
            rx.send_window_changed(self);
        }
        newer
    }

    /// Frees what is acknowledged and takes RTT samples (`tcp_clean_rtx_queue`). `prior_highest` is the highest data
    /// that was known to have arrived before this ACK.
    fn clean_queue<O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        seg: &Segment,
        prior_highest: Seq,
        flags: &mut AckFlags,
    ) {
        let una = self.window.snd_una;
        let (reading, now) = (cx.now, cx.now.time);
        let mut first_sent: Option<SimTime> = None;
        let mut last_sent: Option<SimTime> = None;
        let mut reordered = prior_highest;
        let mut acked_segs = 0;
        let mut whole_runt = false;
        while let Some(skb) = self.queue.rtx.front().copied() {
            let end = skb.end_seq();
            let whole = end <= una;
            let segs = if whole {
                skb.segs
            } else {
                if skb.segs <= 1 || una <= skb.seq {
                    break;
                }
                // Only whole segments of a larger skb leave it.
                let before = skb.segs;
                self.queue.trim_front(una);
                let mss = skb.mss;
                match self.queue.rtx.front_mut() {
                    Some(s) => {
                        s.set_segs(mss);
                        before - s.segs
                    }
                    None => 0,
                }
            };
            if segs == 0 {
                break;
            }
            if skb.marks.ever_retrans {
                if skb.marks.retrans {
                    self.loss.retrans_out -= segs;
                }
                flags.retrans_acked = true;
            } else if !skb.marks.sacked {
                last_sent = Some(skb.sent_at);
                first_sent = first_sent.or(last_sent);
                reordered = reordered.min(skb.seq);
                if end <= self.loss.high_seq {
                    flags.orig_sacked = true;
                }
            }
            if skb.marks.sacked {
                self.loss.sacked_out -= segs;
            } else {
                if self.sack_ok {
                    self.loss.count_delivered(segs, flags);
                    if !(skb.marks.ever_retrans && self.echoes_older(seg, skb.sent_at)) {
                        self.rack_advance(now, skb.sent_at, end, skb.marks.ever_retrans);
                    }
                }
                flags.note_delivered(skb.sent_at, end, skb.delivered_before);
            }
            if skb.marks.lost {
                self.loss.lost_out -= segs;
            }
            self.packets_out -= segs;
            acked_segs += segs;
            whole_runt = whole && skb.len < self.mss;
            flags.data_acked = true;
            if !whole {
                break;
            }
            self.queue.rtx.pop_front();
            self.queue.free(&skb);
        }
        let head = self.queue.rtx.front();
        flags.reneged = head.is_some_and(|s| s.marks.sacked);
        let head_sent_at = head.map(|s| s.sent_at);
        let samples = self.round_trip(now, seg, [first_sent, last_sent], acked_segs, flags);
        if let Some(us) = samples.smoothed {
            if O::ACTIVE {
                cx.obs.sending(cx.now, SendEvent::Rtt { us });
            }
            self.rtt.sample(us, una, self.window.snd_nxt);
            if let Some(last) = samples.last {
                // A packet that is not full and alone: the receiver may have waited for another one.
                let delayed =
                    acked_segs == 1 && whole_runt && !flags.data_sacked && self.loss.sacked_out == 0;
                self.rtt.note_min(last, reading.jiffies, delayed);
            }
            self.backoff = 0;
        }
        if acked_segs > 0 {
            flags.set_timer = true;
            if self.sack_ok {
                if reordered < prior_highest {
                    self.note_reordering(cx, reordered, false);
                }
            } else {
                self.remove_duplicate_acks(cx, acked_segs, flags);
                if flags.retrans_acked {
                    flags.orig_sacked = false;
                }
            }
        } else if let (Some(head), Some((first, _))) = (head_sent_at, flags.sack_sent_at)
            && samples.smoothed.is_some()
            && age_us(now, first) > age_us(now, head)
        {
            // What is reported now was sent before the head was sent again: the head still has its time.
            flags.set_timer = true;
        }
        if let Some(us) = samples.last {
            let ack_cx = self.ack_context(reading);
            self.cc.on_rtt(us, &ack_cx);
        }
    }

    /// The samples of one ACK (`tcp_ack_update_rtt`): from packets never sent twice, else from the timestamp.
    #[inline(never)]
    fn round_trip(
        &self,
        now: SimTime,
        seg: &Segment,
        [first_sent, last_sent]: [Option<SimTime>; 2],
        acked_segs: u32,
        flags: &AckFlags,
    ) -> Samples {
        let since = |t: SimTime| age_us(now, t);
        let mut s = Samples::default();
        if !flags.retrans_acked {
            s = Samples { smoothed: first_sent.map(since), last: last_sent.map(since) };
        }
        if let Some((first, last)) = flags.sack_sent_at {
            s = Samples { smoothed: s.smoothed.or(Some(since(first))), last: Some(since(last)) };
        }
        if s.smoothed.is_none() && acked_segs > 0 && self.timestamps {
            s = self.timestamp_sample(now, seg);
        }
        s
    }

    /// A sample from the echoed timestamp, in whole milliseconds; at least one (`tcp_rtt_tsopt_us`).
    fn timestamp_sample(&self, now: SimTime, seg: &Segment) -> Samples {
        let (Some(ts), Some(now)) = (seg.ts, self.tsval_at(now)) else { return Samples::default() };
        let delta = now.wrapping_sub(ts.ecr);
        // An echo of something this connection never sent.
        if delta > u32::MAX >> 1 {
            return Samples::default();
        }
        let us = Some(delta.max(1) * 1_000);
        Samples { smoothed: us, last: us }
    }

    /// Moves the congestion window and the pacing rate (`tcp_cong_control`).
    fn control_congestion<O: Observer>(&mut self, cx: &Cx<'_, O>, flags: &AckFlags) {
        if self.loss.in_reduction() {
            self.reduce_cwnd(flags.delivered, flags.newly_lost, flags);
        } else {
            let reordering = self.loss.reordering > self.sysctl.tcp_reordering;
            if flags.data_acked || (reordering && flags.data_sacked) {
                let ack_cx = self.ack_context(cx.now);
                self.cc.on_acked(flags.delivered, &ack_cx);
                // Whoever is acknowledged is not idle (`tcp_cong_avoid`).
                self.cc.stamp = cx.now.jiffies;
            }
        }
        self.update_pacing_rate();
    }

    /// `tcp_xmit_recovery`.
    fn send_after_ack<O: Observer>(&mut self, cx: &mut Cx<'_, O>, rx: &mut Receiver, resend: Resend) {
        match resend {
            Resend::None => {}
            Resend::New => {
                self.push_frames(cx, rx, self.mss_now(rx), true, false);
                if self.window.snd_nxt > self.loss.high_seq {
                    return;
                }
                self.loss_was_real();
                self.resend_lost(cx, rx);
            }
            Resend::Lost => self.resend_lost(cx, rx),
        }
    }
}
