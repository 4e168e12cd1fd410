//! A receiver that is fed segments and calls from outside, as a replay feeds it, takes the same memory for any number of
//! them. `SEGMENTS=10000000 cargo test --release -p sim-core --test stream` tries it with as many as you like.

use std::alloc::System;

use sim_core::config::{NicModel, Route};
use sim_core::host::Host;
use sim_core::linux::{KernelProfile, by_name};
use sim_core::observer::{Silent, Transmit};
use sim_core::path::{Device, Direction, Packet, Payload};
use sim_core::receiver::Receiver;
use sim_core::segment::{Flags, Segment, SynOptions};
use sim_core::send_half::Cx;
use sim_core::sender::{Emitted, Handshake, PassiveSender};
use sim_core::seq::Seq;
use sim_core::skb::SkbLayout;
use sim_core::time::{JiffyClock, SimDuration, SimTime};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, Stats, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const MSS: u32 = 1_448;

/// A socket, its host, and what it sends.
struct Socket {
    rx: Receiver,
    snd: PassiveSender,
    host: Host,
    out: Vec<Transmit>,
    clock: JiffyClock,
    now: SimTime,
}

impl Socket {
    fn established(kernel: &'static KernelProfile) -> Self {
        let sysctl = kernel.default_sysctls();
        let mut socket = Self {
            rx: Receiver::new(kernel, sysctl.clone(), Route::default()),
            snd: PassiveSender::new(kernel, &sysctl, 250, SkbLayout::default()),
            host: Host::default(),
            out: Vec::new(),
            clock: JiffyClock::new(250, SimDuration::ZERO),
            now: SimTime::ZERO,
        };
        let syn = SynOptions { mss: MSS as u16, window_scale: Some(7), sack: true, ts: None, window: 65_535 };
        socket.with(|rx, _, cx| rx.passive_open(cx, &syn, MSS, None));
        socket.snd.established(&Handshake {
            snd_nxt: Seq::FIRST,
            snd_wnd: 65_535,
            wl1: Seq::FIRST,
            snd_wscale: 7,
            mss: MSS,
            sack: true,
            timestamps: false,
            rtt_us: Some(1_000),
        });
        let ack = header(Seq::FIRST, 0);
        socket.with(|rx, snd, cx| rx.child_created(cx, snd, &ack));
        socket
    }

    fn with<R>(&mut self, f: impl FnOnce(&mut Receiver, &mut PassiveSender, &mut Cx<'_, Silent>) -> R) -> R {
        let now = self.clock.now(self.now);
        let mut cx = Cx { now, out: &mut self.out, host: &mut self.host, obs: &mut Silent };
        f(&mut self.rx, &mut self.snd, &mut cx)
    }
}

fn header(seq: Seq, len: u32) -> Segment {
    let flags = Flags::default().with(Flags::ACK);
    Segment { seq, len, flags, ack: Seq::FIRST, window: 65_535, ..Segment::default() }
}

/// The sequence number of segment `i`.
fn place_of(i: u64) -> Seq {
    Seq(Seq::FIRST.0 + (i * u64::from(MSS)) as i64)
}

/// Feeds `segments`: in order, every hundredth one late, and a read after every sixteenth. Returns the ACKs sent.
fn feed(kernel: &'static KernelProfile, segments: u64) -> u64 {
    let device = Device::new(NicModel::Page.into(), kernel, SkbLayout::default());
    let mut socket = Socket::established(kernel);
    let mut acks = 0;
    for i in 0..segments {
        socket.now += SimDuration::from_micros(10);
        // Of every hundred, numbers 50 and 51 change places.
        let place = match i % 100 {
            50 => i + 1,
            51 => i - 1,
            _ => i,
        };
        let seg = header(place_of(place), MSS);
        let mut data = Emitted::default();
        (data.seq, data.len, data.skb_len) = (seg.seq, seg.len, (seg.end_seq() - seg.seq) as u32);
        let packet = Packet { flow: 0, way: Direction::Forward, seg, payload: Payload::Data(data) };
        let (seg, buffer) = device.piece(&packet, 0, 1);
        socket.with(|rx, snd, cx| rx.segment_arrives(cx, snd, &seg, buffer));
        if i % 16 == 15 {
            socket.with(|rx, snd, cx| rx.recv(cx, snd, 1 << 20));
        }
        acks += socket.out.drain(..).len() as u64;
    }
    let read = socket.with(|rx, snd, cx| rx.recv(cx, snd, u32::MAX));
    assert!(u64::from(read) <= 16 * u64::from(MSS));
    let state = socket.rx.state(&socket.snd);
    assert_eq!(state.copied_seq, place_of(segments));
    assert_eq!(state.rmem, 0);
    acks
}

fn measured(kernel: &'static KernelProfile, segments: u64) -> Stats {
    let region = Region::new(ALLOCATOR);
    // At least each read that frees a queue makes one due.
    assert!(feed(kernel, segments) >= segments / 20);
    region.change()
}

#[test]
fn ten_times_as_many_segments_allocate_nothing_more() {
    let many = std::env::var("SEGMENTS").ok().and_then(|s| s.parse().ok()).unwrap_or(200_000);
    // The thread that started this one allocates for itself at first; by the end of this it waits.
    feed(by_name("6.1").unwrap(), 50_000);
    for name in ["5.10", "6.1", "6.12", "6.18", "7.2"] {
        let kernel = by_name(name).unwrap();
        let (few, many) = (measured(kernel, 20_000), measured(kernel, many));
        assert_eq!(few.allocations, many.allocations, "{name}");
        assert_eq!(few.reallocations, many.reallocations, "{name}");
        assert_eq!(few.bytes_allocated, many.bytes_allocated, "{name}");
    }
}
