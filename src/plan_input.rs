//! From the words of the command line to sweep plans.

use std::path::{Path, PathBuf};

use scenarios::{DEFAULT_SIZE_LIMIT, Source, load_file, nearest};
use sweeps::{MANIFEST, Plan, base_of, plan_text, plans};

use crate::failure::Failure;
use crate::{input, terminal};

/// A plan and what `skmem run` calls its base.
pub(crate) struct Read {
    pub(crate) plan: Plan,
    pub(crate) base: String,
}

/// Reads a plan: a file, the name of one that comes with the program, or the folder of a sweep.
pub(crate) fn plan(word: &str) -> Result<Read, Failure> {
    let (source, folder) = text(word)?;
    let kept = kept_base(&folder);
    let find = |base: &str| match &kept {
        // The folder of a sweep has the base as it was when the sweep began.
        Some(path) => load_file(path, DEFAULT_SIZE_LIMIT).map_err(|e| e.to_string()),
        None => find_base(base, &folder),
    };
    let plan = Plan::read(&source, &find);
    let plan = plan.map_err(|e| Failure::Diagnosed(e.render(terminal::stderr_colored())))?;
    let base = match (&kept, &plan.base.word) {
        (Some(path), _) => path.display().to_string(),
        (None, Some(base)) if base == plan.base.source.name() => base.clone(),
        _ => word.to_owned(),
    };
    Ok(Read { plan, base })
}

/// The text of a plan, and the folder that its base may lie in.
fn text(word: &str) -> Result<(Source, PathBuf), Failure> {
    if let Some(text) = plan_text(word) {
        return Ok((Source::new(word, text), PathBuf::new()));
    }
    let path = Path::new(word);
    let is_file = path.exists() || word.contains(std::path::is_separator) || path.extension().is_some();
    if !is_file {
        return Err(Failure::BadInput(unknown(word)));
    }
    let path = if path.join(MANIFEST).is_file() { path.join("plan.yaml") } else { path.to_owned() };
    if path.is_dir() {
        let shown = path.display();
        return Err(Failure::BadInput(format!(
            "{shown} is a folder, but not that of a sweep: it has no {MANIFEST}"
        )));
    }
    let source = load_file(&path, DEFAULT_SIZE_LIMIT).map_err(|e| Failure::BadInput(e.to_string()))?;
    Ok((source, path.parent().map(Path::to_owned).unwrap_or_default()))
}

/// The base that the folder of a sweep keeps.
fn kept_base(folder: &Path) -> Option<PathBuf> {
    let base = folder.join("base.yaml");
    (folder.join(MANIFEST).is_file() && base.is_file()).then_some(base)
}

/// Whether a word means a plan rather than a scenario.
pub(crate) fn is_plan(word: &str) -> bool {
    plan_text(word).is_some() || matches!(input::source(word), Ok(s) if base(word, &s).is_some())
}

/// The base of a plan: what `skmem run PLAN` runs; `None` if the text is no plan.
pub(crate) fn base(word: &str, source: &Source) -> Option<Result<Source, String>> {
    let folder = Path::new(word).parent().map(Path::to_owned).unwrap_or_default();
    base_of(source, &|base| find_base(base, &folder))
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
