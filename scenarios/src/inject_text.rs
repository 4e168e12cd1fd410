//! A plan as YAML, one step a line.

use sim_core::config::LiveOption;
use sim_core::inject::{Action, DataRun, Header, Injection, Step, When};
use sim_core::time::SimDuration;

use crate::units::format_time;

/// The `inject` section of a scenario: what [`crate::resolve`] reads as the same plan. `mtu` is the device's, bytes.
pub fn injection_yaml(plan: &Injection, mtu: u32) -> String {
    let Injection { syn, handshake, step, steps } = plan;
    let scale = syn.window_scale.map_or_else(|| "none".to_owned(), |n| n.to_string());
    let mut out = String::from("inject:\n");
    out.push_str(&format!(
        "  syn: {{mss: {}, window_scale: {scale}, sack: {}, timestamps: {}, window: {}}}\n",
        syn.mss,
        on_off(syn.sack),
        on_off(syn.timestamps),
        syn.window,
    ));
    out.push_str(&format!("  handshake: {}\n  step: {}\n  mtu: {mtu}\n", time(*handshake), time(*step)));
    if steps.is_empty() {
        out.push_str("  steps: []\n");
        return out;
    }
    out.push_str("  steps:\n");
    for step in steps {
        if let Action::Repeat { count, steps } = &step.action {
            out.push_str(&format!("    - {}\n", mapping(when(step.when), "repeat:")));
            out.push_str(&format!("        count: {count}\n"));
            if steps.is_empty() {
                out.push_str("        steps: []\n");
                continue;
            }
            out.push_str("        steps:\n");
            steps.iter().for_each(|s| out.push_str(&format!("          - {}\n", one_line(s))));
        } else {
            out.push_str(&format!("    - {}\n", one_line(step)));
        }
    }
    out
}

/// A block mapping that begins with the time of a step.
fn mapping(when: Option<String>, rest: &str) -> String {
    match when {
        Some(when) => format!("{when}\n      {rest}"),
        None => rest.to_owned(),
    }
}

fn on_off(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

fn time(t: SimDuration) -> String {
    format_time(t.as_nanos())
}

fn when(when: When) -> Option<String> {
    match when {
        When::At(t) => Some(format!("at: {}", time(t))),
        When::After(SimDuration::ZERO) => None,
        When::After(t) => Some(format!("wait: {}", time(t))),
    }
}

fn one_line(step: &Step) -> String {
    let action = match &step.action {
        Action::Data(run) => Some(format!("data: {{{}}}", data(run))),
        Action::Ack { offset, header } => {
            let offset = offset.map(|o| format!("offset: {o}"));
            let words: Vec<String> = offset.into_iter().chain(header_words(*header)).collect();
            Some(format!("ack: {{{}}}", words.join(", ")))
        }
        Action::Read(bytes) => Some(format!("read: {bytes}")),
        Action::Write(bytes) => Some(format!("write: {bytes}")),
        Action::Options(options) => {
            let words: Vec<String> = options.iter().map(live).collect();
            Some(format!("sockopt: {{{}}}", words.join(", ")))
        }
        Action::ShutdownWrite => Some("shutdown: write".to_owned()),
        Action::Close => Some("close: on".to_owned()),
        Action::Wait => None,
        // Written as a block by the caller; a repetition inside another has no text.
        Action::Repeat { .. } => None,
    };
    match (when(step.when), action) {
        (Some(when), Some(action)) => format!("{{{when}, {action}}}"),
        (Some(when), None) => format!("{{{when}}}"),
        (None, Some(action)) => format!("{{{action}}}"),
        (None, None) => "{wait: 0s}".to_owned(),
    }
}

fn header_words(header: Header) -> impl Iterator<Item = String> {
    let acknowledge = header.acknowledge.map(|n| format!("acknowledge: {n}"));
    let window = header.window.map(|n| format!("window: {n}"));
    let tsval = header.tsval.map(|n| format!("tsval: {n}"));
    acknowledge.into_iter().chain(window).chain(tsval)
}

fn data(run: &DataRun) -> String {
    let DataRun { offset, len, push, fin, gso_size, count, stride, every, header } = *run;
    let mut words = Vec::new();
    words.extend(offset.map(|o| format!("offset: {o}")));
    words.push(format!("len: {len}"));
    words.extend((gso_size != 0).then(|| format!("gso_size: {gso_size}")));
    words.extend((count != 1).then(|| format!("count: {count}")));
    words.extend(stride.map(|s| format!("stride: {s}")));
    words.extend(every.map(|t| format!("every: {}", time(t))));
    words.extend(push.then(|| "push: on".to_owned()));
    words.extend(fin.then(|| "fin: on".to_owned()));
    words.extend(header_words(header));
    words.join(", ")
}

/// A socket option of a live connection, as it stands in a mapping.
pub(crate) fn live(option: &LiveOption) -> String {
    match option {
        LiveOption::RcvBuf(v) => format!("SO_RCVBUF: {v}"),
        LiveOption::RcvBufForce(v) => format!("SO_RCVBUFFORCE: {v}"),
        LiveOption::SndBuf(v) => format!("SO_SNDBUF: {v}"),
        LiveOption::RcvLowat(v) => format!("SO_RCVLOWAT: {v}"),
        LiveOption::WindowClamp(v) => format!("TCP_WINDOW_CLAMP: {v}"),
        LiveOption::QuickAck(v) => format!("TCP_QUICKACK: {v}"),
    }
}
