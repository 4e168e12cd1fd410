//! Replays a recording: the recorded arrivals and application calls go into the receiver alone, and what comes
//! out is compared with what the kernel did.
//!
//! | file | concern |
//! |---|---|
//! | `setup` | the socket's configuration, from the recorded set-up |
//! | `clock` | which "now" each event had |
//! | `watch` | gathers what the model did |
//! | `inputs` | segments and their buffers, from recorded lines |
//! | `drive` | the event loop and the comparison |

mod clock;
mod drive;
mod inputs;
mod setup;
mod watch;

pub use drive::{Oracle, replay};
pub use setup::{Setup, SetupError};
