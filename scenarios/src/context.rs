//! Reading the tree against the table of keys: unknown keys, kinds and ranges are checked here, once.

use std::sync::Arc;

use crate::diagnostic::{Diagnostic, ScenarioError, Severity};
use crate::keys::{self, Key, Kind, UNLIMITED};
use crate::nearest::nearest;
use crate::not_modelled::{self, Standing};
use crate::source::Source;
use crate::units::{self, UnitError, shorten};
use crate::yaml::{Entry, Node, Place, Value};

/// Messages after which reading on helps nobody.
const MAX_DIAGNOSTICS: usize = 50;

/// The texts of a scenario and what was found wrong with them so far.
#[derive(Debug)]
pub(crate) struct Context {
    /// 0 is the scenario, the others are overrides.
    pub(crate) sources: Vec<Arc<Source>>,
    /// The kernels that the scenario lists; empty if it has one.
    pub(crate) kernels: Vec<String>,
    diagnostics: Vec<(Place, Diagnostic)>,
    failed: bool,
}

/// A scalar that was checked against its key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Scalar {
    /// A number in the key's base unit; a switch is 0 or 1.
    Number(i128),
    /// `unlimited`.
    Unlimited,
}

/// Whether this may be a number without a unit.
fn is_plain(text: &str) -> bool {
    text.trim_end().ends_with(|c: char| c.is_ascii_digit())
}

impl Context {
    pub(crate) fn new(source: Source) -> Self {
        Self::shared(Arc::new(source))
    }

    pub(crate) fn shared(source: Arc<Source>) -> Self {
        Self { sources: vec![source], kernels: Vec::new(), diagnostics: Vec::new(), failed: false }
    }

    /// For values that no text of a user holds.
    fn of_no_text() -> Self {
        Self { sources: Vec::new(), kernels: Vec::new(), diagnostics: Vec::new(), failed: false }
    }

    pub(crate) fn error(&mut self, at: Place, message: impl Into<String>) -> &mut Diagnostic {
        self.report(Severity::Error, at, message.into())
    }

    pub(crate) fn warn(&mut self, at: Place, message: impl Into<String>) -> &mut Diagnostic {
        self.report(Severity::Warning, at, message.into())
    }

    fn report(&mut self, severity: Severity, at: Place, message: String) -> &mut Diagnostic {
        let source = self.sources.get(at.source).map_or_else(|| Arc::new(Source::new("", "")), Arc::clone);
        let (start, end) = (at.start, at.end);
        self.failed |= severity == Severity::Error;
        // What several connections inherit is read for each of them, and said once.
        let said = |(place, d): &(Place, Diagnostic)| *place == at && d.message == message;
        if let Some(there) = self.diagnostics.iter().position(said) {
            return &mut self.diagnostics[there].1;
        }
        let full = self.diagnostics.len() >= MAX_DIAGNOSTICS;
        if full {
            // The last one gives way: the caller still gets something to add its help to.
            self.diagnostics.pop();
        }
        self.diagnostics
            .push((at, Diagnostic { severity, source, start, end, message, expected: None, help: None }));
        let last = self.diagnostics.len() - 1;
        &mut self.diagnostics[last].1
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.failed
    }

    /// The diagnostics in the order of the text; `Err` if one of them is an error.
    pub(crate) fn finish(mut self) -> Result<Vec<Diagnostic>, ScenarioError> {
        self.diagnostics.sort_by_key(|(at, _)| (at.source, at.start));
        let diagnostics = self.diagnostics.into_iter().map(|(_, d)| d).collect();
        if self.failed { Err(ScenarioError { diagnostics }) } else { Ok(diagnostics) }
    }

    /// The entries of a mapping, each checked to be a key of `keys`.
    pub(crate) fn fields<'n>(&mut self, keys: &'static [Key], node: &'n Node, what: &str) -> Fields<'n> {
        let mut found = Vec::new();
        match &node.value {
            Value::Map(entries) => {
                for entry in entries {
                    if let Some(key) = keys::find(keys, &entry.key) {
                        if let Kind::NotYet(there_is) = key.kind {
                            self.not_yet(key, entry, there_is);
                        } else {
                            found.push((key, entry));
                        }
                    } else {
                        self.unknown_key(entry, keys.iter().map(|k| k.name), what);
                    }
                }
            }
            Value::Null => {}
            _ => {
                self.error(node.at, format!("`{what}` must be a mapping")).expected =
                    Some(keys::takes(&Kind::Section(keys)));
            }
        }
        Fields { at: node.at, found }
    }

    /// `write: never` of a receiver says what is the case anyway; anything else is refused.
    fn not_yet(&mut self, key: &Key, entry: &Entry, there_is: &str) {
        let is_default =
            matches!(&entry.value.value, Value::Scalar(t) if !key.default.is_empty() && t == key.default);
        if !is_default {
            self.error(entry.at, format!("`{}` is not supported by this version", key.name)).help =
                Some(there_is.to_owned());
        }
    }

    pub(crate) fn unknown_key<'a>(
        &mut self,
        entry: &Entry,
        candidates: impl Iterator<Item = &'a str> + Clone,
        what: &str,
    ) {
        if self.not_modelled(entry) {
            return;
        }
        let near = nearest(&entry.key, candidates.clone()).map(str::to_owned);
        let known: Vec<&str> = candidates.collect();
        let d = self.error(entry.at, format!("`{}` is not a key of {what}", shorten(&entry.key)));
        d.help = Some(match near {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.len() <= 16 => format!("its keys are {}", known.join(", ")),
            None => format!("there are {} keys, such as {}", known.len(), known[..4].join(", ")),
        });
    }

    /// A sysctl or socket option that kernels have and the model has not; returns whether it is one.
    fn not_modelled(&mut self, entry: &Entry) -> bool {
        let Some(standing) = not_modelled::find(&entry.key) else { return false };
        let value = match &entry.value.value {
            Value::Scalar(text) => text.as_str(),
            _ => "",
        };
        if standing.accepts(value) {
            if let Standing::NoEffect(why) = standing {
                self.warn(entry.at, format!("{} has no effect here", entry.key)).help = Some(why.to_owned());
            }
        } else {
            let (message, help) = standing.refusal(&entry.key);
            self.error(entry.at, message).help = Some(help);
        }
        true
    }

    /// As [`Self::fields`], for a mapping that a single value can stand for: the value of `main`, which then is the
    /// only one written.
    pub(crate) fn short_fields<'n>(&mut self, key: &Key, entry: &'n Entry) -> Fields<'n> {
        let Kind::Short { main, keys } = key.kind else {
            return Fields { at: entry.at, found: Vec::new() };
        };
        match (&entry.value.value, keys::find(keys, main)) {
            (Value::Map(_) | Value::List(_), _) | (_, None) => self.fields(keys, &entry.value, key.name),
            (_, Some(main)) => Fields { at: entry.value.at, found: vec![(main, entry)] },
        }
    }

    /// Numbers that ascend.
    pub(crate) fn numbers(&mut self, key: &Key, node: &Node) -> Option<Vec<u64>> {
        let Kind::Numbers { min, max } = key.kind else { return None };
        let Value::List(items) = &node.value else {
            self.error(node.at, format!("`{}` must be a list", key.name)).expected =
                Some(keys::takes(&key.kind));
            return None;
        };
        if items.is_empty() {
            self.error(node.at, format!("`{}` is empty", key.name)).expected = Some(keys::takes(&key.kind));
            return None;
        }
        let one = Key { kind: Kind::Count { min: min as i64, max }, ..*key };
        let mut values: Vec<u64> = Vec::new();
        for item in items {
            let Scalar::Number(v) = self.scalar(&one, item)? else { return None };
            let v = u64::try_from(v).ok()?;
            if values.last().is_some_and(|last| *last >= v) {
                self.error(item.at, format!("`{}`: {v} is not larger than the number before it", key.name))
                    .expected = Some(keys::takes(&key.kind));
                return None;
            }
            values.push(v);
        }
        Some(values)
    }

    /// A number of packets, or a size: which of the two is said by its unit.
    pub(crate) fn packets_or_bytes(&mut self, key: &Key, node: &Node) -> Option<Result<u64, u64>> {
        let Kind::PacketsOrBytes { max } = key.kind else { return None };
        let text = self.text(key, node)?;
        let packets = units::parse_count(text).is_ok();
        let kind = if packets {
            Kind::Count { min: 1, max }
        } else {
            Kind::Size { min: 1, max, bare: false, unlimited: false }
        };
        let Scalar::Number(v) = self.scalar_text(&Key { kind, ..*key }, node.at, text)? else { return None };
        let v = u64::try_from(v).ok()?;
        Some(if packets { Ok(v) } else { Err(v) })
    }

    /// The text of a scalar.
    pub(crate) fn text<'n>(&mut self, key: &Key, node: &'n Node) -> Option<&'n str> {
        match &node.value {
            Value::Scalar(text) => Some(text),
            Value::Null => {
                let d = self.error(node.at, format!("`{}` has no value", key.name));
                d.expected = Some(keys::takes(&key.kind));
                d.help = Some("give it one, or remove the line".to_owned());
                None
            }
            Value::List(_) | Value::Map(_) => {
                self.error(node.at, format!("`{}` takes a single value", key.name)).expected =
                    Some(keys::takes(&key.kind));
                None
            }
        }
    }

    fn unit_error(&mut self, key: &Key, at: Place, e: UnitError) {
        let d = self.error(at, format!("`{}`: {}", key.name, e.message));
        d.expected = Some(keys::takes(&key.kind));
        d.help = e.help;
    }

    fn out_of_range(&mut self, key: &Key, at: Place, text: &str) {
        let text = shorten(text);
        self.error(at, format!("`{}`: {text} is out of range", key.name)).expected =
            Some(keys::takes(&key.kind));
    }

    /// A scalar of a numeric kind, in bytes, bits per second, nanoseconds or as counted; `None` if it was
    /// reported to be wrong.
    pub(crate) fn scalar(&mut self, key: &Key, node: &Node) -> Option<Scalar> {
        let text = self.text(key, node)?;
        self.scalar_text(key, node.at, text)
    }

    pub(crate) fn scalar_text(&mut self, key: &Key, at: Place, text: &str) -> Option<Scalar> {
        let (value, min, max) = match key.kind {
            Kind::Size { unlimited: true, .. } | Kind::Rate if text == UNLIMITED => {
                return Some(Scalar::Unlimited);
            }
            Kind::Switch => return self.switch(key, at, text),
            Kind::Percent => (units::parse_percent(text).map(i128::from), 0, i128::from(u32::MAX)),
            Kind::Count { min, max } => {
                let negative = min < 0 && text.starts_with('-');
                let digits = if negative { &text[1..] } else { text };
                let value = units::parse_count(digits).map(i128::from);
                (value.map(|v| if negative { -v } else { v }), i128::from(min), i128::from(max))
            }
            Kind::Size { min, max, bare, .. } => {
                let plain = (bare && is_plain(text)).then(|| units::parse_count(text)).and_then(Result::ok);
                let value = plain.map_or_else(|| units::parse_size(text), Ok);
                (value.map(i128::from), i128::from(min), i128::from(max))
            }
            Kind::Time { min, max, bare } => {
                let plain = bare.filter(|_| is_plain(text));
                let plain = plain.and_then(|unit| units::parse_count(text).ok()?.checked_mul(unit));
                let value = plain.map_or_else(|| units::parse_time(text), Ok);
                (value.map(i128::from), i128::from(min), i128::from(max))
            }
            Kind::Rate => {
                let value = units::parse_rate(text).map(i128::from);
                if value == Ok(0) || text.trim() == "0" {
                    let d = self
                        .error(at, format!("`{}`: at a rate of zero nothing would ever arrive", key.name));
                    d.expected = Some(keys::takes(&key.kind));
                    return None;
                }
                (value, 1, i128::from(u64::MAX) / 1_000)
            }
            // Not numeric: nothing to read.
            _ => return None,
        };
        match value {
            Err(e) => {
                self.unit_error(key, at, e);
                None
            }
            Ok(v) if v < min || v > max => {
                self.out_of_range(key, at, text);
                None
            }
            Ok(v) => Some(Scalar::Number(v)),
        }
    }

    fn switch(&mut self, key: &Key, at: Place, text: &str) -> Option<Scalar> {
        let is = |words: [&str; 4]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
        if is(["on", "1", "true", "yes"]) {
            Some(Scalar::Number(1))
        } else if is(["off", "0", "false", "no"]) {
            Some(Scalar::Number(0))
        } else {
            self.error(at, format!("`{}`: `{}` is neither on nor off", key.name, shorten(text))).expected =
                Some(keys::takes(&key.kind));
            None
        }
    }

    /// One of a few words, with the nearest one as help.
    pub(crate) fn choice<'a>(&mut self, key: &Key, node: &Node, names: &[&'a str]) -> Option<&'a str> {
        let text = self.text(key, node)?;
        if let Some(name) = names.iter().find(|n| **n == text) {
            return Some(name);
        }
        let d = self.error(node.at, format!("`{}`: `{}` is not known", key.name, shorten(text)));
        d.expected = Some(format!("one of {}", names.join(", ")));
        d.help = nearest(text, names.iter().copied()).map(|n| format!("did you mean `{n}`?"));
        None
    }

    /// Three ascending numbers: `4096 131072 6291456`, or a list of three.
    pub(crate) fn triple(&mut self, key: &Key, node: &Node) -> Option<[u64; 3]> {
        let Kind::Triple { max, sizes } = key.kind else { return None };
        let parts: Vec<(Place, &str)> = match &node.value {
            Value::List(items) => {
                let mut parts = Vec::new();
                for item in items {
                    parts.push((item.at, self.text(key, item)?));
                }
                parts
            }
            _ => self.text(key, node)?.split_whitespace().map(|t| (node.at, t)).collect(),
        };
        if parts.len() != 3 {
            self.error(node.at, format!("`{}` has {} of its three numbers", key.name, parts.len()))
                .expected = Some(keys::takes(&key.kind));
            return None;
        }
        let kind = if sizes {
            Kind::Size { min: 1, max, bare: true, unlimited: false }
        } else {
            Kind::Count { min: 1, max }
        };
        let one = Key { kind, ..*key };
        let mut values = [0; 3];
        for (value, (at, text)) in values.iter_mut().zip(parts) {
            let Scalar::Number(v) = self.scalar_text(&one, at, text)? else { return None };
            *value = u64::try_from(v).unwrap_or(u64::MAX);
        }
        if values.is_sorted() {
            return Some(values);
        }
        self.error(node.at, format!("`{}`: its three numbers must not descend", key.name)).expected =
            Some(keys::takes(&key.kind));
        None
    }
}

/// The entries of one mapping.
#[derive(Debug)]
pub(crate) struct Fields<'n> {
    /// Where the mapping is.
    pub(crate) at: Place,
    found: Vec<(&'static Key, &'n Entry)>,
}

impl<'n> Fields<'n> {
    /// The key and the entry, if it was written.
    pub(crate) fn get(&self, name: &str) -> Option<(&'static Key, &'n Entry)> {
        self.found.iter().find(|(k, _)| k.name == name).copied()
    }

    /// Where the value of `name` is, or the mapping if it was not written.
    pub(crate) fn place(&self, name: &str) -> Place {
        self.get(name).map_or(self.at, |(_, e)| e.value.at)
    }

    /// A number that was written, narrowed to its type; the table's range fits it.
    pub(crate) fn number<T: TryFrom<i128>>(&self, cx: &mut Context, name: &str) -> Option<T> {
        let (key, entry) = self.get(name)?;
        match cx.scalar(key, &entry.value)? {
            Scalar::Number(v) => T::try_from(v).ok(),
            Scalar::Unlimited => None,
        }
    }

    /// A switch that was written.
    pub(crate) fn switch(&self, cx: &mut Context, name: &str) -> Option<bool> {
        self.number::<u8>(cx, name).map(|v| v != 0)
    }

    /// A number that the scenario must give; reported if it is missing.
    pub(crate) fn required<T: TryFrom<i128>>(&self, cx: &mut Context, name: &str, what: &str) -> Option<T> {
        if self.get(name).is_none() {
            cx.error(self.at, format!("{what} needs `{name}`"));
            return None;
        }
        self.number(cx, name)
    }
}

/// A default of the table as a number; `None` for `unlimited`.
pub(crate) fn default_number<T: TryFrom<i128>>(keys: &'static [Key], name: &str) -> Option<T> {
    let key = keys::find(keys, name)?;
    let mut scratch = Context::of_no_text();
    match scratch.scalar_text(key, Place::default(), key.default)? {
        Scalar::Number(v) => T::try_from(v).ok(),
        Scalar::Unlimited => None,
    }
}

impl<'n> Fields<'n> {
    /// The entries of a mapping that are keys of `keys`, without a word about the others: the caller has
    /// already reported them.
    pub(crate) fn of(keys: &'static [Key], node: &'n Node) -> Self {
        let entries: &[Entry] = match &node.value {
            Value::Map(entries) => entries,
            _ => &[],
        };
        let found = entries.iter().filter_map(|e| Some((keys::find(keys, &e.key)?, e))).collect();
        Self { at: node.at, found }
    }
}
