//! `skmem diff`.

use std::fs;
use std::path::Path;

use crate::support::{skmem, skmem_in};

#[test]
fn a_scenario_does_not_differ_from_itself() {
    let r = skmem(&["diff", "normal-window", "normal-window@6.1"]).exits(0);
    assert!(r.out.contains("0 beyond their tolerance") && !r.out.contains("First difference"), "{}", r.out);
}

#[test]
fn two_kernels_part_where_their_first_windows_differ() {
    let dir = tempfile::tempdir().unwrap();
    let r =
        skmem_in(dir.path(), &["diff", "budget-overrun@6.1", "budget-overrun@6.12", "-o", "o.svg"]).exits(1);
    assert!(r.out.contains("First difference: idx 1\n"), "{}", r.out);
    assert!(r.out.lines().any(|l| l.starts_with("skmem_r ")), "{}", r.out);
    let svg = fs::read_to_string(dir.path().join("o.svg")).unwrap();
    assert!(svg.contains("budget-overrun@6.12") && svg.contains("first difference: idx 1"));
}

#[test]
fn a_trace_is_held_against_a_changed_copy_within_tolerances() {
    let dir = tempfile::tempdir().unwrap();
    skmem_in(dir.path(), &["run", "normal-window", "--quiet", "--plot", "none", "-o", "out"]).exits(0);
    let trace = fs::read_to_string(dir.path().join("out/trace.csv")).unwrap();
    assert!(trace.contains(",31744,65536,16384,17664,"), "{trace}");
    let changed = trace.replace(",31744,65536,16384,17664,", ",31744,65536,16384,17700,");
    fs::write(dir.path().join("changed.csv"), changed).unwrap();
    let r = skmem_in(dir.path(), &["diff", "out", "changed.csv"]).exits(1);
    assert!(r.out.contains("First difference: idx 18\n"), "{}", r.out);
    for tolerance in ["skmem_r=36", "skmem_r=0.3%"] {
        skmem_in(dir.path(), &["diff", "out", "changed.csv", "--tolerance", tolerance]).exits(0);
    }
    skmem_in(dir.path(), &["diff", "out", "changed.csv", "--tolerance", "skmem_r=35"]).exits(1);
    skmem_in(dir.path(), &["diff", "out", "changed.csv", "--columns", "recv_q,rcv_win"]).exits(0);
}

#[test]
fn a_run_follows_a_published_curve() {
    let table = "claims/published/drs_50ms_after_aa251c84636c.csv";
    let args = ["diff", "drs-50ms-after", table, "--table", "autotuning", "--columns"];
    let with = |more: &[&str]| skmem(&[&args[..], more].concat());
    with(&["space,rcvbuf,window_clamp"]).exits(0);
    let r = with(&["space,copied"]).exits(1);
    assert!(r.out.contains("First difference: row 7\n"), "{}", r.out);
    with(&["space,copied", "--tolerance", "copied=2.5%"]).exits(0);
}

#[test]
fn a_run_is_held_against_a_packed_recording_of_the_kernel() {
    let dir = tempfile::tempdir().unwrap();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("validation/recordings/6.1/b_normal.rec");
    let file = file.to_str().unwrap();
    // What happens when is the kernel's own; what it does is the model's, row by row.
    let columns =
        "seq,len,truesize,skmem_r,recv_q,rcv_win,rcv_ssthresh,window_clamp,skmem_rb,acked,coalesced";
    let r =
        skmem_in(dir.path(), &["diff", "normal-window", file, "--columns", columns, "-o", "o.png"]).exits(0);
    assert!(r.out.contains("60 rows in both, told by idx; 0 only in A, 0 only in B"), "{}", r.out);
    assert!(fs::metadata(dir.path().join("o.png")).unwrap().len() > 10_000);
    assert!(r.out.contains("A  normal-window (60 rows, kernel 6.1)\n"), "{}", r.out);
    assert!(r.out.contains("b_normal.rec (60 rows, kernel 6.1, recorded)\n"), "{}", r.out);
    // The same recording by its name.
    skmem(&["diff", "normal-window", "b_normal@6.1", "--columns", columns]).exits(0);
    // Another kernel parts from it at once, as far as the budget allows.
    let r = skmem(&["diff", "normal-window@6.1", "b_normal@6.12", "--columns", "skmem_r,recv_q"]).exits(1);
    assert!(r.out.contains("First difference: idx 3\n"), "{}", r.out);
    skmem(&[
        "diff",
        "normal-window@6.1",
        "b_normal@6.12",
        "--columns",
        "skmem_r",
        "--tolerance",
        "skmem_r=64KiB",
    ])
    .exits(2);
    skmem(&[
        "diff",
        "normal-window@6.1",
        "b_normal@6.12",
        "--columns",
        "skmem_r",
        "--tolerance",
        "skmem_r=9999",
    ])
    .exits(1);
}

#[test]
fn a_recording_that_is_not_there_is_named_with_the_nearest_one() {
    let bad = |a: &str, says: &[&str]| {
        skmem(&["diff", a, "normal-window"]).exits(2).says(says);
    };
    bad("b_normal@6.2", &["`b_normal` was not recorded on kernel 6.2; there are 5.10, 6.1, 6.12, 6.18, 7.2"]);
    bad("b_normal", &["say of which kernel, such as b_normal@5.10"]);
    bad("b_norml@6.1", &["did you mean the recording `b_normal@6.1`?"]);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("validation/recordings");
    let at = |rest: &str| root.join(rest).to_str().unwrap().to_owned();
    bad(
        &at("6.1/b_norml.rec"),
        &["cannot read", "there is no case `b_norml` here, did you mean `b_normal`?"],
    );
    bad(&at("6.2/b_normal.rec"), &["there is no kernel `6.2` here"]);
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("x.rec"), "no recording").unwrap();
    skmem_in(dir.path(), &["diff", "x.rec", "normal-window"])
        .exits(2)
        .says(&["x.rec: not a packed recording"]);
    skmem(&["diff", "b_normal@6.1", "normal-window", "--table", "autotuning"])
        .exits(2)
        .says(&["b_normal@6.1 is a recording, which has no table of autotuning steps"]);
}

#[test]
fn mistakes_are_bad_input() {
    skmem(&["diff", "normal-window", "nirmal-window"]).exits(2).says(&["did you mean `normal-window`?"]);
    skmem(&["diff", "normal-window", "no.csv"]).exits(2).says(&["cannot read no.csv"]);
    let one = ["diff", "normal-window", "normal-window"];
    let with = |more: &[&str]| skmem(&[&one[..], more].concat());
    with(&["--columns", "skmem_x"]).exits(2).says(&["no column `skmem_x`"]);
    with(&["--tolerance", "skmem_r=x"]).exits(2).says(&["expected COLUMN=N"]);
    with(&["-o", "x.gif"]).exits(2).says(&["neither in .png nor in .svg"]);
}
