//! The folder of a sweep: rows that grow in order, so that what a killed sweep left is a prefix of the whole.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use results::output::{OutputError, is_gone};
use xxhash_rust::xxh3::Xxh3;

use crate::evaluate::Row;
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

    /// Goes on with a folder. Rows that are whole and where they belong stay, and `each` sees them; what follows them is cut
    /// off. Files of the folder go on whether or not they are among `formats`; what one of them lacks, and a format that is
    /// new, is made of the rows of the longest.
    ///
    /// # Errors
    /// It is no sweep, belongs to another plan, model or shard, is being written, was changed after it was complete, or cannot
    /// be read.
    pub fn resume(
        dir: &Path,
        plan: &Plan,
        shard: Shard,
        formats: &[Format],
        mut each: impl FnMut(&Row),
    ) -> Result<Self, StoreError> {
        let refuse = |why: String| StoreError::NotResumable { dir: dir.to_owned(), why };
        if is_only_begun(dir)? {
            claim(dir)?;
            fs::remove_dir_all(dir).map_err(io_error(dir))?;
            return Self::create(dir, plan, shard, formats);
        }
        let there = Manifest::read(dir).map_err(refuse)?;
        let manifest = Manifest::new(plan, shard);
        if let Some(why) = manifest.differs(&there) {
            return Err(refuse(format!("{why}; it cannot be mixed with this plan")));
        }
        if there.shard != manifest.shard {
            return Err(refuse(format!("it is shard {}, not {}", there.shard, manifest.shard)));
        }
        for (name, expected) in there.done.iter().flat_map(|d| &d.files) {
            let path = dir.join(name);
            if path.exists() && digest(&path).map_err(io_error(&path))? != *expected {
                let why =
                    format!("{name} was changed after it was complete; without it its rows are run again");
                return Err(refuse(why));
            }
        }
        claim(dir)?;
        // What does not decide the rows may have changed since: comments, charts.
        let path = dir.join("plan.yaml");
        fs::write(&path, plan.source.text()).map_err(io_error(&path))?;
        let mut files = Vec::new();
        for format in Format::ALL {
            let (done, path) = (dir.join(format.file()), growing(dir, format));
            if done.exists() {
                fs::rename(&done, &path).map_err(io_error(&done))?;
            }
            if path.exists() || formats.contains(&format) {
                files.push(Growing::open(format, path, plan, shard)?);
            }
        }
        let longest = files.iter().enumerate().max_by_key(|(at, f)| (f.rows, std::cmp::Reverse(*at)));
        let source = longest.map(|(_, f)| (f.format, f.path.clone(), f.rows));
        let mut store = Self { dir: dir.to_owned(), manifest, files: Vec::new(), rows: 0, errors: 0 };
        if let Some((format, path, rows)) = source {
            store.rows = rows;
            let file = File::open(&path).map_err(io_error(&path))?;
            let mut reader = Rows::of(file, format, plan, shard).map_err(io_error(&path))?;
            for number in 0..rows {
                let Some((row, _)) = reader.next().map_err(io_error(&path))? else { break };
                store.errors += u64::from(row.result.is_err());
                each(&row);
                for f in files.iter_mut().filter(|f| f.rows <= number) {
                    f.file.write_all(&f.format.row(plan, &row)).map_err(io_error(&f.path))?;
                }
            }
        }
        store.files = files.into_iter().map(|f| (f.format, f.path, f.file)).collect();
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

/// Whether a folder was stopped before it began: it is nobody's yet.
fn is_only_begun(dir: &Path) -> Result<bool, StoreError> {
    if dir.join(MANIFEST).exists() || !dir.is_dir() {
        return Ok(false);
    }
    let known = |name: &str| {
        matches!(name, WRITER | "plan.yaml" | "base.yaml") || name.starts_with(&format!(".{MANIFEST}"))
    };
    Ok(fs::read_dir(dir).map_err(io_error(dir))?.flatten().all(|e| known(&e.file_name().to_string_lossy())))
}

/// A file that goes on behind its last whole row.
struct Growing {
    format: Format,
    path: PathBuf,
    file: BufWriter<File>,
    /// Rows that are whole.
    rows: u64,
}

impl Growing {
    fn open(format: Format, path: PathBuf, plan: &Plan, shard: Shard) -> Result<Self, StoreError> {
        let open = || OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let (mut rows, mut end) = (0, 0);
        let mut reader =
            Rows::of(open().map_err(io_error(&path))?, format, plan, shard).map_err(io_error(&path))?;
        while let Some((_, at)) = reader.next().map_err(io_error(&path))? {
            rows += 1;
            end = at;
        }
        let mut file = open().map_err(io_error(&path))?;
        if file.metadata().map_err(io_error(&path))?.len() != end {
            file.set_len(end).map_err(io_error(&path))?;
        }
        file.seek(SeekFrom::Start(end)).map_err(io_error(&path))?;
        let mut file = BufWriter::with_capacity(BUFFER, file);
        if rows == 0 {
            file.write_all(&format.header(plan)).map_err(io_error(&path))?;
        }
        Ok(Self { format, path, file, rows })
    }
}

/// The rows of a file as far as they are whole and those of the plan.
struct Rows<'p> {
    plan: &'p Plan,
    format: Format,
    reader: BufReader<File>,
    work: Box<dyn Iterator<Item = (Point, u32)> + 'p>,
    line: Vec<u8>,
    /// End of the last row.
    at: u64,
    /// Whether the file begins as it should.
    headed: bool,
}

impl<'p> Rows<'p> {
    fn of(file: File, format: Format, plan: &'p Plan, shard: Shard) -> io::Result<Self> {
        let mut reader = BufReader::with_capacity(BUFFER, file);
        let header = format.header(plan);
        let mut head = Vec::new();
        reader.by_ref().take(header.len() as u64).read_to_end(&mut head)?;
        let (at, headed) = (header.len() as u64, head == header);
        Ok(Self { plan, format, reader, work: Box::new(work(plan, shard)), line: Vec::new(), at, headed })
    }

    /// The next row and where it ends.
    fn next(&mut self) -> io::Result<Option<(Row, u64)>> {
        let Some((point, repeat)) = self.work.next().filter(|_| self.headed) else { return Ok(None) };
        self.line.clear();
        self.at += self.reader.read_until(b'\n', &mut self.line)? as u64;
        Ok(self.format.read(self.plan, &self.line, point, repeat).map(|row| (row, self.at)))
    }
}

/// The rows of a shard, in order.
pub fn work(plan: &Plan, shard: Shard) -> impl Iterator<Item = (Point, u32)> + Send + '_ {
    let numbers = (0..plan.space.numbers().unwrap_or(0)).filter(move |n| shard.has(*n));
    numbers
        .filter_map(|n| plan.space.point(n))
        .flat_map(move |p| (0..plan.repeat).map(move |r| (p.clone(), r)))
}
