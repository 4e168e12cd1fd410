//! The folder of a sweep: rows that grow in order, so that what a killed sweep left is a prefix of the whole.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use results::output::{OutputError, is_gone};
use xxhash_rust::xxh3::Xxh3;

use crate::format::Format;
use crate::manifest::{Done, MANIFEST, Manifest};
use crate::plan::Plan;
use crate::sample::Point;
use crate::shard::Shard;

/// Why a sweep's folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It exists, and nobody said to go on with it.
    #[error("{} already exists: go on with it with --resume, or choose another folder", .0.display())]
    Exists(PathBuf),
    /// There is nothing to go on with.
    #[error("{} cannot be resumed: {why}", dir.display())]
    NotResumable {
        /// The folder.
        dir: PathBuf,
        /// Why.
        why: String,
    },
    /// Another process writes to it.
    #[error("{} is being written by another process ({pid})", dir.display())]
    InUse {
        /// The folder.
        dir: PathBuf,
        /// The process.
        pid: u32,
    },
    /// A file cannot be read or written.
    #[error("cannot write {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The manifest cannot be written.
    #[error(transparent)]
    Output(#[from] OutputError),
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> StoreError + '_ {
    |source| StoreError::Io { path: path.to_owned(), source }
}

/// Name of the file that holds the writer's process id.
const WRITER: &str = ".writer";

/// Bytes that are gathered before they are written.
const BUFFER: usize = 1 << 16;

/// A folder that rows are written to.
#[derive(Debug)]
pub struct Store {
    dir: PathBuf,
    manifest: Manifest,
    files: Vec<(Format, PathBuf, BufWriter<File>)>,
    /// Rows that are there already.
    rows: u64,
    errors: u64,
}

/// `rows.csv` while it grows.
fn growing(dir: &Path, format: Format) -> PathBuf {
    dir.join(format!("{}.part", format.file()))
}

impl Store {
    /// Makes the folder.
    ///
    /// # Errors
    /// It exists, or cannot be written.
    pub fn create(dir: &Path, plan: &Plan, shard: Shard, formats: &[Format]) -> Result<Self, StoreError> {
        if let Some(parent) = dir.parent().filter(|p| !p.as_os_str().is_empty()) {
            fs::create_dir_all(parent).map_err(io_error(parent))?;
        }
        match fs::create_dir(dir) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                return Err(StoreError::Exists(dir.to_owned()));
            }
            other => other.map_err(io_error(dir))?,
        }
        claim(dir)?;
        let manifest = Manifest::new(plan, shard);
        for (name, text) in [("plan.yaml", plan.source.text()), ("base.yaml", plan.base.source.text())] {
            let path = dir.join(name);
            fs::write(&path, text).map_err(io_error(&path))?;
        }
        // The manifest last: a folder with one is a sweep.
        manifest.write(dir)?;
        let mut files = Vec::new();
        for format in formats {
            let path = growing(dir, *format);
            let mut file = BufWriter::with_capacity(BUFFER, File::create(&path).map_err(io_error(&path))?);
            file.write_all(&format.header(plan)).map_err(io_error(&path))?;
            files.push((*format, path, file));
        }
        Ok(Self { dir: dir.to_owned(), manifest, files, rows: 0, errors: 0 })
    }

    /// Goes on with a folder. Rows that are whole and where they belong stay; what follows them is cut off.
    ///
    /// # Errors
    /// It is no sweep, belongs to another plan, model or shard, is being written, or cannot be read.
    pub fn resume(dir: &Path, plan: &Plan, shard: Shard, formats: &[Format]) -> Result<Self, StoreError> {
        let refuse = |why: String| StoreError::NotResumable { dir: dir.to_owned(), why };
        if !dir.join(MANIFEST).exists() && dir.is_dir() {
            // It was stopped before it began.
            let only_begun = fs::read_dir(dir).map_err(io_error(dir))?.flatten().all(|e| {
                matches!(e.file_name().to_str(), Some(".writer" | "plan.yaml" | "base.yaml"))
                    || e.file_name().to_string_lossy().starts_with(".sweep.json")
            });
            if only_begun {
                claim(dir)?;
                fs::remove_dir_all(dir).map_err(io_error(dir))?;
                return Self::create(dir, plan, shard, formats);
            }
        }
        let there = Manifest::read(dir).map_err(refuse)?;
        let manifest = Manifest::new(plan, shard);
        if let Some(why) = manifest.differs(&there) {
            return Err(refuse(format!("{why}; it cannot be mixed with this plan")));
        }
        if there.shard != manifest.shard {
            return Err(refuse(format!("it is shard {}, not {}", there.shard, manifest.shard)));
        }
        claim(dir)?;
        let mut files = Vec::new();
        for format in formats {
            let (done, path) = (dir.join(format.file()), growing(dir, *format));
            if done.exists() {
                fs::rename(&done, &path).map_err(io_error(&done))?;
            }
            let mut file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(&path)
                .map_err(io_error(&path))?;
            let kept = keep_whole(&mut file, *format, plan, shard).map_err(io_error(&path))?;
            files.push((*format, path, file, kept));
        }
        // Several files go on from where the shortest ends.
        let rows = files.iter().map(|(.., kept)| kept.len()).min().unwrap_or(0);
        let mut store =
            Self { dir: dir.to_owned(), manifest, files: Vec::new(), rows: rows as u64, errors: 0 };
        for (at, (format, path, mut file, kept)) in files.into_iter().enumerate() {
            let end = if rows == 0 { format.header(plan).len() as u64 } else { kept.end(rows) };
            if at == 0 {
                store.errors = kept.errors(rows);
            }
            file.set_len(end).map_err(io_error(&path))?;
            file.seek(SeekFrom::Start(end)).map_err(io_error(&path))?;
            if rows == 0 {
                file.seek(SeekFrom::Start(0)).map_err(io_error(&path))?;
                file.write_all(&format.header(plan)).map_err(io_error(&path))?;
            }
            store.files.push((format, path, BufWriter::with_capacity(BUFFER, file)));
        }
        Ok(store)
    }

    /// Rows that are there.
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// How the files of this folder are written.
    pub fn formats(&self) -> Vec<Format> {
        self.files.iter().map(|(f, ..)| *f).collect()
    }

    /// Adds a row: its text in each format, in the order of the formats.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn add(&mut self, texts: &[Vec<u8>], failed: bool) -> Result<(), StoreError> {
        for ((_, path, file), text) in self.files.iter_mut().zip(texts) {
            file.write_all(text).map_err(io_error(path))?;
        }
        self.rows += 1;
        self.errors += u64::from(failed);
        Ok(())
    }

    /// Puts everything that was added into the files.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn flush(&mut self) -> Result<(), StoreError> {
        for (_, path, file) in &mut self.files {
            file.flush().map_err(io_error(path))?;
        }
        Ok(())
    }

    /// Keeps what there is, for a later resume.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn pause(mut self) -> Result<(), StoreError> {
        self.flush()?;
        let _ = fs::remove_file(self.dir.join(WRITER));
        Ok(())
    }

    /// Gives the files their names: all rows are there.
    ///
    /// # Errors
    /// A file cannot be written or renamed.
    pub fn finish(mut self) -> Result<Done, StoreError> {
        self.flush()?;
        let mut done = Done { rows: self.rows, errors: self.errors, files: BTreeMap::new() };
        for (format, path, file) in &mut self.files {
            file.get_ref().sync_all().map_err(io_error(path))?;
            done.files.insert(format.file().to_owned(), digest(path).map_err(io_error(path))?);
        }
        self.manifest.done = Some(done.clone());
        self.manifest.write(&self.dir)?;
        for (format, path, _) in &self.files {
            fs::rename(path, self.dir.join(format.file())).map_err(io_error(path))?;
        }
        let _ = fs::remove_file(self.dir.join(WRITER));
        Ok(done)
    }
}

/// Digest of a file, 32 hexadecimal digits.
///
/// # Errors
/// It cannot be read.
pub fn digest(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let (mut hash, mut buffer) = (Box::new(Xxh3::new()), vec![0; BUFFER]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(format!("{:032x}", hash.digest128())),
            n => hash.update(&buffer[..n]),
        }
    }
}

/// Makes this process the one that writes to the folder.
fn claim(dir: &Path) -> Result<(), StoreError> {
    let path = dir.join(WRITER);
    let own = std::process::id();
    let taken = fs::read_to_string(&path).ok().and_then(|t| t.trim().parse::<u32>().ok());
    if let Some(pid) = taken.filter(|p| *p != own && !is_gone(*p)) {
        return Err(StoreError::InUse { dir: dir.to_owned(), pid });
    }
    fs::write(&path, own.to_string()).map_err(io_error(&path))
}

/// How many rows of a file are whole, and where some of them end.
struct Kept {
    rows: usize,
    errors: u64,
    /// Ends of the last rows, and errors up to there: other files may be that much shorter.
    ends: std::collections::VecDeque<(u64, u64)>,
}

impl Kept {
    const fn len(&self) -> usize {
        self.rows
    }

    fn at(&self, rows: usize) -> (u64, u64) {
        let back = self.rows - rows;
        let index = self.ends.len().checked_sub(back + 1);
        index.and_then(|i| self.ends.get(i)).copied().unwrap_or((0, 0))
    }

    fn end(&self, rows: usize) -> u64 {
        self.at(rows).0
    }

    fn errors(&self, rows: usize) -> u64 {
        if rows == self.rows { self.errors } else { self.at(rows).1 }
    }
}

/// Reads the rows of a file as far as they are whole and those of the plan.
fn keep_whole(file: &mut File, format: Format, plan: &Plan, shard: Shard) -> io::Result<Kept> {
    file.seek(SeekFrom::Start(0))?;
    let mut reader = BufReader::with_capacity(BUFFER, file);
    let header = format.header(plan);
    let mut kept = Kept { rows: 0, errors: 0, ends: std::collections::VecDeque::new() };
    let mut head = vec![0; header.len()];
    if reader.read_exact(&mut head).is_err() || head != header {
        return Ok(kept);
    }
    let mut at = header.len() as u64;
    let mut line = Vec::new();
    for (point, repeat) in work(plan, shard) {
        line.clear();
        let n = reader.read_until(b'\n', &mut line)?;
        if n == 0 || line.last() != Some(&b'\n') || format.key(&line) != Some((point.number, repeat)) {
            break;
        }
        at += n as u64;
        kept.rows += 1;
        // A row without error ends in an empty field.
        let fine: &[u8] = match format {
            Format::Csv => b",\n",
            Format::JsonLines => b"\"error\":null}\n",
        };
        kept.errors += u64::from(!line.ends_with(fine));
        kept.ends.push_back((at, kept.errors));
        // Files differ by no more than what two buffers hold.
        if kept.ends.len() > 16_384 {
            kept.ends.pop_front();
        }
    }
    Ok(kept)
}

/// The rows of a shard, in order.
pub fn work(plan: &Plan, shard: Shard) -> impl Iterator<Item = (Point, u32)> + Send + '_ {
    let numbers = (0..plan.space.numbers().unwrap_or(0)).filter(move |n| shard.has(*n));
    numbers
        .filter_map(|n| plan.space.point(n))
        .flat_map(move |p| (0..plan.repeat).map(move |r| (p.clone(), r)))
}
