//! `skmem conform`: the model against recorded kernels.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use conformance::end_to_end::end_to_end;
use conformance::recording::{CaseId, CaseKind, Recording, Store};
use conformance::replay::{Oracle, replay};
use conformance::score::floors::Floors;
use conformance::score::{CaseScore, Mode, Scoreboard, picture, table};
use rayon::prelude::*;
use results::output::write_file;
use scenarios::nearest;
use std::io::Write as _;

use crate::failure::{Failure, write_failure};
use crate::terminal;

/// Lines shown before the first difference of a case.
const CONTEXT: usize = 6;

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum How {
    /// The recorded arrivals and application calls go into the receiver alone
    Replay,
    /// Only the configuration goes in; injection cases, which have no sender, are left out
    EndToEnd,
}

impl How {
    const fn mode(self) -> Mode {
        match self {
            Self::Replay => Mode::Replay,
            Self::EndToEnd => Mode::EndToEnd,
        }
    }
}

/// Arguments of `conform`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Every row, ACK and script step of a recording is compared in every compared column; nothing is tolerated. A case that \
is not exact is shown with its first difference and the recorded lines before it. The last line is the total. Exit \
code 1 if a case is below its committed floor (floors.csv beside the folder of recordings).")]
pub(crate) struct Args {
    /// A folder of recordings, packed or raw [default: validation/recordings]
    #[arg(value_name = "RECORDINGS")]
    dir: Option<PathBuf>,
    /// How to drive the model
    #[arg(long, value_enum, default_value = "replay")]
    mode: How,
    /// Only these kernels
    #[arg(long, value_name = "KERNEL", value_delimiter = ',')]
    kernel: Vec<String>,
    /// Only these cases; a `*` at the end stands for anything
    #[arg(long, value_name = "CASE", value_delimiter = ',')]
    case: Vec<String>,
    /// Inputs that were not recordable come from the model instead of from the recorded outcome (replay)
    #[arg(long)]
    without_oracle: bool,
    /// Print the scoreboard as JSON
    #[arg(long)]
    json: bool,
    /// Draw the scoreboard: kernels by cases
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// The floors [default: floors.csv beside the folder of recordings]
    #[arg(long, value_name = "FILE")]
    floors: Option<PathBuf>,
    /// Raise the floors to what was reached; a floor never sinks this way
    #[arg(long, conflicts_with = "without_oracle")]
    write_floors: bool,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let dir = directory(args.dir.as_deref())?;
    let store = Store::open(&dir).map_err(|e| Failure::BadInput(e.to_string()))?;
    let chosen = choose(&store, args)?;
    let oracle = if args.without_oracle { Oracle::Without } else { Oracle::With };
    let scores: Vec<CaseScore> = match args.mode {
        How::Replay => chosen.par_iter().map(|id| score(&store, id, |rec| replay(rec, oracle))).collect(),
        How::EndToEnd => {
            let scores = chosen.par_iter().map(|id| score(&store, id, end_to_end));
            // A case that has no sender is no case of this mode.
            scores.filter(|s| s.error.is_none() || !is_injection(&store, s)).collect()
        }
    };
    let board = Scoreboard::new(args.mode.mode(), scores);

    if let Some(path) = &args.svg {
        let shown = path.display().to_string();
        write_file(path, |f| f.write_all(picture::svg(&board).as_bytes()).map_err(write_failure(&shown)))?;
        terminal::note(&format!("written to {shown}"));
    }
    let short = if args.without_oracle {
        // The floors are about the score with the oracle.
        Vec::new()
    } else {
        let complete = args.dir.is_none() && chosen.len() == store.cases().len();
        judge(args, &dir, &board, complete)?
    };
    if args.json {
        let json = board.to_json().map_err(|e| Failure::FellShort(e.to_string()))?;
        terminal::data(&format!("{json}\n"))?;
    } else {
        let differences = table::render_differences(&board);
        let gap = if differences.is_empty() { "" } else { "\n" };
        terminal::data(&format!("{differences}{gap}{}", table::render(&board)))?;
    }
    if short.is_empty() {
        return Ok(());
    }
    short.iter().for_each(|line| terminal::note(line));
    Err(Failure::FellShort(format!("{} below the committed floor", terminal::count(short.len(), "case"))))
}

/// Compares with the floors, or raises them.
fn judge(args: &Args, dir: &Path, board: &Scoreboard, complete: bool) -> Result<Vec<String>, Failure> {
    let path = match &args.floors {
        Some(path) => path.clone(),
        None => dir.parent().unwrap_or(dir).join("floors.csv"),
    };
    let bad = |e: conformance::score::floors::FloorsError| Failure::BadInput(e.to_string());
    if args.floors.is_some() && !args.write_floors && !path.exists() {
        return Err(Failure::BadInput(format!("there is no file {}", path.display())));
    }
    let mut floors = Floors::load(&path).map_err(bad)?;
    if args.write_floors {
        floors.raise(board);
        floors.save(&path).map_err(bad)?;
        terminal::note(&format!("written to {}", path.display()));
    }
    Ok(floors.shortfalls(board, complete).iter().map(ToString::to_string).collect())
}

/// The folder of recordings: the given one, that of the working directory, or that of the source tree.
pub(crate) fn directory(given: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(dir) = given {
        if dir.is_dir() {
            return Ok(dir.to_owned());
        }
        return Err(Failure::BadInput(format!("there is no folder {}", dir.display())));
    }
    let here = PathBuf::from("validation/recordings");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(&here);
    [here, source].into_iter().find(|d| d.is_dir()).ok_or_else(|| {
        Failure::BadInput(
            "there is no folder validation/recordings here; run this in a checkout of the project, or name a folder of \
             recordings"
                .to_owned(),
        )
    })
}

/// The cases that were asked for, each name of which must mean something.
fn choose(store: &Store, args: &Args) -> Result<Vec<CaseId>, Failure> {
    let cases = store.cases();
    for kernel in &args.kernel {
        if !cases.iter().any(|c| c.kernel == *kernel) {
            return Err(unknown("kernel", kernel, cases.iter().map(|c| c.kernel.as_str())));
        }
    }
    for case in &args.case {
        if !cases.iter().any(|c| matches(case, &c.case)) {
            return Err(unknown("case", case, cases.iter().map(|c| c.case.as_str())));
        }
    }
    let wanted = |id: &&CaseId| {
        (args.kernel.is_empty() || args.kernel.contains(&id.kernel))
            && (args.case.is_empty() || args.case.iter().any(|p| matches(p, &id.case)))
    };
    Ok(cases.iter().filter(wanted).cloned().collect())
}

fn matches(pattern: &str, case: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => case.starts_with(start),
        None => pattern == case,
    }
}

fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> Failure {
    let mut known: Vec<&str> = known.collect();
    known.sort_unstable();
    known.dedup();
    let help = match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("there are {}", known.join(", ")),
    };
    Failure::BadInput(format!("no recording has the {what} `{name}`; {help}"))
}

fn is_injection(store: &Store, score: &CaseScore) -> bool {
    store.load(&score.id()).is_ok_and(|rec| rec.kind == CaseKind::Injection)
}

/// A case that cannot be loaded or run stands on the board with the reason; the others are not affected.
fn score<E: std::fmt::Display>(
    store: &Store,
    id: &CaseId,
    run: impl Fn(&Recording) -> Result<CaseScore, E>,
) -> CaseScore {
    let failed = |e: String| {
        let mut score = CaseScore::new(&id.kernel, &id.case);
        score.error = Some(e);
        score
    };
    let rec = match store.load(id) {
        Ok(rec) => rec,
        Err(e) => return failed(e.to_string()),
    };
    match run(&rec) {
        Ok(mut score) => {
            score.add_context(&rec, CONTEXT);
            score
        }
        Err(e) => failed(e.to_string()),
    }
}
