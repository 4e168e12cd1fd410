//! What sending costs the processor, in terms of [`HostConfig::packet_cost`].
//!
//! The ratios are those of the recorded machine (24.6 us per received segment): a packet of a burst follows the
//! one before after one packet cost, a single packet in the middle of a `send` takes another one and a half
//! (timers, the way back to the program), and copying 32 KiB from the program about as long. With a packet cost of zero nothing costs
//! anything.
//!
//! [`HostConfig::packet_cost`]: crate::config::HostConfig::packet_cost

use crate::time::SimDuration;

/// Costs of the sending half.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Costs {
    packet: SimDuration,
}

impl Costs {
    /// Costs in proportion to `packet`.
    pub(super) fn new(packet: SimDuration) -> Self {
        Self { packet }
    }

    /// One packet handed to the device.
    pub(super) fn packet(&self) -> SimDuration {
        self.packet
    }

    /// A packet sent by itself in the middle of a `send`, beside the packet.
    pub(super) fn single(&self) -> SimDuration {
        SimDuration::from_nanos(self.packet.as_nanos() * 3 / 2)
    }

    /// Copying `bytes` from the program.
    pub(super) fn copy(&self, bytes: u32) -> SimDuration {
        SimDuration::from_nanos(self.packet.as_nanos() * u64::from(bytes) * 3 / (2 * 32_768))
    }
}
