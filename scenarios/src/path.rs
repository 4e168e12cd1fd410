//! The path between the hosts: both directions alike, or each on its own.

use sim_core::config::{
    Chance, CodelConfig, Discipline, Distribution, FairQueue, Jitter, LinkConfig, Loss, Overhead,
    Probability, QueueConfig, QueueLimit, Reorder, Shaper, Tokens,
};
use sim_core::time::SimDuration;

use crate::context::{Context, Fields, default_number};
use crate::keys::{self, Key};
use crate::path_keys::{DISTRIBUTIONS, FQ_KEYS, QUEUES, TBF_KEYS};
use crate::units;
use crate::yaml::{Entry, Place, Value};

/// Ethernet header of a packet in a queue, bytes.
const LINK_HEADER: u32 = 14;

/// Which of the wishes for a direction were written, and where what may not fit stands.
#[derive(Clone, Default)]
struct LinkParts {
    config: LinkConfig,
    has_delay: bool,
    overhead_at: Option<Place>,
    jitter_at: Option<Place>,
    reorder_at: Option<Place>,
    queue: Option<QueueParts>,
    in_host_at: Option<Place>,
}

#[derive(Clone, Copy)]
struct QueueParts {
    at: Place,
    limit_at: Place,
    discipline: Discipline,
    limit: QueueLimit,
    /// The quantum follows from the MTU.
    default_quantum: bool,
    ecn: bool,
    burst: Option<(u32, Place)>,
}

/// Reads `path`: the way there, and back.
pub(crate) fn resolve(cx: &mut Context, root: &Fields<'_>) -> [LinkConfig; 2] {
    let defaults = LinkParts {
        config: LinkConfig {
            limit: default_number(keys::PATH, "limit").unwrap_or(1_000),
            mtu: default_number(keys::PATH, "mtu").unwrap_or(65_536),
            ..LinkConfig::default()
        },
        ..LinkParts::default()
    };
    let Some((_, entry)) = root.get("path") else { return [(); 2].map(|()| defaults.config.clone()) };
    let path = cx.fields(keys::PATH, &entry.value, "path");
    let both = link_parts(cx, &path, &defaults);
    let rtt: Option<u64> = path.number(cx, "rtt");
    if let (Some((_, rtt)), Some((_, delay))) = (path.get("rtt"), path.get("delay")) {
        let d = cx.error(rtt.at.max(delay.at), "`rtt` and `delay` both say how long the path is");
        d.help = Some("keep one: `delay` is one way, `rtt` is there and back".to_owned());
    }
    let shared = path.switch(cx, "shared_qdisc").unwrap_or(false);
    if let (true, Some((key, e))) = (shared, path.get("forward").or(path.get("reverse"))) {
        let d = cx.error(
            e.at,
            format!("`shared_qdisc` has one queue for both directions, but `{}` is apart", key.name),
        );
        d.help = Some("give both directions the same keys, under `path` itself".to_owned());
    }
    // An odd number of nanoseconds: the way back takes the longer half, unless both are one.
    let halves = rtt.map(|ns| [ns / 2, if shared { ns / 2 } else { ns - ns / 2 }]);
    let mut warned = Vec::new();
    [("forward", 0), ("reverse", 1)].map(|(name, i)| {
        let mut parts = both.clone();
        if let Some((_, e)) = path.get(name) {
            let link = cx.fields(keys::LINK, &e.value, name);
            if let (Some((_, rtt)), Some((_, delay))) = (path.get("rtt"), link.get("delay")) {
                let d = cx.error(
                    rtt.at.max(delay.at),
                    format!("`rtt` and `{name}.delay` both say how long the path is"),
                );
                d.help = Some("give each direction its own `delay`, without `rtt`".to_owned());
            }
            parts = link_parts(cx, &link, &both);
        }
        if let (Some(halves), false) = (halves, parts.has_delay) {
            parts.config.delay = SimDuration::from_nanos(halves[i]);
        }
        LinkConfig { both_ways: shared && i == 0, ..finish(cx, parts, &mut warned) }
    })
}

fn link_parts(cx: &mut Context, link: &Fields<'_>, base: &LinkParts) -> LinkParts {
    let mut parts = base.clone();
    let c = &mut parts.config;
    if let Some(ns) = link.number(cx, "delay") {
        (c.delay, parts.has_delay) = (SimDuration::from_nanos(ns), true);
    }
    c.limit = link.number(cx, "limit").unwrap_or(c.limit);
    c.mtu = link.number(cx, "mtu").unwrap_or(c.mtu);
    if link.get("rate").is_some() {
        // A rate of `unlimited` undoes the one of both directions.
        c.rate_bps = link.number(cx, "rate");
    }
    if let Some((key, e)) = link.get("overhead") {
        c.overhead = overhead(cx, key, e);
        parts.overhead_at = Some(e.at);
    }
    if let Some((key, e)) = link.get("loss") {
        c.loss = loss(cx, key, e).unwrap_or_default();
    }
    if let Some((key, e)) = link.get("jitter") {
        c.jitter = jitter(cx, key, e);
        parts.jitter_at = Some(e.value.at);
    }
    if let Some(on) = link.switch(cx, "local_qdisc") {
        c.in_host = on;
        parts.in_host_at = Some(link.place("local_qdisc"));
    }
    if let Some((_, e)) = link.get("tbf") {
        let fields = cx.fields(keys_of_section(link, "tbf"), &e.value, "tbf");
        c.shaper = tbf(cx, &fields).map(Shaper::Tokens);
    }
    if let Some((_, e)) = link.get("fq") {
        if link.get("tbf").is_some() {
            cx.error(e.at, "`fq` and `tbf` are both the queue of the sending host's device").help = Some(
                "keep one of the two; `fq: {maxrate: ...}` bounds the rate of each connection".to_owned(),
            );
        }
        let fields = cx.fields(FQ_KEYS, &e.value, "fq");
        c.shaper = fq(cx, &fields).map(Shaper::Fair);
    }
    if let Some((_, e)) = link.get("reorder") {
        let fields = cx.fields(keys_of_section(link, "reorder"), &e.value, "reorder");
        c.reorder = reorder(cx, &fields);
        parts.reorder_at = Some(e.at);
    }
    if let Some((key, e)) = link.get("duplicate") {
        let fields = cx.short_fields(key, e);
        c.duplicate = chance(cx, &fields).unwrap_or_default();
    }
    if let Some((key, e)) = link.get("queue") {
        parts.queue = queue(cx, key, e);
    }
    parts
}

/// The keys of a section of a link.
fn keys_of_section(link: &Fields<'_>, name: &str) -> &'static [Key] {
    match link.get(name).map(|(key, _)| key.kind) {
        Some(keys::Kind::Section(inner)) => inner,
        _ => &[],
    }
}

/// What depends on several keys of a direction. Both directions may have the same mistake, which is said once:
/// `said` has its places.
fn finish(cx: &mut Context, parts: LinkParts, said: &mut Vec<Place>) -> LinkConfig {
    let mut config = parts.config;
    let mut first = |at: Place| {
        let new = !said.contains(&at);
        said.push(at);
        new
    };
    if let (Some(j), Some(at)) = (config.jitter, parts.jitter_at)
        && j.mean > config.delay
        && first(at)
    {
        let message = format!(
            "`jitter` {} is larger than the delay of {}",
            units::format_time(j.mean.as_nanos()),
            units::format_time(config.delay.as_nanos())
        );
        cx.warn(at, message).help =
            Some("a packet whose draw is below zero is sent at once, as netem does".to_owned());
    }
    if let (None, Some(at)) = (config.rate_bps, parts.overhead_at)
        && config.overhead != Overhead::default()
        && first(at)
    {
        let d = cx.error(at, "`overhead` is about the rate, and there is none");
        d.help = Some("give the path a `rate`, such as 16mbit".to_owned());
    }
    if let (Some(_), Some(at)) = (config.reorder, parts.reorder_at)
        && config.delay == SimDuration::ZERO
        && first(at)
    {
        let d = cx.error(at, "`reorder` sends packets before those that are delayed, but there is no delay");
        d.help = Some("give the path a `delay` or an `rtt`".to_owned());
    }
    if let (true, Some(_), Some(at)) = (config.in_host, &parts.queue, parts.in_host_at)
        && first(at)
    {
        let d =
            cx.error(at, "`local_qdisc` is about the link's own `limit`, which a `queue` takes the place of");
        d.help = Some("keep one of the two".to_owned());
    }
    if let Some(q) = parts.queue {
        config.queue = finish_queue(cx, q, &config, &mut first);
    }
    config
}

fn finish_queue(
    cx: &mut Context,
    q: QueueParts,
    link: &LinkConfig,
    first: &mut impl FnMut(Place) -> bool,
) -> Option<QueueConfig> {
    if link.rate_bps.is_none() {
        if first(q.at) {
            let d = cx.error(q.at, "`queue` has no rate that it could stand in front of");
            d.help = Some("give the path a `rate`, such as 100mbit".to_owned());
        }
        return None;
    }
    let frame = link.mtu + LINK_HEADER;
    if let QueueLimit::Bytes(n) = q.limit
        && n < u64::from(frame)
        && first(q.limit_at)
    {
        let message = format!("a queue of {} holds no packet of {frame} bytes", units::format_size(n));
        cx.warn(q.limit_at, message).help = Some("give the path an `mtu`, such as 1500".to_owned());
    }
    let discipline = match q.discipline {
        Discipline::FqCodel { codel, flows, .. } if q.default_quantum => {
            Discipline::FqCodel { codel, flows, quantum: frame }
        }
        other => other,
    };
    if let Some((burst, at)) = q.burst
        && burst < frame
        && first(at)
    {
        let d = cx.error(at, format!("`burst` {burst} never lets a packet of {frame} bytes pass"));
        d.help =
            Some(format!("a full packet of the MTU with its Ethernet header: {frame}, or a smaller `mtu`"));
    }
    Some(QueueConfig { discipline, limit: q.limit, burst: q.burst.map(|(bytes, _)| bytes), ecn: q.ecn })
}

fn fq(cx: &mut Context, fields: &Fields<'_>) -> Option<FairQueue> {
    let limit = fields.number(cx, "limit").or_else(|| default_number(FQ_KEYS, "limit"));
    let flow_limit = fields.number(cx, "flow_limit").or_else(|| default_number(FQ_KEYS, "flow_limit"));
    // A rate of `unlimited` is none. `tc` counts bytes as well.
    let max_rate = fields.number::<u64>(cx, "maxrate").map(|bits| (bits / 8).max(1));
    Some(FairQueue { limit: limit?, flow_limit: flow_limit?, max_rate })
}

fn tbf(cx: &mut Context, fields: &Fields<'_>) -> Option<Tokens> {
    // A rate of `unlimited` is no bucket.
    let rate_bps = fields.required(cx, "rate", "`tbf`")?;
    let burst = fields.number(cx, "burst").or_else(|| default_number(TBF_KEYS, "burst"));
    let limit = fields.number(cx, "limit").or_else(|| default_number(TBF_KEYS, "limit"));
    Some(Tokens { rate_bps, burst: burst?, limit: limit? })
}

fn percent(cx: &mut Context, fields: &Fields<'_>, name: &str) -> Option<Probability> {
    fields.number(cx, name).map(Probability)
}

/// `probability` and `correlation`.
fn chance(cx: &mut Context, fields: &Fields<'_>) -> Option<Chance> {
    let correlation = percent(cx, fields, "correlation").unwrap_or_default();
    if fields.get("probability").is_none() {
        cx.error(fields.at, "this needs a `probability`").expected = Some("a percentage".to_owned());
        return None;
    }
    Some(Chance { probability: percent(cx, fields, "probability")?, correlation })
}

fn loss(cx: &mut Context, key: &Key, entry: &Entry) -> Option<Loss> {
    let fields = cx.short_fields(key, entry);
    let ways = ["probability", "every", "packets", "gilbert-elliott"];
    let mut chosen = ways.iter().filter_map(|name| fields.get(name));
    let Some((way, first)) = chosen.next() else {
        if !cx.has_errors() {
            cx.error(entry.value.at, "`loss` does not say which packets").expected =
                Some(keys::takes(&key.kind));
        }
        return None;
    };
    if let Some((other, second)) = chosen.next() {
        let message = format!("`{}` and `{}` both say which packets are lost", way.name, other.name);
        cx.error(first.at.max(second.at), message).help = Some("keep one of the two".to_owned());
        return None;
    }
    if way.name != "probability"
        && let Some((_, e)) = fields.get("correlation")
    {
        cx.error(e.at, format!("`correlation` belongs to `probability`, not to `{}`", way.name));
        return None;
    }
    match way.name {
        "probability" => {
            let chance = chance(cx, &fields)?;
            // A loss of 0 % takes back that of both directions.
            Some(if chance.probability == Probability::NEVER { Loss::None } else { Loss::Random(chance) })
        }
        "every" => fields.number(cx, "every").map(Loss::Every),
        "packets" => cx.numbers(way, &first.value).map(Loss::Listed),
        _ => gilbert_elliott(cx, first),
    }
}

fn gilbert_elliott(cx: &mut Context, entry: &Entry) -> Option<Loss> {
    let fields = cx.fields(keys::GILBERT_ELLIOTT, &entry.value, "gilbert-elliott");
    if fields.get("p").is_none() {
        if !matches!(entry.value.value, Value::Map(_)) {
            return None;
        }
        cx.error(entry.at, "`gilbert-elliott` needs `p`").expected =
            Some("the probability of going from the good state to the bad one".to_owned());
        return None;
    }
    let p = percent(cx, &fields, "p")?;
    let mut other = |name, default| match fields.get(name) {
        Some(_) => percent(cx, &fields, name),
        None => Some(default),
    };
    let r = other("r", p.complement())?;
    let h = other("h", Probability::NEVER)?;
    let k = other("k", Probability::ALWAYS)?;
    if p != Probability::NEVER && r == Probability::NEVER {
        let d = cx.warn(fields.place("r"), "`r` is 0%: what has gone to the bad state stays there");
        d.help = Some("give it the inverse of the mean length of a burst, such as 10%".to_owned());
    }
    Some(Loss::GilbertElliott { p, r, h, k })
}

fn overhead(cx: &mut Context, key: &Key, entry: &Entry) -> Overhead {
    let fields = cx.short_fields(key, entry);
    let mut number = |name| fields.number(cx, name).unwrap_or(0);
    let [packet, cell, cell_overhead] = ["packet", "cell", "cell_overhead"].map(&mut number);
    if cell == 0
        && cell_overhead > 0
        && let Some((_, e)) = fields.get("cell_overhead")
    {
        let d = cx.error(e.at, "`cell_overhead` belongs to cells, which have no size");
        d.help = Some("give the payload of a `cell`, such as 48B for ATM".to_owned());
    }
    Overhead { packet, cell, cell_overhead }
}

fn jitter(cx: &mut Context, key: &Key, entry: &Entry) -> Option<Jitter> {
    let fields = cx.short_fields(key, entry);
    let mean = fields.required(cx, "mean", "`jitter`").map(SimDuration::from_nanos)?;
    let correlation = percent(cx, &fields, "correlation").unwrap_or_default();
    let distribution = match fields.get("distribution") {
        None => Distribution::Uniform,
        Some((key, e)) => match cx.choice(key, &e.value, &DISTRIBUTIONS)? {
            "normal" => Distribution::Normal,
            "pareto" => Distribution::Pareto,
            "paretonormal" => Distribution::ParetoNormal,
            _ => Distribution::Uniform,
        },
    };
    // A jitter of zero takes back that of both directions.
    (mean > SimDuration::ZERO).then_some(Jitter { mean, correlation, distribution })
}

fn reorder(cx: &mut Context, fields: &Fields<'_>) -> Option<Reorder> {
    let gap = fields.number(cx, "gap");
    if gap.is_none() && fields.get("probability").is_none() {
        if !cx.has_errors() {
            cx.error(fields.at, "`reorder` does not say which packets").expected =
                Some("`gap`, `probability`, or both".to_owned());
        }
        return None;
    }
    // A gap alone means all that it lets through.
    let probability = match fields.get("probability") {
        Some(_) => percent(cx, fields, "probability")?,
        None => Probability::ALWAYS,
    };
    let correlation = percent(cx, fields, "correlation").unwrap_or_default();
    let chance = Chance { probability, correlation };
    (probability != Probability::NEVER).then_some(Reorder { chance, gap: gap.unwrap_or(1) })
}

fn queue(cx: &mut Context, key: &Key, entry: &Entry) -> Option<QueueParts> {
    let fields = cx.short_fields(key, entry);
    let kind = match fields.get("kind") {
        Some((key, e)) => cx.choice(key, &e.value, &QUEUES)?,
        None => "drop-tail",
    };
    let owners: [(&str, &[&str]); 5] = [
        ("target", &QUEUES[1..]),
        ("interval", &QUEUES[1..]),
        ("ecn", &QUEUES[1..]),
        ("quantum", &QUEUES[2..]),
        ("flows", &QUEUES[2..]),
    ];
    for (name, owners) in owners {
        if let Some((_, e)) = fields.get(name)
            && !owners.contains(&kind)
        {
            cx.error(e.at, format!("`{name}` belongs to {}, not to {kind}", owners.join(" and ")));
        }
    }
    let time = |cx: &mut Context, name| match fields.get(name) {
        Some(_) => fields.number(cx, name),
        None => default_number(keys::QUEUE_KEYS, name),
    };
    let target = SimDuration::from_nanos(time(cx, "target")?);
    let interval = SimDuration::from_nanos(time(cx, "interval")?);
    let codel = CodelConfig { target, interval };
    if target >= interval {
        let d = cx.error(fields.place("target"), "`target` must be shorter than `interval`");
        d.help = Some("the usual values are 5ms and 100ms".to_owned());
    }
    let limit = match fields.get("limit") {
        None => QueueLimit::Packets(if kind == "fq_codel" { 10_240 } else { 1_000 }),
        Some((key, e)) => match cx.packets_or_bytes(key, &e.value)? {
            Ok(packets) => QueueLimit::Packets(u32::try_from(packets).unwrap_or(u32::MAX)),
            Err(bytes) if kind == "drop-tail" => QueueLimit::Bytes(bytes),
            Err(_) => {
                cx.error(e.value.at, format!("`limit` of {kind} counts packets")).expected =
                    Some("a whole number without a unit".to_owned());
                return None;
            }
        },
    };
    let quantum: Option<u32> = fields.number(cx, "quantum");
    let flows = match fields.get("flows") {
        Some(_) => fields.number(cx, "flows")?,
        None => default_number(keys::QUEUE_KEYS, "flows")?,
    };
    let discipline = match kind {
        "codel" => Discipline::Codel(codel),
        "fq_codel" => Discipline::FqCodel { codel, quantum: quantum.unwrap_or(0), flows },
        _ => Discipline::DropTail,
    };
    let limit_at = fields.place("limit");
    let ecn = fields.switch(cx, "ecn").unwrap_or(kind == "fq_codel");
    let burst = fields.number(cx, "burst").map(|bytes| (bytes, fields.place("burst")));
    Some(QueueParts {
        at: entry.at,
        limit_at,
        discipline,
        limit,
        default_quantum: quantum.is_none(),
        ecn,
        burst,
    })
}
