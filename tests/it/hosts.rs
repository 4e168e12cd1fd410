//! What a run says about its hosts.

use std::fs;

use crate::support::skmem_in;

#[test]
fn orphans_show_in_the_report_in_sockstat_and_in_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let args = ["run", "memory-orphans", "-o", "out", "--trace", "none", "--plot", "none"];
    let r = skmem_in(dir.path(), &args).exits(0);
    assert!(r.out.contains("TCP: inuse 300 orphan 300 tw 0 alloc 300"), "{}", r.out);
    assert!(r.out.contains("] TCP: too many orphaned sockets"), "{}", r.out);
    let text = fs::read_to_string(dir.path().join("out/sockstat.txt")).unwrap();
    let moments: Vec<&str> = text.lines().filter_map(|l| l.strip_prefix("# sender, ")).collect();
    assert_eq!(moments.len(), 3, "{moments:?}");
    assert!(moments[1].starts_with("all-closed: 0.150"), "{moments:?}");
    assert!(text.contains("TCP:   300 (estab 0, closed 0, orphaned 300, timewait 0)"), "{text}");
    let log = fs::read_to_string(dir.path().join("out/dmesg.txt")).unwrap();
    assert_eq!(log.lines().count(), 10, "the kernel prints ten lines in five seconds: {log}");
    let summary = fs::read_to_string(dir.path().join("out/summary.json")).unwrap();
    assert!(summary.contains("\"sender_orphans_peak\": 300"), "{summary}");
}

#[test]
fn a_run_that_memory_had_no_part_in_does_not_speak_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let args = ["run", "budget-overrun", "-o", "out", "--trace", "none", "--plot", "none"];
    let r = skmem_in(dir.path(), &args).exits(0);
    assert!(!r.out.contains("Host memory"), "{}", r.out);
    let text = fs::read_to_string(dir.path().join("out/sockstat.txt")).unwrap();
    assert!(
        text.contains("TCP: inuse 2 orphan 0 tw 0 alloc 2 mem 0"),
        "the listening socket and the connection: {text}"
    );
    assert!(!dir.path().join("out/dmesg.txt").exists());
}

#[test]
fn what_a_kernel_computes_from_memory_is_listed() {
    let dir = tempfile::tempdir().unwrap();
    let r = skmem_in(dir.path(), &["list", "memory", "--ram", "512MiB"]).exits(0);
    assert_eq!(r.out.lines().filter(|l| l.starts_with("512 MiB  ")).count(), 5, "{}", r.out);
    skmem_in(dir.path(), &["list", "memory", "--ram", "4Gb"]).exits(2);
    skmem_in(dir.path(), &["list", "--ram", "4GiB"]).exits(2).says(&["--ram belongs to"]);
}
