//! The send queue: skbs not yet sent, skbs not yet acknowledged, and the memory they cost.

use std::collections::VecDeque;

use super::frag_starts::FragStarts;
use super::output::MAX_BREAKS;
use super::unsent::SkbRun;
use crate::segment::Flags;
use crate::seq::Seq;
use crate::time::SimTime;

pub use super::unsent::Unsent;

/// Size of the page fragment that `send` copies into (`SKB_FRAG_PAGE_ORDER`), bytes.
pub(crate) const PAGE_FRAG: u32 = 32_768;
/// A page fragment with less room than this is given up (`sk_page_frag_refill`), bytes.
pub(super) const PAGE_FRAG_MIN: u32 = 32;

/// What the scoreboard knows of an skb in flight (`TCPCB_*`).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Marks {
    /// Acknowledged by a SACK block (`TCPCB_SACKED_ACKED`).
    pub sacked: bool,
    /// Believed lost (`TCPCB_LOST`).
    pub lost: bool,
    /// A retransmission is in flight (`TCPCB_SACKED_RETRANS`).
    pub retrans: bool,
    /// Was ever retransmitted (`TCPCB_EVER_RETRANS`).
    pub ever_retrans: bool,
    /// RACK has found this transmission lost: it has left the list ordered by time, and is not judged again even if
    /// the loss is taken back (`tcp_tsorted_anchor`).
    pub judged: bool,
    /// It waits in a queueing discipline of its own host (`skb_still_in_host_queue`).
    pub in_host: bool,
    /// A packet that holds its data is on its way, or with a receiver that shares it (`skb_cloned`).
    pub shared: bool,
}

/// One skb of the send queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TxSkb {
    /// First sequence number.
    pub seq: Seq,
    /// Payload bytes.
    pub len: u32,
    /// PSH and FIN.
    pub flags: Flags,
    /// Segments it will be cut into (`tcp_gso_segs`); 0 until it is first sent.
    pub segs: u32,
    /// Segment size it was last prepared for (`tcp_gso_size`).
    pub mss: u32,
    /// When it was last sent (`skb_mstamp_ns`).
    pub sent_at: SimTime,
    /// Segments delivered when it was last sent (`tx.delivered`).
    pub delivered_before: u32,
    /// Scoreboard.
    pub marks: Marks,
}

impl TxSkb {
    /// An skb without payload at `seq`.
    fn empty(seq: Seq) -> Self {
        Self {
            seq,
            len: 0,
            flags: Flags::default(),
            segs: 0,
            mss: 0,
            sent_at: SimTime::ZERO,
            delivered_before: 0,
            marks: Marks::default(),
        }
    }

    /// An skb with `len` bytes at `seq`, as they were written.
    pub(super) fn filled(seq: Seq, len: u32) -> Self {
        Self { len, ..Self::empty(seq) }
    }

    /// One after the last sequence number; FIN counts.
    pub fn end_seq(&self) -> Seq {
        self.seq + self.len + u32::from(self.flags.has(Flags::FIN))
    }

    /// One after the last sequence number of its first segment.
    pub(super) fn first_end(&self, mss: u32) -> Seq {
        if self.len > mss { self.seq + mss } else { self.end_seq() }
    }

    /// Payload of a full one of its segments, or all if it is the only one (`tcp_skb_seglen`).
    pub(super) fn segment(&self) -> u32 {
        if self.segs > 1 { self.mss } else { self.len }
    }

    /// Whether RACK may still find this transmission lost.
    pub(super) fn is_undecided(&self) -> bool {
        let m = self.marks;
        !(m.sacked || m.judged || (m.lost && !m.retrans))
    }

    /// Whether it is lost and must be sent again.
    pub(super) fn is_missing(&self) -> bool {
        self.marks.lost && !self.marks.sacked && !self.marks.retrans
    }

    /// Sets the number of segments for `mss` (`tcp_set_skb_tso_segs`).
    pub fn set_segs(&mut self, mss: u32) {
        self.mss = mss;
        self.segs = if self.len <= mss { 1 } else { self.len.div_ceil(mss) };
    }

    /// Cuts this skb after `len` bytes and returns the rest (`tcp_fragment`, `tso_fragment`): PSH and FIN go
    /// with the rest, which is counted anew.
    pub fn split(&mut self, len: u32, mss: u32) -> Self {
        let mut rest = *self;
        // What waits in the host shares its data with the first part.
        rest.marks.in_host = false;
        rest.seq = self.seq + len;
        rest.len = self.len - len;
        self.len = len;
        self.flags = self.flags.without(Flags::PSH).without(Flags::FIN);
        self.set_segs(mss);
        rest.set_segs(mss);
        rest
    }
}

/// The send queue of one socket.
#[derive(Clone, Debug)]
pub struct WriteQueue {
    /// Not yet sent, in sequence order (`sk_write_queue`).
    pub unsent: Unsent,
    /// Sent and not acknowledged, in sequence order (`tcp_rtx_queue`).
    pub rtx: VecDeque<TxSkb>,
    /// One after the last byte written by the application.
    pub write_seq: Seq,
    /// End of the last pushed data (`pushed_seq`).
    pub pushed_seq: Seq,
    /// `sk_wmem_queued`, bytes.
    pub wmem_queued: u32,
    /// Truesize of an skb without payload, bytes.
    head: u32,
    /// Bytes used of the current page fragment.
    frag_used: u32,
    /// Page fragments begun so far.
    frags_begun: u64,
    /// The next bytes go to the beginning of the fragment that the last ones lay in.
    frag_again: bool,
    /// Where payload begins a new page fragment, in order.
    frag_starts: FragStarts,
}

impl WriteQueue {
    /// An empty queue of skbs that cost `head` bytes each beside their payload.
    pub fn new(head: u32) -> Self {
        Self {
            unsent: Unsent::default(),
            rtx: VecDeque::new(),
            write_seq: Seq::FIRST,
            pushed_seq: Seq::FIRST,
            wmem_queued: 0,
            head,
            frag_used: 0,
            frags_begun: 0,
            frag_again: false,
            frag_starts: FragStarts::default(),
        }
    }

    /// Takes over the memory of an older queue, which is lost.
    pub(super) fn take_memory(&mut self, old: &mut Self) {
        std::mem::swap(&mut self.rtx, &mut old.rtx);
        self.rtx.clear();
        self.unsent.take_memory(&mut old.unsent);
        self.frag_starts.take_memory(&mut old.frag_starts);
    }

    /// Starts an empty skb at the end (`tcp_skb_entail`).
    pub fn entail(&mut self) {
        self.unsent.push_back(TxSkb::empty(self.write_seq));
        self.wmem_queued += self.head;
    }

    /// How many of `want` bytes [`WriteQueue::append`] would copy.
    pub fn fits(&mut self, want: u32, max_frags: u16) -> u32 {
        if self.frag_used + PAGE_FRAG_MIN > PAGE_FRAG {
            self.frag_used = 0;
        }
        let new_frag = self.frag_used == 0;
        let Some(tail) = self.unsent.back() else { return 0 };
        if new_frag && tail.len > 0 {
            // Its first bytes may lie in a fragment that began before it.
            let others = u32::from(max_frags).saturating_sub(1);
            if self.frag_starts.between(tail.seq, self.write_seq) >= others {
                return 0;
            }
        }
        want.min(PAGE_FRAG - self.frag_used)
    }

    /// The most page fragments that an skb of `len` bytes can have.
    pub const fn most_frags(len: u32) -> u32 {
        // One that has begun, with little room, whole ones, and a rest.
        len / PAGE_FRAG + 2
    }

    /// Page fragments begun so far.
    pub fn frags_begun(&self) -> u64 {
        self.frags_begun
    }

    /// Whether nothing is queued, sent or not (`tcp_rtx_and_write_queues_empty`).
    pub fn is_empty(&self) -> bool {
        self.unsent.is_empty() && self.rtx.is_empty()
    }

    /// Truesize of an skb without payload, bytes.
    pub fn head(&self) -> u32 {
        self.head
    }

    /// Copies `n` bytes to the end of the last unsent skb, no more than [`WriteQueue::fits`] said; returns how many it
    /// then holds.
    pub fn append(&mut self, n: u32) -> u32 {
        if n == 0 {
            return 0;
        }
        let new_frag = self.frag_used == 0;
        let write_seq = self.write_seq;
        if new_frag {
            self.frags_begun += u64::from(!std::mem::take(&mut self.frag_again));
            self.frag_starts.begin(write_seq, 1);
        }
        self.frag_used += n;
        self.write_seq = write_seq + n;
        self.wmem_queued += n;
        let Some(tail) = self.unsent.back_mut() else { return 0 };
        tail.len += n;
        tail.segs = 0;
        tail.len
    }

    /// Bytes used of the current page fragment.
    pub fn frag_used(&self) -> u32 {
        self.frag_used
    }

    /// Bytes used of the current page fragment, and page fragments begun so far.
    pub(super) fn page_frag(&self) -> (u32, u64) {
        (self.frag_used, self.frags_begun)
    }

    /// What is appended from now on lies behind what another socket of the same thread has copied.
    pub(super) fn take_page_frag(&mut self, (used, begun): (u32, u64)) {
        (self.frag_used, self.frags_begun) = (used, begun);
        if used > 0 {
            self.frag_starts.begin(self.write_seq, 1);
        }
    }

    /// Whether bytes of this queue that are not acknowledged, or that `held` says somebody else holds, lie in the page fragment
    /// that was begun as number `begun`.
    pub(super) fn uses_page_frag(&self, begun: u64, held: bool) -> bool {
        let inside = self.frag_starts.last().is_some_and(|start| start < self.write_seq);
        begun == self.frags_begun && inside && (held || !self.is_empty())
    }

    /// Where the payload of the last page fragment begins.
    pub(super) fn page_frag_begins(&self) -> Seq {
        self.frag_starts.last().unwrap_or(Seq::FIRST)
    }

    /// Nobody uses the present page fragment any more: it begins anew (`skb_page_frag_refill`).
    pub(super) fn page_frag_again(&mut self) {
        if self.frag_used > 0 {
            (self.frag_used, self.frag_again) = (0, true);
        }
    }

    /// How many of `left` bytes go into the page fragment of which `used` bytes are used, or into the next one; uses them.
    #[inline(always)]
    pub fn piece(used: &mut u32, left: u32) -> u32 {
        if *used + PAGE_FRAG_MIN > PAGE_FRAG {
            *used = 0;
        }
        let n = (PAGE_FRAG - *used).min(left);
        *used += n;
        n
    }

    /// A page fragment begins at `seq`, whose payload [`WriteQueue::append_filled`] appends afterwards; with `count` of them
    /// the others follow, each when the one before is used up.
    #[inline(always)]
    pub(super) fn begin_frags(&mut self, seq: Seq, count: u32) {
        self.frag_starts.begin(seq, count);
        self.frags_begun += u64::from(count);
    }

    /// Appends skbs whose payload ends after `used` bytes of a page fragment.
    pub(super) fn append_filled(&mut self, run: SkbRun, used: u32) {
        let SkbRun { len, count, .. } = run;
        self.write_seq = run.first + count * len;
        if let Some(pushed) = run.pushed() {
            self.pushed_seq = pushed;
        }
        self.frag_used = used;
        self.wmem_queued += count * (self.head + len);
        self.unsent.append(run);
    }

    /// The last unsent skb carries the FIN.
    pub fn append_fin(&mut self) {
        if let Some(tail) = self.unsent.back_mut() {
            tail.flags = tail.flags.with(Flags::FIN);
            tail.segs = 0;
            self.write_seq = self.write_seq + 1;
        }
    }

    /// Frees everything (`tcp_write_queue_purge`).
    pub fn purge(&mut self) {
        self.unsent.clear();
        self.rtx.clear();
        self.frag_starts.clear();
        self.wmem_queued = 0;
    }

    /// The skb in flight that starts at `seq`.
    pub fn in_flight_at(&mut self, seq: Seq) -> Option<&mut TxSkb> {
        let at = self.rtx.partition_point(|s| s.seq < seq);
        self.rtx.get_mut(at).filter(|s| s.seq == seq)
    }

    /// The skb at `i` of those in flight takes over the next one, which is freed (`tcp_collapse_retrans`, `tcp_shifted_skb`).
    pub fn join_next(&mut self, i: usize) {
        let Some(next) = self.rtx.remove(i + 1) else { return };
        if let Some(skb) = self.rtx.get_mut(i) {
            skb.len += next.len;
            skb.flags = skb.flags.with(next.flags);
            skb.marks.ever_retrans |= next.marks.ever_retrans;
        }
        self.wmem_queued -= self.head;
    }

    /// Page fragments that hold the `len` bytes from `seq`.
    pub fn frags(&self, seq: Seq, len: u32) -> u16 {
        if len == 0 {
            return 0;
        }
        let end = seq + len;
        1 + self.frag_starts.between(seq, end).min(u32::from(u16::MAX - 1)) as u16
    }

    /// Whether what is between is known to lie in one page fragment.
    pub fn in_one_fragment(&self, seq: Seq, end: Seq) -> bool {
        self.frag_starts.none_within(seq, end)
    }

    /// Offsets in the `len` bytes from `seq` at which a new page fragment begins, if one does; unused places hold 0.
    #[inline]
    pub fn breaks(&self, seq: Seq, len: u32) -> Option<[u32; MAX_BREAKS]> {
        let end = seq + len;
        (len > 0 && !self.frag_starts.none_within(seq, end)).then(|| self.breaks_before(end, seq))
    }

    #[inline(never)]
    fn breaks_before(&self, end: Seq, seq: Seq) -> [u32; MAX_BREAKS] {
        let mut out = [0; MAX_BREAKS];
        let inside = self.frag_starts.after(seq).take_while(|start| *start < end);
        for (slot, start) in out.iter_mut().zip(inside) {
            *slot = (start - seq) as u32;
        }
        out
    }

    /// Moves up to `n` bytes from the second unsent skb to the first (`tcp_grow_skb`); an emptied skb is freed.
    pub fn move_from_second(&mut self, n: u32, mss: u32) {
        let Some((head, second)) = self.unsent.first_two() else { return };
        let n = n.min(second.len);
        second.seq = second.seq + n;
        second.len -= n;
        head.len += n;
        head.set_segs(mss);
        if second.len == 0 {
            head.flags = head.flags.with(second.flags);
            self.unsent.remove_second();
            self.wmem_queued -= self.head;
        } else {
            second.set_segs(mss);
        }
    }

    /// Accounts an skb made by cutting another one: the new head is all it costs.
    pub fn account_split(&mut self) {
        self.wmem_queued += self.head;
    }

    /// Frees an skb that is completely acknowledged.
    pub fn free(&mut self, skb: &TxSkb) {
        self.wmem_queued -= self.head + skb.len;
        let una = skb.end_seq();
        // Keep the start of the fragment that still holds unacknowledged bytes.
        self.frag_starts.forget_before(una);
    }

    /// Frees the acknowledged front of an skb (`tcp_trim_head`): its bytes, not its head.
    #[inline(never)]
    pub fn trim_front(&mut self, una: Seq) {
        if let Some(skb) = self.rtx.front_mut() {
            let n = (una - skb.seq).clamp(0, i64::from(skb.len)) as u32;
            skb.seq = skb.seq + n;
            skb.marks.in_host = false;
            skb.len -= n;
            self.wmem_queued -= n;
        }
    }

    /// Bytes written and not yet sent, given the next sequence number to be sent.
    pub fn notsent(&self, snd_nxt: Seq) -> u32 {
        (self.write_seq - snd_nxt).max(0) as u32
    }

    /// Moves the first unsent skb to the retransmit queue.
    #[inline(always)]
    pub fn head_sent(&mut self) {
        if let Some(skb) = self.unsent.pop_front() {
            self.rtx.push_back(skb);
        }
    }

    /// Marks the end of what is written as pushed (`tcp_mark_push`).
    pub fn mark_push(&mut self) {
        if let Some(tail) = self.unsent.back_mut() {
            tail.flags = tail.flags.with(Flags::PSH);
        }
        self.pushed_seq = self.write_seq;
    }

    /// Drops an empty skb at the end (`tcp_remove_empty_skb`).
    pub fn remove_empty_tail(&mut self) {
        if self.unsent.back().is_some_and(|s| s.len == 0 && !s.flags.has(Flags::FIN)) {
            self.unsent.pop_back();
            self.wmem_queued -= self.head;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(bytes: u32) -> WriteQueue {
        let mut q = WriteQueue::new(1280);
        q.entail();
        let mut left = bytes;
        while left > 0 {
            let n = q.fits(left, 17);
            q.append(n);
            left -= n;
        }
        q
    }

    #[test]
    fn an_skb_costs_its_head_and_its_payload_and_each_cut_another_head() {
        let mut q = filled(31_744);
        assert_eq!(q.wmem_queued, 33_024);
        let mut first = q.unsent.pop_front().unwrap();
        first.flags = Flags::PSH;
        let rest = first.split(2_048, 1_024);
        q.account_split();
        assert_eq!(q.wmem_queued, 34_304);
        assert_eq!((first.len, first.segs, rest.len, rest.segs), (2_048, 2, 29_696, 29));
        assert!(!first.flags.has(Flags::PSH) && rest.flags.has(Flags::PSH));
        q.free(&first);
        assert_eq!(q.wmem_queued, 34_304 - 2_048 - 1_280);
    }

    #[test]
    fn payload_spans_two_fragments_where_it_crosses_32_kib() {
        let q = filled(65_536);
        assert_eq!(q.frags(Seq(1), 1_448), 1);
        assert_eq!(q.frags(Seq(32_769 - 1_000), 1_448), 2);
        assert_eq!(q.frags(Seq(32_769), 1_448), 1);
        assert_eq!(q.frags(Seq(1), 65_536), 2);
    }

    #[test]
    fn two_sockets_of_one_thread_fill_the_same_fragments() {
        let (mut a, mut b) = (filled(20_000), WriteQueue::new(1280));
        b.take_page_frag(a.page_frag());
        b.entail();
        assert_eq!(b.fits(20_000, 17), 12_768, "what the other one has left");
        b.append(12_768);
        let n = b.fits(7_232, 17);
        b.append(n);
        assert_eq!((b.frags(Seq(1), 20_000), b.frags_begun()), (2, 2));
        a.take_page_frag(b.page_frag());
        a.fits(100, 17);
        a.append(100);
        assert_eq!((a.frags(Seq(19_901), 200), a.frags_begun()), (2, 2), "its bytes do not touch");
    }

    #[test]
    fn a_fragment_that_nobody_uses_begins_anew_and_is_not_got_again() {
        let mut q = filled(20_000);
        assert!(q.uses_page_frag(1, false), "not acknowledged");
        assert!(!q.uses_page_frag(2, true), "in an older one");
        let all = q.unsent.pop_front().unwrap();
        q.free(&all);
        assert!(q.uses_page_frag(1, true) && !q.uses_page_frag(1, false));
        q.page_frag_again();
        q.entail();
        assert_eq!(q.fits(40_000, 17), 32_768);
        q.append(32_768);
        assert_eq!(q.frags_begun(), 1);
        q.fits(1, 17);
        q.append(1);
        assert_eq!(q.frags_begun(), 2);
    }

    #[test]
    fn an_empty_skb_is_dropped_with_its_head() {
        let mut q = WriteQueue::new(1280);
        q.entail();
        q.remove_empty_tail();
        assert_eq!((q.wmem_queued, q.unsent.len()), (0, 0));
    }
}
