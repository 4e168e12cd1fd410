//! What is done at once where it is provably the same comes, row by row, to what single steps come to.

use super::tests::blog;
use super::{RunError, RunOutcome, run};
use crate::config::*;
use crate::observer::{Observer, Rule, SendEvent, SenderState, Silent, Stepwise, Transmit};
use crate::segment::Segment;
use crate::skb::Skb;
use crate::state::SocketState;
use crate::time::{Now, SimDuration, SimTime};

/// Everything that an observer is told, as text.
#[derive(Default)]
struct Told(Vec<String>);

impl Observer for Told {
    fn segment(&mut self, now: Now, seg: &Segment, skb: &Skb, state: &SocketState) {
        self.0.push(format!("{now:?} segment {seg:?} {skb:?} {state:?}"));
    }

    fn transmit(&mut self, now: Now, packet: &Transmit, state: &SocketState) {
        self.0.push(format!("{now:?} transmit {packet:?} {state:?}"));
    }

    fn sent(&mut self, now: Now, seg: &Segment, state: &SenderState) {
        self.0.push(format!("{now:?} sent {seg:?} {state:?}"));
    }

    fn sending(&mut self, now: Now, event: SendEvent) {
        self.0.push(format!("{now:?} {event:?}"));
    }

    fn crossed(&mut self, now: Now, sent: SimTime, wire_bytes: u32) {
        self.0.push(format!("{now:?} crossed {sent:?} {wire_bytes}"));
    }

    fn read(&mut self, now: Now, bytes: u32, state: &SocketState) {
        self.0.push(format!("{now:?} read {bytes} {state:?}"));
    }

    fn rule(&mut self, now: Now, rule: Rule) {
        self.0.push(format!("{now:?} {rule:?}"));
    }
}

/// A writer with large calls, and what may keep it from writing, chosen by `n`.
fn writer(n: u64) -> RunConfig {
    let mut left = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut choose = |of: u64| {
        let one = (left >> 32) % of;
        left = (left / of).wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(n);
        one as usize
    };
    let mut c = blog(["5.10", "6.1", "6.12", "6.18", "7.2"][choose(5)], 1, 10);
    let half = SimDuration::from_micros([0, 50, 5_000, 100_000][choose(4)]);
    for link in [&mut c.forward, &mut c.reverse] {
        link.mtu = [1_500, 9_000, 65_536][choose(3)];
        link.delay = half;
        link.limit = [40, 10_000][choose(2)];
    }
    let offload = choose(2) == 0;
    for end in [&mut c.sender, &mut c.receiver] {
        end.offload = Offload { tso: offload, gso: offload, gro: false };
        end.sockopt.maxseg = [None, Some(512), Some(1_024)][choose(3)];
        end.sysctl.tcp_timestamps = choose(2) == 0;
        end.route.initcwnd = [None, Some(2), Some(10_000)][choose(3)];
    }
    c.sender.sockopt.sndbuf = [None, Some(40_000), Some(300_000), Some(6 << 20)][choose(4)];
    c.sender.sockopt.sndbuf_force = true;
    c.sender.sockopt.nodelay = choose(2) == 0;
    c.sender.sockopt.notsent_lowat = [None, Some(200_000)][choose(2)];
    c.sender.sockopt.max_pacing_rate = [None, None, Some(3_000_000)][choose(3)];
    c.receiver.sockopt.rcvbuf = [None, Some(5_000), Some(32 << 10), Some(1 << 20)][choose(4)];
    // Plenty, a little more than one buffer, and less.
    c.host.tcp_mem = [[1 << 20; 3], [300, 600, 900], [50, 80, 120]][choose(3)];
    c.host.packet_cost = SimDuration::from_nanos([0, 1_000, 25_000][choose(3)]);
    [c.host.steps.skb, c.host.steps.push] = [[0, 0], [40_000, 300_000]][choose(2)];
    c.host.calls.fragment = SimDuration::from_micros([0, 32][choose(2)]);
    c.host.calls.threaded_softirqs = choose(2) == 0;
    let call = [100_000, 1 << 20, 16 << 20][choose(3)];
    c.sender.write = WriteConfig::endless(WriteMode::Burst { call, retry: SimDuration::from_millis(5) });
    c.receiver.read = [ReadConfig::of(ReadMode::Never), ReadConfig::asap(20_000)][choose(2)].clone();
    c.stop.after = SimDuration::from_millis(700);
    c.stop.packets = Some(1_500);
    c
}

fn told(config: &RunConfig, stepwise: bool) -> (Vec<String>, Result<RunOutcome, RunError>) {
    let mut told = Told::default();
    let outcome = if stepwise { run(config, &mut Stepwise(&mut told)) } else { run(config, &mut told) };
    (told.0, outcome)
}

#[test]
fn filling_skbs_at_once_is_row_by_row_what_single_steps_come_to() {
    let mut rows = 0;
    for n in 0..250 {
        let config = writer(n);
        let (at_once, outcome) = told(&config, false);
        let (stepwise, single) = told(&config, true);
        for (i, (a, b)) in at_once.iter().zip(&stepwise).enumerate() {
            assert_eq!(a, b, "writer {n}, row {i}");
        }
        assert_eq!((at_once.len(), &outcome), (stepwise.len(), &single), "writer {n}");
        assert_eq!(run(&config, &mut Silent), outcome, "writer {n}, unwatched");
        rows += at_once.len();
    }
    assert!(rows > 100_000, "{rows} rows compared");
}

/// What is filled at once is sent long afterwards, cut and coalesced as its page fragments allow.
#[test]
fn what_was_filled_at_once_leaves_as_what_was_filled_in_steps() {
    let mut sent = 0;
    for n in 0..40 {
        let mut config = writer(n);
        config.sender.sockopt.sndbuf = Some([3 << 20, 6 << 20][n as usize % 2]);
        config.sender.sockopt.notsent_lowat = None;
        config.sender.sockopt.max_pacing_rate = None;
        config.sender.route.initcwnd = Some(1_000);
        config.sender.write =
            WriteConfig::endless(WriteMode::Burst { call: 16 << 20, retry: SimDuration::from_millis(5) });
        config.receiver.read = ReadConfig::asap(200_000);
        config.receiver.sockopt.rcvbuf = Some([64 << 10, 1 << 20][n as usize / 2 % 2]);
        config.receiver.sockopt.rcvbuf_force = true;
        config.host.tcp_mem = [1 << 20; 3];
        config.stop.packets = Some(9_000);
        config.stop.after = SimDuration::from_secs(20);
        let at_once = run(&config, &mut Silent);
        assert_eq!(at_once, run(&config, &mut Stepwise(&mut Silent)), "writer {n}");
        sent += at_once.map_or(0, |o| o.segments);
    }
    assert!(sent > 100_000, "{sent} segments compared");
}
