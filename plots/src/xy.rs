//! Values against a variable: families of lines, points with intervals, several panels on common scales.

use plotters::prelude::{DrawingBackend, RGBColor};
use plotters::style::text_anchor::{HPos, VPos};

use crate::draw::{FRAME, GRID, INK, Painter, Type, WHITE, text_width};
use crate::error::ChartError;
use crate::heading::{ChartSettings, printable, shorten};
use crate::layout::{Layout, Rect};
use crate::panel_grid::{MAX_GRID, PanelGrid, fitting};
use crate::picture::{self, Drawing};
use crate::placing::Obstacles;
use crate::polyline::{Point, dashes, thin};
use crate::scale::{Kind, Scale};
use crate::tones;

/// What the horizontal axis shows.
#[derive(Clone, PartialEq, Debug)]
pub enum Across {
    /// Numbers, on a logarithmic scale if they span more than a decade.
    Numbers(String, Kind),
    /// Words in their order, at 0, 1, 2 ...
    Words(String, Vec<String>),
}

/// The colour of a series.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tone {
    /// One of several things.
    Word(usize),
    /// One of so many steps from small to large.
    Step(usize, usize),
    /// What matters most.
    Ink,
    /// What fell short.
    Failed,
    /// The background of something else.
    Faint,
}

/// How a series is drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mark {
    /// Dots with a line through them.
    Line,
    /// A line without dots, drawn in dashes.
    Dashed,
    /// Dots.
    Dots,
    /// Dots with rings around them.
    Rings,
    /// Crosses.
    Crosses,
}

/// A point with the interval that belongs to it; `low` and `high` equal `y` if there is none.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct XyPoint {
    /// Across.
    pub x: f64,
    /// Upwards.
    pub y: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl XyPoint {
    /// A point without interval.
    pub const fn at(x: f64, y: f64) -> Self {
        Self { x, y, low: y, high: y }
    }
}

/// Points that belong together.
#[derive(Clone, PartialEq, Debug)]
pub struct Series {
    /// Its name; the legend has each name once, and none that is empty.
    pub name: String,
    /// Its colour.
    pub tone: Tone,
    /// How it is drawn.
    pub mark: Mark,
    /// Ordered by x.
    pub points: Vec<XyPoint>,
}

/// One panel.
#[derive(Clone, PartialEq, Debug)]
pub struct XyPanel {
    /// What tells it from the others; may be empty.
    pub title: String,
    /// What its values are. Panels with the same share a scale.
    pub label: String,
    /// What its values count.
    pub kind: Kind,
    /// What it shows; the later ones lie on top.
    pub series: Vec<Series>,
    /// Levels with their names.
    pub levels: Vec<(f64, String)>,
    /// Texts beside points.
    pub notes: Vec<(f64, f64, String)>,
}

/// Panels over one variable, ready to be drawn.
#[derive(Clone, PartialEq, Debug)]
pub struct XyChart {
    across: Across,
    panels: Vec<XyPanel>,
    /// What the series are, above their names.
    legend: String,
    /// A place across, with its name.
    upright: Option<(f64, String)>,
    columns: Option<usize>,
    settings: ChartSettings,
}

/// Values across that are ticks themselves.
const OWN_TICKS: usize = 7;

/// From which ratio of the largest to the least value on an axis is logarithmic: settings, and results.
const SPAN_OF_SETTINGS: f64 = 20.0;
const SPAN_OF_RESULTS: f64 = 40.0;

impl XyChart {
    /// A chart of `panels`; `legend` says what the series are.
    ///
    /// # Errors
    /// [`ChartError::Size`], or [`ChartError::Runs`] if there is no panel or there are too many.
    pub fn from(
        across: Across,
        panels: Vec<XyPanel>,
        legend: String,
        settings: ChartSettings,
    ) -> Result<Self, ChartError> {
        if panels.is_empty() || panels.len() > MAX_GRID {
            return Err(ChartError::Runs { runs: panels.len(), most: MAX_GRID });
        }
        picture::prepare(&settings)?;
        Ok(Self { across, panels, legend, upright: None, columns: None, settings })
    }

    /// The same with a marked place across.
    #[must_use]
    pub fn with_upright(mut self, x: f64, name: String) -> Self {
        self.upright = Some((x, name));
        self
    }

    /// The same with its panels in so many columns.
    #[must_use]
    pub const fn with_columns(mut self, columns: Option<usize>) -> Self {
        self.columns = columns;
        self
    }

    /// The scale of a panel, which all panels of the same values have.
    fn upwards(&self, panel: &XyPanel) -> Scale {
        let same = self.panels.iter().filter(|p| p.label == panel.label && p.kind == panel.kind);
        let points = same.clone().flat_map(|p| &p.series).flat_map(|s| &s.points);
        let levels = same.flat_map(|p| p.levels.iter().map(|(y, _)| *y));
        let values = points.flat_map(|p| [p.y, p.high]).chain(levels);
        Scale::over(panel.kind, values, SPAN_OF_RESULTS, true)
    }

    fn sideways(&self) -> Scale {
        let points = self.panels.iter().flat_map(|p| &p.series).flat_map(|s| &s.points).map(|p| p.x);
        match &self.across {
            Across::Numbers(_, kind) => Scale::over(*kind, points, SPAN_OF_SETTINGS, false),
            Across::Words(_, words) => Scale::words(words.len()),
        }
    }

    fn panel<DB: DrawingBackend>(
        &self,
        p: &Painter<'_, DB>,
        l: &Layout,
        at: Rect,
        panel: &XyPanel,
    ) -> Result<(), ChartError> {
        let u = |n| l.unit(n);
        let (up, over) = (self.upwards(panel), self.sideways());
        // Points at the ends of a scale keep off the frame.
        let pad = if matches!(self.across, Across::Words(..)) { 0 } else { u(16).min(at.w / 16) };
        let x = |v: f64| at.x + pad + over.place(v, at.w - 2 * pad);
        let y = |v: f64| at.bottom() - up.place(v, at.h).clamp(0, at.h);
        for (v, _) in up.ticks(rows_of_ticks(at, l)) {
            p.line(&[(at.x, y(v)), (at.right(), y(v))], GRID, u(1))?;
        }
        for (v, _) in self.ticks(&over, at, l) {
            p.line(&[(x(v), at.y), (x(v), at.bottom())], GRID, u(1))?;
        }
        let mut obstacles = Obstacles::default();
        if let Some((v, _)) = &self.upright {
            let line = [(x(*v), at.y), (x(*v), at.bottom())];
            p.line(&line, FRAME, u(3))?;
            obstacles.line(&line);
        }
        for (v, _) in &panel.levels {
            let line = [(at.x, y(*v)), (at.right(), y(*v))];
            for dash in dashes(&line, f64::from(u(12)), f64::from(u(8))) {
                p.line(&dash, INK, u(2))?;
            }
            obstacles.line(&line);
        }
        p.frame(at, FRAME, u(2))?;
        // Whiskers of several series stand beside each other.
        let whiskers = panel.series.iter().any(|s| s.points.iter().any(|q| q.low < q.high));
        let aside = if whiskers && matches!(self.across, Across::Numbers(..)) { u(5) } else { 0 };
        let n = panel.series.len() as i32;
        for (i, s) in panel.series.iter().enumerate() {
            let off = (2 * i as i32 - (n - 1)) * aside / 2;
            series(p, l, s, &|v| x(v) + off, &|v| y(v))?;
            let points: Vec<Point> = s.points.iter().map(|q| (x(q.x) + off, y(q.y))).collect();
            match s.mark {
                Mark::Line | Mark::Dashed => obstacles.line(&points),
                _ => obstacles.marks(&points, u(6)),
            }
        }
        self.texts(p, l, at, panel, obstacles, &|v| x(v), &|v| y(v))
    }

    /// The names of levels and of the marked place, and the texts beside points as far as there is room: where nothing that
    /// is drawn crosses them, if there is such a place.
    #[expect(
        clippy::too_many_arguments,
        reason = "the scales and what lies on them belong together here alone"
    )]
    fn texts<DB: DrawingBackend>(
        &self,
        p: &Painter<'_, DB>,
        l: &Layout,
        at: Rect,
        panel: &XyPanel,
        mut obstacles: Obstacles,
        x: &dyn Fn(f64) -> i32,
        y: &dyn Fn(f64) -> i32,
    ) -> Result<(), ChartError> {
        let u = |n| l.unit(n);
        let inside = Rect { x: at.x + 1, y: at.y + 1, w: at.w - 2, h: at.h - 2 };
        let kind = Type::new(u(18), HPos::Left, VPos::Top);
        let h = u(22);
        // Once is enough.
        if let Some((v, name)) = self.upright.as_ref().filter(|_| std::ptr::eq(panel, &self.panels[0])) {
            let text = printable(name);
            let w = text_width(&text, kind);
            let rows = [at.y + u(6), at.bottom() - h - u(6), at.y + at.h / 2 - h / 2];
            let sides = [x(*v) + u(8), x(*v) - u(8) - w];
            let places = rows.into_iter().flat_map(|y| sides.map(|x| Rect { x, y, w, h }));
            if let Some(r) = obstacles.place(places, inside) {
                p.text(&text, (r.x, r.y), kind)?;
            }
        }
        for (v, name) in &panel.levels {
            let text = printable(name);
            let w = text_width(&text, kind);
            let (left, right) = (at.x + u(8), at.right() - w - u(8));
            let across = (0..=8).map(|i| left + (right - left) * i / 8);
            let places = across.flat_map(|x| [y(*v) - h - u(3), y(*v) + u(5)].map(|y| Rect { x, y, w, h }));
            if let Some(r) = obstacles.place(places, inside) {
                p.text(&text, (r.x, r.y), kind)?;
            }
        }
        let (kind, h) = (Type::new(u(17), HPos::Left, VPos::Top), u(20));
        for (nx, ny, text) in &panel.notes {
            let text = printable(text);
            let w = text_width(&text, kind);
            let (px, py) = (x(*nx), y(*ny));
            let (right, left, middle) = (px + u(14), px - w - u(14), px - w / 2);
            let level = py - h / 2;
            let beside =
                [(right, py + u(6)), (left, py - h - u(6)), (right, py - h - u(6)), (left, py + u(6))];
            let over = [(right, level), (left, level), (middle, py - h - u(16)), (middle, py + u(16))];
            let further =
                [(right, py + u(22)), (left, py - h - u(22)), (right, py - h - u(22)), (left, py + u(22))];
            let places = [beside, over, further].into_iter().flatten().map(|(x, y)| Rect { x, y, w, h });
            if let Some(r) = obstacles.clear(places, inside) {
                p.text(&text, (r.x, r.y), kind)?;
            }
        }
        Ok(())
    }

    fn ticks(&self, over: &Scale, at: Rect, l: &Layout) -> Vec<(f64, String)> {
        match &self.across {
            Across::Numbers(_, kind) => {
                let own = self.own_ticks(over, *kind, at, l);
                own.unwrap_or_else(|| over.ticks((at.w / l.unit(110).max(1)).clamp(2, 12) as usize))
            }
            Across::Words(_, words) => words.iter().enumerate().map(|(i, w)| (i as f64, w.clone())).collect(),
        }
    }

    /// The values themselves, if they are few and stand far enough apart.
    fn own_ticks(&self, over: &Scale, kind: Kind, at: Rect, l: &Layout) -> Option<Vec<(f64, String)>> {
        let mut values: Vec<f64> = Vec::new();
        for p in self.panels.iter().flat_map(|p| &p.series).flat_map(|s| &s.points) {
            if values.len() > OWN_TICKS {
                return None;
            }
            if !values.contains(&p.x) {
                values.push(p.x);
            }
        }
        values.sort_by(f64::total_cmp);
        let far = |w: &[f64]| over.place(w[1], at.w) - over.place(w[0], at.w) >= l.unit(84);
        (values.len() <= OWN_TICKS && values.windows(2).all(far))
            .then(|| values.into_iter().map(|v| (v, kind.text(v))).collect())
    }

    fn tick_labels<DB: DrawingBackend>(
        &self,
        p: &Painter<'_, DB>,
        l: &Layout,
        at: Rect,
    ) -> Result<(), ChartError> {
        let over = self.sideways();
        let ticks = self.ticks(&over, at, l);
        let words = matches!(self.across, Across::Words(..));
        let pad = if words { 0 } else { l.unit(16).min(at.w / 16) };
        let room = at.w / ticks.len().max(1) as i32 - l.unit(6);
        for (v, label) in &ticks {
            let kind = Type::new(l.unit(20), HPos::Center, VPos::Top);
            let text = printable(label);
            let (text, kind) = if words { fitting(&text, room, kind, l) } else { (text, kind) };
            let x = at.x + pad + over.place(*v, at.w - 2 * pad);
            p.text(&text, (x, at.bottom() + l.unit(8)), kind)?;
        }
        Ok(())
    }

    fn legend<DB: DrawingBackend>(&self, p: &Painter<'_, DB>, l: &Layout) -> Result<(), ChartError> {
        let u = |n| l.unit(n);
        let at = Rect { h: l.lower.bottom() - l.upper.y, ..l.upper_legend };
        let mut listed: Vec<&Series> = Vec::new();
        for s in self.panels.iter().flat_map(|p| &p.series).filter(|s| !s.name.is_empty()) {
            if listed.iter().all(|o| o.name != s.name) {
                listed.push(s);
            }
        }
        let mut y = at.y + u(10);
        if !self.legend.is_empty() && !listed.is_empty() {
            let bold = Type { bold: true, ..Type::new(u(20), HPos::Left, VPos::Center) };
            let (text, bold) = fitting(&printable(&self.legend), at.w - u(18), bold, l);
            p.text(&text, (at.x, y), bold)?;
            y += u(34);
        }
        let step = u(32);
        let room = ((at.bottom() - y) / step.max(1)).max(1) as usize;
        let shown = if listed.len() > room { room - 1 } else { listed.len() };
        for s in &listed[..shown] {
            let (from, to) = (at.x, at.x + u(40));
            let sample =
                Series { points: vec![XyPoint::at(0.0, 0.0), XyPoint::at(1.0, 0.0)], ..(*s).clone() };
            let one = Series { points: vec![XyPoint::at(0.5, 0.0)], ..sample.clone() };
            let place = |v: f64| from + (f64::from(to - from) * v) as i32;
            match s.mark {
                Mark::Line => {
                    let sample = Series { points: sample.points.repeat(DOTTED), ..sample };
                    series(p, l, &sample, &place, &|_| y)?;
                    series(p, l, &one, &place, &|_| y)?;
                }
                Mark::Dashed => series(p, l, &sample, &place, &|_| y)?,
                _ => series(p, l, &one, &place, &|_| y)?,
            }
            let kind = Type::new(u(20), HPos::Left, VPos::Center);
            let (text, kind) = fitting(&printable(&s.name), at.right() - to - u(18), kind, l);
            p.text(&text, (to + u(10), y), kind)?;
            y += step;
        }
        if shown < listed.len() {
            let more = format!("and {} more", listed.len() - shown);
            p.text(&more, (at.x, y), Type::new(u(18), HPos::Left, VPos::Center))?;
        }
        Ok(())
    }
}

/// Ticks that a panel of this height has room for.
fn rows_of_ticks(at: Rect, l: &Layout) -> usize {
    (at.h / l.unit(44).max(1)).clamp(2, 9) as usize
}

fn color(tone: Tone) -> RGBColor {
    match tone {
        Tone::Word(i) => tones::word(i),
        Tone::Step(i, n) => tones::ranked(i, n),
        Tone::Ink => INK,
        Tone::Failed => RGBColor(0xd6, 0x27, 0x28),
        Tone::Faint => RGBColor(0xa8, 0xb4, 0xc0),
    }
}

/// Dots on a line of more points than this say nothing.
const DOTTED: usize = 48;

fn series<DB: DrawingBackend>(
    p: &Painter<'_, DB>,
    l: &Layout,
    s: &Series,
    x: &dyn Fn(f64) -> i32,
    y: &dyn Fn(f64) -> i32,
) -> Result<(), ChartError> {
    let u = |n| l.unit(n);
    let color = color(s.tone);
    let points: Vec<Point> = s.points.iter().map(|q| (x(q.x), y(q.y))).collect();
    for q in s.points.iter().filter(|q| q.low < q.high) {
        let (x, low, high, cap) = (x(q.x), y(q.low), y(q.high), u(6));
        p.line(&[(x, low), (x, high)], color, u(2))?;
        for end in [low, high] {
            p.line(&[(x - cap, end), (x + cap, end)], color, u(2))?;
        }
    }
    // The earlier ones are the thicker ones: lines that fall together are all seen.
    let under = match (s.tone, s.mark) {
        (Tone::Word(i), Mark::Line) => 4 - i.min(4) as i32,
        (Tone::Step(i, n), Mark::Line) => n.saturating_sub(i + 1).min(4) as i32,
        _ => 0,
    };
    let thick = if s.tone == Tone::Ink { u(5) } else { u(3 + under) };
    match s.mark {
        Mark::Line => p.line(&thin(&points), color, thick)?,
        Mark::Dashed => {
            for dash in dashes(&points, f64::from(u(12)), f64::from(u(8))) {
                p.line(&dash, color, thick)?;
            }
        }
        _ => {}
    }
    let few = s.points.len() <= DOTTED;
    for at in points {
        match s.mark {
            Mark::Line if few => p.disc(at, u(5 + under).max(2), color)?,
            Mark::Dots if s.tone == Tone::Faint => p.disc(at, u(4).max(2), color)?,
            Mark::Dots => p.disc(at, u(6).max(2), color)?,
            Mark::Rings => {
                p.disc(at, u(11).max(4), color)?;
                p.disc(at, u(7).max(3), WHITE)?;
                p.disc(at, u(4).max(2), color)?;
            }
            Mark::Crosses => p.cross(at, u(7).max(3), color, u(3))?,
            _ => {}
        }
    }
    Ok(())
}

impl Drawing for XyChart {
    fn settings(&self) -> &ChartSettings {
        &self.settings
    }

    fn draw<DB: DrawingBackend>(&self, p: &Painter<'_, DB>, l: &Layout) -> Result<(), ChartError> {
        let u = |n| l.unit(n);
        let titled = self.panels.iter().any(|p| !p.title.is_empty());
        let alike = self.panels.iter().all(|p| p.label == self.panels[0].label);
        let columns = if alike { self.columns } else { Some(1) };
        let grid = PanelGrid::new(l, self.panels.len(), columns, titled, true);
        for (i, panel) in self.panels.iter().enumerate() {
            let at = grid.panel(i);
            grid.title(p, l, i, &panel.title)?;
            if grid.is_left(i) {
                let up = self.upwards(panel);
                for (v, label) in up.ticks(rows_of_ticks(at, l)) {
                    let y = at.bottom() - up.place(v, at.h).clamp(0, at.h);
                    p.text(&label, (at.x - u(10), y), Type::new(u(19), HPos::Right, VPos::Center))?;
                }
                if grid.says_label(i) {
                    let kind = Type { upwards: true, ..Type::new(u(22), HPos::Center, VPos::Center) };
                    let tall = if alike { grid.whole() } else { at };
                    let text = shorten(&printable(&panel.label), tall.h, |t| text_width(t, kind));
                    p.text(&text, (u(22), tall.y + tall.h / 2), kind)?;
                }
            }
            if grid.is_bottom(i) {
                self.tick_labels(p, l, at)?;
            }
            self.panel(p, l, at, panel)?;
        }
        let (Across::Numbers(label, _) | Across::Words(label, _)) = &self.across;
        grid.across(p, l, label)?;
        self.legend(p, l)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::Picture as _;

    fn chart(panels: usize, across: Across) -> XyChart {
        let line = |i: usize| Series {
            name: format!("buffer {i}"),
            tone: Tone::Step(i, 4),
            mark: Mark::Line,
            points: (0..5).map(|x| XyPoint::at(10_f64.powi(x), 1e6 * (i + 1) as f64)).collect(),
        };
        let panel = |i: usize| XyPanel {
            title: format!("kernel {i}"),
            label: "goodput".to_owned(),
            kind: Kind::BitsPerSecond,
            series: (0..4).map(line).collect(),
            levels: vec![(3e6, "the link".to_owned())],
            notes: vec![(10.0, 2e6, "a point".to_owned())],
        };
        let panels = (0..panels).map(panel).collect();
        XyChart::from(across, panels, "SO_RCVBUF".to_owned(), ChartSettings::default()).unwrap()
    }

    #[test]
    fn panels_share_scales_and_each_name_is_said_once() {
        let svg = chart(3, Across::Numbers("path.rtt".to_owned(), Kind::Nanoseconds)).svg().unwrap();
        for text in ["kernel 0", "kernel 2", "buffer 0", "buffer 3", "the link", "a point"] {
            assert!(svg.contains(text), "{text}");
        }
        for once in ["SO_RCVBUF", "path.rtt", "goodput", "buffer 2", "4 Mbit/s"] {
            assert_eq!(svg.matches(once).count(), 1, "{once}");
        }
    }

    #[test]
    fn a_level_at_the_foot_of_a_panel_has_its_name_at_any_size() {
        let foot = |width, height| {
            let mut c = chart(2, Across::Numbers("path.rtt".to_owned(), Kind::Nanoseconds));
            c.settings = ChartSettings { width, height, ..c.settings };
            for panel in &mut c.panels {
                panel.series[0].points[0].y = 0.0;
                panel.levels = vec![(0.0, "at most 0".to_owned())];
            }
            c.svg().unwrap().matches("at most 0").count()
        };
        assert_eq!((foot(1_600, 900), foot(3_200, 1_800), foot(900, 600)), (2, 2, 2));
    }

    #[test]
    fn words_any_number_of_panels_and_nothing_at_all_are_drawn() {
        let words = || Across::Words("kernel".to_owned(), ["5.10", "6.1"].map(str::to_owned).to_vec());
        for n in [1, 2, 5, 9, MAX_GRID] {
            assert!(chart(n, words()).png().unwrap().len() > 1_000);
        }
        let mut empty = chart(1, words());
        empty.panels[0].series.clear();
        empty.panels[0].levels.clear();
        assert!(empty.svg().unwrap().contains("5.10"));
        assert!(XyChart::from(words(), Vec::new(), String::new(), ChartSettings::default()).is_err());
    }
}
