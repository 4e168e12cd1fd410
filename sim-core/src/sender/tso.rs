//! How large a packet the sending half makes: size goal, autosizing, the point where an skb is cut.

use super::rules::SenderRules;
use crate::config::Sysctls;

/// `gso_max_size` of a device, bytes.
pub const GSO_MAX_SIZE: u32 = 65_536;
/// `GSO_MAX_SEGS`.
pub const GSO_MAX_SEGS: u32 = 65_535;
/// `sk_pacing_shift`: a packet holds about 1 ms worth of the pacing rate.
const PACING_SHIFT: u32 = 10;

/// What the socket may hand to the device at once (`sk_gso_max_size`), bytes: headers take their share.
pub const fn gso_max(max_tcp_header: u32) -> u32 {
    GSO_MAX_SIZE - 1 - max_tcp_header
}

/// `size_goal`: how much payload an skb is filled with. `max_window` is the largest window the peer ever
/// granted; half of it bounds the goal.
pub fn size_goal(gso_max: u32, mss: u32, max_window: u32) -> u32 {
    let cutoff = if max_window > 536 { max_window / 2 } else { max_window };
    let goal = if cutoff != 0 { gso_max.min(cutoff) } else { gso_max };
    ((goal / mss.max(1)).min(GSO_MAX_SEGS) * mss).max(mss)
}

/// `tcp_update_pacing_rate`: bytes per second. Computed even when nothing is paced.
pub fn pacing_rate(
    mss: u32,
    cwnd: u32,
    ssthresh: u32,
    packets_out: u32,
    srtt8: u32,
    sysctl: &Sysctls,
) -> u64 {
    let percent = if cwnd < ssthresh / 2 { sysctl.tcp_pacing_ss_ratio } else { sysctl.tcp_pacing_ca_ratio };
    let one = u64::from(mss) * ((1_000_000 / 100) << 3);
    let many = u64::from(percent) * u64::from(cwnd.max(packets_out));
    let srtt8 = srtt8.max(1);
    // More than 64 bits are rare, and dear to divide.
    match one.checked_mul(many) {
        Some(rate) => rate / u64::from(srtt8),
        None => u64::try_from(u128::from(one) * u128::from(many) / u128::from(srtt8)).unwrap_or(u64::MAX),
    }
}

/// `tcp_tso_segs`: segments per packet. `min_rtt_us` is the smallest RTT seen.
pub fn autosize(
    rules: &SenderRules,
    sysctl: &Sysctls,
    pacing_rate: u64,
    min_rtt_us: u32,
    gso_max: u32,
    mss: u32,
) -> u32 {
    let mut bytes = pacing_rate >> PACING_SHIFT;
    if rules.tso_by_rtt {
        let r = min_rtt_us.checked_shr(u32::from(sysctl.tcp_tso_rtt_log)).unwrap_or(0);
        if r < 32 {
            bytes = bytes.saturating_add(u64::from(gso_max >> r));
        }
    }
    let bytes = bytes.min(u64::from(gso_max)) as u32;
    (bytes / mss.max(1)).max(sysctl.tcp_min_tso_segs).clamp(1, GSO_MAX_SEGS)
}

/// `tcp_mss_split_point`: payload of the next packet out of an skb of `len` bytes. `window` is the room from
/// the skb's first byte to the window's edge, `holds_partial` whether Nagle keeps a short end back.
pub fn split_point(
    len: u32,
    mss: u32,
    max_segs: u32,
    window: u32,
    is_tail: bool,
    holds_partial: bool,
) -> u32 {
    let max_len = mss.saturating_mul(max_segs);
    if max_len <= window && !is_tail {
        return max_len;
    }
    let needed = len.min(window);
    if max_len <= needed {
        return max_len;
    }
    let partial = needed % mss;
    if partial != 0 && holds_partial { needed - partial } else { needed }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linux::by_name;

    #[test]
    fn half_the_peers_window_bounds_the_size_goal() {
        // 6.1 budget overrun: window 65535, MSS 1024; normal run: window 32768.
        assert_eq!(gso_max(256), 65_279);
        assert_eq!(size_goal(65_279, 1_024, 65_535), 31_744);
        assert_eq!(size_goal(65_279, 1_024, 32_768), 16_384);
        assert_eq!(size_goal(65_279, 1_448, 1 << 20), 65_160);
    }

    #[test]
    fn the_first_packets_have_two_segments_because_the_rate_is_that_of_the_handshake() {
        let k = by_name("6.1").unwrap();
        let (rules, sysctl) = (SenderRules::of(k), k.default_sysctls());
        let rate = pacing_rate(1_024, 10, i32::MAX as u32, 0, 1_600_768, &sysctl);
        assert_eq!(rate, 102_350);
        assert_eq!(autosize(&rules, &sysctl, rate, 200_096, 65_279, 1_024), 2);
    }

    #[test]
    fn a_rate_of_more_than_64_bits_is_divided_as_a_whole() {
        let k = by_name("6.1").unwrap();
        let sysctl = Sysctls { tcp_pacing_ca_ratio: 1_000, ..k.default_sysctls() };
        let rate = |cwnd, srtt8| pacing_rate(65_495, cwnd, 0, 0, srtt8, &sysctl);
        // 65495 * 80000 * 1000 for each packet: 3 520 000 of them need 65 bits.
        assert_eq!(rate(3_000_000, 8), 1_964_850_000_000_000_000);
        assert_eq!(rate(4_000_000, 8), 2_619_800_000_000_000_000);
        assert_eq!(rate(4_000_000, 1), u64::MAX);
    }

    #[test]
    fn the_recorded_nine_segments_follow_from_the_rate_after_the_first_acks() {
        // 6.1 normal run: cwnd 1024, srtt8 1647594 -> 9216 bytes.
        let k = by_name("6.1").unwrap();
        let (rules, sysctl) = (SenderRules::of(k), k.default_sysctls());
        let rate = pacing_rate(1_024, 1_024, i32::MAX as u32, 0, 1_647_594, &sysctl);
        assert_eq!(autosize(&rules, &sysctl, rate, 200_089, 65_279, 1_024), 9);
    }

    #[test]
    fn a_packet_is_cut_at_the_window_edge() {
        assert_eq!(split_point(31_744, 1_024, 2, 65_535, true, false), 2_048);
        assert_eq!(split_point(8_192, 1_024, 9, 5_120, false, false), 5_120);
        assert_eq!(split_point(8_192, 1_024, 9, 5_000, false, false), 5_000);
        assert_eq!(split_point(8_192, 1_024, 9, 5_000, false, true), 4_096);
    }
}
