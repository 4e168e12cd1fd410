//! One hand-made run, taken through every sink.

mod fixture;
mod measures;
mod report;
mod sinks;
