//! The server's own data.
//!
//! What a program writes, and when, is recorded, and so are the acknowledgements that come back: with them the model's
//! sender makes the packets by its own rules, and in between it has what the kernel has, such as an skb that was filled
//! up and then kept back. Packets of the server are inputs. As soon as the sender makes another one than the recorded,
//! the replay begins again, and from that event on the recorded packets are what is sent.

use sim_core::config::{
    Congestion, EndpointConfig, HostConfig, NicModel, Offload, ReadConfig, SockOpts, WriteConfig,
};
use sim_core::observer::Observer;
use sim_core::receiver::Receiver;
use sim_core::segment::{SackList, Segment};
use sim_core::send_half::{AckOutcome, AckPath, Cx, SendHalf};
use sim_core::sender::{Handshake, PassiveSender, Role, Sender, WriteProgress};
use sim_core::seq::Seq;
use sim_core::skb::SkbLayout;
use sim_core::time::{Jiffies, Now, SimDuration, SimTime};

use super::clock::Clocks;
use super::drive::{Drive, Oracle};
use super::setup::Setup;
use crate::recording::{EventRef, Recording, RowSegment, TxRow};

/// How long a timer may wait until it runs: a program that has the processor keeps it for some calls.
const LATE: SimDuration = SimDuration::from_millis(1);

/// The sending half of the recorded server.
#[derive(Clone, Debug)]
pub(super) enum Server {
    /// It sends by its own rules.
    Own(Box<Sender>),
    /// It sends what was recorded.
    Followed(Box<PassiveSender>),
}

impl Server {
    /// A server that sends by its own rules.
    pub(super) fn own(rec: &Recording, setup: &Setup) -> Self {
        let clock = &rec.summary.clock;
        // The record tells when things happen.
        let host = HostConfig {
            since_tick: SimDuration::from_nanos(clock.jiffy0_time_ns.min(0).unsigned_abs()),
            jiffies: u64::from(clock.jiffies_at_t0),
            ..HostConfig::without_costs(if clock.hz == 0 { 250 } else { clock.hz.min(10_000) })
        };
        let nodelay = rec.summary.options.as_ref().and_then(|o| o.get("nodelay")).is_none_or(|v| v != "0");
        let config = EndpointConfig {
            sysctl: setup.sysctl.clone(),
            sockopt: SockOpts { nodelay, maxseg: setup.maxseg, ..SockOpts::default() },
            route: setup.route.clone(),
            offload: Offload { tso: true, gso: true, gro: true },
            nic: NicModel::Loopback.into(),
            congestion: if setup.congestion == "reno" { Congestion::Reno } else { Congestion::Cubic },
            write: WriteConfig::NEVER,
            read: ReadConfig::NEVER,
        };
        Self::Own(Box::new(Sender::new(setup.kernel, &config, &host)))
    }

    /// A server that sends what was recorded.
    pub(super) fn followed(setup: &Setup, hz: u32) -> Self {
        Self::Followed(Box::new(PassiveSender::new(setup.kernel, &setup.sysctl, hz, SkbLayout::default())))
    }

    /// From now on the recorded packets are sent.
    pub(super) fn follow(&mut self, setup: &Setup, hz: u32) {
        if let (Self::Own(sender), Self::Followed(passive)) = (&*self, Self::followed(setup, hz)) {
            *self = Self::Followed(Box::new(passive.taking_over(sender)));
        }
    }

    pub(super) fn is_own(&self) -> bool {
        matches!(self, Self::Own(_))
    }

    pub(super) fn passive(&mut self) -> Option<&mut PassiveSender> {
        match self {
            Self::Own(_) => None,
            Self::Followed(s) => Some(s),
        }
    }

    pub(super) fn established(&mut self, now: Now, h: &Handshake) {
        match self {
            Self::Own(s) => s.established(now, h, Role::Passive),
            Self::Followed(s) => s.established(h),
        }
    }

    /// The program sends no more.
    pub(super) fn shut<O: Observer>(&mut self, cx: &mut Cx<'_, O>, rx: &mut Receiver) {
        match self {
            Self::Own(s) => s.shutdown(cx, rx),
            Self::Followed(s) => s.fin_written(cx, rx),
        }
    }

    /// When the timer of a server with rules of its own fires.
    fn own_timer(&self) -> Option<Jiffies> {
        match self {
            Self::Own(s) => s.next_timer(),
            Self::Followed(_) => None,
        }
    }

    /// Brings the charge into line with what is queued.
    pub(super) fn settle<O: Observer>(&self, cx: &mut Cx<'_, O>, rx: &mut Receiver) {
        if let Self::Own(s) = self {
            rx.settle_send(cx, s.wmem_queued());
        }
    }
}

/// Calls the same of whichever half it is.
macro_rules! either {
    ($self:ident, $s:ident => $call:expr) => {
        match $self {
            Server::Own($s) => $call,
            Server::Followed($s) => $call,
        }
    };
}

impl SendHalf for Server {
    fn snd_una(&self) -> Seq {
        either!(self, s => s.snd_una())
    }

    fn snd_nxt(&self) -> Seq {
        either!(self, s => s.snd_nxt())
    }

    fn snd_wnd(&self) -> u32 {
        either!(self, s => s.snd_wnd())
    }

    fn srtt8_us(&self) -> u32 {
        either!(self, s => s.srtt8_us())
    }

    fn rto_ticks(&self) -> u32 {
        either!(self, s => s.rto_ticks())
    }

    fn mss_cache(&self) -> u32 {
        either!(self, s => s.mss_cache())
    }

    fn wmem_queued(&self) -> u32 {
        either!(self, s => s.wmem_queued())
    }

    fn sndbuf(&self) -> u32 {
        either!(self, s => s.sndbuf())
    }

    fn fin_acked(&self) -> bool {
        either!(self, s => s.fin_acked())
    }

    fn purge<O: Observer>(&mut self, cx: &mut Cx<'_, O>, rx: &mut Receiver) {
        either!(self, s => s.purge(cx, rx));
    }

    fn note_predicted(&mut self, seq: Seq) {
        either!(self, s => s.note_predicted(seq));
    }

    fn on_ack<O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        rx: &mut Receiver,
        seg: &Segment,
        path: AckPath,
    ) -> AckOutcome {
        either!(self, s => s.on_ack(cx, rx, seg, path))
    }

    fn push_pending<O: Observer>(&mut self, cx: &mut Cx<'_, O>, rx: &mut Receiver) {
        either!(self, s => s.push_pending(cx, rx));
    }
}

/// A `send` of a server with rules of its own.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct OwnWrite {
    /// What the recorded call took, if one is in progress.
    pub(super) takes: Option<u32>,
    /// Where the model's has come to.
    progress: Option<WriteProgress>,
}

impl Drive<'_> {
    /// A `send` begins that will take `takes` of `asked` bytes. It copies when the record shows that it has: a segment may
    /// come before it has the socket.
    pub(super) fn own_write_begins(&mut self, now: Now, asked: u32, takes: u32) {
        self.own_write = OwnWrite { takes: Some(takes), progress: None };
        self.own_asks_for_room(now);
        self.with(now, |_, snd, cx| {
            if let Server::Own(s) = snd {
                s.write_begin_taking(cx.now, takes);
                if takes < asked {
                    s.wait_for_room();
                }
            }
        });
    }

    /// The program of an echo server sleeps in `poll` before it writes: a socket without room remembers that somebody
    /// waits.
    pub(super) fn own_asks_for_room(&mut self, now: Now) {
        let echo = self.rec.summary.options.as_ref().and_then(|o| o.get("echo")).is_some_and(|v| v != "0");
        if echo {
            self.with(now, |_, snd, _| {
                if let Server::Own(s) = snd
                    && !s.is_writable()
                {
                    s.wait_for_room();
                }
            });
        }
    }

    /// It goes on until something more is sent, or nothing is left but the end of the call.
    pub(super) fn own_write_goes_on(&mut self, now: Now) {
        if self.own_write.takes.is_none() || self.own_write.progress == Some(WriteProgress::Copied) {
            return;
        }
        let progress = self.with(now, |rx, snd, cx| match snd {
            Server::Own(s) => {
                rx.own();
                s.write_some(cx, rx)
            }
            Server::Followed(_) => WriteProgress::Copied,
        });
        self.own_write.progress = Some(progress);
    }

    /// The backlog is processed in the middle of the call.
    pub(super) fn own_write_until_flush(&mut self, now: Now) {
        if self.own_write.takes.is_some() && self.own_write.progress != Some(WriteProgress::Flush) {
            self.own_write_goes_on(now);
        }
    }

    /// From here on the server sends what was recorded.
    pub(super) fn follow_server(&mut self) {
        let hz = self.clocks.ticks().hz();
        if let (Some(takes), Server::Own(s)) = (self.own_write.takes, &self.m.snd) {
            (self.writing, self.wrote) = (takes, s.copied());
        }
        self.own_write = OwnWrite::default();
        self.m.snd.follow(self.setup, hz);
    }

    /// Everything is copied, and the end of the call pushes it.
    pub(super) fn own_write_ends(&mut self, now: Now) {
        if self.own_write.takes.is_none() {
            return;
        }
        while self.own_write.progress != Some(WriteProgress::Copied) {
            self.own_write_goes_on(now);
        }
        self.own_write = OwnWrite::default();
        self.with(now, |rx, snd, cx| {
            if let Server::Own(s) = snd {
                s.write_end(cx, rx);
            }
        });
    }

    /// A packet of the server was recorded that its own rules have not made yet: the `send` in progress makes it, or the
    /// timer.
    pub(super) fn own_packet(&mut self, now: Now) {
        while self.m.watch.sent.is_empty() && self.own_write.takes.is_some() {
            if self.own_write.progress == Some(WriteProgress::Copied) {
                self.own_write_ends(now);
            } else {
                self.own_write_goes_on(now);
            }
        }
        if self.m.watch.sent.is_empty() && !self.m.rx.is_owned() {
            self.own_timers_that_send_nothing(now);
            if self.own_timer_is_due(now) {
                self.own_timer_fires(now);
            }
        }
    }

    /// Whether the timer of a server with rules of its own may fire now.
    pub(super) fn own_timer_is_due(&self, now: Now) -> bool {
        !self.m.rx.is_owned() && self.m.snd.own_timer().is_some_and(|j| j <= now.jiffies)
    }

    /// Timers that were due before the tick of `now` and only arm another one, as a loss probe does while an older one is
    /// not answered: the one that sends is behind them.
    fn own_timers_that_send_nothing(&mut self, now: Now) {
        while let Some(j) = self.m.snd.own_timer().filter(|j| *j < now.jiffies) {
            let before = self.m.clone();
            let then = self.clocks.ticks().now(self.clocks.ticks().begin(j));
            self.own_timer_fires(then);
            if !self.m.watch.sent.is_empty() {
                self.m = before;
                return;
            }
        }
    }

    pub(super) fn own_timer_fires(&mut self, now: Now) {
        self.note_before_timer(now);
        self.with(now, |rx, snd, cx| {
            if let Server::Own(s) = snd {
                s.timers_fire(cx, rx);
                rx.settle_send(cx, s.wmem_queued());
                rx.write_timer_ran(cx);
            }
        });
    }

    /// The server's timer, if it was due well before `time` and sends nothing that was recorded: what sends waits for its
    /// packet, however late the processor let it run.
    pub(super) fn overdue_own_timer(&mut self, time: SimTime, grace: SimDuration) {
        if self.m.rx.is_owned() {
            return;
        }
        if let Some(j) = self.m.snd.own_timer() {
            let at = self.clocks.ticks().begin(j) + grace;
            if at < time {
                let before = (self.oracle == Oracle::With).then(|| self.m.clone());
                self.own_timer_fires(self.clocks.ticks().now(at));
                if let Some(before) = before.filter(|_| self.is_still_to_come(at + LATE)) {
                    self.m = before;
                }
            }
        }
    }

    /// Whether the data that the model has just sent is what the record shows next, until `until`.
    fn is_still_to_come(&self, until: SimTime) -> bool {
        let Some((sent, ..)) = self.m.watch.sent.front().filter(|(p, ..)| p.seg.len > 0) else {
            return false;
        };
        let ahead = self.events[self.at..].iter().map(|(_, e)| e);
        let mut soon = ahead.take_while(|e| Clocks::time(e) <= until);
        soon.any(|e| matches!(e, EventRef::Ack(a) if a.seq == sent.seg.seq.0 && a.len == sent.seg.len))
    }

    /// A timer that was cancelled runs all the same; within `grace` of its tick before or behind whatever else happens then,
    /// as the memory of the socket shows.
    pub(super) fn overdue_idle_timer(&mut self, time: SimTime, grace: SimDuration) {
        let Server::Own(s) = &self.m.snd else { return };
        let Some(j) = s.idle_timer() else { return };
        let at = self.clocks.ticks().begin(j);
        let shown = self.recorded_memory().filter(|_| self.oracle == Oracle::With && time < at + grace);
        let not_yet = shown == Some(self.m.rx.state(&self.m.snd).fwd_alloc);
        if at < time && !self.m.rx.is_owned() && !not_yet {
            let now = self.clocks.ticks().now(at);
            self.with(now, |rx, snd, cx| {
                if let Server::Own(s) = snd {
                    s.idle_timer_ran();
                    rx.write_timer_ran(cx);
                }
            });
        }
    }

    /// What the event that is being replayed tells of the socket's forward allocation.
    fn recorded_memory(&self) -> Option<i32> {
        let state = match &self.events[self.at].1 {
            EventRef::Row(r) => &r.state,
            EventRef::App(a) => &a.state,
            EventRef::Ack(a) => &a.state,
            EventRef::Step(s) => &s.state,
            EventRef::Merge(_) | EventRef::Tx(_) => return None,
        };
        state.fwd_alloc
    }

    /// The server's own rules have made something else than was recorded: what event `at` let it do was not it.
    pub(super) fn server_differs(&mut self, at: usize) {
        if self.m.snd.is_own() {
            let first = self.differs_at.map_or(at, |d| d.min(at));
            self.differs_at = Some(first);
        }
    }

    /// The SACK blocks of the client's packet that a row's segment is, or is part of.
    pub(super) fn recorded_sack(&self, s: &RowSegment, time_ns: u64) -> Option<SackList> {
        let sent = self.rec.tx.partition_point(|t| t.time_ns <= time_ns);
        let is_it = |t: &&TxRow| {
            t.ack == s.ack
                && t.tsval == s.tsval
                && t.seq <= s.seq
                && s.end_seq <= t.seq + i64::from(t.len) + 1
                && !t.sack.is_empty()
        };
        self.rec.tx[..sent].iter().rev().find(is_it).map(|t| t.sack)
    }
}

/// Whether the server of a recording sends data.
pub(super) fn sends_data(rec: &Recording) -> bool {
    rec.acks.iter().any(|a| a.len > 0)
}
