//! A value over two variables as colours, in several panels on one scale.

use plotters::prelude::{DrawingBackend, RGBColor};
use plotters::style::text_anchor::{HPos, VPos};

use crate::draw::{FRAME, INK, Painter, Type, WHITE, text_width};
use crate::error::ChartError;
use crate::heading::{ChartSettings, printable, shorten};
use crate::layout::{Layout, Rect};
use crate::panel_grid::{MAX_GRID, PanelGrid, fitting};
use crate::picture::{self, Drawing};
use crate::scale::{Kind, Scale};
use crate::tones;

/// One panel: a value for each pair, the first variable moving fastest; `None` where there is none.
#[derive(Clone, PartialEq, Debug)]
pub struct HeatPanel {
    /// What tells it from the others; may be empty.
    pub title: String,
    /// Rows from below, each from left to right.
    pub cells: Vec<Option<f64>>,
}

/// A variable of a heat map: its name and its values, in order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HeatAxis {
    /// Its name.
    pub name: String,
    /// Its values.
    pub values: Vec<String>,
}

/// Panels over two variables, ready to be drawn. All cells have the same size, whatever the distance of the values.
#[derive(Clone, PartialEq, Debug)]
pub struct HeatMap {
    across: HeatAxis,
    up: HeatAxis,
    panels: Vec<HeatPanel>,
    label: String,
    kind: Kind,
    columns: Option<usize>,
    settings: ChartSettings,
}

/// A cell without a value.
const NOTHING: RGBColor = RGBColor(0xee, 0xee, 0xee);

impl HeatMap {
    /// A map of `panels`; `label` is what the colours are, `kind` what it counts.
    ///
    /// # Errors
    /// [`ChartError::Size`], [`ChartError::Runs`] if there is no panel or there are too many, and
    /// [`ChartError::Draw`] if a panel has not as many cells as there are pairs.
    pub fn from(
        across: HeatAxis,
        up: HeatAxis,
        panels: Vec<HeatPanel>,
        (label, kind): (String, Kind),
        settings: ChartSettings,
    ) -> Result<Self, ChartError> {
        if panels.is_empty() || panels.len() > MAX_GRID {
            return Err(ChartError::Runs { runs: panels.len(), most: MAX_GRID });
        }
        let pairs = across.values.len() * up.values.len();
        if pairs == 0 || panels.iter().any(|p| p.cells.len() != pairs) {
            return Err(ChartError::Draw(format!("a heat map of {pairs} cells has other panels")));
        }
        picture::prepare(&settings)?;
        Ok(Self { across, up, panels, label, kind, columns: None, settings })
    }

    /// The same with its panels in so many columns.
    #[must_use]
    pub const fn with_columns(mut self, columns: Option<usize>) -> Self {
        self.columns = columns;
        self
    }

    fn scale(&self) -> Scale {
        let values = self.panels.iter().flat_map(|p| p.cells.iter().copied().flatten());
        let least = values.clone().fold(f64::INFINITY, f64::min);
        let most = values.clone().fold(f64::NEG_INFINITY, f64::max);
        // A few per cent of difference would vanish on a scale from zero.
        let narrow = least > most * 0.8;
        Scale::over(self.kind, values, 40.0, !narrow).without_air(most)
    }

    fn cell(&self, at: Rect, i: usize) -> Rect {
        let (w, h) = (self.across.values.len(), self.up.values.len());
        at.column(i % w, w, 0).row(h - 1 - i / w, h, 0)
    }

    fn panel<DB: DrawingBackend>(
        &self,
        p: &Painter<'_, DB>,
        l: &Layout,
        at: Rect,
        panel: &HeatPanel,
    ) -> Result<(), ChartError> {
        let scale = self.scale();
        let kind = Type::new(l.unit(18), HPos::Center, VPos::Center);
        let text = |v: f64| self.kind.text(v);
        let filled = || panel.cells.iter().enumerate().filter_map(|(i, c)| Some((i, (*c)?)));
        let one = self.cell(at, 0);
        let fits =
            one.h > l.unit(26) && filled().all(|(_, v)| text_width(&text(v), kind) < one.w - l.unit(4));
        p.rect(at, NOTHING)?;
        for (i, v) in filled() {
            let r = self.cell(at, i);
            let color = tones::step(scale.share(v));
            p.rect(r, color)?;
            if fits {
                let ink = if tones::is_light(color) { INK } else { WHITE };
                p.text_in(&text(v), (r.x + r.w / 2, r.y + r.h / 2), kind, ink)?;
            }
        }
        p.frame(at, FRAME, l.unit(2))
    }

    fn across_labels<DB: DrawingBackend>(
        &self,
        p: &Painter<'_, DB>,
        l: &Layout,
        at: Rect,
    ) -> Result<(), ChartError> {
        let values = &self.across.values;
        let kind = Type::new(l.unit(19), HPos::Center, VPos::Top);
        let widest = values.iter().map(|v| text_width(&printable(v), kind)).max().unwrap_or(1);
        let every = every(values.len(), (at.w / (widest + l.unit(14)).max(1)).max(1) as usize);
        for (i, v) in values.iter().enumerate().step_by(every) {
            let r = self.cell(at, i);
            let (text, kind) = fitting(&printable(v), r.w * every as i32, kind, l);
            p.text(&text, (r.x + r.w / 2, at.bottom() + l.unit(8)), kind)?;
        }
        Ok(())
    }

    fn up_labels<DB: DrawingBackend>(
        &self,
        p: &Painter<'_, DB>,
        l: &Layout,
        at: Rect,
    ) -> Result<(), ChartError> {
        let values = &self.up.values;
        let kind = Type::new(l.unit(19), HPos::Right, VPos::Center);
        let every = every(values.len(), (at.h / l.unit(24).max(1)).max(1) as usize);
        for (i, v) in values.iter().enumerate().step_by(every) {
            let r = self.cell(at, i * self.across.values.len());
            let (text, kind) = fitting(&printable(v), at.x - l.unit(48), kind, l);
            p.text(&text, (at.x - l.unit(10), r.y + r.h / 2), kind)?;
        }
        Ok(())
    }

    /// The colours with their values, beside the panels.
    fn legend<DB: DrawingBackend>(&self, p: &Painter<'_, DB>, l: &Layout) -> Result<(), ChartError> {
        let u = |n| l.unit(n);
        let at = Rect { h: l.lower.bottom() - l.upper.y, ..l.upper_legend };
        let bold = Type { bold: true, ..Type::new(u(20), HPos::Left, VPos::Center) };
        let (text, bold) = fitting(&printable(&self.label), at.w - u(18), bold, l);
        p.text(&text, (at.x, at.y + u(10)), bold)?;
        let bar = Rect { x: at.x, y: at.y + u(40), w: u(36), h: at.h - u(80) };
        let steps = 96;
        for i in 0..steps {
            let r = bar.row(steps - 1 - i, steps, 0);
            p.rect(Rect { h: r.h + 1, ..r }, tones::step((i as f64 + 0.5) / steps as f64))?;
        }
        p.frame(bar, FRAME, u(2))?;
        let scale = self.scale();
        for (v, label) in scale.ticks(8) {
            let y = bar.bottom() - scale.place(v, bar.h).clamp(0, bar.h);
            p.line(&[(bar.right(), y), (bar.right() + u(6), y)], FRAME, u(2))?;
            p.text(&label, (bar.right() + u(12), y), Type::new(u(19), HPos::Left, VPos::Center))?;
        }
        if self.panels.iter().any(|p| p.cells.contains(&None)) {
            let y = at.bottom() - u(14);
            p.rect(Rect { x: at.x, y: y - u(10), w: u(36), h: u(20) }, NOTHING)?;
            p.text("no value", (bar.right() + u(12), y), Type::new(u(19), HPos::Left, VPos::Center))?;
        }
        Ok(())
    }
}

/// Every how manieth of `n` labels is shown if there is room for `room`.
fn every(n: usize, room: usize) -> usize {
    n.div_ceil(room.max(1)).max(1)
}

impl Drawing for HeatMap {
    fn settings(&self) -> &ChartSettings {
        &self.settings
    }

    fn draw<DB: DrawingBackend>(&self, p: &Painter<'_, DB>, l: &Layout) -> Result<(), ChartError> {
        let titled = self.panels.iter().any(|p| !p.title.is_empty());
        let grid = PanelGrid::new(l, self.panels.len(), self.columns, titled, false);
        for (i, panel) in self.panels.iter().enumerate() {
            let at = grid.panel(i);
            grid.title(p, l, i, &panel.title)?;
            self.panel(p, l, at, panel)?;
            if grid.is_left(i) {
                self.up_labels(p, l, at)?;
            }
            if grid.is_bottom(i) {
                self.across_labels(p, l, at)?;
            }
        }
        let kind = Type { upwards: true, ..Type::new(l.unit(22), HPos::Center, VPos::Center) };
        let whole = grid.whole();
        let text = shorten(&printable(&self.up.name), whole.h, |t| text_width(t, kind));
        p.text(&text, (l.unit(22), whole.y + whole.h / 2), kind)?;
        grid.across(p, l, &self.across.name)?;
        self.legend(p, l)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::Picture as _;

    fn axis(name: &str, n: usize) -> HeatAxis {
        HeatAxis { name: name.to_owned(), values: (0..n).map(|i| format!("{name}{i}")).collect() }
    }

    fn map(w: usize, h: usize, panels: usize) -> HeatMap {
        let cells: Vec<Option<f64>> = (0..w * h).map(|i| (i != 1).then_some(i as f64)).collect();
        let panels =
            (0..panels).map(|i| HeatPanel { title: format!("p{i}"), cells: cells.clone() }).collect();
        let label = ("fitted".to_owned(), Kind::Count);
        HeatMap::from(axis("x", w), axis("y", h), panels, label, ChartSettings::default()).unwrap()
    }

    #[test]
    fn few_cells_say_their_values_and_a_missing_one_is_named() {
        let svg = map(4, 3, 1).svg().unwrap();
        for text in ["\nx0\n", "\nx3\n", "\ny0\n", "\ny2\n", "fitted", "no value"] {
            assert!(svg.contains(text), "{text}\n{svg}");
        }
        let values = svg.split("<text").filter(|t| t.contains("\n11\n")).count();
        assert_eq!(values, 1, "{svg}");
    }

    #[test]
    fn many_cells_and_panels_are_drawn_without_a_gap() {
        let m = map(200, 100, 5);
        let at = Rect { x: 10, y: 10, w: 417, h: 313 };
        let (first, last) = (m.cell(at, 0), m.cell(at, 200 * 100 - 1));
        assert_eq!((first.x, first.bottom()), (at.x, at.bottom()));
        assert_eq!((last.right(), last.y), (at.right(), at.y));
        assert_eq!(m.cell(at, 7).right(), m.cell(at, 8).x);
        assert!(m.png().unwrap().len() > 1_000);
    }
}
