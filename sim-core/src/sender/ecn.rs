//! Explicit congestion notification on the sending side (RFC 3168, section 6.1.2): data may be marked, an echo of a mark reduces the
//! window like a loss, once in a round trip, and the next new data says so.

use super::Sender;
use crate::segment::{Ecn, Flags, Segment};

/// What a sender has agreed on and still has to say.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct SenderEcn {
    /// Both ends agreed on it (`TCP_ECN_OK`).
    ok: bool,
    /// The window was reduced, which the next new data tells (`TCP_ECN_QUEUE_CWR`).
    tell: bool,
}

impl Sender {
    /// The handshake has agreed on ECN.
    pub fn agree_on_ecn(&mut self) {
        self.ecn.ok = true;
    }

    /// The ECN bits of a packet (`tcp_ecn_send`): only data that is sent for the first time can be marked.
    pub(super) fn allow_mark(&mut self, seg: &mut Segment) {
        if self.ecn.ok && seg.len > 0 && seg.seq >= self.window.snd_nxt {
            seg.ecn = Ecn::Ect;
            if std::mem::take(&mut self.ecn.tell) {
                seg.flags = seg.flags.with(Flags::CWR);
            }
        }
    }

    /// The window is being reduced: the receiver will be told (`tcp_ecn_queue_cwr`).
    pub(super) fn tell_reduction(&mut self) {
        self.ecn.tell = self.ecn.ok;
    }

    /// The reduction was undone (`tcp_ecn_withdraw_cwr`).
    pub(super) fn withdraw_reduction(&mut self) {
        self.ecn.tell = false;
    }

    /// Whether an ACK says that data was marked (`tcp_ecn_rcv_ecn_echo`).
    pub(super) fn echoes_mark(&self, seg: &Segment) -> bool {
        self.ecn.ok && seg.flags.has(Flags::ECE) && !seg.flags.has(Flags::SYN)
    }
}
