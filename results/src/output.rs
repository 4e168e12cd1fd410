//! Files and folders that are whole or absent: written under a temporary name, renamed at the end.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why nothing was written. Whatever the variant, the target is as it was before.
#[derive(Debug, Error)]
pub enum OutputError {
    /// The folder is already there.
    #[error("{} already exists: choose another folder, or remove it", path.display())]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// Another process fills it, or was killed while it did.
    #[error(
        "{} is being written by another process{}; if none is running, remove {}",
        path.display(),
        writer.map(|p| format!(" ({p})")).unwrap_or_default(),
        partial.display()
    )]
    InUse {
        /// The folder.
        path: PathBuf,
        /// The folder's temporary name.
        partial: PathBuf,
        /// Process id of the writer, if it is known.
        writer: Option<u32>,
    },
    /// The path ends in nothing that could name a folder or file (`..`, `/`).
    #[error("`{}` does not name a new folder or file", path.display())]
    NoName {
        /// The path.
        path: PathBuf,
    },
    /// A file or folder cannot be made, written or renamed.
    #[error("cannot write {}: {source}", path.display())]
    Io {
        /// What could not be written.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> OutputError + '_ {
    |source| OutputError::Io { path: path.to_owned(), source }
}

/// Name of the file that holds the writer's process id while a folder is filled.
const WRITER: &str = ".writer";

/// A folder that is being filled under the temporary name `.NAME.partial` beside its final place.
///
/// [`OutputDir::commit`] gives it its name; dropped without that, it disappears.
#[derive(Debug)]
pub struct OutputDir {
    target: PathBuf,
    partial: PathBuf,
    /// Parents that had to be made, the innermost first; removed again (if empty) on failure.
    made: Vec<PathBuf>,
    /// Whether the temporary folder is this value's own; if not, another process fills it.
    claimed: bool,
    committed: bool,
}

impl OutputDir {
    /// Begins to fill the folder `target`, which must not exist; missing parents are made.
    ///
    /// # Errors
    /// [`OutputError`]: it exists, cannot be made, or another process is about to make it.
    pub fn create(target: &Path) -> Result<Self, OutputError> {
        let name = target.file_name().ok_or_else(|| OutputError::NoName { path: target.to_owned() })?;
        refuse_existing(target)?;
        let parent = match target.parent() {
            Some(p) if !p.as_os_str().is_empty() => p.to_owned(),
            _ => PathBuf::from("."),
        };
        let mut partial_name = std::ffi::OsString::from(".");
        partial_name.push(name);
        partial_name.push(".partial");
        let partial = parent.join(partial_name);

        let made: Vec<PathBuf> = parent.ancestors().take_while(|a| !a.exists()).map(Path::to_owned).collect();
        fs::create_dir_all(&parent).map_err(io_error(&parent))?;
        // From here on a failure cleans up through Drop.
        let mut dir = Self { target: target.to_owned(), partial, made, claimed: false, committed: false };
        dir.claim()?;
        dir.claimed = true;
        let writer = dir.partial.join(WRITER);
        fs::write(&writer, std::process::id().to_string()).map_err(io_error(&writer))?;
        Ok(dir)
    }

    /// Makes the temporary folder; that only one process can is what keeps two from writing at once.
    fn claim(&self) -> Result<(), OutputError> {
        match fs::create_dir(&self.partial) {
            Ok(()) => return Ok(()),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(io_error(&self.target)(e)),
        }
        let writer = fs::read_to_string(self.partial.join(WRITER)).ok().and_then(|t| t.trim().parse().ok());
        let in_use =
            || OutputError::InUse { path: self.target.clone(), partial: self.partial.clone(), writer };
        match writer {
            Some(pid) if is_gone(pid) => {
                // What a killed process left. Renaming it first decides between two that find it at once.
                let mut stale = self.partial.clone().into_os_string();
                stale.push(format!(".{}", std::process::id()));
                let stale = PathBuf::from(stale);
                fs::rename(&self.partial, &stale).map_err(|_| in_use())?;
                fs::remove_dir_all(&stale).map_err(io_error(&stale))?;
                fs::create_dir(&self.partial).map_err(|_| in_use())
            }
            _ => Err(in_use()),
        }
    }

    /// Writes the file `name` of the folder through `fill`, which may fail with an error of its own.
    ///
    /// # Errors
    /// What `fill` returns, or an I/O error made into it.
    pub fn file<E: From<OutputError>>(
        &self,
        name: &str,
        fill: impl FnOnce(&mut BufWriter<File>) -> Result<(), E>,
    ) -> Result<(), E> {
        let path = self.partial.join(name);
        // Errors name the place the user knows.
        let shown = self.target.join(name);
        let file = File::create(&path).map_err(|e| E::from(io_error(&shown)(e)))?;
        let mut out = BufWriter::with_capacity(1 << 16, file);
        fill(&mut out)?;
        out.flush().map_err(|e| E::from(io_error(&shown)(e)))
    }

    /// Where the files are until [`OutputDir::commit`].
    pub fn partial_path(&self) -> &Path {
        &self.partial
    }

    /// Gives the folder its name and returns it.
    ///
    /// # Errors
    /// [`OutputError::Exists`] if something took the name in the meantime; an I/O error otherwise. The
    /// temporary folder is removed.
    pub fn commit(mut self) -> Result<PathBuf, OutputError> {
        refuse_existing(&self.target)?;
        let writer = self.partial.join(WRITER);
        fs::remove_file(&writer).map_err(io_error(&writer))?;
        match fs::rename(&self.partial, &self.target) {
            Ok(()) => {
                self.committed = true;
                Ok(self.target.clone())
            }
            Err(_) if self.target.exists() => Err(OutputError::Exists { path: self.target.clone() }),
            Err(e) => Err(io_error(&self.target)(e)),
        }
    }
}

impl Drop for OutputDir {
    fn drop(&mut self) {
        if self.committed {
            return;
        }
        // Nothing can be done about a failure here, and the target is untouched either way.
        if self.claimed {
            let _ = fs::remove_dir_all(&self.partial);
        }
        for parent in &self.made {
            let _ = fs::remove_dir(parent);
        }
    }
}

/// Writes one file under a temporary name beside `target` and renames it; an older file is replaced whole.
///
/// # Errors
/// What `fill` returns, or an I/O error made into it; the target is then as it was.
pub fn write_file<E: From<OutputError>>(
    target: &Path,
    fill: impl FnOnce(&mut BufWriter<File>) -> Result<(), E>,
) -> Result<(), E> {
    let name = target.file_name().ok_or_else(|| OutputError::NoName { path: target.to_owned() })?;
    let mut partial_name = std::ffi::OsString::from(".");
    partial_name.push(name);
    partial_name.push(format!(".{}.partial", std::process::id()));
    let partial = target.with_file_name(partial_name);
    let write = || {
        let file = File::create(&partial).map_err(|e| E::from(io_error(target)(e)))?;
        let mut out = BufWriter::with_capacity(1 << 16, file);
        fill(&mut out)?;
        out.flush().map_err(|e| E::from(io_error(target)(e)))?;
        drop(out);
        fs::rename(&partial, target).map_err(|e| E::from(io_error(target)(e)))
    };
    let result = write();
    if result.is_err() {
        let _ = fs::remove_file(&partial);
    }
    result
}

fn refuse_existing(target: &Path) -> Result<(), OutputError> {
    // A dangling symbolic link exists too.
    match fs::symlink_metadata(target) {
        Ok(_) => Err(OutputError::Exists { path: target.to_owned() }),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(io_error(target)(e)),
    }
}

/// Whether no process has this id, or one that has ended and that nobody has waited for yet. Only Linux is asked; elsewhere
/// every writer is taken to be alive.
pub fn is_gone(pid: u32) -> bool {
    if !cfg!(target_os = "linux") || !Path::new("/proc/self").exists() {
        return false;
    }
    match fs::read_to_string(format!("/proc/{pid}/stat")) {
        // The state follows the name, which may itself contain parentheses.
        Ok(stat) => stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with(['Z', 'X'])),
        Err(e) => e.kind() == io::ErrorKind::NotFound,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_that_has_ended_is_gone_though_nobody_has_waited_for_it() {
        let mut child = std::process::Command::new("sleep").arg("600").spawn().unwrap();
        assert!(!is_gone(child.id()));
        child.kill().unwrap();
        let stat = format!("/proc/{}/stat", child.id());
        while !fs::read_to_string(&stat).unwrap().contains(") Z ") {
            std::thread::yield_now();
        }
        assert!(is_gone(child.id()));
        child.wait().unwrap();
        assert!(is_gone(child.id()));
    }

    fn put(dir: &OutputDir, name: &str, text: &str) {
        dir.file(name, |f| f.write_all(text.as_bytes()).map_err(io_error(Path::new(name)))).unwrap();
    }

    #[test]
    fn the_folder_appears_whole_with_its_missing_parents() {
        let tmp = tempfile::tempdir().unwrap();
        let target = tmp.path().join("a/b/out");
        let dir = OutputDir::create(&target).unwrap();
        put(&dir, "x.csv", "1\n");
        assert!(!target.exists());
        dir.commit().unwrap();
        let names: Vec<_> = fs::read_dir(&target).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, ["x.csv"]);
        assert_eq!(fs::read_dir(target.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn without_commit_nothing_is_left() {
        let tmp = tempfile::tempdir().unwrap();
        let dir = OutputDir::create(&tmp.path().join("a/out")).unwrap();
        put(&dir, "x.csv", "1\n");
        drop(dir);
        assert_eq!(fs::read_dir(tmp.path()).unwrap().count(), 0);
    }

    #[test]
    fn an_existing_folder_is_refused_before_and_after() {
        let tmp = tempfile::tempdir().unwrap();
        let target = tmp.path().join("out");
        let dir = OutputDir::create(&target).unwrap();
        fs::create_dir(&target).unwrap();
        let e = dir.commit().unwrap_err();
        assert!(e.to_string().ends_with("already exists: choose another folder, or remove it"), "{e}");
        assert!(matches!(OutputDir::create(&target), Err(OutputError::Exists { .. })));
        assert_eq!(fs::read_dir(tmp.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_that_is_being_written_is_refused_and_left_alone() {
        let tmp = tempfile::tempdir().unwrap();
        let target = tmp.path().join("out");
        let first = OutputDir::create(&target).unwrap();
        put(&first, "x.csv", "1\n");
        let e = OutputDir::create(&target).unwrap_err();
        assert!(matches!(e, OutputError::InUse { writer: Some(p), .. } if p == std::process::id()), "{e}");
        first.commit().unwrap();
        assert!(target.join("x.csv").exists());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_a_killed_process_left_is_cleared_away() {
        let tmp = tempfile::tempdir().unwrap();
        let stale = tmp.path().join(".out.partial");
        fs::create_dir(&stale).unwrap();
        // Above the largest process id that Linux gives out.
        fs::write(stale.join(WRITER), "4194305").unwrap();
        fs::write(stale.join("old.csv"), "1").unwrap();
        let dir = OutputDir::create(&tmp.path().join("out")).unwrap();
        let path = dir.commit().unwrap();
        assert_eq!(fs::read_dir(path).unwrap().count(), 0);
        assert!(!stale.exists());
    }

    #[test]
    fn a_parent_that_is_a_file_is_a_clear_error() {
        let tmp = tempfile::tempdir().unwrap();
        fs::write(tmp.path().join("file"), "").unwrap();
        let e = OutputDir::create(&tmp.path().join("file/out")).unwrap_err();
        assert!(e.to_string().starts_with("cannot write "), "{e}");
        assert!(matches!(OutputDir::create(Path::new("/")), Err(OutputError::NoName { .. })));
    }

    #[test]
    fn a_file_that_fails_half_way_leaves_the_old_one() {
        let tmp = tempfile::tempdir().unwrap();
        let target = tmp.path().join("s.json");
        write_file(&target, |f| f.write_all(b"old").map_err(io_error(Path::new("s")))).unwrap();
        let failed: Result<(), OutputError> = write_file(&target, |f| {
            let _ = f.write_all(b"new");
            Err(OutputError::NoName { path: PathBuf::new() })
        });
        assert!(failed.is_err());
        assert_eq!(fs::read(&target).unwrap(), b"old");
        assert_eq!(fs::read_dir(tmp.path()).unwrap().count(), 1);
    }
}
