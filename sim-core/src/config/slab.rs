//! Memory for packets: what the caches of a host that skbs come from cost when they are empty.

use crate::time::SimDuration;

/// One cache of objects of equal size.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct CacheConfig {
    /// Objects in one allocation of pages (`objs_per_slab`); 0: memory costs nothing.
    pub per_slab: u32,
    /// Getting and clearing these pages (`init_on_alloc`).
    pub cost: SimDuration,
    /// Objects that nobody uses when the run begins: what others have left.
    pub at_hand: u32,
}

/// The caches that packets come from. An object that was freed serves the next who asks for one; only when all are in use
/// are there new pages, and these take time.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct SlabConfig {
    /// Heads of small skbs: headers and `skb_shared_info` (`skbuff_small_head`, before 6.3 `kmalloc-1k`).
    pub heads: CacheConfig,
    /// The skbs that sockets send, each with room for the copy that goes to the device (`skbuff_fclone_cache`).
    pub clones: CacheConfig,
    /// All other skbs (`skbuff_head_cache`).
    pub records: CacheConfig,
    /// Objects that a processor gets at once when it has none (a sheaf, 6.18 and later); 0: those of one slab.
    pub sheaf: u32,
}

impl SlabConfig {
    /// Memory costs nothing.
    pub const NONE: Self =
        Self { heads: CacheConfig::NONE, clones: CacheConfig::NONE, records: CacheConfig::NONE, sheaf: 0 };
}

impl CacheConfig {
    /// Objects cost nothing.
    pub const NONE: Self = Self { per_slab: 0, cost: SimDuration::ZERO, at_hand: 0 };
}
