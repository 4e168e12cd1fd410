//! Explicit congestion notification on the receiving side (RFC 3168, section 6.1.3): what arrives marked is told the sender with
//! every packet until it says that it has reduced its window.

use super::Receiver;
use crate::segment::{Ecn, Flags, Segment};
use crate::time::Now;

/// ACKs that are not delayed after a mark.
const QUICK_ACKS: u8 = 2;

/// What a connection knows about marks (`ecn_flags`).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct EcnState {
    /// Both ends agreed on it (`TCP_ECN_OK`).
    ok: bool,
    /// A packet has come that could have been marked (`TCP_ECN_SEEN`).
    seen: bool,
    /// The sender has yet to answer a mark (`TCP_ECN_DEMAND_CWR`).
    demands: bool,
}

impl Receiver {
    /// The handshake has agreed on ECN.
    pub(crate) fn agree_on_ecn(&mut self) {
        self.ecn.ok = true;
    }

    /// Whether the connection has agreed on it.
    pub(super) fn hears_marks(&self) -> bool {
        self.ecn.ok
    }

    /// What packets of this end say while a mark is unanswered.
    pub(super) fn ecn_echo(&self) -> Flags {
        if self.ecn.demands { Flags::ECE } else { Flags::default() }
    }

    /// The sender has reduced its window (`tcp_ecn_accept_cwr`).
    pub(super) fn ecn_answered(&mut self) {
        self.ecn.demands = false;
    }

    /// Data has arrived, marked or not (`__tcp_ecn_check_ce`).
    pub(super) fn check_mark(&mut self, now: Now, seg: &Segment) {
        if !self.ecn.ok {
            return;
        }
        match seg.ecn {
            // After packets that could be marked one that cannot is probably a retransmission.
            Ecn::NotEct if self.ecn.seen => self.enter_quickack(now, QUICK_ACKS),
            Ecn::NotEct => {}
            Ecn::Ect => self.ecn.seen = true,
            Ecn::Ce => {
                if !self.ecn.demands {
                    // The sender's window can be very small.
                    self.enter_quickack(now, QUICK_ACKS);
                    self.ecn.demands = true;
                }
                self.ecn.seen = true;
            }
        }
    }
}
