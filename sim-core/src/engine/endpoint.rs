//! One end of a connection: its socket and its timers.

use std::sync::Arc;

use super::lifecycle::Lifecycle;
use crate::app::Poll;
use crate::config::{Ending, EndpointConfig, HostConfig, LiveOption, Sysctls};
use crate::linux::KernelProfile;
use crate::observer::Observer;
use crate::receiver::Receiver;
use crate::segment::{Flags, Segment};
use crate::send_half::Cx;
use crate::sender::{Sender, Sharing};
use crate::skb::Skb;
use crate::state::TcpState;
use crate::time::{Jiffies, JiffyClock, Now, SimTime};
use crate::timer_wheel::TimerWheel;

/// No timer is armed.
pub(super) const NO_TICK: Jiffies = Jiffies(i64::MAX);

/// Socket and armed timers.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    pub(super) rx: Receiver,
    pub(super) tx: Sender,
    /// Expiry of the delayed-ACK timer as armed, and the tick at which it fires.
    delayed_ack: Option<(Jiffies, Jiffies)>,
    /// The tick of the earliest timer that counts in ticks, and when it begins.
    tick: (Jiffies, SimTime),
    /// A timer of the sending half was due while a call held the socket.
    timer_deferred: bool,
    /// The same for the time of a paced packet (`TCP_TSQ_DEFERRED`).
    pacing_deferred: bool,
    /// The earliest timer event that waits in the queue.
    pub(super) wake: Option<SimTime>,
    /// Who holds it, and what becomes of it when nobody does.
    pub(super) life: Lifecycle,
}

impl Poll for Endpoint {
    #[inline]
    fn writable(&self) -> bool {
        self.tx.is_writable()
    }

    #[inline]
    fn readable(&self) -> bool {
        self.rx.readable()
    }

    #[inline]
    fn open(&self) -> bool {
        self.rx.tcp_state() != TcpState::Close
    }
}

/// The receiving half of a closed end.
#[inline(always)]
fn receiver(
    kernel: &'static KernelProfile,
    config: &EndpointConfig,
    host: &HostConfig,
    sysctl: &Arc<Sysctls>,
) -> Receiver {
    Receiver::on_machine(kernel, Arc::clone(sysctl), config.route.clone(), host.uptime_us(), host.skb)
}

impl Endpoint {
    /// A closed end; `sysctl` are those of `config`, shared with other ends.
    pub(super) fn new(
        kernel: &'static KernelProfile,
        config: &EndpointConfig,
        host: &HostConfig,
        sysctl: &Arc<Sysctls>,
    ) -> Self {
        Self {
            rx: receiver(kernel, config, host, sysctl),
            tx: Sender::with_sysctls(kernel, config, host, Arc::clone(sysctl)),
            delayed_ack: None,
            tick: (NO_TICK, SimTime::NEVER),
            timer_deferred: false,
            pacing_deferred: false,
            wake: None,
            life: Lifecycle::new(config, host),
        }
    }

    /// Becomes a closed end of another run, as [`Endpoint::new`] makes it, in the memory that it has.
    pub(super) fn reopen(
        &mut self,
        kernel: &'static KernelProfile,
        config: &EndpointConfig,
        host: &HostConfig,
        sysctl: &Arc<Sysctls>,
    ) {
        let Self { rx, tx, delayed_ack, tick, timer_deferred, pacing_deferred, wake, life } = self;
        let mut new = receiver(kernel, config, host, sysctl);
        new.take_memory(rx);
        *rx = new;
        let mut new = Sender::with_sysctls(kernel, config, host, Arc::clone(sysctl));
        new.take_memory(tx);
        *tx = new;
        (*delayed_ack, *tick, *wake) = (None, (NO_TICK, SimTime::NEVER), None);
        (*timer_deferred, *pacing_deferred) = (false, false);
        *life = Lifecycle::new(config, host);
    }

    /// The options that a program sets before the connection is made.
    pub(super) fn set_options<O: Observer>(&mut self, cx: &mut Cx<'_, O>, config: &EndpointConfig) {
        let o = &config.sockopt;
        let rcvbuf = |v| if o.rcvbuf_force { LiveOption::RcvBufForce(v) } else { LiveOption::RcvBuf(v) };
        let options = [
            o.rcvbuf.map(rcvbuf),
            o.window_clamp.map(LiveOption::WindowClamp),
            o.rcvlowat.map(LiveOption::RcvLowat),
        ];
        for option in options.into_iter().flatten() {
            self.rx.set_option(cx, &mut self.tx, option);
        }
    }

    /// A segment arrives. Where no socket is left, whoever still sends is told so.
    #[inline(always)]
    pub(super) fn segment_arrives<O: Observer>(&mut self, cx: &mut Cx<'_, O>, seg: &Segment, skb: &Skb) {
        if self.life.is_record() && self.record_takes(cx, seg) {
            return;
        }
        match self.rx.tcp_state() {
            TcpState::Close if !seg.flags.has(Flags::RST) => {
                cx.host.counters.in_segs += 1;
                self.rx.reset_in_answer(cx, &self.tx, seg);
            }
            _ => self.rx.skb_arrives(cx, &mut self.tx, seg, skb),
        }
        self.note_state(cx);
    }

    /// One segment of the backlog is processed (`__release_sock`).
    pub(super) fn drain_one<O: Observer>(&mut self, cx: &mut Cx<'_, O>) {
        self.rx.drain_next(cx, &mut self.tx);
        self.note_state(cx);
    }

    /// The program closes its end, or its writing half. Returns whether there was anything to close.
    pub(super) fn end<O: Observer>(&mut self, cx: &mut Cx<'_, O>, ending: Ending) -> bool {
        let open = matches!(self.rx.tcp_state(), TcpState::Established | TcpState::CloseWait);
        let may_shut = open && !self.tx.is_shut();
        match ending {
            Ending::Stay => false,
            Ending::HalfClose => {
                if may_shut {
                    self.rx.shutdown_write();
                    self.tx.shutdown(cx, &mut self.rx);
                    self.note_state(cx);
                }
                may_shut
            }
            Ending::Close => {
                let anything = self.rx.tcp_state() != TcpState::Close;
                if anything && self.rx.close(cx, &mut self.tx, self.life.resets) && may_shut {
                    self.tx.shutdown(cx, &mut self.rx);
                }
                self.let_go(cx);
                anything
            }
        }
    }

    /// The handshake has agreed on ECN.
    pub(super) fn agree_on_ecn(&mut self) {
        self.rx.agree_on_ecn();
        self.tx.agree_on_ecn();
    }

    /// When the earliest timer of this end fires.
    #[inline]
    pub(super) fn next_timer(&mut self, clock: &JiffyClock, wheel: &TimerWheel, now: Now) -> Option<SimTime> {
        // One that was deferred waits for the end of the call, not for a time.
        let transmit = if self.timer_deferred { None } else { self.tx.next_timer() };
        let mut tick = transmit.unwrap_or(NO_TICK).min(self.life.timer());
        match self.rx.delayed_ack_due() {
            None => self.delayed_ack = None,
            Some(due) => {
                let fires = match self.delayed_ack {
                    Some((armed, fires)) if armed == due => fires,
                    _ => wheel.fires(now.jiffies, due),
                };
                self.delayed_ack = Some((due, fires));
                tick = tick.min(fires);
            }
        }
        // The same tick as last time, most of the time.
        if tick != self.tick.0 {
            self.tick = (tick, if tick == NO_TICK { SimTime::NEVER } else { clock.begin(tick) });
        }
        let due = self.rx.compressed_ack_due().map_or(self.tick.1, |t| t.min(self.tick.1));
        let due = self.tx.pacing_due().map_or(due, |t| t.min(due));
        (due != SimTime::NEVER).then_some(due)
    }

    /// Fires whatever is due; a call without anything due changes nothing.
    pub(super) fn timers_fire<O: Observer>(&mut self, cx: &mut Cx<'_, O>) {
        if self.rx.compressed_ack_due().is_some_and(|t| t <= cx.now.time) {
            self.rx.compressed_ack_timer(cx, &self.tx);
        }
        if self.delayed_ack.is_some_and(|(_, fires)| fires <= cx.now.jiffies) {
            self.delayed_ack = None;
            self.rx.delayed_ack_timer(cx, &self.tx);
        }
        if self.tx.take_pacing(cx.now.time) {
            self.small_queue(cx);
        }
        if self.life.timer() <= cx.now.jiffies {
            self.life_timer(cx);
        }
        // A timer that finds the socket in a call is left to the end of the call (`TCP_WRITE_TIMER_DEFERRED`).
        if self.rx.is_owned() {
            self.timer_deferred |= self.tx.next_timer().is_some_and(|due| due <= cx.now.jiffies);
        } else if !self.life.is_orphan() || !self.orphan_is_given_up(cx) {
            self.tx.timers_fire(cx, &mut self.rx);
            self.note_state(cx);
        }
    }

    /// Its `peer` has given up data before it was acknowledged, or sent such data once more.
    #[cold]
    pub(super) fn share_what_is_left_by(&mut self, peer: &mut Self) {
        for change in peer.tx.take_sharing() {
            match change {
                Sharing::Ends(start, end) => self.rx.release_between(start, end),
                Sharing::Begins(start, end) => self.rx.share_again(start, end),
            }
        }
    }

    /// The socket goes on sending, or does when the call that holds it is over (`tcp_tsq_handler`, `tcp_pace_kick`).
    pub(super) fn small_queue<O: Observer>(&mut self, cx: &mut Cx<'_, O>) {
        if self.rx.is_owned() {
            self.pacing_deferred = true;
        } else {
            self.tx.pacing_fires(cx, &mut self.rx);
        }
    }

    /// A call lets go of the socket: what waited for that is processed (`release_sock`).
    pub(super) fn release<O: Observer>(&mut self, cx: &mut Cx<'_, O>) {
        self.rx.release(cx, &mut self.tx);
        if std::mem::take(&mut self.pacing_deferred) {
            self.tx.pacing_fires(cx, &mut self.rx);
        }
        if std::mem::take(&mut self.timer_deferred) {
            self.tx.timers_fire(cx, &mut self.rx);
        }
        self.note_state(cx);
    }

    /// Lets go of the socket if nothing came meanwhile; returns whether it did.
    pub(super) fn release_untouched(&mut self) -> bool {
        !self.timer_deferred && !self.pacing_deferred && self.rx.release_untouched()
    }
}
