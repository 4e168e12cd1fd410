//! A server's socket that the tests of this half drive.

use super::{Handshake, Role, Sender};
use crate::config::{
    Congestion, EndpointConfig, HostConfig, NicModel, Offload, ReadConfig, Route, SockOpts, Sysctls,
    WriteConfig,
};
use crate::host::Host;
use crate::linux::by_name;
use crate::observer::{Observer, Transmit};
use crate::receiver::Receiver;
use crate::segment::{Flags, SackBlock, SackList, Segment, SynOptions};
use crate::send_half::Cx;
use crate::seq::Seq;
use crate::skb::Buffer;
use crate::state::SocketState;
use crate::time::{JiffyClock, Now, SimDuration, SimTime};

/// What was sent, and in which state of the socket.
#[derive(Default)]
pub(super) struct Sent(pub(super) Vec<(Segment, SocketState)>);

impl Observer for Sent {
    fn transmit(&mut self, _: Now, packet: &Transmit, state: &SocketState) {
        self.0.push((packet.seg, *state));
    }
}

/// A server's end on the loopback that sends at once and whose programs do nothing.
pub(super) fn end(sysctl: &Sysctls) -> EndpointConfig {
    EndpointConfig {
        sysctl: sysctl.clone(),
        sockopt: SockOpts { nodelay: true, ..SockOpts::default() },
        route: Route::default(),
        offload: Offload { tso: true, gso: true, gro: true },
        nic: NicModel::Loopback.into(),
        congestion: Congestion::Cubic,
        write: WriteConfig::NEVER,
        read: ReadConfig::NEVER,
    }
}

/// What it learns from a client with segments of 1000 bytes and SACK, whose window is `window` bytes.
pub(super) fn handshake(window: u16) -> Handshake {
    Handshake {
        snd_nxt: Seq(1),
        snd_wnd: window.into(),
        wl1: Seq(0),
        snd_wscale: 0,
        mss: 1_000,
        sack: true,
        timestamps: false,
        rtt_us: Some(1_000),
    }
}

/// A server on a connection with segments of 1000 bytes.
pub(super) struct Server {
    pub(super) rx: Receiver,
    pub(super) snd: Sender,
    host: Host,
    pub(super) sent: Sent,
    now: SimTime,
}

impl Server {
    /// One that has written `writes` times 1000 bytes, of which `window` may be under way.
    pub(super) fn new(kernel: &str, window: u16, writes: usize) -> Self {
        let kernel = by_name(kernel).unwrap();
        let sysctl = kernel.default_sysctls();
        let end = end(&sysctl);
        let rx = Receiver::new(kernel, sysctl, Route::default());
        let snd = Sender::new(kernel, &end, &HostConfig::without_costs(250));
        let now = SimTime::from_nanos(1_000_000);
        let mut s = Self { rx, snd, host: Host::default(), sent: Sent::default(), now };
        let syn = SynOptions { mss: 1_000, window_scale: Some(0), sack: true, ts: None, window };
        let h = handshake(window);
        let ack = Self::ack(window, &[]);
        s.with(|rx, snd, cx| {
            rx.passive_open(cx, &syn, 1_460, None);
            snd.established(cx.now, &h, Role::Passive);
            rx.child_created(cx, snd, &ack);
            for _ in 0..writes {
                assert_eq!(snd.write(cx, rx, 1_000), 1_000);
            }
        });
        s
    }

    pub(super) fn now(&self) -> Now {
        JiffyClock::new(250, SimDuration::ZERO).now(self.now)
    }

    fn with<R>(&mut self, f: impl FnOnce(&mut Receiver, &mut Sender, &mut Cx<'_, Sent>) -> R) -> R {
        let now = self.now();
        let Self { rx, snd, host, sent, .. } = self;
        f(rx, snd, &mut Cx { now, out: &mut Vec::new(), host, obs: sent })
    }

    /// An ACK of nothing, with SACK blocks.
    pub(super) fn ack(window: u16, blocks: &[(i64, i64)]) -> Segment {
        let mut sack = SackList::EMPTY;
        blocks.iter().for_each(|&(start, end)| sack.push(SackBlock { start: Seq(start), end: Seq(end) }));
        let ack = Segment { seq: Seq(1), flags: Flags::ACK, ack: Seq(1), window, ..Segment::default() };
        Segment { sack: sack.into(), ..ack }
    }

    /// A segment arrives a millisecond later.
    pub(super) fn arrives(&mut self, seg: &Segment) {
        self.now += SimDuration::from_millis(1);
        let buf = Buffer { truesize: 1_280, head_size: 640, linear: seg.len, ..Buffer::default() };
        self.with(|rx, snd, cx| rx.segment_arrives(cx, snd, seg, buf));
    }
}
