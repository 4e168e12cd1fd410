//! `skmem tune`: the settings that serve best, and how to put them into effect.

use std::io::Write as _;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use plots::Picture as _;
use sweeps::{advice, candidates_csv, search, shortfall, tune_warnings};

use crate::claims::{self, Claims};
use crate::failure::{Failure, write_failure};
use crate::{plan_input, terminal, tune_chart};

/// Arguments of `tune`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The plan's `tune:` says what to maximize or minimize, what must hold, and under which conditions; its axes are the \
settings to choose. A coarse grid is run, then finer ones around the best. Plans that come with the program: \
tcp-rmem-wan, low-latency-messaging. Exit code 1 if no candidate keeps the constraints.")]
pub(crate) struct Args {
    /// The plan
    #[arg(value_name = "PLAN")]
    plan: String,
    /// Write the answer, the sysctl.d fragment, all candidates and a chart for each setting to this folder, which must not exist yet
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Threads; as many as there are processors unless given
    #[arg(short = 'j', long, value_name = "N")]
    threads: Option<NonZeroUsize>,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let plan = plan_input::plan(&args.plan)?.plan;
    let Some(tune) = &plan.tune else {
        return Err(Failure::BadInput(format!(
            "{} has no `tune`: add one, such as tune: {{maximize: p05(goodput), subject_to: {{peak.skmem_r: \"<= 4MiB\"}}}}",
            args.plan
        )));
    };
    tune_warnings(&plan, tune).iter().for_each(|w| terminal::note(&format!("warning: {w}")));
    let claims = Claims::new(args.output.as_slice())?;
    let stop = claims::stop_on_interrupt();
    let all = || std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let found = search(&plan, tune, args.threads.map_or_else(all, NonZeroUsize::get), stop);
    if stop.load(Ordering::Relaxed) {
        return Err(Failure::Interrupted);
    }
    let Some(answer) = advice(&plan, tune, &found) else {
        let first = found.tried.iter().find_map(|c| c.error.as_ref());
        let why = first.map_or_else(String::new, |e| format!("; the first error: {e}"));
        let tried = terminal::count(found.tried.len(), "candidate");
        let near: String = shortfall(&plan, tune, &found).iter().map(|line| format!("\n  {line}")).collect();
        return Err(Failure::FellShort(format!("none of {tried} keeps all constraints{why}{near}")));
    };
    if args.output.is_some() {
        let mut files = vec![
            ("answer.txt".to_owned(), answer.text.clone().into_bytes()),
            ("candidates.csv".to_owned(), candidates_csv(&plan, tune, &found).into_bytes()),
        ];
        files.extend(answer.sysctl.iter().map(|(name, text)| (name.clone(), text.clone().into_bytes())));
        for (axis, chart) in tune_chart::charts(&plan, tune, &found).map_err(Failure::FellShort)? {
            let failed = |e: plots::ChartError| Failure::FellShort(e.to_string());
            files.push((format!("{axis}.svg"), chart.svg().map_err(failed)?.into_bytes()));
            files.push((format!("{axis}.png"), chart.png().map_err(failed)?));
        }
        claims.fill(0, |dir| {
            for (name, text) in &files {
                dir.file(name, |f| f.write_all(text).map_err(write_failure(name)))?;
            }
            Ok(())
        })?;
    }
    terminal::data(&answer.text)
}
