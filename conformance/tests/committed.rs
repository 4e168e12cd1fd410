//! The recordings that are committed with the project: they load, and they agree with themselves.

use conformance::recording::{AppWhat, CaseKind, Entry, EventRef, Form, Recording, Store};
use conformance::script::InjectScript;
use std::path::Path;

fn check(rec: &Recording, id: &str) {
    let closing = rec.rows.last().expect(id);
    assert_eq!(closing.entry, Entry::End, "{id}");
    assert_eq!(rec.rows.iter().filter(|r| r.segment.is_none()).count(), 1, "{id}");

    // A line knows how many rows came before it; the common order must say the same.
    let mut rows = 0;
    for (ev, line) in rec.events() {
        let after = match line {
            EventRef::Row(r) => {
                rows += 1;
                assert_eq!(r.idx, rows, "{id} ev {ev}");
                continue;
            }
            EventRef::App(a) => a.after_idx,
            EventRef::Merge(m) => m.after_idx,
            EventRef::Ack(a) => a.after_idx,
            EventRef::Tx(_) | EventRef::Step(_) => continue,
        };
        assert_eq!(after, rows, "{id} ev {ev}");
    }

    for a in &rec.app {
        assert!(a.action().is_ok(), "{id} ev {}: {:?}", a.ev, a.action());
    }

    // The counters were read before the closing row: sums over the rows less what came after are the totals.
    let total = |name: &str| rec.summary.totals.get(name).copied().unwrap_or(0);
    assert_eq!(rec.rows.iter().map(|r| u64::from(r.coal_ok)).sum::<u64>(), total("coal_ok"), "{id}");
    assert_eq!(rec.rows.iter().map(|r| u64::from(r.n_ack)).sum::<u64>(), total("n_ack"), "{id}");
    assert_eq!(rec.acks.len() as u64, total("n_ack"), "{id}");

    match rec.kind {
        CaseKind::Loop => assert!(rec.summary.options.is_some() && rec.steps.is_empty(), "{id}"),
        CaseKind::Injection => {
            let lines = rec.summary.script.as_deref().expect(id);
            let script = InjectScript::parse(lines).unwrap_or_else(|e| panic!("{id}: {e}"));
            let numbers: Vec<i32> = script.lines.iter().map(|l| l.step as i32).collect();
            let begun: Vec<i32> =
                rec.app.iter().filter(|a| a.what == AppWhat::Step).map(|a| a.step).collect();
            assert_eq!(begun[1..=numbers.len()], numbers, "{id}");
        }
    }
}

#[test]
fn every_committed_recording_loads_and_agrees_with_itself() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../validation/recordings");
    let store = Store::open(dir).unwrap();
    assert_eq!(store.form(), Form::Compact);
    let mut kernels: Vec<&str> = store.cases().iter().map(|c| c.kernel.as_str()).collect();
    kernels.dedup();
    assert_eq!(kernels, ["5.10", "6.1", "6.12", "6.18", "7.2"]);
    for id in store.cases() {
        check(&store.load(id).unwrap(), &id.to_string());
    }
}
