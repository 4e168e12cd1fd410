//! The same scenario gives the same bytes: twice, with any number of threads, in any build profile.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::support::{command, listing, ran, run_under, simulate, simulate_stepwise, skmem, whole_gallery};

/// Digests of the gallery. They hold in every build profile and on every platform; a change of the model that moves
/// one is noted in the change log.
const DIGESTS: &[(&str, &str)] = &[
    ("budget-overrun", "38dd93f8fb5ceb737c1b54ebfbc82dbd"),
    ("normal-window", "85d55be71424fb629f5ed8a22fe43214"),
    ("adv-win-scale-minus-2", "b5561e0206190dd745fbc42ad270f503"),
    ("adv-win-scale-minus-1", "736efa8b4dcaebbadc0feac645d5c523"),
    ("adv-win-scale-2", "cce3842819042c8dba126a704bccfcd5"),
    ("adv-win-scale-3", "03b562c457155c43a0a477a64065cbd6"),
    ("quickack", "1694bea69a8525cbeaeae457be96135f"),
    ("default-128k", "6e9c321aedac528a6c7ed07ca24be3a0"),
    ("slow-opening", "6b0f36cb8896134af01b20e85d344990"),
    ("slow-opening-patched", "8fa20b11b6cf03b3091cd8f6c5cddf50"),
    ("spaghetti", "9f1f7209156e0615b13696c1c5373393"),
    ("tiny-writes", "e02c3ac21743eb5af76e92363c350a3c"),
    ("websocket", "9b4ee2410e143cf9fdade74aacae6a43"),
    ("tiny-sends-unbounded", "83dd62b724b7096791b8aa6997d72736"),
    ("page-per-packet", "4a309440ee5ac292a97c5f11969d5b08"),
    ("half-page-per-packet", "47789a28fe02e2e25663322b19aadc66"),
    ("page-16k-per-packet", "ad7739678910d954945ade49c4328544"),
    ("header-room", "d09280787d47259d5395a056d69de03c"),
    ("cache-line-128", "a1b3aefbf1ae99110c5673a34584c54b"),
    ("pathological-truesize", "63234baf961ded1f8c632f99d2a5f1ce"),
    ("huge-segments-6.1", "0cda1e4cede04983a290285f06db3ec6"),
    ("huge-segments-6.12", "78ff14427fb1be423d0bad4a8cd1b918"),
    ("huge-segments-6.18", "c55a18b2819bad6d132d169a4029f5f5"),
    ("huge-segments-7.2", "aa6027008acb7917692a262ba97d7280"),
    ("jumbo-receiver", "edf8263ecc986a9d5ef5dadc3c4dd543"),
    ("kernel-upgrade-5.10", "38dd93f8fb5ceb737c1b54ebfbc82dbd"),
    ("kernel-upgrade-6.1", "38dd93f8fb5ceb737c1b54ebfbc82dbd"),
    ("kernel-upgrade-6.12", "d6a22885b7193ba6e5dcdfdb667ea72f"),
    ("kernel-upgrade-6.18", "4eaafe7f9b490368874a667a612b41f9"),
    ("kernel-upgrade-7.2", "d48e71e76330b15854f7248f993cab07"),
    ("ingest-rule-6.12", "d3c5648bd1ac370b3f04c2c090827a32"),
    ("ingest-rule-6.18", "bde085e6702b1b072ea77cbcd4cccd7c"),
    ("ingest-rule-6.18-ingest-relaxed", "cdd1c76d3ab77ddc1e769464fa0bba2a"),
    ("ingest-rule-7.2", "6aaeff888085bd16b00099140f628124"),
    ("strict-budget-stall-6.12", "e5cb1e99b16eee18064f6bdb38922532"),
    ("strict-budget-stall-6.18-ingest-truesize", "0705819cc183c8e5747dc82218f087c4"),
    ("strict-budget-stall-6.18", "d834f8b6d568ac08133ba2631c84f478"),
    ("strict-budget-stall-7.2", "8aec4ed86c108b0184df7b7f3d3a7cbf"),
    ("hole-and-sack", "1d5ed6cc9871e5a6b776f1363b5f4b37"),
    ("zero-window", "576c14b357c1ff27c754f2cdb129ed79"),
    ("echo-loopback", "761be00f948075550b1445e520dd7c49"),
    ("echo-zero-window", "efd5b045cb75e7c9962c811b583ee974"),
    ("late-reader", "e0fd24c6f7533b2568b9ab46e74bc2ec"),
    ("blocked-writer", "2a203e5e0a3bfac0d8456338d0602713"),
    ("window-of-two-segments", "4df86d04757b0b2ea22993509b4aa340"),
    ("small-window-and-loss", "53521f85a1616117a385f34d5e5c0aa9"),
    ("small-window-and-loss-sack", "60acfe609434702702fefda8fc21a64c"),
    ("eight-segments-and-loss", "2e1ae2b937df4ea68538951f7e68e41b"),
    ("odd-buffer", "3cd8dec9950f9bfadcfb07d030189af4"),
    ("messages-small", "3e47b4bdf2acc8681eadeadd42c34230"),
    ("messages-medium", "12721f5884cde501984e580e903e15c7"),
    ("messages-large", "cf75d569f49f5a60984ac4e737f3bf1b"),
    ("gigabit-2ms", "3cdd48d5a7fde9b297f72684116ac2d8"),
    ("gigabit-2ms-small", "ca6722f8777dac8e4a1ae3b6f50dcbf9"),
    ("gigabit-2ms-large", "be7ab489df24c4993fd8389558492569"),
    ("gigabit-50ms", "6580394c15363b89f94743bae3819133"),
    ("gigabit-50ms-small", "19935f6431d8148af230b539a0a9f197"),
    ("gigabit-50ms-large", "c91eb05f955d2b313b5ec96f00f5d0ed"),
    ("ten-gigabit-100ms", "c44de94c26924ddb9785c118eda4970d"),
    ("no-window-scaling", "444c66619ed523d3fbde420124d76561"),
    ("rcvbuf-before-connect", "e9cbb7a8a4493d1438d748833bcfbf0a"),
    ("rcvbuf-after-connect-5.10", "efb19f7c4dcf90b2072005720abe4502"),
    ("rcvbuf-after-connect-6.1", "bb389fa0163a839d3ed0113df2da51e1"),
    ("rcvbuf-after-connect-6.12", "9269e7fb88185313e43d1dd37972f6ee"),
    ("rcvbuf-after-connect-6.18", "fef7dedb3204208b2d0cecb536e6c185"),
    ("rcvbuf-after-connect-7.2", "799ce9bd2ad9b05262f4e41552d16828"),
    ("rcvbuf-on-a-long-path", "942337fe00d16991f8c4ac239c7c5a60"),
    ("autotuned-on-a-long-path", "0eba59eb198b5f7582936b9459e29ec1"),
    ("autotuning-bulk", "5b66e597ad3c0e21d322ed25e1d15639"),
    ("fixed-64k", "142243dcb54bcf6bc021168dac960a29"),
    ("right-sizing-2mb", "0a1a7d2a04f02b7715c5a61724c70962"),
    ("drs-50ms-before", "fd5294f149f5faadc7d241c886db41e3"),
    ("drs-50ms-after", "70bad7ca24df4cfcb4e562d426060b07"),
    ("low-rtt-autotuning-6.18", "325c14c66994c3edc793d73e358d9800"),
    ("low-rtt-autotuning-7.2", "48bb07444e1b153b8644e527938139d4"),
    ("fin-out-of-order", "3ca7319329c557f767f7f554f02b39b7"),
    ("zero-window-fin", "9227ad2e756995c607aa21fd125f6119"),
    ("duplicate-sack", "97012c3d04a31ead1d3e09b1da4a7cbe"),
    ("budget-grows-out-of-order", "f249a8337cbb4648d9b4987c7dae4298"),
    ("packet-too-big", "7055e98fa7bb9593cd23f43f9ad116c1"),
    ("beyond-the-window", "cfa9abd8a9358a42fc8446f242de452e"),
    ("window-retracted", "50f48d01596f602befcca875023f6fd1"),
    ("memory-squeeze", "7989bc7eecfa9c28d7437d30e8ac6b19"),
    ("loss-and-reordering", "095db1cec8fe69dd3f9e2e85846c83d3"),
    ("bufferbloat", "6fc2226a53539202f631faea347d097b"),
    ("bufferbloat-small-queue", "f5a52107cda6d86cb589a1d7614f6f87"),
    ("bufferbloat-small-window", "350e138baecec0577ee02926f89ca56c"),
    ("ecn-instead-of-loss", "c0dcd70e6b25b1384a780795385a0cd3"),
    ("memory-500-connections", "fb131d191c40983b0be1337d5316a085"),
    ("memory-2000-connections", "617b2e4c12fd05622ac5ac2f2e4a1740"),
    ("memory-orphans", "96ef6fce852e36e7b9ebfa449553549c"),
    ("pressure-blocks-writers", "a429c03f56d4023fdd345549654225a1"),
    ("collapse-stall", "85257ef9b6d03dd61e8abaec943b09fb"),
    ("small-queues", "fc845bf82c8da6e7fbf1a4f86da4b1d3"),
    ("paced-sender", "b9c6321bda42cc2ba7a81b244d9bba75"),
    ("burst-after-idle", "b6dcb4a9d8da32f6b6ef79f72edf1ca4"),
    ("burst-after-idle-fq", "71a807096a6a51bcbbbf5c5d06bb47e7"),
];

/// Name and digest of every scenario of the gallery, on each of its kernels.
fn digests() -> Vec<(String, String)> {
    whole_gallery().iter().map(|s| (s.name.clone(), simulate(s).2.digest.unwrap())).collect()
}

#[test]
fn the_gallery_has_known_digests_in_every_profile() {
    let expected: Vec<(String, String)> =
        DIGESTS.iter().map(|(n, d)| ((*n).to_owned(), (*d).to_owned())).collect();
    assert_eq!(digests(), expected);
}

#[test]
fn the_command_and_the_libraries_give_the_same_digests() {
    let mut args = vec!["run", "--quiet"];
    args.extend(scenarios::gallery().iter().map(|(name, _)| *name));
    let out = skmem(&args).out;
    for (name, digest) in digests() {
        let line = out.lines().find(|l| l.starts_with(&format!("{name}: "))).unwrap();
        assert!(line.ends_with(&digest), "{line}: {digest}");
    }
}

/// Scenarios that print and write all there is to print and write: losses, several kernels, injections, reads, collapses.
const WRITTEN: [&str; 8] = [
    "budget-overrun",
    "normal-window",
    "spaghetti",
    "tiny-writes",
    "kernel-upgrade",
    "hole-and-sack",
    "zero-window",
    "late-reader",
];

/// Everything that a run of [`WRITTEN`] prints and writes.
fn everything(threads: &str) -> BTreeMap<String, Vec<u8>> {
    let dir = tempfile::tempdir().unwrap();
    let mut args = vec!["run", "-o", "out", "--columns", "all"];
    args.extend(WRITTEN);
    let output = command(dir.path(), &args).env("RAYON_NUM_THREADS", threads).output().unwrap();
    let r = ran(output);
    let read = |name: String| {
        let path = dir.path().join(&name);
        path.is_file().then(|| (name, fs::read(path).unwrap()))
    };
    let mut all: BTreeMap<_, _> = listing(dir.path()).into_iter().filter_map(read).collect();
    all.insert("stdout".to_owned(), r.out.into_bytes());
    all
}

#[test]
fn the_same_bytes_twice_and_with_one_and_two_threads() {
    let first = everything("1");
    // What is printed, seven files of each run, the hosts' sockets of those that are not scripts, and three files that
    // lay kernels side by side.
    let (kernels, scripts) = (5, 2);
    let runs = WRITTEN.len() - 1 + kernels;
    assert_eq!(first.len(), 1 + 7 * runs + (runs - scripts) + 3);
    for (what, again) in [("twice", everything("1")), ("two threads", everything("2"))] {
        assert!(first.keys().eq(again.keys()), "{what}");
        for (name, bytes) in &first {
            assert!(again[name] == *bytes, "{what}: {name} differs");
        }
    }
}

#[test]
fn a_trace_does_not_depend_on_who_watches() {
    for scenario in whole_gallery() {
        let (watched, _, _) = simulate(&scenario);
        let alone = run_under(&scenario, &mut sim_core::observer::Silent);
        assert_eq!(watched, alone, "{}", scenario.name);
    }
}

/// Fails at the first row that one has and the other has not.
fn same_rows<T: PartialEq + std::fmt::Debug>(what: &str, at_once: &[T], stepwise: &[T]) {
    for (i, (a, b)) in at_once.iter().zip(stepwise).enumerate() {
        assert_eq!(a, b, "{what} {i}");
    }
    assert_eq!(at_once.len(), stepwise.len(), "{what}");
}

#[test]
fn what_is_done_at_once_is_row_by_row_what_single_steps_come_to() {
    for scenario in whole_gallery() {
        let name = &scenario.name;
        let (ended, trace, _) = simulate(&scenario);
        let (ended_stepwise, stepwise, _) = simulate_stepwise(&scenario);
        same_rows(&format!("{name}: row"), &trace.rows, &stepwise.rows);
        same_rows(&format!("{name}: ACK"), &trace.acks, &stepwise.acks);
        same_rows(&format!("{name}: read"), &trace.reads, &stepwise.reads);
        same_rows(&format!("{name}: packet"), &trace.tx, &stepwise.tx);
        assert_eq!(trace, stepwise, "{name}");
        assert_eq!(ended, ended_stepwise, "{name}");
    }
}

#[test]
fn no_map_with_random_order_is_used_where_output_is_made() {
    // The model has the same ban as a lint; here it holds for everything that writes.
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in ["src", "sim-core/src", "scenarios/src", "results/src", "plots/src", "conformance/src"] {
        for name in listing(&root.join(folder)).iter().filter(|n| n.ends_with(".rs")) {
            let text = fs::read_to_string(root.join(folder).join(name)).unwrap();
            // The progress line and the time budget of a sweep look at the clock; no row does.
            let progress = folder == "src" && ["cmd/sweep.rs", "progress.rs"].contains(&name.as_str());
            let clock = if progress { "SystemTime::now" } else { "Instant::now" };
            let banned = ["HashMap", "HashSet", "SystemTime::now", clock];
            let found = banned.into_iter().find(|w| text.contains(w));
            assert_eq!(found, None, "{folder}/{name}");
        }
    }
}
