//! The same scenario gives the same bytes: twice, with any number of threads, in any build profile.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::support::{command, listing, ran, run_under, simulate, skmem, whole_gallery};

/// Digests of the gallery. They hold in every build profile and on every platform; a change of the model that moves
/// one is noted in the change log.
const DIGESTS: [(&str, &str); 50] = [
    ("budget-overrun", "70c20feb9f20d881ebbeaca67a419cc5"),
    ("normal-window", "21509542f8d977d3595543103b5652d7"),
    ("quickack", "064a9fc19b7dbf047c2c442c3565b777"),
    ("default-128k", "e3a2d3ca1920f5c21aab1752534609c3"),
    ("slow-opening", "5fff51e7fd3963ad490262711f50a3a6"),
    ("slow-opening-patched", "b357372f689793721ed62dba2024a430"),
    ("spaghetti", "886c52dbca921569be5969ad07440c34"),
    ("tiny-writes", "30edb443bdc57359f876ac03b17ea02a"),
    ("websocket", "9090ca3be077de743ed8ab6e45285b41"),
    ("page-per-packet", "50aaa315dd5163c8306e52846ffd1475"),
    ("huge-segments-6.1", "0ef4fe9adae56c84ef9334b02e30c1d5"),
    ("huge-segments-6.12", "9c962301043d7184d632439eba594269"),
    ("huge-segments-6.18", "04ae0c319f1b8327802e2401cc28ad54"),
    ("huge-segments-6.18-ingest-relaxed", "04ae0c319f1b8327802e2401cc28ad54"),
    ("huge-segments-7.2", "86b6b30db0a04e29d7ea225f455682dc"),
    ("jumbo-receiver", "100951f5a31f5d67808b143449aa09cd"),
    ("kernel-upgrade-5.10", "70c20feb9f20d881ebbeaca67a419cc5"),
    ("kernel-upgrade-6.1", "70c20feb9f20d881ebbeaca67a419cc5"),
    ("kernel-upgrade-6.12", "da3f6a26424890958766bfa2d3fdb964"),
    ("kernel-upgrade-6.18", "c67e656729cee45f91f40fcc5e12e14b"),
    ("kernel-upgrade-7.2", "afe29b318314b7c32eb48e025127fcf4"),
    ("ingest-rule-6.12", "38ea279bf9cb1985ae804707015e7b8e"),
    ("ingest-rule-6.18", "7a3b07f552dae3c1087707cf904fa6b1"),
    ("ingest-rule-6.18-ingest-relaxed", "e9c100942e28d28df7deda98bde0459b"),
    ("ingest-rule-7.2", "9927a0cb7b79d0e6fa7aae1cbe84aa0b"),
    ("hole-and-sack", "5b97429fc9cced9da2fc7de66255623c"),
    ("zero-window", "32a29383a1e028508b6cdd14a65def43"),
    ("late-reader", "1ae09615c9924dcd4e481a851cbf1a9b"),
    ("blocked-writer", "94b5d049bdbd44bf2413b98c4f95e1d3"),
    ("window-of-two-segments", "d347afe514894040e96019ccaf4be4f5"),
    ("small-window-and-loss", "58a081b200dc3fc2b508384dd9c9cd82"),
    ("odd-buffer", "b4456c5484671091ca87529c4bce9797"),
    ("messages-small", "9e0850ca14f17c646d9a4fe2b193c071"),
    ("messages-medium", "782e9052fd39923ea1ad654b04c274b0"),
    ("messages-large", "3db14c427bc7efc9f3de4194143154e2"),
    ("gigabit-2ms", "eae7a4440986fb652b75553d3d2f8b36"),
    ("gigabit-50ms", "e0b38a9aabd383180a7916b482e24ec6"),
    ("no-window-scaling", "e0e5774682765c19b06655b9e414b9c9"),
    ("rcvbuf-before-connect", "43868ce6d7efdb014c2ecdea9bc27280"),
    ("rcvbuf-after-connect", "fd259fc68720b390bf9db18de8b8195d"),
    ("rcvbuf-on-a-long-path", "26149c7cfb920838da83c75a0f3f266c"),
    ("autotuned-on-a-long-path", "1ea19156a694c1d998ca3ced9af7584c"),
    ("autotuning-bulk", "686a489ee3b663204e1e6689dddeaf9a"),
    ("fixed-64k", "884fa77dfb6960302300c7d220369100"),
    ("right-sizing-2mb", "22a15d939c44061862d248ddd6ec4520"),
    ("drs-50ms-before", "4d80345b8797bf6b42b2647c2ae7ae61"),
    ("drs-50ms-after", "a33e7aa67db68049cb997b717388c4c6"),
    ("fin-out-of-order", "ea820be987eb77f4c22d2341bdfe3794"),
    ("loss-and-reordering", "ceddd7930d21a500971b25c74629c0f6"),
    ("bufferbloat", "e50369632433e6d0c36e63439f1558b4"),
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
