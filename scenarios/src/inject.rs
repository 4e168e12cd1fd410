//! `inject`: a plan of segments and calls instead of a sender.

use sim_core::config::{NicModel, ReadMode, RunConfig, WriteConfig, WriteMode};
use sim_core::inject::{Action, DataRun, Header, Injection, PeerSyn, Step, When};
use sim_core::time::{SimDuration, SimTime};

use crate::context::{Context, Fields, default_number};
use crate::keys::{self, Kind};
use crate::resolve::live_options;
use crate::units;
use crate::yaml::{Node, Place, Value};

/// Calls that a plan may come to.
const MAX_CALLS: u64 = 1_000_000;
/// Time between the last step and the end of a run that does not say when it ends: every timer of the receiver has
/// fired by then.
const SETTLE: SimDuration = SimDuration::from_secs(1);

/// Sections of a scenario that an injected connection has no use for, and what stands in their place.
const FOREIGN: [(&str, &str); 3] = [
    ("path", "the segments reach the receiver at the times of the plan; `inject.mtu` is the device's"),
    ("sender", "the plan is the sender"),
    ("events", "give the call a step of its own in `inject.steps`"),
];

/// Reads the plan, and adapts what the rest of the scenario says: the device is a TUN unless it is named, and the run
/// ends after the last step.
pub(crate) fn resolve(
    cx: &mut Context,
    root: &Fields<'_>,
    config: Option<&mut RunConfig>,
    nic_name: &mut String,
) -> Option<Injection> {
    let (_, entry) = root.get("inject")?;
    for (name, instead) in FOREIGN {
        if let Some((_, e)) = root.get(name) {
            let d = cx.error(e.at, format!("`{name}` means nothing in a scenario with `inject`"));
            d.help = Some(instead.to_owned());
        }
    }
    let fields = cx.fields(keys::INJECT, &entry.value, "inject");
    let syn = resolve_syn(cx, &fields);
    let handshake = time_or_default(cx, &fields, "handshake");
    let step = time_or_default(cx, &fields, "step");
    let mtu: u32 = match fields.get("mtu") {
        Some(_) => fields.number(cx, "mtu")?,
        None => default_number(keys::INJECT, "mtu")?,
    };
    let mut plan = Injection { syn: syn?, handshake: handshake?, step: step?, steps: Vec::new() };
    let mut end = SimTime::ZERO.saturating_add(plan.handshake);
    let mut calls = 0;
    let mut places = Vec::new();
    if let Some((key, e)) = fields.get("steps") {
        let Value::List(items) = &e.value.value else {
            cx.error(e.value.at, "`steps` must be a list").expected = Some(keys::takes(&key.kind));
            return None;
        };
        for item in items {
            let Some(step) = resolve_step(cx, item, keys::INJECT_STEP, end) else { continue };
            // This step alone, after the end of the one before it.
            let since = SimDuration::from_nanos(end.as_nanos());
            let alone = Injection { syn: plan.syn, handshake: since, step: plan.step, steps: vec![step] };
            calls += alone.calls().max(1);
            if calls > MAX_CALLS {
                cx.error(item.at, format!("with this step the plan comes to more than {MAX_CALLS} calls"));
                return None;
            }
            end = alone.timeline().1;
            plan.steps.extend(alone.steps);
            places.push((item.at, end));
        }
    }
    adapt(cx, root, config?, mtu, nic_name, &places, end);
    Some(plan)
}

fn adapt(
    cx: &mut Context,
    root: &Fields<'_>,
    config: &mut RunConfig,
    mtu: u32,
    nic_name: &mut String,
    steps: &[(Place, SimTime)],
    end: SimTime,
) {
    config.forward.mtu = mtu;
    config.reverse.mtu = mtu;
    config.sender.write = WriteConfig::NEVER;
    let receiver = root.get("receiver").map(|(_, e)| Fields::of(keys::RECEIVER, &e.value));
    let entry = |name| receiver.as_ref().and_then(|r| r.get(name)).map(|(_, e)| e.value.at);
    match entry("nic") {
        None => {
            config.receiver.nic = NicModel::Tun.into();
            *nic_name = "tun".to_owned();
        }
        Some(at) if config.receiver.nic.model == NicModel::Loopback => {
            let d =
                cx.error(at, "injected segments do not come over loopback or veth: nobody made them there");
            d.expected = Some("a device such as tun, tap, or explicit figures".to_owned());
        }
        Some(_) => {}
    }
    if config.receiver.write.mode != WriteMode::Never {
        let at = entry("write").unwrap_or(root.at);
        cx.error(at, "`write` means nothing in a scenario with `inject`").help =
            Some("give each write a step of its own, such as `- write: 4096`".to_owned());
    }
    if config.receiver.read.mode != ReadMode::Never {
        let at = entry("read").unwrap_or(root.at);
        cx.error(at, "`read` means nothing in a scenario with `inject`").help =
            Some("give each read a step of its own, such as `- read: 4KiB`".to_owned());
    }
    if root.get("stop").is_none() {
        config.stop.after = SimDuration::from_nanos(end.as_nanos()) + SETTLE;
        return;
    }
    let stop = SimTime::ZERO.saturating_add(config.stop.after);
    if let Some((at, over)) = steps.iter().find(|(_, over)| *over > stop) {
        let message = format!(
            "this step goes on until {}, but the run ends at {}",
            units::format_time(over.as_nanos()),
            units::format_time(stop.as_nanos())
        );
        cx.error(*at, message).help = Some("raise `stop.after`, or leave `stop` out".to_owned());
    }
}

fn time_or_default(cx: &mut Context, fields: &Fields<'_>, name: &str) -> Option<SimDuration> {
    let ns = match fields.get(name) {
        Some(_) => fields.number(cx, name),
        None => default_number(keys::INJECT, name),
    };
    ns.map(SimDuration::from_nanos)
}

fn resolve_syn(cx: &mut Context, inject: &Fields<'_>) -> Option<PeerSyn> {
    let empty = Node { at: inject.at, value: Value::Null };
    let node = inject.get("syn").map_or(&empty, |(_, e)| &e.value);
    let fields = cx.fields(keys::SYN, node, "syn");
    let number = |cx: &mut Context, name: &str| match fields.get(name) {
        Some(_) => fields.number(cx, name),
        None => default_number(keys::SYN, name),
    };
    let mss = number(cx, "mss");
    let window = number(cx, "window");
    let window_scale = match fields.get("window_scale") {
        Some((key, e)) => cx.choice(key, &e.value, &keys::WINDOW_SCALES)?.parse().ok(),
        None => keys::find(keys::SYN, "window_scale")?.default.parse().ok(),
    };
    let sack = fields.switch(cx, "sack").unwrap_or(true);
    let timestamps = fields.switch(cx, "timestamps").unwrap_or(false);
    Some(PeerSyn { mss: mss?, window_scale, sack, timestamps, window: window? })
}

/// One step; `now` is when the one before it was over.
fn resolve_step(cx: &mut Context, node: &Node, keys: &'static [keys::Key], now: SimTime) -> Option<Step> {
    let fields = cx.fields(keys, node, "a step");
    let when = resolve_when(cx, &fields, now)?;
    let actions: Vec<&str> = keys
        .iter()
        .map(|k| k.name)
        .filter(|n| !matches!(*n, "at" | "wait") && fields.get(n).is_some())
        .collect();
    let action = match actions.as_slice() {
        [] if fields.get("wait").is_some() => Action::Wait,
        [] => {
            if matches!(&node.value, Value::Map(entries) if entries.is_empty()) || !cx.has_errors() {
                cx.error(node.at, "this step does nothing").expected =
                    Some(keys::takes(&Kind::List(keys::INJECT_STEP)));
            }
            return None;
        }
        [one] => resolve_action(cx, &fields, one, now)?,
        [first, second, ..] => {
            let at = fields.get(second).map_or(node.at, |(_, e)| e.at);
            cx.error(at, format!("a step does one thing, and this one has `{first}` and `{second}`")).help =
                Some("make two steps of it".to_owned());
            return None;
        }
    };
    Some(Step { when, action })
}

fn resolve_when(cx: &mut Context, fields: &Fields<'_>, now: SimTime) -> Option<When> {
    let wait = fields.get("wait");
    let Some((_, at)) = fields.get("at") else {
        let more = match wait {
            Some(_) => fields.number(cx, "wait").map(SimDuration::from_nanos)?,
            None => SimDuration::ZERO,
        };
        return Some(When::After(more));
    };
    if let Some((_, wait)) = wait {
        cx.error(at.at.max(wait.at), "`at` and `wait` both say when the step happens").help =
            Some("keep one: `at` counts from the SYN-ACK, `wait` from the step before".to_owned());
        return None;
    }
    let time = fields.number(cx, "at").map(SimDuration::from_nanos)?;
    if SimTime::ZERO.saturating_add(time) < now {
        let message = format!(
            "this step is earlier than the end of the one before it, which is at {}",
            units::format_time(now.as_nanos())
        );
        cx.error(at.value.at, message).help = Some("write the steps in order of time".to_owned());
        return None;
    }
    Some(When::At(time))
}

fn resolve_action(cx: &mut Context, fields: &Fields<'_>, name: &str, now: SimTime) -> Option<Action> {
    let (key, entry) = fields.get(name)?;
    let node = &entry.value;
    match name {
        "data" => resolve_data(cx, node).map(Action::Data),
        "ack" => {
            let ack = cx.fields(keys::INJECT_ACK, node, "ack");
            Some(Action::Ack { offset: ack.number(cx, "offset"), header: header(cx, &ack) })
        }
        "read" => fields.number(cx, name).map(Action::Read),
        "write" => fields.number(cx, name).map(Action::Write),
        "sockopt" => {
            let options = live_options(cx, node, "sockopt");
            if options.is_empty() && !cx.has_errors() {
                cx.error(node.at, "this step sets nothing").expected = Some(keys::takes(&key.kind));
            }
            (!options.is_empty()).then_some(Action::Options(options))
        }
        "shutdown" => cx.choice(key, node, &keys::SHUTDOWN).map(|_| Action::ShutdownWrite),
        "close" => {
            let on = fields.switch(cx, name)?;
            if !on {
                cx.error(node.at, "`close: off` does nothing").help = Some("leave the step out".to_owned());
            }
            on.then_some(Action::Close)
        }
        _ => resolve_repeat(cx, node, now),
    }
}

fn header(cx: &mut Context, fields: &Fields<'_>) -> Header {
    Header {
        acknowledge: fields.number(cx, "acknowledge"),
        window: fields.number(cx, "window"),
        tsval: fields.number(cx, "tsval"),
    }
}

fn resolve_data(cx: &mut Context, node: &Node) -> Option<DataRun> {
    let fields = cx.fields(keys::DATA, node, "data");
    let len: u32 = fields.required(cx, "len", "`data`")?;
    let fin = fields.switch(cx, "fin").unwrap_or(false);
    Some(DataRun {
        offset: fields.number(cx, "offset"),
        len,
        push: fields.switch(cx, "push").unwrap_or(false),
        fin,
        gso_size: fields.number(cx, "gso_size").unwrap_or(0),
        count: fields.number(cx, "count").unwrap_or(1),
        stride: fields.number(cx, "stride"),
        every: fields.number(cx, "every").map(SimDuration::from_nanos),
        header: header(cx, &fields),
    })
}

fn resolve_repeat(cx: &mut Context, node: &Node, now: SimTime) -> Option<Action> {
    let fields = cx.fields(keys::REPEAT, node, "repeat");
    let count = fields.required(cx, "count", "`repeat`");
    let Some((key, entry)) = fields.get("steps") else {
        cx.error(node.at, "`repeat` needs `steps`");
        return None;
    };
    let Value::List(items) = &entry.value.value else {
        cx.error(entry.value.at, "`steps` must be a list").expected = Some(keys::takes(&key.kind));
        return None;
    };
    let steps: Vec<Step> =
        items.iter().filter_map(|item| resolve_step(cx, item, keys::REPEATED_STEP, now)).collect();
    Some(Action::Repeat { count: count?, steps })
}
