//! See `skmem_fuzz::further_passes`.

#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| skmem_fuzz::further_passes(text));
