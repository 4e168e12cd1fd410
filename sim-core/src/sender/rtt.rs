//! Round-trip time and retransmission timeout of data sent (`tcp_rtt_estimator`, `tcp_set_rto`).

use super::min_filter::MinFilter;
use crate::seq::Seq;
use crate::time::Jiffies;

/// Initial retransmission timeout (`TCP_TIMEOUT_INIT`), milliseconds.
pub const RTO_INIT_MS: u32 = 1_000;

/// Default of `net.ipv4.tcp_min_rtt_wlen`, seconds.
const MIN_RTT_WLEN: u32 = 300;

/// Timeout after a handshake without a sample (`TCP_TIMEOUT_FALLBACK`), milliseconds.
const RTO_FALLBACK_MS: u32 = 3_000;

/// The estimator. Times are in microseconds, scaled as in `tcp_sock`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rtt {
    /// `srtt_us`: smoothed RTT, microseconds shifted left by 3; 0 before the first sample.
    srtt8: u32,
    /// `mdev_us`: mean deviation, microseconds shifted left by 2.
    mdev4: u32,
    /// `mdev_max_us`: largest deviation of the current window.
    mdev_max: u32,
    /// `rttvar_us`: what is added to the smoothed RTT.
    rttvar: u32,
    /// `rtt_seq`: the current window ends here.
    window_end: Seq,
    /// Smallest sample of `tcp_min_rtt_wlen` (`rtt_min`), microseconds.
    min_us: MinFilter,
    /// `icsk_rto`, ticks, backoff included.
    rto: u32,
    /// `rto_min`, microseconds.
    rto_min_us: u32,
    /// `TCP_RTO_MAX`, ticks.
    rto_max: u32,
    /// Ticks per second.
    hz: u32,
}

impl Rtt {
    /// An estimator without a sample. `rto_min_us` and `rto_max_ms` are the route's or the sysctl's bounds.
    pub fn new(hz: u32, rto_min_us: u32, rto_max_ms: u32) -> Self {
        let ticks = |ms: u32| (u64::from(ms) * u64::from(hz)).div_ceil(1_000) as u32;
        Self {
            srtt8: 0,
            // TCP_TIMEOUT_INIT in microseconds: the state before the first sample (`tcp_init_sock`).
            mdev4: RTO_INIT_MS * 1_000,
            mdev_max: 0,
            rttvar: 0,
            window_end: Seq::default(),
            min_us: MinFilter::new(MIN_RTT_WLEN * hz),
            rto: ticks(RTO_INIT_MS),
            rto_min_us,
            rto_max: ticks(rto_max_ms),
            hz,
        }
    }

    /// Takes a sample of `sample_us` microseconds. `snd_una` and `snd_nxt` are those after the ACK that gave
    /// the sample; the deviation is relaxed once per window.
    pub fn sample(&mut self, sample_us: u32, snd_una: Seq, snd_nxt: Seq) {
        let m = sample_us.clamp(1, 1 << 27);
        if self.srtt8 == 0 {
            self.srtt8 = m << 3;
            self.mdev4 = m << 1;
            self.rttvar = self.mdev4.max(self.rto_min_us);
            self.mdev_max = self.rttvar;
            self.window_end = snd_nxt;
        } else {
            let err = i64::from(m) - i64::from(self.srtt8 >> 3);
            self.srtt8 = (i64::from(self.srtt8) + err).max(1) as u32;
            // A fall of the RTT counts an eighth, so that it does not raise the timeout.
            let mut d = err.abs() - i64::from(self.mdev4 >> 2);
            if err < 0 && d > 0 {
                d >>= 3;
            }
            self.mdev4 = (i64::from(self.mdev4) + d).max(0) as u32;
            if self.mdev4 > self.mdev_max {
                self.mdev_max = self.mdev4;
                self.rttvar = self.rttvar.max(self.mdev_max);
            }
            if snd_una > self.window_end {
                if self.mdev_max < self.rttvar {
                    self.rttvar -= (self.rttvar - self.mdev_max) >> 2;
                }
                self.window_end = snd_nxt;
                self.mdev_max = self.rto_min_us;
            }
        }
        self.set_rto();
    }

    /// The smallest RTT counts for so many seconds (`net.ipv4.tcp_min_rtt_wlen`). To be set before the first sample.
    pub fn set_min_rtt_wlen(&mut self, seconds: u32) {
        self.min_us = MinFilter::new(seconds.saturating_mul(self.hz));
    }

    /// Takes a sample for the smallest RTT only, microseconds (`tcp_update_rtt_min`). One that a delayed ACK may have
    /// made longer (`maybe_delayed`) counts only if it is smaller than all others.
    #[inline(always)]
    pub fn note_min(&mut self, us: u32, at: Jiffies, maybe_delayed: bool) {
        if !maybe_delayed || us <= self.min_us.get() {
            self.min_us.note(at, us.max(1));
        }
    }

    /// Recomputes the timeout from the estimate; backoff ends (`tcp_set_rto`).
    pub fn set_rto(&mut self) {
        if self.srtt8 != 0 {
            let us = u64::from(self.srtt8 >> 3) + u64::from(self.rttvar);
            self.rto = self.micros_to_ticks(us).min(self.rto_max);
        }
    }

    /// The handshake gave no sample, because its SYN was sent again: the timeout becomes three seconds (RFC 6298, 5.7;
    /// `tcp_init_metrics`).
    pub fn fall_back(&mut self) {
        if self.srtt8 == 0 {
            let us = RTO_FALLBACK_MS * 1_000;
            (self.rttvar, self.mdev4, self.mdev_max) = (us, us, us);
            self.rto = self.micros_to_ticks(u64::from(us)).min(self.rto_max);
        }
    }

    /// Doubles the timeout after it has expired.
    pub fn back_off(&mut self) {
        self.rto = self.rto.saturating_mul(2).min(self.rto_max);
    }

    /// Microseconds in ticks, rounded up (`usecs_to_jiffies`).
    pub fn micros_to_ticks(&self, us: u64) -> u32 {
        (us * u64::from(self.hz)).div_ceil(1_000_000) as u32
    }

    /// Smoothed RTT, microseconds shifted left by 3; 0 when unknown.
    pub const fn srtt8(&self) -> u32 {
        self.srtt8
    }

    /// Mean deviation, microseconds shifted left by 2.
    pub const fn mdev4(&self) -> u32 {
        self.mdev4
    }

    /// Smallest sample of `tcp_min_rtt_wlen`, microseconds; `u32::MAX` before the first (`tcp_min_rtt`).
    pub const fn min_us(&self) -> u32 {
        self.min_us.get()
    }

    /// The timeout in force, ticks.
    pub const fn rto(&self) -> u32 {
        self.rto
    }

    /// The smallest timeout, ticks.
    pub fn rto_min(&self) -> u32 {
        self.micros_to_ticks(u64::from(self.rto_min_us))
    }

    /// The smallest timeout, microseconds.
    pub const fn rto_min_us(&self) -> u64 {
        self.rto_min_us as u64
    }

    /// The largest timeout, ticks.
    pub const fn rto_max(&self) -> u32 {
        self.rto_max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rtt() -> Rtt {
        Rtt::new(250, 200_000, 120_000)
    }

    #[test]
    fn the_first_sample_sets_everything() {
        let mut r = rtt();
        assert_eq!(r.rto(), 250);
        r.sample(200_096, Seq(1), Seq(1));
        assert_eq!(r.srtt8(), 1_600_768);
        // Recorded of the server: rtt 200079, rto 604000 us.
        let mut r = rtt();
        r.sample(200_079, Seq(1), Seq(1));
        assert_eq!((r.rto(), r.rto() * 4_000), (151, 604_000));
    }

    #[test]
    fn a_falling_round_trip_time_barely_raises_the_deviation() {
        let mut r = rtt();
        r.sample(200_000, Seq(1), Seq(1));
        r.sample(100_000, Seq(1025), Seq(2049));
        assert_eq!(r.srtt8(), 1_500_000);
        // err = -100000; |err| - mdev/4 = 0.
        assert_eq!(r.mdev4(), 400_000);
    }

    #[test]
    fn the_timeout_doubles_up_to_its_bound() {
        let mut r = rtt();
        r.sample(200_000, Seq(1), Seq(1));
        for _ in 0..20 {
            r.back_off();
        }
        assert_eq!(r.rto(), 30_000);
        r.set_rto();
        assert_eq!(r.rto(), 150);
    }
}
