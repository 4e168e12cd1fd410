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
    ("websocket", "0711e144cd9ff8f1c78c2c66edb59734"),
    ("page-per-packet", "e45178f32ed2376b9e7ac3f07bc7557a"),
    ("huge-segments-6.1", "604fbe9f0e354666ee396684a671db4b"),
    ("huge-segments-6.12", "6b4e5f14ecb8def42f7d3aaee3fd568e"),
    ("huge-segments-6.18", "10cca757efa2e0c95dd53f85dc9eb4a1"),
    ("huge-segments-6.18-ingest-relaxed", "10cca757efa2e0c95dd53f85dc9eb4a1"),
    ("huge-segments-7.2", "20e912413caa0553c97a821520027a3c"),
    ("jumbo-receiver", "776bb12db4637451d897a0ce8ad7c092"),
    ("kernel-upgrade-5.10", "70c20feb9f20d881ebbeaca67a419cc5"),
    ("kernel-upgrade-6.1", "70c20feb9f20d881ebbeaca67a419cc5"),
    ("kernel-upgrade-6.12", "da3f6a26424890958766bfa2d3fdb964"),
    ("kernel-upgrade-6.18", "c67e656729cee45f91f40fcc5e12e14b"),
    ("kernel-upgrade-7.2", "afe29b318314b7c32eb48e025127fcf4"),
    ("ingest-rule-6.12", "347fab574278d61408f0d6b28e91fd67"),
    ("ingest-rule-6.18", "532336049cb0dd37dd128f84d93fd7a5"),
    ("ingest-rule-6.18-ingest-relaxed", "6dfdfcc39f550a0f844de27c9104d154"),
    ("ingest-rule-7.2", "51d10884762d361e42dd97b8ff2be1f9"),
    ("hole-and-sack", "5b97429fc9cced9da2fc7de66255623c"),
    ("zero-window", "32a29383a1e028508b6cdd14a65def43"),
    ("late-reader", "922e61c9956e3905b04f99e983da6b33"),
    ("blocked-writer", "131973048d09880e0837f85a49f1a8d9"),
    ("window-of-two-segments", "d347afe514894040e96019ccaf4be4f5"),
    ("small-window-and-loss", "58a081b200dc3fc2b508384dd9c9cd82"),
    ("odd-buffer", "890b05f5d314d16159388d9299524fe1"),
    ("messages-small", "9e0850ca14f17c646d9a4fe2b193c071"),
    ("messages-medium", "782e9052fd39923ea1ad654b04c274b0"),
    ("messages-large", "3db14c427bc7efc9f3de4194143154e2"),
    ("gigabit-2ms", "f82cbebafef190a99a47408a19fe0ea3"),
    ("gigabit-50ms", "f554d911afa8a6650e784c40410f04b6"),
    ("no-window-scaling", "4954bb17422c8ef325fe8b3aa422c967"),
    ("rcvbuf-before-connect", "07b38549f9958928db274af87b34c7e0"),
    ("rcvbuf-after-connect", "fd259fc68720b390bf9db18de8b8195d"),
    ("rcvbuf-on-a-long-path", "26149c7cfb920838da83c75a0f3f266c"),
    ("autotuned-on-a-long-path", "7d1cf4cfb92aa5e2d00703e7d0d578e8"),
    ("autotuning-bulk", "2f16a01ca38e550362b1fc3859554ac5"),
    ("fixed-64k", "884fa77dfb6960302300c7d220369100"),
    ("right-sizing-2mb", "88bd4b28775891ac110fec3db191c099"),
    ("drs-50ms-before", "4d80345b8797bf6b42b2647c2ae7ae61"),
    ("drs-50ms-after", "a33e7aa67db68049cb997b717388c4c6"),
    ("fin-out-of-order", "ea820be987eb77f4c22d2341bdfe3794"),
    ("loss-and-reordering", "3072ba5c4029c3eff34b68574ca94b3a"),
    ("bufferbloat", "41ab20addd28ef878b12bf482c6d853e"),
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
            let found =
                ["HashMap", "HashSet", "SystemTime::now", "Instant::now"].iter().find(|w| text.contains(**w));
            assert_eq!(found, None, "{folder}/{name}");
        }
    }
}
