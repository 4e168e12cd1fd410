//! Recordings of real kernels as tables, for `diff` and for the claims that they settle.

use std::fs;
use std::path::Path;

use conformance::compact::{self, EXTENSION};
use conformance::recording::{Recording, Store, rows_csv};
use results::TraceTable;
use scenarios::nearest;

use crate::cmd::conform;
use crate::failure::Failure;

/// Whether a word of the command line names the file of a packed recording.
pub(crate) fn is_file(word: &str) -> bool {
    Path::new(word).extension().is_some_and(|e| e.eq_ignore_ascii_case(EXTENSION))
}

/// The recording in this file.
///
/// # Errors
/// A file that cannot be read or is no recording, with the nearest one that there is.
pub(crate) fn open_file(word: &str) -> Result<Recording, Failure> {
    let path = Path::new(word);
    let bytes = fs::read(path).map_err(|e| {
        let hint = if path.exists() { String::new() } else { near(path) };
        Failure::BadInput(format!("cannot read {word}: {e}{hint}"))
    })?;
    compact::decode(&bytes).map_err(|e| Failure::BadInput(format!("{word}: {e}")))
}

/// What there is instead of a file that is not there: other kernels if its folder is missing, other cases if not.
fn near(path: &Path) -> String {
    let text = |p: Option<&std::ffi::OsStr>| p.and_then(|n| n.to_str()).unwrap_or_default().to_owned();
    let Some(folder) = path.parent() else { return String::new() };
    if !folder.is_dir() {
        let kernels = names(folder.parent().unwrap_or(Path::new(".")), "");
        return if kernels.is_empty() {
            String::new()
        } else {
            among("kernel", &text(folder.file_name()), &kernels)
        };
    }
    let cases = names(folder, EXTENSION);
    if cases.is_empty() { String::new() } else { among("case", &text(path.file_stem()), &cases) }
}

/// The names in `folder` with this extension, without it; sorted.
fn names(folder: &Path, extension: &str) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.flatten().map(|e| e.path());
    let mut found: Vec<String> = paths
        .filter(
            |p| if extension.is_empty() { p.is_dir() } else { p.extension().is_some_and(|e| e == extension) },
        )
        .filter_map(|p| {
            let name = if extension.is_empty() { p.file_name() } else { p.file_stem() };
            name.and_then(|n| n.to_str()).map(str::to_owned)
        })
        .collect();
    found.sort();
    found
}

fn among(what: &str, name: &str, known: &[String]) -> String {
    match nearest(name, known.iter().map(String::as_str)) {
        Some(close) => format!("; there is no {what} `{name}` here, did you mean `{close}`?"),
        None => format!("; there is no {what} `{name}` here, there are {}", known.join(", ")),
    }
}

/// The recordings of a checkout: the chosen ones, and further loops beside them. None without a checkout.
fn stores() -> Vec<Store> {
    let Ok(dir) = conform::directory(None) else { return Vec::new() };
    let beside = dir.with_file_name("loops").join("recordings");
    [dir, beside].into_iter().filter_map(|d| Store::open(d).ok()).collect()
}

/// Every recording of a case, kernels by version; none if nobody recorded it, or this is no checkout.
///
/// # Errors
/// A damaged file.
pub(crate) fn of_case(case: &str) -> Result<Vec<Recording>, Failure> {
    let stores = stores();
    let ids = stores.iter().flat_map(|s| s.cases().iter().map(move |id| (s, id)));
    let wanted = ids.filter(|(_, id)| id.case == case);
    wanted.map(|(s, id)| s.load(id).map_err(|e| Failure::BadInput(e.to_string()))).collect()
}

/// The recording that `case` and `kernel` name; `None` if no case has this name.
///
/// # Errors
/// A case that was not recorded on this kernel, no kernel where there are several, or a damaged file.
pub(crate) fn named(case: &str, kernel: Option<&str>) -> Result<Option<Recording>, Failure> {
    let mut all = of_case(case)?;
    let kernels: Vec<&str> = all.iter().map(|r| r.kernel.as_str()).collect();
    let Some(first) = kernels.first() else { return Ok(None) };
    let Some(kernel) = kernel else {
        return Err(Failure::BadInput(format!(
            "`{case}` is a recording: say of which kernel, such as {case}@{first}; there are {}",
            kernels.join(", ")
        )));
    };
    match kernels.iter().position(|k| *k == kernel) {
        Some(at) => Ok(Some(all.swap_remove(at))),
        None => Err(Failure::BadInput(format!(
            "`{case}` was not recorded on kernel {kernel}; there are {}",
            kernels.join(", ")
        ))),
    }
}

/// The case with nearly this name.
pub(crate) fn nearest_case(case: &str) -> Option<String> {
    let stores = stores();
    let names = stores.iter().flat_map(Store::cases).map(|id| id.case.as_str());
    nearest(case, names).map(str::to_owned)
}

/// The rows of a recording under the names of a trace.
pub(crate) fn table(rec: &Recording, name: &str) -> Result<TraceTable, Failure> {
    TraceTable::read(rows_csv(rec).as_bytes(), name).map_err(|e| Failure::BadInput(e.to_string()))
}
