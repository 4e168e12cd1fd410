//! The measures of a run, gathered while it goes on, in constant memory and without a trace.
//!
//! [`Meter`] is an observer. It keeps sums, maxima, open intervals and two histograms, never rows, so that a run of
//! any length may be measured; a [`crate::TraceRecorder`] holds one too, and both give the same [`Measured`]. What a
//! run is asked for by name is [`crate::metrics`].
//!
//! | file | concern |
//! |---|---|
//! | `setup` | what a meter knows beforehand: the path and the size of the transfer |
//! | `meter` | the observer: from events to sums |
//! | `stalls` | intervals in which something waits |
//! | `bursts` | groups of arrivals |
//! | `progress` | data taken over time: when the transfer ended, what the window allowed, how long data waited |
//! | `histogram` | percentiles |
//! | `measured` | what a run came to |

mod bursts;
pub mod histogram;
mod measured;
mod meter;
mod progress;
mod setup;
mod stalls;

pub use bursts::Bursts;
pub use histogram::Histogram;
pub use measured::{Measured, PEAKS, Socket};
pub use meter::Meter;
pub use progress::{Progress, Waits};
pub use setup::Setup;
pub use stalls::Stall;
