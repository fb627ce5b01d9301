//! A text is a scenario file: it is refused with places, or its worlds build. Neither panics nor hangs.
#![no_main]

use scenarios::assemble::Worlds;
use scenarios::load::from_text;
use scenarios::problem::render;
use std::path::Path;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/library/fuzzed.ron");
    match from_text(&path, text, &[]) {
        Err(rejected) => assert!(!render(&rejected, false).is_empty()),
        Ok(loaded) => drop(Worlds::new(&loaded)),
    }
});
