//! Devices with a receive ring: frames wait for an interrupt and are then polled.

use std::collections::VecDeque;

use super::arrivals::Ready;
use super::flow::Side;
use super::simulation::{Event, Simulation};
use crate::observer::Observer;
use crate::path::{Arrived, Packet};
use crate::time::SimTime;

impl<O: Observer> Simulation<'_, O> {
    /// A packet of `of` frames reaches the ring of `to`.
    #[inline(never)]
    pub(super) fn frames_arrive(
        &mut self,
        waiting: &mut VecDeque<Ready>,
        to: Side,
        time: SimTime,
        packet: &Packet,
        of: u32,
    ) {
        let Some(ring) = &mut self.ports[to.at()].ring else { return };
        match ring.arrive(time, packet, of) {
            Arrived::Wait(Some(at)) => self.queue.push(at, Event::Interrupt(to)),
            Arrived::Wait(None) | Arrived::Polled(0) => {}
            Arrived::Polled(kept) => {
                let ready = self.polled(to, packet, of, kept);
                waiting.push_back(ready);
                self.busy = true;
            }
        }
    }

    /// An interrupt that was announced comes: what waits in the ring is polled.
    pub(super) fn interrupt(&mut self, waiting: &mut VecDeque<Ready>, to: Side, time: SimTime) {
        let Some(ring) = &mut self.ports[to.at()].ring else { return };
        let polled = ring.interrupt(time);
        if polled.is_empty() {
            return;
        }
        self.cpu.interrupt(time, 1, !self.busy);
        self.busy = true;
        waiting.extend(polled.into_iter().map(|(packet, of, kept)| self.polled(to, &packet, of, kept)));
    }

    /// A packet of which `kept` frames were polled waits for the stack.
    fn polled(&mut self, to: Side, packet: &Packet, of: u32, kept: u32) -> Ready {
        let link = self.link_of(to.peer());
        let place = self.links[link.at()].gets_back(packet);
        Ready::new((link, place), packet, of, kept)
    }

    /// A frame of a device with a ring was handed to the stack: joined frames go up when its poll ends.
    pub(super) fn frame_taken(&mut self, to: Side, time: SimTime) {
        if self.ports[to.at()].ring.as_mut().is_some_and(|ring| ring.taken()) {
            self.poll_ends(to, time);
        }
    }
}
