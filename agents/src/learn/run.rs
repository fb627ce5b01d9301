//! A run from its beginning to its end, watched.

use sim::environment::Environment;

use super::error::LearnError;
use super::ppo::{Ppo, UpdateLog};

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Make the next update.
    Continue,
    /// Stop here, in good order.
    Stop,
}

/// Watches a run: draws the bar, writes events, saves checkpoints, evaluates.
pub trait Observer<E: Environment> {
    /// After every update. May save, freeze and score; the run's course depends on none of it.
    ///
    /// # Errors
    /// Ends the run.
    fn on_update(&mut self, log: &UpdateLog, run: &mut Ppo<E>) -> Result<Next, LearnError>;
}

impl<E: Environment, F> Observer<E> for F
where
    F: FnMut(&UpdateLog, &mut Ppo<E>) -> Result<Next, LearnError>,
{
    fn on_update(&mut self, log: &UpdateLog, run: &mut Ppo<E>) -> Result<Next, LearnError> {
        self(log, run)
    }
}

/// An update; what libtorch says when memory is out, by a panic, as an error.
fn update_in_memory<E: Environment>(run: &mut Ppo<E>) -> Result<UpdateLog, LearnError> {
    let checkpoint = run.last_checkpoint.clone();
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
/// Those of [`Ppo::update`] and of the observer.
pub fn train<E: Environment>(
    run: &mut Ppo<E>,
    observer: &mut impl Observer<E>,
) -> Result<(), LearnError> {
    while run.updates_done() < run.config().updates {
        let log = update_in_memory(run)?;
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
