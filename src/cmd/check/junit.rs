//! The result of a check as JUnit XML, as continuous-integration servers read it.

use std::fmt::Write as _;

use super::Checked;
use crate::ledger::Judgement;

/// One test case.
struct Case {
    name: String,
    failure: Option<String>,
}

pub(super) fn document(checked: &[Checked], judged: &[Judgement<'_>]) -> String {
    let mut suites: Vec<(String, Vec<Case>)> = Vec::new();
    for c in checked {
        let mut cases: Vec<Case> = c
            .expected
            .iter()
            .map(|e| Case {
                name: e.name.clone(),
                failure: (!e.passed).then(|| format!("{}: {}", e.place, e.text)),
            })
            .collect();
        if let Some(e) = &c.failed {
            cases.push(Case { name: "run".to_owned(), failure: Some(e.clone()) });
        }
        suites.push((c.name.clone(), cases));
    }
    if !judged.is_empty() {
        let cases = judged
            .iter()
            .map(|j| Case { name: j.claim.id.clone(), failure: (!j.passed()).then(|| j.faults().join("\n")) })
            .collect();
        suites.push(("claims".to_owned(), cases));
    }
    render(&suites)
}

fn render(suites: &[(String, Vec<Case>)]) -> String {
    let failures = |cases: &[Case]| cases.iter().filter(|c| c.failure.is_some()).count();
    let tests: usize = suites.iter().map(|(_, c)| c.len()).sum();
    let failed: usize = suites.iter().map(|(_, c)| failures(c)).sum();
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // Writing to a string cannot fail.
    let _ = writeln!(out, "<testsuites name=\"skmem check\" tests=\"{tests}\" failures=\"{failed}\">");
    for (name, cases) in suites {
        let suite = escaped(name);
        let _ = writeln!(
            out,
            "  <testsuite name=\"{suite}\" tests=\"{}\" failures=\"{}\">",
            cases.len(),
            failures(cases)
        );
        for c in cases {
            let case = escaped(&c.name);
            let _ = match &c.failure {
                None => writeln!(out, "    <testcase classname=\"{suite}\" name=\"{case}\"/>"),
                Some(text) => writeln!(
                    out,
                    "    <testcase classname=\"{suite}\" name=\"{case}\"><failure message=\"{}\">{}</failure></testcase>",
                    escaped(text.lines().next().unwrap_or_default()),
                    escaped(text)
                ),
            };
        }
        out.push_str("  </testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

/// Text for XML, without the characters that XML does not have.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_counted_and_escaped() {
        let case = |name: &str, failure: Option<&str>| Case {
            name: name.to_owned(),
            failure: failure.map(str::to_owned),
        };
        let suites =
            vec![("s".to_owned(), vec![case("a", None), case("b", Some("x < 3 & \"y\"\nmore\u{1}"))])];
        assert_eq!(
            render(&suites),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <testsuites name=\"skmem check\" tests=\"2\" failures=\"1\">\n  \
             <testsuite name=\"s\" tests=\"2\" failures=\"1\">\n    \
             <testcase classname=\"s\" name=\"a\"/>\n    \
             <testcase classname=\"s\" name=\"b\"><failure message=\"x &lt; 3 &amp; &quot;y&quot;\">\
             x &lt; 3 &amp; &quot;y&quot;\nmore\u{fffd}</failure></testcase>\n  \
             </testsuite>\n</testsuites>\n"
        );
    }
}
