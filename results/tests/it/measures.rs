//! Measures of runs made by hand, event by event: every number is known beforehand.

use results::{Measured, Meter, Setup, metrics};
use sim_core::counters::Counters;
use sim_core::observer::{
    AckReason, DropReason, Observer, PruneStep, Queue, Rule, SendEvent, SenderState, Transmit,
};
use sim_core::path::Payload;
use sim_core::segment::{Flags, Segment};
use sim_core::seq::Seq;
use sim_core::skb::{Buffer, Skb};
use sim_core::state::SocketState;
use sim_core::time::{SimDuration, SimTime};

use crate::fixture::{now, state};

const RTT_MS: u64 = 100;

fn meter(rate_bps: Option<u64>, transfer: Option<u64>) -> Meter {
    let ms = SimDuration::from_millis;
    Meter::new(Setup { rtt: ms(RTT_MS), delay: ms(RTT_MS / 2), rate_bps, transfer })
}

/// A segment with `len` bytes finds `received` bytes taken, and `window` bytes offered since.
fn arrive(m: &mut Meter, ms: u64, received: u32, len: u32, window: u32) {
    let seg = Segment { seq: Seq::FIRST + received, len, flags: Flags::ACK, ..Segment::default() };
    let buf = Buffer { truesize: 2 * len + 256, ..Buffer::default() };
    let skb = Skb { seq: seg.seq, end_seq: seg.end_seq(), len, flags: seg.flags, buf };
    m.segment(now(ms), &seg, &skb, &offering(received, window));
}

fn offering(received: u32, window: u32) -> SocketState {
    let s = state(received, received as i32);
    SocketState { rcv_wup: s.rcv_nxt, rcv_wnd: window, rcvbuf: 1 << 20, ..s }
}

fn offer(m: &mut Meter, ms: u64, received: u32, window: u32) {
    let seg = Segment { flags: Flags::ACK, ..Segment::default() };
    let packet = Transmit { seg, window, reason: AckReason::FullSegments, payload: Payload::Ack };
    m.transmit(now(ms), &packet, &offering(received, window));
}

fn send(m: &mut Meter, ms: u64, seq: i64, len: u32, snd_nxt: i64, packets_out: u32) {
    let seg = Segment { seq: Seq(seq), len, flags: Flags::ACK, ..Segment::default() };
    let s = SenderState { snd_nxt: Seq(snd_nxt), packets_out, ..SenderState::default() };
    m.sent(now(ms), &seg, &s);
}

fn end(m: Meter, ms: u64, received: u32) -> Measured {
    let c = Counters::default();
    m.finish(now(ms).time, &offering(received, 1000), &c, &c)
}

fn values<const N: usize>(run: &Measured, names: [&str; N]) -> [Option<i64>; N] {
    names.map(|n| metrics::find(n).unwrap_or_else(|| panic!("no metric {n}")).value(run))
}

/// Ten windows of 1000 bytes, one in each round trip, read 30 ms after they came.
fn window_limited(rate_bps: Option<u64>) -> Measured {
    let mut m = meter(rate_bps, Some(10_000));
    arrive(&mut m, 0, 0, 0, 1000);
    for i in 0..10 {
        let at = 50 + u64::from(i) * RTT_MS;
        send(&mut m, at - 50, i64::from(i) * 1000 + 1, 1000, i64::from(i) * 1000 + 1, 0);
        arrive(&mut m, at, i * 1000, 1000, 1000);
        let taken = (i + 1) * 1000;
        offer(&mut m, at, taken, 1000);
        let s = SocketState { copied_seq: Seq::FIRST + taken, ..offering(taken, 1000) };
        m.read(now(at + 30), 1000, &s);
    }
    end(m, 5_000, 10_000)
}

#[test]
fn a_flow_that_the_window_limits_gets_a_window_in_a_round_trip_time() {
    let run = window_limited(None);
    // First packet at 0, last arrival at 950 ms, last read at 980 ms.
    let seen = values(&run, ["fitted", "finish_ns", "throughput", "goodput", "bursts"]);
    let bps = |ms: i64| 80_000_000 / ms;
    assert_eq!(seen, [Some(10_000), Some(950_000_000), Some(bps(950)), Some(bps(980)), Some(10)]);
    // From -50 to 950 ms: ten windows.
    assert_eq!(values(&run, ["capacity", "utilisation_permille"]), [Some(10_000), Some(1000)]);
    // A path with half that rate would have been the bound; a faster one changes nothing.
    let half = window_limited(Some(40_000));
    assert_eq!(values(&half, ["capacity", "utilisation_permille"]), [Some(5_000), Some(2000)]);
    assert_eq!(values(&window_limited(Some(400_000)), ["utilisation_permille"]), [Some(1000)]);
    assert_eq!(values(&run, ["read_delay_max_ns", "fill_ns"]), [Some(30_000_000), None]);
    let p50 = values(&run, ["read_delay_p50_ns"])[0].unwrap();
    assert!((30_000_000..30_470_000).contains(&p50), "{p50}");
}

#[test]
fn a_zero_window_lasts_from_the_packet_that_offers_none_to_the_next_that_offers_some() {
    let mut m = meter(None, None);
    arrive(&mut m, 0, 0, 0, 1000);
    arrive(&mut m, 50, 0, 1000, 1000);
    offer(&mut m, 60, 1000, 0);
    // Probes are answered with the same.
    offer(&mut m, 400, 1000, 0);
    offer(&mut m, 1_060, 1000, 500);
    arrive(&mut m, 1_110, 1000, 500, 500);
    offer(&mut m, 1_200, 1500, 0);
    let run = end(m, 1_500, 1500);
    let names = ["zero_window_stalls", "zero_window_ns", "zero_window_longest_ns"];
    assert_eq!(values(&run, names), [Some(2), Some(1_300_000_000), Some(1_000_000_000)]);
    // Full when the window closed for the first time, 10 ms after the first data.
    assert_eq!(values(&run, ["fill_ns", "fill_bursts", "bursts"]), [Some(10_000_000), Some(1), Some(2)]);
}

#[test]
fn timeouts_in_a_row_are_one_stall_from_the_last_progress_to_the_next() {
    let mut m = meter(None, None);
    send(&mut m, 10, 1, 1000, 1, 0);
    m.sending(now(110), SendEvent::Acked);
    send(&mut m, 110, 1001, 1000, 1001, 0);
    send(&mut m, 115, 2001, 1000, 2001, 1);
    // The path goes dark. Two timeouts; the head is sent again each time.
    for ms in [420, 1_020] {
        m.sending(now(ms), SendEvent::Timeout);
        send(&mut m, ms, 1001, 1000, 3001, 2);
    }
    m.sending(now(1_130), SendEvent::Acked);
    // Everything acknowledged, a pause, and the next packet is lost until the end.
    m.sending(now(1_140), SendEvent::Acked);
    send(&mut m, 2_000, 3001, 1000, 3001, 0);
    m.sending(now(2_300), SendEvent::Timeout);
    let run = end(m, 2_500, 0);
    let names = ["rto_stalls", "rto_ns", "rto_longest_ns"];
    assert_eq!(values(&run, names), [Some(2), Some(1_020_000_000 + 500_000_000), Some(1_020_000_000)]);
    assert_eq!(values(&run, ["bytes_sent", "bytes_retrans"]), [Some(6000), Some(2000)]);
}

#[test]
fn the_writer_waits_from_a_write_cut_short_to_the_next_that_gets_something_in() {
    let mut m = meter(None, None);
    let wrote = |began: u64, asked, took| SendEvent::Wrote {
        began: now(began).time,
        asked,
        took,
        refused: took > 0 && took < asked,
    };
    m.sending(now(10), wrote(10, 100, 100));
    m.sending(now(20), wrote(15, 100, 40));
    m.sending(now(70), wrote(70, 60, 0));
    m.sending(now(121), wrote(120, 60, 60));
    m.sending(now(200), SendEvent::WaitsForRoom { refused: false });
    let run = end(m, 250, 0);
    let names = ["sndbuf_stalls", "sndbuf_ns", "sndbuf_longest_ns"];
    assert_eq!(values(&run, names), [Some(2), Some(150_000_000), Some(100_000_000)]);
    // One wait began with a refusal; single waits of 100 and 50 ms, to 1/64.
    let names = ["pressure_stalls", "pressure_ns", "pressure_longest_ns"];
    assert_eq!(values(&run, names), [Some(1), Some(100_000_000), Some(100_000_000)]);
    let [p50, p99] = values(&run, ["sndbuf_wait_p50_ns", "sndbuf_wait_p99_ns"]).map(Option::unwrap);
    assert!(
        (50_000_000..51_000_000).contains(&p50) && (100_000_000..102_000_000).contains(&p99),
        "{p50} {p99}"
    );
}

#[test]
fn the_window_limits_while_transmission_stops_at_it() {
    let mut m = meter(None, None);
    for (ms, window) in [(10, false), (20, true), (30, true), (50, false), (90, true)] {
        m.sending(now(ms), SendEvent::Pushed { window });
    }
    let run = end(m, 100, 0);
    assert_eq!(values(&run, ["rwnd_limited_stalls", "rwnd_limited_ns"]), [Some(2), Some(40_000_000)]);
}

#[test]
fn round_trips_have_a_mean_and_a_deviation() {
    let mut m = meter(None, None);
    for us in [2, 4, 4, 4, 5, 5, 7, 9] {
        m.sending(now(1), SendEvent::Rtt { us });
    }
    let run = end(m, 100, 0);
    let names = ["rtt_samples", "rtt_mean_ns", "rtt_sd_ns", "rtt_min_ns", "rtt_max_ns"];
    assert_eq!(values(&run, names), [Some(8), Some(5_000), Some(2_000), Some(2_000), Some(9_000)]);
}

#[test]
fn waiting_on_the_path_is_what_goes_beyond_its_delay_and_the_packets_own_time() {
    // 1500 bytes take 1 ms.
    let mut m = meter(Some(12_000_000), None);
    for waited in [0, 0, 5, 20] {
        m.crossed(now(100 + 51 + waited), SimTime::from_nanos(100_000_000), 1500);
    }
    let run = end(m, 300, 0);
    let names = ["queue_delay_p50_ns", "queue_delay_max_ns"];
    assert_eq!(values(&run, names), [Some(0), Some(20_000_000)]);
    let p = values(&run, ["queue_delay_p50_ns", "queue_delay_p90_ns", "queue_delay_p99_ns"]);
    assert!(p.is_sorted());
}

#[test]
fn merges_collapses_and_drops_are_shares_and_sums() {
    let mut m = meter(None, None);
    arrive(&mut m, 0, 0, 0, 1000);
    for i in 0..4 {
        arrive(&mut m, 50, i * 1000, 1000, 5000 - i * 1000);
        if i > 0 {
            m.rule(now(50), Rule::Merged { queue: Queue::Receive, delta: 1000, seq: Seq(1) });
        }
    }
    let collapse = |before, after, copied| {
        let queue = Queue::Receive;
        Rule::Prune(PruneStep::Collapse {
            queue,
            rmem_before: before,
            rmem_after: after,
            removed: 1,
            copied,
            stall: SimDuration::from_nanos(u64::from(copied)),
        })
    };
    m.rule(now(50), Rule::Prune(PruneStep::Called));
    m.rule(now(50), collapse(9_000, 6_000, 3_000));
    m.rule(now(50), collapse(6_000, 6_100, 500));
    m.rule(now(50), Rule::Dropped { reason: DropReason::OldData, seq: Seq(1) });
    m.rule(now(50), Rule::Dropped { reason: DropReason::RcvQ, seq: Seq(1) });
    let run = end(m, 100, 4000);
    assert_eq!(
        values(&run, ["collapsed", "collapse_copied", "collapse_freed"]),
        [Some(2), Some(3500), Some(2900)]
    );
    assert_eq!(values(&run, ["collapse_stall_ns", "collapse_stall_longest_ns"]), [Some(3500), Some(3000)]);
    assert_eq!(values(&run, ["coalesced_permille", "dropped", "pruned"]), [Some(750), Some(1), Some(1)]);
    // 1000 bytes cost 2256 on arrival; in the queue of this fixture a byte costs a byte.
    let names = ["payload_arrival_permille", "payload_permille", "payload_peak_permille"];
    assert_eq!(values(&run, names), [Some(443), Some(1000), Some(1000)]);
    assert_eq!(values(&run, ["window_at_first_drop", "fill_ns"]), [Some(2000), Some(0)]);
}

#[test]
fn a_fin_takes_a_sequence_number_and_is_no_data() {
    let mut m = meter(None, Some(2_000));
    arrive(&mut m, 0, 0, 1_000, 5_000);
    arrive(&mut m, 100, 1_000, 1_000, 4_000);
    // The FIN comes in a burst of its own.
    arrive(&mut m, 300, 2_000, 0, 3_000);
    // The sender goes on to acknowledge what it gets after its own FIN.
    arrive(&mut m, 350, 2_001, 0, 3_000);
    let run = end(m, 400, 2_001);
    assert_eq!(values(&run, ["fitted", "bursts"]), [Some(2_000), Some(2)]);
}
