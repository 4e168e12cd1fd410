//! How fast the engine is: packets per second of one flow in steady state, one whole overrun run, and a bare
//! event loop of four FIFO lanes as the yardstick.
//!
//!     cargo bench --bench engine              # -- --quick for a rough figure

#![allow(missing_docs, reason = "criterion's macro makes an undocumented function")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group};
use scenarios::{Overrides, Source, gallery_text, resolve};
use sim_core::config::RunConfig;
use sim_core::engine;
use sim_core::observer::Silent;
use sim_core::queue::{EventQueue, Key, Lane};
use sim_core::time::SimTime;

/// Segments of a steady run.
const PACKETS: u64 = 200_000;

/// One flow whose reader keeps up: full segments through a link of 10 Gbit/s, nothing recorded.
const STEADY: &str = r#"
name: steady
kernel: "6.1"
path: {rtt: 1ms, limit: 10000, mtu: 1500, rate: 10gbit}
sender:
  offload: {tso: off, gso: off, gro: off}
  sockopt: {TCP_NODELAY: on}
  write: {mode: burst, call: 64KiB}
receiver:
  offload: {tso: off, gso: off, gro: off}
  nic: loopback
  read: {mode: asap, buffer: 64KiB}
stop: {packets: 200000, max_events: 1000000000}
"#;

fn config(name: &str, text: &str) -> RunConfig {
    match resolve(&Source::new(name, text), &Overrides::default()) {
        Ok(scenario) => scenario.config,
        Err(e) => panic!("{e}"),
    }
}

/// Runs without anybody watching and returns the segments that reached the receiver.
fn run(config: &RunConfig) -> u64 {
    match engine::run(config, &mut Silent) {
        Ok(outcome) => outcome.segments,
        Err(e) => panic!("{e}"),
    }
}

/// What an engine cannot do without: four lanes (data and ACKs, link and host), each packet passing through two
/// of them and every second one answered through the other two; the earliest of the four is taken each time.
fn bare_loop(packets: u64) -> u64 {
    let mut queue = EventQueue::<()>::new(u64::MAX);
    let mut lanes: [Lane<u64>; 4] = Default::default();
    let (mut sent, mut done, mut time) = (0, 0, 0);
    while done < packets {
        // Data is sent as long as some 64 packets are on their way.
        while sent < packets && sent - done < 64 {
            time += 100;
            let key = queue.key(SimTime::from_nanos(time));
            lanes[0].push(key, sent);
            sent += 1;
        }
        let mut first = (Key { time: SimTime::NEVER, inserted: u64::MAX }, 0);
        for (at, lane) in lanes.iter().enumerate() {
            let key = lane.peek();
            if key < first.0 {
                first = (key, at);
            }
        }
        let (key, at) = first;
        let Some(packet) = lanes[at].pop() else { break };
        if queue.count(key.time).is_err() {
            break;
        }
        time = time.max(key.time.as_nanos());
        if at == 1 {
            done += 1;
        }
        if at == 0 || (at == 1 && packet % 2 == 1) || at == 2 {
            let next = queue.key(SimTime::from_nanos(time + 10));
            lanes[at + 1].push(next, packet);
        }
    }
    queue.processed()
}

fn benchmarks(c: &mut Criterion) {
    let steady = config("steady", STEADY);
    let mut group = c.benchmark_group("engine");
    group.throughput(Throughput::Elements(run(&steady)));
    group.bench_function("steady flow", |b| b.iter(|| run(black_box(&steady))));
    group.throughput(Throughput::Elements(PACKETS));
    group.bench_function("bare loop of four lanes", |b| b.iter(|| bare_loop(black_box(PACKETS))));
    group.finish();

    let overrun = config("budget-overrun", gallery_text("budget-overrun").unwrap_or_default());
    c.bench_function("one overrun run", |b| b.iter(|| run(black_box(&overrun))));
    ratio(&steady);
}

/// The best of a few rounds of each, taken in turn, so that both see the same machine.
fn ratio(steady: &RunConfig) {
    let mut best = [Duration::MAX; 2];
    let timed = |f: &dyn Fn() -> u64| {
        let start = Instant::now();
        black_box(f());
        start.elapsed()
    };
    for _ in 0..5 {
        best[0] = best[0].min(timed(&|| run(steady)));
        best[1] = best[1].min(timed(&|| bare_loop(PACKETS)));
    }
    let per_packet = |d: Duration| d.as_secs_f64() * 1e9 / PACKETS as f64;
    let [engine, bare] = best.map(per_packet);
    println!("\nsteady flow: {engine:.0} ns per packet = {:.2} million packets per second", 1e3 / engine);
    println!("bare loop:   {bare:.1} ns per packet = {:.2} million packets per second", 1e3 / bare);
    println!("ratio:       one packet costs as much as {:.1} packets through the bare loop", engine / bare);
}

criterion_group!(benches, benchmarks);

fn main() {
    benches();
    Criterion::default().configure_from_args().final_summary();
}
