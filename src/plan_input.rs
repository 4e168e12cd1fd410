//! From the words of the command line to sweep plans.

use std::path::{Path, PathBuf};

use scenarios::{DEFAULT_SIZE_LIMIT, Source, load_file, nearest};
use sweeps::{Plan, plan_text, plans};

use crate::failure::Failure;
use crate::{input, terminal};

/// Reads a plan: a file, or the name of one that comes with the program.
pub(crate) fn plan(word: &str) -> Result<Plan, Failure> {
    let path = Path::new(word);
    let is_file = path.exists() || word.contains(std::path::is_separator) || path.extension().is_some();
    let source = match plan_text(word) {
        Some(text) if !is_file => Source::new(word, text),
        None if !is_file => return Err(Failure::BadInput(unknown(word))),
        _ => load_file(path, DEFAULT_SIZE_LIMIT).map_err(|e| Failure::BadInput(e.to_string()))?,
    };
    let folder = path.parent().map(Path::to_owned).unwrap_or_default();
    let find = |base: &str| find_base(base, &folder);
    let plan = Plan::read(&source, &find);
    plan.map_err(|e| Failure::Diagnosed(e.render(terminal::stderr_colored())))
}

/// A base beside the plan, or as any scenario of the command line.
fn find_base(word: &str, folder: &Path) -> Result<Source, String> {
    let beside: PathBuf = folder.join(word);
    let word = if beside.is_file() { beside.display().to_string() } else { word.to_owned() };
    input::source(&word).map_err(|e| match e {
        Failure::BadInput(text) | Failure::Diagnosed(text) => text,
        _ => format!("there is no scenario `{word}`"),
    })
}

fn unknown(word: &str) -> String {
    let names = || plans().iter().map(|(name, _)| *name);
    match nearest(word, names()) {
        Some(near) => format!("there is no plan `{word}`, and no file of this name; did you mean `{near}`?"),
        None => format!(
            "there is no plan `{word}`, and no file of this name; the plans are {}",
            names().collect::<Vec<_>>().join(", ")
        ),
    }
}
