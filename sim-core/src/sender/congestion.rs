//! The congestion window and the two algorithms that move it: Reno and CUBIC with HyStart.
//!
//! Windows count packets. All arithmetic is on integers, with the kernel's scales.

use super::rules::SenderRules;
use crate::config::Congestion;
use crate::seq::Seq;
use crate::time::Jiffies;

/// `TCP_INIT_CWND`.
pub const INIT_CWND: u32 = 10;
/// `TCP_INFINITE_SSTHRESH`.
pub const INFINITE_SSTHRESH: u32 = 0x7fff_ffff;
/// Multiplicative decrease of CUBIC, of 1024.
const BETA: u64 = 717;
/// `bic_scale * 10`: the cubic's coefficient.
const CUBE_RTT_SCALE: u64 = 410;
/// `BICTCP_HZ`: time is counted in 1/1024 s.
const CUBIC_HZ: u32 = 10;
/// Packets below which HyStart does nothing.
const HYSTART_LOW_WINDOW: u32 = 16;
/// Two ACKs closer than this belong to one train, microseconds.
const HYSTART_ACK_DELTA: u64 = 2_000;
/// RTT samples of a round before its delay is judged.
const HYSTART_MIN_SAMPLES: u8 = 8;

/// What the algorithms need to know at an ACK.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AckContext {
    /// Ticks.
    pub jiffies: Jiffies,
    /// Ticks per second.
    pub hz: u32,
    /// Microseconds.
    pub now_us: u64,
    /// First unacknowledged sequence number after this ACK.
    pub snd_una: Seq,
    /// Next sequence number to be sent.
    pub snd_nxt: Seq,
    /// Bytes per second (`sk_pacing_rate`).
    pub pacing_rate: u64,
    /// `sk_gso_max_size`, bytes.
    pub gso_max: u32,
    /// Whether packets are paced.
    pub paced: bool,
}

/// The congestion window of one socket.
#[derive(Clone, Debug)]
pub struct CongestionWindow {
    /// `snd_cwnd`.
    pub cwnd: u32,
    /// `snd_ssthresh`.
    pub ssthresh: u32,
    /// Window that was really used (`snd_cwnd_used`).
    pub used: u32,
    /// When the window was last validated (`snd_cwnd_stamp`).
    pub stamp: Jiffies,
    /// Packets acknowledged towards the next increase (`snd_cwnd_cnt`).
    count: u32,
    limited: bool,
    max_packets_out: u32,
    usage_seq: Seq,
    algorithm: Algorithm,
}

#[derive(Clone, Debug)]
enum Algorithm {
    Reno,
    Cubic(Cubic),
}

impl CongestionWindow {
    /// A window of `TCP_INIT_CWND` packets, in slow start without a threshold.
    pub fn new(algorithm: Congestion, rules: &SenderRules) -> Self {
        Self {
            cwnd: INIT_CWND,
            ssthresh: INFINITE_SSTHRESH,
            used: 0,
            stamp: Jiffies::default(),
            count: 0,
            limited: false,
            max_packets_out: 0,
            usage_seq: Seq::default(),
            algorithm: match algorithm {
                Congestion::Reno => Algorithm::Reno,
                Congestion::Cubic => Algorithm::Cubic(Cubic::new(rules.hystart_rounds_from_low_window)),
            },
        }
    }

    /// Whether the window is below the threshold.
    pub fn in_slow_start(&self) -> bool {
        self.cwnd < self.ssthresh
    }

    /// Remembers how much of the window was used (first half of `tcp_cwnd_validate`).
    pub fn note_usage(&mut self, limited: bool, packets_out: u32, snd_una: Seq, snd_nxt: Seq) {
        if snd_una >= self.usage_seq || limited || (!self.limited && packets_out > self.max_packets_out) {
            self.limited = limited;
            self.max_packets_out = packets_out;
            self.usage_seq = snd_nxt;
        }
    }

    /// Whether the window, and not the application, limits the sender (`tcp_is_cwnd_limited`).
    pub fn is_limited(&self) -> bool {
        self.limited || (self.in_slow_start() && self.cwnd < self.max_packets_out.saturating_mul(2))
    }

    /// `tcp_current_ssthresh`: what the threshold becomes when the window shrinks for want of data.
    pub fn idle_ssthresh(&self) -> u32 {
        self.ssthresh.max((self.cwnd >> 1) + (self.cwnd >> 2))
    }

    /// Starts counting towards an increase anew.
    pub fn reset_count(&mut self) {
        self.count = 0;
    }

    /// New data was acknowledged: `acked` packets (`cong_avoid`).
    #[inline(always)]
    pub fn on_acked(&mut self, mut acked: u32, cx: &AckContext) {
        if !self.is_limited() {
            return;
        }
        if self.in_slow_start() {
            let grown = self.cwnd.saturating_add(acked).min(self.ssthresh);
            acked -= grown - self.cwnd;
            self.cwnd = grown;
            if acked == 0 {
                return;
            }
        }
        let every = match &mut self.algorithm {
            Algorithm::Reno => self.cwnd,
            Algorithm::Cubic(c) => c.update(self.cwnd, acked, cx),
        };
        self.increase(every, acked);
    }

    /// One packet more for every `every` packets acknowledged (`tcp_cong_avoid_ai`).
    fn increase(&mut self, every: u32, acked: u32) {
        if self.count >= every {
            self.count = 0;
            self.cwnd += 1;
        }
        self.count += acked;
        if self.count >= every {
            let n = self.count / every;
            self.count -= n * every;
            self.cwnd += n;
        }
    }

    /// An RTT sample for the algorithm (`pkts_acked`), microseconds.
    pub fn on_rtt(&mut self, rtt_us: u32, cx: &AckContext) {
        let (cwnd, slow_start) = (self.cwnd, self.in_slow_start());
        if let Algorithm::Cubic(c) = &mut self.algorithm
            && c.rtt_ends_slow_start(rtt_us, cwnd, slow_start, cx)
        {
            self.ssthresh = cwnd;
        }
    }

    /// The threshold after a loss (`ssthresh`); the algorithm's epoch ends.
    pub fn ssthresh_after_loss(&mut self) -> u32 {
        match &mut self.algorithm {
            Algorithm::Reno => (self.cwnd >> 1).max(2),
            Algorithm::Cubic(c) => c.loss(self.cwnd),
        }
    }

    /// A retransmission timeout (`set_state(TCP_CA_Loss)`): the algorithm forgets everything.
    pub fn on_timeout(&mut self, cx: &AckContext) {
        if let Algorithm::Cubic(c) = &mut self.algorithm {
            *c = Cubic::new(c.rounds_from_low_window);
            c.start_round(cx);
        }
    }

    /// Sending resumes after an idle time of `idle` ticks (`CA_EVENT_TX_START`).
    pub fn on_tx_start(&mut self, now: Jiffies, idle: i64) {
        if let Algorithm::Cubic(c) = &mut self.algorithm
            && let Some(epoch) = c.epoch_start
            && idle > 0
        {
            c.epoch_start = Some(Jiffies(epoch.0 + idle).min(now));
        }
    }

    /// The connection is established: the first HyStart round begins.
    pub fn on_established(&mut self, cx: &AckContext) {
        if let Algorithm::Cubic(c) = &mut self.algorithm {
            c.start_round(cx);
        }
    }
}

/// `struct bictcp`.
#[derive(Clone, Default, Debug)]
struct Cubic {
    cnt: u32,
    last_max_cwnd: u32,
    last_cwnd: u32,
    last_time: Jiffies,
    origin: u32,
    /// Time to the origin, 1/1024 s.
    k: u64,
    /// Smallest RTT ever, microseconds; 0 is unknown.
    delay_min: u32,
    epoch_start: Option<Jiffies>,
    ack_cnt: u32,
    /// What Reno would have.
    tcp_cwnd: u32,
    samples: u8,
    found: bool,
    round_start: u64,
    last_ack: u64,
    end_seq: Seq,
    /// Smallest RTT of this round, microseconds.
    curr_rtt: u32,
    /// Rounds count only from [`HYSTART_LOW_WINDOW`] on.
    rounds_from_low_window: bool,
}

impl Cubic {
    fn new(rounds_from_low_window: bool) -> Self {
        Self { rounds_from_low_window, ..Self::default() }
    }

    fn start_round(&mut self, cx: &AckContext) {
        self.round_start = cx.now_us;
        self.last_ack = cx.now_us;
        self.end_seq = cx.snd_nxt;
        self.curr_rtt = u32::MAX;
        self.samples = 0;
    }

    /// Packets to be acknowledged per increase (`bictcp_update`).
    fn update(&mut self, cwnd: u32, acked: u32, cx: &AckContext) -> u32 {
        self.ack_cnt = self.ack_cnt.saturating_add(acked);
        let now = cx.jiffies;
        if self.last_cwnd == cwnd && now - self.last_time <= i64::from(cx.hz / 32) {
            return self.cnt;
        }
        if self.epoch_start.is_none() || now != self.last_time {
            self.last_cwnd = cwnd;
            self.last_time = now;
            self.follow_curve(cwnd, acked, cx);
        }
        self.keep_up_with_reno(cwnd);
        self.cnt = self.cnt.max(2);
        self.cnt
    }

    fn follow_curve(&mut self, cwnd: u32, acked: u32, cx: &AckContext) {
        let epoch = match self.epoch_start {
            Some(e) => e,
            None => {
                self.epoch_start = Some(cx.jiffies);
                self.ack_cnt = acked;
                self.tcp_cwnd = cwnd;
                if self.last_max_cwnd <= cwnd {
                    self.k = 0;
                    self.origin = cwnd;
                } else {
                    let cube_factor = (1u64 << (10 + 3 * CUBIC_HZ)) / CUBE_RTT_SCALE;
                    self.k = cube_root(cube_factor * u64::from(self.last_max_cwnd - cwnd));
                    self.origin = self.last_max_cwnd;
                }
                cx.jiffies
            }
        };
        let rtt_ticks = (u64::from(self.delay_min) * u64::from(cx.hz)).div_ceil(1_000_000);
        let t = (((cx.jiffies - epoch).max(0) as u64 + rtt_ticks) << CUBIC_HZ) / u64::from(cx.hz);
        let offs = u128::from(t.abs_diff(self.k));
        let delta = (u128::from(CUBE_RTT_SCALE) * offs * offs * offs) >> (10 + 3 * CUBIC_HZ);
        let delta = u32::try_from(delta).unwrap_or(u32::MAX);
        let target =
            if t < self.k { self.origin.saturating_sub(delta) } else { self.origin.saturating_add(delta) };
        self.cnt = if target > cwnd { cwnd / (target - cwnd) } else { cwnd.saturating_mul(100) };
        // Before the first loss the curve is flat at the start: at least 5 % per RTT.
        if self.last_max_cwnd == 0 {
            self.cnt = self.cnt.min(20);
        }
    }

    fn keep_up_with_reno(&mut self, cwnd: u32) {
        // beta_scale = 8 * (1024 + beta) / 3 / (1024 - beta) = 15.
        let per = ((cwnd * 15) >> 3).max(1);
        if self.ack_cnt > per {
            let steps = (self.ack_cnt - 1) / per;
            self.ack_cnt -= steps * per;
            self.tcp_cwnd += steps;
        }
        if self.tcp_cwnd > cwnd {
            self.cnt = self.cnt.min(cwnd / (self.tcp_cwnd - cwnd));
        }
    }

    fn loss(&mut self, cwnd: u32) -> u32 {
        self.epoch_start = None;
        let w = u64::from(cwnd);
        self.last_max_cwnd =
            if cwnd < self.last_max_cwnd { (w * (1_024 + BETA) / 2_048) as u32 } else { cwnd };
        ((w * BETA / 1_024) as u32).max(2)
    }

    /// Takes an RTT sample (`bictcp_acked`, `hystart_update`); whether slow start must end.
    fn rtt_ends_slow_start(&mut self, rtt_us: u32, cwnd: u32, slow_start: bool, cx: &AckContext) -> bool {
        if self.epoch_start.is_some_and(|e| cx.jiffies - e < i64::from(cx.hz)) {
            return false;
        }
        let delay = rtt_us.max(1);
        if self.delay_min == 0 || self.delay_min > delay {
            self.delay_min = delay;
        }
        let small = cwnd < HYSTART_LOW_WINDOW;
        if self.found || !slow_start || (small && self.rounds_from_low_window) {
            return false;
        }
        if cx.snd_una > self.end_seq {
            self.start_round(cx);
        }
        if small {
            return false;
        }
        let min = u64::from(self.delay_min);
        if cx.now_us - self.last_ack <= HYSTART_ACK_DELTA {
            self.last_ack = cx.now_us;
            let burst = u64::from(cx.gso_max) * 4 * 1_000_000;
            let ack_delay = match cx.pacing_rate {
                0 => 0,
                slow if burst / 1_000 >= slow => 1_000,
                rate => burst / rate,
            };
            // Halved where nothing is paced.
            if cx.now_us - self.round_start > (min + ack_delay) >> u32::from(!cx.paced) {
                self.found = true;
            }
        }
        self.curr_rtt = self.curr_rtt.min(delay);
        if self.samples < HYSTART_MIN_SAMPLES {
            self.samples += 1;
        } else if u64::from(self.curr_rtt) > min + (min >> 3).clamp(4_000, 16_000) {
            self.found = true;
        }
        self.found
    }
}

/// The cube root as the kernel has it, within 0.2 % (`cubic_root`): the leading six bits give an estimate of as many
/// bits, one Newton step refines it, and a third is taken as 341/1024.
fn cube_root(n: u64) -> u64 {
    if n < 64 {
        return exact_cube_root(n);
    }
    // Groups of three bits below the leading ones.
    let groups = (64 - n.leading_zeros() - 1) / 3 - 1;
    let leading = n >> (3 * groups);
    // Six bits behind the point, and a little more, so that the step and the third together come out even.
    let more = 6 + u64::from(leading > 9) + (leading.saturating_sub(12) >> 4);
    let estimate = ((exact_cube_root(leading << 18) + more) << groups) >> 6;
    let x = estimate.max(2);
    ((2 * x + n / (x * (x - 1))) * 341) >> 10
}

/// Largest `r` with `r^3 <= n`.
fn exact_cube_root(n: u64) -> u64 {
    let (mut low, mut high) = (0u64, 1 << 21);
    while low < high {
        let mid = (low + high).div_ceil(2);
        if u128::from(mid).pow(3) <= u128::from(n) {
            low = mid;
        } else {
            high = mid - 1;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linux::by_name;

    fn window(algorithm: Congestion) -> CongestionWindow {
        CongestionWindow::new(algorithm, &SenderRules::of(by_name("6.1").unwrap()))
    }

    fn cx(tick: i64) -> AckContext {
        AckContext {
            jiffies: Jiffies(tick),
            hz: 250,
            now_us: (tick * 4_000) as u64,
            snd_una: Seq(1),
            snd_nxt: Seq(1),
            pacing_rate: 1 << 30,
            gso_max: 65_279,
            paced: false,
        }
    }

    #[test]
    fn a_timeout_of_cubic_keeps_seven_tenths_as_recorded() {
        let mut w = window(Congestion::Cubic);
        w.cwnd = 10_000;
        assert_eq!(w.ssthresh_after_loss(), 7_001);
        let mut w = window(Congestion::Reno);
        w.cwnd = 10_000;
        assert_eq!(w.ssthresh_after_loss(), 5_000);
    }

    #[test]
    fn slow_start_adds_what_was_acknowledged_and_stops_at_the_threshold() {
        let mut w = window(Congestion::Reno);
        w.ssthresh = 15;
        w.note_usage(true, 10, Seq(1), Seq(1));
        w.on_acked(3, &cx(1));
        assert_eq!(w.cwnd, 13);
        w.on_acked(4, &cx(1));
        assert_eq!(w.cwnd, 15);
        w.on_acked(13, &cx(1));
        assert_eq!(w.cwnd, 16);
    }

    #[test]
    fn a_window_that_nobody_uses_does_not_grow() {
        let mut w = window(Congestion::Cubic);
        w.note_usage(false, 2, Seq(1), Seq(1));
        w.on_acked(2, &cx(1));
        assert_eq!(w.cwnd, 10);
    }

    #[test]
    fn cubic_approaches_its_old_maximum_and_passes_it() {
        let mut w = window(Congestion::Cubic);
        w.cwnd = 100;
        w.ssthresh = w.ssthresh_after_loss();
        w.cwnd = w.ssthresh;
        assert_eq!(w.cwnd, 70);
        let mut reached = None;
        for tick in 1..4_000 {
            w.note_usage(true, w.cwnd, Seq(tick), Seq(tick + 1));
            if tick % 25 == 0 {
                w.on_acked(w.cwnd, &cx(tick));
            }
            if w.cwnd >= 100 && reached.is_none() {
                reached = Some(tick);
            }
        }
        // K = cbrt(2^40 / 410 * 30) / 1024 = 4.2 s = 1050 ticks; the distance rounds down, so the last packets
        // come early. Reno would need 30 * 15 / 8 rounds of 100 ms = 5.6 s.
        let t = reached.expect("the old maximum is reached");
        assert!((600..=1_050).contains(&t), "{t}");
    }

    #[test]
    fn cube_roots_are_those_of_the_kernel_within_two_per_mille() {
        assert_eq!((exact_cube_root(26), exact_cube_root(27)), (2, 3));
        for n in [27u64, 1_000, 1 << 20, 80_452_127_000, 1 << 38, 3 << 50] {
            let (r, exact) = (cube_root(n), exact_cube_root(n));
            assert!(r.abs_diff(exact) * 500 <= exact.max(500), "{n}: {r}, exactly {exact}");
        }
    }
}
