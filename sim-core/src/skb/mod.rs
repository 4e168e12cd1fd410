//! Socket buffers: what a packet costs and when two of them become one.

pub mod alloc;
mod coalesce;
pub mod gro;
mod layout;
mod record;

pub use coalesce::{MergeRefusal, condense, try_coalesce};
pub(crate) use coalesce::{coalesce_many, coalesces};
pub use layout::SkbLayout;
pub use record::{Buffer, Share, Skb};
