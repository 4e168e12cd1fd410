//! What a TCP segment says, apart from the buffer that carries it.

use crate::seq::Seq;

/// TCP header flags.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Flags(pub u8);

impl Flags {
    /// FIN.
    pub const FIN: Self = Self(0x01);
    /// SYN.
    pub const SYN: Self = Self(0x02);
    /// RST.
    pub const RST: Self = Self(0x04);
    /// PSH.
    pub const PSH: Self = Self(0x08);
    /// ACK.
    pub const ACK: Self = Self(0x10);
    /// URG.
    pub const URG: Self = Self(0x20);
    /// ECE.
    pub const ECE: Self = Self(0x40);
    /// CWR.
    pub const CWR: Self = Self(0x80);

    /// Whether any flag of `of` is set.
    pub const fn has(self, of: Self) -> bool {
        self.0 & of.0 != 0
    }

    /// The flags of both.
    #[must_use]
    pub const fn with(self, more: Self) -> Self {
        Self(self.0 | more.0)
    }

    /// These flags without `less`.
    #[must_use]
    pub const fn without(self, less: Self) -> Self {
        Self(self.0 & !less.0)
    }
}

/// The two ECN bits of the IP header (RFC 3168).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Ecn {
    /// The sender does not take part: a queue can only drop.
    #[default]
    NotEct,
    /// The sender understands marks, ECT(0).
    Ect,
    /// Marked: congestion experienced.
    Ce,
}

/// The timestamp option (RFC 7323), in the ticks of its makers (milliseconds on Linux).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Timestamps {
    /// TSval.
    pub val: u32,
    /// TSecr.
    pub ecr: u32,
}

/// A half-open range of sequence numbers.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct SackBlock {
    /// First sequence number.
    pub start: Seq,
    /// One after the last.
    pub end: Seq,
}

/// Up to four SACK blocks in the order they are sent; a DSACK block, if any, comes first.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct SackList {
    blocks: [SackBlock; 4],
    len: u8,
}

impl SackList {
    /// No block.
    pub const EMPTY: Self = Self { blocks: [SackBlock { start: Seq(0), end: Seq(0) }; 4], len: 0 };

    /// Appends a block; a fifth is ignored (a header has room for four).
    pub fn push(&mut self, b: SackBlock) {
        if let Some(slot) = self.blocks.get_mut(usize::from(self.len)) {
            *slot = b;
            self.len += 1;
        }
    }

    /// The blocks.
    pub fn as_slice(&self) -> &[SackBlock] {
        &self.blocks[..usize::from(self.len)]
    }

    /// The blocks, to be put into another order.
    pub fn as_mut_slice(&mut self) -> &mut [SackBlock] {
        &mut self.blocks[..usize::from(self.len)]
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Number of blocks.
    pub const fn len(&self) -> usize {
        self.len as usize
    }
}

/// The SACK option of a header: a [`SackList`] in the 32-bit numbers of the wire, which take half the room.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct SackOption {
    blocks: [[u32; 2]; 4],
    len: u8,
}

impl SackOption {
    /// No block.
    pub const EMPTY: Self = Self { blocks: [[0; 2]; 4], len: 0 };

    /// Appends a block; a fifth is ignored.
    pub fn push(&mut self, b: SackBlock) {
        if let Some(slot) = self.blocks.get_mut(usize::from(self.len)) {
            *slot = [b.start.wire(), b.end.wire()];
            self.len += 1;
        }
    }

    /// The blocks, each number where it is nearest to `near`.
    pub fn list(&self, near: Seq) -> SackList {
        let mut list = SackList::EMPTY;
        for [start, end] in &self.blocks[..usize::from(self.len)] {
            list.push(SackBlock { start: Seq::unwrap_near(*start, near), end: Seq::unwrap_near(*end, near) });
        }
        list
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Number of blocks.
    pub const fn len(&self) -> usize {
        self.len as usize
    }
}

impl From<SackList> for SackOption {
    fn from(list: SackList) -> Self {
        let mut option = Self::EMPTY;
        for b in list.as_slice() {
            option.push(*b);
        }
        option
    }
}

/// A segment's header. `seq` and `sack` of the opposite direction count in that direction's numbers.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Segment {
    /// First sequence number.
    pub seq: Seq,
    /// Payload bytes.
    pub len: u32,
    /// Flags.
    pub flags: Flags,
    /// Acknowledgement number, in the numbers of the other direction.
    pub ack: Seq,
    /// The raw 16-bit window field.
    pub window: u16,
    /// The timestamp option, if present.
    pub ts: Option<Timestamps>,
    /// SACK blocks; [`Segment::sacks`] has them in the numbers of `ack`.
    pub sack: SackOption,
    /// The ECN bits of its IP header.
    pub ecn: Ecn,
}

impl Segment {
    /// One after the last sequence number; SYN and FIN count.
    pub fn end_seq(&self) -> Seq {
        self.seq + self.len + u32::from(self.flags.has(Flags::SYN)) + u32::from(self.flags.has(Flags::FIN))
    }

    /// The SACK blocks, unwrapped.
    pub fn sacks(&self) -> SackList {
        self.sack.list(self.ack)
    }

    /// Bytes of TCP header: 20, timestamps 12, SACK 4 + 8 per block (padding included).
    pub fn header_len(&self) -> u32 {
        let ts = if self.ts.is_some() { 12 } else { 0 };
        let sack = if self.sack.is_empty() { 0 } else { 4 + 8 * self.sack.len() as u32 };
        20 + ts + sack
    }
}

/// The options of a SYN or SYN-ACK.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SynOptions {
    /// Maximum segment size; 536 if the option is absent.
    pub mss: u16,
    /// Window scale, if offered.
    pub window_scale: Option<u8>,
    /// SACK permitted.
    pub sack: bool,
    /// The timestamp option.
    pub ts: Option<Timestamps>,
    /// The raw (never scaled) window field.
    pub window: u16,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_come_out_of_the_option_of_a_header_where_they_are_near_its_acknowledgement() {
        let far = 5 << 32;
        let ack = Seq(far + 10);
        let blocks =
            [(far - 1_000, far - 5), (far + 20, far + 30), (far + 40, far + 50), (far + 60, far + 70)]
                .map(|(start, end)| SackBlock { start: Seq(start), end: Seq(end) });
        let mut list = SackList::EMPTY;
        blocks.iter().for_each(|b| list.push(*b));
        let mut option = SackOption::from(list);
        option.push(SackBlock { start: Seq(1), end: Seq(2) });
        assert_eq!((option.len(), option.is_empty()), (4, false), "a header has room for four");
        let seg = Segment { ack, sack: option, ..Segment::default() };
        assert_eq!(seg.sacks(), list);
        assert_eq!(seg.header_len(), 20 + 4 + 4 * 8);
    }
}
