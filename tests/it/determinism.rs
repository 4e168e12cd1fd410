//! The same scenario gives the same bytes: twice, with any number of threads, in any build profile.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::support::{command, listing, ran, run_under, simulate, skmem, whole_gallery};

/// Digests of the gallery. They hold in every build profile and on every platform; a change of the model that moves
/// one is noted in the change log.
const DIGESTS: [(&str, &str); 87] = [
    ("budget-overrun", "70c20feb9f20d881ebbeaca67a419cc5"),
    ("normal-window", "21509542f8d977d3595543103b5652d7"),
    ("adv-win-scale-minus-2", "c21d07b4fd7647d01babe140f603321c"),
    ("adv-win-scale-minus-1", "3463fd6f0bb51a4431c260794a9d62c5"),
    ("adv-win-scale-2", "9857f5d9883092cd92e4cdc2a8b222b2"),
    ("adv-win-scale-3", "bc257a304f2859f7d75aaad853df9bd0"),
    ("quickack", "064a9fc19b7dbf047c2c442c3565b777"),
    ("default-128k", "e3a2d3ca1920f5c21aab1752534609c3"),
    ("slow-opening", "5fff51e7fd3963ad490262711f50a3a6"),
    ("slow-opening-patched", "b357372f689793721ed62dba2024a430"),
    ("spaghetti", "886c52dbca921569be5969ad07440c34"),
    ("tiny-writes", "30edb443bdc57359f876ac03b17ea02a"),
    ("websocket", "9090ca3be077de743ed8ab6e45285b41"),
    ("tiny-sends-unbounded", "107fa8339f03ad2ed4c90d5d1581c59b"),
    ("page-per-packet", "50aaa315dd5163c8306e52846ffd1475"),
    ("half-page-per-packet", "edf7198bf31d2f5f3d5aef488775851b"),
    ("page-16k-per-packet", "2c159af7bdb817c537127430c5ed9a9f"),
    ("header-room", "c691c1b2ee5952513766c2a876191e1a"),
    ("cache-line-128", "762d40cba599a172f3c2413bc454979f"),
    ("pathological-truesize", "935fda580678b89d2cfb83f896395842"),
    ("huge-segments-6.1", "0ef4fe9adae56c84ef9334b02e30c1d5"),
    ("huge-segments-6.12", "9c962301043d7184d632439eba594269"),
    ("huge-segments-6.18", "04ae0c319f1b8327802e2401cc28ad54"),
    ("huge-segments-7.2", "86b6b30db0a04e29d7ea225f455682dc"),
    ("jumbo-receiver", "d782d3d17e5981592167577fc6543cee"),
    ("kernel-upgrade-5.10", "70c20feb9f20d881ebbeaca67a419cc5"),
    ("kernel-upgrade-6.1", "70c20feb9f20d881ebbeaca67a419cc5"),
    ("kernel-upgrade-6.12", "da3f6a26424890958766bfa2d3fdb964"),
    ("kernel-upgrade-6.18", "c67e656729cee45f91f40fcc5e12e14b"),
    ("kernel-upgrade-7.2", "afe29b318314b7c32eb48e025127fcf4"),
    ("ingest-rule-6.12", "38ea279bf9cb1985ae804707015e7b8e"),
    ("ingest-rule-6.18", "7a3b07f552dae3c1087707cf904fa6b1"),
    ("ingest-rule-6.18-ingest-relaxed", "e9c100942e28d28df7deda98bde0459b"),
    ("ingest-rule-7.2", "9927a0cb7b79d0e6fa7aae1cbe84aa0b"),
    ("strict-budget-stall-6.12", "7adffc344f0e7f0e64dbde92a3acdb8c"),
    ("strict-budget-stall-6.18-ingest-truesize", "31564a705c7a867ad4789b07208561fb"),
    ("strict-budget-stall-6.18", "e6388808f90d0627022043235fc65d3e"),
    ("strict-budget-stall-7.2", "9e4f48786cc29c318a381860bfef71d6"),
    ("hole-and-sack", "eb1f10a7205ea031e595d726e43b388c"),
    ("zero-window", "32a29383a1e028508b6cdd14a65def43"),
    ("echo-loopback", "03fda60300bcbdfb5ae5551a028abac4"),
    ("echo-zero-window", "43102575fc8e3189c9668435f2aaf432"),
    ("late-reader", "1ae09615c9924dcd4e481a851cbf1a9b"),
    ("blocked-writer", "94b5d049bdbd44bf2413b98c4f95e1d3"),
    ("window-of-two-segments", "17785854f2b49ca59d1874f88d6c1ad7"),
    ("small-window-and-loss", "58a081b200dc3fc2b508384dd9c9cd82"),
    ("small-window-and-loss-sack", "1343eaf320fc4bbb4aafc862928ce01e"),
    ("eight-segments-and-loss", "4b24cadb7b22f2f88f72c410077b9cdb"),
    ("odd-buffer", "b4456c5484671091ca87529c4bce9797"),
    ("messages-small", "4761ea7f861e09f978760dec096c7a44"),
    ("messages-medium", "8497dfae89ba4ef33157a7dd887104eb"),
    ("messages-large", "d459f6301b9099a467ae9e568f3ca40b"),
    ("gigabit-2ms", "709a3ffa8c5a2dd6111ba28901453078"),
    ("gigabit-2ms-small", "194ab280db3a6c2f88f5631e91c3ec76"),
    ("gigabit-2ms-large", "4f960004c3403199031fdde8e27cc740"),
    ("gigabit-50ms", "c3e99128464085599de56370b5d720f4"),
    ("gigabit-50ms-small", "dae0c4fc5d6113f4696c4068c7fb81d4"),
    ("gigabit-50ms-large", "89a1b2a86719a78bc486ca86e52a5d6e"),
    ("ten-gigabit-100ms", "09d889c98a002a0289e41fc6172498c8"),
    ("no-window-scaling", "e0e5774682765c19b06655b9e414b9c9"),
    ("rcvbuf-before-connect", "43868ce6d7efdb014c2ecdea9bc27280"),
    ("rcvbuf-after-connect-5.10", "1283cf0e260e563dfed8a54633e0806c"),
    ("rcvbuf-after-connect-6.1", "8edec8202d146718ada72ae0576e0413"),
    ("rcvbuf-after-connect-6.12", "5c16ebf1e51878b146bcc5654d1a1a99"),
    ("rcvbuf-after-connect-6.18", "19a9c62c91b38c29c48df55e243c26c0"),
    ("rcvbuf-after-connect-7.2", "48d18a445493d9c946273efcf7748d98"),
    ("rcvbuf-on-a-long-path", "26149c7cfb920838da83c75a0f3f266c"),
    ("autotuned-on-a-long-path", "1ea19156a694c1d998ca3ced9af7584c"),
    ("autotuning-bulk", "5a835cfe801c37f1b6f5fefeedf07637"),
    ("fixed-64k", "c7bdc991a1678a9a79cb51dc4875df75"),
    ("right-sizing-2mb", "3f0c830317035c0dd5b8b71e6c980fd9"),
    ("drs-50ms-before", "4d80345b8797bf6b42b2647c2ae7ae61"),
    ("drs-50ms-after", "a33e7aa67db68049cb997b717388c4c6"),
    ("low-rtt-autotuning-6.18", "daf114258b8ddd580504254632e9f0f1"),
    ("low-rtt-autotuning-7.2", "92891e5e03388c8398d271c3c8d4dfbe"),
    ("fin-out-of-order", "4266a8568a1ce9f5ef5b548e7cc72a9e"),
    ("zero-window-fin", "e54852e997417e50607337ead6f7c039"),
    ("duplicate-sack", "c70e003766f9f385dcfddfc62875e92a"),
    ("budget-grows-out-of-order", "dd8e69cb0d798afe8de3402dd2ce3ade"),
    ("packet-too-big", "9d6a0bc7b27b939911fe1e1a3f29d3aa"),
    ("beyond-the-window", "f1ef2897e71c1cec56f418419b629393"),
    ("window-retracted", "ac3c78c6affd575c74587a043a118d3a"),
    ("memory-squeeze", "68173093147dcba1baa7f7a7c8a1f463"),
    ("loss-and-reordering", "ceddd7930d21a500971b25c74629c0f6"),
    ("bufferbloat", "e50369632433e6d0c36e63439f1558b4"),
    ("bufferbloat-small-queue", "b82efaaa5d025b4a4338c4436b299ded"),
    ("bufferbloat-small-window", "63df93b49f035f5be5c164247ecc5717"),
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
    // What is printed, seven files of each run, and three that lay kernels side by side.
    let kernels = 5;
    assert_eq!(first.len(), 1 + 7 * (WRITTEN.len() - 1 + kernels) + 3);
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
