//! The event loop.

use std::collections::VecDeque;

use super::cpu::Cpu;
use super::endpoint::{Endpoint, OptionCx};
use super::outcome::{RunError, RunOutcome};
use super::softirq::{InputQueue, Turns};
use super::views::{ReceiverView, SenderView};
use crate::app::{Reader, Writer};
use crate::config::{Change, LiveOption, RunConfig};
use crate::host::Host;
use crate::observer::{Observer, Transmit};
use crate::path::{Link, Packet, Payload, Port};
use crate::queue::EventQueue;
use crate::receiver::Receiver;
use crate::segment::{Segment, SynOptions};
use crate::send_half::{Cx, SendHalf};
use crate::sender::Sender;
use crate::skb::Buffer;
use crate::time::{Jiffies, JiffyClock, SimTime};
use crate::timer_wheel::TimerWheel;

/// The two ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Side {
    /// The end that opens the connection and writes.
    Sender,
    /// The end that reads.
    Receiver,
}

/// What waits in the heap.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Event {
    /// A timer of one end may be due.
    Timer(Side),
    /// An application may run.
    Applications,
    /// The writer, and with it the applications' clocks, start.
    Start,
    /// A change from the configuration.
    Change(usize),
}

/// A packet that a device has handed up and that the stack has not processed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ready {
    to: Side,
    packet: Packet,
    done: u32,
    of: u32,
    /// Pieces that found room in the processor's input queue.
    kept: u32,
}

/// Where the events of the loop come from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Source {
    Heap,
    Forward,
    Reverse,
}

/// One run.
#[derive(Debug)]
pub(super) struct Simulation<'a, O: Observer> {
    pub(super) config: &'a RunConfig,
    pub(super) clock: JiffyClock,
    pub(super) wheel: TimerWheel,
    pub(super) queue: EventQueue<Event>,
    pub(super) forward: Link,
    pub(super) reverse: Link,
    /// The writing end's port.
    pub(super) port_a: Port,
    /// The reading end's port.
    pub(super) port_b: Port,
    /// The writing end.
    pub(super) a: Endpoint,
    /// The reading end.
    pub(super) b: Endpoint,
    pub(super) cpu: Cpu,
    pub(super) ready: VecDeque<Ready>,
    pub(super) input: InputQueue,
    pub(super) turns: Turns,
    pub(super) writer: Writer,
    pub(super) reader: Reader,
    pub(super) app_wake: Option<SimTime>,
    pub(super) out: Vec<Transmit>,
    pub(super) obs: &'a mut O,
    pub(super) syn_sent: SimTime,
    pub(super) syn_ack_sent: SimTime,
    pub(super) peer_syn: Option<SynOptions>,
    pub(super) established: Option<SimTime>,
    pub(super) started: Option<SimTime>,
    pub(super) segments: u64,
}

impl<'a, O: Observer> Simulation<'a, O> {
    pub(super) fn new(config: &'a RunConfig, obs: &'a mut O) -> Self {
        let host = &config.host;
        Self {
            config,
            clock: JiffyClock::new(host.hz, host.since_tick),
            wheel: TimerWheel::new(host.jiffies),
            queue: EventQueue::new(config.stop.max_events),
            forward: Link::new(&config.forward),
            reverse: Link::new(&config.reverse),
            port_a: Port::new(config.kernel, &config.sender, host),
            port_b: Port::new(config.kernel, &config.receiver, host),
            a: Endpoint::new(config.kernel, &config.sender, host),
            b: Endpoint::new(config.kernel, &config.receiver, host),
            cpu: Cpu::new(host.packet_cost),
            ready: VecDeque::with_capacity(64),
            input: InputQueue::default(),
            turns: Turns::default(),
            writer: Writer::new(&config.sender.write),
            reader: Reader::new(&config.receiver.read),
            app_wake: None,
            out: Vec::with_capacity(64),
            obs,
            syn_sent: SimTime::ZERO,
            syn_ack_sent: SimTime::ZERO,
            peer_syn: None,
            established: None,
            started: None,
            segments: 0,
        }
    }

    pub(super) fn run(mut self) -> Result<RunOutcome, RunError> {
        self.set_options();
        for (i, change) in self.config.events.iter().enumerate() {
            self.queue.push(SimTime::ZERO + change.at, Event::Change(i));
        }
        self.open();
        let mut last = SimTime::ZERO;
        let ended = loop {
            let (source, key) = self.earliest();
            let ready = self.ready.front().map(|_| self.cpu.begin(SimTime::ZERO));
            let (time, take_ready) = match ready {
                Some(r) if r <= key.time || (source != Source::Heap && self.turns.receiving()) => (r, true),
                _ => (key.time, false),
            };
            if let Some(stop) = self.stop_at().filter(|&s| time > s) {
                break stop;
            }
            if time == SimTime::NEVER {
                break last;
            }
            last = last.max(time);
            self.queue.count(time)?;
            if take_ready {
                self.process_ready(time);
            } else {
                match source {
                    Source::Heap => self.heap_event(),
                    Source::Forward => self.dequeue(Side::Receiver, time),
                    Source::Reverse => self.dequeue(Side::Sender, time),
                }
            }
            if self.done() {
                break last;
            }
        };
        let (Some(established), Some(started)) = (self.established, self.started) else {
            return Err(RunError::NotEstablished { at: ended });
        };
        Ok(RunOutcome {
            receiver: self.b.rx.state(&self.b.tx),
            sender: self.a.tx.state(),
            receiver_counters: self.b.host.counters.clone(),
            sender_counters: self.a.host.counters.clone(),
            established,
            started,
            ended,
            events: self.queue.processed(),
            written: self.writer.written(),
            read: self.reader.bytes(),
            segments: self.segments,
            input_queue_drops: self.input.dropped,
            forward_drops: self.forward.dropped(),
            reverse_drops: self.reverse.dropped(),
        })
    }

    fn stop_at(&self) -> Option<SimTime> {
        self.started.map(|s| s.saturating_add(self.config.stop.after))
    }

    fn done(&self) -> bool {
        let stop = &self.config.stop;
        stop.bytes.is_some_and(|b| self.reader.bytes() >= b)
            || stop.packets.is_some_and(|p| self.segments >= p)
    }

    fn earliest(&self) -> (Source, crate::queue::Key) {
        let (heap, forward, reverse) = (self.queue.peek(), self.forward.peek(), self.reverse.peek());
        if forward < heap {
            if forward < reverse { (Source::Forward, forward) } else { (Source::Reverse, reverse) }
        } else if reverse < heap {
            (Source::Reverse, reverse)
        } else {
            (Source::Heap, heap)
        }
    }

    fn set_options(&mut self) {
        let now = self.clock.now(SimTime::ZERO);
        let mut view = SenderView(&mut *self.obs);
        let mut cx = OptionCx { now, out: &mut self.out, obs: &mut view };
        self.a.set_options(&mut cx, &self.config.sender);
        let mut view = ReceiverView(&mut *self.obs);
        let mut cx = OptionCx { now, out: &mut self.out, obs: &mut view };
        self.b.set_options(&mut cx, &self.config.receiver);
        self.out.clear();
    }

    // --- packets --------------------------------------------------------------------------------------------

    /// A packet leaves its link: an interrupt hands it up.
    fn dequeue(&mut self, to: Side, time: SimTime) {
        let (link, port, offload) = match to {
            Side::Receiver => (&mut self.forward, &self.port_b, self.config.sender.offload),
            Side::Sender => (&mut self.reverse, &self.port_a, self.config.receiver.offload),
        };
        if let Some(packet) = link.pop() {
            let of = port.device().pieces(&packet, offload);
            self.turns.dequeued(self.ready.is_empty());
            self.cpu.interrupt(time, of);
            let kept = self.input.add(of);
            if kept > 0 {
                self.ready.push_back(Ready { to, packet, done: 0, of, kept });
            }
        }
    }

    /// The stack processes the next segment that waits.
    fn process_ready(&mut self, time: SimTime) {
        let Some(front) = self.ready.front_mut() else { return };
        self.turns.begin();
        let Ready { to, packet, done, of, kept } = *front;
        front.done += 1;
        if front.done >= kept {
            self.ready.pop_front();
        }
        self.input.take();
        let link = match to {
            Side::Receiver => &mut self.forward,
            Side::Sender => &mut self.reverse,
        };
        if link.loses_next() {
            self.cpu.busy_until(time + self.cpu.dropped());
        } else {
            self.cpu.busy_until(time + self.cpu.segment());
            self.segment_ready(to, time, &packet, done, of);
        }
        self.turns.processed(self.ready.is_empty());
        if self.ready.is_empty() {
            for to in [Side::Receiver, Side::Sender] {
                if let Some((seg, buffer)) = self.port(to).poll_ends() {
                    self.deliver(to, time, &seg, buffer);
                }
            }
            self.schedule_applications();
        }
    }

    /// The stack processes one segment of a packet.
    fn segment_ready(&mut self, to: Side, time: SimTime, packet: &Packet, done: u32, of: u32) {
        match packet.payload {
            Payload::Handshake(options) => self.handshake_packet(to, time, &packet.seg, options),
            Payload::Ack | Payload::Data(_) => {
                let port = self.port(to);
                let (seg, buffer) = port.device().piece(packet, done, of);
                for (seg, buffer) in port.receive(seg, buffer).into_iter().flatten() {
                    self.deliver(to, time, &seg, buffer);
                }
            }
        }
    }

    fn port(&mut self, of: Side) -> &mut Port {
        match of {
            Side::Sender => &mut self.port_a,
            Side::Receiver => &mut self.port_b,
        }
    }

    /// A segment, or what was joined from several, reaches a socket.
    fn deliver(&mut self, to: Side, time: SimTime, seg: &Segment, buffer: Buffer) {
        match to {
            Side::Sender => {
                self.on_a(time, |cx, rx, tx, _| rx.segment_arrives(cx, tx, seg, buffer));
            }
            Side::Receiver => {
                self.segments += 1;
                let first = self.established.is_none();
                if first {
                    self.passive_side_established(time, seg);
                }
                self.on_b(time, |cx, rx, tx, _| rx.segment_arrives(cx, tx, seg, buffer));
                if first {
                    self.accepted(time);
                }
            }
        }
    }

    /// Puts a packet on the link away from `from`.
    pub(super) fn put(&mut self, from: Side, at: SimTime, packet: Packet) {
        match from {
            Side::Sender => self.forward.send(at, packet, &mut self.queue),
            Side::Receiver => self.reverse.send(at, packet, &mut self.queue),
        };
    }

    // --- calls into the two ends ----------------------------------------------------------------------------

    /// Lets the writing end act at `time`.
    pub(super) fn on_a<R>(
        &mut self,
        time: SimTime,
        act: impl FnOnce(
            &mut Cx<'_, SenderView<'_, O>>,
            &mut Receiver,
            &mut Sender,
            &mut Option<(Jiffies, Jiffies)>,
        ) -> R,
    ) -> R {
        let mut out = std::mem::take(&mut self.out);
        let mut view = SenderView(&mut *self.obs);
        let (rx, tx, host, delayed) = self.a.parts();
        let mut cx = Cx { now: self.clock.now(time), out: &mut out, host, obs: &mut view };
        let result = act(&mut cx, rx, tx, delayed);
        let now = cx.now;
        self.cpu.busy_until(now.time);
        for t in out.drain(..) {
            let packet = self.a.tx.take_emitted(&t.seg).map_or(Payload::Ack, Payload::Data);
            self.leave(Side::Sender, time, t, packet);
        }
        self.out = out;
        self.b.rx.release_shared(self.a.tx.snd_una());
        self.after(Side::Sender, now.time);
        result
    }

    /// Lets the reading end act at `time`.
    pub(super) fn on_b<R>(
        &mut self,
        time: SimTime,
        act: impl FnOnce(
            &mut Cx<'_, ReceiverView<'_, O>>,
            &mut Receiver,
            &mut Sender,
            &mut Option<(Jiffies, Jiffies)>,
        ) -> R,
    ) -> R {
        let mut out = std::mem::take(&mut self.out);
        let mut view = ReceiverView(&mut *self.obs);
        let (rx, tx, host, delayed) = self.b.parts();
        let mut cx = Cx { now: self.clock.now(time), out: &mut out, host, obs: &mut view };
        let result = act(&mut cx, rx, tx, delayed);
        let now = cx.now;
        self.cpu.busy_until(now.time);
        for t in out.drain(..) {
            let packet = self.b.tx.take_emitted(&t.seg).map_or(Payload::Ack, Payload::Data);
            self.leave(Side::Receiver, time, t, packet);
        }
        self.out = out;
        self.a.rx.release_shared(self.b.tx.snd_una());
        self.after(Side::Receiver, now.time);
        result
    }

    /// A packet leaves a socket.
    fn leave(&mut self, from: Side, time: SimTime, t: Transmit, payload: Payload) {
        self.turns.sent();
        let at = match payload {
            Payload::Data(e) => e.at,
            _ => {
                if O::ACTIVE && from == Side::Sender {
                    self.obs.sent(self.clock.now(time), &t.seg, &self.a.tx.state());
                }
                self.cpu.busy_until(self.cpu.begin(time) + self.cpu.ack());
                time
            }
        };
        self.put(from, at, Packet { seg: t.seg, payload });
    }

    /// After an end has acted: its timers may have moved, and an application may have been woken.
    fn after(&mut self, side: Side, time: SimTime) {
        let now = self.clock.now(time);
        let end = match side {
            Side::Sender => &mut self.a,
            Side::Receiver => &mut self.b,
        };
        if let Some(due) = end.next_timer(&self.clock, &self.wheel, now) {
            let due = due.max(time);
            // A timer that moved later leaves its event in the queue, where it finds nothing to do.
            if end.wake.is_none_or(|w| due < w) {
                end.wake = Some(due);
                self.queue.push(due, Event::Timer(side));
            }
        }
        if self.a.tx.take_wakeup() {
            self.writer.wake(time);
        }
        self.schedule_applications();
    }

    // --- the heap's events ----------------------------------------------------------------------------------

    fn heap_event(&mut self) {
        let Some((due, event)) = self.queue.pop() else { return };
        let time = self.cpu.begin(due);
        match event {
            Event::Timer(side) => self.timer(side, due, time),
            Event::Applications => {
                if self.app_wake == Some(due) {
                    self.app_wake = None;
                }
                // A program runs when the stack has nothing left to do.
                if self.ready.is_empty() {
                    self.run_applications(time);
                }
            }
            Event::Start => {
                self.started = Some(time);
                self.writer.start(time);
                self.reader.start(time);
                self.run_applications(time);
            }
            Event::Change(i) => self.change(i, time),
        }
    }

    fn timer(&mut self, side: Side, due: SimTime, time: SimTime) {
        let end = match side {
            Side::Sender => &mut self.a,
            Side::Receiver => &mut self.b,
        };
        if end.wake == Some(due) {
            end.wake = None;
        }
        match side {
            Side::Sender => {
                let time = time + self.cpu.transmit_timer();
                self.on_a(time, |cx, rx, tx, d| {
                    Endpoint::timers_fire(cx, rx, tx, d);
                });
            }
            Side::Receiver => {
                let time = time + self.cpu.ack_timer();
                self.on_b(time, |cx, rx, tx, d| {
                    Endpoint::timers_fire(cx, rx, tx, d);
                });
            }
        }
    }

    fn change(&mut self, i: usize, time: SimTime) {
        let Some(c) = self.config.events.get(i) else { return };
        match c.change {
            Change::ReceiverOption(LiveOption::SndBuf(v)) => self.b.tx.set_sndbuf(v, false),
            Change::ReceiverOption(o) => self.on_b(time, |cx, rx, tx, _| rx.set_option(cx, tx, o)),
            Change::SenderOption(LiveOption::SndBuf(v)) => {
                self.a.tx.set_sndbuf(v, false);
                self.after(Side::Sender, time);
            }
            Change::SenderOption(o) => self.on_a(time, |cx, rx, tx, _| rx.set_option(cx, tx, o)),
            Change::ReceiverRead(bytes) => self.read(time, bytes),
        }
    }

    /// The host of the reading end.
    pub(super) fn receiver_host(&mut self) -> &mut Host {
        &mut self.b.host
    }
}
