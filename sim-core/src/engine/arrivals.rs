//! Packets from a link to their socket: the interrupt, the soft interrupts' turn, the poll, the socket.

use std::collections::VecDeque;

use super::cpu::LetGo;
use super::departures::Context;
use super::flow::{FlowId, Side};
use super::simulation::Simulation;
use crate::observer::Observer;
use crate::path::{Packet, Payload, Place, Port};
use crate::segment::{Flags, Segment};
use crate::seq::Seq;
use crate::skb::Skb;
use crate::time::{SimDuration, SimTime};

/// A packet that a device has handed up and that the stack has not processed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ready {
    pub(super) flow: FlowId,
    pub(super) to: Side,
    /// The link that it has left, and where it still lies; from the first piece on as the piece that is being processed.
    pub(super) link: Side,
    pub(super) place: Place,
    /// Sequence number, length and flags of the whole.
    whole: (Seq, u32, Flags),
    pub(super) done: u32,
    of: u32,
    /// Pieces that found room in the processor's input queue or the device's ring.
    pub(super) kept: u32,
}

impl Ready {
    /// `packet`, which lies at `place` of a link.
    pub(super) fn new((link, place): (Side, Place), packet: &Packet, of: u32, kept: u32) -> Self {
        let whole = (packet.seg.seq, packet.seg.len, packet.seg.flags);
        let to = Side::sends(packet.way).peer();
        Self { flow: packet.flow, to, link, place, whole, done: 0, of, kept }
    }

    /// Its packet becomes its next piece.
    #[inline(always)]
    pub(super) fn become_next(&self, packet: &mut Packet) {
        if self.of > 1 {
            packet.become_segment(self.whole, self.done);
        }
    }

    /// The skb that its packet, which has become `seg`, has on `port`.
    #[inline(always)]
    pub(super) fn skb(&self, packet: &Packet, seg: &Segment, port: &Port) -> Skb {
        port.device().skb(packet, seg, self.of == 1)
    }

    /// Its packet becomes the piece that was done last, if one was.
    pub(super) fn become_last_done(&self, packet: &mut Packet) {
        if self.of > 1 && self.done > 0 {
            packet.become_segment(self.whole, self.done - 1);
        }
    }

    /// Whether no piece is left.
    #[inline(always)]
    pub(super) fn is_done(&self) -> bool {
        self.done == self.of
    }

    /// How many of the next pieces of its packet, `most` at most, follow each other from `seq` on and differ from `seg`, which
    /// lay in one fragment, in nothing else but PSH; and whether the last one of the packet has that.
    #[inline(always)]
    pub(super) fn next_like(&self, packet: &Packet, seg: &Segment, seq: Seq, most: u32) -> (u32, bool) {
        let (Packet { seg: own, payload: Payload::Data(e), .. }, (start, len, flags)) = (packet, self.whole)
        else {
            return (0, false);
        };
        let (past, size) = if self.of > 1 { (self.done * e.gso_size(), e.gso_size()) } else { (0, len) };
        let follows = size == seg.len
            && start + past == seq
            && flags.without(Flags::PSH) == seg.flags.without(Flags::PSH)
            && own.ack == seg.ack
            && own.window == seg.window
            && own.ts == seg.ts
            && own.ecn == seg.ecn
            && own.sack.is_empty();
        if !follows {
            return (0, false);
        }
        // Up to where the next fragment begins; the last piece may be shorter.
        let from = (start - e.seq) as u32 + past;
        let free = e.until_break(from).min(len - past);
        // Mostly the whole packet.
        let count = if free < 2 * size { u32::from(free >= size) } else { free / size };
        (most.min(count), flags.has(Flags::PSH))
    }
}

impl<O: Observer> Simulation<'_, O> {
    /// A packet leaves the link of `link`: an interrupt hands it up.
    pub(super) fn dequeue(&mut self, waiting: &mut VecDeque<Ready>, link: Side, time: SimTime) {
        let threaded = !self.plain && self.config.host.calls.threaded_softirqs;
        let woken = if threaded { self.woken_program(time) } else { None };
        if let Some((flow, thread)) = woken.filter(|_| self.uninterrupted) {
            return self.run_thread(flow, thread, self.cpu.begin(time));
        }
        if threaded
            && self.uninterrupted
            && woken.is_none()
            && let Some((flow, thread, begin)) = self.rouse(time)
        {
            // The packet stays where it is until its calls, which let nothing in, are over.
            self.cpu.busy_until(begin);
            return self.run_thread(flow, thread, begin);
        }
        let left = self.links[link.at()].leaves(&mut self.queue);
        self.packets_freed(link, time);
        let Some(place) = left else {
            if let Some((flow, thread)) = woken {
                self.run_thread(flow, thread, self.cpu.begin(time));
            }
            return;
        };
        let packet = self.links[link.at()].packet(place);
        let from = Side::sends(packet.way);
        let of = self.pieces(from, packet);
        if O::ACTIVE || self.in_host {
            self.has_crossed(link, place, from, time);
        }
        if self.ports[from.peer().at()].ring.is_some() {
            let packet = self.links[link.at()].gives_away(place);
            self.frames_arrive(waiting, from.peer(), time, &packet, of);
        } else {
            self.packet_arrives(waiting, (link, place), time, of, woken);
        }
    }

    /// In how many pieces the device of the other end gets a packet of `from`.
    pub(super) fn pieces(&self, from: Side, packet: &Packet) -> u32 {
        let offload = match from {
            Side::Sender => self.config.sender.offload,
            Side::Receiver => self.config.receiver.offload,
        };
        self.ports[from.peer().at()].device().pieces(packet, offload)
    }

    /// A packet of `of` pieces, which lies `at` a place of a link, reaches a processor whose device has no ring; `woken` goes
    /// before it.
    #[inline(always)]
    fn packet_arrives(
        &mut self,
        waiting: &mut VecDeque<Ready>,
        at: (Side, Place),
        time: SimTime,
        of: u32,
        woken: Option<(FlowId, u8)>,
    ) {
        if !self.plain {
            return self.packet_interrupts(waiting, at, time, of, woken);
        }
        let idle = waiting.is_empty();
        if self.was_moved(time, idle, of) {
            self.cpu.was_interrupted(idle);
        } else {
            self.cpu.interrupt(time, of, idle);
        }
        self.waits(waiting, at, of);
    }

    /// The same where soft interrupts, programs and sleeps share a processor as a recorded machine's do.
    #[inline(never)]
    fn packet_interrupts(
        &mut self,
        waiting: &mut VecDeque<Ready>,
        at: (Side, Place),
        time: SimTime,
        of: u32,
        woken: Option<(FlowId, u8)>,
    ) {
        let idle = waiting.is_empty();
        let paid = self.was_moved(time, idle, of);
        let first = if woken.is_none() && !self.uninterrupted { self.rouse(time) } else { None };
        self.softirqs_are_woken(time);
        if first.is_none() && woken.is_none() {
            let until = self.program_until(time).filter(|_| idle);
            if idle && self.uninterrupted {
                let woken = time + self.config.host.calls.switch;
                let begin = self.cpu.begin(until.unwrap_or(woken));
                // A thread that takes the processor from a program has had it, for the scheduler, since it was woken or since the last tick.
                let since = if self.preempted { time.max(self.last_tick(begin)).min(begin) } else { begin };
                self.accounts.softirqs_wake(since);
            }
            if idle && self.interrupted_call.is_none() {
                self.softirqs_run(until.unwrap_or(time + self.config.host.calls.switch));
            }
            match until {
                _ if paid => self.cpu.was_interrupted(idle),
                Some(_) if std::mem::take(&mut self.enters_call) => {
                    self.cpu.interrupt_open_call(self.config.host.calls.entry, of);
                }
                Some(until) => self.cpu.interrupt_program(time, until, of),
                None => self.cpu.interrupt(time, of, idle),
            }
        }
        if idle && self.calling > 0 && self.config.host.calls.drain[1] > SimDuration::ZERO {
            self.goes_into_backlog(at);
        }
        let memory = self.memory_for_pieces(of);
        self.cpu.gets(memory);
        self.waits(waiting, at, of);
        if let Some((flow, thread)) = woken {
            self.goes_first(flow, thread, time);
        } else if let Some((flow, thread, begin)) = first {
            self.runs_first(flow, thread, begin);
        }
    }

    /// A packet of `of` pieces is taken off a link, with nothing waiting if `idle`; returns whether that was part of sending others.
    #[inline(always)]
    fn was_moved(&mut self, time: SimTime, idle: bool, of: u32) -> bool {
        let moved = self.turns.was_moved(time);
        self.turns.dequeued(idle, if moved { SimDuration::ZERO } else { self.cpu.taking_pieces(of) });
        moved
    }

    /// It waits for the stack, as far as there is room.
    #[inline(always)]
    fn waits(&mut self, waiting: &mut VecDeque<Ready>, (link, place): (Side, Place), of: u32) {
        let kept = self.input.add(of);
        if kept > 0 {
            waiting.push_back(Ready::new((link, place), self.links[link.at()].packet(place), of, kept));
            self.busy = true;
        } else {
            self.links[link.at()].is_over(place);
        }
    }

    /// From when on soft interrupts have the processor for a packet due at `time`, if it was a program's by then.
    fn program_until(&self, time: SimTime) -> Option<SimTime> {
        let until = match (self.let_in, self.call_over.filter(|_| self.interrupted_call.is_none())) {
            (Some(at), _) => at,
            (None, None) => return None,
            (None, Some(over)) => {
                let free = self.cpu.begin(over);
                if time >= free {
                    return None;
                }
                match self.call_back {
                    Some(back) => time.max(back),
                    None => {
                        let woken = self.config.host.calls.woken;
                        let longer = if self.recv_over { woken } else { SimDuration::ZERO };
                        self.cpu.after_program(time.max(over), free) + longer
                    }
                }
            }
        };
        // What a call has taken out of its backlog came before.
        Some(until.max(self.drained_at))
    }

    /// The first packet that waits is sooner where it is to be if a call holds its socket.
    #[inline(never)]
    fn goes_into_backlog(&mut self, (link, place): (Side, Place)) {
        let packet = self.links[link.at()].packet(place);
        let to = Side::sends(packet.way).peer();
        if self.flows[packet.flow as usize].ends[to.at()].rx.is_owned() {
            self.cpu.enters_backlog(self.config.host.calls.into_backlog);
        }
    }

    /// A packet of `from` has left a link: the observer is told how long data was on its way, and a socket in whose own host
    /// that was.
    #[inline(never)]
    fn has_crossed(&mut self, link: Side, place: Place, from: Side, time: SimTime) {
        let packet = self.links[link.at()].packet(place);
        let (flow, seq, bytes) = (packet.flow, packet.seg.seq, packet.wire_bytes());
        if O::ACTIVE
            && from == Side::Sender
            && let Payload::Data(e) = packet.payload
        {
            self.watch(flow);
            self.obs.crossed(self.clock.now(time), e.at, bytes);
        }
        if self.links[link.at()].in_host() {
            self.flows[flow as usize].ends[from.at()].tx.left_host(seq);
        }
    }

    /// The stack processes the next segment that waits.
    pub(super) fn process_ready(&mut self, waiting: &mut VecDeque<Ready>, time: SimTime) {
        let others = waiting.len() > 1;
        if let Some(front) = waiting.front_mut() {
            let (flow, to, link, place) = (front.flow, front.to, front.link, front.place);
            let packet = self.links[link.at()].packet(place);
            let (seq, len) = (packet.seg.seq, packet.seg.len);
            self.cpu.entered();
            if !self.plain {
                self.softirqs_have_begun(time);
            }
            self.turns.begin();
            let ringed = self.ports[front.to.at()].ring.is_some();
            if !ringed {
                self.input.take();
            }
            let last = front.done + 1 >= front.kept;
            self.busy = others || !last;
            if self.links[front.to.peer().at()].loses_next() {
                self.cpu.busy_until(time + self.cpu.dropped());
                if front.of == 1 {
                    let from = front.to.peer();
                    self.flows[flow as usize].ends[from.at()].tx.dropped_on_the_way(seq);
                }
            } else {
                let socket = &self.flows[flow as usize].ends[to.at()].rx;
                let held = self.calling > 0 && socket.is_owned();
                // Nothing to merge, or nothing to be merged with.
                let empty = len == 0;
                let first = !empty && !socket.has_data(seq);
                let alone = empty || first;
                let wakes = !self.plain && first && socket.wakes_for(len);
                let rouses = wakes && self.reader_sleeps(flow, to);
                let threaded = !self.plain && self.config.host.calls.threaded_softirqs;
                let called = threaded && self.interrupted_call.is_some();
                let in_call = called && (self.direct || !self.preempted);
                let cost = if held {
                    self.cpu.backlog(socket.backlog_waiting() > 0)
                } else {
                    let cost = self.cpu.segment(front.to, !self.busy, alone, empty);
                    if in_call {
                        self.cpu.in_call(cost, !self.busy).saturating_sub(self.spared_look(flow, to))
                    } else {
                        cost
                    }
                };
                self.cpu.busy_until(time + if rouses { cost + self.cpu.rousing() } else { cost });
                self.context = if in_call { Context::InCall } else { Context::Thread };
                self.lags = if held { Default::default() } else { self.cpu.reactions(first, rouses) };
                (self.data_left, self.let_go) = (None, LetGo::default());
                if threaded && to == Side::Receiver && !held && !alone {
                    self.sets_out(flow, to);
                }
                self.segment_ready(time, front);
                if threaded {
                    // The packet is the piece that was processed.
                    let piece = self.links[link.at()].packet(place).seg.len;
                    self.has_passed(flow, to, piece);
                }
                if threaded && !in_call {
                    self.softirqs_wake_program(flow, to, time);
                }
                self.lags = Default::default();
                self.context = Context::Thread;
                if let Some(at) = self.data_left {
                    self.cpu.sent_data(at, !self.busy, called);
                }
            }
            front.done += 1;
            if !self.plain
                && (front.of > 1 || matches!(self.links[link.at()].packet(place).payload, Payload::Ack))
            {
                self.slabs.processed();
            }
            if ringed {
                self.frame_taken(front.to, time);
            }
            if last {
                self.links[link.at()].is_over(place);
                waiting.pop_front();
            }
            let [forward, reverse] = &self.links;
            let next =
                if self.busy { SimTime::NEVER } else { forward.peek().time().min(reverse.peek().time()) };
            let left_some = self.turns.processed(!self.busy, next);
            if !self.turns.receives() {
                self.cpu.looks_at_queue();
                if !self.timers_waiting.is_empty() {
                    self.timers_resume(time, left_some);
                }
            }
            if left_some && !self.plain && self.config.host.calls.threaded_softirqs {
                self.poll_leaves_something();
            }
            self.go_on_in_a_row(waiting, flow, to);
        }
        if !self.busy {
            if !self.plain {
                self.softirqs_are_done(time);
            }
            for to in [Side::Receiver, Side::Sender] {
                if self.ports[to.at()].joins() {
                    self.poll_ends(to, time);
                }
            }
            while let Some((flow, side)) = self.tasklets.pop_front() {
                let time = self.cpu.begin(time);
                self.on(flow, side, time, |cx, end| end.small_queue(cx));
            }
            self.applications_resume();
            if self.closing.is_over() {
                self.looking_goes_on(time);
            }
        }
    }

    /// A poll is over, and something waits. In a call soft interrupts begin anew only in the same jiffy (`__do_softirq`): the rest is
    /// left to the next place that lets them in.
    #[inline(never)]
    fn poll_leaves_something(&mut self) {
        let now = self.clock.at(self.cpu.begin(SimTime::ZERO));
        if self.direct && self.interrupted_call.is_some() {
            if self.polls_since.is_some_and(|since| since < now) {
                (self.busy, self.left_over) = (false, true);
            }
        } else {
            self.applications_preempt();
        }
    }

    /// Soft interrupts have the processor: whatever let them in is past.
    #[inline(never)]
    fn softirqs_have_begun(&mut self, time: SimTime) {
        self.let_in = None;
        self.enters_call = false;
        (self.call_over, self.call_back) = (None, None);
        self.left_over = false;
        self.polls_since.get_or_insert(self.clock.at(time));
        self.softirqs_run(time);
    }

    /// They have nothing more to do.
    #[inline(never)]
    fn softirqs_are_done(&mut self, time: SimTime) {
        self.polls_since = None;
        self.accounts.softirqs_sleep(self.cpu.begin(time));
        self.softirqs_sleep(self.cpu.begin(time));
        if std::mem::take(&mut self.roused) {
            self.cpu.busy_until(self.cpu.begin(time) + self.config.host.calls.room_entry);
        }
    }

    /// A segment sets out through the stack of `to`: which way it takes is told from what this changes.
    #[inline(never)]
    fn sets_out(&mut self, flow: FlowId, to: Side) {
        let counters = &self.hosts[to.at()].counters;
        let next = self.flows[flow as usize].ends[to.at()].rx.rcv_nxt();
        self.set_out = Some((next, counters.hp_hits, counters.rcv_coalesce));
    }

    /// It has passed, `piece` bytes long: if it came in order, it takes what its way takes beside the usual one.
    #[inline(never)]
    fn has_passed(&mut self, flow: FlowId, to: Side, piece: u32) {
        let Some((next, predicted, merged)) = self.set_out.take() else { return };
        let rx = &self.flows[flow as usize].ends[to.at()].rx;
        if rx.rcv_nxt() - next != i64::from(piece) {
            return;
        }
        let (calls, counters) = (&self.config.host.calls, &self.hosts[to.at()].counters);
        if counters.hp_hits == predicted {
            self.cpu.gets(calls.unpredicted);
        }
        if counters.rcv_coalesce == merged {
            self.cpu.is_free_sooner(calls.unmerged);
        }
    }

    /// The stack processes one segment of a packet.
    fn segment_ready(&mut self, time: SimTime, ready: &Ready) {
        let (flow, to) = (ready.flow, ready.to);
        let packet = self.links[ready.link.at()].packet_mut(ready.place);
        if let Payload::Handshake(options) = packet.payload {
            let seg = packet.seg;
            self.handshake_packet(flow, to, time, &seg, options);
            return;
        }
        let port = &mut self.ports[to.at()];
        // Copied before it changes: what was just written in parts is slow to read as a whole.
        let mut seg = packet.seg;
        ready.become_next(packet);
        (seg.seq, seg.len, seg.flags) = (packet.seg.seq, packet.seg.len, packet.seg.flags);
        let skb = ready.skb(packet, &seg, port);
        if port.joins() {
            for (flow, seg, buffer) in port.receive(flow, seg, skb.buf).into_iter().flatten() {
                self.deliver(flow, to, time, &seg, &Skb::of(&seg, buffer));
            }
        } else {
            self.deliver(flow, to, time, &seg, &skb);
        }
    }

    /// Whether the program of `side` sleeps until there is something to read.
    #[inline]
    pub(super) fn reader_sleeps(&self, flow: FlowId, side: Side) -> bool {
        let f = &self.flows[flow as usize];
        let thread = if self.config.host.calls.one_thread { 0 } else { side.at() };
        f.threads[thread].asleep.is_some() && f.programs[side.at()].waits_for_data()
    }

    /// A segment has filled a gap: what came in order with it takes its time, too.
    #[inline]
    pub(super) fn segments_drained(&mut self, flow: FlowId, to: Side) {
        let skbs = self.flows[flow as usize].ends[to.at()].rx.take_drained();
        if skbs > 0 {
            self.cpu.busy_until(self.cpu.begin(SimTime::ZERO) + self.cpu.draining(skbs));
        }
    }

    /// A poll of a device ends: what was held back reaches the stack.
    #[inline(never)]
    pub(super) fn poll_ends(&mut self, to: Side, time: SimTime) {
        while let Some((flow, seg, buffer)) = self.ports[to.at()].poll_ends() {
            self.deliver(flow, to, time, &seg, &Skb::of(&seg, buffer));
        }
    }

    /// A segment, or what was joined from several, reaches a socket.
    #[inline(always)]
    pub(super) fn deliver(&mut self, flow: FlowId, to: Side, time: SimTime, seg: &Segment, skb: &Skb) {
        let mut first = false;
        if to == Side::Receiver {
            self.segments += 1;
            let f = &mut self.flows[flow as usize];
            f.segments += 1;
            first = f.established.is_none();
            if first {
                self.passive_side_established(flow, time, seg);
            }
        }
        self.on(flow, to, time, |cx, end| end.segment_arrives(cx, seg, skb));
        if first {
            self.accepted(flow, time);
        }
    }
}
