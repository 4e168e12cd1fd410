//! The ledger of claims: sentences that somebody published, each with the runs and the assertions that judge it.
//!
//! ```yaml
//! title: The published experiment
//! source: {name: Where the sentences stand, url: "https://example.org"}
//! claims:
//!   - id: overrun-memory
//!     says: The queue ends with 73 984 bytes of memory.
//!     kernels: ["5.10", "6.1"]
//!     run: {scenario: budget-overrun, set: [path.rtt=200ms]}
//!     shows: [final.skmem_r == 73984]
//!     verdict: confirmed
//! ```
//!
//! Several `runs`, each with a label, compare settings or kernels. The verdict is what the runs must come to: `confirmed`
//! on every kernel, `refuted` on every one, or `depends-on-version`, with the kernels on which the claim `holds`.
//! `instead` says what is true where the claim is not.
//!
//! `basis` says where the numbers of the assertions come from: `figure` (they stand in the source), `recording` (a
//! recorded kernel showed them), `rule` (anyone can compute them from a rule), `model` (the model printed them, and
//! nothing else is known: the default). `recorded: a_overrun` names a recorded case that must say the same.
//!
//! A published table becomes one assertion per cell: `curve: {data: table.csv, table: autotuning, columns: [rcvbuf, copied ± 2%]}`
//! holds the rows of a run's table against those of a CSV file, in order.

mod expression;
mod read;

pub use expression::{Asked, Assertion, Dimension, Judged};
pub use read::{Surroundings, is_ledger, read_ledger};

use std::fmt;

/// Where a sentence stands.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Reference {
    /// Author, title, date; a commit; a thread.
    pub name: String,
    /// Its address; may be empty.
    pub url: String,
}

/// What the runs of a claim come to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// The claim is true on every kernel it was asked on.
    Confirmed,
    /// It is true on none.
    Refuted,
    /// It is true on these, and not on the others.
    DependsOnVersion(Vec<String>),
}

impl Verdict {
    /// `confirmed`, `refuted` or `depends-on-version`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Refuted => "refuted",
            Self::DependsOnVersion(_) => "depends-on-version",
        }
    }

    /// The verdict that follows from what each kernel showed.
    pub fn of<'a>(shown: impl IntoIterator<Item = (&'a str, bool)>) -> Self {
        let (mut holds, mut fails) = (Vec::new(), false);
        for (kernel, holds_here) in shown {
            if holds_here {
                holds.push(kernel.to_owned());
            } else {
                fails = true;
            }
        }
        match (holds.is_empty(), fails) {
            (true, _) => Self::Refuted,
            (false, false) => Self::Confirmed,
            (false, true) => Self::DependsOnVersion(holds),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Self::DependsOnVersion(kernels) => write!(f, " (holds on {})", kernels.join(", ")),
            Self::Confirmed | Self::Refuted => Ok(()),
        }
    }
}

/// Where the numbers of a claim's assertions come from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Basis {
    /// They stand in the source.
    Figure,
    /// A recorded kernel showed them.
    Recording,
    /// They follow from a rule that anyone can compute.
    Rule,
    /// The model printed them, and nothing else is known.
    Model,
}

impl Basis {
    /// All of them, the best evidence first.
    pub const ALL: [Self; 4] = [Self::Figure, Self::Recording, Self::Rule, Self::Model];

    /// The word in a ledger.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Figure => "figure",
            Self::Recording => "recording",
            Self::Rule => "rule",
            Self::Model => "model",
        }
    }

    /// What it means, for a reader.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Figure => "the figures are those of the source",
            Self::Recording => "the figures are those of recorded kernels",
            Self::Rule => "the figures follow from the rule",
            Self::Model => "the figures are what the model gives",
        }
    }
}

/// One run that a claim asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClaimRun {
    /// By which the assertions call it; empty if it is the only one.
    pub label: String,
    /// A scenario of the gallery.
    pub scenario: String,
    /// Settings on top of it, as `--set` takes them.
    pub set: Vec<String>,
    /// Its own kernel; `None`: each kernel of the claim in turn.
    pub kernel: Option<String>,
}

/// One sentence and what settles it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claim {
    /// A short name, unique among all ledgers.
    pub id: String,
    /// The sentence, in our words.
    pub says: String,
    /// Where it stands.
    pub source: Reference,
    /// The kernels on which it is asked.
    pub kernels: Vec<String>,
    /// The runs.
    pub runs: Vec<ClaimRun>,
    /// What must be true for the claim to hold; the cells of the curve, row by row, come last.
    pub shows: Vec<Assertion>,
    /// The published table that the run must follow.
    pub curve: Option<Curve>,
    /// What must be true where the claim does not hold.
    pub instead: Vec<Assertion>,
    /// The recorded verdict.
    pub verdict: Verdict,
    /// Where the numbers come from.
    pub basis: Basis,
    /// A recorded case that must say the same on the kernels it was recorded on.
    pub recorded: Option<String>,
    /// Why it is so, for a reader.
    pub because: String,
    /// Name of the text it is written in.
    pub file: String,
    /// Its line there, from 1.
    pub line: usize,
    /// Its column there, from 1.
    pub column: usize,
}

/// A published table that a run's table is held against.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Curve {
    /// The CSV file.
    pub data: String,
    /// The table of the run: `autotuning`, `row` ...
    pub table: String,
    /// The columns that are compared.
    pub columns: Vec<String>,
    /// Rows of the file.
    pub rows: usize,
}

impl Claim {
    /// How many of the assertions in `shows` are cells of the curve.
    pub fn curve_cells(&self) -> usize {
        self.curve.as_ref().map_or(0, |c| c.rows * c.columns.len())
    }

    /// The kernels to ask: if every run has a kernel of its own there is nothing to vary, and one asking is enough.
    pub fn askings(&self) -> Vec<Option<&str>> {
        if self.runs.iter().all(|r| r.kernel.is_some()) {
            vec![None]
        } else {
            self.kernels.iter().map(|k| Some(k.as_str())).collect()
        }
    }
}

/// A file of claims.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ledger {
    /// Its title.
    pub title: String,
    /// What it is about; may be empty.
    pub about: String,
    /// The claims in the order of the text.
    pub claims: Vec<Claim>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verdict_follows_from_what_each_kernel_showed() {
        assert_eq!(Verdict::of([("a", true), ("b", true)]), Verdict::Confirmed);
        assert_eq!(Verdict::of([("a", false)]), Verdict::Refuted);
        let some = Verdict::of([("a", true), ("b", false)]);
        assert_eq!(some, Verdict::DependsOnVersion(vec!["a".to_owned()]));
        assert_eq!(some.to_string(), "depends-on-version (holds on a)");
    }
}
