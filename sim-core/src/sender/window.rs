//! The window that the peer grants (`tcp_ack_update_window`, `tcp_may_update_window`).

use crate::seq::Seq;

/// What became of an acknowledgement number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AckRange {
    /// Below `snd_una`: nothing new, the segment may be used.
    Old,
    /// So far below that it cannot belong to this window.
    TooOld,
    /// Beyond what was ever sent.
    Unsent,
    /// At or above `snd_una`.
    Valid,
}

/// The sending half's sequence numbers and the peer's window.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SendWindow {
    /// First unacknowledged sequence number.
    pub snd_una: Seq,
    /// Next sequence number to be sent.
    pub snd_nxt: Seq,
    /// The window, bytes.
    pub snd_wnd: u32,
    /// Largest window ever granted, bytes.
    pub max_window: u32,
    /// Sequence number of the segment that last updated the window (`snd_wl1`).
    wl1: Seq,
    /// Shift of the window field.
    pub snd_wscale: u8,
    /// Bytes acknowledged since the beginning (`bytes_acked`).
    pub bytes_acked: u64,
    /// Whether a zero window in a segment with the same sequence number is accepted (6.6 and later).
    accepts_zero: bool,
}

impl SendWindow {
    /// The state when the connection is established: everything sent so far is acknowledged.
    pub fn new(snd_nxt: Seq, snd_wnd: u32, wl1: Seq, snd_wscale: u8, accepts_zero: bool) -> Self {
        Self {
            snd_una: snd_nxt,
            snd_nxt,
            snd_wnd,
            max_window: snd_wnd,
            wl1,
            snd_wscale,
            bytes_acked: 0,
            accepts_zero,
        }
    }

    /// Whether the kernel accepts a zero window with an old sequence number.
    pub fn accepts_zero(&self) -> bool {
        self.accepts_zero
    }

    /// Right edge of the window.
    pub fn end(&self) -> Seq {
        self.snd_una + self.snd_wnd
    }

    /// Judges an acknowledgement number before anything else is done with the segment.
    pub fn classify(&self, ack: Seq) -> AckRange {
        if ack > self.snd_nxt {
            AckRange::Unsent
        } else if ack >= self.snd_una {
            AckRange::Valid
        } else if self.snd_una - ack > u64::from(self.max_window).min(self.bytes_acked) as i64 {
            AckRange::TooOld
        } else {
            AckRange::Old
        }
    }

    /// Moves `snd_una` (`tcp_snd_una_update`); the number of bytes newly acknowledged.
    pub fn advance(&mut self, ack: Seq) -> u32 {
        let n = (ack - self.snd_una).max(0);
        self.snd_una = self.snd_una.max(ack);
        self.bytes_acked += n as u64;
        n as u32
    }

    /// Takes over the sequence number of a segment whose window is known to be the same (header prediction).
    pub fn note_predicted(&mut self, seq: Seq) {
        self.wl1 = seq;
    }

    /// Takes the window of a valid segment, if it is newer than the one in force. Call it before
    /// [`SendWindow::advance`]. Returns whether the window was taken (`FLAG_WIN_UPDATE`).
    pub fn update(&mut self, seq: Seq, ack: Seq, raw: u16) -> bool {
        let new = u32::from(raw) << self.snd_wscale;
        let newer = ack > self.snd_una
            || seq > self.wl1
            || (seq == self.wl1 && (new > self.snd_wnd || (self.accepts_zero && new == 0)));
        if newer {
            self.wl1 = seq;
            self.snd_wnd = new;
            self.max_window = self.max_window.max(new);
        }
        newer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(accepts_zero: bool) -> SendWindow {
        let mut w = SendWindow::new(Seq(1), 65_536, Seq(1), 7, accepts_zero);
        w.snd_nxt = Seq(10_001);
        w
    }

    #[test]
    fn a_smaller_window_without_progress_is_ignored_unless_it_is_zero_and_the_kernel_knows() {
        let mut w = window(false);
        assert!(!w.update(Seq(1), Seq(1), 10));
        assert!(!w.update(Seq(1), Seq(1), 0));
        let mut w = window(true);
        assert!(!w.update(Seq(1), Seq(1), 10));
        assert!(w.update(Seq(1), Seq(1), 0));
        assert_eq!(w.snd_wnd, 0);
    }

    #[test]
    fn progress_or_a_later_segment_may_shrink_the_window() {
        let mut w = window(false);
        assert!(w.update(Seq(1), Seq(5_001), 10));
        assert_eq!(w.snd_wnd, 1_280);
        assert_eq!(w.advance(Seq(5_001)), 5_000);
        assert!(w.update(Seq(101), Seq(5_001), 1));
        assert_eq!((w.snd_wnd, w.max_window), (128, 65_536));
    }

    #[test]
    fn acknowledgements_outside_what_is_in_flight_are_told_apart() {
        let mut w = window(false);
        w.advance(Seq(5_001));
        assert_eq!(w.classify(Seq(10_002)), AckRange::Unsent);
        assert_eq!(w.classify(Seq(10_001)), AckRange::Valid);
        assert_eq!(w.classify(Seq(5_001)), AckRange::Valid);
        assert_eq!(w.classify(Seq(1)), AckRange::Old);
        assert_eq!(w.classify(Seq(0)), AckRange::TooOld);
    }
}
