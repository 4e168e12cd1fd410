//! The resolved configuration of a run: typed, every default filled in. Bytes unless a type says otherwise.

mod link;
mod slab;
mod steps;

pub use link::{
    Chance, CodelConfig, Discipline, Distribution, FairQueue, Jitter, LinkConfig, Loss, Overhead,
    Probability, QueueConfig, QueueLimit, Reorder, Shaper, Tokens,
};
pub use slab::{CacheConfig, SlabConfig};
pub use steps::StepShares;
pub(crate) use steps::part_of;

pub use crate::app::{
    CallConfig, Ending, PlannedRead, ReadConfig, ReadMode, Stall, Work, WriteConfig, WriteMode,
};
use crate::linux::KernelProfile;
use crate::skb::SkbLayout;
use crate::time::SimDuration;

/// Everything the engine needs for one run.
#[derive(Clone, PartialEq, Debug)]
pub struct RunConfig {
    /// Kernel of both hosts.
    pub kernel: &'static KernelProfile,
    /// Seed of the random streams.
    pub seed: u64,
    /// From sender to receiver.
    pub forward: LinkConfig,
    /// From receiver to sender.
    pub reverse: LinkConfig,
    /// The host that writes.
    pub sender: EndpointConfig,
    /// The host that reads.
    pub receiver: EndpointConfig,
    /// The connections between them.
    pub flows: FlowsConfig,
    /// What both hosts have in common.
    pub host: HostConfig,
    /// Changes in the middle of the run, ordered by time.
    pub events: Vec<TimedChange>,
    /// When the run ends.
    pub stop: StopConfig,
}

impl RunConfig {
    /// The writing end of connection `flow`.
    pub fn sender_of(&self, flow: u32) -> &EndpointConfig {
        self.flows.group(flow).and_then(|(g, _)| g.sender.as_ref()).unwrap_or(&self.sender)
    }

    /// The reading end of connection `flow`.
    pub fn receiver_of(&self, flow: u32) -> &EndpointConfig {
        self.flows.group(flow).and_then(|(g, _)| g.receiver.as_ref()).unwrap_or(&self.receiver)
    }
}

/// The connections of a run. They share both hosts, the path, the devices and the processor.
#[derive(Clone, PartialEq, Debug)]
pub enum FlowsConfig {
    /// All alike.
    Alike {
        /// How many; 0 counts as 1.
        count: u32,
        /// They start one after the other, evenly over this time, the first one at the start of the run.
        spread: SimDuration,
    },
    /// Groups with settings of their own, numbered in order; without any, one connection.
    Groups(Vec<FlowGroup>),
}

impl Default for FlowsConfig {
    /// One connection.
    fn default() -> Self {
        Self::Alike { count: 1, spread: SimDuration::ZERO }
    }
}

impl FlowsConfig {
    /// How many connections, at least 1.
    pub fn count(&self) -> u32 {
        let n = match self {
            Self::Alike { count, .. } => *count,
            Self::Groups(groups) => groups.iter().fold(0, |n, g| g.count.saturating_add(n)),
        };
        n.max(1)
    }

    /// When connection `flow` sends its SYN.
    pub fn start(&self, flow: u32) -> SimDuration {
        match self {
            Self::Alike { count, spread } => share(*spread, flow, *count),
            Self::Groups(_) => self.group(flow).map_or(SimDuration::ZERO, |(g, nth)| {
                let later = share(g.spread, nth, g.count).as_nanos();
                SimDuration::from_nanos(g.start.as_nanos().saturating_add(later))
            }),
        }
    }

    /// The group of connection `flow`, and its number there.
    fn group(&self, flow: u32) -> Option<(&FlowGroup, u32)> {
        let Self::Groups(groups) = self else { return None };
        let mut nth = flow;
        for group in groups {
            match nth.checked_sub(group.count) {
                None => return Some((group, nth)),
                Some(rest) => nth = rest,
            }
        }
        None
    }
}

/// Where number `nth` of `count` stands in a span that they share evenly.
fn share(span: SimDuration, nth: u32, count: u32) -> SimDuration {
    let ns = u128::from(span.as_nanos()) * u128::from(nth) / u128::from(count.max(1));
    SimDuration::from_nanos(u64::try_from(ns).unwrap_or(u64::MAX))
}

/// Connections that are alike among themselves.
#[derive(Clone, PartialEq, Debug)]
pub struct FlowGroup {
    /// How many.
    pub count: u32,
    /// When the first one sends its SYN.
    pub start: SimDuration,
    /// The others follow one after the other, evenly over this time.
    pub spread: SimDuration,
    /// Their writing ends, if they differ from [`RunConfig::sender`]. Sysctls, the device and its offloads are the
    /// host's and the same for all.
    pub sender: Option<EndpointConfig>,
    /// Their reading ends, if they differ from [`RunConfig::receiver`].
    pub receiver: Option<EndpointConfig>,
}

impl Default for FlowGroup {
    /// One connection that starts at once and has nothing of its own.
    fn default() -> Self {
        Self { count: 1, start: SimDuration::ZERO, spread: SimDuration::ZERO, sender: None, receiver: None }
    }
}

/// One end of the connection.
#[derive(Clone, PartialEq, Debug)]
pub struct EndpointConfig {
    /// `net.ipv4.*` and `net.core.*`.
    pub sysctl: Sysctls,
    /// Socket options set before the connection is made.
    pub sockopt: SockOpts,
    /// Route attributes (`ip route`).
    pub route: Route,
    /// Segmentation offloads of the device.
    pub offload: Offload,
    /// How the device builds skbs.
    pub nic: NicConfig,
    /// Congestion control of data sent by this end.
    pub congestion: Congestion,
    /// What the application writes.
    pub write: WriteConfig,
    /// What the application reads.
    pub read: ReadConfig,
}

/// Sysctls that the model knows, by their kernel names. Defaults depend on the kernel:
/// [`KernelProfile::default_sysctls`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sysctls {
    /// `net.ipv4.tcp_rmem`: minimum, default, maximum.
    pub tcp_rmem: [u32; 3],
    /// `net.ipv4.tcp_wmem`: minimum, default, maximum.
    pub tcp_wmem: [u32; 3],
    /// `net.core.rmem_max`.
    pub rmem_max: u32,
    /// `net.core.wmem_max`.
    pub wmem_max: u32,
    /// `net.ipv4.tcp_adv_win_scale`, -31..=31 (no effect from 6.6 on).
    pub tcp_adv_win_scale: i8,
    /// `net.ipv4.tcp_app_win`.
    pub tcp_app_win: u8,
    /// `net.ipv4.tcp_moderate_rcvbuf`.
    pub tcp_moderate_rcvbuf: bool,
    /// `net.ipv4.tcp_rcvbuf_low_rtt`, microseconds (6.19 and later).
    pub tcp_rcvbuf_low_rtt: u32,
    /// `net.ipv4.tcp_shrink_window`.
    pub tcp_shrink_window: bool,
    /// `net.ipv4.tcp_window_scaling`.
    pub tcp_window_scaling: bool,
    /// `net.ipv4.tcp_timestamps` (0 or 1).
    pub tcp_timestamps: bool,
    /// `net.ipv4.tcp_sack`.
    pub tcp_sack: bool,
    /// `net.ipv4.tcp_dsack`.
    pub tcp_dsack: bool,
    /// `net.ipv4.tcp_workaround_signed_windows`.
    pub tcp_workaround_signed_windows: bool,
    /// `net.ipv4.tcp_comp_sack_delay_ns`.
    pub tcp_comp_sack_delay_ns: u64,
    /// `net.ipv4.tcp_comp_sack_slack_ns`.
    pub tcp_comp_sack_slack_ns: u64,
    /// `net.ipv4.tcp_comp_sack_nr`.
    pub tcp_comp_sack_nr: u8,
    /// `net.ipv4.tcp_comp_sack_rtt_percent` (6.19 and later).
    pub tcp_comp_sack_rtt_percent: u32,
    /// `net.ipv4.tcp_backlog_ack_defer` (6.7 and later).
    pub tcp_backlog_ack_defer: bool,
    /// `net.ipv4.tcp_pingpong_thresh` (6.7 and later).
    pub tcp_pingpong_thresh: u8,
    /// `net.ipv4.tcp_invalid_ratelimit`, milliseconds.
    pub tcp_invalid_ratelimit: u32,
    /// `net.ipv4.tcp_rto_min_us`, microseconds.
    pub tcp_rto_min_us: u32,
    /// `net.ipv4.tcp_rto_max_ms`, milliseconds.
    pub tcp_rto_max_ms: u32,
    /// `net.ipv4.tcp_limit_output_bytes`.
    pub tcp_limit_output_bytes: u32,
    /// `net.ipv4.tcp_notsent_lowat`.
    pub tcp_notsent_lowat: u32,
    /// `net.ipv4.tcp_autocorking`.
    pub tcp_autocorking: bool,
    /// `net.ipv4.tcp_min_tso_segs`.
    pub tcp_min_tso_segs: u32,
    /// `net.ipv4.tcp_tso_win_divisor`.
    pub tcp_tso_win_divisor: u32,
    /// `net.ipv4.tcp_tso_rtt_log` (5.18 and later).
    pub tcp_tso_rtt_log: u8,
    /// `net.ipv4.tcp_slow_start_after_idle`.
    pub tcp_slow_start_after_idle: bool,
    /// `net.ipv4.tcp_ecn`: 0 refuses ECN, 1 asks for it, 2 agrees if asked.
    pub tcp_ecn: u8,
    /// `net.ipv4.tcp_ecn_fallback`: a SYN that is sent again does not ask for ECN.
    pub tcp_ecn_fallback: bool,
    /// `net.ipv4.tcp_syn_retries`.
    pub tcp_syn_retries: u8,
    /// `net.ipv4.tcp_synack_retries`.
    pub tcp_synack_retries: u8,
    /// `net.ipv4.tcp_syn_linear_timeouts` (6.5 and later).
    pub tcp_syn_linear_timeouts: u8,
    /// `net.ipv4.tcp_retries2`.
    pub tcp_retries2: u8,
    /// `net.ipv4.tcp_thin_linear_timeouts`.
    pub tcp_thin_linear_timeouts: bool,
    /// `net.ipv4.tcp_min_rtt_wlen`, seconds.
    pub tcp_min_rtt_wlen: u32,
    /// `net.ipv4.tcp_retrans_collapse`.
    pub tcp_retrans_collapse: bool,
    /// `net.ipv4.tcp_early_retrans` (3 or 4: tail loss probes on).
    pub tcp_early_retrans: u8,
    /// `net.ipv4.tcp_recovery` (bit 0: RACK).
    pub tcp_recovery: u8,
    /// `net.ipv4.tcp_reordering`.
    pub tcp_reordering: u32,
    /// `net.ipv4.tcp_max_reordering`.
    pub tcp_max_reordering: u32,
    /// `net.ipv4.tcp_frto`.
    pub tcp_frto: u8,
    /// `net.ipv4.tcp_pacing_ss_ratio`, per cent.
    pub tcp_pacing_ss_ratio: u32,
    /// `net.ipv4.tcp_pacing_ca_ratio`, per cent.
    pub tcp_pacing_ca_ratio: u32,
    /// `net.ipv4.tcp_max_orphans`.
    pub tcp_max_orphans: u32,
    /// `net.ipv4.tcp_max_tw_buckets`.
    pub tcp_max_tw_buckets: u32,
    /// `net.ipv4.tcp_fin_timeout`, seconds.
    pub tcp_fin_timeout: u32,
    /// `net.ipv4.tcp_orphan_retries`; 0: 8.
    pub tcp_orphan_retries: u8,
}

/// Socket options set before `connect` or on the listener. `None`: not set.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct SockOpts {
    /// `SO_RCVBUF`, before doubling.
    pub rcvbuf: Option<u32>,
    /// Set the receive buffer with `SO_RCVBUFFORCE`: `rmem_max` does not cap it.
    pub rcvbuf_force: bool,
    /// `SO_SNDBUF`, before doubling.
    pub sndbuf: Option<u32>,
    /// Set the send buffer with `SO_SNDBUFFORCE`.
    pub sndbuf_force: bool,
    /// `SO_RCVLOWAT`.
    pub rcvlowat: Option<u32>,
    /// `TCP_MAXSEG`.
    pub maxseg: Option<u16>,
    /// `TCP_WINDOW_CLAMP`.
    pub window_clamp: Option<u32>,
    /// `TCP_NODELAY`.
    pub nodelay: bool,
    /// `TCP_CORK`.
    pub cork: bool,
    /// `TCP_QUICKACK` set when the connection is accepted.
    pub quickack: Option<u32>,
    /// `TCP_NOTSENT_LOWAT`.
    pub notsent_lowat: Option<u32>,
    /// `SO_LINGER` with a time of 0: `close` resets the connection.
    pub linger_zero: bool,
    /// `TCP_LINGER2`, seconds, in place of `tcp_fin_timeout`.
    pub linger2: Option<u32>,
    /// `TCP_SYNCNT`, in place of `tcp_syn_retries`.
    pub syn_count: Option<u8>,
    /// `SO_MAX_PACING_RATE`, bytes per second. Any value makes the socket pace itself (`SK_PACING_NEEDED`).
    pub max_pacing_rate: Option<u64>,
}

/// Route attributes.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Route {
    /// `initcwnd`, packets.
    pub initcwnd: Option<u32>,
    /// `initrwnd`, packets.
    pub initrwnd: Option<u32>,
    /// `quickack`.
    pub quickack: bool,
    /// `window`.
    pub window: Option<u32>,
    /// `rto_min`.
    pub rto_min: Option<SimDuration>,
    /// `advmss`.
    pub advmss: Option<u16>,
}

/// Offloads of the sending device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Offload {
    /// The device cuts large packets itself (`tso`).
    pub tso: bool,
    /// The stack cuts large packets just before the device (`gso`); without both, packets are cut on entry to
    /// the device queue.
    pub gso: bool,
    /// The receiver joins segments (`gro`).
    pub gro: bool,
}

/// A receiving device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NicConfig {
    /// What it is.
    pub model: NicModel,
    /// An XDP program is attached: heads have room for it in front, and need a page of their own.
    pub xdp: bool,
    /// Headers between Ethernet and the inner IP header: 4 for a VLAN tag, 50 for VXLAN.
    pub outer_headers: u32,
    /// Its receive ring; `None`: every frame is taken the moment it arrives. Devices that do not poll have none.
    pub ring: Option<RingConfig>,
}

/// A receive ring and its interrupt (`ethtool -G`, `ethtool -C`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RingConfig {
    /// Frames that it holds (`rx`), at least 1.
    pub ring: u32,
    /// From a frame to the interrupt (`rx-usecs`).
    pub rx_usecs: SimDuration,
    /// Frames that raise the interrupt at once (`rx-frames`); 0: only the time does.
    pub rx_frames: u32,
    /// Frames of one poll (`weight` of its NAPI context), at least 1.
    pub budget: u32,
}

impl From<NicModel> for NicConfig {
    /// A plain device: no XDP, no further headers.
    fn from(model: NicModel) -> Self {
        Self { model, xdp: false, outer_headers: 0, ring: None }
    }
}

/// How a device builds the skb of a received frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NicModel {
    /// The sender's own skb arrives (loopback, veth, containers).
    Loopback,
    /// A TUN device: one kmalloc head with headers and payload.
    Tun,
    /// A TAP device: a page-fragment head.
    Tap,
    /// `build_skb` around half a page (ixgbe, i40e, ice, igb).
    HalfPage,
    /// `build_skb` around a page (XDP enabled).
    Page,
    /// A copied header and a half-page fragment.
    HeaderCopyHalfPage,
    /// A copied header and a page fragment.
    HeaderCopyPage,
    /// A head and a 16 KiB buffer.
    Page16k,
    /// virtio-net, small buffers.
    Virtio,
    /// Explicit figures for every frame.
    Explicit {
        /// Usable head bytes; headers only when `fragment` is not 0.
        head: u32,
        /// Whether the head is a page fragment.
        head_frag: bool,
        /// Truesize of the fragment that holds the payload; 0 if the payload is in the head.
        fragment: u32,
    },
}

/// Congestion control.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Congestion {
    /// `reno`.
    Reno,
    /// `cubic`.
    Cubic,
}

/// What both hosts have in common.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostConfig {
    /// `CONFIG_HZ`.
    pub hz: u32,
    /// How long before the start of the run the last tick was.
    pub since_tick: SimDuration,
    /// Absolute `jiffies` at the start of the run, 32 bits as `/proc/timer_list` prints them or more. Timers that
    /// are far ahead fire at multiples of a power of two of this counter (see [`crate::timer_wheel`]).
    pub jiffies: u64,
    /// `net.ipv4.tcp_mem`, pages.
    pub tcp_mem: [u64; 3],
    /// Time that the stack needs to send or receive one packet; it spreads a burst over time.
    pub packet_cost: SimDuration,
    /// How that divides among the steps of the stack.
    pub steps: StepShares,
    /// What the programs' calls cost, and which thread makes them.
    pub calls: CallConfig,
    /// Sizes of skb structures.
    pub skb: SkbLayout,
    /// Bytes per second at which a collapse copies; 0: in no time.
    pub copy_rate: u64,
}

impl HostConfig {
    /// How long the machine has been up at the start of the run, microseconds. Jiffies begin five minutes before their 32-bit
    /// overflow (`INITIAL_JIFFIES`), and ticks fall on whole periods of the monotonic clock: the time since the last one counts too.
    pub fn uptime_us(&self) -> u64 {
        let initial = 0u32.wrapping_sub(300 * self.hz);
        let ticks = u64::from((self.jiffies as u32).wrapping_sub(initial));
        ticks * 1_000_000 / u64::from(self.hz) + self.since_tick.as_micros()
    }

    /// A machine on which nothing takes time and memory never ends, with `hz` ticks per second, the first of them now.
    pub fn without_costs(hz: u32) -> Self {
        Self {
            hz,
            since_tick: SimDuration::ZERO,
            jiffies: 0,
            tcp_mem: [u64::MAX; 3],
            packet_cost: SimDuration::ZERO,
            steps: StepShares::default(),
            calls: CallConfig::costing(SimDuration::ZERO),
            skb: SkbLayout::default(),
            copy_rate: 0,
        }
    }
}

/// A change in the middle of a run, as the call a program would make.
#[derive(Clone, PartialEq, Debug)]
pub struct TimedChange {
    /// When, counted from the start of the run.
    pub at: SimDuration,
    /// What.
    pub change: Change,
}

/// A call in the middle of a run.
#[derive(Clone, PartialEq, Debug)]
pub enum Change {
    /// Nobody does anything: the condition of both hosts is noted under this name.
    Snapshot(String),
    /// A socket option of the receiver.
    ReceiverOption(LiveOption),
    /// A socket option of the sender.
    SenderOption(LiveOption),
    /// The receiver reads.
    ReceiverRead(u32),
    /// The receiver closes its end, or its writing half.
    ReceiverEnding(Ending),
    /// The sender closes its end, or its writing half.
    SenderEnding(Ending),
    /// From now on nothing arrives at the receiver any more; `false`: packets get through again.
    ForwardDown(bool),
    /// The same for what the receiver sends.
    ReverseDown(bool),
}

/// A socket option that can be set on a live connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LiveOption {
    /// `SO_RCVBUF`, before doubling.
    RcvBuf(u32),
    /// `SO_RCVBUFFORCE`, before doubling.
    RcvBufForce(u32),
    /// `SO_SNDBUF`, before doubling.
    SndBuf(u32),
    /// `SO_RCVLOWAT`.
    RcvLowat(u32),
    /// `TCP_WINDOW_CLAMP`.
    WindowClamp(u32),
    /// `TCP_QUICKACK`.
    QuickAck(u32),
}

/// When a run ends. Every run is bounded: the first bound reached ends it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StopConfig {
    /// Simulated time, counted from the start of the writer; of several, of the first one.
    pub after: SimDuration,
    /// Bytes that the receiving application has read, of all connections together.
    pub bytes: Option<u64>,
    /// Bytes that the sending application has read back, of all connections together.
    pub returned: Option<u64>,
    /// Segments that reached the receiving socket, of all connections together.
    pub packets: Option<u64>,
    /// Events processed: a run that needs more is an error, not a result.
    pub max_events: u64,
    /// How a program ends that sleeps until then and looks at the counters; `None`: the run ends in the very moment.
    pub closing: Option<ClosingConfig>,
}

/// How a traffic program ends that sleeps until `StopConfig::after` and then reads the counters until two readings agree, and
/// the state of its socket behind that: the outcome is that of then, but for its time, which is that of the moment at which it begins to look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClosingConfig {
    /// By how much it oversleeps at least, where other sleeps end exactly ([`CallConfig::slack`]). It sleeps too long by a thousandth of the
    /// sleep (`select_estimate_accuracy`), at most 100 ms.
    pub oversleep: SimDuration,
    /// How long it looks for the first time, and each further time.
    pub looks: [SimDuration; 2],
}
