//! The model against recordings of real kernels: nothing that was exact may be lost.

use std::fs;
use std::path::Path;

use crate::support::{skmem, skmem_in};

#[test]
fn every_case_reaches_its_committed_floor() {
    let r = skmem(&["conform"]).exits(0);
    assert!(r.out.lines().last().unwrap().starts_with("total replay: "), "{}", r.out);
}

#[test]
fn recordings_made_after_the_model_was_written_reach_their_floors() {
    for (what, mode) in [
        ("sender", "replay"),
        ("sender", "end-to-end"),
        ("loops", "replay"),
        ("loops", "end-to-end"),
        ("random", "replay"),
        ("fresh", "replay"),
        ("fresh", "end-to-end"),
    ] {
        let r = skmem(&["conform", &format!("validation/{what}/recordings"), "--mode", mode]).exits(0);
        let total = format!("total {mode}: ");
        assert!(r.out.lines().last().unwrap().starts_with(&total), "{what}: {}", r.out);
    }
}

#[test]
fn every_case_reaches_its_committed_floor_end_to_end() {
    let r = skmem(&["conform", "--mode", "end-to-end"]).exits(0);
    let head: Vec<&str> =
        r.out.lines().find(|l| l.starts_with("kernel")).unwrap().split_whitespace().collect();
    assert_eq!(head[2..6], ["rows", "acks", "tx", "figures"]);
    assert!(r.out.lines().last().unwrap().starts_with("total end-to-end: "), "{}", r.out);
}

#[test]
fn whole_runs_lie_within_the_recorded_passes_as_often_as_those_of_the_kernels_do() {
    let r = skmem(&["conform", "--mode", "end-to-end", "--json"]).exits(0);
    let json: serde_json::Value = serde_json::from_str(&r.out).unwrap();
    // Figures outside, by case: the model's, and those of each further pass.
    let (mut model, mut own) = (Vec::new(), vec![Vec::new(); 7]);
    for c in json["cases"].as_array().unwrap() {
        let figures = &c["counters"];
        model.push(figures["compared"].as_u64().unwrap() - figures["exact"].as_u64().unwrap());
        let further = c["further_outside"].as_array().unwrap();
        own.iter_mut().zip(further).for_each(|(pass, n)| pass.push(n.as_u64().unwrap()));
        // Where all that the kernel did seven times more is within, the model is.
        let kernel_is = further.iter().all(|n| n.as_u64() == Some(0));
        assert!(!kernel_is || model.last() == Some(&0), "{} {}", c["kernel"], c["case"]);
    }
    let held = |run: &Vec<u64>| run.iter().filter(|outside| **outside == 0).count();
    let lost = |run: &Vec<u64>| run.iter().sum::<u64>();
    assert!(own.iter().all(|pass| pass.len() == model.len()));
    assert!(held(&model) >= own.iter().map(held).min().unwrap(), "cases: {}", held(&model));
    assert!(lost(&model) <= own.iter().map(lost).max().unwrap(), "figures: {}", lost(&model));
}

#[test]
fn the_published_runs_are_exact_row_by_row() {
    let cases = "a_*,b_*,d_*,e_*,l_*,t_inorder*";
    let r = skmem(&["conform", "--kernel", "6.1", "--case", cases, "--json"]).exits(0);
    let json: serde_json::Value = serde_json::from_str(&r.out).unwrap();
    let totals = &json["totals"];
    assert!(totals["cases"]["compared"].as_u64().unwrap() >= 6, "{totals}");
    for kind in ["cases", "rows", "acks", "steps"] {
        assert_eq!(totals[kind]["exact"], totals[kind]["compared"], "{kind}: {}", r.out);
    }
}

#[test]
fn a_case_below_its_floor_ends_with_1_and_its_figures() {
    let dir = tempfile::tempdir().unwrap();
    let floors = dir.path().join("floors.csv");
    fs::write(&floors, "mode,kernel,case,rows,acks,steps,counters\nreplay,6.1,a_overrun,1000,0,0,0\n")
        .unwrap();
    let floors = floors.to_str().unwrap();
    skmem(&["conform", "--kernel", "6.1", "--case", "a_overrun", "--floors", floors])
        .exits(1)
        .says(&["replay 6.1 a_overrun: below the committed floor: rows 69 instead of 1000", "1 case below"]);
}

#[test]
fn floors_are_raised_and_the_board_is_drawn() {
    let dir = tempfile::tempdir().unwrap();
    let (floors, svg) = (dir.path().join("floors.csv"), dir.path().join("board.svg"));
    let (f, s) = (floors.to_str().unwrap(), svg.to_str().unwrap());
    let args =
        ["conform", "--kernel", "6.1", "--case", "a_overrun", "--write-floors", "--floors", f, "--svg", s];
    skmem(&args).exits(0);
    assert!(fs::read_to_string(floors).unwrap().contains("replay,6.1,a_overrun,69,18,0"));
    assert!(fs::read_to_string(svg).unwrap().starts_with("<svg"));
}

#[test]
fn both_scores_are_to_be_had() {
    let args = ["conform", "--kernel", "6.1", "--case", "a_overrun", "--without-oracle"];
    assert!(skmem(&args).exits(0).out.contains("total replay: "));
}

#[test]
fn what_is_not_there_is_named() {
    skmem(&["conform", "--kernel", "6.2"]).exits(2).says(&["no recording has the kernel `6.2`"]);
    skmem(&["conform", "--case", "a_overun"]).exits(2).says(&["did you mean a_overrun?"]);
    skmem(&["conform", "nowhere"]).exits(2).says(&["there is no folder nowhere"]);
    let dir = tempfile::tempdir().unwrap();
    let empty = dir.path().to_str().unwrap();
    skmem(&["conform", empty]).exits(2).says(&["no recordings here"]);
}

#[test]
fn a_damaged_recording_is_an_error_of_its_case_alone() {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("validation/recordings/6.1");
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("recordings/6.1");
    fs::create_dir_all(&to).unwrap();
    fs::copy(from.join("a_overrun.rec"), to.join("a_overrun.rec")).unwrap();
    let bytes = fs::read(from.join("b_normal.rec")).unwrap();
    fs::write(to.join("b_normal.rec"), &bytes[..bytes.len() / 2]).unwrap();
    let r = skmem_in(dir.path(), &["conform", "recordings"]);
    assert!(r.out.contains("69/69") && r.out.contains("b_normal"), "{}", r.out);
    assert!(r.out.lines().last().unwrap().contains("1/2 cases exact"), "{}", r.out);
}
