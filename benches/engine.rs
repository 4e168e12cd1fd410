//! How fast the engine is: packets per second of one flow in steady state, one whole overrun run, and a bare
//! event loop of four FIFO lanes as the yardstick. Then ratios, each between two things that were timed in turn: many
//! flows and one, a large window and a small one, a long out-of-order queue and a short one.
//!
//!     cargo bench --bench engine              # -- --quick for a rough figure

#![allow(missing_docs, reason = "criterion's macro makes an undocumented function")]
#![allow(dead_code, reason = "the other bench uses the rest of the workloads")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group};
use sim_core::config::RunConfig;
use sim_core::engine::Workspace;
use workloads::{bare_loop, bottleneck, out_of_order, overrun, run, run_in, windowed};

mod workloads;

/// Segments of a steady run.
const PACKETS: u64 = 200_000;

fn benchmarks(c: &mut Criterion) {
    let steady = workloads::steady(PACKETS);
    let mut group = c.benchmark_group("engine");
    group.throughput(Throughput::Elements(run(&steady)));
    group.bench_function("steady flow", |b| b.iter(|| run(black_box(&steady))));
    group.throughput(Throughput::Elements(PACKETS));
    group.bench_function("bare loop of four lanes", |b| b.iter(|| bare_loop(black_box(PACKETS))));
    group.finish();

    let (overrun, mut workspace) = (overrun(), Workspace::default());
    c.bench_function("one overrun run", |b| b.iter(|| run_in(&mut workspace, black_box(&overrun))));
    c.bench_function("one overrun run, alone", |b| b.iter(|| run(black_box(&overrun))));

    compare([
        Timed::new("bare loop", PACKETS, || bare_loop(PACKETS)),
        Timed::new("steady flow", PACKETS, move || run(&steady)),
    ]);
    compare([
        flows("one flow through a bottleneck", 1, 10_000),
        flows("1000 flows through it", 1_000, 10_000),
        flows("10000 flows through it", 10_000, 100_000),
    ]);
    let window = |what, bytes| second_half(what, |packets| windowed(bytes, packets));
    compare([window("window of 128 KiB", 128 << 10), window("window of 64 MiB", 64 << 20)]);
    let queue = |what, skbs| Timed::new(what, PACKETS, move || out_of_order(skbs, PACKETS));
    compare([queue("100 skbs out of order", 100), queue("10000 skbs out of order", 10_000)]);
}

/// Something to be timed.
struct Timed {
    what: &'static str,
    /// Packets of it.
    units: u64,
    /// Packets that were sent for them, if some may be dropped on their way: each of these is work, too.
    sent: Option<u64>,
    work: Box<dyn Fn() -> u64>,
    /// What of the work does not count.
    before: Option<Box<dyn Fn() -> u64>>,
    /// The best rounds of both, each by itself: the smallest difference would be that of the most disturbed round.
    best: Duration,
    best_before: Duration,
}

impl Timed {
    fn new(what: &'static str, units: u64, work: impl Fn() -> u64 + 'static) -> Self {
        let best_before = Duration::ZERO;
        Self { what, units, sent: None, work: Box::new(work), before: None, best: Duration::MAX, best_before }
    }

    fn round(&mut self) {
        let timed = |f: &dyn Fn() -> u64| {
            let start = Instant::now();
            black_box(f());
            start.elapsed()
        };
        if let Some(before) = &self.before {
            self.best_before = self.best_before.min(timed(before));
        }
        self.best = self.best.min(timed(&self.work));
    }

    fn ns(&self, packets: u64) -> f64 {
        self.best.saturating_sub(self.best_before).as_secs_f64() * 1e9 / packets as f64
    }

    /// Nanoseconds for each packet that arrived.
    fn ns_per_packet(&self) -> f64 {
        self.ns(self.units)
    }

    /// Nanoseconds for each packet that was sent.
    fn ns_per_packet_sent(&self) -> Option<f64> {
        self.sent.map(|sent| self.ns(sent))
    }
}

/// Many flows or one.
fn flows(what: &'static str, count: u32, waiting: u32) -> Timed {
    let config = |packets| bottleneck(count, waiting, packets);
    let sent = workloads::sent(&config(2 * PACKETS)) - workloads::sent(&config(PACKETS));
    Timed { sent: Some(sent), ..second_half(what, config) }
}

/// The second half of a run of so many packets, for in the first connections are made and windows open.
fn second_half(what: &'static str, config: impl Fn(u64) -> RunConfig) -> Timed {
    let (half, whole) = (config(PACKETS), config(2 * PACKETS));
    let work = Timed::new(what, PACKETS, move || run(&whole));
    Timed { before: Some(Box::new(move || run(&half))), best_before: Duration::MAX, ..work }
}

/// Prints the best of a few rounds of each, taken in turn, so that all see the same machine, and how they compare.
fn compare<const N: usize>(mut all: [Timed; N]) {
    for _ in 0..5 {
        all.iter_mut().for_each(Timed::round);
    }
    println!();
    let first = all.first().map_or(f64::NAN, Timed::ns_per_packet);
    let first_sent = all.first().and_then(Timed::ns_per_packet_sent);
    for t in &all {
        let ns = t.ns_per_packet();
        let rate = 1e3 / ns;
        println!(
            "{:<32} {ns:6.1} ns per packet, {rate:6.2} million packets per second, ratio {:.2}",
            t.what,
            ns / first
        );
        if let (Some(ns), Some(first)) = (t.ns_per_packet_sent(), first_sent) {
            println!("{:<32} {ns:6.1} ns per packet sent, ratio {:.2}", "", ns / first);
        }
    }
}

criterion_group!(benches, benchmarks);

fn main() {
    benches();
    Criterion::default().configure_from_args().final_summary();
}
