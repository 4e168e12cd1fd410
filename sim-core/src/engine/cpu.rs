//! What the stack itself takes: one processor that handles packets one after the other.
//!
//! Both ends share it, as they do on one machine. All costs follow from one figure, the cost of a received
//! segment, in the proportions of the recorded machine. With a cost of zero everything happens at once.

use super::flow::Side;
use crate::config::{StepShares, part_of};
use crate::time::{SimDuration, SimTime};

/// The processor.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cpu {
    cost: SimDuration,
    times: Times,
    free_at: SimTime,
    /// What is still to come before the first segment that was taken off a link reaches its socket.
    entrance: SimDuration,
    /// The timer of the queueing discipline has fired, and nobody has looked at the queue since.
    rung: bool,
}

/// What the present segment has let go.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct LetGo {
    /// Packets of data.
    pub(super) behind: u32,
    /// Packets that came due until the last of them.
    pub(super) taken: u32,
    /// What memory for them took.
    pub(super) memory: SimDuration,
}

/// What the steps take: the shares of [`StepShares`], in time.
#[derive(Clone, Copy, Debug)]
struct Times {
    active_side: SimDuration,
    approach: SimDuration,
    reached: SimDuration,
    merge: SimDuration,
    descent: SimDuration,
    before_send: SimDuration,
    after_send: SimDuration,
    before_ack: SimDuration,
    ack: SimDuration,
    read_ack: [SimDuration; 2],
    called: [SimDuration; 2],
    wake: SimDuration,
    entrance: SimDuration,
    handover: SimDuration,
    take: SimDuration,
    alarm: SimDuration,
    cut: SimDuration,
    backlog: [SimDuration; 2],
    backlogged: [SimDuration; 2],
    send: SimDuration,
    let_go: SimDuration,
    between: SimDuration,
    drain: SimDuration,
    rousing: SimDuration,
}

impl Cpu {
    /// An idle processor that needs `cost` to process one received segment, and `steps` of it for other things.
    pub(super) fn new(cost: SimDuration, steps: &StepShares) -> Self {
        let StepShares {
            active_side,
            approach,
            merge,
            descent,
            before_send,
            after_send,
            before_ack,
            ack,
            ..
        } = *steps;
        let StepShares {
            wake,
            entrance,
            handover,
            take,
            alarm,
            cut,
            backlog,
            backlogged,
            drain,
            rousing,
            ..
        } = *steps;
        let StepShares { called, called_ack, reached, .. } = *steps;
        let of = |millionths| part_of(cost, millionths);
        let times = Times {
            active_side: of(active_side),
            approach: of(approach),
            reached: of(reached),
            merge: of(merge),
            descent: of(descent),
            before_send: of(before_send),
            after_send: of(after_send),
            before_ack: of(before_ack),
            ack: of(ack),
            read_ack: [of(steps.before_read_ack), of(steps.read_ack)],
            called: [of(called), of(called_ack)],
            wake: of(wake),
            entrance: of(entrance.min(wake)),
            handover: of(handover),
            take: of(take),
            alarm: of(alarm),
            cut: of(cut),
            backlog: [of(backlog), of(backlog) + of(steps.backlog_merge)],
            backlogged: [of(backlogged), of(steps.backlogged_pure)],
            send: of(steps.send),
            let_go: of(steps.let_go),
            between: of(steps.between),
            drain: of(drain),
            rousing: of(rousing),
        };
        Self { cost, times, free_at: SimTime::ZERO, entrance: SimDuration::ZERO, rung: false }
    }

    /// When something due at `t` can begin.
    pub(super) fn begin(&self, t: SimTime) -> SimTime {
        t.max(self.free_at)
    }

    /// Busy until `t`.
    pub(super) fn busy_until(&mut self, t: SimTime) {
        self.free_at = self.free_at.max(t);
    }

    /// Takes a packet of `segments` segments off a link, whatever else goes on. Waking an idle processor takes longer
    /// than that; a busy one is interrupted, once until somebody looks at the queue. Cutting a packet costs something for
    /// each piece. `first` says that nothing waits to be processed.
    pub(super) fn interrupt(&mut self, t: SimTime, segments: u32, first: bool) {
        let Times { wake, entrance, take, alarm, approach, cut, .. } = self.times;
        let mut start = SimDuration::ZERO;
        if self.free_at <= t {
            start = wake - entrance;
            self.entrance = entrance;
            self.rung = false;
        } else {
            if !self.rung && self.entrance == SimDuration::ZERO {
                start = alarm;
                self.rung = true;
            }
            if first {
                start = start + approach;
            }
        }
        let pieces = if segments > 1 { cut.as_nanos() * u64::from(segments) } else { 0 };
        self.free_at = self.free_at.max(t) + start + take + SimDuration::from_nanos(pieces);
    }

    /// A packet was taken off a link while others were sent: that is part of sending them.
    pub(super) fn was_interrupted(&mut self, first: bool) {
        if first {
            self.free_at += self.times.approach;
        }
    }

    /// Takes a packet off a link that is due at `t`, for which a program was in the way until `program`, or which its call
    /// lets in from then on: nothing of what waking an idle processor takes is saved.
    pub(super) fn interrupt_program(&mut self, t: SimTime, program: SimTime, segments: u32) {
        let Times { wake, entrance, take, cut, .. } = self.times;
        let pieces = if segments > 1 { cut.as_nanos() * u64::from(segments) } else { 0 };
        self.entrance = entrance;
        self.free_at = t.max(program) + (wake - entrance) + take + SimDuration::from_nanos(pieces);
        self.rung = false;
    }

    /// Takes a packet off a link in a call that lets soft interrupts in: `entry` from there to the first segment.
    pub(super) fn interrupt_open_call(&mut self, entry: SimDuration, segments: u32) {
        let pieces = self.times.cut.as_nanos() * u64::from(segments.saturating_sub(1));
        self.free_at = self.free_at + entry + SimDuration::from_nanos(pieces);
        self.entrance = SimDuration::ZERO;
        self.rung = false;
    }

    /// What it does is over sooner by `time` than was thought.
    pub(super) fn is_free_sooner(&mut self, time: SimDuration) {
        self.free_at = SimTime::from_nanos(self.free_at.as_nanos().saturating_sub(time.as_nanos()));
    }

    /// When the next segment that waits reaches its socket, if nothing more is taken off a link before.
    pub(super) fn enters(&self) -> SimTime {
        self.free_at + self.entrance
    }

    /// It does.
    pub(super) fn entered(&mut self) {
        self.entrance = SimDuration::ZERO;
    }

    /// When soft interrupts have looked for more to do for the last time, if a program that they woke has the processor at
    /// `free`.
    pub(super) fn last_look(&self, free: SimTime) -> SimTime {
        SimTime::from_nanos(free.as_nanos().saturating_sub(self.times.handover.as_nanos()))
    }

    /// Memory for what was taken off a link takes `time`.
    pub(super) fn gets(&mut self, time: SimDuration) {
        self.free_at += time;
    }

    /// Taking a packet off a link.
    pub(super) fn taking(&self) -> SimDuration {
        self.times.take
    }

    /// Taking a packet of `segments` segments off a link.
    pub(super) fn taking_pieces(&self, segments: u32) -> SimDuration {
        let Times { take, cut, .. } = self.times;
        let pieces = if segments > 1 { cut.as_nanos() * u64::from(segments) } else { 0 };
        take + SimDuration::from_nanos(pieces)
    }

    /// From when on a program's processor that is free at `free` does what an idle one would do from `t` on: the thread
    /// takes a little longer to have it.
    pub(super) fn after_program(&self, t: SimTime, free: SimTime) -> SimTime {
        let Times { wake, entrance, take, .. } = self.times;
        (t + take).max(SimTime::from_nanos(free.as_nanos().saturating_sub((wake - entrance).as_nanos())))
    }

    /// Somebody looks at the queueing discipline and takes what is due.
    pub(super) fn looks_at_queue(&mut self) {
        self.rung = false;
    }

    /// How long after its tick a timer of the transmitting half runs.
    pub(super) fn transmit_timer(&self) -> SimDuration {
        SimDuration::from_nanos(self.cost.as_nanos() / 3)
    }

    /// How long after its time the timer of compressed ACKs runs: 23.6 to 25.1 us of the recorded machine.
    pub(super) fn compressed_ack_timer(&self) -> SimDuration {
        SimDuration::from_nanos(self.cost.as_nanos() * 27 / 28)
    }

    /// How long after its tick a timer of the receiving half runs.
    pub(super) fn ack_timer(&self) -> SimDuration {
        SimDuration::from_nanos(self.cost.as_nanos() * 4 / 5)
    }

    /// Cost of processing one segment at `to`; `last` says that none follows, `alone` that it finds no data to be merged
    /// with, `pure` that it carries none.
    pub(super) fn segment(&self, to: Side, last: bool, alone: bool, pure: bool) -> SimDuration {
        let Times { active_side, approach, reached, merge, .. } = self.times;
        let cost = match (to, alone) {
            (Side::Sender, _) => active_side,
            (Side::Receiver, true) => self.cost.saturating_sub(merge),
            (Side::Receiver, false) => self.cost,
        };
        match (last, to, pure) {
            (false, ..) => cost,
            (true, Side::Sender, true) => cost.saturating_sub(reached),
            (true, ..) => cost.saturating_sub(approach),
        }
    }

    /// From a socket to the queue of the device.
    pub(super) fn descent(&self) -> SimDuration {
        self.times.descent
    }

    /// From a segment to the first packet of data that it causes, and to its ACK; `first` says that it has data, and finds
    /// none to be merged with, `rouses` that it wakes a program.
    pub(super) fn reactions(&self, first: bool, rouses: bool) -> [SimDuration; 2] {
        let Times { before_send, before_ack, merge, rousing, .. } = self.times;
        let to_ack = if first { before_ack.saturating_sub(merge) } else { before_ack };
        [before_send, if rouses { to_ack + rousing } else { to_ack }]
    }

    /// Waking a program.
    pub(super) fn rousing(&self) -> SimDuration {
        self.times.rousing
    }

    /// When a packet leaves its socket that leaves it at `at` if one packet follows the other as in a `send`, the `n`th behind the first
    /// that a segment lets go, between which `taken` others were taken off a link, and for which memory took `memory`.
    pub(super) fn let_go(&self, at: SimTime, LetGo { behind, taken, memory }: LetGo) -> SimTime {
        let Times { send, let_go, between, .. } = self.times;
        let times = |d: SimDuration, n: u32| d.as_nanos() * u64::from(n);
        let later = times(let_go, behind) + times(between, taken) + memory.as_nanos();
        SimTime::from_nanos((at.as_nanos() + later).saturating_sub(times(send, behind)))
    }

    /// Packets of data were sent because of a segment, or several: the last of them left the socket at `t`.
    /// `last` says that no segment follows, `called` that it was processed in the middle of a call, so that no thread has
    /// to be left.
    pub(super) fn sent_data(&mut self, t: SimTime, last: bool, called: bool) {
        let Times { before_send, after_send, approach, take, .. } = self.times;
        let after = before_send + after_send;
        let saved = if called { approach + take } else { approach };
        self.busy_until(t + if last { after.saturating_sub(saved) } else { after });
    }

    /// Cost of taking in one segment that is dropped before it reaches its socket.
    pub(super) fn dropped(&self) -> SimDuration {
        SimDuration::from_nanos(self.cost.as_nanos() / 6)
    }

    /// Cost of putting one segment into the backlog of a socket that a call holds; `behind` says that there is one already.
    pub(super) fn backlog(&self, behind: bool) -> SimDuration {
        self.times.backlog[usize::from(behind)]
    }

    /// The first segment that waits goes into a backlog, at the latest so long after it was taken off its link.
    pub(super) fn enters_backlog(&mut self, within: SimDuration) {
        self.entrance = self.entrance.min(within);
    }

    /// Cost of processing one segment out of the backlog: what is left of a segment's; `pure` says that it carries no data.
    pub(super) fn backlogged(&self, pure: bool) -> SimDuration {
        self.times.backlogged[usize::from(pure)]
    }

    /// Cost of moving so many skbs from the out-of-order queue to the receive queue.
    pub(super) fn draining(&self, skbs: u32) -> SimDuration {
        SimDuration::from_nanos(self.times.drain.as_nanos() * u64::from(skbs))
    }

    /// What a segment that takes `cost` in the thread of soft interrupts takes in the middle of a program's call. Behind the `last`
    /// one no thread has to be left.
    pub(super) fn in_call(&self, cost: SimDuration, last: bool) -> SimDuration {
        let Times { called: [more, _], take, .. } = self.times;
        if last { cost.saturating_sub(take) + more } else { cost + more }
    }

    /// From the end of what a `recv` does to its ACK, and what sending that one takes.
    pub(super) fn read_ack(&self) -> [SimDuration; 2] {
        self.times.read_ack
    }

    /// By how much more an ACK takes there.
    pub(super) fn ack_in_call(&self) -> SimDuration {
        self.times.called[1]
    }

    /// Cost of sending one pure ACK: it has no payload to look after.
    pub(super) fn ack(&self) -> SimDuration {
        self.times.ack
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COST: SimDuration = SimDuration::from_micros(20);

    fn us(n: u64) -> SimTime {
        SimTime::ZERO + SimDuration::from_micros(n)
    }

    /// A segment takes 20 us, waking 30 of which 25 come behind the queueing discipline, a packet 2 and each piece 1.
    fn cpu() -> Cpu {
        let share = |us: u32| us * 50_000;
        let steps = StepShares {
            wake: share(30),
            entrance: share(25),
            take: share(2),
            cut: share(1),
            alarm: share(1),
            ack: share(12),
            ..StepShares::default()
        };
        Cpu::new(COST, &steps)
    }

    #[test]
    fn what_comes_due_after_the_queue_was_looked_at_stays_in_it() {
        let mut c = cpu();
        c.interrupt(us(100), 4, true);
        assert_eq!(c.begin(SimTime::ZERO), us(111), "5 us to the thread, a packet of four pieces");
        assert_eq!(c.enters(), us(136), "and 25 to the socket");
        c.interrupt(us(105), 4, false);
        assert_eq!((c.begin(SimTime::ZERO), c.enters()), (us(117), us(142)), "no interrupt in between");
        c.entered();
        assert_eq!(c.enters(), us(117));
    }

    #[test]
    fn a_program_on_the_processor_saves_nothing_of_waking_the_thread() {
        let mut c = cpu();
        c.busy_until(us(110));
        c.interrupt_program(us(109), us(104), 1);
        assert_eq!(c.enters(), us(141), "as an idle processor");
        let mut c = cpu();
        c.busy_until(us(110));
        c.interrupt_program(us(90), us(106), 1);
        assert_eq!(c.enters(), us(138), "from where the call let soft interrupts in");
    }

    #[test]
    fn a_call_that_lets_soft_interrupts_in_leaves_no_idle_loop_behind() {
        let mut c = cpu();
        c.busy_until(us(100));
        c.interrupt_open_call(SimDuration::from_micros(4), 3);
        assert_eq!(c.enters(), us(106), "two pieces more");
    }

    #[test]
    fn the_last_look_for_packets_comes_before_the_program_that_was_woken() {
        let c = Cpu::new(COST, &StepShares { handover: 550_000, ..StepShares::default() });
        assert_eq!(c.last_look(us(40)), us(29));
        assert_eq!(cpu().last_look(us(40)), us(40), "by default nothing lies between them");
    }

    #[test]
    fn an_ack_follows_sooner_where_nothing_was_merged_and_later_where_a_program_was_woken() {
        let steps =
            StepShares { before_ack: 600_000, merge: 350_000, rousing: 100_000, ..StepShares::default() };
        let c = Cpu::new(COST, &steps);
        let to_ack = |first, rouses| c.reactions(first, rouses)[1];
        let us = SimDuration::from_micros;
        assert_eq!([to_ack(false, false), to_ack(true, false), to_ack(true, true)], [us(12), us(5), us(7)]);
        assert_eq!(c.draining(3), SimDuration::ZERO, "by default");
        let c = Cpu::new(COST, &StepShares { drain: 400_000, ..steps });
        assert_eq!(c.draining(3), us(24), "each skb takes its time");
    }

    #[test]
    fn what_is_received_in_a_call_takes_longer_and_leaves_no_thread_behind() {
        let c = Cpu::new(COST, &StepShares { called: 100_000, take: 150_000, ..StepShares::default() });
        let us = SimDuration::from_micros;
        assert_eq!([c.in_call(COST, false), c.in_call(COST, true)], [us(22), us(19)]);
    }

    #[test]
    fn the_thread_sleeps_soon_after_the_last_ack_that_lets_nothing_go() {
        let steps = StepShares { approach: 250_000, reached: 750_000, ..StepShares::default() };
        let c = Cpu::new(COST, &steps);
        let takes = |last, pure| c.segment(Side::Sender, last, true, pure).as_nanos() / 1_000;
        assert_eq!([takes(false, true), takes(true, false), takes(true, true)], [20, 15, 5]);
    }

    #[test]
    fn data_sent_in_the_middle_of_a_call_leaves_no_thread_behind() {
        let steps =
            StepShares { before_send: 250_000, after_send: 500_000, take: 100_000, ..StepShares::default() };
        let ends = |called| {
            let mut c = Cpu::new(COST, &steps);
            c.sent_data(us(50), true, called);
            c.begin(SimTime::ZERO)
        };
        assert_eq!((ends(false), ends(true)), (us(65), us(63)));
    }

    #[test]
    fn a_segment_is_sooner_in_a_backlog_than_at_its_socket_and_costs_more_behind_others() {
        let steps = StepShares { backlog: 250_000, backlog_merge: 900_000, ..StepShares::default() };
        let c = Cpu::new(COST, &steps);
        let [alone, behind] = [false, true].map(|behind| c.backlog(behind).as_nanos());
        assert_eq!((alone, behind), (5_000, 23_000));
        let mut c = cpu();
        c.interrupt(us(100), 1, true);
        c.enters_backlog(SimDuration::from_micros(2));
        assert_eq!(c.enters(), us(109), "not 25 us behind 107");
    }

    #[test]
    fn packets_that_a_segment_lets_go_follow_each_other_at_their_own_pace() {
        let share = |us: u32| us * 50_000;
        let steps =
            StepShares { send: share(22), let_go: share(20), between: share(3), ..StepShares::default() };
        let c = Cpu::new(COST, &steps);
        let memory = SimDuration::from_micros(10);
        let left =
            |behind, taken| c.let_go(us(100 + 22 * u64::from(behind)), LetGo { behind, taken, memory });
        assert_eq!(left(0, 0), us(110), "memory comes before the packet");
        assert_eq!(left(3, 2), us(176), "three packets of 20 us, and two taken off a link");
    }
}
