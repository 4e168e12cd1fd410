//! The committed floors: what was exact before must stay exact.
//!
//! The file is CSV, one line per mode, kernel and case, sorted, so that a change reads well in a diff:
//! `mode,kernel,case,rows,acks,steps,counters`, the numbers being counts of exact lines and figures. End to end,
//! `steps` are the packets of the client and `counters` the figures of the whole.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::fs;
use std::path::Path;

use super::{CaseScore, Mode, Scoreboard};
use crate::recording::KernelVersion;

const HEADER: &str = "mode,kernel,case,rows,acks,steps,counters";

/// Exact lines of a case.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Floor {
    /// Exact rows.
    pub rows: u64,
    /// Exact ACKs.
    pub acks: u64,
    /// Exact steps, or packets of the client.
    pub steps: u64,
    /// Exact counters, or figures within what the passes gave.
    pub counters: u64,
}

impl Floor {
    fn of(c: &CaseScore) -> Self {
        Self { rows: c.rows.exact, acks: c.acks.exact, steps: c.steps.exact, counters: c.counters.exact }
    }

    /// What `c` must not fall below from now on. End to end, a case of which some figures are outside what the passes
    /// gave has left the kernel's way, and how many are outside then is chance: its figures have no floor.
    fn to_hold(mode: Mode, c: &CaseScore) -> Self {
        let mut floor = Self::of(c);
        if mode == Mode::EndToEnd && !c.figures_hold() {
            floor.counters = 0;
        }
        floor
    }

    fn max(self, o: Self) -> Self {
        Self {
            rows: self.rows.max(o.rows),
            acks: self.acks.max(o.acks),
            steps: self.steps.max(o.steps),
            counters: self.counters.max(o.counters),
        }
    }
}

/// Mode, kernel (by version, then by name), case.
type Key = (Mode, KernelVersion, String, String);

/// The floors of every mode, kernel and case.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Floors {
    floors: BTreeMap<Key, Floor>,
}

/// Why a floors file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum FloorsError {
    /// It could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A line is not what it should be. Lines count from 1.
    #[error("{path}, line {line}: {message}")]
    Line {
        /// The file.
        path: String,
        /// The line.
        line: usize,
        /// What is wrong.
        message: String,
    },
}

/// A case that is below its floor.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shortfall {
    /// Mode.
    pub mode: Mode,
    /// Kernel.
    pub kernel: String,
    /// Case.
    pub case: String,
    /// What is committed.
    pub floor: Floor,
    /// What was reached; `None`: the case was not scored.
    pub reached: Option<Floor>,
}

impl fmt::Display for Shortfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}: below the committed floor: ", self.mode, self.kernel, self.case)?;
        let Some(reached) = self.reached else { return f.write_str("not scored") };
        let (steps, counters) = match self.mode {
            Mode::Replay => ("steps", "counters"),
            Mode::EndToEnd => ("tx", "figures"),
        };
        let pairs = [
            ("rows", reached.rows, self.floor.rows),
            ("acks", reached.acks, self.floor.acks),
            (steps, reached.steps, self.floor.steps),
            (counters, reached.counters, self.floor.counters),
        ];
        let mut first = true;
        for (what, now, floor) in pairs.into_iter().filter(|(_, now, floor)| now < floor) {
            let lead = if first { "" } else { ", " };
            write!(f, "{lead}{what} {now} instead of {floor}")?;
            first = false;
        }
        Ok(())
    }
}

impl Floors {
    /// Reads a floors file. A file that is not there has no floors.
    ///
    /// # Errors
    /// If the file cannot be read, or names a line that does not parse.
    pub fn load(path: &Path) -> Result<Self, FloorsError> {
        let name = path.display().to_string();
        match fs::read_to_string(path) {
            Ok(text) => Self::parse(&text, &name),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(FloorsError::Io { path: name, source }),
        }
    }

    /// Parses the text of a floors file; `path` is for messages.
    ///
    /// # Errors
    /// The first line that does not parse.
    pub fn parse(text: &str, path: &str) -> Result<Self, FloorsError> {
        let mut out = Self::default();
        for (n, line) in text.lines().enumerate() {
            let fail = |message: String| FloorsError::Line { path: path.to_owned(), line: n + 1, message };
            if n == 0 {
                if line != HEADER {
                    return Err(fail(format!("the header should be {HEADER:?}")));
                }
                continue;
            }
            if line.is_empty() {
                continue;
            }
            let cells: Vec<&str> = line.split(',').collect();
            let [mode, kernel, case, rows, acks, steps, counters] = cells[..] else {
                return Err(fail(format!("7 cells are expected, not {}", cells.len())));
            };
            let mode = Mode::by_name(mode).ok_or_else(|| fail(format!("{mode:?} is not a mode")))?;
            let number = |t: &str| t.parse().map_err(|_| fail(format!("{t:?} is not a count")));
            let floor = Floor {
                rows: number(rows)?,
                acks: number(acks)?,
                steps: number(steps)?,
                counters: number(counters)?,
            };
            if out.floors.insert(key(mode, kernel, case), floor).is_some() {
                return Err(fail(format!("{kernel} {case} stands here a second time")));
            }
        }
        Ok(out)
    }

    /// The text of the file.
    pub fn render(&self) -> String {
        let mut out = format!("{HEADER}\n");
        for ((mode, _, kernel, case), f) in &self.floors {
            let _ = writeln!(out, "{mode},{kernel},{case},{},{},{},{}", f.rows, f.acks, f.steps, f.counters);
        }
        out
    }

    /// Writes the file.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), FloorsError> {
        fs::write(path, self.render())
            .map_err(|source| FloorsError::Io { path: path.display().to_string(), source })
    }

    /// The floor of a case.
    pub fn get(&self, mode: Mode, kernel: &str, case: &str) -> Option<Floor> {
        self.floors.get(&key(mode, kernel, case)).copied()
    }

    /// Raises every floor to what `board` reached. A floor never sinks this way: to lower one, edit the file
    /// and say why.
    pub fn raise(&mut self, board: &Scoreboard) {
        for c in &board.cases {
            let floor = self.floors.entry(key(board.mode, &c.kernel, &c.case)).or_default();
            *floor = floor.max(Floor::to_hold(board.mode, c));
        }
    }

    /// The cases of `board` that are below their floor.
    ///
    /// Cases that have a floor and are not on the board are listed as well if `complete`, that is, if the board
    /// was meant to hold them all.
    pub fn shortfalls(&self, board: &Scoreboard, complete: bool) -> Vec<Shortfall> {
        let mut out = Vec::new();
        for ((mode, _, kernel, case), floor) in &self.floors {
            if *mode != board.mode {
                continue;
            }
            let reached = board.get(kernel, case).map(Floor::of);
            let short = match reached {
                Some(now) => now.max(*floor) != now,
                None => complete,
            };
            if short {
                let (kernel, case) = (kernel.clone(), case.clone());
                out.push(Shortfall { mode: *mode, kernel, case, floor: *floor, reached });
            }
        }
        out
    }
}

fn key(mode: Mode, kernel: &str, case: &str) -> Key {
    (mode, KernelVersion::of(kernel), kernel.to_owned(), case.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::tests::board;

    #[test]
    fn floors_rise_and_never_sink() {
        let mut b = board();
        let mut f = Floors::default();
        f.raise(&b);
        assert_eq!(f.shortfalls(&b, true), []);
        b.cases[1].rows.exact -= 1;
        let short = f.shortfalls(&b, true);
        assert_eq!(short.len(), 1);
        assert_eq!(
            short[0].to_string(),
            "replay 6.1 a_overrun: below the committed floor: rows 68 instead of 69"
        );
        f.raise(&b);
        assert_eq!(f.get(Mode::Replay, "6.1", "a_overrun").unwrap().rows, 69);
    }

    #[test]
    fn a_figure_that_no_longer_holds_falls_short_under_the_name_of_its_mode() {
        let mut b = board();
        b.mode = Mode::EndToEnd;
        let at = b.cases.iter().position(|c| c.case == "t_clamp").unwrap();
        b.cases[at].counters = crate::score::Tally { exact: 56, compared: 57 };
        let mut f = Floors::default();
        f.raise(&b);
        assert_eq!(f.get(Mode::EndToEnd, "6.1", "t_clamp").unwrap().counters, 0, "not all hold");
        b.cases[at].counters.compared = 56;
        f.raise(&b);
        b.cases[at].counters.exact = 55;
        b.cases[at].steps.exact = 40;
        let short = f.shortfalls(&b, true);
        assert_eq!(
            short[0].to_string(),
            "end-to-end 6.1 t_clamp: below the committed floor: tx 40 instead of 41, figures 55 instead of 56"
        );
    }

    #[test]
    fn a_case_that_is_not_scored_falls_short_of_a_complete_board_only() {
        let mut b = board();
        let mut f = Floors::default();
        f.raise(&b);
        b.cases.pop();
        assert_eq!(f.shortfalls(&b, true).len(), 1);
        assert_eq!(f.shortfalls(&b, false), []);
    }

    #[test]
    fn the_file_survives_and_is_in_order_of_version() {
        let mut f = Floors::default();
        f.raise(&board());
        let text = f.render();
        assert_eq!(text.lines().nth(1), Some("replay,5.10,a_overrun,0,0,0,0"));
        assert_eq!(Floors::parse(&text, "floors.csv").unwrap(), f);
    }

    #[test]
    fn mistakes_name_the_line() {
        let message = |text: &str| Floors::parse(text, "floors.csv").unwrap_err().to_string();
        assert_eq!(
            message("mode,kernel,case,rows,acks,steps,counters\nreplay,6.1,a,x,0,0,0\n"),
            "floors.csv, line 2: \"x\" is not a count"
        );
        assert!(message("a,b\n").starts_with("floors.csv, line 1: the header should be"));
    }
}
