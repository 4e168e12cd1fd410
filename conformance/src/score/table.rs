//! The scoreboard as text.

use std::fmt::Write as _;

use super::{CaseScore, Mode, Scoreboard, Tally, Totals};

const COLUMNS: usize = 8;
/// What each mode compares. End to end there is no script, the packets of the client are compared instead, and
/// merges are not compared one by one.
const fn head(mode: Mode) -> [&'static str; COLUMNS] {
    match mode {
        Mode::Replay => ["kernel", "case", "rows", "acks", "steps", "merges", "counters", "first difference"],
        Mode::EndToEnd => ["kernel", "case", "rows", "acks", "tx", "", "figures", "first difference"],
    }
}

/// A table: one line per kernel and case, one per kernel, and the totals as the last line. Every figure reads
/// `exact/compared`, that of the ACKs with `+n` if the model sent `n` packets that the kernel did not.
pub fn render(board: &Scoreboard) -> String {
    let head = head(board.mode);
    let mut lines: Vec<[String; COLUMNS]> = vec![head.map(str::to_owned)];
    for kernel in board.kernels() {
        let cases: Vec<&CaseScore> = board.cases.iter().filter(|c| c.kernel == kernel).collect();
        lines.extend(cases.iter().map(|c| case_line(c)));
        let sum = Totals::of(cases.iter().copied());
        lines.push(sum_line(kernel, format!("{} cases exact", show(sum.cases)), &sum));
    }
    let sum = board.totals();
    let mut width = [0; COLUMNS - 1];
    for line in &lines {
        for (w, cell) in width.iter_mut().zip(line) {
            *w = (*w).max(cell.chars().count());
        }
    }
    let mut out = String::new();
    for line in &lines {
        for (i, (cell, w)) in line.iter().zip(width).enumerate() {
            if head[i].is_empty() {
                continue;
            }
            // Names to the left, figures to the right.
            let _ = if i < 2 { write!(out, "{cell:<w$}  ") } else { write!(out, "{cell:>w$}  ") };
        }
        out.push_str(&line[COLUMNS - 1]);
        trim_end(&mut out);
        out.push('\n');
    }
    out.push_str(&total_line(board, &sum));
    out.push('\n');
    out
}

/// The last line: everything, in one sentence.
pub fn total_line(board: &Scoreboard, sum: &Totals) -> String {
    let unexpected = match sum.unexpected {
        0 => String::new(),
        n => format!("; {n} packets that no kernel sent"),
    };
    let (steps, figures) = match board.mode {
        Mode::Replay => ("steps", String::new()),
        Mode::EndToEnd => (
            "tx",
            format!(
                "; figures within the passes {}, all of them in {} cases; srtt within 19 us {}",
                with_share(sum.counters),
                show(sum.figures_hold),
                with_share(sum.srtt)
            ),
        ),
    };
    let own = board.kernels_own();
    let spread = |values: &dyn Fn(&(u64, u64)) -> u64| {
        let (least, most) = (own.iter().map(values).min()?, own.iter().map(values).max()?);
        Some(format!("{least} to {most}"))
    };
    let own = match (spread(&|p| p.1), spread(&|p| p.0)) {
        (Some(figures), Some(cases)) if board.mode == Mode::EndToEnd => {
            format!("; {} further passes of the kernels themselves: {figures}, all in {cases}", own.len())
        }
        _ => String::new(),
    };
    format!(
        "total {}: {} cases exact; rows {}, acks {}, {steps} {}{unexpected}{figures}{own}",
        board.mode,
        show(sum.cases),
        with_share(sum.rows),
        with_share(sum.acks),
        with_share(sum.steps)
    )
}

/// The first difference of every case that has one, with the lines before it.
pub fn render_differences(board: &Scoreboard) -> String {
    let mut out = String::new();
    for c in &board.cases {
        if let Some(error) = &c.error {
            let _ = writeln!(out, "{} {}: {error}", c.kernel, c.case);
        }
        for note in &c.notes {
            let _ = writeln!(out, "{} {}: note: {note}", c.kernel, c.case);
        }
        let Some(d) = &c.first_difference else { continue };
        let _ = writeln!(out, "{} {}: {d}", c.kernel, c.case);
        for line in &d.before {
            let _ = writeln!(out, "    {line}");
        }
    }
    out
}

fn case_line(c: &CaseScore) -> [String; 8] {
    let first = match (&c.error, &c.first_difference) {
        (Some(error), _) => error.clone(),
        (None, Some(d)) => {
            let columns: Vec<&str> = d.columns.iter().map(|c| c.column.as_str()).collect();
            let more = columns.len().saturating_sub(3);
            let mut text = format!("{} {}: {}", d.key(), d.line, columns[..columns.len() - more].join(", "));
            if more > 0 {
                let _ = write!(text, " and {more} more");
            }
            text
        }
        (None, None) => String::new(),
    };
    [
        c.kernel.clone(),
        c.case.clone(),
        show(c.rows),
        show_acks(c.acks, c.unexpected),
        show(c.steps),
        show(c.merges),
        show(c.counters),
        first,
    ]
}

fn sum_line(kernel: &str, what: String, t: &Totals) -> [String; 8] {
    [
        kernel.to_owned(),
        what,
        show(t.rows),
        show_acks(t.acks, t.unexpected),
        show(t.steps),
        show(t.merges),
        show(t.counters),
        String::new(),
    ]
}

fn show(t: Tally) -> String {
    if t.compared == 0 { "-".to_owned() } else { format!("{}/{}", t.exact, t.compared) }
}

/// Packets that the model sent and the kernel did not follow the figure, as `+2`.
fn show_acks(t: Tally, unexpected: u64) -> String {
    if unexpected == 0 { show(t) } else { format!("{} +{unexpected}", show(t)) }
}

fn with_share(t: Tally) -> String {
    match t.permille() {
        Some(p) => format!("{} ({}.{} %)", show(t), p / 10, p % 10),
        None => show(t),
    }
}

fn trim_end(s: &mut String) {
    s.truncate(s.trim_end_matches(' ').len());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::tests::board;

    #[test]
    fn the_last_line_is_the_total() {
        let text = render(&board());
        let last = text.lines().last().unwrap();
        assert_eq!(
            last,
            "total replay: 1/3 cases exact; rows 109/180 (60.5 %), acks 48/48 (100.0 %), steps 41/42 (97.6 %)"
        );
        assert!(text.contains("row 12: win"), "{text}");
        assert!(text.contains("the model refused the configuration"), "{text}");
    }

    #[test]
    fn end_to_end_names_what_it_compares_and_says_how_many_figures_hold() {
        let mut b = board();
        b.mode = Mode::EndToEnd;
        b.cases[1].counters = Tally { exact: 55, compared: 56 };
        b.cases[1].srtt = Tally { exact: 3, compared: 4 };
        let text = render(&b);
        let head: Vec<_> = text.lines().next().unwrap().split_whitespace().collect();
        assert_eq!(head, ["kernel", "case", "rows", "acks", "tx", "figures", "first", "difference"]);
        let last = text.lines().last().unwrap();
        // One case could not run, of one a figure is outside.
        assert!(
            last.ends_with(
                "figures within the passes 55/56 (98.2 %), all of them in 1/3 cases; srtt within 19 us 3/4 (75.0 %)"
            ),
            "{last}"
        );
    }

    #[test]
    fn what_further_passes_of_the_kernels_reach_stands_beside_what_the_model_does() {
        let mut b = board();
        b.mode = Mode::EndToEnd;
        for (c, outside) in b.cases.iter_mut().zip([[0, 2], [1, 0], [0, 3]]) {
            c.counters = Tally { exact: 50, compared: 56 };
            c.further_outside = outside.into();
        }
        assert!(
            render(&b).ends_with("; 2 further passes of the kernels themselves: 163 to 167, all in 1 to 2\n")
        );
        // Of a case without such passes nothing is known, nor of all then.
        b.cases[2].further_outside.clear();
        assert!(!render(&b).contains("themselves"));
    }

    #[test]
    fn differences_come_with_the_lines_before_them() {
        let mut b = board();
        b.cases[2].first_difference.as_mut().unwrap().before = vec!["row 11".into()];
        let text = render_differences(&b);
        assert!(text.contains("6.1 t_clamp: row 12 (5000 ns): win model 6 recorded 5\n    row 11\n"));
    }
}
