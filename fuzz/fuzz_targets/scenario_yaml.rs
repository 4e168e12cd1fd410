//! See `skmem_fuzz::scenario_yaml`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| skmem_fuzz::scenario_yaml(data));
