//! `skmem check`.

use std::fs;
use std::path::Path;

use crate::support::{skmem, skmem_in};

#[test]
fn a_scenario_that_holds_is_one_line() {
    let r = skmem(&["check", "budget-overrun"]).exits(0);
    assert!(r.out.lines().any(|l| l.starts_with("budget-overrun  6.1     ")), "{}", r.out);
    assert_eq!(r.err, "");
}

#[test]
fn what_fell_short_is_named_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("s.yaml"), "kernel: 6.1\nexpect:\n  bursts: 12345\n  packets: \"> 0\"\n")
        .unwrap();
    let r = skmem_in(dir.path(), &["check", "s.yaml"]).exits(1);
    assert!(r.out.contains("s.yaml:3:3: bursts: expected 12345, got "), "{}", r.out);
    r.says(&["1 of 1 scenario fell short of what"]);
}

#[test]
fn everything_that_comes_with_the_program_holds() {
    let r = skmem(&["check"]).exits(0);
    assert_eq!(r.err, "");
    assert!(r.out.lines().any(|l| l.starts_with("overrun-memory ") && l.ends_with("yes")), "{}", r.out);
    assert!(!r.out.contains(" NO"), "{}", r.out);
}

const FLIPPED: &str = r#"title: My own
source: {name: somebody}
claims:
  - id: all-of-it-fits
    says: The whole budget can be filled with data.
    kernels: ["6.1", "6.12"]
    run: budget-overrun
    shows: [final.recv_q == final.skmem_rb]
    instead: [final.recv_q == 62464]
    verdict: confirmed
"#;

#[test]
fn a_claim_with_another_verdict_names_itself_and_what_the_runs_showed() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("own.yaml"), FLIPPED).unwrap();
    let r = skmem_in(dir.path(), &["check", "own.yaml"]).exits(1);
    for says in [
        "own.yaml:4:5: claim all-of-it-fits: recorded as confirmed, but the runs say refuted",
        "on 6.1: `final.recv_q == final.skmem_rb` is false: 62464 against 65536",
        "on 6.12: `final.recv_q == 62464` is false: 58368 against 62464",
    ] {
        assert!(r.out.contains(says), "`{says}` is not in:\n{}", r.out);
    }
    r.says(&["1 of 1 claim fell short of the recorded verdict"]);
    // The right verdict is not enough where `instead` is wrong.
    fs::write(dir.path().join("own.yaml"), FLIPPED.replace("confirmed", "refuted")).unwrap();
    let r = skmem_in(dir.path(), &["check", "own.yaml"]).exits(1);
    assert!(r.out.contains("all-of-it-fits: refuted, but not as recorded"), "{}", r.out);
}

#[test]
fn a_claim_that_a_recording_contradicts_names_the_kernel_and_the_numbers() {
    let dir = tempfile::tempdir().unwrap();
    // The run and the recording differ: the setting halves the budget of the run.
    let text = FLIPPED
        .replace("run: budget-overrun", "run: {scenario: budget-overrun, set: [receiver.sockopt.SO_RCVBUF=16KiB]}\n    recorded: a_overrun")
        .replace("final.recv_q == final.skmem_rb", "final.skmem_rb == 32KiB")
        .replace("    instead: [final.recv_q == 62464]\n", "");
    fs::write(dir.path().join("own.yaml"), &text).unwrap();
    let r = skmem_in(dir.path(), &["check", "own.yaml"]).exits(1);
    let says = "the recording a_overrun of 6.1: `final.skmem_rb == 32KiB` is false: 65536 against 32768";
    assert!(r.out.contains(says), "{}", r.out);
    fs::write(dir.path().join("own.yaml"), text.replace("a_overrun", "a_overun")).unwrap();
    skmem_in(dir.path(), &["check", "own.yaml"])
        .exits(2)
        .says(&["nobody recorded `a_overun`; did you mean `a_overrun`?"]);
    fs::write(dir.path().join("own.yaml"), text.replace("recorded:", "basis: modell\n    recorded:"))
        .unwrap();
    skmem_in(dir.path(), &["check", "own.yaml"])
        .exits(2)
        .says(&["there is no basis `modell`", "did you mean `model`?"]);
}

#[test]
fn when_the_outcome_changes_the_claims_that_flip_name_themselves_and_the_others_do_not() {
    let dir = tempfile::tempdir().unwrap();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("claims/published-experiment.yaml");
    let shipped = fs::read_to_string(shipped).unwrap();
    // A model that offered half of the budget would give what this setting gives.
    let half = "run: {scenario: budget-overrun, set: [receiver.sysctl.net.ipv4.tcp_adv_win_scale=1]}";
    let changed = shipped.replace("run: budget-overrun\n", &format!("{half}\n"));
    fs::write(dir.path().join("own.yaml"), changed).unwrap();
    let r = skmem_in(dir.path(), &["check", "own.yaml"]).exits(1);
    for (id, flips) in [
        ("overrun-memory", true),
        ("overrun-queue", true),
        ("drop-inside-window", true),
        ("rcvbuf-is-doubled", false),
        ("normal-56-kib", false),
        ("slow-opening-800-kib", false),
    ] {
        let named = format!(": claim {id}: recorded as ");
        assert_eq!(r.out.contains(&named), flips, "{id}:\n{}", r.out);
    }
}

#[test]
fn what_the_published_experiment_says_stands_on_its_figures_and_on_recordings() {
    let r = skmem(&["check", "overrun-memory", "overrun-13-rcvqdrops", "--format", "json"]).exits(0);
    let json: serde_json::Value = serde_json::from_str(&r.out).unwrap();
    let kernels = |n: usize| json["claims"][n]["recorded_kernels"].as_array().unwrap().len();
    assert_eq!(json["claims"][0]["basis"], "figure");
    assert_eq!(json["claims"][0]["recording"], "a_overrun");
    assert_eq!((kernels(0), kernels(1)), (5, 2));
}

#[test]
fn one_claim_can_be_checked_by_its_name() {
    let r = skmem(&["check", "drop-inside-window"]).exits(0);
    assert_eq!(r.out.lines().count(), 2, "{}", r.out);
}

#[test]
fn a_claim_that_cannot_be_run_is_bad_input() {
    let dir = tempfile::tempdir().unwrap();
    let with =
        |from: &str, to: &str| fs::write(dir.path().join("own.yaml"), FLIPPED.replace(from, to)).unwrap();
    with("run: budget-overrun", "run: {scenario: budget-overrun, set: [path.rrt=1ms]}");
    skmem_in(dir.path(), &["check", "own.yaml"]).exits(2).says(&["claim all-of-it-fits", "`rtt`"]);
    with("budget-overrun", "budget-overun");
    skmem_in(dir.path(), &["check", "own.yaml"]).exits(2).says(&["own.yaml:4:5", "`budget-overrun`"]);
    with("final.recv_q == 6", "row(1).recv_g == 6");
    skmem_in(dir.path(), &["check", "own.yaml"]).exits(2).says(&["own.yaml:9:15", "no column `recv_g`"]);
}

#[test]
fn json_and_junit_say_the_same_as_the_text() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("own.yaml"), FLIPPED).unwrap();
    let args = |format: &'static str| ["check", "own.yaml", "budget-overrun", "--format", format];
    let r = skmem_in(dir.path(), &args("json")).exits(1);
    let json: serde_json::Value = serde_json::from_str(&r.out).unwrap();
    assert_eq!(json["passed"], false);
    assert_eq!(json["scenarios"][0]["passed"], true);
    let claim = &json["claims"][0];
    assert_eq!((&claim["verdict"], &claim["recorded"]), (&"refuted".into(), &"confirmed".into()));
    assert_eq!(claim["kernels"][0]["shows"][0]["left"], "62464");
    assert_eq!((&claim["basis"], &claim["recording"]), (&"model".into(), &serde_json::Value::Null));
    let r = skmem_in(dir.path(), &args("junit")).exits(1);
    assert!(r.out.contains("<testsuite name=\"claims\" tests=\"1\" failures=\"1\">"), "{}", r.out);
    assert!(r.out.contains("name=\"budget-overrun\" tests=\"21\" failures=\"0\""), "{}", r.out);
}
