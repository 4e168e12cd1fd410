//! The peer of an injected connection: what its segments acknowledge and echo.

use super::plan::{Header, PeerSyn};
use crate::observer::{SenderState, Transmit};
use crate::segment::{Flags, Segment, SynOptions, Timestamps};
use crate::seq::Seq;

/// TSval of the peer's SYN; every later segment counts one up.
const FIRST_TSVAL: u32 = 5_000;

/// Keeps what the peer has seen.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    syn: PeerSyn,
    tsval: u32,
    /// Latest TSval of the server.
    tsecr: u32,
    timestamps: bool,
    /// Everything of the server's stream below this has arrived.
    received: Seq,
    /// Highest acknowledgement number of the server.
    acked: Seq,
    /// One after the last byte sent.
    sent: Seq,
    /// The server's window, scaled.
    window: u32,
}

impl Peer {
    pub(super) fn new(syn: PeerSyn) -> Self {
        Self {
            syn,
            tsval: FIRST_TSVAL,
            tsecr: 0,
            timestamps: false,
            received: Seq::FIRST,
            acked: Seq::FIRST,
            sent: Seq::FIRST,
            window: 0,
        }
    }

    /// Its SYN.
    pub(super) fn syn(&self) -> SynOptions {
        SynOptions {
            mss: self.syn.mss,
            window_scale: self.syn.window_scale,
            sack: self.syn.sack,
            ts: self.syn.timestamps.then_some(Timestamps { val: self.tsval, ecr: 0 }),
            window: self.syn.window,
        }
    }

    /// The SYN-ACK arrives.
    pub(super) fn syn_ack_arrives(&mut self, options: &SynOptions) {
        self.window = u32::from(options.window);
        if let Some(ts) = options.ts {
            self.timestamps = true;
            self.tsecr = ts.val;
            self.tsval = self.tsval.wrapping_add(1);
        }
    }

    /// Data of the server arrives, up to `end`, with this TSval. A bare FIN is not acknowledged unless the plan says so:
    /// `end` is below it.
    pub(super) fn data_arrives(&mut self, end: Seq, tsval: u32) {
        self.received = self.received.max(end);
        if self.timestamps {
            self.tsecr = tsval;
        }
    }

    /// An ACK of the server arrives.
    pub(super) fn arrives(&mut self, packet: &Transmit) {
        let seg = &packet.seg;
        if let Some(ts) = seg.ts {
            self.tsecr = ts.val;
        }
        if seg.flags.has(Flags::ACK) {
            self.acked = self.acked.max(seg.ack);
            self.window = packet.window;
        }
    }

    /// A segment of the peer with `len` bytes at `offset` of its stream.
    pub(super) fn segment(&mut self, offset: i64, len: u32, flags: Flags, header: Header) -> Segment {
        self.tsval = header.tsval.unwrap_or(self.tsval);
        let ts = self.timestamps.then_some(Timestamps { val: self.tsval, ecr: self.tsecr });
        self.tsval = self.tsval.wrapping_add(u32::from(self.timestamps));
        let seg = Segment {
            seq: Seq(Seq::FIRST.0.saturating_add(offset)),
            len,
            flags: flags.with(Flags::ACK),
            ack: header.acknowledge.map_or(self.received, |bytes| Seq::FIRST + bytes),
            window: header.window.unwrap_or(self.syn.window),
            ts,
            ..Segment::default()
        };
        self.sent = self.sent.max(seg.end_seq());
        seg
    }

    /// The peer's sending half as an observer of what is sent sees it; it has no congestion window.
    pub(super) fn state(&self) -> SenderState {
        SenderState {
            snd_una: self.acked,
            snd_nxt: self.sent,
            snd_wnd: self.window,
            mss_cache: u32::from(self.syn.mss),
            ..SenderState::default()
        }
    }
}
