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
    fragment: SimDuration,
}

impl Costs {
    /// Costs in proportion to `packet`; a page fragment takes `fragment`.
    pub(super) fn new(packet: SimDuration, fragment: SimDuration) -> Self {
        Self { packet, fragment }
    }

    /// One packet handed to the device.
    pub(super) fn packet(&self) -> SimDuration {
        self.packet
    }

    /// A packet sent by itself in the middle of a `send`, beside the packet.
    pub(super) fn single(&self) -> SimDuration {
        SimDuration::from_nanos(self.packet.as_nanos() * 3 / 2)
    }

    /// Page fragments that the allocator has at hand when a socket begins to write.
    pub(super) const FRAGMENTS_AT_HAND: u64 = 3;

    /// Getting a page fragment of 32 KiB.
    pub(super) fn fragment(&self) -> SimDuration {
        self.fragment
    }

    /// Copying `bytes` from the program.
    pub(super) fn copy(&self, bytes: u32) -> SimDuration {
        SimDuration::from_nanos(self.packet.as_nanos() * u64::from(bytes) * 3 / (2 * 32_768))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writing_eight_mebibytes_takes_as_long_as_recorded() {
        let costs = Costs::new(SimDuration::from_nanos(24_800), SimDuration::from_nanos(32_240));
        let fragments = (8 << 20) / 32_768;
        let ns = fragments * (costs.copy(32_768).as_nanos() + costs.fragment().as_nanos());
        // 17.3 to 18.3 ms on five kernels.
        assert!((17_200_000..18_400_000).contains(&ns), "{ns}");
    }
}
