//! The settings that make a run what it is, in the words of `sysctl`, `setsockopt` and `ip route`, for the title
//! of its chart.

use scenarios::Scenario;
use scenarios::units;
use sim_core::config::{EndpointConfig, LinkConfig, ReadConfig, ReadMode, RunConfig, WriteConfig, WriteMode};
use sim_core::linux::PayloadRatio;

/// The settings, the most telling ones first.
pub(crate) fn of(scenario: &Scenario) -> Vec<String> {
    let c = &scenario.config;
    let mut out = vec![format!("kernel {}", scenario.kernel())];
    budget(&mut out, &c.receiver);
    if c.kernel.ratio == PayloadRatio::AdvWinScale {
        out.push(format!("tcp_adv_win_scale {}", c.receiver.sysctl.tcp_adv_win_scale));
    }
    if let Some(plan) = &scenario.inject {
        out.push(format!("MSS {}", plan.syn.mss));
        let calls = plan.calls();
        out.push(format!("{calls} injected segments and calls"));
        return out;
    }
    path(&mut out, c);
    if let Some(mss) = c.sender.sockopt.maxseg.or(c.receiver.sockopt.maxseg) {
        out.push(format!("MSS {mss}"));
    }
    if let Some(n) = c.sender.route.initcwnd {
        out.push(format!("initcwnd {n}"));
    }
    if c.receiver.route.quickack {
        out.push("quickack".to_owned());
    }
    out.push(format!("write: {}", writes(&c.sender.write)));
    out.push(format!("read: {}", reads(&c.receiver.read)));
    out
}

/// `64KiB`, as a scenario has it, with the space that print has.
fn spaced(text: &str) -> String {
    let at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    if number.is_empty() || unit.is_empty() { text.to_owned() } else { format!("{number} {unit}") }
}

fn format_size(bytes: u64) -> String {
    spaced(&units::format_size(bytes))
}

fn format_time(ns: u64) -> String {
    spaced(&units::format_time(ns))
}

fn format_rate(bits_per_second: u64) -> String {
    spaced(&units::format_rate(bits_per_second))
}

fn budget(out: &mut Vec<String>, receiver: &EndpointConfig) {
    let size = |n: u32| format_size(n.into());
    match receiver.sockopt.rcvbuf {
        Some(n) => {
            let name = if receiver.sockopt.rcvbuf_force { "SO_RCVBUFFORCE" } else { "SO_RCVBUF" };
            out.push(format!("{name} {}", size(n)));
        }
        None => {
            let [min, default, max] = receiver.sysctl.tcp_rmem;
            out.push(format!("tcp_rmem {min} {default} {max}"));
        }
    }
    if let Some(clamp) = receiver.sockopt.window_clamp {
        out.push(format!("TCP_WINDOW_CLAMP {}", size(clamp)));
    }
}

fn path(out: &mut Vec<String>, c: &RunConfig) {
    let rtt = c.forward.delay.as_nanos() + c.reverse.delay.as_nanos();
    out.push(format!("RTT {}", format_time(rtt)));
    let rate = |l: &LinkConfig| l.rate_bps.map(format_rate);
    match (rate(&c.forward), rate(&c.reverse)) {
        (Some(f), Some(r)) if f == r => out.push(f),
        (f, r) => {
            out.extend(f.map(|f| format!("{f} forward")));
            out.extend(r.map(|r| format!("{r} back")));
        }
    }
}

fn writes(w: &WriteConfig) -> String {
    let of =
        |what: &str| w.total.map_or_else(|| what.to_owned(), |n| format!("{what} of {}", format_size(n)));
    let size = |n: u32| format_size(n.into());
    match &w.mode {
        WriteMode::Never => "never".to_owned(),
        WriteMode::Burst { .. } => of("burst"),
        WriteMode::Chunks { sizes, every, .. } => {
            let sizes = match sizes.as_slice() {
                [one] => size(*one),
                many => format!("{} sizes", many.len()),
            };
            format!("{sizes} every {}", format_time(every.as_nanos()))
        }
        WriteMode::Paced { rate_bps, .. } => format!("at {}", format_rate(*rate_bps)),
        WriteMode::RequestResponse { request, response, .. } => {
            format!("requests of {}, answers of {}", size(*request), size(*response))
        }
        WriteMode::Respond { response, .. } => format!("answers of {}", size(*response)),
        WriteMode::File { .. } => of("file"),
    }
}

fn reads(r: &ReadConfig) -> String {
    match &r.mode {
        ReadMode::Never => "never".to_owned(),
        ReadMode::Fixed { bytes, every } => {
            format!("{} every {}", format_size((*bytes).into()), format_time(every.as_nanos()))
        }
        ReadMode::Asap { work, .. } => match work.rate_bps {
            Some(rate) => format!("as soon as possible, at {}", format_rate(rate)),
            None => "as soon as possible".to_owned(),
        },
        ReadMode::Plan(plan) => format!("{} times by plan", plan.len()),
        ReadMode::Echo { .. } => "echo".to_owned(),
    }
}
