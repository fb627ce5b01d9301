//! `ballast liquidate`: a liquidator that learns, held against the scripted one whose seat it takes.

use super::exploit::DEPLOYED;
use super::{Audit, Play};
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
    #[command(flatten)]
    pub(crate) play: Play,
    #[command(flatten)]
    pub(crate) audit: Audit,
    /// Folder to write; it must not exist. Default: the next free name under `runs/`.
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,
    /// Go on with what an interrupted run left in `<out>.partial`.
    #[arg(long, requires = "out")]
    pub(crate) resume: bool,
    /// Where the learner computes: cpu, cuda or cuda:<n>.
    #[arg(long, default_value = "cpu")]
    pub(crate) device: String,
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
