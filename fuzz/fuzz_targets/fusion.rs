#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| graftlet_fuzz::check("fusion", data));
