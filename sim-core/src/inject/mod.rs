//! Injected segments: a hand-written plan instead of a sender, so that nothing but the receiver decides what comes out.
//!
//! | file | concern |
//! |---|---|
//! | `plan` | what a plan says: the peer's SYN and the steps |
//! | `schedule` | when each step happens |
//! | `peer` | the peer: what its segments acknowledge and echo |
//! | `driver` | feeds the segments and calls to the receiver |
//!
//! Time counts from the moment at which the SYN-ACK leaves. The handshake's last ACK follows after
//! [`Injection::handshake`], and each step [`Injection::step`] after the one before it unless it says otherwise.
//!
//! What the receiving host sends of its own accord ([`Action::Write`]) leaves as far as the peer's window and a congestion
//! window in slow start allow. Its retransmissions and window probes are not part of an injected connection: the peer has
//! received everything that was sent, and acknowledges it with its next segment unless the plan says otherwise.

mod driver;
mod peer;
mod plan;
mod schedule;

pub use driver::{InjectionOutcome, run_injection};
pub use plan::{Action, DataRun, Header, Injection, PeerSyn, Step, When};
pub use schedule::{Call, TimedCall};
