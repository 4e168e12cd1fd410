//! What holds for every input: random connections on all kernels, in one binary.

mod connection;
mod merging;
mod observers;
mod support;
