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
    ("adv-win-scale-minus-2", "386cef417807c80f4efb0dcfb5fbf738"),
    ("adv-win-scale-minus-1", "736efa8b4dcaebbadc0feac645d5c523"),
    ("adv-win-scale-2", "cce3842819042c8dba126a704bccfcd5"),
    ("adv-win-scale-3", "03b562c457155c43a0a477a64065cbd6"),
    ("quickack", "1694bea69a8525cbeaeae457be96135f"),
    ("default-128k", "6e9c321aedac528a6c7ed07ca24be3a0"),
    ("slow-opening", "6b0f36cb8896134af01b20e85d344990"),
    ("slow-opening-patched", "8fa20b11b6cf03b3091cd8f6c5cddf50"),
    ("spaghetti", "a86e4d90fc1f6117029d7103424dc37e"),
    ("tiny-writes", "e02c3ac21743eb5af76e92363c350a3c"),
    ("websocket", "e585d2b6990be8afa462c47c3a8d4f81"),
    ("tiny-sends-unbounded", "83dd62b724b7096791b8aa6997d72736"),
    ("page-per-packet", "4a309440ee5ac292a97c5f11969d5b08"),
    ("half-page-per-packet", "47789a28fe02e2e25663322b19aadc66"),
    ("page-16k-per-packet", "c60cb78348031357f135c2c26f389bb8"),
    ("header-room", "d09280787d47259d5395a056d69de03c"),
    ("cache-line-128", "a1b3aefbf1ae99110c5673a34584c54b"),
    ("pathological-truesize", "63234baf961ded1f8c632f99d2a5f1ce"),
    ("huge-segments-6.1", "0cda1e4cede04983a290285f06db3ec6"),
    ("huge-segments-6.12", "78ff14427fb1be423d0bad4a8cd1b918"),
    ("huge-segments-6.18", "c55a18b2819bad6d132d169a4029f5f5"),
    ("huge-segments-7.2", "aa6027008acb7917692a262ba97d7280"),
    ("jumbo-receiver", "97b6ba7403ab22b0092f6d9f6246e186"),
    ("kernel-upgrade-5.10", "38dd93f8fb5ceb737c1b54ebfbc82dbd"),
    ("kernel-upgrade-6.1", "38dd93f8fb5ceb737c1b54ebfbc82dbd"),
    ("kernel-upgrade-6.12", "d6a22885b7193ba6e5dcdfdb667ea72f"),
    ("kernel-upgrade-6.18", "4eaafe7f9b490368874a667a612b41f9"),
    ("kernel-upgrade-7.2", "d48e71e76330b15854f7248f993cab07"),
    ("ingest-rule-6.12", "f95622b90e9528c23d11dc308d748d48"),
    ("ingest-rule-6.18", "ecb15af24f12cbfc5ca8d87aec26edee"),
    ("ingest-rule-6.18-ingest-relaxed", "86256c6f9968ec05c30a9c33fd9a1492"),
    ("ingest-rule-7.2", "9c6b6b36bb56e56413368ed934bcf267"),
    ("strict-budget-stall-6.12", "e5cb1e99b16eee18064f6bdb38922532"),
    ("strict-budget-stall-6.18-ingest-truesize", "0705819cc183c8e5747dc82218f087c4"),
    ("strict-budget-stall-6.18", "d834f8b6d568ac08133ba2631c84f478"),
    ("strict-budget-stall-7.2", "8aec4ed86c108b0184df7b7f3d3a7cbf"),
    ("hole-and-sack", "1d5ed6cc9871e5a6b776f1363b5f4b37"),
    ("zero-window", "576c14b357c1ff27c754f2cdb129ed79"),
    ("echo-loopback", "532b9271506378e64b605e4f78650d8a"),
    ("echo-zero-window", "f96b474600907b3a38d07059c9bdac08"),
    ("late-reader", "f27deb7fdb34cbbfbf7fcae12ca685e4"),
    ("blocked-writer", "2a203e5e0a3bfac0d8456338d0602713"),
    ("window-of-two-segments", "2cf7944f7e5b6557c9a543fa21e16706"),
    ("small-window-and-loss", "53521f85a1616117a385f34d5e5c0aa9"),
    ("small-window-and-loss-sack", "e22300ba4eb8ed95cd925cef075d48dd"),
    ("eight-segments-and-loss", "40a3a9a6707e27545215a8e042db17e4"),
    ("odd-buffer", "3cd8dec9950f9bfadcfb07d030189af4"),
    ("messages-small", "711bd8d63fb6add5cad64065f24a9847"),
    ("messages-medium", "f4c8745ff447f12daf6e85c1e69f3fb7"),
    ("messages-large", "49bc7eec556f8160d57dd0899da7f66b"),
    ("gigabit-2ms", "ba55e6202b8df990f1646ba64fec863f"),
    ("gigabit-2ms-small", "ca6722f8777dac8e4a1ae3b6f50dcbf9"),
    ("gigabit-2ms-large", "0dbeccee5a27b306add59f8271b4566b"),
    ("gigabit-50ms", "df63436e04ac5bc243c9bfa4a12cb0e8"),
    ("gigabit-50ms-small", "df40bb84853dd7fe9ed732561fe96cbf"),
    ("gigabit-50ms-large", "c91eb05f955d2b313b5ec96f00f5d0ed"),
    ("ten-gigabit-100ms", "7a9364135e6bc3c73ad88bea559a0f31"),
    ("no-window-scaling", "0261781d2fee3e448244f269f39aac9b"),
    ("rcvbuf-before-connect", "08a265a7fe41ada2b68ae335e7568853"),
    ("rcvbuf-after-connect-5.10", "efb19f7c4dcf90b2072005720abe4502"),
    ("rcvbuf-after-connect-6.1", "bb389fa0163a839d3ed0113df2da51e1"),
    ("rcvbuf-after-connect-6.12", "9269e7fb88185313e43d1dd37972f6ee"),
    ("rcvbuf-after-connect-6.18", "fef7dedb3204208b2d0cecb536e6c185"),
    ("rcvbuf-after-connect-7.2", "d9111ff87814f55800108a3dc78895a7"),
    ("rcvbuf-on-a-long-path", "942337fe00d16991f8c4ac239c7c5a60"),
    ("autotuned-on-a-long-path", "f89c2323834b918a13d60ed899429ac7"),
    ("autotuning-bulk", "4fb90287c2c6718c240a9c6debbc8648"),
    ("fixed-64k", "142243dcb54bcf6bc021168dac960a29"),
    ("right-sizing-2mb", "dd8a5fc5b2109b2f77ef54532f0c3cae"),
    ("drs-50ms-before", "fd5294f149f5faadc7d241c886db41e3"),
    ("drs-50ms-after", "70bad7ca24df4cfcb4e562d426060b07"),
    ("low-rtt-autotuning-6.18", "cc61fda1272cd1212fd519c9344444e5"),
    ("low-rtt-autotuning-7.2", "04d517bf07bc6fe3befc5b7f4d2b958e"),
    ("fin-out-of-order", "3ca7319329c557f767f7f554f02b39b7"),
    ("zero-window-fin", "9227ad2e756995c607aa21fd125f6119"),
    ("duplicate-sack", "d70a9e20dfa73f23504314837cb13610"),
    ("budget-grows-out-of-order", "f249a8337cbb4648d9b4987c7dae4298"),
    ("packet-too-big", "7055e98fa7bb9593cd23f43f9ad116c1"),
    ("beyond-the-window", "cfa9abd8a9358a42fc8446f242de452e"),
    ("window-retracted", "50f48d01596f602befcca875023f6fd1"),
    ("memory-squeeze", "7989bc7eecfa9c28d7437d30e8ac6b19"),
    ("loss-and-reordering", "4a235c1c4cdac02638c56207ae7a58f3"),
    ("bufferbloat", "c827ed4c21ea66d87ffbcb9e2748f97b"),
    ("bufferbloat-small-queue", "91ad536133ca3fa2892ad11824284191"),
    ("bufferbloat-small-window", "f66fa988397c736b8bb5b8ba0b2adbc9"),
    ("ecn-instead-of-loss", "fbfe2eb0d59edbb59d869baa9f90131a"),
    ("memory-500-connections", "43c6bc5c93ffe4f06926bf273fd2a08d"),
    ("memory-2000-connections", "f87c950011575f77260fb7ffb2977a16"),
    ("memory-orphans", "384da8aadb8be713e1b85a83d9f5eac2"),
    ("pressure-blocks-writers", "3e38fe3ebc3bbfe3a737b752fd33dc66"),
    ("collapse-stall", "a878c0895c142bd3aa43a5f1f7dd516a"),
    ("small-queues", "b90451a379aaea43d09cd99116e2cc3d"),
    ("paced-sender", "b9c6321bda42cc2ba7a81b244d9bba75"),
    ("burst-after-idle", "e9353e17a0144c19015262577506c4c5"),
    ("burst-after-idle-fq", "d94869c591c7f4dec93d05c6ed43d156"),
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
            // The progress line and the estimate of a dry run look at the clock; no row does.
            let progress =
                folder == "src" && ["cmd/sweep/dry_run.rs", "progress.rs"].contains(&name.as_str());
            let clock = if progress { "SystemTime::now" } else { "Instant::now" };
            let banned = ["HashMap", "HashSet", "SystemTime::now", clock];
            let found = banned.into_iter().find(|w| text.contains(w));
            assert_eq!(found, None, "{folder}/{name}");
        }
    }
}
