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
        Self { low: 188_888, pressure: 251_851, high: 377_776, allocated: 0, under_pressure: false, sockets: 1 }
    }
}
