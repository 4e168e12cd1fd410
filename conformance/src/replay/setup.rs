//! The configuration of the recorded socket.

use std::collections::BTreeMap;

use sim_core::config::{LiveOption, Route, Sysctls};
use sim_core::linux::{self, KernelProfile};
use sim_core::segment::{Flags, SynOptions, Timestamps};
use sim_core::time::SimDuration;
use thiserror::Error;

use crate::recording::{CaseKind, KernelVersion, Recording};
use crate::script::ScriptOptions;

/// Why a recording cannot be replayed.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum SetupError {
    /// No profile describes its kernel.
    #[error("kernel {0} has no profile; known are {known}", known = linux::ALL.map(|k| k.name).join(", "))]
    UnknownKernel(String),
    /// Something needed is not there.
    #[error("{case}: {what}")]
    Missing {
        /// The case.
        case: String,
        /// What is missing.
        what: String,
    },
}

/// What the recorded socket was configured with.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Its kernel.
    pub kernel: &'static KernelProfile,
    /// Its host's sysctls.
    pub sysctl: Sysctls,
    /// Its route.
    pub route: Route,
    /// MTU of the device, bytes.
    pub mtu: u32,
    /// Delay of the path, one way (`netem delay`).
    pub delay: SimDuration,
    /// Congestion control of the namespace.
    pub congestion: String,
    /// `TCP_MAXSEG`.
    pub maxseg: Option<u16>,
    /// Options of the listener, in order.
    pub options: Vec<LiveOption>,
    /// The SYN that opened the connection.
    pub syn: SynOptions,
}

/// The profile of a recording's kernel.
pub(super) fn profile(rec: &Recording) -> Result<&'static KernelProfile, SetupError> {
    let KernelVersion { major, minor } = rec.version();
    linux::by_name(&format!("{major}.{minor}")).ok_or_else(|| SetupError::UnknownKernel(rec.kernel.clone()))
}

/// The words of the set-up line that contains `needle`, from the last such line.
pub(crate) fn words_of<'a>(setup: &'a [String], needle: &str) -> Vec<&'a str> {
    setup
        .iter()
        .rev()
        .find(|l| l.contains(needle))
        .map(|l| l.split_whitespace().collect())
        .unwrap_or_default()
}

pub(crate) fn word_after<T: std::str::FromStr>(words: &[&str], key: &str) -> Option<T> {
    let at = words.iter().position(|w| *w == key)?;
    words.get(at + 1)?.parse().ok()
}

/// A number and its unit.
pub(crate) fn with_unit(text: &str) -> Option<(f64, &str)> {
    let at = text.find(|c: char| c.is_ascii_alphabetic() || c == '%').unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    number.parse().ok().filter(|n: &f64| n.is_finite() && *n >= 0.0).map(|n| (n, unit))
}

/// A time as `tc` reads it; a bare number counts microseconds.
pub(crate) fn time(text: &str) -> Option<SimDuration> {
    let (n, unit) = with_unit(text)?;
    let ns = match unit {
        "s" | "sec" | "secs" => 1e9,
        "ms" | "msec" | "msecs" => 1e6,
        "us" | "usec" | "usecs" | "" => 1e3,
        "ns" => 1.0,
        _ => return None,
    };
    Some(SimDuration::from_nanos((n * ns).round() as u64))
}

/// The delay of the `netem` line; none without one.
fn delay(setup: &[String]) -> SimDuration {
    let text: Option<String> = word_after(&words_of(setup, "netem"), "delay");
    text.as_deref().and_then(time).unwrap_or_default()
}

fn three(text: &str, default: [u32; 3]) -> [u32; 3] {
    let mut out = default;
    for (slot, word) in out.iter_mut().zip(text.split_whitespace()) {
        *slot = word.parse().unwrap_or(*slot);
    }
    out
}

/// What the set-up lines write below `/proc/sys/net/ipv4`, by name; a later line wins.
fn sysctls_written(setup: &[String]) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    for line in setup {
        let Some((value, path)) = line.strip_prefix("echo ").and_then(|l| l.split_once('>')) else {
            continue;
        };
        let path = path.split_whitespace().next().unwrap_or("");
        if let Some(name) = path.strip_prefix("/proc/sys/net/ipv4/") {
            out.insert(name.to_owned(), value.trim().trim_matches('"').to_owned());
        }
    }
    out
}

/// Whether the shell that set the machine up found no such sysctl: the kernel does not have it.
fn is_missing(name: &str, stderr: &str) -> bool {
    let path = format!("can't create /proc/sys/net/ipv4/{name}:");
    stderr.lines().any(|line| line.contains(&path))
}

/// Applies the recorded sysctls to the kernel's defaults.
fn sysctls(kernel: &KernelProfile, recorded: &BTreeMap<String, String>) -> Sysctls {
    let mut s = kernel.default_sysctls();
    for (name, text) in recorded {
        let number: i64 = text.trim().parse().unwrap_or(0);
        let flag = number != 0;
        match name.as_str() {
            "tcp_rmem" => s.tcp_rmem = three(text, s.tcp_rmem),
            "tcp_wmem" => s.tcp_wmem = three(text, s.tcp_wmem),
            "tcp_adv_win_scale" => s.tcp_adv_win_scale = number.clamp(-31, 31) as i8,
            "tcp_moderate_rcvbuf" => s.tcp_moderate_rcvbuf = flag,
            "tcp_shrink_window" => s.tcp_shrink_window = flag,
            "tcp_app_win" => s.tcp_app_win = number.clamp(0, 31) as u8,
            "tcp_window_scaling" => s.tcp_window_scaling = flag,
            "tcp_timestamps" => s.tcp_timestamps = flag,
            "tcp_sack" => s.tcp_sack = flag,
            "tcp_dsack" => s.tcp_dsack = flag,
            "tcp_autocorking" => s.tcp_autocorking = flag,
            "tcp_workaround_signed_windows" => s.tcp_workaround_signed_windows = flag,
            "tcp_comp_sack_delay_ns" => s.tcp_comp_sack_delay_ns = number.max(0) as u64,
            "tcp_comp_sack_slack_ns" => s.tcp_comp_sack_slack_ns = number.max(0) as u64,
            "tcp_comp_sack_nr" => s.tcp_comp_sack_nr = number.clamp(0, 255) as u8,
            "tcp_comp_sack_rtt_percent" => s.tcp_comp_sack_rtt_percent = number.max(0) as u32,
            "tcp_backlog_ack_defer" => s.tcp_backlog_ack_defer = flag,
            "tcp_pingpong_thresh" => s.tcp_pingpong_thresh = number.clamp(0, 255) as u8,
            "tcp_rcvbuf_low_rtt" => s.tcp_rcvbuf_low_rtt = number.max(0) as u32,
            "tcp_invalid_ratelimit" => s.tcp_invalid_ratelimit = number.max(0) as u32,
            "tcp_slow_start_after_idle" => s.tcp_slow_start_after_idle = flag,
            "tcp_early_retrans" => s.tcp_early_retrans = number.clamp(0, 4) as u8,
            "tcp_retries2" => s.tcp_retries2 = number.clamp(0, 255) as u8,
            "tcp_retrans_collapse" => s.tcp_retrans_collapse = flag,
            "tcp_notsent_lowat" => s.tcp_notsent_lowat = number as u32,
            "tcp_thin_linear_timeouts" => s.tcp_thin_linear_timeouts = flag,
            "tcp_limit_output_bytes" => s.tcp_limit_output_bytes = number.max(0) as u32,
            "tcp_recovery" => s.tcp_recovery = number.clamp(0, 255) as u8,
            "tcp_frto" => s.tcp_frto = number.clamp(0, 2) as u8,
            "tcp_reordering" => s.tcp_reordering = number.max(1) as u32,
            "tcp_min_tso_segs" => s.tcp_min_tso_segs = number.max(1) as u32,
            "tcp_tso_win_divisor" => s.tcp_tso_win_divisor = number.max(0) as u32,
            "tcp_rto_min_us" => s.tcp_rto_min_us = number.max(0) as u32,
            _ => {}
        }
    }
    s
}

impl Setup {
    /// Reads the configuration off a recording.
    ///
    /// # Errors
    /// If the kernel is unknown or the recording lacks the opening of its connection.
    pub fn of(rec: &Recording) -> Result<Self, SetupError> {
        let s = &rec.summary;
        let missing = |what: &str| SetupError::Missing { case: rec.case.clone(), what: what.to_owned() };
        let kernel = profile(rec)?;
        let mut written = sysctls_written(&s.setup);
        written.retain(|name, _| !is_missing(name, &s.guest_stderr));
        written.extend(s.sysctl.iter().map(|(k, v)| (k.clone(), v.clone())));
        let sysctl = sysctls(kernel, &written);
        let congestion = written.get("tcp_congestion_control").cloned().unwrap_or_else(|| "cubic".to_owned());
        let route = words_of(&s.setup, "ip route");
        let route = Route {
            initcwnd: word_after(&route, "initcwnd"),
            initrwnd: word_after(&route, "initrwnd"),
            quickack: word_after::<u8>(&route, "quickack").is_some_and(|v| v != 0),
            window: word_after(&route, "window"),
            advmss: word_after(&route, "advmss"),
            rto_min: word_after::<String>(&route, "rto_min")
                .and_then(|t| t.trim_end_matches("ms").parse().ok())
                .map(SimDuration::from_millis),
        };
        let mut out = Self {
            kernel,
            sysctl,
            route,
            mtu: 1500,
            delay: delay(&s.setup),
            congestion,
            maxseg: None,
            options: Vec::new(),
            syn: SynOptions { mss: 536, window_scale: None, sack: false, ts: None, window: 65_535 },
        };
        match s.kind {
            CaseKind::Loop => {
                out.loop_options(rec).ok_or_else(|| missing("no SYN of the client was recorded"))?
            }
            CaseKind::Injection => {
                out.script_options(rec).ok_or_else(|| missing("its script has no valid \"syn\" line"))?;
            }
        }
        Ok(out)
    }

    fn loop_options(&mut self, rec: &Recording) -> Option<()> {
        let s = &rec.summary;
        let empty = BTreeMap::new();
        let options = s.options.as_ref().unwrap_or(&empty);
        let number = |key: &str| options.get(key).and_then(|v| v.parse::<i64>().ok()).filter(|&v| v > 0);
        self.mtu = word_after(&words_of(&s.setup, "lo up mtu"), "mtu").unwrap_or(65_536);
        self.maxseg = number("smss").map(|v| v.min(65_535) as u16);
        for (key, make) in [
            ("rcvbuf", LiveOption::RcvBufForce as fn(u32) -> LiveOption),
            ("lclamp", LiveOption::WindowClamp),
            ("llowat", LiveOption::RcvLowat),
        ] {
            self.options.extend(number(key).map(|v| make(v as u32)));
        }
        // SYNs may be lost on the way: the last one before the SYN-ACK is the one that arrived.
        let answered = rec.acks.iter().find(|a| a.flags.has(Flags::SYN)).map_or(u64::MAX, |a| a.ev);
        let mut syns = rec.tx.iter().take_while(|t| t.flags.has(Flags::SYN));
        let first = syns.next()?;
        let syn = syns.take_while(|t| t.ev < answered).last().unwrap_or(first);
        self.syn = SynOptions {
            mss: syn.mss_opt.unwrap_or(536).min(65_535) as u16,
            window_scale: syn.ws_opt,
            sack: self.sysctl.tcp_sack,
            ts: syn.tsval.map(|val| Timestamps { val, ecr: 0 }),
            window: syn.win_raw,
        };
        Some(())
    }

    fn script_options(&mut self, rec: &Recording) -> Option<()> {
        let script = rec.summary.script.as_ref()?;
        // The traffic program sets them in this order, whatever the order of the lines.
        let (mut rcvbuf, mut clamp, mut lowat) = (None, None, None);
        let tap = script.iter().any(|l| l.trim() == "opt tap 1");
        for line in script {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                ["opt", name, value, ..] => {
                    let v: u32 = value.parse().ok()?;
                    match *name {
                        "rcvbuf" => rcvbuf = Some(LiveOption::RcvBufForce(v)),
                        "clamp" => clamp = Some(LiveOption::WindowClamp(v)),
                        "lowat" => lowat = Some(LiveOption::RcvLowat(v)),
                        "smss" => self.maxseg = Some(v.min(65_535) as u16),
                        "mtu" => self.mtu = ScriptOptions { mtu: Some(v), tap, ..Default::default() }.mtu(),
                        _ => {}
                    }
                }
                ["syn", mss, scale, rest @ ..] => {
                    let set = |o: &LiveOption| {
                        let (LiveOption::RcvBufForce(v)
                        | LiveOption::WindowClamp(v)
                        | LiveOption::RcvLowat(v)) = o
                        else {
                            return true;
                        };
                        *v != 0
                    };
                    self.options.extend([rcvbuf, clamp, lowat].into_iter().flatten().filter(set));
                    // The script's peer counts its TSval up from 5000, one per segment.
                    let first = rec.rows.first().and_then(|r| r.segment.as_ref()).and_then(|s| s.tsval);
                    let marks = rest.first().copied().unwrap_or("");
                    self.syn = peer_syn(mss, scale, marks, &self.sysctl, first)?;
                    return Some(());
                }
                _ => {}
            }
        }
        None
    }
}

/// The SYN of a script's peer, with what the server takes of it: `marks` says whether it offers SACK (`s`) and timestamps
/// (`t`), `first_tsval` is the TSval of its next segment.
fn peer_syn(
    mss: &str,
    scale: &str,
    marks: &str,
    sysctl: &Sysctls,
    first_tsval: Option<u32>,
) -> Option<SynOptions> {
    let scale: i32 = scale.parse().ok()?;
    let ts = marks.contains('t') && sysctl.tcp_timestamps;
    Some(SynOptions {
        mss: mss.parse().ok()?,
        window_scale: u8::try_from(scale).ok(),
        sack: marks.contains('s') && sysctl.tcp_sack,
        ts: ts.then(|| Timestamps { val: first_tsval.unwrap_or(1).wrapping_sub(1), ecr: 0 }),
        window: 65_535,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sysctl_that_the_kernel_does_not_have_is_not_set() {
        let said =
            "/cases/x.sh: line 12: can't create /proc/sys/net/ipv4/tcp_rto_min_us: nonexistent directory";
        assert!(is_missing("tcp_rto_min_us", said));
        assert!(!is_missing("tcp_rto", said) && !is_missing("tcp_rto_min_us", ""));
    }

    #[test]
    fn a_peer_uses_sack_and_timestamps_only_if_the_server_does() {
        let k = linux::by_name("6.1").unwrap();
        let mut sysctl = k.default_sysctls();
        let both = peer_syn("1460", "7", "st", &sysctl, Some(5_001)).unwrap();
        assert!(both.sack && both.ts.is_some_and(|t| t.val == 5_000));
        assert_eq!((both.mss, both.window_scale), (1_460, Some(7)));
        (sysctl.tcp_sack, sysctl.tcp_timestamps) = (false, false);
        let none = peer_syn("1460", "-1", "st", &sysctl, None).unwrap();
        assert!(!none.sack && none.ts.is_none() && none.window_scale.is_none());
    }
}
