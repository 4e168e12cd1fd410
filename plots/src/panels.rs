//! The two panels: lines of bytes, and marks of events.

use plotters::prelude::{DrawingBackend, RGBColor};
use plotters::style::text_anchor::{HPos, VPos};

use crate::axis::{ByteAxis, grouped, packet_ticks};
use crate::draw::{FRAME, GRID, Painter, Type};
use crate::error::ChartError;
use crate::layout::{Layout, Rect};
use crate::polyline::{Point, cut_above, dashes, thin};
use crate::rows::ChartRow;

/// How a line is drawn.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stroke {
    Solid,
    Dotted,
    Dashed,
}

/// One line of the upper panel. The colours are told apart by people with any kind of colour vision (after Okabe
/// and Ito); the two lines in similar tones are told apart by their strokes.
struct Series {
    name: &'static str,
    color: RGBColor,
    stroke: Stroke,
    /// Width on a slide, pixels.
    width: i32,
    value: fn(&ChartRow) -> i64,
}

/// In the order in which they are drawn: the later ones lie on top.
static SERIES: [Series; 6] = [
    Series { name: "skmem_rb", color: BLACK, stroke: Stroke::Solid, width: 3, value: |r| r.skmem_rb },
    Series { name: "skmem_r", color: ORANGE, stroke: Stroke::Solid, width: 4, value: |r| r.skmem_r },
    Series { name: "recv_q", color: BLUE, stroke: Stroke::Solid, width: 4, value: |r| r.recv_q },
    Series { name: "rcv_win", color: GREEN, stroke: Stroke::Solid, width: 4, value: |r| r.rcv_win },
    Series {
        name: "rcv_ssthresh",
        color: PURPLE,
        stroke: Stroke::Dotted,
        width: 5,
        value: |r| r.rcv_ssthresh,
    },
    Series { name: ACKED, color: RED, stroke: Stroke::Dashed, width: 3, value: |r| r.acked },
];

const ACKED: &str = "acked";
const BLACK: RGBColor = RGBColor(0x33, 0x33, 0x33);
const ORANGE: RGBColor = RGBColor(0xe6, 0x9f, 0x00);
const BLUE: RGBColor = RGBColor(0x00, 0x72, 0xb2);
const GREEN: RGBColor = RGBColor(0x00, 0x9e, 0x73);
const PURPLE: RGBColor = RGBColor(0x6a, 0x3d, 0x9a);
const RED: RGBColor = RGBColor(0xd6, 0x27, 0x28);
const PINK: RGBColor = RGBColor(0xf4, 0x9a, 0xc2);

/// Rows and the scales that map them to pixels.
pub(crate) struct Data<'a> {
    rows: &'a [ChartRow],
    first: i64,
    last: i64,
    axis: ByteAxis,
    /// The largest `acked`, if its line leaves the panel.
    acked_beyond: Option<i64>,
    /// Left edge, width: pixels between the first and the last packet.
    x: (i32, i32),
}

impl<'a> Data<'a> {
    pub(crate) fn new(rows: &'a [ChartRow], layout: &Layout) -> Self {
        let max = |f: fn(&ChartRow) -> i64| rows.iter().map(f).max().unwrap_or(0);
        let bytes = SERIES.iter().filter(|s| s.name != ACKED).map(|s| max(s.value)).max().unwrap_or(0);
        let acked = max(|r| r.acked);
        // `acked` grows as long as the run lasts; it must not flatten everything else.
        let beyond = acked / 2 > bytes;
        let axis = ByteAxis::new(if beyond { bytes } else { bytes.max(acked) }, 8);
        // The first and the last packet stand a little off the frame.
        let pad = layout.unit(20);
        let (first, last) = match (rows.first(), rows.last()) {
            (Some(a), Some(b)) if a.packet < b.packet => (a.packet, b.packet),
            (Some(a), _) => (a.packet.saturating_sub(1), a.packet.saturating_add(1)),
            (None, _) => (0, 1),
        };
        Self {
            rows,
            first,
            last,
            axis,
            acked_beyond: beyond.then_some(acked),
            x: (layout.upper.x + pad, layout.upper.w - 2 * pad),
        }
    }

    /// Rows in `panel`, on the scales that all of `runs` need together.
    pub(crate) fn shared(rows: &'a [ChartRow], runs: &[&[ChartRow]], panel: Rect, layout: &Layout) -> Self {
        let scales: Vec<Data<'_>> = runs.iter().map(|rows| Data::new(rows, layout)).collect();
        let widest = scales.iter().max_by_key(|d| d.axis.top);
        let own = Self::new(rows, layout);
        let top = widest.map_or(0, |d| d.axis.top);
        let pad = layout.unit(10);
        Self {
            first: scales.iter().map(|d| d.first).min().unwrap_or(own.first),
            last: scales.iter().map(|d| d.last).max().unwrap_or(own.last),
            axis: widest.map_or_else(|| own.axis.clone(), |d| d.axis.clone()),
            acked_beyond: rows.iter().map(|r| r.acked).max().filter(|acked| *acked > top),
            x: (panel.x + pad, panel.w - 2 * pad),
            rows,
        }
    }

    /// The largest `acked`, if its line leaves the panel.
    pub(crate) fn acked_beyond(&self) -> Option<i64> {
        self.acked_beyond
    }

    fn x(&self, packet: i64) -> i32 {
        let span = i128::from(self.last) - i128::from(self.first);
        let off = (i128::from(packet) - i128::from(self.first)).clamp(0, span);
        self.x.0 + to_i32(off * i128::from(self.x.1) / span.max(1))
    }

    /// May lie above the panel for values beyond the axis, never below it.
    fn y(&self, bytes: i64, panel: Rect) -> i32 {
        let up = i128::from(bytes.max(0)) * i128::from(panel.h) / i128::from(self.axis.top);
        panel.bottom() - to_i32(up.min(1 << 20))
    }

    fn points(&self, s: &Series, panel: Rect) -> Vec<Point> {
        thin(&self.rows.iter().map(|r| (self.x(r.packet), self.y((s.value)(r), panel))).collect::<Vec<_>>())
    }

    /// Places of the packets for which `event` holds, at most one in `every` pixels.
    fn events(&self, event: fn(&ChartRow) -> bool, every: i32) -> Vec<i32> {
        let mut out: Vec<i32> = Vec::new();
        for r in self.rows.iter().filter(|r| event(r)) {
            let x = self.x(r.packet);
            if out.last().is_none_or(|l| x - l >= every) {
                out.push(x);
            }
        }
        out
    }
}

fn to_i32(n: i128) -> i32 {
    i32::try_from(n).unwrap_or(if n < 0 { i32::MIN / 4 } else { i32::MAX / 4 })
}

/// Vertical grid lines and the frame, alike in both panels.
fn frame<DB: DrawingBackend>(
    p: &Painter<'_, DB>,
    l: &Layout,
    d: &Data<'_>,
    panel: Rect,
    ticks: i64,
) -> Result<(), ChartError> {
    for t in packet_ticks(d.first, d.last, ticks) {
        let x = d.x(t);
        p.line(&[(x, panel.y), (x, panel.bottom())], GRID, l.unit(1))?;
    }
    p.frame(panel, FRAME, l.unit(2))
}

/// Draws the upper panel with its axis and legend.
pub(crate) fn upper<DB: DrawingBackend>(
    p: &Painter<'_, DB>,
    l: &Layout,
    d: &Data<'_>,
) -> Result<(), ChartError> {
    byte_labels(p, l, d, l.upper)?;
    lines(p, l, d, l.upper, TICKS)?;
    upper_legend(p, l, d.acked_beyond)
}

/// Ticks of the packet axis of a panel that has the whole width.
const TICKS: i64 = 12;

/// The labels of the byte axis, left of `panel`.
pub(crate) fn byte_labels<DB: DrawingBackend>(
    p: &Painter<'_, DB>,
    l: &Layout,
    d: &Data<'_>,
    panel: Rect,
) -> Result<(), ChartError> {
    let u = |n| l.unit(n);
    let tick = Type::new(u(22), HPos::Right, VPos::Center);
    for (bytes, label) in d.axis.ticks() {
        p.text(&label, (panel.x - u(12), d.y(bytes, panel)), tick)?;
    }
    let side = Type { upwards: true, ..Type::new(u(24), HPos::Center, VPos::Center) };
    p.text(d.axis.unit_name(), (u(30), panel.y + panel.h / 2), side)
}

/// The lines of one run in `panel`, over its grid.
pub(crate) fn lines<DB: DrawingBackend>(
    p: &Painter<'_, DB>,
    l: &Layout,
    d: &Data<'_>,
    panel: Rect,
    ticks: i64,
) -> Result<(), ChartError> {
    let u = |n| l.unit(n);
    for (bytes, _) in d.axis.ticks() {
        let y = d.y(bytes, panel);
        p.line(&[(panel.x, y), (panel.right(), y)], GRID, u(1))?;
    }
    frame(p, l, d, panel, ticks)?;
    for s in &SERIES {
        let mut points = d.points(s, panel);
        if s.name == ACKED {
            points = cut_above(&points, panel.y);
        }
        stroke(p, l, s, &points)?;
    }
    if d.rows.is_empty() {
        let centre = Type::new(u(28), HPos::Center, VPos::Center);
        p.text("no packets", (panel.x + panel.w / 2, panel.y + panel.h / 2), centre)?;
    }
    Ok(())
}

fn stroke<DB: DrawingBackend>(
    p: &Painter<'_, DB>,
    l: &Layout,
    s: &Series,
    points: &[Point],
) -> Result<(), ChartError> {
    let u = |n| l.unit(n);
    let width = u(s.width).max(1);
    if let [only] = points {
        return p.disc(*only, u(5).max(2), s.color);
    }
    match s.stroke {
        Stroke::Solid => p.line(points, s.color, width),
        Stroke::Dashed => {
            for dash in dashes(points, f64::from(u(16)), f64::from(u(9))) {
                p.line(&dash, s.color, width)?;
            }
            Ok(())
        }
        Stroke::Dotted => {
            for dot in dashes(points, 1.0, f64::from(u(11))) {
                if let Some(at) = dot.first() {
                    p.disc(*at, ((width + 1) / 2).max(1), s.color)?;
                }
            }
            Ok(())
        }
    }
}

/// The names of the lines; `acked_beyond`: how far `acked` goes if it leaves the panel.
pub(crate) fn upper_legend<DB: DrawingBackend>(
    p: &Painter<'_, DB>,
    l: &Layout,
    acked_beyond: Option<i64>,
) -> Result<(), ChartError> {
    let (legend, u) = (l.upper_legend, |n| l.unit(n));
    let name = Type::new(u(22), HPos::Left, VPos::Center);
    let step = u(36).min(legend.h / 7).max(1);
    let mut y = legend.y + step / 2;
    for s in &SERIES {
        stroke(p, l, s, &[(legend.x, y), (legend.x + u(44), y)])?;
        p.text(s.name, (legend.x + u(54), y), name)?;
        y += step;
    }
    if let Some(acked) = acked_beyond {
        let note = Type::new(u(17), HPos::Left, VPos::Center);
        let text =
            format!("up to {} {}", grouped(in_unit(acked)), if acked > 4 << 20 { "MiB" } else { "KiB" });
        p.text(&text, (legend.x + u(54), y - step / 4), note)?;
    }
    Ok(())
}

/// Whole MiB above 4 MiB, else whole KiB.
const fn in_unit(bytes: i64) -> i64 {
    if bytes > 4 << 20 { bytes >> 20 } else { bytes >> 10 }
}

/// Draws the lower panel with the packet axis and its legend.
pub(crate) fn lower<DB: DrawingBackend>(
    p: &Painter<'_, DB>,
    l: &Layout,
    d: &Data<'_>,
) -> Result<(), ChartError> {
    events(p, l, d, l.lower, TICKS)?;
    packet_label(p, l)?;
    lower_legend(p, l)
}

/// What the packet axis counts.
pub(crate) fn packet_label<DB: DrawingBackend>(p: &Painter<'_, DB>, l: &Layout) -> Result<(), ChartError> {
    let label = Type::new(l.unit(24), HPos::Center, VPos::Top);
    p.text("packet number", (l.lower.x + l.lower.w / 2, l.lower.bottom() + l.unit(44)), label)
}

/// Three lanes of marks: a packet can be in all of them.
struct Lanes {
    lane: i32,
    merged: i32,
    collapsed: i32,
    dropped: i32,
}

impl Lanes {
    fn of(panel: Rect) -> Self {
        let lane = panel.h / 3;
        let [merged, collapsed, dropped] = [0, 1, 2].map(|i| panel.y + lane * i + lane / 2);
        Self { lane, merged, collapsed, dropped }
    }

    fn merge_mark(&self, x: i32, l: &Layout) -> [Point; 2] {
        let half = self.lane / 2 - l.unit(5);
        [(x, self.merged - half), (x, self.merged + half)]
    }
}

/// Line width and radius of the marks.
fn mark_size(l: &Layout) -> (i32, i32) {
    (l.unit(3).max(1), l.unit(9).max(3))
}

/// The marks of one run in `panel`, with the numbers of the packet axis below.
pub(crate) fn events<DB: DrawingBackend>(
    p: &Painter<'_, DB>,
    l: &Layout,
    d: &Data<'_>,
    panel: Rect,
    ticks: i64,
) -> Result<(), ChartError> {
    let u = |n| l.unit(n);
    frame(p, l, d, panel, ticks)?;
    let tick = Type::new(u(22), HPos::Center, VPos::Top);
    for t in packet_ticks(d.first, d.last, ticks) {
        p.text(&grouped(t), (d.x(t), panel.bottom() + u(10)), tick)?;
    }
    let lanes = Lanes::of(panel);
    let (thick, mark) = mark_size(l);
    for x in d.events(|r| r.coalesced, u(4)) {
        p.line(&lanes.merge_mark(x, l), PINK, thick)?;
    }
    for x in d.events(|r| r.collapsed, u(5)) {
        p.circle((x, lanes.collapsed), mark, RED, thick)?;
    }
    for x in d.events(|r| r.dropped, u(5)) {
        p.cross((x, lanes.dropped), mark, RED, thick)?;
    }
    Ok(())
}

/// The names of the marks.
pub(crate) fn lower_legend<DB: DrawingBackend>(p: &Painter<'_, DB>, l: &Layout) -> Result<(), ChartError> {
    let (legend, u) = (l.lower_legend, |n| l.unit(n));
    let lanes = Lanes::of(l.lower);
    let (thick, mark) = mark_size(l);
    let name = Type::new(u(22), HPos::Left, VPos::Center);
    let sign = legend.x + u(22);
    for x in [-10, 0, 10] {
        p.line(&lanes.merge_mark(sign + u(x), l), PINK, thick)?;
    }
    p.circle((sign, lanes.collapsed), mark, RED, thick)?;
    p.cross((sign, lanes.dropped), mark, RED, thick)?;
    for (text, y) in [("coalesced", lanes.merged), ("collapsed", lanes.collapsed), ("dropped", lanes.dropped)]
    {
        p.text(text, (legend.x + u(54), y), name)?;
    }
    Ok(())
}
