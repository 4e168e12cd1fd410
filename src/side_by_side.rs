//! Runs of one scenario on several kernels: a table and a chart that lay them side by side.

use plots::{ChartRow, ChartSettings, Column, SideBySide};
use results::{Summary, metric};
use scenarios::Scenario;

use crate::input::Named;
use crate::settings;
use crate::terminal;

/// What is compared, in the order of the table.
const METRICS: [&str; 16] = [
    "fitted",
    "final.recv_q",
    "final.skmem_r",
    "final.skmem_rb",
    "peak.skmem_r",
    "peak.over_budget",
    "final.rcv_win",
    "final.rcv_ssthresh",
    "bursts",
    "packets",
    "acks",
    "coalesced",
    "collapsed",
    "pruned",
    "dropped",
    "window_at_first_drop",
];

/// What a run of a family leaves for the comparison.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) kernel: String,
    pub(crate) summary: Summary,
    pub(crate) rows: Vec<ChartRow>,
}

/// Names of the scenarios with several kernels, in order, without repetition.
pub(crate) fn families(named: &[Named]) -> Vec<String> {
    let mut names: Vec<String> = named.iter().filter_map(|n| n.scenario.family.clone()).collect();
    names.dedup();
    names
}

/// The figures of all members, one column per kernel.
pub(crate) fn table(family: &str, members: &[&Member]) -> String {
    let mut head = vec![family];
    head.extend(members.iter().map(|m| m.kernel.as_str()));
    let mut table = terminal::table(&head);
    for name in METRICS {
        let value = |m: &&Member| metric(&m.summary, name).map_or_else(|| "-".to_owned(), |v| v.to_string());
        table.add_row(std::iter::once(name.to_owned()).chain(members.iter().map(value)));
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(comfy_table::CellAlignment::Right);
    }
    terminal::table_text(&table)
}

/// The chart of all members; `like` is one of their scenarios, for what they have in common.
///
/// # Errors
/// Why it could not be drawn.
pub(crate) fn chart(family: &str, like: &Scenario, members: &[&Member]) -> Result<SideBySide, String> {
    let columns: Vec<Column> = members
        .iter()
        .map(|m| Column { title: format!("kernel {}", m.kernel), rows: m.rows.clone() })
        .collect();
    // The first of the settings is the kernel.
    let settings = ChartSettings {
        title: family.to_owned(),
        settings: settings::of(like).into_iter().skip(1).collect(),
        ..ChartSettings::default()
    };
    SideBySide::from(columns, settings).map_err(|e| format!("{family}: {e}"))
}
