//! What is wrong with a plan, gathered so that everything shows at once.

use std::sync::Arc;

use scenarios::tree::{Entry, Place, mistake};
use scenarios::{Diagnostic, ScenarioError, Source, nearest, units};

/// Mistakes found so far in one text.
#[derive(Debug)]
pub(crate) struct Mistakes {
    source: Arc<Source>,
    found: Vec<Diagnostic>,
    spare: Diagnostic,
}

/// Messages after which reading on helps nobody.
const MOST: usize = 30;

impl Mistakes {
    pub(crate) fn new(source: &Arc<Source>) -> Self {
        let spare = mistake(source, Place::default(), "");
        Self { source: Arc::clone(source), found: Vec::new(), spare }
    }

    /// Notes an error; expectations and help can be added to it.
    pub(crate) fn error(&mut self, at: Place, message: impl Into<String>) -> &mut Diagnostic {
        if self.found.len() >= MOST {
            return &mut self.spare;
        }
        self.found.push(mistake(&self.source, at, message));
        let last = self.found.len() - 1;
        &mut self.found[last]
    }

    /// Notes a key that `what` does not have, with the nearest one that it has.
    pub(crate) fn unknown_key(&mut self, e: &Entry, what: &str, keys: &[&str]) {
        let d = self.error(e.at, format!("`{}` is not a key of {what}", units::shorten(&e.key)));
        d.help = Some(match nearest(&e.key, keys.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("its keys are {}", keys.join(", ")),
        });
    }

    /// Takes the mistakes of another text over.
    pub(crate) fn take(&mut self, other: ScenarioError) {
        self.found.extend(other.diagnostics);
    }

    pub(crate) const fn any(&self) -> bool {
        !self.found.is_empty()
    }

    pub(crate) fn into_error(mut self) -> ScenarioError {
        self.found.sort_by_key(|d| d.start);
        ScenarioError { diagnostics: self.found }
    }
}
