//! Sweeps that were stopped or are finished, and go on.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::support::{command, listing, skmem_in};
use crate::sweep::{PLAN, folder, sweep, text};

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
    let whole = sweep(d, &["-o", "whole", "--format", "both"]).exits(0);
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
    // The table is of all rows, those that were there before included.
    assert_eq!(ran.out, whole.out);
    for file in ["rows.csv", "rows.jsonl", "sweep.json"] {
        assert_eq!(text(d, &format!("killed/{file}")), text(d, &format!("whole/{file}")), "{file}");
    }
    // Going on with what is complete changes nothing; with another plan it is refused.
    let again = sweep(d, &["-o", "killed", "--resume"]).exits(0);
    assert_eq!(again.out, whole.out);
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

#[test]
fn a_finished_sweep_gets_another_format_without_being_run_again() {
    // Words with commas and quotes, errors, repetitions.
    let plan = "base: budget-overrun\naxes:\n  rx.tcp_rmem[1]: [8KiB, 64KiB]\n  rx.tcp_rmem[2]: [16KiB, 128KiB]\n  \
                path.loss: [0.1%, \"{every: 100}\", \"{packets: [5, 9]}\"]\nrepeat: 2\nmeasures: [fitted, window_at_first_drop]\n";
    let dir = folder(plan);
    let d = dir.path();
    let whole = sweep(d, &["-o", "both", "--format", "both", "--no-charts"]).exits(1);
    for (first, second) in [("csv", "jsonl"), ("jsonl", "csv")] {
        sweep(d, &["-o", first, "--format", first, "--no-charts"]).exits(1);
        let before = fs::metadata(d.join(format!("{first}/rows.{first}"))).unwrap().modified().unwrap();
        let ran = sweep(d, &["-o", first, "--resume", "--format", second, "--no-charts"]).exits(1);
        assert_eq!(ran.out, whole.out);
        ran.says(&["24 rows are there already", "6 of 24 rows have an error"]);
        for file in ["rows.csv", "rows.jsonl", "sweep.json"] {
            assert_eq!(
                text(d, &format!("{first}/{file}")),
                text(d, &format!("both/{file}")),
                "{first} {file}"
            );
        }
        let after = fs::metadata(d.join(format!("{first}/rows.{first}"))).unwrap().modified().unwrap();
        assert_eq!(before, after, "the rows were written again");
        assert_eq!(
            listing(&d.join(first)),
            ["base.yaml", "plan.yaml", "rows.csv", "rows.jsonl", "sweep.json"]
        );
    }
}

#[test]
fn rows_that_were_changed_are_not_gone_on_with() {
    let dir = folder(PLAN);
    let d = dir.path();
    sweep(d, &["-o", "out", "--no-charts"]).exits(0);
    let rows = text(d, "out/rows.csv");
    let changed = rows.replacen(",7.2,", ",7.3,", 1);
    assert_ne!(rows, changed);
    fs::write(d.join("out/rows.csv"), &changed).unwrap();
    sweep(d, &["-o", "out", "--resume"]).exits(2).says(&["rows.csv was changed after it was complete"]);
    assert_eq!(text(d, "out/rows.csv"), changed);
    // Without the file its rows are run again.
    fs::remove_file(d.join("out/rows.csv")).unwrap();
    sweep(d, &["-o", "out", "--resume", "--no-charts"]).exits(0);
    assert_eq!(text(d, "out/rows.csv"), rows);
    // Of an unfinished file what belongs to the plan stays.
    fs::rename(d.join("out/rows.csv"), d.join("out/rows.csv.part")).unwrap();
    fs::write(d.join("out/rows.csv.part"), &changed).unwrap();
    let kept = rows.lines().skip(1).take_while(|l| !l.contains(",7.2,")).count();
    sweep(d, &["-o", "out", "--resume", "--no-charts"])
        .exits(0)
        .says(&[&format!("{kept} rows are there already")]);
    assert_eq!(text(d, "out/rows.csv"), rows);
}
