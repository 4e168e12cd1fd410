//! Packets that wait, in as little memory as they need.
//!
//! A header has room for four SACK blocks and a handshake for its options; hardly a packet in a full queue uses either. They
//! are kept without that room, in less than half of it, and beside them the few that need it: what ten thousand connections have
//! in a queue is more than a processor's cache.

use std::collections::VecDeque;

use super::{Direction, Packet, Payload};
use crate::segment::{Ecn, Flags, SackOption, Segment, Timestamps};
use crate::sender::Emitted;
use crate::seq::Seq;
use crate::time::SimTime;

/// What a [`Slim`] stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Ack,
    Data,
    /// The next of the packets that are kept whole.
    Whole,
}

/// A packet without SACK blocks or the options of a handshake.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slim {
    seq: Seq,
    ack: Seq,
    /// When data left its socket.
    at: SimTime,
    ts: Timestamps,
    has_ts: bool,
    flow: u32,
    /// From the first byte to the end of the sender's own skb.
    skb_len: u16,
    len: u16,
    gso_size: u16,
    window: u16,
    breaks: [u16; 3],
    flags: Flags,
    kind: Kind,
    way: Direction,
    ecn: Ecn,
}

/// The packets of one queue that do not fit into a [`Slim`]. They are taken in the order in which they were put away.
#[derive(Clone, Default, Debug)]
pub(super) struct Wardrobe {
    whole: VecDeque<Packet>,
}

impl Wardrobe {
    /// Makes a packet small.
    #[inline]
    pub(super) fn put(&mut self, packet: &Packet) -> Slim {
        Slim::of(packet).unwrap_or_else(|| {
            self.whole.push_back(*packet);
            Slim::header(packet, 0, Kind::Whole)
        })
    }

    /// The packet that `slim` was made of, which is taken.
    #[inline]
    pub(super) fn take(&mut self, slim: &Slim) -> Packet {
        let whole = if slim.kind == Kind::Whole { self.whole.pop_front() } else { None };
        whole.unwrap_or_else(|| slim.packet())
    }
}

impl Slim {
    /// A packet in small; `None` if something would be lost.
    #[inline]
    fn of(packet: &Packet) -> Option<Self> {
        let seg = &packet.seg;
        let len = u16::try_from(seg.len).ok()?;
        match packet.payload {
            _ if !seg.sack.is_empty() => None,
            Payload::Handshake(_) => None,
            Payload::Ack => Some(Self::header(packet, len, Kind::Ack)),
            Payload::Data(e) if e.seq != seg.seq || e.len != seg.len => None,
            Payload::Data(e) => {
                let [a, b, c, 0, 0] = *e.breaks() else { return None };
                Some(Self {
                    at: e.at,
                    skb_len: u16::try_from(e.skb_len).ok()?,
                    gso_size: u16::try_from(e.gso_size()).ok()?,
                    breaks: [u16::try_from(a).ok()?, u16::try_from(b).ok()?, u16::try_from(c).ok()?],
                    ..Self::header(packet, len, Kind::Data)
                })
            }
        }
    }

    #[inline]
    fn header(packet: &Packet, len: u16, kind: Kind) -> Self {
        let Packet { flow, way, seg, payload: _ } = packet;
        Self {
            seq: seg.seq,
            ack: seg.ack,
            at: SimTime::ZERO,
            ts: seg.ts.unwrap_or_default(),
            has_ts: seg.ts.is_some(),
            flow: *flow,
            skb_len: 0,
            len,
            gso_size: 0,
            window: seg.window,
            breaks: [0; 3],
            flags: seg.flags,
            kind,
            way: *way,
            ecn: seg.ecn,
        }
    }

    #[inline]
    fn packet(&self) -> Packet {
        let (seq, len) = (self.seq, u32::from(self.len));
        let [a, b, c] = self.breaks;
        let payload = match self.kind {
            Kind::Ack | Kind::Whole => Payload::Ack,
            Kind::Data => Payload::Data(Emitted::new(
                (seq, len),
                self.gso_size.into(),
                self.skb_len.into(),
                self.at,
                (self.breaks != [0; 3]).then(|| [a.into(), b.into(), c.into(), 0, 0]),
            )),
        };
        let seg = Segment {
            seq,
            len,
            flags: self.flags,
            ack: self.ack,
            window: self.window,
            ts: self.has_ts.then_some(self.ts),
            sack: SackOption::EMPTY,
            ecn: self.ecn,
        };
        Packet { flow: self.flow, way: self.way, seg, payload }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::{SackBlock, SynOptions};

    fn data(seq: i64, len: u32, gso_size: u32) -> Packet {
        let seg = Segment {
            seq: Seq(seq),
            len,
            flags: Flags::ACK.with(Flags::PSH),
            ack: Seq(77),
            window: 500,
            ts: Some(Timestamps { val: 3, ecr: 4 }),
            sack: SackOption::EMPTY,
            ecn: Ecn::Ce,
        };
        Packet {
            flow: 70_000,
            way: Direction::Forward,
            seg,
            payload: emitted(&seg, gso_size, [len / 3, len / 2, 0, 0, 0]),
        }
    }

    fn emitted(seg: &Segment, gso_size: u32, breaks: [u32; 5]) -> Payload {
        let skb_len = (3 * seg.len).min(65_483);
        Payload::Data(Emitted::new(
            (seg.seq, seg.len),
            gso_size,
            skb_len,
            SimTime::from_nanos(9),
            Some(breaks).filter(|b| *b != [0; 5]),
        ))
    }

    /// Packets of every kind, some of which a [`Slim`] cannot hold.
    fn packets() -> Vec<Packet> {
        let whole = data(5_000_000_000, 65_000, 1_448);
        let mut piece = whole;
        piece.become_segment((whole.seg.seq, whole.seg.len, whole.seg.flags), 2);
        let mut ack = Packet { payload: Payload::Ack, way: Direction::Reverse, ..data(1, 0, 0) };
        let mut sacked = ack;
        sacked.seg.sack.push(SackBlock { start: Seq(5), end: Seq(9) });
        ack.seg.ts = None;
        let syn = SynOptions { mss: 1_460, window_scale: Some(7), sack: true, ts: None, window: 64_240 };
        let syn = Packet { payload: Payload::Handshake(syn), ..ack };
        let mut many = data(1, 60_000, 1_448);
        many.payload = emitted(&many.seg, 1_448, [1, 2, 3, 4, 5]);
        let large = data(1, 70_000, 1_448);
        vec![whole, ack, sacked, whole.cut(1), syn, large, piece, sacked, many, data(9, 0, 0)]
    }

    #[test]
    fn every_packet_comes_out_as_it_went_in() {
        let mut wardrobe = Wardrobe::default();
        let slim: Vec<Slim> = packets().iter().map(|p| wardrobe.put(p)).collect();
        assert_eq!(
            wardrobe.whole.len(),
            6,
            "two with SACK blocks, a SYN, a large segment, a piece, many fragments"
        );
        let out: Vec<Packet> = slim.iter().map(|s| wardrobe.take(s)).collect();
        assert_eq!(out, packets());
        assert!(wardrobe.whole.is_empty());
    }

    #[test]
    fn a_packet_that_waits_takes_less_than_half_of_one_that_is_at_hand() {
        assert_eq!((size_of::<Slim>(), size_of::<Packet>()), (56, 128));
    }
}
