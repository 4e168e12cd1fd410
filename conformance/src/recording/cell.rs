//! Cells and lines: how a typed line maps to the named columns of a file.
//!
//! Every column is reduced to an `i64` with one reserved value for a blank, which is what both the CSV reader
//! and the compact form work on. The [`lines!`] macro writes the mapping from the list of fields.

use std::fmt::Write as _;

/// The raw value that stands for a blank cell. No recorded quantity reaches it.
pub(crate) const BLANK: i64 = i64::MIN;

/// A type that one cell of a recording can hold.
pub(crate) trait Cell: Sized {
    /// Whether a blank cell is a mistake.
    const REQUIRED: bool = true;
    /// The raw value; [`BLANK`] for none.
    fn to_raw(&self) -> i64;
    /// The value of a raw number, or `None` if the type cannot hold it.
    fn from_raw(raw: i64) -> Option<Self>;
    /// The raw value of a non-blank cell of text.
    fn parse(text: &[u8]) -> Option<Self>;
    /// Appends the cell as text; nothing for a blank.
    fn write(&self, out: &mut String) {
        let _ = write!(out, "{}", self.to_raw());
    }
}

/// Reads a decimal number, with a sign if it is negative; nothing else is accepted.
pub(crate) fn parse_int(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        all => (false, all),
    };
    if digits.is_empty() || digits.len() > 18 {
        return None;
    }
    let mut n = 0i64;
    for d in digits {
        let d = d.wrapping_sub(b'0');
        if d > 9 {
            return None;
        }
        n = n * 10 + i64::from(d);
    }
    Some(if negative { -n } else { n })
}

macro_rules! int_cells {
    ($($ty:ty),*) => {$(
        impl Cell for $ty {
            fn to_raw(&self) -> i64 {
                // The 64-bit types hold times and event numbers, far below 2^63.
                i64::try_from(*self).unwrap_or(i64::MAX)
            }
            fn from_raw(raw: i64) -> Option<Self> {
                if raw == BLANK { None } else { Self::try_from(raw).ok() }
            }
            fn parse(text: &[u8]) -> Option<Self> {
                Self::from_raw(parse_int(text)?)
            }
        }
    )*};
}
int_cells!(u8, u16, u32, u64, i32, i64);

impl Cell for bool {
    fn to_raw(&self) -> i64 {
        i64::from(*self)
    }
    fn from_raw(raw: i64) -> Option<Self> {
        match raw {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
    fn parse(text: &[u8]) -> Option<Self> {
        Self::from_raw(parse_int(text)?)
    }
}

impl<T: Cell> Cell for Option<T> {
    const REQUIRED: bool = false;
    fn to_raw(&self) -> i64 {
        self.as_ref().map_or(BLANK, Cell::to_raw)
    }
    fn from_raw(raw: i64) -> Option<Self> {
        if raw == BLANK { Some(None) } else { T::from_raw(raw).map(Some) }
    }
    fn parse(text: &[u8]) -> Option<Self> {
        T::parse(text).map(Some)
    }
    fn write(&self, out: &mut String) {
        if let Some(v) = self {
            v.write(out);
        }
    }
}

/// A 32-bit word that is written in hexadecimal (`pred_flags`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub struct Hex32(pub u32);

impl From<Hex32> for i64 {
    fn from(word: Hex32) -> Self {
        Self::from(word.0)
    }
}

impl Cell for Hex32 {
    fn to_raw(&self) -> i64 {
        i64::from(self.0)
    }
    fn from_raw(raw: i64) -> Option<Self> {
        u32::try_from(raw).ok().map(Self)
    }
    fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        if text.len() > 8 || text.starts_with('+') {
            return None;
        }
        u32::from_str_radix(text, 16).ok().map(Self)
    }
    fn write(&self, out: &mut String) {
        let _ = write!(out, "{:08x}", self.0);
    }
}

/// TCP flags as the letters `FSRPAUEC`; no letter is no flag.
impl Cell for sim_core::segment::Flags {
    const REQUIRED: bool = false;
    fn to_raw(&self) -> i64 {
        i64::from(self.0)
    }
    fn from_raw(raw: i64) -> Option<Self> {
        u8::try_from(raw).ok().map(Self)
    }
    fn parse(text: &[u8]) -> Option<Self> {
        let mut bits = 0;
        for letter in text {
            bits |= 1 << b"FSRPAUEC".iter().position(|l| l == letter)?;
        }
        Some(Self(bits))
    }
    fn write(&self, out: &mut String) {
        out.push_str(&flag_letters(*self));
    }
}

/// The letters of `flags`, in the order in which the recordings write them.
pub fn flag_letters(flags: sim_core::segment::Flags) -> String {
    "FSRPAUEC".chars().enumerate().filter(|(i, _)| flags.0 & (1 << i) != 0).map(|(_, c)| c).collect()
}

/// A column of a kind of line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    /// Its name in the header of the file.
    pub(crate) name: &'static str,
    /// Whether the file must have it, without blanks.
    pub(crate) required: bool,
}

/// A line whose numeric columns can be read and written by position.
pub(crate) trait Cells: Default {
    /// The columns, in order.
    const COLUMNS: &'static [Column];
    /// Sets column `at` from non-blank text; `false` if the text does not fit the column.
    fn parse_cell(&mut self, at: usize, text: &[u8]) -> bool;
    /// Appends the cell of column `at` as text; nothing for a blank.
    fn write_cell(&self, at: usize, out: &mut String);
    /// Appends the raw values of column `at`.
    fn take<'a>(at: usize, lines: impl Iterator<Item = &'a Self>, out: &mut Vec<i64>)
    where
        Self: 'a;
    /// Sets column `at` of every line; `false` if a value does not fit.
    fn put<'a>(at: usize, lines: impl Iterator<Item = &'a mut Self>, raw: &[i64]) -> bool
    where
        Self: 'a;

    /// The position of the column called `name`.
    fn position(name: &str) -> Option<usize> {
        Self::COLUMNS.iter().position(|c| c.name == name)
    }
}

/// Declares a line: a struct whose first fields are columns (`field: Type = "column"`), and whose `rest`, if
/// any, is filled by other means.
macro_rules! lines {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $($(#[$fmeta:meta])* $field:ident: $ty:ty = $col:literal,)*
        }
        $(rest { $($(#[$rmeta:meta])* $rest:ident: $rty:ty,)* })?
    ) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Debug, Default)]
        pub struct $name {
            $($(#[$fmeta])* pub $field: $ty,)*
            $($($(#[$rmeta])* pub $rest: $rty,)*)?
        }

        impl $crate::recording::cell::Cells for $name {
            const COLUMNS: &'static [$crate::recording::cell::Column] = &[$(
                $crate::recording::cell::Column {
                    name: $col,
                    required: <$ty as $crate::recording::cell::Cell>::REQUIRED,
                },
            )*];

            #[allow(unused_assignments)]
            fn parse_cell(&mut self, at: usize, text: &[u8]) -> bool {
                let mut i = 0;
                $(
                    if at == i {
                        return match <$ty as $crate::recording::cell::Cell>::parse(text) {
                            Some(v) => { self.$field = v; true }
                            None => false,
                        };
                    }
                    i += 1;
                )*
                false
            }

            #[allow(unused_assignments)]
            fn write_cell(&self, at: usize, out: &mut String) {
                let mut i = 0;
                $(
                    if at == i {
                        return $crate::recording::cell::Cell::write(&self.$field, out);
                    }
                    i += 1;
                )*
            }

            #[allow(unused_assignments)]
            fn take<'a>(at: usize, lines: impl Iterator<Item = &'a Self>, out: &mut Vec<i64>)
            where
                Self: 'a,
            {
                let mut i = 0;
                $(
                    if at == i {
                        out.extend(lines.map(|l| $crate::recording::cell::Cell::to_raw(&l.$field)));
                        return;
                    }
                    i += 1;
                )*
            }

            #[allow(unused_assignments)]
            fn put<'a>(at: usize, lines: impl Iterator<Item = &'a mut Self>, raw: &[i64]) -> bool
            where
                Self: 'a,
            {
                let mut i = 0;
                $(
                    if at == i {
                        for (line, &v) in lines.zip(raw) {
                            match <$ty as $crate::recording::cell::Cell>::from_raw(v) {
                                Some(v) => line.$field = v,
                                None => return false,
                            }
                        }
                        return true;
                    }
                    i += 1;
                )*
                false
            }
        }
    };
}
pub(crate) use lines;

/// Declares an enumeration whose values the recordings write as words.
macro_rules! words {
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$vmeta:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
        pub enum $name { $($(#[$vmeta])* $variant,)* }

        impl $name {
            /// Every value, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The word the recordings use.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl $crate::recording::cell::Cell for $name {
            fn to_raw(&self) -> i64 {
                *self as i64
            }
            fn from_raw(raw: i64) -> Option<Self> {
                Self::ALL.get(usize::try_from(raw).ok()?).copied()
            }
            fn parse(text: &[u8]) -> Option<Self> {
                Self::ALL.iter().find(|v| v.word().as_bytes() == text).copied()
            }
            fn write(&self, out: &mut String) {
                out.push_str(self.word());
            }
        }
    };
}
pub(crate) use words;

#[cfg(test)]
mod tests {
    use super::*;
    use sim_core::segment::Flags;

    #[test]
    fn only_plain_decimal_numbers_are_read() {
        assert_eq!(parse_int(b"-11"), Some(-11));
        assert_eq!(parse_int(b"4294962944"), Some(4_294_962_944));
        for bad in ["", "-", "+1", "1.0", "0x1", " 1", "99999999999999999999"] {
            assert_eq!(parse_int(bad.as_bytes()), None, "{bad:?}");
        }
    }

    #[test]
    fn flags_are_letters_in_header_order() {
        let f = Flags::parse(b"PA").unwrap();
        assert_eq!(f, Flags::PSH.with(Flags::ACK));
        assert_eq!(flag_letters(f), "PA");
        assert!(Flags::parse(b"PX").is_none());
    }

    #[test]
    fn a_hexadecimal_word_of_digits_is_not_decimal() {
        assert_eq!(Hex32::parse(b"50100200"), Some(Hex32(0x5010_0200)));
        assert!(Hex32::parse(b"+123").is_none());
    }
}
