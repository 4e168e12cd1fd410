//! A small chart in text, for the terminal: memory as bars, budget and window as lines over them, drops below.

use crate::axis::{ByteAxis, grouped};
use crate::rows::ChartRow;

/// With which characters to draw.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Glyphs {
    /// Block elements and lines.
    #[default]
    Unicode,
    /// ASCII alone.
    Ascii,
}

/// How a chart is drawn in text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TerminalStyle {
    /// Columns in all; at least 48 and at most 400 are used.
    pub width: usize,
    /// Lines of the plot, without axis and legend; at least 4 and at most 100 are used.
    pub height: usize,
    /// With which characters.
    pub glyphs: Glyphs,
    /// Whether to use colours (ANSI escape sequences).
    pub color: bool,
}

impl Default for TerminalStyle {
    fn default() -> Self {
        Self { width: 80, height: 12, glyphs: Glyphs::Unicode, color: false }
    }
}

/// What a character cell shows; later ones hide earlier ones.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ink {
    Plain,
    Memory,
    Budget,
    Window,
    Drop,
}

impl Ink {
    /// The ANSI colour: 33 yellow, 1 bold, 32 green, 31 red.
    const fn ansi(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Memory => Some("33"),
            Self::Budget => Some("1"),
            Self::Window => Some("32"),
            Self::Drop => Some("31"),
        }
    }
}

/// The characters of a set.
struct Set {
    /// Bars of one eighth of a cell to a whole one.
    bars: [char; 8],
    budget: char,
    window: char,
    drop: char,
    side: char,
    corner: char,
    base: char,
}

impl Glyphs {
    const fn set(self) -> Set {
        match self {
            Self::Unicode => Set {
                bars: ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'],
                budget: '─',
                window: '•',
                drop: '×',
                side: '┤',
                corner: '└',
                base: '─',
            },
            Self::Ascii => Set {
                bars: [' ', ' ', ' ', '#', '#', '#', '#', '#'],
                budget: '-',
                window: 'o',
                drop: 'x',
                side: '|',
                corner: '+',
                base: '-',
            },
        }
    }
}

/// What one column of characters shows: several packets if there are more of them than columns.
#[derive(Clone, Copy, Default)]
struct Column {
    memory: i64,
    budget: i64,
    window: i64,
    dropped: bool,
}

/// Columns left of the plot: a label, a space and the axis.
const MARGIN: usize = 10;

/// `skmem_r`, `skmem_rb` and `rcv_win` over the packets, with drops marked below; each line ends in a newline.
pub fn terminal_chart(rows: &[ChartRow], style: &TerminalStyle) -> String {
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
        return "no packets\n".to_owned();
    };
    let width = style.width.clamp(48, 400) - MARGIN;
    let height = style.height.clamp(4, 100);
    let set = style.glyphs.set();
    let columns = gather(rows, width);
    let max = columns.iter().map(|c| c.memory.max(c.budget).max(c.window)).max().unwrap_or(0);
    let axis = ByteAxis::new(max, 8);
    // Eighths of a cell above the base.
    let eighths = |bytes: i64| {
        let n = i128::from(bytes.max(0)) * (height as i128 * 8) / i128::from(axis.top);
        usize::try_from(n).unwrap_or(0).min(height * 8)
    };
    // The cell, counted from below, in which a value lies.
    let cell = |bytes: i64| (eighths(bytes) / 8).min(height - 1);

    let mut labels = vec![String::new(); height];
    for (bytes, label) in axis.ticks() {
        if bytes < axis.top || bytes == 0 {
            labels[cell(bytes)] = label;
        }
    }
    labels[height - 1] = axis.unit_name().to_owned();

    let mut out = Writer { text: String::new(), color: style.color, ink: Ink::Plain };
    for level in (0..height).rev() {
        out.str(&format!("{:>8} {}", labels[level], set.side));
        for c in &columns {
            let filled = eighths(c.memory).saturating_sub(level * 8);
            let (ch, ink) = if cell(c.window) == level {
                (set.window, Ink::Window)
            } else if cell(c.budget) == level {
                (set.budget, Ink::Budget)
            } else if filled == 0 {
                (' ', Ink::Plain)
            } else {
                (set.bars[filled.min(8) - 1], Ink::Memory)
            };
            out.char(ch, ink);
        }
        out.newline();
    }
    out.str(&format!("{:>8} {}{}", "", set.corner, set.base.to_string().repeat(width)));
    out.newline();
    if columns.iter().any(|c| c.dropped) {
        out.str(&format!("{:>8}  ", "drops"));
        for c in &columns {
            if c.dropped {
                out.char(set.drop, Ink::Drop);
            } else {
                out.char(' ', Ink::Plain);
            }
        }
        out.newline();
    }
    let (from, to) = (grouped(first.packet), grouped(last.packet));
    out.str(&format!("{:>8}  {from}{to:>rest$}", "packet", rest = width.saturating_sub(from.len())));
    out.newline();
    out.str(&" ".repeat(MARGIN));
    let memory = set.bars[7];
    for (ch, ink, name) in [
        (memory, Ink::Memory, "skmem_r"),
        (set.budget, Ink::Budget, "skmem_rb"),
        (set.window, Ink::Window, "rcv_win"),
    ] {
        out.char(ch, ink);
        out.str(&format!(" {name}   "));
    }
    out.newline();
    out.text
}

/// Spreads the rows over `width` columns: the highest memory of the packets of a column, their last budget and
/// window, and whether one of them was dropped. Fewer packets than columns are drawn several columns wide.
fn gather(rows: &[ChartRow], width: usize) -> Vec<Column> {
    let n = rows.len();
    (0..width)
        .map(|i| {
            let from = i * n / width;
            let to = ((i + 1) * n / width).max(from + 1);
            let own = &rows[from..to];
            // A dropped packet is marked once, however wide it is drawn.
            let begins = i == 0 || (i - 1) * n / width < from || n > width;
            own.iter().fold(Column::default(), |c, r| Column {
                memory: c.memory.max(r.skmem_r),
                budget: r.skmem_rb,
                window: r.rcv_win,
                dropped: c.dropped || (r.dropped && begins),
            })
        })
        .collect()
}

/// Text with colours that change as seldom as possible, and no blanks at the end of a line.
struct Writer {
    text: String,
    color: bool,
    ink: Ink,
}

impl Writer {
    fn ink(&mut self, ink: Ink) {
        if self.color && ink != self.ink {
            match ink.ansi() {
                Some(code) => self.text.push_str(&format!("\u{1b}[0;{code}m")),
                None => self.text.push_str("\u{1b}[0m"),
            }
        }
        self.ink = ink;
    }

    fn char(&mut self, c: char, ink: Ink) {
        self.ink(ink);
        self.text.push(c);
    }

    fn str(&mut self, text: &str) {
        self.ink(Ink::Plain);
        self.text.push_str(text);
    }

    fn newline(&mut self) {
        self.ink(Ink::Plain);
        let end = self.text.trim_end_matches(' ').len();
        self.text.truncate(end);
        self.text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overrun() -> Vec<ChartRow> {
        (0..70_i64)
            .map(|i| ChartRow {
                packet: i + 1,
                skmem_rb: 65536,
                skmem_r: (i * 1100).min(73984),
                rcv_win: (65536 - i * 1024).max(3072),
                dropped: i > 65,
                ..ChartRow::default()
            })
            .collect()
    }

    #[test]
    fn the_chart_shows_bars_lines_and_drops() {
        insta::assert_snapshot!(terminal_chart(&overrun(), &TerminalStyle::default()), @r#"
   KiB ┤
       ┤                                                               ▁▂▃▅▆▆▆
    64 ┤•••••─────────────────────────────────────────────────────────────────
       ┤     ••••••                                        ▁▃▄▅▆██████████████
    48 ┤           •••••••                           ▂▃▄▅▇████████████████████
       ┤                  •••••••              ▂▃▄▆▇██████████████████████████
       ┤                         •••••• ▁▂▃▅▆▇████████████████████████████████
    32 ┤                          ▁▂▄▅▆•••••••████████████████████████████████
       ┤                    ▁▃▄▅▆█████████████•••••••█████████████████████████
    16 ┤              ▂▃▄▅▇██████████████████████████••••••███████████████████
       ┤       ▁▂▃▄▆▇██████████████████████████████████████•••••••████████████
     0 ┤ ▁▂▃▅▆▇███████████████████████████████████████████████████••••••••••••
       └──────────────────────────────────────────────────────────────────────
 drops                                                                    ××××
packet  1                                                                   70
        █ skmem_r   ─ skmem_rb   • rcv_win
"#);
    }

    #[test]
    fn ascii_is_ascii_and_no_line_is_too_wide() {
        let style = TerminalStyle { width: 60, height: 8, glyphs: Glyphs::Ascii, color: false };
        let text = terminal_chart(&overrun(), &style);
        assert!(text.is_ascii());
        assert!(text.lines().all(|l| l.len() <= 60 && !l.ends_with(' ')), "{text}");
        assert_eq!(text.lines().find(|l| l.contains("drops")).unwrap().matches('x').count(), 3);
    }

    #[test]
    fn colours_are_off_unless_asked_for_and_end_with_each_line() {
        let plain = terminal_chart(&overrun(), &TerminalStyle::default());
        assert!(!plain.contains('\u{1b}'));
        let colored = terminal_chart(&overrun(), &TerminalStyle { color: true, ..TerminalStyle::default() });
        assert!(colored.contains("\u{1b}[0;31m×"));
        assert!(colored.lines().all(|l| l.rfind("\u{1b}[0m") >= l.rfind("\u{1b}[0;")));
    }

    #[test]
    fn any_number_of_rows_and_any_size_will_do() {
        assert_eq!(terminal_chart(&[], &TerminalStyle::default()), "no packets\n");
        for n in [1, 2, 3, 39, 70, 71, 100_000] {
            let rows: Vec<ChartRow> = overrun().into_iter().cycle().take(n).collect();
            for (width, height) in [(0, 0), (80, 12), (1000, 1000)] {
                let style = TerminalStyle { width, height, ..TerminalStyle::default() };
                let text = terminal_chart(&rows, &style);
                assert!(text.lines().all(|l| l.chars().count() <= width.clamp(48, 400)));
            }
        }
        let absurd = ChartRow { skmem_r: i64::MAX, rcv_win: -5, packet: i64::MAX, ..ChartRow::default() };
        assert!(!terminal_chart(&[absurd], &TerminalStyle::default()).is_empty());
    }
}
