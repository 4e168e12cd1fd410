//! Random numbers: one stream per purpose, so that a draw added in one place shifts nothing elsewhere.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// What a random stream is for. The discriminant is the ChaCha stream number and must never change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u64)]
pub enum Purpose {
    /// Packet loss, forward direction.
    LossForward = 1,
    /// Packet loss, reverse direction.
    LossReverse = 2,
    /// Delay variation, forward direction.
    JitterForward = 3,
    /// Delay variation, reverse direction.
    JitterReverse = 4,
    /// Duplication, forward direction.
    DuplicateForward = 5,
    /// Duplication, reverse direction.
    DuplicateReverse = 6,
    /// Reordering, forward direction.
    ReorderForward = 7,
    /// Reordering, reverse direction.
    ReorderReverse = 8,
    /// The writing application.
    Writer = 9,
    /// The reading application.
    Reader = 10,
    /// Start times of flows.
    FlowStart = 11,
    /// How long a writer waits that the host has no memory for.
    MemoryWait = 12,
    /// Which flows share a queue of a forward bottleneck.
    FlowHashForward = 20,
    /// Which flows share a queue of a reverse bottleneck.
    FlowHashReverse = 21,
}

/// The stream of `purpose` for flow `flow` of a run with `seed`.
pub fn stream(seed: u64, purpose: Purpose, flow: u32) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream((u64::from(flow) << 8) | purpose as u64);
    rng
}
