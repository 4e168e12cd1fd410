//! Sizes, rates and times as a scenario writes them, and back.
//!
//! Sizes are `B KiB MiB GiB kB MB GB`, rates `bit kbit mbit gbit` as `tc` has them, times `ns us ms s`. A
//! decimal fraction is fine as long as the result is a whole number of bytes, bits per second or nanoseconds.

use sim_core::config::Probability;

/// Why a quantity could not be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnitError {
    /// What is wrong.
    pub message: String,
    /// A question or a suggestion.
    pub help: Option<String>,
}

impl UnitError {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None }
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// The units of sizes in bytes.
pub const SIZE_UNITS: [(&str, u64); 7] = [
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
];

/// The units of rates in bits per second.
pub const RATE_UNITS: [(&str, u64); 4] =
    [("bit", 1), ("kbit", 1_000), ("mbit", 1_000_000), ("gbit", 1_000_000_000)];

/// The units of times in nanoseconds.
pub const TIME_UNITS: [(&str, u64); 4] = [("ns", 1), ("us", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000)];

/// A decimal number `digits / 10^decimals` and the unit behind it, which may be empty.
struct Quantity<'a> {
    digits: u128,
    decimals: u32,
    unit: &'a str,
}

impl<'a> Quantity<'a> {
    fn split(text: &'a str, what: &str) -> Result<Self, UnitError> {
        let text = text.trim();
        let bare = text.trim_start_matches(['+', '-', '.']);
        if ["nan", "inf", "infinity"].iter().any(|word| bare.eq_ignore_ascii_case(word)) {
            return Err(UnitError::new(format!("`{text}` is not a {what}: it must be a finite number")));
        }
        if text.starts_with('-') {
            return Err(UnitError::new(format!("a {what} cannot be negative")));
        }
        let end = text.bytes().position(|c| !c.is_ascii_digit() && c != b'.').unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.is_empty() || fraction.contains('.') || (number.contains('.') && fraction.is_empty()) {
            return Err(UnitError::new(format!("`{}` is not a {what}", shorten(text))));
        }
        if whole.len() > 20 || fraction.len() > 12 {
            return Err(UnitError::new(format!("`{}` has more digits than any {what} needs", shorten(text))));
        }
        // At most 32 digits: they fit in 128 bits.
        let digits = whole.bytes().chain(fraction.bytes());
        let digits = digits.fold(0, |n: u128, digit| n * 10 + u128::from(digit - b'0'));
        Ok(Self { digits, decimals: fraction.len() as u32, unit: unit.trim() })
    }

    fn times(&self, factor: u64, text: &str, what: &str, smallest: &str) -> Result<u64, UnitError> {
        let too_large = || UnitError::new(format!("`{}` is too large for a {what}", shorten(text)));
        let scale = 10_u128.pow(self.decimals);
        let product = self.digits.checked_mul(u128::from(factor)).ok_or_else(too_large)?;
        if product % scale != 0 {
            return Err(UnitError::new(format!("`{}` is not a whole number of {smallest}", shorten(text))));
        }
        u64::try_from(product / scale).map_err(|_| too_large())
    }

    /// The number alone, for a suggestion with another unit.
    fn number(&self) -> String {
        let digits = format!("{:0width$}", self.digits, width = self.decimals as usize + 1);
        let (whole, fraction) = digits.split_at(digits.len() - self.decimals as usize);
        if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") }
    }
}

/// At most 40 characters of what was written, for messages.
pub fn shorten(text: &str) -> String {
    if text.chars().count() <= 40 {
        return text.to_owned();
    }
    text.chars().take(37).chain("...".chars()).collect()
}

/// Reads a size with its unit; `0` needs none.
///
/// # Errors
/// Unknown or missing units (`64Kb` and `64KB` are answered with a question), signs, fractions of a byte.
pub fn parse_size(text: &str) -> Result<u64, UnitError> {
    let q = Quantity::split(text, "size")?;
    if let Some((_, factor)) = SIZE_UNITS.iter().find(|(unit, _)| *unit == q.unit) {
        return q.times(*factor, text, "size", "bytes");
    }
    let n = q.number();
    if q.unit.is_empty() {
        if q.digits == 0 {
            return Ok(0);
        }
        return Err(UnitError::new(format!("`{}` has no unit", shorten(text)))
            .help(format!("write `{n}B` for bytes, or use KiB, MiB, GiB, kB, MB, GB")));
    }
    let error = UnitError::new(format!("`{}` is not a unit of size", shorten(q.unit)));
    Err(match q.unit.to_ascii_lowercase().as_str() {
        "k" | "kb" | "kib" => error.help(format!("did you mean {n}KiB (1024) or {n}kB (1000)?")),
        "m" | "mb" | "mib" => {
            error.help(format!("did you mean {n}MiB (1024 * 1024) or {n}MB (1000 * 1000)?"))
        }
        "g" | "gb" | "gib" => error.help(format!("did you mean {n}GiB (1024^3) or {n}GB (1000^3)?")),
        "b" | "byte" | "bytes" => error.help(format!("did you mean {n}B?")),
        _ => error.help("sizes are written with B, KiB, MiB, GiB, kB, MB or GB"),
    })
}

/// Reads a rate in bits per second, as `tc` writes rates (upper case is accepted as `tc` does).
///
/// # Errors
/// Unknown or missing units, signs, fractions of a bit per second.
pub fn parse_rate(text: &str) -> Result<u64, UnitError> {
    let q = Quantity::split(text, "rate")?;
    if let Some((_, factor)) = RATE_UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(q.unit)) {
        return q.times(*factor, text, "rate", "bits per second");
    }
    let unit = q.unit.to_ascii_lowercase();
    let n = q.number();
    if q.unit.is_empty() {
        return Err(UnitError::new(format!("`{}` has no unit", shorten(text)))
            .help(format!("did you mean {n}mbit? Rates are written with bit, kbit, mbit or gbit")));
    }
    let error = UnitError::new(format!("`{}` is not a unit of rate", shorten(q.unit)));
    let prefix = unit.chars().next().filter(|c| matches!(c, 'k' | 'm' | 'g'));
    Err(match (prefix, unit.as_str()) {
        (_, "bps" | "kbps" | "mbps" | "gbps") => error.help(format!(
            "did you mean {n}{0}bit (bits per second)? In tc, {1} would be bytes per second",
            prefix.map(String::from).unwrap_or_default(),
            q.unit
        )),
        (Some(p), _) if unit.len() <= 4 => error.help(format!("did you mean {n}{p}bit (bits per second)?")),
        _ => error.help("rates are written with bit, kbit, mbit or gbit"),
    })
}

/// Reads a time in nanoseconds; `0` needs no unit.
///
/// # Errors
/// Unknown or missing units, signs, fractions of a nanosecond.
pub fn parse_time(text: &str) -> Result<u64, UnitError> {
    let q = Quantity::split(text, "time")?;
    if let Some((_, factor)) = TIME_UNITS.iter().find(|(unit, _)| *unit == q.unit) {
        return q.times(*factor, text, "time", "nanoseconds");
    }
    let n = q.number();
    if q.unit.is_empty() {
        if q.digits == 0 {
            return Ok(0);
        }
        return Err(UnitError::new(format!("`{}` has no unit", shorten(text)))
            .help(format!("did you mean {n}ms? Times are written with ns, us, ms or s")));
    }
    let in_seconds = |factor: u64| {
        q.times(factor, text, "time", "seconds").map_or_else(
            |_| "times are written with ns, us, ms or s".to_owned(),
            |s| format!("write {s}s; times are written with ns, us, ms or s"),
        )
    };
    let error = UnitError::new(format!("`{}` is not a unit of time", shorten(q.unit)));
    Err(match q.unit.to_lowercase().as_str() {
        "sec" | "secs" | "second" | "seconds" | "s" => error.help(format!("did you mean {n}s?")),
        "msec" | "msecs" | "ms" => error.help(format!("did you mean {n}ms?")),
        "usec" | "usecs" | "us" | "\u{b5}s" | "\u{3bc}s" => error.help(format!("did you mean {n}us?")),
        "m" | "min" | "minute" | "minutes" => error.help(in_seconds(60)),
        "h" | "hour" | "hours" => error.help(in_seconds(3_600)),
        "d" | "day" | "days" => error.help(in_seconds(86_400)),
        _ => error.help("times are written with ns, us, ms or s"),
    })
}

/// Reads a percentage in parts of 2^32 - 1, rounded to the nearest; `0` needs no sign.
///
/// # Errors
/// A number without `%`, anything above 100 %, signs.
pub fn parse_percent(text: &str) -> Result<u32, UnitError> {
    let q = Quantity::split(text, "percentage")?;
    match q.unit {
        "%" => {}
        "" if q.digits == 0 => return Ok(0),
        "" => {
            let n = q.number();
            return Err(UnitError::new(format!("`{}` has no `%`", shorten(text)))
                .help(format!("did you mean {n}%? Shares are written in per cent")));
        }
        unit => {
            let n = q.number();
            return Err(UnitError::new(format!("`{}` is not a unit of a share", shorten(unit)))
                .help(format!("did you mean {n}%?")));
        }
    }
    let whole = 100 * 10_u128.pow(q.decimals);
    if q.digits > whole {
        return Err(UnitError::new(format!("`{}` is more than 100%", shorten(text))));
    }
    // At most 15 digits by now: they fit.
    let part = |v: u128| u64::try_from(v).unwrap_or(u64::MAX);
    Ok(Probability::of(part(q.digits), part(whole)).0)
}

/// Reads a percentage in thousand millionths, exactly: the number behind a value of a range.
///
/// # Errors
/// What is no percentage (see [`parse_percent`]), and what is finer.
pub fn parse_share(text: &str) -> Result<u64, UnitError> {
    parse_percent(text)?;
    Quantity::split(text, "percentage")?.times(SHARES_PER_PERCENT, text, "percentage", "thousand millionths")
}

/// Thousand millionths in per cent, exactly: 500 000 as `0.05%`.
pub fn format_share(n: u64) -> String {
    let text = format!("{}.{:07}", n / SHARES_PER_PERCENT, n % SHARES_PER_PERCENT);
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}

/// Thousand millionths in one per cent.
const SHARES_PER_PERCENT: u64 = 10_000_000;

/// A whole number without unit.
///
/// # Errors
/// Anything else, fractions and numbers beyond 64 bits included.
pub fn parse_count(text: &str) -> Result<u64, UnitError> {
    let q = Quantity::split(text, "number")?;
    if !q.unit.is_empty() {
        return Err(UnitError::new(format!("`{}` is not a whole number", shorten(text)))
            .help("this is a plain number, without a unit"));
    }
    q.times(1, text, "number", "units")
}

/// A size in the largest unit of 1024 that divides it: `64KiB`, `62464B`.
pub fn format_size(bytes: u64) -> String {
    for (unit, factor) in [("GiB", 1_u64 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)] {
        if bytes > 0 && bytes.is_multiple_of(factor) {
            return format!("{}{unit}", bytes / factor);
        }
    }
    format!("{bytes}B")
}

/// A rate in the largest unit that divides it: `100mbit`.
pub fn format_rate(bits_per_second: u64) -> String {
    largest(bits_per_second, &RATE_UNITS)
}

/// A time in the largest unit that divides it: `200ms`, `1535us`.
pub fn format_time(ns: u64) -> String {
    if ns == 0 {
        return "0s".to_owned();
    }
    largest(ns, &TIME_UNITS)
}

fn largest(value: u64, units: &[(&str, u64)]) -> String {
    for (unit, factor) in units.iter().rev() {
        if value > 0 && value.is_multiple_of(*factor) {
            return format!("{}{unit}", value / factor);
        }
    }
    format!("{value}{}", units[0].0)
}
