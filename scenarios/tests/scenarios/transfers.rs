//! Connections over paths that lose, copy, reorder and hold packets.

use scenarios::{Overrides, Source, resolve};
use sim_core::engine;
use sim_core::engine::RunOutcome;
use sim_core::observer::Silent;
use sim_core::time::SimDuration;

/// A file of half a megabyte over 20 ms, on a given kernel and path.
fn transfer(kernel: &str, path: &str) -> String {
    format!(
        "name: t\nkernel: \"{kernel}\"\npath: {{rtt: 20ms, mtu: 1500, {path}}}\n\
         sender:\n  offload: {{tso: off, gso: off}}\n  write: {{mode: burst, bytes: 512KiB}}\n\
         receiver:\n  read: {{mode: asap}}\nstop: {{after: 60s, bytes: 524288}}\n"
    )
}

fn run_with(text: &str, seed: Option<u64>) -> RunOutcome {
    let overrides = Overrides { seed, ..Overrides::default() };
    let scenario =
        resolve(&Source::new("t.yaml", text), &overrides).unwrap_or_else(|e| panic!("{}", e.render(false)));
    engine::run(&scenario.config, &mut Silent).unwrap()
}

fn run(text: &str) -> RunOutcome {
    run_with(text, None)
}

/// When the connection was established, in milliseconds.
fn established(kernel: &str, path: &str) -> u64 {
    run(&transfer(kernel, path)).established.as_micros() / 1_000
}

#[test]
fn a_lost_syn_is_repeated_after_a_second_and_then_after_two() {
    assert_eq!(established("6.1", "loss: 0%"), 30);
    let once = established("6.1", "forward: {loss: {packets: [1]}}");
    assert!((1_030..1_100).contains(&once), "{once}");
    // The second pause is two seconds, from 6.5 on one.
    let twice = established("6.1", "forward: {loss: {packets: [1, 2]}}");
    assert!((3_030..3_300).contains(&twice), "{twice}");
    let twice = established("6.12", "forward: {loss: {packets: [1, 2]}}");
    assert!((2_030..2_200).contains(&twice), "{twice}");
}

#[test]
fn a_lost_syn_ack_or_handshake_ack_is_made_up_for() {
    let at = established("6.1", "reverse: {loss: {packets: [1]}}");
    assert!((1_020..1_100).contains(&at), "{at}");
    // The data behind a lost ACK says the same.
    assert_eq!(established("6.1", "forward: {loss: {packets: [2]}}"), 30);
}

#[test]
fn a_path_that_loses_everything_ends_without_a_connection() {
    let text = transfer("6.1", "loss: 100%");
    let scenario = resolve(&Source::new("t.yaml", text), &Overrides::default()).unwrap();
    let error = engine::run(&scenario.config, &mut Silent).unwrap_err();
    // The last SYN is given up 1 + 2 + 4 + 8 + 16 + 32 + 64 seconds after the first; timers far ahead are coarse.
    assert!(error.to_string().contains("given up at 131."), "{error}");
}

#[test]
fn everything_arrives_over_any_path() {
    for path in [
        "loss: 3%",
        "loss: {gilbert-elliott: {p: 1%, r: 30%}}",
        "loss: {every: 7}",
        "duplicate: 100%",
        "jitter: {mean: 4ms, distribution: pareto}",
        "reorder: {gap: 3}",
        "loss: 1%, duplicate: 5%, jitter: {mean: 2ms, distribution: normal, correlation: 50%}, reorder: {probability: 10%}",
        "rate: 20mbit, queue: {limit: 12}",
        "rate: 20mbit, queue: codel, loss: 1%",
        "rate: 20mbit, queue: {kind: fq_codel, flows: 2, limit: 15}, jitter: 1ms",
    ] {
        let text = transfer("6.1", path);
        let (a, b) = (run(&text), run(&text));
        assert_eq!(a.read, 524_288, "{path}: {a:?}");
        assert_eq!(a, b, "{path}");
        for link in [&a.forward, &a.reverse] {
            assert_eq!(
                link.sent + link.duplicated,
                link.delivered + link.dropped() + link.in_flight,
                "{path}"
            );
        }
    }
}

#[test]
fn other_seeds_lose_other_packets() {
    let text = transfer("6.1", "forward: {loss: 5%}");
    let ends: Vec<_> = (0..4).map(|seed| run_with(&text, Some(seed)).ended).collect();
    assert!(ends.windows(2).any(|w| w[0] != w[1]), "{ends:?}");
}

#[test]
fn segments_fit_the_smaller_of_both_ends_mtus() {
    // 20 bytes of IP, 20 of TCP and 12 of timestamps.
    for (there, back, largest) in
        [(1_500, 9_000, 1_448), (9_000, 1_500, 1_448), (9_000, 9_000, 8_948), (576, 1_500, 524)]
    {
        let text = transfer("6.1", "loss: 0%")
            .replace("mtu: 1500", &format!("forward: {{mtu: {there}}}, reverse: {{mtu: {back}}}"));
        let outcome = run(&text);
        assert_eq!(outcome.receiver.rcv_mss, largest, "{there} {back}");
        assert_eq!(outcome.read, 524_288);
    }
}

#[test]
fn a_longer_queue_is_a_longer_wait_and_controlled_delay_is_a_short_one() {
    let wait = |queue: &str| {
        let text = transfer("6.1", &format!("forward: {{rate: 10mbit, queue: {queue}}}"))
            .replace("512KiB", "8MiB")
            .replace("524288", "8388608");
        run(&text).forward.queue.unwrap().waited
    };
    let [short, long, codel] = ["{limit: 20}", "{limit: 400}", "codel"].map(wait);
    // 20 packets of 1514 bytes are 24 ms.
    assert!(short.max() <= SimDuration::from_millis(25) && short.max() > SimDuration::from_millis(20));
    assert!(long.quantile(500) > SimDuration::from_millis(100), "{:?}", long.quantile(500));
    assert!(codel.quantile(500) < SimDuration::from_millis(30), "{:?}", codel.quantile(500));
}

/// The transfer with a device that polls.
fn with_device(nic: &str) -> RunOutcome {
    // The queue sees frames one by one.
    let path = "forward: {rate: 100mbit, queue: drop-tail}";
    let text = transfer("6.1", path).replace("receiver:\n", &format!("receiver:\n  nic: {nic}\n"));
    // A stack that is much faster than the link: nothing waits for it.
    run(&format!("{text}host: {{packet_cost: 1us}}\n"))
}

#[test]
fn frames_that_wait_for_the_interrupt_are_joined() {
    let at_once = with_device("half-page");
    let batches = with_device("{model: half-page, rx_usecs: 500}");
    let [None, Some(ring)] = batches.rings else { panic!("{:?}", batches.rings) };
    assert_eq!((at_once.rings, at_once.read, batches.read), ([None, None], 524_288, 524_288));
    assert!(ring.missed == 0 && ring.interrupts > 0 && ring.interrupts < 150, "{ring:?}");
    // Fewer and larger packets reach the socket.
    assert!(batches.segments * 2 < at_once.segments, "{} {}", batches.segments, at_once.segments);
    let few = with_device("{model: half-page, rx_usecs: 500, rx_frames: 2}").rings[1].unwrap();
    assert!(few.interrupts > ring.interrupts, "{few:?} {ring:?}");
}

#[test]
fn a_small_ring_misses_frames_that_are_sent_again() {
    let o = with_device("{model: half-page, ring: 4, rx_usecs: 1000}");
    let ring = o.rings[1].unwrap();
    assert!(ring.missed > 0 && ring.max_frames == 4, "{ring:?}");
    assert!(o.sender_counters.retrans_segs >= ring.missed, "{ring:?} {}", o.sender_counters.retrans_segs);
    assert_eq!(o.read, 524_288);
}

#[test]
fn a_budget_ends_a_joined_run() {
    let whole = with_device("{model: half-page, rx_usecs: 1000}");
    let small = with_device("{model: half-page, rx_usecs: 1000, budget: 4}");
    let polls = |o: &RunOutcome| o.rings[1].unwrap().polls;
    assert!(polls(&small) * 2 > polls(&whole) * 3, "{} {}", polls(&small), polls(&whole));
    assert!(small.segments > whole.segments);
}
