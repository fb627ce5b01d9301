//! Mechanisms as transactions: isolated markets, vaults and their auctions, what a Compound code stops, and
//! oracles made of oracles.

mod composed_oracles;
mod compound;
mod isolated;
mod random;
mod support;
mod vaults;
