//! `skmem run`: scenarios in, reports and folders out.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use plots::{Picture as _, TerminalStyle, terminal_chart};
use rayon::prelude::*;
use results::csv_write::{write_acks, write_reads, write_trace, write_tx};
use results::flows::{FlowFigures, flows_table, write_flows};
use results::hosts::HostReport;
use results::record::TraceRow;
use results::report::{ReportOptions, report};
use results::{ColumnSet, OutputDir, Trace};
use scenarios::{Outcome, check_unique_names};
use sim_core::config::Congestion;

use crate::claims::Claims;
use crate::failure::{Failure, csv_failure, write_failure};
use crate::input::{self, Changes, Named};
use crate::side_by_side::{self, Member};
use crate::simulate::{self, Keep, Run};
use crate::terminal;

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum TraceFormat {
    /// trace.csv, acks.csv, tx.csv and reads.csv
    Csv,
    /// No trace: only measures are kept, in constant memory, and nothing is drawn unless --plot asks for it
    None,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum PlotFormat {
    /// chart.png
    Png,
    /// chart.svg
    Svg,
    /// No chart
    None,
}

/// Arguments of `run`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Without -o a report and a small chart are printed and nothing is written. With -o DIR the folder is filled under a \
temporary name and renamed when it is complete; a folder that exists is never overwritten. It holds trace.csv (one \
line per segment that reached the receiving socket), acks.csv, tx.csv, reads.csv, summary.json, sockstat.txt (sockets and \
memory of both hosts; dmesg.txt if their kernels logged anything), chart.png and chart.svg; of several flows also flows.csv, one line each, and the trace is that of the first. Several scenarios get a folder each below DIR. A scenario with several `kernels` is run on each: one line \
per kernel and a table of all, and below DIR one more folder with a chart that lays them side by side.

A scenario that does not show what its `expect` says ends with exit code 1. Where --set, --kernel or --seed change \
the run, its expectations are shown but not held against it; those given with --set expect.NAME=VALUE are.")]
pub(crate) struct Args {
    /// Files, or names from `skmem list`; of a plan the base is run
    #[arg(required = true, value_name = "SCENARIO")]
    scenarios: Vec<String>,
    /// Write the results to this folder, which must not exist yet
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// What to write of the trace
    #[arg(long, value_enum, default_value = "csv", value_name = "FORMAT")]
    trace: TraceFormat,
    /// Columns of the trace: standard, all, or names of columns of trace.csv separated by commas
    #[arg(long, default_value = "standard", value_name = "COLUMNS")]
    columns: String,
    /// Which charts to write; both PNG and SVG unless one is named
    #[arg(long, value_enum, value_name = "FORMAT")]
    plot: Option<PlotFormat>,
    #[command(flatten)]
    changes: Changes,
    /// Print summary.json instead of the report, one document per scenario
    #[arg(long)]
    json: bool,
    /// Print one line per scenario instead of the report and the chart
    #[arg(long, conflicts_with = "json")]
    quiet: bool,
}

impl Args {
    /// A trace is needed to be written, or for a chart that is asked for.
    fn keep(&self) -> Keep {
        let drawn = matches!(self.plot, Some(PlotFormat::Png | PlotFormat::Svg));
        if self.trace == TraceFormat::Csv || drawn { Keep::Trace } else { Keep::Measures }
    }
}

/// A scenario that was run: what to print, and what its expectations came to.
struct Finished {
    text: String,
    /// What to say on stderr where the report is not printed.
    notes: Vec<String>,
    fell_short: bool,
    /// Whether the text is a single line: the run is one of several that are compared.
    brief: bool,
    /// What the comparison of several kernels needs.
    member: Option<Member>,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let columns = ColumnSet::parse(&args.columns);
    columns.resolve::<TraceRow>().map_err(|e| Failure::BadInput(format!("--columns: {e}")))?;
    let named = input::scenarios(&args.scenarios, &args.changes)?;
    check_unique_names(named.iter().map(|n| (n.from.as_str(), &n.scenario))).map_err(Failure::BadInput)?;
    let mut targets = args.output.as_deref().map(|dir| input::folders(dir, &named)).unwrap_or_default();
    let families = side_by_side::families(&named);
    targets.extend(args.output.iter().flat_map(|dir| families.iter().map(move |family| dir.join(family))));
    let claims = Claims::new(&targets)?;

    let work = |(at, named): (usize, &Named)| {
        let run = simulate::run(&named.scenario, args.keep()).map_err(Failure::FellShort)?;
        if args.output.is_some() {
            let files = Files::draw(named, &run, args, &columns)?;
            claims.fill(at, |dir| files.write(dir))?;
        }
        finished(named, &run, args)
    };
    let results: Vec<Result<Finished, Failure>> = named.par_iter().enumerate().map(work).collect();
    let compared = if args.json { Vec::new() } else { compare(&families, &named, &results, &claims, args)? };
    drop(claims);
    print(&named, results, &compared, args, &targets)
}

/// The tables of the scenarios with several kernels; where something is written, the charts too.
fn compare(
    families: &[String],
    named: &[Named],
    results: &[Result<Finished, Failure>],
    claims: &Claims,
    args: &Args,
) -> Result<Vec<String>, Failure> {
    let mut tables = Vec::new();
    for (at, family) in families.iter().enumerate() {
        let of_family = named.iter().zip(results).filter(|(n, _)| n.scenario.family.as_ref() == Some(family));
        let (scenarios, runs): (Vec<_>, Vec<_>) = of_family.unzip();
        let members: Vec<&Member> =
            runs.into_iter().filter_map(|r| r.as_ref().ok()?.member.as_ref()).collect();
        let text = side_by_side::table(family, &members);
        if args.output.is_some()
            && let Some(like) = scenarios.first()
            && !members.is_empty()
        {
            let failed = |e: String| Failure::FellShort(format!("{family}: {e}"));
            let chart = side_by_side::chart(family, &like.scenario, &members).map_err(Failure::FellShort)?;
            let png = chart.png().map_err(|e| failed(e.to_string()))?;
            let svg = chart.svg().map_err(|e| failed(e.to_string()))?;
            claims.fill(named.len() + at, |dir| {
                bytes(dir, "table.txt", text.as_bytes())?;
                if args.plot.is_none_or(|p| p == PlotFormat::Png) {
                    bytes(dir, "side-by-side.png", &png)?;
                }
                if args.plot.is_none_or(|p| p == PlotFormat::Svg) {
                    bytes(dir, "side-by-side.svg", svg.as_bytes())?;
                }
                Ok(())
            })?;
        }
        tables.push(text);
    }
    Ok(tables)
}

/// Prints everything in the order of the scenarios; a failed one does not hide the others.
fn print(
    named: &[Named],
    results: Vec<Result<Finished, Failure>>,
    compared: &[String],
    args: &Args,
    targets: &[PathBuf],
) -> Result<(), Failure> {
    let mut short = Vec::new();
    let mut failed = None;
    for (at, (named, result)) in named.iter().zip(results).enumerate() {
        match result {
            Ok(done) => {
                let gap = if at > 0 && !args.json && !args.quiet && !done.brief { "\n" } else { "" };
                terminal::data(&format!("{gap}{}", done.text))?;
                done.notes.iter().for_each(|n| terminal::note(n));
                if let Some(dir) = targets.get(at).filter(|_| !args.quiet) {
                    terminal::note(&format!("written to {}", dir.display()));
                }
                if done.fell_short {
                    short.push(named.scenario.name.as_str());
                }
            }
            // The last failure becomes the end of the command, those before it are said here.
            Err(failure) => {
                if let Some(earlier) = failed.replace(failure) {
                    let _ = earlier.report();
                }
            }
        }
    }
    for (at, table) in compared.iter().enumerate() {
        terminal::data(&format!("\n{table}"))?;
        if let Some(dir) = targets.get(named.len() + at).filter(|_| !args.quiet) {
            terminal::note(&format!("written to {}", dir.display()));
        }
    }
    match (failed, short.is_empty()) {
        (Some(failure), _) => Err(failure),
        (None, true) => Ok(()),
        (None, false) => {
            Err(Failure::FellShort(format!("{} fell short of what `expect` says", short.join(", "))))
        }
    }
}

fn finished(named: &Named, run: &Run, args: &Args) -> Result<Finished, Failure> {
    let outcomes = run.outcomes(&named.scenario);
    let binding = |o: &Outcome<'_>| !args.changes.change_the_run() || o.expectation.file == "--set";
    let missed = |o: &&Outcome<'_>| !o.passed();
    let fell_short = outcomes.iter().filter(missed).any(binding);
    let expectations = expectation_lines(&outcomes, binding);
    let brief = named.scenario.family.is_some();
    let mut notes = Vec::new();
    let text = if args.json {
        let json = run.summary.to_json();
        json.map_err(|e| Failure::FellShort(format!("{}: summary.json: {e}", named.scenario.name)))?
    } else if args.quiet || brief {
        one_line(run, &outcomes, binding)
    } else {
        let mut text = report(&run.measured, &run.summary, &report_options(named));
        if run.flows.len() > 1 {
            let end = run.summary.end_ns;
            text.push_str(&format!("\n{}", flows_table(&run.flows, end)));
            text.push_str(
                "The socket, the answers and the chart are those of flow 0, the counters those of all.\n\n",
            );
        }
        if !run.hosts.brief.is_empty() {
            text.push_str(&format!("Host memory (/proc/net/sockstat)\n{}\n", run.hosts.brief));
        }
        text.push_str(&expectations);
        let style = TerminalStyle {
            width: terminal::width().min(100),
            color: terminal::stdout_colored(),
            ..TerminalStyle::default()
        };
        if run.trace.is_some() {
            text.push('\n');
            text.push_str(&terminal_chart(&run.chart_rows(), &style));
        }
        text
    };
    if args.json || args.quiet || brief {
        notes.extend(named.scenario.warnings.iter().map(ToString::to_string));
        if fell_short {
            notes.push(format!("{}: {}", named.scenario.name, expectations.trim_end()));
        }
    }
    let member = brief.then(|| Member {
        kernel: named.scenario.kernel().to_owned(),
        summary: run.summary.clone(),
        rows: run.chart_rows(),
    });
    Ok(Finished { text, notes, fell_short, brief, member })
}

fn report_options(named: &Named) -> ReportOptions {
    let c = &named.scenario.config;
    let congestion = match c.receiver.congestion {
        Congestion::Reno => "reno",
        Congestion::Cubic => "cubic",
    };
    ReportOptions {
        width: terminal::width(),
        hz: c.host.hz,
        congestion: Some(congestion),
        ..ReportOptions::default()
    }
}

/// Columns of the labels of a report.
const LABEL: usize = 23;

/// How many expectations were met, and every one that was not with its place.
fn expectation_lines(outcomes: &[Outcome<'_>], binding: impl Fn(&Outcome<'_>) -> bool) -> String {
    if outcomes.is_empty() {
        return String::new();
    }
    let met = outcomes.iter().filter(|o| o.passed()).count();
    let unbound = outcomes.iter().any(|o| !o.passed() && !binding(o));
    let why = if unbound { "; not held against a run that the command line changed" } else { "" };
    let mut text = format!("{:<LABEL$}{met} of {} met{why}\n", "Expectations", outcomes.len());
    for o in outcomes.iter().filter(|o| !o.passed()) {
        let e = o.expectation;
        let place = if binding(o) { format!(" ({}:{}:{})", e.file, e.line, e.column) } else { String::new() };
        text.push_str(&format!("{:<LABEL$}{o}{place}\n", ""));
    }
    text
}

fn one_line(run: &Run, outcomes: &[Outcome<'_>], binding: impl Fn(&Outcome<'_>) -> bool) -> String {
    let s = &run.summary;
    let bound: Vec<bool> = outcomes.iter().filter(|o| binding(o)).map(Outcome::passed).collect();
    let met = bound.iter().filter(|met| **met).count();
    let expected = match bound.len() {
        0 => String::new(),
        n => format!("; {met} of {} met", terminal::count(n, "expectation")),
    };
    let m = &run.measured;
    let digest = s.digest.as_ref().map(|d| format!("; digest {d}")).unwrap_or_default();
    format!("{}: {} bytes fitted, {} dropped{expected}{digest}\n", s.scenario, m.fitted(), m.dropped())
}

/// What a folder will hold, the pictures drawn already: a folder is locked only while it is written.
struct Files<'a> {
    trace: Option<(&'a Trace, &'a ColumnSet)>,
    flows: &'a [FlowFigures],
    hosts: &'a HostReport,
    summary: String,
    png: Option<Vec<u8>>,
    svg: Option<String>,
}

impl<'a> Files<'a> {
    fn draw(named: &Named, run: &'a Run, args: &Args, columns: &'a ColumnSet) -> Result<Self, Failure> {
        let failed = |e: String| Failure::FellShort(format!("{}: {e}", named.scenario.name));
        let wanted = |format| args.plot.is_none_or(|p| p == format);
        let (mut png, mut svg) = (None, None);
        if args.plot != Some(PlotFormat::None) && run.trace.is_some() {
            let chart = simulate::chart(&named.scenario, run.chart_rows()).map_err(Failure::FellShort)?;
            if wanted(PlotFormat::Png) {
                png = Some(chart.png().map_err(|e| failed(e.to_string()))?);
            }
            if wanted(PlotFormat::Svg) {
                svg = Some(chart.svg().map_err(|e| failed(e.to_string()))?);
            }
        }
        Ok(Self {
            flows: &run.flows,
            hosts: &run.hosts,
            trace: run.trace.as_ref().filter(|_| args.trace == TraceFormat::Csv).map(|t| (t, columns)),
            summary: run.summary.to_json().map_err(|e| failed(e.to_string()))?,
            png,
            svg,
        })
    }

    fn write(&self, dir: &OutputDir) -> Result<(), Failure> {
        if let Some((trace, columns)) = self.trace {
            // Names are those of trace.csv; the other files have columns of their own.
            let others = if *columns == ColumnSet::All { ColumnSet::All } else { ColumnSet::Standard };
            dir.file("trace.csv", |f| write_trace(f, trace, columns).map_err(csv_failure("trace.csv")))?;
            dir.file("acks.csv", |f| write_acks(f, trace, &others).map_err(csv_failure("acks.csv")))?;
            dir.file("tx.csv", |f| write_tx(f, trace, &others).map_err(csv_failure("tx.csv")))?;
            dir.file("reads.csv", |f| write_reads(f, trace, &others).map_err(csv_failure("reads.csv")))?;
        }
        if self.flows.len() > 1 {
            dir.file("flows.csv", |f| write_flows(f, self.flows).map_err(write_failure("flows.csv")))?;
        }
        bytes(dir, "summary.json", self.summary.as_bytes())?;
        for (name, text) in [("sockstat.txt", &self.hosts.sockstat), ("dmesg.txt", &self.hosts.dmesg)] {
            if !text.is_empty() {
                bytes(dir, name, text.as_bytes())?;
            }
        }
        if let Some(png) = &self.png {
            bytes(dir, "chart.png", png)?;
        }
        if let Some(svg) = &self.svg {
            bytes(dir, "chart.svg", svg.as_bytes())?;
        }
        Ok(())
    }
}

fn bytes(dir: &OutputDir, name: &str, content: &[u8]) -> Result<(), Failure> {
    let shown = Path::new(name).display().to_string();
    dir.file(name, |f| f.write_all(content).map_err(write_failure(&shown)))
}
