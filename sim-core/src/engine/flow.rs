//! One connection of a run: its two ends, its programs, and how far its handshake has come.

use std::borrow::Cow;
use std::sync::Arc;

use super::endpoint::Endpoint;
use super::outcome::{BlockedTime, FlowOutcome};
use super::threads::Thread;
use crate::app::Program;
use crate::config::{Ending, EndpointConfig, ReadConfig, RunConfig, Sysctls, WriteConfig};
use crate::path::Direction;
use crate::segment::SynOptions;
use crate::seq::Seq;
use crate::time::SimTime;

/// The two ends of a connection, and the two hosts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Side {
    /// The end that opens the connection and writes.
    Sender,
    /// The end that reads.
    Receiver,
}

impl Side {
    /// Where this side is in a pair.
    pub(super) const fn at(self) -> usize {
        self as usize
    }

    /// Where its packets go.
    pub(super) const fn way(self) -> Direction {
        match self {
            Self::Sender => Direction::Forward,
            Self::Receiver => Direction::Reverse,
        }
    }

    /// Who sends packets that go this way.
    pub(super) const fn sends(way: Direction) -> Self {
        match way {
            Direction::Forward => Self::Sender,
            Direction::Reverse => Self::Receiver,
        }
    }

    /// The other one.
    pub(super) const fn peer(self) -> Self {
        match self {
            Self::Sender => Self::Receiver,
            Self::Receiver => Self::Sender,
        }
    }
}

/// Number of a connection within its run, from 0.
pub(super) type FlowId = u32;

/// What the connections of a run have in common at one end, as far as it is not their own.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    sysctl: Arc<Sysctls>,
    write: Arc<WriteConfig>,
    read: Arc<ReadConfig>,
}

impl Shared {
    /// What ends configured as `end` share.
    pub(super) fn of(end: &EndpointConfig) -> Self {
        Self {
            sysctl: Arc::new(end.sysctl.clone()),
            write: Arc::new(end.write.clone()),
            read: Arc::new(end.read.clone()),
        }
    }

    /// Becomes what ends configured as `end` share: what is the same stays where it is.
    pub(super) fn follow(&mut self, end: &EndpointConfig) {
        become_same(&mut self.sysctl, &end.sysctl);
        become_same(&mut self.write, &end.write);
        become_same(&mut self.read, &end.read);
    }
}

fn become_same<T: PartialEq + Clone>(there: &mut Arc<T>, wanted: &T) {
    if **there != *wanted {
        *there = Arc::new(wanted.clone());
    }
}

/// One connection.
#[derive(Debug)]
pub(super) struct Flow {
    /// The writing and the reading end, by [`Side::at`].
    pub(super) ends: [Endpoint; 2],
    /// Their programs.
    pub(super) programs: [Program; 2],
    /// Who runs them: one thread both, or one thread each.
    pub(super) threads: [Thread; 2],
    pub(super) syn_sent: SimTime,
    pub(super) syn_ack_sent: SimTime,
    /// What the SYN and the SYN-ACK said, by who sent it.
    pub(super) offered: [Option<SynOptions>; 2],
    /// How often each was sent again.
    pub(super) tries: [u8; 2],
    /// The reading end has agreed on ECN.
    pub(super) ecn: bool,
    /// The writing end has its SYN-ACK.
    pub(super) connected: bool,
    /// What a planned call was to end before there was a socket, by [`Side::at`].
    pub(super) early: [Option<Ending>; 2],
    /// When the reading end was established.
    pub(super) established: Option<SimTime>,
    /// When the writer started.
    pub(super) started: Option<SimTime>,
    /// Segments that reached the reading socket.
    pub(super) segments: u64,
    /// How long the writer could not write.
    pub(super) blocked: BlockedTime,
    /// To whose socket the thread of both programs wrote last.
    pub(super) wrote: Option<Side>,
}

/// What one end of a connection is made of.
struct Parts<'a> {
    config: &'a EndpointConfig,
    shared: Cow<'a, Shared>,
}

impl<'a> Parts<'a> {
    fn of(config: &'a RunConfig, id: FlowId, side: Side, common: &'a [Shared; 2]) -> Self {
        let (end, of_all) = match side {
            Side::Sender => (config.sender_of(id), &config.sender),
            Side::Receiver => (config.receiver_of(id), &config.receiver),
        };
        let mut shared = Cow::Borrowed(&common[side.at()]);
        if !std::ptr::eq(end, of_all) {
            shared.to_mut().follow(end);
        }
        Self { config: end, shared }
    }

    fn end(&self, run: &RunConfig) -> Endpoint {
        Endpoint::new(run.kernel, self.config, &run.host, &self.shared.sysctl)
    }

    fn program(&self) -> Program {
        Program::new(Arc::clone(&self.shared.write), Arc::clone(&self.shared.read))
    }
}

impl Flow {
    /// Connection `id` of the run, closed. `common` is what most have in common, by [`Side::at`].
    pub(super) fn new(config: &RunConfig, id: FlowId, common: &[Shared; 2]) -> Self {
        let parts = [Side::Sender, Side::Receiver].map(|side| Parts::of(config, id, side, common));
        Self {
            ends: parts.each_ref().map(|p| p.end(config)),
            programs: parts.each_ref().map(Parts::program),
            threads: [Thread::default(), Thread::default()],
            syn_sent: SimTime::ZERO,
            syn_ack_sent: SimTime::ZERO,
            offered: [None; 2],
            tries: [0; 2],
            ecn: false,
            connected: false,
            early: [None; 2],
            established: None,
            started: None,
            segments: 0,
            blocked: BlockedTime::default(),
            wrote: None,
        }
    }

    /// Becomes connection `id` of another run, as [`Flow::new`] makes it, in the memory that it has.
    pub(super) fn reopen(&mut self, config: &RunConfig, id: FlowId, common: &[Shared; 2]) {
        let Self {
            ends,
            programs,
            threads,
            syn_sent,
            syn_ack_sent,
            offered,
            tries,
            ecn,
            connected,
            early,
            established,
            started,
            segments,
            blocked,
            wrote,
        } = self;
        for (side, (end, program)) in
            [Side::Sender, Side::Receiver].into_iter().zip(ends.iter_mut().zip(programs))
        {
            let parts = Parts::of(config, id, side, common);
            end.reopen(config.kernel, parts.config, &config.host, &parts.shared.sysctl);
            *program = parts.program();
        }
        *threads = Default::default();
        (*syn_sent, *syn_ack_sent) = (SimTime::ZERO, SimTime::ZERO);
        (*offered, *tries, *early) = ([None; 2], [0; 2], [None; 2]);
        (*ecn, *connected) = (false, false);
        (*established, *started, *wrote) = (None, None, None);
        *segments = 0;
        *blocked = BlockedTime::default();
    }

    /// What has become of it.
    pub(super) fn outcome(&self) -> FlowOutcome {
        let [a, b] = &self.ends;
        // A call that the end of the run cuts short counts with what it has done.
        let calls = || self.threads.iter().filter_map(|t| t.call.as_ref());
        let received = |side| calls().map(|c| u64::from(c.received(side))).sum::<u64>();
        let written = if calls().any(|c| c.sends(Side::Sender)) {
            (a.tx.write_seq() - Seq::FIRST) as u64
        } else {
            self.programs[0].written()
        };
        FlowOutcome {
            receiver: b.rx.state(&b.tx),
            sender: a.tx.state(),
            opened: self.syn_sent,
            established: self.established,
            started: self.started,
            written,
            read: self.programs[1].read() + received(Side::Receiver),
            returned: self.programs[0].read() + received(Side::Sender),
            segments: self.segments,
            blocked: self.blocked,
        }
    }
}
