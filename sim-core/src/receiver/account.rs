//! Charging a run of skbs that are to be sent, while the host has plenty of memory and nobody needs to be asked.

use super::Receiver;
use super::memory::PAGE;
use crate::host::{PlentyOfPages, TcpMem};
use crate::observer::Observer;
use crate::send_half::Cx;
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

    /// The same when more follows that needs pages later.
    #[inline(always)]
    pub(crate) fn take_early(&mut self, n: u32) {
        self.take(SimTime::ZERO, n);
    }

    /// Charges `n` bytes that are taken one after the other, and more that needs pages later, if it makes no difference in
    /// how many pieces; returns whether it did.
    #[inline(always)]
    pub(crate) fn take_together(&mut self, n: u32) -> bool {
        let missing = (n as i32 - self.fwd_alloc).max(0).unsigned_abs();
        let pages = missing.div_ceil(PAGE.unsigned_abs()) as i32;
        let together = self.pages.take_together(pages);
        if together {
            self.fwd_alloc += pages * PAGE - n as i32;
            self.charged += n;
        }
        together
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
