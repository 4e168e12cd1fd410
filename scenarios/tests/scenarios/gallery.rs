//! The scenarios that come with the program.

use scenarios::{Overrides, Source, gallery, gallery_text, resolve, template};

#[test]
fn every_gallery_scenario_resolves_without_a_warning() {
    for (name, text) in gallery() {
        let s = resolve(&Source::new(*name, *text), &Overrides::default())
            .unwrap_or_else(|e| panic!("{}", e.render(false)));
        assert_eq!(s.name, *name);
        // A cap that the kernel does not speak of may be what a scenario is about.
        let warnings: Vec<String> = s.warnings.iter().map(ToString::to_string).collect();
        assert!(warnings.iter().all(|w| w.contains("mem_max")), "{name}: {warnings:?}");
        // Only what a scenario is about may be inferred: a variant, a device, another congestion control, the host.
        let subjects = ["variant", ".nic ", ".congestion ", "host."];
        let about = |i: &&String| subjects.iter().any(|s| i.contains(s));
        assert_eq!(s.inferred.iter().find(|i| !about(i)), None, "{name}");
        assert!(s.about.lines().count() >= 4, "{name}");
        assert!(!s.expectations.is_empty(), "{name}");
        assert_eq!(gallery_text(name), Some(*text));
    }
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
