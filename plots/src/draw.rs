//! Drawing with pixels: a thin layer over the drawing library that knows this project's font and errors.

use plotters::coord::Shift;
use plotters::element::{Circle, PathElement, Polygon, Rectangle, Text};
use plotters::prelude::{DrawingArea, DrawingBackend, IntoFont, RGBColor};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color as _, FontStyle, FontTransform, ShapeStyle, TextStyle};

use crate::error::ChartError;
use crate::fonts::FAMILY;
use crate::layout::Rect;
use crate::polyline::Point;

pub(crate) const WHITE: RGBColor = RGBColor(255, 255, 255);
/// Titles and labels.
pub(crate) const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
/// Frames.
pub(crate) const FRAME: RGBColor = RGBColor(0x88, 0x88, 0x88);
/// Grid lines.
pub(crate) const GRID: RGBColor = RGBColor(0xdd, 0xdd, 0xdd);

/// How a text is set.
#[derive(Clone, Copy)]
pub(crate) struct Type {
    /// Size, pixels.
    pub(crate) size: i32,
    pub(crate) bold: bool,
    pub(crate) h: HPos,
    pub(crate) v: VPos,
    /// Whether it runs upwards.
    pub(crate) upwards: bool,
}

impl Type {
    pub(crate) const fn new(size: i32, h: HPos, v: VPos) -> Self {
        Self { size, bold: false, h, v, upwards: false }
    }

    fn style(self, color: RGBColor) -> TextStyle<'static> {
        let style = if self.bold { FontStyle::Bold } else { FontStyle::Normal };
        let turn = if self.upwards { FontTransform::Rotate270 } else { FontTransform::None };
        let font = (FAMILY, f64::from(self.size), style).into_font().transform(turn);
        TextStyle { color: color.to_backend_color(), ..TextStyle::from(font) }.pos(Pos::new(self.h, self.v))
    }
}

/// Draws on one backend.
pub(crate) struct Painter<'a, DB: DrawingBackend> {
    pub(crate) area: &'a DrawingArea<DB, Shift>,
    /// Whether a line is drawn piece by piece with round joints. The bitmap backend draws a thick polyline as one
    /// polygon, which fails where the line turns sharply; an SVG viewer does it right.
    pub(crate) piecewise: bool,
}

impl<DB: DrawingBackend> Painter<'_, DB> {
    fn check<E: std::error::Error + Send + Sync>(
        result: Result<(), plotters::drawing::DrawingAreaErrorKind<E>>,
    ) -> Result<(), ChartError> {
        result.map_err(|e| ChartError::Draw(e.to_string()))
    }

    pub(crate) fn fill(&self, color: RGBColor) -> Result<(), ChartError> {
        Self::check(self.area.fill(&color))
    }

    pub(crate) fn line(&self, points: &[Point], color: RGBColor, width: i32) -> Result<(), ChartError> {
        let style = color.stroke_width(u32::try_from(width.max(1)).unwrap_or(1));
        match points {
            [] => Ok(()),
            [p] => self.disc(*p, width, color),
            _ if !self.piecewise => Self::check(self.area.draw(&PathElement::new(points.to_vec(), style))),
            _ => {
                // An odd width lies evenly about the line, so that joints do not show.
                // At least a pixel of the finished picture is covered.
                let half = width.max(2) / 2;
                for pair in points.windows(2) {
                    self.piece(pair[0], pair[1], color, half)?;
                }
                if half > 1 {
                    // Ends stay square; only inner points are joints. The backend's discs are a little larger
                    // than their radius.
                    for p in &points[1..points.len() - 1] {
                        self.disc(*p, half - 1, color)?;
                    }
                }
                Ok(())
            }
        }
    }

    /// One straight piece, `2 * half + 1` pixels wide, as a filled quadrilateral; exact where it is level or
    /// upright.
    fn piece(&self, a: Point, b: Point, color: RGBColor, half: i32) -> Result<(), ChartError> {
        if a.1 == b.1 || a.0 == b.0 {
            let (x0, x1, y0, y1) = (a.0.min(b.0), a.0.max(b.0), a.1.min(b.1), a.1.max(b.1));
            let (dx, dy) = if a.1 == b.1 { (0, half) } else { (half, 0) };
            let r = Rect { x: x0 - dx, y: y0 - dy, w: x1 - x0 + 2 * dx + 1, h: y1 - y0 + 2 * dy + 1 };
            return self.rect(r, color);
        }
        let (dx, dy) = (f64::from(b.0 - a.0), f64::from(b.1 - a.1));
        let length = (dx * dx + dy * dy).sqrt();
        let half = f64::from(half) + 0.5;
        let (nx, ny) = ((-dy / length * half).round() as i32, (dx / length * half).round() as i32);
        let corners =
            vec![(a.0 + nx, a.1 + ny), (b.0 + nx, b.1 + ny), (b.0 - nx, b.1 - ny), (a.0 - nx, a.1 - ny)];
        Self::check(self.area.draw(&Polygon::new(corners, color.filled())))
    }

    pub(crate) fn rect(&self, r: Rect, color: RGBColor) -> Result<(), ChartError> {
        let corners = [(r.x, r.y), (r.right(), r.bottom())];
        Self::check(self.area.draw(&Rectangle::new(corners, color.filled())))
    }

    pub(crate) fn frame(&self, r: Rect, color: RGBColor, width: i32) -> Result<(), ChartError> {
        let (x0, y0, x1, y1) = (r.x, r.y, r.right(), r.bottom());
        for (a, b) in [((x0, y0), (x1, y0)), ((x0, y1), (x1, y1)), ((x0, y0), (x0, y1)), ((x1, y0), (x1, y1))]
        {
            self.line(&[a, b], color, width)?;
        }
        Ok(())
    }

    pub(crate) fn disc(&self, at: Point, radius: i32, color: RGBColor) -> Result<(), ChartError> {
        Self::check(self.area.draw(&Circle::new(at, radius.max(1), color.filled())))
    }

    pub(crate) fn circle(
        &self,
        at: Point,
        radius: i32,
        color: RGBColor,
        width: i32,
    ) -> Result<(), ChartError> {
        if self.piecewise {
            // The bitmap backend leaves gaps in thick circles; two discs have none.
            self.disc(at, radius + width / 2, color)?;
            return self.disc(at, radius + width / 2 - width, WHITE);
        }
        let style = ShapeStyle { color: color.to_rgba(), filled: false, stroke_width: width.max(1) as u32 };
        Self::check(self.area.draw(&Circle::new(at, radius.max(1), style)))
    }

    pub(crate) fn cross(
        &self,
        at: Point,
        radius: i32,
        color: RGBColor,
        width: i32,
    ) -> Result<(), ChartError> {
        let (x, y) = at;
        self.line(&[(x - radius, y - radius), (x + radius, y + radius)], color, width)?;
        self.line(&[(x - radius, y + radius), (x + radius, y - radius)], color, width)
    }

    pub(crate) fn text(&self, text: &str, at: Point, kind: Type) -> Result<(), ChartError> {
        self.text_in(text, at, kind, INK)
    }

    /// A text in a colour of its own.
    pub(crate) fn text_in(
        &self,
        text: &str,
        at: Point,
        kind: Type,
        color: RGBColor,
    ) -> Result<(), ChartError> {
        if text.is_empty() {
            return Ok(());
        }
        let mut at = at;
        if self.piecewise {
            // The bitmap backend places the box of ascent and descent, which leaves most words too high.
            let shift = kind.size / 8;
            if kind.upwards {
                at.0 += shift;
            } else {
                at.1 += shift;
            }
        }
        Self::check(self.area.draw(&Text::new(text.to_owned(), at, kind.style(color))))
    }
}

/// Width of a text in pixels.
pub(crate) fn text_width(text: &str, kind: Type) -> i32 {
    let style = kind.style(INK);
    style.font.box_size(text).map_or(0, |(w, _)| i32::try_from(w).unwrap_or(i32::MAX))
}
