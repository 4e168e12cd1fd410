//! YAML text to a tree with positions. The YAML library is named in this file and nowhere else.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::{Error, Location, Spanned};

use crate::brackets;

/// A place in one of the texts of a scenario: bytes `start..end` of source number `source`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub struct Place {
    /// Which text: 0 is the scenario, the others are overrides.
    pub source: usize,
    /// First byte.
    pub start: usize,
    /// One after the last byte.
    pub end: usize,
}

/// A value as written.
#[derive(Clone, PartialEq, Debug)]
pub struct Node {
    /// Where.
    pub at: Place,
    /// What.
    pub value: Value,
}

/// The kinds of value that YAML has. A scalar keeps its text: `5.10` is not 5.1.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// Nothing after the colon, or `~`.
    Null,
    /// A word, a number, a quoted text.
    Scalar(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order of the text.
    Map(Vec<Entry>),
}

/// One `key: value`.
#[derive(Clone, PartialEq, Debug)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key is.
    pub at: Place,
    /// The value.
    pub value: Node,
}

/// Why a text is not usable YAML.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct YamlError {
    /// Where.
    pub(crate) at: Place,
    /// What is wrong.
    pub(crate) message: String,
    /// What to do.
    pub(crate) help: Option<String>,
}

/// Values (aliases expanded), nesting and aliases that a scenario may have. The longest sensible scenario has
/// some hundred values; the bounds stop texts that are made to exhaust memory.
const MAX_NODES: usize = 50_000;
const MAX_DEPTH: usize = 24;
const MAX_ALIASES: usize = 1_000;

const TOO_DEEP: &str = "this is nested far deeper than a scenario can be";

/// Parses one YAML document. `source` goes into every [`Place`].
pub(crate) fn parse(text: &str, source: usize) -> Result<Node, YamlError> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_nodes: MAX_NODES,
            max_events: 2 * MAX_NODES,
            max_depth: MAX_DEPTH,
            max_aliases: MAX_ALIASES,
            max_anchors: MAX_ALIASES,
            max_total_scalar_bytes: 4 << 20,
        },
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::Error,
        reject_non_finite_typeless_float: false,
        with_snippet: false,
    };
    match serde_saphyr::from_str_with_options::<RawNode>(text, options) {
        Ok(raw) => Ok(raw.into_node(text, source)),
        Err(e) => Err(of_brackets(text, convert(&e, text, source))),
    }
}

/// What a mistake with brackets is about. One that is never closed is noticed where the text no longer fits into it, some lines
/// on; the mistake is where it was opened.
fn of_brackets(text: &str, error: YamlError) -> YamlError {
    let after_word = text[..error.at.start].ends_with(|c: char| c.is_alphanumeric() || c == '_');
    if after_word && text[error.at.start..].starts_with('[') {
        let help = "within braces a key with an index is quoted: {\"rx.tcp_rmem[2]\": ...}".to_owned();
        return YamlError { help: Some(help), ..error };
    }
    let Some(open) = brackets::unclosed(text) else { return error };
    let line = |at: usize| text[..at.min(text.len())].bytes().filter(|b| *b == b'\n').count();
    if line(open) >= line(error.at.start) {
        return error;
    }
    let (bracket, missing) = if text[open..].starts_with('[') { ('[', ']') } else { ('{', '}') };
    YamlError {
        at: Place { start: open, end: open + 1, ..error.at },
        message: format!("this `{bracket}` is not closed"),
        help: Some(format!("a `{missing}` is missing")),
    }
}

/// A library error in the words of this program.
fn convert(error: &Error, text: &str, source: usize) -> YamlError {
    let error = error.without_snippet();
    let at = error.location().map_or(Place { source, start: 0, end: 0 }, |l| place(l, text, source));
    let too_much = || {
        (
            "this text unfolds into far more values than a scenario can have".to_owned(),
            Some(
                "an alias (`*name`) that repeats aliases grows without bound; write the values out"
                    .to_owned(),
            ),
        )
    };
    let (message, help) = match error {
        Error::DuplicateMappingKey { key, .. } => (
            match key {
                Some(key) => format!("the key `{key}` is given twice"),
                None => "a key is given twice".to_owned(),
            },
            Some("keep one of the two".to_owned()),
        ),
        Error::Budget { breach: BudgetBreach::Depth { .. }, .. } => (TOO_DEEP.to_owned(), None),
        Error::Budget { .. }
        | Error::AliasReplayCounterOverflow { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => too_much(),
        // Errors inside an alias carry the text of the original error only.
        Error::AliasError { msg, .. } if msg.contains("budget") || msg.contains("limit") => too_much(),
        Error::RecursiveReferencesRequireWeakTypes { .. } => (
            "an alias refers to the value that contains it".to_owned(),
            Some("write the value out".to_owned()),
        ),
        Error::MultipleDocuments { .. } => (
            "a scenario file holds one scenario".to_owned(),
            Some("put what follows `---` into a file of its own".to_owned()),
        ),
        Error::TaggedScalarCannotDeserializeIntoString { .. } => (
            "YAML tags (`!name`) have no meaning in a scenario".to_owned(),
            Some("remove the tag".to_owned()),
        ),
        Error::UnknownAnchor { .. } => (
            "this alias (`*name`) refers to an anchor (`&name`) that does not exist".to_owned(),
            Some("a value that begins with `*` must be quoted".to_owned()),
        ),
        other => {
            let full = other.to_string();
            // The place is shown with the line itself; the library repeats it in words.
            let short = full.split(" at line ").next().unwrap_or(&full);
            if short.contains("recursion limit") {
                return YamlError { at, message: TOO_DEEP.to_owned(), help: None };
            }
            (format!("this is not valid YAML: {short}"), None)
        }
    };
    YamlError { at, message, help }
}

fn place(location: Location, text: &str, source: usize) -> Place {
    let span = location.span();
    let start = match span.byte_offset() {
        Some(offset) => offset as usize,
        // Scanner errors know line and column only.
        None => {
            let line = usize::try_from(location.line()).unwrap_or(1).max(1);
            let column = usize::try_from(location.column()).unwrap_or(1).max(1);
            let line_start: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
            let rest = text.get(line_start..).unwrap_or("");
            line_start + rest.chars().take(column - 1).map(char::len_utf8).sum::<usize>()
        }
    }
    .min(text.len());
    let end = (start + span.byte_len().unwrap_or(1) as usize).min(text.len());
    Place { source, start, end }
}

/// What the library hands over: values with their locations.
struct RawNode(Spanned<RawValue>);

enum RawValue {
    Null,
    /// A scalar that YAML takes for a text: quotes and escapes are resolved.
    Text(String),
    /// A scalar that YAML takes for a number or a truth value: its source text counts.
    Typed,
    List(Vec<RawNode>),
    Map(Vec<(Spanned<String>, RawNode)>),
}

impl RawNode {
    fn into_node(self, text: &str, source: usize) -> Node {
        let Spanned { value, referenced, defined } = self.0;
        let at = place(referenced, text, source);
        let value = match value {
            RawValue::Null => Value::Null,
            RawValue::Text(t) => Value::Scalar(t),
            RawValue::Typed => {
                let p = place(defined, text, source);
                Value::Scalar(text.get(p.start..p.end).unwrap_or("").trim().to_owned())
            }
            RawValue::List(items) => {
                Value::List(items.into_iter().map(|n| n.into_node(text, source)).collect())
            }
            RawValue::Map(entries) => Value::Map(
                entries
                    .into_iter()
                    .map(|(key, value)| Entry {
                        at: place(key.referenced, text, source),
                        key: key.value,
                        value: value.into_node(text, source),
                    })
                    .collect(),
            ),
        };
        Node { at, value }
    }
}

impl<'de> Deserialize<'de> for RawNode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Spanned::deserialize(deserializer).map(Self)
    }
}

impl<'de> Deserialize<'de> for RawValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = RawValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_bool<E>(self, _: bool) -> Result<RawValue, E> {
        Ok(RawValue::Typed)
    }
    fn visit_i64<E>(self, _: i64) -> Result<RawValue, E> {
        Ok(RawValue::Typed)
    }
    fn visit_u64<E>(self, _: u64) -> Result<RawValue, E> {
        Ok(RawValue::Typed)
    }
    fn visit_i128<E>(self, _: i128) -> Result<RawValue, E> {
        Ok(RawValue::Typed)
    }
    fn visit_u128<E>(self, _: u128) -> Result<RawValue, E> {
        Ok(RawValue::Typed)
    }
    fn visit_f64<E>(self, _: f64) -> Result<RawValue, E> {
        Ok(RawValue::Typed)
    }
    fn visit_unit<E>(self) -> Result<RawValue, E> {
        Ok(RawValue::Null)
    }
    fn visit_none<E>(self) -> Result<RawValue, E> {
        Ok(RawValue::Null)
    }
    fn visit_str<E>(self, v: &str) -> Result<RawValue, E> {
        Ok(RawValue::Text(v.to_owned()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<RawValue, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(RawValue::List(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawValue, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(RawValue::Map(entries))
    }
}
