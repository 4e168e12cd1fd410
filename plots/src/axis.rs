//! Scales: where the ticks lie and what they say, in integers.

/// The vertical axis: bytes, in KiB or MiB.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ByteAxis {
    /// The upper end, bytes.
    pub(crate) top: i64,
    /// Bytes between two ticks.
    step: i64,
    /// Bytes of one unit.
    unit: i64,
}

const KIB: i64 = 1024;
const MIB: i64 = 1024 * KIB;

impl ByteAxis {
    /// An axis for values up to `max` with at most `ticks` ticks above zero.
    pub(crate) fn new(max: i64, ticks: i64) -> Self {
        // A little air above the highest line.
        let max = max.clamp(1, i64::MAX / 4);
        let reach = max + max / 32;
        // Powers of two only: 16 KiB, 32 KiB ... are the values that budgets and windows have.
        let mut step = 128;
        while reach / step >= ticks {
            step *= 2;
        }
        let top = (reach / step + 1) * step;
        Self { top, step, unit: if max > 4 * MIB { MIB } else { KIB } }
    }

    /// `KiB` or `MiB`.
    pub(crate) const fn unit_name(&self) -> &'static str {
        if self.unit == MIB { "MiB" } else { "KiB" }
    }

    /// The ticks, in bytes, with their labels in units.
    pub(crate) fn ticks(&self) -> Vec<(i64, String)> {
        (0..=self.top / self.step).map(|i| (i * self.step, self.label(i * self.step))).collect()
    }

    fn label(&self, bytes: i64) -> String {
        let (whole, rest) = (bytes / self.unit, bytes % self.unit);
        if rest == 0 {
            return whole.to_string();
        }
        let thousandths = format!("{:03}", rest * 1000 / self.unit);
        format!("{whole}.{}", thousandths.trim_end_matches('0'))
    }
}

/// Ticks for packet numbers from `first` to `last`: multiples of 1, 2 or 5 times a power of ten, at most `most`.
pub(crate) fn packet_ticks(first: i64, last: i64, most: i64) -> Vec<i64> {
    let span = last.saturating_sub(first).max(1);
    let mut step = 1_i64;
    let mut factors = [2, 5, 10].into_iter().cycle();
    let mut decade = 1_i64;
    while span / step >= most {
        match factors.next() {
            Some(10) => {
                decade = decade.saturating_mul(10);
                step = decade;
            }
            Some(f) => step = decade.saturating_mul(f),
            None => break,
        }
    }
    let skip = i64::from(first.rem_euclid(step) != 0);
    let begin = first.div_euclid(step) + skip;
    (0..=most).map_while(|i| begin.checked_add(i)?.checked_mul(step)).take_while(|t| *t <= last).collect()
}

/// A number with thin spaces between groups of three digits.
pub(crate) fn grouped(n: i64) -> String {
    let digits = n.unsigned_abs().to_string();
    let mut text = String::from(if n < 0 { "-" } else { "" });
    for (i, d) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) && digits.len() > 4 {
            text.push(' ');
        }
        text.push(d);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(max: i64) -> (Vec<String>, &'static str) {
        let a = ByteAxis::new(max, 8);
        (a.ticks().into_iter().map(|(_, l)| l).collect(), a.unit_name())
    }

    #[test]
    fn byte_ticks_are_powers_of_two() {
        assert_eq!(labels(73984), (["0", "16", "32", "48", "64", "80"].map(String::from).to_vec(), "KiB"));
        assert_eq!(labels(65536).0.last().unwrap(), "80");
        assert_eq!(labels(0), (vec!["0".into(), "0.125".into()], "KiB"));
        assert_eq!(labels(4 * MIB).1, "KiB");
        assert_eq!(labels(6 * MIB).1, "MiB");
        assert_eq!(labels(6 * MIB).0.last().unwrap(), "7");
    }

    #[test]
    fn an_axis_survives_absurd_values() {
        let a = ByteAxis::new(i64::MAX, 8);
        assert!(a.ticks().len() <= 9 && a.top > i64::MAX / 4);
        assert_eq!(packet_ticks(i64::MIN / 4, i64::MAX / 4, 10).len().min(1), 1);
    }

    #[test]
    fn packet_ticks_are_round_and_few() {
        assert_eq!(packet_ticks(1, 69, 10), [10, 20, 30, 40, 50, 60]);
        assert_eq!(packet_ticks(1, 1, 10), [1]);
        assert_eq!(packet_ticks(1, 1843, 10), [200, 400, 600, 800, 1000, 1200, 1400, 1600, 1800]);
        assert_eq!(packet_ticks(1, 120_000, 10), [20_000, 40_000, 60_000, 80_000, 100_000, 120_000]);
        assert_eq!(grouped(100_000), "100 000");
        assert_eq!(grouped(-1843), "-1843");
    }
}
