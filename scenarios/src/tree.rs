//! YAML with positions, for texts that are not scenarios: sweep plans.

use std::sync::Arc;

use crate::diagnostic::{Diagnostic, ScenarioError, Severity};
use crate::source::Source;
pub use crate::yaml::{Entry, Node, Place, Value};

/// Reads one YAML document; the places of its nodes are in `source`.
///
/// # Errors
/// What is wrong with the text.
pub fn parse(source: &Arc<Source>) -> Result<Node, ScenarioError> {
    crate::yaml::parse(source.text(), 0).map_err(|e| {
        let mut d = mistake(source, e.at, e.message);
        d.help = e.help;
        ScenarioError { diagnostics: vec![d] }
    })
}

/// An error at a place of a text.
pub fn mistake(source: &Arc<Source>, at: Place, message: impl Into<String>) -> Diagnostic {
    Diagnostic {
        severity: Severity::Error,
        source: Arc::clone(source),
        start: at.start,
        end: at.end,
        message: message.into(),
        expected: None,
        help: None,
    }
}

impl Node {
    /// The value as one line of YAML, as `--set` takes it.
    pub fn flow(&self) -> String {
        match &self.value {
            Value::Null => "~".to_owned(),
            Value::Scalar(text) => text.clone(),
            Value::List(_) | Value::Map(_) => self.inner_flow(),
        }
    }

    fn inner_flow(&self) -> String {
        match &self.value {
            Value::Null => "~".to_owned(),
            Value::Scalar(text) => quoted(text),
            Value::List(items) => {
                let items: Vec<_> = items.iter().map(Self::inner_flow).collect();
                format!("[{}]", items.join(", "))
            }
            Value::Map(entries) => {
                let entries: Vec<_> =
                    entries.iter().map(|e| format!("{}: {}", quoted(&e.key), e.value.inner_flow())).collect();
                format!("{{{}}}", entries.join(", "))
            }
        }
    }

    /// The value as lines of YAML.
    pub fn block(&self) -> String {
        match &self.value {
            Value::Map(entries) => {
                entries.iter().map(|e| format!("{}: {}\n", quoted(&e.key), e.value.inner_flow())).collect()
            }
            _ => format!("{}\n", self.inner_flow()),
        }
    }

    /// The value of a key, if this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Entry> {
        crate::overrides::get(self, key)
    }

    /// The text, if this is a scalar.
    pub fn scalar(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(text) => Some(text),
            _ => None,
        }
    }
}

/// A text that means itself within `{}` and `[]`.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | '%' | '+');
    let bare = !text.is_empty() && text.chars().all(plain) && !text.starts_with('-');
    let signed =
        text.strip_prefix('-').is_some_and(|d| !d.is_empty() && d.bytes().all(|b| b.is_ascii_digit()));
    if bare || signed { text.to_owned() } else { format!("'{}'", text.replace('\'', "''")) }
}
