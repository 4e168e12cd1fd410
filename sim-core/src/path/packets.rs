//! Packets on their way, in one place each until they are over: queues hold their places.

use super::{Packet, PacketRef};

/// Where a packet lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place(u32);

/// The packets of a link, from when they enter it until their last segment has been processed. Whoever is over makes room for
/// the next one to come, so that few packets need little memory however many follow each other.
#[derive(Clone, Default, Debug)]
pub(crate) struct Packets {
    /// Of these the first [`used`](Self::used) count; behind them lies what an earlier run has left.
    all: Vec<Packet>,
    used: u32,
    free: Vec<Place>,
}

impl Packets {
    /// Forgets all, and keeps the memory.
    pub(crate) fn clear(&mut self) {
        if self.all.is_empty() {
            self.all.reserve(64);
        }
        self.used = 0;
        self.free.clear();
        self.free.reserve(64);
    }

    /// Keeps a packet until it is [taken](Self::take) or [forgotten](Self::forget).
    #[inline]
    pub(super) fn keep(&mut self, packet: PacketRef<'_>) -> Place {
        let place = self.free.pop().unwrap_or_else(|| {
            self.used += 1;
            Place(self.used - 1)
        });
        let PacketRef { flow, way, seg, payload } = packet;
        match self.all.get_mut(place.0 as usize) {
            Some(kept) => {
                (kept.flow, kept.way) = (flow, way);
                kept.seg = *seg;
                kept.payload = *payload;
            }
            None => self.all.push(packet.into()),
        }
        place
    }

    /// A packet that is kept.
    #[inline]
    pub(super) fn at(&self, place: Place) -> &Packet {
        &self.all[place.0 as usize]
    }

    /// The same, to become its next piece.
    #[inline]
    pub(super) fn at_mut(&mut self, place: Place) -> &mut Packet {
        &mut self.all[place.0 as usize]
    }

    /// A packet is over.
    #[inline]
    pub(super) fn forget(&mut self, place: Place) {
        self.free.push(place);
    }

    /// A packet goes somewhere else.
    pub(super) fn take(&mut self, place: Place) -> Packet {
        self.forget(place);
        *self.at(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::{Direction, Payload};
    use crate::segment::Segment;

    fn packet(flow: u32) -> Packet {
        Packet { flow, way: Direction::Forward, seg: Segment::default(), payload: Payload::Ack }
    }

    #[test]
    fn a_packet_stays_where_it_is_until_it_is_over_and_the_next_one_takes_its_place() {
        let mut packets = Packets::default();
        let [a, b] = [1, 2].map(|n| packets.keep((&packet(n)).into()));
        packets.at_mut(b).way = Direction::Reverse;
        packets.forget(a);
        let c = packets.keep((&packet(3)).into());
        assert_eq!(c, a);
        assert_eq!((packets.at(b).flow, packets.at(b).way, packets.at(c).flow), (2, Direction::Reverse, 3));
        assert_eq!(packets.take(b).flow, 2);
        assert_eq!(packets.used, 2);
        packets.clear();
        assert_eq!(packets.keep((&packet(4)).into()), a);
        assert_eq!((packets.at(a).flow, packets.all.len()), (4, 2));
    }
}
