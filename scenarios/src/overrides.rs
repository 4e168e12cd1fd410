//! Settings of the command line, put into the tree before it is resolved.

use std::sync::Arc;

use sim_core::host::MemoryDefaults;

use crate::apps;
use crate::context::Context;
use crate::kernel::resolve_kernel;
use crate::keys::{self, Key, Kind};
use crate::nearest::nearest;
use crate::not_modelled;
use crate::source::Source;
use crate::sysctls;
use crate::units::{self, shorten};
use crate::yaml::{self, Entry, Node, Place, Value};

/// What the command line sets on top of a scenario.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Overrides {
    /// `key=value`, applied in order: `path.rtt=50ms`, `receiver.sockopt.SO_RCVBUF=64KiB`,
    /// `receiver.sysctl.net.ipv4.tcp_rmem=4096 131072 6291456`, `rx.tcp_rmem[2]=1MiB`.
    pub set: Vec<String>,
    /// Another kernel.
    pub kernel: Option<String>,
    /// Another seed.
    pub seed: Option<u64>,
}

/// Keys of one mapping that say the same thing: setting one takes the other back.
pub(crate) const ALTERNATIVES: [&[&str]; 4] = [
    &["rtt", "delay"],
    &["SO_RCVBUF", "SO_RCVBUFFORCE"],
    &["SO_SNDBUF", "SO_SNDBUFFORCE"],
    // Of `loss`.
    &["probability", "every", "packets", "gilbert-elliott"],
];

/// Applies all overrides to the tree; mistakes are reported at the override.
pub(crate) fn apply(cx: &mut Context, root: &mut Node, overrides: &Overrides) {
    // The kernel first: defaults that an override builds on depend on it.
    if let Some(kernel) = &overrides.kernel {
        set_root(cx, root, "--kernel", "kernel", kernel.clone());
    }
    if let Some(seed) = overrides.seed {
        set_root(cx, root, "--seed", "seed", seed.to_string());
    }
    for text in &overrides.set {
        let source = cx.sources.len();
        cx.sources.push(Arc::new(Source::new("--set", text.as_str())));
        // What counts is the text that positions refer to.
        let text = cx.sources[source].text().to_owned();
        set(cx, root, &text, source);
    }
}

fn set_root(cx: &mut Context, root: &mut Node, option: &str, key: &str, text: String) {
    let source = cx.sources.len();
    let at = Place { source, start: 0, end: text.len() };
    cx.sources.push(Arc::new(Source::new(option, text.as_str())));
    insert(root, &[key], Node { at, value: Value::Scalar(text) }, at);
}

fn set(cx: &mut Context, root: &mut Node, text: &str, source: usize) {
    let whole = Place { source, start: 0, end: text.len() };
    let Some((key, value)) = text.split_once('=') else {
        cx.error(whole, format!("`{}` is not `key=value`", shorten(text))).help =
            Some("for example --set path.rtt=50ms".to_owned());
        return;
    };
    let at = Place { source, start: 0, end: key.len() };
    let mut path = Vec::new();
    let (name, index) = match index_of(key.trim()) {
        Ok(parts) => parts,
        Err(message) => {
            cx.error(at, message).help = Some("such as tcp_rmem[2], the third number".to_owned());
            return;
        }
    };
    let kind = match locate_root(&expand(name), &mut path) {
        Ok(kind) => kind,
        Err((message, help)) => {
            cx.error(at, message).help = help;
            return;
        }
    };
    let Some(mut value) = parse_value(cx, value, key.len() + 1, source) else { return };
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    if let Some(index) = index {
        if !matches!(kind, Some(Kind::Triple { .. })) {
            cx.error(at, format!("`{name}` is a single value: it takes no index"));
            return;
        }
        let Some(joined) = with_index(root, &path, index, &value) else {
            cx.error(at, format!("`{name}` has no numbers to replace one of"));
            return;
        };
        value.value = Value::Scalar(joined);
    }
    let listed =
        path.len() > 1 && get(root, path[0]).is_some_and(|e| matches!(e.value.value, Value::List(_)));
    if listed {
        let message = format!("`{}` is a list in this scenario, so `{name}` has no place", path[0]);
        cx.error(at, message).help = Some(format!("set `{}` as a whole", path[0]));
        return;
    }
    insert(root, &path, value, at);
}

/// The name and the index of `name[index]`.
pub(crate) fn index_of(key: &str) -> Result<(&str, Option<usize>), String> {
    let Some(inner) = key.strip_suffix(']') else { return Ok((key, None)) };
    match inner.rsplit_once('[').map(|(name, i)| (name, i.parse::<usize>())) {
        Some((name, Ok(i))) if i < 3 => Ok((name, Some(i))),
        _ => Err(format!("`{}`: an index is 0, 1 or 2", shorten(key))),
    }
}

/// `rx.` and `tx.` written out.
pub(crate) fn expand(key: &str) -> String {
    match key.split_once('.') {
        Some(("rx", rest)) => format!("receiver.{rest}"),
        Some(("tx", rest)) => format!("sender.{rest}"),
        _ => key.to_owned(),
    }
}

/// The value after the `=`: a plain text, or YAML if it looks like a mapping, a list or a quoted text.
fn parse_value(cx: &mut Context, value: &str, offset: usize, source: usize) -> Option<Node> {
    let shift = |at: Place| Place { source, start: at.start + offset, end: at.end + offset };
    let trimmed = value.trim();
    let at = Place { source, start: offset, end: offset + value.len() };
    if trimmed.is_empty() {
        cx.error(Place { source, start: 0, end: offset }, "this override has no value");
        return None;
    }
    if !trimmed.starts_with(['{', '[', '"', '\'']) {
        return Some(Node { at, value: Value::Scalar(trimmed.to_owned()) });
    }
    match yaml::parse(value, source) {
        Ok(mut node) => {
            node.shift(&shift);
            Some(node)
        }
        Err(e) => {
            cx.error(shift(e.at), e.message).help = e.help;
            None
        }
    }
}

impl Node {
    fn shift(&mut self, by: &impl Fn(Place) -> Place) {
        self.at = by(self.at);
        match &mut self.value {
            Value::Map(entries) => {
                for e in entries {
                    e.at = by(e.at);
                    e.value.shift(by);
                }
            }
            Value::List(items) => items.iter_mut().for_each(|n| n.shift(by)),
            Value::Null | Value::Scalar(_) => {}
        }
    }
}

pub(crate) type NotFound = (String, Option<String>);

/// Finds the key that a path leads to, fills `out` with its steps and says what it takes; `None` for names that
/// are checked when the scenario is resolved.
pub(crate) fn locate_root(path: &str, out: &mut Vec<String>) -> Result<Option<Kind>, NotFound> {
    if let Some((end @ ("receiver" | "sender"), rest)) = path.split_once('.') {
        let section = if end == "sender" { keys::SENDER } else { keys::RECEIVER };
        let first = rest.split(['.', '[']).next().unwrap_or(rest);
        if keys::find(section, first).is_none()
            && let Some((middle, name, kind)) = short_form(rest)
        {
            out.extend([end.to_owned(), middle.to_owned(), name.to_owned()]);
            return Ok(Some(kind));
        }
        // A mistyped short form is nearer to another short form than to a key of the end.
        if keys::find(section, first).is_none()
            && nearest(first, section.iter().map(|k| k.name)).is_none()
            && let Some(near) = nearest(first, short_forms())
        {
            let message = format!("`{}` is not a key of `{end}`", shorten(first));
            return Err((message, Some(format!("did you mean `{near}`?"))));
        }
    }
    locate(keys::ROOT, path, "a scenario", out)
}

/// All short forms.
fn short_forms() -> impl Iterator<Item = &'static str> {
    let plain =
        [keys::SOCKOPT, keys::ROUTE, keys::OFFLOAD].into_iter().flat_map(|keys| keys.iter().map(|k| k.name));
    plain.chain(sysctls::SYSCTLS.iter().filter_map(|s| s.key.name.rsplit('.').next()))
}

/// `SO_RCVBUF`, `initcwnd`, `tcp_rmem`: names that only one group of an end has.
fn short_form(name: &str) -> Option<(&'static str, &'static str, Kind)> {
    let groups: [(&str, &'static [Key]); 3] =
        [("sockopt", keys::SOCKOPT), ("route", keys::ROUTE), ("offload", keys::OFFLOAD)];
    let plain = groups.into_iter().filter_map(|(group, keys)| {
        let key = keys::find(keys, name)?;
        Some((group, key.name, key.kind))
    });
    let last = !name.contains('.');
    let sysctl = sysctls::SYSCTLS.iter().filter_map(|s| {
        let before = s.key.name.strip_suffix(name)?;
        (before.is_empty() || (last && before.ends_with('.'))).then_some(("sysctl", s.key.name, s.key.kind))
    });
    let mut found = plain.chain(sysctl);
    let first = found.next()?;
    // A name that two groups have is not short for either.
    found.next().is_none().then_some(first)
}

fn locate(
    keys: &'static [Key],
    path: &str,
    what: &str,
    out: &mut Vec<String>,
) -> Result<Option<Kind>, NotFound> {
    let (first, rest) = match path.split_once('.') {
        Some((first, rest)) => (first, Some(rest)),
        None => (path, None),
    };
    let Some(key) = keys::find(keys, first) else {
        if rest.is_none()
            && let Some(standing) = not_modelled::find(first)
        {
            let (message, help) = standing.refusal(first);
            return Err((message, Some(help)));
        }
        let near = nearest(first, keys.iter().map(|k| k.name));
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => {
                let known: Vec<_> = keys.iter().map(|k| k.name).collect();
                format!("its keys are {}", known.join(", "))
            }
        };
        return Err((format!("`{}` is not a key of {what}", shorten(first)), Some(help)));
    };
    out.push(first.to_owned());
    let Some(rest) = rest else { return Ok(Some(key.kind)) };
    match key.kind {
        Kind::Section(inner) | Kind::Short { keys: inner, .. } => {
            locate(inner, rest, &format!("`{first}`"), out)
        }
        Kind::Flows => locate(keys::FLOWS, rest, "`flows`", out),
        Kind::Nic => locate(keys::NIC_FIGURES, rest, "`nic`", out),
        Kind::Expect => {
            out.push(rest.to_owned());
            Ok(None)
        }
        Kind::Sysctls => match sysctls::find(rest) {
            Some(s) => {
                out.push(rest.to_owned());
                Ok(Some(s.key.kind))
            }
            None if not_modelled::find(rest).is_some() => {
                out.push(rest.to_owned());
                Ok(None)
            }
            None => {
                let help = nearest(rest, sysctls::names()).map(|n| format!("did you mean `{n}`?"));
                Err((format!("`{}` is not a known sysctl", shorten(rest)), help))
            }
        },
        Kind::Modes(_) => {
            let names = || std::iter::once("mode").chain(apps::mode_keys(first).map(|k| k.name));
            if names().any(|n| n == rest) {
                out.push(rest.to_owned());
                return Ok(None);
            }
            let help = nearest(rest, names()).map(|n| format!("did you mean `{n}`?"));
            Err((format!("`{}` is not a key of `{first}`", shorten(rest)), help))
        }
        Kind::NotYet(there_is) => {
            Err((format!("`{first}` is not supported by this version"), Some(there_is.to_owned())))
        }
        _ => Err((format!("`{first}` has no keys of its own"), None)),
    }
}

/// The three numbers at `path`, written or the default, with one replaced.
fn with_index(root: &Node, path: &[&str], index: usize, value: &Node) -> Option<String> {
    let Value::Scalar(new) = &value.value else { return None };
    let mut node = Some(root);
    for part in path {
        node = node.and_then(|n| get(n, part)).map(|e| &e.value);
    }
    let mut parts: Vec<String> = match node.map(|n| &n.value) {
        Some(Value::Scalar(text)) => text.split_whitespace().map(str::to_owned).collect(),
        Some(Value::List(items)) => items
            .iter()
            .map(|n| match &n.value {
                Value::Scalar(t) => t.clone(),
                _ => String::new(),
            })
            .collect(),
        _ => default_triple(root, path)?.split_whitespace().map(str::to_owned).collect(),
    };
    new.clone_into(parts.get_mut(index)?);
    Some(parts.join(" "))
}

pub(crate) fn default_triple(root: &Node, path: &[&str]) -> Option<String> {
    let kernel = match get(root, "kernel").map(|e| &e.value.value) {
        Some(Value::Scalar(kernel)) => kernel.as_str(),
        _ => "",
    };
    if let Some(value) = machine_default(root, kernel, path) {
        return Some(value);
    }
    if path.first() != Some(&"host") {
        return None;
    }
    keys::find(keys::HOST, path.last()?).map(|k| k.default.to_owned())
}

/// What `kernel` sets by itself on a machine with the memory that the tree says: a sysctl, or `tcp_mem`.
pub(crate) fn machine_default(root: &Node, kernel: &str, path: &[&str]) -> Option<String> {
    let profile = resolve_kernel(kernel).ok()?.profile;
    let ram = get(root, "host").and_then(|host| get(&host.value, "ram")).and_then(|e| match &e.value.value {
        Value::Scalar(text) => units::parse_size(text).ok(),
        _ => None,
    });
    let memory = ram.map(|ram| MemoryDefaults::of_ram(profile, ram));
    if path == ["host", "tcp_mem"] {
        return memory.map(|m| m.tcp_mem.map(|pages| pages.to_string()).join(" "));
    }
    let sysctl = sysctls::find(path.last()?)?;
    let mut values = profile.default_sysctls();
    if let Some(memory) = memory {
        memory.apply(&mut values);
    }
    Some(sysctl.show(&values))
}

pub(crate) fn get<'n>(node: &'n Node, key: &str) -> Option<&'n Entry> {
    match &node.value {
        Value::Map(entries) => entries.iter().find(|e| e.key == key),
        _ => None,
    }
}

/// Puts `value` at `path`, making the mappings on the way.
fn insert(node: &mut Node, path: &[&str], value: Node, at: Place) {
    insert_into(node, "", path, value, at);
}

/// The same below a key called `name`.
fn insert_into(node: &mut Node, name: &str, path: &[&str], value: Node, at: Place) {
    let Some((first, rest)) = path.split_first() else {
        *node = value;
        return;
    };
    if let Value::Scalar(word) = &node.value {
        // `read: never` is short for `read: {mode: never}`, `nic: page` for `nic: {model: page}`, and `loss: 1%` for
        // `loss: {probability: 1%}`.
        let main = match keys::find(keys::PATH, name).map(|k| k.kind) {
            Some(Kind::Short { main, .. }) => main,
            _ if name == "nic" => "model",
            _ => "mode",
        };
        let mode = Node { at: node.at, value: Value::Scalar(word.clone()) };
        node.value = Value::Map(vec![Entry { key: main.to_owned(), at: node.at, value: mode }]);
    }
    if !matches!(node.value, Value::Map(_)) {
        *node = Node { at, value: Value::Map(Vec::new()) };
    }
    let Value::Map(entries) = &mut node.value else { return };
    if rest.is_empty() || name == "path" {
        take_back(entries, first);
    }
    let index = match entries.iter().position(|e| e.key == *first) {
        Some(i) => i,
        None => {
            let empty = Node { at, value: Value::Null };
            entries.push(Entry { key: (*first).to_owned(), at, value: empty });
            entries.len() - 1
        }
    };
    entries[index].at = at;
    insert_into(&mut entries[index].value, first, rest, value, at);
}

/// Removes what would contradict the key that is about to be set.
fn take_back(entries: &mut Vec<Entry>, key: &str) {
    let others: Vec<&str> = ALTERNATIVES
        .iter()
        .filter(|group| group.contains(&key))
        .copied()
        .flatten()
        .filter(|k| **k != key)
        .copied()
        .collect();
    entries.retain(|e| !others.contains(&e.key.as_str()));
    // A setting of both directions goes before what the scenario says about one of them.
    for direction in entries.iter_mut().filter(|e| matches!(e.key.as_str(), "forward" | "reverse")) {
        if let Value::Map(inner) = &mut direction.value.value {
            inner.retain(|e| e.key != key && !others.contains(&e.key.as_str()));
        }
    }
}
