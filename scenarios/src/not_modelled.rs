//! Sysctls and socket options that kernels have and the model has not: what a reader of `sysctl -a` or `man 7 tcp`
//! might write, and why it is not taken. Some concern nothing that is simulated: they are taken and have no effect.

/// What the model makes of a real setting that it does not have.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Standing {
    /// It concerns nothing that happens in a run: taken, with a warning that says so.
    NoEffect(&'static str),
    /// The model behaves as with this value: taken if it is that, refused otherwise.
    Only(&'static str, &'static str),
    /// Something else in a scenario says it.
    Elsewhere(&'static str),
    /// It is not modelled.
    Missing(&'static str),
}

use Standing::{Elsewhere, Missing, NoEffect, Only};

const KEEPALIVE: Standing =
    NoEffect("it counts for sockets with SO_KEEPALIVE, which is not modelled: silent connections stay");
const LISTENER: Standing = NoEffect("the model's listener has room for every connection");
const BUSY_POLL: Standing = Only("0", "sockets do not poll their device");

/// Sysctls by their full names.
static SYSCTLS: &[(&str, Standing)] = &[
    ("net.ipv4.tcp_mem", Elsewhere("`host.tcp_mem`, in pages, for both hosts")),
    (
        "net.ipv4.tcp_congestion_control",
        Elsewhere("`congestion: cubic` or `congestion: reno` of the same end"),
    ),
    ("net.ipv4.tcp_allowed_congestion_control", NoEffect("every end may use cubic and reno")),
    ("net.ipv4.tcp_available_congestion_control", NoEffect("there are cubic and reno")),
    ("net.core.default_qdisc", Elsewhere("`path.fq`, `path.tbf`, `path.queue` or `path.local_qdisc`")),
    ("net.core.rmem_default", NoEffect("TCP sockets begin with net.ipv4.tcp_rmem[1]")),
    ("net.core.wmem_default", NoEffect("TCP sockets begin with net.ipv4.tcp_wmem[1]")),
    (
        "net.ipv4.tcp_no_metrics_save",
        Only("1", "connections of a run learn nothing from earlier ones (no cache of RTT and reordering)"),
    ),
    (
        "net.ipv4.tcp_no_ssthresh_metrics_save",
        Only("1", "connections of a run learn nothing from earlier ones"),
    ),
    (
        "net.ipv4.tcp_retries1",
        NoEffect("after so many timeouts a kernel looks for another route; there is one"),
    ),
    ("net.ipv4.tcp_mtu_probing", Only("0", "segments are as large as path.mtu and the peer allow")),
    ("net.ipv4.tcp_base_mss", NoEffect("it counts with net.ipv4.tcp_mtu_probing, which is not modelled")),
    (
        "net.ipv4.tcp_mtu_probe_floor",
        NoEffect("it counts with net.ipv4.tcp_mtu_probing, which is not modelled"),
    ),
    (
        "net.ipv4.tcp_probe_interval",
        NoEffect("it counts with net.ipv4.tcp_mtu_probing, which is not modelled"),
    ),
    (
        "net.ipv4.tcp_probe_threshold",
        NoEffect("it counts with net.ipv4.tcp_mtu_probing, which is not modelled"),
    ),
    ("net.ipv4.tcp_min_snd_mss", NoEffect("no smaller MSS can be written in a scenario than kernels take")),
    ("net.ipv4.tcp_fastopen", NoEffect("no program of the model uses TCP Fast Open")),
    ("net.ipv4.tcp_fastopen_blackhole_timeout_sec", NoEffect("no program of the model uses TCP Fast Open")),
    ("net.ipv4.tcp_keepalive_time", KEEPALIVE),
    ("net.ipv4.tcp_keepalive_intvl", KEEPALIVE),
    ("net.ipv4.tcp_keepalive_probes", KEEPALIVE),
    (
        "net.ipv4.tcp_syncookies",
        NoEffect("SYN cookies are sent when a listener overflows, and the model's does not"),
    ),
    ("net.ipv4.tcp_max_syn_backlog", LISTENER),
    ("net.ipv4.tcp_abort_on_overflow", LISTENER),
    ("net.ipv4.tcp_migrate_req", LISTENER),
    ("net.core.somaxconn", LISTENER),
    ("net.ipv4.tcp_tw_reuse", NoEffect("connections of a run have different ports")),
    ("net.ipv4.tcp_tw_reuse_delay", NoEffect("connections of a run have different ports")),
    ("net.ipv4.ip_local_port_range", NoEffect("connections of a run have different ports")),
    ("net.ipv4.tcp_rfc1337", NoEffect("no reset reaches a record in TIME-WAIT")),
    ("net.ipv4.tcp_stdurg", NoEffect("urgent data is not modelled")),
    ("net.ipv4.tcp_fwmark_accept", NoEffect("there are no marks")),
    ("net.ipv4.tcp_l3mdev_accept", NoEffect("there is one routing table")),
    (
        "net.ipv4.tcp_early_demux",
        NoEffect("finding a socket takes no time of its own; host.packet_cost is the whole"),
    ),
    ("net.ipv4.tcp_reflect_tos", NoEffect("queues do not look at the type of service")),
    (
        "net.ipv4.tcp_challenge_ack_limit",
        NoEffect(
            "the limit of a whole host is not reached; that of a connection is net.ipv4.tcp_invalid_ratelimit",
        ),
    ),
    ("net.ipv4.tcp_plb_enabled", Only("0", "there is one path")),
    ("net.ipv4.tcp_ecn_option", Only("0", "ECN is that of RFC 3168")),
    ("net.ipv4.tcp_fack", NoEffect("kernels ignore it since 4.15")),
    ("net.ipv4.tcp_low_latency", NoEffect("kernels ignore it since 4.14")),
    ("net.ipv4.tcp_thin_dupack", NoEffect("kernels do not have it since 4.10")),
    ("net.ipv4.tcp_abc", NoEffect("kernels do not have it since 3.9")),
    ("net.ipv4.tcp_tw_recycle", NoEffect("kernels do not have it since 4.12")),
    ("net.core.netdev_max_backlog", Only("1000", "the input queue of a processor holds 1000 packets")),
    ("net.core.dev_weight", Only("64", "a poll of the input queue takes 64 packets")),
    (
        "net.core.netdev_budget",
        Only("300", "polls take turns until nothing is left; `nic.budget` is a device's own weight"),
    ),
    ("net.core.netdev_budget_usecs", Missing("`nic.budget` is the weight of a device's own poll")),
    ("net.core.gro_normal_batch", Missing("`nic.budget` says after how many frames joined ones go up")),
    ("net.core.busy_poll", BUSY_POLL),
    ("net.core.busy_read", BUSY_POLL),
    ("net.core.high_order_alloc_disable", Only("0", "page fragments come from blocks of 32 KiB")),
    ("net.core.optmem_max", NoEffect("no program of the model sets options that need this memory")),
    ("net.core.skb_defer_max", NoEffect("there is one processor")),
    ("net.core.txq_reselection_skipped", NoEffect("a device has one queue")),
];

/// Socket options.
static SOCKOPTS: &[(&str, Standing)] = &[
    ("TCP_CONGESTION", Elsewhere("`congestion: cubic` or `congestion: reno` of the same end")),
    ("TCP_USER_TIMEOUT", Missing("a connection is given up after net.ipv4.tcp_retries2 timeouts")),
    ("SO_KEEPALIVE", Missing("silent connections stay; nobody asks whether the other end is alive")),
    ("TCP_KEEPIDLE", Missing("keepalive is not modelled")),
    ("TCP_KEEPINTVL", Missing("keepalive is not modelled")),
    ("TCP_KEEPCNT", Missing("keepalive is not modelled")),
    ("SO_SNDLOWAT", Missing("Linux does not let programs set it")),
    (
        "SO_RCVTIMEO",
        Missing("calls of the model wait as long as it takes; `retry` of `write: {mode: burst}` polls"),
    ),
    (
        "SO_SNDTIMEO",
        Missing("calls of the model wait as long as it takes; `retry` of `write: {mode: burst}` polls"),
    ),
    ("SO_BUSY_POLL", Missing("sockets do not poll their device")),
    ("SO_RESERVE_MEM", Missing("sockets have no memory of their own beyond what they use")),
    ("SO_PEEK_OFF", Missing("programs of the model do not peek")),
    ("SO_PRIORITY", Missing("queues do not look at priorities")),
    ("SO_ZEROCOPY", Missing("programs copy what they send; `write: {mode: file}` does too")),
    ("TCP_ZEROCOPY_RECEIVE", Missing("programs copy what they read")),
    ("TCP_DEFER_ACCEPT", Missing("a connection is accepted when its handshake is over")),
    ("TCP_FASTOPEN", Missing("data never comes with a SYN")),
    ("TCP_FASTOPEN_CONNECT", Missing("data never comes with a SYN")),
    (
        "TCP_THIN_LINEAR_TIMEOUTS",
        Elsewhere("`sysctl: {net.ipv4.tcp_thin_linear_timeouts: on}`, for all connections of the end"),
    ),
    ("TCP_RTO_MAX_MS", Elsewhere("`sysctl: {net.ipv4.tcp_rto_max_ms: ...}`, for all connections of the end")),
    ("TCP_RTO_MIN_US", Elsewhere("`route: {rto_min: ...}` of the same end")),
    (
        "TCP_DELACK_MAX_US",
        Missing("the longest delay of an ACK is 200 ms, or route.rto_min where kernels derive it"),
    ),
    ("TCP_INQ", NoEffect("it tells a program how much is left to read and changes nothing")),
    ("TCP_MD5SIG", Missing("options of segments are MSS, window scale, SACK and timestamps")),
    ("TCP_ULP", Missing("sockets carry plain data")),
    ("TCP_REPAIR", Missing("connections begin with a handshake")),
    ("TCP_TX_DELAY", Missing("`path.delay` delays packets")),
];

impl Standing {
    /// Whether a scenario may hold it with this value.
    pub(crate) fn accepts(self, value: &str) -> bool {
        match self {
            NoEffect(_) => true,
            Only(as_modelled, _) => value.trim() == as_modelled || word(as_modelled) == Some(value.trim()),
            Elsewhere(_) | Missing(_) => false,
        }
    }

    /// What to say to a scenario that may not hold it.
    pub(crate) fn refusal(self, name: &str) -> (String, String) {
        match self {
            NoEffect(why) => (format!("`{name}` has no effect here"), why.to_owned()),
            Only(value, why) => {
                (format!("`{name}` is not modelled; runs behave as with {value}"), why.to_owned())
            }
            Elsewhere(key) => (format!("`{name}` is another key here"), format!("write {key}")),
            Missing(why) => (format!("`{name}` is not modelled"), why.to_owned()),
        }
    }
}

/// A switch that is written as a word.
fn word(value: &str) -> Option<&'static str> {
    match value {
        "0" => Some("off"),
        "1" => Some("on"),
        _ => None,
    }
}

/// What the model makes of a sysctl, by its full name, or of a socket option.
pub(crate) fn find(name: &str) -> Option<Standing> {
    SYSCTLS.iter().chain(SOCKOPTS).find(|(n, _)| *n == name).map(|(_, s)| *s)
}

/// The sysctls that a scenario may hold although they are not modelled, and why.
pub(crate) fn accepted_sysctls() -> impl Iterator<Item = (&'static str, &'static str)> {
    SYSCTLS.iter().filter_map(|(name, standing)| match standing {
        NoEffect(why) | Only(_, why) => Some((*name, *why)),
        Elsewhere(_) | Missing(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys;
    use crate::sysctls;

    #[test]
    fn what_is_modelled_is_not_said_to_be_missing() {
        for (name, _) in SYSCTLS {
            assert!(sysctls::find(name).is_none(), "{name}");
        }
        for (name, _) in SOCKOPTS {
            assert!(keys::find(keys::SOCKOPT, name).is_none(), "{name}");
        }
    }

    #[test]
    fn what_is_said_elsewhere_is_there() {
        for (name, standing) in SYSCTLS.iter().chain(SOCKOPTS) {
            let Elsewhere(where_) = standing else { continue };
            for quoted in where_.split('`').skip(1).step_by(2).filter(|q| q.starts_with("path.")) {
                let key = quoted.trim_start_matches("path.");
                assert!(keys::find(keys::PATH, key).is_some(), "{name}: {quoted}");
            }
        }
    }
}
