//! What the receiving device makes of a packet: how it is cut, and the memory of each piece.

use super::{Packet, Payload};
use crate::config::{NicModel, Offload};
use crate::linux::KernelProfile;
use crate::segment::{Flags, Segment};
use crate::skb::alloc::{Head, align, built_around, kmalloc_head};
use crate::skb::{Buffer, SHARED_INFO, SK_BUFF, Share};

/// Headroom of TUN and TAP packets (`NET_SKB_PAD`), bytes.
const HEADROOM: u32 = 64;
/// Headroom for XDP (`XDP_PACKET_HEADROOM`), bytes.
const XDP_HEADROOM: u32 = 256;
const PAGE: u32 = 4_096;
/// Ethernet and IPv4 header, bytes.
const ETHERNET: u32 = 14;
const IPV4: u32 = 20;
/// Bytes of header that a driver copies into the head.
const HEADER_COPY: u32 = 256;
/// `truesize` of a pure ACK of a local sender (`skb_set_tcp_pure_ack`).
const PURE_ACK: u32 = 2;

/// The `n`th segment of a packet, as software segmentation makes it: PSH and FIN only on the last.
fn segment_of(packet: &Packet, n: u32) -> Segment {
    let Payload::Data(e) = packet.payload else { return packet.seg };
    if e.gso_size == 0 {
        return packet.seg;
    }
    let from = n * e.gso_size;
    let len = e.gso_size.min(packet.seg.len.saturating_sub(from));
    let mut seg = packet.seg;
    seg.seq = seg.seq + from;
    seg.len = len;
    if from + len < packet.seg.len {
        seg.flags = seg.flags.without(Flags::PSH).without(Flags::FIN);
    }
    seg
}

/// In how many pieces the receiving device gets `packet`. `offload` is the sending device's.
pub fn pieces(packet: &Packet, nic: NicModel, offload: Offload) -> u32 {
    let whole = nic == NicModel::Loopback && (offload.tso || offload.gso);
    if whole { 1 } else { packet.segments() }
}

/// The `n`th of `of` pieces of a packet, with its memory.
pub fn piece(packet: &Packet, n: u32, of: u32, nic: NicModel, kernel: &KernelProfile) -> (Segment, Buffer) {
    let seg = if of == 1 { packet.seg } else { segment_of(packet, n) };
    let buffer = buffer(packet, &seg, nic, kernel, of == 1);
    (seg, buffer)
}

/// The memory of one received segment. `own` says that it is the sender's own skb, not a piece of it.
fn buffer(packet: &Packet, seg: &Segment, nic: NicModel, kernel: &KernelProfile, own: bool) -> Buffer {
    let frame = IPV4 + seg.header_len() + seg.len;
    match nic {
        NicModel::Loopback => local(packet, seg, kernel, own),
        NicModel::Tun => tun(seg, frame, kernel),
        NicModel::Tap => {
            let size = align(frame + ETHERNET + HEADROOM) + SHARED_INFO;
            let xdp = align(frame + ETHERNET + HEADROOM + XDP_HEADROOM) + SHARED_INFO;
            if xdp <= PAGE {
                in_head(built_around(size), seg, true)
            } else {
                tun(seg, frame + ETHERNET, kernel)
            }
        }
        NicModel::HalfPage => in_head(built_around(PAGE / 2), seg, true),
        NicModel::Page => in_head(built_around(PAGE), seg, true),
        NicModel::HeaderCopyHalfPage => in_fragment(napi_head(HEADER_COPY, kernel), PAGE / 2),
        NicModel::HeaderCopyPage => in_fragment(napi_head(HEADER_COPY, kernel), PAGE),
        NicModel::Page16k => in_fragment(napi_head(HEADER_COPY, kernel), 4 * PAGE),
        NicModel::Virtio => in_head(built_around(align(12 + HEADROOM + 1_518) + SHARED_INFO), seg, true),
        NicModel::Explicit { head, head_frag, fragment } => {
            let head = Head { size: head, truesize: head + SHARED_INFO + SK_BUFF };
            if fragment == 0 { in_head(head, seg, head_frag) } else { in_fragment(head, fragment) }
        }
    }
}

/// The sender's own skb on loopback or veth: a head for headers, payload in page fragments.
fn local(packet: &Packet, seg: &Segment, kernel: &KernelProfile, own: bool) -> Buffer {
    let head = kernel.sender_head();
    let tailroom = head.size.saturating_sub(kernel.max_tcp_header);
    let empty = Buffer { truesize: head.truesize, head_size: head.size, tailroom, ..Buffer::default() };
    match packet.payload {
        Payload::Handshake(_) => empty,
        Payload::Ack => Buffer { truesize: PURE_ACK, ..empty },
        Payload::Data(e) if seg.len == 0 => Buffer { share: Share::UntilAcked(e.skb_end), ..empty },
        Payload::Data(e) => {
            let from = (seg.seq - packet.seg.seq) as u32;
            let gso_size = if own { e.gso_size } else { 0 };
            Buffer {
                truesize: head.truesize + seg.len,
                head_size: head.size,
                linear: 0,
                tailroom: 0,
                nr_frags: e.frags(from, seg.len),
                head_frag: false,
                frag_list: false,
                gso_size,
                gso_segs: if gso_size > 0 { packet.segments() as u16 } else { 0 },
                // A piece has a head of its own; the whole is a clone of what waits for its ACK.
                share: if own { Share::UntilAcked(e.skb_end) } else { Share::None },
            }
        }
    }
}

/// One kmalloc head for headers and payload; above a page the rest is in whole pages (6.3 and later, or always
/// one head before).
fn tun(seg: &Segment, frame: u32, kernel: &KernelProfile) -> Buffer {
    let head = kmalloc_head(HEADROOM + frame, kernel.small_head);
    if kernel.small_head.is_none() || HEADROOM + frame + SHARED_INFO <= PAGE {
        return in_head(head, seg, false);
    }
    let linear = PAGE - SHARED_INFO - HEADROOM;
    let pages = (frame - linear).div_ceil(PAGE);
    let head = kmalloc_head(PAGE - SHARED_INFO, kernel.small_head);
    Buffer {
        truesize: head.truesize + pages * PAGE,
        head_size: head.size,
        linear: (linear - IPV4 - seg.header_len()).min(seg.len),
        tailroom: 0,
        // Chunks of up to eight pages.
        nr_frags: pages.div_ceil(8) as u16,
        head_frag: false,
        ..Buffer::default()
    }
}

/// Payload in the head.
fn in_head(head: Head, seg: &Segment, head_frag: bool) -> Buffer {
    let used = HEADROOM + IPV4 + seg.header_len() + seg.len;
    Buffer {
        truesize: head.truesize,
        head_size: head.size,
        linear: seg.len,
        tailroom: head.size.saturating_sub(used),
        head_frag,
        ..Buffer::default()
    }
}

/// Headers in the head, payload in one fragment of `size` bytes.
fn in_fragment(head: Head, size: u32) -> Buffer {
    Buffer {
        truesize: head.truesize + size,
        head_size: head.size,
        nr_frags: 1,
        head_frag: true,
        ..Buffer::default()
    }
}

/// `napi_alloc_skb(n)`: a page fragment, or the cache of small heads where the kernel has one.
fn napi_head(n: u32, kernel: &KernelProfile) -> Head {
    let total = n + HEADROOM;
    match kernel.small_head {
        Some(small) if total + SHARED_INFO <= small => kmalloc_head(total, Some(small)),
        // A 1 KiB page fragment for anything that fits.
        _ if total <= 704 => built_around(1_024),
        _ => built_around(align(total) + SHARED_INFO),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linux::by_name;
    use crate::sender::Emitted;
    use crate::seq::Seq;

    const OFF: Offload = Offload { tso: false, gso: false, gro: false };
    const ON: Offload = Offload { tso: true, gso: true, gro: true };

    fn packet(len: u32, gso_size: u32) -> Packet {
        let seg = Segment { seq: Seq(1), len, flags: Flags::ACK.with(Flags::PSH), ..Segment::default() };
        let e = Emitted { seq: Seq(1), len, gso_size, skb_end: Seq(1) + len, ..Emitted::default() };
        Packet { seg, payload: Payload::Data(e) }
    }

    fn all(p: &Packet, nic: NicModel, offload: Offload, kernel: &str) -> Vec<(Segment, Buffer)> {
        let of = pieces(p, nic, offload);
        (0..of).map(|n| piece(p, n, of, nic, by_name(kernel).unwrap())).collect()
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
        let pieces = all(&packet(65_483, 21_845), NicModel::Loopback, ON, "6.1");
        assert_eq!((pieces.len(), pieces[0].1.truesize), (1, 66_763));
        assert_eq!(pieces[0].1.share, Share::UntilAcked(Seq(65_484)));
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
}
