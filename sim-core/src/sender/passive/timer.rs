//! When a driven sending half would send on its own: its write timer, as the timeout or as a loss probe.

use super::PassiveSender;
use crate::observer::Observer;
use crate::receiver::Receiver;
use crate::segment::Segment;
use crate::send_half::{Cx, SendHalf as _};
use crate::seq::Seq;
use crate::time::{Jiffies, Now, SimTime};

/// `TCP_RTO_MIN`: a lone packet's loss probe waits for the peer's delayed ACK, microseconds.
const LONE_PACKET_US: u64 = 200_000;
/// What a loss probe waits beyond two round trips, microseconds.
const PROBE_SLACK_US: u64 = 2_000;

/// A loss probe that was sent (`tlp_high_seq`). While its episode lasts there is no other one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Probed {
    /// One after what was sent when it went out.
    pub(super) end: Seq,
    /// It was sent before (`tlp_retrans`).
    pub(super) again: bool,
}

impl Probed {
    /// Whether an acknowledgement ends the episode (`tcp_process_tlp_ack`): that of a packet which was sent twice says
    /// nothing about which one arrived, unless it goes on beyond, or is one that tells nothing else (`tells`), which is the
    /// answer to the second one.
    pub(super) fn answered_by(self, ack: Seq, tells: bool) -> bool {
        ack > self.end || (ack == self.end && (!self.again || !tells))
    }
}

impl PassiveSender {
    /// Arms the loss probe, or the retransmission timer if that is earlier (`tcp_schedule_loss_probe`).
    pub(super) fn arm_write_timer(&mut self, now: Now) {
        let mss = self.mss_cache().max(1);
        let sent = self.queue.iter().filter(|w| w.end <= self.window.snd_nxt);
        let in_flight: u32 = sent.map(|w| w.len.div_ceil(mss)).sum();
        let srtt_us = u64::from(self.rtt.srtt8()) >> 3;
        let rto = self.rtt.rto();
        self.probe_armed = self.sack && self.probed.is_none() && self.lost_below.is_none();
        let ticks = if srtt_us == 0 || !self.probe_armed {
            rto
        } else {
            let alone_us = if in_flight <= 1 { LONE_PACKET_US } else { PROBE_SLACK_US };
            let probe = ((2 * srtt_us + alone_us) * u64::from(now.hz)).div_ceil(1_000_000) as u32;
            probe.min(rto)
        };
        self.write_timer = Some(now.jiffies + ticks);
    }

    /// Whether the packet that begins at `seq` is a new one or is sent again, and when.
    pub(super) fn note_sent(&mut self, now: SimTime, seg: &Segment) {
        let again = seg.seq < self.window.snd_nxt;
        for w in &mut self.queue {
            if w.end > seg.seq && w.end <= seg.end_seq() {
                if again {
                    w.again = true;
                } else {
                    w.sent = now;
                }
            }
        }
    }

    /// The write timer sends a packet again: as a loss probe, or because the timeout has passed, which then doubles
    /// (`tcp_write_timer_handler`).
    pub fn write_timer_sends<O: Observer>(&mut self, cx: &mut Cx<'_, O>, rx: &mut Receiver, seg: Segment) {
        let probe = self.probe_armed;
        let again = seg.seq < self.window.snd_nxt;
        self.transmit(cx, rx, seg);
        if probe {
            self.probed = Some(Probed { end: self.window.snd_nxt, again });
        } else {
            self.rtt.back_off();
            self.lost_below.get_or_insert(self.window.snd_nxt);
        }
        self.probe_armed = false;
        self.write_timer = Some(cx.now.jiffies + self.rtt.rto());
    }

    /// Expiry of the write timer, if armed.
    pub fn write_timer_due(&self) -> Option<Jiffies> {
        self.write_timer
    }

    /// The write timer fires. What it sends again is known from outside; if nothing is outstanding it only gives
    /// memory back.
    pub fn write_timer_idle<O: Observer>(&mut self, cx: &mut Cx<'_, O>, rx: &mut Receiver) {
        self.write_timer = None;
        if self.window.snd_una == self.window.snd_nxt {
            rx.write_timer_ran(cx);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_acknowledgement_of_a_packet_sent_twice_does_not_end_its_probes_episode() {
        let again = Probed { end: Seq(101), again: true };
        assert!(!again.answered_by(Seq(51), true), "too early");
        assert!(!again.answered_by(Seq(101), true), "one of the two");
        assert!(again.answered_by(Seq(101), false), "the answer to the other one");
        assert!(again.answered_by(Seq(201), true), "beyond it");
        let new = Probed { again: false, ..again };
        assert!(new.answered_by(Seq(101), true), "new data was sent but once");
    }
}
