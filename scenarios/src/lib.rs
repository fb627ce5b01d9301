//! What is run: scenario files, their checks, assembly into worlds, run records, comparisons.
//!
//! - [`schema`]: the scenario file. [`load`]: overrides, typed parse, semantic checks.
//! - [`assemble`]: from a scenario to worlds. [`episode`]: playing one, with or without a record.
//! - [`manifest`], [`folder`], [`table`]: what a run leaves behind. [`reproduction`]: what a fault leaves.
//! - [`klines`]: candles from CSV and Parquet. [`calibrate`]: fits of price processes to them.
//! - [`arena`], [`search`], [`evaluate`], [`report`]: policies against each other.

pub mod arena;
pub mod assemble;
pub mod calibrate;
pub mod card;
mod check;
pub mod cohorts;
pub mod dates;
pub mod episode;
pub mod evaluate;
pub mod folder;
mod genesis;
pub mod klines;
pub mod load;
pub mod manifest;
mod paths;
pub mod problem;
mod process;
pub mod receipts;
pub mod report;
pub mod reproduction;
pub mod schema;
pub mod search;
pub mod statics;
pub mod stats;
pub mod table;
pub mod totals;
mod tree;
pub mod windows;

pub use genesis::AssembleError;
