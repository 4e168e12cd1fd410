//! The same scenario gives the same bytes: twice, with any number of threads, in any build profile.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::support::{command, listing, ran, run_under, simulate, skmem, whole_gallery};

/// Digests of the gallery. They hold in every build profile and on every platform; a change of the model that moves
/// one is noted in the change log.
const DIGESTS: [(&str, &str); 92] = [
    ("budget-overrun", "d9e14e4c0236b5dc16c661457d7ac42a"),
    ("normal-window", "d7fd32eda346d05d0891f0c34f5f7c02"),
    ("adv-win-scale-minus-2", "f0ffb368440c940504630100a27babba"),
    ("adv-win-scale-minus-1", "0f9a862c9cf42143abaa8fdb0d954769"),
    ("adv-win-scale-2", "19fc80ad05df536cf0a341038173f6ac"),
    ("adv-win-scale-3", "b40726a56305ba0ca1fb4949e053db5b"),
    ("quickack", "c1b24e3c2673c38f7965be94ea5645b5"),
    ("default-128k", "41877193e49fea6250ae19ff1bd5538b"),
    ("slow-opening", "a1dbde36c6a296f61dfac31617ee7198"),
    ("slow-opening-patched", "3c3310578ba9829392888095af5f83ab"),
    ("spaghetti", "65c7970a90bf28fe96e769ba1436cc8f"),
    ("tiny-writes", "7b870e659a1597d95b8de1cc7b0b084b"),
    ("websocket", "05160d184a5d0f686c60662cfc807945"),
    ("tiny-sends-unbounded", "a11f6388db16bc9c5ba16f913b7d03c1"),
    ("page-per-packet", "b289876088c64119d843a60a32ba73c1"),
    ("half-page-per-packet", "4bc6f88a7466db7302336346c4a7b837"),
    ("page-16k-per-packet", "0028cc2ce8944cf5fbaa0be80564403c"),
    ("header-room", "8ba357103279444fadd6c33ee73514bc"),
    ("cache-line-128", "cfc29ee7a9fe59ab6e9eba5fa371db38"),
    ("pathological-truesize", "dbd7a2726c94cfd113d0872be26434d4"),
    ("huge-segments-6.1", "c72a6b3b9ff1151e721059834a93ec09"),
    ("huge-segments-6.12", "bfc3d19e1e844b54fe719b8d34dd1b54"),
    ("huge-segments-6.18", "9d1258f4fd7028c3e03ab964fe688844"),
    ("huge-segments-7.2", "0e065ef635c20bab2b3c55e7d1020253"),
    ("jumbo-receiver", "3604efcff482fa50269f0f8423b74629"),
    ("kernel-upgrade-5.10", "d9e14e4c0236b5dc16c661457d7ac42a"),
    ("kernel-upgrade-6.1", "d9e14e4c0236b5dc16c661457d7ac42a"),
    ("kernel-upgrade-6.12", "47ad0745b24536cfecc7d7fc53a9ffaf"),
    ("kernel-upgrade-6.18", "513c3afb6959902a9ed3a148ef127a00"),
    ("kernel-upgrade-7.2", "f507d78a9d1d138f9d08d2076fcdca99"),
    ("ingest-rule-6.12", "d8d2e9c2eb718a5162f2a67c13ec9303"),
    ("ingest-rule-6.18", "6c5f7894fe993d5e838e8754344f4449"),
    ("ingest-rule-6.18-ingest-relaxed", "b4902f6cacc1797c85fa685bf77ff9ab"),
    ("ingest-rule-7.2", "250ea630855d552dd6bd87e71ddfeec0"),
    ("strict-budget-stall-6.12", "895ce13e985e6e69201963e420d65b58"),
    ("strict-budget-stall-6.18-ingest-truesize", "4b7a4573d0640eb765c98965bd20759d"),
    ("strict-budget-stall-6.18", "b4abf2e098f8772489d70945322b63fb"),
    ("strict-budget-stall-7.2", "01265662393db55ae44a1df216793cf8"),
    ("hole-and-sack", "1d5ed6cc9871e5a6b776f1363b5f4b37"),
    ("zero-window", "576c14b357c1ff27c754f2cdb129ed79"),
    ("echo-loopback", "761be00f948075550b1445e520dd7c49"),
    ("echo-zero-window", "ad40d04a3edb41b5bb76470e68a95b24"),
    ("late-reader", "188345c93967ed503fcb8a6b896c6903"),
    ("blocked-writer", "3b5ecd22ebb6fec1a414c4975d45ec96"),
    ("window-of-two-segments", "0fdcf79e7fcd9ef689b07599abaeda12"),
    ("small-window-and-loss", "be11934e58e6ce05155be26e0e63bc83"),
    ("small-window-and-loss-sack", "0595a84ac727dfa7877d6e7d1f49de5b"),
    ("eight-segments-and-loss", "34c92ead9b5e4c0706f2a3b1167f9a4b"),
    ("odd-buffer", "fb7fa5aabb5af5c6222d38019f2f70ce"),
    ("messages-small", "cb83d21795658a571fa89e4cf2b6a310"),
    ("messages-medium", "e77bec635218b5faa00648c711343f1f"),
    ("messages-large", "e17f797572fe8f5cdcd4f7fa07160e1b"),
    ("gigabit-2ms", "e6d43ac157252c5a7fd50407f97183c9"),
    ("gigabit-2ms-small", "496c70ea7bd1be2c16d4ed6ccda0e43b"),
    ("gigabit-2ms-large", "cef7818d9d569bbdd36eadfb798d87d1"),
    ("gigabit-50ms", "b432dff31b199a9eff26be00ea4efca7"),
    ("gigabit-50ms-small", "eff2cf5d162ab11394c05b8786603bec"),
    ("gigabit-50ms-large", "bc408e3aaf7b3b08ce2e0cd54b46a97b"),
    ("ten-gigabit-100ms", "dfba8b398432109a24352801e4e3ecd8"),
    ("no-window-scaling", "82836aa16356f8077fbf9c37a76f28f9"),
    ("rcvbuf-before-connect", "e00041e5e4ddcc95a3357df69348b042"),
    ("rcvbuf-after-connect-5.10", "d68ea84160d63c0c7ca52def73981dc1"),
    ("rcvbuf-after-connect-6.1", "06de4488feefb127fbafe2cdea60a21a"),
    ("rcvbuf-after-connect-6.12", "62c9631f86b1ddaf3753b7f7887f666c"),
    ("rcvbuf-after-connect-6.18", "26e922ba1be6ae59afcf14f599ba8b49"),
    ("rcvbuf-after-connect-7.2", "f86e4df915b74216e02624ed5a89304f"),
    ("rcvbuf-on-a-long-path", "54c045fde1a2cac7aa216c97a6d703e0"),
    ("autotuned-on-a-long-path", "10d75821fb1c4a7ed64c9d9eba642cf8"),
    ("autotuning-bulk", "3260a3e39f02f57577e419d1b01b2d67"),
    ("fixed-64k", "bfd3129f1ec85c78be3dd83ad7326d3c"),
    ("right-sizing-2mb", "6dd835c2257ad74f2e2b098522e09e66"),
    ("drs-50ms-before", "fd5294f149f5faadc7d241c886db41e3"),
    ("drs-50ms-after", "70bad7ca24df4cfcb4e562d426060b07"),
    ("low-rtt-autotuning-6.18", "6298658d846bae54b4ace02d0ad34a90"),
    ("low-rtt-autotuning-7.2", "140c9b831a38cc0d34a16ade923e3953"),
    ("fin-out-of-order", "3ca7319329c557f767f7f554f02b39b7"),
    ("zero-window-fin", "9227ad2e756995c607aa21fd125f6119"),
    ("duplicate-sack", "97012c3d04a31ead1d3e09b1da4a7cbe"),
    ("budget-grows-out-of-order", "f249a8337cbb4648d9b4987c7dae4298"),
    ("packet-too-big", "7055e98fa7bb9593cd23f43f9ad116c1"),
    ("beyond-the-window", "cfa9abd8a9358a42fc8446f242de452e"),
    ("window-retracted", "50f48d01596f602befcca875023f6fd1"),
    ("memory-squeeze", "7989bc7eecfa9c28d7437d30e8ac6b19"),
    ("loss-and-reordering", "cad39d06abcd554bf9c58c3c90910d9f"),
    ("bufferbloat", "90aee931a15d4d938f6cff15109e372f"),
    ("bufferbloat-small-queue", "77862b25fa091b4bae305d5908b35000"),
    ("bufferbloat-small-window", "faa475780d61f2aa3f60278779ed88af"),
    ("memory-500-connections", "b7c4af7e9ff68b34b07648ca68d76955"),
    ("memory-2000-connections", "18a88e53dd3217fc7cbb8f9a21378b91"),
    ("memory-orphans", "9c81f1599daa1f5160ddafd3cb38b65f"),
    ("pressure-blocks-writers", "82fa42ce99ef78def413971db34df3fc"),
    ("collapse-stall", "91b2d238a121a9e43c838c1cfd051eef"),
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
