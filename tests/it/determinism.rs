//! The same scenario gives the same bytes: twice, with any number of threads, in any build profile.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::support::{command, gallery_scenario, listing, ran, simulate, skmem};

/// Digests of the gallery. They hold in every build profile and on every platform; a change of the model that moves
/// one is noted in the change log.
const DIGESTS: [(&str, &str); 7] = [
    ("budget-overrun", "ad9059eb1e1b137dca1049bf72d023fc"),
    ("normal-window", "68f6d91614d8e5231f0fda27ff662adf"),
    ("quickack", "a944f3e57d7ac79fc2b911b82f4b23ac"),
    ("default-128k", "4adaf6580cfba34f1b3f125e9c37113c"),
    ("slow-opening", "f713c2eb1e55e5bf7a29bdbc64d918b4"),
    ("spaghetti", "cb2244de78033d61952df5e12284a4e4"),
    ("tiny-writes", "aed1235cda6bd06836888548548849f7"),
];

#[test]
fn the_gallery_has_known_digests_in_every_profile() {
    let digests: Vec<(&str, String)> = scenarios::gallery()
        .iter()
        .map(|(name, _)| (*name, simulate(&gallery_scenario(name, None)).2.digest))
        .collect();
    let expected: Vec<(&str, String)> = DIGESTS.iter().map(|(n, d)| (*n, (*d).to_owned())).collect();
    assert_eq!(digests, expected);
}

#[test]
fn the_command_and_the_libraries_give_the_same_digests() {
    let mut args = vec!["run", "--quiet"];
    args.extend(DIGESTS.iter().map(|(name, _)| *name));
    for line in skmem(&args).out.lines() {
        let name = line.split(':').next().unwrap();
        let digest = simulate(&gallery_scenario(name, None)).2.digest;
        assert!(line.ends_with(&digest), "{line}: {digest}");
    }
}

/// Everything that a run of the whole gallery prints and writes.
fn everything(threads: &str) -> BTreeMap<String, Vec<u8>> {
    let dir = tempfile::tempdir().unwrap();
    let mut args = vec!["run", "-o", "out", "--columns", "all"];
    args.extend(DIGESTS.iter().map(|(name, _)| *name));
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
    assert_eq!(first.len(), 1 + 7 * DIGESTS.len());
    for (what, again) in [("twice", everything("1")), ("two threads", everything("2"))] {
        assert!(first.keys().eq(again.keys()), "{what}");
        for (name, bytes) in &first {
            assert!(again[name] == *bytes, "{what}: {name} differs");
        }
    }
}

#[test]
fn a_trace_does_not_depend_on_who_watches() {
    use sim_core::{engine, observer::Silent};
    for (name, _) in scenarios::gallery() {
        let scenario = gallery_scenario(name, None);
        let (watched, _, _) = simulate(&scenario);
        let alone = engine::run(&scenario.config, &mut Silent).unwrap();
        assert_eq!(watched, alone, "{name}");
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
