//! What later lines of a recording tell about earlier ones.

use sim_core::segment::{Flags, Segment};
use sim_core::seq::Seq;
use sim_core::time::SimTime;

use crate::recording::{AckRow, AppWhat, EventRef};

/// For every event, the backlog's length that the next ACK shows, if that ACK comes before the call returns.
pub(super) fn backlog_at_ack(events: &[(u64, EventRef<'_>)]) -> Vec<Option<u32>> {
    let mut next = None;
    let mut out: Vec<_> = events
        .iter()
        .rev()
        .map(|(_, e)| {
            let here = next;
            match e {
                EventRef::Ack(a) if a.len == 0 => next = a.state.backlog_len,
                EventRef::App(a) if matches!(a.what, AppWhat::Backlog) => {}
                EventRef::Tx(_) | EventRef::Merge(_) => {}
                _ => next = None,
            }
            here
        })
        .collect();
    out.reverse();
    out
}

/// A moment of the recording's microsecond scale.
pub(super) fn micros(us: i64) -> SimTime {
    SimTime::from_nanos(us.max(0) as u64 * 1_000)
}

/// For every event, the backlog's length that the next event of the application or the backlog, or the next segment out of the latter, shows.
pub(super) fn backlog_after(events: &[(u64, EventRef<'_>)]) -> Vec<Option<u32>> {
    let mut next = None;
    let mut out: Vec<_> = events
        .iter()
        .rev()
        .map(|(_, e)| {
            let here = next;
            let shown = match e {
                EventRef::App(a) => a.state.backlog_len,
                EventRef::Row(r) if r.state.owned == Some(true) => r.state.backlog_len,
                _ => None,
            };
            next = shown.or(next);
            here
        })
        .collect();
    out.reverse();
    out
}

/// What a recorded packet of the server carries of its own.
pub(super) fn server_segment(ack: &AckRow) -> Segment {
    Segment { seq: Seq(ack.seq), len: ack.len, flags: ack.flags.without(Flags::ACK), ..Segment::default() }
}

/// For every event, the server's data packets that follow it before anything else happens at the receiver: what it
/// sends in answer to that segment.
pub(super) fn data_in_answer(events: &[(u64, EventRef<'_>)], at: usize) -> Vec<Segment> {
    let mut out = Vec::new();
    for (_, e) in &events[at + 1..] {
        match e {
            EventRef::Ack(a) if a.len > 0 => out.push(server_segment(a)),
            EventRef::Ack(_) | EventRef::Tx(_) | EventRef::Merge(_) => {}
            EventRef::App(a)
                if matches!(a.what, AppWhat::Collapse | AppWhat::PruneOfo | AppWhat::Backlog) => {}
            _ => break,
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::{AppEvent, RecordedState, Recording, Row};

    #[test]
    fn what_a_segment_has_added_to_the_backlog_is_shown_by_the_next_one_out_of_it() {
        let state = |len: u32| RecordedState {
            owned: Some(true),
            backlog_len: Some(len),
            ..RecordedState::default()
        };
        let app = |ev: u64, what: AppWhat, len: u32| AppEvent {
            ev,
            what,
            state: state(len),
            ..AppEvent::default()
        };
        let rec = Recording {
            app: vec![app(1, AppWhat::Backlog, 0), app(3, AppWhat::RecvRet, 0)],
            rows: vec![Row { ev: 2, state: state(896), ..Row::default() }],
            ..Recording::default()
        };
        assert_eq!(backlog_after(&rec.events()), [Some(896), Some(0), None]);
    }
}
