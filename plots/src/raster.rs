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

/// Level from which on a chart gets no smaller, only slower.
const LEVEL: u8 = 4;

/// Filter type of a PNG row that holds the differences from the row above.
const FILTER_UP: u8 = 2;

/// Packs RGB pixels as PNG.
///
/// The pixels are packed here rather than by the `png` crate: its packing library is chosen by features that any
/// other crate in the build can turn on, and then the same chart would have other bytes.
pub(crate) fn encode(pixels: &[u8], width: u32, height: u32) -> Result<Vec<u8>, ChartError> {
    let failed = |e: png::EncodingError| ChartError::Draw(e.to_string());
    let data = miniz_oxide::deflate::compress_to_vec_zlib(&filter_up(pixels, width as usize * PIXEL), LEVEL);
    let mut out = Vec::with_capacity(data.len() + 64);
    let mut encoder = png::Encoder::new(&mut out, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_chunk(png::chunk::IDAT, &data).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(out)
}

/// Each row of `row` bytes as its difference from the one above, which suits large plain areas.
fn filter_up(pixels: &[u8], row: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(pixels.len() + pixels.len() / row.max(1));
    let mut above = vec![0; row];
    for line in pixels.chunks_exact(row) {
        out.push(FILTER_UP);
        out.extend(line.iter().zip(&above).map(|(p, a)| p.wrapping_sub(*a)));
        above.copy_from_slice(line);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halving_averages_blocks() {
        let big = [0, 0, 0, 100, 0, 0, 100, 4, 0, 200, 0, 255];
        assert_eq!(halve(&big, 1), [100, 1, 64]);
    }

    #[test]
    fn a_packed_picture_decodes_to_its_pixels() {
        let pixels: Vec<u8> = (0..5 * 3 * 3).map(|i| (i * 37 % 256) as u8).collect();
        let png = encode(&pixels, 5, 3).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
        let mut out = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut out).unwrap();
        assert_eq!(out, pixels);
    }
}
