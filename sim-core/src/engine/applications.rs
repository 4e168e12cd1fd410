//! The programs at both ends: when they run and which calls they make.

use super::calls::InCall;
use super::flow::{FlowId, Side};
use super::simulation::{Event, Simulation};
use super::threads::{Round, Turn, turns};
use crate::app::{AfterWrite, Call, Poll, Polled};
use crate::config::LiveOption;
use crate::observer::{Observer, SendEvent};
use crate::rng;
use crate::time::{SimDuration, SimTime};
use rand_chacha::rand_core::RngCore as _;

/// How long a program that always finds something to do keeps others waiting that are due (a slice of the fair schedulers).
const STRETCH: SimDuration = SimDuration::from_millis(3);
/// And for how many rounds: each stretch is an event, of which a run may have so many.
const ROUNDS: u32 = 100;

impl<O: Observer> Simulation<'_, O> {
    /// `connect` returns to the program of the writing end, which starts after its pause. A program that holds both ends
    /// accepts the connection first.
    pub(super) fn writer_begins(&mut self, flow: FlowId, time: SimTime) {
        let at = time + self.flows[flow as usize].programs[Side::Sender.at()].start_delay();
        self.queue.push_timer(at, Event::Start(flow));
        self.end_if_planned(flow, Side::Sender, time);
    }

    /// `accept` returns to the program of the reading end.
    pub(super) fn applications_begin(&mut self, flow: FlowId, time: SimTime) {
        let program = &mut self.flows[flow as usize].programs[Side::Receiver.at()];
        program.start_writer(time + program.start_delay());
        self.end_if_planned(flow, Side::Receiver, time);
        self.schedule_applications(flow);
    }

    /// The writer of a connection, and with it the readers' clocks, start.
    pub(super) fn applications_start(&mut self, flow: FlowId, time: SimTime) {
        let first = *self.started.get_or_insert(time);
        self.ends_at(first.saturating_add(self.config.stop.after));
        let f = &mut self.flows[flow as usize];
        f.started = Some(time);
        f.programs[Side::Sender.at()].start_writer(time);
        let lead = self.config.host.calls.lead.as_nanos();
        let begin = SimTime::from_nanos(time.as_nanos().saturating_sub(lead));
        for p in &mut f.programs {
            p.start_reader(begin);
        }
        for thread in 0..2 {
            self.run_when_free(flow, thread, time);
        }
    }

    /// What `poll` says of the sockets of `thread`, by [`Side::at`], as far as it matters to its programs.
    #[inline]
    fn poll(&self, flow: FlowId, thread: u8) -> [Polled; 2] {
        let f = &self.flows[flow as usize];
        [Side::Sender, Side::Receiver].map(|side| {
            if !self.config.host.calls.one_thread && usize::from(thread) != side.at() {
                return Polled::default();
            }
            let (end, program) = (&f.ends[side.at()], &f.programs[side.at()]);
            Polled::new(program.writes() && end.writable(), end.readable(), end.open())
        })
    }

    /// When a thread wants to run next.
    pub(super) fn thread_due(&self, flow: FlowId, thread: u8) -> Option<SimTime> {
        let f = &self.flows[flow as usize];
        let due = |side: Side| f.programs[side.at()].due(&f.ends[side.at()]);
        match (self.config.host.calls.one_thread, thread) {
            (true, 0) => self.closing.wakes(match (due(Side::Sender), due(Side::Receiver)) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            }),
            (true, _) => None,
            (false, 0) => due(Side::Sender),
            (false, _) => due(Side::Receiver),
        }
    }

    /// One end of a connection has acted: whoever runs its program may be due. Nothing has happened to the other thread, which
    /// has only its place among those that wait.
    #[inline(always)]
    pub(super) fn schedule_program(&mut self, flow: FlowId, side: Side) {
        let one_thread = self.config.host.calls.one_thread;
        let held_up = self.busy || self.calling > 0;
        for thread in 0..2_u8 {
            let acted = one_thread || usize::from(thread) == side.at();
            if acted || held_up {
                let f = &mut self.flows[flow as usize];
                let t = &mut f.threads[usize::from(thread)];
                if t.waits {
                    t.stirred |= acted;
                } else if t.round.is_none() && acted && !one_thread && !held_up {
                    t.stirred = true;
                    // Mostly its program has nothing to do, and it does not matter who else wants the processor.
                    if let Some(due) = f.programs[side.at()].due(&f.ends[side.at()]) {
                        self.schedule_thread_at(flow, thread, |_| Some(due));
                    }
                } else if t.round.is_none() {
                    self.schedule_thread(flow, thread);
                    let t = &mut self.flows[flow as usize].threads[usize::from(thread)];
                    t.stirred &= acted;
                }
            }
        }
    }

    pub(super) fn schedule_applications(&mut self, flow: FlowId) {
        for thread in 0..2_u8 {
            let t = &mut self.flows[flow as usize].threads[usize::from(thread)];
            // A thread that waits, or is in a call, looks for itself when it goes on.
            if t.waits || t.round.is_some() {
                t.stirred = true;
            } else {
                self.schedule_thread(flow, thread);
            }
        }
    }

    #[inline]
    fn schedule_thread(&mut self, flow: FlowId, thread: u8) {
        if !turns(self.config.host.calls.one_thread, thread).is_empty() {
            self.schedule_thread_at(flow, thread, |all| all.thread_due(flow, thread));
        }
    }

    /// A thread that is `due` then runs as soon as it may.
    fn schedule_thread_at(&mut self, flow: FlowId, thread: u8, due: impl FnOnce(&Self) -> Option<SimTime>) {
        let t = &mut self.flows[flow as usize].threads[usize::from(thread)];
        t.stirred = true;
        if t.waits || t.round.is_some() || self.closing.is_over() {
            return;
        }
        if self.busy || self.calling > 0 {
            t.waits = true;
            self.apps_waiting.push_back((flow, thread));
            self.program_is_woken(|all| due(all));
            return;
        }
        // Nothing begins before the processor is free.
        if t.wake.is_some_and(|w| w <= self.cpu.begin(SimTime::ZERO)) {
            return;
        }
        if let Some(due) = due(self).map(|due| self.wakes(flow, thread, due)) {
            self.wake_at(flow, thread, self.cpu.begin(due));
        }
    }

    /// A thread is due at `due`, unless it is earlier.
    pub(super) fn wake_at(&mut self, flow: FlowId, thread: u8, due: SimTime) {
        let t = &mut self.flows[flow as usize].threads[usize::from(thread)];
        if t.wake.is_none_or(|w| due < w) {
            t.wake = Some(due);
            self.queue.push(due, Event::Applications(flow, thread));
        }
    }

    /// A thread of `flow` is due.
    pub(super) fn applications_due(&mut self, flow: FlowId, thread: u8, due: SimTime, time: SimTime) {
        let t = &mut self.flows[flow as usize].threads[usize::from(thread)];
        if t.wake == Some(due) {
            t.wake = None;
        }
        let first = self.leaves_line(flow, thread);
        if !self.sleeps_on(flow, thread, time) {
            self.run_when_free(flow, thread, time);
        }
        if first {
            // Who found the processor taken is still the first; if it was not taken, the next one is.
            if self.apps_waiting.back() == Some(&(flow, thread)) {
                self.apps_waiting.rotate_right(1);
            }
            if !self.busy {
                self.applications_resume();
            }
        }
    }

    /// An event of a thread has come: whether it was the first of those that wait.
    pub(super) fn leaves_line(&mut self, flow: FlowId, thread: u8) -> bool {
        self.first_in_line.take_if(|first| *first == (flow, thread)).is_some()
    }

    /// A program runs when the stack has nothing left to do, and no other program is in a call.
    fn run_when_free(&mut self, flow: FlowId, thread: u8, time: SimTime) {
        let t = &mut self.flows[flow as usize].threads[usize::from(thread)];
        t.stirred = true;
        if t.round.is_some() || t.waits || self.closing.is_over() {
            return;
        }
        if !self.busy && self.calling == 0 {
            self.run_thread(flow, thread, time);
        } else {
            t.waits = true;
            self.apps_waiting.push_back((flow, thread));
            self.program_is_woken(|_| Some(time));
        }
    }

    /// The processor has nothing left to do for the stack or for a call: threads that waited for that are due again, up to the first
    /// that wants to run as soon as it may. Those behind would find the processor taken.
    pub(super) fn applications_resume(&mut self) {
        if self.calling > 0 || self.first_in_line.is_some() {
            return;
        }
        while let Some((flow, thread)) = self.apps_waiting.pop_front() {
            let t = &mut self.flows[flow as usize].threads[usize::from(thread)];
            t.waits = false;
            if t.stirred {
                self.schedule_thread(flow, thread);
                let free = self.cpu.begin(SimTime::ZERO);
                let t = &self.flows[flow as usize].threads[usize::from(thread)];
                if t.wake.is_some_and(|wake| wake <= free) {
                    self.first_in_line = Some((flow, thread));
                    return;
                }
            }
        }
    }

    /// A poll of the soft interrupts' thread is over and has left something behind: whoever it woke goes first, if it is to have the
    /// processor.
    ///
    /// Only those are looked at to whom something has happened since the last poll. Whoever is not due then waits no longer:
    /// his time comes, or what makes him due lets him wait again.
    #[inline(never)]
    pub(super) fn applications_preempt(&mut self) {
        self.applications_come_due();
        if (self.uninterrupted || self.eevdf.is_some()) && !self.softirqs_give_way() {
            return;
        }
        for _ in 0..self.apps_waiting.len() {
            if self.calling > 0 {
                return;
            }
            let Some((flow, thread)) = self.apps_waiting.pop_front() else { return };
            self.flows[flow as usize].threads[usize::from(thread)].waits = false;
            let time = self.cpu.begin(SimTime::ZERO);
            match self.thread_wakes(flow, thread) {
                Some(due) if due <= time => self.run_thread(flow, thread, time),
                Some(due) => self.wake_at(flow, thread, due),
                None => {}
            }
        }
    }

    /// Threads whose time has come while the processor was busy wait for it.
    fn applications_come_due(&mut self) {
        let time = self.cpu.begin(SimTime::ZERO);
        let programs = |e: &Event| matches!(e, Event::Applications(..));
        while let Some((due, Event::Applications(flow, thread))) = self.queue.pop_due(time, programs) {
            self.applications_due(flow, thread, due, time);
        }
    }

    /// A thread works until its programs have nothing more to do now, or a call is interrupted.
    pub(super) fn run_thread(&mut self, flow: FlowId, thread: u8, begin: SimTime) {
        let turns = turns(self.config.host.calls.one_thread, thread);
        let mut time = begin;
        let t = &mut self.flows[flow as usize].threads[usize::from(thread)];
        t.asleep = None;
        if t.picked.is_none() {
            t.picked = Some(begin);
            let clock = &self.clock;
            self.accounts.program_runs(begin, || clock.begin(clock.at(begin)));
            self.program_runs(begin);
        }
        let mut rounds = 0;
        let due = loop {
            let round = self.flows[flow as usize].threads[usize::from(thread)].round.take();
            let mut round = match round {
                Some(round) => round,
                None => {
                    let due = self.thread_due(flow, thread);
                    if self.closing.is_over() || due.is_none_or(|due| due > time) {
                        break due;
                    }
                    rounds += 1;
                    if rounds > ROUNDS || time.since(begin) >= STRETCH || time > self.stop_at {
                        return self.wake_at(flow, thread, time);
                    }
                    Round { begin: time, polled: self.poll(flow, thread), next: 0, worked: false }
                }
            };
            let call = loop {
                let Some(&turn) = turns.get(usize::from(round.next)) else { break None };
                round.next += 1;
                if let Some(call) = self.choose(flow, turn, &round) {
                    break Some(call);
                }
            };
            let Some((side, call)) = call else {
                if self.program_leaves(time) {
                    break None;
                }
                if !round.worked {
                    break self.thread_due(flow, thread);
                }
                // All sockets are looked at again.
                self.cpu.busy_until(time + self.config.host.calls.between());
                time = self.cpu.begin(time);
                continue;
            };
            round.worked = true;
            let t = &mut self.flows[flow as usize].threads[usize::from(thread)];
            t.round = Some(round);
            t.call = Some(InCall::new(side, call));
            self.calling += 1;
            if !self.advance_call(flow, thread, time) {
                return;
            }
            time = self.cpu.begin(time);
        };
        self.closing.sleeps(time);
        let t = &mut self.flows[flow as usize].threads[usize::from(thread)];
        if let Some(picked) = t.picked.take() {
            self.accounts.program_sleeps(time.max(picked).since(picked));
            self.program_sleeps(time);
        }
        self.flows[flow as usize].threads[usize::from(thread)].asleep = Some(time);
        self.schedule_thread_at(flow, thread, |_| due);
    }

    /// The call of a turn, if its program makes one.
    fn choose(&mut self, flow: FlowId, turn: Turn, round: &Round) -> Option<(Side, Call)> {
        let f = &mut self.flows[flow as usize];
        match turn {
            Turn::Write(side) => {
                let end = &mut f.ends[side.at()];
                // What is in flight is asked for right before the call, whether there is room when all are polled.
                let (program, polled) = (&mut f.programs[side.at()], round.polled[side.at()]);
                let (call, wait) = program.write_call(round.begin, polled, || end.tx.packets_out());
                if wait {
                    end.tx.wait_for_room();
                    let refused = end.tx.is_pressed();
                    if side == Side::Sender {
                        f.blocked.begin(round.begin, refused);
                    }
                    if O::ACTIVE && side == Side::Sender {
                        self.watch(flow);
                        self.obs.sending(self.clock.now(round.begin), SendEvent::WaitsForRoom { refused });
                    }
                }
                // Where asking takes no time there is no call.
                let asks = self.config.host.calls.ask > SimDuration::ZERO;
                Some((side, call.filter(|c| asks || *c != Call::Ask)?))
            }
            Turn::Read(side) => {
                let call = f.programs[side.at()].read_call(round.begin, round.polled[side.at()])?;
                Some((side, call))
            }
        }
    }

    /// A call has returned `n` at `time`.
    pub(super) fn call_returned(&mut self, flow: FlowId, thread: u8, call: InCall, n: u32, time: SimTime) {
        if matches!(call.call(), Call::Send(_)) {
            self.memory_was_had();
        }
        self.calling -= 1;
        let f = &mut self.flows[flow as usize];
        let t = &mut f.threads[usize::from(thread)];
        let begin = t.round.map_or(time, |r| r.begin);
        let program = &mut f.programs[call.side().at()];
        match call.call() {
            Call::Send(len) => {
                let after = program.wrote(begin, time, n);
                let tx = &mut f.ends[call.side().at()].tx;
                if program.waits_to_write_back() {
                    tx.wait_for_room();
                }
                let (short, pressed) = (tx.is_short_of_memory(), tx.is_pressed());
                if call.side() == Side::Sender {
                    if n > 0 {
                        f.blocked.end(begin);
                    }
                    if n < len {
                        f.blocked.begin(begin, pressed);
                    }
                }
                if n == 0 && short {
                    // A buffer with room that may not be used: nobody wakes the writer, who looks again after a
                    // random time (`sk_stream_wait_memory`).
                    let seed = self.config.seed;
                    let random = self
                        .memory_wait
                        .get_or_insert_with(|| Box::new(rng::stream(seed, rng::Purpose::MemoryWait, 0)));
                    let ticks = 2 + random.next_u32() % (self.clock.hz() / 5).max(1);
                    let wait = SimDuration::from_nanos(u64::from(ticks) * self.clock.tick_ns());
                    program.retry_at(time + wait);
                }
                match after {
                    AfterWrite::Nothing => {}
                    // Written before the program's loop begins.
                    AfterWrite::NewRound => {
                        t.round = None;
                        self.cpu.busy_until(time + self.config.host.calls.between());
                    }
                    AfterWrite::QuickAck => {
                        self.set_option(flow, Side::Receiver, time, LiveOption::QuickAck(1));
                    }
                }
            }
            Call::Recv(_) => {
                let end = f.ends[call.side().at()].rx.at_end();
                program.got(time, n, end);
                self.note_read(call.side(), n);
            }
            Call::Ask | Call::Shutdown | Call::Close => {}
        }
        if self.config.host.calls.threaded_softirqs && !self.busy && !self.direct {
            self.call_over = Some(time);
            self.recv_over = matches!(call.call(), Call::Recv(_));
        }
        // Calls that were planned for a moment at which the socket was not to be had.
        let changes = std::mem::take(&mut self.changes_waiting);
        for i in changes {
            self.queue.push(self.cpu.begin(time), Event::Change(i));
        }
        if !self.busy {
            self.applications_resume();
        }
    }

    fn note_read(&mut self, side: Side, n: u32) {
        match side {
            Side::Sender => self.returned_bytes += u64::from(n),
            Side::Receiver => self.read_bytes += u64::from(n),
        }
    }

    /// A planned `recv` of the receiver, outside its program.
    pub(super) fn read(&mut self, flow: FlowId, time: SimTime, len: u32) {
        let n = self.on(flow, Side::Receiver, time, |cx, end| end.rx.recv(cx, &mut end.tx, len));
        let f = &mut self.flows[flow as usize];
        let end = f.ends[Side::Receiver.at()].rx.at_end();
        f.programs[Side::Receiver.at()].got(time, n, end);
        self.note_read(Side::Receiver, n);
    }

    pub(super) fn set_option(&mut self, flow: FlowId, side: Side, time: SimTime, option: LiveOption) {
        self.on(flow, side, time, |cx, end| end.rx.set_option(cx, &mut end.tx, option));
    }
}
