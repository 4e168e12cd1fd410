//! What the applications write and read.

use sim_core::config::{PlannedRead, ReadConfig, WriteConfig};
use sim_core::time::SimDuration;

use crate::context::{Context, Fields, default_number};
use crate::keys::{self, Key, Kind, Mode, READ, WRITE};
use crate::units;
use crate::yaml::{Node, Place, Value};

/// The mode of a writer or reader, and its keys. `read: never` is short for `read: {mode: never}`.
fn mode<'n>(
    cx: &mut Context,
    key: &Key,
    node: &'n Node,
) -> Option<(&'static Mode, Fields<'n>, &'static [Key])> {
    let Kind::Modes(modes) = key.kind else { return None };
    let supported: Vec<&str> = modes.iter().filter(|m| m.supported).map(|m| m.name).collect();
    let word = match &node.value {
        Value::Map(entries) => match entries.iter().find(|e| e.key == "mode") {
            Some(e) => &e.value,
            None => {
                cx.error(node.at, format!("`{}` needs a `mode`", key.name)).expected =
                    Some(keys::takes(&key.kind));
                return None;
            }
        },
        _ => node,
    };
    if let Value::Scalar(text) = &word.value
        && let Some(planned) = modes.iter().find(|m| m.name == text && !m.supported)
    {
        let d =
            cx.error(word.at, format!("`{}: {}` is not supported by this version", key.name, planned.name));
        d.expected = Some(format!("one of {}", supported.join(", ")));
        return None;
    }
    let mode_key = Key { name: "mode", ..*key };
    let name = cx.choice(&mode_key, word, &supported)?;
    let mode = modes.iter().find(|m| m.name == name)?;
    // The keys of the mode, `mode` itself taken out.
    let rest = match &node.value {
        Value::Map(entries) => entries.as_slice(),
        _ => &[],
    };
    for entry in rest.iter().filter(|e| e.key != "mode" && keys::find(mode.keys, &e.key).is_none()) {
        let owner = modes.iter().find(|m| m.supported && keys::find(m.keys, &entry.key).is_some());
        let what = format!("`{}` with `mode: {}`", key.name, mode.name);
        match owner {
            Some(owner) => {
                let d = cx.error(entry.at, format!("`{}` is not a key of {what}", entry.key));
                d.help = Some(format!("it belongs to `mode: {}`", owner.name));
            }
            None => {
                let names = std::iter::once("mode").chain(mode.keys.iter().map(|k| k.name));
                cx.unknown_key(entry, names, &what);
            }
        }
    }
    Some((mode, Fields::of(mode.keys, node), mode.keys))
}

/// A number that was written, or the default of its key; `None` for `unlimited` and for reported mistakes.
fn or_default<T: TryFrom<i128>>(
    cx: &mut Context,
    fields: &Fields<'_>,
    keys: &'static [Key],
    name: &str,
) -> Option<T> {
    match fields.get(name) {
        Some(_) => fields.number(cx, name),
        None => default_number(keys, name),
    }
}

/// What the sender writes when the scenario does not say.
pub(crate) fn default_write() -> Option<WriteConfig> {
    let keys = WRITE.iter().find(|m| m.name == "burst")?.keys;
    Some(WriteConfig::Burst {
        total: default_number(keys, "bytes"),
        call: default_number(keys, "call")?,
        retry: default_number(keys, "retry").map(SimDuration::from_nanos)?,
        start: default_number(keys, "start").map(SimDuration::from_nanos)?,
    })
}

/// `write`.
pub(crate) fn resolve_write(cx: &mut Context, key: &Key, node: &Node) -> Option<WriteConfig> {
    let (mode, fields, keys) = mode(cx, key, node)?;
    match mode.name {
        "burst" => {
            let total = or_default(cx, &fields, keys, "bytes");
            let call = or_default(cx, &fields, keys, "call");
            let retry = or_default(cx, &fields, keys, "retry").map(SimDuration::from_nanos);
            let start = or_default(cx, &fields, keys, "start").map(SimDuration::from_nanos);
            Some(WriteConfig::Burst { total, call: call?, retry: retry?, start: start? })
        }
        "chunks" => {
            let sizes = chunk_sizes(cx, &fields);
            let every = or_default(cx, &fields, keys, "every").map(SimDuration::from_nanos);
            let in_flight = or_default(cx, &fields, keys, "in_flight");
            let prefill = or_default(cx, &fields, keys, "prefill");
            let total = or_default(cx, &fields, keys, "bytes");
            let start = or_default(cx, &fields, keys, "start").map(SimDuration::from_nanos);
            let receiver_quickack = fields.switch(cx, "receiver_quickack").unwrap_or(false);
            Some(WriteConfig::Chunks {
                sizes: sizes?,
                every: every?,
                in_flight: in_flight?,
                prefill: prefill?,
                total,
                start: start?,
                receiver_quickack,
            })
        }
        _ => Some(WriteConfig::Never),
    }
}

fn chunk_sizes(cx: &mut Context, fields: &Fields<'_>) -> Option<Vec<u32>> {
    let Some((key, entry)) = fields.get("sizes") else {
        cx.error(fields.at, "`mode: chunks` needs `sizes`").expected =
            Some("such as `sizes: [512]`".to_owned());
        return None;
    };
    let Kind::SizeList { min, max } = key.kind else { return None };
    let one = Key { kind: Kind::Size { min, max, bare: true, unlimited: false }, ..*key };
    let items: Vec<&Node> = match &entry.value.value {
        Value::List(items) => items.iter().collect(),
        _ => vec![&entry.value],
    };
    if items.is_empty() {
        cx.error(entry.value.at, "`sizes` is empty").expected = Some(keys::takes(&key.kind));
        return None;
    }
    let mut sizes = Vec::new();
    let mut good = true;
    for item in items {
        match cx.scalar(&one, item) {
            Some(crate::context::Scalar::Number(v)) => sizes.push(u32::try_from(v).unwrap_or(u32::MAX)),
            _ => good = false,
        }
    }
    good.then_some(sizes)
}

/// `read`.
pub(crate) fn resolve_read(cx: &mut Context, key: &Key, node: &Node) -> Option<ReadConfig> {
    let (mode, fields, keys) = mode(cx, key, node)?;
    match mode.name {
        "fixed" => {
            let bytes = fields.required(cx, "bytes", "`mode: fixed`");
            let every = fields.required(cx, "every", "`mode: fixed`").map(SimDuration::from_nanos);
            let start = or_default(cx, &fields, keys, "start").map(SimDuration::from_nanos);
            Some(ReadConfig::Fixed { bytes: bytes?, every: every?, start: start? })
        }
        "asap" => {
            let buffer = or_default(cx, &fields, keys, "buffer");
            let start = or_default(cx, &fields, keys, "start").map(SimDuration::from_nanos);
            let cost = or_default(cx, &fields, keys, "cost").map(SimDuration::from_nanos);
            Some(ReadConfig::Asap { buffer: buffer?, start: start?, cost: cost? })
        }
        "plan" => plan(cx, &fields),
        _ => Some(ReadConfig::Never),
    }
}

fn plan(cx: &mut Context, fields: &Fields<'_>) -> Option<ReadConfig> {
    let at: Place = fields.at;
    let Some((key, entry)) = fields.get("reads") else {
        cx.error(at, "`mode: plan` needs `reads`").expected =
            Some("such as `reads: [{at: 1s, bytes: 4KiB}]`".to_owned());
        return None;
    };
    let (Kind::List(read_keys), Value::List(items)) = (key.kind, &entry.value.value) else {
        cx.error(entry.value.at, "`reads` must be a list").expected = Some(keys::takes(&key.kind));
        return None;
    };
    let mut reads: Vec<PlannedRead> = Vec::new();
    let mut good = true;
    for item in items {
        let read = cx.fields(read_keys, item, "a planned read");
        let at = read.required(cx, "at", "a planned read").map(SimDuration::from_nanos);
        let bytes = read.required(cx, "bytes", "a planned read");
        let (Some(at), Some(bytes)) = (at, bytes) else {
            good = false;
            continue;
        };
        if let Some(last) = reads.last().filter(|last| at < last.at) {
            let message = format!(
                "this read is earlier than the one before it, which is at {}",
                units::format_time(last.at.as_nanos())
            );
            cx.error(read.place("at"), message).help = Some("write the reads in order of time".to_owned());
            good = false;
        }
        reads.push(PlannedRead { at, bytes });
    }
    good.then_some(ReadConfig::Plan(reads))
}

/// The keys of the modes of `read` or `write`, for overrides.
pub(crate) fn mode_keys(name: &str) -> impl Iterator<Item = &'static Key> {
    let modes = if name == "write" { WRITE } else { READ };
    modes.iter().filter(|m| m.supported).flat_map(|m| m.keys)
}
