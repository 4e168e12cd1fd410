//! How many sockets a host has, in which condition: what `/proc/net/sockstat` counts.

use crate::time::SimTime;

/// The sockets of a host.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Census {
    /// Sockets that a program holds, listeners included (`sockets: used`).
    pub used: u64,
    /// Those that can be found for a segment, listeners and orphans included (`inuse`).
    pub inuse: u64,
    /// Connections that no program holds any more (`orphan`).
    pub orphan: u64,
    /// Connections of which only a record is left, in TIME-WAIT or FIN-WAIT-2 (`tw`).
    pub time_wait: u64,
    /// Connections in ESTABLISHED or CLOSE-WAIT (`TcpCurrEstab`).
    pub established: u64,
}

/// A host at one moment, as `/proc/net/sockstat` and `/proc/net/protocols` show it.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct HostSnapshot {
    /// When.
    pub time: SimTime,
    /// Its sockets.
    pub census: Census,
    /// Sockets that exist (`alloc`).
    pub alloc: u64,
    /// Pages allocated as the kernel sees them (`mem`).
    pub mem: i64,
    /// Pages charged in truth, those that a processor holds back included.
    pub charged: i64,
    /// Whether it is under pressure (`press`).
    pub pressure: bool,
}
