//! How much memory an allocation really takes (`mm/slab`, `__alloc_skb`, `napi_alloc_skb`).

/// The smaller `kmalloc` caches.
const KMALLOC: [u32; 7] = [8, 16, 32, 64, 96, 128, 192];

/// Bytes that `kmalloc(n)` really takes: the next cache, or a power of two of pages.
pub fn kmalloc_size(n: u32) -> u32 {
    // Above 192 bytes all are powers of two.
    if n > 192 {
        return n.next_power_of_two();
    }
    KMALLOC.iter().copied().find(|&b| n <= b).unwrap_or(n)
}

/// A head: usable bytes, and the truesize of an skb that has nothing else.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Head {
    /// Usable bytes (`skb_end_offset`).
    pub size: u32,
    /// `truesize` of an skb with this head alone.
    pub truesize: u32,
}
