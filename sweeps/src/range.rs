//! `{from, to, steps, scale}`: values at equal distances or equal ratios.

use scenarios::tree::{Node, Value};
use scenarios::{Quantity, nearest};

use crate::mistakes::Mistakes;

/// Steps of a range that does not say how many.
const USUAL_STEPS: u32 = 5;

/// How the values of a range follow each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scale {
    /// At equal distances.
    Linear,
    /// At equal ratios.
    Log,
}

/// A range of numbers, in base units.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Range {
    /// The first value.
    pub from: i64,
    /// The last one; larger.
    pub to: i64,
    /// How many values a grid takes of it, both ends included.
    pub steps: u32,
    /// How they follow each other.
    pub scale: Scale,
}

impl Range {
    pub(crate) fn read(m: &mut Mistakes, key: &str, node: &Node, quantity: Quantity) -> Option<Self> {
        let Value::Map(entries) = &node.value else { return None };
        const KEYS: [&str; 4] = ["from", "to", "steps", "scale"];
        if let Some(unknown) = entries.iter().find(|e| !KEYS.contains(&e.key.as_str())) {
            let d = m.error(unknown.at, format!("`{}` is not a key of a range", unknown.key));
            d.expected = Some("{from, to, steps, scale}".to_owned());
            d.help = nearest(&unknown.key, KEYS).map(|n| format!("did you mean `{n}`?"));
            return None;
        }
        if matches!(quantity, Quantity::Word | Quantity::Switch) {
            m.error(node.at, format!("axis `{key}`: its values are no numbers, so it has no range"))
                .expected = Some("a list".to_owned());
            return None;
        }
        let mut number = |name: &str| {
            let Some(entry) = node.get(name) else {
                m.error(node.at, format!("axis `{key}`: a range needs `{name}`")).expected =
                    Some("{from, to, steps, scale}".to_owned());
                return None;
            };
            let found = entry.value.scalar().and_then(|t| quantity.number(t));
            if found.is_none() {
                let d = m.error(
                    entry.value.at,
                    format!("axis `{key}`: `{}` is no value of it", entry.value.flow()),
                );
                let unit = quantity.unit();
                d.expected = Some(if unit.is_empty() {
                    "a whole number".to_owned()
                } else {
                    format!("a value in {unit}, with its unit")
                });
            }
            found
        };
        let (from, to) = (number("from")?, number("to")?);
        let steps = match node.get("steps") {
            None => USUAL_STEPS,
            Some(e) => match e.value.scalar().and_then(|t| t.parse::<u32>().ok()) {
                Some(n) if (2..=100_000).contains(&n) => n,
                _ => {
                    m.error(
                        e.value.at,
                        format!("axis `{key}`: `steps` is a number from 2 to 100000: both ends are values"),
                    );
                    return None;
                }
            },
        };
        let scale = match node.get("scale").map(|e| (e.value.at, e.value.scalar())) {
            None | Some((_, Some("linear"))) => Scale::Linear,
            Some((_, Some("log"))) => Scale::Log,
            Some((at, _)) => {
                m.error(at, format!("axis `{key}`: unknown scale")).expected =
                    Some("linear or log".to_owned());
                return None;
            }
        };
        if from >= to || (scale == Scale::Log && from <= 0) {
            let what =
                if from >= to { "`from` must be less than `to`" } else { "a log range begins above zero" };
            m.error(node.at, format!("axis `{key}`: {what}"));
            return None;
        }
        let range = Self { from, to, steps, scale };
        if range.steps().len() < steps as usize {
            let n = range.steps().len();
            m.error(node.at, format!("axis `{key}`: there are only {n} different values for {steps} steps"));
            return None;
        }
        Some(range)
    }

    /// The values of a grid, ascending.
    pub fn steps(&self) -> Vec<i64> {
        let last = self.steps.saturating_sub(1).max(1);
        let mut values: Vec<i64> = (0..self.steps).map(|i| self.at(f64::from(i) / f64::from(last))).collect();
        values.dedup();
        values
    }

    /// The value at a share between 0 (`from`) and 1 (`to`).
    pub fn at(&self, share: f64) -> i64 {
        if share <= 0.0 {
            return self.from;
        }
        if share >= 1.0 {
            return self.to;
        }
        let (from, to) = (self.from as f64, self.to as f64);
        let value = match self.scale {
            // Plain arithmetic is the same everywhere, to the last digit.
            Scale::Linear => libm::round(from + (to - from) * share) as i64,
            // And so is `libm`'s power, which is computed in software; the hardware's would differ in the last digit.
            Scale::Log => libm::round(from * libm::pow(to / from, share)) as i64,
        };
        value.clamp(self.from, self.to)
    }
}

/// `x` as a whole number that can be read: sizes in whole powers of two of at least a 2048th of it, anything else to four
/// significant digits.
pub(crate) fn readable(x: f64, quantity: Quantity) -> i64 {
    let (factor, most) = if quantity == Quantity::Size { (2.0, 4096.0) } else { (10.0, 10_000.0) };
    let mut unit = 1.0;
    while x.abs() / unit >= most {
        unit *= factor;
    }
    (libm::round(x / unit) * unit) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_range_has_equal_ratios_and_exact_ends() {
        let r = Range { from: 1_000_000, to: 100_000_000, steps: 5, scale: Scale::Log };
        assert_eq!(r.steps(), [1_000_000, 3_162_278, 10_000_000, 31_622_777, 100_000_000]);
        let r = Range { from: 16_384, to: 65_536, steps: 3, scale: Scale::Log };
        assert_eq!(r.steps(), [16_384, 32_768, 65_536]);
    }

    #[test]
    fn doublings_are_exact_and_so_is_every_whole_ratio() {
        for steps in 2..=31 {
            let r = Range { from: 1, to: 1 << (steps - 1), steps, scale: Scale::Log };
            assert_eq!(r.steps(), (0..steps).map(|i| 1_i64 << i).collect::<Vec<_>>());
        }
        let r = Range { from: 4_096, to: 4_096_000_000, steps: 7, scale: Scale::Log };
        assert_eq!(r.steps()[3], 4_096_000);
    }

    #[test]
    fn readable_values_are_near_and_round() {
        assert_eq!(readable(8_388_608.0, Quantity::Size), 8_388_608);
        assert_eq!(readable(5_931_641.7, Quantity::Size), 5_931_008);
        assert_eq!(readable(5_931_641.7, Quantity::Time(None)), 5_932_000);
        assert_eq!(readable(1_234.4, Quantity::Count), 1_234);
    }

    #[test]
    fn a_linear_range_may_be_negative() {
        let r = Range { from: -2, to: 2, steps: 5, scale: Scale::Linear };
        assert_eq!(r.steps(), [-2, -1, 0, 1, 2]);
        let one = Range { steps: 1, ..r };
        assert_eq!(one.steps(), [-2]);
        let fine = Range { from: 10_000_000, to: 400_000_000, steps: 100_000, scale: Scale::Linear };
        assert_eq!(fine.steps().len(), 100_000);
    }
}
