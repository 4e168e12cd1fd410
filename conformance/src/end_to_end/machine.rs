//! What the recorded machine takes for things: five kernels under the same recorder, on a processor that executes an
//! instruction per nanosecond.
//!
//! Each figure is the median distance of two events of the recordings between which only that happens, over all loop
//! cases of `recordings/` (some hundred to some thousand distances each; the middle four fifths lie within half a
//! microsecond of the median). The recorder takes most of the time: 18 to 19 us of a received segment.

use sim_core::config::{CacheConfig, CallConfig, SlabConfig, StepShares};
use sim_core::time::SimDuration;

use crate::recording::KernelVersion;

/// Times of one kernel, ns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Machine {
    /// From a data segment to the next one of a burst.
    segment: u32,
    /// What one in order takes more for which the socket has no memory at hand, and less that is not merged with the one before: medians
    /// of 1200 to 1800 distances in bursts that nobody reads (`e_rb2m`, `o1`, `u2`), most of which they give within 0.1 us.
    other_ways: [u32; 2],
    /// The same with an ACK in between, less the former.
    ack: u32,
    /// What a segment takes more that is received in a program's call, and its ACK.
    called: [u32; 2],
    /// From a segment to its ACK.
    before_ack: u32,
    /// What is missing of a segment when a program that it woke calls `recv`, 6.3 us after it has woken.
    approach: u32,
    /// By how much less a segment takes that finds an empty queue.
    merge: u32,
    /// An ACK at the client.
    active_side: u32,
    /// From there to the first packet of data, beyond the time of a segment to the server.
    before_send: u32,
    /// From one such packet to the next ACK's, less the packet.
    after_send: u32,
    /// From a packet's time of arrival to its row, on an idle processor.
    wake: u32,
    /// Taking one packet more off a link, beyond its pieces: what a burst of packets takes longer to arrive. Both between the pieces
    /// that loopback hands up, where no memory had to be got.
    take: u32,
    /// By how much longer that takes for each piece that a packet is cut into.
    cut: u32,
    /// From one packet of a burst to the next, at the client.
    send: u32,
    /// Heads of small skbs in 8 KiB: of 1 KiB or, from 6.3 on, of 640 bytes.
    heads: u32,
    /// Objects in a sheaf, if a processor has such.
    sheaf: u32,
    /// Getting and clearing 8 KiB for heads, and a page for skbs with room for a copy: chunks of 10 bytes that are not acknowledged (`g8`)
    /// leave that much later. A page for pieces of packets, in soft interrupts. From 6.12 on the first and the last are means over the
    /// 125 slabs of a turn of 960 pieces (`e_rb2m`): some pages are more work.
    slab: [u32; 3],
    /// Heads, skbs with room for a copy and other skbs that earlier cases have left: caches keep some empty slabs. As many as let the
    /// chunks of `g8` leave late, and its first burst arrive, when they do; on 7.2 more than any case needs soon.
    at_hand: [u32; 3],
    /// The same of the packets that one ACK lets go, as long as nothing comes due.
    let_go: u32,
    /// From a segment put into an empty backlog to the next, and from one put behind others.
    backlog: [u32; 2],
    /// From one segment out of the backlog to the next, and the same of ACKs.
    backlogged: [u32; 2],
    /// From where a call works through the backlog to the first segment out of it, and from the last one to its return: with data and
    /// without.
    drain_way: [u32; 3],
    /// Moving an skb from the out-of-order queue to the receive queue, with its merge.
    drain: u32,
    /// Waking a program that sleeps until there is something to read: what a segment that finds an empty queue takes longer then.
    rousing: u32,
    /// From the establishment of the connection to the mark START, less the sleep and its slack.
    start: u32,
    /// From the mark START to the program's loop.
    first_round: u32,
    /// The same to the first `send` of a burst.
    first_call: u32,
    /// From the last look of a `send` at the device's queue to where its way back lets soft interrupts in.
    way_back: u32,
    /// From a `send` to its first byte, and from where soft interrupts end to the `send` of a program that they have woken because
    /// there is room, less what they take longer because of that.
    send_entry: [u32; 2],
    /// From the interrupt that ends a sleep to the program: medians over 110 to 5600 sleeps between chunks.
    rouse: u32,
    /// Whether an idle processor lets the next tick come, which ends sleeps. Packets of writers of chunks gather 20 to 30 us behind it where it does, and are
    /// spread evenly where it does not.
    tick_rouses: bool,
    /// What a tick takes of a program: by how much a packet leaves later than others if the tick comes in the 24 us before it, where it wakes
    /// nobody else.
    tick: u32,
    /// By how much longer rounds of a writer of chunks are in which nothing happens but a tick.
    idle_tick: u32,
    /// By how much longer rounds of 2 ms take to begin than rounds of 200 us, and a third more.
    load: u32,
    /// What an interrupt that wakes the thread takes of a program behind its `recv`, beyond taking a packet off a link.
    woken: u32,
    /// By how much later an ACK of a `recv` comes to the device's queue if an interrupt before that wakes the thread.
    interrupted: u32,
    /// From where a sleep ends to the `recv` of a program that reads at fixed times, beyond that.
    read_entry: u32,
    /// How long the program has run before the thread of soft interrupts takes the processor when a call returns, us.
    slice: u32,
    /// The same in the middle of a `send`; nothing if only a tick does.
    slice_in_call: Option<u32>,
    /// Whether a tick does.
    tick_preempts: bool,
    /// A `recv` of nothing, and what each skb, 96 KiB and each page fragment add: least squares over 11 000 to 17 000 calls, four
    /// fifths of which they give within 0.5 us.
    recv: [u32; 4],
    /// What a look at the socket takes longer in a program's time as long as nothing has come out of order: from the same calls.
    in_order: u32,
    /// By how much later the ACK of a `recv` leaves than the call would return without it, and from there to the return.
    read_ack: [u32; 2],
    /// From the begin of a `recv` to where taking its socket lets soft interrupts in, if it does: 8.1 us before the first segment.
    lock: u32,
    /// Whether freeing an skb does.
    free_lets_in: bool,
    /// A `send` of 8 MiB into a full window: what 32 KiB, an skb and an attempt to send take, besides page fragments. From the times of
    /// such calls with skbs of 4096, 31856 and 65483 bytes.
    write: [u32; 3],
    /// Reading the counters for the first time, and again, us: from mark to mark where no segment arrives.
    looks: [u32; 2],
}

const LINUX_5_10: Machine = Machine {
    segment: 25_240,
    other_ways: [400, 545],
    ack: 19_800,
    called: [0, 0],
    before_ack: 12_800,
    approach: 9_500,
    merge: 7_500,
    active_side: 18_900,
    before_send: 6_500,
    after_send: 13_200,
    wake: 37_300,
    take: 1_000,
    cut: 3_200,
    send: 21_200,
    heads: 8,
    sheaf: 0,
    slab: [9_500, 5_400, 5_900],
    at_hand: [56, 78, 208],
    let_go: 20_450,
    backlog: [5_400, 24_100],
    backlogged: [23_900, 18_000],
    drain_way: [16_400, 9_800, 2_800],
    drain: 8_900,
    rousing: 300,
    start: 25_600,
    first_round: 12_000,
    first_call: 19_400,
    way_back: 4_200,
    send_entry: [4_800, 9_400],
    rouse: 5_510,
    tick_rouses: false,
    tick: 2_000,
    idle_tick: 580,
    load: 200,
    woken: 2_500,
    interrupted: 2_250,
    read_entry: 3_640,
    slice: 1_000,
    slice_in_call: Some(1_000),
    tick_preempts: false,
    recv: [12_940, 12_090, 98_000, 335],
    in_order: 0,
    read_ack: [1_390, 18_610],
    lock: 0,
    free_lets_in: false,
    write: [34_120, 850, 7_600],
    looks: [354, 291],
};
const LINUX_6_1: Machine = Machine {
    segment: 24_670,
    other_ways: [425, 485],
    ack: 20_280,
    called: [1_000, 0],
    before_ack: 12_400,
    approach: 9_500,
    merge: 7_200,
    active_side: 18_500,
    before_send: 7_100,
    after_send: 10_600,
    wake: 39_600,
    take: 1_200,
    cut: 3_300,
    send: 23_900,
    heads: 8,
    sheaf: 0,
    slab: [9_500, 5_400, 5_900],
    at_hand: [71, 110, 208],
    let_go: 20_900,
    backlog: [5_500, 5_600],
    backlogged: [25_600, 18_900],
    drain_way: [18_900, 9_600, 2_800],
    drain: 8_000,
    rousing: 1_900,
    start: 17_300,
    first_round: 20_400,
    first_call: 25_800,
    way_back: 4_900,
    send_entry: [5_600, 10_600],
    rouse: 5_000,
    tick_rouses: true,
    tick: 2_400,
    idle_tick: 570,
    load: 80,
    woken: 3_000,
    interrupted: 3_200,
    read_entry: 4_720,
    slice: 1_000,
    slice_in_call: Some(1_000),
    tick_preempts: false,
    recv: [13_500, 12_020, 99_000, 354],
    in_order: 2_250,
    read_ack: [1_730, 18_790],
    lock: 0,
    free_lets_in: false,
    write: [34_520, 550, 8_400],
    looks: [416, 338],
};
const LINUX_6_12: Machine = Machine {
    segment: 25_420,
    other_ways: [427, 503],
    ack: 19_780,
    called: [1_650, 1_100],
    before_ack: 11_200,
    approach: 9_000,
    merge: 7_000,
    active_side: 19_000,
    before_send: 6_100,
    after_send: 12_500,
    wake: 40_700,
    take: 1_300,
    cut: 2_050,
    send: 22_400,
    heads: 12,
    sheaf: 0,
    slab: [9_900, 5_400, 6_300],
    at_hand: [120, 142, 48],
    let_go: 20_900,
    backlog: [5_600, 6_300],
    backlogged: [25_300, 19_200],
    drain_way: [18_800, 10_000, 3_200],
    drain: 8_100,
    rousing: 2_100,
    start: 17_100,
    first_round: 17_800,
    first_call: 22_100,
    way_back: 9_000,
    send_entry: [4_100, 9_900],
    rouse: 5_350,
    tick_rouses: true,
    tick: 2_400,
    idle_tick: 600,
    load: 110,
    woken: 3_200,
    interrupted: 4_200,
    read_entry: 4_090,
    slice: 700,
    slice_in_call: Some(750),
    tick_preempts: false,
    recv: [13_440, 13_020, 99_200, 319],
    in_order: 1_450,
    read_ack: [410, 19_740],
    lock: 2_000,
    free_lets_in: true,
    write: [33_770, 580, 4_760],
    looks: [427, 349],
};
const LINUX_6_18: Machine = Machine {
    segment: 25_790,
    other_ways: [450, 541],
    ack: 19_900,
    called: [1_650, 1_100],
    before_ack: 11_400,
    approach: 8_500,
    merge: 6_900,
    active_side: 19_300,
    before_send: 5_000,
    after_send: 13_000,
    wake: 42_500,
    take: 1_500,
    cut: 2_070,
    send: 22_700,
    heads: 12,
    sheaf: 0,
    slab: [9_900, 5_400, 6_300],
    at_hand: [120, 142, 48],
    let_go: 20_900,
    backlog: [5_700, 6_500],
    backlogged: [25_700, 19_600],
    drain_way: [19_000, 10_000, 2_800],
    drain: 8_400,
    rousing: 2_250,
    start: 20_300,
    first_round: 17_800,
    first_call: 23_000,
    way_back: 9_000,
    send_entry: [4_700, 10_600],
    rouse: 6_260,
    tick_rouses: false,
    tick: 2_800,
    idle_tick: 720,
    load: 250,
    woken: 3_200,
    interrupted: 4_370,
    read_entry: 3_740,
    slice: 700,
    slice_in_call: None,
    tick_preempts: true,
    recv: [13_460, 13_100, 99_200, 342],
    in_order: 1_480,
    read_ack: [450, 19_980],
    lock: 2_000,
    free_lets_in: true,
    write: [33_070, 150, 5_700],
    looks: [475, 396],
};
const LINUX_7_2: Machine = Machine {
    segment: 24_540,
    other_ways: [396, 304],
    ack: 19_180,
    called: [1_750, 1_100],
    before_ack: 10_800,
    approach: 8_000,
    merge: 6_500,
    active_side: 18_600,
    before_send: 6_500,
    after_send: 12_000,
    wake: 40_100,
    take: 1_200,
    cut: 2_050,
    send: 21_700,
    heads: 12,
    sheaf: 28,
    slab: [9_900, 5_400, 6_300],
    at_hand: [340, 340, 340],
    let_go: 19_700,
    backlog: [5_400, 6_000],
    backlogged: [24_700, 18_600],
    drain_way: [18_300, 8_800, 3_100],
    drain: 7_850,
    rousing: 2_600,
    start: 34_000,
    first_round: 17_200,
    first_call: 22_300,
    way_back: 9_000,
    send_entry: [4_100, 11_600],
    rouse: 5_280,
    tick_rouses: true,
    tick: 2_700,
    idle_tick: 450,
    load: 280,
    woken: 2_600,
    interrupted: 3_850,
    read_entry: 4_690,
    slice: 700,
    slice_in_call: Some(1_400),
    tick_preempts: true,
    recv: [13_030, 12_540, 99_600, 319],
    in_order: 1_450,
    read_ack: [250, 19_180],
    lock: 0,
    free_lets_in: true,
    write: [33_830, 230, 4_960],
    looks: [448, 370],
};

impl Machine {
    /// That of a recorded kernel, or of the one before.
    pub(super) fn of(kernel: KernelVersion) -> &'static Self {
        match (kernel.major, kernel.minor) {
            (..=5, _) => &LINUX_5_10,
            (6, ..=11) => &LINUX_6_1,
            (6, 12..=17) => &LINUX_6_12,
            (6, _) => &LINUX_6_18,
            _ => &LINUX_7_2,
        }
    }

    /// What a segment takes.
    pub(super) fn packet_cost(&self) -> SimDuration {
        SimDuration::from_nanos(u64::from(self.segment))
    }

    /// In shares of a segment; `waits` says that packets wait on their way.
    pub(super) fn steps(&self, waits: bool) -> StepShares {
        let descent = if waits { DESCENT_NS } else { TO_LOOPBACK_NS };
        let behind = self.wake - self.take - descent;
        let share =
            |ns: u32| u32::try_from(u64::from(ns) * 1_000_000 / u64::from(self.segment)).unwrap_or(u32::MAX);
        StepShares {
            active_side: share(self.active_side),
            approach: share(self.approach),
            reached: share(self.approach + REACHED_NS),
            before_send: share(self.before_send),
            after_send: share(self.after_send),
            before_ack: share(self.before_ack),
            ack: share(self.ack),
            called: share(self.called[0]),
            called_ack: share(self.called[1]),
            wake: share(behind),
            entrance: share(behind - THREAD_NS),
            handover: share(HANDOVER_NS),
            cut: share(self.cut),
            take: share(self.take),
            merge: share(self.merge),
            descent: share(descent),
            alarm: share(ALARM_NS),
            send: share(self.send),
            let_go: share(self.let_go),
            between: share(BETWEEN_NS),
            single: 0,
            copy: share(self.write[0]),
            skb: share(self.write[1]),
            push: share(self.write[2]),
            backlog: share(self.backlog[0]),
            backlog_merge: share(self.backlog[1] - self.backlog[0]),
            backlogged: share(self.backlogged[0]),
            backlogged_pure: share(self.backlogged[1]),
            before_read_ack: share(self.read_ack[0]),
            read_ack: share(self.read_ack[1]),
            drain: share(self.drain),
            rousing: share(self.rousing),
        }
    }

    /// From the establishment of the connection to the sleep, and from the wake-up to the mark START: two system calls
    /// and the way through the scheduler.
    pub(super) fn start(&self) -> SimDuration {
        SimDuration::from_nanos(u64::from(self.start))
    }

    /// From where a sleep ends to the `recv` of a program that reads at fixed times.
    pub(super) fn read_entry(&self) -> SimDuration {
        SimDuration::from_nanos(u64::from(self.read_entry))
    }

    /// From the mark START to the program's loop.
    pub(super) fn first_round(&self) -> SimDuration {
        SimDuration::from_nanos(u64::from(self.first_round))
    }

    /// From the mark START to the first `send` of a burst.
    pub(super) fn first_call(&self) -> SimDuration {
        SimDuration::from_nanos(u64::from(self.first_call))
    }

    /// Reading the counters for the first time, and again.
    pub(super) fn looks(&self) -> [SimDuration; 2] {
        self.looks.map(|us| SimDuration::from_micros(u64::from(us)))
    }

    /// Memory for packets.
    fn slabs(&self) -> SlabConfig {
        let [heads, clones, records] = self.at_hand;
        let [head, skb, record] = self.slab.map(u64::from);
        let cache =
            |per_slab, cost, at_hand| CacheConfig { per_slab, cost: SimDuration::from_nanos(cost), at_hand };
        SlabConfig {
            heads: cache(self.heads, head, heads),
            clones: cache(8, skb, clones),
            records: cache(16, record, records),
            sheaf: self.sheaf,
        }
    }

    /// What the programs' calls and sleeps cost.
    pub(super) fn calls(&self) -> CallConfig {
        let [cost, skb, copy, frag] = self.recv.map(|ns| SimDuration::from_nanos(u64::from(ns)));
        let [send_entry, room_entry] = self.send_entry.map(|ns| SimDuration::from_nanos(u64::from(ns)));
        let rouse = SimDuration::from_nanos(u64::from(self.rouse));
        CallConfig {
            cost,
            skb,
            copy,
            frag,
            lock: SimDuration::from_nanos(u64::from(self.lock)),
            free_lets_in: self.free_lets_in,
            entry: SimDuration::from_nanos(ENTRY_NS),
            in_order: SimDuration::from_nanos(u64::from(self.in_order)),
            send_entry,
            room_entry,
            drain: [UNLOCKED_NS, u64::from(self.drain_way[0]) - UNLOCKED_NS].map(SimDuration::from_nanos),
            drained: [0, 1]
                .map(|i| SimDuration::from_nanos(u64::from(self.backlogged[i] - self.drain_way[i + 1]))),
            into_backlog: SimDuration::from_nanos(INTO_BACKLOG_NS),
            rouse,
            way_back: SimDuration::from_nanos(u64::from(self.way_back)),
            woken: SimDuration::from_nanos(u64::from(self.woken)),
            interrupted: SimDuration::from_nanos(u64::from(self.interrupted)),
            switch: SimDuration::from_nanos(u64::from(THREAD_NS)),
            tick_rouses: self.tick_rouses,
            tick: SimDuration::from_nanos(u64::from(self.tick)),
            idle_tick: SimDuration::from_nanos(u64::from(self.idle_tick)),
            load: SimDuration::from_nanos(u64::from(self.load)),
            slice: SimDuration::from_micros(u64::from(self.slice)),
            slice_in_call: self.slice_in_call.map(|us| SimDuration::from_micros(u64::from(us))),
            tick_preempts: self.tick_preempts,
            unpredicted: SimDuration::from_nanos(u64::from(self.other_ways[0])),
            unmerged: SimDuration::from_nanos(u64::from(self.other_ways[1])),
            slabs: self.slabs(),
            ..CallConfig::default()
        }
    }
}

/// By how much sooner the thread sleeps behind an ACK that lets nothing go: 22 us after it has woken (four scheduler events per ACK).
const REACHED_NS: u32 = 8_000;
/// From the time of a packet to the soft interrupts' thread, which takes it off the queueing discipline (interrupt, waking, leaving the idle
/// loop): bursts of two, three and four packets on 6.12, 6.18 and 7.2 that leave the next one behind put it between 4.6 and 5.4 us (`e_rb2m`).
const THREAD_NS: u32 = 4_700;
/// From the last look of soft interrupts for packets to the `recv` of the program that they woke, which begins 25 us behind its ACK: a packet
/// whose time comes 21 us behind that ACK waits for the call, one whose time comes 15 us behind it does not.
const HANDOVER_NS: u32 = 6_000;
/// From where a call lets go of its socket to where it unlocks it to work through the backlog: 2.1 us to `__release_sock`, and 1.8 more.
const UNLOCKED_NS: u64 = 3_900;
/// From a link to a backlog: 25.4 us from the record of a packet to that of the next one in the backlog, 23.9 of which are the record and the thread.
const INTO_BACKLOG_NS: u64 = 2_000;
/// From where a call lets soft interrupts in to a segment of a single packet in the backlog.
const ENTRY_NS: u64 = 4_000;
/// A packet that comes due between those that one ACK lets go: the interrupt, and taking it off the link.
const BETWEEN_NS: u32 = 2_700;
/// The interrupt that tells a busy processor of a packet.
const ALARM_NS: u32 = 1_000;
/// From the packet's record to the queueing discipline's clock: 18.2 to 18.4 us on all five, most of it the record itself. The timer that was
/// set to the packet's time interrupts 0.2 us behind that.
const DESCENT_NS: u32 = 18_200;
/// The same where no queueing discipline is: what of it is part of the call, or of the segment, that sends the packet. It is received in the
/// same, so that only the sum with what follows counts.
const TO_LOOPBACK_NS: u32 = 9_000;
