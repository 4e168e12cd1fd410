//! Zero-window probes: how long to wait (`tcp_probe0_base`, `tcp_probe0_when`).

use super::rtt::Rtt;

/// Delay until the next probe, ticks. The base is the timeout, at least its minimum; it doubles with each
/// probe, for as many doublings as `TCP_RTO_MIN` needs to reach `TCP_RTO_MAX`.
pub fn delay(rtt: &Rtt, backoff: u8, hz: u32) -> u32 {
    let floor = hz / 5;
    let base = rtt.rto().max(floor);
    let max_backoff = (rtt.rto_max() / floor.max(1)).max(1).ilog2() + 1;
    let when = u64::from(base) << u32::from(backoff).min(max_backoff);
    when.min(u64::from(rtt.rto_max())) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seq::Seq;

    #[test]
    fn the_delay_doubles_up_to_two_minutes() {
        let mut r = Rtt::new(250, 200_000, 120_000);
        r.sample(200_000, Seq(1), Seq(1));
        assert_eq!(r.rto(), 150);
        let delays: Vec<u32> = (0..10).map(|b| delay(&r, b, 250)).collect();
        assert_eq!(delays, [150, 300, 600, 1200, 2400, 4800, 9600, 19200, 30000, 30000]);
    }
}
