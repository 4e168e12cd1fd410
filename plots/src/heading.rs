//! What stands above a chart: its title and the settings that make it what it is.

use plotters::prelude::DrawingBackend;
use plotters::style::text_anchor::{HPos, VPos};

use crate::draw::{Painter, Type, WHITE, text_width};
use crate::error::ChartError;
use crate::layout::Layout;

/// What is written above a chart, and its size.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChartSettings {
    /// The title, such as the name of the scenario.
    pub title: String,
    /// The settings that make the run what it is (`kernel 6.1`, `SO_RCVBUF 32 KiB`, `rtt 200 ms` ...), shown in
    /// this order below the title.
    pub settings: Vec<String>,
    /// Width, pixels.
    pub width: u32,
    /// Height, pixels.
    pub height: u32,
}

impl Default for ChartSettings {
    fn default() -> Self {
        Self { title: String::new(), settings: Vec::new(), width: 1600, height: 900 }
    }
}

/// Between two settings: a dot among no-break spaces, which an SVG viewer does not join.
const SEPARATOR: &str = "\u{a0}\u{a0} \u{b7} \u{a0}\u{a0}";

/// Lines that the settings may take.
const SETTINGS_LINES: usize = 3;

/// The settings broken into lines as the finished picture needs them.
pub(crate) fn heading_lines(settings: &ChartSettings) -> Vec<String> {
    let l = Layout::new(settings.width as i32, settings.height as i32, 1);
    let room = l.upper_legend.right() - l.upper.x;
    break_settings(&settings.settings, room, |t| text_width(t, settings_type(&l)))
}

/// White paper with the title and the settings on it.
pub(crate) fn heading<DB: DrawingBackend>(
    p: &Painter<'_, DB>,
    layout: &Layout,
    settings: &ChartSettings,
) -> Result<(), ChartError> {
    let u = |n| layout.unit(n);
    p.fill(WHITE)?;
    let title = Type { bold: true, ..Type::new(u(34), HPos::Left, VPos::Top) };
    let room = layout.upper_legend.right() - layout.upper.x;
    let text = shorten(&printable(&settings.title), room, |t| text_width(t, title));
    p.text(&text, (layout.upper.x, u(22)), title)?;
    for (line, y) in heading_lines(settings).iter().zip((u(66)..).step_by(u(30).max(1) as usize)) {
        p.text(line, (layout.upper.x, y), settings_type(layout))?;
    }
    Ok(())
}

fn settings_type(l: &Layout) -> Type {
    Type::new(l.unit(23), HPos::Left, VPos::Top)
}

/// Control characters, which neither a font nor XML has, become spaces.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// `text`, cut with an ellipsis if it is wider than `room`.
pub(crate) fn shorten(text: &str, room: i32, width: impl Fn(&str) -> i32) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    let ends: Vec<usize> = text.char_indices().map(|(i, _)| i).collect();
    let cut = |i: &usize| format!("{}\u{2026}", text[..*i].trim_end());
    let fitting = ends.partition_point(|i| width(&cut(i)) <= room);
    ends[..fitting].last().map_or_else(String::new, cut)
}

/// The settings in as few lines as they need, at most [`SETTINGS_LINES`]; what does not fit ends in an ellipsis.
fn break_settings(settings: &[String], room: i32, width: impl Fn(&str) -> i32) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for s in settings.iter().map(|s| printable(s)).filter(|s| !s.is_empty()) {
        let joined = lines.last().map(|l| format!("{l}{SEPARATOR}{s}"));
        let full = lines.len() == SETTINGS_LINES;
        match (lines.last_mut(), joined) {
            (Some(line), Some(joined)) if full || width(&joined) <= room => *line = joined,
            _ => lines.push(s),
        }
    }
    lines.iter().map(|l| shorten(l, room, &width)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chars(t: &str) -> i32 {
        t.chars().count() as i32
    }

    #[test]
    fn settings_break_between_entries_and_end_in_an_ellipsis() {
        let s: Vec<String> = (0..6).map(|i| format!("setting {i}")).collect();
        let lines = break_settings(&s, 27, chars);
        assert_eq!(lines[0], format!("setting 0{SEPARATOR}setting 1"));
        assert_eq!(lines.len(), 3);
        let lines = break_settings(&s, 20, chars);
        assert_eq!(lines.len(), 3);
        assert!(lines[2].ends_with('\u{2026}') && chars(&lines[2]) <= 20, "{lines:?}");
        assert!(break_settings(&[], 20, chars).is_empty());
    }

    #[test]
    fn shortening_respects_characters() {
        assert_eq!(shorten("größe", 5, chars), "größe");
        assert_eq!(shorten("größenangabe", 5, chars), "größ\u{2026}");
        assert_eq!(shorten("abc", 0, chars), "");
    }
}
