//! The event loop.

use std::collections::VecDeque;

use super::calls::{is_direct, waits_for_calls};
use super::closing::Closing;
use super::cpu::Cpu;
use super::endpoint::Endpoint;
use super::flow::{Flow, FlowId, Shared, Side};
use super::outcome::{HostOutcome, NamedSnapshot, RunError, RunOutcome};
use super::softirq::{InputQueue, Turns};
use super::views::View;
use crate::config::{Change, LinkConfig, LiveOption, RunConfig, Shaper};
use crate::host::Host;
use crate::observer::{Observer, Transmit};
use crate::path::{Direction, Link, Packet, Payload, Port};
use crate::queue::{EventQueue, Key, Lane};
use crate::rng;
use crate::segment::{Flags, Segment};
use crate::send_half::{Cx, SendHalf};
use crate::seq::Seq;
use crate::skb::Buffer;
use crate::time::{JiffyClock, Now, SimDuration, SimTime};
use crate::timer_wheel::TimerWheel;
use rand_chacha::ChaCha8Rng;

/// What waits in the heap.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Event {
    /// A connection is opened.
    Open(FlowId),
    /// An end may have to send its SYN or SYN-ACK again.
    Handshake(FlowId, Side),
    /// The interrupt of a device may come.
    Interrupt(Side),
    /// A timer of one end may be due.
    Timer(FlowId, Side),
    /// A thread of a connection's programs may run.
    Applications(FlowId, u8),
    /// The writer of a connection, and with it its applications' clocks, start.
    Start(FlowId),
    /// The device has let go of packets of a socket that stopped for them.
    SmallQueue(FlowId, Side),
    /// A change from the configuration.
    Change(usize),
}

/// A packet that a device has handed up and that the stack has not processed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ready {
    to: Side,
    /// From the first piece on, the piece that is being processed.
    packet: Packet,
    /// Sequence number, length and flags of the whole.
    whole: (Seq, u32, Flags),
    done: u32,
    of: u32,
    /// Pieces that found room in the processor's input queue or the device's ring.
    kept: u32,
}

impl Ready {
    pub(super) fn new(to: Side, packet: &Packet, of: u32, kept: u32) -> Self {
        let whole = (packet.seg.seq, packet.seg.len, packet.seg.flags);
        Self { to, packet: *packet, whole, done: 0, of, kept }
    }
}

/// Where the events of the loop come from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Source {
    Heap,
    Link(Side),
    /// The call that was interrupted goes on.
    Call,
}

/// Memory that one run leaves to the next.
#[derive(Debug)]
pub(super) struct Storage {
    queue: EventQueue<Event>,
    flows: Vec<Flow>,
    waiting: VecDeque<Ready>,
    apps_waiting: VecDeque<(FlowId, u8)>,
    out: Vec<Transmit>,
    lanes: [Lane<Packet>; 2],
}

impl Default for Storage {
    fn default() -> Self {
        Self {
            queue: EventQueue::new(0),
            flows: Vec::new(),
            waiting: VecDeque::new(),
            apps_waiting: VecDeque::new(),
            out: Vec::new(),
            lanes: Default::default(),
        }
    }
}

/// One run. What exists once for each side is a pair, by [`Side::at`].
#[derive(Debug)]
pub(super) struct Simulation<'a, O: Observer> {
    pub(super) config: &'a RunConfig,
    pub(super) clock: JiffyClock,
    pub(super) wheel: TimerWheel,
    pub(super) queue: EventQueue<Event>,
    /// The links that packets of each side enter.
    pub(super) links: [Link; 2],
    pub(super) ports: [Port; 2],
    pub(super) hosts: [Host; 2],
    pub(super) flows: Vec<Flow>,
    /// What devices have handed up and the stack has not processed; lent to the event loop.
    waiting: VecDeque<Ready>,
    pub(super) cpu: Cpu,
    /// How long data and ACKs take to leave the socket that sends them because of a segment.
    pub(super) lags: [SimDuration; 2],
    /// When the socket was done with the data that it sent because of a segment.
    data_left: Option<SimTime>,
    /// Whether segments wait for the stack behind the one that it processes.
    pub(super) busy: bool,
    pub(super) input: InputQueue,
    pub(super) turns: Turns,
    /// How long writers wait that the host has no memory for.
    pub(super) memory_wait: ChaCha8Rng,
    /// Threads that were due while the stack was busy.
    pub(super) apps_waiting: VecDeque<(FlowId, u8)>,
    /// The stack leaves calls alone until they are over.
    pub(super) uninterrupted: bool,
    /// When the last call was over, if soft interrupts are a thread's and it has not run since.
    pub(super) call_over: Option<SimTime>,
    /// When the call that is interrupted began to let soft interrupts in, until they begin.
    pub(super) let_in: Option<SimTime>,
    /// A call has given the processor to the stack where it may sleep.
    pub(super) preempted: bool,
    /// Soft interrupts were raised by the interrupt that ended a program's sleep: its first call runs them.
    pub(super) raised: bool,
    /// Packets arrive in the moment in which they are sent.
    pub(super) direct: bool,
    /// A link is the queueing discipline of its own host, or has one in front of it.
    in_host: bool,
    /// Timers that came due while segments were received, and when, and whether that was in the present turn.
    timers_waiting: Vec<(FlowId, Side, SimTime, bool)>,
    /// Sockets that go on when what has arrived was processed.
    tasklets: VecDeque<(FlowId, Side)>,
    /// Packets that left a socket.
    pub(super) transmitted: u64,
    /// Threads that are in a call.
    pub(super) calling: u32,
    /// Where the call that was interrupted goes on, and whose it is. There is never more than one.
    pub(super) interrupted_call: Option<(Key, FlowId, u8)>,
    /// Changes that were due while a thread was in a call.
    pub(super) changes_waiting: Vec<usize>,
    pub(super) out: Vec<Transmit>,
    /// Both hosts at the moments that the configuration names.
    snapshots: Vec<NamedSnapshot>,
    pub(super) obs: &'a mut O,
    /// The clocks as they were last read.
    reading: Now,
    /// The flow that the observer was last told of.
    watched: FlowId,
    /// When the first reading end was established.
    pub(super) established: Option<SimTime>,
    /// When the first `connect` was given up.
    pub(super) gave_up: Option<SimTime>,
    /// When the first writer started.
    pub(super) started: Option<SimTime>,
    pub(super) segments: u64,
    pub(super) read_bytes: u64,
    /// Bytes that the writing ends read back.
    pub(super) returned_bytes: u64,
    /// When the run ends; known once a writer has started.
    pub(super) stop_at: SimTime,
    pub(super) closing: Closing,
    stop_bytes: u64,
    stop_segments: u64,
    stop_returned: u64,
    /// The earliest of heap and links, how many events had been scheduled when it was looked up, and whether
    /// something was taken from them or put onto a link since.
    next: (Source, Key),
    seen: u64,
    pub(super) moved: bool,
}

/// A host as it starts; the reading one has a socket that listens.
fn host(config: &RunConfig, side: Side) -> Host {
    let mut host = Host::new(config.kernel, &config.host);
    if side == Side::Receiver {
        let m = &mut host.memory;
        m.sockets.created();
        (m.census.used, m.census.inuse) = (1, 1);
    }
    host
}

/// The connections of a run, closed, in the memory of those of an earlier one.
fn open_flows(flows: &mut Vec<Flow>, config: &RunConfig) {
    let count = config.flows.count();
    let common = [&config.sender, &config.receiver].map(Shared::of);
    flows.truncate(count as usize);
    for (id, old) in (0..).zip(flows.iter_mut()) {
        let mut new = Flow::new(config, id, &common);
        new.take_memory(old);
        *old = new;
    }
    let there = u32::try_from(flows.len()).unwrap_or(u32::MAX);
    flows.extend((there..count).map(|id| Flow::new(config, id, &common)));
}

impl<'a, O: Observer> Simulation<'a, O> {
    /// A run that has not begun, in the memory of an earlier one.
    pub(super) fn new(config: &'a RunConfig, obs: &'a mut O, storage: &mut Storage) -> Self {
        let Storage { mut queue, mut flows, mut waiting, mut apps_waiting, mut out, lanes } =
            std::mem::take(storage);
        queue.reset(config.stop.max_events);
        open_flows(&mut flows, config);
        let fair = |link: &LinkConfig| matches!(link.shaper, Some(Shaper::Fair(_)));
        let reverse = if config.forward.both_ways { &config.forward } else { &config.reverse };
        let paced = [fair(&config.forward), fair(reverse)];
        for f in flows.iter_mut().filter(|_| paced.contains(&true)) {
            for (end, _) in f.ends.iter_mut().zip(paced).filter(|(_, paced)| *paced) {
                end.tx.paced_by_queue();
            }
        }
        waiting.clear();
        apps_waiting.clear();
        out.clear();
        let port = |end| Port::new(config.kernel, end, &config.host);
        let ports = [port(&config.sender), port(&config.receiver)];
        let [forward, reverse] = lanes;
        let apart = ports.iter().any(|p| p.ring.is_some());
        let links = [
            Link::in_memory_of(forward, &config.forward, config.seed, Direction::Forward)
                .on_kernel(config.kernel),
            Link::in_memory_of(reverse, &config.reverse, config.seed, Direction::Reverse)
                .on_kernel(config.kernel),
        ];
        Self {
            config,
            clock: JiffyClock::new(config.host.hz, config.host.since_tick),
            wheel: TimerWheel::new(config.host.jiffies),
            queue,
            in_host: links.iter().any(|l| l.in_host() || l.host_queue(0, Direction::Forward).is_some()),
            links,
            ports,
            hosts: [host(config, Side::Sender), host(config, Side::Receiver)],
            flows,
            waiting,
            cpu: Cpu::new(config.host.packet_cost, &config.host.steps),
            lags: Default::default(),
            data_left: None,
            busy: false,
            input: InputQueue::default(),
            turns: Turns::new(apart),
            memory_wait: rng::stream(config.seed, rng::Purpose::MemoryWait, 0),
            apps_waiting,
            raised: false,
            call_over: None,
            let_in: None,
            direct: is_direct(config),
            uninterrupted: waits_for_calls(config),
            preempted: false,
            timers_waiting: Vec::new(),
            tasklets: VecDeque::new(),
            transmitted: 0,
            calling: 0,
            interrupted_call: None,
            changes_waiting: Vec::new(),
            out,
            snapshots: Vec::new(),
            obs,
            reading: JiffyClock::new(config.host.hz, config.host.since_tick).now(SimTime::ZERO),
            watched: 0,
            gave_up: None,
            established: None,
            started: None,
            segments: 0,
            read_bytes: 0,
            returned_bytes: 0,
            stop_at: SimTime::NEVER,
            closing: Closing::default(),
            // With both, everything must have come, and come back.
            stop_bytes: config.stop.bytes.unwrap_or(if config.stop.returned.is_some() {
                0
            } else {
                u64::MAX
            }),
            stop_returned: config.stop.returned.unwrap_or(0),
            stop_segments: config.stop.packets.unwrap_or(u64::MAX),
            next: (Source::Heap, Key::NEVER),
            seen: 0,
            moved: true,
        }
    }

    pub(super) fn run(&mut self) -> Result<RunOutcome, RunError> {
        for (i, change) in self.config.events.iter().enumerate() {
            self.queue.push_timer(SimTime::ZERO + change.at, Event::Change(i));
        }
        for flow in 0..self.config.flows.count() {
            let at = SimTime::ZERO + self.config.flows.start(flow);
            if at == SimTime::ZERO {
                self.open(flow, at);
            } else {
                self.queue.push_timer(at, Event::Open(flow));
            }
        }
        let mut waiting = std::mem::take(&mut self.waiting);
        let ended = self.events(&mut waiting);
        self.waiting = waiting;
        let ended = ended?;
        self.closing.take_outcome().unwrap_or_else(|| self.finish(ended))
    }

    /// Leaves the memory to the next run.
    pub(super) fn give_back(self, storage: &mut Storage) {
        let Self { queue, flows, waiting, apps_waiting, out, links, .. } = self;
        *storage = Storage { queue, flows, waiting, apps_waiting, out, lanes: links.map(Link::into_lane) };
    }

    /// Lets everything happen until the run is over; returns when that is.
    fn events(&mut self, waiting: &mut VecDeque<Ready>) -> Result<SimTime, RunError> {
        let mut last = SimTime::ZERO;
        loop {
            if self.moved || self.queue.inserted() != self.seen {
                self.next = self.earliest();
                self.moved = false;
                self.seen = self.queue.inserted();
            }
            let (mut source, mut key) = self.next;
            let ready = self.cpu.begin(SimTime::ZERO);
            while let Some((due, ..)) = &mut self.interrupted_call
                && *due < key
            {
                if !self.busy
                    || (self.uninterrupted && !self.preempted)
                    || due.time >= ready
                    || due.time > self.stop_at
                {
                    (source, key) = (Source::Call, *due);
                    break;
                }
                // The stack is at work: the call looks again when it has done the next segment.
                last = last.max(due.time);
                self.queue.count(due.time)?;
                *due = self.queue.key(ready);
                self.seen = self.queue.inserted();
            }
            let take_ready = self.busy
                && (ready <= key.time
                    || (matches!(source, Source::Link(_)) && self.turns.receiving(key.time)));
            let time = if take_ready { self.cpu.enters() } else { key.time };
            if time > self.stop_at {
                if self.is_over() {
                    return Ok(self.stop_at);
                }
                continue;
            }
            if time == SimTime::NEVER {
                return Ok(last);
            }
            last = last.max(time);
            self.queue.count(time)?;
            match source {
                _ if take_ready => self.process_ready(waiting, time),
                Source::Heap => self.heap_event(waiting),
                Source::Link(from) => self.dequeue(waiting, from, time),
                Source::Call => self.call_is_due(),
            }
            let read = self.read_bytes >= self.stop_bytes && self.returned_bytes >= self.stop_returned;
            if (read || self.segments >= self.stop_segments) && self.programs_are_done(last) {
                return Ok(last);
            }
        }
    }

    pub(super) fn finish(&self, ended: SimTime) -> Result<RunOutcome, RunError> {
        let (Some(established), Some(started), Some(first)) =
            (self.established, self.started, self.flows.first())
        else {
            return Err(RunError::NotEstablished { at: ended, gave_up: self.gave_up });
        };
        let first = first.outcome();
        let [sender_host, receiver_host] = &self.hosts;
        let [forward, reverse] = &self.links;
        let outcome = |f: &Flow| {
            let mut out = f.outcome();
            out.blocked.end(ended);
            out
        };
        let flows: Vec<_> = self.flows.iter().map(outcome).collect();
        Ok(RunOutcome {
            receiver_host: HostOutcome::of(receiver_host, ended),
            sender_host: HostOutcome::of(sender_host, ended),
            snapshots: self.snapshots.clone(),
            receiver: first.receiver,
            sender: first.sender,
            receiver_counters: receiver_host.counters.clone(),
            sender_counters: sender_host.counters.clone(),
            established,
            started,
            ended,
            events: self.queue.processed(),
            written: flows.iter().map(|f| f.written).sum(),
            read: flows.iter().map(|f| f.read).sum(),
            returned: flows.iter().map(|f| f.returned).sum(),
            segments: self.segments,
            input_queue_drops: self.input.dropped,
            rings: self.ports.each_ref().map(|p| p.ring.as_ref().map(|r| r.stats())),
            forward: forward.stats(),
            reverse: reverse.stats(),
            flows,
        })
    }

    fn earliest(&self) -> (Source, Key) {
        let [forward, reverse] = [self.links[0].peek(), self.links[1].peek()];
        let mut first = (Source::Heap, self.queue.peek());
        if forward < first.1 {
            first = (Source::Link(Side::Sender), forward);
        }
        if reverse < first.1 {
            first = (Source::Link(Side::Receiver), reverse);
        }
        first
    }

    /// The call that was interrupted may go on.
    fn call_is_due(&mut self) {
        if let Some((due, flow, thread)) = self.interrupted_call.take() {
            self.call_goes_on(flow, thread, self.cpu.begin(due.time));
        }
    }

    // --- packets --------------------------------------------------------------------------------------------

    /// A packet leaves the link of `link`: an interrupt hands it up.
    fn dequeue(&mut self, waiting: &mut VecDeque<Ready>, link: Side, time: SimTime) {
        self.moved = true;
        let woken = if self.config.host.calls.threaded_softirqs { self.woken_program(time) } else { None };
        if let Some((flow, thread)) = woken.filter(|_| self.uninterrupted) {
            return self.run_thread(flow, thread, self.cpu.begin(time));
        }
        if let Some(packet) = self.links[link.at()].next_plain()
            && !self.in_host
            && self.ports[Side::sends(packet.way).peer().at()].ring.is_none()
        {
            let from = Side::sends(packet.way);
            let of = self.pieces(from, packet);
            if O::ACTIVE {
                let packet = *packet;
                self.report_crossing(from, time, &packet);
            }
            self.packet_arrives(waiting, link, time, None, of, woken);
            return;
        }
        let popped = self.links[link.at()].pop(&mut self.queue);
        self.packets_freed(link, time);
        if let Some(packet) = popped {
            let from = Side::sends(packet.way);
            let to = from.peer();
            self.report_crossing(from, time, &packet);
            if self.links[link.at()].in_host() {
                self.flows[packet.flow as usize].ends[from.at()].tx.left_host(packet.seg.seq);
            }
            let of = self.pieces(from, &packet);
            if self.ports[to.at()].ring.is_some() {
                self.frames_arrive(waiting, to, time, packet, of);
                return;
            }
            self.packet_arrives(waiting, link, time, Some(&packet), of, woken);
        } else if let Some((flow, thread)) = woken {
            self.run_thread(flow, thread, self.cpu.begin(time));
        }
    }

    /// In how many pieces the device of the other end gets a packet of `from`.
    fn pieces(&self, from: Side, packet: &Packet) -> u32 {
        let offload = match from {
            Side::Sender => self.config.sender.offload,
            Side::Receiver => self.config.receiver.offload,
        };
        self.ports[from.peer().at()].device().pieces(packet, offload)
    }

    /// A packet of `of` pieces reaches a processor whose device has no ring: `popped`, or the next one of `link`;
    /// `woken` goes before it.
    #[inline(always)]
    fn packet_arrives(
        &mut self,
        waiting: &mut VecDeque<Ready>,
        link: Side,
        time: SimTime,
        popped: Option<&Packet>,
        of: u32,
        woken: Option<(FlowId, u8)>,
    ) {
        let idle = waiting.is_empty();
        self.turns.dequeued(idle);
        let first = if woken.is_none() { self.rouse(time) } else { None };
        if first.is_none() && woken.is_none() {
            match self.program_until(time).filter(|_| idle) {
                Some(until) => self.cpu.interrupt_program(time, until, of),
                None => self.cpu.interrupt(time, of, idle),
            }
        }
        self.cpu.gets(self.input.beyond(of));
        let kept = self.input.add(of);
        if kept > 0
            && let Some(packet) = popped.or_else(|| self.links[link.at()].next_plain())
        {
            waiting.push_back(Ready::new(Side::sends(packet.way).peer(), packet, of, kept));
            self.busy = true;
        }
        if popped.is_none() {
            self.links[link.at()].leaves();
        }
        if let Some((flow, thread)) = woken {
            self.goes_first(flow, thread, time);
        } else if let Some((flow, thread)) = first {
            self.runs_first(flow, thread, time);
        }
    }

    /// From when on soft interrupts have the processor for a packet due at `time`, if it was a program's by then.
    fn program_until(&self, time: SimTime) -> Option<SimTime> {
        if let Some(at) = self.let_in {
            return Some(at);
        }
        let over = self.call_over.filter(|_| self.interrupted_call.is_none())?;
        let free = self.cpu.begin(over);
        (time < free).then(|| self.cpu.after_program(time.max(over), free))
    }

    /// Tells the observer how long data was on its way.
    fn report_crossing(&mut self, from: Side, time: SimTime, packet: &Packet) {
        if O::ACTIVE
            && from == Side::Sender
            && let Payload::Data(e) = packet.payload
        {
            self.watch(packet.flow);
            self.obs.crossed(self.clock.now(time), e.at, packet.wire_bytes());
        }
    }

    /// The stack processes the next segment that waits.
    fn process_ready(&mut self, waiting: &mut VecDeque<Ready>, time: SimTime) {
        let others = waiting.len() > 1;
        if let Some(front) = waiting.front_mut() {
            self.cpu.entered();
            self.let_in = None;
            self.call_over = None;
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
                    let seq = front.packet.seg.seq;
                    self.flows[front.packet.flow as usize].ends[from.at()].tx.dropped_on_the_way(seq);
                }
            } else {
                let held = self.calling > 0
                    && self.flows[front.packet.flow as usize].ends[front.to.at()].rx.is_owned();
                let alone = !self.flows[front.packet.flow as usize].ends[front.to.at()].rx.has_data();
                let cost =
                    if held { self.cpu.backlog() } else { self.cpu.segment(front.to, !self.busy, alone) };
                self.cpu.busy_until(time + cost);
                self.lags = if held { Default::default() } else { self.cpu.reactions() };
                self.data_left = None;
                self.segment_ready(time, front);
                self.lags = Default::default();
                if let Some(at) = self.data_left {
                    let called = self.config.host.calls.threaded_softirqs && self.interrupted_call.is_some();
                    self.cpu.sent_data(at, !self.busy, called);
                }
            }
            front.done += 1;
            if ringed {
                self.frame_taken(front.to, time);
            }
            if last {
                waiting.pop_front();
            }
            let left_some = self.turns.processed(!self.busy);
            if !self.turns.receives() {
                self.cpu.looks_at_queue();
                if !self.timers_waiting.is_empty() {
                    self.timers_resume(time, left_some);
                }
            }
            if left_some && self.config.host.calls.threaded_softirqs {
                self.applications_preempt();
            }
        }
        if !self.busy {
            for to in [Side::Receiver, Side::Sender] {
                while let Some((flow, seg, buffer)) = self.ports[to.at()].poll_ends() {
                    self.deliver(flow, to, time, &seg, &buffer);
                }
            }
            while let Some((flow, side)) = self.tasklets.pop_front() {
                let time = self.cpu.begin(time);
                self.on(flow, side, time, |cx, end| end.small_queue(cx));
            }
            self.applications_resume();
        }
    }

    /// The stack processes one segment of a packet.
    fn segment_ready(&mut self, time: SimTime, ready: &mut Ready) {
        let Ready { to, packet, whole, done, of, .. } = ready;
        let to = *to;
        if let Payload::Handshake(options) = packet.payload {
            self.handshake_packet(packet.flow, to, time, &packet.seg, options);
            return;
        }
        if *of > 1 {
            packet.become_segment(*whole, *done);
        }
        let port = &mut self.ports[to.at()];
        let buffer = port.device().buffer(packet, &packet.seg, *of == 1);
        if port.joins() {
            for (flow, seg, buffer) in port.receive(packet.flow, packet.seg, buffer).into_iter().flatten() {
                self.deliver(flow, to, time, &seg, &buffer);
            }
        } else {
            self.deliver(packet.flow, to, time, &packet.seg, &buffer);
        }
    }

    /// A poll of a device ends: what was held back reaches the stack.
    #[inline(never)]
    pub(super) fn poll_ends(&mut self, to: Side, time: SimTime) {
        while let Some((flow, seg, buffer)) = self.ports[to.at()].poll_ends() {
            self.deliver(flow, to, time, &seg, &buffer);
        }
    }

    /// A segment, or what was joined from several, reaches a socket.
    #[inline(always)]
    fn deliver(&mut self, flow: FlowId, to: Side, time: SimTime, seg: &Segment, buffer: &Buffer) {
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
        self.on(flow, to, time, |cx, end| end.segment_arrives(cx, seg, buffer));
        if first {
            self.accepted(flow, time);
        }
    }

    /// Whose link packets of `from` enter.
    fn link_of(&self, from: Side) -> Side {
        if self.config.forward.both_ways { Side::Sender } else { from }
    }

    /// Puts a packet on the link away from `from`, which may be that of both.
    pub(super) fn put(&mut self, from: Side, at: SimTime, packet: &Packet) {
        self.moved = true;
        let (flow, seq) = (packet.flow, packet.seg.seq);
        let data = matches!(packet.payload, Payload::Data(_));
        let link = self.link_of(from);
        let at = at + self.cpu.descent();
        if !self.links[link.at()].send(at, packet, &mut self.queue) && data {
            self.flows[flow as usize].ends[from.at()].tx.dropped_on_the_way(seq);
        }
        self.packets_freed(link, at);
    }

    /// The device of `link` has let go of packets that waited in its host: sockets that stopped for them go on
    /// (`tcp_wfree`), after what has arrived.
    fn packets_freed(&mut self, link: Side, time: SimTime) {
        let lazily = self.config.host.calls.threaded_softirqs;
        while let Some(p) = self.links[link.at()].take_released() {
            let from = Side::sends(p.way);
            if self.flows[p.flow as usize].ends[from.at()].tx.freed(p.seg.seq, lazily) {
                self.queue.push(time, Event::SmallQueue(p.flow, from));
            }
        }
    }

    /// A socket whose packets have left its host goes on (`tcp_tsq_handler`); tasklets come after what was received.
    fn small_queue(&mut self, flow: FlowId, side: Side, time: SimTime) {
        if self.busy {
            self.tasklets.push_back((flow, side));
        } else {
            self.on(flow, side, time, |cx, end| end.small_queue(cx));
        }
    }

    // --- calls into the two ends ----------------------------------------------------------------------------

    /// Tells the observer whose records follow.
    pub(super) fn watch(&mut self, flow: FlowId) {
        if O::ACTIVE && self.watched != flow {
            self.watched = flow;
            self.obs.flow(flow);
        }
    }

    /// Lets one end of a connection act at `time`, and sends what it has to send.
    pub(super) fn on<R>(
        &mut self,
        flow: FlowId,
        side: Side,
        time: SimTime,
        act: impl FnOnce(&mut Cx<'_, View<'_, O>>, &mut Endpoint) -> R,
    ) -> R {
        self.watch(flow);
        let mut view = View::new(side, &mut *self.obs);
        let now = self.clock.after(self.reading, time);
        let host = &mut self.hosts[side.at()];
        if self.in_host {
            let link = if self.config.forward.both_ways { Side::Sender } else { side };
            host.qdisc_room = self.links[link.at()].room();
            host.shaper = self.links[link.at()].host_queue(flow, side.way());
        }
        let mut cx = Cx { now, out: &mut self.out, host, obs: &mut view };
        let [a, b] = &mut self.flows[flow as usize].ends;
        let (end, peer) = if side == Side::Sender { (a, b) } else { (b, a) };
        let result = act(&mut cx, end);
        end.rx.settle_send(&mut cx, end.tx.wmem_queued());
        let mut now = cx.now;
        let mut time = time;
        // What a collapse copied kept the processor: packets leave, and everything else goes on, that much later.
        let stall = cx.host.take_stall();
        if stall > SimDuration::ZERO {
            now = self.clock.now(now.time + stall);
            time += stall;
        }
        peer.rx.release_shared(end.tx.snd_una());
        self.reading = now;
        self.cpu.busy_until(now.time);
        if !self.out.is_empty() {
            self.send_out(flow, side, time);
        }
        self.after(flow, side, now);
        result
    }

    /// What a socket has sent leaves it.
    fn send_out(&mut self, flow: FlowId, side: Side, time: SimTime) {
        let mut out = std::mem::take(&mut self.out);
        for t in out.drain(..) {
            self.leave(flow, side, time, &t);
        }
        self.out = out;
    }

    /// A packet leaves a socket.
    fn leave(&mut self, flow: FlowId, from: Side, time: SimTime, t: &Transmit) {
        self.transmitted += 1;
        let [data_lag, ack_lag] = self.lags;
        let (at, payload) = match t.data {
            Some(data) => {
                self.data_left = Some(self.cpu.begin(data.at));
                if self.in_host
                    && let Some(release) = self.flows[flow as usize].ends[from.at()].tx.take_release()
                {
                    let link = self.link_of(from);
                    self.links[link.at()].set_release(release);
                }
                (data.at + data_lag, Payload::Data(data))
            }
            None => {
                if O::ACTIVE && from == Side::Sender {
                    let state = self.flows[flow as usize].ends[from.at()].tx.state();
                    self.obs.sent(self.clock.now(time), &t.seg, &state);
                }
                self.cpu.busy_until(self.cpu.begin(time) + self.cpu.ack());
                (time + ack_lag, Payload::Ack)
            }
        };
        // Who sends moves what is due by then; where steps take no time of their own, all of it.
        let descent = self.cpu.descent();
        self.turns.sent(if descent > SimDuration::ZERO { at + descent } else { SimTime::NEVER });
        self.cpu.looks_at_queue();
        self.put(from, at, &Packet { flow, way: from.way(), seg: t.seg, payload });
    }

    /// After an end has acted: its timers may have moved, and an application may have been woken.
    #[inline(always)]
    fn after(&mut self, flow: FlowId, side: Side, now: Now) {
        let time = now.time;
        let f = &mut self.flows[flow as usize];
        let end = &mut f.ends[side.at()];
        if let Some(due) = end.next_timer(&self.clock, &self.wheel, now) {
            let due = due.max(time);
            // A timer that moved later leaves its event in the queue, where it finds nothing to do.
            if end.wake.is_none_or(|w| due < w) {
                end.wake = Some(due);
                self.queue.push_timer(due, Event::Timer(flow, side));
            }
        }
        if end.tx.take_wakeup() {
            f.programs[side.at()].wake(time);
            let thread = if self.config.host.calls.one_thread { 0 } else { side.at() };
            f.threads[thread].asleep = None;
        }
        self.schedule_program(flow, side);
    }

    // --- the heap's events ----------------------------------------------------------------------------------

    fn heap_event(&mut self, waiting: &mut VecDeque<Ready>) {
        self.moved = true;
        let Some((due, event)) = self.queue.pop() else { return };
        let time = self.cpu.begin(due);
        match event {
            Event::Open(flow) => self.open(flow, time),
            Event::Handshake(flow, side) => self.handshake_timeout(flow, side, time),
            Event::Interrupt(side) => self.interrupt(waiting, side, due),
            Event::Timer(flow, side) if self.config.host.calls.threaded_softirqs && self.turns.receives() => {
                self.timers_waiting.push((flow, side, due, true));
            }
            Event::Timer(flow, side) => {
                let late = self.timer_takes(side);
                self.timer(flow, side, due, time, late);
            }
            Event::Applications(flow, thread) => self.applications_due(flow, thread, due, time),
            Event::SmallQueue(flow, side) => self.small_queue(flow, side, time),
            Event::Start(flow) => self.applications_start(flow, time),
            Event::Change(i) => self.change(i, time),
        }
    }

    /// How long after its tick a timer of one side runs.
    fn timer_takes(&self, side: Side) -> SimDuration {
        match side {
            Side::Sender => self.cpu.transmit_timer(),
            Side::Receiver => self.cpu.ack_timer(),
        }
    }

    fn timer(&mut self, flow: FlowId, side: Side, due: SimTime, time: SimTime, late: SimDuration) {
        let end = &mut self.flows[flow as usize].ends[side.at()];
        if end.wake == Some(due) {
            end.wake = None;
        }
        let now = self.clock.after(self.reading, time);
        if end.next_timer(&self.clock, &self.wheel, now).is_none_or(|next| next > time) {
            return self.after(flow, side, now);
        }
        self.on(flow, side, time + late, |cx, end| end.timers_fire(cx));
    }

    /// A receiving turn is over: timers that came due meanwhile fire, for soft interrupts do not interrupt each other. Those
    /// of the wheel come before the next turn (`TIMER_SOFTIRQ`), those of high resolution behind it (`HRTIMER_SOFTIRQ`);
    /// `again` says that there is one.
    fn timers_resume(&mut self, time: SimTime, again: bool) {
        for (flow, side, due, new) in std::mem::take(&mut self.timers_waiting) {
            let compressed = self.flows[flow as usize].ends[side.at()].rx.compressed_ack_due();
            if again && new && compressed.is_some_and(|at| at <= time) {
                self.timers_waiting.push((flow, side, due, false));
            } else {
                self.timer(flow, side, due, self.cpu.begin(time), SimDuration::ZERO);
            }
        }
    }

    /// A change of the configuration: the program of every connection makes the call.
    fn change(&mut self, i: usize, time: SimTime) {
        let Some(c) = self.config.events.get(i) else { return };
        match c.change {
            Change::ForwardDown(down) => return self.links[Side::Sender.at()].set_down(down),
            Change::ReverseDown(down) => return self.links[Side::Receiver.at()].set_down(down),
            _ => {}
        }
        if self.calling > 0 {
            self.changes_waiting.push(i);
            return;
        }
        if let Change::Snapshot(name) = &c.change {
            let hosts = self.hosts.each_ref().map(|h| h.snapshot(time));
            self.snapshots.push(NamedSnapshot { name: name.clone(), hosts });
            return;
        }
        for flow in 0..self.config.flows.count() {
            match c.change {
                Change::Snapshot(_) => {}
                Change::ReceiverOption(o) => self.change_option(flow, Side::Receiver, o, time),
                Change::SenderOption(o) => self.change_option(flow, Side::Sender, o, time),
                Change::ReceiverRead(bytes) => self.read(flow, time, bytes),
                Change::ReceiverEnding(ending) => self.end(flow, Side::Receiver, ending, time),
                Change::SenderEnding(ending) => self.end(flow, Side::Sender, ending, time),
                Change::ForwardDown(_) | Change::ReverseDown(_) => {}
            }
        }
    }

    fn change_option(&mut self, flow: FlowId, side: Side, option: LiveOption, time: SimTime) {
        match option {
            LiveOption::SndBuf(v) => {
                self.flows[flow as usize].ends[side.at()].tx.set_sndbuf(v, false);
                if side == Side::Sender {
                    self.after(flow, side, self.clock.now(time));
                }
            }
            o => self.set_option(flow, side, time, o),
        }
    }
}
