//! What the application did: reads, writes, options, and the backlog that forms meanwhile.

use sim_core::config::LiveOption;
use sim_core::segment::Segment;
use sim_core::seq::Seq;
use sim_core::skb::Buffer;
use sim_core::state::TcpState;
use sim_core::time::Now;

use super::drive::{Drive, Oracle};
use super::inputs::{Hindsight, Part};
use super::lookahead::micros;
use super::machine::Machine;
use crate::recording::{AppAction, AppEvent, AppWhat, EventRef};

/// `SOL_SOCKET`.
const SOL_SOCKET: i32 = 1;
/// `SOL_TCP`.
const SOL_TCP: i32 = 6;

impl Drive<'_> {
    pub(super) fn app(&mut self, at: usize, now: Now, ev: u64, app: &AppEvent) {
        let Ok(action) = app.action() else { return };
        self.end_of_call(now, app);
        match action {
            AppAction::Mark("NSTAT") => self.closing = Some(vec![self.m.rx.state(&self.m.snd)]),
            AppAction::Recv(len) => {
                self.in_recv = true;
                self.with(now, |rx, _, _| rx.recv_begin(len.clamp(0, i64::from(u32::MAX)) as u32));
            }
            AppAction::SpaceAdjust => {
                // Which microsecond the cached clock holds is an input: it was read during some earlier call.
                if let (Some(stamp), Some(begin)) = (app.state.tcp_mstamp, app.state.drs_time) {
                    self.m.rx.set_cached_clock(micros(stamp), micros(begin));
                }
                self.with(now, |rx, _, cx| rx.recv_copy(cx));
            }
            AppAction::CleanupRbuf(_) if self.in_recv => {
                self.finishing = true;
                if self.backlog_at_ack[at].is_none_or(|len| len == self.m.rx.state(&self.m.snd).backlog_len) {
                    self.finish_read(now);
                }
            }
            AppAction::CleanupRbuf(_) => {
                if self.backlog_at_ack[at].is_none_or(|len| len == self.m.rx.state(&self.m.snd).backlog_len) {
                    self.set_waiting_option(now);
                } else {
                    // It has the socket, and segments join the backlog before it decides about an ACK.
                    self.with(now, |rx, _, _| rx.own());
                }
            }
            AppAction::RecvRet(_) => {
                self.finish_read(now);
                self.in_recv = false;
                self.with(now, |rx, snd, cx| rx.release(cx, snd));
                self.own_asks_for_room(now);
            }
            AppAction::SetSockOpt { level, opt, value } => {
                let v = value.clamp(0, i64::from(u32::MAX)) as u32;
                let opt = match (level, opt) {
                    (SOL_SOCKET, 8) => Some(LiveOption::RcvBuf(v)),
                    (SOL_SOCKET, 33) => Some(LiveOption::RcvBufForce(v)),
                    (SOL_SOCKET, 18) => Some(LiveOption::RcvLowat(v)),
                    (SOL_TCP, 10) => Some(LiveOption::WindowClamp(v)),
                    (SOL_TCP, 12) => Some(LiveOption::QuickAck(v)),
                    _ => None,
                };
                match opt {
                    // The call waits for the socket: its effect is recorded when it has it.
                    Some(opt @ LiveOption::QuickAck(_)) if self.cleanup_follows(at) => {
                        self.waiting = Some(opt)
                    }
                    Some(opt) => self.with(now, |rx, snd, cx| rx.set_option(cx, snd, opt)),
                    None => {}
                }
            }
            AppAction::Backlog { .. } if self.early_backlog.remove(&ev) => {}
            AppAction::Backlog { seq, end_seq, truesize, data_len, nr_frags } => {
                self.backlog(at, now, ev, [seq, end_seq], [truesize, data_len, nr_frags]);
            }
            AppAction::Send(len) => {
                self.in_send = true;
                self.send_begins = Some((now, false));
                // What the call will take is known from its return.
                let taken = self.events[at + 1..].iter().find_map(|(_, e)| match e {
                    EventRef::App(a) if a.what == AppWhat::SendRet => a.ret,
                    _ => None,
                });
                let asked = len.clamp(0, i64::from(u32::MAX));
                let takes = taken.unwrap_or(len).clamp(0, asked) as u32;
                if self.m.snd.is_own() {
                    self.own_write_begins(now, asked as u32, takes);
                    return;
                }
                self.writing = takes;
            }
            AppAction::Release => self.write(now, u32::MAX),
            AppAction::Drain => {
                self.own_write_until_flush(now);
                self.with(now, |rx, _, _| rx.begin_drain());
            }
            AppAction::SendRet(_) => {
                let pushed = self.clocks.read_before(at, &self.events[at].1, self.m.rx.cached_clock());
                self.write(Now { time: pushed.unwrap_or(now.time), ..now }, u32::MAX);
                if let Some(s) = self.m.snd.passive() {
                    s.send_ended();
                }
                (self.writing, self.wrote) = (0, 0);
                self.in_send = false;
                self.with(now, |rx, snd, cx| rx.release(cx, snd));
            }
            AppAction::Close => self.with(now, |rx, snd, cx| {
                if rx.close(cx, snd, false) {
                    snd.shut(cx, rx);
                }
            }),
            AppAction::Shutdown => self.with(now, |rx, snd, cx| {
                if rx.shutdown_write() {
                    snd.shut(cx, rx);
                }
            }),
            AppAction::DelackTimer => {
                self.note_before_timer(now);
                if self.m.rx.is_owned() || app.state.owned == Some(true) {
                    // What is recorded is the handler: for an owned socket it runs when the owner lets go.
                    if self.m.rx.backlog_waiting() == 0 {
                        self.finish_read(now);
                        self.with(now, |rx, snd, cx| rx.release(cx, snd));
                    }
                } else if self.m.rx.delayed_ack_due().is_some_and(|j| j <= now.jiffies) {
                    self.with(now, |rx, snd, cx| rx.delayed_ack_timer(cx, snd));
                }
            }
            AppAction::CompSackTimer => {
                self.note_before_timer(now);
                if app.state.owned == Some(true) {
                    // Some call without a return of its own in the record holds the socket.
                    self.with(now, |rx, _, _| rx.own());
                }
                if self.m.rx.compressed_ack_due().is_some() {
                    self.with(now, |rx, snd, cx| rx.compressed_ack_timer(cx, snd));
                }
            }
            _ => {}
        }
    }

    /// The option whose call waited for the socket takes effect.
    pub(super) fn set_waiting_option(&mut self, now: Now) {
        if let Some(opt) = self.waiting.take() {
            self.with(now, |rx, snd, cx| rx.set_option(cx, snd, opt));
        }
    }

    /// A call whose return is not recorded (`setsockopt`) has let go of the socket before the next one begins.
    fn end_of_call(&mut self, now: Now, app: &AppEvent) {
        let inside = matches!(
            app.what,
            AppWhat::Backlog
                | AppWhat::Drain
                | AppWhat::Release
                | AppWhat::Collapse
                | AppWhat::PruneOfo
                | AppWhat::DelackTimer
                | AppWhat::CompSackTimer
                | AppWhat::CleanupRbuf
        );
        let idle = !self.in_recv && !self.in_send && self.m.rx.is_owned() && self.m.rx.backlog_waiting() == 0;
        if !inside && idle {
            self.with(now, |rx, snd, cx| rx.release(cx, snd));
        }
    }

    /// Whether the next application event is `tcp_cleanup_rbuf` outside a read: the effect of `TCP_QUICKACK`.
    pub(super) fn cleanup_follows(&self, at: usize) -> bool {
        let mut later = self.events[at + 1..].iter().filter_map(|(_, e)| match e {
            EventRef::App(a)
                if !matches!(a.what, AppWhat::Collapse | AppWhat::PruneOfo | AppWhat::Backlog) =>
            {
                Some(a)
            }
            _ => None,
        });
        later.next().is_some_and(|a| a.what == AppWhat::CleanupRbuf)
    }

    /// The state just before a timer fires, for a script step whose state was read at about the same time.
    pub(super) fn note_before_timer(&mut self, now: Now) {
        self.before_timer = Some((now.time, self.m.rx.state(&self.m.snd)));
    }

    /// A `send` that was entered has taken the socket before the event that comes now: unless that is a segment that came
    /// to a free socket. The clock in the socket tells whether the call had taken it even then, and pushed: pushing reads
    /// the clock, whether or not anything can be sent. Segments that follow one another leave the program no time.
    pub(super) fn send_has_begun(&mut self, event: &EventRef<'_>) {
        let Some((entered, judged)) = self.send_begins else {
            self.send_has_ended(event);
            return;
        };
        match event {
            EventRef::Merge(_) | EventRef::Tx(_) => return,
            // The answer to a segment that came to a free socket.
            EventRef::Ack(a) if a.state.owned == Some(false) => return,
            EventRef::Row(r) if r.state.owned == Some(false) => {
                self.send_begins = Some((entered, true));
                if judged {
                    return;
                }
                let stamp = r.state.tcp_mstamp.map(micros);
                let pushed = stamp.filter(|t| *t >= entered.time && *t > self.m.rx.cached_clock());
                let Some(at) = pushed else { return };
                self.send_begins = None;
                self.own_write_ends(Now { time: at, ..entered });
            }
            _ => {
                self.send_begins = None;
                self.with(entered, |rx, _, _| rx.own());
            }
        }
        if !self.m.snd.is_own() {
            self.write_until_push(entered);
            self.with(entered, |rx, _, cx| rx.refresh_clock(cx));
        }
    }

    /// A `send` that had the socket has copied everything if a segment comes to a free socket: what the call still does is
    /// to return.
    fn send_has_ended(&mut self, event: &EventRef<'_>) {
        let free = matches!(event, EventRef::Row(r) if r.state.owned == Some(false));
        if free && self.in_send {
            let pushed = self.clocks.read_before(self.at, event, self.m.rx.cached_clock());
            let now = self.clocks.now(self.at, event);
            self.write(Now { time: pushed.unwrap_or(now.time), ..now }, u32::MAX);
            self.with(now, |rx, snd, cx| rx.release(cx, snd));
        }
    }

    /// A `send` in progress copies up to `n` more bytes.
    pub(super) fn write(&mut self, now: Now, n: u32) {
        self.own_write_ends(now);
        let n = n.min(self.writing - self.wrote.min(self.writing));
        self.wrote += n;
        self.with(now, |rx, snd, cx| snd.passive().map(|s| s.written(cx, rx, n)));
    }

    /// What is about to be transmitted up to `end` must have been copied.
    pub(super) fn copy_written(&mut self, now: Now, end: Seq) {
        while self.m.snd.passive().is_some_and(|s| end > s.write_seq()) && self.wrote < self.writing {
            self.write_until_push(now);
        }
    }

    /// A `send` in progress copies as far as to its next attempt to transmit.
    fn write_until_push(&mut self, now: Now) {
        let left = self.writing.saturating_sub(self.wrote);
        let wrote =
            self.with(now, |rx, snd, cx| snd.passive().map_or(left, |s| s.write_until_push(cx, rx, left)));
        self.wrote += wrote;
    }

    /// The end of a `recv`: its window is chosen.
    pub(super) fn finish_read(&mut self, now: Now) {
        if !std::mem::take(&mut self.finishing) {
            return;
        }
        let copied = self.with(now, |rx, snd, cx| {
            rx.recv_skip(cx);
            rx.recv_finish(cx, snd)
        });
        let failed = copied == 0 && !self.m.rx.peer_closed() && self.m.rx.take_error();
        self.read_ret = Some(match copied {
            0 if failed => -1,
            0 if self.m.rx.peer_closed() || self.m.rx.tcp_state() == TcpState::Close => 0,
            // EAGAIN, as the traffic program notes it.
            0 => -1,
            n => i64::from(n),
        });
    }

    /// Segments that joined the backlog after the row at `at` was read and before its ACK was decided upon: they count in
    /// the ACK's window, so they go in first.
    pub(super) fn backlog_before_ack(&mut self, at: usize, now: Now) {
        let mut early = Vec::new();
        for (i, (ev, e)) in self.events.iter().enumerate().skip(at + 1) {
            match e {
                EventRef::App(a) if a.what == AppWhat::Backlog => early.push((i, *ev, *a)),
                EventRef::Merge(_) | EventRef::Tx(_) => {}
                EventRef::Ack(a) => {
                    let shown = a.state.backlog_len;
                    let has = self.m.rx.state(&self.m.snd).backlog_len;
                    if a.len > 0 || shown.is_none_or(|len| len == has) {
                        return;
                    }
                    break;
                }
                _ => return,
            }
        }
        for (i, ev, a) in early {
            self.app(i, now, ev, a);
            self.early_backlog.insert(ev);
        }
    }

    pub(super) fn backlog(&mut self, at: usize, now: Now, ev: u64, seqs: [i64; 2], figures: [u32; 3]) {
        let Some(of) = self.hindsight.row_of_backlog(ev) else { return };
        let Some(row) = self.rec.rows.get(of) else { return };
        let joined = self.hindsight.waited(of) > 1;
        let Some(s) = &row.segment else { return };
        let [seq, end_seq] = seqs;
        let [truesize, data_len, nr_frags] = figures;
        let sack = self.sack_of(s, row.time_ns);
        let last = end_seq == s.end_seq;
        let (seg, buf): (Segment, Buffer) = self.hindsight.backlog_segment(
            s,
            [seq, end_seq],
            [truesize, data_len, nr_frags],
            Part { alone: !joined, last },
            sack,
            [ev, row.time_ns],
        );
        let feed = |m: &mut Machine, buf: Buffer| {
            m.with(now, |rx, snd, cx| {
                rx.own();
                rx.segment_arrives(cx, snd, &seg, buf);
            });
            m.rx.state(&m.snd).backlog_len
        };
        let expected = self.backlog_after[at].filter(|_| self.oracle == Oracle::With);
        let before = expected.map(|_| self.m.clone());
        let len = feed(&mut self.m, buf);
        let (Some(expected), Some(before)) = (expected, before) else { return };
        if len == expected {
            self.list.decided();
            return;
        }
        // What the backlog grew by shows whether a segment that was joined to others was a clone, and which of the drain's
        // lists it went to.
        let shares = [buf, Hindsight::other_share(buf)];
        for (list, share) in [(false, shares[1]), (true, shares[0]), (true, shares[1])] {
            let mut other = before.clone();
            if (share != buf && !joined) || (list && !self.list.turn_round(&mut other.rx)) {
                continue;
            }
            if feed(&mut other, share) == expected {
                self.m = other;
                self.list.decided();
                return;
            }
        }
    }
}
