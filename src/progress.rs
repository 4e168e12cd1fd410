//! How far a sweep is: a bar on a terminal, a line now and then elsewhere.

use std::fmt::Write;
use std::io::{IsTerminal as _, stderr};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{HumanCount, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

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
            let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr_with_hz(5))
                .with_position(there);
            let text = "{bar:30} {human_pos}/{human_len} rows  {rate} rows/s  {left} left";
            if let Ok(style) = ProgressStyle::with_template(text) {
                // Rows that were there before are none that this run has been quick about.
                let rate = move |s: &ProgressState| {
                    s.pos().saturating_sub(there) as f64 / s.elapsed().as_secs_f64().max(1e-3)
                };
                let per_second = move |s: &ProgressState, out: &mut dyn Write| {
                    let _ = write!(out, "{}", HumanCount(rate(s).round() as u64));
                };
                let left = move |s: &ProgressState, out: &mut dyn Write| {
                    let rows = s.len().unwrap_or(0).saturating_sub(s.pos());
                    let seconds = (rows as f64 / rate(s).max(1e-3)).min(1e9);
                    let _ = write!(out, "{:#}", HumanDuration(Duration::from_secs_f64(seconds)));
                };
                bar.set_style(style.with_key("rate", per_second).with_key("left", left));
            }
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
