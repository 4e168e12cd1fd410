//! Where everything lies: all boxes of a chart, in pixels, from its size alone.

/// A rectangle in pixels; the right and lower edges are outside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rect {
    /// Left edge.
    pub x: i32,
    /// Upper edge.
    pub y: i32,
    /// Width.
    pub w: i32,
    /// Height.
    pub h: i32,
}

impl Rect {
    /// The right edge.
    pub const fn right(&self) -> i32 {
        self.x + self.w
    }

    /// The lower edge.
    pub const fn bottom(&self) -> i32 {
        self.y + self.h
    }

    /// Column `i` of `n` equal ones, with gaps of `gap` pixels between them.
    pub(crate) fn column(self, i: usize, n: usize, gap: i32) -> Self {
        let (n, i) = (n.max(1) as i32, i as i32);
        let left = |i: i32| self.x + (self.w + gap) * i / n;
        Self { x: left(i), w: left(i + 1) - gap - left(i), ..self }
    }

    /// Row `i` of `n` equal ones, with gaps of `gap` pixels between them.
    pub(crate) fn row(self, i: usize, n: usize, gap: i32) -> Self {
        let (n, i) = (n.max(1) as i32, i as i32);
        let top = |i: i32| self.y + (self.h + gap) * i / n;
        Self { y: top(i), h: top(i + 1) - gap - top(i), ..self }
    }

    /// Whether the two share a pixel.
    pub const fn overlaps(&self, o: &Self) -> bool {
        self.x < o.right() && o.x < self.right() && self.y < o.bottom() && o.y < self.bottom()
    }

    /// Whether the point lies inside.
    pub const fn contains(&self, x: i32, y: i32) -> bool {
        x >= self.x && x < self.right() && y >= self.y && y < self.bottom()
    }
}

/// The boxes of a chart. The legends stand beside the panels, so that they never cover data; both panels have the
/// same left and right edges, so that a packet has the same place in both.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Layout {
    /// Title and settings.
    pub title: Rect,
    /// The upper panel: bytes against packets.
    pub upper: Rect,
    /// The lower panel: events.
    pub lower: Rect,
    /// The legend of the upper panel.
    pub upper_legend: Rect,
    /// The legend of the lower panel.
    pub lower_legend: Rect,
    width: i32,
    height: i32,
}

/// The size for which all measures are given: a slide.
const SLIDE: (i32, i32) = (1600, 900);

impl Layout {
    /// The layout of a chart of `width` x `height` pixels with `settings_lines` lines below its title.
    pub fn new(width: i32, height: i32, settings_lines: i32) -> Self {
        let mut l = Self {
            title: Rect { x: 0, y: 0, w: width, h: 0 },
            upper: Rect { x: 0, y: 0, w: 0, h: 0 },
            lower: Rect { x: 0, y: 0, w: 0, h: 0 },
            upper_legend: Rect { x: 0, y: 0, w: 0, h: 0 },
            lower_legend: Rect { x: 0, y: 0, w: 0, h: 0 },
            width,
            height,
        };
        let u = |n| l.unit(n);
        let (left, legend, gap) = (u(112), u(228), u(22));
        let title = u(66) + settings_lines * u(30) + u(8);
        let below = u(84);
        let lower = u(150);
        let between = u(26);
        let plot_w = width - left - legend;
        let upper = Rect { x: left, y: title, w: plot_w, h: height - title - between - lower - below };
        let lower = Rect { x: left, y: upper.bottom() + between, w: plot_w, h: lower };
        let beside = |r: Rect| Rect { x: r.right() + gap, w: legend - gap, ..r };
        l.title.h = title;
        l.upper_legend = beside(upper);
        l.lower_legend = beside(lower);
        l.upper = upper;
        l.lower = lower;
        l
    }

    /// A measure given for a slide of 1600 x 900 pixels, on this chart.
    pub(crate) fn unit(&self, n: i32) -> i32 {
        let (w, h) = (i64::from(self.width), i64::from(self.height));
        let (sw, sh) = (i64::from(SLIDE.0), i64::from(SLIDE.1));
        let n = i64::from(n);
        let scaled = if w * sh < h * sw { n * w / sw } else { n * h / sh };
        i32::try_from(scaled).unwrap_or(i32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{MAX_SIDE, MIN_HEIGHT, MIN_WIDTH};

    #[test]
    fn boxes_never_overlap_and_the_panels_are_aligned() {
        let sizes = [
            (1600, 900),
            (3200, 1800),
            (MIN_WIDTH as i32, MIN_HEIGHT as i32),
            (MAX_SIDE as i32, MIN_HEIGHT as i32),
            (MIN_WIDTH as i32, MAX_SIDE as i32),
        ];
        for ((w, h), lines) in sizes.into_iter().flat_map(|s| (0..=3).map(move |n| (s, n))) {
            let l = Layout::new(w, h, lines);
            let boxes = [l.title, l.upper, l.lower, l.upper_legend, l.lower_legend];
            for (i, a) in boxes.iter().enumerate() {
                assert!(a.w > 0 && a.h > 0 && a.right() <= w && a.bottom() <= h, "{a:?} at {w}x{h}");
                assert!(boxes[i + 1..].iter().all(|b| !a.overlaps(b)), "{a:?} at {w}x{h}");
            }
            assert_eq!((l.upper.x, l.upper.w), (l.lower.x, l.lower.w));
            assert!(l.upper.h > l.lower.h / 2, "{w}x{h}");
        }
    }
}
