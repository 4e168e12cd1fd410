//! What is said of a plan before anything runs: mistakes, warnings, the points.

use crate::support::{skmem, skmem_in};
use crate::sweep::{folder, sweep};

#[test]
fn bad_plans_are_refused_before_anything_runs() {
    let bad = |plan: &str, says: &[&str]| {
        let dir = folder(plan);
        sweep(dir.path(), &["-o", "out"]).exits(2).says(says);
        assert!(!dir.path().join("out").exists());
    };
    let with = |rest: &str| format!("base: budget-overrun\n{rest}");
    bad(&with("axes: {path.rrt: [1ms]}\n"), &["p.yaml:2:8", "rrt", "did you mean `rtt`"]);
    bad(&with("axes: {path.rtt: []}\n"), &["axis `path.rtt` is empty"]);
    bad(&with("axes: {}\n"), &["nothing to vary"]);
    bad(&with("axes: {path.rtt: [10]}\n"), &["has no unit", "did you mean 10ms"]);
    bad(&with("axes: {rx.nic: [lopback]}\n"), &["lopback", "did you mean `loopback`"]);
    bad(&with("axes: {kernel: [6.17]}\n"), &["no model of kernel 6.17"]);
    bad(&with("axes: {path.rtt: {from: 5ms, to: 1ms}}\n"), &["`from` must be less than `to`"]);
    bad(&with("axes: {path.rtt: [1ms], path.delay: [1ms]}\n"), &["both set the same key"]);
    bad(
        &with("axes:\n  rx.tcp_rmem[2]: [1MiB]\n  rx.tcp_rmem: [4096 8192 16384]\n"),
        &["both set the same key"],
    );
    bad(
        &with("axes:\n  seed: {from: 1, to: 1000000, steps: 100000}\n  path.rtt: {from: 1, to: 9}\n"),
        &["is no value of it"],
    );
    let huge = "axes:\n  path.rtt: {from: 1ms, to: 10s, steps: 100000}\n  rx.SO_RCVBUF: {from: 1kB, to: 1GB, steps: 100000}\nrepeat: 100\n";
    bad(&with(huge), &["1000000000000 rows", "its budget is 10000000"]);
    bad(
        &with("axes: {path.rtt: [1ms, 2ms, 9ms]}\nwhere: [path.rtt < 5ms, path.rtt > 5ms]\n"),
        &["no point passes", "`path.rtt < 5ms` alone leaves 2", "`path.rtt > 5ms` alone leaves 1"],
    );
    bad(&with("axes: {path.rtt: [1ms]}\nwhere: [path.rtt]\n"), &["compares nothing"]);
    bad(
        &with("axes: {path.rtt: [1ms, 2ms]}\nwhere: [path.rtt < 5]\n"),
        &["compares a time with a plain number", "give 5 a unit, such as 5ms"],
    );
    bad(
        &with("axes: {path.rtt: [1ms, 2ms]}\nwhere: [path.rtt * 2 < 64KiB]\n"),
        &["compares a time with a size"],
    );
    bad(&with("axes: {rx.SO_RECVBUF: [16KiB]}\n"), &["p.yaml:2:8", "did you mean `SO_RCVBUF`"]);
    bad(&with("axes: {path.rtt: [1ms]}\nmeasures: [fited]\n"), &["did you mean `fitted`"]);
    bad(&with("axes: {path.rtt: [1ms]}\nrepeat: 0\n"), &["`repeat`"]);
    bad(&with("axis: {path.rtt: [1ms]}\n"), &["did you mean `axes`"]);
    bad("axes: {path.rtt: [1ms]}\n", &["no `base`"]);
    bad("base: budget-overun\naxes: {path.rtt: [1ms]}\n", &["did you mean `budget-overrun`"]);
    bad("base: {kernel: 6.1, path: {rrt: 1ms}}\naxes: {path.rtt: [1ms]}\n", &["p.yaml:1:28", "rrt"]);
    bad("base: kernel-upgrade\naxes: {path.rtt: [1ms]}\n", &["lists several kernels"]);
    bad(
        &with("axes:\n  rx.SO_RCVBUF: [16KiB\nmeasures: [fitted]\n"),
        &["p.yaml:3:17", "this `[` is not closed", "a `]` is missing"],
    );
    bad(
        &with("axes: {rx.tcp_rmem[2]: [1MiB]}\n"),
        &["p.yaml:2:", "within braces a key with an index is quoted"],
    );
    bad(
        &with("axes: {fitted: {a: {path.rtt: 1ms}, b: {path.rtt: 2ms}}}\n"),
        &["`fitted` cannot be the name of a bundle: it is that of a measure"],
    );
    let filter =
        |text: &str| with(&format!("axes: {{kernel: [6.1, 7.2], rx.nic: [page, tun]}}\nwhere: ['{text}']\n"));
    bad(&filter("kernel >= foo"), &["p.yaml:3:9", "`foo` is not a kernel", "there are 5.10"]);
    bad(&filter("kernel == 7.3"), &["axis `kernel` has no value `7.3`", "did you mean `7.2`"]);
    bad(&filter("rx.nic != pgae"), &["axis `rx.nic` has no value `pgae`", "did you mean `page`"]);
    bad(&filter("rx.nic >= page"), &["words have no order"]);
    let tune = |goal: &str| with(&format!("axes: {{rx.SO_RCVBUF: [16KiB]}}\ntune: {{{goal}}}\n"));
    bad(&tune("maximise: p05(godput)"), &["did you mean `maximize`", "did you mean `goodput`"]);
    bad(&tune("minimise: fited"), &["did you mean `minimize`", "did you mean `fitted`"]);
    bad(&tune("maximize: meen(godput)"), &["did you mean `mean`", "did you mean `goodput`"]);
    bad(
        &with(
            "axes: {path.rtt: [1ms]}\nmeasures: [fitted, dropped]\ncharts: [{pareto: [minimise dropped, max fitted]}]\n",
        ),
        &["`minimise`: did you mean `minimize`?"],
    );
    bad(&with("axes: {path.rtt: [1ms]}\nbudget: {row: 5}\n"), &["did you mean `rows`"]);
    skmem(&["sweep", "rcvbuf-rtt"]).exits(2).says(&["did you mean `rcvbuf-x-rtt`"]);
    skmem(&["sweep", "overrun-map", "--shard", "3/2"]).exits(2).says(&["K/N"]);
}

/// The warnings of a plan.
fn warnings(plan: &str) -> Vec<String> {
    let dir = folder(plan);
    let ran = sweep(dir.path(), &["--dry-run"]).exits(0);
    ran.err.lines().filter_map(|l| l.strip_prefix("warning: ").map(str::to_owned)).collect()
}

#[test]
fn warnings_are_of_the_points_and_not_of_the_base() {
    let buffer = |max: &str| {
        format!(
            "base: budget-overrun\naxes:\n  rx.SO_RCVBUF: [128KiB, 1MiB]\n  rx.sysctl.net.core.rmem_max: {max}\n"
        )
    };
    assert_eq!(warnings(&buffer("[4MiB]")), [""; 0]);
    let [capped] = &warnings(&buffer("[212992, 4MiB]"))[..] else { panic!() };
    assert!(capped.starts_with("SO_RCVBUF 1MiB is capped at net.core.rmem_max"), "{capped}");
    assert!(
        capped.ends_with("; at 1 of 4 points, such as rx.SO_RCVBUF=1MiB  rx.sysctl.net.core.rmem_max=212992")
    );
    // The base's own warning is none where an axis sets the key.
    let base = "base: {kernel: 6.1, receiver: {sockopt: {SO_RCVBUF: 1MiB}}, stop: {after: 1ms}}\n";
    assert_eq!(warnings(&format!("{base}axes: {{rx.SO_RCVBUF: [16KiB, 32KiB]}}\n")), [""; 0]);
    assert_eq!(warnings(&format!("{base}axes: {{path.rtt: [1ms, 2ms]}}\n")).len(), 1);
}

#[test]
fn an_axis_without_effect_is_warned_of_where_it_has_none() {
    let plan = |kernels: &str| {
        format!("base: budget-overrun\naxes:\n  rx.tcp_adv_win_scale: [0, 1]\n  kernel: {kernels}\n")
    };
    assert_eq!(warnings(&plan("[5.10, 6.1]")), [""; 0]);
    let [ignored] = &warnings(&plan("[6.1, 6.12, 6.18]"))[..] else { panic!() };
    let said = "kernel 6.12 ignores net.ipv4.tcp_adv_win_scale (from 6.6 on";
    assert!(ignored.starts_with(said) && ignored.contains("; at 4 of 6 points, such as "), "{ignored}");
    let [ignored] = &warnings(&plan("[6.18]"))[..] else { panic!() };
    assert!(ignored.starts_with("kernel 6.18 ignores") && !ignored.contains("points"), "{ignored}");
    // Of a sample and of a large grid it is an estimate.
    let large = "base: budget-overrun\naxes:\n  rx.tcp_adv_win_scale: [0, 1]\n  kernel: [6.1, 6.18]\n  \
                 path.rtt: {from: 1ms, to: 9s, steps: 9000}\n";
    let [ignored] = &warnings(large)[..] else { panic!() };
    assert!(ignored.contains("; at about ") && ignored.contains(" % of the points"), "{ignored}");
    // And a search has conditions.
    let tune = "base: budget-overrun\naxes: {rx.tcp_adv_win_scale: [0, 1]}\n\
                tune: {maximize: fitted, over: {kernel: [6.1, 7.2]}}\n";
    let dir = folder(tune);
    skmem_in(dir.path(), &["tune", "p.yaml"]).exits(0).says(&["kernel 7.2 ignores", "at 2 of 4 points"]);
    skmem_in(dir.path(), &["lint", "p.yaml"]).exits(0).says(&["kernel 7.2 ignores", "at 2 of 4 points"]);
}

#[test]
fn a_value_that_needs_rare_company_is_no_mistake() {
    // 7 MiB needs a larger maximum than the base has, which few points allow, and all of them come late in their order.
    let plan = "base: budget-overrun\naxes:\n  rx.tcp_rmem[1]: [8KiB, 7MiB]\n  \
                rx.tcp_rmem[2]: {from: 16KiB, to: 8MiB, steps: 1000}\n  path.rtt: {from: 1ms, to: 300ms, steps: 300}\n";
    let alone = folder("base: budget-overrun\naxes: {'rx.tcp_rmem[1]': [8KiB, 7MiB]}\n");
    sweep(alone.path(), &["--dry-run"]).exits(2).says(&["must not descend"]);
    let dir = folder(plan);
    sweep(dir.path(), &["--dry-run"]).exits(0);
}

#[test]
fn a_dry_run_lists_the_first_points_or_all() {
    let dir = folder("base: budget-overrun\naxes: {rx.SO_RCVBUF: {from: 8KiB, to: 1MiB, steps: 1000}}\n");
    let listed = |args: &[&str]| {
        let ran = sweep(dir.path(), args).exits(0);
        let points = ran.out.lines().filter(|l| l.contains("rx.SO_RCVBUF=")).count();
        (points, ran.out)
    };
    let (points, out) = listed(&["--dry-run"]);
    assert!(points == 20 && out.contains("... and 980 more; --all prints them"), "{out}");
    let (points, out) = listed(&["--dry-run", "--all"]);
    assert!(points == 1_000 && out.contains("1000 points, 1000 rows"), "{out}");
    assert_eq!(listed(&["--dry-run", "--all", "--shard", "2/3"]).0, 333);
    sweep(dir.path(), &["--all"]).exits(2);
}

#[test]
fn an_error_of_a_row_names_the_setting() {
    let plan = "base: budget-overrun\naxes:\n  rx.tcp_rmem[1]: [8KiB, 64KiB]\n  rx.tcp_rmem[2]: [16KiB, 128KiB]\nmeasures: fitted\n";
    let dir = folder(plan);
    let ran = sweep(dir.path(), &["-o", "out"]).exits(1);
    assert!(ran.err.contains("point 2: rx.tcp_rmem[2]=16KiB: `net.ipv4.tcp_rmem`"), "{}", ran.err);
    let rows = std::fs::read_to_string(dir.path().join("out/rows.csv")).unwrap();
    assert!(!rows.contains("--set"), "{rows}");
}

#[test]
fn plans_are_linted_and_their_bases_run() {
    let dir = folder("base: {kernel: 6.1, stop: {after: 5ms}}\naxes: {path.rtt: [1ms, 2ms]}\n");
    let d = dir.path();
    assert_eq!(
        skmem_in(d, &["lint", "p.yaml", "rcvbuf-x-rtt"]).exits(0).out,
        "p.yaml: ok\nrcvbuf-x-rtt: ok\n"
    );
    let ran = skmem_in(d, &["run", "p.yaml", "--set", "path.rtt=2ms", "--quiet"]).exits(0);
    assert!(ran.out.starts_with("p: "), "{}", ran.out);
    skmem_in(d, &["run", "p.yaml", "--set", "path.rrt=2ms"]).exits(2).says(&["did you mean `rtt`"]);
    let faulty = folder("base: budget-overrun\naxes: {path.rrt: [1ms]}\n");
    skmem_in(faulty.path(), &["lint", "p.yaml"]).exits(2).says(&["p.yaml:2:8", "did you mean `rtt`"]);
}
