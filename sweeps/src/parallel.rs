//! Rows in parallel, handed on in their order.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Pieces of work that may wait for an earlier one, per thread: enough that a slow one holds up nobody, few enough that
/// memory does not depend on how many there are.
const AHEAD: u64 = 64;

struct State<W, R> {
    work: W,
    taken: u64,
    done: u64,
    waiting: BTreeMap<u64, R>,
    finished: bool,
    failed: bool,
}

fn lock<T>(m: &Mutex<T>) -> MutexGuard<'_, T> {
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Applies `f` to each item of `work` on `threads` threads; `sink` gets the results in the order of the items, from one
/// thread at a time. Ends early when `stop` is set, or when `sink` fails; what `sink` got is then a prefix.
///
/// # Errors
/// The first failure of `sink`.
pub(crate) fn ordered<I, R, E>(
    threads: usize,
    work: impl Iterator<Item = I> + Send,
    stop: &AtomicBool,
    f: impl Fn(I) -> R + Sync,
    sink: impl FnMut(R) -> Result<(), E> + Send,
) -> Result<(), E>
where
    I: Send,
    R: Send,
    E: Send,
{
    let threads = threads.max(1);
    let state = Mutex::new(State {
        work,
        taken: 0,
        done: 0,
        waiting: BTreeMap::new(),
        finished: false,
        failed: false,
    });
    let room = Condvar::new();
    let sink = Mutex::new((sink, None));
    let worker = || {
        loop {
            let (number, item) = {
                let mut s = lock(&state);
                while s.taken >= s.done + AHEAD * threads as u64 && !s.failed {
                    s = room.wait(s).unwrap_or_else(PoisonError::into_inner);
                }
                if s.finished || s.failed || stop.load(Ordering::Relaxed) {
                    return;
                }
                let Some(item) = s.work.next() else {
                    s.finished = true;
                    return;
                };
                s.taken += 1;
                (s.taken - 1, item)
            };
            let result = f(item);
            lock(&state).waiting.insert(number, result);
            // Whoever gets the sink empties what is in order; results that arrive meanwhile are found by the next.
            loop {
                let Ok(mut held) = sink.try_lock() else { break };
                let mut any = false;
                while let Some(r) = next(&state) {
                    any = true;
                    if let Err(e) = (held.0)(r) {
                        held.1.get_or_insert(e);
                        lock(&state).failed = true;
                        room.notify_all();
                        return;
                    }
                    lock(&state).done += 1;
                }
                if any {
                    room.notify_all();
                }
                drop(held);
                // One may have come in between the last look and the release.
                let s = lock(&state);
                if !s.waiting.contains_key(&s.done) {
                    break;
                }
            }
        }
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    match pool {
        Ok(pool) => {
            pool.broadcast(|_| worker());
        }
        // No further threads to be had: this one does it all.
        Err(_) => worker(),
    }
    let (_, error) = sink.into_inner().unwrap_or_else(PoisonError::into_inner);
    error.map_or(Ok(()), Err)
}

/// The result that is next in order, if it is there. `done` is only moved by the holder of the sink.
fn next<W, R>(state: &Mutex<State<W, R>>) -> Option<R> {
    let mut s = lock(state);
    let done = s.done;
    s.waiting.remove(&done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_whatever_the_work_costs() {
        for threads in [1, 2, 5] {
            let mut seen = Vec::new();
            let slow_first = |i: u64| {
                let mut x = i;
                for _ in 0..(500 - i) * 20 {
                    x = std::hint::black_box(x.wrapping_mul(31).wrapping_add(7));
                }
                (i, x)
            };
            let never = AtomicBool::new(false);
            ordered::<_, _, ()>(threads, 0..500, &never, slow_first, |(i, _)| {
                seen.push(i);
                Ok(())
            })
            .unwrap();
            assert_eq!(seen, (0..500).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_failing_sink_ends_the_work_and_a_stop_leaves_a_prefix() {
        let never = AtomicBool::new(false);
        let r = ordered(3, 0..1_000_000, &never, |i| i, |i| if i == 700 { Err(i) } else { Ok(()) });
        assert_eq!(r, Err(700));
        let stop = AtomicBool::new(false);
        let mut seen = Vec::new();
        let sink = |i| {
            seen.push(i);
            stop.store(i >= 100, Ordering::Relaxed);
            Ok::<(), ()>(())
        };
        ordered(3, 0..1_000_000, &stop, |i| i, sink).unwrap();
        assert!(seen.len() > 100 && seen.len() < 10_000);
        assert_eq!(seen, (0..seen.len()).collect::<Vec<_>>());
    }
}
