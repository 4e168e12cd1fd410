//! Shards become one file: the same bytes as the whole sweep in one run.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use crate::format::Format;
use crate::manifest::{Done, Manifest};
use crate::shard::Shard;
use crate::store::digest;

/// Shards that were found to belong together and to be complete.
#[derive(Debug)]
pub struct Merge {
    shards: Vec<(PathBuf, Manifest)>,
    format: Format,
    /// Rows of all.
    pub rows: u64,
    /// Those of them that have an error.
    pub errors: u64,
}

impl Merge {
    /// Checks the folders of all shards.
    ///
    /// # Errors
    /// A sentence: folders that are no sweeps, other plans, models or numbers of shards, shards that are missing, given
    /// twice, incomplete or changed since.
    pub fn new(dirs: &[PathBuf], format: Format) -> Result<Self, String> {
        let mut found: Vec<(Shard, PathBuf, Manifest)> = Vec::new();
        for dir in dirs {
            let manifest = Manifest::read(dir)?;
            let shard: Shard = manifest.shard.parse().map_err(|e| format!("{}: {e}", dir.display()))?;
            found.push((shard, dir.clone(), manifest));
        }
        let Some((first, first_dir, like)) = found.first().cloned() else {
            return Err("there is nothing to merge".to_owned());
        };
        for (shard, dir, m) in &found[1..] {
            if let Some(why) = like.differs(m) {
                return Err(format!("{} does not belong to {}: {why}", dir.display(), first_dir.display()));
            }
            if shard.of != first.of {
                return Err(format!(
                    "{} is shard {shard}, {} is shard {first}: the sweep was cut in different ways",
                    dir.display(),
                    first_dir.display()
                ));
            }
        }
        found.sort_by_key(|(shard, ..)| shard.part);
        if let Some(pair) = found.windows(2).find(|w| w[0].0 == w[1].0) {
            return Err(format!(
                "{} and {} are both shard {}",
                pair[0].1.display(),
                pair[1].1.display(),
                pair[0].0
            ));
        }
        let missing: Vec<String> = (1..=first.of)
            .filter(|k| !found.iter().any(|(s, ..)| s.part == *k))
            .take(20)
            .map(|k| format!("{k}/{}", first.of))
            .collect();
        if !missing.is_empty() {
            return Err(format!("shards are missing: {}", missing.join(", ")));
        }
        let (mut rows, mut errors) = (0, 0);
        for (shard, dir, m) in &found {
            let done =
                complete(dir, m, format).map_err(|why| format!("{} (shard {shard}) {why}", dir.display()))?;
            rows += done.rows;
            errors += done.errors;
        }
        let shards = found.into_iter().map(|(_, dir, m)| (dir, m)).collect();
        Ok(Self { shards, format, rows, errors })
    }

    /// What the rows are rows of.
    pub fn manifest(&self) -> &Manifest {
        // There is at least one shard.
        &self.shards[0].1
    }

    /// Writes all rows in the order of their points.
    ///
    /// # Errors
    /// A file cannot be read or written, or holds what the checks did not show.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let changed = || io::Error::other("a shard changed while it was being read");
        let of = self.shards.len() as u64;
        let mut readers = Vec::new();
        let mut lines: Vec<Option<Vec<u8>>> = Vec::new();
        for (at, (dir, _)) in self.shards.iter().enumerate() {
            let mut reader = BufReader::with_capacity(1 << 16, File::open(dir.join(self.format.file()))?);
            if self.format == Format::Csv {
                let header = line(&mut reader)?.ok_or_else(changed)?;
                if at == 0 {
                    out.write_all(&header)?;
                }
            }
            lines.push(line(&mut reader)?);
            readers.push(reader);
        }
        let mut last = None;
        loop {
            let mut least: Option<((u64, u32), usize)> = None;
            for (at, l) in lines.iter().enumerate() {
                let Some(l) = l else { continue };
                let key = self.format.key(l).ok_or_else(changed)?;
                if key.0 % of != at as u64 {
                    return Err(changed());
                }
                if least.is_none_or(|(k, _)| key < k) {
                    least = Some((key, at));
                }
            }
            let Some((key, at)) = least else { return Ok(()) };
            if last >= Some(key) {
                return Err(changed());
            }
            last = Some(key);
            if let Some(l) = &lines[at] {
                out.write_all(l)?;
            }
            lines[at] = line(&mut readers[at])?;
        }
    }
}

/// The next line with its end; `None` at the end of the file.
fn line(reader: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut text = Vec::new();
    Ok((reader.read_until(b'\n', &mut text)? > 0).then_some(text))
}

fn complete<'m>(dir: &Path, m: &'m Manifest, format: Format) -> Result<&'m Done, String> {
    let done = m.done.as_ref().ok_or("is not complete; go on with it with `skmem sweep ... --resume`")?;
    let name = format.file();
    let Some(expected) = done.files.get(name) else {
        return Err(format!("has no {name}"));
    };
    match digest(&dir.join(name)) {
        Ok(found) if found == *expected => Ok(done),
        Ok(_) => Err(format!("has a {name} that was changed after it was complete")),
        Err(e) => Err(format!("has no readable {name}: {e}; go on with it with `skmem sweep ... --resume`")),
    }
}
