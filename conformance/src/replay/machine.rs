//! The model under replay.

use sim_core::host::Host;
use sim_core::observer::Transmit;
use sim_core::receiver::Receiver;
use sim_core::send_half::Cx;
use sim_core::time::Now;

use super::server::Server;
use super::watch::Watch;

/// The model, and all that a call into it can change.
#[derive(Clone)]
pub(super) struct Machine {
    pub(super) rx: Receiver,
    pub(super) snd: Server,
    pub(super) host: Host,
    pub(super) watch: Watch,
    pub(super) out: Vec<Transmit>,
}

impl Machine {
    pub(super) fn with<R>(
        &mut self,
        now: Now,
        f: impl FnOnce(&mut Receiver, &mut Server, &mut Cx<'_, Watch>) -> R,
    ) -> R {
        let mut cx = Cx { now, out: &mut self.out, host: &mut self.host, obs: &mut self.watch };
        let r = f(&mut self.rx, &mut self.snd, &mut cx);
        self.snd.settle(&mut cx, &mut self.rx);
        self.out.clear();
        r
    }
}
