//! What differs between kernels in the sending half.

use crate::linux::KernelProfile;

/// When a multi-segment packet waits for a fuller one (`tcp_tso_should_defer`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeferRule {
    /// The oldest packet in flight was sent at least half an RTT ago: its ACK is near.
    HalfRtt,
    /// Its ACK is expected within half an RTT and within 1 ms.
    HalfRttAnd1Ms,
}

/// How PRR bounds what is sent when less than `ssthresh` is in flight.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PrrRule {
    /// Slow start only while retransmissions are delivered cleanly (5.10).
    Conservative,
    /// Slow start while `snd_una` advances without new losses (6.1 and later).
    Progress,
}

/// Policies of one kernel's sending half.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SenderRules {
    /// Whether the size of packets also depends on the smallest RTT (`tcp_tso_rtt_log`, 5.18).
    pub tso_by_rtt: bool,
    /// Whether a packet is filled from the next one before it is sent (`tcp_grow_skb`, about 6.9).
    pub tops_up: bool,
    /// Whether a single FIN may exceed the congestion window (until 6.12).
    pub fin_exceeds_cwnd: bool,
    /// Deferral of multi-segment packets.
    pub defer: DeferRule,
    /// PRR.
    pub prr: PrrRule,
    /// Whether HyStart counts its rounds only from a window of 16 packets on (5.16 and its stable releases), so that
    /// they begin in the middle of a flight (6.14 and its stable releases count all).
    pub hystart_rounds_from_low_window: bool,
    /// Whether small queues let a packet go when only one is in flight, not only when none is (6.1 and later).
    pub second_packet_ignores_small_queue: bool,
    /// Whether a socket that finds a packet still in its own host when it would send it again goes on when any of its packets
    /// is freed (`skb_still_in_host_queue`, 5.13).
    pub waits_for_host_queue: bool,
}

const V5_10: SenderRules = SenderRules {
    tso_by_rtt: false,
    tops_up: false,
    fin_exceeds_cwnd: true,
    defer: DeferRule::HalfRtt,
    prr: PrrRule::Conservative,
    // Recorded: slow start ends at 79 packets here and at 168 on the later kernels (v1_cubic_one_loss).
    hystart_rounds_from_low_window: true,
    second_packet_ignores_small_queue: false,
    waits_for_host_queue: false,
};
const V6_1: SenderRules = SenderRules {
    tso_by_rtt: true,
    prr: PrrRule::Progress,
    hystart_rounds_from_low_window: false,
    second_packet_ignores_small_queue: true,
    waits_for_host_queue: true,
    // Recorded: 3072 bytes go out at each ACK as long as the next one is more than 1 ms away.
    defer: DeferRule::HalfRttAnd1Ms,
    ..V5_10
};
const V6_12: SenderRules = SenderRules { tops_up: true, fin_exceeds_cwnd: false, ..V6_1 };

impl SenderRules {
    /// The policies of `kernel`; a profile without its own entry behaves as the newest.
    pub fn of(kernel: &KernelProfile) -> Self {
        match kernel.series() {
            "5.10" => V5_10,
            "6.1" => V6_1,
            _ => V6_12,
        }
    }
}
