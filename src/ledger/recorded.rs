//! A claim and the recorded kernels: the same assertions, with numbers that no model made.

use std::collections::BTreeMap;

use conformance::recording::Recording;
use results::{TraceTable, cells};
use scenarios::claims::{Asked, Claim, Judged};

use crate::failure::Failure;
use crate::recorded;

/// What the recordings of a claim's case say.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Witness {
    /// The kernels whose recordings were asked.
    pub(crate) kernels: Vec<String>,
    /// Assertions that were held against each, added up.
    pub(crate) asked: usize,
    /// What they contradict, with the kernel.
    pub(crate) against: Vec<(String, Judged)>,
}

impl Witness {
    /// Asks the recordings of the claim's case, on the kernels of the claim. `None` if it names none, or if there are no
    /// recordings here (the program can be used without its checkout).
    ///
    /// # Errors
    /// A damaged recording, or a case that nobody recorded.
    pub(crate) fn of(claim: &Claim, holds_on: &dyn Fn(&str) -> bool) -> Result<Option<Self>, Failure> {
        let Some(case) = &claim.recorded else { return Ok(None) };
        if crate::cmd::conform::directory(None).is_err() {
            return Ok(None);
        }
        let recordings = recorded::of_case(case)?;
        if recordings.is_empty() {
            let near =
                recorded::nearest_case(case).map(|n| format!("; did you mean `{n}`?")).unwrap_or_default();
            return Err(Failure::BadInput(format!(
                "{}:{}:{}: claim {}: nobody recorded `{case}`{near}",
                claim.file, claim.line, claim.column, claim.id
            )));
        }
        let mut witness = Self::default();
        for rec in recordings.iter().filter(|r| claim.kernels.contains(&r.kernel)) {
            let numbers = Numbers { rec, table: recorded::table(rec, case)? };
            let said = if holds_on(&rec.kernel) { &claim.shows } else { &claim.instead };
            for assertion in said.iter().filter(|a| a.asked().iter().all(|a| numbers.get(a).is_some())) {
                witness.asked += 1;
                let judged = assertion.judge(&|a| numbers.get(a));
                if !judged.holds {
                    witness.against.push((rec.kernel.clone(), judged));
                }
            }
            witness.kernels.push(rec.kernel.clone());
        }
        Ok(Some(witness))
    }
}

/// The numbers of a recording under the names of metrics.
struct Numbers<'a> {
    rec: &'a Recording,
    table: TraceTable,
}

impl Numbers<'_> {
    /// `None` for what a recording does not tell.
    fn get(&self, asked: &Asked) -> Option<i64> {
        let name = asked.metric.as_str();
        if cells::is_cell(name) {
            return self.cell(name);
        }
        let (group, of) = name.split_once('.')?;
        match group {
            "final" => self.table.int(self.table.len().checked_sub(1)?, of),
            "peak" => {
                // The recorder followed these through every event; rows see the state on arrivals only.
                let recorded = BTreeMap::from([
                    ("recv_q", "recvq"),
                    ("skmem_r", "rmem"),
                    ("skmem_rb", "rcvbuf"),
                    ("rcv_win", "win"),
                    ("rcv_ssthresh", "rcv_ssthresh"),
                ]);
                self.rec.summary.max.get(*recorded.get(of)?).copied()
            }
            "counters" => {
                let short = of.strip_prefix("TcpExt").unwrap_or(of);
                // A counter that was not recorded never moved, if the kernel has it: which is not known here.
                self.rec.summary.nstat.get(short).and_then(|v| i64::try_from(*v).ok())
            }
            _ => None,
        }
    }

    /// `row(18).rcv_win`; other tables are not asked.
    fn cell(&self, name: &str) -> Option<i64> {
        let (row, column) = name.strip_prefix("row(")?.split_once(").")?;
        // What the recorder counts as dropped depends on the kernel, and includes the sender's packets.
        if column == "dropped" {
            return None;
        }
        let row = match row {
            "last" => self.table.len(),
            number => number.parse().ok()?,
        };
        self.table.int(row.checked_sub(1)?, column)
    }
}
