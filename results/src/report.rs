//! The report of a run as text: a socket as `ss -tmi` shows it, counters as `nstat` shows them, and answers.

use std::fmt::Write as _;

use sim_core::counters::Counters;
use sim_core::seq::Seq;
use sim_core::state::TcpState;
use sim_core::time::SimTime;

use crate::measures::{Histogram, Measured, PEAKS, Stall};
use crate::summary::Summary;

/// What `ss` shows of a socket's sending half; the trace knows only the receiving one.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct SendHalfFigures {
    /// `sk_wmem_queued`, bytes (`w`).
    pub wmem_queued: u32,
    /// `sk_sndbuf`, bytes (`tb`).
    pub sndbuf: u32,
    /// Retransmission timeout, ms.
    pub rto_ms: u32,
    /// Smoothed RTT, microseconds shifted left by 3; 0 while unknown.
    pub srtt8_us: u32,
    /// Mean deviation of the RTT, microseconds shifted left by 2.
    pub rttvar4_us: u32,
    /// MSS in use.
    pub mss: u32,
    /// Path MTU.
    pub pmtu: u32,
    /// Congestion window, packets.
    pub cwnd: u32,
}

/// How a report is laid out, and what it says besides the trace.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReportOptions {
    /// Columns of the terminal; long lines are broken between words.
    pub width: usize,
    /// Ticks per second of the kernel, for `ato`.
    pub hz: u32,
    /// Name of the congestion control of the receiver's own sending half.
    pub congestion: Option<&'static str>,
    /// The receiver's own sending half; what is unknown is left out, as `ss` does.
    pub send_half: Option<SendHalfFigures>,
    /// How the receiving end is called.
    pub local: String,
    /// How the sending end is called.
    pub peer: String,
}

impl Default for ReportOptions {
    fn default() -> Self {
        Self {
            width: 100,
            hz: 250,
            congestion: None,
            send_half: None,
            local: "receiver".to_owned(),
            peer: "sender".to_owned(),
        }
    }
}

/// The whole report.
pub fn report(run: &Measured, summary: &Summary, options: &ReportOptions) -> String {
    let mut text = format!(
        "{}: kernel {}, seed {}, {} simulated\n\n",
        summary.scenario,
        summary.kernel,
        summary.seed,
        seconds(summary.end_ns)
    );
    text.push_str(&ss_block(run, options));
    text.push('\n');
    text.push_str(&nstat_block(&run.receiver().plus(run.sender())));
    text.push('\n');
    text.push_str(&answers(run, summary, options.width));
    text
}

/// The receiving socket at the end of the run, as `ss -tmi` shows it.
pub fn ss_block(run: &Measured, options: &ReportOptions) -> String {
    let s = &run.closing().state;
    let end = run.closing().time;
    let socket = run.socket();
    let send = options.send_half;
    let mut skmem = format!("skmem:(r{},rb{}", s.rmem, s.rcvbuf);
    let (wmem, sndbuf) = send.map_or((0, 0), |h| (h.wmem_queued, h.sndbuf));
    let _ = write!(skmem, ",t0,tb{sndbuf},f{},w{wmem},o0,bl{},d{})", s.fwd_alloc, s.backlog_len, s.drops);

    let mut words = vec![skmem];
    let mut word = |name: &str, value: String| words.push(format!("{name}:{value}"));
    if socket.timestamps {
        word("ts", String::new());
    }
    if let Some(c) = options.congestion {
        word(c, String::new());
    }
    word("wscale", format!("{},{}", s.snd_wscale, s.rcv_wscale));
    if let Some(h) = send {
        word("rto", h.rto_ms.to_string());
        if h.srtt8_us > 0 {
            word("rtt", format!("{}/{}", millis(h.srtt8_us >> 3), millis(h.rttvar4_us >> 2)));
        }
    }
    if s.ato > 0 {
        word("ato", millis(ticks_in_micros(s.ato, options.hz)));
    }
    if let Some(h) = send {
        word("mss", h.mss.to_string());
        word("pmtu", h.pmtu.to_string());
    }
    word("rcvmss", s.rcv_mss.to_string());
    word("advmss", s.advmss.to_string());
    if let Some(h) = send {
        word("cwnd", h.cwnd.to_string());
    }
    // A FIN counts (`tcp_rcv_nxt_update`).
    word("bytes_received", (s.rcv_nxt - Seq::FIRST).to_string());
    word("segs_out", run.acks().to_string());
    word("segs_in", run.packets().to_string());
    word("data_segs_in", run.data_packets().to_string());
    if let Some(t) = socket.last_data {
        word("lastrcv", whole_millis_since(t, end));
    }
    if let Some(t) = socket.last_segment {
        word("lastack", whole_millis_since(t, end));
    }
    if s.rcv_rtt > 0 {
        word("rcv_rtt", millis(s.rcv_rtt >> 3));
    }
    word("rcv_space", s.drs_space.to_string());
    word("rcv_ssthresh", s.rcv_ssthresh.to_string());
    word("snd_wnd", s.snd_wnd.to_string());
    word("rcv_wnd", s.rcv_wnd.to_string());
    // `ts` and the congestion control stand alone in `ss`.
    let words: Vec<&str> = words.iter().map(|w| w.strip_suffix(':').unwrap_or(w)).collect();

    let send_q = (s.snd_nxt - s.snd_una).max(0);
    let mut text = format!(
        "{:<11}{:<8}{:<8}{:<20}{}\n",
        "State", "Recv-Q", "Send-Q", "Local Address:Port", "Peer Address:Port"
    );
    let _ = writeln!(
        text,
        "{:<11}{:<8}{:<8}{:<20}{}",
        state_name(s.state),
        s.recvq(),
        send_q,
        options.local,
        options.peer
    );
    text.push_str(&wrap(&words, options.width, "        "));
    text
}

/// The counters that are not 0, as `nstat` shows them.
pub fn nstat_block(counters: &Counters) -> String {
    let mut text = String::from("#kernel\n");
    for (name, value) in Counters::NAMES.iter().zip(counters.values()) {
        if value > 0 {
            let _ = writeln!(text, "{name:<32}{value:<16}{:>6}", "0.0");
        }
    }
    text
}

/// The answers to the experiment's questions, the measures, the digest, and what must be known before all these are
/// trusted. What did not happen is not mentioned.
pub fn answers(run: &Measured, s: &Summary, width: usize) -> String {
    let mut text = String::new();
    let mut line = |label: &str, words: &str| {
        let words: Vec<&str> = words.split(' ').filter(|w| !w.is_empty()).collect();
        let indent = " ".repeat(LABEL);
        let body = wrap(&words, width, &indent);
        let _ = write!(text, "{label:<LABEL$}{}", body.strip_prefix(indent.as_str()).unwrap_or(&body));
    };
    let recv_q = run.closing().state.recvq();
    line(
        "How much data fitted?",
        &format!("{} ({recv_q} in the receive queue, {} read)", bytes(run.fitted()), run.bytes_read()),
    );
    line("In how many bursts?", &burst_text(run));
    line("Memory", &memory_text(run));
    line("Payload", &payload_text(run));
    line("Packets", &packets_text(run));
    line("Drops", &drops_text(run));
    if let Some(speed) = speed_text(run) {
        line("Speed", &speed);
    }
    if let Some(stalls) = stall_text(run) {
        line("Stalls", &stalls);
    }
    if let Some(rtt) = rtt_text(run) {
        line("Round trips", &rtt);
    }
    if let Some(delay) = delay_text(run.queue_delay()) {
        line("Waits on the path", &delay);
    }
    if let Some(delay) = delay_text(run.read_delay()) {
        line("Waits for reads", &delay);
    }
    if let Some(digest) = &s.digest {
        line("Digest", digest);
    }
    for i in &s.inferred {
        line("Inferred", i);
    }
    for w in &s.warnings {
        line("Warning", w);
    }
    text
}

/// Bursts that are listed one by one.
const BURSTS_SHOWN: usize = 12;

fn burst_text(run: &Measured) -> String {
    let sizes = run.bursts().sizes();
    if sizes.is_empty() {
        return "no data came".to_owned();
    }
    let shown: Vec<String> = sizes.iter().take(BURSTS_SHOWN).map(u64::to_string).collect();
    let rest = match run.bursts().count() - shown.len() as u64 {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    let mut text = format!("{} (bytes: {}{rest})", run.bursts().count(), shown.join(", "));
    if let (Some(ns), Some(n)) = (run.fill_ns(), run.fill_bursts()) {
        let _ = write!(text, "; full after {} and {}", time(ns), count(n, "burst"));
    }
    if let Some(ns) = run.finish_ns() {
        let _ = write!(text, "; complete after {}", time(ns));
    }
    text
}

fn memory_text(run: &Measured) -> String {
    let peak = |name| PEAKS.iter().zip(run.peak()).find(|(n, _)| **n == name).map_or(0, |(_, v)| *v);
    let over = peak("over_budget");
    let relation = if over > 0 {
        format!("{over} bytes over the budget")
    } else {
        format!("never above the budget, {} bytes below it at the closest", -over)
    };
    let budget = run.closing().state.rcvbuf;
    format!("skmem_r at most {}, {relation}; skmem_rb {budget} at the end", peak("skmem_r"))
}

fn payload_text(run: &Measured) -> String {
    let mut text = match run.payload_permille() {
        Some(p) => format!("{} of skmem_r is data at the end", percent(p)),
        None => "no memory is charged at the end".to_owned(),
    };
    if let (Some(peak), Some(arrival)) = (run.payload_peak_permille(), run.payload_arrival_permille()) {
        let _ = write!(text, ", {} at its peak, {} of truesize on arrival", percent(peak), percent(arrival));
    }
    if let Some(t) = run.truesize_first() {
        let _ = write!(text, "; the first skb cost {t} bytes");
    }
    text
}

fn packets_text(run: &Measured) -> String {
    let mut text = format!(
        "{} arrived, {} with data ({} merged into an older skb); {}",
        run.packets(),
        run.data_packets(),
        run.coalesced_permille().map_or_else(|| "none".to_owned(), percent),
        count(run.acks(), "ACK"),
    );
    if run.collapsed() > 0 {
        let (n, copied) = (count(run.collapsed(), "collapse"), run.collapse_copied());
        let _ = write!(text, "; {n} copied {copied} bytes and freed {}", run.collapse_freed());
    }
    if run.retransmissions() > 0 {
        let (n, again) = (count(run.retransmissions(), "segment"), run.bytes_retrans());
        let _ = write!(text, "; {n} sent again ({again} bytes)");
    }
    text
}

fn drops_text(run: &Measured) -> String {
    let mut text = match (run.dropped(), run.window_at_first_drop()) {
        (0, _) => "none".to_owned(),
        (n, Some(w)) => format!("{n}; {w} bytes of window were still open at the first"),
        (n, None) => n.to_string(),
    };
    if run.backlog_dropped() > 0 {
        let _ = write!(text, "; {} more because the backlog was full", run.backlog_dropped());
    }
    text
}

fn speed_text(run: &Measured) -> Option<String> {
    let mut text = format!("throughput {}", rate(run.throughput()?));
    // What nobody reads has no goodput worth a word.
    if run.bytes_read() > 0
        && let Some(bps) = run.goodput()
    {
        let _ = write!(text, ", goodput {}", rate(bps));
    }
    if let Some(p) = run.utilisation_permille() {
        let _ = write!(text, "; {} of min(rate, window / RTT)", percent(p));
    }
    Some(text)
}

fn stall_text(run: &Measured) -> Option<String> {
    let kinds: [(&str, &Stall); 4] = [
        ("zero window", run.zero_window()),
        ("RTO", run.timeout()),
        ("rwnd_limited", run.rwnd()),
        ("send buffer", run.sndbuf()),
    ];
    let shown: Vec<String> = (kinds.iter())
        .filter(|(_, s)| s.count > 0)
        .map(|(name, s)| format!("{name} {} in {}", time(s.total_ns), s.count))
        .collect();
    (!shown.is_empty()).then(|| shown.join("; "))
}

fn rtt_text(run: &Measured) -> Option<String> {
    let (least, most) = run.rtt_range_ns()?;
    Some(format!(
        "{} on average, deviation {}, {} to {} ({})",
        time(run.rtt_mean_ns()?),
        time(run.rtt_sd_ns()?),
        time(least),
        time(most),
        count(run.rtt_samples(), "sample")
    ))
}

/// Percentiles, unless nothing ever waited.
fn delay_text(h: &Histogram) -> Option<String> {
    h.max().filter(|ns| *ns > 0)?;
    let p = |percent| h.percentile(percent).map(time);
    Some(format!("median {}, p90 {}, p99 {}, at most {}", p(50)?, p(90)?, p(99)?, time(h.max()?)))
}

/// Width of the labels of [`answers`].
const LABEL: usize = 23;

/// `words` with single spaces, lines of at most `width` columns where the words permit, each indented.
fn wrap(words: &[&str], width: usize, indent: &str) -> String {
    let mut text = String::new();
    let mut column = 0;
    for w in words {
        let n = w.chars().count();
        if column > 0 && column + 1 + n > width {
            text.push('\n');
            column = 0;
        }
        if column == 0 {
            text.push_str(indent);
            column = indent.chars().count();
        } else {
            text.push(' ');
            column += 1;
        }
        text.push_str(w);
        column += n;
    }
    text.push('\n');
    text
}

/// The names of `ss`.
const fn state_name(s: TcpState) -> &'static str {
    match s {
        TcpState::Established => "ESTAB",
        TcpState::SynSent => "SYN-SENT",
        TcpState::SynRecv => "SYN-RECV",
        TcpState::FinWait1 => "FIN-WAIT-1",
        TcpState::FinWait2 => "FIN-WAIT-2",
        TcpState::TimeWait => "TIME-WAIT",
        TcpState::Close => "UNCONN",
        TcpState::CloseWait => "CLOSE-WAIT",
        TcpState::LastAck => "LAST-ACK",
        TcpState::Listen => "LISTEN",
        TcpState::Closing => "CLOSING",
    }
}

fn ticks_in_micros(ticks: u32, hz: u32) -> u32 {
    let us = u64::from(ticks) * 1_000_000 / u64::from(hz.max(1));
    u32::try_from(us).unwrap_or(u32::MAX)
}

/// Microseconds as milliseconds without trailing zeros.
fn millis(us: u32) -> String {
    decimals(u64::from(us), 3)
}

/// Nanoseconds as seconds without trailing zeros.
fn seconds(ns: u64) -> String {
    format!("{} s", decimals(ns / 1_000_000, 3))
}

/// Nanoseconds in the unit that leaves one to three digits before the point, cut after three behind it.
fn time(ns: u64) -> String {
    match ns {
        0 => "0".to_owned(),
        1..1_000 => format!("{ns} ns"),
        1_000..1_000_000 => format!("{} us", decimals(ns, 3)),
        1_000_000..1_000_000_000 => format!("{} ms", decimals(ns / 1_000, 3)),
        _ => format!("{} s", decimals(ns / 1_000_000, 3)),
    }
}

/// Bits per second, as `tc` names them.
fn rate(bps: u64) -> String {
    match bps {
        0..1_000 => format!("{bps} bit/s"),
        1_000..1_000_000 => format!("{} kbit/s", decimals(bps, 3)),
        1_000_000..1_000_000_000 => format!("{} Mbit/s", decimals(bps / 1_000, 3)),
        _ => format!("{} Gbit/s", decimals(bps / 1_000_000, 3)),
    }
}

/// `n` with the last `places` digits behind the point, trailing zeros left out.
fn decimals(n: u64, places: u32) -> String {
    let unit = 10_u64.pow(places);
    let fraction = format!("{:0width$}", n % unit, width = places as usize);
    match fraction.trim_end_matches('0') {
        "" => (n / unit).to_string(),
        f => format!("{}.{f}", n / unit),
    }
}

fn whole_millis_since(t: SimTime, end: SimTime) -> String {
    (end.since(t).as_nanos() / 1_000_000).to_string()
}

/// Bytes, with KiB or MiB beside them from 10 KiB on.
fn bytes(n: i64) -> String {
    const KIB: i64 = 1024;
    let tenths = |unit: i64| {
        let t = n.saturating_mul(10) / unit;
        format!("{}.{}", t / 10, t % 10)
    };
    if n >= 10 * KIB * KIB {
        format!("{n} bytes = {} MiB", tenths(KIB * KIB))
    } else if n >= 10 * KIB {
        format!("{n} bytes = {} KiB", tenths(KIB))
    } else {
        format!("{n} bytes")
    }
}

/// `1 thing`, `2 things`.
fn count(n: u64, thing: &str) -> String {
    format!("{n} {thing}{}", if n == 1 { "" } else { "s" })
}

fn percent(permille: i64) -> String {
    format!("{}.{} %", permille / 10, permille % 10)
}
