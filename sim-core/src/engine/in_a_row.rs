//! Segments in a row: full ones that nobody reads are processed one after the other without asking each time what comes next.
//!
//! Behind the first one everything that could happen in between is known: when the next event is due, when the tick and the
//! poll end, and that the programs wait for the processor. It comes to what single turns of the event loop come to; an
//! observer with [`Observer::STEPWISE`] gets those.

use std::collections::VecDeque;

use super::arrivals::Ready;
use super::flow::{FlowId, Side};
use super::simulation::{Simulation, Source};
use super::views::View;
use crate::observer::Observer;
use crate::path::Payload;
use crate::receiver::Alike;
use crate::send_half::Cx;
use crate::time::{Now, SimDuration, SimTime};

#[cfg(test)]
thread_local! {
    /// Segments that runs of this thread have taken in rows.
    pub(super) static TAKEN: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

impl<O: Observer> Simulation<'_, O> {
    /// A segment of `flow` was processed by the end `to`: those like it that wait behind it are, too.
    #[inline(always)]
    pub(super) fn go_on_in_a_row(&mut self, waiting: &mut VecDeque<Ready>, flow: FlowId, to: Side) {
        if !O::STEPWISE && self.busy && self.flows[flow as usize].ends[to.at()].rx.row_may_begin() {
            self.take_row(waiting, flow, to);
        }
    }

    #[inline(never)]
    fn take_row(&mut self, waiting: &mut VecDeque<Ready>, flow: FlowId, to: Side) {
        let port = &self.ports[to.at()];
        let plain = self.calling == 0
            && self.interrupted_call.is_none()
            && self.eevdf.is_none()
            && !self.slabs.are_counted()
            && !port.joins()
            && port.ring.is_none()
            && self.links[to.peer().at()].loses_none();
        if !plain {
            return;
        }
        // Until the next event, the tick, the end of the poll, or of the run; the segment with which that may end has a turn of
        // its own.
        let (source, key) = self.earliest();
        let waits = matches!(source, Source::Link(_)) && self.turns.receiving(key.time());
        let next = if waits { SimTime::NEVER } else { key.time() };
        let tick = SimTime::from_nanos(self.clock.begin(self.reading.jiffies + 1).as_nanos() - 1);
        let until = next.min(tick).min(self.stop_at);
        let room = self.queue.left().min(self.stop_segments.saturating_sub(self.segments + 1));
        let most = self.turns.more().min(u32::try_from(room).unwrap_or(u32::MAX));
        let end = &mut self.flows[flow as usize].ends[to.at()];
        let mut view = View::new(to, &mut *self.obs);
        let host = &mut self.hosts[to.at()];
        let mut cx = Cx { now: self.reading, out: &mut self.out, host, obs: &mut view };
        if most == 0 || !end.rx.row_begins(&cx) {
            return;
        }
        let cost = self.cpu.segment(to, false, false, false);
        let mut time = self.cpu.enters();
        let (mut taken, mut like) = (0, Alike::default());
        'row: while taken < most && time <= until {
            let others = waiting.len() > 1;
            let Some(front) = waiting.front_mut() else { break };
            let packet = self.links[front.link.at()].packet_mut(front.place);
            if front.flow != flow || front.to != to || !matches!(packet.payload, Payload::Data(_)) {
                break;
            }
            // Behind the last segment of all others have their turn.
            let pieces = front.kept - u32::from(!others);
            while front.done < pieces {
                if taken == most || time > until {
                    break 'row;
                }
                let (mut alike, pushed) = match like.room().min(most - taken).min(pieces - front.done) {
                    0 => (0, false),
                    room => front.next_like(packet, &like.seg, like.next, room),
                };
                let ends =
                    time + SimDuration::from_nanos(cost.as_nanos() * u64::from(alike.saturating_sub(1)));
                if ends > until {
                    let by_then = until.since(time).as_nanos() / cost.as_nanos();
                    alike = alike.min(u32::try_from(by_then).unwrap_or(u32::MAX).saturating_add(1));
                }
                if alike > 0 {
                    front.done += alike;
                    like.came(alike, pushed && front.is_done());
                } else {
                    alike = 1;
                    end.rx.take_alike(&mut cx, &mut end.tx, &mut like, cost);
                    front.become_next(packet);
                    let buffer = front.skb(packet, &packet.seg, &self.ports[to.at()]).buf;
                    cx.now.time = time;
                    if !end.rx.take_in_a_row(&mut cx, &mut end.tx, &packet.seg, buffer) {
                        break 'row;
                    }
                    end.rx.alike(&cx, &end.tx, &packet.seg, buffer, &mut like);
                    front.done += 1;
                }
                taken += alike;
                time += SimDuration::from_nanos(cost.as_nanos() * u64::from(alike));
            }
            if !others {
                break;
            }
            self.links[front.link.at()].is_over(front.place);
            waiting.pop_front();
        }
        end.rx.take_alike(&mut cx, &mut end.tx, &mut like, cost);
        if taken == 0 {
            return;
        }
        if let Some(front) = waiting.front_mut() {
            front.become_last_done(self.links[front.link.at()].packet_mut(front.place));
        }
        self.reading = Now { time: SimTime::from_nanos(time.as_nanos() - cost.as_nanos()), ..self.reading };
        self.cpu.busy_until(time);
        self.queue.count_many(u64::from(taken));
        self.input.take_many(taken);
        self.turns.take_many(taken);
        #[cfg(test)]
        TAKEN.with(|t| t.set(t.get() + u64::from(taken)));
        if to == Side::Receiver {
            self.segments += u64::from(taken);
            self.flows[flow as usize].segments += u64::from(taken);
        }
    }
}
