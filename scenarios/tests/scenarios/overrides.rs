//! `--set`, `--kernel`, `--seed`.

use scenarios::{Overrides, Scenario, ScenarioError, Source, resolve};
use sim_core::config::{NicModel, ReadMode};

const BASE: &str = "kernel: 6.1\npath: {delay: 100ms, forward: {limit: 7}}\nreceiver: {sockopt: {SO_RCVBUFFORCE: 1MiB}, read: never}\n";

fn set(pairs: &[&str]) -> Result<Scenario, ScenarioError> {
    let overrides =
        Overrides { set: pairs.iter().map(|s| (*s).to_owned()).collect(), ..Overrides::default() };
    resolve(&Source::new("t.yaml", BASE), &overrides)
}

#[track_caller]
fn refused(pair: &str, parts: &[&str]) {
    let text = set(&[pair]).unwrap_err().to_string();
    for part in parts.iter().chain(&["--set:1:"]) {
        assert!(text.contains(part), "{part:?} is missing in {text:?}");
    }
}

#[test]
fn a_key_is_replaced_or_added() {
    let s = set(&[
        "path.rtt=50ms",
        "receiver.sockopt.SO_RCVBUF=64KiB",
        "sender.route.initcwnd=5",
        "stop.after=1s",
    ])
    .unwrap();
    assert_eq!(s.config.forward.delay.as_nanos(), 25_000_000);
    assert_eq!(
        (s.config.receiver.sockopt.rcvbuf, s.config.receiver.sockopt.rcvbuf_force),
        (Some(65_536), false)
    );
    assert_eq!(s.config.sender.route.initcwnd, Some(5));
    assert_eq!(s.config.stop.after.as_nanos(), 1_000_000_000);
}

#[test]
fn a_setting_of_both_directions_goes_before_one_of_them() {
    assert_eq!(set(&["path.limit=9"]).unwrap().config.forward.limit, 9);
    assert_eq!(set(&["path.forward.delay=1ms"]).unwrap().config.forward.delay.as_nanos(), 1_000_000);
}

#[test]
fn a_figure_of_a_device_that_is_named_only_joins_its_name() {
    let s = set(&["receiver.nic=half-page", "receiver.nic.ring=256"]).unwrap();
    assert_eq!(s.config.receiver.nic.model, NicModel::HalfPage);
    assert_eq!(s.config.receiver.nic.ring.map(|r| r.ring), Some(256));
    refused("receiver.nic.ring=256", &["`ring` means nothing for `loopback`"]);
}

#[test]
fn sysctls_are_named_in_full_or_short() {
    let s = set(&[
        "receiver.sysctl.net.ipv4.tcp_rmem=4096 65536 1MiB",
        "tx.tcp_sack=0",
        "rx.tcp_rmem[2]=2MiB",
        "sender.tcp_wmem[1]=32KiB",
        "host.tcp_mem[0]=5",
    ])
    .unwrap();
    assert_eq!(s.config.receiver.sysctl.tcp_rmem, [4096, 65_536, 2 << 20]);
    assert_eq!(s.config.sender.sysctl.tcp_wmem, [4096, 32_768, 4_194_304]);
    assert!(!s.config.sender.sysctl.tcp_sack && s.config.receiver.sysctl.tcp_sack);
    assert_eq!(s.config.host.tcp_mem, [5, 251_851, 377_776]);
    let s = set(&["host.ram=512MiB", "host.tcp_mem[0]=5", "rx.tcp_rmem[0]=6"]).unwrap();
    let d = sim_core::host::MemoryDefaults::of_ram(s.config.kernel, 512 << 20);
    assert_eq!(s.config.host.tcp_mem, [5, d.tcp_mem[1], d.tcp_mem[2]]);
    assert_eq!(s.config.receiver.sysctl.tcp_rmem, [6, 131_072, d.rmem_max]);
    assert_eq!(
        set(&["rx.SO_RCVBUF=4096", "tx.initcwnd=3"]).unwrap().config.receiver.sockopt.rcvbuf,
        Some(4096)
    );
}

#[test]
fn structured_values_and_modes_can_be_set() {
    let s =
        set(&["receiver.read={mode: fixed, bytes: 1KiB, every: 5ms}", "receiver.read.every=7ms"]).unwrap();
    assert!(
        matches!(s.config.receiver.read.mode, ReadMode::Fixed { bytes: 1024, every } if every.as_nanos() == 7_000_000)
    );
    let s =
        set(&["receiver.read.mode=asap", "receiver.read.buffer=1KiB", "expect.final.recv_q=<= 5"]).unwrap();
    assert!(matches!(s.config.receiver.read.mode, ReadMode::Asap { buffer: 1024, .. }));
    assert_eq!(s.expectations.len(), 1);
}

#[test]
fn mistakes_name_the_override() {
    refused("path.rrt=1ms", &["did you mean `rtt`?"]);
    refused("path.rtt=64Kb", &["not a unit of time"]);
    refused("path.rtt", &["not `key=value`"]);
    refused("path.rtt=", &["no value"]);
    refused("receiver.sysctl.net.ipv4.tcp_rmen=1 2 3", &["did you mean `net.ipv4.tcp_rmem`?"]);
    refused("rx.TCP_NODELEY=1", &["TCP_NODELEY` is not a key"]);
    refused("seed.x=1", &["no keys of its own"]);
    refused("path.queue.ce_threshold=1ms", &["not supported by this version"]);
    refused("path.loss=1", &["did you mean 1%?"]);
    refused("path.rtt[1]=5ms", &["takes no index"]);
    refused("rx.tcp_rmem[3]=5", &["an index is 0, 1 or 2"]);
    refused("receiver.read={mode: fixd}", &["did you mean `fixed`?"]);
    refused("receiver.read={mode: ", &["not valid YAML"]);
    refused("receiver.read.evry=1ms", &["did you mean `every`?"]);
}

#[test]
fn kernel_and_seed_are_replaced() {
    let overrides = Overrides { kernel: Some("6.12".into()), seed: Some(99), ..Overrides::default() };
    let s = resolve(&Source::new("t.yaml", BASE), &overrides).unwrap();
    assert_eq!((s.config.kernel.name, s.config.seed), ("6.12", 99));
    let overrides = Overrides { kernel: Some("3.2".into()), ..Overrides::default() };
    let text = resolve(&Source::new("t.yaml", BASE), &overrides).unwrap_err().to_string();
    assert!(text.starts_with("--kernel:1:1: error: there is no model of kernel 3.2"), "{text}");
}
