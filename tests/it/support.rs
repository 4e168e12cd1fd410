//! Running the command, and running a scenario through the libraries.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use results::flows::FlowFigures;
use results::surroundings::Surround;
use results::{Measured, Meter, RunInfo, Setup, Summary, Trace, TraceRecorder};
use scenarios::{Overrides, Scenario, Source, gallery, gallery_text, resolve, resolve_all};
use sim_core::counters::Counters;
use sim_core::engine::{self, RunOutcome};
use sim_core::inject::{InjectionOutcome, run_injection};
use sim_core::observer::{Observer, Stepwise};

/// What a command came to.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// Fails with everything that was printed unless the exit code is `code`.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    /// Fails unless stderr holds every one of `texts`.
    #[track_caller]
    pub(crate) fn says(self, texts: &[&str]) -> Self {
        for t in texts {
            assert!(self.err.contains(t), "`{t}` is not in stderr:\n{}", self.err);
        }
        self
    }
}

/// The command, in the folder `dir`, without a terminal.
pub(crate) fn command(dir: &Path, args: &[&str]) -> Command {
    let mut c = Command::new(env!("CARGO_BIN_EXE_skmem"));
    c.current_dir(dir).args(args).stdin(Stdio::null()).env_remove("RAYON_NUM_THREADS");
    c
}

pub(crate) fn ran(output: Output) -> Ran {
    Ran {
        code: output.status.code().expect("the command was killed"),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

pub(crate) fn skmem_in(dir: &Path, args: &[&str]) -> Ran {
    ran(command(dir, args).output().unwrap())
}

/// The command in the folder of the project.
pub(crate) fn skmem(args: &[&str]) -> Ran {
    skmem_in(Path::new(env!("CARGO_MANIFEST_DIR")), args)
}

/// Names of everything below `dir`, sorted, folders with a `/` at the end.
pub(crate) fn listing(dir: &Path) -> Vec<String> {
    fn walk(root: &Path, dir: &Path, out: &mut Vec<String>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                out.push(format!("{name}/"));
                walk(root, &path, out);
            } else {
                out.push(name);
            }
        }
    }
    let mut out = Vec::new();
    walk(dir, dir, &mut out);
    out.sort();
    out
}

/// A gallery scenario, on another kernel if one is named.
pub(crate) fn gallery_scenario(name: &str, kernel: Option<&str>) -> Scenario {
    let source = Source::new(name, gallery_text(name).unwrap());
    let overrides = Overrides { kernel: kernel.map(str::to_owned), ..Overrides::default() };
    resolve(&source, &overrides).unwrap()
}

/// Every scenario of the gallery, on each of its kernels.
pub(crate) fn whole_gallery() -> Vec<Scenario> {
    let resolved = gallery()
        .iter()
        .map(|(name, text)| resolve_all(&Source::new(*name, *text), &Overrides::default()).unwrap());
    resolved.flatten().collect()
}

/// How a run ended.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Ended {
    /// Both ends were simulated.
    Engine(Box<RunOutcome>),
    /// The receiver alone.
    Injected(Box<InjectionOutcome>),
}

/// Runs a scenario under an observer.
pub(crate) fn run_under<O: Observer>(scenario: &Scenario, obs: &mut O) -> Ended {
    match &scenario.inject {
        None => Ended::Engine(Box::new(engine::run(&scenario.config, obs).unwrap())),
        Some(plan) => Ended::Injected(Box::new(run_injection(&scenario.config, plan, obs).unwrap())),
    }
}

/// Runs a scenario with everything recorded.
pub(crate) fn simulate(scenario: &Scenario) -> (Ended, Trace, Summary) {
    recorded(scenario, run_under)
}

/// The same, every step taken by itself.
pub(crate) fn simulate_stepwise(scenario: &Scenario) -> (Ended, Trace, Summary) {
    recorded(scenario, |s, recorder| run_under(s, &mut Stepwise(recorder)))
}

fn recorded(
    scenario: &Scenario,
    run: impl FnOnce(&Scenario, &mut TraceRecorder) -> Ended,
) -> (Ended, Trace, Summary) {
    let setup = match &scenario.inject {
        None => Setup::of(&scenario.config),
        Some(_) => Setup::of_path(&scenario.config),
    };
    let mut recorder = TraceRecorder::new(setup);
    let ended = run(scenario, &mut recorder);
    let trace = match &ended {
        Ended::Engine(o) => recorder.finish(o.ended, &o.receiver, &o.receiver_counters, &o.sender_counters),
        Ended::Injected(o) => recorder.finish(o.ended, &o.receiver, &o.counters, &Counters::default()),
    };
    let trace = trace.unwrap();
    let (flows, surround) = match &ended {
        Ended::Engine(o) => (FlowFigures::of(o), Surround::of(o)),
        Ended::Injected(_) => <_>::default(),
    };
    let info = RunInfo { scenario: scenario.name.clone(), flows, surround, ..RunInfo::default() };
    let summary = Summary::new(&trace, &info);
    (ended, trace, summary)
}

/// Runs a scenario and measures it without a trace.
pub(crate) fn measure(scenario: &Scenario, setup: Setup) -> Measured {
    let mut meter = Meter::new(setup);
    match run_under(scenario, &mut meter) {
        Ended::Engine(o) => meter.finish(o.ended, &o.receiver, &o.receiver_counters, &o.sender_counters),
        Ended::Injected(o) => meter.finish(o.ended, &o.receiver, &o.counters, &Counters::default()),
    }
}
