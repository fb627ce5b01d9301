//! What `protocols` promises to those who use it. One binary, so that one link is enough; `cargo test -p protocols
//! vault::` runs one file.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod auctions;
mod common;
mod compound;
mod config;
mod design;
mod invariants;
mod isolated;
mod limits;
mod liquidation;
mod margin_desk;
mod modes;
mod perpetual;
mod risk;
mod vault;
