//! The configuration of a loop case, from its summary.

use std::collections::BTreeMap;

use sim_core::config::{
    CallConfig, Change, ClosingConfig, Congestion, EndpointConfig, FlowsConfig, HostConfig, LinkConfig,
    LiveOption, NicModel, Offload, ReadConfig, ReadMode, RunConfig, SockOpts, StepShares, StopConfig,
    TimedChange, WriteConfig, WriteMode,
};
use sim_core::skb::SkbLayout;
use sim_core::time::SimDuration;
use thiserror::Error;

use super::machine::Machine;
use super::path::links;
use crate::recording::{CaseKind, Recording};
use crate::replay::setup::{Setup, SetupError, word_after, words_of};

/// Bytes that the traffic program offers per `send` of a burst: the size of its buffer.
const SEND_CALL: u32 = 16 << 20;
/// What the client of an echo reads at once.
const ECHO_BUFFER: u32 = 65_536;
/// A `recv` that moves nothing, short of what each skb and byte adds, ns. Least squares over the `recv` calls of the
/// slow, the bulk, the low-water and the echo cases that sent no ACK gave 9.8 to 12.7 us on the five kernels.
const CALL_COST_NS: u64 = 12_000;
/// What a sleeping program's wake-up is late by (`timer_slack_ns` of a normal task), ns.
const TIMER_SLACK_NS: u64 = 50_000;
/// From the establishment of the connection to the sleep, and from the wake-up to the mark START, ns: two system
/// calls and the way through the scheduler on the recorded machine.
const PROGRAM_START_NS: u64 = 19_000;
/// From the mark START to the first byte of the first `send`, thousandths of the cost of a segment. The readers'
/// clock starts at the mark.
const FIRST_SEND_PERMILLE: u64 = 2_260;
/// From the begin of a recording to the SYN, if that was not recorded, ns.
const SYN_NS: u64 = 8_500;
/// Options that the program sets on the accepted socket before it sleeps.
const ACCEPTED_OPTIONS: [&str; 3] = ["sclamp", "slowat", "srcvbuf"];
/// A `setsockopt`, ns.
const SET_NS: u64 = 6_400;
/// A page that an echo server reads into for the first time: its first `recv` takes 20 to 24 us longer with 12 KiB, 26 to 30 with 16, 53 with 32.
const TOUCH_NS: u64 = 5_500;
/// What the first `send` takes longer than others of its kind.
const FIRST_SEND_NS: u64 = 34_000;
/// `getsockopt(TCP_INFO)`, until soft interrupts may run again, and from there to the first packet of a small `send`.
const ASK_NS: [u64; 2] = [13_800, 5_500];
/// From the time of a packet to the clock's reading in the interrupt of its timer, and from a tick to that.
const READS_CLOCK_NS: [u64; 2] = [1_000, 2_500];
/// By how much earlier than the ACK of a `recv` comes to the queue a packet comes due that is received in the call: its timer interrupts so
/// long behind its time. And by how much earlier than the return its interrupt comes: a return is recorded 2 to
/// 3 us behind the place where the socket is unlocked.
const IN_TIME_NS: [u64; 2] = [200, 2_700];
/// From an interrupt to the program whose sleep it ends, if the program goes before soft interrupts that were raised with it, and from the call that runs these to the
/// first segment. The first is 6.7 us on 6.12 and 8.1 on 6.18.
const ROUSE_FIRST_NS: [u64; 2] = [8_000, 17_500];
/// From the interrupt that ends a sleep to the program, thousandths of the cost of a segment.
const WAKE_PERMILLE: u64 = 210;
/// Reading the counters at the end, thousandths of the cost of a segment, for kernels whose own times are not known: half of the 700 to
/// 800 us from the mark END until the state is read, which are two readings.
const LOOK_PERMILLE: u64 = 15_500;
/// Getting the second or third page fragment of a connection: what a packet takes longer behind which one had to be got.
/// The first is part of [`FIRST_SEND_NS`].
const EARLY_FRAGMENT_NS: u64 = 34_300;
/// Getting a page fragment, thousandths of the cost of a segment: a `send` of 8 MiB takes 17.3 to 18.3 ms, of which
/// copying is half.
const FRAGMENT_PERMILLE: u64 = 1_300;
/// The cost of a segment on the recorded machine where the case has no burst to measure it in, ns.
const PACKET_COST_NS: u64 = 24_800;
/// Distances of segments outside this range are not those of a burst but of a writer or a slow link, ns.
const BURST_GAPS_NS: std::ops::RangeInclusive<u64> = 20_000..=30_000;
/// What a sleep can be too long by, ns; other distances of chunks are not those of single sleeps.
const OVERSLEEPS_NS: std::ops::RangeInclusive<u64> = 50_000..=60_000;
/// Events after which a run is given up.
const MAX_EVENTS: u64 = 20_000_000;

/// Which times of the recorded machine a run takes.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Times {
    /// Round proportions of the cost of a segment, the same for all kernels.
    Proportions,
    /// What each kernel took, measured, with sleeps that end as the kernel's do.
    #[default]
    Measured,
}

/// What surrounds the sockets.
struct Around {
    /// The cost of a segment, ns.
    packet_cost: u64,
    /// From the begin of the recording to the SYN, ns.
    since: u64,
    /// From the establishment of the connection to the mark START, less the sleep and its slack.
    start: SimDuration,
    /// From there to the first `send`.
    first_send: SimDuration,
    /// From the wake-up of a reader to its `recv`.
    entry: SimDuration,
    /// By how much every sleep is too long.
    late: SimDuration,
    /// Reading the counters for the first time, and again.
    looks: [SimDuration; 2],
    steps: StepShares,
    calls: CallConfig,
}

impl Around {
    fn proportions(rec: &Recording, options: &Options<'_>) -> Self {
        let gap = rec.summary.row_gap_ns.filter(|g| BURST_GAPS_NS.contains(g));
        let packet_cost = gap.unwrap_or(PACKET_COST_NS);
        Self {
            packet_cost,
            since: 0,
            start: SimDuration::from_nanos(PROGRAM_START_NS),
            first_send: SimDuration::from_nanos(packet_cost * FIRST_SEND_PERMILLE / 1_000),
            entry: SimDuration::ZERO,
            late: oversleep(rec, options, packet_cost),
            looks: [SimDuration::from_nanos(packet_cost * LOOK_PERMILLE / 1_000); 2],
            steps: StepShares::default(),
            calls: CallConfig::costing(SimDuration::from_nanos(CALL_COST_NS)),
        }
    }

    fn measured(rec: &Recording, options: &Options<'_>, waits: bool) -> Self {
        let machine = Machine::of(rec.version());
        let chunks = options.text("fill").starts_with("chunk:") && options.set("prefill").is_none();
        let first_send = if chunks { machine.first_round() } else { machine.first_call() };
        Self {
            packet_cost: machine.packet_cost().as_nanos(),
            since: rec.tx.first().map_or(SYN_NS, |syn| syn.time_ns),
            start: machine.start(),
            first_send,
            entry: machine.read_entry(),
            late: SimDuration::ZERO,
            looks: machine.looks(),
            steps: machine.steps(waits),
            calls: CallConfig {
                early_fragment: SimDuration::from_nanos(EARLY_FRAGMENT_NS),
                first_send: SimDuration::from_nanos(FIRST_SEND_NS),
                ask: SimDuration::from_nanos(ASK_NS[0]),
                enter: SimDuration::from_nanos(ASK_NS[1]),
                slack: SimDuration::from_nanos(TIMER_SLACK_NS),
                reads_clock: READS_CLOCK_NS.map(SimDuration::from_nanos),
                in_time: IN_TIME_NS.map(SimDuration::from_nanos),
                rouse_first: ROUSE_FIRST_NS.map(SimDuration::from_nanos),
                lead: first_send,
                touch: SimDuration::from_nanos(TOUCH_NS),
                ..machine.calls()
            },
        }
    }
}

/// Whether packets wait on a link.
fn waits(link: &LinkConfig) -> bool {
    link.delay > SimDuration::ZERO || link.rate_bps.is_some() || link.jitter.is_some() || link.queue.is_some()
}

/// Why a case is not a configuration of the engine.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum ConfigError {
    /// Its set-up could not be read.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// It is not a loop case.
    #[error("{0}: an injection case has no sender; it can only be replayed")]
    Injection(String),
    /// An option that the engine does not know.
    #[error("{case}: the engine has no {what}")]
    Unsupported {
        /// The case.
        case: String,
        /// What is missing.
        what: String,
    },
}

/// The traffic program's options.
struct Options<'a>(&'a BTreeMap<String, String>);

impl Options<'_> {
    fn number(&self, key: &str) -> i64 {
        self.0.get(key).and_then(|v| v.parse().ok()).unwrap_or(0)
    }

    fn text(&self, key: &str) -> &str {
        self.0.get(key).map_or("", String::as_str)
    }

    /// A positive number; options that are 0 are not set.
    fn set(&self, key: &str) -> Option<u32> {
        u32::try_from(self.number(key)).ok().filter(|&v| v > 0)
    }

    fn micros(&self, key: &str) -> SimDuration {
        SimDuration::from_micros(u64::from(self.set(key).unwrap_or(0)))
    }

    fn millis(&self, key: &str) -> SimDuration {
        SimDuration::from_millis(u64::from(self.set(key).unwrap_or(0)))
    }

    /// Bytes in all; negative is endless.
    fn total(&self) -> Option<u64> {
        u64::try_from(self.number("total")).ok()
    }
}

/// The configuration of a loop case.
///
/// # Errors
/// If the case is not a loop case, its set-up cannot be read, or it uses what the engine does not have.
pub fn run_config(rec: &Recording) -> Result<RunConfig, ConfigError> {
    run_config_with(rec, Times::default())
}

/// The configuration of a loop case, with these times of the recorded machine.
///
/// # Errors
/// As those of [`run_config`].
pub fn run_config_with(rec: &Recording, times: Times) -> Result<RunConfig, ConfigError> {
    if rec.kind == CaseKind::Injection {
        return Err(ConfigError::Injection(rec.case.clone()));
    }
    let setup = Setup::of(rec)?;
    let empty = BTreeMap::new();
    let options = Options(rec.summary.options.as_ref().unwrap_or(&empty));
    let (forward, reverse) = links(rec, &setup)?;
    let Around { packet_cost, since, start, first_send, entry, late, looks, steps, calls } = match times {
        Times::Proportions => Around::proportions(rec, &options),
        Times::Measured => Around::measured(rec, &options, waits(&forward) || waits(&reverse)),
    };
    let set =
        u64::try_from(ACCEPTED_OPTIONS.iter().filter(|o| options.set(o).is_some()).count()).unwrap_or(0);
    let start = match times {
        Times::Proportions => start,
        Times::Measured => start + SimDuration::from_nanos(SET_NS * set),
    };
    let start = options.millis("pre_ms") + SimDuration::from_nanos(TIMER_SLACK_NS) + start + first_send;
    let plain = rec.summary.setup.iter().any(|l| l.starts_with("ethtool") && l.contains("gso off"));
    let congestion = if setup.congestion == "reno" { Congestion::Reno } else { Congestion::Cubic };
    let offload = Offload { tso: !plain, gso: !plain, gro: !plain };
    let end = |sockopt, write, read| EndpointConfig {
        sysctl: setup.sysctl.clone(),
        sockopt,
        route: setup.route.clone(),
        offload,
        nic: NicModel::Loopback.into(),
        congestion,
        write,
        read,
    };
    let common = |maxseg: &str| SockOpts {
        maxseg: options.set(maxseg).map(|v| v.min(65_535) as u16),
        nodelay: options.number("nodelay") != 0,
        ..SockOpts::default()
    };
    let sender = SockOpts {
        sndbuf: options.set("sndbuf"),
        sndbuf_force: true,
        max_pacing_rate: options.set("maxpace").map(u64::from),
        ..common("cmss")
    };
    let receiver = SockOpts {
        rcvbuf: options.set("rcvbuf"),
        rcvbuf_force: true,
        rcvlowat: options.set("llowat"),
        window_clamp: options.set("lclamp"),
        ..common("smss")
    };
    let echo = options.number("echo") != 0;
    // The end of its time wakes the program as a time to read does.
    let leave = if options.text("drain").starts_with("fixed:") { entry } else { SimDuration::ZERO };
    let clock = &rec.summary.clock;
    Ok(RunConfig {
        kernel: setup.kernel,
        seed: 1,
        forward,
        reverse,
        sender: end(
            sender,
            writer(&options, start, late),
            if echo { ReadConfig::asap(ECHO_BUFFER) } else { ReadConfig::NEVER },
        ),
        receiver: end(
            receiver,
            WriteConfig::NEVER,
            reader(rec, &options, late, before(first_send, calls.lead), entry)?,
        ),
        flows: FlowsConfig::default(),
        host: HostConfig {
            skb: SkbLayout::default(),
            hz: if clock.hz == 0 { 250 } else { clock.hz.min(10_000) },
            since_tick: SimDuration::from_nanos(clock.jiffy0_time_ns.min(0).unsigned_abs() + since),
            jiffies: u64::from(clock.jiffies_at_t0),
            tcp_mem: [188_888, 251_851, 377_776],
            copy_rate: 0,
            packet_cost: SimDuration::from_nanos(packet_cost),
            steps,
            // The traffic program serves both sockets, and the recorded kernels were booted with `threadirqs`.
            calls: CallConfig {
                one_thread: true,
                threaded_softirqs: true,
                fragment: SimDuration::from_nanos(packet_cost * FRAGMENT_PERMILLE / 1_000),
                ..calls
            },
        },
        events: [outages(rec), accepted(&options, setup.delay)].concat(),
        stop: StopConfig {
            after: before(options.millis("dur_ms") + leave, first_send),
            bytes: options.total(),
            returned: options.total().filter(|_| echo),
            packets: None,
            max_events: MAX_EVENTS,
            closing: Some(ClosingConfig { oversleep: late.max(first_send), looks }),
        },
    })
}

/// By how much a sleep of the program is longer than it asked for: it sleeps in `ppoll` until its next action is
/// due, and the kernel lets it oversleep. Where a writer of chunks sets the distance of the segments, it was
/// measured.
fn oversleep(rec: &Recording, options: &Options<'_>, packet_cost: u64) -> SimDuration {
    let every = options.micros("chunk_us").as_nanos();
    let measured = rec
        .summary
        .row_gap_ns
        .filter(|_| options.text("fill").starts_with("chunk:"))
        .and_then(|gap| gap.checked_sub(every))
        .filter(|late| OVERSLEEPS_NS.contains(late));
    SimDuration::from_nanos(measured.unwrap_or(TIMER_SLACK_NS + packet_cost * WAKE_PERMILLE / 1_000))
}

/// The options that the program sets on the accepted socket, at a moment at which nothing else happens.
fn accepted(options: &Options<'_>, delay: SimDuration) -> Vec<TimedChange> {
    let at = delay + delay + delay + SimDuration::from_millis(10);
    [
        options.set("sclamp").map(LiveOption::WindowClamp),
        options.set("slowat").map(LiveOption::RcvLowat),
        options.set("srcvbuf").map(LiveOption::RcvBufForce),
    ]
    .into_iter()
    .flatten()
    .map(|o| TimedChange { at, change: Change::ReceiverOption(o) })
    .collect()
}

/// When the path goes down, and up again: a filter that drops what arrives, and a command behind a `sleep`.
fn outages(rec: &Recording) -> Vec<TimedChange> {
    let down = |at, down| TimedChange { at, change: Change::ForwardDown(down) };
    let words = words_of(&rec.summary.setup, "(busybox sleep ");
    let Some(sleep) = word_after::<String>(&words, "sleep") else { return Vec::new() };
    if words.contains(&"add") {
        // The sleep is not on the recording's clock: the path dies behind the last packet that arrived at either end.
        let arrived = rec.rows.iter().rev().find(|r| r.segment.is_some()).map_or(0, |r| r.time_ns);
        let advanced =
            rec.tx.windows(2).rev().find(|w| w[1].snd_una > w[0].snd_una).map_or(0, |w| w[1].time_ns);
        let at = SimDuration::from_nanos(arrived.max(advanced) + 1_000_000);
        return vec![down(at, true), TimedChange { at, change: Change::ReverseDown(true) }];
    }
    let seconds: f64 = sleep.trim_end_matches(';').parse().unwrap_or(0.0);
    let up = SimDuration::from_nanos((seconds.clamp(0.0, 1e6) * 1e9) as u64);
    vec![down(SimDuration::ZERO, true), down(up, false)]
}

fn writer(options: &Options<'_>, start: SimDuration, late: SimDuration) -> WriteConfig {
    let prefill = options.set("prefill").unwrap_or(0);
    let mut total = options.total();
    let mode = match options.text("fill").strip_prefix("chunk:") {
        None => WriteMode::Burst { call: SEND_CALL, retry: options.micros("wait_us") },
        Some(sizes) => WriteMode::Chunks {
            sizes: {
                let sizes: Vec<u32> = sizes.split(',').filter_map(|s| s.parse().ok()).collect();
                total = total.map(|total| whole_chunks(total, &sizes, prefill));
                sizes
            },
            every: options.micros("chunk_us") + late,
            in_flight: options.set("maxinflight").unwrap_or(0),
            prefill,
            receiver_quickack: options.number("setquickack") != 0,
        },
    };
    WriteConfig { total, start, ..WriteConfig::endless(mode) }
}

/// What the program has written when it stops: it writes whole chunks until `total` is reached.
fn whole_chunks(total: u64, sizes: &[u32], prefill: u32) -> u64 {
    if sizes.iter().all(|size| *size == 0) {
        return total;
    }
    let mut written = u64::from(prefill);
    let mut sizes = sizes.iter().cycle();
    while written < total {
        written += sizes.next().map_or(total, |size| u64::from(*size));
    }
    written
}

fn reader(
    rec: &Recording,
    options: &Options<'_>,
    late: SimDuration,
    first_send: SimDuration,
    entry: SimDuration,
) -> Result<ReadConfig, ConfigError> {
    let unsupported = |what: String| ConfigError::Unsupported { case: rec.case.clone(), what };
    let start = options.millis("drain_delay_ms");
    // A long sleep is too long by a thousandth, which the engine knows if it knows of slack at all.
    let part = if late > SimDuration::ZERO { start.as_nanos() / 1_000 } else { 0 };
    let late = late.max(SimDuration::from_nanos(part));
    let first = if start == SimDuration::ZERO { start } else { before(start + late, first_send) };
    let drain = options.text("drain");
    let mut parts = drain.split(':');
    let kind = parts.next().unwrap_or("");
    let mut number = || parts.next().and_then(|t| t.parse::<u32>().ok());
    match kind {
        "none" | "" => Ok(ReadConfig::NEVER),
        "fixed" => match (number(), number()) {
            (Some(bytes), Some(us)) => {
                // Its grid is that of the clock, so that it oversleeps by the same each time.
                let every = SimDuration::from_micros(u64::from(us));
                let start = before(start + late + entry, first_send);
                Ok(ReadConfig { start, ..ReadConfig::of(ReadMode::Fixed { bytes, every }) })
            }
            _ => Err(unsupported(format!("drain {drain}"))),
        },
        "fast" => number()
            .map(|buffer| match options.number("echo") {
                0 => ReadConfig { start: first, ..ReadConfig::asap(buffer) },
                _ => ReadConfig { start: first, ..ReadConfig::of(ReadMode::Echo { buffer }) },
            })
            .ok_or_else(|| unsupported(format!("drain {drain}"))),
        _ => Err(unsupported(format!("drain {drain}"))),
    }
}

/// `d` less `by`, or nothing.
fn before(d: SimDuration, by: SimDuration) -> SimDuration {
    SimDuration::from_nanos(d.as_nanos().saturating_sub(by.as_nanos()))
}
