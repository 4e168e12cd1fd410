//! What an application writes and when it may (`tcp_sendmsg_locked`, `tcp_push`, `sk_stream_write_space`).

use super::{Sender, tso};
use crate::observer::{Observer, SendEvent};
use crate::receiver::{Receiver, SendMemory, moderated};
use crate::segment::Flags;
use crate::send_half::Cx;
use crate::seq::Seq;
use crate::time::{Now, SimTime};

/// Smallest send buffer that `SO_SNDBUF` sets (`SOCK_MIN_SNDBUF`), bytes.
const MIN_SNDBUF: u32 = 4_608;

/// After so many new skbs a `send` lets the backlog be processed (`tcp_sendmsg_locked`).
pub(super) const SKBS_BETWEEN_FLUSHES: u8 = 16;

/// A `send` in progress.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct WriteCall {
    began: SimTime,
    asked: u32,
    pub(super) left: u32,
    pub(super) copied: u32,
    /// Skbs started since the backlog was last processed.
    pub(super) skbs: u8,
    /// Until then nothing can come into the backlog.
    pub(super) undisturbed: SimTime,
    /// It takes everything, whatever the size of the buffer.
    pub(super) known: bool,
    /// When something that goes first comes due, if anything does.
    pub(super) preempted: Option<SimTime>,
}

/// Where a `send` in progress has come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WriteProgress {
    /// Packets were sent, and there is more to copy.
    Sent,
    /// Something that goes first has come due, and the call has come to a point where it may sleep.
    Preempted,
    /// Enough skbs were filled: the backlog must be processed before there are more.
    Flush,
    /// Everything was copied, or the buffer is full.
    Copied,
}

impl Sender {
    /// `send(len)` on a non-blocking socket while nothing else happens: how many bytes were taken. Less than `len`
    /// means that the buffer is full; the socket then tells when there is room again ([`Sender::take_wakeup`]).
    pub fn write<O: Observer>(&mut self, cx: &mut Cx<'_, O>, rx: &mut Receiver, len: u32) -> u32 {
        self.write_begin(cx.now, len);
        while self.write_some(cx, rx) != WriteProgress::Copied {}
        self.write_end(cx, rx)
    }

    /// Bytes that the `send` in progress has copied.
    pub fn copied(&self) -> u32 {
        self.writing.copied
    }

    /// Skbs that it holds, sent and unsent.
    pub fn skbs(&self) -> usize {
        self.queue.rtx.len() + self.queue.unsent.len()
    }

    /// Whether what a `send` copies begins an skb.
    pub fn begins_skb(&self) -> bool {
        self.queue.unsent.is_empty()
    }

    /// A `send` of `len` bytes begins.
    pub fn write_begin(&mut self, now: Now, len: u32) {
        self.short_of_memory = false;
        self.refused = false;
        self.writing = WriteCall { began: now.time, asked: len, left: len, ..WriteCall::default() };
    }

    /// Nothing can come into the backlog of the `send` in progress until then.
    pub fn write_undisturbed(&mut self, until: SimTime) {
        self.writing.undisturbed = until;
    }

    /// What goes before the `send` in progress comes due then, if anything does.
    pub fn write_preempted(&mut self, at: Option<SimTime>) {
        self.writing.preempted = at;
    }

    /// The page fragment of the calling thread is where the other socket that it writes to has left it
    /// (`task_struct.task_frag`).
    pub fn write_behind(&mut self, other: &Self) {
        self.queue.take_page_frag(other.queue.page_frag());
    }

    /// Where the payload of this socket's last page fragment begins.
    pub fn page_frag_begins(&self) -> Seq {
        self.queue.page_frag_begins()
    }

    /// Whether bytes that were written to this socket lie in the page fragment that `writer` is about to use, and are not
    /// acknowledged yet, or not read: `unread` says that the peer holds pages with some.
    pub fn uses_page_frag_of(&self, writer: &Self, unread: bool) -> bool {
        self.queue.uses_page_frag(writer.queue.frags_begun(), unread)
    }

    /// Everything in the present page fragment was read: it is used again from its beginning.
    pub fn write_page_frag_again(&mut self) {
        self.queue.page_frag_again();
    }

    /// A `send` begins of which a driver knows from outside that it takes `len` bytes.
    pub fn write_begin_taking(&mut self, now: Now, len: u32) {
        self.write_begin(now, len);
        self.writing.known = true;
    }

    /// Copies until packets were sent, the backlog is due, or the copying is done.
    pub fn write_some<O: Observer>(&mut self, cx: &mut Cx<'_, O>, rx: &mut Receiver) -> WriteProgress {
        // Nothing that it depends on changes before something is sent.
        let goal = self.size_goal(rx);
        let max_frags = self.layout.max_frags();
        while self.writing.left > 0 {
            let mut room = self.queue.unsent.back().map_or(0, |t| goal.saturating_sub(t.len));
            if room == 0 {
                // A call may be preempted before an skb, whose memory it may have to wait for. It does not wait for page
                // fragments (`skb_page_frag_refill` asks without reclaim).
                if self.writing.preempted.is_some_and(|at| at <= cx.now.time) {
                    self.writing.preempted = None;
                    return WriteProgress::Preempted;
                }
                if self.fill(cx, rx, goal, max_frags) {
                    continue;
                }
                if let Some(stop) = self.next_skb(cx, rx) {
                    return stop;
                }
                room = goal;
            }
            let n = self.queue.fits(room.min(self.writing.left), max_frags);
            if n == 0 {
                // No free fragment slot: the skb ends here.
                self.queue.mark_push();
                if let Some(stop) = self.next_skb(cx, rx) {
                    return stop;
                }
                continue;
            }
            let n = self.memory_for(cx, rx, n);
            if n == 0 {
                self.queue.remove_empty_tail();
                rx.settle_send(cx, self.queue.wmem_queued);
                return self.no_room();
            }
            let begun = self.queue.frags_begun();
            let len = self.queue.append(n);
            rx.settle_send(cx, self.queue.wmem_queued);
            if self.writing.copied == 0
                && let Some(tail) = self.queue.unsent.back_mut()
            {
                tail.flags = tail.flags.without(Flags::PSH);
            }
            self.writing.copied += n;
            self.writing.left -= n;
            self.spend(cx, self.costs.copy(n));
            if self.queue.frags_begun() > begun {
                self.spend(cx, self.costs.fragment(begun));
            }
            if self.writing.left == 0 || len < goal {
                continue;
            }
            let before = cx.out.len();
            let pushed = self.must_push();
            if pushed {
                self.queue.mark_push();
                self.push_frames(cx, rx, self.mss_now(rx), true, false);
            } else if self.queue.unsent.len() == 1 {
                self.push_one(cx, rx, self.mss_now(rx));
            }
            if cx.out.len() > before {
                return WriteProgress::Sent;
            }
            if pushed {
                self.spend(cx, self.costs.push());
            }
        }
        WriteProgress::Copied
    }

    /// The end of a `send`: what was copied is pushed. Returns the bytes taken.
    pub fn write_end<O: Observer>(&mut self, cx: &mut Cx<'_, O>, rx: &mut Receiver) -> u32 {
        let WriteCall { began, asked, copied, .. } = std::mem::take(&mut self.writing);
        if copied > 0 {
            self.push_written(cx, rx);
        }
        if O::ACTIVE {
            cx.obs
                .sending(cx.now, SendEvent::Wrote { began, asked, took: copied, refused: self.is_pressed() });
        }
        copied
    }

    /// The buffer is full, or the host has no memory: the call copies no more.
    fn no_room(&mut self) -> WriteProgress {
        self.nospace = true;
        self.writing.left = 0;
        WriteProgress::Copied
    }

    /// Starts an skb if the buffer has room for one and the host memory; the first one is always had. Says why not, if
    /// not.
    fn next_skb<O: Observer>(&mut self, cx: &mut Cx<'_, O>, rx: &mut Receiver) -> Option<WriteProgress> {
        if !self.has_memory() {
            self.queue.remove_empty_tail();
            rx.settle_send(cx, self.queue.wmem_queued);
            return Some(self.no_room());
        }
        if self.writing.skbs >= SKBS_BETWEEN_FLUSHES {
            self.writing.skbs = 0;
            return Some(WriteProgress::Flush);
        }
        rx.before_send_skb(cx);
        if !self.queue.is_empty() && !self.reserve(cx, rx, self.queue.head()) {
            return Some(self.no_room());
        }
        self.writing.skbs += 1;
        self.restart_after_idle(cx.now);
        self.queue.entail();
        rx.settle_send(cx, self.queue.wmem_queued);
        self.spend(cx, self.costs.skb());
        None
    }

    /// The program sends no more: a FIN follows the last byte written, on the last unsent skb or on one of its own
    /// (`tcp_send_fin`).
    pub fn shutdown<O: Observer>(&mut self, cx: &mut Cx<'_, O>, rx: &mut Receiver) {
        if self.fin.is_some() {
            return;
        }
        if self.queue.unsent.is_empty() {
            self.queue.entail();
        }
        self.fin = Some(self.queue.write_seq);
        self.queue.append_fin();
        rx.settle_send(cx, self.queue.wmem_queued);
        self.push_frames(cx, rx, self.mss_now(rx), true, false);
    }

    /// Reserves `n` bytes; on refusal the buffer shrinks, and the program must wait for memory.
    fn reserve<O: Observer>(&mut self, cx: &mut Cx<'_, O>, rx: &mut Receiver, n: u32) -> bool {
        let answer = rx.reserve_send(cx, n, self.queue.wmem_queued, self.sndbuf);
        if answer != SendMemory::Granted {
            self.refused = true;
            if !self.sndbuf_locked {
                let less = moderated(self.queue.wmem_queued, self.sndbuf);
                self.moderated |= less < self.sndbuf;
                self.sndbuf = less;
            }
        }
        self.short_of_memory = answer == SendMemory::Refused;
        answer != SendMemory::Refused
    }

    /// How many of `n` bytes the host has memory for (`tcp_wmem_schedule`). Newer kernels grant part of it, and what is
    /// below `tcp_wmem[0]` in any case.
    fn memory_for<O: Observer>(&mut self, cx: &mut Cx<'_, O>, rx: &mut Receiver, n: u32) -> u32 {
        if self.reserve(cx, rx, n) {
            return n;
        }
        if !self.writes_in_part {
            return 0;
        }
        let guaranteed = self.sysctl.tcp_wmem[0].saturating_sub(self.queue.wmem_queued);
        if guaranteed > 0 {
            rx.reserve_send_forced(cx, guaranteed.min(n));
        }
        n.min(rx.forward_allocated())
    }

    /// Whether the last call ended because the host had no memory, rather than because the buffer was full.
    pub fn is_short_of_memory(&self) -> bool {
        self.short_of_memory
    }

    /// Whether the host's lack of memory is what limits the program: it refused pages in this call, or has made the send
    /// buffer smaller and nothing has widened it since.
    pub fn is_pressed(&self) -> bool {
        self.refused || self.moderated
    }

    /// The end of a call (`tcp_push`).
    fn push_written<O: Observer>(&mut self, cx: &mut Cx<'_, O>, rx: &mut Receiver) {
        if self.queue.unsent.is_empty() {
            return;
        }
        if !self.cork || self.must_push() {
            self.queue.mark_push();
        }
        if let Some(first) = self.autocorks(self.size_goal(rx)) {
            cx.host.counters.auto_corking += u64::from(first);
            return;
        }
        self.push_frames(cx, rx, self.mss_now(rx), self.nodelay, self.cork);
    }

    /// More than half the peer's largest window was written since the last push (`forced_push`).
    fn must_push(&self) -> bool {
        self.must_push_at(self.queue.write_seq)
    }

    /// The same once everything before `end` is written.
    pub(super) fn must_push_at(&self, end: Seq) -> bool {
        end > self.queue.pushed_seq + (self.window.max_window >> 1)
    }

    fn size_goal(&self, rx: &Receiver) -> u32 {
        tso::size_goal(self.gso_max, self.mss_now(rx), self.window.max_window)
    }

    /// Whether another skb may be started (`sk_stream_memory_free`).
    pub(super) fn has_memory(&self) -> bool {
        self.writing.known
            || self.queue.wmem_queued < self.sndbuf
                && self.queue.notsent(self.window.snd_nxt) < self.notsent_lowat
    }

    /// Whether `poll` reports the socket writable: a third of the buffer is free.
    pub fn is_writable(&self) -> bool {
        let free = i64::from(self.sndbuf) - i64::from(self.queue.wmem_queued);
        free >= i64::from(self.queue.wmem_queued >> 1)
            && u64::from(self.queue.notsent(self.window.snd_nxt)) * 2 < u64::from(self.notsent_lowat)
    }

    /// A program waits for room (`poll` with `POLLOUT` on a full socket).
    pub fn wait_for_room(&mut self) {
        self.nospace = true;
    }

    /// Whether a waiting program was woken since the last call.
    pub fn take_wakeup(&mut self) -> bool {
        std::mem::take(&mut self.woken)
    }

    /// After an ACK, and after each packet of new data: the buffer may grow, and a waiting writer may be woken
    /// (`tcp_check_space`).
    pub(super) fn check_space<O: Observer>(&mut self, cx: &Cx<'_, O>) {
        if !self.nospace {
            return;
        }
        let m = &cx.host.memory;
        let plenty = !m.under_pressure() && m.allocated < m.low as i64;
        if !self.sndbuf_locked && plenty && self.in_flight() < self.cc.cwnd {
            self.expand_sndbuf();
            // The window was not idle for want of data: its validation starts anew.
            self.cc.stamp = cx.now.jiffies;
        }
        if self.is_writable() {
            self.nospace = false;
            self.woken = true;
        }
    }

    /// Room for twice the congestion window, at the price of MSS-sized linear skbs (`tcp_sndbuf_expand`).
    pub(super) fn expand_sndbuf(&mut self) {
        let head = self.mss_limit.max(self.mss) + self.max_tcp_header + self.layout.shared_info();
        let per_mss = head.next_power_of_two() + self.layout.sk_buff();
        let packets = self.cc.cwnd.max(10).max(self.loss.reordering + 1);
        let want = 2 * u64::from(packets) * u64::from(per_mss);
        let want = want.min(u64::from(self.sysctl.tcp_wmem[2])) as u32;
        self.moderated &= want <= self.sndbuf;
        self.sndbuf = self.sndbuf.max(want);
    }

    /// `SO_SNDBUF`, or `SO_SNDBUFFORCE` if `force`: doubled, and not changed by the stack any more.
    pub fn set_sndbuf(&mut self, value: u32, force: bool) {
        let v = if force { value } else { value.min(self.sysctl.wmem_max) };
        self.sndbuf = (v.min(i32::MAX as u32 / 2) * 2).max(MIN_SNDBUF);
        self.sndbuf_locked = true;
        if self.nospace && self.is_writable() {
            self.nospace = false;
            self.woken = true;
        }
    }
}
