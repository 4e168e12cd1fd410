//! In how many bursts the data came: arrivals of data more than half a round-trip time apart.

use sim_core::seq::Seq;
use sim_core::time::{SimDuration, SimTime};

/// Bursts whose sizes are kept one by one; those after them are counted only.
pub(super) const SIZES_KEPT: usize = 4096;

/// Tells bursts apart while data arrives.
///
/// A burst begins with data that arrives more than half the path's round-trip time after the data before it. It is
/// worth the bytes by which `rcv_nxt` moved until the next burst; a burst that added nothing (retries that were
/// dropped, probes) is left out. The bursts add up to everything the socket took.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Bursts {
    /// Bursts that added something, the current one left out.
    ended: u64,
    sizes: Vec<u64>,
    /// `rcv_nxt` when the current burst began.
    began: Option<Seq>,
    last: SimTime,
}

impl Bursts {
    /// Data arrives at a socket that has `rcv_nxt` before it.
    pub(super) fn data_arrives(&mut self, time: SimTime, rcv_nxt: Seq, gap: SimDuration) {
        match self.began {
            None => self.began = Some(rcv_nxt),
            Some(began) if time.since(self.last) > gap => {
                self.close(rcv_nxt - began);
                self.began = Some(rcv_nxt);
            }
            Some(_) => {}
        }
        self.last = time;
    }

    /// The run ends with `rcv_nxt`.
    pub(super) fn finish(&mut self, rcv_nxt: Seq) {
        if let Some(began) = self.began.take() {
            self.close(rcv_nxt - began);
        }
    }

    fn close(&mut self, bytes: i64) {
        let Some(bytes) = u64::try_from(bytes).ok().filter(|n| *n > 0) else { return };
        self.ended += 1;
        if self.sizes.len() < SIZES_KEPT {
            self.sizes.push(bytes);
        }
    }

    /// Bursts that have added something when the socket has `rcv_nxt`.
    pub(super) fn so_far(&self, rcv_nxt: Seq) -> u64 {
        self.ended + u64::from(self.began.is_some_and(|b| rcv_nxt > b))
    }

    /// Bursts that added something.
    pub const fn count(&self) -> u64 {
        self.ended
    }

    /// Bytes of each burst, in order of time; of the first 4096 if there are more.
    pub fn sizes(&self) -> &[u64] {
        &self.sizes
    }
}
