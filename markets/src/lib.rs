//! What things are worth and where they trade: units, prices, AMMs, oracles.
//!
//! Pure functions and plain values: no ECS, no files, no threads, no account balances.

pub mod amm;
pub mod book;
pub mod exponent;
pub mod math;
pub mod narrow;
pub mod oracle;
pub mod point_process;
pub mod price;
pub mod reciprocal;
pub mod units;
mod wide;
