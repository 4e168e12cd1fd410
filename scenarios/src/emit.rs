//! A resolved scenario as YAML: every default written out, valid as input again.

use std::fmt::Write;

use results::metrics::{self, MetricUnit};
use sim_core::config::{
    Change, Congestion, Ending, EndpointConfig, FlowsConfig, LinkConfig, NicConfig, NicModel, RunConfig,
};

use crate::app_text::{read_text, write_text};
use crate::endpoint::nic_by_name;
use crate::expect::Expectation;
use crate::inject_text::{injection_yaml, live};
use crate::keys::{LINK_STATES, NICS, UNLIMITED};
use crate::path_text::link_lines;
use crate::resolve::Scenario;
use crate::sysctls::SYSCTLS;
use crate::units::{format_rate, format_size, format_time};

/// The scenario with every default filled in and all sysctls pinned. Resolving the text gives the same
/// [`RunConfig`](sim_core::config::RunConfig), in this version and whatever the defaults of a later one are.
pub fn resolved_yaml(scenario: &Scenario) -> String {
    let mut out = Writer::default();
    let c = &scenario.config;
    out.line(0, "name", &scenario.name);
    if !scenario.about.is_empty() {
        out.text("about", &scenario.about);
    }
    out.line(0, "kernel", &quoted(&scenario.kernel_name));
    out.line(0, "seed", &c.seed.to_string());
    let end = |which: usize| (c.kernel, scenario.nic_names[which].as_str());
    if scenario.inject.is_none() {
        out.open(0, "path");
        if c.forward.both_ways {
            for (key, value) in link_lines(&c.forward) {
                out.line(1, key, &value);
            }
            out.line(1, "shared_qdisc", "on");
        } else {
            link(&mut out, "forward", &c.forward);
            link(&mut out, "reverse", &c.reverse);
        }
        out.open(0, "sender");
        endpoint(&mut out, &c.sender, end(0));
        write_text(&mut out, &c.sender.write, &c.receiver.write);
        read_text(&mut out, &c.sender.read);
    }
    flows(&mut out, c);
    out.open(0, "receiver");
    endpoint(&mut out, &c.receiver, end(1));
    match &scenario.inject {
        None => {
            read_text(&mut out, &c.receiver.read);
            write_text(&mut out, &c.receiver.write, &c.sender.write);
        }
        Some(plan) => out.text.push_str(&injection_yaml(plan, c.reverse.mtu)),
    }
    out.open(0, "host");
    let m = c.host.tcp_mem;
    out.line(1, "tcp_mem", &format!("{} {} {}", m[0], m[1], m[2]));
    out.line(1, "hz", &c.host.hz.to_string());
    out.line(1, "since_tick", &format_time(c.host.since_tick.as_nanos()));
    out.line(1, "jiffies", &c.host.jiffies.to_string());
    out.line(1, "packet_cost", &format_time(c.host.packet_cost.as_nanos()));
    out.line(1, "call_cost", &format_time(c.host.calls.cost.as_nanos()));
    out.line(1, "one_thread", on_off(c.host.calls.one_thread));
    out.line(1, "threadirqs", on_off(c.host.calls.threaded_softirqs));
    if c.host.copy_rate > 0 {
        out.line(1, "copy_rate", &format_size(c.host.copy_rate));
    }
    out.line(1, "cache_line", &c.host.skb.cache_line().to_string());
    out.line(1, "max_skb_frags", &c.host.skb.max_frags().to_string());
    if !c.events.is_empty() {
        out.open(0, "events");
        for e in &c.events {
            let change = match &e.change {
                Change::ReceiverOption(o) => format!("receiver.sockopt: {{{}}}", live(o)),
                Change::SenderOption(o) => format!("sender.sockopt: {{{}}}", live(o)),
                Change::Snapshot(name) => format!("snapshot: {}", quoted(name)),
                Change::ReceiverRead(bytes) => format!("receiver.read: {bytes}"),
                Change::ReceiverEnding(e) => ending("receiver", *e),
                Change::SenderEnding(e) => ending("sender", *e),
                Change::ForwardDown(down) => format!("path.forward: {}", LINK_STATES[usize::from(!down)]),
                Change::ReverseDown(down) => format!("path.reverse: {}", LINK_STATES[usize::from(!down)]),
            };
            out.item(1, &format!("{{at: {}, {change}}}", format_time(e.at.as_nanos())));
        }
    }
    out.open(0, "stop");
    out.line(1, "after", &format_time(c.stop.after.as_nanos()));
    if let Some(bytes) = c.stop.bytes {
        out.line(1, "bytes", &bytes.to_string());
    }
    if let Some(bytes) = c.stop.returned {
        out.line(1, "returned", &bytes.to_string());
    }
    if let Some(packets) = c.stop.packets {
        out.line(1, "packets", &packets.to_string());
    }
    out.line(1, "max_events", &c.stop.max_events.to_string());
    if !scenario.expectations.is_empty() {
        out.open(0, "expect");
        for e in &scenario.expectations {
            let check = check_text(e);
            let plain = check.starts_with(|c: char| c.is_ascii_digit());
            out.line(1, &e.metric, &if plain { check } else { quoted(&check) });
        }
    }
    out.text
}

fn flows(out: &mut Writer, c: &RunConfig) {
    match &c.flows {
        FlowsConfig::Alike { count: 2.., spread } => {
            out.open(0, "flows");
            out.line(1, "count", &c.flows.count().to_string());
            out.line(1, "spread", &format_time(spread.as_nanos()));
        }
        FlowsConfig::Alike { .. } => {}
        FlowsConfig::Groups(groups) => {
            out.open(0, "flows");
            for g in groups {
                out.item(1, &format!("at: {}", format_time(g.start.as_nanos())));
                out.line(2, "count", &g.count.to_string());
                out.line(2, "spread", &format_time(g.spread.as_nanos()));
                let (sender, receiver) =
                    (g.sender.as_ref().unwrap_or(&c.sender), g.receiver.as_ref().unwrap_or(&c.receiver));
                out.base = 2;
                if g.sender.is_some() {
                    out.open(0, "sender");
                    connection(out, sender);
                    write_text(out, &sender.write, &receiver.write);
                    read_text(out, &sender.read);
                }
                if g.receiver.is_some() {
                    out.open(0, "receiver");
                    connection(out, receiver);
                    read_text(out, &receiver.read);
                    write_text(out, &receiver.write, &sender.write);
                }
                out.base = 0;
            }
        }
    }
}

/// What is expected, in base units. A bare number would not do for a rate.
fn check_text(e: &Expectation) -> String {
    let text = e.check.to_string();
    if !metrics::find(&e.metric).is_some_and(|m| matches!(m.unit, MetricUnit::BitsPerSecond)) {
        return text;
    }
    let with_unit = |word: &str| match word.starts_with(|c: char| c.is_ascii_digit()) {
        true => format!("{word}bit"),
        false => word.to_owned(),
    };
    text.split(' ').map(with_unit).collect::<Vec<_>>().join(" ")
}

fn ending(end: &str, how: Ending) -> String {
    if how == Ending::HalfClose { format!("{end}.shutdown: write") } else { format!("{end}.close: on") }
}

/// Lines of YAML. `depth` counts from `base`, both in steps of two spaces.
#[derive(Default)]
pub(crate) struct Writer {
    text: String,
    base: usize,
}

impl Writer {
    pub(crate) fn line(&mut self, depth: usize, key: &str, value: &str) {
        let _ = writeln!(self.text, "{:depth$}{key}: {value}", "", depth = 2 * (self.base + depth));
    }

    pub(crate) fn open(&mut self, depth: usize, key: &str) {
        let _ = writeln!(self.text, "{:depth$}{key}:", "", depth = 2 * (self.base + depth));
    }

    pub(crate) fn item(&mut self, depth: usize, value: &str) {
        let _ = writeln!(self.text, "{:depth$}- {value}", "", depth = 2 * (self.base + depth));
    }

    /// A text as a block where YAML can keep it letter by letter, quoted otherwise.
    fn text(&mut self, key: &str, text: &str) {
        let plain = |l: &str| !l.starts_with([' ', '\t']) && l.chars().all(|c| !c.is_control());
        if text.lines().all(plain) && !text.ends_with('\n') && !text.contains('\r') {
            let _ = writeln!(self.text, "{key}: |-");
            for l in text.lines() {
                let _ = if l.is_empty() { writeln!(self.text) } else { writeln!(self.text, "  {l}") };
            }
        } else {
            self.line(0, key, &quoted(text));
        }
    }
}

/// A double-quoted YAML text; its escapes are those of JSON.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn link(out: &mut Writer, name: &str, l: &LinkConfig) {
    out.open(1, name);
    for (key, value) in link_lines(l) {
        out.line(2, key, &value);
    }
}

pub(crate) fn on_off(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

fn endpoint(
    out: &mut Writer,
    e: &EndpointConfig,
    (kernel, nic_name): (&sim_core::linux::KernelProfile, &str),
) {
    let EndpointConfig { sysctl, offload, nic, .. } = e;
    out.open(1, "sysctl");
    // What this kernel ignores has no effect and would only be warned about.
    for s in SYSCTLS.iter().filter(|s| (s.ignored)(kernel).is_none()) {
        out.line(2, s.key.name, &s.show(sysctl));
    }
    connection(out, e);
    out.open(1, "offload");
    out.line(2, "tso", on_off(offload.tso));
    out.line(2, "gso", on_off(offload.gso));
    out.line(2, "gro", on_off(offload.gro));
    out.line(1, "nic", &nic_text(*nic, nic_name));
}

/// What a connection can have of its own.
fn connection(out: &mut Writer, e: &EndpointConfig) {
    let EndpointConfig { sockopt, route, congestion, .. } = e;
    out.open(1, "sockopt");
    let size = |v: u32| format_size(u64::from(v));
    let mut option = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            out.line(2, name, &value);
        }
    };
    let o = sockopt;
    option(if o.rcvbuf_force { "SO_RCVBUFFORCE" } else { "SO_RCVBUF" }, o.rcvbuf.map(size));
    option(if o.sndbuf_force { "SO_SNDBUFFORCE" } else { "SO_SNDBUF" }, o.sndbuf.map(size));
    option("SO_RCVLOWAT", o.rcvlowat.map(size));
    option("TCP_MAXSEG", o.maxseg.map(|v| v.to_string()));
    option("TCP_WINDOW_CLAMP", o.window_clamp.map(size));
    option("TCP_NODELAY", Some(on_off(o.nodelay).to_owned()));
    option("TCP_CORK", Some(on_off(o.cork).to_owned()));
    option("TCP_QUICKACK", o.quickack.map(|v| v.to_string()));
    option("TCP_NOTSENT_LOWAT", o.notsent_lowat.map(size));
    option("SO_LINGER", o.linger_zero.then(|| "0".to_owned()));
    option("TCP_LINGER2", o.linger2.map(|v| format!("{v}s")));
    option("TCP_SYNCNT", o.syn_count.map(|v| v.to_string()));
    let rate = |v: u64| if v == u64::MAX { UNLIMITED.to_owned() } else { format_rate(v.saturating_mul(8)) };
    option("SO_MAX_PACING_RATE", o.max_pacing_rate.map(rate));
    out.open(1, "route");
    let mut attribute = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            out.line(2, name, &value);
        }
    };
    attribute("initcwnd", route.initcwnd.map(|v| v.to_string()));
    attribute("initrwnd", route.initrwnd.map(|v| v.to_string()));
    attribute("quickack", Some(on_off(route.quickack).to_owned()));
    attribute("window", route.window.map(size));
    attribute("rto_min", route.rto_min.map(|v| format_time(v.as_nanos())));
    attribute("advmss", route.advmss.map(|v| v.to_string()));
    let name = match congestion {
        Congestion::Reno => "reno",
        Congestion::Cubic => "cubic",
    };
    out.line(1, "congestion", name);
}

fn nic_text(nic: NicConfig, name: &str) -> String {
    let NicConfig { model, xdp, outer_headers, ring } = nic;
    let plain = nic == model.into();
    let mut more = format!("xdp: {}, outer_headers: {outer_headers}", on_off(xdp));
    if let Some(r) = ring {
        let _ = write!(
            more,
            ", ring: {}, rx_usecs: {}, rx_frames: {}, budget: {}",
            r.ring,
            format_time(r.rx_usecs.as_nanos()),
            r.rx_frames,
            r.budget
        );
    }
    if let NicModel::Explicit { head, head_frag, fragment } = model {
        let figures = format!("head: {head}, head_frag: {}, fragment: {fragment}", on_off(head_frag));
        return if plain { format!("{{{figures}}}") } else { format!("{{{figures}, {more}}}") };
    }
    // The name as it was given, unless the device was changed since.
    let names = std::iter::once(name).chain(NICS);
    let name = names.into_iter().find(|n| nic_by_name(n) == Some(model)).unwrap_or("loopback");
    if plain { name.to_owned() } else { format!("{{model: {name}, {more}}}") }
}
