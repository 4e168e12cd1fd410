//! What the programs at both ends do. Bytes unless a type says otherwise.

use crate::config::SlabConfig;
use crate::time::SimDuration;

/// What a program does with its end when it has nothing more to write.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Ending {
    /// Nothing: the connection stays open.
    #[default]
    Stay,
    /// `shutdown(SHUT_WR)`: a FIN follows the last byte, and the program reads on.
    HalfClose,
    /// `close`: a FIN follows the last byte, or a reset at once if something was left unread.
    Close,
}

/// What a program writes.
#[derive(Clone, PartialEq, Debug)]
pub struct WriteConfig {
    /// How.
    pub mode: WriteMode,
    /// Bytes in all; `None` is endless.
    pub total: Option<u64>,
    /// First call, counted from the establishment of the connection.
    pub start: SimDuration,
    /// What follows when all is written, and answered if an answer is due.
    pub ending: Ending,
}

/// How a program writes.
#[derive(Clone, PartialEq, Debug)]
pub enum WriteMode {
    /// Not at all.
    Never,
    /// As much as the send buffer takes, `call` bytes a call. After a call that would block, the next try comes
    /// `retry` later (zero: when the socket is writable).
    Burst {
        /// Bytes per `send`.
        call: u32,
        /// Wait after a call that would block.
        retry: SimDuration,
    },
    /// Chunks of the given sizes in turn.
    Chunks {
        /// Sizes of the writes.
        sizes: Vec<u32>,
        /// Time between two writes.
        every: SimDuration,
        /// A write is skipped while more packets than this are in flight (`tcpi_unacked`).
        in_flight: u32,
        /// Bytes written in one call before the first chunk.
        prefill: u32,
        /// After each chunk the receiver sets `TCP_QUICKACK` (both programs in one thread).
        receiver_quickack: bool,
    },
    /// A constant rate: a call of `call` bytes whenever that many have become due. What a full socket did not take in
    /// time follows as soon as it has room, so that the average is kept.
    Paced {
        /// Bits per second.
        rate_bps: u64,
        /// Bytes per `send`.
        call: u32,
    },
    /// Requests, each of which waits for the whole answer to the one before.
    RequestResponse {
        /// Bytes of a request.
        request: u32,
        /// Bytes of the answer.
        response: u32,
        /// From the end of an answer to the next request.
        think: SimDuration,
    },
    /// The other side of [`WriteMode::RequestResponse`]: an answer for every request that was read.
    Respond {
        /// Bytes of a request.
        request: u32,
        /// Bytes of the answer.
        response: u32,
        /// From the last byte of a request to its answer.
        service: SimDuration,
    },
    /// A file, as `sendfile` hands it over: pieces of `piece` bytes, one after the other while the socket takes them.
    File {
        /// Bytes per piece.
        piece: u32,
    },
}

impl WriteConfig {
    /// A program that writes nothing.
    pub const NEVER: Self =
        Self { mode: WriteMode::Never, total: None, start: SimDuration::ZERO, ending: Ending::Stay };

    /// An endless `mode` from the establishment of the connection on.
    pub const fn endless(mode: WriteMode) -> Self {
        Self { mode, ..Self::NEVER }
    }
}

/// What a program reads.
#[derive(Clone, PartialEq, Debug)]
pub struct ReadConfig {
    /// How.
    pub mode: ReadMode,
    /// First read, counted from the start of the writer.
    pub start: SimDuration,
    /// The program closes its end when it has met the end of the stream.
    pub close_at_end: bool,
    /// The program closes its end once it has read so many bytes, whatever is unread then.
    pub close_after: Option<u64>,
}

/// How a program reads.
#[derive(Clone, PartialEq, Debug)]
pub enum ReadMode {
    /// Not at all.
    Never,
    /// `bytes` every `every`.
    Fixed {
        /// Bytes per `recv`.
        bytes: u32,
        /// Time between two reads.
        every: SimDuration,
    },
    /// Whatever is there, as soon as the socket is readable.
    Asap {
        /// Bytes per `recv`.
        buffer: u32,
        /// What the program does with the bytes before it reads again.
        work: Work,
        /// Regular pauses.
        stall: Option<Stall>,
    },
    /// Reads at given times after the start of the writer, ordered by time.
    Plan(Vec<PlannedRead>),
    /// As soon as the socket is readable; everything that was read is written back before the next read.
    Echo {
        /// Bytes per `recv`.
        buffer: u32,
    },
}

/// What reading keeps a program busy with.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Work {
    /// Time after each call.
    pub per_call: SimDuration,
    /// Bits per second that the program can work through; `None`: it only throws them away.
    pub rate_bps: Option<u64>,
}

/// Regular pauses of a reader.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stall {
    /// From the begin of one pause to the next; the first begins so long after the first read is allowed.
    pub every: SimDuration,
    /// How long each lasts; less than `every`.
    pub length: SimDuration,
}

impl ReadConfig {
    /// A program that reads nothing.
    pub const NEVER: Self = Self::of(ReadMode::Never);

    /// `mode` from the start of the writer on, without an end of its own.
    pub const fn of(mode: ReadMode) -> Self {
        Self { mode, start: SimDuration::ZERO, close_at_end: false, close_after: None }
    }

    /// Whatever is there at once, in calls of `buffer` bytes.
    pub const fn asap(buffer: u32) -> Self {
        Self::of(ReadMode::Asap {
            buffer,
            work: Work { per_call: SimDuration::ZERO, rate_bps: None },
            stall: None,
        })
    }
}

/// One read of a plan.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PlannedRead {
    /// When.
    pub at: SimDuration,
    /// Bytes.
    pub bytes: u32,
}

/// What calls of the programs cost, and how they share the processor with the stack.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct CallConfig {
    /// Time of a call that moves nothing.
    pub cost: SimDuration,
    /// What each skb that a `recv` takes costs beside its bytes.
    pub skb: SimDuration,
    /// How long a `recv` copies 96 KiB.
    pub copy: SimDuration,
    /// What each page fragment costs that a `recv` copies from.
    pub frag: SimDuration,
    /// By how much longer it takes to look at a socket in a program's time as long as nothing has ever come out of order there: the
    /// recorder reads the last skb of that queue, and a read through a null pointer faults. It looks once for each skb that a `recv`
    /// takes, once at its end and once for an ACK.
    pub in_order: SimDuration,
    /// By how much earlier a packet must come due to be received in a `recv`: than the ACK of that call comes to the device's queue, and than its
    /// interrupt could come before the return. The socket is unlocked by then.
    pub in_time: [SimDuration; 2],
    /// How long after its begin a `recv` that takes its socket lets in soft interrupts that are due (`lock_sock`). Zero: it does not.
    pub lock: SimDuration,
    /// Whether it does, too, each time that it has freed an skb that is no clone of the sender's (`kfree_skb_napi_cache`, 6.10).
    pub free_lets_in: bool,
    /// From there to the first segment at its socket.
    pub entry: SimDuration,
    /// By how much longer the first `send` of a connection takes before it sends: nothing of its code and data is at hand.
    pub first_send: SimDuration,
    /// A writer of chunks asks for `TCP_INFO` before each. Where soft interrupts do not wait for their thread, those that
    /// are due run when it has its answer.
    pub ask: SimDuration,
    /// From there to the first byte.
    pub enter: SimDuration,
    /// From the begin of any other `send` to its first byte: taking the socket, and the first skb.
    pub send_entry: SimDuration,
    /// By how much later than where its soft interrupts end a program begins that waited for room: its thread's way out of `poll`.
    pub room_entry: SimDuration,
    /// From where a call lets go of its socket to where it lets in soft interrupts before it works through the backlog, and from there
    /// to the first segment out of it.
    pub drain: [SimDuration; 2],
    /// By how much sooner than the next segment would follow the call returns behind the last one: one with data, and one without.
    pub drained: [SimDuration; 2],
    /// From where soft interrupts are let in to the first segment in a backlog, beyond taking it off its link: a socket that a call
    /// holds is not looked at.
    pub into_backlog: SimDuration,
    /// From the last look of a `send` at its device's queue to where the way back to its program lets in what has come due since: the
    /// socket is unlocked, or another thread is to run (`need_resched`). Zero: nothing is let in there.
    pub way_back: SimDuration,
    /// By how much later the thread of soft interrupts has the processor if it is woken in a program's time behind a `recv`: the interrupt
    /// and waking it, beyond taking a packet off a link.
    pub woken: SimDuration,
    /// By how much later a packet of a program comes to its device's queue if an interrupt on its way there wakes the thread of soft interrupts.
    pub interrupted: SimDuration,
    /// From an interrupt of an idle processor to the thread of soft interrupts that it wakes: nobody's time.
    pub switch: SimDuration,
    /// By how much a sleep may be too long: whatever interrupts the processor in that time ends it (`timer_slack_ns`; a
    /// sleep longer than 50 ms may be too long by a thousandth, `select_estimate_accuracy`). Zero: sleeps are exact.
    pub slack: SimDuration,
    /// Whether an idle processor lets the next tick come, which may end a sleep, and stops those behind it only.
    pub tick_rouses: bool,
    /// What a tick takes of a program that has just woken, or asks for the state of its socket.
    pub tick: SimDuration,
    /// By how much later a sleep ends for a tick that has passed since the processor fell idle: the interrupt that ends the sleep brings
    /// the jiffies up to date, and starts a tick again that the idle loop has stopped. Where the first tick is left to come
    /// ([`Self::tick_rouses`]) the one is due behind that, the other behind the next; elsewhere it was stopped in any case.
    pub idle_tick: SimDuration,
    /// By how much later a sleep ends that is as long as a period of the scheduler's load (1024 us), of a shorter one as large a part: for each
    /// period that has begun since, its average has to be worked out anew.
    pub load: SimDuration,
    /// From the interrupt that ends a sleep to the program.
    pub rouse: SimDuration,
    /// How long after the time of a packet, and of a tick, their interrupt reads the clock: sleeps whose time has come by then end with
    /// it.
    pub reads_clock: [SimDuration; 2],
    /// From an interrupt that also raises soft interrupts to the program, where it goes first, and from the call in which
    /// these then run, if any, to the first segment.
    pub rouse_first: [SimDuration; 2],
    /// How long a program has run before the thread of soft interrupts takes the processor from it when a call returns. Zero:
    /// never, in the middle of a call neither. Up to 6.4 it is by how much more of the processor the program has had
    /// (`sysctl_sched_wakeup_granularity`).
    pub slice: SimDuration,
    /// The same in the middle of a `send`, where it may sleep.
    pub slice_in_call: Option<SimDuration>,
    /// Whether the tick takes the processor from a `send` for that thread (lazy preemption).
    pub tick_preempts: bool,
    /// By how much the readers' clocks begin before the first `send`.
    pub lead: SimDuration,
    /// What a page costs that an echo server reads into for the first time: it has got memory, and not touched it.
    pub touch: SimDuration,
    /// Both programs are one thread that polls both sockets; otherwise each has its own.
    pub one_thread: bool,
    /// Soft interrupts run in a thread of their own (`threadirqs`). Kernels that leave them to that thread then do
    /// not run them in the middle of a call.
    pub threaded_softirqs: bool,
    /// Getting a page fragment of 32 KiB for what a `send` copies, beyond those at hand when a socket begins to write.
    pub fragment: SimDuration,
    /// Getting the second or third one of a connection, which are at hand but have to be cleared.
    pub early_fragment: SimDuration,
    /// By how much longer a segment in order takes for which the socket has no memory at hand: header prediction is given up and the slow
    /// path taken (`tcp_rcv_established`).
    pub unpredicted: SimDuration,
    /// By how much less one takes that is not merged with what is there.
    pub unmerged: SimDuration,
    /// Memory for packets.
    pub slabs: SlabConfig,
}

impl CallConfig {
    /// Calls that cost `cost` each, and an skb and its bytes in the proportions of the recorded machine: one and a
    /// quarter of a call for each skb, ten for 96 KiB.
    pub const fn costing(cost: SimDuration) -> Self {
        let ns = cost.as_nanos();
        Self {
            cost,
            skb: SimDuration::from_nanos(ns * 5 / 4),
            copy: SimDuration::from_nanos(ns * 10),
            frag: SimDuration::ZERO,
            in_order: SimDuration::ZERO,
            in_time: [SimDuration::ZERO; 2],
            lock: SimDuration::ZERO,
            free_lets_in: false,
            entry: SimDuration::ZERO,
            first_send: SimDuration::ZERO,
            ask: SimDuration::ZERO,
            enter: SimDuration::ZERO,
            send_entry: SimDuration::ZERO,
            room_entry: SimDuration::ZERO,
            drain: [SimDuration::ZERO; 2],
            drained: [SimDuration::ZERO; 2],
            into_backlog: SimDuration::ZERO,
            way_back: SimDuration::ZERO,
            woken: SimDuration::ZERO,
            interrupted: SimDuration::ZERO,
            switch: SimDuration::ZERO,
            slack: SimDuration::ZERO,
            tick_rouses: false,
            tick: SimDuration::ZERO,
            idle_tick: SimDuration::ZERO,
            load: SimDuration::ZERO,
            rouse: SimDuration::ZERO,
            reads_clock: [SimDuration::ZERO; 2],
            rouse_first: [SimDuration::ZERO; 2],
            slice: SimDuration::ZERO,
            slice_in_call: None,
            tick_preempts: false,
            lead: SimDuration::ZERO,
            touch: SimDuration::ZERO,
            one_thread: false,
            threaded_softirqs: false,
            fragment: SimDuration::ZERO,
            early_fragment: SimDuration::ZERO,
            unpredicted: SimDuration::ZERO,
            unmerged: SimDuration::ZERO,
            slabs: SlabConfig::NONE,
        }
    }

    /// What copying `bytes` to the program costs.
    pub const fn copying(&self, bytes: u32) -> SimDuration {
        SimDuration::from_nanos(self.copy.as_nanos() * bytes as u64 / (3 * 32_768))
    }

    /// From the last call of a round to the first one of the next, `poll` included: just under half a call (5.2 to 5.6 us recorded).
    pub const fn between(&self) -> SimDuration {
        SimDuration::from_nanos(self.cost.as_nanos() * 9 / 20)
    }
}
