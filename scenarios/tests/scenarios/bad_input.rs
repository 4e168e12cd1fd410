//! Every mistake has its place, says what is wrong and what would be right.

use scenarios::{Overrides, Source, check_unique_names, resolve};

use super::{errors, good, refused};

/// A scenario whose third line is `line`.
fn with(line: &str) -> String {
    format!("name: t\nkernel: 6.1\n{line}\n")
}

#[test]
fn an_unknown_key_is_answered_with_the_nearest() {
    refused(&with("path: {dealy: 1ms}"), (3, 8), &["`dealy` is not a key of path", "did you mean `delay`?"]);
    refused(&with("recevier: {}"), (3, 1), &["did you mean `receiver`?"]);
    refused(&with("receiver: {sockopt: {SO_RCVBUFF: 1KiB}}"), (3, 22), &["did you mean `SO_RCVBUF`?"]);
    refused(&with("sender: {route: {colour: 1}}"), (3, 18), &["its keys are initcwnd"]);
}

#[test]
fn an_unknown_sysctl_is_answered_with_the_nearest() {
    refused(&with("receiver: {sysctl: {tcp_rmem: 1 2 3}}"), (3, 21), &["did you mean `net.ipv4.tcp_rmem`?"]);
    refused(
        &with("receiver: {sysctl: {net.ipv4.tcp_sak: 1}}"),
        (3, 21),
        &["did you mean `net.ipv4.tcp_sack`?"],
    );
}

#[test]
fn a_sysctl_that_kernels_have_and_the_model_has_not_is_explained() {
    let end = |name: &str, value: &str| with(&format!("sender: {{sysctl: {{{name}: {value}}}}}"));
    refused(
        &end("net.ipv4.tcp_mtu_probing", "1"),
        (3, 19),
        &["`net.ipv4.tcp_mtu_probing` is not modelled; runs behave as with 0", "path.mtu"],
    );
    refused(
        &end("net.ipv4.tcp_congestion_control", "bbr"),
        (3, 19),
        &["is another key here", "`congestion: cubic`"],
    );
    refused(
        &end("net.core.netdev_budget_usecs", "8000"),
        (3, 19),
        &["`net.core.netdev_budget_usecs` is not modelled"],
    );
    assert!(good(&end("net.ipv4.tcp_mtu_probing", "0")).warnings.is_empty());
    assert!(good(&end("net.ipv4.tcp_no_metrics_save", "on")).warnings.is_empty());
    // A file of sysctls can be taken over as it is; what it cannot change is said.
    let keepalive = good(&end("net.ipv4.tcp_keepalive_time", "600"));
    assert_eq!(keepalive.warnings.len(), 1);
    let said = keepalive.warnings[0].to_string();
    assert!(
        said.contains("tcp_keepalive_time has no effect here") && said.contains("SO_KEEPALIVE"),
        "{said}"
    );
}

#[test]
fn a_socket_option_that_the_model_has_not_is_explained() {
    let option = |text: &str| with(&format!("sender: {{sockopt: {{{text}}}}}"));
    refused(&option("TCP_CONGESTION: reno"), (3, 20), &["is another key here", "`congestion: cubic`"]);
    refused(&option("SO_KEEPALIVE: on"), (3, 20), &["`SO_KEEPALIVE` is not modelled", "silent"]);
}

#[test]
fn an_ambiguous_unit_is_answered_with_a_question() {
    for unit in ["64Kb", "64KB", "64K"] {
        let text = with(&format!("receiver: {{sockopt: {{SO_RCVBUF: {unit}}}}}"));
        refused(&text, (3, 33), &["did you mean 64KiB (1024) or 64kB (1000)?"]);
    }
    refused(&with("path: {delay: 5}"), (3, 15), &["`5` has no unit", "did you mean 5ms?"]);
    refused(&with("path: {delay: 2min}"), (3, 15), &["write 120s"]);
    refused(&with("path: {rate: 100Mb}"), (3, 14), &["did you mean 100mbit"]);
    refused(&with("path: {rate: 800kbps}"), (3, 14), &["did you mean 800kbit", "bytes per second"]);
    refused(
        &with("sender: {write: {mode: burst, call: 65536}}"),
        (3, 37),
        &["`65536` has no unit", "65536B"],
    );
}

#[test]
fn a_duplicate_key_is_refused() {
    refused(&with("seed: 1\nseed: 2"), (4, 1), &["the key `seed` is given twice"]);
    refused(&with("path: {mtu: 1500, mtu: 9000}"), (3, 19), &["the key `mtu` is given twice"]);
}

#[test]
fn negative_and_absurd_sizes_are_refused() {
    refused(&with("receiver: {sockopt: {SO_RCVBUF: -1}}"), (3, 33), &["cannot be negative"]);
    refused(&with("receiver: {sockopt: {SO_RCVBUF: 4000GiB}}"), (3, 33), &["out of range"]);
    refused(&with("receiver: {sockopt: {SO_RCVBUF: 99999999999999999999999999}}"), (3, 33), &["more digits"]);
    refused(&with("receiver: {sockopt: {SO_RCVBUF: 99999999999GiB}}"), (3, 33), &["too large"]);
    refused(&with("receiver: {sockopt: {SO_RCVBUF: 0.3B}}"), (3, 33), &["not a whole number of bytes"]);
    refused(&with("path: {mtu: 67}"), (3, 13), &["out of range", "68B"]);
    refused(&with("sender: {sockopt: {TCP_MAXSEG: 10}}"), (3, 32), &["out of range"]);
}

#[test]
fn numbers_that_are_none_are_refused() {
    for word in [".nan", "NaN", "inf", ".inf", "-.inf"] {
        refused(&with(&format!("path: {{delay: {word}}}")), (3, 15), &["finite number"]);
        refused(&with(&format!("seed: {word}")), (3, 7), &["finite number"]);
    }
    refused(&with("seed: 1e3"), (3, 7), &["not a whole number"]);
    refused(&with("seed: 0x10"), (3, 7), &["not a whole number"]);
    refused(&with("seed:"), (3, 5), &["`seed` has no value"]);
}

#[test]
fn an_unknown_kernel_is_answered_with_the_five() {
    refused("kernel: 6.17", (1, 9), &["no model of kernel 6.17", "nearest recorded kernel is 6.18"]);
    refused("kernel: 5.15", (1, 9), &["5.10, 6.1, 6.12, 6.18, 7.2"]);
    refused("kernel: linux", (1, 9), &["`linux` is not a kernel", "there are 5.10"]);
    refused("name: t", (1, 1), &["does not say which kernel"]);
}

#[test]
fn an_empty_file_is_refused() {
    refused("", (1, 1), &["this scenario is empty", "skmem new"]);
    refused("# only a comment\n", (2, 1), &["this scenario is empty"]);
    refused("- a\n- b\n", (1, 1), &["a scenario is a mapping"]);
}

#[test]
fn broken_yaml_is_refused_with_its_place() {
    let found = errors("kernel: 6.1\npath: {rtt: 1ms\n");
    assert_eq!(found.len(), 1);
    assert!(found[0].message.starts_with("this is not valid YAML"), "{}", found[0]);
    assert_eq!(found[0].line(), 2, "{}", found[0]);
    refused("kernel: 6.1\nseed: !!int 3\n", (2, 13), &["YAML tags"]);
    refused("kernel: 6.1\nseed: *none\n", (2, 7), &["anchor"]);
    refused("kernel: 6.1\n---\nkernel: 6.1\n", (3, 1), &["holds one scenario"]);
}

#[test]
fn an_alias_bomb_is_refused_quickly() {
    let mut bomb = String::from("a: &a [x,x,x,x,x,x,x,x,x]\n");
    for (from, to) in ('a'..='y').zip('b'..='z') {
        bomb += &format!("{to}: &{to} [{}]\n", [format!("*{from}").as_str(); 9].join(","));
    }
    let found = errors(&bomb);
    assert!(found[0].message.contains("far more values than a scenario can have"), "{}", found[0]);
    for open in ["[", "{", "- "] {
        let found = errors(&open.repeat(5000));
        assert!(found[0].message.contains("nested far deeper"), "{}", found[0]);
    }
}

#[test]
fn a_run_that_would_never_end_is_refused() {
    refused(&with("stop: {}"), (3, 1), &["would never end", "{after: 5s}"]);
    refused(&with("stop:"), (3, 1), &["would never end"]);
    refused(&with("stop: {max_events: 5}"), (3, 1), &["would never end"]);
    refused(&with("stop: {after: 1000000h}"), (3, 15), &["not a unit of time", "3600000000s"]);
    refused(&with("stop: {after: 3600000000s}"), (3, 15), &["out of range", "86400s"]);
    refused(&with("stop: {after: 0s}"), (3, 15), &["out of range"]);
}

#[test]
fn values_that_contradict_each_other_are_refused() {
    refused(&with("path: {rtt: 2ms, delay: 1ms}"), (3, 18), &["`rtt` and `delay` both say"]);
    refused(
        &with("path: {rtt: 2ms, forward: {delay: 1ms}}"),
        (3, 28),
        &["`rtt` and `forward.delay` both say"],
    );
    refused(
        &with("receiver: {sockopt: {SO_RCVBUF: 1KiB, SO_RCVBUFFORCE: 2KiB}}"),
        (3, 39),
        &["both set the same buffer"],
    );
    refused(&with("receiver: {sysctl: {net.ipv4.tcp_rmem: 5000 4000 3000}}"), (3, 40), &["must not descend"]);
    refused(&with("receiver: {sysctl: {net.ipv4.tcp_rmem: 4096 131072}}"), (3, 40), &["2 of its three"]);
    refused(&with("host: {hz: 1000, since_tick: 1ms}"), (3, 30), &["less than one tick (1ms)"]);
}

#[test]
fn times_out_of_order_are_refused() {
    let plan = "receiver: {read: {mode: plan, reads: [{at: 2s, bytes: 1}, {at: 1s, bytes: 1}]}}";
    refused(&with(plan), (3, 64), &["earlier than the one before it, which is at 2s"]);
    let events = "events:\n  - {at: 2s, receiver.read: 1}\n  - {at: 1s, receiver.read: 1}";
    refused(&with(events), (5, 10), &["earlier than the one before it"]);
    refused(&with("events: [{at: 1s}]"), (3, 10), &["changes nothing"]);
}

#[test]
fn a_rate_of_zero_is_refused() {
    refused(&with("path: {rate: 0bit}"), (3, 14), &["nothing would ever arrive"]);
}

#[test]
fn what_this_version_lacks_is_refused_and_says_what_there_is() {
    let threshold = "path: {rate: 1mbit, queue: {ce_threshold: 1ms}}";
    refused(&with(threshold), (3, 29), &["not supported", "mark where they would drop"]);
    refused(
        &with("path: {rate: 1mbit, queue: {ecn: on}}"),
        (3, 29),
        &["`ecn` belongs to codel and fq_codel"],
    );
}

#[test]
fn connections_are_counted_from_one_and_not_in_the_millions() {
    refused(&with("flows: 0"), (3, 8), &["1", "100000"]);
    refused(&with("flows: {count: 200000}"), (3, 16), &["100000"]);
    refused(&with("flows: {count: 2, spred: 1s}"), (3, 19), &["did you mean `spread`?"]);
    good(&with("flows: 1"));
    good(&with("flows: {count: 100, spread: 1s}"));
}

#[test]
fn a_mode_lacks_or_has_too_much() {
    refused(&with("receiver: {read: {mode: fixd}}"), (3, 25), &["did you mean `fixed`?"]);
    refused(&with("receiver: {read: {bytes: 1}}"), (3, 18), &["needs a `mode`"]);
    refused(&with("sender: {write: {mode: chunks}}"), (3, 17), &["needs `sizes`"]);
    refused(&with("sender: {write: {mode: burst, sizes: [1]}}"), (3, 31), &["belongs to `mode: chunks`"]);
    refused(&with("receiver: {read: {mode: fixed, bytes: 1}}"), (3, 18), &["needs `every`"]);
}

#[test]
fn an_unknown_metric_or_value_is_refused() {
    refused(&with("expect: {final.recvq: 1}"), (3, 10), &["did you mean `final.recv_q`?"]);
    refused(
        &with("expect: {counters.TCPRcvQDrop: 1}"),
        (3, 10),
        &["did you mean `counters.TcpExtTCPRcvQDrop`?"],
    );
    refused(&with("expect: {final.recv_q: \"<= many\"}"), (3, 24), &["not a size"]);
    refused(&with("expect: {bursts: 4KiB}"), (3, 18), &["not a whole number"]);
    refused(&with("expect: {bursts: 4, bursts: 5}"), (3, 21), &["given twice"]);
}

#[test]
fn several_mistakes_are_reported_at_once_in_the_order_of_the_text() {
    let found = errors("kernel: 4.4\nseed: x\npath: {rrt: 1ms, mtu: 1}\nstop: {}\n");
    let lines: Vec<_> = found.iter().map(scenarios::Diagnostic::line).collect();
    assert_eq!(lines, [1, 2, 3, 3, 4]);
}

#[test]
fn thousands_of_mistakes_do_not_flood_the_terminal() {
    let text: String = (0..5000).map(|i| format!("key{i}: 1\n")).collect();
    assert!(errors(&text).len() <= 50);
}

#[test]
fn two_scenarios_of_one_name_are_refused() {
    let a = good("name: same\nkernel: 6.1\n");
    let b = good("name: other\nkernel: 6.1\n");
    assert_eq!(check_unique_names([("a.yaml", &a), ("b.yaml", &b)]), Ok(()));
    let error = check_unique_names([("a.yaml", &a), ("b.yaml", &b), ("c.yaml", &a)]).unwrap_err();
    assert!(error.contains("`same` (a.yaml and c.yaml)"), "{error}");
}

#[test]
fn a_name_that_is_no_folder_is_refused() {
    refused("kernel: 6.1\nname: ../../etc\n", (2, 7), &["cannot be the name"]);
    refused("kernel: 6.1\nname: \"\"\n", (2, 7), &["cannot be the name"]);
}

#[test]
fn a_diagnostic_shows_its_line() {
    let source = Source::new("dir/t.yaml", "kernel: 6.1\npath: {dealy: 1ms}\n");
    let text = resolve(&source, &Overrides::default()).unwrap_err().render(false);
    assert!(text.contains("dir/t.yaml:2:8"), "{text}");
    assert!(text.contains("2 | path: {dealy: 1ms}"), "{text}");
    assert!(text.contains("^^^^^"), "{text}");
    assert!(text.contains("did you mean `delay`?"), "{text}");
}
