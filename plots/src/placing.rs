//! Where a text stands so that nothing crosses it.

use crate::layout::Rect;
use crate::polyline::Point;

/// What is drawn in a panel, as far as a text should keep off it.
#[derive(Default)]
pub(crate) struct Obstacles {
    segments: Vec<(Point, Point)>,
    texts: Vec<Rect>,
}

impl Obstacles {
    /// A line through these points; a single point is one, too.
    pub(crate) fn line(&mut self, points: &[Point]) {
        if let [one] = points {
            self.segments.push((*one, *one));
        }
        self.segments.extend(points.windows(2).map(|w| (w[0], w[1])));
    }

    /// Marks around these points.
    pub(crate) fn marks(&mut self, points: &[Point], radius: i32) {
        let across = |(x, y): &Point| {
            [
                ((x - radius, y - radius), (x + radius, y + radius)),
                ((x - radius, y + radius), (x + radius, y - radius)),
            ]
        };
        self.segments.extend(points.iter().flat_map(across));
    }

    /// As [`Self::place`], or none if something crosses every one of them.
    pub(crate) fn clear(&mut self, places: impl IntoIterator<Item = Rect>, inside: Rect) -> Option<Rect> {
        let segments = &self.segments;
        let clear = |r: &Rect| !segments.iter().any(|(a, b)| crosses(r, *a, *b));
        let free: Vec<Rect> = places.into_iter().filter(clear).collect();
        self.place(free, inside)
    }

    /// The first of these places within `inside` that no other text has and fewest lines cross; it is taken from then on.
    pub(crate) fn place(&mut self, places: impl IntoIterator<Item = Rect>, inside: Rect) -> Option<Rect> {
        let within = |r: &Rect| {
            r.x >= inside.x && r.right() <= inside.right() && r.y >= inside.y && r.bottom() <= inside.bottom()
        };
        let free = places.into_iter().filter(|r| within(r) && !self.texts.iter().any(|t| t.overlaps(r)));
        let best = free.min_by_key(|r| self.segments.iter().filter(|(a, b)| crosses(r, *a, *b)).count())?;
        self.texts.push(best);
        Some(best)
    }
}

/// Whether a part of the way from `a` to `b` lies in the rectangle (Liang and Barsky).
fn crosses(r: &Rect, a: Point, b: Point) -> bool {
    let (mut from, mut to) = (0.0_f64, 1.0_f64);
    let (dx, dy) = (f64::from(b.0 - a.0), f64::from(b.1 - a.1));
    let sides = [(-dx, a.0 - r.x), (dx, r.right() - a.0), (-dy, a.1 - r.y), (dy, r.bottom() - a.1)];
    for (step, room) in sides {
        let room = f64::from(room);
        if step == 0.0 {
            if room < 0.0 {
                return false;
            }
        } else if step < 0.0 {
            from = from.max(room / step);
        } else {
            to = to.min(room / step);
        }
    }
    from <= to
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Rect = Rect { x: 10, y: 10, w: 20, h: 10 };

    #[test]
    fn a_line_crosses_a_rectangle_that_it_passes_through() {
        for (a, b, hit) in [
            ((0, 15), (50, 15), true),
            ((0, 0), (50, 40), true),
            ((0, 5), (50, 5), false),
            ((20, 15), (20, 15), true),
            ((31, 0), (31, 50), false),
            ((0, 30), (12, 25), false),
        ] {
            assert_eq!(crosses(&AT, a, b), hit, "{a:?} {b:?}");
        }
    }

    #[test]
    fn a_text_goes_where_no_line_and_no_other_text_is() {
        let inside = Rect { x: 0, y: 0, w: 100, h: 100 };
        let below = Rect { y: 40, ..AT };
        let mut o = Obstacles::default();
        o.line(&[(0, 15), (100, 15)]);
        assert_eq!(o.place([AT, below], inside), Some(below));
        // Taken: the one that is crossed is better than none.
        assert_eq!(o.place([AT, below], inside), Some(AT));
        assert_eq!(o.place([AT, below], inside), None);
        assert_eq!(o.place([Rect { x: 90, ..AT }], inside), None);
        let mut o = Obstacles::default();
        o.marks(&[(8, 8)], 5);
        assert_eq!((o.clear([AT], inside), o.clear([AT, below], inside)), (None, Some(below)));
    }
}
