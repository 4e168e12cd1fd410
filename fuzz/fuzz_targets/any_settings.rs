//! See `skmem_fuzz::any_settings`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| skmem_fuzz::any_settings(data));
