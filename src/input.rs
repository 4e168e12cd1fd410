//! From the words of the command line to resolved scenarios.

use std::path::{Path, PathBuf};

use clap::Args;
use scenarios::{
    DEFAULT_SIZE_LIMIT, Overrides, Scenario, Source, gallery, gallery_text, load_file, nearest, resolve,
    resolve_all,
};
use sweeps::plan_text;

use crate::failure::Failure;
use crate::{plan_input, terminal};

/// Settings on top of a scenario.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Changes {
    /// Change a setting, such as path.rtt=50ms or receiver.sockopt.SO_RCVBUF=64KiB; may be given several times
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Another kernel: 5.10, 6.1, 6.12, 6.18, 7.2, or the `uname -r` of one of these series
    #[arg(long, value_name = "KERNEL")]
    kernel: Option<String>,
    /// Another seed of the random streams
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

impl Changes {
    fn overrides(&self) -> Overrides {
        Overrides { set: self.set.clone(), kernel: self.kernel.clone(), seed: self.seed }
    }

    /// Another kernel, if one is named, and nothing else.
    pub(crate) fn kernel(kernel: Option<String>) -> Self {
        Self { kernel, ..Self::default() }
    }

    /// Whether anything is set.
    pub(crate) fn any(&self) -> bool {
        !self.set.is_empty() || self.kernel.is_some() || self.seed.is_some()
    }

    /// Whether the run is about something else than the scenario as it was written, so that its expectations no
    /// longer bind. Settings of `expect` itself change nothing about the run.
    pub(crate) fn change_the_run(&self) -> bool {
        let expects = |s: &String| s.trim_start().starts_with("expect");
        self.kernel.is_some() || self.seed.is_some() || !self.set.iter().all(expects)
    }
}

/// A scenario and how the user called it.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) from: String,
    pub(crate) scenario: Scenario,
}

/// The text of a scenario: a file if it looks like one or there is one, a gallery scenario otherwise.
pub(crate) fn source(word: &str) -> Result<Source, Failure> {
    let path = Path::new(word);
    let looks_like_a_file = word.contains(std::path::is_separator)
        || path.extension().is_some_and(|e| e.eq_ignore_ascii_case("yaml") || e.eq_ignore_ascii_case("yml"));
    if !looks_like_a_file {
        if let Some(text) = gallery_text(word) {
            return Ok(Source::new(word, text));
        }
        if !path.exists() {
            return Err(Failure::BadInput(unknown_name(word)));
        }
    }
    load_file(path, DEFAULT_SIZE_LIMIT).map_err(|e| {
        let hint = if path.exists() { String::new() } else { near_file(path) };
        Failure::BadInput(format!("{e}{hint}"))
    })
}

fn unknown_name(word: &str) -> String {
    let names = || gallery().iter().map(|(name, _)| *name);
    let with_extension = format!("{word}.yaml");
    if Path::new(&with_extension).exists() {
        return format!("there is no scenario `{word}`; did you mean the file {with_extension}?");
    }
    match nearest(word, names()) {
        Some(near) => {
            format!("there is no scenario `{word}`, and no file of this name; did you mean `{near}`?")
        }
        None => format!(
            "there is no scenario `{word}`, and no file of this name; `skmem list` shows all {}, such as {}",
            names().count(),
            names().take(4).collect::<Vec<_>>().join(", ")
        ),
    }
}

/// Whether a word is so near to the name of a scenario that it can only be a misspelling of it.
pub(crate) fn nearly_a_scenario(word: &str) -> bool {
    nearest(word, gallery().iter().map(|(name, _)| *name)).is_some()
}

/// A file of the same folder with nearly the same name, as a question.
fn near_file(path: &Path) -> String {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Some(name) = path.file_name().and_then(|n| n.to_str()) else { return String::new() };
    let Ok(entries) = std::fs::read_dir(folder) else { return String::new() };
    let mut names: Vec<String> = entries.flatten().filter_map(|e| e.file_name().into_string().ok()).collect();
    names.sort();
    match nearest(name, names.iter().map(String::as_str)) {
        Some(near) => format!("; did you mean {}?", path.with_file_name(near).display()),
        None => String::new(),
    }
}

/// Resolves one scenario; of several kernels, on the first.
pub(crate) fn scenario(word: &str, changes: &Changes) -> Result<Named, Failure> {
    let source = runnable(word)?;
    match resolve(&source, &changes.overrides()) {
        Ok(scenario) => Ok(Named { from: word.to_owned(), scenario }),
        Err(e) => Err(Failure::Diagnosed(e.render(terminal::stderr_colored()))),
    }
}

/// The text of a scenario, or of the base of a plan: the commands that `skmem sweep --point` prints name plans, too.
fn runnable(word: &str) -> Result<Source, Failure> {
    let source = match plan_text(word) {
        Some(text) => Source::new(word, text),
        None => source(word)?,
    };
    plan_input::base(word, &source).unwrap_or(Ok(source)).map_err(Failure::BadInput)
}

/// Resolves one scenario on each of its kernels.
fn members(word: &str, changes: &Changes) -> Result<Vec<Named>, Failure> {
    let source = runnable(word)?;
    match resolve_all(&source, &changes.overrides()) {
        Ok(all) => Ok(all.into_iter().map(|scenario| Named { from: word.to_owned(), scenario }).collect()),
        Err(e) => Err(Failure::Diagnosed(e.render(terminal::stderr_colored()))),
    }
}

/// Resolves all scenarios; the mistakes of all of them are reported together, and nothing is run.
pub(crate) fn scenarios(words: &[String], changes: &Changes) -> Result<Vec<Named>, Failure> {
    let mut good = Vec::new();
    let mut mistakes: Vec<String> = Vec::new();
    for word in words {
        match members(word, changes) {
            Ok(named) => good.extend(named),
            Err(Failure::Diagnosed(text)) => mistakes.push(text),
            Err(Failure::BadInput(text)) => mistakes.push(format!("error: {text}")),
            Err(other) => return Err(other),
        }
    }
    // A mistake in an override is the same in every scenario.
    mistakes.dedup();
    if mistakes.is_empty() { Ok(good) } else { Err(Failure::Diagnosed(mistakes.join("\n\n"))) }
}

/// Where each scenario's files go: `dir` itself for one, a folder below it for each of several.
pub(crate) fn folders(dir: &Path, named: &[Named]) -> Vec<PathBuf> {
    match named {
        [_] => vec![dir.to_owned()],
        _ => named.iter().map(|n| dir.join(&n.scenario.name)).collect(),
    }
}
