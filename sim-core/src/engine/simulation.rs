//! The event loop.

use std::collections::VecDeque;

use super::accounts::Accounts;
use super::arrivals::Ready;
use super::calls::{is_direct, waits_for_calls};
use super::closing::Closing;
use super::cpu::{Cpu, LetGo};
use super::departures::Context;
use super::eevdf::Eevdf;
use super::endpoint::Endpoint;
use super::flow::{Flow, FlowId, Shared, Side};
use super::outcome::{HostOutcome, NamedSnapshot, RunError, RunOutcome};
use super::slabs::Slabs;
use super::softirq::{InputQueue, Turns};
use super::views::View;
use crate::config::{LinkConfig, RunConfig, Shaper};
use crate::host::Host;
use crate::observer::{Observer, Transmit};
use crate::path::{Direction, Link, LinkMemory, Port};
use crate::queue::{EventQueue, Key};
use crate::send_half::{Cx, SendHalf};
use crate::seq::Seq;
use crate::time::{Jiffies, JiffyClock, Now, SimDuration, SimTime};
use crate::timer_wheel::TimerWheel;
use rand_chacha::ChaCha8Rng;

/// What a socket sends at a stretch is sent within this time.
const AT_A_STRETCH: SimDuration = SimDuration::from_millis(5);

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

/// Where the events of the loop come from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Source {
    Heap,
    Link(Side),
    /// The call that was interrupted goes on.
    Call,
}

/// Memory that one run leaves to the next.
#[derive(Debug)]
pub(super) struct Storage {
    queue: EventQueue<Event>,
    /// What the ends share, or those of the last run did, by [`Side::at`].
    common: Option<[Shared; 2]>,
    flows: Vec<Flow>,
    waiting: VecDeque<Ready>,
    apps_waiting: VecDeque<(FlowId, u8)>,
    out: Vec<Transmit>,
    links: [LinkMemory; 2],
}

impl Default for Storage {
    fn default() -> Self {
        Self {
            queue: EventQueue::new(0),
            common: None,
            flows: Vec::new(),
            waiting: VecDeque::new(),
            apps_waiting: VecDeque::new(),
            out: Vec::new(),
            links: Default::default(),
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
    pub(super) data_left: Option<SimTime>,
    /// Whether segments wait for the stack behind the one that it processes.
    pub(super) busy: bool,
    pub(super) input: InputQueue,
    pub(super) turns: Turns,
    pub(super) slabs: Slabs,
    /// How long writers wait that the host has no memory for, once one has to.
    pub(super) memory_wait: Option<Box<ChaCha8Rng>>,
    /// Threads that were due while the stack was busy.
    pub(super) apps_waiting: VecDeque<(FlowId, u8)>,
    /// Of those the one that has an event for when the processor is free.
    pub(super) first_in_line: Option<(FlowId, u8)>,
    /// The stack leaves calls alone until they are over.
    pub(super) uninterrupted: bool,
    /// When the last call was over, if soft interrupts are a thread's and it has not run since.
    pub(super) call_over: Option<SimTime>,
    /// From when on the way back of that call to its program let soft interrupts in, if it did.
    pub(super) call_back: Option<SimTime>,
    /// Whether it was a `recv`.
    pub(super) recv_over: bool,
    /// When a call last took a segment out of its backlog.
    pub(super) drained_at: SimTime,
    /// What the next sequence number was, and how many segments were predicted and merged, when the present one set out, if its
    /// way through the stack is looked at.
    pub(super) set_out: Option<(Seq, u64, u64)>,
    /// What the present segment has let go.
    pub(super) let_go: LetGo,
    /// How long the program and the thread of soft interrupts have run.
    pub(super) accounts: Accounts,
    /// What both are owed from 6.6 on, if soft interrupts are a thread's.
    pub(super) eevdf: Option<Box<Eevdf>>,
    /// When the last packet of data left a socket in the present step of a call.
    pub(super) last_data: Option<SimTime>,
    /// When the call that is interrupted began to let soft interrupts in, until they begin.
    pub(super) let_in: Option<SimTime>,
    /// Where the present segment or call is worked on.
    pub(super) context: Context,
    /// The last step of a call has let soft interrupts in.
    pub(super) opened: bool,
    /// They are on their way into a call that has.
    pub(super) enters_call: bool,
    /// A call has given the processor to the stack where it may sleep.
    pub(super) preempted: bool,
    /// Soft interrupts were raised by the interrupt that ended a program's sleep: its first call runs them.
    pub(super) raised: bool,
    /// Soft interrupts have woken a program that waited for room.
    pub(super) roused: bool,
    /// Soft interrupts, programs and sleeps share the processor in no way but in turns: see [`is_plain`].
    pub(super) plain: bool,
    /// Packets arrive in the moment in which they are sent.
    pub(super) direct: bool,
    /// A link is the queueing discipline of its own host, or has one in front of it.
    pub(super) in_host: bool,
    /// The jiffy in which soft interrupts began that are not done yet.
    pub(super) polls_since: Option<Jiffies>,
    /// They have left something to the next place in a call that lets them in.
    pub(super) left_over: bool,
    /// Timers that came due while segments were received, and when, and whether that was in the present turn.
    pub(super) timers_waiting: Vec<(FlowId, Side, SimTime, bool)>,
    /// Sockets that go on when what has arrived was processed.
    pub(super) tasklets: VecDeque<(FlowId, Side)>,
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
    pub(super) snapshots: Vec<NamedSnapshot>,
    pub(super) obs: &'a mut O,
    /// The clocks as they were last read.
    pub(super) reading: Now,
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
    pub(super) stop_segments: u64,
    stop_returned: u64,
    /// Where the memory goes when the run is over.
    storage: &'a mut Storage,
}

/// Leaves the memory to the next run.
impl<O: Observer> Drop for Simulation<'_, O> {
    #[inline]
    fn drop(&mut self) {
        let Storage { queue, common: _, flows, waiting, apps_waiting, out, links } = &mut *self.storage;
        std::mem::swap(queue, &mut self.queue);
        std::mem::swap(flows, &mut self.flows);
        std::mem::swap(waiting, &mut self.waiting);
        std::mem::swap(apps_waiting, &mut self.apps_waiting);
        std::mem::swap(out, &mut self.out);
        for (memory, link) in links.iter_mut().zip(&mut self.links) {
            link.leave_memory(memory);
        }
    }
}

/// The accounts of a scheduler that lets whoever is owed the most go first, where that can be seen.
fn eevdf(config: &RunConfig) -> Option<Box<Eevdf>> {
    let calls = &config.host.calls;
    let shows = calls.threaded_softirqs && calls.slack > SimDuration::ZERO;
    (shows && !config.kernel.softirqs_wait_for_thread && !is_direct(config))
        .then(|| Box::new(Eevdf::new(calls.slice)))
}

/// Whether nothing is asked for of how a recorded machine's soft interrupts, programs and sleeps share its processor and its
/// memory: what they leave to each other need not be looked at then.
pub(super) fn is_plain(config: &RunConfig) -> bool {
    let (calls, steps) = (&config.host.calls, &config.host.steps);
    let delayed = |l: &LinkConfig| l.delay > SimDuration::ZERO;
    let apart = delayed(&config.forward) && (config.forward.both_ways || delayed(&config.reverse));
    apart
        && !calls.threaded_softirqs
        && calls.slabs.heads.per_slab == 0
        && calls.slack == SimDuration::ZERO
        && calls.drain == [SimDuration::ZERO; 2]
        && calls.lock == SimDuration::ZERO
        && !calls.free_lets_in
        && calls.room_entry == SimDuration::ZERO
        && steps.rousing == 0
}

#[cfg(test)]
thread_local! {
    /// Runs of this thread look at everything even where nothing of it is asked for.
    pub(super) static LOOKS_EVERYWHERE: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Whether a test wants nothing to be left out.
fn looks_everywhere() -> bool {
    #[cfg(test)]
    return LOOKS_EVERYWHERE.get();
    #[cfg(not(test))]
    false
}

/// The connections of a run, closed, in the memory of those of an earlier one, and what they share.
fn open_flows(flows: &mut Vec<Flow>, common: &mut Option<[Shared; 2]>, config: &RunConfig) {
    let count = config.flows.count();
    let ends = [&config.sender, &config.receiver];
    if let Some(earlier) = common {
        earlier.iter_mut().zip(ends).for_each(|(shared, end)| shared.follow(end));
    }
    let common = common.get_or_insert_with(|| ends.map(Shared::of));
    flows.truncate(count as usize);
    for (id, flow) in (0..).zip(flows.iter_mut()) {
        flow.reopen(config, id, common);
    }
    let there = u32::try_from(flows.len()).unwrap_or(u32::MAX);
    flows.extend((there..count).map(|id| Flow::new(config, id, common)));
}

impl<'a, O: Observer> Simulation<'a, O> {
    /// A run that has not begun, in the memory of an earlier one.
    #[inline(always)]
    pub(super) fn new(config: &'a RunConfig, obs: &'a mut O, storage: &'a mut Storage) -> Self {
        let Storage { queue, common, flows, waiting, apps_waiting, out, links } = &mut *storage;
        queue.reset(config.stop.max_events);
        open_flows(flows, common, config);
        let fair = |link: &LinkConfig| matches!(link.shaper, Some(Shaper::Fair(_)));
        let reverse = if config.forward.both_ways { &config.forward } else { &config.reverse };
        let paced = [fair(&config.forward), fair(reverse)];
        for f in flows.iter_mut().filter(|_| paced.contains(&true)) {
            for (end, _) in f.ends.iter_mut().zip(paced).filter(|(_, paced)| *paced) {
                end.tx.paced_by_queue();
            }
        }
        // At once what a burst needs, and not in steps.
        waiting.clear();
        waiting.reserve(32);
        apps_waiting.clear();
        out.clear();
        out.reserve(32);
        let port = |end| Port::new(config.kernel, end, &config.host);
        let [forward, reverse] = std::mem::take(links);
        let queue = std::mem::replace(queue, EventQueue::new(0));
        let (flows, waiting, apps_waiting, out) = (
            std::mem::take(flows),
            std::mem::take(waiting),
            std::mem::take(apps_waiting),
            std::mem::take(out),
        );
        // What is large is made where it stays, and changed there when the run begins.
        Self {
            config,
            clock: JiffyClock::new(config.host.hz, config.host.since_tick),
            wheel: TimerWheel::new(config.host.jiffies),
            queue,
            in_host: false,
            links: [
                Link::in_memory_of(forward, &config.forward, config.seed, Direction::Forward),
                Link::in_memory_of(reverse, &config.reverse, config.seed, Direction::Reverse),
            ],
            ports: [port(&config.sender), port(&config.receiver)],
            hosts: [Host::new(config.kernel, &config.host), Host::new(config.kernel, &config.host)],
            flows,
            waiting,
            cpu: Cpu::new(config.host.packet_cost, &config.host.steps),
            lags: Default::default(),
            data_left: None,
            busy: false,
            input: InputQueue::default(),
            turns: Turns::new(false),
            slabs: Slabs::new(&config.host.calls.slabs),
            memory_wait: None,
            apps_waiting,
            first_in_line: None,
            raised: false,
            roused: false,
            call_over: None,
            call_back: None,
            recv_over: false,
            drained_at: SimTime::ZERO,
            last_data: None,
            let_go: LetGo::default(),
            accounts: Accounts::new(),
            eevdf: eevdf(config),
            let_in: None,
            context: Context::Thread,
            opened: false,
            enters_call: false,
            plain: is_plain(config) && !looks_everywhere(),
            direct: is_direct(config),
            uninterrupted: waits_for_calls(config),
            set_out: None,
            preempted: false,
            polls_since: None,
            left_over: false,
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
            storage,
        }
    }

    /// What hangs on the links, the devices and the hosts.
    fn prepare(&mut self) {
        for link in &mut self.links {
            link.set_kernel(self.config.kernel);
        }
        self.in_host =
            self.links.iter().any(|l| l.in_host() || l.host_queue(0, Direction::Forward).is_some());
        self.turns = Turns::new(self.ports.iter().any(|p| p.ring.is_some()));
        // The reading host has a socket that listens.
        let m = &mut self.hosts[Side::Receiver.at()].memory;
        m.sockets.created();
        (m.census.used, m.census.inuse) = (1, 1);
    }

    pub(super) fn run(mut self) -> Result<RunOutcome, RunError> {
        self.prepare();
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
        match self.closing.take_outcome() {
            Some(outcome) => outcome,
            None => self.finish(ended),
        }
    }

    /// Lets everything happen until the run is over; returns when that is.
    fn events(&mut self, waiting: &mut VecDeque<Ready>) -> Result<SimTime, RunError> {
        let mut last = SimTime::ZERO;
        loop {
            let (mut source, mut key) = self.earliest();
            let ready = self.cpu.begin(SimTime::ZERO);
            while let Some((due, ..)) = &mut self.interrupted_call
                && *due < key
            {
                if !self.busy
                    || (self.uninterrupted && !self.preempted)
                    || due.time() >= ready
                    || due.time() > self.stop_at
                {
                    (source, key) = (Source::Call, *due);
                    break;
                }
                // The stack is at work: the call looks again when it has done the next segment.
                last = last.max(due.time());
                self.queue.count(due.time())?;
                *due = self.queue.key(ready);
            }
            let take_ready = self.busy
                && (ready <= key.time()
                    || (matches!(source, Source::Link(_)) && self.turns.receiving(key.time())));
            let time = if take_ready { self.cpu.enters() } else { key.time() };
            if time > self.stop_at {
                if self.is_over(time) {
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
            if (self.all_is_read() || self.segments >= self.stop_segments) && self.programs_are_done(last) {
                return Ok(last);
            }
        }
    }

    /// Whether the programs have read all that they were to read.
    #[inline(always)]
    pub(super) fn all_is_read(&self) -> bool {
        self.read_bytes >= self.stop_bytes && self.returned_bytes >= self.stop_returned
    }

    pub(super) fn finish(&self, ended: SimTime) -> Result<RunOutcome, RunError> {
        let (Some(established), Some(started)) = (self.established, self.started) else {
            return Err(RunError::NotEstablished { at: ended, gave_up: self.gave_up });
        };
        let [sender_host, receiver_host] = &self.hosts;
        let [forward, reverse] = &self.links;
        let mut flows: Vec<_> = self.flows.iter().map(Flow::outcome).collect();
        flows.iter_mut().for_each(|f| f.blocked.end(ended));
        let Some(first) = flows.first() else {
            return Err(RunError::NotEstablished { at: ended, gave_up: self.gave_up });
        };
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
            ended: self.closing.over_at(ended),
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

    /// What happens next, if the stack is not at work and no call goes on before.
    #[inline]
    pub(super) fn earliest(&self) -> (Source, Key) {
        let [forward, reverse] = &self.links;
        let heap = self.queue.peek();
        let link = forward.peek().min(reverse.peek());
        if link >= heap {
            return (Source::Heap, heap);
        }
        (Source::Link(if link == forward.peek() { Side::Sender } else { Side::Receiver }), link)
    }

    /// The call that was interrupted may go on.
    fn call_is_due(&mut self) {
        if let Some((due, flow, thread)) = self.interrupted_call.take() {
            self.call_goes_on(flow, thread, self.cpu.begin(due.time()));
        }
    }

    // --- packets --------------------------------------------------------------------------------------------

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
        let host = &mut self.hosts[side.at()];
        if self.in_host {
            let link = if self.config.forward.both_ways { Side::Sender } else { side };
            host.qdisc_room = self.links[link.at()].room();
            host.qdisc_refused = false;
            // From a socket to the queue.
            let way = self.lags[0] + self.cpu.descent();
            let leaving = self.links[link.at()].leaving(time + AT_A_STRETCH);
            host.qdisc_leaving.clear();
            host.qdisc_leaving
                .extend(leaving.map(|t| SimTime::from_nanos(t.as_nanos().saturating_sub(way.as_nanos()))));
            host.shaper = self.links[link.at()].host_queue(flow, side.way());
        }
        let mut cx = Cx { now: self.reading, out: &mut self.out, host, obs: &mut view };
        self.clock.read_on(&mut cx.now, time);
        let [a, b] = &mut self.flows[flow as usize].ends;
        let (end, peer) = if side == Side::Sender { (a, b) } else { (b, a) };
        let acked = end.tx.snd_una();
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
        if end.tx.snd_una() != acked {
            peer.rx.release_shared(end.tx.snd_una());
        }
        if end.tx.sharing_has_changed() {
            peer.share_what_is_left_by(end);
        }
        self.reading = now;
        self.cpu.busy_until(now.time);
        if !self.out.is_empty() {
            self.send_out(flow, side, time);
        }
        if matches!(self.context, Context::Thread | Context::InCall) {
            self.segments_drained(flow, side);
        }
        self.after(flow, side, now);
        result
    }

    /// After an end has acted: its timers may have moved, and an application may have been woken.
    #[inline(always)]
    pub(super) fn after(&mut self, flow: FlowId, side: Side, now: Now) {
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
            self.roused |= f.threads[thread].asleep.take().is_some();
        }
        self.schedule_program(flow, side);
    }

    // --- the heap's events ----------------------------------------------------------------------------------

    fn heap_event(&mut self, waiting: &mut VecDeque<Ready>) {
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
                let late = self.timer_takes(flow, side, due);
                self.timer(flow, side, due, time, late);
            }
            Event::Applications(flow, thread) => self.applications_due(flow, thread, due, time),
            Event::SmallQueue(flow, side) => self.small_queue(flow, side, time),
            Event::Start(flow) => self.applications_start(flow, time),
            Event::Change(i) => self.change(i, time),
        }
    }
}
