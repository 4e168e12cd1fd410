//! Colours of many things: some that are told apart, and steps from small to large.

use plotters::prelude::RGBColor;

/// After Okabe and Ito: told apart with any kind of colour vision.
const WORDS: [RGBColor; 8] = [
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0xe6, 0x9f, 0x00),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0xcc, 0x79, 0xa7),
    RGBColor(0x56, 0xb4, 0xe9),
    RGBColor(0x6a, 0x3d, 0x9a),
    RGBColor(0x44, 0x44, 0x44),
];

/// From dark to light with evenly rising lightness (the anchors of viridis).
const STEPS: [(u8, u8, u8); 9] = [
    (0x44, 0x01, 0x54),
    (0x48, 0x28, 0x78),
    (0x3e, 0x4a, 0x89),
    (0x31, 0x68, 0x8e),
    (0x26, 0x82, 0x8e),
    (0x1f, 0x9e, 0x89),
    (0x35, 0xb7, 0x79),
    (0x6d, 0xcd, 0x59),
    (0xfd, 0xe7, 0x25),
];

/// The colour of thing number `i`.
pub(crate) fn word(i: usize) -> RGBColor {
    WORDS[i % WORDS.len()]
}

/// A colour for a share between 0 (dark) and 1 (light).
pub(crate) fn step(share: f64) -> RGBColor {
    let at = share.clamp(0.0, 1.0) * (STEPS.len() - 1) as f64;
    let i = (at as usize).min(STEPS.len() - 2);
    let part = at - i as f64;
    let mix = |a: u8, b: u8| libm::round(f64::from(a) + (f64::from(b) - f64::from(a)) * part) as u8;
    let (a, b) = (STEPS[i], STEPS[i + 1]);
    RGBColor(mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
}

/// A line in the order of `n` lines from small to large: the lightest tones cannot be seen on white.
pub(crate) fn ranked(i: usize, n: usize) -> RGBColor {
    step(i as f64 / (n.max(2) - 1) as f64 * 0.88)
}

/// Whether dark text can be read on a colour.
pub(crate) fn is_light(c: RGBColor) -> bool {
    u32::from(c.0) * 299 + u32::from(c.1) * 587 + u32::from(c.2) * 114 > 140_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tones_rise_in_lightness() {
        let light = |c: RGBColor| u32::from(c.0) * 299 + u32::from(c.1) * 587 + u32::from(c.2) * 114;
        let all: Vec<u32> = (0..=40).map(|i| light(step(f64::from(i) / 40.0))).collect();
        assert!(all.windows(2).all(|w| w[0] < w[1]), "{all:?}");
        assert!(is_light(step(1.0)) && !is_light(step(0.0)));
    }
}
