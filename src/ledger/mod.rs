//! The ledger of claims that comes with the program, and ledgers of the user's.

mod judge;
mod recorded;

pub(crate) use judge::{Asking, Judgement, judge};

use std::path::Path;

use results::cells;
use results::columns::Unit;
use results::metrics::{self, MetricUnit};
use scenarios::claims::{Claim, Dimension, Ledger, Surroundings, read_ledger};
use scenarios::{DEFAULT_SIZE_LIMIT, Source, load_file, nearest};

use crate::failure::Failure;
use crate::terminal;

/// File and text of every ledger, in the order in which to read them.
const FILES: &[(&str, &str)] = &[
    ("claims/published-experiment.yaml", include_str!("../../claims/published-experiment.yaml")),
    ("claims/folklore.yaml", include_str!("../../claims/folklore.yaml")),
    ("claims/selftests.yaml", include_str!("../../claims/selftests.yaml")),
    ("claims/standards.yaml", include_str!("../../claims/standards.yaml")),
    ("claims/threads.yaml", include_str!("../../claims/threads.yaml")),
];

/// Published tables that claims are held against.
const TABLES: &[(&str, &str)] = &[
    (
        "drs_50ms_before_aa251c84636c.csv",
        include_str!("../../claims/published/drs_50ms_before_aa251c84636c.csv"),
    ),
    (
        "drs_50ms_after_aa251c84636c.csv",
        include_str!("../../claims/published/drs_50ms_after_aa251c84636c.csv"),
    ),
];

/// The ledgers that come with the program.
///
/// # Errors
/// What is wrong with them; they are tested not to be.
pub(crate) fn shipped() -> Result<Vec<Ledger>, Failure> {
    let ledgers: Result<Vec<Ledger>, Failure> =
        FILES.iter().map(|(file, text)| read(&Source::new(*file, *text))).collect();
    let ledgers = ledgers?;
    unique(&ledgers)?;
    Ok(ledgers)
}

/// Reads one ledger.
///
/// # Errors
/// Everything that is wrong with it.
pub(crate) fn read(source: &Source) -> Result<Ledger, Failure> {
    let data = |name: &str| data(source, name);
    let around = Surroundings { dimension: &dimension, data: &data };
    read_ledger(source, &around).map_err(|e| Failure::Diagnosed(e.render(terminal::stderr_colored())))
}

/// A published table that a ledger names: one that comes with the program, or a file beside the ledger.
fn data(ledger: &Source, name: &str) -> Result<String, String> {
    if let Some((_, text)) = TABLES.iter().find(|(n, _)| *n == name) {
        return Ok((*text).to_owned());
    }
    let path = Path::new(ledger.name()).with_file_name(name);
    load_file(&path, DEFAULT_SIZE_LIMIT).map(|s| s.text().to_owned()).map_err(|e| e.to_string())
}

/// Refuses two claims of one name.
fn unique(ledgers: &[Ledger]) -> Result<(), Failure> {
    let mut seen: Vec<&Claim> = Vec::new();
    for claim in ledgers.iter().flat_map(|l| &l.claims) {
        if let Some(first) = seen.iter().find(|c| c.id == claim.id) {
            return Err(Failure::BadInput(format!(
                "two claims are called `{}`: {}:{} and {}:{}",
                claim.id, first.file, first.line, claim.file, claim.line
            )));
        }
        seen.push(claim);
    }
    Ok(())
}

/// What a metric of an assertion counts, or what is wrong with its name.
fn dimension(name: &str) -> Result<Dimension, String> {
    if cells::is_cell(name) {
        return cells::unit(name).map(of_column);
    }
    if let Some(m) = metrics::find(name) {
        return Ok(match m.unit {
            MetricUnit::Bytes => Dimension::Bytes,
            MetricUnit::Count => Dimension::Count,
            MetricUnit::Permille => Dimension::Other("per mille"),
            MetricUnit::Nanoseconds => Dimension::Time,
            MetricUnit::BitsPerSecond => Dimension::Rate,
        });
    }
    let near = nearest(name, metrics::names());
    let help = near.map_or_else(
        || "`skmem schema --text` lists the metrics".to_owned(),
        |near| format!("did you mean `{near}`?"),
    );
    Err(format!("`{name}` is not a metric ({help})"))
}

fn of_column(unit: Unit) -> Dimension {
    match unit {
        Unit::Bytes | Unit::Sequence => Dimension::Bytes,
        Unit::Count => Dimension::Count,
        Unit::Nanoseconds => Dimension::Time,
        other => Dimension::Other(other.name()),
    }
}
