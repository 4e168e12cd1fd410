//! A scenario that is read once and resolved many times with different settings: what sweeps are made of.

use std::sync::Arc;

use crate::context::Context;
use crate::diagnostic::ScenarioError;
use crate::key_info::key_info;
use crate::keys;
use crate::overrides::{self, Overrides};
use crate::resolve::{Scenario, failed, parse_root, resolve_tree};
use crate::source::Source;
use crate::yaml::{Entry, Node, Value};

/// A scenario's tree. Resolving it costs some microseconds, for nothing is read again; settings mean exactly what
/// they mean on the command line, because they go the same way.
#[derive(Clone, Debug)]
pub struct Template {
    source: Arc<Source>,
    root: Node,
}

impl Template {
    /// Reads a scenario and checks it as it is written; what only readers and `skmem check` need is left out.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn new(source: &Source) -> Result<(Self, Scenario), ScenarioError> {
        let mut cx = Context::new(source.clone());
        let Some(root) = parse_root(&mut cx, source) else { return Err(failed(cx)) };
        Self::of(&cx.sources[0], root)
    }

    /// The same of a mapping that is part of another text.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn of(source: &Arc<Source>, mut root: Node) -> Result<(Self, Scenario), ScenarioError> {
        let cx = Context::shared(Arc::clone(source));
        let (scenario, _) = resolve_tree(cx, root.clone(), source, &Overrides::default(), 0)?;
        if let Value::Map(entries) = &mut root.value {
            entries.retain(|e| !matches!(e.key.as_str(), "about" | "expect"));
        }
        Ok((Self { source: Arc::clone(source), root }, scenario))
    }

    /// The scenario with these settings, on the first of its kernels.
    ///
    /// # Errors
    /// What is wrong with it, mistakes of settings at the setting.
    pub fn resolve(&self, settings: &Overrides) -> Result<Scenario, ScenarioError> {
        let cx = Context::shared(Arc::clone(&self.source));
        resolve_tree(cx, self.root.clone(), &self.source, settings, 0).map(|(scenario, _)| scenario)
    }

    /// What the scenario has for a key such as `path.rtt` or `rx.tcp_rmem[2]`: as written, or the default; on
    /// `kernel`, if the default is the kernel's. `None` if it has none.
    pub fn value(&self, key: &str, kernel: &str) -> Option<String> {
        let info = key_info(key).ok()?;
        let (path, index) = overrides::index_of(&info.path).ok()?;
        let steps = info.steps();
        let mut node = Some(&self.root);
        for step in &steps {
            node = node.and_then(|n| overrides::get(n, step)).map(|e| &e.value);
        }
        let text = match node.map(|n| &n.value) {
            Some(Value::Scalar(text)) => Some(text.clone()),
            Some(Value::List(items)) => {
                let texts: Vec<&str> = items.iter().filter_map(scalar).collect();
                (texts.len() == items.len()).then(|| texts.join(" "))
            }
            Some(Value::Map(_)) => None,
            None | Some(Value::Null) => self.default(path, &steps, kernel),
        }?;
        match index {
            None => Some(text),
            Some(i) => text.split_whitespace().nth(i).map(str::to_owned),
        }
    }

    /// Whether the scenario itself says anything about this key.
    pub fn says(&self, key: &str) -> bool {
        let Ok(info) = key_info(key) else { return false };
        let mut node = Some(&self.root);
        for step in info.steps() {
            node = node.and_then(|n| overrides::get(n, step)).map(|e: &Entry| &e.value);
        }
        node.is_some()
    }

    fn default(&self, path: &str, steps: &[&str], kernel: &str) -> Option<String> {
        if let Some(value) = overrides::machine_default(&self.root, kernel, steps) {
            return Some(value);
        }
        let text = keys::default_of(path)?;
        (!text.is_empty()).then(|| text.to_owned())
    }
}

fn scalar(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Scalar(text) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "kernel: 6.1\npath: {rtt: 10ms}\nreceiver: {sysctl: {net.ipv4.tcp_rmem: 4096 8192 16384}}\n";

    fn template() -> Template {
        Template::new(&Source::new("t", TEXT)).unwrap().0
    }

    #[test]
    fn a_template_resolves_as_the_text_does() {
        let overrides = Overrides {
            set: vec!["rx.tcp_rmem[2]=65536".to_owned(), "path.delay=3ms".to_owned()],
            kernel: Some("7.2".to_owned()),
            seed: Some(9),
        };
        let direct = crate::resolve(&Source::new("t", TEXT), &overrides).unwrap();
        assert_eq!(template().resolve(&overrides).unwrap(), direct);
    }

    #[test]
    fn values_are_what_is_written_or_the_default() {
        let t = template();
        assert_eq!(t.value("rx.tcp_rmem[2]", "6.1").as_deref(), Some("16384"));
        assert_eq!(t.value("path.rtt", "6.1").as_deref(), Some("10ms"));
        assert_eq!(t.value("path.limit", "6.1").as_deref(), Some("1000"));
        assert_eq!(t.value("tx.tcp_timestamps", "6.1").as_deref(), Some("1"));
        assert_eq!(t.value("rx.SO_RCVBUF", "6.1"), None);
        assert!(t.says("path.rtt") && !t.says("path.limit"));
    }
}
