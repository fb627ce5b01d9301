//! The command line from outside: what it prints, leaves behind and returns.

mod bad_input;
mod baselines;
mod bundles;
mod determinism;
mod economics;
mod goldens;
mod questions;
mod reproduction;
mod support;
#[cfg(feature = "learn")]
mod templates;
#[cfg(feature = "learn")]
mod training;
