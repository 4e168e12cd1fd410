//! The programs at both ends: when they run and which calls they make.

use super::simulation::{Event, Simulation};
use crate::app::{WriterStep, WriterView};
use crate::config::LiveOption;
use crate::observer::Observer;
use crate::time::SimTime;

impl<O: Observer> Simulation<'_, O> {
    /// The passive side is established: the applications start after the writer's pause.
    pub(super) fn applications_begin(&mut self, time: SimTime) {
        self.queue.push(time + self.writer.start_delay(), Event::Start);
    }

    pub(super) fn schedule_applications(&mut self) {
        if self.started.is_none() {
            return;
        }
        let due = [self.writer.due(), self.reader.due(self.b.rx.readable())].into_iter().flatten().min();
        let Some(due) = due.map(|d| self.cpu.begin(d)) else { return };
        if self.app_wake.is_none_or(|w| due < w) {
            self.app_wake = Some(due);
            self.queue.push(due, Event::Applications);
        }
    }

    /// Both programs run as far as they can: first the writer, then the reader, as one thread polling both.
    pub(super) fn run_applications(&mut self, begin: SimTime) {
        let mut time = begin;
        loop {
            let view = WriterView { writable: self.a.tx.is_writable(), unacked: self.a.tx.packets_out() };
            match self.writer.step(time, view) {
                WriterStep::Idle => break,
                WriterStep::WaitForRoom => {
                    self.a.tx.wait_for_room();
                    break;
                }
                WriterStep::Write(len) => {
                    let n = self.on_a(time, |cx, rx, tx, _| tx.write(cx, rx, len));
                    let chunk = self.writer.wrote(time, n);
                    // The program looks at the clock again when the call has returned.
                    time = self.cpu.begin(time);
                    if chunk {
                        self.on_b(time, |cx, rx, tx, _| rx.set_option(cx, tx, LiveOption::QuickAck(1)));
                    }
                }
            }
        }
        if let Some(len) = self.reader.step(begin, self.b.rx.readable()) {
            self.read(time, len);
        }
        self.schedule_applications();
    }

    pub(super) fn read(&mut self, time: SimTime, len: u32) {
        let n = self.on_b(time, |cx, rx, tx, _| rx.recv(cx, tx, len));
        self.reader.got(n);
    }
}
