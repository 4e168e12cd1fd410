//! The receiving half of a socket.
/// placeholder
#[derive(Debug)]
pub struct Receiver;
