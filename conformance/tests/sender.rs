//! Recorded ACKs through the model's sender: every packet and its congestion state, to the segment.

use conformance::recording::Store;
use conformance::sender_replay::sender_replay;
use std::path::Path;

/// Cases of the sender with a program that writes all it has at once.
const CASES: [&str; 8] = [
    "v1_cubic_one_loss",
    "v2_reno_losses",
    "v3_cubic_losses",
    "v5_nosack_loss",
    "v7_reorder_dsack",
    "v10_nosack_reorder",
    "v13_spurious_timeouts",
    "v14_reorder_nots",
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
    assert!(seen >= 28, "{seen} recordings");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
