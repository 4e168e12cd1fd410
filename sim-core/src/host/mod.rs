//! What the sockets of one host share: counters and the memory limits of `tcp_mem`.

use crate::counters::Counters;

/// Shared state of one host.
#[derive(Clone, Debug, Default)]
pub struct Host {
    /// Counters of the network namespace.
    pub counters: Counters,
    /// Page accounting.
    pub memory: TcpMem,
}

/// `net.ipv4.tcp_mem` and what is allocated against it, in pages of 4096 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TcpMem {
    /// Below this there is no pressure.
    pub low: u64,
    /// Above this pressure begins.
    pub pressure: u64,
    /// Above this nothing is granted.
    pub high: u64,
    /// Pages granted to sockets.
    pub allocated: i64,
    /// Whether the host is under pressure.
    pub under_pressure: bool,
    /// Sockets that hold memory.
    pub sockets: u64,
}

impl Default for TcpMem {
    /// What a kernel computes on a machine with about 16 GiB: pressure never happens by accident.
    fn default() -> Self {
        Self {
            low: 188_888,
            pressure: 251_851,
            high: 377_776,
            allocated: 0,
            under_pressure: false,
            sockets: 1,
        }
    }
}

impl TcpMem {
    /// Pages come back from a socket (`__sk_mem_reduce_allocated`); below `low` pressure ends.
    pub fn release(&mut self, pages: i64) {
        self.allocated -= pages;
        if self.under_pressure && self.allocated < self.low as i64 {
            self.under_pressure = false;
        }
    }
}

impl Host {
    /// Whether a socket gets `pages` more for receiving (`__sk_mem_raise_allocated`). `below_minimum`: the
    /// socket has less than `tcp_rmem[0]`; `held`: bytes that it holds, the new pages included. On refusal
    /// nothing is allocated.
    pub fn admit_receive(&mut self, pages: i64, below_minimum: bool, held: i64) -> bool {
        let m = &mut self.memory;
        m.allocated += pages;
        if m.allocated <= m.low as i64 {
            m.under_pressure = false;
            return true;
        }
        if m.allocated > m.pressure as i64 && !m.under_pressure {
            m.under_pressure = true;
            self.counters.memory_pressures += 1;
        }
        if m.allocated <= m.high as i64 {
            if below_minimum || !m.under_pressure {
                return true;
            }
            // Under pressure a socket may have its fair share.
            let held_pages = (held.max(0) as u64).div_ceil(4096);
            if m.high > m.sockets * held_pages {
                return true;
            }
        }
        m.allocated -= pages;
        false
    }
}
