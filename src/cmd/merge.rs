//! `skmem merge`: the shards of a sweep become one file.

use std::path::{Path, PathBuf};

use results::OutputError;
use results::output::{is_gone, write_file};
use sweeps::{Format, Merge};

use crate::failure::Failure;
use crate::{parquet_file, terminal};

/// Arguments of `merge`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
All shards must be there, complete, of one plan and of one version of the model; otherwise nothing is written. The file \
has the bytes that one unsharded run writes, and appears whole or not at all.")]
pub(crate) struct Args {
    /// The folders of the shards, in any order
    #[arg(required = true, value_name = "DIR")]
    shards: Vec<PathBuf>,
    /// Write the rows to this file: .csv, .jsonl for JSON Lines, or .parquet
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let format = match args.output.extension().and_then(|e| e.to_str()) {
        Some("csv") => Format::Csv,
        Some("jsonl") => Format::JsonLines,
        Some("parquet") => {
            parquet_file::available()?;
            Format::Csv
        }
        _ => {
            let shown = args.output.display();
            return Err(Failure::BadInput(format!("{shown} is neither .csv nor .jsonl nor .parquet")));
        }
    };
    if args.output.exists() {
        let path = args.output.clone();
        return Err(OutputError::Exists { path }.into());
    }
    let merge = Merge::new(&args.shards, format).map_err(Failure::BadInput)?;
    remove_stale(&args.output);
    let shown = args.output.display().to_string();
    let merged =
        |target: &Path| write_file(target, |f| merge.write(f).map_err(crate::failure::write_failure(&shown)));
    if args.output.extension().is_some_and(|e| e == "parquet") {
        // By way of the text, which has a name of its own until then.
        let text = args.output.with_extension("parquet.csv");
        let made = merged(&text).and_then(|()| parquet_file::write(&text, merge.manifest(), &args.output));
        let _ = std::fs::remove_file(&text);
        made?;
    } else {
        merged(&args.output)?;
    }
    let shards = terminal::count(args.shards.len(), "shard");
    terminal::note(&format!("{} rows of {shards} written to {shown}", merge.rows));
    if merge.errors > 0 {
        terminal::note(&format!("{} of them have an error instead of figures", merge.errors));
    }
    Ok(())
}

/// Removes what a merge to the same file left behind when it was killed.
fn remove_stale(target: &Path) {
    let folder = target.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Some(name) = target.file_name().and_then(|n| n.to_str()) else { return };
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let found = entry.file_name();
        let of = found.to_str().and_then(|f| f.strip_prefix(&format!(".{name}.")));
        let writer = of.and_then(|f| f.strip_suffix(".partial")?.parse::<u32>().ok());
        if writer.is_some_and(is_gone) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}
