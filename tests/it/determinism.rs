//! The same scenario gives the same bytes: twice, with any number of threads, in any build profile.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::support::{command, listing, ran, run_under, simulate, skmem, whole_gallery};

/// Digests of the gallery. They hold in every build profile and on every platform; a change of the model that moves
/// one is noted in the change log.
const DIGESTS: [(&str, &str); 15] = [
    ("budget-overrun", "34106f0ba54d5a4451e5729f96c657f8"),
    ("normal-window", "c18ae6991dbbbd2966ec7c6e61f68a04"),
    ("quickack", "dac62363bb51124782126a46c86f7701"),
    ("default-128k", "07abf22b54786d195b60c0be0960869a"),
    ("slow-opening", "18ebd626baa3e451f4ae71036d082049"),
    ("spaghetti", "83b27d5113ce2265258aec9cfb1b111a"),
    ("tiny-writes", "26a27bacda7f336a4e3801a152a35a0c"),
    ("kernel-upgrade-5.10", "34106f0ba54d5a4451e5729f96c657f8"),
    ("kernel-upgrade-6.1", "34106f0ba54d5a4451e5729f96c657f8"),
    ("kernel-upgrade-6.12", "c9d7da2e8bf5c075532935c8cbadfdf5"),
    ("kernel-upgrade-6.18", "a5cdab80e6e1d8cf2636b2f53d606e65"),
    ("kernel-upgrade-7.2", "889c7b8f26cfac5e0e09ef94234ace49"),
    ("hole-and-sack", "72128e7e891711a9b521d3b8fc5be9c7"),
    ("zero-window", "3aec3c3b058fb5bdb9be3c4c9c47412c"),
    ("fin-out-of-order", "8b8bdaae736ff7ebd0649387b81c6a24"),
];

/// Name and digest of every scenario of the gallery, on each of its kernels.
fn digests() -> Vec<(String, String)> {
    whole_gallery().iter().map(|s| (s.name.clone(), simulate(s).2.digest)).collect()
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
