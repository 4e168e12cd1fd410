//! Defaults of the sysctls.

use super::KernelProfile;
use crate::config::Sysctls;

/// `kernel`'s defaults (`Documentation/networking/ip-sysctl.rst` and the recordings).
pub(super) fn defaults(kernel: &KernelProfile) -> Sysctls {
    let d = &kernel.defaults;
    Sysctls {
        tcp_rmem: [4096, 131_072, d.tcp_rmem_max],
        tcp_wmem: [4096, 16_384, 4_194_304],
        rmem_max: d.core_mem_max,
        wmem_max: d.core_mem_max,
        tcp_adv_win_scale: 1,
        tcp_app_win: 31,
        tcp_moderate_rcvbuf: true,
        tcp_rcvbuf_low_rtt: 1_000,
        tcp_shrink_window: false,
        tcp_window_scaling: true,
        tcp_timestamps: true,
        tcp_sack: true,
        tcp_dsack: true,
        tcp_workaround_signed_windows: false,
        tcp_comp_sack_delay_ns: 1_000_000,
        tcp_comp_sack_slack_ns: d.comp_sack_slack_ns,
        tcp_comp_sack_nr: 44,
        tcp_comp_sack_rtt_percent: 33,
        tcp_backlog_ack_defer: true,
        tcp_pingpong_thresh: 1,
        tcp_invalid_ratelimit: 500,
        tcp_rto_min_us: 200_000,
        tcp_rto_max_ms: 120_000,
        tcp_limit_output_bytes: d.limit_output_bytes,
        tcp_notsent_lowat: u32::MAX,
        tcp_autocorking: true,
        tcp_min_tso_segs: 2,
        tcp_tso_win_divisor: 3,
        tcp_tso_rtt_log: 9,
        tcp_slow_start_after_idle: true,
        tcp_ecn: 2,
        tcp_ecn_fallback: true,
        tcp_syn_retries: 6,
        tcp_synack_retries: 5,
        tcp_syn_linear_timeouts: kernel.syn_linear_timeouts,
        tcp_retries2: 15,
        tcp_thin_linear_timeouts: false,
        tcp_min_rtt_wlen: 300,
        tcp_retrans_collapse: true,
        tcp_early_retrans: 3,
        tcp_recovery: 1,
        tcp_reordering: 3,
        tcp_max_reordering: 300,
        tcp_frto: 2,
        tcp_pacing_ss_ratio: 200,
        tcp_pacing_ca_ratio: 120,
        // Of a machine with 16 GiB, as `tcp_mem` is by default.
        tcp_max_orphans: 65_536,
        tcp_max_tw_buckets: 65_536,
        tcp_fin_timeout: 60,
        tcp_orphan_retries: 0,
    }
}
