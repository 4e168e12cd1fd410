//! The keys of `path`, in the words of `tc netem`, `tc codel` and `tc fq_codel`.

use sim_core::config::Probability;

use crate::keys::{Key, Kind, S, UNLIMITED, bytes, count, key, time};

/// Longest delay of a path: far more than any link has, little enough that timers make sense.
const DELAY_MAX: u64 = 600 * S;
/// Largest jitter: netem keeps it in a signed 32-bit number of nanoseconds.
const JITTER_MAX: u64 = i32::MAX as u64;

/// Shapes of jitter, as `tc` names them.
pub(crate) const DISTRIBUTIONS: [&str; 4] = ["uniform", "normal", "pareto", "paretonormal"];
/// What a queue can do.
pub(crate) const QUEUES: [&str; 3] = ["drop-tail", "codel", "fq_codel"];

/// `path`.
pub(crate) static PATH: &[Key] = &[
    key(
        "rtt",
        time(0, 2 * DELAY_MAX),
        "",
        "Round-trip delay, half of it in each direction; instead of `delay`.",
    ),
    key("delay", time(0, DELAY_MAX), "0s", "Delay of each direction (`tc netem delay`); instead of `rtt`."),
    LIMIT,
    MTU,
    RATE,
    OVERHEAD,
    key("forward", Kind::Section(LINK), "", "What differs from sender to receiver."),
    key("reverse", Kind::Section(LINK), "", "What differs from receiver to sender."),
    LOSS,
    JITTER,
    REORDER,
    DUPLICATE,
    QUEUE,
    LOCAL_QDISC,
    TBF,
    FQ,
    key(
        "shared_qdisc",
        Kind::Switch,
        "off",
        "One queue for both directions, as the qdisc of a device that both hosts share is (`tc qdisc add dev lo`): its rate and its limit are those of all packets together.",
    ),
];

/// `path.forward`, `path.reverse`.
pub(crate) static LINK: &[Key] = &[
    key("delay", time(0, DELAY_MAX), "0s", "Delay of this direction (`tc netem delay`)."),
    LIMIT,
    MTU,
    RATE,
    OVERHEAD,
    LOSS,
    JITTER,
    REORDER,
    DUPLICATE,
    QUEUE,
    LOCAL_QDISC,
    TBF,
    FQ,
];

const LOCAL_QDISC: Key = key(
    "local_qdisc",
    Kind::Switch,
    "off",
    "The link's queue is the qdisc of the sending host's own device: its sockets hear of packets that `limit` refuses, and do not repeat packets that still wait there.",
);
const TBF: Key = key(
    "tbf",
    Kind::Section(TBF_KEYS),
    "",
    "A token bucket on the sending host's own device, in front of the link (`tc qdisc add ... tbf`). What waits there is charged to its socket: small queues (TSQ) and autocorking hold it back.",
);
const FQ: Key = key(
    "fq",
    Kind::Section(FQ_KEYS),
    "",
    "Fair queueing on the sending host's own device, in front of the link (`tc qdisc add ... fq`): it paces, so that packets leave at the pacing rate of their sockets. What waits there is charged to its socket; `{}` takes the defaults.",
);
/// `fq`.
pub(crate) static FQ_KEYS: &[Key] = &[
    key("limit", count(1, 100_000_000), "10000", "Packets that may wait; one more is refused."),
    key("flow_limit", count(1, 100_000_000), "100", "Packets of one connection that may wait."),
    key("maxrate", Kind::Rate, UNLIMITED, "Bits per second of one connection, headers included."),
];
/// `tbf`.
pub(crate) static TBF_KEYS: &[Key] = &[
    key("rate", Kind::Rate, "", "Bits per second, headers included."),
    key(
        "burst",
        bytes(1, 1 << 31),
        "5000B",
        "Bytes that may leave at once after a pause; at least one packet of the sender's offloads.",
    ),
    key("limit", bytes(1, 1 << 40), "3000000B", "Bytes that may wait; a packet above it is refused."),
];

const LIMIT: Key = key(
    "limit",
    count(1, 100_000_000),
    "1000",
    "Packets that the link holds at once (`tc netem limit`); one more is dropped.",
);
const MTU: Key = key(
    "mtu",
    bytes(68, 65_536),
    "65536",
    "Largest IP packet of this direction's sending device, to which it cuts its segments; `lo` has 65536, Ethernet 1500.",
);
const RATE: Key = key("rate", Kind::Rate, UNLIMITED, "Bits per second (`tc netem rate`), or of the `queue`.");
const OVERHEAD: Key = key(
    "overhead",
    Kind::Short { main: "packet", keys: OVERHEADS },
    "",
    "What the medium adds to each Ethernet frame, for the rate (`tc netem rate RATE PACKETOVERHEAD CELLSIZE CELLOVERHEAD`).",
);
const LOSS: Key = key(
    "loss",
    Kind::Short { main: "probability", keys: LOSSES },
    "",
    "Packets lost on entry (`tc netem loss`). A packet that TSO or GSO left in one piece is lost whole.",
);
const JITTER: Key = key(
    "jitter",
    Kind::Short { main: "mean", keys: JITTERS },
    "",
    "Variation of the delay (`tc netem delay TIME JITTER`); packets can overtake each other.",
);
const REORDER: Key = key(
    "reorder",
    Kind::Section(REORDERS),
    "",
    "Packets that are sent at once while others are delayed (`tc netem reorder`).",
);
const DUPLICATE: Key = key(
    "duplicate",
    Kind::Short { main: "probability", keys: DUPLICATES },
    "",
    "Packets sent twice (`tc netem duplicate`); the copy can be lost on its own.",
);
const QUEUE: Key = key(
    "queue",
    Kind::Short { main: "kind", keys: QUEUE_KEYS },
    "",
    "A queue in front of `rate`, shared by all connections: a router's buffer. Without it packets wait for the rate in the link.",
);

const fn percent(default: &'static str, name: &'static str, doc: &'static str) -> Key {
    key(name, Kind::Percent, default, doc)
}

const CORRELATION: Key =
    percent("0%", "correlation", "How much each random number depends on the one before.");

/// `loss`: one of `probability`, `every`, `packets`, `gilbert-elliott`.
pub(crate) static LOSSES: &[Key] = &[
    percent("", "probability", "Each packet with this probability."),
    CORRELATION,
    key(
        "every",
        count(1, u32::MAX as u64),
        "",
        "Every n-th packet of the direction, the SYN being the first.",
    ),
    key(
        "packets",
        Kind::Numbers { min: 1, max: 1 << 40 },
        "",
        "The packets of these numbers, ascending, the SYN being number 1.",
    ),
    key(
        "gilbert-elliott",
        Kind::Section(GILBERT_ELLIOTT),
        "",
        "A good and a bad state (`tc netem loss gemodel`).",
    ),
];

/// `overhead`.
pub(crate) static OVERHEADS: &[Key] = &[
    key(
        "packet",
        bytes(0, 1 << 16),
        "0",
        "Bytes of each packet, such as 24 for preamble, checksum and gap of Ethernet.",
    ),
    key("cell", bytes(0, 1 << 16), "0", "Payload of the cells that packets are cut into; 0: there are none."),
    key("cell_overhead", bytes(0, 1 << 16), "0", "Bytes of each cell beyond its payload."),
];

/// `gilbert-elliott`.
pub(crate) static GILBERT_ELLIOTT: &[Key] = &[
    percent("", "p", "Probability of going from the good state to the bad one with a packet."),
    percent("", "r", "Probability of going back; 1 - p if it is not given."),
    percent("0%", "h", "Probability that a packet gets through in the bad state."),
    percent("100%", "k", "Probability that a packet gets through in the good state."),
];

/// `jitter`.
pub(crate) static JITTERS: &[Key] = &[
    key("mean", time(0, JITTER_MAX), "", "Half the width, or one standard unit of the distribution."),
    CORRELATION,
    key("distribution", Kind::Choice(&DISTRIBUTIONS), "uniform", "Shape of the variation."),
];

/// `reorder`.
pub(crate) static REORDERS: &[Key] = &[
    percent("100%", "probability", "Share of packets, of those that `gap` lets through."),
    CORRELATION,
    key("gap", count(1, u32::MAX as u64), "1", "Every n-th packet can be sent at once."),
];

/// `duplicate`.
pub(crate) static DUPLICATES: &[Key] =
    &[percent("", "probability", "Share of packets that are sent twice."), CORRELATION];

/// `queue`.
pub(crate) static QUEUE_KEYS: &[Key] = &[
    key(
        "kind",
        Kind::Choice(&QUEUES),
        "drop-tail",
        "First in, first out; controlled delay (RFC 8289); or that for each of many flows (RFC 8290).",
    ),
    key(
        "limit",
        Kind::PacketsOrBytes { max: 1 << 31 },
        "",
        "Packets that wait at most, or bytes with all headers if it has a unit (drop-tail only): 1000, or 10240 with fq_codel.",
    ),
    key("target", time(1, 10 * S), "5ms", "Acceptable standing delay (codel, fq_codel)."),
    key("interval", time(1, 100 * S), "100ms", "How long the delay may be above it (codel, fq_codel)."),
    key(
        "quantum",
        bytes(1, 1 << 20),
        "",
        "Bytes of a flow's turn (fq_codel); a packet of the MTU if it is not given.",
    ),
    key("flows", count(1, 65_536), "1024", "Queues over which flows are spread (fq_codel)."),
    key(
        "burst",
        bytes(1, 1 << 30),
        "",
        "Bytes that may leave at once after a pause, as through a token bucket (`tc tbf burst`); without it, a wire.",
    ),
    key(
        "ecn",
        Kind::Switch,
        "",
        "Marks instead of drops for connections that agreed on ECN (`net.ipv4.tcp_ecn: 1` at the sender; codel, fq_codel): on with fq_codel, else off.",
    ),
    key(
        "ce_threshold",
        Kind::NotYet("with `ecn` codel and fq_codel mark where they would drop"),
        "",
        "Marks for every packet that has waited longer.",
    ),
];

/// A probability as text: the shortest percentage that means the same.
pub(crate) fn format_percent(p: Probability) -> String {
    for decimals in 0..=10_u32 {
        // The percentage in units of the last decimal, rounded.
        let unit = 10_u128.pow(decimals);
        let scaled = (u128::from(p.0) * 100 * unit + u128::from(u32::MAX) / 2) / u128::from(u32::MAX);
        let whole = 100 * unit;
        let back = Probability::of(
            u64::try_from(scaled).unwrap_or(u64::MAX),
            u64::try_from(whole).unwrap_or(u64::MAX),
        );
        if back == p {
            let text = format!("{scaled:0width$}", width = decimals as usize + 1);
            let (int, fraction) = text.split_at(text.len() - decimals as usize);
            return if fraction.is_empty() { format!("{int}%") } else { format!("{int}.{fraction}%") };
        }
    }
    // Ten decimals of a per cent are finer than the parts of 2^32.
    format!("{}%", p.0)
}
