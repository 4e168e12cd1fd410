//! `flows`: how many connections there are, and when they are opened.

use sim_core::config::FlowsConfig;
use sim_core::time::SimDuration;

use crate::context::{Context, Fields, Scalar};
use crate::keys::{self, Key, Kind};
use crate::yaml::Value;

/// The connections of a scenario; a scenario that says nothing about them has one.
pub(crate) fn resolve(cx: &mut Context, root: &Fields<'_>) -> FlowsConfig {
    let Some((key, entry)) = root.get("flows") else { return FlowsConfig::default() };
    let at = entry.value.at;
    let (count, spread) = match &entry.value.value {
        Value::Map(_) => {
            let fields = cx.fields(keys::FLOWS, &entry.value, "flows");
            (fields.number(cx, "count"), fields.number(cx, "spread").unwrap_or(0))
        }
        Value::Scalar(_) => {
            let number = Key { kind: Kind::Count { min: 1, max: keys::MAX_FLOWS }, ..*key };
            let count = match cx.scalar(&number, &entry.value) {
                Some(Scalar::Number(n)) => u32::try_from(n).ok(),
                _ => None,
            };
            (count, 0)
        }
        _ => {
            cx.error(at, "`flows` is a number or a mapping").expected = Some(keys::takes(&key.kind));
            return FlowsConfig::default();
        }
    };
    let count = count.unwrap_or(1);
    if count > 1 && root.get("inject").is_some() {
        cx.error(at, "`inject` drives a single connection").help =
            Some("leave out `flows`, or let a `sender` write instead".to_owned());
    }
    FlowsConfig::Alike { count, spread: SimDuration::from_nanos(spread) }
}
