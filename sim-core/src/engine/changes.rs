//! Changes from the configuration: socket options and sysctls in the middle of a run.

use super::flow::{FlowId, Side};
use super::outcome::NamedSnapshot;
use super::simulation::Simulation;
use crate::config::{Change, LiveOption};
use crate::observer::Observer;
use crate::time::SimTime;

impl<O: Observer> Simulation<'_, O> {
    /// A change of the configuration: the program of every connection makes the call.
    pub(super) fn change(&mut self, i: usize, time: SimTime) {
        let Some(c) = self.config.events.get(i) else { return };
        match c.change {
            Change::ForwardDown(down) => return self.links[Side::Sender.at()].set_down(down),
            Change::ReverseDown(down) => return self.links[Side::Receiver.at()].set_down(down),
            _ => {}
        }
        if self.calling > 0 {
            self.changes_waiting.push(i);
            return;
        }
        if let Change::Snapshot(name) = &c.change {
            let hosts = self.hosts.each_ref().map(|h| h.snapshot(time));
            self.snapshots.push(NamedSnapshot { name: name.clone(), hosts });
            return;
        }
        for flow in 0..self.config.flows.count() {
            match c.change {
                Change::Snapshot(_) => {}
                Change::ReceiverOption(o) => self.change_option(flow, Side::Receiver, o, time),
                Change::SenderOption(o) => self.change_option(flow, Side::Sender, o, time),
                Change::ReceiverRead(bytes) => self.read(flow, time, bytes),
                Change::ReceiverEnding(ending) => self.end(flow, Side::Receiver, ending, time),
                Change::SenderEnding(ending) => self.end(flow, Side::Sender, ending, time),
                Change::ForwardDown(_) | Change::ReverseDown(_) => {}
            }
        }
    }

    fn change_option(&mut self, flow: FlowId, side: Side, option: LiveOption, time: SimTime) {
        match option {
            LiveOption::SndBuf(v) => {
                self.flows[flow as usize].ends[side.at()].tx.set_sndbuf(v, false);
                if side == Side::Sender {
                    self.after(flow, side, self.clock.now(time));
                }
            }
            o => self.set_option(flow, side, time, o),
        }
    }
}
