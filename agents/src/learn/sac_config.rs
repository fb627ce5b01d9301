//! Settings of soft actor-critic ([`super::sac`]).

use serde::{Deserialize, Serialize};

use super::error::LearnError;

/// Settings of soft actor-critic. The defaults are the paper's, but that observations and rewards are
/// normalised, and that a minibatch has 512 transitions, as of every learner here (the paper: 256).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SacConfig {
    /// Names all noise of the learner.
    pub seed: u64,
    /// `Sac::update`s in the whole run, for whoever plays it to its end; the learner itself goes on for ever.
    pub updates: u64,
    /// Decisions of each lane in one update.
    pub rollout_steps: usize,
    /// Gradient steps per decision of a lane.
    pub gradient_steps: usize,
    /// Decisions of each lane that are drawn uniformly before anything is learned.
    pub warm_up_steps: u64,
    /// Transitions remembered.
    pub memory: usize,
    /// Transitions per gradient step.
    pub minibatch: usize,
    /// Width of each of the two hidden layers (ReLU).
    pub width: usize,
    /// Adam's step, of actor, critics and temperature.
    pub learning_rate: f64,
    /// Discount per decision.
    pub gamma: f64,
    /// Share of the way that the slow critics go to the fast ones at a gradient step.
    pub tau: f64,
    /// Entropy to hold, nats per number of an action, of the number between −1 and 1; the paper's is −1.
    pub target_entropy: f64,
    /// First temperature.
    pub temperature: f64,
    /// Gradients are scaled down to this norm.
    pub max_grad_norm: f64,
    /// Normalise observations by the moments of all that was seen so far.
    pub normalise_observations: bool,
    /// Divide rewards by the deviation of the discounted return so far.
    pub normalise_returns: bool,
}

impl Default for SacConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            updates: 1,
            rollout_steps: 100,
            gradient_steps: 1,
            warm_up_steps: 100,
            memory: 1_000_000,
            minibatch: 512,
            width: 256,
            learning_rate: 3e-4,
            gamma: 0.99,
            tau: 0.005,
            target_entropy: -1.0,
            temperature: 1.0,
            max_grad_norm: 1e9,
            normalise_observations: true,
            normalise_returns: true,
        }
    }
}

impl SacConfig {
    /// Refuses settings that cannot train.
    ///
    /// # Errors
    /// [`LearnError::Setting`] with the field's name and what it must be.
    pub fn check(&self) -> Result<(), LearnError> {
        let positive = |v: f64| v.is_finite() && v > 0.0;
        let unit = |v: f64| (0.0..=1.0).contains(&v);
        let rules: [(&'static str, bool, &'static str); 12] = [
            ("updates", self.updates > 0, "at least 1"),
            ("rollout_steps", (1..1 << 24).contains(&self.rollout_steps), "between 1 and 2^24"),
            ("gradient_steps", (1..1 << 12).contains(&self.gradient_steps), "between 1 and 4095"),
            ("memory", self.memory >= self.minibatch, "at least `minibatch`"),
            ("minibatch", self.minibatch > 0, "at least 1"),
            ("width", self.width > 0, "at least 1"),
            ("learning_rate", positive(self.learning_rate), "above 0"),
            ("gamma", unit(self.gamma), "between 0 and 1"),
            ("tau", unit(self.tau) && self.tau > 0.0, "above 0, at most 1"),
            ("target_entropy", self.target_entropy.is_finite(), "a number"),
            ("temperature", positive(self.temperature), "above 0"),
            ("max_grad_norm", positive(self.max_grad_norm), "above 0"),
        ];
        LearnError::refuse(rules)
    }
}
