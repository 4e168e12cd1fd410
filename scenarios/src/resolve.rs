//! From the tree to the resolved scenario: every default filled in, every conflict refused.

use sim_core::config::{
    CallConfig, Change, Ending, HostConfig, LiveOption, RunConfig, StepShares, StopConfig, TimedChange,
};
use sim_core::host::MemoryDefaults;
use sim_core::inject::Injection;
use sim_core::linux::KernelProfile;
use sim_core::skb::SkbLayout;
use sim_core::time::SimDuration;

use crate::apps;
use crate::context::{Context, Fields, default_number};
use crate::diagnostic::{Diagnostic, ScenarioError};
use crate::endpoint;
use crate::expect::{self, Expectation};
use crate::flows;
use crate::inject;
use crate::kernel::{KernelName, resolve_kernel};
use crate::keys::{self, Kind, STOP_ALWAYS};
use crate::overrides::{self, Overrides};
use crate::path;
use crate::source::Source;
use crate::units;
use crate::yaml::{self, Node, Place, Value};

/// A scenario with every default filled in: what a run is made of.
#[derive(Clone, PartialEq, Debug)]
pub struct Scenario {
    /// Its name: fit for a folder.
    pub name: String,
    /// What to look at and why it happens; may be empty.
    pub about: String,
    /// What the engine takes.
    pub config: RunConfig,
    /// What the receiver is fed instead of a sender's packets; `None`: both ends are simulated.
    pub inject: Option<Injection>,
    /// What the run must show.
    pub expectations: Vec<Expectation>,
    /// What to read before trusting the result, such as settings that the kernel ignores.
    pub warnings: Vec<Diagnostic>,
    /// What is inferred rather than recorded: an unrecorded release, a device without recordings.
    pub inferred: Vec<String>,
    /// The kernels of the scenario if it lists several; this is it on one of them.
    pub kernels: Vec<String>,
    /// The scenario of several kernels that this one is a part of.
    pub family: Option<String>,
    /// The kernel as it was named.
    pub(crate) kernel_name: String,
    /// The devices of sender and receiver as they were named; empty for explicit figures.
    pub(crate) nic_names: [String; 2],
}

impl Scenario {
    /// The kernel as the scenario, or the command line, names it.
    pub fn kernel(&self) -> &str {
        &self.kernel_name
    }
}

/// Kernels that a scenario may list.
const MAX_KERNELS: usize = 12;

/// Resolves a scenario, with the command line's overrides applied to it first. Of a scenario with several `kernels`
/// this is the first one's; [`resolve_all`] gives them all.
///
/// # Errors
/// Everything that is wrong with it, each mistake with its place; nothing was run.
pub fn resolve(source: &Source, overrides: &Overrides) -> Result<Scenario, ScenarioError> {
    resolve_on(source, overrides, 0).map(|(scenario, _)| scenario)
}

/// Resolves a scenario on each of its kernels, in the order of its `kernels`; a scenario with one `kernel` gives one.
/// With several, each is called after the scenario and its kernel, and [`Scenario::family`] is the scenario's own name.
///
/// # Errors
/// As [`resolve`].
pub fn resolve_all(source: &Source, overrides: &Overrides) -> Result<Vec<Scenario>, ScenarioError> {
    let (first, count) = resolve_on(source, overrides, 0)?;
    let mut all = vec![first];
    for at in 1..count {
        all.push(resolve_on(source, overrides, at)?.0);
    }
    if count > 1 {
        for s in &mut all {
            let family = s.name.clone();
            s.name = member_name(&family, &s.kernel_name);
            s.family = Some(family);
        }
    }
    Ok(all)
}

/// `kernel-upgrade-6.1`, fit for a folder.
fn member_name(family: &str, kernel: &str) -> String {
    let plain: String = kernel
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-') { c } else { '_' })
        .collect();
    let room = 63_usize.saturating_sub(plain.len());
    format!("{}-{plain}", &family[..family.len().min(room)])
}

/// Resolves the scenario on kernel number `at` of its list; also says how many there are.
fn resolve_on(source: &Source, overrides: &Overrides, at: usize) -> Result<(Scenario, usize), ScenarioError> {
    let mut cx = Context::new(source.clone());
    let Some(root) = parse_root(&mut cx, source) else { return Err(failed(cx)) };
    resolve_tree(cx, root, source, overrides, at)
}

/// The same of a tree that was read before.
pub(crate) fn resolve_tree(
    mut cx: Context,
    mut root: Node,
    source: &Source,
    overrides: &Overrides,
    at: usize,
) -> Result<(Scenario, usize), ScenarioError> {
    overrides::apply(&mut cx, &mut root, overrides);
    let listed = listed_kernels(&mut cx, &root);
    let overridden = overrides.kernel.is_some();
    let count = if overridden { 1 } else { listed.len().max(1) };
    if let Some(kernel) = listed.get(at).or(listed.first()) {
        // A scenario that has both keeps them, and is told so.
        let both = Fields::of(keys::ROOT, &root).get("kernel").is_some() && !overridden;
        if !both {
            choose_kernel(&mut root, kernel);
        }
    }
    cx.kernels.clone_from(&listed);
    let partial = resolve_root(&mut cx, &root, source);
    let has_errors = cx.has_errors();
    match (partial, has_errors) {
        (Some(mut scenario), false) => {
            scenario.warnings = cx.finish()?;
            scenario.kernels = listed;
            Ok((scenario, count))
        }
        _ => Err(failed(cx)),
    }
}

pub(crate) fn failed(cx: Context) -> ScenarioError {
    match cx.finish() {
        Err(e) => e,
        // Only reached together with an error; the warnings alone would still say what was seen.
        Ok(diagnostics) => ScenarioError { diagnostics },
    }
}

pub(crate) fn parse_root(cx: &mut Context, source: &Source) -> Option<Node> {
    match yaml::parse(source.text(), 0) {
        Err(e) => {
            cx.error(e.at, e.message).help = e.help;
            None
        }
        Ok(Node { value: Value::Null, at }) => {
            cx.error(at, "this scenario is empty").help =
                Some("`skmem new NAME` writes a scenario to start from".to_owned());
            None
        }
        Ok(root @ Node { value: Value::Map(_), .. }) => Some(root),
        Ok(Node { at, .. }) => {
            cx.error(at, "a scenario is a mapping of keys to values").expected =
                Some("lines such as `kernel: 6.1`".to_owned());
            None
        }
    }
}

fn resolve_root(cx: &mut Context, root: &Node, source: &Source) -> Option<Scenario> {
    let fields = cx.fields(keys::ROOT, root, "a scenario");
    let name = resolve_name(cx, &fields, source);
    let about = match fields.get("about") {
        Some((key, entry)) => cx.text(key, &entry.value).unwrap_or("").trim().to_owned(),
        None => String::new(),
    };
    let mut inferred = Vec::new();
    let kernel = resolve_kernel_key(cx, &fields, &mut inferred);
    // The other keys are checked all the same, against some kernel, so that all mistakes show at once.
    let (profile, kernel_name) = kernel.clone().unwrap_or((sim_core::linux::ALL[0], String::new()));
    let known = kernel.is_some();
    let seed = match fields.get("seed") {
        Some(_) => fields.number(cx, "seed"),
        None => default_number(keys::ROOT, "seed"),
    };
    let [forward, reverse] = path::resolve(cx, &fields);
    let empty = Node { at: root.at, value: Value::Null };
    let section = |name| fields.get(name).map_or(&empty, |(_, e)| &e.value);
    let memory = resolve_ram(cx, section("host"), profile, &mut inferred);
    let machine = endpoint::Machine { profile, known, memory };
    let (mut sender, sender_nic) =
        endpoint::resolve(cx, keys::SENDER, section("sender"), "sender", machine, &mut inferred);
    let (mut receiver, mut receiver_nic) =
        endpoint::resolve(cx, keys::RECEIVER, section("receiver"), "receiver", machine, &mut inferred);
    if let (Some(sender), Some(receiver)) = (&mut sender, &mut receiver) {
        apps::pair(cx, [section("sender"), section("receiver")], sender, receiver);
    }
    let host = resolve_host(cx, section("host"), memory, &mut inferred);
    let events = resolve_events(cx, &fields);
    let stop = resolve_stop(cx, &fields);
    let base = flows::Base {
        machine: endpoint::Machine { known: false, ..machine },
        written: [section("sender"), section("receiver")],
        resolved: sender.as_ref().zip(receiver.as_ref()).map(|(s, r)| [s, r]),
    };
    let flows = flows::resolve(cx, &fields, &base, &mut inferred);
    let expectations = expect::resolve(cx, &fields, &kernel_name);
    let mut config = (|| {
        Some(RunConfig {
            kernel: profile,
            seed: seed?,
            forward,
            reverse,
            sender: sender?,
            receiver: receiver?,
            flows,
            host: host?,
            events,
            stop: stop?,
        })
    })();
    let inject = inject::resolve(cx, &fields, config.as_mut(), &mut receiver_nic);
    kernel?;
    let config = config?;
    dedup(&mut inferred);
    Some(Scenario {
        name: name?,
        about,
        config,
        inject,
        expectations,
        warnings: Vec::new(),
        inferred,
        kernels: Vec::new(),
        family: None,
        kernel_name,
        nic_names: [sender_nic, receiver_nic],
    })
}

/// Keeps the first of equal lines: several connections infer the same.
fn dedup(lines: &mut Vec<String>) {
    let mut seen = Vec::new();
    lines.retain(|l| {
        !seen.contains(l) && {
            seen.push(l.clone());
            true
        }
    });
}

/// Whether a text can be the name of a scenario, and of the folder that its results go to.
pub(crate) fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (1..=64).contains(&text.len()) && text.chars().all(plain) && !text.starts_with(['.', '-'])
}

fn resolve_name(cx: &mut Context, fields: &Fields<'_>, source: &Source) -> Option<String> {
    let Some((key, entry)) = fields.get("name") else {
        let stem: String = source
            .stem()
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_') { c } else { '-' })
            .collect();
        let stem = stem.trim_start_matches(['.', '-']);
        let stem = &stem[..stem.len().min(64)];
        return Some(if is_name(stem) { stem.to_owned() } else { "scenario".to_owned() });
    };
    let text = cx.text(key, &entry.value)?;
    if is_name(text) {
        return Some(text.to_owned());
    }
    let message = format!("`{}` cannot be the name of a scenario", units::shorten(text));
    cx.error(entry.value.at, message).expected = Some(keys::takes(&Kind::Name));
    None
}

fn resolve_kernel_key(
    cx: &mut Context,
    fields: &Fields<'_>,
    inferred: &mut Vec<String>,
) -> Option<(&'static KernelProfile, String)> {
    let Some((key, entry)) = fields.get("kernel") else {
        if fields.get("kernels").is_some() {
            // None of them is a kernel, which was said already.
            return None;
        }
        let d = cx.error(fields.at, "the scenario does not say which kernel it runs on");
        d.expected = Some(format!("`kernel:` with {}", keys::takes(&Kind::Kernel)));
        return None;
    };
    if let Some((_, several)) = fields.get("kernels") {
        let d = cx.error(several.at.max(entry.at), "`kernel` and `kernels` both say where the scenario runs");
        d.help = Some("keep one of the two".to_owned());
        return None;
    }
    let text = cx.text(key, &entry.value)?;
    let found = kernel_named(cx, key, entry.value.at, text)?;
    if !found.recorded {
        let base = sim_core::linux::by_name(found.profile.series()).unwrap_or(found.profile);
        let why = found.why.map_or_else(String::new, |why| format!(" ({why})"));
        inferred.push(format!("kernel {}: inferred from {}{why}", text.trim(), base.release));
    }
    Some((found.profile, text.trim().to_owned()))
}

fn kernel_named(cx: &mut Context, key: &keys::Key, at: Place, text: &str) -> Option<KernelName> {
    match resolve_kernel(text) {
        Ok(found) => Some(found),
        Err(e) => {
            let d = cx.error(at, e.message);
            d.expected = Some(keys::takes(&key.kind));
            d.help = Some(e.help);
            None
        }
    }
}

/// The kernels that `kernels` lists; empty if the scenario has one `kernel`.
fn listed_kernels(cx: &mut Context, root: &Node) -> Vec<String> {
    let fields = Fields::of(keys::ROOT, root);
    let Some((key, entry)) = fields.get("kernels") else { return Vec::new() };
    let Value::List(items) = &entry.value.value else {
        cx.error(entry.value.at, "`kernels` must be a list").expected = Some(keys::takes(&key.kind));
        return Vec::new();
    };
    let mut found: Vec<String> = Vec::new();
    for item in items {
        let Some(text) = cx.text(key, item) else { continue };
        let name = text.trim().to_owned();
        if kernel_named(cx, key, item.at, text).is_none() {
            continue;
        }
        if found.contains(&name) {
            cx.error(item.at, format!("kernel {name} is listed twice"));
        }
        found.push(name);
    }
    if items.is_empty() {
        cx.error(entry.value.at, "`kernels` is empty").expected = Some(keys::takes(&key.kind));
    } else if found.len() > MAX_KERNELS {
        cx.error(entry.value.at, format!("these are more than {MAX_KERNELS} kernels"));
    }
    found
}

/// Makes the scenario one of a single kernel: the `kernels` are replaced by `kernel`.
fn choose_kernel(root: &mut Node, kernel: &str) {
    let Value::Map(entries) = &mut root.value else { return };
    let chosen = entries.iter().any(|e| e.key == "kernel");
    if chosen {
        entries.retain(|e| e.key != "kernels");
    } else if let Some(entry) = entries.iter_mut().find(|e| e.key == "kernels") {
        entry.key = "kernel".to_owned();
        entry.value.value = Value::Scalar(kernel.to_owned());
    }
}

/// What `kernel` computes from `host.ram`.
fn resolve_ram(
    cx: &mut Context,
    node: &Node,
    kernel: &KernelProfile,
    inferred: &mut Vec<String>,
) -> Option<MemoryDefaults> {
    let ram: u64 = Fields::of(keys::HOST, node).number(cx, "ram")?;
    inferred.push(format!(
        "host.ram {}: what the kernel had taken when TCP began is computed, within 0.2 % of the recorded machines",
        units::format_size(ram)
    ));
    Some(MemoryDefaults::of_ram(kernel, ram))
}

fn resolve_host(
    cx: &mut Context,
    node: &Node,
    memory: Option<MemoryDefaults>,
    inferred: &mut Vec<String>,
) -> Option<HostConfig> {
    let host = cx.fields(keys::HOST, node, "host");
    let tcp_mem = match host.get("tcp_mem") {
        Some((key, e)) => cx.triple(key, &e.value),
        None if memory.is_some() => memory.map(|m| m.tcp_mem),
        None => {
            let key = keys::find(keys::HOST, "tcp_mem")?;
            cx.triple(key, &Node { at: host.at, value: Value::Scalar(key.default.to_owned()) })
        }
    };
    let hz: u32 = match host.get("hz") {
        Some((key, e)) => cx.choice(key, &e.value, &keys::HZ)?.parse().unwrap_or(250),
        None => 250,
    };
    if hz != 250 {
        inferred.push(format!("host.hz {hz}: the recorded kernels have 250"));
    }
    let since_tick: u64 = host.number(cx, "since_tick").unwrap_or(0);
    let tick = 1_000_000_000 / u64::from(hz);
    if since_tick >= tick {
        let message =
            format!("`since_tick`: the last tick was less than one tick ({}) ago", units::format_time(tick));
        cx.error(host.place("since_tick"), message);
    }
    let jiffies: Option<u64> = match host.get("jiffies") {
        Some(_) => host.number(cx, "jiffies"),
        None => default_number(keys::HOST, "jiffies"),
    };
    let packet_cost: Option<u64> = match host.get("packet_cost") {
        Some(_) => host.number(cx, "packet_cost"),
        None => default_number(keys::HOST, "packet_cost"),
    };
    let skb = resolve_layout(cx, &host, inferred)?;
    Some(HostConfig {
        skb,
        hz,
        since_tick: SimDuration::from_nanos(since_tick),
        jiffies: jiffies?,
        tcp_mem: tcp_mem?,
        copy_rate: host.number(cx, "copy_rate").unwrap_or(0),
        packet_cost: SimDuration::from_nanos(packet_cost?),
        steps: StepShares::default(),
        calls: resolve_calls(cx, &host),
    })
}

/// What the programs' calls cost, and who makes them.
fn resolve_calls(cx: &mut Context, host: &Fields<'_>) -> CallConfig {
    CallConfig {
        one_thread: host.switch(cx, "one_thread").unwrap_or(false),
        threaded_softirqs: host.switch(cx, "threadirqs").unwrap_or(false),
        ..CallConfig::costing(SimDuration::from_nanos(host.number(cx, "call_cost").unwrap_or(0)))
    }
}

/// Sizes of skb structures, by the machine and the kernel's configuration.
fn resolve_layout(cx: &mut Context, host: &Fields<'_>, inferred: &mut Vec<String>) -> Option<SkbLayout> {
    let cache_line: u32 = match host.get("cache_line") {
        Some((key, e)) => cx.choice(key, &e.value, &keys::CACHE_LINES)?.parse().ok()?,
        None => 64,
    };
    let max_frags: u16 = host.number(cx, "max_skb_frags").unwrap_or(17);
    if (cache_line, max_frags) != (64, 17) {
        inferred.push(format!(
            "host.cache_line {cache_line}, host.max_skb_frags {max_frags}: the recorded kernels have 64 and 17"
        ));
    }
    SkbLayout::new(cache_line, max_frags)
}

fn resolve_events(cx: &mut Context, root: &Fields<'_>) -> Vec<TimedChange> {
    let mut events: Vec<TimedChange> = Vec::new();
    let Some((key, entry)) = root.get("events") else { return events };
    let Value::List(items) = &entry.value.value else {
        cx.error(entry.value.at, "`events` must be a list").expected = Some(keys::takes(&key.kind));
        return events;
    };
    let mut last = SimDuration::ZERO;
    for item in items {
        let event = cx.fields(keys::EVENT, item, "an event");
        let Some(at) = event.required(cx, "at", "an event").map(SimDuration::from_nanos) else { continue };
        if at < last {
            let message = format!(
                "this event is earlier than the one before it, which is at {}",
                units::format_time(last.as_nanos())
            );
            cx.error(event.place("at"), message).help = Some("write the events in order of time".to_owned());
        }
        last = at;
        let mut changes = Vec::new();
        for (name, side) in [
            ("receiver.sockopt", Change::ReceiverOption as fn(LiveOption) -> Change),
            ("sender.sockopt", Change::SenderOption),
        ] {
            if let Some((_, e)) = event.get(name) {
                changes.extend(live_options(cx, &e.value, name).into_iter().map(side));
            }
        }
        if let Some((key, e)) = event.get("snapshot")
            && let Some(name) = cx.text(key, &e.value)
        {
            if is_name(name) {
                changes.push(Change::Snapshot(name.to_owned()));
            } else {
                let message = format!("`{}` cannot be the name of a snapshot", units::shorten(name));
                cx.error(e.value.at, message).expected = Some(keys::takes(&Kind::Name));
            }
        }
        if let Some(bytes) = event.number(cx, "receiver.read") {
            changes.push(Change::ReceiverRead(bytes));
        }
        for (name, side) in
            [("receiver.", Change::ReceiverEnding as fn(Ending) -> Change), ("sender.", Change::SenderEnding)]
        {
            if let Some((key, e)) = event.get(&format!("{name}shutdown"))
                && cx.choice(key, &e.value, &keys::SHUTDOWN).is_some()
            {
                changes.push(side(Ending::HalfClose));
            }
            if event.switch(cx, &format!("{name}close")) == Some(true) {
                changes.push(side(Ending::Close));
            }
        }
        for (name, link) in [
            ("path.forward", Change::ForwardDown as fn(bool) -> Change),
            ("path.reverse", Change::ReverseDown),
        ] {
            if let Some((key, e)) = event.get(name)
                && let Some(state) = cx.choice(key, &e.value, &keys::LINK_STATES)
            {
                changes.push(link(state == "down"));
            }
        }
        if changes.is_empty() && !cx.has_errors() {
            cx.error(item.at, "this event changes nothing").expected = Some(keys::takes(&key.kind));
        }
        events.extend(changes.into_iter().map(|change| TimedChange { at, change }));
    }
    events
}

/// The options of one event, in the order of the text: setting one may change what the next one does.
pub(crate) fn live_options(cx: &mut Context, node: &Node, what: &str) -> Vec<LiveOption> {
    let fields = cx.fields(keys::LIVE, node, what);
    let Value::Map(entries) = &node.value else { return Vec::new() };
    let mut options = Vec::new();
    for entry in entries {
        let Some(v) = fields.get(&entry.key).and_then(|_| fields.number(cx, &entry.key)) else { continue };
        options.push(match entry.key.as_str() {
            "SO_RCVBUF" => LiveOption::RcvBuf(v),
            "SO_RCVBUFFORCE" => LiveOption::RcvBufForce(v),
            "SO_SNDBUF" => LiveOption::SndBuf(v),
            "SO_RCVLOWAT" => LiveOption::RcvLowat(v),
            "TCP_WINDOW_CLAMP" => LiveOption::WindowClamp(v),
            _ => LiveOption::QuickAck(v),
        });
    }
    options
}

fn resolve_stop(cx: &mut Context, root: &Fields<'_>) -> Option<StopConfig> {
    let always = units::parse_time(STOP_ALWAYS).ok().map(SimDuration::from_nanos)?;
    let mut stop = StopConfig {
        after: default_number(keys::STOP, "after").map(SimDuration::from_nanos)?,
        bytes: None,
        returned: None,
        packets: None,
        max_events: default_number(keys::STOP, "max_events")?,
        closing: None,
    };
    let Some((_, entry)) = root.get("stop") else { return Some(stop) };
    let fields = cx.fields(keys::STOP, &entry.value, "stop");
    if ["after", "bytes", "returned", "packets"].iter().all(|name| fields.get(name).is_none()) {
        let d = cx.error(entry.at, "with this `stop` the run would never end");
        d.expected = Some("`after`, `bytes`, `returned` or `packets`".to_owned());
        d.help = Some(
            "for example `stop: {after: 5s}`, which is also what a scenario without `stop` has".to_owned(),
        );
        return None;
    }
    stop.after = match fields.get("after") {
        Some(_) => fields.number(cx, "after").map(SimDuration::from_nanos)?,
        None => always,
    };
    stop.bytes = fields.number(cx, "bytes");
    stop.returned = fields.number(cx, "returned");
    stop.packets = fields.number(cx, "packets");
    if fields.get("max_events").is_some() {
        stop.max_events = fields.number(cx, "max_events")?;
    }
    Some(stop)
}

/// Refuses two scenarios of one name in one invocation: their results would go to the same place.
///
/// # Errors
/// A sentence that names the scenario and both sources.
pub fn check_unique_names<'a>(
    scenarios: impl IntoIterator<Item = (&'a str, &'a Scenario)>,
) -> Result<(), String> {
    let mut seen = std::collections::BTreeMap::new();
    for (from, scenario) in scenarios {
        if let Some(first) = seen.insert(scenario.name.as_str(), from) {
            return Err(format!(
                "two scenarios are called `{}` ({first} and {from}); give one of them another `name`",
                scenario.name
            ));
        }
    }
    Ok(())
}
