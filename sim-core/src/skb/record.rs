//! The record of one skb.

use crate::segment::{Flags, Segment};
use crate::seq::Seq;
use crate::time::SimTime;

/// Until when an skb shares its data with another one (`skb_cloned`), which forbids merging into it.
///
/// A local sender hands a clone of each skb of its retransmit queue to the device; the receiver's skb is
/// cloned until the sender has processed the ACK and freed its original.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Share {
    /// Not shared.
    #[default]
    None,
    /// Shared until the sender has freed everything below this sequence number.
    UntilAcked(Seq),
    /// Shared until this moment (known from a recording).
    UntilTime(SimTime),
}

/// The memory behind a packet: what a device hands up, before the socket looks at it.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Buffer {
    /// `skb->truesize`, bytes.
    pub truesize: u32,
    /// Usable bytes of the head (`skb_end_offset`), so that `SKB_TRUESIZE(head_size)` is the cost of the head.
    pub head_size: u32,
    /// Payload bytes in the head; the rest is in page fragments (`skb_headlen` once headers are pulled).
    pub linear: u32,
    /// Free bytes of the head behind what it holds (`skb->end - skb->tail`). Appending may use them only while the
    /// skb is linear ([`Skb::tailroom`]).
    pub tailroom: u32,
    /// Page fragments.
    pub nr_frags: u16,
    /// Whether the head is a page fragment (it can be stolen) rather than `kmalloc` memory.
    pub head_frag: bool,
    /// Whether GRO chained further skbs (`frag_list`), which forbids merging.
    pub frag_list: bool,
    /// Segment size of a multi-segment packet; 0 for a single segment (`gso_size`).
    pub gso_size: u32,
    /// Segments in the packet; 0 or 1 for a single one (`gso_segs`).
    pub gso_segs: u16,
    /// Whether the data is shared with the sender's copy.
    pub share: Share,
}

/// An skb in a receive queue, an out-of-order queue or a backlog. Headers are already pulled.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Skb {
    /// First sequence number.
    pub seq: Seq,
    /// One after the last; FIN counts.
    pub end_seq: Seq,
    /// Payload bytes (`skb->len`).
    pub len: u32,
    /// TCP flags; merging ORs them.
    pub flags: Flags,
    /// The memory.
    pub buf: Buffer,
}

impl Skb {
    /// A segment that has arrived in `buf`.
    #[inline(always)]
    pub fn of(seg: &Segment, buf: Buffer) -> Self {
        Self { seq: seg.seq, end_seq: seg.end_seq(), len: seg.len, flags: seg.flags, buf }
    }

    /// Payload bytes in page fragments (`skb->data_len`).
    pub fn data_len(&self) -> u32 {
        self.len - self.buf.linear
    }

    /// Bytes that can be appended to the head (`skb_tailroom`): none once there is data in fragments.
    pub fn tailroom(&self) -> u32 {
        if self.data_len() == 0 && self.buf.nr_frags == 0 { self.buf.tailroom } else { 0 }
    }

    /// Whether the segment carries FIN.
    pub fn has_fin(&self) -> bool {
        self.flags.has(Flags::FIN)
    }
}
