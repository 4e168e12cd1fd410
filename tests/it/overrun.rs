//! End to end against a real kernel: only the configuration goes in, and what comes out is the recording.

use std::path::Path;

use conformance::compare::compare_whole_state;
use conformance::recording::{Recording, Store};

use crate::support::{Ended, gallery_scenario, simulate};

fn recording(case: &str) -> Recording {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("validation/recordings");
    let store = Store::open(dir).unwrap();
    let id = store.cases().iter().find(|c| c.kernel == "6.1" && c.case == case).unwrap();
    store.load(id).unwrap()
}

/// Columns that read a clock. They differ between two runs of one kernel, whose interrupts come a little earlier or
/// later; runs are compared in everything else.
const CLOCKS: [&str; 5] = ["lrcvtime", "rcv_tstamp", "rcv_rtt", "delack_expires", "ack_timeout"];

/// Runs a gallery scenario and compares it with a recording: every row and every packet of the receiver in every
/// compared column, as far as the kernel agrees with itself, and the end.
fn equals(scenario: &str, case: &str) {
    let rec = recording(case);
    let (first_row, first_ack, _) = rec.first_divergence();
    let (_, trace, _) = simulate(&gallery_scenario(scenario, Some("6.1")));
    let rows: Vec<_> = trace.rows_and_closing().collect();
    let count = first_row.map_or(rec.rows.len(), |n| n as usize - 1);
    assert!(rows.len() >= count, "{case}: {} rows", rows.len());
    for (model, recorded) in rows.iter().zip(&rec.rows).take(count) {
        let differences: Vec<String> = compare_whole_state(&recorded.state, &model.state, rec.version())
            .iter()
            .filter(|d| !CLOCKS.contains(&d.column))
            .map(ToString::to_string)
            .collect();
        assert!(differences.is_empty(), "{case} row {}: {}", recorded.idx, differences.join("; "));
        assert_eq!(model.acked, recorded.acked, "{case} row {}: acked", recorded.idx);
        if let (Some(m), Some(r)) = (&model.arrival, &recorded.segment) {
            let of_model = (m.seq.0, m.len, m.truesize);
            assert_eq!(of_model, (r.seq, r.len, r.truesize), "{case} row {}: segment", recorded.idx);
        }
    }
    let count = first_ack.map_or(rec.acks.len(), |n| n as usize - 1);
    let model: Vec<_> = trace.acks.iter().take(count).map(|a| (a.ack.0, a.win_raw, a.window)).collect();
    let recorded: Vec<_> = rec.acks.iter().take(count).map(|a| (a.ack, a.win_raw, a.win)).collect();
    assert_eq!(model, recorded, "{case}: packets of the receiver");

    let (end, recorded) = (&trace.closing.state, &rec.rows.last().unwrap().state);
    let model = [Some(end.recvq()), Some(end.rmem.into()), Some(end.rcvbuf.into()), Some(end.win().into())];
    let wide = |n: Option<i32>| n.map(i64::from);
    let of_kernel = [recorded.recvq, wide(recorded.rmem), wide(recorded.rcvbuf), recorded.win.map(i64::from)];
    assert_eq!(model, of_kernel, "{case}: the end");
}

#[test]
fn budget_overrun_is_the_recorded_run() {
    equals("budget-overrun", "a_overrun");
}

#[test]
fn normal_window_is_the_recorded_run() {
    equals("normal-window", "b_normal");
}

#[test]
fn the_published_figures_of_the_overrun() {
    let (Ended::Engine(outcome), trace, summary) = simulate(&gallery_scenario("budget-overrun", None)) else {
        panic!("budget-overrun has a sender");
    };
    let end = &trace.closing.state;
    assert_eq!((end.recvq(), end.rmem, end.rcvbuf), (62464, 73984, 65536));
    assert_eq!(end.rmem - end.rcvbuf, 8448);
    assert_eq!(summary.metric("window_at_first_drop"), Some(3072));
    assert_eq!(summary.metric("bursts"), Some(1));
    let both = outcome.receiver_counters.plus(&outcome.sender_counters);
    let counters = [
        both.rcv_coalesce,
        both.rcv_collapsed,
        both.rcvq_drop,
        both.ofo_drop,
        both.prune_called,
        both.timeouts,
    ];
    assert_eq!(counters, [57, 89, 3, 3, 6, 2]);
}
