//! Charts of traces that were written before.

use std::fs;

use crate::support::{listing, skmem_in};

#[test]
fn a_written_trace_is_drawn_again() {
    let dir = tempfile::tempdir().unwrap();
    skmem_in(dir.path(), &["run", "budget-overrun", "quickack", "-o", "out", "--quiet", "--plot", "none"])
        .exits(0);
    let (a, b) = ("out/budget-overrun/trace.csv", "out/quickack/trace.csv");
    let r = skmem_in(dir.path(), &["plot", a]).exits(0);
    assert!(r.out.starts_with("budget-overrun\n") && r.out.contains("skmem_rb"), "{}", r.out);
    skmem_in(dir.path(), &["plot", a, "-o", "one.svg"]).exits(0).says(&["written to one.svg"]);
    assert!(fs::read_to_string(dir.path().join("one.svg")).unwrap().contains("budget-overrun"));
    skmem_in(dir.path(), &["plot", a, b, "-o", "charts"]).exits(0);
    assert_eq!(listing(&dir.path().join("charts")), ["budget-overrun.png", "quickack.png"]);
    skmem_in(dir.path(), &["plot", a, b, "-o", "one.png"]).exits(2).says(&["name a folder"]);
    skmem_in(dir.path(), &["plot", a, "-o", "one.jpg"]).exits(2).says(&["neither .png nor .svg"]);
    skmem_in(dir.path(), &["plot", a, a, "-o", "charts"]).exits(2).says(&["would both become"]);
    skmem_in(dir.path(), &["plot", a, "-o", "x.png", "--width", "5"]).exits(2).says(&["cannot be drawn"]);
}

#[test]
fn what_is_no_trace_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    skmem_in(dir.path(), &["plot", "none.csv"]).exits(2).says(&["cannot read none.csv"]);
    fs::write(dir.path().join("t.csv"), "a,b\n1,2\n").unwrap();
    skmem_in(dir.path(), &["plot", "t.csv", "-o", "t.png"]).exits(2).says(&["t.csv is not a trace"]);
    assert_eq!(listing(dir.path()), ["t.csv"]);
}
