//! Recorded ACKs through the model's sender, and whole runs from their configuration: every packet and its congestion
//! state, to the segment.

use conformance::end_to_end::sent_packets;
use conformance::recording::Store;
use conformance::sender_replay::sender_replay;
use std::path::Path;

/// Cases of the sender with a program that writes all it has at once.
const CASES: [&str; 11] = [
    "v1_cubic_one_loss",
    "v2_reno_losses",
    "v3_cubic_losses",
    "v5_nosack_loss",
    "v7_reorder_dsack",
    "v10_nosack_reorder",
    "v13_spurious_timeouts",
    "v14_reorder_nots",
    "w1_cubic_curve",
    "w2_reno_curve",
    "w14_nosack_losses",
];

#[test]
fn every_packet_of_the_recorded_senders_leaves_with_the_recorded_congestion_state() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../validation/sender/recordings");
    let store = Store::open(dir).unwrap();
    let (mut seen, mut wrong) = (0, Vec::new());
    for id in store.cases().iter().filter(|id| CASES.contains(&id.case.as_str())) {
        let score = sender_replay(&store.load(id).unwrap()).unwrap();
        seen += 1;
        if score.exact != score.packets || score.sent != score.packets {
            wrong.push(format!("{id}: {score:?}"));
        }
    }
    assert!(seen >= 31, "{seen} recordings");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Cases in which nobody reads: nothing but the configuration decides what happens.
#[test]
fn every_packet_follows_from_the_configuration_alone_where_nobody_reads() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../validation/sender/recordings");
    let store = Store::open(dir).unwrap();
    let (mut packets, mut wrong) = (0, Vec::new());
    for id in store.cases().iter().filter(|id| id.case.starts_with('w')) {
        let sent = sent_packets(&store.load(id).unwrap()).unwrap();
        packets += sent.recorded;
        if sent.equal != sent.recorded || sent.first_difference.is_some() {
            wrong.push(format!("{id}: {sent:?}"));
        }
    }
    assert!(packets >= 7_000, "{packets} packets");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
