//! `skmem tune`: the answer is the best that fits, the same every time, and can be put into effect.

use std::fs;

use crate::support::{skmem, skmem_in};

const PLAN: &str = "\
base: budget-overrun
axes:
  rx.SO_RCVBUF: {from: 8KiB, to: 128KiB, steps: 4, scale: log}
  rx.tcp_rmem[2]: [4MiB, 6MiB]
tune:
  maximize: min(fitted)
  subject_to: {peak.skmem_r: \"<= 100kB\"}
  over: {path.rtt: [20ms, 200ms], kernel: [6.1, 5.10]}
  connections: 20000
  refine: 3
";

#[test]
fn the_best_candidate_keeps_the_constraint_and_a_neighbour_breaks_it() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("p.yaml"), PLAN).unwrap();
    let one = skmem_in(dir.path(), &["tune", "p.yaml", "-j", "1", "-o", "out"]).exits(0);
    let two = skmem_in(dir.path(), &["tune", "p.yaml", "-j", "2"]).exits(0);
    assert_eq!(one.out, two.out);
    let table = fs::read_to_string(dir.path().join("out/candidates.csv")).unwrap();
    let number = |line: &str, at: usize| line.split(',').nth(at).unwrap().parse::<i64>().unwrap();
    let fits: Vec<&str> = table.lines().filter(|l| l.ends_with(",true")).collect();
    let fails: Vec<&str> = table.lines().filter(|l| l.ends_with(",false")).collect();
    assert!(!fits.is_empty() && !fails.is_empty(), "{table}");
    assert!(fits.iter().all(|l| number(l, 3) <= 100_000));
    assert!(fails.iter().all(|l| number(l, 3) > 100_000));
    let most = fits.iter().map(|l| number(l, 2)).max().unwrap();
    // Of equals the one with the least memory wins.
    let equal = fits.iter().filter(|l| number(l, 2) == most);
    let winner = equal.min_by_key(|l| number(l, 4)).unwrap();
    assert!(one.out.contains(&format!("{most} bytes")), "{}", one.out);
    // Refinement went beyond the grid of 8 candidates, and found more than it.
    assert!(table.lines().count() > 9, "{table}");
    let budget = number(winner, 0);
    for text in [
        format!("setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int){{{budget}}}, sizeof(int));"),
        "net.ipv4.tcp_rmem = 4096 131072 ".to_owned(),
        "sysctl -w net.ipv4.tcp_rmem=\"4096 131072 6291456\"".to_owned(),
        "nearest that fails: rx.SO_RCVBUF=".to_owned(),
        "beyond tcp_mem[2]".to_owned(),
        "margin".to_owned(),
        "next best: ".to_owned(),
        "net.core.rmem_max".to_owned(),
        "sysctl --system".to_owned(),
    ] {
        assert!(one.out.contains(&text), "`{text}` is not in:\n{}", one.out);
    }
    // A chart for each setting: every condition, what was chosen, the bound, what breaks it.
    let chart = fs::read_to_string(dir.path().join("out/rx.SO_RCVBUF.svg")).unwrap();
    for text in [
        "path.rtt, kernel",
        "20ms, 6.1",
        "breaks a bound",
        "chosen",
        "at most 97.7 KiB",
        "nearest that fail",
        "margin",
    ] {
        assert!(chart.contains(text), "{text}");
    }
    assert!(dir.path().join("out/rx.tcp_rmem[2].png").is_file());
    let fragment = fs::read_to_string(dir.path().join("out/90-skmem-receiver.conf")).unwrap();
    assert!(fragment.contains("net.ipv4.tcp_rmem = 4096 131072 "), "{fragment}");
}

#[test]
fn a_value_that_fits_by_chance_comes_with_the_surer_choice() {
    let ran = skmem(&["tune", "low-latency-messaging"]).exits(0);
    // 19776 bytes lose the rhythm of the reader, 16384 and 23168 do not.
    let fails = ran.out.lines().filter(|l| l.starts_with("nearest that fails: ")).count();
    assert_eq!(fails, 2, "{}", ran.out);
    assert!(ran.out.contains("all that were tried do from rx.SO_RCVBUFFORCE="), "{}", ran.out);
}

#[test]
fn what_cannot_be_met_or_understood_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let tune = |plan: &str| {
        fs::write(dir.path().join("p.yaml"), plan).unwrap();
        skmem_in(dir.path(), &["tune", "p.yaml"])
    };
    tune(&PLAN.replace("<= 100kB", "<= 1kB")).exits(1).says(&[
        "keeps all constraints",
        "peak.skmem_r <= 1000B: at best ",
        ", with rx.SO_RCVBUF=",
    ]);
    tune(&PLAN.replace("min(fitted)", "med(fitted)")).exits(2).says(&["no way to sum up"]);
    tune(&PLAN.replace("min(fitted)", "min(fited)")).exits(2).says(&["did you mean `fitted`"]);
    tune(&PLAN.replace("<= 100kB", "about 100kB")).exits(2).says(&["is no bound"]);
    tune(&PLAN.replace("path.rtt: [20", "rx.SO_RCVBUF: [20KiB], path.rtt: [20"))
        .exits(2)
        .says(&["an axis and a condition at once"]);
    skmem(&["tune", "rcvbuf-x-rtt"]).exits(2).says(&["has no `tune`"]);
}

#[test]
fn a_setting_that_every_kernel_ignores_is_no_recommendation() {
    let dir = tempfile::tempdir().unwrap();
    let tune = |kernels: &str| {
        let plan = format!(
            "base: budget-overrun\naxes:\n  rx.tcp_adv_win_scale: [1, 2]\n  rx.SO_RCVBUF: [16KiB, 64KiB]\n\
             tune: {{maximize: fitted, over: {{kernel: {kernels}}}}}\n"
        );
        fs::write(dir.path().join("p.yaml"), plan).unwrap();
        skmem_in(dir.path(), &["tune", "p.yaml"]).exits(0).out
    };
    let ignored = tune("[6.18, 7.2]");
    assert!(
        ignored
            .contains("No recommendation for net.ipv4.tcp_adv_win_scale: ignored on 6.18, 7.2: from 6.6 on")
    );
    assert!(!ignored.contains("net.ipv4.tcp_adv_win_scale =") && !ignored.contains("sysctl -w"), "{ignored}");
    fs::write(
        dir.path().join("k.yaml"),
        "base: budget-overrun\naxes: {kernel: [6.1, 7.2]}\ntune: {maximize: fitted}\n",
    )
    .unwrap();
    let kernel = skmem_in(dir.path(), &["tune", "k.yaml"]).exits(0).out;
    assert!(
        kernel.contains("Not a setting of the stack: kernel = 6.1") && !kernel.contains("To go back"),
        "{kernel}"
    );
    let some = tune("[6.1, 7.2]");
    assert!(
        some.contains("# ignored on 7.2: from 6.6 on") && some.contains("net.ipv4.tcp_adv_win_scale ="),
        "{some}"
    );
    let none = tune("[5.10, 6.1]");
    assert!(!none.contains("ignored") && none.contains("net.ipv4.tcp_adv_win_scale ="), "{none}");
}

#[test]
fn every_axis_has_a_chart_whatever_was_refined() {
    // The buffer is refined, and its best value is one that the grid has not.
    let plan = "base: budget-overrun\naxes:\n  rx.SO_RCVBUF: {from: 8KiB, to: 128KiB, steps: 3, scale: log}\n  \
                rx.tcp_adv_win_scale: [0, 1]\n  congestion: {a: {sender.congestion: reno}, b: {sender.congestion: cubic}}\n\
                tune: {maximize: fitted, subject_to: {peak.skmem_r: \"<= 100kB\"}}\n";
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("p.yaml"), plan).unwrap();
    skmem_in(dir.path(), &["tune", "p.yaml", "-o", "out"]).exits(0);
    for axis in ["rx.SO_RCVBUF", "rx.tcp_adv_win_scale", "congestion"] {
        assert!(dir.path().join(format!("out/{axis}.png")).is_file(), "{axis}");
    }
    let csv = fs::read_to_string(dir.path().join("out/candidates.csv")).unwrap();
    let best = fs::read_to_string(dir.path().join("out/answer.txt")).unwrap();
    let chosen = best.lines().next().unwrap().split("rx.SO_RCVBUF=").nth(1).unwrap();
    assert!(!["8KiB ", "32KiB ", "128KiB "].iter().any(|grid| chosen.starts_with(grid)), "{best}");
    // The chosen buffer was tried with every value of the other axes.
    let row = csv.lines().find(|l| l.ends_with(",true")).unwrap();
    assert!(row.split(',').count() == 7, "{csv}");
}
