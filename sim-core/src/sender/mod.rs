//! The sending half of a socket.
