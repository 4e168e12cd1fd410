//! The path: impairments and queues, what is refused, and the way through text.

use proptest::prelude::*;
use scenarios::{Overrides, Source, reference, resolve, resolved_yaml};
use sim_core::config::{
    Chance, CodelConfig, Discipline, Distribution, FairQueue, Jitter, LinkConfig, Loss, Overhead,
    Probability, QueueConfig, QueueLimit, Reorder, RingConfig, Shaper,
};
use sim_core::time::SimDuration;

use super::{errors, good, refused, try_resolve};

fn with(path: &str) -> String {
    format!("name: t\nkernel: 6.1\npath: {{{path}}}\n")
}

/// The forward direction of a path that must be good, without a warning.
#[track_caller]
fn forward(path: &str) -> LinkConfig {
    let s = good(&with(path));
    assert!(s.warnings.is_empty(), "{:?}", s.warnings);
    s.config.forward
}

/// The only warning of a path.
#[track_caller]
fn warning(path: &str) -> (usize, String) {
    let s = good(&with(path));
    assert_eq!(s.warnings.len(), 1, "{:?}", s.warnings);
    (s.warnings[0].column(), s.warnings[0].to_string())
}

fn percent(n: u64) -> Probability {
    Probability::of(n, 100)
}

fn chance(probability: u64, correlation: u64) -> Chance {
    Chance { probability: percent(probability), correlation: percent(correlation) }
}

#[test]
fn loss_is_a_share_a_count_a_list_or_two_states() {
    assert_eq!(forward("loss: 1%").loss, Loss::Random(chance(1, 0)));
    assert_eq!(forward("loss: {probability: 2%, correlation: 25%}").loss, Loss::Random(chance(2, 25)));
    assert_eq!(forward("loss: {every: 100}").loss, Loss::Every(100));
    assert_eq!(forward("loss: {packets: [5, 9]}").loss, Loss::Listed(vec![5, 9]));
    let [p, r] = [percent(1), percent(10)];
    assert_eq!(
        forward("loss: {gilbert-elliott: {p: 1%, r: 10%, h: 20%, k: 99%}}").loss,
        Loss::GilbertElliott { p, r, h: percent(20), k: percent(99) }
    );
    assert_eq!(
        forward("loss: {gilbert-elliott: {p: 1%}}").loss,
        Loss::GilbertElliott { p, r: p.complement(), h: Probability::NEVER, k: Probability::ALWAYS }
    );
    assert_eq!(
        forward("loss: 0.001%").loss,
        Loss::Random(Chance { probability: Probability(42_950), ..chance(0, 0) })
    );
}

#[test]
fn jitter_duplicates_and_reordering_are_read() {
    let jitter = |ms, correlation, distribution| {
        let mean = SimDuration::from_millis(ms);
        Some(Jitter { mean, correlation: percent(correlation), distribution })
    };
    assert_eq!(forward("delay: 10ms, jitter: 1ms").jitter, jitter(1, 0, Distribution::Uniform));
    for (name, shape) in [
        ("normal", Distribution::Normal),
        ("pareto", Distribution::Pareto),
        ("paretonormal", Distribution::ParetoNormal),
        ("uniform", Distribution::Uniform),
    ] {
        let path = format!("delay: 10ms, jitter: {{mean: 2ms, distribution: {name}, correlation: 30%}}");
        assert_eq!(forward(&path).jitter, jitter(2, 30, shape));
    }
    assert_eq!(forward("duplicate: 10%").duplicate, chance(10, 0));
    assert_eq!(forward("duplicate: {probability: 10%, correlation: 5%}").duplicate, chance(10, 5));
    let reorder = |p, correlation, gap| Some(Reorder { chance: chance(p, correlation), gap });
    assert_eq!(forward("delay: 1ms, reorder: {gap: 50}").reorder, reorder(100, 0, 50));
    assert_eq!(forward("delay: 1ms, reorder: {probability: 25%}").reorder, reorder(25, 0, 1));
    assert_eq!(
        forward("delay: 1ms, reorder: {probability: 25%, correlation: 50%, gap: 5}").reorder,
        reorder(25, 50, 5)
    );
}

#[test]
fn queues_have_the_defaults_of_tc() {
    let queue = |discipline: Discipline, limit| {
        let ecn = matches!(discipline, Discipline::FqCodel { .. });
        Some(QueueConfig { discipline, limit, burst: None, ecn })
    };
    let codel = CodelConfig { target: SimDuration::from_millis(5), interval: SimDuration::from_millis(100) };
    let tail = queue(Discipline::DropTail, QueueLimit::Packets(1_000));
    assert_eq!(forward("rate: 1mbit, queue: drop-tail").queue, tail);
    assert_eq!(forward("rate: 1mbit, queue: {}").queue, tail);
    assert_eq!(
        forward("mtu: 1500, rate: 1mbit, queue: {limit: 64KiB}").queue,
        queue(Discipline::DropTail, QueueLimit::Bytes(65_536))
    );
    assert_eq!(
        forward("rate: 1mbit, queue: codel").queue,
        queue(Discipline::Codel(codel), QueueLimit::Packets(1_000))
    );
    assert_eq!(
        forward("mtu: 1500, rate: 1mbit, queue: fq_codel").queue,
        queue(Discipline::FqCodel { codel, quantum: 1_514, flows: 1_024 }, QueueLimit::Packets(10_240))
    );
    let quick = CodelConfig { target: SimDuration::from_millis(1), interval: SimDuration::from_millis(20) };
    assert_eq!(
        forward("rate: 1mbit, queue: {kind: fq_codel, limit: 50, target: 1ms, interval: 20ms, quantum: 300, flows: 16}").queue,
        queue(Discipline::FqCodel { codel: quick, quantum: 300, flows: 16 }, QueueLimit::Packets(50))
    );
}

#[test]
fn a_direction_has_what_both_have_unless_it_says_otherwise() {
    let c = good(&with(
        "rtt: 20ms, loss: 1%, jitter: 1ms, duplicate: 2%, reverse: {loss: 0%, jitter: 0s, duplicate: 0%}, \
         forward: {mtu: 1500, rate: 1mbit, queue: codel}",
    ))
    .config;
    assert_eq!((c.forward.loss, c.reverse.loss), (Loss::Random(chance(1, 0)), Loss::None));
    assert!(c.forward.jitter.is_some() && c.reverse.jitter.is_none());
    assert_eq!((c.forward.duplicate, c.reverse.duplicate), (chance(2, 0), Chance::default()));
    assert!(c.forward.queue.is_some() && c.reverse.queue.is_none());
    assert_eq!(c.forward.delay, SimDuration::from_millis(10));
}

#[test]
fn shares_that_are_none_are_refused() {
    refused(&with("loss: 101%"), (3, 14), &["`101%` is more than 100%", "from 0% to 100%"]);
    refused(&with("loss: -1%"), (3, 14), &["cannot be negative"]);
    refused(&with("loss: 0.01"), (3, 14), &["has no `%`", "did you mean 0.01%?"]);
    refused(&with("loss: 5 percent"), (3, 14), &["`percent` is not a unit", "did you mean 5%?"]);
    refused(&with("loss: many"), (3, 14), &["`many` is not a percentage"]);
    refused(&with("duplicate: 100.1%"), (3, 19), &["more than 100%"]);
    refused(&with("delay: 1ms, reorder: {probability: 200%}"), (3, 43), &["more than 100%"]);
    refused(&with("loss: {gilbert-elliott: {p: 1%, r: 101%}}"), (3, 43), &["more than 100%"]);
}

#[test]
fn a_loss_that_does_not_say_which_packets_is_refused() {
    refused(&with("loss: {}"), (3, 14), &["does not say which packets"]);
    refused(&with("loss: {correlation: 1%}"), (3, 14), &["does not say which packets"]);
    refused(&with("loss: {probability: 1%, every: 5}"), (3, 32), &["`probability` and `every` both say"]);
    refused(&with("loss: {every: 5, correlation: 1%}"), (3, 25), &["`correlation` belongs to `probability`"]);
    refused(&with("loss: {every: 0}"), (3, 22), &["out of range"]);
    refused(&with("loss: {evry: 5}"), (3, 15), &["did you mean `every`?"]);
    refused(&with("loss: {gilbert-elliott: {r: 1%}}"), (3, 15), &["needs `p`"]);
    refused(&with("loss: {gilbert-elliott: 1%}"), (3, 32), &["must be a mapping"]);
}

#[test]
fn listed_packets_must_ascend() {
    refused(&with("loss: {packets: [9, 5]}"), (3, 28), &["5 is not larger than the number before it"]);
    refused(&with("loss: {packets: [5, 5]}"), (3, 28), &["5 is not larger"]);
    refused(&with("loss: {packets: [0]}"), (3, 25), &["out of range"]);
    refused(&with("loss: {packets: []}"), (3, 24), &["`packets` is empty"]);
    refused(&with("loss: {packets: 5}"), (3, 24), &["must be a list"]);
    refused(&with("loss: {packets: [1.5]}"), (3, 25), &["not a whole number"]);
}

#[test]
fn a_jitter_or_a_reordering_that_cannot_be_is_refused() {
    refused(&with("delay: 5s, jitter: 3s"), (3, 27), &["out of range"]);
    refused(&with("delay: 1ms, jitter: {distribution: normal}"), (3, 28), &["`jitter` needs `mean`"]);
    refused(
        &with("delay: 1ms, jitter: {mean: 1us, distribution: gauss}"),
        (3, 54),
        &["`gauss` is not known", "one of uniform, normal, pareto, paretonormal"],
    );
    refused(&with("reorder: {gap: 5}"), (3, 8), &["there is no delay"]);
    refused(&with("delay: 1ms, reorder: {correlation: 5%}"), (3, 29), &["does not say which packets"]);
    refused(&with("delay: 1ms, reorder: {gap: 0}"), (3, 35), &["out of range"]);
}

#[test]
fn a_queue_that_cannot_be_is_refused() {
    refused(&with("queue: codel"), (3, 8), &["no rate", "such as 100mbit"]);
    refused(
        &with("rate: 1mbit, queue: fifo"),
        (3, 28),
        &["`fifo` is not known", "drop-tail, codel, fq_codel"],
    );
    refused(&with("rate: 1mbit, queue: {target: 1ms}"), (3, 29), &["`target` belongs to codel and fq_codel"]);
    refused(&with("rate: 1mbit, queue: {kind: codel, flows: 5}"), (3, 42), &["`flows` belongs to fq_codel"]);
    refused(
        &with("rate: 1mbit, queue: {kind: codel, limit: 64KiB}"),
        (3, 49),
        &["`limit` of codel counts packets"],
    );
    refused(&with("rate: 1mbit, queue: {limit: 0}"), (3, 36), &["out of range"]);
    refused(&with("rate: 1mbit, queue: {limit: 64KB}"), (3, 36), &["64KiB (1024) or 64kB (1000)"]);
    refused(
        &with("rate: 1mbit, queue: {kind: codel, target: 200ms}"),
        (3, 50),
        &["`target` must be shorter than `interval`"],
    );
    assert_eq!(errors(&with("rate: 0bit, queue: codel")).len(), 2);
}

#[test]
fn what_may_not_be_meant_is_a_warning_said_once() {
    let (column, text) = warning("delay: 1ms, jitter: 2ms");
    assert_eq!(column, 28);
    assert!(
        text.contains("`jitter` 2ms is larger than the delay of 1ms") && text.contains("sent at once"),
        "{text}"
    );
    let (_, text) = warning("loss: {gilbert-elliott: {p: 1%, r: 0%}}");
    assert!(text.contains("stays there"), "{text}");
    let (column, text) = warning("rate: 1mbit, queue: {limit: 64KiB}");
    assert_eq!(column, 36);
    assert!(text.contains("holds no packet of 65550 bytes"), "{text}");
}

#[test]
fn the_command_line_replaces_one_way_of_loss_with_another() {
    let set = |text: &str, pairs: &[&str]| {
        let overrides =
            Overrides { set: pairs.iter().map(|s| (*s).to_owned()).collect(), ..Overrides::default() };
        resolve(&Source::new("t.yaml", with(text)), &overrides)
            .unwrap_or_else(|e| panic!("{}", e.render(false)))
            .config
    };
    assert_eq!(set("loss: 1%", &["path.loss=2%"]).forward.loss, Loss::Random(chance(2, 0)));
    assert_eq!(set("loss: 1%", &["path.loss.every=7"]).forward.loss, Loss::Every(7));
    assert_eq!(set("loss: {every: 9}", &["path.loss.packets=[1, 2]"]).reverse.loss, Loss::Listed(vec![1, 2]));
    assert_eq!(set("forward: {loss: 1%}", &["path.loss.every=7"]).forward.loss, Loss::Every(7));
    assert_eq!(set("loss: 1%", &["path.loss.correlation=5%"]).forward.loss, Loss::Random(chance(1, 5)));
    let c = set("mtu: 1500, rate: 1mbit, queue: codel", &["path.queue.limit=7"]).forward;
    assert_eq!(c.queue.map(|q| q.limit), Some(QueueLimit::Packets(7)));
}

#[test]
fn the_reference_has_every_key_of_the_path() {
    let text = reference();
    for key in ["path.loss.gilbert-elliott.p:", "path.jitter.distribution:", "path.reverse.queue.target:"] {
        assert!(text.contains(key), "{key}");
    }
}

fn any_percent() -> impl Strategy<Value = String> {
    (0_u32..=100, 0_u32..1_000_000).prop_map(|(whole, fraction)| match whole {
        100 => "100%".to_owned(),
        _ => format!("{whole}.{fraction:06}%"),
    })
}

fn any_loss() -> impl Strategy<Value = String> {
    prop_oneof![
        any_percent(),
        (any_percent(), any_percent()).prop_map(|(p, c)| format!("{{probability: {p}, correlation: {c}}}")),
        (1_u32..=u32::MAX).prop_map(|n| format!("{{every: {n}}}")),
        proptest::collection::btree_set(1_u64..1 << 40, 1..9)
            .prop_map(|numbers| format!("{{packets: {:?}}}", numbers.into_iter().collect::<Vec<_>>())),
        (any_percent(), any_percent(), any_percent(), any_percent())
            .prop_map(|(p, r, h, k)| format!("{{gilbert-elliott: {{p: {p}, r: {r}, h: {h}, k: {k}}}}}")),
    ]
}

#[test]
fn one_queue_for_both_directions_is_a_key_of_the_path() {
    let text = "name: t\nkernel: 6.1\npath: {rtt: 7ns, rate: 1mbit, limit: 50, shared_qdisc: on}\n";
    let c = good(text).config;
    assert!(c.forward.both_ways && !c.reverse.both_ways);
    assert_eq!(LinkConfig { both_ways: false, ..c.forward.clone() }, c.reverse);
    let again = good(&resolved_yaml(&good(text)));
    assert_eq!(again.config, c);
    assert!(!forward("rtt: 7ms").both_ways);
    refused(
        &with("shared_qdisc: on, reverse: {limit: 5}"),
        (3, 26),
        &["one queue for both directions, but `reverse` is apart", "under `path` itself"],
    );
    refused(&with("forward: {shared_qdisc: on}"), (3, 18), &["shared_qdisc"]);
}

#[test]
fn marks_are_on_for_fq_codel_as_with_tc_and_can_be_had_with_codel() {
    let ecn = |queue: &str| forward(&format!("mtu: 1500, rate: 1mbit, queue: {queue}")).queue.unwrap().ecn;
    assert!(ecn("fq_codel") && ecn("{kind: codel, ecn: on}"));
    assert!(!ecn("codel") && !ecn("{kind: fq_codel, ecn: off}") && !ecn("drop-tail"));
    refused(&with("rate: 1mbit, queue: {ecn: on}"), (3, 29), &["`ecn` belongs to codel and fq_codel"]);
    refused(&with("rate: 1mbit, queue: {kind: codel, ecn: 7}"), (3, 47), &["7"]);
    let sysctl = |v: &str| format!("name: t\nkernel: 6.1\nsender: {{sysctl: {{net.ipv4.tcp_ecn: {v}}}}}\n");
    assert_eq!(good(&sysctl("1")).config.sender.sysctl.tcp_ecn, 1);
    assert_eq!(good(&sysctl("1")).config.receiver.sysctl.tcp_ecn, 2);
    refused(&sysctl("3"), (3, 37), &["out of range"]);
}

#[test]
fn a_medium_and_a_token_bucket_have_keys() {
    let overhead = |text: &str| forward(&format!("rate: 1mbit, overhead: {text}")).overhead;
    assert_eq!(overhead("24"), Overhead { packet: 24, ..Overhead::default() });
    let atm = Overhead { packet: 10, cell: 48, cell_overhead: 5 };
    assert_eq!(overhead("{packet: 10, cell: 48, cell_overhead: 5}"), atm);
    assert_eq!((atm.on_wire(38), atm.on_wire(39), Overhead::default().on_wire(60)), (53, 106, 60));
    refused(&with("overhead: 24"), (3, 8), &["about the rate, and there is none", "16mbit"]);
    refused(
        &with("rate: 1mbit, overhead: {cell_overhead: 5}"),
        (3, 32),
        &["belongs to cells, which have no size", "48B for ATM"],
    );
    refused(&with("rate: 1mbit, overhead: {packet: -1}"), (3, 40), &["cannot be negative"]);
    let queue = forward("mtu: 1500, rate: 1mbit, queue: {burst: 3KiB}").queue.unwrap();
    assert_eq!(queue.burst, Some(3_072));
    refused(
        &with("mtu: 1500, rate: 1mbit, queue: {burst: 1513}"),
        (3, 47),
        &["`burst` 1513 never lets a packet of 1514 bytes pass", "1514, or a smaller `mtu`"],
    );
    refused(&with("rate: 1mbit, queue: {burst: 0}"), (3, 36), &["out of range"]);
}

fn any_queue() -> impl Strategy<Value = String> {
    prop_oneof![
        (1_u32..100_000, 65_550_u32..1 << 20)
            .prop_map(|(n, burst)| format!("{{limit: {n}, burst: {burst}}}")),
        (1_u32..100_000).prop_map(|n| format!("{{limit: {n}B}}")),
        (1_u32..1_000, 1_u64..99_999_999)
            .prop_map(|(n, t)| format!("{{kind: codel, limit: {n}, target: {t}ns, ecn: on}}")),
        (1_u32..65_536, 1_u32..9_000)
            .prop_map(|(flows, quantum)| format!("{{kind: fq_codel, flows: {flows}, quantum: {quantum}}}")),
    ]
}

proptest! {
    #[test]
    fn a_resolved_path_resolves_to_itself(
        loss in any_loss(),
        (jitter, correlation, shape) in (0_u64..2_000_000_000, any_percent(), 0_usize..4),
        (reorder, gap) in (any_percent(), 1_u32..500),
        duplicate in any_percent(),
        queue in any_queue(),
        (packet, cell, of_cell) in (0_u32..100, 1_u32..100, 0_u32..100),
    ) {
        let shape = ["uniform", "normal", "pareto", "paretonormal"][shape];
        let text = with(&format!(
            "delay: 3ms, rate: 7mbit, overhead: {{packet: {packet}, cell: {cell}, cell_overhead: {of_cell}}}, loss: {loss}, duplicate: {duplicate}, queue: {queue}, \
             jitter: {{mean: {jitter}ns, correlation: {correlation}, distribution: {shape}}}, \
             reverse: {{reorder: {{probability: {reorder}, correlation: {correlation}, gap: {gap}}}}}"
        ));
        let first = try_resolve(&text);
        prop_assert!(first.is_ok(), "{text}: {first:?}");
        let first = first.unwrap();
        let again = good(&resolved_yaml(&first));
        prop_assert_eq!(&again.config, &first.config);
        prop_assert_eq!(resolved_yaml(&again), resolved_yaml(&first));
    }

    #[test]
    fn shares_survive_the_way_through_text(parts: u32) {
        let link = good(&with("loss: 1%"));
        let mut changed = link.clone();
        changed.config.forward.duplicate = Chance { probability: Probability(parts), correlation: Probability(!parts) };
        prop_assert_eq!(good(&resolved_yaml(&changed)).config.forward, changed.config.forward);
    }
}

#[test]
fn a_device_with_a_ring_has_the_figures_of_ethtool() {
    let nic =
        |text: &str| good(&format!("name: t\nkernel: 6.1\nreceiver: {{nic: {text}}}\n")).config.receiver.nic;
    let ring = nic("{model: half-page, ring: 512, rx_usecs: 50, rx_frames: 32, budget: 16}").ring;
    let figures = |ring, us, rx_frames, budget| {
        Some(RingConfig { ring, rx_usecs: SimDuration::from_micros(us), rx_frames, budget })
    };
    assert_eq!(ring, figures(512, 50, 32, 16));
    assert_eq!(nic("{model: page, rx_usecs: 100us}").ring, figures(256, 100, 0, 64));
    assert_eq!(nic("{head: 640, fragment: 4096, ring: 64}").ring, figures(64, 0, 0, 64));
    assert_eq!(nic("page").ring, None);
    let refused = |text: &str, at, parts: &[&str]| {
        refused(&format!("name: t\nkernel: 6.1\nreceiver: {{nic: {text}}}\n"), at, parts);
    };
    refused("{model: loopback, ring: 64}", (3, 41), &["no ring and no interrupt"]);
    refused("{model: tun, rx_usecs: 1}", (3, 40), &["`rx_usecs` means nothing for `tun`"]);
    refused("{model: page, ring: 0}", (3, 37), &["out of range"]);
    refused("{model: page, budget: -1}", (3, 39), &["cannot be negative"]);
    refused("{model: page, rx_usecs: 2s}", (3, 41), &["out of range"]);
    let text = "name: t\nkernel: 6.1\nreceiver: {nic: {model: virtio, ring: 8, rx_usecs: 7, xdp: on}}\n";
    let first = good(text);
    assert_eq!(good(&resolved_yaml(&first)).config, first.config);
}

#[test]
fn fair_queueing_takes_its_defaults_or_figures_and_excludes_a_token_bucket() {
    let shaper = |text: &str| good(&format!("name: t\nkernel: 6.1\npath: {text}\n")).config.forward.shaper;
    let plain = FairQueue { limit: 10_000, flow_limit: 100, max_rate: None };
    assert_eq!(shaper("{fq: {}}"), Some(Shaper::Fair(plain)));
    let bounded = FairQueue { flow_limit: 20, max_rate: Some(500_000), ..plain };
    assert_eq!(shaper("{forward: {fq: {flow_limit: 20, maxrate: 4mbit}}}"), Some(Shaper::Fair(bounded)));
    let both = "name: t\nkernel: 6.1\npath: {tbf: {rate: 1mbit}, fq: {}}\n";
    refused(both, (3, 28), &["`fq` and `tbf` are both the queue", "maxrate"]);
    refused("name: t\nkernel: 6.1\npath: {fq: {maxrate: 0mbit}}\n", (3, 22), &["rate of zero"]);
    let written = resolved_yaml(&good("name: t\nkernel: 6.1\npath: {fq: {maxrate: 4mbit}}\n"));
    assert!(written.contains("fq: {limit: 10000, flow_limit: 100, maxrate: 4mbit}"), "{written}");
}
