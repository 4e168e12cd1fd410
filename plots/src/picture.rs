//! What all charts have in common: a size, a heading, and two ways to become a file.

use plotters::backend::{BitMapBackend, SVGBackend};
use plotters::prelude::{DrawingBackend, IntoDrawingArea};

use crate::draw::Painter;
use crate::error::{ChartError, MAX_SIDE, MIN_HEIGHT, MIN_WIDTH};
use crate::fonts;
use crate::heading::{ChartSettings, heading, heading_lines};
use crate::layout::Layout;
use crate::raster::{OVERSAMPLING, encode, halve};

/// A chart that can be drawn on any backend.
pub(crate) trait Drawing {
    /// Title and size.
    fn settings(&self) -> &ChartSettings;

    /// Lines that are left free between the heading and the panels.
    fn spare_lines(&self) -> i32 {
        0
    }

    /// Draws everything below the heading.
    fn draw<DB: DrawingBackend>(&self, p: &Painter<'_, DB>, l: &Layout) -> Result<(), ChartError>;

    /// The layout at a size; sides are at most [`MAX_SIDE`] times [`OVERSAMPLING`].
    fn layout_at(&self, width: u32, height: u32) -> Layout {
        let lines = heading_lines(self.settings()).len() as i32 + self.spare_lines();
        Layout::new(width as i32, height as i32, lines)
    }
}

/// Makes the fonts ready, and refuses a size out of bounds.
pub(crate) fn prepare(settings: &ChartSettings) -> Result<(), ChartError> {
    let (width, height) = (settings.width, settings.height);
    if width < MIN_WIDTH || height < MIN_HEIGHT || width > MAX_SIDE || height > MAX_SIDE {
        return Err(ChartError::Size { width, height });
    }
    fonts::register()
}

/// A chart as a file.
pub trait Picture {
    /// The chart as an SVG document.
    ///
    /// # Errors
    /// [`ChartError::Draw`].
    fn svg(&self) -> Result<String, ChartError>;

    /// The chart as a PNG file.
    ///
    /// # Errors
    /// [`ChartError::Draw`].
    fn png(&self) -> Result<Vec<u8>, ChartError>;

    /// The bytes of an SVG document, or else of a PNG file.
    ///
    /// # Errors
    /// [`ChartError::Draw`].
    fn bytes(&self, svg: bool) -> Result<Vec<u8>, ChartError> {
        if svg { self.svg().map(String::into_bytes) } else { self.png() }
    }
}

impl<T: Drawing> Picture for T {
    fn svg(&self) -> Result<String, ChartError> {
        let (w, h) = (self.settings().width, self.settings().height);
        let mut text = String::new();
        draw(self, SVGBackend::with_string(&mut text, (w, h)), w, h, false)?;
        Ok(text)
    }

    fn png(&self) -> Result<Vec<u8>, ChartError> {
        let (w, h) = (self.settings().width, self.settings().height);
        let (bw, bh) = (w * OVERSAMPLING, h * OVERSAMPLING);
        let mut pixels = vec![0_u8; bw as usize * bh as usize * 3];
        draw(self, BitMapBackend::with_buffer(&mut pixels, (bw, bh)), bw, bh, true)?;
        encode(&halve(&pixels, w as usize), w, h)
    }
}

fn draw<DB: DrawingBackend>(
    picture: &impl Drawing,
    backend: DB,
    width: u32,
    height: u32,
    piecewise: bool,
) -> Result<(), ChartError> {
    let layout = picture.layout_at(width, height);
    let area = backend.into_drawing_area();
    let p = Painter { area: &area, piecewise };
    heading(&p, &layout, picture.settings())?;
    picture.draw(&p, &layout)?;
    area.present().map_err(|e| ChartError::Draw(e.to_string()))
}
