//! The scenarios crate as its users see it, in one binary.

mod bad_input;
mod files;
mod flows;
mod gallery;
mod good_input;
mod hosts;
mod inject;
mod kernels;
mod overrides;
mod path;
mod path_recordings;
mod plans;
mod programs;
mod properties;
mod transfers;

use scenarios::{Diagnostic, Overrides, Scenario, ScenarioError, Source, resolve};

/// Resolves a text called `t.yaml`.
fn try_resolve(text: &str) -> Result<Scenario, ScenarioError> {
    resolve(&Source::new("t.yaml", text), &Overrides::default())
}

/// Resolves a text that must be good.
#[track_caller]
fn good(text: &str) -> Scenario {
    match try_resolve(text) {
        Ok(s) => s,
        Err(e) => panic!("{}", e.render(false)),
    }
}

/// The errors of a text that must be bad.
#[track_caller]
fn errors(text: &str) -> Vec<Diagnostic> {
    match try_resolve(text) {
        Ok(_) => panic!("accepted: {text}"),
        Err(e) => e.errors().cloned().collect(),
    }
}

/// Asserts that a text has exactly one error, at `line:column`, whose one-line form contains all `parts`.
#[track_caller]
fn refused(text: &str, at: (usize, usize), parts: &[&str]) {
    let found = errors(text);
    let all: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(found.len(), 1, "{all:#?}");
    assert_eq!((found[0].line(), found[0].column()), at, "{}", found[0].render(false));
    for part in parts {
        assert!(all[0].contains(part), "{part:?} is missing in {:?}", all[0]);
    }
}
