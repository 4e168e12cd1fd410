//! Merging two skbs, and condensing one (`skb_try_coalesce`, `skb_condense`).

use super::{Skb, SkbLayout};

/// Why two skbs stayed two.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MergeRefusal {
    /// They are not adjacent in sequence (`tcp_try_coalesce`).
    Gap,
    /// The older one's data is still shared with the sender's copy (`skb_cloned`).
    Shared,
    /// Together they would have more than 17 fragments.
    Frags,
    /// The newer one has payload in a head that cannot be stolen (kmalloc memory).
    Head,
    /// One of them has chained skbs (`frag_list`).
    FragList,
}

/// Merges `from` into `to` if the kernel would (`skb_try_coalesce`; the adjacency test is
/// `tcp_try_coalesce`'s). `to_shared` says whether `to` is cloned right now.
///
/// On success `to` has grown and the amount by which its truesize grew is returned: 0 if the bytes fitted in
/// its tail room, else the newer skb's truesize without its now unneeded `sk_buff` (and head, if that held no
/// payload). Only buffers are compared here; the caller updates sequence numbers and flags.
///
/// # Errors
/// Why the kernel keeps them apart; `to` is unchanged.
#[inline(always)]
pub fn try_coalesce(
    to: &mut Skb,
    from: &Skb,
    to_shared: bool,
    layout: SkbLayout,
) -> Result<u32, MergeRefusal> {
    if from.seq != to.end_seq {
        return Err(MergeRefusal::Gap);
    }
    if to_shared {
        return Err(MergeRefusal::Shared);
    }
    if from.len <= to.tailroom() {
        to.buf.tailroom -= from.len;
        to.buf.linear += from.len;
        to.len += from.len;
        return Ok(0);
    }
    if to.buf.frag_list || from.buf.frag_list {
        return Err(MergeRefusal::FragList);
    }
    let frags = to.buf.nr_frags + from.buf.nr_frags;
    let delta = if from.buf.linear > 0 {
        if frags >= layout.max_frags() {
            return Err(MergeRefusal::Frags);
        }
        if !from.buf.head_frag {
            return Err(MergeRefusal::Head);
        }
        to.buf.nr_frags = frags + 1;
        from.buf.truesize - layout.sk_buff()
    } else {
        if frags > layout.max_frags() {
            return Err(MergeRefusal::Frags);
        }
        to.buf.nr_frags = frags;
        from.buf.truesize - layout.truesize(from.buf.head_size)
    };
    to.buf.truesize += delta;
    to.len += from.len;
    Ok(delta)
}

/// How many skbs like `from`, each beginning where the one before ends, [`try_coalesce`] would merge one after the other into
/// `to`, and by how much each would make its truesize grow. None if `to` has no fragments yet; it is not shared.
#[inline]
pub(crate) fn coalesces(to: &Skb, from: &Skb, layout: SkbLayout) -> (u32, u32) {
    let (into, buf) = (&to.buf, &from.buf);
    if into.nr_frags == 0 || into.frag_list || buf.frag_list || (buf.linear > 0 && !buf.head_frag) {
        return (0, 0);
    }
    let (frags, freed) = match buf.linear {
        0 => (buf.nr_frags, layout.truesize(buf.head_size)),
        _ => (buf.nr_frags + 1, layout.sk_buff()),
    };
    let room = layout.max_frags().saturating_sub(into.nr_frags);
    (u32::from(room / frags.max(1)), buf.truesize - freed)
}

/// Merges `count` of them, as many as [`coalesces`] says or fewer.
#[inline]
pub(crate) fn coalesce_many(to: &mut Skb, from: &Skb, count: u32, delta: u32) {
    to.buf.nr_frags += count as u16 * (from.buf.nr_frags + u16::from(from.buf.linear > 0));
    to.buf.truesize += count * delta;
    to.len += count * from.len;
}

/// Pulls page fragments into the head if they fit there, and gives back what they cost (`skb_condense`).
/// `shared` says whether the data is cloned.
pub fn condense(skb: &mut Skb, shared: bool, layout: SkbLayout) {
    let in_frags = skb.data_len();
    if in_frags > 0 {
        if in_frags > skb.buf.tailroom || shared {
            return;
        }
        skb.buf.tailroom -= in_frags;
        skb.buf.linear = skb.len;
        skb.buf.nr_frags = 0;
    }
    skb.buf.truesize = layout.truesize(skb.buf.head_size);
}
