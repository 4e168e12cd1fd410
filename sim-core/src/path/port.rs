//! A host's attachment to the path: its device, and the offload that joins what one poll brings.

use super::Device;
use super::ring::RxRing;
use crate::config::{EndpointConfig, HostConfig};
use crate::linux::KernelProfile;
use crate::segment::Segment;
use crate::skb::Buffer;
use crate::skb::gro::{GRO_MAX_SIZE, Gro};

/// Lists over which the connections of one poll are spread (`GRO_HASH_BUCKETS`). The kernel takes a hash of the
/// addresses; here connections take turns.
const BUCKETS: u32 = 8;
/// Packets that one list holds back (`MAX_GRO_SKBS`).
const MAX_HELD: usize = 8;

/// What reaches the stack: the connection, a segment, and its memory.
pub type Arrival = (u32, Segment, Buffer);

/// A device and its receive offload.
#[derive(Clone, Debug)]
pub struct Port {
    device: Device,
    gro: Option<Joining>,
    pub(crate) ring: Option<RxRing>,
}

/// The packets held back in this poll, the oldest first, each of another connection.
#[derive(Clone, Debug)]
struct Joining {
    fresh: Gro,
    held: Vec<(u32, Gro)>,
}

impl Joining {
    fn receive(&mut self, flow: u32, seg: &Segment, buf: &Buffer) -> [Option<Arrival>; 2] {
        let with_flow = |up: Option<(Segment, Buffer)>| up.map(|(seg, buf)| (flow, seg, buf));
        if let Some(at) = self.held.iter().position(|(f, _)| *f == flow) {
            let (_, gro) = &mut self.held[at];
            let up = gro.receive(seg, buf);
            if !gro.holds() {
                self.held.remove(at);
            }
            return up.map(with_flow);
        }
        let mut gro = self.fresh.clone();
        let up = gro.receive(seg, buf).map(with_flow);
        if !gro.holds() {
            return up;
        }
        // A full list gives up its oldest packet (`gro_flush_oldest`).
        let same = |(f, _): &(u32, Gro)| f % BUCKETS == flow % BUCKETS;
        let oldest = self.held.iter().position(same);
        let full = self.held.iter().filter(|h| same(h)).count() >= MAX_HELD;
        let evicted = oldest.filter(|_| full).and_then(|at| self.take(at));
        self.held.push((flow, gro));
        [evicted, None]
    }

    /// Ends the run of the packet held at `at`.
    fn take(&mut self, at: usize) -> Option<Arrival> {
        let (flow, mut gro) = self.held.remove(at);
        gro.flush().map(|(seg, buf)| (flow, seg, buf))
    }
}

impl Port {
    /// The port of `end`. Frames are joined if the device polls and `offload.gro` is on.
    pub fn new(kernel: &'static KernelProfile, end: &EndpointConfig, host: &HostConfig) -> Self {
        let device = Device::new(end.nic, kernel, host.skb);
        let joins = end.offload.gro && device.has_gro();
        let gro = joins.then(|| Joining { fresh: Gro::new(GRO_MAX_SIZE, host.skb), held: Vec::new() });
        let ring = end.nic.ring.filter(|_| device.has_gro()).map(RxRing::new);
        Self { device, gro, ring }
    }

    /// The device.
    pub const fn device(&self) -> &Device {
        &self.device
    }

    /// Whether packets are held back to be joined.
    pub const fn joins(&self) -> bool {
        self.gro.is_some()
    }

    /// The device hands up a segment of connection `flow`: the packets that reach the stack now, oldest first.
    pub fn receive(&mut self, flow: u32, seg: Segment, buf: Buffer) -> [Option<Arrival>; 2] {
        match &mut self.gro {
            Some(gro) => gro.receive(flow, &seg, &buf),
            None => [None, Some((flow, seg, buf))],
        }
    }

    /// Nothing more waits at the device (`napi_complete_done`): what was held back reaches the stack, one packet
    /// with each call.
    pub fn poll_ends(&mut self) -> Option<Arrival> {
        let gro = self.gro.as_mut()?;
        if gro.held.is_empty() { None } else { gro.take(0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seq::Seq;
    use crate::skb::SkbLayout;

    fn frame(n: u32) -> (Segment, Buffer) {
        let seg = Segment { seq: Seq(1 + i64::from(n) * 1_000), len: 1_000, ..Segment::default() };
        (seg, Buffer { truesize: 2_304, head_size: 704, nr_frags: 1, ..Buffer::default() })
    }

    fn joining() -> Joining {
        Joining { fresh: Gro::new(GRO_MAX_SIZE, SkbLayout::default()), held: Vec::new() }
    }

    #[test]
    fn frames_of_several_connections_are_joined_each_with_its_own() {
        let mut j = joining();
        for n in 0..3 {
            for flow in 0..5 {
                let (seg, buf) = frame(n);
                assert_eq!(j.receive(flow, &seg, &buf), [None, None]);
            }
        }
        for flow in 0..5 {
            let (f, seg, buf) = j.take(0).unwrap();
            assert_eq!((f, seg.len, buf.gso_segs), (flow, 3_000, 3));
        }
        assert!(j.held.is_empty());
    }

    #[test]
    fn a_full_list_gives_up_its_oldest_packet() {
        let mut j = joining();
        let (seg, buf) = frame(0);
        for n in 0..8 {
            assert_eq!(j.receive(8 * n, &seg, &buf), [None, None]);
            assert_eq!(j.receive(8 * n + 1, &seg, &buf), [None, None]);
        }
        let up = j.receive(64, &seg, &buf);
        assert_eq!(up.map(|a| a.map(|(flow, ..)| flow)), [Some(0), None]);
        assert_eq!(j.held.len(), 16);
    }
}
