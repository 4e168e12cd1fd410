//! Readers and soft interrupts: who goes first.

use super::program_tests::{MIB, burst, pair};
use super::run;
use crate::config::*;
use crate::observer::{AckReason, Observer, SenderState, Transmit};
use crate::segment::Segment;
use crate::skb::Skb;
use crate::state::SocketState;
use crate::time::{Now, SimDuration};

/// The most that waited to be read when a segment came.
#[derive(Default)]
struct Fullest(i64);

impl Observer for Fullest {
    fn segment(&mut self, _: Now, _: &Segment, _: &Skb, s: &SocketState) {
        self.0 = self.0.max(s.recvq());
    }
}

#[test]
fn what_comes_due_while_a_filled_gap_is_put_in_order_is_received_before_the_reader_runs() {
    let fullest = |drain| {
        let mut c = pair("5.10", 20, burst(MIB, Ending::Stay), ReadConfig::asap(65_536));
        c.forward.rate_bps = Some(50_000_000);
        c.forward.drop_every = 200;
        c.host.packet_cost = SimDuration::from_micros(20);
        c.host.steps.drain = drain;
        c.host.calls = CallConfig {
            one_thread: true,
            threaded_softirqs: true,
            ..CallConfig::costing(SimDuration::from_micros(10))
        };
        c.stop.bytes = Some(MIB);
        let mut seen = Fullest::default();
        run(&c, &mut seen).unwrap();
        seen.0
    };
    let [at_once, slowly] = [fullest(0), fullest(2_000_000)];
    assert!(at_once < 10_000 && slowly > 30_000, "{at_once} and {slowly} bytes");
}

/// How long after each ACK of a `recv` the client sent something, microseconds.
#[derive(Default)]
struct Answers {
    read: Option<u64>,
    after: Vec<u64>,
}

impl Observer for Answers {
    fn transmit(&mut self, now: Now, packet: &Transmit, _: &SocketState) {
        if packet.reason == AckReason::Read {
            self.read = Some(now.time.as_micros());
        }
    }

    fn sent(&mut self, now: Now, _: &Segment, _: &SenderState) {
        self.after.extend(self.read.take().map(|read| now.time.as_micros() - read));
    }
}

#[test]
fn an_ack_that_comes_due_as_a_recv_sends_one_is_received_in_that_call_if_it_is_first() {
    // Reads in the distance of the delay: the ACK of one read comes due with the ACK of the next.
    let soonest = |in_time: [u64; 2]| {
        let every = SimDuration::from_millis(20);
        let read = ReadConfig::of(ReadMode::Fixed { bytes: 5_000, every });
        let mut c = pair("6.12", 40, burst(MIB, Ending::Stay), read);
        (c.sender.sockopt.maxseg, c.receiver.sockopt.rcvbuf) = (Some(536), Some(32 << 10));
        c.host.packet_cost = SimDuration::from_micros(20);
        c.host.steps.descent = 900_000;
        c.host.calls = CallConfig {
            one_thread: true,
            threaded_softirqs: true,
            in_time: in_time.map(SimDuration::from_nanos),
            ..CallConfig::costing(SimDuration::from_micros(10))
        };
        c.stop.after = SimDuration::from_secs(2);
        let mut seen = Answers::default();
        run(&c, &mut seen).unwrap();
        seen.after.into_iter().min().unwrap()
    };
    let [in_call, behind] = [soonest([0, 0]), soonest([500, 2_700])];
    assert!(in_call < behind, "{in_call} and {behind} us");
}
