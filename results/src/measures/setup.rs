//! What a meter knows before a run begins.

use sim_core::config::RunConfig;
use sim_core::time::SimDuration;

/// The path and the size of the transfer.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Setup {
    /// Round-trip time of the empty path: the delays of both directions.
    pub rtt: SimDuration,
    /// Delay of the empty path towards the receiver.
    pub delay: SimDuration,
    /// Its rate towards the receiver, bits per second; `None` is unlimited.
    pub rate_bps: Option<u64>,
    /// Bytes that the sending application writes in all; `None` if it never ends, or is not known.
    pub transfer: Option<u64>,
}

impl Setup {
    /// The setup of a run with both ends simulated.
    pub fn of(config: &RunConfig) -> Self {
        let transfer = config.sender.write.total;
        Self { transfer, ..Self::of_path(config) }
    }

    /// The setup of a run whose sender is a script: only the path is known.
    pub fn of_path(config: &RunConfig) -> Self {
        let rtt = config.forward.delay.as_nanos() + config.reverse.delay.as_nanos();
        Self {
            rtt: SimDuration::from_nanos(rtt),
            delay: config.forward.delay,
            rate_bps: config.forward.rate_bps,
            transfer: None,
        }
    }

    /// Time that a packet itself takes at the path's rate, ns.
    pub(super) fn transmission_ns(&self, wire_bytes: u32) -> u64 {
        let Some(bps) = self.rate_bps.filter(|bps| *bps > 0) else { return 0 };
        u64::try_from(u128::from(wire_bytes) * 8_000_000_000 / u128::from(bps)).unwrap_or(u64::MAX)
    }
}
