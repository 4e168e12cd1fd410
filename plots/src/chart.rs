//! The chart of a trace, as SVG or PNG.

use plotters::backend::{BitMapBackend, SVGBackend};
use plotters::prelude::{DrawingBackend, IntoDrawingArea};
use plotters::style::text_anchor::{HPos, VPos};

use crate::draw::{Painter, Type, WHITE, text_width};
use crate::error::{ChartError, MAX_SIDE, MIN_HEIGHT, MIN_WIDTH};
use crate::fonts;
use crate::layout::Layout;
use crate::panels::{self, Data};
use crate::raster::{OVERSAMPLING, encode, halve};
use crate::rows::ChartRow;

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

/// A chart: rows and settings, ready to be drawn.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Chart {
    rows: Vec<ChartRow>,
    settings: ChartSettings,
}

impl Chart {
    /// A chart of `rows`, which are ordered by packet number; any number of them, none included.
    ///
    /// # Errors
    /// [`ChartError::Size`] if the settings ask for a size out of bounds.
    pub fn from(rows: Vec<ChartRow>, settings: ChartSettings) -> Result<Self, ChartError> {
        let (width, height) = (settings.width, settings.height);
        if width < MIN_WIDTH || height < MIN_HEIGHT || width > MAX_SIDE || height > MAX_SIDE {
            return Err(ChartError::Size { width, height });
        }
        fonts::register()?;
        Ok(Self { rows, settings })
    }

    /// Where the parts of the chart lie, in pixels of the finished picture.
    pub fn layout(&self) -> Layout {
        self.layout_at(self.settings.width, self.settings.height)
    }

    /// The chart as an SVG document.
    ///
    /// # Errors
    /// [`ChartError::Draw`].
    pub fn svg(&self) -> Result<String, ChartError> {
        let (w, h) = (self.settings.width, self.settings.height);
        let mut text = String::new();
        self.draw(SVGBackend::with_string(&mut text, (w, h)), w, h, false)?;
        Ok(text)
    }

    /// The chart as a PNG file.
    ///
    /// # Errors
    /// [`ChartError::Draw`].
    pub fn png(&self) -> Result<Vec<u8>, ChartError> {
        let (w, h) = (self.settings.width, self.settings.height);
        let (bw, bh) = (w * OVERSAMPLING, h * OVERSAMPLING);
        let mut pixels = vec![0_u8; bw as usize * bh as usize * 3];
        self.draw(BitMapBackend::with_buffer(&mut pixels, (bw, bh)), bw, bh, true)?;
        encode(&halve(&pixels, w as usize), w, h)
    }

    /// The layout at a size; sides are at most [`MAX_SIDE`] times [`OVERSAMPLING`].
    fn layout_at(&self, width: u32, height: u32) -> Layout {
        Layout::new(width as i32, height as i32, heading_lines(&self.settings).len() as i32)
    }

    fn draw<DB: DrawingBackend>(
        &self,
        backend: DB,
        width: u32,
        height: u32,
        piecewise: bool,
    ) -> Result<(), ChartError> {
        let layout = self.layout_at(width, height);
        let area = backend.into_drawing_area();
        let p = Painter { area: &area, piecewise };
        heading(&p, &layout, &self.settings)?;
        let data = Data::new(&self.rows, &layout);
        panels::upper(&p, &layout, &data)?;
        panels::lower(&p, &layout, &data)?;
        area.present().map_err(|e| ChartError::Draw(e.to_string()))
    }
}

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
