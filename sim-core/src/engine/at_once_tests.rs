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

/// Compares a run with the same in single steps, and with one that nobody watches; returns the rows that were compared.
fn comes_to_single_steps(config: &RunConfig, name: &str) -> usize {
    let (at_once, outcome) = told(config, false);
    let (stepwise, single) = told(config, true);
    for (i, (a, b)) in at_once.iter().zip(&stepwise).enumerate() {
        assert_eq!(a, b, "{name}, row {i}");
    }
    assert_eq!((at_once.len(), &outcome), (stepwise.len(), &single), "{name}");
    assert_eq!(run(config, &mut Silent), outcome, "{name}, unwatched");
    at_once.len()
}

#[test]
fn filling_skbs_at_once_is_row_by_row_what_single_steps_come_to() {
    let mut rows = 0;
    for n in 0..250 {
        rows += comes_to_single_steps(&writer(n), &format!("writer {n}"));
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

/// A reader that does not keep up, and what may come between its segments, chosen by `n`.
fn slow_reader(n: u64) -> RunConfig {
    let of = |step: u64, count: u64| (n / step % count) as usize;
    let mut c = writer(n);
    c.sender.write =
        WriteConfig::endless(WriteMode::Burst { call: 4 << 20, retry: SimDuration::from_millis(5) });
    c.sender.sockopt.max_pacing_rate = None;
    let period = SimDuration::from_micros(3_700);
    let slow = ReadConfig::of(ReadMode::Fixed { bytes: 3_000, every: period });
    c.receiver.read = [ReadConfig::of(ReadMode::Never), slow, ReadConfig::asap(20_000)][of(1, 3)].clone();
    c.receiver.sockopt.rcvlowat = [None, Some(50_000)][of(3, 2)];
    c.host.packet_cost = SimDuration::from_nanos([25_000, 700, 0][of(6, 3)]);
    c.host.copy_rate = [0, 200_000_000][of(5, 2)];
    c.forward.drop_every = [0, 0, 40][of(7, 3)];
    c.forward.rate_bps = [None, Some(2_000_000_000)][of(11, 2)];
    c.receiver.sysctl.tcp_adv_win_scale = [0, 1, 2][of(13, 3)];
    c.receiver.sockopt.rcvbuf = [Some(32 << 10), Some(200_000), Some(1 << 20), None][of(2, 4)];
    c.stop.packets = [Some(1_500), Some(137)][of(17, 2)];
    c.stop.max_events = [1_000_000, 1_000_000, 211][of(19, 3)];
    // Where no processor holds pages back, the first flight brings the host under pressure.
    if of(31, 4) == 1 {
        (c.kernel, c.host.tcp_mem) = (crate::linux::by_name("5.10").unwrap(), [8, 12, 40]);
        c.sender.sockopt.sndbuf = None;
    }
    // A call in the middle of the first flight, and others.
    let arrives = c.forward.delay + c.forward.delay + c.forward.delay;
    let change = |us, change| TimedChange { at: arrives + SimDuration::from_micros(us), change };
    c.events = [
        vec![],
        vec![change(400, Change::ReceiverRead(9_000)), change(1_013, Change::ReceiverRead(400_000))],
        vec![change(333, Change::ReceiverOption(LiveOption::RcvBufForce(100_000)))],
        vec![
            change(500, Change::ReceiverOption(LiveOption::RcvLowat(5_000))),
            change(777, Change::ForwardDown(true)),
        ],
        (0..200).map(|i| change(11 * i, Change::ReceiverRead(2_500))).collect(),
    ][of(29, 5)]
    .clone();
    // In the middle of the first flight, or long afterwards.
    c.stop.after = c.forward.delay + SimDuration::from_micros([900, 2_100, 400_000][of(23, 3)]);
    c
}

#[test]
fn segments_taken_in_a_row_are_row_by_row_what_single_turns_come_to() {
    use super::in_a_row::TAKEN;
    let (mut rows, before) = (0, TAKEN.get());
    for n in 0..400 {
        rows += comes_to_single_steps(&slow_reader(n), &format!("reader {n}"));
    }
    let taken = TAKEN.get() - before;
    assert!(rows > 100_000 && taken > 5_000, "{rows} rows compared, {taken} segments in rows");
}

#[test]
fn where_nothing_of_a_recorded_machine_is_asked_for_it_need_not_be_looked_at() {
    use super::simulation::{LOOKS_EVERYWHERE, is_plain};
    let (mut plainly, mut segments) = (0, 0);
    for n in 0..160 {
        for mut config in [slow_reader(n), writer(n)] {
            config.host.calls.threaded_softirqs = false;
            if !is_plain(&config) {
                continue;
            }
            let (plain, silent) = (told(&config, false), run(&config, &mut Silent));
            LOOKS_EVERYWHERE.set(true);
            let (all, all_silent) = (told(&config, false), run(&config, &mut Silent));
            LOOKS_EVERYWHERE.set(false);
            assert_eq!(plain.0.iter().zip(&all.0).position(|(a, b)| a != b), None, "{n}");
            assert_eq!((plain, &silent), (all, &all_silent), "{n}");
            plainly += 1;
            segments += silent.map_or(0, |o| o.segments);
        }
    }
    assert!(plainly > 200 && segments > 10_000, "{plainly} runs, {segments} segments");
}
