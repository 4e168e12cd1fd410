//! Scenario text and where it came from.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Largest scenario file that [`load_file`] reads unless told otherwise: 1 MiB.
pub const DEFAULT_SIZE_LIMIT: u64 = 1 << 20;

/// A text with a name to show in messages: a file, a gallery scenario, or an option of the command line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Source {
    name: String,
    text: String,
}

impl Source {
    /// A text under the name that messages call it by (a path, `budget-overrun`, `--set`).
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        let text: String = text.into();
        // A byte order mark is not part of the text: positions count without it.
        let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
        Self { name: name.into(), text }
    }

    /// The name that messages show.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text, without a byte order mark.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The name without folders and extension: what a scenario without a `name` is called.
    pub fn stem(&self) -> &str {
        Path::new(&self.name).file_stem().and_then(|s| s.to_str()).unwrap_or(&self.name)
    }

    /// Line and column (both from 1, the column in characters) of a byte offset; the end of the text for an
    /// offset beyond it.
    pub fn line_column(&self, offset: usize) -> (usize, usize) {
        let before = &self.text[..self.floor(offset)];
        let line = before.matches('\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |i| i + 1);
        (line, before[start..].chars().count() + 1)
    }

    /// The largest character boundary at or before `offset`.
    pub(crate) fn floor(&self, offset: usize) -> usize {
        let mut at = offset.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }
}

/// Why a scenario file could not be read. Nothing was run.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file could not be opened or read.
    #[error("cannot read {}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// It is a folder.
    #[error("{} is a folder, not a scenario file", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
    },
    /// It is larger than the limit; its content was not looked at.
    #[error("{} is larger than {limit} bytes, the limit for a scenario file; is it really a scenario?", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit in bytes.
        limit: u64,
    },
    /// It is not text.
    #[error(
        "{} is not UTF-8 text: byte {offset} (line {line}) is not valid; save the file as UTF-8",
        path.display()
    )]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// Offset of the first bad byte, from 0.
        offset: usize,
        /// Its line, from 1.
        line: usize,
    },
}

/// Reads a scenario file of at most `limit` bytes ([`DEFAULT_SIZE_LIMIT`]).
///
/// A larger file is refused by its size, before it is read; one that lies about its size (a pipe, a device) as
/// soon as the limit is passed.
///
/// # Errors
/// [`LoadError`] says what is wrong with the file.
pub fn load_file(path: &Path, limit: u64) -> Result<Source, LoadError> {
    let unreadable = |error| LoadError::Unreadable { path: path.to_owned(), error };
    let meta = std::fs::metadata(path).map_err(unreadable)?;
    if meta.is_dir() {
        return Err(LoadError::Folder { path: path.to_owned() });
    }
    if meta.len() > limit {
        return Err(LoadError::TooLarge { path: path.to_owned(), limit });
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > limit {
        return Err(LoadError::TooLarge { path: path.to_owned(), limit });
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Source::new(path.display().to_string(), text)),
        Err(e) => {
            let offset = e.utf8_error().valid_up_to();
            let line = e.as_bytes()[..offset].iter().filter(|b| **b == b'\n').count() + 1;
            Err(LoadError::NotUtf8 { path: path.to_owned(), offset, line })
        }
    }
}
