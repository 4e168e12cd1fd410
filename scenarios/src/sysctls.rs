//! The sysctls: names, ranges, where they are kept, and which kernels ignore them.

use sim_core::config::Sysctls;
use sim_core::linux::{Autotune, CompSack, KernelProfile, PayloadRatio};

use crate::kernel::resolve_kernel;
use crate::keys::{Key, Kind};

/// One sysctl.
#[derive(Clone, Copy)]
pub(crate) struct Sysctl {
    /// Full name, range and meaning. The default is the kernel's.
    pub(crate) key: Key,
    /// The value as it is written: one number, or three.
    pub(crate) get: fn(&Sysctls) -> [u64; 3],
    /// Stores a checked value.
    pub(crate) set: fn(&mut Sysctls, [u64; 3]),
    /// Why this kernel ignores it, if it does.
    pub(crate) ignored: fn(&KernelProfile) -> Option<&'static str>,
}

/// The sysctls that differ from `kernel`'s defaults and that it does not ignore: names and values, as a scenario has
/// them.
pub fn changed_sysctls(kernel: &KernelProfile, values: &Sysctls) -> Vec<(&'static str, String)> {
    let defaults = kernel.default_sysctls();
    let changed = |s: &&Sysctl| (s.ignored)(kernel).is_none() && (s.get)(values) != (s.get)(&defaults);
    SYSCTLS.iter().filter(changed).map(|s| (s.key.name, s.show(values))).collect()
}

/// Why a kernel ignores a sysctl; `None` if it does not, or if there is no such sysctl or kernel.
pub fn ignored_sysctl(name: &str, kernel: &str) -> Option<&'static str> {
    (find(name)?.ignored)(resolve_kernel(kernel).ok()?.profile)
}

/// The value `-1` in the `[u64; 3]` of a signed sysctl: two's complement of an `i64`.
const fn signed(v: i8) -> u64 {
    v as i64 as u64
}

fn always(_: &KernelProfile) -> Option<&'static str> {
    None
}

/// Whether a kernel's series is older than `major.minor`.
fn older(kernel: &KernelProfile, major: u32, minor: u32) -> bool {
    let mut parts = kernel.series().split('.').map(|p| p.parse::<u32>().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) < (major, minor)
}

macro_rules! sysctls {
    ($($name:literal $field:ident : $kind:tt $args:tt, $ignored:expr, $doc:literal;)*) => {
        /// All sysctls that the model knows.
        pub(crate) static SYSCTLS: &[Sysctl] = &[$(Sysctl {
            key: Key { name: $name, kind: sysctls!(@kind $kind $args), default: "", doc: $doc },
            get: |s| sysctls!(@get $kind s.$field),
            set: |s, v| s.$field = sysctls!(@set $kind v),
            ignored: $ignored,
        }),*];

        /// Fails to compile when a sysctl of the model has no name here.
        #[cfg(test)]
        fn every_field_is_named(s: Sysctls) {
            let Sysctls { $($field: _),* } = s;
        }
    };
    (@kind triple ($max:expr)) => { Kind::Triple { max: $max as u64, sizes: true } };
    (@kind bytes ($min:expr, $max:expr)) => { Kind::Size { min: $min, max: $max as u64, bare: true, unlimited: false } };
    (@kind count ($min:expr, $max:expr)) => { Kind::Count { min: $min, max: $max as u64 } };
    (@kind small ($min:expr, $max:expr)) => { Kind::Count { min: $min, max: $max as u64 } };
    (@kind signed ($min:expr, $max:expr)) => { Kind::Count { min: $min, max: $max as u64 } };
    (@kind switch ()) => { Kind::Switch };
    (@kind ns ($max:expr)) => { Kind::Time { min: 0, max: $max as u64, bare: Some(1) } };
    (@kind us ($max:expr)) => { Kind::Time { min: 0, max: $max as u64 * 1_000, bare: Some(1_000) } };
    (@kind ms ($max:expr)) => { Kind::Time { min: 0, max: $max as u64 * 1_000_000, bare: Some(1_000_000) } };
    (@kind secs ($max:expr)) => { Kind::Time { min: 0, max: $max as u64 * 1_000_000_000, bare: Some(1_000_000_000) } };
    (@get triple $e:expr) => { $e.map(u64::from) };
    (@get switch $e:expr) => { [u64::from($e), 0, 0] };
    (@get signed $e:expr) => { [signed($e), 0, 0] };
    (@get $other:tt $e:expr) => { [u64::from($e), 0, 0] };
    (@set triple $v:expr) => { $v.map(narrow) };
    (@set switch $v:expr) => { $v[0] != 0 };
    (@set signed $v:expr) => { i8::try_from($v[0] as i64).unwrap_or_default() };
    (@set small $v:expr) => { u8::try_from($v[0]).unwrap_or(u8::MAX) };
    (@set ns $v:expr) => { $v[0] };
    (@set $other:tt $v:expr) => { narrow($v[0]) };
}

/// A value whose range the key has checked.
fn narrow(v: u64) -> u32 {
    u32::try_from(v).unwrap_or(u32::MAX)
}

const INT: i32 = i32::MAX;
const LONG_NS: u64 = 3_600_000_000_000;

sysctls! {
    "net.ipv4.tcp_rmem" tcp_rmem: triple(INT), always, "Receive buffer: minimum, default, maximum for autotuning.";
    "net.ipv4.tcp_wmem" tcp_wmem: triple(INT), always, "Send buffer: minimum, default, maximum for autotuning.";
    "net.core.rmem_max" rmem_max: bytes(2304, INT), always, "Cap of SO_RCVBUF, before doubling.";
    "net.core.wmem_max" wmem_max: bytes(4608, INT), always, "Cap of SO_SNDBUF, before doubling.";
    "net.ipv4.tcp_adv_win_scale" tcp_adv_win_scale: signed(-31, 31),
        |k| matches!(k.ratio, PayloadRatio::Measured { .. })
            .then_some("from 6.6 on the window follows the measured scaling_ratio of each socket instead"),
        "Share of the free buffer that becomes window: 1 is a half, 2 three quarters, 0 all, -1 a half, -2 a quarter.";
    "net.ipv4.tcp_app_win" tcp_app_win: small(0, 31), always, "Share of the window kept for the application when a connection begins.";
    "net.ipv4.tcp_moderate_rcvbuf" tcp_moderate_rcvbuf: switch(), always, "Receive-buffer autotuning.";
    "net.ipv4.tcp_rcvbuf_low_rtt" tcp_rcvbuf_low_rtt: us(INT),
        |k| (k.autotune != Autotune::GrowthLowRtt).then_some("it exists from 6.19 on"),
        "RTT in us below which autotuning is damped.";
    "net.ipv4.tcp_shrink_window" tcp_shrink_window: switch(),
        |k| (!k.has_shrink_window).then_some("this kernel does not have it"),
        "The advertised window may shrink when memory runs out.";
    "net.ipv4.tcp_window_scaling" tcp_window_scaling: switch(), always, "Window scaling (RFC 7323).";
    "net.ipv4.tcp_timestamps" tcp_timestamps: switch(), always, "Timestamps (RFC 7323).";
    "net.ipv4.tcp_sack" tcp_sack: switch(), always, "Selective acknowledgements (RFC 2018).";
    "net.ipv4.tcp_dsack" tcp_dsack: switch(), always, "Duplicate SACKs (RFC 2883).";
    "net.ipv4.tcp_workaround_signed_windows" tcp_workaround_signed_windows: switch(), always,
        "Initial window of at most 32767 for peers that take windows for signed numbers.";
    "net.ipv4.tcp_comp_sack_delay_ns" tcp_comp_sack_delay_ns: ns(LONG_NS), always, "Longest delay of a compressed SACK ACK.";
    "net.ipv4.tcp_comp_sack_slack_ns" tcp_comp_sack_slack_ns: ns(LONG_NS), always, "Slack of that timer.";
    "net.ipv4.tcp_comp_sack_nr" tcp_comp_sack_nr: small(0, 255), always, "ACKs that may be compressed into one; 0 turns compression off.";
    "net.ipv4.tcp_comp_sack_rtt_percent" tcp_comp_sack_rtt_percent: count(1, 1000),
        |k| (k.comp_sack != CompSack::Percent).then_some("it exists from 6.19 on; before, 5 % of the RTT is built in"),
        "Delay of a compressed SACK ACK, per cent of the RTT.";
    "net.ipv4.tcp_backlog_ack_defer" tcp_backlog_ack_defer: switch(),
        |k| (!k.backlog_ack_defer).then_some("it exists from 6.7 on"),
        "ACKs wait until the backlog is drained.";
    "net.ipv4.tcp_pingpong_thresh" tcp_pingpong_thresh: small(1, 255),
        |k| (!k.pingpong_counts).then_some("it exists from 6.7 on; before, the first answer enters interactive mode"),
        "Answers after which a connection counts as interactive.";
    "net.ipv4.tcp_invalid_ratelimit" tcp_invalid_ratelimit: ms(3_600_000), always, "Smallest distance in ms of duplicate ACKs for invalid segments.";
    "net.ipv4.tcp_rto_min_us" tcp_rto_min_us: us(120_000_000),
        |k| older(k, 6, 11).then_some("it exists from 6.11 on; use route.rto_min"),
        "Smallest retransmission timeout in us.";
    "net.ipv4.tcp_rto_max_ms" tcp_rto_max_ms: ms(120_000),
        |k| older(k, 6, 15).then_some("it exists from 6.15 on; before, 120 s are built in"),
        "Largest retransmission timeout in ms.";
    "net.ipv4.tcp_limit_output_bytes" tcp_limit_output_bytes: bytes(1, INT), always, "Bytes of one socket that may wait in queue and device (TCP small queues).";
    "net.ipv4.tcp_notsent_lowat" tcp_notsent_lowat: bytes(0, u32::MAX), always, "Sockets are writable while less than this is unsent.";
    "net.ipv4.tcp_autocorking" tcp_autocorking: switch(), always, "Small writes wait while an earlier packet is still in the device queue.";
    "net.ipv4.tcp_min_tso_segs" tcp_min_tso_segs: count(1, 65535), always, "Fewest segments of a large packet.";
    "net.ipv4.tcp_tso_win_divisor" tcp_tso_win_divisor: count(0, 65535), always, "Share of the window that one large packet may take.";
    "net.ipv4.tcp_tso_rtt_log" tcp_tso_rtt_log: small(0, 255),
        |k| older(k, 5, 18).then_some("it exists from 5.18 on"),
        "RTT below which large packets grow, as a power of two of us.";
    "net.ipv4.tcp_slow_start_after_idle" tcp_slow_start_after_idle: switch(), always, "The congestion window shrinks after an idle period.";
    "net.ipv4.tcp_ecn" tcp_ecn: small(0, 2), always, "Explicit congestion notification (RFC 3168): 0 never, 1 asks for it, 2 agrees if the peer asks.";
    "net.ipv4.tcp_ecn_fallback" tcp_ecn_fallback: switch(), always, "A SYN that is sent again does not ask for ECN.";
    "net.ipv4.tcp_syn_retries" tcp_syn_retries: small(1, 127), always, "Timeouts after which `connect` is given up, beside the linear ones.";
    "net.ipv4.tcp_synack_retries" tcp_synack_retries: small(0, 255), always, "How often a SYN-ACK is sent again.";
    "net.ipv4.tcp_syn_linear_timeouts" tcp_syn_linear_timeouts: small(0, 127),
        |k| older(k, 6, 5).then_some("it exists from 6.5 on; before, the pause after a SYN doubles from the first one on"),
        "SYNs that are sent again at the same pace before the pause doubles.";
    "net.ipv4.tcp_retries2" tcp_retries2: small(0, 255), always, "Timeouts before a connection is given up.";
    "net.ipv4.tcp_retrans_collapse" tcp_retrans_collapse: switch(), always, "Small packets are joined when they are sent again.";
    "net.ipv4.tcp_early_retrans" tcp_early_retrans: small(0, 4), always, "3 or 4: tail loss probes.";
    "net.ipv4.tcp_recovery" tcp_recovery: small(0, 255), always, "Bit 0: RACK loss detection.";
    "net.ipv4.tcp_reordering" tcp_reordering: count(1, 65535), always, "Initial reordering degree in packets.";
    "net.ipv4.tcp_max_reordering" tcp_max_reordering: count(1, 65535), always, "Largest reordering degree in packets.";
    "net.ipv4.tcp_frto" tcp_frto: small(0, 2), always, "Detection of spurious timeouts (RFC 5682).";
    "net.ipv4.tcp_pacing_ss_ratio" tcp_pacing_ss_ratio: count(0, 1000), always, "Pacing rate in slow start, per cent of the current rate.";
    "net.ipv4.tcp_pacing_ca_ratio" tcp_pacing_ca_ratio: count(0, 1000), always, "Pacing rate in congestion avoidance, per cent of the current rate.";
    "net.ipv4.tcp_thin_linear_timeouts" tcp_thin_linear_timeouts: switch(), always, "The first six timeouts of a stream with fewer than four packets in flight do not double.";
    "net.ipv4.tcp_min_rtt_wlen" tcp_min_rtt_wlen: secs(86_400), always, "How long in s the smallest RTT counts.";
    "net.ipv4.tcp_max_orphans" tcp_max_orphans: count(0, INT), always, "Connections that no program holds any more; more are reset.";
    "net.ipv4.tcp_max_tw_buckets" tcp_max_tw_buckets: count(0, INT), always, "Connections in TIME-WAIT; more are ended at once.";
    "net.ipv4.tcp_fin_timeout" tcp_fin_timeout: secs(86_400), always, "How long in s a connection without a program waits for the peer's FIN.";
    "net.ipv4.tcp_orphan_retries" tcp_orphan_retries: small(0, 255), always, "Timeouts after which a connection without a program is given up; 0 stands for 8.";
}

/// The sysctl of this full name.
pub(crate) fn find(name: &str) -> Option<&'static Sysctl> {
    SYSCTLS.iter().find(|s| s.key.name == name)
}

/// All names.
pub(crate) fn names() -> impl Iterator<Item = &'static str> + Clone {
    SYSCTLS.iter().map(|s| s.key.name)
}

impl Sysctl {
    /// The value as the kernel prints it.
    pub(crate) fn show(&self, values: &Sysctls) -> String {
        let v = (self.get)(values);
        match self.key.kind {
            Kind::Triple { .. } => format!("{} {} {}", v[0], v[1], v[2]),
            _ => (v[0] as i64).to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sysctl_is_stored_where_it_is_read() {
        for k in sim_core::linux::ALL {
            let defaults = k.default_sysctls();
            every_field_is_named(defaults.clone());
            for s in SYSCTLS {
                let mut copy = defaults.clone();
                (s.set)(&mut copy, (s.get)(&defaults));
                assert_eq!(copy, defaults, "{}", s.key.name);
            }
        }
    }
}
