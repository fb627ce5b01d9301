//! One decision in a world, and everything that it wrote.

use sim::environment::{Environment, StepOut};

/// Everything that a step wrote.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Step {
    pub(crate) obs: Vec<f32>,
    pub(crate) mask: Vec<f32>,
    pub(crate) last: Vec<f32>,
    pub(crate) reward: f32,
    pub(crate) ends: (bool, bool),
    pub(crate) elapsed: u32,
}

pub(crate) fn step(world: &mut impl Environment, action: &[f32]) -> Step {
    let obs = vec![0.0; world.spec().obs_dim];
    let mask = vec![0.0; world.spec().action.logits()];
    let mut step =
        Step { last: obs.clone(), obs, mask, reward: 0.0, ends: (false, false), elapsed: 0 };
    world.step(
        action,
        StepOut {
            obs: &mut step.obs,
            action_mask: &mut step.mask,
            final_obs: &mut step.last,
            reward: &mut step.reward,
            terminated: &mut step.ends.0,
            truncated: &mut step.ends.1,
            elapsed_blocks: &mut step.elapsed,
        },
    );
    step
}
