//! Panels in rows and columns: where each lies, and which of them carry the labels of the axes.

use plotters::prelude::DrawingBackend;
use plotters::style::text_anchor::{HPos, VPos};

use crate::draw::{Painter, Type, text_width};
use crate::error::ChartError;
use crate::heading::{printable, shorten};
use crate::layout::{Layout, Rect};

/// Panels of one chart at most.
pub const MAX_GRID: usize = 16;

/// Where the panels of a chart lie.
pub(crate) struct PanelGrid {
    whole: Rect,
    panels: usize,
    columns: usize,
    titled: bool,
    /// Whether the panels of a row share the labels at its left end.
    shared: bool,
    gap: (i32, i32),
    title: i32,
}

impl PanelGrid {
    /// A grid for so many panels, in so many columns or as fits best.
    pub(crate) fn new(l: &Layout, panels: usize, columns: Option<usize>, titled: bool, shared: bool) -> Self {
        let u = |n| l.unit(n);
        // Labels with their units need more room than bare numbers.
        let left = u(40);
        let whole =
            Rect { x: l.upper.x + left, w: l.upper.w - left, h: l.lower.bottom() - l.upper.y, ..l.upper };
        let columns = columns.unwrap_or(match panels {
            0..=3 => panels.max(1),
            4 => 2,
            5..=9 => 3,
            _ => 4,
        });
        Self { whole, panels, columns, titled, shared, gap: (u(44), u(16)), title: u(30) }
    }

    /// The box of all panels.
    pub(crate) const fn whole(&self) -> Rect {
        self.whole
    }

    /// The box of panel `i`.
    pub(crate) fn panel(&self, i: usize) -> Rect {
        let rows = self.panels.div_ceil(self.columns);
        let r = self.whole.row(i / self.columns, rows, self.gap.1).column(
            i % self.columns,
            self.columns,
            self.gap.0,
        );
        let top = if self.titled { self.title } else { 0 };
        Rect { y: r.y + top, h: r.h - top, ..r }
    }

    /// Whether the labels of its vertical axis stand beside panel `i`.
    pub(crate) const fn is_left(&self, i: usize) -> bool {
        i.is_multiple_of(self.columns)
    }

    /// Whether panel `i` carries the name of the vertical axis: the first, or each if they differ.
    pub(crate) fn says_label(&self, i: usize) -> bool {
        i == 0 || (self.columns == 1 && self.shared)
    }

    /// Whether there is no panel below panel `i`.
    pub(crate) const fn is_bottom(&self, i: usize) -> bool {
        i + self.columns >= self.panels
    }

    /// The title of panel `i`.
    pub(crate) fn title<DB: DrawingBackend>(
        &self,
        p: &Painter<'_, DB>,
        l: &Layout,
        i: usize,
        text: &str,
    ) -> Result<(), ChartError> {
        let at = self.panel(i);
        let bold = Type { bold: true, ..Type::new(l.unit(20), HPos::Center, VPos::Bottom) };
        let (text, bold) = fitting(&printable(text), at.w, bold, l);
        p.text(&text, (at.x + at.w / 2, at.y - l.unit(6)), bold)
    }

    /// The name of the horizontal axis.
    pub(crate) fn across<DB: DrawingBackend>(
        &self,
        p: &Painter<'_, DB>,
        l: &Layout,
        text: &str,
    ) -> Result<(), ChartError> {
        let kind = Type::new(l.unit(22), HPos::Center, VPos::Top);
        p.text(&printable(text), (self.whole.x + self.whole.w / 2, self.whole.bottom() + l.unit(42)), kind)
    }
}

/// A text in a type that is as small as it must be to fit, down to two thirds; beyond that the text is cut.
pub(crate) fn fitting(text: &str, room: i32, kind: Type, l: &Layout) -> (String, Type) {
    let mut kind = kind;
    let least = (kind.size * 2 / 3).max(l.unit(13));
    while kind.size > least && text_width(text, kind) > room {
        kind.size -= 1;
    }
    (shorten(text, room, |t| text_width(t, kind)), kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panels_of_any_number_lie_apart_and_each_column_has_one_at_its_foot() {
        let l = Layout::new(1_600, 900, 1);
        for n in 1..=MAX_GRID {
            let grid = PanelGrid::new(&l, n, None, true, true);
            let all: Vec<Rect> = (0..n).map(|i| grid.panel(i)).collect();
            for (i, a) in all.iter().enumerate() {
                assert!(a.w > 200 && a.h > 80 && a.bottom() <= 900, "{n} {a:?}");
                assert!(all[i + 1..].iter().all(|b| !a.overlaps(b)), "{n} {a:?}");
            }
            let feet = (0..n).filter(|i| grid.is_bottom(*i)).count();
            assert_eq!(feet, n.min(grid.columns));
        }
    }
}
