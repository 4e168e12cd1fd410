//! Whole runs: when a writer has room again, and the window with which it goes on after a pause.

use super::run;
use super::tests::blog;
use crate::config::*;
use crate::observer::{Observer, SendEvent, SenderState};
use crate::segment::Segment;
use crate::skb::Skb;
use crate::state::SocketState;
use crate::time::{Now, SimDuration};

/// When each `send` began and each packet of data left, in microseconds, and the packets' windows.
#[derive(Default)]
struct Writing {
    calls: Vec<u64>,
    packets: Vec<(u64, u32, u32)>,
}

impl Observer for Writing {
    fn sending(&mut self, _: Now, event: SendEvent) {
        if let SendEvent::Wrote { began, .. } = event {
            self.calls.push(began.as_micros());
        }
    }

    fn sent(&mut self, now: Now, seg: &Segment, s: &SenderState) {
        if seg.len > 0 {
            self.packets.push((now.time.as_micros(), s.cwnd, s.ssthresh));
        }
    }
}

/// Packets of two segments, RTT 40 ms, ten segments in the first flight, a send buffer that the kernel sizes.
fn bulk(kernel: &str, rcvbuf: u32) -> RunConfig {
    let mut c = blog(kernel, 1, 10);
    for end in [&mut c.sender, &mut c.receiver] {
        end.sockopt.maxseg = None;
        end.offload = Offload { tso: true, gso: true, gro: true };
    }
    for link in [&mut c.forward, &mut c.reverse] {
        link.mtu = 1_500;
        link.delay = SimDuration::from_millis(20);
    }
    c.sender.sockopt.sndbuf = None;
    c.receiver.sockopt.rcvbuf = Some(rcvbuf);
    c.stop.after = SimDuration::from_secs(4);
    c
}

#[test]
fn the_send_buffer_grows_while_a_flight_goes_out_and_not_only_when_the_window_has_room_left() {
    for kernel in ["5.10", "6.1", "6.12", "6.18", "7.2"] {
        let mut seen = Writing::default();
        run(&bulk(kernel, 65_536), &mut seen).unwrap();
        // Every flight fills the window: between two packets of the second one it is not full.
        let after = seen.calls[1] - seen.packets[0].0;
        assert!(
            (40_000..60_000).contains(&after),
            "{kernel}: the second send came {after} us after the first packet"
        );
    }
}

/// The last packet before the receiver reads, three seconds after the window has closed, and the first one after.
fn around_a_closed_window(restarts: bool) -> [(u64, u32, u32); 2] {
    let mut c = bulk("6.12", 60_000);
    c.sender.sysctl.tcp_slow_start_after_idle = restarts;
    let at = SimDuration::from_secs(4);
    c.events = vec![TimedChange { at, change: Change::ReceiverRead(60_000) }];
    let mut seen = Writing::default();
    run(&c, &mut seen).unwrap();
    let first = seen.packets.iter().position(|p| p.0 > at.as_micros()).expect("the window opens");
    [seen.packets[first - 1], seen.packets[first]]
}

#[test]
fn data_that_waited_for_the_window_longer_than_a_timeout_starts_with_a_small_congestion_window() {
    let [(_, before, _), (_, after, ssthresh)] = around_a_closed_window(true);
    assert!(before > 12, "{before}");
    assert_eq!(after, 10);
    assert!(ssthresh >= before * 3 / 4, "{ssthresh}");
    let [(_, before, _), (_, after, _)] = around_a_closed_window(false);
    assert!(after >= before, "{before} {after}");
}

/// The first `send`, and the first segment of data, in microseconds.
#[derive(Default)]
struct First {
    send: Option<(u64, u64)>,
    segment: Option<u64>,
}

impl Observer for First {
    fn sending(&mut self, now: Now, event: SendEvent) {
        if let SendEvent::Wrote { began, .. } = event {
            self.send.get_or_insert((began.as_micros(), now.time.as_micros()));
        }
    }

    fn segment(&mut self, now: Now, seg: &Segment, _: &Skb, _: &SocketState) {
        if seg.len > 0 {
            self.segment.get_or_insert(now.time.as_micros());
        }
    }
}

/// When, in microseconds since a `send` of 4 MiB began, the first of its packets is received behind 1 ms, and when it returns.
fn during_a_long_send(kernel: &str, change: impl FnOnce(&mut CallConfig)) -> (u64, u64) {
    let mut c = blog(kernel, 1, 10);
    for link in [&mut c.forward, &mut c.reverse] {
        link.delay = SimDuration::from_millis(1);
    }
    c.host.packet_cost = SimDuration::from_micros(24);
    (c.host.calls.one_thread, c.host.calls.threaded_softirqs) = (true, true);
    change(&mut c.host.calls);
    c.stop.after = SimDuration::from_millis(100);
    let mut seen = First::default();
    run(&c, &mut seen).unwrap();
    let (began, ended) = seen.send.unwrap();
    (seen.segment.unwrap() - began, ended - began)
}

#[test]
fn a_thread_that_has_had_less_of_the_processor_need_not_wait_as_long() {
    // Its first packet comes due after 1 ms. It is 2.5 ms behind when the writer begins.
    let received = |granularity: u64| {
        during_a_long_send("6.1", |calls| {
            let slice = SimDuration::from_micros(granularity);
            (calls.slice, calls.slice_in_call) = (slice, Some(slice));
        })
        .0
    };
    assert!((1_000..1_200).contains(&received(2_000)), "{}", received(2_000));
    assert!((1_400..1_800).contains(&received(4_000)), "{}", received(4_000));
}

#[test]
fn the_thread_of_soft_interrupts_takes_the_processor_from_a_long_send() {
    for kernel in ["5.10", "6.12", "7.2"] {
        let (received, ended) = during_a_long_send(kernel, |_| {});
        assert!(ended > 4_200 && received > ended, "{kernel}: {received} {ended}");
        let slice = SimDuration::from_millis(2);
        let (received, ended) = during_a_long_send(kernel, |calls| {
            (calls.slice, calls.slice_in_call) = (slice, Some(slice));
        });
        let expected = if kernel == "5.10" { 1_000..1_200 } else { 2_000..2_200 };
        assert!(expected.contains(&received) && ended > 4_200, "{kernel}: {received} {ended}");
        let (received, ended) = during_a_long_send(kernel, |calls| {
            (calls.slice, calls.tick_preempts) = (slice, true);
        });
        assert!((1_000..5_200).contains(&received) && received < ended, "{kernel}: {received} {ended}");
    }
}

/// When the first `send` was over, and when data left behind that, ns.
#[derive(Default)]
struct Behind {
    over: Option<u64>,
    data: Option<u64>,
}

impl Observer for Behind {
    fn sending(&mut self, now: Now, event: SendEvent) {
        if let SendEvent::Wrote { .. } = event {
            self.over.get_or_insert(now.time.as_nanos());
        }
    }

    fn sent(&mut self, now: Now, seg: &Segment, _: &SenderState) {
        if seg.len > 0 && self.over.is_some() {
            self.data.get_or_insert(now.time.as_nanos());
        }
    }
}

#[test]
fn a_loss_probe_that_comes_due_in_a_long_send_leaves_when_the_call_lets_go_of_its_socket() {
    // Nothing of the first flight arrives, and the call takes longer than the probe waits.
    // Where soft interrupts do not wait for their thread, nobody has to give way to it.
    for (kernel, direct, slice) in
        [("5.10", false, 1), ("6.12", false, 0), ("6.18", false, 1), ("7.2", false, 1), ("6.1", true, 0)]
    {
        let mut c = blog(kernel, 1, 10);
        c.sender.sockopt.sndbuf = Some(16 << 20);
        for link in [&mut c.forward, &mut c.reverse] {
            link.delay = if direct { SimDuration::ZERO } else { SimDuration::from_micros(100) };
        }
        c.events = vec![TimedChange { at: SimDuration::from_secs(1), change: Change::ForwardDown(true) }];
        let slice = SimDuration::from_millis(slice);
        let calls = &mut c.host.calls;
        (calls.one_thread, calls.threaded_softirqs, calls.slice) = (true, true, slice);
        (calls.slice_in_call, calls.tick_preempts) = ((kernel != "6.18").then_some(slice), kernel == "6.18");
        c.stop.after = SimDuration::from_millis(100);
        let mut seen = Behind::default();
        run(&c, &mut seen).unwrap();
        assert_eq!(seen.data, seen.over, "{kernel} {direct}");
    }
}

/// How many segments were received behind each packet of data before the next one.
#[derive(Default)]
struct Between(Vec<u32>);

impl Observer for Between {
    fn sent(&mut self, _: Now, seg: &Segment, _: &SenderState) {
        self.0.extend((seg.len > 0).then_some(0));
    }

    fn segment(&mut self, _: Now, seg: &Segment, _: &Skb, _: &SocketState) {
        self.0.iter_mut().next_back().filter(|_| seg.len > 0).into_iter().for_each(|n| *n += 1);
    }
}

#[test]
fn soft_interrupts_in_a_call_do_not_begin_anew_behind_a_tick() {
    // Where there is no delay, packets are received in the call that sends them.
    let between = |since_tick| {
        let mut c = blog("6.12", 1, 1_000);
        for end in [&mut c.sender, &mut c.receiver] {
            end.sockopt.maxseg = Some(512);
            end.offload = Offload { tso: false, gso: false, gro: false };
        }
        (c.sender.sockopt.sndbuf, c.receiver.sockopt.rcvbuf) = (Some(1 << 20), Some(1 << 20));
        (c.forward.delay, c.reverse.delay) = (SimDuration::ZERO, SimDuration::ZERO);
        (c.host.calls.one_thread, c.host.calls.threaded_softirqs) = (true, true);
        c.host.packet_cost = SimDuration::from_micros(24);
        c.host.since_tick = SimDuration::from_micros(since_tick);
        c.stop.after = SimDuration::from_millis(100);
        let mut seen = Between::default();
        run(&c, &mut seen).unwrap();
        seen.0[9]
    };
    // Nine packets leave at once; behind the last of them some 900 segments wait, each of which takes 24 us. The tick comes sooner and
    // sooner, and a poll takes 64.
    assert_eq!([0, 1_000, 2_500].map(between), [192, 128, 64]);
}
