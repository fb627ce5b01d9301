//! Mechanisms as transactions: isolated markets, vaults and their auctions, what a Compound code stops, and
//! oracles made of oracles.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod composed_oracles;
mod compound;
mod isolated;
mod random;
mod support;
mod vaults;
