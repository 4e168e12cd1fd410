//! `skmem new`: a scenario to start from, empty or made from a recording.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;

use conformance::export::{Timing, scenario_text};
use conformance::recording::Store;
use scenarios::{nearest, template};

use super::conform::directory;
use crate::failure::Failure;
use crate::terminal;

/// Arguments of `new`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
With --recording the scenario is a recorded injection case of one kernel: its segments, reads and option changes at the
times of the recording, and what the kernel ended with as `expect`. For example:
  skmem new my-hole --recording t_hole1 --kernel 6.1")]
pub(crate) struct Args {
    /// Name of the scenario
    name: String,
    /// The file to write; `-` prints the scenario [default: NAME.yaml]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Make it from this recorded injection case
    #[arg(long, value_name = "CASE")]
    recording: Option<String>,
    /// The kernel of the recording
    #[arg(long, value_name = "KERNEL", default_value = "6.1", requires = "recording")]
    kernel: String,
    /// The folder of recordings [default: validation/recordings]
    #[arg(long, value_name = "DIR", requires = "recording")]
    recordings: Option<PathBuf>,
    /// Keep every time to the nanosecond, one line per segment
    #[arg(long, requires = "recording")]
    exact: bool,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    // Says what is wrong with the name.
    let empty = template(&args.name).map_err(Failure::BadInput)?;
    let text = match &args.recording {
        None => empty,
        Some(case) => recorded(args, case)?,
    };
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

fn recorded(args: &Args, case: &str) -> Result<String, Failure> {
    let bad = |e: &dyn std::fmt::Display| Failure::BadInput(e.to_string());
    let store = Store::open(directory(args.recordings.as_deref())?).map_err(|e| bad(&e))?;
    let Some(id) = store.cases().iter().find(|id| id.kernel == args.kernel && id.case == case) else {
        let of_kernel = store.cases().iter().filter(|id| id.kernel == args.kernel);
        let cases: Vec<&str> = of_kernel.map(|id| id.case.as_str()).collect();
        let help = match nearest(case, cases.iter().copied()) {
            Some(near) => format!("did you mean {near}?"),
            None if cases.is_empty() => "there is no recording of this kernel at all".to_owned(),
            None => format!("there are {}", cases.join(", ")),
        };
        return Err(Failure::BadInput(format!("kernel {} has no recording `{case}`; {help}", args.kernel)));
    };
    let timing = if args.exact { Timing::Exact } else { Timing::READABLE };
    let rec = store.load(id).map_err(|e| bad(&e))?;
    scenario_text(&rec, &args.name, timing).map_err(|e| bad(&e))
}
