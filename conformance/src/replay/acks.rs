//! Packets that the server's kernel sent, compared with those of the model.

use sim_core::path::Payload;
use sim_core::segment::{Flags, Segment};
use sim_core::send_half::SendHalf as _;
use sim_core::seq::Seq;
use sim_core::state::TcpState;
use sim_core::time::{Now, SimTime};

use super::drive::Drive;
use super::lookahead::{micros, server_segment};
use crate::compare::{Difference, compare_ack};
use crate::recording::{AckRow, LineKind, Row};
use crate::score::LineDifference;

impl Drive<'_> {
    pub(super) fn ack(&mut self, now: Now, ack: &AckRow) {
        if ack.flags.has(Flags::SYN) {
            self.syn_ack(now, ack);
            return;
        }
        self.emitted.push(SimTime::from_nanos(ack.time_ns));
        self.acks_under_way.push_back((SimTime::from_nanos(ack.time_ns) + self.setup.delay, Seq(ack.ack)));
        self.finish_read(now);
        self.set_waiting_option(now);
        if ack.flags.has(Flags::RST) && self.m.watch.sent.is_empty() {
            self.reset_of_closed(now, ack);
            return;
        }
        if ack.len > 0 || ack.flags.has(Flags::FIN) {
            self.server_data(now, ack);
            return;
        }
        if self.m.watch.sent.is_empty() && ack.seq < self.m.snd.snd_una().0 {
            // A window probe.
            self.own_packet(now);
        }
        if self.m.rx.tcp_state() == TcpState::TimeWait && self.m.watch.sent.is_empty() {
            self.time_wait_answer(now, ack);
            return;
        }
        if self.m.watch.sent.is_empty() && self.m.rx.is_owned() && self.m.rx.backlog_waiting() == 0 {
            // The drain is over and the owner lets go: what was deferred goes now.
            self.with(now, |rx, snd, cx| rx.release(cx, snd));
        }
        self.watch_answer(ack);
    }

    /// The answer to a segment for a connection that is gone: no row shows that segment, the script does.
    pub(super) fn reset_of_closed(&mut self, now: Now, ack: &AckRow) {
        let gone = matches!(self.m.rx.tcp_state(), TcpState::Close | TcpState::TimeWait);
        if gone {
            let seg = Segment { flags: Flags::ACK, ack: self.m.snd.snd_nxt(), ..Segment::default() };
            self.with(now, |rx, snd, cx| rx.reset_in_answer(cx, snd, &seg));
        }
        self.watch_answer(ack);
    }

    /// A connection in TIME-WAIT answers what is out of order. Its record is no socket, so there is no state to compare,
    /// and no row shows the segment.
    pub(super) fn time_wait_answer(&mut self, now: Now, ack: &AckRow) {
        self.with(now, |rx, snd, cx| rx.answer_in_time_wait(cx, snd));
        let Some((packet, ..)) = self.m.watch.take_sent() else { return };
        self.score_ack(ack, compare_ack(ack, &packet.seg, None));
    }

    /// Compares the oldest packet that the model sent.
    pub(super) fn watch_answer(&mut self, ack: &AckRow) {
        let Some((packet, state, cause)) = self.m.watch.take_sent() else {
            self.score_ack(ack, vec![Difference { column: "(packet)", recorded: Some(1), model: None }]);
            return;
        };
        if packet.seg.len > 0 {
            self.server_differs(cause);
        }
        let mut differences = compare_ack(ack, &packet.seg, None);
        if !packet.seg.flags.has(Flags::RST) {
            let mut state = state;
            state.owned = ack.state.owned.unwrap_or(state.owned);
            differences.extend(self.compare(&ack.state, &state));
        }
        self.score_ack(ack, differences);
    }

    /// Data or FIN of the server itself: an input, but its acknowledgement and window are the model's.
    pub(super) fn server_data(&mut self, now: Now, ack: &AckRow) {
        let seg = server_segment(ack);
        let mut mss = self.m.snd.mss_cache().saturating_sub(self.m.rx.sack_option_len()).max(1);
        let mut timer = false;
        if self.m.snd.is_own() {
            // The clock was read when the packet was made.
            let made = ack.state.tcp_mstamp.map(micros).filter(|t| *t <= now.time);
            self.own_packet(Now { time: made.unwrap_or(now.time), ..now });
        } else if self.m.watch.sent.front().is_none_or(|(p, _)| p.seg.seq != seg.seq || p.seg.len != seg.len)
        {
            self.copy_written(now, seg.end_seq());
            // Sent before, or new when the write timer is due, and not by a call of the application: by the timer.
            let due =
                self.m.snd.passive().and_then(|s| s.write_timer_due()).is_some_and(|j| j <= now.jiffies);
            timer = (seg.end_seq() <= self.m.snd.snd_nxt() || due) && !self.m.rx.is_owned();
            if timer {
                self.note_before_timer(now);
            }
            self.with(now, |rx, snd, cx| {
                let s = snd.passive()?;
                if timer {
                    s.write_timer_sends(cx, rx, seg)
                } else {
                    s.transmit(cx, rx, seg)
                }
                Some(())
            });
        }
        let Some((packet, mut state, cause)) = self.m.watch.take_sent() else {
            return self.server_differs(self.at);
        };
        if (packet.seg.seq, packet.seg.len) != (seg.seq, seg.len) {
            self.server_differs(cause);
        }
        // One packet of several segments is cut on its way to the device.
        if let Payload::Data(made) = packet.payload {
            mss = if made.gso_size() > 0 { made.gso_size() } else { seg.len.max(1) };
        }
        for _ in 1..seg.len.div_ceil(mss) {
            self.emitted.push(SimTime::from_nanos(ack.time_ns));
        }
        // What came while the packets in front were made.
        state.backlog_len = self.m.rx.state(&self.m.snd).backlog_len;
        let mut differences = compare_ack(ack, &packet.seg, None);
        differences.extend(self.compare(&ack.state, &state));
        self.score_ack(ack, differences);
        if timer {
            self.with(now, |rx, _, cx| rx.write_timer_ran(cx));
        }
    }

    pub(super) fn score_ack(&mut self, ack: &AckRow, differences: Vec<Difference>) {
        self.score.acks.add(differences.is_empty());
        self.score.note(LineDifference::of(LineKind::Ack, ack.ev, ack.time_ns, differences));
    }

    /// ACKs that the model sent and the kernel did not: each is an ACK that differs.
    pub(super) fn unexpected_acks(&mut self, row: &Row) {
        while let Some((packet, _, cause)) = self.m.watch.take_sent() {
            if packet.seg.len > 0 {
                self.server_differs(cause);
            }
            self.score.unexpected += 1;
            let d = Difference { column: "(packet)", recorded: None, model: Some(1) };
            self.score.note(LineDifference::of(LineKind::Ack, row.ev, row.time_ns, vec![d]));
        }
    }
}
