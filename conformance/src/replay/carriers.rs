//! Which packet of the client a segment in the backlog was.
//!
//! An event of the backlog tells sequence numbers only, and the row in which the segment came out has the
//! acknowledgement, the window and the timestamps of the last one that joined. Whether two segments join depends on
//! those of each: the client's own packets, which loop cases record, have them. They arrive in the order in which they
//! were sent, if none is lost, comes twice or overtakes others, which times and rows tell. So do the SACK blocks of ACKs that
//! are alike in all that a row tells.

use std::collections::{BTreeMap, VecDeque};

use sim_core::segment::{Flags, SackList, Segment, Timestamps};
use sim_core::seq::Seq;
use sim_core::time::SimDuration;

use crate::recording::{AppWhat, EventRef, Recording, RowSegment, TxRow};

/// What a packet of the client carried beside its data.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Carrier {
    seq: i64,
    ack: i64,
    wnd: u16,
    tsval: Option<u32>,
    tsecr: Option<u32>,
    sack: SackList,
    sent_ns: u64,
}

impl Carrier {
    fn of(t: &TxRow) -> Self {
        let TxRow { seq, ack, win_raw: wnd, tsval, tsecr, sack, time_ns: sent_ns, .. } = *t;
        Self { seq, ack, wnd, tsval, tsecr, sack, sent_ns }
    }

    fn is(&self, s: &RowSegment) -> bool {
        self.seq == s.seq && self.ack == s.ack && self.wnd == s.wnd && self.tsval == s.tsval
    }
}

/// The client's packets without data, as they arrived.
#[derive(Clone, Default, Debug)]
pub(super) struct Carriers {
    /// By position of a backlog event.
    waiting: BTreeMap<u64, Carrier>,
    /// By the time of a row whose segment came directly: its SACK blocks.
    sacks: BTreeMap<u64, SackList>,
}

impl Carriers {
    /// `delay` is that of the path.
    pub(super) fn of(rec: &Recording, events: &[(u64, EventRef<'_>)], delay: SimDuration) -> Self {
        let mut out = Self::default();
        let mut under_way: VecDeque<Carrier> = VecDeque::new();
        // Some may overtake others: these are told apart by what a row tells of them, if it is enough.
        let mut with_sack: Vec<Carrier> = Vec::new();
        // Events of those in the backlog that have not come out yet.
        let mut inside: Vec<u64> = Vec::new();
        if rec.tx.is_empty() {
            return out;
        }
        for (ev, e) in events {
            match e {
                EventRef::Tx(t) if t.len == 0 && !t.flags.has(Flags::SYN) && !t.flags.has(Flags::FIN) => {
                    under_way.push_back(Carrier::of(t));
                    with_sack.extend((!t.sack.is_empty()).then(|| Carrier::of(t)));
                }
                EventRef::Row(r) if r.state.owned == Some(true) => {
                    if let Some(s) = r.segment.as_ref().filter(|s| s.seq == s.end_seq) {
                        out.comes_out(s, &mut inside, &mut under_way);
                    }
                }
                EventRef::Row(r) => {
                    inside.clear();
                    let Some(s) = &r.segment else { continue };
                    if s.seq != s.end_seq {
                        continue;
                    }
                    if let Some(i) = under_way.iter().position(|c| c.is(s)) {
                        under_way.drain(..=i);
                    }
                    if s.sack_opt
                        && let Some(i) = came_as(&with_sack, s, r.time_ns, delay)
                    {
                        out.sacks.insert(r.time_ns, with_sack.remove(i).sack);
                    }
                }
                EventRef::App(a) if a.what == AppWhat::Backlog && a.seq.is_some() && a.seq == a.end_seq => {
                    if let Some(c) = arrives(&mut under_way, a.seq, a.time_ns, delay) {
                        with_sack.retain(|w| *w != c);
                        out.waiting.insert(*ev, c);
                        inside.push(*ev);
                    }
                }
                _ => {}
            }
        }
        out
    }

    /// The row of `s` is what one or more of those `inside` the backlog came to, the last of which says the same. If only one was there and
    /// another packet was taken for it, those before its own were lost; if its own had come before, it was a copy.
    fn comes_out(&mut self, s: &RowSegment, inside: &mut Vec<u64>, under_way: &mut VecDeque<Carrier>) {
        if let Some(i) = inside.iter().position(|ev| self.waiting.get(ev).is_some_and(|c| c.is(s))) {
            inside.drain(..=i);
            return;
        }
        let &[ev] = inside.as_slice() else { return };
        inside.clear();
        let taken = self.waiting.remove(&ev);
        if let Some(i) = under_way.iter().position(|c| c.is(s)) {
            self.waiting.extend(under_way.drain(..=i).next_back().map(|c| (ev, c)));
        } else if let Some(c) = taken {
            under_way.push_front(c);
        }
    }

    /// The SACK blocks of the pure ACK that came directly at `time_ns`, if its packet is known.
    pub(super) fn sack(&self, time_ns: u64) -> Option<SackList> {
        self.sacks.get(&time_ns).copied()
    }

    /// How many of those `waiting` came out in the row of `s`, if they are known: the backlog is a queue, and the
    /// acknowledgement of a row is that of the last one that joined.
    pub(super) fn joined(&self, s: &RowSegment, owned: bool, waiting: &[u64]) -> Option<u32> {
        if !owned {
            return None;
        }
        if s.seq == s.end_seq {
            let mut known = waiting.iter().map_while(|ev| self.waiting.get(ev));
            return known.position(|c| c.is(s)).map(|i| i as u32 + 1);
        }
        // The recorder counts by sequence numbers: an ACK behind the data belongs to it only if it says the same.
        let counted = &waiting[..waiting.len().min(s.bl_segs as usize)];
        let behind = |ev: &u64| self.waiting.get(ev).is_some_and(|c| c.ack > s.ack || c.tsval != s.tsval);
        counted.iter().position(behind).filter(|&i| i > 0).map(|i| i as u32)
    }

    /// Gives a segment that went into the backlog what its own packet carried.
    pub(super) fn correct(&self, ev: u64, seg: &mut Segment) {
        let Some(c) = self.waiting.get(&ev) else { return };
        seg.ack = Seq(c.ack);
        seg.window = c.wnd;
        seg.sack = c.sack.into();
        if let (Some(val), Some(ecr)) = (c.tsval, c.tsecr) {
            seg.ts = Some(Timestamps { val, ecr });
        }
    }
}

/// Which of those `under_way` came to the backlog at `time_ns`: the first one with these sequence numbers that has been under way for as long
/// as the path takes, with which those in front of it are gone, or the last one, which has overtaken them.
fn arrives(
    under_way: &mut VecDeque<Carrier>,
    seq: Option<i64>,
    time_ns: u64,
    delay: SimDuration,
) -> Option<Carrier> {
    let whole_way = |c: &Carrier| c.sent_ns + delay.as_nanos() <= time_ns;
    if let Some(i) = under_way.iter().position(|c| Some(c.seq) == seq && whole_way(c)) {
        return under_way.drain(..=i).next_back();
    }
    let i = under_way.iter().rposition(|c| Some(c.seq) == seq && c.sent_ns <= time_ns)?;
    under_way.remove(i)
}

/// Which of `sent` arrived as the row of `s`: the first one that is like it and has been under way for as long as the path
/// takes, or the last one if it has overtaken others.
fn came_as(sent: &[Carrier], s: &RowSegment, time_ns: u64, delay: SimDuration) -> Option<usize> {
    let whole_way = |c: &Carrier| c.sent_ns + delay.as_nanos() <= time_ns;
    sent.iter()
        .position(|c| c.is(s) && whole_way(c))
        .or_else(|| sent.iter().rposition(|c| c.is(s) && c.sent_ns <= time_ns))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::{AppEvent, RecordedState, Row};
    use sim_core::segment::SackBlock;

    fn sent(ev: u64, ack: i64, win_raw: u16, tsval: u32) -> TxRow {
        TxRow {
            ev,
            seq: 5,
            ack,
            win_raw,
            tsval: Some(tsval),
            tsecr: Some(1),
            flags: Flags::ACK,
            ..TxRow::default()
        }
    }

    fn waits(ev: u64) -> AppEvent {
        AppEvent { ev, what: AppWhat::Backlog, seq: Some(5), end_seq: Some(5), ..AppEvent::default() }
    }

    #[test]
    fn pure_acks_in_the_backlog_are_those_that_the_client_sent_in_their_order() {
        let direct =
            RowSegment { seq: 5, end_seq: 5, ack: 100, wnd: 9, tsval: Some(7), ..RowSegment::default() };
        let last = RowSegment { ack: 300, wnd: 8, tsval: Some(8), ..direct.clone() };
        let free = RecordedState { owned: Some(false), ..RecordedState::default() };
        let rec = Recording {
            tx: vec![sent(1, 100, 9, 7), sent(2, 200, 9, 7), sent(3, 300, 8, 8)],
            rows: vec![Row { ev: 4, segment: Some(direct), state: free, ..Row::default() }],
            app: vec![waits(5), waits(6)],
            ..Recording::default()
        };
        let carriers = Carriers::of(&rec, &rec.events(), SimDuration::ZERO);
        let mut seg = Segment::default();
        carriers.correct(5, &mut seg);
        assert_eq!((seg.ack, seg.window, seg.ts), (Seq(200), 9, Some(Timestamps { val: 7, ecr: 1 })));
        // The row that shows the second acknowledgement took both.
        assert_eq!(carriers.joined(&last, true, &[5, 6]), Some(2));
        assert_eq!(carriers.joined(&last, true, &[6]), Some(1));
        assert_eq!(carriers.joined(&last, false, &[5, 6]), None);
        // Data that came before them does not take what acknowledges more.
        let data = RowSegment { seq: 1, end_seq: 5, ack: 100, bl_segs: 2, ..last };
        assert_eq!(carriers.joined(&data, true, &[4, 5]), Some(1));
    }

    /// The acknowledgement that the backlog event `ev` has, whose own packet is known.
    fn acknowledges(carriers: &Carriers, ev: u64) -> Seq {
        let mut seg = Segment::default();
        carriers.correct(ev, &mut seg);
        seg.ack
    }

    #[test]
    fn an_ack_that_was_lost_is_not_taken_for_the_next_one_in_the_backlog() {
        let alone = |ev: u64, ack: i64, wnd: u16| {
            let segment =
                RowSegment { seq: 5, end_seq: 5, ack, wnd, tsval: Some(7), ..RowSegment::default() };
            let state = RecordedState { owned: Some(true), ..RecordedState::default() };
            Row { ev, segment: Some(segment), state, ..Row::default() }
        };
        let rec = Recording {
            tx: [100, 200, 300, 400].map(|ack| sent(ack as u64 / 100, ack, 9, 7)).to_vec(),
            rows: vec![alone(6, 200, 9), alone(8, 200, 9), alone(10, 300, 9)],
            app: vec![waits(5), waits(7), waits(9)],
            ..Recording::default()
        };
        let carriers = Carriers::of(&rec, &rec.events(), SimDuration::ZERO);
        assert_eq!(acknowledges(&carriers, 5), Seq(200), "the first one was lost");
        assert!(!carriers.waiting.contains_key(&7), "a copy: all that is known is what its row says");
        assert_eq!(acknowledges(&carriers, 9), Seq(300), "which the copy is not");
    }

    #[test]
    fn an_ack_in_the_backlog_that_was_not_under_way_for_long_has_overtaken_others() {
        let tx = |time_ns: u64, ack: i64| TxRow { time_ns, ..sent(time_ns, ack, 9, 7) };
        let at = |time_ns: u64| AppEvent { time_ns, ..waits(time_ns) };
        let rec = Recording {
            tx: vec![tx(10, 100), tx(20, 200), tx(30, 300)],
            app: vec![at(35), at(1_011), at(1_021)],
            ..Recording::default()
        };
        let carriers = Carriers::of(&rec, &rec.events(), SimDuration::from_nanos(1_000));
        let acks = [35, 1_011, 1_021].map(|ev| acknowledges(&carriers, ev));
        assert_eq!(acks, [Seq(300), Seq(100), Seq(200)]);
    }

    #[test]
    fn acks_that_are_alike_have_their_own_blocks_in_the_order_in_which_they_were_sent() {
        let block = |end: i64| {
            let mut list = SackList::EMPTY;
            list.push(SackBlock { start: Seq(500), end: Seq(end) });
            list
        };
        let tx = |time_ns: u64, end: i64| TxRow { time_ns, sack: block(end), ..sent(time_ns, 100, 9, 7) };
        let row = |time_ns: u64| {
            let segment = RowSegment {
                seq: 5,
                end_seq: 5,
                ack: 100,
                wnd: 9,
                tsval: Some(7),
                sack_opt: true,
                ..RowSegment::default()
            };
            let state = RecordedState { owned: Some(false), ..RecordedState::default() };
            Row { ev: time_ns, time_ns, segment: Some(segment), state, ..Row::default() }
        };
        // The third one overtakes both.
        let rec = Recording {
            tx: vec![tx(10, 600), tx(20, 700), tx(30, 800)],
            rows: vec![row(35), row(1_011), row(1_021)],
            ..Recording::default()
        };
        let carriers = Carriers::of(&rec, &rec.events(), SimDuration::from_nanos(1_000));
        assert_eq!(carriers.sack(35), Some(block(800)));
        assert_eq!(carriers.sack(1_011), Some(block(600)));
        assert_eq!(carriers.sack(1_021), Some(block(700)));
        assert_eq!(carriers.sack(1_031), None);
    }
}
