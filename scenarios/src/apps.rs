//! What the applications write and read.

use sim_core::config::{
    Ending, EndpointConfig, PlannedRead, ReadConfig, ReadMode, Stall, Work, WriteConfig, WriteMode,
};
use sim_core::time::SimDuration;

use crate::context::{Context, Fields, default_number};
use crate::keys::{self, Key, Kind, Mode, READ, STALL, WRITE};
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
    let mode = WriteMode::Burst {
        call: default_number(keys, "call")?,
        retry: default_number(keys, "retry").map(SimDuration::from_nanos)?,
    };
    let start = default_number(keys, "start").map(SimDuration::from_nanos)?;
    Some(WriteConfig { total: default_number(keys, "bytes"), start, ..WriteConfig::endless(mode) })
}

/// What a reader's buffer is when the scenario does not say.
fn default_buffer() -> u32 {
    let asap = READ.iter().find(|m| m.name == "asap");
    asap.and_then(|m| default_number(m.keys, "buffer")).unwrap_or(65_536)
}

/// `write`.
pub(crate) fn resolve_write(cx: &mut Context, key: &Key, node: &Node) -> Option<WriteConfig> {
    let (mode, fields, keys) = mode(cx, key, node)?;
    let time = |cx: &mut Context, name| or_default(cx, &fields, keys, name).map(SimDuration::from_nanos);
    let mut total = or_default(cx, &fields, keys, "bytes");
    let how = match mode.name {
        "burst" => {
            let call = or_default(cx, &fields, keys, "call");
            let retry = time(cx, "retry");
            WriteMode::Burst { call: call?, retry: retry? }
        }
        "chunks" => {
            let sizes = chunk_sizes(cx, &fields);
            let every = time(cx, "every");
            let in_flight = or_default(cx, &fields, keys, "in_flight");
            let prefill = or_default(cx, &fields, keys, "prefill");
            let receiver_quickack = fields.switch(cx, "receiver_quickack").unwrap_or(false);
            WriteMode::Chunks {
                sizes: sizes?,
                every: every?,
                in_flight: in_flight?,
                prefill: prefill?,
                receiver_quickack,
            }
        }
        "paced" => {
            let rate_bps: Option<u64> = fields.required(cx, "rate", "`mode: paced`");
            if rate_bps.is_none()
                && let Some((_, e)) = fields.get("rate")
                && matches!(&e.value.value, Value::Scalar(t) if t == keys::UNLIMITED)
            {
                let d = cx.error(e.value.at, "a constant rate cannot be unlimited");
                d.expected = Some("a rate such as 100mbit".to_owned());
                d.help = Some("`mode: burst` writes as fast as the socket takes it".to_owned());
            }
            let call = or_default(cx, &fields, keys, "call");
            WriteMode::Paced { rate_bps: rate_bps?, call: call? }
        }
        "request-response" => {
            let request: Option<u32> = fields.required(cx, "request", "`mode: request-response`");
            let response = fields.required(cx, "response", "`mode: request-response`");
            let think = time(cx, "think");
            // Read here so that a mistake shows; the receiver's program takes it.
            time(cx, "service");
            let count: Option<u64> = fields.number(cx, "count");
            total = count.zip(request).map(|(n, bytes)| n.saturating_mul(u64::from(bytes)));
            WriteMode::RequestResponse { request: request?, response: response?, think: think? }
        }
        "file" => {
            total = fields.required(cx, "bytes", "`mode: file`");
            let piece = or_default(cx, &fields, keys, "piece");
            total?;
            WriteMode::File { piece: piece? }
        }
        _ => return Some(WriteConfig::NEVER),
    };
    let start = time(cx, "start");
    let ending = ending(cx, &fields, keys, total);
    Some(WriteConfig { mode: how, total, start: start?, ending })
}

/// How the writer ends. An end needs an end of the writing.
fn ending(cx: &mut Context, fields: &Fields<'_>, keys: &'static [Key], total: Option<u64>) -> Ending {
    let by_default = keys::find(keys, "close").is_some_and(|k| k.default == "on");
    let half = fields.switch(cx, "half_close").unwrap_or(false);
    let close = fields.switch(cx, "close").unwrap_or(by_default && !half);
    if close && half {
        let at = fields.place("close").max(fields.place("half_close"));
        let d = cx.error(at, "`close` and `half_close` both say how the writer ends");
        d.help = Some("keep one: after `half_close` the program reads on".to_owned());
    } else if (close || half) && total.is_none() {
        let (name, bound) = match (close, keys::find(keys, "count")) {
            (true, None) => ("close", "bytes"),
            (true, Some(_)) => ("close", "count"),
            (false, None) => ("half_close", "bytes"),
            (false, Some(_)) => ("half_close", "count"),
        };
        let at = fields.place(name);
        // A mistake in the bound itself was reported; this one would only follow from it.
        if fields.get(bound).is_none() {
            cx.error(at, format!("`{name}` needs `{bound}`: a writer without it never comes to its end"));
        }
    }
    match (close, half) {
        (true, _) => Ending::Close,
        (false, true) => Ending::HalfClose,
        (false, false) => Ending::Stay,
    }
}

/// What the two ends' programs are to each other: a sender that asks makes the receiver answer, and a sender whose
/// receiver writes reads. `ends` are the sections of both.
pub(crate) fn pair(
    cx: &mut Context,
    ends: [&Node; 2],
    sender: &mut EndpointConfig,
    receiver: &mut EndpointConfig,
) {
    let own = Fields::of(keys::SENDER, ends[0]);
    let other = Fields::of(keys::RECEIVER, ends[1]);
    if let WriteMode::RequestResponse { request, response, .. } = sender.write.mode {
        if other.get("write").is_some() && receiver.write.mode != WriteMode::Never {
            let at = other.place("write");
            cx.error(at, "the receiver's program answers the sender's requests").help =
                Some("leave `receiver.write` out, or give `sender.write` another mode".to_owned());
        }
        receiver.write =
            WriteConfig::endless(WriteMode::Respond { request, response, service: service(&own) });
        match receiver.read.mode {
            ReadMode::Never if other.get("read").is_none() => {
                receiver.read = ReadConfig::asap(default_buffer());
            }
            ReadMode::Never => {
                let at = other.place("read");
                cx.error(at, "a receiver that never reads never sees a request").expected =
                    Some("`mode: asap`, `fixed` or `plan`".to_owned());
            }
            ReadMode::Echo { .. } => {
                let at = other.place("read");
                let d = cx.error(at, "an echo gives no answers to requests");
                d.help = Some("`mode: asap` reads them; the answers follow from `sender.write`".to_owned());
            }
            _ => {}
        }
    } else {
        match receiver.write.mode {
            WriteMode::RequestResponse { .. } => {
                let at = other.place("write");
                cx.error(at, "the requests are the sender's").help =
                    Some("use `sender.write: {mode: request-response}`; the receiver answers".to_owned());
            }
            WriteMode::Chunks { receiver_quickack: true, .. } => {
                let at = other.place("write");
                cx.error(at, "`receiver_quickack` is for the sender's chunks");
            }
            WriteMode::Never => {}
            _ => {
                if matches!(receiver.read.mode, ReadMode::Echo { .. }) {
                    let at = other.place("write");
                    cx.error(at, "an echo writes what it read and nothing else").help =
                        Some("leave `receiver.write` out, or give `receiver.read` another mode".to_owned());
                }
            }
        }
    }
    if matches!(sender.read.mode, ReadMode::Echo { .. }) {
        cx.error(own.place("read"), "the sender cannot be the echo: the receiver is").help =
            Some("use `receiver.read: {mode: echo}`".to_owned());
    }
    let answers =
        receiver.write.mode != WriteMode::Never || matches!(receiver.read.mode, ReadMode::Echo { .. });
    if own.get("read").is_none() && answers {
        sender.read = ReadConfig::asap(default_buffer());
    }
}

/// The time to serve a request, which was checked with its other keys.
fn service(sender: &Fields<'_>) -> SimDuration {
    let Some((Key { kind: Kind::Modes(modes), .. }, entry)) = sender.get("write") else {
        return SimDuration::ZERO;
    };
    let Some(mode) = modes.iter().find(|m| m.name == "request-response") else { return SimDuration::ZERO };
    let fields = Fields::of(mode.keys, &entry.value);
    let written = fields.get("service").and_then(|(_, e)| match &e.value.value {
        Value::Scalar(text) => units::parse_time(text).ok(),
        _ => None,
    });
    SimDuration::from_nanos(written.unwrap_or(0))
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
    let time = |cx: &mut Context, name| or_default(cx, &fields, keys, name).map(SimDuration::from_nanos);
    let how = match mode.name {
        "fixed" => {
            let bytes = fields.required(cx, "bytes", "`mode: fixed`");
            let every = fields.required(cx, "every", "`mode: fixed`").map(SimDuration::from_nanos);
            ReadMode::Fixed { bytes: bytes?, every: every? }
        }
        "asap" => {
            let buffer = or_default(cx, &fields, keys, "buffer");
            let per_call = time(cx, "cost");
            let rate_bps = or_default(cx, &fields, keys, "rate");
            let stall = stall(cx, &fields);
            let work = Work { per_call: per_call?, rate_bps };
            ReadMode::Asap { buffer: buffer?, work, stall }
        }
        "plan" => ReadMode::Plan(plan(cx, &fields)?),
        "echo" => ReadMode::Echo { buffer: or_default(cx, &fields, keys, "buffer")? },
        _ => return Some(ReadConfig::NEVER),
    };
    let start = if mode.name == "plan" { Some(SimDuration::ZERO) } else { time(cx, "start") };
    let close_at_end = fields.switch(cx, "close").unwrap_or(false);
    let close_after = fields.number(cx, "close_after");
    Some(ReadConfig { mode: how, start: start?, close_at_end, close_after })
}

/// `read.stall`.
fn stall(cx: &mut Context, fields: &Fields<'_>) -> Option<Stall> {
    let (_, entry) = fields.get("stall")?;
    let stall = cx.fields(STALL, &entry.value, "stall");
    let every = stall.required(cx, "every", "`stall`").map(SimDuration::from_nanos);
    let length = stall.required(cx, "for", "`stall`").map(SimDuration::from_nanos);
    let (every, length) = (every?, length?);
    if length >= every {
        let message = "with these pauses the program would never read";
        cx.error(stall.place("for"), message).help = Some("make `for` shorter than `every`".to_owned());
    }
    Some(Stall { every, length })
}

fn plan(cx: &mut Context, fields: &Fields<'_>) -> Option<Vec<PlannedRead>> {
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
    good.then_some(reads)
}

/// The keys of the modes of `read` or `write`, for overrides.
pub(crate) fn mode_keys(name: &str) -> impl Iterator<Item = &'static Key> {
    let modes = if name == "write" { WRITE } else { READ };
    modes.iter().filter(|m| m.supported).flat_map(|m| m.keys)
}
