//! Scenarios of several kernels.

use scenarios::{Overrides, Scenario, Source, resolve, resolve_all, resolved_yaml};

use super::refused;

#[track_caller]
fn all(text: &str, overrides: &Overrides) -> Vec<Scenario> {
    resolve_all(&Source::new("up.yaml", text), overrides).unwrap_or_else(|e| panic!("{}", e.render(false)))
}

const TEXT: &str = "name: up\nkernels: [5.10, 6.1.0-53-cloud-amd64, 7.2]\nexpect:\n  dropped: 0\n  \
    final: {qlen: 1}\n  \"5.10\": {acks: 5}\n  \"7.2\": {acks: 7, final.recv_q: \">= 1KiB\"}\n";

#[test]
fn a_scenario_of_several_kernels_is_one_scenario_per_kernel() {
    let family = all(TEXT, &Overrides::default());
    let names: Vec<(&str, &str)> = family.iter().map(|s| (s.name.as_str(), s.config.kernel.name)).collect();
    assert_eq!(names, [("up-5.10", "5.10"), ("up-6.1.0-53-cloud-amd64", "6.1"), ("up-7.2", "7.2")]);
    assert!(family.iter().all(|s| s.family.as_deref() == Some("up") && s.kernels.len() == 3));
}

#[test]
fn expectations_below_a_kernel_hold_for_it_alone() {
    let expected: Vec<Vec<String>> = all(TEXT, &Overrides::default())
        .iter()
        .map(|s| s.expectations.iter().map(|e| format!("{} {}", e.metric, e.check)).collect())
        .collect();
    assert_eq!(expected[0], ["dropped 0", "final.qlen 1", "acks 5"]);
    assert_eq!(expected[1], ["dropped 0", "final.qlen 1"]);
    assert_eq!(expected[2], ["dropped 0", "final.qlen 1", "acks 7", "final.recv_q >= 1024"]);
}

#[test]
fn the_command_line_chooses_one_kernel() {
    let overrides = Overrides { kernel: Some("6.18".into()), ..Overrides::default() };
    let one = all(TEXT, &overrides);
    assert_eq!((one.len(), one[0].name.as_str(), one[0].config.kernel.name), (1, "up", "6.18"));
    assert!(one[0].family.is_none());
    let first = resolve(&Source::new("up.yaml", TEXT), &Overrides::default()).unwrap();
    assert_eq!((first.name.as_str(), first.config.kernel.name), ("up", "5.10"));
    let again = resolve(&Source::new("again.yaml", resolved_yaml(&first)), &Overrides::default()).unwrap();
    assert_eq!(again.config, first.config);
}

#[test]
fn a_list_of_kernels_that_cannot_be_is_refused_where_it_stands() {
    refused("kernels: 6.1\n", (1, 10), &["`kernels` must be a list"]);
    refused("kernels: [6.1, 6.1]\n", (1, 16), &["listed twice"]);
    refused("kernels: [6.1, 5.15]\n", (1, 16), &["no model of kernel 5.15"]);
    refused("kernels: [6.1]\nkernel: 6.1\n", (2, 1), &["both say where"]);
    refused("kernels: [6.1]\nexpect: {\"6.1\": {acsk: 1}}\n", (2, 18), &["did you mean `acks`?"]);
    refused("kernels: [6.1]\nexpect: {\"5.10\": {acks: 1}}\n", (2, 19), &["`5.10.acks` is not a metric"]);
}
