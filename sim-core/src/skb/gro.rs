//! Generic receive offload: frames of one interrupt batch become one skb (`dev_gro_receive`, `skb_gro_receive`,
//! `tcp_gro_receive`).
//!
//! A driver hands up its frames one by one, and the batch ends with [`Gro::flush`]. What two frames must have in
//! common, when a run ends and what the joint skb costs are the kernel's rules; which frames make up a batch is the
//! device's matter (`rx-usecs`, `gro_flush_timeout`).

use super::{Buffer, SkbLayout};
use crate::segment::{Flags, Segment};

/// `gro_max_size` of a device that nobody configured, bytes of payload.
pub const GRO_MAX_SIZE: u32 = 65_536;

/// Flags after which nothing may be joined to a run.
const ENDS_RUN: Flags = Flags(Flags::PSH.0 | Flags::FIN.0 | Flags::URG.0 | Flags::RST.0 | Flags::SYN.0);

/// Where the payload of a further frame goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Chain {
    /// Into fragments of the first skb.
    Fragments,
    /// Into the fragments of the skb at the end of the first one's `frag_list`, which has so many.
    FragList { last_frags: u16 },
}

/// A run of frames that is still growing.
#[derive(Clone, Copy, Debug)]
struct Run {
    seg: Segment,
    buf: Buffer,
    chain: Chain,
}

impl Run {
    /// The packet that goes up; a run of one frame is no multi-segment packet (`napi_gro_complete`).
    fn up(mut self) -> (Segment, Buffer) {
        if self.buf.gso_segs == 1 {
            (self.buf.gso_size, self.buf.gso_segs) = (0, 0);
        }
        (self.seg, self.buf)
    }
}

/// The offload of one connection.
#[derive(Clone, Debug)]
pub struct Gro {
    max_size: u32,
    layout: SkbLayout,
    run: Option<Run>,
}

impl Default for Gro {
    fn default() -> Self {
        Self::new(GRO_MAX_SIZE, SkbLayout::default())
    }
}

impl Gro {
    /// An offload that joins up to `max_size` bytes of payload (`gro_max_size`).
    pub const fn new(max_size: u32, layout: SkbLayout) -> Self {
        Self { max_size, layout, run: None }
    }

    /// A frame arrives. Returns the packets that go up now, oldest first: at most the finished run and the frame.
    pub fn receive(&mut self, seg: &Segment, buf: &Buffer) -> [Option<(Segment, Buffer)>; 2] {
        let Some(mut run) = self.run.take() else { return [None, self.begin(seg, buf)] };
        if !self.belongs(&run, seg) {
            return [Some(run.up()), self.begin(seg, buf)];
        }
        let ends = seg.len < run.buf.gso_size || seg.flags.has(ENDS_RUN);
        join(&mut run, seg, buf, self.layout);
        if ends {
            return [Some(run.up()), None];
        }
        self.run = Some(run);
        [None, None]
    }

    /// Whether a packet is held back.
    pub const fn holds(&self) -> bool {
        self.run.is_some()
    }

    /// The batch is over (`napi_gro_flush`).
    pub fn flush(&mut self) -> Option<(Segment, Buffer)> {
        self.run.take().map(Run::up)
    }

    /// A first frame opens a run, unless nothing could follow it.
    fn begin(&mut self, seg: &Segment, buf: &Buffer) -> Option<(Segment, Buffer)> {
        if seg.len == 0 || seg.flags.has(ENDS_RUN.with(Flags::CWR)) {
            return Some((*seg, *buf));
        }
        let buf = Buffer { gso_size: seg.len, gso_segs: 1, ..*buf };
        self.run = Some(Run { seg: *seg, buf, chain: Chain::Fragments });
        None
    }

    /// Whether a frame continues a run: contiguous, the same header but for sequence number, PSH and FIN, not longer
    /// than the first, and the whole not too large.
    fn belongs(&self, run: &Run, seg: &Segment) -> bool {
        let ends = Flags(Flags::PSH.0 | Flags::FIN.0);
        seg.len > 0
            && seg.len <= run.buf.gso_size
            && seg.seq == run.seg.end_seq()
            && seg.ack == run.seg.ack
            && seg.window == run.seg.window
            && seg.ts == run.seg.ts
            && seg.sack == run.seg.sack
            && seg.ecn == run.seg.ecn
            && seg.flags.without(ends) == run.seg.flags.without(ends)
            && !seg.flags.has(Flags::CWR)
            && run.seg.len + seg.len < self.max_size
    }
}

/// Joins a frame to a run and prices it (`skb_gro_receive`).
fn join(run: &mut Run, seg: &Segment, buf: &Buffer, layout: SkbLayout) {
    let frags = match run.chain {
        Chain::Fragments => run.buf.nr_frags,
        Chain::FragList { last_frags } => last_frags,
    };
    let in_frags = buf.linear == 0;
    let more = buf.nr_frags + u16::from(!in_frags);
    let cost = if frags + more <= layout.max_frags() && (in_frags || buf.head_frag) {
        match &mut run.chain {
            Chain::Fragments => run.buf.nr_frags += more,
            Chain::FragList { last_frags } => *last_frags += more,
        }
        // The sk_buff is not needed any more, nor is a head that held headers only.
        if in_frags { buf.truesize - layout.truesize(buf.head_size) } else { buf.truesize - layout.sk_buff() }
    } else {
        // No free slot, or memory that cannot be taken over: the skb is chained whole.
        run.chain = Chain::FragList { last_frags: buf.nr_frags };
        run.buf.frag_list = true;
        buf.truesize
    };
    run.buf.truesize += cost;
    run.buf.gso_segs += 1;
    run.buf.tailroom = 0;
    run.seg.len += seg.len;
    run.seg.flags = run.seg.flags.with(Flags(seg.flags.0 & (Flags::PSH.0 | Flags::FIN.0)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seq::Seq;

    const MSS: u32 = 1_448;

    fn frame(n: u32, len: u32, flags: Flags) -> Segment {
        Segment {
            seq: Seq::FIRST + n * MSS,
            len,
            flags: Flags::ACK.with(flags),
            ack: Seq(1),
            window: 500,
            ..Segment::default()
        }
    }

    /// Half a page with the payload in its head, as `build_skb` makes it.
    fn half_page() -> Buffer {
        Buffer { truesize: 2_304, head_size: 1_728, linear: MSS, head_frag: true, ..Buffer::default() }
    }

    /// A copied header and a page.
    fn header_and_page() -> Buffer {
        Buffer { truesize: 1_280 + 4_096, head_size: 704, nr_frags: 1, head_frag: true, ..Buffer::default() }
    }

    fn run_of(frames: u32, buf: Buffer) -> (Segment, Buffer) {
        let mut gro = Gro::default();
        for n in 0..frames {
            assert_eq!(gro.receive(&frame(n, MSS, Flags::default()), &buf), [None, None]);
        }
        gro.flush().unwrap()
    }

    #[test]
    fn frames_with_payload_in_their_heads_cost_the_head_and_are_chained_when_slots_run_out() {
        let (seg, buf) = run_of(16, half_page());
        assert_eq!((seg.len, buf.gso_size, buf.gso_segs), (16 * MSS, MSS, 16));
        assert_eq!(buf.truesize, 2_304 + 15 * 2_048);
        assert!(!buf.frag_list);
        let (_, buf) = run_of(20, half_page());
        // The first holds 17 fragments, the 19th frame is chained, the 20th goes into its fragments.
        assert_eq!(buf.truesize, 2_304 + 17 * 2_048 + 2_304 + 2_048);
        assert!(buf.frag_list);
    }

    #[test]
    fn frames_with_payload_in_fragments_cost_the_fragment() {
        let (_, buf) = run_of(10, header_and_page());
        assert_eq!(buf.truesize, 1_280 + 10 * 4_096);
        assert_eq!(buf.nr_frags, 10);
    }

    #[test]
    fn memory_that_cannot_be_taken_over_is_chained_whole() {
        let kmalloc = Buffer { head_frag: false, ..half_page() };
        let (_, buf) = run_of(3, kmalloc);
        assert_eq!((buf.truesize, buf.frag_list), (3 * 2_304, true));
    }

    #[test]
    fn a_push_or_a_short_frame_ends_the_run_and_belongs_to_it() {
        for (len, flags) in [(MSS, Flags::PSH), (100, Flags::default())] {
            let mut gro = Gro::default();
            assert_eq!(gro.receive(&frame(0, MSS, Flags::default()), &half_page()), [None, None]);
            let [up, rest] = gro.receive(&frame(1, len, flags), &half_page());
            let (seg, buf) = up.unwrap();
            assert_eq!((seg.len, buf.gso_segs, rest), (MSS + len, 2, None));
            assert_eq!(seg.flags.has(Flags::PSH), flags == Flags::PSH);
            assert_eq!(gro.flush(), None);
        }
    }

    #[test]
    fn a_gap_another_timestamp_or_a_longer_frame_starts_a_new_run() {
        let first = frame(0, MSS, Flags::default());
        let gap = frame(2, MSS, Flags::default());
        let stamped = Segment {
            ts: Some(crate::segment::Timestamps { val: 1, ecr: 2 }),
            ..frame(1, MSS, Flags::default())
        };
        let longer = Segment { len: MSS + 1, ..frame(1, MSS, Flags::default()) };
        for other in [gap, stamped, longer] {
            let mut gro = Gro::default();
            assert_eq!(gro.receive(&first, &half_page()), [None, None]);
            let [up, rest] = gro.receive(&other, &half_page());
            let (seg, buf) = up.unwrap();
            assert_eq!((seg.len, buf.gso_size, rest), (MSS, 0, None));
            assert_eq!(gro.flush().unwrap().0.seq, other.seq);
        }
    }

    #[test]
    fn a_run_stays_below_the_largest_size() {
        let mut gro = Gro::new(4 * MSS, SkbLayout::default());
        for n in 0..3 {
            assert_eq!(gro.receive(&frame(n, MSS, Flags::default()), &half_page()), [None, None]);
        }
        let [up, _] = gro.receive(&frame(3, MSS, Flags::default()), &half_page());
        assert_eq!(up.unwrap().0.len, 3 * MSS);
    }

    #[test]
    fn a_pure_ack_and_a_pushed_frame_go_up_alone() {
        let mut gro = Gro::default();
        let ack = frame(0, 0, Flags::default());
        assert_eq!(gro.receive(&ack, &half_page())[1].unwrap().0, ack);
        let pushed = frame(0, MSS, Flags::PSH);
        assert_eq!(gro.receive(&pushed, &half_page())[1].unwrap().0, pushed);
    }
}
