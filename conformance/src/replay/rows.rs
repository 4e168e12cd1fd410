//! Segments: the state before each is compared, then it goes in.

use sim_core::segment::{SackBlock, SackList};
use sim_core::send_half::SendHalf as _;
use sim_core::seq::Seq;
use sim_core::state::SocketState;
use sim_core::time::Now;

use super::drive::Drive;
use super::lookahead::data_in_answer;
use crate::compare::{Difference, ModelCounts, compare_counts, compare_whole_state};
use crate::recording::{Entry, LineKind, Row, RowSegment};
use crate::score::LineDifference;

impl Drive<'_> {
    pub(super) fn row(&mut self, at: usize, now: Now, row: &Row) {
        let direct = self.hindsight.waited(self.row_index) == 0;
        self.finish_read(now);
        if direct
            && row.state.owned == Some(false)
            && self.m.rx.is_owned()
            && self.m.rx.backlog_waiting() == 0
        {
            // The call has let go of the socket already; that it returned is recorded later.
            self.with(now, |rx, snd, cx| rx.release(cx, snd));
        }
        if self.row_index == 0
            && let Some(seg) = &row.segment
        {
            let made = self.clocks.made_before_tick(now, row.state.lrcvtime).unwrap_or(now);
            self.child(made, seg);
        }
        self.unexpected_acks(row);
        let mut model = self.m.rx.state(&self.m.snd);
        if row.entry == Entry::End {
            let read = self
                .closing
                .iter()
                .flatten()
                .chain(&self.last_step)
                .find(|s| self.compare(&row.state, s).is_empty());
            model = read.copied().unwrap_or(model);
        }
        let owned = row.state.owned.unwrap_or(model.owned);
        model.owned = owned;
        let first = *self.first_wup.get_or_insert(model.rcv_wup);
        let s = std::mem::take(&mut self.m.watch.since);
        let counts = ModelCounts {
            acked: model.rcv_wup - first,
            coal_ok: s.coal_ok,
            coal_fail: s.coal_fail,
            n_collapse: s.n_collapse,
            n_collapse_ofo: s.n_collapse_ofo,
            n_prune_ofo: s.n_prune_ofo,
            n_ack: s.n_ack,
        };
        let mut differences = self.compare(&row.state, &model);
        differences.extend(compare_counts(row, &counts, self.version));
        self.score.rows.add(differences.is_empty());
        self.score.note(LineDifference::of(LineKind::Row, u64::from(row.idx), row.time_ns, differences));
        self.row_index += 1;
        let Some(segment) = &row.segment else { return };
        if row.entry == Entry::End {
            return;
        }
        if !self.m.snd.is_own() {
            for seg in data_in_answer(self.events, at) {
                self.copy_written(now, seg.end_seq());
                self.with(now, |_, snd, _| snd.passive().map(|s| s.will_send(seg)));
            }
        }
        if !direct {
            self.backlog_before_ack(at, now);
        }
        // Jiffies may change between the arrival and the decision about its ACK; the timer's expiry shows it.
        let expiry = self.clocks.expiry_after_tick(at, row.time_ns);
        let before = expiry.map(|_| self.m.clone());
        self.arrival(now, row, segment, direct);
        if let (Some(mut before), Some(expiry)) = (before, expiry)
            && self.m.rx.delayed_ack_due().is_some_and(|j| j.0 + 1 == expiry)
            && !now.tick_during.before_decision
        {
            std::mem::swap(&mut self.m, &mut before);
            let mut late = now;
            late.tick_during.before_decision = true;
            self.arrival(late, row, segment, direct);
        }
        if let Some(s) = self.m.snd.passive() {
            s.take_unsent();
        }
    }

    /// The segment of a row goes in: `direct`ly, or out of the backlog.
    pub(super) fn arrival(&mut self, now: Now, row: &Row, segment: &RowSegment, direct: bool) {
        let sack = self.sack_of(segment, row.time_ns);
        if !direct && self.m.rx.backlog_waiting() > 0 {
            let left = self.m.rx.drain_left();
            self.with(now, |rx, snd, cx| rx.drain_one(cx, snd));
            self.list.processed(left);
            return;
        }
        let (mut seg, buf) = self.hindsight.segment(segment, sack, row.time_ns);
        // The recorder's difference is unsigned where the kernel's is signed.
        seg.seq = Seq::unwrap_near(seg.seq.wire(), self.m.rx.rcv_nxt());
        seg.ack = Seq::unwrap_near(seg.ack.wire(), self.m.snd.snd_una());
        self.with(now, |rx, snd, cx| rx.segment_bypassing_backlog(cx, snd, &seg, buf));
    }

    /// The blocks that the peer sends, if its packet was recorded. Of others only the header length matters: one block if
    /// any.
    pub(super) fn sack_of(&self, s: &RowSegment, time_ns: u64) -> SackList {
        if s.sack_opt
            && self.m.snd.is_own()
            && let Some(sack) = self.hindsight.sack(time_ns).or_else(|| self.recorded_sack(s, time_ns))
        {
            return sack;
        }
        let mut list = SackList::EMPTY;
        if s.sack_opt {
            list.push(SackBlock { start: Seq(s.seq), end: Seq(s.seq) });
        }
        list
    }

    pub(super) fn compare(
        &self,
        recorded: &crate::recording::RecordedState,
        model: &SocketState,
    ) -> Vec<Difference> {
        compare_whole_state(recorded, model, self.version)
    }
}
