//! A recorded injection case as a scenario that a person can edit and run.
//!
//! Each step gets the time at which it reached the socket in the recording; alike segments at regular times become one
//! line. Time counts from the SYN-ACK, as in every injection scenario.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use scenarios::{changed_sysctls, injection_yaml};
use sim_core::config::LiveOption;
use sim_core::inject::{Action, DataRun, Header, Injection, PeerSyn, Step, When};
use sim_core::segment::Flags;
use sim_core::time::SimDuration;
use thiserror::Error;

use crate::recording::{AppWhat, CaseKind, Entry, EventRef, Recording, Row};
use crate::replay::{Setup, SetupError};
use crate::script::{InjectScript, PEER_WINDOW, ScriptError, ScriptOp};

/// The longest time between a probe and the kernel's own reading of its clock, ns.
const MAX_LAG_NS: u64 = 200_000;
/// Time of a step that left no trace in the recording, ns.
const STEP_NS: u64 = 250_000;

/// How the times of the recording are kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Timing {
    /// Every step has its own time, to the nanosecond.
    Exact,
    /// Alike segments at about regular times become one line: none is further than this from its time, ns.
    Regular(u64),
}

impl Timing {
    /// What a person can read: no segment is moved by more than 15 us, half of what a segment costs the recorded
    /// receivers.
    pub const READABLE: Self = Self::Regular(15_000);
}

/// Why a case is no scenario.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum ExportError {
    /// It has a real sender.
    #[error("{0} is not an injection case: its sender was a kernel")]
    NotInjected(String),
    /// Its configuration is incomplete.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// Its script has a mistake.
    #[error("{case}: {error}")]
    Script {
        /// The case.
        case: String,
        /// The mistake.
        error: ScriptError,
    },
}

/// The scenario of a recorded injection case, under the name `name`.
///
/// # Errors
/// If the case has a real sender, or its recording is incomplete.
pub fn scenario_text(rec: &Recording, name: &str, timing: Timing) -> Result<String, ExportError> {
    if rec.kind != CaseKind::Injection {
        return Err(ExportError::NotInjected(rec.case.clone()));
    }
    let setup = Setup::of(rec)?;
    let lines = rec.summary.script.as_deref().unwrap_or_default();
    let script =
        InjectScript::parse(lines).map_err(|error| ExportError::Script { case: rec.case.clone(), error })?;
    let times = Times::of(rec);
    let plan = plan(rec, &script, &times, timing);
    let kernel = setup.kernel;
    let mut out = format!(
        "name: {name}\nabout: |\n  The recorded injection case {} of kernel {}.\n",
        rec.case, kernel.release
    );
    for line in rec.summary.note.lines().map(str::trim).filter(|l| !l.is_empty()) {
        let _ = writeln!(out, "  {line}");
    }
    let _ = writeln!(out, "kernel: \"{}\"\nreceiver:", kernel.name);
    let sysctls = changed_sysctls(kernel, &setup.sysctl);
    if !sysctls.is_empty() {
        out.push_str("  sysctl:\n");
        for (name, value) in sysctls {
            let _ = writeln!(out, "    {name}: {value}");
        }
    }
    let options: Vec<String> = sockopts(&setup).collect();
    if !options.is_empty() {
        let _ = writeln!(out, "  sockopt: {{{}}}", options.join(", "));
    }
    let route: Vec<String> = route(&setup).collect();
    if !route.is_empty() {
        let _ = writeln!(out, "  route: {{{}}}", route.join(", "));
    }
    let _ = writeln!(out, "  nic: {}", if script.options.tap { "tap" } else { "tun" });
    let _ = writeln!(out, "{}", host(rec, &times));
    out.push_str(&injection_yaml(&plan, setup.mtu));
    if let Some(closing) = rec.rows.last() {
        let end = closing.time_ns.saturating_sub(times.begin_ns);
        let _ = writeln!(out, "stop: {{after: {end}ns}}");
    }
    expectations(rec, &mut out);
    Ok(out)
}

/// When each line of the script reached the socket.
struct Times {
    /// Where time begins, ns of the recording: the microsecond of the SYN-ACK.
    begin_ns: u64,
    /// Line and time, in order of time.
    lines: BTreeMap<u32, u64>,
    /// Line and what the header of its segment says that it would not say of itself.
    headers: BTreeMap<u32, Header>,
}

/// What the recorded segments' headers say beyond the peer's habits.
fn headers(rec: &Recording) -> BTreeMap<u32, Header> {
    let mut out = BTreeMap::new();
    // By habit everything is acknowledged but a bare FIN, and TSval counts up.
    let mut received: i64 = 1;
    let mut tsval: Option<u32> = None;
    for (_, event) in rec.events() {
        match event {
            EventRef::Ack(a) if a.len > 0 => {
                let fin = i64::from(a.flags.has(Flags::FIN));
                received = received.max(a.seq + i64::from(a.len) + fin);
            }
            EventRef::Row(Row { step, segment: Some(seg), entry, .. }) if *entry != Entry::End => {
                let expected = tsval.map(|v| v.wrapping_add(1));
                let header = Header {
                    acknowledge: (seg.ack != received)
                        .then(|| (seg.ack - 1).clamp(0, i64::from(u32::MAX)) as u32),
                    window: (seg.wnd != PEER_WINDOW).then_some(seg.wnd),
                    tsval: seg.tsval.filter(|v| expected.is_some_and(|e| e != *v)),
                };
                tsval = seg.tsval;
                if let Ok(step) = u32::try_from(*step)
                    && header != Header::default()
                {
                    out.insert(step, header);
                }
            }
            _ => {}
        }
    }
    out
}

/// Whether an event is a call of the script's application.
fn is_call(what: AppWhat) -> bool {
    matches!(what, AppWhat::Recv | AppWhat::Send | AppWhat::SetSockOpt | AppWhat::Shutdown | AppWhat::Close)
}

impl Times {
    fn of(rec: &Recording) -> Self {
        let mut lines = BTreeMap::new();
        // The clock that the socket cached next is the kernel's own reading, shortly after the probe's.
        let mut stamp: Option<i64> = None;
        for (_, event) in rec.events().iter().rev() {
            let (step, time_ns, state) = match event {
                EventRef::Row(r) if r.entry != Entry::End => (Some(r.step), r.time_ns, &r.state),
                EventRef::Row(r) => (None, r.time_ns, &r.state),
                EventRef::App(a) => (is_call(a.what).then_some(a.step), a.time_ns, &a.state),
                EventRef::Ack(a) => (None, a.time_ns, &a.state),
                EventRef::Merge(_) | EventRef::Tx(_) | EventRef::Step(_) => continue,
            };
            if let Some(step) = step.and_then(|s| u32::try_from(s).ok()) {
                let reading = stamp.and_then(|us| u64::try_from(us).ok()).map(|us| us * 1_000);
                let fits = |ns: &u64| (time_ns / 1_000 * 1_000..=time_ns + MAX_LAG_NS).contains(ns);
                // Going backwards, the first event of a line is met last and stays.
                lines.insert(step, reading.filter(fits).map_or(time_ns, |ns| ns.max(time_ns)));
            }
            stamp = state.tcp_mstamp.or(stamp);
        }
        let headers = headers(rec);
        let begin = rec.acks.first().map_or(0, |a| a.time_ns);
        Self { begin_ns: begin / 1_000 * 1_000, lines, headers }
    }

    fn header(&self, step: u32) -> Header {
        self.headers.get(&step).copied().unwrap_or_default()
    }

    /// From the begin to a line.
    fn at(&self, step: u32) -> Option<u64> {
        self.lines.get(&step).map(|ns| ns.saturating_sub(self.begin_ns))
    }
}

fn plan(rec: &Recording, script: &InjectScript, times: &Times, timing: Timing) -> Injection {
    let handshake = rec.rows.first().map_or(0, |r| r.time_ns.saturating_sub(times.begin_ns));
    let mut steps: Vec<(u64, Action)> = Vec::new();
    let mut now = handshake;
    for line in &script.lines {
        let action = match line.op {
            ScriptOp::SleepMicros(us) => {
                now = now.saturating_add(us.saturating_mul(1_000));
                continue;
            }
            ScriptOp::Data { offset, len, push, fin } => {
                let header = times.header(line.step);
                Action::Data(DataRun { offset: Some(offset), len, push, fin, header, ..DataRun::default() })
            }
            ScriptOp::Ack { offset } => Action::Ack { offset: Some(offset), header: times.header(line.step) },
            ScriptOp::Read(n) => Action::Read(size(n)),
            ScriptOp::Write(n) => Action::Write(size(n)),
            ScriptOp::Rcvbuf(n) => Action::Options(vec![LiveOption::RcvBufForce(n)]),
            ScriptOp::WindowClamp(n) => Action::Options(vec![LiveOption::WindowClamp(n)]),
            ScriptOp::Lowat(n) => Action::Options(vec![LiveOption::RcvLowat(n)]),
            ScriptOp::QuickAck(n) => Action::Options(vec![LiveOption::QuickAck(n)]),
            ScriptOp::ShutWrite => Action::ShutdownWrite,
            ScriptOp::Close => Action::Close,
        };
        now = times.at(line.step).unwrap_or(now + STEP_NS).max(now);
        steps.push((now, action));
    }
    Injection {
        syn: PeerSyn {
            mss: script.syn.mss,
            window_scale: script.syn.window_scale,
            sack: script.syn.sack,
            timestamps: script.syn.timestamps,
            window: PEER_WINDOW,
        },
        handshake: SimDuration::from_nanos(handshake),
        step: SimDuration::from_nanos(rec.summary.row_gap_ns.unwrap_or(STEP_NS)),
        steps: runs(&steps, timing),
    }
}

/// A size of a script, which may be above what one call can ask for.
fn size(n: u64) -> u32 {
    n.clamp(1, 1 << 30) as u32
}

/// Joins alike segments at regular places and times.
fn runs(steps: &[(u64, Action)], timing: Timing) -> Vec<Step> {
    let mut out = Vec::new();
    let mut first = 0;
    while let Some((at, action)) = steps.get(first) {
        let n = match timing {
            Timing::Exact => 1,
            Timing::Regular(tolerance_ns) => run_length(&steps[first..], tolerance_ns),
        };
        let mut action = action.clone();
        if let (Action::Data(run), Some((last, Action::Data(end)))) = (&mut action, steps.get(first + n - 1))
            && n > 1
        {
            run.count = n as u32;
            run.fin = end.fin;
            let gaps = n as u64 - 1;
            run.every = Some(SimDuration::from_nanos((last - at) / gaps));
            let stride = run.offset.zip(end.offset).map_or(0, |(a, b)| (b - a) / gaps as i64);
            run.stride = (stride != i64::from(run.len)).then_some(stride);
        }
        out.push(Step { when: When::At(SimDuration::from_nanos(*at)), action });
        first += n;
    }
    out
}

/// How many steps from the first one on make one run; at least one.
fn run_length(steps: &[(u64, Action)], tolerance_ns: u64) -> usize {
    let data = |i: usize| match steps.get(i) {
        Some((at, Action::Data(run))) => Some((*at, *run)),
        _ => None,
    };
    let Some((t0, head)) = data(0) else { return 1 };
    let Some((_, second)) = data(1).filter(|_| !head.fin) else { return 1 };
    let stride = second.offset.unwrap_or(0) - head.offset.unwrap_or(0);
    let mut best = 1;
    let mut seen = vec![t0];
    for i in 1.. {
        let Some((at, run)) = data(i) else { break };
        let place = head.offset.unwrap_or(0) + stride * i as i64;
        if run.len != head.len
            || run.push != head.push
            || run.header != head.header
            || run.offset != Some(place)
        {
            break;
        }
        seen.push(at);
        let every = (at - t0) / i as u64;
        let regular = |(k, t): (usize, &u64)| t.abs_diff(t0 + every * k as u64) <= tolerance_ns;
        if !seen.iter().enumerate().all(regular) {
            break;
        }
        best = i + 1;
        if run.fin {
            break;
        }
    }
    best
}

fn sockopts(setup: &Setup) -> impl Iterator<Item = String> {
    let live = setup.options.iter().filter_map(|o| match o {
        LiveOption::RcvBufForce(v) => Some(format!("SO_RCVBUFFORCE: {v}")),
        LiveOption::WindowClamp(v) => Some(format!("TCP_WINDOW_CLAMP: {v}")),
        LiveOption::RcvLowat(v) => Some(format!("SO_RCVLOWAT: {v}")),
        _ => None,
    });
    live.chain(setup.maxseg.map(|v| format!("TCP_MAXSEG: {v}")))
}

fn route(setup: &Setup) -> impl Iterator<Item = String> {
    let r = &setup.route;
    let quickack = r.quickack.then(|| "quickack: on".to_owned());
    let number = |name: &str, v: Option<u32>| v.map(|v| format!("{name}: {v}"));
    [
        number("initcwnd", r.initcwnd),
        number("initrwnd", r.initrwnd),
        quickack,
        number("window", r.window),
        r.rto_min.map(|t| format!("rto_min: {}ns", t.as_nanos())),
        number("advmss", r.advmss.map(u32::from)),
    ]
    .into_iter()
    .flatten()
}

/// The tick's place on the scenario's time axis.
fn host(rec: &Recording, times: &Times) -> String {
    let clock = &rec.summary.clock;
    let tick = clock.tick_ns.max(1);
    let since = clock.jiffy0_time_ns.min(0).unsigned_abs() + times.begin_ns;
    let jiffies = u64::from(clock.jiffies_at_t0) + since / tick;
    format!("host: {{hz: {}, since_tick: {}ns, jiffies: {jiffies}}}", clock.hz.max(1), since % tick)
}

/// What the recording ended with.
fn expectations(rec: &Recording, out: &mut String) {
    let Some(closing) = rec.rows.last() else { return };
    let s = &closing.state;
    let finals = [
        ("recv_q", s.recvq),
        ("skmem_r", s.rmem.map(i64::from)),
        ("skmem_rb", s.rcvbuf.map(i64::from)),
        ("rcv_win", s.win.map(i64::from)),
        ("rcv_ssthresh", s.rcv_ssthresh.map(i64::from)),
        ("window_clamp", s.window_clamp.map(i64::from)),
        ("rcv_nxt", s.rcv_nxt),
        ("qlen", s.qlen.map(i64::from)),
    ];
    out.push_str("expect:\n");
    for (name, value) in finals {
        if let Some(value) = value {
            let _ = writeln!(out, "  final.{name}: {value}");
        }
    }
    for name in sim_core::counters::Counters::NAMES {
        if let Some(value) = rec.summary.nstat.get(*name) {
            let _ = writeln!(out, "  counters.{name}: {value}");
        }
    }
}
