//! One file per subcommand, and the options they share.

pub(crate) mod bench;
pub(crate) mod check;
pub(crate) mod eval;
pub(crate) mod export;
pub(crate) mod replay;
pub(crate) mod run;
pub(crate) mod train;
pub(crate) mod verify;
pub(crate) mod view;

use crate::output::Failure;
use scenarios::load::{Loaded, load};
use std::path::{Path, PathBuf};

/// Cargo features of this binary, for manifests.
pub(crate) const FEATURES: &[&str] = &[
    #[cfg(feature = "learn")]
    "learn",
    #[cfg(feature = "viewer")]
    "viewer",
];

/// More worker threads than this are a typing error.
const MOST_THREADS: usize = 1024;

/// Options of every command that plays a scenario.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Play {
    /// Seed of the run; default 1, or the scenario's where it has its own.
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Worker threads; 0 for one per core. Results do not depend on it.
    #[arg(long, default_value_t = 0)]
    pub(crate) threads: usize,
    /// Override a value of the scenario: `--set train.lanes=16`. May be given repeatedly.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub(crate) set: Vec<String>,
}

impl Play {
    /// Loads a scenario with the overrides.
    pub(crate) fn load(&self, path: &Path) -> Result<Loaded, Failure> {
        Ok(load(path, &self.set)?)
    }

    /// Starts the worker threads; returns how many.
    pub(crate) fn start_threads(&self) -> Result<usize, Failure> {
        if self.threads > MOST_THREADS {
            return Err(Failure::Message(format!(
                "--threads {}: at most {MOST_THREADS}; 0 is one per core",
                self.threads
            )));
        }
        rayon::ThreadPoolBuilder::new()
            .num_threads(self.threads)
            .build_global()
            .map_err(Failure::from_error)?;
        Ok(rayon::current_num_threads())
    }
}

/// The folder to write: as asked for, or the next free name under `runs/`.
pub(crate) fn out_folder(out: Option<&PathBuf>, stem: &str) -> PathBuf {
    out.cloned().unwrap_or_else(|| scenarios::folder::free_name(Path::new("runs"), stem))
}
