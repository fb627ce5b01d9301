//! What `sim` promises to those who use it. One binary, so that one link is enough; `cargo test -p sim vectors::`
//! runs one of its parts.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]
#![allow(
    clippy::duplicate_mod,
    reason = "benches, fuzz targets and the tests of `sim::chain` include the same files at their own roots"
)]

mod common;
mod concentrated;
mod fuzzed;
mod kernel;
mod lane;
mod mechanisms;
mod pair;
mod pooled;
mod sequences;
mod tape;
mod touches;
mod vectors;
mod venues;
