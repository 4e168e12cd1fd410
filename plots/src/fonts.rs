//! The fonts inside the program: DejaVu Sans, reduced to Latin, Greek, Cyrillic and signs (see `assets/`).

use std::sync::OnceLock;

use plotters::style::{FontStyle, register_font};

use crate::error::ChartError;

/// The family as an SVG names it. A viewer without DejaVu Sans takes Verdana, which is as wide.
pub(crate) const FAMILY: &str = "DejaVu Sans, Verdana, sans-serif";

static REGULAR: &[u8] = include_bytes!("../assets/DejaVuSans.ttf");
static BOLD: &[u8] = include_bytes!("../assets/DejaVuSans-Bold.ttf");

/// Makes the fonts known to the drawing library, once per process.
pub(crate) fn register() -> Result<(), ChartError> {
    static DONE: OnceLock<bool> = OnceLock::new();
    let ok = *DONE.get_or_init(|| {
        register_font(FAMILY, FontStyle::Normal, REGULAR).is_ok()
            && register_font(FAMILY, FontStyle::Bold, BOLD).is_ok()
    });
    if ok { Ok(()) } else { Err(ChartError::Draw("the embedded font cannot be read".to_owned())) }
}
