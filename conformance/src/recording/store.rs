//! A directory of recordings, raw or compact.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::further::{FILE, Further};
use super::{KernelVersion, Recording, raw};
use crate::compact;

/// Why a recording could not be loaded. The path says which file.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file or directory could not be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file that every case has is not there.
    #[error("{}: no such file, plain or gzipped", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// A directory holds no recording.
    #[error("{}: no recordings here; expected <kernel>/<case>.summary.json or <kernel>/<case>.{}", path.display(), compact::EXTENSION)]
    Empty {
        /// The directory.
        path: PathBuf,
    },
    /// A cell of a CSV file does not fit. Lines count from 1, the header being the first.
    #[error("{}, line {line}{}{column}: {message}", path.display(), if column.is_empty() { "" } else { ", column " })]
    Cell {
        /// The file.
        path: PathBuf,
        /// The line.
        line: usize,
        /// The column's name; empty if none is meant.
        column: String,
        /// What is wrong.
        message: String,
    },
    /// A summary is not what it should be.
    #[error("{}, line {line}, column {column}: {message}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What is wrong.
        message: String,
    },
    /// A compact file is damaged or of another version.
    #[error("{}: {source}", path.display())]
    Compact {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: compact::DecodeError,
    },
}

/// Which form a directory is in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// The recorder's CSV and JSON files.
    Raw,
    /// One packed file per case.
    Compact,
}

/// A case on a kernel. Sorts by kernel version, then by name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CaseId {
    /// Name of the kernel's directory.
    pub kernel: String,
    /// Name of the case.
    pub case: String,
}

impl CaseId {
    /// The order of reports: kernels by version, cases by name.
    pub fn key(&self) -> (KernelVersion, &str, &str) {
        (KernelVersion::of(&self.kernel), &self.kernel, &self.case)
    }
}

impl std::fmt::Display for CaseId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kernel, self.case)
    }
}

/// An opened directory: the cases are known, nothing is loaded yet.
#[derive(Clone, Debug)]
pub struct Store {
    dir: PathBuf,
    form: Form,
    cases: Vec<CaseId>,
    further: Further,
}

impl Store {
    /// Looks through `dir`, which holds one directory per kernel. The form is that of the files found; if both
    /// forms are there, the raw one wins.
    ///
    /// # Errors
    /// If the directory cannot be read or holds no recording, or if what it says of further passes is not as it should be.
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self, LoadError> {
        let dir = dir.into();
        let (mut raw, mut packed) = (Vec::new(), Vec::new());
        for (kernel, path) in entries(&dir)? {
            if !path.is_dir() {
                continue;
            }
            for (file, _) in entries(&path)? {
                let plain = file.strip_suffix(".gz").unwrap_or(&file);
                let id = |case: &str| CaseId { kernel: kernel.clone(), case: case.to_owned() };
                if let Some(case) = plain.strip_suffix(".summary.json") {
                    raw.push(id(case));
                } else if let Some(case) =
                    file.strip_suffix(compact::EXTENSION).and_then(|f| f.strip_suffix('.'))
                {
                    packed.push(id(case));
                }
            }
        }
        let (form, mut cases) = if raw.is_empty() { (Form::Compact, packed) } else { (Form::Raw, raw) };
        if cases.is_empty() {
            return Err(LoadError::Empty { path: dir });
        }
        cases.sort_by(|a, b| a.key().cmp(&b.key()));
        cases.dedup();
        let further = further(&dir.join(FILE))?;
        Ok(Self { dir, form, cases, further })
    }

    /// Which form the directory is in.
    pub fn form(&self) -> Form {
        self.form
    }

    /// Every case, kernels by version, cases by name.
    pub fn cases(&self) -> &[CaseId] {
        &self.cases
    }

    /// Loads one case.
    ///
    /// # Errors
    /// If a file of the case cannot be read or is damaged; other cases are not affected.
    pub fn load(&self, id: &CaseId) -> Result<Recording, LoadError> {
        let rec = self.load_recording(id)?;
        Ok(Recording { further: self.further.get(id), ..rec })
    }

    fn load_recording(&self, id: &CaseId) -> Result<Recording, LoadError> {
        match self.form {
            Form::Raw => raw::read_case(&self.dir, &id.kernel, &id.case),
            Form::Compact => {
                let path = self.dir.join(&id.kernel).join(format!("{}.{}", id.case, compact::EXTENSION));
                let bytes = fs::read(&path).map_err(|source| LoadError::Io { path: path.clone(), source })?;
                let mut rec =
                    compact::decode(&bytes).map_err(|source| LoadError::Compact { path, source })?;
                rec.kernel.clone_from(&id.kernel);
                rec.case.clone_from(&id.case);
                Ok(rec)
            }
        }
    }
}

/// Loads every case under `dir`, raw or compact, in the order of [`Store::cases`].
///
/// # Errors
/// The first failure of [`Store::open`] or [`Store::load`].
pub fn load(dir: impl Into<PathBuf>) -> Result<Vec<Recording>, LoadError> {
    let store = Store::open(dir)?;
    store.cases().iter().map(|id| store.load(id)).collect()
}

/// What the file at `path` says of further passes; nothing if there is none.
fn further(path: &Path) -> Result<Further, LoadError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Further::default()),
        Err(source) => return Err(LoadError::Io { path: path.to_owned(), source }),
    };
    let wrong =
        |(line, message)| LoadError::Cell { path: path.to_owned(), line, column: String::new(), message };
    Further::parse(&text).map_err(wrong)
}

/// Names and paths in `dir`, sorted; names that are not text are left out.
fn entries(dir: &Path) -> Result<Vec<(String, PathBuf)>, LoadError> {
    let fail = |source| LoadError::Io { path: dir.to_owned(), source };
    let mut out = Vec::new();
    for entry in fs::read_dir(dir).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        if let Some(name) = entry.file_name().to_str() {
            out.push((name.to_owned(), entry.path()));
        }
    }
    out.sort();
    Ok(out)
}
