//! What each command prints.

use std::fs;
use std::io::Read as _;
use std::process::Stdio;

use crate::support::{command, listing, skmem, skmem_in};

#[test]
fn run_prints_report_answers_digest_expectations_and_chart() {
    let r = skmem(&["run", "budget-overrun"]).exits(0);
    for text in [
        "budget-overrun: kernel 6.1, seed 1",
        "State      Recv-Q",
        "ESTAB      62464",
        "skmem:(r73984,rb65536",
        "#kernel\n",
        "TcpExtTCPRcvQDrop               3",
        "How much data fitted?  62464 bytes",
        "In how many bursts?    1",
        "8448 bytes over the budget",
        "3072 bytes of window were still open",
        "Digest                 ",
        "Expectations           ",
        "█ skmem_r",
    ] {
        assert!(r.out.contains(text), "`{text}` is not in\n{}", r.out);
    }
    assert_eq!(r.err, "");
    assert!(!r.out.contains('\u{1b}'), "a pipe gets no colours");
}

#[test]
fn several_scenarios_are_printed_in_the_order_given() {
    let r = skmem(&["run", "quickack", "budget-overrun", "normal-window", "--quiet"]).exits(0);
    let names: Vec<&str> = r.out.lines().map(|l| l.split(':').next().unwrap()).collect();
    assert_eq!(names, ["quickack", "budget-overrun", "normal-window"]);
}

#[test]
fn json_is_the_summary_and_nothing_else() {
    let r = skmem(&["run", "budget-overrun", "--json"]).exits(0);
    let json: serde_json::Value = serde_json::from_str(&r.out).unwrap();
    assert_eq!(json["final"]["recv_q"], 62464);
    assert_eq!(json["counters"]["TcpExtTCPRcvQDrop"], 3);
    assert_eq!(json["kernel"], "6.1");
}

#[test]
fn every_kernel_runs() {
    for kernel in ["5.10", "6.1", "6.12", "6.18", "7.2"] {
        let r = skmem(&["run", "budget-overrun", "--kernel", kernel, "--json"]).exits(0);
        let json: serde_json::Value = serde_json::from_str(&r.out).unwrap();
        assert_eq!(json["kernel"], kernel);
        assert!(json["measures"]["fitted"].as_i64().unwrap() > 32768, "{kernel}");
    }
}

#[test]
fn what_the_kernel_ignores_is_a_warning() {
    let r = skmem(&["run", "budget-overrun", "--kernel", "6.12"]).exits(0);
    assert!(r.out.contains("kernel 6.12 ignores net.ipv4.tcp_adv_win_scale"), "{}", r.out);
    skmem(&["run", "budget-overrun", "--kernel", "6.12", "--quiet"])
        .exits(0)
        .says(&["warning: kernel 6.12 ignores net.ipv4.tcp_adv_win_scale"]);
}

#[test]
fn an_inferred_kernel_is_tagged() {
    let r = skmem(&["run", "budget-overrun", "--kernel", "6.1.55", "--json"]).exits(0);
    let json: serde_json::Value = serde_json::from_str(&r.out).unwrap();
    assert!(json["inferred"][0].as_str().unwrap().contains("6.1.55"), "{}", json["inferred"]);
}

#[test]
fn settings_and_seed_of_the_command_line_reach_the_run() {
    let args = ["run", "budget-overrun", "--set", "rx.SO_RCVBUF=16KiB", "--seed", "7", "--json"];
    let r = skmem(&args).exits(0);
    let json: serde_json::Value = serde_json::from_str(&r.out).unwrap();
    assert_eq!(json["final"]["skmem_rb"], 32768);
    assert_eq!(json["seed"], 7);
}

#[test]
fn an_expectation_that_is_not_met_ends_with_1_and_its_name() {
    let r = skmem(&["run", "budget-overrun", "--set", "expect.final.recv_q=1"]).exits(1);
    let line = "final.recv_q: expected 1, got 62464 (--set:1:1)";
    assert!(r.out.contains(line), "{}", r.out);
    let r = r.says(&["error: budget-overrun fell short of what `expect` says"]);
    assert!(r.out.contains("█ skmem_r"), "the report is printed all the same");
    skmem(&["run", "budget-overrun", "--quiet", "--set", "expect.final.recv_q=1"]).exits(1).says(&[line]);
}

#[test]
fn expectations_do_not_bind_a_run_that_the_command_line_changed() {
    let r =
        skmem(&["run", "budget-overrun", "--set", "path.rtt=10ms", "--set", "rx.SO_RCVBUF=16KiB"]).exits(0);
    assert!(r.out.contains("met; not held against a run that the command line changed"), "{}", r.out);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let dir = tempfile::tempdir().unwrap();
    let all = ["run", "budget-overrun", "normal-window", "quickack", "default-128k", "slow-opening"];
    let mut json = all.to_vec();
    json.push("--json");
    for args in [&all[..], &json, &["schema"], &["list", "kernels"], &["show", "budget-overrun"], &["--help"]]
    {
        let mut child =
            command(dir.path(), args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // Closed before anything is read.
        drop(child.stdout.take());
        let mut err = String::new();
        child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        let status = child.wait().unwrap();
        assert_eq!((status.code(), err.as_str()), (Some(0), ""), "{args:?}");
    }
}

#[test]
fn list_names_the_gallery_and_the_kernels() {
    let r = skmem(&["list"]).exits(0);
    for name in ["budget-overrun", "normal-window", "quickack", "default-128k", "slow-opening", "spaghetti"] {
        assert!(r.out.lines().any(|l| l.starts_with(name)), "{name}");
    }
    let r = skmem(&["list", "kernels"]).exits(0);
    assert!(r.out.contains("5.10.223") && r.out.contains("7.2.13") && r.out.contains("autotuning formula"));
}

#[test]
fn list_names_the_plans_and_show_prints_one_that_can_be_swept() {
    let r = skmem(&["list", "plans"]).exits(0);
    for (name, rows) in [("rcvbuf-x-rtt", "54"), ("overrun-map", "100000")] {
        let line = r.out.lines().find(|l| l.starts_with(name)).unwrap();
        assert!(line.contains(rows), "{line}");
    }
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("mine.yaml"), skmem(&["show", "rcvbuf-x-rtt"]).exits(0).out).unwrap();
    skmem_in(dir.path(), &["sweep", "mine.yaml", "--dry-run"]).exits(0);
    skmem(&["list", "plans", "--markdown"]).exits(2).says(&["docs/sweeps.md"]);
}

#[test]
fn show_prints_a_scenario_that_runs_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let written = skmem(&["show", "budget-overrun"]).exits(0).out;
    let resolved = skmem(&["show", "budget-overrun", "--resolved"]).exits(0).out;
    assert!(written.contains("rtt: 200ms") && resolved.contains("net.ipv4.tcp_moderate_rcvbuf"));
    fs::write(dir.path().join("written.yaml"), written).unwrap();
    fs::write(dir.path().join("resolved.yaml"), resolved).unwrap();
    let digest = |file: &str| {
        let out = skmem_in(dir.path(), &["run", file, "--quiet"]).exits(0).out;
        out.rsplit(' ').next().unwrap().to_owned()
    };
    assert_eq!(digest("written.yaml"), digest("resolved.yaml"));
}

#[test]
fn new_writes_a_scenario_that_runs_and_overwrites_nothing() {
    let dir = tempfile::tempdir().unwrap();
    skmem_in(dir.path(), &["new", "mine"]).exits(0).says(&["mine.yaml is written"]);
    skmem_in(dir.path(), &["lint", "mine.yaml"]).exits(0);
    skmem_in(dir.path(), &["run", "mine.yaml", "--quiet"]).exits(0);
    skmem_in(dir.path(), &["new", "mine"]).exits(2).says(&["mine.yaml already exists"]);
    skmem_in(dir.path(), &["new", "a b"]).exits(2).says(&["cannot be the name of a scenario"]);
    assert!(skmem_in(dir.path(), &["new", "x", "-o", "-"]).exits(0).out.starts_with("name: x"));
    assert_eq!(listing(dir.path()), ["mine.yaml"]);
}

#[test]
fn the_schema_is_json_and_the_reference_names_the_metrics() {
    let json: serde_json::Value = serde_json::from_str(&skmem(&["schema"]).exits(0).out).unwrap();
    assert!(json["properties"]["receiver"].is_object());
    assert!(skmem(&["schema", "--text"]).exits(0).out.contains("peak.over_budget"));
}

#[test]
fn completions_are_there_for_the_usual_shells() {
    for shell in ["bash", "zsh", "fish"] {
        assert!(skmem(&["completions", shell]).exits(0).out.contains("skmem"), "{shell}");
    }
}

#[test]
fn lint_names_what_is_good_and_what_is_not() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("good.yaml"), "kernel: 6.1\n").unwrap();
    fs::write(dir.path().join("bad.yaml"), "kernel: 6.1\nsede: 1\n").unwrap();
    let r = skmem_in(dir.path(), &["lint", "good.yaml", "bad.yaml"]).exits(2);
    assert_eq!(r.out, "good.yaml: ok\n");
    r.says(&["bad.yaml:2:1", "did you mean `seed`?", "error: cannot be run: bad.yaml"]);
}
