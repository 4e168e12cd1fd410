//! The result of a check as JSON.

use serde_json::{Value, json};

use super::Checked;
use crate::ledger::{Asking, Judgement};

pub(super) fn document(checked: &[Checked], judged: &[Judgement<'_>]) -> String {
    let passed = checked.iter().all(Checked::passed) && judged.iter().all(Judgement::passed);
    let value = json!({
        "passed": passed,
        "scenarios": checked.iter().map(scenario).collect::<Vec<_>>(),
        "claims": judged.iter().map(claim).collect::<Vec<_>>(),
    });
    // Keys and values are plain: this cannot fail.
    let mut text = serde_json::to_string_pretty(&value).unwrap_or_default();
    text.push('\n');
    text
}

fn scenario(c: &Checked) -> Value {
    let expectations: Vec<Value> = c
        .expected
        .iter()
        .map(|e| json!({"metric": e.name, "place": e.place, "passed": e.passed, "text": e.text}))
        .collect();
    json!({
        "name": c.name, "kernel": c.kernel, "digest": c.digest, "passed": c.passed(),
        "failed": c.failed, "expectations": expectations,
    })
}

fn claim(j: &Judgement<'_>) -> Value {
    let c = j.claim;
    json!({
        "id": c.id, "says": c.says, "source": {"name": c.source.name, "url": c.source.url},
        "place": format!("{}:{}:{}", c.file, c.line, c.column), "passed": j.passed(),
        "recorded": c.verdict.to_string(), "verdict": j.verdict.to_string(),
        "basis": c.basis.name(), "recording": c.recorded,
        "recorded_kernels": j.witness.as_ref().map(|w| w.kernels.as_slice()).unwrap_or_default(),
        "kernels": j.askings.iter().map(asking).collect::<Vec<_>>(),
    })
}

fn asking(a: &Asking) -> Value {
    let judged = |all: &[scenarios::claims::Judged]| -> Vec<Value> {
        let side = |v: Option<i128>| v.map(|v| v.to_string());
        all.iter()
            .map(|j| json!({"assertion": j.text, "left": side(j.left), "right": side(j.right), "holds": j.holds}))
            .collect()
    };
    json!({
        "kernel": a.kernel, "holds": a.holds(), "failed": a.failed,
        "shows": judged(&a.shows), "instead": judged(&a.instead),
    })
}
