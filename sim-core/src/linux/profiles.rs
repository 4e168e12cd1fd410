//! The five recorded kernels. Each later profile is written as what changed since the one before.

use super::{
    Autotune, CompSack, InOrderGate, IngestTest, KernelProfile, NapiHead, PayloadRatio, ReceiverRtt, Reclaim,
    RemeasuredClamp, SequenceCheck, SysctlDefaults, WindowClampRule,
};

/// Linux 5.10.223 (Debian, cloud flavour).
pub(super) static V5_10: KernelProfile = KernelProfile {
    name: "5.10",
    release: "5.10.223",
    max_tcp_header: 256,
    small_head: None,
    napi_head: NapiHead::Kmalloc,
    ratio: PayloadRatio::AdvWinScale,
    initial_window_64k: true,
    early_advmss_timestamps: false,
    min_advmss: 0,
    reclaim: Reclaim::Above2MiB,
    in_order_gate: InOrderGate::Silent,
    ingest: IngestTest::Overshoot,
    clamp_on_ingest: false,
    prune_fails_when_empty: false,
    sequence_check: SequenceCheck::Start,
    fin_passes_zero_window: false,
    prune_ofo_spares_older: false,
    ofo_measures_rcv_mss: false,
    drain_dsack_clipped: false,
    paws_ignores_old_acks: false,
    last_segment_drops: true,
    closing_accepts_old_acks: false,
    old_acks_note_timestamps: false,
    has_shrink_window: false,
    receiver_rtt: ReceiverRtt::Average,
    autotune: Autotune::PerMss,
    autotune_minus_queued: false,
    read_refreshes_clock: true,
    window_clamp: WindowClampRule::ClampOnly,
    rcvbuf_sets_clamp: false,
    backlog_ack_defer: false,
    delack_max_from_rto_min: false,
    ato_bounded: false,
    syn_linear_timeouts: 0,
    pingpong_counts: false,
    delack_flushes_compressed: false,
    compressed_refreshes_clock: false,
    comp_sack: CompSack::FivePercent,
    prediction_checks_old_ack: false,
    unsent_ack_challenged: false,
    cwr_acks_now: true,
    prediction_checks_window: false,
    idle_reclaims: true,
    grow_honours_pressure: false,
    accepts_zero_window_update: false,
    netem_limit_before_copies: false,
    softirqs_wait_for_thread: true,
    defaults: SysctlDefaults {
        tcp_rmem_max: 6_291_456,
        core_mem_max: 212_992,
        comp_sack_slack_ns: 100_000,
        limit_output_bytes: 1_048_576,
        boot_pages: 10_041,
        socket_size: 2_216,
        record_size: 248,
    },
};

/// Linux 6.1.187 (Debian, cloud flavour).
pub(super) static V6_1: KernelProfile = KernelProfile {
    name: "6.1",
    release: "6.1.187",
    netem_limit_before_copies: true,
    napi_head: NapiHead::PageFragment,
    early_advmss_timestamps: true,
    reclaim: Reclaim::Pages,
    drain_dsack_clipped: true,
    last_segment_drops: false,
    has_shrink_window: true,
    receiver_rtt: ReceiverRtt::MinSeeking,
    window_clamp: WindowClampRule::MovesSsthresh,
    delack_flushes_compressed: true,
    idle_reclaims: false,
    grow_honours_pressure: true,
    defaults: SysctlDefaults { boot_pages: 12_073, socket_size: 2_240, record_size: 272, ..V5_10.defaults },
    ..V5_10
};

/// Linux 6.12.107 (Debian, cloud flavour).
pub(super) static V6_12: KernelProfile = KernelProfile {
    name: "6.12",
    release: "6.12.107",
    softirqs_wait_for_thread: false,
    small_head: Some(640),
    ratio: PayloadRatio::Measured { initial: 128, clamp: RemeasuredClamp::Store },
    initial_window_64k: false,
    in_order_gate: InOrderGate::ZeroWindowAck { takes_fin: false },
    prune_ofo_spares_older: true,
    closing_accepts_old_acks: true,
    ofo_measures_rcv_mss: true,
    receiver_rtt: ReceiverRtt::MinSeekingNonZero,
    autotune: Autotune::Ratio,
    autotune_minus_queued: true,
    backlog_ack_defer: true,
    delack_max_from_rto_min: true,
    ato_bounded: true,
    syn_linear_timeouts: 4,
    pingpong_counts: true,
    accepts_zero_window_update: true,
    defaults: SysctlDefaults { boot_pages: 13_097, socket_size: 2_368, record_size: 256, ..V6_1.defaults },
    ..V6_1
};

/// Linux 6.18.15 (Debian, cloud flavour): still with the payload-sized ingest test of 6.18.0.
pub(super) static V6_18: KernelProfile = KernelProfile {
    name: "6.18",
    release: "6.18.15",
    napi_head: NapiHead::SmallCache,
    ratio: PayloadRatio::Measured { initial: 128, clamp: RemeasuredClamp::Procedure },
    in_order_gate: InOrderGate::ZeroWindowAck { takes_fin: true },
    ingest: IngestTest::Payload,
    paws_ignores_old_acks: true,
    cwr_acks_now: false,
    clamp_on_ingest: true,
    prune_fails_when_empty: true,
    sequence_check: SequenceCheck::End,
    fin_passes_zero_window: true,
    receiver_rtt: ReceiverRtt::MinSeekingIdle,
    autotune: Autotune::Growth,
    ato_bounded: false,
    compressed_refreshes_clock: true,
    prediction_checks_window: true,
    defaults: SysctlDefaults {
        tcp_rmem_max: 33_554_432,
        core_mem_max: 4_194_304,
        limit_output_bytes: 4_194_304,
        boot_pages: 14_161,
        socket_size: 2_304,
        record_size: 272,
        ..V6_12.defaults
    },
    ..V6_12
};

/// Linux 7.2.13 (Debian, cloud flavour).
pub(super) static V7_2: KernelProfile = KernelProfile {
    name: "7.2",
    release: "7.2.13",
    min_advmss: 88,
    ratio: PayloadRatio::Measured { initial: 128, clamp: RemeasuredClamp::Store },
    ingest: IngestTest::Overshoot,
    sequence_check: SequenceCheck::EndOfMaxWindow,
    autotune: Autotune::GrowthLowRtt,
    ato_bounded: true,
    read_refreshes_clock: false,
    prediction_checks_old_ack: true,
    unsent_ack_challenged: true,
    old_acks_note_timestamps: true,
    rcvbuf_sets_clamp: true,
    comp_sack: CompSack::Percent,
    defaults: SysctlDefaults {
        comp_sack_slack_ns: 10_000,
        boot_pages: 14_632,
        socket_size: 2_432,
        ..V6_18.defaults
    },
    ..V6_18
};

/// All profiles, oldest first.
pub static ALL: [&KernelProfile; 5] = [&V5_10, &V6_1, &V6_12, &V6_18, &V7_2];

/// Linux 6.18.y from about 10 March 2026 on (stable backport of 026dfef287c0): one segment of overshoot is allowed
/// again. Not recorded; the rest is the recorded 6.18.15.
static V6_18_INGEST_RELAXED: KernelProfile = KernelProfile {
    name: "6.18-ingest-relaxed",
    release: "later 6.18.y",
    ingest: IngestTest::Overshoot,
    ..V6_18
};

/// Linux 6.18 with the ingest test of 6.17.0 (1d2fbaad7cd8): a segment must fit with its whole truesize, even into an empty
/// queue. Not recorded; the kernel's history has the rule.
static V6_18_INGEST_TRUESIZE: KernelProfile = KernelProfile {
    name: "6.18-ingest-truesize",
    release: "6.18, ingest test of 6.17.0",
    ingest: IngestTest::Truesize,
    ..V6_18
};

/// Linux 6.1 with a first window of any size, as the patch published with "When the window is not fully open, your TCP
/// stack is doing more than you think" (2022) allows it, and as every kernel from 6.10 on has it. Not recorded; the
/// recorded 6.12 opens its window in this way.
static V6_1_INITRWND: KernelProfile =
    KernelProfile { name: "6.1-initrwnd", release: "6.1, patched", initial_window_64k: false, ..V6_1 };

/// Linux 6.18 with the autotuning of 6.16 and 6.17, before aa251c84636c: the budget is twice what was read, without a term
/// for growth, so that it lags behind a sender in slow start. Not recorded; a published trace of both has the figures.
static V6_18_PLAIN_DOUBLING: KernelProfile = KernelProfile {
    name: "6.18-plain-doubling",
    release: "6.18, autotuning of 6.17",
    autotune: Autotune::Doubled,
    ..V6_18
};

/// Profiles of kernels that were not recorded: a recorded one with one change.
pub static VARIANTS: [&KernelProfile; 4] =
    [&V6_1_INITRWND, &V6_18_INGEST_RELAXED, &V6_18_INGEST_TRUESIZE, &V6_18_PLAIN_DOUBLING];

/// The profile of this name, recorded or variant.
pub fn by_name(name: &str) -> Option<&'static KernelProfile> {
    ALL.into_iter().chain(VARIANTS).find(|k| k.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variant_is_its_series_with_one_change() {
        for v in VARIANTS {
            let base = by_name(v.series()).unwrap();
            assert!(v.is_variant() && !base.is_variant(), "{}", v.name);
            let mut copy = *v;
            copy.name = base.name;
            copy.release = base.release;
            copy.ingest = base.ingest;
            copy.initial_window_64k = base.initial_window_64k;
            copy.autotune = base.autotune;
            assert_eq!(copy, *base);
            let changed = |k: &KernelProfile| (k.ingest, k.initial_window_64k, k.autotune);
            assert_ne!(changed(v), changed(base));
        }
    }
}
