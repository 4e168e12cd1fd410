//! How a socket comes into being and how it ends: held by a program, an orphan, a record, nothing.
//!
//! A program that closes its connection lets go of the socket; TCP finishes without it. Until it has, the socket is an
//! orphan: it keeps its memory, counts against `tcp_max_orphans`, and is reset when there are too many or the host has no
//! memory (`tcp_check_oom`, at the close and at every timeout). When the peer still owes its FIN, or when everything is
//! done, a small record takes its place (`tcp_time_wait`): it has a timer of its own and costs no page of `tcp_mem`.

use super::endpoint::{Endpoint, NO_TICK};
use crate::config::{EndpointConfig, HostConfig};
use crate::host::Host;
use crate::observer::Observer;
use crate::segment::{Flags, Segment};
use crate::send_half::{Cx, SendHalf as _};
use crate::sender::DueTimer;
use crate::seq::Seq;
use crate::state::TcpState;
use crate::time::{Jiffies, Now};
use crate::timer_wheel::TimerWheel;

/// How long a record in TIME-WAIT stays (`TCP_TIMEWAIT_LEN`), seconds.
const TIME_WAIT_SECONDS: u32 = 60;
/// Timeouts that an orphan may have if `tcp_orphan_retries` is 0.
const ORPHAN_RETRIES: u8 = 8;
/// The longest timeout (`TCP_RTO_MAX`), seconds.
const LONGEST_TIMEOUT_SECONDS: u32 = 120;

/// Who holds a socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Holder {
    /// It does not exist yet.
    Unborn,
    /// A program.
    Program,
    /// Nobody, but TCP has not finished with it.
    Orphan,
    /// It does not exist any more.
    Gone,
}

/// The life of one socket.
#[derive(Clone, Debug)]
pub(super) struct Lifecycle {
    holder: Holder,
    /// The state that was last accounted for.
    seen: TcpState,
    /// Whether segments find it, and whether it counts as established.
    counted: (bool, bool),
    /// Whether only a record of the connection is left.
    record: bool,
    /// When the record ends, or an orphan in FIN-WAIT-2 becomes one.
    timer: Jiffies,
    wheel: TimerWheel,
    /// Where an orphan stood when its first timeout in a row came, and when that was.
    stuck: Option<(Seq, Jiffies)>,
    max_orphans: u32,
    max_records: u32,
    fin_timeout: u32,
    orphan_retries: u8,
    /// `close` resets the connection (`SO_LINGER` with a time of 0).
    pub(super) resets: bool,
}

impl Lifecycle {
    pub(super) fn new(config: &EndpointConfig, host: &HostConfig) -> Self {
        let s = &config.sysctl;
        Self {
            holder: Holder::Unborn,
            seen: TcpState::Close,
            counted: (false, false),
            record: false,
            timer: NO_TICK,
            wheel: TimerWheel::new(host.jiffies),
            stuck: None,
            max_orphans: s.tcp_max_orphans,
            max_records: s.tcp_max_tw_buckets,
            fin_timeout: config.sockopt.linger2.unwrap_or(s.tcp_fin_timeout),
            orphan_retries: s.tcp_orphan_retries,
            resets: config.sockopt.linger_zero,
        }
    }

    /// The tick of its timer; `NO_TICK`: none.
    #[inline]
    pub(super) fn timer(&self) -> Jiffies {
        self.timer
    }

    /// Whether only a record is left of the connection.
    #[inline]
    pub(super) fn is_record(&self) -> bool {
        self.record
    }

    /// Whether no program holds it and TCP goes on.
    #[inline]
    pub(super) fn is_orphan(&self) -> bool {
        self.holder == Holder::Orphan
    }

    fn arm(&mut self, now: Now, ticks: u32) {
        self.timer = self.wheel.fires(now.jiffies, now.jiffies + ticks);
    }
}

impl Endpoint {
    /// The socket comes into being, held by a program.
    pub(super) fn begins(&mut self, host: &mut Host) {
        if self.life.holder == Holder::Unborn {
            self.life.holder = Holder::Program;
            host.memory.sockets.created();
            host.memory.census.used += 1;
            self.life.seen = self.rx.tcp_state();
            self.count(host);
        }
    }

    /// After anything that may have moved the state of the connection.
    #[inline]
    pub(super) fn note_state<O: Observer>(&mut self, cx: &mut Cx<'_, O>) {
        if self.rx.tcp_state() != self.life.seen {
            self.state_moved(cx);
        }
    }

    #[cold]
    fn state_moved<O: Observer>(&mut self, cx: &mut Cx<'_, O>) {
        self.life.seen = self.rx.tcp_state();
        match self.life.seen {
            TcpState::FinWait2 if self.life.is_orphan() => self.waits_for_fin(cx),
            TcpState::TimeWait if !self.life.record => self.becomes_record(cx, 0),
            TcpState::Close if self.life.is_orphan() => self.ends(cx),
            _ => {}
        }
        self.life.seen = self.rx.tcp_state();
        self.count(cx.host);
    }

    /// Brings the host's census into line with the state.
    fn count(&mut self, host: &mut Host) {
        let state = self.rx.tcp_state();
        let exists = matches!(self.life.holder, Holder::Program | Holder::Orphan) && !self.life.record;
        let found = exists && !matches!(state, TcpState::Close | TcpState::TimeWait);
        let established = exists && matches!(state, TcpState::Established | TcpState::CloseWait);
        let census = &mut host.memory.census;
        let (was_found, was_established) = std::mem::replace(&mut self.life.counted, (found, established));
        census.inuse = census.inuse + u64::from(found) - u64::from(was_found);
        census.established = census.established + u64::from(established) - u64::from(was_established);
    }

    /// The program has closed: nobody holds the socket any more (the second half of `tcp_close`).
    pub(super) fn let_go<O: Observer>(&mut self, cx: &mut Cx<'_, O>) {
        if self.life.holder != Holder::Program {
            return;
        }
        cx.host.memory.census.used -= 1;
        self.life.holder = Holder::Orphan;
        cx.host.orphan_appears(cx.now);
        self.life.seen = self.rx.tcp_state();
        match self.life.seen {
            // What is left of the connection, if anything, is a record of its own.
            TcpState::Close | TcpState::TimeWait => self.ends(cx),
            TcpState::FinWait2 => self.waits_for_fin(cx),
            _ => {
                self.rx.reclaim_early(cx);
                self.give_up_if_short(cx, 0);
            }
        }
        self.life.seen = self.rx.tcp_state();
        self.count(cx.host);
    }

    /// Resets the orphan if there are too many, or too little memory; returns whether it did.
    fn give_up_if_short<O: Observer>(&mut self, cx: &mut Cx<'_, O>, shift: u32) -> bool {
        let queued = self.tx.wmem_queued();
        if !cx.host.short_of_resources(cx.now, shift, self.life.max_orphans, queued) {
            return false;
        }
        cx.host.counters.abort_on_memory += 1;
        self.rx.abort(cx, &mut self.tx);
        self.ends(cx);
        true
    }

    /// A timer of an orphan is due: whether it is given up rather than sending again (`tcp_out_of_resources`,
    /// `tcp_write_timeout`).
    #[cold]
    pub(super) fn orphan_is_given_up<O: Observer>(&mut self, cx: &mut Cx<'_, O>) -> bool {
        let Some(due) = self.tx.due(cx.now.jiffies) else { return false };
        let given_up = self.give_up_if_short(cx, 0) || self.is_hopeless(cx, due);
        self.life.seen = self.rx.tcp_state();
        self.count(cx.host);
        given_up
    }

    /// Ends the connection without a word if its peer has been silent, or its window closed, for too long; returns
    /// whether it did.
    fn is_hopeless<O: Observer>(&mut self, cx: &mut Cx<'_, O>, due: DueTimer) -> bool {
        let retries = match self.life.orphan_retries {
            0 => ORPHAN_RETRIES,
            n => n,
        };
        let longest = u64::from(LONGEST_TIMEOUT_SECONDS * cx.now.hz);
        let hopeless = match due {
            DueTimer::Retransmission => self.nobody_answers(cx.now, retries, longest),
            // Only when the delay has reached its maximum (`tcp_probe_timer`).
            DueTimer::Probe { doublings } => {
                let delay = u64::from(self.tx.rto_ticks()) << doublings.min(32);
                delay >= longest && doublings >= retries
            }
        };
        if hopeless {
            cx.host.counters.abort_on_timeout += 1;
            self.rx.close_now(cx, &mut self.tx);
            self.ends(cx);
        }
        hopeless
    }

    /// Whether the peer has not acknowledged anything for as long as `retries` timeouts take (`retransmits_timed_out`).
    fn nobody_answers(&mut self, now: Now, retries: u8, longest: u64) -> bool {
        let una = self.tx.snd_una();
        let since = match self.life.stuck {
            Some((seq, since)) if seq == una => since,
            _ => {
                self.life.stuck = Some((una, now.jiffies));
                return false;
            }
        };
        // Counted from the first retransmission: 1 + 2 + 4 ... of the smallest timeout (`tcp_model_timeout`).
        let smallest = u64::from(now.hz / 5).max(1);
        let all: u64 = (0..=u32::from(retries)).map(|n| (smallest << n.min(32)).min(longest)).sum();
        u64::try_from(now.jiffies - since).is_ok_and(|waited| waited >= all)
    }

    /// An orphan in FIN-WAIT-2: a record waits for the peer's FIN; if that may take longer than a minute, the socket
    /// itself does for the rest of the time.
    fn waits_for_fin<O: Observer>(&mut self, cx: &mut Cx<'_, O>) {
        let wait = self.fin_ticks(cx.now.hz);
        let record = TIME_WAIT_SECONDS * cx.now.hz;
        if wait > record {
            self.life.arm(cx.now, wait - record);
        } else {
            self.becomes_record(cx, wait);
        }
    }

    /// How long the peer's FIN is waited for (`tcp_fin_time`), ticks.
    fn fin_ticks(&self, hz: u32) -> u32 {
        let rto = self.tx.rto_ticks();
        self.life.fin_timeout.saturating_mul(hz).max((rto << 2) - (rto >> 1))
    }

    /// A record takes the place of the connection (`tcp_time_wait`): in TIME-WAIT for a minute, in FIN-WAIT-2 for `ticks`.
    fn becomes_record<O: Observer>(&mut self, cx: &mut Cx<'_, O>, ticks: u32) {
        self.life.timer = NO_TICK;
        if cx.host.record_appears(self.life.max_records) {
            self.life.record = true;
            let waits = self.rx.tcp_state() == TcpState::TimeWait;
            self.life.arm(cx.now, if waits { TIME_WAIT_SECONDS * cx.now.hz } else { ticks });
        } else {
            self.rx.close_now(cx, &mut self.tx);
        }
        if self.life.is_orphan() {
            self.ends(cx);
        }
    }

    /// TCP has finished with a socket that nobody holds (`inet_csk_destroy_sock`).
    fn ends<O: Observer>(&mut self, cx: &mut Cx<'_, O>) {
        self.life.holder = Holder::Gone;
        if !self.life.record {
            self.life.timer = NO_TICK;
        }
        self.rx.free(cx, &mut self.tx);
        cx.host.orphan_disappears(cx.now);
        cx.host.memory.sockets.destroyed();
    }

    /// The timer of the record, or of an orphan in FIN-WAIT-2, has expired.
    #[cold]
    pub(super) fn life_timer<O: Observer>(&mut self, cx: &mut Cx<'_, O>) {
        self.life.timer = NO_TICK;
        if !self.life.record {
            self.becomes_record(cx, TIME_WAIT_SECONDS * cx.now.hz);
        } else {
            cx.host.counters.time_waited += 1;
            self.record_ends(cx.host);
        }
        self.life.seen = self.rx.tcp_state();
        self.count(cx.host);
    }

    fn record_ends(&mut self, host: &mut Host) {
        self.life.record = false;
        self.life.timer = NO_TICK;
        host.memory.census.time_wait -= 1;
        self.rx.record_ends();
        self.life.seen = TcpState::Close;
    }

    /// A segment for a record (`tcp_timewait_state_process`); returns whether it is done with.
    #[cold]
    pub(super) fn record_takes<O: Observer>(&mut self, cx: &mut Cx<'_, O>, seg: &Segment) -> bool {
        let fin = seg.flags.has(Flags::FIN);
        if seg.flags.has(Flags::RST) {
            cx.host.counters.in_segs += 1;
            self.record_ends(cx.host);
            return true;
        }
        if self.rx.tcp_state() == TcpState::TimeWait {
            if !fin && seg.len == 0 {
                return false;
            }
            // The peer has not seen the last ACK.
            cx.host.counters.in_segs += 1;
            self.life.arm(cx.now, TIME_WAIT_SECONDS * cx.now.hz);
            self.rx.answer_in_time_wait(cx, &self.tx);
            return true;
        }
        cx.host.counters.in_segs += 1;
        if !self.rx.record_accepts(seg) {
            self.rx.answer_in_time_wait(cx, &self.tx);
        } else if seg.end_seq() <= self.rx.rcv_nxt() || seg.end_seq() == seg.seq {
            // Nothing new.
        } else if !fin || seg.end_seq() != self.rx.rcv_nxt() + 1 {
            // Data that nobody will read.
            self.rx.reset_in_answer(cx, &self.tx, seg);
            self.record_ends(cx.host);
        } else {
            self.rx.record_takes_fin(seg);
            self.life.seen = TcpState::TimeWait;
            self.life.arm(cx.now, TIME_WAIT_SECONDS * cx.now.hz);
            self.rx.answer_in_time_wait(cx, &self.tx);
        }
        true
    }
}
