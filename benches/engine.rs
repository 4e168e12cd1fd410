//! How fast the engine is: packets per second of one flow in steady state, one whole overrun run, and a bare
//! event loop of four FIFO lanes as the yardstick.
//!
//!     cargo bench --bench engine              # -- --quick for a rough figure

#![allow(missing_docs, reason = "criterion's macro makes an undocumented function")]
#![allow(dead_code, reason = "the other bench uses the rest of the workloads")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group};
use scenarios::gallery_text;
use sim_core::config::RunConfig;
use workloads::{bare_loop, config, run};

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
