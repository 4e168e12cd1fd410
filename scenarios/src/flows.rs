//! `flows`: how many connections there are, when they are opened, and what some of them do of their own.

use sim_core::config::{EndpointConfig, FlowGroup, FlowsConfig};
use sim_core::time::SimDuration;

use crate::apps;
use crate::context::{Context, Fields, Scalar};
use crate::endpoint;
use crate::keys::{self, Key, Kind};
use crate::yaml::{Entry, Node, Value};

/// What the connections have in common: the scenario's `sender` and `receiver`, as written and as resolved.
pub(crate) struct Base<'a> {
    pub(crate) machine: endpoint::Machine,
    pub(crate) written: [&'a Node; 2],
    pub(crate) resolved: Option<[&'a EndpointConfig; 2]>,
}

/// The connections of a scenario; a scenario that says nothing about them has one.
pub(crate) fn resolve(
    cx: &mut Context,
    root: &Fields<'_>,
    base: &Base<'_>,
    inferred: &mut Vec<String>,
) -> FlowsConfig {
    let Some((key, entry)) = root.get("flows") else { return FlowsConfig::default() };
    let at = entry.value.at;
    let flows = match &entry.value.value {
        Value::Map(_) => {
            let fields = cx.fields(keys::FLOWS, &entry.value, "flows");
            let (count, spread) = number_and_spread(cx, &fields);
            FlowsConfig::Alike { count, spread }
        }
        Value::Scalar(_) => {
            let number = Key { kind: Kind::Count { min: 1, max: keys::MAX_FLOWS }, ..*key };
            let count = match cx.scalar(&number, &entry.value) {
                Some(Scalar::Number(n)) => u32::try_from(n).unwrap_or(1),
                _ => 1,
            };
            FlowsConfig::Alike { count, spread: SimDuration::ZERO }
        }
        Value::List(items) if !items.is_empty() => {
            let groups: Vec<_> = items.iter().map(|item| group(cx, item, base, inferred)).collect();
            let total: u64 = groups.iter().map(|g| u64::from(g.count)).sum();
            if total > keys::MAX_FLOWS {
                cx.error(at, format!("these are {total} connections in all")).expected =
                    Some(format!("at most {}", keys::MAX_FLOWS));
            }
            FlowsConfig::Groups(groups)
        }
        _ => {
            cx.error(at, "`flows` is a number, a mapping or a list of mappings").expected =
                Some(keys::takes(&key.kind));
            return FlowsConfig::default();
        }
    };
    if flows.count() > 1 && root.get("inject").is_some() {
        cx.error(at, "`inject` drives a single connection").help =
            Some("leave out `flows`, or let a `sender` write instead".to_owned());
    }
    flows
}

fn number_and_spread(cx: &mut Context, fields: &Fields<'_>) -> (u32, SimDuration) {
    let count = fields.number(cx, "count").unwrap_or(1);
    (count, SimDuration::from_nanos(fields.number(cx, "spread").unwrap_or(0)))
}

/// One item of the list.
fn group(cx: &mut Context, item: &Node, base: &Base<'_>, inferred: &mut Vec<String>) -> FlowGroup {
    let fields = cx.fields(keys::FLOW_GROUP, item, "a group of flows");
    let (count, spread) = number_and_spread(cx, &fields);
    let start = SimDuration::from_nanos(fields.number(cx, "at").unwrap_or(0));
    let mut group = FlowGroup { count, start, spread, sender: None, receiver: None };
    let own = |name| fields.get(name).map(|(_, e)| &e.value);
    if own("sender").is_none() && own("receiver").is_none() {
        return group;
    }
    let ends =
        [("sender", keys::FLOW_SENDER, keys::SENDER), ("receiver", keys::FLOW_RECEIVER, keys::RECEIVER)];
    let mut written = base.written.map(Clone::clone);
    let mut resolved = [None, None];
    for (which, (name, allowed, all)) in ends.into_iter().enumerate() {
        if let Some(own) = own(name) {
            // What is not a connection's own is refused here, before the two are put together.
            cx.fields(allowed, own, &format!("a connection's {name}"));
            overlay(&mut written[which], own);
        }
        let (end, _) = endpoint::resolve(cx, all, &written[which], name, base.machine, inferred);
        resolved[which] = end;
    }
    if let [Some(mut sender), Some(mut receiver)] = resolved {
        apps::pair(cx, [&written[0], &written[1]], &mut sender, &mut receiver);
        if let Some([s, r]) = base.resolved {
            group.sender = (sender != *s).then_some(sender);
            group.receiver = (receiver != *r).then_some(receiver);
        }
    }
    group
}

/// Puts a connection's own settings over those of all: option by option in mappings of options, as a whole where a
/// mapping describes one thing.
fn overlay(all: &mut Node, own: &Node) {
    let Value::Map(own) = &own.value else { return };
    if !matches!(all.value, Value::Map(_)) {
        all.value = Value::Map(Vec::new());
    }
    let Value::Map(entries) = &mut all.value else { return };
    for e in own {
        let by_option = matches!(e.key.as_str(), "sockopt" | "route");
        match entries.iter_mut().find(|x| x.key == e.key) {
            Some(there) if by_option => overlay_options(&mut there.value, &e.value),
            Some(there) => *there = e.clone(),
            None => entries.push(e.clone()),
        }
    }
}

fn overlay_options(all: &mut Node, own: &Node) {
    let (Value::Map(entries), Value::Map(own)) = (&mut all.value, &own.value) else {
        *all = own.clone();
        return;
    };
    let says_the_same = |a: &Entry, b: &Entry| {
        let both = |group: &&&[&str]| group.contains(&a.key.as_str()) && group.contains(&b.key.as_str());
        a.key == b.key || crate::overrides::ALTERNATIVES.iter().any(|g| both(&g))
    };
    for e in own {
        entries.retain(|x| !says_the_same(x, e));
        entries.push(e.clone());
    }
}
