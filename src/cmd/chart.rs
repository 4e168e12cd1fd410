//! `skmem chart`: the figures of a finished sweep as pictures.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use plots::ChartSettings;
use results::output::write_file;
use scenarios::{DEFAULT_SIZE_LIMIT, load_file};
use sweeps::{ChartKind, ChartSpec, Frame, Plan, default_charts, files};

use crate::failure::{Failure, write_failure};
use crate::{sweep_charts, terminal};

/// Arguments of `chart`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Without --lines, --heat ... the charts are those that the plan asks for, or as many as its axes and measures need. For example:
  skmem sweep rcvbuf-x-rtt -o rows && skmem chart rows
  skmem chart rows --heat goodput --x path.rtt --y rx.SO_RCVBUFFORCE -o heat.svg
  skmem chart rows --pareto 'max goodput,min peak.skmem_r' -o front.png
  skmem chart all.csv --lines fitted --color kernel --at tx.TCP_MAXSEG=1448 -o fitted.png")]
pub(crate) struct Args {
    /// The folder of a sweep, or a CSV file of rows that was merged
    #[arg(value_name = "DIR|ROWS.csv")]
    rows: PathBuf,
    /// A measure against one axis, a line for each value of another
    #[arg(long, value_name = "MEASURE", group = "kind")]
    lines: Option<String>,
    /// A measure as colours over two axes
    #[arg(long, value_name = "MEASURE", group = "kind")]
    heat: Option<String>,
    /// All repetitions, with mean and 95 % interval, for each value of an axis
    #[arg(long, value_name = "MEASURE", group = "kind")]
    distribution: Option<String>,
    /// Every point against one axis
    #[arg(long, value_name = "MEASURE", group = "kind")]
    points: Option<String>,
    /// Two measures, each with `max` or `min` before it: which points does no other beat in both?
    #[arg(long, value_name = "MEASURES", value_delimiter = ',', group = "kind")]
    pareto: Vec<String>,
    /// The axis across; chosen unless given, as are the others
    #[arg(long, value_name = "AXIS", requires = "kind")]
    x: Option<String>,
    /// The axis of the lines, or the upper one of a heat map
    #[arg(long, visible_alias = "y", value_name = "AXIS", requires = "kind")]
    color: Option<String>,
    /// A panel for each value of these
    #[arg(long, value_name = "AXIS", value_delimiter = ',', requires = "kind")]
    panels: Vec<String>,
    /// Of a front: a point counts by its worst over these
    #[arg(long, value_name = "AXIS", value_delimiter = ',', requires = "kind")]
    over: Vec<String>,
    /// Only the points with this value of an axis; may be given several times
    #[arg(long, value_name = "AXIS=VALUE", requires = "kind")]
    at: Vec<String>,
    /// A file that ends in .png or .svg for one chart, or a folder; `charts` in the folder of the sweep unless given
    #[arg(short, long, value_name = "FILE|DIR")]
    output: Option<PathBuf>,
    /// Width of the picture in pixels
    #[arg(long, default_value_t = ChartSettings::default().width, value_name = "PIXELS")]
    width: u32,
    /// Height of the picture in pixels
    #[arg(long, default_value_t = ChartSettings::default().height, value_name = "PIXELS")]
    height: u32,
}

/// Name of the folder of charts in that of a sweep.
const FOLDER: &str = "charts";

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let asked = asked(args).map_err(Failure::BadInput)?;
    let frame = Frame::read(&args.rows).map_err(Failure::BadInput)?;
    let specs = match asked {
        Some(one) => vec![one],
        None => chosen(&frame, &args.rows),
    };
    if specs.is_empty() {
        return Err(Failure::BadInput(format!(
            "{}: there is nothing to draw, as no axis has more than one value",
            args.rows.display()
        )));
    }
    let folder = || match &args.output {
        Some(folder) => Ok(folder.clone()),
        None if args.rows.is_dir() => Ok(args.rows.join(FOLDER)),
        None => Err(Failure::BadInput("say where to draw to with -o".to_owned())),
    };
    let single = args.output.as_deref().and_then(|p| Some((p, p.extension()?.to_str()?)));
    if let Some((path, ending)) = single.filter(|(p, _)| !p.is_dir()) {
        let svg = match ending {
            "svg" => true,
            "png" => false,
            _ => {
                return Err(Failure::BadInput(format!(
                    "{} ends neither in .png nor in .svg",
                    path.display()
                )));
            }
        };
        let [spec] = specs.as_slice() else {
            return Err(Failure::BadInput(format!(
                "{} cannot go to one file; name a folder with -o, or say which chart",
                terminal::count(specs.len(), "chart")
            )));
        };
        let drawn = sweep_charts::draw(&frame, spec, (args.width, args.height)).map_err(Failure::BadInput)?;
        let picture = drawn.bytes(svg).map_err(|e| Failure::BadInput(e.to_string()))?;
        write(path, &picture)?;
        terminal::note(&format!("written to {}", path.display()));
        return Ok(());
    }
    let folder = folder()?;
    let n = write_all(&frame, &specs, &folder, (args.width, args.height))?;
    terminal::note(&format!("{} written to {}", terminal::count(n, "chart"), folder.display()));
    Ok(())
}

/// The charts of the folder of a finished sweep; returns how many.
///
/// # Errors
/// What of it cannot be read, drawn or written.
pub(crate) fn of_sweep(plan: &Plan, dir: &Path) -> Result<usize, Failure> {
    let frame = Frame::read(dir).map_err(Failure::FellShort)?;
    let specs = if plan.charts.is_empty() { default_charts(&frame) } else { plan.charts.clone() };
    let size = ChartSettings::default();
    write_all(&frame, &specs, &dir.join(FOLDER), (size.width, size.height))
}

/// Every chart as PNG and SVG.
fn write_all(frame: &Frame, specs: &[ChartSpec], folder: &Path, size: (u32, u32)) -> Result<usize, Failure> {
    if specs.is_empty() {
        return Ok(0);
    }
    let shown = folder.display().to_string();
    std::fs::create_dir_all(folder).map_err(write_failure(&shown))?;
    for (spec, name) in specs.iter().zip(files(specs)) {
        let drawn =
            sweep_charts::draw(frame, spec, size).map_err(|e| Failure::BadInput(format!("{name}: {e}")))?;
        for (svg, ending) in [(true, "svg"), (false, "png")] {
            let picture = drawn.bytes(svg).map_err(|e| Failure::BadInput(e.to_string()))?;
            write(&folder.join(format!("{name}.{ending}")), &picture)?;
        }
    }
    Ok(specs.len())
}

fn write(path: &Path, picture: &[u8]) -> Result<(), Failure> {
    let shown = path.display().to_string();
    if let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(write_failure(&shown))?;
    }
    write_file(path, |f| f.write_all(picture).map_err(write_failure(&shown)))
}

/// The chart that the arguments describe.
fn asked(args: &Args) -> Result<Option<ChartSpec>, String> {
    let one = [
        (ChartKind::Lines, &args.lines),
        (ChartKind::Heat, &args.heat),
        (ChartKind::Distribution, &args.distribution),
        (ChartKind::Points, &args.points),
    ];
    let one = one.into_iter().find_map(|(kind, name)| Some((kind, vec![name.as_deref()?])));
    let two = (!args.pareto.is_empty())
        .then(|| (ChartKind::Pareto, args.pareto.iter().map(String::as_str).collect()));
    let Some((kind, words)) = one.or(two) else { return Ok(None) };
    let mut spec = ChartSpec::new(kind, &words)?;
    spec.x.clone_from(&args.x);
    spec.color.clone_from(&args.color);
    spec.panels.clone_from(&args.panels);
    spec.over.clone_from(&args.over);
    for text in &args.at {
        let Some((axis, value)) = text.split_once('=') else {
            return Err(format!("--at {text}: expected AXIS=VALUE, such as kernel=6.1"));
        };
        spec.at.push((axis.trim().to_owned(), value.trim().to_owned()));
    }
    Ok(Some(spec))
}

/// What the plan in the folder asks for, or what its axes need.
fn chosen(frame: &Frame, rows: &Path) -> Vec<ChartSpec> {
    let read = |name: &str| load_file(&rows.join(name), DEFAULT_SIZE_LIMIT).map_err(|e| e.to_string());
    let plan = read("plan.yaml").ok().and_then(|text| Plan::read(&text, &|_| read("base.yaml")).ok());
    let asked = plan.map(|p| p.charts).unwrap_or_default();
    if asked.is_empty() { default_charts(frame) } else { asked }
}
