//! How much memory an allocation really takes (`mm/slab`, `__alloc_skb`, `napi_alloc_skb`).

use super::{CACHE_LINE, SkbLayout};

/// `kmalloc` caches up to two pages.
const KMALLOC: [u32; 13] = [8, 16, 32, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096, 8192];

/// `SKB_DATA_ALIGN`: `n` rounded up to whole cache lines.
pub const fn align(n: u32) -> u32 {
    n.div_ceil(CACHE_LINE) * CACHE_LINE
}

/// Bytes that `kmalloc(n)` really takes: the next cache, or a power of two of pages.
pub fn kmalloc_size(n: u32) -> u32 {
    KMALLOC.iter().copied().find(|&b| n <= b).unwrap_or_else(|| n.next_power_of_two())
}

/// A head: usable bytes, and the truesize of an skb that has nothing else.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Head {
    /// Usable bytes (`skb_end_offset`).
    pub size: u32,
    /// `truesize` of an skb with this head alone.
    pub truesize: u32,
}

/// [`SkbLayout::kmalloc_head`] on the recorded machines.
pub fn kmalloc_head(n: u32, small_head: Option<u32>) -> Head {
    SkbLayout::default().kmalloc_head(n, small_head)
}

/// [`SkbLayout::built_around`] on the recorded machines.
pub fn built_around(size: u32) -> Head {
    SkbLayout::default().built_around(size)
}
