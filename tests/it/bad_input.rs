//! Every mistake: the exit code, the place, the remedy, and nothing left behind.

use std::fs;
use std::path::Path;

use crate::support::{listing, skmem, skmem_in};

/// Runs the text as a scenario with `-o out`; it must be refused with all of `texts`, and nothing written.
#[track_caller]
fn refused(text: impl AsRef<[u8]>, texts: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("s.yaml"), text).unwrap();
    let r = skmem_in(dir.path(), &["run", "s.yaml", "-o", "out"]).exits(2).says(texts);
    assert_eq!(r.out, "", "nothing is printed where data goes");
    assert_eq!(listing(dir.path()), ["s.yaml"], "nothing is left behind");
}

#[test]
fn an_unknown_key() {
    refused("kernel: 6.1\npath: {rrt: 1ms}\n", &["s.yaml:2:8", "did you mean `rtt`?"]);
}

#[test]
fn a_wrong_unit() {
    let text = "kernel: 6.1\nreceiver: {sockopt: {SO_RCVBUF: 64Kb}}\n";
    refused(text, &["s.yaml:2:33", "did you mean 64KiB (1024) or 64kB (1000)?"]);
}

#[test]
fn a_duplicate_key() {
    refused("kernel: 6.1\nseed: 1\nseed: 2\n", &["s.yaml:3:1", "the key `seed` is given twice"]);
}

#[test]
fn a_negative_or_absurd_size() {
    let with = |size: &str| format!("kernel: 6.1\nreceiver: {{sockopt: {{SO_RCVBUF: {size}}}}}\n");
    refused(with("-1"), &["s.yaml:2:33", "cannot be negative"]);
    refused(with("4000GiB"), &["s.yaml:2:33", "out of range"]);
}

#[test]
fn an_unknown_kernel() {
    refused("kernel: 6.17\n", &["s.yaml:1:9", "no model of kernel 6.17", "nearest recorded kernel is 6.18"]);
    skmem(&["run", "budget-overrun", "--kernel", "2.6"]).exits(2).says(&["--kernel", "5.10"]);
}

#[test]
fn an_unquoted_5_10_is_5_10() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("s.yaml"), "kernel: 5.10\n").unwrap();
    let r = skmem_in(dir.path(), &["run", "s.yaml", "--json"]).exits(0);
    let json: serde_json::Value = serde_json::from_str(&r.out).unwrap();
    assert_eq!(json["kernel"], "5.10");
}

#[test]
fn a_file_that_cannot_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let run = |word: &str| skmem_in(dir.path(), &["run", word]).exits(2);
    run("none.yaml").says(&["cannot read none.yaml", "No such file"]);
    fs::write(dir.path().join("some.yaml"), "kernel: 6.1\n").unwrap();
    run("sone.yaml").says(&["did you mean some.yaml?"]);
    run("some").says(&["did you mean the file some.yaml?"]);
    run("budget-overun").says(&["there is no scenario `budget-overun`", "did you mean `budget-overrun`?"]);
    run("zzzzzz").says(&["`skmem list` shows all ", ", such as budget-overrun, normal-window, "]);
    run("./").says(&["is a folder, not a scenario file"]);
    fs::write(dir.path().join("latin1.yaml"), b"kernel: 6.1\nname: caf\xe9\n").unwrap();
    run("latin1.yaml").says(&["not UTF-8 text", "line 2", "save the file as UTF-8"]);
}

#[cfg(unix)]
#[test]
fn a_file_without_permission() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s.yaml");
    fs::write(&path, "kernel: 6.1\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    // The superuser may read everything.
    if fs::read(&path).is_err() {
        skmem_in(dir.path(), &["run", "s.yaml"]).exits(2).says(&["cannot read s.yaml", "Permission denied"]);
    }
}

#[test]
fn an_empty_file() {
    refused("", &["this scenario is empty", "skmem new NAME"]);
    refused("# nothing\n\n", &["this scenario is empty"]);
}

#[test]
fn an_alias_bomb() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for i in 1..12 {
        let aliases = vec![format!("*a{}", i - 1); 10].join(", ");
        text.push_str(&format!("a{i}: &a{i} [{aliases}]\n"));
    }
    refused(text, &["s.yaml:", "alias"]);
}

#[test]
fn a_file_of_100_mb() {
    let dir = tempfile::tempdir().unwrap();
    fs::File::create(dir.path().join("s.yaml")).unwrap().set_len(100_000_000).unwrap();
    skmem_in(dir.path(), &["run", "s.yaml", "-o", "out"]).exits(2).says(&["larger than 1048576 bytes"]);
    assert_eq!(listing(dir.path()), ["s.yaml"]);
}

#[test]
fn not_a_number() {
    refused("kernel: 6.1\npath: {delay: .nan}\n", &["s.yaml:2:15", "finite number"]);
}

#[test]
fn a_scenario_that_would_never_end() {
    refused("kernel: 6.1\nstop: {max_events: 1000}\n", &["s.yaml:2:1", "would never end", "`after`"]);
}

#[test]
fn a_run_that_needs_more_than_its_budget_fails_as_a_run() {
    let dir = tempfile::tempdir().unwrap();
    let set = "stop={after: 5s, max_events: 50}";
    let args = ["run", "budget-overrun", "quickack", "--set", set, "-o", "out"];
    let texts = ["budget-overrun: the run needs more than 50 events", "quickack: ", "stop.max_events"];
    skmem_in(dir.path(), &args).exits(1).says(&texts);
    assert_eq!(listing(dir.path()), Vec::<String>::new());
}

#[test]
fn rtt_beside_delay() {
    refused("kernel: 6.1\npath: {rtt: 1ms, delay: 1ms}\n", &["s.yaml:2:", "keep one"]);
}

#[test]
fn an_output_folder_that_exists_is_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("out")).unwrap();
    fs::write(dir.path().join("out/mine.txt"), "mine").unwrap();
    skmem_in(dir.path(), &["run", "budget-overrun", "-o", "out"])
        .exits(2)
        .says(&["out already exists", "choose another folder, or remove it"]);
    assert_eq!(listing(dir.path()), ["out/", "out/mine.txt"]);
}

#[test]
fn one_taken_folder_among_several_stops_all() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("out/quickack")).unwrap();
    let args = ["run", "budget-overrun", "quickack", "-o", "out"];
    skmem_in(dir.path(), &args).exits(2).says(&["out/quickack already exists"]);
    assert_eq!(listing(dir.path()), ["out/", "out/quickack/"]);
}

#[test]
fn an_output_folder_in_use_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join(".out.partial")).unwrap();
    fs::write(dir.path().join(".out.partial/.writer"), std::process::id().to_string()).unwrap();
    skmem_in(dir.path(), &["run", "budget-overrun", "-o", "out"])
        .exits(2)
        .says(&["out is being written by another process", "if none is running, remove"]);
}

#[test]
fn an_output_folder_that_cannot_be_written() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    skmem_in(dir.path(), &["run", "budget-overrun", "-o", "file/out"])
        .exits(2)
        .says(&["cannot write", "file"]);
    assert_eq!(listing(dir.path()), ["file"]);
    if Path::new("/proc/self").exists() {
        skmem_in(dir.path(), &["run", "budget-overrun", "-o", "/proc/out"]).exits(2).says(&["cannot write"]);
    }
}

#[test]
fn two_scenarios_of_one_name() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a.yaml"), "name: twin\nkernel: 6.1\n").unwrap();
    fs::write(dir.path().join("b.yaml"), "name: twin\nkernel: 6.1\n").unwrap();
    skmem_in(dir.path(), &["run", "a.yaml", "b.yaml", "-o", "out"])
        .exits(2)
        .says(&["two scenarios are called `twin` (a.yaml and b.yaml)", "another `name`"]);
    assert_eq!(listing(dir.path()), ["a.yaml", "b.yaml"]);
    skmem(&["run", "quickack", "quickack"]).exits(2).says(&["two scenarios are called `quickack`"]);
}

#[test]
fn mistakes_of_several_files_are_reported_together() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a.yaml"), "kernel: 6.1\nsede: 1\n").unwrap();
    fs::write(dir.path().join("b.yaml"), "kernel: 9\n").unwrap();
    skmem_in(dir.path(), &["run", "a.yaml", "b.yaml", "none.yaml"]).exits(2).says(&[
        "a.yaml:2:1",
        "b.yaml:1:9",
        "cannot read none.yaml",
    ]);
}

#[test]
fn mistakes_in_overrides_point_into_them() {
    skmem(&["run", "budget-overrun", "--set", "path.rtt=5"]).exits(2).says(&["--set:1:10", "5ms"]);
    skmem(&["run", "budget-overrun", "--set", "pth.rtt=5ms"]).exits(2).says(&["did you mean"]);
    skmem(&["run", "budget-overrun", "--set", "seed"]).exits(2).says(&["`seed` is not `key=value`"]);
}

#[test]
fn mistakes_in_arguments() {
    skmem(&["run"]).exits(2).says(&["SCENARIO"]);
    skmem(&["rum"]).exits(2).says(&["run"]);
    skmem(&["run", "budget-overrun", "--trace", "xml"]).exits(2).says(&["csv", "none"]);
    skmem(&["run", "budget-overrun", "--columns", "idx,colour"])
        .exits(2)
        .says(&["there is no column `colour`", "skmem_r"]);
    skmem(&["run", "budget-overrun", "--seed", "-1"]).exits(2);
    skmem(&["completions", "cmd"]).exits(2).says(&["bash"]);
}
