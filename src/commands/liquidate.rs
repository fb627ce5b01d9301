//! `ballast liquidate`: a liquidator that learns, held against the scripted one whose seat it takes.

use super::Learning;
use super::exploit::DEPLOYED;
use crate::output::{Failure, Output, Verdict};
use std::path::PathBuf;

/// Options of `liquidate`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Scenario file with a `train` section: its seeds, lanes, budget and learner are this one's too.
    pub(crate) scenario: PathBuf,
    /// Who manages risk: a policy bundle (a folder), or `deployed`.
    #[arg(long, default_value = DEPLOYED)]
    pub(crate) policy: PathBuf,
    /// An attacker learns at the same time, for its own profit; it waits so many hours at the start of each episode.
    #[arg(long, value_name = "HOURS")]
    pub(crate) attacker_after: Option<f64>,
    #[command(flatten)]
    pub(crate) learning: Learning,
}

/// Trains, compares, stores what was learned.
#[cfg(feature = "learn")]
pub(crate) fn run(args: &Args, output: Output) -> Result<Verdict, Failure> {
    crate::training::liquidate::run(args, output)
}

/// Says how to get a learner.
#[cfg(not(feature = "learn"))]
pub(crate) fn run(args: &Args, _output: Output) -> Result<Verdict, Failure> {
    Err(super::no_learner(&args.scenario))
}
