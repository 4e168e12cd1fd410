//! A small run: six segments of which one is merged, one collapses the queue and the last is dropped, two ACKs,
//! one read. The numbers are made up; they only have to be different from each other.

use results::{RunInfo, Setup, Trace, TraceRecorder};
use sim_core::counters::Counters;
use sim_core::observer::{AckReason, DropReason, Observer, PruneStep, Queue, Rule, SenderState, Transmit};
use sim_core::path::Payload;
use sim_core::segment::{Flags, SackBlock, Segment};
use sim_core::seq::Seq;
use sim_core::skb::{Buffer, Skb};
use sim_core::state::{SocketState, TcpState};
use sim_core::time::{JiffyClock, Now, SimDuration, SimTime};

pub(crate) const RTT: SimDuration = SimDuration::from_millis(200);

pub(crate) fn now(ms: u64) -> Now {
    JiffyClock::new(250, SimDuration::ZERO).now(SimTime::from_nanos(ms * 1_000_000))
}

pub(crate) fn state(received: u32, rmem: i32) -> SocketState {
    SocketState {
        rcv_ssthresh: 64512,
        window_clamp: 64512,
        rcvbuf: 8192,
        rmem,
        rcv_wnd: 8192,
        rcv_wup: Seq(1),
        rcv_nxt: Seq::FIRST + received,
        copied_seq: Seq(1),
        rcv_mss: 1024,
        advmss: 1024,
        ato: 10,
        rcv_rtt: 1_601_600,
        drs_space: 10240,
        fwd_alloc: -512,
        rcv_wscale: 1,
        snd_wscale: 7,
        snd_una: Seq(1),
        snd_nxt: Seq(1),
        snd_wnd: 65536,
        state: TcpState::Established,
        ..SocketState::default()
    }
}

pub(crate) fn arrive(r: &mut TraceRecorder, ms: u64, seq: i64, len: u32, state: &SocketState) {
    let seg = Segment { seq: Seq(seq), len, flags: Flags::ACK, window: 512, ..Segment::default() };
    let buf = Buffer { truesize: len + 1280, head_size: 704, nr_frags: 1, ..Buffer::default() };
    let skb = Skb { seq: seg.seq, end_seq: seg.end_seq(), len, flags: seg.flags, buf };
    r.segment(now(ms), &seg, &skb, state);
}

fn acknowledge(r: &mut TraceRecorder, ms: u64, state: &SocketState, reason: AckReason) {
    let mut seg =
        Segment { seq: Seq(1), ack: state.rcv_nxt, flags: Flags::ACK, window: 4096, ..Segment::default() };
    if reason == AckReason::DupAck {
        seg.sack.push(SackBlock { start: Seq(5), end: Seq(9) });
    }
    r.transmit(now(ms), &Transmit { seg, window: 8192, reason, payload: Payload::Ack }, state);
}

pub(crate) fn trace() -> Trace {
    let mut r = TraceRecorder::new(Setup { rtt: RTT, ..Setup::default() });
    for (seq, len) in [(1, 1024), (1025, 1024)] {
        // The second one is sent again.
        let seg = Segment {
            seq: Seq(seq),
            len,
            flags: Flags::ACK.with(Flags::PSH),
            ack: Seq(1),
            window: 512,
            ..Segment::default()
        };
        let sender = SenderState {
            cwnd: 10,
            ssthresh: 0x7fff_ffff,
            snd_una: Seq(1),
            snd_nxt: Seq(1 + (seq - 1) * 2),
            snd_wnd: 64512,
            packets_out: 1,
            ca_state: 4,
            srtt8: 1_600_768,
            mss_cache: 1024,
            rto: 151,
            ..SenderState::default()
        };
        r.sent(now(seq as u64), &seg, &sender);
    }
    arrive(&mut r, 200, 1, 0, &state(0, 0));
    arrive(&mut r, 1400, 1, 1024, &state(0, 0));
    arrive(&mut r, 1401, 1025, 1024, &state(1024, 2304));
    let seq = Seq(1025);
    r.rule(now(1401), Rule::Merged { queue: Queue::Receive, delta: 1024, seq });
    r.rule(now(1401), Rule::Merged { queue: Queue::Backlog, delta: 1024, seq });
    acknowledge(&mut r, 1402, &state(2048, 3328), AckReason::FullSegments);
    arrive(&mut r, 1650, 2049, 4096, &SocketState { rcv_wup: Seq(2049), ..state(2048, 3328) });
    r.rule(now(1650), Rule::Prune(PruneStep::Called));
    let collapse = PruneStep::Collapse {
        queue: Queue::Receive,
        rmem_before: 8704,
        rmem_after: 8448,
        removed: 2,
        copied: 6144,
        stall: SimDuration::ZERO,
    };
    r.rule(now(1650), Rule::Prune(collapse));
    let full = SocketState { rcv_wup: Seq(2049), rcv_ssthresh: 2048, ..state(6144, 8448) };
    r.read(now(1700), 1000, &SocketState { copied_seq: Seq(1001), ..full });
    let full = SocketState { copied_seq: Seq(1001), ..full };
    acknowledge(&mut r, 1700, &full, AckReason::DupAck);
    r.rule(now(1750), Rule::Dropped { reason: DropReason::Backlog, seq: Seq(9000) });
    arrive(&mut r, 2400, 6145, 512, &full);
    arrive(&mut r, 2900, 6145, 512, &full);
    r.rule(now(2900), Rule::Prune(PruneStep::Called));
    r.rule(now(2900), Rule::Dropped { reason: DropReason::RcvQ, seq: Seq(6145) });
    let receiver =
        Counters { in_segs: 6, rcv_coalesce: 1, rcvq_drop: 1, prune_called: 2, ..Counters::default() };
    let sender = Counters { in_segs: 2, out_segs: 6, timeouts: 1, ..Counters::default() };
    r.finish(now(5000).time, &SocketState { drops: 1, ..full }, &receiver, &sender).unwrap()
}

pub(crate) fn info() -> RunInfo {
    RunInfo {
        scenario: "budget-overrun".into(),
        kernel: "6.1".into(),
        seed: 1,
        version: "0.1.0".into(),
        warnings: vec!["tcp_adv_win_scale has no effect from kernel 6.6 on".into()],
        inferred: vec![],
        flows: Vec::new(),
        surround: results::surroundings::Surround::default(),
    }
}
