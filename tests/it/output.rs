//! What `-o` leaves behind.

use std::fs;

use crate::support::{listing, skmem_in};

#[test]
fn the_folder_holds_trace_summary_and_both_charts() {
    let dir = tempfile::tempdir().unwrap();
    let r = skmem_in(dir.path(), &["run", "budget-overrun", "-o", "a/b"]).exits(0).says(&["written to a/b"]);
    assert!(r.out.contains("Digest"));
    let files = [
        "acks.csv",
        "chart.png",
        "chart.svg",
        "reads.csv",
        "sockstat.txt",
        "summary.json",
        "trace.csv",
        "tx.csv",
    ];
    assert_eq!(listing(&dir.path().join("a/b")), files);
    assert_eq!(listing(&dir.path().join("a"))[0], "b/", "no temporary folder is left");
    let trace = fs::read_to_string(dir.path().join("a/b/trace.csv")).unwrap();
    assert!(
        trace.starts_with("idx,time_ns,seq,len,truesize,rcv_ssthresh,window_clamp,skmem_rb,recv_q,skmem_r,")
    );
    let png = fs::read(dir.path().join("a/b/chart.png")).unwrap();
    assert!(png.starts_with(b"\x89PNG\r\n\x1a\n"));
    let svg = fs::read_to_string(dir.path().join("a/b/chart.svg")).unwrap();
    assert!(svg.contains("SO_RCVBUF 32 KiB") && svg.contains("kernel 6.1"));
}

#[test]
fn several_scenarios_get_a_folder_each() {
    let dir = tempfile::tempdir().unwrap();
    let args =
        ["run", "quickack", "budget-overrun", "-o", "out", "--quiet", "--plot", "none", "--trace", "none"];
    skmem_in(dir.path(), &args).exits(0);
    let expected = [
        "out/",
        "out/budget-overrun/",
        "out/budget-overrun/sockstat.txt",
        "out/budget-overrun/summary.json",
        "out/quickack/",
        "out/quickack/sockstat.txt",
        "out/quickack/summary.json",
    ];
    assert_eq!(listing(dir.path()), expected);
}

#[test]
fn one_format_and_all_columns_can_be_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let args = ["run", "budget-overrun", "-o", "out", "--quiet", "--plot", "svg", "--columns", "all"];
    skmem_in(dir.path(), &args).exits(0);
    let files = listing(&dir.path().join("out"));
    assert!(files.contains(&"chart.svg".to_owned()) && !files.contains(&"chart.png".to_owned()), "{files:?}");
    let head = fs::read_to_string(dir.path().join("out/trace.csv")).unwrap();
    let head = head.lines().next().unwrap();
    for column in ["quick", "pingpong", "ato", "rcv_mss", "fwd_alloc"] {
        assert!(head.split(',').any(|c| c == column), "{column} is not in {head}");
    }
    let args = ["run", "budget-overrun", "-o", "few", "--quiet", "--columns", "idx,skmem_r"];
    skmem_in(dir.path(), &args).exits(0);
    let text = fs::read_to_string(dir.path().join("few/trace.csv")).unwrap();
    assert!(text.starts_with("idx,skmem_r\n1,0\n"), "{text}");
}

#[test]
fn a_run_that_falls_short_is_written_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let args = ["run", "budget-overrun", "-o", "out", "--quiet", "--set", "expect.dropped=0"];
    skmem_in(dir.path(), &args).exits(1);
    assert!(dir.path().join("out/summary.json").exists());
}

#[cfg(target_os = "linux")]
#[test]
fn an_interrupt_leaves_no_half_written_folder() {
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    let dir = tempfile::tempdir().unwrap();
    // A run that takes long enough to be interrupted: a hundred seconds at full speed.
    let text = "kernel: 6.1\nsender: {write: {mode: burst}}\nreceiver: {read: {mode: asap}}\n\
                path: {rtt: 1ms, rate: 10gbit, mtu: 1500}\nstop: {after: 100s, max_events: 1000000000}\n";
    fs::write(dir.path().join("long.yaml"), text).unwrap();
    for signal in ["-INT", "-TERM"] {
        let mut child =
            crate::support::command(dir.path(), &["run", "long.yaml", "quickack", "-o", "new/out"])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
        let claimed = dir.path().join("new/out/.long.partial");
        let patience = Instant::now();
        while !claimed.exists() {
            assert!(patience.elapsed() < Duration::from_secs(20), "the folder is never claimed");
            std::thread::sleep(Duration::from_millis(5));
        }
        let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        assert_eq!(child.wait().unwrap().code(), Some(130));
        let left: Vec<String> = listing(dir.path())
            .into_iter()
            .filter(|n| n.contains("partial") || n.contains("long/"))
            .collect();
        assert_eq!(left, Vec::<String>::new());
        // What was complete before the interrupt may stay.
        let _ = fs::remove_dir_all(dir.path().join("new"));
    }
}
