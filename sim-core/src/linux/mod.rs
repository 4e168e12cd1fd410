//! What differs between kernels: one profile each, data and a few policies with a name.
//!
//! A behaviour that changed between versions is a field here, and the code that needs it matches on the field;
//! nothing else in the crate asks for a version.

mod names;
mod profiles;
mod sysctl;

pub use names::{ALIASES, Alias};
pub use profiles::{ALL, VARIANTS, by_name};

use crate::config::Sysctls;

/// One kernel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KernelProfile {
    /// Short name, as `kernel:` takes it.
    pub name: &'static str,
    /// The release that was recorded.
    pub release: &'static str,
    /// `MAX_TCP_HEADER` of its configuration, bytes.
    pub max_tcp_header: u32,
    /// Size of the dedicated cache for small skb heads (6.3 and later).
    pub small_head: Option<u32>,
    /// Where a driver's small heads come from.
    pub napi_head: NapiHead,
    /// How free memory becomes window.
    pub ratio: PayloadRatio,
    /// Whether the initial window is at most 65535 (until 378979e94e95, 6.10).
    pub initial_window_64k: bool,
    /// Whether the passive side subtracts the timestamp option from `advmss` before the first buffer
    /// computation.
    pub early_advmss_timestamps: bool,
    /// The smallest MSS that a route can advertise, bytes (recorded; 7.2 takes what `TCP_MAXSEG` does, the others anything).
    pub min_advmss: u32,
    /// When forward-allocated memory goes back.
    pub reclaim: Reclaim,
    /// What happens to in-order data without memory.
    pub in_order_gate: InOrderGate,
    /// Which test says that a segment may be queued.
    pub ingest: IngestTest,
    /// Whether `tcp_clamp_window` is entered when the ingest test fails (6.17 and later) rather than when
    /// `rmem >= rcvbuf`.
    pub clamp_on_ingest: bool,
    /// Whether prune gives up at once when nothing is charged (7.x).
    pub prune_fails_when_empty: bool,
    /// Which sequence numbers are acceptable.
    pub sequence_check: SequenceCheck,
    /// Whether a bare FIN passes a zero window (6.15 and later).
    pub fin_passes_zero_window: bool,
    /// Whether pruning the out-of-order queue spares data below the incoming segment (6.2 and later).
    pub prune_ofo_spares_older: bool,
    /// Whether out-of-order segments are measured for `rcv_mss` and the payload ratio.
    pub ofo_measures_rcv_mss: bool,
    /// Whether a DSACK for a queued skb that the drain finds old ends where that skb ends.
    pub drain_dsack_clipped: bool,
    /// Whether pure ACKs with an old timestamp and an old sequence number are dropped without an answer (6.18 and later).
    pub paws_ignores_old_acks: bool,
    /// Whether the segment that ends a connection, a reset or the last ACK, counts as dropped (5.10).
    pub last_segment_drops: bool,
    /// Whether a connection that is closing takes a segment whose ACK is old (6.8 and later).
    pub closing_accepts_old_acks: bool,
    /// Whether a segment in the window whose ACK is old has its timestamp noted (`ts_recent`; 7.2, not 6.18).
    pub old_acks_note_timestamps: bool,
    /// Whether `tcp_shrink_window` exists.
    pub has_shrink_window: bool,
    /// The receiver-side RTT estimator.
    pub receiver_rtt: ReceiverRtt,
    /// The autotuning formula.
    pub autotune: Autotune,
    /// Whether data still queued is subtracted from what was copied (6.16, 6.12.107).
    pub autotune_minus_queued: bool,
    /// Whether a read refreshes the socket's clock (until about 7.0).
    pub read_refreshes_clock: bool,
    /// How `TCP_WINDOW_CLAMP` acts on `rcv_ssthresh`.
    pub window_clamp: WindowClampRule,
    /// Whether `SO_RCVBUF` runs the `TCP_WINDOW_CLAMP` procedure (7.x).
    pub rcvbuf_sets_clamp: bool,
    /// Whether ACKs are deferred while the backlog is drained (6.7 and later).
    pub backlog_ack_defer: bool,
    /// Whether the delayed-ACK maximum follows `rto_min` (6.7 and later).
    pub delack_max_from_rto_min: bool,
    /// Whether `ato` grows no further than the delayed-ACK maximum (6.12.107 and 7.2.13 have it, 6.18.15 has not).
    pub ato_bounded: bool,
    /// SYNs that are repeated at the same pace before it is halved (`tcp_syn_linear_timeouts`, 6.5 and later).
    pub syn_linear_timeouts: u8,
    /// Whether sending data counts towards interactive mode instead of entering it at once (6.7 and later).
    pub pingpong_counts: bool,
    /// Whether the delayed-ACK timer flushes compressed ACKs.
    pub delack_flushes_compressed: bool,
    /// Whether the timer of compressed ACKs refreshes the socket's clock, so that its ACK has a timestamp of its own (recorded: from
    /// 6.18 on; before, that of the last segment).
    pub compressed_refreshes_clock: bool,
    /// How long SACK ACKs are held back.
    pub comp_sack: CompSack,
    /// Whether header prediction requires `snd_una <= ack` (7.x; recorded).
    pub prediction_checks_old_ack: bool,
    /// Whether an ACK for what was never sent is asked about (7.x).
    pub unsent_ack_challenged: bool,
    /// Whether data with CWR is acknowledged at once although ECN was not agreed upon (until 6.12 at least).
    pub cwr_acks_now: bool,
    /// Whether header prediction refuses data beyond the window (6.17 and later).
    pub prediction_checks_window: bool,
    /// Whether an idle gap longer than RTO also returns memory (5.10).
    pub idle_reclaims: bool,
    /// Whether `rcv_ssthresh` is lowered under memory pressure when it would grow (not 5.10).
    pub grow_honours_pressure: bool,
    /// Whether a same-sequence zero window is accepted from the peer (6.6 and later).
    pub accepts_zero_window_update: bool,
    /// Whether soft interrupts for which their thread was woken are left to it, so that they do not run in the middle
    /// of a program's call (4cd13c21b207, 4.9; taken back by d15121be7485, 6.5).
    pub softirqs_wait_for_thread: bool,
    /// Whether netem looks at its limit before it duplicates a packet, so that one more than the limit can be in it (recorded:
    /// not 5.10).
    pub netem_limit_before_copies: bool,
    /// Defaults of this kernel's sysctls that differ between versions.
    pub defaults: SysctlDefaults,
}

/// How free memory is converted to window.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PayloadRatio {
    /// `tcp_adv_win_scale`, for all sockets alike (until 6.5).
    AdvWinScale,
    /// `tp->scaling_ratio`, measured per socket (dfa2f0483360, 6.6).
    Measured {
        /// The ratio of a new socket, of 256.
        initial: u8,
        /// What a new measurement does to `window_clamp`.
        clamp: RemeasuredClamp,
    },
}

/// What a new `scaling_ratio` does to `window_clamp`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RemeasuredClamp {
    /// Stores the window of the whole budget (05f76b2d634e, 6.11), and bounds the autotuning reference
    /// (f5da7c45188e, 6.15 and stables).
    Store,
    /// The same through the `TCP_WINDOW_CLAMP` procedure, which moves `rcv_ssthresh` too (6.15 to 6.18).
    Procedure,
}

/// When forward-allocated memory is returned to the host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reclaim {
    /// 1 MiB at a time once 2 MiB have gathered (until 5.19).
    Above2MiB,
    /// Whole pages at every release (4890b686f408, 6.0).
    Pages,
}

/// What happens to an in-order segment for which there is no memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InOrderGate {
    /// An empty queue takes it unconditionally; otherwise it is dropped silently (until 6.5).
    Silent,
    /// The peer is told at once with a zero window; an empty queue takes it (e2142825c120, 6.6).
    ZeroWindowAck {
        /// Whether a bare FIN is taken as well (6.15).
        takes_fin: bool,
    },
}

/// The test whether a segment may be added (`tcp_can_ingest` and its forerunners).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IngestTest {
    /// `rmem <= rcvbuf`: one segment of overshoot.
    Overshoot,
    /// `rmem + len <= rcvbuf` (6.18.0 to early 2026).
    Payload,
    /// `rmem + truesize <= rcvbuf` (6.17.0).
    Truesize,
}

/// Which segments `tcp_sequence` accepts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SequenceCheck {
    /// The segment must start inside the window (until 6.16).
    Start,
    /// It must also end inside it, unless the receive queue is empty (9ca48d616ed7, 6.17).
    End,
    /// The same against the largest right edge ever advertised, and a FIN may stick out (7.x).
    EndOfMaxWindow,
}

/// Where `napi_alloc_skb` takes small heads from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NapiHead {
    /// `kmalloc` (5.10).
    Kmalloc,
    /// Fragments of 1 KiB of a page (6.1 to 6.13).
    PageFragment,
    /// The cache of small heads, for what fits there (6.14 and later).
    SmallCache,
}

/// How receiver-side RTT samples are combined.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReceiverRtt {
    /// Moving average, 1 ms floor (5.10).
    Average,
    /// A new minimum is taken at once; timestamps have a 1 ms floor (6.1.y).
    MinSeeking,
    /// A new minimum is taken at once; a timestamp sample of 0 is discarded (6.12.107).
    MinSeekingNonZero,
    /// The same, and timestamp samples are ignored while data is queued (6.16 and later).
    MinSeekingIdle,
}

/// The autotuning formula.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Autotune {
    /// Two windows plus 16 MSS plus growth, priced per MSS-sized skb (until 6.5).
    PerMss,
    /// The same amount, priced by the payload ratio (6.6 to 6.15).
    Ratio,
    /// Two windows plus the out-of-order span, without growth (65c5287892e9, 6.16 and 6.17).
    Doubled,
    /// Two windows plus growth plus the out-of-order span (aa251c84636c, 6.18).
    Growth,
    /// The same, damped at low RTT (6.19).
    GrowthLowRtt,
}

/// What `TCP_WINDOW_CLAMP` does to `rcv_ssthresh`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WindowClampRule {
    /// Nothing (5.10).
    ClampOnly,
    /// Lowers it with the clamp, raises it to at most the promised window.
    MovesSsthresh,
}

/// The delay of compressed SACK ACKs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CompSack {
    /// 5 % of the RTT, at most the sysctl.
    FivePercent,
    /// `tcp_comp_sack_rtt_percent` of 1.25 RTT, at most the sysctl (6.19).
    Percent,
}

/// Sysctl defaults that changed between versions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SysctlDefaults {
    /// `tcp_rmem[2]`, bytes.
    pub tcp_rmem_max: u32,
    /// `rmem_max` and `wmem_max`, bytes.
    pub core_mem_max: u32,
    /// `tcp_comp_sack_slack_ns`.
    pub comp_sack_slack_ns: u64,
    /// `tcp_limit_output_bytes`.
    pub limit_output_bytes: u32,
    /// Pages that the kernel's image, its first tables and the initial RAM disk held when TCP was initialised, on the
    /// recorded machine (one processor, Debian's cloud flavour).
    pub boot_pages: u64,
    /// Size of a TCP socket (`struct tcp_sock`, the size column of `/proc/net/protocols`), bytes.
    pub socket_size: u32,
    /// What a record of an ended connection takes (`tw_sock_TCP` in `/proc/slabinfo`), bytes.
    pub record_size: u32,
}

impl KernelProfile {
    /// All sysctls at this kernel's defaults.
    pub fn default_sysctls(&self) -> Sysctls {
        sysctl::defaults(self)
    }

    /// Pages of socket memory that a processor may take or give back before the common counter hears of it
    /// (`SK_MEMORY_PCPU_RESERVE`, 3cd3399dd7a8, 6.0).
    pub fn mem_pcpu_reserve(&self) -> i64 {
        match self.reclaim {
            Reclaim::Above2MiB => 0,
            Reclaim::Pages => crate::host::MEM_PCPU_RESERVE,
        }
    }

    /// The series that the profile belongs to: its name without what makes it a variant.
    pub fn series(&self) -> &'static str {
        self.name.split_once('-').map_or(self.name, |(series, _)| series)
    }

    /// Whether the profile describes a kernel that was not recorded: a recorded one with one change.
    pub fn is_variant(&self) -> bool {
        self.series() != self.name
    }

    /// Whether the largest window edge ever offered is remembered (`rcv_mwnd_seq`).
    pub fn tracks_max_window(&self) -> bool {
        self.sequence_check == SequenceCheck::EndOfMaxWindow
    }

    /// Whether out-of-order arrivals enlarge the budget (6.16 and later).
    pub fn autotunes_on_ofo(&self) -> bool {
        matches!(self.autotune, Autotune::Doubled | Autotune::Growth | Autotune::GrowthLowRtt)
    }

    /// Truesize of a local sender's skb without payload (a head of `MAX_TCP_HEADER`).
    pub fn sender_head(&self, layout: crate::skb::SkbLayout) -> crate::skb::alloc::Head {
        layout.kmalloc_head(self.max_tcp_header, self.small_head)
    }
}
