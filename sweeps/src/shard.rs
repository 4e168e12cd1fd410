//! Shards: which points a part of a sweep runs.

use std::fmt;
use std::str::FromStr;

/// Part `part` of `of`, from 1: every `of`-th point, so that parts cost about the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shard {
    /// Which part, from 1.
    pub part: u64,
    /// How many there are.
    pub of: u64,
}

impl Shard {
    /// The whole sweep.
    pub const WHOLE: Self = Self { part: 1, of: 1 };

    /// Whether the part runs point number `number`.
    pub const fn has(self, number: u64) -> bool {
        number % self.of == self.part - 1
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.part, self.of)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/').and_then(|(k, n)| Some((k.parse().ok()?, n.parse().ok()?)));
        match parts {
            Some((part, of)) if part >= 1 && part <= of => Ok(Self { part, of }),
            _ => Err(format!("`{text}` is not K/N with K from 1 to N, such as 2/8")),
        }
    }
}
