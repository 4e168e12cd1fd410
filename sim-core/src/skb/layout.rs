//! The sizes that an skb's own structures take, which depend on the machine and the kernel's configuration.

use super::alloc::{Head, kmalloc_size};

/// `sizeof(struct sk_buff)`: 224 on 5.10, 232 later; the same after alignment.
const SK_BUFF_BYTES: u32 = 232;
/// `sizeof(struct skb_shared_info)` without its fragments.
const SHARED_INFO_BYTES: u32 = 48;
/// `sizeof(skb_frag_t)`.
const FRAG_BYTES: u32 = 16;
/// `PAGE_SIZE`.
const PAGE: u32 = 4_096;
/// `skb_shared_info` of the recorded configuration, which the sizes of a profile contain.
const RECORDED_SHARED_INFO: u32 = 320;

/// How large `sk_buff` and `skb_shared_info` are once aligned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SkbLayout {
    cache_line: u32,
    max_frags: u16,
    /// Computed once: these are asked for with every packet.
    sk_buff: u32,
    shared_info: u32,
}

impl Default for SkbLayout {
    /// x86-64 with the default of 17 fragments, as recorded.
    fn default() -> Self {
        Self::of(64, 17)
    }
}

impl SkbLayout {
    /// A layout for cache lines of `cache_line` bytes (`SMP_CACHE_BYTES`: 64, 128 or 256) and `max_frags` fragments
    /// (`CONFIG_MAX_SKB_FRAGS`: 17 to 45). `None` if the kernel could not be built so.
    pub fn new(cache_line: u32, max_frags: u16) -> Option<Self> {
        let possible = [32, 64, 128, 256].contains(&cache_line) && (17..=45).contains(&max_frags);
        possible.then(|| Self::of(cache_line, max_frags))
    }

    const fn of(cache_line: u32, max_frags: u16) -> Self {
        let mut layout = Self { cache_line, max_frags, sk_buff: 0, shared_info: 0 };
        layout.sk_buff = layout.align(SK_BUFF_BYTES);
        layout.shared_info = layout.align(SHARED_INFO_BYTES + FRAG_BYTES * max_frags as u32);
        layout
    }

    /// Bytes of a cache line.
    pub const fn cache_line(self) -> u32 {
        self.cache_line
    }

    /// `MAX_SKB_FRAGS`.
    pub const fn max_frags(self) -> u16 {
        self.max_frags
    }

    /// `SKB_DATA_ALIGN`: `n` rounded up to whole cache lines.
    pub const fn align(self, n: u32) -> u32 {
        n.div_ceil(self.cache_line) * self.cache_line
    }

    /// `SKB_DATA_ALIGN(sizeof(struct sk_buff))`, bytes.
    pub const fn sk_buff(self) -> u32 {
        self.sk_buff
    }

    /// `SKB_DATA_ALIGN(sizeof(struct skb_shared_info))`, bytes.
    pub const fn shared_info(self) -> u32 {
        self.shared_info
    }

    /// `SKB_TRUESIZE(h)`: the cost of an skb whose head has `h` usable bytes and no fragment.
    pub const fn truesize(self, h: u32) -> u32 {
        h + self.sk_buff() + self.shared_info()
    }

    /// `SKB_MAX_ORDER(0, 0)`: what fits into a page beside `skb_shared_info`, the payload of a collapsed skb.
    pub const fn page_payload(self) -> u32 {
        PAGE - self.shared_info()
    }

    /// `__alloc_skb(n)`: a kmalloc head for `n` requested bytes. `small_head` is the size of the dedicated cache for small
    /// heads as recorded (6.3 and later), if the kernel has one; it grows with `skb_shared_info`.
    pub fn kmalloc_head(self, n: u32, small_head: Option<u32>) -> Head {
        let data = self.align(n) + self.shared_info();
        let small = small_head.map(|s| self.align(s - RECORDED_SHARED_INFO) + self.shared_info());
        let alloc = match small {
            Some(small) if data <= small => small,
            _ => kmalloc_size(data),
        };
        self.head_of(alloc)
    }

    /// `build_skb` around `size` bytes of page memory.
    pub const fn built_around(self, size: u32) -> Head {
        self.head_of(size)
    }

    const fn head_of(self, alloc: u32) -> Head {
        Head { size: alloc - self.shared_info(), truesize: alloc + self.sk_buff() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recorded_configuration_costs_576_bytes_before_the_first_byte() {
        let l = SkbLayout::default();
        assert_eq!((l.sk_buff(), l.shared_info(), l.truesize(0), l.page_payload()), (256, 320, 576, 3_776));
    }

    #[test]
    fn longer_lines_and_more_fragments_cost_more() {
        let arm = SkbLayout::new(128, 17).unwrap();
        assert_eq!((arm.sk_buff(), arm.shared_info(), arm.truesize(0)), (256, 384, 640));
        let many = SkbLayout::new(64, 45).unwrap();
        assert_eq!((many.shared_info(), many.truesize(0)), (768, 1_024));
        assert_eq!(SkbLayout::new(48, 17), None);
        assert_eq!(SkbLayout::new(64, 46), None);
    }

    #[test]
    fn heads_have_the_recorded_sizes() {
        let l = SkbLayout::default();
        // MAX_TCP_HEADER 256: 576 -> kmalloc-1024 before 6.3, the 640-byte cache in 6.12.107 and later.
        assert_eq!(l.kmalloc_head(256, None), Head { size: 704, truesize: 1_280 });
        assert_eq!(l.kmalloc_head(256, Some(640)), Head { size: 320, truesize: 896 });
        // What collapse allocates.
        assert_eq!(l.kmalloc_head(3_776, None).truesize, 4_352);
        assert_eq!(l.kmalloc_head(3_776, Some(640)).truesize, 4_352);
        // TUN, 1460 bytes: headroom 64 + headers 40.
        assert_eq!(l.kmalloc_head(64 + 40 + 1_460, None), Head { size: 1_728, truesize: 2_304 });
    }
}
