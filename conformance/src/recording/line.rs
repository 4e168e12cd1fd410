//! The lines of a recording, one type per file.

use sim_core::segment::{Flags, SackList};

use super::cell::{lines, words};
use super::state::{MemInfo, RecordedState};

words! {
    /// Where a row was read (`fn`).
    pub enum Entry {
        /// On entry of `tcp_rcv_established`.
        #[default]
        Established = "rx",
        /// On entry of `tcp_rcv_state_process`.
        StateProcess = "rxs",
        /// The closing row: the state after everything.
        End = "end",
    }
}

lines! {
    /// A segment that reached the server socket, with the state **before** it, or the closing row.
    pub struct Row {
        /// Row number, from 1.
        idx: u32 = "idx",
        /// Position in the event stream.
        ev: u64 = "ev",
        /// Time since the clock's zero, ns.
        time_ns: u64 = "time_ns",
        /// Where it was read.
        entry: Entry = "fn",
        /// The script line that caused it; -1 in loop cases.
        step: i32 = "step",
        /// Bytes acknowledged since the first row.
        acked: i64 = "acked",
        /// Merges that succeeded since the previous row.
        coal_ok: u32 = "coal_ok",
        /// Merges refused since the previous row (5.10: undefined).
        coal_fail: u32 = "coal_fail",
        /// Collapses of the receive queue since the previous row.
        n_collapse: u32 = "n_collapse",
        /// Collapses of a range of the out-of-order queue since the previous row.
        n_collapse_ofo: u32 = "n_collapse_ofo",
        /// Prunes of the out-of-order queue since the previous row.
        n_prune_ofo: u32 = "n_prune_ofo",
        /// skbs freed in `tcp_*` since the previous row, both ends.
        n_drop: u32 = "n_drop",
        /// Reads that returned data since the previous row.
        n_read: u32 = "n_read",
        /// Their bytes.
        read_bytes: u64 = "read_bytes",
        /// Packets sent since the previous row.
        n_ack: u32 = "n_ack",
    }
    rest {
        /// The segment; `None` in the closing row.
        segment: Option<RowSegment>,
        /// `REASON@function` of the drops, as recorded.
        drop_reasons: Option<Box<str>>,
        /// The state before the segment.
        state: RecordedState,
    }
}

lines! {
    /// The segment of a row, and the skb it came in.
    pub struct RowSegment {
        /// First sequence number.
        seq: i64 = "seq",
        /// One after the last; FIN counts.
        end_seq: i64 = "end_seq",
        /// Payload bytes.
        len: u32 = "len",
        /// TCP flags.
        flags: Flags = "flags",
        /// Acknowledgement number.
        ack: i64 = "ack",
        /// Raw window field.
        wnd: u16 = "wnd",
        /// TSval, if the segment has a timestamp option.
        tsval: Option<u32> = "tsval",
        /// TSecr.
        tsecr: Option<u32> = "tsecr",
        /// Whether the segment carries SACK blocks.
        sack_opt: bool = "sack_opt",
        /// Segments of the backlog in this skb: 0 it came directly, 1 it waited, more were joined there.
        bl_segs: u32 = "bl_segs",
        /// `skb->truesize`, bytes.
        truesize: u32 = "truesize",
        /// Bytes in page fragments.
        data_len: u32 = "data_len",
        /// The clone bit (sticky).
        cloned: bool = "cloned",
        /// Whether the head is a page fragment.
        head_frag: bool = "head_frag",
        /// Usable bytes of the head (`skb->end`).
        head_size: u32 = "head_size",
        /// Free bytes behind the data of a fully linear skb.
        tailroom: u32 = "tailroom",
        /// Page fragments; `None`: unknown.
        nr_frags: Option<u32> = "nr_frags",
        /// MSS of a multi-segment packet; `None`: unknown.
        gso_size: Option<u32> = "gso_size",
    }
}

words! {
    /// The last event before an ACK (`reason`; undefined for comparison).
    pub enum AckCause {
        /// A segment.
        #[default]
        Rx = "rx",
        /// A read.
        Read = "read",
        /// The delayed-ACK timer.
        DelackTimer = "delack_timer",
        /// The SACK-compression timer.
        CompSackTimer = "comp_sack_timer",
        /// `tcp_cleanup_rbuf` without a read.
        CleanupRbuf = "cleanup_rbuf",
    }
}

lines! {
    /// A packet that the server's kernel sent, with the state at that moment.
    pub struct AckRow {
        /// Position in the event stream.
        ev: u64 = "ev",
        /// Time since the clock's zero, ns.
        time_ns: u64 = "time_ns",
        /// Rows seen so far.
        after_idx: u32 = "after_idx",
        /// The script line that caused it; -1 in loop cases.
        step: i32 = "step",
        /// TCP flags.
        flags: Flags = "flags",
        /// First sequence number, in the server's numbers.
        seq: i64 = "seq",
        /// Acknowledgement number, in the peer's numbers.
        ack: i64 = "ack",
        /// Payload bytes.
        len: u32 = "len",
        /// The 16-bit window field.
        win_raw: u16 = "win_raw",
        /// The window it means, bytes.
        win: u32 = "win",
        /// MSS option (SYN-ACK).
        mss_opt: Option<u32> = "mss_opt",
        /// Window-scale option (SYN-ACK).
        ws_opt: Option<u8> = "ws_opt",
        /// The last event before it.
        reason: Option<AckCause> = "reason",
        /// TSval (undefined for comparison: it has a random offset).
        tsval: Option<u32> = "tsval",
        /// TSecr.
        tsecr: Option<u32> = "tsecr",
    }
    rest {
        /// SACK blocks in the order of the header.
        sack: SackList,
        /// The state at that moment; empty for the SYN-ACK. `win` of the state is [`AckRow::win`].
        state: RecordedState,
    }
}

words! {
    /// What happened (`what` of `.app.csv`).
    pub enum AppWhat {
        /// The traffic program's marks: CONNECT, ACCEPT, START, END, NSTAT.
        #[default]
        Mark = "mark",
        /// An injection line begins.
        Step = "step",
        /// `recv()` begins; the socket is the application's until it returns.
        Recv = "recv",
        /// `recv()` returns.
        RecvRet = "recv_ret",
        /// `tcp_cleanup_rbuf`.
        CleanupRbuf = "cleanup_rbuf",
        /// `tcp_rcv_space_adjust`, with the state before it.
        SpaceAdjust = "space_adjust",
        /// A socket option is set.
        SetSockOpt = "setsockopt",
        /// `send()` begins.
        Send = "send",
        /// `send()` returns.
        SendRet = "send_ret",
        /// A segment is put to the backlog.
        Backlog = "backlog",
        /// The backlog is being processed (`__release_sock`).
        Drain = "drain",
        /// `release_sock` with a non-empty backlog.
        Release = "release",
        /// The delayed-ACK timer fires.
        DelackTimer = "delack_timer",
        /// The SACK-compression timer fires.
        CompSackTimer = "comp_sack_timer",
        /// `tcp_collapse`.
        Collapse = "collapse",
        /// `tcp_prune_ofo_queue`.
        PruneOfo = "prune_ofo",
        /// `shutdown()`.
        Shutdown = "shutdown",
        /// `close()`.
        Close = "close",
    }
}

words! {
    /// A queue of the receiver.
    pub enum RecordedQueue {
        /// The receive queue.
        #[default]
        Receive = "rcv",
        /// The out-of-order queue.
        OutOfOrder = "ofo",
    }
}

lines! {
    /// An event of the server's application, its timers or its backlog. Which fields are set depends on
    /// [`AppEvent::what`]; [`AppEvent::action`] gives them with their meaning.
    pub struct AppEvent {
        /// Position in the event stream.
        ev: u64 = "ev",
        /// Time since the clock's zero, ns.
        time_ns: u64 = "time_ns",
        /// Rows seen so far.
        after_idx: u32 = "after_idx",
        /// The script line; -1 in loop cases.
        step: i32 = "step",
        /// What happened.
        what: AppWhat = "what",
        /// Bytes requested, copied or sent.
        arg: Option<i64> = "arg",
        /// What the call returned; -11 is EAGAIN.
        ret: Option<i64> = "ret",
        /// Socket option: level.
        level: Option<i32> = "level",
        /// Socket option: name.
        opt: Option<i32> = "opt",
        /// Socket option: value.
        value: Option<i64> = "value",
        /// Backlog: first sequence number.
        seq: Option<i64> = "seq",
        /// Backlog: one after the last.
        end_seq: Option<i64> = "end_seq",
        /// Backlog: truesize before the skb is condensed, bytes.
        truesize: Option<u32> = "truesize",
        /// Backlog: bytes in page fragments.
        data_len: Option<u32> = "data_len",
        /// Backlog: page fragments.
        nr_frags: Option<u32> = "nr_frags",
    }
    rest {
        /// The queue a collapse works on (the word in `arg`).
        queue: Option<RecordedQueue>,
        /// The mark, or the script line that begins.
        text: Option<Box<str>>,
        /// The state; how much of it was read depends on the event.
        state: RecordedState,
    }
}

/// An application event with the arguments that it has.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum AppAction<'a> {
    /// A mark of the traffic program.
    Mark(&'a str),
    /// An injection line begins.
    Step(&'a str),
    /// `recv()` of so many bytes begins.
    Recv(i64),
    /// `recv()` returns bytes, or a negative errno.
    RecvRet(i64),
    /// `tcp_cleanup_rbuf`: bytes copied, or a negative errno.
    CleanupRbuf(i64),
    /// `tcp_rcv_space_adjust`.
    SpaceAdjust,
    /// `setsockopt(level, opt, value)`.
    SetSockOpt {
        /// Level (1 `SOL_SOCKET`, 6 `SOL_TCP`).
        level: i32,
        /// Option.
        opt: i32,
        /// Value.
        value: i64,
    },
    /// `send()` of so many bytes begins.
    Send(i64),
    /// `send()` returns.
    SendRet(i64),
    /// A segment is put to the backlog.
    Backlog {
        /// First sequence number.
        seq: i64,
        /// One after the last.
        end_seq: i64,
        /// Truesize before condensing, bytes.
        truesize: u32,
        /// Bytes in page fragments.
        data_len: u32,
        /// Page fragments.
        nr_frags: u32,
    },
    /// The backlog is being processed.
    Drain,
    /// The owner lets go of a socket with a non-empty backlog.
    Release,
    /// The delayed-ACK timer fires.
    DelackTimer,
    /// The SACK-compression timer fires.
    CompSackTimer,
    /// A collapse.
    Collapse(RecordedQueue),
    /// A prune of the out-of-order queue.
    PruneOfo,
    /// `shutdown()`.
    Shutdown,
    /// `close()`.
    Close,
}

impl AppEvent {
    /// The event with its arguments, or the name of the column that should be set and is not.
    pub fn action(&self) -> Result<AppAction<'_>, &'static str> {
        let text = || self.text.as_deref().ok_or("text");
        let arg = || self.arg.ok_or("arg");
        let ret = || self.ret.ok_or("ret");
        Ok(match self.what {
            AppWhat::Mark => AppAction::Mark(text()?),
            AppWhat::Step => AppAction::Step(text()?),
            AppWhat::Recv => AppAction::Recv(arg()?),
            AppWhat::RecvRet => AppAction::RecvRet(ret()?),
            AppWhat::CleanupRbuf => AppAction::CleanupRbuf(arg()?),
            AppWhat::SpaceAdjust => AppAction::SpaceAdjust,
            AppWhat::SetSockOpt => AppAction::SetSockOpt {
                level: self.level.ok_or("level")?,
                opt: self.opt.ok_or("opt")?,
                value: self.value.ok_or("value")?,
            },
            AppWhat::Send => AppAction::Send(arg()?),
            AppWhat::SendRet => AppAction::SendRet(ret()?),
            AppWhat::Backlog => AppAction::Backlog {
                seq: self.seq.ok_or("seq")?,
                end_seq: self.end_seq.ok_or("end_seq")?,
                truesize: self.truesize.ok_or("truesize")?,
                data_len: self.data_len.ok_or("data_len")?,
                nr_frags: self.nr_frags.ok_or("nr_frags")?,
            },
            AppWhat::Drain => AppAction::Drain,
            AppWhat::Release => AppAction::Release,
            AppWhat::DelackTimer => AppAction::DelackTimer,
            AppWhat::CompSackTimer => AppAction::CompSackTimer,
            AppWhat::Collapse => AppAction::Collapse(self.queue.ok_or("arg")?),
            AppWhat::PruneOfo => AppAction::PruneOfo,
            AppWhat::Shutdown => AppAction::Shutdown,
            AppWhat::Close => AppAction::Close,
        })
    }
}

words! {
    /// Why a merge was refused.
    pub enum MergeWhy {
        /// The skbs are not adjacent.
        #[default]
        Gap = "gap",
        /// The older skb's data is shared with the sender's copy.
        Shared = "shared",
        /// More than 17 fragments.
        Frags = "frags",
        /// Linear payload in a head that is not a page fragment.
        Head = "head",
        /// The fragment count is unknown.
        FragsUnknown = "frags?",
        /// The recorder found no reason.
        Unexplained = "unexplained",
    }
}

lines! {
    /// An attempt to merge two skbs: the older (`to`) and the newer (`from`) before it.
    pub struct MergeRow {
        /// Position in the event stream.
        ev: u64 = "ev",
        /// Time since the clock's zero, ns.
        time_ns: u64 = "time_ns",
        /// Rows seen so far.
        after_idx: u32 = "after_idx",
        /// The script line; -1 in loop cases.
        step: i32 = "step",
        /// Which queue.
        queue: RecordedQueue = "queue",
        /// Whether they were merged.
        ret: bool = "ret",
        /// Why not.
        why: Option<MergeWhy> = "why",
        /// What the merge added to truesize, bytes; `None` if it was not seen again.
        delta: Option<i64> = "delta",
        /// First sequence number of the older skb.
        to_seq: i64 = "to_seq",
        /// One after its last.
        to_end_seq: i64 = "to_end_seq",
        /// Its payload, bytes.
        to_len: u32 = "to_len",
        /// Of which in page fragments.
        to_data_len: u32 = "to_data_len",
        /// Its truesize, bytes.
        to_truesize: u32 = "to_truesize",
        /// Its clone bit.
        to_cloned: bool = "to_cloned",
        /// Its tail room, bytes.
        to_tailroom: u32 = "to_tailroom",
        /// Its page fragments.
        to_frags: Option<u32> = "to_frags",
        /// First sequence number of the newer skb.
        from_seq: i64 = "from_seq",
        /// One after its last.
        from_end_seq: i64 = "from_end_seq",
        /// Its payload, bytes.
        from_len: u32 = "from_len",
        /// Of which in page fragments.
        from_data_len: u32 = "from_data_len",
        /// Its truesize, bytes.
        from_truesize: u32 = "from_truesize",
        /// Its clone bit.
        from_cloned: bool = "from_cloned",
        /// Whether its head is a page fragment.
        from_head_frag: bool = "from_head_frag",
        /// Usable bytes of its head.
        from_head_size: u32 = "from_head_size",
        /// Its page fragments.
        from_frags: Option<u32> = "from_frags",
        /// `sk_backlog.rmem_alloc`, bytes.
        rmem: i64 = "rmem",
        /// Whether an application call holds the socket.
        owned: bool = "owned",
    }
}

lines! {
    /// A script line of an injection case, with the state after it.
    pub struct Step {
        /// The last event of the stream before the state was read. The file has no such column; the loader
        /// derives it from the time, so that steps have a place among the other lines.
        ev: u64 = "",
        /// Number of the line, from 1; `opt` lines count.
        step: i32 = "step",
        /// When the state was read, ns.
        time_ns: u64 = "time_ns",
        /// Packets that the server sent in answer.
        emitted: u32 = "emitted",
        /// What a read returned; -1 is EAGAIN.
        read_ret: Option<i64> = "read_ret",
        /// `SIOCINQ`, bytes.
        inq: i64 = "inq",
        /// `SIOCOUTQ`, bytes.
        outq: i64 = "outq",
    }
    rest {
        /// The line itself.
        cmd: Box<str>,
        /// `SO_MEMINFO`.
        meminfo: MemInfo,
        /// The state after the line.
        state: RecordedState,
    }
}

lines! {
    /// A packet that the client sent (loop cases), with its sending state.
    pub struct TxRow {
        /// Position in the event stream.
        ev: u64 = "ev",
        /// Time since the clock's zero, ns.
        time_ns: u64 = "time_ns",
        /// First sequence number.
        seq: i64 = "seq",
        /// Payload bytes.
        len: u32 = "len",
        /// TCP flags.
        flags: Flags = "flags",
        /// Acknowledgement number.
        ack: i64 = "ack",
        /// The 16-bit window field.
        win_raw: u16 = "win_raw",
        /// `snd_cwnd`, packets.
        cwnd: u32 = "cwnd",
        /// `snd_ssthresh`, packets.
        snd_ssthresh: u32 = "snd_ssthresh",
        /// `snd_una`.
        snd_una: i64 = "snd_una",
        /// `snd_nxt`.
        snd_nxt: i64 = "snd_nxt",
        /// The server's window, bytes.
        snd_wnd: u32 = "snd_wnd",
        /// `packets_out`.
        packets_out: u32 = "packets_out",
        /// `retrans_out`.
        retrans_out: u32 = "retrans_out",
        /// `sacked_out`.
        sacked_out: u32 = "sacked_out",
        /// `lost_out`.
        lost_out: u32 = "lost_out",
        /// `icsk_ca_state` (0 open, 1 disorder, 3 recovery, 4 loss).
        ca_state: u8 = "ca_state",
        /// `srtt_us` (shifted left by 3).
        srtt8: u32 = "srtt8",
        /// `mss_cache`, bytes.
        mss_cache: u32 = "mss_cache",
        /// MSS option (SYN).
        mss_opt: Option<u32> = "mss_opt",
        /// Window-scale option (SYN).
        ws_opt: Option<u8> = "ws_opt",
        /// TSval.
        tsval: Option<u32> = "tsval",
        /// TSecr.
        tsecr: Option<u32> = "tsecr",
    }
    rest {
        /// SACK blocks.
        sack: SackList,
    }
}
