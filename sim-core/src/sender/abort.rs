//! When a connection is given up (`tcp_write_timeout`, `retransmits_timed_out`, `tcp_write_err`).

use super::Sender;
use crate::observer::Observer;
use crate::receiver::Receiver;
use crate::send_half::Cx;
use crate::time::SimTime;

/// `TCP_RTO_MIN`, milliseconds: what the model of the repetitions starts from, whatever the real timeout is.
const BASE_MS: u64 = 200;

/// How long a connection without an answer lives: as long as `retries` repetitions would take whose distance doubles from
/// 200 ms to `max_ms` (`tcp_model_timeout`), milliseconds.
fn patience_ms(retries: u8, max_ms: u32) -> u64 {
    let max = u64::from(max_ms);
    let doublings = u64::from((max / BASE_MS).max(1).ilog2());
    let retries = u64::from(retries);
    if retries <= doublings {
        ((2 << retries) - 1) * BASE_MS
    } else {
        ((2 << doublings) - 1) * BASE_MS + (retries - doublings) * max
    }
}

impl Sender {
    /// Whether what is repeated has gone unanswered for too long: `tcp_retries2` as a time, counted from the first
    /// repetition.
    pub(super) fn unanswered_too_long(&self, rx: &Receiver) -> bool {
        let Some(since) = self.loss.retrans_stamp.filter(|_| self.loss.retransmits > 0) else { return false };
        let ms = |t: SimTime| (self.ts_clock.map_or(0, |(origin_us, _)| origin_us) + t.as_micros()) / 1_000;
        let waited = ms(rx.cached_clock()).saturating_sub(ms(since));
        waited >= patience_ms(self.sysctl.tcp_retries2, self.sysctl.tcp_rto_max_ms)
    }

    /// Whether a peer that has closed its window on packets in flight has been silent for too long: neither an ACK nor a
    /// first repetition within twice the longest timeout (`tcp_rtx_probe0_timed_out`). As long as it answers, the head is
    /// repeated for ever; `tcp_retries2` does not count. Recorded on all kernels: a peer that falls silent after closing its
    /// window is given up at the first timeout after 240 s.
    pub(super) fn silent_behind_closed_window(&self, rx: &Receiver) -> bool {
        let longest_ms = 2 * u64::from(self.sysctl.tcp_rto_max_ms);
        let longest = i64::try_from(longest_ms * u64::from(self.hz) / 1_000).unwrap_or(i64::MAX);
        if rx.last_ack().is_none_or(|at| self.timer.asked() - at <= longest) {
            return false;
        }
        let head = self.queue.rtx.front().map(|skb| skb.sent_at);
        let since = self.loss.retrans_stamp.or(head).unwrap_or(SimTime::ZERO);
        rx.cached_clock().since(since).as_nanos() / 1_000_000 > longest_ms
    }

    /// The program gets `ETIMEDOUT`; what was queued is freed.
    pub(crate) fn give_up<O: Observer>(&mut self, cx: &mut Cx<'_, O>, rx: &mut Receiver) {
        cx.host.counters.abort_on_timeout += 1;
        rx.connection_lost(cx, self);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fifteen_retries_are_the_924_seconds_of_the_documentation_of_tcp_retries2() {
        assert_eq!(patience_ms(15, 120_000), 924_600);
        assert_eq!(patience_ms(8, 120_000), 102_200);
        assert_eq!(patience_ms(3, 120_000), 3_000);
        assert_eq!(patience_ms(0, 120_000), 200);
        assert_eq!(patience_ms(255, 1_000), 1_400 + (255 - 2) * 1_000);
    }
}
