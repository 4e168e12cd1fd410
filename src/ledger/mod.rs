//! The ledger of claims that comes with the program, and ledgers of the user's.

mod judge;

pub(crate) use judge::{Asking, Judgement, judge};

use results::cells;
use results::columns::Unit;
use results::metrics::{self, MetricUnit};
use scenarios::claims::{Claim, Dimension, Ledger, read_ledger};
use scenarios::{Source, nearest};

use crate::failure::Failure;
use crate::terminal;

/// File and text of every ledger, in the order in which to read them.
const FILES: &[(&str, &str)] =
    &[("claims/published-experiment.yaml", include_str!("../../claims/published-experiment.yaml"))];

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
    read_ledger(source, &dimension).map_err(|e| Failure::Diagnosed(e.render(terminal::stderr_colored())))
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
            MetricUnit::Count | MetricUnit::Permille => Dimension::Count,
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
