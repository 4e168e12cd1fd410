//! The kernels side by side: every difference between the profiles, from the profiles themselves.

use sim_core::linux::{
    ALL, Autotune, CompSack, InOrderGate, IngestTest, KernelProfile, NapiHead, PayloadRatio, ReceiverRtt,
    Reclaim, RemeasuredClamp, SequenceCheck, SysctlDefaults, WindowClampRule,
};

use crate::terminal;

/// A table of what differs, one column per kernel, and which names mean which kernel.
pub(super) fn text() -> String {
    let mut head = vec![""];
    head.extend(ALL.iter().map(|k| k.name));
    let mut table = terminal::table(&head);
    let columns: Vec<Vec<(&'static str, String)>> = ALL.iter().map(|k| properties(k)).collect();
    let mut same = 0;
    for (at, (label, first)) in columns[0].iter().enumerate() {
        let values: Vec<&str> = columns.iter().map(|c| c[at].1.as_str()).collect();
        if values.iter().all(|v| v == first) {
            same += 1;
            continue;
        }
        table.add_row(std::iter::once(*label).chain(values));
    }
    let mut text = terminal::table_text(&table);
    if same > 0 {
        text.push_str(&format!("\n{} the same on all kernels.\n", terminal::count(same, "property") + " is"));
    }
    text.push_str(
        "\nA kernel is named by its series (6.1), its release (6.1.55) or its `uname -r` (6.1.0-53-cloud-amd64). A release\n\
         that was not recorded is taken to behave like the recorded one of its series, and the summary says so.\n",
    );
    text.push_str("\nVariants, each a recorded kernel with one change, not recorded themselves:\n");
    for v in sim_core::linux::VARIANTS {
        text.push_str(&format!("  {}: {}\n", v.name, changes(v)));
    }
    text.push_str("Aliases:\n");
    for a in &sim_core::linux::ALIASES {
        text.push_str(&format!("  {}: as {} ({})\n", a.series, a.stands_for_it, a.why));
    }
    text
}

/// In what a variant differs from the recorded kernel of its series.
fn changes(variant: &KernelProfile) -> String {
    let Some(base) = sim_core::linux::by_name(variant.series()) else { return String::new() };
    let pairs = properties(variant).into_iter().zip(properties(base));
    let changed: Vec<String> = pairs
        .filter(|((label, v), (_, b))| v != b && *label != "recorded release")
        .map(|((label, v), (_, b))| format!("{label} {v} instead of {b}"))
        .collect();
    changed.join("; ")
}

/// Every property of a profile. The patterns name all fields, so that a new one cannot be forgotten here.
fn properties(k: &KernelProfile) -> Vec<(&'static str, String)> {
    let KernelProfile {
        name: _,
        release,
        max_tcp_header,
        small_head,
        napi_head,
        ratio,
        initial_window_64k,
        early_advmss_timestamps,
        reclaim,
        in_order_gate,
        ingest,
        clamp_on_ingest,
        prune_fails_when_empty,
        sequence_check,
        fin_passes_zero_window,
        prune_ofo_spares_older,
        ofo_measures_rcv_mss,
        drain_dsack_clipped,
        paws_ignores_old_acks,
        has_shrink_window,
        receiver_rtt,
        autotune,
        autotune_minus_queued,
        read_refreshes_clock,
        window_clamp,
        rcvbuf_sets_clamp,
        backlog_ack_defer,
        delack_max_from_rto_min,
        ato_bounded,
        pingpong_counts,
        delack_flushes_compressed,
        comp_sack,
        prediction_checks_old_ack,
        prediction_checks_window,
        idle_reclaims,
        grow_honours_pressure,
        accepts_zero_window_update,
        defaults,
    } = *k;
    let SysctlDefaults { tcp_rmem_max, core_mem_max, comp_sack_slack_ns, limit_output_bytes } = defaults;
    let (price, initial, remeasured) = match ratio {
        PayloadRatio::AdvWinScale => ("tcp_adv_win_scale", "-".to_owned(), "-".to_owned()),
        PayloadRatio::Measured { initial, clamp } => {
            ("scaling_ratio", format!("{initial}/256"), remeasured(clamp).to_owned())
        }
    };
    vec![
        ("recorded release", release.to_owned()),
        ("bytes reserved for headers (MAX_TCP_HEADER)", max_tcp_header.to_string()),
        ("cache of small skb heads, bytes", small_head.map_or_else(|| "-".to_owned(), |n| n.to_string())),
        ("small heads of drivers", napi_head_text(napi_head).to_owned()),
        ("memory becomes window by", price.to_owned()),
        ("scaling_ratio of a new socket", initial),
        ("a new scaling_ratio and window_clamp", remeasured),
        ("first window at most 65535", yes(initial_window_64k)),
        ("advmss without timestamp option from the start", yes(early_advmss_timestamps)),
        ("forward-allocated memory goes back", reclaimed(reclaim).to_owned()),
        ("idle longer than RTO gives memory back", yes(idle_reclaims)),
        ("in-order data without memory", without_memory(in_order_gate).to_owned()),
        ("a segment may be queued while (skmem)", ingest_test(ingest).to_owned()),
        ("tcp_clamp_window when a segment has no room", yes(clamp_on_ingest)),
        ("prune gives up when nothing is charged", yes(prune_fails_when_empty)),
        ("prune of out-of-order data spares older data", yes(prune_ofo_spares_older)),
        ("sequence check covers", sequence(sequence_check).to_owned()),
        ("bare FIN passes a zero window", yes(fin_passes_zero_window)),
        ("header prediction checks for old ACKs", yes(prediction_checks_old_ack)),
        ("header prediction checks the window", yes(prediction_checks_window)),
        ("out-of-order segments are measured (rcv_mss)", yes(ofo_measures_rcv_mss)),
        ("DSACK for drained data ends with its skb", yes(drain_dsack_clipped)),
        ("old pure ACKs with old timestamps are not answered", yes(paws_ignores_old_acks)),
        ("tcp_shrink_window exists", yes(has_shrink_window)),
        ("receiver RTT estimate", rtt(receiver_rtt).to_owned()),
        ("autotuning formula", formula(autotune).to_owned()),
        ("autotuning subtracts what is still queued", yes(autotune_minus_queued)),
        ("rcv_ssthresh is lowered under memory pressure", yes(grow_honours_pressure)),
        ("a read refreshes the socket's clock", yes(read_refreshes_clock)),
        ("TCP_WINDOW_CLAMP and rcv_ssthresh", clamp_rule(window_clamp).to_owned()),
        ("SO_RCVBUF acts on window_clamp", yes(rcvbuf_sets_clamp)),
        ("ACKs wait until the backlog is drained", yes(backlog_ack_defer)),
        ("longest delayed ACK follows rto_min", yes(delack_max_from_rto_min)),
        ("ato is bounded by it", yes(ato_bounded)),
        ("interactive mode needs several turns", yes(pingpong_counts)),
        ("delayed-ACK timer flushes compressed ACKs", yes(delack_flushes_compressed)),
        ("delay of compressed SACKs", compressed(comp_sack).to_owned()),
        ("zero window at the same sequence is accepted", yes(accepts_zero_window_update)),
        ("tcp_rmem[2]", tcp_rmem_max.to_string()),
        ("rmem_max, wmem_max", core_mem_max.to_string()),
        ("tcp_comp_sack_slack_ns", comp_sack_slack_ns.to_string()),
        ("tcp_limit_output_bytes", limit_output_bytes.to_string()),
    ]
}

fn yes(on: bool) -> String {
    if on { "yes" } else { "no" }.to_owned()
}

const fn remeasured(c: RemeasuredClamp) -> &'static str {
    match c {
        RemeasuredClamp::Store => "sets it",
        RemeasuredClamp::Procedure => "as TCP_WINDOW_CLAMP",
    }
}

const fn reclaimed(r: Reclaim) -> &'static str {
    match r {
        Reclaim::Above2MiB => "above 2 MiB",
        Reclaim::Pages => "by pages",
    }
}

const fn without_memory(g: InOrderGate) -> &'static str {
    match g {
        InOrderGate::Silent => "dropped",
        InOrderGate::ZeroWindowAck { takes_fin: false } => "dropped, window 0",
        InOrderGate::ZeroWindowAck { takes_fin: true } => "same, FIN taken",
    }
}

const fn ingest_test(t: IngestTest) -> &'static str {
    match t {
        IngestTest::Overshoot => "r <= rb",
        IngestTest::Payload => "r + len <= rb",
        IngestTest::Truesize => "r + truesize <= rb",
    }
}

const fn sequence(c: SequenceCheck) -> &'static str {
    match c {
        SequenceCheck::Start => "start",
        SequenceCheck::End => "start and end",
        SequenceCheck::EndOfMaxWindow => "widest window",
    }
}

const fn rtt(r: ReceiverRtt) -> &'static str {
    match r {
        ReceiverRtt::Average => "average",
        ReceiverRtt::MinSeeking => "minimum",
        ReceiverRtt::MinSeekingNonZero => "minimum, not 0",
        ReceiverRtt::MinSeekingIdle => "same, queue empty",
    }
}

const fn formula(a: Autotune) -> &'static str {
    match a {
        Autotune::PerMss => "per MSS",
        Autotune::Ratio => "by ratio",
        Autotune::Growth => "growth",
        Autotune::GrowthLowRtt => "growth, low RTT",
    }
}

const fn clamp_rule(w: WindowClampRule) -> &'static str {
    match w {
        WindowClampRule::ClampOnly => "unrelated",
        WindowClampRule::MovesSsthresh => "moves it",
    }
}

const fn compressed(c: CompSack) -> &'static str {
    match c {
        CompSack::FivePercent => "5 % of RTT",
        CompSack::Percent => "by sysctl",
    }
}

fn napi_head_text(n: NapiHead) -> &'static str {
    match n {
        NapiHead::Kmalloc => "kmalloc",
        NapiHead::PageFragment => "1 KiB of a page",
        NapiHead::SmallCache => "small-head cache",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_a_column_per_kernel_and_only_differences() {
        let text = text();
        let head = text.lines().next().unwrap();
        assert!(ALL.iter().all(|k| head.contains(k.name)), "{head}");
        assert!(text.contains("autotuning formula"));
        assert!(text.lines().all(|l| l.chars().count() <= 160), "{text}");
    }
}
