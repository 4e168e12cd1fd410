//! The event loop of a replay, and the comparison.

use std::collections::{BTreeSet, VecDeque};

use sim_core::config::LiveOption;
use sim_core::host::Host;
use sim_core::receiver::Receiver;
use sim_core::send_half::Cx;
use sim_core::seq::Seq;
use sim_core::state::SocketState;
use sim_core::time::{Now, SimTime};

use super::backlog_list::TakenList;
use super::clock::Clocks;
use super::inputs::Hindsight;
use super::lookahead::{backlog_after, backlog_at_ack};
use super::machine::Machine;
use super::server::{OwnWrite, Server, sends_data};
use super::setup::{Setup, SetupError};
use super::watch::Watch;
use crate::recording::{AppWhat, EventRef, KernelVersion, Recording};
use crate::score::CaseScore;

/// Whether inputs that the recorder could not fetch directly are taken from what the recording shows later.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Oracle {
    /// Timers fire where they were recorded, shared data is known from refused merges.
    #[default]
    With,
    /// Timers fire by the model's own clock; data is shared until the ACK for it has reached the sender.
    Without,
}

/// Replays one recording and compares every row, ACK and script step.
///
/// A server that sends data follows its own rules up to the first packet of its own that is not the recorded one; then the
/// replay begins again, and from there on the recorded packets go out.
///
/// # Errors
/// If the recording's kernel is unknown or its connection's opening is missing.
pub fn replay(rec: &Recording, oracle: Oracle) -> Result<CaseScore, SetupError> {
    let setup = Setup::of(rec)?;
    let events = rec.events();
    let mut follow_from = if sends_data(rec) { usize::MAX } else { 0 };
    loop {
        let mut drive = Drive::new(rec, &setup, &events, oracle, follow_from);
        for (at, (ev, event)) in events.iter().enumerate() {
            drive.step(at, *ev, event);
            if drive.differs_at.is_some() {
                break;
            }
        }
        match drive.differs_at {
            Some(at) => follow_from = at,
            None => return Ok(drive.finish()),
        }
    }
}

/// A replay in progress.
pub(super) struct Drive<'a> {
    pub(super) rec: &'a Recording,
    pub(super) events: &'a [(u64, EventRef<'a>)],
    pub(super) setup: &'a Setup,
    pub(super) oracle: Oracle,
    pub(super) version: KernelVersion,
    pub(super) clocks: Clocks,
    pub(super) hindsight: Hindsight,
    pub(super) m: Machine,
    pub(super) score: CaseScore,
    /// When the SYN-ACK was sent.
    pub(super) synack_at: Option<SimTime>,
    pub(super) first_wup: Option<Seq>,
    /// Backlog segments already fed for the row that comes out next.
    /// When timers fired.
    pub(super) timers: Vec<(SimTime, AppWhat)>,
    /// ACKs on their way to the sender, which then frees its copies.
    pub(super) acks_under_way: VecDeque<(SimTime, Seq)>,
    pub(super) in_send: bool,
    /// When a `send` was entered that has not been seen to have the socket, and whether a segment has come since.
    pub(super) send_begins: Option<(Now, bool)>,
    pub(super) in_recv: bool,
    /// Bytes that the `send` in progress takes, and how many of them are copied.
    pub(super) writing: u32,
    pub(super) wrote: u32,
    /// The `recv` has copied everything, and its end is still to come.
    pub(super) finishing: bool,
    /// For every event, the backlog's length at the next ACK of the same call: segments may be put to the backlog
    /// between the probe at the end of a read and the choice of its window.
    pub(super) backlog_at_ack: Vec<Option<u32>>,
    /// For every event, the backlog's length at the next event of the application or the backlog.
    pub(super) backlog_after: Vec<Option<u32>>,
    /// When the drain has taken the list that it works through.
    pub(super) list: TakenList,
    /// Backlog events that went in ahead of their place.
    pub(super) early_backlog: BTreeSet<u64>,
    /// The model's states since the counters were read for the last time: the closing row was read somewhere
    /// among them, the recorder does not say where.
    pub(super) closing: Option<Vec<SocketState>>,
    /// An option whose call waits for the socket.
    pub(super) waiting: Option<LiveOption>,
    /// The state that the last script step read.
    pub(super) last_step: Option<SocketState>,
    /// When a timer fired last, and the state before it.
    pub(super) before_timer: Option<(SimTime, SocketState)>,
    /// Script steps: packets sent since the previous one, and of these the ones sent so shortly before now
    /// that the traffic program may not have seen them yet.
    pub(super) emitted: Vec<SimTime>,
    pub(super) read_ret: Option<i64>,
    pub(super) row_index: usize,
    /// The event that is being replayed.
    pub(super) at: usize,
    /// From this event on the server sends what was recorded, whatever its own rules say.
    follow_from: usize,
    /// The event that let the server send something else than was recorded.
    pub(super) differs_at: Option<usize>,
    /// The `send` in progress of a server that follows its own rules.
    pub(super) own_write: OwnWrite,
}

impl<'a> Drive<'a> {
    pub(super) fn new(
        rec: &'a Recording,
        setup: &'a Setup,
        events: &'a [(u64, EventRef<'a>)],
        oracle: Oracle,
        follow_from: usize,
    ) -> Self {
        let clocks = Clocks::new(rec, events);
        let headers = setup.kernel.max_tcp_header;
        let hindsight = match oracle {
            Oracle::With => Hindsight::of(rec, events, headers, setup.delay),
            Oracle::Without => Hindsight::blind(rec, events, headers, setup.delay),
        };
        let hz = clocks.ticks().hz();
        let mut rx = Receiver::new(setup.kernel, setup.sysctl.clone(), setup.route.clone());
        let origin_us = rec.summary.clock.t0_mono_ns / 1_000;
        let ts_offset = rec.acks.iter().find_map(|a| {
            let stamp = a.state.tcp_mstamp?;
            let ms = ((origin_us as i64 + stamp) / 1_000) as u32;
            Some(a.tsval?.wrapping_sub(ms))
        });
        rx.set_timestamp_clock(origin_us, ts_offset.unwrap_or(0));
        Self {
            rec,
            events,
            setup,
            oracle,
            version: rec.version(),
            clocks,
            hindsight,
            m: Machine {
                rx,
                snd: if follow_from > 0 { Server::own(rec, setup) } else { Server::followed(setup, hz) },
                host: Host::default(),
                watch: Watch::default(),
                out: Vec::new(),
            },
            score: CaseScore::new(&rec.kernel, &rec.case),
            synack_at: None,
            first_wup: None,
            timers: rec
                .app
                .iter()
                .filter(|a| matches!(a.what, AppWhat::DelackTimer | AppWhat::CompSackTimer))
                .map(|a| (SimTime::from_nanos(a.time_ns), a.what))
                .collect(),
            acks_under_way: VecDeque::new(),
            in_send: false,
            send_begins: None,
            in_recv: false,
            writing: 0,
            wrote: 0,
            finishing: false,
            backlog_at_ack: backlog_at_ack(events),
            backlog_after: backlog_after(events),
            list: TakenList::default(),
            early_backlog: BTreeSet::new(),
            closing: None,
            waiting: None,
            last_step: None,
            before_timer: None,
            emitted: Vec::new(),
            read_ret: None,
            row_index: 0,
            at: 0,
            follow_from,
            differs_at: None,
            own_write: OwnWrite::default(),
        }
    }

    /// Calls into the model at `now`.
    pub(super) fn with<R>(
        &mut self,
        now: Now,
        f: impl FnOnce(&mut Receiver, &mut Server, &mut Cx<'_, Watch>) -> R,
    ) -> R {
        self.m.with(now, f)
    }

    pub(super) fn step(&mut self, at: usize, ev: u64, event: &EventRef<'_>) {
        let now = self.clocks.now(at, event);
        (self.at, self.m.watch.at) = (at, at);
        if at == self.follow_from {
            self.follow_server();
        }
        self.overdue_timers(Clocks::time(event));
        while let Some(&(t, ack)) = self.acks_under_way.front()
            && t <= now.time
        {
            self.acks_under_way.pop_front();
            self.m.rx.release_shared(ack);
        }
        self.send_has_begun(event);
        if let Some(states) = &mut self.closing {
            states.push(self.m.rx.state(&self.m.snd));
        }
        match event {
            EventRef::Row(row) => self.row(at, now, row),
            EventRef::Ack(ack) => self.ack(now, ack),
            EventRef::App(app) => self.app(at, now, ev, app),
            EventRef::Step(step) => self.script_step(now, step),
            EventRef::Merge(m) => self.merge(m),
            EventRef::Tx(_) => {}
        }
    }

    pub(super) fn finish(mut self) -> CaseScore {
        self.score.unexpected += self.m.watch.sent.len() as u64;
        self.compare_counters();
        self.score
    }
}
