//! Lines of data: thinned to what a column of pixels can show, cut at the upper edge, dashed.

/// A point in pixels.
pub(crate) type Point = (i32, i32);

/// Keeps of the points of each pixel column the first, the highest, the lowest and the last, in their order: the
/// drawn line covers the same pixels. `points` are ordered by x.
pub(crate) fn thin(points: &[Point]) -> Vec<Point> {
    let mut out: Vec<Point> = Vec::with_capacity(points.len().min(8192));
    for column in points.chunk_by(|a, b| a.0 == b.0) {
        let mut keep = [0, 0, 0, column.len() - 1];
        for (i, p) in column.iter().enumerate() {
            if p.1 < column[keep[1]].1 {
                keep[1] = i;
            }
            if p.1 > column[keep[2]].1 {
                keep[2] = i;
            }
        }
        keep.sort_unstable();
        for i in keep {
            if out.last() != Some(&column[i]) {
                out.push(column[i]);
            }
        }
    }
    out
}

/// The part of a rising line before it first passes above `top` (a smaller y is higher).
pub(crate) fn cut_above(points: &[Point], top: i32) -> Vec<Point> {
    let Some(beyond) = points.iter().position(|p| p.1 < top) else { return points.to_vec() };
    let mut out = points[..beyond].to_vec();
    if let Some(&(x0, y0)) = out.last() {
        let (x1, y1) = points[beyond];
        let x = i64::from(x0) + i64::from(x1 - x0) * i64::from(y0 - top) / i64::from((y0 - y1).max(1));
        out.push((i32::try_from(x).unwrap_or(x1), top));
    }
    out
}

/// Cuts a line into dashes of `on` pixels with gaps of `off` pixels, measured along the line.
pub(crate) fn dashes(points: &[Point], on: f64, off: f64) -> Vec<Vec<Point>> {
    let mut out = Vec::new();
    let mut dash: Vec<Point> = Vec::new();
    // Whether the pen is down, and how far to the next change. Only +, -, *, / and sqrt are used, which are
    // exact to the last bit on every platform.
    let (mut down, mut left) = (true, on);
    for pair in points.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        let (dx, dy) = (f64::from(to.0 - from.0), f64::from(to.1 - from.1));
        let length = (dx * dx + dy * dy).sqrt();
        let at = |d: f64| -> Point {
            let part = d / length;
            (from.0 + (dx * part).round() as i32, from.1 + (dy * part).round() as i32)
        };
        let mut done = 0.0;
        if down && dash.is_empty() {
            dash.push(from);
        }
        while length - done > left {
            done += left;
            if down {
                dash.push(at(done));
                out.push(std::mem::take(&mut dash));
            } else {
                dash.push(at(done));
            }
            down = !down;
            left = if down { on } else { off };
        }
        left -= length - done;
        if down {
            dash.push(to);
        }
    }
    if dash.len() > 1 {
        out.push(dash);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_the_extremes_of_each_column_in_order() {
        assert_eq!(thin(&[(0, 5), (0, 9), (0, 1), (0, 4), (1, 4)]), [(0, 5), (0, 9), (0, 1), (0, 4), (1, 4)]);
        assert_eq!(thin(&[(0, 5), (0, 6), (0, 7), (0, 9)]), [(0, 5), (0, 9)]);
        assert_eq!(thin(&[]), []);
        let many: Vec<Point> = (0..100_000).map(|i| (i / 100, i * 7919 % 600)).collect();
        assert!(thin(&many).len() <= 4000);
    }

    #[test]
    fn a_line_is_cut_where_it_leaves_the_panel() {
        assert_eq!(cut_above(&[(0, 100), (10, 50), (20, 0), (30, -50)], 25), [(0, 100), (10, 50), (15, 25)]);
        assert_eq!(cut_above(&[(0, 100), (10, 50)], 25), [(0, 100), (10, 50)]);
        assert_eq!(cut_above(&[(0, 0)], 25), []);
    }

    #[test]
    fn dashes_go_on_around_corners() {
        let d = dashes(&[(0, 0), (10, 0), (10, 10)], 6.0, 2.0);
        assert_eq!(d, [vec![(0, 0), (6, 0)], vec![(8, 0), (10, 0), (10, 4)], vec![(10, 6), (10, 10)]]);
        assert!(dashes(&[(5, 5)], 6.0, 2.0).is_empty());
        assert!(dashes(&[(5, 5), (5, 5)], 6.0, 2.0).iter().flatten().all(|p| *p == (5, 5)));
    }
}
