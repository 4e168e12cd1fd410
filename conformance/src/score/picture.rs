//! The scoreboard as a picture: cases down, kernels across.

use std::fmt::Write as _;

use super::{CaseScore, Scoreboard, Tally};

/// A grid of text. A cell is the share of exact rows, ACKs and steps: `##` all, two digits of percent (rounded
/// down) otherwise, `!!` a case that did not run, `..` nothing compared, blank no such recording.
pub fn text(board: &Scoreboard) -> String {
    let (kernels, cases) = (board.kernels(), board.case_names());
    let width = cases.iter().map(|c| c.chars().count()).max().unwrap_or(0);
    let columns: Vec<usize> = kernels.iter().map(|k| k.chars().count().max(2)).collect();
    let mut out = format!("{:width$}", "");
    for (k, w) in kernels.iter().zip(&columns) {
        let _ = write!(out, " {k:>w$}");
    }
    out.push('\n');
    for case in cases {
        let mut line = format!("{case:width$}");
        for (k, w) in kernels.iter().zip(&columns) {
            let cell = board.get(k, case).map_or_else(String::new, cell);
            let _ = write!(line, " {cell:>w$}");
        }
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out
}

fn cell(c: &CaseScore) -> String {
    match share(c) {
        Share::Failed => "!!".to_owned(),
        Share::Nothing => "..".to_owned(),
        Share::Permille(1000) => "##".to_owned(),
        Share::Permille(p) => format!("{:02}", p / 10),
    }
}

enum Share {
    Failed,
    Nothing,
    Permille(u64),
}

fn share(c: &CaseScore) -> Share {
    if c.error.is_some() {
        return Share::Failed;
    }
    c.lines().permille().map_or(Share::Nothing, Share::Permille)
}

const CELL: usize = 54;
const LINE: usize = 18;
const LEFT: usize = 260;
const TOP: usize = 48;

/// A grid as a self-contained SVG document: green all exact, from yellow to red the less is exact, grey nothing
/// compared, black a case that did not run. A pointer over a cell shows its figures.
pub fn svg(board: &Scoreboard) -> String {
    let (kernels, cases) = (board.kernels(), board.case_names());
    let width = LEFT + kernels.len() * CELL + 12;
    let height = TOP + cases.len() * LINE + 12;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n\
         <text x=\"8\" y=\"18\" font-weight=\"bold\">Exact rows, ACKs and steps ({})</text>\n",
        board.mode
    );
    for (i, k) in kernels.iter().enumerate() {
        let x = LEFT + i * CELL + CELL / 2;
        let _ =
            writeln!(out, "<text x=\"{x}\" y=\"{}\" text-anchor=\"middle\">{}</text>", TOP - 8, escape(k));
    }
    for (j, case) in cases.iter().enumerate() {
        let y = TOP + j * LINE;
        let _ = writeln!(
            out,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
            LEFT - 8,
            y + 13,
            escape(case)
        );
        for (i, k) in kernels.iter().enumerate() {
            if let Some(c) = board.get(k, case) {
                square(&mut out, LEFT + i * CELL, y, c);
            }
        }
    }
    out.push_str("</svg>\n");
    out
}

fn square(out: &mut String, x: usize, y: usize, c: &CaseScore) {
    let (fill, ink, label) = match share(c) {
        Share::Failed => ("#222222".to_owned(), "#ffffff", "failed".to_owned()),
        Share::Nothing => ("#dddddd".to_owned(), "#222222", "-".to_owned()),
        Share::Permille(1000) => ("#2e9e5b".to_owned(), "#ffffff", "100".to_owned()),
        Share::Permille(p) => {
            // From red at nothing to yellow just below all.
            let (red, green) = (214 + 30 * p / 1000, 80 + 130 * p / 1000);
            (format!("#{red:02x}{green:02x}50"), "#222222", format!("{}.{}", p / 10, p % 10))
        }
    };
    let show = |t: Tally| format!("{}/{}", t.exact, t.compared);
    let title = format!(
        "{} {}: rows {}, acks {}, steps {}",
        c.kernel,
        c.case,
        show(c.rows),
        show(c.acks),
        show(c.steps)
    );
    let _ = writeln!(
        out,
        "<g><title>{}</title><rect x=\"{x}\" y=\"{y}\" width=\"{}\" height=\"{}\" fill=\"{fill}\"/>\
         <text x=\"{}\" y=\"{}\" text-anchor=\"middle\" font-size=\"11\" fill=\"{ink}\">{label}</text></g>",
        escape(&title),
        CELL - 2,
        LINE - 2,
        x + CELL / 2 - 1,
        y + 12
    );
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::tests::board;

    #[test]
    fn the_text_grid_has_a_column_per_kernel() {
        assert_eq!(text(&board()), "          5.10 6.1\na_overrun   !!  ##\nt_clamp         97\n");
    }

    #[test]
    fn the_svg_is_closed_and_names_are_escaped() {
        let mut b = board();
        b.cases[0].case = "a<b".into();
        let s = svg(&b);
        assert!(s.starts_with("<svg ") && s.ends_with("</svg>\n"));
        assert!(s.contains("a&lt;b") && !s.contains("a<b"));
        assert_eq!(s.matches("<g>").count(), s.matches("</g>").count());
    }
}
