//! One direction of the path: what `tc netem` does to its packets, and the queue in front of its rate.

use crate::time::SimDuration;

/// One direction of the path (`tc netem`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LinkConfig {
    /// One-way delay.
    pub delay: SimDuration,
    /// Packets that may be in the link at once; a packet above it is dropped (`netem limit`).
    pub limit: u32,
    /// Largest IP packet.
    pub mtu: u32,
    /// Bits per second; `None` is unlimited.
    pub rate_bps: Option<u64>,
    /// What the medium adds to each packet, as far as the rate is concerned.
    pub overhead: Overhead,
    /// Every so many segments that leave the link, one is dropped before the stack sees it
    /// (`tc filter ... action gact pass random determ drop N`, counted from the first SYN); 0: none.
    pub drop_every: u32,
    /// How many in a row are dropped then, the last one being number `drop_every`; 0 and 1: one.
    pub drop_run: u32,
    /// Variation of the delay; `None`: there is none.
    pub jitter: Option<Jitter>,
    /// Which packets are lost.
    pub loss: Loss,
    /// How often a packet is sent twice.
    pub duplicate: Chance,
    /// Which packets overtake those that wait; `None`: none.
    pub reorder: Option<Reorder>,
    /// The queue in front of the rate; `None`: packets wait for the rate in the link, as in netem.
    pub queue: Option<QueueConfig>,
    /// Packets of the other direction go through this link as well: one queueing discipline of a device that both hosts
    /// share (`lo`). Of the other direction's own link only `mtu`, `drop_every` and `drop_run` count then. Heeded on the
    /// way from the writing host.
    pub both_ways: bool,
    /// The link's `limit` is that of the queueing discipline of the sending host itself (`tc qdisc` on its device): a
    /// socket hears at once that its packet was refused, and does not send a packet again that still waits there. Has no
    /// effect with a `queue`.
    pub in_host: bool,
    /// The link lies behind the sending host's device, which cuts what an offload left in one piece before it. (A `queue` sees
    /// packets one by one in any case.)
    pub behind_host: bool,
    /// What holds packets back on the sending host's own device, in front of everything else; `None`: packets leave the
    /// host at once.
    pub shaper: Option<Shaper>,
}

/// What holds packets back on the sending host's own device. What waits there stays charged to its socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shaper {
    /// A token bucket.
    Tokens(Tokens),
    /// Fair queueing with pacing.
    Fair(FairQueue),
}

/// Fair queueing with pacing (`tc qdisc add ... fq`): packets leave when their sockets want, each socket at its pacing rate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FairQueue {
    /// Packets that may wait.
    pub limit: u32,
    /// Packets of one connection that may wait.
    pub flow_limit: u32,
    /// Bytes per second of one connection, headers included (`maxrate`); `None`: as many as it likes.
    pub max_rate: Option<u64>,
}

/// A token bucket (`tc qdisc add ... tbf`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tokens {
    /// Bits per second, headers included; not 0.
    pub rate_bps: u64,
    /// Bytes that may leave at once after a pause, headers included.
    pub burst: u32,
    /// Bytes that may wait, headers included; a packet above it is refused.
    pub limit: u64,
}

impl Default for LinkConfig {
    /// No delay, no rate, a limit of 1000 packets and the MTU of `lo`.
    fn default() -> Self {
        Self {
            delay: SimDuration::ZERO,
            limit: 1_000,
            mtu: 65_536,
            rate_bps: None,
            overhead: Overhead::default(),
            drop_every: 0,
            drop_run: 0,
            jitter: None,
            loss: Loss::None,
            duplicate: Chance::default(),
            reorder: None,
            queue: None,
            both_ways: false,
            in_host: false,
            behind_host: false,
            shaper: None,
        }
    }
}

/// What a medium adds to each packet (`netem rate RATE PACKETOVERHEAD CELLSIZE CELLOVERHEAD`).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Overhead {
    /// Bytes of each packet beyond its Ethernet frame.
    pub packet: u32,
    /// Payload of the cells that packets are cut into, the last one padded, bytes; 0: there are no cells.
    pub cell: u32,
    /// Bytes of each cell beyond its payload.
    pub cell_overhead: u32,
}

impl Overhead {
    /// What a frame of `bytes` takes on the medium, bytes.
    pub const fn on_wire(&self, bytes: u32) -> u32 {
        let bytes = bytes.saturating_add(self.packet);
        match self.cell {
            0 => bytes,
            cell => bytes.div_ceil(cell).saturating_mul(cell.saturating_add(self.cell_overhead)),
        }
    }
}

/// A probability in parts of 2^32 - 1, as `tc` hands it to the kernel.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub struct Probability(pub u32);

impl Probability {
    /// It never happens.
    pub const NEVER: Self = Self(0);
    /// It always happens.
    pub const ALWAYS: Self = Self(u32::MAX);

    /// `part` of `whole`, rounded to the nearest value there is; more than the whole is [`Self::ALWAYS`].
    pub const fn of(part: u64, whole: u64) -> Self {
        if part >= whole {
            return Self::ALWAYS;
        }
        let scaled = part as u128 * u32::MAX as u128;
        Self(((scaled + whole as u128 / 2) / whole as u128) as u32)
    }

    /// The opposite.
    pub const fn complement(self) -> Self {
        Self(u32::MAX - self.0)
    }
}

/// A probability, and how much each draw depends on the one before (netem's correlation).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Chance {
    /// How often.
    pub probability: Probability,
    /// Share of the previous draw in the next.
    pub correlation: Probability,
}

/// Variation of the delay (`netem delay TIME JITTER CORRELATION distribution ...`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Jitter {
    /// What the table of the distribution is multiplied with: one standard deviation of the normal one, half the
    /// width of the uniform one. At most `i32::MAX` nanoseconds.
    pub mean: SimDuration,
    /// Share of the previous draw in the next.
    pub correlation: Probability,
    /// Its shape.
    pub distribution: Distribution,
}

/// Shape of the variation of the delay.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Distribution {
    /// Every value from minus to plus the jitter alike.
    #[default]
    Uniform,
    /// Gaussian.
    Normal,
    /// A long tail of late packets.
    Pareto,
    /// A quarter normal, three quarters Pareto.
    ParetoNormal,
}

/// Which packets are lost on entry.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub enum Loss {
    /// None.
    #[default]
    None,
    /// Each with the same probability (`netem loss random`).
    Random(Chance),
    /// Every n-th packet, counted from the first one of the direction; 0: none.
    Every(u32),
    /// The packets of these numbers, ascending; the first packet of the direction has number 1.
    Listed(Vec<u64>),
    /// A good and a bad state (`netem loss gemodel`).
    GilbertElliott {
        /// From good to bad.
        p: Probability,
        /// From bad to good.
        r: Probability,
        /// A packet of the bad state gets through.
        h: Probability,
        /// A packet of the good state gets through.
        k: Probability,
    },
}

/// Packets that are sent at once while others are delayed (`netem reorder`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reorder {
    /// How often, of those that the gap lets through.
    pub chance: Chance,
    /// At least so many packets less one are delayed before one is sent at once; at least 1.
    pub gap: u32,
}

/// A queue in front of a rate: a router's or a modem's buffer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct QueueConfig {
    /// What it does when packets wait.
    pub discipline: Discipline,
    /// What fits into it.
    pub limit: QueueLimit,
    /// Bytes that may leave at once after a pause, as through a token bucket (`tbf burst`); `None`: a wire, on which every
    /// packet takes its time.
    pub burst: Option<u32>,
    /// Controlled delay marks packets that allow it instead of dropping them (RFC 3168).
    pub ecn: bool,
}

/// How much a queue holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum QueueLimit {
    /// Packets (`pfifo limit`).
    Packets(u32),
    /// Bytes with all headers (`bfifo limit`).
    Bytes(u64),
}

/// What a queue does with packets that wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Discipline {
    /// First in, first out; what does not fit is dropped.
    DropTail,
    /// Controlled delay (RFC 8289).
    Codel(CodelConfig),
    /// Controlled delay for each of several flows that take turns (RFC 8290).
    FqCodel {
        /// Of each flow.
        codel: CodelConfig,
        /// Bytes that a flow may send in its turn.
        quantum: u32,
        /// Number of queues over which flows are spread by their hash, at least 1.
        flows: u32,
    },
}

/// Parameters of controlled delay.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CodelConfig {
    /// Acceptable standing delay.
    pub target: SimDuration,
    /// How long the delay may be above it before a packet is dropped.
    pub interval: SimDuration,
}
