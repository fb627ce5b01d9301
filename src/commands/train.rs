//! `ballast train`: from a scenario to a judged, exported policy.

use super::Learning;
use crate::output::{Failure, Output, Verdict};
use std::path::PathBuf;

/// Options of `train`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Scenario file with a `train` section.
    pub(crate) scenario: PathBuf,
    #[command(flatten)]
    pub(crate) learning: Learning,
    /// Stop after training: no search, no evaluation, no report.
    #[arg(long)]
    pub(crate) train_only: bool,
}

/// Trains, searches, evaluates, exports.
#[cfg(feature = "learn")]
pub(crate) fn run(args: &Args, output: Output) -> Result<Verdict, Failure> {
    crate::training::run(args, output)
}

/// Says how to get a learner.
#[cfg(not(feature = "learn"))]
pub(crate) fn run(args: &Args, _output: Output) -> Result<Verdict, Failure> {
    Err(super::no_learner(&args.scenario))
}
