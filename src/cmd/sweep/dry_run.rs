//! `skmem sweep --dry-run`: the points and what they would cost.

use std::io::{self, BufWriter, Write};
use std::time::{Duration, Instant};

use sweeps::{Plan, Point, Shard, row};

use crate::failure::Failure;
use crate::terminal;

/// Points that are printed unless all are asked for.
const LISTED: u64 = 20;
/// How long it is tried out what a point costs.
const TRIAL: Duration = Duration::from_millis(300);

/// Prints the points as they come, and the estimate behind them.
///
/// # Errors
/// The output cannot be written.
pub(super) fn run(plan: &Plan, shard: Shard, threads: usize, every: bool) -> Result<(), Failure> {
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let mut cost = (Duration::ZERO, 0_u32);
    let (mut count, mut all) = (0_u64, 0_u64);
    let trial = Instant::now();
    // Points from all over the plan tell what it costs.
    let stride = (plan.space.numbers().unwrap_or(1) / 64).max(1);
    for point in plan.points() {
        all += 1;
        if !shard.has(point.number) {
            continue;
        }
        count += 1;
        if every || count <= LISTED {
            out.write_all(line(plan, &point).as_bytes()).map_err(terminal::stdout_failure)?;
        }
        if (point.number % stride == 0 || cost.1 == 0) && trial.elapsed() < TRIAL {
            let begun = Instant::now();
            let _ = row(plan, point, 0);
            cost = (cost.0 + begun.elapsed(), cost.1 + 1);
        }
    }
    let mut text = String::new();
    if !every && count > LISTED {
        text.push_str(&format!("... and {} more; --all prints them\n", count - LISTED));
    }
    let rows = count * u64::from(plan.repeat);
    let left_out = plan.space.numbers().unwrap_or(0) - all;
    let each = cost.0 / cost.1.max(1);
    let seconds = each.as_secs_f64() * rows as f64 / threads as f64;
    text.push_str(&format!(
        "\n{count} points, {rows} rows{}; about {} us each, {seconds:.1} s on {}\n",
        if left_out > 0 { format!(" ({left_out} points left out by `where`)") } else { String::new() },
        each.as_micros(),
        terminal::count(threads, "thread")
    ));
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(terminal::stdout_failure)
}

fn line(plan: &Plan, point: &Point) -> String {
    let picks = plan.space.axes.iter().zip(&point.picks);
    let settings: Vec<String> = picks.map(|(a, p)| format!("{}={}", a.name, a.value(*p).label)).collect();
    format!("{:>8}  {}\n", point.number, settings.join("  "))
}
