//! Two tables on top of each other: one panel per column, the first as a line, the second as a dashed line over it.

use plotters::prelude::{DrawingBackend, RGBColor};
use plotters::style::text_anchor::{HPos, VPos};

use crate::axis::{grouped, packet_ticks};
use crate::draw::{FRAME, GRID, Painter, Type, text_width};
use crate::error::ChartError;
use crate::heading::{ChartSettings, printable, shorten};
use crate::layout::{Layout, Rect};
use crate::picture::{self, Drawing};
use crate::polyline::{Point, dashes, thin};

/// Columns that fit above each other.
pub const MAX_PANELS: usize = 6;

const FIRST: RGBColor = RGBColor(0x00, 0x72, 0xb2);
const SECOND: RGBColor = RGBColor(0xd6, 0x27, 0x28);

/// One column of both tables.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Panel {
    /// Its name.
    pub title: String,
    /// Keys and values of the first.
    pub first: Vec<(i64, i64)>,
    /// Keys and values of the second.
    pub second: Vec<(i64, i64)>,
}

/// Two tables, ready to be drawn.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Overlay {
    panels: Vec<Panel>,
    names: [String; 2],
    /// What the horizontal axis counts.
    key: String,
    /// The first difference, marked in every panel.
    mark: Option<i64>,
    settings: ChartSettings,
}

impl Overlay {
    /// A chart of `panels` from top to bottom; `names` are those of the two tables.
    ///
    /// # Errors
    /// [`ChartError::Size`], or [`ChartError::Runs`] if there is no panel or there are more than [`MAX_PANELS`].
    pub fn from(
        panels: Vec<Panel>,
        names: [String; 2],
        key: String,
        mark: Option<i64>,
        settings: ChartSettings,
    ) -> Result<Self, ChartError> {
        if panels.is_empty() || panels.len() > MAX_PANELS {
            return Err(ChartError::Runs { runs: panels.len(), most: MAX_PANELS });
        }
        picture::prepare(&settings)?;
        Ok(Self { panels, names, key, mark, settings })
    }

    fn part(&self, whole: Rect, i: usize, l: &Layout) -> Rect {
        whole.row(i, self.panels.len(), l.unit(18))
    }

    fn panel<DB: DrawingBackend>(
        &self,
        p: &Painter<'_, DB>,
        l: &Layout,
        at: Rect,
        panel: &Panel,
        keys: (i64, i64),
    ) -> Result<(), ChartError> {
        let u = |n| l.unit(n);
        let values = || panel.first.iter().chain(&panel.second).map(|(_, v)| *v);
        let low = values().min().unwrap_or(0).min(0);
        let high = values().max().unwrap_or(1).max(low.saturating_add(1));
        let up = |v: i64| at.bottom() - scaled(v, (low, high), at.h - u(6));
        let tick = Type::new(u(18), HPos::Right, VPos::Center);
        for t in packet_ticks(low, high, (i64::from(at.h) / i64::from(u(34).max(1))).clamp(2, 6)) {
            p.line(&[(at.x, up(t)), (at.right(), up(t))], GRID, u(1))?;
            p.text(&short_number(t), (at.x - u(12), up(t)), tick)?;
        }
        if let Some(mark) = self.mark {
            let x = across(mark, keys, at);
            p.line(&[(x, at.y), (x, at.bottom())], FRAME, u(3))?;
        }
        p.frame(at, FRAME, u(2))?;
        let points = |rows: &[(i64, i64)]| -> Vec<Point> {
            thin(&rows.iter().map(|(k, v)| (across(*k, keys, at), up(*v))).collect::<Vec<_>>())
        };
        p.line(&points(&panel.first), FIRST, u(4))?;
        for dash in dashes(&points(&panel.second), f64::from(u(14)), f64::from(u(10))) {
            p.line(&dash, SECOND, u(3))?;
        }
        let name = Type::new(u(22), HPos::Left, VPos::Center);
        let room = l.upper_legend.w;
        let text = shorten(&printable(&panel.title), room, |t| text_width(t, name));
        p.text(&text, (l.upper_legend.x, at.y + at.h / 2), name)
    }

    fn legend<DB: DrawingBackend>(&self, p: &Painter<'_, DB>, l: &Layout) -> Result<(), ChartError> {
        let u = |n| l.unit(n);
        let name = Type::new(u(22), HPos::Left, VPos::Center);
        let (x, y) = (l.upper.x, l.lower.bottom() + u(56));
        let half = l.upper.w / 3;
        let text = |t: &str| shorten(&printable(t), half - u(70), |t| text_width(t, name));
        p.line(&[(x, y), (x + u(44), y)], FIRST, u(4))?;
        p.text(&text(&self.names[0]), (x + u(54), y), name)?;
        let x = l.upper.right() - half;
        for dash in dashes(&[(x, y), (x + u(44), y)], f64::from(u(14)), f64::from(u(10))) {
            p.line(&dash, SECOND, u(3))?;
        }
        p.text(&text(&self.names[1]), (x + u(54), y), name)
    }
}

impl Drawing for Overlay {
    fn settings(&self) -> &ChartSettings {
        &self.settings
    }

    fn draw<DB: DrawingBackend>(&self, p: &Painter<'_, DB>, l: &Layout) -> Result<(), ChartError> {
        let whole = Rect { h: l.lower.bottom() - l.upper.y, ..l.upper };
        let all = || self.panels.iter().flat_map(|p| p.first.iter().chain(&p.second)).map(|(key, _)| *key);
        let keys = (all().min().unwrap_or(0), all().max().unwrap_or(1));
        for (i, panel) in self.panels.iter().enumerate() {
            self.panel(p, l, self.part(whole, i, l), panel, keys)?;
        }
        let u = |n| l.unit(n);
        let tick = Type::new(u(22), HPos::Center, VPos::Top);
        for t in packet_ticks(keys.0, keys.1, 12) {
            p.text(&grouped(t), (across(t, keys, whole), whole.bottom() + u(10)), tick)?;
        }
        let label = Type::new(u(24), HPos::Center, VPos::Top);
        p.text(&printable(&self.key), (whole.x + whole.w / 2, whole.bottom() + u(44)), label)?;
        self.legend(p, l)
    }
}

/// A number of at most four digits, with `k`, `M`, `G` or `T` for its thousands.
fn short_number(n: i64) -> String {
    let mut rest = n;
    let mut unit = 0;
    while rest.abs() >= 10_000 && rest % 1_000 == 0 || rest.abs() >= 1_000_000 {
        rest /= 1_000;
        unit += 1;
    }
    format!("{}{}", grouped(rest), ["", " k", " M", " G", " T", " P", " E"].get(unit).unwrap_or(&""))
}

fn scaled(value: i64, (low, high): (i64, i64), pixels: i32) -> i32 {
    let (value, low, high) = (i128::from(value), i128::from(low), i128::from(high));
    i32::try_from((value - low) * i128::from(pixels) / (high - low).max(1)).unwrap_or(0)
}

fn across(key: i64, keys: (i64, i64), at: Rect) -> i32 {
    at.x + scaled(key.clamp(keys.0, keys.1), keys, at.w)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::Picture as _;

    fn overlay(n: usize) -> Result<Overlay, ChartError> {
        let rows = |f: i64| (1..50).map(|i| (i, i * f)).collect::<Vec<_>>();
        let panel =
            |i: usize| Panel { title: format!("column {i}"), first: rows(1_000), second: rows(1_010) };
        let names = ["one.csv".to_owned(), "two.csv".to_owned()];
        Overlay::from((0..n).map(panel).collect(), names, "idx".to_owned(), Some(7), ChartSettings::default())
    }

    #[test]
    fn every_panel_has_its_name_and_both_tables_theirs() {
        let svg = overlay(4).unwrap().svg().unwrap();
        for text in ["column 0", "column 3", "one.csv", "two.csv", "idx"] {
            assert!(svg.contains(text), "{text}");
        }
        assert!(overlay(MAX_PANELS).unwrap().png().unwrap().len() > 1_000);
        assert!(overlay(0).is_err() && overlay(MAX_PANELS + 1).is_err());
    }

    #[test]
    fn labels_are_short_and_extremes_are_drawn() {
        assert_eq!(short_number(67_000_000), "67 M");
        assert_eq!(short_number(2_500), "2500");
        let panel = Panel {
            title: "x".to_owned(),
            first: vec![(i64::MIN, i64::MIN), (i64::MAX, i64::MAX)],
            second: Vec::new(),
        };
        let names = [String::new(), String::new()];
        let o = Overlay::from(vec![panel], names, String::new(), None, ChartSettings::default()).unwrap();
        assert!(o.svg().is_ok());
    }
}
