//! `plots`: a trace as a picture.
//!
//! * [`Chart`] draws the two panels of the published experiment as SVG or PNG: windows and memory against the
//!   packet number, and below it what happened to each packet;
//! * [`SideBySide`] draws several runs beside each other on common scales;
//! * [`Overlay`] draws two tables on top of each other, one panel per column;
//! * [`XyChart`] and [`HeatMap`] draw the figures of many runs: families of lines, points with intervals, colours over two
//!   variables, in several panels on common scales;
//! * [`Picture`] makes a file of any of them;
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
mod heat;
mod layout;
mod multiples;
mod overlay;
mod panel_grid;
mod panels;
mod picture;
mod placing;
mod polyline;
mod raster;
mod rows;
mod scale;
mod terminal;
mod tones;
mod xy;

pub use chart::Chart;
pub use error::{ChartError, MAX_SIDE, MIN_HEIGHT, MIN_WIDTH};
pub use heading::ChartSettings;
pub use heat::{HeatAxis, HeatMap, HeatPanel};
pub use layout::{Layout, Rect};
pub use multiples::{Column, MAX_RUNS, SideBySide};
pub use overlay::{MAX_PANELS, Overlay, Panel};
pub use panel_grid::MAX_GRID;
pub use picture::Picture;
pub use rows::{ChartRow, rows_from_table, rows_from_trace};
pub use scale::Kind;
pub use terminal::{Glyphs, TerminalStyle, terminal_chart};
pub use xy::{Across, Mark, Series, Tone, XyChart, XyPanel, XyPoint};
