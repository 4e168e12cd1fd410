//! What the benches run: scenarios and the bare loop that the engine is measured against.

use scenarios::{Overrides, Source, gallery_text, resolve};
use sim_core::config::{Discipline, FlowsConfig, QueueConfig, QueueLimit, RunConfig};
use sim_core::engine::{self, RunOutcome, Workspace};
use sim_core::observer::Silent;
use sim_core::queue::{EventQueue, Key, Lane};
use sim_core::time::{SimDuration, SimTime};
use sweeps::{Format, Plan};

mod out_of_order;

pub(crate) use out_of_order::out_of_order;

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
stop: {packets: 200000, max_events: 1000000000000}
"#;

/// A scenario's configuration.
pub(crate) fn config(name: &str, text: &str) -> RunConfig {
    match resolve(&Source::new(name, text), &Overrides::default()) {
        Ok(scenario) => scenario.config,
        Err(e) => panic!("{e}"),
    }
}

/// One flow in steady state, until `packets` segments reached the receiver.
pub(crate) fn steady(packets: u64) -> RunConfig {
    let mut c = config("steady", STEADY);
    c.stop.packets = Some(packets);
    c
}

/// The same path shared by `count` flows that start within half a second.
pub(crate) fn shared(count: u32, packets: u64) -> RunConfig {
    let mut c = steady(packets);
    c.flows = FlowsConfig::Alike { count, spread: SimDuration::from_millis(500) };
    // A machine that keeps up with the link: what is scarce is the link's rate.
    c.host.packet_cost = SimDuration::from_nanos(100);
    c.host.tcp_mem = [1 << 40; 3];
    c
}

/// `count` flows that share a bottleneck of 10 Gbit/s which sends packets one by one, with room for `waiting` of them.
/// With the same number of packets on the way, a packet of many flows and one of a single flow are the same to everybody
/// on the path: what they cost can be compared.
pub(crate) fn bottleneck(count: u32, waiting: u32, packets: u64) -> RunConfig {
    let mut c = shared(count, packets);
    c.forward.queue = Some(QueueConfig {
        discipline: Discipline::DropTail,
        limit: QueueLimit::Packets(waiting),
        burst: None,
        ecn: false,
    });
    c
}

/// The steady flow with a receive window of `window` bytes, filled by the round-trip time. Nothing else holds it back: then
/// windows of all sizes see the same traffic, an ACK for every second packet, and what a packet costs can be compared.
pub(crate) fn windowed(window: u32, packets: u64) -> RunConfig {
    let mut c = steady(packets);
    // At 10 Gbit/s a window of 128 KiB lasts 105 us.
    let rtt = u64::from(window) * 8 / 10;
    for link in [&mut c.forward, &mut c.reverse] {
        link.delay = SimDuration::from_nanos(rtt / 2);
        link.limit = 1_000_000;
    }
    // Room for the window in either buffer, its overhead and what has been read by then.
    let buffer = window.saturating_mul(4).min(1 << 29);
    c.receiver.sockopt.rcvbuf = Some(buffer);
    c.receiver.sockopt.rcvbuf_force = true;
    c.receiver.sockopt.window_clamp = Some(window);
    c.sender.sockopt.sndbuf = Some(buffer);
    c.sender.sockopt.sndbuf_force = true;
    let segments = (window / 1_448).min(65_535);
    c.sender.route.initcwnd = Some(segments);
    c.receiver.route.initrwnd = Some(segments);
    c.host.packet_cost = SimDuration::from_nanos(100);
    c.host.tcp_mem = [1 << 40; 3];
    c
}

/// The gallery's overrun of a budget of 64 KiB.
pub(crate) fn overrun() -> RunConfig {
    config("budget-overrun", gallery_text("budget-overrun").unwrap_or_default())
}

/// Runs without anybody watching, in memory that is there, and returns the segments that reached the receiver.
pub(crate) fn run_in(workspace: &mut Workspace, config: &RunConfig) -> u64 {
    match workspace.run(config, &mut Silent) {
        Ok(outcome) => outcome.segments,
        Err(e) => panic!("{e}"),
    }
}

/// A sweep of `points` such overruns on one thread, from the plan to the bytes of its rows; returns how many those are.
pub(crate) fn sweep(points: u64, digest: bool) -> u64 {
    let base = Source::new("budget-overrun", gallery_text("budget-overrun").unwrap_or_default());
    let digest = if digest { "on" } else { "off" };
    let text = format!(
        "base: budget-overrun\ndigest: {digest}\nmeasures: [fitted, peak.skmem_r, window_at_first_drop, dropped]\n\
         axes: {{path.rtt: {{from: 100ms, to: 300ms, steps: {points}}}, tx.TCP_NODELAY: [on]}}\n"
    );
    let plan = match Plan::read(&Source::new("plan", text), &|_| Ok(base.clone())) {
        Ok(plan) => plan,
        Err(e) => panic!("{e}"),
    };
    let bytes = |point| Format::Csv.row(&plan, &sweeps::row(&plan, point, 0)).len() as u64;
    plan.points().map(bytes).sum()
}

/// Runs without anybody watching.
fn outcome(config: &RunConfig) -> RunOutcome {
    match engine::run(config, &mut Silent) {
        Ok(outcome) => outcome,
        Err(e) => panic!("{e}"),
    }
}

/// Runs without anybody watching and returns the segments that reached the receiver.
pub(crate) fn run(config: &RunConfig) -> u64 {
    outcome(config).segments
}

/// Packets that the writing ends sent in such a run, those that were dropped on their way included.
pub(crate) fn sent(config: &RunConfig) -> u64 {
    outcome(config).forward.sent
}

/// What an engine cannot do without: four lanes (data and ACKs, link and host), each packet passing through two
/// of them and every second one answered through the other two; the earliest of the four is taken each time.
pub(crate) fn bare_loop(packets: u64) -> u64 {
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
        let mut first = (Key::NEVER, 0);
        for (at, lane) in lanes.iter().enumerate() {
            let key = lane.peek();
            if key < first.0 {
                first = (key, at);
            }
        }
        let (key, at) = first;
        let Some(packet) = lanes[at].pop() else { break };
        if queue.count(key.time()).is_err() {
            break;
        }
        time = time.max(key.time().as_nanos());
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
