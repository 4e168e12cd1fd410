//! Applications: who writes, who reads, and when.
//!
//! A [`Program`] is a small machine that says when it wants to run next and which call it makes then; the engine
//! makes the calls. It never sees the socket, only what a program sees: whether `poll` reports it writable or
//! readable, and what a call returned.
//!
//! | file | concern |
//! |---|---|
//! | `config` | what programs can be told to do |
//! | `writer` | bursts, chunks, a constant rate, requests, answers, files |
//! | `reader` | regular reads, reads at once, pauses, plans |
//! | `program` | both of one end, writing back, and how it closes |

mod config;
mod program;
mod reader;
mod writer;

pub use config::{
    CallConfig, Ending, PlannedRead, ReadConfig, ReadMode, Stall, Work, WriteConfig, WriteMode,
};
pub use program::{Call, Poll, Polled, Program};
pub use reader::Reader;
pub use writer::{AfterWrite, Writer, WriterStep};
