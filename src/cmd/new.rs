//! `skmem new`: a scenario to start from.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;

use scenarios::template;

use crate::failure::Failure;
use crate::terminal;

/// Arguments of `new`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Name of the scenario
    name: String,
    /// The file to write; `-` prints the scenario [default: NAME.yaml]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let text = template(&args.name).map_err(Failure::BadInput)?;
    let path = args.output.clone().unwrap_or_else(|| PathBuf::from(format!("{}.yaml", args.name)));
    if path.as_os_str() == "-" {
        return terminal::data(&text);
    }
    let shown = path.display();
    // A file that exists is somebody's work.
    let mut file = OpenOptions::new().write(true).create_new(true).open(&path).map_err(|e| {
        Failure::BadInput(match e.kind() {
            ErrorKind::AlreadyExists => {
                format!("{shown} already exists; choose another name, or another file with -o")
            }
            _ => format!("cannot write {shown}: {e}"),
        })
    })?;
    file.write_all(text.as_bytes()).map_err(|e| Failure::BadInput(format!("cannot write {shown}: {e}")))?;
    terminal::note(&format!("{shown} is written; run it with: skmem run {shown}"));
    Ok(())
}
