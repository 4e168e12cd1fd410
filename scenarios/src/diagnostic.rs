//! What is wrong with a scenario, where, and what would be right.

use std::fmt;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use crate::source::Source;

/// How serious a [`Diagnostic`] is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Severity {
    /// The scenario cannot be run.
    Error,
    /// It can be run, but read this before trusting the result.
    Warning,
}

/// One mistake or warning with its place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// The text that it is about.
    pub source: Arc<Source>,
    /// First byte of the place.
    pub start: usize,
    /// One after the last byte of the place.
    pub end: usize,
    /// What is wrong, in one sentence.
    pub message: String,
    /// What would be right at this place.
    pub expected: Option<String>,
    /// What to do: the nearest valid name, another key, a question.
    pub help: Option<String>,
}

impl Diagnostic {
    /// Name of the file, or of the command-line option.
    pub fn file(&self) -> &str {
        self.source.name()
    }

    /// Line, from 1.
    pub fn line(&self) -> usize {
        self.source.line_column(self.start).0
    }

    /// Column in characters, from 1.
    pub fn column(&self) -> usize {
        self.source.line_column(self.start).1
    }

    /// The diagnostic with the line it is about, as a terminal shows it; `styled` adds colours.
    pub fn render(&self, styled: bool) -> String {
        let text = self.source.text();
        let start = self.source.floor(self.start);
        let line_start = text[..start].rfind('\n').map_or(0, |i| i + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |i| start + i);
        let end = self.source.floor(self.end).clamp(start, line_end);
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut place = AnnotationKind::Primary.span(start - line_start..end - line_start);
        if let Some(expected) = &self.expected {
            place = place.label(format!("expected {expected}"));
        }
        // Only the line itself goes to the renderer: a scenario may be long, a message should not be slow.
        let snippet = Snippet::source(&text[line_start..line_end])
            .path(self.source.name())
            .line_start(self.line())
            .annotation(place);
        let mut group = level.primary_title(&self.message).element(snippet);
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        let renderer = if styled { Renderer::styled() } else { Renderer::plain() };
        renderer.render(&[group])
    }
}

impl Diagnostic {
    /// What is wrong and what would be right, without a place: `message; expected ... (help)`.
    pub fn sentence(&self) -> String {
        let mut text = self.message.clone();
        if let Some(expected) = &self.expected {
            text.push_str(&format!("; expected {expected}"));
        }
        if let Some(help) = &self.help {
            text.push_str(&format!(" ({help})"));
        }
        text
    }
}

impl fmt::Display for Diagnostic {
    /// One line: `file:line:column: error: message (help)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let (file, line, column) = (self.file(), self.line(), self.column());
        write!(f, "{file}:{line}:{column}: {severity}: {}", self.sentence())
    }
}

/// Everything that is wrong with a scenario: at least one error, in the order of the text, warnings included.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScenarioError {
    /// The diagnostics.
    pub diagnostics: Vec<Diagnostic>,
}

impl ScenarioError {
    /// All diagnostics as a terminal shows them, separated by empty lines; `styled` adds colours.
    pub fn render(&self, styled: bool) -> String {
        let all: Vec<_> = self.diagnostics.iter().map(|d| d.render(styled)).collect();
        all.join("\n\n")
    }

    /// The errors, without the warnings.
    pub fn errors(&self) -> impl Iterator<Item = &Diagnostic> {
        self.diagnostics.iter().filter(|d| d.severity == Severity::Error)
    }
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, d) in self.diagnostics.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "{d}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ScenarioError {}
