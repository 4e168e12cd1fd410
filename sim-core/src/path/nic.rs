//! What the receiving device makes of a packet: how it is cut, and the memory of each piece.

use super::{Packet, Payload};
use crate::config::{NicConfig, NicModel, Offload};
use crate::linux::{KernelProfile, NapiHead};
use crate::segment::Segment;
use crate::sender::tso::GSO_MAX_SIZE;
use crate::skb::alloc::Head;
use crate::skb::{Buffer, Share, Skb, SkbLayout};

/// Headroom of received packets (`NET_SKB_PAD`), bytes.
const HEADROOM: u32 = 64;
/// Headroom for XDP (`XDP_PACKET_HEADROOM`), bytes.
const XDP_HEADROOM: u32 = 256;
const PAGE: u32 = 4_096;
/// Ethernet and IPv4 header, bytes.
const ETHERNET: u32 = 14;
const IPV4: u32 = 20;
/// Bytes that a driver copies into the head at most.
const HEADER_COPY: u32 = 256;
/// Header of a virtio buffer (`virtio_net_hdr_mrg_rxbuf`), and what such a buffer holds (`GOOD_PACKET_LEN`), bytes.
const VIRTIO_HEADER: u32 = 12;
const VIRTIO_PACKET: u32 = 1_518;
/// Small heads that 6.1 to 6.13 take from a page, bytes.
const NAPI_HEAD: u32 = 1_024;
/// `truesize` of a pure ACK of a local sender (`skb_set_tcp_pure_ack`).
const PURE_ACK: u32 = 2;

/// A receiving device in its machine.
#[derive(Clone, Copy, Debug)]
pub struct Device {
    nic: NicConfig,
    kernel: &'static KernelProfile,
    layout: SkbLayout,
    /// An skb without payload that a local sender makes.
    local: Buffer,
}

impl Device {
    /// `nic` under `kernel`, on a machine whose skb structures have the sizes of `layout`.
    pub fn new(nic: NicConfig, kernel: &'static KernelProfile, layout: SkbLayout) -> Self {
        let head = kernel.sender_head(layout);
        // All room for headers is in front; what is left behind takes the payload of an skb that is condensed.
        let tailroom = head.size.saturating_sub(kernel.max_tcp_header);
        Self { nic, kernel, layout, local: Buffer { tailroom, ..empty(head) } }
    }

    /// Whether the device polls and may join frames (`napi_gro_receive`): loopback, veth, TUN and TAP hand up each
    /// packet as it is.
    pub const fn has_gro(&self) -> bool {
        !matches!(self.nic.model, NicModel::Loopback | NicModel::Tun | NicModel::Tap)
    }

    /// In how many pieces the device gets `packet`. `offload` is the sending device's.
    pub fn pieces(&self, packet: &Packet, offload: Offload) -> u32 {
        let segments = packet.segments();
        if segments == 1 || self.nic.model != NicModel::Loopback || !(offload.tso || offload.gso) {
            return segments;
        }
        let frame = ETHERNET + IPV4 + packet.seg.header_len() + packet.seg.len;
        if frame < GSO_MAX_SIZE { 1 } else { segments }
    }

    /// The `n`th of `of` pieces of a packet, with its memory.
    pub fn piece(&self, packet: &Packet, n: u32, of: u32) -> (Segment, Buffer) {
        let seg = if of == 1 { packet.seg } else { packet.segment(n) };
        (seg, self.buffer(packet, &seg, of == 1))
    }

    /// The skb of one received segment of `packet`. `own` says that it is the sender's own, not a piece of it.
    #[inline(always)]
    pub fn skb(&self, packet: &Packet, seg: &Segment, own: bool) -> Skb {
        // Begun as a copy of what lies there, and written where it stays.
        let mut skb = Skb::of(seg, self.local);
        if self.nic.model == NicModel::Loopback {
            self.lay(packet, seg, own && !packet.is_cut(), &mut skb.buf);
        } else {
            skb.buf = self.buffer(packet, seg, own);
        }
        skb
    }

    /// The memory of one received segment of `packet`, as in [`Device::skb`].
    pub fn buffer(&self, packet: &Packet, seg: &Segment, own: bool) -> Buffer {
        let NicConfig { model, xdp, outer_headers, ring: _ } = self.nic;
        let packet_len = IPV4 + seg.header_len() + seg.len;
        let frame = ETHERNET + outer_headers + packet_len;
        let headroom = if xdp { XDP_HEADROOM } else { HEADROOM };
        match model {
            NicModel::Loopback => self.local(packet, seg, own && !packet.is_cut()),
            NicModel::Tun => self.tun(seg, packet_len),
            NicModel::Tap => {
                let size = self.layout.align(frame + HEADROOM) + self.layout.shared_info();
                let xdp = self.layout.align(frame + HEADROOM + XDP_HEADROOM) + self.layout.shared_info();
                if xdp <= PAGE { self.built(size, seg, HEADROOM, frame) } else { self.tun(seg, frame) }
            }
            // XDP wants a page of its own for each frame.
            NicModel::HalfPage if !xdp => self.built(PAGE / 2, seg, headroom, frame),
            NicModel::HalfPage | NicModel::Page => self.built(PAGE, seg, headroom, frame),
            NicModel::HeaderCopyHalfPage if !xdp => self.header_copied(PAGE / 2, seg, frame),
            NicModel::HeaderCopyHalfPage | NicModel::HeaderCopyPage => self.header_copied(PAGE, seg, frame),
            NicModel::Page16k => self.header_copied(4 * PAGE, seg, frame),
            NicModel::Virtio => {
                let room = VIRTIO_HEADER + HEADROOM + if xdp { XDP_HEADROOM } else { 0 };
                let size = self.layout.align(room + VIRTIO_PACKET) + self.layout.shared_info();
                self.built(size, seg, room, frame)
            }
            NicModel::Explicit { head, head_frag, fragment } => {
                let head = Head { size: head, truesize: self.layout.truesize(head) };
                if fragment == 0 {
                    in_head(head, seg, headroom + frame, head_frag)
                } else {
                    in_fragments(Buffer { head_frag, ..empty(head) }, seg, fragment)
                }
            }
        }
    }

    /// The sender's own skb on loopback or veth: a head for headers, payload in page fragments.
    fn local(&self, packet: &Packet, seg: &Segment, own: bool) -> Buffer {
        let mut buffer = self.local;
        self.lay(packet, seg, own, &mut buffer);
        buffer
    }

    /// The same in `buffer`, a copy of [`Device::local`](Self::local)'s pattern.
    #[inline(always)]
    fn lay(&self, packet: &Packet, seg: &Segment, own: bool, buffer: &mut Buffer) {
        match &packet.payload {
            Payload::Handshake(_) => {}
            Payload::Ack => buffer.truesize = PURE_ACK,
            Payload::Data(e) if seg.len == 0 => buffer.share = Share::UntilAcked(e.skb_end()),
            Payload::Data(e) => {
                buffer.truesize += seg.len;
                buffer.nr_frags = e.frags((seg.seq - e.seq) as u32, seg.len);
                // A piece has a head of its own; the whole is a clone of what waits for its ACK.
                if own {
                    buffer.share = Share::UntilAcked(e.skb_end());
                    buffer.gso_size = e.gso_size();
                    buffer.gso_segs = if e.gso_size() > 0 { packet.segments() as u16 } else { 0 };
                }
            }
        }
    }

    /// One kmalloc head for headers and payload; above a page the rest is in whole pages (6.3 and later, or always
    /// one head before). `frame` is all that the device hands up.
    fn tun(&self, seg: &Segment, frame: u32) -> Buffer {
        let small = self.kernel.small_head;
        let shared_info = self.layout.shared_info();
        if small.is_none() || HEADROOM + frame + shared_info <= PAGE {
            return in_head(self.layout.kmalloc_head(HEADROOM + frame, small), seg, HEADROOM + frame, false);
        }
        let linear = PAGE - shared_info - HEADROOM;
        let pages = (frame - linear).div_ceil(PAGE);
        let head = self.layout.kmalloc_head(PAGE - shared_info, small);
        Buffer {
            truesize: head.truesize + pages * PAGE,
            head_size: head.size,
            linear: (linear - (frame - seg.len)).min(seg.len),
            tailroom: 0,
            // Chunks of up to eight pages.
            nr_frags: pages.div_ceil(8) as u16,
            head_frag: false,
            ..Buffer::default()
        }
    }

    /// `build_skb` around buffers of `size` bytes; a frame that one does not hold goes on in further ones.
    fn built(&self, size: u32, seg: &Segment, headroom: u32, frame: u32) -> Buffer {
        let head = self.layout.built_around(size);
        let room = head.size.saturating_sub(headroom);
        if frame <= room {
            return in_head(head, seg, headroom + frame, true);
        }
        let further = (frame - room).div_ceil(size);
        Buffer {
            truesize: head.truesize + further * size,
            head_size: head.size,
            linear: seg.len.saturating_sub(frame - room),
            nr_frags: further as u16,
            head_frag: true,
            ..Buffer::default()
        }
    }

    /// Headers in a copied head, payload in fragments of `size` bytes; a small frame is copied whole.
    fn header_copied(&self, size: u32, seg: &Segment, frame: u32) -> Buffer {
        let (head, head_frag) = self.napi_head(HEADER_COPY);
        if frame <= HEADER_COPY {
            return in_head(head, seg, HEADROOM + frame, head_frag);
        }
        let tailroom = head.size.saturating_sub(HEADROOM + frame - seg.len);
        in_fragments(Buffer { head_frag, tailroom, ..empty(head) }, seg, size)
    }

    /// `napi_alloc_skb(n)`, and whether it is a page fragment.
    fn napi_head(&self, n: u32) -> (Head, bool) {
        let total = n + HEADROOM;
        let layout = self.layout;
        let size = layout.align(total) + layout.shared_info();
        match self.kernel.napi_head {
            NapiHead::Kmalloc if size <= NAPI_HEAD => (layout.kmalloc_head(total, None), false),
            NapiHead::PageFragment if size <= NAPI_HEAD => (layout.built_around(NAPI_HEAD), true),
            NapiHead::SmallCache if self.kernel.sender_head(layout).size >= layout.align(total) => {
                (layout.kmalloc_head(total, self.kernel.small_head), false)
            }
            _ => (layout.built_around(size), true),
        }
    }
}

/// An skb with nothing but its head.
fn empty(head: Head) -> Buffer {
    Buffer { truesize: head.truesize, head_size: head.size, ..Buffer::default() }
}

/// Payload in the head, of which `used` bytes are taken.
fn in_head(head: Head, seg: &Segment, used: u32, head_frag: bool) -> Buffer {
    Buffer { linear: seg.len, tailroom: head.size.saturating_sub(used), head_frag, ..empty(head) }
}

/// Payload in fragments of `size` bytes behind a head with the headers.
fn in_fragments(head: Buffer, seg: &Segment, size: u32) -> Buffer {
    let fragments = seg.len.div_ceil(size).max(1);
    let nr_frags = fragments.min(u32::from(u16::MAX)) as u16;
    Buffer { truesize: head.truesize + fragments * size, nr_frags, ..head }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linux::by_name;
    use crate::path::Direction;
    use crate::segment::Flags;
    use crate::sender::Emitted;
    use crate::seq::Seq;

    const OFF: Offload = Offload { tso: false, gso: false, gro: false };
    const ON: Offload = Offload { tso: true, gso: true, gro: true };

    fn packet(len: u32, gso_size: u32) -> Packet {
        let seg = Segment { seq: Seq(1), len, flags: Flags::ACK.with(Flags::PSH), ..Segment::default() };
        let e = Emitted::new((Seq(1), len), gso_size, len, crate::time::SimTime::ZERO, None);
        Packet { flow: 0, way: Direction::Forward, seg, payload: Payload::Data(e) }
    }

    fn device(nic: impl Into<NicConfig>, kernel: &str) -> Device {
        Device::new(nic.into(), by_name(kernel).unwrap(), SkbLayout::default())
    }

    fn all(p: &Packet, nic: NicModel, offload: Offload, kernel: &str) -> Vec<(Segment, Buffer)> {
        let device = device(nic, kernel);
        let of = device.pieces(p, offload);
        (0..of).map(|n| device.piece(p, n, of)).collect()
    }

    #[test]
    fn a_packet_of_64_kib_or_more_is_cut_even_where_offloads_are_on() {
        let d = Device::new(NicModel::Loopback.into(), by_name("6.12").unwrap(), SkbLayout::default());
        // Recorded: 98301 bytes arrive as 65483 and 32818, 65534 as 65483 and 51, 62107 in one piece.
        assert_eq!(d.pieces(&packet(98_301, 65_483), ON), 2);
        assert_eq!(d.pieces(&packet(65_534, 65_483), ON), 2);
        assert_eq!(d.pieces(&packet(62_107, 32_741), ON), 1);
        // One segment is never cut.
        assert_eq!(d.pieces(&packet(65_483, 0), ON), 1);
        let (first, buffer) = d.piece(&packet(98_301, 65_483), 0, 2);
        assert_eq!((first.len, buffer.truesize), (65_483, 66_379));
    }

    #[test]
    fn software_segmentation_gives_each_piece_a_head_and_only_the_last_a_push() {
        let pieces = all(&packet(2_048, 1_024), NicModel::Loopback, OFF, "6.1");
        assert_eq!(pieces.len(), 2);
        assert_eq!((pieces[0].1.truesize, pieces[0].1.head_size, pieces[0].1.nr_frags), (2_304, 704, 1));
        assert!(!pieces[0].0.flags.has(Flags::PSH) && pieces[1].0.flags.has(Flags::PSH));
        assert_eq!(pieces[1].0.seq, Seq(1_025));
        assert_eq!(pieces[1].1.share, Share::None);
    }

    #[test]
    fn a_loopback_packet_arrives_whole_and_shared() {
        let pieces = all(&packet(62_107, 21_845), NicModel::Loopback, ON, "6.1");
        assert_eq!((pieces.len(), pieces[0].1.truesize), (1, 63_387));
        assert_eq!(pieces[0].1.share, Share::UntilAcked(Seq(62_108)));
        let pieces = all(&packet(1_024, 0), NicModel::Loopback, OFF, "6.12");
        assert_eq!(pieces[0].1.truesize, 1_920);
        assert_eq!(pieces[0].1.share, Share::UntilAcked(Seq(1_025)));
    }

    #[test]
    fn devices_charge_what_was_recorded_or_is_documented() {
        let size = |len, nic, kernel| all(&packet(len, 0), nic, OFF, kernel)[0].1.truesize;
        assert_eq!(size(1_460, NicModel::Tun, "6.1"), 2_304);
        assert_eq!(size(8_960, NicModel::Tun, "6.1"), 16_640);
        assert_eq!(size(8_960, NicModel::Tun, "6.12"), 12_544);
        assert_eq!(size(16_000, NicModel::Tun, "6.12"), 20_736);
        assert_eq!(size(100, NicModel::Tun, "6.12"), 896);
        assert_eq!(size(1_460, NicModel::Tap, "6.1"), 2_176);
        assert_eq!(size(100, NicModel::Tap, "6.1"), 832);
        assert_eq!(size(1_460, NicModel::HalfPage, "6.1"), 2_304);
        assert_eq!(size(1_460, NicModel::Page, "6.1"), 4_352);
    }

    #[test]
    fn a_copied_header_costs_what_the_kernel_takes_for_small_heads() {
        let size = |kernel| all(&packet(1_460, 0), NicModel::HeaderCopyHalfPage, OFF, kernel)[0].1.truesize;
        assert_eq!(
            ["5.10", "6.1", "6.12", "6.18", "7.2"].map(size),
            [1_280, 1_280, 1_280, 896, 896].map(|head| head + 2_048)
        );
        // A small frame is copied whole.
        let small = all(&packet(100, 0), NicModel::HeaderCopyPage, OFF, "7.2")[0].1;
        assert_eq!((small.truesize, small.linear, small.nr_frags), (896, 100, 0));
    }

    #[test]
    fn xdp_takes_a_page_of_its_own_and_more_headroom() {
        let with_xdp = |model| device(NicConfig { xdp: true, ..NicConfig::from(model) }, "6.12");
        let one = |d: Device| d.piece(&packet(1_448, 0), 0, 1).1;
        assert_eq!(one(with_xdp(NicModel::HalfPage)).truesize, 4_352);
        assert_eq!(one(with_xdp(NicModel::HeaderCopyHalfPage)).truesize, 1_280 + 4_096);
        assert_eq!(one(with_xdp(NicModel::Virtio)).truesize, 2_176 + 256);
        let (plain, xdp) = (one(device(NicModel::Page, "6.12")), one(with_xdp(NicModel::Page)));
        assert_eq!(plain.tailroom - xdp.tailroom, 256 - 64);
    }

    #[test]
    fn headers_before_the_inner_packet_take_room() {
        let tagged = NicConfig { outer_headers: 4, ..NicConfig::from(NicModel::HalfPage) };
        let one = |d: Device, len| d.piece(&packet(len, 0), 0, 1).1;
        let plain = device(NicModel::HalfPage, "6.12");
        assert_eq!(one(plain, 1_448).tailroom - one(device(tagged, "6.12"), 1_448).tailroom, 4);
        // TAP allocates what it gets: 50 bytes of VXLAN are another cache line.
        let tunnel = NicConfig { outer_headers: 50, ..NicConfig::from(NicModel::Tap) };
        assert_eq!(one(device(tunnel, "6.12"), 1_448).truesize, 2_176 + 64);
    }

    #[test]
    fn a_jumbo_frame_goes_on_in_further_buffers() {
        let jumbo = all(&packet(8_948, 0), NicModel::HalfPage, OFF, "6.12")[0].1;
        assert_eq!((jumbo.truesize, jumbo.nr_frags), (2_304 + 4 * 2_048, 4));
        let pages = all(&packet(8_948, 0), NicModel::HeaderCopyPage, OFF, "6.12")[0].1;
        assert_eq!((pages.truesize, pages.nr_frags, pages.linear), (1_280 + 3 * 4_096, 3, 0));
    }

    #[test]
    fn longer_cache_lines_cost_more() {
        let arm =
            Device::new(NicModel::Loopback.into(), by_name("7.2").unwrap(), SkbLayout::new(128, 17).unwrap());
        assert_eq!(arm.piece(&packet(1_024, 0), 0, 1).1.truesize, 256 + 384 + 256 + 128 + 1_024);
    }
}
