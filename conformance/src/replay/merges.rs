//! Attempts to merge, compared one by one in their order.

use sim_core::skb::SkbLayout;

use super::drive::Drive;
use super::watch::Attempt;
use crate::compare::Difference;
use crate::recording::{KernelVersion, LineKind, MergeRow, MergeWhy};
use crate::score::LineDifference;

/// On 5.10 the probe sits behind the test for adjacency.
const SEES_GAPS: KernelVersion = KernelVersion::new(6, 1);

impl Drive<'_> {
    /// A recorded attempt to merge must be the next one of the model.
    pub(super) fn merge(&mut self, m: &MergeRow) {
        let sees_gaps = self.version >= SEES_GAPS;
        let next = loop {
            match self.m.watch.merges.pop_front() {
                Some(a) if !sees_gaps && a.refused == Some(MergeWhy::Gap) => {}
                other => break other,
            }
        };
        let differences = match next {
            None => vec![Difference { column: "(merge)", recorded: Some(1), model: None }],
            Some(a) => differences(m, &a),
        };
        self.score.merges.add(differences.is_empty());
        self.score.note(LineDifference::of(LineKind::Merge, m.ev, m.time_ns, differences));
    }
}

fn differences(m: &MergeRow, a: &Attempt) -> Vec<Difference> {
    let mut out = Vec::new();
    let mut check = |column, recorded: i64, model: i64| {
        if recorded != model {
            out.push(Difference { column, recorded: Some(recorded), model: Some(model) });
        }
    };
    check("queue", m.queue as i64, a.queue as i64);
    check("from_seq", i64::from(m.from_seq as u32), i64::from(a.seq.wire()));
    check("ret", i64::from(m.ret), i64::from(a.refused.is_none()));
    if let (Some(why), Some(model)) = (m.why, a.refused)
        && !matches!(why, MergeWhy::FragsUnknown | MergeWhy::Unexplained)
    {
        check("why", why as i64, as_recorder_says(m, model) as i64);
    }
    if m.ret && m.delta == Some(price(m)) {
        check("delta", price(m), i64::from(a.delta));
    }
    out
}

/// The recorder cannot see why the kernel refused: it names the first obstacle of its own list, on which sharing comes
/// last; the kernel asks for sharing first.
fn as_recorder_says(m: &MergeRow, model: MergeWhy) -> MergeWhy {
    let linear = m.from_len > m.from_data_len;
    match (model, m.to_frags, m.from_frags) {
        (MergeWhy::Shared | MergeWhy::Frags, ..) if linear && !m.from_head_frag => MergeWhy::Head,
        (MergeWhy::Shared, Some(to), Some(from))
            if to + from + u32::from(linear) > u32::from(SkbLayout::default().max_frags()) =>
        {
            MergeWhy::Frags
        }
        _ => model,
    }
}

/// What a merge costs by the rule that the recorder states. Its own reading of the older skb may come after a collapse
/// has replaced that skb; such a reading says nothing about the merge.
fn price(m: &MergeRow) -> i64 {
    let truesize = i64::from(m.from_truesize);
    if m.from_len <= m.to_tailroom {
        0
    } else if m.from_len > m.from_data_len {
        truesize - i64::from(SkbLayout::default().sk_buff())
    } else {
        truesize - i64::from(SkbLayout::default().truesize(m.from_head_size))
    }
}
