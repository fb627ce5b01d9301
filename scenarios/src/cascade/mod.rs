//! Cascades: prices fall along a record, borrowers defend themselves or do not, keepers liquidate what pays.
//!
//! A cascade goes on from a stage's timeline, on the same chain. What a keeper may do is bounded by what it
//! can sell: seized collateral goes into a market that moves by one percent for every `depth_usd` sold,
//! recovers with a half-life, and is thinner the faster prices fell within the last hour. A keeper repays as
//! much as still pays after that. Whether it has sold is its own affair: only the repayment and the seizure
//! are transactions.
//!
//! The null model has the same book and none of that: whoever is under water at the recorded price is
//! liquidated at once, and everything sells at the recorded price.

mod auctions;
mod book;
mod keepers;
mod run;
mod schema;

pub(crate) use book::enrol;
pub(crate) use run::run;
pub use schema::*;
