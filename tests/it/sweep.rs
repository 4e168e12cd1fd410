//! Sweeps from outside: rows, shards, kills, and what is refused.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::{Ran, command, skmem, skmem_in};

const PLAN: &str = "\
name: small
base: budget-overrun
axes:
  rx.SO_RCVBUF: {from: 8KiB, to: 64KiB, steps: 12, scale: log}
  kernel: [6.1, 7.2]
repeat: 2
where: ['rx.SO_RCVBUF >= 9 * tx.TCP_MAXSEG or kernel == 7.2']
measures: [fitted, peak.skmem_r, dropped]
";

fn folder(plan: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("p.yaml"), plan).unwrap();
    dir
}

fn sweep(dir: &Path, args: &[&str]) -> Ran {
    skmem_in(dir, &[&["sweep", "p.yaml"], args].concat())
}

fn text(dir: &Path, file: &str) -> String {
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
    for plan in [PLAN, inline] {
        let dir = folder(plan);
        let d = dir.path();
        sweep(d, &["-o", "out"]).exits(0);
        let rows = text(d, "out/rows.csv");
        for point in ["1", "3"] {
            let alone = sweep(d, &["--point", point]).exits(0);
            let row = cells(&rows, point);
            assert_eq!(cells(&alone.out, point), row);
            let digest = &row[row.len() - 2];
            let first = alone.err.lines().find(|l| l.starts_with("skmem run ")).unwrap();
            // Quotes are the shell's.
            let script = first.replacen("skmem", env!("CARGO_BIN_EXE_skmem"), 1);
            let ran = std::process::Command::new("sh")
                .args(["-c", &format!("{script} --quiet")])
                .current_dir(d.join("out"))
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

/// Waits until a file has some bytes.
fn grown(path: &Path, bytes: u64) {
    let begun = Instant::now();
    while fs::metadata(path).map_or(0, |m| m.len()) < bytes {
        assert!(begun.elapsed() < Duration::from_secs(120), "{} does not grow", path.display());
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_killed_sweep_goes_on_to_the_bytes_of_an_undisturbed_one() {
    let long = PLAN.replace("repeat: 2", "repeat: 120");
    let dir = folder(&long);
    let d = dir.path();
    sweep(d, &["-o", "whole", "--format", "both"]).exits(0);
    let start = |args: &[&str]| {
        let all = [&["sweep", "p.yaml", "-o", "killed", "--format", "both"], args].concat();
        command(d, &all).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    let mut child = start(&[]);
    grown(&d.join("killed/rows.csv.part"), 20_000);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!d.join("killed/rows.csv").exists(), "it was done before it was killed");
    sweep(d, &["-o", "killed", "--format", "both"]).exits(2).says(&["already exists", "--resume"]);
    // A row that was half written, and a file that is ahead of the other.
    let part = d.join("killed/rows.jsonl.part");
    let bytes = fs::read(&part).unwrap();
    fs::write(&part, &bytes[..bytes.len() * 2 / 3]).unwrap();
    let ran = sweep(d, &["-o", "killed", "--format", "both", "--resume"]).exits(0);
    let ran = ran.says(&["rows are there already"]);
    assert!(ran.out.contains("rows were run now, of which this table is; "), "{}", ran.out);
    for file in ["rows.csv", "rows.jsonl", "sweep.json"] {
        assert_eq!(text(d, &format!("killed/{file}")), text(d, &format!("whole/{file}")), "{file}");
    }
    // Going on with what is complete changes nothing; with another plan it is refused.
    sweep(d, &["-o", "killed", "--format", "both", "--resume"]).exits(0);
    assert_eq!(text(d, "killed/rows.csv"), text(d, "whole/rows.csv"));
    fs::write(d.join("p.yaml"), long.replace("steps: 12", "steps: 13")).unwrap();
    sweep(d, &["-o", "killed", "--resume"]).exits(2).says(&["its plan has other axes"]);
    fs::write(d.join("p.yaml"), &long).unwrap();
    sweep(d, &["-o", "killed", "--resume", "--shard", "1/2"]).exits(2).says(&["it is shard 1/1, not 1/2"]);
}

#[cfg(unix)]
#[test]
fn ctrl_c_keeps_whole_rows_and_resume_gives_the_bytes_of_an_undisturbed_sweep() {
    let long = PLAN.replace("repeat: 2", "repeat: 120");
    let dir = folder(&long);
    let d = dir.path();
    sweep(d, &["-o", "whole", "--no-charts"]).exits(0);
    let whole = text(d, "whole/rows.csv");
    let child = command(d, &["sweep", "p.yaml", "-o", "stopped"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    grown(&d.join("stopped/rows.csv.part"), 20_000);
    let sent = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let ended = child.wait_with_output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(130), "{said}");
    assert!(said.contains("stopped") && said.contains("rows are kept, go on with --resume"), "{said}");
    // What is there is whole rows, the first of those of the undisturbed sweep; nothing claims to be complete.
    let kept = text(d, "stopped/rows.csv.part");
    assert!(kept.ends_with('\n') && kept.len() < whole.len() && whole.starts_with(&kept));
    let rows = kept.lines().count() - 1;
    assert!(said.contains(&format!("{rows} rows are kept")), "{said}");
    assert!(!d.join("stopped/rows.csv").exists() && !d.join("stopped/charts").exists());
    skmem_in(d, &["merge", "stopped", "-o", "x.csv"]).exits(2).says(&["is not complete", "--resume"]);
    skmem_in(d, &["chart", "stopped"]).exits(2).says(&["is not complete", "--resume"]);
    sweep(d, &["-o", "stopped", "--resume", "--no-charts"])
        .exits(0)
        .says(&[&format!("{rows} rows are there")]);
    assert_eq!(text(d, "stopped/rows.csv"), whole);
    assert_eq!(text(d, "stopped/sweep.json"), text(d, "whole/sweep.json"));
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
fn bad_plans_are_refused_before_anything_runs() {
    let bad = |plan: &str, says: &[&str]| {
        let dir = folder(plan);
        sweep(dir.path(), &["-o", "out"]).exits(2).says(says);
        assert!(!dir.path().join("out").exists());
    };
    let with = |rest: &str| format!("base: budget-overrun\n{rest}");
    bad(&with("axes: {path.rrt: [1ms]}\n"), &["p.yaml:2:8", "rrt", "did you mean `rtt`"]);
    bad(&with("axes: {path.rtt: []}\n"), &["axis `path.rtt` is empty"]);
    bad(&with("axes: {}\n"), &["nothing to vary"]);
    bad(&with("axes: {path.rtt: [10]}\n"), &["has no unit", "did you mean 10ms"]);
    bad(&with("axes: {rx.nic: [lopback]}\n"), &["lopback", "did you mean `loopback`"]);
    bad(&with("axes: {kernel: [6.17]}\n"), &["no model of kernel 6.17"]);
    bad(&with("axes: {path.rtt: {from: 5ms, to: 1ms}}\n"), &["`from` must be less than `to`"]);
    bad(&with("axes: {path.rtt: [1ms], path.delay: [1ms]}\n"), &["both set the same key"]);
    bad(
        &with("axes:\n  rx.tcp_rmem[2]: [1MiB]\n  rx.tcp_rmem: [4096 8192 16384]\n"),
        &["both set the same key"],
    );
    bad(
        &with("axes:\n  seed: {from: 1, to: 1000000, steps: 100000}\n  path.rtt: {from: 1, to: 9}\n"),
        &["is no value of it"],
    );
    let huge = "axes:\n  path.rtt: {from: 1ms, to: 10s, steps: 100000}\n  rx.SO_RCVBUF: {from: 1kB, to: 1GB, steps: 100000}\nrepeat: 100\n";
    bad(&with(huge), &["1000000000000 rows", "its budget is 10000000"]);
    bad(
        &with("axes: {path.rtt: [1ms, 2ms, 9ms]}\nwhere: [path.rtt < 5ms, path.rtt > 5ms]\n"),
        &["no point passes", "`path.rtt < 5ms` alone leaves 2", "`path.rtt > 5ms` alone leaves 1"],
    );
    bad(&with("axes: {path.rtt: [1ms]}\nwhere: [path.rtt]\n"), &["compares nothing"]);
    bad(
        &with("axes: {path.rtt: [1ms, 2ms]}\nwhere: [path.rtt < 5]\n"),
        &["compares a time with a plain number", "give 5 a unit, such as 5ms"],
    );
    bad(
        &with("axes: {path.rtt: [1ms, 2ms]}\nwhere: [path.rtt * 2 < 64KiB]\n"),
        &["compares a time with a size"],
    );
    bad(&with("axes: {rx.SO_RECVBUF: [16KiB]}\n"), &["p.yaml:2:8", "did you mean `SO_RCVBUF`"]);
    bad(&with("axes: {path.rtt: [1ms]}\nmeasures: [fited]\n"), &["did you mean `fitted`"]);
    bad(&with("axes: {path.rtt: [1ms]}\nrepeat: 0\n"), &["`repeat`"]);
    bad(&with("axis: {path.rtt: [1ms]}\n"), &["did you mean `axes`"]);
    bad("axes: {path.rtt: [1ms]}\n", &["no `base`"]);
    bad("base: budget-overun\naxes: {path.rtt: [1ms]}\n", &["did you mean `budget-overrun`"]);
    bad("base: {kernel: 6.1, path: {rrt: 1ms}}\naxes: {path.rtt: [1ms]}\n", &["p.yaml:1:28", "rrt"]);
    bad("base: kernel-upgrade\naxes: {path.rtt: [1ms]}\n", &["lists several kernels"]);
    skmem(&["sweep", "rcvbuf-rtt"]).exits(2).says(&["did you mean `rcvbuf-x-rtt`"]);
    skmem(&["sweep", "overrun-map", "--shard", "3/2"]).exits(2).says(&["K/N"]);
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
