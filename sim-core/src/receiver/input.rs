//! A segment arrives on an established connection: header prediction, acceptability, and the order of things.

use super::Receiver;
use super::ack::MAX_QUICKACKS;
use crate::linux::SequenceCheck;
use crate::observer::{AckReason, DropReason, Observer, Rule, Transmit};
use crate::path::Payload;
use crate::segment::{Flags, Segment, Timestamps};
use crate::send_half::{AckOutcome, AckPath, Cx, SendHalf};
use crate::skb::Skb;
use crate::state::{AckPending, TcpState};

/// `TCP_PAWS_WINDOW`: how far a timestamp may lag, milliseconds.
const PAWS_WINDOW: i32 = 1;

/// The word that header prediction compares: header length, flags without PSH, window
/// (`tcp_flag_word` under `TCP_HP_BITS`).
fn prediction_word(header_len: u32, flags: Flags, window: u16) -> u32 {
    (header_len / 4) << 28 | u32::from(flags.without(Flags::PSH).0) << 16 | u32::from(window)
}

/// What `tcp_sequence` says.
enum Acceptable {
    Yes,
    /// Entirely before the window; up to 6.16 also beyond it.
    No,
    /// Begins beyond the window.
    Beyond,
    /// Ends beyond the window.
    EndsBeyond,
}

impl Receiver {
    /// A segment on an established connection (`tcp_rcv_established`).
    #[inline(always)]
    pub(super) fn rcv_established<S: SendHalf, O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        snd: &mut S,
        seg: &Segment,
        skb: &Skb,
    ) {
        self.refresh_clock(cx);
        if self.is_predicted(snd, seg) {
            if seg.len == 0 {
                self.predicted_ack(cx, snd, seg);
                return;
            }
            if self.kernel.prediction_checks_window
                && seg.end_seq() - self.rcv_nxt > i64::from(self.receive_window())
            {
                // Ends beyond the window: the slow path decides.
            } else if skb.buf.truesize as i32 > self.fwd_alloc {
                // No memory at hand: the segment is valid, but must pass the gate.
                self.note_timestamps(seg);
                self.slow_path(cx, snd, seg, skb);
                return;
            } else {
                self.predicted_data(cx, snd, seg, skb);
                return;
            }
        }
        if self.says_something(cx, seg, skb) && self.validate(cx, snd, seg, skb) {
            self.slow_path(cx, snd, seg, skb);
        }
    }

    /// Whether header prediction applies.
    #[inline(always)]
    pub(super) fn is_predicted<S: SendHalf>(&self, snd: &S, seg: &Segment) -> bool {
        if self.pred_flags == 0
            || prediction_word(seg.header_len(), seg.flags, seg.window) != self.pred_flags
            || seg.seq != self.rcv_nxt
            || seg.ack > snd.snd_nxt()
            || (self.kernel.prediction_checks_old_ack && seg.ack < snd.snd_una())
        {
            return false;
        }
        match seg.ts {
            Some(ts) => (ts.val.wrapping_sub(self.ts_recent) as i32) >= 0,
            None => true,
        }
    }

    /// A predicted pure ACK.
    fn predicted_ack<S: SendHalf, O: Observer>(&mut self, cx: &mut Cx<'_, O>, snd: &mut S, seg: &Segment) {
        cx.rule(|| Rule::Predicted);
        self.note_timestamps(seg);
        if self.rcv_nxt == self.rcv_wup {
            self.store_ts_recent(seg);
        }
        if self.process_ack(cx, snd, seg, AckPath::Fast) == AckOutcome::TooOld {
            self.challenge(cx, snd);
        }
        snd.push_pending(cx, self);
        self.drs.last_tsecr = self.drs.rcv_tsecr;
    }

    /// Predicted data: no gate, no window check.
    #[inline(always)]
    fn predicted_data<S: SendHalf, O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        snd: &mut S,
        seg: &Segment,
        skb: &Skb,
    ) {
        cx.rule(|| Rule::Predicted);
        self.note_timestamps(seg);
        if self.rcv_nxt == self.rcv_wup {
            self.store_ts_recent(seg);
        }
        self.measure_rtt_from_timestamps(cx, seg);
        cx.host.counters.hp_hits += 1;
        self.queue_in_order(cx, skb);
        self.data_received(cx, snd, seg, skb);
        if seg.ack != snd.snd_una() {
            if self.process_ack(cx, snd, seg, AckPath::Fast) == AckOutcome::TooOld {
                self.challenge(cx, snd);
            }
            snd.push_pending(cx, self);
            if !self.ack.pending.has(AckPending::SCHED) {
                return;
            }
        } else {
            snd.note_predicted(seg.seq);
        }
        self.ack_check(cx, snd, false);
    }

    /// Everything after validation (`step5` of `tcp_rcv_established`).
    #[inline(always)]
    fn slow_path<S: SendHalf, O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        snd: &mut S,
        seg: &Segment,
        skb: &Skb,
    ) {
        if self.process_ack_slow(cx, snd, seg, skb).is_err() {
            return;
        }
        self.measure_rtt_from_timestamps(cx, seg);
        self.data_queue(cx, snd, seg, skb);
        snd.push_pending(cx, self);
        self.ack_check(cx, snd, true);
    }

    /// The ACK field in the slow path; an error means that the segment was discarded.
    #[inline(always)]
    pub(super) fn process_ack_slow<S: SendHalf, O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        snd: &mut S,
        seg: &Segment,
        skb: &Skb,
    ) -> Result<(), ()> {
        let established = self.state == TcpState::Established;
        let outcome = self.process_ack(cx, snd, seg, AckPath::Slow);
        let challenged = match outcome {
            AckOutcome::Ok => return Ok(()),
            AckOutcome::Old if established || self.kernel.closing_accepts_old_acks => return Ok(()),
            AckOutcome::Old | AckOutcome::TooOld => true,
            AckOutcome::Unsent => !established || self.kernel.unsent_ack_challenged,
        };
        if challenged {
            self.challenge(cx, snd);
        }
        self.discard(cx, skb, DropReason::BadAck);
        Err(())
    }

    /// Hands the ACK field to the sending half (`tcp_ack`). What that sends because of it finds all that the ACK says about this
    /// half done already.
    fn process_ack<S: SendHalf, O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        snd: &mut S,
        seg: &Segment,
        path: AckPath,
    ) -> AckOutcome {
        let notes_timestamp = path == AckPath::Slow && seg.seq <= self.rcv_wup;
        if (snd.snd_una()..=snd.snd_nxt()).contains(&seg.ack) {
            if notes_timestamp {
                self.replace_ts_recent(seg);
            }
            self.rcv_tstamp = Some(cx.now.ack_jiffies());
        }
        let outcome = snd.on_ack(cx, self, seg, path);
        if outcome == AckOutcome::Old && notes_timestamp && self.kernel.old_acks_note_timestamps {
            self.replace_ts_recent(seg);
        }
        outcome
    }

    /// The sending half has taken another window of the peer than it had (`tcp_ack_update_window`).
    #[inline]
    pub(crate) fn send_window_changed<S: SendHalf>(&mut self, snd: &S) {
        self.pred_flags = 0;
        self.enable_prediction(snd);
    }

    /// Turns header prediction on if nothing speaks against it (`tcp_fast_path_check`).
    pub(super) fn enable_prediction<S: SendHalf>(&mut self, snd: &S) {
        if self.ofo.is_empty() && self.rcv_wnd != 0 && self.rmem < self.rcvbuf {
            self.predict(snd);
        }
    }

    /// Turns header prediction on (`tcp_fast_path_on`).
    pub(super) fn predict<S: SendHalf>(&mut self, snd: &S) {
        let window = (snd.snd_wnd() >> self.snd_wscale) as u16;
        self.pred_flags = prediction_word(self.usual_header_len(), Flags::ACK, window);
    }

    // --- acceptability ---------------------------------------------------------------------------------------

    /// Whether the segment may be processed (`tcp_validate_incoming`); answers it if not.
    fn validate<S: SendHalf, O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        snd: &mut S,
        seg: &Segment,
        skb: &Skb,
    ) -> bool {
        self.note_timestamps(seg);
        if !seg.flags.has(Flags::RST) && self.paws_rejects(cx, snd, seg) {
            if seg.flags.has(Flags::SYN) {
                self.challenge_syn(cx, snd, skb);
                return false;
            }
            let old_ack = seg.seq == seg.end_seq() && seg.seq < self.rcv_nxt;
            if old_ack && self.kernel.paws_ignores_old_acks {
                cx.host.counters.paws_old_ack += 1;
                self.discard(cx, skb, DropReason::Paws);
                return false;
            }
            cx.host.counters.paws_estab += 1;
            if self.answer_suppressed(cx.now, seg) {
                cx.host.counters.ack_skipped_paws += 1;
            } else {
                self.send_dupack(cx, snd, seg);
            }
            self.discard(cx, skb, DropReason::Paws);
            return false;
        }
        match self.acceptable(seg) {
            Acceptable::Yes => {}
            verdict => {
                if matches!(verdict, Acceptable::Beyond | Acceptable::EndsBeyond) {
                    cx.host.counters.beyond_window += 1;
                }
                if seg.flags.has(Flags::SYN) && !seg.flags.has(Flags::RST) {
                    self.challenge_syn(cx, snd, skb);
                    return false;
                }
                if seg.flags.has(Flags::RST) {
                    if self.resets_after_fin(seg.seq) {
                        self.reset_by_peer(cx, snd);
                    }
                } else if self.answer_suppressed(cx.now, seg) {
                    cx.host.counters.ack_skipped_seq += 1;
                } else {
                    self.send_dupack(cx, snd, seg);
                }
                let reason = match verdict {
                    Acceptable::EndsBeyond => DropReason::InvalidEndSequence,
                    _ => DropReason::InvalidSequence,
                };
                self.discard(cx, skb, reason);
                return false;
            }
        }
        if seg.flags.has(Flags::RST) {
            if self.believes_reset(seg.seq) {
                self.reset_by_peer(cx, snd);
                self.count_last_segment(skb);
            } else {
                self.challenge(cx, snd);
                self.discard(cx, skb, DropReason::InvalidReset);
            }
            return false;
        }
        if seg.flags.has(Flags::SYN) {
            self.challenge_syn(cx, snd, skb);
            return false;
        }
        true
    }

    /// Whether a segment has any of the flags without which it is thrown away unread.
    fn says_something<O: Observer>(&mut self, cx: &mut Cx<'_, O>, seg: &Segment, skb: &Skb) -> bool {
        let something = seg.flags.0 & (Flags::ACK.0 | Flags::RST.0 | Flags::SYN.0) != 0;
        if !something {
            self.discard(cx, skb, DropReason::InvalidFlags);
        }
        something
    }

    /// `tcp_sequence`.
    fn acceptable(&self, seg: &Segment) -> Acceptable {
        let end = seg.end_seq();
        if end < self.rcv_wup {
            return Acceptable::No;
        }
        let limit = match self.kernel.sequence_check {
            SequenceCheck::Start => {
                let inside = seg.seq <= self.rcv_nxt + self.receive_window();
                return if inside { Acceptable::Yes } else { Acceptable::No };
            }
            SequenceCheck::End => self.rcv_nxt + self.receive_window(),
            SequenceCheck::EndOfMaxWindow => self.rcv_mwnd_seq.max(self.rcv_nxt),
        };
        if end <= limit {
            return Acceptable::Yes;
        }
        if self.kernel.tracks_max_window() && seg.flags.has(Flags::FIN) && seg.seq + seg.len <= limit {
            return Acceptable::Yes;
        }
        if seg.seq > limit {
            return Acceptable::Beyond;
        }
        if self.queue.is_empty() { Acceptable::Yes } else { Acceptable::EndsBeyond }
    }

    /// `tcp_paws_discard`.
    fn paws_rejects<S: SendHalf, O: Observer>(&self, cx: &Cx<'_, O>, snd: &S, seg: &Segment) -> bool {
        let Some(ts) = seg.ts else { return false };
        if !self.tstamp_ok || self.ts_recent == 0 {
            return false;
        }
        let lag = self.ts_recent.wrapping_sub(ts.val) as i32;
        if lag <= PAWS_WINDOW {
            return false;
        }
        // A pure duplicate ACK may have been overtaken (`tcp_disordered_ack`).
        let overtaken = seg.len == 0
            && seg.seq == seg.end_seq()
            && seg.seq == self.rcv_nxt
            && seg.ack == snd.snd_una()
            && u64::from(lag as u32) <= u64::from(snd.rto_ticks()) * 1_000 / u64::from(cx.now.hz);
        !overtaken
    }

    /// Answers an unacceptable segment (`tcp_send_dupack`).
    fn send_dupack<S: SendHalf, O: Observer>(&mut self, cx: &mut Cx<'_, O>, snd: &S, seg: &Segment) {
        let end = seg.end_seq();
        if end != seg.seq && seg.seq < self.rcv_nxt {
            cx.host.counters.delayed_ack_lost += 1;
            self.enter_quickack(cx.now, MAX_QUICKACKS);
            self.dsack_set(cx, seg.seq, end.min(self.rcv_nxt));
        }
        self.send_ack(cx, snd, AckReason::DupAck);
    }

    // --- timestamps ------------------------------------------------------------------------------------------

    /// Remembers the TSecr of the segment being processed, without our offset (`rx_opt.rcv_tsecr`).
    fn note_timestamps(&mut self, seg: &Segment) {
        if let Some(ts) = seg.ts {
            self.drs.rcv_tsecr = self.own_stamp(ts.ecr);
        }
    }

    /// What this end's clock read when it sent what a TSecr echoes; 0 if there is none.
    pub(super) fn own_stamp(&self, ecr: u32) -> u32 {
        if ecr == 0 { 0 } else { ecr.wrapping_sub(self.ts_offset) }
    }

    fn store_ts_recent(&mut self, seg: &Segment) {
        if let Some(ts) = seg.ts {
            self.ts_recent = ts.val;
        }
    }

    /// `tcp_replace_ts_recent`: only forward.
    fn replace_ts_recent(&mut self, seg: &Segment) {
        if let Some(ts) = seg.ts
            && (self.ts_recent == 0 || self.ts_recent.wrapping_sub(ts.val) as i32 <= 0)
        {
            self.ts_recent = ts.val;
        }
    }

    // --- other states ----------------------------------------------------------------------------------------

    /// A segment in the handshake's last step or after a FIN (`tcp_rcv_state_process`).
    #[cold]
    pub(super) fn rcv_state_process<S: SendHalf, O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        snd: &mut S,
        seg: &Segment,
        skb: &Skb,
    ) {
        self.refresh_clock(cx);
        if !self.says_something(cx, seg, skb)
            || !self.validate(cx, snd, seg, skb)
            || self.process_ack_slow(cx, snd, seg, skb).is_err()
        {
            return;
        }
        if self.state == TcpState::SynRecv {
            self.passive_established(cx, snd, seg);
        }
        if snd.fin_acked() {
            self.fin_was_acked();
            if matches!(self.state, TcpState::TimeWait | TcpState::Close) {
                // The last segment of the connection; whatever else it carries is of no use.
                self.stop_timers(cx, snd);
                self.count_last_segment(skb);
                return;
            }
        }
        let ignored = matches!(self.state, TcpState::CloseWait | TcpState::Closing | TcpState::LastAck)
            && seg.seq >= self.rcv_nxt;
        let after_fin = self.read_shutdown
            && !ignored
            && self.state != TcpState::Established
            && skb.len > 0
            && skb.seq + skb.len > self.rcv_nxt;
        if after_fin {
            // RFC 1122, 4.2.2.13: data that nobody will read is answered with a reset.
            cx.host.counters.abort_on_data += 1;
            self.reset_in_answer(cx, snd, seg);
            self.close_now(cx, snd);
            return;
        }
        if !ignored {
            self.data_queue(cx, snd, seg, skb);
        }
        snd.push_pending(cx, self);
        self.ack_check(cx, snd, true);
        if ignored {
            self.count_drop(skb);
        }
    }

    /// Answers a segment with a reset (`tcp_v4_send_reset`).
    #[cold]
    pub fn reset_in_answer<S: SendHalf, O: Observer>(&mut self, cx: &mut Cx<'_, O>, snd: &S, seg: &Segment) {
        let mut rst = Segment { flags: Flags::RST, ..Segment::default() };
        if seg.flags.has(Flags::ACK) {
            rst.seq = seg.ack;
        } else {
            rst.flags = rst.flags.with(Flags::ACK);
            rst.ack = seg.end_seq();
        }
        cx.host.counters.out_segs += 1;
        cx.host.counters.out_rsts += 1;
        let packet = Transmit { seg: rst, window: 0, reason: AckReason::Now, payload: Payload::Ack };
        if O::ACTIVE {
            cx.obs.transmit(cx.now, &packet, &self.shown::<_, O>(snd));
        }
        cx.out.push(packet);
    }

    /// A connection in TIME-WAIT answers a segment that is not its last one (`tcp_timewait_state_process`): the numbers
    /// and the window are those it ended with.
    pub fn answer_in_time_wait<S: SendHalf, O: Observer>(&mut self, cx: &mut Cx<'_, O>, snd: &S) {
        // Without a scale the window may have more bits than its field, which takes the lower ones.
        let window = (self.rcv_wnd >> self.rcv_wscale) as u16;
        let seg = Segment {
            seq: snd.snd_nxt(),
            flags: Flags::ACK,
            ack: self.rcv_nxt,
            window,
            ts: self.tstamp_ok.then(|| Timestamps { val: self.tsval(), ecr: self.ts_recent }),
            ..Segment::default()
        };
        cx.host.counters.out_segs += 1;
        let window = u32::from(window) << self.rcv_wscale;
        let packet = Transmit { seg, window, reason: AckReason::DupAck, payload: Payload::Ack };
        if O::ACTIVE {
            cx.obs.transmit(cx.now, &packet, &self.shown::<_, O>(snd));
        }
        cx.out.push(packet);
    }

    /// The connection is given up: nobody answers (`tcp_write_err`).
    pub(crate) fn connection_lost<S: SendHalf, O: Observer>(&mut self, cx: &mut Cx<'_, O>, snd: &mut S) {
        self.close_now(cx, snd);
    }

    /// Counts a discarded segment.
    #[inline(never)]
    pub(super) fn discard<O: Observer>(&mut self, cx: &mut Cx<'_, O>, skb: &Skb, reason: DropReason) {
        self.count_drop(skb);
        let seq = skb.seq;
        cx.rule(|| Rule::Dropped { reason, seq });
    }
}
