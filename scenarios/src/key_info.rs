//! What a key of the command line, or of a sweep's axis, leads to and takes.

use crate::apps;
use crate::keys::Kind;
use crate::overrides::{ALTERNATIVES, NotFound, expand, index_of, locate_root};
use crate::units;

/// A key, found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyInfo {
    /// Its full name, such as `receiver.sysctl.net.ipv4.tcp_rmem[2]`: two keys that set the same have the same.
    pub path: String,
    /// What it takes.
    pub quantity: Quantity,
    steps: Vec<String>,
}

/// What kind of value a key takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Quantity {
    /// Bytes.
    Size,
    /// Bits per second.
    Rate,
    /// Nanoseconds; the number is what a bare number counts, if one is allowed.
    Time(Option<u64>),
    /// A plain number.
    Count,
    /// Thousand millionths, written in per cent: a loss of 1% is 10 000 000.
    Share,
    /// On or off: 1 or 0.
    Switch,
    /// A word, a list or a mapping: not a number.
    Word,
}

impl KeyInfo {
    pub(crate) fn steps(&self) -> Vec<&str> {
        self.steps.iter().map(String::as_str).collect()
    }

    /// A name that is the same for all keys of which one takes the other back, such as `path.rtt` and `path.delay`.
    pub fn claim(&self) -> String {
        let Some((group, name)) = self.path.rsplit_once('.') else { return self.path.clone() };
        match ALTERNATIVES.iter().find(|names| names.contains(&name)).and_then(|names| names.first()) {
            Some(first) => format!("{group}.{first}"),
            None => self.path.clone(),
        }
    }
}

/// Finds a key as `--set` takes it, short forms included.
///
/// # Errors
/// What is wrong with it, and what may have been meant.
pub fn key_info(key: &str) -> Result<KeyInfo, NotFound> {
    let (name, index) = index_of(key.trim()).map_err(|e| (e, None))?;
    let mut steps = Vec::new();
    let mut kind = locate_root(&expand(name), &mut steps)?;
    if kind.is_none()
        && let [.., group, last] = steps.as_slice()
    {
        // Several modes may have the key; it takes the same in each.
        kind = apps::mode_keys(group).find(|k| k.name == last).map(|k| k.kind);
    }
    let mut path = steps.join(".");
    // A mapping may stand in one value's stead; ranges and comparisons are about the value.
    if let Some(Kind::Short { main, keys }) = kind {
        kind = keys.iter().find(|k| k.name == main).map(|k| k.kind);
    }
    let quantity = match (kind, index) {
        (Some(Kind::Triple { sizes, .. }), Some(i)) => {
            path.push_str(&format!("[{i}]"));
            if sizes { Quantity::Size } else { Quantity::Count }
        }
        (_, Some(_)) => return Err((format!("`{name}` is a single value: it takes no index"), None)),
        (Some(Kind::Size { .. }), None) => Quantity::Size,
        (Some(Kind::Rate), None) => Quantity::Rate,
        (Some(Kind::Time { bare, .. }), None) => Quantity::Time(bare),
        (Some(Kind::Count { .. }), None) => Quantity::Count,
        (Some(Kind::Percent), None) => Quantity::Share,
        (Some(Kind::Switch), None) => Quantity::Switch,
        _ => Quantity::Word,
    };
    Ok(KeyInfo { path, quantity, steps })
}

impl Quantity {
    /// The number that a text stands for, in bytes, bits per second or nanoseconds; `None` if it is no number.
    pub fn number(self, text: &str) -> Option<i64> {
        let text = text.trim();
        let n = match self {
            Self::Size => units::parse_size(text).or_else(|_| units::parse_count(text)).ok()?,
            Self::Rate => units::parse_rate(text).ok()?,
            Self::Time(bare) => match bare {
                Some(unit) => match units::parse_count(text) {
                    Ok(n) => n.checked_mul(unit)?,
                    Err(_) => units::parse_time(text).ok()?,
                },
                None => units::parse_time(text).ok()?,
            },
            Self::Count => {
                let (negative, digits) =
                    text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
                let n = i64::try_from(units::parse_count(digits).ok()?).ok()?;
                return Some(if negative { -n } else { n });
            }
            Self::Share => units::parse_share(text).ok()?,
            Self::Switch => match text.to_ascii_lowercase().as_str() {
                "on" | "1" | "true" | "yes" => 1,
                "off" | "0" | "false" | "no" => 0,
                _ => return None,
            },
            Self::Word => return None,
        };
        i64::try_from(n).ok()
    }

    /// The number as a scenario would write it, exactly.
    pub fn text(self, n: i64) -> String {
        let unsigned = n.unsigned_abs();
        match self {
            Self::Size => units::format_size(unsigned),
            Self::Rate => units::format_rate(unsigned),
            Self::Time(_) => units::format_time(unsigned),
            Self::Count | Self::Word => n.to_string(),
            Self::Share => units::format_share(unsigned),
            Self::Switch => if n == 0 { "off" } else { "on" }.to_owned(),
        }
    }

    /// What the number counts; empty for plain numbers.
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Size => "bytes",
            Self::Rate => "bit/s",
            Self::Time(_) => "ns",
            Self::Share => "%",
            Self::Count | Self::Switch | Self::Word => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_forms_and_full_names_are_one_key() {
        for (short, full) in [
            ("rx.SO_RCVBUF", "receiver.sockopt.SO_RCVBUF"),
            ("rx.tcp_rmem[2]", "receiver.sysctl.net.ipv4.tcp_rmem[2]"),
            ("tx.initcwnd", "sender.route.initcwnd"),
        ] {
            assert_eq!(key_info(short).unwrap(), key_info(full).unwrap());
            assert_eq!(key_info(full).unwrap().path, full);
        }
        assert_eq!(key_info("path.rtt").unwrap().claim(), key_info("path.delay").unwrap().claim());
    }

    #[test]
    fn numbers_are_read_in_the_units_of_the_key() {
        let number = |key: &str, text| key_info(key).unwrap().quantity.number(text);
        assert_eq!(number("rx.SO_RCVBUF", "16KiB"), Some(16_384));
        assert_eq!(number("rx.SO_RCVBUF", "16384"), Some(16_384));
        assert_eq!(number("path.rtt", "1ms"), Some(1_000_000));
        assert_eq!(number("path.rate", "1mbit"), Some(1_000_000));
        assert_eq!(number("rx.tcp_adv_win_scale", "-2"), Some(-2));
        assert_eq!(number("receiver.read.bytes", "1KiB"), Some(1_024));
        assert_eq!(number("path.loss", "0.05%"), Some(500_000));
        assert_eq!(number("path.duplicate.correlation", "25%"), Some(250_000_000));
        assert_eq!(number("path.loss", "{every: 100}"), None);
        assert_eq!(number("path.jitter", "2ms"), Some(2_000_000));
        assert_eq!(number("rx.nic", "page"), None);
        assert_eq!(number("kernel", "6.1"), None);
    }

    #[test]
    fn unknown_keys_have_a_nearest() {
        let (message, help) = key_info("path.rrt").unwrap_err();
        assert!(message.contains("rrt") && help.unwrap().contains("rtt"));
        assert!(key_info("path.rtt[1]").is_err());
    }
}
