//! The Compound market: roundings, codes and reverts, properties.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod world;
