//! From a sending half that follows its own rules to one whose packets are known from outside.

use super::timer::Probed;
use super::{PassiveSender, Written};
use crate::send_half::SendHalf as _;
use crate::sender::timers::TimerKind;
use crate::sender::{CaState, Sender};

impl PassiveSender {
    /// Takes over the connection of `sender` as it stands: its numbers, its skbs, its timer and its round trip. What is
    /// charged to the socket stays as it is.
    #[must_use]
    pub fn taking_over(mut self, sender: &Sender) -> Self {
        let head = sender.queue.head();
        self.window = sender.window;
        self.rtt = sender.rtt;
        self.mss_limit = sender.mss_limit;
        self.sndbuf = sender.sndbuf();
        self.queue = sender
            .queue
            .rtx
            .iter()
            .copied()
            .chain(sender.queue.unsent.iter())
            .map(|skb| Written {
                end: skb.end_seq(),
                truesize: head + skb.len,
                len: skb.len,
                sent: skb.sent_at,
                again: skb.marks.ever_retrans,
            })
            .collect();
        self.write_seq = sender.queue.write_seq;
        self.pushed = sender.queue.pushed_seq;
        self.fin = sender.fin;
        self.write_timer = sender.timer.fires();
        self.sack = sender.sack_ok;
        self.probed = sender.loss.tlp_high_seq.map(|end| Probed { end, again: sender.loss.tlp_retrans });
        self.probe_armed = self.probed.is_none() && sender.timer.kind() == Some(TimerKind::LossProbe);
        self.lost_below = (sender.loss.ca_state == CaState::Loss).then_some(sender.loss.high_seq);
        self
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;
    use crate::config::{HostConfig, Route};
    use crate::host::Host;
    use crate::linux::{KernelProfile, by_name};
    use crate::observer::Silent;
    use crate::receiver::Receiver;
    use crate::segment::{Flags, Segment, SynOptions};
    use crate::send_half::Cx;
    use crate::sender::Role;
    use crate::sender::test_server::{end, handshake};
    use crate::seq::Seq;
    use crate::skb::SkbLayout;
    use crate::time::{JiffyClock, Now, SimDuration, SimTime};

    /// What a program has written is in its sender: three of five segments of 1000 bytes, which the window takes, are in
    /// flight.
    fn written(k: &'static KernelProfile) -> (Sender, Receiver, Host, Now) {
        let sysctl = k.default_sysctls();
        let end = end(&sysctl);
        let machine = HostConfig::without_costs(250);
        let mut rx = Receiver::new(k, sysctl, Route::default());
        let mut own = Sender::new(k, &end, &machine);
        let now = JiffyClock::new(250, SimDuration::ZERO).now(SimTime::ZERO);
        let mut host = Host::default();
        let mut cx = Cx { now, out: &mut Vec::new(), host: &mut host, obs: &mut Silent };
        let syn = SynOptions { mss: 1_000, window_scale: None, sack: true, ts: None, window: 3_000 };
        rx.passive_open(&mut cx, &syn, 1_460, None);
        own.established(now, &handshake(3_000), Role::Passive);
        let ack =
            Segment { seq: Seq(1), flags: Flags::ACK, ack: Seq(1), window: 3_000, ..Segment::default() };
        rx.child_created(&mut cx, &own, &ack);
        assert_eq!(own.write(&mut cx, &mut rx, 5_000), 5_000);
        rx.settle_send(&mut cx, own.wmem_queued());
        (own, rx, host, now)
    }

    #[test]
    fn a_connection_that_is_over_leaves_no_cancelled_timer_behind() {
        let (mut own, mut rx, mut host, now) = written(by_name("6.12").unwrap());
        let mut cx = Cx { now, out: &mut Vec::new(), host: &mut host, obs: &mut Silent };
        assert!(own.next_timer().is_some());
        own.purge(&mut cx, &mut rx);
        assert_eq!((own.next_timer(), own.idle_timer()), (None, None));
    }

    #[test]
    fn what_a_sender_has_written_and_sent_is_taken_over_with_what_it_costs() {
        let k = by_name("6.12").unwrap();
        let (own, mut rx, mut host, now) = written(k);
        let mut cx = Cx { now, out: &mut Vec::new(), host: &mut host, obs: &mut Silent };
        let sysctl = k.default_sysctls();
        let passive = PassiveSender::new(k, &sysctl, 250, SkbLayout::default());
        let mut driven = passive.taking_over(&own);
        assert_eq!(
            (driven.snd_una(), driven.snd_nxt(), driven.write_seq()),
            (Seq(1), Seq(3_001), Seq(5_001))
        );
        assert_eq!(driven.write_timer_due(), own.next_timer());
        assert_eq!(driven.mss_cache(), own.mss_cache());
        let ends: VecDeque<Seq> = driven.queue.iter().map(|w| w.end).collect();
        assert!(ends.contains(&Seq(3_001)) && ends.back() == Some(&Seq(5_001)), "{ends:?}");
        // Freeing all of it leaves nothing charged: a settlement with an empty queue finds nothing to do.
        driven.purge(&mut cx, &mut rx);
        let free = rx.forward_allocated();
        rx.settle_send(&mut cx, 0);
        assert_eq!(rx.forward_allocated(), free);
    }
}
