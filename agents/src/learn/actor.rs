//! From a network's outputs to actions: choices or numbers, whichever the environment takes.

use rand::Rng;
use sim::environment::ActionSpace;
use tch::Device;

use super::error::LearnError;
use super::heads::Heads;
use super::noise::uniform;
use super::squashed::Squashed;
use crate::bounds::Bounds;

/// The kind of a policy's actions.
#[derive(Debug)]
pub(super) enum Actor {
    Choices(Heads),
    Numbers(Squashed),
}

impl Actor {
    /// # Errors
    /// Bounds that are none.
    pub(super) fn new(action: &ActionSpace, device: Device) -> Result<Self, LearnError> {
        Ok(match action {
            ActionSpace::MultiDiscrete { heads } => Self::Choices(Heads::new(heads)),
            ActionSpace::Continuous { low, high } => {
                let bounds = Bounds::new(low, high).map_err(LearnError::Bounds)?;
                Self::Numbers(Squashed::new(bounds, device))
            }
        })
    }

    /// Draws one action `[K]`, and into `drawn` `[K]` what its probability is asked of later: a choice itself,
    /// or a number before it is squashed. `outputs` and `mask` are `[L]`; returns the log-probability.
    ///
    /// # Errors
    /// The first head without a legal choice.
    pub(super) fn sample(
        &self,
        outputs: &[f32],
        log_std: &[f32],
        mask: &[f32],
        drawn: &mut [f32],
        action: &mut [f32],
        rng: &mut impl Rng,
    ) -> Result<f32, usize> {
        match self {
            Self::Choices(heads) => {
                let log_prob = heads.sample(outputs, mask, action, || uniform(rng))?;
                drawn.copy_from_slice(action);
                Ok(log_prob)
            }
            Self::Numbers(numbers) => {
                Ok(numbers.sample(outputs, log_std, mask, drawn, action, rng))
            }
        }
    }

    /// The first head whose choice in `action` `[K]` is not legal by `mask` `[L]`; numbers are never refused.
    pub(super) fn illegal(&self, mask: &[f32], action: &[f32]) -> Option<usize> {
        match self {
            Self::Choices(heads) => heads.illegal(mask, action),
            Self::Numbers(_) => None,
        }
    }
}
