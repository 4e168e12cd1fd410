//! Recordings of many sockets on one host under a tiny `tcp_mem`, and the model's replay of them.
//!
//! A traffic program opens its connections through one TUN device and carries out a script: segments of hand-made peers,
//! reads and writes on any of the sockets. After each line it notes what the kernel tells: the touched socket
//! (`SO_MEMINFO`, `TCP_INFO`), the host (`/proc/net/sockstat`, the memory and press columns of `/proc/net/protocols`),
//! the counters, and every packet the sockets sent. [`text`] reads that, [`replay`] carries the same script out on the
//! model's sockets, all of which share one [`sim_core::host::Host`].

pub mod replay;
pub mod text;

pub use replay::{Difference, Score, replay};
pub use text::{Command, HostLine, PacketLine, PressureRecording, SocketLine, Step};
