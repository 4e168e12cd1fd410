//! The programs at both ends: when they run and which calls they make.

use super::flow::{FlowId, Side};
use super::simulation::{Event, Simulation};
use crate::app::{WriterStep, WriterView};
use crate::config::LiveOption;
use crate::observer::{Observer, SendEvent};
use crate::time::{SimDuration, SimTime};
use rand_chacha::rand_core::RngCore as _;

impl<O: Observer> Simulation<'_, O> {
    /// The passive side is established: the applications start after the writer's pause.
    pub(super) fn applications_begin(&mut self, flow: FlowId, time: SimTime) {
        let at = time + self.flows[flow as usize].writer.start_delay();
        self.queue.push(at, Event::Start(flow));
    }

    #[inline(always)]
    pub(super) fn schedule_applications(&mut self, flow: FlowId) {
        let f = &mut self.flows[flow as usize];
        if f.started.is_none() || f.apps_wait {
            return;
        }
        // A program runs when the stack has nothing left to do.
        if self.busy {
            f.apps_wait = true;
            self.apps_waiting.push(flow);
            return;
        }
        // Nothing begins before the processor is free.
        if f.app_wake.is_none_or(|w| w > self.cpu.begin(SimTime::ZERO)) {
            self.push_applications(flow);
        }
    }

    /// Puts the next step of the programs into the queue, unless an earlier one is there.
    fn push_applications(&mut self, flow: FlowId) {
        let f = &mut self.flows[flow as usize];
        let readable = f.ends[Side::Receiver.at()].rx.readable();
        let due = match (f.writer.due(), f.reader.due(readable)) {
            (Some(w), Some(r)) => w.min(r),
            (Some(t), None) | (None, Some(t)) => t,
            (None, None) => return,
        };
        let due = self.cpu.begin(due);
        if f.app_wake.is_none_or(|w| due < w) {
            f.app_wake = Some(due);
            self.queue.push(due, Event::Applications(flow));
        }
    }

    /// The applications of `flow` are due.
    pub(super) fn applications_due(&mut self, flow: FlowId, due: SimTime, time: SimTime) {
        let f = &mut self.flows[flow as usize];
        if f.app_wake == Some(due) {
            f.app_wake = None;
        }
        if !self.busy {
            self.run_applications(flow, time);
        } else if !f.apps_wait {
            f.apps_wait = true;
            self.apps_waiting.push(flow);
        }
    }

    /// The stack has nothing left to do: programs that waited for that are due again.
    pub(super) fn applications_resume(&mut self) {
        let mut waiting = std::mem::take(&mut self.apps_waiting);
        for flow in waiting.drain(..) {
            self.flows[flow as usize].apps_wait = false;
            self.schedule_applications(flow);
        }
        self.apps_waiting = waiting;
    }

    /// Both programs run as far as they can: first the writer, then the reader, as one thread polling both.
    pub(super) fn run_applications(&mut self, flow: FlowId, begin: SimTime) {
        let mut time = begin;
        loop {
            let f = &mut self.flows[flow as usize];
            let tx = &mut f.ends[Side::Sender.at()].tx;
            let view = WriterView { writable: tx.is_writable(), unacked: tx.packets_out() };
            match f.writer.step(time, view) {
                WriterStep::Idle => break,
                WriterStep::WaitForRoom => {
                    tx.wait_for_room();
                    f.blocked.begin(time, false);
                    if O::ACTIVE {
                        self.watch(flow);
                        self.obs.sending(self.clock.now(time), SendEvent::WaitsForRoom);
                    }
                    break;
                }
                WriterStep::Write(len) => {
                    let n = self.on(flow, Side::Sender, time, |cx, end| end.tx.write(cx, &mut end.rx, len));
                    let f = &mut self.flows[flow as usize];
                    let chunk = f.writer.wrote(time, n);
                    let short = f.ends[Side::Sender.at()].tx.is_short_of_memory();
                    if n > 0 {
                        f.blocked.end(time);
                    }
                    if n < len {
                        f.blocked.begin(time, short);
                    }
                    if n == 0 && short {
                        // A buffer with room that may not be used: nobody wakes the writer, who looks again after a
                        // random time (`sk_stream_wait_memory`).
                        let ticks = 2 + self.memory_wait.next_u32() % (self.clock.hz() / 5).max(1);
                        let wait = SimDuration::from_nanos(u64::from(ticks) * self.clock.tick_ns());
                        self.flows[flow as usize].writer.retry_at(time + wait);
                    }
                    // The program looks at the clock again when the call has returned.
                    time = self.cpu.begin(time);
                    if chunk {
                        self.set_option(flow, Side::Receiver, time, LiveOption::QuickAck(1));
                    }
                }
            }
        }
        let f = &mut self.flows[flow as usize];
        let readable = f.ends[Side::Receiver.at()].rx.readable();
        if let Some(len) = f.reader.step(begin, readable) {
            self.read(flow, time, len);
        }
        self.schedule_applications(flow);
    }

    pub(super) fn read(&mut self, flow: FlowId, time: SimTime, len: u32) {
        let n = self.on(flow, Side::Receiver, time, |cx, end| end.rx.recv(cx, &mut end.tx, len));
        self.flows[flow as usize].reader.got(n);
        self.read_bytes += u64::from(n);
    }

    pub(super) fn set_option(&mut self, flow: FlowId, side: Side, time: SimTime, option: LiveOption) {
        self.on(flow, side, time, |cx, end| end.rx.set_option(cx, &mut end.tx, option));
    }
}
