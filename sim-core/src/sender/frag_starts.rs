//! Where the payload of a send queue begins new page fragments.
//!
//! Fragments are used up to their end, or nearly, so that one begins [`PAGE_FRAG`] bytes after the other as far as the
//! queue reaches. Such a sequence is kept as its first number and how many there are, and what is asked of it is arithmetic.

use std::collections::VecDeque;

use super::write_queue::PAGE_FRAG;
use crate::seq::Seq;

/// Where a fragment begins that lies `fragments` behind the one at `seq`.
fn behind(seq: Seq, fragments: u32) -> Seq {
    Seq(seq.0 + i64::from(fragments) * i64::from(PAGE_FRAG))
}

/// Fragments that begin at equal distances.
#[derive(Clone, Copy, Debug)]
struct Run {
    first: Seq,
    count: u32,
}

impl Run {
    /// Where the next one would begin.
    fn next(&self) -> Seq {
        behind(self.first, self.count)
    }

    /// How many of them begin at `seq` or before.
    fn up_to(&self, seq: Seq) -> u32 {
        let past = seq - self.first;
        if past < 0 {
            0
        } else {
            (past as u64 / u64::from(PAGE_FRAG)).min(u64::from(self.count - 1)) as u32 + 1
        }
    }
}

/// Sequence numbers at which page fragments begin, in order.
#[derive(Clone, Default, Debug)]
pub(super) struct FragStarts {
    runs: VecDeque<Run>,
}

impl FragStarts {
    /// Takes over the memory of older ones, which are lost.
    pub(super) fn take_memory(&mut self, old: &mut Self) {
        std::mem::swap(&mut self.runs, &mut old.runs);
        self.runs.clear();
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.runs.clear();
    }

    /// `count` fragments, the first of them at `seq`, are begun and, but for the last, used up.
    pub(super) fn begin(&mut self, seq: Seq, count: u32) {
        match self.runs.back_mut() {
            Some(last) if last.next() == seq => last.count += count,
            _ if count > 0 => self.runs.push_back(Run { first: seq, count }),
            _ => {}
        }
    }

    /// Where the last one begins.
    pub(super) fn last(&self) -> Option<Seq> {
        self.runs.back().map(|run| behind(run.first, run.count - 1))
    }

    /// How many begin after `after` and before `before`.
    pub(super) fn between(&self, after: Seq, before: Seq) -> u32 {
        if before <= after {
            return 0;
        }
        let last = Seq(before.0 - 1);
        match self.runs.back() {
            None => 0,
            Some(run) if run.first <= after || self.runs.len() == 1 => run.up_to(last) - run.up_to(after),
            _ => {
                let from = self.runs.partition_point(|r| r.next() <= after);
                let runs = self.runs.range(from..).take_while(|r| r.first <= last);
                runs.map(|r| r.up_to(last) - r.up_to(after)).sum()
            }
        }
    }

    /// The first ones that begin after `seq`.
    pub(super) fn after(&self, seq: Seq) -> impl Iterator<Item = Seq> {
        let from = if self.runs.len() > 1 { self.runs.partition_point(|r| r.next() <= seq) } else { 0 };
        self.runs.range(from..).flat_map(move |r| (r.up_to(seq)..r.count).map(|i| behind(r.first, i)))
    }

    /// Whether none begins after `seq` and before `end`, as far as the last run says; `false` where others have to be asked.
    #[inline]
    pub(super) fn none_within(&self, seq: Seq, end: Seq) -> bool {
        self.runs.back().is_some_and(|run| {
            let begun = run.up_to(seq);
            begun > 0 && (begun == run.count || end <= behind(run.first, begun))
        })
    }

    /// Nothing before `una` is needed any more; the fragment that holds the byte at `una` still is.
    pub(super) fn forget_before(&mut self, una: Seq) {
        while self.runs.get(1).is_some_and(|next| next.first <= una) {
            self.runs.pop_front();
        }
        if let Some(run) = self.runs.front_mut() {
            let over = run.up_to(una).saturating_sub(1);
            run.first = behind(run.first, over);
            run.count -= over;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same as a list.
    fn list(of: &FragStarts) -> Vec<i64> {
        of.after(Seq(-1)).map(|s| s.0).collect()
    }

    #[test]
    fn whatever_is_asked_is_what_a_list_says() {
        let frag = i64::from(PAGE_FRAG);
        let mut starts = FragStarts::default();
        let mut all = Vec::new();
        // Now and then the last bytes of a fragment are given up.
        let mut at = 1;
        for i in 0..40 {
            starts.begin(Seq(at), 1);
            all.push(at);
            at += frag - if i % 7 == 3 { 5 } else { 0 };
        }
        starts.begin(Seq(at), 9);
        all.extend((0..9).map(|i| at + i * frag));
        assert_eq!(list(&starts), all);
        assert!(starts.runs.len() < 10);
        let numbers: Vec<i64> = all.iter().flat_map(|&s| [s - 1, s, s + 1, s + 11_111]).collect();
        for &a in &numbers {
            assert!(starts.after(Seq(a)).map(|s| s.0).eq(all.iter().copied().filter(|&s| s > a)));
            for &b in &numbers {
                let within = all.iter().filter(|&&s| a < s && s < b).count();
                assert_eq!(starts.between(Seq(a), Seq(b)), within as u32, "{a} {b}");
                let asked = starts.runs.back().is_some_and(|run| a >= run.first.0);
                assert_eq!(starts.none_within(Seq(a), Seq(b)), asked && within == 0, "{a} {b}");
            }
        }
        for &una in &numbers {
            starts.forget_before(Seq(una));
            while all.get(1).is_some_and(|&s| s <= una) {
                all.remove(0);
            }
            assert_eq!(list(&starts), all, "{una}");
        }
        starts.begin(Seq(at + 9 * frag), 2);
        assert_eq!(list(&starts).len(), all.len() + 2);
    }
}
