//! What goes into a link comes out, is counted, or still waits.

use proptest::prelude::*;

use super::*;
use crate::config::{
    Chance, CodelConfig, Discipline, Distribution, Jitter, Loss, Probability, QueueConfig, QueueLimit,
    Reorder,
};
use crate::path::Payload;
use crate::segment::Segment;
use crate::sender::Emitted;
use crate::seq::Seq;

fn data(flow: u32, seq: u32, len: u32) -> Packet {
    let seg = Segment { seq: Seq::FIRST + seq, len, ..Segment::default() };
    let e = Emitted::new((seg.seq, len), 0, len, SimTime::ZERO, None);
    Packet { flow, way: Direction::Forward, seg, payload: Payload::Data(e) }
}

fn queue() -> EventQueue<()> {
    EventQueue::new(1_000_000)
}

fn ms(n: u64) -> SimDuration {
    SimDuration::from_millis(n)
}

fn at_us(n: u64) -> SimTime {
    SimTime::from_nanos(n * 1_000)
}

fn link(config: LinkConfig) -> Link {
    Link::new(&config, 1, Direction::Forward)
}

fn plain(limit: u32, rate_bps: Option<u64>) -> LinkConfig {
    LinkConfig { delay: ms(20), limit, mtu: 1_500, rate_bps, ..LinkConfig::default() }
}

fn chance(percent: u64) -> Chance {
    Chance { probability: Probability::of(percent, 100), correlation: Probability::NEVER }
}

fn jitter(mean: SimDuration, distribution: Distribution) -> Option<Jitter> {
    Some(Jitter { mean, correlation: Probability::NEVER, distribution })
}

fn bottleneck(discipline: Discipline, limit: QueueLimit) -> LinkConfig {
    // 100 Mbit/s: 120 us for a frame of 1500 bytes with all headers.
    LinkConfig {
        queue: Some(QueueConfig { discipline, limit, burst: None, ecn: false }),
        ..plain(100_000, Some(100_000_000))
    }
}

const CODEL: CodelConfig =
    CodelConfig { target: SimDuration::from_millis(5), interval: SimDuration::from_millis(100) };

/// Everything that leaves the link until `until`: when, and which packet.
fn drain(link: &mut Link, q: &mut EventQueue<()>, until: SimTime) -> Vec<(SimTime, Packet)> {
    let mut left = Vec::new();
    while link.peek().time() <= until && link.peek() != Key::NEVER {
        let at = link.peek().time();
        left.extend(link.pop(q).map(|p| (at, p)));
    }
    left
}

#[test]
fn packets_arrive_after_the_delay_and_in_order() {
    let (mut q, mut l) = (queue(), link(plain(10, None)));
    assert!(l.send(SimTime::from_nanos(5), &data(0, 0, 100), &mut q));
    assert!(l.send(SimTime::from_nanos(5), &data(0, 100, 200), &mut q));
    assert_eq!(l.peek().time(), SimTime::from_nanos(20_000_005));
    assert_eq!(l.pop(&mut q).map(|p| p.seg.len), Some(100));
    assert_eq!(l.peek().time(), SimTime::from_nanos(20_000_005));
}

#[test]
fn a_rate_spaces_packets_by_their_wire_size() {
    // 1446 + 54 bytes of headers = 1500 bytes = 120 us at 100 Mbit/s; a link with losses has the same arithmetic.
    let lossy = LinkConfig { loss: Loss::Listed(vec![9]), ..plain(10, Some(100_000_000)) };
    let jittery = LinkConfig {
        jitter: jitter(SimDuration::ZERO, Distribution::Uniform),
        ..plain(10, Some(100_000_000))
    };
    for config in [plain(10, Some(100_000_000)), lossy, jittery] {
        let (mut q, mut l) = (queue(), link(config));
        (0..3).for_each(|n| {
            l.send(SimTime::ZERO, &data(0, n, 1_446), &mut q);
        });
        let left = drain(&mut l, &mut q, SimTime::NEVER);
        assert_eq!(left.iter().map(|(t, _)| *t).collect::<Vec<_>>(), [20_120, 20_240, 20_360].map(at_us));
    }
}

#[test]
fn a_full_link_drops() {
    for loss in [Loss::None, Loss::Listed(vec![9])] {
        let (mut q, mut l) = (queue(), link(LinkConfig { loss, ..plain(1, None) }));
        l.send(SimTime::ZERO, &data(0, 0, 1), &mut q);
        l.send(SimTime::ZERO, &data(0, 1, 1), &mut q);
        let stats = l.stats();
        assert_eq!((stats.sent, stats.over_limit, stats.in_flight), (2, 1, 1));
    }
}

#[test]
fn who_brings_a_packet_to_a_full_queue_of_its_own_host_finds_room_if_the_one_before_made_some() {
    let taken = |in_host, later: u64| {
        let (mut q, mut l) = (queue(), link(LinkConfig { in_host, ..plain(2, None) }));
        l.send(SimTime::ZERO, &data(0, 0, 1), &mut q);
        l.send(at_us(10_000), &data(0, 1, 1), &mut q);
        // The first one is due after 20 ms, and has not left in the order of events.
        [20_005, 20_005 + later].map(|at| l.send(at_us(at), &data(0, 2, 1), &mut q))
    };
    assert_eq!(taken(true, 20), [false, true], "who was refused took what was due");
    assert_eq!(taken(false, 20), [false, false]);
}

#[test]
fn a_packet_sent_at_once_overtakes_those_that_wait() {
    let reorder = Some(Reorder { chance: chance(100), gap: 3 });
    let (mut q, mut l) = (queue(), link(LinkConfig { reorder, ..plain(100, None) }));
    (0..6).for_each(|n| {
        l.send(at_us(u64::from(n)), &data(0, n, 1), &mut q);
    });
    let left = drain(&mut l, &mut q, SimTime::NEVER);
    let order: Vec<_> = left.iter().map(|(t, p)| ((p.seg.seq - Seq::FIRST), t.as_micros())).collect();
    assert_eq!(order, [(2, 2), (5, 5), (0, 20_000), (1, 20_001), (3, 20_003), (4, 20_004)]);
    assert_eq!(l.stats().reordered, 2);
}

#[test]
fn jitter_reorders_packets_unless_a_rate_keeps_them_apart() {
    let mut config = LinkConfig { jitter: jitter(ms(5), Distribution::Normal), ..plain(1_000, None) };
    let mut swaps = [0; 2];
    for (i, rate) in [None, Some(100_000_000)].into_iter().enumerate() {
        config.rate_bps = rate;
        let (mut q, mut l) = (queue(), link(config.clone()));
        (0..500).for_each(|n| {
            l.send(at_us(10 * u64::from(n)), &data(0, n, 1_446), &mut q);
        });
        let left = drain(&mut l, &mut q, SimTime::NEVER);
        assert_eq!(left.len(), 500);
        assert!(left.windows(2).all(|w| w[0].0 <= w[1].0));
        swaps[i] = left.windows(2).filter(|w| w[1].1.seg.seq < w[0].1.seg.seq).count();
    }
    // Each waits for the one before with a rate (`netem_enqueue`): the order stays.
    assert!(swaps[0] > 100, "{swaps:?}");
    assert_eq!(swaps[1], 0);
}

#[test]
fn a_jitter_above_the_delay_sends_some_packets_at_once_and_none_before_it_came() {
    let config = LinkConfig { jitter: jitter(ms(50), Distribution::Uniform), ..plain(1_000, None) };
    let (mut q, mut l) = (queue(), link(config));
    (0..200).for_each(|n| {
        l.send(at_us(1_000), &data(0, n, 1), &mut q);
    });
    let left = drain(&mut l, &mut q, SimTime::NEVER);
    assert!(left.iter().all(|(t, _)| *t >= at_us(1_000)));
    let at_once = left.iter().filter(|(t, _)| *t == at_us(1_000)).count();
    // (50 - 20) of 100 ms: 60 expected.
    assert!((40..=80).contains(&at_once), "{at_once}");
}

#[test]
fn a_duplicate_is_counted_and_can_be_lost_on_its_own() {
    let twice = LinkConfig { duplicate: chance(100), loss: Loss::Listed(vec![4]), ..plain(1_000, None) };
    let (mut q, mut l) = (queue(), link(twice));
    (0..3).for_each(|n| {
        l.send(SimTime::ZERO, &data(0, n, 1), &mut q);
    });
    // Packet 4 is the copy of the second one: loss counts what goes through it.
    let left: Vec<_> =
        drain(&mut l, &mut q, SimTime::NEVER).iter().map(|(_, p)| p.seg.seq - Seq::FIRST).collect();
    assert_eq!(left, [0, 0, 1, 2, 2]);
    let s = l.stats();
    assert_eq!((s.sent, s.duplicated, s.lost, s.delivered), (3, 3, 1, 5));
}

#[test]
fn a_drop_tail_queue_holds_its_limit_in_front_of_the_rate() {
    let (mut q, mut l) = (queue(), link(bottleneck(Discipline::DropTail, QueueLimit::Packets(3))));
    (0..6).for_each(|n| {
        l.send(SimTime::ZERO, &data(0, n, 1_446), &mut q);
    });
    let left = drain(&mut l, &mut q, SimTime::NEVER);
    // One on the wire, three waiting, two dropped.
    assert_eq!(left.iter().map(|(t, _)| t.as_micros()).collect::<Vec<_>>(), [20_120, 20_240, 20_360, 20_480]);
    let stats = l.stats().queue.unwrap();
    assert_eq!((stats.entered, stats.overflowed, stats.max_packets, stats.max_bytes), (6, 2, 3, 4_500));
    assert_eq!((stats.waited.max(), stats.waited.count()), (SimDuration::from_micros(360), 4));
}

#[test]
fn a_limit_in_bytes_counts_headers() {
    let (mut q, mut l) = (queue(), link(bottleneck(Discipline::DropTail, QueueLimit::Bytes(3_000))));
    (0..6).for_each(|n| {
        l.send(SimTime::ZERO, &data(0, n, 1_446), &mut q);
    });
    assert_eq!(l.stats().queue.unwrap().overflowed, 3);
}

#[test]
fn a_queue_cuts_what_an_offload_left_in_one_piece() {
    let (mut q, mut l) = (queue(), link(bottleneck(Discipline::DropTail, QueueLimit::Packets(100))));
    let mut large = data(0, 0, 4_000);
    large.seg.flags = crate::segment::Flags::ACK.with(crate::segment::Flags::PSH);
    large.payload = Payload::Data(Emitted::new((large.seg.seq, 4_000), 1_446, 4_000, SimTime::ZERO, None));
    l.send(SimTime::ZERO, &large, &mut q);
    let left = drain(&mut l, &mut q, SimTime::NEVER);
    let shape: Vec<_> = left
        .iter()
        .map(|(_, p)| {
            (p.seg.seq - Seq::FIRST, p.seg.len, p.segments(), p.seg.flags.has(crate::segment::Flags::PSH))
        })
        .collect();
    assert_eq!(shape, [(0, 1_446, 1, false), (1_446, 1_446, 1, false), (2_892, 1_108, 1, true)]);
    assert_eq!(l.stats().sent, 3);
}

/// Half a minute of a flow that sends 1.25 times the rate, beside one that sends a packet every 20 ms. Returns the longest
/// wait of each after the first ten seconds, and the statistics.
fn overload(discipline: Discipline) -> ([SimDuration; 2], LinkStats) {
    let (mut q, mut l) = (queue(), link(bottleneck(discipline, QueueLimit::Packets(1_000))));
    let mut worst = [SimDuration::ZERO; 2];
    for n in 0..300_000_u32 {
        let now = at_us(96 * u64::from(n));
        for (t, p) in drain(&mut l, &mut q, now) {
            // The sequence number says in which round it was sent.
            let sent = at_us(96 * (p.seg.seq - Seq::FIRST) as u64);
            if sent > at_us(10_000_000) {
                let worst = &mut worst[p.flow as usize];
                *worst = t.since(sent + ms(20)).max(*worst);
            }
        }
        if n % 208 == 0 {
            l.send(now, &data(1, n, 100), &mut q);
        }
        l.send(now, &data(0, n, 1_446), &mut q);
    }
    (worst, l.stats())
}

#[test]
fn controlled_delay_holds_a_queue_down_and_flow_queueing_spares_the_thin_flow() {
    let fq = Discipline::FqCodel { codel: CODEL, quantum: 1_514, flows: 1_024 };
    let [tail, codel, fq] = [Discipline::DropTail, Discipline::Codel(CODEL), fq].map(|d| {
        let (worst, stats) = overload(d);
        assert_eq!(stats.sent, stats.delivered + stats.dropped() + stats.in_flight);
        (worst, stats.queue.unwrap())
    });
    // A thousand packets of 120 us: both flows wait for all of them.
    assert!(tail.0[1] > ms(119), "{:?}", tail.0);
    assert_eq!(tail.1.controlled, 0);
    assert!(tail.1.waited.quantile(500) >= ms(119));
    // A flow that does not slow down is held by dropping ever more.
    assert!(codel.1.waited.quantile(500) < ms(119) && codel.1.controlled > 1_000, "{:?}", codel.1);
    // The thin flow waits for the packet on the wire and one in its turn at most, plus its own.
    assert!(fq.0[1] < SimDuration::from_micros(400), "{:?}", fq.0);
    assert!(fq.0[0] > fq.0[1] && fq.1.controlled > 1_000);
}

fn discipline() -> impl Strategy<Value = Option<QueueConfig>> {
    let fq = Discipline::FqCodel { codel: CODEL, quantum: 300, flows: 4 };
    let limit = prop_oneof![
        (1_u32..40).prop_map(QueueLimit::Packets),
        (1_600_u64..60_000).prop_map(QueueLimit::Bytes)
    ];
    let kind = prop_oneof![Just(Discipline::DropTail), Just(Discipline::Codel(CODEL)), Just(fq)];
    proptest::option::of((kind, limit).prop_map(|(discipline, limit)| QueueConfig {
        discipline,
        limit,
        burst: None,
        ecn: false,
    }))
}

fn loss() -> impl Strategy<Value = Loss> {
    prop_oneof![
        Just(Loss::None),
        (1_u64..60).prop_map(|p| Loss::Random(chance(p))),
        (1_u32..20).prop_map(Loss::Every),
        Just(Loss::GilbertElliott {
            p: Probability::of(1, 10),
            r: Probability::of(1, 3),
            h: Probability::NEVER,
            k: Probability::ALWAYS
        }),
    ]
}

fn any_link() -> impl Strategy<Value = LinkConfig> {
    let spread = prop_oneof![
        Just(None),
        (0_u64..40).prop_map(|n| jitter(ms(n), Distribution::Normal)),
        (0_u64..40).prop_map(|n| jitter(ms(n), Distribution::ParetoNormal)),
    ];
    let reorder = proptest::option::of((1_u64..=100, 1_u32..6))
        .prop_map(|r| r.map(|(p, gap)| Reorder { chance: chance(p), gap }));
    (loss(), spread, 0_u64..50, reorder, discipline(), 1_u32..60, 0_u64..30).prop_map(
        |(loss, jitter, twice, reorder, queue, limit, delay)| LinkConfig {
            delay: ms(delay),
            limit,
            loss,
            jitter,
            duplicate: chance(twice),
            reorder,
            queue,
            rate_bps: Some(20_000_000),
            ..LinkConfig::default()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_appears_or_vanishes(
        config in any_link(),
        gaps in proptest::collection::vec((0_u64..2_000, 0_u32..6, 1_u32..1_460), 1..200),
        seed in 0_u64..5,
    ) {
        let run = || {
            let (mut q, mut l) = (queue(), Link::new(&config, seed, Direction::Reverse));
            let (mut now, mut left) = (SimTime::ZERO, Vec::new());
            for (gap, flow, len) in &gaps {
                now += SimDuration::from_micros(*gap);
                left.extend(drain(&mut l, &mut q, now));
                l.send(now, &data(*flow, 0, *len), &mut q);
                let s = l.stats();
                prop_assert_eq!(s.sent + s.duplicated, s.delivered + s.dropped() + s.in_flight);
            }
            left.extend(drain(&mut l, &mut q, SimTime::NEVER));
            let s = l.stats();
            prop_assert_eq!(s.in_flight, 0);
            prop_assert_eq!(s.delivered, left.len() as u64);
            prop_assert_eq!(s.sent, gaps.len() as u64);
            prop_assert!(left.windows(2).all(|w| w[0].0 <= w[1].0));
            Ok((left, s))
        };
        let first = run()?;
        prop_assert_eq!(run()?, first);
    }
}
