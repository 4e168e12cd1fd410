//! What a scenario means.

use scenarios::{Check, evaluate, json_schema, reference, resolved_yaml};
use sim_core::config::{
    Change, Congestion, LiveOption, NicModel, PlannedRead, ReadConfig, ReadMode, WriteMode,
};
use sim_core::time::SimDuration;

use super::{good, refused};

#[test]
fn a_kernel_written_as_a_number_means_its_text() {
    assert_eq!(good("kernel: 5.10").config.kernel.name, "5.10");
    assert_eq!(good("kernel: 6.1").config.kernel.name, "6.1");
    assert_eq!(good("kernel: \"6.12\"").config.kernel.name, "6.12");
}

#[test]
fn a_scenario_of_one_line_has_every_default() {
    let s = good("kernel: 6.1");
    let c = &s.config;
    assert_eq!((s.name.as_str(), c.seed), ("t", 1));
    assert_eq!(c.forward, c.reverse);
    assert_eq!(
        (c.forward.delay, c.forward.limit, c.forward.mtu, c.forward.rate_bps),
        (SimDuration::ZERO, 1000, 65_536, None)
    );
    assert_eq!(c.receiver.sysctl, c.kernel.default_sysctls());
    assert_eq!(c.stop.after, SimDuration::from_secs(5));
    assert_eq!(c.host.packet_cost, SimDuration::from_micros(25));
    assert_eq!((c.host.hz, c.host.tcp_mem), (250, [188_888, 251_851, 377_776]));
    assert_eq!(c.receiver.read, ReadConfig::NEVER);
    assert_eq!(c.sender.write.total, None);
    assert!(matches!(c.sender.write.mode, WriteMode::Burst { call: 16_777_216, .. }));
    assert!(s.warnings.is_empty() && s.inferred.is_empty());
}

#[test]
fn the_memory_of_a_host_sets_what_is_not_given() {
    let s = good("kernel: 6.18\nhost: {ram: 4GiB}\nsender: {sysctl: {net.ipv4.tcp_max_orphans: 7}}");
    let c = &s.config;
    let d = sim_core::host::MemoryDefaults::of_ram(c.kernel, 4 << 30);
    assert_eq!(c.host.tcp_mem, d.tcp_mem);
    assert_eq!((c.receiver.sysctl.tcp_rmem[2], c.receiver.sysctl.tcp_max_tw_buckets), (d.rmem_max, 16_384));
    assert_eq!((c.sender.sysctl.tcp_max_orphans, c.receiver.sysctl.tcp_max_orphans), (7, 16_384));
    assert!(s.inferred[0].starts_with("host.ram 4GiB"), "{:?}", s.inferred);
    let given = good("kernel: 6.18\nhost: {ram: 4GiB, tcp_mem: 1 2 3}");
    assert_eq!(given.config.host.tcp_mem, [1, 2, 3]);
}

#[test]
fn the_round_trip_is_split_and_directions_differ() {
    let c =
        good("kernel: 6.1\npath: {rtt: 201ns, rate: 1gbit, forward: {limit: 5}, reverse: {rate: unlimited}}")
            .config;
    assert_eq!((c.forward.delay.as_nanos(), c.reverse.delay.as_nanos()), (100, 101));
    assert_eq!((c.forward.limit, c.reverse.limit), (5, 1000));
    assert_eq!((c.forward.rate_bps, c.reverse.rate_bps), (Some(1_000_000_000), None));
}

#[test]
fn sysctls_and_options_take_bare_bytes_and_sizes() {
    let c = good(
        "kernel: 6.1\nreceiver:\n  sysctl: {net.ipv4.tcp_rmem: 4KiB 131072 6MiB, net.ipv4.tcp_adv_win_scale: -2, \
         net.ipv4.tcp_comp_sack_delay_ns: 2ms, net.ipv4.tcp_invalid_ratelimit: 300}\n  sockopt: {SO_RCVBUF: 65536}\n",
    )
    .config
    .receiver;
    assert_eq!(c.sysctl.tcp_rmem, [4096, 131_072, 6_291_456]);
    assert_eq!((c.sysctl.tcp_adv_win_scale, c.sysctl.tcp_comp_sack_delay_ns), (-2, 2_000_000));
    assert_eq!(
        (c.sysctl.tcp_invalid_ratelimit, c.sockopt.rcvbuf, c.sockopt.rcvbuf_force),
        (300, Some(65_536), false)
    );
}

#[test]
fn applications_and_events_are_read() {
    let c = good(
        "kernel: 6.1\nsender: {congestion: reno, write: {mode: chunks, sizes: [1, 7, 1KiB], every: 2ms}}\n\
         receiver: {nic: {head: 640, fragment: 4096}, read: {mode: plan, reads: [{at: 1s, bytes: 5}]}}\n\
         events:\n  - {at: 2s, receiver.sockopt: {TCP_QUICKACK: 1, SO_RCVBUF: 128KiB}}\n  - {at: 2s, receiver.read: 9}\n",
    )
    .config;
    assert_eq!(c.sender.congestion, Congestion::Reno);
    assert!(
        matches!(&c.sender.write.mode, WriteMode::Chunks { sizes, in_flight: 10, .. } if *sizes == [1, 7, 1024])
    );
    assert_eq!(c.receiver.nic.model, NicModel::Explicit { head: 640, head_frag: false, fragment: 4096 });
    assert_eq!(
        c.receiver.read.mode,
        ReadMode::Plan(vec![PlannedRead { at: SimDuration::from_secs(1), bytes: 5 }])
    );
    let changes: Vec<_> = c.events.into_iter().map(|e| e.change).collect();
    assert_eq!(
        changes,
        [
            Change::ReceiverOption(LiveOption::QuickAck(1)),
            Change::ReceiverOption(LiveOption::RcvBuf(131_072)),
            Change::ReceiverRead(9),
        ]
    );
}

#[test]
fn what_the_kernel_ignores_is_a_warning_and_has_no_effect() {
    let text = "kernel: KERNEL\nreceiver:\n  sysctl:\n    net.ipv4.tcp_adv_win_scale: 0\n    net.ipv4.tcp_shrink_window: 1\n    \
                net.ipv4.tcp_rcvbuf_low_rtt: 5\n    net.ipv4.tcp_comp_sack_rtt_percent: 50\n    \
                net.ipv4.tcp_pingpong_thresh: 3\n    net.ipv4.tcp_backlog_ack_defer: 0\n    net.ipv4.tcp_rto_max_ms: 60000\n";
    for (kernel, lines) in [
        ("5.10", vec![5, 6, 7, 8, 9, 10]),
        ("6.1", vec![6, 7, 8, 9, 10]),
        ("6.12", vec![4, 6, 7, 10]),
        ("7.2", vec![4]),
    ] {
        let s = good(&text.replace("KERNEL", kernel));
        assert_eq!(s.warnings.iter().map(scenarios::Diagnostic::line).collect::<Vec<_>>(), lines, "{kernel}");
        assert!(s.warnings[0].message.contains(&format!("kernel {kernel} ignores")), "{}", s.warnings[0]);
        if kernel == "7.2" {
            assert_eq!(s.config.receiver.sysctl.tcp_adv_win_scale, 1);
            assert_eq!(s.config.receiver.sysctl.tcp_rcvbuf_low_rtt, 5);
        }
    }
}

#[test]
fn a_capped_buffer_is_a_warning() {
    let s = good("kernel: 6.1\nreceiver: {sockopt: {SO_RCVBUF: 1MiB}}");
    assert!(s.warnings[0].message.contains("capped at net.core.rmem_max, 212992"), "{}", s.warnings[0]);
    assert!(good("kernel: 6.1\nreceiver: {sockopt: {SO_RCVBUFFORCE: 1MiB}}").warnings.is_empty());
}

#[test]
fn what_is_inferred_is_tagged() {
    let s = good("kernel: 6.1.55-generic\nreceiver: {nic: virtio}\n");
    assert_eq!(
        s.inferred,
        ["kernel 6.1.55-generic: inferred from 6.1.187", "receiver.nic virtio: no recording of this device"]
    );
}

#[test]
fn expectations_are_read_and_evaluated() {
    let s = good(
        "kernel: 6.1\nexpect:\n  final.recv_q: 62464\n  peak: {skmem_r: \"<= 4MiB\"}\n  acks: \">= 10\"\n  bursts: 5 ± 1\n  \
         window_at_first_drop: \"!= 0\"\n",
    );
    let checks: Vec<_> = s.expectations.iter().map(|e| (e.metric.as_str(), e.check)).collect();
    assert_eq!(
        checks,
        [
            ("final.recv_q", Check::Equal(62_464)),
            ("peak.skmem_r", Check::AtMost(4 << 20)),
            ("acks", Check::AtLeast(10)),
            ("bursts", Check::Near { value: 5, tolerance: 1 }),
            ("window_at_first_drop", Check::NotEqual(0)),
        ]
    );
    assert_eq!((s.expectations[1].line, s.expectations[1].column), (4, 10));
    let outcomes = evaluate(&s.expectations, |name| match name {
        "final.recv_q" => Some(62_464),
        "peak.skmem_r" => Some(5 << 20),
        "acks" => Some(9),
        "bursts" => Some(6),
        _ => None,
    });
    let passed: Vec<_> = outcomes.iter().map(scenarios::Outcome::passed).collect();
    assert_eq!(passed, [true, false, false, true, false]);
    assert_eq!(outcomes[2].to_string(), "acks: expected >= 10, got 9");
}

#[test]
fn the_resolved_text_means_the_same() {
    let texts = [
        "kernel: 5.10",
        "kernel: 7.2.13\nname: x\nabout: |\n  Line one: with colon.\n\n    indented\n  # no comment\nseed: 18446744073709551615\n",
        "kernel: 6.18.1\npath: {rtt: 3ns, rate: 999kbit, forward: {mtu: 1500}}\nsender: {write: never, sockopt: {SO_SNDBUF: 1001, TCP_CORK: on}}\n\
         receiver: {nic: veth, read: {mode: fixed, bytes: 3, every: 7ns, start: 1s}, route: {quickack: 1, rto_min: 5ms, advmss: 1000}}\n\
         host: {hz: 1000, since_tick: 999us, jiffies: 77, tcp_mem: [1, 2, 3]}\nstop: {bytes: 1GiB, packets: 5}\nexpect: {acks: \"> 3\", final.acked: 1}\n",
        "kernel: 6.12\nsender: {write: {mode: chunks, sizes: 5, bytes: 1000, receiver_quickack: on}}\nreceiver: {read: {mode: asap}, nic: {head: 5, head_frag: on}, \
         sysctl: {net.ipv4.tcp_adv_win_scale: -3, net.ipv4.tcp_app_win: 0}}\nevents: [{at: 1s, sender.sockopt: {SO_SNDBUF: 5}}, {at: 2s, receiver.read: 1}]\n",
        "kernel: 6.1\nreceiver: {read: {mode: plan, reads: []}}\nabout: \"odd\\ttext \\u0001\"\n",
    ];
    for text in texts.into_iter().chain(scenarios::gallery().iter().map(|(_, t)| *t)) {
        let first = good(text);
        let yaml = resolved_yaml(&first);
        let second = good(&yaml);
        assert_eq!(second.config, first.config, "{yaml}");
        assert_eq!((&second.name, &second.about), (&first.name, &first.about), "{yaml}");
        assert_eq!(second.inferred, first.inferred, "{yaml}");
        assert!(second.warnings.iter().all(|w| !w.message.contains("ignores")), "{yaml}");
        let checks = |s: &scenarios::Scenario| {
            s.expectations.iter().map(|e| (e.metric.clone(), e.check)).collect::<Vec<_>>()
        };
        assert_eq!(checks(&second), checks(&first));
        assert_eq!(resolved_yaml(&second), yaml);
    }
}

#[test]
fn aliases_and_merges_are_plain_yaml() {
    let c = good("kernel: 6.1\nsender: {sysctl: &s {net.ipv4.tcp_sack: 0}}\nreceiver: {sysctl: {<<: *s, net.ipv4.tcp_dsack: 0}}\n").config;
    assert!(!c.sender.sysctl.tcp_sack && !c.receiver.sysctl.tcp_sack && !c.receiver.sysctl.tcp_dsack);
    assert!(c.sender.sysctl.tcp_dsack);
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_are_no_mistake() {
    assert_eq!(good("\u{feff}kernel: 5.10\r\nseed: 7\r\n").config.seed, 7);
}

#[test]
fn schema_reference_and_metrics_come_from_the_table() {
    let schema: serde_json::Value = serde_json::from_str(&json_schema()).unwrap();
    assert_eq!(schema["properties"]["path"]["properties"]["rtt"]["anyOf"][1]["const"], 0);
    assert!(
        schema["properties"]["receiver"]["properties"]["sysctl"]["properties"]["net.ipv4.tcp_rmem"]
            .is_object()
    );
    assert!(reference().contains("path.rtt: a time with a unit"));
    let expect = &schema["properties"]["expect"]["properties"];
    assert!(expect["counters.TcpExtTCPRcvQDrop"].is_object() && expect["goodput"].is_object());
    assert!(expect["counters"]["properties"]["TcpExtTCPRcvQDrop"].is_object());
}

#[test]
fn options_of_the_end_of_a_connection_are_taken_and_written_again() {
    let text = "name: t\nkernel: 6.1\nsender: {sockopt: {SO_LINGER: 0, TCP_LINGER2: 5s, TCP_SYNCNT: 3}}\n";
    let s = good(text);
    let o = &s.config.sender.sockopt;
    assert_eq!((o.linger_zero, o.linger2, o.syn_count), (true, Some(5), Some(3)));
    let again = good(&resolved_yaml(&s));
    assert_eq!(again.config, s.config);
    let option = |text: &str| format!("name: t\nkernel: 6.1\nsender: {{sockopt: {{{text}}}}}\n");
    refused(&option("SO_LINGER: 5"), (3, 31), &["expected one of 0"]);
    refused(&option("TCP_LINGER2: 1500ms"), (3, 33), &["whole seconds"]);
}
