//! Charging skbs to the socket, reserving memory for them, and the gate in front of the queues.

use super::{RCVBUF_LOCK, Receiver};
use crate::host::Held;
use crate::linux::{IngestTest, Reclaim};
use crate::observer::Observer;
use crate::send_half::Cx;
use crate::skb::Skb;

/// `PAGE_SIZE` (and `SK_MEM_QUANTUM`), bytes.
pub(crate) const PAGE: i32 = 4096;

/// Smallest send buffer (`SOCK_MIN_SNDBUF`), bytes.
const MIN_SNDBUF: u32 = 4_608;

/// Whether a sending socket gets memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SendMemory {
    /// Yes.
    Granted,
    /// The host would rather not, but the send buffer is as good as full; it shrinks.
    GrantedAtLimit,
    /// No; the send buffer shrinks.
    Refused,
}

/// The send buffer after a refusal (`sk_stream_moderate_sndbuf`): half of what is queued, if that is less.
pub fn moderated(queued: u32, sndbuf: u32) -> u32 {
    sndbuf.min(queued >> 1).max(MIN_SNDBUF)
}

/// No memory, and nothing to be done about it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct NoMemory;

impl Receiver {
    /// Whether the program chose the budget (`SO_RCVBUF`).
    pub(super) fn rcvbuf_locked(&self) -> bool {
        self.userlocks & RCVBUF_LOCK != 0
    }

    /// Charges `truesize` to the socket (`skb_set_owner_r`, or the growth of an skb that took in another).
    pub(super) fn charge(&mut self, truesize: u32) {
        self.rmem += truesize as i32;
        self.fwd_alloc -= truesize as i32;
    }

    /// Charges an skb of the sending half: both halves draw on the same forward allocation
    /// (`sk_wmem_schedule`, `sk_mem_charge`).
    pub fn charge_send<O: Observer>(&mut self, cx: &mut Cx<'_, O>, truesize: u32) {
        self.reserve_forced(cx, truesize);
        self.fwd_alloc -= truesize as i32;
        self.wmem_charged += truesize;
    }

    /// Frees an skb of the sending half (`sk_wmem_free_skb`).
    pub fn uncharge_send<O: Observer>(&mut self, cx: &mut Cx<'_, O>, truesize: u32) {
        self.fwd_alloc += truesize as i32;
        self.wmem_charged -= truesize;
        self.return_surplus(cx);
    }

    /// The write timer has run: kernels before 6.0 return all whole pages then (`tcp_write_timer_handler`).
    pub fn write_timer_ran<O: Observer>(&mut self, cx: &mut Cx<'_, O>) {
        if self.kernel.reclaim == Reclaim::Above2MiB {
            self.reclaim(cx);
        }
    }

    /// Gives back what an skb was charged (`sock_rfree`), and to the host what the socket no longer needs.
    pub(super) fn uncharge<O: Observer>(&mut self, cx: &mut Cx<'_, O>, truesize: u32) {
        self.rmem -= truesize as i32;
        self.fwd_alloc += truesize as i32;
        self.return_surplus(cx);
    }

    /// What a release gives back to the host.
    pub(super) fn return_surplus<O: Observer>(&mut self, cx: &mut Cx<'_, O>) {
        match self.kernel.reclaim {
            Reclaim::Above2MiB => {
                if self.fwd_alloc >= 2 << 20 {
                    self.return_pages(cx, (1 << 20) / PAGE);
                }
            }
            Reclaim::Pages => self.reclaim(cx),
        }
    }

    /// Returns all whole pages (`sk_mem_reclaim`).
    pub(super) fn reclaim<O: Observer>(&mut self, cx: &mut Cx<'_, O>) {
        if self.fwd_alloc >= PAGE {
            self.return_pages(cx, self.fwd_alloc / PAGE);
        }
    }

    /// Returns whole pages but keeps at least one byte of the last (`sk_mem_reclaim_partial`).
    pub(super) fn reclaim_partial<O: Observer>(&mut self, cx: &mut Cx<'_, O>) {
        if self.fwd_alloc > PAGE {
            self.return_pages(cx, (self.fwd_alloc - 1) / PAGE);
        }
    }

    fn return_pages<O: Observer>(&mut self, cx: &mut Cx<'_, O>, pages: i32) {
        self.fwd_alloc -= pages * PAGE;
        cx.host.release(cx.now, i64::from(pages));
    }

    /// Pages that must be had so that `n` bytes are forward-allocated; `None` if they are already.
    fn missing_pages(&self, n: u32) -> Option<i32> {
        let n = n as i32;
        if n <= self.fwd_alloc {
            return None;
        }
        Some((n - self.fwd_alloc + PAGE - 1) / PAGE)
    }

    /// Reserves `n` bytes (`sk_rmem_schedule`); false if the host refuses.
    pub(super) fn reserve<O: Observer>(&mut self, cx: &mut Cx<'_, O>, n: u32) -> bool {
        let Some(pages) = self.missing_pages(n) else { return true };
        self.fwd_alloc += pages * PAGE;
        let below_minimum = i64::from(self.rmem) < i64::from(self.sysctl.tcp_rmem[0]);
        let held = Held { bytes: self.held(), below_minimum };
        if cx.host.admit(cx.now, i64::from(pages), held) {
            return true;
        }
        self.fwd_alloc -= pages * PAGE;
        false
    }

    /// Bytes that count against the socket's fair share of the host's memory.
    fn held(&self) -> i64 {
        i64::from(self.rmem) + i64::from(self.wmem_charged) + i64::from(self.fwd_alloc)
    }

    /// Reserves `n` bytes for sending (`sk_wmem_schedule`). `queued`: bytes queued for sending so far (`sk_wmem_queued`);
    /// `sndbuf`: how many there may be.
    pub fn reserve_send<O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        n: u32,
        queued: u32,
        sndbuf: u32,
    ) -> SendMemory {
        let Some(pages) = self.missing_pages(n) else { return SendMemory::Granted };
        self.fwd_alloc += pages * PAGE;
        let held = Held { bytes: self.held(), below_minimum: queued < self.sysctl.tcp_wmem[0] };
        if cx.host.admit(cx.now, i64::from(pages), held) {
            return SendMemory::Granted;
        }
        let most = moderated(queued, sndbuf);
        // A program cannot wait for room in a buffer that has room: only below the limit the host may refuse. At it, this
        // is the last that the program gets rid of before it waits.
        if u64::from(queued) + u64::from(pages.unsigned_abs()) * PAGE as u64 >= u64::from(most) {
            cx.host.memory.add(cx.now.time, i64::from(pages));
            return SendMemory::GrantedAtLimit;
        }
        self.fwd_alloc -= pages * PAGE;
        SendMemory::Refused
    }

    /// Reserves `n` bytes for sending whatever the host says.
    pub fn reserve_send_forced<O: Observer>(&mut self, cx: &mut Cx<'_, O>, n: u32) {
        self.reserve_forced(cx, n);
    }

    /// Brings what is charged for sending into line with what is queued (`sk_wmem_queued_add`, `sk_mem_charge`,
    /// `sk_wmem_free_skb`): nobody is asked.
    #[inline]
    pub fn settle_send<O: Observer>(&mut self, cx: &mut Cx<'_, O>, queued: u32) {
        if queued != self.wmem_charged {
            self.settle_difference(cx, queued);
        }
    }

    #[inline(never)]
    fn settle_difference<O: Observer>(&mut self, cx: &mut Cx<'_, O>, queued: u32) {
        if queued > self.wmem_charged {
            self.charge_send(cx, queued - self.wmem_charged);
        } else {
            self.uncharge_send(cx, self.wmem_charged - queued);
        }
    }

    /// Bytes forward-allocated and not spent (`sk_forward_alloc`).
    pub fn forward_allocated(&self) -> u32 {
        self.fwd_alloc.max(0) as u32
    }

    /// Under pressure an old kernel returns what a socket does not need before it builds an skb to be sent
    /// (`sk_stream_alloc_skb`).
    pub fn before_send_skb<O: Observer>(&mut self, cx: &mut Cx<'_, O>) {
        if self.kernel.idle_reclaims && cx.host.memory.under_pressure() {
            self.reclaim_partial(cx);
        }
    }

    /// Reserves `n` bytes whatever the host says (`sk_forced_mem_schedule`).
    pub(super) fn reserve_forced<O: Observer>(&mut self, cx: &mut Cx<'_, O>, n: u32) {
        if let Some(pages) = self.missing_pages(n) {
            self.fwd_alloc += pages * PAGE;
            cx.host.memory.add(cx.now.time, i64::from(pages));
        }
    }

    /// Whether the budget has room for `skb` (`tcp_can_ingest` and its forerunners).
    #[inline]
    pub(super) fn can_ingest(&self, skb: &Skb) -> bool {
        i64::from(self.rmem) <= self.ingests_up_to(skb)
    }

    /// Up to which charge the budget has room for `skb`, bytes.
    #[inline]
    pub(super) fn ingests_up_to(&self, skb: &Skb) -> i64 {
        let counts = match self.kernel.ingest {
            IngestTest::Overshoot => 0,
            IngestTest::Payload => skb.len,
            IngestTest::Truesize => skb.buf.truesize,
        };
        i64::from(self.rcvbuf) - i64::from(counts)
    }

    /// Makes room for `skb`, pruning if need be (`tcp_try_rmem_schedule`).
    pub(super) fn make_room<O: Observer>(&mut self, cx: &mut Cx<'_, O>, skb: &Skb) -> Result<(), NoMemory> {
        if self.can_ingest(skb) && self.reserve(cx, skb.buf.truesize) {
            return Ok(());
        }
        self.prune(cx, skb)?;
        while !self.reserve(cx, skb.buf.truesize) {
            if !self.prune_ofo(cx, skb) {
                return Err(NoMemory);
            }
        }
        Ok(())
    }
}
