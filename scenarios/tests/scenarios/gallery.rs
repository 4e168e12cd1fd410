//! The scenarios that come with the program.

use scenarios::{Overrides, Source, gallery, gallery_text, resolve, template};

/// Warnings, and what is inferred, of the scenarios that are about just that; the others have none.
const SAID: [(&str, &str); 20] = [
    ("slow-opening-patched", "kernel 6.1-initrwnd: inferred from 6.1.187 (a variant that was not recorded)"),
    ("tiny-sends-unbounded", "receiver.nic page: no recording of this device"),
    ("page-per-packet", "receiver.nic page: no recording of this device"),
    ("half-page-per-packet", "receiver.nic half-page: no recording of this device"),
    ("page-16k-per-packet", "receiver.nic page-16k: no recording of this device"),
    ("header-room", "receiver.nic half-page: no recording of this device"),
    ("cache-line-128", "receiver.nic page: no recording of this device"),
    ("cache-line-128", "host.cache_line 128, host.max_skb_frags 17: the recorded kernels have 64 and 17"),
    ("pathological-truesize", "receiver.nic with explicit figures: not a recorded device"),
    ("strict-budget-stall", "receiver.nic page-16k: no recording of this device"),
    ("rcvbuf-on-a-long-path", "SO_RCVBUF 4MiB is capped at net.core.rmem_max, 212992 bytes"),
    (
        "drs-50ms-before",
        "kernel 6.18-plain-doubling: inferred from 6.18.15 (a variant that was not recorded)",
    ),
    ("drs-50ms-before", "receiver.nic with explicit figures: not a recorded device"),
    ("drs-50ms-before", "host.hz 1000: the recorded kernels have 250"),
    ("drs-50ms-before", "host.cache_line 32, host.max_skb_frags 17: the recorded kernels have 64 and 17"),
    ("drs-50ms-after", "receiver.nic with explicit figures: not a recorded device"),
    ("drs-50ms-after", "host.hz 1000: the recorded kernels have 250"),
    ("drs-50ms-after", "host.cache_line 32, host.max_skb_frags 17: the recorded kernels have 64 and 17"),
    ("low-rtt-autotuning", "receiver.nic with explicit figures: not a recorded device"),
    ("collapse-stall", "receiver.nic page: no recording of this device"),
];

#[test]
fn gallery_scenarios_warn_and_infer_only_what_they_are_about() {
    let mut found: Vec<(String, String)> = Vec::new();
    for (name, text) in gallery() {
        let s = resolve(&Source::new(*name, *text), &Overrides::default())
            .unwrap_or_else(|e| panic!("{}", e.render(false)));
        assert_eq!(s.name, *name);
        let said = s.warnings.iter().map(|w| w.message.clone()).chain(s.inferred.iter().cloned());
        found.extend(said.map(|text| ((*name).to_owned(), text)));
        assert!(text.contains(s.config.kernel.name), "{name}");
        assert!(s.about.lines().count() >= 4, "{name}");
        assert!(!s.expectations.is_empty(), "{name}");
        assert_eq!(gallery_text(name), Some(*text));
    }
    let known: Vec<_> = SAID.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    assert_eq!(found, known);
}

#[test]
fn on_a_newer_kernel_only_the_window_scale_is_ignored() {
    for (name, text) in gallery() {
        let overrides = Overrides { kernel: Some("7.2".into()), ..Overrides::default() };
        let s = resolve(&Source::new(*name, *text), &overrides).unwrap();
        assert!(s.warnings.iter().all(|w| w.message.contains("tcp_adv_win_scale")), "{:?}", s.warnings);
    }
}

#[test]
fn the_template_is_a_good_scenario() {
    let text = template("my-first").unwrap();
    let s = resolve(&Source::new("my-first.yaml", text), &Overrides::default()).unwrap();
    assert_eq!((s.name.as_str(), s.warnings.len()), ("my-first", 0));
    assert!(template("no/folder").is_err());
}
