//! Further passes of recorded cases: how far the kernel itself repeats the state of its sender.
//!
//! The recorder compares its passes in what they send and receive, and keeps the sender's state (`cwnd`, `snd_ssthresh`,
//! `packets_out`, `ca_state`) of the first pass alone. Whether the kernel repeats that is known only from passes that were
//! recorded beside them. Of these a file is kept: `kernel,case,passes,first_tx`, with the number of such passes, and the first
//! packet of the client, from 1, at which the state of one of them is not that of the recording; empty if there is none.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{CaseId, Recording};

/// The file's name in a folder of recordings.
pub const FILE: &str = "further-passes.csv";

const HEADER: &str = "kernel,case,passes,first_tx";

/// What further passes of one case say of the sender's state.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct FurtherPasses {
    /// How many there are.
    pub passes: u32,
    /// The first packet of the client, from 1, at which one of them has another state; `None` if none does.
    pub first_tx: Option<u64>,
}

impl FurtherPasses {
    /// What `others`, passes of the same case, say of `rec`.
    pub fn of<'a>(rec: &Recording, others: impl IntoIterator<Item = &'a Recording>) -> Self {
        let mut out = Self::default();
        for other in others {
            let state = |r: &Recording| -> Vec<_> {
                r.tx.iter().map(|t| (t.cwnd, t.snd_ssthresh, t.packets_out, t.ca_state)).collect()
            };
            let differs = state(rec).iter().zip(state(other)).position(|(a, b)| *a != b);
            let first = differs.map(|at| at as u64 + 1);
            out.passes += 1;
            out.first_tx = out.first_tx.into_iter().chain(first).min();
        }
        out
    }
}

/// The further passes of a folder of recordings.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Further {
    cases: BTreeMap<(String, String), FurtherPasses>,
}

impl Further {
    /// Those of `id`, if there are any.
    pub fn get(&self, id: &CaseId) -> Option<FurtherPasses> {
        self.cases.get(&(id.kernel.clone(), id.case.clone())).copied()
    }

    /// Adds those of `id`.
    pub fn insert(&mut self, id: &CaseId, passes: FurtherPasses) {
        self.cases.insert((id.kernel.clone(), id.case.clone()), passes);
    }

    /// Parses the text of a file.
    ///
    /// # Errors
    /// The number of the first line that is not as it should be, from 1, and what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, (usize, String)> {
        let mut out = Self::default();
        for (n, line) in text.lines().enumerate() {
            let fail = |message: String| Err((n + 1, message));
            if n == 0 {
                if line != HEADER {
                    return fail(format!("the header should be {HEADER:?}"));
                }
                continue;
            }
            let cells: Vec<&str> = line.split(',').collect();
            let [kernel, case, passes, first_tx] = cells[..] else {
                return fail(format!("4 cells are expected, not {}", cells.len()));
            };
            let Ok(passes) = passes.parse() else {
                return fail(format!("{passes:?} is not a number of passes"));
            };
            let first_tx = match first_tx {
                "" => None,
                number => match number.parse() {
                    Ok(first @ 1..) => Some(first),
                    _ => return fail(format!("{number:?} is not the number of a packet")),
                },
            };
            let id = (kernel.to_owned(), case.to_owned());
            if out.cases.insert(id, FurtherPasses { passes, first_tx }).is_some() {
                return fail(format!("{kernel} {case} stands here a second time"));
            }
        }
        Ok(out)
    }

    /// The text of the file.
    pub fn render(&self) -> String {
        let mut out = format!("{HEADER}\n");
        for ((kernel, case), FurtherPasses { passes, first_tx }) in &self.cases {
            let first_tx = first_tx.map_or_else(String::new, |n| n.to_string());
            let _ = writeln!(out, "{kernel},{case},{passes},{first_tx}");
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::TxRow;

    fn sent(out: &[u32]) -> Recording {
        let tx = out.iter().map(|&packets_out| TxRow { packets_out, ..TxRow::default() }).collect();
        Recording { tx, ..Recording::default() }
    }

    #[test]
    fn the_earliest_difference_of_any_pass_counts() {
        let rec = sent(&[1, 2, 3, 4]);
        let [same, late, early] = [sent(&[1, 2, 3]), sent(&[1, 2, 3, 5]), sent(&[1, 7])];
        assert_eq!(FurtherPasses::of(&rec, [&same]), FurtherPasses { passes: 1, first_tx: None });
        assert_eq!(FurtherPasses::of(&rec, [&same, &late]), FurtherPasses { passes: 2, first_tx: Some(4) });
        assert_eq!(FurtherPasses::of(&rec, [&late, &early]), FurtherPasses { passes: 2, first_tx: Some(2) });
    }

    #[test]
    fn what_is_written_is_read_back_and_what_is_wrong_is_named_with_its_line() {
        let mut further = Further::default();
        let id = |case: &str| CaseId { kernel: "6.1".into(), case: case.into() };
        further.insert(&id("a"), FurtherPasses { passes: 7, first_tx: None });
        further.insert(&id("b"), FurtherPasses { passes: 7, first_tx: Some(97) });
        assert_eq!(Further::parse(&further.render()), Ok(further.clone()));
        assert_eq!(further.get(&id("b")).and_then(|p| p.first_tx), Some(97));
        assert_eq!(further.get(&id("c")), None);
        let line = |line: &str| Further::parse(&format!("{HEADER}\n{line}\n")).unwrap_err();
        assert_eq!(line("6.1,a,7"), (2, "4 cells are expected, not 3".to_owned()));
        assert_eq!(line("6.1,a,many,1"), (2, "\"many\" is not a number of passes".to_owned()));
        assert_eq!(line("6.1,a,7,0"), (2, "\"0\" is not the number of a packet".to_owned()));
        assert_eq!(line("6.1,a,7,1\n6.1,a,7,1"), (3, "6.1 a stands here a second time".to_owned()));
        assert_eq!(Further::parse("x\n").unwrap_err().0, 1);
    }
}
