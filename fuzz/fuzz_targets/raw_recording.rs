//! See `skmem_fuzz::raw_recording`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| skmem_fuzz::raw_recording(data));
