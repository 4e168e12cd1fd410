//! What the fuzz targets do, on random input: no nightly compiler needed, and no coverage to steer it.

use proptest::prelude::*;

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..600)
}

/// Lines that a plan is made of.
fn steps() -> impl Strategy<Value = String> {
    let words = [
        "  syn: {mss: 1460}\n",
        "  steps:\n",
        "    - ",
        "{",
        "}",
        "data: ",
        "len: 1460",
        "count: 5",
        ", ",
        "offset: -1",
        "read: 4KiB",
        "at: 1ms",
        "wait: 1ms",
        "ack:",
        "repeat: {count: 3, steps: [",
        "]}",
        "\n",
        "close: on",
        "x",
        "9",
        "fin: on",
        "write: 100",
        "sockopt: {SO_RCVBUF: 1}",
        "every: 1us",
        "stride: 200",
        "shutdown: write",
    ];
    prop::collection::vec(prop::sample::select(words.to_vec()), 0..40).prop_map(|w| w.concat())
}

proptest! {
    #![proptest_config(config(3_000))]

    #[test]
    fn any_stream_of_segments(data in bytes()) {
        skmem_fuzz::segment_stream(&data);
    }

    #[test]
    fn any_scenario(data in bytes(), text in ".{0,200}") {
        skmem_fuzz::scenario_yaml(&data);
        skmem_fuzz::scenario_yaml(text.as_bytes());
    }

    #[test]
    fn any_plan(text in steps()) {
        skmem_fuzz::injection_section(text.as_bytes());
    }
}

proptest! {
    #![proptest_config(config(300))]

    #[test]
    fn any_settings(data in prop::collection::vec(any::<u8>(), 300)) {
        skmem_fuzz::any_settings(&data);
    }

    #[test]
    fn a_packed_recording_with_some_bytes_changed(at in any::<prop::sample::Index>(), byte: u8, cut in 0usize..3) {
        let mut packed = skmem_fuzz::packed_sample();
        let at = at.index(packed.len());
        packed[at] = byte;
        if cut == 0 {
            packed.truncate(at);
        }
        skmem_fuzz::compact_recording(&packed);
    }
}

proptest! {
    #![proptest_config(config(100))]

    #[test]
    fn any_file_of_a_recording(which in 0u8..7, text in "[a-z_0-9,\\.\n\"{}:-]{0,300}") {
        let data: Vec<u8> = std::iter::once(which).chain(text.bytes()).collect();
        skmem_fuzz::raw_recording(&data);
    }
}

proptest! {
    #![proptest_config(config(2_000))]

    #[test]
    fn any_lines_about_further_passes(lines in prop::collection::vec("[0-9.]{0,3},[a-z,]{0,2},[0-9x]{0,3},[0-9]{0,3}", 0..4)) {
        skmem_fuzz::further_passes(&format!("kernel,case,passes,first_tx\n{}\n", lines.join("\n")));
    }

    #[test]
    fn any_text_about_further_passes(text in "[a-z_0-9,.\n-]{0,80}") {
        skmem_fuzz::further_passes(&text);
    }
}
