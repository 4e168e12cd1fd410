//! The path between the two hosts: what travels, how long it takes, and what the receiving device makes of it.

mod bottleneck;
mod chance;
mod codel;
mod delays;
mod fq_codel;
mod link;
mod netem;
mod nic;
mod port;
mod ring;

pub use bottleneck::QueueStats;
pub use delays::Delays;
pub use link::{Link, LinkStats};
pub use netem::Direction;
pub use nic::Device;
pub use port::{Arrival, Port};
pub(crate) use ring::Arrived;
pub use ring::RingStats;

use crate::segment::{Flags, Segment, SynOptions};
use crate::sender::Emitted;
use crate::seq::Seq;

/// Ethernet header that a queueing discipline counts with each packet, bytes.
const LINK_HEADER: u32 = 14;
/// IPv4 header without options, bytes.
const IP_HEADER: u32 = 20;
/// Options of a SYN with MSS, SACK permitted, timestamps and window scale, bytes.
const SYN_OPTIONS: u32 = 20;

/// What a packet is beside its header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Payload {
    /// A SYN or SYN-ACK with its options.
    Handshake(SynOptions),
    /// A pure ACK.
    Ack,
    /// Data, or a window probe.
    Data(Emitted),
}

/// A packet on its way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Packet {
    /// Number of the connection that it belongs to.
    pub flow: u32,
    /// Where it goes.
    pub way: Direction,
    /// The TCP header.
    pub seg: Segment,
    /// The rest.
    pub payload: Payload,
}

impl Packet {
    /// Segments that the packet is cut into, at least 1.
    pub fn segments(&self) -> u32 {
        match self.payload {
            Payload::Data(e) if e.gso_size > 0 => self.seg.len.div_ceil(e.gso_size).max(1),
            _ => 1,
        }
    }

    /// The `n`th of its segments as a packet of its own, as a device cuts it before the wire; a packet of one segment
    /// stays as it is.
    pub(crate) fn cut(&self, n: u32) -> Self {
        let Payload::Data(e) = self.payload else { return *self };
        if self.segments() == 1 {
            return *self;
        }
        let seg = self.segment(n);
        Self { payload: Payload::Data(e.part((seg.seq - self.seg.seq) as u32, seg.len)), seg, ..*self }
    }

    /// Whether it is a segment that was cut from a larger packet.
    pub(crate) fn is_cut(&self) -> bool {
        matches!(self.payload, Payload::Data(e) if e.gso_size > 0 && self.seg.len <= e.gso_size)
    }

    /// The header of the `n`th segment: PSH and FIN are only on the last.
    pub(crate) fn segment(&self, n: u32) -> Segment {
        let Payload::Data(e) = self.payload else { return self.seg };
        if e.gso_size == 0 {
            return self.seg;
        }
        let from = n * e.gso_size;
        let len = e.gso_size.min(self.seg.len.saturating_sub(from));
        let mut seg = self.seg;
        seg.seq = seg.seq + from;
        seg.len = len;
        if from + len < self.seg.len {
            seg.flags = seg.flags.without(Flags::PSH).without(Flags::FIN);
        }
        seg
    }

    /// Becomes the `n`th segment of the packet whose sequence number, length and flags were `whole`, as software
    /// segmentation makes it: PSH and FIN only on the last. A packet of one segment stays as it is.
    pub fn become_segment(&mut self, (seq, len, flags): (Seq, u32, Flags), n: u32) {
        let Payload::Data(Emitted { gso_size: size @ 1.., .. }) = self.payload else { return };
        let from = n * size;
        let seg = &mut self.seg;
        seg.seq = seq + from;
        seg.len = size.min(len.saturating_sub(from));
        let is_last = from + seg.len >= len;
        seg.flags = if is_last { flags } else { flags.without(Flags::PSH).without(Flags::FIN) };
    }

    /// Bytes on the wire with all headers, each segment with its own (`qdisc_pkt_len`).
    pub fn wire_bytes(&self) -> u32 {
        let options = if matches!(self.payload, Payload::Handshake(_)) { SYN_OPTIONS } else { 0 };
        let headers = LINK_HEADER + IP_HEADER + self.seg.header_len() + options;
        self.seg.len + self.segments() * headers
    }
}
