//! Several connections in one run.

use std::fs;

use crate::support::{listing, skmem_in};

/// Four bulk transfers through 50 Mbit/s.
const SHARED: &str = r#"
kernel: "6.1"
path: {rtt: 10ms, limit: 100, mtu: 1500, rate: 50mbit}
sender: {write: {mode: burst, call: 64KiB}}
receiver: {read: {mode: asap}}
flows: {count: 4, spread: 100ms}
stop: {after: 5s}
"#;

#[test]
fn flows_are_listed_with_their_shares_and_the_trace_is_the_first_ones() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("shared.yaml"), SHARED).unwrap();
    let r = skmem_in(dir.path(), &["run", "shared.yaml", "-o", "out", "--plot", "none"]).exits(0);
    assert!(r.out.contains("fairness index") && r.out.contains("4 of 4 established"), "{}", r.out);
    let out = dir.path().join("out");
    assert!(listing(&out).contains(&"flows.csv".to_owned()));
    let flows = fs::read_to_string(out.join("flows.csv")).unwrap();
    let rows: Vec<Vec<u64>> =
        flows.lines().skip(1).map(|l| l.split(',').map(|c| c.parse().unwrap()).collect()).collect();
    assert_eq!(rows.len(), 4);
    // Opened 25 ms apart; each gets something like a quarter.
    assert_eq!(rows.iter().map(|r| r[1] / 25_000_000).collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert!(rows.iter().all(|r| (80..=500).contains(&r[7])), "{flows}");
    // The trace has a row for each segment of the first flow, and one for the end.
    let trace = fs::read_to_string(out.join("trace.csv")).unwrap();
    assert_eq!(trace.lines().count() as u64 - 2, rows[0][8]);
    let summary: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(out.join("summary.json")).unwrap()).unwrap();
    let received: u64 = rows.iter().map(|r| r[5]).sum();
    assert_eq!(summary["flows"]["received"], received);
    assert_eq!(summary["flows"]["count"], 4);
    // Nearly all of what the link carries in five seconds.
    assert!(received > 27_000_000 && received < 31_250_000, "{received}");
}

#[test]
fn a_run_of_several_flows_has_a_digest_of_all_of_them() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("shared.yaml"), SHARED).unwrap();
    let digest = |set: &str| {
        let r = skmem_in(dir.path(), &["run", "shared.yaml", "--quiet", "--set", set]).exits(0);
        r.out.trim().rsplit(' ').next().unwrap().to_owned()
    };
    assert_eq!(digest("flows.count=4"), digest("flows.spread=100ms"));
    assert_ne!(digest("flows=4"), digest("flows.count=3"));
}
