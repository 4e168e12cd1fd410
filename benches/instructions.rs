//! Runs one workload once, for a profiler that counts instructions (`benches/count-instructions`).
//!
//!     cargo bench --bench instructions -- WORKLOAD SIZE

#![allow(dead_code, reason = "the other bench uses the rest of the workloads")]

use std::hint::black_box;

use sim_core::engine::Workspace;

mod workloads;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let [name, size] = words.as_slice() else { return };
    let Ok(size) = size.parse::<u64>() else { panic!("`{size}` is not a number") };
    let done = match name.as_str() {
        "steady" => workloads::run(&workloads::steady(size)),
        "bare" => workloads::bare_loop(size),
        "flows-1000" => workloads::run(&workloads::shared(1_000, size)),
        "bottleneck-1" => workloads::run(&workloads::bottleneck(1, 10_000, size)),
        "bottleneck-1000" => workloads::run(&workloads::bottleneck(1_000, 10_000, size)),
        "bottleneck-10000" => workloads::run(&workloads::bottleneck(10_000, 100_000, size)),
        "out-of-order-100" => workloads::out_of_order(100, size),
        "out-of-order-10000" => workloads::out_of_order(10_000, size),
        "window-128k" => workloads::run(&workloads::windowed(128 << 10, size)),
        "window-1m" => workloads::run(&workloads::windowed(1 << 20, size)),
        "window-64m" => workloads::run(&workloads::windowed(64 << 20, size)),
        "overrun" => {
            let (config, mut workspace) = (workloads::overrun(), Workspace::default());
            (0..size).map(|_| workloads::run_in(&mut workspace, black_box(&config))).sum()
        }
        "overrun-alone" => {
            let config = workloads::overrun();
            (0..size).map(|_| workloads::run(black_box(&config))).sum()
        }
        "sweep" => workloads::sweep(size, true),
        "sweep-without-digest" => workloads::sweep(size, false),
        other => panic!("no workload is called `{other}`"),
    };
    println!("{name} {size}: {done}");
}
