//! What is run: scenario files, their checks, assembly into worlds, run records, comparisons.
//!
//! - [`schema`]: the scenario file. [`load`]: overrides, typed parse, semantic checks.
//! - [`assemble`]: from a scenario to worlds. [`episode`]: playing one, with or without a record.
//! - [`books`]: limit order books at the exchange. [`perpetuals`]: perpetual futures and their participants.
//!   [`other`]: the frozen policy beside the one that learns.
//! - [`manifest`], [`folder`], [`table`]: what a run leaves behind. [`reproduction`]: what a fault leaves.
//! - [`positions`]: accounts that are there before the first block. [`impact`]: who a change would hit.
//! - [`klines`]: candles from CSV and Parquet. [`calibrate`]: fits of price processes to them.
//! - [`arena`], [`search`], [`aim`], [`evaluate`], [`report`]: policies against each other. [`exploit`]: against attackers
//!   made for them. [`liquidation`]: liquidators that learn. [`experiment`]: all of it from one file.
//!   [`levels`]: worlds of a curriculum. [`held_out`], [`shift`]: worlds that training never sees.

pub mod aim;
pub mod among;
pub mod arena;
pub mod assemble;
pub mod books;
pub mod calibrate;
pub mod card;
pub mod cascade;
mod check;
pub mod cohorts;
pub mod crowd;
pub mod dates;
pub mod episode;
pub mod evaluate;
pub mod experiment;
pub mod exploit;
pub mod factors;
pub mod fit;
pub mod folder;
mod genesis;
pub mod held_out;
pub mod hunt;
pub mod impact;
pub mod incident;
pub mod klines;
pub mod levels;
pub mod liquidation;
pub mod load;
pub mod manifest;
pub mod other;
mod paths;
pub mod perpetuals;
pub mod positions;
pub mod problem;
mod process;
pub mod receipts;
pub mod report;
pub mod reproduction;
pub mod schema;
pub mod search;
pub mod shift;
pub mod stage;
pub mod statics;
pub mod stats;
pub mod table;
pub mod templates;
pub mod totals;
mod tree;
pub mod windows;

pub use genesis::AssembleError;
