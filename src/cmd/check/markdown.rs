//! The claims as a page of the documentation: every sentence, where it stands, what the runs showed and what follows.

use std::fmt::Write as _;

use scenarios::claims::{Basis, ClaimRun, Judged, Ledger};

use crate::ledger::{Asking, Judgement};
use crate::terminal;

const HEAD: &str = "\
# Claims

What has been said about receive buffers, and what the model says about it. Each claim names its source, the runs that
settle it and what must be true of them. The verdict is computed: *confirmed* on every kernel that was asked, *refuted* on
every one, or *depends on the version*. Behind the source it says where the numbers come from: from the source itself,
from recorded kernels, from a rule, or from the model alone, which is the weakest: such a claim says that the model has
not changed, not that it is right. `skmem check` computes all of them again, holds those that name a recording against
it as well, and fails if one has changed.

In the tables a number is what the run showed for the left side of the assertion (and, after *against*, for the right side if that is
no constant); **bold** means that the assertion is not true there. Lines under *instead* are what is true where the claim is not.

This page is written by `skmem check --format markdown > docs/claims.md`.
";

pub(super) fn document(ledgers: &[&Ledger], judged: &[Judgement<'_>]) -> String {
    let mut out = String::from(HEAD);
    let of = |ledger: &Ledger| -> Vec<&Judgement<'_>> {
        judged.iter().filter(|j| ledger.claims.iter().any(|c| c.id == j.claim.id)).collect()
    };
    out.push_str("\n| | claims | confirmed | refuted | depends on the version |\n|---|---|---|---|---|\n");
    for ledger in ledgers {
        let all = of(ledger);
        let count = |name: &str| all.iter().filter(|j| j.verdict.name() == name).count();
        let title = &ledger.title;
        let _ = writeln!(
            out,
            "| [{title}](#{}) | {} | {} | {} | {} |",
            anchor(title),
            all.len(),
            count("confirmed"),
            count("refuted"),
            count("depends-on-version")
        );
    }
    out.push_str("\n| where the numbers come from | claims |\n|---|---|\n");
    for basis in Basis::ALL {
        let n = judged.iter().filter(|j| j.claim.basis == basis).count();
        let _ = writeln!(out, "| {} | {n} |", basis.meaning());
    }
    let witnessed = judged.iter().filter(|j| j.witness.is_some()).count();
    let _ = writeln!(out, "| held against recordings as well | {witnessed} |");
    for ledger in ledgers {
        let _ = write!(out, "\n## {}\n\n{}\n", ledger.title, ledger.about.trim());
        for j in of(ledger) {
            claim(&mut out, j);
        }
    }
    out
}

/// What a heading's link is called.
fn anchor(title: &str) -> String {
    title
        .to_lowercase()
        .chars()
        .filter_map(|c| match c {
            ' ' => Some('-'),
            c if c.is_alphanumeric() || c == '-' => Some(c),
            _ => None,
        })
        .collect()
}

fn claim(out: &mut String, j: &Judgement<'_>) {
    let c = j.claim;
    let _ = write!(out, "\n### {}\n\n> {}\n\n**{}**", c.id, c.says, words(&j.verdict.to_string()));
    let source = match c.source.url.as_str() {
        "" => c.source.name.clone(),
        url => format!("[{}]({url})", c.source.name),
    };
    let _ = writeln!(out, " \u{b7} source: {source} \u{b7} {}\n", basis(j));
    if !c.because.is_empty() {
        let _ = writeln!(out, "{}\n", c.because.trim());
    }
    for run in &c.runs {
        let label = if run.label.is_empty() { String::new() } else { format!("{}: ", run.label) };
        let _ = writeln!(out, "- {label}`{}`", command(run));
    }
    out.push('\n');
    let cells = c.curve_cells();
    let plain = c.shows.len() - cells;
    table(out, j, plain);
    if let Some(curve) = &c.curve {
        for asking in &j.askings {
            table_of_curve(out, asking, &curve.columns, asking.shows.get(plain..).unwrap_or_default());
        }
    }
}

/// Where the numbers come from, and what recorded kernels say to them.
fn basis(j: &Judgement<'_>) -> String {
    let mut text = j.claim.basis.meaning().to_owned();
    if let (Some(witness), Some(case)) = (&j.witness, &j.claim.recorded) {
        let _ = write!(text, "; the recordings `{case}` of {} agree", witness.kernels.join(", "));
    }
    text
}

fn words(verdict: &str) -> String {
    verdict.replace("depends-on-version", "depends on the version")
}

fn command(run: &ClaimRun) -> String {
    let mut text = format!("skmem run {}", run.scenario);
    for set in &run.set {
        let quote = if set.contains(' ') { "'" } else { "" };
        let _ = write!(text, " --set {quote}{set}{quote}");
    }
    if let Some(kernel) = &run.kernel {
        let _ = write!(text, " --kernel {kernel}");
    }
    text
}

/// The assertions that are no cells of a curve, one column per kernel.
fn table(out: &mut String, j: &Judgement<'_>, plain: usize) {
    if plain == 0 {
        return;
    }
    let kernels: Vec<&str> = j.askings.iter().map(|a| a.kernel.as_deref().unwrap_or("these runs")).collect();
    let _ = writeln!(out, "| | {} |\n|---|{}", kernels.join(" | "), "---|".repeat(kernels.len()));
    let mut row = |text: &str, at: &dyn Fn(&Asking) -> Option<Judged>| {
        let cells: Vec<String> =
            j.askings.iter().map(|a| at(a).map_or_else(|| "-".to_owned(), |judged| cell(&judged))).collect();
        let _ = writeln!(out, "| {text} | {} |", cells.join(" | "));
    };
    for (i, assertion) in j.claim.shows.iter().take(plain).enumerate() {
        row(&format!("`{}`", assertion.text()), &|a| a.shows.get(i).cloned());
    }
    if j.askings.iter().any(|a| !a.instead.is_empty()) {
        for (i, assertion) in j.claim.instead.iter().enumerate() {
            row(&format!("instead: `{}`", assertion.text()), &|a| a.instead.get(i).cloned());
        }
    }
}

fn cell(judged: &Judged) -> String {
    let number = |v: Option<i128>| v.map_or_else(|| "no such number".to_owned(), |v| v.to_string());
    // A right side that is a plain number stands in the assertion.
    let constant = judged.right.is_some_and(|r| judged.text.contains(&r.to_string()))
        || !judged
            .text
            .split(['=', '<', '>'])
            .next_back()
            .is_some_and(|t| t.contains('.') || t.contains('('));
    let text = if constant {
        number(judged.left)
    } else {
        format!("{} against {}", number(judged.left), number(judged.right))
    };
    if judged.holds { text } else { format!("**{text}**") }
}

/// The cells of a curve: what was published, and after the arrow what the run showed where that is something else.
fn table_of_curve(out: &mut String, asking: &Asking, columns: &[String], cells: &[Judged]) {
    let on = asking.kernel.as_ref().map(|k| format!(" on {k}")).unwrap_or_default();
    let exact = cells.iter().filter(|c| c.left == c.right).count();
    let held = cells.iter().filter(|c| c.holds).count();
    let all = terminal::count(cells.len(), "cell");
    let _ = writeln!(out, "\n{all}{on}: {exact} equal, {held} within the tolerance.\n");
    if held < cells.len() {
        return;
    }
    let _ = writeln!(out, "| step | {} |\n|---|{}", columns.join(" | "), "---|".repeat(columns.len()));
    for (i, row) in cells.chunks(columns.len().max(1)).enumerate() {
        let text: Vec<String> = row
            .iter()
            .map(|c| match (c.left, c.right) {
                (Some(l), Some(r)) if l == r => r.to_string(),
                (l, r) => {
                    let n = |v: Option<i128>| v.map_or_else(|| "-".to_owned(), |v| v.to_string());
                    format!("{} \u{2192} {}", n(r), n(l))
                }
            })
            .collect();
        let _ = writeln!(out, "| {} | {} |", i + 1, text.join(" | "));
    }
}
