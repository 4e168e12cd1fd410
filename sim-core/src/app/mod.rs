//! Applications: who writes, who reads, and when.
//!
//! Both are small machines that say when they want to run next and what they would call; the engine makes the
//! calls. They never see the socket, only what a program sees: whether it is writable or readable, and what a
//! call returned.

mod reader;
mod writer;

pub use reader::Reader;
pub use writer::{Writer, WriterStep, WriterView};
