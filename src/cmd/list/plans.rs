//! `skmem list plans`: the plans of sweeps that come with the program.

use sweeps::plans;

use crate::failure::Failure;
use crate::{plan_input, terminal};

/// The plans with their rows and the answer they give, in a table.
pub(super) fn text() -> Result<String, Failure> {
    let mut table = terminal::table(&["plan", "rows", "for", "what it asks"]);
    for (name, _) in plans() {
        let plan = plan_input::plan(name)?.plan;
        let rows = plan.points().count() as u64 * u64::from(plan.repeat);
        let commands = if plan.tune.is_some() { "tune, sweep" } else { "sweep" };
        // The first sentence of `about`.
        let about = plan.about.replace('\n', " ");
        let first = about.split_once(". ").map_or(about.trim(), |(first, _)| first).trim_end_matches('.');
        table.add_row([*name, &rows.to_string(), commands, first]);
    }
    Ok(terminal::table_text(&table))
}
