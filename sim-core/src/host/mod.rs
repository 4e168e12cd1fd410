//! What the sockets of one host share: counters, the memory limits of `tcp_mem`, and the number of sockets.

mod census;
mod log;
mod memory;
mod orphans;
mod sizing;
mod sockets;

pub use census::{Census, HostSnapshot};
pub use log::{KernelLog, LogMessage};
pub(crate) use memory::PlentyOfPages;
pub use memory::{Held, MEM_PCPU_RESERVE, TcpMem};
pub use orphans::OrphanCache;
pub use sizing::{MemoryDefaults, free_buffer_pages};
pub use sockets::SocketCount;

use std::collections::VecDeque;

use crate::config::HostConfig;
use crate::counters::Counters;
use crate::linux::KernelProfile;
use crate::path::HostQueue;
use crate::time::{Now, SimDuration, SimTime};

/// Up to this much queued for sending a socket is not blamed for a lack of memory (`SOCK_MIN_SNDBUF`), bytes.
const MIN_SNDBUF: u32 = 4_608;

/// Shared state of one host.
#[derive(Clone, Debug, Default)]
pub struct Host {
    /// Counters of the network namespace.
    pub counters: Counters,
    /// Page accounting.
    pub memory: TcpMem,
    /// Packets that the queueing discipline of the device still takes while a socket acts; `None`: as many as there are.
    pub qdisc_room: Option<u32>,
    /// When packets leave that queue while a socket acts, if it is nearly full; as seen from a socket.
    pub(crate) qdisc_leaving: VecDeque<SimTime>,
    /// It has refused the last packet of data.
    pub(crate) qdisc_refused: bool,
    /// When the last packet came to that queue.
    qdisc_looked: SimTime,
    /// What holds packets back at the device while a socket acts, if something does.
    pub(crate) shaper: Option<HostQueue>,
    /// What was written to the kernel's log.
    pub log: KernelLog,
    orphans: OrphanCache,
    /// Bytes per second at which a collapse copies; 0: in no time.
    copy_rate: u64,
    /// Time that collapses have taken and that the engine has not yet accounted for.
    stall: SimDuration,
}

impl Host {
    /// A host without sockets.
    #[inline]
    pub fn new(kernel: &KernelProfile, config: &HostConfig) -> Self {
        Self {
            memory: TcpMem::new(config.tcp_mem, kernel.mem_pcpu_reserve()),
            copy_rate: config.copy_rate,
            ..Self::default()
        }
    }

    /// A packet leaves its socket for the device at `at`; returns whether the queueing discipline takes it. Who brings a packet takes
    /// what is due by then, which makes room for the next.
    pub(crate) fn enters_qdisc(&mut self, at: SimTime) -> bool {
        let Some(room) = &mut self.qdisc_room else { return true };
        while self.qdisc_leaving.front().is_some_and(|t| *t < self.qdisc_looked) {
            self.qdisc_leaving.pop_front();
            *room = room.saturating_add(1);
        }
        self.qdisc_looked = self.qdisc_looked.max(at);
        self.qdisc_refused = *room == 0;
        *room = room.saturating_sub(1);
        !self.qdisc_refused
    }

    /// A host without sockets that shares `memory`.
    pub fn with_memory(memory: TcpMem) -> Self {
        Self { memory, ..Self::default() }
    }

    /// The host as it is now.
    pub fn snapshot(&self, time: SimTime) -> HostSnapshot {
        self.memory.snapshot(time)
    }

    /// A program lets go of a connection (`inet_csk_prepare_for_destroy_sock` aside, `tcp_orphan_count` grows).
    pub fn orphan_appears(&mut self, now: Now) {
        let c = &mut self.memory.census;
        self.orphans.pass(now, c.orphan);
        c.orphan += 1;
        self.memory.orphan_peak = self.memory.orphan_peak.max(self.memory.census.orphan);
    }

    /// An orphan is gone.
    pub fn orphan_disappears(&mut self, now: Now) {
        let c = &mut self.memory.census;
        self.orphans.pass(now, c.orphan);
        c.orphan = c.orphan.saturating_sub(1);
    }

    /// A record of a connection is wanted (`inet_twsk_alloc`); false if there are `max` already.
    pub fn record_appears(&mut self, max: u32) -> bool {
        let m = &mut self.memory;
        if m.census.time_wait >= u64::from(max) {
            self.counters.time_wait_overflow += 1;
            return false;
        }
        m.census.time_wait += 1;
        m.time_wait_peak = m.time_wait_peak.max(m.census.time_wait);
        true
    }

    /// Whether an orphan must go because the host is short of something (`tcp_check_oom`): there are more than
    /// `max_orphans`, each counting for `2^shift`, or more pages than allowed while this one has data queued.
    pub fn short_of_resources(&mut self, now: Now, shift: u32, max_orphans: u32, queued: u32) -> bool {
        self.orphans.pass(now, self.memory.census.orphan);
        let orphans = self.orphans.too_many(shift, max_orphans);
        let memory = queued > MIN_SNDBUF && self.memory.allocated > self.memory.high as i64;
        if orphans {
            self.log.message(now, LogMessage::TooManyOrphans);
        }
        if memory {
            self.log.message(now, LogMessage::OutOfMemory);
        }
        orphans || memory
    }

    /// A collapse has copied `bytes`; returns how long that keeps the processor.
    pub fn copied(&mut self, bytes: u32) -> SimDuration {
        if self.copy_rate == 0 {
            return SimDuration::ZERO;
        }
        let ns = u128::from(bytes) * 1_000_000_000 / u128::from(self.copy_rate);
        let took = SimDuration::from_nanos(u64::try_from(ns).unwrap_or(u64::MAX));
        self.stall = SimDuration::from_nanos(self.stall.as_nanos().saturating_add(took.as_nanos()));
        took
    }

    /// Takes the time that collapses have taken since the last call.
    #[inline]
    pub fn take_stall(&mut self) -> SimDuration {
        std::mem::take(&mut self.stall)
    }

    /// Whether a socket gets `pages` more (`__sk_mem_raise_allocated`). On refusal nothing is allocated.
    ///
    /// Above `high` nobody gets any; below, everybody does unless the host is under pressure. Under pressure a socket
    /// gets what it needs up to its guaranteed minimum, and beyond as long as it stays below its fair share.
    pub fn admit(&mut self, now: Now, pages: i64, held: Held) -> bool {
        let m = &mut self.memory;
        m.add(now.time, pages);
        if m.allocated <= m.low as i64 {
            self.leave_pressure(now);
            return true;
        }
        if m.allocated > m.pressure as i64 {
            self.enter_pressure(now);
        }
        let m = &mut self.memory;
        if m.allocated <= m.high as i64
            && (held.below_minimum
                || m.pressure_since.is_none()
                || m.high > m.sockets.approximate() * held.pages())
        {
            return true;
        }
        m.refusals += 1;
        m.subtract(pages);
        false
    }

    /// Pages come back from a socket (`__sk_mem_reduce_allocated`); below `low` pressure ends.
    pub fn release(&mut self, now: Now, pages: i64) {
        self.memory.subtract(pages);
        if self.memory.allocated < self.memory.low as i64 {
            self.leave_pressure(now);
        }
    }

    /// Pressure begins, unless it is on already (`tcp_enter_memory_pressure`).
    pub fn enter_pressure(&mut self, now: Now) {
        if self.memory.pressure_since.is_none() {
            self.memory.pressure_since = Some(now.jiffies);
            self.counters.memory_pressures += 1;
        }
    }

    /// Pressure ends, if it is on; how long it lasted is counted in whole ticks (`tcp_leave_memory_pressure`).
    fn leave_pressure(&mut self, now: Now) {
        if let Some(since) = self.memory.pressure_since.take() {
            let ticks = u64::try_from(now.jiffies - since).unwrap_or(0);
            self.counters.memory_pressures_chrono += ticks * 1_000 / u64::from(now.hz.max(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{JiffyClock, SimDuration, SimTime};

    fn at(ms: u64) -> Now {
        JiffyClock::new(250, SimDuration::ZERO).now(SimTime::from_nanos(ms * 1_000_000))
    }

    fn host(limits: [u64; 3], sockets: u64, reserve: i64) -> Host {
        let mut host = Host { memory: TcpMem::new(limits, reserve), ..Host::default() };
        (0..sockets).for_each(|_| host.memory.sockets.created());
        host
    }

    const HUNGRY: Held = Held { bytes: 40 * 4_096, below_minimum: false };

    #[test]
    fn pressure_begins_above_the_second_limit_and_ends_at_the_first() {
        let mut h = host([10, 20, 40], 1, 0);
        assert!(h.admit(at(0), 20, HUNGRY));
        assert!(!h.memory.under_pressure());
        assert!(h.admit(at(4), 1, HUNGRY));
        assert!(h.memory.under_pressure());
        h.release(at(8), 11);
        assert!(h.memory.under_pressure(), "at the first limit, not below it");
        h.release(at(104), 1);
        assert!(!h.memory.under_pressure());
        assert_eq!((h.counters.memory_pressures, h.counters.memory_pressures_chrono), (1, 100));
    }

    #[test]
    fn under_pressure_a_socket_gets_its_fair_share_and_its_minimum() {
        let mut h = host([10, 20, 400], 16, 0);
        assert!(h.admit(at(0), 30, Held { bytes: 0, below_minimum: true }));
        // 400 pages for 16 sockets: 24 pages are less than a share of 25, 25 are not.
        assert!(h.admit(at(0), 1, Held { bytes: 24 * 4_096, below_minimum: false }));
        assert!(!h.admit(at(0), 1, Held { bytes: 25 * 4_096, below_minimum: false }));
        assert!(h.admit(at(0), 1, Held { bytes: 25 * 4_096, below_minimum: true }));
        assert_eq!(h.memory.allocated, 32);
    }

    #[test]
    fn above_the_high_mark_even_the_minimum_is_refused() {
        let mut h = host([10, 20, 40], 1, 0);
        assert!(!h.admit(at(0), 41, Held { bytes: 0, below_minimum: true }));
        assert_eq!((h.memory.allocated, h.memory.refusals), (0, 1));
        assert!(h.memory.under_pressure());
    }

    #[test]
    fn a_processors_reserve_hides_pages_until_it_overflows_and_keeps_what_a_refusal_gives_back() {
        let mut h = host([300, 500, 800], 1, 256);
        assert!(h.admit(at(0), 255, HUNGRY));
        assert_eq!(h.memory.allocated, 0);
        assert!(h.admit(at(0), 1, HUNGRY));
        assert_eq!(h.memory.allocated, 256);
        assert!(h.admit(at(0), 512, HUNGRY));
        assert_eq!((h.memory.allocated, h.memory.under_pressure()), (768, true));
        assert!(!h.admit(at(0), 256, HUNGRY));
        assert_eq!((h.memory.allocated, h.memory.charged()), (768, 768));
    }
}
