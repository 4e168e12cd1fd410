//! The JSON schema of scenarios, made from the table of keys.

use serde_json::{Map, Value, json};

use crate::keys::{self, Key, Kind, NICS, UNLIMITED};
use crate::not_modelled;
use crate::sysctls::SYSCTLS;

/// The JSON schema (draft 2020-12) of a scenario file, for editors. Units are checked by pattern; ranges of
/// sizes and times, conflicts and order only when the scenario is resolved.
pub fn json_schema() -> String {
    let mut root = object(keys::ROOT);
    root["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    root["title"] = json!("skmem scenario");
    root["oneOf"] = json!([{"required": ["kernel"]}, {"required": ["kernels"]}]);
    let mut text = serde_json::to_string_pretty(&root).unwrap_or_default();
    text.push('\n');
    text
}

const SIZE: &str = r"^\s*\d+(\.\d+)?\s*(B|KiB|MiB|GiB|kB|MB|GB)\s*$|^0$";
const TIME: &str = r"^\s*\d+(\.\d+)?\s*(ns|us|ms|s)\s*$|^0$";
const PERCENT: &str = r"^\s*\d+(\.\d+)?\s*%\s*$|^0$";
const RATE: &str = r"^\s*\d+(\.\d+)?\s*([kKmMgG]?[bB][iI][tT])\s*$";

fn object(keys: &[Key]) -> Value {
    let mut properties = Map::new();
    for k in keys {
        properties.insert(k.name.to_owned(), property(k));
    }
    json!({"type": "object", "properties": properties, "additionalProperties": false})
}

fn property(key: &Key) -> Value {
    let mut value = schema_of(&key.kind, key.default);
    let default = if key.default.is_empty() { String::new() } else { format!(" Default: {}.", key.default) };
    value["description"] = match key.kind {
        Kind::NotYet(there_is) => json!(format!("Not supported by this version: {there_is}.")),
        _ => json!(format!("{}{default}", key.doc)),
    };
    value
}

fn schema_of(kind: &Kind, default: &str) -> Value {
    match kind {
        Kind::Text => json!({"type": "string"}),
        Kind::Name => json!({"type": "string", "pattern": "^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$"}),
        Kind::Kernel => json!({"type": ["string", "number"]}),
        Kind::Kernels => json!({"type": "array", "items": {"type": ["string", "number"]}, "minItems": 1}),
        Kind::Count { min, max } => json!({"type": "integer", "minimum": min, "maximum": max}),
        Kind::Size { min, max, bare, unlimited } => {
            let mut any = vec![json!({"type": "string", "pattern": SIZE})];
            if *bare || *min == 0 {
                let max = if *bare { *max } else { 0 };
                any.push(json!({"type": "integer", "minimum": min, "maximum": max}));
            }
            if *unlimited {
                any.push(json!({"const": UNLIMITED}));
            }
            json!({"anyOf": any})
        }
        Kind::Rate => json!({"anyOf": [{"type": "string", "pattern": RATE}, {"const": UNLIMITED}]}),
        Kind::Time { min, max, bare } => {
            let mut any = vec![json!({"type": "string", "pattern": TIME})];
            match bare {
                Some(unit) => {
                    any.push(json!({"type": "integer", "minimum": min / unit, "maximum": max / unit}))
                }
                None if *min == 0 => any.push(json!({"const": 0})),
                None => {}
            }
            json!({"anyOf": any})
        }
        Kind::Switch => json!({"enum": ["on", "off", true, false, 0, 1, "yes", "no"]}),
        Kind::Choice(names) => {
            let mut any: Vec<Value> = names.iter().map(|n| json!(n)).collect();
            any.extend(names.iter().filter_map(|n| n.parse::<u64>().ok()).map(|n| json!(n)));
            json!({"enum": any})
        }
        Kind::Triple { .. } => json!({"anyOf": [
            {"type": "string", "pattern": r"^\s*\S+\s+\S+\s+\S+\s*$"},
            {"type": "array", "items": {"type": ["integer", "string"]}, "minItems": 3, "maxItems": 3},
        ]}),
        Kind::SizeList { min, max } => {
            let one = schema_of(&Kind::Size { min: *min, max: *max, bare: true, unlimited: false }, "");
            json!({"anyOf": [{"type": "array", "items": one.clone(), "minItems": 1}, one]})
        }
        Kind::Section(keys) => object(keys),
        Kind::Percent => json!({"anyOf": [{"type": "string", "pattern": PERCENT}, {"const": 0}]}),
        Kind::Numbers { min, max } => {
            let one = json!({"type": "integer", "minimum": min, "maximum": max});
            json!({"type": "array", "items": one, "minItems": 1, "uniqueItems": true})
        }
        Kind::PacketsOrBytes { max } => json!({"anyOf": [
            {"type": "integer", "minimum": 1, "maximum": max},
            {"type": "string", "pattern": SIZE},
        ]}),
        Kind::Short { main, keys } => {
            let short = keys::find(keys, main).map(|k| schema_of(&k.kind, ""));
            json!({"anyOf": [short, object(keys)]})
        }
        Kind::Modes(modes) => {
            let mut any = Vec::new();
            for m in modes.iter().filter(|m| m.supported) {
                let mut o = object(m.keys);
                o["properties"]["mode"] = json!({"const": m.name, "description": m.doc});
                o["required"] = json!(["mode"]);
                any.push(o);
            }
            any.push(json!({"const": "never"}));
            json!({"anyOf": any})
        }
        Kind::Sysctls => {
            let mut properties = Map::new();
            for s in SYSCTLS {
                properties.insert(s.key.name.to_owned(), property(&s.key));
            }
            for (name, why) in not_modelled::accepted_sysctls() {
                properties.insert(name.to_owned(), json!({"description": format!("Not modelled: {why}.")}));
            }
            json!({"type": "object", "properties": properties, "additionalProperties": false})
        }
        Kind::Nic => json!({"anyOf": [{"enum": NICS}, object(keys::NIC_FIGURES)]}),
        Kind::Flows => {
            let number = json!({"type": "integer", "minimum": 1, "maximum": keys::MAX_FLOWS});
            let groups = json!({"type": "array", "items": object(keys::FLOW_GROUP), "minItems": 1});
            json!({"anyOf": [number, object(keys::FLOWS), groups]})
        }
        Kind::List(keys) => json!({"type": "array", "items": object(keys)}),
        Kind::Expect => {
            let check = json!({"type": ["integer", "string"]});
            let mut properties = Map::new();
            for name in results::metrics::names() {
                // Groups may also be nested.
                if let Some((group, inner)) = name.split_once('.') {
                    let nested = properties.entry(group).or_insert_with(
                        || json!({"type": "object", "properties": {}, "additionalProperties": false}),
                    );
                    nested["properties"][inner] = check.clone();
                }
                properties.insert(name.to_owned(), check.clone());
            }
            json!({"type": "object", "properties": properties, "additionalProperties": false})
        }
        Kind::NotYet(_) if default.is_empty() => json!({"not": {}}),
        Kind::NotYet(_) => match default.parse::<u64>() {
            Ok(n) => json!({"const": n}),
            Err(_) => json!({"const": default}),
        },
    }
}
