//! Who sees what: the two ends report to one observer, each only its own part.

use crate::observer::{Observer, Rule, SenderState, Transmit};
use crate::segment::Segment;
use crate::skb::Skb;
use crate::state::SocketState;
use crate::time::Now;

/// The writing end: its packets are reported as sent, its receiving half is not watched.
#[derive(Debug)]
pub(super) struct SenderView<'a, O>(pub(super) &'a mut O);

impl<O: Observer> Observer for SenderView<'_, O> {
    const ACTIVE: bool = O::ACTIVE;

    fn sent(&mut self, now: Now, seg: &Segment, state: &SenderState) {
        self.0.sent(now, seg, state);
    }
}

/// The reading end: everything about its receiving half.
#[derive(Debug)]
pub(super) struct ReceiverView<'a, O>(pub(super) &'a mut O);

impl<O: Observer> Observer for ReceiverView<'_, O> {
    const ACTIVE: bool = O::ACTIVE;

    fn segment(&mut self, now: Now, seg: &Segment, skb: &Skb, state: &SocketState) {
        self.0.segment(now, seg, skb, state);
    }

    fn transmit(&mut self, now: Now, packet: &Transmit, state: &SocketState) {
        self.0.transmit(now, packet, state);
    }

    fn read(&mut self, now: Now, bytes: u32, state: &SocketState) {
        self.0.read(now, bytes, state);
    }

    fn rule(&mut self, now: Now, rule: Rule) {
        self.0.rule(now, rule);
    }
}
