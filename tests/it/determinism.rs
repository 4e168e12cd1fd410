//! The same scenario gives the same bytes: twice, with any number of threads, in any build profile.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::support::{command, listing, ran, run_under, simulate, simulate_stepwise, skmem, whole_gallery};

/// Digests of the gallery. They hold in every build profile and on every platform; a change of the model that moves
/// one is noted in the change log.
const DIGESTS: [(&str, &str); 92] = [
    ("budget-overrun", "ba62529bddf610f59526a4aa2f825739"),
    ("normal-window", "fcfd57f5f9279a6246f028862fec80af"),
    ("adv-win-scale-minus-2", "e862074ae0e40bfc9666345c2f764d92"),
    ("adv-win-scale-minus-1", "b35fb25aeb857efea037daba3cccb777"),
    ("adv-win-scale-2", "45593a6af5a6e28654b570cbb061c951"),
    ("adv-win-scale-3", "a9d25acb8fd67b292bc8a70c8102ca46"),
    ("quickack", "3a55b938f62dd77258e3a9da08667193"),
    ("default-128k", "9e03360c6b0b5db51cc5e89fe2d88803"),
    ("slow-opening", "b7c4acef1ef0d3bf339f3d42190c20e6"),
    ("slow-opening-patched", "58a41e6c6b3edefe76e8e440a3696d7e"),
    ("spaghetti", "ab6633133e83c9dbbf2aa112672cd954"),
    ("tiny-writes", "9b29946bf7ea15f35c7d545b10de8664"),
    ("websocket", "98a0f1a1f685ab124005fa5e6110b73f"),
    ("tiny-sends-unbounded", "9f72a4df79d9af93f4748e504edc5d24"),
    ("page-per-packet", "d14cc5579566823ec6a55ce481182169"),
    ("half-page-per-packet", "45443f0ea6195095ad68911a20351385"),
    ("page-16k-per-packet", "45fbd6c39f2fe79b3f3c5db2a24ab8d5"),
    ("header-room", "87b4cc63ba8e02f573ba3a12589db5b9"),
    ("cache-line-128", "acea5654d5f0d6597c813aa331bbab7c"),
    ("pathological-truesize", "45606b17789c6286cdb3abe5bf51e69d"),
    ("huge-segments-6.1", "0cda1e4cede04983a290285f06db3ec6"),
    ("huge-segments-6.12", "78ff14427fb1be423d0bad4a8cd1b918"),
    ("huge-segments-6.18", "c55a18b2819bad6d132d169a4029f5f5"),
    ("huge-segments-7.2", "aa6027008acb7917692a262ba97d7280"),
    ("jumbo-receiver", "0e6d6cc76da2daba29c90913666e8ec0"),
    ("kernel-upgrade-5.10", "ba62529bddf610f59526a4aa2f825739"),
    ("kernel-upgrade-6.1", "ba62529bddf610f59526a4aa2f825739"),
    ("kernel-upgrade-6.12", "df74fa3b6e6a8c83335b4dc1a847f7cb"),
    ("kernel-upgrade-6.18", "cd21e8172018dd5b7d3fb9320450b556"),
    ("kernel-upgrade-7.2", "4b73769762c2dc3f92751fffaf9245cc"),
    ("ingest-rule-6.12", "72b2a32e225d8a461372daf512173c81"),
    ("ingest-rule-6.18", "bde085e6702b1b072ea77cbcd4cccd7c"),
    ("ingest-rule-6.18-ingest-relaxed", "391aefaba6843706e391831de51803f4"),
    ("ingest-rule-7.2", "151ebbed9dcf07ee515546a347814f4f"),
    ("strict-budget-stall-6.12", "4384453ffe3543c11c587e503198f06b"),
    ("strict-budget-stall-6.18-ingest-truesize", "985be4cad2b6f2e144717346a90487ad"),
    ("strict-budget-stall-6.18", "3d95606ab4ee88d9c322313f8d4c5e76"),
    ("strict-budget-stall-7.2", "fe3af1a4b09e19368ea281223bd9988a"),
    ("hole-and-sack", "1d5ed6cc9871e5a6b776f1363b5f4b37"),
    ("zero-window", "576c14b357c1ff27c754f2cdb129ed79"),
    ("echo-loopback", "761be00f948075550b1445e520dd7c49"),
    ("echo-zero-window", "9ce5d2ff989074f0080df9589fcaa7a1"),
    ("late-reader", "9db5d1fcd21c7ab0ebb8c925560ea9f7"),
    ("blocked-writer", "be42697ab258b4c214180bd51ac3042c"),
    ("window-of-two-segments", "4df86d04757b0b2ea22993509b4aa340"),
    ("small-window-and-loss", "ce2cac3ce8b698c0818597009e08a7cc"),
    ("small-window-and-loss-sack", "904e4925df2d0312cd437824a1b2fcab"),
    ("eight-segments-and-loss", "b09be3332cb7628371f8a622267a66c0"),
    ("odd-buffer", "3cd8dec9950f9bfadcfb07d030189af4"),
    ("messages-small", "0e3c8e9012304450bc68e93de3a59ff5"),
    ("messages-medium", "d67021183459471950c77db1b4b69dd6"),
    ("messages-large", "ea7c3978577750962ae58b62eacabc0c"),
    ("gigabit-2ms", "5e0ce07e63f7144b03383d2ee20806fb"),
    ("gigabit-2ms-small", "f2f1b0be8e0c024d6189d6f9df57da89"),
    ("gigabit-2ms-large", "435b4adfb7a5bd03cd423944d18d6df3"),
    ("gigabit-50ms", "30b57f7d536c7fde7434c0f3f611c4f3"),
    ("gigabit-50ms-small", "5c2778098622646444e14a766f951693"),
    ("gigabit-50ms-large", "1eccfa66293f32d6fe81e9b6f2dc11ba"),
    ("ten-gigabit-100ms", "bcb18a0a1949b5ca924a56d70c513e59"),
    ("no-window-scaling", "aa8fc4e1c58559d12a4a6656c0d7f6bb"),
    ("rcvbuf-before-connect", "e9cbb7a8a4493d1438d748833bcfbf0a"),
    ("rcvbuf-after-connect-5.10", "efb19f7c4dcf90b2072005720abe4502"),
    ("rcvbuf-after-connect-6.1", "bb389fa0163a839d3ed0113df2da51e1"),
    ("rcvbuf-after-connect-6.12", "9269e7fb88185313e43d1dd37972f6ee"),
    ("rcvbuf-after-connect-6.18", "fef7dedb3204208b2d0cecb536e6c185"),
    ("rcvbuf-after-connect-7.2", "799ce9bd2ad9b05262f4e41552d16828"),
    ("rcvbuf-on-a-long-path", "81c54001a4457df8548c3939cd2f686a"),
    ("autotuned-on-a-long-path", "c73246f8542aa0104a7d1535a77ff539"),
    ("autotuning-bulk", "c27a055e8e9548dbddcd6e92b89fc2e4"),
    ("fixed-64k", "5111893221405cd0fd05fa5ec185b6fc"),
    ("right-sizing-2mb", "7c49a18fec75bd02b7530c0d90970565"),
    ("drs-50ms-before", "fd5294f149f5faadc7d241c886db41e3"),
    ("drs-50ms-after", "70bad7ca24df4cfcb4e562d426060b07"),
    ("low-rtt-autotuning-6.18", "8f8163a0756d517de8fc4a757ff0833a"),
    ("low-rtt-autotuning-7.2", "437402be213707bf724b79845e9c48a9"),
    ("fin-out-of-order", "3ca7319329c557f767f7f554f02b39b7"),
    ("zero-window-fin", "9227ad2e756995c607aa21fd125f6119"),
    ("duplicate-sack", "97012c3d04a31ead1d3e09b1da4a7cbe"),
    ("budget-grows-out-of-order", "f249a8337cbb4648d9b4987c7dae4298"),
    ("packet-too-big", "7055e98fa7bb9593cd23f43f9ad116c1"),
    ("beyond-the-window", "cfa9abd8a9358a42fc8446f242de452e"),
    ("window-retracted", "50f48d01596f602befcca875023f6fd1"),
    ("memory-squeeze", "7989bc7eecfa9c28d7437d30e8ac6b19"),
    ("loss-and-reordering", "7e96d928d850d212f0d6e2128c179e9e"),
    ("bufferbloat", "5c06d0a2ece22cd5bec365f39c586618"),
    ("bufferbloat-small-queue", "7ec3ef9ba592a68219f6c665447e4911"),
    ("bufferbloat-small-window", "66b069eca10a6971b1d71f17367cf04a"),
    ("memory-500-connections", "2aa8eb5f5a7be73d516194a88a946253"),
    ("memory-2000-connections", "63982a7b398dd7689dd3c6ab09cd6032"),
    ("memory-orphans", "fd8940b567444df406948520c74cfafa"),
    ("pressure-blocks-writers", "ce3be8762c4be746df93d6c394849446"),
    ("collapse-stall", "9f9bdc513ae8f27cb3031a0e212e28fa"),
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
