//! The chain, the clock and the crowd.
//!
//! - [`chain`]: everything a transaction can change, as one value.
//! - [`schedule`] and [`systems`]: a block, in order, in two halves that meet where the policy sits.
//! - [`lane`] and [`lanes`]: one world, and many of them stepped together.
//! - [`rng`]: randomness by address. [`tape`]: replay without agents. [`reproduce`]: broken invariants, again. [`snapshot`]: resume.
//!
//! A world is composed by a [`lane::LaneSetup`]; participants only ever submit transactions to the
//! [`actor::Outbox`].

// Tests inside share a world with those outside.
#[cfg(test)]
extern crate self as sim;

pub mod action;
pub mod actor;
pub mod audit;
pub mod builder;
pub mod chain;
pub mod config;
pub mod environment;
pub mod exchange;
pub mod factors;
pub mod further;
pub mod lane;
pub mod lanes;
pub mod mempool;
pub mod metrics;
pub mod observe;
pub mod perpetuals;
pub mod prices;
pub mod record;
pub mod reproduce;
pub mod reward;
pub mod rng;
pub mod schedule;
pub mod score;
pub mod snapshot;
pub mod systems;
pub mod tape;
pub mod views;
pub mod worth;
