//! The chart of a trace, as SVG or PNG.

use plotters::prelude::DrawingBackend;

use crate::draw::Painter;
use crate::error::ChartError;
use crate::heading::ChartSettings;
use crate::layout::Layout;
use crate::panels::{self, Data};
use crate::picture::{self, Drawing};
use crate::rows::ChartRow;

/// A chart: rows and settings, ready to be drawn.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Chart {
    rows: Vec<ChartRow>,
    settings: ChartSettings,
}

impl Chart {
    /// A chart of `rows`, which are ordered by packet number; any number of them, none included.
    ///
    /// # Errors
    /// [`ChartError::Size`] if the settings ask for a size out of bounds.
    pub fn from(rows: Vec<ChartRow>, settings: ChartSettings) -> Result<Self, ChartError> {
        picture::prepare(&settings)?;
        Ok(Self { rows, settings })
    }

    /// Where the parts of the chart lie, in pixels of the finished picture.
    pub fn layout(&self) -> Layout {
        self.layout_at(self.settings.width, self.settings.height)
    }
}

impl Drawing for Chart {
    fn settings(&self) -> &ChartSettings {
        &self.settings
    }

    fn draw<DB: DrawingBackend>(&self, p: &Painter<'_, DB>, l: &Layout) -> Result<(), ChartError> {
        let data = Data::new(&self.rows, l);
        panels::upper(p, l, &data)?;
        panels::lower(p, l, &data)
    }
}
