//! The path between the two hosts: what travels, how long it takes, and what the receiving device makes of it.

mod bottleneck;
mod chance;
mod codel;
mod delays;
mod fq;
mod fq_codel;
mod link;
mod netem;
mod nic;
mod packets;
mod port;
mod ring;
mod shaping;
mod slim;
mod tbf;

pub use bottleneck::QueueStats;
pub use delays::Delays;
pub use fq::FairView;
pub(crate) use link::LinkMemory;
pub use link::{Link, LinkStats};
pub use netem::Direction;
pub use nic::Device;
pub(crate) use packets::Place;
pub use port::{Arrival, Port};
pub(crate) use ring::Arrived;
pub use ring::RingStats;
pub use shaping::HostQueue;
pub use tbf::Bucket;
pub(crate) use tbf::Verdict;

use crate::segment::{Flags, Segment, SynOptions};
use crate::sender::Emitted;
use crate::seq::Seq;

/// Ethernet header that a queueing discipline counts with each packet, bytes.
const LINK_HEADER: u32 = 14;
/// IPv4 header without options, bytes.
const IP_HEADER: u32 = 20;
/// TCP header without options, bytes.
const TCP_HEADER: u32 = 20;

/// Options of a SYN or SYN-ACK, bytes: MSS, timestamps or else what SACK takes without them, window scale.
const fn syn_options(o: &SynOptions) -> u32 {
    let middle = match (o.ts.is_some(), o.sack) {
        (true, _) => 12,
        (false, true) => 4,
        (false, false) => 0,
    };
    4 + middle + if o.window_scale.is_some() { 4 } else { 0 }
}

/// What a packet is beside its header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Payload {
    /// A SYN or SYN-ACK with its options.
    Handshake(SynOptions),
    /// Nothing: a pure ACK, a reset.
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

/// A packet whose parts lie apart, until it is kept somewhere: only there they are copied, and once.
#[derive(Clone, Copy, Debug)]
pub struct PacketRef<'a> {
    /// Number of the connection that it belongs to.
    pub flow: u32,
    /// Where it goes.
    pub way: Direction,
    /// The TCP header.
    pub seg: &'a Segment,
    /// The rest.
    pub payload: &'a Payload,
}

impl PacketRef<'_> {
    #[inline]
    fn segments(&self) -> u32 {
        match self.payload {
            Payload::Data(e) if e.gso_size() > 0 && self.seg.len > e.gso_size() => {
                self.seg.len.div_ceil(e.gso_size())
            }
            _ => 1,
        }
    }

    fn wire_bytes(&self) -> u32 {
        match self.payload {
            Payload::Handshake(o) => LINK_HEADER + IP_HEADER + TCP_HEADER + syn_options(o),
            _ => Packet::data_bytes(self.seg, self.segments()),
        }
    }
}

impl<'a> From<&'a Packet> for PacketRef<'a> {
    #[inline]
    fn from(Packet { flow, way, seg, payload }: &'a Packet) -> Self {
        Self { flow: *flow, way: *way, seg, payload }
    }
}

impl From<PacketRef<'_>> for Packet {
    #[inline]
    fn from(PacketRef { flow, way, seg, payload }: PacketRef<'_>) -> Self {
        Self { flow, way, seg: *seg, payload: *payload }
    }
}

impl Packet {
    /// Segments that the packet is cut into, at least 1.
    #[inline]
    pub fn segments(&self) -> u32 {
        PacketRef::from(self).segments()
    }

    /// The `n`th of its segments as a packet of its own, as a device cuts it before the wire; a packet of one segment
    /// stays as it is.
    pub(crate) fn cut(&self, n: u32) -> Self {
        if self.segments() == 1 { *self } else { self.piece(n) }
    }

    /// The same of a packet that has several.
    pub(crate) fn piece(&self, n: u32) -> Self {
        let Payload::Data(e) = self.payload else { return *self };
        let seg = self.segment(n);
        Self { payload: Payload::Data(e.part((seg.seq - self.seg.seq) as u32, seg.len)), seg, ..*self }
    }

    /// Whether it is a segment that was cut from a larger packet.
    pub(crate) fn is_cut(&self) -> bool {
        matches!(self.payload, Payload::Data(e) if e.gso_size() > 0 && self.seg.len <= e.gso_size())
    }

    /// The header of the `n`th segment: PSH and FIN are only on the last.
    pub(crate) fn segment(&self, n: u32) -> Segment {
        let Payload::Data(e) = self.payload else { return self.seg };
        if e.gso_size() == 0 {
            return self.seg;
        }
        let from = n * e.gso_size();
        let len = e.gso_size().min(self.seg.len.saturating_sub(from));
        let mut seg = self.seg;
        seg.seq = seg.seq + from;
        seg.len = len;
        if from + len < self.seg.len {
            seg.flags = seg.flags.without(Flags::PSH).without(Flags::FIN);
        }
        if n > 0 {
            seg.flags = seg.flags.without(Flags::CWR);
        }
        seg
    }

    /// Becomes the `n`th segment of the packet whose sequence number, length and flags were `whole`, as software
    /// segmentation makes it: PSH and FIN only on the last. A packet of one segment stays as it is.
    pub fn become_segment(&mut self, (seq, len, flags): (Seq, u32, Flags), n: u32) {
        let Payload::Data(e) = &self.payload else { return };
        let size = e.gso_size();
        if size == 0 {
            return;
        }
        let from = n * size;
        let seg = &mut self.seg;
        seg.seq = seq + from;
        seg.len = size.min(len.saturating_sub(from));
        let is_last = from + seg.len >= len;
        seg.flags = if is_last { flags } else { flags.without(Flags::PSH).without(Flags::FIN) };
        if n > 0 {
            // Only the first tells of a reduced window (`SKB_GSO_TCP_ECN`).
            seg.flags = seg.flags.without(Flags::CWR);
        }
    }

    /// Bytes on the wire with all headers, each segment with its own (`qdisc_pkt_len`).
    pub fn wire_bytes(&self) -> u32 {
        PacketRef::from(self).wire_bytes()
    }

    /// The same of data that is cut into `segments`.
    pub(crate) fn data_bytes(seg: &Segment, segments: u32) -> u32 {
        seg.len + segments * (LINK_HEADER + IP_HEADER + seg.header_len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::Timestamps;

    /// Recorded at 40 kbit/s (`v13_spurious_timeouts`): a SYN with timestamps takes 14.8 ms, that is 74 bytes.
    #[test]
    fn a_syn_is_as_long_as_its_options() {
        let ts = Some(Timestamps { val: 1, ecr: 0 });
        let options = SynOptions { mss: 1_460, window_scale: Some(7), sack: true, ts, window: 64_240 };
        let syn = |o: SynOptions| {
            let seg = Segment { ts: o.ts, ..Segment::default() };
            Packet { flow: 0, way: Direction::Forward, seg, payload: Payload::Handshake(o) }.wire_bytes()
        };
        assert_eq!(syn(options), 74);
        assert_eq!(syn(SynOptions { ts: None, ..options }), 66);
        assert_eq!(syn(SynOptions { ts: None, sack: false, window_scale: None, ..options }), 58);
    }
}
