//! Further passes of recorded cases: how far the kernel itself repeats the state of its sender.
//!
//! The recorder compares its passes in what they send and receive, and keeps the sender's state (`cwnd`, `snd_ssthresh`,
//! `packets_out`, `ca_state`) of the first pass alone. Whether the kernel repeats that is known only from passes that were
//! recorded beside them. Of these a file is kept: `kernel,case,first_tx,figures_outside`, with the first packet of the client, from
//! 1, at which the state of one of them is not that of the recording (empty if there is none), and for each of them how many of its
//! figures lie outside what the passes of the recording gave: what the kernel itself reaches by the measure that the model is held to.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{CaseId, Recording};

/// The file's name in a folder of recordings.
pub const FILE: &str = "further-passes.csv";

const HEADER: &str = "kernel,case,first_tx,figures_outside";

/// What further passes of one case say.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct FurtherPasses {
    /// The first packet of the client, from 1, at which one of them has another state; `None` if none does.
    pub first_tx: Option<u64>,
    /// For each of them, how many figures lie outside what the passes of the recording gave.
    pub figures_outside: Vec<u32>,
}

impl FurtherPasses {
    /// Adds `other`, a pass of the same case as `rec`, of which `figures_outside` lie outside.
    pub fn add(&mut self, rec: &Recording, other: &Recording, figures_outside: u32) {
        let state = |r: &Recording| -> Vec<_> {
            r.tx.iter().map(|t| (t.cwnd, t.snd_ssthresh, t.packets_out, t.ca_state)).collect()
        };
        let differs = state(rec).iter().zip(state(other)).position(|(a, b)| *a != b);
        let first = differs.map(|at| at as u64 + 1);
        self.first_tx = self.first_tx.into_iter().chain(first).min();
        self.figures_outside.push(figures_outside);
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
        self.cases.get(&(id.kernel.clone(), id.case.clone())).cloned()
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
            let [kernel, case, first_tx, outside] = cells[..] else {
                return fail(format!("4 cells are expected, not {}", cells.len()));
            };
            let Ok(figures_outside) = outside.split(' ').map(str::parse).collect() else {
                return fail(format!("{outside:?} is not a list of numbers"));
            };
            let first_tx = match first_tx {
                "" => None,
                number => match number.parse() {
                    Ok(first @ 1..) => Some(first),
                    _ => return fail(format!("{number:?} is not the number of a packet")),
                },
            };
            let id = (kernel.to_owned(), case.to_owned());
            if out.cases.insert(id, FurtherPasses { first_tx, figures_outside }).is_some() {
                return fail(format!("{kernel} {case} stands here a second time"));
            }
        }
        Ok(out)
    }

    /// The text of the file.
    pub fn render(&self) -> String {
        let mut out = format!("{HEADER}\n");
        for ((kernel, case), FurtherPasses { first_tx, figures_outside }) in &self.cases {
            let first_tx = first_tx.map_or_else(String::new, |n| n.to_string());
            let outside: Vec<_> = figures_outside.iter().map(u32::to_string).collect();
            let _ = writeln!(out, "{kernel},{case},{first_tx},{}", outside.join(" "));
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
        let first = |others: &[&Recording]| {
            let mut further = FurtherPasses::default();
            others.iter().for_each(|other| further.add(&rec, other, 3));
            assert_eq!(further.figures_outside, vec![3; others.len()]);
            further.first_tx
        };
        assert_eq!(first(&[&same]), None);
        assert_eq!(first(&[&same, &late]), Some(4));
        assert_eq!(first(&[&late, &early]), Some(2));
    }

    #[test]
    fn what_is_written_is_read_back_and_what_is_wrong_is_named_with_its_line() {
        let mut further = Further::default();
        let id = |case: &str| CaseId { kernel: "6.1".into(), case: case.into() };
        further.insert(&id("a"), FurtherPasses { first_tx: None, figures_outside: vec![0, 14] });
        further.insert(&id("b"), FurtherPasses { first_tx: Some(97), figures_outside: vec![1] });
        assert_eq!(Further::parse(&further.render()), Ok(further.clone()));
        assert_eq!(further.get(&id("b")).and_then(|p| p.first_tx), Some(97));
        assert_eq!(further.get(&id("c")), None);
        let line = |line: &str| Further::parse(&format!("{HEADER}\n{line}\n")).unwrap_err();
        assert_eq!(line("6.1,a,7"), (2, "4 cells are expected, not 3".to_owned()));
        assert_eq!(line("6.1,a,1,0 many"), (2, "\"0 many\" is not a list of numbers".to_owned()));
        assert_eq!(line("6.1,a,0,7"), (2, "\"0\" is not the number of a packet".to_owned()));
        assert_eq!(line("6.1,a,7,1\n6.1,a,7,1"), (3, "6.1 a stands here a second time".to_owned()));
        assert_eq!(Further::parse("x\n").unwrap_err().0, 1);
    }
}
