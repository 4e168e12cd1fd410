//! What the fuzz targets do with their input. Each function panics if something does not hold that must hold for every
//! input.

use std::path::PathBuf;
use std::sync::OnceLock;

use conformance::compact::{decode, encode};
use conformance::recording::{Further, LineKind, Recording, Store, write_raw};
use conformance::replay::{Oracle, replay};
use scenarios::{Overrides, Scenario, Source, injection_yaml, resolve, resolved_yaml};
use sim_core::config::LiveOption;
use sim_core::engine::Workspace;
use sim_core::inject::{Action, DataRun, Header, Injection, PeerSyn, Step, When, run_injection};
use sim_core::linux::ALL;
use sim_core::observer::Silent;
use sim_core::state::TcpState;
use sim_core::time::SimDuration;

/// Any bytes: the text of a scenario, and after a zero byte an override. Nothing may panic, every refusal can be shown, and
/// what is accepted means the same when it is written out and read again.
pub fn scenario_yaml(data: &[u8]) {
    let (text, set) = match data.iter().position(|b| *b == 0) {
        Some(at) => (&data[..at], Some(&data[at + 1..])),
        None => (data, None),
    };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let set = set.and_then(|s| std::str::from_utf8(s).ok()).map(str::to_owned);
    let overrides = Overrides { set: set.into_iter().collect(), ..Overrides::default() };
    check_scenario(text, &overrides);
}

/// Any bytes: the `inject` section of a scenario. What is accepted and short enough is also run.
pub fn injection_section(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let text = format!("kernel: 6.12\ninject:\n{text}");
    let Some(mut s) = check_scenario(&text, &Overrides::default()) else { return };
    let Some(plan) = s.inject.take().filter(|p| p.calls() <= 1_000) else { return };
    run_to_end(&mut s, &plan);
}

fn check_scenario(text: &str, overrides: &Overrides) -> Option<Scenario> {
    match resolve(&Source::new("fuzz.yaml", text), overrides) {
        Err(error) => {
            assert!(!error.render(false).is_empty() && error.errors().count() > 0);
            None
        }
        Ok(scenario) => {
            for warning in &scenario.warnings {
                assert!(!warning.render(true).is_empty());
            }
            let yaml = resolved_yaml(&scenario);
            match resolve(&Source::new("resolved.yaml", yaml.as_str()), &Overrides::default()) {
                Ok(again) => {
                    assert_eq!(again.config, scenario.config);
                    assert_eq!(again.inject, scenario.inject);
                    assert_eq!(again.about, scenario.about);
                }
                Err(error) => panic!("{}\n{yaml}", error.render(false)),
            }
            Some(scenario)
        }
    }
}

#[path = "../../tests/it/any_settings/text.rs"]
mod text;

impl text::Pick for Bytes<'_> {
    fn below(&mut self, n: usize) -> usize {
        usize::from(self.byte()) % n
    }
}

/// Any bytes: which settings a scenario has. What is accepted runs to its end, and again to the same one.
pub fn any_settings(data: &[u8]) {
    let text = text::scenario(&mut Bytes(data), 20_000);
    let Some(s) = check_scenario(&text, &Overrides::default()) else { return };
    let mut workspace = Workspace::default();
    let first = workspace.run(&s.config, &mut Silent);
    assert_eq!(workspace.run(&s.config, &mut Silent), first, "{text}");
}

fn run_to_end(s: &mut Scenario, plan: &Injection) {
    // Writes of the application are unfolded into packets.
    s.config.stop.max_events = 100_000;
    if let Ok(end) = run_injection(&s.config, plan, &mut Silent) {
        let state = &end.receiver;
        assert!(state.rmem >= 0 && state.recvq() >= 0, "{end:?}");
        // A FIN has a sequence number and no byte.
        let fin = state.copied_seq.0 - 1 - end.read as i64;
        assert!(fin == 0 || fin == 1, "{end:?}");
        // A closed socket throws away what nobody will read.
        let closed =
            plan.steps.iter().any(|step| step.action == Action::Close) || state.state == TcpState::Close;
        assert!(closed || i64::from(state.rmem) >= state.recvq() - 1, "{end:?}");
    }
}

/// Reads numbers off the input; zeros when it is used up.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().map_or((0, &[][..]), |(b, rest)| (*b, rest));
        self.0 = rest;
        first
    }

    fn number(&mut self) -> u32 {
        u32::from_le_bytes([self.byte(), self.byte(), self.byte(), self.byte()])
    }

    fn short(&mut self) -> u32 {
        u32::from(self.byte()) | u32::from(self.byte()) << 8
    }

    /// Small numbers often, large ones sometimes.
    fn size(&mut self) -> u32 {
        match self.byte() {
            n @ 0..=99 => u32::from(n) * 15,
            100..=229 => self.short(),
            _ => self.number() % (1 << 24),
        }
    }
}

fn header(b: &mut Bytes<'_>) -> Header {
    let marks = b.byte();
    Header {
        acknowledge: (marks & 7 == 1).then(|| b.size()),
        window: (marks & 24 == 8).then(|| b.short() as u16),
        tsval: (marks & 96 == 32).then(|| b.number()),
    }
}

fn step(b: &mut Bytes<'_>) -> Step {
    let wait = match b.byte() {
        0..=199 => 0,
        n => u64::from(n - 199) * 3_000_000,
    };
    let action = match b.byte() % 16 {
        0..=5 => Action::Data(DataRun {
            len: b.size() % 9_000,
            count: 1 + u32::from(b.byte() % 20),
            header: header(b),
            ..DataRun::default()
        }),
        6..=9 => {
            let marks = b.byte();
            let offset = match marks & 3 {
                0 => i64::from(b.number()) * 2 - (1 << 32),
                1 => i64::from(b.size()) - 2_000,
                _ => i64::from(b.short()),
            };
            Action::Data(DataRun {
                offset: Some(offset),
                len: b.size() % 9_000,
                push: marks & 4 != 0,
                fin: marks & 120 == 8,
                header: header(b),
                ..DataRun::default()
            })
        }
        10 | 11 => Action::Read(b.size().max(1)),
        12 => Action::Write((b.size() % 200_000).max(1)),
        13 => {
            let option = match b.byte() % 5 {
                0 => LiveOption::RcvBuf(b.size()),
                1 => LiveOption::RcvBufForce(b.size()),
                2 => LiveOption::WindowClamp(b.size()),
                3 => LiveOption::RcvLowat(b.size()),
                _ => LiveOption::QuickAck(u32::from(b.byte() % 3)),
            };
            Action::Options(vec![option])
        }
        14 => Action::Ack { offset: Some(i64::from(b.short()) - 100), header: header(b) },
        _ if b.byte() < 32 => Action::Close,
        _ if b.byte() < 32 => Action::ShutdownWrite,
        _ => Action::Wait,
    };
    Step { when: When::After(SimDuration::from_nanos(wait)), action }
}

/// Bytes as a connection: kernel, set-up and up to 400 steps.
pub fn plan(data: &[u8]) -> (String, Injection) {
    let mut b = Bytes(data);
    let kernel = ALL[usize::from(b.byte()) % ALL.len()].name;
    let marks = b.byte();
    let nic = if marks & 1 == 0 { "tun" } else { "tap" };
    let rcvbuf = b.size().max(1);
    let syn = PeerSyn {
        mss: (b.short() as u16).max(1),
        window_scale: (marks & 2 == 0).then(|| b.byte() % 15),
        sack: marks & 4 == 0,
        timestamps: marks & 8 != 0,
        window: b.short() as u16,
    };
    let mut steps = Vec::new();
    while !b.0.is_empty() && steps.len() < 400 {
        steps.push(step(&mut b));
    }
    let shrink = if marks & 48 == 48 { "{net.ipv4.tcp_shrink_window: 1}" } else { "{}" };
    let text = format!(
        "kernel: \"{kernel}\"\nreceiver: {{nic: {nic}, sysctl: {shrink}, sockopt: {{SO_RCVBUFFORCE: {rcvbuf}}}}}\nstop: {{after: 3600s}}\n"
    );
    let micros = SimDuration::from_micros;
    (text, Injection { syn, handshake: micros(120), step: micros(250), steps })
}

/// Any bytes as a stream of segments and calls into the receiver.
pub fn segment_stream(data: &[u8]) {
    let (text, plan) = plan(data);
    let text = format!("{text}{}", injection_yaml(&Injection { steps: Vec::new(), ..plan.clone() }, 9_000));
    let mut s = resolve(&Source::new("plan.yaml", text), &Overrides::default())
        .unwrap_or_else(|e| panic!("{}", e.render(false)));
    run_to_end(&mut s, &plan);
}

/// Any bytes as a packed recording. What is accepted can be packed again, and replayed without a panic.
pub fn compact_recording(data: &[u8]) {
    if let Ok(rec) = decode(data) {
        let _ = replay(&rec, Oracle::With);
        let _ = replay(&rec, Oracle::Without);
        if let Ok(bytes) = encode(&rec) {
            assert!(decode(&bytes).is_ok_and(|again| again.rows.len() == rec.rows.len()));
        }
    }
}

/// A small recording to damage: the first committed injection case.
fn sample() -> &'static Recording {
    static SAMPLE: OnceLock<Recording> = OnceLock::new();
    SAMPLE.get_or_init(|| {
        let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../validation/recordings");
        let store = Store::open(dir).expect("the committed recordings");
        let id = store.cases().iter().find(|id| id.case == "t_fin").expect("t_fin");
        store.load(id).expect("a committed recording")
    })
}

/// The packed sample, for a corpus.
pub fn packed_sample() -> Vec<u8> {
    encode(sample()).expect("a committed recording")
}

/// Any text as what is known of further passes. What is accepted comes back as it was.
pub fn further_passes(text: &str) {
    if let Ok(further) = Further::parse(text) {
        assert_eq!(Further::parse(&further.render()), Ok(further));
    }
}

/// One of the recorder's files replaced by any bytes; the first byte says which. What is accepted can be replayed
/// without a panic.
pub fn raw_recording(data: &[u8]) {
    let Some((which, text)) = data.split_first() else { return };
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    let dir = DIR.get_or_init(|| std::env::temp_dir().join(format!("skmem-fuzz-{}", std::process::id())));
    let rec = sample();
    write_raw(rec, dir).expect("a folder for temporary files");
    let folder = dir.join(&rec.kernel);
    let name = match LineKind::ALL.get(usize::from(*which) % (LineKind::ALL.len() + 1)) {
        Some(kind) => format!("{}{}", rec.case, kind.suffix()),
        None => format!("{}.summary.json", rec.case),
    };
    // The file may be there in its gzipped form.
    let _ = std::fs::remove_file(folder.join(format!("{name}.gz")));
    std::fs::write(folder.join(&name), text).expect("a folder for temporary files");
    if let Ok(store) = Store::open(dir) {
        for id in store.cases() {
            if let Ok(rec) = store.load(id) {
                let _ = replay(&rec, Oracle::With);
            }
        }
    }
    let _ = std::fs::remove_dir_all(dir);
}
