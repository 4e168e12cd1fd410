//! The one table of keys. The resolver, the overrides, the schema, the reference and the hints read it; what is
//! not in it does not exist.

pub(crate) use crate::app_keys::{READ, STALL, WRITE};
pub(crate) use crate::path_keys::{GILBERT_ELLIOTT, LINK, PATH, QUEUE_KEYS};
use crate::sysctls;

/// What a key takes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// Any text.
    Text,
    /// A scenario's name.
    Name,
    /// A kernel.
    Kernel,
    /// Kernels, on each of which the scenario is run.
    Kernels,
    /// A whole number without unit.
    Count { min: i64, max: u64 },
    /// A size in bytes.
    Size { min: u64, max: u64, bare: bool, unlimited: bool },
    /// Bits per second, or `unlimited`.
    Rate,
    /// A time in nanoseconds. `bare`: what a bare number counts, in nanoseconds.
    Time { min: u64, max: u64, bare: Option<u64> },
    /// `on` or `off`.
    Switch,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Three sizes or numbers in ascending order.
    Triple { max: u64, sizes: bool },
    /// Sizes in turn.
    SizeList { min: u64, max: u64 },
    /// A mapping of fixed keys.
    Section(&'static [Key]),
    /// A mapping whose `mode` says which keys it has.
    Modes(&'static [Mode]),
    /// A mapping of sysctls by their names.
    Sysctls,
    /// A device by name, or its figures.
    Nic,
    /// A list of mappings of fixed keys.
    List(&'static [Key]),
    /// A number of connections, a mapping that also spreads their starts, or a list of groups of them.
    Flows,
    /// A mapping of metrics to values.
    Expect,
    /// A share from 0 % to 100 %, in parts of 2^32 - 1.
    Percent,
    /// Whole numbers, each larger than the one before.
    Numbers { min: u64, max: u64 },
    /// A number of packets, or a size with its unit.
    PacketsOrBytes { max: u64 },
    /// A mapping of fixed keys, or the value of `main` alone.
    Short { main: &'static str, keys: &'static [Key] },
    /// Planned, but not in this version; the text says what there is.
    NotYet(&'static str),
}

/// One key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    /// As written.
    pub(crate) name: &'static str,
    /// What it takes.
    pub(crate) kind: Kind,
    /// What it is when it is not given; empty if it is then not set, or has no default of its own.
    pub(crate) default: &'static str,
    /// One sentence for schema and reference.
    pub(crate) doc: &'static str,
}

/// One `mode` of a writer or reader.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mode {
    /// The value of `mode`.
    pub(crate) name: &'static str,
    /// What it does.
    pub(crate) doc: &'static str,
    /// Its keys besides `mode`.
    pub(crate) keys: &'static [Key],
    /// Whether this version has it.
    pub(crate) supported: bool,
}

pub(crate) const fn key(name: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Key {
    Key { name, kind, default, doc }
}

pub(crate) const fn size(min: u64, max: u64) -> Kind {
    Kind::Size { min, max, bare: false, unlimited: false }
}

/// Sizes whose key names the unit, or that the kernel takes in bytes.
pub(crate) const fn bytes(min: u64, max: u64) -> Kind {
    Kind::Size { min, max, bare: true, unlimited: false }
}

pub(crate) const fn time(min: u64, max: u64) -> Kind {
    Kind::Time { min, max, bare: None }
}

pub(crate) const fn count(min: i64, max: u64) -> Kind {
    Kind::Count { min, max }
}

/// Largest socket buffer option: the kernel doubles it into an `int`.
const BUF_MAX: u64 = (i32::MAX / 2) as u64;
const INT_MAX: u64 = i32::MAX as u64;
pub(crate) const MS: u64 = 1_000_000;
pub(crate) const S: u64 = 1_000_000_000;
pub(crate) const DAY: u64 = 86_400 * S;

/// The kernel's own name of an unset limit.
pub(crate) const UNLIMITED: &str = "unlimited";

/// Ticks per second that a kernel can be configured for.
pub(crate) const HZ: [&str; 4] = ["100", "250", "300", "1000"];

/// Values of `host.cache_line`, bytes.
pub(crate) const CACHE_LINES: [&str; 4] = ["32", "64", "128", "256"];

/// The devices with a name.
pub(crate) const NICS: [&str; 10] = [
    "loopback",
    "veth",
    "tun",
    "tap",
    "half-page",
    "page",
    "header-copy-half-page",
    "header-copy-page",
    "page-16k",
    "virtio",
];

/// The top level.
pub(crate) static ROOT: &[Key] = &[
    key("name", Kind::Name, "the file's name", "Name of the scenario: letters, digits, `-`, `_` and `.`."),
    key("about", Kind::Text, "", "What to look at and why it happens, for a reader."),
    key(
        "kernel",
        Kind::Kernel,
        "",
        "Kernel of both hosts: 5.10, 6.1, 6.12, 6.18, 7.2, a variant of one of these, or a full `uname -r` (see `skmem list kernels`).",
    ),
    key(
        "kernels",
        Kind::Kernels,
        "",
        "Several kernels instead of one `kernel`: the scenario is run on each, side by side.",
    ),
    key("seed", count(0, u64::MAX), "1", "Seed of the random streams."),
    key(
        "path",
        Kind::Section(PATH),
        "",
        "The path between the hosts, both directions alike or each on its own.",
    ),
    key("sender", Kind::Section(SENDER), "", "The host that writes."),
    key("receiver", Kind::Section(RECEIVER), "", "The host that reads."),
    key("host", Kind::Section(HOST), "", "What both hosts have in common."),
    key("events", Kind::List(EVENT), "", "Calls in the middle of the run, in order of time."),
    key("stop", Kind::Section(STOP), "after 5s", "When the run ends: the first bound reached."),
    key("expect", Kind::Expect, "", "What the run must show: metrics and values, for `skmem check`."),
    key(
        "flows",
        Kind::Flows,
        "1",
        "Connections between the two hosts: their number, {count, spread}, or a list of groups with settings of their own. They share path, devices and `tcp_mem`.",
    ),
    key(
        "inject",
        Kind::Section(INJECT),
        "",
        "Segments and calls for the receiver alone, instead of `path` and `sender`.",
    ),
];

/// Most connections of a run.
pub(crate) const MAX_FLOWS: u64 = 100_000;

const FLOW_COUNT: Key = key("count", count(1, MAX_FLOWS), "1", "Number of connections.");
const FLOW_SPREAD: Key =
    key("spread", time(0, DAY), "0s", "They are opened one after the other, evenly over this time.");

/// `flows` as a mapping.
pub(crate) static FLOWS: &[Key] = &[FLOW_COUNT, FLOW_SPREAD];

/// One of the groups that `flows` lists.
pub(crate) static FLOW_GROUP: &[Key] = &[
    key("at", time(0, DAY), "0s", "When the first of them is opened."),
    FLOW_COUNT,
    FLOW_SPREAD,
    key(
        "sender",
        Kind::Section(FLOW_SENDER),
        "",
        "What their writing ends have of their own; the scenario's `sender` for the rest.",
    ),
    key(
        "receiver",
        Kind::Section(FLOW_RECEIVER),
        "",
        "What their reading ends have of their own; the scenario's `receiver` for the rest.",
    ),
];

const SYSCTL: Key = key(
    "sysctl",
    Kind::Sysctls,
    "",
    "Sysctls of this host by their full names; the kernel's defaults for the others.",
);
const SOCKOPTS: Key =
    key("sockopt", Kind::Section(SOCKOPT), "", "Socket options set before the connection is made.");
const ROUTES: Key =
    key("route", Kind::Section(ROUTE), "", "Attributes of the route to the other host (`ip route`).");
const OFFLOADS: Key = key("offload", Kind::Section(OFFLOAD), "", "Segmentation offloads (`ethtool -K`).");
const NIC: Key = key(
    "nic",
    Kind::Nic,
    "loopback",
    "How this host's device builds the skb of a received frame: a name, {model, xdp, outer_headers, ring, ...}, or {head, head_frag, fragment} in bytes.",
);
const CONGESTION: Key = key(
    "congestion",
    Kind::Choice(&["cubic", "reno"]),
    "cubic",
    "Congestion control of the data that this host sends.",
);

const SENDER_WRITE: Key = key("write", Kind::Modes(WRITE), "burst", "What the application writes.");
const SENDER_READ: Key = key(
    "read",
    Kind::Modes(READ),
    "asap if the receiver writes",
    "What the sending application reads of what the receiver writes.",
);
const RECEIVER_READ: Key = key(
    "read",
    Kind::Modes(READ),
    "never, or asap if there are requests to answer",
    "What the application reads.",
);
const RECEIVER_WRITE: Key = key(
    "write",
    Kind::Modes(WRITE),
    "never",
    "What the receiving application writes of its own accord; an echo and answers to requests need no key here.",
);

/// `sender`.
pub(crate) static SENDER: &[Key] =
    &[SYSCTL, SOCKOPTS, ROUTES, OFFLOADS, NIC, CONGESTION, SENDER_WRITE, SENDER_READ];

/// `receiver`.
pub(crate) static RECEIVER: &[Key] =
    &[SYSCTL, SOCKOPTS, ROUTES, OFFLOADS, NIC, CONGESTION, RECEIVER_READ, RECEIVER_WRITE];

/// `sender` of a group of `flows`: sysctls and the device belong to the host.
pub(crate) static FLOW_SENDER: &[Key] = &[SOCKOPTS, ROUTES, CONGESTION, SENDER_WRITE, SENDER_READ];

/// `receiver` of a group of `flows`.
pub(crate) static FLOW_RECEIVER: &[Key] = &[SOCKOPTS, ROUTES, CONGESTION, RECEIVER_READ, RECEIVER_WRITE];

/// `sockopt`.
pub(crate) static SOCKOPT: &[Key] = &[
    key(
        "SO_RCVBUF",
        bytes(0, BUF_MAX),
        "",
        "Receive buffer; the kernel doubles it and caps it at net.core.rmem_max first.",
    ),
    key("SO_RCVBUFFORCE", bytes(0, BUF_MAX), "", "The same without the cap."),
    key(
        "SO_SNDBUF",
        bytes(0, BUF_MAX),
        "",
        "Send buffer; the kernel doubles it and caps it at net.core.wmem_max first.",
    ),
    key("SO_SNDBUFFORCE", bytes(0, BUF_MAX), "", "The same without the cap."),
    key("SO_RCVLOWAT", bytes(0, INT_MAX), "", "The socket is readable from this many bytes on."),
    key("TCP_MAXSEG", bytes(88, 32_767), "", "Largest segment, both announced and sent."),
    key("TCP_WINDOW_CLAMP", bytes(0, INT_MAX), "", "Upper bound of the advertised window."),
    key("TCP_NODELAY", Kind::Switch, "off", "No waiting for full segments (Nagle off)."),
    key("TCP_CORK", Kind::Switch, "off", "Only full segments are sent."),
    key(
        "TCP_QUICKACK",
        count(0, INT_MAX),
        "",
        "Set when the connection is accepted: 1 acknowledges at once for a while.",
    ),
    key(
        "TCP_NOTSENT_LOWAT",
        bytes(0, u32::MAX as u64),
        "",
        "The socket is writable while less than this is unsent.",
    ),
    key(
        "SO_LINGER",
        Kind::Choice(&["0"]),
        "",
        "0: `close` resets the connection at once. Without it, TCP goes on by itself after a `close`; longer times are not modelled.",
    ),
    key(
        "TCP_LINGER2",
        Kind::Time { min: 0, max: 120 * S, bare: Some(S) },
        "",
        "How long a connection without a program waits for the peer's FIN, in place of net.ipv4.tcp_fin_timeout; whole seconds.",
    ),
    key(
        "TCP_SYNCNT",
        count(1, 127),
        "",
        "Timeouts after which `connect` is given up, in place of net.ipv4.tcp_syn_retries.",
    ),
    key(
        "SO_MAX_PACING_RATE",
        Kind::Rate,
        "",
        "The socket paces itself, at this rate at most (the option itself counts bytes per second); `unlimited` paces at the rate that the congestion window gives.",
    ),
];

/// `route`.
pub(crate) static ROUTE: &[Key] = &[
    key("initcwnd", count(1, 65_535), "", "Initial congestion window in packets (the kernel's own is 10)."),
    key("initrwnd", count(1, 65_535), "", "Initial receive window in packets."),
    key("quickack", Kind::Switch, "off", "Every segment is acknowledged at once."),
    key("window", bytes(1, u32::MAX as u64), "", "Upper bound of the advertised window."),
    key("rto_min", time(MS, 120 * S), "", "Smallest retransmission timeout (the kernel's own is 200ms)."),
    key("advmss", bytes(1, 65_495), "", "Announced segment size."),
];

/// `offload`.
pub(crate) static OFFLOAD: &[Key] = &[
    key("tso", Kind::Switch, "on", "The device cuts large packets."),
    key(
        "gso",
        Kind::Switch,
        "on",
        "The stack cuts large packets just before the device; with both off, each packet is one segment from the start.",
    ),
    key(
        "gro",
        Kind::Switch,
        "on",
        "This host's device joins the segments of one poll; loopback, veth, tun and tap never do.",
    ),
];

/// `nic` with figures.
pub(crate) static NIC_FIGURES: &[Key] = &[
    key("model", Kind::Choice(&NICS), "", "A device by its name; without it, `head` gives the figures."),
    key(
        "xdp",
        Kind::Switch,
        "off",
        "An XDP program is attached: every frame has a page of its own, with 256 bytes of headroom.",
    ),
    key(
        "outer_headers",
        bytes(0, 512),
        "0",
        "Headers between Ethernet and the inner IP header: 4 for a VLAN tag, 50 for VXLAN.",
    ),
    key("head", bytes(1, 1 << 20), "", "Usable bytes of the skb's head."),
    key("head_frag", Kind::Switch, "off", "The head is a page fragment, so that it can be merged."),
    key(
        "fragment",
        bytes(0, 1 << 20),
        "0",
        "Truesize of the fragment with the payload; 0 if the payload is in the head.",
    ),
    key(
        "ring",
        count(1, 65_536),
        "256",
        "Frames that the receive ring holds (`ethtool -G rx`); one more is missed. Without a key of the ring each frame is taken at once.",
    ),
    key(
        "rx_usecs",
        Kind::Time { min: 0, max: S, bare: Some(1_000) },
        "0us",
        "From a frame to the interrupt (`ethtool -C rx-usecs`).",
    ),
    key(
        "rx_frames",
        count(0, 65_536),
        "0",
        "Frames that raise the interrupt at once (`ethtool -C rx-frames`); 0: only the time does.",
    ),
    key(
        "budget",
        count(1, 65_536),
        "64",
        "Frames of one poll (NAPI weight), after which joined frames go up.",
    ),
];

/// `host`.
///
/// The default cost of a packet is what one costs in the recorded kernels, probes included: segments of a
/// burst are received 24.7 to 26.1 us apart there. It spreads a burst over time as a real host does; with no
/// cost at all, every timer and every ACK would meet a whole burst in one instant.
pub(crate) static HOST: &[Key] = &[
    key(
        "ram",
        size(64 << 20, 1 << 50),
        "",
        "Memory of each host, from which a kernel computes at boot what is not given: tcp_mem, tcp_rmem[2], tcp_wmem[2], tcp_max_orphans and tcp_max_tw_buckets (see `skmem list memory`).",
    ),
    key(
        "tcp_mem",
        Kind::Triple { max: 1 << 40, sizes: false },
        "188888 251851 377776",
        "net.ipv4.tcp_mem in pages: low, pressure, high. With `ram`, what follows from it.",
    ),
    key("hz", Kind::Choice(&HZ), "250", "CONFIG_HZ: ticks per second, to which timers are rounded."),
    key(
        "since_tick",
        time(0, 10 * MS - 1),
        "0s",
        "How long before the start of the run the last tick was; less than a tick.",
    ),
    key(
        "jiffies",
        count(0, 1 << 62),
        "4294967296",
        "The tick counter at the start of the run (it begins 300 s below 2^32 at boot): timers far ahead fire at multiples of powers of two of it.",
    ),
    key(
        "packet_cost",
        time(0, S),
        "25us",
        "Time that the stack needs for one packet; spreads a burst over time as the recorded kernels do.",
    ),
    key(
        "call_cost",
        time(0, S),
        "0s",
        "Time of a system call, which holds the socket meanwhile: segments wait in the backlog. Each skb read costs 5/4 of it, and copying 32 KiB 10/3 (12us on the recorded machine).",
    ),
    key(
        "one_thread",
        Kind::Switch,
        "off",
        "Both applications are one thread that polls both sockets; otherwise each has its own.",
    ),
    key(
        "threadirqs",
        Kind::Switch,
        "off",
        "Soft interrupts run in a thread (`threadirqs`); up to 6.4 that thread then waits for a call to end.",
    ),
    key(
        "cache_line",
        Kind::Choice(&CACHE_LINES),
        "64",
        "SMP_CACHE_BYTES, to which the structures of an skb are aligned: 64 on x86-64, 128 on some arm64 and ppc64.",
    ),
    key(
        "copy_rate",
        size(1 << 20, 1 << 50),
        "",
        "Bytes per second at which a collapse copies; meanwhile the processor does nothing else. Without it copying takes no time.",
    ),
    key(
        "max_skb_frags",
        count(17, 45),
        "17",
        "CONFIG_MAX_SKB_FRAGS: page fragments of one skb (6.4 and later can be built with up to 45).",
    ),
];

/// One of `events`.
pub(crate) static EVENT: &[Key] = &[
    key(
        "at",
        time(0, DAY),
        "",
        "When, counted from the start of the run; what would close a socket that is not there yet is done once `connect` or `accept` has returned.",
    ),
    key("receiver.sockopt", Kind::Section(LIVE), "", "Socket options that the receiver sets."),
    key("sender.sockopt", Kind::Section(LIVE), "", "Socket options that the sender sets."),
    key("receiver.read", bytes(1, 1 << 30), "", "Bytes that the receiver reads."),
    key(
        "snapshot",
        Kind::Name,
        "",
        "Nobody does anything: sockets and memory of both hosts are noted under this name, for sockstat.txt.",
    ),
    key(
        "receiver.shutdown",
        Kind::Choice(&SHUTDOWN),
        "",
        "`shutdown(SHUT_WR)`: a FIN follows the receiver's own data.",
    ),
    key("receiver.close", Kind::Switch, "", "`close` by the receiver; with unread data that is a reset."),
    key("sender.shutdown", Kind::Choice(&SHUTDOWN), "", "`shutdown(SHUT_WR)`: a FIN follows the data."),
    key("sender.close", Kind::Switch, "", "`close` by the sender; with unread data that is a reset."),
    key(
        "path.forward",
        Kind::Choice(&LINK_STATES),
        "",
        "`down`: from now on nothing arrives at the receiver; `up`: packets arrive again.",
    ),
    key("path.reverse", Kind::Choice(&LINK_STATES), "", "The same for what the receiver sends."),
];

/// Socket options that can change on a live connection.
pub(crate) static LIVE: &[Key] = &[SOCKOPT[0], SOCKOPT[1], SOCKOPT[2], SOCKOPT[4], SOCKOPT[6], SOCKOPT[9]];

/// Window scales of a SYN.
pub(crate) const WINDOW_SCALES: [&str; 16] =
    ["none", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14"];

/// What can happen to a direction of the path.
pub(crate) const LINK_STATES: [&str; 2] = ["down", "up"];

/// What `shutdown` ends.
pub(crate) const SHUTDOWN: [&str; 1] = ["write"];

/// `inject`.
///
/// The default costs are those of the program that made the recordings: one step, with a look at the socket after it,
/// takes it 244 to 260 us, and the handshake 120 us.
pub(crate) static INJECT: &[Key] = &[
    key("syn", Kind::Section(SYN), "", "The SYN of the peer."),
    key(
        "handshake",
        time(0, DAY),
        "120us",
        "From the SYN-ACK, with which time begins, to the handshake's last ACK.",
    ),
    key("step", time(0, DAY), "250us", "From one step to the next, unless a step says otherwise."),
    key(
        "mtu",
        bytes(68, 65_536),
        "1500",
        "Largest IP packet of the device, from which the announced MSS follows.",
    ),
    key("steps", Kind::List(INJECT_STEP), "", "What happens, in order."),
];

/// `inject.syn`.
pub(crate) static SYN: &[Key] = &[
    key("mss", bytes(1, 65_535), "1460", "MSS option."),
    key("window_scale", Kind::Choice(&WINDOW_SCALES), "7", "Window scale option."),
    key("sack", Kind::Switch, "on", "SACK is permitted."),
    key(
        "timestamps",
        Kind::Switch,
        "off",
        "Timestamps; the receiver's net.ipv4.tcp_timestamps must allow them too.",
    ),
    key(
        "window",
        count(0, 65_535),
        "65535",
        "Raw window field of the SYN and of all segments that do not say otherwise.",
    ),
];

const AT: Key = key("at", time(0, DAY), "", "When, counted from the SYN-ACK; instead of `wait`.");
const WAIT: Key = key("wait", time(0, DAY), "0s", "So much later than usual; alone in a step, a pause.");
const INJECT_DATA: Key = key("data", Kind::Section(DATA), "", "The peer sends a segment, or a run of them.");
const INJECT_PURE_ACK: Key = key("ack", Kind::Section(INJECT_ACK), "", "The peer sends a pure ACK.");
const INJECT_READ: Key = key("read", bytes(1, 1 << 30), "", "The application reads at most so many bytes.");
const INJECT_WRITE: Key =
    key("write", bytes(1, 1 << 24), "", "The application sends so many bytes to the peer.");
const INJECT_SOCKOPT: Key = key("sockopt", Kind::Section(LIVE), "", "The application sets socket options.");
const INJECT_SHUTDOWN: Key =
    key("shutdown", Kind::Choice(&SHUTDOWN), "", "`shutdown(SHUT_WR)`: a FIN follows the data.");
const INJECT_CLOSE: Key = key("close", Kind::Switch, "", "`close`; with unread data that is a reset.");

/// One of `inject.steps`.
pub(crate) static INJECT_STEP: &[Key] = &[
    AT,
    WAIT,
    INJECT_DATA,
    INJECT_PURE_ACK,
    INJECT_READ,
    INJECT_WRITE,
    INJECT_SOCKOPT,
    INJECT_SHUTDOWN,
    INJECT_CLOSE,
    key("repeat", Kind::Section(REPEAT), "", "The same steps several times."),
];

/// One of `repeat.steps`: without absolute times and without a `repeat` of its own.
pub(crate) static REPEATED_STEP: &[Key] = &[
    WAIT,
    INJECT_DATA,
    INJECT_PURE_ACK,
    INJECT_READ,
    INJECT_WRITE,
    INJECT_SOCKOPT,
    INJECT_SHUTDOWN,
    INJECT_CLOSE,
];

/// `repeat`.
pub(crate) static REPEAT: &[Key] = &[
    key("count", count(1, 1_000_000), "", "How often."),
    key("steps", Kind::List(REPEATED_STEP), "", "What happens each time; data goes on where it ended."),
];

const OFFSET: Key = key(
    "offset",
    count(-(1 << 40), 1 << 40),
    "",
    "First byte, counted from the first byte of the stream; where the last data ended if it is not given.",
);
const ACKNOWLEDGE: Key = key(
    "acknowledge",
    bytes(0, 1 << 30),
    "",
    "How much of the server's stream is acknowledged, its FIN counted as one byte; everything sent but a bare FIN if it is not given.",
);
const TSVAL: Key = key(
    "tsval",
    count(0, u32::MAX as u64),
    "",
    "TSval, if there are timestamps; one more than that of the segment before if it is not given.",
);
const HEADER_WINDOW: Key =
    key("window", count(0, 65_535), "", "Raw window field; that of the SYN if it is not given.");

/// `data`.
pub(crate) static DATA: &[Key] = &[
    OFFSET,
    key("len", bytes(0, 65_495), "", "Payload of each segment; 0 is a keepalive, or a bare FIN."),
    key(
        "gso_size",
        bytes(0, 65_495),
        "0",
        "The packet was joined from segments of this size before it arrives, as GRO or a virtual machine does it; 0: it is one segment.",
    ),
    key("count", count(1, 1_000_000), "1", "Number of segments."),
    key(
        "stride",
        count(-(1 << 32), 1 << 32),
        "",
        "Bytes from the begin of one segment to the next; `len` if it is not given.",
    ),
    key("every", time(0, DAY), "", "Time from one segment to the next; `inject.step` if it is not given."),
    key("push", Kind::Switch, "off", "The segments carry PSH."),
    key("fin", Kind::Switch, "off", "The last segment carries FIN."),
    ACKNOWLEDGE,
    HEADER_WINDOW,
    TSVAL,
];

/// `ack`.
pub(crate) static INJECT_ACK: &[Key] = &[OFFSET, ACKNOWLEDGE, HEADER_WINDOW, TSVAL];

/// `stop`. A run that has only `bytes` or `packets` still ends after [`STOP_ALWAYS`].
pub(crate) static STOP: &[Key] = &[
    key("after", time(1, DAY), "5s", "Simulated time, counted from the start of the writer."),
    key("bytes", bytes(1, 1 << 50), "", "Bytes that the receiving application has read."),
    key("returned", bytes(1, 1 << 50), "", "Bytes that the sending application has read back."),
    key("packets", count(1, 1 << 40), "", "Segments that reached the receiving socket."),
    key("max_events", count(1, 1 << 40), "100000000", "Events processed; a run that needs more is an error."),
];

/// `stop.after` of a scenario that is bounded by bytes or packets alone.
pub(crate) const STOP_ALWAYS: &str = "3600s";

/// The key of this name.
pub(crate) fn find(keys: &'static [Key], name: &str) -> Option<&'static Key> {
    keys.iter().find(|k| k.name == name)
}

/// The default in the table of the key at `path`, written out; `None` if there is no such key.
pub(crate) fn default_of(path: &str) -> Option<&'static str> {
    let mut keys = ROOT;
    let mut steps = path.split('.').peekable();
    while let Some(step) = steps.next() {
        let key = find(keys, step)?;
        match key.kind {
            _ if steps.peek().is_none() => return Some(key.default),
            Kind::Section(inner) => keys = inner,
            _ => return None,
        }
    }
    None
}

/// All keys as text: path, what it takes, default, meaning. One line each, for the documentation.
pub fn reference() -> String {
    let mut out = String::new();
    describe(ROOT, "", &mut out);
    out
}

fn describe(keys: &[Key], prefix: &str, out: &mut String) {
    for k in keys {
        if matches!(k.kind, Kind::NotYet(_)) {
            continue;
        }
        describe_one(k, prefix, out);
        let path = format!("{prefix}{}", k.name);
        match k.kind {
            Kind::Section(inner) | Kind::Short { keys: inner, .. } => {
                describe(inner, &format!("{path}."), out);
            }
            Kind::List(inner) => describe(inner, &format!("{path}[]."), out),
            Kind::Nic => describe(NIC_FIGURES, &format!("{path}."), out),
            Kind::Flows => {
                describe(FLOWS, &format!("{path}."), out);
                // What a group's ends take is what the scenario's own ends take.
                FLOW_GROUP.iter().for_each(|k| describe_one(k, &format!("{path}[]."), out));
            }
            Kind::Modes(modes) => {
                for m in modes.iter().filter(|m| m.supported) {
                    out.push_str(&format!("{path}.mode: {}. {}\n", m.name, m.doc));
                    describe(m.keys, &format!("{path}({}).", m.name), out);
                }
            }
            Kind::Sysctls if prefix == "sender." => {
                for s in sysctls::SYSCTLS {
                    out.push_str(&format!("{path}.{}: {}. {}\n", s.key.name, takes(&s.key.kind), s.key.doc));
                }
            }
            _ => {}
        }
    }
}

/// The line of one key.
fn describe_one(k: &Key, prefix: &str, out: &mut String) {
    let default = if k.default.is_empty() { String::new() } else { format!(" [{}]", k.default) };
    out.push_str(&format!("{prefix}{}: {}{default}. {}\n", k.name, takes(&k.kind), k.doc));
}

/// What a key takes, in words that follow "expected".
pub(crate) fn takes(kind: &Kind) -> String {
    use crate::units::{format_size, format_time};
    match kind {
        Kind::Text => "a text".to_owned(),
        Kind::Name => "a name of letters, digits, `-`, `_` and `.`".to_owned(),
        Kind::Kernel => {
            "5.10, 6.1, 6.12, 6.18, 7.2, a variant such as 6.18-ingest-relaxed, or a full `uname -r`"
                .to_owned()
        }
        Kind::Kernels => "a list of different kernels, such as [\"5.10\", \"6.1\"]".to_owned(),
        Kind::Count { min, max } if *max == u64::MAX => format!("a whole number from {min}"),
        Kind::Count { min, max } => format!("a whole number from {min} to {max}"),
        Kind::Size { min, max, bare, unlimited } => {
            let unit = if *bare { "a size in bytes, or with a unit," } else { "a size with a unit" };
            let or = if *unlimited { ", or `unlimited`" } else { "" };
            format!("{unit} from {} to {}{or}", format_size(*min), format_size(*max))
        }
        Kind::Rate => "a rate such as 100mbit, or `unlimited`".to_owned(),
        Kind::Time { min, max, bare } => {
            let unit = match bare {
                None => "a time with a unit".to_owned(),
                Some(ns) => format!("a time, bare numbers in {}", format_time(*ns).trim_start_matches('1')),
            };
            format!("{unit}, from {} to {}", format_time(*min), format_time(*max))
        }
        Kind::Switch => "on or off".to_owned(),
        Kind::Choice(names) => format!("one of {}", names.join(", ")),
        Kind::Triple { sizes: true, .. } => "three sizes in bytes, minimum default maximum".to_owned(),
        Kind::Triple { .. } => "three whole numbers in ascending order".to_owned(),
        Kind::SizeList { .. } => "a list of sizes in bytes, such as [1, 7, 100]".to_owned(),
        Kind::Section(keys) => format!("a mapping with {}", names(keys)),
        Kind::Percent => "a percentage from 0% to 100%".to_owned(),
        Kind::Numbers { .. } => "an ascending list of numbers, such as [5, 9]".to_owned(),
        Kind::PacketsOrBytes { .. } => "a number of packets, or a size with a unit".to_owned(),
        Kind::Short { main, keys } => {
            let short = find(keys, main).map_or_else(String::new, |k| takes(&k.kind));
            format!("{short}, or a mapping with {}", names(keys))
        }
        Kind::Modes(modes) => {
            let known: Vec<_> = modes.iter().filter(|m| m.supported).map(|m| m.name).collect();
            format!("a mapping with `mode: {}`", known.join(" | "))
        }
        Kind::Sysctls => "a mapping such as {net.ipv4.tcp_rmem: 4096 131072 6291456}".to_owned(),
        Kind::Nic => format!(
            "one of {}, {{model, xdp, outer_headers, ring, ...}}, or {{head, head_frag, fragment}}",
            NICS.join(", ")
        ),
        Kind::List(keys) => format!("a list of mappings with {}", names(keys)),
        Kind::Flows => format!(
            "a whole number from 1 to {MAX_FLOWS}, a mapping with {}, or a list of mappings with {}",
            names(FLOWS),
            names(FLOW_GROUP)
        ),
        Kind::Expect => "a mapping such as {final.recv_q: 62464}".to_owned(),
        Kind::NotYet(there_is) => (*there_is).to_owned(),
    }
}

fn names(keys: &[Key]) -> String {
    let known: Vec<_> = keys.iter().filter(|k| !matches!(k.kind, Kind::NotYet(_))).map(|k| k.name).collect();
    known.join(", ")
}
