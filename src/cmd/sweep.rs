//! `skmem sweep`: a plan in, rows out.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Mutex;

use clap::ValueEnum;
use sweeps::{Ended, Format, Manifest, Plan, Shard, Store, StoreError, Table, point_warnings, row, sweep};

use crate::cmd::chart;
use crate::failure::Failure;
use crate::plan_input::Read;
use crate::progress::Progress;
use crate::{claims, parquet_file, plan_input, terminal};

mod dry_run;

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum RowFormat {
    /// rows.csv
    Csv,
    /// rows.jsonl, one JSON object per line
    Jsonl,
    /// Both
    Both,
    /// rows.csv, and rows.parquet when all rows are there
    Parquet,
}

/// Arguments of `sweep`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A plan is a file, the name of one that comes with the program (adv-win-scale-x-packet-size, kernel-upgrade-check, \
low-latency-messaging, overrun-map, rcvbuf-x-rtt, tcp-rmem-wan, truesize-x-budget), or the folder of a sweep. See \
docs/sweeps.md.

With -o the rows stream to DIR in the order of the points, into rows.csv.part until all are there; what is there is always \
a prefix of the whole. Ctrl-C keeps it, --resume goes on from it, and so after a crash. Of a finished sweep --resume prints \
the table again; with another --format it writes the same rows so, too, without running them. --shard K/N runs every N-th point; `skmem merge` puts the shards \
together to the bytes that one run would have written. A point that cannot be run is a row with its error.")]
pub(crate) struct Args {
    /// The plan
    #[arg(value_name = "PLAN")]
    plan: String,
    /// Write the rows to this folder
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Go on with the folder of a sweep that was stopped
    #[arg(long, requires = "output")]
    resume: bool,
    /// Run a part of the points: K from 1 to N
    #[arg(long, value_name = "K/N", default_value = "1/1")]
    shard: Shard,
    /// Threads; as many as there are processors unless given
    #[arg(short = 'j', long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// How rows are written
    #[arg(long, value_enum, default_value = "csv", value_name = "FORMAT")]
    format: RowFormat,
    /// Draw no charts
    #[arg(long)]
    no_charts: bool,
    /// Print the first points and what all would cost, and run nothing
    #[arg(long, conflicts_with_all = ["output", "point"])]
    dry_run: bool,
    /// With --dry-run: print every point
    #[arg(long, requires = "dry_run")]
    all: bool,
    /// Run this point alone and print its rows, and the command that runs each as a scenario
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["output", "shard"])]
    point: Option<u64>,
}

impl Args {
    fn formats(&self) -> &'static [Format] {
        match self.format {
            RowFormat::Csv | RowFormat::Parquet => &[Format::Csv],
            RowFormat::Jsonl => &[Format::JsonLines],
            RowFormat::Both => &[Format::Csv, Format::JsonLines],
        }
    }

    fn threads(&self) -> usize {
        let all = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        self.threads.map_or_else(all, NonZeroUsize::get)
    }
}

impl From<StoreError> for Failure {
    fn from(e: StoreError) -> Self {
        Self::BadInput(e.to_string())
    }
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let read = plan_input::plan(&args.plan)?;
    let plan = &read.plan;
    if let Some(number) = args.point {
        return one_point(&read, number, args);
    }
    warn(&sweeps::warnings(plan));
    if args.dry_run {
        return dry_run::run(plan, args.shard, args.threads(), args.all);
    }
    if args.format == RowFormat::Parquet {
        parquet_file::available()?;
    }
    let stop = claims::stop_on_interrupt();
    let mut table = Table::new(plan);
    let mut store = match &args.output {
        None => None,
        Some(dir) if args.resume => {
            Some(Store::resume(dir, plan, args.shard, args.formats(), |row| table.add(plan, row))?)
        }
        Some(dir) => Some(Store::create(dir, plan, args.shard, args.formats())?),
    };
    let there = store.as_ref().map_or(0, Store::rows);
    if args.resume {
        terminal::note(&format!("{there} rows are there already"));
    }
    let total = expected(plan, args.shard);
    let progress = Progress::new(there, total);
    let shown = Mutex::new(&mut table);
    let ended = sweep(plan, args.shard, args.threads(), store.as_mut(), stop, |row| {
        if let Ok(mut t) = shown.lock() {
            t.add(plan, row);
        }
        progress.row();
    })?;
    progress.finish();
    let rows = table.rows();
    if ended != Ended::Complete {
        let kept = match store {
            Some(store) => {
                store.pause()?;
                format!("; {rows} rows are kept, go on with --resume")
            }
            None => String::new(),
        };
        let why = if ended == Ended::Stopped { "stopped" } else { "the budget of time is used up" };
        terminal::note(&format!("{why}{kept}"));
        return if ended == Ended::Stopped {
            Err(Failure::Interrupted)
        } else {
            Err(Failure::FellShort(format!("{}: {rows} rows are there, and not all", plan.name)))
        };
    }
    if let Some(store) = store {
        store.finish()?;
    }
    let failed = table.errors().0;
    print(plan, &table)?;
    if let Some(dir) = &args.output {
        terminal::note(&format!("{rows} rows written to {}", dir.display()));
        if args.format == RowFormat::Parquet {
            let manifest = Manifest::read(dir).map_err(Failure::FellShort)?;
            parquet_file::write(&dir.join(Format::Csv.file()), &manifest, &dir.join("rows.parquet"))?;
        }
        // The charts of a part would be taken for those of the whole.
        if !args.no_charts && args.shard == Shard::WHOLE && args.formats().contains(&Format::Csv) {
            if rows > MOST_DRAWN {
                let dir = dir.display();
                terminal::note(&format!(
                    "so many rows are not drawn unasked: skmem chart {dir} holds them in memory"
                ));
            } else {
                let n = chart::of_sweep(plan, dir)?;
                terminal::note(&format!(
                    "{} in {}",
                    terminal::count(n, "chart"),
                    dir.join("charts").display()
                ));
            }
        }
    }
    if failed == 0 {
        return Ok(());
    }
    for (point, e) in table.errors().1 {
        terminal::note(&format!("point {point}: {e}"));
    }
    Err(Failure::FellShort(format!("{failed} of {rows} rows have an error instead of figures")))
}

/// Rows of a sweep that is drawn by itself. Charts hold all rows, some 800 bytes each; a sweep holds none.
const MOST_DRAWN: u64 = 100_000;

/// Rows of a shard: counted where filters make it hard to say, if that is quick.
fn expected(plan: &Plan, shard: Shard) -> Option<u64> {
    let numbers = plan.space.numbers()?;
    if plan.space.filters.is_empty() {
        return Some((numbers + shard.of - shard.part) / shard.of * u64::from(plan.repeat));
    }
    (numbers <= 1_000_000).then(|| sweeps::work(plan, shard).count() as u64)
}

fn warn(warnings: &[String]) {
    warnings.iter().for_each(|w| terminal::note(&format!("warning: {w}")));
}

fn print(plan: &Plan, table: &Table) -> Result<(), Failure> {
    let mut text = format!("{}: {} rows\n\n", plan.name, table.rows());
    let mut put = |(head, lines): (Vec<String>, Vec<Vec<String>>)| {
        let head: Vec<&str> = head.iter().map(String::as_str).collect();
        let mut t = terminal::table(&head);
        for line in lines {
            t.add_row(line);
        }
        text.push_str(&terminal::table_text(&t));
    };
    match table.points() {
        Some(points) => put(points),
        None => put(table.measures()),
    }
    terminal::data(&text)
}

fn one_point(read: &Read, number: u64, args: &Args) -> Result<(), Failure> {
    let plan = &read.plan;
    let numbers = plan.space.numbers().unwrap_or(0);
    if number >= numbers {
        return Err(Failure::BadInput(format!(
            "there is no point {number}: the last one is {}",
            numbers - 1
        )));
    }
    let Some(point) = plan.space.point(number) else {
        return Err(Failure::BadInput(format!("point {number} is left out by `where`")));
    };
    warn(&point_warnings(plan, &point));
    let format = args.formats()[0];
    let mut text = format.header(plan);
    for repeat in 0..plan.repeat {
        terminal::note(&plan.command(&point, repeat, &read.base));
        text.extend(format.row(plan, &row(plan, point.clone(), repeat)));
    }
    terminal::data(&String::from_utf8_lossy(&text))
}
