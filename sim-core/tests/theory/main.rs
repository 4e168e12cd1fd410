//! Whole runs against theory, where no recording exists: throughput of a window, Reno's and CUBIC's answer to losses.
//!
//! Losses are periodic (one packet in every n, on arrival), as the formulas assume; the path has no queue, so that the
//! RTT stays what it is.

#![allow(
    clippy::disallowed_methods,
    reason = "theory is compared with a tolerance; no result depends on the last bit"
)]

use sim_core::config::{
    CallConfig, Congestion, EndpointConfig, FlowsConfig, HostConfig, LinkConfig, NicModel, Offload,
    ReadConfig, Route, RunConfig, SockOpts, StopConfig, WriteConfig, WriteMode,
};
use sim_core::engine::{RunOutcome, run};
use sim_core::linux::by_name;
use sim_core::observer::{Observer, SenderState, Silent};
use sim_core::segment::Segment;
use sim_core::skb::SkbLayout;
use sim_core::time::{Now, SimDuration};

/// Payload of a full segment: MTU 1500, timestamps.
const MSS: f64 = 1_448.0;
/// The same with all headers, as the link counts it.
const WIRE: f64 = 1_514.0;

struct Case {
    kernel: &'static str,
    congestion: Congestion,
    rtt_ms: u64,
    rate_mbit: Option<u64>,
    rcvbuf: u32,
    initcwnd: u32,
    drop_every: u32,
}

impl Case {
    fn config(&self, seconds: u64) -> RunConfig {
        let kernel = by_name(self.kernel).unwrap();
        let link = LinkConfig {
            delay: SimDuration::from_micros(self.rtt_ms * 500),
            limit: 100_000,
            mtu: 1_500,
            ..LinkConfig::default()
        };
        let rate_bps = self.rate_mbit.map(|m| m * 1_000_000);
        let end = |sockopt, write, read| EndpointConfig {
            sysctl: kernel.default_sysctls(),
            sockopt,
            route: Route { initcwnd: Some(self.initcwnd), ..Route::default() },
            offload: Offload { tso: false, gso: false, gro: false },
            nic: NicModel::Loopback.into(),
            congestion: self.congestion,
            write,
            read,
        };
        let sender = SockOpts { sndbuf: Some(16 << 20), sndbuf_force: true, ..SockOpts::default() };
        let receiver = SockOpts { rcvbuf: Some(self.rcvbuf), rcvbuf_force: true, ..SockOpts::default() };
        let start = SimDuration::ZERO;
        let burst = WriteMode::Burst { call: 1 << 20, retry: SimDuration::ZERO };
        let write = WriteConfig { start, ..WriteConfig::endless(burst) };
        let read = ReadConfig { start, ..ReadConfig::asap(1 << 20) };
        RunConfig {
            kernel,
            seed: 1,
            forward: LinkConfig { rate_bps, drop_every: self.drop_every, ..link.clone() },
            reverse: link,
            sender: end(sender, write, ReadConfig::NEVER),
            receiver: end(receiver, WriteConfig::NEVER, read),
            flows: FlowsConfig::default(),
            host: HostConfig {
                calls: CallConfig::default(),
                skb: SkbLayout::default(),
                hz: 1_000,
                since_tick: SimDuration::ZERO,
                jiffies: 1_000_000,
                tcp_mem: [1 << 20, 1 << 21, 1 << 22],
                packet_cost: SimDuration::ZERO,
            },
            events: Vec::new(),
            stop: StopConfig {
                returned: None,
                after: SimDuration::from_secs(seconds),
                bytes: None,
                packets: None,
                max_events: 100_000_000,
            },
        }
    }

    fn run(&self, seconds: u64) -> RunOutcome {
        run(&self.config(seconds), &mut Silent).unwrap()
    }

    /// Bytes per second that the reader got between two moments, and the end of the longer run.
    fn goodput(&self, from: u64, to: u64) -> (f64, RunOutcome) {
        let end = self.run(to);
        ((end.read - self.run(from).read) as f64 / (to - from) as f64, end)
    }
}

#[track_caller]
fn within(what: &str, measured: f64, theory: f64, permille: f64) {
    let off = (measured / theory - 1.0) * 1_000.0;
    println!("{what}: {measured:.1}, theory {theory:.1}, {off:+.1} per mille");
    assert!(off.abs() <= permille, "{what}: {measured:.1}, theory {theory:.1}, {off:+.1} per mille");
}

#[test]
fn throughput_is_the_smaller_of_rate_and_window_per_round_trip() {
    for kernel in ["6.1", "6.18"] {
        for rtt_ms in [20, 100] {
            for rate_mbit in [Some(10), None] {
                for rcvbuf in [256 << 10, 2 << 20] {
                    let case = Case {
                        kernel,
                        congestion: Congestion::Cubic,
                        rtt_ms,
                        rate_mbit,
                        rcvbuf,
                        initcwnd: 5_000,
                        drop_every: 0,
                    };
                    let (goodput, end) = case.goodput(3, 7);
                    let by_rate = rate_mbit.map_or(f64::INFINITY, |m| m as f64 * 1e6 / 8.0 * MSS / WIRE);
                    // A window holds whole segments.
                    let by_window =
                        (f64::from(end.sender.snd_wnd) / MSS).floor() * MSS / (rtt_ms as f64 / 1e3);
                    let what = format!("{kernel}, {rtt_ms} ms, {rate_mbit:?} Mbit/s, SO_RCVBUF {rcvbuf}");
                    within(&what, goodput, by_rate.min(by_window), 10.0);
                }
            }
        }
    }
}

#[test]
fn reno_follows_the_square_root_of_the_loss_rate() {
    for (n, to) in [(1_000, 60), (3_000, 90), (10_000, 150)] {
        let case = Case {
            kernel: "6.1",
            congestion: Congestion::Reno,
            rtt_ms: 50,
            rate_mbit: None,
            rcvbuf: 4 << 20,
            initcwnd: 10,
            drop_every: n,
        };
        let (goodput, _) = case.goodput(30, to);
        // MSS / RTT * sqrt(3 / 2p): a segment more per round trip, whatever the ACKs cover (RFC 3465).
        let theory = MSS / 0.05 * (1.5 * f64::from(n)).sqrt();
        within(&format!("Reno, p = 1/{n}"), goodput, theory, 50.0);
    }
}

/// The congestion window at each packet sent: time in seconds, window, state.
#[derive(Default)]
struct Windows(Vec<(f64, f64, u8)>);

impl Observer for Windows {
    fn sent(&mut self, now: Now, _: &Segment, s: &SenderState) {
        self.0.push((now.time.as_nanos() as f64 / 1e9, f64::from(s.cwnd), s.ca_state));
    }
}

/// RFC 9438 gives the window between two losses: the curve (4.2), at least the Reno-friendly window (4.3), from seven
/// tenths (4.6) of what it was; a flow that lost below its last maximum aims lower (4.7). (The average over many epochs
/// of periodic losses has no closed form for the kernel: in integers the window reaches its maximum early and a loss
/// there does not count as one below it, so that any of several maxima may keep itself.)
#[test]
fn between_two_losses_cubic_follows_the_curve_of_rfc_9438() {
    const C: f64 = 0.4;
    const BETA: f64 = 0.7;
    const RTT: f64 = 0.1;
    let alpha = 3.0 * (1.0 - BETA) / (1.0 + BETA);
    for n in [3_000, 10_000, 30_000] {
        let case = Case {
            kernel: "6.1",
            congestion: Congestion::Cubic,
            rtt_ms: 100,
            rate_mbit: None,
            rcvbuf: 8 << 20,
            initcwnd: 10,
            drop_every: n,
        };
        let mut windows = Windows::default();
        run(&case.config(60), &mut windows).unwrap();
        let (mut w_max, mut at_loss, mut before) = (0.0, 0.0, (10.0, 0));
        let (mut start, mut epochs) = (None, 0);
        let (mut sum, mut expected_sum) = (0.0, 0.0);
        for &(time, cwnd, state) in &windows.0 {
            if state >= 3 {
                if before.1 < 3 {
                    at_loss = before.0;
                    w_max = if at_loss < w_max { at_loss * (1.0 + BETA) / 2.0 } else { at_loss };
                    epochs += 1;
                }
                start = None;
            } else if epochs > 0 {
                let begin = *start.get_or_insert(time);
                let low = at_loss * BETA;
                let k = ((w_max - low).max(0.0) / C).cbrt();
                let t = time - begin;
                let expected = (C * (t + RTT - k).powi(3) + w_max).max(low + alpha * t / RTT);
                sum += cwnd;
                expected_sum += expected;
            }
            before = (cwnd, state);
        }
        assert!(epochs >= 4, "{epochs} losses");
        within(&format!("CUBIC, one loss in {n}, average window"), sum, expected_sum, 50.0);
    }
}
