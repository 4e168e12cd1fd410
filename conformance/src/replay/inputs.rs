//! Segments and their buffers, from recorded lines.

use std::collections::BTreeMap;

use sim_core::segment::{SackList, Segment, Timestamps};
use sim_core::seq::Seq;
use sim_core::skb::{Buffer, Share};
use sim_core::time::SimTime;

use crate::recording::{EventRef, MergeWhy, Recording, RowSegment};

/// Time that queueing a segment takes at most, ns: less than the distance of two segments.
const QUEUEING_NS: u64 = 10_000;

/// What only the merges and the later rows of a recording tell about a segment.
pub(super) struct Hindsight {
    /// Sharing is derived from ACKs, not from the recorded merges.
    blind: bool,
    /// By first sequence number: until when an skb's data was shared with the sender's copy.
    shared_until: BTreeMap<i64, SimTime>,
    /// `MAX_TCP_HEADER`: what a local sender reserves at the front of its skbs' heads, bytes.
    headers: u32,
    /// By position of a backlog event: the row (index) in which the segment came out.
    row_of_backlog: BTreeMap<u64, usize>,
}

impl Hindsight {
    pub(super) fn of(rec: &Recording, events: &[(u64, EventRef<'_>)], headers: u32) -> Self {
        let mut shared_until = BTreeMap::new();
        for m in rec.merges.iter().filter(|m| !m.ret && m.why == Some(MergeWhy::Shared)) {
            shared_until.insert(m.to_seq, SimTime::from_nanos(m.time_ns + 1));
        }
        // The backlog is a queue: segments come out in the order in which they went in, some of them joined.
        let mut row_of_backlog = BTreeMap::new();
        let mut waiting = std::collections::VecDeque::new();
        let mut row_index = 0;
        for (ev, e) in events {
            match e {
                EventRef::App(a) if a.what == crate::recording::AppWhat::Backlog => waiting.push_back(*ev),
                EventRef::Row(r) => {
                    for _ in 0..r.segment.as_ref().map_or(0, |s| s.bl_segs) {
                        if let Some(ev) = waiting.pop_front() {
                            row_of_backlog.insert(ev, row_index);
                        }
                    }
                    row_index += 1;
                }
                _ => {}
            }
        }
        Self { blind: false, shared_until, headers, row_of_backlog }
    }

    /// What a replay may know that takes no sharing from the merges: a clone is shared until the ACK for it has reached
    /// its sender.
    pub(super) fn blind(rec: &Recording, events: &[(u64, EventRef<'_>)], headers: u32) -> Self {
        Self { blind: true, shared_until: BTreeMap::new(), ..Self::of(rec, events, headers) }
    }

    /// The same buffer with its sharing turned round: what is known of one segment that was joined to others.
    pub(super) fn other_share(buf: Buffer) -> Buffer {
        let share = if buf.share == Share::None { Share::UntilTime(SimTime::NEVER) } else { Share::None };
        Buffer { share, ..buf }
    }

    /// The row in which the backlog segment of event `ev` came out.
    pub(super) fn row_of_backlog(&self, ev: u64) -> Option<usize> {
        self.row_of_backlog.get(&ev).copied()
    }

    /// Until when an skb that arrived at `arrival_ns` is shared. A clone is for certain while it is being queued: its
    /// sender cannot have seen the ACK yet.
    fn share(&self, seq: i64, len: u32, cloned: bool, arrival_ns: u64) -> Share {
        if len == 0 {
            return Share::None;
        }
        if self.blind {
            return if cloned { Share::UntilAcked(Seq(seq) + len) } else { Share::None };
        }
        let arriving = cloned.then(|| SimTime::from_nanos(arrival_ns + QUEUEING_NS));
        match self.shared_until.get(&seq).copied().max(arriving) {
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

    /// One segment on its way into the backlog; `s` is the row in which it came out, perhaps joined.
    pub(super) fn backlog_segment(
        &self,
        s: &RowSegment,
        [seq, end_seq]: [i64; 2],
        [truesize, data_len, nr_frags]: [u32; 3],
        last: bool,
        sack: SackList,
        arrival_ns: u64,
    ) -> (Segment, Buffer) {
        let fin = last && s.flags.has(sim_core::segment::Flags::FIN);
        let len = (end_seq - seq - i64::from(fin)).clamp(0, i64::from(u32::MAX)) as u32;
        let mut seg = header(s, seq, len, sack);
        if !last {
            seg.flags = seg.flags.without(sim_core::segment::Flags::FIN);
        }
        let gso = if s.bl_segs == 1 { s.gso_size.unwrap_or(0) } else { 0 };
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

fn segments(len: u32, gso_size: u32) -> u16 {
    if gso_size == 0 { 0 } else { len.div_ceil(gso_size).min(u32::from(u16::MAX)) as u16 }
}

fn header(s: &RowSegment, seq: i64, len: u32, sack: SackList) -> Segment {
    let ts = match (s.tsval, s.tsecr) {
        (Some(val), Some(ecr)) => Some(Timestamps { val, ecr }),
        _ => None,
    };
    Segment { seq: Seq(seq), len, flags: s.flags, ack: Seq(s.ack), window: s.wnd, ts, sack }
}
