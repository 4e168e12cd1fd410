//! The scoreboard: how much of every recording the model reproduces exactly.
//!
//! A [`CaseScore`] counts, per kind of line, how many lines were compared and how many were equal in every
//! compared column, and keeps the first difference. A [`Scoreboard`] gathers them; [`table`] prints it,
//! [`picture`] draws it, [`floors`] holds it to what was reached before.

pub mod floors;
pub mod picture;
pub mod table;

use serde::{Deserialize, Serialize};
use std::fmt;

use crate::compare::Difference;
use crate::recording::{CaseId, EventRef, LineKind, Recording, describe};

/// How the model was driven.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// The recorded arrivals and application calls go into the receiver alone.
    Replay,
    /// Only the configuration goes in.
    EndToEnd,
}

impl Mode {
    /// The name on the command line and in the floors file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Replay => "replay",
            Self::EndToEnd => "end-to-end",
        }
    }

    /// The mode called `name`.
    pub fn by_name(name: &str) -> Option<Self> {
        [Self::Replay, Self::EndToEnd].into_iter().find(|m| m.name() == name)
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Lines compared, and how many of them were exact.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug, Serialize, Deserialize)]
pub struct Tally {
    /// Lines in which every compared column was equal.
    pub exact: u64,
    /// Lines compared; exempted lines and lines the model never reached are among them.
    pub compared: u64,
}

impl Tally {
    /// Counts a line.
    pub const fn add(&mut self, exact: bool) {
        self.compared += 1;
        self.exact += exact as u64;
    }

    /// Whether every line was exact.
    pub const fn is_full(&self) -> bool {
        self.exact == self.compared
    }

    /// The sum of both.
    #[must_use]
    pub const fn plus(self, o: Self) -> Self {
        Self { exact: self.exact + o.exact, compared: self.compared + o.compared }
    }

    /// Exact lines in tenths of a percent, rounded down, so that 1000 means all of them; `None` if nothing was
    /// compared.
    pub fn permille(&self) -> Option<u64> {
        let share = (u128::from(self.exact) * 1000).checked_div(u128::from(self.compared))?;
        u64::try_from(share).ok()
    }
}

/// A column that differs, ready to print.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ColumnDifference {
    /// The column.
    pub column: String,
    /// What was recorded; `None` is a blank.
    pub recorded: Option<i64>,
    /// What the model gives.
    pub model: Option<i64>,
}

impl From<Difference> for ColumnDifference {
    fn from(d: Difference) -> Self {
        Self { column: d.column.to_owned(), recorded: d.recorded, model: d.model }
    }
}

/// A line in which the model differs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LineDifference {
    /// Which file.
    pub file: LineKind,
    /// Which line: `idx` of a row, `step` of a step, `ev` of any other line.
    pub line: u64,
    /// When, ns.
    pub time_ns: u64,
    /// Every column that differs, in the order of the comparison.
    pub columns: Vec<ColumnDifference>,
    /// The lines of all files before it and the line itself, as text, the oldest first; see
    /// [`CaseScore::add_context`].
    pub before: Vec<String>,
}

impl LineDifference {
    /// The difference of a line, without the lines before it.
    pub fn of(file: LineKind, line: u64, time_ns: u64, differences: Vec<Difference>) -> Self {
        let columns = differences.into_iter().map(Into::into).collect();
        Self { file, line, time_ns, columns, before: Vec::new() }
    }

    /// What a person calls the line.
    pub const fn key(&self) -> &'static str {
        match self.file {
            LineKind::Row => "row",
            LineKind::Step => "step",
            LineKind::Ack => "ack ev",
            LineKind::App => "app ev",
            LineKind::Merge => "merge ev",
            LineKind::Tx => "tx ev",
        }
    }
}

impl fmt::Display for LineDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({} ns)", self.key(), self.line, self.time_ns)?;
        let show = |v: Option<i64>| v.map_or_else(|| "blank".to_owned(), |v| v.to_string());
        for (i, c) in self.columns.iter().enumerate() {
            let lead = if i == 0 { ": " } else { ", " };
            write!(f, "{lead}{} model {} recorded {}", c.column, show(c.model), show(c.recorded))?;
        }
        Ok(())
    }
}

/// One case on one kernel.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct CaseScore {
    /// Name of the kernel's directory.
    pub kernel: String,
    /// Name of the case.
    pub case: String,
    /// Rows.
    pub rows: Tally,
    /// ACKs.
    pub acks: Tally,
    /// Script steps; end to end, the packets of the client.
    pub steps: Tally,
    /// Application events.
    pub app: Tally,
    /// Merges.
    pub merges: Tally,
    /// Counters (`nstat`); end to end, all figures of the whole.
    pub counters: Tally,
    /// End to end, packets of the client at which `srtt_us` is the recorded one but for what the recorder's probes take. Whether a
    /// case is exact does not depend on it.
    #[serde(default)]
    pub srtt: Tally,
    /// Of each further pass of the kernel, the figures that lie outside as the model's may; empty where there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub further_outside: Vec<u32>,
    /// Packets that the model sent and the kernel did not. A case with any is not exact.
    #[serde(default)]
    pub unexpected: u64,
    /// Inputs that the recording could not give and that were taken from its outcome (0: none).
    pub oracle_inputs: u64,
    /// Where the model first differs.
    pub first_difference: Option<LineDifference>,
    /// Why the case could not be run, if it could not; its lines still count as compared.
    pub error: Option<String>,
    /// Remarks: exemptions with their proof, envelopes that were left.
    pub notes: Vec<String>,
}

impl CaseScore {
    /// A case of which nothing was counted yet.
    pub fn new(kernel: impl Into<String>, case: impl Into<String>) -> Self {
        Self { kernel: kernel.into(), case: case.into(), ..Self::default() }
    }

    /// Keeps `difference` if it is the first one; one without a column is none.
    pub fn note(&mut self, difference: LineDifference) {
        if self.first_difference.is_none() && !difference.columns.is_empty() {
            self.first_difference = Some(difference);
        }
    }

    /// Puts the `lines` lines of `rec` that come before the first difference, and that line itself, into it as
    /// text, each with the state columns that differ.
    pub fn add_context(&mut self, rec: &Recording, lines: usize) {
        let Some(d) = &mut self.first_difference else { return };
        let events = rec.events();
        let is_it = |(ev, e): &(u64, EventRef<'_>)| match (d.file, e) {
            (LineKind::Row, EventRef::Row(r)) => u64::from(r.idx) == d.line,
            (LineKind::Step, EventRef::Step(s)) => u64::try_from(s.step) == Ok(d.line),
            (LineKind::Ack, EventRef::Ack(_))
            | (LineKind::App, EventRef::App(_))
            | (LineKind::Merge, EventRef::Merge(_))
            | (LineKind::Tx, EventRef::Tx(_)) => *ev == d.line,
            _ => false,
        };
        // A packet the kernel never sent has no line: what comes before its moment is shown.
        let end = events
            .iter()
            .position(is_it)
            .or_else(|| events.iter().rposition(|(ev, _)| *ev <= d.line))
            .map_or(0, |at| at + 1);
        let columns: Vec<&str> = d.columns.iter().map(|c| c.column.as_str()).collect();
        let from = end.saturating_sub(lines + 1);
        d.before = events[from..end].iter().map(|(_, e)| describe(*e, &columns)).collect();
    }

    /// The tally of a kind of line; `None` for the client's packets, which are an input.
    pub fn tally_mut(&mut self, kind: LineKind) -> Option<&mut Tally> {
        match kind {
            LineKind::Row => Some(&mut self.rows),
            LineKind::Ack => Some(&mut self.acks),
            LineKind::Step => Some(&mut self.steps),
            LineKind::App => Some(&mut self.app),
            LineKind::Merge => Some(&mut self.merges),
            LineKind::Tx => None,
        }
    }

    /// All lines together: rows, ACKs, and steps or packets of the client. Figures of the whole are no lines.
    pub fn lines(&self) -> Tally {
        self.rows.plus(self.acks).plus(self.steps)
    }

    /// Whether every line was exact, nothing was sent beyond them, and the case ran. End to end, lines are compared up
    /// to the kernel's own first divergence only: what comes after is judged by [`CaseScore::figures_hold`].
    pub fn is_exact(&self) -> bool {
        self.error.is_none() && self.unexpected == 0 && self.lines().is_full()
    }

    /// Whether every counter is the recorded one, or, end to end, every figure of the whole lies within what the
    /// passes of the kernel gave.
    pub fn figures_hold(&self) -> bool {
        self.error.is_none() && self.counters.is_full()
    }

    /// Kernel and case.
    pub fn id(&self) -> CaseId {
        CaseId { kernel: self.kernel.clone(), case: self.case.clone() }
    }
}

/// Every case of a mode.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Scoreboard {
    /// How the model was driven.
    pub mode: Mode,
    /// The cases, kernels by version, cases by name.
    pub cases: Vec<CaseScore>,
}

/// Sums over cases.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Totals {
    /// Cases of which every line is exact.
    pub cases: Tally,
    /// Cases of which every figure holds.
    #[serde(default)]
    pub figures_hold: Tally,
    /// Rows.
    pub rows: Tally,
    /// ACKs.
    pub acks: Tally,
    /// Script steps.
    pub steps: Tally,
    /// Application events.
    pub app: Tally,
    /// Merges.
    pub merges: Tally,
    /// Counters (`nstat`).
    pub counters: Tally,
    /// Packets at which `srtt_us` is the recorded one but for what probes take.
    #[serde(default)]
    pub srtt: Tally,
    /// Packets that the model sent and the kernels did not.
    #[serde(default)]
    pub unexpected: u64,
}

impl Totals {
    /// The sums over `cases`.
    pub fn of<'a>(cases: impl IntoIterator<Item = &'a CaseScore>) -> Self {
        let mut t = Self::default();
        for c in cases {
            t.cases.add(c.is_exact());
            t.figures_hold.add(c.figures_hold());
            t.rows = t.rows.plus(c.rows);
            t.acks = t.acks.plus(c.acks);
            t.steps = t.steps.plus(c.steps);
            t.app = t.app.plus(c.app);
            t.merges = t.merges.plus(c.merges);
            t.counters = t.counters.plus(c.counters);
            t.srtt = t.srtt.plus(c.srtt);
            t.unexpected += c.unexpected;
        }
        t
    }
}

impl Scoreboard {
    /// What the kernels themselves reach: of each further pass of all cases, as if it were the model's run, the cases with all
    /// figures within what the passes gave, and the figures within. Empty if there are cases without.
    pub fn kernels_own(&self) -> Vec<(u64, u64)> {
        let passes = self.cases.iter().map(|c| c.further_outside.len()).min().unwrap_or(0);
        let of = |pass: usize| {
            let each = || self.cases.iter().map(move |c| (c, u64::from(c.further_outside[pass])));
            let cases = each().filter(|(_, outside)| *outside == 0).count() as u64;
            (cases, each().map(|(c, outside)| c.counters.compared.saturating_sub(outside)).sum())
        };
        (0..passes).map(of).collect()
    }

    /// A board of `cases`, put in order whatever order they were scored in.
    pub fn new(mode: Mode, mut cases: Vec<CaseScore>) -> Self {
        cases.sort_by(|a, b| a.id().key().cmp(&b.id().key()));
        Self { mode, cases }
    }

    /// The kernels, by version.
    pub fn kernels(&self) -> Vec<&str> {
        let mut out: Vec<&str> = self.cases.iter().map(|c| c.kernel.as_str()).collect();
        out.dedup();
        out
    }

    /// The names of all cases, sorted.
    pub fn case_names(&self) -> Vec<&str> {
        let mut out: Vec<&str> = self.cases.iter().map(|c| c.case.as_str()).collect();
        out.sort_unstable();
        out.dedup();
        out
    }

    /// The score of a case on a kernel.
    pub fn get(&self, kernel: &str, case: &str) -> Option<&CaseScore> {
        self.cases.iter().find(|c| c.kernel == kernel && c.case == case)
    }

    /// The sums over all cases.
    pub fn totals(&self) -> Totals {
        Totals::of(&self.cases)
    }

    /// The board as JSON: mode, totals, cases.
    ///
    /// # Errors
    /// None in practice; the type is that of the serializer.
    pub fn to_json(&self) -> serde_json::Result<String> {
        #[derive(Serialize)]
        struct Report<'a> {
            mode: Mode,
            totals: Totals,
            cases: &'a [CaseScore],
        }
        serde_json::to_string_pretty(&Report { mode: self.mode, totals: self.totals(), cases: &self.cases })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn board() -> Scoreboard {
        let tally = |exact, compared| Tally { exact, compared };
        let mut a = CaseScore::new("6.1", "a_overrun");
        (a.rows, a.acks) = (tally(69, 69), tally(18, 18));
        let mut t = CaseScore::new("6.1", "t_clamp");
        (t.rows, t.acks, t.steps) = (tally(40, 42), tally(30, 30), tally(41, 42));
        let win = Difference { column: "win", recorded: Some(5), model: Some(6) };
        t.note(LineDifference::of(LineKind::Row, 12, 5_000, vec![win]));
        t.note(LineDifference::of(LineKind::Ack, 99, 6_000, vec![win]));
        let mut old = CaseScore::new("5.10", "a_overrun");
        old.rows = tally(0, 69);
        old.error = Some("the model refused the configuration".into());
        Scoreboard::new(Mode::Replay, vec![a, t, old])
    }

    #[test]
    fn kernels_are_in_order_of_version_and_the_totals_add_up() {
        let b = board();
        assert_eq!(b.kernels(), ["5.10", "6.1"]);
        let t = b.totals();
        assert_eq!((t.rows, t.cases), (Tally { exact: 109, compared: 180 }, Tally { exact: 1, compared: 3 }));
    }

    #[test]
    fn almost_all_is_not_all() {
        assert_eq!(Tally { exact: 99_999, compared: 100_000 }.permille(), Some(999));
        assert_eq!(Tally { exact: 5, compared: 5 }.permille(), Some(1000));
        assert_eq!(Tally::default().permille(), None);
    }

    #[test]
    fn a_board_survives_json_and_the_report_has_totals() {
        let b = board();
        let report: serde_json::Value = serde_json::from_str(&b.to_json().unwrap()).unwrap();
        assert_eq!(report["totals"]["rows"]["exact"], 109);
        let again: Scoreboard = serde_json::from_value(report).unwrap();
        assert_eq!(again, b);
    }

    #[test]
    fn the_first_difference_stays_and_gets_the_lines_before_it() {
        use crate::recording::{AckRow, RecordedState, Row};
        let state = |win| RecordedState { win: Some(win), ..RecordedState::default() };
        let rec = Recording {
            rows: (1..=4)
                .map(|i| Row { idx: i, ev: 10 * u64::from(i), state: state(i), ..Row::default() })
                .collect(),
            acks: vec![AckRow { ev: 25, ..AckRow::default() }],
            ..Recording::default()
        };
        let mut c = CaseScore::new("6.1", "x");
        c.note(LineDifference::of(LineKind::Row, 2, 0, Vec::new()));
        assert_eq!(c.first_difference, None);
        c.note(LineDifference::of(
            LineKind::Row,
            3,
            0,
            vec![Difference { column: "win", recorded: Some(3), model: None }],
        ));
        c.add_context(&rec, 2);
        let before = &c.first_difference.as_ref().unwrap().before;
        assert_eq!(before.len(), 3);
        assert!(before[1].starts_with("ack ev=25"), "{before:?}");
        assert!(before[2].starts_with("row idx=3") && before[2].ends_with("win=3"), "{before:?}");
    }

    #[test]
    fn a_packet_too_many_makes_a_case_inexact() {
        let mut c = CaseScore::new("6.1", "x");
        c.acks.add(true);
        assert!(c.is_exact());
        c.unexpected = 1;
        assert!(!c.is_exact());
    }
}
