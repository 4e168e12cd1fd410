//! The connection is opened.

use sim_core::segment::{Ecn, Flags, SackList, SackOption, Segment};
use sim_core::sender::Handshake;
use sim_core::seq::Seq;
use sim_core::time::{Now, SimTime};

use super::drive::Drive;
use crate::compare::compare_ack;
use crate::recording::{AckRow, RowSegment};

impl Drive<'_> {
    /// The SYN-ACK: the listener has seen the SYN.
    pub(super) fn syn_ack(&mut self, now: Now, ack: &AckRow) {
        for &opt in &self.setup.options {
            self.with(now, |rx, snd, cx| rx.set_option(cx, snd, opt));
        }
        let (syn, link_mss, maxseg) = (self.setup.syn, self.setup.mtu - 40, self.setup.maxseg);
        let options = self.with(now, |rx, _, cx| rx.passive_open(cx, &syn, link_mss, maxseg));
        self.synack_at = Some(now.time);
        let seg = Segment {
            seq: Seq(0),
            len: 0,
            flags: Flags::SYN.with(Flags::ACK),
            ack: Seq::FIRST,
            window: options.window,
            ts: options.ts,
            sack: SackOption::EMPTY,
            ecn: Ecn::NotEct,
        };
        let differences = compare_ack(ack, &seg, Some(&options));
        self.score_ack(ack, differences);
        self.m.watch.since.n_ack += 1;
        self.emitted.push(SimTime::from_nanos(ack.time_ns));
    }

    /// The handshake's last ACK makes the connection socket.
    pub(super) fn child(&mut self, now: Now, seg: &RowSegment) {
        let syn = self.setup.syn;
        let scale = if self.setup.sysctl.tcp_window_scaling { syn.window_scale.unwrap_or(0) } else { 0 };
        let timestamps = syn.ts.is_some() && self.setup.sysctl.tcp_timestamps;
        let option = if timestamps { 12 } else { 0 };
        let mss = u32::from(syn.mss).min(self.m.rx.advmss()).saturating_sub(option);
        let rtt_us =
            self.synack_at.map(|t| now.time.since(t).as_micros().max(1).min(u64::from(u32::MAX)) as u32);
        self.m.snd.established(
            now,
            &Handshake {
                snd_nxt: Seq::FIRST,
                snd_wnd: u32::from(seg.wnd) << scale,
                wl1: Seq(seg.seq),
                snd_wscale: scale,
                mss,
                sack: syn.sack,
                timestamps,
                rtt_us,
            },
        );
        let (header, _) = self.hindsight.segment(seg, SackList::EMPTY, now.time.as_nanos());
        self.with(now, |rx, snd, cx| rx.child_created(cx, snd, &header));
    }
}
