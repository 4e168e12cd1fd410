//! Who sees what: the two ends report to one observer, each only its own part.

use super::flow::Side;
use crate::observer::{Observer, Rule, SendEvent, SenderState, Transmit};
use crate::segment::Segment;
use crate::skb::Skb;
use crate::state::SocketState;
use crate::time::Now;

/// One end's view of the observer: the writing end's packets are reported as sent, and its receiving half is not
/// watched; of the reading end everything about its receiving half is reported.
#[derive(Debug)]
pub(super) struct View<'a, O> {
    obs: &'a mut O,
    side: Side,
}

impl<'a, O> View<'a, O> {
    /// What `obs` sees of the end `side`.
    pub(super) fn new(side: Side, obs: &'a mut O) -> Self {
        Self { obs, side }
    }
}

impl<O: Observer> Observer for View<'_, O> {
    const ACTIVE: bool = O::ACTIVE;
    const WHOLE_STATE: bool = O::WHOLE_STATE;
    const STEPWISE: bool = O::STEPWISE;

    fn sent(&mut self, now: Now, seg: &Segment, state: &SenderState) {
        if self.side == Side::Sender {
            self.obs.sent(now, seg, state);
        }
    }

    fn sending(&mut self, now: Now, event: SendEvent) {
        if self.side == Side::Sender {
            self.obs.sending(now, event);
        }
    }

    fn segment(&mut self, now: Now, seg: &Segment, skb: &Skb, state: &SocketState) {
        if self.side == Side::Receiver {
            self.obs.segment(now, seg, skb, state);
        }
    }

    fn transmit(&mut self, now: Now, packet: &Transmit, state: &SocketState) {
        if self.side == Side::Receiver {
            self.obs.transmit(now, packet, state);
        }
    }

    fn read(&mut self, now: Now, bytes: u32, state: &SocketState) {
        if self.side == Side::Receiver {
            self.obs.read(now, bytes, state);
        }
    }

    fn rule(&mut self, now: Now, rule: Rule) {
        if self.side == Side::Receiver {
            self.obs.rule(now, rule);
        }
    }
}
