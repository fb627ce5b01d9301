//! A run from its beginning to its end, watched.

use std::path::Path;

use sim::environment::Environment;
use sim::lanes::Lanes;

use super::checkpoint::Best;
use super::error::LearnError;
use super::log::UpdateLog;
use crate::frozen::FrozenPolicy;

/// A training run of some algorithm, as whoever watches it needs it.
pub trait Learner {
    /// What is played.
    type World: Environment;

    /// Plays and learns once.
    ///
    /// # Errors
    /// A value of a world or of a network is no longer finite, or nothing can be done.
    fn update(&mut self) -> Result<UpdateLog, LearnError>;
    /// Updates in the whole run.
    fn updates(&self) -> u64;
    /// Updates done.
    fn updates_done(&self) -> u64;
    /// Decisions taken, all lanes.
    fn decisions(&self) -> u64;
    /// The worlds that are played.
    fn lanes(&self) -> &Lanes<Self::World>;
    /// The policy of this moment, in plain Rust.
    ///
    /// # Errors
    /// The network is no longer finite.
    fn policy(&self, name: &str) -> Result<FrozenPolicy, LearnError>;
    /// Keeps the policy of this moment if `score` beats all before; says whether it did.
    fn consider_best(&mut self, score: f64) -> bool;
    /// The best policy considered so far, if any.
    fn best(&self) -> Option<&Best>;
    /// The best policy considered so far in plain Rust, or the present one if none was.
    ///
    /// # Errors
    /// The network is no longer finite.
    fn best_policy(&self, name: &str) -> Result<FrozenPolicy, LearnError>;
    /// The caller's own bytes in the checkpoint.
    fn note(&self) -> &[u8];
    /// Keeps bytes of the caller's in every later checkpoint.
    fn set_note(&mut self, note: Vec<u8>);
    /// Writes a checkpoint, whole or not at all.
    ///
    /// # Errors
    /// The file system's.
    fn save_checkpoint(&mut self, path: &Path) -> Result<(), LearnError>;
    /// The last checkpoint written, or resumed from.
    fn last_checkpoint(&self) -> Option<&Path>;
}

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Make the next update.
    Continue,
    /// Stop here, in good order.
    Stop,
}

/// Watches a run: draws the bar, writes events, saves checkpoints, evaluates.
pub trait Observer<L: Learner> {
    /// After every update. May save, freeze and score; the run's course depends on none of it.
    ///
    /// # Errors
    /// Ends the run.
    fn on_update(&mut self, log: &UpdateLog, run: &mut L) -> Result<Next, LearnError>;
}

impl<L: Learner, F> Observer<L> for F
where
    F: FnMut(&UpdateLog, &mut L) -> Result<Next, LearnError>,
{
    fn on_update(&mut self, log: &UpdateLog, run: &mut L) -> Result<Next, LearnError> {
        self(log, run)
    }
}

/// One update; what libtorch says when memory is out, by a panic, as an error.
///
/// # Errors
/// Those of [`Learner::update`], and [`LearnError::OutOfMemory`].
pub fn update<L: Learner>(run: &mut L) -> Result<UpdateLog, LearnError> {
    let checkpoint = run.last_checkpoint().map(Path::to_owned);
    let update = std::panic::AssertUnwindSafe(|| run.update());
    let updated = std::panic::catch_unwind(update).unwrap_or_else(|panic| {
        let memory = out_of_memory(&*panic);
        let Some(said) = memory else { std::panic::resume_unwind(panic) };
        Err(LearnError::OutOfMemory { said, checkpoint: None })
    });
    updated.map_err(|error| error.after(checkpoint))
}

/// The line of a panic in which libtorch says that memory is out, on a processor or a device.
fn out_of_memory(panic: &(dyn std::any::Any + Send)) -> Option<String> {
    let text = panic.downcast_ref::<String>()?;
    let says =
        |line: &&str| line.contains("out of memory") || line.contains("can't allocate memory");
    text.lines().find(says).map(|line| line.trim().to_owned())
}

/// Updates until the configured number is done or the observer stops.
///
/// # Errors
/// Those of [`Learner::update`] and of the observer.
pub fn train<L: Learner>(run: &mut L, observer: &mut impl Observer<L>) -> Result<(), LearnError> {
    while run.updates_done() < run.updates() {
        let log = update(run)?;
        if observer.on_update(&log, run)? == Next::Stop {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind, Tensor};

    #[test]
    fn a_panic_of_libtorchs_allocator_is_told_from_others() {
        let panic = |run: fn()| std::panic::catch_unwind(run).expect_err("it panics");
        let memory = panic(|| drop(Tensor::zeros([1 << 46], (Kind::Float, Device::Cpu))));
        let said = out_of_memory(&*memory).expect("memory is out");
        assert!(said.contains("can't allocate memory"), "{said}");
        let shapes = panic(|| drop(Tensor::zeros([2], (Kind::Float, Device::Cpu)).view([3])));
        assert_eq!(out_of_memory(&*shapes), None);
    }
}
