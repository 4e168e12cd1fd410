//! Packets from their socket to a link, and what the device's own queue says back.

use super::flow::{FlowId, Side};
use super::simulation::{Event, Simulation};
use crate::observer::{Observer, Transmit};
use crate::path::{PacketRef, Payload};
use crate::time::{SimDuration, SimTime};

/// Where packets are processed and sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Context {
    /// In the thread of soft interrupts, or wherever nothing else is said.
    Thread,
    /// By soft interrupts in the middle of a program's call.
    InCall,
    /// By a call that works through the backlog.
    Drain,
    /// By a `recv` that makes an ACK due.
    Read,
}

impl<O: Observer> Simulation<'_, O> {
    /// Whose link packets of `from` enter.
    pub(super) fn link_of(&self, from: Side) -> Side {
        if self.config.forward.both_ways { Side::Sender } else { from }
    }

    /// Puts a packet on the link away from `from`, which may be that of both.
    #[inline(always)]
    pub(super) fn put<'a>(&mut self, from: Side, at: SimTime, packet: impl Into<PacketRef<'a>>) {
        let packet = packet.into();
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
    #[inline]
    pub(super) fn packets_freed(&mut self, link: Side, time: SimTime) {
        if self.in_host {
            self.sockets_go_on(link, time);
        }
    }

    #[inline(never)]
    fn sockets_go_on(&mut self, link: Side, time: SimTime) {
        let lazily = self.config.host.calls.threaded_softirqs;
        while let Some(p) = self.links[link.at()].take_released() {
            let from = Side::sends(p.way);
            if self.flows[p.flow as usize].ends[from.at()].tx.freed(p.seg.seq, lazily) {
                self.queue.push(time, Event::SmallQueue(p.flow, from));
            }
        }
    }

    /// A socket whose packets have left its host goes on (`tcp_tsq_handler`); tasklets come after what was received.
    pub(super) fn small_queue(&mut self, flow: FlowId, side: Side, time: SimTime) {
        if self.busy {
            self.tasklets.push_back((flow, side));
        } else {
            self.on(flow, side, time, |cx, end| end.small_queue(cx));
        }
    }

    // --- calls into the two ends ----------------------------------------------------------------------------

    /// What a socket has sent leaves it.
    #[inline(never)]
    pub(super) fn send_out(&mut self, flow: FlowId, side: Side, time: SimTime) {
        let mut out = std::mem::take(&mut self.out);
        for (i, t) in out.iter().enumerate() {
            self.leave(flow, side, time, t, out.len() - i - 1);
        }
        out.clear();
        self.out = out;
    }

    /// When a packet leaves its socket that a segment lets go, `at` if one followed the other as in a `send`: behind others, and what was
    /// taken off links in between.
    #[inline(never)]
    fn let_go(&mut self, at: SimTime, lag: SimDuration, more: usize) -> SimTime {
        self.let_go.memory = self.let_go.memory + self.memory_for_cut(more);
        let left = self.cpu.let_go(at, self.let_go);
        self.data_left = Some(self.cpu.let_go(self.cpu.begin(at), self.let_go));
        let look = left + lag + self.cpu.descent();
        let due: usize = self.links.iter().map(|l| l.due(look)).sum();
        self.let_go.behind += 1;
        self.let_go.taken = u32::try_from(due).unwrap_or(u32::MAX);
        left
    }

    /// What sending an ACK takes where it is sent now.
    fn acking(&self, flow: FlowId, from: Side) -> SimDuration {
        match self.context {
            Context::Thread => self.cpu.ack(),
            Context::InCall => {
                self.cpu.ack() + self.cpu.ack_in_call().saturating_sub(self.spared_look(flow, from))
            }
            Context::Drain => self.cpu.ack() + self.look(flow, from),
            Context::Read => {
                let [lag, ack] = self.cpu.read_ack();
                lag + ack + self.look(flow, from)
            }
        }
    }

    /// By how much longer a look at the socket of `side` takes in a program's time ([`CallConfig::in_order`]).
    ///
    /// [`CallConfig::in_order`]: crate::config::CallConfig::in_order
    #[inline]
    pub(super) fn look(&self, flow: FlowId, side: Side) -> SimDuration {
        let rx = &self.flows[flow as usize].ends[side.at()].rx;
        if rx.was_disordered() { SimDuration::ZERO } else { self.config.host.calls.in_order }
    }

    /// What of that is not needed any more.
    #[inline]
    pub(super) fn spared_look(&self, flow: FlowId, side: Side) -> SimDuration {
        self.config.host.calls.in_order.saturating_sub(self.look(flow, side))
    }

    /// When a packet would leave its socket that comes to its device's queue as late as one that does at `at`: an interrupt that wakes the
    /// thread of soft interrupts may come in between, if a program sends it.
    #[inline(never)]
    fn queued_late(&self, at: SimTime) -> SimTime {
        let by_program = match self.context {
            Context::Read => true,
            Context::Thread => self.calling > 0 && self.interrupted_call.is_none(),
            Context::InCall | Context::Drain => false,
        };
        // Behind its lock the queue lets no thread be woken.
        let locked = SimDuration::from_nanos(self.config.host.calls.reads_clock[0].as_nanos());
        let queued =
            SimTime::from_nanos((at + self.cpu.descent()).as_nanos().saturating_sub(locked.as_nanos()));
        let due = self.links.iter().map(|l| l.peek().time()).min().unwrap_or(SimTime::NEVER);
        if by_program && at < due && due <= queued { at + self.config.host.calls.interrupted } else { at }
    }

    /// A packet leaves a socket; `more` follow at the same time.
    #[inline(always)]
    fn leave(&mut self, flow: FlowId, from: Side, time: SimTime, t: &Transmit, more: usize) {
        self.transmitted += 1;
        let [data_lag, ack_lag] = self.lags;
        let at = match &t.payload {
            Payload::Data(data) => {
                let mut left = data.at;
                self.data_left = Some(self.cpu.begin(left));
                if data_lag > SimDuration::ZERO {
                    left = self.let_go(data.at, data_lag, more);
                }
                self.last_data = Some(left + data_lag);
                if self.in_host && self.hosts[from.at()].qdisc_room.is_some() {
                    // A socket stops behind a packet that was refused, so that this is the last one.
                    let refused = self.hosts[from.at()].qdisc_refused && more == 0;
                    let link = self.link_of(from);
                    self.links[link.at()].was_judged(!refused);
                }
                if self.in_host
                    && let Some(release) = self.flows[flow as usize].ends[from.at()].tx.take_release()
                {
                    let link = self.link_of(from);
                    self.links[link.at()].set_release(release);
                }
                left + data_lag
            }
            _ => {
                if O::ACTIVE && from == Side::Sender {
                    let state = self.flows[flow as usize].ends[from.at()].tx.state();
                    self.obs.sent(self.clock.now(time), &t.seg, &state);
                }
                let memory = self.memory_for_ack();
                let cost = self.acking(flow, from);
                self.cpu.busy_until(self.cpu.begin(time) + cost + memory);
                let drained = self.flows[flow as usize].ends[from.at()].rx.drained();
                time + ack_lag + memory + self.cpu.draining(drained)
            }
        };
        let descent = self.cpu.descent();
        let at =
            if self.config.host.calls.interrupted > SimDuration::ZERO { self.queued_late(at) } else { at };
        // Who sends moves what is due by then; where steps take no time of their own, all of it.
        self.turns.sent(if descent > SimDuration::ZERO { at + descent } else { SimTime::NEVER });
        self.cpu.looks_at_queue();
        self.put(from, at, PacketRef { flow, way: from.way(), seg: &t.seg, payload: &t.payload });
        if self.in_host
            && matches!(t.payload, Payload::Data(_))
            && self.links[self.link_of(from).at()].in_host()
            && self.flows[flow as usize].ends[from.at()].tx.freed_at_once()
        {
            self.queue.push(at, Event::SmallQueue(flow, from));
        }
    }
}
