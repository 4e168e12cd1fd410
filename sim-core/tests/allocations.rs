//! What a run takes from the allocator: nothing per packet, and little per connection.

use std::alloc::System;

use sim_core::config::{
    CallConfig, Congestion, EndpointConfig, FlowsConfig, HostConfig, LinkConfig, NicModel, Offload,
    ReadConfig, Route, RunConfig, SockOpts, StepShares, StopConfig, WriteConfig, WriteMode,
};
use sim_core::engine::{self, RunOutcome, Workspace};
use sim_core::linux::by_name;
use sim_core::observer::Silent;
use sim_core::skb::SkbLayout;
use sim_core::time::SimDuration;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, Stats, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Bulk writers and eager readers on a link of 10 Gbit/s.
fn bulk(kernel: &str, packets: u64) -> RunConfig {
    let kernel = by_name(kernel).unwrap();
    let link = LinkConfig {
        delay: SimDuration::from_micros(500),
        limit: 10_000,
        mtu: 1_500,
        rate_bps: Some(10_000_000_000),
        ..LinkConfig::default()
    };
    let end = |write, read| EndpointConfig {
        sysctl: kernel.default_sysctls(),
        sockopt: SockOpts::default(),
        route: Route::default(),
        offload: Offload { tso: false, gso: false, gro: false },
        nic: NicModel::Loopback.into(),
        congestion: Congestion::Cubic,
        write,
        read,
    };
    let burst = WriteMode::Burst { call: 65_536, retry: SimDuration::ZERO };
    RunConfig {
        kernel,
        seed: 1,
        forward: link.clone(),
        reverse: link,
        sender: end(WriteConfig::endless(burst), ReadConfig::NEVER),
        receiver: end(WriteConfig::NEVER, ReadConfig::asap(65_536)),
        flows: FlowsConfig::default(),
        host: HostConfig {
            skb: SkbLayout::default(),
            hz: 250,
            since_tick: SimDuration::ZERO,
            jiffies: 4_294_967_296,
            tcp_mem: [188_888, 251_851, 377_776],
            copy_rate: 0,
            packet_cost: SimDuration::from_nanos(100),
            steps: StepShares::default(),
            calls: CallConfig::default(),
        },
        events: Vec::new(),
        stop: StopConfig {
            after: SimDuration::from_secs(86_400),
            bytes: None,
            returned: None,
            packets: Some(packets),
            max_events: 1 << 60,
            closing: None,
        },
    }
}

/// Runs and says what was allocated meanwhile: the least of a few times, for the thread that waits for the test may
/// allocate, too.
fn run(config: &RunConfig) -> (RunOutcome, Stats) {
    least(|| engine::run(config, &mut Silent).unwrap())
}

fn least(mut f: impl FnMut() -> RunOutcome) -> (RunOutcome, Stats) {
    let mut once = || {
        let region = Region::new(ALLOCATOR);
        let outcome = f();
        (outcome, region.change())
    };
    let all = [once(), once(), once()];
    let [first, ..] = &all;
    assert!(all.iter().all(|(outcome, _)| *outcome == first.0));
    all.into_iter().min_by_key(|(_, stats)| stats.allocations).unwrap()
}

// One test, so that no other thread allocates.
#[test]
fn packets_and_later_runs_cost_no_allocation_and_idle_connections_less_than_16_kib() {
    for kernel in ["5.10", "6.1", "7.2"] {
        let (short, few) = run(&bulk(kernel, 50_000));
        let (long, many) = run(&bulk(kernel, 200_000));
        assert_eq!((short.segments, long.segments), (50_000, 200_000));
        assert_eq!(few.allocations, many.allocations, "{kernel}");
        assert_eq!(few.reallocations, many.reallocations, "{kernel}");
        assert_eq!(few.bytes_allocated, many.bytes_allocated, "{kernel}");
    }

    // Connections that exist and do nothing: all that was ever allocated, divided by their number.
    let idle = |count| {
        let mut config = bulk("6.1", 0);
        config.sender.write = WriteConfig::NEVER;
        config.stop.packets = None;
        config.stop.after = SimDuration::from_secs(3);
        config.flows = FlowsConfig::Alike { count, spread: SimDuration::from_millis(100) };
        let (outcome, stats) = run(&config);
        assert!(outcome.flows.iter().all(|f| f.established.is_some() && f.started.is_some()));
        stats.bytes_allocated
    };
    let one = idle(1);
    for count in [1_000, 10_000] {
        let each = idle(count).saturating_sub(one) / (count as usize - 1);
        assert!(each < 16 * 1_024, "{each} bytes for each of {count} connections");
    }

    // In the memory of an earlier run only what a run shares among its sockets and what it returns is allocated.
    let mut workspace = Workspace::default();
    let config = bulk("6.1", 20_000);
    let (alone, most) = run(&config);
    let (again, few) = least(|| workspace.run(&config, &mut Silent).unwrap());
    assert_eq!(alone, again);
    assert!(most.allocations > 10 && few.allocations <= 8, "{most:?} {few:?}");
    assert_eq!(few.reallocations, 0);
}
