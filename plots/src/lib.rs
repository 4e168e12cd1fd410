//! `plots`: a trace as a picture.
//!
//! * [`Chart`] draws the two panels of the published experiment as SVG or PNG: windows and memory against the
//!   packet number, and below it what happened to each packet;
//! * [`SideBySide`] draws several runs beside each other on common scales;
//! * [`Overlay`] draws two tables on top of each other, one panel per column;
//! * [`terminal_chart`] draws a small version of the upper one in text.
//!
//! The same rows give the same bytes on every machine: text is set with fonts inside the program, and positions
//! are computed with integers.

mod axis;
mod chart;
mod draw;
mod error;
mod fonts;
mod heading;
mod layout;
mod multiples;
mod overlay;
mod panels;
mod picture;
mod polyline;
mod raster;
mod rows;
mod terminal;

pub use chart::Chart;
pub use error::{ChartError, MAX_SIDE, MIN_HEIGHT, MIN_WIDTH};
pub use heading::ChartSettings;
pub use layout::{Layout, Rect};
pub use multiples::{Column, MAX_RUNS, SideBySide};
pub use overlay::{MAX_PANELS, Overlay, Panel};
pub use rows::{ChartRow, rows_from_table, rows_from_trace};
pub use terminal::{Glyphs, TerminalStyle, terminal_chart};
