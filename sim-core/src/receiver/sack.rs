//! SACK and DSACK blocks.

use super::Receiver;
use crate::observer::Observer;
use crate::segment::{SackBlock, SackOption};
use crate::send_half::{Cx, SendHalf};
use crate::seq::Seq;

/// `TCP_NUM_SACKS`: blocks remembered.
const NUM_SACKS: usize = 4;
/// `TCP_SACK_BLOCKS_EXPECTED`: with this many, a new block is news that may not be held back.
const BLOCKS_EXPECTED: usize = 2;
/// `MAX_TCP_OPTION_SPACE`.
const OPTION_SPACE: usize = 40;

/// Extends `block` by `[start, end)` if they overlap or touch (`tcp_sack_extend`).
fn extend(block: &mut SackBlock, start: Seq, end: Seq) -> bool {
    if start > block.end || block.start > end {
        return false;
    }
    block.start = block.start.min(start);
    block.end = block.end.max(end);
    true
}

impl Receiver {
    /// Notes a duplicate range to be reported (`tcp_dsack_set`).
    pub(super) fn dsack_set<O: Observer>(&mut self, cx: &mut Cx<'_, O>, start: Seq, end: Seq) {
        if !self.sack_ok || !self.sysctl.tcp_dsack {
            return;
        }
        if start < self.rcv_nxt {
            cx.host.counters.dsack_old_sent += 1;
        } else {
            cx.host.counters.dsack_ofo_sent += 1;
        }
        self.dsack = Some(SackBlock { start, end });
    }

    /// Joins a duplicate range to the one already noted, if they touch (`tcp_dsack_extend`).
    pub(super) fn dsack_extend<O: Observer>(&mut self, cx: &mut Cx<'_, O>, start: Seq, end: Seq) {
        match &mut self.dsack {
            None => self.dsack_set(cx, start, end),
            Some(block) => {
                extend(block, start, end);
            }
        }
    }

    /// The first out-of-order data: one block (`tcp_data_queue_ofo`).
    pub(super) fn first_sack(&mut self, start: Seq, end: Seq) {
        if self.sack_ok {
            self.sacks.clear();
            self.sacks.push(SackBlock { start, end });
        }
    }

    /// Notes new out-of-order data, most recent block first (`tcp_sack_new_ofo_skb`).
    pub(super) fn new_sack<S: SendHalf, O: Observer>(
        &mut self,
        cx: &mut Cx<'_, O>,
        snd: &S,
        start: Seq,
        end: Seq,
    ) {
        if !self.sack_ok {
            return;
        }
        if let Some(at) = self.sacks.iter_mut().position(|b| extend(b, start, end)) {
            if at >= BLOCKS_EXPECTED {
                self.flush_compressed(cx, snd);
            }
            self.sacks[..=at].rotate_right(1);
            self.join_sacks();
            return;
        }
        if self.sacks.len() >= BLOCKS_EXPECTED {
            self.flush_compressed(cx, snd);
        }
        self.sacks.truncate(NUM_SACKS - 1);
        self.sacks.insert(0, SackBlock { start, end });
    }

    /// Joins to the first block the others that it has grown to touch (`tcp_sack_maybe_coalesce`).
    fn join_sacks(&mut self) {
        let Some((&first, _)) = self.sacks.split_first() else { return };
        let mut first = first;
        let mut at = 1;
        while at < self.sacks.len() {
            let b = self.sacks[at];
            if extend(&mut first, b.start, b.end) {
                self.sacks.remove(at);
            } else {
                at += 1;
            }
        }
        self.sacks[0] = first;
    }

    /// Forgets blocks that are no longer out of order (`tcp_sack_remove`).
    pub(super) fn remove_sacks(&mut self) {
        if self.ofo.is_empty() {
            self.sacks.clear();
        } else {
            let rcv_nxt = self.rcv_nxt;
            self.sacks.retain(|b| rcv_nxt < b.start);
        }
    }

    /// Forgets everything (`tcp_sack_reset`).
    pub(super) fn reset_sacks(&mut self) {
        self.sacks.clear();
        self.dsack = None;
    }

    /// Bytes that the SACK option would take in a segment sent now.
    pub fn sack_option_len(&self) -> u32 {
        let blocks = (self.sacks.len() + usize::from(self.dsack.is_some())).min(self.sack_blocks_that_fit());
        if blocks == 0 { 0 } else { 4 + 8 * blocks as u32 }
    }

    fn sack_blocks_that_fit(&self) -> usize {
        let timestamps = if self.tstamp_ok { 12 } else { 0 };
        (OPTION_SPACE - timestamps - 4) / 8
    }

    /// The SACK option of an outgoing segment: the duplicate range first, then as many blocks as fit. Writing
    /// it takes the duplicate range off the list (`tcp_established_options`, `tcp_options_write`).
    pub(super) fn sack_option(&mut self) -> SackOption {
        let mut list = SackOption::EMPTY;
        if self.dsack.is_none() && self.sacks.is_empty() {
            return list;
        }
        let fit = self.sack_blocks_that_fit();
        for &b in self.dsack.take().iter().chain(&self.sacks).take(fit) {
            list.push(b);
        }
        list
    }
}
