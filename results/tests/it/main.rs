//! One hand-made run, taken through every sink.

mod fixture;
mod report;
mod sinks;
