//! Whole runs: what lies between a wake-up, a call's begin, its packets and its backlog.

use super::program_tests::{burst, pair, ten_bytes_every};
use super::run;
use crate::config::*;
use crate::observer::{Observer, SendEvent, SenderState};
use crate::segment::Segment;
use crate::skb::Skb;
use crate::state::SocketState;
use crate::time::{Now, SimDuration};

/// Times in ns: begins of `send` calls that wrote, packets of data, reads, rows.
#[derive(Default)]
struct Times {
    calls: Vec<u64>,
    packets: Vec<u64>,
    reads: Vec<u64>,
    rows: Vec<u64>,
}

impl Observer for Times {
    fn sending(&mut self, _: Now, event: SendEvent) {
        if let SendEvent::Wrote { began, .. } = event {
            self.calls.push(began.as_nanos());
        }
    }

    fn sent(&mut self, now: Now, seg: &Segment, _: &SenderState) {
        if seg.len > 0 {
            self.packets.push(now.time.as_nanos());
        }
    }

    fn read(&mut self, now: Now, _: u32, _: &SocketState) {
        self.reads.push(now.time.as_nanos());
    }

    fn segment(&mut self, now: Now, seg: &Segment, _: &Skb, _: &SocketState) {
        if seg.len > 0 {
            self.rows.push(now.time.as_nanos());
        }
    }
}

impl Times {
    /// The first call that the program had to be woken for.
    fn woken(&self) -> usize {
        self.calls.iter().position(|c| *c > self.calls[0] + 1_000 * US).unwrap()
    }
}

const US: u64 = 1_000;

fn seen(config: &RunConfig) -> Times {
    let mut seen = Times::default();
    run(config, &mut seen).unwrap();
    seen
}

/// A writer that fills its buffer and waits for room, beside what `change` says of its calls.
fn writer_behind_acks(change: impl FnOnce(&mut CallConfig)) -> Times {
    let mut c = pair("6.12", 4, burst(4 << 20, Ending::Stay), ReadConfig::asap(65_536));
    c.sender.sockopt.sndbuf = None;
    c.host.packet_cost = SimDuration::from_micros(20);
    c.host.calls = CallConfig { one_thread: true, threaded_softirqs: true, ..CallConfig::default() };
    change(&mut c.host.calls);
    c.stop.after = SimDuration::from_millis(40);
    seen(&c)
}

#[test]
fn a_writer_that_waited_for_room_begins_when_its_thread_has_come_out_of_poll() {
    let (at_once, later) = (
        writer_behind_acks(|_| {}),
        writer_behind_acks(|calls| calls.room_entry = SimDuration::from_micros(9)),
    );
    let woken = at_once.woken();
    assert_eq!(at_once.calls[..woken], later.calls[..woken], "nobody woke it");
    assert_eq!(later.calls[woken] - at_once.calls[woken], 9 * US);
}

/// A reader of chunks of 10 bytes, one a millisecond, whose calls last 20 ms: what comes in one joins in the backlog.
fn chunks(change: impl FnOnce(&mut CallConfig)) -> Times {
    chunks_over(100, false, change)
}

/// The same, with another RTT, and what lets them merge if need be: no timestamps, and memory of the device's own.
fn chunks_over(rtt_ms: u64, merge: bool, change: impl FnOnce(&mut CallConfig)) -> Times {
    let chunks = ten_bytes_every(SimDuration::from_millis(1));
    let mut c = pair("6.1", rtt_ms, WriteConfig::endless(chunks), ReadConfig::asap(65_536));
    c.sender.sockopt.nodelay = true;
    if merge {
        c.sender.sysctl.tcp_timestamps = false;
        c.receiver.nic = NicModel::Tap.into();
    }
    c.sender.route.initcwnd = Some(1_000);
    c.host.packet_cost = SimDuration::from_micros(20);
    c.host.calls = CallConfig::costing(SimDuration::from_millis(20));
    change(&mut c.host.calls);
    c.stop.after = SimDuration::from_millis(2 * rtt_ms);
    seen(&c)
}

#[test]
fn a_send_takes_its_socket_before_its_first_byte() {
    let first = |entry| {
        let t = chunks(|calls| {
            (calls.cost, calls.skb, calls.copy) = Default::default();
            calls.send_entry = SimDuration::from_micros(entry);
        });
        t.packets[3]
    };
    assert_eq!(first(5), first(0) + 5 * US);
}

#[test]
fn a_call_comes_to_its_backlog_later_than_to_its_end_and_returns_sooner_behind_the_last_segment() {
    let [way, sooner] = [18, 15].map(SimDuration::from_micros);
    let drained = |way, sooner| {
        chunks(|calls| {
            calls.drain = [SimDuration::ZERO, way];
            calls.drained = [sooner; 2];
        })
    };
    let [before, later, after] =
        [(SimDuration::ZERO, SimDuration::ZERO), (way, SimDuration::ZERO), (way, sooner)]
            .map(|(way, sooner)| drained(way, sooner));
    assert_eq!(after.rows[0], before.rows[0]);
    assert_eq!([&later, &after].map(|t| t.rows[1] - before.rows[1]), [way.as_nanos(); 2]);
    assert_eq!(later.reads[1] - after.reads[1], sooner.as_nanos(), "the next call");
}

#[test]
fn what_comes_when_a_call_has_taken_its_backlog_merges_with_nothing_in_it() {
    // Chunks are on their way for longer than the call lasts.
    let rows = |way_in| {
        let t = chunks_over(400, true, |calls| {
            calls.drain = [SimDuration::from_millis(way_in), SimDuration::from_micros(1)];
        });
        t.rows.iter().filter(|row| (t.reads[0]..t.reads[1]).contains(row)).count()
    };
    assert_eq!([rows(0), rows(30)], [2, 3], "what has come since joins among itself");
}

#[test]
fn a_segment_without_memory_at_hand_takes_longer_and_one_that_is_not_merged_is_done_sooner() {
    let gaps = |unpredicted, unmerged| {
        let mut c = pair("6.12", 20, burst(64 << 10, Ending::Stay), ReadConfig::NEVER);
        c.sender.route.initcwnd = Some(1_000);
        c.host.packet_cost = SimDuration::from_micros(20);
        let [unpredicted, unmerged] = [unpredicted, unmerged].map(SimDuration::from_micros);
        c.host.calls = CallConfig { threaded_softirqs: true, unpredicted, unmerged, ..CallConfig::default() };
        c.stop.after = SimDuration::from_millis(60);
        let rows = seen(&c).rows;
        rows.windows(2).map(|w| w[1] - w[0]).collect::<Vec<_>>()
    };
    let (usual, slow, quick) = (gaps(0, 0), gaps(3, 0), gaps(0, 3));
    // Not each distance: what an idle processor waits for may be in between.
    let differ = |others: &[u64], by: i64| {
        usual.iter().zip(others).filter(|(a, b)| **b as i64 - **a as i64 == by * US as i64).count()
    };
    let (longer, sooner) = (differ(&slow, 3), differ(&quick, -3));
    assert!(longer > 0 && sooner > 0, "{usual:?} {slow:?} {quick:?}");
}
