//! `ballast experiment`: from a question in one file to its answer.

use super::Audit;
use crate::output::{Failure, Output, Verdict};
use std::path::PathBuf;

/// Options of `experiment`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Experiment file.
    pub(crate) experiment: PathBuf,
    /// Folder to write; what an earlier call of the same experiment finished there is kept, and what it was
    /// interrupted in goes on. Default: `runs/` and the experiment's name.
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,
    /// Worker threads; 0 for one per core. Results do not depend on it.
    #[arg(long, default_value_t = 0)]
    pub(crate) threads: usize,
    /// Override a value of the scenario in everything that the experiment does. May be given repeatedly.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub(crate) set: Vec<String>,
    #[command(flatten)]
    pub(crate) audit: Audit,
    /// Where the learner computes: cpu, cuda or cuda:<n>.
    #[arg(long, default_value = "cpu")]
    pub(crate) device: String,
}

/// Trains, searches, compares, attacks, answers.
#[cfg(feature = "learn")]
pub(crate) fn run(args: &Args, output: Output) -> Result<Verdict, Failure> {
    crate::training::experiment::run(args, output)
}

/// Says how to get a learner.
#[cfg(not(feature = "learn"))]
pub(crate) fn run(args: &Args, _output: Output) -> Result<Verdict, Failure> {
    Err(super::no_learner(&args.experiment))
}
