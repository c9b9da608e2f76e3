#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| pasje_fuzz::frames::run(data));
