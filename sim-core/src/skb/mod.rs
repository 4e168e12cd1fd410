//! Socket buffers: what a packet costs and when two of them become one.

pub mod alloc;
mod coalesce;
pub mod gro;
mod layout;
mod record;

pub use coalesce::{MergeRefusal, condense, try_coalesce};
pub use layout::SkbLayout;
pub use record::{Buffer, Share, Skb};

/// `SKB_DATA_ALIGN(sizeof(struct sk_buff))` (224 bytes on 5.10, 232 later) plus `SKB_DATA_ALIGN(sizeof(struct
/// skb_shared_info))` (320 with 17 fragments): what every skb costs before its first byte, `SKB_TRUESIZE(0)`.
pub const SKB_OVERHEAD: u32 = SK_BUFF + SHARED_INFO;

/// `SKB_DATA_ALIGN(sizeof(struct sk_buff))`.
pub const SK_BUFF: u32 = 256;

/// `SKB_DATA_ALIGN(sizeof(struct skb_shared_info))` with the default of 17 fragments.
pub const SHARED_INFO: u32 = 320;

/// `MAX_SKB_FRAGS` of the default configuration.
pub const MAX_SKB_FRAGS: u16 = 17;

/// The smallest cache line that the figures of this module are aligned to.
pub const CACHE_LINE: u32 = 64;

/// `SKB_TRUESIZE(h)`: the cost of an skb whose head has `h` usable bytes and no fragment.
pub const fn skb_truesize(h: u32) -> u32 {
    h + SKB_OVERHEAD
}
