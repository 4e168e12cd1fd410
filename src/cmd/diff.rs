//! `skmem diff`: two traces, or a trace and a recording or a published curve, against each other.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use conformance::recording::Recording;
use plots::{ChartSettings, MAX_PANELS, Overlay, Panel, Picture as _};
use results::compare::{Comparison, Rules, Tolerance, compare};
use results::csv_write::write_trace;
use results::output::write_file;
use results::{ColumnSet, Trace, TraceTable, autotuning};
use scenarios::gallery_text;

use crate::failure::{Failure, csv_failure, write_failure};
use crate::input::{self, Changes};
use crate::recorded;
use crate::simulate::{self, Keep};
use crate::terminal;

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Table {
    /// One row per segment, as trace.csv has it
    Trace,
    /// One row per step of autotuning: time_us, copied, space, rcvbuf, rcv_ssthresh, window_clamp, rcv_wnd
    Autotuning,
}

/// Arguments of `diff`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A and B are files (trace.csv, the rows of a recording of a real kernel, packed or not, any CSV with a header), folders that hold a \
trace.csv, recorded cases (CASE@KERNEL), or scenarios, which are run; a kernel may follow after an @. For example:
  skmem diff budget-overrun@6.1 budget-overrun@6.12 -o differ.png
  skmem diff budget-overrun a_overrun@6.1 -o against-the-kernel.png
  skmem diff out/trace.csv validation/recordings/6.1/b_normal.rec --tolerance skmem_r=2304
  skmem diff drs-50ms-after table.csv --table autotuning --tolerance copied=2%

Rows belong together that have the same `idx`, or the same place if one of the two has no such column. Two traces are compared in \
what a model must give, everything else in all columns that both have. Exit code 1 if anything differs beyond its tolerance.")]
pub(crate) struct Args {
    /// The first: a file, a folder, a recorded case, or a scenario
    a: String,
    /// The second
    b: String,
    /// Compare these columns only
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    columns: Vec<String>,
    /// How far a column may be off, in its unit or in per cent of B; may be given several times
    #[arg(long, value_name = "COLUMN=N|N%")]
    tolerance: Vec<String>,
    /// The column that says which rows belong together; `row`: their order
    #[arg(long, value_name = "COLUMN", default_value = "")]
    by: String,
    /// Which table of a scenario's run is compared
    #[arg(long, value_enum, default_value = "trace", value_name = "TABLE")]
    table: Table,
    /// Draw both on top of each other: a file that ends in .png or .svg
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Rows shown before the first difference.
const CONTEXT: usize = 3;

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let rules = rules(args)?;
    let svg = match args.output.as_deref().map(|p| (p, p.extension().and_then(|e| e.to_str()))) {
        None | Some((_, Some("png"))) => false,
        Some((_, Some("svg"))) => true,
        Some((path, _)) => {
            return Err(Failure::BadInput(format!("{} ends neither in .png nor in .svg", path.display())));
        }
    };
    let (first, second) = (open(&args.a, args.table)?, open(&args.b, args.table)?);
    let (a, b) = (&first.table, &second.table);
    let found = compare(a, b, &rules).map_err(Failure::BadInput)?;
    terminal::data(&text(args, &first, &second, &found))?;
    if let Some(path) = &args.output {
        let chart = overlay(args, a, b, &found).map_err(Failure::FellShort)?;
        let failed = |e: plots::ChartError| Failure::FellShort(e.to_string());
        let picture = chart.bytes(svg).map_err(failed)?;
        let shown = path.display().to_string();
        write_file(path, |f| f.write_all(&picture).map_err(write_failure(&shown)))?;
        terminal::note(&format!("written to {shown}"));
    }
    if found.same() {
        return Ok(());
    }
    Err(Failure::FellShort(format!("{} and {} differ", args.a, args.b)))
}

fn rules(args: &Args) -> Result<Rules, Failure> {
    let mut tolerances = BTreeMap::new();
    for text in &args.tolerance {
        let parsed =
            text.split_once('=').and_then(|(c, t)| Some((c.trim().to_owned(), Tolerance::parse(t)?)));
        let Some((column, tolerance)) = parsed else {
            return Err(Failure::BadInput(format!(
                "--tolerance {text}: expected COLUMN=N or COLUMN=N%, such as skmem_r=2304 or rcvbuf=2%"
            )));
        };
        tolerances.insert(column, tolerance);
    }
    Ok(Rules { by: args.by.clone(), columns: args.columns.clone(), tolerances })
}

/// One of the two: its rows, and the kernel they are of if that is known.
struct Side {
    table: TraceTable,
    kernel: Option<String>,
}

/// What a word of the command line means.
fn open(word: &str, table: Table) -> Result<Side, Failure> {
    let bad = |e: results::ReadError| Failure::BadInput(e.to_string());
    let path = Path::new(word);
    let file = |table: TraceTable| Side { table, kernel: None };
    if path.is_dir() {
        return TraceTable::open(&path.join("trace.csv")).map(file).map_err(bad);
    }
    if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("csv")) {
        let opened = File::open(path).map_err(|e| Failure::BadInput(format!("cannot read {word}: {e}")))?;
        let table = TraceTable::read_any(opened, word).map_err(bad)?;
        return Ok(Side { table, kernel: None });
    }
    if recorded::is_file(word) {
        return recorded_rows(&recorded::open_file(word)?, word, table);
    }
    let (name, kernel) = match word.rsplit_once('@') {
        Some((name, kernel)) => (name, Some(kernel.to_owned())),
        None => (word, None),
    };
    if gallery_text(name).is_none() && !Path::new(name).exists() {
        if let Some(rec) = recorded::named(name, kernel.as_deref())? {
            return recorded_rows(&rec, word, table);
        }
        if let (false, Some(near)) = (input::nearly_a_scenario(name), recorded::nearest_case(name)) {
            let on = kernel.map(|k| format!("@{k}")).unwrap_or_default();
            return Err(Failure::BadInput(format!(
                "there is no scenario, file or recording `{name}`; did you mean the recording `{near}{on}`?"
            )));
        }
    }
    let named = input::scenario(name, &Changes::kernel(kernel))?;
    let run = simulate::run(&named.scenario, Keep::Trace).map_err(Failure::FellShort)?;
    let Some(trace) = run.trace else {
        return Err(Failure::FellShort(format!("{word}: the run left no trace")));
    };
    let csv = match table {
        Table::Trace => trace_csv(&trace)?,
        Table::Autotuning => autotuning_csv(&trace),
    };
    let table = TraceTable::read_any(csv.as_slice(), word).map_err(bad)?;
    Ok(Side { table, kernel: Some(named.scenario.kernel().to_owned()) })
}

/// A recording has the rows of a trace, and no table of autotuning.
fn recorded_rows(rec: &Recording, word: &str, table: Table) -> Result<Side, Failure> {
    match table {
        Table::Trace => {
            Ok(Side { table: recorded::table(rec, word)?, kernel: Some(format!("{}, recorded", rec.kernel)) })
        }
        Table::Autotuning => Err(Failure::BadInput(format!(
            "{word} is a recording, which has no table of autotuning steps; leave out --table"
        ))),
    }
}

fn trace_csv(trace: &Trace) -> Result<Vec<u8>, Failure> {
    let mut csv = Vec::new();
    write_trace(&mut csv, trace, &ColumnSet::All).map_err(csv_failure("the trace"))?;
    Ok(csv)
}

fn autotuning_csv(trace: &Trace) -> Vec<u8> {
    let mut csv = format!("{}\n", autotuning::COLUMNS.join(","));
    for step in autotuning::steps(trace) {
        csv.push_str(&step.values().map(|v| v.to_string()).join(","));
        csv.push('\n');
    }
    csv.into_bytes()
}

fn text(args: &Args, first: &Side, second: &Side, found: &Comparison) -> String {
    let (a, b) = (&first.table, &second.table);
    let of = |side: &Side| {
        let kernel = side.kernel.as_ref().map(|k| format!(", kernel {k}")).unwrap_or_default();
        format!("{}{kernel}", terminal::count(side.table.len(), "row"))
    };
    let by = if found.by.is_empty() { "their order" } else { &found.by };
    let mut text = format!(
        "A  {} ({})\nB  {} ({})\n{} in both, told by {by}; {} only in A, {} only in B\n",
        args.a,
        of(first),
        args.b,
        of(second),
        terminal::count(found.pairs.len(), "row"),
        found.only_a,
        found.only_b
    );
    let off: Vec<_> = found.columns.iter().filter(|c| c.largest > 0).collect();
    let beyond = off.iter().filter(|c| c.differ > 0).count();
    text.push_str(&format!(
        "{} compared, {beyond} beyond their tolerance\n",
        terminal::count(found.columns.len(), "column")
    ));
    if let Some(first) = &found.first {
        text.push_str(&format!("\nFirst difference: {} {}\n\n", key_name(found), first.key));
        let mut table = terminal::table(&["", key_name(found)]);
        let mut head = vec![String::new(), key_name(found).to_owned()];
        head.extend(first.cells.iter().map(|(name, _, _)| name.clone()));
        table.set_header(head);
        let at = found.pairs.iter().position(|(_, row, _)| *row == first.row_a).unwrap_or(0);
        for (key, row_a, row_b) in &found.pairs[at.saturating_sub(CONTEXT)..=at] {
            for (which, t, row) in [("A", a, *row_a), ("B", b, *row_b)] {
                let mut line = vec![which.to_owned(), key.to_string()];
                line.extend(
                    first
                        .cells
                        .iter()
                        .map(|(name, _, _)| t.int(row, name).map_or_else(String::new, |v| v.to_string())),
                );
                table.add_row(line);
            }
        }
        text.push_str(&terminal::table_text(&table));
    }
    if !off.is_empty() {
        let mut table = terminal::table(&["column", "rows", "beyond tolerance", "largest distance", "at"]);
        for c in off {
            table.add_row([
                c.name.clone(),
                c.compared.to_string(),
                c.differ.to_string(),
                c.largest.to_string(),
                c.largest_at.to_string(),
            ]);
        }
        text.push_str(&format!("\n{}", terminal::table_text(&table)));
    }
    text
}

fn key_name(found: &Comparison) -> &str {
    if found.by.is_empty() { "row" } else { &found.by }
}

/// The columns that are off most often, or those that charts show if nothing is off.
fn overlay(args: &Args, a: &TraceTable, b: &TraceTable, found: &Comparison) -> Result<Overlay, String> {
    const USUAL: [&str; 5] = ["skmem_r", "recv_q", "rcv_win", "rcv_ssthresh", "skmem_rb"];
    let mut columns: Vec<_> = found.columns.iter().filter(|c| c.compared > 0).collect();
    columns.sort_by_key(|c| {
        let usual = USUAL.iter().position(|u| *u == c.name).unwrap_or(USUAL.len());
        (!args.columns.contains(&c.name), usual, std::cmp::Reverse(c.differ))
    });
    let points = |t: &TraceTable, name: &str, second: bool| -> Vec<(i64, i64)> {
        let pair = |(key, row_a, row_b): &(i64, usize, usize)| {
            t.int(if second { *row_b } else { *row_a }, name).map(|v| (*key, v))
        };
        found.pairs.iter().filter_map(pair).collect()
    };
    let panels = columns
        .iter()
        .take(MAX_PANELS)
        .map(|c| Panel {
            title: c.name.clone(),
            first: points(a, &c.name, false),
            second: points(b, &c.name, true),
        })
        .collect();
    let settings = ChartSettings {
        title: format!("{} and {}", args.a, args.b),
        settings: vec![found.first.as_ref().map_or_else(
            || "no difference".to_owned(),
            |f| format!("first difference: {} {}", key_name(found), f.key),
        )],
        ..ChartSettings::default()
    };
    let names = [args.a.clone(), args.b.clone()];
    let mark = found.first.as_ref().map(|f| f.key);
    Overlay::from(panels, names, key_name(found).to_owned(), mark, settings).map_err(|e| e.to_string())
}
