//! Finished rows as a Parquet file, if this build can write one.

use std::path::Path;

use sweeps::Manifest;

use crate::failure::Failure;

/// Says so before anything is run if this build cannot write Parquet.
///
/// # Errors
/// How to build one that can.
pub(crate) fn available() -> Result<(), Failure> {
    if cfg!(feature = "parquet") {
        return Ok(());
    }
    Err(Failure::BadInput(
        "this build writes no Parquet: cargo build --release --features parquet makes one that does"
            .to_owned(),
    ))
}

/// Writes the rows of a CSV file as Parquet.
///
/// # Errors
/// The rows cannot be read, or the file cannot be written.
#[cfg(feature = "parquet")]
pub(crate) fn write(rows: &Path, manifest: &Manifest, target: &Path) -> Result<(), Failure> {
    let shown = target.display().to_string();
    let bad = |e: String| Failure::BadInput(format!("cannot write {shown}: {e}"));
    let file = std::fs::File::open(rows).map_err(|e| bad(e.to_string()))?;
    results::output::write_file(target, |out| {
        sweeps::write_parquet(file, manifest, out).map(drop).map_err(bad)
    })
}

/// There is nothing to write with: [`available`] has said so.
#[cfg(not(feature = "parquet"))]
pub(crate) fn write(_: &Path, _: &Manifest, _: &Path) -> Result<(), Failure> {
    available()
}
