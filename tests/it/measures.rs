//! Measures of whole runs against the same numbers taken from the trace, or from arithmetic.

use results::{Setup, Trace, metrics};
use scenarios::{Overrides, Scenario, Source, resolve};
use sim_core::time::SimTime;

use crate::support::{gallery_scenario, measure, simulate, skmem_in};

fn scenario(text: &str) -> Scenario {
    resolve(&Source::new("measured.yaml", text), &Overrides::default()).unwrap()
}

fn value(trace: &Trace, name: &str) -> i64 {
    metrics::find(name).unwrap().value(&trace.measured).unwrap_or_else(|| panic!("the run has no {name}"))
}

/// Time between an ACK with a window of 0 and the next that offers some, from `acks.csv`.
fn zero_window_in(trace: &Trace) -> (i64, u64) {
    let (mut count, mut total, mut since) = (0, 0, None::<SimTime>);
    for a in &trace.acks {
        match (a.window, since) {
            (0, None) => {
                count += 1;
                since = Some(a.time);
            }
            (1.., Some(t)) => {
                total += a.time.since(t).as_nanos();
                since = None;
            }
            _ => {}
        }
    }
    total += since.map_or(0, |t| trace.closing.time.since(t).as_nanos());
    (count, total)
}

#[test]
fn a_reader_that_keeps_up_with_a_fixed_window_gets_a_window_in_a_round_trip_time() {
    let (_, trace, _) = simulate(&scenario(
        "kernel: \"6.1\"\npath: {rtt: 100ms, limit: 100000}\n\
         sender:\n  sockopt: {SO_SNDBUFFORCE: 8MiB, TCP_MAXSEG: 1000}\n  route: {initcwnd: 1000}\n  \
         write: {mode: burst, bytes: 4MiB}\n\
         receiver:\n  sockopt: {SO_RCVBUF: 64KiB}\n  read: {mode: asap, buffer: 64KiB}\n\
         host: {packet_cost: 0}\nstop: {after: 60s, bytes: 4MiB}\n",
    ));
    let windows: Vec<i64> = trace.acks.iter().skip(20).map(|a| i64::from(a.window)).collect();
    let (least, most) = (*windows.iter().min().unwrap(), *windows.iter().max().unwrap());
    let throughput = value(&trace, "throughput");
    // One window in 100 ms; a segment that does not fit any more waits for the next.
    assert!(
        throughput <= most * 80 * 105 / 100 && throughput >= (least - 2000) * 80 * 95 / 100,
        "{throughput}"
    );
    let utilisation = value(&trace, "utilisation_permille");
    assert!((930..=1000).contains(&utilisation), "{utilisation}");
    assert_eq!(value(&trace, "fitted"), 4 << 20);
    let finish = i128::from(value(&trace, "finish_ns"));
    assert_eq!(i128::from(throughput), (4 << 23) * 1_000_000_000 / finish);
}

#[test]
fn the_zero_window_lasts_as_long_as_the_reader_pauses() {
    for name in ["zero-window", "normal-window"] {
        let (_, trace, _) = simulate(&gallery_scenario(name, None));
        let (count, total) = zero_window_in(&trace);
        assert!(count > 0, "{name} has a zero window");
        assert_eq!(value(&trace, "zero_window_stalls"), count, "{name}");
        assert_eq!(value(&trace, "zero_window_ns"), total as i64, "{name}");
    }
    // Full after some 50 ms; the only read comes 3 s after the writer started, and empties the queue.
    let (_, trace, _) = simulate(&scenario(
        "kernel: \"6.1\"\npath: {rtt: 20ms}\nsender: {write: {mode: burst, bytes: 1MiB}}\n\
         receiver:\n  sockopt: {SO_RCVBUF: 32KiB}\n  read: {mode: plan, reads: [{at: 3s, bytes: 1MiB}]}\n\
         stop: {after: 3100ms}\n",
    ));
    let full = trace.acks.iter().find(|a| a.window == 0).unwrap().time;
    let read = trace.reads[0].time;
    let pause = read.since(full).as_nanos() as i64;
    assert!((2_500_000_000..3_000_000_000).contains(&pause), "{pause}");
    let stall = value(&trace, "zero_window_longest_ns");
    assert!((stall - pause).abs() < 1_000_000, "{stall} of {pause}");
}

#[test]
fn after_the_overrun_the_sender_waits_for_its_timer_until_the_end() {
    let (_, trace, _) = simulate(&gallery_scenario("budget-overrun", None));
    assert_eq!(value(&trace, "rto_stalls"), 1);
    // The last ACK with something new takes 100 ms to the sender.
    let last = trace.acks.iter().find(|a| a.ack.0 == 62_465).unwrap().time;
    let waited = trace.closing.time.since(last).as_nanos() as i64 - 100_000_000;
    let stall = value(&trace, "rto_ns");
    assert!((stall - waited).abs() < 5_000_000, "{stall} of {waited}");
    // The writer meets a full send buffer every 50 ms, and waits for room almost all the time.
    let blocked = value(&trace, "sndbuf_ns");
    assert!((4_500_000_000..5_000_000_000).contains(&blocked), "{blocked}");
    let coalesced = trace.rows.iter().map(|r| i64::from(r.outcome.coalesced)).sum::<i64>();
    let data = trace.rows.iter().filter(|r| !r.is_empty()).count() as i64;
    assert_eq!((coalesced, value(&trace, "coalesced_permille")), (57, 57_000 / data));
    assert_eq!((value(&trace, "retransmissions"), value(&trace, "bytes_retrans")), (3, 3 * 1024));
}

#[test]
fn collapses_copy_what_they_compact() {
    let scenario = gallery_scenario("spaghetti", None);
    let (_, trace, _) = simulate(&scenario);
    let collapses: i64 = trace.rows.iter().map(|r| i64::from(r.outcome.collapsed)).sum();
    assert!(collapses > 0);
    assert_eq!(value(&trace, "collapsed"), collapses);
    let copied = value(&trace, "collapse_copied");
    // Nothing is copied that was not taken, and a collapse copies the queue at most once.
    assert!(copied > 0 && copied <= collapses * value(&trace, "peak.recv_q").max(1) * 2, "{copied}");
}

#[test]
fn a_meter_alone_measures_what_a_recorder_does() {
    for name in ["budget-overrun", "zero-window", "tiny-writes", "spaghetti"] {
        let s = gallery_scenario(name, None);
        let (_, trace, _) = simulate(&s);
        let setup = if s.inject.is_some() { Setup::of_path(&s.config) } else { Setup::of(&s.config) };
        assert_eq!(measure(&s, setup), trace.measured, "{name}");
    }
}

#[test]
fn the_documentation_of_the_summary_has_every_measure_as_the_table_defines_it() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/summary.md")).unwrap();
    let group = |name: &str| name.split_once('.').map(|(group, _)| group.to_owned());
    for m in metrics::all().iter().filter(|m| matches!(group(&m.name).as_deref(), None | Some("peak"))) {
        let line = format!("| `{}` | {} | {} |", m.name, m.unit.name(), m.doc);
        assert!(page.lines().any(|l| l == line), "docs/summary.md lacks\n{line}");
    }
    let scenario = gallery_scenario("budget-overrun", None);
    let (_, _, summary) = simulate(&scenario);
    let json: serde_json::Value = serde_json::from_str(&summary.to_json().unwrap()).unwrap();
    for field in json.as_object().unwrap().keys() {
        assert!(page.contains(&format!("`{field}`")), "docs/summary.md lacks `{field}`");
    }
}

/// A link that loses two packets, and a queue of four that a burst of forty overruns.
const LOSSY: &str = "kernel: \"6.1\"
path: {rtt: 20ms, mtu: 1500, forward: {loss: {packets: [8, 12]}, rate: 10mbit, queue: {kind: drop-tail, limit: 4}}}
sender: {offload: {tso: off, gso: off}, route: {initcwnd: 40}, write: {mode: burst, bytes: 64KiB}}
receiver: {read: {mode: asap}}
stop: {after: 60s, bytes: 64KiB}
";

#[test]
fn what_path_and_devices_did_can_be_expected() {
    let dir = tempfile::tempdir().unwrap();
    let expect = "expect:\n  path.forward_lost: 2\n  path.forward_queue_peak_packets: 4\n  \
                  path.forward_queue_dropped: \">= 20\"\n  path: {reverse_lost: 0, rx_queue_dropped: 0}\n";
    std::fs::write(dir.path().join("lossy.yaml"), format!("{LOSSY}{expect}")).unwrap();
    skmem_in(dir.path(), &["check", "lossy.yaml"]).exits(0);
    let clean = LOSSY.replace("packets: [8, 12]", "packets: [8]");
    std::fs::write(dir.path().join("clean.yaml"), format!("{clean}{expect}")).unwrap();
    let r = skmem_in(dir.path(), &["check", "clean.yaml"]).exits(1);
    assert!(r.out.contains("path.forward_lost"), "{}{}", r.out, r.err);
    std::fs::write(dir.path().join("typo.yaml"), format!("{LOSSY}expect: {{path.rx_mised: 0}}\n")).unwrap();
    let r = skmem_in(dir.path(), &["check", "typo.yaml"]).exits(2);
    assert!(r.err.contains("did you mean `path.rx_missed`?"), "{}", r.err);
    // What entered came out, was lost, or is under way.
    let r = skmem_in(dir.path(), &["run", "lossy.yaml", "--json"]).exits(0);
    let run: serde_json::Value = serde_json::from_str(&r.out).unwrap();
    let of = |name: &str| run["path"][name].as_i64().unwrap_or_else(|| panic!("{name}: {}", run["path"]));
    let gone =
        of("forward_delivered") + of("forward_lost") + of("forward_queue_dropped") + of("forward_over_limit");
    assert!((0..=4).contains(&(of("forward_sent") - gone)), "{}", run["path"]);
    assert_eq!(run["path"]["rx_missed"], serde_json::Value::Null, "loopback has no ring");
}
