//! `skmem chart`: the figures of a sweep as pictures, chosen by its axes or asked for.

use std::fs;

use crate::support::{listing, skmem_in};

const PLAN: &str = "\
base: budget-overrun
axes:
  rx.SO_RCVBUF: {from: 8KiB, to: 256KiB, steps: 6, scale: log}
  tx.TCP_MAXSEG: [500, 1024, 1448, 2000]
  kernel: [5.10, 6.1]
repeat: 2
measures: [fitted, peak.skmem_r]
";

fn folder(plan: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("p.yaml"), plan).unwrap();
    dir
}

#[test]
fn a_sweep_draws_what_its_axes_need_and_the_same_bytes_each_time() {
    let dir = folder(PLAN);
    let d = dir.path();
    skmem_in(d, &["sweep", "p.yaml", "-o", "out"]).exits(0).says(&["5 charts in"]);
    let names =
        ["distribution-fitted", "heat-fitted", "heat-peak.skmem_r", "lines-fitted", "lines-peak.skmem_r"];
    let expected: Vec<String> = names.iter().flat_map(|n| [format!("{n}.png"), format!("{n}.svg")]).collect();
    assert_eq!(listing(&d.join("out/charts")), expected);
    let lines = fs::read_to_string(d.join("out/charts/lines-fitted.svg")).unwrap();
    // A panel for each kernel, a line for each segment size, budgets in powers of two, whiskers explained.
    for text in ["kernel 5.10", "kernel 6.1", "\n1448 B\n", "\n8 KiB\n", "\n256 KiB\n", "fitted", "Student"] {
        assert!(lines.contains(text), "{text}");
    }
    skmem_in(d, &["chart", "out", "-o", "again"]).exits(0).says(&["5 charts written to again"]);
    for name in &expected {
        assert!(
            fs::read(d.join("again").join(name)).unwrap()
                == fs::read(d.join("out/charts").join(name)).unwrap()
        );
    }
    // A merged file needs no folder.
    skmem_in(d, &["merge", "out", "-o", "all.csv"]).exits(0);
    skmem_in(d, &["chart", "all.csv", "--lines", "fitted", "-o", "one.svg"]).exits(0);
    assert_eq!(fs::read_to_string(d.join("one.svg")).unwrap().replace(">\nall\n", ">\np\n"), lines);
    skmem_in(d, &["sweep", "p.yaml", "-o", "bare", "--no-charts"]).exits(0);
    skmem_in(d, &["sweep", "p.yaml", "-o", "part", "--shard", "1/2"]).exits(0);
    assert!(!d.join("bare/charts").exists() && !d.join("part/charts").exists());
}

#[test]
fn charts_can_be_asked_for_in_the_plan_and_on_the_command_line() {
    let asked = "charts:\n  - {pareto: [max fitted, min peak.skmem_r], at: {kernel: 6.1}}\n  - {lines: fitted, x: kernel, color: rx.SO_RCVBUF, panels: tx.TCP_MAXSEG}\n";
    let dir = folder(&format!("{PLAN}{asked}"));
    let d = dir.path();
    skmem_in(d, &["sweep", "p.yaml", "-o", "out"]).exits(0).says(&["2 charts in"]);
    assert_eq!(
        listing(&d.join("out/charts")),
        [
            "lines-fitted.png",
            "lines-fitted.svg",
            "pareto-fitted-peak.skmem_r-kernel-6.1.png",
            "pareto-fitted-peak.skmem_r-kernel-6.1.svg"
        ]
    );
    let front = fs::read_to_string(d.join("out/charts/pareto-fitted-peak.skmem_r-kernel-6.1.svg")).unwrap();
    for text in
        ["fitted (more is better)", "peak.skmem_r (less is better)", "kernel 6.1 (one of 2)", "not beaten"]
    {
        assert!(front.contains(text), "{text}");
    }
    let heat = [
        "chart",
        "out",
        "--heat",
        "fitted",
        "--x",
        "tx.TCP_MAXSEG",
        "--y",
        "rx.SO_RCVBUF",
        "--at",
        "kernel=5.10",
    ];
    skmem_in(d, &[&heat[..], &["-o", "h.svg"]].concat()).exits(0);
    let svg = fs::read_to_string(d.join("h.svg")).unwrap();
    assert!(
        svg.contains("fitted over tx.TCP_MAXSEG and rx.SO_RCVBUF") && svg.contains("kernel 5.10 (one of 2)")
    );
    let bad = |args: &[&str], says: &str| {
        skmem_in(d, &[&["chart"], args].concat()).exits(2).says(&[says]);
    };
    bad(&["out", "--lines", "fited", "-o", "x.svg"], "did you mean `fitted`");
    bad(&["out", "--lines", "fitted", "--x", "kernl", "-o", "x.svg"], "did you mean `kernel`");
    bad(&["out", "--lines", "fitted", "--x", "kernel", "--color", "kernel", "-o", "x.svg"], "used twice");
    bad(
        &["out", "--lines", "fitted", "--at", "kernel=6.2", "-o", "x.svg"],
        "has no value `6.2`; it has 5.10, 6.1",
    );
    bad(&["out", "--pareto", "fitted", "-o", "x.svg"], "takes two measures");
    bad(&["out", "-o", "x.svg"], "cannot go to one file");
    bad(&["out", "--lines", "fitted", "-o", "x.gif"], "neither in .png nor in .svg");
    bad(&["p.yaml", "--lines", "fitted", "-o", "x.svg"], "holds no rows of a sweep");
    bad(&["nowhere", "--lines", "fitted", "-o", "x.svg"], "nowhere");
    let one = PLAN.replace("[500, 1024, 1448, 2000]", "[500]").replace("[5.10, 6.1]", "[6.1]");
    fs::write(d.join("one.yaml"), one.replace("{from: 8KiB, to: 256KiB, steps: 6, scale: log}", "[8KiB]"))
        .unwrap();
    skmem_in(d, &["sweep", "one.yaml", "-o", "one"]).exits(0);
    bad(&["one"], "no axis has more than one value");
    assert!(!d.join("x.svg").exists());
    let plan = |charts: &str, says: &str| {
        fs::write(d.join("b.yaml"), format!("{PLAN}charts: {charts}\n")).unwrap();
        skmem_in(d, &["sweep", "b.yaml", "-o", "b"]).exits(2).says(&["b.yaml:8", says]);
    };
    plan("[{lines: goodput}]", "the sweep has no measure `goodput`");
    plan("[{lines: fitted, x: path.rtt}]", "the sweep has no axis `path.rtt`");
    plan("[{line: fitted}]", "did you mean `lines`");
    plan("[{x: kernel}]", "says one thing that it shows");
    plan("[{lines: fitted, x: kernel}, {lines: fitted, x: kernel}]", "the same chart twice");
    plan("[{lines: fitted, over: kernel}]", "`over` is for `pareto`");
    plan("[{pareto: [max fitted, min peak.skmem_r], x: kernel}]", "no axis `x`");
    plan("lines", "must be a list");
    let one = "base: budget-overrun\naxes: {path.rtt: [1ms, 2ms]}\ncharts: [{heat: fitted}]\n";
    fs::write(d.join("b.yaml"), one).unwrap();
    skmem_in(d, &["sweep", "b.yaml", "-o", "b"]).exits(2).says(&["a heat map needs two axes"]);
}

#[test]
fn samples_are_drawn_as_points_and_many_values_as_colours() {
    let sample = PLAN.replace("repeat: 2", "sample: {latin-hypercube: 40}");
    let dir = folder(&sample);
    let d = dir.path();
    skmem_in(d, &["sweep", "p.yaml", "-o", "out"]).exits(0);
    let charts = listing(&d.join("out/charts"));
    assert!(charts.contains(&"points-fitted-rx.SO_RCVBUF.svg".to_owned()), "{charts:?}");
    let many = PLAN
        .replace("[500, 1024, 1448, 2000]", "{from: 200, to: 1448, steps: 12}")
        .replace("steps: 6", "steps: 10")
        .replace("repeat: 2", "repeat: 1");
    fs::write(d.join("m.yaml"), many).unwrap();
    skmem_in(d, &["sweep", "m.yaml", "-o", "many"]).exits(0);
    assert_eq!(
        listing(&d.join("many/charts")),
        ["heat-fitted.png", "heat-fitted.svg", "heat-peak.skmem_r.png", "heat-peak.skmem_r.svg"]
    );
}

#[test]
fn one_measure_may_have_several_charts() {
    let asked = "charts: [{lines: fitted, x: kernel}, {lines: fitted, x: rx.SO_RCVBUF}]\n";
    let dir = folder(&format!("{PLAN}{asked}"));
    skmem_in(dir.path(), &["sweep", "p.yaml", "-o", "out"]).exits(0).says(&["2 charts in"]);
    assert_eq!(
        listing(&dir.path().join("out/charts")),
        ["lines-fitted-2.png", "lines-fitted-2.svg", "lines-fitted.png", "lines-fitted.svg"]
    );
}

#[test]
fn a_front_is_of_one_condition_or_of_the_worst_of_all() {
    let dir = folder(PLAN);
    let d = dir.path();
    skmem_in(d, &["sweep", "p.yaml", "-o", "out", "--no-charts"]).exits(0);
    let front = |more: &[&str]| {
        let args = ["chart", "out", "--pareto", "max fitted,min peak.skmem_r", "-o", "f.svg"];
        skmem_in(d, &[&args[..], more].concat()).exits(0);
        fs::read_to_string(d.join("f.svg")).unwrap()
    };
    // Nobody chooses the kernel for its buffers: each has a panel of its own.
    let each = front(&[]);
    for text in ["\nkernel 5.10\n", "\nkernel 6.1\n", "beside the line: rx.SO_RCVBUF, tx.TCP_MAXSEG"] {
        assert!(each.contains(text), "{text}");
    }
    let worst = front(&["--over", "kernel"]);
    assert!(worst.contains("each at its worst over kernel") && !worst.contains("kernel 5.10"), "{worst}");
    // With more conditions than there is room for panels, the worst counts.
    let many = PLAN
        .replace("[5.10, 6.1]", "[5.10, 6.1, 7.2]")
        .replace("  kernel", "  path.rtt: {from: 1ms, to: 20ms, steps: 7}\n  kernel")
        .replace("repeat: 2", "repeat: 1");
    fs::write(d.join("m.yaml"), many).unwrap();
    skmem_in(d, &["sweep", "m.yaml", "-o", "many", "--no-charts"]).exits(0);
    skmem_in(d, &["chart", "many", "--pareto", "max fitted,min peak.skmem_r", "-o", "m.svg"]).exits(0);
    let svg = fs::read_to_string(d.join("m.svg")).unwrap();
    assert!(svg.contains("each at its worst over path.rtt") && svg.contains("\nkernel 7.2\n"), "{svg}");
}
