//! One direction of the path: a queue in front of a rate if there is one, and then delay, rate, limit and
//! impairments as `tc netem` has them.

use rand_chacha::rand_core::RngCore;

use super::bottleneck::{Bottleneck, QueueStats, transmission};
use super::netem::{Departure, Direction, Netem};
use super::packets::{Packets, Place};
use super::shaping::{HostQueue, Shaping};
use super::tbf::Verdict;
use super::{Packet, PacketRef};
use crate::config::{LinkConfig, Overhead};
use crate::linux::KernelProfile;
use crate::queue::{EventQueue, Key, Lane, Sorted};
use crate::rng::{Purpose, stream};
use crate::time::{SimDuration, SimTime};

/// What became of the packets of one direction. Conservation: what was [`sent`](Self::sent) or
/// [`duplicated`](Self::duplicated) was lost, dropped, delivered, or is still on its way.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct LinkStats {
    /// Packets that entered. What an offload left in one piece is one packet, unless there is a queue, which cuts it.
    pub sent: u64,
    /// Packets that left at the other end.
    pub delivered: u64,
    /// Packets lost at random, by count or by number (`netem loss`).
    pub lost: u64,
    /// Packets dropped because the link was full (`netem limit`).
    pub over_limit: u64,
    /// Second copies made (`netem duplicate`).
    pub duplicated: u64,
    /// Packets sent at once while others were delayed (`netem reorder`).
    pub reordered: u64,
    /// Packets still on their way.
    pub in_flight: u64,
    /// The queue in front of the rate, if there is one.
    pub queue: Option<QueueStats>,
}

impl LinkStats {
    /// All packets that did not get through.
    pub fn dropped(&self) -> u64 {
        self.lost + self.over_limit + self.queue.as_ref().map_or(0, QueueStats::dropped)
    }
}

/// What only some links have, apart from the rest so that a plain link stays small.
#[derive(Clone, Debug)]
struct Special {
    netem: Option<Netem>,
    queue: Option<Bottleneck>,
    shaper: Option<Shaping>,
    /// Packets on their way, if their order can change; otherwise they are in the lane.
    sorted: Option<Sorted<Place>>,
    lost: u64,
    duplicated: u64,
    reordered: u64,
}

/// With room for so many packets and no more, a queue of the sending host says when its packets leave: more are seldom sent at a
/// stretch.
const NEARLY_FULL: usize = 64;

/// What one link leaves to another.
#[derive(Clone, Default, Debug)]
pub(crate) struct LinkMemory {
    packets: Packets,
    lane: Lane<Place>,
}

/// One direction of the path.
#[derive(Clone, Debug)]
pub struct Link {
    delay: SimDuration,
    limit: usize,
    rate_bps: Option<u64>,
    overhead: Overhead,
    drop_every: u64,
    drop_run: u64,
    /// Segments that left the link.
    left: u64,
    /// The packets on their way, and those that have left and are not over.
    packets: Packets,
    lane: Lane<Place>,
    /// The place of the next thing to happen.
    next: Key,
    /// When the last packet leaves.
    last: SimTime,
    /// The latest time at which a packet entered.
    entered: SimTime,
    /// Whether the next packet is taken, if its socket knows already.
    judged: Option<bool>,
    over_limit: u64,
    sent: u64,
    delivered: u64,
    /// The limit is that of the sending host's own queueing discipline.
    in_host: bool,
    /// Packets are cut before the link.
    cuts: bool,
    /// What leaves the link does not arrive.
    down: bool,
    /// A full link refuses a packet before it is duplicated, and not the second copy or the packet itself afterwards.
    limit_before_copies: bool,
    special: Option<Box<Special>>,
}

impl Link {
    /// An empty link, with the random streams of `seed` and its direction.
    pub fn new(config: &LinkConfig, seed: u64, direction: Direction) -> Self {
        Self::in_memory_of(LinkMemory::default(), config, seed, direction)
    }

    /// Leaves its memory to another link; it is no longer needed itself.
    pub(crate) fn leave_memory(&mut self, to: &mut LinkMemory) {
        std::mem::swap(&mut to.packets, &mut self.packets);
        std::mem::swap(&mut to.lane, &mut self.lane);
    }

    /// As [`Link::new`], in the memory of a link that is no longer needed.
    pub(crate) fn in_memory_of(
        memory: LinkMemory,
        config: &LinkConfig,
        seed: u64,
        direction: Direction,
    ) -> Self {
        let LinkMemory { mut packets, mut lane } = memory;
        packets.clear();
        lane.clear();
        let netem = Netem::new(config, seed, direction);
        let hash = match direction {
            Direction::Forward => Purpose::FlowHashForward,
            Direction::Reverse => Purpose::FlowHashReverse,
        };
        let queue = config.queue.and_then(|_| Bottleneck::new(config, stream(seed, hash, 0).next_u64()));
        let shaper = config.shaper.as_ref().map(Shaping::new);
        let special = (netem.is_some() || queue.is_some() || shaper.is_some()).then(|| {
            let sorted = netem.as_ref().filter(|n| n.reorders()).map(|_| Sorted::default());
            let queue = queue.clone();
            Box::new(Special { netem, sorted, lost: 0, duplicated: 0, reordered: 0, queue, shaper })
        });
        Self {
            delay: config.delay,
            limit: config.limit as usize,
            // A queue has the rate to itself.
            rate_bps: config.rate_bps.filter(|bps| *bps > 0 && queue.is_none()),
            overhead: config.overhead,
            drop_every: u64::from(config.drop_every),
            drop_run: u64::from(config.drop_run.max(1)),
            left: 0,
            packets,
            lane,
            next: Key::NEVER,
            last: SimTime::ZERO,
            entered: SimTime::ZERO,
            judged: None,
            over_limit: 0,
            sent: 0,
            delivered: 0,
            in_host: config.in_host && config.queue.is_none(),
            cuts: config.behind_host,
            down: false,
            limit_before_copies: true,
            special,
        }
    }

    /// As `kernel` does it, where kernels differ.
    #[must_use]
    pub fn on_kernel(mut self, kernel: &KernelProfile) -> Self {
        self.set_kernel(kernel);
        self
    }

    /// The same of a link that lies somewhere.
    pub(crate) fn set_kernel(&mut self, kernel: &KernelProfile) {
        self.limit_before_copies = kernel.netem_limit_before_copies;
    }

    /// A packet enters the link at `at`. Returns whether it was taken: a full link drops it. Of a link with a queue or
    /// with losses the answer says only that the packet entered.
    ///
    /// With a rate, a packet takes its transmission time after the one before has left, and the delay counts
    /// from its entry: waiting for the one before is part of the delay (`netem_enqueue`).
    #[inline(always)]
    pub fn send<'a, E>(
        &mut self,
        at: SimTime,
        packet: impl Into<PacketRef<'a>>,
        order: &mut EventQueue<E>,
    ) -> bool {
        let packet = packet.into();
        if self.cuts { self.send_cut(at, &packet.into(), order) } else { self.send_one(at, packet, order) }
    }

    /// Each of its segments enters by itself.
    #[inline(never)]
    fn send_cut<E>(&mut self, at: SimTime, packet: &Packet, order: &mut EventQueue<E>) -> bool {
        let mut all = true;
        for n in 0..packet.segments() {
            all &= self.send_one(at, (&packet.cut(n)).into(), order);
        }
        all
    }

    #[inline(always)]
    fn send_one<E>(&mut self, at: SimTime, packet: PacketRef<'_>, order: &mut EventQueue<E>) -> bool {
        if self.special.is_some() {
            let before = self.waiting();
            let taken = self.send_special(at, &packet.into(), order);
            self.next = self.first();
            return taken && (!self.in_host || self.waiting() > before);
        }
        self.sent += 1;
        let looked = self.entered;
        self.entered = looked.max(at);
        let judged = self.judged.take();
        if judged
            .map_or_else(|| self.lane.len() >= self.limit && !self.lets_go_before(looked), |taken| !taken)
        {
            self.over_limit += 1;
            return false;
        }
        let mut due = (at + self.delay).max(self.last);
        if let Some(bps) = self.rate_bps {
            due = due.saturating_add(transmission(self.overhead.on_wire(packet.wire_bytes()), bps));
        }
        self.last = due;
        let key = order.key(due);
        self.next = self.next.min(key);
        self.lane.push(key, self.packets.keep(packet));
        true
    }

    /// Whether a full queue of the sending host has room again since `looked`, when the packet before came to it: who brings a packet
    /// takes what is due by then (`__qdisc_run`), also if that has not happened yet in the order of events.
    #[inline(never)]
    fn lets_go_before(&self, looked: SimTime) -> bool {
        self.in_host && self.lane.len() - self.lane.times_before(looked).count() < self.limit
    }

    /// The socket of the packet that comes next knows already whether the sending host's queue takes it.
    #[inline]
    pub(crate) fn was_judged(&mut self, taken: bool) {
        if self.in_host && self.special.is_none() {
            self.judged = Some(taken);
        }
    }

    /// When packets leave the sending host's queue that is nearly full, of those that do so before `end`.
    pub(crate) fn leaving(&self, end: SimTime) -> impl Iterator<Item = SimTime> + '_ {
        let near = self.in_host
            && self.special.is_none()
            && self.limit.saturating_sub(self.lane.len()) <= NEARLY_FULL;
        self.lane.times_before(if near { end } else { SimTime::ZERO })
    }

    /// A packet that has left the link and is not over.
    #[inline]
    pub(crate) fn packet(&self, place: Place) -> &Packet {
        self.packets.at(place)
    }

    /// The same, to become its next piece.
    #[inline]
    pub(crate) fn packet_mut(&mut self, place: Place) -> &mut Packet {
        self.packets.at_mut(place)
    }

    /// A packet that has left the link is over.
    #[inline]
    pub(crate) fn is_over(&mut self, place: Place) {
        self.packets.forget(place);
    }

    /// A packet that has left the link comes back from where it lay meanwhile.
    pub(crate) fn gets_back(&mut self, packet: &Packet) -> Place {
        self.packets.keep(packet.into())
    }

    /// A packet that has left the link goes on somewhere else.
    pub(crate) fn gives_away(&mut self, place: Place) -> Packet {
        self.packets.take(place)
    }

    /// How many packets leave it by `time`, if it is plain.
    pub(crate) fn due(&self, time: SimTime) -> usize {
        if self.special.is_some() { 0 } else { self.lane.due(time) }
    }

    /// Whether packets wait in a queueing discipline of the sending host.
    #[inline]
    pub const fn in_host(&self) -> bool {
        self.in_host
    }

    /// Packets that the sending host's queueing discipline still takes; `None`: the queue is not the host's.
    #[inline]
    pub fn room(&self) -> Option<u32> {
        self.in_host.then(|| u32::try_from(self.limit.saturating_sub(self.waiting())).unwrap_or(u32::MAX))
    }

    /// What holds packets of connection `flow` back in the sending host, as it is now, if something does.
    #[inline]
    pub(crate) fn host_queue(&self, flow: u32, way: Direction) -> Option<HostQueue> {
        self.special.as_ref()?.shaper.as_ref().map(|s| s.view(flow, way))
    }

    /// The socket wants the packet that comes next to leave at `release`.
    pub(crate) fn set_release(&mut self, release: SimTime) {
        if let Some(shaper) = self.special.as_mut().and_then(|s| s.shaper.as_mut()) {
            shaper.set_release(release);
        }
    }

    /// A packet that has waited in the sending host and left it since, each once.
    #[inline]
    pub(crate) fn take_released(&mut self) -> Option<Packet> {
        self.special.as_mut()?.shaper.as_mut()?.take_released()
    }

    /// The place of the next thing to happen in the order of events: mostly that a packet arrives.
    #[inline]
    pub const fn peek(&self) -> Key {
        self.next
    }

    fn first(&self) -> Key {
        match &self.special {
            None => self.lane.peek(),
            Some(s) => {
                let first = s.sorted.as_ref().map_or_else(|| self.lane.peek(), Sorted::peek);
                let first = s.queue.as_ref().map_or(first, |q| q.wake().min(first));
                s.shaper.as_ref().map_or(first, |b| b.wake().min(first))
            }
        }
    }

    /// The next thing happens: a packet leaves the link, or nothing that the other end would see (`None`).
    pub fn pop<E>(&mut self, order: &mut EventQueue<E>) -> Option<Packet> {
        self.leaves(order).map(|place| self.packets.take(place))
    }

    /// As [`Link::pop`], but the packet stays in its place until it [is over](Self::is_over).
    #[inline]
    pub(crate) fn leaves<E>(&mut self, order: &mut EventQueue<E>) -> Option<Place> {
        if self.special.is_some() {
            let left = self.leaves_special(order);
            self.next = self.first();
            return left;
        }
        let left = self.lane.pop()?;
        self.delivered += 1;
        self.next = self.lane.peek();
        Some(left)
    }

    /// The link goes down, or up again: what leaves it meanwhile does not arrive.
    pub const fn set_down(&mut self, down: bool) {
        self.down = down;
    }

    /// Whether no segment that leaves the link now is dropped on arrival.
    pub(crate) fn loses_none(&self) -> bool {
        self.drop_every == 0 && !self.down
    }

    /// Whether the next segment that leaves the link is dropped on arrival.
    pub fn loses_next(&mut self) -> bool {
        if self.drop_every == 0 {
            return self.down;
        }
        self.left += 1;
        if self.down {
            return true;
        }
        let at = self.left % self.drop_every;
        at == 0 || at + self.drop_run > self.drop_every
    }

    /// What became of the packets.
    pub fn stats(&self) -> LinkStats {
        let on_the_way = self.waiting() as u64;
        let plain = LinkStats {
            sent: self.sent,
            delivered: self.delivered,
            over_limit: self.over_limit,
            in_flight: on_the_way,
            ..LinkStats::default()
        };
        match &self.special {
            None => plain,
            Some(s) => LinkStats {
                lost: s.lost,
                duplicated: s.duplicated,
                reordered: s.reordered,
                in_flight: on_the_way
                    + s.queue.as_ref().map_or(0, Bottleneck::holds)
                    + s.shaper.as_ref().map_or(0, Shaping::holds),
                over_limit: self.over_limit + s.shaper.as_ref().map_or(0, Shaping::refused),
                queue: s.queue.as_ref().map(|q| q.stats().clone()),
                ..plain
            },
        }
    }

    fn is_full(&self) -> bool {
        self.waiting() >= self.limit
    }

    /// Packets on their way, behind the queue.
    fn waiting(&self) -> usize {
        match self.special.as_ref().and_then(|s| s.sorted.as_ref()) {
            Some(sorted) => sorted.len(),
            None => self.lane.len(),
        }
    }

    // --- links with a queue or impairments ------------------------------------------------------------------

    #[inline(never)]
    fn leaves_special<E>(&mut self, order: &mut EventQueue<E>) -> Option<Place> {
        let s = self.special.as_mut()?;
        let packet = s.sorted.as_ref().map_or_else(|| self.lane.peek(), Sorted::peek);
        if self.next < packet {
            self.advance(self.next.time(), order);
            return None;
        }
        let left = match &mut s.sorted {
            Some(sorted) => sorted.pop(),
            None => self.lane.pop(),
        };
        self.delivered += u64::from(left.is_some());
        left
    }

    #[inline(never)]
    fn send_special<E>(&mut self, at: SimTime, packet: &Packet, order: &mut EventQueue<E>) -> bool {
        // Two processors may put packets on one link: what has happened stays.
        self.entered = self.entered.max(at);
        let at = self.entered;
        // Whatever becomes of the packet, what is due next may be another thing than before.
        let _ = order.key(at);
        self.advance(at, order);
        let Some(s) = &mut self.special else { return true };
        self.sent += if s.queue.is_some() { u64::from(packet.segments()) } else { 1 };
        match s.shaper.as_mut().map_or(Verdict::Passes, |b| b.push(at, *packet, |t| order.key(t))) {
            Verdict::Passes => self.onward(at, packet, order),
            Verdict::Waits => {}
            Verdict::Refused => return false,
        }
        true
    }

    /// A packet leaves the sending host.
    fn onward<E>(&mut self, at: SimTime, packet: &Packet, order: &mut EventQueue<E>) {
        match self.special.as_mut().and_then(|s| s.queue.as_mut()) {
            Some(queue) => queue.push(at, packet, |t| order.key(t)),
            None => self.enter(at, packet, false, order),
        }
    }

    /// What the host and the queue have sent by `now` goes on.
    fn advance<E>(&mut self, now: SimTime, order: &mut EventQueue<E>) {
        loop {
            let shaper = self.special.as_mut().and_then(|s| s.shaper.as_mut());
            let Some((at, packet)) = shaper.and_then(|b| b.next(now, |t| order.key(t))) else { break };
            self.onward(at, &packet, order);
        }
        loop {
            let queue = self.special.as_mut().and_then(|s| s.queue.as_mut());
            let Some((at, packet)) = queue.and_then(|q| q.sent(now, |t| order.key(t))) else { return };
            self.enter(at, &packet, false, order);
        }
    }

    /// A packet enters the impaired part; `again` says that it is a copy.
    fn enter<E>(&mut self, at: SimTime, packet: &Packet, again: bool, order: &mut EventQueue<E>) {
        let Some(s) = &mut self.special else { return };
        if let Some(netem) = &mut s.netem {
            let copies = netem.enter(again);
            // One of two copies that is lost was never made.
            s.lost += u64::from(!copies.original);
            if !copies.original {
                return;
            }
            let first = self.limit_before_copies && copies.duplicate;
            if first && self.is_full() {
                self.over_limit += 1;
                return;
            }
            if copies.duplicate {
                if let Some(s) = &mut self.special {
                    s.duplicated += 1;
                }
                self.enter(at, packet, true, order);
            }
            if !first && self.is_full() {
                self.over_limit += 1;
                return;
            }
        } else if self.is_full() {
            self.over_limit += 1;
            return;
        }
        let queued = self.waiting() > 0;
        let Some(s) = &mut self.special else { return };
        let departure = s.netem.as_mut().map_or(Departure::Delayed(0), Netem::departure);
        let due = match departure {
            Departure::AtOnce => {
                s.reordered += 1;
                at
            }
            Departure::Delayed(more) => {
                let delayed =
                    i128::from(at.as_nanos()) + i128::from(self.delay.as_nanos()) + i128::from(more);
                let mut due = SimTime::from_nanos(u64::try_from(delayed.max(0)).unwrap_or(u64::MAX));
                if let Some(bps) = self.rate_bps {
                    // The rate counts from the latest packet in the queue, and its delay is part of this one's.
                    due = if queued { due.max(self.last) } else { due };
                    due = due.saturating_add(transmission(self.overhead.on_wire(packet.wire_bytes()), bps));
                }
                // A packet that should have left before it came leaves at once.
                due.max(at)
            }
        };
        self.last = self.last.max(due);
        let place = self.packets.keep(packet.into());
        match &mut s.sorted {
            Some(sorted) => sorted.push(order.key(due), place),
            None => self.lane.push(order.key(self.last), place),
        }
    }
}

#[cfg(test)]
mod tests;
