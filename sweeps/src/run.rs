//! A whole sweep, or a shard of it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::evaluate::{self, Row};
use crate::format::Format;
use crate::parallel;
use crate::plan::Plan;
use crate::shard::Shard;
use crate::store::{Store, StoreError, work};

/// How a sweep ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// All rows are there.
    Complete,
    /// It was stopped; the rows are a prefix of all.
    Stopped,
    /// Its budget of time was used up; likewise.
    OutOfTime,
}

/// How far between two writes to the files at most: what a kill can cost.
const FLUSH: Duration = Duration::from_millis(500);

/// Runs the rows of a shard that are not there yet, on `threads` threads. `each` sees every row in order, and `store`
/// keeps them.
///
/// # Errors
/// A file cannot be written.
pub fn sweep(
    plan: &Plan,
    shard: Shard,
    threads: usize,
    mut store: Option<&mut Store>,
    stop: &AtomicBool,
    mut each: impl FnMut(&Row) + Send,
) -> Result<Ended, StoreError> {
    let formats: Vec<Format> = store.as_ref().map(|s| s.formats()).unwrap_or_default();
    let skip = store.as_ref().map_or(0, |s| s.rows());
    let begun = Instant::now();
    let limit = plan.time.map(Duration::from_nanos);
    let halt = AtomicBool::new(false);
    let mut flushed = begun;
    let rows = work(plan, shard).skip(usize::try_from(skip).unwrap_or(usize::MAX));
    let run = |(point, repeat)| {
        if stop.load(Ordering::Relaxed) || limit.is_some_and(|l| begun.elapsed() >= l) {
            halt.store(true, Ordering::Relaxed);
        }
        let row = evaluate::row(plan, point, repeat);
        let texts: Vec<Vec<u8>> = formats.iter().map(|f| f.row(plan, &row)).collect();
        (row, texts)
    };
    let sink = |(row, texts): (Row, Vec<Vec<u8>>)| {
        if let Some(store) = &mut store {
            store.add(&texts, row.result.is_err())?;
            if flushed.elapsed() >= FLUSH {
                store.flush()?;
                flushed = Instant::now();
            }
        }
        each(&row);
        Ok::<(), StoreError>(())
    };
    parallel::ordered(threads, rows, &halt, run, sink)?;
    Ok(match (halt.load(Ordering::Relaxed), stop.load(Ordering::Relaxed)) {
        (true, true) => Ended::Stopped,
        (true, false) => Ended::OutOfTime,
        (false, _) => Ended::Complete,
    })
}
