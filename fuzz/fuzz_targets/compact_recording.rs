//! See `skmem_fuzz::compact_recording`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| skmem_fuzz::compact_recording(data));
