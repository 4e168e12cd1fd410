//! The kernels side by side: every difference between the profiles, from the profiles themselves.

use sim_core::linux::{
    ALL, Autotune, CompSack, InOrderGate, IngestTest, KernelProfile, NapiHead, PayloadRatio, ReceiverRtt,
    Reclaim, RemeasuredClamp, SequenceCheck, SysctlDefaults, WindowClampRule,
};

use crate::terminal;

/// One property of a profile.
struct Property {
    label: &'static str,
    /// Kernel functions that decide it, and the change that introduced the newest form where it is known.
    source: &'static str,
    value: String,
}

fn row(label: &'static str, source: &'static str, value: String) -> Property {
    Property { label, source, value }
}

/// What differs: per property a label, one value per kernel, and the source. Also how many are the same on all.
fn differences() -> (Vec<Vec<String>>, usize) {
    let columns: Vec<Vec<Property>> = ALL.iter().map(|k| properties(k)).collect();
    let mut rows = Vec::new();
    let mut same = 0;
    for (at, first) in columns[0].iter().enumerate() {
        let values: Vec<&str> = columns.iter().map(|c| c[at].value.as_str()).collect();
        if values.iter().all(|v| *v == first.value) {
            same += 1;
            continue;
        }
        let cells = std::iter::once(first.label).chain(values).chain([first.source]);
        rows.push(cells.map(str::to_owned).collect());
    }
    (rows, same)
}

fn head() -> Vec<&'static str> {
    let names = ALL.iter().map(|k| k.name);
    std::iter::once("").chain(names).chain(["decided in"]).collect()
}

/// A table of what differs, one column per kernel, and which names mean which kernel.
pub(super) fn text() -> String {
    let mut table = terminal::table(&head());
    let (rows, same) = differences();
    for row in rows {
        table.add_row(row);
    }
    let mut text = terminal::table_text(&table);
    if same > 0 {
        text.push_str(&format!("\n{} the same on all kernels.\n", terminal::count(same, "property") + " is"));
    }
    text.push('\n');
    text.push_str(NAMES);
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

/// The same as a page for the documentation.
pub(super) fn markdown() -> String {
    let mut text = String::from(
        "# The kernels side by side\n\n\
         Everything in which the modelled kernels differ, from the profiles themselves (`skmem list kernels --markdown`).\n\
         The last column names the kernel functions that decide it, and the change that brought the newest form where it\n\
         is known; commits are those of mainline, a stable series may have taken them earlier.\n\n",
    );
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | ").replace('_', "\\_"));
    let head: Vec<String> = head().into_iter().map(str::to_owned).collect();
    text.push_str(&line(&head));
    text.push_str(&format!("|{}\n", "---|".repeat(head.len())));
    for row in differences().0 {
        text.push_str(&line(&row));
    }
    text.push('\n');
    text.push_str(NAMES);
    text.push_str("\nVariants, each a recorded kernel with one change, not recorded themselves:\n\n");
    for v in sim_core::linux::VARIANTS {
        text.push_str(&format!("- `{}`: {}\n", v.name, changes(v)));
    }
    text.push_str("\nAliases:\n\n");
    for a in &sim_core::linux::ALIASES {
        text.push_str(&format!("- `{}`: as {} ({})\n", a.series, a.stands_for_it, a.why));
    }
    text
}

const NAMES: &str = "\
A kernel is named by its series (6.1), its release (6.1.55) or its `uname -r` (6.1.0-53-cloud-amd64). A release
that was not recorded is taken to behave like the recorded one of its series, and the summary says so.
";

/// In what a variant differs from the recorded kernel of its series.
fn changes(variant: &KernelProfile) -> String {
    let Some(base) = sim_core::linux::by_name(variant.series()) else { return String::new() };
    let pairs = properties(variant).into_iter().zip(properties(base));
    let changed: Vec<String> = pairs
        .filter(|(v, b)| v.value != b.value && v.label != "recorded release")
        .map(|(v, b)| format!("{} {} instead of {}", v.label, v.value, b.value))
        .collect();
    changed.join("; ")
}

/// Every property of a profile. The patterns name all fields, so that a new one cannot be forgotten here.
fn properties(k: &KernelProfile) -> Vec<Property> {
    let KernelProfile {
        name: _,
        release,
        max_tcp_header,
        small_head,
        napi_head,
        ratio,
        initial_window_64k,
        early_advmss_timestamps,
        min_advmss,
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
        last_segment_drops,
        closing_accepts_old_acks,
        old_acks_note_timestamps,
        has_shrink_window,
        receiver_rtt,
        autotune,
        autotune_minus_queued,
        read_refreshes_clock,
        softirqs_wait_for_thread,
        netem_limit_before_copies,
        window_clamp,
        rcvbuf_sets_clamp,
        backlog_ack_defer,
        delack_max_from_rto_min,
        ato_bounded,
        syn_linear_timeouts,
        pingpong_counts,
        delack_flushes_compressed,
        compressed_refreshes_clock,
        comp_sack,
        prediction_checks_old_ack,
        unsent_ack_challenged,
        cwr_acks_now,
        prediction_checks_window,
        idle_reclaims,
        grow_honours_pressure,
        accepts_zero_window_update,
        defaults,
    } = *k;
    let SysctlDefaults {
        tcp_rmem_max,
        core_mem_max,
        comp_sack_slack_ns,
        limit_output_bytes,
        boot_pages,
        socket_size,
        record_size,
    } = defaults;
    let (price, initial, remeasured) = match ratio {
        PayloadRatio::AdvWinScale => ("tcp_adv_win_scale", "-".to_owned(), "-".to_owned()),
        PayloadRatio::Measured { initial, clamp } => {
            ("scaling_ratio", format!("{initial}/256"), remeasured(clamp).to_owned())
        }
    };
    vec![
        row("recorded release", "`uname -r` of the recordings", release.to_owned()),
        row(
            "bytes reserved for headers (MAX_TCP_HEADER)",
            "MAX_TCP_HEADER, LL_MAX_HEADER",
            max_tcp_header.to_string(),
        ),
        row(
            "cache of small skb heads, bytes",
            "kmalloc_reserve, SKB_SMALL_HEAD_SIZE (6.3)",
            small_head.map_or_else(|| "-".to_owned(), |n| n.to_string()),
        ),
        row("small heads of drivers", "napi_alloc_skb", napi_head_text(napi_head).to_owned()),
        row("memory becomes window by", "tcp_win_from_space, dfa2f0483360 (6.6)", price.to_owned()),
        row("scaling_ratio of a new socket", "TCP_DEFAULT_SCALING_RATIO, 697a6c8cec03 (6.10)", initial),
        row("a new scaling_ratio and window_clamp", "tcp_measure_rcv_mss, 05f76b2d634e (6.11)", remeasured),
        row("first window at most 65535", "tcp_select_initial_window", yes(initial_window_64k)),
        row(
            "advmss without timestamp option from the start",
            "tcp_connect_init, tcp_ca_openreq_child",
            yes(early_advmss_timestamps),
        ),
        row("least advmss of a route, bytes", "recorded", min_advmss.max(1).to_string()),
        row(
            "forward-allocated memory goes back",
            "sk_mem_uncharge, 4890b686f408 (6.0)",
            reclaimed(reclaim).to_owned(),
        ),
        row("idle longer than RTO gives memory back", "tcp_event_data_recv", yes(idle_reclaims)),
        row(
            "in-order data without memory",
            "tcp_data_queue, e2142825c120 (6.6)",
            without_memory(in_order_gate).to_owned(),
        ),
        row(
            "a segment may be queued while (skmem)",
            "tcp_try_rmem_schedule, tcp_can_ingest, 1d2fbaad7cd8 (6.17)",
            ingest_test(ingest).to_owned(),
        ),
        row("tcp_clamp_window when a segment has no room", "tcp_prune_queue", yes(clamp_on_ingest)),
        row("prune gives up when nothing is charged", "tcp_prune_queue", yes(prune_fails_when_empty)),
        row(
            "prune of out-of-order data spares older data",
            "tcp_prune_ofo_queue",
            yes(prune_ofo_spares_older),
        ),
        row(
            "sequence check covers",
            "tcp_sequence, 9ca48d616ed7 (6.17)",
            sequence(sequence_check).to_owned(),
        ),
        row("bare FIN passes a zero window", "tcp_data_queue, tcp_sequence", yes(fin_passes_zero_window)),
        row("header prediction checks for old ACKs", "tcp_rcv_established", yes(prediction_checks_old_ack)),
        row(
            "header prediction checks the window",
            "tcp_rcv_established (6.17)",
            yes(prediction_checks_window),
        ),
        row("out-of-order segments are measured (rcv_mss)", "tcp_data_queue_ofo", yes(ofo_measures_rcv_mss)),
        row("DSACK for drained data ends with its skb", "tcp_ofo_queue", yes(drain_dsack_clipped)),
        row(
            "old pure ACKs with old timestamps are not answered",
            "tcp_validate_incoming, tcp_disordered_ack",
            yes(paws_ignores_old_acks),
        ),
        row(
            "the segment that ends a connection counts as dropped",
            "tcp_rcv_state_process, tcp_validate_incoming",
            yes(last_segment_drops),
        ),
        row("ACKs for what was never sent are asked about", "tcp_ack", yes(unsent_ack_challenged)),
        row("data with CWR is acknowledged at once without ECN", "tcp_ecn_accept_cwr", yes(cwr_acks_now)),
        row("old ACKs are taken while closing", "tcp_rcv_state_process (6.8)", yes(closing_accepts_old_acks)),
        row("segments with old ACKs have their timestamps noted", "tcp_ack", yes(old_acks_note_timestamps)),
        row("tcp_shrink_window exists", "__tcp_select_window, b650d953cd39 (6.5)", yes(has_shrink_window)),
        row(
            "receiver RTT estimate",
            "tcp_rcv_rtt_update, tcp_rcv_rtt_measure_ts",
            rtt(receiver_rtt).to_owned(),
        ),
        row(
            "autotuning formula",
            "tcp_rcv_space_adjust, tcp_rcvbuf_grow, aa251c84636c (6.18)",
            formula(autotune).to_owned(),
        ),
        row(
            "autotuning subtracts what is still queued",
            "tcp_rcv_space_adjust (6.16)",
            yes(autotune_minus_queued),
        ),
        row("rcv_ssthresh is lowered under memory pressure", "tcp_grow_window", yes(grow_honours_pressure)),
        row(
            "a read refreshes the socket's clock",
            "tcp_rcv_space_adjust, tcp_mstamp_refresh",
            yes(read_refreshes_clock),
        ),
        row(
            "soft interrupts leave a call alone under threadirqs",
            "do_softirq, ksoftirqd_running, d15121be7485 (6.5)",
            yes(softirqs_wait_for_thread),
        ),
        row(
            "a full netem refuses a packet before it duplicates it",
            "netem_enqueue",
            yes(netem_limit_before_copies),
        ),
        row("TCP_WINDOW_CLAMP and rcv_ssthresh", "tcp_set_window_clamp", clamp_rule(window_clamp).to_owned()),
        row("SO_RCVBUF acts on window_clamp", "__sock_set_rcvbuf, tcp_set_rcvbuf", yes(rcvbuf_sets_clamp)),
        row(
            "ACKs wait until the backlog is drained",
            "__tcp_ack_snd_check, tcp_backlog_ack_defer (6.7)",
            yes(backlog_ack_defer),
        ),
        row(
            "longest delayed ACK follows rto_min",
            "tcp_send_delayed_ack, tcp_delack_max (6.7)",
            yes(delack_max_from_rto_min),
        ),
        row("ato is bounded by it", "tcp_event_data_recv", yes(ato_bounded)),
        row(
            "SYNs repeated after the same pause",
            "tcp_retransmit_timer, tcp_syn_linear_timeouts (6.5)",
            syn_linear_timeouts.to_string(),
        ),
        row(
            "interactive mode needs several turns",
            "tcp_event_data_sent, inet_csk_inc_pingpong_cnt",
            yes(pingpong_counts),
        ),
        row(
            "delayed-ACK timer flushes compressed ACKs",
            "tcp_delack_timer_handler",
            yes(delack_flushes_compressed),
        ),
        row(
            "timer of compressed ACKs refreshes the socket's clock",
            "tcp_compressed_ack_kick, tcp_mstamp_refresh (recorded)",
            yes(compressed_refreshes_clock),
        ),
        row("delay of compressed SACKs", "__tcp_ack_snd_check (6.19)", compressed(comp_sack).to_owned()),
        row(
            "zero window at the same sequence is accepted",
            "tcp_may_update_window",
            yes(accepts_zero_window_update),
        ),
        row("tcp_rmem[2]", "tcp_init (6.18)", tcp_rmem_max.to_string()),
        row("rmem_max, wmem_max", "SK_RMEM_MAX, SK_WMEM_MAX (6.18)", core_mem_max.to_string()),
        row("tcp_comp_sack_slack_ns", "sysctl_tcp_comp_sack_slack_ns", comp_sack_slack_ns.to_string()),
        row("tcp_limit_output_bytes", "sysctl_tcp_limit_output_bytes", limit_output_bytes.to_string()),
        row("size of a socket, bytes", "struct tcp_sock, /proc/net/protocols", socket_size.to_string()),
        row("size of a record in TIME-WAIT, bytes", "tw_sock_TCP in /proc/slabinfo", record_size.to_string()),
        row(
            "pages the kernel holds when TCP begins",
            "nr_free_buffer_pages, tcp_init",
            boot_pages.to_string(),
        ),
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
        Autotune::Doubled => "twice what was read",
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
    }

    #[test]
    fn every_difference_names_its_source() {
        let (rows, _) = differences();
        assert!(rows.iter().all(|r| r.last().is_some_and(|source| !source.is_empty())));
    }

    #[test]
    fn the_page_in_docs_is_what_the_command_writes() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/kernels.md");
        let page = std::fs::read_to_string(path).unwrap();
        assert!(page == markdown(), "write it again: skmem list kernels --markdown > docs/kernels.md");
    }
}
