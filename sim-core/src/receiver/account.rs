//! Charging a run of skbs that are to be sent, while the host has plenty of memory and nobody needs to be asked.

use super::Receiver;
use super::memory::PAGE;
use crate::host::{PlentyOfPages, TcpMem};
use crate::observer::Observer;
use crate::send_half::Cx;
use crate::sender::write_queue::{PAGE_FRAG, WriteQueue};
use crate::time::SimTime;

/// An account for skbs of one socket that are to be sent.
#[derive(Debug)]
pub(crate) struct SendAccount {
    fwd_alloc: i32,
    charged: u32,
    pages: PlentyOfPages,
    /// When pages were last had.
    last: Option<SimTime>,
}

impl SendAccount {
    /// Charges `n` bytes, with new pages if need be (`sk_wmem_schedule`, `sk_mem_charge`).
    #[inline(always)]
    pub(crate) fn take(&mut self, time: SimTime, n: u32) {
        let missing = n as i32 - self.fwd_alloc;
        if missing > 0 {
            let pages = missing.unsigned_abs().div_ceil(PAGE.unsigned_abs()) as i32;
            self.fwd_alloc += pages * PAGE;
            self.pages.take(pages);
            self.last = Some(time);
        }
        self.fwd_alloc -= n as i32;
        self.charged += n;
    }

    /// Charges `count` skbs with a head and payload each (`[head, len]`), which others follow that need pages later. The first
    /// begins where `used` bytes of a page fragment are used, and no bytes of a fragment are given up. Pages come one piece
    /// after the other, which makes a difference only where the host passes them on.
    #[inline(always)]
    pub(crate) fn take_skbs(&mut self, [head, len]: [u32; 2], count: u32, used: u32) {
        let whole = head + len;
        let (mut left, mut used) = (count, used);
        while left > 0 {
            let together = left.min(self.together(whole));
            if together > 0 {
                self.take_together(i64::from(together) * i64::from(whole));
                used =
                    ((u64::from(used) + u64::from(together) * u64::from(len)) % u64::from(PAGE_FRAG)) as u32;
                left -= together;
                continue;
            }
            self.take(SimTime::ZERO, head);
            let mut rest = len;
            while rest > 0 {
                let n = WriteQueue::piece(&mut used, rest);
                self.take(SimTime::ZERO, n);
                rest -= n;
            }
            left -= 1;
        }
    }

    /// How many times `n` bytes may be charged, as if at once, until the host passes pages on.
    fn together(&self, n: u32) -> u32 {
        let bytes =
            self.pages.room().saturating_mul(i64::from(PAGE)).saturating_add(i64::from(self.fwd_alloc));
        u32::try_from(bytes.max(0) / i64::from(n)).unwrap_or(u32::MAX)
    }

    /// Charges so many bytes at once.
    fn take_together(&mut self, bytes: i64) {
        let missing = (bytes - i64::from(self.fwd_alloc)).max(0);
        let pages = (missing + i64::from(PAGE) - 1) / i64::from(PAGE);
        self.pages.take_together(pages);
        self.fwd_alloc = (i64::from(self.fwd_alloc) + pages * i64::from(PAGE) - bytes) as i32;
        self.charged += bytes as u32;
    }
}

impl Receiver {
    /// An account for `bytes` more to be sent beside the `queued` ones, if the host has so many that it grants every page
    /// without a second thought.
    pub(crate) fn send_account(&self, memory: &TcpMem, queued: u32, bytes: u64) -> Option<SendAccount> {
        let pages = memory.plenty_of(bytes as i64 / i64::from(PAGE) + 1)?;
        let (fwd_alloc, charged) = (self.fwd_alloc, self.wmem_charged);
        (queued == charged).then_some(SendAccount { fwd_alloc, charged, pages, last: None })
    }

    /// Takes over what was charged to `account`.
    #[inline(always)]
    pub(crate) fn settle_account<O: Observer>(&mut self, cx: &mut Cx<'_, O>, account: &SendAccount) {
        self.fwd_alloc = account.fwd_alloc;
        self.wmem_charged = account.charged;
        if let Some(time) = account.last {
            cx.host.memory.took_plenty(time, &account.pages);
        }
    }
}
