//! Script steps of injection cases.

use sim_core::time::Now;

use super::drive::Drive;
use crate::compare::Difference;
use crate::recording::{LineKind, Step};
use crate::score::LineDifference;

/// The traffic program reads the device before it reads the state: a packet sent this shortly before the state
/// was read is counted in this step or in the next, ns.
const POLL_NS: u64 = 150_000;

impl Drive<'_> {
    pub(super) fn script_step(&mut self, now: Now, step: &Step) {
        self.write_timer_before_step(now, step);
        let mut model = self.m.rx.state(&self.m.snd);
        // A timer that fired while the traffic program was about to read the state came before or after it.
        if let Some((t, before)) = self.before_timer
            && t.as_nanos() + POLL_NS >= step.time_ns
            && !self.compare(&step.state, &model).is_empty()
            && self.compare(&step.state, &before).is_empty()
        {
            model = before;
        }
        // The memory was asked for before the state.
        let earlier = self.before_timer.filter(|(t, _)| t.as_nanos() + POLL_NS >= step.time_ns);
        let mut differences = self.compare(&step.state, &model);
        let mut check = |column, recorded: Option<i64>, model: Option<i64>| {
            if recorded != model {
                differences.push(Difference { column, recorded, model });
            }
        };
        let seen = self.emitted.len().min(step.emitted as usize);
        let all_late = self.emitted[seen..].iter().all(|t| t.as_nanos() + POLL_NS >= step.time_ns);
        let emitted = if all_late { seen } else { self.emitted.len() };
        check("emitted", Some(i64::from(step.emitted)), Some(emitted as i64));
        if step.cmd.starts_with("r ") {
            check("read_ret", step.read_ret, self.read_ret);
        }
        // SIOCINQ does not count the peer's FIN.
        let fin = i64::from(self.m.rx.peer_closed() && model.recvq() > 0);
        check("inq", Some(step.inq), Some(model.recvq() - fin));
        check("meminfo.rmem_alloc", Some(step.meminfo.rmem_alloc), Some(i64::from(model.rmem as u32)));
        check("meminfo.rcvbuf", Some(step.meminfo.rcvbuf), Some(i64::from(model.rcvbuf as u32)));
        let forward = [Some(model), earlier.map(|(_, s)| s)]
            .into_iter()
            .flatten()
            .map(|s| i64::from(s.fwd_alloc as u32))
            .find(|f| *f == step.meminfo.fwd_alloc);
        let forward = forward.unwrap_or(i64::from(model.fwd_alloc as u32));
        check("meminfo.fwd_alloc", Some(step.meminfo.fwd_alloc), Some(forward));
        check("meminfo.drops", Some(step.meminfo.drops), Some(i64::from(model.drops)));
        self.emitted.drain(..emitted);
        self.read_ret = None;
        self.last_step = Some(model);
        self.score.steps.add(differences.is_empty());
        self.score.note(LineDifference::of(
            LineKind::Step,
            step.step.max(0) as u64,
            step.time_ns,
            differences,
        ));
    }

    /// A write timer that is due, and sends nothing, has run before the state was read if that shows in it.
    fn write_timer_before_step(&mut self, now: Now, step: &Step) {
        let agrees = |drive: &Self| drive.compare(&step.state, &drive.m.rx.state(&drive.m.snd)).is_empty();
        if !self.own_timer_is_due(now) || agrees(self) {
            return;
        }
        let before = self.m.clone();
        self.own_timer_fires(now);
        if !self.m.watch.sent.is_empty() || !agrees(self) {
            self.m = before;
        }
    }
}
