//! `skmem check`.

use std::fs;

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
