//! Merging two skbs.

use proptest::prelude::*;
use sim_core::seq::Seq;
use sim_core::skb::{Buffer, Skb, SkbLayout, condense, try_coalesce};

fn skb(seq: i64) -> impl Strategy<Value = Skb> {
    let layout = (1u32..9_000, any::<bool>(), 0u32..4_000, 0u16..18, any::<bool>(), any::<bool>());
    layout.prop_map(move |(len, linear, tailroom, frags, head_frag, frag_list)| {
        let head = if linear { len + tailroom + 104 } else { 320 };
        let fragments = if linear { 0 } else { len.next_multiple_of(256) };
        Skb {
            seq: Seq(seq),
            end_seq: Seq(seq) + len,
            len,
            buf: Buffer {
                truesize: SkbLayout::default().truesize(head) + fragments,
                head_size: head,
                linear: if linear { len } else { 0 },
                tailroom: if linear { tailroom } else { 0 },
                nr_frags: if linear { 0 } else { frags.max(1) },
                head_frag,
                frag_list,
                ..Buffer::default()
            },
            ..Skb::default()
        }
    })
}

proptest! {
    #[test]
    fn merging_keeps_every_byte_and_never_costs_more_than_both(older in skb(1), mut newer in skb(1), shared: bool, gap in 0i64..2) {
        newer.end_seq = Seq(newer.end_seq.0 + older.end_seq.0 - 1 + gap);
        newer.seq = Seq(older.end_seq.0 + gap);
        let mut to = older;
        match try_coalesce(&mut to, &newer, shared, SkbLayout::default()) {
            Ok(delta) => {
                prop_assert!(gap == 0 && !shared);
                prop_assert_eq!(to.len, older.len + newer.len);
                prop_assert_eq!(to.buf.truesize, older.buf.truesize + delta);
                prop_assert!(delta <= newer.buf.truesize);
                prop_assert!(to.buf.nr_frags <= SkbLayout::default().max_frags().max(older.buf.nr_frags));
                prop_assert!(to.buf.linear <= to.len);
            }
            Err(_) => prop_assert_eq!(to, older),
        }
    }

    #[test]
    fn condensing_never_adds_to_the_price(before in skb(1), shared: bool) {
        let mut skb = before;
        condense(&mut skb, shared, SkbLayout::default());
        prop_assert!(skb.buf.truesize <= before.buf.truesize);
        prop_assert_eq!(skb.len, before.len);
        prop_assert!(skb.data_len() == 0 || skb == before);
    }
}
