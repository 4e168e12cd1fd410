//! `skmem plot`: traces and recordings that were written before, as charts.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use plots::{Chart, ChartRow, ChartSettings, Picture as _, TerminalStyle, rows_from_table, terminal_chart};
use results::output::write_file;
use results::{Summary, TraceTable};

use crate::failure::{Failure, write_failure};
use crate::terminal;

/// Arguments of `plot`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A trace is a trace.csv, or the rows of a recording of a real kernel. One trace goes to FILE.png or FILE.svg; several \
go to a folder, one PNG each. Without -o the charts are drawn in the terminal.")]
pub(crate) struct Args {
    /// Traces
    #[arg(required = true, value_name = "TRACE.csv")]
    traces: Vec<PathBuf>,
    /// Where to: a file that ends in .png or .svg, or a folder for several traces
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Width of the picture in pixels
    #[arg(long, default_value_t = ChartSettings::default().width, value_name = "PIXELS")]
    width: u32,
    /// Height of the picture in pixels
    #[arg(long, default_value_t = ChartSettings::default().height, value_name = "PIXELS")]
    height: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Png,
    Svg,
}

impl Format {
    fn of(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?;
        match extension.to_ascii_lowercase().as_str() {
            "png" => Some(Self::Png),
            "svg" => Some(Self::Svg),
            _ => None,
        }
    }
}

/// One trace, read.
struct Drawn {
    name: String,
    settings: Vec<String>,
    rows: Vec<ChartRow>,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let targets = targets(args)?;
    let mut drawn = Vec::new();
    for path in &args.traces {
        drawn.push(read(path)?);
    }
    let Some(targets) = targets else { return print(&drawn) };
    let mut pictures = Vec::new();
    for (d, (_, format)) in drawn.into_iter().zip(&targets) {
        let settings =
            ChartSettings { title: d.name, settings: d.settings, width: args.width, height: args.height };
        let chart = Chart::from(d.rows, settings).map_err(|e| Failure::BadInput(e.to_string()))?;
        let picture = chart.bytes(*format == Format::Svg);
        pictures.push(picture.map_err(|e| Failure::FellShort(e.to_string()))?);
    }
    for ((path, _), picture) in targets.iter().zip(pictures) {
        if let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
            let shown = folder.display().to_string();
            std::fs::create_dir_all(folder).map_err(write_failure(&shown))?;
        }
        let shown = path.display().to_string();
        write_file(path, |f| f.write_all(&picture).map_err(write_failure(&shown)))?;
        terminal::note(&format!("written to {shown}"));
    }
    Ok(())
}

/// Where each trace's chart goes; `None` for the terminal.
fn targets(args: &Args) -> Result<Option<Vec<(PathBuf, Format)>>, Failure> {
    let Some(output) = &args.output else { return Ok(None) };
    let shown = output.display();
    match (Format::of(output), args.traces.as_slice()) {
        (Some(format), [_]) => Ok(Some(vec![(output.clone(), format)])),
        (Some(_), many) => Err(Failure::BadInput(format!(
            "{} cannot share the file {shown}; name a folder with -o",
            terminal::count(many.len(), "trace")
        ))),
        (None, _) if output.extension().is_some() && !output.is_dir() => {
            Err(Failure::BadInput(format!("{shown} is neither .png nor .svg, and not a folder")))
        }
        (None, traces) => {
            let mut seen = BTreeMap::new();
            for path in traces {
                let name = name_of(path);
                if let Some(first) = seen.insert(name.clone(), path) {
                    return Err(Failure::BadInput(format!(
                        "{} and {} would both become {name}.png; draw them apart",
                        first.display(),
                        path.display()
                    )));
                }
            }
            Ok(Some(
                traces.iter().map(|p| (output.join(format!("{}.png", name_of(p))), Format::Png)).collect(),
            ))
        }
    }
}

/// What a trace is called: `out/overrun/trace.csv` is `overrun`, `a_overrun.csv` is `a_overrun`.
fn name_of(path: &Path) -> String {
    let text = |s: Option<&std::ffi::OsStr>| s.map(|s| s.to_string_lossy().into_owned());
    let stem = text(path.file_stem()).unwrap_or_default();
    if stem != "trace" {
        return stem;
    }
    text(path.parent().and_then(Path::file_name)).unwrap_or(stem)
}

fn read(path: &Path) -> Result<Drawn, Failure> {
    let bad = |e: results::ReadError| Failure::BadInput(e.to_string());
    let table = TraceTable::open(path).map_err(bad)?;
    let rows = rows_from_table(&table).map_err(bad)?;
    let mut drawn = Drawn { name: name_of(path), settings: Vec::new(), rows };
    // The summary beside a trace knows what was run; a trace alone is drawn all the same.
    let summary = std::fs::read_to_string(path.with_file_name("summary.json")).ok();
    if let Some(s) = summary.and_then(|text| Summary::from_json(&text).ok()) {
        drawn.name = s.scenario;
        drawn.settings = vec![format!("kernel {}", s.kernel), format!("seed {}", s.seed)];
    }
    Ok(drawn)
}

fn print(drawn: &[Drawn]) -> Result<(), Failure> {
    let style = TerminalStyle {
        width: terminal::width().min(100),
        color: terminal::stdout_colored(),
        ..TerminalStyle::default()
    };
    let mut text = String::new();
    for (at, d) in drawn.iter().enumerate() {
        let gap = if at > 0 { "\n" } else { "" };
        text.push_str(&format!("{gap}{}\n\n{}", d.name, terminal_chart(&d.rows, &style)));
    }
    terminal::data(&text)
}
