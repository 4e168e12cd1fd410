//! The event loop of a replay, and the comparison.

use sim_core::config::LiveOption;
use sim_core::host::Host;
use sim_core::observer::Transmit;
use sim_core::receiver::Receiver;
use sim_core::segment::{Flags, SackList, Segment};
use sim_core::send_half::{Cx, SendHalf as _};
use sim_core::seq::Seq;
use sim_core::sender::{Handshake, PassiveSender};
use sim_core::skb::Buffer;
use sim_core::state::{SocketState, TcpState};
use sim_core::time::{Now, SimDuration, SimTime};

use super::clock::Clocks;
use super::inputs::Hindsight;
use super::setup::{Setup, SetupError};
use super::watch::Watch;
use crate::compare::{Difference, ModelCounts, compare_ack, compare_counts, compare_whole_state};
use crate::recording::{
    AckRow, AppAction, AppEvent, AppWhat, Entry, EventRef, KernelVersion, LineKind, Recording, Row, RowSegment, Step,
};
use crate::score::{CaseScore, LineDifference};

/// `SOL_SOCKET`.
const SOL_SOCKET: i32 = 1;
/// The traffic program reads the device before it reads the state: a packet sent this shortly before the state
/// was read is counted in this step or in the next, ns.
const POLL_NS: u64 = 150_000;
/// `SOL_TCP`.
const SOL_TCP: i32 = 6;

/// Whether inputs that the recorder could not fetch directly are taken from what the recording shows later.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Oracle {
    /// Timers fire where they were recorded, shared data is known from refused merges.
    #[default]
    With,
    /// Timers fire by the model's own clock; nothing is shared.
    Without,
}

/// Replays one recording and compares every row, ACK and script step.
///
/// # Errors
/// If the recording's kernel is unknown or its connection's opening is missing.
pub fn replay(rec: &Recording, oracle: Oracle) -> Result<CaseScore, SetupError> {
    let setup = Setup::of(rec)?;
    let events = rec.events();
    let mut drive = Drive::new(rec, &setup, &events, oracle);
    for (at, (ev, event)) in events.iter().enumerate() {
        drive.step(at, *ev, event);
    }
    Ok(drive.finish())
}

/// The model, and all that a call into it can change.
#[derive(Clone)]
struct Machine {
    rx: Receiver,
    snd: PassiveSender,
    host: Host,
    watch: Watch,
    out: Vec<Transmit>,
}

impl Machine {
    fn with<R>(&mut self, now: Now, f: impl FnOnce(&mut Receiver, &mut PassiveSender, &mut Cx<'_, Watch>) -> R) -> R {
        let mut cx = Cx { now, out: &mut self.out, host: &mut self.host, obs: &mut self.watch };
        let r = f(&mut self.rx, &mut self.snd, &mut cx);
        self.out.clear();
        r
    }
}

/// For every event, the backlog's length that the next ACK shows, if that ACK comes before the call returns.
fn backlog_at_ack(events: &[(u64, EventRef<'_>)]) -> Vec<Option<u32>> {
    let mut next = None;
    let mut out: Vec<_> = events
        .iter()
        .rev()
        .map(|(_, e)| {
            let here = next;
            match e {
                EventRef::Ack(a) if a.len == 0 => next = a.state.backlog_len,
                EventRef::App(a) if matches!(a.what, AppWhat::Backlog) => {}
                EventRef::Tx(_) | EventRef::Merge(_) => {}
                _ => next = None,
            }
            here
        })
        .collect();
    out.reverse();
    out
}

/// A moment of the recording's microsecond scale.
fn micros(us: i64) -> SimTime {
    SimTime::from_nanos(us.max(0) as u64 * 1_000)
}

/// For every event, the backlog's length that the next event of the application or the backlog shows.
fn backlog_after(events: &[(u64, EventRef<'_>)]) -> Vec<Option<u32>> {
    let mut next = None;
    let mut out: Vec<_> = events
        .iter()
        .rev()
        .map(|(_, e)| {
            let here = next;
            if let EventRef::App(a) = e
                && a.state.backlog_len.is_some()
            {
                next = a.state.backlog_len;
            }
            here
        })
        .collect();
    out.reverse();
    out
}

/// What a recorded packet of the server carries of its own.
fn server_segment(ack: &AckRow) -> Segment {
    Segment { seq: Seq(ack.seq), len: ack.len, flags: ack.flags.without(Flags::ACK), ..Segment::default() }
}

/// For every event, the server's data packets that follow it before anything else happens at the receiver: what it
/// sends in answer to that segment.
fn data_in_answer(events: &[(u64, EventRef<'_>)], at: usize) -> Vec<Segment> {
    let mut out = Vec::new();
    for (_, e) in &events[at + 1..] {
        match e {
            EventRef::Ack(a) if a.len > 0 => out.push(server_segment(a)),
            EventRef::Ack(_) | EventRef::Tx(_) | EventRef::Merge(_) => {}
            EventRef::App(a) if matches!(a.what, AppWhat::Collapse | AppWhat::PruneOfo | AppWhat::Backlog) => {}
            _ => break,
        }
    }
    out
}

struct Drive<'a> {
    rec: &'a Recording,
    events: &'a [(u64, EventRef<'a>)],
    setup: &'a Setup,
    oracle: Oracle,
    version: KernelVersion,
    clocks: Clocks,
    hindsight: Hindsight,
    m: Machine,
    score: CaseScore,
    /// When the SYN-ACK was sent.
    synack_at: Option<SimTime>,
    first_wup: Option<Seq>,
    /// Backlog segments already fed for the row that comes out next.
    in_recv: bool,
    /// Bytes that the `send` in progress takes, and how many of them are copied.
    writing: u32,
    wrote: u32,
    /// The `recv` has copied everything, and its end is still to come.
    finishing: bool,
    /// For every event, the backlog's length at the next ACK of the same call: segments may be put to the backlog
    /// between the probe at the end of a read and the choice of its window.
    backlog_at_ack: Vec<Option<u32>>,
    /// For every event, the backlog's length at the next event of the application or the backlog.
    backlog_after: Vec<Option<u32>>,
    /// The model's states since the counters were read for the last time: the closing row was read somewhere
    /// among them, the recorder does not say where.
    closing: Option<Vec<SocketState>>,
    /// An option whose call waits for the socket.
    waiting: Option<LiveOption>,
    /// The state that the last script step read.
    last_step: Option<SocketState>,
    /// When a timer fired last, and the state before it.
    before_timer: Option<(SimTime, SocketState)>,
    /// Script steps: packets sent since the previous one, and of these the ones sent so shortly before now
    /// that the traffic program may not have seen them yet.
    emitted: Vec<SimTime>,
    read_ret: Option<i64>,
    row_index: usize,
}

impl<'a> Drive<'a> {
    fn new(rec: &'a Recording, setup: &'a Setup, events: &'a [(u64, EventRef<'a>)], oracle: Oracle) -> Self {
        let clocks = Clocks::new(rec, events);
        let headers = setup.kernel.max_tcp_header;
        let hindsight = match oracle {
            Oracle::With => Hindsight::of(rec, events, headers),
            Oracle::Without => Hindsight::blind(rec, events, headers),
        };
        let hz = clocks.ticks().hz();
        let mut rx = Receiver::new(setup.kernel, setup.sysctl.clone(), setup.route.clone());
        let origin_us = rec.summary.clock.t0_mono_ns / 1_000;
        let ts_offset = rec.acks.iter().find_map(|a| {
            let stamp = a.state.tcp_mstamp?;
            let ms = ((origin_us as i64 + stamp) / 1_000) as u32;
            Some(a.tsval?.wrapping_sub(ms))
        });
        rx.set_timestamp_clock(origin_us, ts_offset.unwrap_or(0));
        Self {
            rec,
            events,
            setup,
            oracle,
            version: rec.version(),
            clocks,
            hindsight,
            m: Machine {
                rx,
                snd: PassiveSender::new(setup.kernel, &setup.sysctl, hz),
                host: Host::default(),
                watch: Watch::default(),
                out: Vec::new(),
            },
            score: CaseScore::new(&rec.kernel, &rec.case),
            synack_at: None,
            first_wup: None,
            in_recv: false,
            writing: 0,
            wrote: 0,
            finishing: false,
            backlog_at_ack: backlog_at_ack(events),
            backlog_after: backlog_after(events),
            closing: None,
            waiting: None,
            last_step: None,
            before_timer: None,
            emitted: Vec::new(),
            read_ret: None,
            row_index: 0,
        }
    }

    /// Calls into the model at `now`.
    fn with<R>(&mut self, now: Now, f: impl FnOnce(&mut Receiver, &mut PassiveSender, &mut Cx<'_, Watch>) -> R) -> R {
        self.m.with(now, f)
    }

    fn step(&mut self, at: usize, ev: u64, event: &EventRef<'_>) {
        let now = self.clocks.now(at, event);
        self.overdue_timers(Clocks::time(event));
        if let Some(states) = &mut self.closing {
            states.push(self.m.rx.state(&self.m.snd));
        }
        match event {
            EventRef::Row(row) => self.row(at, now, row),
            EventRef::Ack(ack) => self.ack(now, ack),
            EventRef::App(app) => self.app(at, now, ev, app),
            EventRef::Step(step) => self.script_step(step),
            EventRef::Merge(_) | EventRef::Tx(_) => {}
        }
    }

    // --- opening ---------------------------------------------------------------------------------------------

    /// The SYN-ACK: the listener has seen the SYN.
    fn syn_ack(&mut self, now: Now, ack: &AckRow) {
        for &opt in &self.setup.options {
            self.with(now, |rx, snd, cx| rx.set_option(cx, snd, opt));
        }
        let (syn, link_mss, maxseg) = (self.setup.syn, self.setup.mtu - 40, self.setup.maxseg);
        let options = self.with(now, |rx, _, cx| rx.passive_open(cx, &syn, link_mss, maxseg));
        self.synack_at = Some(now.time);
        let seg = Segment {
            seq: Seq(0),
            len: 0,
            flags: Flags::SYN.with(Flags::ACK),
            ack: Seq::FIRST,
            window: options.window,
            ts: options.ts,
            sack: SackList::EMPTY,
        };
        let differences = compare_ack(ack, &seg, Some(&options));
        self.score_ack(ack, differences);
        self.m.watch.since.n_ack += 1;
        self.emitted.push(SimTime::from_nanos(ack.time_ns));
    }

    /// The handshake's last ACK makes the connection socket.
    fn child(&mut self, now: Now, seg: &RowSegment) {
        let syn = self.setup.syn;
        let scale = if self.setup.sysctl.tcp_window_scaling { syn.window_scale.unwrap_or(0) } else { 0 };
        let timestamps = syn.ts.is_some() && self.setup.sysctl.tcp_timestamps;
        let option = if timestamps { 12 } else { 0 };
        let mss = u32::from(syn.mss).min(self.m.rx.advmss()).saturating_sub(option);
        let rtt_us = self.synack_at.map(|t| now.time.since(t).as_micros().max(1).min(u64::from(u32::MAX)) as u32);
        self.m.snd.established(&Handshake {
            snd_nxt: Seq::FIRST,
            snd_wnd: u32::from(seg.wnd) << scale,
            wl1: Seq(seg.seq),
            snd_wscale: scale,
            mss,
            sack: syn.sack,
            timestamps,
            rtt_us,
        });
        let (header, _) = self.hindsight.segment(seg, SackList::EMPTY, now.time.as_nanos());
        self.with(now, |rx, snd, cx| rx.child_created(cx, snd, &header));
    }

    // --- rows ------------------------------------------------------------------------------------------------

    fn row(&mut self, at: usize, now: Now, row: &Row) {
        let direct = row.segment.as_ref().is_none_or(|s| s.bl_segs == 0);
        self.finish_read(now);
        if direct && row.state.owned == Some(false) && self.m.rx.is_owned() && self.m.rx.backlog_waiting() == 0 {
            // The call has let go of the socket already; that it returned is recorded later.
            self.with(now, |rx, snd, cx| rx.release(cx, snd));
        }
        if self.row_index == 0
            && let Some(seg) = &row.segment
        {
            self.child(now, seg);
        }
        self.unexpected_acks(row);
        let mut model = self.m.rx.state(&self.m.snd);
        if row.entry == Entry::End {
            let read = self.closing.iter().flatten().chain(&self.last_step).find(|s| self.compare(&row.state, s).is_empty());
            model = read.copied().unwrap_or(model);
        }
        let owned = row.state.owned.unwrap_or(model.owned);
        model.owned = owned;
        let first = *self.first_wup.get_or_insert(model.rcv_wup);
        let s = std::mem::take(&mut self.m.watch.since);
        let counts = ModelCounts {
            acked: model.rcv_wup - first,
            coal_ok: s.coal_ok,
            coal_fail: s.coal_fail,
            n_collapse: s.n_collapse,
            n_collapse_ofo: s.n_collapse_ofo,
            n_prune_ofo: s.n_prune_ofo,
            n_ack: s.n_ack,
        };
        let mut differences = self.compare(&row.state, &model);
        differences.extend(compare_counts(row, &counts, self.version));
        self.score.rows.add(differences.is_empty());
        self.score.note(LineDifference::of(LineKind::Row, u64::from(row.idx), row.time_ns, differences));
        self.row_index += 1;
        let Some(segment) = &row.segment else { return };
        if row.entry == Entry::End {
            return;
        }
        for seg in data_in_answer(self.events, at) {
            self.copy_written(now, seg.end_seq());
            self.m.snd.will_send(seg);
        }
        // Jiffies may change between the arrival and the decision about its ACK; the timer's expiry shows it.
        let expiry = self.clocks.expiry_after_tick(at, row.time_ns);
        let before = expiry.map(|_| self.m.clone());
        self.arrival(now, row, segment);
        if let (Some(mut before), Some(expiry)) = (before, expiry)
            && self.m.rx.delayed_ack_due().is_some_and(|j| j.0 + 1 == expiry)
            && !now.tick_during.before_decision
        {
            std::mem::swap(&mut self.m, &mut before);
            let mut late = now;
            late.tick_during.before_decision = true;
            self.arrival(late, row, segment);
        }
        self.m.snd.take_unsent();
    }

    /// The segment of a row goes in.
    fn arrival(&mut self, now: Now, row: &Row, segment: &RowSegment) {
        let sack = self.sack_of(segment);
        if segment.bl_segs > 0 && self.m.rx.backlog_waiting() > 0 {
            self.with(now, |rx, snd, cx| rx.drain_one(cx, snd));
            return;
        }
        let (mut seg, buf) = self.hindsight.segment(segment, sack, row.time_ns);
        // The recorder's difference is unsigned where the kernel's is signed.
        seg.seq = Seq::unwrap_near(seg.seq.wire(), self.m.rx.rcv_nxt());
        self.with(now, |rx, snd, cx| rx.segment_bypassing_backlog(cx, snd, &seg, buf));
    }

    /// Only the header length matters of the blocks that the peer sends: one block if any.
    fn sack_of(&self, s: &RowSegment) -> SackList {
        let mut list = SackList::EMPTY;
        if s.sack_opt {
            list.push(sim_core::segment::SackBlock { start: Seq(s.seq), end: Seq(s.seq) });
        }
        list
    }

    fn compare(&self, recorded: &crate::recording::RecordedState, model: &SocketState) -> Vec<Difference> {
        compare_whole_state(recorded, model, self.version)
    }

    // --- ACKs ------------------------------------------------------------------------------------------------

    fn ack(&mut self, now: Now, ack: &AckRow) {
        if ack.flags.has(Flags::SYN) {
            self.syn_ack(now, ack);
            return;
        }
        self.emitted.push(SimTime::from_nanos(ack.time_ns));
        self.finish_read(now);
        if ack.flags.has(Flags::RST) && self.m.watch.sent.is_empty() {
            self.reset_of_closed(now, ack);
            return;
        }
        if ack.len > 0 || ack.flags.has(Flags::FIN) {
            self.server_data(now, ack);
            return;
        }
        if self.m.watch.sent.is_empty() && self.m.rx.is_owned() && self.m.rx.backlog_waiting() == 0 {
            // The drain is over and the owner lets go: what was deferred goes now.
            self.with(now, |rx, snd, cx| rx.release(cx, snd));
        }
        self.watch_answer(ack);
    }

    /// The answer to a segment for a connection that is gone: no row shows that segment, the script does.
    fn reset_of_closed(&mut self, now: Now, ack: &AckRow) {
        let gone = matches!(self.m.rx.tcp_state(), TcpState::Close | TcpState::TimeWait);
        if gone {
            let seg = Segment { flags: Flags::ACK, ack: self.m.snd.snd_nxt(), ..Segment::default() };
            self.with(now, |rx, snd, cx| rx.reset_in_answer(cx, snd, &seg));
        }
        self.watch_answer(ack);
    }

    /// Compares the oldest packet that the model sent.
    fn watch_answer(&mut self, ack: &AckRow) {
        let Some((packet, state)) = self.m.watch.sent.pop_front() else {
            self.score_ack(ack, vec![Difference { column: "(packet)", recorded: Some(1), model: None }]);
            return;
        };
        let mut differences = compare_ack(ack, &packet.seg, None);
        if !packet.seg.flags.has(Flags::RST) {
            let mut state = state;
            state.owned = ack.state.owned.unwrap_or(state.owned);
            differences.extend(self.compare(&ack.state, &state));
        }
        self.score_ack(ack, differences);
    }

    /// Data or FIN of the server itself: an input, but its acknowledgement and window are the model's.
    fn server_data(&mut self, now: Now, ack: &AckRow) {
        let seg = server_segment(ack);
        // One packet of several segments is cut on its way to the device.
        let mss = self.m.snd.mss_cache().saturating_sub(self.m.rx.sack_option_len()).max(1);
        for _ in 1..seg.len.div_ceil(mss) {
            self.emitted.push(SimTime::from_nanos(ack.time_ns));
        }
        let mut timer = false;
        if self.m.watch.sent.front().is_none_or(|(p, _)| p.seg.seq != seg.seq || p.seg.len != seg.len) {
            self.copy_written(now, seg.end_seq());
            // Sent before, and not by a call of the application: by the write timer.
            timer = seg.end_seq() <= self.m.snd.snd_nxt() && !self.m.rx.is_owned();
            self.with(now, |rx, snd, cx| snd.transmit(cx, rx, seg));
        }
        let Some((packet, state)) = self.m.watch.sent.pop_front() else { return };
        let mut differences = compare_ack(ack, &packet.seg, None);
        differences.extend(self.compare(&ack.state, &state));
        self.score_ack(ack, differences);
        if timer {
            self.with(now, |rx, _, cx| rx.write_timer_ran(cx));
        }
    }

    fn score_ack(&mut self, ack: &AckRow, differences: Vec<Difference>) {
        self.score.acks.add(differences.is_empty());
        self.score.note(LineDifference::of(LineKind::Ack, ack.ev, ack.time_ns, differences));
    }

    /// ACKs that the model sent and the kernel did not: each is an ACK that differs.
    fn unexpected_acks(&mut self, row: &Row) {
        while self.m.watch.sent.pop_front().is_some() {
            self.score.unexpected += 1;
            let d = Difference { column: "(packet)", recorded: None, model: Some(1) };
            self.score.note(LineDifference::of(LineKind::Ack, row.ev, row.time_ns, vec![d]));
        }
    }

    // --- the application -------------------------------------------------------------------------------------

    fn app(&mut self, at: usize, now: Now, ev: u64, app: &AppEvent) {
        let Ok(action) = app.action() else { return };
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
                if let Some(opt) = self.waiting.take() {
                    self.with(now, |rx, snd, cx| rx.set_option(cx, snd, opt));
                }
            }
            AppAction::RecvRet(_) => {
                self.finish_read(now);
                self.in_recv = false;
                self.with(now, |rx, snd, cx| rx.release(cx, snd));
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
                    Some(opt @ LiveOption::QuickAck(_)) if self.cleanup_follows(at) => self.waiting = Some(opt),
                    Some(opt) => self.with(now, |rx, snd, cx| rx.set_option(cx, snd, opt)),
                    None => {}
                }
            }
            AppAction::Backlog { seq, end_seq, truesize, data_len, nr_frags } => {
                self.backlog(at, now, ev, [seq, end_seq], [truesize, data_len, nr_frags]);
            }
            AppAction::Send(len) => {
                self.with(now, |rx, _, _| rx.own());
                // What the call will take is known from its return.
                let taken = self.events[at + 1..].iter().find_map(|(_, e)| match e {
                    EventRef::App(a) if a.what == AppWhat::SendRet => a.ret,
                    _ => None,
                });
                self.writing = taken.unwrap_or(len).clamp(0, len.clamp(0, i64::from(u32::MAX))) as u32;
                // The copy goes on until an skb is full; only then the call looks whether it can transmit.
                let room = self.m.snd.room();
                self.write(now, if room == 0 { self.m.snd.size_goal() } else { room });
                // Whether or not anything can be sent, pushing reads the clock.
                self.with(now, |rx, _, cx| rx.refresh_clock(cx));
            }
            AppAction::Release => self.write(now, u32::MAX),
            AppAction::SendRet(_) => {
                self.write(now, u32::MAX);
                (self.writing, self.wrote) = (0, 0);
                self.with(now, |rx, snd, cx| rx.release(cx, snd));
            }
            AppAction::Close => self.with(now, |rx, snd, cx| {
                if rx.close(cx, snd) {
                    snd.fin_written(cx, rx);
                }
            }),
            AppAction::Shutdown => self.with(now, |rx, snd, cx| {
                rx.shutdown_write();
                snd.fin_written(cx, rx);
            }),
            AppAction::DelackTimer => {
                self.note_before_timer(now);
                if self.m.rx.delayed_ack_due().is_some_and(|j| j <= now.jiffies) {
                    self.with(now, |rx, snd, cx| rx.delayed_ack_timer(cx, snd));
                }
            }
            AppAction::CompSackTimer => {
                self.note_before_timer(now);
                if self.m.rx.compressed_ack_due().is_some() {
                    self.with(now, |rx, snd, cx| rx.compressed_ack_timer(cx, snd));
                }
            }
            _ => {}
        }
    }

    /// Whether the next application event is `tcp_cleanup_rbuf` outside a read: the effect of `TCP_QUICKACK`.
    fn cleanup_follows(&self, at: usize) -> bool {
        let mut later = self.events[at + 1..].iter().filter_map(|(_, e)| match e {
            EventRef::App(a) if !matches!(a.what, AppWhat::Collapse | AppWhat::PruneOfo | AppWhat::Backlog) => Some(a),
            _ => None,
        });
        later.next().is_some_and(|a| a.what == AppWhat::CleanupRbuf)
    }

    /// The state just before a timer fires, for a script step whose state was read at about the same time.
    fn note_before_timer(&mut self, now: Now) {
        self.before_timer = Some((now.time, self.m.rx.state(&self.m.snd)));
    }

    /// A `send` in progress copies up to `n` more bytes.
    fn write(&mut self, now: Now, n: u32) {
        let n = n.min(self.writing - self.wrote.min(self.writing));
        self.wrote += n;
        self.with(now, |rx, snd, cx| snd.written(cx, rx, n));
    }

    /// What is about to be transmitted up to `end` must have been copied.
    fn copy_written(&mut self, now: Now, end: Seq) {
        let missing = end - self.m.snd.write_seq();
        if missing > 0 {
            self.write(now, missing as u32);
        }
    }

    /// The end of a `recv`: its window is chosen.
    fn finish_read(&mut self, now: Now) {
        if !std::mem::take(&mut self.finishing) {
            return;
        }
        let copied = self.with(now, |rx, snd, cx| {
            rx.recv_skip(cx);
            rx.recv_finish(cx, snd)
        });
        self.read_ret = Some(match copied {
            0 if self.m.rx.peer_closed() => 0,
            // EAGAIN, as the traffic program notes it.
            0 => -1,
            n => i64::from(n),
        });
    }

    fn backlog(&mut self, at: usize, now: Now, ev: u64, seqs: [i64; 2], figures: [u32; 3]) {
        let Some(row) = self.hindsight.row_of_backlog(ev).and_then(|row| self.rec.rows.get(row)) else { return };
        let Some(s) = &row.segment else { return };
        let [seq, end_seq] = seqs;
        let [truesize, data_len, nr_frags] = figures;
        let sack = self.sack_of(s);
        let last = end_seq == s.end_seq;
        let (seg, buf): (Segment, Buffer) =
            self.hindsight.backlog_segment(s, [seq, end_seq], [truesize, data_len, nr_frags], last, sack, row.time_ns);
        let feed = |m: &mut Machine, buf: Buffer| {
            m.with(now, |rx, snd, cx| {
                rx.own();
                rx.segment_arrives(cx, snd, &seg, buf);
            });
            m.rx.state(&m.snd).backlog_len
        };
        // Whether a segment that was joined to others was a clone shows in what the backlog grew by.
        let expected = self.backlog_after[at].filter(|_| self.oracle == Oracle::With && s.bl_segs > 1);
        let before = expected.map(|_| self.m.clone());
        let len = feed(&mut self.m, buf);
        if let (Some(expected), Some(mut before)) = (expected, before)
            && len != expected
            && feed(&mut before, Hindsight::other_share(buf)) == expected
        {
            self.m = before;
        }
    }

    // --- timers ----------------------------------------------------------------------------------------------

    /// Fires timers of the model that were due well before `time` and were not recorded.
    fn overdue_timers(&mut self, time: SimTime) {
        let slack = SimDuration::from_nanos(self.setup.sysctl.tcp_comp_sack_slack_ns);
        let ticks = *self.clocks.ticks();
        if let Some(t) = self.m.rx.compressed_ack_due() {
            // A recorded timer may be late by its slack and by whatever kept the processor.
            let grace = if self.oracle == Oracle::With { SimDuration::from_millis(1) } else { SimDuration::ZERO };
            let at = t + slack + grace;
            if at < time {
                let now = ticks.now(at);
                self.with(now, |rx, snd, cx| rx.compressed_ack_timer(cx, snd));
            }
        }
        if let Some(j) = self.m.snd.write_timer_due() {
            let at = ticks.begin(j + 1);
            if at < time {
                let now = ticks.now(at);
                self.with(now, |rx, snd, cx| snd.write_timer_idle(cx, rx));
            }
        }
        if let Some(j) = self.m.rx.delayed_ack_due() {
            // The timer wheel fires one tick after the expiry; a recorded timer may have waited for the processor.
            let late = if self.oracle == Oracle::With { 2 } else { 1 };
            let at = ticks.begin(j + late);
            if at < time {
                let now = ticks.now(at);
                self.with(now, |rx, snd, cx| rx.delayed_ack_timer(cx, snd));
            }
        }
    }

    // --- script steps ----------------------------------------------------------------------------------------

    fn script_step(&mut self, step: &Step) {
        let mut model = self.m.rx.state(&self.m.snd);
        // A timer that fired while the traffic program was about to read the state came before or after it.
        if let Some((t, before)) = self.before_timer
            && t.as_nanos() + POLL_NS >= step.time_ns
            && !self.compare(&step.state, &model).is_empty()
            && self.compare(&step.state, &before).is_empty()
        {
            model = before;
        }
        let mut differences = self.compare(&step.state, &model);
        let mut check = |column, recorded: Option<i64>, model: Option<i64>| {
            if recorded != model {
                differences.push(Difference { column, recorded, model });
            }
        };
        let seen = self.emitted.len().min(step.emitted as usize);
        let all_late = self.emitted[seen..].iter().all(|t| t.as_nanos() + POLL_NS >= step.time_ns);
        let emitted = if all_late { seen } else { self.emitted.len() };
        check("emitted", Some(i64::from(step.emitted)), Some(emitted as i64));
        if step.cmd.starts_with("r ") {
            check("read_ret", step.read_ret, self.read_ret);
        }
        // SIOCINQ does not count the peer's FIN.
        let fin = i64::from(self.m.rx.peer_closed() && model.recvq() > 0);
        check("inq", Some(step.inq), Some(model.recvq() - fin));
        check("meminfo.rmem_alloc", Some(i64::from(step.meminfo.rmem_alloc)), Some(i64::from(model.rmem as u32)));
        check("meminfo.rcvbuf", Some(i64::from(step.meminfo.rcvbuf)), Some(i64::from(model.rcvbuf as u32)));
        check("meminfo.fwd_alloc", Some(i64::from(step.meminfo.fwd_alloc)), Some(i64::from(model.fwd_alloc as u32)));
        check("meminfo.drops", Some(i64::from(step.meminfo.drops)), Some(i64::from(model.drops)));
        self.emitted.drain(..emitted);
        self.read_ret = None;
        self.last_step = Some(model);
        self.score.steps.add(differences.is_empty());
        self.score.note(LineDifference::of(LineKind::Step, step.step.max(0) as u64, step.time_ns, differences));
    }

    fn finish(mut self) -> CaseScore {
        self.score.unexpected += self.m.watch.sent.len() as u64;
        self.score
    }
}
