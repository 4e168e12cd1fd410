//! How far a sweep is: a bar on a terminal, a line now and then elsewhere.

use std::io::{IsTerminal as _, stderr};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::terminal;

/// How often a line is written where there is no terminal.
const EVERY: Duration = Duration::from_secs(10);

/// Counts rows and shows them on stderr.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    lines: Mutex<Lines>,
    total: Option<u64>,
}

#[derive(Debug)]
struct Lines {
    rows: u64,
    begun_at: u64,
    begun: Instant,
    said: Instant,
}

impl Progress {
    /// From `there` rows to `total`, if that is known.
    pub(crate) fn new(there: u64, total: Option<u64>) -> Self {
        let bar = stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr_with_hz(5));
            let text = "{bar:30} {human_pos}/{human_len} rows  {per_sec}  {eta} left";
            if let Ok(style) = ProgressStyle::with_template(text) {
                bar.set_style(style);
            }
            bar.set_position(there);
            bar.reset_eta();
            bar
        });
        let now = Instant::now();
        let lines = Mutex::new(Lines { rows: there, begun_at: there, begun: now, said: now });
        Self { bar, lines, total }
    }

    /// One row more.
    pub(crate) fn row(&self) {
        if let Some(bar) = &self.bar {
            bar.inc(1);
            return;
        }
        let Ok(mut l) = self.lines.lock() else { return };
        l.rows += 1;
        if l.rows % 64 == 0 && l.said.elapsed() >= EVERY {
            l.said = Instant::now();
            let rate = (l.rows - l.begun_at) as f64 / l.begun.elapsed().as_secs_f64();
            let left = self.total.map_or_else(String::new, |t| {
                format!(" of {t}, {:.0} s left", t.saturating_sub(l.rows) as f64 / rate)
            });
            terminal::note(&format!("{} rows{left}; {rate:.0} rows/s", l.rows));
        }
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
