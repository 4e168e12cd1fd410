//! The plans that come with the program.

/// Names and texts.
static PLANS: &[(&str, &str)] = &[
    ("adv-win-scale-x-packet-size", include_str!("../plans/adv-win-scale-x-packet-size.yaml")),
    ("kernel-upgrade-check", include_str!("../plans/kernel-upgrade-check.yaml")),
    ("low-latency-messaging", include_str!("../plans/low-latency-messaging.yaml")),
    ("overrun-map", include_str!("../plans/overrun-map.yaml")),
    ("rcvbuf-x-rtt", include_str!("../plans/rcvbuf-x-rtt.yaml")),
    ("tcp-rmem-wan", include_str!("../plans/tcp-rmem-wan.yaml")),
    ("truesize-x-budget", include_str!("../plans/truesize-x-budget.yaml")),
];

/// All plans: name and text.
pub fn plans() -> &'static [(&'static str, &'static str)] {
    PLANS
}

/// The text of a plan.
pub fn plan_text(name: &str) -> Option<&'static str> {
    PLANS.iter().find(|(n, _)| *n == name).map(|(_, text)| *text)
}
