//! The hosts of a run as their kernels report them: `/proc/net/sockstat`, `/proc/net/protocols`, `ss -s`, and the log.

use std::fmt::Write as _;

use sim_core::engine::{HostOutcome, RunOutcome};
use sim_core::host::HostSnapshot;
use sim_core::linux::KernelProfile;
use sim_core::time::SimTime;

/// The hosts of a run, as text.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct HostReport {
    /// What `sockstat.txt` holds: both hosts at the end, when most memory was charged, and at the moments the scenario names.
    pub sockstat: String,
    /// What `dmesg.txt` holds; empty if nothing was logged.
    pub dmesg: String,
    /// The few lines that a printed report has, if the hosts had anything to do with what happened; otherwise empty.
    pub brief: String,
}

impl HostReport {
    /// The hosts of a run on `kernel`.
    pub fn of(outcome: &RunOutcome, kernel: &KernelProfile) -> Self {
        let hosts = [("receiver", &outcome.receiver_host, 1), ("sender", &outcome.sender_host, 0)];
        let mut report = Self::default();
        for (name, host, side) in hosts {
            let mut moments = vec![("at the end", host.at_end)];
            if host.peak > 0 {
                moments.push(("when most memory was charged", host.at_peak));
            }
            moments.extend(outcome.snapshots.iter().map(|s| (s.name.as_str(), s.hosts[side])));
            moments.sort_by_key(|(_, s)| s.time);
            for (when, s) in &moments {
                section(&mut report.sockstat, name, when, s, host, kernel);
            }
            for (time, message) in &host.log {
                let _ = writeln!(report.dmesg, "{name} {}{message}", stamp(*time));
            }
            if is_worth_a_word(host) || !outcome.snapshots.is_empty() {
                brief(&mut report.brief, name, &moments, host);
            }
        }
        report
    }
}

/// Whether memory or the number of sockets of a host had to do with what happened.
fn is_worth_a_word(host: &HostOutcome) -> bool {
    let pressed = host.under_pressure || host.refusals > 0 || host.peak > host.limits[0] as i64;
    pressed || host.orphan_peak > 0 || host.time_wait_peak > 0 || !host.log.is_empty()
}

/// One host at one moment.
fn section(
    out: &mut String,
    name: &str,
    when: &str,
    s: &HostSnapshot,
    host: &HostOutcome,
    kernel: &KernelProfile,
) {
    let [low, pressure, high] = host.limits;
    let _ = writeln!(out, "# {name}, {when}: {} s\n", seconds(s.time));
    let _ = writeln!(out, "/proc/net/sockstat\n{}", sockstat(s));
    let _ = writeln!(out, "/proc/net/protocols\n{}", protocols(s, kernel));
    let _ = writeln!(out, "ss -s\n{}", socket_summary(s));
    let held = s.charged - s.mem;
    let _ = writeln!(
        out,
        "# tcp_mem {low} {pressure} {high}; pages charged {} ({held} of them not yet in mem)",
        s.charged
    );
    let records = s.census.time_wait * u64::from(kernel.defaults.record_size);
    if records > 0 {
        let _ = writeln!(out, "# records of ended connections: {records} bytes, none of them in tcp_mem");
    }
    out.push('\n');
}

/// The first two lines of `/proc/net/sockstat`; there are no sockets of other kinds.
pub fn sockstat(s: &HostSnapshot) -> String {
    let c = &s.census;
    format!(
        "sockets: used {}\nTCP: inuse {} orphan {} tw {} alloc {} mem {}\n",
        c.used, c.inuse, c.orphan, c.time_wait, s.alloc, s.mem
    )
}

/// The line of TCP in `/proc/net/protocols`, up to the column `module`.
pub fn protocols(s: &HostSnapshot, kernel: &KernelProfile) -> String {
    format!(
        "protocol  size sockets  memory press maxhdr  slab module\n{:<9} {:>4} {:>6}  {:>6}   {:<3} {:>6}   {:<3}  kernel\n",
        "TCP",
        kernel.defaults.socket_size,
        s.alloc,
        s.mem,
        if s.pressure { "yes" } else { "no" },
        kernel.max_tcp_header,
        "yes"
    )
}

/// `ss -s`. As there, a record counts as closed too.
pub fn socket_summary(s: &HostSnapshot) -> String {
    let c = &s.census;
    let closed = (s.alloc + c.time_wait).saturating_sub(c.inuse);
    let mut text = format!(
        "Total: {}\nTCP:   {} (estab {}, closed {closed}, orphaned {}, timewait {})\n\n",
        c.used,
        s.alloc + c.time_wait,
        c.established,
        c.orphan,
        c.time_wait
    );
    text.push_str("Transport Total     IP        IPv6\n");
    for (name, n) in [("RAW", 0), ("UDP", 0), ("TCP", c.inuse), ("INET", c.inuse), ("FRAG", 0)] {
        let _ = writeln!(text, "{name}\t  {n:<9} {n:<9} {:<9}", 0);
    }
    text
}

/// The lines of a printed report.
fn brief(out: &mut String, name: &str, moments: &[(&str, HostSnapshot)], host: &HostOutcome) {
    let [low, pressure, high] = host.limits;
    let _ = writeln!(out, "{name}: tcp_mem {low} {pressure} {high}; refused {}", host.refusals);
    for (when, s) in moments {
        let c = &s.census;
        let _ = writeln!(
            out,
            "  TCP: inuse {} orphan {} tw {} alloc {} mem {}{}  ({when}, {} s)",
            c.inuse,
            c.orphan,
            c.time_wait,
            s.alloc,
            s.mem,
            if s.pressure { " press yes" } else { "" },
            seconds(s.time)
        );
    }
    for (time, message) in host.log.iter().take(BRIEF_LINES) {
        let _ = writeln!(out, "  {}{message}", stamp(*time));
    }
    if host.log.len() > BRIEF_LINES {
        let _ = writeln!(out, "  ... {} lines more", host.log.len() - BRIEF_LINES);
    }
}

/// Lines of the log that a printed report has.
const BRIEF_LINES: usize = 3;

/// The stamp of a line of the log: the run's own clock.
fn stamp(time: SimTime) -> String {
    format!("[{:>5}.{:06}] ", time.as_micros() / 1_000_000, time.as_micros() % 1_000_000)
}

fn seconds(time: SimTime) -> String {
    format!("{}.{:06}", time.as_micros() / 1_000_000, time.as_micros() % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sim_core::host::Census;
    use sim_core::linux::by_name;

    fn snapshot() -> HostSnapshot {
        HostSnapshot {
            time: SimTime::from_nanos(1_234_567_000),
            census: Census { used: 24, inuse: 24, orphan: 3, time_wait: 2, established: 20 },
            alloc: 24,
            mem: 24,
            charged: 24,
            pressure: false,
        }
    }

    #[test]
    fn the_forms_are_those_of_the_kernel() {
        // As kernel 5.10 printed it with 24 sockets and 24 pages, but for orphans and records.
        assert_eq!(sockstat(&snapshot()), "sockets: used 24\nTCP: inuse 24 orphan 3 tw 2 alloc 24 mem 24\n");
        let line = "TCP       2216     24      24   no     256   yes  kernel";
        assert_eq!(protocols(&snapshot(), by_name("5.10").unwrap()).lines().nth(1), Some(line));
        let pressed = HostSnapshot { pressure: true, mem: 1_000, ..snapshot() };
        let line = "TCP       2432     24    1000   yes    256   yes  kernel";
        assert_eq!(protocols(&pressed, by_name("7.2").unwrap()).lines().nth(1), Some(line));
    }

    #[test]
    fn ss_counts_records_twice() {
        let text = socket_summary(&snapshot());
        assert!(text.contains("TCP:   26 (estab 20, closed 2, orphaned 3, timewait 2)"), "{text}");
        assert!(text.contains("TCP\t  24        24        0        \n"), "{text}");
    }

    #[test]
    fn the_log_has_the_clock_of_the_run() {
        assert_eq!(stamp(SimTime::from_nanos(2_313_258_000)), "[    2.313258] ");
    }
}
