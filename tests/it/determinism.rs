//! The same scenario gives the same bytes: twice, with any number of threads, in any build profile.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::support::{command, listing, ran, run_under, simulate, skmem, whole_gallery};

/// Digests of the gallery. They hold in every build profile and on every platform; a change of the model that moves
/// one is noted in the change log.
const DIGESTS: [(&str, &str); 17] = [
    ("budget-overrun", "b67f511866b9cf3d6b947b2d2fd33320"),
    ("normal-window", "5f1a2683e8b91a0bade2ef1dad4c6eac"),
    ("quickack", "ac0cda5e324618a6605f00995ed47ea5"),
    ("default-128k", "d6b922ad30629619529545239221f46f"),
    ("slow-opening", "8b2f210be824488b285cc299c2a61df1"),
    ("spaghetti", "2802a2ea61fdb61b06a0773ee285a7f6"),
    ("tiny-writes", "2d87421f41f94ed37e3afbcb1f70dbd7"),
    ("kernel-upgrade-5.10", "b67f511866b9cf3d6b947b2d2fd33320"),
    ("kernel-upgrade-6.1", "b67f511866b9cf3d6b947b2d2fd33320"),
    ("kernel-upgrade-6.12", "d62f4ee780361a82fdb402a8a8d4adec"),
    ("kernel-upgrade-6.18", "e61f1a59dcb76bf3c7b958c520ee63f1"),
    ("kernel-upgrade-7.2", "f9da30768c8f8488556e61fb99b3121b"),
    ("hole-and-sack", "72128e7e891711a9b521d3b8fc5be9c7"),
    ("zero-window", "3aec3c3b058fb5bdb9be3c4c9c47412c"),
    ("fin-out-of-order", "8b8bdaae736ff7ebd0649387b81c6a24"),
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

/// Everything that a run of the whole gallery prints and writes.
fn everything(threads: &str) -> BTreeMap<String, Vec<u8>> {
    let dir = tempfile::tempdir().unwrap();
    let mut args = vec!["run", "-o", "out", "--columns", "all"];
    args.extend(scenarios::gallery().iter().map(|(name, _)| *name));
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
    assert_eq!(first.len(), 1 + 7 * DIGESTS.len() + 3);
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
