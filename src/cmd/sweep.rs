//! `skmem sweep`: a plan in, rows out.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use sweeps::{Ended, Format, Manifest, Plan, Point, Shard, Store, StoreError, Table, row, sweep};

use crate::cmd::chart;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::{claims, parquet_file, plan_input, terminal};

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
A plan is a file, or the name of one that comes with the program: adv-win-scale-x-packet-size, kernel-upgrade-check, \
low-latency-messaging, overrun-map, rcvbuf-x-rtt, tcp-rmem-wan, truesize-x-budget. See docs/sweeps.md.

With -o the rows stream to DIR in the order of the points; what is there is always a prefix of the whole. Ctrl-C keeps \
it, --resume goes on from it, and so after a crash. --shard K/N runs every N-th point; `skmem merge` puts the shards \
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
    /// Print the points and what they would cost, and run nothing
    #[arg(long, conflicts_with_all = ["output", "point"])]
    dry_run: bool,
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
    let plan = plan_input::plan(&args.plan)?;
    plan.warnings.iter().for_each(|w| terminal::note(&format!("warning: {w}")));
    if args.dry_run {
        return dry_run(&plan, args);
    }
    if let Some(number) = args.point {
        return one_point(&plan, number, args);
    }
    if args.format == RowFormat::Parquet {
        parquet_file::available()?;
    }
    let stop = claims::stop_on_interrupt();
    let mut store = match &args.output {
        None => None,
        Some(dir) if args.resume => Some(Store::resume(dir, &plan, args.shard, args.formats())?),
        Some(dir) => Some(Store::create(dir, &plan, args.shard, args.formats())?),
    };
    let there = store.as_ref().map_or(0, Store::rows);
    if args.resume {
        terminal::note(&format!("{there} rows are there already"));
    }
    let total = expected(&plan, args.shard);
    let mut table = Table::new(&plan);
    let progress = Progress::new(there, total);
    let shown = Mutex::new(&mut table);
    let ended = sweep(&plan, args.shard, args.threads(), store.as_mut(), stop, |row| {
        if let Ok(mut t) = shown.lock() {
            t.add(&plan, row);
        }
        progress.row();
    })?;
    progress.finish();
    let rows = there + table.rows();
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
            Err(Failure::FellShort(format!("{}: {rows} rows were run", plan.name)))
        };
    }
    let failed = match store {
        Some(store) => store.finish()?.errors,
        None => table.errors().0,
    };
    if table.rows() > 0 || there == 0 {
        print(&plan, &table, there)?;
    }
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
                let n = chart::of_sweep(&plan, dir)?;
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

/// The table of what was run now; of rows that were `there` before it knows nothing.
fn print(plan: &Plan, table: &Table, there: u64) -> Result<(), Failure> {
    let mut text = format!("{}: {} rows\n\n", plan.name, table.rows());
    if there > 0 {
        text = format!(
            "{}: {} rows were run now, of which this table is; {there} were there before\n\n",
            plan.name,
            table.rows()
        );
    }
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

/// Points that `--dry-run` prints.
const LISTED: usize = 20;
/// How long `--dry-run` tries out what a point costs.
const TRIAL: Duration = Duration::from_millis(300);

fn dry_run(plan: &Plan, args: &Args) -> Result<(), Failure> {
    let mut text = String::new();
    let mut cost = (Duration::ZERO, 0_u32);
    let (mut count, mut all) = (0_u64, 0_u64);
    let trial = Instant::now();
    // Points from all over the plan tell what it costs; the first ones are shown.
    let stride = (plan.space.numbers().unwrap_or(1) / 64).max(1);
    for point in plan.points() {
        all += 1;
        if !args.shard.has(point.number) {
            continue;
        }
        count += 1;
        if count <= LISTED as u64 {
            text.push_str(&line(plan, &point));
        }
        if (point.number % stride == 0 || cost.1 == 0) && trial.elapsed() < TRIAL {
            let begun = Instant::now();
            let _ = row(plan, point, 0);
            cost = (cost.0 + begun.elapsed(), cost.1 + 1);
        }
    }
    if count > LISTED as u64 {
        text.push_str(&format!("... and {} more\n", count - LISTED as u64));
    }
    let rows = count * u64::from(plan.repeat);
    let left_out = plan.space.numbers().unwrap_or(0) - all;
    let each = cost.0 / cost.1.max(1);
    let seconds = each.as_secs_f64() * rows as f64 / args.threads() as f64;
    text.push_str(&format!(
        "\n{count} points, {rows} rows{}; about {} us each, {:.1} s on {}\n",
        if left_out > 0 { format!(" ({left_out} points left out by `where`)") } else { String::new() },
        each.as_micros(),
        seconds,
        terminal::count(args.threads(), "thread")
    ));
    terminal::data(&text)
}

fn line(plan: &Plan, point: &Point) -> String {
    let picks = plan.space.axes.iter().zip(&point.picks);
    let settings: Vec<String> = picks.map(|(a, p)| format!("{}={}", a.name, a.value(*p).label)).collect();
    format!("{:>8}  {}\n", point.number, settings.join("  "))
}

fn one_point(plan: &Plan, number: u64, args: &Args) -> Result<(), Failure> {
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
    let format = args.formats()[0];
    let mut text = format.header(plan);
    for repeat in 0..plan.repeat {
        terminal::note(&plan.command(&point, repeat, "base.yaml"));
        text.extend(format.row(plan, &row(plan, point.clone(), repeat)));
    }
    if plan.base.word.is_none() {
        terminal::note("(base.yaml is in the folder of the sweep)");
    }
    terminal::data(&String::from_utf8_lossy(&text))
}
