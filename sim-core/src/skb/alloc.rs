//! How much memory an allocation really takes (`mm/slab`, `__alloc_skb`, `napi_alloc_skb`).

/// `kmalloc` caches up to two pages.
const KMALLOC: [u32; 13] = [8, 16, 32, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096, 8192];

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
