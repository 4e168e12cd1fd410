//! Every recorded injection case, exported as a scenario and run, ends as the recording does.

use std::path::Path;

use conformance::compare::compare_whole_state;
use conformance::export::{ExportError, Timing, scenario_text};
use conformance::recording::{CaseKind, Recording, Store};
use scenarios::{Overrides, Scenario, Source, resolve, resolved_yaml};
use sim_core::inject::run_injection;
use sim_core::observer::Silent;

/// What an exported scenario cannot know to the microsecond, and what follows from it: a `recv` copies several skbs one
/// after the other and reads the clock each time, which the autotuning of the receive buffer sees; and a tick may fall
/// in the middle of an event.
const TIMING: [(&str, &str, &[&str]); 8] = [
    ("5.10", "t_drs_reader", AUTOTUNED),
    ("6.1", "t_drs_reader", AUTOTUNED),
    ("6.1", "t_inorder_1024_rb64k", &["lrcvtime"]),
    ("6.12", "t_random_s1", &["drs_seq"]),
    ("6.12", "t_reads_partial", &["drs_space", "drs_seq"]),
    ("6.12", "t_tap_1460_autotune", &["ack_pending", "comp_ack"]),
    ("6.12", "t_tap_1460_rb64k", &["ack_timeout"]),
    ("6.18", "t_reads_partial", &["drs_seq"]),
];
const AUTOTUNED: &[&str] = &["rcv_ssthresh", "window_clamp", "rcvbuf", "win", "rcv_wnd", "rcv_rtt_seq"];

fn injected(dir: &str) -> Vec<Recording> {
    let store = Store::open(Path::new(env!("CARGO_MANIFEST_DIR")).join("../validation").join(dir)).unwrap();
    let all = store.cases().iter().map(|id| store.load(id).unwrap());
    all.filter(|rec| rec.kind == CaseKind::Injection).collect()
}

#[track_caller]
fn scenario(rec: &Recording, timing: Timing) -> Scenario {
    let text = scenario_text(rec, "exported", timing).unwrap();
    resolve(&Source::new("exported.yaml", text), &Overrides::default())
        .unwrap_or_else(|e| panic!("{}/{}\n{}", rec.kernel, rec.case, e.render(false)))
}

/// The compared columns and counters in which the run of a scenario ends otherwise than the recording.
fn differences(rec: &Recording, s: &Scenario) -> Vec<String> {
    let end = run_injection(&s.config, s.inject.as_ref().unwrap(), &mut Silent).unwrap();
    let closing = &rec.rows.last().unwrap().state;
    let mut model = end.receiver;
    model.owned = closing.owned.unwrap_or(model.owned);
    let mut out: Vec<String> = compare_whole_state(closing, &model, rec.version())
        .iter()
        .map(|d| match (d.column, d.recorded, d.model) {
            // In eighths of a microsecond: runs move a segment by up to 15 us, at both ends of a measurement.
            ("rcv_rtt", Some(a), Some(b)) if a.abs_diff(b) <= 2 * 8 * 15 => "rcv_rtt (nearly)".to_owned(),
            (column, ..) => column.to_owned(),
        })
        .collect();
    for e in s.expectations.iter().filter(|e| e.metric.starts_with("counters.")) {
        let name = e.metric.trim_start_matches("counters.");
        if !e.check.holds(end.counters.get(name).unwrap_or(0) as i64) {
            out.push(name.to_owned());
        }
    }
    out
}

fn leftovers(rec: &Recording) -> &'static [&'static str] {
    let of =
        |(kernel, case, _): &&(&str, &str, _)| (*kernel, *case) == (rec.kernel.as_str(), rec.case.as_str());
    TIMING.iter().find(of).map_or(&[], |(_, _, columns)| columns)
}

#[test]
fn every_case_ends_as_recorded_with_the_recorded_times() {
    let cases = injected("recordings");
    assert_eq!(cases.len(), 150);
    for rec in &cases {
        let found = differences(rec, &scenario(rec, Timing::Exact));
        assert_eq!(found, leftovers(rec), "{}/{}", rec.kernel, rec.case);
    }
}

#[test]
fn in_readable_form_only_the_last_digits_of_the_round_trip_time_differ() {
    for rec in &injected("recordings") {
        let mut found = differences(rec, &scenario(rec, Timing::READABLE));
        found.retain(|c| c != "rcv_rtt (nearly)" && !leftovers(rec).contains(&c.as_str()));
        // Autotuning sees a read's microsecond, which matters where reads take part of the queue.
        found.retain(|c| rec.case != "t_reads_partial" || !c.starts_with("drs_"));
        assert!(found.is_empty(), "{}/{}: {found:?}", rec.kernel, rec.case);
    }
}

#[test]
fn random_cases_end_as_recorded_but_for_times_and_the_servers_own_sending() {
    let cases = injected("random/recordings");
    let short = cases.iter().filter(|rec| {
        let mut found = differences(rec, &scenario(rec, Timing::Exact));
        // A scenario's host was booted at another time: TSvals count from there.
        found.retain(|c| c != "rcv_rtt_tsecr" && c != "rcv_rtt (nearly)");
        !found.is_empty()
    });
    let short = short.count();
    assert!(short * 8 <= cases.len(), "{short} of {}", cases.len());
}

#[test]
fn an_exported_scenario_survives_being_resolved_and_is_short_to_read() {
    for rec in &injected("recordings") {
        let s = scenario(rec, Timing::READABLE);
        assert!(s.warnings.is_empty(), "{}/{}: {:?}", rec.kernel, rec.case, s.warnings);
        let again = resolve(&Source::new("again.yaml", resolved_yaml(&s)), &Overrides::default()).unwrap();
        assert_eq!((&again.config, &again.inject), (&s.config, &s.inject), "{}/{}", rec.kernel, rec.case);
        let plan = s.inject.unwrap();
        assert!(plan.steps.len() as u64 <= plan.calls());
    }
}

#[test]
fn a_case_with_a_real_sender_is_refused() {
    let store = Store::open(Path::new(env!("CARGO_MANIFEST_DIR")).join("../validation/recordings")).unwrap();
    let id = store.cases().iter().find(|id| id.case == "a_overrun").unwrap();
    let refused = scenario_text(&store.load(id).unwrap(), "x", Timing::Exact);
    assert_eq!(refused, Err(ExportError::NotInjected("a_overrun".to_owned())));
}
