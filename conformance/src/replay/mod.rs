//! Replays a recording: the recorded arrivals and application calls go into the receiver alone, and what comes
//! out is compared with what the kernel did.
//!
//! | file | concern |
//! |---|---|
//! | `setup` | the socket's configuration, from the recorded set-up |
//! | `clock` | which "now" each event had |
//! | `watch` | gathers what the model did |
//! | `inputs` | segments and their buffers, from recorded lines |
//! | `carriers` | which packet of the client a segment in the backlog was |
//! | `lookahead` | what later lines tell about earlier ones |
//! | `machine` | the model |
//! | `server` | the server's own data |
//! | `drive` | the event loop |
//! | `opening`, `rows`, `acks`, `calls`, `timers`, `steps`, `merges`, `counters` | what each kind of line does, and its comparison |

mod acks;
mod backlog_list;
mod calls;
mod carriers;
mod clock;
mod counters;
mod drive;
mod inputs;
mod lookahead;
mod machine;
mod merges;
mod opening;
mod rows;
mod server;
pub(crate) mod setup;
mod steps;
mod timers;
mod watch;

pub use drive::{Oracle, replay};
pub use setup::{Setup, SetupError};
