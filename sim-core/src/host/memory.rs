//! `net.ipv4.tcp_mem` and the pages allocated against it.

use super::census::{Census, HostSnapshot};
use super::sockets::SocketCount;
use crate::time::{Jiffies, SimTime};

/// `SK_MEMORY_PCPU_RESERVE` (`net.core.mem_pcpu_rsv` where it can be set), pages of 4096 bytes: 1 MiB.
pub const MEM_PCPU_RESERVE: i64 = 256;

/// What a socket holds when it asks for more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Held {
    /// Bytes charged for receiving and sending and forward-allocated, the pages asked for included.
    pub bytes: i64,
    /// Whether it holds less than its guaranteed minimum: `tcp_rmem[0]` for receiving, `tcp_wmem[0]` for sending.
    pub below_minimum: bool,
}

impl Held {
    /// In whole pages (`sk_mem_pages`).
    pub fn pages(self) -> u64 {
        (self.bytes.max(0) as u64).div_ceil(4096)
    }
}

/// The limits of `net.ipv4.tcp_mem` and what is allocated against them, in pages of 4096 bytes.
///
/// From 6.0 on every processor collects changes and adds them to the common counter when they exceed its reserve, so that
/// `allocated`, which everything is decided by, moves in large steps. One processor is modelled.
#[derive(Clone, Debug)]
pub struct TcpMem {
    /// Up to this there is no pressure.
    pub low: u64,
    /// Above this pressure begins.
    pub pressure: u64,
    /// Above this nothing is granted.
    pub high: u64,
    /// Pages granted to sockets, as the kernel sees them (`memory_allocated`).
    pub allocated: i64,
    /// Since when the host is under pressure.
    pub pressure_since: Option<Jiffies>,
    /// The most pages that were ever charged.
    pub peak: i64,
    /// Requests that were refused.
    pub refusals: u64,
    /// Sockets that share the memory.
    pub sockets: SocketCount,
    /// The same sockets by their condition.
    pub census: Census,
    /// The host when most pages were charged.
    pub at_peak: HostSnapshot,
    /// The most orphans there were.
    pub orphan_peak: u64,
    /// The most records of ended connections there were.
    pub time_wait_peak: u64,
    /// Changes that the processor has not yet passed on (`per_cpu_fw_alloc`).
    unseen: i64,
    /// How many it may hold back; 0: none.
    reserve: i64,
}

/// Pages that need not be asked for ([`TcpMem::plenty_of`]).
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlentyOfPages {
    allocated: i64,
    unseen: i64,
    reserve: i64,
}

impl PlentyOfPages {
    /// Takes `pages`, as [`TcpMem::add`] does.
    #[inline(always)]
    pub(crate) fn take(&mut self, pages: i32) {
        self.unseen += i64::from(pages);
        if self.unseen >= self.reserve {
            self.allocated += std::mem::take(&mut self.unseen);
        }
    }

    /// How many pages may be taken one after the other so that it makes no difference in how many steps: those that the
    /// processor does not pass on.
    #[inline(always)]
    pub(crate) fn room(&self) -> i64 {
        if self.reserve == 0 { i64::MAX } else { self.reserve - 1 - self.unseen }
    }

    /// Takes `pages`, for which there is [room](Self::room), at once.
    #[inline(always)]
    pub(crate) fn take_together(&mut self, pages: i64) {
        if self.reserve == 0 {
            self.allocated += pages;
        } else {
            self.unseen += pages;
        }
    }
}

impl Default for TcpMem {
    /// What a kernel computes on a machine with about 16 GiB: pressure never happens by accident.
    fn default() -> Self {
        Self::new([188_888, 251_851, 377_776], 0)
    }
}

impl TcpMem {
    /// Nothing is allocated yet. `reserve`: pages that a processor may hold back.
    pub fn new([low, pressure, high]: [u64; 3], reserve: i64) -> Self {
        Self {
            low,
            pressure,
            high,
            allocated: 0,
            pressure_since: None,
            peak: 0,
            refusals: 0,
            sockets: SocketCount::default(),
            census: Census::default(),
            at_peak: HostSnapshot::default(),
            orphan_peak: 0,
            time_wait_peak: 0,
            unseen: 0,
            reserve,
        }
    }

    /// Whether the host is under pressure (`tcp_memory_pressure`).
    #[inline]
    pub fn under_pressure(&self) -> bool {
        self.pressure_since.is_some()
    }

    /// Pages charged in truth, those that the processor holds back included.
    pub fn charged(&self) -> i64 {
        self.allocated + self.unseen
    }

    /// Adds pages without asking (`sk_memory_allocated_add`).
    pub fn add(&mut self, time: SimTime, pages: i64) {
        self.unseen += pages;
        if self.unseen >= self.reserve {
            self.pass_on();
        }
        self.note_peak(time);
    }

    /// Keeps the host as it is if more is charged than ever before.
    fn note_peak(&mut self, time: SimTime) {
        if self.charged() > self.peak {
            self.peak = self.charged();
            self.at_peak = self.snapshot(time);
        }
    }

    /// Up to `pages` more, had one after the other, if none of them can be refused or begin or end anything: there is no
    /// pressure, and all are below the first limit (`__sk_mem_raise_allocated`).
    pub(crate) fn plenty_of(&self, pages: i64) -> Option<PlentyOfPages> {
        let most = self.allocated.max(self.charged() + pages);
        (!self.under_pressure() && most <= self.low as i64).then_some(PlentyOfPages {
            allocated: self.allocated,
            unseen: self.unseen,
            reserve: self.reserve,
        })
    }

    /// Takes over what was had, the last of it at `time`. More and more was charged, so that this is the peak if any is.
    #[inline(always)]
    pub(crate) fn took_plenty(&mut self, time: SimTime, pages: &PlentyOfPages) {
        (self.allocated, self.unseen) = (pages.allocated, pages.unseen);
        self.note_peak(time);
    }

    /// The host as it is now.
    pub fn snapshot(&self, time: SimTime) -> HostSnapshot {
        HostSnapshot {
            time,
            census: self.census,
            alloc: self.sockets.exact(),
            mem: self.allocated,
            charged: self.charged(),
            pressure: self.under_pressure(),
        }
    }

    /// Takes pages off (`sk_memory_allocated_sub`).
    pub(super) fn subtract(&mut self, pages: i64) {
        self.unseen -= pages;
        if self.unseen <= -self.reserve {
            self.pass_on();
        }
    }

    fn pass_on(&mut self) {
        self.allocated += std::mem::take(&mut self.unseen);
    }
}
