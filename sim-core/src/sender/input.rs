//! What an ACK does (`tcp_ack`, `tcp_clean_rtx_queue`, `tcp_cong_control`).

use super::Sender;
use super::recovery::{AckFlags, CaState, Resend};
use super::window::AckRange;
use crate::observer::Observer;
use crate::receiver::Receiver;
use crate::segment::Segment;
use crate::send_half::{AckOutcome, AckPath, Cx};
use crate::seq::Seq;
use crate::time::SimTime;

/// RTT samples of one ACK, microseconds.
#[derive(Clone, Copy, Default, Debug)]
struct Samples {
    /// Since the first newly acknowledged packet was sent.
    first: Option<u32>,
    /// Since the last one was.
    last: Option<u32>,
}

impl Sender {
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
        let ack = seg.ack;
        match self.window.classify(ack) {
            AckRange::Old => {
                let mut flags = AckFlags::default();
                if self.sack_ok && !seg.sack.is_empty() {
                    self.tag_sacked(cx, seg, self.window.snd_una, &mut flags);
                    let resend = self.judge_ack(cx, &mut flags);
                    self.send_after_ack(cx, rx, resend);
                }
                return AckOutcome::Old;
            }
            AckRange::TooOld | AckRange::Unsent => return AckOutcome::Discard,
            AckRange::Valid => {}
        }
        let prior_una = self.window.snd_una;
        let prior_packets = self.packets_out;
        let prior_in_flight_sacked = self.loss.sacked_out;
        let mut flags = AckFlags { data: seg.len > 0, una_advanced: ack > prior_una, ..AckFlags::default() };
        if flags.una_advanced {
            self.loss.retransmits = 0;
        }
        if path == AckPath::Fast && flags.una_advanced {
            self.window.note_predicted(seg.seq);
            flags.window = true;
            cx.host.counters.hp_acks += 1;
        } else {
            cx.host.counters.pure_acks += u64::from(seg.seq == seg.end_seq());
            let max = self.window.max_window;
            flags.window = self.window.update(seg.seq, ack, seg.window);
            if self.window.max_window > max {
                self.mss = super::send_mss(self.mss_limit, self.window.max_window);
            }
        }
        self.window.advance(ack);
        if self.sack_ok && !seg.sack.is_empty() {
            self.tag_sacked(cx, seg, prior_una, &mut flags);
        }
        if prior_packets == 0 {
            self.ack_while_probing(cx.now);
            self.probe_acked(cx, ack, &flags);
            return AckOutcome::Ok;
        }
        self.clean_queue(cx, seg, prior_una, prior_in_flight_sacked, &mut flags);
        self.probe_acked(cx, ack, &flags);
        let mut resend = Resend::None;
        let dubious = !(flags.data || flags.window || flags.data_acked)
            || flags.data_sacked
            || flags.dsack
            || self.loss.ca_state != CaState::Open;
        if dubious {
            resend = self.judge_ack(cx, &mut flags);
        }
        if flags.set_timer && !self.schedule_loss_probe(cx.now, true) {
            self.rearm_rto(cx.now);
        }
        self.control_congestion(cx, &flags);
        self.send_after_ack(cx, rx, resend);
        AckOutcome::Ok
    }

    /// Frees what is acknowledged and takes RTT samples (`tcp_clean_rtx_queue`).
    fn clean_queue<O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        seg: &Segment,
        prior_una: Seq,
        prior_sacked: u32,
        flags: &mut AckFlags,
    ) {
        let una = self.window.snd_una;
        let now = cx.now.time;
        let mut first_sent: Option<SimTime> = None;
        let mut last_sent: Option<SimTime> = None;
        let mut acked_segs = 0;
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
                if skb.seq < self.loss.highest_sacked && prior_sacked > 0 {
                    flags.reordered = true;
                }
                if end <= self.loss.high_seq {
                    flags.orig_sacked = true;
                }
            }
            if skb.marks.sacked {
                self.loss.sacked_out -= segs;
            } else {
                flags.delivered += segs;
                self.rack_advance(now, skb.sent_at, end, skb.marks.ever_retrans);
            }
            if skb.marks.lost {
                self.loss.lost_out -= segs;
            }
            self.packets_out -= segs;
            acked_segs += segs;
            flags.data_acked = true;
            if !whole {
                break;
            }
            self.queue.rtx.pop_front();
            self.queue.free(&skb);
        }
        let since = |t: SimTime| (now.as_micros() - t.as_micros()).min(u64::from(u32::MAX)) as u32;
        let mut samples = Samples::default();
        if !flags.retrans_acked {
            samples = Samples { first: first_sent.map(since), last: last_sent.map(since) };
        }
        if samples.first.is_none() {
            samples.first = flags.sack_sent_at.map(since);
            samples.last = samples.first;
        }
        if samples.first.is_none() && acked_segs > 0 && self.timestamps {
            samples = self.timestamp_sample(cx, seg);
        }
        if let Some(us) = samples.first {
            self.rtt.sample(us, una, self.window.snd_nxt);
            self.rtt.note_min(samples.last.unwrap_or(us));
            self.backoff = 0;
        }
        if acked_segs > 0 {
            flags.set_timer = true;
            if flags.reordered && una > prior_una {
                self.note_reordering();
            }
            if let Some(us) = samples.last {
                let ack_cx = self.ack_context(cx.now);
                self.cc.on_rtt(us, &ack_cx);
            }
        }
    }

    /// A sample from the echoed timestamp, in whole milliseconds; at least one (`tcp_rtt_tsopt_us`).
    fn timestamp_sample<O: Observer>(&self, cx: &Cx<'_, O>, seg: &Segment) -> Samples {
        let (Some(ts), Some(base)) = (seg.ts, self.ts_base) else { return Samples::default() };
        let delta = super::millis(cx.now).wrapping_add(base).wrapping_sub(ts.ecr);
        // An echo of something this connection never sent.
        if delta > u32::MAX >> 1 {
            return Samples::default();
        }
        let us = Some(delta.max(1) * 1_000);
        Samples { first: us, last: us }
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
            }
        }
        self.update_pacing_rate();
    }

    /// `tcp_xmit_recovery`.
    fn send_after_ack<O: Observer>(&mut self, cx: &mut Cx<'_, O>, rx: &mut Receiver, resend: Resend) {
        match resend {
            Resend::None => {}
            Resend::New => {
                self.push_frames(cx, rx, self.mss, true, false);
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
