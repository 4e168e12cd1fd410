//! Several runs side by side: one narrow chart each, on common scales.

use plotters::prelude::DrawingBackend;
use plotters::style::text_anchor::{HPos, VPos};

use crate::draw::{Painter, Type, text_width};
use crate::error::ChartError;
use crate::heading::{ChartSettings, printable, shorten};
use crate::layout::{Layout, Rect};
use crate::panels::{self, Data};
use crate::picture::{self, Drawing};
use crate::rows::ChartRow;

/// Runs that fit beside each other: below that a line could not be told from the next.
pub const MAX_RUNS: usize = 12;

/// Ticks of the packet axis of each run.
const TICKS: i64 = 4;

/// One of several runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Column {
    /// What tells it from the others, such as `kernel 6.1`.
    pub title: String,
    /// Its packets.
    pub rows: Vec<ChartRow>,
}

/// Several runs on common scales, ready to be drawn: what looks larger is larger.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SideBySide {
    columns: Vec<Column>,
    settings: ChartSettings,
}

impl SideBySide {
    /// A chart of `columns` from left to right.
    ///
    /// # Errors
    /// [`ChartError::Size`] if the settings ask for a size out of bounds, [`ChartError::Runs`] if there is no run or
    /// there are more than [`MAX_RUNS`].
    pub fn from(columns: Vec<Column>, settings: ChartSettings) -> Result<Self, ChartError> {
        if columns.is_empty() || columns.len() > MAX_RUNS {
            return Err(ChartError::Runs { runs: columns.len(), most: MAX_RUNS });
        }
        picture::prepare(&settings)?;
        Ok(Self { columns, settings })
    }

    /// The share of run number `i` of a box that runs over the whole width.
    fn part(&self, whole: Rect, i: usize, l: &Layout) -> Rect {
        whole.column(i, self.columns.len(), l.unit(14))
    }
}

impl Drawing for SideBySide {
    fn settings(&self) -> &ChartSettings {
        &self.settings
    }

    /// The titles of the columns.
    fn spare_lines(&self) -> i32 {
        1
    }

    fn draw<DB: DrawingBackend>(&self, p: &Painter<'_, DB>, l: &Layout) -> Result<(), ChartError> {
        let runs: Vec<&[ChartRow]> = self.columns.iter().map(|c| c.rows.as_slice()).collect();
        let mut beyond = None;
        for (i, column) in self.columns.iter().enumerate() {
            let (upper, lower) = (self.part(l.upper, i, l), self.part(l.lower, i, l));
            let data = Data::shared(&column.rows, &runs, upper, l);
            let title = Type { bold: true, ..Type::new(l.unit(23), HPos::Center, VPos::Bottom) };
            let text = shorten(&printable(&column.title), upper.w, |t| text_width(t, title));
            p.text(&text, (upper.x + upper.w / 2, upper.y - l.unit(8)), title)?;
            if i == 0 {
                panels::byte_labels(p, l, &data, upper)?;
            }
            panels::lines(p, l, &data, upper, TICKS)?;
            panels::events(p, l, &data, lower, TICKS)?;
            beyond = beyond.max(data.acked_beyond());
        }
        panels::packet_label(p, l)?;
        panels::upper_legend(p, l, beyond)?;
        panels::lower_legend(p, l)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::Picture as _;

    fn run(packets: i64, bytes: i64) -> Vec<ChartRow> {
        (1..=packets)
            .map(|packet| ChartRow {
                packet,
                skmem_r: bytes * packet / packets,
                skmem_rb: bytes,
                ..ChartRow::default()
            })
            .collect()
    }

    fn columns(n: usize) -> Vec<Column> {
        (0..n).map(|i| Column { title: format!("run {i}"), rows: run(50 + i as i64, 65_536) }).collect()
    }

    #[test]
    fn the_columns_fill_the_panel_without_touching_each_other() {
        for n in 1..=MAX_RUNS {
            let chart = SideBySide::from(columns(n), ChartSettings::default()).unwrap();
            let l = Layout::new(1_600, 900, 2);
            let parts: Vec<Rect> = (0..n).map(|i| chart.part(l.upper, i, &l)).collect();
            assert_eq!((parts[0].x, parts[n - 1].right()), (l.upper.x, l.upper.right()));
            assert!(parts.windows(2).all(|w| w[0].right() < w[1].x && w[0].w > 40), "{parts:?}");
        }
    }

    #[test]
    fn every_run_has_its_title_and_the_scales_are_drawn_once() {
        let svg = SideBySide::from(columns(5), ChartSettings::default()).unwrap().svg().unwrap();
        for i in 0..5 {
            assert!(svg.contains(&format!("run {i}")), "{svg}");
        }
        assert_eq!(svg.matches("packet number").count(), 1);
        assert_eq!(svg.matches("KiB").count(), 1);
    }

    #[test]
    fn an_empty_run_leaves_its_place_empty_and_too_many_are_refused() {
        let mut some = columns(2);
        some[1].rows.clear();
        assert!(SideBySide::from(some, ChartSettings::default()).unwrap().png().unwrap().len() > 1_000);
        for n in [0, MAX_RUNS + 1] {
            let refused = SideBySide::from(columns(n), ChartSettings::default());
            assert_eq!(refused, Err(ChartError::Runs { runs: n, most: MAX_RUNS }));
        }
    }
}
