//! Sweeps from outside: rows, shards, single points, charts.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use crate::support::{Ran, command, skmem, skmem_in};

pub(crate) const PLAN: &str = "\
name: small
base: budget-overrun
axes:
  rx.SO_RCVBUF: {from: 8KiB, to: 64KiB, steps: 12, scale: log}
  kernel: [6.1, 7.2]
repeat: 2
where: ['rx.SO_RCVBUF >= 9 * tx.TCP_MAXSEG or kernel == 7.2']
measures: [fitted, peak.skmem_r, dropped]
";

pub(crate) fn folder(plan: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("p.yaml"), plan).unwrap();
    dir
}

pub(crate) fn sweep(dir: &Path, args: &[&str]) -> Ran {
    skmem_in(dir, &[&["sweep", "p.yaml"], args].concat())
}

pub(crate) fn text(dir: &Path, file: &str) -> String {
    fs::read_to_string(dir.join(file)).unwrap()
}

#[test]
fn rows_are_the_same_with_any_number_of_threads_and_in_any_shards() {
    let dir = folder(PLAN);
    let d = dir.path();
    sweep(d, &["-o", "one", "-j", "1", "--format", "both"]).exits(0);
    sweep(d, &["-o", "three", "-j", "3", "--format", "both"]).exits(0);
    let whole = text(d, "one/rows.csv");
    assert_eq!(whole, text(d, "three/rows.csv"));
    assert_eq!(text(d, "one/rows.jsonl"), text(d, "three/rows.jsonl"));
    assert!(whole.lines().count() > 40 && whole.lines().count() < 49, "{whole}");
    for (k, out) in ["a", "b", "c"].iter().enumerate() {
        let shard = format!("{}/3", k + 1);
        sweep(d, &["-o", out, "--shard", &shard, "--format", "both"]).exits(0);
    }
    for file in ["rows.csv", "rows.jsonl"] {
        skmem_in(d, &["merge", "c", "a", "b", "-o", file]).exits(0);
        assert_eq!(text(d, file), text(d, &format!("one/{file}")));
    }
    skmem_in(d, &["merge", "a", "b", "-o", "x.csv"]).exits(2).says(&["shards are missing: 3/3"]);
    skmem_in(d, &["merge", "a", "b", "c", "a", "-o", "x.csv"]).exits(2).says(&["are both shard 1/3"]);
    skmem_in(d, &["merge", "a", "one", "-o", "x.csv"]).exits(2).says(&["cut in different ways"]);
    let tampered = text(d, "b/rows.csv").replacen(",7.2,", ",7.3,", 1);
    fs::write(d.join("b/rows.csv"), tampered).unwrap();
    skmem_in(d, &["merge", "a", "b", "c", "-o", "x.csv"]).exits(2).says(&["was changed"]);
    for (from, to, why) in [
        ("\"model\": \"0.", "\"model\": \"9.", "run by model"),
        ("\"repeat\": \"2\"", "\"repeat\": \"3\"", "its plan has other repeat"),
    ] {
        let manifest = text(d, "c/sweep.json");
        assert!(manifest.contains(from), "{manifest}");
        fs::write(d.join("c/sweep.json"), manifest.replace(from, to)).unwrap();
        skmem_in(d, &["merge", "a", "b", "c", "-o", "x.csv"]).exits(2).says(&[why]);
        fs::write(d.join("c/sweep.json"), manifest).unwrap();
    }
    assert!(!d.join("x.csv").exists());
}

/// The columns of the row of a point.
fn cells(rows: &str, point: &str) -> Vec<String> {
    let line = rows.lines().find(|l| l.starts_with(&format!("{point},"))).unwrap();
    line.split(',').map(str::to_owned).collect()
}

#[test]
fn a_row_run_alone_has_the_same_digest() {
    let inline = "\
base:
  kernel: 6.1
  path: {rtt: 10ms}
  receiver: {read: {mode: fixed, bytes: 16KiB, every: 5ms}}
  stop: {after: 200ms}
axes:
  reader: {slow: {receiver.read.every: 20ms}, fast: {receiver.read.every: 1ms}}
  rx.tcp_rmem[2]: [256KiB, 1MiB]
";
    let beside = "base: small.yaml\naxes: {rx.SO_RCVBUF: [8KiB, 16KiB, 32KiB, 64KiB]}\n";
    for plan in [PLAN, inline, beside] {
        let dir = folder(plan);
        let d = dir.path();
        fs::write(d.join("small.yaml"), "kernel: 6.1\nstop: {after: 50ms}\n").unwrap();
        sweep(d, &["-o", "out"]).exits(0);
        let rows = text(d, "out/rows.csv");
        // By the plan, and by the folder alone.
        for (plan, point) in [("p.yaml", "1"), ("p.yaml", "3"), ("out", "3")] {
            let alone = skmem_in(d, &["sweep", plan, "--point", point]).exits(0);
            let row = cells(&rows, point);
            assert_eq!(cells(&alone.out, point), row);
            let digest = &row[row.len() - 2];
            let first = alone.err.lines().find(|l| l.starts_with("skmem run ")).unwrap();
            // Quotes are the shell's.
            let script = first.replacen("skmem", env!("CARGO_BIN_EXE_skmem"), 1);
            let ran = std::process::Command::new("sh")
                .args(["-c", &format!("{script} --quiet")])
                .current_dir(d)
                .output()
                .unwrap();
            let printed = String::from_utf8(ran.stdout).unwrap();
            assert!(printed.contains(digest.as_str()), "{first}\n{printed}\n{row:?}");
        }
    }
}

#[test]
fn without_digests_the_figures_are_the_same() {
    let dir = folder(PLAN);
    let d = dir.path();
    sweep(d, &["-o", "with", "--format", "both"]).exits(0);
    fs::write(d.join("p.yaml"), format!("{PLAN}digest: off\n")).unwrap();
    sweep(d, &["-o", "without", "--format", "both"]).exits(0);
    let (with, without) = (text(d, "with/rows.csv"), text(d, "without/rows.csv"));
    assert_eq!(with.lines().count(), without.lines().count());
    for (a, b) in with.lines().zip(without.lines()).skip(1) {
        let (a, b): (Vec<&str>, Vec<&str>) = (a.split(',').collect(), b.split(',').collect());
        let digest = a.len() - 2;
        assert_eq!((a[digest].len(), b[digest]), (32, ""));
        assert_eq!((&a[..digest], &a[digest + 1..]), (&b[..digest], &b[digest + 1..]));
    }
    assert!(text(d, "without/rows.jsonl").lines().all(|l| l.contains("\"digest\":null")));
    // The rows of one cannot be mixed with those of the other.
    sweep(d, &["-o", "with", "--resume"]).exits(2).says(&["cannot be mixed"]);
    fs::write(d.join("p.yaml"), format!("{PLAN}digest: perhaps\n")).unwrap();
    sweep(d, &["--dry-run"]).exits(2).says(&["`digest`: `perhaps` is not possible", "on or off"]);
}

/// Names of the unfinished files of a merge to `all.csv`.
fn unfinished(dir: &Path) -> Vec<String> {
    let names = fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    names.filter(|n| n.starts_with(".all.csv.")).collect()
}

#[test]
fn a_merge_killed_while_it_writes_leaves_no_file_and_the_next_one_clears_up() {
    let dir = folder(&PLAN.replace("repeat: 2", "repeat: 120"));
    let d = dir.path();
    sweep(d, &["-o", "a", "--shard", "1/2"]).exits(0);
    sweep(d, &["-o", "b", "--shard", "2/2"]).exits(0);
    // Killed as soon as its file can be seen; now and then it is done by then.
    let caught = (0..200).any(|_| {
        let mut child =
            command(d, &["merge", "a", "b", "-o", "all.csv"]).stderr(Stdio::null()).spawn().unwrap();
        while unfinished(d).is_empty() && child.try_wait().unwrap().is_none() {}
        let _ = child.kill();
        child.wait().unwrap();
        let caught = !d.join("all.csv").exists();
        let _ = fs::remove_file(d.join("all.csv"));
        caught && !unfinished(d).is_empty()
    });
    assert!(caught, "no merge was caught while it wrote");
    skmem_in(d, &["merge", "a", "b", "-o", "all.csv"]).exits(0);
    assert!(unfinished(d).is_empty());
    sweep(d, &["-o", "whole", "--no-charts"]).exits(0);
    assert_eq!(text(d, "all.csv"), text(d, "whole/rows.csv"));
}

#[test]
fn a_killed_merge_leaves_nothing_that_looks_complete() {
    let dir = folder(PLAN);
    let d = dir.path();
    sweep(d, &["-o", "a"]).exits(0);
    let merge = || command(d, &["merge", "a", "-o", "all.csv"]).stderr(Stdio::null()).spawn().unwrap();
    for wait in 0..12_u64 {
        let mut child = merge();
        std::thread::sleep(Duration::from_micros(wait * 400));
        let _ = child.kill();
        child.wait().unwrap();
        if d.join("all.csv").exists() {
            assert_eq!(text(d, "all.csv"), text(d, "a/rows.csv"));
            fs::remove_file(d.join("all.csv")).unwrap();
        }
    }
    // What a killed merge leaves, whenever it was killed.
    fs::write(d.join(".all.csv.4194305.partial"), "point,rep").unwrap();
    skmem_in(d, &["merge", "a", "-o", "all.csv"]).exits(0);
    assert_eq!(text(d, "all.csv"), text(d, "a/rows.csv"));
    assert!(!d.join(".all.csv.4194305.partial").exists());
}

#[test]
fn a_point_that_cannot_be_run_is_a_row_with_its_error() {
    let dir = folder(
        "base: budget-overrun\naxes:\n  rx.tcp_rmem[1]: [8KiB, 64KiB]\n  rx.tcp_rmem[2]: [16KiB, 128KiB]\nmeasures: fitted\n",
    );
    let ran = sweep(dir.path(), &["-o", "out"]).exits(1).says(&["1 of 4 rows have an error"]);
    assert!(ran.err.contains("must not descend"), "{}", ran.err);
    let rows = text(dir.path(), "out/rows.csv");
    assert_eq!(cells(&rows, "2")[5], "", "{rows}");
    assert!(rows.lines().nth(3).unwrap().contains("must not descend"), "{rows}");
}

#[test]
fn ready_plans_can_be_read_and_their_points_run() {
    for (name, _) in sweeps::plans() {
        skmem(&["sweep", name, "--point", "0"]).exits(0).says(&["skmem run "]);
    }
}

#[test]
fn a_parquet_file_holds_the_rows_or_the_build_says_that_it_has_none() {
    let dir = folder(PLAN);
    let d = dir.path();
    if !cfg!(feature = "parquet") {
        sweep(d, &["-o", "out", "--format", "parquet"]).exits(2).says(&["--features parquet"]);
        assert!(!d.join("out").exists());
        return;
    }
    sweep(d, &["-o", "out", "--format", "parquet", "--no-charts"]).exits(0);
    for k in ["1", "2"] {
        sweep(d, &["-o", k, "--shard", &format!("{k}/2"), "--no-charts"]).exits(0);
    }
    skmem_in(d, &["merge", "2", "1", "-o", "all.parquet"]).exits(0);
    let whole = fs::read(d.join("out/rows.parquet")).unwrap();
    assert!(whole.starts_with(b"PAR1") && whole.ends_with(b"PAR1"));
    assert!(fs::read(d.join("all.parquet")).unwrap() == whole);
    assert!(!d.join("all.parquet.csv").exists());
}

#[test]
fn ready_plans_draw_the_charts_they_ask_for() {
    let dir = tempfile::tempdir().unwrap();
    for (name, charts) in [
        ("rcvbuf-x-rtt", 4),
        ("kernel-upgrade-check", 4),
        ("truesize-x-budget", 4),
        ("adv-win-scale-x-packet-size", 3),
    ] {
        skmem_in(dir.path(), &["sweep", name, "-o", name]).exits(0).says(&[&format!("{charts} charts in")]);
        let drawn = fs::read_dir(dir.path().join(name).join("charts")).unwrap().count();
        assert_eq!(drawn, 2 * charts, "{name}");
    }
    // What the plans say of themselves.
    let rows = |name: &str| text(dir.path(), &format!("{name}/rows.csv"));
    let scale = rows("adv-win-scale-x-packet-size");
    let broken = scale.lines().skip(1).filter(|l| l.split(',').nth(7) != Some("0"));
    assert!(
        broken.clone().count() > 10 && broken.clone().all(|l| l.split(',').nth(3) == Some("0")),
        "{scale}"
    );
    let upgrade = rows("kernel-upgrade-check");
    let goodput = |kernel: &str, reader: &str| -> f64 {
        let of = |l: &&str| l.contains(&format!(",{kernel},{reader},80000000,"));
        upgrade.lines().find(of).unwrap().split(',').nth(6).unwrap().parse().unwrap()
    };
    assert!(goodput("6.18", "autotuning") > 1.5 * goodput("6.12", "autotuning"));
    assert!(goodput("6.12", "no-autotuning") < 0.8 * goodput("6.1", "no-autotuning"));
}

#[test]
fn samples_are_spread_and_reproducible() {
    for sample in ["random: 40", "latin-hypercube: 40"] {
        let plan = PLAN.replace("repeat: 2", &format!("sample: {{{sample}}}")).replace("where", "# where");
        let dir = folder(&plan);
        let d = dir.path();
        sweep(d, &["-o", "a"]).exits(0);
        sweep(d, &["-o", "b", "-j", "1"]).exits(0);
        let rows = text(d, "a/rows.csv");
        assert_eq!(rows, text(d, "b/rows.csv"));
        let mut budgets: Vec<u64> =
            rows.lines().skip(1).map(|l| l.split(',').nth(3).unwrap().parse().unwrap()).collect();
        budgets.sort_unstable();
        assert!(budgets.iter().all(|b| (8_192..=65_536).contains(b)), "{budgets:?}");
        let mut different = budgets.clone();
        different.dedup();
        assert!(different.len() > 35, "{budgets:?}");
        if sample.starts_with("latin") {
            // One in each fortieth of the (logarithmic) range; an end may be rounded into the next.
            for (i, b) in budgets.iter().enumerate() {
                let at = |n: usize| 8_192.0 * 8_f64.powf(n as f64 / 40.0);
                assert!(*b as f64 >= at(i) - 10.0 && *b as f64 <= at(i + 1) + 10.0, "{i} {b}");
            }
            let old = rows.lines().filter(|l| l.contains(",6.1,")).count();
            assert_eq!(old, 20);
        }
    }
}

#[test]
fn percentages_have_ranges_conditions_and_a_text_in_rows() {
    let plan = "base: budget-overrun\naxes:\n  path.loss: {from: 0.01%, to: 1%, steps: 5, scale: log}\n  \
                path.rate: [unlimited, 10mbit]\nwhere: [\"path.loss < 0.5%\"]\nmeasures: [fitted]\n";
    let dir = folder(plan);
    let d = dir.path();
    sweep(d, &["-o", "a"]).exits(0);
    let rows = text(d, "a/rows.csv");
    let column = |n: usize| rows.lines().skip(1).map(move |l| l.split(',').nth(n).unwrap().to_owned());
    let losses: Vec<String> = column(3).step_by(2).collect();
    assert_eq!(losses, ["0.01%", "0.0316228%", "0.1%", "0.3162278%"]);
    assert_eq!(column(4).take(2).collect::<Vec<_>>(), ["unlimited", "10000000"]);
    // A number without its sign is asked about.
    let wrong = plan.replace("0.5%", "0.5");
    let dir = folder(&wrong);
    sweep(dir.path(), &["--dry-run"]).exits(2).says(&["give 0.5 a unit, such as 0.5%"]);
}
