//! The sending half of a socket.

pub mod passive;
pub mod rtt;
pub mod window;

pub use passive::PassiveSender;

use crate::seq::Seq;

/// What the handshake told one end about its own sending direction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Handshake {
    /// First sequence number of data (everything before it is acknowledged).
    pub snd_nxt: Seq,
    /// The peer's window at that moment, bytes. The window of a SYN is never scaled.
    pub snd_wnd: u32,
    /// Sequence number of the segment that carried it.
    pub wl1: Seq,
    /// The peer's window scale.
    pub snd_wscale: u8,
    /// Largest segment to send, timestamp option already subtracted, bytes.
    pub mss: u32,
    /// Whether both ends permit SACK.
    pub sack: bool,
    /// Whether both ends use timestamps.
    pub timestamps: bool,
    /// RTT of the SYN or SYN-ACK, microseconds, if it was measured.
    pub rtt_us: Option<u32>,
}

/// The segment size in use: not above half the largest window seen (`tcp_bound_to_half_wnd`); a peer with a
/// tiny window may be filled completely.
pub fn send_mss(mss: u32, max_window: u32) -> u32 {
    let cutoff = if max_window > 536 { max_window / 2 } else { max_window };
    if cutoff != 0 && mss > cutoff { cutoff.max(68 - 40) } else { mss }
}
