//! See `skmem_fuzz::injection_section`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| skmem_fuzz::injection_section(data));
