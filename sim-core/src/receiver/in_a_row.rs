//! Segments in a row: what the one before has shown is not asked again.
//!
//! Nobody reads, and full segments keep coming. Once the window is worth less than what was promised, no ACK but the
//! delayed one is due; once its threshold has no room left, it does not grow; within one tick neither the delay of the ACK
//! nor its timer change. Then a segment that header prediction accepts changes the queue, its memory and some counters, and
//! nothing else: [`Receiver::take_in_a_row`] does what [`Receiver::segment_arrives`] comes to.

use super::ack::ato_min;
use super::{PAGE, Receiver};
#[cfg(test)]
use crate::host::Host;
use crate::observer::{Observer, Rule};
use crate::segment::{Flags, Segment};
use crate::send_half::{Cx, SendHalf as _};
use crate::sender::Sender;
use crate::seq::Seq;
use crate::skb::{Buffer, Skb, coalesce_many, coalesces};
use crate::state::{AckPending, TcpState};
use crate::time::SimDuration;

/// Segments that differ from one that was taken in nothing but their place, their time, and PSH.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Alike {
    /// That one.
    pub(crate) seg: Segment,
    buf: Buffer,
    /// Where the next one must begin.
    pub(crate) next: Seq,
    /// What each adds to the truesize of the skb that they are merged into.
    delta: u32,
    /// How many may come.
    most: u32,
    /// How many have come.
    count: u32,
    /// One of them had PSH.
    pushed: bool,
}

impl Alike {
    /// How many more may come.
    #[inline(always)]
    pub(crate) fn room(&self) -> u32 {
        self.most - self.count
    }

    /// So many have come; `pushed`: the last of them with PSH.
    #[inline(always)]
    pub(crate) fn came(&mut self, count: u32, pushed: bool) {
        self.count += count;
        self.next = self.next + count * self.seg.len;
        self.pushed |= pushed;
    }
}

impl Receiver {
    /// Whether a row may have begun, by what is most often not so: more than a segment waits for a delayed ACK.
    #[inline(always)]
    pub(crate) fn row_may_begin(&self) -> bool {
        const PUSHES: u8 = AckPending::PUSHED | AckPending::PUSHED2;
        self.ack.pending.0 & !PUSHES == AckPending::SCHED | AckPending::TIMER
            && self.rcv_nxt - self.rcv_wup > i64::from(self.ack.rcv_mss)
    }

    /// Whether a row has begun with the segment that arrived last, at the tick of `cx`: nothing but memory, and the peer, can
    /// make it matter more that another one comes. `row_may_begin` was true.
    pub(crate) fn row_begins<O: Observer>(&mut self, cx: &Cx<'_, O>) -> bool {
        let plain = self.state == TcpState::Established && !self.owned && !self.hears_marks();
        let usual = self.ack.last_seg_size == 0 && self.drs.rcv_tsecr == self.drs.last_tsecr;
        let quick = self.ack.quick != 0 || self.route.quickack;
        if !plain || !usual || quick || self.drs.rtt_time.is_none() || cx.host.memory.under_pressure() {
            return false;
        }
        // The delay of the ACK stays as it is, and so does its timer.
        let min = ato_min(cx.now);
        let ato = self.ack.ato;
        let settled = ato <= min && ato == (ato >> 1) + min / 2 && self.ack.lrcvtime == Some(cx.now.jiffies);
        let armed = self.ack.timeout.is_some_and(|due| due > cx.now.jiffies + (ato >> 2));
        // The window does not grow, and is worth less than promised. With less memory both only become truer.
        let room = i64::from(self.window_clamp as i32).min(self.free_space()) - i64::from(self.rcv_ssthresh);
        settled
            && armed
            && room <= 0
            && self.rcv_wscale > 0
            && self.rcv_nxt - self.copied_seq >= i64::from(self.lowat)
            && self.raw_window(cx).0 < self.rcv_wnd
    }

    /// Takes a segment that follows in a row, at the tick of the one before; `false`: it is not like that one, and nothing
    /// was done. Tests let it arrive as any other, too, and compare.
    #[inline(always)]
    pub(crate) fn take_in_a_row<O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        snd: &mut Sender,
        seg: &Segment,
        buf: Buffer,
    ) -> bool {
        #[cfg(test)]
        let before = (self.clone(), snd.clone(), cx.host.clone());
        let taken = self.is_taken(cx, snd, seg, buf);
        #[cfg(test)]
        if taken {
            let (mut rx, mut tx, mut host) = before;
            let mut out = Vec::new();
            let mut single =
                Cx { now: cx.now, out: &mut out, host: &mut host, obs: &mut crate::observer::Silent };
            rx.segment_arrives(&mut single, &mut tx, seg, buf);
            assert!(out.is_empty(), "an ACK was due");
            self.compare((snd, cx.host), (&rx, &tx, &host));
        }
        taken
    }

    /// What was taken in a row has come to what it comes to one by one.
    #[cfg(test)]
    fn compare(&self, (tx, host): (&Sender, &Host), single: (&Self, &Sender, &Host)) {
        let (rx1, tx1, host1) = single;
        assert_eq!((self.state(tx), tx.state()), (rx1.state(tx1), tx1.state()));
        assert_eq!(self.delayed_ack_due(), rx1.delayed_ack_due());
        assert_eq!(self.cached_clock(), rx1.cached_clock());
        assert_eq!(self.queue, rx1.queue);
        assert_eq!((&host.counters, host.memory.charged()), (&host1.counters, host1.memory.charged()));
    }

    #[inline(always)]
    fn is_taken<O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        snd: &mut Sender,
        seg: &Segment,
        buf: Buffer,
    ) -> bool {
        let alike = seg.len == self.ack.rcv_mss
            && buf.gso_size == 0
            && seg.ack == snd.snd_una()
            && self.is_predicted(snd, seg)
            && self.receive_window() >= seg.len
            && self.rcv_nxt + seg.len < self.drs.rtt_seq
            && seg.ts.is_none_or(|ts| self.own_stamp(ts.ecr) == self.drs.last_tsecr);
        let at_hand = buf.truesize as i32 <= self.fwd_alloc;
        let skb = Skb::of(seg, buf);
        if !alike || !(at_hand || self.gets_memory_for(cx, snd, &skb)) {
            return false;
        }
        if O::ACTIVE {
            cx.obs.segment(cx.now, seg, &skb, &self.shown::<_, O>(snd));
        }
        cx.host.counters.in_segs += 1;
        self.refresh_clock(cx);
        if at_hand {
            cx.rule(|| Rule::Predicted);
            cx.host.counters.hp_hits += 1;
            snd.note_predicted(seg.seq);
        } else {
            self.passes_slowly(cx, snd, seg, &skb);
        }
        self.queue_in_order(cx, &skb);
        if seg.flags.has(Flags::PSH) {
            self.ack.pending.set(AckPending::PUSHED);
        }
        if O::ACTIVE {
            self.delay_ack(cx, snd);
        }
        true
    }

    /// Which segments behind `seg` with the memory `buf`, which was [taken in a row](Self::take_in_a_row), are known to be predicted
    /// and merged as that one was, if they differ from it in nothing but their place, their time, and PSH.
    #[inline(always)]
    pub(crate) fn alike<O: Observer>(
        &self,
        cx: &Cx<'_, O>,
        snd: &Sender,
        seg: &Segment,
        buf: Buffer,
        like: &mut Alike,
    ) {
        like.most = 0;
        let Some(tail) = self.queue.back().filter(|_| !O::ACTIVE && buf.nr_frags == 1) else { return };
        let skb = Skb { len: seg.len, buf, ..Skb::default() };
        let (merged, delta) = coalesces(tail, &skb, self.layout);
        if merged == 0 || delta == 0 || self.is_shared(tail, cx.now.time) {
            return;
        }
        // Memory for each, room in the window, and no round trip that ends.
        let spare = self.fwd_alloc - buf.truesize as i32;
        let at_hand = if spare < 0 { 0 } else { spare as u32 / delta + 1 };
        let asked =
            if at_hand < merged { self.gets_memory_for_many(cx, snd, &skb, delta, merged) } else { 0 };
        let fits = self.receive_window() / seg.len;
        let trip = (self.drs.rtt_seq - self.rcv_nxt - 1).clamp(0, i64::from(u32::MAX)) as u32 / seg.len;
        let most = merged.min(asked.max(at_hand)).min(fits).min(trip);
        *like = Alike { seg: *seg, buf, next: self.rcv_nxt, delta, most, count: 0, pushed: false };
    }

    /// Takes those of them that have come, `apart` from each other.
    #[inline(always)]
    pub(crate) fn take_alike<O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        snd: &mut Sender,
        like: &mut Alike,
        apart: SimDuration,
    ) {
        if like.count == 0 {
            return;
        }
        #[cfg(test)]
        let single = (self.clone(), snd.clone(), cx.host.clone(), cx.now);
        self.are_taken(cx, snd, like, apart);
        #[cfg(test)]
        {
            let (mut rx, mut tx, mut host, mut now) = single;
            let Alike { mut seg, buf, count, .. } = *like;
            for n in 1..=count {
                now.time += apart;
                seg.seq = seg.seq + seg.len;
                let pushed = if n == count && like.pushed { Flags::PSH } else { Flags::default() };
                let seg = Segment { flags: seg.flags.with(pushed), ..seg };
                let (host, obs) = (&mut host, &mut crate::observer::Silent);
                let mut single = Cx { now, out: &mut Vec::new(), host, obs };
                rx.segment_arrives(&mut single, &mut tx, &seg, buf);
                assert!(single.out.is_empty(), "an ACK was due");
            }
            assert_eq!(cx.now, now);
            self.compare((snd, cx.host), (&rx, &tx, &host));
        }
        (like.count, like.most) = (0, 0);
    }

    fn are_taken<O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        snd: &mut Sender,
        like: &Alike,
        apart: SimDuration,
    ) {
        let Alike { mut seg, buf, delta, count, pushed, .. } = *like;
        let skb = Skb { len: seg.len, flags: seg.flags, buf, ..Skb::default() };
        for _ in 0..count {
            cx.now.time += apart;
            seg.seq = self.rcv_nxt;
            if buf.truesize as i32 <= self.fwd_alloc {
                cx.host.counters.hp_hits += 1;
                snd.note_predicted(seg.seq);
            } else {
                let skb = Skb { seq: seg.seq, end_seq: seg.end_seq(), ..skb };
                self.passes_slowly(cx, snd, &seg, &skb);
            }
            self.charge(delta);
            self.rcv_nxt = seg.seq + seg.len;
        }
        let Some(tail) = self.queue.back_mut() else { return };
        coalesce_many(tail, &skb, count, delta);
        tail.end_seq = self.rcv_nxt;
        if pushed {
            tail.flags = tail.flags.with(Flags::PSH);
            self.ack.pending.set(AckPending::PUSHED);
        }
        cx.host.counters.in_segs += u64::from(count);
        cx.host.counters.rcv_coalesce += u64::from(count);
        self.refresh_clock(cx);
    }

    /// A segment in a row for which memory must be got, as was [seen to go well](Self::gets_memory_for).
    fn passes_slowly<O: Observer>(&mut self, cx: &mut Cx<'_, O>, snd: &mut Sender, seg: &Segment, skb: &Skb) {
        if self.process_ack_slow(cx, snd, seg, skb).is_err() || self.in_order_gate(cx, skb).is_err() {
            debug_assert!(false, "both were seen to go well");
        }
    }

    /// How many of `most` segments like `skb`, each charged `delta`, get what memory they miss without anything else happening.
    fn gets_memory_for_many<O: Observer>(
        &self,
        cx: &Cx<'_, O>,
        snd: &Sender,
        skb: &Skb,
        delta: u32,
        most: u32,
    ) -> u32 {
        let room = self.ingests_up_to(skb) - i64::from(self.rmem);
        if room < 0 || !self.has_nothing_but_to_ask(cx, snd, skb.buf.truesize + most * delta) {
            return 0;
        }
        u32::try_from(room / i64::from(delta) + 1).map_or(most, |n| n.min(most))
    }

    /// Whether a segment for which no memory is at hand passes the gate without anything else happening: there is room, the
    /// host has plenty, no data out of order is looked at, and the end has nothing of its own to send.
    fn gets_memory_for<O: Observer>(&self, cx: &Cx<'_, O>, snd: &Sender, skb: &Skb) -> bool {
        self.can_ingest(skb) && self.has_nothing_but_to_ask(cx, snd, skb.buf.truesize)
    }

    /// The same if the budget has room, of segments that take `bytes`.
    fn has_nothing_but_to_ask<O: Observer>(&self, cx: &Cx<'_, O>, snd: &Sender, bytes: u32) -> bool {
        let pages = bytes / PAGE as u32 + 1;
        snd.is_silent()
            && self.ofo.is_empty()
            && self.sacks.is_empty()
            && self.dsack.is_none()
            && cx.host.memory.plenty_of(i64::from(pages)).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::*;
    use crate::host::{Host, TcpMem};
    use crate::linux::by_name;
    use crate::observer::Silent;
    use crate::time::{Jiffies, JiffyClock, SimDuration, SimTime};

    /// Whether a row begins in a socket that nobody reads, with what `change` makes of it.
    fn begins(change: impl FnOnce(&mut Receiver, &mut Host)) -> bool {
        let now = JiffyClock::new(250, SimDuration::ZERO).now(SimTime::from_nanos(400_000_000));
        let kernel = by_name("6.1").unwrap();
        let mut rx = Receiver::new(kernel, kernel.default_sysctls(), Route::default());
        (rx.state, rx.rcv_wscale, rx.rcvbuf) = (TcpState::Established, 5, 65_536);
        // 40 KiB are queued, of which the last 10 are not acknowledged: the window is worth 12 KiB, and 30 were promised.
        (rx.rcv_nxt, rx.rcv_wup) = (rx.copied_seq + 40_960, rx.copied_seq + 30_720);
        (rx.rmem, rx.rcv_wnd, rx.rcv_ssthresh, rx.window_clamp) = (41_472, 30_720, 32_768, 65_536);
        rx.drs.rtt_time = Some(SimTime::ZERO);
        rx.ack.pending.set(AckPending::SCHED | AckPending::TIMER);
        (rx.ack.rcv_mss, rx.ack.ato, rx.ack.lrcvtime) = (1_024, 10, Some(now.jiffies));
        rx.ack.timeout = Some(now.jiffies + 10);
        let mut host = Host::default();
        change(&mut rx, &mut host);
        let cx = Cx { now, out: &mut Vec::new(), host: &mut host, obs: &mut Silent };
        rx.row_may_begin() && rx.row_begins(&cx)
    }

    #[test]
    fn a_row_begins_where_another_segment_cannot_matter_more_than_the_last_one() {
        assert!(begins(|_, _| {}));
        type Change = fn(&mut Receiver, &mut Host);
        let differs: [(&str, Change); 15] = [
            ("little waits for its ACK", |rx, _| rx.rcv_wup = rx.rcv_nxt),
            ("an ACK must go at once", |rx, _| rx.ack.pending.set(AckPending::NOW)),
            ("no ACK is delayed", |rx, _| rx.ack.pending.clear(AckPending::TIMER)),
            ("ACKs are quick", |rx, _| rx.ack.quick = 1),
            ("the route wants quick ACKs", |rx, _| rx.route.quickack = true),
            ("the window moves", |rx, _| rx.rcv_wnd = 10_240),
            ("the window grows", |rx, _| rx.rcv_ssthresh = 10_240),
            ("a reader is content with more", |rx, _| rx.lowat = 50_000),
            ("a program holds the socket", |rx, _| rx.owned = true),
            ("the delay of the ACK is not settled", |rx, _| rx.ack.ato = 20),
            ("the last segment came at another tick", |rx, _| rx.ack.lrcvtime = Some(Jiffies(0))),
            ("the timer is almost due", |rx, _| rx.ack.timeout = rx.ack.lrcvtime),
            ("the last segment was a short one", |rx, _| rx.ack.last_seg_size = 500),
            ("a round trip is about to be measured", |rx, _| rx.drs.rtt_time = None),
            ("the host is short of memory", |_, host| host.memory.pressure_since = Some(Jiffies(0))),
        ];
        for (what, change) in differs {
            assert!(!begins(change), "{what}");
        }
    }

    #[test]
    fn memory_is_had_in_passing_where_there_is_room_and_the_host_has_plenty() {
        let kernel = by_name("6.1").unwrap();
        let end = EndpointConfig {
            sysctl: kernel.default_sysctls(),
            sockopt: SockOpts::default(),
            route: Route::default(),
            offload: Offload { tso: false, gso: false, gro: false },
            nic: NicModel::Loopback.into(),
            congestion: Congestion::Cubic,
            write: WriteConfig::NEVER,
            read: ReadConfig::NEVER,
        };
        let snd = Sender::new(kernel, &end, &HostConfig::without_costs(250));
        let mut rx = Receiver::new(kernel, kernel.default_sysctls(), Route::default());
        rx.rmem = 60_000;
        let skb = Skb { len: 1_024, buf: Buffer { truesize: 2_304, ..Buffer::default() }, ..Skb::default() };
        let now = JiffyClock::new(250, SimDuration::ZERO).now(SimTime::ZERO);
        let had = |rx: &Receiver, mut host: Host| {
            let cx = Cx { now, out: &mut Vec::new(), host: &mut host, obs: &mut Silent };
            rx.gets_memory_for(&cx, &snd, &skb)
        };
        let allocated = |pages: i64| {
            let mut host = Host::with_memory(TcpMem::new([100, 200, 300], 0));
            host.memory.add(SimTime::ZERO, pages);
            host
        };
        assert!(had(&rx, allocated(99)));
        assert!(!had(&rx, allocated(100)), "the next page is above the first limit");
        rx.rmem = rx.rcvbuf + 1;
        assert!(!had(&rx, allocated(0)), "the budget is used up");
    }
}
