//! Memory, sequence numbers, windows and counters of random connections.

use proptest::prelude::*;
use sim_core::config::LiveOption;
use sim_core::linux::{InOrderGate, Reclaim};
use sim_core::observer::Transmit;
use sim_core::segment::Flags;
use sim_core::seq::Seq;

use super::support::{Bench, Op, Setup, Tally, ops, setup};

const PAGE: i64 = 4_096;
/// More than any skb of these connections costs, bytes.
const LARGEST_SKB: i64 = 1 << 15;

/// What must hold between two events.
fn check(b: &Bench<Tally>, read: u64) -> Result<(), TestCaseError> {
    let s = b.state();
    // Bytes: everything in order was read or can be read.
    prop_assert!(s.recvq() >= 0);
    prop_assert_eq!(s.rcv_nxt.0 - 1, read as i64 + s.recvq());
    prop_assert!(s.rcv_nxt <= b.highest, "more was received than sent");
    prop_assert!(s.rcv_wup <= s.rcv_nxt);
    // Memory: what the host granted is charged or kept for later, to the byte.
    prop_assert!(s.rmem >= 0, "rmem {}", s.rmem);
    prop_assert_eq!(b.host.memory.allocated * PAGE, i64::from(s.rmem) + i64::from(s.fwd_alloc));
    // It may be negative, as in the recordings: collapsing charges its copies without asking, and from 6.0 on a replaced
    // out-of-order skb gives its pages back before the new one is charged.
    let most = match b.setup.kernel.reclaim {
        Reclaim::Above2MiB => 2 << 20,
        Reclaim::Pages => PAGE + LARGEST_SKB,
    };
    let bounds = -LARGEST_SKB..=most;
    prop_assert!(bounds.contains(&i64::from(s.fwd_alloc)), "fwd_alloc {}", s.fwd_alloc);
    // Queued skbs cost at least what they hold.
    prop_assert!(i64::from(s.rmem) >= s.recvq(), "rmem {} recvq {}", s.rmem, s.recvq());
    prop_assert_eq!(s.qlen == 0, s.recvq() == 0);
    if s.qlen == 0 && !s.ofo {
        prop_assert_eq!(s.rmem, 0);
    }
    prop_assert!(s.num_sacks <= 4);
    prop_assert!(u32::from(s.num_sacks) == 0 || s.ofo);
    Ok(())
}

/// What every packet that leaves must be; `edge` is the rightmost one promised so far.
fn check_packet(b: &Bench<Tally>, p: &Transmit, edge: &mut Seq) -> Result<(), TestCaseError> {
    let right = p.seg.ack + p.window;
    let shrinks = b.setup.shrink_window && b.setup.kernel.has_shrink_window;
    let out_of_memory =
        matches!(b.setup.kernel.in_order_gate, InOrderGate::ZeroWindowAck { .. }) && p.window == 0;
    prop_assert!(right >= *edge || shrinks || out_of_memory, "the edge moved from {:?} to {right:?}", edge);
    *edge = right;
    let sacks = p.seg.sacks();
    let blocks = sacks.as_slice();
    prop_assert!(b.setup.sack || blocks.is_empty());
    for block in blocks {
        prop_assert!(block.start < block.end, "{blocks:?}");
    }
    // Behind a DSACK the blocks are what is held beyond the acknowledgement, disjoint.
    let held = |from: usize| {
        let blocks = &blocks[from..];
        let beyond = blocks.iter().all(|x| x.start > p.seg.ack);
        let disjoint = blocks
            .iter()
            .enumerate()
            .all(|(i, x)| blocks[i + 1..].iter().all(|y| x.end < y.start || y.end < x.start));
        beyond && disjoint
    };
    prop_assert!(held(0) || (!blocks.is_empty() && held(1)), "ack {:?} {blocks:?}", p.seg.ack);
    Ok(())
}

fn counters_agree(b: &Bench<Tally>) -> Result<(), TestCaseError> {
    let (c, t) = (&b.host.counters, &b.obs);
    prop_assert_eq!(c.in_segs, b.fed);
    prop_assert_eq!(t.segments, b.fed);
    prop_assert_eq!(c.rcv_coalesce, t.merged);
    prop_assert_eq!(c.prune_called, t.prunes);
    prop_assert_eq!(c.rcv_pruned, t.prunes_failed);
    prop_assert_eq!(c.rcvq_drop, t.rcvq_dropped);
    prop_assert_eq!(c.ofo_drop, t.ofo_dropped);
    prop_assert_eq!(c.zero_window_drop, t.zero_window_dropped);
    prop_assert_eq!(c.out_segs, b.obs.sent);
    Ok(())
}

fn run(setup: Setup, ops: &[Op]) -> Result<Bench<Tally>, TestCaseError> {
    let mut b = Bench::new(setup, Tally::default());
    let mut edge = Seq(0);
    for op in ops {
        b.op(*op);
        let read = b.obs.read;
        check(&b, read)?;
        for p in std::mem::take(&mut b.out) {
            check_packet(&b, &p, &mut edge)?;
        }
    }
    counters_agree(&b)?;
    Ok(b)
}

/// Fills every hole and reads everything, as far as the window opens at all.
fn drain(b: &mut Bench<Tally>) {
    b.option(LiveOption::RcvBufForce(16 << 20));
    for _ in 0..1_000 {
        while b.read(1 << 24) > 0 {}
        let next = b.rx.rcv_nxt();
        if next >= b.highest && !b.state().ofo {
            break;
        }
        let len = (b.highest - next).clamp(1, 1_000) as u32;
        b.wait(50_000_000);
        b.data(next, len, Flags::default());
    }
    while b.read(1 << 24) > 0 {}
    b.out.clear();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn bytes_and_memory_are_conserved_and_windows_keep_their_promises(setup in setup(), ops in ops()) {
        run(setup, &ops)?;
    }

    #[test]
    fn when_every_hole_is_filled_and_everything_read_nothing_is_charged(setup in setup(), ops in ops()) {
        let mut b = run(setup, &ops)?;
        drain(&mut b);
        let s = b.state();
        // A threshold below the smallest window worth offering keeps it closed for good.
        prop_assume!(s.rcv_nxt == b.highest || s.rcv_wnd > 0);
        prop_assert!(!s.ofo && s.qlen == 0 && s.recvq() == 0, "{s:?}");
        prop_assert_eq!((s.rmem, s.rcv_nxt), (0, b.highest));
        check(&b, b.obs.read)?;
        counters_agree(&b)?;
    }
}

/// More with `PROPTEST_CASES`.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(1_000)
}
