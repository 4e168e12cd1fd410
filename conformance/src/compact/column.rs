//! One table of numbers, column by column.
//!
//! Most columns of a recording stand still, grow steadily or follow another column. Each is therefore coded as
//! what is left after subtracting another column of the same line (or none) and then the previous line's value
//! (no, one or two times); left-overs that are mostly zero are written as gaps. Which blanks a column has is
//! written once per pattern.

use super::DecodeError;
use super::varint::{Reader, put, zigzag};
use crate::recording::cell::BLANK;

const ALL_BLANK: u8 = 0;
const CONSTANT: u8 = 1;
/// Base of the general form; the bits below are added to it.
const GENERAL: u8 = 0x40;
const ORDER: u8 = 0x03;
const REFERENCE: u8 = 0x04;
const SPARSE: u8 = 0x08;

/// The most lines looked at when the form of a column is chosen.
const SAMPLE: usize = 4096;

/// The columns of a table known so far, on either side.
pub(crate) struct Table {
    lines: usize,
    columns: Vec<Vec<i64>>,
    /// Patterns of blanks seen so far; `true` is a value.
    patterns: Vec<Vec<bool>>,
}

impl Table {
    /// A table of `lines` lines that begins with columns known to both sides.
    pub(crate) fn new(lines: usize, context: Vec<Vec<i64>>) -> Self {
        Self { lines, columns: context, patterns: Vec::new() }
    }

    /// The columns, those of the context first.
    pub(crate) fn columns(&self) -> &[Vec<i64>] {
        &self.columns
    }

    /// Writes `column`, which must have the table's number of lines, and remembers it.
    pub(crate) fn encode(&mut self, column: Vec<i64>, out: &mut Vec<u8>) {
        assert_eq!(column.len(), self.lines, "a column has one value per line");
        self.write(&column, out);
        self.columns.push(column);
    }

    fn write(&mut self, column: &[i64], out: &mut Vec<u8>) {
        let Some(first) = column.iter().copied().find(|v| *v != BLANK) else {
            return out.push(ALL_BLANK);
        };
        if column.iter().all(|v| *v == first) {
            out.push(CONSTANT);
            return put(out, zigzag(first));
        }
        let form = self.choose(column);
        let left = self.left_over(column, form);
        let zeros = left.iter().filter(|v| **v == 0).count();
        let sparse = zeros * 4 > left.len() * 3;
        let mut mode = GENERAL | form.order;
        if form.reference.is_some() {
            mode |= REFERENCE;
        }
        if sparse {
            mode |= SPARSE;
        }
        out.push(mode);
        if let Some(r) = form.reference {
            put(out, r as u64);
        }
        self.write_pattern(column, out);
        if sparse {
            let mut gap = 0;
            for v in left {
                if v == 0 {
                    gap += 1;
                } else {
                    put(out, gap);
                    put(out, zigzag(v));
                    gap = 0;
                }
            }
            put(out, gap);
        } else {
            for v in left {
                put(out, zigzag(v));
            }
        }
    }

    /// Number 0: no blanks. Otherwise one more than the pattern's position; a new one is followed by its runs.
    fn write_pattern(&mut self, column: &[i64], out: &mut Vec<u8>) {
        if !column.contains(&BLANK) {
            return put(out, 0);
        }
        let pattern: Vec<bool> = column.iter().map(|v| *v != BLANK).collect();
        if let Some(at) = self.patterns.iter().position(|p| *p == pattern) {
            return put(out, at as u64 + 1);
        }
        put(out, self.patterns.len() as u64 + 1);
        let (mut now, mut run) = (false, 0);
        for &value in &pattern {
            if value != now {
                put(out, run);
                (now, run) = (value, 0);
            }
            run += 1;
        }
        put(out, run);
        self.patterns.push(pattern);
    }

    fn left_over(&self, column: &[i64], form: Form) -> Vec<i64> {
        let reference = form.reference.map(|r| self.columns[r].as_slice());
        let mut left: Vec<i64> = column
            .iter()
            .enumerate()
            .filter(|(_, v)| **v != BLANK)
            .map(|(i, v)| v.wrapping_sub(reference.map_or(0, |r| or_zero(r[i]))))
            .collect();
        for _ in 0..form.order {
            let mut before = 0i64;
            for v in &mut left {
                let this = *v;
                *v = this.wrapping_sub(before);
                before = this;
            }
        }
        left
    }

    /// The form with the least estimated cost on a sample of the lines.
    fn choose(&self, column: &[i64]) -> Form {
        let windows: Vec<std::ops::Range<usize>> = if self.lines <= SAMPLE {
            std::iter::once(0..self.lines).collect()
        } else {
            let part = SAMPLE / 4;
            (0..4).map(|w| w * (self.lines - part) / 3).map(|from| from..from + part).collect()
        };
        let mut best = (u64::MAX, Form { reference: None, order: 0 });
        let candidates = std::iter::once(None).chain((0..self.columns.len()).map(Some));
        for reference in candidates {
            if let Some(r) = reference {
                let c = &self.columns[r];
                if c.first().is_some_and(|f| c.iter().all(|v| v == f)) {
                    continue;
                }
            }
            let mut cost = [0u64; 3];
            for w in &windows {
                let mut before = [0i64; 3];
                let mut last = [0i64; 3];
                for i in w.clone() {
                    if column[i] == BLANK {
                        continue;
                    }
                    let v0 = column[i].wrapping_sub(reference.map_or(0, |r| or_zero(self.columns[r][i])));
                    let v1 = v0.wrapping_sub(before[0]);
                    let v2 = v1.wrapping_sub(before[1]);
                    before = [v0, v1, 0];
                    for (order, v) in [v0, v1, v2].into_iter().enumerate() {
                        cost[order] += price(v, last[order]);
                        last[order] = v;
                    }
                }
            }
            for (order, cost) in cost.into_iter().enumerate() {
                // A reference must earn its place: without one, decoding is simpler.
                let cost = cost + u64::from(reference.is_some()) * 64;
                if cost < best.0 {
                    best = (cost, Form { reference, order: order as u8 });
                }
            }
        }
        best.1
    }

    /// Reads the next column and remembers it.
    pub(crate) fn decode(&mut self, r: &mut Reader<'_>) -> Result<(), DecodeError> {
        let column = self.read(r)?;
        self.columns.push(column);
        Ok(())
    }

    fn read(&mut self, r: &mut Reader<'_>) -> Result<Vec<i64>, DecodeError> {
        let mode = r.byte()?;
        match mode {
            ALL_BLANK => return Ok(vec![BLANK; self.lines]),
            CONSTANT => return Ok(vec![r.signed()?; self.lines]),
            _ => {}
        }
        let order = mode & ORDER;
        if mode & !(ORDER | REFERENCE | SPARSE) != GENERAL || order > 2 {
            return Err(DecodeError::Damaged("an unknown form of column"));
        }
        let reference = if mode & REFERENCE != 0 {
            let at = r.count(usize::MAX)?;
            if at >= self.columns.len() {
                return Err(DecodeError::Damaged("a reference to a later column"));
            }
            Some(at)
        } else {
            None
        };
        let pattern = self.read_pattern(r)?;
        let values = pattern.map_or(self.lines, |p| self.patterns[p].iter().filter(|v| **v).count());
        let mut left = Vec::with_capacity(values);
        if mode & SPARSE != 0 {
            loop {
                let gap = r.count(values - left.len())?;
                left.resize(left.len() + gap, 0);
                if left.len() == values {
                    break;
                }
                left.push(r.signed()?);
            }
        } else {
            for _ in 0..values {
                left.push(r.signed()?);
            }
        }
        for _ in 0..order {
            let mut sum = 0i64;
            for v in &mut left {
                sum = sum.wrapping_add(*v);
                *v = sum;
            }
        }
        if let Some(p) = pattern {
            let mut it = left.into_iter();
            left = self.patterns[p]
                .iter()
                .map(|value| if *value { it.next().unwrap_or(BLANK) } else { BLANK })
                .collect();
            if let Some(at) = reference {
                for ((v, other), value) in left.iter_mut().zip(&self.columns[at]).zip(&self.patterns[p]) {
                    if *value {
                        *v = v.wrapping_add(or_zero(*other));
                    }
                }
            }
        } else if let Some(at) = reference {
            for (v, other) in left.iter_mut().zip(&self.columns[at]) {
                *v = v.wrapping_add(or_zero(*other));
            }
        }
        Ok(left)
    }

    fn read_pattern(&mut self, r: &mut Reader<'_>) -> Result<Option<usize>, DecodeError> {
        let number = r.count(self.patterns.len() + 1)?;
        let Some(at) = number.checked_sub(1) else { return Ok(None) };
        if at == self.patterns.len() {
            let mut pattern = Vec::with_capacity(self.lines);
            let mut now = false;
            let mut idle = false;
            while pattern.len() < self.lines {
                let run = r.count(self.lines - pattern.len())?;
                // Only the first run may be empty; otherwise this loop would not end.
                if run == 0 && (idle || !pattern.is_empty()) {
                    return Err(DecodeError::Damaged("an empty run of blanks"));
                }
                idle = run == 0;
                pattern.resize(pattern.len() + run, now);
                now = !now;
            }
            self.patterns.push(pattern);
        }
        Ok(Some(at))
    }
}

#[derive(Clone, Copy)]
struct Form {
    reference: Option<usize>,
    order: u8,
}

const fn or_zero(v: i64) -> i64 {
    if v == BLANK { 0 } else { v }
}

/// Estimated cost of a value after compression, in eighths of a byte: a repetition of the one before it is
/// nearly free.
fn price(v: i64, last: i64) -> u64 {
    if v == last {
        return if v == 0 { 1 } else { 2 };
    }
    let bits = 64 - u64::from(zigzag(v).leading_zeros());
    8 * bits.div_ceil(7).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round_trip(columns: Vec<Vec<i64>>) -> Vec<Vec<i64>> {
        let lines = columns.first().map_or(0, Vec::len);
        let mut table = Table::new(lines, Vec::new());
        let mut out = Vec::new();
        let count = columns.len();
        for c in columns {
            table.encode(c, &mut out);
        }
        let mut back = Table::new(lines, Vec::new());
        let mut r = Reader::new(&out);
        for _ in 0..count {
            back.decode(&mut r).unwrap();
        }
        assert!(r.is_empty());
        back.columns
    }

    fn cell() -> impl Strategy<Value = i64> {
        prop_oneof![Just(BLANK), Just(0), -3i64..100, any::<i64>()]
    }

    proptest! {
        #[test]
        fn any_table_survives(columns in (0usize..40).prop_flat_map(|n| {
            proptest::collection::vec(proptest::collection::vec(cell(), n), 1..6)
        })) {
            prop_assert_eq!(round_trip(columns.clone()), columns);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>, lines in 0usize..200) {
            let mut table = Table::new(lines, vec![vec![7; lines]]);
            let mut r = Reader::new(&bytes);
            while table.decode(&mut r).is_ok() && table.columns().len() < 50 {}
            prop_assert!(table.columns().iter().all(|c| c.len() == lines));
        }
    }

    #[test]
    fn a_column_that_follows_another_costs_next_to_nothing() {
        let time: Vec<i64> = (0..5000).map(|i| i * 24_821 + (i * i) % 977).collect();
        let micros: Vec<i64> = time.iter().map(|t| t + 5).collect();
        let mut table = Table::new(5000, Vec::new());
        let mut out = Vec::new();
        table.encode(time, &mut out);
        let before = out.len();
        table.encode(micros, &mut out);
        assert!(out.len() - before < 16, "{}", out.len() - before);
    }
}
