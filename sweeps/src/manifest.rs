//! `sweep.json`: what the rows beside it are rows of.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use results::output::{OutputError, write_file};
use scenarios::{Overrides, Source, gallery_text, resolve, resolve_kernel};
use serde::{Deserialize, Serialize};
use sim_core::linux;
use xxhash_rust::xxh3::xxh3_128;

use crate::evaluate::figures;
use crate::plan::Plan;
use crate::shard::Shard;

/// Name of the file in a sweep's folder.
pub const MANIFEST: &str = "sweep.json";

/// What the rows of a folder are rows of, and how far they are.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// Layout of this file and of the rows.
    pub schema: u32,
    /// Name of the plan.
    pub plan: String,
    /// Version of the program and a digest of what its model does.
    pub model: String,
    /// Everything that decides the rows, in the words of the plan.
    pub decides: BTreeMap<String, String>,
    /// `K/N`; `1/1` is the whole sweep.
    pub shard: String,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Names of the columns that are axes.
    pub axes: Vec<String>,
    /// Those of them that hold words, or words and numbers.
    #[serde(default)]
    pub words: Vec<String>,
    /// Those of them that are conditions rather than settings.
    #[serde(default)]
    pub conditions: Vec<String>,
    /// What the columns with a unit count.
    pub units: BTreeMap<String, String>,
    /// Set when all rows are there.
    pub done: Option<Done>,
}

/// A complete set of rows.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Done {
    /// Rows.
    pub rows: u64,
    /// Those of them that have an error instead of figures.
    pub errors: u64,
    /// Digest of each file.
    pub files: BTreeMap<String, String>,
}

impl Manifest {
    /// The manifest of a sweep that has not begun.
    pub fn new(plan: &Plan, shard: Shard) -> Self {
        let axes = plan.space.axes.iter().map(|a| {
            let values: Vec<&str> = a.values.iter().map(|v| v.label.as_str()).collect();
            let sets: Vec<String> = if a.path().is_none() {
                a.values.iter().map(|v| format!("{:?}", v.settings)).collect()
            } else {
                Vec::new()
            };
            format!("{}: [{}]{} {:?}", a.name, values.join(", "), sets.join(","), a.range)
        });
        let filters: Vec<&str> = plan.space.filters.iter().map(|f| f.text.as_str()).collect();
        let decides = [
            ("base", format!("{:032x}", xxh3_128(plan.base.source.text().as_bytes()))),
            ("axes", axes.collect::<Vec<_>>().join("; ")),
            ("where", filters.join("; ")),
            ("sample", plan.space.sample.to_string()),
            ("repeat", plan.repeat.to_string()),
            ("seed", plan.space.seed.to_string()),
            ("measures", plan.measures.join(", ")),
        ];
        let digest = (!plan.digest).then(|| ("digest", "off".to_owned()));
        let mut units = BTreeMap::new();
        for a in plan.space.axes.iter().filter(|a| !a.quantity.unit().is_empty()) {
            units.insert(a.name.clone(), a.quantity.unit().to_owned());
        }
        for (name, metric) in plan.measures.iter().zip(&plan.metrics) {
            units.insert(name.clone(), metric.unit.name().to_owned());
        }
        Self {
            schema: 1,
            plan: plan.name.clone(),
            model: model(),
            decides: decides.into_iter().chain(digest).map(|(k, v)| (k.to_owned(), v)).collect(),
            shard: shard.to_string(),
            columns: crate::format::columns(plan),
            axes: plan.space.axes.iter().filter(|a| !a.is_seed()).map(|a| a.name.clone()).collect(),
            words: plan.space.axes.iter().filter(|a| a.has_words()).map(|a| a.name.clone()).collect(),
            conditions: plan.space.axes.iter().filter(|a| a.is_condition()).map(|a| a.name.clone()).collect(),
            units,
            done: None,
        }
    }

    /// Why rows of `other` do not belong to this sweep; `None` if they do, whatever shard they are.
    pub fn differs(&self, other: &Self) -> Option<String> {
        if self.schema != other.schema {
            return Some(format!("its layout is {}, not {}", other.schema, self.schema));
        }
        if self.model != other.model {
            return Some(format!("it was run by model {}, not {}", other.model, self.model));
        }
        let differing: Vec<&str> = self
            .decides
            .iter()
            .filter(|(k, v)| other.decides.get(*k) != Some(*v))
            .map(|(k, _)| k.as_str())
            .collect();
        match differing.as_slice() {
            [] if self.decides.len() == other.decides.len() => None,
            [] => Some("its plan has other parts".to_owned()),
            some => Some(format!("its plan has other {}", some.join(", "))),
        }
    }

    /// Reads the manifest of a folder.
    ///
    /// # Errors
    /// A sentence.
    pub fn read(dir: &Path) -> Result<Self, String> {
        let path = dir.join(MANIFEST);
        let text = fs::read_to_string(&path)
            .map_err(|e| format!("{} is not the folder of a sweep: {MANIFEST}: {e}", dir.display()))?;
        serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))
    }

    /// Writes it, whole or not at all.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, dir: &Path) -> Result<(), OutputError> {
        let path = dir.join(MANIFEST);
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        write_file(&path, |f| {
            f.write_all(text.as_bytes()).map_err(|source| OutputError::Io { path: path.clone(), source })
        })
    }
}

/// The version of the program and what its model makes of one known scenario on every kernel: a change of the model
/// shows, whether or not the version was raised.
pub fn model() -> String {
    let mut seen = String::new();
    let source = Source::new("budget-overrun", gallery_text("budget-overrun").unwrap_or_default());
    for name in linux::ALL.iter().map(|k| k.name).filter(|n| resolve_kernel(n).is_ok()) {
        let overrides = Overrides { kernel: Some(name.to_owned()), ..Overrides::default() };
        if let Ok(figures) =
            resolve(&source, &overrides).map_err(drop).and_then(|s| figures(&s, &[]).map_err(drop))
        {
            seen.push_str(&figures.digest.unwrap_or_default());
        }
    }
    format!("{}-{:016x}", env!("CARGO_PKG_VERSION"), xxh3_128(seen.as_bytes()) as u64)
}
