//! From a large bitmap to a PNG: shrunk by half, which smooths every edge, and packed.

use crate::error::ChartError;

/// By how much a bitmap is larger than the picture that is made of it.
pub(crate) const OVERSAMPLING: u32 = 2;

/// Bytes of a pixel: red, green, blue.
const PIXEL: usize = 3;

/// The average of each 2 x 2 block of `big`, whose rows have `2 * width` pixels.
pub(crate) fn halve(big: &[u8], width: usize) -> Vec<u8> {
    let row = width * 2 * PIXEL;
    let mut out = Vec::with_capacity(big.len() / 4);
    for two in big.chunks_exact(row * 2) {
        let (upper, lower) = two.split_at(row);
        for (a, b) in upper.chunks_exact(PIXEL * 2).zip(lower.chunks_exact(PIXEL * 2)) {
            for c in 0..PIXEL {
                let sum =
                    u16::from(a[c]) + u16::from(a[c + PIXEL]) + u16::from(b[c]) + u16::from(b[c + PIXEL]);
                out.push(((sum + 2) / 4) as u8);
            }
        }
    }
    out
}

/// Packs RGB pixels as PNG.
pub(crate) fn encode(pixels: &[u8], width: u32, height: u32) -> Result<Vec<u8>, ChartError> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    // The level from which on a chart gets no smaller, only slower.
    encoder.set_deflate_compression(png::DeflateCompression::Level(4));
    // Large plain areas: each row against the one above packs best and costs nothing to choose.
    encoder.set_filter(png::Filter::Up);
    let failed = |e: png::EncodingError| ChartError::Draw(e.to_string());
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(pixels).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halving_averages_blocks() {
        let big = [0, 0, 0, 100, 0, 0, 100, 4, 0, 200, 0, 255];
        assert_eq!(halve(&big, 1), [100, 1, 64]);
    }
}
