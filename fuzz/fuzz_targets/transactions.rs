//! Bytes are a sequence of transactions on a chain that holds every family: the whole catalogue of
//! invariants holds after each, and a forced revert leaves no trace.
#![no_main]

#[path = "../../sim/tests/it/fuzzed/sequences/mod.rs"]
mod sequences;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    sequences::play(bytes);
});
