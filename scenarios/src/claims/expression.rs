//! Assertions of claims: comparisons between metrics of runs, with units that are checked before anything runs.
//!
//! ```text
//! peak.over_budget == 8448
//! new.final.recv_q < old.final.recv_q
//! final.skmem_rb == 2 * 32KiB
//! row(62).rcv_win == 3072
//! new.truesize_first * 10 <= old.truesize_first * 9
//! peak.skmem_rb == 16MiB ± 5%
//! ```

use std::fmt;

use crate::units;

/// What a number counts. Numbers of different kinds are neither compared nor added.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dimension {
    /// Bytes, or a sequence number.
    Bytes,
    /// Things: packets, skbs, calls.
    Count,
    /// Nanoseconds.
    Time,
    /// Bits per second.
    Rate,
    /// Anything else with a unit of its own, which must be the same on both sides.
    Other(&'static str),
}

impl Dimension {
    /// The dimension in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Count => "a count",
            Self::Time => "a time",
            Self::Rate => "a rate",
            Self::Other(name) => name,
        }
    }
}

/// A number that a run is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asked {
    /// The label of the run; empty if the claim has a single one.
    pub run: String,
    /// The metric, or the cell of a trace, such as `final.recv_q`, `row(18).rcv_win` or `burst(1)`.
    pub metric: String,
}

/// An expression over metrics.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Expression {
    Number(i128),
    Asked(Asked),
    Negative(Box<Self>),
    Binary(Box<Self>, char, Box<Self>),
}

/// How the two sides of an assertion must relate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Relation {
    Equal,
    NotEqual,
    AtMost,
    AtLeast,
    Below,
    Above,
}

/// Longest first, so that `<=` is not read as `<`.
const RELATIONS: [(&str, Relation); 6] = [
    ("==", Relation::Equal),
    ("!=", Relation::NotEqual),
    ("<=", Relation::AtMost),
    (">=", Relation::AtLeast),
    ("<", Relation::Below),
    (">", Relation::Above),
];

/// How far the two sides of `==` may be apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Tolerance {
    Absolute(i128),
    /// Parts of a thousand of the right side.
    Permille(i128),
}

/// One comparison, checked for names and units.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Assertion {
    text: String,
    left: Expression,
    relation: Relation,
    right: Expression,
    tolerance: Option<Tolerance>,
}

/// An assertion and what the runs showed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Judged {
    /// The assertion as written.
    pub text: String,
    /// The left side; `None` if a run has no such number.
    pub left: Option<i128>,
    /// The right side.
    pub right: Option<i128>,
    /// Whether it is true. A number that a run does not have makes it false.
    pub holds: bool,
}

impl fmt::Display for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = |v: Option<i128>| v.map_or_else(|| "no such number".to_owned(), |v| v.to_string());
        let word = if self.holds { "true" } else { "false" };
        write!(f, "`{}` is {word}: {} against {}", self.text, side(self.left), side(self.right))
    }
}

/// Names that an assertion may use.
pub(super) struct Vocabulary<'a> {
    /// Labels of the runs; empty if there is a single run, whose metrics have no prefix.
    pub(super) runs: &'a [String],
    /// What a metric counts; `Err` says what is wrong with its name.
    pub(super) dimension: &'a dyn Fn(&str) -> Result<Dimension, String>,
}

impl Assertion {
    /// As written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Reads an assertion and checks its names and units.
    pub(super) fn parse(text: &str, vocabulary: &Vocabulary<'_>) -> Result<Self, String> {
        let text = text.trim();
        let Some((at, sign, relation)) = RELATIONS
            .iter()
            .filter_map(|(sign, r)| Some((text.find(sign)?, *sign, *r)))
            .min_by_key(|(at, sign, _)| (*at, usize::MAX - sign.len()))
        else {
            return Err("an assertion compares two sides with ==, !=, <, <=, > or >=".to_owned());
        };
        let (left, rest) = (&text[..at], &text[at + sign.len()..]);
        let (right, tolerance) = match rest.split_once('±').or_else(|| rest.split_once("+-")) {
            Some((right, tolerance)) => (right, Some(tolerance.trim())),
            None => (rest, None),
        };
        let (left, left_unit) = Parser::whole(left, vocabulary)?;
        let (right, right_unit) = Parser::whole(right, vocabulary)?;
        let unit = same_unit(left_unit, right_unit, "compared with")?;
        let tolerance = match tolerance {
            None => None,
            Some(_) if relation != Relation::Equal => {
                return Err("a tolerance goes with `==`".to_owned());
            }
            Some(text) => Some(parse_tolerance(text, unit)?),
        };
        Ok(Self { text: text.to_owned(), left, relation, right, tolerance })
    }

    /// Every number that the assertion asks for.
    pub fn asked(&self) -> Vec<&Asked> {
        let mut found = Vec::new();
        self.left.collect(&mut found);
        self.right.collect(&mut found);
        found
    }

    /// Whether the assertion is true of what `lookup` says about the runs.
    pub fn judge(&self, lookup: &dyn Fn(&Asked) -> Option<i64>) -> Judged {
        let (left, right) = (self.left.value(lookup), self.right.value(lookup));
        let holds = left.zip(right).is_some_and(|(l, r)| self.compare(l, r));
        Judged { text: self.text.clone(), left, right, holds }
    }

    fn compare(&self, l: i128, r: i128) -> bool {
        match (self.relation, self.tolerance) {
            (Relation::Equal, Some(Tolerance::Absolute(t))) => l.abs_diff(r) <= t.unsigned_abs(),
            (Relation::Equal, Some(Tolerance::Permille(p))) => {
                let (apart, allowed) = (l.abs_diff(r), r.unsigned_abs());
                let (p, thousand) = (p.unsigned_abs(), 1_000);
                apart
                    .checked_mul(thousand)
                    .zip(allowed.checked_mul(p))
                    .is_some_and(|(apart, allowed)| apart <= allowed)
            }
            (Relation::Equal, None) => l == r,
            (Relation::NotEqual, _) => l != r,
            (Relation::AtMost, _) => l <= r,
            (Relation::AtLeast, _) => l >= r,
            (Relation::Below, _) => l < r,
            (Relation::Above, _) => l > r,
        }
    }
}

impl Expression {
    fn collect<'a>(&'a self, found: &mut Vec<&'a Asked>) {
        match self {
            Self::Number(_) => {}
            Self::Asked(asked) => found.push(asked),
            Self::Negative(inner) => inner.collect(found),
            Self::Binary(a, _, b) => {
                a.collect(found);
                b.collect(found);
            }
        }
    }

    fn value(&self, lookup: &dyn Fn(&Asked) -> Option<i64>) -> Option<i128> {
        match self {
            Self::Number(n) => Some(*n),
            Self::Asked(asked) => lookup(asked).map(i128::from),
            Self::Negative(inner) => inner.value(lookup)?.checked_neg(),
            Self::Binary(a, op, b) => {
                let (a, b) = (a.value(lookup)?, b.value(lookup)?);
                match op {
                    '+' => a.checked_add(b),
                    '-' => a.checked_sub(b),
                    _ => a.checked_mul(b),
                }
            }
        }
    }
}

/// A plain number takes any unit.
type Unit = Option<Dimension>;

fn same_unit(a: Unit, b: Unit, verb: &str) -> Result<Unit, String> {
    match (a, b) {
        (Some(a), Some(b)) if a != b => Err(format!("{} cannot be {verb} {}", a.name(), b.name())),
        (a, b) => Ok(a.or(b)),
    }
}

/// A product has at most one factor with a unit; a count may scale anything.
fn product_unit(a: Unit, b: Unit) -> Result<Unit, String> {
    match (a, b) {
        (Some(Dimension::Count), other) | (other, Some(Dimension::Count)) if other.is_some() => Ok(other),
        (Some(a), Some(b)) => Err(format!("{} cannot be multiplied by {}", a.name(), b.name())),
        (a, b) => Ok(a.or(b)),
    }
}

fn parse_tolerance(text: &str, unit: Unit) -> Result<Tolerance, String> {
    if let Some(percent) = text.strip_suffix('%') {
        let (whole, tenth) = percent.trim().split_once('.').unwrap_or((percent.trim(), "0"));
        return match (whole.parse::<u16>(), tenth.parse::<u8>()) {
            (Ok(whole), Ok(tenth @ 0..=9)) => {
                Ok(Tolerance::Permille(i128::from(whole) * 10 + i128::from(tenth)))
            }
            _ => Err(format!("`{text}` is not a percentage with at most one decimal")),
        };
    }
    let (value, own) = number(text)?;
    same_unit(own, unit, "the tolerance of")?;
    Ok(Tolerance::Absolute(value))
}

/// A number with or without unit: `62464`, `64KiB`, `200ms`, `100mbit`.
fn number(text: &str) -> Result<(i128, Unit), String> {
    let text = text.trim();
    if let Ok(n) = units::parse_count(text) {
        return Ok((n.into(), None));
    }
    if let Ok(n) = units::parse_time(text) {
        return Ok((n.into(), Some(Dimension::Time)));
    }
    if let Ok(n) = units::parse_rate(text) {
        return Ok((n.into(), Some(Dimension::Rate)));
    }
    match units::parse_size(text) {
        Ok(n) => Ok((n.into(), Some(Dimension::Bytes))),
        Err(e) => Err(e.help.map_or(e.message.clone(), |h| format!("{} ({h})", e.message))),
    }
}

/// Deepest nesting of parentheses and signs.
const MAX_DEPTH: usize = 16;

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
    vocabulary: &'a Vocabulary<'a>,
}

impl<'a> Parser<'a> {
    fn whole(text: &'a str, vocabulary: &'a Vocabulary<'a>) -> Result<(Expression, Unit), String> {
        let mut p = Self { rest: text, depth: 0, vocabulary };
        let found = p.sum()?;
        p.space();
        match p.rest {
            "" => Ok(found),
            rest => Err(format!("`{}` was not expected here", units::shorten(rest))),
        }
    }

    fn space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn next_is(&mut self, any_of: &str) -> Option<char> {
        self.space();
        let c = self.rest.chars().next().filter(|c| any_of.contains(*c))?;
        self.rest = &self.rest[c.len_utf8()..];
        Some(c)
    }

    fn sum(&mut self) -> Result<(Expression, Unit), String> {
        let (mut left, mut unit) = self.product()?;
        while let Some(op) = self.next_is("+-") {
            let (right, other) = self.product()?;
            unit = same_unit(unit, other, "added to")?;
            left = Expression::Binary(Box::new(left), op, Box::new(right));
        }
        Ok((left, unit))
    }

    fn product(&mut self) -> Result<(Expression, Unit), String> {
        let (mut left, mut unit) = self.factor()?;
        while let Some(op) = self.next_is("*") {
            let (right, other) = self.factor()?;
            unit = product_unit(unit, other)?;
            left = Expression::Binary(Box::new(left), op, Box::new(right));
        }
        Ok((left, unit))
    }

    fn factor(&mut self) -> Result<(Expression, Unit), String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("this is nested too deeply".to_owned());
        }
        let found = if self.next_is("(").is_some() {
            let inner = self.sum()?;
            self.next_is(")").ok_or("a `)` is missing")?;
            inner
        } else if self.next_is("-").is_some() {
            let (inner, unit) = self.factor()?;
            (Expression::Negative(Box::new(inner)), unit)
        } else {
            self.space();
            match self.rest.chars().next() {
                None => return Err("a number or a metric is missing".to_owned()),
                Some(c) if c.is_ascii_digit() => self.literal()?,
                Some(_) => self.metric()?,
            }
        };
        self.depth -= 1;
        Ok(found)
    }

    /// Takes the longest text of which `wanted` is true for every character.
    fn take(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !wanted(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn literal(&mut self) -> Result<(Expression, Unit), String> {
        let text = self.take(|c| c.is_ascii_alphanumeric() || c == '.');
        let (value, unit) = number(text)?;
        Ok((Expression::Number(value), unit))
    }

    fn metric(&mut self) -> Result<(Expression, Unit), String> {
        let mut name = self.take(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.')).to_owned();
        if name.is_empty() {
            return Err(format!("`{}` is neither a number nor a metric", units::shorten(self.rest)));
        }
        if self.rest.starts_with('(') {
            name.push_str(self.take(|c| c != ')'));
            name.push_str(self.take(|c| c == ')'));
            name.push_str(self.take(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.')));
        }
        let runs = self.vocabulary.runs;
        let (run, metric) = if runs.is_empty() {
            (String::new(), name)
        } else {
            match name.split_once('.').filter(|(run, _)| runs.iter().any(|r| r == run)) {
                Some((run, metric)) => (run.to_owned(), metric.to_owned()),
                None => {
                    return Err(format!("`{name}` must begin with the name of a run: {}", runs.join(", ")));
                }
            }
        };
        let unit = (self.vocabulary.dimension)(&metric)?;
        Ok((Expression::Asked(Asked { run, metric }), Some(unit)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dimension(name: &str) -> Result<Dimension, String> {
        match name {
            "bytes" | "row(18).rcv_win" => Ok(Dimension::Bytes),
            "packets" => Ok(Dimension::Count),
            "took" => Ok(Dimension::Time),
            _ => Err(format!("`{name}` is not a metric")),
        }
    }

    fn parse(text: &str) -> Result<Assertion, String> {
        Assertion::parse(text, &Vocabulary { runs: &[], dimension: &dimension })
    }

    /// Of a run with 1000 bytes in 7 packets and 3 ms.
    #[track_caller]
    fn holds(text: &str) -> bool {
        let lookup = |a: &Asked| match a.metric.as_str() {
            "bytes" => Some(1_000),
            "packets" => Some(7),
            "took" => Some(3_000_000),
            _ => None,
        };
        parse(text).unwrap().judge(&lookup).holds
    }

    #[test]
    fn comparisons_are_computed() {
        for (text, expected) in [
            ("bytes == 1000", true),
            ("bytes == 1KiB", false),
            ("bytes == 1KiB ± 24", true),
            ("bytes == 1KiB ± 23B", false),
            ("bytes == 1050 ± 4.8%", true),
            ("bytes == 1050 ± 4.7%", false),
            ("2 * (bytes - 200) >= 1600", true),
            ("bytes * packets == 7000", true),
            ("-bytes + 1 < -998", true),
            ("bytes != 1000", false),
            ("bytes > 999", true),
            ("took <= 3ms", true),
            ("row(18).rcv_win >= 0", false),
        ] {
            assert_eq!(holds(text), expected, "{text}");
        }
    }

    #[test]
    fn units_are_checked_before_anything_runs() {
        for (text, says) in [
            ("bytes == packets", "bytes cannot be compared with a count"),
            ("bytes + took == 3", "bytes cannot be added to a time"),
            ("bytes * bytes == 3", "bytes cannot be multiplied by bytes"),
            ("bytes == 3ms", "bytes cannot be compared with a time"),
            ("bytes == 64Kb", "did you mean 64KiB"),
            ("bytes == 3 ± 1ms", "a time cannot be the tolerance of bytes"),
            ("bytes < 3 ± 1", "a tolerance goes with `==`"),
        ] {
            let e = parse(text).unwrap_err();
            assert!(e.contains(says), "{text}: {e}");
        }
    }

    #[test]
    fn mistakes_are_sentences() {
        for (text, says) in [
            ("bytes", "compares two sides"),
            ("bytes == ", "a number or a metric is missing"),
            ("bytes == (3", "a `)` is missing"),
            ("bites == 3", "`bites` is not a metric"),
            ("bytes == 3 4", "`4` was not expected here"),
            ("bytes == 3 ± x%", "not a percentage"),
            ("bytes == $", "neither a number nor a metric"),
        ] {
            let e = parse(text).unwrap_err();
            assert!(e.contains(says), "{text}: {e}");
        }
        assert!(parse(&format!("bytes == {}1{}", "(".repeat(99), ")".repeat(99))).is_err());
    }

    #[test]
    fn metrics_of_several_runs_bear_their_label() {
        let runs = ["old".to_owned(), "new".to_owned()];
        let vocabulary = Vocabulary { runs: &runs, dimension: &dimension };
        let a = Assertion::parse("new.bytes < old.row(18).rcv_win", &vocabulary).unwrap();
        let asked: Vec<_> = a.asked().iter().map(|a| (a.run.clone(), a.metric.clone())).collect();
        assert_eq!(asked, [("new".into(), "bytes".into()), ("old".to_owned(), "row(18).rcv_win".to_owned())]);
        let e = Assertion::parse("bytes < 3", &vocabulary).unwrap_err();
        assert_eq!(e, "`bytes` must begin with the name of a run: old, new");
    }
}
