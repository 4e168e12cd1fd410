//! Which packet of the client a segment in the backlog was.
//!
//! An event of the backlog tells sequence numbers only, and the row in which the segment came out has the
//! acknowledgement, the window and the timestamps of the last one that joined. Whether two segments join depends on
//! those of each: the client's own packets, which loop cases record, have them. They arrive in the order in which they
//! were sent.

use std::collections::{BTreeMap, VecDeque};

use sim_core::segment::{Flags, Segment, Timestamps};
use sim_core::seq::Seq;

use crate::recording::{AppWhat, EventRef, Recording, RowSegment};

/// What a packet of the client carried beside its data.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Carrier {
    seq: i64,
    ack: i64,
    wnd: u16,
    tsval: Option<u32>,
    tsecr: Option<u32>,
}

impl Carrier {
    fn is(&self, s: &RowSegment) -> bool {
        self.seq == s.seq && self.ack == s.ack && self.wnd == s.wnd && self.tsval == s.tsval
    }
}

/// By position of a backlog event without data: the client's packet.
#[derive(Clone, Default, Debug)]
pub(super) struct Carriers(BTreeMap<u64, Carrier>);

impl Carriers {
    pub(super) fn of(rec: &Recording, events: &[(u64, EventRef<'_>)]) -> Self {
        let mut out = BTreeMap::new();
        let mut under_way: VecDeque<Carrier> = VecDeque::new();
        if rec.tx.is_empty() {
            return Self::default();
        }
        for (ev, e) in events {
            match e {
                EventRef::Tx(t) if t.len == 0 && !t.flags.has(Flags::SYN) && !t.flags.has(Flags::FIN) => {
                    let (tsval, tsecr) = (t.tsval, t.tsecr);
                    under_way.push_back(Carrier { seq: t.seq, ack: t.ack, wnd: t.win_raw, tsval, tsecr });
                }
                EventRef::Row(r) if r.state.owned != Some(true) => {
                    if let Some(s) = &r.segment
                        && s.seq == s.end_seq
                        && let Some(i) = under_way.iter().position(|c| c.is(s))
                    {
                        under_way.drain(..=i);
                    }
                }
                EventRef::App(a) if a.what == AppWhat::Backlog && a.seq.is_some() && a.seq == a.end_seq => {
                    if let Some(i) = under_way.iter().position(|c| Some(c.seq) == a.seq) {
                        out.extend(under_way.drain(..=i).next_back().map(|c| (*ev, c)));
                    }
                }
                _ => {}
            }
        }
        Self(out)
    }

    /// How many of those `waiting` came out in the row of `s`, if they are known: the backlog is a queue, and the
    /// acknowledgement of a row is that of the last one that joined.
    pub(super) fn joined(&self, s: &RowSegment, owned: bool, waiting: &[u64]) -> Option<u32> {
        if !owned {
            return None;
        }
        if s.seq == s.end_seq {
            let mut known = waiting.iter().map_while(|ev| self.0.get(ev));
            return known.position(|c| c.is(s)).map(|i| i as u32 + 1);
        }
        // The recorder counts by sequence numbers: an ACK behind the data belongs to it only if it says the same.
        let counted = &waiting[..waiting.len().min(s.bl_segs as usize)];
        let behind = |ev: &u64| self.0.get(ev).is_some_and(|c| c.ack > s.ack || c.tsval != s.tsval);
        counted.iter().position(behind).filter(|&i| i > 0).map(|i| i as u32)
    }

    /// Gives a segment that went into the backlog what its own packet carried.
    pub(super) fn correct(&self, ev: u64, seg: &mut Segment) {
        let Some(c) = self.0.get(&ev) else { return };
        seg.ack = Seq(c.ack);
        seg.window = c.wnd;
        if let (Some(val), Some(ecr)) = (c.tsval, c.tsecr) {
            seg.ts = Some(Timestamps { val, ecr });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::{AppEvent, RecordedState, Row, TxRow};

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
        let carriers = Carriers::of(&rec, &rec.events());
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
}
