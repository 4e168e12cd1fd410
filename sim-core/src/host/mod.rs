//! What the sockets of one host share: counters, the memory limits of `tcp_mem`, and the number of sockets.

mod memory;
mod sizing;
mod sockets;

pub use memory::{Held, MEM_PCPU_RESERVE, TcpMem};
pub use sizing::{MemoryDefaults, free_buffer_pages};
pub use sockets::SocketCount;

use crate::config::HostConfig;
use crate::counters::Counters;
use crate::linux::KernelProfile;
use crate::time::Now;

/// Shared state of one host.
#[derive(Clone, Debug, Default)]
pub struct Host {
    /// Counters of the network namespace.
    pub counters: Counters,
    /// Page accounting.
    pub memory: TcpMem,
    /// Packets that the queueing discipline of the device still takes while a socket acts; `None`: as many as there are.
    pub qdisc_room: Option<u32>,
}

impl Host {
    /// A host without sockets.
    pub fn new(kernel: &KernelProfile, config: &HostConfig) -> Self {
        Self { memory: TcpMem::new(config.tcp_mem, kernel.mem_pcpu_reserve()), ..Self::default() }
    }

    /// Whether a socket gets `pages` more (`__sk_mem_raise_allocated`). On refusal nothing is allocated.
    ///
    /// Above `high` nobody gets any; below, everybody does unless the host is under pressure. Under pressure a socket
    /// gets what it needs up to its guaranteed minimum, and beyond as long as it stays below its fair share.
    pub fn admit(&mut self, now: Now, pages: i64, held: Held) -> bool {
        let m = &mut self.memory;
        m.add(pages);
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
