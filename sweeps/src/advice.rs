//! The answer of `skmem tune` in the words of the commands that put it into effect.

use std::collections::BTreeMap;

use results::metrics::MetricUnit;
use scenarios::{Quantity, ignored_sysctl, key_info};

use crate::axis::{self, Setting};
use crate::objective::{Constraint, TunePlan, quantity};
use crate::plan::Plan;
use crate::tune::{Candidate, Tuned, kernels};

/// Bytes of a page, in which `tcp_mem` counts.
const PAGE: u64 = 4096;

/// What to do, as text.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Advice {
    /// Files for /etc/sysctl.d, one for each host that has sysctls to set: name and text.
    pub sysctl: Vec<(String, String)>,
    /// Everything, for a reader.
    pub text: String,
}

/// A setting of one host: what it is called, what it becomes, what it was.
#[derive(Default)]
struct Host {
    sysctls: BTreeMap<String, (String, String)>,
    routes: Vec<(String, String)>,
    options: Vec<(String, String)>,
    others: Vec<(String, String)>,
    /// Sysctls that some kernels ignore, and why.
    ignored: BTreeMap<String, String>,
    /// Those that all do.
    without_effect: BTreeMap<String, String>,
}

/// The advice of a search; `None` if nothing fits.
pub fn advice(plan: &Plan, tune: &TunePlan, found: &Tuned) -> Option<Advice> {
    let best = &found.tried[found.best?];
    let kernels = kernels(plan, tune, &best.picks);
    let mut hosts: BTreeMap<&str, Host> = BTreeMap::new();
    for (axis, pick) in plan.space.axes.iter().zip(&best.picks) {
        for s in &axis.value(*pick).settings {
            let text = match s {
                Setting::Key(text) => text,
                Setting::Kernel(kernel) => {
                    let host = hosts.entry("scenario").or_default();
                    host.others.push(("kernel".to_owned(), kernel.clone()));
                    continue;
                }
                Setting::Seed(_) => continue,
            };
            let Some((key, value)) = text.split_once('=') else { continue };
            sort_in(plan, &mut hosts, key, value, &kernels);
        }
    }
    let mut out = Advice::default();
    out.text.push_str(&answer(plan, tune, found, best));
    for (name, host) in &hosts {
        let fragment = sysctl_fragment(plan, name, host);
        if !fragment.is_empty() {
            let file = format!("90-skmem-{name}.conf");
            out.text.push_str(&format!(
                "\n/etc/sysctl.d/{file} on the {name}, then `sysctl --system`:\n{}",
                indented(&fragment)
            ));
            out.sysctl.push((file, fragment));
        }
        for (what, value) in &host.routes {
            out.text.push_str(&format!(
                "\nRoute of the {name}; keep what `ip route show default` prints first, and add to it:\n    ip route change default via GATEWAY dev DEVICE {what} {value}\n"
            ));
        }
        if !host.options.is_empty() {
            out.text.push_str(&format!("\nSocket options of the {name}, before connect() or listen():\n"));
        }
        for (what, value) in &host.options {
            let level = if what.starts_with("SO_") { "SOL_SOCKET" } else { "IPPROTO_TCP" };
            out.text
                .push_str(&format!("    setsockopt(fd, {level}, {what}, &(int){{{value}}}, sizeof(int));\n"));
            if let Some(note) = note_on(what) {
                out.text.push_str(&format!("    // {note}\n"));
            }
        }
        for (key, value) in &host.others {
            out.text.push_str(&format!("\nNot a setting of the stack: {key} = {value}\n"));
        }
    }
    for (sysctl, why) in hosts.values().flat_map(|h| &h.without_effect) {
        out.text.push_str(&format!("\nNo recommendation for {sysctl}: {why}\n"));
    }
    out.text.push_str(&back(&hosts));
    Some(out)
}

/// What a socket option does besides, as socket(7) and tcp(7) say.
fn note_on(option: &str) -> Option<&'static str> {
    Some(match option {
        "SO_RCVBUF" | "SO_SNDBUF" => {
            "the kernel doubles it, bounds it by net.core.rmem_max or wmem_max, and stops tuning the buffer by itself"
        }
        "SO_RCVBUFFORCE" | "SO_SNDBUFFORCE" => {
            "needs CAP_NET_ADMIN; SO_RCVBUF or SO_SNDBUF does the same up to net.core.rmem_max or wmem_max. The kernel doubles it"
        }
        _ => return None,
    })
}

fn indented(text: &str) -> String {
    text.lines().map(|l| format!("    {l}\n")).collect()
}

fn sort_in(plan: &Plan, hosts: &mut BTreeMap<&str, Host>, key: &str, value: &str, kernels: &[String]) {
    let Ok(info) = key_info(key) else { return };
    let name = match info.path.split('.').next() {
        Some("receiver") => "receiver",
        Some("sender") => "sender",
        _ => "scenario",
    };
    let host = hosts.entry(name).or_default();
    // Kernel and programs take plain numbers.
    let plain = match info.quantity {
        Quantity::Time(Some(unit)) => info.quantity.number(value).map(|n| n / unit.cast_signed()),
        Quantity::Time(None) | Quantity::Word => None,
        other => other.number(value),
    };
    let plain = plain.map_or_else(|| value.to_owned(), |n| n.to_string());
    if let Some((_, sysctl)) = info.path.split_once(".sysctl.") {
        let kernel = plan.base.scenario.kernel();
        let (sysctl, index) = match sysctl.strip_suffix(']').and_then(|s| s.split_once('[')) {
            Some((sysctl, i)) => (sysctl, i.parse::<usize>().ok()),
            None => (sysctl, None),
        };
        let ignoring: Vec<(&str, &str)> =
            kernels.iter().filter_map(|k| Some((k.as_str(), ignored_sysctl(sysctl, k)?))).collect();
        if let Some((_, why)) = ignoring.first() {
            let names = ignoring.iter().map(|(k, _)| *k).collect::<Vec<_>>().join(", ");
            let of =
                if ignoring.len() == kernels.len() { &mut host.without_effect } else { &mut host.ignored };
            of.insert(sysctl.to_owned(), format!("ignored on {names}: {why}"));
            if ignoring.len() == kernels.len() {
                return;
            }
        }
        let was = plan.base.template.value(&format!("{name}.sysctl.{sysctl}"), kernel).unwrap_or_default();
        let entry = host.sysctls.entry(sysctl.to_owned()).or_insert_with(|| (was.clone(), was));
        match index {
            None => entry.0 = plain,
            Some(i) => {
                let mut parts: Vec<String> = entry.0.split_whitespace().map(str::to_owned).collect();
                if let Some(part) = parts.get_mut(i) {
                    *part = plain;
                }
                entry.0 = parts.join(" ");
            }
        }
    } else if let Some((_, route)) = info.path.split_once(".route.") {
        host.routes.push((route.to_owned(), if plain == value { value.to_owned() } else { plain }));
    } else if let Some((_, option)) = info.path.split_once(".sockopt.") {
        host.options.push((option.to_owned(), plain));
    } else {
        host.others.push((key.to_owned(), value.to_owned()));
    }
}

fn sysctl_fragment(plan: &Plan, name: &str, host: &Host) -> String {
    if host.sysctls.is_empty() {
        return String::new();
    }
    let mut text = format!("# {} of the plan {}\n", name, plan.name);
    for (sysctl, (new, old)) in &host.sysctls {
        if let Some(why) = host.ignored.get(sysctl) {
            text.push_str(&format!("# {why}\n"));
        }
        text.push_str(&format!("# was: {old}\n{sysctl} = {new}\n"));
    }
    text
}

fn back(hosts: &BTreeMap<&str, Host>) -> String {
    let mut text = String::new();
    for (name, host) in hosts {
        for (sysctl, (_, old)) in &host.sysctls {
            text.push_str(&format!("    sysctl -w {sysctl}=\"{old}\"    # {name}; and remove the file\n"));
        }
        for (what, _) in &host.routes {
            text.push_str(&format!(
                "    ip route change default via GATEWAY dev DEVICE    # {name}: what was printed before, without {what}\n"
            ));
        }
        if !host.options.is_empty() {
            let names: Vec<&str> = host.options.iter().map(|(n, _)| n.as_str()).collect();
            text.push_str(&format!("    remove the setsockopt of {} ({name})\n", names.join(", ")));
        }
    }
    if text.is_empty() { text } else { format!("\nTo go back:\n{text}") }
}

fn settings(plan: &Plan, c: &Candidate) -> String {
    axis::described(&plan.space.axes, &c.picks)
}

fn answer(plan: &Plan, tune: &TunePlan, found: &Tuned, best: &Candidate) -> String {
    let unit = tune.metric.unit;
    let shown = |v: Option<i64>| match v {
        Some(v) if unit == MetricUnit::Count => v.to_string(),
        Some(v) => format!("{v} {}", unit.name()),
        None => "none".to_owned(),
    };
    let mut text = format!("{}\n\n", settings(plan, best));
    let goal = if tune.maximize { "maximize" } else { "minimize" };
    text.push_str(&format!("{goal} {:<24} {}\n", tune.text, shown(best.objective)));
    let before = match &found.before.error {
        Some(e) => e.clone(),
        None => shown(found.before.objective),
    };
    text.push_str(&format!("as the base is written            {before}\n"));
    if let Some(second) = found.second(tune) {
        text.push_str(&format!(
            "next best: {}              {}\n",
            settings(plan, second),
            shown(second.objective)
        ));
    }
    let fitting = found.tried.iter().filter(|c| c.fits).count();
    text.push_str(&format!(
        "{} candidates of {} runs each; {fitting} keep all constraints\n",
        found.tried.len(),
        found.runs
    ));
    for (rule, worst) in tune.constraints.iter().zip(&best.worst) {
        let sign = if rule.at_most { "<=" } else { ">=" };
        let q = quantity(rule.metric.unit);
        let bound = q.text(rule.bound);
        match worst {
            None => text.push_str(&format!("{} {sign} {bound}: no run has this figure\n", rule.name)),
            Some(w) => {
                let room = (rule.bound - w).abs();
                let share = if rule.bound == 0 { 0 } else { room.saturating_mul(100) / rule.bound.abs() };
                text.push_str(&format!(
                    "{} {sign} {bound}: at worst {w}, margin {room} ({share} %)\n",
                    rule.name
                ));
            }
        }
    }
    let failing = found.failing_neighbours();
    if failing.is_empty() {
        text.push_str("no candidate beside it fails\n");
    }
    for (axis, c) in failing {
        let label = plan.space.axes[axis].value(c.picks[axis]).label.clone();
        text.push_str(&format!(
            "nearest that fails: {}={label} ({})\n",
            plan.space.axes[axis].name,
            why(tune, c)
        ));
    }
    for (i, axis) in plan.space.axes.iter().enumerate() {
        if let Some(c) = found.surer(i) {
            text.push_str(&format!(
                "beyond it values fit again; all that were tried do from {}={} on ({}): the surer choice\n",
                axis.name,
                axis.value(c.picks[i]).label,
                shown(c.objective)
            ));
        }
    }
    text.push_str(&memory(plan, tune, best));
    text
}

/// Why a candidate is out.
fn why(tune: &TunePlan, c: &Candidate) -> String {
    if let Some(e) = &c.error {
        return e.clone();
    }
    let broken = tune.constraints.iter().zip(&c.worst).find_map(|(rule, worst)| {
        let w = (*worst)?;
        (!rule.holds(w)).then(|| format!("{} comes to {w}", rule.name))
    });
    broken.unwrap_or_else(|| "no objective".to_owned())
}

/// Where nothing fits: for each constraint, how near to its bound the best candidate comes, or that it keeps it.
pub fn shortfall(plan: &Plan, tune: &TunePlan, found: &Tuned) -> Vec<String> {
    let nearest = |(at, rule): (usize, &Constraint)| {
        let figures = found.tried.iter().filter_map(|c| Some((c.worst.get(at).copied().flatten()?, c)));
        let (w, best) =
            if rule.at_most { figures.min_by_key(|(w, _)| *w)? } else { figures.max_by_key(|(w, _)| *w)? };
        let sign = if rule.at_most { "<=" } else { ">=" };
        let bound = quantity(rule.metric.unit).text(rule.bound);
        let holds = if rule.holds(w) { " (kept, but not with the others)" } else { "" };
        Some(format!("{} {sign} {bound}: at best {w}{holds}, with {}", rule.name, settings(plan, best)))
    };
    tune.constraints.iter().enumerate().filter_map(nearest).collect()
}

/// What all connections would take at the worst moment, beside `tcp_mem`.
fn memory(plan: &Plan, tune: &TunePlan, best: &Candidate) -> String {
    let [_, pressure, most] = plan.base.scenario.config.host.tcp_mem;
    let all = u128::from(best.memory.unsigned_abs()) * u128::from(tune.connections);
    let verdict = if all > u128::from(most * PAGE) {
        "beyond tcp_mem[2]: raise net.ipv4.tcp_mem, or allow less memory"
    } else if all > u128::from(pressure * PAGE) {
        "above tcp_mem[1]: buffers would shrink under pressure"
    } else {
        "below tcp_mem[1]"
    };
    format!(
        "memory: at most {} bytes a connection, {all} bytes at {}; tcp_mem allows {} (pressure) and {}: {verdict}\n",
        best.memory,
        if tune.connections == 1 {
            "1 connection".to_owned()
        } else {
            format!("{} connections", tune.connections)
        },
        pressure * PAGE,
        most * PAGE
    )
}

/// The candidates as CSV: settings, objective, worst values, memory.
pub fn candidates_csv(plan: &Plan, tune: &TunePlan, found: &Tuned) -> String {
    let mut text = String::new();
    for a in &plan.space.axes {
        text.push_str(&format!("{},", a.name));
    }
    text.push_str("objective,");
    for c in &tune.constraints {
        text.push_str(&format!("{},", c.name));
    }
    text.push_str("memory,fits\n");
    let cell = |v: Option<i64>| v.map_or_else(String::new, |n| n.to_string());
    for c in &found.tried {
        for (a, p) in plan.space.axes.iter().zip(&c.picks) {
            let label = a.cell(*p).to_string();
            text.push_str(&if label.contains(',') { format!("\"{label}\",") } else { format!("{label},") });
        }
        text.push_str(&format!("{},", cell(c.objective)));
        for w in &c.worst {
            text.push_str(&format!("{},", cell(*w)));
        }
        text.push_str(&format!("{},{}\n", c.memory, c.fits));
    }
    text
}
