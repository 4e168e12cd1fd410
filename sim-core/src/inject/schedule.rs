//! When each step of a plan happens.

use super::plan::{Action, Header, Injection, Step, When};
use crate::config::LiveOption;
use crate::time::{SimDuration, SimTime};

/// Something that happens at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Call {
    /// A segment of the peer.
    Segment {
        /// Offset of its first byte in the stream.
        offset: i64,
        /// Payload bytes.
        len: u32,
        /// PSH.
        push: bool,
        /// FIN.
        fin: bool,
        /// Bytes of the segments that it was joined from; 0: it is one segment.
        gso_size: u32,
        /// The rest of its header.
        header: Header,
    },
    /// `recv`.
    Read(u32),
    /// `send`.
    Write(u32),
    /// `setsockopt`.
    Option(LiveOption),
    /// `shutdown(SHUT_WR)`.
    ShutdownWrite,
    /// `close`.
    Close,
}

/// A call and its time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimedCall {
    /// When.
    pub at: SimTime,
    /// What.
    pub call: Call,
}

struct Clock<'a> {
    plan: &'a Injection,
    now: SimTime,
    /// Where the last data ended in the stream.
    end: i64,
    calls: Vec<TimedCall>,
}

impl Clock<'_> {
    fn steps(&mut self, steps: &[Step]) {
        for step in steps {
            let before = self.now;
            self.now = match step.when {
                When::At(at) => before.max(SimTime::ZERO.saturating_add(at)),
                When::After(more) => {
                    // A pause, and a repetition as such, cost nothing besides their own time.
                    let own = !matches!(step.action, Action::Wait | Action::Repeat { .. });
                    let cost = if own { self.plan.step } else { SimDuration::ZERO };
                    before.saturating_add(cost).saturating_add(more)
                }
            };
            self.action(&step.action);
        }
    }

    fn call(&mut self, call: Call) {
        self.calls.push(TimedCall { at: self.now, call });
    }

    fn action(&mut self, action: &Action) {
        match action {
            Action::Data(run) => {
                let stride = run.stride.unwrap_or_else(|| i64::from(run.len));
                let first = run.offset.unwrap_or(self.end);
                for i in 0..run.count {
                    if i > 0 {
                        self.now = self.now.saturating_add(run.every.unwrap_or(self.plan.step));
                    }
                    let offset = first.saturating_add(stride.saturating_mul(i64::from(i)));
                    self.end = offset.saturating_add(i64::from(run.len));
                    let fin = run.fin && i + 1 == run.count;
                    self.call(Call::Segment {
                        offset,
                        len: run.len,
                        push: run.push,
                        fin,
                        gso_size: run.gso_size,
                        header: run.header,
                    });
                }
            }
            Action::Ack { offset, header } => {
                let offset = offset.unwrap_or(self.end);
                self.call(Call::Segment {
                    offset,
                    len: 0,
                    push: false,
                    fin: false,
                    gso_size: 0,
                    header: *header,
                });
            }
            Action::Read(bytes) => self.call(Call::Read(*bytes)),
            Action::Write(bytes) => self.call(Call::Write(*bytes)),
            Action::Options(options) => options.iter().for_each(|o| self.call(Call::Option(*o))),
            Action::ShutdownWrite => self.call(Call::ShutdownWrite),
            Action::Close => self.call(Call::Close),
            Action::Wait => {}
            Action::Repeat { count, steps } => (0..*count).for_each(|_| self.steps(steps)),
        }
    }
}

impl Injection {
    /// Every call of the plan with its time, in order. A plan that says little may come to very many: see
    /// [`Injection::calls`].
    pub fn schedule(&self) -> Vec<TimedCall> {
        self.timeline().0
    }

    /// The calls, and when the last step is over.
    pub fn timeline(&self) -> (Vec<TimedCall>, SimTime) {
        let begin = SimTime::ZERO.saturating_add(self.handshake);
        let mut clock = Clock { plan: self, now: begin, end: 0, calls: Vec::new() };
        clock.steps(&self.steps);
        (clock.calls, clock.now)
    }

    /// How many calls the plan comes to.
    pub fn calls(&self) -> u64 {
        count(&self.steps)
    }
}

fn count(steps: &[Step]) -> u64 {
    let of = |step: &Step| match &step.action {
        Action::Data(run) => u64::from(run.count),
        Action::Options(options) => options.len() as u64,
        Action::Wait => 0,
        // An empty round still costs the time to go through it.
        Action::Repeat { count: n, steps } => {
            u64::from(*n).saturating_mul(count(steps).max(steps.len() as u64))
        }
        _ => 1,
    };
    steps.iter().map(of).fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inject::{DataRun, PeerSyn};

    fn plan(steps: Vec<Step>) -> Injection {
        let syn =
            PeerSyn { mss: 1_460, window_scale: Some(7), sack: true, timestamps: false, window: 65_535 };
        let micros = SimDuration::from_micros;
        Injection { syn, handshake: micros(100), step: micros(10), steps }
    }

    fn next(action: Action) -> Step {
        Step { when: When::After(SimDuration::ZERO), action }
    }

    fn times(plan: &Injection) -> Vec<u64> {
        plan.schedule().iter().map(|c| c.at.as_micros()).collect()
    }

    #[test]
    fn each_step_costs_its_time_and_a_pause_only_its_own() {
        let p = plan(vec![
            next(Action::Read(1)),
            Step { when: When::After(SimDuration::from_micros(500)), action: Action::Wait },
            next(Action::Read(2)),
            Step { when: When::After(SimDuration::from_micros(5)), action: Action::Read(3) },
            Step { when: When::At(SimDuration::from_micros(1_000)), action: Action::Read(4) },
            next(Action::Close),
        ]);
        assert_eq!(times(&p), [110, 620, 635, 1_000, 1_010]);
        assert_eq!(p.calls(), 5);
    }

    #[test]
    fn a_run_goes_on_where_the_last_data_ended_and_puts_its_fin_last() {
        let run = DataRun { len: 100, count: 2, ..DataRun::default() };
        let holes = DataRun { offset: Some(300), stride: Some(200), fin: true, ..run };
        let p = plan(vec![
            next(Action::Repeat { count: 2, steps: vec![next(Action::Data(run))] }),
            next(Action::Data(holes)),
        ]);
        let seen: Vec<(i64, bool)> = p
            .schedule()
            .iter()
            .map(|c| match c.call {
                Call::Segment { offset, fin, .. } => (offset, fin),
                _ => (-1, false),
            })
            .collect();
        let expected = [(0, false), (100, false), (200, false), (300, false), (300, false), (500, true)];
        assert_eq!(seen, expected);
        assert_eq!(p.calls(), 6);
    }
}
