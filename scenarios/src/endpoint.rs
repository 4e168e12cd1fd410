//! One end of the connection: sysctls, socket options, route, device.

use sim_core::config::{
    Congestion, EndpointConfig, NicConfig, NicModel, Offload, ReadConfig, RingConfig, Route, SockOpts,
    Sysctls, WriteConfig,
};
use sim_core::host::MemoryDefaults;
use sim_core::linux::KernelProfile;
use sim_core::time::SimDuration;

use crate::apps;
use crate::context::{Context, Fields, Scalar, default_number};
use crate::keys::{self, Key, Kind};
use crate::sysctls;
use crate::units;
use crate::yaml::{Node, Value};

/// What an end runs on.
#[derive(Clone, Copy)]
pub(crate) struct Machine {
    /// The kernel.
    pub(crate) profile: &'static KernelProfile,
    /// Whether it is the one that was asked for: what it ignores is then reported.
    pub(crate) known: bool,
    /// What it has computed from its memory, if that is given.
    pub(crate) memory: Option<MemoryDefaults>,
}

impl Machine {
    /// The sysctls as they are after boot.
    fn sysctls(&self) -> Sysctls {
        let mut values = self.profile.default_sysctls();
        if let Some(memory) = self.memory {
            memory.apply(&mut values);
        }
        values
    }
}

/// Reads one end, and the name of its device.
pub(crate) fn resolve(
    cx: &mut Context,
    keys: &'static [Key],
    node: &Node,
    what: &str,
    machine: Machine,
    inferred: &mut Vec<String>,
) -> (Option<EndpointConfig>, String) {
    let fields = cx.fields(keys, node, what);
    let sysctl = resolve_sysctls(cx, &fields, machine);
    let sockopt = resolve_sockopts(cx, &fields, &sysctl);
    let route = resolve_route(cx, &fields);
    let offload = resolve_offload(cx, &fields);
    let (nic, nic_name) = resolve_nic(cx, &fields, what, inferred);
    let congestion = match fields.get("congestion") {
        Some((key, e)) => match cx.choice(key, &e.value, &["cubic", "reno"]) {
            Some("reno") => Congestion::Reno,
            _ => Congestion::Cubic,
        },
        None => Congestion::Cubic,
    };
    if congestion == Congestion::Reno {
        inferred.push(format!("{what}.congestion reno: the recordings have cubic"));
    }
    let write = match fields.get("write") {
        Some((key, e)) => apps::resolve_write(cx, key, &e.value),
        None if what == "sender" => apps::default_write(),
        None => Some(WriteConfig::NEVER),
    };
    let read = match fields.get("read") {
        Some((key, e)) => apps::resolve_read(cx, key, &e.value),
        None => Some(ReadConfig::NEVER),
    };
    let config = match (write, read, nic) {
        (Some(write), Some(read), Some(nic)) => {
            Some(EndpointConfig { sysctl, sockopt, route, offload, nic, congestion, write, read })
        }
        _ => None,
    };
    (config, nic_name)
}

fn resolve_sysctls(cx: &mut Context, fields: &Fields<'_>, machine: Machine) -> Sysctls {
    let profile = machine.profile;
    let mut values = machine.sysctls();
    let Some((key, entry)) = fields.get("sysctl") else { return values };
    let entries = match &entry.value.value {
        Value::Map(entries) => entries,
        Value::Null => return values,
        _ => {
            cx.error(entry.value.at, "`sysctl` must be a mapping").expected = Some(keys::takes(&key.kind));
            return values;
        }
    };
    for e in entries {
        let Some(sysctl) = sysctls::find(&e.key) else {
            cx.unknown_key(e, sysctls::names(), "sysctl");
            continue;
        };
        let Some(value) = sysctl_value(cx, &sysctl.key, &e.value) else { continue };
        // What the kernel does not have or ignores keeps its default, so that it cannot have an effect.
        match (sysctl.ignored)(profile) {
            None => (sysctl.set)(&mut values, value),
            Some(why) => {
                if machine.known {
                    let message = format!("kernel {} ignores {}", profile.name, sysctl.key.name);
                    cx.warn(e.at, message).help = Some(why.to_owned());
                }
            }
        }
    }
    values
}

fn sysctl_value(cx: &mut Context, key: &Key, node: &Node) -> Option<[u64; 3]> {
    if matches!(key.kind, Kind::Triple { .. }) {
        return cx.triple(key, node);
    }
    let Scalar::Number(v) = cx.scalar(key, node)? else { return None };
    // A time is kept in the unit of its name.
    let v = match key.kind {
        Kind::Time { bare: Some(unit), .. } => {
            let unit = i128::from(unit);
            if v % unit != 0 {
                let smallest = units::format_time(u64::try_from(unit).unwrap_or(1));
                cx.error(node.at, format!("`{}`: the kernel counts it in steps of {smallest}", key.name));
                return None;
            }
            v / unit
        }
        _ => v,
    };
    // Signed values keep their two's complement, as the table says.
    let v = if v < 0 { i64::try_from(v).ok()? as u64 } else { u64::try_from(v).ok()? };
    Some([v, 0, 0])
}

fn resolve_sockopts(cx: &mut Context, end: &Fields<'_>, sysctl: &Sysctls) -> SockOpts {
    let Some((_, entry)) = end.get("sockopt") else { return SockOpts::default() };
    let fields = cx.fields(keys::SOCKOPT, &entry.value, "sockopt");
    let (rcvbuf, rcvbuf_force) =
        buffer(cx, &fields, ["SO_RCVBUF", "SO_RCVBUFFORCE"], "rmem_max", sysctl.rmem_max);
    let (sndbuf, sndbuf_force) =
        buffer(cx, &fields, ["SO_SNDBUF", "SO_SNDBUFFORCE"], "wmem_max", sysctl.wmem_max);
    SockOpts {
        rcvbuf,
        rcvbuf_force,
        sndbuf,
        sndbuf_force,
        rcvlowat: fields.number(cx, "SO_RCVLOWAT"),
        maxseg: fields.number(cx, "TCP_MAXSEG"),
        window_clamp: fields.number(cx, "TCP_WINDOW_CLAMP"),
        nodelay: fields.switch(cx, "TCP_NODELAY").unwrap_or(false),
        cork: fields.switch(cx, "TCP_CORK").unwrap_or(false),
        quickack: fields.number(cx, "TCP_QUICKACK"),
        notsent_lowat: fields.number(cx, "TCP_NOTSENT_LOWAT"),
        linger_zero: fields
            .get("SO_LINGER")
            .is_some_and(|(key, e)| cx.choice(key, &e.value, &["0"]).is_some()),
        linger2: linger2(cx, &fields),
        syn_count: fields.number(cx, "TCP_SYNCNT"),
        max_pacing_rate: fields.get("SO_MAX_PACING_RATE").and_then(|(key, e)| {
            // The option counts bytes; a rate below one byte per second still lets something through.
            let bits = |v: i128| u64::try_from(v / 8).unwrap_or(u64::MAX).max(1);
            cx.scalar(key, &e.value).map(|s| match s {
                Scalar::Number(v) => bits(v),
                Scalar::Unlimited => u64::MAX,
            })
        }),
    }
}

/// `TCP_LINGER2` in whole seconds.
fn linger2(cx: &mut Context, fields: &Fields<'_>) -> Option<u32> {
    let ns: u64 = fields.number(cx, "TCP_LINGER2")?;
    if !ns.is_multiple_of(1_000_000_000) {
        cx.error(fields.place("TCP_LINGER2"), "`TCP_LINGER2`: the kernel counts it in whole seconds");
    }
    u32::try_from(ns / 1_000_000_000).ok()
}

/// A buffer option and its forced form, of which a program uses one.
fn buffer(
    cx: &mut Context,
    fields: &Fields<'_>,
    [plain, force]: [&'static str; 2],
    cap_name: &str,
    cap: u32,
) -> (Option<u32>, bool) {
    let forced: Option<u32> = fields.number(cx, force);
    let value: Option<u32> = fields.number(cx, plain);
    if let (Some((_, f)), Some((_, p))) = (fields.get(force), fields.get(plain)) {
        cx.error(f.at.max(p.at), format!("`{plain}` and `{force}` both set the same buffer")).help =
            Some("keep one of the two".to_owned());
    }
    if let Some(v) = value.filter(|v| *v > cap) {
        let message =
            format!("{plain} {} is capped at net.core.{cap_name}, {cap} bytes", units::format_size(v.into()));
        cx.warn(fields.place(plain), message).help =
            Some(format!("use {force}, or raise net.core.{cap_name} in `sysctl`"));
    }
    (forced.or(value), forced.is_some())
}

fn resolve_route(cx: &mut Context, end: &Fields<'_>) -> Route {
    let Some((_, entry)) = end.get("route") else { return Route::default() };
    let fields = cx.fields(keys::ROUTE, &entry.value, "route");
    Route {
        initcwnd: fields.number(cx, "initcwnd"),
        initrwnd: fields.number(cx, "initrwnd"),
        quickack: fields.switch(cx, "quickack").unwrap_or(false),
        window: fields.number(cx, "window"),
        rto_min: fields.number(cx, "rto_min").map(SimDuration::from_nanos),
        advmss: fields.number(cx, "advmss"),
    }
}

fn resolve_offload(cx: &mut Context, end: &Fields<'_>) -> Offload {
    let Some((_, entry)) = end.get("offload") else { return Offload { tso: true, gso: true, gro: true } };
    let fields = cx.fields(keys::OFFLOAD, &entry.value, "offload");
    Offload {
        tso: fields.switch(cx, "tso").unwrap_or(true),
        gso: fields.switch(cx, "gso").unwrap_or(true),
        gro: fields.switch(cx, "gro").unwrap_or(true),
    }
}

/// The device that a name means.
pub(crate) fn nic_by_name(name: &str) -> Option<NicModel> {
    Some(match name {
        "loopback" | "veth" => NicModel::Loopback,
        "tun" => NicModel::Tun,
        "tap" => NicModel::Tap,
        "half-page" => NicModel::HalfPage,
        "page" => NicModel::Page,
        "header-copy-half-page" => NicModel::HeaderCopyHalfPage,
        "header-copy-page" => NicModel::HeaderCopyPage,
        "page-16k" => NicModel::Page16k,
        "virtio" => NicModel::Virtio,
        _ => return None,
    })
}

fn resolve_nic(
    cx: &mut Context,
    end: &Fields<'_>,
    what: &str,
    inferred: &mut Vec<String>,
) -> (Option<NicConfig>, String) {
    let Some((key, entry)) = end.get("nic") else {
        return (Some(NicModel::Loopback.into()), "loopback".to_owned());
    };
    if matches!(entry.value.value, Value::Map(_)) {
        let fields = cx.fields(keys::NIC_FIGURES, &entry.value, "nic");
        let (model, name) = resolve_model(cx, &fields, what, inferred);
        let xdp = fields.switch(cx, "xdp").unwrap_or(false);
        let outer_headers = fields.number(cx, "outer_headers").unwrap_or(0);
        if let Some(NicModel::Loopback | NicModel::Tun) = model
            && (xdp || outer_headers > 0)
        {
            let which = if xdp { "xdp" } else { "outer_headers" };
            let message = format!("`{which}` means nothing for `{name}`, which gets no frames from a wire");
            cx.error(fields.place(which), message);
        }
        let ring = resolve_ring(cx, &fields, model, &name);
        return (model.map(|model| NicConfig { model, xdp, outer_headers, ring }), name);
    }
    let (model, name) = resolve_named(cx, key, &entry.value, what, inferred);
    (model.map(NicConfig::from), name)
}

/// The ring of a device that has one; any of its keys gives it one.
fn resolve_ring(
    cx: &mut Context,
    fields: &Fields<'_>,
    model: Option<NicModel>,
    name: &str,
) -> Option<RingConfig> {
    let written =
        ["ring", "rx_usecs", "rx_frames", "budget"].into_iter().find(|k| fields.get(k).is_some())?;
    if let Some(NicModel::Loopback | NicModel::Tun | NicModel::Tap) = model {
        let message = format!("`{written}` means nothing for `{name}`, which has no ring and no interrupt");
        cx.error(fields.place(written), message);
        return None;
    }
    let mut figure = |name| match fields.get(name) {
        Some(_) => fields.number(cx, name),
        None => default_number(keys::NIC_FIGURES, name),
    };
    Some(RingConfig {
        ring: figure("ring")?,
        rx_frames: figure("rx_frames")?,
        budget: figure("budget")?,
        rx_usecs: match fields.get("rx_usecs") {
            Some(_) => SimDuration::from_nanos(fields.number(cx, "rx_usecs")?),
            None => SimDuration::ZERO,
        },
    })
}

/// A device given as a map: by its name or by figures.
fn resolve_model(
    cx: &mut Context,
    fields: &Fields<'_>,
    what: &str,
    inferred: &mut Vec<String>,
) -> (Option<NicModel>, String) {
    let figures = ["head", "head_frag", "fragment"];
    if let Some((key, e)) = fields.get("model") {
        for figure in figures.into_iter().filter(|f| fields.get(f).is_some()) {
            cx.error(fields.place(figure), format!("`{figure}` is part of `model` already")).expected =
                Some("either `model`, or figures".to_owned());
        }
        return resolve_named(cx, key, &e.value, what, inferred);
    }
    if figures.iter().all(|figure| fields.get(figure).is_none()) {
        return (Some(NicModel::Loopback), "loopback".to_owned());
    }
    inferred.push(format!("{what}.nic with explicit figures: not a recorded device"));
    let head = fields.required(cx, "head", "a device with explicit figures");
    let head_frag = fields.switch(cx, "head_frag").unwrap_or(false);
    let fragment = fields.number(cx, "fragment").unwrap_or(0);
    (head.map(|head| NicModel::Explicit { head, head_frag, fragment }), String::new())
}

fn resolve_named(
    cx: &mut Context,
    key: &Key,
    node: &Node,
    what: &str,
    inferred: &mut Vec<String>,
) -> (Option<NicModel>, String) {
    let Some(name) = cx.choice(key, node, &keys::NICS) else { return (None, String::new()) };
    if !matches!(name, "loopback" | "veth" | "tun" | "tap") {
        inferred.push(format!("{what}.nic {name}: no recording of this device"));
    }
    (nic_by_name(name), name.to_owned())
}
