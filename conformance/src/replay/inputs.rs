//! Segments and their buffers, from recorded lines.

use std::collections::{BTreeMap, VecDeque};

use sim_core::segment::{Ecn, SackList, Segment, Timestamps};
use sim_core::seq::Seq;
use sim_core::skb::{Buffer, Share};
use sim_core::time::{SimDuration, SimTime};

use super::carriers::Carriers;
use crate::recording::{AppWhat, EventRef, MergeWhy, Recording, RowSegment};

/// Time that queueing a segment takes at most, ns: less than the distance of two segments.
const QUEUEING_NS: u64 = 10_000;

/// Which part of what came out of the backlog in one row a segment is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    /// The only one: nothing joined.
    pub(super) alone: bool,
    /// The last one.
    pub(super) last: bool,
}

/// What only the merges and the later rows of a recording tell about a segment.
pub(super) struct Hindsight {
    /// Sharing is derived from ACKs, not from the recorded merges.
    blind: bool,
    /// By first sequence number: until when an skb's data was shared with the sender's copy.
    shared_until: BTreeMap<i64, SimTime>,
    /// When the client had each acknowledgement, and up to which byte, as it grows: from then on it holds no copy of what is
    /// below.
    acked: Vec<(u64, i64)>,
    /// `MAX_TCP_HEADER`: what a local sender reserves at the front of its skbs' heads, bytes.
    headers: u32,
    /// By position of a backlog event: the row (index) in which the segment came out.
    row_of_backlog: BTreeMap<u64, usize>,
    /// By row: how many segments from the backlog came out in it.
    waited: Vec<u32>,
    /// By position of a backlog event: the client's packet that arrived then, if it is known.
    carriers: Carriers,
}

impl Hindsight {
    pub(super) fn of(
        rec: &Recording,
        events: &[(u64, EventRef<'_>)],
        headers: u32,
        delay: SimDuration,
    ) -> Self {
        let mut shared_until = BTreeMap::new();
        for m in rec.merges.iter().filter(|m| !m.ret && m.why == Some(MergeWhy::Shared)) {
            shared_until.insert(m.to_seq, SimTime::from_nanos(m.time_ns + 1));
        }
        let acked = freed(rec, delay);
        let carriers = Carriers::of(rec, events, delay);
        let (row_of_backlog, waited) = backlog_rows(events, &carriers);
        Self { blind: false, shared_until, acked, headers, row_of_backlog, waited, carriers }
    }

    /// What a replay may know that takes no sharing from the merges: a clone is shared until the ACK for it has reached
    /// its sender.
    pub(super) fn blind(
        rec: &Recording,
        events: &[(u64, EventRef<'_>)],
        headers: u32,
        delay: SimDuration,
    ) -> Self {
        Self { blind: true, shared_until: BTreeMap::new(), ..Self::of(rec, events, headers, delay) }
    }

    /// The same buffer with its sharing turned round: what is known of one segment that was joined to others.
    pub(super) fn other_share(buf: Buffer) -> Buffer {
        let share = if buf.share == Share::None { Share::UntilTime(SimTime::NEVER) } else { Share::None };
        Buffer { share, ..buf }
    }

    /// The SACK blocks of the pure ACK that came directly at `time_ns`, if its packet was recorded.
    pub(super) fn sack(&self, time_ns: u64) -> Option<SackList> {
        self.carriers.sack(time_ns)
    }

    /// The row in which the backlog segment of event `ev` came out.
    pub(super) fn row_of_backlog(&self, ev: u64) -> Option<usize> {
        self.row_of_backlog.get(&ev).copied()
    }

    /// How many segments from the backlog came out in `row`; 0 if its segment came directly.
    pub(super) fn waited(&self, row: usize) -> u32 {
        self.waited.get(row).copied().unwrap_or_default()
    }

    /// Until when an skb that arrived at `arrival_ns` is shared. A clone is for certain while it is being queued: its
    /// sender cannot have seen the ACK yet, unless it is one of data that was acknowledged before.
    fn share(&self, seq: i64, len: u32, cloned: bool, arrival_ns: u64) -> Share {
        let first_later = self.acked.partition_point(|&(at, _)| at <= arrival_ns);
        let freed = self.acked[..first_later].last().is_some_and(|&(_, ack)| seq + i64::from(len) <= ack);
        if len == 0 || freed {
            return Share::None;
        }
        if self.blind {
            return if cloned { Share::UntilAcked(Seq(seq) + len) } else { Share::None };
        }
        let arriving = cloned.then(|| SimTime::from_nanos(arrival_ns + QUEUEING_NS));
        // An earlier copy that was dropped may have begun at the same byte, and been no clone.
        match self.shared_until.get(&seq).copied().filter(|_| cloned).max(arriving) {
            Some(t) => Share::UntilTime(t),
            None => Share::None,
        }
    }

    /// Free bytes of the head. The recording shows them for linear skbs; a head that holds headers only is a local
    /// sender's, which reserved room for all of them.
    fn tailroom(&self, s: &RowSegment, data_len: u32) -> u32 {
        if data_len == 0 {
            s.tailroom
        } else if !s.head_frag && s.head_size < 1_024 {
            s.head_size.saturating_sub(self.headers)
        } else {
            0
        }
    }

    /// The segment of a row and the memory it came in.
    pub(super) fn segment(&self, s: &RowSegment, sack: SackList, arrival_ns: u64) -> (Segment, Buffer) {
        let seg = header(s, s.seq, s.len, sack);
        let buf = Buffer {
            truesize: s.truesize,
            head_size: s.head_size,
            linear: s.len.saturating_sub(s.data_len),
            tailroom: self.tailroom(s, s.data_len),
            nr_frags: s.nr_frags.unwrap_or(u32::from(s.data_len > 0)).min(u32::from(u16::MAX)) as u16,
            head_frag: s.head_frag,
            frag_list: false,
            gso_size: s.gso_size.unwrap_or(0),
            gso_segs: segments(s.len, s.gso_size.unwrap_or(0)),
            share: self.share(s.seq, s.len, s.cloned, arrival_ns),
        };
        (seg, buf)
    }

    /// One segment on its way into the backlog at event `ev`; `s` is the row in which it came out.
    pub(super) fn backlog_segment(
        &self,
        s: &RowSegment,
        [seq, end_seq]: [i64; 2],
        [truesize, data_len, nr_frags]: [u32; 3],
        Part { alone, last }: Part,
        sack: SackList,
        [ev, arrival_ns]: [u64; 2],
    ) -> (Segment, Buffer) {
        let fin = last && s.flags.has(sim_core::segment::Flags::FIN);
        let len = (end_seq - seq - i64::from(fin)).clamp(0, i64::from(u32::MAX)) as u32;
        let mut seg = header(s, seq, len, sack);
        self.carriers.correct(ev, &mut seg);
        if !last {
            seg.flags = seg.flags.without(sim_core::segment::Flags::FIN);
        }
        // What joined has the largest of the sizes of its parts: one that is longer is made of segments of that size.
        let gso = s.gso_size.filter(|&size| alone || len > size).unwrap_or(0);
        let buf = Buffer {
            truesize,
            head_size: s.head_size,
            linear: len.saturating_sub(data_len),
            tailroom: self.tailroom(s, data_len),
            nr_frags: nr_frags.min(u32::from(u16::MAX)) as u16,
            head_frag: s.head_frag,
            frag_list: false,
            gso_size: gso,
            gso_segs: segments(len, gso),
            share: self.share(seq, len, s.cloned, arrival_ns),
        };
        (seg, buf)
    }
}

/// A segment in the backlog: its event, how many drains had begun by then, and its sequence numbers.
type Waits = (u64, u32, Option<i64>, Option<i64>);

/// In which row each backlog event came out, and how many came out in each row.
///
/// The backlog is a queue: segments come out in the order in which they went in, some of them joined. What joins was
/// added between the same two drains. The recorder attributes by sequence numbers, which pure ACKs share: a row that
/// was processed while the socket was owned came out of the backlog in any case.
fn backlog_rows(events: &[(u64, EventRef<'_>)], carriers: &Carriers) -> (BTreeMap<u64, usize>, Vec<u32>) {
    let mut rows = BTreeMap::new();
    let mut waited = Vec::new();
    let mut waiting: VecDeque<Waits> = VecDeque::new();
    let mut drains = 0;
    for (ev, e) in events {
        match e {
            EventRef::App(a) if a.what == AppWhat::Backlog => {
                waiting.push_back((*ev, drains, a.seq, a.end_seq))
            }
            EventRef::App(a) if a.what == AppWhat::Drain => drains += 1,
            EventRef::Row(r) => {
                let mut n = 0;
                if let Some(s) = &r.segment {
                    let first = waiting.front().copied();
                    let owned = r.state.owned == Some(true);
                    let passed_over =
                        s.bl_segs == 0 && owned && first.is_some_and(|(_, _, seq, _)| seq == Some(s.seq));
                    let out: Vec<u64> = waiting.iter().map(|w| w.0).collect();
                    let known = carriers.joined(s, owned, &out);
                    let counted = || {
                        let whole = if owned || s.bl_segs > 0 { covering(s, &waiting) } else { None };
                        whole.unwrap_or(s.bl_segs.max(u32::from(passed_over)))
                    };
                    let most = known.unwrap_or_else(counted);
                    while n < most
                        && let Some(&(ev, list, ..)) = waiting.front()
                        && first.is_some_and(|(_, of, ..)| of == list || s.len > 0)
                    {
                        waiting.pop_front();
                        rows.insert(ev, waited.len());
                        n += 1;
                    }
                }
                waited.push(n);
            }
            _ => {}
        }
    }
    (rows, waited)
}

/// How many of those that wait make up a row with data, if they do: one behind the other from its first byte to its last, and of the
/// ACKs without data behind them as many as the recorder counted. Its own count takes copies for the segments that they repeat.
fn covering(s: &RowSegment, waiting: &VecDeque<Waits>) -> Option<u32> {
    let (mut next, mut n) = (s.seq, 0);
    for &(_, _, seq, end) in waiting {
        let more = next < s.end_seq || (end == seq && n < s.bl_segs);
        if !more || seq != Some(next) {
            break;
        }
        next = end?;
        n += 1;
    }
    (s.len > 0 && next == s.end_seq).then_some(n)
}

fn segments(len: u32, gso_size: u32) -> u16 {
    if gso_size == 0 { 0 } else { len.div_ceil(gso_size).min(u32::from(u16::MAX)) as u16 }
}

fn header(s: &RowSegment, seq: i64, len: u32, sack: SackList) -> Segment {
    let ts = match (s.tsval, s.tsecr) {
        (Some(val), Some(ecr)) => Some(Timestamps { val, ecr }),
        _ => None,
    };
    Segment {
        seq: Seq(seq),
        len,
        flags: s.flags,
        ack: Seq(s.ack),
        window: s.wnd,
        ts,
        sack: sack.into(),
        ecn: Ecn::NotEct,
    }
}

/// When the client had which acknowledgement: those that say more than all before.
fn freed(rec: &Recording, delay: SimDuration) -> Vec<(u64, i64)> {
    let mut out: Vec<(u64, i64)> = Vec::new();
    for a in &rec.acks {
        if out.last().is_none_or(|&(_, most)| a.ack > most) {
            out.push((a.time_ns + delay.as_nanos(), a.ack));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::{AckRow, AppEvent, MergeRow, RecordedState, Row};

    fn backlog(ev: u64) -> AppEvent {
        AppEvent { ev, what: AppWhat::Backlog, seq: Some(5), ..AppEvent::default() }
    }

    fn ack_row(ev: u64, bl_segs: u32, owned: bool) -> Row {
        let segment = RowSegment { seq: 5, end_seq: 5, bl_segs, ..RowSegment::default() };
        let state = RecordedState { owned: Some(owned), ..RecordedState::default() };
        Row { ev, segment: Some(segment), state, ..Row::default() }
    }

    #[test]
    fn a_clone_of_what_the_client_has_been_told_about_is_shared_with_nobody() {
        let ack = |time_ns: u64, ack: i64| AckRow { time_ns, ack, ..AckRow::default() };
        let rec = Recording { acks: vec![ack(1_000, 501), ack(2_000, 401)], ..Recording::default() };
        let h = Hindsight::of(&rec, &[], 256, SimDuration::from_nanos(50_000));
        let shared = |end: u32, at: u64| h.share(1, end - 1, true, at) != Share::None;
        assert!(shared(501, 50_999), "the acknowledgement is under way");
        assert!(!shared(501, 51_000) && !shared(301, 60_000));
        assert!(shared(502, 60_000), "a byte is not acknowledged");
    }

    #[test]
    fn what_is_no_clone_is_shared_with_nobody_whatever_became_of_a_later_copy() {
        let refused =
            MergeRow { time_ns: 9_000_000, to_seq: 1, why: Some(MergeWhy::Shared), ..MergeRow::default() };
        let rec = Recording { merges: vec![refused], ..Recording::default() };
        let h = Hindsight::of(&rec, &[], 256, SimDuration::ZERO);
        assert!(h.share(1, 500, true, 1_000) != Share::None);
        assert!(h.share(1, 500, false, 1_000) == Share::None);
    }

    #[test]
    fn acks_on_both_sides_of_a_drain_come_out_one_by_one() {
        let rec = Recording {
            app: vec![
                backlog(1),
                AppEvent { ev: 2, what: AppWhat::Drain, ..AppEvent::default() },
                backlog(3),
            ],
            rows: vec![ack_row(4, 2, true), ack_row(5, 0, true), ack_row(6, 0, false)],
            ..Recording::default()
        };
        let (rows, waited) = backlog_rows(&rec.events(), &Carriers::default());
        assert_eq!(rows.into_iter().collect::<Vec<_>>(), [(1, 0), (3, 1)]);
        assert_eq!(waited, [1, 1, 0]);
    }

    #[test]
    fn copies_in_a_backlog_are_told_from_what_they_repeat_by_where_they_wait() {
        let waits = |ev: u64, seq: i64| AppEvent {
            ev,
            what: AppWhat::Backlog,
            seq: Some(seq),
            end_seq: Some(seq + 100),
            ..AppEvent::default()
        };
        let data = |ev: u64, seq: i64, end_seq: i64, bl_segs: u32| {
            let len = (end_seq - seq) as u32;
            let segment = RowSegment { seq, end_seq, len, bl_segs, ..RowSegment::default() };
            let state = RecordedState { owned: Some(true), ..RecordedState::default() };
            Row { ev, segment: Some(segment), state, ..Row::default() }
        };
        // The second segment comes twice: the recorder counts its copy in the first row, and none in the second.
        let rec = Recording {
            app: vec![
                waits(1, 1),
                waits(2, 101),
                waits(3, 101),
                AppEvent { ev: 4, what: AppWhat::Drain, ..AppEvent::default() },
            ],
            rows: vec![data(5, 1, 201, 3), data(6, 101, 201, 0)],
            ..Recording::default()
        };
        let (rows, waited) = backlog_rows(&rec.events(), &Carriers::default());
        assert_eq!(waited, [2, 1]);
        assert_eq!(rows.into_iter().collect::<Vec<_>>(), [(1, 0), (2, 0), (3, 1)]);
    }

    #[test]
    fn of_what_joined_in_a_backlog_only_a_longer_part_is_made_of_several_segments() {
        let rec = Recording::default();
        let h = Hindsight::of(&rec, &[], 256, SimDuration::ZERO);
        let row =
            RowSegment { seq: 1, end_seq: 1_025, len: 1_024, gso_size: Some(536), ..RowSegment::default() };
        let gso = |end: i64, alone: bool| {
            let part = Part { alone, last: true };
            let (_, buf) =
                h.backlog_segment(&row, [1, end], [2_304, 0, 1], part, SackList::EMPTY, [1, 1_000]);
            (buf.gso_size, buf.gso_segs)
        };
        // An ACK waited before all of it: what is read of the row is the size of its own segments.
        assert_eq!(gso(1_025, false), (536, 2));
        assert_eq!(gso(537, false), (0, 0));
        assert_eq!(gso(1_025, true), (536, 2));
    }

    #[test]
    fn segments_that_joined_between_two_drains_come_out_together() {
        let rec = Recording {
            app: vec![
                backlog(1),
                backlog(2),
                AppEvent { ev: 3, what: AppWhat::Drain, ..AppEvent::default() },
            ],
            rows: vec![ack_row(4, 2, true)],
            ..Recording::default()
        };
        let (_, waited) = backlog_rows(&rec.events(), &Carriers::default());
        assert_eq!(waited, [2]);
    }
}
