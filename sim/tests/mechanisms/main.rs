//! Mechanisms from specification, as transactions: isolated markets, vaults and their auctions, and
//! oracles made of oracles.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod composed_oracles;
mod isolated;
mod random;
mod support;
mod vaults;
