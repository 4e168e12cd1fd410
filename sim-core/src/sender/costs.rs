//! What sending costs the processor, in terms of [`HostConfig::packet_cost`].
//!
//! The ratios are those of the recorded machine (24.6 us per received segment): a packet of a burst follows the
//! one before after one packet cost, a single packet in the middle of a `send` takes another one and a half
//! (timers, the way back to the program), and copying 32 KiB from the program about as long. With a packet cost of zero nothing costs
//! anything.
//!
//! [`HostConfig::packet_cost`]: crate::config::HostConfig::packet_cost

use crate::config::{HostConfig, part_of};
use crate::time::SimDuration;

/// Costs of the sending half.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Costs {
    send: SimDuration,
    single: SimDuration,
    /// Of 32 KiB.
    copy: SimDuration,
    skb: SimDuration,
    push: SimDuration,
    fragment: SimDuration,
    early_fragment: SimDuration,
}

impl Costs {
    /// What sending costs on `host`.
    pub(super) fn new(host: &HostConfig) -> Self {
        let packet = host.packet_cost;
        Self {
            send: part_of(packet, host.steps.send),
            single: part_of(packet, host.steps.single),
            copy: part_of(packet, host.steps.copy),
            skb: part_of(packet, host.steps.skb),
            push: part_of(packet, host.steps.push),
            fragment: host.calls.fragment,
            early_fragment: host.calls.early_fragment,
        }
    }

    /// A host whose packets cost `packet` ns, and a page fragment `fragment` or, early, `early_fragment` ns.
    #[cfg(test)]
    pub(super) fn of(packet: u64, fragment: u64, early_fragment: u64) -> Self {
        let packet = SimDuration::from_nanos(packet);
        let [fragment, early_fragment] = [fragment, early_fragment].map(SimDuration::from_nanos);
        let copy = part_of(packet, 1_500_000);
        let [skb, push] = [25, 10].map(|parts| SimDuration::from_nanos(packet.as_nanos() / parts));
        Self { send: packet, single: packet, copy, skb, push, fragment, early_fragment }
    }

    /// One packet handed to the device.
    pub(super) fn sending(&self) -> SimDuration {
        self.send
    }

    /// A packet sent by itself in the middle of a `send`, beside the packet.
    pub(super) fn single(&self) -> SimDuration {
        self.single
    }

    /// Page fragments that the allocator has at hand when a socket begins to write.
    pub(super) const FRAGMENTS_AT_HAND: u64 = 3;

    /// Getting a page fragment of 32 KiB after `begun` others.
    pub(super) fn fragment(&self, begun: u64) -> SimDuration {
        match begun {
            1 | 2 => self.early_fragment,
            ..Self::FRAGMENTS_AT_HAND => SimDuration::ZERO,
            _ => self.fragment,
        }
    }

    /// Copying `bytes` from the program.
    pub(super) fn copy(&self, bytes: u32) -> SimDuration {
        SimDuration::from_nanos(self.copy.as_nanos() * u64::from(bytes) / 32_768)
    }

    /// Beginning an skb.
    pub(super) fn skb(&self) -> SimDuration {
        self.skb
    }

    /// Trying to send what is written, and sending nothing.
    pub(super) fn push(&self) -> SimDuration {
        self.push
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writing_eight_mebibytes_takes_as_long_as_recorded() {
        let costs = Costs::of(24_800, 32_240, 0);
        let fragments = (8 << 20) / 32_768;
        let ns = fragments * (costs.copy(32_768).as_nanos() + costs.fragment(10).as_nanos());
        // 17.3 to 18.3 ms on five kernels.
        assert!((17_200_000..18_400_000).contains(&ns), "{ns}");
    }
}
