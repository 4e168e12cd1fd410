//! Reads a ledger: which keys there are, what each takes, and what is said about mistakes.

use super::expression::{Assertion, Dimension, Vocabulary};
use super::{Basis, Claim, ClaimRun, Curve, Ledger, Reference, Verdict};
use crate::context::Context;
use crate::diagnostic::ScenarioError;
use crate::kernel::resolve_kernel;
use crate::nearest::nearest;
use crate::source::Source;
use crate::units::shorten;
use crate::yaml::{self, Entry, Node, Place, Value};

/// Whether a text is a ledger rather than a scenario: it has a top-level key `claims`.
pub fn is_ledger(source: &Source) -> bool {
    let root = yaml::parse(source.text(), 0);
    matches!(root, Ok(Node { value: Value::Map(entries), .. }) if entries.iter().any(|e| e.key == "claims"))
}

/// What a ledger refers to.
pub struct Surroundings<'a> {
    /// What a metric counts, or what is wrong with its name.
    pub dimension: &'a dyn Fn(&str) -> Result<Dimension, String>,
    /// The text of a data file, or why there is none.
    pub data: &'a dyn Fn(&str) -> Result<String, String>,
}

/// Reads a ledger.
///
/// # Errors
/// Everything that is wrong with it, each mistake with its place.
pub fn read_ledger(source: &Source, around: &Surroundings<'_>) -> Result<Ledger, ScenarioError> {
    let mut cx = Context::new(source.clone());
    let ledger = match yaml::parse(source.text(), 0) {
        Ok(root) => ledger(&mut cx, &root, around),
        Err(e) => {
            cx.error(e.at, e.message).help = e.help;
            None
        }
    };
    match (ledger, cx.has_errors()) {
        (Some(ledger), false) => Ok(ledger),
        _ => match cx.finish() {
            Err(e) => Err(e),
            Ok(diagnostics) => Err(ScenarioError { diagnostics }),
        },
    }
}

const ROOT: &[&str] = &["title", "about", "source", "basis", "claims"];
const CLAIM: &[&str] = &[
    "id", "says", "source", "kernels", "run", "runs", "shows", "curve", "instead", "verdict", "holds",
    "basis", "recorded", "because",
];
const RUN: &[&str] = &["scenario", "set", "kernel"];
const CURVE: &[&str] = &["data", "table", "columns"];
const REFERENCE: &[&str] = &["name", "url"];
const VERDICTS: [&str; 3] = ["confirmed", "refuted", "depends-on-version"];

/// The entries of a mapping whose keys are all known.
fn mapping<'n>(cx: &mut Context, node: &'n Node, keys: &'static [&'static str], what: &str) -> Map<'n> {
    let Value::Map(entries) = &node.value else {
        cx.error(node.at, format!("{what} is a mapping")).expected =
            Some(format!("the keys {}", keys.join(", ")));
        return Map { at: node.at, entries: &[] };
    };
    for entry in entries.iter().filter(|e| !keys.contains(&e.key.as_str())) {
        cx.unknown_key(entry, keys.iter().copied(), what);
    }
    Map { at: node.at, entries }
}

struct Map<'n> {
    at: Place,
    entries: &'n [Entry],
}

impl<'n> Map<'n> {
    fn get(&self, key: &str) -> Option<&'n Node> {
        self.entries.iter().find(|e| e.key == key).map(|e| &e.value)
    }

    /// The text of `key`; reported if it is missing or not a single value.
    fn text(&self, cx: &mut Context, key: &str, what: &str) -> Option<String> {
        match self.get(key) {
            Some(node) => scalar(cx, node, key),
            None => {
                cx.error(self.at, format!("{what} needs `{key}`"));
                None
            }
        }
    }

    /// The text of `key`, empty if it is not there.
    fn text_or_empty(&self, cx: &mut Context, key: &str) -> String {
        self.get(key).and_then(|node| scalar(cx, node, key)).unwrap_or_default()
    }
}

fn scalar(cx: &mut Context, node: &Node, key: &str) -> Option<String> {
    match &node.value {
        Value::Scalar(text) => Some(text.trim().to_owned()),
        _ => {
            cx.error(node.at, format!("`{key}` takes a single value"));
            None
        }
    }
}

/// A list of texts; a single text is a list of one.
fn texts<'n>(cx: &mut Context, node: &'n Node, key: &str) -> Vec<(&'n Node, String)> {
    match &node.value {
        Value::List(items) => items.iter().filter_map(|i| scalar(cx, i, key).map(|text| (i, text))).collect(),
        _ => scalar(cx, node, key).map(|text| (node, text)).into_iter().collect(),
    }
}

fn ledger(cx: &mut Context, root: &Node, around: &Surroundings<'_>) -> Option<Ledger> {
    let fields = mapping(cx, root, ROOT, "a ledger");
    let title = fields.text(cx, "title", "a ledger");
    let about = fields.text_or_empty(cx, "about");
    let common = fields.get("source").map(|n| reference(cx, n));
    let basis = basis(cx, &fields, Basis::Model);
    let items: &[Node] = match fields.get("claims") {
        Some(Node { value: Value::List(items), .. }) => items,
        Some(other) => {
            cx.error(other.at, "`claims` is a list");
            &[]
        }
        None => {
            cx.error(fields.at, "a ledger needs `claims`");
            &[]
        }
    };
    let mut claims: Vec<Claim> = Vec::new();
    for item in items {
        if let Some(claim) = claim(cx, item, common.as_ref(), basis, around) {
            if claims.iter().any(|c| c.id == claim.id) {
                cx.error(item.at, format!("two claims are called `{}`", claim.id));
            }
            claims.push(claim);
        }
    }
    Some(Ledger { title: title?, about, claims })
}

fn reference(cx: &mut Context, node: &Node) -> Reference {
    if let Value::Scalar(name) = &node.value {
        return Reference { name: name.trim().to_owned(), url: String::new() };
    }
    let fields = mapping(cx, node, REFERENCE, "a source");
    let name = fields.text(cx, "name", "a source").unwrap_or_default();
    Reference { name, url: fields.text_or_empty(cx, "url") }
}

fn claim(
    cx: &mut Context,
    item: &Node,
    common: Option<&Reference>,
    common_basis: Basis,
    around: &Surroundings<'_>,
) -> Option<Claim> {
    let fields = mapping(cx, item, CLAIM, "a claim");
    let id = fields.text(cx, "id", "a claim");
    if let (Some(text), Some(node)) = (&id, fields.get("id"))
        && !crate::resolve::is_name(text)
    {
        cx.error(node.at, format!("`{}` cannot be the name of a claim", shorten(text))).expected =
            Some("letters, digits, `-`, `_` and `.`".to_owned());
    }
    let says = fields.text(cx, "says", "a claim");
    let source = match (fields.get("source"), common) {
        (Some(node), _) => Some(reference(cx, node)),
        (None, Some(common)) => Some(common.clone()),
        (None, None) => {
            cx.error(fields.at, "a claim needs `source`, its own or the ledger's");
            None
        }
    };
    let kernels = kernels(cx, fields.get("kernels"));
    let runs = runs(cx, &fields);
    let labels: Vec<String> = runs.iter().map(|r| r.label.clone()).filter(|l| !l.is_empty()).collect();
    let vocabulary = Vocabulary { runs: &labels, dimension: around.dimension };
    let mut shows = assertions(cx, &fields, "shows", &vocabulary);
    let curve = fields.get("curve").and_then(|n| curve(cx, n, around, &vocabulary, &mut shows));
    if shows.is_empty() && fields.get("shows").is_none() && fields.get("curve").is_none() {
        cx.error(fields.at, "a claim needs `shows`: what is true if it holds");
    }
    let instead = assertions(cx, &fields, "instead", &vocabulary);
    let verdict = verdict(cx, &fields, &kernels);
    let recorded = fields.get("recorded").and_then(|node| recorded(cx, node, &runs));
    let weakest = if recorded.is_some() { Basis::Recording } else { Basis::Model };
    let basis = basis(cx, &fields, if common_basis == Basis::Model { weakest } else { common_basis });
    let because = fields.text_or_empty(cx, "because");
    let (line, column) = cx.sources[item.at.source].line_column(item.at.start);
    let file = cx.sources[item.at.source].name().to_owned();
    Some(Claim {
        id: id?,
        says: says?,
        source: source?,
        kernels,
        runs,
        shows,
        curve,
        instead,
        verdict: verdict?,
        basis,
        recorded,
        because,
        file,
        line,
        column,
    })
}

fn basis(cx: &mut Context, fields: &Map<'_>, default: Basis) -> Basis {
    let Some(node) = fields.get("basis") else { return default };
    let word = scalar(cx, node, "basis").unwrap_or_default();
    let known = Basis::ALL.into_iter().find(|b| b.name() == word);
    if known.is_none() {
        let d = cx.error(node.at, format!("there is no basis `{}`", shorten(&word)));
        d.expected = Some(Basis::ALL.map(Basis::name).join(", "));
        d.help = nearest(&word, Basis::ALL.map(Basis::name)).map(|n| format!("did you mean `{n}`?"));
    }
    known.unwrap_or(default)
}

/// The recorded case that stands beside a single run.
fn recorded(cx: &mut Context, node: &Node, runs: &[ClaimRun]) -> Option<String> {
    let case = scalar(cx, node, "recorded")?;
    if !matches!(runs, [only] if only.label.is_empty()) {
        cx.error(node.at, "`recorded` goes with a single `run`: a recording is held against its assertions");
    }
    Some(case)
}

fn kernels(cx: &mut Context, node: Option<&Node>) -> Vec<String> {
    let Some(node) = node else {
        return sim_core::linux::ALL.iter().map(|k| k.name.to_owned()).collect();
    };
    let named = texts(cx, node, "kernels");
    for (at, name) in &named {
        if let Err(e) = resolve_kernel(name) {
            cx.error(at.at, e.message).help = Some(e.help);
        }
    }
    if named.is_empty() {
        cx.error(node.at, "`kernels` is empty");
    }
    named.into_iter().map(|(_, name)| name).collect()
}

fn runs(cx: &mut Context, fields: &Map<'_>) -> Vec<ClaimRun> {
    match (fields.get("run"), fields.get("runs")) {
        (Some(one), None) => run(cx, one, String::new()).into_iter().collect(),
        (None, Some(Node { value: Value::Map(several), .. })) => {
            several.iter().filter_map(|e| run(cx, &e.value, e.key.clone())).collect()
        }
        (None, Some(other)) => {
            cx.error(other.at, "`runs` is a mapping of labels to runs");
            Vec::new()
        }
        (None, None) => {
            cx.error(fields.at, "a claim needs `run`, or `runs` with a label each");
            Vec::new()
        }
        (Some(_), Some(both)) => {
            cx.error(both.at, "`run` and `runs` both say what to run").help =
                Some("keep one of the two".to_owned());
            Vec::new()
        }
    }
}

fn run(cx: &mut Context, node: &Node, label: String) -> Option<ClaimRun> {
    if let Value::Scalar(name) = &node.value {
        let scenario = name.trim().to_owned();
        return Some(ClaimRun { label, scenario, set: Vec::new(), kernel: None });
    }
    let fields = mapping(cx, node, RUN, "a run");
    let scenario = fields.text(cx, "scenario", "a run");
    let set = fields.get("set").map(|n| texts(cx, n, "set")).unwrap_or_default();
    let kernel = fields.get("kernel").and_then(|n| scalar(cx, n, "kernel").map(|k| (n.at, k)));
    if let Some((at, name)) = &kernel
        && let Err(e) = resolve_kernel(name)
    {
        cx.error(*at, e.message).help = Some(e.help);
    }
    Some(ClaimRun {
        label,
        scenario: scenario?,
        set: set.into_iter().map(|(_, text)| text).collect(),
        kernel: kernel.map(|(_, k)| k),
    })
}

fn assertions(cx: &mut Context, fields: &Map<'_>, key: &str, vocabulary: &Vocabulary<'_>) -> Vec<Assertion> {
    let Some(node) = fields.get(key) else { return Vec::new() };
    let mut found = Vec::new();
    for (at, text) in texts(cx, node, key) {
        match Assertion::parse(&text, vocabulary) {
            Ok(a) => found.push(a),
            Err(message) => {
                cx.error(at.at, message);
            }
        }
    }
    found
}

/// Rows of a published table beyond which a claim is about something else.
const MAX_CURVE_ROWS: usize = 1_000;

/// Turns the cells of a published table into assertions.
fn curve(
    cx: &mut Context,
    node: &Node,
    around: &Surroundings<'_>,
    vocabulary: &Vocabulary<'_>,
    shows: &mut Vec<Assertion>,
) -> Option<Curve> {
    let fields = mapping(cx, node, CURVE, "a curve");
    let data = fields.text(cx, "data", "a curve")?;
    let table = fields.text(cx, "table", "a curve")?;
    let Some(columns) = fields.get("columns").map(|n| texts(cx, n, "columns")) else {
        cx.error(node.at, "a curve needs `columns`");
        return None;
    };
    let text = match (around.data)(&data) {
        Ok(text) => text,
        Err(message) => {
            cx.error(fields.get("data").map_or(node.at, |n| n.at), message);
            return None;
        }
    };
    let mut lines = text.lines().filter(|l| !l.is_empty() && !l.starts_with('#'));
    let head: Vec<&str> = lines.next().unwrap_or_default().split(',').map(str::trim).collect();
    let rows: Vec<Vec<&str>> = lines.map(|l| l.split(',').map(str::trim).collect()).collect();
    if rows.is_empty() || rows.len() > MAX_CURVE_ROWS {
        cx.error(node.at, format!("`{data}` has {} rows; there must be 1 to {MAX_CURVE_ROWS}", rows.len()));
        return None;
    }
    let mut names = Vec::new();
    for (at, text) in &columns {
        let (name, tolerance) = match text.split_once('±') {
            Some((name, tolerance)) => (name.trim(), Some(tolerance.trim())),
            None => (text.as_str(), None),
        };
        let Some(column) = head.iter().position(|h| *h == name) else {
            let d = cx.error(at.at, format!("`{data}` has no column `{}`", shorten(name)));
            d.help = nearest(name, head.iter().copied()).map(|n| format!("did you mean `{n}`?"));
            return None;
        };
        names.push((at.at, name.to_owned(), tolerance, column));
    }
    for (i, row) in rows.iter().enumerate() {
        for (at, name, tolerance, column) in &names {
            let value = row.get(*column).copied().unwrap_or_default();
            let tolerance = tolerance.map_or_else(String::new, |t| format!(" ± {t}"));
            let assertion = format!("{table}({}).{name} == {value}{tolerance}", i + 1);
            match Assertion::parse(&assertion, vocabulary) {
                Ok(a) => shows.push(a),
                Err(message) => {
                    cx.error(*at, format!("`{assertion}`: {message}"));
                    return None;
                }
            }
        }
    }
    Some(Curve { data, table, columns: names.into_iter().map(|(_, n, _, _)| n).collect(), rows: rows.len() })
}

fn verdict(cx: &mut Context, fields: &Map<'_>, kernels: &[String]) -> Option<Verdict> {
    let word = fields.text(cx, "verdict", "a claim")?;
    let holds = fields.get("holds").map(|n| (n.at, texts(cx, n, "holds")));
    match (word.as_str(), holds) {
        ("confirmed", None) => Some(Verdict::Confirmed),
        ("refuted", None) => Some(Verdict::Refuted),
        ("depends-on-version", Some((at, named))) => {
            for (n, k) in named.iter().filter(|(_, k)| !kernels.contains(k)) {
                cx.error(n.at, format!("`{k}` is not a kernel of this claim")).help =
                    nearest(k, kernels.iter().map(String::as_str)).map(|k| format!("did you mean `{k}`?"));
            }
            if named.is_empty() || named.len() >= kernels.len() {
                cx.error(at, "`holds` names some of the claim's kernels, not all and not none");
            }
            Some(Verdict::DependsOnVersion(named.into_iter().map(|(_, k)| k).collect()))
        }
        ("depends-on-version", None) => {
            cx.error(fields.at, "`depends-on-version` needs `holds`: the kernels on which the claim holds");
            None
        }
        (_, Some((at, _))) => {
            cx.error(at, "`holds` goes with the verdict `depends-on-version`");
            None
        }
        (other, None) => {
            let at = fields.get("verdict").map_or(fields.at, |n| n.at);
            let d = cx.error(at, format!("`{}` is not a verdict", shorten(other)));
            d.expected = Some(format!("one of {}", VERDICTS.join(", ")));
            d.help = nearest(other, VERDICTS).map(|n| format!("did you mean `{n}`?"));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dimension(name: &str) -> Result<Dimension, String> {
        if name == "fitted" || name.ends_with(").fitted") {
            Ok(Dimension::Bytes)
        } else {
            Err(format!("`{name}` is not a metric"))
        }
    }

    fn read(text: &str) -> Result<Ledger, ScenarioError> {
        let data = |name: &str| match name {
            "t.csv" => Ok("n,fitted\n1,10\n2,20\n".to_owned()),
            _ => Err(format!("there is no `{name}`")),
        };
        read_ledger(&Source::new("claims.yaml", text), &Surroundings { dimension: &dimension, data: &data })
    }

    const HEAD: &str = "title: T\nsource: S\nclaims:\n- id: one\n  says: It fits.\n";

    #[test]
    fn a_claim_is_read_with_the_source_of_its_ledger() {
        let text = format!(
            "{HEAD}  run: {{scenario: x, set: [path.rtt=1ms]}}\n  shows: fitted > 3\n  verdict: confirmed\n"
        );
        let ledger = read(&text).unwrap();
        let c = &ledger.claims[0];
        assert_eq!((c.source.name.as_str(), c.line, c.kernels.len()), ("S", 4, 5));
        assert_eq!(c.runs[0].set, ["path.rtt=1ms"]);
        assert_eq!(c.askings().len(), 5);
        assert!(is_ledger(&Source::new("c.yaml", text)));
        assert!(!is_ledger(&Source::new("s.yaml", "kernel: 6.1\n")));
    }

    #[test]
    fn runs_with_kernels_of_their_own_are_asked_once() {
        let text = format!(
            "{HEAD}  runs: {{a: {{scenario: x, kernel: 6.1}}, b: {{scenario: x, kernel: 6.12}}}}\n  shows: [a.fitted > b.fitted]\n  verdict: refuted\n"
        );
        assert_eq!(read(&text).unwrap().claims[0].askings(), [None]);
    }

    #[test]
    fn a_published_table_becomes_one_assertion_per_cell() {
        let with = |columns: &str, data: &str| {
            read(&format!(
                "{HEAD}  run: x\n  curve: {{data: {data}, table: row, columns: {columns}}}\n  verdict: confirmed\n"
            ))
        };
        let ledger = with("[fitted ± 2%]", "t.csv").unwrap();
        let claim = &ledger.claims[0];
        let texts: Vec<&str> = claim.shows.iter().map(Assertion::text).collect();
        assert_eq!(texts, ["row(1).fitted == 10 ± 2%", "row(2).fitted == 20 ± 2%"]);
        assert_eq!(claim.curve_cells(), 2);
        let e = with("[fittet]", "t.csv").unwrap_err();
        assert!(e.to_string().contains("did you mean `fitted`?"), "{e}");
        assert!(with("[fitted]", "u.csv").unwrap_err().to_string().contains("there is no `u.csv`"));
    }

    #[test]
    fn mistakes_have_a_place_and_a_remedy() {
        let refused = |body: &str, says: &str| {
            let e = read(&format!("{HEAD}{body}")).unwrap_err();
            let all: Vec<String> = e.diagnostics.iter().map(ToString::to_string).collect();
            assert!(all.iter().any(|d| d.contains(says)), "{body}: {all:?}");
        };
        refused("  run: x\n  shows: [fited > 3]\n  verdict: confirmed\n", "claims.yaml:7:11: error: `fited`");
        refused("  run: x\n  shows: [fitted > 3]\n  verdict: confirmd\n", "did you mean `confirmed`?");
        refused("  run: x\n  shows: [fitted > 3]\n  verdict: depends-on-version\n", "needs `holds`");
        refused(
            "  run: x\n  shows: [fitted > 3]\n  verdict: refuted\n  holds: 6.1\n",
            "goes with the verdict",
        );
        refused(
            "  run: x\n  kernels: [6.17]\n  shows: [fitted > 3]\n  verdict: refuted\n",
            "nearest recorded",
        );
        refused("  run: x\n  verdict: refuted\n", "needs `shows`");
        refused("  shows: [fitted > 3]\n  verdict: refuted\n", "needs `run`");
        refused("  run: x\n  showes: [fitted > 3]\n  verdict: refuted\n", "did you mean `shows`?");
    }
}
