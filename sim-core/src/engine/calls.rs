//! Calls that take time. A call holds its socket from begin to end: segments that arrive meanwhile wait in the
//! backlog and are processed when the call lets go.
//!
//! A call is made of steps, between which the stack may work: after packets have been sent, after an skb has been
//! copied, and before the socket is released. What it then does:
//!
//! * On a path without delay, a packet is received in the middle of the call that sent it: the way to the device ends
//!   with the soft interrupt that receives it (`local_bh_enable` in `__dev_queue_xmit`).
//! * Otherwise whatever has arrived by then is processed. If soft interrupts are a thread's, that happens only where the
//!   call itself runs them, which is after a packet was sent, and when it has let go of its socket; or not at all, if the
//!   kernel leaves them to that thread ([`waits_for_calls`]).
//! * That thread takes the processor from a program that has had it for a while ([`CallConfig::slice`]): when a call returns,
//!   and in the middle of a `send` between two skbs, where it may wait for memory. Up to 6.4 what both have had of it decides
//!   ([`Accounts`](super::accounts::Accounts)).
//! * Timers of either end run in the middle of a call, too, by that thread or at the end of the tick's interrupt. That of the
//!   socket which the call holds waits for its end.
//! * What is received in a call takes a little longer than in that thread ([`StepShares::called`]).
//! * Who sends looks at its device's queue behind the packet; what comes due later is received on the way back to the program
//!   ([`CallConfig::way_back`]).
//!
//! [`StepShares::called`]: crate::config::StepShares::called
//! [`CallConfig::slice`]: crate::config::CallConfig::slice
//! [`CallConfig::way_back`]: crate::config::CallConfig::way_back

use super::departures::Context;
use super::eevdf::{Preemption, TakesOver};
use super::flow::{FlowId, Side};
use super::simulation::Simulation;
use crate::app::Call;
use crate::config::{Ending, LinkConfig, RunConfig};
use crate::observer::Observer;
use crate::sender::WriteProgress;
use crate::time::{SimDuration, SimTime};

/// Where a call has come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// It takes the socket.
    Begin,
    /// The program has asked for the state of its socket, and takes it now.
    Asked,
    /// It copies.
    Copy,
    /// The backlog is due in the middle of a `send`.
    Flush,
    /// Reading makes ACKs due.
    Finish,
    /// It lets go of the socket.
    Release,
    /// Before that it works through the backlog.
    Drain,
    /// It has let go of the socket, and soft interrupts may run once more before it returns.
    Released,
    /// It is done, and the processor was somebody else's before the program goes on.
    Return,
}

/// A call in progress.
#[derive(Clone, Copy, Debug)]
pub(super) struct InCall {
    side: Side,
    call: Call,
    stage: Stage,
    /// What it will return.
    result: u32,
    /// When it sent its last packet of data.
    sent_at: Option<SimTime>,
    /// What it has still to do of a step that was interrupted.
    owed: SimDuration,
}

impl InCall {
    /// `call` by the program of `side`, about to begin.
    pub(super) const fn new(side: Side, call: Call) -> Self {
        Self { side, call, stage: Stage::Begin, result: 0, sent_at: None, owed: SimDuration::ZERO }
    }

    /// Whose socket it holds.
    pub(super) const fn side(&self) -> Side {
        self.side
    }

    /// What a `recv` of the program of `side` has given it so far, though it has not returned.
    pub(super) fn received(&self, side: Side) -> u32 {
        if self.side == side && matches!(self.call, Call::Recv(_)) { self.result } else { 0 }
    }

    /// Whether it is a `send` by the program of `side`.
    pub(super) fn sends(&self, side: Side) -> bool {
        self.side == side && matches!(self.call, Call::Send(_))
    }

    /// Which call it is.
    pub(super) const fn call(&self) -> Call {
        self.call
    }
}

/// Whether the stack leaves a call alone until it is over.
///
/// Up to 6.4 soft interrupts that wait for their thread are not run by anybody else ("let ksoftirqd do its job"), and
/// a link with a delay raises them from a timer. Without a link of its own, loopback raises them in the call.
pub(super) fn waits_for_calls(config: &RunConfig) -> bool {
    config.host.calls.threaded_softirqs && config.kernel.softirqs_wait_for_thread && !is_direct(config)
}

/// Whether packets arrive in the moment in which they are sent.
pub(super) fn is_direct(config: &RunConfig) -> bool {
    let direct = |l: &LinkConfig| {
        l.delay == SimDuration::ZERO && l.rate_bps.is_none() && l.jitter.is_none() && l.queue.is_none()
    };
    direct(&config.forward) && direct(&config.reverse)
}

impl<O: Observer> Simulation<'_, O> {
    /// Whether the stack has something to do at `time` that it does before a call of `flow` goes on.
    fn interrupted(&self, flow: FlowId, time: SimTime) -> bool {
        (!self.uninterrupted || self.preempted)
            && (self.busy
                || self.links.iter().any(|l| l.peek().time() <= time)
                || (self.preempted && self.timers_due(flow) <= time))
    }

    /// When timers of the two ends of `flow` are due next for which nobody waits yet.
    fn timers_due(&self, flow: FlowId) -> SimTime {
        let [a, b] = &self.flows[flow as usize].ends;
        let due = |wake: Option<SimTime>| wake.unwrap_or(SimTime::NEVER);
        if self.timers_waiting.is_empty() { due(a.wake).min(due(b.wake)) } else { SimTime::NEVER }
    }

    /// Timers that have come due by `time` run in the middle of a call: where soft interrupts do not wait for their thread, the
    /// tick's interrupt ends with them.
    fn timers_interrupt(&mut self, flow: FlowId, time: SimTime) {
        for side in [Side::Sender, Side::Receiver] {
            if self.timers_due(flow) <= time
                && let Some(due) = self.flows[flow as usize].ends[side.at()].wake.filter(|due| *due <= time)
            {
                self.timer(flow, side, due, time, SimDuration::ZERO);
            }
        }
    }

    /// Whether packets of `from` may be received as soon as they are sent.
    fn is_undelayed(&self, from: Side) -> bool {
        let link = if self.config.forward.both_ways || from == Side::Sender {
            &self.config.forward
        } else {
            &self.config.reverse
        };
        link.delay == SimDuration::ZERO && link.rate_bps.is_none() && link.jitter.is_none()
    }

    /// When there is next something to do for the thread of soft interrupts, if programs give way to it at all: a packet to be
    /// taken off a link, unless nothing delays them, or a timer.
    pub(super) fn softirqs_due(&self, flow: FlowId) -> Option<SimTime> {
        let calls = &self.config.host.calls;
        if calls.slice == SimDuration::ZERO || !calls.threaded_softirqs {
            return None;
        }
        let packet = self.links.iter().map(|l| l.peek().time()).min().filter(|_| !self.direct);
        let due = packet.unwrap_or(SimTime::NEVER).min(self.timers_due(flow));
        (due != SimTime::NEVER).then_some(due)
    }

    /// When the scheduler of 6.6 and later lets the thread of soft interrupts, which is `due`, have a program's processor.
    pub(super) fn takes_over(&self, due: SimTime) -> Option<TakesOver> {
        let calls = &self.config.host.calls;
        let preemption = match (calls.tick_preempts, calls.slice_in_call) {
            (false, _) => Preemption::AtOnce,
            (true, None) => Preemption::Tick,
            (true, Some(_)) => Preemption::Timer,
        };
        let clock = &self.clock;
        let tick = |at, behind: u32| clock.begin(clock.at(at) + behind);
        self.eevdf.as_ref()?.takes_over(due, tick, preemption)
    }

    /// When the thread of soft interrupts takes the processor from a `send` of this thread, as soon as that may sleep.
    fn preempted_at(&self, flow: FlowId, thread: u8) -> Option<SimTime> {
        let calls = &self.config.host.calls;
        let due = self.softirqs_due(flow)?;
        if let Some(takes_over) = self.takes_over(due) {
            return Some(takes_over.in_call);
        }
        let picked = self.flows[flow as usize].threads[usize::from(thread)].picked?;
        let after = calls.slice_in_call.map(|slice| {
            let slice = if self.uninterrupted { self.accounts.preempt_after(slice) } else { slice };
            due.max(picked + slice)
        });
        let tick = calls.tick_preempts.then(|| self.clock.begin(self.clock.at(due) + 1));
        match (after, tick) {
            (Some(after), Some(tick)) => Some(after.min(tick)),
            (after, tick) => after.or(tick),
        }
    }

    /// Whether the thread of soft interrupts takes the processor from a call of this thread at `time`.
    fn gives_way(&self, flow: FlowId, thread: u8, time: SimTime) -> bool {
        let Some(picked) = self.flows[flow as usize].threads[usize::from(thread)].picked else {
            return false;
        };
        if self.eevdf.is_some()
            && let Some(due) = self.softirqs_due(flow).filter(|due| *due <= time)
            && let Some(takes_over) = self.takes_over(due)
        {
            return takes_over.on_return <= time;
        }
        let slice = self.config.host.calls.slice;
        let behind = if self.uninterrupted {
            self.accounts.preempt(time.max(picked).since(picked), slice)
        } else {
            picked + slice <= time
        };
        behind && self.softirqs_due(flow).is_some_and(|due| due <= time)
    }

    /// Until when the stack leaves a call of `flow` alone that has sent nothing.
    fn undisturbed_until(&self, flow: FlowId) -> SimTime {
        if O::STEPWISE {
            SimTime::ZERO
        } else if self.uninterrupted {
            SimTime::NEVER
        } else if self.config.host.calls.threaded_softirqs {
            self.timers_due(flow)
        } else if self.busy {
            SimTime::ZERO
        } else {
            self.links[0].peek().time().min(self.links[1].peek().time())
        }
    }

    /// When a `send` that has sent something looked at the device's queue for the last time, and when the way back to its
    /// program lets soft interrupts in.
    fn last_look_of(&self, call: &InCall) -> Option<[SimTime; 2]> {
        let calls = &self.config.host.calls;
        let threaded = calls.threaded_softirqs && calls.way_back > SimDuration::ZERO && !self.direct;
        if !threaded || !matches!(call.call, Call::Send(_)) || self.is_undelayed(call.side) {
            return None;
        }
        let look = call.sent_at? + self.cpu.descent();
        Some([look, look + calls.way_back])
    }

    /// A call goes on at `time`, if the stack has nothing to do then.
    fn interrupt_call(&mut self, time: SimTime, flow: FlowId, thread: u8) {
        debug_assert!(self.interrupted_call.is_none(), "one program at a time");
        self.interrupted_call = Some((self.queue.key(time), flow, thread));
    }

    /// An interrupted call goes on.
    pub(super) fn call_goes_on(&mut self, flow: FlowId, thread: u8, time: SimTime) {
        if self.interrupted(flow, time) {
            self.interrupt_call(self.cpu.begin(time), flow, thread);
            return;
        }
        self.preempted = false;
        // If it was a timer that interrupted it, no packet has used this up.
        (self.let_in, self.enters_call) = (None, false);
        self.program_runs(time);
        let mut time = time;
        if let Some(call) = &mut self.flows[flow as usize].threads[usize::from(thread)].call {
            time += std::mem::take(&mut call.owed);
            self.cpu.busy_until(time);
        }
        if self.advance_call(flow, thread, time) {
            self.run_thread(flow, thread, self.cpu.begin(time));
        }
    }

    /// The call that a thread is in goes on until it is over or interrupted; returns whether it is over.
    pub(super) fn advance_call(&mut self, flow: FlowId, thread: u8, time: SimTime) -> bool {
        let mut time = time;
        let threaded = self.config.host.calls.threaded_softirqs;
        loop {
            let sent_before = self.transmitted;
            let slot = &mut self.flows[flow as usize].threads[usize::from(thread)].call;
            let Some(mut call) = slot.take() else { return true };
            self.last_data = None;
            let begun = time;
            let over = match call.call {
                _ if call.stage == Stage::Return => true,
                Call::Send(len) => self.send_step(flow, thread, &mut call, len, time),
                Call::Recv(len) => self.recv_step(flow, &mut call, len, time),
                Call::Ask => self.ask_step(&mut call, time),
                Call::Shutdown | Call::Close => {
                    let ending = if call.call == Call::Close { Ending::Close } else { Ending::HalfClose };
                    self.on(flow, call.side, time, |cx, end| end.end(cx, ending));
                    true
                }
            };
            call.sent_at = self.last_data.or(call.sent_at);
            time = self.cpu.begin(time);
            if over {
                self.busy |= std::mem::take(&mut self.left_over);
            }
            if over && call.stage != Stage::Return && self.gives_way(flow, thread, time) {
                call.stage = Stage::Return;
                self.flows[flow as usize].threads[usize::from(thread)].call = Some(call);
                self.preempted = true;
                let back = self.last_look_of(&call).filter(|_| self.uninterrupted);
                self.let_in = Some(back.map_or(time, |[_, back]| back));
                self.interrupt_call(time, flow, thread);
                return false;
            }
            if over {
                let back = self.last_look_of(&call).map(|[_, back]| back).filter(|_| !self.uninterrupted);
                self.call_returned(flow, thread, call, call.result, time);
                self.call_back = back;
                return true;
            }
            // Where nothing else runs them, their thread comes when they are due.
            if call.stage == Stage::Asked
                && self.uninterrupted
                && self.config.host.calls.way_back > SimDuration::ZERO
                && self.gives_way(flow, thread, time)
                && let Some(due) = self.softirqs_due(flow)
            {
                let due = due.max(begun);
                call.owed = time.since(due);
                self.flows[flow as usize].threads[usize::from(thread)].call = Some(call);
                (self.preempted, self.let_in) = (true, Some(due));
                self.interrupt_call(time, flow, thread);
                return false;
            }
            self.flows[flow as usize].threads[usize::from(thread)].call = Some(call);
            if threaded && !self.uninterrupted {
                self.timers_interrupt(flow, time);
                time = self.cpu.begin(time);
            }
            let sent = self.transmitted > sent_before;
            let opened = std::mem::take(&mut self.opened);
            let runs_softirqs = sent
                || opened
                || matches!(call.stage, Stage::Asked | Stage::Released)
                || std::mem::take(&mut self.raised);
            if runs_softirqs {
                self.busy |= std::mem::take(&mut self.left_over);
            }
            let early = sent && matches!(call.call, Call::Recv(_));
            // Who sends looks at the device's queue right behind the packet; once it has let go of its socket, from there on.
            let alarm = self.config.host.calls.reads_clock[0];
            let [ahead_of_queue, ahead_of_return] = self.config.host.calls.in_time;
            let before = |d: SimDuration| SimTime::from_nanos(time.as_nanos().saturating_sub(d.as_nanos()));
            let [looks, lets_in] = match self.last_look_of(&call).filter(|_| !early) {
                Some([look, _]) if sent => [look; 2],
                Some([_, back]) if call.stage == Stage::Released => [time, back],
                _ if opened => [before(alarm), time],
                // It unlocks its socket a little before it returns.
                _ if call.stage == Stage::Released && matches!(call.call, Call::Recv(_)) => {
                    [before(alarm + ahead_of_return), time]
                }
                // The ACK of a `recv` finds what was due when it came to the queue.
                _ if early && threaded && !self.direct => {
                    let [_, ack] = self.cpu.read_ack();
                    let queued = before(ack + self.look(flow, call.side)) + self.cpu.descent();
                    let looks = queued.as_nanos().saturating_sub(ahead_of_queue.as_nanos());
                    [SimTime::from_nanos(looks), queued]
                }
                _ => [time; 2],
            };
            let gave_way = self.preempted;
            // Without a delay on its way, who sends a packet raises the soft interrupt that receives it, and runs it.
            self.preempted |= sent && self.is_undelayed(call.side);
            if (!threaded || runs_softirqs || self.preempted) && self.interrupted(flow, looks) {
                if looks < time || call.stage == Stage::Released || gave_way {
                    // Who takes the processor from a program has been woken long ago, and no idle loop is left.
                    let saved = if gave_way { self.config.host.calls.switch } else { SimDuration::ZERO };
                    self.let_in =
                        Some(SimTime::from_nanos(lets_in.as_nanos().saturating_sub(saved.as_nanos())));
                }
                if opened && self.let_in.is_some() && !gave_way {
                    self.enters_call = true;
                }
                self.interrupt_call(time, flow, thread);
                return false;
            }
            self.preempted = false;
        }
    }

    /// Whether the program of `side` asks for the state of its socket before the `send` that it begins.
    fn asks(&self, flow: FlowId, side: Side) -> bool {
        self.config.host.calls.ask > SimDuration::ZERO
            && self.flows[flow as usize].programs[side.at()].asks_before_sending()
    }

    /// One step of a `getsockopt` that no `send` follows; returns whether it is over.
    fn ask_step(&mut self, call: &mut InCall, time: SimTime) -> bool {
        if call.stage != Stage::Begin {
            return true;
        }
        let asked = time + self.config.host.calls.ask;
        self.cpu.busy_until(asked + self.ticks(time, asked));
        call.stage = Stage::Asked;
        false
    }

    /// One step of a `send`; returns whether it is over.
    fn send_step(&mut self, flow: FlowId, thread: u8, call: &mut InCall, len: u32, time: SimTime) -> bool {
        let side = call.side;
        match call.stage {
            Stage::Begin if self.asks(flow, side) => {
                let asked = time + self.config.host.calls.ask;
                self.cpu.busy_until(asked + self.ticks(time, asked));
                call.stage = Stage::Asked;
                false
            }
            Stage::Begin | Stage::Asked | Stage::Copy | Stage::Finish => {
                let asked = call.stage == Stage::Asked;
                let begins = asked || call.stage == Stage::Begin;
                let undisturbed = self.undisturbed_until(flow);
                let preempted = self.preempted_at(flow, thread);
                let written = |side: Side| self.flows[flow as usize].programs[side.at()].written();
                let one_thread = self.config.host.calls.one_thread;
                let cold = begins && written(side) == 0 && !(one_thread && written(side.peer()) > 0);
                if begins {
                    self.page_frag(flow, side);
                }
                let memory = if begins { self.memory_for_send(flow, side.at()) } else { SimDuration::ZERO };
                let calls = &self.config.host.calls;
                let time = if cold { time + calls.first_send } else { time };
                let time = match (asked, begins) {
                    (true, _) => time + calls.enter,
                    (false, true) if !cold => time + calls.send_entry,
                    _ => time,
                } + memory;
                let result = self.on(flow, side, time, |cx, end| {
                    if begins {
                        end.rx.own();
                        end.tx.write_begin(cx.now, len);
                    }
                    end.tx.write_undisturbed(undisturbed);
                    end.tx.write_preempted(preempted);
                    loop {
                        match end.tx.write_some(cx, &mut end.rx) {
                            WriteProgress::Sent => return Err((Stage::Copy, false)),
                            WriteProgress::Preempted => return Err((Stage::Copy, true)),
                            WriteProgress::Copied => return Ok(end.tx.write_end(cx, &mut end.rx)),
                            // Nothing waits, and nothing can have come.
                            WriteProgress::Flush
                                if end.rx.backlog_waiting() == 0 && cx.now.time < undisturbed =>
                            {
                                end.rx.drain_done();
                            }
                            WriteProgress::Flush => return Err((Stage::Flush, false)),
                        }
                    }
                });
                call.stage = match result {
                    Ok(n) => {
                        call.result = n;
                        Stage::Release
                    }
                    Err((stage, preempted)) => {
                        self.preempted = preempted;
                        stage
                    }
                };
                false
            }
            Stage::Flush => {
                if !self.drain_one(flow, side, time) {
                    self.flows[flow as usize].ends[side.at()].rx.drain_done();
                    call.stage = Stage::Copy;
                }
                false
            }
            Stage::Release | Stage::Drain => self.release_step(flow, call, time),
            Stage::Released => true,
            Stage::Return => true,
        }
    }

    /// Which page fragment a `send` on the socket of `side` copies into: that of its thread, which may have written to the other
    /// socket since. If nothing in it is used any more it is used again.
    fn page_frag(&mut self, flow: FlowId, side: Side) {
        let one_thread = self.config.host.calls.one_thread;
        let f = &mut self.flows[flow as usize];
        let [a, b] = &mut f.ends;
        let (end, other) = if side == Side::Sender { (a, b) } else { (b, a) };
        if one_thread && f.wrote == Some(side.peer()) {
            end.tx.write_behind(&other.tx);
        }
        f.wrote = Some(side);
        let own = end.tx.uses_page_frag_of(&end.tx, other.rx.holds_pages(end.tx.page_frag_begins()));
        let held = end.rx.holds_pages(other.tx.page_frag_begins());
        let others = one_thread && other.tx.uses_page_frag_of(&end.tx, held);
        if !own && !others {
            end.tx.write_page_frag_again();
        }
    }

    /// One step of a `recv`; returns whether it is over.
    fn recv_step(&mut self, flow: FlowId, call: &mut InCall, len: u32, time: SimTime) -> bool {
        let (side, calls) = (call.side, &self.config.host.calls);
        let half = SimDuration::from_nanos(calls.cost.as_nanos() / 2);
        match call.stage {
            // Nothing can come in the middle of a call that takes no time.
            Stage::Begin if calls.cost == SimDuration::ZERO && !self.direct => {
                call.result = self.on(flow, side, time, |cx, end| end.rx.recv(cx, &mut end.tx, len));
                true
            }
            Stage::Begin | Stage::Asked => {
                self.flows[flow as usize].ends[side.at()].rx.recv_begin(len);
                call.stage = Stage::Copy;
                if calls.lock > SimDuration::ZERO {
                    call.owed = half.saturating_sub(calls.lock);
                    self.cpu.busy_until(time + calls.lock);
                    self.opened = true;
                } else {
                    self.cpu.busy_until(time + half);
                }
                false
            }
            Stage::Copy | Stage::Flush => {
                let time = time + std::mem::take(&mut call.owed);
                self.opened =
                    calls.free_lets_in && self.flows[flow as usize].ends[side.at()].rx.frees_own_skb();
                let fragments = if calls.frag > SimDuration::ZERO {
                    self.flows[flow as usize].ends[side.at()].rx.fragments_ahead()
                } else {
                    0
                };
                let (before, after, more) = self.on(flow, side, time, |cx, end| {
                    let before = end.rx.copied();
                    let mut more = end.rx.recv_copy(cx);
                    while more && calls.cost == SimDuration::ZERO {
                        more = end.rx.recv_copy(cx);
                    }
                    (before, end.rx.copied(), more)
                });
                if after > before {
                    let fragments =
                        SimDuration::from_nanos((calls.frag.as_nanos() * fragments).div_ceil(1_000_000));
                    let look = self.look(flow, side);
                    let pages = self.flows[flow as usize].programs[side.at()].touches(after);
                    let touching = SimDuration::from_nanos(calls.touch.as_nanos() * u64::from(pages));
                    let copying = calls.skb + calls.copying(after - before) + fragments;
                    self.cpu.busy_until(time + copying + touching + look);
                }
                if !more {
                    call.stage = Stage::Finish;
                }
                false
            }
            Stage::Finish => {
                self.cpu.busy_until(time + half + self.look(flow, side));
                let [lag, _] = self.cpu.read_ack();
                let time = self.cpu.begin(time);
                (self.context, self.lags) = (Context::Read, [SimDuration::ZERO, lag]);
                call.result = self.on(flow, side, time, |cx, end| end.rx.recv_finish(cx, &mut end.tx));
                (self.context, self.lags) = (Context::Thread, Default::default());
                call.stage = Stage::Release;
                false
            }
            Stage::Release | Stage::Drain => self.release_step(flow, call, time),
            Stage::Released => true,
            Stage::Return => true,
        }
    }

    /// One segment of the backlog is processed while the call keeps the socket (`__release_sock`); returns whether
    /// there was one.
    fn drain_one(&mut self, flow: FlowId, side: Side, time: SimTime) -> bool {
        if self.flows[flow as usize].ends[side.at()].rx.backlog_waiting() == 0 {
            return false;
        }
        let pure = self.flows[flow as usize].ends[side.at()].rx.backlog_begins_empty();
        let spared = if pure { SimDuration::ZERO } else { self.spared_look(flow, side) };
        let cost = self.cpu.backlogged(pure).saturating_sub(spared);
        self.drained_at = time;
        if self.config.host.calls.drain[1] > SimDuration::ZERO {
            self.cpu.busy_until(time + cost);
            self.process_backlogged(flow, side, time);
            // What was sent because of it comes on top.
            let sending = self.reading.time.max(time).since(time);
            self.cpu.busy_until(self.cpu.begin(time) + sending);
        } else {
            self.process_backlogged(flow, side, time);
            self.cpu.busy_until(time + cost);
        }
        self.segments_drained(flow, side);
        true
    }

    /// The next segment of a backlog reaches its socket.
    fn process_backlogged(&mut self, flow: FlowId, side: Side, time: SimTime) {
        self.lags = self.cpu.reactions(false, false);
        self.context = Context::Drain;
        let sent_before = self.transmitted;
        self.on(flow, side, time, |cx, end| end.drain_one(cx));
        // Who sends lets soft interrupts in, and takes the next list behind them.
        let lets_in = self.transmitted > sent_before
            && !self.uninterrupted
            && !self.direct
            && self.config.host.calls.threaded_softirqs;
        if !lets_in {
            self.flows[flow as usize].ends[side.at()].rx.begin_drain();
        }
        self.lags = Default::default();
        self.context = Context::Thread;
    }

    /// One step of letting go of the socket: first what waits, one by one. Returns whether the call is over: where soft
    /// interrupts do not wait for their thread, unlocking the socket lets them in (`spin_unlock_bh`).
    fn release_step(&mut self, flow: FlowId, call: &mut InCall, time: SimTime) -> bool {
        let side = call.side;
        let [way_in, way] = self.config.host.calls.drain;
        let waits = self.flows[flow as usize].ends[side.at()].rx.backlog_waiting() > 0;
        if call.stage == Stage::Release && waits && way > SimDuration::ZERO {
            call.stage = Stage::Drain;
            // What is let in here merges with nothing that has come before.
            self.flows[flow as usize].ends[side.at()].rx.begin_drain();
            call.sent_at = None;
            call.owed = way;
            self.cpu.busy_until(time + way_in);
            self.opened = !self.uninterrupted && (!self.direct || self.left_over);
            return false;
        }
        let time = time + std::mem::take(&mut call.owed);
        let pure = waits && self.flows[flow as usize].ends[side.at()].rx.backlog_begins_empty();
        if self.drain_one(flow, side, time) {
            if self.flows[flow as usize].ends[side.at()].rx.backlog_waiting() == 0 {
                self.cpu.is_free_sooner(self.config.host.calls.drained[usize::from(pure)]);
            }
            return false;
        }
        let sent_before = self.transmitted;
        if !self.flows[flow as usize].ends[side.at()].release_untouched() {
            self.on(flow, side, time, |cx, end| end.release(cx));
        }
        // Without a delay on its way, what is sent here is received before the call returns.
        let received = self.direct && self.transmitted > sent_before;
        if !received && (self.uninterrupted || self.direct || !self.config.host.calls.threaded_softirqs) {
            return true;
        }
        call.stage = Stage::Released;
        false
    }

    /// A planned call ends an end of a connection, or its writing half. Before `connect` or `accept` has returned the program
    /// has no socket: then it makes the call first thing after that.
    pub(super) fn end(&mut self, flow: FlowId, side: Side, ending: Ending, time: SimTime) {
        let f = &mut self.flows[flow as usize];
        let there = match side {
            Side::Sender => f.connected,
            Side::Receiver => f.established.is_some(),
        };
        if !there {
            let early = &mut f.early[side.at()];
            // A `close` says more than a `shutdown`.
            *early = if *early == Some(Ending::Close) { *early } else { Some(ending) };
            return;
        }
        if self.on(flow, side, time, |cx, end| end.end(cx, ending)) {
            self.flows[flow as usize].programs[side.at()].was_ended(ending == Ending::Close);
        }
    }

    /// `connect` or `accept` has returned: the call is made that was planned before.
    pub(super) fn end_if_planned(&mut self, flow: FlowId, side: Side, time: SimTime) {
        if let Some(ending) = self.flows[flow as usize].early[side.at()].take() {
            self.end(flow, side, ending, time);
        }
    }
}
