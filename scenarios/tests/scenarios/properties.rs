//! What holds for every input.

use proptest::prelude::*;
use scenarios::units::{format_rate, format_size, format_time, parse_rate, parse_size, parse_time};
use scenarios::{Overrides, Source, resolve, resolved_yaml};

use super::try_resolve;

/// Pieces that scenarios are made of, so that random texts reach further than the first character.
fn piece() -> impl Strategy<Value = String> {
    let words = [
        "kernel: 6.1\n",
        "path:",
        " {",
        "}",
        "[",
        "]",
        ": ",
        "\n",
        "  ",
        "- ",
        "rtt",
        "delay: 1ms",
        "mtu: 65536",
        "sender:",
        "receiver:",
        "sysctl: ",
        "net.ipv4.tcp_rmem",
        " 4096 131072 6291456",
        "sockopt: {SO_RCVBUF: 64KiB}",
        "read: ",
        "mode: fixed",
        "bytes: 1",
        "expect: {final.recv_q: ",
        "\"",
        "'",
        "&a ",
        "*a",
        "<<: ",
        "|",
        ">",
        "± 5",
        "!",
        "%",
        "~",
        ".nan",
        "-1",
        "1e400",
        "\t",
        "#",
        "é",
        "\u{feff}",
        "\0",
    ];
    prop_oneof![
        4 => proptest::sample::select(words.to_vec()).prop_map(str::to_owned),
        1 => any::<String>(),
    ]
}

proptest! {
    #[test]
    fn sizes_survive_the_way_through_text(bytes: u64) {
        prop_assert_eq!(parse_size(&format_size(bytes)), Ok(bytes));
    }

    #[test]
    fn rates_survive_the_way_through_text(bits: u64) {
        prop_assert_eq!(parse_rate(&format_rate(bits)), Ok(bits));
    }

    #[test]
    fn times_survive_the_way_through_text(ns: u64) {
        prop_assert_eq!(parse_time(&format_time(ns)), Ok(ns));
    }

    #[test]
    fn round_quantities_survive_too(n in 0_u64..10_000, unit in 0_usize..7) {
        let (name, factor) = scenarios::units::SIZE_UNITS[unit];
        let bytes = n * factor;
        prop_assert_eq!(parse_size(&format!("{n}{name}")), Ok(bytes));
        prop_assert_eq!(parse_size(&format_size(bytes)), Ok(bytes));
    }

    #[test]
    fn a_fraction_is_exact_or_refused(whole in 0_u64..1000, milli in 0_u64..1000) {
        let text = format!("{whole}.{milli:03}");
        prop_assert_eq!(parse_time(&format!("{text}us")), Ok(whole * 1000 + milli));
        prop_assert_eq!(parse_size(&format!("{text}B")).is_ok(), milli == 0);
    }

    #[test]
    fn no_quantity_panics(text: String) {
        let _ = (parse_size(&text), parse_rate(&text), parse_time(&text));
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Err(e) = try_resolve(&String::from_utf8_lossy(&bytes)) {
            prop_assert!(!e.render(false).is_empty());
        }
    }

    #[test]
    fn no_text_of_scenario_pieces_panics(pieces in proptest::collection::vec(piece(), 0..30)) {
        if let Err(e) = try_resolve(&pieces.concat()) {
            prop_assert!(!e.render(true).is_empty());
        }
    }

    #[test]
    fn no_override_panics(text in prop_oneof![any::<String>(), "(rx|tx|path|receiver|expect|host)[.a-z_\\[\\]0-9]{0,20}=.{0,20}"]) {
        let overrides = Overrides { set: vec![text], ..Overrides::default() };
        if let Err(e) = resolve(&Source::new("t", "kernel: 6.1"), &overrides) {
            prop_assert!(!e.render(false).is_empty());
        }
    }

    #[test]
    fn whatever_resolves_means_the_same_when_written_out(
        kernel in proptest::sample::select(vec!["5.10", "6.1", "6.12", "6.18", "7.2"]),
        rtt in 0_u64..10_000_000_000, limit in 1_u32..1_000_000, mtu in 68_u32..65_537, seed: u64,
        rcvbuf in 0_u32..200_000, maxseg in 88_u16..32_768, every in 1_u64..5_000_000_000, about in "[ -~\n]{0,80}",
    ) {
        let text = format!(
            "kernel: {kernel}\nseed: {seed}\nabout: {}\npath: {{rtt: {rtt}ns, limit: {limit}, mtu: {mtu}}}\nreceiver:\n  \
             sockopt: {{SO_RCVBUF: {rcvbuf}, TCP_MAXSEG: {maxseg}}}\n  read: {{mode: fixed, bytes: {maxseg}, every: {every}ns}}\n",
            serde_json::Value::from(about),
        );
        let first = try_resolve(&text).map_err(|e| TestCaseError::fail(e.to_string()))?;
        let second = try_resolve(&resolved_yaml(&first)).map_err(|e| TestCaseError::fail(e.to_string()))?;
        prop_assert_eq!(&second.config, &first.config);
        prop_assert_eq!(second.about, first.about);
    }
}
