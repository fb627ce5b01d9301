//! The command line from outside: what it prints, leaves behind and returns.

#[cfg(feature = "learn")]
mod adversaries;
mod bad_input;
mod baselines;
mod bundles;
mod determinism;
mod economics;
#[cfg(feature = "learn")]
mod experiments;
mod goldens;
mod questions;
mod reproduction;
mod support;
#[cfg(feature = "learn")]
mod templates;
#[cfg(feature = "learn")]
mod training;
