//! Why a chart could not be drawn.

use thiserror::Error;

/// Why a chart could not be drawn. Nothing was written.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum ChartError {
    /// The size asked for is out of bounds.
    #[error(
        "a chart of {width} x {height} pixels cannot be drawn; {MIN_WIDTH} x {MIN_HEIGHT} to {MAX_SIDE} x {MAX_SIDE} can"
    )]
    Size {
        /// Width, pixels.
        width: u32,
        /// Height, pixels.
        height: u32,
    },
    /// So many runs cannot stand beside each other.
    #[error("{runs} runs cannot be drawn beside each other; 1 to {most} can")]
    Runs {
        /// Runs.
        runs: usize,
        /// The most there can be.
        most: usize,
    },
    /// The drawing library failed.
    #[error("the chart could not be drawn: {0}")]
    Draw(String),
}

/// Least width of a chart, pixels: below it the text cannot be read.
pub const MIN_WIDTH: u32 = 480;
/// Least height of a chart, pixels.
pub const MIN_HEIGHT: u32 = 270;
/// Largest width and height of a chart, pixels: an 8K screen.
pub const MAX_SIDE: u32 = 8192;
