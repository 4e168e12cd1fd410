//! The path against queueing disciplines of real kernels: recorded streams of packets, and what became of each.
//!
//! `validation/path` has one file for each setting: the `tc` commands, the same as the keys of a scenario, the packets that
//! were sent, and for each kernel which were lost and when the others left. See its README.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use sim_core::config::LinkConfig;
use sim_core::linux::{KernelProfile, by_name};
use sim_core::path::{Direction, Link, Packet, Payload};
use sim_core::queue::{EventQueue, Key};
use sim_core::segment::{Ecn, Segment};
use sim_core::seq::Seq;
use sim_core::time::SimTime;

use super::good;

/// A packet as it was sent: when, its Ethernet frame, and the connection.
#[derive(Clone, Copy)]
struct Sent {
    ns: u64,
    bytes: u32,
    flow: u32,
    ecn: Ecn,
}

/// What one kernel did: when it really sent packets (if not as planned), which never came, and when others left.
#[derive(Default)]
struct Kernel {
    profile: Option<&'static KernelProfile>,
    sent: BTreeMap<usize, u64>,
    lost: Vec<usize>,
    marked: Vec<usize>,
    left: Vec<(usize, u64)>,
}

struct Recording {
    link: LinkConfig,
    plan: Vec<Sent>,
    kernels: BTreeMap<String, Kernel>,
}

fn number<T: std::str::FromStr>(text: &str) -> T {
    text.parse().unwrap_or_else(|_| panic!("{text}"))
}

/// Numbers and ranges of numbers.
fn ranges(words: &[&str]) -> Vec<usize> {
    words
        .iter()
        .flat_map(|w| {
            let (from, to) = w.split_once('-').unwrap_or((w, w));
            number::<usize>(from)..=number(to)
        })
        .collect()
}

/// Pairs of a packet and a time in microseconds.
fn times(words: &[&str]) -> Vec<(usize, u64)> {
    let pair = |w: &&str| w.split_once(':').map(|(n, us)| (number(n), number::<u64>(us) * 1_000)).unwrap();
    words.iter().map(pair).collect()
}

fn stream(words: &[&str]) -> Vec<Sent> {
    let [start, gap, count]: [u64; 3] = [0, 1, 2].map(|at| number(words[at]));
    let sizes: Vec<u32> = words[4].split(',').map(number).collect();
    let types: Vec<u8> = words[5].split(',').map(number).collect();
    (0..count)
        .map(|n| Sent {
            ns: (start + n * gap) * 1_000,
            bytes: sizes[n as usize % sizes.len()],
            flow: number(words[3]),
            ecn: if types[n as usize % types.len()] & 3 == 0 { Ecn::NotEct } else { Ecn::Ect },
        })
        .collect()
}

fn recording(name: &str) -> Recording {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../validation/path");
    let text = fs::read_to_string(dir.join(format!("{name}.txt"))).unwrap();
    let mut path = String::new();
    let (mut plan, mut kernels) = (Vec::new(), BTreeMap::<String, Kernel>::new());
    for line in text.lines().filter(|l| !l.starts_with('#')) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match (words[0], words.get(1).copied().unwrap_or_default()) {
            ("path", _) => path = line["path ".len()..].to_owned(),
            ("stream", _) => plan.extend(stream(&words[1..])),
            (k, what) => {
                let kernel = kernels.entry(k.to_owned()).or_default();
                kernel.profile = by_name(k);
                match what {
                    "sent" => kernel.sent = times(&words[2..]).into_iter().collect(),
                    "lost" => kernel.lost = ranges(&words[2..]),
                    "left" => kernel.left = times(&words[2..]),
                    "marked" => kernel.marked = ranges(&words[2..]),
                    _ => panic!("{line}"),
                }
            }
        }
    }
    plan.sort_by_key(|s: &Sent| s.ns);
    let link = good(&format!("name: t\nkernel: 6.1\npath: {{mtu: 1500, {path}}}\n")).config.forward;
    assert_eq!(kernels.len(), 5, "{name}");
    Recording { link, plan, kernels }
}

/// What the model makes of the packets that `kernel` was sent: which left, in order, and when.
fn modelled(r: &Recording, kernel: &Kernel) -> Vec<(usize, u64)> {
    modelled_with_marks(r, kernel).0
}

/// The same, and which were marked.
fn modelled_with_marks(r: &Recording, kernel: &Kernel) -> (Vec<(usize, u64)>, Vec<usize>) {
    let mut link = Link::new(&r.link, 1, Direction::Forward).on_kernel(kernel.profile.unwrap());
    let mut order = EventQueue::<()>::new(u64::MAX);
    let (mut left, mut marked) = (Vec::new(), Vec::new());
    let mut pop = |link: &mut Link, order: &mut EventQueue<()>, until: u64| {
        while link.peek() != Key::NEVER && link.peek().time().as_nanos() <= until {
            let at = link.peek().time().as_nanos();
            if let Some(p) = link.pop(order) {
                left.push((p.seg.ack.0 as usize, at));
                marked.extend((p.seg.ecn == Ecn::Ce).then_some(p.seg.ack.0 as usize));
            }
        }
    };
    for (n, s) in (1..).zip(&r.plan) {
        let at = kernel.sent.get(&n).copied().unwrap_or(s.ns);
        pop(&mut link, &mut order, at);
        // The frame's headers are Ethernet's, IP's and TCP's here, and UDP's in the recording.
        let seg = Segment { ack: Seq(n as i64), len: s.bytes - 54, ecn: s.ecn, ..Segment::default() };
        let packet = Packet { flow: s.flow, way: Direction::Forward, seg, payload: Payload::Ack };
        link.send(SimTime::from_nanos(at), &packet, &mut order);
    }
    pop(&mut link, &mut order, u64::MAX - 1);
    marked.sort_unstable();
    (left, marked)
}

/// The packets that did not leave.
fn lost(r: &Recording, left: &[(usize, u64)]) -> Vec<usize> {
    let mut there = vec![false; r.plan.len() + 1];
    left.iter().for_each(|(n, _)| there[*n] = true);
    (1..there.len()).filter(|n| !there[*n]).collect()
}

/// How many of the first losses of a kernel are those of the model.
fn agreement(r: &Recording, kernel: &Kernel) -> (usize, usize) {
    let model = lost(r, &modelled(r, kernel));
    let same = model.iter().zip(&kernel.lost).take_while(|(a, b)| a == b).count();
    let all = same == model.len() && same == kernel.lost.len();
    (same, if all { same } else { kernel.lost.len().max(same + 1) })
}

#[track_caller]
fn departs_as_recorded(name: &str) {
    let r = recording(name);
    for (k, kernel) in &r.kernels {
        let mut left = modelled(&r, kernel);
        assert_eq!(lost(&r, &left), kernel.lost, "{name} {k}");
        let mut recorded = kernel.left.clone();
        // Two packets that leave within microseconds of each other may change places.
        left.sort_unstable();
        recorded.sort_unstable();
        assert_eq!(left.len(), recorded.len(), "{name} {k}");
        // From the `send` to the device, and from the timer to the reader, a packet spends some microseconds to some tens of them; now and then an
        // interrupt of the machine takes longer.
        let late: Vec<i64> = left.iter().zip(&recorded).map(|(m, r)| r.1 as i64 - m.1 as i64).collect();
        assert!(left.iter().zip(&recorded).all(|(m, r)| m.0 == r.0), "{name} {k}");
        assert!(late.iter().all(|ns| *ns > -1_000), "{name} {k}: {late:?}");
        let interrupted = late.iter().filter(|ns| **ns > 200_000).count();
        assert!(interrupted * 10 < late.len(), "{name} {k}: {late:?}");
    }
}

#[test]
fn delay_rate_and_limit_of_netem_are_those_of_five_kernels() {
    for name in ["netem_delay", "netem_rate", "netem_rate_only", "netem_limit"] {
        departs_as_recorded(name);
    }
}

#[test]
fn a_medium_that_adds_bytes_to_packets_and_cells_takes_longer() {
    departs_as_recorded("netem_overhead");
}

#[test]
fn reordered_and_duplicated_packets_leave_as_recorded() {
    for name in ["netem_reorder", "netem_reorder_rate", "netem_dup", "netem_dup_limit", "netem_dup_rate"] {
        departs_as_recorded(name);
    }
}

#[test]
fn a_token_bucket_lets_its_burst_pass_and_counts_what_waits_for_tokens() {
    for name in ["tbf_bytes", "tbf_pfifo"] {
        departs_as_recorded(name);
    }
}

/// The losses of controlled delay hang on microseconds: which packet is the first above the target. After a difference, all later
/// losses differ. `least` are the first losses that agree on every kernel, `exact` the kernels on which all do.
#[track_caller]
fn loses_as_recorded(name: &str, least: usize, exact: usize) {
    let r = recording(name);
    let all: Vec<(usize, usize)> = r.kernels.values().map(|kernel| agreement(&r, kernel)).collect();
    assert!(all.iter().all(|(same, _)| *same >= least), "{name}: {all:?}");
    assert!(all.iter().filter(|(same, of)| same == of).count() >= exact, "{name}: {all:?}");
}

#[test]
fn controlled_delay_drops_the_packets_that_five_kernels_drop() {
    loses_as_recorded("codel", 169, 2);
    loses_as_recorded("codel_mix", 190, 5);
    loses_as_recorded("codel_small", 25, 0);
    loses_as_recorded("codel_limit", 69, 2);
}

#[test]
fn fair_queueing_with_controlled_delay_drops_the_packets_that_five_kernels_drop() {
    loses_as_recorded("fq_codel", 566, 4);
}

#[test]
fn controlled_delay_marks_the_packets_that_five_kernels_mark() {
    for (name, least) in [("codel_ecn", 783), ("fq_codel_ecn", 748)] {
        let r = recording(name);
        for (k, kernel) in &r.kernels {
            let (left, marked) = modelled_with_marks(&r, kernel);
            let same = marked.iter().zip(&kernel.marked).take_while(|(a, b)| a == b).count();
            assert!(same >= least, "{name} {k}: {same} of {}", kernel.marked.len());
            assert!(lost(&r, &left).len().abs_diff(kernel.lost.len()) <= 1, "{name} {k}");
        }
    }
}
