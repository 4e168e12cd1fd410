//! What a sending half knows about losses: the state of recovery, the counts of the scoreboard, and what one ACK told.

use super::congestion::INFINITE_SSTHRESH;
use super::rack::Rack;
use super::undecided::Undecided;
use crate::seq::Seq;
use crate::time::SimTime;

/// `icsk_ca_state`, with the kernel's numbers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum CaState {
    /// Nothing unusual.
    Open = 0,
    /// Something arrived out of order.
    Disorder = 1,
    /// The window is being reduced without loss.
    Cwr = 2,
    /// Fast recovery.
    Recovery = 3,
    /// A retransmission timeout expired.
    Loss = 4,
}

impl CaState {
    /// Whether a tail loss probe may be armed.
    pub(super) fn allows_loss_probe(self) -> bool {
        matches!(self, Self::Open | Self::Cwr)
    }
}

/// What was learnt from one ACK (`FLAG_*`, `struct tcp_sacktag_state`).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct AckFlags {
    /// The segment carried data.
    pub(super) data: bool,
    /// The window was taken.
    pub(super) window: bool,
    /// New data was acknowledged.
    pub(super) data_acked: bool,
    /// Some of it had been retransmitted.
    pub(super) retrans_acked: bool,
    /// `snd_una` advanced.
    pub(super) una_advanced: bool,
    /// New data was reported by SACK.
    pub(super) data_sacked: bool,
    /// A DSACK arrived that answers a retransmission.
    pub(super) dsack: bool,
    /// It answers the tail loss probe.
    pub(super) dsack_of_probe: bool,
    /// Never-retransmitted data below `high_seq` was acknowledged.
    pub(super) orig_sacked: bool,
    /// It says that data was marked (`FLAG_ECE`).
    pub(super) ece: bool,
    /// A retransmission was found lost.
    pub(super) lost_retrans: bool,
    /// What is now the oldest data was reported by SACK before: the receiver has dropped it again.
    pub(super) reneged: bool,
    /// The timer must be armed anew.
    pub(super) set_timer: bool,
    /// Segments newly delivered.
    pub(super) delivered: u32,
    /// Segments newly marked lost.
    pub(super) newly_lost: u32,
    /// Lowest sequence number that arrived after higher ones and was never retransmitted, if any.
    pub(super) reordered_from: Option<Seq>,
    /// When the first and the last segment reported by SACK were sent.
    pub(super) sack_sent_at: Option<(SimTime, SimTime)>,
    /// The last sent of the packets delivered: when, its end, and the count of deliveries then.
    pub(super) last_delivered: Option<(SimTime, Seq, u32)>,
}

impl AckFlags {
    /// Remembers a delivered packet, if it was sent after the others of this ACK (`tcp_rate_skb_delivered`).
    pub(super) fn note_delivered(&mut self, sent_at: SimTime, end: Seq, delivered_before: u32) {
        if self.last_delivered.is_none_or(|(t, e, _)| (sent_at, end) > (t, e)) {
            self.last_delivered = Some((sent_at, end, delivered_before));
        }
    }

    /// Remembers where the reordering begins.
    pub(super) fn note_reordered(&mut self, seq: Seq) {
        self.reordered_from = Some(self.reordered_from.map_or(seq, |s| s.min(seq)));
    }
}

/// What to send after an ACK (`REXMIT_*`).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) enum Resend {
    /// Nothing special.
    #[default]
    None,
    /// Lost packets.
    Lost,
    /// New data, to find out whether the timeout was spurious.
    New,
}

/// Scoreboard counts and recovery state of one sending half.
#[derive(Clone, Debug)]
pub(super) struct LossState {
    pub(super) ca_state: CaState,
    pub(super) high_seq: Seq,
    pub(super) retrans_out: u32,
    pub(super) sacked_out: u32,
    pub(super) lost_out: u32,
    /// End of the highest data ever reported by SACK; counts while `sacked_out` is not 0.
    pub(super) highest_sacked: Seq,
    pub(super) reordering: u32,
    /// Reordering was seen (`reord_seen`).
    pub(super) reordering_seen: bool,
    /// `icsk_retransmits`.
    pub(super) retransmits: u32,
    /// When the first retransmission of this recovery was sent (`retrans_stamp`).
    pub(super) retrans_stamp: Option<SimTime>,
    pub(super) undo_marker: Option<Seq>,
    /// Retransmissions that no DSACK has answered; `None` when there was none.
    pub(super) undo_retrans: Option<u32>,
    pub(super) prior_cwnd: u32,
    pub(super) prior_ssthresh: u32,
    pub(super) prr_out: u32,
    pub(super) prr_delivered: u32,
    /// A timeout is being judged (RFC 5682).
    pub(super) frto: bool,
    pub(super) tlp_high_seq: Option<Seq>,
    pub(super) tlp_retrans: bool,
    /// Segments delivered since the beginning; the SYN counts.
    pub(super) delivered: u32,
    /// Segments retransmitted since the beginning (`total_retrans`).
    pub(super) total_retrans: u32,
    /// Segments reported as duplicates since the beginning (`dsack_dups`).
    pub(super) dsack_dups: u32,
    pub(super) rack: Rack,
    pub(super) undecided: Undecided,
    /// No packet below is lost and not sent again (`retransmit_skb_hint`).
    pub(super) resend_from: Seq,
}

impl LossState {
    /// Nothing is in flight any more: the connection was reset.
    pub(super) fn forget_in_flight(&mut self) {
        self.retrans_out = 0;
        self.sacked_out = 0;
        self.lost_out = 0;
    }

    pub(super) fn new(reordering: u32) -> Self {
        Self {
            ca_state: CaState::Open,
            high_seq: Seq::default(),
            retrans_out: 0,
            sacked_out: 0,
            lost_out: 0,
            highest_sacked: Seq::default(),
            reordering,
            reordering_seen: false,
            retransmits: 0,
            retrans_stamp: None,
            undo_marker: None,
            undo_retrans: None,
            prior_cwnd: 0,
            prior_ssthresh: INFINITE_SSTHRESH,
            prr_out: 0,
            prr_delivered: 0,
            frto: false,
            tlp_high_seq: None,
            tlp_retrans: false,
            delivered: 1,
            total_retrans: 0,
            dsack_dups: 0,
            rack: Rack::default(),
            undecided: Undecided::default(),
            resend_from: Seq::default(),
        }
    }

    /// Whether the window is being reduced (`tcp_in_cwnd_reduction`).
    pub(super) fn in_reduction(&self) -> bool {
        matches!(self.ca_state, CaState::Cwr | CaState::Recovery)
    }

    /// One after the highest data that is known to have arrived (`tcp_highest_sack_seq`).
    pub(super) fn highest_arrived(&self, snd_una: Seq) -> Seq {
        if self.sacked_out == 0 { snd_una } else { self.highest_sacked.max(snd_una) }
    }

    /// Counts segments that arrived.
    pub(super) fn count_delivered(&mut self, segs: u32, flags: &mut AckFlags) {
        self.delivered = self.delivered.saturating_add(segs);
        flags.delivered += segs;
    }

    /// Takes one DSACK answer of `segs` segments off what is expected (`undo_retrans`).
    pub(super) fn answer_retransmission(&mut self, segs: u32) {
        self.undo_retrans = self.undo_retrans.map(|n| n.saturating_sub(segs));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_last_counts_and_the_lowest_reordering() {
        let mut f = AckFlags::default();
        f.note_delivered(SimTime::from_nanos(5), Seq(100), 3);
        f.note_delivered(SimTime::from_nanos(4), Seq(200), 9);
        assert_eq!(f.last_delivered, Some((SimTime::from_nanos(5), Seq(100), 3)));
        f.note_reordered(Seq(50));
        f.note_reordered(Seq(70));
        assert_eq!(f.reordered_from, Some(Seq(50)));
    }

    #[test]
    fn without_anything_sacked_the_highest_arrival_is_what_is_acknowledged() {
        let mut l = LossState::new(3);
        l.highest_sacked = Seq(900);
        assert_eq!(l.highest_arrived(Seq(500)), Seq(500));
        l.sacked_out = 1;
        assert_eq!(l.highest_arrived(Seq(500)), Seq(900));
    }
}
