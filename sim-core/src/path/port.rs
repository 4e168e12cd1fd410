//! A host's attachment to the path: its device, and the offload that joins what one poll brings.

use super::Device;
use crate::config::{EndpointConfig, HostConfig};
use crate::linux::KernelProfile;
use crate::segment::Segment;
use crate::skb::Buffer;
use crate::skb::gro::{GRO_MAX_SIZE, Gro};

/// A device and its receive offload.
#[derive(Clone, Debug)]
pub struct Port {
    device: Device,
    gro: Option<Gro>,
}

impl Port {
    /// The port of `end`. Frames are joined if the device polls and `offload.gro` is on.
    pub fn new(kernel: &'static KernelProfile, end: &EndpointConfig, host: &HostConfig) -> Self {
        let device = Device::new(end.nic, kernel, host.skb);
        let joins = end.offload.gro && device.has_gro();
        Self { device, gro: joins.then(|| Gro::new(GRO_MAX_SIZE, host.skb)) }
    }

    /// The device.
    pub const fn device(&self) -> &Device {
        &self.device
    }

    /// The device hands up a segment: the packets that reach the stack now, oldest first.
    pub fn receive(&mut self, seg: Segment, buf: Buffer) -> [Option<(Segment, Buffer)>; 2] {
        match &mut self.gro {
            Some(gro) => gro.receive(&seg, &buf),
            None => [None, Some((seg, buf))],
        }
    }

    /// Nothing more waits at the device (`napi_complete_done`): what was held back reaches the stack.
    pub fn poll_ends(&mut self) -> Option<(Segment, Buffer)> {
        self.gro.as_mut().and_then(Gro::flush)
    }
}
