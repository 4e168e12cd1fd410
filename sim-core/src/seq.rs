//! Sequence numbers.

use std::ops::{Add, Sub};

/// A TCP sequence number, unwrapped: relative to the initial sequence number of its direction, so the SYN is
/// 0 and the first data byte is 1, and counting on past 2^32.
///
/// The kernel compares 32-bit numbers by the sign of their difference. [`Seq::unwrap_near`] makes the same
/// decision once, where a segment enters; after that numbers compare as plain integers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Seq(pub i64);

impl Seq {
    /// The first data byte of a connection.
    pub const FIRST: Self = Self(1);

    /// The number nearest to `near` whose low 32 bits are `wire` (relative to the same origin).
    pub fn unwrap_near(wire: u32, near: Self) -> Self {
        let diff = wire.wrapping_sub(near.0 as u32) as i32;
        Self(near.0 + i64::from(diff))
    }

    /// The low 32 bits, as a header or a recording carries them.
    pub const fn wire(self) -> u32 {
        self.0 as u32
    }
}

impl Add<u32> for Seq {
    type Output = Self;
    fn add(self, n: u32) -> Self {
        Self(self.0 + i64::from(n))
    }
}

impl Sub for Seq {
    type Output = i64;
    fn sub(self, o: Self) -> i64 {
        self.0 - o.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wire_number_unwraps_to_the_nearest_position() {
        let near = Seq((1 << 32) + 10);
        assert_eq!(Seq::unwrap_near(12, near), Seq((1 << 32) + 12));
        assert_eq!(Seq::unwrap_near(u32::MAX, near), Seq((1 << 32) - 1));
        assert_eq!(Seq::unwrap_near(u32::MAX, Seq(1)), Seq(-1));
    }
}
