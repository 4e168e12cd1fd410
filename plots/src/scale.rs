//! Scales of any quantity: from a value to a place, and where the ticks lie and what they say.

/// What a number counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Bytes, shown in KiB, MiB or GiB.
    Bytes,
    /// Nanoseconds, shown in ns, us, ms or s.
    Nanoseconds,
    /// Bits per second.
    BitsPerSecond,
    /// Thousandths, shown in per cent.
    Permille,
    /// Thousand millionths, shown in per cent.
    Share,
    /// Packets, events, or a number without unit.
    Count,
}

const KIB: f64 = 1024.0;

/// A number with at most `decimals` decimals, none of them a trailing zero.
fn plain(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    if !text.contains('.') {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// About three significant digits.
fn short(value: f64) -> String {
    let size = value.abs();
    plain(
        value,
        if size >= 100.0 {
            0
        } else if size >= 10.0 {
            1
        } else {
            2
        },
    )
}

impl Kind {
    /// Units from the largest to the smallest, with their size.
    const fn units(self) -> &'static [(f64, &'static str)] {
        match self {
            Self::Bytes => &[(KIB * KIB * KIB, "GiB"), (KIB * KIB, "MiB"), (KIB, "KiB"), (1.0, "B")],
            Self::Nanoseconds => &[(1e9, "s"), (1e6, "ms"), (1e3, "us"), (1.0, "ns")],
            Self::BitsPerSecond => &[(1e9, "Gbit/s"), (1e6, "Mbit/s"), (1e3, "kbit/s"), (1.0, "bit/s")],
            Self::Permille => &[(10.0, "%")],
            Self::Share => &[(1e7, "%")],
            Self::Count => &[(1e9, "G"), (1e6, "M"), (1e4, "k"), (1.0, "")],
        }
    }

    /// A value for a reader: `64 KiB`, `12.5 ms`, `93.4 Mbit/s`, about three digits.
    pub fn text(self, value: f64) -> String {
        if value == 0.0 {
            return "0".to_owned();
        }
        // Sizes of segments and small structures are known by their bytes: 1448, not 1.41 KiB.
        if self == Self::Bytes && value.abs() < 10.0 * KIB && value % 256.0 != 0.0 {
            return format!("{} B", plain(value, 0));
        }
        let units = self.units();
        let last = units[units.len() - 1];
        let (size, name) = units.iter().copied().find(|(size, _)| value.abs() >= *size).unwrap_or(last);
        // A count of 15 300 is 15.3 k; one of 1500 stays as it is.
        let size = if (size, name) == (1e4, "k") { 1e3 } else { size };
        let number = if (value / size).abs() >= 1e3 { plain(value / size, 0) } else { short(value / size) };
        if name.is_empty() { number } else { format!("{number} {name}") }
    }
}

/// From values to places. The same on every platform: the logarithm is `libm`'s.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Scale {
    kind: Kind,
    low: f64,
    high: f64,
    log: bool,
}

impl Scale {
    /// A scale for `values`: logarithmic if all are positive and the largest is at least `decades` times the least.
    /// A linear one begins at zero if `from_zero`, and has a little air at its upper end.
    pub(crate) fn over(
        kind: Kind,
        values: impl Iterator<Item = f64> + Clone,
        decades: f64,
        from_zero: bool,
    ) -> Self {
        let low = values.clone().fold(f64::INFINITY, f64::min);
        let high = values.fold(f64::NEG_INFINITY, f64::max);
        let (low, high) = if low <= high { (low, high) } else { (0.0, 1.0) };
        if low > 0.0 && high / low >= decades {
            // A little air at both ends of a scale of results; a scale of settings ends where they end.
            let air = if from_zero { 1.15 } else { 1.0 };
            return Self { kind, low: low / air, high: high * air, log: true };
        }
        let low = if from_zero && low < 0.0 {
            low - (high - low) / 24.0
        } else if from_zero {
            0.0
        } else {
            low
        };
        let high = if from_zero && high > 0.0 { high + (high - low) / 24.0 } else { high };
        let high = if high > low { high } else { low + low.abs().max(1.0) };
        Self { kind, low, high, log: false }
    }

    /// A scale for the places of `n` words: number `i` in the middle of its own part.
    pub(crate) fn words(n: usize) -> Self {
        Self { kind: Kind::Count, low: -0.5, high: n.max(1) as f64 - 0.5, log: false }
    }

    /// The same, ending at the largest value.
    pub(crate) fn without_air(self, most: f64) -> Self {
        Self { high: if most > self.low { most } else { self.high }, ..self }
    }

    /// The share of the way from the lower to the upper end; beyond 0 and 1 for values beyond the ends.
    pub(crate) fn share(&self, value: f64) -> f64 {
        if self.log {
            let value = value.max(self.low / 1e6);
            return libm::log2(value / self.low) / libm::log2(self.high / self.low);
        }
        (value - self.low) / (self.high - self.low)
    }

    /// The place of a value on `pixels` pixels, at most a screen beyond either end.
    pub(crate) fn place(&self, value: f64, pixels: i32) -> i32 {
        libm::round(self.share(value).clamp(-1.0, 2.0) * f64::from(pixels)) as i32
    }

    /// About `most` ticks with their labels.
    pub(crate) fn ticks(&self, most: usize) -> Vec<(f64, String)> {
        let most = most.max(2);
        let values = if self.log { self.log_ticks(most) } else { Vec::new() };
        let values = if values.len() < 2 { self.linear_ticks(most) } else { values };
        values.into_iter().map(|v| (v, self.kind.text(v))).collect()
    }

    /// Powers of two for bytes; 1, 2 and 5 of each decade, 1 of each, or of every few decades for anything else.
    fn log_ticks(&self, most: usize) -> Vec<f64> {
        let within = |v: &f64| *v >= self.low * 0.999 && *v <= self.high * 1.001;
        let base: f64 = if self.kind == Kind::Bytes { 2.0 } else { 10.0 };
        let powers: Vec<i32> = (0..64).filter(|e| within(&libm::pow(base, f64::from(*e)))).collect();
        if self.kind != Kind::Bytes {
            let all: Vec<f64> = (0..20)
                .flat_map(|e| [1.0, 2.0, 5.0].map(|f| f * libm::pow(10.0, f64::from(e))))
                .filter(within)
                .collect();
            if all.len() <= most || powers.len() < 2 {
                return all;
            }
        }
        let every = (1..64).find(|k| powers.iter().filter(|e| **e % k == 0).count() <= most).unwrap_or(64);
        powers.into_iter().filter(|e| e % every == 0).map(|e| libm::pow(base, f64::from(e))).collect()
    }

    fn linear_ticks(&self, most: usize) -> Vec<f64> {
        let span = self.high - self.low;
        let fits = |step: f64| span / step <= most as f64;
        let step = match self.kind {
            Kind::Bytes => (0..62).map(|e| libm::pow(2.0, f64::from(e))).find(|s| fits(*s)),
            // Whole numbers have no ticks between them.
            _ => (0..20)
                .flat_map(|e| [1.0, 2.0, 5.0].map(|f| f * libm::pow(10.0, f64::from(e))))
                .find(|s| fits(*s)),
        };
        let Some(step) = step else { return vec![self.low, self.high] };
        let first = libm::ceil(self.low / step - 1e-9);
        (0..=most + 1)
            .map(|i| (first + i as f64) * step)
            .take_while(|v| *v <= self.high + step * 1e-9)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(kind: Kind, values: &[f64], decades: f64) -> Vec<String> {
        let s = Scale::over(kind, values.iter().copied(), decades, true);
        s.ticks(6).into_iter().map(|(_, l)| l).collect()
    }

    #[test]
    fn values_are_said_in_the_unit_that_fits() {
        let cases = [
            (Kind::Bytes, 65_536.0, "64 KiB"),
            (Kind::Bytes, 6_291_456.0, "6 MiB"),
            (Kind::Bytes, 700.0, "700 B"),
            (Kind::Bytes, 1_448.0, "1448 B"),
            (Kind::Nanoseconds, 12_500_000.0, "12.5 ms"),
            (Kind::Nanoseconds, 2e9, "2 s"),
            (Kind::BitsPerSecond, 93_400_000.0, "93.4 Mbit/s"),
            (Kind::Permille, 973.0, "97.3 %"),
            (Kind::Share, 500_000.0, "0.05 %"),
            (Kind::Count, 1_843.0, "1843"),
            (Kind::Count, 15_300.0, "15.3 k"),
            (Kind::Count, 0.3, "0.3"),
            (Kind::Count, 0.0, "0"),
        ];
        for (kind, value, text) in cases {
            assert_eq!(kind.text(value), text);
        }
    }

    #[test]
    fn spans_of_decades_are_logarithmic_and_others_begin_at_zero() {
        assert_eq!(
            labels(Kind::Bytes, &[16_384.0, 4_194_304.0], 20.0),
            ["16 KiB", "64 KiB", "256 KiB", "1 MiB", "4 MiB"]
        );
        assert_eq!(labels(Kind::Nanoseconds, &[1e6, 1.6e8], 20.0), ["1 ms", "10 ms", "100 ms"]);
        assert_eq!(
            labels(Kind::BitsPerSecond, &[4e7, 1.9e8], 20.0),
            ["0", "50 Mbit/s", "100 Mbit/s", "150 Mbit/s"]
        );
        assert_eq!(
            labels(Kind::Bytes, &[0.0, 73_984.0], 20.0),
            ["0", "16 KiB", "32 KiB", "48 KiB", "64 KiB"]
        );
        let s = Scale::over(Kind::Nanoseconds, [1e6, 1e8].into_iter(), 20.0, false);
        assert_eq!((s.place(1e6, 100), s.place(1e7, 100), s.place(1e8, 100)), (0, 50, 100));
    }

    #[test]
    fn any_values_have_a_scale() {
        for values in [&[][..], &[0.0], &[5.0], &[-3.0, 8.0], &[f64::MAX / 4.0], &[1.0, 1e18]] {
            for from_zero in [false, true] {
                let s = Scale::over(Kind::Count, values.iter().copied(), 20.0, from_zero);
                assert!(s.ticks(6).len() <= 8, "{values:?} {:?}", s.ticks(6));
                assert!(values.iter().all(|v| (-1..=1001).contains(&s.place(*v, 1000))), "{values:?}");
            }
        }
    }
}
