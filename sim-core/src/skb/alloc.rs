//! How much memory an allocation really takes (`mm/slab`, `__alloc_skb`, `napi_alloc_skb`).

use super::{CACHE_LINE, SHARED_INFO, SK_BUFF};

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

/// `__alloc_skb(n)`: a kmalloc head for `n` requested bytes. `small_head` is the size of the dedicated cache
/// for small heads (6.3 and later), if the kernel has one.
pub fn kmalloc_head(n: u32, small_head: Option<u32>) -> Head {
    let data = align(n) + SHARED_INFO;
    let alloc = match small_head {
        Some(small) if data <= small => small,
        _ => kmalloc_size(data),
    };
    Head { size: alloc - SHARED_INFO, truesize: alloc + SK_BUFF }
}

/// `build_skb` around `size` bytes of page memory.
pub fn built_around(size: u32) -> Head {
    Head { size: size - SHARED_INFO, truesize: size + SK_BUFF }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_have_the_recorded_sizes() {
        // MAX_TCP_HEADER 256: 576 -> kmalloc-1024 before 6.3, the 640-byte cache in 6.12.107 and later.
        assert_eq!(kmalloc_head(256, None), Head { size: 704, truesize: 1280 });
        assert_eq!(kmalloc_head(256, Some(640)), Head { size: 320, truesize: 896 });
        // What collapse allocates: SKB_MAX_ORDER(0, 0).
        assert_eq!(kmalloc_head(3776, None).truesize, 4352);
        assert_eq!(kmalloc_head(3776, Some(640)).truesize, 4352);
        // TUN, 1460 bytes: headroom 64 + headers 40.
        assert_eq!(kmalloc_head(64 + 40 + 1460, None), Head { size: 1728, truesize: 2304 });
    }
}
