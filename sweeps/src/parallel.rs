//! Rows in parallel, handed on in their order.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Items whose results may wait for an earlier one, per thread: enough that a slow one holds up nobody, few enough that
/// memory does not depend on how many there are.
const AHEAD: u64 = 64;

/// Items that a thread takes at once, at most, and how long it means to be busy with them: threads that take quick items
/// one by one wait for each other, and whoever waits sleeps for longer than such an item takes.
const MOST: usize = 32;
const BUSY: Duration = Duration::from_millis(1);

/// What became of items that were taken at once.
struct Batch<R> {
    results: Vec<R>,
    /// It was stopped before its last item: nothing may come behind it.
    cut: bool,
}

struct State<W, R> {
    work: W,
    /// Batches, and items in them, that were taken, and whose results were handed on.
    batches: [u64; 2],
    items: [u64; 2],
    waiting: BTreeMap<u64, Batch<R>>,
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
        batches: [0; 2],
        items: [0; 2],
        waiting: BTreeMap::new(),
        finished: false,
        failed: false,
    });
    let room = Condvar::new();
    let sink = Mutex::new((sink, None));
    let worker = || {
        let mut size = 1;
        loop {
            let (number, items) = {
                let mut s = lock(&state);
                // Behind what is cut nothing is handed on that could make room.
                let stopped = || stop.load(Ordering::Relaxed);
                while s.items[0] >= s.items[1] + AHEAD * threads as u64 && !s.failed && !stopped() {
                    s = room.wait(s).unwrap_or_else(PoisonError::into_inner);
                }
                if s.finished || s.failed || stopped() {
                    return;
                }
                let items: Vec<I> = s.work.by_ref().take(size).collect();
                s.finished = items.len() < size;
                if items.is_empty() {
                    return;
                }
                s.items[0] += items.len() as u64;
                s.batches[0] += 1;
                (s.batches[0] - 1, items)
            };
            let (count, begun) = (items.len(), Instant::now());
            let mut results = Vec::with_capacity(count);
            for item in items {
                if !results.is_empty() && stop.load(Ordering::Relaxed) {
                    break;
                }
                results.push(f(item));
            }
            size = match begun.elapsed() {
                took if took > BUSY => (size / 2).max(1),
                took if took < BUSY / 2 => (size * 2).min(MOST),
                _ => size,
            };
            let cut = results.len() < count;
            lock(&state).waiting.insert(number, Batch { results, cut });
            // Whoever gets the sink empties what is in order; results that arrive meanwhile are found by the next.
            loop {
                let Ok(mut held) = sink.try_lock() else { break };
                let mut any = false;
                while let Some(batch) = next(&state) {
                    any = true;
                    let count = batch.results.len() as u64;
                    for r in batch.results {
                        if let Err(e) = (held.0)(r) {
                            held.1.get_or_insert(e);
                            lock(&state).failed = true;
                            room.notify_all();
                            return;
                        }
                    }
                    let mut s = lock(&state);
                    s.batches[1] += u64::from(!batch.cut);
                    s.items[1] += count;
                }
                if any {
                    room.notify_all();
                }
                drop(held);
                // One may have come in between the last look and the release.
                let s = lock(&state);
                if !s.waiting.contains_key(&s.batches[1]) {
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

/// The batch that is next in order, if it is there: what was cut is followed by none. Only the holder of the sink counts what
/// was handed on.
fn next<W, R>(state: &Mutex<State<W, R>>) -> Option<Batch<R>> {
    let mut s = lock(state);
    let next = s.batches[1];
    s.waiting.remove(&next)
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

    #[test]
    fn a_stop_in_the_middle_of_what_a_thread_has_taken_at_once_leaves_a_prefix() {
        for threads in [1, 3] {
            let stop = AtomicBool::new(false);
            let done = AtomicBool::new(false);
            let mut seen = Vec::new();
            // The first items are quick, so that many are taken at once by then.
            let work = |i: u64| {
                stop.fetch_or(i == 1_000, Ordering::Relaxed);
                done.fetch_or(i == 1_031, Ordering::Relaxed);
                i
            };
            let sink = |i| {
                seen.push(i);
                Ok::<(), ()>(())
            };
            ordered(threads, 0..1_000_000, &stop, work, sink).unwrap();
            assert_eq!(seen, (0..seen.len() as u64).collect::<Vec<_>>());
            assert!(threads > 1 || (seen.len() == 1_001 && !done.into_inner()), "{}", seen.len());
        }
    }
}
